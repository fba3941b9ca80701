"""Queries as values: the parameters that each kind stores, and those that a lookup excludes."""

import copy
import dataclasses
import math
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from bucketquery.errors import InvalidQuery
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD
from bucketquery.queries.client_keywords import client_query
from bucketquery.queries.queries import QUERIES, AnyQuery, BucketQuery, InfluencerQuery, RecordQuery, resolve

Kind = type[AnyQuery]

#: The parameters of each kind in order, with their defaults.
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
        "where": (),
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
            "where": (),
        }
        for kind, score in ((RecordQuery, "record_score"), (InfluencerQuery, "influencer_score"))
    },
}
SCORES: dict[Kind, str] = {
    BucketQuery: "anomaly_score",
    RecordQuery: "record_score",
    InfluencerQuery: "influencer_score",
}

each_kind = pytest.mark.parametrize("kind", QUERIES)


def attributes(query: AnyQuery) -> dict[str, Any]:
    """The parameters that a query stores."""
    return {name: getattr(query, name) for name in DEFAULTS[type(query)]}


def make(kind: Kind, **parameters: Any) -> AnyQuery:
    """A query of this kind, for the job ``web`` unless another is named."""
    return kind(**{"jobs": "web", **parameters})


def from_client(kind: Kind = BucketQuery, **parameters: Any) -> AnyQuery:
    """The query of these client keywords. The threshold has the name that the kind gives it."""
    names = ("timestamp", "desc", "end", "exclude_interim", "expand", "from_", "page", "size", "sort", "start")
    parameters["score"] = parameters.pop(SCORES[kind], None)
    return client_query(kind, job_id="web", **{**dict.fromkeys(names), **parameters})


def refusal(call: Callable[[], object]) -> InvalidQuery:
    """The error of a query that must be refused."""
    with pytest.raises(InvalidQuery) as caught:
        call()
    return caught.value


# ---- the kinds


@each_kind
def test_a_query_stores_its_parameters(kind: Kind) -> None:
    """A parameter that is not given has the API's default, and one job becomes a tuple."""
    assert attributes(make(kind)) == DEFAULTS[kind]
    assert attributes(from_client(kind)) == DEFAULTS[kind]
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
        "where": (("host.name", ("a", "b")),),
    }
    if kind is BucketQuery:
        given["expand"] = True
    assert attributes(make(kind, **given)) == DEFAULTS[kind] | given


@each_kind
def test_numbers_are_stored_as_python_numbers(kind: Kind) -> None:
    """A parameter may be given in any numeric type. A threshold of NaN filters nothing, so it becomes 0."""
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
    """Its parameters decide equality, hash, repr and pickle, and none of them can be changed."""
    score = SCORES[kind]
    query = make(kind, **{"start": "now-1h", score: 75})
    same = make(kind, **{"jobs": ["web"], "start": "now-1h", score: 75.0})
    assert query == same
    assert hash(query) == hash(same)
    assert query != query.replace(start="now-2h")
    shown = DEFAULTS[kind] | {"start": "now-1h", score: 75.0}
    assert repr(query) == f"{kind.__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"
    unpickled = pickle.loads(pickle.dumps(query))
    assert unpickled == query
    assert resolve(unpickled, lambda: 0) == resolve(query, lambda: 0)
    for name in DEFAULTS[kind]:
        with pytest.raises(AttributeError):
            setattr(query, name, None)
        with pytest.raises(AttributeError):
            delattr(query, name)
    assert attributes(query) == shown


@each_kind
def test_a_copy_of_a_query_is_the_query_itself(kind: Kind) -> None:
    """A query cannot change, so a copy does not read and check its parameters again."""
    query = make(kind, start="now-1h")
    assert copy.copy(query) is query
    assert copy.deepcopy(query) is query


def test_queries_of_different_kinds_are_unequal() -> None:
    """They are unequal even if their parameters are equal. A resolved query has the schema of its kind."""
    first, second, third = (make(kind, sort="timestamp", desc=True) for kind in QUERIES)
    assert first != second
    assert second != third
    assert [resolve(query, lambda: 0).schema for query in (first, second, third)] == [BUCKET, RECORD, INFLUENCER]


@pytest.mark.parametrize("kind", [RecordQuery, InfluencerQuery])
def test_only_buckets_are_expanded_and_looked_up(kind: Kind) -> None:
    """The other kinds have neither the parameters nor the attributes."""
    for name in ("expand", "timestamp"):
        with pytest.raises(TypeError):
            make(kind, **{name: None})
        assert not hasattr(make(kind), name)


@each_kind
def test_replace_changes_the_named_parameters(kind: Kind) -> None:
    """The new query is checked like any other, and the old one stays as it was."""
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
    """A page other than the default is refused, as in a new lookup."""
    query = BucketQuery(jobs="web", size=3)
    assert query.replace(timestamp=5, size=100).timestamp == 5
    assert refusal(lambda: query.replace(timestamp=5)).field == "size"


BAD: list[tuple[str, Any]] = [
    ("jobs", "_a*"),
    ("start", True),
    ("end", 1.5),
    ("timestamp", datetime(2020, 1, 1)),  # noqa: DTZ001 - a naive one must be refused
    ("exclude_interim", "true"),
    ("expand", 1),
    ("sort", "nothing"),
    ("desc", None),
    ("from_", -1),
    ("size", 1.0),
    ("where", "host.name"),
    *((score, "75") for score in SCORES.values()),
]


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [(kind, name, value) for kind in QUERIES for name, value in BAD if name in DEFAULTS[kind]],
)
def test_a_bad_parameter_is_named(kind: Kind, name: str, value: Any) -> None:
    """Each parameter is checked when the query is made. The field of the error is the name of the parameter."""
    with pytest.raises(InvalidQuery) as caught:
        make(kind, **{name: value})
    assert caught.value.field == name
    assert caught.value.value is value


@each_kind
def test_equal_filters_make_equal_queries(kind: Kind) -> None:
    """The attribute is one form of the filter, which copies and pickles hand in again."""
    query = make(kind, where={"user": ["b", None, "a"], "host.name": "a"})
    same = make(kind, where={"host.name": {"a"}, "user": ("a", "b", "b", None)})
    assert query.where == (("host.name", ("a",)), ("user", ("a", "b", None)))
    assert (query, hash(query)) == (same, hash(same))
    assert query != make(kind, where={"user": ["b", "a"], "host.name": "a"})
    assert query != make(kind)
    assert pickle.loads(pickle.dumps(query)) == query == query.replace(size=3).replace(size=100)
    assert query.replace(where=None) == make(kind)


# ---- lookups

BESIDE: list[tuple[str, Any, str]] = [
    ("start", 5, "start"),
    ("end", "now", "end"),
    ("anomaly_score", 5, "anomaly_score"),
    ("anomaly_score", -1, "anomaly_score"),
    ("anomaly_score", math.nan, "anomaly_score"),
    ("from_", 1, "from, size"),
    ("size", 99, "from, size"),
    ("where", {"host.name": "a"}, "where"),
]


@pytest.mark.parametrize(("name", "value", "shown"), BESIDE)
def test_only_defaults_may_stand_beside_a_lookup(name: str, value: Any, shown: str) -> None:
    """In a query value, a parameter counts as given if it differs from its default."""
    given: dict[str, Any] = {name: value}
    error = refusal(lambda: BucketQuery(jobs="web", timestamp=0, **given))
    assert error.reason == f"Param [{shown}] is incompatible with [timestamp]."
    assert error.field == name
    for default in ({name: DEFAULTS[BucketQuery][name]}, {"start": -1, "end": "-1"}):
        assert BucketQuery(**{"jobs": "web", "timestamp": 0, **default}).timestamp == 0


@pytest.mark.parametrize("kind", DEFAULTS)
def test_a_query_with_huge_integers_can_be_printed(kind: Kind) -> None:
    """Python refuses to write thousands of digits, so a huge integer is shown by its size."""
    shown = repr(kind(jobs="web", from_=10**5000, size=2**255))
    assert f"from_=<integer of 16,610 bits>, size={2**255}" in shown
    assert "from_=<integer of 257 bits>" in repr(kind(jobs="web", from_=2**256))


# ---- client keywords


@each_kind
def test_the_client_may_spell_numbers_and_booleans_as_text(kind: Kind) -> None:
    """The API accepts these spellings."""
    score = SCORES[kind]
    query = from_client(kind, **{score: " 75f "}, desc="true", exclude_interim="false", start="-1", size=3)
    assert attributes(query) == {**DEFAULTS[kind], score: 75.0, "desc": True, "size": 3}
    assert refusal(lambda: from_client(kind, **{score: "x"})).type == "number_format_exception"
    assert refusal(lambda: from_client(kind, desc="yes")).field == "desc"
    assert from_client(expand="true") == BucketQuery(jobs="web", expand=True)


@each_kind
def test_the_client_may_page_with_an_object(kind: Kind) -> None:
    """The object stands for ``from_`` and ``size``, and cannot be mixed with them."""
    page = {"from": 5}
    assert from_client(kind, page=page) == make(kind, from_=5)
    assert page == {"from": 5}
    for more in ({"from_": 0}, {"size": 100}):
        assert refusal(lambda: from_client(kind, page={}, **more)).field == "page"  # noqa: B023 - called at once


@pytest.mark.parametrize(
    ("name", "value"),
    [("start", 0), ("end", 0), ("anomaly_score", 0), ("from_", 0), ("size", 100), ("page", {}), ("page", {"size": 1})],
)
def test_beside_a_lookup_the_client_may_not_even_give_defaults(name: str, value: Any) -> None:
    """Only an unset parameter counts as not given."""
    error = refusal(lambda: from_client(timestamp=0, **{name: value}))
    assert "is incompatible with [timestamp]" in error.reason
    found = from_client(timestamp=0, start=-1, end="-1", sort="event_count", desc="true", expand="false")
    assert attributes(found)["timestamp"] == 0
