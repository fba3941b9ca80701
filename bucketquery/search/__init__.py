"""Searches: from a resolved query to the rows of its page, in order, and the exact count, by arrays alone."""
