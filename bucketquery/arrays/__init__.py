"""Pure functions of arrays: sorted arrays, and ranking."""
