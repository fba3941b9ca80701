"""Pages laid end to end by their cursors are all matches in order, for every kind, order and number of jobs.

The cases are those of the differential tests. The seeds begin with BUCKETQUERY_SEED (default "0"), and
BUCKETQUERY_CASES divided by `CASES_PER_WAY` cases run in each way.
"""

import os
import pickle
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from bucketquery import BucketQuery, ResultsIndex, Snapshot, UnknownJob
from bucketquery.search.shortcuts import Shortcuts
from support.all_jobs import cut_all_jobs
from support.cases import Table, seeded_tables
from support.helpers import TOGETHER
from support.shortcuts import AS_THEY_ARE, FORCED, OFF, WAYS, only, shortcuts_for, take
from support.strategies import KINDS, Query, kind_of

pytestmark = pytest.mark.usefixtures("decoding_cursors")

CASES = int(os.environ.get("BUCKETQUERY_CASES", "1000"))
SEED = os.environ.get("BUCKETQUERY_SEED", "0")
CASES_PER_WAY = 1

#: A walk ends after this many pages.
PAGES = 12


@pytest.mark.parametrize("way", WAYS)
def test_pages_by_cursor_are_all_matches_in_order(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk on one snapshot yields each match once, in order, and its last page is the only one without a cursor."""
    seen: Counter[str] = Counter()
    prefix = SEED if way == AS_THEY_ARE else f"led-{SEED.removeprefix('led-')}"
    for table in seeded_tables(prefix, -(-CASES // CASES_PER_WAY)):
        shortcuts = shortcuts_for(monkeypatch, way, table.seed)
        seen += walked(table, shortcuts)
    wanted = {*KINDS, "several jobs", "pages", "interim", "threshold", *(() if way == OFF else ("cache",))}
    wanted |= {"order"} if way == FORCED else set()
    assert {name: seen[name] for name in wanted if seen[name] < 5} == {}


@pytest.mark.parametrize("kind", KINDS)
def test_pages_by_cursor_are_all_matches_of_a_churned_table(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables have thousands of results of one job, with many rows in the head and many deleted rows."""
    (table,) = seeded_tables(f"churned-{kind}-{SEED}", 1)
    shortcuts = shortcuts_for(monkeypatch, FORCED, table.seed)
    assert walked(table, replace(shortcuts, ahead_rows=40))["pages"] > 30


@pytest.mark.parametrize("way", [AS_THEY_ARE, FORCED])
def test_pages_by_cursor_over_combined_tables(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs or more are searched in combined tables, which have many parts."""
    seen: Counter[str] = Counter()
    for table in seeded_tables(f"together-{SEED}", CASES):
        shortcuts = shortcuts_for(monkeypatch, way, table.seed)
        cut_all_jobs(monkeypatch, table.seed)
        seen += walked(table, replace(shortcuts, combined=True, **TOGETHER))
    assert min(seen["several jobs"], seen["pages"], seen["jobs"]) > 5


def walked(table: Table, shortcuts: Shortcuts) -> Counter[str]:
    """Walk the pages of the cases of a table, and count what they had."""
    seen: Counter[str] = Counter()
    rng = Random(f"{table.seed} walks")
    index = take(ResultsIndex(keep_documents=rng.random() < 0.8, max_size=10_000), shortcuts)
    for job in sorted(table.put):
        index.put_job(job)
    states = [index.snapshot()]
    for case in table.cases:
        while len(states) <= case.written:
            index.upsert(table.history[len(states) - 1])
            states.append(index.snapshot())
        query = case.query.replace(from_=0, **({"expand": False} if isinstance(case.query, BucketQuery) else {}))
        if isinstance(query, BucketQuery) and query.timestamp is not None:
            continue
        try:
            plainly = states[case.state]._with_shortcuts(only(()))
            expected = plainly.search(query.replace(size=10_000)).keys()
        except UnknownJob:
            continue
        for pages in (by_cursor, by_pages):
            where = f"{table.seed} {pages.__name__} {query!r} at {case.state}"
            seen += checked(expected, pages(states[case.state], query, rng, len(expected)), where)
        seen["several jobs"] += len(query.jobs) > 1
        seen["interim"] += query.exclude_interim
        seen["threshold"] += query._parsed.threshold is not None
        seen[kind_of(query)] += 1
        seen["pages"] += len(expected) > 1
    index.check()
    return seen


def checked(expected: Any, pages: Iterator[tuple[int, Any]], where: str) -> Counter[str]:
    """Assert that pages have the expected keys, each page from its first position on; count how they were found."""
    seen: Counter[str] = Counter()
    for first, page in pages:
        length = len(page)
        assert page.keys() == expected[first : first + length], where
        assert page.count == len(expected), where
        assert (page.cursor is None) == (first + length >= len(expected)), where
        seen[page.explain()["path"]] += 1
    return seen


def by_cursor(snapshot: Snapshot, query: Query, rng: Random, count: int) -> Iterator[tuple[int, Any]]:
    """The pages of a walk by cursor, whose sizes change, each with the position of its first match."""
    first = rng.choice((0, 0, rng.randint(0, count)))
    page = snapshot.search(query.replace(from_=first, size=rng.choice((1, 2, 7, 100))))
    yield first, page
    for _ in range(PAGES):
        first += len(page)
        cursor = page.cursor
        assert cursor is None or len(cursor) <= 1_024
        if cursor is None:
            return
        assert pickle.loads(pickle.dumps(page)).cursor == cursor
        size = rng.choice((1, 1, 2, 3, 10, 1_000))
        page = snapshot.search(query.replace(size=size, from_=rng.choice((0, 5))), after=cursor)
        assert len(page) == min(size, count - first)
        yield first, page


def by_pages(snapshot: Snapshot, query: Query, rng: Random, count: int) -> Iterator[tuple[int, Any]]:
    """The pages of `pages`."""
    first = rng.choice((0, 0, rng.randint(0, count)))
    for number, page in enumerate(snapshot.pages(query.replace(from_=first, size=rng.choice((3, 50))))):
        yield first, page
        first += len(page)
        if number > PAGES:
            return
    assert first >= count
