"""What the words mean: kinds of results, instants, questions and values. Imports nothing of the library but its errors."""
