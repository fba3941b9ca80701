"""Jobs: the catalogue of all of them, and the results of many as one table."""
