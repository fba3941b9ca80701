"""Documents to checked columns: chunks of 1,024 are checked by column or value by value, with the same result."""

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from bucketquery.errors import InvalidDocument
from bucketquery.ingest import documents as reading
from bucketquery.ingest.batch import Batch
from bucketquery.ingest.documents import read_display_fields, read_documents
from bucketquery.model.instants import LAST_MS
from bucketquery.model.schema import BUCKET, RECORD
from bucketquery.results.stored_influencer import StoredInfluencer
from support.helpers import JOB, SPAN_S, STEP, bucket, record, row_of, rows, segment, segments_of, stored, without

CHUNK = reading._CHUNK
INT64_MAX = 2**63 - 1


class Hashless(str):
    """Text that no dict can have as a key."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment] # the fault


class HashlessKeys(Mapping[str, Any]):
    """A mapping with keys that have no hash."""

    def __init__(self, pairs: Mapping[str, Any]) -> None:
        self.pairs = pairs

    def __getitem__(self, key: str) -> Any:
        return self.pairs[str(key)]

    def __iter__(self) -> Iterator[str]:
        return map(Hashless, self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)


def refusal(documents: Any, kind: Any = None) -> InvalidDocument:
    """The error that these documents raise."""
    with pytest.raises(InvalidDocument) as caught:
        read_documents(documents, kind)
    assert caught.value.reason.startswith(("failed to parse [", "[documents]"))
    return caught.value


def shape(batch: Batch) -> dict[str, int]:
    """The number of buckets of each job in a batch."""
    return {job_id: found.length for job_id, found in segments_of(batch).get("bucket", {}).items()}


def every_row(batch: Batch) -> dict[tuple[str, str], Any]:
    """The rows of each kind and job in a batch."""
    segments = segments_of(batch)
    return {(kind, job_id): stored(found) for kind, jobs in segments.items() for job_id, found in jobs.items()}


def test_documents_become_columns_by_job() -> None:
    """The rows of each job are in identity order. If two documents have one identity, the last is stored."""
    documents = [
        bucket(2, anomaly_score=1.0),
        bucket(0, job_id="db"),
        bucket(1, bucket_span=600, event_count=7),
        bucket(1),
        bucket(2, anomaly_score=2.0, scheduled_events=["a"]),
    ]
    found = read_documents(documents, None)
    assert shape(found) == {JOB: 3, "db": 1}
    assert found.skipped == {}
    web = segments_of(found)["bucket"][JOB]
    web.check()
    assert web.column("timestamp").tolist() == [STEP, STEP, 2 * STEP]
    assert web.column("bucket_span").tolist() == [SPAN_S, 600, SPAN_S]
    assert row_of(web, 2) == (2 * STEP, SPAN_S, 2.0, None, None, None, None, (), ("a",), ())
    assert [web.column(field.name).dtype for field in BUCKET.columns] == [field.type.dtype for field in BUCKET.columns]


def test_a_missing_value_differs_from_a_given_one() -> None:
    """A missing score is NaN; any other column has a mask, but only if one of its values is missing."""
    found = segment([bucket(0, anomaly_score=0.0, event_count=0), bucket(1, event_count=None)])
    assert np.isnan(found.column("anomaly_score")).tolist() == [False, True]
    assert {name: mask.tolist() for name, mask in found.present.items()} == {
        "event_count": [True, False],
        "is_interim": [False, False],
        "processing_time_ms": [False, False],
    }
    full = segment([bucket(0, event_count=0, is_interim=False, processing_time_ms=0)])
    assert full.present == {}
    assert full.lists == {}


def test_each_job_has_its_own_masks() -> None:
    """If a value is missing in the documents of one job, only that job gets a mask."""
    found = segments_of(read_documents([bucket(0, event_count=1), bucket(0, job_id="db")], "bucket"))["bucket"]
    assert "event_count" not in found[JOB].present
    assert "event_count" in found["db"].present


def test_documents_are_not_modified() -> None:
    """Dicts stay as they were; read-only mappings and a read-only search hit can be read."""
    inner = {"influencer_field_name": "host"}
    documents = [bucket(row, bucket_influencers=[inner], scheduled_events=["a"]) for row in range(3)]
    hit = MappingProxyType({"_id": "x", "_source": MappingProxyType(bucket(3))})
    before = repr(documents)
    assert shape(read_documents([*map(MappingProxyType, documents), hit], None)) == {JOB: 4}
    read_documents(documents, None)
    assert repr(documents) == before


def test_documents_may_come_from_a_generator() -> None:
    """Each document is read once, even if the documents fill several chunks. A list of them gives the same batch."""
    read = []

    def generate() -> Iterator[dict[str, Any]]:
        for row in range(2 * CHUNK + 5):
            read.append(row)
            yield bucket(row, event_count=row if row % 3 else None, scheduled_events=["x"] * (row % 2))

    found = segments_of(read_documents(generate(), "bucket"))["bucket"][JOB]
    found.check()
    assert read == [*range(2 * CHUNK + 5)]
    listed = segment(
        [bucket(row, event_count=row if row % 3 else None, scheduled_events=["x"] * (row % 2)) for row in read]
    )
    assert stored(found) == stored(listed)


def test_a_mask_may_begin_in_a_later_chunk() -> None:
    """The first chunk has every value of a column, and the second lacks one."""
    found = segment([*rows(0, CHUNK, event_count=1, is_interim=True), bucket(CHUNK)])
    assert found.mask("event_count").tolist() == [True] * CHUNK + [False]
    assert found.mask("is_interim").sum() == CHUNK


def test_lists_follow_their_rows() -> None:
    """Sorting, dropping repeated identities and splitting by job keep each list with its row, across chunks."""
    documents = [
        bucket(row, job_id=("a", "b")[row % 2], scheduled_events=[str(row)] if row % 3 else None)
        for row in range(CHUNK + 50)
    ]
    documents += [{**document, "scheduled_events": []} for document in documents[7:9]]
    found = segments_of(read_documents(documents[::-1] + documents, "bucket"))["bucket"]
    for job_id, of_job in found.items():
        of_job.check()
        for row in range(of_job.length):
            number = of_job.column("timestamp").item(row) // STEP
            expected = () if number % 3 == 0 or number in (7, 8) else (str(number),)
            assert of_job.lists_at("scheduled_events", np.array([row])) == [expected], (job_id, row)


def test_documents_of_other_types_are_counted() -> None:
    """Each is counted under its type, or under the empty name if it has no type. No documents make an empty batch."""
    documents: list[Any] = [
        {"result_type": "forecast"},
        {},
        {"result_type": None},
        {"_source": {"result_type": "forecast"}},
        {"result_type": ""},
    ]
    found = read_documents(documents, None)
    assert found.skipped == {"forecast": 2, "": 3}
    assert shape(found) == {}
    assert segments_of(read_documents([], None)) == {}


def test_a_given_kind_holds_for_every_document() -> None:
    """A document without a type has the given kind; one of another type is refused."""
    document = bucket(0)
    del document["result_type"]
    assert shape(read_documents([document], "bucket")) == {JOB: 1}
    error = refusal([bucket(0), {**bucket(1), "result_type": "record"}], "bucket")
    assert (error.field, error.value) == ("documents[1].result_type", "record")


NOT_DOCUMENTS: list[Any] = [bucket(0), "text", b"bytes", 5, None]


@pytest.mark.parametrize("documents", NOT_DOCUMENTS, ids=lambda value: type(value).__name__)
def test_documents_are_an_iterable(documents: Any) -> None:
    """A single document, text, bytes, a number and None are refused."""
    error = refusal(documents)
    assert error.field == "documents"
    assert error.value is documents


#: Bad documents, and the path of the bad field in each.
BAD: list[tuple[Any, str]] = [
    (5, ""),
    ("text", ""),
    ({"_source": 5}, "._source"),
    ({"_source": {**bucket(0), "result_type": 5}}, "._source.result_type"),
    (bucket(0, result_type=5), ".result_type"),
    ({"_source": bucket(0, event_count="5")}, "._source.event_count"),
    (bucket(0, job_id=None), ".job_id"),
    (bucket(0, job_id=5), ".job_id"),
    (bucket(0, job_id="a*"), ".job_id"),
    ({"result_type": "bucket", "bucket_span": 0}, ".job_id"),
    (bucket(0, timestamp=None, bucket_span=None), ".timestamp"),
    (bucket(0, timestamp="now"), ".timestamp"),
    (bucket(0, timestamp=LAST_MS + 1), ".timestamp"),
    (bucket(0, timestamp=2**63), ".timestamp"),
    (bucket(0, bucket_span=None), ".bucket_span"),
    (bucket(0, bucket_span=0), ".bucket_span"),
    (bucket(0, bucket_span=True), ".bucket_span"),
    (bucket(0, anomaly_score=math.nan), ".anomaly_score"),
    (bucket(0, anomaly_score=math.inf), ".anomaly_score"),
    (bucket(0, anomaly_score=2**1024), ".anomaly_score"),
    (bucket(0, anomaly_score="5", event_count="5"), ".anomaly_score"),
    (bucket(0, event_count=2**63), ".event_count"),
    (bucket(0, event_count=0.5, scheduled_events=5), ".event_count"),
    (bucket(0, is_interim=1), ".is_interim"),
    (bucket(0, bucket_influencers="text"), ".bucket_influencers"),
    (bucket(0, bucket_influencers=[{}, {"probability": True}]), ".bucket_influencers[1].probability"),
    (bucket(0, bucket_influencers=[5], processing_time_ms="5"), ".bucket_influencers[0]"),
    (bucket(0, processing_time_ms=[]), ".processing_time_ms"),
    (bucket(0, scheduled_events=["a", 5]), ".scheduled_events[1]"),
    (bucket(0, scheduled_events=5), ".scheduled_events"),
    (bucket(0, scheduled_events=[5], event=5), ".scheduled_events[0]"),
    (bucket(0, event=5), ".event"),
    (bucket(0, event="2020-01-01"), ".event"),
    (bucket(0, event=[]), ".event"),
    (bucket(0, event={"ingested": "now"}), ".event.ingested"),
    (bucket(0, event={"ingested": []}), ".event.ingested"),
    (bucket(0, event={"ingested": LAST_MS + 1}), ".event.ingested"),
    (bucket(0, bucket_influencers=[{"event": {"ingested": 0.5}}]), ".bucket_influencers[0].event.ingested"),
    (record(0, event={"ingested": True}, causes=5), ".event.ingested"),
    (record(0, function=5, event={"ingested": True}), ".function"),
    (bucket(0, result_type="influencer", event={"ingested": "x"}, y={1}), ".event.ingested"),
]


@pytest.mark.parametrize(("document", "path"), BAD, ids=lambda part: repr(part)[-60:])
@pytest.mark.parametrize("before", [0, 3, CHUNK + 1])
def test_the_first_bad_field_of_the_first_bad_document_is_named(document: Any, path: str, before: int) -> None:
    """The error has the position and the path, in any chunk, even if more bad documents follow."""
    good = rows(0, before)
    for behind in ([], [bucket(0, timestamp="x")], [5], rows(0, 5)):
        assert refusal([*good, document, *behind]).field == f"documents[{before}]{path}"


def test_an_earlier_bad_document_is_named_before_a_later_non_document() -> None:
    """The order of the documents decides, not the order of the checks."""
    assert refusal([bucket(0, event_count="x"), 5]).field == "documents[0].event_count"


def test_checks_value_by_value_store_the_same() -> None:
    """One odd value causes its whole chunk to be checked value by value. The stored values stay the same."""
    simple = [
        bucket(0, anomaly_score=-0.0, is_interim=True, bucket_influencers=[{"anomaly_score": 5}]),
        bucket(1, anomaly_score=5, event_count=-3, scheduled_events=("a", "b")),
        bucket(2, anomaly_score=None, processing_time_ms=INT64_MAX, bucket_influencers=()),
    ]
    odd = bucket(3, event_count=np.int8(7), anomaly_score=np.float32(0.5), timestamp=np.int64(3 * STEP))
    usual = bucket(3, event_count=7, anomaly_score=0.5)
    assert stored(segment([*simple, odd])) == stored(segment([*simple, usual]))
    for name, values in segment([*simple, odd]).columns.items():
        assert values.dtype == segment(simple).columns[name].dtype


def test_nested_influencers_are_interim_if_their_bucket_is() -> None:
    """A nested influencer without `is_interim` has that of its bucket. A bucket without it is final."""
    for is_interim in (True, False, None):
        found = segment([bucket(0, is_interim=is_interim, bucket_influencers=[{}])])
        assert found.lists_at("bucket_influencers", slice(0, 1)) == [
            (StoredInfluencer(None, 0.0, 0.0, 0.0, 0.0, is_interim=bool(is_interim)),)
        ]


class OtherMapping(Mapping[str, Any]):
    """A document of a class that is not a dict."""

    def __getitem__(self, name: str) -> Any:
        return bucket(0)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(bucket(0))

    def __len__(self) -> int:
        return len(bucket(0))


@pytest.mark.parametrize("before", [0, CHUNK])
@pytest.mark.parametrize("job_id", [np.array(JOB), np.str_(JOB), np.array(JOB, dtype=object)])
def test_nested_influencers_take_the_job_of_their_bucket_in_any_form(job_id: Any, before: int) -> None:
    """A job in an array or of a subclass of text is the same job, so an influencer that names it stores no job."""
    nested = bucket(before, job_id=job_id, bucket_influencers=[{"job_id": JOB, "anomaly_score": 5}])
    found = segments_of(read_documents([*rows(0, before), nested], None))["bucket"][JOB]
    ((influencer,),) = found.lists_at("bucket_influencers", slice(before, before + 1))
    assert influencer == StoredInfluencer(None, 0.0, 5.0, 0.0, 0.0, is_interim=False)


def test_a_document_is_any_mapping() -> None:
    """It need not be a dict."""
    assert shape(read_documents([OtherMapping()], None)) == {JOB: 1}


# ---- several kinds


def test_each_kind_has_its_own_columns() -> None:
    """A batch may have documents of one kind or several. A document of another type is counted as skipped."""
    documents = [
        record(1, 1, record_score=5.0, actual=[1]),
        bucket(1, anomaly_score=7.0),
        {"_source": record(1, 0)},
        {**bucket(0), "result_type": "forecast"},
        bucket(0, job_id="db"),
    ]
    for given in (documents, iter(documents)):
        found = read_documents(given, None)
        assert {kind: {*of_kind} for kind, of_kind in segments_of(found).items()} == {
            "bucket": {JOB, "db"},
            "record": {JOB},
        }
        assert found.skipped == {"forecast": 1}
        web = segments_of(found)["record"][JOB]
        web.check()
        first, second = stored(web)
        columns = [field.name for field in RECORD.columns]
        assert (first[:3], first[columns.index("record_score")], first[-1]) == ((STEP, SPAN_S, 0), None, ())
        assert (second[:3], second[columns.index("record_score")], second[-1]) == (
            (STEP, SPAN_S, 1),
            5.0,
            '{"actual":[1.0]}',
        )
    assert segments_of(read_documents(documents[:1], None)).keys() == {"record"}
    untyped = {name: value for name, value in record(0).items() if name != "result_type"}
    assert segments_of(read_documents([untyped], "record"))["record"][JOB].schema is RECORD
    assert refusal([record(0), bucket(0)], "record").field == "documents[1].result_type"


@pytest.mark.parametrize("before", [0, 3, CHUNK - 1, CHUNK])
@pytest.mark.parametrize("between", [0, 5, CHUNK])
def test_the_first_bad_document_of_several_kinds_is_named(before: int, between: int) -> None:
    """The error names it in any kind and in any chunk, even if more bad documents follow."""
    good = [(bucket, record)[row % 2](row) for row in range(before + between)]
    bad = [(bucket(0, anomaly_score="5"), ".anomaly_score"), ({"_source": record(0, "x")}, "._source.detector_index")]
    for (first, path), (second, _) in (bad, bad[::-1]):
        documents = [*good[:before], first, *good[before:], second]
        for given in (documents, [*documents, 5], iter(documents)):
            error = refusal(given)
            assert error.field == f"documents[{before}]{path}"
            assert error.__suppress_context__
    assert refusal([*good, 5, *good]).field == f"documents[{len(good)}]"


@pytest.mark.parametrize("kind", [None, "bucket"])
@pytest.mark.parametrize("count", [1, 20, CHUNK + 1])
@pytest.mark.parametrize("wrap", [list, iter])
def test_records_in_a_bucket_are_records(wrap: Any, count: int, kind: Any) -> None:
    """They are stored like records of their own, with the values of the bucket that they do not have."""
    own = record(0, record_score=5, bucket_span=60, timestamp=7, job_id="db", is_interim=False)
    lacking = {"detector_index": 1, "record_score": 6, "job_id": None}
    documents = [bucket(row, is_interim=True, records=[own, lacking]) for row in range(count)]
    batch = read_documents(wrap(documents), kind)
    assert batch.repeated == count - 1
    assert all(each["records"][1] == lacking for each in documents)
    apart = [
        *(bucket(row, is_interim=True) for row in range(count)),
        *(record(row, detector_index=1, record_score=6, is_interim=True) for row in range(count)),
        own,
    ]
    assert every_row(batch) == every_row(read_documents(apart, None))


def test_a_record_in_place_of_a_list_of_records_is_the_only_one() -> None:
    """Null and an empty list have none. Only buckets have records."""
    whole = {"_source": bucket(0, records=record(0))}
    batch = read_documents([whole, bucket(1, records=None), bucket(2, records=()), record(3, records=[{}])], None)
    assert {of: {job: found.length for job, found in jobs.items()} for of, jobs in segments_of(batch).items()} == {
        "bucket": {JOB: 3},
        "record": {JOB: 2},
    }
    assert list(segments_of(batch)["record"][JOB].lists_at("", slice(0, 2))) == [(), '{"records":[{}]}']


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (bucket(0, records=[{}, 5]), "documents[1].records[1]"),
        (bucket(0, records="x"), "documents[1].records"),
        (bucket(0, records=[{}, {"result_type": "bucket"}]), "documents[1].records[1].result_type"),
        (bucket(0, records=[{"result_type": 5}]), "documents[1].records[0].result_type"),
        (bucket(0, records=[{}, {"actual": ["x"]}]), "documents[1].records[1].actual[0]"),
        (bucket(0, records={"record_score": "x"}), "documents[1].records.record_score"),
        ({"_source": bucket(0, records=[{"job_id": "a b"}])}, "documents[1]._source.records[0].job_id"),
        (bucket(0, event_count="x", records=[{"record_score": "x"}]), "documents[1].event_count"),
        (bucket(0, event_count="x", records=[5]), "documents[1].event_count"),
    ],
)
@pytest.mark.parametrize("before", [0, CHUNK])
def test_a_bad_record_in_a_bucket_is_named(document: Any, path: str, before: int) -> None:
    """Its path leads through the bucket. Bad fields of the bucket itself come first."""
    documents = [*rows(0, before), bucket(0, records=[{}]), document, 5]
    assert refusal(documents).field == path.replace("[1]", f"[{before + 1}]", 1)


def test_an_answer_stands_for_its_documents() -> None:
    """Its key tells the kind of documents without a type. Hits are routed by their types."""
    answer = {"count": 2, "buckets": [bucket(0), without(bucket(1), "result_type")]}
    assert shape(read_documents(answer, None)) == shape(read_documents(answer, "bucket")) == {JOB: 2}
    hits = {
        "hits": {"hits": [{"_source": bucket(0)}, {"_source": {"result_type": "forecast"}}, {"_source": record(1)}]}
    }
    found = read_documents(hits, None)
    assert shape(found) == {JOB: 1}
    assert segments_of(found)["record"][JOB].length == 1
    assert found.skipped == {"forecast": 1}


@pytest.mark.parametrize(
    ("documents", "kind", "path"),
    [
        ({"buckets": [bucket(0), bucket(1, event_count="x")]}, None, "documents.buckets[1].event_count"),
        ({"records": [bucket(0)]}, None, "documents.records[0].result_type"),
        ({"records": [5]}, None, "documents.records[0]"),
        ({"records": []}, "bucket", "documents"),
        ({"hits": {"hits": [{"_source": record(0, timestamp="x")}]}}, None, "documents.hits.hits[0]._source.timestamp"),
        ({"hits": {"hits": [{"_source": record(0)}]}}, "bucket", "documents.hits.hits[0]._source.result_type"),
        ({"buckets": [bucket(0, records=[{"job_id": 5}])]}, None, "documents.buckets[0].records[0].job_id"),
        ({"buckets": [], "records": []}, None, "documents"),
    ],
)
def test_a_bad_document_in_an_answer_is_named(documents: Any, kind: Any, path: str) -> None:
    """Its path begins with the way to the list."""
    assert refusal(documents, kind).field == path


def test_repeated_documents_are_counted() -> None:
    """A document that a later one of its identity replaces counts, in small batches and in large ones."""
    few = [bucket(0), record(0), record(0), bucket(1), bucket(0), record(0)]
    assert read_documents(few, None).repeated == 3
    assert read_documents(few * 5, None).repeated == 27
    assert read_documents(rows(0, 5), None).repeated == 0


@pytest.mark.parametrize("kind", ["bucket", "record", "influencer"])
@pytest.mark.parametrize("count", [1, 20])
def test_an_event_has_an_instant(kind: Any, count: int) -> None:
    """Chunks that are checked by column and those checked value by value store the same instants, 0 too.

    An event without an instant, and a null one, store nothing. In records and influencers an event that is no object
    stores none either.
    """
    events: list[Any] = [{"ingested": 0}, {"ingested": -1, "x": {1}}, {}, {"ingested": None}, None]
    odd: list[Any] = [MappingProxyType({"ingested": "1970-01-01"}), {"ingested": 7.0}]
    if kind != "bucket":
        odd += [[5], "text"]
    for some, expected in ((events, [0, -1]), (events + odd, [0, -1, 0, 7])):
        given = [bucket(row, result_type=kind, event=event) for row, event in enumerate(some)]
        given += [bucket(row, result_type=kind) for row in range(50, 50 + count)]
        for documents in (given, iter(given)):
            found = segments_of(read_documents(documents, None))[kind][JOB]
            found.check()
            instants = found.lists["event.ingested"]
            assert instants.values.tolist() == expected
            assert instants.rows.tolist() == [0, 1, 5, 6][: len(expected)]
        nothing = read_documents(given[2:5], None)
        assert "event.ingested" not in segments_of(nothing)[kind][JOB].lists


def test_a_generator_may_change_an_event_afterwards() -> None:
    """The instant is that of the moment at which the document was given."""
    event = {"ingested": 5}

    def changing(kind: str) -> Iterator[dict[str, Any]]:
        for row in range(3):
            event["ingested"] = row
            yield bucket(row, result_type=kind, event=event)

    for kind in ("bucket", "record"):
        found = segments_of(read_documents(changing(kind), None))
        assert next(iter(found.values()))[JOB].lists["event.ingested"].values.tolist() == [0, 1, 2]


def test_a_record_in_a_bucket_may_have_keys_without_a_hash() -> None:
    """Such a key is its text, as in a record of its own."""
    plain = {"detector_index": 0, "record_score": 5, "host": "a"}
    expected = every_row(read_documents([bucket(0, records=[plain])], None))
    for documents in ([bucket(0, records=[HashlessKeys(plain)])], iter([bucket(0, records=[HashlessKeys(plain)])])):
        assert every_row(read_documents(documents, None)) == expected


def test_a_hosts_document_may_have_keys_without_a_hash() -> None:
    """Its fields are found under the text of its keys, also in a search hit."""
    plain = record(0, host="a")

    def displayed(document: Any) -> list[Any]:
        fields = read_display_fields([document], RECORD, [(JOB, 0, SPAN_S, 0, None, None, None)], [False])
        return [list(fields[name]) for name in sorted(fields)]

    assert displayed(HashlessKeys(plain)) == displayed(plain)
    assert displayed({"_source": HashlessKeys(plain)}) == displayed(plain)


class Response:
    """A client's response object with an empty body, such as that of a request with ``HEAD``."""

    def __init__(self, body: Any) -> None:
        self.body = body

    def __iter__(self) -> Iterator[Any]:
        items: Iterator[Any] = iter(self.body)
        return items


@pytest.mark.parametrize("body", [None, True, {}, {"count": 3}, {"job_id": JOB, "buckets": []}], ids=repr)
def test_a_response_without_documents_is_refused(body: object) -> None:
    """It is refused like the mapping in it, whether or not it can be iterated."""
    assert refusal(Response(body)).field == "documents"


def test_a_response_may_hold_an_answer_or_a_list() -> None:
    """Its documents are those of the answer, or the items of the list."""
    for body in ({"buckets": [bucket(0)]}, [bucket(0)]):
        assert shape(read_documents(Response(body), None)) == {JOB: 1}


def test_a_host_gives_something_iterable() -> None:
    """An array without dimensions and a response without a body are refused like a number."""
    for documents in (5, np.array(5), Response(None)):
        with pytest.raises(InvalidDocument) as caught:
            read_display_fields(documents, BUCKET, [(JOB, 0, SPAN_S)], [False])  # type: ignore[arg-type] # the fault
        assert caught.value.field == "documents"


@pytest.mark.parametrize("shift", [0, 1, CHUNK // 2, CHUNK])
def test_jobs_that_come_again_in_a_later_chunk_have_one_code(shift: int) -> None:
    """All ids of a chunk may be new, known, or either. Each job has all its results."""
    first = [bucket(0, job_id=f"job{number}") for number in range(CHUNK)]
    later = [bucket(1, job_id=f"job{number + shift}") for number in range(CHUNK)]
    found = segments_of(read_documents([*first, *later, bucket(2, job_id="job5")], None))["bucket"]
    assert len(found) == CHUNK + shift
    assert {job_id: some.length for job_id, some in found.items()} == {
        f"job{number}": (number < CHUNK) + (number >= shift) + (number == 5) for number in range(CHUNK + shift)
    }


@pytest.mark.parametrize("bad", [{"job_id": "a b"}, {"job_id": "-a"}, {"job_id": ""}, {"job_id": "a" * 256}])
def test_the_first_bad_id_of_many_new_ones_is_named(bad: dict[str, Any]) -> None:
    """Many ids are checked together, and an invalid one is then looked for."""
    documents = [bucket(0, job_id=f"job{number}") for number in range(2 * CHUNK)]
    documents[CHUNK + 7] = {**documents[0], **bad}
    with pytest.raises(InvalidDocument) as caught:
        read_documents(documents, None)
    assert caught.value.field == f"documents[{CHUNK + 7}].job_id"
