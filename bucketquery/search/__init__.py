"""Which rows a question means, in which order: positions and an exact count, decided on arrays alone."""
