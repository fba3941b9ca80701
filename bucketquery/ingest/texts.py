"""Columns of text as codes: every distinct text once, and a code for each row.

A reader looks at each row once, to give it a code. All checks and sorts then work on the distinct texts, which are few.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, cast

import numpy as np

from bucketquery.model.schema import Array, Int32s, Int64s, Objects
from bucketquery.storage.keywords import MISSING, keywords_of


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """A column of text.

    Attributes:
        codes: shape (n,), the position of each row's text in ``distinct``; `MISSING` for a row without text.
        distinct: the texts in the order of their first row, each once.
    """

    codes: Int32s
    distinct: Sequence[str]

    def __len__(self) -> int:
        return len(self.codes)

    def entries(self) -> list[str | None]:
        """The text of each row; None if it has none."""
        entries: list[str | None] = keywords_of(self.codes, _objects(self.distinct)).tolist()
        return entries

    def is_complete(self) -> bool:
        """Whether each row has a text."""
        return not len(self.codes) or bool(self.codes.min() != MISSING)

    def encoded(self) -> tuple[Int32s, Objects]:
        """The codes of the rows in a sorted dictionary, and that dictionary, as `encode_keywords` makes them."""
        places = sorted(range(len(self.distinct)), key=self.distinct.__getitem__)
        # A missing text has the code -1, which picks the last entry.
        codes = np.full(len(places) + 1, MISSING, dtype=np.int32)
        codes[places] = np.arange(len(places), dtype=np.int32)
        return codes[self.codes], _objects([self.distinct[place] for place in places])


class Coder:
    """Codes for keys in the order of first appearance. The keys are texts, or the bytes of texts."""

    def __init__(self) -> None:
        codes: defaultdict[Any, int] = defaultdict()
        codes.default_factory = codes.__len__
        self._codes = codes
        self._code: Callable[[Any], int] = codes.__getitem__

    def codes(self, keys: Iterable[Any], number: int) -> Int32s:
        """The code of each of some keys. O(n), with one look-up for each key."""
        return np.fromiter(map(self._code, keys), dtype=np.int32, count=number)

    def keys(self) -> list[Any]:
        """All keys so far, in the order of their codes."""
        return list(self._codes)


def texts_of(values: Sequence[object]) -> Texts | None:
    """The texts of a list of built-in texts and None; None if it has any other value.

    >>> texts_of(["web", None, "db", "web"])
    Texts(codes=array([ 0, -1,  1,  0], dtype=int32), distinct=['web', 'db'])
    """
    # A subclass of text may compare as it likes, so the types are tested before any value is looked up.
    types = set(map(type, values))
    if not types <= {str, NoneType}:
        return None
    coder = Coder()
    codes = coder.codes(values, len(values))
    distinct = coder.keys()
    if NoneType in types:
        none = distinct.index(None)
        del distinct[none]
        # The codes behind that of None move up by one.
        codes = np.where(codes == none, MISSING, codes - (codes > none)).astype(np.int32)
    return Texts(codes, cast("list[str]", distinct))


def texts_of_codes(codes: Array, value: Callable[[int], object]) -> Texts | None:
    """The texts of rows that are codes of some dictionary; None if a row has a value that is no built-in text.

    Args:
        codes: integers of any width; `MISSING` for a row without text.
        value: returns the value of a code. Only codes that a row has are looked up.
    """
    used = used_codes(codes)
    values = [value(code) for code in used.tolist()]
    texts = texts_of(values)
    if texts is None or not texts.is_complete():
        return None
    return Texts(recoded(codes, used, texts.codes), texts.distinct)


def used_codes(codes: Array) -> Int64s:
    """The codes that rows have, in the order of their first rows, without `MISSING`.

    O(n + k) for n rows and codes below k.
    """
    rows = np.full(int(codes.max(initial=MISSING)) + 1, len(codes), dtype=np.int64)
    some = (codes != MISSING).nonzero()[0][::-1]
    # The first row of a code overwrites its other rows, because they are in reverse order.
    rows[codes[some]] = some
    return rows.argsort(kind="stable")[: int(np.count_nonzero(rows < len(codes)))]


def recoded(codes: Array, used: Int64s, new: Int32s) -> Int32s:
    """The rows in new codes: ``new`` has one for each of the ``used`` codes; `MISSING` stays."""
    table = np.full(int(used.max(initial=MISSING)) + 2, MISSING, dtype=np.int32)
    table[used] = new
    # A missing text has the code -1, which picks the last entry.
    found: Int32s = table[codes]
    return found


def _objects(texts: Sequence[str]) -> Objects:
    return np.array(texts, dtype=np.object_)
