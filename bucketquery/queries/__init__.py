"""Queries as values, and the functions that read their parameters."""
