"""Equal texts among many short ones, found by NumPy in their bytes.

Python needs an object and a look-up for each text. Here a text is a few words of eight bytes, whose hash is the place
of the text in a table. For a million texts that takes a fifth to three quarters of the time.
"""

from typing import Final

import numpy as np

from bucketquery.model.schema import Array, Int64s

#: Texts up to this number of bytes are compared as words. More words would take as long as Python does.
LONGEST_SHORT: Final = 32
#: From this number of texts on, words are faster than Python.
MANY: Final = 1_024

_WORD: Final = 8
#: Odd numbers whose bits are random.
_FACTORS: Final = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], dtype=np.uint64
)
#: The bytes that a text has in a word, by their number.
_MASKS: Final = np.array([(1 << (8 * length)) - 1 for length in range(_WORD + 1)], dtype=np.uint64)
#: The shift that mixes the upper bits into the lower ones.
_MIX: Final = np.uint64(29)
_WIDEST_TABLE: Final = 20


def first_rows(starts: Int64s, stops: Int64s, source: bytes) -> Int64s:
    """For each text the first row that has the same text.

    Args:
        starts: shape (n,), where each text begins in the bytes.
        stops: shape (n,), where it ends; it has at most `LONGEST_SHORT` bytes.
        source: the bytes.

    O(n) for texts that were not chosen to have equal hashes.

    >>> starts = np.array([0, 3, 5])
    >>> first_rows(starts, starts + [3, 2, 3], b"webdbweb").tolist()
    [0, 1, 0]
    """
    lengths = stops - starts
    columns = [lengths, *_words(starts, lengths, source)]
    hashes: Array = lengths.astype(np.uint64)
    for word, factor in zip(columns[1:], _FACTORS, strict=False):
        hashes = (hashes ^ word) * factor
        hashes ^= hashes >> _MIX
    bits = max(_WORD, min(_WIDEST_TABLE, len(starts).bit_length()))
    first = np.empty(len(starts), dtype=np.int64)
    table = np.empty(1 << bits, dtype=np.int64)
    rows = np.arange(len(starts))
    # Only texts that were chosen to have equal hashes remain after eight rounds.
    for factor in (*_FACTORS, *_FACTORS):
        places = (hashes >> np.uint64(64 - bits)).astype(np.int64)
        # The first row of a place overwrites its other rows, because they are in reverse order.
        table[places[::-1]] = rows[::-1]
        found = table[places]
        is_same = np.ones(len(rows), dtype=np.bool_)
        for column in columns:
            is_same &= column[found] == column[rows]
        first[rows] = found
        if is_same.all():
            return first
        # Different texts may have one place. Those that were not the first there try another place.
        rows, hashes = rows[~is_same], hashes[~is_same] * factor
        hashes ^= hashes >> _MIX
    seen: dict[bytes, int] = {}
    for row, start, stop in zip(rows.tolist(), starts[rows].tolist(), stops[rows].tolist(), strict=True):
        first[row] = seen.setdefault(source[start:stop], row)
    return first


def _words(starts: Int64s, lengths: Int64s, source: bytes) -> list[Array]:
    """The words of each text, padded with zeros; one array for each place of a word."""
    padded = source + bytes(LONGEST_SHORT + _WORD)
    # A word begins at each byte.
    words: Array = np.ndarray(shape=(len(padded) - _WORD + 1,), dtype="<u8", buffer=padded, strides=(1,))
    longest = int(lengths.max(initial=0))
    return [words[starts + at] & _MASKS[np.clip(lengths - at, 0, _WORD)] for at in range(0, longest, _WORD)]
