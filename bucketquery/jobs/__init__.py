"""Jobs: the catalogue of all jobs, and the results of many jobs as one table."""
