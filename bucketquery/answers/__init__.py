"""Answers: the results of a search as values, arrays, response bodies and JSON."""
