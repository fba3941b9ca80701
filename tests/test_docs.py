"""The pages hold together: the README leads to pages that exist, of one home, and the glossary to files that exist."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
URLS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\(([^()\s]+)\)")
#: The places of a page that a link may lead to: its headings, and the anchors that it sets itself.
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ANCHOR = re.compile(r'<a id="([^"]+)">')


def anchors(page: str) -> set[str]:
    """The anchors of a page: what its headings become, and those that it sets."""
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(page))
    return {heading.strip().replace(" ", "-") for heading in kept} | set(ANCHOR.findall(page))


def target(link: str) -> Path | None:
    """The file that an address of the site shows; None if there is none."""
    place = link.removeprefix(URLS["Documentation"]).partition("#")[0].strip("/")
    found = (DOCS / place, DOCS / f"{place}.md", DOCS / place / "index.md")
    return next((path for path in found if path.is_file()), None)


def broken(text: str) -> list[str]:
    """The links of a text that are not of this home, or lead to no page or to no place on it."""
    wrong = []
    for link in LINK.findall(text):
        path = target(link) if link.startswith(f"{URLS['Documentation']}/") else None
        anchor = link.partition("#")[2]
        if path is None or (anchor and anchor not in anchors(path.read_text(encoding="utf-8"))):
            wrong.append(link)
    return wrong


def test_the_readme_leads_to_pages_of_one_home() -> None:
    """Its links are absolute, since a registry shows it without the files beside it, and each leads to a place."""
    assert len(LINK.findall(README)) > 20
    assert broken(README) == []
    assert [link for link in re.findall(r"https?://[^\s)]+", README) if not link.startswith(URLS["Homepage"])] == []


@pytest.mark.parametrize(
    "link",
    [
        "docs/guide/querying.md",
        "https://elsewhere.example/docs/guide/querying/",
        f"{URLS['Documentation']}/guide/nothing/",
        f"{URLS['Documentation']}/guide/querying/#nowhere",
    ],
)
def test_a_broken_link_is_told(link: str) -> None:
    """A relative one, one of another home, one to no page, one to no place of a page."""
    assert broken(f"before [words]({link}) after") == [link]


def test_there_is_one_home() -> None:
    """The site is built for the address that the package tells."""
    assert URLS["Documentation"].startswith(f"{URLS['Homepage']}/")
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert re.findall(r"^site_url: (.+)$", settings, re.MULTILINE) == [f"{URLS['Documentation']}/"]


def test_the_glossary_leads_to_files() -> None:
    """Each word has the path of the file where the thing lives."""
    rows = [line for line in (DOCS / "glossary.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    paths = [path for row in rows for path in re.findall(r"\| `([\w/]+\.py)` \|$", row)]
    # Each table has two rows that are no words: its head, and the line below it.
    assert len(paths) == len(rows) - 2 * sum(row.startswith("| ---") for row in rows)
    assert [path for path in paths if not (ROOT / "bucketquery" / path).is_file()] == []


def test_every_page_is_in_the_navigation() -> None:
    """A page that nobody can reach is not read; the site would refuse to be built."""
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r"- (?:[\w ]+: )?([\w/-]+\.md)$", settings, re.MULTILINE)
    assert sorted(listed) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
