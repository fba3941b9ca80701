"""What was found, as values, arrays and the API's own response bodies."""
