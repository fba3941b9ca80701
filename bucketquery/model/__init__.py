"""What the words mean: kinds of results, instants, questions and values."""
