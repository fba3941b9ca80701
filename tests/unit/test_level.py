"""Levels: the rows at or above an edge, also after later rows, corrections and cuts."""

import numpy as np
import pytest

from bucketquery.arrays import room
from bucketquery.arrays.room import held_entries
from bucketquery.model.schema import Array
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes, sizes_of_all_jobs
from bucketquery.value_index.level import Level

EDGE = 50.0


def level_of(sort_keys: Array, sizes: Sizes = DEFAULT_SIZES) -> Level:
    """The level of all rows at or above the edge."""
    rows = (sort_keys >= EDGE).nonzero()[0]
    below = sort_keys[sort_keys < EDGE].max(initial=-np.inf).item()
    return Level.of(np.float64(EDGE), below, rows, sort_keys[rows], sizes)


@pytest.fixture
def sort_keys() -> Array:
    """Sort keys of which about half reach the edge."""
    return np.random.default_rng(3).random(200) * 100


def test_a_level_has_the_rows_at_or_above_its_edge(sort_keys: Array) -> None:
    """The rows of a level ascend, with their sort keys beside them. Later rows are added behind them."""
    found = level_of(sort_keys)
    found.check(sort_keys)
    assert len(found) == np.count_nonzero(sort_keys >= EDGE)
    later = sort_keys[:30]
    grown = found.with_later(np.arange(200, 230), later).level
    grown.check(np.concatenate((sort_keys, later)))
    found.check(sort_keys)


def test_a_cut_copies_no_reserved_room(sort_keys: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows that are renumbered take memory, and the room behind them stays reserved."""
    monkeypatch.setattr(room, "_RESERVED_FROM", 32)
    found = level_of(sort_keys, sizes_of_all_jobs(DEFAULT_SIZES))
    grown = found.with_later(np.arange(200, 230), sort_keys[:30]).level
    cut = grown.between_rows(20, None)
    assert cut is not None
    rows, _, length = cut._used()
    assert len(rows) > 3 * length
    assert held_entries(rows) == length
    later = cut.with_later(np.arange(210, 240), sort_keys[:30]).level
    later.check(np.concatenate((sort_keys[20:], sort_keys[:30], sort_keys[:30])))


def test_a_cut_renumbers_the_rows(sort_keys: Array) -> None:
    """A level that is cut at the front keeps the room for later rows, and shares it with the level before the cut."""
    grown = level_of(sort_keys).with_later(np.arange(200, 230), sort_keys[:30]).level
    everything = np.concatenate((sort_keys, sort_keys[:30]))
    for low, high in ((0, None), (20, None), (0, 100), (20, 100)):
        found = grown.between_rows(low, high)
        assert found is not None
        found.check(everything[low:high])
        added = found.with_later(np.array([len(everything[low:high])]), np.array([75.0])).level
        assert len(added) == len(found) + 1
        shares = np.shares_memory(added.entries()[1], grown.entries()[1])
        assert shares is (high is None)
        grown.check(everything)


def test_a_cut_without_rows_leaves_no_level(sort_keys: Array) -> None:
    """A level without rows in the run is None after the cut."""
    found = level_of(sort_keys)
    last = found.entries()[0][-1].item()
    assert found.between_rows(last + 1, None) is None
    assert found.between_rows(0, 0) is None
    only = found.between_rows(last, None)
    assert only is not None
    assert only.entries()[0].tolist() == [0]


def test_a_cut_applies_a_waiting_correction(sort_keys: Array) -> None:
    """The level before the cut keeps its rows."""
    found = level_of(sort_keys)
    rows, given = np.array([0, 30, 60]), np.array([99.0, 1.0, 77.0])
    after = sort_keys.copy()
    after[rows] = given
    cut = found.corrected(rows, given).between_rows(20, None)
    assert cut is not None
    cut.check(after[20:])
    found.check(sort_keys)
