"""The model: kinds of results, instants, numbers and text, and the base classes of immutable values."""
