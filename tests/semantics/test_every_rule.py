"""The tables beside this file and the chapters in docs/semantics describe the same rules and name the same sources."""

import re
import runpy
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "semantics"
#: The text of each chapter without its examples, by file name.
CHAPTERS = {
    path.name: re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for path in sorted(FOLDER.glob("*.md"))
}
#: A heading, and the number of its rule if it has one: ``## 7. `count```, ``## 1.1 The window``, ``## 20.now: when``.
HEADING = re.compile(r"^#{1,3} (?:(\d+(?:\.[\da-z-]+)?)[.: ])?.*$", re.MULTILINE)
#: A link to a rule: its text, its file (none for the same file) and the number in its anchor.
RULE_LINK = re.compile(r"\[([^\]]*)\]\(([\w.-]*)#rule-([\w.-]+)\)")
CODES = dict(re.findall(r"\b([A-Z]{2,}) \| `([\w.]+)`", CHAPTERS["index.md"]))


class Named(NamedTuple):
    """The test that runs over a row, and the row's rule, claim and source."""

    test: str
    rule: str
    claim: str
    source: str


def rules() -> dict[str, str]:
    """The text of each rule, by its number.

    A rule is the text below a heading with a number, unless this is the number of a chapter.
    """
    return {number: text for _, number, text in _numbered_rules()}


def _numbered_rules() -> list[tuple[str, str, str]]:
    """The file, number and text of each rule."""
    numbered: list[tuple[str, str, str]] = []
    for file, chapter in CHAPTERS.items():
        _, *parts = HEADING.split(chapter)
        found = zip(parts[::2], parts[1::2], strict=True)
        numbered += [(file, number, text) for number, text in found if number is not None]
    chapters = {number.partition(".")[0] for _, number, _ in numbered if "." in number}
    return [rule for rule in numbered if rule[1] not in chapters]


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


def _without_code(text: str) -> str:
    """The text without the parts in backquotes, because a link there is only an example."""
    return re.sub(r"(`+).*?\1", "", text)


def test_every_rule_is_written_once() -> None:
    """No number belongs to two rules, in one chapter or in two."""
    numbers = Counter(number for _, number, _ in _numbered_rules())
    assert [number for number, times in numbers.items() if times > 1] == []


def test_every_rule_has_its_anchor() -> None:
    """The line before a rule's heading is its anchor, and there are no other anchors of rules."""
    for file, chapter in CHAPTERS.items():
        anchors = re.findall(r'^<a id="rule-([\w.-]+)"></a>\n\n## \1[.: ]', chapter, re.MULTILINE)
        assert anchors == [number for where, number, _ in _numbered_rules() if where == file], file
        assert len(anchors) == chapter.count('<a id="'), file


def test_every_link_to_a_rule_leads_there() -> None:
    """A link names the file that has the rule, and a number in its text is the rule's own."""
    places = {(where, number) for where, number, _ in _numbered_rules()}
    links = [(file, *link) for file, chapter in CHAPTERS.items() for link in RULE_LINK.findall(_without_code(chapter))]
    assert [link for link in links if (link[2] or link[0], link[3]) not in places] == []
    assert [link for link in links if re.match(r"\d", link[1]) and link[1] != link[3]] == []


def test_every_difference_is_in_the_table() -> None:
    """The table of differences has each rule that departs from the API reference or the server."""
    listed = {number for _, _, number in RULE_LINK.findall(CHAPTERS["differences.md"])}
    assert sorted(number for number, text in rules().items() if "**Differs**: " in text and number not in listed) == []


def test_the_index_names_every_chapter() -> None:
    """The table of chapters in index.md links to every other file of the folder."""
    table = CHAPTERS["index.md"].partition("## Chapters")[2].partition("\n## ")[0]
    linked = re.findall(r"^\|.*\]\(([\w-]+\.md)\) \|$", table, re.MULTILINE)
    assert sorted(linked) == sorted(CHAPTERS.keys() - {"index.md"})


def test_every_rule_is_named(named_rows: list[Named]) -> None:
    """The rules named by the tables are exactly those of the chapters."""
    named = {row.rule for row in named_rows}
    assert sorted(rules().keys() - named) == [], "in a chapter, but checked by no row"
    assert sorted(named - rules().keys()) == [], "named by a row, but in no chapter"


def test_every_row_has_a_name_of_its_own(named_rows: list[Named]) -> None:
    """No test runs over two rows with the same rule and claim, so these identify a failing row."""
    named = Counter((row.test, row.rule, row.claim) for row in named_rows)
    assert [row for row, times in named.items() if times > 1] == []


def test_every_rule_names_its_source() -> None:
    """Each rule names its source, except a rule that only points to another one."""
    unsourced = {number for number, text in rules().items() if "**From**: " not in text}
    assert sorted(unsourced) == ["20.minus-one"]


def test_every_source_is_named_at_its_rule(named_rows: list[Named]) -> None:
    """The codes and rules in the sources of rows are right.

    The text of a row's rule names the class of each code. A rule given as a source exists. Every code is used.
    """
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
