"""Segments: columns in identity order, what is copied and what is shared, and what a reader of an older one sees."""

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


def array(*these: int) -> Int64s:
    """Rows as an array."""
    return np.array(these, dtype=np.int64)


def with_room(documents: list[dict[str, Any]], schema: Schema = BUCKET) -> Segment:
    """A segment that has room for more: the first rows have none."""
    first = empty_segment(schema, sizes()).append(segment(documents[:1], schema))
    return first.append(segment(documents[1:], schema))


def chain(*parts: list[dict[str, Any]]) -> list[Segment]:
    """A segment, and what it became with each further part behind it."""
    made = [with_room(parts[0])]
    for part in parts[1:]:
        made.append(made[-1].append(segment(part)))
    return made


def faulty(change: Callable[[Segment], object]) -> Segment:
    """A segment of three rows that was tampered with."""
    found = with_room([bucket(0, **FULL), bucket(1), bucket(2, **FULL)])
    change(found)
    return found


# ---- append


def test_an_append_within_capacity_copies_nothing() -> None:
    """Row by row, the columns and masks lie where they lay, and lists move only when their own room is used up."""
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


def test_all_growth_together_copies_a_few_rows_for_each_row() -> None:
    """Amortised: with an eighth to spare at each copy, ten thousand rows in order are copied less than ten times."""
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


def test_older_segments_see_nothing_of_what_is_appended() -> None:
    """Their columns, masks and lists end where they ended, in shared arrays too."""
    made = chain(rows(0, 2, **FULL), rows(2, 4), rows(4, 6, **FULL), rows(6, 40, **FULL))
    for older, length in zip(made, (2, 4, 6, 40), strict=True):
        older.check()
        expected = [*rows(0, 2, **FULL), *rows(2, 4), *rows(4, 40, **FULL)][:length]
        assert stored(older) == stored(segment(expected))
        assert [len(older.column(name)) for name in older.columns] == [length] * len(older.columns)
        assert len(older.mask("event_count")) == length


def test_a_mask_may_begin_with_any_append() -> None:
    """What every row had so far is present in all of them."""
    first, second = chain(rows(0, 3, **FULL), [without(bucket(3, **FULL), "event_count")])
    assert "event_count" not in first.present
    assert second.mask("event_count").tolist() == [True, True, True, False]
    assert "event_count" not in first.present
    third = second.append(segment([bucket(4, **FULL)]))
    assert third.mask("event_count").tolist() == [True, True, True, False, True]
    assert sorted(third.present) == ["event_count"]


def test_what_was_appended_to_no_end_is_overwritten() -> None:
    """A segment that nobody published leaves garbage behind the one before it, in columns, masks and lists."""
    base = chain(rows(0, 4, **FULL), [bucket(4)])[-1]
    kept = stored(base)
    lost = base.append(segment(rows(5, 8, **{**FULL, "event_count": 99, "scheduled_events": ["lost"]})))
    assert moved(base, lost) == set()
    again = base.append(segment([bucket(5), bucket(6, **FULL)]))
    again.check()
    assert stored(base) == kept
    assert stored(again) == kept + stored(segment([bucket(5), bucket(6, **FULL)]))
    assert again.mask("event_count").tolist() == [True] * 4 + [False, False, True]
    assert again.lists_at("scheduled_events", slice(0, 7)) == [("a",)] * 4 + [(), (), ("a",)]


def test_nothing_appended_changes_nothing() -> None:
    """Not even the room."""
    base = chain(rows(0, 4, **FULL))[0]
    same = base.append(empty_segment(BUCKET))
    assert (same.length, moved(base, same)) == (4, set())
    assert stored(same) == stored(base)


# ---- replace


def test_replacing_copies_only_what_differs() -> None:
    """The other columns stay shared, masks and lists too, and the older segment has its values."""
    base = chain([*rows(0, 20, **FULL), bucket(20)])[0]
    kept = stored(base)
    others = segment([bucket(row, **{**FULL, "anomaly_score": 9.0}) for row in (3, 4, 19)])
    found = base.replace(array(3, 4, 19), others)
    found.check()
    assert moved(base, found) == {"anomaly_score"}
    assert stored(base) == kept
    assert stored(found) == [*kept[:3], *stored(others)[:2], *kept[5:19], stored(others)[2], kept[20]]
    assert len(found.columns["anomaly_score"]) == len(base.columns["anomaly_score"]), "its room stays"


@pytest.mark.parametrize("fields", [{}, FULL], ids=["missing", "full"])
def test_replacing_with_the_same_copies_nothing(fields: dict[str, Any]) -> None:
    """A missing score is the same as a missing score, and no list as no list."""
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
def test_each_mask_and_list_is_copied_for_itself(name: str, other: Any, copied: set[str]) -> None:
    """Where one field differs, nothing else is; a mask that begins is new."""
    for base in chain(rows(0, 5, **FULL), [bucket(5)]):
        found = base.replace(array(1, 2), segment(rows(1, 3, **{**FULL, name: other})))
        found.check()
        assert moved(base, found) == copied & set(addresses(base))
        assert stored(found)[1:3] == stored(segment(rows(1, 3, **{**FULL, name: other})))
        assert stored(base)[:5] == stored(segment(rows(0, 5, **FULL)))


def test_replacing_may_give_what_was_missing_and_take_what_was_there() -> None:
    """In columns and lists, for any rows."""
    base = chain([bucket(0, **FULL), bucket(1), bucket(2, **FULL), bucket(3)])[0]
    kept = stored(base)
    others = segment([bucket(1, **FULL), bucket(2)])
    found = base.replace(array(1, 2), others)
    found.check()
    assert stored(found) == [kept[0], *stored(others), kept[3]]
    assert stored(base) == kept
    full = chain(rows(0, 3, **FULL))[0]
    emptied = full.replace(array(0, 1, 2), segment(rows(0, 3)))
    emptied.check()
    assert stored(emptied) == stored(segment(rows(0, 3)))
    assert stored(full) == stored(segment(rows(0, 3, **FULL)))


def test_a_replaced_segment_appends_without_a_trace_in_the_older() -> None:
    """Shared columns take the new rows beyond what the older one sees, copied ones do so apart."""
    base = chain(rows(0, 5, **FULL))[0]
    kept = stored(base)
    replaced = base.replace(array(4), segment([bucket(4, **{**FULL, "event_count": 1, "scheduled_events": []})]))
    grown = replaced.append(segment([bucket(5), bucket(6, **FULL)]))
    grown.check()
    assert moved(replaced, grown) & {*base.columns} == set()
    assert stored(base) == kept
    assert [row[0] // STEP for row in stored(grown)] == [*range(7)]
    assert stored(grown)[4][4] == 1
    assert grown.lists_at("scheduled_events", slice(3, 7)) == [("a",), (), (), ("a",)]


def test_the_first_rows_lie_where_all_lie() -> None:
    """The others are room for whoever appends; packed rows are copied, and all rows are the segment itself."""
    documents = [*rows(0, 3, **FULL), bucket(3), bucket(4, **FULL)]
    base = segment(documents)
    found = base.prefix(3)
    found.check()
    assert stored(found) == stored(segment(documents[:3]))
    assert moved(base, found) == set()
    grown = found.append(segment([bucket(9)]))
    grown.check()
    assert moved(found, grown) & {*found.columns} == set()
    assert stored(grown) == stored(segment([*documents[:3], bucket(9)]))
    assert base.prefix(5) is base
    packed = pack(segment(documents))
    assert stored(packed.prefix(4)) == stored(segment(documents[:4]))
    assert packed.prefix(5) is packed
    assert segment([bucket(0), bucket(1, **FULL)]).prefix(1).lists == {}


# ---- reading


def test_a_selection_is_a_copy() -> None:
    """Of any rows, with their masks and lists."""
    base = segment([bucket(0, **FULL), bucket(1), bucket(2, **FULL)])
    found = base.select(array(0, 2))
    found.check()
    assert stored(found) == [stored(base)[0], stored(base)[2]]
    assert not any(np.shares_memory(base.columns[name], found.columns[name]) for name in base.columns)
    assert base.select(array()).length == 0
    assert base.select(array(1)).lists == {}


def test_missing_is_told_for_rows_asked_for() -> None:
    """As an array or a slice; None where no row at all misses the field."""
    base = chain([bucket(0, **FULL), bucket(1)])[0]
    for asked in (slice(0, 2), array(0, 1)):
        for name in ("anomaly_score", "event_count"):
            found = base.missing(name, asked)
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


@pytest.mark.parametrize("asked", [*SLICES, *ARRAYS], ids=repr)
def test_lists_are_taken_in_the_order_asked_for(asked: slice | Int64s) -> None:
    """Empty where a row has none; a slice may run backwards, an array be in any order."""
    lists = SparseLists(array(1, 2, 5, 99), SparseLists.of_tuples([("b",), ("c",), ("f",), ("garbage",)]).values, 3)
    expected = [(), ("b",), ("c",), (), (), ("f",)]
    wanted = expected[asked] if isinstance(asked, slice) else [expected[row] for row in asked.tolist()]
    with_lists = Segment(BUCKET, 6, segment(rows(0, 6)).columns, {}, {}, {"scheduled_events": lists})
    assert with_lists.lists_at("scheduled_events", asked) == wanted
    assert with_lists.lists_at("bucket_influencers", asked) == [()] * len(wanted)


def test_a_segment_travels_with_its_values() -> None:
    """Pickled, with masks and lists."""
    base = segment([bucket(0, **FULL), bucket(1)])
    found = pickle.loads(pickle.dumps(base))
    found.check()
    assert stored(found) == stored(base)
    assert found.schema is BUCKET


def test_bytes_are_those_of_the_arrays() -> None:
    """Spare room included; of lists the pointers and rows."""
    base = chain([bucket(0, **FULL), bucket(1)])[0]
    capacity = len(base.columns["timestamp"])
    arrays: list[Array] = [*base.columns.values(), *base.present.values()]
    arrays += [part for lists in base.lists.values() for part in (lists.rows, lists.values)]
    assert base.nbytes() == sum(part.nbytes for part in arrays)
    assert base.nbytes() >= capacity * (6 * 8 + 1)
    assert empty_segment(BUCKET).nbytes() == 0


def test_nothing_is_one_segment() -> None:
    """Shared by all that are empty; whoever appends to it gets arrays of his own."""
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
]


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_a_check_notices(fault: int) -> None:
    """Rows out of order or twice, wrong columns, masks and lists."""
    faulty(lambda _: None).check()
    with pytest.raises(AssertionError):
        faulty(FAULTS[fault]).check()


def test_the_helpers_find_their_segments() -> None:
    """What these tests are made of looks at every array of a segment, and knows a copy from a view."""
    base = segment([bucket(0, **FULL), bucket(1)])
    assert len(addresses(base)) == len(base.columns) + len(base.present) + 2 * len(base.lists)
    assert moved(base, base) == set()
    assert moved(base, base.select(np.arange(2))) == {*addresses(base)}


# ---- columns of texts


def texts_of(source: Segment, name: str) -> list[str | None]:
    """The texts of a column."""
    found: list[str | None] = source.values(name, slice(0, source.length)).tolist()
    return found


def documents(*texts: str | None, first: int = 0) -> list[dict[str, Any]]:
    """Records of consecutive buckets, each with a text of its own in one field, and ``function`` in all."""
    return [record(first + row, by_field_value=text, function="mean") for row, text in enumerate(texts)]


def records(*texts: str | None, first: int = 0) -> Segment:
    """Those records as a segment."""
    return segment(documents(*texts, first=first), RECORD)


def roomy_records(*texts: str | None) -> Segment:
    """The same with room for more."""
    return with_room(documents(*texts), RECORD)


def test_known_texts_are_appended_in_place() -> None:
    """The dictionary is shared, and no column is copied."""
    old = roomy_records("b", None, "a")
    new = old.append(records("a", None, "b", first=3))
    new.check()
    assert texts_of(new, "by_field_value") == ["b", None, "a", "a", None, "b"]
    assert texts_of(old, "by_field_value") == ["b", None, "a"]
    assert moved(old, new) == set()


def test_a_new_text_moves_its_own_column_only() -> None:
    """The codes of that column change, so the old segment keeps its own."""
    old = roomy_records("b", None, "d")
    for text in ("a", "c", "e"):
        new = old.append(records(text, first=3))
        new.check()
        old.check()
        assert texts_of(new, "by_field_value") == ["b", None, "d", text]
        assert texts_of(old, "by_field_value") == ["b", None, "d"]
        assert moved(old, new) == {"by_field_value", "texts of by_field_value"}
        old = roomy_records("b", None, "d")


def test_the_first_text_of_a_column_may_come_late() -> None:
    """Where no row had one there was no dictionary."""
    old = roomy_records(None, None)
    assert "by_field_value" not in old.dictionaries
    new = old.append(records("a", first=2))
    new.check()
    assert texts_of(new, "by_field_value") == [None, None, "a"]
    assert texts_of(new.append(records(None, first=3)), "by_field_value") == [None, None, "a", None]


def test_rows_with_other_texts_are_replaced() -> None:
    """Only what differs is copied; new texts come into the dictionary, and the old segment stays as it was."""
    old = roomy_records("a", "b", "c")
    same = old.replace(np.array([0, 2]), records("a", "b", "c").select(np.array([0, 2])))
    assert moved(old, same) == set()
    other = segment([record(0, function="rare"), record(2, function="min")], RECORD)
    new = old.replace(np.array([0, 2]), other)
    new.check()
    assert texts_of(new, "function") == ["rare", "mean", "min"]
    assert texts_of(new, "by_field_value") == [None, "b", None]
    assert texts_of(old, "function") == ["mean"] * 3
    assert moved(old, new) == {"function", "texts of function", "by_field_value"}
    newest = new.append(records("z", first=3))
    newest.check()
    assert texts_of(newest, "function") == ["rare", "mean", "min", "mean"]


def test_a_segment_with_texts_travels() -> None:
    """Codes and dictionaries go together."""
    old = records("b", None, "a")
    found = pickle.loads(pickle.dumps(old))
    found.check()
    assert stored(found) == stored(old)
    assert old.nbytes() > records(None, None, None).nbytes()


# ---- value indexes

LED = ("anomaly_score", "event_count")


@pytest.fixture
def led(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows have value indexes, too, which may be ten rows behind and a quarter of their own more."""
    lead_by_value(monkeypatch, behind=10)
    resize(monkeypatch, covered_per_row_behind=4)


def scored(first: int, stop: int) -> list[dict[str, Any]]:
    """The buckets of some rows, all with a score, a count and a time that it took."""
    return [
        bucket(row, anomaly_score=row * 37 % 100, event_count=row * 7 % 50, processing_time_ms=row % 3)
        for row in range(first, stop)
    ]


def value_index_of(source: Segment, name: str = "anomaly_score", *, desc: bool = True) -> ValueIndex:
    """The value index that must be there."""
    found = source.value_index(name, desc=desc)
    assert found is not None
    return found


def made_of(source: Segment) -> dict[tuple[str, bool], ValueIndex]:
    """The value indexes that there are, by column and direction."""
    return {} if source._indexes is None else source._indexes._made


@pytest.mark.usefixtures("led")
def test_a_value_index_is_made_once_for_each_order() -> None:
    """When it is first asked for: of numbers of any dtype, forwards and backwards; of doubles missing ones too."""
    base = segment([*scored(0, 60), *({**given, "anomaly_score": None} for given in scored(60, 70))])
    assert made_of(base) == {}
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
    assert made_of(base) == found
    base.check()
    edges = [level.edge for level in value_index_of(base).levels]
    assert 75.0 in edges, "the marks of severity are thresholds of the score"


def test_few_rows_have_no_value_index() -> None:
    """They are compared as quickly."""
    assert segment(scored(0, 60)).value_index("anomaly_score", desc=True) is None


@pytest.mark.usefixtures("led")
def test_texts_and_what_may_be_missing_have_no_value_index() -> None:
    """Their values do not compare as they are stored."""
    base = segment([record(row, function="mean", record_score=row) for row in range(40)], RECORD)
    assert base.value_index("function", desc=True) is None
    assert base.value_index("by_field_value", desc=True) is None
    assert value_index_of(base, "record_score").best == 39.0
    gaps = segment([*scored(0, 40), bucket(40, anomaly_score=3.0)])
    assert gaps.value_index("event_count", desc=True) is None
    assert value_index_of(gaps).covered == 41


@pytest.mark.usefixtures("led")
def test_a_writer_keeps_value_indexes_up() -> None:
    """Those that have fallen behind far enough, before others come; readers meanwhile take the value index as it is."""
    whole = scored(0, 100)
    made = with_room(whole[:60])
    value_index = value_index_of(made)
    by_count = value_index_of(made, "event_count", desc=False)
    near = made.append(segment(whole[60:69]))
    assert value_index_of(near) is value_index, "nine rows are compared one by one"
    far = near.append(segment(whole[69:72]))
    assert value_index_of(far) is value_index
    maintained = far.append(segment(whole[72:75]))
    assert value_index_of(maintained).covered == 72
    assert value_index_of(maintained, "event_count", desc=False).covered == 72
    assert value_index_of(maintained)._made_of == 60, "it was maintained, not rebuilt"
    assert (value_index.covered, by_count.covered) == (60, 60)
    for older in (made, near, far, maintained):
        older.check()
        assert value_index_of(older).covered == (72 if older is maintained else 60), (
            "no commit that may fail is seen in it"
        )
    value_index.check(made.column("anomaly_score"))


@pytest.mark.usefixtures("led")
def test_value_indexes_of_different_age_are_maintained_together() -> None:
    """The writer brings all of them up if one is far behind, though another was made a few rows ago."""
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


@pytest.mark.usefixtures("led")
def test_a_single_row_keeps_value_indexes_up_too() -> None:
    """It is appended in a way of its own."""
    whole = pack(segment(scored(0, 100)))
    newest = with_room(scored(0, 70))
    value_index_of(newest)
    for at in range(70, 100):
        row = whole.row(layout(), at)
        newest = newest.append_row(layout(), row) or newest.append(segment_of_rows(layout(), [row]))
    assert newest.length == 100
    assert (value_index_of(newest).covered, value_index_of(newest)._made_of) == (90, 70)
    newest.check()


@pytest.mark.usefixtures("led")
def test_a_value_index_too_far_behind_is_made_anew() -> None:
    """Or one whose rows have become twice as many since it was made; by whoever asks."""
    whole = scored(0, 200)
    made = with_room(whole[:60])
    value_index_of(made)
    at_once = made.append(segment(whole[60:86]))
    assert (value_index_of(at_once).covered, value_index_of(at_once)._made_of) == (86, 86), (
        "25 are not too many, 26 are"
    )
    newest = at_once
    for first in range(86, 176, 15):
        newest = newest.append(segment(whole[first : first + 15]))
        if newest.length < 173:
            assert value_index_of(newest)._made_of == 86
    outgrown = newest.append(segment(whole[176:178]))
    assert (value_index_of(outgrown).covered, value_index_of(outgrown)._made_of) == (178, 178)
    outgrown.check()


@pytest.mark.usefixtures("led")
@pytest.mark.parametrize("way", ["replace", "rescore"])
def test_a_writer_corrects_value_indexes(way: str) -> None:
    """Of the columns in which something differs, each direction; the others, and those of older segments, stay."""
    base = with_room(scored(0, 60))
    before = {(name, desc): value_index_of(base, name, desc=desc) for name in LED for desc in (False, True)}
    changed = array(0, 17, 59)
    if way == "replace":
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


@pytest.mark.usefixtures("led")
@pytest.mark.parametrize("way", ["replace", "rescore"])
def test_many_changes_let_a_value_index_go(way: str) -> None:
    """It is made anew when it is asked for; where there was none, there is none."""
    base = with_room(scored(0, 60))
    changed = np.arange(16)

    def write(older: Segment) -> Segment:
        others = [{**given, "anomaly_score": 0.5} for given in scored(0, 16)]
        return older.replace(changed, segment(others)) if way == "replace" else older.rescore(changed, np.full(16, 0.5))

    assert write(base)._indexes is None
    older, _ = value_index_of(base), value_index_of(base, "event_count")
    newest = write(base)
    assert [name for name, _ in made_of(newest)] == ["event_count"]
    assert value_index_of(newest).best == 99.0
    assert value_index_of(base) is older
    newest.check()


@pytest.mark.usefixtures("led")
def test_a_check_looks_at_value_indexes() -> None:
    """At those that know no more rows than the segment; of the others the newer segment knows."""
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


@pytest.mark.usefixtures("led")
def test_value_indexes_have_bytes_and_do_not_travel() -> None:
    """Whoever unpickles a segment makes them anew."""
    for base in (with_room(scored(0, 60)), pack(segment(scored(0, 60))), with_room(scored(0, 100))):
        bare = base.nbytes()
        value_index = value_index_of(base)
        assert base.nbytes() == bare + value_index.nbytes() > bare
        travelled = pickle.loads(pickle.dumps(base))
        assert travelled._indexes is None
        assert stored(travelled) == stored(base)
