"""The measurements of many jobs: every answer is checked, also after writes, and wrong ones are refused."""

import gc
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np
import pytest

from benchmarks import across, job_sets, many_jobs, shards, summaries
from benchmarks.across import QUESTIONS, Contest
from benchmarks.goals import judge
from benchmarks.job_sets import JobSet, generated, index_of_set, of_documents, right_page
from benchmarks.peers import is_installed
from benchmarks.peers.many_jobs import OVER_ALL_JOBS
from benchmarks.peers.summaries import KINDS
from benchmarks.timing import ONCE, Figures, Table, WrongAnswer, alternate, race
from benchmarks.workloads import ResolvedQuery
from bucketquery import BucketQuery

PEERS = [name for name in OVER_ALL_JOBS if is_installed(name)]


@pytest.fixture(scope="module")
def small() -> JobSet:
    """A set of 40 jobs with ten buckets each. Must not be modified."""
    return generated(40, 10)


def resolved(jobs: JobSet, name: str) -> ResolvedQuery:
    """A question over all jobs of a set."""
    return ResolvedQuery.of(BucketQuery(jobs="any", **QUESTIONS[name](jobs.last_day)))


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_right_page_is_that_of_sorted_documents(name: str, small: JobSet) -> None:
    """The right page over all jobs is a part of the sorted documents, with the timestamp, span and job as ties."""
    question = resolved(small, name)
    found = [
        document
        for document in small.documents()
        if document["timestamp"] >= (question.start or 0) and document["anomaly_score"] >= question.threshold
    ]
    found.sort(key=itemgetter(question.sort, "timestamp", "bucket_span", "job_id"), reverse=question.desc)
    keys = [(each["job_id"], each["timestamp"], each["bucket_span"]) for each in found[: question.size]]
    assert right_page(small, question) == (len(found), keys)
    assert found


def test_a_set_is_the_same_as_documents_and_as_columns(small: JobSet) -> None:
    """The documents of a set make the same set again, and an index of it has every bucket."""
    again = of_documents(small.name, small.documents()[::-1])
    assert again.ids == small.ids
    for name, column in small.columns.items():
        assert (again.columns[name] == column).all()
    large = generated(10, 120)
    for jobs in (small, large):
        index = index_of_set(jobs)
        assert index.jobs() == tuple(jobs.ids)
        assert index.stats()["rows"]["bucket"] == len(jobs.columns["job"]) == sum(map(len, jobs.batches()))
    assert large.ranks("db-") == (4, 9)
    assert large.ranks("none-") == (0, 0)


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_answers_before_and_after_writes(name: str, small: JobSet) -> None:
    """A peer gives the right page over all jobs and over parts of them, also after a batch and a single bucket."""
    contest, rng = Contest(small, [name]), np.random.default_rng(1)
    for rows in ("", "one_more", "one_row"):
        if rows:
            contest.write(getattr(contest.jobs, rows)(rng))
        for chosen in (across.EVERY, *across.parts_of(contest.jobs).values()):
            for question in QUESTIONS:
                query, calls = across.asked(contest, question, chosen, again=bool(rows))
                count, page = right_page(contest.jobs, resolved(contest.jobs, question), chosen.ranks)
                found: Any = calls[name]()
                assert (found[0][0] == count) if not query.size else (list(found) == page)


def test_questions_across_jobs_are_measured(small: JobSet) -> None:
    """Warm and first questions are measured, over all jobs and over parts; and the selection of jobs."""
    contest = Contest(small, PEERS)
    warm = across.measure_warm(contest, ONCE)
    assert set(warm) == set(QUESTIONS)
    assert {frozenset(row) for row in warm.values()} == {
        frozenset({"search", *PEERS}),
        frozenset({"search", "search, keys", *PEERS}),
    }
    assert len(across.measure_parts(contest, ONCE)) == 3 * len(QUESTIONS) - 2
    first = across.measure_first(contest, ONCE)
    assert len(first) == 2 * len(QUESTIONS)
    assert all(set(row) == {"index", *PEERS} for row in first.values())
    # Each first question came after a write of its own.
    assert len(contest.jobs.columns["job"]) == 400 + len(QUESTIONS) * 41
    assert len(across.measure_selection(contest, ONCE)) == len(across.PATTERNS) + 1


def test_shards_are_measured_and_wrong_ones_refused(small: JobSet) -> None:
    """Each question has a row with the index, the shards, the merge and the pickles. A missing shard is noticed."""
    contest, some = Contest(small, []), shards.shards_of(small)
    assert sum(shard.stats()["rows"]["bucket"] for shard in some) == len(small.columns["job"])
    found = shards.measure(contest, some, ONCE)
    assert len(found) == len(QUESTIONS)
    assert {frozenset(row) for row in found.values()} == {frozenset({"one index", "ask, each", "merge", "pickle, all"})}
    with pytest.raises(WrongAnswer):
        shards.measure(contest, some[1:], ONCE)


def test_a_wrong_answer_across_jobs_is_refused(small: JobSet) -> None:
    """An index with other scores is refused, and so is one with other ids."""
    contest = Contest(small, [])
    scores = small.columns["anomaly_score"]
    contest.jobs = small._replace(columns={**small.columns, "anomaly_score": scores[::-1]})
    with pytest.raises(WrongAnswer):
        across.measure_warm(contest, ONCE)
    with pytest.raises(WrongAnswer):
        across.measure_first(contest, ONCE)
    contest.jobs = small._replace(ids=[f"{job_id}-cpu" for job_id in small.ids])
    with pytest.raises(WrongAnswer):
        across.measure_selection(contest, ONCE)


def test_summaries_are_measured_and_wrong_ones_refused() -> None:
    """Every summary is measured beside every peer. An index with other buckets or influencers is refused."""
    setting = summaries.Setting(generated(10, 100), [name for name in KINDS if is_installed(name)])
    figures = summaries.measure(setting, ONCE)
    assert set(figures) == set(setting.questions())
    assert all(set(row) == {"index", *setting.peers} for row in figures.values())
    setting.peers = {}
    for name in ("buckets", "influencers"):
        kept = getattr(setting, name)
        setattr(setting, name, {**kept, "score": kept["score"][::-1]})
        with pytest.raises(WrongAnswer):
            summaries.measure(setting, ONCE)
        setattr(setting, name, kept)


def test_the_collector_is_on_if_asked_for() -> None:
    """The garbage collector is off while calls are timed, unless a measurement asks for it."""
    for collects in (False, True):
        seen: list[bool] = []
        race({"one": [lambda seen=seen: seen.append(gc.isenabled())]}, ONCE, collects=collects)  # type: ignore[misc]
        alternate({"one": lambda _, seen=seen: seen.append(gc.isenabled())}, [1], collects=collects)  # type: ignore[misc]
        assert set(seen) == {collects}


def test_writes_to_many_jobs_are_measured() -> None:
    """Rates, a full collection, the bytes of the combined tables, and what it costs the writer."""
    rates, collections, weights = many_jobs.measure_writes(60, ONCE, PEERS)
    assert all(set(row) >= {"index"} for row in (*rates.values(), *collections.values()))
    assert weights["after questions"]["reported"] > 0
    upkeep = many_jobs.measure_upkeep(60, ONCE)
    assert [set(row) for row in upkeep.values()] == 2 * [{"in use", "not in use", "times", "noise"}]
    assert len(list(job_sets.batches(3, 2))) == 2


def verdicts(parts: dict[tuple[str, int], Figures]) -> Callable[[str], list[Any]]:
    """The results of goals about many jobs, by the begin of their work."""
    judged = judge({key: Table("", "µs", figures) for key, figures in parts.items()}, 0)
    return lambda work: [one.is_met for one in judged if one.work.startswith(work)]


def test_goals_across_jobs_are_judged() -> None:
    """A page is compared with its keys read. The top 100 may take twice the time of SQLite, but not of the real set."""
    rows: Figures = {name: {"search": 5.0, "search, keys": 10.0, "sqlite": 11.0} for name in QUESTIONS}
    slower: Figures = {**rows, across.HIGHEST: {"search": 5.0, "search, keys": 10.0, "sqlite": 6.0}}
    first: Figures = {
        f"{across.BATCH}, {across.HIGHEST}": {"index": 4_900.0},
        f"{across.COMMIT}, {across.HIGHEST}": {"index": 1_400.0},
    }
    set_, real_set = "across warm 100 x 10", "across warm 116 real jobs"
    met = verdicts({(set_, 100): slower, (real_set, 116): rows, ("across first 100 x 10", 100): first})
    assert met("across") == [True, True, True]
    missed = verdicts(
        {(real_set, 116): slower, ("across first 100 x 10", 100): first | {next(iter(first)): {"index": 5_100.0}}}
    )
    assert missed("across") == [False, False, None]


def test_goals_of_summaries_and_writes_are_judged() -> None:
    """The worst of all rows counts, beside DuckDB and Polars. SQLite plays no part."""
    row = {"index": 1.0, "sqlite": 0.5, "duckdb": 9.0, "polars": 8.0}
    met = verdicts(
        {("summaries 10 x 10", 10): {"overall buckets, top 1, all": row, "overall buckets, top 3, all": row}}
    )
    assert met("overall buckets") == [True, True]
    assert met("the ten worst lanes") == [None]
    lanes = {"the ten worst lanes of 9 cells": {"index": 1.0, "duckdb": 99.0, "polars": 200.0}}
    of_lanes = verdicts({("summaries 10 x 10", 10): lanes})
    assert of_lanes("the ten worst lanes") == [None], "the goal is one of long sets"
    of_lanes = verdicts({("summaries 100 x 100,000", 100): lanes})
    assert of_lanes("the ten worst lanes") == [False]
    slow = row | {"polars": 7.0}
    missed = verdicts({("summaries 10 x 10", 10): {"overall buckets, top 3, all": row, "overall buckets, top 3": slow}})
    assert missed("overall buckets, top 3") == [False]
    selected = {"a prefix: `a*`": {"jobs": 90.0, "select": 9.0}, "inside: `*a*`": {"jobs": 90.0, "select": 31_000.0}}
    assert verdicts({("selection", 1): selected})("jobs selected") == [True, False]
    upkeep = {
        "a bucket for each of 9 jobs": {"in use": 1.04, "not in use": 1.0, "times": 1.04, "noise": 0.001},
        "single buckets": {"in use": 16.0, "not in use": 10.0, "times": 1.6, "noise": 0.01},
    }
    written = verdicts(
        {
            ("many jobs writes", 9): {"F one more bucket for each": {"index": 300_000.0}},
            ("collections", 9): {"all": {"index": 11.0}},
            ("all jobs weights", 9): {"after questions": {"reported": 33.0}},
            ("all jobs writes", 9): upkeep,
        }
    )
    assert written("many jobs") == [True, False, True, True, False]
    slower = {name: row | {"times": 1.052} for name, row in upkeep.items()}
    assert verdicts({("all jobs writes", 9): slower})("many jobs: a bucket") == [False]
    noisy = {name: row | {"times": 1.049, "noise": 0.002} for name, row in upkeep.items()}
    assert verdicts({("all jobs writes", 9): noisy})("many jobs: a bucket") == [None]
