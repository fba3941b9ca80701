"""Patterns: names with asterisks, each of which stands for any number of characters.

`matcher` tests one name. `SortedTexts.matching` finds all names of a pattern among many sorted ones.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from bucketquery.model.once import once
from bucketquery.model.schema import Int64s

#: No id and no name of a group has this character.
_BREAK: Final = "\n"
#: Up to this number of texts are matched one by one, in 0.5 us each; NumPy takes 40 us for any number.
_FEW: Final = 64
#: The texts are matched in parts of about this number of bytes, which a processor's cache holds.
_PART_BYTES: Final = 2**20
#: To look for a literal in one text takes as long as to find all places of it in this number of bytes: 0.25 us. Both
#: ways are linear, but texts of a single letter have up to eight times as many places.
_BYTES_OF_A_SEARCH: Final = 100
_LAST_CHARACTER: Final = "\U0010ffff"
#: A place behind every text.
_NOWHERE: Final = 2**62

_Places = Int64s


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a name matches a pattern, as a function. It looks for each literal once, without backtracking.

    >>> [name for name in ("web-1", "web", "db-1") if matcher("w*-*")(name)]
    ['web-1']
    """
    if "*" not in pattern:
        return pattern.__eq__
    first, *inner, last = pattern.split("*")
    inner = [part for part in inner if part]

    def matches(name: str) -> bool:
        end = len(name) - len(last)
        if end < len(first) or not (name.startswith(first) and name.endswith(last)):
            return False
        at = len(first)
        for part in inner:
            at = name.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True

    return matches


class SortedTexts:
    """Job ids or names of groups in the order of their code points; immutable.

    Args:
        texts: the texts, sorted, without repeats.

    >>> some = SortedTexts(("db", "web-1", "web-2", "web-20"))
    >>> some.matching("web-*"), some.matching("*2*").tolist(), some.rank("web-2"), some.rank("web")
    ((1, 4), [2, 3], 2, None)
    """

    __slots__ = ("__dict__", "texts")

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts

    def rank(self, text: str) -> int | None:
        """The place of a text; None if it is missing. O(log n) for n texts."""
        texts = self.texts
        rank = bisect_left(texts, text)
        return rank if rank < len(texts) and texts[rank] == text else None

    def beginning_with(self, prefix: str) -> tuple[int, int]:
        """The places ``[start, stop)`` of the texts that begin with a prefix. O(log n) for n texts."""
        texts = self.texts
        start = bisect_left(texts, prefix)
        # The least text above all texts with the prefix has the next character at its end.
        rest = prefix.rstrip(_LAST_CHARACTER)
        if not rest:
            return start, len(texts)
        return start, bisect_left(texts, rest[:-1] + chr(ord(rest[-1]) + 1), start)

    def matching(self, pattern: str) -> tuple[int, int] | Int64s:
        """The places of the texts that match a pattern with at least one asterisk.

        Returns:
            ``[start, stop)`` if the only asterisks end the pattern, or nothing begins with its first literal; if not,
            an ascending array.

        O(log n) for a prefix. For any other pattern O(b) for the b bytes of all texts with its first literal.
        """
        first, *inner, last = pattern.split("*")
        inner = [part for part in inner if part]
        start, stop = self.beginning_with(first)
        if start == stop or not (inner or last):
            return start, stop
        if stop - start <= _FEW:
            matches, texts = matcher(pattern), self.texts
            return np.array([rank for rank in range(start, stop) if matches(texts[rank])], dtype=np.int64)
        joined = self._joined
        literals = [_encoded(part) for part in inner]
        ends = _encoded(first), _encoded(last)
        parts = []
        while start < stop:
            behind = joined.behind(start, stop)
            parts.append(joined.matching(start, behind, ends, literals))
            start = behind
        return np.concatenate(parts)

    @once
    def _joined(self) -> "_JoinedTexts":
        return _JoinedTexts(self.texts)


class _JoinedTexts:
    """Texts as one text of bytes, with a break before each and behind the last.

    In UTF-8 a literal is found at the same places as among the characters.
    """

    __slots__ = ("_breaks", "_bytes", "_codes")

    def __init__(self, texts: Sequence[str]) -> None:
        self._bytes = _encoded(_BREAK + _BREAK.join(texts) + _BREAK)
        self._codes = np.frombuffer(self._bytes, dtype=np.uint8)
        self._breaks = (self._codes == ord(_BREAK)).nonzero()[0]

    def behind(self, start: int, stop: int) -> int:
        """The place behind the part of the texts ``[start, stop)`` that is matched at once."""
        behind = int(self._breaks.searchsorted(self._breaks[start] + _PART_BYTES))
        return min(max(behind, start + 1), stop)

    def matching(self, start: int, stop: int, ends: tuple[bytes, bytes], inner: Sequence[bytes]) -> Int64s:
        """The places of the texts ``[start, stop)`` that match.

        Args:
            start: the first text.
            stop: the text behind the last one.
            ends: the literals before the first asterisk, which all these texts begin with, and behind the last.
            inner: the literals between.
        """
        first, last = ends
        low = self._breaks[start:stop] + (1 + len(first))
        behind = self._breaks[start + 1 : stop + 1]
        ranks = (low <= behind - len(last)).nonzero()[0]
        for distance, code in enumerate(reversed(last), 1):
            ranks = ranks[self._codes[behind[ranks] - distance] == code]
        low, high = low[ranks], behind[ranks] - len(last)
        for literal in inner:
            if not len(ranks):
                break
            # The leftmost place is right: it leaves the most room for the literals that follow.
            found = self._next(literal, low, high)
            kept = found + len(literal) <= high
            ranks, low, high = ranks[kept], found[kept] + len(literal), high[kept]
        found_ranks: Int64s = ranks + start
        return found_ranks

    def _next(self, literal: bytes, low: _Places, high: _Places) -> _Places:
        """For each range ``[low, high)``, the first place of a literal at or behind ``low``, maybe behind ``high``."""
        start, stop = int(low[0]), int(high[-1])
        if len(low) * _BYTES_OF_A_SEARCH < stop - start:
            return self._found(literal, low, high)
        places = self._places(literal, start, stop)
        following = places.searchsorted(low)
        found: _Places = np.append(places, _NOWHERE)[following]
        # Of places that overlap, `places` has the leftmost. One that begins before a range may hide one inside it.
        hides = np.append(-_NOWHERE, places)[following] + len(literal) > low
        if hides.any() and _overlaps_itself(literal):
            hidden = hides.nonzero()[0]
            found[hidden] = self._found(literal, low[hidden], high[hidden])
        return found

    def _found(self, literal: bytes, low: _Places, high: _Places) -> _Places:
        """The result of `_next`, one range after the other."""
        find = self._bytes.find
        found = [find(literal, *ends) for ends in zip(low.tolist(), high.tolist(), strict=True)]
        places = np.array(found, dtype=np.int64)
        places[places < 0] = _NOWHERE
        return places

    def _places(self, literal: bytes, start: int, stop: int) -> _Places:
        """The places of a literal in the bytes ``[start, stop)``; of those that overlap, the leftmost."""
        if len(literal) == 1:
            of_code: _Places = (self._codes[start:stop] == literal[0]).nonzero()[0]
            return of_code + start
        between = self._bytes[start:stop].split(literal)
        lengths = np.fromiter(map(len, between), dtype=np.int64, count=len(between))[:-1]
        found: _Places = (lengths + len(literal)).cumsum()
        return found + (start - len(literal))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _overlaps_itself(literal: bytes) -> bool:
    """Whether two places of a literal may overlap."""
    return any(literal.startswith(literal[shift:]) for shift in range(1, len(literal)))
