"""Every rule in scope is named by at least one row of the tables beside this file, and no row names another rule."""

import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

IN_SCOPE = {
    *("1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8", "1.9"),  # the window and its dates
    *("2.1", "2.2", "2.4", "2.5", "2.6", "2.7"),  # one bucket by timestamp
    *("3.1", "3.2", "3.3", "3.4", "3.5"),  # the threshold
    *("4.1", "4.2", "4.3", "4.4"),  # interim buckets
    *("5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "5.7"),  # order
    *("6.1", "6.2", "6.3"),  # pages
    "7",  # count
    *("8.1", "8.7"),  # expand, as far as it goes without records
    *("9.1", "9.2", "9.3", "9.4", "9.5"),  # the shape of a bucket
    "11",  # jobs
    "12.1",  # identity
    # The rulings of section 20, by their topics.
    "20.minus-one",
    "20.types",
    "20.now",
    "20.lookup",
    "20.order-of-buckets",
    "20.all-orders",
    "20.sortable-fields",
    "20.identity",
    "20.from-size",
    "20.documents",
    "20.missing-fields",
    "20.unknown-fields",
    "20.other-result-types",
    "20.a-bad-document",
    "20.errors",
    "20.python-client-habits",
    "20.jobs",
    "20.commits",
    "20.columns",
    "20.severity",
    "20.which-error-first",
}


@pytest.fixture(scope="module")
def named_rows() -> list[tuple[str, str, str]]:
    """Module and test, rule and claim of every row that a test of this folder runs over."""
    found: list[tuple[str, str, str]] = []
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.samefile(__file__):
            continue
        for name, member in runpy.run_path(str(path)).items():
            if name.startswith("test_"):
                found += [(f"{path.stem}::{name}", row.rule, row.claim) for row in _rows(member)]
    return found


def _rows(test: Any) -> list[Any]:
    marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
    return [row for mark in marks if mark.name == "parametrize" and mark.args[0] == "row" for row in mark.args[1]]


def test_every_rule_in_scope_is_named(named_rows: list[tuple[str, str, str]]) -> None:
    """The rules named by the tables are exactly the rules in scope."""
    assert {rule for _, rule, _ in named_rows} == IN_SCOPE


def test_every_row_has_a_name_of_its_own(named_rows: list[tuple[str, str, str]]) -> None:
    """No test runs over two rows of one name, so a failing case can be found by it."""
    assert [row for row, times in Counter(named_rows).items() if times > 1] == []
