"""Keyword columns: codes into a sorted dictionary, so that codes compare as the keywords do.

Each segment has its own dictionaries, and a dictionary may have keywords that no row has. To compare rows of two
segments, the codes of one are translated to the dictionary of the other.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from bucketquery.arrays.sorted_arrays import find
from bucketquery.model.schema import Array, Int32s, Int64s, Objects, Schema, Type

#: The code of a row without a keyword.
MISSING: Final = -1

NO_KEYWORDS: Final[Objects] = np.empty(0, dtype=np.object_)

#: To find the used keywords, the codes are sorted if a dictionary has more keywords than this for each row. Otherwise
#: the used ones are marked in an array.
_SORTED_FROM: Final = 8


def encode_keywords(keywords: Sequence[str | None]) -> tuple[Int32s, Objects]:
    """The codes of keywords, and their dictionary: sorted by code points, which is the order of UTF-8 bytes.

    >>> codes, dictionary = encode_keywords(["web", None, "db", "web"])
    >>> codes.tolist(), dictionary.tolist()
    ([1, -1, 0, 1], ['db', 'web'])
    """
    distinct = sorted(set(keywords) - {None})  # type: ignore[type-var] # None is left out
    codes: dict[str | None, int] = {keyword: code for code, keyword in enumerate(distinct)}
    codes[None] = MISSING
    found = np.fromiter(map(codes.__getitem__, keywords), dtype=np.int32, count=len(keywords))
    return found, np.array(distinct, dtype=np.object_)


def encode_columns(schema: Schema, columns: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Objects]]:
    """Some columns with codes in place of keywords, and a dictionary for each one in which any row has a keyword."""
    columns, dictionaries = dict(columns), {}
    for field in schema.columns:
        if field.type is Type.KEYWORD and field.name in columns:
            columns[field.name], dictionary = encode_keywords(columns[field.name].tolist())
            if len(dictionary):
                dictionaries[field.name] = dictionary
    return columns, dictionaries


def keywords_of(codes: Int32s, dictionary: Objects) -> Objects:
    """The keywords of codes; None for a missing keyword.

    >>> keywords_of(np.array([1, -1], dtype=np.int32), np.array(["db", "web"], dtype=object)).tolist()
    ['web', None]
    """
    if not len(dictionary):
        return np.full(len(codes), None, dtype=np.object_)
    keywords: Objects = dictionary.take(codes, mode="clip")
    keywords[codes == MISSING] = None
    return keywords


def translate(dictionary: Objects, codes: Int32s, others: Objects) -> Array:
    """Translate codes of another dictionary to codes of this one.

    Args:
        dictionary: this dictionary.
        codes: shape (n,), codes of the other dictionary.
        others: the other dictionary.

    Returns:
        The codes of the same keywords in this dictionary. A keyword that it does not have gets (next code - 0.5): it
        sorts correctly and equals no code.

    >>> here, there = np.array(["db", "web"], dtype=object), np.array(["cache", "web"], dtype=object)
    >>> translate(here, np.array([0, 1, -1], dtype=np.int32), there).tolist()
    [-0.5, 1.0, -1.0]
    """
    if dictionary is others:
        return codes
    found, places = find(dictionary, others)
    # A missing keyword has the code -1 in every dictionary, which picks the last entry.
    translated = np.append(np.where(found, places, places - 0.5), MISSING)
    return translated[codes]


def merge_dictionaries(dictionary: Objects, others: Objects) -> tuple[Objects, Int32s | None, Int32s]:
    """One dictionary with the keywords of two.

    Returns:
        Three values: the dictionary (the first itself if it has all keywords); the new code for each code of the first
        dictionary, or None if no code changes; the new code for each code of the other dictionary. Both arrays end with
        the code of a missing keyword, so codes can be used as indices.

    O(e log d) for e keywords of the other dictionary and d of the first. If a keyword is new, O(d) more.

    >>> both, first, other = merge_dictionaries(np.array(["b", "d"], dtype=object), np.array(["a", "d"], dtype=object))
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


def merge_all(
    dictionaries: Mapping[str, Objects], others: Mapping[str, Objects], other_codes: Callable[[str], Int32s]
) -> tuple[dict[str, Objects], dict[str, Int32s], dict[str, Int32s]]:
    """Merge the dictionaries of two segments, column by column.

    Args:
        dictionaries: the dictionaries of the first segment.
        others: the dictionaries of the other segment.
        other_codes: returns a keyword column of the other segment by its name.

    Returns:
        The dictionaries, with all keywords of the first segment and the used ones of the other. For each column of the
        first segment whose codes change, the new code of each code. The columns of the other segment in new codes.
    """
    merged, changed, translated = dict(dictionaries), {}, {}
    for name, dictionary in others.items():
        own, codes = dictionaries.get(name, NO_KEYWORDS), other_codes(name)
        if not find(own, dictionary)[0].all():
            # Rows selected from a batch keep the batch's whole dictionary, so its new keywords may all be unused.
            codes, dictionary = without_unused(codes, dictionary)  # noqa: PLW2901 - the same keywords, fewer entries
        merged[name], here, there = merge_dictionaries(own, dictionary)
        translated[name] = there[codes]
        if here is not None:
            changed[name] = here
    return merged, changed, translated


def without_unused(codes: Int32s, dictionary: Objects) -> tuple[Int32s, Objects]:
    """The same keywords with a dictionary that has no unused entry; the same dictionary if all are used.

    >>> codes, dictionary = without_unused(np.array([1, -1], dtype=np.int32), np.array(["a", "b"], dtype=object))
    >>> codes.tolist(), dictionary.tolist()
    ([0, -1], ['b'])
    """
    if len(codes) < len(dictionary) // _SORTED_FROM:
        used = np.unique(codes)
        used = used[used != MISSING]
        return np.where(codes == MISSING, MISSING, used.searchsorted(codes)).astype(np.int32), dictionary[used]
    # The code of a missing keyword, -1, marks the last entry.
    is_used = np.zeros(len(dictionary) + 1, dtype=np.bool_)
    is_used[codes] = True
    is_used = is_used[:-1]
    if is_used.all():
        return codes, dictionary
    return _codes(np.cumsum(is_used) - 1)[codes], dictionary[is_used]


def _codes(codes: Int64s) -> Int32s:
    return np.append(codes, MISSING).astype(np.int32)
