"""Questions as SQL: what SQLite and DuckDB are asked alike, over a table ``buckets`` with a column for each field."""

from collections.abc import Sequence
from typing import Any

from benchmarks.workloads import ResolvedQuery


def where(question: ResolvedQuery, final: str) -> tuple[str, list[Any]]:
    """The conditions of a question, with the values of their placeholders; ``final`` is how a database says that."""
    asked = [
        ("timestamp >= ?", question.start),
        ("timestamp < ?", question.end),
        ("anomaly_score >= ?", question.threshold if question.threshold > 0 else None),
    ]
    conditions = [condition for condition, value in asked if value is not None]
    values = [value for _, value in asked if value is not None]
    if question.final_only:
        conditions.append(final)
    return (f" where {' and '.join(conditions)}" if conditions else ""), values


def order(question: ResolvedQuery) -> str:
    """The order of a question, ties by time in its direction."""
    direction = "desc" if question.desc else "asc"
    keys = dict.fromkeys((question.sort, "timestamp"))
    return f" order by {', '.join(f'{key} {direction}' for key in keys)}"


def columns_of(names: Sequence[str]) -> str:
    """Names as a list in a statement."""
    return ", ".join(names)
