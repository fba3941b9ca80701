"""The time of entity filters: a page of one host's records or buckets, beside SQLite.

Before a question is timed, every answer is compared with that of a loop over all records. `python -m benchmarks --parts
filters` measures more works, at a million records.
"""

from functools import partial
from typing import Final

import numpy as np
import pytest

from benchmarks.filters import (
    HOT,
    SMALLEST,
    Setting,
    measure_after_appends,
    measure_first,
    measure_memory,
    measure_questions,
    questions,
    questions_of_many_jobs,
    record_columns,
)
from benchmarks.goals import judge
from benchmarks.peers import is_installed
from benchmarks.peers.filters import KINDS
from benchmarks.questions import check
from benchmarks.timing import ONCE, Figures, Table, WrongAnswer
from benchmarks.workloads import Benchmark

#: The collector must not collect one contestant's garbage while another is timed.
WITHOUT_GARBAGE: Final = pytest.mark.benchmark(disable_gc=True)
PEERS: Final = tuple(name for name in KINDS if is_installed(name))
ASKED: Final = (
    "a host of some dozens, newest 100",
    "the hot host, newest 100",
    "the hot host, top 10",
    "buckets of the hot host, newest 100",
)


@pytest.fixture(scope="module")
def setting() -> Setting:
    """The smallest set of one job. Tests must not append to it."""
    return Setting(SMALLEST, PEERS)


@WITHOUT_GARBAGE
@pytest.mark.parametrize("contestant", ["search", "sqlite"])
@pytest.mark.parametrize("name", ASKED)
def test_results_are_filtered(benchmark: Benchmark, name: str, contestant: str, setting: Setting) -> None:
    """Ask for the count and a page of the results of one host."""
    question = questions(setting)[name]
    search, select = partial(setting.index.search, setting.query(question)), setting.peers["sqlite"].prepare(question)
    right, page = setting.answer(question), search()
    check(f"{name}, index", (page.count, setting.keys_of(page)), right, empty=False)
    check(f"{name}, sqlite", select(), right, empty=False)
    benchmark.group = f"{SMALLEST:,} records, {name}"
    benchmark.extra_info["contestant"] = contestant
    benchmark(search if contestant == "search" else select)


def test_the_records_are_skewed() -> None:
    """One host has 15 % of the records, the usual one some dozens, and few scores are high. No identity comes twice."""
    columns = record_columns(100_000)
    counts = np.bincount(columns["host"])
    assert len(columns["timestamp"]) == 100_000
    assert counts[HOT] == pytest.approx(15_000, rel=0.1)
    assert 24 <= np.median(counts) <= 72
    assert np.mean(columns["score"] >= 75) == pytest.approx(0.005, rel=0.2)
    identities = [columns[name] for name in ("timestamp", "function", "host", "partition")]
    assert len(np.unique(np.stack(identities), axis=1)[0]) == 100_000
    assert len(np.unique(columns["score"])) == 100_000


def test_a_wrong_answer_is_refused(setting: Setting) -> None:
    """A question whose right answer is another one ends the measurement."""

    class Other(Setting):
        def __init__(self) -> None:
            vars(self).update(vars(setting))
            self.rows = setting.rows[:-1_000]

    with pytest.raises(WrongAnswer, match="the hot host, newest 100"):
        measure_questions(Other(), {"the hot host, newest 100": questions(setting)["the hot host, newest 100"]}, ONCE)


def test_each_question_has_every_contestant(setting: Setting) -> None:
    """Each question about one job or all jobs is answered rightly by the index and by each peer."""
    many = Setting(SMALLEST, PEERS, jobs=20)
    for one, asked in ((setting, questions(setting)), (many, questions_of_many_jobs(many))):
        figures = measure_questions(one, asked, ONCE)
        assert figures.keys() >= asked.keys()
        for name in asked:
            assert {"search", "search, keys", *PEERS} <= figures[name].keys()


def test_first_questions_and_memory_are_measured(setting: Setting) -> None:
    """The lists of a column and those of a data field each have a first question and a size."""
    assert all({"the first time", "again"} == row.keys() for row in measure_first(setting, ONCE).values())
    weights = measure_memory(setting)
    assert len(weights) == 2
    assert all(row["reported"] > 4 for row in weights.values())


def test_appended_records_are_found() -> None:
    """After appends, the answers of the index and of SQLite have the new records and their buckets."""
    appended_to = Setting(SMALLEST, PEERS)
    figures = measure_after_appends(appended_to, ONCE)
    assert len(appended_to.rows) == SMALLEST + 2 * len(figures)
    assert all({"search, keys", "again", "sqlite"} == row.keys() for row in figures.values())


@pytest.mark.parametrize(("keys", "many", "few"), [(10.0, True, True), (10.1, False, True), (301.0, False, False)])
def test_goals_compare_with_sqlite(keys: float, many: bool, few: bool) -> None:
    """Many matches must be ten times as fast as SQLite; some dozens may take three times as long."""
    row = {"search": 1.0, "search, keys": keys, "sqlite": 100.0, "sqlite, without the count": 2.0}
    figures: Figures = {"the hot host, top 10": row, "a host of some dozens, newest 100": row}
    verdicts = {one.work: one for one in judge({("filters", 1): Table("", "µs", figures)}, 1_000_000)}
    assert verdicts["filter by a host with 15 % of 10^6 records: count and page"].is_met is many
    assert verdicts["filter by a host with some dozens: count and page"].is_met is few
