"""Rule 20.now: the `now` of a search, and when the clock is read."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, BucketQueryError
from support.semantics_tables import JOB, assert_refusal, at, bucket, each_row, index_of, invalid


@dataclass(frozen=True, slots=True)
class NowIs:
    """A value of `now`, and the instant it means."""

    rule: str
    claim: str
    value: Any
    instant: int | str
    source: str


NOW_VALUES = [
    NowIs("20.now", "an int", 1_577_836_800_000, 1_577_836_800_000, "ours: any instant"),
    NowIs("20.now", "ISO text", "2020-02-03T04:05Z", "2020-02-03T04:05:00.000Z", "ours: any instant"),
    NowIs("20.now", "digits", "12345", 12_345, "ours: any instant"),
    NowIs("20.now", "date math", "2020-02-03||/M", "2020-02-01T00:00:00.000Z", "ours: any instant"),
    NowIs("20.now", "a datetime", datetime(2020, 2, 3, 4, tzinfo=UTC), "2020-02-03T04:00:00.000Z", "ours: any instant"),
    NowIs("20.now", "a datetime64", np.datetime64("2020-02-03", "D"), "2020-02-03T00:00:00.000Z", "ours: any instant"),
    NowIs("20.now", "-1", -1, -1, "-1 is unset in start and end only"),
    NowIs("20.now", "text -1", "-1", -1, "-1 is unset in start and end only"),
    NowIs("20.now", "0", 0, 0, "0 is an instant"),
]


@each_row(NOW_VALUES)
def test_now_may_be_given(row: NowIs) -> None:
    """If `now` is given, the search uses it and does not read the clock."""
    instant = at(row.instant) if isinstance(row.instant, str) else row.instant
    index = index_of([bucket(instant - 1), bucket(instant)], clock=_counted([0, 0]))
    assert [found.timestamp for found in index.get_buckets(job_id=JOB, start="now", now=row.value)] == [instant]
    query = BucketQuery(jobs=JOB, start="now")
    assert [found.timestamp for found in index.search(query, now=row.value)] == [instant]
    assert [found.timestamp for found in index.snapshot().scan(query, now=row.value)] == [instant]


@dataclass(frozen=True, slots=True)
class BadNow:
    """A value that `now` may not have."""

    rule: str
    value: Any
    source: str

    @property
    def claim(self) -> str:
        """The value as Python shows it."""
        return repr(self.value)


NO_NOW = [
    BadNow("20.now", "now", "refers to itself"),
    BadNow("20.now", "now-1d", "refers to itself"),
    BadNow("20.now", "soon", "1.6"),
    BadNow("20.now", "", "1.6"),
    BadNow("20.now", 1.5, "a float"),
    BadNow("20.now", True, "a bool"),
    BadNow("20.now", np.datetime64("NaT"), "not an instant"),
]


@each_row(NO_NOW)
def test_now_that_is_not_an_instant_is_refused(row: BadNow) -> None:
    """A bad `now` is an error of the parameter `now`, not of `start`."""
    with pytest.raises(BucketQueryError) as caught:
        index_of([]).get_buckets(job_id=JOB, start="now", now=row.value)
    assert_refusal(caught.value, invalid("now", "", caught.value.type))


def _counted(answers: list[int]) -> Callable[[], int]:
    """A clock that gives these instants in order, and then fails."""
    return answers.copy().__iter__().__next__


def test_clock_is_read_once_a_search() -> None:
    """A search reads the clock once, so both bounds have the same `now`."""
    index = index_of([bucket(9_000), bucket(10_000)], clock=_counted([0, 0, 10_000]))
    page = index.get_buckets(job_id=JOB, start="now-1s", end="now")
    assert [found.timestamp for found in page] == [9_000]


def test_each_search_reads_the_clock() -> None:
    """A query stores no instant for `now`: each search reads the clock again."""
    index = index_of([bucket(10_000), bucket(20_000)], clock=_counted([0, 0, 10_000, 20_000]))
    query = BucketQuery(jobs=JOB, start="now")
    assert [found.timestamp for found in index.search(query)] == [10_000, 20_000]
    assert [found.timestamp for found in index.search(query)] == [20_000]


def test_clock_is_not_read_without_now() -> None:
    """A search without `now` in its dates does not read the clock, also with other date math."""
    index = index_of([bucket("2020-02-01T00:00Z")], clock=_counted([0, 0]))
    assert index.get_buckets(job_id=JOB, start="2020-02-03||/M", end="2020-02-03").count == 1


def test_a_commit_reads_the_clock_once() -> None:
    """A write reads the clock if it makes a commit. The stored results depend only on the documents."""
    index = index_of([bucket("2020-02-01T00:00Z")], clock=_counted([0, 7, 9]))
    assert index.upsert([bucket("2020-02-01T00:00Z")]).time == 7
    commit = index.delete_job(JOB)
    assert (commit.deleted, commit.time) == (1, 9)


@pytest.mark.parametrize("answer", [1.5, "0", None])
def test_clock_must_give_an_int(answer: Any) -> None:
    """A clock that does not return an int raises TypeError. A write then changes nothing."""
    index = index_of([], clock=_counted([0, answer, answer]))
    with pytest.raises(TypeError):
        index.get_buckets(job_id=JOB, start="now")
    before = index.snapshot()
    with pytest.raises(TypeError):
        index.upsert([bucket(0)])
    assert index.snapshot() is before
