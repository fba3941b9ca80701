"""Descriptions: the keywords of records beside their identity, each one once, with a code for each side of a change."""

import pickle
import tracemalloc
from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery.jobs.descriptions import (
    ABSENT,
    DESCRIPTIVE,
    Descriptions,
    Side,
    constant,
    described,
    described_in,
    descriptions_of,
    merged_descriptions,
)
from bucketquery.model.schema import RECORD
from support.helpers import record, segment

Shown = list[tuple[str | None, ...] | None]


def shown(side: Side) -> Shown:
    """The description of each record; None if there is none."""
    return [None if code == ABSENT else side.distinct[code] for code in side.codes.tolist()]


def sides(descriptions: Descriptions) -> tuple[Shown, Shown]:
    """The descriptions before and after each change."""
    distinct, before, after = descriptions
    return shown(Side(distinct, before)), shown(Side(distinct, after))


def of(function: str | None) -> tuple[str | None, ...]:
    """The description of a record with a function and nothing else."""
    return tuple(function if name == "function" else None for name in DESCRIPTIVE)


def side_of(*functions: str) -> Side:
    """A side of records with these functions."""
    return described(segment([record(row, function=name) for row, name in enumerate(functions)], RECORD), np.arange(2))


def test_a_description_is_what_the_identity_lacks() -> None:
    """The six keywords of a record that its key does not have."""
    assert sorted(DESCRIPTIVE) == [
        "by_field_name",
        "field_name",
        "function",
        "function_description",
        "over_field_name",
        "partition_field_name",
    ]


@pytest.mark.parametrize("length", [0, 1, 2, 16, 17, 40, 300])
@pytest.mark.parametrize("keywords", [1, 2, 5, 200])
def test_any_rows_have_the_descriptions_of_their_documents(length: int, keywords: int) -> None:
    """Few rows and many, few keywords and many, some missing, in slices and apart."""
    rng = Random(f"{length} {keywords}")
    names = rng.sample(DESCRIPTIVE, rng.randrange(len(DESCRIPTIVE) + 1))
    documents = []
    for row in range(400):
        drawn: dict[str, Any] = {name: f"k{rng.randrange(keywords)}" for name in names if rng.random() < 0.8}
        documents.append(record(row, **drawn, **({"field_name": "load"} if "field_name" not in names else {})))
    stored = segment(documents, RECORD)
    plain = [tuple(document.get(name) for name in DESCRIPTIVE) for document in documents]
    numbers = np.array(sorted(rng.sample(range(400), length)), dtype=np.int64)
    for rows in (slice(50, 50 + length), numbers):
        side = described(stored, rows)
        taken = plain[rows] if isinstance(rows, slice) else [plain[row] for row in rows.tolist()]
        assert shown(side) == taken
        assert sorted(map(repr, side.distinct)) == sorted({repr(one) for one in taken})
        assert side.codes.dtype == np.int32


def test_a_keyword_of_other_rows_is_in_no_description() -> None:
    """A dictionary may have keywords that none of the rows has."""
    stored = segment([record(row, function=f"f{row}") for row in range(1_000)], RECORD)
    assert described(stored, np.array([7])).distinct == [of("f7")]
    assert described(stored, slice(100, 120)).distinct == [of(f"f{row}") for row in range(100, 120)]


def test_rows_without_a_keyword_that_others_have_miss_it() -> None:
    """The dictionary of a segment does not say that any of some rows has a keyword."""
    stored = segment([record(row, **({"function": "mean"} if row < 10 else {})) for row in range(50)], RECORD)
    for rows in (slice(20, 50), slice(20, 25), np.arange(20, 50, 2), np.array([20, 30])):
        assert described(stored, rows).distinct == [of(None)]
    assert described(stored, slice(0, 50)).distinct in ([of("mean"), of(None)], [of(None), of("mean")])


def test_many_keywords_in_every_field_take_little_memory() -> None:
    """Their combinations would not fit into 64 bits, so combined columns are counted before the next one is added."""
    many = 2**13 - 1
    documents = [record(row, **dict.fromkeys(DESCRIPTIVE, f"k{row:04}")) for row in range(many)]
    documents.append(record(many, **dict.fromkeys(DESCRIPTIVE, "k0000") | {DESCRIPTIVE[0]: "k0005"}))
    stored = segment(documents, RECORD)
    tracemalloc.start()
    try:
        side = described(stored, slice(0, len(documents)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert shown(side) == [tuple(document.get(name) for name in DESCRIPTIVE) for document in documents]
    assert len(side.distinct) == len(documents)
    assert peak < 2**24


def test_one_description_takes_the_memory_of_one_code() -> None:
    """However many rows have it, and also if all rows miss every keyword."""
    for fields in ({"function": "mean", "field_name": "load"}, {}):
        stored = segment([record(row, **fields) for row in range(1_000)], RECORD)
        side = described(stored, slice(0, 1_000))
        assert (side.codes.strides, len(side.distinct), len(side.codes)) == ((0,), 1, 1_000)


def test_a_side_of_several_segments_joins_their_descriptions() -> None:
    """The segments have dictionaries of their own; a change without a row has no description."""
    base = segment([record(row, function=("mean", "rare")[row % 2]) for row in range(40)], RECORD)
    head = segment([record(0, function="high_count"), record(1, function="rare")], RECORD)
    parts = [(base, np.arange(0, 38, 2), np.arange(19)), (head, np.array([0, 1]), np.array([20, 21]))]
    assert shown(described_in(parts, 22)) == [of("mean")] * 19 + [None, of("high_count"), of("rare")]
    assert shown(described_in(parts[1:], 22)) == [None] * 20 + [of("high_count"), of("rare")]
    assert shown(described_in([], 2)) == [None, None]


def test_consecutive_rows_of_one_segment_are_read_as_a_slice() -> None:
    """So a side on which all changes have the same description takes the memory of one code."""
    stored = segment([record(row, function="mean") for row in range(40)], RECORD)
    none = np.empty(0, dtype=np.int64)
    side = described_in([(stored, np.arange(20, 40), np.arange(20)), (stored, none, none)], 20)
    assert (shown(side), side.codes.strides) == ([of("mean")] * 20, (0,))


def test_the_two_sides_of_changes_share_their_descriptions() -> None:
    """Each description is stored once; a side that has no record has no description."""
    before, after = side_of("mean", "rare"), side_of("rare", "mean")
    joined = descriptions_of(2, before, after)
    assert sides(joined) == ([of("mean"), of("rare")], [of("rare"), of("mean")])
    assert len(joined.distinct) == 2
    assert sides(descriptions_of(2, None, after)) == ([None, None], [of("rare"), of("mean")])
    assert sides(descriptions_of(2, before, None)) == ([of("mean"), of("rare")], [None, None])
    same = descriptions_of(2, before, before)
    assert same.before is same.after


def test_constant_sides_stay_constant_with_other_codes() -> None:
    """Two batches with one description each do not become arrays of codes, on either side."""
    old = Side([of("mean")], constant(0, np.dtype(np.int32), 50))
    new = Side([of("rare")], constant(0, np.dtype(np.int32), 50))
    joined = descriptions_of(50, old, new)
    assert sides(joined) == ([of("mean")] * 50, [of("rare")] * 50)
    assert (joined.before.strides, joined.after.strides) == ((0,), (0,))


def test_parts_are_merged_one_behind_the_other() -> None:
    """A description of several parts is stored once, and a missing record stays missing."""
    inserted = descriptions_of(2, None, Side([of("mean")], constant(0, np.dtype(np.int32), 2)))
    replaced = descriptions_of(2, side_of("mean", "rare"), side_of("rare", "max"))
    deleted = descriptions_of(2, Side([of("rare")], constant(0, np.dtype(np.int32), 2)), None)
    merged = merged_descriptions([inserted, replaced, deleted])
    assert sides(merged) == (
        [None, None, of("mean"), of("rare"), of("rare"), of("rare")],
        [of("mean"), of("mean"), of("rare"), of("max"), None, None],
    )
    assert sorted(merged.distinct, key=repr) == sorted([of("mean"), of("rare"), of("max")], key=repr)


def test_some_changes_are_views_until_they_are_detached() -> None:
    """A slice copies nothing; detached ones have only the descriptions that they need."""
    whole = descriptions_of(2, side_of("mean", "rare"), side_of("rare", "max"))
    some = whole.take(slice(1, 2))
    assert np.shares_memory(some.before, whole.before)
    assert np.shares_memory(some.after, whole.after)
    assert sides(whole.take(np.array([1, 0]))) == ([of("rare"), of("mean")], [of("max"), of("rare")])
    own = some.detach()
    assert sides(own) == sides(some) == ([of("rare")], [of("max")])
    assert sorted(own.distinct, key=repr) == sorted([of("rare"), of("max")], key=repr)
    assert not np.shares_memory(own.before, whole.before)
    assert own.before.dtype == own.after.dtype == np.int32
    absent = descriptions_of(2, None, side_of("mean", "mean")).detach()
    assert sides(pickle.loads(pickle.dumps(absent))) == ([None, None], [of("mean"), of("mean")])
