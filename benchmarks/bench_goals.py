"""The command `python -m benchmarks` runs everything once, checks every answer and gives a verdict on every goal."""

import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import sleep

import pytest

from benchmarks.__main__ import PARTS, main
from benchmarks.goals import GOALS, Measured, best, judge, ratios
from benchmarks.peers import KINDS, is_installed
from benchmarks.questions import check
from benchmarks.timing import Effort, Table, WrongAnswer, race
from benchmarks.workloads import QUESTIONS

ROOT = Path(__file__).parent.parent


def test_everything_is_measured_and_judged(tmp_path: Path) -> None:
    """The report of a run at the smallest size has each question, each installed peer, and a result for each goal."""
    # `bench_claims.py` tests the claims.
    parts = [part for part in PARTS if part != "claims"]
    arguments = ["--once", "--sizes", "10000", "--jobs", "300", "--parts", *parts, "--output", str(tmp_path)]
    assert main(arguments) == 0
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    across = ("the top 100 of the last day", "half of the jobs, the newest 100", "first after a batch, the newest 100")
    of_jobs = ("F 300 jobs", *across, "overall buckets, top 3, all", "the ten worst lanes", "single buckets")
    filtered = ("the hot host, newest 100", "the hot host, newest 100, by its data field", "the lists of a column")
    for name in (*QUESTIONS, "W1 ", "W1u ", "W2 ", "W3 ", "W4 ", "W5 ", *of_jobs, *filtered):
        assert f"\n| {name}" in text
    heads = next(line for line in text.splitlines() if line.startswith("| µs | search |"))
    assert {name for name in KINDS if f" {name} " in heads} == set(filter(is_installed, KINDS))
    for name in KINDS:
        if not is_installed(name):
            assert f"not installed: {name}" in text or f", {name}" in text
    goals = text.partition("## Goals")[2].partition("## Questions")[0]
    unmeasured = [line for line in goals.splitlines() if "not measured" in line]
    # Growth needs a second size, the real jobs need their folder, bulk loads of columns need pandas. The goal of the
    # worst lanes is one of long sets.
    needed = ["growth", "the real jobs", "bulk load of columns", "the ten worst lanes"]
    if not (is_installed("duckdb") or is_installed("polars")):
        needed += ["overall buckets", "lanes", "influencers"]
    assert all(any(words in line for words in needed) for line in unmeasured)
    if find_spec("matplotlib"):
        assert "ratios.svg" in text
        assert (tmp_path / "ratios.svg").read_text(encoding="utf-8").count("<use ") > len(QUESTIONS)


def test_a_goal_without_figures_is_not_measured() -> None:
    """Without figures no goal is met, and none is missed."""
    verdicts = judge({}, 1_000_000)
    assert len(verdicts) > len(GOALS)
    assert {verdict.is_met for verdict in verdicts} == {None}


def test_a_peer_is_compared_with_the_same_kind_of_page() -> None:
    """Row numbers are compared with an unread page. An engine's answer is compared with a page of read timestamps."""
    row = {"search": 2.0, "search, keys": 30.0, "search, timestamps": 10.0, "numpy": 3.0, "sqlite": 20.0}
    assert ratios(row) == {"numpy": 1.5, "sqlite": 2.0}
    assert best(row) == ("numpy", 1.5)
    assert ratios({"search": 2.0, "search, keys": 10.0, "numpy": 3.0, "sqlite": 20.0}) == ratios(row)
    assert ratios({"index": 2.0, "numpy": 3.0, "sqlite": 20.0}) == {"numpy": 1.5, "sqlite": 10.0}
    slow = {f"Q{number} of them": row for number in (1, 2, 3, 7, 9)}
    tables = {("questions live", 10_000): Table("", "µs", {name: {**some, "list": 1.0} for name, some in slow.items()})}
    assert Measured(tables, 10_000).sizes == [10_000]
    verdicts = {verdict.goal: verdict for verdict in judge(tables, 10_000)}
    assert verdicts["within 3x of bisect on a list"].is_met
    assert verdicts["3x faster than every engine"].is_met is False


def test_short_calls_are_repeated() -> None:
    """A sample of a short call repeats it until the sample is long enough. The figure is the time of one call."""
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1

    effort = Effort(rounds=3, sample_ns=1_000_000, budget_ns=10**9, seconds=0.0)
    taken = race({"short": [call, call], "long": [partial(sleep, 0.002)]}, effort)
    assert calls > 1_000
    assert 0 < taken["short"] < 100
    assert taken["long"] >= 2_000


@pytest.mark.parametrize(
    ("answer", "right", "empty"),
    [((2, [1]), (1, [1]), False), ((1, [2]), (1, [1]), False), ((0, []), (0, []), False), ((1, []), (1, []), False)],
)
def test_a_wrong_or_empty_answer_fails(
    answer: tuple[int, list[int]], right: tuple[int, list[int]], empty: bool
) -> None:
    """A wrong count, a wrong page, no matches, and an empty page are refused."""
    with pytest.raises(WrongAnswer):
        check("a question", answer, right, empty=empty)
    check("a question", (1, [1]), (1, [1]), empty=False)
    check("a count", (1, []), (1, []), empty=True)


def test_the_command_shows_its_options() -> None:
    """The command starts from a checkout, in a process without pytest, and lists its options."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "--sizes" in done.stdout
