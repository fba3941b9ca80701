"""Entity filters, the parameter ``where`` of a query, read over single results.

`meets` judges a record or an influencer. A bucket is judged by its records, so `witnessed` finds the instants that have
a witness.

Not here: checking a filter (`bucketquery.queries.where`), and the other conditions of a query (`reference`).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bucketquery.queries.queries import AnyQuery
from bucketquery.queries.where import Value, Where
from bucketquery.testing.shapes import Document
from bucketquery.testing.values import plain, timestamp_ms

Moment = tuple[str, int]
"""A job and a timestamp in epoch milliseconds."""

#: The fields of each kind that a filter names. Any other name is that of a data field.
FILTER_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "record": (
        "by_field_name",
        "by_field_value",
        "over_field_name",
        "over_field_value",
        "partition_field_name",
        "partition_field_value",
        "function",
        "function_description",
        "field_name",
        "detector_index",
    ),
    "influencer": ("influencer_field_name", "influencer_field_value"),
}

#: The pairs of a field name and a field value that each kind has, by the beginning of their keys.
_PAIRS: Final[Mapping[str, tuple[str, ...]]] = {"record": ("by", "over", "partition"), "influencer": ("influencer",)}


def meets(document: Document, kind: str, where: Where) -> bool:
    """Whether a record or an influencer has, in every field, one of the values.

    Source: docs/semantics/filters.md, 20.where, 20.where-fields and 20.where-values.

    >>> meets({"function": "mean"}, "record", (("function", ("mean", "rare")), ("host.name", (None,))))
    True
    """
    return all(any(value in values for value in _held(document, kind, name)) for name, values in where)


def witnessed(records: Iterable[Document], query: AnyQuery) -> set[Moment]:
    """The job and the timestamp of each witness: a record that lets the buckets there pass the filter of a query.

    Args:
        records: stored records.
        query: the query. Its filter and ``exclude_interim`` count, its window and its threshold do not.

    Source: docs/semantics/filters.md, 20.where-buckets.

    >>> from bucketquery import BucketQuery
    >>> record = {"job_id": "web", "timestamp": 0, "function": "mean"}
    >>> witnessed([record], BucketQuery(jobs="web", where={"function": "mean"}))
    {('web', 0)}
    """
    return {
        (plain(record["job_id"]), timestamp_ms(record))
        for record in records
        if meets(record, "record", query.where)
        if not (query.exclude_interim and plain(record.get("is_interim")))
    }


def _held(document: Document, kind: str, name: str) -> list[Value]:
    """The values that a result has in a field; only None if it misses the field."""
    if name in FILTER_FIELDS[kind]:
        value = plain(document.get(name))
        # A missing detector_index counts as 0, as in the identity.
        return [0 if name == "detector_index" and value is None else value]
    pairs = [(_part(document, pair, "name"), _part(document, pair, "value")) for pair in _PAIRS[kind]]
    return [value for field, value in pairs if field == name and value is not None] or [None]


def _part(document: Document, pair: str, part: str) -> Any:
    return plain(document.get(f"{pair}_field_{part}"))
