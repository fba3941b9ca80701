"""Rules 8.1 to 8.7: `expand` shows the records of each bucket on the page that has bucket influencers."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

from bucketquery import AnomalyRecord, BucketPage, BucketQuery
from support.semantics_tables import (
    JOB,
    Answered,
    Documents,
    Door,
    Refused,
    ask,
    assert_answered,
    assert_refused,
    assert_same_body,
    bucket,
    doors,
    each_row,
    index_of,
    influencer,
    invalid,
    names_of,
    names_of_bodies,
    record,
)

HOUR = 3_600_000
BLAMED = [{"influencer_field_name": "bucket_time"}]

#: Two buckets with one record each; only `blamed` has bucket influencers.
BUCKETS = {
    "plain": bucket(0),
    "blamed": bucket(HOUR, bucket_influencers=BLAMED),
    "of_plain": record(0, record_score=90.0),
    "of_blamed": record(HOUR, record_score=90.0),
}

ACCEPTED = [
    Answered("8.1", "False", BUCKETS, {"expand": False}, "plain blamed", "BKT"),
    Answered("8.7", "True", BUCKETS, {"expand": True}, "plain blamed", "JRP: the count is the same"),
    Answered("8.7", "an empty window", BUCKETS, {"expand": True, "start": 2 * HOUR}, "", "JRP: the count is 0"),
    Answered("8.1", "text true", BUCKETS, {"expand": "true"}, "plain blamed", "OP", only="get_buckets"),
    Answered("8.1", "text false", BUCKETS, {"expand": "false"}, "plain blamed", "OP", only="get_buckets"),
    Answered("8.1", "None", BUCKETS, {"expand": None}, "plain blamed", "not given", only="get_buckets"),
    Answered("8.1", "a lookup", BUCKETS, {"expand": True, "timestamp": HOUR}, "blamed", "2.1: not exclusive"),
]

NO_BOOLEAN = [
    Refused(
        "4.4",
        f"expand {value!r}",
        BUCKETS,
        {"expand": value},
        invalid("expand", f"Failed to parse value [{value}]"),
        "OP",
    )
    for value in ("maybe", 2, "False")
]


@each_row(ACCEPTED)
def test_expand_changes_neither_buckets_nor_count(row: Answered) -> None:
    """`expand` changes neither the buckets of the page nor the count."""
    assert_answered(row)


@each_row(NO_BOOLEAN)
def test_expand_that_is_not_a_boolean_is_refused(row: Refused) -> None:
    """A value of `expand` that is not a boolean raises the error of the row."""
    assert_refused(row)


@dataclass(frozen=True, slots=True)
class Expanded:
    """A query with `expand` on these documents, and the records of each bucket on the page.

    Attributes:
        rule: its number.
        claim: what the row says.
        given: the documents by name, buckets and records.
        asked: the parameters; `expand` is True unless given.
        expected: the buckets of the page in order, and the names of their records in order.
        source: where the rule comes from.
        only: the one way of asking that accepts these parameters; None if both do.
    """

    rule: str
    claim: str
    given: Documents
    asked: Mapping[str, Any]
    expected: Mapping[str, str]
    source: str
    _: KW_ONLY
    only: Door | None = None


WHETHER = [
    Expanded("8.1", "False: no records", BUCKETS, {"expand": False}, {"plain": "", "blamed": ""}, "REQ"),
    Expanded(
        "8.2", "only buckets with influencers show records", BUCKETS, {}, {"plain": "", "blamed": "of_blamed"}, "JRP"
    ),
    Expanded("8.2", "desc", BUCKETS, {"desc": True}, {"blamed": "of_blamed", "plain": ""}, "JRP"),
    Expanded(
        "8.2",
        "text true",
        BUCKETS,
        {"expand": "true"},
        {"plain": "", "blamed": "of_blamed"},
        "4.4",
        only="get_buckets",
    ),
    Expanded(
        "8.2",
        "an empty list and null are not influencers",
        {
            "empty": bucket(0, bucket_influencers=[], anomaly_score=99.0),
            "null": bucket(HOUR, bucket_influencers=None, anomaly_score=99.0),
            "bare": bucket(2 * HOUR, bucket_influencers=[{}]),
            "r0": record(0, record_score=99.0),
            "r1": record(HOUR, record_score=99.0),
            "r2": record(2 * HOUR, record_score=99.0),
        },
        {},
        {"empty": "", "null": "", "bare": "r2"},
        "JRP: an influencer without a name counts",
    ),
    Expanded(
        "8.2",
        "standalone influencers and influencers of a record do not count",
        {
            "b": bucket(0),
            "r": record(0, influencers=[{"influencer_field_name": "host", "influencer_field_values": ["a"]}]),
            "i": influencer(0, "a"),
        },
        {},
        {"b": ""},
        "JRP: the bucket's own list decides",
    ),
    Expanded(
        "8.2",
        "only buckets on the page show records",
        {f"b{hour}": bucket(hour * HOUR, bucket_influencers=BLAMED) for hour in range(4)}
        | {f"r{hour}": record(hour * HOUR) for hour in range(4)},
        {"from_": 1, "size": 2},
        {"b1": "r1", "b2": "r2"},
        "JRP: after paging",
    ),
    Expanded("8.2", "an empty page", BUCKETS, {"size": 0}, {}, "JRP"),
]

# Records and other results at and around the instant of one bucket.
AROUND = {
    "b": bucket(HOUR, bucket_influencers=BLAMED),
    "at": record(HOUR),
    "before": record(HOUR - 1),
    "after": record(HOUR + 1),
    "inside": record(HOUR + HOUR // 2),
    "other_job": record(HOUR, job_id="db", record_score=99.0),
    "influencer": influencer(HOUR, "a"),
}
# Two buckets at the same instant, and records of both spans and of a third span.
SPANS = {
    "short": bucket(0, bucket_span=60, bucket_influencers=BLAMED),
    "long": bucket(0, bucket_span=3_600, bucket_influencers=BLAMED),
    "r3600": record(0, bucket_span=3_600),
    "r60": record(0, bucket_span=60),
    "r900": record(0, bucket_span=900),
}
LIVE = {
    "b": bucket(0, is_interim=True, bucket_influencers=BLAMED),
    "final": record(0, detector_index=1, is_interim=False),
    "live": record(0, detector_index=2, is_interim=True),
    "absent": record(0, detector_index=3),
    "null": record(0, detector_index=4, is_interim=None),
}
FINAL = {"b": bucket(0, bucket_influencers=BLAMED)} | {name: LIVE[name] for name in ("final", "live")}
SCORED = {
    "b": bucket(0, anomaly_score=80.0, bucket_influencers=BLAMED),
    "low": bucket(HOUR, anomaly_score=10.0, bucket_influencers=BLAMED),
    "zero": record(0, detector_index=1, record_score=0.0),
    "none": record(0, detector_index=2),
    "high": record(0, detector_index=3, record_score=99.0),
    "of_low": record(HOUR, record_score=99.0),
}

WHICH = [
    Expanded("8.2", "records at the bucket's timestamp only", AROUND, {}, {"b": "at"}, "JRP"),
    Expanded(
        "8.2",
        "records of every span at the instant",
        SPANS,
        {},
        {"short": "r60 r900 r3600", "long": "r60 r900 r3600"},
        "JRP: the span is not compared",
    ),
    Expanded("8.2", "interim records come by default", LIVE, {}, {"b": "final live absent null"}, "JRP"),
    Expanded(
        "8.2",
        "exclude_interim excludes the interim records of a final bucket",
        FINAL,
        {"exclude_interim": True},
        {"b": "final"},
        "JRP: not interim if `exclude_interim`",
    ),
    Expanded(
        "8.2",
        "exclude_interim excludes an interim bucket",
        LIVE,
        {"exclude_interim": True},
        {},
        "4.2: there is no bucket",
    ),
    Expanded(
        "2.5",
        "a lookup shows an interim bucket without its interim records",
        LIVE,
        {"timestamp": 0, "exclude_interim": True},
        {"b": "final absent null"},
        "JRP: the flag applies to the records",
    ),
    Expanded("2.5", "a lookup without exclude_interim", LIVE, {"timestamp": 0}, {"b": "final live absent null"}, "JRP"),
    Expanded("8.2", "a lookup", BUCKETS, {"timestamp": HOUR}, {"blamed": "of_blamed"}, "JRP"),
    Expanded("8.2", "a lookup of a bucket without influencers", BUCKETS, {"timestamp": 0}, {"plain": ""}, "JRP"),
    Expanded(
        "8.2",
        "a lookup of a day expands the bucket on the page",
        {f"b{hour}": bucket(hour * HOUR, bucket_influencers=BLAMED) for hour in range(3)}
        | {f"r{hour}": record(hour * HOUR) for hour in range(3)},
        {"timestamp": "1970-01-01", "desc": True},
        {"b2": "r2"},
        "2.7",
    ),
    Expanded(
        "8.5",
        "the threshold applies to buckets",
        SCORED,
        {"anomaly_score": 50},
        {"b": "zero high none"},
        "JRP: no threshold for records",
    ),
    Expanded(
        "8.5",
        "a record above the threshold does not match its bucket",
        SCORED,
        {"anomaly_score": 90},
        {},
        "JRP: no threshold for records",
    ),
]

#: The keys of the order, each with a low and a high value.
KEYS: tuple[tuple[str, Any, Any], ...] = (
    ("probability", 1e-308, 0.5),
    ("record_score", 1.0, 2.0),
    ("over_field_value", "a", "b"),
    ("partition_field_value", "a", "b"),
    ("by_field_value", "a", "b"),
    ("field_name", "a", "b"),
    ("function", "a", "b"),
    ("bucket_span", 60, 900),
    ("detector_index", 1, 2),
)


def two_by(place: int) -> dict[str, dict[str, Any]]:
    """Two records that first differ in this key: `less` has its low value, and the high value of every later key."""
    earlier = {name: low for name, low, _ in KEYS[:place]}
    name, low, high = KEYS[place]
    return {
        "b": bucket(0, bucket_influencers=BLAMED),
        "more": record(0) | earlier | {name: high} | {key: least for key, least, _ in KEYS[place + 1 :]},
        "less": record(0) | earlier | {name: low} | {key: most for key, _, most in KEYS[place + 1 :]},
    }


ORDER = [
    Expanded("8.4", f"{name} decides before later keys", two_by(place), {}, {"b": "less more"}, source)
    for place, (name, _, _) in enumerate(KEYS)
    for source in ["JRP, RQB" if place < 7 else "ours: JRP and RQB do not define it"]
]
ORDER += [
    Expanded(
        "8.4",
        f"{name} missing is last",
        {
            "b": bucket(0, bucket_influencers=BLAMED),
            "n1": record(0, detector_index=1),
            "high": record(0, detector_index=2, **{name: high}),
            "low": record(0, detector_index=3, **{name: low}),
            "n2": record(0, detector_index=4, **{name: None}),
        },
        {},
        {"b": "low high n1 n2"},
        "JRP, RQB, FSB: _last",
    )
    for name, low, high in KEYS[:7]
]

UNLIKELY = {
    "b": bucket(0, anomaly_score=50.0, bucket_influencers=BLAMED),
    "c": bucket(HOUR, anomaly_score=90.0, bucket_influencers=BLAMED),
    "likely": record(0, detector_index=0, probability=0.9, record_score=1.0),
    "least": record(0, detector_index=1, probability=5e-324, record_score=2.0),
    "none": record(0, detector_index=2, record_score=100.0),
    "tiny": record(0, detector_index=3, probability=1e-308, record_score=3.0),
    "zero": record(0, detector_index=4, probability=0.0, record_score=0.0),
    "of_c": record(HOUR, probability=0.5),
}
BY_PROBABILITY = "zero least tiny likely none"
DETECTORS = {
    "b": bucket(0, bucket_influencers=BLAMED),
    "one": record(0, detector_index=1),
    "absent": record(0),
    "minus": record(0, detector_index=-1),
}
ORDER += [
    Expanded(
        "8.4",
        "the most unlikely first",
        UNLIKELY,
        {},
        {"b": BY_PROBABILITY, "c": "of_c"},
        "JRP, RQB: the score is second",
    ),
    Expanded(
        "8.4",
        "desc does not change the order of records",
        UNLIKELY,
        {"desc": True},
        {"c": "of_c", "b": BY_PROBABILITY},
        "JRP",
    ),
    Expanded(
        "8.4",
        "sort does not change the order of records",
        UNLIKELY,
        {"sort": "anomaly_score", "desc": True},
        {"c": "of_c", "b": BY_PROBABILITY},
        "JRP",
    ),
    Expanded(
        "8.4",
        "sort by a field of records does not change their order",
        UNLIKELY,
        {"sort": "record_score", "desc": True},
        {"c": "of_c", "b": BY_PROBABILITY},
        "JRP: buckets are sorted, and they have no such field",
    ),
    Expanded("8.4", "a missing detector is detector 0", DETECTORS, {}, {"b": "minus absent one"}, "ours"),
    Expanded(
        "9.12",
        "expanded records sort by exact doubles",
        UNLIKELY,
        {"size": 1},
        {"b": BY_PROBABILITY},
        "ours: not as singles",
    ),
]

BARE = {"b": bucket(0, bucket_influencers=BLAMED)}
SHOWN = [
    Expanded("8.6", "a bucket without records", BARE, {}, {"b": ""}, "BKT: no key"),
    Expanded(
        "8.6",
        "only records of other instants",
        BARE | {"r": record(1)},
        {},
        {"b": ""},
        "BKT: no key",
    ),
    Expanded(
        "8.6",
        "only interim records, excluded",
        BARE | {"r": record(0, is_interim=True)},
        {"exclude_interim": True},
        {"b": ""},
        "BKT: no key",
    ),
]


@each_row(WHETHER, WHICH, ORDER, SHOWN)
def test_buckets_show_the_expected_records(row: Expanded) -> None:
    """Each bucket of the page shows the records of the row in order, as values and in the body."""
    index = index_of(row.given.values())
    for door in doors(row.only):
        page = ask(index, door, {"expand": True, **row.asked})
        assert isinstance(page, BucketPage)
        values = dict(zip(names_of(row.given, page), (names_of(row.given, item.records) for item in page), strict=True))
        expected = {name: records.split() for name, records in row.expected.items()}
        assert list(values.items()) == list(expected.items())
        bodies = page.to_dict()["buckets"]
        shown = [names_of_bodies(row.given, body["records"]) for body in bodies if "records" in body]
        assert shown == [records for records in expected.values() if records]
        assert all(type(item.records) is tuple for item in page)
        assert all(type(each) is AnomalyRecord for item in page for each in item.records)
        assert all(item.to_dict() == body for item, body in zip(page, bodies, strict=True))


def test_scan_expands_too() -> None:
    """Section 20, scan: a scan with `expand` yields each bucket with its records."""
    index = index_of(UNLIKELY.values())
    for reader in (index, index.snapshot()):
        found = list(reader.scan(BucketQuery(jobs=JOB, expand=True, size=1)))
        assert [names_of(UNLIKELY, each.records) for each in found] == [BY_PROBABILITY.split(), ["of_c"]]
        assert [each.records for each in reader.scan(BucketQuery(jobs=JOB))] == [(), ()]


def test_records_stand_before_the_event_count() -> None:
    """Rule 8.6: the key `records` stands between `initial_anomaly_score` and `event_count`, and only with `expand`."""
    index = index_of(BUCKETS.values())
    _, blamed = index.get_buckets(job_id=JOB, expand=True).to_dict()["buckets"]
    assert list(blamed) == [
        "job_id",
        "timestamp",
        "anomaly_score",
        "bucket_span",
        "initial_anomaly_score",
        "records",
        "event_count",
        "is_interim",
        "bucket_influencers",
        "processing_time_ms",
        "result_type",
    ]
    _, without = index.get_buckets(job_id=JOB).to_dict()["buckets"]
    assert_same_body(without, {key: value for key, value in blamed.items() if key != "records"})


def test_expanded_records_equal_those_of_get_records() -> None:
    """Rule 8.6: an expanded record has the body that get_records shows, also with `human`."""
    given = record(
        0,
        probability=1e-308,
        by_field_name="airline",
        by_field_value="AAL",
        typical=[1],
        causes=[{"probability": 0.5}],
        extra=None,
    )
    index = index_of([bucket(0, bucket_influencers=BLAMED), given])
    for human in (False, True):
        (expanded,) = index.get_buckets(job_id=JOB, expand=True).to_dict(human=human)["buckets"]
        assert_same_body(expanded["records"], index.get_records(job_id=JOB).to_dict(human=human)["records"])
        assert ("timestamp_string" in expanded["records"][0]) == human
    assert index.get_buckets(job_id=JOB, expand=True)[0].records == tuple(index.get_records(job_id=JOB))


def test_expanded_records_belong_to_the_commit_of_the_page() -> None:
    """A page shows the records of its own commit: a later write does not change them."""
    index = index_of([bucket(0, bucket_influencers=BLAMED), record(0, record_score=1.0)])
    page = index.get_buckets(job_id=JOB, expand=True)
    index.upsert([record(0, record_score=2.0), record(0, detector_index=1)])
    assert [each.record_score for each in page[0].records] == [1.0]
    assert [each.record_score for each in index.get_buckets(job_id=JOB, expand=True)[0].records] == [2.0, 0.0]
