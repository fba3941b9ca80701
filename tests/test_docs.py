"""The documentation: links of the README, paths of the glossary and the navigation lead to existing pages and files."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
URLS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\(([^()\s]+)\)")
#: The anchors of a page: its headings, and the ones it sets explicitly.
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ANCHOR = re.compile(r'<a id="([^"]+)">')


def anchors(page: str) -> set[str]:
    """The anchors of a page: the slugs of its headings, and the ones it sets explicitly."""
    headings = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(page))
    return {heading.strip().replace(" ", "-") for heading in headings} | set(ANCHOR.findall(page))


def target(link: str) -> Path | None:
    """The file behind an address of the site; None if no file is there."""
    place = link.removeprefix(URLS["Documentation"]).partition("#")[0].strip("/")
    found = (DOCS / place, DOCS / f"{place}.md", DOCS / place / "index.md")
    return next((path for path in found if path.is_file()), None)


def broken(text: str) -> list[str]:
    """The links of a text that leave the site, or whose page or anchor does not exist."""
    wrong = []
    for link in LINK.findall(text):
        path = target(link) if link.startswith(f"{URLS['Documentation']}/") else None
        anchor = link.partition("#")[2]
        if path is None or (anchor and anchor not in anchors(path.read_text(encoding="utf-8"))):
            wrong.append(link)
    return wrong


def test_the_readme_links_to_pages_of_the_site() -> None:
    """The README's links are absolute, since a package registry shows the README without the other files."""
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
def test_broken_links_are_found(link: str) -> None:
    """A link is broken if it is relative, goes to another site, or names a missing page or anchor."""
    assert broken(f"before [words]({link}) after") == [link]


def test_the_site_has_the_packages_address() -> None:
    """``site_url`` in mkdocs.yml is the documentation address in pyproject.toml."""
    assert URLS["Documentation"].startswith(f"{URLS['Homepage']}/")
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert re.findall(r"^site_url: (.+)$", settings, re.MULTILINE) == [f"{URLS['Documentation']}/"]


def test_the_glossary_names_existing_files() -> None:
    """Each word has the path of the file that defines it."""
    rows = [line for line in (DOCS / "glossary.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    paths = [path for row in rows for path in re.findall(r"\| `([\w/]+\.py)` \|$", row)]
    # Each table has two rows without a word: its head and the line below it.
    assert len(paths) == len(rows) - 2 * sum(row.startswith("| ---") for row in rows)
    assert [path for path in paths if not (ROOT / "bucketquery" / path).is_file()] == []


def test_every_page_is_in_the_navigation() -> None:
    """Readers cannot reach a page outside the navigation, and the site does not build with one."""
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r"- (?:[\w ]+: )?([\w/-]+\.md)$", settings, re.MULTILINE)
    assert sorted(listed) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
