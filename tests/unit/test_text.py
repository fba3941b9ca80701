"""Text from outside: valid job ids, built-in text from subclasses, and values in error messages."""

from enum import StrEnum
from typing import Any

import numpy as np
import pytest

from bucketquery.model.text import are_job_ids, brief, built_in_str, is_job_id, shortened, told_apart, visible


class Text(str):
    """A subclass of str with its own ``__str__``."""

    __slots__ = ()

    def __str__(self) -> str:
        return "another"


class Job(StrEnum):
    """Job ids as an enumeration."""

    WEB = "web"


JOB_IDS = ["a", "A-_b", "0", ".", "données", "\U0001f4a1", "a" * 255, "web.prod:1", "b-"]
NO_JOB_IDS: list[Any] = [
    "",
    "-a",
    "_all",
    "a,b",
    "a*",
    "a b",
    "a\t",
    "a\n",
    "a\x00",
    "a\x85",
    "a\u2003b",
    "a" * 256,
    5,
    None,
]


@pytest.mark.parametrize("job_id", JOB_IDS, ids=lambda value: repr(value)[:30])
def test_valid_job_ids_are_accepted(job_id: str) -> None:
    """A job id has 1 to 255 characters without separators, wildcards, blanks and control characters."""
    assert is_job_id(job_id)


@pytest.mark.parametrize("job_id", NO_JOB_IDS, ids=lambda value: repr(value)[:30])
def test_invalid_job_ids_are_refused(job_id: Any) -> None:
    """A value that is not built-in text is invalid too."""
    assert not is_job_id(job_id)


def test_built_in_str_returns_an_equal_str() -> None:
    """It ignores the ``__str__`` of a subclass. A str is returned as the same object."""
    for text in ("web", Text("web"), Job.WEB):
        assert (built_in_str(text), type(built_in_str(text))) == ("web", str)
    text = "web"
    assert built_in_str(text) is text


def test_brief_shortens_a_value_for_an_error() -> None:
    """It shows short values whole, cuts long text, and shows other values by their type."""
    assert (brief("a" * 101), brief(-5), brief(1.5), brief(True), brief(np.int8(3))) == (
        "a" * 100,
        "-5",
        "1.5",
        "True",
        "3",
    )
    assert (brief(10**5000), brief(2**63), brief([1]), brief(None)) == ("int", "int", "list", "NoneType")
    assert brief(-(2**63) + 1) == str(-(2**63) + 1)


def test_visible_escapes_unprintable_characters() -> None:
    """Letters of any script stay. Control characters and direction marks are escaped."""
    assert visible("données\u202e\t\x00") == "données\\u202e\\t\\x00"


@pytest.mark.parametrize(
    ("text", "longest", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abc…fg"),
        ("abcdefghijkl", 6, "abc…kl"),
        ("abcdefghijklmnopqrstuvwxyz", 6, "abc…yz"),
        ("abcdefghijklmnopqrstuvwxyz", 7, "abc…xyz"),
        ("a\x1bb", 6, "a\\x1bb"),
        ("a\x1bbc", 6, "a\\x…bc"),
        ("", 6, ""),
    ],
)
def test_a_long_text_is_cut_in_its_middle(text: str, longest: int, shown: str) -> None:
    """Its beginning and its end remain, in at most as many characters as asked for."""
    assert shortened(text, longest) == shown


def test_other_dots_take_their_own_room() -> None:
    """Three dots leave less of the text."""
    assert shortened("abcdefghijkl", 8, "...") == "abc...kl"


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["job-a-cpu-x", "job-b-cpu-x"], ["…a…", "…b…"]),
        (["job-a-cpu-x", "job-"], ["…a-cpu-x", "…"]),
        (["a-web-cpu", "a-db-cpu1"], ["…web-cpu", "…db-cpu1"]),
        (["abcdefghij", "xyz"], ["abcd…hij", "xyz"]),
        (["aWebCpuMemZ", "aDbZ"], ["aWeb…emZ", "aDbZ"]),
        (["long-name-0", "long-name-0"], ["…", "…"]),
        (["job-a", "job-b"], ["job-a", "job-b"]),
        (["long-name-0"], ["long…e-0"]),
        ([], []),
    ],
)
def test_long_texts_are_shown_by_their_differences(texts: list[str], shown: list[str]) -> None:
    """The beginning and the end that all have in common are left out, unless all texts are short."""
    assert told_apart(texts, 8) == shown


@pytest.mark.parametrize("text", [*JOB_IDS, *(text for text in NO_JOB_IDS if type(text) is str), "a\u200b", "a\ue000"])
def test_many_job_ids_are_judged_as_single_ones(text: str) -> None:
    """At any place among valid ids."""
    for texts in ([text], [text, "web"], ["web", text], ["web", text, "db"]):
        assert are_job_ids(texts) == is_job_id(text)
