"""Descriptions: the keywords of a record beside its identity, as the change log stores them for entity filters.

All records of a detector have the same few descriptions, so the log stores each one once, and a code for each side of a
change. Only records have descriptions: the fields by which a filter finds influencers are their identity.
"""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, Final, NamedTuple

import numpy as np

from bucketquery.model.schema import RECORD, Array, Int32s, Int64s, Type
from bucketquery.storage.keywords import MISSING, keywords_of
from bucketquery.storage.segment import Segment, SomeRows

#: The fields of a description, in its order.
DESCRIPTIVE: Final = tuple(
    field.name for field in RECORD.columns if field.type is Type.KEYWORD and field.name not in RECORD.identity
)
#: The values of these fields; None for a missing one.
Description = tuple[str | None, ...]
#: The code on a side of a change that has no record.
ABSENT: Final = -1

_CODE: Final = np.dtype(np.int32)
#: Up to this many rows, a loop takes less time than columns.
_FEW_ROWS: Final = 16
#: Numbers are marked in an array if it has at most this many places for each of them. If not, they are sorted.
_PLACES_PER_NUMBER: Final = 8


def constant(value: Any, dtype: np.dtype[Any], length: int) -> Array:
    """An array of equal values that takes the memory of one."""
    return np.ndarray((length,), dtype, np.array([value], dtype), 0, (0,))


class Side(NamedTuple):
    """The descriptions of some records, which are one side of changes.

    Attributes:
        distinct: each description once.
        codes: the place of each record's description in ``distinct``; `ABSENT` if there is no record.
    """

    distinct: Sequence[Description]
    codes: Int32s


class Descriptions(NamedTuple):
    """The descriptions of the records before and after some changes.

    Attributes:
        distinct: each description once.
        before: the code of each record before, as in `Side`.
        after: the code of each record after.
    """

    distinct: Sequence[Description]
    before: Int32s
    after: Int32s

    def take(self, rows: slice | Int64s) -> "Descriptions":
        """Those of some of the changes; a slice of them is a view."""
        return Descriptions(self.distinct, self.before[rows], self.after[rows])

    def detach(self) -> "Descriptions":
        """Copies of these, without the descriptions that no record has."""
        is_used = np.zeros(len(self.distinct) + 1, dtype=np.bool_)
        # The code of no record picks the last entry.
        is_used[self.before] = is_used[self.after] = True
        codes = (np.cumsum(is_used) - 1).astype(_CODE)
        codes[ABSENT] = ABSENT
        distinct = [one for one, used in zip(self.distinct, is_used.tolist(), strict=False) if used]
        return Descriptions(distinct, codes[self.before], codes[self.after])


def descriptions_of(length: int, before: Side | None, after: Side | None) -> Descriptions:
    """The descriptions of some changes from their two sides; None: no record is on that side."""
    if before is None or after is None:
        absent = constant(ABSENT, _CODE, length)
        if before is not None:
            return Descriptions(before.distinct, before.codes, absent)
        assert after is not None, "a change has a side"
        return Descriptions(after.distinct, absent, after.codes)
    distinct, (of_after, of_before) = _joined((after, before))
    return Descriptions(distinct, of_before, of_after)


def merged_descriptions(parts: Iterable[Descriptions]) -> Descriptions:
    """The descriptions of several small parts, one after the other; arrays would take three times as long."""
    known: dict[Description, int] = {}
    before, after = list[int](), list[int]()
    for part in parts:
        # The code of no record picks the last entry.
        codes = [*[known.setdefault(one, len(known)) for one in part.distinct], ABSENT]
        before += [codes[code] for code in part.before.tolist()]
        after += [codes[code] for code in part.after.tolist()]
    return Descriptions(list(known), np.array(before, dtype=_CODE), np.array(after, dtype=_CODE))


def described_in(parts: Iterable[tuple[Segment, Int64s, Int64s]], length: int) -> Side:
    """The descriptions of one side of changes.

    Args:
        parts: segments, their rows, and the changes to which these rows belong; each of both ascending. No change has
            two rows.
        length: the number of changes.
    """
    parts = [(segment, rows, changes) for segment, rows, changes in parts if len(rows)]
    sides = [described(segment, rows) for segment, rows, _ in parts]
    if len(sides) == 1 and len(sides[0].codes) == length:
        return sides[0]
    distinct, codes = _joined(sides)
    of_changes = np.full(length, ABSENT, dtype=_CODE)
    for (_, _, changes), own in zip(parts, codes, strict=True):
        of_changes[changes] = own
    return Side(distinct, of_changes)


def described(segment: Segment, rows: SomeRows) -> Side:
    """The descriptions of some rows of a segment of records, ascending.

    O(r), and O(r log r) if many keywords are possible.
    """
    length = len(range(*rows.indices(segment.length))) if isinstance(rows, slice) else len(rows)
    if length <= _FEW_ROWS:
        return _of_few(segment, rows, length)
    if not isinstance(rows, slice):
        rows = _run(rows)
    keywords: list[Iterable[str | None]] = []
    varying = []
    for name in DESCRIPTIVE:
        dictionary, keyword = segment.dictionary(name), None
        if len(dictionary):
            codes = segment.column(name)[rows]
            first = codes.item(0)
            if (codes != first).any():
                varying.append((len(keywords), codes, dictionary))
            elif first != MISSING:
                keyword = dictionary.item(first)
        keywords.append(repeat(keyword))
    if not varying:
        return Side([tuple(next(iter(each)) for each in keywords)], constant(0, _CODE, length))
    places, examples = _combined([(codes, len(dictionary) + 1) for _, codes, dictionary in varying])
    for at, codes, dictionary in varying:
        keywords[at] = keywords_of(codes[examples], dictionary).tolist()
    return Side(list(zip(*keywords, strict=False)), places.astype(_CODE))


def _run(rows: Int64s) -> SomeRows:
    """Some ascending rows, as a slice if they are consecutive: a slice of a column is not copied."""
    first, last = rows.item(0), rows.item(-1)
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows


def _of_few(segment: Segment, rows: SomeRows, length: int) -> Side:
    """The descriptions of a few rows, by a loop over them."""
    columns = []
    for name in DESCRIPTIVE:
        dictionary = segment.dictionaries.get(name)
        if dictionary is None:
            columns.append([None] * length)
        else:
            # The dictionary may be large, so only the keywords of these rows are read.
            codes = segment.columns[name][rows].tolist()
            columns.append([None if code == MISSING else dictionary.item(code) for code in codes])
    places: dict[Description, int] = {}
    places_of_rows = [places.setdefault(one, len(places)) for one in zip(*columns, strict=True)]
    return Side(list(places), np.array(places_of_rows, dtype=_CODE))


def _combined(columns: Sequence[tuple[Int32s, int]]) -> tuple[Int64s, Int64s]:
    """The combinations of the values of some columns.

    Args:
        columns: codes from -1 on, and the number of possible ones; shape (n,) each.

    Returns:
        The place of each row's combination among the distinct ones, and one row of each of these.
    """
    first, size = columns[0]
    numbers = first.astype(np.int64) + 1
    for codes, possible in columns[1:]:
        if size * possible > _PLACES_PER_NUMBER * len(numbers):
            numbers, examples = _ranked(numbers, size)
            size = len(examples)
        numbers *= possible
        numbers += codes
        numbers += 1
        size *= possible
    return _ranked(numbers, size)


def _ranked(numbers: Int64s, size: int) -> tuple[Int64s, Int64s]:
    """The place of each number among the distinct ones, and one row of each of these. All are below ``size``."""
    if size > _PLACES_PER_NUMBER * len(numbers):
        _, examples, places = np.unique(numbers, return_index=True, return_inverse=True)
        return places, examples
    example_of = np.full(size, -1, dtype=np.int64)
    # If a number is repeated, the last of its rows is stored.
    example_of[numbers] = np.arange(len(numbers))
    is_used = example_of >= 0
    return (np.cumsum(is_used) - 1)[numbers], example_of[is_used]


def _joined(sides: Iterable[Side]) -> tuple[list[Description], list[Int32s]]:
    """The descriptions of several sides, each once, and the codes of each side among them."""
    known: dict[Description, int] = {}
    codes = []
    for side in sides:
        joined = [known.setdefault(one, len(known)) for one in side.distinct]
        own = side.codes
        if joined != list(range(len(joined))):
            # The code of no record picks the last one.
            joined.append(ABSENT)
            is_constant = not own.strides[0]
            own = constant(joined[own.item(0)], _CODE, len(own)) if is_constant else np.array(joined, dtype=_CODE)[own]
        codes.append(own)
    return list(known), codes
