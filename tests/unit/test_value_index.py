"""Value indexes: a column's rows by value, maintained and corrected by one writer beside any number of readers."""

import itertools
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import numpy as np
import pytest

from bucketquery.arrays.sorted_arrays import sampled
from bucketquery.model.schema import Array, Int64s
from bucketquery.model.severity import MARKS
from bucketquery.value_index.level import Level
from bucketquery.value_index.value_index import ValueIndex, sort_keys_of
from support.helpers import resize, sizes

NAN = float("nan")
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
LENGTH = 500


def array(*these: int) -> Int64s:
    """Rows as an array."""
    return np.array(these, dtype=np.int64)


def scores(rng: np.random.Generator, length: int) -> Array:
    """Scores as they usually are: most are 0 and few are high."""
    return np.interp(rng.random(length), [0, 0.7, 0.9, 0.99, 0.999, 1], [0, 0, 1, 25, 75, 100])


def with_missing(values: Array, rng: np.random.Generator, share: float) -> Array:
    """The values, after a share of them is replaced by NaN."""
    values[rng.random(len(values)) < share] = NAN
    return values


Column = Callable[[np.random.Generator, int], Array]
COLUMNS: dict[str, Column] = {
    "spread": lambda rng, n: rng.random(n) * 100,
    "scores": scores,
    "clustered": lambda rng, n: np.abs(np.cumsum(rng.normal(0, 3, n))) % 100,
    "a few values": lambda rng, n: rng.integers(0, 4, n) * 25.0,
    "two values": lambda rng, n: np.where(rng.random(n) < 0.4, 100.0, 0.0),
    "mostly the best": lambda rng, n: np.where(rng.random(n) < 0.6, 100.0, 3.0),
    "one value": lambda _, n: np.full(n, 75.0),
    "one is better": lambda _, n: np.arange(n) // (n - 1) * 1.0,
    "many share the middle": lambda rng, n: np.where(
        rng.random(n) < 0.45, 50.0, np.where(rng.random(n) < 0.35, 99.0, 0.0)
    ),
    "some missing": lambda rng, n: with_missing(rng.random(n) * 100, rng, 0.3),
    "mostly missing": lambda rng, n: with_missing(scores(rng, n), rng, 0.97),
    "one value or missing": lambda rng, n: with_missing(np.full(n, 75.0), rng, 0.6),
    "all missing": lambda _, n: np.full(n, NAN),
    "whole numbers": lambda rng, n: rng.choice(np.array([INT64_MIN, -1, 0, 7, 2**53, 2**53 + 1, INT64_MAX]), n),
    "many numbers": lambda rng, n: rng.integers(INT64_MIN, INT64_MAX, n),
    "flags": lambda rng, n: rng.random(n) < 0.5,
}
EACH_COLUMN = pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
EACH_DIRECTION = pytest.mark.parametrize("desc", [False, True], ids=["least first", "greatest first"])


@pytest.fixture(autouse=True, params=[1, 16], ids="the sparsest level of {}".format)
def sparsest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with value indexes whose sparsest level may have one row, and with the default of 16 rows."""
    resize(monkeypatch, level_rows=request.param)


def index_of(sort_keys: Array, marks: Sequence[float] = ()) -> ValueIndex:
    """The value index of some sort keys."""
    return ValueIndex.of(sort_keys, marks, sizes())


def thresholds(sort_keys: Array) -> list[Any]:
    """Thresholds for sort keys: some of the sort keys, and values between and beyond them."""
    valued = np.unique(sort_keys[~np.isnan(sort_keys)])
    some: list[Any] = list(valued[:: max(1, len(valued) // 40)]) + list(valued[-3:])
    if sort_keys.dtype.kind == "f":
        some += [np.float64(between) for between in (-200.0, -1e-9, 1e-9, 0.005, 3.0, 37.3, 75.0, 100.0, 200.0)]
    return some


# ---- made


@EACH_DIRECTION
@EACH_COLUMN
def test_a_level_has_the_rows_at_or_above_its_edge(column: Column, desc: bool) -> None:
    """A level has these rows in time order, with their sort keys. Making a value index does not change the column."""
    values = column(np.random.default_rng(1), LENGTH)
    before = values.tobytes()
    sort_keys = sort_keys_of(values, desc=desc)
    made = index_of(sort_keys, MARKS if values.dtype == np.float64 and desc else ())
    made.check(sort_keys)
    assert made.covered == LENGTH
    assert not made.is_outgrown
    for level in made.levels:
        rows, own = level.entries()
        assert rows.tolist() == [row for row, sort_key in enumerate(sort_keys.tolist()) if sort_key >= level.edge]
        assert own.tolist() == sort_keys[rows].tolist()
        assert len(level) == len(rows) > 0
        assert level.least == min(own.tolist())
    assert values.tobytes() == before


@EACH_DIRECTION
@EACH_COLUMN
def test_a_threshold_is_served_by_the_sparsest_level_that_has_all_its_rows(column: Column, desc: bool) -> None:
    """Its rows are those at or above it. If no level has all of them, no level serves the threshold."""
    sort_keys = sort_keys_of(column(np.random.default_rng(2), LENGTH), desc=desc)
    made = index_of(sort_keys)
    for threshold in thresholds(sort_keys):
        wanted = set((sort_keys >= threshold).nonzero()[0].tolist())
        having = [level for level in made.levels if wanted <= set(level.entries()[0].tolist())]
        assert made.serving(threshold) is (having[-1] if having else None)


@pytest.mark.parametrize("compared_values", [0, 20, 1_000])
@EACH_COLUMN
def test_many_edges_are_counted_as_each_of_them(
    column: Column, compared_values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counts of ascending edges are those of a comparison, whether levels are short or have block counts."""
    resize(monkeypatch, compared_values=compared_values, block_values=8, value_classes=7)
    sort_keys = column(np.random.default_rng(5), LENGTH).astype(np.float64)
    made = index_of(sort_keys, MARKS)
    for edges in ([3.0], [-300.0, -1.0, 0.0, 1e-9, 25.0, 75.0, 99.0], [*range(-9, 100)]):
        for low, high in ((0, LENGTH), (7, 450), (100, 110), (5, 5)):
            expected = [int((sort_keys[low:high] >= edge).sum()) for edge in edges]
            assert made.counts(sort_keys, low, high, np.array(edges, dtype=np.float64)).tolist() == expected


@EACH_COLUMN
def test_each_level_is_much_sparser_than_the_one_before(column: Column) -> None:
    """A level has at most six tenths of the rows of the one before it.

    Together the levels have at most 1.25 entries for each row of the column.
    """
    for desc in (False, True):
        sort_keys = sort_keys_of(column(np.random.default_rng(3), LENGTH), desc=desc)
        lengths = [len(level) for level in index_of(sort_keys).levels]
        assert all(sparse <= 0.6 * dense for dense, sparse in itertools.pairwise(lengths)), lengths
        assert sum(lengths) <= 1.25 * LENGTH


def test_each_level_of_a_spread_column_has_a_quarter_of_the_rows_before() -> None:
    """The first level has a quarter of the rows, the second a sixteenth, and so on."""
    lengths = [len(level) for level in index_of(np.random.default_rng(4).permutation(4_096) * 1.0).levels]
    assert lengths[:4] == [1_024, 256, 64, 16]


@pytest.mark.parametrize("name", ["spread", "scores", "clustered", "a few values", "some missing", "mostly missing"])
def test_a_threshold_at_a_mark_compares_no_row(name: str) -> None:
    """The level that serves a mark has exactly the rows at or above it. No level serves a mark below all levels."""
    sort_keys = COLUMNS[name](np.random.default_rng(5), 5_000)
    made = index_of(sort_keys, MARKS)
    made.check(sort_keys)
    served = 0
    for mark in (mark for mark in MARKS if (sort_keys >= mark).any()):
        level = made.serving(mark)
        if level is None:
            assert mark <= made.levels[0].below
            continue
        assert mark <= level.least
        assert len(level) == np.count_nonzero(sort_keys >= mark)
        served += 1
    assert served > 0
    assert len(index_of(sort_keys).levels) <= len(made.levels)


def test_the_level_of_a_mark_replaces_a_hardly_denser_one() -> None:
    """A sixth of the rows reach the mark, and the densest level would have a quarter of them."""
    sort_keys = np.arange(600.0)
    made = index_of(sort_keys, (500.0,))
    made.check(sort_keys)
    assert [(level.edge, len(level)) for level in made.levels[:1]] == [(500.0, 100)]
    sparse = index_of(sort_keys, (550.0,))
    sparse.check(sort_keys)
    assert [(level.edge, len(level)) for level in sparse.levels[:2]] == [(450.0, 150), (550.0, 50)]


def test_a_mark_that_no_value_reaches_is_not_a_level() -> None:
    """Every level has rows, and no two levels have the same rows."""
    sort_keys = np.arange(40.0) / 2
    made = index_of(sort_keys, (3.0, 25.0, 75.0))
    made.check(sort_keys)
    assert all(len(level) and level.edge < 25.0 for level in made.levels)
    assert index_of(sort_keys, (19.5,)).levels[-1].edge == 19.5
    high = np.concatenate((np.zeros(40), np.full(20, 90.0)))
    assert [level.edge for level in index_of(high, MARKS).levels] == [90.0], "all marks have the same rows"


def test_a_sample_may_miss_the_values_of_most_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The levels are correct even if the sample has only the least value, or only the greatest."""
    resize(monkeypatch, sampled_values=4)
    sort_keys = np.arange(1.0, 65.0)
    seen = sampled(np.arange(64), 4)
    sort_keys[seen] = 0.0
    made = index_of(sort_keys)
    made.check(sort_keys)
    assert [len(level) for level in made.levels][:1] == [60], "all but the least"
    sort_keys[seen] = 99.0
    made = index_of(sort_keys)
    made.check(sort_keys)
    assert len(made.levels[-1]) >= 4


def test_a_column_with_mostly_the_best_value_has_no_levels() -> None:
    """If half of the rows have the best value, they form a level.

    If more have it, no level is needed, because a short look along the rows finds enough of them.
    """
    half = index_of(np.array([5.0, 1.0] * 20))
    assert (half.is_tied, half.best, [len(level) for level in half.levels]) == (False, 5.0, [20])
    more = index_of(np.array([5.0, 1.0] * 20 + [5.0]))
    assert (more.is_tied, more.best, more.levels) == (True, 5.0, ())
    assert more.serving(5.0) is None


def test_empty_and_missing_columns_have_a_value_index() -> None:
    """Their value index has no levels and no best value."""
    for sort_keys in (np.empty(0), np.full(7, NAN)):
        made = index_of(sort_keys)
        made.check(sort_keys)
        assert (made.best, made.is_tied, made.levels, made.covered) == (None, False, (), len(sort_keys))
        assert made.serving(-1e9) is None
        assert made.nbytes() == 0


# ---- read


def test_a_window_of_a_level_has_the_entries_of_its_rows() -> None:
    """`between` returns the place of the first entry, and the entries of the rows between two rows."""
    sort_keys = np.random.default_rng(6).random(60)
    (level, *_) = index_of(sort_keys).levels
    rows, own = level.entries()
    for low in range(61):
        for high in range(low, 61):
            inside = (rows >= low) & (rows < high)
            first, some, some_sort_keys = level.between(low, high)
            assert first == np.count_nonzero(rows < low)
            assert some.tolist() == rows[inside].tolist()
            assert some_sort_keys.tolist() == own[inside].tolist()


def test_a_level_counts_its_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first counts compare the entries, later ones use block counts, with the same result."""
    resize(monkeypatch, compared_values=9, block_values=8)
    sort_keys = np.random.default_rng(7).random(300)
    (level, *_) = index_of(sort_keys).levels
    bare = level.nbytes()
    _, own = level.entries()
    for threshold in (*own.tolist()[:9], 0.0, 0.9, 2.0):
        for first, stop in ((0, len(level)), (3, len(level) - 3), (5, 9)):
            counted, compared = level.count(first, stop, threshold)
            assert counted == sum(sort_key >= threshold for sort_key in own[first:stop].tolist())
            assert 0 <= compared <= stop - first
    assert level.nbytes() > bare, "block counts take memory"


@pytest.mark.parametrize("values", [[INT64_MIN, INT64_MAX, 0, -1], [True, False], [-0.0, 5e-324, -1e308, 100.0]])
def test_sort_keys_reverse_an_order(values: list[Any]) -> None:
    """Reversing an order does not overflow. The sort keys of sort keys are the values."""
    given = np.array(values)
    assert sort_keys_of(given, desc=True) is given
    sort_keys = sort_keys_of(given, desc=False)
    assert sort_keys.dtype == given.dtype
    assert given[sort_keys.argsort(kind="stable")[::-1]].tolist() == sorted(values)
    assert sort_keys_of(sort_keys, desc=False).tolist() == values


# ---- maintained


@EACH_DIRECTION
@EACH_COLUMN
def test_a_value_index_takes_later_rows(column: Column, desc: bool) -> None:
    """Rows are added in parts, some better or worse than all before. Older value indexes do not change."""
    rng = np.random.default_rng(8)
    sort_keys = sort_keys_of(np.concatenate((column(rng, 80), column(rng, LENGTH))), desc=desc)
    made = [index_of(sort_keys[:80])]
    for step in (0, 1, 1, 7, 40, 200):
        covered = made[-1].covered
        made.append(made[-1].with_later(sort_keys[covered : covered + step]))
    assert made[-1].covered == 329
    for known in made:
        known.check(sort_keys)
        for level in known.levels:
            rows, _ = level.entries()
            assert rows.tolist() == [row for row in range(known.covered) if sort_keys[row] >= level.edge]
        for threshold in thresholds(sort_keys):
            serving = known.serving(threshold)
            if serving is not None:
                wanted = (sort_keys[: known.covered] >= threshold).nonzero()[0]
                assert set(wanted.tolist()) <= set(serving.entries()[0].tolist())
    assert made[-1].is_outgrown
    assert not made[-2].is_outgrown


def test_later_rows_are_written_in_place_if_there_is_room() -> None:
    """Older levels do not read behind their last row. Without room, the arrays are copied, with an eighth to spare."""
    sort_keys = np.tile(np.array([0.0, 1.0, 2.0, 3.0]), 2_000)
    (first, *_) = index_of(sort_keys[:400]).levels
    newest, covered, moves = first, 400, 0
    while covered < 8_000:
        older = newest
        newest = older.with_later(np.arange(covered, covered + 8), sort_keys[covered : covered + 8]).level
        covered += 8
        assert len(newest) == len(older) + 2
        moves += not np.shares_memory(newest.entries()[0], older.entries()[0])
    newest.check(sort_keys)
    first.check(sort_keys[:400])
    assert 0 < moves < 60
    assert newest.nbytes() < 1.25 * 12 * len(newest)


def test_later_rows_below_the_edge_raise_the_bound_of_the_rows_outside() -> None:
    """The level takes none of them, and does not serve a threshold that the greatest of them reaches."""
    (first, *_) = index_of(np.array([0.0] * 30 + [50.0] * 10)).levels
    later = first.with_later(np.arange(40, 43), np.array([49.0, NAN, 20.0])).level
    assert (first.below, later.below, later.least) == (0.0, 49.0, 50.0)
    assert np.shares_memory(first.entries()[0], later.entries()[0])
    assert len(later) == 10


def test_the_first_value_of_a_missing_column_is_the_best() -> None:
    """The first value has no level, but `best` bounds it. Later missing values change nothing."""
    made = index_of(np.full(8, NAN))
    assert made.with_later(np.full(3, NAN)).best is None
    sort_keys = np.concatenate((np.full(8, NAN), [2.0, NAN, 7.0]))
    later = made.with_later(sort_keys[8:])
    later.check(sort_keys)
    assert (later.best, len(later.levels)) == (7.0, 0)
    assert later.with_later(np.array([3.0])).best == 7.0


# ---- corrected


@EACH_DIRECTION
@EACH_COLUMN
def test_a_value_index_takes_corrections(column: Column, desc: bool) -> None:
    """Corrections follow each other, with reads and later rows between. Older value indexes do not change."""
    rng = np.random.default_rng(9)
    values = np.concatenate((column(rng, LENGTH), column(rng, 90)))
    fresh = column(rng, LENGTH)
    newest = index_of(sort_keys_of(values[:LENGTH], desc=desc))
    history = [(newest, values.copy())]
    for step in range(12):
        rows = np.sort(rng.choice(LENGTH + 90, int(rng.choice([1, 5, 60])), replace=False))
        values = values.copy()
        values[rows] = fresh[rows % LENGTH]
        sort_keys = sort_keys_of(values, desc=desc)
        corrected = newest.corrected(rows, sort_keys[rows])
        if corrected is None:
            assert newest.best is None
            break
        newest = corrected
        if step % 5 == 4:
            for level in newest.levels:
                level.entries()
        if step % 4 == 3:
            newest = newest.with_later(sort_keys[newest.covered : newest.covered + 9])
        history.append((newest, values))
    for known, held in history[::-1] if desc else history:
        known.check(sort_keys_of(held, desc=desc))


def test_corrections_wait_until_a_reader_reads() -> None:
    """At most 4 corrections wait. Then the writer applies them, so that no reader must apply many."""
    sort_keys = np.arange(40.0)
    (newest, *_) = index_of(sort_keys).levels
    waiting = []
    for row in range(10):
        sort_keys[row] = 90.0 + row
        newest = newest.corrected(array(row), sort_keys[[row]])
        assert newest._entries is None
        waiting.append(newest._waiting)
    assert waiting == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]
    newest.check(sort_keys)
    assert newest._source is None, "the level has dropped its source"
    assert newest.corrected(array(3), np.array([0.0]))._waiting == 1, "corrections that are applied do not wait"


def test_corrections_of_rows_behind_a_value_index_are_ignored() -> None:
    """When the value index takes these rows later, it reads their corrected sort keys."""
    sort_keys = np.arange(40.0)
    made = index_of(sort_keys[:30])
    sort_keys[[3, 30, 39]] = 0.5, 99.0, 0.5
    corrected = made.corrected(array(3, 30, 39), sort_keys[[3, 30, 39]])
    assert corrected is not None
    corrected.check(sort_keys)
    assert (corrected.covered, corrected.best) == (30, 29.0)
    maintained = corrected.with_later(sort_keys[30:])
    maintained.check(sort_keys)
    assert maintained.best == 99.0


@pytest.mark.parametrize("desc", [True, False], ids=["desc", "asc"])
@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_a_value_index_follows_a_cut(column: Column, desc: bool) -> None:
    """Rows are renumbered, later rows are added, and the value index from before the cut does not change."""
    rng = np.random.default_rng(8)
    values = column(rng, LENGTH)
    sort_keys = sort_keys_of(values, desc=desc)
    old = ValueIndex.of(sort_keys, MARKS)
    held = [[part.tolist() for part in level.entries()] for level in old.levels]
    for low, high in ((40, None), (0, LENGTH - 40), (0, LENGTH + 40), (100, 300), (LENGTH, None), (0, 0)):
        kept = sort_keys[low:high]
        found = old.between_rows(low, high)
        if found is None:
            assert old.best is None or not len(kept)
            continue
        assert found.covered == len(kept)
        found.check(kept)
        later = sort_keys_of(column(rng, 60), desc=desc)
        grown = found.with_later(later)
        grown.check(np.concatenate((kept, later)))
        assert grown.is_outgrown is (grown.covered > 2 * len(kept))
        found.check(kept)
    assert [[part.tolist() for part in level.entries()] for level in old.levels] == held
    old.check(sort_keys)


def test_a_value_index_of_rows_that_come_and_go_is_rebuilt() -> None:
    """Once twice the rows that it was made of are deleted, a value index is rebuilt."""
    sort_keys = np.random.default_rng(9).random(LENGTH)
    found: ValueIndex | None = ValueIndex.of(sort_keys, MARKS)
    for _ in range(2 * LENGTH // 60 + 1):
        assert found is not None
        assert not found.is_outgrown
        found = found.with_later(sort_keys[:60]).between_rows(60, None)
    assert found is not None
    assert (found.covered, found.is_outgrown) == (LENGTH, True)


def test_a_value_index_is_rebuilt_for_many_corrections_or_the_first_value() -> None:
    """Corrections of up to a quarter of its rows are applied to its levels instead."""
    sort_keys = np.arange(40.0)
    made = index_of(sort_keys)
    assert made.corrected(np.arange(10), np.zeros(10)) is not None
    assert made.corrected(np.arange(11), np.zeros(11)) is None
    assert index_of(np.full(40, NAN)).corrected(array(0), np.array([1.0])) is None


def test_a_correction_takes_memory_while_it_waits() -> None:
    """Until a read applies it, the level that it corrects counts too. After the read, only the new level counts."""
    sort_keys = np.arange(40.0)
    made = index_of(sort_keys)
    sort_keys[[1, 2]] = 60.0, 70.0
    corrected = made.corrected(array(1, 2), sort_keys[[1, 2]])
    assert corrected is not None
    assert corrected.nbytes() == made.nbytes() + len(made.levels) * 32
    corrected.check(sort_keys)
    assert corrected.nbytes() == sum(12 * len(level) for level in corrected.levels)


# ---- two at once


def waiting_levels() -> tuple[list[Level], Array]:
    """A level and three corrections of it that no reader has read, and the sort keys after the last one."""
    sort_keys = np.arange(8.0)
    levels = [Level.of(np.float64(4.0), 3.0, np.arange(4, 8), sort_keys[4:].copy(), sizes())]
    for row in range(3):
        sort_keys[row] = 9.0
        levels.append(levels[-1].corrected(array(row), sort_keys[[row]]))
    return levels, sort_keys


@pytest.mark.parametrize("most_waiting", [0, 4])
def test_a_reader_may_read_a_level_while_the_writer_corrects_it(
    most_waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each line of the writer, a reader may apply all corrections. Nothing is raised, and no correction is lost."""
    resize(monkeypatch, waiting_corrections=most_waiting)
    watched = {Level.corrected.__code__, Level.__init__.__code__, Level._used.__code__}
    for line in itertools.count(1):
        levels, sort_keys = waiting_levels()
        left = line

        def watch(frame: FrameType, event: str, _: object, levels: list[Level] = levels) -> Any:
            # Threads may switch before any line. Then a reader reads all levels, the newest first.
            nonlocal left
            if frame.f_code not in watched:
                return None
            left -= event == "line"
            if left == 0:
                sys.settrace(None)
                for level in reversed(levels):
                    level.entries()
            return watch

        sort_keys[3] = 9.0
        before = sys.gettrace()
        sys.settrace(watch)
        try:
            newest = levels[-1].corrected(array(3), sort_keys[[3]])
        finally:
            sys.settrace(before)
        if left > 0:
            assert line > 10, "the writer ran 10 watched lines or fewer: `watched` lacks functions that it calls"
            return
        assert all(level._entries is not None for level in levels), "no reader read the levels"
        newest.check(sort_keys)


def test_another_reader_may_apply_a_correction_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader sees that a correction waits. Before it reads the source, another reader may have applied it."""
    levels, sort_keys = waiting_levels()
    source = vars(Level)["_source"]
    overtaken: list[Level] = []

    def come_second(level: Level) -> Any:
        if level is levels[-1] and not overtaken:
            overtaken.append(level)
            level.entries()
        return source.__get__(level)

    monkeypatch.setattr(Level, "_source", property(come_second, source.__set__))
    levels[-1].check(sort_keys)
    assert overtaken == [levels[-1]]


# ---- check

FAULTS: Sequence[Callable[[ValueIndex], object]] = (
    lambda made: setattr(made, "covered", made.covered + 1),
    lambda made: setattr(made, "best", made.best - 1),
    lambda made: setattr(made, "best", None),
    lambda made: setattr(made, "is_tied", True),
    lambda made: setattr(made, "levels", made.levels[::-1]),
    lambda made: setattr(made, "levels", (*made.levels, made.levels[-1])),
    lambda made: setattr(made.levels[0], "below", made.levels[0].below - 1),
    lambda made: setattr(made.levels[0], "least", made.levels[0].least + 1),
    lambda made: made.levels[0].entries()[0].__setitem__(0, 0),
    lambda made: made.levels[0].entries()[1].__setitem__(0, 55.5),
)


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_a_check_notices_faults(fault: int) -> None:
    """They are wrong rows of a level, sort keys that differ from the column, wrong bounds, and unordered levels."""
    sort_keys = np.arange(400.0)
    made = index_of(sort_keys)
    assert len(made.levels) > 1
    made.check(sort_keys)
    FAULTS[fault](made)
    with pytest.raises(AssertionError):
        made.check(sort_keys)


def test_a_check_notices_a_level_that_lacks_its_only_row() -> None:
    """An empty level fails the check if a row belongs there."""
    sort_keys = np.arange(8.0)
    level = Level.of(np.float64(7.0), 6.0, array(7), sort_keys[7:])
    level.check(sort_keys)
    level._entries = np.empty(0, dtype=np.int32), np.empty(0), 0
    with pytest.raises(AssertionError):
        level.check(sort_keys)
