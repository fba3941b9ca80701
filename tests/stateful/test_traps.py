"""Sequences of deletes, writes, feeds and cursors in which an index may go wrong, each written out."""

import itertools
import pickle
import tracemalloc
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from bucketquery import (
    BucketQuery,
    Commit,
    InfluencerQuery,
    InvalidCursor,
    Kind,
    NotFound,
    RecordQuery,
    ResultsIndex,
    Snapshot,
)
from bucketquery.testing import evaluate
from support.helpers import ON_FEW_ROWS, ask_together, lead_by_value, limit_heads
from support.living_model import changes_between, seen
from support.shortcuts import take
from support.strategies import KINDS, QUERIES, SCORES, Document, Query, State, apply_batch, identity
from support.tiers import of_tier

HOUR = 3_600_000
EVERYTHING = 10_000
EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def made(kind: Kind, row: int, score: float | None = 50.0, **fields: Any) -> Document:
    """The ``row``-th result of a kind, at an hour of its own."""
    document = {"result_type": kind, "job_id": "web", "timestamp": row * HOUR, "bucket_span": 3_600}
    return {**document, **({} if score is None else {SCORES[kind]: score}), **fields}


def columns_of(documents: Sequence[Document]) -> dict[str, Any]:
    """Documents of one kind as columns; None where one lacks a field."""
    names = dict.fromkeys(name for document in documents for name in document if name != "result_type")
    return {name: [document.get(name) for document in documents] for name in names}


def one_by_one(index: ResultsIndex, documents: Sequence[Document]) -> Commit:
    """Write each document alone; return the last commit."""
    return [index.upsert([document]) for document in documents][-1]


def in_a_batch(index: ResultsIndex, documents: Sequence[Document]) -> Commit:
    """Write documents in one batch with many others of another job, so that they are not written row by row."""
    kind = documents[0]["result_type"]
    others = [made(kind, 10**6 + index.sequence * 100 + row, 1.0) for row in range(40)]
    commit = index.upsert([*documents, *others])
    index.delete(start=10**6 * HOUR)
    return commit


def as_columns(index: ResultsIndex, documents: Sequence[Document]) -> Commit:
    """Write documents of one kind as columns."""
    return index.upsert_columns(columns_of(documents), kind=documents[0]["result_type"])


DOORS: Mapping[str, Callable[[ResultsIndex, Sequence[Document]], Commit]] = {
    "one by one": one_by_one,
    "in a batch": in_a_batch,
    "as columns": as_columns,
}
EACH_DOOR = pytest.mark.parametrize("write", DOORS.values(), ids=DOORS)


def keys(source: ResultsIndex | Snapshot, kind: Kind, **asked: Any) -> list[Any]:
    """The identities of all results of a kind, in time order."""
    return [*source.search(QUERIES[kind](jobs="web", sort="timestamp", desc=False, size=EVERYTHING, **asked)).keys()]


def reasons(index: ResultsIndex, document: Document) -> list[str | None]:
    """What happened to a result, oldest first."""
    return [change.reason for change in index.history(identity(document), kind=document["result_type"])]


def walk(source: ResultsIndex | Snapshot, query: Query) -> list[Any]:
    """The identities on all pages of a walk by cursors; a walk that does not end fails."""
    page = source.search(query)
    found = [*page.keys()]
    most = page.count + 2
    for _ in range(most):
        if page.cursor is None:
            assert len(found) == page.count - min(query.from_, page.count)
            return found
        page = source.search(query, after=page.cursor)
        found += page.keys()
    pytest.fail(f"the walk does not end after {most} pages: {found[:20]}")


# ---- 1: an interim version hides a final row, and its delete must not show it again


def drop_by_delete(index: ResultsIndex, document: Document) -> Commit:  # noqa: ARG001 - its siblings need it
    """Delete all interim results."""
    return index.delete("web", interim_only=True)


def drop_by_window(index: ResultsIndex, document: Document) -> Commit:
    """Delete the hour of a result."""
    return index.delete("web", start=document["timestamp"], end=document["timestamp"] + 1)


def drop_by_final_bucket(index: ResultsIndex, document: Document) -> Commit:
    """Write a final bucket of another span at the same time, which overtakes the result."""
    bucket = made("bucket", 0, 1.0, timestamp=document["timestamp"], bucket_span=60)
    return index.upsert([bucket], drop_interim=True)


@EACH_KIND
@EACH_DOOR
@pytest.mark.parametrize(
    ("compacts", "rows"),
    [(False, 1), (False, 100), (True, 100)],
    ids=["few rows", "many rows", "many rows, compacts between"],
)
@pytest.mark.parametrize("drop", [drop_by_delete, drop_by_window, drop_by_final_bucket])
def test_a_deleted_interim_result_does_not_show_the_final_one_that_it_replaced(
    kind: Kind,
    write: Callable[[ResultsIndex, Sequence[Document]], Commit],
    *,
    compacts: bool,
    rows: int,
    drop: Callable[[ResultsIndex, Document], Commit],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Final, interim, deleted, final again: the delete leaves nothing, and the last write is an insert."""
    if compacts:
        limit_heads(monkeypatch, 1)
    index = ResultsIndex()
    index.upsert([made(kind, row) for row in range(1, rows + 1)])
    final = made(kind, 1 if drop is drop_by_window else rows)
    late = itertools.count(1)

    def between() -> None:
        if compacts:
            number = next(late)
            index.upsert([made(kind, 1, 2.0, bucket_span=number * 7_200 + step) for step in (0, 1, 2)])
        index.check()

    others = [key for key in keys(index, kind) if key != identity(final)]

    def of_others() -> list[Any]:
        return [key for key in keys(index, kind) if key in others]

    between()
    assert write(index, [{**final, "is_interim": True}]).replaced == 1
    held = index.snapshot()
    between()
    assert drop(index, final).deleted >= 1
    between()
    assert identity(final) not in keys(index, kind)
    assert identity(final) not in keys(index, kind, exclude_interim=True)
    assert drop is drop_by_window or of_others() == others
    for _ in range(2):
        between()
    commit = write(index, [final])
    assert (commit.inserted - 40 * (write is in_a_batch), commit.replaced, commit.unchanged) == (1, 0, 0)
    assert keys(index, kind).count(identity(final)) == 1
    assert write(index, [final]).unchanged == 1
    assert reasons(index, final) == ["inserted", "replaced", "deleted", "inserted"]
    assert identity(final) in keys(held, kind)
    assert identity(final) not in keys(held, kind, exclude_interim=True)
    index.check()
    held.check()


@EACH_KIND
@EACH_DOOR
@pytest.mark.parametrize("rows", [1, 100], ids=["few rows", "many rows"])
def test_a_deleted_result_that_comes_again_as_interim_is_new(
    kind: Kind, write: Callable[[ResultsIndex, Sequence[Document]], Commit], rows: int
) -> None:
    """A base row that was deleted counts neither for an interim write nor for the final one after it."""
    index = ResultsIndex()
    index.upsert([made(kind, row) for row in range(rows)])
    middle = made(kind, rows // 2)
    assert index.delete("web", start=middle["timestamp"], end=middle["timestamp"] + 1).deleted == 1
    assert write(index, [{**middle, "is_interim": True}]).replaced == 0
    assert index.delete(interim_only=True).deleted == 1
    assert index.delete(interim_only=True).deleted == 0
    assert write(index, [middle]).replaced == 0
    assert reasons(index, middle) == ["inserted", "deleted", "inserted", "deleted", "inserted"]
    assert len(keys(index, kind)) == rows
    index.check()


# ---- 2: what is appended after a cut lies where an older snapshot reads


def many(kind: Kind, first: int, stop: int, salt: int) -> list[Document]:
    """Results with texts, nested values and scores that depend on a number."""
    found = []
    for row in range(first, stop):
        fields: Document = {"is_interim": (row + salt) % 11 == 0}
        if kind == "bucket":
            fields |= {"event_count": row * salt, "scheduled_events": [f"event {salt}"] * (row % 3 == 0)}
            fields["bucket_influencers"] = [{"influencer_field_name": f"{salt}"}] * (row % 4 == 0)
        elif kind == "record":
            fields |= {"by_field_value": f"{row % 3}-{salt}" if row % 2 else None, "typical": [row * 1.0]}
        else:
            fields |= {"influencer_field_name": "host", "influencer_field_value": f"{salt}-{row % 3}"}
        found.append(made(kind, row, (row * 7 + salt * 13) % 101 * 1.0, **fields))
    return found


def questions(kind: Kind) -> list[Query]:
    """Pages in time order, by score, and by threshold."""
    score = SCORES[kind]
    asked: list[dict[str, Any]] = [
        {"sort": "timestamp", "desc": False, "size": EVERYTHING},
        {"sort": score, "desc": True, "size": 5},
        {"sort": score, "desc": False, "size": 5},
        {"sort": score, "desc": True, "size": EVERYTHING, "exclude_interim": True},
    ]
    asked += [{"sort": "timestamp", "size": EVERYTHING, score: threshold} for threshold in (1.0, 50.0, 90.0)]
    asked += [{"sort": "timestamp", "size": 3, "start": 40 * HOUR, "end": 160 * HOUR, score: 30.0}]
    return [QUERIES[kind](jobs="web", **one) for one in asked]


def answers(source: ResultsIndex | Snapshot, kind: Kind) -> list[str]:
    """The answers to all questions, as text."""
    return [repr(source.search(query).to_dict()) for query in questions(kind)]


@EACH_KIND
@pytest.mark.parametrize("asked_before", [False, True], ids=["asked after", "asked before"])
@pytest.mark.parametrize("batch", ["one by one", "in a batch"])
def test_appends_after_a_cut_do_not_reach_older_snapshots(
    kind: Kind, batch: str, *, asked_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Delete the newest results and append others, again and again: each kept snapshot answers as before."""
    lead_by_value(monkeypatch)
    limit_heads(monkeypatch, 4)
    index = take(ResultsIndex(), ON_FEW_ROWS)
    stored: State = {}
    kept: list[tuple[Snapshot, list[str]]] = []
    first, rows = 0, 130

    def expected() -> list[str]:
        return [repr(evaluate(stored.values(), query)) for query in questions(kind)]

    def write(documents: list[Document]) -> None:
        nonlocal stored
        for some in [[one] for one in documents] if batch == "one by one" else [documents]:
            index.upsert(some)
        stored = apply_batch(stored, documents)

    write(many(kind, 0, rows, 1))
    for salt in range(2, of_tier(4, 9)):
        if asked_before:
            assert answers(index, kind) == expected()
        kept.append((index.snapshot(), expected()))
        cut, front = rows - 9 * salt % 40 - 1, first + salt % 3 * 5
        index.delete("web", start=cut * HOUR)
        kept.append(
            (
                index.snapshot(),
                [
                    repr(evaluate([d for d in stored.values() if d["timestamp"] < cut * HOUR], query))
                    for query in questions(kind)
                ],
            )
        )
        if front > first:
            index.delete(end=front * HOUR)
        stored = {
            name: document for name, document in stored.items() if front * HOUR <= document["timestamp"] < cut * HOUR
        }
        first, rows = front, cut + 25
        write(many(kind, cut, rows, salt))
        index.check()
        assert answers(index, kind) == expected()
        for snapshot, old in kept:
            snapshot.check()
            assert answers(snapshot, kind) == old


# ---- 3: a keyword column in which no row has a text


@pytest.mark.parametrize("kind", ["record", "influencer"])
@EACH_DOOR
@pytest.mark.parametrize("compacts", [False, True], ids=["head stays", "compacts"])
def test_missing_texts_are_none_in_every_key(
    kind: Kind,
    write: Callable[[ResultsIndex, Sequence[Document]], Commit],
    *,
    compacts: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without any text, keys have None in feeds, listings, histories, walks and deletes; later texts change nothing."""
    if compacts:
        limit_heads(monkeypatch, 1)
    index = ResultsIndex()
    without = [made(kind, row, float(row)) for row in range(70)]
    write(index, without)
    wanted = [identity(document) for document in without]
    end = ("web", 0, 3_600, 0, None, None, None) if kind == "record" else ("web", 0, 3_600, None, None)
    assert wanted[0] == end
    query = QUERIES[kind](jobs="web", sort="timestamp", desc=False, size=3)

    def of_web(changes: Iterable[Any]) -> list[Any]:
        return sorted(change.key for change in changes if change.key[1] < 10**6 * HOUR)

    assert of_web(index.changes(since=0)) == wanted
    assert of_web(index.changes(query, since=None)) == wanted
    assert walk(index, query) == wanted
    assert [change.score for change in index.history(wanted[1], kind=kind)] == [1.0]
    since = index.sequence
    index.renormalize("web", **{f"{kind}s": {"timestamp": [HOUR], "bucket_span": 3_600, SCORES[kind]: [9.0]}})
    index.upsert([made(kind, 2, 8.0)])
    name = "by_field_value" if kind == "record" else "influencer_field_value"
    write(index, [made(kind, row, 1.0, **{name: text}) for row in range(4) for text in ("", "a")])
    index.delete(end=2 * HOUR)
    found = [change.key for change in index.changes(QUERIES[kind](jobs="web", end=10**6 * HOUR), since=since)]
    texts = [identity({**made(kind, row), name: text}) for row in range(4) for text in ("", "a")]
    gone = [key for key in [*wanted, *texts] if key[1] < 2 * HOUR]
    assert sorted(found, key=repr) == sorted([wanted[1], wanted[2], *texts, *gone], key=repr)
    assert walk(index, query) == keys(index, kind)
    index.check()


# ---- 4: sort keys of integers


COUNTS = (0, -1, 1, 2**53, 2**53 + 1, 2**53 + 2, 2**63 - 1, 2**63 - 2, -(2**63), -(2**63) + 1, -(2**53) - 1, 7, 7, None)


@pytest.mark.parametrize("sort", ["event_count", "processing_time_ms", "bucket_span", "is_interim", "anomaly_score"])
@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("way", ["one job", "several jobs", "combined", "by value"])
def test_walks_by_integers_end_and_miss_nothing(
    sort: str, size: int, way: str, *, desc: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Integers that no double holds order a walk exactly, in both directions; missing ones come last."""
    if way == "by value":
        lead_by_value(monkeypatch)
    limit_heads(monkeypatch, 3)
    index = ResultsIndex()
    if way == "combined":
        ask_together(index)
    take(index, ON_FEW_ROWS)
    jobs = ["web"] if way in {"one job", "by value"} else ["web", "db", "app"]
    documents = [
        made(
            "bucket",
            row,
            (row * 31) % 9 / 3,
            job_id=job_id,
            event_count=count,
            processing_time_ms=COUNTS[-1 - row],
            bucket_span=60 + row % 3,
            is_interim=row % 4 == 0,
        )
        for job_id in jobs
        for row, count in enumerate(COUNTS)
    ]
    for some in (documents[::2], documents[1::2]):
        index.upsert(some)
    query = BucketQuery(jobs=jobs, sort=sort, desc=desc, size=size)
    shown = evaluate(documents, query.replace(size=EVERYTHING))["buckets"]
    assert walk(index, query) == [(one["job_id"], one["timestamp"], one["bucket_span"]) for one in shown]


# ---- 5: rows of the head behind the last row of the base


@EACH_KIND
@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize("exclude_interim", [False, True])
@pytest.mark.parametrize("size", [1, 4])
def test_the_cursor_ends_exactly_behind_the_last_row_of_the_head(
    kind: Kind, size: int, *, desc: bool, exclude_interim: bool
) -> None:
    """A page that ends with the last row of the base has a cursor if a row of the head comes behind."""
    index = ResultsIndex()
    stored: State = {}
    for documents in (
        [made(kind, row, float(row % 4)) for row in range(1, 21)],
        [made(kind, row, float(row % 4), is_interim=True) for row in (21, 22)],
        [made(kind, row, float(row % 4), bucket_span=60) for row in (0, 5, 20, 22)],
        [made(kind, 3, 99.0), made(kind, 20, 99.0), made(kind, 4, None)],
    ):
        index.upsert(documents)
        stored = apply_batch(stored, documents)
        for sort in ("timestamp", SCORES[kind], f"initial_{SCORES[kind]}", "bucket_span"):
            query = QUERIES[kind](jobs="web", sort=sort, desc=desc, size=size, exclude_interim=exclude_interim)
            whole = query.replace(size=EVERYTHING)
            assert repr(index.search(whole).to_dict()) == repr(evaluate(stored.values(), whole))
            assert walk(index, query) == [*index.search(whole).keys()]
            for first in range(len(stored) + 1):
                page = index.search(query.replace(from_=first))
                assert (page.cursor is None) == (first + len(page) >= page.count)


# ---- 8: bytes of views


@pytest.mark.parametrize("side", ["oldest", "newest"])
def test_stats_count_what_a_delete_hides(side: str) -> None:
    """After deletes of the oldest or newest results, `stats` has the bytes that the process has."""
    rows = 120_000
    tracemalloc.start()
    try:
        index = ResultsIndex(changes_kept=0)
        before = tracemalloc.get_traced_memory()[0]
        times = np.arange(rows) * HOUR
        index.upsert_columns(
            {"timestamp": times, "bucket_span": 3_600, "anomaly_score": times % 97.0, "event_count": times % 89},
            job_id="web",
        )
        del times
        for part in (1, 2, 3, 5, 8):
            if side == "oldest":
                index.delete(end=rows * part // 16 * HOUR)
            else:
                index.delete(start=rows * (16 - part) // 16 * HOUR)
            counted, traced = index.stats()["bytes"], tracemalloc.get_traced_memory()[0] - before
            assert traced - 100_000 <= counted * 1.02, f"after {part}/16, stats count {counted} of {traced} bytes"
            assert counted <= traced * 1.02 + 100_000, f"after {part}/16, stats count {counted} of {traced} bytes"
            fewest = rows * (16 - part) // 16 * 49
            assert traced < 1.5 * fewest, "a delete frees what it has deleted, but for a part"
    finally:
        tracemalloc.stop()


# ---- 9: changes that are none


@EACH_KIND
@EACH_DOOR
def test_nothing_that_stays_the_same_is_a_change(
    kind: Kind, write: Callable[[ResultsIndex, Sequence[Document]], Commit]
) -> None:
    """Equal documents and scores are no change, a repeated document is one change, and a missing score is None."""
    index = ResultsIndex()
    stored = [made(kind, row, None if row == 0 else float(row)) for row in range(30)]
    first = one_by_one(index, stored).sequence
    commit = write(index, stored)
    in_web = QUERIES[kind](jobs="web", end=10**6 * HOUR)
    assert commit.unchanged >= 1
    assert not len(index.changes(in_web, since=first))
    same = {"timestamp": [HOUR, 2 * HOUR], "bucket_span": 3_600, SCORES[kind]: [1.0, 2.0]}
    sequence = index.sequence
    assert index.renormalize("web", **{f"{kind}s": same}).unchanged == 2
    assert index.sequence == sequence
    twice = {"timestamp": [HOUR] * 2, "bucket_span": 3_600, SCORES[kind]: [7.0, 1.0]}
    assert index.renormalize("web", **{f"{kind}s": twice}).repeated == 1
    assert index.sequence == sequence

    write(
        index, [made(kind, 5, 50.0), made(kind, 6, 60.0), made(kind, 5, 55.0), made(kind, 6, 6.0), made(kind, 7, None)]
    )
    changes = [seen(change) for change in index.changes(in_web, since=sequence)]
    if write is not one_by_one:
        assert [change[3:5] for change in changes if change.key[1] == 5 * HOUR] == [(5.0, 55.0)]
        assert [change for change in changes if change.key[1] == 6 * HOUR] == []
    assert [change[3:5] for change in changes if change.key[1] == 7 * HOUR] == [(7.0, None)]
    sequence = index.sequence
    write(index, [made(kind, 0, 3.0), made(kind, 40, None)])
    changes = sorted((seen(change) for change in index.changes(in_web, since=sequence)), key=lambda one: one.key[1])
    assert [(change.reason, *change[3:]) for change in changes] == [
        ("replaced", None, 3.0, False, False),
        ("inserted", None, None, None, False),
    ]
    assert changes[1].score is None
    index.delete("web", start=40 * HOUR)
    (gone,) = index.history(identity(made(kind, 40)), kind=kind)[1:]
    assert (gone.old_score, gone.score, gone.was_interim, gone.is_interim) == (None, None, False, None)


@EACH_KIND
def test_a_document_of_another_spelling_is_no_change(kind: Kind) -> None:
    """Zero and minus zero, an integer and a double, a date and a number are the same."""
    index = ResultsIndex()
    index.upsert([made(kind, 0, 0.0), made(kind, 1, 75.0)])
    sequence = index.sequence
    commit = index.upsert([made(kind, 0, -0.0), made(kind, 1, 75, timestamp="1970-01-01T01:00:00Z")])
    assert (commit.unchanged, index.sequence) == (2, sequence)
    assert not len(index.changes(since=sequence))


# ---- 10: cursors that are kept


@EACH_KIND
@pytest.mark.parametrize("sort", ["timestamp", "score"])
def test_a_kept_cursor_goes_on_behind_its_result(kind: Kind, sort: str) -> None:
    """A cursor from a pickled page, used after its result was deleted, or with another size, goes on where it was."""
    index = ResultsIndex()
    index.upsert([made(kind, row, float(row * 7 % 31)) for row in range(40)])
    field = SCORES[kind] if sort == "score" else sort
    query: Query = QUERIES[kind](jobs="web", sort=field, desc=True, size=6)
    page = index.search(query)
    everything = [*index.search(query.replace(size=EVERYTHING)).keys()]
    again = pickle.loads(pickle.dumps(page))
    assert again.cursor == page.cursor
    assert again.keys() == page.keys()
    for source in (index, index.snapshot()):
        assert [*source.search(query, after=again.cursor).keys()] == everything[6:12]
        assert [*source.search(query.replace(size=20, from_=3), after=again.cursor).keys()] == everything[6:26]
    for sort_or_score in (
        {"sort": "bucket_span"},
        {"desc": False},
        {SCORES[kind]: 1.0},
        {"exclude_interim": True},
        {"end": 39 * HOUR},
        {"jobs": ["web", "db"]},
    ):
        with pytest.raises(InvalidCursor) as caught:
            index.search(query.replace(**sort_or_score), after=page.cursor)
        assert caught.value.field == "after"
    deleted = everything[5][1]
    index.delete("web", start=deleted, end=deleted + 1)
    assert [*index.search(query, after=page.cursor).keys()] == everything[6:12]
    index.delete("web", interim_only=True)
    index.upsert([made(kind, deleted // HOUR, deleted // HOUR * 7 % 31 * 1.0)])
    assert [*index.search(query, after=page.cursor).keys()] == everything[6:12]
    other = ResultsIndex()
    other.upsert([made(kind, row, float(row * 7 % 31)) for row in range(40)])
    assert [*other.search(query, after=page.cursor).keys()] == everything[6:12]


def test_lookups_and_empty_pages_have_no_cursor() -> None:
    """A lookup has no cursor and takes none; neither do pages without room or without matches have one."""
    index = ResultsIndex()
    index.upsert([made("bucket", row) for row in range(5)])
    query = BucketQuery(jobs="web", size=2)
    cursor = index.search(query).cursor
    assert cursor is not None
    assert index.search(query.replace(size=0)).cursor is None
    assert index.search(query.replace(from_=9)).cursor is None
    lookup = BucketQuery(jobs="web", timestamp=0)
    assert index.search(lookup).cursor is None
    with pytest.raises(InvalidCursor):
        index.search(lookup, after=cursor)
    with pytest.raises((InvalidCursor, NotFound)):
        index.search(lookup.replace(timestamp=1), after=cursor)
    for spoiled in ("", cursor[:-1], cursor + "A", cursor[1:], cursor.swapcase(), "é" + cursor, cursor[::-1]):
        with pytest.raises(InvalidCursor):
            index.search(query, after=spoiled)


@pytest.mark.parametrize("sort", ["by_field_value", "function", "record_score", "timestamp"])
def test_walks_over_long_texts_miss_nothing(sort: str) -> None:
    """Texts that a cursor cannot hold, with one beginning, still order a walk exactly."""
    index = ResultsIndex()
    texts = [None, "", "a", "\U00010000", "\uffff", *("a" * 5_000 + end for end in ("", "a", "b", "\uffff", "é"))]
    records = [
        made("record", row, 5.0, by_field_value=text, function=text, detector_index=row)
        for row in range(3)
        for text in texts
    ]
    index.upsert(records)
    for desc in (False, True):
        for size in (1, 2, 7):
            query = RecordQuery(jobs="web", sort=sort, desc=desc, size=size)
            assert walk(index, query) == [*index.search(query.replace(size=EVERYTHING)).keys()]
            page = index.search(query)
            while page.cursor is not None:
                assert len(page.cursor) <= 1_024
                page = index.search(query, after=page.cursor)


# ---- deletes that meet each other


@EACH_KIND
def test_every_order_of_deletes_and_writes_is_fed(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each order of some writes and deletes gives the dict's results and the dict's feed."""
    limit_heads(monkeypatch, 2)
    plain = [made(kind, row, float(row)) for row in range(6)]
    interim = [{**document, "is_interim": True} for document in plain[2:5]]
    shifted = [made(kind, row, 80.0, bucket_span=60) for row in range(3)]

    def without_window(state: State) -> State:
        return {name: found for name, found in state.items() if not 2 * HOUR <= found["timestamp"] < 4 * HOUR}

    def without_interim(state: State) -> State:
        return {name: found for name, found in state.items() if not found.get("is_interim")}

    steps: list[tuple[Callable[[ResultsIndex], Any], Callable[[State], State]]] = [
        (lambda index: index.upsert(plain), lambda state: apply_batch(state, plain)),
        (lambda index: index.upsert(interim), lambda state: apply_batch(state, interim)),
        (lambda index: index.upsert(shifted), lambda state: apply_batch(state, shifted)),
        (lambda index: index.delete(start=2 * HOUR, end=4 * HOUR), without_window),
        (lambda index: index.delete(interim_only=True), without_interim),
        (lambda index: index.delete(end=HOUR), lambda s: {n: d for n, d in s.items() if d["timestamp"] >= HOUR}),
    ]
    # Three steps give 120 orders, four give 360.
    for order in list(itertools.permutations(range(len(steps)), of_tier(3, 4)))[:: of_tier(4, 3)]:
        index = ResultsIndex()
        index.put_job("web")
        state: State = {}
        for step in order:
            write, follow = steps[step]
            before, since, state = state, index.sequence, follow(state)
            write(index)
            wanted = changes_between(before, state)
            found = [seen(change) for change in index.changes(since=since)]
            assert {change.name: change for change in found} == wanted, order
            assert len(found) == len(wanted)
            assert sorted(keys(index, kind)) == sorted(name[1] for name in state), order
            index.check()


def test_a_query_of_influencers_and_records_is_of_its_kind_only() -> None:
    """A change of one kind is no change for a query of another, though job and time are the same."""
    index = ResultsIndex()
    index.upsert([made(kind, 0, 90.0) for kind in KINDS])
    for query in (
        BucketQuery(jobs="web", anomaly_score=75.0),
        RecordQuery(jobs="web", record_score=75.0),
        InfluencerQuery(jobs="web", influencer_score=75.0),
    ):
        changes = index.changes(query, since=0)
        assert [change.effect for change in changes] == ["entered"]
        assert len(index.changes(query.replace(end=0), since=0)) == 0
