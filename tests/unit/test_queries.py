"""Questions as values: what is kept, what is asked, and that nothing stands beside a lookup."""

import copy
import dataclasses
import math
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import BUCKET
from bucketquery.queries.client_keywords import client_query
from bucketquery.queries.queries import BucketQuery, resolve
from bucketquery.queries.resolved import ResolvedQuery

DEFAULTS: dict[str, Any] = {
    "jobs": ("web",),
    "start": None,
    "end": None,
    "anomaly_score": 0.0,
    "exclude_interim": False,
    "expand": False,
    "sort": "timestamp",
    "desc": False,
    "from_": 0,
    "size": 100,
    "timestamp": None,
}
OPEN = ResolvedQuery(
    start=FIRST_MS,
    end=LAST_MS + 1,
    threshold=None,
    exclude_interim=False,
    order_by=(),
    desc=False,
    from_=0,
    size=100,
    is_lookup=False,
    expand=False,
    exclude_interim_records=False,
    schema=BUCKET,
)


def attributes(query: BucketQuery) -> dict[str, Any]:
    """The parameters a query keeps."""
    return {name: getattr(query, name) for name in DEFAULTS}


def no_clock() -> int:
    """A clock that must not be read."""
    raise AssertionError("the clock was read")


def ask(**parameters: Any) -> BucketQuery:
    """The client's query with nothing given but these."""
    names = (
        "timestamp",
        "score",
        "desc",
        "end",
        "exclude_interim",
        "expand",
        "from_",
        "page",
        "size",
        "sort",
        "start",
    )
    if "anomaly_score" in parameters:
        parameters["score"] = parameters.pop("anomaly_score")
    query = client_query(BucketQuery, job_id="web", **{**dict.fromkeys(names), **parameters})
    assert isinstance(query, BucketQuery)
    return query


def refusal(make: Callable[[], object]) -> InvalidQuery:
    """The error of a question that must be refused."""
    with pytest.raises(InvalidQuery) as caught:
        make()
    return caught.value


def test_a_query_keeps_its_parameters() -> None:
    """The API's defaults; one job becomes a tuple."""
    assert attributes(BucketQuery(jobs="web")) == DEFAULTS
    assert attributes(ask()) == DEFAULTS
    given: dict[str, Any] = {
        "jobs": ("db",),
        "start": "now-1d/d",
        "end": 5,
        "anomaly_score": 75.0,
        "exclude_interim": True,
        "expand": True,
        "sort": "event_count",
        "desc": True,
        "from_": 10**30,
        "size": 7,
    }
    assert attributes(BucketQuery(**given)) == {**given, "timestamp": None}


def test_numbers_are_kept_as_pythons() -> None:
    """Whatever spelled them; NaN, which filters nothing, as 0."""
    given: dict[str, Any] = {
        "start": np.datetime64(5, "s"),
        "end": datetime(1970, 1, 2, tzinfo=UTC),
        "anomaly_score": np.float32(0.5),
        "from_": np.int64(3),
        "size": np.uint8(4),
    }
    query = BucketQuery(jobs=["web"], **given)
    kept = (query.start, query.end, query.anomaly_score, query.from_, query.size)
    assert kept == (5_000, 86_400_000, 0.5, 3, 4)
    assert [type(value) for value in kept] == [int, int, float, int, int]
    assert BucketQuery(jobs="web", anomaly_score=math.nan).anomaly_score == 0.0


def test_a_query_is_a_value() -> None:
    """Equal, hashed, shown, copied and pickled by its parameters; never changed."""
    query = BucketQuery(jobs="web", start="now-1h", anomaly_score=75)
    same = BucketQuery(jobs=["web"], start="now-1h", anomaly_score=75.0)
    assert query == same
    assert hash(query) == hash(same)
    assert query != query.replace(start="now-2h")
    assert repr(query) == (
        "BucketQuery(jobs=('web',), start='now-1h', end=None, anomaly_score=75.0, exclude_interim=False, expand=False,"
        " sort='timestamp', desc=False, from_=0, size=100, timestamp=None)"
    )
    for travelled in (pickle.loads(pickle.dumps(query)), copy.copy(query), copy.deepcopy(query)):
        assert travelled == query
        assert resolve(travelled, lambda: 0) == resolve(query, lambda: 0)
    for name in DEFAULTS:
        with pytest.raises(AttributeError):
            setattr(query, name, None)


def test_replace_asks_the_same_but_for_what_is_named() -> None:
    """Checked like a new one; the first stays as it was."""
    query = BucketQuery(jobs="web", size=3)
    assert query.replace(desc=True, jobs="db") == BucketQuery(jobs="db", size=3, desc=True)
    assert query.replace(timestamp=5, size=100).timestamp == 5
    assert refusal(lambda: query.replace(size=-1)).field == "size"
    with pytest.raises(TypeError):
        query.replace(sizes=3)
    assert dataclasses.replace(query, desc=True) == query.replace(desc=True)
    assert [field.name for field in dataclasses.fields(query)] == list(DEFAULTS)
    assert dataclasses.asdict(query) == {name: getattr(query, name) for name in DEFAULTS}
    assert query == BucketQuery(jobs="web", size=3)


@pytest.mark.parametrize("side", ["start", "end"])
def test_the_instant_minus_one_survives_replace_and_pickle(side: str) -> None:
    """A datetime may mean the instant whose number means unset."""
    query = BucketQuery(jobs="web", **{side: datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)})  # type: ignore[arg-type] # one of two instants
    expected = OPEN._replace(**{side: -1})  # type: ignore[arg-type] # the same
    for same in (query, query.replace(size=100), pickle.loads(pickle.dumps(query))):
        assert same == query
        assert resolve(same, no_clock) == expected


BAD: list[tuple[str, Any]] = [
    ("jobs", "a*"),
    ("start", True),
    ("end", 1.5),
    ("timestamp", datetime(2020, 1, 1)),  # noqa: DTZ001 - naive is what is tested
    ("anomaly_score", "75"),
    ("exclude_interim", "true"),
    ("expand", 1),
    ("sort", "nothing"),
    ("desc", None),
    ("from_", -1),
    ("size", 1.0),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_parameter_is_named(name: str, value: Any) -> None:
    """Each is checked when the query is made, and the error's field is the parameter."""
    with pytest.raises(InvalidQuery) as caught:
        BucketQuery(**{"jobs": "web", name: value})
    assert caught.value.field == name
    assert caught.value.value is value


# ---- what is asked


def test_a_question_without_now_is_resolved_once() -> None:
    """The clock is not read, and the question is made with the query."""
    query = BucketQuery(jobs="web")
    assert resolve(query, no_clock) == OPEN
    assert resolve(query, no_clock) is resolve(query, no_clock)


def test_a_question_on_now_reads_the_clock_once() -> None:
    """For both bounds together, at each search anew."""
    query = BucketQuery(jobs="web", start="now-1s", end="now")
    instants = iter((5_000, 9_000))
    assert resolve(query, instants.__next__)[:2] == (4_000, 5_000)
    assert resolve(query, instants.__next__)[:2] == (8_000, 9_000)


def test_bounds_mean_the_start_of_what_text_covers() -> None:
    """Neither is rounded up; far instants are clamped to where something can be stored."""
    query = BucketQuery(jobs="web", start="1970-01-02", end="1970-01-03T00||/M")
    assert resolve(query, no_clock)[:2] == (86_400_000, 0)
    far = BucketQuery(jobs="web", start=-(2**70), end=2**70)
    assert resolve(far, no_clock) == OPEN
    behind = BucketQuery(jobs="web", start=LAST_MS + 5, end="-99999999999999999999")
    assert resolve(behind, no_clock)[:2] == (LAST_MS + 1, FIRST_MS)


def test_a_threshold_is_asked_only_above_zero() -> None:
    """Zero, less and NaN let buckets without a score match too."""
    for nothing in (0, -0.0, -5, math.nan, -math.inf):
        assert resolve(BucketQuery(jobs="web", anomaly_score=nothing), no_clock).threshold is None
    for something in (5e-324, 100, math.inf):
        assert resolve(BucketQuery(jobs="web", anomaly_score=something), no_clock).threshold == something


def test_a_lookup_asks_for_the_first_of_its_stretch() -> None:
    """Score and interim conditions are dropped, order and direction kept; interim records are left out even so."""
    query = BucketQuery(jobs="web", timestamp="1970-01-02T00:00", exclude_interim=True, sort="event_count", desc=True)
    expected = OPEN._replace(
        start=86_400_000,
        end=86_460_000,
        order_by=("event_count",),
        desc=True,
        size=1,
        is_lookup=True,
        exclude_interim_records=True,
    )
    assert resolve(query, no_clock) == expected
    assert resolve(BucketQuery(jobs="web", timestamp=-1), no_clock)[:2] == (-1, 0)
    assert resolve(BucketQuery(jobs="web", timestamp="now/d"), lambda: 5)[:2] == (0, 86_400_000)
    assert resolve(BucketQuery(jobs="web", timestamp=2**70), no_clock)[:2] == (LAST_MS + 1, LAST_MS + 1)


def test_math_that_leaves_the_years_at_search_is_named() -> None:
    """Which parameter it was is known then too."""
    query = BucketQuery(jobs="web", end="now+1y")
    with pytest.raises(LimitExceeded) as caught:
        resolve(query, lambda: LAST_MS)
    assert (caught.value.field, caught.value.value) == ("end", "now+1y")


BESIDE: list[tuple[str, Any, str]] = [
    ("start", 5, "start"),
    ("end", "now", "end"),
    ("anomaly_score", 5, "anomaly_score"),
    ("anomaly_score", -1, "anomaly_score"),
    ("anomaly_score", math.nan, "anomaly_score"),
    ("from_", 1, "from, size"),
    ("size", 99, "from, size"),
]


@pytest.mark.parametrize(("name", "value", "shown"), BESIDE)
def test_nothing_but_defaults_stands_beside_a_lookup(name: str, value: Any, shown: str) -> None:
    """In a prepared query a parameter is given when it is not its default."""
    given: dict[str, Any] = {name: value}
    error = refusal(lambda: BucketQuery(jobs="web", timestamp=0, **given))
    assert error.reason == f"Param [{shown}] is incompatible with [timestamp]."
    assert error.field == name
    for default in ({name: DEFAULTS[name]}, {"start": -1, "end": "-1"}):
        assert BucketQuery(**{"jobs": "web", "timestamp": 0, **default}).timestamp == 0


# ---- the client's spelling


def test_the_client_may_spell_numbers_and_truth_as_text() -> None:
    """As the API takes them."""
    query = ask(anomaly_score=" 75f ", desc="true", exclude_interim="false", expand=True, start="-1", size=3)
    assert attributes(query) == {**DEFAULTS, "anomaly_score": 75.0, "desc": True, "expand": True, "size": 3}
    assert refusal(lambda: ask(anomaly_score="x")).type == "number_format_exception"
    assert refusal(lambda: ask(desc="yes")).field == "desc"


def test_the_client_may_page_with_an_object() -> None:
    """It stands for both parameters, and for no mixture of them."""
    page = {"from": 5}
    assert ask(page=page) == BucketQuery(jobs="web", from_=5)
    assert page == {"from": 5}
    for more in ({"from_": 0}, {"size": 100}):
        assert refusal(lambda: ask(page={}, **more)).field == "page"  # noqa: B023 - called at once


@pytest.mark.parametrize(
    ("name", "value"),
    [("start", 0), ("end", 0), ("anomaly_score", 0), ("from_", 0), ("size", 100), ("page", {}), ("page", {"size": 1})],
)
def test_the_client_gives_nothing_at_all_beside_a_lookup(name: str, value: Any) -> None:
    """Not even a default; only what is unset is not given."""
    error = refusal(lambda: ask(timestamp=0, **{name: value}))
    assert "is incompatible with [timestamp]" in error.reason
    assert ask(timestamp=0, start=-1, end="-1", sort="event_count", desc="true", expand="false").timestamp == 0
