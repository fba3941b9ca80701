"""Text from outside: what a job may be called, what is kept of text, and how a wrong value is told."""

from enum import StrEnum
from typing import Any

import numpy as np
import pytest

from bucketquery.model.text import brief, built_in_str, is_job_id, visible


class Text(str):
    """Text of somebody's own class."""

    __slots__ = ()

    def __str__(self) -> str:
        return "another"


class Job(StrEnum):
    """Jobs as an enumeration has them."""

    WEB = "web"


JOB_IDS = ["a", "A-_b", "0", ".", "données", "\U0001f4a1", "a" * 255, "web.prod:1", Text("web"), "b-"]
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
def test_a_job_may_be_called_so(job_id: str) -> None:
    """Any text of 1 to 255 characters without separators, wildcards, blanks and controls."""
    assert is_job_id(job_id)


@pytest.mark.parametrize("job_id", NO_JOB_IDS, ids=lambda value: repr(value)[:30])
def test_no_job_may_be_called_so(job_id: Any) -> None:
    """Nor by what is no text."""
    assert not is_job_id(job_id)


def test_text_is_kept_as_what_it_equals() -> None:
    """Of whatever class it is, and whatever that class has to say for itself."""
    for text in ("web", Text("web"), Job.WEB):
        assert (built_in_str(text), type(built_in_str(text))) == ("web", str)
    kept = "web"
    assert built_in_str(kept) is kept


def test_a_wrong_value_is_told_briefly() -> None:
    """Short ones as they are, long ones cut, others by their type."""
    assert (brief("a" * 101), brief(-5), brief(1.5), brief(True), brief(np.int8(3))) == (
        "a" * 100,
        "-5",
        "1.5",
        "True",
        "3",
    )
    assert (brief(10**5000), brief(2**63), brief([1]), brief(None)) == ("int", "int", "list", "NoneType")
    assert brief(-(2**63) + 1) == str(-(2**63) + 1)


def test_what_is_not_seen_is_made_visible() -> None:
    """Letters of any script are seen, controls and separators are not."""
    assert visible("données\u202e\t\x00") == "données\\u202e\\t\\x00"
