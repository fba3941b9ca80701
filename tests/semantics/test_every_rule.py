"""The tables beside this file and docs/semantics.md are about the same rules, and have them from the same places."""

import re
import runpy
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

DOCUMENT = (Path(__file__).parents[2] / "docs" / "semantics.md").read_text(encoding="utf-8")
#: A heading, and the number of its rule if it has one: ``## 7. `count```, ``### 1.1 The window``, ``### 20.now: when``.
HEADING = re.compile(r"^#{2,3} (?:(\d+(?:\.[\da-z-]+)?)[.: ])?.*$", re.MULTILINE)
CODES = dict(re.findall(r"\b([A-Z]{2,}) \| `([\w.]+)`", DOCUMENT))


class Named(NamedTuple):
    """Where a row stands, and what it says of itself."""

    test: str
    rule: str
    claim: str
    source: str


def rules() -> dict[str, str]:
    """What the document says of each rule, by its number: headings with numbers, but for those of whole chapters."""
    _, *parts = HEADING.split(DOCUMENT)
    numbered = {number: text for number, text in zip(parts[::2], parts[1::2], strict=True) if number is not None}
    chapters = {number.partition(".")[0] for number in numbered if "." in number}
    return {number: text for number, text in numbered.items() if number not in chapters}


@pytest.fixture(scope="module")
def named_rows() -> list[Named]:
    """Every row that a test of this folder runs over."""
    found: list[Named] = []
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.samefile(__file__):
            continue
        for name, member in runpy.run_path(str(path)).items():
            if name.startswith("test_"):
                test = f"{path.stem}::{name}"
                found += [Named(test, row.rule, row.claim, row.source) for row in _rows(member)]
    return found


def _rows(test: Any) -> list[Any]:
    marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
    return [row for mark in marks if mark.name == "parametrize" and mark.args[0] == "row" for row in mark.args[1]]


def test_every_rule_is_named(named_rows: list[Named]) -> None:
    """The rules named by the tables are exactly those of the document."""
    named = {row.rule for row in named_rows}
    assert sorted(rules().keys() - named) == [], "in the document, and no row checks it"
    assert sorted(named - rules().keys()) == [], "named by a row, and not in the document"


def test_every_row_has_a_name_of_its_own(named_rows: list[Named]) -> None:
    """No test runs over two rows of one name, so a failing case can be found by it."""
    named = Counter((row.test, row.rule, row.claim) for row in named_rows)
    assert [row for row, times in named.items() if times > 1] == []


def test_every_source_is_the_documents(named_rows: list[Named]) -> None:
    """What a row's code stands for is named at its rule, a rule given as source exists, and no code is left over."""
    texts = rules()
    used: set[str] = set()
    unknown: set[tuple[str, str]] = set()
    for row in named_rows:
        places = row.source.partition(":")[0].split(", ")
        unknown |= {(row.rule, place) for place in places if re.fullmatch(r"\d+(\.\d+)?", place) and place not in texts}
        for word in re.findall(r"\b[A-Z]{2,}\b", row.source):
            used.add(word)
            if (f"`{CODES[word]}`" if word in CODES else word) not in texts.get(row.rule, ""):
                unknown.add((row.rule, word))
    assert sorted(unknown) == []
    assert sorted(CODES.keys() - used) == []
