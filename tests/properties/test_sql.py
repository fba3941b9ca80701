"""The rules in SQL: SQLite's answers after small histories are those that were worked out by hand."""

from typing import Any

import pytest

from bucketquery import BucketQuery, InfluencerQuery, LimitExceeded, NotFound, RecordQuery
from support import sql
from support.sql import SqlResults
from support.strategies import Document, Query

AT = {"job_id": "web", "timestamp": 0, "bucket_span": 300}


def bucket(**fields: Any) -> Document:
    """A bucket that shows records if expanded, unless it is given an empty list of influencers."""
    return {"result_type": "bucket", **AT, "bucket_influencers": [{}], **fields}


def record(**fields: Any) -> Document:
    """A record of the default bucket."""
    return {"result_type": "record", **AT, **fields}


def influencer(**fields: Any) -> Document:
    """An influencer of the default bucket."""
    return {"result_type": "influencer", **AT, **fields}


def answer(*documents: Document, query: Query) -> dict[str, Any]:
    """The answer of SQLite after the documents, each written as its own batch."""
    with SqlResults([document] for document in documents) as results:
        return results.answer(query)


# ---- order: in each pair of records, the first record comes before the second in ascending order

EARLIER_RECORDS: dict[str, tuple[Document, Document]] = {
    "the sort field": (
        {"detector_index": 1, "record_score": 2, "probability": 0.1},
        {"detector_index": 0, "record_score": 1, "probability": 0.2},
    ),
    "subnormal probabilities": ({"probability": 0.0}, {"detector_index": -1, "probability": 5e-324}),
    "the score": ({"record_score": 1, "over_field_value": "b"}, {"record_score": 2, "over_field_value": "a"}),
    "the over value": (
        {"over_field_value": "a", "partition_field_value": "b"},
        {"over_field_value": "b", "partition_field_value": "a"},
    ),
    "the partition value": (
        {"partition_field_value": "a", "by_field_value": "b"},
        {"partition_field_value": "b", "by_field_value": "a"},
    ),
    "the by value": ({"by_field_value": "a", "field_name": "b"}, {"by_field_value": "b", "field_name": "a"}),
    "the field": (
        {"detector_index": 1, "field_name": "a", "function": "b"},
        {"detector_index": 0, "field_name": "b", "function": "a"},
    ),
    "the function": (
        {"detector_index": 1, "function": "a", "timestamp": 5},
        {"detector_index": 0, "function": "b", "timestamp": 4},
    ),
    "the time": ({"timestamp": 4, "bucket_span": 900}, {"timestamp": 5, "bucket_span": 300}),
    "the span": ({"bucket_span": 300, "detector_index": 1}, {"bucket_span": 900, "detector_index": 0}),
    "an absent detector, as the first": ({}, {"detector_index": 1}),
    "an absent detector, behind a negative one": ({"detector_index": -1}, {}),
    "empty text, before any other": ({"over_field_value": ""}, {"over_field_value": "\x00"}),
    "text by code points": ({"over_field_value": "\uffff"}, {"over_field_value": "\U00010000"}),
    "capitals, before small letters": ({"by_field_value": "B"}, {"by_field_value": "a"}),
}
MISSING: dict[str, Document] = {
    "probability": {"probability": 0.0},
    "record_score": {"record_score": -1.0, "probability": 0.5},
    "over_field_value": {"over_field_value": ""},
    "detector_index": {"detector_index": 5},
}


@pytest.mark.parametrize("name", EARLIER_RECORDS)
def test_records_are_ordered_key_by_key(name: str) -> None:
    """The first key that differs decides; the descending order is the exact reverse."""
    earlier, later = (record(**fields) for fields in EARLIER_RECORDS[name])
    for desc in (False, True):
        found = answer(later, earlier, query=RecordQuery(jobs="web", sort="probability", desc=desc))["records"]
        ordered = answer(earlier, query=RecordQuery(jobs="web"))["records"]
        ordered += answer(later, query=RecordQuery(jobs="web"))["records"]
        assert found == (ordered[::-1] if desc else ordered)


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_value_is_last_in_both_directions(name: str) -> None:
    """A record without the sort field comes after one that has it, ascending and descending."""
    has, has_not = record(bucket_span=900, **MISSING[name]), record(bucket_span=1)
    for desc in (False, True):
        found = answer(has_not, has, query=RecordQuery(jobs="web", sort=name, desc=desc))["records"]
        assert [one["bucket_span"] for one in found] == [900, 1]


def test_influencers_are_ordered_by_time_span_name_and_value() -> None:
    """The sort field leads and the identity breaks ties, in one direction; missing values are last."""
    ascending = [
        influencer(influencer_score=1, timestamp=9),
        influencer(influencer_score=2, timestamp=1, bucket_span=900),
        influencer(influencer_score=2, timestamp=2, bucket_span=300, influencer_field_name="b"),
        influencer(influencer_score=2, timestamp=2, bucket_span=900, influencer_field_name="a"),
        influencer(influencer_score=2, timestamp=3, influencer_field_name="a", influencer_field_value="z"),
        influencer(influencer_score=2, timestamp=3, influencer_field_name="b", influencer_field_value=""),
        influencer(influencer_score=2, timestamp=3, influencer_field_name="b", influencer_field_value="a"),
    ]
    for desc in (False, True):
        query = InfluencerQuery(jobs="web", desc=desc)
        found = answer(*ascending[::2], *ascending[1::2], influencer(timestamp=-5), query=query)["influencers"]
        wanted = ascending[::-1] if desc else ascending
        assert [one | influencer() for one in found] == [
            answer(one, query=query)["influencers"][0] | influencer() for one in (*wanted, influencer(timestamp=-5))
        ]


def test_an_identity_is_exact() -> None:
    """A missing detector is detector 0, a missing value is not empty text, and any other part is another record."""
    first = record(record_score=1.0)
    others = [
        record(detector_index=1),
        record(by_field_value=""),
        record(over_field_value=""),
        record(partition_field_value=""),
        record(bucket_span=900),
    ]
    assert (
        answer(first, *others, record(detector_index=0, record_score=2.0), query=RecordQuery(jobs="web"))["count"] == 6
    )
    assert answer(first, record(detector_index=0, record_score=2.0), query=RecordQuery(jobs="web"))["records"] == [
        answer(record(record_score=2.0), query=RecordQuery(jobs="web"))["records"][0]
    ]
    names = [influencer(), influencer(influencer_field_name=""), influencer(influencer_field_value="")]
    assert answer(*names, *names, query=InfluencerQuery(jobs="web"))["count"] == 3


def test_conditions_are_those_of_the_rules() -> None:
    """The window is half open and the threshold inclusive. A record without a score meets no threshold.

    `exclude_interim` leaves out interim records.
    """
    records = [record(timestamp=time, record_score=time, is_interim=time == 2) for time in range(4)] + [
        record(timestamp=9)
    ]
    asked: dict[tuple[int, ...], dict[str, Any]] = {
        (9, 3, 2, 1, 0): {},
        (2, 1): {"start": 1, "end": 3},
        (3, 2): {"record_score": 2.0},
        (9, 3, 1, 0): {"exclude_interim": True},
        (): {"start": 3, "end": 1},
    }
    for times, conditions in asked.items():
        found = answer(*records, query=RecordQuery(jobs="web", sort="timestamp", **conditions))
        assert [one["timestamp"] for one in found["records"]] == list(times)
        assert found["count"] == len(times)


@pytest.mark.parametrize("kind", ["bucket", "record", "influencer"])
def test_results_are_ordered_by_the_instant_at_which_they_were_written(kind: str) -> None:
    """`event.ingested` leads the order; a result without it is last, and an `event` that is no object has none."""
    events: list[Any] = [{"ingested": 5}, None, {"ingested": -1}, {"ingested": "1970-01-01T00:00:00.005+00:00"}, {}]
    make = {"bucket": bucket, "record": record, "influencer": influencer}[kind]
    query = {"bucket": BucketQuery, "record": RecordQuery, "influencer": InfluencerQuery}[kind]
    documents = [make(timestamp=time, event=event) for time, event in enumerate(events)]
    documents += [] if kind == "bucket" else [make(timestamp=5, event=["login"], **{"event.ingested": 0})]
    last = [] if kind == "bucket" else [5]
    for desc, expected in ((False, [2, 0, 3, 1, 4, *last]), (True, [3, 0, 2, *last, 4, 1])):
        found = answer(*documents, query=query(jobs="web", sort="event.ingested", desc=desc))[f"{kind}s"]
        assert [one["timestamp"] for one in found] == expected
        assert found[0]["event"] == {"ingested": 5 if desc else -1}
        assert "event" not in found[-1] or found[-1]["event"] == ["login"]


# ---- shape


def test_a_record_is_shown_whole() -> None:
    """Documented keys come in the API's order, then data fields, then undocumented keys, null included."""
    stored = record(
        zebra=None,
        host="stored",
        over_field_name="clientip",
        over_field_value="1.2.3.4",
        by_field_name="host",
        by_field_value="a",
        partition_field_name="bucket_span.x",
        partition_field_value="reserved",
        typical=[1, -0.0],
        actual=[],
        function=None,
        causes=[{"b": 1, "a": 1.0}],
        influencers=[
            {"influencer_field_values": ["5", "1.2.3.4", "5"], "influencer_field_name": "clientip"},
            {"influencer_field_name": "", "influencer_field_values": ["nobody's"]},
            {"influencer_field_name": "zone", "influencer_field_values": []},
        ],
        anomaly_score=3,
    )
    assert repr(answer(stored, query=RecordQuery(jobs="web"))) == repr(
        {
            "count": 1,
            "records": [
                {
                    "job_id": "web",
                    "result_type": "record",
                    "probability": 0.0,
                    "record_score": 0.0,
                    "initial_record_score": 0.0,
                    "bucket_span": 300,
                    "detector_index": 0,
                    "is_interim": False,
                    "timestamp": 0,
                    "by_field_name": "host",
                    "by_field_value": "a",
                    "partition_field_name": "bucket_span.x",
                    "partition_field_value": "reserved",
                    "typical": [1.0, 0.0],
                    "actual": [],
                    "over_field_name": "clientip",
                    "over_field_value": "1.2.3.4",
                    "causes": [{"b": 1, "a": 1.0}],
                    "influencers": stored["influencers"],
                    "host": "stored",
                    "clientip": ["1.2.3.4", "5"],
                    "zebra": None,
                    "anomaly_score": 3,
                }
            ],
        }
    )


def test_an_influencer_is_shown_whole() -> None:
    """The data field comes after its value, unless its name is empty or reserved; unknown keys come last."""
    stored = influencer(
        influencer_score=5, influencer_field_name="host.name", influencer_field_value="a", more={"x": 1}
    )
    body = {"bucket_span": 300, "is_interim": False, "timestamp": 0}
    scores = {"influencer_score": 5.0, "initial_influencer_score": 0.0, "probability": 0.0}
    who = {"job_id": "web", "result_type": "influencer"}
    named = {"influencer_field_name": "host.name", "influencer_field_value": "a"}
    found = answer(stored, query=InfluencerQuery(jobs="web"))["influencers"]
    assert repr(found) == repr([who | named | {"host.name": "a"} | scores | body | {"more": {"x": 1}}])
    own = answer(stored | {"host.name": ["own"]}, query=InfluencerQuery(jobs="web"))["influencers"]
    assert repr(own) == repr([who | named | {"host.name": ["own"]} | scores | body | {"more": {"x": 1}}])
    reserved = answer(stored | {"influencer_field_name": "causes.x"}, query=InfluencerQuery(jobs="web"))["influencers"]
    assert list(reserved[0]) == [*who, *named, *scores, *body, "more"]
    nameless = answer(influencer(influencer_field_value="a"), query=InfluencerQuery(jobs="web"))["influencers"]
    assert list(nameless[0]) == [*who, "influencer_field_value", *scores, *body]


def test_a_bucket_influencer_has_values_of_its_own() -> None:
    """Job, timestamp, span and `is_interim` are its own or its bucket's; the instant is its own, and the last key."""
    own = {"job_id": "db", "timestamp": "1970-01-01T00:00:01+00:00", "bucket_span": 60, "event": {"ingested": 7}}
    documents = [bucket(is_interim=True, event={"ingested": 9}, bucket_influencers=[own | {"is_interim": False}, {}])]
    (found,) = answer(*documents, query=BucketQuery(jobs="web"))["buckets"]
    first, second = found["bucket_influencers"]
    scores = dict.fromkeys(("initial_anomaly_score", "anomaly_score", "raw_anomaly_score", "probability"), 0.0)
    who = {"result_type": "bucket_influencer"}
    there = {"timestamp": 1_000, "bucket_span": 60, "is_interim": False}
    assert repr(first) == repr({"job_id": "db", **who, **scores, **there, "event": {"ingested": 7}})
    here = {"timestamp": 0, "bucket_span": 300, "is_interim": True}
    assert repr(second) == repr({"job_id": "web", **who, **scores, **here})
    assert list(found.items())[-2:] == [("result_type", "bucket"), ("event", {"ingested": 9})]


def test_single_values_are_lists() -> None:
    """A single value in a field of lists is shown as a list of one; so is one in a cause or an influencer."""
    stored = record(
        typical=1,
        actual=-0.0,
        causes={"actual": 7, "typical": [7], "x": None},
        influencers={"influencer_field_name": "host", "influencer_field_values": "a"},
    )
    (found,) = answer(stored, query=RecordQuery(jobs="web"))["records"]
    shown = {"causes": [{"actual": [7.0], "typical": [7], "x": None}], "host": ["a"]}
    shown |= {"influencers": [{"influencer_field_name": "host", "influencer_field_values": ["a"]}]}
    assert repr({name: found[name] for name in shown}) == repr(shown)
    assert (found["typical"], repr(found["actual"])) == ([1.0], "[0.0]")
    single = bucket(scheduled_events="sale", bucket_influencers={})
    (found,) = answer(single, query=BucketQuery(jobs="web", sort="scheduled_events"))["buckets"]
    assert (found["scheduled_events"], len(found["bucket_influencers"])) == (["sale"], 1)


def test_a_data_field_called_event_gives_way_to_the_instant() -> None:
    """With an instant no key is generated for a data field called `event`; without it, the field is like any other."""
    named = {"by_field_name": "event", "by_field_value": "login", "zone": 1}
    for event, keys in (
        ({}, ["event", "zone"]),
        ({"event": None}, ["event", "zone"]),
        ({"event": ["x"]}, ["event", "zone"]),
        ({"event": {"ingested": 5}}, ["zone", "event"]),
    ):
        (found,) = answer(record(**named, **event), query=RecordQuery(jobs="web"))["records"]
        assert list(found)[-2:] == keys
    blamed = influencer(influencer_field_name="event", influencer_field_value="login", event={"ingested": 5})
    (found,) = answer(blamed, query=InfluencerQuery(jobs="web"))["influencers"]
    assert [*found][-2:] == ["timestamp", "event"]
    assert list(found).count("event") == 1


# ---- records in buckets


def test_records_in_a_bucket_are_written_after_it() -> None:
    """They take four values from their bucket, replace earlier records, and are replaced by later ones."""
    inside = bucket(is_interim=True, records=[{"record_score": 1}, {"detector_index": 1, "bucket_span": 60}])
    query = RecordQuery(jobs="web", sort="detector_index", desc=False)
    found = answer(inside, query=query)["records"]
    assert [(one["bucket_span"], one["is_interim"], one["record_score"]) for one in found] == [
        (60, True, 0.0),
        (300, True, 1.0),
    ]
    alone = record(record_score=2)
    assert answer(inside, alone, query=query)["records"][1]["record_score"] == 2.0
    assert answer(alone, inside, query=query)["records"][1]["record_score"] == 1.0
    assert answer(inside, bucket(records=[]), query=query)["count"] == 2
    assert answer(bucket(records={}), query=query)["count"] == 1


# ---- expand


def shown(found: dict[str, Any]) -> list[list[int]]:
    """The detectors of the records that each bucket shows."""
    return [[one["detector_index"] for one in found.get("records", [])] for found in found["buckets"]]


def test_a_bucket_with_influencers_shows_the_records_of_its_instant() -> None:
    """Spans need not agree. Records of other jobs or instants stay out; a bucket without influencers shows none."""
    records = [
        record(detector_index=1, bucket_span=900),
        record(detector_index=2),
        record(detector_index=3, timestamp=1),
        record(detector_index=4, job_id="db"),
    ]
    buckets = [bucket(), bucket(bucket_span=3_600), bucket(bucket_span=7_200, bucket_influencers=[])]
    found = answer(*records, *buckets, query=BucketQuery(jobs="web", expand=True))
    assert shown(found) == [[2, 1], [2, 1], []]
    assert list(found["buckets"][0])[4:7] == ["initial_anomaly_score", "records", "event_count"]
    assert "records" not in found["buckets"][2]
    assert shown(answer(*records, *buckets, query=BucketQuery(jobs="web"))) == [[], [], []]


def test_the_records_of_a_bucket_ascend() -> None:
    """The least probable records come first and those without a probability last, in any order of buckets."""
    records = [
        record(detector_index=6),
        record(detector_index=5, probability=0.5, record_score=1, function="b"),
        record(detector_index=4, probability=0.5, record_score=1, field_name="a"),
        record(detector_index=3, probability=0.5, record_score=0),
        record(detector_index=2, probability=1e-308, record_score=99),
        record(detector_index=1, probability=5e-324, record_score=99),
        record(probability=5e-324, record_score=99),
    ]
    for desc in (False, True):
        found = answer(bucket(), *records, query=BucketQuery(jobs="web", expand=True, desc=desc))
        assert shown(found) == [[0, 1, 2, 3, 4, 5, 6]]


def test_a_lookup_drops_interim_records_but_not_its_bucket() -> None:
    """exclude_interim does not change the bucket that a lookup finds, only the records that it shows."""
    documents = [bucket(is_interim=True), record(is_interim=True), record(detector_index=1), bucket(timestamp=1)]
    query = BucketQuery(jobs="web", timestamp=0, expand=True)
    assert shown(answer(*documents, query=query)) == [[0, 1]]
    assert shown(answer(*documents, query=query.replace(exclude_interim=True))) == [[1]]
    window = BucketQuery(jobs="web", expand=True, exclude_interim=True)
    assert shown(answer(*documents, query=window)) == [[]]
    with pytest.raises(NotFound):
        answer(*documents, query=query.replace(timestamp=2))


def test_a_bucket_and_a_page_show_a_limited_number_of_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket leaves out records beyond its limit; a page with one record too many is an error."""
    assert (sql.RECORDS_OF_A_BUCKET, sql.RECORDS_OF_A_PAGE) == (10_000, 100_000)
    monkeypatch.setattr(sql, "RECORDS_OF_A_BUCKET", 10)
    monkeypatch.setattr(sql, "RECORDS_OF_A_PAGE", 100)
    records = [record(detector_index=number) for number in range(11)]
    buckets = [bucket(bucket_span=span) for span in range(1, 12)]
    with SqlResults([records, buckets]) as results:
        query = BucketQuery(jobs="web", expand=True, size=10)
        assert shown(results.answer(query)) == [list(range(10))] * 10
        with pytest.raises(LimitExceeded):
            results.answer(query.replace(size=11))


def test_every_state_has_its_own_records() -> None:
    """An older state shows no later record, not even inside its buckets."""
    batches = [[bucket()], [record(record_score=1.0)], [record(record_score=2.0), influencer()]]
    with SqlResults(batches) as results:
        for state, scores in enumerate(([], [], [1.0], [2.0])):
            records = results.answer(RecordQuery(jobs="web"), state=state)["records"]
            assert [one["record_score"] for one in records] == scores
            assert results.answer(InfluencerQuery(jobs="web"), state=state)["count"] == (state == 3)
            buckets = results.answer(BucketQuery(jobs="web", expand=True), state=state)["buckets"]
            assert [one["record_score"] for found in buckets for one in found.get("records", [])] == scores
