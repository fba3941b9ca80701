"""Results as values, and the format of the API's response."""
