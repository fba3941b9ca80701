"""The time of living results: writes with the log and without it, the feed, cursors, deletes.

Before a work is timed, its answer is compared with the right one. `python -m benchmarks --parts living` measures more
works, beside SQLite and DuckDB.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import pytest

from benchmarks.deletes import measure_deletes
from benchmarks.feed import measure_changes
from benchmarks.goals import judge
from benchmarks.living import (
    NOISE,
    PAIRED,
    WITH_LOG,
    WITHOUT_LOG,
    check_log,
    measure_single_writes,
    pair_of_indexes,
    paired,
)
from benchmarks.peers.living_table import LivingTable
from benchmarks.timing import ONCE, Table, WrongAnswer
from benchmarks.walks import ORDERS, PAGE, Walker, depths_at, measure_cursors
from benchmarks.workloads import (
    JOB,
    SPAN_S,
    Benchmark,
    Columns,
    Document,
    bucket_columns,
    bucket_documents,
    index_of_columns,
    next_buckets,
)

#: The collector must not collect one contestant's garbage while another is timed.
WITHOUT_GARBAGE: Final = pytest.mark.benchmark(disable_gc=True)


@pytest.fixture(scope="module")
def indexes(columns: Columns) -> Mapping[str, Any]:
    """An index with the log and one without it. Tests only append to them."""
    return pair_of_indexes(columns)


def each(documents: Iterator[Document]) -> Callable[[], tuple[tuple[Any], Mapping[str, Any]]]:
    """The setup of a benchmark: it takes the next document for the work, before the clock starts."""
    return lambda: (([next(documents)],), {})


@WITHOUT_GARBAGE
@pytest.mark.parametrize("contestant", [WITH_LOG, WITHOUT_LOG])
def test_a_bucket_is_appended(
    benchmark: Benchmark, contestant: str, columns: Columns, indexes: Mapping[str, Any]
) -> None:
    """Append one bucket in each round."""
    index = indexes[contestant]
    before = index.sequence
    newest = index.get_buckets(job_id=JOB, desc=True, size=1).column("timestamp")
    benchmark.group = "append a bucket, with the log and without it"
    benchmark.extra_info["contestant"] = contestant
    benchmark.pedantic(
        index.upsert, setup=each(next_buckets({**columns, "timestamp": newest}, interim=0)), rounds=3_000
    )
    assert index.search(ORDERS["by time"]).count == len(columns["timestamp"]) + index.sequence - before
    if contestant == WITH_LOG:
        assert len(index.changes(since=before)) == index.sequence - before


@WITHOUT_GARBAGE
def test_nothing_is_new(benchmark: Benchmark, indexes: Mapping[str, Any]) -> None:
    """Ask for the changes after the newest commit."""
    index = indexes[WITH_LOG]
    ask = partial(index.changes, ORDERS["by time"], since=index.sequence)
    assert (len(ask()), ask().sequence) == (0, index.sequence)
    benchmark.group = "changes with nothing new"
    benchmark.extra_info["contestant"] = "index"
    benchmark(ask)


@WITHOUT_GARBAGE
@pytest.mark.parametrize("way", ["cursor, timestamps", "from_, timestamps", "sqlite"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_deep_page_is_read(benchmark: Benchmark, order: str, way: str, columns: Columns) -> None:
    """Read the page behind a half of the buckets, by cursor, by ``from_`` and by keyset."""
    walker = Walker(columns, order, index_of_columns(columns), LivingTable(columns))
    depth = len(columns["timestamp"]) // 2
    read = walker.ways(depth)[way]
    found: Any = read()
    assert (found[0] if way == "sqlite" else found) == walker.page_at(depth)
    benchmark.group = f"a page behind a half, {order}"
    benchmark.extra_info["contestant"] = way
    benchmark(read)


@WITHOUT_GARBAGE
def test_the_oldest_day_is_deleted(benchmark: Benchmark, columns: Columns) -> None:
    """Delete the oldest day in each round, until the index has no more than ten days."""
    index: Any = index_of_columns(columns)
    days = iter(columns["timestamp"][288 : len(columns["timestamp"]) - 2_880 : 288].tolist())
    benchmark.group = "delete the oldest 288 buckets"
    benchmark.extra_info["contestant"] = "index"

    def setup() -> tuple[tuple[Any], Mapping[str, Any]]:
        return (next(days),), {}

    deleted: list[int] = []
    benchmark.pedantic(lambda end: deleted.append(index.delete(JOB, end=end).deleted), setup=setup, rounds=20)
    assert set(deleted) == {288}


# The measurements of the report


def test_the_log_is_judged_by_pairs() -> None:
    """The ratio is the median of neighbouring samples. If its noise reaches over the goal, the goal is left open."""
    row = paired({WITH_LOG: [10.0, 108.0, 32.4], WITHOUT_LOG: [10.0, 100.0, 30.0]}, 0.1)
    assert row == pytest.approx({WITH_LOG: 3.24, WITHOUT_LOG: 3.0, PAIRED: 1.08, NOISE: 0})
    verdicts = {}
    for noise in (0.01, 0.2):
        tables = {("log, batches", 10_000): Table("", "ms", {"W3": {**row, NOISE: noise}, "one for each of jobs": row})}
        verdicts[noise] = {verdict.goal: verdict for verdict in judge(tables, 10_000)}
    assert verdicts[0.01]["at most 5 % more than without it"].is_met is False
    assert verdicts[0.01]["at most 10 % more than without it"].is_met
    assert verdicts[0.2]["at most 5 % more than without it"].is_met is None
    assert "8 ± 20 %: too noisy to tell" in verdicts[0.2]["at most 5 % more than without it"].result


def test_a_log_that_lacks_changes_is_refused() -> None:
    """Every write must be in one log, and the other index must have none."""
    indexes = pair_of_indexes(bucket_columns(300))
    (document,) = bucket_documents({name: column[-1:] for name, column in bucket_columns(300).items()})
    for index in indexes.values():
        index.upsert([{**document, "anomaly_score": 99.0}])
    check_log(indexes, 1, 1)
    with pytest.raises(WrongAnswer):
        check_log(indexes, 1, 2)
    with pytest.raises(WrongAnswer):
        check_log({**indexes, WITHOUT_LOG: indexes[WITH_LOG]}, 1, 1)


def test_peers_are_optional() -> None:
    """Without peers, the index is measured alone."""
    for figures in (
        measure_changes(10_000, ONCE, []),
        measure_cursors(10_000, ONCE, []),
        measure_deletes(10_000, ONCE, []),
        measure_single_writes(10_000, ONCE),
    ):
        assert figures
        assert not any("sqlite" in row or "duckdb" in row for row in figures.values())


def test_a_depth_leaves_room_for_a_walk() -> None:
    """At each depth there are enough results for a walk. If no usual depth has, a half of the results is one."""
    assert depths_at(10_000, "by time") == [0, 5_000]
    assert depths_at(1_000_000, "by time") == depths_at(1_200_000, "by score") == [0, 10_000, 100_000]
    assert depths_at(1_200_000, "by time") == [0, 10_000, 100_000, 1_000_000]


def test_sqlite_has_a_feed_and_keyset_pages() -> None:
    """Triggers write one change for each changed bucket; a page begins behind a key."""
    columns = bucket_columns(1_000)
    table = LivingTable(columns)
    old, new = bucket_documents({name: column[:2] for name, column in columns.items()})
    assert table.sequence == 0
    table.put(old)
    assert table.changes(0.0, 0) == []
    table.put({**old, "anomaly_score": 80.0})
    table.put_all([{**new, "timestamp": 1, "anomaly_score": 90.0}])
    key, score = (old["timestamp"], SPAN_S), old["anomaly_score"]
    assert table.changes(75.0, 0) == [(*key, score, 80.0), (1, SPAN_S, None, 90.0)]
    assert table.history(*key) == [(*key, score, 80.0)]
    table.rescore(
        {"timestamp": columns["timestamp"][:1], **{n: columns[n][:1] for n in ("bucket_span", "anomaly_score")}}
    )
    assert table.changes(75.0, 2) == [(*key, 80.0, score)]
    assert (1, SPAN_S, None, 90.0) in table.listing(75.0)
    first, _ = table.by_time((-1, 0), PAGE)
    assert first == [1, *columns["timestamp"][: PAGE - 1].tolist()]
    highest, lowest = table.by_score((100.5, 0, 0), 1)
    assert table.by_score((lowest, highest[0], SPAN_S), 2)[0][0] != highest[0]
