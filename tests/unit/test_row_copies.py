"""Copies of single rows: a copy has the values and lists of its row, from any segment."""

import numpy as np
import pytest

from bucketquery import ResultsIndex
from bucketquery.model.schema import BUCKET, RECORD, Schema
from bucketquery.storage.packed_rows import PackedColumns
from bucketquery.storage.row_copies import copy_rows, find_all, find_row, segment_row
from bucketquery.storage.segment import Segment
from bucketquery.storage.selection import Selection
from support.helpers import FULL, STEP, all_rows, bucket, record, resize, segment, table, table_of


def test_a_row_of_a_table_is_found_in_base_or_head() -> None:
    """Base rows are numbered first, then head rows. A table and its view number rows in the same way."""
    of = table([bucket(0), bucket(2)], [bucket(1)])
    assert (of.base.length, of.head.length) == (2, 1)
    for either in (of, of.rows):
        assert [segment_row(either, row) for row in range(3)] == [(of.base, 0), (of.base, 1), (of.head, 0)]


@pytest.mark.parametrize("packed_rows", [0, 64])
def test_results_are_found_by_their_identities(packed_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one and together, in packed rows and in arrays, in base and head; the newest version is found."""
    resize(monkeypatch, packed_rows=packed_rows)
    spans = (60, 300, 900)
    buckets = table(
        [bucket(row, bucket_span=span, event_count=1) for row in (0, 1, 3) for span in spans],
        [
            bucket(2),
            bucket(1, bucket_span=61),
            bucket(3, event_count=2),
            bucket(0, is_interim=True, event_count=2),
            bucket(4, is_interim=True),
        ],
    )
    texts = (None, "", "a", "b")
    records = table(
        [record(row, detector, by_field_value=by) for row in (0, 2) for detector in range(3) for by in texts],
        [
            record(1, 5, by_field_value="new"),
            record(0, 1, by_field_value="newer"),
            record(2, 2, is_interim=True),
            record(3, 0, is_interim=True),
        ],
        schema=RECORD,
    )
    for of in (buckets, records):
        assert of.head.length
        rows = Selection(of.rows, all_rows(of.rows))
        names = of.base.schema.identity
        identities = list(zip(*(rows.column(name).tolist() for name in names), strict=True))
        numbers = find_all(of, [rows.column(name) for name in names]).tolist()
        found = rows.rows
        assert not isinstance(found, slice)
        assert numbers == found.tolist()
        for order in (np.arange(len(numbers))[::-1], np.random.default_rng(1).permutation(len(numbers))):
            again = find_all(of, [rows.column(name)[order] for name in names])
            assert again.tolist() == found[order].tolist()
        assert [find_row(of, identity) for identity in identities] == [segment_row(of, row) for row in numbers]
    for missing in ((0, 61), (2**40, 60), (0, 901), (STEP, 62)):
        with pytest.raises(AssertionError, match="has the result"):
            find_row(buckets, missing)
    with pytest.raises(AssertionError, match="has the result"):
        find_row(records, (0, 300, 0, "unknown", None, None))


def packed_buckets() -> Segment:
    """Two buckets in packed rows, as a small write leaves them."""
    index = ResultsIndex()
    index.upsert([bucket(0, **FULL), bucket(1)])
    base = table_of(index).base
    assert isinstance(base.columns, PackedColumns)
    return base


def test_buckets_are_copied_from_packed_and_other_segments() -> None:
    """The copies are in the order of the places. A place given twice is copied twice, and a missing score is NaN."""
    packed, arrays = packed_buckets(), segment([bucket(2), bucket(3, **FULL)])
    assert not isinstance(arrays.columns, PackedColumns)
    found = Selection.of(copy_rows(BUCKET, [(packed, 0), (arrays, 1), (packed, 1), (arrays, 0), (packed, 0)]))
    assert found.column("timestamp").tolist() == [0, 3 * STEP, STEP, 2 * STEP, 0]
    assert repr(found.column("anomaly_score").tolist()) == "[5.0, 5.0, nan, nan, 5.0]"
    assert found.column("event_count").tolist() == [7, 7, 0, 0, 7]
    assert list(found.lists("scheduled_events")) == [("a",), ("a",), (), (), ("a",)]


def test_records_of_many_segments_get_one_dictionary() -> None:
    """Each segment has codes of its own. Missing keywords stay missing, and rows have their lists."""
    one = segment([record(0, record_score=1.5, by_field_value="x", causes=[{"probability": 1}])], RECORD)
    other = segment([record(1, function="mean"), record(2, by_field_value="a")], RECORD)
    found = Selection.of(copy_rows(RECORD, [(other, 0), (one, 0), (other, 1), (other, 0)]))
    assert found.column("by_field_value").tolist() == [None, "x", "a", None]
    assert found.column("function").tolist() == ["mean", None, None, "mean"]
    assert found.column("over_field_value").tolist() == [None] * 4
    assert repr(found.column("record_score").tolist()) == "[nan, 1.5, nan, nan]"
    assert [bool(extra) for extra in found.lists("")] == [False, True, False, False]


def test_a_copy_shares_nothing_with_its_segments() -> None:
    """A page that is still in use does not keep the tables of its jobs in memory."""
    copied = copy_rows(BUCKET, [(packed_buckets(), 1)])
    assert {name: column.base is None for name, column in copied.columns.items()} == dict.fromkeys(copied.columns, True)


def test_no_places_make_an_empty_segment() -> None:
    """A page without results has an empty segment of its kind."""
    for schema in (BUCKET, RECORD):
        found = copy_rows(schema, [])
        assert (found.length, found.schema) == (0, schema)


@pytest.mark.parametrize("packed_rows", [0, 64])
@pytest.mark.parametrize("schema", [BUCKET, RECORD])
def test_a_copy_misses_what_its_row_misses(schema: Schema, packed_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An integer or a boolean is missing, not 0 or False; a column in which no row misses one has no mask."""
    resize(monkeypatch, packed_rows=packed_rows)
    make = bucket if schema is BUCKET else record
    of = table([make(0), make(1, event_count=0), make(2, is_interim=False)], [make(0, is_interim=True)], schema=schema)
    for chosen in ([0, 1, 2], [2, 0], [1]):
        places = [segment_row(of, row) for row in chosen]
        copied = copy_rows(schema, places)
        for name in (field.name for field in schema.columns if field.may_have_mask):
            assert copied.mask(name).tolist() == [segment.mask(name).item(row) for segment, row in places], name
    whole = copy_rows(schema, [segment_row(of, 0)])
    assert "timestamp" not in whole.present
