"""Results and commits as values, and the format of the API's response."""
