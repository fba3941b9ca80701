"""Answers: the results of a search as values, arrays, response objects and JSON."""
