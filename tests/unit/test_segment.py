"""Segments: rows in identity order, arrays that a write copies or shares, and older segments that do not change."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bucketquery.model.schema import BUCKET, RECORD, Array, Int64s, Schema
from bucketquery.storage.packed_segment import empty_segment, pack, segment_of_rows
from bucketquery.storage.segment import Segment
from bucketquery.storage.sparse_lists import SparseLists
from bucketquery.value_index.value_index import ValueIndex, sort_keys_of
from support.helpers import (
    FULL,
    STEP,
    addresses,
    bucket,
    layout,
    lead_by_value,
    moved,
    record,
    resize,
    rows,
    segment,
    sizes,
    stored,
    without,
)


def array(*numbers: int) -> Int64s:
    """An array of row numbers."""
    return np.array(numbers, dtype=np.int64)


def with_room(documents: list[dict[str, Any]], schema: Schema = BUCKET) -> Segment:
    """A segment with spare capacity. The first append to an empty segment adds no spare capacity, the second does."""
    first = empty_segment(schema, sizes()).append(segment(documents[:1], schema))
    return first.append(segment(documents[1:], schema))


def chain(*parts: list[dict[str, Any]]) -> list[Segment]:
    """The segment of the first part, and the segment after each further part is appended."""
    made = [with_room(parts[0])]
    for part in parts[1:]:
        made.append(made[-1].append(segment(part)))
    return made


def faulty(change: Callable[[Segment], object]) -> Segment:
    """A segment of three rows that ``change`` has damaged."""
    found = with_room([bucket(0, **FULL), bucket(1), bucket(2, **FULL)])
    change(found)
    return found


# ---- append


def test_an_append_within_capacity_copies_nothing() -> None:
    """Single rows within the capacity copy no column, mask or list. The next row copies all columns."""
    newest = with_room([bucket(0, **FULL), bucket(1), bucket(2, **FULL)])
    capacity = len(newest.columns["timestamp"])
    assert capacity > 10
    moves = []
    for row in range(3, capacity):
        older = newest
        newest = older.append(segment([bucket(row, **FULL)]))
        moves.append(moved(older, newest))
        for name, column in older.columns.items():
            assert np.shares_memory(column, newest.columns[name])
    assert moves == [set()] * len(moves)
    assert newest.length == capacity
    newest.check()
    behind = newest.append(segment([bucket(capacity)]))
    assert moved(newest, behind) >= {*newest.columns}, "without room all columns are copied"


def test_growth_copies_fewer_than_ten_rows_for_each_appended_row() -> None:
    """Each copy has spare room for an eighth more rows. So 10,000 appends copy fewer than 100,000 rows."""
    newest = empty_segment(BUCKET).append(segment(rows(0, 1)))
    copied = 0
    batch = segment(rows(0, 1))
    for row in range(1, 10_000):
        batch.columns["timestamp"][0] = row
        older, newest = newest, newest.append(batch)
        if len(older.columns["timestamp"]) != len(newest.columns["timestamp"]):
            copied += older.length
    assert newest.length == 10_000
    assert newest.column("timestamp").tolist() == [*range(10_000)]
    assert copied < 10 * newest.length
    assert len(newest.columns["timestamp"]) <= 1.2 * newest.length


def test_older_segments_do_not_see_appended_rows() -> None:
    """Columns, masks and lists of an older segment end where they ended before, although the arrays are shared."""
    made = chain(rows(0, 2, **FULL), rows(2, 4), rows(4, 6, **FULL), rows(6, 40, **FULL))
    for older, length in zip(made, (2, 4, 6, 40), strict=True):
        older.check()
        expected = [*rows(0, 2, **FULL), *rows(2, 4), *rows(4, 40, **FULL)][:length]
        assert stored(older) == stored(segment(expected))
        assert [len(older.column(name)) for name in older.columns] == [length] * len(older.columns)
        assert len(older.mask("event_count")) == length


def test_any_append_may_add_the_first_mask() -> None:
    """The new mask marks the field as present in all earlier rows."""
    first, second = chain(rows(0, 3, **FULL), [without(bucket(3, **FULL), "event_count")])
    assert "event_count" not in first.present
    assert second.mask("event_count").tolist() == [True, True, True, False]
    assert "event_count" not in first.present
    third = second.append(segment([bucket(4, **FULL)]))
    assert third.mask("event_count").tolist() == [True, True, True, False, True]
    assert sorted(third.present) == ["event_count"]


def test_an_unpublished_append_is_overwritten() -> None:
    """An unpublished segment leaves values behind its predecessor's end; the next append overwrites them."""
    base = chain(rows(0, 4, **FULL), [bucket(4)])[-1]
    before = stored(base)
    unpublished = base.append(segment(rows(5, 8, **{**FULL, "event_count": 99, "scheduled_events": ["lost"]})))
    assert moved(base, unpublished) == set()
    again = base.append(segment([bucket(5), bucket(6, **FULL)]))
    again.check()
    assert stored(base) == before
    assert stored(again) == before + stored(segment([bucket(5), bucket(6, **FULL)]))
    assert again.mask("event_count").tolist() == [True] * 4 + [False, False, True]
    assert again.lists_at("scheduled_events", slice(0, 7)) == [("a",)] * 4 + [(), (), ("a",)]


def test_an_empty_append_changes_nothing() -> None:
    """Rows, arrays and spare room stay the same."""
    base = chain(rows(0, 4, **FULL))[0]
    same = base.append(empty_segment(BUCKET))
    assert (same.length, moved(base, same)) == (4, set())
    assert stored(same) == stored(base)


# ---- replace


def test_a_replace_copies_only_the_columns_that_differ() -> None:
    """Other columns, masks and lists stay shared, and the older segment does not change."""
    base = chain([*rows(0, 20, **FULL), bucket(20)])[0]
    before = stored(base)
    others = segment([bucket(row, **{**FULL, "anomaly_score": 9.0}) for row in (3, 4, 19)])
    found = base.replace(array(3, 4, 19), others)
    found.check()
    assert moved(base, found) == {"anomaly_score"}
    assert stored(base) == before
    assert stored(found) == [*before[:3], *stored(others)[:2], *before[5:19], stored(others)[2], before[20]]
    assert len(found.columns["anomaly_score"]) == len(base.columns["anomaly_score"]), "the spare room stays"


@pytest.mark.parametrize("fields", [{}, FULL], ids=["missing", "full"])
def test_replacing_rows_by_equal_rows_copies_nothing(fields: dict[str, Any]) -> None:
    """Two missing scores are equal, and so are two missing lists."""
    base = chain([*rows(0, 5, **fields), bucket(5)])[0]
    same = base.replace(array(1, 2), segment(rows(1, 3, **fields)))
    assert moved(base, same) == set()
    assert (same.present.keys(), same.lists.keys()) == (base.present.keys(), base.lists.keys())
    assert stored(same) == stored(base)


@pytest.mark.parametrize(
    ("name", "other", "copied"),
    [
        ("event_count", None, {"event_count", "present event_count"}),
        ("processing_time_ms", 0, {"processing_time_ms"}),
        ("is_interim", None, {"present is_interim"}),
        ("scheduled_events", ["b"], {"rows of scheduled_events", "values of scheduled_events"}),
        ("bucket_influencers", [], {"rows of bucket_influencers", "values of bucket_influencers"}),
    ],
)
def test_a_replace_copies_masks_and_lists_one_by_one(name: str, other: Any, copied: set[str]) -> None:
    """If one field differs, only its arrays are copied; a first mask is a new array."""
    for base in chain(rows(0, 5, **FULL), [bucket(5)]):
        found = base.replace(array(1, 2), segment(rows(1, 3, **{**FULL, name: other})))
        found.check()
        assert moved(base, found) == copied & set(addresses(base))
        assert stored(found)[1:3] == stored(segment(rows(1, 3, **{**FULL, name: other})))
        assert stored(base)[:5] == stored(segment(rows(0, 5, **FULL)))


def test_a_replace_changes_a_list_beside_an_equal_one() -> None:
    """If the lists of some replaced rows are equal and those of others differ, each row gets its own."""
    old = segment([bucket(row, scheduled_events=["a"], event={"ingested": row}) for row in range(3)])
    others = segment([bucket(row, scheduled_events=["ab"[row]], event={"ingested": 0}) for row in range(2)])
    new = old.replace(array(0, 1), others)
    new.check()
    assert new.lists_at("scheduled_events", slice(0, 3)) == [("a",), ("b",), ("a",)]
    assert new.lists["event.ingested"].values.tolist() == [0, 0, 2]
    assert old.lists["event.ingested"].values.tolist() == [0, 1, 2]


def test_a_replace_may_add_and_remove_optional_values() -> None:
    """Values may be added and removed in columns and in lists, for some rows or for all."""
    base = chain([bucket(0, **FULL), bucket(1), bucket(2, **FULL), bucket(3)])[0]
    before = stored(base)
    others = segment([bucket(1, **FULL), bucket(2)])
    found = base.replace(array(1, 2), others)
    found.check()
    assert stored(found) == [before[0], *stored(others), before[3]]
    assert stored(base) == before
    full = chain(rows(0, 3, **FULL))[0]
    emptied = full.replace(array(0, 1, 2), segment(rows(0, 3)))
    emptied.check()
    assert stored(emptied) == stored(segment(rows(0, 3)))
    assert stored(full) == stored(segment(rows(0, 3, **FULL)))


def test_an_append_after_a_replace_does_not_change_the_older_segment() -> None:
    """Shared columns take new rows beyond the older segment's end; copied columns are separate arrays."""
    base = chain(rows(0, 5, **FULL))[0]
    before = stored(base)
    replaced = base.replace(array(4), segment([bucket(4, **{**FULL, "event_count": 1, "scheduled_events": []})]))
    grown = replaced.append(segment([bucket(5), bucket(6, **FULL)]))
    grown.check()
    assert moved(replaced, grown) & {*base.columns} == set()
    assert stored(base) == before
    assert [row[0] // STEP for row in stored(grown)] == [*range(7)]
    assert stored(grown)[4][4] == 1
    assert grown.lists_at("scheduled_events", slice(3, 7)) == [("a",), (), (), ("a",)]


def test_a_prefix_shares_the_arrays_of_its_segment() -> None:
    """An append to a prefix copies its columns, so the rows behind it stay as they are.

    A prefix of packed rows is a copy, and a prefix of all rows is the segment itself.
    """
    documents = [*rows(0, 3, **FULL), bucket(3), bucket(4, **FULL)]
    base = segment(documents)
    found = base.prefix(3)
    found.check()
    assert stored(found) == stored(segment(documents[:3]))
    assert all(np.shares_memory(base.columns[name], column) for name, column in found.columns.items())
    grown = found.append(segment([bucket(9)]))
    grown.check()
    assert stored(grown) == stored(segment([*documents[:3], bucket(9)]))
    assert stored(base) == stored(segment(documents))
    assert base.prefix(5) is base
    packed = pack(segment(documents))
    assert stored(packed.prefix(4)) == stored(segment(documents[:4]))
    assert packed.prefix(5) is packed
    assert segment([bucket(0), bucket(1, **FULL)]).prefix(1).lists == {}


# ---- reading


def test_selected_rows_are_a_copy() -> None:
    """``select`` copies columns, masks and lists of any rows."""
    base = segment([bucket(0, **FULL), bucket(1), bucket(2, **FULL)])
    found = base.select(array(0, 2))
    found.check()
    assert stored(found) == [stored(base)[0], stored(base)[2]]
    assert not any(np.shares_memory(base.columns[name], found.columns[name]) for name in base.columns)
    assert base.select(array()).length == 0
    assert base.select(array(1)).lists == {}


def test_missing_marks_the_given_rows() -> None:
    """Rows are given as an array or a slice. The result is None if no row lacks the field."""
    base = chain([bucket(0, **FULL), bucket(1)])[0]
    for chosen in (slice(0, 2), array(0, 1)):
        for name in ("anomaly_score", "event_count"):
            found = base.missing(name, chosen)
            assert found is not None
            assert found.tolist() == [False, True]
    assert segment([bucket(0, **FULL)]).missing("event_count", slice(0, 1)) is None
    assert segment([bucket(0, **FULL)]).mask("event_count").tolist() == [True]


SLICES = [
    slice(0, 6),
    slice(2, 5),
    slice(5, 0, -1),
    slice(5, None, -1),
    slice(3, 3),
    slice(0, 0),
    slice(6, 6),
    slice(4, 2),
]
ARRAYS = [array(), array(0), array(5, 4, 3), array(1, 1, 0), array(0, 1, 2, 3, 4, 5)]


@pytest.mark.parametrize("chosen", [*SLICES, *ARRAYS], ids=repr)
def test_lists_come_in_the_order_of_the_given_rows(chosen: slice | Int64s) -> None:
    """A row without a list gives an empty one. A slice may run backwards, and an array in any order."""
    lists = SparseLists(array(1, 2, 5, 99), SparseLists.of_tuples([("b",), ("c",), ("f",), ("garbage",)]).values, 3)
    expected = [(), ("b",), ("c",), (), (), ("f",)]
    wanted = expected[chosen] if isinstance(chosen, slice) else [expected[row] for row in chosen.tolist()]
    with_lists = Segment(BUCKET, 6, segment(rows(0, 6)).columns, {}, {}, {"scheduled_events": lists})
    assert with_lists.lists_at("scheduled_events", chosen) == wanted
    assert with_lists.lists_at("bucket_influencers", chosen) == [()] * len(wanted)


def test_a_pickled_segment_has_all_its_values() -> None:
    """Masks and lists are pickled with the columns; the room behind them is not."""
    base = with_room([bucket(0, **FULL), bucket(1)])
    found = pickle.loads(pickle.dumps(base))
    found.check()
    assert {len(array) for array in (*found.columns.values(), *found.present.values())} == {2}
    assert stored(found) == stored(base)
    assert found.schema is BUCKET


def test_nbytes_is_the_sum_of_all_arrays() -> None:
    """Spare room counts. Lists count their row numbers and their pointers."""
    base = chain([bucket(0, **FULL), bucket(1)])[0]
    capacity = len(base.columns["timestamp"])
    arrays: list[Array] = [*base.columns.values(), *base.present.values()]
    arrays += [part for lists in base.lists.values() for part in (lists.rows, lists.values)]
    assert base.nbytes() == sum(part.nbytes for part in arrays)
    assert base.nbytes() >= capacity * (6 * 8 + 1)
    assert empty_segment(BUCKET).nbytes() == 0


def test_all_empty_segments_of_a_schema_are_one_object() -> None:
    """Each append to the empty segment has arrays of its own."""
    empty = empty_segment(BUCKET)
    assert empty is empty_segment(BUCKET)
    one, two = empty.append(segment([bucket(0)])), empty.append(segment([bucket(1)]))
    assert (empty.length, len(empty.columns["timestamp"])) == (0, 0)
    assert not np.shares_memory(one.columns["timestamp"], two.columns["timestamp"])
    assert (empty.present, empty.lists) == ({}, {})


# ---- check


FAULTS: list[Callable[[Segment], object]] = [
    lambda found: found.columns["timestamp"].__setitem__(2, STEP),
    lambda found: found.columns["timestamp"].__setitem__(0, 5 * STEP),
    lambda found: setattr(found, "columns", without(found.columns, "event_count")),
    lambda found: setattr(found, "columns", {**found.columns, "event_count": found.columns["anomaly_score"]}),
    lambda found: setattr(found, "columns", {**found.columns, "event_count": found.columns["event_count"][:2]}),
    lambda found: setattr(found, "present", {"anomaly_score": np.ones(3, dtype=np.bool_)}),
    lambda found: setattr(found, "present", {"event_count": np.ones(2, dtype=np.bool_)}),
    lambda found: setattr(found, "present", {"event_count": np.zeros(3, dtype=np.bool_)}),
    lambda found: setattr(
        found,
        "lists",
        {"scheduled_events": SparseLists(array(2, 1), SparseLists.of_tuples([("a",), ("b",)]).values, 2)},
    ),
    lambda found: setattr(
        found, "lists", {"scheduled_events": SparseLists(array(-1), SparseLists.of_tuples([("a",)]).values, 1)}
    ),
    lambda found: setattr(
        found, "lists", {"scheduled_events": SparseLists(array(3), SparseLists.of_tuples([("a",)]).values, 1)}
    ),
    lambda found: setattr(found, "lists", {"scheduled_events": SparseLists(array(0), np.array([None]), 1)}),
    lambda found: setattr(found, "lists", {"scheduled_events": SparseLists.of_rows([0], [5])}),
    lambda found: setattr(found, "lists", {"event.ingested": SparseLists.of_rows([0], [("a",)])}),
    lambda found: setattr(found, "lists", {"event.ingested": SparseLists.of_rows([3], [5])}),
]


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_check_finds_each_fault(fault: int) -> None:
    """The faults are rows out of order, repeated rows, and wrong columns, masks and lists."""
    faulty(lambda _: None).check()
    with pytest.raises(AssertionError):
        faulty(FAULTS[fault]).check()


def test_the_helpers_cover_every_array_of_a_segment() -> None:
    """``addresses`` lists every array, and ``moved`` distinguishes a copy from a shared array."""
    base = segment([bucket(0, **FULL), bucket(1)])
    assert len(addresses(base)) == len(base.columns) + len(base.present) + 2 * len(base.lists)
    assert moved(base, base) == set()
    assert moved(base, base.select(np.arange(2))) == {*addresses(base)}


# ---- keyword columns


def keywords_of(source: Segment, name: str) -> list[str | None]:
    """The keywords of a column, row by row; None if a keyword is missing."""
    found: list[str | None] = source.values(name, slice(0, source.length)).tolist()
    return found


def documents(*keywords: str | None, first: int = 0) -> list[dict[str, Any]]:
    """Records of consecutive buckets: one ``by_field_value`` each, and the same ``function`` in all."""
    return [record(first + row, by_field_value=keyword, function="mean") for row, keyword in enumerate(keywords)]


def records(*keywords: str | None, first: int = 0) -> Segment:
    """Records of consecutive buckets as a segment, one ``by_field_value`` each."""
    return segment(documents(*keywords, first=first), RECORD)


def roomy_records(*keywords: str | None) -> Segment:
    """A segment of the records that ``records`` gives, with spare capacity."""
    return with_room(documents(*keywords), RECORD)


def test_known_keywords_are_appended_in_place() -> None:
    """Both segments share the dictionary, and no column is copied."""
    old = roomy_records("b", None, "a")
    new = old.append(records("a", None, "b", first=3))
    new.check()
    assert keywords_of(new, "by_field_value") == ["b", None, "a", "a", None, "b"]
    assert keywords_of(old, "by_field_value") == ["b", None, "a"]
    assert moved(old, new) == set()


def test_a_new_keyword_copies_only_its_own_column() -> None:
    """The keyword changes the codes of that column, so the older segment does not share them."""
    old = roomy_records("b", None, "d")
    for keyword in ("a", "c", "e"):
        new = old.append(records(keyword, first=3))
        new.check()
        old.check()
        assert keywords_of(new, "by_field_value") == ["b", None, "d", keyword]
        assert keywords_of(old, "by_field_value") == ["b", None, "d"]
        assert moved(old, new) == {"by_field_value", "keywords of by_field_value"}
        old = roomy_records("b", None, "d")


def test_an_append_may_bring_the_first_keyword_of_a_column() -> None:
    """A column without keywords has no dictionary."""
    old = roomy_records(None, None)
    assert "by_field_value" not in old.dictionaries
    new = old.append(records("a", first=2))
    new.check()
    assert keywords_of(new, "by_field_value") == [None, None, "a"]
    assert keywords_of(new.append(records(None, first=3)), "by_field_value") == [None, None, "a", None]


def test_a_replace_may_change_keywords() -> None:
    """Only columns that differ are copied. The dictionary gets the new keywords in the new segment only."""
    old = roomy_records("a", "b", "c")
    same = old.replace(np.array([0, 2]), records("a", "b", "c").select(np.array([0, 2])))
    assert moved(old, same) == set()
    other = segment([record(0, function="rare"), record(2, function="min")], RECORD)
    new = old.replace(np.array([0, 2]), other)
    new.check()
    assert keywords_of(new, "function") == ["rare", "mean", "min"]
    assert keywords_of(new, "by_field_value") == [None, "b", None]
    assert keywords_of(old, "function") == ["mean"] * 3
    assert moved(old, new) == {"function", "keywords of function", "by_field_value"}
    newest = new.append(records("z", first=3))
    newest.check()
    assert keywords_of(newest, "function") == ["rare", "mean", "min", "mean"]


def test_a_pickled_segment_has_its_keywords() -> None:
    """Codes and dictionaries are pickled together."""
    old = records("b", None, "a")
    found = pickle.loads(pickle.dumps(old))
    found.check()
    assert stored(found) == stored(old)
    assert old.nbytes() > records(None, None, None).nbytes()


# ---- value indexes

INDEXED = ("anomaly_score", "event_count")


@pytest.fixture
def small_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let segments of few rows have value indexes.

    A value index may be ten rows behind, plus one row for every four rows that it covers.
    """
    lead_by_value(monkeypatch, behind=10)
    resize(monkeypatch, covered_per_row_behind=4)


def scored(first: int, stop: int) -> list[dict[str, Any]]:
    """The buckets of some rows, all with a score, a count and a processing time."""
    return [
        bucket(row, anomaly_score=row * 37 % 100, event_count=row * 7 % 50, processing_time_ms=row % 3)
        for row in range(first, stop)
    ]


def value_index_of(source: Segment, name: str = "anomaly_score", *, desc: bool = True) -> ValueIndex:
    """The value index of a column and direction, which must exist."""
    found = source.value_index(name, desc=desc)
    assert found is not None
    return found


def made_indexes(source: Segment) -> dict[tuple[str, bool], ValueIndex]:
    """The value indexes made until now, by column and direction."""
    return {} if source._indexes is None else source._indexes._made


@pytest.mark.usefixtures("small_indexes")
def test_each_column_and_direction_gets_one_value_index() -> None:
    """The first read makes the value index, for numbers of any dtype and for doubles with missing values."""
    base = segment([*scored(0, 60), *({**given, "anomaly_score": None} for given in scored(60, 70))])
    assert made_indexes(base) == {}
    found = {}
    for name in ("anomaly_score", "initial_anomaly_score", "event_count", "processing_time_ms", "is_interim"):
        assert (name in base.present) == (name == "is_interim")
        for desc in (False, True):
            if name in base.present:
                assert base.value_index(name, desc=desc) is None
                continue
            found[name, desc] = value_index = value_index_of(base, name, desc=desc)
            assert value_index.covered == 70
            value_index.check(sort_keys_of(base.column(name), desc=desc))
            assert value_index_of(base, name, desc=desc) is value_index
    assert made_indexes(base) == found
    base.check()
    edges = [level.edge for level in value_index_of(base).levels]
    assert 75.0 in edges, "severity thresholds are level edges of the score"


def test_few_rows_have_no_value_index() -> None:
    """Comparing sixty values is as fast as reading a value index."""
    assert segment(scored(0, 60)).value_index("anomaly_score", desc=True) is None


@pytest.mark.usefixtures("small_indexes")
def test_keywords_and_columns_with_a_mask_have_no_value_index() -> None:
    """The numbers stored in such columns do not compare as their values do."""
    base = segment([record(row, function="mean", record_score=row) for row in range(40)], RECORD)
    assert base.value_index("function", desc=True) is None
    assert base.value_index("by_field_value", desc=True) is None
    assert value_index_of(base, "record_score").best == 39.0
    gaps = segment([*scored(0, 40), bucket(40, anomaly_score=3.0)])
    assert gaps.value_index("event_count", desc=True) is None
    assert value_index_of(gaps).covered == 41


@pytest.mark.usefixtures("small_indexes")
def test_a_writer_extends_value_indexes_that_are_behind() -> None:
    """An append extends indexes that are far behind, to its own rows. Until then, readers use them as they are."""
    whole = scored(0, 100)
    made = with_room(whole[:60])
    value_index = value_index_of(made)
    by_count = value_index_of(made, "event_count", desc=False)
    near = made.append(segment(whole[60:69]))
    assert value_index_of(near) is value_index, "nine rows are compared one by one"
    far = near.append(segment(whole[69:72]))
    assert value_index_of(far).covered == 72, "the rows just appended are included"
    maintained = far.append(segment(whole[72:75]))
    assert value_index_of(maintained) is value_index_of(far)
    assert value_index_of(maintained, "event_count", desc=False).covered == 72
    assert value_index_of(maintained)._made_of == 60, "it was maintained, not rebuilt"
    assert (value_index.covered, by_count.covered) == (60, 60)
    for older in (made, near, far, maintained):
        older.check()
        assert value_index_of(older).covered == (60 if older in {made, near} else 72), (
            "an append does not change the indexes of older segments"
        )
    value_index.check(made.column("anomaly_score"))


@pytest.mark.usefixtures("small_indexes")
def test_a_writer_extends_value_indexes_of_different_ages_together() -> None:
    """If one index is far behind, the writer extends all of them, even one made a few rows ago."""
    whole = scored(0, 75)
    made = with_room(whole[:60])
    old = value_index_of(made)
    near = made.append(segment(whole[60:69]))
    young = value_index_of(near, "event_count", desc=False)
    far = near.append(segment(whole[69:72]))
    assert (old.covered, young.covered) == (60, 69)
    maintained = far.append(segment(whole[72:75]))
    assert (value_index_of(maintained).covered, value_index_of(maintained)._made_of) == (72, 60)
    young_maintained = value_index_of(maintained, "event_count", desc=False)
    assert (young_maintained.covered, young_maintained._made_of) == (72, 69)
    maintained.check()


@pytest.mark.usefixtures("small_indexes")
def test_an_append_of_a_single_row_extends_value_indexes() -> None:
    """The test is needed because ``append_row`` does not run the code that appends a batch."""
    whole = pack(segment(scored(0, 100)))
    newest = with_room(scored(0, 70))
    value_index_of(newest)
    for at in range(70, 100):
        row = whole.row(layout(), at)
        newest = newest.append_row(layout(), row) or newest.append(segment_of_rows(layout(), [row]))
    assert newest.length == 100
    assert (value_index_of(newest).covered, value_index_of(newest)._made_of) == (90, 70)
    newest.check()


@pytest.mark.usefixtures("small_indexes")
def test_a_reader_rebuilds_a_value_index_that_is_too_far_behind() -> None:
    """A reader also rebuilds an index if the rows have doubled since it was made."""
    whole = scored(0, 200)
    made = with_room(whole[:60])
    value_index_of(made)
    near, newest = with_room(whole[:85]), with_room(whole[:86])
    near._indexes = newest._indexes = made._indexes
    assert value_index_of(near).covered == 60, "25 rows behind are not too many"
    assert (value_index_of(newest).covered, value_index_of(newest)._made_of) == (86, 86), "26 rows behind are"
    for first in range(86, 176, 15):
        newest = newest.append(segment(whole[first : first + 15]))
        if newest.length < 173:
            assert value_index_of(newest)._made_of == 86
    outgrown = newest.append(segment(whole[176:178]))
    assert (value_index_of(outgrown).covered, value_index_of(outgrown)._made_of) == (178, 178)
    outgrown.check()


@pytest.mark.usefixtures("small_indexes")
@pytest.mark.parametrize("method", ["replace", "rescore"])
def test_a_writer_corrects_value_indexes(method: str) -> None:
    """The writer corrects both directions of a changed column. The indexes of other columns and of older segments stay.

    Appends then extend the corrected indexes.
    """
    base = with_room(scored(0, 60))
    before = {(name, desc): value_index_of(base, name, desc=desc) for name in INDEXED for desc in (False, True)}
    changed = array(0, 17, 59)
    if method == "replace":
        others = [{**given, "anomaly_score": 88.5} for given in scored(0, 60) if given["timestamp"] // STEP in changed]
        newest = base.replace(changed, segment(others))
    else:
        newest = base.rescore(changed, np.full(3, 88.5))
    for (name, desc), older in before.items():
        assert value_index_of(base, name, desc=desc) is older
        corrected = value_index_of(newest, name, desc=desc)
        assert (corrected is older) == (name != "anomaly_score")
        assert corrected._made_of == 60
    newest.check()
    base.check()
    grown = newest.append(segment(scored(60, 72))).append(segment(scored(72, 74)))
    assert value_index_of(grown).covered == 72
    for each in (base, newest, grown):
        each.check()


@pytest.mark.usefixtures("small_indexes")
@pytest.mark.parametrize("method", ["replace", "rescore"])
def test_many_changes_drop_a_value_index(method: str) -> None:
    """The next read makes the value index again. A write to a segment without value indexes makes none."""
    base = with_room(scored(0, 60))
    changed = np.arange(16)

    def write(older: Segment) -> Segment:
        others = [{**given, "anomaly_score": 0.5} for given in scored(0, 16)]
        return (
            older.replace(changed, segment(others)) if method == "replace" else older.rescore(changed, np.full(16, 0.5))
        )

    assert write(base)._indexes is None
    older, _ = value_index_of(base), value_index_of(base, "event_count")
    newest = write(base)
    assert [name for name, _ in made_indexes(newest)] == ["event_count"]
    assert value_index_of(newest).best == 99.0
    assert value_index_of(base) is older
    newest.check()


@pytest.mark.usefixtures("small_indexes")
def test_check_tests_value_indexes() -> None:
    """A segment checks the indexes that cover no more rows than it has; newer segments check the others."""
    base = with_room(scored(0, 60))
    own = value_index_of(base, "event_count")
    later = base.append(segment(scored(60, 65)))
    newer = value_index_of(later)
    assert (own.covered, newer.covered) == (60, 65)
    assert base._indexes is later._indexes, "both begin with the same rows"
    later.check()
    newer.levels[0].entries()[1][0] = -1
    with pytest.raises(AssertionError):
        later.check()
    base.check()
    own.levels[0].entries()[1][0] = -1
    with pytest.raises(AssertionError):
        base.check()


@pytest.mark.usefixtures("small_indexes")
def test_value_indexes_count_in_nbytes_and_are_not_pickled() -> None:
    """The first read after unpickling makes them again."""
    for base in (with_room(scored(0, 60)), pack(segment(scored(0, 60))), with_room(scored(0, 100))):
        bare = base.nbytes()
        value_index = value_index_of(base)
        assert base.nbytes() == bare + value_index.nbytes() > bare
        unpickled = pickle.loads(pickle.dumps(base))
        assert unpickled._indexes is None
        assert stored(unpickled) == stored(base)
