"""A query for many jobs gives the answers about each job, merged, after writes in any order and on older snapshots.

BUCKETQUERY_CASES is the number of questions of each way to search (default 200, and 500 if BUCKETQUERY_TIER is `ci`);
the slow tier asks 50,000. BUCKETQUERY_SEED is another seed.
"""

import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from bucketquery import BucketQuery, ResultsIndex, Snapshot, UnknownJob
from bucketquery.testing import selected
from support.helpers import PATIENCE_S
from support.many_jobs import IDS, History, Moment, assert_as_merged, merged, order_key, questions
from support.shortcuts import WAYS, shortcuts_for, take
from support.strategies import Query, kind_of
from support.tiers import of_tier

CASES = int(os.environ.get("BUCKETQUERY_CASES", str(of_tier(80, 300))))
SEED = os.environ.get("BUCKETQUERY_SEED", "0")
#: The spans of a history. With a span of 2**32 seconds or more, no table holds the results of all jobs.
SPANS = ((60,), (60, 300), (60, 300, 3_600), (60, 2**32))
STEPS = 40
READERS = 3


def new_history(way: str, seed: str, patch: pytest.MonkeyPatch) -> History:
    """An empty index with small sizes, and a history that begins with it."""
    rng = Random(f"{seed} {way}")
    shortcuts = shortcuts_for(patch, way, seed)
    index = ResultsIndex(max_size=10**6)
    take(index, shortcuts)
    ids = rng.sample(IDS, rng.choice((2, 5, len(IDS))))
    spans = rng.choices(SPANS, weights=(3, 3, 3, 1))[0]
    return History(index, rng, ids, spans, late=rng.choice((0.0, 0.3, 0.9)))


def ask(source: Snapshot, moment: Moment, query: Query, seen: Counter[str]) -> Any:
    """Compare the answer, its scan and the pages behind it with the answers of each job; return the page if any."""
    first = page = assert_as_merged(source, moment, query)
    seen["cases"] += 1
    seen[kind_of(query)] += 1
    if page is None or (isinstance(query, BucketQuery) and query.timestamp is not None):
        seen["refused" if page is None and getattr(query, "timestamp", None) is None else "lookups"] += 1
        return None
    seen["with matches"] += page.count > 0
    want = merged(source, moment, query)
    seen["matches of several jobs"] += len({key[0] for key, _ in want}) > 1
    keys = [key for key, _ in want]
    if seen["cases"] % 5 == 0:
        scanned = [result.to_dict() for result in source.scan(query)]
        assert repr(scanned) == repr([body for _, body in want]), query
    at = query.from_ + len(page)
    for _ in range(3):
        if page.cursor is None:
            assert not len(page) or at >= len(keys), query
            break
        page = source.search(query, after=page.cursor)
        assert [*page.keys()] == keys[at : at + query.size], query
        assert page.count == len(keys)
        at += len(page)
        seen["pages behind a cursor"] += 1
    return first


def ask_behind(source: Snapshot, moment: Moment, query: Query, cursor: str, edge: tuple[Any, ...]) -> None:
    """Compare the page behind a cursor of an older commit with the answers of each job."""
    want = merged(source, moment, query)
    keys = [(key, order_key(moment.stored[kind_of(query), key], query)) for key, _ in want]
    behind = [key for key, place in keys if (place < edge if query.desc else place > edge)]
    page = source.search(query, after=cursor)
    assert [*page.keys()] == behind[: query.size], query
    assert page.count == len(want), query


def play(history: History, seen: Counter[str], seed: str) -> None:
    """Write a history step by step, and ask its newest commit and older ones on the way."""
    rng = Random(f"{seed} questions")
    older: list[Snapshot] = []
    cursors: list[tuple[Query, str, tuple[Any, ...]]] = []
    for step in range(STEPS):
        history.step()
        newest = history.index.snapshot()
        if rng.random() < 0.2:
            older.append(newest)
            del older[:-4]
        sources = [newest, newest, *rng.sample(older, min(1, len(older)))]
        for source in sources:
            moment = history.moments[source.sequence]
            assert source.jobs() == tuple(sorted(moment.known))
            for query in questions(rng, moment, history.spans, history.newest, 1):
                try:
                    page = ask(source, moment, query, seen)
                    if page is not None and page.cursor is not None:
                        last = moment.stored[kind_of(query), page.keys()[len(page) - 1]]
                        cursors.append((query, page.cursor, order_key(last, query)))
                        del cursors[:-4]
                except Exception as error:
                    error.add_note(f"Step {step} of history {seed}, commit {source.sequence}: {query!r}")
                    raise
        for query, cursor, edge in cursors:
            try:
                ask_behind(newest, history.now, query, cursor, edge)
                seen["pages behind an older cursor"] += 1
            except UnknownJob:
                with pytest.raises(UnknownJob):
                    selected(history.now.known, query.jobs)
        if step % 10 == 9:
            history.index.check()


def play_many(way: str, cases: int, seed: str) -> Counter[str]:
    """Play histories until this number of questions was asked."""
    seen: Counter[str] = Counter()
    number = 0
    while seen["cases"] < cases:
        with pytest.MonkeyPatch.context() as patch:
            play(new_history(way, f"{seed}.{number}", patch), seen, f"{seed}.{number}")
        number += 1
    return seen


@pytest.mark.parametrize("way", WAYS)
def test_many_jobs_answer_as_each_job_does(way: str) -> None:
    """Every answer about several jobs is that of each job, merged by plain sorting, for every way to search."""
    assert play_many(way, CASES, SEED)["cases"] >= CASES


@pytest.mark.thorough
@pytest.mark.parametrize("way", WAYS)
def test_very_many_questions_are_answered_as_each_job_does(way: str) -> None:
    """50,000 answers about several jobs are those of each job, merged by plain sorting."""
    assert play_many(way, 50_000, f"thorough-{SEED}")["cases"] >= 50_000


def test_the_questions_are_not_vacuous() -> None:
    """Among 300 questions there are enough of each sort."""
    seen = play_many("as they are", 300, "vacuous")
    wanted = {
        **dict.fromkeys(("bucket", "record", "influencer", "pages behind a cursor"), 40),
        "with matches": 100,
        "matches of several jobs": 60,
        "lookups": 3,
        "pages behind an older cursor": 100,
    }
    assert {name: seen[name] for name, least in wanted.items() if seen[name] < least} == {}


# ---- readers beside a writer


@pytest.mark.parametrize("way", WAYS)
def test_readers_beside_a_writer_see_whole_commits(way: str) -> None:
    """Three readers ask many jobs while a writer writes: each answer is that of one commit, and older ones stay."""
    with pytest.MonkeyPatch.context() as patch:
        history = new_history(way, f"threads-{SEED}", patch)
        for _ in range(10):
            history.step()
        race(history, of_tier(60, 250))


def race(history: History, answers: int) -> None:
    """Let a writer and three readers run until the readers have this number of answers each."""
    stop, faults = threading.Event(), []
    left = [answers] * READERS

    def loop(step: Callable[[], object]) -> None:
        try:
            while not stop.is_set():
                step()
        except BaseException as fault:  # noqa: BLE001 - handed to the main thread
            faults.append(fault)
            stop.set()

    def reader(number: int) -> Callable[[], object]:
        rng, held = Random(f"{SEED} reader {number}"), [history.index.snapshot()]

        def step() -> None:
            newest = history.index.snapshot()
            assert newest.sequence >= held[-1].sequence
            held.append(newest)
            del held[:-5]
            source = rng.choice(held)
            moment = history.moments[source.sequence]
            for query in questions(rng, moment, history.spans, history.newest, 1):
                assert_as_merged(source, moment, query)
            left[number] -= 1
            if max(left) <= 0:
                stop.set()

        return step

    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    steps = [history.step, *map(reader, range(READERS))]
    threads = [threading.Thread(target=loop, args=(step,), daemon=True) for step in steps]
    try:
        for thread in threads:
            thread.start()
        stop.wait(PATIENCE_S)
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_S)
    finally:
        sys.setswitchinterval(switching)
    assert not faults, faults[0]
    assert max(left) <= 0, left
    history.index.check()
