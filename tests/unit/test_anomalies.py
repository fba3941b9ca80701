"""Records and influencers as values and as response objects, which have the same fields."""

import copy
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from bucketquery import AnomalyRecord, Influencer, InvalidDocument, InvalidQuery, RecordPage, ResultsIndex
from bucketquery.model.frozen import FrozenMapping
from bucketquery.model.once import is_made
from support.helpers import (
    JOB,
    SPAN_S,
    STEP,
    WRITERS,
    assert_bytes_are_the_body,
    bucket,
    record,
    without_texts,
    write_by,
)

FULL: dict[str, Any] = {
    "probability": 1e-308,
    "multi_bucket_impact": -0.5,
    "record_score": 80.0,
    "initial_record_score": 70.0,
    "is_interim": True,
    "by_field_name": "host",
    "by_field_value": "b",
    "correlated_by_field_value": "c",
    "partition_field_name": "shard",
    "partition_field_value": "p",
    "function": "mean",
    "function_description": "mean",
    "typical": [1.0],
    "actual": [2.0, 3.0],
    "field_name": "rides",
    "over_field_name": "user",
    "over_field_value": "o",
    "causes": [{"probability": 0.5, "typical": [1]}],
    "influencers": [{"influencer_field_name": "host", "influencer_field_values": ["b", "z"]}],
    "geo_results": {"actual_point": "1,2"},
    "anomaly_score_explanation": {"anomaly_length": 3, "nested": [{}]},
    "zebra": [None, True],
}
EVENT = {"event": {"ingested": 0}}
BLAMED = {"influencer_field_name": "host", "influencer_field_value": "b", "influencer_score": 30.0, "x": {"y": [1]}}
DOCUMENTS = [
    record(0, 3, **FULL),
    record(1, typical=[], causes=[], influencers=[], geo_results={}),
    record(2, function="rare", host=["stored"]),
    record(3, is_interim=True, multi_bucket_impact=5),
    record(4, 1, partition_field_value=""),
]


@pytest.fixture(scope="module")
def index() -> ResultsIndex:
    """An index with records and influencers in base and head."""
    found = ResultsIndex()
    found.upsert(DOCUMENTS[:3])
    found.upsert(DOCUMENTS[3:])
    found.upsert([record(1, 7), bucket(0, result_type="influencer", **BLAMED), bucket(1, result_type="influencer")])
    return found


def test_a_record_has_every_documented_field(index: ResultsIndex) -> None:
    """Nested values are frozen."""
    found = index.get_records(job_id=JOB)[0]
    named = {name: getattr(found, name) for name in FULL if name != "zebra"}
    assert named == {
        **{name: value for name, value in FULL.items() if name != "zebra"},
        "typical": (1.0,),
        "actual": (2.0, 3.0),
        "causes": (FrozenMapping({"probability": 0.5, "typical": (1,)}),),
        "influencers": (FrozenMapping({"influencer_field_name": "host", "influencer_field_values": ("b", "z")}),),
        "geo_results": FrozenMapping({"actual_point": "1,2"}),
        "anomaly_score_explanation": FrozenMapping({"anomaly_length": 3, "nested": (FrozenMapping({}),)}),
    }
    assert found.other_fields == {"zebra": (None, True)}
    assert (found.job_id, found.timestamp, found.bucket_span, found.detector_index) == (JOB, 0, SPAN_S, 3)
    assert (found.time, found.severity, found.result_type) == (datetime(1970, 1, 1, tzinfo=UTC), "critical", "record")


def test_absent_fields_of_a_record_are_none_or_empty(index: ResultsIndex) -> None:
    """The fields that an answer always shows are 0 or False."""
    found = next(each for each in index.get_records(job_id=JOB) if each.detector_index == 7)
    optional = {field for field in FULL if "score" not in field} - {"probability", "is_interim", "zebra"}
    empty = {"typical", "actual", "causes", "influencers"}
    found_there = {name: getattr(found, name) for name in optional}
    assert found_there == {name: () if name in empty else None for name in optional}
    always = (found.probability, found.record_score, found.initial_record_score, found.is_interim)
    assert always == (0.0, 0.0, 0.0, False)
    assert found.anomaly_score_explanation is None
    assert found.other_fields == {}


def test_an_influencer_has_every_documented_field(index: ResultsIndex) -> None:
    """The name and the value of an influencer may be missing."""
    first, second = index.get_influencers(job_id=JOB)
    assert isinstance(first, Influencer)
    assert (first.influencer_field_name, first.influencer_field_value) == ("host", "b")
    assert (first.influencer_score, first.initial_influencer_score, first.probability) == (30.0, 0.0, 0.0)
    assert (first.severity, first.result_type, first.is_interim) == ("minor", "influencer", False)
    assert first.other_fields == {"x": FrozenMapping({"y": (1,)})}
    assert (second.influencer_field_name, second.influencer_field_value) == (None, None)
    assert second.time == datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
    assert list(second.to_dict())[:3] == ["job_id", "result_type", "influencer_score"]


@pytest.mark.parametrize("call", ["get_records", "get_influencers"])
def test_values_and_response_objects_have_the_same_fields(index: ResultsIndex, call: str) -> None:
    """The keys have the same order too. Pickling and copying change no field."""
    page = getattr(index, call)(job_id=JOB)
    objects = page.to_dict()[page._schema.plural]
    assert [value.to_dict() for value in page] == objects
    assert [list(value.to_dict()) for value in page] == [list(shown) for shown in objects]
    for value in page:
        for other in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
            assert other == value
            assert hash(other) == hash(value)
            assert other.to_dict() == value.to_dict()
        with pytest.raises(AttributeError):
            value.timestamp = 5
    unpickled = pickle.loads(pickle.dumps(page))
    assert unpickled.to_dict(human=True) == page.to_dict(human=True)
    assert unpickled.keys() == page.keys()
    assert list(unpickled) == list(page)


@pytest.mark.parametrize("writer", WRITERS)
def test_the_bytes_of_a_page_are_its_body_as_json(writer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This holds for records, influencers and expanded buckets. Lone surrogates are read back unchanged."""
    index = ResultsIndex()
    index.upsert([*DOCUMENTS, bucket(0, result_type="influencer", **BLAMED)])
    index.upsert([record(9, host="\ud800"), bucket(9, bucket_influencers=[{"influencer_field_name": "\udfff"}])])
    write_by(monkeypatch, writer)
    pages = (
        index.get_records(job_id=JOB),
        index.get_influencers(job_id=JOB),
        index.get_buckets(job_id=JOB, expand=True),
    )
    for page in pages:
        assert len(page) > 0
        assert_bytes_are_the_body(page)


def test_stored_empty_lists_come_back(index: ResultsIndex) -> None:
    """An empty list differs from a missing one."""
    body = next(
        each for each in index.get_records(job_id=JOB).to_dict()["records"] if "typical" in each and not each["typical"]
    )
    assert (body["causes"], body["influencers"], body["geo_results"]) == ([], [], {})


def test_human_adds_text_before_each_timestamp(index: ResultsIndex) -> None:
    """The other keys stay in order."""
    for page in (index.get_records(job_id=JOB), index.get_influencers(job_id=JOB)):
        bare, human = (page.to_dict(human=human)[page._schema.plural] for human in (False, True))
        assert repr(without_texts(human)) == repr(bare)


def test_a_data_field_may_be_named_timestamp_string() -> None:
    """With ``human``, the text of the timestamp replaces the value of the data field, and comes before the number."""
    index = ResultsIndex()
    named = {"by_field_name": "timestamp_string", "by_field_value": "x", "timestamp_string": ["y"]}
    blamed = {"influencer_field_name": "timestamp_string", "influencer_field_value": "x"}
    index.upsert([record(0, **named), bucket(0, result_type="influencer", **blamed)])
    for page in (index.get_records(job_id=JOB), index.get_influencers(job_id=JOB)):
        bare, human = (page.to_dict(human=human)[page._schema.plural][0] for human in (False, True))
        assert bare["timestamp_string"] in (["y"], "x")
        assert human["timestamp_string"] == "1970-01-01T00:00:00.000Z"
        assert list(human)[list(human).index("timestamp") - 1] == "timestamp_string"


def test_a_column_of_expanded_buckets_reads_no_records() -> None:
    """The records of an expanded page are sorted only when they are first needed."""
    index = ResultsIndex()
    index.upsert([bucket(0, bucket_influencers=[{"influencer_field_name": "a"}]), record(0)])
    page = index.get_buckets(job_id=JOB, expand=True)
    assert [each[0].influencer_field_name for each in page.column("bucket_influencers")] == ["a"]
    assert page._expansion is not None
    assert not is_made(page._expansion, "records")


def test_response_objects_are_independent(index: ResultsIndex) -> None:
    """A change of one response object does not appear in a later one."""
    page = index.get_records(job_id=JOB)
    before = repr(page.to_dict())
    for body in page.to_dict()["records"]:
        for value in body.values():
            if isinstance(value, list | dict):
                value.clear()
    assert repr(page.to_dict()) == before


def test_columns_are_read_by_name(index: ResultsIndex) -> None:
    """A number that an answer does not show is NaN. Columns of text and of nested values hold objects."""
    page = index.get_records(job_id=JOB, sort="timestamp", desc=False)
    assert page.column("timestamp").tolist() == [0, STEP, STEP, 2 * STEP, 3 * STEP, 4 * STEP]
    assert repr(page.column("multi_bucket_impact").tolist()) == "[-0.5, nan, nan, nan, 5.0, nan]"
    assert page.column("function").tolist() == ["mean", None, None, "rare", None, None]
    assert page.column("actual").tolist() == [(2.0, 3.0), (), (), (), (), ()]
    assert page.column("geo_results")[0] == {"actual_point": "1,2"}
    assert page.column("result_type").tolist() == ["record"] * 6
    for name in ("timestamp", "function", "actual"):
        with pytest.raises(ValueError, match=r"(?i)writ|read-only"):
            page.column(name)[0] = 0
    for name in ("zebra", "", "records", "anomaly_score"):
        with pytest.raises(InvalidQuery, match="must be a field of the records"):
            page.column(name)


# ---- callers that store the documents themselves


@pytest.fixture
def lean_page() -> RecordPage:
    """The records of an index that stores no documents."""
    found = ResultsIndex(keep_documents=False)
    found.upsert(DOCUMENTS)
    return found.get_records(job_id=JOB, sort="timestamp", desc=False)


def test_a_page_without_documents_has_keys_and_columns(index: ResultsIndex, lean_page: RecordPage) -> None:
    """The page has the columns that a search filters and sorts by. Values and response objects need the documents."""
    assert lean_page.keys()[0] == (JOB, 0, SPAN_S, 3, "b", "o", "p")
    assert lean_page.column("function").tolist()[0] == "mean"
    for read in (lambda: list(lean_page), lambda: lean_page[0], lambda: lean_page[1:2], lean_page.to_dict):
        with pytest.raises(InvalidQuery) as caught:
            read()
        assert caught.value.field == "documents"
    with pytest.raises(InvalidQuery) as caught:
        lean_page.column("actual")
    assert caught.value.field == "name"
    assert lean_page[5:] == ()
    assert pickle.loads(pickle.dumps(lean_page)).keys() == lean_page.keys()
    with pytest.raises(InvalidQuery):
        pickle.loads(pickle.dumps(lean_page)).to_dict()
    expected = index.get_records(job_id=JOB, sort="timestamp", desc=False).to_dict()["records"]
    found = lean_page.to_dict(documents=DOCUMENTS)["records"]
    assert found == [each for each in expected if each["detector_index"] != 7]


def test_columns_override_the_documents_of_the_caller(lean_page: RecordPage) -> None:
    """A document adds only the fields that the index does not store.

    The documents may be search hits, and may come from any iterable.
    """
    documents = [{"_source": {**document, "record_score": 99, "function": "x", "fresh": 1}} for document in DOCUMENTS]
    objects = lean_page.to_dict(documents=iter(documents))["records"]
    assert [shown["fresh"] for shown in objects] == [1] * 5
    assert objects[0]["record_score"] == 80.0
    assert [shown.get("function") for shown in objects] == ["mean", None, "rare", None, None]


@pytest.mark.parametrize(
    ("documents", "field"),
    [
        (DOCUMENTS[:4], "documents"),
        ([*DOCUMENTS, record(9)], "documents"),
        ([], "documents"),
        ([DOCUMENTS[1], DOCUMENTS[0], *DOCUMENTS[2:]], "documents[0]"),
        ([*DOCUMENTS[:4], {**DOCUMENTS[4], "partition_field_value": None}], "documents[4]"),
        ([*DOCUMENTS[:4], {**DOCUMENTS[4], "job_id": "db"}], "documents[4]"),
        ([*DOCUMENTS[:4], {**DOCUMENTS[4], "result_type": "bucket"}], "documents[4].result_type"),
        ([*DOCUMENTS[:4], {**DOCUMENTS[4], "actual": [None]}], "documents[4].actual[0]"),
        (5, "documents"),
    ],
)
def test_documents_of_other_keys_are_refused(lean_page: RecordPage, documents: Any, field: str) -> None:
    """Too few or too many documents, another order, another job or kind, and invalid documents are refused."""
    with pytest.raises(InvalidDocument) as caught:
        lean_page.to_dict(documents=documents)
    assert caught.value.field == field


def test_an_empty_page_needs_no_documents() -> None:
    """An empty page can be shown even if the index stores no documents."""
    lean = ResultsIndex(keep_documents=False)
    lean.put_job(JOB)
    page = lean.get_records(job_id=JOB)
    assert page.to_dict() == page.to_dict(documents=[]) == {"count": 0, "records": []}
    assert list(page) == []


def test_upsert_columns_stores_no_documents_either() -> None:
    """With ``keep_documents=False``, it leaves out the fields that are only shown, as `upsert` does."""
    arrays: dict[str, Any] = {
        "timestamp": [0, STEP],
        "bucket_span": 300,
        "actual": [[1.0], None],
        "function": ["a", None],
    }
    full, lean = ResultsIndex(), ResultsIndex(keep_documents=False)
    for found in (full, lean):
        found.upsert_columns(arrays, job_id=JOB, kind="record")
        assert found.get_records(job_id=JOB, sort="function").column("function").tolist() == ["a", None]
    assert full.get_records(job_id=JOB, sort="timestamp")[1].actual == (1.0,)
    assert isinstance(full.get_records(job_id=JOB)[0], AnomalyRecord)
    with pytest.raises(InvalidQuery):
        list(lean.get_records(job_id=JOB))


def test_an_event_is_the_last_key() -> None:
    """Values and response objects show it, as text too with ``human``. A data field of this name gives way to it."""
    found = ResultsIndex()
    of_event = {"by_field_name": "event", "by_field_value": "b", "x": 1}
    found.upsert([record(0, **of_event, **EVENT), record(1, **of_event)])
    found.upsert([bucket(row, result_type="influencer", **BLAMED, **(EVENT if row else {})) for row in range(2)])
    records = found.get_records(job_id=JOB, sort="timestamp", desc=False)
    pages: list[Any] = [records, found.get_influencers(job_id=JOB, desc=False)]
    for page in pages:
        (shown,) = [value for value in page.to_dict().values() if isinstance(value, list)]
        assert repr([value.to_dict() for value in page]) == repr(shown)
        assert_bytes_are_the_body(page)
        for value, body, people in zip(page, shown, [*page.to_dict(human=True).values()][1], strict=True):
            if value.event_ingested is None:
                assert body.get("event") in (None, ["b"])
            else:
                assert [*body.items()][-1] == ("event", {"ingested": 0})
                text = "1970-01-01T00:00:00.000Z"
                assert [*people["event"].items()] == [("ingested_string", text), ("ingested", 0)]
            assert "event" not in value.other_fields
    assert [[value.event_ingested for value in page] for page in pages] == [[0, None], [None, 0]]
    assert pages[1].column("event.ingested").tolist()[1:] == [0.0]


@pytest.mark.parametrize("event", [["b"], "b", 5, False, [{"ingested": 5}]], ids=repr)
def test_an_event_that_is_no_object_is_an_unknown_key(event: Any) -> None:
    """It keeps its place among the unknown keys, and there is no instant."""
    found = ResultsIndex()
    found.upsert([record(0, a=1, event=event, b=2), bucket(0, result_type="influencer", a=1, event=event, b=2)])
    pages: list[Any] = [found.get_records(job_id=JOB), found.get_influencers(job_id=JOB)]
    for page in pages:
        (value,) = page
        assert value.event_ingested is None
        assert [*value.other_fields] == ["a", "event", "b"]
        (body,) = [*page.to_dict().values()][1]
        assert [*body.items()][-3:] == [("a", 1), ("event", event), ("b", 2)]
        assert value.to_dict() == body
