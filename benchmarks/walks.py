"""Cursors: pages behind others at some depths, beside ``from_`` and SQLite's keyset pages; alone and in a walk."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count, islice
from statistics import median
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.peers.living_table import LivingTable
from benchmarks.timing import Call, Effort, Figures, WrongAnswer, alternate, race
from benchmarks.workloads import JOB, SPAN_S, Columns, Document, bucket_columns, bucket_documents, index_of_columns
from bucketquery import BucketQuery

DEPTHS: Final = (10_000, 100_000, 1_000_000)
"""The numbers of results before a page. The last one is measured in order of time only."""

PAGE: Final = 100
WALK: Final = 40
"""The number of pages in a walk."""

ORDERS: Final[Mapping[str, BucketQuery]] = {
    "by time": BucketQuery(jobs=JOB, size=PAGE),
    "by score": BucketQuery(jobs=JOB, size=PAGE, sort="anomaly_score", desc=True),
}

#: An index. Any, because an older commit that is measured has no cursors.
Index = Any
Page = list[int]


def depths_at(size: int, order: str) -> list[int]:
    """The depths that are measured with ``size`` buckets, 0 first. Each has room for a walk behind it."""
    most = size - WALK * PAGE
    found = [depth for depth in DEPTHS[: None if order == "by time" else 2] if depth <= most]
    return [0, *(found or [size // 2])]


class Walker:
    """The ways to read the pages of one order: by cursor, by ``from_``, and by keyset in SQLite.

    Args:
        columns: the buckets.
        order: the name of the order.
        index: an index of the buckets.
        table: the buckets in SQLite; None to leave it out.
    """

    def __init__(self, columns: Columns, order: str, index: Index, table: LivingTable | None) -> None:
        self.query = ORDERS[order]
        self._search = index.search
        self._table = table
        self._by_time = order == "by time"
        self._columns = columns
        keys = (columns["timestamp"],) if self._by_time else (columns["timestamp"], columns["anomaly_score"])
        rows = np.lexsort(keys)
        #: The rows in the order of the query.
        self.rows: npt.NDArray[np.intp] = rows if self._by_time else rows[::-1]

    def page_at(self, depth: int) -> Page:
        """The right timestamps of a page."""
        found: Page = self._columns["timestamp"][self.rows[depth : depth + PAGE]].tolist()
        return found

    def ways(self, depth: int) -> dict[str, Call]:
        """The calls that return the page at a depth. The first page needs neither a cursor nor ``from_``."""
        skipping = self.query.replace(from_=depth)
        search = partial(self._search, skipping)
        calls: dict[str, Call] = {"from_": search, "from_, timestamps": partial(_read, search)}
        if depth:
            cursor = self._search(self.query.replace(from_=depth - PAGE)).cursor
            after = partial(self._search, self.query, after=cursor)
            calls = {"cursor": after, "cursor, timestamps": partial(_read, after), **calls}
        if self._table:
            calls["sqlite"] = self._keyset(depth)
        return calls

    def walks(self, depth: int) -> dict[str, Callable[[], object]]:
        """The calls that return the timestamps of `WALK` pages, one after another, from a depth on."""
        search, query = self._search, self.query
        first = search(query.replace(from_=depth - PAGE)).cursor if depth else None

        def by_cursor() -> list[Page]:
            found, cursor = [], first
            for _ in range(WALK):
                page = search(query, after=cursor)
                found.append(page.column("timestamp").tolist())
                cursor = page.cursor
            return found

        def unread() -> list[Page]:
            cursor, page = first, None
            for _ in range(WALK):
                page = search(query, after=cursor)
                cursor = page.cursor
            return [] if page is None else [page.column("timestamp").tolist()]

        def by_skipping() -> list[Page]:
            return [
                search(query.replace(from_=depth + turn * PAGE)).column("timestamp").tolist() for turn in range(WALK)
            ]

        calls: dict[str, Callable[[], object]] = {
            "cursor": unread,
            "cursor, timestamps": by_cursor,
            "from_, timestamps": by_skipping,
        }
        if self._table:
            calls["sqlite"] = partial(self._walk_table, depth)
        return calls

    def _key(self, depth: int) -> tuple[Any, ...]:
        """The key of the result before a depth: one below all others for the first page."""
        if not depth:
            return (-1, 0) if self._by_time else (float("inf"), 0, 0)
        row = self.rows[depth - 1]
        behind = (int(self._columns["timestamp"][row]), SPAN_S)
        return behind if self._by_time else (float(self._columns["anomaly_score"][row]), *behind)

    def _keyset(self, depth: int) -> Call:
        table = self._table
        assert table is not None
        return partial(table.by_time if self._by_time else table.by_score, self._key(depth), PAGE)

    def _walk_table(self, depth: int) -> list[Page]:
        table, key, found = self._table, self._key(depth), []
        assert table is not None
        for _ in range(WALK):
            if self._by_time:
                page, _ = table.by_time(key, PAGE)
                key = (page[-1], SPAN_S)
            else:
                page, score = table.by_score(key, PAGE)
                key = (score, page[-1], SPAN_S)
            found.append(page)
        return found


def _read(search: Call) -> Page:
    page: Any = search()
    timestamps: Page = page.column("timestamp").tolist()
    return timestamps


def measure_cursors(size: int, effort: Effort, peers: Sequence[str]) -> Figures:
    """Pages at some depths, microseconds a page: again, after a commit, and in a walk of `WALK` pages.

    All depths of an order take turns in one race. Pages of the index have the count of all matches. SQLite's have not.

    Raises:
        WrongAnswer: a page is not the right one.
    """
    columns = bucket_columns(size, interim=0)
    index: Index = index_of_columns(columns)
    table = LivingTable(columns) if "sqlite" in peers else None
    walkers = {order: Walker(columns, order, index, table) for order in ORDERS}
    figures: Figures = {}
    for order, walker in walkers.items():
        depths = depths_at(size, order)
        figures |= _race_pages(order, {depth: walker.ways(depth) for depth in depths}, walker, effort)
        for depth in depths[1:]:
            walks = walker.walks(depth)
            right = [walker.page_at(depth + turn * PAGE) for turn in range(WALK)]
            for name, call in walks.items():
                if call() != (right[-1:] if name == "cursor" else right):
                    raise WrongAnswer(f"a walk {order} from {depth}, {name}")
            taken = race({name: [call] for name, call in walks.items()}, effort)
            figures[f"{order}, {WALK} pages behind {depth:,}, each"] = {name: us / WALK for name, us in taken.items()}
    (newest,) = bucket_documents({name: column[-1:] for name, column in columns.items()})
    versions = ({**newest, "event_count": events, "is_interim": True} for events in count(1))
    for order, walker in walkers.items():
        for depth in depths_at(size, order):
            calls = walker.ways(depth)
            taken_each: dict[str, list[float]] = {name: [] for name in calls}
            for _ in range(5 * effort.rounds if depth < DEPTHS[1] else effort.rounds):
                for name, call in calls.items():
                    # Each call is the first one after a commit: the ways must not find what another one has made.
                    work = {name: partial(_ignoring, call)}
                    taken_each[name] += alternate(work, _writing(islice(versions, 1), index, table))[name]
            _check_pages(order, depth, calls, walker)
            name = f"{order}, {_words(depth)}, after a commit"
            figures[name] = {way: median(some) for way, some in taken_each.items()}
    return figures


def _words(depth: int) -> str:
    return f"a page behind {depth:,}" if depth else "the first page"


def _race_pages(order: str, ways: Mapping[int, Mapping[str, Call]], walker: Walker, effort: Effort) -> Figures:
    contestants: dict[str, list[Call]] = {}
    for depth, calls in ways.items():
        _check_pages(order, depth, calls, walker)
        contestants |= {f"{depth} {name}": [call] for name, call in calls.items()}
    taken = race(contestants, effort)
    return {
        f"{order}, {_words(depth)}": {name: taken[f"{depth} {name}"] for name in calls} for depth, calls in ways.items()
    }


def _check_pages(order: str, depth: int, calls: Mapping[str, Call], walker: Walker) -> None:
    right = walker.page_at(depth)
    for name, call in calls.items():
        found: Any = call()
        if name == "sqlite":
            found = found[0]
        elif "," not in name:
            found = found.column("timestamp").tolist()
        if found != right:
            raise WrongAnswer(f"{order}, {_words(depth)}, {name}: {found[:3]}..., not {right[:3]}...")


def _writing(versions: Iterable[Document], index: Index, table: LivingTable | None) -> Iterator[None]:
    """Write a version of the newest bucket to both before each turn. No measured page changes."""
    for document in versions:
        index.upsert([document])
        if table:
            table.put(document)
        yield None


def _ignoring(call: Call, _: None) -> object:
    return call()
