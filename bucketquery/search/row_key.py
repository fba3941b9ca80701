"""Row keys of single results, and the boundary that a row key draws through the rows of a table.

A key holds values, not a row number. So it is valid in every commit, even after its result was deleted. The rows
*behind* a boundary come after the key in an order.
"""

from bisect import bisect_left
from collections.abc import Sequence
from hashlib import blake2b
from math import ceil, isnan
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from bucketquery.model.schema import JOB_LABEL, Array, Bools, Int64s, Objects, Type, UInt32s
from bucketquery.model.text import LONGEST_JOB_ID
from bucketquery.search.order import Order, SortColumn
from bucketquery.search.window import Window
from bucketquery.storage.keywords import MISSING
from bucketquery.storage.segment import Segment
from bucketquery.storage.view import View

_new_tuple: Final = tuple.__new__

#: The length of a digest in a cursor.
DIGEST_BYTES: Final = 8
_LARGEST_LABEL: Final = 2**32 - 1
_GREATEST_CHARACTER: Final = chr(0x10FFFF)


class CutText(NamedTuple):
    """A text that is too long for a cursor: its beginning, and a digest of the whole text."""

    beginning: str
    digest: bytes


#: A value of a row key; None if it is missing.
Value = int | float | bool | str | CutText | None


class RowKey(NamedTuple):
    """The values that decide the place of one result in an order.

    Attributes:
        values: a value for each column of the order.
        job_id: the job of the result, or the beginning of its id if that was cut.
        job_digest: the digest of an id that was cut; None: the whole id is here.
    """

    values: tuple[Value, ...]
    job_id: str
    job_digest: bytes | None = None

    @classmethod
    def of(cls, order: Order, segment: Segment, row: int, job_id: str) -> "RowKey":
        """The key of a row of a segment. The segment has masks, or no integer is missing."""
        return cls(tuple([_value(segment, row, column, desc=order.desc) for column in order.columns]), job_id)

    @property
    def has_cut_text(self) -> bool:
        """Whether a text was cut."""
        return CutText in map(type, self.values)

    def is_at_or_behind(self, other: "RowKey", order: Order) -> bool:
        """Whether this key is another one or comes behind it. False if a cut text leaves that open."""
        if self == other:
            return True
        if self.has_cut_text or other.has_cut_text:
            return False
        mine: tuple[Value, ...] = self.values
        others: tuple[Value, ...] = other.values
        if order.job_leads:
            mine, others = (self.job_id, *mine), (other.job_id, *others)
        else:
            mine, others = (*mine, self.job_id), (*others, other.job_id)
        # The keys differ, so at least one pair of values differs.
        first = [here != there for here, there in zip(mine, others, strict=True)].index(True)
        here: Any = mine[first]
        there: Any = others[first]
        return here is None or (there is not None and (here > there) != order.desc)


class Boundary(NamedTuple):
    """A row key as the boundary before the rows of a table that come behind it.

    Attributes:
        order: the order.
        key: the key.
        ties: whether rows that tie with all values of the key come behind it, because of their job.
        label: the label of the key's job in a combined table; None for the table of one job. If the table has no such
            job, a number between the labels of its neighbours.
    """

    order: Order
    key: RowKey
    ties: bool
    label: float | None

    @classmethod
    def of(cls, order: Order, key: RowKey, job_id: str) -> "Boundary":
        """The boundary for the table of a job."""
        comes_behind = not order.job_leads and (job_id < key.job_id if order.desc else job_id > key.job_id)
        # This does the same as the constructor, in half the time.
        return _new_tuple(cls, (order, key, comes_behind, None))

    @classmethod
    def of_label(cls, order: Order, key: RowKey, label: float) -> "Boundary":
        """The boundary for combined tables, whose order has the label of the job as its last column."""
        return cls(order, RowKey((*key.values, label), key.job_id), False, label)  # noqa: FBT003 - no row ties

    @property
    def lead(self) -> Value:
        """The value of the leading column."""
        return self.key.values[0]

    def is_before(self, view: View, rows: Array) -> Bools:
        """Which rows of a view come behind the key, shape (r,)."""
        is_head = rows >= view.base.length
        if not is_head.any():
            return self.is_before_rows(view.base, rows)
        behind = np.empty(len(rows), dtype=np.bool_)
        behind[~is_head] = self.is_before_rows(view.base, rows[~is_head])
        behind[is_head] = self.is_before_rows(view.head, rows[is_head] - view.base.length)
        return behind

    def is_before_rows(self, segment: Segment, rows: Array) -> Bools:
        """Which rows of a segment come behind the key, shape (r,). A column is read at tied rows only."""
        behind = np.zeros(len(rows), dtype=np.bool_)
        tied: Int64s | slice = slice(None)
        for column, value in zip(self.order.columns, self.key.values, strict=True):
            among = rows[tied]
            if not len(among):
                return behind
            is_behind, is_tied = _compared(segment, among, column, value, desc=self.order.desc)
            behind[tied] = is_behind
            tied = is_tied.nonzero()[0] if isinstance(tied, slice) else tied[is_tied]
        behind[tied] = self.ties
        return behind

    def edge(self, segment: Segment) -> int:
        """The first row of a segment behind the key in identity order; if descending, the row after the last one.

        O(log n). It requires buckets.
        """
        # The identity is last. If there is a sort column, it comes before.
        timestamp: Any
        span: Any
        timestamp, span = self.key.values[-2:] if self.label is None else self.key.values[-3:-1]
        if self.order.columns[0].name == "bucket_span":
            timestamp, span = span, timestamp
        length = segment.length
        timestamps = segment.columns["timestamp"][:length]
        low = int(timestamps.searchsorted(timestamp))
        if low == length or timestamps.item(low) != timestamp:
            return low
        desc = self.order.desc
        if low + 1 == length or timestamps.item(low + 1) != timestamp:
            # Most buckets are the only ones at their instant. Then two reads take less time than two searches.
            found: int = segment.columns["bucket_span"].item(low)
            if found != span:
                return low + int(found < span)
            stop = low + 1
        else:
            stop = int(timestamps.searchsorted(timestamp, "right"))
        ties = self.ties
        if self.label is not None:
            spans = segment.column("bucket_span")[low:stop]
            first, last = _place(spans, span, "left"), _place(spans, span, "right")
            labels = segment.column(JOB_LABEL)[low + first : low + last]
            return low + first + _place(labels, self.label, "left" if desc else "right")
        if stop == low + 1:
            return low + int(ties == desc)
        spans = segment.column("bucket_span")[low:stop]
        return low + int(spans.searchsorted(span, "left" if ties != desc else "right"))

    def rank(self, view: View) -> int:
        """How many rows of a view come before its `edge` in identity order."""
        row = self.edge(view.base)
        rank = row - int(view.deleted.searchsorted(row)) if len(view.deleted) else row
        return rank + self.edge(view.head) if view.head.length else rank

    def narrowed(self, window: Window) -> Window:
        """The rows of a window behind the key, by identity order."""
        view, base, head, deleted = window
        row, head_row = self.edge(view.base), self.edge(view.head)
        if self.order.desc:
            base = slice(base.start, max(base.start, min(base.stop, row)))
            head = slice(head.start, max(head.start, min(head.stop, head_row)))
        else:
            base = slice(min(base.stop, max(base.start, row)), base.stop)
            head = slice(min(head.stop, max(head.start, head_row)), head.stop)
        return Window(view, base, head, deleted[deleted.searchsorted(base.start) : deleted.searchsorted(base.stop)])


def _place(ascending: UInt32s, wanted: float, side: Literal["left", "right"]) -> int:
    """The place of a number among unsigned ones. A number of the same type keeps NumPy from casting all of them."""
    whole = ceil(wanted)
    if not 0 <= whole <= _LARGEST_LABEL:
        return 0 if whole < 0 else len(ascending)
    return int(ascending.searchsorted(np.uint32(whole), side if whole == wanted else "left"))


def _value(segment: Segment, row: int, column: SortColumn, *, desc: bool) -> Value:
    """The value of a row that an order compares."""
    name, of = column.name, column.type
    if of is Type.KEYWORDS:
        (keywords,) = segment.lists_at(name, np.array([row]))
        return (max if desc else min)(keywords) if keywords else None
    if of is Type.INSTANT:
        instants, present = _instants(segment, name, np.array([row]))
        return instants.item(0) if present.item(0) else None
    value: Any = segment.columns[name].item(row)
    if of is Type.KEYWORD:
        return None if value == MISSING else segment.dictionary(name)[value]
    if of is Type.DOUBLE:
        return None if isnan(value) else value
    present_rows = segment.present.get(name) if column.puts_missing_last else None
    return value if present_rows is None or present_rows[row] else None


def digest_of(text: str) -> bytes:
    """The digest of a text in a cursor.

    >>> digest_of("web").hex()
    '508009649aa59674'
    """
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


def completed(key: RowKey, order: Order, views: list[View]) -> RowKey:
    """The key with each cut text replaced by the whole text, if a row of some views has it."""
    values = list(key.values)
    for number, column in enumerate(order.columns):
        value = values[number]
        if isinstance(value, CutText):
            found = (_whole_text(segment, dead, column, value) for view in views for segment, dead in _segments(view))
            values[number] = next((text for text in found if text is not None), value)
    return RowKey(tuple(values), key.job_id)


def with_whole_job(key: RowKey, known: Sequence[str], *, desc: bool) -> RowKey:
    """The key with a whole job id in place of a cut one.

    Args:
        key: a key with a cut id.
        known: the ids of the known jobs, in order. If none of them has the digest, the id comes behind all jobs with
            its beginning.
        desc: whether the order is descending.
    """
    beginning, digest = key.job_id, key.job_digest
    for rank in range(bisect_left(known, beginning), len(known)):
        job_id = known[rank]
        if not job_id.startswith(beginning):
            break
        if digest_of(job_id) == digest:
            return RowKey(key.values, job_id)
    return RowKey(key.values, beginning if desc else beginning + _GREATEST_CHARACTER * LONGEST_JOB_ID)


def _segments(view: View) -> tuple[tuple[Segment, Int64s], tuple[Segment, Int64s]]:
    return (view.base, view.deleted), (view.head, view.deleted[:0])


def _whole_text(segment: Segment, deleted: Int64s, column: SortColumn, cut: CutText) -> str | None:
    """The text of a row that is not deleted and has a cut text; None if no row has it."""
    is_alive = np.ones(segment.length, dtype=np.bool_)
    is_alive[deleted] = False
    if column.type is Type.KEYWORDS:
        lists = segment.lists_at(column.name, is_alive.nonzero()[0])
        texts = {text for some in lists for text in some if text.startswith(cut.beginning)}
        return next((text for text in texts if digest_of(text) == cut.digest), None)
    dictionary = segment.dictionary(column.name)
    for code in range(*_beginning_with(dictionary, cut.beginning)):
        if digest_of(dictionary[code]) == cut.digest and (segment.column(column.name)[is_alive] == code).any():
            text: str = dictionary[code]
            return text
    return None


def _beginning_with(dictionary: Objects, beginning: str) -> tuple[int, int]:
    """The codes of the keywords with a beginning: the first, and the one after the last."""
    low = int(dictionary.searchsorted(beginning))
    after = beginning.rstrip(_GREATEST_CHARACTER)
    if not after:
        return low, len(dictionary)
    after = after[:-1] + chr(ord(after[-1]) + 1)
    return low, int(dictionary.searchsorted(after))


def _compared(segment: Segment, rows: Array, column: SortColumn, value: Value, *, desc: bool) -> tuple[Bools, Bools]:
    """Which of some rows come behind the value of a column, and which tie with it."""
    name = column.name
    if column.type is Type.KEYWORDS:
        return _compared_texts(segment.lists_at(name, rows), value, desc=desc)
    if column.type is Type.INSTANT:
        values, present = _instants(segment, name, rows)
        missing: Bools | None = ~present
    else:
        values = segment.columns[name][rows]
        missing = segment.missing(name, rows) if column.puts_missing_last else None
    if value is None:
        none = np.zeros(len(rows), dtype=np.bool_)
        return none, none if missing is None else missing
    if isinstance(value, (str, CutText)):
        low, stop = _codes_at(segment.dictionary(name), value)
        behind = values < low if desc else values >= stop
        # A missing keyword has a code below all others.
        tied = (values >= low) & (values < stop) if isinstance(value, str) else np.zeros(len(rows), dtype=np.bool_)
        behind |= values == MISSING
        return behind, tied
    # The label of a job may lie between two labels, and the key of a deleted result may have any span.
    wanted = float(value) if values.dtype.kind == "u" else values.dtype.type(value)
    behind = values < wanted if desc else values > wanted
    tied = values == wanted
    if missing is not None:
        behind |= missing
        tied &= ~missing
    return behind, tied


def _instants(segment: Segment, name: str, rows: Array) -> tuple[Int64s, Bools]:
    lists = segment.lists.get(name)
    if lists is None:
        return np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.bool_)
    return lists.instants(rows)


def _codes_at(dictionary: Objects, text: str | CutText) -> tuple[int, int]:
    """The codes that a text has, or that all keywords with the beginning of a cut text have."""
    if isinstance(text, CutText):
        return _beginning_with(dictionary, text.beginning)
    low = int(dictionary.searchsorted(text))
    return low, low + (low < len(dictionary) and dictionary[low] == text)


def _compared_texts(lists: list[Any], value: Value, *, desc: bool) -> tuple[Bools, Bools]:
    """The result of `_compared` for lists of keywords, which count by their least or their greatest keyword."""
    behind, tied = np.zeros(len(lists), dtype=np.bool_), np.zeros(len(lists), dtype=np.bool_)
    leading = max if desc else min
    for row, keywords in enumerate(lists):
        if value is None or not keywords:
            behind[row], tied[row] = value is not None, value is None and not keywords
            continue
        keyword = leading(keywords)
        if isinstance(value, CutText):
            comes_behind = (keyword < value.beginning) if desc else (keyword > value.beginning)
            behind[row] = comes_behind and not keyword.startswith(value.beginning)
        else:
            behind[row], tied[row] = (keyword < value) if desc else (keyword > value), keyword == value
    return behind, tied
