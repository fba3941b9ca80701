"""Rows of many jobs as columns: packed or not, with masks and keywords of several dictionaries."""

import numpy as np
import pytest

from bucketquery.jobs.labelled_rows import LabelledRows, SpanTooLong, joined
from bucketquery.model.schema import BUCKET, COMBINED, RECORD
from bucketquery.model.sizes import DEFAULT_SIZES
from bucketquery.storage.packed_segment import PackedSegment, empty_segment, pack
from support.helpers import bucket, record, rows, segment


def labels(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    """Labels."""
    return np.array(numbers, dtype=np.uint32)


def test_packed_neighbours_become_one_segment() -> None:
    """The order of the rows stays; segments that are not packed stay as they are."""
    packed = [pack(segment(rows(first, first + 2))) for first in (0, 2, 6)]
    plain = segment(rows(4, 6))
    assert joined([plain], DEFAULT_SIZES) == [plain]
    found = joined([packed[0], packed[1], plain, packed[2]], DEFAULT_SIZES)
    assert ([each.length for each in found], found[1]) == ([4, 2, 2], plain)
    assert np.concatenate([each.column("timestamp") for each in found]).tolist() == [
        row["timestamp"] for row in rows(0, 8)
    ]
    assert [each.length for each in joined([plain, packed[0], plain], DEFAULT_SIZES)] == [2, 2, 2]


def test_a_packed_segment_with_room_gives_its_rows_only() -> None:
    """Records with room behind them are cut."""
    base = pack(segment(rows(0, 3)))
    assert isinstance(base, PackedSegment)
    grown = base.append_row(base.columns.layout, pack(segment(rows(3, 4))).row(base.columns.layout, 0))
    assert grown is not None
    assert joined([grown, base], DEFAULT_SIZES)[0].length == 7


def test_rows_are_in_the_order_of_their_identities_and_jobs() -> None:
    """The last of several equal identities counts; masks are those of the rows."""
    parts = [segment([bucket(1), bucket(2, is_interim=True)]), segment([bucket(1, is_interim=False)])]
    found = LabelledRows(COMBINED["bucket"], parts, labels(7, 7, 3), DEFAULT_SIZES)
    made = found.segment(found.last_of_each(), spare=5)
    made.check()
    assert made.column("job_label").tolist() == [3, 7, 7]
    assert made.mask("is_interim").tolist() == [True, False, True]
    assert len(made.columns["timestamp"]) == 8
    twice = LabelledRows(COMBINED["bucket"], [parts[0], parts[0]], labels(7, 7, 7, 7), DEFAULT_SIZES)
    assert twice.last_of_each().tolist() == [2, 3]
    assert twice.last_of_each(np.array([True, True, False, False])).tolist() == [0, 1]


def test_rows_without_a_missing_value_have_no_mask() -> None:
    """A mask of a segment whose rows all have the field is left out."""
    part = segment([bucket(1), bucket(2, is_interim=True)]).select(np.array([1]))
    assert not LabelledRows(COMBINED["bucket"], [part], labels(1), DEFAULT_SIZES).present


def test_no_segments_are_no_rows() -> None:
    """All columns exist, for kinds with keywords too."""
    for schema in (BUCKET, RECORD):
        found = LabelledRows(COMBINED[schema.kind], [], labels(), DEFAULT_SIZES)
        found.segment(found.last_of_each()).check()
        assert found.length == 0
        assert LabelledRows(COMBINED[schema.kind], [empty_segment(schema)], labels(), DEFAULT_SIZES).length == 0


def test_a_span_of_more_than_32_bits_is_refused() -> None:
    """The largest span fits."""
    LabelledRows(COMBINED["bucket"], [segment([bucket(0, bucket_span=2**32 - 1)])], labels(1), DEFAULT_SIZES)
    with pytest.raises(SpanTooLong):
        LabelledRows(COMBINED["bucket"], [segment([bucket(0, bucket_span=2**32)])], labels(1), DEFAULT_SIZES)


def test_keywords_of_several_dictionaries_have_codes_of_one() -> None:
    """Rows without a keyword, segments without a dictionary, a dictionary that two share, unused keywords."""
    first = segment([record(0, by_field_value="b"), record(1), record(2, by_field_value="d")], RECORD)
    parts = [
        first,
        segment([record(0)], RECORD),
        first.select(np.array([0])),
        segment([record(0, by_field_value="a"), record(1, by_field_value="d")], RECORD),
    ]
    found = LabelledRows(COMBINED["record"], parts, labels(1, 1, 1, 2, 3, 4, 4), DEFAULT_SIZES)
    made = found.segment(np.arange(7))
    assert made.values("by_field_value", slice(0, 7)).tolist() == ["b", None, "d", None, "b", "a", "d"]
    one = LabelledRows(COMBINED["record"], [parts[2]], labels(1), DEFAULT_SIZES)
    assert one.dictionaries["by_field_value"].tolist() == ["b"]
