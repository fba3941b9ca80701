"""Keyword columns: codes compare as their texts do, in one dictionary and across two."""

from random import Random

import numpy as np
import pytest

from bucketquery.storage.keywords import (
    MISSING,
    NO_KEYWORDS,
    encode_keywords,
    keywords_of,
    merge_dictionaries,
    translate,
    without_unused,
)

TEXTS = ["", "A", "a", "aa", "b", "é", "\uffff", "\U00010000", "\ud800"]
SOME: list[list[str | None]] = [
    [],
    [None],
    ["b"],
    ["a", None, "a", "A"],
    ["\U00010000", "\uffff", "é", "", None, "\ud800"],
    [*TEXTS, None, *TEXTS],
]


@pytest.mark.parametrize("texts", SOME, ids=ascii)
def test_codes_decode_to_their_texts(texts: list[str | None]) -> None:
    """The dictionary has each distinct text once, in the order of its UTF-8 bytes."""
    codes, dictionary = encode_keywords(texts)
    assert codes.dtype == np.int32
    assert keywords_of(codes, dictionary).tolist() == texts
    by_bytes = sorted(
        {text for text in texts if text is not None}, key=lambda text: text.encode("utf-8", "surrogatepass")
    )
    assert dictionary.tolist() == by_bytes
    assert [code == MISSING for code in codes.tolist()] == [text is None for text in texts]


@pytest.mark.parametrize("mine", SOME, ids=ascii)
@pytest.mark.parametrize("others", SOME, ids=ascii)
def test_translated_codes_compare_as_their_texts(mine: list[str | None], others: list[str | None]) -> None:
    """A missing keyword is below every text and equal to itself."""
    codes, dictionary = encode_keywords(mine)
    other_codes, other_dictionary = encode_keywords(others)
    translated_codes = translate(dictionary, other_codes, other_dictionary).tolist()

    def key(text: str | None) -> tuple[bool, str]:
        return text is not None, text or ""

    for text, code in zip(mine, codes.tolist(), strict=True):
        for other, translated in zip(others, translated_codes, strict=True):
            assert (code < translated, code == translated) == (key(text) < key(other), key(text) == key(other))


@pytest.mark.parametrize("mine", SOME, ids=ascii)
@pytest.mark.parametrize("others", SOME, ids=ascii)
def test_two_dictionaries_are_merged(mine: list[str | None], others: list[str | None]) -> None:
    """The result has the texts of both, with codes for both.

    If the first dictionary has all texts, it is the result.
    """
    codes, dictionary = encode_keywords(mine)
    other_codes, other_dictionary = encode_keywords(others)
    both, own, theirs = merge_dictionaries(dictionary, other_dictionary)
    assert keywords_of(codes if own is None else own[codes], both).tolist() == mine
    assert keywords_of(theirs[other_codes], both).tolist() == others
    assert both.tolist() == sorted({*dictionary.tolist(), *other_dictionary.tolist()})
    if len(dictionary) and {*other_dictionary.tolist()} <= {*dictionary.tolist()}:
        assert both is dictionary
        assert own is None


def test_codes_of_the_same_dictionary_stay_as_they_are() -> None:
    """Translating returns the codes themselves, and merging returns the dictionary itself."""
    codes, dictionary = encode_keywords(["b", None, "a"])
    assert translate(dictionary, codes, dictionary) is codes
    both, own, theirs = merge_dictionaries(dictionary, dictionary)
    assert both is dictionary
    assert own is None
    assert theirs.tolist() == [0, 1, MISSING]


@pytest.mark.parametrize("count", [3, 6, 8, 9, 100])
@pytest.mark.parametrize("rows", [[], [MISSING], [2], [2, MISSING, 0, 2], [*range(3)] * 9])
def test_compacting_removes_unused_texts(count: int, rows: list[int]) -> None:
    """The number of rows does not matter. If rows use all texts, the dictionary itself is returned."""
    dictionary = np.array([f"{text:03}" for text in range(count)], dtype=np.object_)
    codes = np.array(rows, dtype=np.int32)
    found, texts = without_unused(codes, dictionary)
    assert found.dtype == np.int32
    assert keywords_of(found, texts).tolist() == keywords_of(codes, dictionary).tolist()
    assert texts.tolist() == [f"{text:03}" for text in sorted({*rows} - {MISSING})]
    if len(texts) == count:
        assert texts is dictionary
    assert without_unused(codes[:0], NO_KEYWORDS)[1] is NO_KEYWORDS


def test_many_merged_columns_decode_to_their_texts() -> None:
    """Thirty columns of random texts are merged one after the other."""
    rng = Random(5)
    dictionary = NO_KEYWORDS
    columns: list[tuple[list[str | None], list[int]]] = []
    for _ in range(30):
        texts = [rng.choice([None, *TEXTS, str(rng.randrange(200))]) for _ in range(rng.randrange(30))]
        codes, own = encode_keywords(texts)
        dictionary, before, there = merge_dictionaries(dictionary, own)
        if before is not None:
            columns = [(column, before[np.array(known, dtype=np.int64)].tolist()) for column, known in columns]
        columns.append((texts, there[codes].tolist()))
    for column, known in columns:
        assert keywords_of(np.array(known, dtype=np.int32), dictionary).tolist() == column
