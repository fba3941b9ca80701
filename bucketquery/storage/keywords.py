"""Columns of texts: codes into a sorted dictionary of their own, so that codes compare as the texts do.

Each segment has its own dictionaries; there may be texts in one that no row has. What compares rows of two segments
first brings the codes of the one into the terms of the other's dictionary.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from bucketquery.arrays.sorted_arrays import find
from bucketquery.model.schema import Array, Int32s, Int64s, Objects

#: The code of a row without a text.
MISSING: Final = -1

NO_KEYWORDS: Final[Objects] = np.empty(0, dtype=np.object_)

#: Rows are few beside texts where there are so many times more of these.
_FEW: Final = 8


def encoded(texts: Sequence[str | None]) -> tuple[Int32s, Objects]:
    """The codes of texts, and their dictionary: sorted by code points, which is the order of UTF-8 bytes.

    >>> codes, dictionary = encoded(["web", None, "db", "web"])
    >>> codes.tolist(), dictionary.tolist()
    ([1, -1, 0, 1], ['db', 'web'])
    """
    distinct = sorted(set(texts) - {None})  # type: ignore[type-var] # what is left is text
    codes: dict[str | None, int] = {text: code for code, text in enumerate(distinct)}
    codes[None] = MISSING
    found = np.fromiter(map(codes.__getitem__, texts), dtype=np.int32, count=len(texts))
    return found, np.array(distinct, dtype=np.object_)


def decoded(codes: Int32s, dictionary: Objects) -> Objects:
    """The texts that codes stand for, None where one is missing.

    >>> decoded(np.array([1, -1], dtype=np.int32), np.array(["db", "web"], dtype=object)).tolist()
    ['web', None]
    """
    if not len(dictionary):
        return np.full(len(codes), None, dtype=np.object_)
    texts: Objects = dictionary.take(codes, mode="clip")
    texts[codes == MISSING] = None
    return texts


def translate(dictionary: Objects, codes: Int32s, others: Objects) -> Array:
    """Codes of another dictionary in the terms of this one.

    Args:
        dictionary: whose terms are wanted.
        codes: shape (n,), of the other one.
        others: the other one.

    Returns:
        The codes of the same texts here; for a text that is not here a half less than the code of the next greater one,
        which compares as the text does and equals no code.

    >>> here, there = np.array(["db", "web"], dtype=object), np.array(["cache", "web"], dtype=object)
    >>> translate(here, np.array([0, 1, -1], dtype=np.int32), there).tolist()
    [-0.5, 1.0, -1.0]
    """
    if dictionary is others:
        return codes
    found, places = find(dictionary, others)
    # What is missing is missing in every dictionary: its code, -1, picks the last entry.
    terms = np.append(np.where(found, places, places - 0.5), MISSING)
    return terms[codes]


def merged(dictionary: Objects, others: Objects) -> tuple[Objects, Int32s | None, Int32s]:
    """One dictionary with the texts of two.

    Returns:
        The dictionary, the first itself where it has all texts; the codes there by those of the first, None where they
        stay as they are; and by those of the other. The last entry of both is the code of what is missing, so that
        codes can be used as indices as they are.

    O(e log d) for e keywords of the other and d of the first. If one of the e is new, O(d) more.

    >>> both, first, other = merged(np.array(["b", "d"], dtype=object), np.array(["a", "d"], dtype=object))
    >>> both.tolist(), first.tolist(), other.tolist()
    (['a', 'b', 'd'], [1, 2, -1], [0, 2, -1])
    """
    if dictionary is others or not len(dictionary):
        return others, None, _codes(np.arange(len(others)))
    found, places = find(dictionary, others)
    if found.all():
        return dictionary, None, _codes(places)
    new = ~found
    rows = np.arange(len(dictionary))
    first = rows + places[new].searchsorted(rows, "right")
    return np.insert(dictionary, places[new], others[new]), _codes(first), _codes(places + np.cumsum(new) - new)


def compact(codes: Int32s, dictionary: Objects) -> tuple[Int32s, Objects]:
    """The same texts by a dictionary that has no others; the same one where all are used.

    >>> codes, dictionary = compact(np.array([1, -1], dtype=np.int32), np.array(["a", "b"], dtype=object))
    >>> codes.tolist(), dictionary.tolist()
    ([0, -1], ['b'])
    """
    if len(codes) < len(dictionary) // _FEW:
        used = np.unique(codes)
        used = used[used != MISSING]
        return np.where(codes == MISSING, MISSING, used.searchsorted(codes)).astype(np.int32), dictionary[used]
    # What is missing marks the last entry.
    is_used = np.zeros(len(dictionary) + 1, dtype=np.bool_)
    is_used[codes] = True
    is_used = is_used[:-1]
    if is_used.all():
        return codes, dictionary
    return _codes(np.cumsum(is_used) - 1)[codes], dictionary[is_used]


def _codes(codes: Int64s) -> Int32s:
    return np.append(codes, MISSING).astype(np.int32)
