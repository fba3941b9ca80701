"""The search: positions and counts, in base and head, against filter, sort and slice."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery.columns.table import Table
from bucketquery.columns.view import Selection
from bucketquery.model.queries import BucketQuery, Question, settle
from bucketquery.search import search as searches
from bucketquery.search.search import scan, search
from bucketquery.testing import evaluate
from helpers import JOB, STEP, bucket, limit_heads, rows, table

SCAN_ROWS = searches._SCAN_ROWS
SORTS = (
    "timestamp",
    "anomaly_score",
    "event_count",
    "is_interim",
    "bucket_span",
    "scheduled_events",
    "processing_time_ms",
)


def question(**parameters: Any) -> Question:
    """What is asked of the job."""
    return settle(BucketQuery(jobs=JOB, **parameters), lambda: 0)


def identities(rows: Selection) -> list[tuple[int, int]]:
    """Timestamp and span of the rows, in their order."""
    names = ("timestamp", "bucket_span")
    return list(zip(*(rows.column(name).tolist() for name in names), strict=True))


def history(rng: Random, length: int) -> list[list[dict[str, Any]]]:
    """Batches that leave dead rows, a head on both sides of the base, interim rows everywhere."""
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
                    everything = question(**asked)
                    for from_, size in ((0, 100), (1, 2), (3, 10**30), (10**30, 5), (0, 0), (len(whole), 5)):
                        page, count, _ = search(found, everything._replace(from_=from_, size=size))
                        assert count == expected["count"]
                        assert identities(page) == whole[from_ : from_ + size]


def test_a_page_in_time_order_touches_no_row_it_does_not_show() -> None:
    """Where nothing dead and nothing of the head lies between it is a slice, forwards or backwards."""
    found = table(rows(0, 40), [bucket(3, event_count=1), bucket(30, bucket_span=60)])
    assert search(found, question(start=5 * STEP, end=20 * STEP, from_=2, size=5))[0].rows == slice(7, 12)
    assert search(found, question(start=5 * STEP, end=20 * STEP, from_=2, size=5, desc=True))[0].rows == slice(
        17, 12, -1
    )
    assert search(found, question(end=2 * STEP, desc=True))[0].rows == slice(1, None, -1)
    assert search(found, question(size=0))[0].rows == slice(0, 0)
    assert search(found, question(size=0))[1] == 41
    assert not isinstance(search(found, question(size=5))[0].rows, slice)
    assert isinstance(search(found, question(timestamp=0))[0].rows, slice)


def test_keywords_are_ordered_as_their_utf_8_is() -> None:
    """By the least of a bucket's events, or the greatest where the greatest come first; none is last."""
    events = [["b"], ["a", "z"], None, ["\U00010000"], ["\uffff"], [], ["B"], ["b"]]
    found = table([bucket(row, scheduled_events=some) for row, some in enumerate(events)])
    for desc in (False, True):
        keys = [(max if desc else min)(some).encode() if some else b"" for some in (each or [] for each in events)]
        having = sorted((row for row in range(8) if keys[row]), key=lambda row: (keys[row], row), reverse=desc)
        expected = having + ([5, 2] if desc else [2, 5])
        page = search(found, question(sort="scheduled_events", desc=desc))
        assert [timestamp // STEP for timestamp, _ in identities(page[0])] == expected


@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize("sort", ["timestamp", "anomaly_score"])
@pytest.mark.parametrize("exclude_interim", [False, True])
def test_a_scan_is_the_page_of_everything(desc: bool, sort: str, exclude_interim: bool) -> None:
    """In parts of some thousand rows, whatever the paging says; heads, dead rows and equal times at the cuts too."""
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
        asked = question(**window, sort=sort, desc=desc, exclude_interim=exclude_interim, from_=5, size=1)
        parts = list(scan(found, asked))
        whole = search(found, asked._replace(from_=0, size=10**9))
        assert [identity for part in parts for identity in identities(part)] == identities(whole[0])
        assert all(len(identities(part)) < 1.1 * SCAN_ROWS for part in parts)
        assert whole[1] < SCAN_ROWS or len(parts) > 1


def test_a_scan_of_nothing_yields_nothing() -> None:
    """Of an empty table and of a lookup that finds nothing."""
    assert [identities(part) for part in scan(table(), question())] == [[]]
    assert [identity for part in scan(table(rows(0, 3)), question(timestamp=1)) for identity in identities(part)] == []
    assert list(scan(table(), question(sort="event_count"))) == []


def test_a_thousand_spans_of_one_time_are_paged_in_order() -> None:
    """Within one timestamp the span decides, whichever of them are dead or in the head."""
    spans = [*range(1, 1_001)]
    found = table(
        [bucket(0, bucket_span=span) for span in spans if span % 3],
        [bucket(0, bucket_span=span, event_count=1) for span in spans if span % 3 != 1],
    )
    assert found.rows.length == 1_000
    for desc in (False, True):
        for from_ in (0, 1, 499, 995):
            page = search(found, question(from_=from_, size=10, desc=desc))
            assert [span for _, span in identities(page[0])] == (spans[::-1] if desc else spans)[from_ : from_ + 10]
        assert search(found, question(timestamp=0, desc=desc))[1] == 1_000
