"""The reference for selections, tested by examples worked out by hand from rule 20.selection."""

import numpy as np
import pytest

from bucketquery import BucketQueryError, InvalidQuery, LimitExceeded, UnknownJob
from bucketquery.testing import selected
from bucketquery.testing.selection import selects

#: Two jobs of a family, one of another, and a job whose id is the name of a group.
KNOWN = {"web-1": ["shop"], "web-2": [], "db": ["shop", "store"], "é": [], "store": []}


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ("web-1", "web-1"),
        (" web-1 ,, db ", "db web-1"),
        (["db", "web-1,web-2"], "db web-1 web-2"),
        (("db", "db"), "db"),
        ("shop", "db web-1"),
        ("store", "store"),
        ("s*", "db store web-1"),
        ("web-*", "web-1 web-2"),
        ("*-2", "web-2"),
        ("w*b*2", "web-2"),
        ("web-1*", "web-1"),
        ("W*", ""),
        ("***", "db store web-1 web-2 é"),
        ("_all", "db store web-1 web-2 é"),
        ("_all,-shop", "store web-2 é"),
        ("_all,-web-*,web-2", "db store web-2 é"),
        ("web-1,-_all", ""),
        ("web-1,-*,db", "db"),
        ("db,-web-1", "db"),
        ("*,-é", "db store web-1 web-2"),
        (np.str_("db"), "db"),
        ("x" * 256 + "*", None),
        ("a*b*c*d*e*f*g*h*", ""),
    ],
)
def test_tokens_select_from_left_to_right(tokens: str, expected: str | None) -> None:
    """The ids come by code point, each once."""
    if expected is None:
        with pytest.raises(LimitExceeded):
            selected(KNOWN, tokens)
        return
    assert selected(KNOWN, tokens) == expected.split()


@pytest.mark.parametrize(
    ("tokens", "error"),
    [
        ("", InvalidQuery),
        (" , ", InvalidQuery),
        ([], InvalidQuery),
        ([5], InvalidQuery),
        ("-web-1", InvalidQuery),
        ("web-1,-", InvalidQuery),
        ("web-1,--db", InvalidQuery),
        ("_none", InvalidQuery),
        ("web 1", InvalidQuery),
        ("web\x001", InvalidQuery),
        ("a*b*c*d*e*f*g*h*i*", LimitExceeded),
        (["db"] * 100_001, LimitExceeded),
        ("nobody", UnknownJob),
        ("*,-nobody", UnknownJob),
        ("Shop", UnknownJob),
    ],
)
def test_bad_tokens_are_refused(tokens: str, error: type[BucketQueryError]) -> None:
    """The error has the class of the rule and names the parameter."""
    with pytest.raises(error) as caught:
        selected(KNOWN, tokens, field="pattern")
    assert type(caught.value) is error
    assert caught.value.field == "pattern"


def test_the_first_unknown_token_is_named() -> None:
    """Of several unknown tokens the first is named, without its sign."""
    with pytest.raises(UnknownJob, match=r"^No known job with id 'one'$"):
        selected(KNOWN, "db,-one,two")


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (("web",), True),
        (("db", "web"), True),
        (("w*",), True),
        (("*x*",), False),
        (("_all", "-w*"), False),
        (("_all", "-_all", "web"), True),
        (("_all", "-db"), True),
    ],
)
def test_tokens_select_a_job_without_groups(tokens: tuple[str, ...], expected: bool) -> None:
    """The reference of a query knows ids only."""
    assert selects(tokens, "web") is expected
