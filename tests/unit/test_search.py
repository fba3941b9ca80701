"""The search: its pages and counts, over base and head, equal those of filter, sort and slice."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery.model.schema import RECORD
from bucketquery.queries.queries import BucketQuery, RecordQuery, resolve
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.plan import Explanation
from bucketquery.search.search import scan, search
from bucketquery.search.shortcuts import ALL_SHORTCUTS
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from bucketquery.testing import evaluate
from support.helpers import (
    JOB,
    ON_FEW_ROWS,
    STEP,
    Document,
    bucket,
    lead_by_value,
    limit_heads,
    record,
    rows,
    segment,
    table,
)

SCAN_ROWS = ALL_SHORTCUTS.scan_rows
SORTS = (
    "timestamp",
    "anomaly_score",
    "event_count",
    "is_interim",
    "bucket_span",
    "scheduled_events",
    "processing_time_ms",
)


def resolved(**parameters: Any) -> ResolvedQuery:
    """The resolved query with these parameters."""
    return resolve(BucketQuery(jobs=JOB, **parameters), lambda: 0)


def identities(rows: Selection) -> list[tuple[int, int]]:
    """The timestamp and the span of each row, in the order of the rows."""
    names = ("timestamp", "bucket_span")
    return list(zip(*(rows.column(name).tolist() for name in names), strict=True))


def history(rng: Random, length: int) -> list[list[dict[str, Any]]]:
    """Batches that leave deleted rows, head rows before and after the base, and interim rows everywhere."""
    batches = [rows(0, length)]
    for _ in range(length):
        row = rng.choice((rng.randrange(-2, length), length + rng.randrange(3)))
        optional = {
            "anomaly_score": rng.choice((None, 0.0, 3.0, 75.0)),
            "event_count": rng.choice((None, 0, 2**53 + 1)),
            "is_interim": rng.random() < 0.4,
            "scheduled_events": rng.choice((None, ["b", "a"], ["é"], ["\uffff"], ["\U00010000"])),
            "bucket_span": rng.choice((300, 300, 60)),
        }
        batches.append([bucket(row, **optional)])
    return batches


@pytest.fixture(scope="module", params=[1, 4, 1_024])
def states(request: pytest.FixtureRequest) -> list[tuple[Table, list[dict[str, Any]]]]:
    """Three states of a history and an empty table, each with its documents; the parameter limits the head."""
    rng = Random(request.param)
    found = []
    with pytest.MonkeyPatch.context() as patch:
        limit_heads(patch, request.param)
        batches = history(rng, 14)
        for end in (1, 5, len(batches)):
            stored = {
                (document["timestamp"], document["bucket_span"]): document
                for batch in batches[:end]
                for document in batch
            }
            found.append((table(*batches[:end]), list(stored.values())))
    found.append((table(), []))
    return found


def windows() -> Iterator[dict[str, Any]]:
    """An open window, then narrow, wide, empty and reversed ones."""
    yield {}
    for start in (-3 * STEP, 1, 5 * STEP, 14 * STEP):
        for end in (0, start + 1, 9 * STEP):
            yield {"start": start, "end": end}


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("threshold", [0.0, 3.0])
def test_every_page_equals_filter_sort_and_slice(
    states: Sequence[tuple[Table, list[dict[str, Any]]]], sort: str, threshold: float
) -> None:
    """Rows and count agree in every window, in both directions, with and without interim buckets, at any `from_`."""
    for found, documents in states:
        for window in windows():
            for desc in (False, True):
                for exclude_interim in (False, True):
                    parameters: dict[str, Any] = {
                        **window,
                        "anomaly_score": threshold,
                        "sort": sort,
                        "desc": desc,
                        "exclude_interim": exclude_interim,
                    }
                    expected = evaluate(documents, BucketQuery(jobs=JOB, **parameters))
                    whole = [(shown["timestamp"], shown["bucket_span"]) for shown in expected["buckets"]]
                    everything = resolved(**parameters)
                    for from_, size in ((0, 100), (1, 2), (3, 10**30), (10**30, 5), (0, 0), (len(whole), 5)):
                        page, count, _ = search(found, everything._replace(from_=from_, size=size))
                        assert count == expected["count"]
                        assert identities(page) == whole[from_ : from_ + size]


def test_a_page_in_time_order_reads_only_its_own_rows() -> None:
    """A page is a slice, in either direction, if it holds no head row and spans no deleted row."""
    found = table(rows(0, 40), [bucket(3, event_count=1), bucket(30, bucket_span=60)])
    assert search(found, resolved(start=5 * STEP, end=20 * STEP, from_=2, size=5))[0].rows == slice(7, 12)
    assert search(found, resolved(start=5 * STEP, end=20 * STEP, from_=2, size=5, desc=True))[0].rows == slice(
        17, 12, -1
    )
    assert search(found, resolved(end=2 * STEP, desc=True))[0].rows == slice(1, None, -1)
    assert search(found, resolved(size=0))[0].rows == slice(0, 0)
    assert search(found, resolved(size=0))[1] == 41
    assert not isinstance(search(found, resolved(size=5))[0].rows, slice)
    assert isinstance(search(found, resolved(timestamp=0))[0].rows, slice)


def test_keywords_sort_by_their_utf_8_bytes() -> None:
    """The sort key of a bucket is its least event, or the greatest if descending. Buckets without events come last."""
    events = [["b"], ["a", "z"], None, ["\U00010000"], ["\uffff"], [], ["B"], ["b"]]
    found = table([bucket(row, scheduled_events=some) for row, some in enumerate(events)])
    for desc in (False, True):
        keys = [(max if desc else min)(some).encode() if some else b"" for some in (each or [] for each in events)]
        having = sorted((row for row in range(8) if keys[row]), key=lambda row: (keys[row], row), reverse=desc)
        expected = having + ([5, 2] if desc else [2, 5])
        page = search(found, resolved(sort="scheduled_events", desc=desc))
        assert [timestamp // STEP for timestamp, _ in identities(page[0])] == expected


@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize("sort", ["timestamp", "anomaly_score"])
@pytest.mark.parametrize("exclude_interim", [False, True])
def test_a_scan_equals_a_page_of_all_matches(desc: bool, sort: str, exclude_interim: bool) -> None:
    """A scan comes in parts of about `SCAN_ROWS` rows and ignores paging.

    Head rows, deleted rows and equal times lie where the parts meet.
    """
    scores = np.arange(3 * SCAN_ROWS) % 7
    found = table(
        [bucket(row // 2, bucket_span=60 + row % 2, anomaly_score=float(score)) for row, score in enumerate(scores)],
        [bucket(SCAN_ROWS // 2 + off, bucket_span=60, event_count=1, is_interim=True) for off in (-1, 0, 1)],
        [bucket(SCAN_ROWS // 2, bucket_span=59), bucket(-1)],
    )
    for window in (
        {},
        {"start": 5 * STEP},
        {"end": SCAN_ROWS * STEP},
        {"start": 9, "end": 3},
        {"start": SCAN_ROWS // 2 * STEP, "end": SCAN_ROWS // 2 * STEP + 1},
    ):
        query = resolved(**window, sort=sort, desc=desc, exclude_interim=exclude_interim, from_=5, size=1)
        parts = list(scan(found, query))
        whole = search(found, query._replace(from_=0, size=10**9))
        assert [identity for part in parts for identity in identities(part)] == identities(whole[0])
        assert all(len(identities(part)) < 1.1 * SCAN_ROWS for part in parts)
        assert whole[1] < SCAN_ROWS or len(parts) > 1


def test_a_scan_without_matches_yields_no_rows() -> None:
    """Neither an empty table nor a lookup of an instant without a bucket has matches."""
    assert [identities(part) for part in scan(table(), resolved())] == [[]]
    assert [identity for part in scan(table(rows(0, 3)), resolved(timestamp=1)) for identity in identities(part)] == []
    assert list(scan(table(), resolved(sort="event_count"))) == []


def test_buckets_with_one_timestamp_are_paged_by_span() -> None:
    """1,000 buckets with one timestamp are ordered by span. Some replace deleted rows, some are in the head."""
    spans = [*range(1, 1_001)]
    found = table(
        [bucket(0, bucket_span=span) for span in spans if span % 3],
        [bucket(0, bucket_span=span, event_count=1) for span in spans if span % 3 != 1],
    )
    assert found.rows.length == 1_000
    for desc in (False, True):
        for from_ in (0, 1, 499, 995):
            page = search(found, resolved(from_=from_, size=10, desc=desc))
            assert [span for _, span in identities(page[0])] == (spans[::-1] if desc else spans)[from_ : from_ + 10]
        assert search(found, resolved(timestamp=0, desc=desc))[1] == 1_000


# ---- access by value

SORTED_BY_VALUE = (
    "anomaly_score",
    "event_count",
    "initial_anomaly_score",
    "is_interim",
    "processing_time_ms",
    "bucket_span",
)
SCORES = (0.0, 0.0, 0.0, 3.0, 25.0, 37.3, 75.0, 75.0, 100.0)
COUNTS = (0, 1, 1, 1, 2**53, 2**53 + 1)


def valued(rng: Random, row: int, *, span: int = 300, is_interim: bool = False, missing: float = 0.1) -> Document:
    """A bucket with all numeric fields; its score is missing with probability ``missing``."""
    return bucket(
        row,
        bucket_span=span,
        anomaly_score=None if rng.random() < missing else rng.choice((*SCORES, rng.random() * 100)),
        initial_anomaly_score=rng.choice((-1.0, -1.0, -1.0, 5.0)),
        event_count=rng.choice(COUNTS),
        processing_time_ms=rng.randrange(9),
        is_interim=is_interim,
    )


def growing(rng: Random, before_next: Any) -> Iterator[tuple[Table, list[Document]]]:
    """The states of a table as it takes rows: new ones in order, late ones, interim ones, and rows with new scores.

    Each state is passed to ``before_next`` before the next batch is written.
    """
    newest, stored = table(), dict[tuple[int, int], Document]()
    row = 0
    for step in range(12):
        length = rng.choice((1, 7, 40))
        if step % 3 == 0 or not stored:
            batch = [valued(rng, row + at, missing=0.9 if step == 6 else 0.1) for at in range(length)]
            row += length
        elif step % 3 == 1:
            batch = [
                valued(rng, rng.randrange(row + 2), span=rng.choice((300, 60)), is_interim=rng.random() < 0.3)
                for _ in range(5)
            ]
        else:
            chosen = rng.sample(sorted(stored), max(1, len(stored) // 8))
            batch = [{**stored[at], "anomaly_score": rng.choice(SCORES)} for at in chosen]
        newest, _ = newest.upsert(segment(batch))
        stored |= {(document["timestamp"], document["bucket_span"]): document for document in batch}
        newest.check()
        yield newest, list(stored.values())
        before_next(newest)


@pytest.mark.parametrize("behind", [0, 9, 1_024])
@pytest.mark.parametrize("head_rows", [2, 8, 1_024])
def test_pages_read_by_value_equal_filter_sort_and_slice(
    head_rows: int, behind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of the newest table and of older ones are right.

    Their value indexes may have been built earlier or later, or never.
    """
    lead_by_value(monkeypatch, behind=behind)
    limit_heads(monkeypatch, head_rows, 4)
    rng = Random(head_rows + behind)
    paths = set()

    def compare(found: Table, documents: list[Document] | None = None) -> None:
        for _ in range(15):
            start = rng.choice((None, -STEP, rng.randrange(200) * STEP))
            parameters: dict[str, Any] = {
                "sort": rng.choice(SORTED_BY_VALUE),
                "desc": rng.random() < 0.5,
                "exclude_interim": rng.random() < 0.3,
                "anomaly_score": rng.choice((0.0, 0.0, 1e-9, 3.0, 24.0, 50.0, 75.0, 100.0)),
                **({} if start is None else {"start": start, "end": start + rng.choice((5, 30, 999)) * STEP}),
                "from_": rng.choice((0, 0, 1, 30)),
                "size": rng.choice((0, 1, 5, 100)),
            }
            page, count, plan = search(found, resolved(**parameters), ON_FEW_ROWS)
            paths.add(plan.path)
            if documents is not None:
                expected = evaluate(documents, BucketQuery(jobs=JOB, **parameters))
                assert count == expected["count"]
                assert identities(page) == [(one["timestamp"], one["bucket_span"]) for one in expected["buckets"]]

    states = []
    for state in growing(rng, compare):
        states.append(state)
        for found, documents in {id(known): known for known in (state, rng.choice(states))}.values():
            compare(found, documents)
    assert paths >= {"order", "threshold", "scan"}


def test_records_read_by_value_equal_filter_sort_and_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records with equal scores are ordered by their tie columns, some of which are keywords."""
    lead_by_value(monkeypatch)
    rng = Random(11)
    documents = [
        record(row, detector, record_score=rng.choice((0.0, 0.0, 1.0, 90.0)), function=rng.choice(("min", "max", None)))
        for row in range(50)
        for detector in range(2)
    ]
    found = table(documents, schema=RECORD)
    paths = set()
    for sort in ("record_score", "detector_index", "function"):
        for desc in (False, True):
            for threshold in (0.0, 1.0, 50.0):
                for start, end in ((None, None), (3 * STEP, 30 * STEP)):
                    query = RecordQuery(
                        jobs=JOB, sort=sort, desc=desc, record_score=threshold, size=9, start=start, end=end
                    )
                    page, count, plan = search(found, resolve(query, lambda: 0), ON_FEW_ROWS)
                    expected = evaluate(documents, query)
                    assert count == expected["count"]
                    assert list(zip(page.column("timestamp"), page.column("detector_index"), strict=True)) == [
                        (shown["timestamp"], shown["detector_index"]) for shown in expected["records"]
                    ]
                    paths.add((sort, plan.path))
    assert ("record_score", "order") in paths
    assert ("function", "order") not in paths


@pytest.fixture(scope="module")
def spread() -> Table:
    """4,096 rows. Scores and counts are distinct and independent; 63 of 64 rows have one processing time."""
    rng = np.random.default_rng(3)
    scores, counts = (rng.permutation(4_096) / 40.96).tolist(), rng.permutation(4_096).tolist()
    documents = [
        bucket(row, anomaly_score=scores[row], event_count=counts[row], processing_time_ms=9 if row % 64 else 5)
        for row in range(4_096)
    ]
    return table([{**document, "is_interim": False} for document in documents])


EXPLAINED: list[tuple[dict[str, Any], Explanation]] = [
    # A page by time compares no row. The final rows have a view of their own.
    ({}, Explanation("time")),
    ({"exclude_interim": True, "start": 5 * STEP, "from_": 9}, Explanation("time")),
    # The threshold is the edge of a level, then between two levels, then below all levels.
    ({"anomaly_score": 75}, Explanation("threshold", "anomaly_score", (75.0,))),
    ({"anomaly_score": 80}, Explanation("threshold", "anomaly_score", (75.0,), 1_024 + 400)),
    ({"anomaly_score": 80, "size": 0}, Explanation("threshold", "anomaly_score", (75.0,), 1_024)),
    ({"anomaly_score": 74, "size": 0}, Explanation("scan", "anomaly_score", (), 4_096)),
    # The first rows are read from the sparsest level that has enough of them.
    # Without a window the search finds the first 128 rows and caches them.
    (
        {"sort": "event_count", "desc": True, "size": 20, "start": 0},
        Explanation("order", "event_count", (4_032.0,), 64),
    ),
    ({"sort": "event_count", "size": 20, "start": 0}, Explanation("order", "event_count", (63.0,), 64)),
    ({"sort": "event_count", "desc": True, "size": 10}, Explanation("order", "event_count", (3_840.0,), 256)),
    ({"sort": "event_count", "size": 10}, Explanation("order", "event_count", (255.0,), 256)),
    ({"sort": "event_count", "size": 200}, Explanation("order", "event_count", (255.0,), 256)),
    ({"sort": "event_count", "size": 2_000}, Explanation("scan", "event_count", (), 4_096)),
    (
        {"sort": "anomaly_score", "desc": True, "anomaly_score": 75, "size": 10},
        Explanation("order", "anomaly_score", (75.0, 4_080 / 40.96), 16),
    ),
    # If most rows have the first value of all, the search reads rows in time order until it has enough of them.
    ({"sort": "bucket_span", "desc": True, "size": 10}, Explanation("order", "bucket_span", (300.0,), 512)),
    ({"sort": "is_interim", "size": 300}, Explanation("order", "is_interim", (0.0,), 600)),
    (
        {"sort": "processing_time_ms", "desc": True, "size": 4_032},
        Explanation("order", "processing_time_ms", (9.0,), 4_096),
    ),
    # With a threshold, a level must hold enough matches. If no small level does, all matches are sorted.
    (
        {"sort": "event_count", "desc": True, "anomaly_score": 75, "size": 10},
        Explanation("order", "event_count", (75.0, 4_032.0), 64),
    ),
    (
        {"sort": "event_count", "desc": True, "anomaly_score": 99, "size": 10},
        Explanation("threshold", "event_count", (98.4375,), 64 + 40),
    ),
    ({"sort": "processing_time_ms", "size": 100}, Explanation("scan", "processing_time_ms", (), 4_096)),
    ({"sort": "timestamp", "anomaly_score": 75}, Explanation("threshold", "anomaly_score", (75.0,))),
]


@pytest.mark.parametrize(("parameters", "explanation"), EXPLAINED, ids=repr)
def test_an_explanation_names_the_access_path(
    spread: Table, parameters: dict[str, Any], explanation: Explanation
) -> None:
    """It also names the levels that were read and counts the rows that were compared."""
    found = search(spread, resolved(**{"size": 100, **parameters}))[2]
    assert found == explanation
