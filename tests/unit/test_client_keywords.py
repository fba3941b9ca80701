"""The client's keywords: numbers and booleans as text, and a page as an object.

`test_queries` checks the queries that they make. `test_official_client` sends them from the official client.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import pytest

from bucketquery.errors import InvalidQuery
from bucketquery.queries.client_keywords import read_boolean_text, read_double, read_page


def refusal(call: Callable[[], object]) -> InvalidQuery:
    """The error of a call that must be refused."""
    with pytest.raises(InvalidQuery) as caught:
        call()
    return caught.value


class Text(str):
    """A subclass of str."""

    __slots__ = ()


DOUBLES = [
    ("80.0", 80.0),
    ("  5\t\n", 5.0),
    ("\x005\x1f", 5.0),
    ("+.5e1", 5.0),
    ("5.", 5.0),
    ("-1E-2", -0.01),
    ("5f", 5.0),
    ("5D", 5.0),
    ("1e999", math.inf),
    ("Infinity", math.inf),
    ("-Infinity", -math.inf),
]
NOT_DOUBLES = [
    "abc",
    "5 0",
    "5ff",
    "f",
    "e5",
    ".",
    "nan",
    "inf",
    "infinity",
    "Infinityf",
    "1_0",
    "\u0665",
    "\u20035",
    "0x1p3",
    "5L",
]


@pytest.mark.parametrize(("text", "expected"), DOUBLES)
def test_a_threshold_may_be_text_that_java_reads(text: str, expected: float) -> None:
    """The number may have an exponent and a type letter at its end.

    Blanks and control characters may surround it. Java's words for infinity and NaN are accepted too.
    """
    assert read_double(text, "record_score") == expected
    assert math.isnan(read_double("NaN", "record_score"))
    assert math.isnan(read_double("+NaN", "record_score"))


@pytest.mark.parametrize("text", NOT_DOUBLES)
def test_text_that_java_does_not_read_is_refused_in_javas_words(text: str) -> None:
    """Spellings that only Python reads are refused too."""
    error = refusal(lambda: read_double(text, "record_score"))
    assert error.reason == f'For input string: "{text}"'
    assert (error.type, error.field, error.value) == ("number_format_exception", "record_score", text)


@pytest.mark.parametrize("text", ["", " \t"])
def test_empty_text_is_not_a_number(text: str) -> None:
    """Blanks count as empty text."""
    assert refusal(lambda: read_double(text, "record_score")).reason == "empty String"


def test_a_boolean_may_be_text() -> None:
    """The spelling must be exact. None means that the keyword is not given."""
    assert [read_boolean_text(value, "desc") for value in ("true", "false", True, None)] == [True, False, True, None]
    for value in ("True", "", " true", 1, Text("yes")):
        refusal(lambda: read_boolean_text(value, "desc"))  # noqa: B023 - called at once


def test_a_page_gives_the_keywords_that_it_has() -> None:
    """A page may be any mapping with one, both or neither of the keys ``from`` and ``size``."""
    pages: list[tuple[Mapping[str, int], dict[str, int]]] = [
        ({}, {}),
        ({"from": 5}, {"from_": 5}),
        (MappingProxyType({"size": 3, "from": 0}), {"size": 3, "from_": 0}),
    ]
    for page, expected in pages:
        assert read_page(page) == expected
    assert refusal(lambda: read_page([0, 10])).field == "page"
    assert refusal(lambda: read_page({"from_": 0})).reason == "[page] unknown field [from_]"
    assert refusal(lambda: read_page({"from": -1})).field == "page.from"
    assert refusal(lambda: read_page({"size": "5"})).field == "page.size"
