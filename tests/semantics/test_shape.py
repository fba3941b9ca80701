"""Rules 9.1 to 9.5: the body of a bucket.

Bodies are compared as JSON text, so key order counts, and ``50`` is not ``50.0``.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from support.document_tables import Shown, assert_shown
from support.semantics_tables import JOB, assert_same_body, at, each_row, index_of

JUNE_1 = at("2016-06-01T00:00:00.000Z")
KEY = {"job_id": JOB, "timestamp": JUNE_1, "bucket_span": 3_600}


DEFAULTS = {
    "job_id": "web",
    "timestamp": 1_464_739_200_000,
    "anomaly_score": 0.0,
    "bucket_span": 3_600,
    "initial_anomaly_score": 0.0,
    "event_count": 0,
    "is_interim": False,
    "bucket_influencers": [],
    "processing_time_ms": 0,
    "result_type": "bucket",
}
BUCKET_TIME = {
    "job_id": "web",
    "result_type": "bucket_influencer",
    "influencer_field_name": "bucket_time",
    "initial_anomaly_score": 80.5,
    "anomaly_score": 75.0,
    "raw_anomaly_score": 10.4,
    "probability": 1e-308,
    "timestamp": 1_464_739_200_000,
    "bucket_span": 3_600,
    "is_interim": True,
}
FULL = {
    "job_id": "web",
    "timestamp": 1_464_739_200_000,
    "anomaly_score": 75.0,
    "bucket_span": 3_600,
    "initial_anomaly_score": 80.5,
    "event_count": 42,
    "is_interim": True,
    "bucket_influencers": [BUCKET_TIME],
    "processing_time_ms": 3,
    "scheduled_events": ["maintenance", "Black Friday"],
    "result_type": "bucket",
}
BARE_INFLUENCER = {
    "job_id": "web",
    "result_type": "bucket_influencer",
    "initial_anomaly_score": 0.0,
    "anomaly_score": 0.0,
    "raw_anomaly_score": 0.0,
    "probability": 0.0,
    "timestamp": 1_464_739_200_000,
    "bucket_span": 3_600,
    "is_interim": False,
}
JUNE_TEXT = "2016-06-01T00:00:00.000Z"

BODIES = [
    Shown("9.1", "every key, in the API's order", {"result_type": "bucket"} | FULL, FULL, "BKT"),
    Shown("9.1", "every key, from a document in another order", dict(reversed(FULL.items())), FULL, "BKT"),
    Shown(
        "9.1",
        "an empty list of events has no key",
        {"result_type": "bucket"} | KEY | {"scheduled_events": []},
        DEFAULTS,
        "BKT",
    ),
    Shown(
        "9.1", "null events have no key", {"result_type": "bucket"} | KEY | {"scheduled_events": None}, DEFAULTS, "BKT"
    ),
    Shown(
        "9.1",
        "events keep their order and their repetitions",
        DEFAULTS | {"scheduled_events": ["b", "a", "b"]},
        {key: DEFAULTS[key] for key in list(DEFAULTS)[:-1]}
        | {"scheduled_events": ["b", "a", "b"], "result_type": "bucket"},
        "BKT",
    ),
    Shown(
        "9.1",
        "scores are doubles, counts are longs",
        KEY
        | {
            "result_type": "bucket",
            "anomaly_score": 75,
            "initial_anomaly_score": np.float32(0.5),
            "event_count": 2.0,
            "processing_time_ms": np.int32(3),
        },
        DEFAULTS | {"anomaly_score": 75.0, "initial_anomaly_score": 0.5, "event_count": 2, "processing_time_ms": 3},
        "BKT",
    ),
    Shown(
        "9.1",
        "longs are exact",
        DEFAULTS | {"event_count": 2**63 - 1, "processing_time_ms": -(2**63)},
        DEFAULTS | {"event_count": 9_223_372_036_854_775_807, "processing_time_ms": -9_223_372_036_854_775_808},
        "BKT: a long",
    ),
    Shown(
        "9.1",
        "doubles are exact",
        DEFAULTS | {"anomaly_score": 33.776330000000001, "initial_anomaly_score": 5e-324},
        DEFAULTS | {"anomaly_score": 33.77633, "initial_anomaly_score": 5e-324},
        "BKT: a double",
    ),
    Shown("9.1", "minus zero is zero", DEFAULTS | {"anomaly_score": -0.0}, DEFAULTS, "ours: -0.0 is 0.0"),
    Shown("9.2", "defaults", {"result_type": "bucket"} | KEY, DEFAULTS, "BKT"),
    Shown(
        "9.2",
        "null is missing",
        {"result_type": "bucket"}
        | KEY
        | {
            "anomaly_score": None,
            "initial_anomaly_score": None,
            "event_count": None,
            "is_interim": None,
            "bucket_influencers": None,
            "processing_time_ms": None,
        },
        DEFAULTS,
        "ours",
    ),
    Shown(
        "9.2",
        "unknown fields are dropped",
        DEFAULTS | {"partition_scores": [], "max_normalized_probability": 1, "timestamp_string": "x", "records": [{}]},
        DEFAULTS,
        "BKT: the parser ignores unknown fields",
    ),
    Shown("9.2", "a date string", DEFAULTS | {"timestamp": "2016-06-01T00:00:00Z"}, DEFAULTS, "BKT"),
    Shown(
        "9.3",
        "timestamp_string stands before timestamp",
        DEFAULTS,
        {"job_id": "web", "timestamp_string": JUNE_TEXT} | DEFAULTS,
        "XCB",
        human=True,
    ),
    Shown(
        "9.3",
        "timestamp_string in bucket influencers",
        {"result_type": "bucket"} | KEY | {"bucket_influencers": [{}]},
        {"job_id": "web", "timestamp_string": JUNE_TEXT}
        | DEFAULTS
        | {
            "bucket_influencers": [
                {
                    "job_id": "web",
                    "result_type": "bucket_influencer",
                    "initial_anomaly_score": 0.0,
                    "anomaly_score": 0.0,
                    "raw_anomaly_score": 0.0,
                    "probability": 0.0,
                    "timestamp_string": JUNE_TEXT,
                    "timestamp": 1_464_739_200_000,
                    "bucket_span": 3_600,
                    "is_interim": False,
                }
            ]
        },
        "XCB",
        human=True,
    ),
    Shown("9.3", "no timestamp_string without human", DEFAULTS, DEFAULTS, "the default is false"),
]
BODIES += [
    Shown(
        "9.3",
        text,
        DEFAULTS | {"timestamp": stamp},
        {"job_id": "web", "timestamp_string": text} | DEFAULTS | {"timestamp": stamp},
        source,
        human=True,
    )
    for stamp, text, source in (
        (0, "1970-01-01T00:00:00.000Z", "always with milliseconds"),
        (1, "1970-01-01T00:00:00.001Z", "three digits"),
        (-1, "1969-12-31T23:59:59.999Z", "before 1970"),
        (1_582_979_445_120, "2020-02-29T12:30:45.120Z", "a leap day"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z", "a year has four digits"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z", "the last instant"),
    )
]

INFLUENCERS = [
    Shown(
        "9.4",
        claim,
        {"result_type": "bucket"} | KEY | {"bucket_influencers": given},
        DEFAULTS | {"bucket_influencers": shown},
        source,
    )
    for claim, given, shown, source in (
        ("every key, in order", [BUCKET_TIME], [BUCKET_TIME], "BINF"),
        ("every key, from a document in another order", [dict(reversed(BUCKET_TIME.items()))], [BUCKET_TIME], "BINF"),
        ("defaults; a missing name has no key", [{}], [BARE_INFLUENCER], "BINF, ours"),
        ("null is missing", [dict.fromkeys(BUCKET_TIME, None)], [BARE_INFLUENCER], "ours"),
        (
            "scores are doubles",
            [{"anomaly_score": 1, "initial_anomaly_score": 2, "raw_anomaly_score": 3, "probability": 0}],
            [BARE_INFLUENCER | {"anomaly_score": 1.0, "initial_anomaly_score": 2.0, "raw_anomaly_score": 3.0}],
            "BINF",
        ),
        (
            "is_interim may differ from the bucket's",
            [{"is_interim": True}],
            [BARE_INFLUENCER | {"is_interim": True}],
            "ours",
        ),
        (
            "no influencer value and no unknown keys",
            [{"influencer_field_value": "x", "timestamp_string": "x", "foo": 1}],
            [BARE_INFLUENCER],
            "BINF, ours",
        ),
        (
            "several influencers keep their order",
            [{"probability": 0.5}, {"probability": 0.25}, {"probability": 0.5}],
            [
                BARE_INFLUENCER | {"probability": 0.5},
                BARE_INFLUENCER | {"probability": 0.25},
                BARE_INFLUENCER | {"probability": 0.5},
            ],
            "BKT",
        ),
        (
            "explicit job, time and span of the bucket",
            [{"job_id": "web", "timestamp": "2016-06-01T00:00:00Z", "bucket_span": 3_600.0}],
            [BARE_INFLUENCER],
            "ours",
        ),
    )
] + [
    Shown(
        "9.4",
        "is_interim defaults to the bucket's",
        {"result_type": "bucket"} | KEY | {"is_interim": True, "bucket_influencers": [{}, {"is_interim": False}]},
        DEFAULTS
        | {"is_interim": True, "bucket_influencers": [BARE_INFLUENCER | {"is_interim": True}, BARE_INFLUENCER]},
        "ours",
    )
]


@each_row(BODIES, INFLUENCERS)
def test_body_shows_the_bucket(row: Shown) -> None:
    """The body of the page and the body of the bucket show the bucket of the row."""
    assert_shown(row)


@each_row(BODIES, INFLUENCERS)
def test_bucket_has_the_values_of_its_body(row: Shown) -> None:
    """The attributes of a bucket are the values of its body, with tuples for lists."""
    found = row.page()[0]
    body = {name: value for name, value in row.body.items() if name != "timestamp_string"}
    influencers, events = body.pop("bucket_influencers"), tuple(body.pop("scheduled_events", ()))
    for name, value in body.items():
        assert_same_body(getattr(found, name), value)
    assert found.scheduled_events == events
    assert found.time.utcoffset() == timedelta(0)
    assert at(found.time.isoformat()) == body["timestamp"]
    assert isinstance(found.bucket_influencers, tuple)
    for influencer, shown in zip(found.bucket_influencers, influencers, strict=True):
        for name, value in shown.items():
            if name != "timestamp_string":
                assert_same_body(getattr(influencer, name), value)
        if "influencer_field_name" not in shown:
            assert influencer.influencer_field_name is None


@dataclass(frozen=True, slots=True)
class Stored:
    """The documents of a results index, one of them a bucket, and the skipped types."""

    rule: str
    claim: str
    given: list[dict[str, Any]]
    skipped: dict[str, int]
    source: str


STANDALONE = [
    Stored("9.5", "a standalone bucket influencer", [FULL, BUCKET_TIME], {"bucket_influencer": 1}, "BINF"),
    Stored(
        "9.5",
        "a standalone bucket influencer as a search hit",
        [
            {"_id": "web_bucket_1464739200000_3600", "_source": FULL},
            {"_id": "web_bucket_influencer_1464739200000_3600_bucket_time", "_source": BUCKET_TIME},
        ],
        {"bucket_influencer": 1},
        "BINF",
    ),
]


@each_row(STANDALONE)
def test_standalone_bucket_influencers_are_not_buckets(row: Stored) -> None:
    """A bucket influencer with a document of its own is skipped and counted; the bucket keeps its nested ones."""
    index = index_of([])
    commit = index.upsert(row.given)
    assert (commit.inserted, dict(commit.skipped)) == (1, row.skipped)
    assert_same_body(index.get_buckets(job_id=JOB).to_dict(), {"count": 1, "buckets": [FULL]})
