"""Buckets as JSON, written straight from their columns: no dict is made for a bucket."""

from typing import Any, Final

from bucketquery.answers.buckets import _COLUMNS, _columns
from bucketquery.answers.common import Documents
from bucketquery.model.encoding import encoded, encoded_columns
from bucketquery.model.schema import Array
from bucketquery.results.response_format import simple_buckets
from bucketquery.storage.selection import Selection

_MARK: Final[Any] = "\0"


#: What stands in the JSON of a bucket with nothing nested before its job and before, between and behind its values.
_PLAIN: Final = encoded(simple_buckets(_MARK, [(_MARK,) * len(_COLUMNS)])[0]).split(encoded(_MARK))


#: Fewer buckets than this are JSON as quickly by way of dicts.
_FEW: Final = 20


#: Whether buckets with nothing nested become JSON without becoming dicts first, which changes only how long it takes.
_straight: bool = True


def columnar_buckets_json(job_id: str, rows: Selection, documents: Documents) -> bytes | None:
    """What `bucket_bodies` gives as JSON, straight from the columns; None where that has to be made of bodies.

    That is where anything is nested, or rows are so few that dicts are as quick.
    """
    if not _straight or len(rows) < _FEW or any(documents["bucket_influencers"]) or any(rows.lists("scheduled_events")):
        return None
    before_job, before_first, *behind = _PLAIN
    # What is the same in all rows, as the span mostly is, becomes a part of the text between the others.
    columns = [column[:1] if _is_constant(column) else column for column in _columns(rows)]
    between, varying = [before_job + encoded(job_id) + before_first], []
    for values, text in zip(encoded_columns(columns), behind, strict=True):
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
    """Whether all values are the same, to the bit. It compares bytes, since comparing numbers takes longer."""
    stored = values.tobytes()
    return stored == stored[: values.itemsize] * len(values)
