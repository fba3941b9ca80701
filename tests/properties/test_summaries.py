"""Index and reference agree about overall buckets, swimlanes, top influencers, counts by score, bands and selections.

The seeded loop runs BUCKETQUERY_CASES cases (default 300, and 1,500 if BUCKETQUERY_TIER is `ci`) of BUCKETQUERY_SEED
(default "0") for each way to search; the slow tier runs 50,000. A failure shows the seed that repeats it.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from bucketquery import ResultsIndex
from support.many_jobs import Moment
from support.shortcuts import AS_THEY_ARE, WAYS, shortcuts_for, take
from support.summary_cases import SEVERAL, Case, Table, answered, expected, play_cases
from support.tiers import of_tier

CASES = int(os.environ.get("BUCKETQUERY_CASES", str(of_tier(300, 1_500))))
SEED = os.environ.get("BUCKETQUERY_SEED", "0")
LOOP = "tests/properties/test_summaries.py::test_seeded_cases_are_answered_alike"


def run(way: str, cases: int, seed: str) -> Counter[str]:
    """Compare the index with the reference, with sizes drawn for each table."""

    def opened(table: str) -> ResultsIndex:
        shortcuts = shortcuts_for(patch, way, table)
        index = ResultsIndex(max_size=10**6)
        return take(index, shortcuts)

    with pytest.MonkeyPatch.context() as patch:
        return play_cases(cases, seed, opened, lambda reader, case, _: answered(reader, case), LOOP)


@pytest.mark.parametrize("way", WAYS)
def test_seeded_cases_are_answered_alike(way: str) -> None:
    """Index and reference agree on every case of the seed, for every way to search."""
    assert run(way, CASES, SEED)["cases"] >= CASES


@pytest.mark.thorough
@pytest.mark.parametrize("way", WAYS)
def test_very_many_seeded_cases_are_answered_alike(way: str) -> None:
    """Index and reference agree on 50,000 more cases, for every way to search."""
    assert run(way, 50_000, f"thorough-{SEED}")["cases"] >= 50_000


# ---- the cases include the hard ones, and show faults


def new_index(_: str) -> ResultsIndex:
    """An index that only takes the writes of a history."""
    return ResultsIndex(max_size=10**6)


def test_seeded_cases_are_not_vacuous() -> None:
    """Among 1,000 cases each call comes often, mostly with an answer, and every error comes too."""
    seen = play_cases(1_000, "vacuous", new_index, lambda _, case, moment: expected(moment, case), LOOP)
    wanted = {
        **dict.fromkeys(SEVERAL, 100),
        **{f"{call}: answers": 80 for call in SEVERAL},
        **{f"{call}: UnknownJob": 1 for call in SEVERAL},
        "overall: InvalidQuery": 5,
    }
    assert {name: seen[name] for name, least in wanted.items() if seen[name] < least} == {}


def _asked(call: str, **changes: Callable[[Any], Any]) -> Callable[[Case, Moment], tuple[Case, Moment]]:
    """A fault in parameters of a call."""

    def faulty(case: Case, moment: Moment) -> tuple[Case, Moment]:
        if case.call != call:
            return case, moment
        return replace(
            case, asked={**case.asked, **{name: to(case.asked[name]) for name, to in changes.items()}}
        ), moment

    return faulty


def _stored(
    call: str, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> Callable[[Case, Moment], tuple[Case, Moment]]:
    """A fault in the documents that a call reads."""

    def faulty(case: Case, moment: Moment) -> tuple[Case, Moment]:
        if case.call != call:
            return case, moment
        return case, replace(moment, stored={name: change(document) for name, document in moment.stored.items()})

    return faulty


def _later(bound: Any) -> Any:
    return bound if bound in {None, -1} else bound + 1


def _earlier(bound: Any) -> Any:
    return bound if bound in {None, -1} else bound - 1


def _final(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "is_interim": False}


def _without_missing(document: dict[str, Any]) -> dict[str, Any]:
    kind = document["result_type"]
    score = document.get(f"{kind}_score" if kind != "bucket" else "anomaly_score")
    return document if score is not None else {**document, "result_type": "none"}


def _no_negative(document: dict[str, Any]) -> dict[str, Any]:
    return {name: max(value, 0) if name.endswith("_score") and value else value for name, value in document.items()}


def _without_groups(case: Case, moment: Moment) -> tuple[Case, Moment]:
    return case, replace(moment, known=dict.fromkeys(moment.known, ()))


def _without_spans(case: Case, moment: Moment) -> tuple[Case, Moment]:
    return case, replace(moment, spans={})


def _to_utc(case: Case, moment: Moment) -> tuple[Case, Moment]:
    return replace(case, asked={name: value for name, value in case.asked.items() if name != "tzinfo"}), moment


FAULTS: Mapping[str, Callable[[Case, Moment], tuple[Case, Moment]]] = {
    **{
        f"{call}: {name}": _asked(call, **changes)
        for call in ("overall", "swimlane", "top")
        for name, changes in {
            "the start is excluded": {"start": _later},
            "the end is excluded twice": {"end": _earlier},
            "the end is included": {"end": _later},
            "interim results are left out": {"exclude_interim": lambda _: True},
            "interim results are kept": {"exclude_interim": lambda _: False},
        }.items()
    },
    "overall: one more job in the mean": _asked("overall", top_n=lambda top_n: top_n + 1),
    "overall: one job in the mean": _asked("overall", top_n=lambda _: 1),
    "overall: above the threshold": _asked("overall", overall_score=lambda score: score + 1e-9),
    "overall: an empty selection is allowed": _asked("overall", allow_no_match=lambda _: True),
    "overall: the fine span": _asked("overall", bucket_span=lambda _: None),
    "overall: nothing is interim": _stored("overall", _final),
    "overall: missing scores are left out": _stored("overall", _without_missing),
    "overall: negative scores are 0": _stored("overall", _no_negative),
    "swimlane: missing scores are left out": _stored("swimlane", _without_missing),
    "swimlane: negative scores are 0": _stored("swimlane", _no_negative),
    "swimlane: one lane more": _asked("swimlane", lanes=lambda lanes: lanes + 1),
    "swimlane: no lane is skipped": _asked("swimlane", from_=lambda _: 0),
    "swimlane: days of UTC": _to_utc,
    "top: missing scores are left out": _stored("top", _without_missing),
    "top: by the greatest score": _asked("top", by=lambda _: "max"),
    "top: every field": _asked("top", field=lambda _: None),
    "selection: no groups": _without_groups,
    "overall: the spans of put_job are forgotten": _without_spans,
    "thresholds: reached from below": _asked("thresholds", thresholds=lambda of: [one + 1e-9 for one in of]),
    "severities: missing scores are left out": _stored("severities", _without_missing),
    "band: negative scores are 0": _stored("band", _no_negative),
}


def show(name: str) -> None:
    """Assert that 1,500 cases show a fault."""

    def faulty(_: Any, case: Case, moment: Moment) -> str:
        other, at = FAULTS[name](case, moment)
        return expected(at, other)

    with pytest.raises(AssertionError, match="reference: "):
        play_cases(1_500, "faults", new_index, faulty, LOOP)


def test_the_cases_show_a_fault_of_each_call() -> None:
    """The loop ends at the first difference in an answer of any call."""
    for name in (
        "overall: missing scores are left out",
        "swimlane: days of UTC",
        "top: by the greatest score",
        "thresholds: reached from below",
        "severities: missing scores are left out",
        "band: negative scores are 0",
        "selection: no groups",
    ):
        show(name)


@pytest.mark.thorough
@pytest.mark.parametrize("name", FAULTS)
def test_the_cases_show_a_fault(name: str) -> None:
    """A single wrong edge, score or parameter changes an answer among 1,500 cases."""
    show(name)


def test_a_failure_shows_the_command_that_repeats_it() -> None:
    """The failure shows a command that begins with the table of the fault."""
    with pytest.raises(AssertionError) as caught:
        play_cases(500, "0.3", new_index, lambda *_: "nothing", LOOP)
    (note,) = caught.value.__notes__
    assert f"BUCKETQUERY_SEED=0.3 BUCKETQUERY_CASES=1 python -m pytest {LOOP}" in note


def test_a_table_is_repeatable() -> None:
    """A seed always gives the same cases."""
    first, second = ([case for case, _, _ in Table("0.5", partial(new_index, "")).cases()] for _ in "ab")
    assert repr(first) == repr(second)
    assert AS_THEY_ARE in WAYS
