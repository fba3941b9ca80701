"""Questions as values, and what their parameters may be."""
