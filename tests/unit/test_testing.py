"""The reference answer, by examples worked out by hand from the rules, and what its strategies promise."""

import math
import runpy
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import SearchStrategy

from bucketquery import BucketQuery, InvalidQuery, NotFound, ResultsIndex, testing
from bucketquery.testing import SORTABLE, bucket_documents, bucket_queries, evaluate

MIDNIGHT = 1_767_225_600_000  # 2026-01-01T00:00:00Z
SPAN_MS = 900_000


def bucket(quarter: int = 0, **fields: Any) -> dict[str, Any]:
    """A stored bucket of the job "web", so many quarters of an hour past midnight."""
    return {
        "job_id": "web",
        "timestamp": MIDNIGHT + quarter * SPAN_MS,
        "bucket_span": 900,
        "result_type": "bucket",
        **fields,
    }


def ask(documents: list[dict[str, Any]], **parameters: Any) -> dict[str, Any]:
    """The reference's answer for the job "web"."""
    return evaluate(documents, BucketQuery(jobs="web", **parameters))


def quarters(documents: list[dict[str, Any]], **parameters: Any) -> list[int]:
    """The page, each bucket as its quarters of an hour past midnight."""
    return [(found["timestamp"] - MIDNIGHT) // SPAN_MS for found in ask(documents, **parameters)["buckets"]]


HOUR = [bucket(quarter) for quarter in range(4)]


# Which buckets


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
    """Section 20: -1 as a bound of a query is no bound."""
    assert quarters([bucket(0), bucket(timestamp=-5)], start=-1, end=-1, sort="timestamp")[-1] == 0
    assert ask([bucket(timestamp=-5)], start=-1)["count"] == 1


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        pytest.param(0.0, [0, 1, 2, 3], id="3.2 zero is no filter"),
        pytest.param(-7.0, [0, 1, 2, 3], id="3.2 a negative one is no filter"),
        pytest.param(math.nan, [0, 1, 2, 3], id="3.2 NaN is no filter"),
        pytest.param(50.0, [1, 2], id="3.1 the threshold itself matches; 3.3 missing never does"),
        pytest.param(math.nextafter(50.0, 51.0), [2], id="3.1 nothing is rounded"),
        pytest.param(5e-324, [1, 2], id="3.2 the smallest positive number is a filter: 0.0 and missing are out"),
        pytest.param(100.0, [2], id="3.4 100 matches exactly 100"),
        pytest.param(101.0, [], id="3.4 no range check"),
        pytest.param(math.inf, [], id="3.4 infinity matches nothing"),
    ],
)
def test_threshold_is_inclusive(threshold: float, expected: list[int]) -> None:
    """3.1 to 3.4: stored current score at least the threshold, if that is above zero."""
    scored = [
        bucket(0, initial_anomaly_score=99.0),
        bucket(1, anomaly_score=50),
        bucket(2, anomaly_score=100.0),
        bucket(3, anomaly_score=0.0),
    ]
    assert quarters(scored, anomaly_score=threshold) == expected


def test_exclude_interim_keeps_what_is_not_true() -> None:
    """4.2: missing and null count as final."""
    stored = [bucket(0), bucket(1, is_interim=None), bucket(2, is_interim=False), bucket(3, is_interim=True)]
    assert quarters(stored) == [0, 1, 2, 3]
    assert quarters(stored, exclude_interim=True) == [0, 1, 2]


def test_only_buckets_of_the_job_count() -> None:
    """9.5 and 11: other result types and other jobs are not looked at, whatever they hold."""
    others = [
        bucket(job_id="web-2"),
        bucket(result_type="bucket_influencer"),
        {"result_type": "model_size_stats"},
        {"quantiles": 1},
    ]
    assert ask(others) == {"count": 0, "buckets": []}


def test_last_of_an_identity_wins() -> None:
    """12.1: the same job, timestamp and span is one bucket, another span another; text and number are one instant."""
    stored = [
        bucket(anomaly_score=1.0, event_count=7),
        bucket(bucket_span=300),
        bucket(timestamp="2026-01-01T00:00:00Z", anomaly_score=2.0),
    ]
    answer = ask(stored)
    assert [(found["bucket_span"], found["anomaly_score"]) for found in answer["buckets"]] == [(300, 0.0), (900, 2.0)]
    assert answer["buckets"][1]["event_count"] == 0
    assert answer["count"] == 2


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2026-01-01", MIDNIGHT),
        ("2026-01-01T00:00", MIDNIGHT),
        ("2026-01-01T01:00:00.0019+01:00", MIDNIGHT + 1),
        ("1969-12-31T23:59:59.999Z", -1),
    ],
)
def test_text_timestamps_are_read(text: str, milliseconds: int) -> None:
    """9.2: a stored timestamp may be ISO text; UTC without an offset, less than a millisecond cut off."""
    assert ask([bucket(timestamp=text)])["buckets"][0]["timestamp"] == milliseconds


# One bucket


def test_lookup_heeds_nothing_but_the_instant() -> None:
    """2.5: neither interim nor score matters in a lookup."""
    stored = [bucket(0), bucket(1, is_interim=True), bucket(2)]
    found = ask(stored, timestamp=MIDNIGHT + SPAN_MS, exclude_interim=True)
    assert found["count"] == 1
    assert found["buckets"][0]["is_interim"] is True


@pytest.mark.parametrize(("desc", "span"), [(False, 300), (True, 3_600)])
def test_lookup_gives_the_first_of_all_matches(desc: bool, span: int) -> None:
    """2.7: one bucket, the first in the order asked for, and the count of all."""
    stored = [bucket(bucket_span=900), bucket(bucket_span=300), bucket(bucket_span=3_600)]
    answer = ask(stored, timestamp=MIDNIGHT, desc=desc)
    assert answer["count"] == 3
    assert [found["bucket_span"] for found in answer["buckets"]] == [span]


def test_lookup_without_a_match_is_not_found() -> None:
    """2.4: 404 and the API's words; a bucket that merely spans the instant is no match."""
    with pytest.raises(NotFound, match="Could not find requested buckets") as caught:
        ask(HOUR, timestamp=MIDNIGHT + 1)
    assert (caught.value.status, caught.value.field, caught.value.value) == (404, "timestamp", MIDNIGHT + 1)


@pytest.mark.parametrize("parameter", ["start", "end", "timestamp"])
def test_instants_as_text_are_refused(parameter: str) -> None:
    """The reference parses no dates: whoever compares engines resolves them first."""
    with pytest.raises(TypeError, match=f"give {parameter} as int"):
        ask(HOUR, **{parameter: "2026-01-01"})


# In what order


def test_ties_go_in_the_direction_asked_for() -> None:
    """5.2 and section 20: sort field, timestamp, span, all in one direction."""
    stored = [
        bucket(1, anomaly_score=5.0),
        bucket(0, anomaly_score=5.0, bucket_span=3_600),
        bucket(0, anomaly_score=5),
        bucket(2, anomaly_score=7.0),
    ]

    def order(**parameters: Any) -> list[tuple[float, int, int]]:
        page = ask(stored, sort="anomaly_score", **parameters)["buckets"]
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
        pytest.param("anomaly_score", [0.0, -0.0, 5e-324, -1], [3, 0, 1, 2], [2, 1, 0, 3], id="both zeros are one"),
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
            "probability", [0.9, 0.1, 0.5, 0.2], [0, 1, 2, 3], [3, 2, 1, 0], id="5.5 never held, so time order"
        ),
    ],
)
def test_fields_order_as_the_mapping_says(
    sort: str, values: list[object], ascending: list[int], descending: list[int]
) -> None:
    """5.4 and 5.5: each field by its own type, missing last in both directions."""
    stored = [bucket(quarter, **{sort: value}) for quarter, value in enumerate(values)]
    assert quarters(stored, sort=sort) == ascending
    assert quarters(stored, sort=sort, desc=True) == descending


@pytest.mark.parametrize("sort", ["timestamp", "@timestamp", "job_id", "result_type", "function"])
def test_what_is_equal_is_in_time_order(sort: str) -> None:
    """5.5: fields that are one for all buckets of a job leave the order to the timestamp."""
    stored = [bucket(2), bucket(0), bucket(1)]
    assert quarters(stored, sort=sort) == [0, 1, 2]
    assert quarters(stored, sort=sort, desc=True) == [2, 1, 0]


def test_spans_order_as_numbers() -> None:
    """5.5: ``bucket_span`` orders as a number, then time decides."""
    stored = [bucket(0, bucket_span=3_600), bucket(1, bucket_span=900), bucket(2, bucket_span=900)]
    assert quarters(stored, sort="bucket_span") == [1, 2, 0]


# Which page


@pytest.mark.parametrize(
    ("from_", "size", "expected"),
    [
        pytest.param(0, 100, [0, 1, 2, 3], id="6.1 the defaults"),
        pytest.param(1, 2, [1, 2], id="from is skipped, size is held"),
        pytest.param(3, 2, [3], id="the last page may be short"),
        pytest.param(0, 0, [], id="6.3 size 0 is legal"),
        pytest.param(4, 100, [], id="6.3 past the end is legal"),
        pytest.param(10**30, 100, [], id="section 20: from is unlimited"),
    ],
)
def test_page_is_cut_after_the_count(from_: int, size: int, expected: list[int]) -> None:
    """6.1, 6.3 and 7: the page is a slice, and the count that of all matches."""
    assert quarters(HOUR, from_=from_, size=size) == expected
    assert ask(HOUR, from_=from_, size=size)["count"] == 4


def test_default_page_holds_a_hundred() -> None:
    """6.1 and 7: a hundred of a hundred and one, which the count tells."""
    answer = ask([bucket(quarter) for quarter in range(101)])
    assert (answer["count"], len(answer["buckets"])) == (101, 100)


# What is shown


def test_defaults_are_shown() -> None:
    """9.1 and 9.2: keys in the API's order, defaults for what is missing or null, unknown keys dropped."""
    stored = [
        bucket(event_count=None, bucket_influencers=None, scheduled_events=[], partition_scores=[], probability=0.5)
    ]
    assert repr(ask(stored)) == repr(
        {
            "count": 1,
            "buckets": [
                {
                    "job_id": "web",
                    "timestamp": MIDNIGHT,
                    "anomaly_score": 0.0,
                    "bucket_span": 900,
                    "initial_anomaly_score": 0.0,
                    "event_count": 0,
                    "is_interim": False,
                    "bucket_influencers": [],
                    "processing_time_ms": 0,
                    "result_type": "bucket",
                }
            ],
        }
    )


def test_everything_is_shown() -> None:
    """9.1, 9.4 and section 20: doubles for scores, 0.0 for -0.0, an influencer's gaps filled from its bucket."""
    stored = bucket(
        scheduled_events=["b", "a", "b"],
        processing_time_ms=12.0,
        event_count=2**63 - 1,
        is_interim=True,
        initial_anomaly_score=-0.0,
        anomaly_score=80,
        bucket_influencers=[
            {"anomaly_score": 80, "probability": 4.8e-16, "unknown": 1},
            {"influencer_field_name": "host", "is_interim": False, "raw_anomaly_score": -0.0, "timestamp": MIDNIGHT},
        ],
    )
    influencer = {"timestamp": MIDNIGHT, "bucket_span": 900}
    assert repr(ask([stored])["buckets"][0]) == repr(
        {
            "job_id": "web",
            "timestamp": MIDNIGHT,
            "anomaly_score": 80.0,
            "bucket_span": 900,
            "initial_anomaly_score": 0.0,
            "event_count": 2**63 - 1,
            "is_interim": True,
            "bucket_influencers": [
                {
                    "job_id": "web",
                    "result_type": "bucket_influencer",
                    "initial_anomaly_score": 0.0,
                    "anomaly_score": 80.0,
                    "raw_anomaly_score": 0.0,
                    "probability": 4.8e-16,
                    **influencer,
                    "is_interim": True,
                },
                {
                    "job_id": "web",
                    "result_type": "bucket_influencer",
                    "influencer_field_name": "host",
                    "initial_anomaly_score": 0.0,
                    "anomaly_score": 0.0,
                    "raw_anomaly_score": 0.0,
                    "probability": 0.0,
                    **influencer,
                    "is_interim": False,
                },
            ],
            "processing_time_ms": 12,
            "scheduled_events": ["b", "a", "b"],
            "result_type": "bucket",
        }
    )


def test_what_is_given_stays_as_it_was() -> None:
    """The answer is new throughout; changing it does not reach the documents."""
    stored = bucket(scheduled_events=["a"], bucket_influencers=[{"anomaly_score": 1.0}])
    answer = ask([stored])["buckets"][0]
    answer["scheduled_events"].append("b")
    answer["bucket_influencers"][0]["anomaly_score"] = 2.0
    assert stored == bucket(scheduled_events=["a"], bucket_influencers=[{"anomaly_score": 1.0}])


# What the strategies promise


def test_annotations_of_the_strategies_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads annotations as a type checker does, documentation tools say, finds Hypothesis's own types there."""
    monkeypatch.setattr(typing, "TYPE_CHECKING", True)
    names = runpy.run_path(testing.__file__)
    hints = [typing.get_type_hints(names[name])["return"] for name in ("bucket_documents", "bucket_queries")]
    assert hints == [SearchStrategy[list[dict[str, Any]]], SearchStrategy[BucketQuery]]


@given(bucket_documents())
def test_drawn_documents_are_valid(documents: list[dict[str, Any]]) -> None:
    """An index takes whatever is drawn, and leaves out none."""
    commit = ResultsIndex().upsert(documents)
    assert commit.inserted + commit.replaced + commit.unchanged == len({identity(document) for document in documents})
    assert not commit.skipped


def identity(document: dict[str, Any]) -> tuple[str, int, int]:
    """What the reference shows of a single document, as far as it is the identity."""
    (shown,) = evaluate([document], BucketQuery(jobs=document["job_id"]))["buckets"]
    return shown["job_id"], shown["timestamp"], shown["bucket_span"]


@given(bucket_documents(jobs=["a", "b"], max_size=3))
def test_drawn_documents_are_of_the_jobs_named(documents: list[dict[str, Any]]) -> None:
    """Jobs and greatest number are the caller's to choose."""
    assert len(documents) <= 3
    assert {document["job_id"] for document in documents} <= {"a", "b"}


@given(bucket_queries(jobs=["a"]))
def test_drawn_queries_have_whole_instants(query: BucketQuery) -> None:
    """Every question drawn is one that the reference can answer, about the job named."""
    assert query.jobs == ("a",)
    assert not any(isinstance(instant, str) for instant in (query.start, query.end, query.timestamp))


@pytest.mark.parametrize("sort", SORTABLE)
def test_sortable_fields_are_sortable(sort: str) -> None:
    """Section 20: each field of the list is a legal ``sort``."""
    assert BucketQuery(jobs="web", sort=sort).sort == sort


@pytest.mark.parametrize(
    "sort", ["_doc", "_score", "description", "bucket_influencers", "bucket_influencers.probability"]
)
def test_other_fields_are_not_sortable(sort: str) -> None:
    """5.6 and section 20: what is not in the list is refused, so the list is complete in this respect."""
    assert sort not in SORTABLE
    with pytest.raises(InvalidQuery):
        BucketQuery(jobs="web", sort=sort)
