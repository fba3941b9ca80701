"""The reference answer, tested by examples worked out by hand from the rules: matches, order, pages, expand."""

import math
from typing import Any

import pytest

from bucketquery import BucketQuery, InfluencerQuery, InvalidQuery, LimitExceeded, NotFound, RecordQuery
from bucketquery.testing import reference
from bucketquery.testing.reference import SORTABLE, evaluate

MIDNIGHT = 1_767_225_600_000  # 2026-01-01T00:00:00Z
SPAN_MS = 900_000


def bucket(quarter: int = 0, **fields: Any) -> dict[str, Any]:
    """A stored bucket of the job "web", ``quarter`` quarters of an hour past midnight."""
    return {
        "job_id": "web",
        "timestamp": MIDNIGHT + quarter * SPAN_MS,
        "bucket_span": 900,
        "result_type": "bucket",
        **fields,
    }


def evaluated(documents: list[dict[str, Any]], **parameters: Any) -> dict[str, Any]:
    """The reference's answer for the job "web"."""
    return evaluate(documents, BucketQuery(jobs="web", **parameters))


def quarters(documents: list[dict[str, Any]], **parameters: Any) -> list[int]:
    """The buckets on the page, each as its number of quarters of an hour past midnight."""
    return [(found["timestamp"] - MIDNIGHT) // SPAN_MS for found in evaluated(documents, **parameters)["buckets"]]


HOUR = [bucket(quarter) for quarter in range(4)]


# Matching buckets


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param(None, None, [0, 1, 2, 3], id="1.2 each bound is optional"),
        pytest.param(1, None, [1, 2, 3], id="1.1 a bucket at the start is in"),
        pytest.param(None, 3, [0, 1, 2], id="1.1 a bucket at the end is out"),
        pytest.param(1, 3, [1, 2], id="1.1 the window is half open"),
        pytest.param(2, 2, [], id="1.3 an empty window is legal"),
        pytest.param(3, 1, [], id="1.3 a reversed window is legal"),
    ],
)
def test_window_is_half_open(start: int | None, end: int | None, expected: list[int]) -> None:
    """1.1 to 1.3: ``timestamp >= start`` and ``timestamp < end``, each only if given."""
    bounds = {
        name: MIDNIGHT + quarter * SPAN_MS for name, quarter in (("start", start), ("end", end)) if quarter is not None
    }
    assert quarters(HOUR, **bounds) == expected


def test_minus_one_is_unset() -> None:
    """Section 20: a bound of -1 leaves its side of the window open."""
    assert quarters([bucket(0), bucket(timestamp=-5)], start=-1, end=-1, sort="timestamp")[-1] == 0
    assert evaluated([bucket(timestamp=-5)], start=-1)["count"] == 1


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        pytest.param(0.0, [0, 1, 2, 3], id="3.2 zero is not a filter"),
        pytest.param(-7.0, [0, 1, 2, 3], id="3.2 a negative one is not a filter"),
        pytest.param(math.nan, [0, 1, 2, 3], id="3.2 NaN is not a filter"),
        pytest.param(50.0, [1, 2], id="3.1 the threshold itself matches; 3.3 missing never does"),
        pytest.param(math.nextafter(50.0, 51.0), [2], id="3.1 nothing is rounded"),
        pytest.param(5e-324, [1, 2], id="3.2 the smallest positive number is a filter: 0.0 and missing are out"),
        pytest.param(100.0, [2], id="3.4 100 matches exactly 100"),
        pytest.param(101.0, [], id="3.4 no range check"),
        pytest.param(math.inf, [], id="3.4 infinity matches nothing"),
    ],
)
def test_threshold_is_inclusive(threshold: float, expected: list[int]) -> None:
    """3.1 to 3.4: a threshold above zero matches current scores at or above it."""
    scored = [
        bucket(0, initial_anomaly_score=99.0),
        bucket(1, anomaly_score=50),
        bucket(2, anomaly_score=100.0),
        bucket(3, anomaly_score=0.0),
    ]
    assert quarters(scored, anomaly_score=threshold) == expected


def test_exclude_interim_leaves_out_true_only() -> None:
    """4.2: a missing or null ``is_interim`` counts as final."""
    stored = [bucket(0), bucket(1, is_interim=None), bucket(2, is_interim=False), bucket(3, is_interim=True)]
    assert quarters(stored) == [0, 1, 2, 3]
    assert quarters(stored, exclude_interim=True) == [0, 1, 2]


def test_only_buckets_of_the_job_count() -> None:
    """9.5 and 11: documents of other result types and other jobs are ignored."""
    others = [
        bucket(job_id="web-2"),
        bucket(result_type="bucket_influencer"),
        {"result_type": "model_size_stats"},
        {"quantiles": 1},
    ]
    assert evaluated(others) == {"count": 0, "buckets": []}


def test_last_of_an_identity_wins() -> None:
    """12.1: job, timestamp and span identify a bucket. A timestamp may be text or a number of the same instant."""
    stored = [
        bucket(anomaly_score=1.0, event_count=7),
        bucket(bucket_span=300),
        bucket(timestamp="2026-01-01T00:00:00Z", anomaly_score=2.0),
    ]
    answer = evaluated(stored)
    assert [(found["bucket_span"], found["anomaly_score"]) for found in answer["buckets"]] == [(300, 0.0), (900, 2.0)]
    assert answer["buckets"][1]["event_count"] == 0
    assert answer["count"] == 2


# Lookups


def test_lookup_ignores_exclude_interim() -> None:
    """2.5: a lookup finds an interim bucket too."""
    stored = [bucket(0), bucket(1, is_interim=True), bucket(2)]
    found = evaluated(stored, timestamp=MIDNIGHT + SPAN_MS, exclude_interim=True)
    assert found["count"] == 1
    assert found["buckets"][0]["is_interim"] is True


@pytest.mark.parametrize(("desc", "span"), [(False, 300), (True, 3_600)])
def test_lookup_gives_the_first_of_all_matches(desc: bool, span: int) -> None:
    """2.7: a lookup shows one bucket, the first in the query's order, and counts all matches."""
    stored = [bucket(bucket_span=900), bucket(bucket_span=300), bucket(bucket_span=3_600)]
    answer = evaluated(stored, timestamp=MIDNIGHT, desc=desc)
    assert answer["count"] == 3
    assert [found["bucket_span"] for found in answer["buckets"]] == [span]


def test_lookup_without_a_match_is_not_found() -> None:
    """2.4: the error has status 404 and the API's words; a bucket that only contains the instant does not match."""
    with pytest.raises(NotFound, match="Could not find requested buckets") as caught:
        evaluated(HOUR, timestamp=MIDNIGHT + 1)
    assert (caught.value.status, caught.value.field, caught.value.value) == (404, "timestamp", MIDNIGHT + 1)


@pytest.mark.parametrize("parameter", ["start", "end", "timestamp"])
def test_instants_as_text_are_refused(parameter: str) -> None:
    """The reference parses no dates; the caller resolves them first."""
    with pytest.raises(TypeError, match=f"give {parameter} as int"):
        evaluated(HOUR, **{parameter: "2026-01-01"})


# Order of buckets


def test_ties_have_the_direction_of_the_query() -> None:
    """5.2 and section 20: sort field, timestamp and span are ordered in one direction."""
    stored = [
        bucket(1, anomaly_score=5.0),
        bucket(0, anomaly_score=5.0, bucket_span=3_600),
        bucket(0, anomaly_score=5),
        bucket(2, anomaly_score=7.0),
    ]

    def order(**parameters: Any) -> list[tuple[float, int, int]]:
        page = evaluated(stored, sort="anomaly_score", **parameters)["buckets"]
        return [
            (found["anomaly_score"], (found["timestamp"] - MIDNIGHT) // SPAN_MS, found["bucket_span"]) for found in page
        ]

    ascending = [(5.0, 0, 900), (5.0, 0, 3_600), (5.0, 1, 900), (7.0, 2, 900)]
    assert order() == ascending
    assert order(desc=True) == ascending[::-1]


@pytest.mark.parametrize(
    ("sort", "values", "ascending", "descending"),
    [
        pytest.param("anomaly_score", [None, 1.0, 0.0, None], [2, 1, 0, 3], [1, 2, 3, 0], id="5.4 missing is last"),
        pytest.param("anomaly_score", [0.0, -0.0, 5e-324, -1], [3, 0, 1, 2], [2, 1, 0, 3], id="both zeros are equal"),
        pytest.param("anomaly_score", [2**53 + 1, 2**53, 0, 1], [2, 3, 0, 1], [1, 0, 3, 2], id="scores are doubles"),
        pytest.param("initial_anomaly_score", [3, 1, 2, 0], [3, 1, 2, 0], [0, 2, 1, 3], id="5.5 the initial score"),
        pytest.param(
            "event_count",
            [2**63 - 1, 2**63 - 2, None, 5],
            [3, 1, 0, 2],
            [0, 1, 3, 2],
            id="9.1 counts are whole numbers",
        ),
        pytest.param("is_interim", [True, False, None, True], [1, 0, 3, 2], [3, 0, 1, 2], id="5.5 false before true"),
        pytest.param("processing_time_ms", [1, 0, None, None], [1, 0, 2, 3], [0, 1, 3, 2], id="5.5 processing time"),
        pytest.param(
            "scheduled_events",
            [["b", "x"], ["a", "y"], [], ["Z"]],
            [3, 1, 0, 2],
            [1, 0, 3, 2],
            id="5.5 smallest ascending, largest descending, upper case first; an empty list is missing",
        ),
        pytest.param(
            "scheduled_events",
            [["\U00010000"], ["\uffff"], None, [""]],
            [3, 1, 0, 2],
            [0, 1, 3, 2],
            id="section 20: text by UTF-8 bytes, not by UTF-16",
        ),
        pytest.param(
            "probability", [0.9, 0.1, 0.5, 0.2], [0, 1, 2, 3], [3, 2, 1, 0], id="5.5 not a field of buckets: time order"
        ),
        pytest.param("event.ingested", [3, 1, 2, 0], [0, 1, 2, 3], [3, 2, 1, 0], id="20.event a dotted key is none"),
    ],
)
def test_buckets_are_ordered_by_each_field_of_the_mapping(
    sort: str, values: list[object], ascending: list[int], descending: list[int]
) -> None:
    """5.4 and 5.5: each field is ordered by its own type. Missing values are last in both directions."""
    stored = [bucket(quarter, **{sort: value}) for quarter, value in enumerate(values)]
    assert quarters(stored, sort=sort) == ascending
    assert quarters(stored, sort=sort, desc=True) == descending


@pytest.mark.parametrize("sort", ["timestamp", "@timestamp", "job_id", "result_type", "function"])
def test_equal_values_are_in_time_order(sort: str) -> None:
    """5.5: if all buckets have the same value in the sort field, the timestamp orders them."""
    stored = [bucket(2), bucket(0), bucket(1)]
    assert quarters(stored, sort=sort) == [0, 1, 2]
    assert quarters(stored, sort=sort, desc=True) == [2, 1, 0]


def test_spans_are_ordered_as_numbers() -> None:
    """5.5: ``bucket_span`` is ordered as a number; ties are in time order."""
    stored = [bucket(0, bucket_span=3_600), bucket(1, bucket_span=900), bucket(2, bucket_span=900)]
    assert quarters(stored, sort="bucket_span") == [1, 2, 0]


# Pages
@pytest.mark.parametrize(
    ("from_", "size", "expected"),
    [
        pytest.param(0, 100, [0, 1, 2, 3], id="6.1 the defaults"),
        pytest.param(1, 2, [1, 2], id="skip from, show size"),
        pytest.param(3, 2, [3], id="the last page may be short"),
        pytest.param(0, 0, [], id="6.3 size 0 is legal"),
        pytest.param(4, 100, [], id="6.3 past the end is legal"),
        pytest.param(10**30, 100, [], id="section 20: from is unlimited"),
    ],
)
def test_page_is_cut_after_the_count(from_: int, size: int, expected: list[int]) -> None:
    """6.1, 6.3 and 7: the page is a slice of the matches; the count is the number of all matches."""
    assert quarters(HOUR, from_=from_, size=size) == expected
    assert evaluated(HOUR, from_=from_, size=size)["count"] == 4


def test_default_page_holds_a_hundred() -> None:
    """6.1 and 7: of 101 matches the default page shows 100, and the count is 101."""
    answer = evaluated([bucket(quarter) for quarter in range(101)])
    assert (answer["count"], len(answer["buckets"])) == (101, 100)


# Matching records and influencers


def record(quarter: int = 0, **fields: Any) -> dict[str, Any]:
    """A stored record of the job "web", ``quarter`` quarters of an hour past midnight."""
    return bucket(quarter, **{"result_type": "record", **fields})


def influencer(quarter: int = 0, **fields: Any) -> dict[str, Any]:
    """A stored influencer of the job "web", ``quarter`` quarters of an hour past midnight."""
    return bucket(quarter, **{"result_type": "influencer", **fields})


def records(documents: list[dict[str, Any]], name: str, **parameters: Any) -> list[Any]:
    """One key of each record on the page; None if the record does not show it."""
    return [shown.get(name) for shown in evaluate(documents, RecordQuery(jobs="web", **parameters))["records"]]


def influencers(documents: list[dict[str, Any]], name: str, **parameters: Any) -> list[Any]:
    """One key of each influencer on the page; None if the influencer does not show it."""
    return [shown.get(name) for shown in evaluate(documents, InfluencerQuery(jobs="web", **parameters))["influencers"]]


#: The two kinds: a function that makes documents, one that reads pages, and the name of the score.
KINDS = pytest.mark.parametrize(
    ("make", "values_on_page", "score"),
    [
        pytest.param(record, records, "record_score", id="records"),
        pytest.param(influencer, influencers, "influencer_score", id="influencers"),
    ],
)


def test_answers_list_results_under_their_kind() -> None:
    """15.1 to 15.3: an answer has the count, then the results under the kind's name; it may be empty."""
    assert repr(evaluate([bucket()], RecordQuery(jobs="web"))) == "{'count': 0, 'records': []}"
    assert repr(evaluate([bucket()], InfluencerQuery(jobs="web"))) == "{'count': 0, 'influencers': []}"
    everything = [bucket(), record(), record(job_id="web-2"), influencer(), influencer(1), {"quantiles": 1}]
    assert evaluate(everything, BucketQuery(jobs="web"))["count"] == 1
    assert evaluate(everything, RecordQuery(jobs="web"))["count"] == 1
    assert evaluate(everything, InfluencerQuery(jobs="web"))["count"] == 2


@KINDS
def test_every_kind_has_a_window_and_exclude_interim(make: Any, values_on_page: Any, score: str) -> None:
    """15.1: ``start`` is included, ``end`` is excluded, and an empty window is legal."""
    stored = [make(0, **{score: 3.0}), make(1, is_interim=True, **{score: 2.0}), make(2, **{score: 1.0})]
    first, middle, last = (MIDNIGHT + quarter * SPAN_MS for quarter in range(3))
    assert values_on_page(stored, "timestamp") == [first, middle, last]
    assert values_on_page(stored, "timestamp", start=middle) == [middle, last]
    assert values_on_page(stored, "timestamp", end=last) == [first, middle]
    assert values_on_page(stored, "timestamp", start=last, end=first) == []
    assert values_on_page(stored, "timestamp", exclude_interim=True) == [first, last]


@KINDS
@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        pytest.param(0.0, [100.0, 50.0, 0.0, 0.0], id="3.2 zero is not a filter; missing is shown as 0.0"),
        pytest.param(-1.0, [100.0, 50.0, 0.0, 0.0], id="3.2 a negative one is not a filter"),
        pytest.param(math.nan, [100.0, 50.0, 0.0, 0.0], id="3.2 NaN is not a filter"),
        pytest.param(5e-324, [100.0, 50.0], id="3.3 a missing score never matches a filter"),
        pytest.param(50.0, [100.0, 50.0], id="3.1 the threshold itself matches"),
        pytest.param(math.nextafter(50.0, 51.0), [100.0], id="3.1 nothing is rounded"),
        pytest.param(101.0, [], id="3.4 no range check"),
    ],
)
def test_every_kind_has_its_threshold(
    make: Any, values_on_page: Any, score: str, threshold: float, expected: list[float]
) -> None:
    """15.1: the threshold is compared with the kind's current score only."""
    others = {f"initial_{score}": 99.0, "anomaly_score": 99.0, "probability": 99.0}
    stored = [make(0, **others), make(1, **{score: 0}), make(2, **{score: 50}), make(3, **{score: 100.0})]
    assert values_on_page(stored, score, **{score: threshold}) == expected


@KINDS
def test_every_kind_has_pages(make: Any, values_on_page: Any, score: str) -> None:
    """15.1 and 6: the default page shows the 100 highest scores in descending order."""
    stored = [make(quarter, **{score: float(quarter)}) for quarter in range(101)]
    assert values_on_page(stored, score) == [float(quarter) for quarter in range(100, 0, -1)]
    assert values_on_page(stored, score, from_=99, size=5) == [1.0, 0.0]
    assert values_on_page(stored, score, size=0) == []


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        pytest.param({}, {"detector_index": 0}, [2.0], id="an absent detector is the first"),
        pytest.param({"detector_index": None}, {"detector_index": 0.0}, [2.0], id="a null detector is the first"),
        pytest.param({}, {"timestamp": "2026-01-01T00:00:00Z"}, [2.0], id="text and number are one instant"),
        pytest.param({"by_field_value": None}, {}, [2.0], id="null is missing"),
        pytest.param({"by_field_name": "a"}, {"by_field_name": "b"}, [2.0], id="field names do not count"),
        pytest.param({"function": "mean"}, {"function": "max"}, [2.0], id="the function does not count"),
        pytest.param({}, {"by_field_value": ""}, [2.0, 1.0], id="the empty text is a value"),
        pytest.param({"by_field_value": "a"}, {"over_field_value": "a"}, [2.0, 1.0], id="by is not over"),
        pytest.param({"partition_field_value": "a"}, {"partition_field_value": "A"}, [2.0, 1.0], id="case counts"),
        pytest.param({}, {"detector_index": 1}, [2.0, 1.0], id="another detector"),
        pytest.param({}, {"bucket_span": 300}, [2.0, 1.0], id="another span"),
    ],
)
def test_last_of_a_records_identity_wins(earlier: dict[str, Any], later: dict[str, Any], expected: list[float]) -> None:
    """12.1 and section 20: job, timestamp, span, detector, and by, over and partition values are the identity."""
    stored = [record(record_score=1.0, **earlier), record(record_score=2.0, **later)]
    assert records(stored, "record_score") == expected


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        pytest.param({}, {}, [2.0], id="neither name nor value"),
        pytest.param({"influencer_field_name": "host"}, {"influencer_field_name": "host"}, [2.0], id="the same name"),
        pytest.param({}, {"influencer_field_name": "host"}, [2.0, 1.0], id="another name"),
        pytest.param({"influencer_field_value": "a"}, {"influencer_field_value": "b"}, [2.0, 1.0], id="another value"),
        pytest.param(
            {"influencer_field_value": "a"}, {"influencer_field_name": "a"}, [2.0, 1.0], id="a name is not a value"
        ),
    ],
)
def test_last_of_an_influencers_identity_wins(
    earlier: dict[str, Any], later: dict[str, Any], expected: list[float]
) -> None:
    """12.1 and section 20: job, timestamp, span, field name and field value are the identity."""
    stored = [influencer(influencer_score=1.0, **earlier), influencer(influencer_score=2.0, **later)]
    assert influencers(stored, "influencer_score") == expected


# Order of records and influencers

#: The keys that break ties of records, in order, each with a smaller and a larger value.
TIES_OF_RECORDS: list[tuple[str, Any, Any]] = [
    ("record_score", 1, 2.0),
    ("over_field_value", "B", "a"),
    ("partition_field_value", "", "a"),
    ("by_field_value", "a", "é"),
    ("field_name", "\uffff", "\U00010000"),
    ("function", "max", "mean"),
    ("timestamp", MIDNIGHT, MIDNIGHT + 1),
    ("bucket_span", 900, 3_600),
    ("detector_index", 9, 10),
]
TIES_OF_INFLUENCERS: list[tuple[str, Any, Any]] = [
    ("timestamp", MIDNIGHT, MIDNIGHT + 1),
    ("bucket_span", 900, 3_600),
    ("influencer_field_name", "B", "a"),
    ("influencer_field_value", "\uffff", "\U00010000"),
]


def opposed(ties: list[tuple[str, Any, Any]], deciding: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two sets of fields that are equal in all keys before ``deciding``.

    The first set is smaller in ``deciding``, and larger in all keys after it.
    """
    at = [name for name, _, _ in ties].index(deciding)
    small = {name: larger if place > at else smaller for place, (name, smaller, larger) in enumerate(ties)}
    large = {name: larger if place == at else smaller for place, (name, smaller, larger) in enumerate(ties)}
    return small, large


@pytest.mark.parametrize("deciding", [name for name, _, _ in TIES_OF_RECORDS])
def test_ties_of_records_are_broken_in_order(deciding: str) -> None:
    """15.2 and section 20: the first key that differs decides, and ``desc`` reverses every key."""
    small, large = (record(**fields) for fields in opposed(TIES_OF_RECORDS, deciding))
    for stored in ([small, large], [large, small]):
        assert records(stored, deciding, sort="job_id", desc=False) == [small[deciding], large[deciding]]
        assert records(stored, deciding, sort="job_id", desc=True) == [large[deciding], small[deciding]]


@pytest.mark.parametrize("deciding", [name for name, _, _ in TIES_OF_INFLUENCERS])
def test_ties_of_influencers_are_broken_in_order(deciding: str) -> None:
    """15.3 does not say how ties are broken.

    Section 20: by time, span, field name and field value, in the direction of the query.
    """
    small, large = (influencer(**fields) for fields in opposed(TIES_OF_INFLUENCERS, deciding))
    for stored in ([small, large], [large, small]):
        assert influencers(stored, deciding, desc=False) == [small[deciding], large[deciding]]
        assert influencers(stored, deciding, desc=True) == [large[deciding], small[deciding]]


@pytest.mark.parametrize(
    "name", ["record_score", "over_field_value", "partition_field_value", "by_field_value", "field_name", "function"]
)
def test_missing_ties_of_records_are_last_both_ways(name: str) -> None:
    """5.4 and 15.2: a missing value comes after every value in both directions; the empty text is a value."""
    value = 0.0 if name == "record_score" else ""
    stored = [record(0, detector_index=1), record(0, detector_index=2, **{name: value})]
    for desc in (False, True):
        assert records(stored, "detector_index", sort="job_id", desc=desc) == [2, 1]


def test_a_missing_detector_is_last_as_sort_field_and_0_as_tie() -> None:
    """5.4 and section 20: a missing ``detector_index`` is last if it leads the order, and counts as 0 in ties."""
    stored = [record(detector_index=1), record(), record(detector_index=-1)]
    assert records(stored, "detector_index", sort="detector_index", desc=False) == [-1, 1, 0]
    assert records(stored, "detector_index", sort="detector_index", desc=True) == [1, -1, 0]
    assert records(stored, "detector_index", sort="job_id", desc=False) == [-1, 0, 1]
    assert records(stored, "detector_index", sort="job_id", desc=True) == [1, 0, -1]


@pytest.mark.parametrize("kind", ["bucket", "record", "influencer"])
def test_results_are_ordered_by_the_instant_at_which_they_were_written(kind: str) -> None:
    """20.event: `event.ingested` sorts every kind; without it a result is last, and the next keys decide."""
    events: list[Any] = [{"ingested": 5}, None, {"ingested": -1}, {"ingested": "1970-01-01T00:00:00.005Z"}, {}]
    stored = [bucket(quarter, event=event) | {"result_type": kind} for quarter, event in enumerate(events)]
    query = {"bucket": BucketQuery, "record": RecordQuery, "influencer": InfluencerQuery}[kind]
    for desc, expected in ((False, [2, 0, 3, 1, 4]), (True, [3, 0, 2, 4, 1])):
        found = evaluate(stored, query(jobs="web", sort="event.ingested", desc=desc))[f"{kind}s"]
        assert [(one["timestamp"] - MIDNIGHT) // SPAN_MS for one in found] == expected


TINY = [4.8e-16, None, 1e-308, 0.0, 1e-323, 5e-324]
WORDS = ["b", "\U00010000", None, "", "B", "\uffff"]


@pytest.mark.parametrize(
    ("sort", "values", "ascending", "descending"),
    [
        pytest.param("probability", TINY, [3, 5, 4, 2, 0, 1], [0, 2, 4, 5, 3, 1], id="9.12 even the smallest doubles"),
        pytest.param("record_score", [2, 1.5, None], [1, 0, 2], [0, 1, 2], id="15.1 the score"),
        pytest.param("initial_record_score", [2, 1.5, None], [1, 0, 2], [0, 1, 2], id="the initial score"),
        pytest.param("multi_bucket_impact", [0, -5.0, None, 2], [1, 0, 3, 2], [3, 0, 1, 2], id="9.6 below zero too"),
        pytest.param("detector_index", [2**53 + 1, 2**53, 2.0], [2, 1, 0], [0, 1, 2], id="whole numbers"),
        pytest.param("bucket_span", [900, 300, 3_600], [1, 0, 2], [2, 0, 1], id="spans are numbers"),
        pytest.param("is_interim", [True, None, False], [2, 0, 1], [0, 2, 1], id="false before true"),
        pytest.param("function", WORDS, [3, 4, 0, 5, 1, 2], [1, 5, 0, 4, 3, 2], id="text by its UTF-8 bytes"),
        pytest.param("function_description", WORDS, [3, 4, 0, 5, 1, 2], [1, 5, 0, 4, 3, 2], id="description"),
        pytest.param("field_name", WORDS, [3, 4, 0, 5, 1, 2], [1, 5, 0, 4, 3, 2], id="field name"),
        pytest.param("by_field_name", ["b", None, "a"], [2, 0, 1], [0, 2, 1], id="by name"),
        pytest.param("by_field_value", ["b", None, "a"], [2, 0, 1], [0, 2, 1], id="by value"),
        pytest.param("over_field_name", ["b", None, "a"], [2, 0, 1], [0, 2, 1], id="over name"),
        pytest.param("over_field_value", ["b", None, "a"], [2, 0, 1], [0, 2, 1], id="over value"),
        pytest.param("partition_field_name", ["b", None, "a"], [2, 0, 1], [0, 2, 1], id="partition name"),
        pytest.param("partition_field_value", ["b", None, "a"], [2, 0, 1], [0, 2, 1], id="partition value"),
        pytest.param("anomaly_score", [1, 0, 2], [0, 1, 2], [2, 1, 0], id="stored, but not a field of records"),
        pytest.param("influencer_field_value", ["b", "a", "c"], [0, 1, 2], [2, 1, 0], id="a field of influencers"),
        pytest.param("scheduled_events", [["b"], ["a"], ["c"]], [0, 1, 2], [2, 1, 0], id="a list field of buckets"),
        pytest.param("@timestamp", [5, 4, 3], [0, 1, 2], [2, 1, 0], id="5.5 an alias, even if a value is stored"),
    ],
)
def test_records_are_ordered_by_their_fields(
    sort: str, values: list[object], ascending: list[int], descending: list[int]
) -> None:
    """5.4, 5.5 and section 20: each field is ordered by its own type, and missing values are last in both directions.

    A field of other kinds counts as missing in every record. The ties before the timestamp are equal.
    """
    stored = [record(quarter, **{sort: value}) for quarter, value in enumerate(values)]
    for desc, expected in ((False, ascending), (True, descending)):
        order = records(stored, "timestamp", sort=sort, desc=desc)
        assert [(timestamp - MIDNIGHT) // SPAN_MS for timestamp in order] == expected


@pytest.mark.parametrize(
    ("sort", "values", "ascending", "descending"),
    [
        pytest.param("influencer_score", [2, 1.5, None], [1, 0, 2], [0, 1, 2], id="15.3 the score"),
        pytest.param("initial_influencer_score", [2, 1.5, None], [1, 0, 2], [0, 1, 2], id="the initial score"),
        pytest.param("probability", TINY, [3, 5, 4, 2, 0, 1], [0, 2, 4, 5, 3, 1], id="9.12 even the smallest doubles"),
        pytest.param("is_interim", [True, None, False], [2, 0, 1], [0, 2, 1], id="false before true"),
        pytest.param("bucket_span", [900, 300, 3_600], [1, 0, 2], [2, 0, 1], id="spans are numbers"),
        pytest.param("influencer_field_name", WORDS, [3, 4, 0, 5, 1, 2], [1, 5, 0, 4, 3, 2], id="field name"),
        pytest.param("influencer_field_value", WORDS, [3, 4, 0, 5, 1, 2], [1, 5, 0, 4, 3, 2], id="field value"),
        pytest.param("record_score", [1, 0, 2], [0, 1, 2], [2, 1, 0], id="stored, but not a field of influencers"),
        pytest.param("timestamp", [MIDNIGHT, MIDNIGHT + 2 * SPAN_MS, -1], [2, 0, 1], [1, 0, 2], id="time"),
    ],
)
def test_influencers_are_ordered_by_their_fields(
    sort: str, values: list[object], ascending: list[int], descending: list[int]
) -> None:
    """5.4, 5.5 and section 20: each field is ordered by its own type, and missing values are last in both directions.

    A field of other kinds counts as missing in every influencer.
    """
    stored = [influencer(quarter, place=quarter, **{sort: value}) for quarter, value in enumerate(values)]
    assert influencers(stored, "place", sort=sort, desc=False) == ascending
    assert influencers(stored, "place", sort=sort, desc=True) == descending


# Records in buckets

BLAMED: dict[str, Any] = {"bucket_influencers": [{"influencer_field_name": "bucket_time"}]}


def expanded(documents: list[dict[str, Any]], **parameters: Any) -> list[list[int] | None]:
    """The detectors of each bucket's records, in order; None if a bucket shows no records."""
    shown = evaluated(documents, **{"expand": True, **parameters})["buckets"]
    return [
        [found["detector_index"] for found in bucket["records"]] if "records" in bucket else None for bucket in shown
    ]


def test_records_are_shown_only_with_expand() -> None:
    """8.1 and 8.6: a bucket without records to show has no key ``records``; the count stays the same."""
    stored = [bucket(0, **BLAMED), bucket(1, **BLAMED), record(0, detector_index=4)]
    assert expanded(stored, expand=False) == [None, None]
    assert expanded(stored) == [[4], None]
    assert evaluated(stored, expand=True)["count"] == evaluated(stored)["count"] == 2


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"bucket_influencers": [{}]}, [[4]], id="8.2 one influencer, even an empty one"),
        pytest.param({"bucket_influencers": []}, [None], id="8.2 an empty list"),
        pytest.param({"bucket_influencers": None}, [None], id="8.2 null"),
        pytest.param({}, [None], id="8.2 no list"),
        pytest.param({**BLAMED, "bucket_span": 300}, [[4]], id="8.2 spans are not compared"),
        pytest.param({**BLAMED, "timestamp": MIDNIGHT - 1}, [None], id="8.2 timestamps must be equal"),
        pytest.param({**BLAMED, "timestamp": "2026-01-01"}, [[4]], id="8.2 the same instant as text"),
    ],
)
def test_only_blamed_buckets_show_records(fields: dict[str, Any], expected: list[list[int] | None]) -> None:
    """8.2: a bucket with bucket influencers shows the records with its timestamp; another bucket shows none."""
    assert expanded([record(detector_index=4), bucket(**fields)]) == expected


def test_records_of_other_jobs_and_kinds_are_not_shown() -> None:
    """8.2: a bucket shows records of its own job only, and no other results of its instant."""
    others = [record(job_id="web-2"), influencer(), bucket(result_type="bucket_influencer"), {"result_type": "plot"}]
    assert expanded([bucket(**BLAMED), *others]) == [None]


def test_every_bucket_of_an_instant_shows_its_records() -> None:
    """8.2: two buckets of different spans at one instant both show each record once, as written last."""
    twice = [record(detector_index=4, record_score=1.0), record(detector_index=4, record_score=2.0)]
    assert expanded([bucket(**BLAMED), bucket(bucket_span=300, **BLAMED), *twice]) == [[4], [4]]
    (shown, _) = evaluated([bucket(**BLAMED), bucket(bucket_span=300, **BLAMED), *twice], expand=True)["buckets"]
    assert shown["records"] == evaluate(twice, RecordQuery(jobs="web"))["records"]
    assert shown["records"][0]["record_score"] == 2.0


def test_the_threshold_does_not_filter_records() -> None:
    """8.5: ``anomaly_score`` filters buckets; a bucket shows all its records."""
    stored = [bucket(0, anomaly_score=80.0, **BLAMED), bucket(1, **BLAMED), record(0, detector_index=4), record(1)]
    assert expanded(stored, anomaly_score=75.0) == [[4]]


def test_exclude_interim_leaves_out_interim_records() -> None:
    """8.2 and 2.5: interim records are left out even in a lookup, which shows an interim bucket."""
    stored = [
        bucket(0, is_interim=True, **BLAMED),
        record(0, detector_index=4, is_interim=True),
        record(0, detector_index=5),
        bucket(1, **BLAMED),
        record(1, detector_index=6, is_interim=True),
    ]
    assert expanded(stored) == [[4, 5], [6]]
    assert expanded(stored, exclude_interim=True) == [None]
    assert expanded(stored, exclude_interim=True, timestamp=MIDNIGHT) == [[5]]
    assert expanded(stored, timestamp=MIDNIGHT) == [[4, 5]]


TIES_IN_A_BUCKET = [("probability", 5e-324, 1e-308), *(tie for tie in TIES_OF_RECORDS if tie[0] != "timestamp")]


@pytest.mark.parametrize("deciding", [name for name, _, _ in TIES_IN_A_BUCKET])
def test_records_in_a_bucket_have_an_order_of_their_own(deciding: str) -> None:
    """8.4 and section 20: every key ascends, lowest probability first; the order of the query is ignored."""
    small, large = opposed(TIES_IN_A_BUCKET, deciding)
    stored = [record(**large), record(**small), bucket(**BLAMED)]
    for parameters in ({}, {"desc": True}, {"sort": "record_score", "desc": True}):
        (shown,) = evaluated(stored, expand=True, **parameters)["buckets"]
        assert [found[deciding] for found in shown["records"]] == [small[deciding], large[deciding]]


def test_missing_values_come_last_in_a_bucket() -> None:
    """8.4: a record without a probability or score comes after the others; a missing detector counts as 0."""
    stored = [
        bucket(**BLAMED),
        record(record_score=0.0),
        record(detector_index=1, probability=1.0),
        record(detector_index=2, probability=1.0, record_score=99.0),
        record(detector_index=3),
        record(detector_index=-1),
    ]
    assert expanded(stored) == [[2, 1, 0, -1, 3]]


def many_records(number: int) -> list[dict[str, Any]]:
    """Records at one instant, each with its own detector."""
    return [record(detector_index=detector) for detector in range(number)]


@pytest.mark.repeats
def test_a_bucket_shows_the_first_ten_thousand_records() -> None:
    """8.3: the records after the first ten thousand are left out without an error."""
    (shown,) = expanded([bucket(**BLAMED), *reversed(many_records(10_001))])
    assert shown == list(range(10_000))


@pytest.mark.repeats
def test_a_page_does_not_show_more_than_a_hundred_thousand_records() -> None:
    """Section 20: the query is refused, not cut short. Records that a bucket leaves out do not count."""
    spans = [bucket(bucket_span=span, **BLAMED) for span in range(1, 12)]
    stored = [*spans, *many_records(10_001)]
    with pytest.raises(LimitExceeded, match=r"\[expand\].*100000") as caught:
        expanded(stored)
    assert (caught.value.field, caught.value.status) == ("expand", 400)
    assert caught.value.type == "illegal_argument_exception"
    assert evaluated(stored)["count"] == 11


def test_the_last_record_that_a_page_may_show_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 20: a page may show exactly the limit. Records left out of a bucket or on other pages do not count."""
    monkeypatch.setattr(reference, "_MOST_RECORDS_OF_A_BUCKET", 10)
    monkeypatch.setattr(reference, "_MOST_RECORDS_OF_A_PAGE", 100)
    stored = [*(bucket(bucket_span=span, **BLAMED) for span in range(1, 12)), *many_records(11)]
    assert expanded(stored, size=10) == [list(range(10))] * 10
    with pytest.raises(LimitExceeded, match=r"\[expand\]"):
        expanded(stored, size=11)


# Sortable fields
@pytest.mark.parametrize("query", [BucketQuery, RecordQuery, InfluencerQuery])
@pytest.mark.parametrize("sort", SORTABLE)
def test_sortable_fields_are_sortable(sort: str, query: Any) -> None:
    """Section 20: queries of every kind accept each field of the list as ``sort``."""
    assert query(jobs="web", sort=sort).sort == sort


@pytest.mark.parametrize("query", [BucketQuery, RecordQuery, InfluencerQuery])
@pytest.mark.parametrize(
    "sort", ["_doc", "_score", "description", "causes", "bucket_influencers", "bucket_influencers.probability"]
)
def test_other_fields_are_not_sortable(sort: str, query: Any) -> None:
    """5.6 and section 20: queries refuse a ``sort`` field that is not in the list."""
    assert sort not in SORTABLE
    with pytest.raises(InvalidQuery):
        query(jobs="web", sort=sort)
