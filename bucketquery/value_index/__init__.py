"""Value indexes: the rows of a column by value."""
