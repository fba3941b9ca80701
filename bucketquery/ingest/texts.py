"""Columns of text as codes: every distinct text once, and a code for each row.

A reader looks at each row once, to give it a code. All checks and sorts then work on the distinct texts, which are few.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, cast

import numpy as np

from bucketquery.model.schema import Int32s, Objects
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


def _objects(texts: Sequence[str]) -> Objects:
    return np.array(texts, dtype=np.object_)
