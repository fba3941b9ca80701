"""Views and selections: rows of base and head under one numbering, read in any order."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bucketquery.model.schema import RECORD, Int64s
from bucketquery.storage.selection import Selection
from bucketquery.storage.view import NO_ROWS, View
from support.helpers import FULL, STEP, all_rows, bucket, record, rows, segment, table


def mixed_times(view: View, numbered: list[int]) -> list[int]:
    """The timestamps of rows, given by their numbers in the view."""
    timestamps: list[int] = Selection(view, np.array(numbered, dtype=np.int64)).column("timestamp").tolist()
    return timestamps


def test_a_view_numbers_head_rows_after_base_rows() -> None:
    """Values, masks and lists of base and head are read by these numbers. A slice has rows of the base only."""
    view = table(
        rows(0, 3, **FULL),
        [bucket(1, bucket_span=60, **{**FULL, "scheduled_events": ["late"]}), bucket(1, event_count=9)],
    ).rows
    assert (view.base.length, view.head.length, view.length) == (3, 2, 4)
    rows_: Int64s = np.array([4, 0, 3, 2])
    mixed = Selection(view, rows_)
    assert mixed.column("timestamp").tolist() == [STEP, 0, STEP, 2 * STEP]
    assert mixed.column("event_count").tolist() == [9, 7, 7, 7]
    assert mixed.lists("scheduled_events") == [(), ("a",), ("late",), ("a",)]
    for name in ("anomaly_score", "processing_time_ms"):
        missing = mixed.missing(name)
        assert missing is not None
        assert missing.tolist() == [True, False, False, False]
    assert mixed.missing("event_count") is None
    assert Selection(view, slice(2, None, -1)).column("timestamp").tolist() == [2 * STEP, STEP, 0]
    assert Selection(view, slice(0, 3)).missing("event_count") is None
    assert Selection(view, slice(0, 1)).lists("scheduled_events") == [("a",)]
    assert view.head_places.tolist() == [1, 1]
    assert view.head_places is view.head_places
    assert [view.before(instant) for instant in (-1, 0, 1, STEP, STEP + 1, 2 * STEP, 9 * STEP)] == [0, 0, 1, 1, 3, 3, 4]
    ranks = [(first, last) for first in range(5) for last in range(first, 5)]
    whole = [0, 3, 4, 2]
    for first, last in ranks:
        for desc in (False, True):
            ranked = Selection(view, (first, last, desc))
            expected = whole[first:last][::-1] if desc else whole[first:last]
            assert len(ranked) == len(expected)
            assert ranked.column("timestamp").tolist() == mixed_times(view, expected)


@pytest.mark.parametrize(
    "chosen", [slice(0, 3), slice(2, None, -1), slice(0, 0), np.array([4, 0, 3]), np.array([], dtype=np.int64)]
)
def test_a_detached_selection_copies_its_rows_in_order(chosen: Any) -> None:
    """A detached selection shares no memory with the table."""
    view = table(rows(0, 3, **FULL), [bucket(1, bucket_span=60), bucket(1, scheduled_events=["b"])]).rows
    picked = Selection(view, chosen)
    detached = picked.detach()
    again = Selection.of(detached)
    assert len(again) == len(picked) == detached.length
    for name in ("timestamp", "anomaly_score", "event_count"):
        assert again.column(name).tobytes() == picked.column(name).tobytes()
        assert not np.shares_memory(detached.columns[name], view.base.columns[name])
    assert again.lists("scheduled_events") == picked.lists("scheduled_events")


@pytest.mark.parametrize("chosen", [slice(0, 3), slice(2, None, -1), [3, 0, 4, 1, 2, 5], [4, 3], [0], []], ids=str)
def test_keywords_of_base_and_head_compare_by_value(chosen: Any) -> None:
    """Base and head have a dictionary each. A missing keyword is below all others."""
    view = table(
        [record(row, by_field_value=keyword) for row, keyword in enumerate(["b", None, "d"])],
        [record(0, 5, by_field_value=keyword) for keyword in ("c", "b", None)],
        schema=RECORD,
    ).rows
    assert (view.base.length, view.head.length) == (3, 3)
    picked = Selection(view, chosen if isinstance(chosen, slice) else np.array(chosen, dtype=np.int64))
    keywords = picked.column("by_field_value")
    assert keywords.dtype == object
    numbered = np.array(["b", None, "d", *view.head.values("by_field_value", slice(0, 3)).tolist()], dtype=object)
    assert keywords.tolist() == numbered[chosen].tolist() if chosen else keywords.tolist() == []
    codes = picked.comparable("by_field_value").tolist()
    for keyword, code in zip(keywords, codes, strict=True):
        for other, theirs in zip(keywords, codes, strict=True):
            assert (code < theirs) == ((keyword is not None, keyword or "") < (other is not None, other or ""))
    missing = picked.missing("by_field_value")
    assert missing is not None
    assert missing.tolist() == [keyword is None for keyword in keywords]
    detached = picked.detach()
    assert Selection.of(detached).column("by_field_value").tolist() == keywords.tolist()


@pytest.mark.parametrize("positions", [slice(0, 2), slice(None), slice(None, None, -1), slice(1, 9, 2), slice(5, 9)])
@pytest.mark.parametrize("chosen", [slice(0, 3), slice(2, None, -1), np.array([4, 0, 3])])
def test_a_slice_of_a_selection_equals_a_slice_of_its_rows(chosen: Any, positions: slice) -> None:
    """This holds for every direction and step, and beyond the end."""
    view = table(rows(0, 3), [bucket(1, bucket_span=60), bucket(9, is_interim=True)]).rows
    picked = Selection(view, chosen)
    part = picked[positions]
    assert part.column("timestamp").tolist() == picked.column("timestamp").tolist()[positions]
    assert len(part) == len(picked.column("timestamp")[positions])


@pytest.mark.parametrize("final", [range(6), (), (0, 2, 3, 5)], ids=["base", "no base", "gaps"])
@pytest.mark.parametrize("interim", [(6, 7), (4,), (1, 6), ()], ids=str)
@pytest.mark.parametrize("replaced", [(), (2,)], ids=["none replaced", "one replaced"])
def test_a_range_of_ranks_reads_as_its_rows_do_one_by_one(
    final: Sequence[int], interim: Sequence[int], replaced: Sequence[int]
) -> None:
    """The range is read as a run of the base and a run of the head, or row by row if rows of both are mixed."""
    base = [bucket(at, scheduled_events=[f"event {at}"]) for at in final]
    later = [bucket(at, event_count=9, is_interim=True) for at in interim]
    later += [bucket(at, bucket_span=60, event_count=5) for at in replaced]
    view = table(base, later).rows
    numbered = Selection(view, all_rows(view))
    events, counts = numbered.lists("scheduled_events"), numbered.column("event_count").tolist()
    for first in range(view.length + 1):
        for last in range(first, view.length + 1):
            ranks = Selection(view, (first, last, False))
            assert ranks.lists("scheduled_events") == events[first:last]
            assert ranks.column("event_count").tolist() == counts[first:last]
            turned = Selection(view, (first, last, True))
            assert turned.column("event_count").tolist() == counts[first:last][::-1]
            assert turned.lists("scheduled_events") == events[first:last][::-1]
            assert turned.rows is turned.rows


@pytest.mark.parametrize("desc", [False, True])
def test_each_of_two_runs_is_read_by_its_own_dictionary(desc: bool) -> None:
    """Base and head number their keywords separately. A missing keyword is None in both."""
    base = [record(at, by_field_value=keyword) for at, keyword in enumerate(["b", None, "d"])]
    head = [record(3 + at, by_field_value=keyword, is_interim=True) for at, keyword in enumerate(["c", None, "a"])]
    view = table(base, head, schema=RECORD).rows
    assert (view.base.length, view.head.length) == (3, 3)
    assert view.find(1, 5) == (slice(1, 3), slice(0, 2))
    keywords = [None, "d", "c", None]
    found = Selection(view, (1, 5, desc)).column("by_field_value").tolist()
    assert found == (keywords[::-1] if desc else keywords)


def test_find_returns_a_run_of_the_base_and_a_run_of_the_head() -> None:
    """Usually the newest buckets are interim, and so form a run of the head.

    If rows of base and head are mixed, ``find`` returns row numbers.
    """
    live = table(rows(0, 4), [bucket(4, is_interim=True), bucket(5, is_interim=True)]).rows
    assert live.find(2, 6) == (slice(2, 4), slice(0, 2))
    assert live.find(4, 5) == (slice(0, 0), slice(0, 1))
    assert [live.find(*ranks) for ranks in ((0, 0), (0, 4))] == [slice(0, 0), slice(0, 4)]
    assert live.numbered(slice(3, 4), slice(0, 2)).tolist() == [3, 4, 5]
    assert table(rows(0, 4)).rows.find(0, 4) == slice(0, 4)
    mixed = table(rows(0, 4), [bucket(1, bucket_span=60)]).rows
    found = [mixed.find(*ranks) for ranks in ((0, 3), (3, 5))]
    assert [each.tolist() if isinstance(each, np.ndarray) else each for each in found] == [[0, 4, 1], slice(2, 4)]


@pytest.mark.parametrize("desc", [False, True])
def test_the_last_row_of_a_selection_is_found_in_its_segment(desc: bool) -> None:
    """For ranks in the base, in the head and in both, and for row numbers in any order."""
    base, head = segment([bucket(row) for row in range(4)]), segment([bucket(row) for row in range(4, 7)])
    view = View(base, NO_ROWS, head)
    for first in range(7):
        for stop in range(first + 1, 8):
            for some in (
                Selection(view, (first, stop, desc)),
                Selection(view, np.arange(first, stop)[:: -1 if desc else 1]),
            ):
                of, row = some.last()
                assert of.columns["timestamp"].item(row) == some.column("timestamp").item(-1)
