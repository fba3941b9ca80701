"""Columns of texts: codes that compare as the texts do, within a dictionary and across two."""

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
def test_texts_come_back_from_their_codes(texts: list[str | None]) -> None:
    """In their order, each of the distinct ones once in the dictionary, by the bytes of UTF-8."""
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
def test_codes_of_another_dictionary_compare_as_texts(mine: list[str | None], others: list[str | None]) -> None:
    """Less, equal or greater as the texts are; what is missing is below all, and equal to itself."""
    codes, dictionary = encode_keywords(mine)
    other_codes, other_dictionary = encode_keywords(others)
    terms = translate(dictionary, other_codes, other_dictionary).tolist()

    def key(text: str | None) -> tuple[bool, str]:
        return text is not None, text or ""

    for text, code in zip(mine, codes.tolist(), strict=True):
        for other, term in zip(others, terms, strict=True):
            assert (code < term, code == term) == (key(text) < key(other), key(text) == key(other))


@pytest.mark.parametrize("mine", SOME, ids=ascii)
@pytest.mark.parametrize("others", SOME, ids=ascii)
def test_two_dictionaries_become_one(mine: list[str | None], others: list[str | None]) -> None:
    """All texts of both, and codes for them; the first one itself where it has them all."""
    codes, dictionary = encode_keywords(mine)
    other_codes, other_dictionary = encode_keywords(others)
    both, own, theirs = merge_dictionaries(dictionary, other_dictionary)
    assert keywords_of(codes if own is None else own[codes], both).tolist() == mine
    assert keywords_of(theirs[other_codes], both).tolist() == others
    assert both.tolist() == sorted({*dictionary.tolist(), *other_dictionary.tolist()})
    if len(dictionary) and {*other_dictionary.tolist()} <= {*dictionary.tolist()}:
        assert both is dictionary
        assert own is None


def test_a_dictionary_is_in_its_own_terms() -> None:
    """Without a look at any text."""
    codes, dictionary = encode_keywords(["b", None, "a"])
    assert translate(dictionary, codes, dictionary) is codes
    both, own, theirs = merge_dictionaries(dictionary, dictionary)
    assert both is dictionary
    assert own is None
    assert theirs.tolist() == [0, 1, MISSING]


@pytest.mark.parametrize("count", [3, 6, 8, 9, 100])
@pytest.mark.parametrize("rows", [[], [MISSING], [2], [2, MISSING, 0, 2], [*range(3)] * 9])
def test_what_no_row_uses_goes(count: int, rows: list[int]) -> None:
    """Whether rows are few beside texts or not; where all are used, nothing is made anew."""
    dictionary = np.array([f"{text:03}" for text in range(count)], dtype=np.object_)
    codes = np.array(rows, dtype=np.int32)
    found, texts = without_unused(codes, dictionary)
    assert found.dtype == np.int32
    assert keywords_of(found, texts).tolist() == keywords_of(codes, dictionary).tolist()
    assert texts.tolist() == [f"{text:03}" for text in sorted({*rows} - {MISSING})]
    if len(texts) == count:
        assert texts is dictionary
    assert without_unused(codes[:0], NO_KEYWORDS)[1] is NO_KEYWORDS


def test_many_texts_are_as_few() -> None:
    """Random columns of random texts, merged one after the other."""
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
