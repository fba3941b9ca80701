"""Helpers that several test folders share: makers of results, tables of rules, histories of writes, SQL, a server.

`tests` is an import root (pyproject.toml), so a test says ``from support.helpers import bucket``.
"""
