"""Rule 12.1, and our decision on identity: which documents are the same bucket."""

from datetime import UTC, datetime

import numpy as np

from support.document_tables import History, Wrote, assert_history, assert_history_of_single_writes
from support.semantics_tables import bucket, each_row

IDENTITY = [
    History(
        "12.1",
        "the same job, time and span replaces",
        [[bucket(0, anomaly_score=1.0)], [bucket(0, anomaly_score=2.0)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 0, 1, 0)],
        [(0, 3_600, 2.0)],
        "BKT.getId",
    ),
    History(
        "12.1",
        "another span is another bucket",
        [[bucket(0, anomaly_score=1.0)], [bucket(0, bucket_span=60, anomaly_score=2.0)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 1, 0, 0)],
        [(0, 60, 2.0), (0, 3_600, 1.0)],
        "BKT.getId",
    ),
    History(
        "12.1",
        "another time is another bucket",
        [[bucket(0, anomaly_score=1.0)], [bucket(1, anomaly_score=2.0)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 1, 0, 0)],
        [(0, 3_600, 1.0), (1, 3_600, 2.0)],
        "BKT.getId",
    ),
    History(
        "12.1",
        "another job is another bucket",
        [[bucket(0, anomaly_score=1.0)], [bucket(0, job_id="db", anomaly_score=2.0)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 1, 0, 0)],
        [(0, 3_600, 1.0)],
        "BKT.getId",
    ),
    History(
        "12.1",
        "the whole document is replaced",
        [[bucket(0, anomaly_score=9.0, event_count=5)], [bucket(0, event_count=5)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 0, 1, 0)],
        [(0, 3_600, 0.0)],
        "BKT.getId: nothing is merged",
    ),
    History(
        "12.1",
        "final replaces interim, and interim final",
        [[bucket(0, is_interim=True)], [bucket(0, is_interim=False)], [bucket(0, is_interim=True)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 0, 1, 0), Wrote(3, 0, 1, 0)],
        [(0, 3_600, 0.0)],
        "BKT.getId: is_interim is not part of the identity",
    ),
    History(
        "20.identity",
        "the same instant, written differently",
        [
            [bucket(1_577_836_800_000, anomaly_score=1.0)],
            [bucket(0, anomaly_score=2.0) | {"timestamp": "2020-01-01"}],
            [bucket(0, anomaly_score=3.0) | {"timestamp": "2020-01-01T01:00:00.000+01:00"}],
            [bucket(0, anomaly_score=4.0) | {"timestamp": datetime(2020, 1, 1, tzinfo=UTC)}],
            [bucket(0, anomaly_score=5.0) | {"timestamp": np.datetime64("2020-01-01", "D")}],
            [bucket(0, anomaly_score=6.0) | {"timestamp": 1_577_836_800_000.0, "bucket_span": 3_600.0}],
            [bucket(0, anomaly_score=7.0) | {"timestamp": np.int64(1_577_836_800_000), "bucket_span": np.int16(3_600)}],
        ],
        [Wrote(1, 1, 0, 0), *(Wrote(sequence, 0, 1, 0) for sequence in range(2, 8))],
        [(1_577_836_800_000, 3_600, 7.0)],
        "ours: exact values",
    ),
    History(
        "20.identity",
        "the last of a batch wins, counted once",
        [[bucket(0, anomaly_score=1.0), bucket(0, anomaly_score=3.0), bucket(0, anomaly_score=2.0)]],
        [Wrote(1, 1, 0, 0, repeated=2)],
        [(0, 3_600, 2.0)],
        "ours",
    ),
    History(
        "20.identity",
        "the last of a batch wins, among other times out of order",
        [
            [
                bucket(0, anomaly_score=1.0),
                bucket(9, anomaly_score=5.0),
                bucket(-9, anomaly_score=4.0),
                bucket(0, anomaly_score=2.0),
            ]
        ],
        [Wrote(1, 3, 0, 0, repeated=1)],
        [(-9, 3_600, 4.0), (0, 3_600, 2.0), (9, 3_600, 5.0)],
        "ours",
    ),
    History(
        "20.identity",
        "the last of a batch wins over a stored bucket",
        [[bucket(0, anomaly_score=1.0)], [bucket(0, anomaly_score=9.0), bucket(0, anomaly_score=2.0)]],
        [Wrote(1, 1, 0, 0), Wrote(2, 0, 1, 0, repeated=1)],
        [(0, 3_600, 2.0)],
        "ours",
    ),
]


@each_row(IDENTITY)
def test_equal_identities_are_the_same_bucket(row: History) -> None:
    """Each commit reports the counts of the row, and at the end the index holds the buckets of the row."""
    assert_history(row)


@each_row(IDENTITY)
def test_each_document_as_a_batch_of_its_own_stores_the_same(row: History) -> None:
    """At the end the index holds the buckets of the row, even if every document is written as a batch of its own."""
    assert_history_of_single_writes(row)
