"""Ingest: documents and columns are read, checked, copied, and made into segments."""
