"""Which rows a question means, in which order: those of the page and an exact count, decided on arrays alone."""
