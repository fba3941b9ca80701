"""A report shows the measured figures: they are written and read again, listed with the winner, and drawn."""

import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.outcome import Outcome, Place, here, in_short, read, usual_size, write
from benchmarks.peers import KINDS
from benchmarks.pictures import draw
from benchmarks.report import beside, for_readme, humane, markdown, short
from benchmarks.timing import Table
from benchmarks.workloads import QUESTIONS

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DOCS = ROOT / "docs"
QUICK: dict[str, float] = {
    "search": 2.0,
    "search, timestamps": 4.0,
    "list": 1.0,
    "numpy": 6.0,
    "ordered": 0.5,
    "sqlite": 40.0,
    "polars": 8.0,
}
SLOW: dict[str, float] = {
    "search": 3,
    "search, timestamps": 5,
    "list": 90_000,
    "numpy": 9,
    "sqlite": 20,
    "polars": 1_500,
}


@pytest.fixture
def measured() -> Outcome:
    """An outcome with two questions at two sizes, writes of many jobs, and a claim."""
    questions = {
        ("questions live", size): Table(f"Questions, {size:,}", "µs", {"Q1 first page": QUICK, "Q4 threshold 75": SLOW})
        for size in (10_000, 1_000_000)
    }
    rates = {"index": 1_000.0, "sqlite": 4_000.0}
    many_jobs = Table("Many jobs, writes, 300", "documents a second", {"F one more": rates})
    row = {"small": 1.0, "large": 9.0, "grew": 9.0, "claimed": 1.0, "holds": 0.0}
    claims = Table("Claims", "µs", {"`index.slow`": row})
    plan = {"question": "Q4 threshold 75, 10,000", "path": "threshold", "levels": [75.0], "column": None}
    place = Place("a machine", "Python 3", "abc1234")
    results = {**questions, ("many jobs writes", 300): many_jobs, ("claims", 1): claims}
    return Outcome(place, ["a note"], results, [plan])


def test_figures_are_written_and_read(measured: Outcome, tmp_path: Path) -> None:
    """An outcome that is written to a file and read again is the same."""
    write(measured, tmp_path / "figures.json")
    assert read(tmp_path / "figures.json") == measured


def test_a_report_says_who_wins(measured: Outcome) -> None:
    """A row names its quickest peer, and says whether that peer wins. A higher rate wins.

    *NumPy, ordered* is never the quickest peer. It is added if it is quicker than both.
    """
    assert usual_size(measured.results) == 1_000_000
    assert [table.title for table in in_short(measured.results)] == ["Questions, 1,000,000", "Many jobs, writes, 300"]
    text = "\n".join(short(measured))
    assert "a machine; Python 3; commit abc1234" in text
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    first = ["2.00 µs", "4.00 µs", "1.00 µs", "6.00 µs", "0.50 µs", "40.0 µs", "8.00 µs Polars"]
    assert ["Q1 first page", *first, "**list wins, 0.5x** (*ordered* 0.25x)"] in rows
    second = ["3.00 µs", "5.00 µs", "90.0 ms", "9.00 µs", "", "20.0 µs", "1.50 ms Polars", "NumPy 3x"]
    assert ["Q4 threshold 75", *second] in rows
    third = ["1,000 a second", "", "", "", "", "4,000 a second", "", "**SQLite wins, 0.25x**"]
    assert ["F one more", *third] in rows
    report = markdown(measured, ["ratios.svg"])
    assert text in report
    assert "- a note" in report
    assert "(ratios.svg)" in report
    assert "| question | path | levels | column |" in report
    assert "| Q4 threshold 75, 10,000 | threshold | 75 |  |" in report
    assert "| `index.slow` | 1.00 | 9.00 | 9x | 1x | **does not hold** |" in report


def test_times_have_short_units() -> None:
    """A time of 1,000 of a unit is shown in the larger unit. A ratio below 1 is not rounded up to 1."""
    assert [humane(2.5, "µs"), humane(2_500, "µs"), humane(2_500, "ms")] == ["2.50 µs", "2.50 ms", "2.50 s"]
    assert beside({"search": 1.0, "numpy": 0.999}) == "**NumPy wins, 0.99x**"
    assert not beside({"search": 1.0})


@pytest.mark.skipif(not find_spec("matplotlib"), reason="matplotlib is not installed")
def test_pictures_are_drawn(measured: Outcome, tmp_path: Path) -> None:
    """Two pictures are drawn, the same ones from the same figures. With one size there is no picture of latency."""
    again = tmp_path / "again"
    again.mkdir()
    assert draw(measured, tmp_path) == draw(measured, again) == ["latency.svg", "ratios.svg"]
    for name in ("latency.svg", "ratios.svg"):
        assert (tmp_path / name).read_bytes() == (again / name).read_bytes()
    results = {key: table for key, table in measured.results.items() if key != ("questions live", 10_000)}
    assert draw(measured._replace(results=results), tmp_path) == ["ratios.svg"]
    assert draw(measured._replace(results={}), tmp_path) == []


def test_an_outcome_names_its_place() -> None:
    """The place has the versions of Python and of packages, and a commit."""
    place = here()
    assert "Python 3" in place.versions
    assert "numpy" in place.versions
    assert place.commit


def test_the_readme_has_five_works(measured: Outcome) -> None:
    """The README's table has five works beside four peers, or none if one of them was not measured."""
    works = ["Q3 last page", "Q4 threshold 75", "Q6 top 10 by score", "Q10 count at threshold 50, a half"]
    questions = Table("Questions, 1,000,000", "µs", dict.fromkeys(works, QUICK | {"duckdb": 500.0}))
    appended = {"index": 2.0, "list": 1.0, "sqlite": 1_500.0}
    results = {
        ("questions live", 1_000_000): questions,
        ("appending", 1_000_000): Table("Appending", "µs", {"W2 append a bucket": appended}),
    }
    place, _, *rows = for_readme(measured._replace(results=results))
    assert place == "1,000,000 buckets of one job, medians; a machine; commit abc1234."
    assert rows[2:] == [
        *(
            f"| {words} | 2.00 µs | 4.00 µs | 1.00 µs | 6.00 µs | 40.0 µs | 500 µs "
            "| **list wins, 0.5x** (*ordered* 0.25x) |"
            for words in (
                "the newest page",
                "a page at threshold 75",
                "the top ten by score",
                "a count at threshold 50",
            )
        ),
        "| append a bucket, then the newest page | 2.00 µs |  | 1.00 µs |  | 1.50 ms |  | **list wins, 0.5x** |",
    ]
    assert for_readme(measured) == ["not all of these works were measured"]


def test_the_published_figures_are_the_stored_ones() -> None:
    """Report, pictures, README and the page on performance show the stored figures, which are of a whole run."""
    stored = read(RESULTS / "figures.json")
    pictures = ["latency.svg", "ratios.svg"]
    assert (RESULTS / "report.md").read_text(encoding="utf-8") == markdown(stored, pictures)
    performance = (DOCS / "performance.md").read_text(encoding="utf-8")
    assert "\n".join(short(stored)) in performance
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "\n".join(for_readme(stored)) in readme
    site = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Documentation"]
    assert f"]({site}/pictures/latency.svg)" in readme
    for name in pictures:
        assert f"](pictures/{name})" in performance
        assert (RESULTS / name).read_text(encoding="utf-8").count("<svg") == 1
        # The site can show only the files of its own folder.
        assert (DOCS / "pictures" / name).read_bytes() == (RESULTS / name).read_bytes()
    assert {10_000, 1_000_000} <= {size for part, size in stored.results if part == "questions live"}
    questions = stored.results["questions live", 10_000].figures
    assert set(questions) == set(QUESTIONS)
    assert set(KINDS) <= set(questions[QUESTIONS[0]])
    assert "took under 0.1 ms for each of 14 questions, from ten thousand to ten million buckets" in readme
    searches = {size: table.figures for (part, size), table in stored.results.items() if part == "questions live"}
    assert {10_000, 10_000_000} <= searches.keys()
    for figures in searches.values():
        assert len(figures) == 14
        assert max(row["search"] for row in figures.values()) < 100
