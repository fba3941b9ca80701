"""Ladders: a column's rows by value, kept up and corrected by one writer beside any number of readers."""

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
from bucketquery.value_index import block_counts as tally
from bucketquery.value_index import value_index as ladders
from bucketquery.value_index.value_index import Ladder, Rung, merits_of

NAN = float("nan")
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
LENGTH = 500


def array(*these: int) -> Int64s:
    """Rows as an array."""
    return np.array(these, dtype=np.int64)


def scores(rng: np.random.Generator, length: int) -> Array:
    """Scores as they are: most of them nothing, few of them high."""
    return np.interp(rng.random(length), [0, 0.7, 0.9, 0.99, 0.999, 1], [0, 0, 1, 25, 75, 100])


def with_missing(values: Array, rng: np.random.Generator, share: float) -> Array:
    """The values without a share of them."""
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


@pytest.fixture(autouse=True, params=[1, 16], ids="the sparsest rung of {}".format)
def sparsest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ladders that go as far up as they do, and such that end with a few rows."""
    monkeypatch.setattr(ladders, "_SPARSEST", request.param)


def thresholds(merits: Array) -> list[Any]:
    """What merits may be held against: some of them, between and beyond them."""
    valued = np.unique(merits[~np.isnan(merits)])
    some: list[Any] = list(valued[:: max(1, len(valued) // 40)]) + list(valued[-3:])
    if merits.dtype.kind == "f":
        some += [np.float64(between) for between in (-200.0, -1e-9, 1e-9, 0.005, 3.0, 37.3, 75.0, 100.0, 200.0)]
    return some


# ---- made


@EACH_DIRECTION
@EACH_COLUMN
def test_a_rung_has_the_rows_at_or_above_its_edge(column: Column, desc: bool) -> None:
    """In time order, with their merits; a ladder holds for all rows, and leaves the column alone."""
    values = column(np.random.default_rng(1), LENGTH)
    before = values.tobytes()
    merits = merits_of(values, desc=desc)
    made = Ladder.of(merits, MARKS if values.dtype == np.float64 and desc else ())
    made.check(merits)
    assert made.covered == LENGTH
    assert not made.is_outgrown
    for rung in made.rungs:
        rows, own = rung.entries()
        assert rows.tolist() == [row for row, merit in enumerate(merits.tolist()) if merit >= rung.edge]
        assert own.tolist() == merits[rows].tolist()
        assert len(rung) == len(rows) > 0
        assert rung.least == min(own.tolist())
    assert values.tobytes() == before


@EACH_DIRECTION
@EACH_COLUMN
def test_a_threshold_is_served_by_the_sparsest_rung_that_has_all(column: Column, desc: bool) -> None:
    """By none only where no rung has every row that is at or above it."""
    merits = merits_of(column(np.random.default_rng(2), LENGTH), desc=desc)
    made = Ladder.of(merits)
    for threshold in thresholds(merits):
        wanted = set((merits >= threshold).nonzero()[0].tolist())
        having = [rung for rung in made.rungs if wanted <= set(rung.entries()[0].tolist())]
        assert made.serving(threshold) is (having[-1] if having else None)


@EACH_COLUMN
def test_each_rung_is_much_sparser_than_the_one_before(column: Column) -> None:
    """Six tenths at most; so all of them together take few more bytes than the first."""
    for desc in (False, True):
        merits = merits_of(column(np.random.default_rng(3), LENGTH), desc=desc)
        lengths = [len(rung) for rung in Ladder.of(merits).rungs]
        assert all(sparse <= 0.6 * dense for dense, sparse in itertools.pairwise(lengths)), lengths
        assert sum(lengths) <= 1.25 * LENGTH


def test_a_spread_column_has_a_rung_for_each_quarter_of_a_quarter() -> None:
    """A quarter of the rows, then a sixteenth and so on."""
    lengths = [len(rung) for rung in Ladder.of(np.random.default_rng(4).permutation(4_096) * 1.0).rungs]
    assert lengths[:4] == [1_024, 256, 64, 16]


@pytest.mark.parametrize("name", ["spread", "scores", "clustered", "a few values", "some missing", "mostly missing"])
def test_nothing_is_compared_at_a_mark(name: str) -> None:
    """The rung that serves it has the rows at or above it and no others; those denser than all rungs apart."""
    merits = COLUMNS[name](np.random.default_rng(5), 5_000)
    made = Ladder.of(merits, MARKS)
    made.check(merits)
    served = 0
    for mark in (mark for mark in MARKS if (merits >= mark).any()):
        rung = made.serving(mark)
        if rung is None:
            assert mark <= made.rungs[0].below
            continue
        assert mark <= rung.least
        assert len(rung) == np.count_nonzero(merits >= mark)
        served += 1
    assert served > 0
    assert len(Ladder.of(merits).rungs) <= len(made.rungs)


def test_a_mark_that_no_value_reaches_is_no_rung() -> None:
    """A rung has rows."""
    merits = np.arange(40.0) / 2
    made = Ladder.of(merits, (3.0, 25.0, 75.0))
    made.check(merits)
    assert all(len(rung) and rung.edge < 25.0 for rung in made.rungs)
    assert Ladder.of(merits, (19.5,)).rungs[-1].edge == 19.5
    high = np.concatenate((np.zeros(40), np.full(20, 90.0)))
    assert [rung.edge for rung in Ladder.of(high, MARKS).rungs] == [90.0], "all marks have the same rows"


def test_a_sample_may_miss_what_most_rows_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it sees the least value alone, or the greatest, the rungs are others, and as right."""
    monkeypatch.setattr(ladders, "_SAMPLE", 4)
    merits = np.arange(1.0, 65.0)
    seen = sampled(np.arange(64), 4)
    merits[seen] = 0.0
    made = Ladder.of(merits)
    made.check(merits)
    assert [len(rung) for rung in made.rungs][:1] == [60], "all but the least"
    merits[seen] = 99.0
    made = Ladder.of(merits)
    made.check(merits)
    assert len(made.rungs[-1]) >= 4


def test_rows_that_mostly_are_the_best_have_no_rungs() -> None:
    """Half of them may be on one, more are found by a short look."""
    half = Ladder.of(np.array([5.0, 1.0] * 20))
    assert (half.is_tied, half.best, [len(rung) for rung in half.rungs]) == (False, 5.0, [20])
    more = Ladder.of(np.array([5.0, 1.0] * 20 + [5.0]))
    assert (more.is_tied, more.best, more.rungs) == (True, 5.0, ())
    assert more.serving(5.0) is None


def test_nothing_and_what_is_missing_have_a_ladder_too() -> None:
    """It has no rungs, and no best."""
    for merits in (np.empty(0), np.full(7, NAN)):
        made = Ladder.of(merits)
        made.check(merits)
        assert (made.best, made.is_tied, made.rungs, made.covered) == (None, False, (), len(merits))
        assert made.serving(-1e9) is None
        assert made.nbytes() == 0


# ---- read


def test_a_window_of_a_rung_is_that_of_its_rows() -> None:
    """The entries of some rows, and where they begin among all of them."""
    merits = np.random.default_rng(6).random(60)
    (rung, *_) = Ladder.of(merits).rungs
    rows, own = rung.entries()
    for low in range(61):
        for high in range(low, 61):
            inside = (rows >= low) & (rows < high)
            first, some, some_merits = rung.between(low, high)
            assert first == np.count_nonzero(rows < low)
            assert some.tolist() == rows[inside].tolist()
            assert some_merits.tolist() == own[inside].tolist()


def test_a_rung_counts_its_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compared at first and tallied later, with the same outcome."""
    monkeypatch.setattr(tally, "_FEW", 9)
    monkeypatch.setattr(tally, "_BLOCK", 8)
    merits = np.random.default_rng(7).random(300)
    (rung, *_) = Ladder.of(merits).rungs
    bare = rung.nbytes()
    _, own = rung.entries()
    for threshold in (*own.tolist()[:9], 0.0, 0.9, 2.0):
        for first, stop in ((0, len(rung)), (3, len(rung) - 3), (5, 9)):
            assert rung.count(first, stop, threshold) == sum(merit >= threshold for merit in own[first:stop].tolist())
    assert rung.nbytes() > bare, "a tally has bytes"


@pytest.mark.parametrize("values", [[INT64_MIN, INT64_MAX, 0, -1], [True, False], [-0.0, 5e-324, -1e308, 100.0]])
def test_merits_turn_an_order_around(values: list[Any]) -> None:
    """Without overflow; turned around twice they are the values."""
    given = np.array(values)
    assert merits_of(given, desc=True) is given
    merits = merits_of(given, desc=False)
    assert merits.dtype == given.dtype
    assert given[merits.argsort(kind="stable")[::-1]].tolist() == sorted(values)
    assert merits_of(merits, desc=False).tolist() == values


# ---- kept up


@EACH_DIRECTION
@EACH_COLUMN
def test_a_ladder_takes_later_rows(column: Column, desc: bool) -> None:
    """Some at a time, also such as are better or worse than all before; older ladders answer for theirs as before."""
    rng = np.random.default_rng(8)
    merits = merits_of(np.concatenate((column(rng, 80), column(rng, LENGTH))), desc=desc)
    made = [Ladder.of(merits[:80])]
    for step in (0, 1, 1, 7, 40, 200):
        covered = made[-1].covered
        made.append(made[-1].with_later(merits[covered : covered + step]))
    assert made[-1].covered == 329
    for known in made:
        known.check(merits)
        for rung in known.rungs:
            rows, _ = rung.entries()
            assert rows.tolist() == [row for row in range(known.covered) if merits[row] >= rung.edge]
        for threshold in thresholds(merits):
            rung_of_it = known.serving(threshold)
            if rung_of_it is not None:
                wanted = (merits[: known.covered] >= threshold).nonzero()[0]
                assert set(wanted.tolist()) <= set(rung_of_it.entries()[0].tolist())
    assert made[-1].is_outgrown
    assert not made[-2].is_outgrown


def test_later_rows_are_written_where_there_is_room() -> None:
    """Behind the last row: nothing is copied, and an older rung sees nothing of it; else with an eighth to spare."""
    merits = np.tile(np.array([0.0, 1.0, 2.0, 3.0]), 2_000)
    (first, *_) = Ladder.of(merits[:400]).rungs
    newest, covered, moves = first, 400, 0
    while covered < 8_000:
        older = newest
        newest = older.with_later(np.arange(covered, covered + 8), merits[covered : covered + 8])
        covered += 8
        assert len(newest) == len(older) + 2
        moves += not np.shares_memory(newest.entries()[0], older.entries()[0])
    newest.check(merits)
    first.check(merits[:400])
    assert 0 < moves < 60
    assert newest.nbytes() < 1.25 * 12 * len(newest)


def test_later_rows_that_are_below_the_edge_say_how_near_they_come() -> None:
    """None of them enters, and none is lost to a threshold at or below the greatest of them."""
    (first, *_) = Ladder.of(np.array([0.0] * 30 + [50.0] * 10)).rungs
    later = first.with_later(np.arange(40, 43), np.array([49.0, NAN, 20.0]))
    assert (first.below, later.below, later.least) == (0.0, 49.0, 50.0)
    assert np.shares_memory(first.entries()[0], later.entries()[0])
    assert len(later) == 10


def test_where_all_were_missing_the_first_value_is_the_best() -> None:
    """There is no rung for it, but a best that bounds it; later missing ones change nothing."""
    made = Ladder.of(np.full(8, NAN))
    assert made.with_later(np.full(3, NAN)).best is None
    merits = np.concatenate((np.full(8, NAN), [2.0, NAN, 7.0]))
    later = made.with_later(merits[8:])
    later.check(merits)
    assert (later.best, len(later.rungs)) == (7.0, 0)
    assert later.with_later(np.array([3.0])).best == 7.0


# ---- corrected


@EACH_DIRECTION
@EACH_COLUMN
def test_a_ladder_takes_corrections(column: Column, desc: bool) -> None:
    """Of any rows, one after another, read between or not, later rows among them; older ladders stay as they were."""
    rng = np.random.default_rng(9)
    values = np.concatenate((column(rng, LENGTH), column(rng, 90)))
    fresh = column(rng, LENGTH)
    newest = Ladder.of(merits_of(values[:LENGTH], desc=desc))
    history = [(newest, values.copy())]
    for step in range(12):
        rows = np.sort(rng.choice(LENGTH + 90, int(rng.choice([1, 5, 60])), replace=False))
        values = values.copy()
        values[rows] = fresh[rows % LENGTH]
        merits = merits_of(values, desc=desc)
        corrected = newest.corrected(rows, merits[rows])
        if corrected is None:
            assert newest.best is None
            break
        newest = corrected
        if step % 5 == 4:
            for rung in newest.rungs:
                rung.entries()
        if step % 4 == 3:
            newest = newest.with_later(merits[newest.covered : newest.covered + 9])
        history.append((newest, values))
    for known, held in history[::-1] if desc else history:
        known.check(merits_of(held, desc=desc))


def test_corrections_wait_until_somebody_reads() -> None:
    """A few of them; then the writer works them in, so that no reader finds a long way before him."""
    merits = np.arange(40.0)
    (newest, *_) = Ladder.of(merits).rungs
    waiting = []
    for row in range(10):
        merits[row] = 90.0 + row
        newest = newest.corrected(array(row), merits[[row]])
        assert newest._entries is None
        waiting.append(newest._waiting)
    assert waiting == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]
    newest.check(merits)
    assert newest._source is None, "what it was made of is let go"
    assert newest.corrected(array(3), np.array([0.0]))._waiting == 1, "what was read does not wait"


def test_corrections_of_rows_behind_a_ladder_wait_for_them() -> None:
    """They are read when it is kept up."""
    merits = np.arange(40.0)
    made = Ladder.of(merits[:30])
    merits[[3, 30, 39]] = 0.5, 99.0, 0.5
    corrected = made.corrected(array(3, 30, 39), merits[[3, 30, 39]])
    assert corrected is not None
    corrected.check(merits)
    assert (corrected.covered, corrected.best) == (30, 29.0)
    kept_up = corrected.with_later(merits[30:])
    kept_up.check(merits)
    assert kept_up.best == 99.0


def test_many_corrections_or_the_first_value_make_a_ladder_anew() -> None:
    """A quarter of its rows is not too many."""
    merits = np.arange(40.0)
    made = Ladder.of(merits)
    assert made.corrected(np.arange(10), np.zeros(10)) is not None
    assert made.corrected(np.arange(11), np.zeros(11)) is None
    assert Ladder.of(np.full(40, NAN)).corrected(array(0), np.array([1.0])) is None


def test_a_correction_has_bytes_while_it_waits() -> None:
    """Those of what it corrects too; read, it has its own."""
    merits = np.arange(40.0)
    made = Ladder.of(merits)
    merits[[1, 2]] = 60.0, 70.0
    corrected = made.corrected(array(1, 2), merits[[1, 2]])
    assert corrected is not None
    assert corrected.nbytes() == made.nbytes() + len(made.rungs) * 32
    corrected.check(merits)
    assert corrected.nbytes() == sum(12 * len(rung) for rung in corrected.rungs)


# ---- two at once


def waiting_rungs() -> tuple[list[Rung], Array]:
    """A rung and three corrections of it that nobody has read, and the merits that the last one stands for."""
    merits = np.arange(8.0)
    rungs = [Rung.of(np.float64(4.0), 3.0, np.arange(4, 8), merits[4:].copy())]
    for row in range(3):
        merits[row] = 9.0
        rungs.append(rungs[-1].corrected(array(row), merits[[row]]))
    return rungs, merits


@pytest.mark.parametrize("most_waiting", [0, 4])
def test_a_reader_may_read_a_rung_while_the_writer_corrects_it(
    most_waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the writer is, a reader may work all that waits in: nothing is raised, and no correction is lost."""
    monkeypatch.setattr(ladders, "_MOST_WAITING", most_waiting)
    watched = {Rung.corrected.__code__, Rung.__init__.__code__, Rung._used.__code__}
    for line in itertools.count(1):
        rungs, merits = waiting_rungs()
        left = line

        def watch(frame: FrameType, event: str, _: object, rungs: list[Rung] = rungs) -> Any:
            # A thread may be switched before any line; then a reader comes who reads all there is, the newest first.
            nonlocal left
            if frame.f_code not in watched:
                return None
            left -= event == "line"
            if left == 0:
                sys.settrace(None)
                for rung in reversed(rungs):
                    rung.entries()
            return watch

        merits[3] = 9.0
        before = sys.gettrace()
        sys.settrace(watch)
        try:
            newest = rungs[-1].corrected(array(3), merits[[3]])
        finally:
            sys.settrace(before)
        if left > 0:
            assert line > 10, "the writer was done before any reader came: it goes another way than it did"
            return
        assert all(rung._entries is not None for rung in rungs), "no reader came"
        newest.check(merits)


def test_of_two_readers_the_later_may_find_it_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look whether a correction waits and the look at what it corrects, another may have worked it in."""
    rungs, merits = waiting_rungs()
    source = vars(Rung)["_source"]
    overtaken: list[Rung] = []

    def come_second(rung: Rung) -> Any:
        if rung is rungs[-1] and not overtaken:
            overtaken.append(rung)
            rung.entries()
        return source.__get__(rung)

    monkeypatch.setattr(Rung, "_source", property(come_second, source.__set__))
    rungs[-1].check(merits)
    assert overtaken == [rungs[-1]]


# ---- check

FAULTS: Sequence[Callable[[Ladder], object]] = (
    lambda made: setattr(made, "covered", made.covered + 1),
    lambda made: setattr(made, "best", made.best - 1),
    lambda made: setattr(made, "best", None),
    lambda made: setattr(made, "is_tied", True),
    lambda made: setattr(made, "rungs", made.rungs[::-1]),
    lambda made: setattr(made, "rungs", (*made.rungs, made.rungs[-1])),
    lambda made: setattr(made.rungs[0], "below", made.rungs[0].below - 1),
    lambda made: setattr(made.rungs[0], "least", made.rungs[0].least + 1),
    lambda made: made.rungs[0].entries()[0].__setitem__(0, 0),
    lambda made: made.rungs[0].entries()[1].__setitem__(0, 55.5),
)


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_a_check_notices(fault: int) -> None:
    """Rows that a rung should not have, merits that are not the column's, bounds that are none, rungs in disorder."""
    merits = np.arange(400.0)
    made = Ladder.of(merits)
    assert len(made.rungs) > 1
    made.check(merits)
    FAULTS[fault](made)
    with pytest.raises(AssertionError):
        made.check(merits)


def test_a_check_notices_a_rung_that_lacks_its_only_row() -> None:
    """Nothing is not as good as the row that belongs there."""
    merits = np.arange(8.0)
    rung = Rung.of(np.float64(7.0), 6.0, array(7), merits[7:])
    rung.check(merits)
    rung._entries = np.empty(0, dtype=np.int32), np.empty(0), 0
    with pytest.raises(AssertionError):
        rung.check(merits)
