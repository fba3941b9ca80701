"""Queries as values, and the reading of their parameters."""
