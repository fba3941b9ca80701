"""Searches: they find the rows of a resolved query's page in order, and the exact count. They read only arrays."""
