"""Columnar JSON: its bytes are the JSON of the response objects. Buckets with nested values are not written so."""

from typing import Any, Final

import numpy as np
import pytest

from bucketquery.answers.buckets import bucket_objects
from bucketquery.answers.columnar_json import columnar_buckets_json
from bucketquery.answers.common import display_fields
from bucketquery.model.encoding import json_bytes
from bucketquery.storage.selection import Selection
from support.helpers import JOB, WRITERS, bucket, rows, segment, without, write_by

FULL: Final[dict[str, Any]] = {
    "anomaly_score": 5.0,
    "initial_anomaly_score": 6.0,
    "event_count": 7,
    "is_interim": True,
    "processing_time_ms": 8,
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("job_id", [JOB, 'é"\\', "a\ud800", "],[", "\u2028"])
@pytest.mark.parametrize("varying", [(), ("anomaly_score", "event_count"), ("is_interim",), tuple(FULL)])
def test_simple_buckets_are_written_from_their_columns(
    job_id: str, varying: tuple[str, ...], writer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes are the JSON of the response objects, whichever fields are constant, and with rows in any order.

    All of them may have an event.
    """
    write_by(monkeypatch, writer)
    documents = [bucket(row, **(FULL if row % 3 else without(FULL, *varying))) for row in range(60)]
    written = [{**document, "event": {"ingested": row % 5 - 2}} for row, document in enumerate(documents)]
    for given in (documents, written):
        assert_written_from_columns(Selection.of(segment(given)), job_id)


def assert_written_from_columns(found: Selection, job_id: str) -> None:
    """Assert that the bytes of some rows of sixty buckets are the JSON of the response objects."""
    for rows_of_page in (slice(0, 60), slice(50, 9, -1), np.arange(59, 0, -2)):
        some = Selection(found.view, rows_of_page)
        display = display_fields(some)
        expected = json_bytes(bucket_objects(job_id, some, display, human=False))
        assert columnar_buckets_json(job_id, some, display) == expected


@pytest.mark.parametrize(
    ("nested", "count"),
    [
        ({}, 0),
        ({}, 1),
        ({}, 19),
        ({"scheduled_events": ["a"]}, 50),
        ({"bucket_influencers": [{}]}, 50),
        ({"event": {"ingested": 0}}, 50),
    ],
)
def test_few_and_nested_buckets_are_not_written_from_columns(nested: dict[str, Any], count: int) -> None:
    """Columns are not faster for few buckets, and they do not have nested values, or an event that others lack."""
    found = Selection.of(segment([*rows(0, max(0, count - 1)), *[bucket(99, **nested)] * min(1, count)]))
    assert len(found) == count
    assert columnar_buckets_json(JOB, found, display_fields(found)) is None


def test_an_event_of_a_bucket_that_is_not_shown_does_not_matter() -> None:
    """Buckets without an event are written from their columns even if another bucket of the job has one."""
    found = Selection.of(segment([*rows(0, 50), bucket(99, event={"ingested": 0})]))[slice(0, 50)]
    expected = json_bytes(bucket_objects(JOB, found, display_fields(found), human=False))
    assert columnar_buckets_json(JOB, found, display_fields(found)) == expected
    assert b"ingested" not in expected
