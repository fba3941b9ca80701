"""Deletions: the parameters of a delete, and what they name."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

import numpy as np
import pytest

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.queries.deletion import Deletion, read_deletion
from bucketquery.queries.job_tokens import MOST_JOBS


def no_clock() -> int:
    """A clock that must not be read."""
    raise AssertionError("the clock was read")


def read(*, clock: Callable[[], int] = no_clock, **given: Any) -> Deletion:
    """The deletion of some parameters; the others have their defaults."""
    defaults: dict[str, Any] = {"job_id": None, "start": None, "end": None, "interim_only": False}
    return read_deletion(**{**defaults, **given}, clock=clock)


def test_the_window_is_read_as_that_of_a_query() -> None:
    """An open side is None, and instants beyond the stored ones are clamped."""
    assert read(end=5) == Deletion(None, FIRST_MS, 5, interim_only=False)
    assert read(start="1970-01-01", end=np.datetime64(7, "s")) == Deletion(None, 0, 7_000, interim_only=False)
    assert read(start=datetime(1970, 1, 1, tzinfo=UTC))[1:] == (0, LAST_MS + 1, False)
    assert read(interim_only=np.True_)[1:] == (FIRST_MS, LAST_MS + 1, True)
    assert read(start=-(2**63), end=2**63)[1:] == (FIRST_MS, LAST_MS + 1, False)
    assert read(end="1969-12-31T23:59:59.999Z").end == -1


def test_the_clock_is_read_once_for_both_sides() -> None:
    """A delete reads the clock once if a bound says ``now``, and otherwise not at all."""
    moments = iter([1_000_000, 2_000_000])
    assert read(start="now-1m", end="now", clock=lambda: next(moments))[1:3] == (940_000, 1_000_000)
    assert read(end="now", clock=lambda: next(moments)).end == 2_000_000


def test_jobs_are_one_id_or_several() -> None:
    """Each job counts once. Any text is an id; the index checks later whether a job has it."""
    assert read(job_id="web", end=0).job_ids == ("web",)
    assert read(job_id="no such *", end=0).job_ids == ("no such *",)
    assert read(job_id=iter(["b", np.str_("a"), "b"]), end=0).job_ids == ("b", "a")
    assert read(end=0).job_ids is None


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "end"),
    ({"job_id": "web"}, "end"),
    ({"start": -1}, "start"),
    ({"end": -1}, "end"),
    ({"end": "-1"}, "end"),
    ({"end": np.int64(-1)}, "end"),
    ({"end": True}, "end"),
    ({"end": "soon"}, "end"),
    ({"start": datetime(2026, 1, 1)}, "start"),  # noqa: DTZ001 - a naive time is refused
    ({"interim_only": 1}, "interim_only"),
    ({"interim_only": None}, "interim_only"),
    ({"interim_only": "true"}, "interim_only"),
    ({"end": 5, "interim_only": 0}, "interim_only"),
    ({"end": 5, "job_id": []}, "job_id"),
    ({"end": 5, "job_id": 5}, "job_id"),
    ({"end": 5, "job_id": b"web"}, "job_id"),
    ({"end": 5, "job_id": ["web", None]}, "job_id"),
]


@pytest.mark.parametrize(("given", "field"), REFUSED, ids=repr)
def test_bad_parameters_are_refused(given: dict[str, Any], field: str) -> None:
    """The error names the parameter, and its value if it was given."""
    with pytest.raises(InvalidQuery) as caught:
        read(**given)
    assert (caught.value.field, caught.value.value) == (field, given.get(field))


def test_endless_jobs_and_instants_beyond_the_years_are_refused() -> None:
    """The number of ids is bounded, and date math is bounded at both sides."""
    with pytest.raises(LimitExceeded) as caught:
        read(job_id=repeat("web"), end=5)
    assert caught.value.field == "job_id"
    assert len(read(job_id=map(str, range(MOST_JOBS)), end=5).job_ids or ()) == MOST_JOBS
    for name in ("start", "end"):
        with pytest.raises(LimitExceeded) as caught:
            read(**{name: "now-9999y"}, clock=lambda: 0)
        assert caught.value.field == name
