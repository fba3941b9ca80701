"""Orders: one value that says which results come first, in one table and across separate tables."""

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, InfluencerQuery, RecordQuery
from bucketquery.model.schema import SCHEMAS
from bucketquery.queries.queries import AnyQuery, resolve
from bucketquery.search.order import Order, RowKeys, order_of
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from bucketquery.testing import SORTABLE, evaluate
from support.helpers import JOB, Document, all_rows, bucket, limit_heads, record, segment

JOBS = ("b", "a", "é", "c")
QUERIES: dict[str, type[AnyQuery]] = {"bucket": BucketQuery, "record": RecordQuery, "influencer": InfluencerQuery}
KEYWORDS = (None, "", "a", "é", "\uffff", "\U00010000")
SCORES = (None, 0.0, 3.0, 75.0)


def drawn(rng: Random, kind: str, job_id: str, row: int) -> Document:
    """A random result with many missing fields and with few distinct values, so that many results tie."""
    document = bucket(row, result_type=kind, job_id=job_id, bucket_span=rng.choice((60, 300)))
    if kind == "bucket":
        return {
            **document,
            "anomaly_score": rng.choice(SCORES),
            "event_count": rng.choice((None, 0, 2**53 + 1, -(2**63))),
            "is_interim": rng.random() < 0.4,
            "scheduled_events": rng.choice((None, ["b", "a"], ["é"], ["\uffff", "z"], ["\U00010000"])),
        }
    if kind == "record":
        found = record(row, rng.choice((None, 0, 1)), job_id=job_id, bucket_span=document["bucket_span"])
        found["record_score"] = rng.choice(SCORES)
        names = ("by_field_value", "over_field_value", "partition_field_value", "function", "field_name")
        return {**found, **{name: rng.choice(KEYWORDS) for name in names}}
    entity = {name: rng.choice(KEYWORDS) for name in ("influencer_field_name", "influencer_field_value")}
    return {**document, "influencer_score": rng.choice(SCORES), **entity}


def identity(document: Document, kind: str) -> tuple[Any, ...]:
    """The identity of a result; a missing detector is 0, and a missing keyword is not an empty one."""
    named = {name: document.get(name) for name in SCHEMAS[kind].identity}
    if named.get("detector_index", 0) is None:
        named["detector_index"] = 0
    return (document["job_id"], *named.values())


class Stored:
    """Results of one kind: a table with base and head per job, and all results as documents."""

    def __init__(self, seed: int, kind: str) -> None:
        rng = Random(f"{kind} {seed}")
        self.kind = kind
        self.tables: dict[str, Table] = {}
        stored: dict[tuple[Any, ...], Document] = {}
        for job_id in JOBS:
            table = Table.empty(SCHEMAS[kind])
            for _ in range(3):
                batch = [drawn(rng, kind, job_id, rng.randrange(4)) for _ in range(6)]
                for document in batch:
                    stored[identity(document, kind)] = document
                table, _ = table.upsert(segment_of(batch, kind))
            self.tables[job_id] = table
        self.documents = [*stored.values()]

    def rows(self, job_id: str) -> Selection:
        """All rows of a job, in identity order."""
        view = self.tables[job_id].rows
        return Selection(view, all_rows(view))


def segment_of(batch: Sequence[Document], kind: str) -> Segment:
    """A segment of the results of one job; the name of the job is replaced."""
    return segment([{**document, "job_id": JOB} for document in batch], SCHEMAS[kind])


def shown(rows: Selection, job_ids: Sequence[str], order: Sequence[int]) -> list[tuple[Any, ...]]:
    """The job and the identity of each row, in the given order."""
    columns = [rows.column(name).tolist() for name in rows.view.base.schema.identity]
    found = list(zip(job_ids, *columns, strict=True))
    return [found[position] for position in order]


def expected(stored: Stored, query: AnyQuery) -> list[tuple[Any, ...]]:
    """The job and the identity of each result, in the order of the reference."""
    body = evaluate(stored.documents, query)
    return [identity(each, stored.kind) for each in body[SCHEMAS[stored.kind].plural]]


@pytest.fixture(scope="module", params=QUERIES)
def stored(request: pytest.FixtureRequest) -> list[Stored]:
    """Tables of one kind with small heads, so that base and head both have rows."""
    with pytest.MonkeyPatch.context() as patch:
        limit_heads(patch, 6)
        return [Stored(seed, request.param) for seed in range(3)]


@pytest.mark.repeats
@pytest.mark.parametrize("desc", [False, True])
def test_row_keys_of_separate_tables_are_merged(stored: list[Stored], desc: bool) -> None:
    """Keyword codes differ between tables but row keys do not, so the merged order is right for every sort field."""
    for each in stored:
        for sort in SORTABLE:
            query = QUERIES[each.kind](jobs=JOBS, sort=sort, desc=desc, size=10**6)
            resolved = resolve(query, lambda: 0)
            order = Order.of(resolved)
            whole = expected(each, query)
            parts: list[RowKeys] = []
            names: list[tuple[Any, ...]] = []
            for job_id in JOBS:
                rows = each.rows(job_id)
                parts.append(order.row_keys(rows, [job_id] * len(rows)))
                names += shown(rows, [job_id] * len(rows), range(len(rows)))
            for need in (0, 1, 2, 7, len(whole), 10**6):
                assert [names[at] for at in order.merged(parts, need).tolist()] == whole[:need], (sort, need)


@pytest.mark.parametrize("desc", [False, True])
def test_keyword_codes_and_row_keys_give_the_same_order(stored: list[Stored], desc: bool) -> None:
    """The first rows of a table by its codes equal the first rows of its two halves by their row keys."""
    for each in stored:
        for sort in sorted(SCHEMAS[each.kind].sortable):
            order = Order.of(resolve(QUERIES[each.kind](jobs="a", sort=sort, desc=desc), lambda: 0))
            if not order.within:
                continue
            rows = each.rows("a")
            numbered = rows.rows
            numbers = np.arange(len(rows)) if isinstance(numbered, slice) else numbered
            for need in (1, 5, len(rows)):
                first = order.first(rows.view, numbers, need)
                halves = [rows[np.arange(at, len(rows), 2)] for at in (0, 1)]
                keys = [order.row_keys(half, ["a"] * len(half)) for half in halves]
                both = np.concatenate([numbers[0::2], numbers[1::2]])
                assert both[order.merged(keys, need)].tolist() == first.tolist(), (sort, need)


def test_the_job_is_the_last_key_or_the_first_key() -> None:
    """The job sorts in the direction of the other keys. A single part is already in order. No parts give no rows."""
    rows = {
        job_id: Selection.of(segment_of([bucket(row) for row in times], "bucket"))
        for job_id, times in (("b", (0, 1)), ("a", (1,)))
    }
    for desc, sort, found in (
        (False, "timestamp", ["b0", "a1", "b1"]),
        (True, "timestamp", ["b1", "a1", "b0"]),
        (False, "job_id", ["a1", "b0", "b1"]),
        (True, "job_id", ["b1", "b0", "a1"]),
    ):
        order = Order.of(resolve(BucketQuery(jobs=JOBS, sort=sort, desc=desc), lambda: 0))
        parts = [order.row_keys(some, [job_id] * len(some)) for job_id, some in rows.items()]
        assert [["b0", "b1", "a1"][at] for at in order.merged(parts, 5)] == found
        assert order.merged(parts[:1], 5).tolist() == [0, 1]
        assert order.merged([], 5).tolist() == []


def test_an_order_is_a_value() -> None:
    """Queries with the same sort and direction share one order. Its columns say whether missing values come last."""
    first, second = (resolve(RecordQuery(jobs=JOBS, size=size), lambda: 0) for size in (1, 2))
    order = Order.of(first)
    assert order is Order.of(second)
    assert order == order_of("record", SCHEMAS["record"].ties, desc=True)
    assert order != Order.of(first._replace(by_job=True))
    assert (order.desc, order.job_leads, order.lead) == (True, False, "record_score")
    assert [column.name for column in order.columns if not column.puts_missing_last] == [
        "bucket_span",
        "detector_index",
    ]
    leads = order_of("record", ("detector_index", *SCHEMAS["record"].ties), desc=True)
    assert [column.name for column in leads.columns if not column.puts_missing_last] == ["bucket_span"]


@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize("sort", ["anomaly_score", "event_count"])
def test_rows_around_a_page_have_its_rows(desc: bool, sort: str) -> None:
    """Of the rows that are left, some before the page are missing; the others have the same order as among all rows."""
    rng = Random(f"{desc} {sort}")
    for missing in (None, 0.5):
        values = [rng.choice((0, 1, 1, 2, 5, missing if sort == "anomaly_score" else 7)) for _ in range(60)]
        found = Table.empty(SCHEMAS["bucket"])
        for first, step in ((0, 2), (1, 2)):
            found, _ = found.upsert(segment([bucket(row, **{sort: values[row]}) for row in range(first, 60, step)]))
        view = found.rows
        order = order_of("bucket", (sort,), desc=desc)
        rows, head = np.arange(view.base.length), np.arange(view.head.length)
        assert len(head)
        expected = order.first_of_both(view, rows, head, 60).tolist()
        for first in range(60):
            for last in (first + 1, first + 7, 60):
                if last <= 60:
                    some, some_head, skipped = order.around(view, rows, head, first, last)
                    page = order.first_of_both(view, some, some_head, last - skipped)[first - skipped :]
                    assert page.tolist() == expected[first:last]
                    assert skipped <= first
