"""Deletes of a window, beside SQLite, DuckDB and a new load of the rest; and the first question after a delete."""

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from benchmarks.peers import make
from benchmarks.questions import check
from benchmarks.timing import MIN_SAMPLES, Effort, Figures, WrongAnswer, alternate
from benchmarks.workloads import (
    HIGHEST,
    JOB,
    SPAN_MS,
    Columns,
    ResolvedQuery,
    answer_of,
    bucket_columns,
    index_of_columns,
)

#: Buckets in a day of 300 s, and in one of 60 s.
_DAY: Final = 288
_LONG_DAY: Final = 1_440
_INTERIM: Final = 3
#: From this size on, the days of all works come from one load. SQLite needs seconds for a load.
_LARGE: Final = 200_000
_PEERS: Final = ("sqlite", "duckdb")
_HIGHEST: Final = ResolvedQuery.of(HIGHEST)


#: The number of rows of each delete, and their place.
_WORKS: Final[Mapping[str, tuple[int, str]]] = {
    f"the oldest {_DAY} buckets": (_DAY, "oldest"),
    f"the oldest {_LONG_DAY:,} buckets": (_LONG_DAY, "oldest"),
    f"the newest {_DAY} final buckets": (_DAY, "newest"),
    f"{_DAY} buckets in the middle": (_DAY, "middle"),
    f"the newest {_INTERIM} buckets, which are interim": (_INTERIM, "interim"),
}


class Window(NamedTuple):
    """The rows of a delete: positions in the columns, from ``start`` to before ``end``; their interim rows only."""

    start: int
    end: int
    interim_only: bool = False


class _Holder(Protocol):
    def delete(self, window: Window) -> int:
        """Delete the rows of a window. Returns their number."""

    def highest(self) -> tuple[int, Sequence[int]]:
        """The count of all buckets, and the timestamps of the ten highest scores."""


class _InIndex:
    def __init__(self, timestamps: Any, index: Any) -> None:
        self.index = index
        self._timestamps = timestamps

    def delete(self, window: Window) -> int:
        start, end = bounds(self._timestamps, window)
        return int(self.index.delete(JOB, start=start, end=end, interim_only=window.interim_only).deleted)

    def highest(self) -> tuple[int, Sequence[int]]:
        page = self.index.search(HIGHEST)
        return page.count, page.column("timestamp").tolist()


class _InPeer:
    def __init__(self, timestamps: Any, peer: Any) -> None:
        self.peer = peer
        self._timestamps = timestamps
        self._ask = peer.prepare(_HIGHEST)

    def delete(self, window: Window) -> int:
        start, end = bounds(self._timestamps, window)
        return int(self.peer.delete(start, end, interim_only=window.interim_only))

    def highest(self) -> tuple[int, Sequence[int]]:
        count, page = self._ask()
        return count, self.peer.keys(page)


class _Reload:
    """An index that is made anew from the columns without the deleted rows, which a host would have to keep."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._alive = np.ones(len(columns["timestamp"]), dtype=np.bool_)
        self._index = index_of_columns(columns)

    def delete(self, window: Window) -> int:
        rows = slice(window.start, window.end)
        dropped = self._alive[rows] & self._columns["is_interim"][rows] if window.interim_only else self._alive[rows]
        number = int(dropped.sum())
        self._alive[rows] &= ~dropped
        self._index = index_of_columns({name: column[self._alive] for name, column in self._columns.items()})
        return number

    def highest(self) -> tuple[int, Sequence[int]]:
        page = self._index.search(HIGHEST)
        return page.count, page.column("timestamp").tolist()


def bounds(timestamps: Any, window: Window) -> tuple[int, int]:
    """The instants of a window of rows."""
    return int(timestamps[window.start]), int(timestamps[window.end - 1]) + SPAN_MS


class _Holders:
    """All contestants over the same buckets, and which rows are still there."""

    def __init__(self, columns: Columns, peers: Sequence[str]) -> None:
        self.columns = columns
        self.alive = np.ones(len(columns["timestamp"]), dtype=np.bool_)
        timestamps = columns["timestamp"]
        self.holders: dict[str, _Holder] = {"index": _InIndex(timestamps, index_of_columns(columns))}
        for name in _PEERS:
            if name in peers:
                peer: Any = make(name)
                peer.load(columns)
                self.holders[name] = _InPeer(timestamps, peer)
        self.holders["index, loaded again"] = _Reload(columns)
        for holder in self.holders.values():
            holder.highest()

    def _drop(self, window: Window) -> int:
        """Mark the rows of a window as deleted. Returns their number."""
        rows = slice(window.start, window.end)
        dropped = self.alive[rows] & (self.columns["is_interim"][rows] | (not window.interim_only))
        self.alive[rows] &= ~dropped
        return int(dropped.sum())

    def measure(self, windows: Sequence[Window]) -> tuple[dict[str, float], dict[str, float]]:
        """The times of deletes, and of the first question for the ten highest scores after each; milliseconds.

        Raises:
            WrongAnswer: a delete has another number of rows, or the answer afterwards is another one.
        """
        counts: dict[str, list[int]] = {name: [] for name in self.holders}
        works = {name: partial(_step, holder, counts[name]) for name, holder in self.holders.items()}
        taken = alternate(works, [step for window in windows for step in (window, None)])
        right = [self._drop(window) for window in windows]
        answer = answer_of({name: column[self.alive] for name, column in self.columns.items()}, _HIGHEST)
        for name, holder in self.holders.items():
            if counts[name] != right:
                raise WrongAnswer(f"a delete, {name}: {counts[name]} rows, not {right}")
            check(f"the ten highest after deletes, {name}", holder.highest(), answer, empty=False)
        deleting, asking = ({name: median(some[at::2]) / 1e3 for name, some in taken.items()} for at in (0, 1))
        return deleting, asking


def _step(holder: _Holder, counts: list[int], window: Window | None) -> object:
    if window is None:
        return holder.highest()
    counts.append(holder.delete(window))
    return None


def measure_deletes(size: int, effort: Effort, peers: Sequence[str]) -> Figures:
    """Deletes of days and of interim buckets, and the ten highest scores after each, milliseconds.

    Each delete takes the next day, so a work needs one load. A work is left out if `MIN_SAMPLES` of its days are more
    than a quarter of the buckets. Every contestant has answered a question by score before.

    Raises:
        WrongAnswer: a delete has another number of rows, or the answer afterwards is another one.
    """
    figures = {}
    holders = None
    for name, (length, place) in _WORKS.items():
        days = size // (4 * length)
        if days < MIN_SAMPLES:
            continue
        rounds = min(effort.rounds, days)
        if holders is None or size < _LARGE:
            holders = _Holders(bucket_columns(size, interim=_INTERIM * effort.rounds), peers)
        final = size - _INTERIM * effort.rounds
        starts = {
            "oldest": int(holders.alive.argmax()) + length * np.arange(rounds),
            "middle": size // 2 + length * np.arange(rounds),
            "newest": final - length * np.arange(1, rounds + 1),
            "interim": size - length * np.arange(1, rounds + 1),
        }[place]
        windows = [Window(start, start + length, place == "interim") for start in starts.tolist()]
        deleting, asking = holders.measure(windows)
        figures[name] = deleting
        figures[f"the ten highest after {name}"] = asking
    return figures
