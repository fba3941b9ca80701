"""Columnar JSON: buckets written from their columns, without a dict for each bucket."""

from typing import Any, Final

from bucketquery.answers.buckets import COLUMNS, columns_of
from bucketquery.answers.common import DisplayFields
from bucketquery.model.encoding import json_bytes, json_columns
from bucketquery.model.schema import EVENT_INGESTED, Array
from bucketquery.results.response_format import add_event, simple_buckets
from bucketquery.search.job_rows import AnyRows

_MARK: Final[Any] = "\0"


def _cut(*, with_event: bool) -> list[bytes]:
    """The JSON of a simple bucket, cut at its values: the text before its job, before its first column, and after each.

    The instant at which it was written is its last value if it has an event.
    """
    (bucket,) = simple_buckets(_MARK, [(_MARK,) * len(COLUMNS)])
    if with_event:
        add_event(bucket, _MARK)
    return json_bytes(bucket).split(json_bytes(_MARK))


_SIMPLE: Final = _cut(with_event=False)
_WITH_EVENT: Final = _cut(with_event=True)

#: For fewer buckets than this, JSON from dicts is as fast.
_FEW: Final = 20


def columnar_buckets_json(job_id: str, rows: AnyRows, display: DisplayFields) -> bytes | None:
    """The JSON of the result of `bucket_objects`, written from the columns.

    Args:
        job_id: the job of all buckets.
        rows: the buckets, in this order.
        display: their display fields.

    Returns:
        None if any bucket has nested values, if only some of them have an event, or if there are fewer than `_FEW`
        buckets.
    """
    if len(rows) < _FEW or any(display["bucket_influencers"]) or any(rows.lists("scheduled_events")):
        return None
    columns, text_between = columns_of(rows), _SIMPLE
    if rows.may_have(EVENT_INGESTED):
        instants, present = rows.instants(EVENT_INGESTED)
        if present.all():
            columns, text_between = [*columns, instants], _WITH_EVENT
        elif present.any():
            return None
    before_job, before_first, *behind = text_between
    # A column with one distinct value, such as the span, becomes part of the text between the other columns.
    columns = [column[:1] if _is_constant(column) else column for column in columns]
    between, varying = [before_job + json_bytes(job_id) + before_first], []
    for values, text in zip(json_columns(columns), behind, strict=True):
        if len(values) == 1:
            between[-1] += values[0] + text
        else:
            varying.append(values)
            between.append(text)
    first, *inner, last = between
    pieces = [piece for text in (last + b"," + first, *inner) for piece in (text, b"")] * len(rows)
    for at, values in enumerate(varying):
        pieces[2 * at + 1 :: 2 * len(varying)] = values
    pieces[0] = b"[" + first
    pieces.append(last + b"]")
    return b"".join(pieces)


def _is_constant(values: Array) -> bool:
    """Whether all values have the same bytes, which are faster to compare than numbers."""
    stored = values.tobytes()
    return stored == stored[: values.itemsize] * len(values)
