"""Short texts: equal ones are found by their bytes, whatever their hashes are."""

from typing import Any

import numpy as np
import pytest

from bucketquery.ingest import short_texts
from bucketquery.ingest.short_texts import LONGEST_SHORT, MANY, first_rows
from support.arrow_arrays import table, texts


def firsts(given: list[bytes]) -> list[int]:
    """The first row with the text of each row, by NumPy."""
    ends = np.cumsum([0, *map(len, given)])
    found: list[int] = first_rows(ends[:-1], ends[1:], b"".join(given)).tolist()
    return found


def looked_up(given: list[bytes]) -> list[int]:
    """The first row with the text of each row, by a dict."""
    seen: dict[bytes, int] = {}
    return [seen.setdefault(text, row) for row, text in enumerate(given)]


GIVEN: dict[str, list[bytes]] = {
    "none": [],
    "empty": [b"", b""],
    "zeros": [b"\0", b"", b"\0\0", b"\0", b"\0" * 8, b"\0" * 9, b"\0" * 8],
    "one word and the next": [b"12345678", b"123456789", b"12345678", b"1234567", b"123456789"],
    "the longest": [b"a" * LONGEST_SHORT, b"a" * 31, b"a" * 31 + b"b", b"a" * LONGEST_SHORT],
    "overlapping ends": [b"ab", b"abab", b"ab", b"ba"],
}


@pytest.mark.parametrize("name", GIVEN)
def test_equal_texts_have_one_first_row(name: str) -> None:
    """The bytes behind a text do not count, and neither do zeros in place of them."""
    assert firsts(GIVEN[name]) == looked_up(GIVEN[name])


@pytest.mark.parametrize("distinct", [1, 50, 3_000, 20_000])
@pytest.mark.parametrize("longest", [3, 8, 20, LONGEST_SHORT])
def test_random_texts(distinct: int, longest: int) -> None:
    """Few and many texts, of any bytes."""
    rng = np.random.default_rng(distinct + longest)
    some = [rng.bytes(int(length)) for length in rng.integers(0, longest + 1, distinct)]
    given = [some[at] for at in rng.integers(0, distinct, 20_000).tolist()]
    assert firsts(given) == looked_up(given)


def test_texts_with_equal_hashes_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """With factors of zero all texts have one hash, and the last ones are looked up one by one."""
    monkeypatch.setattr(short_texts, "_FACTORS", np.zeros(4, dtype=np.uint64))
    given = [b"%d" % (row * row % 50) for row in range(500)]
    assert firsts(given) == looked_up(given)


@pytest.mark.parametrize("of", ["u", "U", "vu"])
@pytest.mark.parametrize("length", [8, LONGEST_SHORT, LONGEST_SHORT + 1])
def test_many_texts_are_read_like_few(of: str, length: int) -> None:
    """Nulls and batches included; a longer text is looked up by Python."""
    from bucketquery.ingest.arrow import arrow_column  # noqa: PLC0415 - for this test only

    given: list[str | None] = [None if row % 7 == 3 else f"{row % 100:0{length}}" for row in range(MANY + 500)]
    found: Any = arrow_column("x", table(texts(of, given), texts(of, given[:50]))).plain()
    assert found.entries() == given + given[:50]
    assert list(found.distinct) == [text for text in dict.fromkeys(given) if text is not None]
