"""Entity filters: the rows that lists give are those that a comparison finds, and the shortest list is read."""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, InfluencerQuery, RecordQuery, ResultsIndex
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import BUCKET, COMBINED, INFLUENCER, RECORD, Schema
from bucketquery.queries.queries import AnyQuery
from bucketquery.queries.where import read_where
from bucketquery.search import entity_filter, job_by_job
from bucketquery.search.entity_filter import EntityFilter, InstantFilter, filter_of
from bucketquery.search.label_filter import LabelFilter
from bucketquery.search.row_filter import NOT_LISTED
from bucketquery.search.shortcuts import ALL_SHORTCUTS
from bucketquery.search.threshold import Matches
from bucketquery.search.window import Window
from bucketquery.storage.segment import Segment
from support.helpers import JOB, STEP, TOGETHER, Document, bucket, record, resize, segment, table

NAMES, VALUES = ("host", "user", None), ("a", "b", "c", "d", "e", None)
ROLES = ("by", "over", "partition")
#: Filters of every form.
FILTERS: list[Mapping[str, Any]] = [
    {"by_field_value": "a"},
    {"by_field_value": ["a", "b", "c", "d", "e", "f"]},
    {"by_field_value": ["a", None]},
    {"over_field_value": None},
    {"by_field_value": []},
    {"host": "a"},
    {"host": ["a", "c"]},
    {"host": ["b", None]},
    {"host": None},
    {"host": []},
    {"nothing": "a"},
    {"function": "mean", "host": "a"},
    {"function": ["mean", "rare"], "user": ["a", "b"], "partition_field_value": "b"},
    {"detector_index": 0},
    {"detector_index": [1, 2**70, -(2**70)], "function": "rare"},
    {"detector_index": []},
    {"by_field_name": "host", "by_field_value": "a", "over_field_name": None},
]


def drawn(rng: random.Random, row: int) -> Document:
    """A record with a few names and values, each of which may be missing."""
    fields: dict[str, Any] = {"function": rng.choice(("mean", "rare", None))}
    for role in ROLES:
        fields[f"{role}_field_name"], fields[f"{role}_field_value"] = rng.choice(NAMES), rng.choice(VALUES)
    if rng.random() < 0.5:
        fields["detector_index"] = rng.choice((0, 1, 2))
    return record(row, fields.pop("detector_index", None), **fields)


def values_of(segment: Segment) -> list[dict[str, Any]]:
    """The values of each row."""
    columns = {
        field.name: segment.values(field.name, slice(0, segment.length)).tolist() for field in segment.schema.columns
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def meets(row: Mapping[str, Any], where: Mapping[str, Any], schema: Schema = RECORD) -> bool:
    """Whether a row meets a filter, by the rules."""
    for name, given in where.items():
        values = given if isinstance(given, list) else [given]
        if name in schema.by_name:
            has = [row[name]]
        else:
            roles = ROLES if schema is RECORD else ("influencer",)
            has = [row[f"{role}_field_value"] for role in roles if row[f"{role}_field_name"] == name]
            has = [value for value in has if value is not None] or [None]
        if not any(value in values for value in has):
            return False
    return True


@pytest.fixture
def with_lists(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Segments of few rows store lists, as those of many rows do."""
    resize(monkeypatch, value_index_rows=1, small_job_rows=0, rows_behind=4)
    return monkeypatch


def of(where: Mapping[str, Any], schema: Schema = RECORD) -> EntityFilter:
    """The filter of records or influencers."""
    return EntityFilter(read_where(schema, where), schema)


@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_lists_and_comparisons_find_the_same_rows(where: Mapping[str, Any], with_lists: pytest.MonkeyPatch) -> None:
    """Both find exactly the rows that meet the filter, in any range, also where lists cover only the first rows."""
    del with_lists
    rng = random.Random(str(where))
    for number in (1, 40, 200):
        first, later = [drawn(rng, row) for row in range(number)], [drawn(rng, number + row) for row in range(3)]
        grown, row_filter = segment(first, RECORD), of(where)
        for added in ([], later):
            grown = grown.append(segment(added, RECORD)) if added else grown
            expected = np.array([meets(row, where) for row in values_of(grown)], dtype=np.bool_)
            low, high = sorted((rng.randrange(grown.length + 1), rng.randrange(grown.length + 1)))
            for start, stop in ((0, grown.length), (low, high)):
                rows = expected[start:stop].nonzero()[0] + start
                assert (row_filter.passing(grown, slice(start, stop)).nonzero()[0] + start).tolist() == rows.tolist()
                every = np.arange(start, stop)
                assert every[row_filter.passing(grown, every)].tolist() == rows.tolist()
                listed = row_filter.listed(grown, start, stop, grown.length)
                assert (listed.rows is None) is (listed.column is None)
                if listed.rows is not None:
                    assert listed.rows.tolist() == rows.tolist()


@pytest.mark.parametrize("where", [{"host": "a"}, {"influencer_field_value": ["b", None]}, {"user": None}], ids=str)
def test_an_influencer_has_one_data_field(where: Mapping[str, Any], with_lists: pytest.MonkeyPatch) -> None:
    """Its name and its value make the only pair."""
    del with_lists
    pairs = [(name, value) for name in NAMES for value in VALUES]
    names = ("influencer_field_name", "influencer_field_value")
    documents = [bucket(0, result_type="influencer", **dict(zip(names, pair, strict=True))) for pair in pairs]
    own, row_filter = segment(documents, INFLUENCER), of(where, INFLUENCER)
    expected = [number for number, row in enumerate(values_of(own)) if meets(row, where, INFLUENCER)]
    assert row_filter.passing(own, slice(0, own.length)).nonzero()[0].tolist() == expected
    listed = row_filter.listed(own, 0, own.length, own.length).rows
    assert (listed is None) is (where == {"user": None})
    assert listed is None or listed.tolist() == expected


def test_the_shortest_list_leads(with_lists: pytest.MonkeyPatch) -> None:
    """The list of the rarest value is read, and only its rows are compared with the other fields."""
    del with_lists
    documents = [
        record(row, function="mean", by_field_name="host", by_field_value="a" if row % 50 else "b")
        for row in range(200)
    ]
    own = segment(documents, RECORD)
    listed = of({"function": "mean", "host": "b"}).listed(own, 0, 200, 200)
    assert listed.column == "host"
    assert listed.rows is not None
    assert (listed.rows.tolist(), listed.rows_read) == ([0, 50, 100, 150], 4)
    one_field = of({"host": "b"}).listed(own, 10, 200, 200)
    assert one_field.rows is not None
    assert one_field.rows_read == 0
    assert one_field.rows.base is not None


@pytest.mark.parametrize(
    "where", [{"function": "mean"}, {"host": ["a", "b"], "function": "rare"}, {"detector_index": 0}]
)
@pytest.mark.parametrize(("threshold", "below"), [(None, None), (40.0, None), (20.0, 60.0)])
def test_a_smaller_window_compares_no_row_again(
    where: Mapping[str, Any], threshold: float | None, below: float | None, with_lists: pytest.MonkeyPatch
) -> None:
    """It takes its matches from those of the larger window: the rows of base and head, less the deleted ones."""
    del with_lists
    rng, index = random.Random(5), ResultsIndex()
    documents = [drawn(rng, row) | {"record_score": rng.randrange(100)} for row in range(300)]
    index.upsert(documents[40:])
    index.upsert(documents[:60])
    index.delete(JOB, start=100 * STEP, end=160 * STEP)
    job = index.snapshot()._catalog.get(JOB)
    assert job is not None
    view, row_filter = job.table(RECORD).rows, of(where)
    whole = Matches.of(Window.of(view, FIRST_MS, LAST_MS + 1), threshold, ALL_SHORTCUTS, below, row_filter)
    assert whole.head.size, "the head has matches"
    assert whole.deleted.size, "deleted rows would match"
    for _ in range(20):
        start, end = (rng.randrange(-5, 310) * STEP for _ in range(2))
        window = Window.of(view, start, end)
        found, expected = whole.within(window), Matches.of(window, threshold, ALL_SHORTCUTS, below, row_filter)
        assert (found.matched, found.rows_read, found.window) == (expected.matched, 0, window)
        assert found.head.tolist() == expected.head.tolist()
        assert found.deleted.tolist() == expected.deleted.tolist()
        rows, _ = found.page(0, found.matched, desc=False)
        assert rows.tolist() == expected.page(0, expected.matched, desc=False)[0].tolist()


def test_a_row_is_in_a_list_once(with_lists: pytest.MonkeyPatch) -> None:
    """A record whose by and partition fields are the same data field has one row."""
    del with_lists
    pairs = {f"{role}_field_{part}": text for role in ROLES for part, text in (("name", "host"), ("value", "a"))}
    own = segment([record(row, **pairs) for row in range(3)], RECORD)
    listed = of({"host": "a"}).listed(own, 0, 3, 9).rows
    assert listed is not None
    assert listed.tolist() == [0, 1, 2]


def test_a_list_longer_than_the_matches_is_not_read(with_lists: pytest.MonkeyPatch) -> None:
    """Then the rows that meet the condition on the score are compared."""
    del with_lists
    own = segment([record(row, function="mean") for row in range(20)], RECORD)
    assert of({"function": "mean"}).listed(own, 0, 20, 19) == NOT_LISTED
    assert of({"function": "mean"}).listed(own, 0, 20, 20).column == "function"


def test_few_rows_have_no_lists() -> None:
    """To compare the rows of a small segment takes no longer."""
    own = segment([record(row, function="mean") for row in range(20)], RECORD)
    assert of({"function": "mean"}).listed(own, 0, 20, 20) == NOT_LISTED


def test_filters_are_equal_if_they_let_the_same_rows_pass() -> None:
    """Stored counts and rows read ahead are found by an equal filter of a later search."""
    assert of({"host": "a"}) == of({"host": ["a"]})
    assert hash(of({"host": "a"})) == hash(of({"host": ["a", "a"]}))
    assert of({"host": "a"}) != of({"host": "b"})
    assert of({"host": "a"}) != of({"host": "a"}, INFLUENCER)
    assert of({"host": "a"}) != read_where(RECORD, {"host": "a"})


def test_combined_tables_let_every_match_pass() -> None:
    """They have no names of fields, so they let rows of other data fields pass too; other fields tell them nothing."""
    combined = COMBINED["record"]
    assert of({"host": "a", "function_description": "x"}).among_all_jobs(combined) is not None
    assert of({"host": None}).among_all_jobs(combined) is None
    assert of({"by_field_name": "host"}).among_all_jobs(combined) is None
    assert of({"host": None}, INFLUENCER).among_all_jobs(COMBINED["influencer"]) is None
    index = ResultsIndex()
    names = {"by_field_name": "host", "partition_field_name": "user"}
    index.upsert([record(0, **names, by_field_value="a"), record(1, **names, partition_field_value="a"), record(2)])
    combined_tables = index.snapshot()._catalog.all_jobs(RECORD)
    row_filter = of({"host": "a"}).among_all_jobs(combined)
    assert combined_tables is not None
    assert row_filter is not None
    (part,) = combined_tables.parts
    assert row_filter.passing(part.base, slice(0, part.base.length)).tolist() == [True, True, False]


@pytest.mark.parametrize("kind", [RecordQuery, InfluencerQuery, BucketQuery])
def test_only_jobs_with_candidates_are_searched(
    kind: type[AnyQuery], monkeypatch: pytest.MonkeyPatch, with_lists: pytest.MonkeyPatch
) -> None:
    """The combined tables tell which jobs have the value; the others are not searched."""
    del with_lists
    index = ResultsIndex()
    for number in range(20):
        host, job = ("a" if number % 7 == 0 else "b"), {"job_id": f"job{number:02}"}
        index.upsert(
            [
                bucket(0, **job),
                record(0, by_field_name="host", by_field_value=host, **job),
                bucket(0, result_type="influencer", influencer_field_name="host", influencer_field_value=host, **job),
            ]
        )
    asked: list[str] = []
    searched = job_by_job.sources_of

    def watched(catalog: Any, jobs: Any, *rest: Any) -> Any:
        asked.extend(jobs)
        return searched(catalog, jobs, *rest)

    monkeypatch.setattr(job_by_job, "sources_of", watched)
    snapshot = index.snapshot()._with_shortcuts(replace(ALL_SHORTCUTS, **TOGETHER))
    for jobs, expected in {"_all,-job07": ["job00", "job14"], "_all": ["job00", "job07", "job14"]}.items():
        asked.clear()
        page = snapshot.search(kind(jobs=jobs, where={"host": "a"}))
        assert sorted(key[0] for key in page.keys()) == asked == expected  # noqa: SIM118 - a page's method
        assert page.explain()["path"] == "jobs"


def test_combined_tables_leave_the_score_of_a_bucket_to_the_bucket() -> None:
    """A record of a low score lets a bucket of a high score pass, and counts by score do not count other jobs."""
    index = ResultsIndex()
    for host, job_id in (("a", "one"), ("b", "two"), ("a", "three")):
        field = record(0, job_id=job_id, by_field_name="host", by_field_value=host, record_score=1)
        index.upsert([bucket(0, job_id=job_id, anomaly_score=80), field])
    snapshot = index.snapshot()._with_shortcuts(replace(ALL_SHORTCUTS, **TOGETHER, few_counted_jobs=0))
    high = BucketQuery(jobs="_all", where={"host": "a"}, anomaly_score=75)
    assert [key[0] for key in snapshot.search(high).keys()] == ["one", "three"]  # noqa: SIM118 - a page's method
    assert [found.job_id for found in snapshot.scan(high)] == ["one", "three"]
    assert snapshot.threshold_counts(high, [0, 75]).tolist() == [2, 2]
    assert snapshot.threshold_counts(RecordQuery(jobs="_all", where={"host": "b"}), [0, 75]).tolist() == [1, 0]


def test_rows_read_ahead_serve_one_filter_only() -> None:
    """A page behind the same result, by the same order, but with another filter."""
    index = ResultsIndex()
    functions = ("both", "mean", "rare", "mean", "rare")
    index.upsert([record(row, function=name, record_score=90 - row) for row, name in enumerate(functions)])
    for name, rows in (("mean", [1, 3]), ("rare", [2, 4])):
        query = RecordQuery(jobs=JOB, where={"function": ["both", name]}, size=1)
        first = index.search(query)
        assert first.column("timestamp").tolist() == [0]
        assert first.cursor is not None
        following = index.search(query, after=first.cursor)
        assert index.search(query, after=following.cursor).column("timestamp").tolist() == [rows[1] * STEP]
        assert following.column("timestamp").tolist() == [rows[0] * STEP]


@pytest.mark.parametrize("query", [RecordQuery, BucketQuery], ids=["records", "buckets"])
def test_a_filter_is_made_once_for_all_jobs(query: type[AnyQuery], monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of its values does not count for each job."""
    index, made = ResultsIndex(), []
    conditions = entity_filter._conditions

    def counted(*arguments: Any) -> Any:
        made.append(arguments)
        return conditions(*arguments)

    monkeypatch.setattr(entity_filter, "_conditions", counted)
    for job_id in ("a", "b", "c"):
        index.upsert([bucket(0, job_id=job_id), record(0, job_id=job_id, function="mean")])
    asked = query(jobs="a,b,c", where={"function": ["mean", "rare"]})
    assert index.search(asked).count == 3
    is_joined = query is RecordQuery
    assert len(made) == 1 + is_joined, "small jobs are joined, with a filter of their own"


def test_buckets_lie_at_the_instants_of_their_records() -> None:
    """Rows of any span at an instant pass; instants outside the rows are left out."""
    own = segment([bucket(row, bucket_span=span) for row in range(5) for span in (60, 300)], BUCKET)
    row_filter = InstantFilter(np.array([-STEP, STEP, 3 * STEP, 9 * STEP], dtype=np.int64))
    assert row_filter.passing(own, slice(0, 10)).nonzero()[0].tolist() == [2, 3, 6, 7]
    listed = row_filter.listed(own, 3, 10, 10)
    assert listed.rows is not None
    assert (listed.rows.tolist(), listed.column) == ([3, 6, 7], "timestamp")
    whole = row_filter.listed(own, 0, 10, 4).rows
    assert whole is not None
    assert whole.tolist() == [2, 3, 6, 7], "rows of later spans lie between the others"
    within = row_filter.listed(own, 2, 5, 1)
    assert within.rows is not None, "one instant lies in the window"
    assert within.rows.tolist() == [2, 3]
    assert row_filter.listed(own, 0, 10, 1) == NOT_LISTED
    assert row_filter.listed(own, 4, 4, 1) == NOT_LISTED


def test_instants_are_found_once_for_the_same_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later search of the same window reads them, until a record is written. A view stores a few."""
    monkeypatch.setattr(entity_filter, "_STORED_INSTANTS", 2)
    index = ResultsIndex()
    index.upsert([bucket(0), bucket(1), record(0, function="mean")])

    def found(where: str) -> Any:
        query = BucketQuery(jobs=JOB, where={"function": where})
        job = index.snapshot()._catalog.get(JOB)
        assert job is not None
        assert query._resolved is not None
        return filter_of(job, query._resolved, ALL_SHORTCUTS)

    first = found("mean")
    assert found("mean") is first
    index.upsert([bucket(2)])
    assert found("mean") is first
    found("rare")
    found("max")
    assert found("mean") is not first
    index.upsert([record(row, 1, function="rare") for row in range(2_000)])
    index.upsert([record(1, function="mean"), record(1, 5, function="max")])
    assert index.search(BucketQuery(jobs=JOB, where={"function": "mean"})).count == 2


def test_explain_names_the_field_whose_list_led(with_lists: pytest.MonkeyPatch) -> None:
    """A page by time, by score and behind a cursor; without lists the rows are compared."""
    del with_lists
    index = ResultsIndex()
    index.upsert([bucket(row) for row in range(50)])
    index.upsert([record(row, function="mean" if row % 5 else "rare", record_score=row) for row in range(50)])
    for sort in ("timestamp", "record_score"):
        query = RecordQuery(jobs=JOB, where={"function": "rare"}, sort=sort, size=3)
        page = index.search(query)
        assert (page.count, page.explain()["path"], page.explain()["column"]) == (10, "filter", "function")
        behind = index.search(query, after=page.cursor)
        assert (behind.count, behind.explain()["path"], behind.explain()["column"]) == (10, "filter", "function")
    by_score = RecordQuery(jobs=JOB, where={"function": "rare"}, record_score=20)
    page = index.search(by_score)
    assert (page.count, page.explain()["path"], page.explain()["column"]) == (6, "filter", "function")
    found = index.search(BucketQuery(jobs=JOB, where={"function": "rare"}))
    assert (found.count, found.explain()["path"], found.explain()["column"]) == (10, "filter", "timestamp")
    two = BucketQuery(jobs=JOB, where={"function": "rare"}, size=2)
    again = index.search(two, after=index.search(two).cursor)
    assert (again.count, again.explain()["path"]) == (10, "filter")
    number = RecordQuery(jobs=JOB, where={"detector_index": 0})
    assert index.search(number).explain()["path"] == "scan"


def test_no_filter_is_made_without_where() -> None:
    """The filter of a query without fields is None."""
    index = ResultsIndex()
    index.put_job(JOB)
    job, query = index.snapshot()._catalog.get(JOB), RecordQuery(jobs=JOB)
    assert job is not None
    assert query._resolved is not None
    assert filter_of(job, query._resolved, ALL_SHORTCUTS) is None


def test_a_label_filter_lists_no_rows() -> None:
    """Rows of a combined table are not listed by their job."""
    own = table([record(0)], schema=RECORD).base
    assert LabelFilter().listed(own, 0, 1, 1) == NOT_LISTED
