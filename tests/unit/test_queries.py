"""Queries as values: what each kind stores, what it resolves to, and what a lookup excludes."""

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
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD
from bucketquery.queries.client_keywords import client_query
from bucketquery.queries.queries import QUERIES, AnyQuery, BucketQuery, InfluencerQuery, RecordQuery, resolve, schema_of
from bucketquery.queries.resolved import ResolvedQuery

Kind = type[AnyQuery]

#: Of each kind its parameters in order, with their defaults.
DEFAULTS: dict[Kind, dict[str, Any]] = {
    BucketQuery: {
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
    },
    **{
        kind: {
            "jobs": ("web",),
            "start": None,
            "end": None,
            score: 0.0,
            "exclude_interim": False,
            "sort": score,
            "desc": True,
            "from_": 0,
            "size": 100,
        }
        for kind, score in ((RecordQuery, "record_score"), (InfluencerQuery, "influencer_score"))
    },
}
SCORES: dict[Kind, str] = {
    BucketQuery: "anomaly_score",
    RecordQuery: "record_score",
    InfluencerQuery: "influencer_score",
}
#: Every result of a job, in time order.
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
#: What each kind resolves to if only the job is given.
RESOLVED: dict[Kind, ResolvedQuery] = {
    BucketQuery: OPEN,
    RecordQuery: OPEN._replace(order_by=RECORD.ties, desc=True, schema=RECORD),
    InfluencerQuery: OPEN._replace(order_by=("influencer_score", *INFLUENCER.ties), desc=True, schema=INFLUENCER),
}

each_kind = pytest.mark.parametrize("kind", QUERIES)


def attributes(query: AnyQuery) -> dict[str, Any]:
    """The parameters that a query stores."""
    return {name: getattr(query, name) for name in DEFAULTS[type(query)]}


def make(kind: Kind, **parameters: Any) -> AnyQuery:
    """A query of this kind, for the job ``web`` unless another is named."""
    return kind(**{"jobs": "web", **parameters})


def no_clock() -> int:
    """A clock that must not be read."""
    raise AssertionError("the clock was read")


def ask(kind: Kind = BucketQuery, **parameters: Any) -> AnyQuery:
    """The client's query with these keywords alone; the threshold is called as the kind calls it."""
    names = ("timestamp", "desc", "end", "exclude_interim", "expand", "from_", "page", "size", "sort", "start")
    parameters["score"] = parameters.pop(SCORES[kind], None)
    return client_query(kind, job_id="web", **{**dict.fromkeys(names), **parameters})


def refusal(make: Callable[[], object]) -> InvalidQuery:
    """The error of a query that must be refused."""
    with pytest.raises(InvalidQuery) as caught:
        make()
    return caught.value


# ---- what each kind is


@each_kind
def test_a_query_stores_its_parameters(kind: Kind) -> None:
    """Those that are not given have the API's defaults; one job becomes a tuple."""
    assert attributes(make(kind)) == DEFAULTS[kind]
    assert attributes(ask(kind)) == DEFAULTS[kind]
    given: dict[str, Any] = {
        "jobs": ("db",),
        "start": "now-1d/d",
        "end": 5,
        SCORES[kind]: 75.0,
        "exclude_interim": True,
        "sort": "probability",
        "desc": not DEFAULTS[kind]["desc"],
        "from_": 10**30,
        "size": 7,
    }
    if kind is BucketQuery:
        given["expand"] = True
    assert attributes(make(kind, **given)) == DEFAULTS[kind] | given


@each_kind
def test_numbers_are_stored_as_pythons(kind: Kind) -> None:
    """Whatever type spelled them; NaN, which filters nothing, becomes 0."""
    score = SCORES[kind]
    given: dict[str, Any] = {
        "start": np.datetime64(5, "s"),
        "end": datetime(1970, 1, 2, tzinfo=UTC),
        score: np.float32(0.5),
        "from_": np.int64(3),
        "size": np.uint8(4),
    }
    query = make(kind, **given)
    stored = (query.start, query.end, getattr(query, score), query.from_, query.size)
    assert stored == (5_000, 86_400_000, 0.5, 3, 4)
    assert [type(value) for value in stored] == [int, int, float, int, int]
    assert getattr(make(kind, **{score: math.nan}), score) == 0.0


@each_kind
def test_a_query_is_a_value(kind: Kind) -> None:
    """It is equal, hashed, shown and pickled by its parameters, and nobody changes them."""
    score = SCORES[kind]
    query = make(kind, **{"start": "now-1h", score: 75})
    same = make(kind, **{"jobs": ["web"], "start": "now-1h", score: 75.0})
    assert query == same
    assert hash(query) == hash(same)
    assert query != query.replace(start="now-2h")
    shown = DEFAULTS[kind] | {"start": "now-1h", score: 75.0}
    assert repr(query) == f"{kind.__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"
    travelled = pickle.loads(pickle.dumps(query))
    assert travelled == query
    assert resolve(travelled, lambda: 0) == resolve(query, lambda: 0)
    for name in DEFAULTS[kind]:
        with pytest.raises(AttributeError):
            setattr(query, name, None)
        with pytest.raises(AttributeError):
            delattr(query, name)
    assert attributes(query) == shown


@each_kind
def test_a_copy_of_a_query_is_the_query_itself(kind: Kind) -> None:
    """It cannot change, so nothing is read and checked again."""
    query = make(kind, start="now-1h")
    assert copy.copy(query) is query
    assert copy.deepcopy(query) is query


def test_kinds_are_told_apart() -> None:
    """The same parameters for another kind make another query."""
    first, second, third = (make(kind, sort="timestamp", desc=True) for kind in QUERIES)
    assert first != second
    assert second != third
    assert [schema_of(query) for query in (first, second, third)] == [BUCKET, RECORD, INFLUENCER]
    assert [schema_of(kind) for kind in QUERIES] == [BUCKET, RECORD, INFLUENCER]


@pytest.mark.parametrize("kind", [RecordQuery, InfluencerQuery])
def test_only_buckets_are_expanded_and_looked_up(kind: Kind) -> None:
    """The other kinds have neither the parameters nor the attributes."""
    for name in ("expand", "timestamp"):
        with pytest.raises(TypeError):
            make(kind, **{name: None})
        assert not hasattr(make(kind), name)


@each_kind
def test_replace_changes_what_is_named(kind: Kind) -> None:
    """The new query is checked like any; the first stays as it was."""
    query = make(kind, size=3)
    other = not DEFAULTS[kind]["desc"]
    assert query.replace(desc=other, jobs="db") == make(kind, jobs="db", size=3, desc=other)
    assert refusal(lambda: query.replace(size=-1)).field == "size"
    with pytest.raises(TypeError):
        query.replace(sizes=3)
    assert dataclasses.replace(query, desc=other) == query.replace(desc=other)
    assert [field.name for field in dataclasses.fields(query)] == list(DEFAULTS[kind])
    assert dataclasses.asdict(query) == attributes(query)
    assert query == make(kind, size=3)


def test_replace_may_make_a_lookup() -> None:
    """A page that is no default is refused beside it, as in a new query."""
    query = BucketQuery(jobs="web", size=3)
    assert query.replace(timestamp=5, size=100).timestamp == 5
    assert refusal(lambda: query.replace(timestamp=5)).field == "size"


@each_kind
@pytest.mark.parametrize("side", ["start", "end"])
def test_the_instant_minus_one_survives_replace_and_pickle(kind: Kind, side: str) -> None:
    """A datetime may mean the instant whose number means unset."""
    query = make(kind, **{side: datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)})
    expected = RESOLVED[kind]._replace(**{side: -1})  # type: ignore[arg-type] # the same
    for same in (query, query.replace(size=100), pickle.loads(pickle.dumps(query))):
        assert same == query
        assert resolve(same, no_clock) == expected


@each_kind
@pytest.mark.parametrize("unset", [None, -1, "-1", np.int64(-1)])
def test_an_unset_bound_is_none(kind: Kind, unset: Any) -> None:
    """No spelling of it is stored, and this side is open."""
    query = make(kind, start=unset, end=unset)
    assert (query.start, query.end) == (None, None)
    assert resolve(query, no_clock) == RESOLVED[kind]


BAD: list[tuple[str, Any]] = [
    ("jobs", "a*"),
    ("start", True),
    ("end", 1.5),
    ("timestamp", datetime(2020, 1, 1)),  # noqa: DTZ001 - naive is what is tested
    ("exclude_interim", "true"),
    ("expand", 1),
    ("sort", "nothing"),
    ("desc", None),
    ("from_", -1),
    ("size", 1.0),
    *((score, "75") for score in SCORES.values()),
]


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [(kind, name, value) for kind in QUERIES for name, value in BAD if name in DEFAULTS[kind]],
)
def test_a_bad_parameter_is_named(kind: Kind, name: str, value: Any) -> None:
    """Each is checked when the query is made, and the error's field is the parameter."""
    with pytest.raises(InvalidQuery) as caught:
        make(kind, **{name: value})
    assert caught.value.field == name
    assert caught.value.value is value


# ---- what a query resolves to


@each_kind
def test_a_query_without_now_is_resolved_once(kind: Kind) -> None:
    """The clock is not read: the query is resolved when it is made."""
    query = make(kind)
    assert resolve(query, no_clock) == RESOLVED[kind]
    assert resolve(query, no_clock) is resolve(query, no_clock)


@each_kind
def test_a_query_on_now_reads_the_clock_once(kind: Kind) -> None:
    """Once for both bounds together, and again at the next search."""
    query = make(kind, start="now-1s", end="now")
    instants = iter((5_000, 9_000))
    assert resolve(query, instants.__next__)[:2] == (4_000, 5_000)
    assert resolve(query, instants.__next__)[:2] == (8_000, 9_000)


@each_kind
def test_bounds_mean_the_start_of_what_text_covers(kind: Kind) -> None:
    """Neither is rounded up; distant instants are clamped to where something can be stored."""
    query = make(kind, start="1970-01-02", end="1970-01-03T00||/M")
    assert resolve(query, no_clock)[:2] == (86_400_000, 0)
    far = make(kind, start=-(2**70), end=2**70)
    assert resolve(far, no_clock) == RESOLVED[kind]
    behind = make(kind, start=LAST_MS + 5, end="-99999999999999999999")
    assert resolve(behind, no_clock)[:2] == (LAST_MS + 1, FIRST_MS)


@each_kind
def test_a_threshold_filters_only_above_zero(kind: Kind) -> None:
    """Zero, less and NaN let results without a score match too."""
    for nothing in (0, -0.0, -5, math.nan, -math.inf):
        assert resolve(make(kind, **{SCORES[kind]: nothing}), no_clock).threshold is None
    for something in (5e-324, 100, math.inf):
        assert resolve(make(kind, **{SCORES[kind]: something}), no_clock).threshold == something


@each_kind
def test_interim_results_and_the_page_are_resolved_as_given(kind: Kind) -> None:
    """Without a lookup nothing overrides them."""
    query = make(kind, exclude_interim=True, from_=3, size=4)
    expected = RESOLVED[kind]._replace(exclude_interim=True, exclude_interim_records=True, from_=3, size=4)
    assert resolve(query, no_clock) == expected


def test_a_lookup_asks_for_the_first_of_its_range() -> None:
    """Threshold and interim conditions are dropped, order and direction are not; interim records are left out."""
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


@pytest.mark.parametrize(
    ("kind", "name"), [*((kind, name) for kind in QUERIES for name in ("start", "end")), (BucketQuery, "timestamp")]
)
def test_math_that_leaves_the_years_at_search_is_named(kind: Kind, name: str) -> None:
    """The error says which parameter it was, and what it was."""
    query = make(kind, **{name: "now+1y"})
    with pytest.raises(LimitExceeded) as caught:
        resolve(query, lambda: LAST_MS)
    assert (caught.value.field, caught.value.value) == (name, "now+1y")


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
    for default in ({name: DEFAULTS[BucketQuery][name]}, {"start": -1, "end": "-1"}):
        assert BucketQuery(**{"jobs": "web", "timestamp": 0, **default}).timestamp == 0


# ---- the client's spelling


@each_kind
def test_the_client_may_spell_numbers_and_truth_as_text(kind: Kind) -> None:
    """As the API takes them."""
    score = SCORES[kind]
    query = ask(kind, **{score: " 75f "}, desc="true", exclude_interim="false", start="-1", size=3)
    assert attributes(query) == {**DEFAULTS[kind], score: 75.0, "desc": True, "size": 3}
    assert refusal(lambda: ask(kind, **{score: "x"})).type == "number_format_exception"
    assert refusal(lambda: ask(kind, desc="yes")).field == "desc"
    assert ask(expand="true") == BucketQuery(jobs="web", expand=True)


@each_kind
def test_the_client_may_page_with_an_object(kind: Kind) -> None:
    """It stands for both parameters, and cannot be mixed with them."""
    page = {"from": 5}
    assert ask(kind, page=page) == make(kind, from_=5)
    assert page == {"from": 5}
    for more in ({"from_": 0}, {"size": 100}):
        assert refusal(lambda: ask(kind, page={}, **more)).field == "page"  # noqa: B023 - called at once


@pytest.mark.parametrize(
    ("name", "value"),
    [("start", 0), ("end", 0), ("anomaly_score", 0), ("from_", 0), ("size", 100), ("page", {}), ("page", {"size": 1})],
)
def test_the_client_gives_nothing_at_all_beside_a_lookup(name: str, value: Any) -> None:
    """Not even a default; only what is unset is not given."""
    error = refusal(lambda: ask(timestamp=0, **{name: value}))
    assert "is incompatible with [timestamp]" in error.reason
    found = ask(timestamp=0, start=-1, end="-1", sort="event_count", desc="true", expand="false")
    assert attributes(found)["timestamp"] == 0
