"""Swimlane queries as values: what they store, and what they refuse."""

import copy
import pickle
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any

import numpy as np
import pytest

from bucketquery import InvalidQuery, LimitExceeded, SwimlaneQuery
from bucketquery.queries.bounds import Bounds
from bucketquery.queries.swimlane_query import MOST_SECONDS, read_cell
from bucketquery.queries.top_query import read_top_query

DEFAULTS: dict[str, Any] = {
    "jobs": ("web",),
    "cell": 300,
    "start": None,
    "end": None,
    "tzinfo": None,
    "by": "job",
    "lanes": 10,
    "from_": 0,
    "exclude_interim": False,
}


def attributes(query: SwimlaneQuery) -> dict[str, Any]:
    """The parameters that a query stores."""
    return {name: getattr(query, name) for name in DEFAULTS}


def test_a_query_stores_its_parameters() -> None:
    """A parameter that is not given has its default; numbers are stored as Python's."""
    assert attributes(SwimlaneQuery(jobs="web", cell=300)) == DEFAULTS
    given: dict[str, Any] = {
        "jobs": ("web", "db"),
        "cell": "day",
        "start": "now-7d/d",
        "end": 5,
        "tzinfo": timezone(timedelta(hours=1)),
        "by": "airline",
        "lanes": 10**30,
        "from_": 7,
        "exclude_interim": True,
    }
    assert attributes(SwimlaneQuery(**given)) == given
    numbers: dict[str, Any] = {"cell": np.int64(60), "lanes": np.uint8(3), "from_": np.int32(1)}
    query = SwimlaneQuery(jobs=["web"], exclude_interim=np.bool_(True), **numbers)  # type: ignore[arg-type]
    stored = (query.cell, query.lanes, query.from_, query.exclude_interim)
    assert stored == (60, 3, 1, True)
    assert [type(value) for value in stored] == [int, int, int, bool]


def test_a_query_is_a_value() -> None:
    """Its parameters decide equality, hash, repr and pickle, and none of them can be changed."""
    query = SwimlaneQuery(jobs="web", cell="week", start="now-1d", tzinfo=UTC)
    same = SwimlaneQuery(jobs=["web"], cell="week", start="now-1d", tzinfo=UTC)
    assert query == same
    assert hash(query) == hash(same)
    assert query != query.replace(lanes=3)
    assert query != query.replace(tzinfo=None)
    shown = {**DEFAULTS, "cell": "week", "start": "now-1d", "tzinfo": UTC}
    assert repr(query) == f"SwimlaneQuery({', '.join(f'{name}={value!r}' for name, value in shown.items())})"
    unpickled = pickle.loads(pickle.dumps(query))
    assert unpickled == query
    assert unpickled._bounds.resolve(lambda: 86_400_000) == (0, None)
    assert copy.copy(query) is copy.deepcopy(query) is query
    for name in DEFAULTS:
        with pytest.raises(AttributeError):
            setattr(query, name, None)
    with pytest.raises(TypeError):
        query.replace(size=5)


def test_a_zone_that_cannot_be_hashed_is_stored() -> None:
    """The zone plays no part in the hash, since some zones have none."""
    methods = {"utcoffset": lambda *_: timedelta(0), "__hash__": None}
    zone: tzinfo = type("Unhashable", (tzinfo,), methods)()
    assert hash(SwimlaneQuery(jobs="web", cell="day", tzinfo=zone)) == hash(SwimlaneQuery(jobs="web", cell="day"))


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"jobs": []}, "jobs"),
        ({"jobs": 5}, "jobs"),
        ({"start": "x"}, "start"),
        ({"end": True}, "end"),
        ({"cell": 0}, "cell"),
        ({"cell": -60}, "cell"),
        ({"cell": 60.0}, "cell"),
        ({"cell": True}, "cell"),
        ({"cell": "hour"}, "cell"),
        ({"cell": "60"}, "cell"),
        ({"cell": None}, "cell"),
        ({"cell": np.float64(60)}, "cell"),
        ({"cell": -(10**400)}, "cell"),
        ({"tzinfo": UTC}, "tzinfo"),
        ({"cell": "day", "tzinfo": "UTC"}, "tzinfo"),
        ({"by": None}, "by"),
        ({"by": 5}, "by"),
        ({"lanes": 0}, "lanes"),
        ({"lanes": -1}, "lanes"),
        ({"lanes": 1.5}, "lanes"),
        ({"lanes": True}, "lanes"),
        ({"from_": -1}, "from_"),
        ({"from_": "0"}, "from_"),
        ({"exclude_interim": "true"}, "exclude_interim"),
    ],
    ids=str,
)
def test_a_parameter_is_refused(parameters: dict[str, Any], field: str) -> None:
    """Every invalid parameter is named."""
    with pytest.raises(InvalidQuery) as caught:
        SwimlaneQuery(**{"jobs": "web", "cell": 60, **parameters})
    assert caught.value.field == field


def test_the_longest_cell() -> None:
    """A cell has at most 10^15 seconds, so its edges fit into 64 bits."""
    assert read_cell(MOST_SECONDS) == 10**15
    for cell in (MOST_SECONDS + 1, 10**400):
        with pytest.raises(LimitExceeded) as caught:
            read_cell(cell)
        assert caught.value.field == "cell"


def test_bounds_mean_instants() -> None:
    """An open side stays open. An instant outside the years 0001 to 9999 becomes the nearest end of them."""
    bounds, start, end = Bounds.read(-(10**18), "now")
    assert (start, end) == (-(10**18), "now")
    assert bounds.resolve(lambda: 5) == (-62_135_596_800_000, 5)
    assert Bounds.read("-1", None)[0].resolve(lambda: 1 // 0) == (None, None)


def test_the_clock_is_read_once() -> None:
    """Both sides of a window have the same ``now``."""
    instants = iter([7_000])
    bounds, _, _ = Bounds.read("now-1s", "now")
    assert bounds.resolve(lambda: next(instants)) == (6_000, 7_000)


def test_the_parameters_of_top_influencers() -> None:
    """They are checked and stored in their base types."""
    query = read_top_query(
        jobs=["web", "web"],
        field="airline",
        start=5,
        end=None,
        by="max",
        size=np.int64(3),
        from_=2,
        exclude_interim=np.bool_(False),
    )
    assert query[:2] == (("web",), "airline")
    assert query[3:] == (False, 3, 2, False)
    assert [type(value) for value in query[3:]] == [bool, int, int, bool]
