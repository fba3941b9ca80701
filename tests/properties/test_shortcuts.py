"""Shortcuts of a search change no result and no count, also on tables too large for the other judges.

A history writes arrays of results: in order, late, replaced, rescored, and interim before they are final. Between the
writes, queries read the newest state and older ones. Each query runs without any shortcut, with all of them, with only
one, and with all but one. The seeds of all histories begin with BUCKETQUERY_SEED (default "0").
"""

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bucketquery import BucketQuery, Kind, ResultsIndex, Snapshot
from bucketquery.search import job_by_job
from bucketquery.search.order import Order
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.search.together import Together
from bucketquery.value_index.value_index import ValueIndex
from support.all_jobs import cut_all_jobs
from support.cases import seeded_tables
from support.shortcuts import EVERY, OF_ONE, force, only, take
from support.strategies import FIELDS, KINDS, QUERIES, SCORES, SORT_FIELDS, Query, kind_of

SEED = os.environ.get("BUCKETQUERY_SEED", "0")
JOB = "web"
SPAN_S = 300
STEP = 1_000 * SPAN_S

#: All shortcuts, each one by itself, and all but one.
SETS: Sequence[frozenset[str]] = [
    OF_ONE,
    *(frozenset([name]) for name in sorted(OF_ONE)),
    *(OF_ONE - {name} for name in sorted(OF_ONE)),
]

#: The shortcuts of many jobs, each one by itself, and all shortcuts but one of these.
OF_MANY: Sequence[frozenset[str]] = [
    *(frozenset([name]) for name in ("combined", "deep", "join")),
    *(EVERY - {name} for name in ("combined", "deep", "join")),
]

Doubles = npt.NDArray[np.float64]
Steps = npt.NDArray[np.int64]


def test_no_shortcut_changes_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables take every possible shortcut, and their value indexes pass from one state to the next."""
    seen: Counter[str] = Counter()
    for name in ("with_later", "corrected"):
        count_calls(monkeypatch, ValueIndex, name, seen)
    count_calls(monkeypatch, Order, "around", seen)
    for number in range(18):
        history = History(f"{SEED} {number}", KINDS[number % 3], rows=400)
        with pytest.MonkeyPatch.context() as patch:
            sizes = force(patch, history.rng)
            seen += compared(history, sizes, writes=6, queries=6, sets=SETS)
    # If a search may take only one shortcut, the plan of its page shows whether it was taken.
    # The plan does not show whether matches were skipped, so the calls are counted.
    wanted = dict.fromkeys((*OF_ONE - {"skip"}, "around", "with_later", "corrected", "cases", "band"), 20)
    assert {name: seen[name] for name in wanted if seen[name] < wanted[name]} == {}


@pytest.mark.parametrize("kind", KINDS)
def test_no_shortcut_changes_an_answer_from_a_hundred_thousand_rows(kind: Kind) -> None:
    """The table is large enough for all shortcuts with their default sizes."""
    history = History(f"{SEED} {kind}", kind, rows=100_000)
    assert compared(history, ALL_SHORTCUTS, writes=2, queries=4, sets=SETS[:1])["cases"] > 0


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(10))
def test_no_shortcut_changes_an_answer_from_up_to_a_million_rows(part: int) -> None:
    """The larger tables have clustered and independent scores, missing scores and ties."""
    seen: Counter[str] = Counter()
    number = 0
    while seen["cases"] < 100:
        history = History(f"{SEED} large {part} {number}", KINDS[(part + number) % 3], rows=0)
        history.rows = int(10 ** history.rng.uniform(5, 6))
        seen += compared(history, ALL_SHORTCUTS, writes=4, queries=5, sets=SETS)
        number += 1


def test_no_shortcut_of_many_jobs_changes_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several jobs are searched together, joined, or one by one from the first instant of a deep page on."""
    seen: Counter[str] = Counter()
    count_calls(monkeypatch, Together, "search", seen)
    for name in ("search_joined", "_from_its_page_on"):
        count_calls(monkeypatch, job_by_job, name, seen)
    for table in seeded_tables(f"shortcuts-{SEED}", 3_000):
        with pytest.MonkeyPatch.context() as patch:
            sizes = force(patch, Random(table.seed))
            cut_all_jobs(patch, table.seed)
            index = take(ResultsIndex(max_size=10_000), sizes)
            for job_id in sorted(table.put):
                index.put_job(job_id)
            for batch in table.history:
                index.upsert(batch)
            for case in table.cases:
                query = case.query.replace(expand=False) if isinstance(case.query, BucketQuery) else case.query
                if len(query.jobs) == 1 or not all(job_id in index for job_id in query.jobs):
                    continue
                if isinstance(query, BucketQuery) and query.timestamp is not None:
                    continue
                expected, _ = answer(index.snapshot(), query, only((), sizes))
                for names in OF_MANY:
                    found, _ = answer(index.snapshot(), query, only(names, sizes))
                    assert found == expected, f"{table.seed}: {query!r} with {set(names)}"
    assert {name: seen[name] for name in ("search", "search_joined", "_from_its_page_on") if seen[name] < 20} == {}


def test_values_are_found_if_every_third_one_is_missing() -> None:
    """A search counts correctly even if a sample of every third row would hold only missing values."""
    rows = 3 * 16_384
    third = np.arange(rows) % 3
    scores = np.ma.array(np.arange(rows) % 97.0, mask=third == 0)
    index = ResultsIndex()
    columns = {"timestamp": np.arange(rows) // 3 * STEP, "bucket_span": SPAN_S + third, "anomaly_score": scores}
    index.upsert_columns(columns, job_id=JOB)
    page = index.get_buckets(job_id=JOB, anomaly_score=75.0, size=3)
    assert page.count == np.count_nonzero(scores.filled(0.0) >= 75.0)


def compared(
    history: "History", sizes: Shortcuts, *, writes: int, queries: int, sets: Sequence[frozenset[str]]
) -> Counter[str]:
    """Compare answers in all states of a history; count the queries, and the pages found with only one shortcut."""
    seen: Counter[str] = Counter()
    for snapshot in history.states(writes):
        for _ in range(queries):
            query = history.query()
            expected, plainly = answer(snapshot, query, only((), sizes))
            seen["cases"] += 1
            seen["band"] += isinstance(getattr(query, SCORES[kind_of(query)]), tuple)
            thresholds = history.thresholds()
            counts = [
                answer(snapshot, query.replace(size=0, **reaching(query, at)), ALL_SHORTCUTS)[0][0] for at in thresholds
            ]
            for some in (only((), sizes), sizes):
                counted = snapshot._with_shortcuts(some).threshold_counts(query, thresholds)
                assert counted.tolist() == counts, f"history {history.seed}: {query!r} at {thresholds}"
            # In random order, because a search may find rows that an earlier one has cached.
            for shortcuts in history.rng.sample(sets, len(sets)):
                found, how = answer(snapshot, query, only(shortcuts, sizes))
                assert found == expected, (
                    f"history {history.seed}: {query!r} with {set(shortcuts)}, {how} not {plainly}"
                )
                if len(shortcuts) == 1:
                    seen[min(shortcuts)] += how != plainly or (shortcuts == {"top_k"} and is_cached(snapshot, query))
    history.index.check()
    return seen


def answer(
    snapshot: Snapshot, query: Query, shortcuts: Shortcuts
) -> tuple[tuple[int, list[tuple[Any, ...]]], dict[str, Any]]:
    """Count and keys of a page, and how it was found."""
    page = snapshot._with_shortcuts(shortcuts).search(query)
    return (page.count, list(page.keys())), dict(page.explain())


def reaching(query: Query, threshold: float) -> dict[str, Any]:
    """The condition of a query that its matches also reach a threshold; a band that none can reach stays empty."""
    name = SCORES[kind_of(query)]
    condition = getattr(query, name)
    if isinstance(condition, float):
        return {name: max(condition, threshold)}
    low, high = max(condition[0], threshold if threshold > 0 else -math.inf), condition[1]
    return {name: (low, high) if low < high else math.inf}


def is_cached(snapshot: Snapshot, query: Query) -> bool:
    """Whether the view that the query reads has cached first rows for the next query."""
    job = snapshot._catalog.get(JOB)
    assert job is not None
    table = job.tables[kind_of(query)]
    return bool((table.final if query.exclude_interim else table.rows).top_k_cache)


def count_calls(patch: pytest.MonkeyPatch, owner: object, name: str, seen: Counter[str]) -> None:
    """Count the calls of a method that do not return None."""
    method: Callable[..., Any] = getattr(owner, name)

    def counted(*arguments: Any) -> Any:
        result = method(*arguments)
        seen[name] += result is not None
        return result

    patch.setattr(owner, name, counted)


class History:
    """Writes of one job and kind, and queries on the stored results.

    The step of a result decides its identity. The results of a group share a timestamp, and differ in span or entity.
    Step and version decide its values, except the score, which each write draws anew.

    Args:
        seed: the seed of all draws.
        kind: the kind of the results.
        rows: upper limit of the results in the first write.
    """

    def __init__(self, seed: str, kind: Kind, rows: int) -> None:
        self.seed = seed
        self.kind = kind
        self.rows = rows
        self.rng = Random(seed)
        self.numpy = np.random.default_rng(self.rng.getrandbits(64))
        self.keeps_documents = self.rng.random() < 0.5
        self.stop = 0
        #: How many results share a timestamp.
        self.group = self.rng.choice((1, 1, 2) if kind == "bucket" else (1, 3))
        self.shape = self.rng.choice(SHAPES)
        self.missing = self.rng.choice((0.0, 0.0, 0.05, 0.95))
        self.interim = self.rng.choice((0.0, 0.0, 0.02, 0.3))
        self.asked: list[float] = []
        self.names = [name for name, holds in FIELDS[kind].items() if holds is not str]

    def states(self, writes: int) -> Iterator[Snapshot]:
        """The newest state after each write, and an older one."""
        older: list[Snapshot] = []
        self.index = ResultsIndex(keep_documents=self.keeps_documents)
        self.append(max(1, self.rng.randint(self.rows // 2, self.rows)))
        for _ in range(writes):
            yield self.index.snapshot()
            if older:
                yield self.rng.choice(older)
            older.append(self.index.snapshot())
            for _ in range(self.rng.choice((1, 1, 2))):
                rows = max(1, int(self.stop * self.rng.choice((0.0, 0.0002, 0.01, 0.01, 0.1, 0.3))))
                self.rng.choice(
                    (self.append, self.append, self.late, self.replace, self.rescore, self.rescore, self.live)
                )(rows)
        yield self.index.snapshot()
        yield self.rng.choice(older)

    # ---- writes

    def append(self, rows: int) -> None:
        """Write results that are later than all others."""
        self.write(np.arange(self.stop, self.stop + rows))
        self.stop += rows

    def late(self, rows: int) -> None:
        """Write results between others."""
        self.write(self.some(rows), offset=STEP // 2)

    def replace(self, rows: int) -> None:
        """Write other values for some results; interim ones become final."""
        self.write(self.some(rows), version=self.rng.randint(1, 9))

    def rescore(self, rows: int) -> None:
        """Write other scores and nothing else."""
        steps = self.some(rows)
        if self.kind != "bucket":
            self.write(steps)
            return
        scores = np.ma.getdata(self.scores(rows))[: len(steps)]
        self.index.renormalize(JOB, buckets={**self.identity(steps), "anomaly_score": scores})

    def live(self, rows: int) -> None:
        """Write results as interim, interim, final, and then the next ones as interim."""
        rows = min(rows, 50)
        steps = np.arange(self.stop, self.stop + rows)
        for interim in (1.0, 1.0, 0.0):
            self.write(steps, version=self.rng.randint(1, 9), interim=interim)
        self.write(steps + rows, interim=1.0)
        self.stop += 2 * rows

    def some(self, rows: int) -> Steps:
        """Steps that were written, scattered or in a run."""
        rows = min(rows, self.stop)
        if self.rng.random() < 0.3:
            return np.arange(rows) + self.rng.randint(0, self.stop - rows)
        return np.sort(self.numpy.choice(self.stop, rows, replace=False))

    def write(self, steps: Steps, *, version: int = 0, offset: int = 0, interim: float | None = None) -> None:
        """Write the results of some steps."""
        interim = self.interim if interim is None else interim
        score = SCORES[self.kind]
        columns: dict[str, Any] = self.identity(steps, offset)
        columns[score] = self.scores(len(steps))
        columns["is_interim"] = np.zeros(len(steps), np.bool_) if version else hashed(steps, 1) % 100 < 100 * interim
        columns[f"initial_{score}"] = (hashed(steps, 2 + version) % 5).astype(np.float64)
        if self.kind == "bucket":
            columns["event_count"] = hashed(steps, 3 + version) % self.rng.choice((3, 10**6))
            columns["processing_time_ms"] = np.ma.array(hashed(steps, 4) % 9, mask=hashed(steps, 5) % 20 == 0)
        else:
            columns["probability"] = (hashed(steps, 6 + version) % 1_000 + 1) / 1_001
        self.index.upsert_columns(columns, job_id=JOB, kind=self.kind)

    def identity(self, steps: Steps, offset: int = 0) -> dict[str, Any]:
        """The columns that identify results."""
        group, place = np.divmod(steps, self.group)
        columns: dict[str, Any] = {"timestamp": group * STEP + offset, "bucket_span": np.full(len(steps), SPAN_S)}
        if self.kind == "bucket":
            columns["bucket_span"] += place
        elif self.kind == "record":
            columns |= {"detector_index": place, "by_field_value": np.array(["a", "b"])[hashed(group, 7) % 2]}
        else:
            columns |= {
                "influencer_field_name": np.full(len(steps), "host"),
                "influencer_field_value": np.array(["x", "y", "z"])[place],
            }
        return columns

    def scores(self, rows: int) -> Doubles:
        """Scores of the history's shape, or sometimes of another; some of them are missing."""
        scores = (self.shape if self.rng.random() < 0.8 else self.rng.choice(SHAPES))(self.numpy, rows)
        self.asked = self.numpy.choice(scores, 5).tolist()
        missing = self.missing if self.rng.random() < 0.8 else 0.0
        return np.ma.array(scores, mask=self.numpy.random(rows) < missing)

    # ---- queries

    def thresholds(self) -> list[float]:
        """Some thresholds. One draw in ten has 90 more, so that scores are sorted to count them."""
        some = (0.0, -1.0, 3.0, 75.0, 50.0, 200.0, *self.rng.choices(self.asked, k=3))
        return [*self.rng.choices(some, k=3), *([float(at) for at in range(90)] if self.rng.random() < 0.1 else ())]

    def query(self) -> Query:
        """A query, mostly by value."""
        rng = self.rng
        first, stop = sorted(rng.randint(-5, self.stop // self.group + 5) for _ in range(2))
        score = SCORES[self.kind]
        sort = rng.choice((score, score, "timestamp", *self.names, *SORT_FIELDS[self.kind]))
        asked: dict[str, Any] = {
            "jobs": JOB,
            "start": None if rng.random() < 0.5 else first * STEP + rng.choice((0, 1)),
            "end": None if rng.random() < 0.5 else stop * STEP + rng.choice((0, 1)),
            "sort": sort,
            "desc": rng.random() < 0.6,
            "from_": rng.choice((0, 0, 0, 1, 7, self.stop // 3)),
            "size": rng.choice((0, 1, 3, 10, 10, 100)),
            "exclude_interim": rng.random() < 0.3,
        }
        if rng.random() < 0.6:
            given = rng.choice(self.asked)
            at_ties = (given, math.nextafter(given, math.inf), math.nextafter(given, -math.inf))
            asked[score] = rng.choice((1.0, 3.0, 25.0, 50.0, 75.0, 75.0, 1e-9, 37.3, 99.5, 100.0, 101.0, *at_ties))
            if rng.random() < 0.4:
                high = rng.choice(
                    (25.0, 75.0, 100.0, math.inf, rng.choice(self.asked), math.nextafter(given, math.inf))
                )
                low = rng.choice((asked[score], 0.0, -math.inf))
                asked[score] = (low, high) if low < high else (low, math.nextafter(low, math.inf))
        return QUERIES[self.kind](**asked)


def hashed(steps: Steps, salt: int) -> Steps:
    """A number below 2**31 for each step, in no apparent order."""
    mixed = (steps + 1_000_003 * salt).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(33)).astype(np.int64)


def severe(rng: np.random.Generator, rows: int) -> Doubles:
    """Scores as real jobs have them: independent, most of them 0, few high."""
    scores: Doubles = np.interp(rng.random(rows), (0, 0.7, 0.9, 0.99, 0.999, 1), (0, 0, 1, 25, 75, 100))
    return scores


def clustered(rng: np.random.Generator, rows: int) -> Doubles:
    """Scores that are high in a few runs."""
    scores = severe(rng, rows)
    places = rng.choice(rows, max(1, rows // 1_000))
    for place in places.tolist()[:50]:
        scores[place : place + 20] = rng.uniform(60, 100)
    return scores


def wandering(rng: np.random.Generator, rows: int) -> Doubles:
    """Scores that each differ little from the one before."""
    scores: Doubles = np.abs(rng.normal(0, 3, rows).cumsum()) % 100
    return scores


def even(rng: np.random.Generator, rows: int) -> Doubles:
    """Scores spread evenly from 0 to 100."""
    return rng.random(rows) * 100


def stepped(rng: np.random.Generator, rows: int) -> Doubles:
    """Scores of five values."""
    return rng.choice(np.array((0.0, 25.0, 50.0, 75.0, 100.0)), rows)


def tied(rng: np.random.Generator, rows: int) -> Doubles:
    """Scores of 0 and 100 only; one of them has more than half of the rows."""
    return np.where(rng.random(rows) < rng.choice((0.1, 0.6, 0.9)), 0.0, 100.0)


SHAPES = (severe, clustered, wandering, even, stepped, tied)
