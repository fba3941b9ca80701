"""Change rows: changes judged by a query when they are first read, and their order."""

import numpy as np
import pytest

from bucketquery import BucketQuery, Change
from bucketquery.answers.change_rows import ENTERED, LEFT, STAYED, Block, ChangeRows, judged
from bucketquery.jobs.change_columns import ChangeColumns
from bucketquery.jobs.change_parts import columns_of_entries
from bucketquery.model.schema import BUCKET
from bucketquery.queries.queries import resolve
from bucketquery.storage.packed_rows import layout_of
from support.helpers import JOB, SPAN_S, STEP, bucket, segment

LAYOUT = layout_of(BUCKET)
assert LAYOUT is not None


def record(row: int, score: float, *, is_interim: bool = False) -> bytes:
    """The record of a bucket."""
    assert LAYOUT is not None
    return segment([bucket(row, anomaly_score=score, is_interim=is_interim)]).record(LAYOUT, 0)


def columns(*entries: bytes | None, sequences: list[int]) -> ChangeColumns:
    """Changes of single rows: the record before and the record after each."""
    flat = [part for pair in zip(entries[::2], entries[1::2], strict=True) for part in (JOB, *pair)]
    return columns_of_entries(flat, np.array(sequences), np.array(sequences) * 10)


def judged_by(changes: ChangeColumns, query: BucketQuery | None) -> Block | None:
    """The changes that belong to the feed of a query."""
    return judged(changes, None if query is None else resolve(query, lambda: 0), frozenset({JOB}))


def test_both_sides_are_judged_by_the_query() -> None:
    """Inserted above, raised, lowered, replaced above, deleted below and above the threshold."""
    high, low = record(0, 80.0), record(0, 10.0)
    changes = columns(
        *(None, high), *(low, high), *(high, low), *(high, record(0, 90.0)), *(low, None), *(high, None),
        sequences=[1, 2, 3, 4, 5, 6],
    )  # fmt: skip
    block = judged_by(changes, BucketQuery(jobs=JOB, anomaly_score=75))
    assert block is not None
    assert block.effects.tolist() == [ENTERED, ENTERED, LEFT, STAYED, LEFT]
    assert block.columns.sequences.tolist() == [1, 2, 3, 4, 6]
    assert [(change.reason, change.old_score, change.score) for change in block.changes()] == [
        ("inserted", None, 80.0),
        ("replaced", 10.0, 80.0),
        ("replaced", 80.0, 10.0),
        ("replaced", 80.0, 90.0),
        ("deleted", 80.0, None),
    ]


@pytest.mark.parametrize(
    "query",
    [
        BucketQuery(jobs="db"),
        BucketQuery(jobs=JOB, start=STEP),
        BucketQuery(jobs=JOB, end=0),
        BucketQuery(jobs=JOB, anomaly_score=99),
        BucketQuery(jobs=JOB, exclude_interim=True),
    ],
)
def test_changes_that_match_on_neither_side_do_not_belong_to_the_feed(query: BucketQuery) -> None:
    """Because of the job, the window, the threshold or an interim result."""
    changes = columns(None, record(0, 80.0, is_interim=True), sequences=[1])
    named = frozenset(query.jobs)
    assert judged(changes, resolve(query, lambda: 0), named) is None
    whole = judged_by(changes, None)
    assert whole is not None
    assert whole.effects.tolist() == [ENTERED]


def test_rows_come_in_the_order_of_their_commits() -> None:
    """The blocks of several kinds or parts are read as one sequence; each effect keeps that order."""
    first = judged_by(columns(None, record(0, 1.0), None, record(1, 2.0), sequences=[1, 4]), None)
    second = judged_by(columns(record(2, 3.0), None, None, record(3, 4.0), sequences=[2, 3]), None)
    assert first is not None
    assert second is not None
    calls: list[int] = []

    def make() -> tuple[list[Block], tuple[()]]:
        calls.append(1)
        return [first, second], ()

    rows = ChangeRows(make)
    assert not calls
    made: list[Change] = rows.changes(rows.rows(0))
    assert [change.sequence for change in made] == [1, 2, 3, 4]
    assert [change.key for change in made] == [(JOB, row * STEP, SPAN_S) for row in (0, 2, 3, 1)]
    assert rows.numbers("sequence", ENTERED).tolist() == [1, 3, 4]
    assert rows.objects("effect", LEFT) == ["left"]
    assert len(rows.rows(STAYED)) == 0
    assert (len(calls), rows.ranges) == (1, ())
