"""A write that fails at any line leaves the results of all jobs as they were, and the next write goes on from them."""

import linecache
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import bucketquery
from bucketquery import ResultsIndex
from bucketquery.model.schema import BUCKET
from support.kept_all_jobs import assert_kept, shrink
from support.tiers import of_tier

PACKAGE = str(Path(bucketquery.__file__).parent)
HOUR = 3_600_000


def buckets(first: int, stop: int, *jobs: str, **fields: Any) -> list[dict[str, Any]]:
    """Buckets and records of some jobs."""
    return [
        {"result_type": kind, "job_id": job_id, "timestamp": row * HOUR, "bucket_span": 3_600, score: row % 9 * 10.0}
        | fields
        for row in range(first, stop)
        for job_id in jobs
        for kind, score in (("bucket", "anomaly_score"), ("record", "record_score"))
    ]


def filled() -> ResultsIndex:
    """An index whose results of all jobs have been asked, with pending commits."""
    index = ResultsIndex()
    index.upsert(buckets(0, 30, "db", "web", "www"))
    asked(index)
    index.upsert(buckets(30, 31, "db", "web"))
    return index


def asked(index: ResultsIndex) -> None:
    """Compare the results of the newest commit, and let readers make value indexes."""
    for kind in ("bucket", "record"):
        results = assert_kept(index.snapshot(), kind)
        assert results is not None
        for part in results.parts:
            part.base.value_index(results.schema.score, desc=True)


WRITES: Mapping[str, Callable[[ResultsIndex], object]] = {
    "a fold of rows in order": lambda index: index.upsert(buckets(31, 36, "db", "web", "www")),
    "a fold of late rows": lambda index: index.upsert(buckets(0, 9, "db", "web", bucket_span=60)),
    "a fold with new labels": lambda index: index.upsert(buckets(30, 33, *"abcdefghi", "wa", "wb", "wc", "wd")),
    "a window": lambda index: index.delete(end=8 * HOUR),
    "a window of some jobs": lambda index: index.delete(["db", "www"], start=20 * HOUR),
    "new scores": lambda index: index.renormalize(
        "web",
        buckets={"timestamp": np.arange(20) * HOUR, "bucket_span": 3_600, "anomaly_score": np.full(20, 1.5)},
    ),
    "a deleted job": lambda index: index.delete_job("web"),
    "a single row": lambda index: index.upsert(buckets(31, 32, "www")[:1]),
}


class Fault:
    """An error at one of the lines that the package runs.

    Args:
        at: the number of the line; 0 counts the lines only.
        error: the error.
    """

    def __init__(self, at: int, error: type[BaseException]) -> None:
        self.at = at
        self.error = error
        self.lines = 0

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        """Trace a call."""
        return self._line if frame.f_code.co_filename.startswith(PACKAGE) and event == "call" else None

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        # Leaving `with self._lock` runs its line again: an error there would leave the lock taken, and only a tracer
        # can raise one.
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip()
        if event == "line" and not line.startswith("with self._lock"):
            self.lines += 1
            if self.lines == self.at:
                raise self.error
        return self._line


def run(index: ResultsIndex, write: Callable[[ResultsIndex], object], fault: Fault) -> None:
    """Make a write with a fault."""
    before = sys.gettrace()
    sys.settrace(fault)
    try:
        write(index)
    except fault.error:
        pass
    finally:
        sys.settrace(before)


@pytest.mark.repeats
@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_fails_at_any_line_leaves_the_results_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The results are those of the newest commit after the fault, after the next write, and in an older snapshot."""
    shrink(monkeypatch)
    write = WRITES[name]
    counter = Fault(0, MemoryError)
    run(filled(), write, counter)
    step = max(1, counter.lines // of_tier(4, 20))
    for at in range(1 + len(name) % step, counter.lines, step):
        index = filled()
        held = index.snapshot()
        run(index, write, Fault(at, (MemoryError, KeyboardInterrupt)[at % 2]))
        assert not index._lock.locked()
        asked(index)
        index.upsert(buckets(36, 38, "db", "new", "web"))
        asked(index)
        write(index) if name != "a deleted job" or "web" in index else None
        asked(index)
        assert_kept(held, "bucket")
        index.check()


def test_a_reader_that_fails_leaves_the_next_one_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first reading may fail at any line. The next question makes the results."""
    shrink(monkeypatch)

    def ask(index: ResultsIndex) -> object:
        return index.snapshot()._catalog.all_jobs(BUCKET)

    def unasked() -> ResultsIndex:
        index = ResultsIndex()
        index.upsert(buckets(0, 30, "db", "web"))
        return index

    counter = Fault(0, MemoryError)
    run(unasked(), ask, counter)
    for at in range(1, counter.lines, max(1, counter.lines // of_tier(8, 50))):
        index = unasked()
        run(index, ask, Fault(at, MemoryError))
        index.upsert(buckets(30, 32, "db", "new"))
        asked(index)
        index.check()
