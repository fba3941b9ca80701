"""Rows as the API writes them: keys, their order, text for people."""

from typing import Any

import numpy as np
import pytest

from bucketquery.answers.body import bucket_dicts, timestamp_strings
from bucketquery.columns.checks import StoredInfluencer
from bucketquery.model.instants import FIRST_MS, LAST_MS
from helpers import JOB

COLUMNS = ([1, 2], [60, 300], [5.0, 0.0], [6.0, 0.0], [7, 0], [True, False], [8, 0])
NOTHING: list[list[tuple[Any, ...]]] = [[(), ()], [(), ()]]
INFLUENCERS = (
    StoredInfluencer("host", 1.0, 2.0, 3.0, 4.0, is_interim=False),
    StoredInfluencer(None, 0.0, 0.0, 0.0, 0.0, is_interim=True),
)


def test_rows_become_the_apis_buckets() -> None:
    """All keys but those of events, which only buckets with events have."""
    first, second = bucket_dicts(JOB, COLUMNS, [[(), ()], [("a", "b"), ()]], None)
    assert list(first.items()) == [
        ("job_id", JOB),
        ("timestamp", 1),
        ("anomaly_score", 5.0),
        ("bucket_span", 60),
        ("initial_anomaly_score", 6.0),
        ("event_count", 7),
        ("is_interim", True),
        ("bucket_influencers", []),
        ("processing_time_ms", 8),
        ("scheduled_events", ["a", "b"]),
        ("result_type", "bucket"),
    ]
    assert list(second) == [name for name in first if name != "scheduled_events"]


def test_nested_influencers_show_their_bucket() -> None:
    """Its job, time and span; the name only where there is one."""
    first, second = bucket_dicts(JOB, COLUMNS, [[INFLUENCERS, ()], [(), ()]], None)
    host, nobody = first["bucket_influencers"]
    assert list(host.items()) == [
        ("job_id", JOB),
        ("result_type", "bucket_influencer"),
        ("influencer_field_name", "host"),
        ("initial_anomaly_score", 1.0),
        ("anomaly_score", 2.0),
        ("raw_anomaly_score", 3.0),
        ("probability", 4.0),
        ("timestamp", 1),
        ("bucket_span", 60),
        ("is_interim", False),
    ]
    assert list(nobody) == [name for name in host if name != "influencer_field_name"]
    assert nobody["is_interim"] is True
    assert second["bucket_influencers"] == []


def test_people_get_text_before_each_number() -> None:
    """In buckets and their influencers; all else stays in its order."""
    plain = bucket_dicts(JOB, COLUMNS, [[INFLUENCERS, ()], [("a",), ()]], None)
    human = bucket_dicts(JOB, COLUMNS, [[INFLUENCERS, ()], [("a",), ()]], ["one", "two"])
    for bare, shown, text in zip(plain, human, ("one", "two"), strict=True):
        for before, after in [
            (bare, shown),
            *zip(bare["bucket_influencers"], shown["bucket_influencers"], strict=True),
        ]:
            names = list(before)
            at = names.index("timestamp")
            assert list(after) == [*names[:at], "timestamp_string", *names[at:]]
            assert after["timestamp_string"] == text
            assert {name: after[name] for name in names if name != "bucket_influencers"} == {
                name: before[name] for name in names if name != "bucket_influencers"
            }


def test_every_bucket_has_lists_of_its_own() -> None:
    """Changing one changes no other."""
    first, second = bucket_dicts(JOB, COLUMNS, NOTHING, None)
    first["bucket_influencers"].append("x")
    assert second["bucket_influencers"] == []
    assert bucket_dicts(JOB, [[]] * 7, [[], []], None) == []
    assert bucket_dicts(JOB, [[]] * 7, [[], []], []) == []


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
    """ISO, in UTC, years in four digits."""
    assert timestamp_strings(np.array([timestamp], dtype=np.int64)) == [text]
