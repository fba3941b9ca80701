"""Totals: row counts, timestamps and bytes of some tables. The totals of parts add up to the totals of all tables."""

import pytest

from bucketquery.jobs.totals import Totals
from bucketquery.model.schema import BUCKET, RECORD
from bucketquery.storage.table import Table
from support.helpers import STEP, lead_by_value, record, rows, table

TABLES = (
    table(rows(5, 8)),
    Table.empty(BUCKET),
    table([record(2), record(9), record(9, 1)], schema=RECORD),
    table(rows(6, 7)),
)


def test_totals_are_those_of_all_tables() -> None:
    """Results are counted by kind. First and last timestamp are those of all tables. An empty table has none."""
    found = Totals.of(TABLES)
    assert found.rows == (4, 3, 0)
    assert (found.first, found.last) == (2 * STEP, 9 * STEP)
    assert found.nbytes() == found.own_nbytes == sum(each.nbytes() for each in TABLES)
    for nothing in (Totals.of([]), Totals.of(TABLES[1:2])):
        assert nothing == Totals((0, 0, 0), None, None, 0, ())


def test_totals_of_parts_add_up() -> None:
    """The sum of any parts, even empty ones, equals the totals of all tables at once."""
    whole = Totals.of(TABLES)
    for parts in ((TABLES,), (TABLES[:1], TABLES[1:]), (TABLES[3:], TABLES[:3], ()), [[each] for each in TABLES]):
        assert Totals.sum_of(map(Totals.of, parts)) == whole


def test_bytes_of_tables_that_may_grow_are_read_anew() -> None:
    """A reader may make a value index for such a table, so its bytes are added at each call of `nbytes`."""
    with pytest.MonkeyPatch.context() as patch:
        lead_by_value(patch)
        growing = table(rows(0, 40, anomaly_score=1.0), rows(40, 80, anomaly_score=2.0))
    found = Totals.sum_of([Totals.of(TABLES), Totals.of([growing])])
    assert (found.growing, found.own_nbytes) == ((growing,), Totals.of(TABLES).nbytes())
    before = found.nbytes()
    value_index = growing.base.value_index("anomaly_score", desc=True)
    assert value_index is not None
    assert found.nbytes() == before + value_index.nbytes() > before
