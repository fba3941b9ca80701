"""Pure functions of arrays: searches in sorted arrays, and ranking."""
