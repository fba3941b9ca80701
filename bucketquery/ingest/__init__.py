"""Documents and columns on their way in: read, checked, copied, and made into segments."""
