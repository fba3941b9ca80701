"""Documents as people have them: a dump of a shared index, an expanded answer and a newer server's answer load whole.

The expected numbers and bodies are worked out by hand from the files in `tests/data/as_people_have_them`.
"""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from bucketquery import ResultsIndex
from support.document_tables import assert_plain
from support.samples import read_answer, read_hits
from support.semantics_tables import assert_same_body

KINDS = ("bucket", "record", "influencer")
SHOP, KPI = "shop-orders", "kpi"
#: Midnight of 2020-01-01 in UTC, and three hours from then on.
H0, H1, H2, H3 = (1_577_836_800_000 + 3_600_000 * hour for hour in range(4))

#: Ways to give the dump of the shared index.
DUMPS: dict[str, Callable[[], Any]] = {
    "a list of search hits": lambda: [*read_hits()],
    "a generator of search hits": read_hits,
    "sources only": lambda: [hit["_source"] for hit in read_hits()],
    "a response of a search": lambda: {"took": 3, "hits": {"total": {"value": 19}, "hits": [*read_hits()]}},
    "the client's response": lambda: SimpleNamespace(body={"hits": {"hits": [*read_hits()]}}),
    "numbers as decimals": lambda: read_hits(parse_float=Decimal),
    "numbers as decimals, integers too": lambda: read_hits(parse_float=Decimal, parse_int=Decimal),
    "backwards": lambda: [*read_hits()][::-1],
}


@pytest.fixture(params=[*DUMPS.values()], ids=[*DUMPS])
def dump(request: pytest.FixtureRequest) -> ResultsIndex:
    """An index with the dump, given in one of `DUMPS`; the commit has the counts of the file."""
    index = ResultsIndex()
    commit = index.upsert(request.param())
    assert (commit.inserted, commit.replaced, commit.unchanged, commit.repeated) == (11, 0, 0, 0)
    assert dict(commit.skipped) == {
        "": 2,
        "bucket_influencer": 2,
        "model_plot": 1,
        "model_size_stats": 1,
        "timing_stats": 1,
        "datafeed_timing_stats": 1,
    }
    return index


def times(index: ResultsIndex, call: str, **asked: Any) -> list[int]:
    """The timestamps of a page of the job `SHOP`."""
    found: list[int] = getattr(index, call)(job_id=SHOP, **asked).column("timestamp").tolist()
    return found


def test_dump_of_a_shared_index_loads_whole(dump: ResultsIndex) -> None:
    """20.other-result-types: each kind of each job is stored, whatever the order of the file."""
    assert dump.jobs() == (KPI, SHOP)
    counts = {job: [getattr(dump, f"get_{kind}s")(job_id=job).count for kind in KINDS] for job in dump.jobs()}
    assert counts == {KPI: [1, 1, 0], SHOP: [4, 3, 2]}
    assert times(dump, "get_buckets") == [H0, H1, H2, H3]
    assert times(dump, "get_buckets", sort="anomaly_score", desc=True) == [H2, H3, H1, H0]
    assert times(dump, "get_buckets", anomaly_score=25.66) == [H2, H3]
    assert times(dump, "get_buckets", exclude_interim=True) == [H0, H1, H2]
    assert dump.get_buckets(job_id=SHOP).column("event_count").tolist() == [60, 0, 17, 42]
    # A record of another bucket span, without a bucket at its instant.
    assert dump.get_records(job_id=KPI).keys() == ((KPI, H1, 900, 0, None, None, None),)


def test_smallest_probabilities_of_a_dump_are_exact(dump: ResultsIndex) -> None:
    """Rule 9.12: exponents such as ``1.7E-4`` and subnormal numbers are the doubles that they name."""
    page = dump.get_records(job_id=SHOP, sort="probability", desc=False)
    assert page.column("probability").tolist() == [5e-324, 2.2250738585072e-310, 0.00017]
    assert page.column("record_score").tolist() == [51.0, 31.0, 78.2]
    influencers = dump.get_influencers(job_id=SHOP)
    assert influencers.column("probability").tolist() == [1.7e-32, 0.004]


def test_bodies_of_a_dump_are_the_apis(dump: ResultsIndex) -> None:
    """Rules 9.1, 9.6 and 9.11: bodies have the API's keys and types, and old and dotted keys as the rules say."""
    (bucket,) = dump.get_buckets(job_id=SHOP, timestamp=H2).to_dict()["buckets"]
    nested = {"job_id": SHOP, "result_type": "bucket_influencer"}
    there = {"timestamp": H2, "bucket_span": 3_600, "is_interim": False}
    time = {"initial_anomaly_score": 91.03562431, "anomaly_score": 82.47157, "raw_anomaly_score": 10.4}
    host = {"initial_anomaly_score": 33.77633, "anomaly_score": 0.0, "raw_anomaly_score": 0.0}
    assert_same_body(
        bucket,
        {
            "job_id": SHOP,
            "timestamp": H2,
            "anomaly_score": 82.47157,
            "bucket_span": 3_600,
            "initial_anomaly_score": 91.03562431,
            "event_count": 17,
            "is_interim": False,
            "bucket_influencers": [
                {**nested, "influencer_field_name": "bucket_time", **time, "probability": 4.8e-16, **there},
                {**nested, "influencer_field_name": "host.name", **host, "probability": 0.00017, **there},
            ],
            "processing_time_ms": 173,
            "result_type": "bucket",
        },
    )
    first, second, third = dump.get_records(job_id=SHOP).to_dict()["records"]
    assert_same_body(
        first,
        {
            "job_id": SHOP,
            "result_type": "record",
            "probability": 0.00017,
            "multi_bucket_impact": -5.0,
            "record_score": 78.2,
            "initial_record_score": 88.10954,
            "bucket_span": 3_600,
            "detector_index": 0,
            "is_interim": False,
            "timestamp": H2,
            "partition_field_name": "service.name",
            "partition_field_value": "checkout",
            "function": "low_count",
            "function_description": "count",
            "typical": [61.2],
            "actual": [17.0],
            "influencers": [
                {"influencer_field_name": "service.name", "influencer_field_values": ["checkout"]},
                {"influencer_field_name": "host.name", "influencer_field_values": ["web-1", "web-2"]},
            ],
            "service.name": ["checkout"],
            "host.name": ["web-1", "web-2"],
        },
    )
    # An older record: no impact, no influencers, no field.
    assert [*second] == [*first][:3] + [*first][4:10] + ["function", "function_description", "typical", "actual"]
    assert (second["record_score"], second["actual"], second["detector_index"]) == (51.0, [4.37], 1)
    assert [*third][-5:] == ["over_field_value", "causes", "influencers", "status", "client.ip"]
    (cause,) = third["causes"]
    assert (cause["probability"], cause["actual"], cause["client.ip"]) == (2.2250738585072e-310, [27.5], ["10.0.0.7"])
    (loud, _) = dump.get_influencers(job_id=SHOP).to_dict()["influencers"]
    assert_same_body(
        loud,
        {
            "job_id": SHOP,
            "result_type": "influencer",
            "influencer_field_name": "host.name",
            "influencer_field_value": "web-1",
            "host.name": "web-1",
            "influencer_score": 60.46,
            "initial_influencer_score": 41.01,
            "probability": 1.7e-32,
            "bucket_span": 3_600,
            "is_interim": False,
            "timestamp": H2,
        },
    )
    assert_plain([bucket, first, second, third, loud])


def test_expanded_buckets_of_a_dump_have_their_records(dump: ResultsIndex) -> None:
    """Rule 8.2: the records of a dump belong to the buckets at their instants; the least probable comes first."""
    buckets = dump.get_buckets(job_id=SHOP, expand=True).to_dict()["buckets"]
    assert [[record["record_score"] for record in shown.get("records", [])] for shown in buckets] == [
        [],
        [],
        [51.0, 78.2],
        [31.0],
    ]
    (alone,) = dump.get_buckets(job_id=KPI, expand=True).to_dict()["buckets"]
    assert "records" not in alone


def test_dump_written_twice_changes_nothing(dump: ResultsIndex) -> None:
    """20.commits: the same documents, spelled with decimals or not, are unchanged, and the others are skipped again."""
    for again in (read_hits(), read_hits(parse_float=Decimal)):
        commit = dump.upsert(again)
        assert (commit.unchanged, commit.replaced, commit.sequence, sum(commit.skipped.values())) == (11, 0, 1, 8)


# ---- answers


def spellings(name: str) -> Iterator[Any]:
    """An answer of a file as it is, with decimals, and as a client's response."""
    yield read_answer(name)
    yield read_answer(name, parse_float=Decimal)
    yield SimpleNamespace(body=read_answer(name), meta=None)


def test_expanded_answer_loads_whole() -> None:
    """20.records-in-buckets: two buckets and two records; the expanded page of them is the answer's."""
    answer = read_answer("expanded_answer")
    for given in spellings("expanded_answer"):
        index = ResultsIndex()
        commit = index.upsert(given)
        assert (commit.inserted, commit.repeated, dict(commit.skipped)) == (4, 0, {})
        assert index.get_records(job_id=SHOP).column("record_score").tolist() == [90.5, 12.0]
        page = index.get_buckets(job_id=SHOP, expand=True)
        # The answer's page was cut, so its count is greater.
        assert (page.count, answer["count"]) == (2, 3)
        body = page.to_dict()
        # As dicts, because a generated key of the answer moves behind the explanation.
        assert body["buckets"] == answer["buckets"]
        assert [[*bucket] for bucket in body["buckets"]] == [[*bucket] for bucket in answer["buckets"]]
        assert_same_body(json.loads(page.to_json()), body)
        assert index.upsert(given).unchanged == 4


def test_records_of_an_expanded_answer_have_their_keys() -> None:
    """Rules 9.6 and 9.10: generated keys come after the explanation, so a stored key moves there."""
    index = ResultsIndex()
    index.upsert(read_answer("expanded_answer"))
    first, second = index.get_records(job_id=SHOP).to_dict()["records"]
    assert [*first][-3:] == ["influencers", "anomaly_score_explanation", "service.name"]
    assert_same_body(
        first["anomaly_score_explanation"], {"anomaly_type": "dip", "anomaly_length": 1, "single_bucket_impact": 40}
    )
    assert "multi_bucket_impact" not in second
    assert "influencers" not in second


def test_answer_of_a_newer_server_loads_whole() -> None:
    """20.event: the instants of buckets and bucket influencers are stored, sorted by, and shown as the last key."""
    for given in spellings("answer_with_event"):
        index = ResultsIndex()
        assert index.upsert(given).inserted == 2
        first, second = index.get_buckets(job_id=SHOP)
        assert (first.event_ingested, second.event_ingested) == (1_772_327_103_250, 1_772_328_600_500)
        assert first.bucket_influencers[0].event_ingested == 1_772_327_103_251
        assert times(index, "get_buckets", sort="event.ingested", desc=True) == [1_772_326_800_000, 1_772_323_200_000]
        shown, live = index.get_buckets(job_id=SHOP).to_dict(human=True)["buckets"]
        assert [*shown] == [
            "job_id",
            "timestamp_string",
            "timestamp",
            "anomaly_score",
            "bucket_span",
            "initial_anomaly_score",
            "event_count",
            "is_interim",
            "bucket_influencers",
            "processing_time_ms",
            "result_type",
            "event",
        ]
        assert_same_body(shown["event"], {"ingested_string": "2026-03-01T01:05:03.250Z", "ingested": 1_772_327_103_250})
        assert_same_body(live["event"], {"ingested_string": "2026-03-01T01:30:00.500Z", "ingested": 1_772_328_600_500})
        assert (shown["timestamp_string"], live["is_interim"]) == ("2026-03-01T00:00:00.000Z", True)


def test_files_of_several_servers_load_into_one_index() -> None:
    """12.1: the answers replace and extend the dump; a bucket of the same identity is replaced by the later file."""
    index = ResultsIndex()
    index.upsert(read_hits())
    commit = index.upsert(read_answer("expanded_answer"))
    # Both buckets and both records have the identity of a stored result and other values.
    assert (commit.inserted, commit.replaced, commit.unchanged) == (0, 4, 0)
    assert index.upsert(read_answer("answer_with_event")).inserted == 2
    assert index.get_buckets(job_id=SHOP).count == 6
    assert times(index, "get_buckets", sort="event.ingested")[:2] == [1_772_323_200_000, 1_772_326_800_000]
