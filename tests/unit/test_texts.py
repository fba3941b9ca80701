"""Texts: columns of text as codes."""

from typing import Any

import numpy as np
import pytest

from bucketquery.ingest.texts import Coder, Texts, texts_of
from bucketquery.storage.keywords import encode_keywords


class Text(str):
    """A subclass of text, which may compare as it likes."""

    __slots__ = ()


COLUMNS: list[list[str | None]] = [
    [],
    ["web"],
    [None],
    [None, None],
    [None, "b", "a", "b"],
    ["b", None, "a", None, "b"],
    ["b", "a", None],
    ["\ue000", "\U00010000", "", "a\x00", "a"],
]


@pytest.mark.parametrize("given", COLUMNS, ids=repr)
def test_texts_are_coded_in_the_order_of_their_first_row(given: list[str | None]) -> None:
    """The entries come back, and sorting the texts gives the codes that `encode_keywords` gives."""
    texts = texts_of(given)
    assert texts is not None
    assert texts.entries() == given
    assert list(texts.distinct) == [text for text in dict.fromkeys(given) if text is not None]
    assert texts.is_complete() == (None not in given)
    codes, dictionary = texts.encoded()
    expected_codes, expected_dictionary = encode_keywords(given)
    assert (codes.tolist(), dictionary.tolist()) == (expected_codes.tolist(), expected_dictionary.tolist())
    assert (codes.dtype.str, dictionary.dtype.str) == ("<i4", "|O")


@pytest.mark.parametrize("given", [["a", 5], [Text("a")], [b"a"], [[]], ["a", np.str_("a")], [float("nan")]], ids=repr)
def test_any_other_value_is_left_to_the_checks_of_single_values(given: list[Any]) -> None:
    """A subclass of text is not looked up, because it may compare as it likes."""
    assert texts_of(given) is None


def test_a_coder_goes_on_with_later_keys() -> None:
    """A key keeps its code."""
    coder = Coder()
    assert coder.codes([b"b", b"a", b"b"], 3).tolist() == [0, 1, 0]
    assert coder.codes(iter([b"c", b"a"]), 2).tolist() == [2, 1]
    assert coder.keys() == [b"b", b"a", b"c"]


def test_unused_texts_stay_in_the_dictionary() -> None:
    """A dictionary may have texts that no row has."""
    codes, dictionary = Texts(np.array([1, -1], dtype=np.int32), ["b", "a"]).encoded()
    assert (codes.tolist(), dictionary.tolist()) == ([0, -1], ["a", "b"])
