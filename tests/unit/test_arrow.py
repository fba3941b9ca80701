"""Arrow tables by nanoarrow alone: columns and types, nulls, batches, memory, and what is refused.

`test_arrow_consumers.py` has the other libraries.
"""

import copy
import gc
import pickle
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import nanoarrow
import numpy as np
import pytest

from bucketquery import (
    BucketQuery,
    InvalidQuery,
    Kind,
    LimitExceeded,
    RecordQuery,
    ResultsIndex,
    SwimlaneQuery,
)
from bucketquery.answers import arrow
from bucketquery.answers.arrow_matches import ArrowBatch, ArrowMatches
from bucketquery.answers.arrow_rows import BATCH_ROWS, Part, batches_of, parts_of
from bucketquery.storage.selection import Selection
from support.arrow import COLUMNS, expected_rows, read, types_of
from support.helpers import address, ask_together, resize, rows, segment
from support.semantics_tables import QUERIES, Document, bucket, index_of, influencer, record

HOUR = 3_600_000
KINDS: tuple[Kind, ...] = ("bucket", "record", "influencer")
HALF = "a\ud800b"

#: A result of each kind with every field, and one with none.
FULL: dict[Kind, list[Document]] = {
    "bucket": [
        bucket(
            0,
            anomaly_score=1.5,
            initial_anomaly_score=2.5,
            event_count=3,
            is_interim=True,
            processing_time_ms=4,
            scheduled_events=["sale", "größer"],
            event={"ingested": 5},
            bucket_influencers=[
                {"influencer_field_name": "host", "anomaly_score": 6.5, "is_interim": True},
                {"timestamp": 7, "bucket_span": 8, "job_id": "db", "event": {"ingested": 9}},
            ],
        ),
        bucket(HOUR),
    ],
    "record": [
        record(
            0,
            detector_index=1,
            probability=0.5,
            multi_bucket_impact=-5.0,
            record_score=90.0,
            initial_record_score=80.0,
            is_interim=False,
            by_field_name="user",
            by_field_value="größer",
            partition_field_name="zone",
            partition_field_value="",
            function="mean",
            function_description="mean",
            field_name="bytes",
            over_field_name="clientip",
            over_field_value="10.0.0.1",
            event={"ingested": 5},
            actual=[1.5],
            typical=[0.5],
            airline="AAL",
        ),
        record(HOUR),
    ],
    "influencer": [
        influencer(
            0,
            "a",
            influencer_score=1.5,
            initial_influencer_score=2.5,
            probability=0.5,
            is_interim=True,
            event={"ingested": 5},
            host="a",
        ),
        influencer(HOUR),
    ],
}


def buckets(hours: Iterable[int], **fields: Any) -> list[Document]:
    """A bucket for each hour."""
    return [bucket(hour * HOUR, **fields) for hour in hours]


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_a_column(kind: Kind) -> None:
    """A full result and an empty one leave with their types, values and nulls, from a page and as matches."""
    index = index_of(FULL[kind])
    query = QUERIES[kind](jobs="web")
    expected = expected_rows(FULL[kind], query)
    assert any(None in row.values() for row in expected)
    for exporter in (index.arrow(query), index.search(query), index.snapshot().arrow(query)):
        found = read(exporter)
        assert found.types == COLUMNS[kind]
        assert found.rows == expected
        assert types_of(exporter) == COLUMNS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_without_documents_has_no_display_fields(kind: Kind) -> None:
    """If the host keeps the documents, the columns that only they have are left out; `arrow` works all the same."""
    index = index_of(FULL[kind], keep_documents=False)
    query = BucketQuery(jobs="web", expand=True) if kind == "bucket" else QUERIES[kind](jobs="web")
    left_out = {"bucket_influencers", "extra_fields"}
    expected = [
        {name: value for name, value in row.items() if name not in left_out} for row in expected_rows(FULL[kind], query)
    ]
    assert read(index.arrow(query)).rows == expected
    assert [*types_of(index.search(QUERIES[kind](jobs="web")))] == [*expected[0]]


def test_expanded_records_are_left_out() -> None:
    """A page with `expand` has the table of the page without it."""
    index = index_of([*FULL["bucket"], *FULL["record"]])
    page = index.search(BucketQuery(jobs="web", expand=True))
    assert page[0].records
    assert read(page) == read(index.search(BucketQuery(jobs="web")))
    assert read(index.arrow(BucketQuery(jobs="web", expand=True))) == read(page)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("together", [False, True])
def test_results_of_many_jobs(kind: Kind, together: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of many jobs keep their nulls and lists, in every order, from a page and as matches."""
    resize(monkeypatch, small_job_rows=3)
    documents = [{**each, "job_id": f"job-{job}"} for job in range(40) for each in FULL[kind]]
    documents += [{**FULL[kind][0], "job_id": "job-7", "timestamp": hour} for hour in range(1, 600)]
    index = index_of(documents)
    if together:
        ask_together(index)
    for sort in ("timestamp", "job_id", "is_interim"):
        for desc in (False, True):
            query = QUERIES[kind](jobs="job-*", sort=sort, desc=desc)
            expected = expected_rows(documents, query)
            assert read(index.arrow(query)).rows == expected, (sort, desc)
            assert read(index.search(query.replace(size=300))).rows == expected[:300], (sort, desc)
            page = index.search(query.replace(size=300))
            assert read(pickle.loads(pickle.dumps(page))).rows == expected[:300], (sort, desc)


def test_small_parts_leave_in_one_batch() -> None:
    """The buckets of many small jobs, job by job, are one batch."""
    documents = [bucket(hour * HOUR, job_id=f"job-{job:03}") for job in range(200) for hour in range(3)]
    index = index_of(documents)
    assert read(index.arrow(BucketQuery(jobs="_all", sort="job_id"))).lengths == [600]


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([], []),
        ([0, 0], []),
        ([3], [[3]]),
        ([3, 3, 3, 3], [[3, 3, 3], [3]]),
        ([3, 5, 3, 0, 2], [[3], [5], [3, 2]]),
        ([10, 10, 1], [[10], [10], [1]]),
    ],
)
def test_parts_become_batches(lengths: list[int], expected: list[list[int]]) -> None:
    """Small parts side by side are joined up to the largest size. A large part is alone; an empty one is left out."""
    held = Selection.of(segment(rows(0, 10)))
    parts = [Part(held[:length], "web") for length in lengths]
    found = batches_of(parts, most=10, small=4)
    assert [[len(part.rows) for part in batch] for batch in found] == expected


def test_a_part_has_no_more_rows_than_it_may() -> None:
    """Rows side by side are cut into slices; any other rows are cut into arrays; each keeps its jobs."""
    held = segment(rows(0, 10))
    jobs = tuple(f"job-{row}" for row in range(10))
    for selection in (Selection.of(held), Selection.of(held)[np.arange(10)]):
        parts = [*parts_of(selection, jobs, most=4)]
        assert [len(part.rows) for part in parts] == [4, 4, 2]
        assert [job for part in parts for job in part.job_id] == [*jobs]
        assert [len(part.rows) for part in parts_of(selection, "web", most=10)] == [10]


def test_batches_of_at_most_65536_rows() -> None:
    """Matches come in full batches, made one by one, and each batch is a record batch and a stream."""
    index = ResultsIndex()
    count = 2 * BATCH_ROWS + 5
    times = np.arange(count) * 1_000
    index.upsert_columns({"timestamp": times, "bucket_span": 1}, job_id="web")
    matches = index.arrow(BucketQuery(jobs="web"))
    batches = [*matches.batches()]
    assert [len(batch) for batch in batches] == [BATCH_ROWS, BATCH_ROWS, 5]
    assert (len(matches), matches.count) == (count, count)
    assert isinstance(matches, ArrowMatches)
    assert all(isinstance(batch, ArrowBatch) for batch in batches)
    assert (repr(matches), repr(batches[2])) == ("<ArrowMatches: buckets at commit 1>", "<ArrowBatch: 5 buckets>")
    assert read(batches[2]).rows == read(index.get_buckets(job_id="web", desc=True, size=5)).rows[::-1]
    array = nanoarrow.c_array(batches[2])
    assert (array.length, array.schema.n_children) == (5, len(COLUMNS["bucket"]))
    assert types_of(batches[0]) == COLUMNS["bucket"]
    assert nanoarrow.ArrayStream(matches).read_all().n_chunks == 3


def test_a_batch_is_made_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """`arrow` and the first batch do not read the matches behind it."""
    index = ResultsIndex()
    index.upsert_columns({"timestamp": np.arange(3 * BATCH_ROWS), "bucket_span": 1}, job_id="web")
    read_parts: list[int] = []

    def counted(found: Any, job_id: Any) -> Iterable[Part]:
        read_parts.append(len(found))
        return parts_of(found, job_id)

    monkeypatch.setattr("bucketquery.answers.arrow_matches.parts_of", counted)
    batches = index.arrow(BucketQuery(jobs="web")).batches()
    assert read_parts == []
    next(batches)
    assert len(read_parts) == 1


@pytest.mark.parametrize("jobs", ["web", "web,db", "*"])
def test_matches_are_those_of_one_commit(jobs: str) -> None:
    """Writes after the call do not change what is read, and each read gives the same."""
    index = index_of([*buckets(range(50), anomaly_score=5), bucket(0, job_id="db")])
    matches = index.arrow(BucketQuery(jobs=jobs))
    before = read(matches)
    index.upsert(buckets(range(20, 90), anomaly_score=50))
    index.delete("web", end=10 * HOUR)
    index.delete_job("db")
    assert read(matches) == before
    assert matches.count == len(before.rows)
    assert matches.sequence == 2


def test_the_window_is_resolved_by_the_call() -> None:
    """`now` and the clock count when `arrow` is called."""
    times = [5 * HOUR]
    index = ResultsIndex(clock=lambda: times[-1])
    index.upsert(buckets(range(10)))
    query = BucketQuery(jobs="web", start="now-1h")
    matches = index.arrow(query)
    times.append(20 * HOUR)
    assert len(matches) == len(read(matches).rows) == 6
    assert len(index.arrow(query, now=9 * HOUR)) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_dictionaries(kind: Kind) -> None:
    """With `dictionaries` the job and the keywords are codes into a dictionary; nulls and values are the same."""
    index = index_of(FULL[kind])
    query = QUERIES[kind](jobs="web")
    coded = index.arrow(query, dictionaries=True)
    assert read(coded).rows == read(index.arrow(query)).rows
    kept = {"extra_fields", "scheduled_events", "bucket_influencers"}
    assert types_of(coded) == {
        name: "dictionary(int32)<string>" if of == "string" and name not in kept else of
        for name, of in COLUMNS[kind].items()
    }


def test_a_dictionary_may_have_more_texts_than_rows() -> None:
    """A page of a few rows takes along only the keywords of its rows; a larger one shares the codes of the index."""
    documents = [record(hour * HOUR, by_field_value=f"value {hour:03}", record_score=hour % 7) for hour in range(90)]
    index = index_of(documents)
    query = RecordQuery(jobs="web", record_score=6)
    (batch,) = nanoarrow.ArrayStream(index.arrow(query, dictionaries=True)).read_all().iter_chunks()
    array = nanoarrow.c_array(batch).child([*COLUMNS["record"]].index("by_field_value"))
    assert array.dictionary.length == array.length == len(expected_rows(documents, query))
    assert read(index.arrow(query, dictionaries=True)).rows == expected_rows(documents, query)


def test_numbers_side_by_side_are_not_copied() -> None:
    """The buffers of numbers lie in the arrays of the base, from the first row of the window on."""
    index = ResultsIndex()
    index.upsert_columns(
        {"timestamp": np.arange(5_000) * HOUR, "bucket_span": 3_600, "anomaly_score": np.arange(5_000) / 50},
        job_id="web",
    )
    base = index._snapshot._catalog.known("web", "job_id").tables["bucket"].base
    (batch,) = nanoarrow.ArrayStream(index.arrow(BucketQuery(jobs="web", start=7 * HOUR))).read_all().iter_chunks()
    array = nanoarrow.c_array(batch)
    for number, name in enumerate(COLUMNS["bucket"]):
        if name in {"timestamp", "bucket_span", "anomaly_score"}:
            assert array.child(number).buffers[1] == address(base.columns[name]) + 7 * 8, name
        view = array.child(number).view()
        assert all(memoryview(view.buffer(at)).readonly for at in range(view.n_buffers)), name


def test_descending_and_scattered_rows_are_copied_in_their_order() -> None:
    """Rows backwards, rows between late ones, and rows at or above a threshold come in the order of the query."""
    documents = [bucket(hour * HOUR, anomaly_score=hour % 10) for hour in range(3_000)]
    late = [bucket(hour * HOUR, bucket_span=60, anomaly_score=3) for hour in range(1_000, 1_100, 3)]
    index = index_of(documents)
    index.upsert(late)
    asked: Any
    for asked in ({"desc": True}, {}, {"anomaly_score": 7.0}, {"sort": "anomaly_score", "desc": True}):
        query = BucketQuery(jobs="web", **asked)
        assert read(index.arrow(query)).rows == expected_rows([*documents, *late], query)


def test_a_head_behind_the_base() -> None:
    """Newer results in a head come behind those of the base, ascending, and before them, descending."""
    documents = buckets(range(2_000))
    newest = buckets(range(2_000, 2_040), is_interim=True)
    index = index_of(documents)
    for each in newest:
        index.upsert([each])
    assert index._snapshot._catalog.known("web", "job_id").tables["bucket"].head.length
    for desc in (False, True):
        query = BucketQuery(jobs="web", desc=desc, start=1_990 * HOUR)
        expected = expected_rows([*documents, *newest], query)
        assert read(index.arrow(query)).rows == expected
        assert read(index.search(query)).rows == expected[:100]


def test_keywords_of_base_and_head() -> None:
    """Keywords of a base and of a head, of which either has some of its own, are codes of one dictionary."""
    documents = [record(hour * HOUR, by_field_value=f"b{hour % 5}", record_score=hour) for hour in range(3_000)]
    for values in ("abc", "b1", "zz"):
        late = [record(hour * HOUR, bucket_span=60, by_field_value=values, record_score=hour) for hour in range(9)]
        index = index_of(documents)
        index.upsert(late)
        table = index._snapshot._catalog.known("web", "job_id").tables["record"]
        assert table.head.length
        query = RecordQuery(jobs="web", end=20 * HOUR)
        for dictionaries in (False, True):
            found = read(index.arrow(query, dictionaries=dictionaries))
            assert found.rows == expected_rows([*documents, *late], query)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_a_table_without_rows(kind: Kind) -> None:
    """An empty page and a query without matches have their columns, and no batch."""
    index = index_of(FULL[kind])
    page = index.search(QUERIES[kind](jobs="web", size=0))
    matches = index.arrow(QUERIES[kind](jobs="web", start=10**12))
    for exporter in (page, matches, index_of([]).arrow(QUERIES[kind](jobs="_all"))):
        assert read(exporter) == (COLUMNS[kind], [], [])
    assert [*matches.batches()] == []
    assert len(matches) == 0


def test_half_of_a_surrogate_pair_leaves_as_a_replacement() -> None:
    """Text that UTF-8 does not have is replaced, in keywords, dictionaries and lists."""
    index = index_of([record(0, by_field_value=HALF), bucket(0, scheduled_events=[HALF, "\U0001f4c8"])])
    replaced = HALF.replace("\ud800", "\ufffd")
    for dictionaries in (False, True):
        found = read(index.arrow(RecordQuery(jobs="web"), dictionaries=dictionaries)).rows[0]
        assert found["by_field_value"] == replaced
    assert read(index.get_buckets(job_id="web")).rows[0]["scheduled_events"] == [replaced, "\U0001f4c8"]


def test_too_much_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The texts of one column of a batch have a limit, since Arrow counts their bytes in 32 bits."""
    index = index_of([record(hour, by_field_value="1234") for hour in range(3)])
    monkeypatch.setattr(arrow, "MOST_TEXT", 12)
    assert len(read(index.arrow(RecordQuery(jobs="web"))).rows) == 3
    monkeypatch.setattr(arrow, "MOST_TEXT", 11)
    with pytest.raises(LimitExceeded, match="at most 11 bytes"):
        index.arrow(RecordQuery(jobs="web")).__arrow_c_stream__()


def test_overall_buckets_are_a_table() -> None:
    """Overall buckets have their jobs as lists of structs; a pickle has the same."""
    index = index_of(
        [bucket(hour, job_id=job, anomaly_score=hour / HOUR) for job in "ab" for hour in (0, HOUR, HOUR * 3)]
    )
    found = index.get_overall_buckets(job_id="_all", top_n=2)
    expected = [
        {name: value for name, value in shown.items() if name != "result_type"}
        for shown in found.to_dict()["overall_buckets"]
    ]
    assert len(expected[0]["jobs"]) == 2
    for exporter in (found, pickle.loads(pickle.dumps(found))):
        assert read(exporter).rows == expected
    assert types_of(found) == {
        "timestamp": "timestamp('ms', 'UTC')",
        "bucket_span": "int64",
        "overall_score": "double",
        "jobs": "list<item: struct<job_id: string, max_anomaly_score: double>>",
        "is_interim": "bool",
    }
    nothing = index.get_overall_buckets(job_id="_all", start=10**12)
    assert read(nothing).rows == []


def test_a_swimlane_is_a_table_of_its_cells() -> None:
    """A swimlane has a row for each lane and cell with results, lane by lane, and no row for an empty cell."""
    index = index_of(
        [bucket(0, anomaly_score=5), bucket(2 * HOUR, anomaly_score=7), bucket(HOUR, job_id="db", anomaly_score=90)]
    )
    swimlane = index.swimlane(SwimlaneQuery(jobs="_all", cell=3_600))
    rows_of = {"web": [(0, 5.0), (2, 7.0)], "db": [(1, 90.0)]}
    assert read(swimlane).rows == [
        {"lane": lane, "cell": hour * HOUR, "cell_end": (hour + 1) * HOUR, "score": score}
        for lane in ("db", "web")
        for hour, score in rows_of[lane]
    ]
    assert types_of(swimlane) == {
        "lane": "string",
        "cell": "timestamp('ms', 'UTC')",
        "cell_end": "timestamp('ms', 'UTC')",
        "score": "double",
    }
    assert read(index.swimlane(SwimlaneQuery(jobs="web", cell=60, start=0, end=0))).rows == []


def test_top_influencers_are_a_table() -> None:
    """Top influencers have their attributes as columns."""
    index = index_of([influencer(hour, value, influencer_score=hour) for hour in range(3) for value in "abc"])
    top = index.top_influencers(jobs="web", size=2)
    assert read(top).rows == top.to_dict()["influencers"]
    assert types_of(top) == {
        "influencer_field_name": "string",
        "influencer_field_value": "string",
        "max_influencer_score": "double",
        "sum_influencer_score": "double",
        "count": "int64",
    }
    assert read(index_of([]).top_influencers(jobs="web")).rows == []


def test_the_exporter_may_be_dropped_first() -> None:
    """A stream keeps the memory below it when its page and its index are gone."""

    def streams() -> list[Any]:
        index = index_of([bucket(hour, anomaly_score=hour) for hour in range(2_000)])
        page = index.get_buckets(job_id="web", size=2_000)
        return [nanoarrow.ArrayStream(each) for each in (page, index.arrow(BucketQuery(jobs="web")))]

    kept = streams()
    gc.collect()
    filled = [np.full(2_000, 7) for _ in range(100)]
    for stream in kept:
        scores = [row["anomaly_score"] for row in stream.read_all().to_pylist()]
        assert scores == [*map(float, range(2_000))]
    assert len(filled) == 100


def test_many_threads_export_at_once() -> None:
    """One page and one value of `arrow` serve any number of threads."""
    documents = [bucket(hour * HOUR, anomaly_score=hour % 50) for hour in range(1_500)]
    index = index_of(documents)
    matches, page = index.arrow(BucketQuery(jobs="web")), index.get_buckets(job_id="web", size=1_500)
    expected = expected_rows(documents, BucketQuery(jobs="web"))
    with ThreadPoolExecutor(8) as pool:
        assert all(found.rows == expected for found in pool.map(read, [matches, page] * 8))


@pytest.mark.parametrize("kind", KINDS)
def test_matches_and_batches_are_values(kind: Kind) -> None:
    """They cannot be changed; a copy is the value itself; they cannot be pickled, since they hold a whole commit."""
    index = index_of(FULL[kind])
    matches = index.arrow(QUERIES[kind](jobs="web"))
    for value in (matches, next(matches.batches())):
        assert copy.copy(value) is copy.deepcopy(value) is value
        with pytest.raises(AttributeError, match="immutable"):
            value.sequence = 5
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(value)


def test_a_requested_schema_is_not_made() -> None:
    """A library may request a schema, and converts the columns itself."""
    page = index_of(FULL["bucket"]).get_buckets(job_id="web")
    wanted = nanoarrow.c_schema(nanoarrow.struct({"timestamp": nanoarrow.string()})).__arrow_c_schema__()
    assert nanoarrow.c_array_stream(page, None).get_schema().n_children == len(COLUMNS["bucket"])
    stream = page.__arrow_c_stream__(requested_schema=wanted)
    assert nanoarrow.c_array_stream(stream).get_schema().n_children == len(COLUMNS["bucket"])


def test_without_nanoarrow_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """`arrow` raises at the call, a page when it is read, and everything else works."""
    index = index_of([*FULL["bucket"], *FULL["influencer"]])
    page = index.get_buckets(job_id="web")
    monkeypatch.setitem(sys.modules, "nanoarrow", None)
    arrow._schema_of.cache_clear()
    calls: list[Callable[[], object]] = [
        lambda: index.arrow(BucketQuery(jobs="web")),
        lambda: index.arrow(BucketQuery(jobs="_all")),
        page.__arrow_c_stream__,
        page.__arrow_c_schema__,
        index.get_overall_buckets(job_id="web").__arrow_c_stream__,
        index.swimlane(SwimlaneQuery(jobs="web", cell=60, start=0, end=60_000)).__arrow_c_schema__,
        index.top_influencers(jobs="web").__arrow_c_stream__,
    ]
    for call in calls:
        with pytest.raises(ImportError, match=r"pip install 'bucketquery\[arrow\]'") as caught:
            call()
        assert caught.value.name == "nanoarrow"
    assert page.to_dict()["count"] == 2


@pytest.mark.parametrize("given", [1, "true", None])
def test_dictionaries_must_be_a_boolean(given: Any) -> None:
    """No other value is taken for true or false."""
    with pytest.raises(InvalidQuery) as caught:
        index_of([]).arrow(BucketQuery(jobs="web"), dictionaries=given)
    assert caught.value.field == "dictionaries"
