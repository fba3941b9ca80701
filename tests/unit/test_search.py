"""The search: positions and counts, in base and head, against filter, sort and slice."""

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
    """What is asked of the job."""
    return resolve(BucketQuery(jobs=JOB, **parameters), lambda: 0)


def identities(rows: Selection) -> list[tuple[int, int]]:
    """Timestamp and span of the rows, in their order."""
    names = ("timestamp", "bucket_span")
    return list(zip(*(rows.column(name).tolist() for name in names), strict=True))


def history(rng: Random, length: int) -> list[list[dict[str, Any]]]:
    """Batches that leave deleted rows, a head on both sides of the base, interim rows everywhere."""
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
    """Tables as a history goes on, with small heads and large ones, and the documents that each stores."""
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
    """Open, narrow, empty and reversed ones."""
    yield {}
    for start in (-3 * STEP, 1, 5 * STEP, 14 * STEP):
        for end in (0, start + 1, 9 * STEP):
            yield {"start": start, "end": end}


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("threshold", [0.0, 3.0])
def test_every_page_is_that_of_filter_sort_and_slice(
    states: Sequence[tuple[Table, list[dict[str, Any]]]], sort: str, threshold: float
) -> None:
    """In every window, both directions and views, from any place: the rows and the exact count."""
    for found, documents in states:
        for window in windows():
            for desc in (False, True):
                for exclude_interim in (False, True):
                    asked: dict[str, Any] = {
                        **window,
                        "anomaly_score": threshold,
                        "sort": sort,
                        "desc": desc,
                        "exclude_interim": exclude_interim,
                    }
                    expected = evaluate(documents, BucketQuery(jobs=JOB, **asked))
                    whole = [(shown["timestamp"], shown["bucket_span"]) for shown in expected["buckets"]]
                    everything = resolved(**asked)
                    for from_, size in ((0, 100), (1, 2), (3, 10**30), (10**30, 5), (0, 0), (len(whole), 5)):
                        page, count, _ = search(found, everything._replace(from_=from_, size=size))
                        assert count == expected["count"]
                        assert identities(page) == whole[from_ : from_ + size]


def test_a_page_in_time_order_touches_no_row_it_does_not_show() -> None:
    """Where nothing deleted and nothing of the head lies between it is a slice, forwards or backwards."""
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


def test_keywords_are_ordered_as_their_utf_8_is() -> None:
    """By the least of a bucket's events, or the greatest where the greatest come first; none is last."""
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
def test_a_scan_is_the_page_of_everything(desc: bool, sort: str, exclude_interim: bool) -> None:
    """In parts of some thousand rows, whatever the paging says; heads, deleted rows and equal times at the cuts too."""
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
        asked = resolved(**window, sort=sort, desc=desc, exclude_interim=exclude_interim, from_=5, size=1)
        parts = list(scan(found, asked))
        whole = search(found, asked._replace(from_=0, size=10**9))
        assert [identity for part in parts for identity in identities(part)] == identities(whole[0])
        assert all(len(identities(part)) < 1.1 * SCAN_ROWS for part in parts)
        assert whole[1] < SCAN_ROWS or len(parts) > 1


def test_a_scan_of_nothing_yields_nothing() -> None:
    """Of an empty table and of a lookup that finds nothing."""
    assert [identities(part) for part in scan(table(), resolved())] == [[]]
    assert [identity for part in scan(table(rows(0, 3)), resolved(timestamp=1)) for identity in identities(part)] == []
    assert list(scan(table(), resolved(sort="event_count"))) == []


def test_a_thousand_spans_of_one_time_are_paged_in_order() -> None:
    """Within one timestamp the span decides, whichever of them are deleted or in the head."""
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


# ---- led by value

LED = ("anomaly_score", "event_count", "initial_anomaly_score", "is_interim", "processing_time_ms", "bucket_span")
SCORES = (0.0, 0.0, 0.0, 3.0, 25.0, 37.3, 75.0, 75.0, 100.0)
COUNTS = (0, 1, 1, 1, 2**53, 2**53 + 1)


def valued(rng: Random, row: int, *, span: int = 300, is_interim: bool = False, missing: float = 0.1) -> Document:
    """A bucket that has all that compares as a number, but for a score now and then."""
    return bucket(
        row,
        bucket_span=span,
        anomaly_score=None if rng.random() < missing else rng.choice((*SCORES, rng.random() * 100)),
        initial_anomaly_score=rng.choice((-1.0, -1.0, -1.0, 5.0)),
        event_count=rng.choice(COUNTS),
        processing_time_ms=rng.randrange(9),
        is_interim=is_interim,
    )


def growing(rng: Random, ask: Any) -> Iterator[tuple[Table, list[Document]]]:
    """A table as rows come in order, late, interim, again and with other scores, each state asked before the next."""
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
        ask(newest)


@pytest.mark.parametrize("behind", [0, 9, 1_024])
@pytest.mark.parametrize("head_rows", [2, 8, 1_024])
def test_what_is_led_by_value_is_that_of_filter_sort_and_slice(
    head_rows: int, behind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the newest table and of older ones, whose value indexes were made before, since, or never."""
    lead_by_value(monkeypatch, behind=behind)
    limit_heads(monkeypatch, head_rows, 4)
    rng = Random(head_rows + behind)
    paths = set()

    def ask(found: Table, documents: list[Document] | None = None) -> None:
        for _ in range(15):
            start = rng.choice((None, -STEP, rng.randrange(200) * STEP))
            asked: dict[str, Any] = {
                "sort": rng.choice(LED),
                "desc": rng.random() < 0.5,
                "exclude_interim": rng.random() < 0.3,
                "anomaly_score": rng.choice((0.0, 0.0, 1e-9, 3.0, 24.0, 50.0, 75.0, 100.0)),
                **({} if start is None else {"start": start, "end": start + rng.choice((5, 30, 999)) * STEP}),
                "from_": rng.choice((0, 0, 1, 30)),
                "size": rng.choice((0, 1, 5, 100)),
            }
            page, count, plan = search(found, resolved(**asked), ON_FEW_ROWS)
            paths.add(plan.path)
            if documents is not None:
                expected = evaluate(documents, BucketQuery(jobs=JOB, **asked))
                assert count == expected["count"]
                assert identities(page) == [(one["timestamp"], one["bucket_span"]) for one in expected["buckets"]]

    states = []
    for state in growing(rng, ask):
        states.append(state)
        for found, documents in {id(known): known for known in (state, rng.choice(states))}.values():
            ask(found, documents)
    assert paths >= {"order", "threshold", "scan"}


def test_records_led_by_value_are_those_of_filter_sort_and_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where their score says nothing more their ties decide, of which some are texts."""
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
    """4,096 rows with scores and counts all different and independent, and a time that most of them took."""
    rng = np.random.default_rng(3)
    scores, counts = (rng.permutation(4_096) / 40.96).tolist(), rng.permutation(4_096).tolist()
    documents = [
        bucket(row, anomaly_score=scores[row], event_count=counts[row], processing_time_ms=9 if row % 64 else 5)
        for row in range(4_096)
    ]
    return table([{**document, "is_interim": False} for document in documents])


EXPLAINED: list[tuple[dict[str, Any], Explanation]] = [
    # By time nothing is read; the final rows are a view of their own.
    ({}, Explanation("time")),
    ({"exclude_interim": True, "start": 5 * STEP, "from_": 9}, Explanation("time")),
    # A threshold that is a level, one between levels, one that no level serves.
    ({"anomaly_score": 75}, Explanation("threshold", "anomaly_score", (75.0,))),
    ({"anomaly_score": 80}, Explanation("threshold", "anomaly_score", (75.0,), 1_024 + 400)),
    ({"anomaly_score": 80, "size": 0}, Explanation("threshold", "anomaly_score", (75.0,), 1_024)),
    ({"anomaly_score": 74, "size": 0}, Explanation("scan", "anomaly_score", (), 4_096)),
    # The best are on the sparsest level that has them; a threshold above the rest of the level leads by itself.
    # Of everything the first 128 are found at once, and kept for whoever asks next.
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
    # Where most rows have the best of all values, they are looked for along the rows.
    ({"sort": "bucket_span", "desc": True, "size": 10}, Explanation("order", "bucket_span", (300.0,), 512)),
    ({"sort": "is_interim", "size": 300}, Explanation("order", "is_interim", (0.0,), 600)),
    (
        {"sort": "processing_time_ms", "desc": True, "size": 4_032},
        Explanation("order", "processing_time_ms", (9.0,), 4_096),
    ),
    # With a threshold on top those of them that match are counted on; where that is too far, all matches are ordered.
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


@pytest.mark.parametrize(("asked", "explanation"), EXPLAINED, ids=repr)
def test_an_explanation_tells_what_led(spread: Table, asked: dict[str, Any], explanation: Explanation) -> None:
    """Which levels were read, and how many rows were compared."""
    found = search(spread, resolved(**{"size": 100, **asked}))[2]
    assert found == explanation
