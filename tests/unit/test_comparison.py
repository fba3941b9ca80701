"""Comparison: which rows of two segments have equal values, and in how many columns and lists they differ."""

import numpy as np

from bucketquery.model.schema import RECORD
from bucketquery.storage.comparison import differing_parts, find_rows, same_rows
from bucketquery.storage.packed_segment import pack
from bucketquery.storage.segment import Segment
from support.helpers import FULL, bucket, record, segment, without


def records(*keywords: str | None) -> Segment:
    """Records of consecutive buckets, each with a keyword of its own."""
    return segment([record(row, by_field_value=keyword) for row, keyword in enumerate(keywords)], RECORD)


def test_rows_are_compared_in_every_stored_field() -> None:
    """A missing value differs from a given one, in columns and in lists. An unknown field makes no difference."""
    documents = [bucket(0, **FULL), bucket(1), bucket(2, anomaly_score=0.0), bucket(3, event_count=0)]
    base = segment(documents)
    everything = np.arange(4)
    assert same_rows(
        base, everything, segment([{**document, "unknown": 1} for document in documents]), everything
    ).all()
    for name, other in {**FULL, "anomaly_score": 1.0, "event_count": 3}.items():
        changed = segment([{**document, name: other} for document in documents])
        same = [document.get(name) == other for document in documents]
        assert same_rows(base, everything, changed, everything).tolist() == same, name
    zeros = segment([{**document, "anomaly_score": document.get("anomaly_score") or 0.0} for document in documents])
    assert same_rows(base, everything, zeros, everything).tolist() == [True, False, True, False]
    none = segment([without(document, "event_count", "scheduled_events") for document in documents])
    assert same_rows(base, everything, none, everything).tolist() == [False, True, True, False]
    assert same_rows(base, np.array([3]), none, np.array([1])).tolist() == [False]


def test_rows_are_compared_by_keywords_rather_than_codes() -> None:
    """Equal keywords of two segments may have different codes. A missing keyword differs from an empty one."""
    these, those = records("b", None, "", "d"), records("b", "", None, "c", "d")
    rows = np.array([0, 1, 2, 3])
    assert same_rows(these, rows, those.select(rows), rows).tolist() == [True, False, False, False]
    assert same_rows(these, rows, these.select(rows), rows).all()


def test_differing_parts_are_counted() -> None:
    """Each column and each list with a difference counts once, for any number of rows, packed or not."""
    base = segment([bucket(row, **FULL) for row in range(3)])
    rows = np.arange(3)
    for other, expected in (
        ({}, 0),
        ({"anomaly_score": 1.0}, 1),
        ({"anomaly_score": 1.0, "event_count": 1, "scheduled_events": ["b"]}, 3),
        ({"scheduled_events": None, "bucket_influencers": None}, 2),
        ({"processing_time_ms": None}, 1),
    ):
        given = {name: value for name, value in {**FULL, **other}.items() if value is not None}
        changed = segment([bucket(0, **FULL), bucket(1, **given), bucket(2, **given)])
        for these in (base, pack(base)):
            for those in (changed, pack(changed)):
                assert differing_parts(these, rows, those, rows) == expected, other
                assert differing_parts(these, rows[:1], those, rows[:1]) == 0


def test_rows_are_found_by_identity() -> None:
    """A row that the segment lacks gets the row before which it would be inserted, also behind the last one."""
    base = segment([bucket(row, bucket_span=span) for row in (0, 2) for span in (60, 300)])
    for documents, found, rows in (
        ([bucket(0, bucket_span=60), bucket(1), bucket(2, bucket_span=300)], [True, False, True], [0, 2, 3]),
        ([bucket(2, bucket_span=100), bucket(2, bucket_span=900), bucket(3)], [False] * 3, [3, 4, 4]),
        ([bucket(3), bucket(4)], [False] * 2, [4, 4]),
        ([], [], []),
    ):
        has, places = find_rows(base, segment(documents))
        assert (has.tolist(), places.tolist()) == (found, rows)
        has, places = find_rows(segment([]), segment(documents))
        assert (has.tolist(), places.tolist()) == ([False] * len(documents), [0] * len(documents))
