"""Functions that pages of all kinds use: defaults of missing values, display fields, text beside timestamps."""

from itertools import islice
from typing import Any

import numpy as np
import pytest

from bucketquery.answers.common import (
    display_fields,
    each_of,
    ingested,
    put_events,
    shown,
    timestamp_strings,
    with_string,
)
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import RECORD
from bucketquery.storage.selection import Selection
from support.helpers import bucket, record, segment


def test_a_missing_value_is_shown_as_its_default() -> None:
    """A score or a count that is missing is shown as 0. A missing value of an optional field stays missing."""
    buckets = Selection.of(segment([bucket(0, anomaly_score=2.5, event_count=3), bucket(1)]))
    assert shown(buckets, "anomaly_score").tolist() == [2.5, 0.0]
    assert shown(buckets, "event_count").tolist() == [3, 0]
    records = Selection.of(segment([record(0, function="mean", multi_bucket_impact=1.5), record(1)], RECORD))
    assert repr(shown(records, "multi_bucket_impact").tolist()) == "[1.5, nan]"
    assert shown(records, "function").tolist() == ["mean", None]


def test_display_fields_are_the_lists_that_no_search_reads() -> None:
    """A row without a list has an empty one."""
    found = Selection.of(segment([bucket(0), bucket(1, bucket_influencers=[{"anomaly_score": 1.0}])]))
    (lists,) = display_fields(found).values()
    assert [len(each) for each in lists] == [0, 1]


def test_each_row_has_its_job() -> None:
    """A single job id applies to all rows. A list has one job id for each row."""
    assert [*islice(each_of("web"), 3)] == ["web"] * 3
    assert [*each_of(["web", "db"])] == ["web", "db"]


@pytest.mark.parametrize(
    ("instants", "expected"),
    [
        ([None, None], None),
        ([0, -1], [0, -1]),
        ([None, 0], [None, 0]),
        ([], None),
    ],
)
def test_instants_of_events_are_read_together(instants: list[int | None], expected: list[int | None] | None) -> None:
    """None stands for rows of which none has an instant, even if another row has one. 0 is an instant."""
    given = [bucket(row, event={"ingested": instant}) for row, instant in enumerate(instants)]
    for others in ([], [bucket(9, event={"ingested": 5})]):
        all_rows = Selection.of(segment([*given, *others]))
        for chosen in (slice(0, len(given)), np.arange(len(given))):
            found = ingested(Selection(all_rows.view, chosen))
            # No rows at all may be an empty list or None.
            assert (found or None) == expected
            assert all(type(instant) in (int, type(None)) for instant in found or ())


def test_events_are_put_into_response_objects() -> None:
    """Only an object whose result has an instant gets the key, and the text with ``human``."""
    found = Selection.of(segment([bucket(0, event={"ingested": 5}), bucket(1)]))
    for human, event in (
        (False, {"ingested": 5}),
        (True, {"ingested_string": "1970-01-01T00:00:00.005Z", "ingested": 5}),
    ):
        objects: list[dict[str, Any]] = [{"a": 1}, {"a": 2}]
        put_events(objects, found, human=human)
        assert objects == [{"a": 1, "event": event}, {"a": 2}]
        assert list(objects[0]["event"]) == list(event)


def test_text_of_a_timestamp_comes_before_the_number() -> None:
    """The other keys keep their order. The text replaces a data field of the same name, wherever this stands."""
    for given in (
        {"job_id": "web", "timestamp": 0, "x": 1},
        {"timestamp_string": "old", "job_id": "web", "timestamp": 0, "x": 1},
        {"job_id": "web", "timestamp": 0, "x": 1, "timestamp_string": "old"},
    ):
        before = dict(given)
        assert [*with_string(given, "new").items()] == [
            ("job_id", "web"),
            ("timestamp_string", "new"),
            ("timestamp", 0),
            ("x", 1),
        ]
        assert given == before
    assert with_string({"job_id": "web"}, "new") == {"job_id": "web"}


@pytest.mark.parametrize(
    ("timestamp", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (FIRST_MS, "0001-01-01T00:00:00.000Z"),
        (LAST_MS, "9999-12-31T23:59:59.999Z"),
        (1_464_739_200_007, "2016-06-01T00:00:00.007Z"),
    ],
)
def test_instants_are_written_with_milliseconds(timestamp: int, text: str) -> None:
    """The format is ISO 8601, in UTC, with four digits for the year."""
    assert timestamp_strings(np.array([timestamp], dtype=np.int64)) == [text]
