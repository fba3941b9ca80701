"""Questions as SQL, for SQLite and DuckDB: over a table ``buckets`` with a column for each field."""

from collections.abc import Sequence
from typing import Any

from benchmarks.workloads import ResolvedQuery


def where(question: ResolvedQuery, final: str) -> tuple[str, list[Any]]:
    """The conditions of a question, and the values of their placeholders.

    Args:
        question: the question.
        final: the database's condition for final buckets.
    """
    bounds = [
        ("timestamp >= ?", question.start),
        ("timestamp < ?", question.end),
        ("anomaly_score >= ?", question.threshold if question.threshold > 0 else None),
    ]
    conditions = [condition for condition, value in bounds if value is not None]
    values = [value for _, value in bounds if value is not None]
    if question.final_only:
        conditions.append(final)
    return (f" where {' and '.join(conditions)}" if conditions else ""), values


def order(question: ResolvedQuery) -> str:
    """The order of a question. Ties are ordered by time, in the same direction."""
    direction = "desc" if question.desc else "asc"
    keys = dict.fromkeys((question.sort, "timestamp"))
    return f" order by {', '.join(f'{key} {direction}' for key in keys)}"


def columns_of(names: Sequence[str]) -> str:
    """Column names as the list of a statement."""
    return ", ".join(names)
