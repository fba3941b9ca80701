"""Values and errors that a caller pickles, copies, compares, shows or tries to change."""

import contextlib
import copy
import operator
import pickle
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

import bucketquery
from bucketquery import (
    Bucket,
    BucketInfluencer,
    BucketPage,
    BucketQuery,
    BucketQueryError,
    Commit,
    InvalidDocument,
    InvalidQuery,
    LimitExceeded,
    NotFound,
    ResultsIndex,
    UnknownJob,
)
from support.malformed import COLUMNS, HOUR, ILLEGAL, NAN, NOT_FOUND, Unprintable, bucket, cases, deep_list, nested

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def stored() -> ResultsIndex:
    """An index with rewritten, late and interim rows. Each field is set in some rows and missing in others."""
    index = ResultsIndex(clock=lambda: 0)
    index.put_job("idle", bucket_span=60)
    index.upsert([bucket(timestamp=hour * HOUR, anomaly_score=10.0 * hour) for hour in range(8)])
    blamed = [nested(probability=1e-300), {"anomaly_score": 1.0}]
    index.upsert(
        [
            bucket(timestamp=HOUR, anomaly_score=90.0, bucket_influencers=blamed),
            bucket(timestamp=2 * HOUR, scheduled_events=["sale", "a\x00"], event_count=5),
            bucket(timestamp=8 * HOUR, is_interim=True, processing_time_ms=3, initial_anomaly_score=2.5),
            bucket(timestamp=HOUR // 2, anomaly_score=90.0),
        ]
    )
    return index


INDEX = stored()
EVERYTHING = INDEX.get_buckets(job_id="web")


def large(rows: int = 100_000) -> ResultsIndex:
    """An index so large that the size of a pickle shows whether the pickle contains it."""
    index = ResultsIndex()
    scores = (np.arange(rows) * 7919 % 100_003) / 1000.0
    index.upsert_columns(
        {"timestamp": np.arange(rows) * HOUR, "bucket_span": 3600, "anomaly_score": scores}, job_id="web"
    )
    return index


LARGE = large()


def commit(**changes: Any) -> Commit:
    """The commit of a write that skipped some documents."""
    return ResultsIndex().upsert([bucket(**changes), {"result_type": "forecast"}, {}])


VALUES: dict[str, Any] = {
    "bucket": EVERYTHING[0],
    "bucket with influencers": EVERYTHING[2],
    "bucket with events": EVERYTHING[3],
    "interim bucket": EVERYTHING[-1],
    "influencer": EVERYTHING[2].bucket_influencers[0],
    "influencer without a name": EVERYTHING[2].bucket_influencers[1],
    "query": BucketQuery(jobs="web"),
    "query with everything": BucketQuery(
        jobs=["web"],
        start="now-1d/d",
        end=np.datetime64(-1, "ms"),
        anomaly_score=NAN,
        exclude_interim=True,
        expand=True,
        sort="anomaly_score",
        desc=True,
        from_=10**30,
        size=7,
    ),
    "query of a lookup": BucketQuery(jobs="web", timestamp="2020-01-01||/M"),
    "commit": commit(),
    "commit of an empty batch": ResultsIndex().upsert([]),
    "commit of a job": ResultsIndex().put_job("web"),
    "stats": INDEX.stats(),
    "stats of a job": INDEX.stats("web"),
    "stats of an empty job": INDEX.stats("idle"),
    "stats of an empty index": ResultsIndex().stats(),
    "jobs": INDEX.jobs(),
    "keys": EVERYTHING.keys(),
    "slice": EVERYTHING[1:4],
    "influencers": EVERYTHING[2].bucket_influencers,
}


def through_pickle(protocol: int, value: Any) -> Any:
    """The value, pickled and read back."""
    return pickle.loads(pickle.dumps(value, protocol))


COPIES: dict[str, Callable[[Any], Any]] = {
    **{f"pickle {protocol}": partial(through_pickle, protocol) for protocol in PROTOCOLS},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@cases(COPIES, "duplicate")
@cases(VALUES)
def test_a_value_survives_every_copy(value: Any, duplicate: Callable[[Any], Any]) -> None:
    """A pickled, copied or deep-copied value is equal, has its type and its text, and cannot be changed."""
    other = duplicate(value)
    assert type(other) is type(value)
    assert other == value
    assert not other != value  # noqa: SIM202 - both operators are the claim
    assert repr(other) == repr(value)
    if isinstance(value, Mapping):
        with pytest.raises(TypeError):
            operator.setitem(other, "rows", None)
        return
    if isinstance(value, Hashable):
        assert hash(other) == hash(value)
    if isinstance(value, Commit):
        with pytest.raises(TypeError):
            operator.setitem(other.skipped, "forecast", 0)
    if isinstance(value, BucketQuery):
        assert other.replace(expand=True) == value.replace(expand=True)
        assert other.end == value.end
    if isinstance(value, Bucket | BucketInfluencer):
        assert other.to_dict() == value.to_dict()


PAGES: dict[str, BucketPage] = {
    "everything": EVERYTHING,
    "nothing": INDEX.get_buckets(job_id="idle"),
    "window": INDEX.get_buckets(job_id="web", start=HOUR, end=4 * HOUR),
    "newest first": INDEX.get_buckets(job_id="web", desc=True, from_=1, size=3),
    "threshold": INDEX.get_buckets(job_id="web", anomaly_score=40),
    "by score": INDEX.get_buckets(job_id="web", sort="anomaly_score", desc=True, size=5),
    "lookup": INDEX.get_buckets(job_id="web", timestamp=HOUR),
    "count only": INDEX.get_buckets(job_id="web", size=0),
    "far past": INDEX.get_buckets(job_id="web", from_=10**30),
    "final": INDEX.get_buckets(job_id="web", exclude_interim=True),
    "of a large index": LARGE.get_buckets(job_id="web", from_=50_000, size=5),
    "by score of a large index": LARGE.get_buckets(job_id="web", sort="anomaly_score", desc=True, size=5),
}


@cases(COPIES, "duplicate")
@cases(PAGES, "page")
def test_a_page_survives_every_copy(page: BucketPage, duplicate: Callable[[Any], Any]) -> None:
    """A copied page has the same body, keys, columns, rows, count and sequence."""
    other = duplicate(page)
    assert type(other) is BucketPage
    assert (other.count, other.sequence, len(other)) == (page.count, page.sequence, len(page))
    assert other.to_dict() == page.to_dict()
    assert other.to_dict(human=True) == page.to_dict(human=True)
    assert other.keys() == page.keys()
    assert list(other) == list(page)
    assert other[:2] == page[:2]
    assert repr(other) == repr(page)
    for name in COLUMNS:
        mine, its = other.column(name), page.column(name)
        assert (mine.dtype, mine.tolist()) == (its.dtype, its.tolist())
        assert not mine.flags.writeable
        with pytest.raises(ValueError, match=r"(?i)writ|read-only"):
            mine.setflags(write=True)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"desc": True},
        {"from_": 50_000},
        {"start": 1_000 * HOUR, "end": 90_000 * HOUR},
        {"anomaly_score": 50.0},
        {"sort": "anomaly_score", "desc": True},
        {"exclude_interim": True},
        {"sort": "event_count"},
    ],
    ids=str,
)
def test_a_small_page_of_a_large_index_pickles_small(params: dict[str, Any], protocol: int) -> None:
    """The pickle of a page holds its rows, not the index that it was read from."""
    page = LARGE.get_buckets(job_id="web", size=10, **params)
    assert len(page) == 10
    assert len(pickle.dumps(page, protocol)) < 8_000
    page.to_dict()
    list(page)
    page.column("anomaly_score")
    assert len(pickle.dumps(page, protocol)) < 16_000
    assert len(pickle.dumps(page[0], protocol)) < 1_000


def test_a_page_pickles_and_shows_the_same_after_later_writes() -> None:
    """A page pickles the commit that it was read from, not the newest."""
    index = stored()
    page = index.get_buckets(job_id="web", sort="anomaly_score", desc=True)
    body = page.to_dict()
    index.upsert([bucket(timestamp=0, anomaly_score=99.0)])
    index.delete_job("web")
    assert pickle.loads(pickle.dumps(page)).to_dict() == body
    assert page.to_dict() == body


# ---- errors

ERRORS = [BucketQueryError, InvalidQuery, InvalidDocument, LimitExceeded, UnknownJob, NotFound]


class Unpicklable:
    """A value that refuses to be pickled or copied."""

    def __reduce_ex__(self, protocol: object) -> str:
        raise RuntimeError("stays here")


class Sealed(Unpicklable, Unprintable):
    """A value that refuses to be pickled, copied or shown."""


@pytest.mark.parametrize("kind", ERRORS)
@cases(COPIES, "duplicate")
@pytest.mark.parametrize(
    "extra", [{}, {"type": "parse_exception"}, {"field": "documents[3].x", "value": [1, None]}], ids=str
)
def test_an_error_survives_every_copy(
    kind: type[BucketQueryError], duplicate: Callable[[Any], Any], extra: dict[str, Any]
) -> None:
    """A copied error has the same reason, field, value, status and type."""
    error = kind("the reason", **extra)
    other = duplicate(error)
    assert type(other) is kind
    for name in ("reason", "field", "value", "type", "status", "args"):
        assert getattr(other, name) == getattr(error, name)
    assert (str(other), repr(other)) == (str(error), repr(error))


UNPICKLABLE: dict[str, Any] = {
    "object": Unpicklable(),
    "unprintable": Sealed(),
    "function": lambda: None,
    "generator": (row for row in range(3)),
    "module": bucketquery,
    "in a list": [Unpicklable()],
    "nested deep": deep_list(),
    "index": INDEX,
    "memoryview": memoryview(b"x"),
}


@pytest.mark.parametrize("kind", ERRORS)
@cases(UNPICKLABLE)
def test_an_error_about_a_value_that_cannot_be_pickled_pickles(kind: type[BucketQueryError], value: Any) -> None:
    """A pool of processes must not lose an error because its value cannot be pickled."""
    error = kind("the reason", field="size", value=value, type="x")
    assert error.value is value
    for protocol in PROTOCOLS:
        other = pickle.loads(pickle.dumps(error, protocol))
        assert type(other) is kind
        assert (other.reason, other.field, other.type, other.args) == ("the reason", "size", "x", ("the reason",))
        assert other.status == error.status
    for other in (copy.copy(error), copy.deepcopy(error)):
        assert (other.reason, other.field, other.type) == ("the reason", "size", "x")


@cases(UNPICKLABLE)
def test_a_raised_error_about_such_a_value_pickles(value: Any) -> None:
    """An error that the library itself raised pickles too, whatever its value is."""
    params: dict[str, Any] = {"size": value}
    with pytest.raises(InvalidQuery) as caught:
        BucketQuery(jobs="web", **params)
    other = pickle.loads(pickle.dumps(caught.value))
    assert (other.field, other.reason) == ("size", caught.value.reason)


def test_an_error_with_a_cause_pickles() -> None:
    """An error that has a cause and a note pickles."""
    error = InvalidQuery("the reason")
    error.add_note("a note")
    error.__cause__ = KeyError("x")
    assert pickle.loads(pickle.dumps(error)).reason == "the reason"


RELATIONS: list[tuple[type[BucketQueryError], type[Exception], int, str]] = [
    (BucketQueryError, Exception, 400, ILLEGAL),
    (InvalidQuery, ValueError, 400, ILLEGAL),
    (InvalidDocument, ValueError, 400, "document_parsing_exception"),
    (LimitExceeded, ValueError, 400, ILLEGAL),
    (UnknownJob, LookupError, 404, NOT_FOUND),
    (NotFound, LookupError, 404, NOT_FOUND),
]


@pytest.mark.parametrize(("kind", "parent", "status", "name"), RELATIONS)
def test_an_error_is_the_nearest_built_in_and_knows_its_status(
    kind: type[BucketQueryError], parent: type[Exception], status: int, name: str
) -> None:
    """An error is a subclass of the nearest built-in, and of no other error of the library."""
    error = kind("the reason")
    assert issubclass(kind, BucketQueryError)
    assert issubclass(kind, parent)
    assert not issubclass(kind, KeyError)
    assert (error.status, error.type, error.field, error.value) == (status, name, None, None)
    assert (str(error), error.reason, error.args) == ("the reason", "the reason", ("the reason",))
    for other in ERRORS[1:]:
        assert issubclass(kind, other) == (kind is other)


def test_an_error_has_a_reason_and_the_rest_by_name() -> None:
    """An error takes its reason by position and its other values by name; other arguments raise a TypeError."""
    make_error: Any = InvalidQuery
    wrong: list[Callable[[], Any]] = [
        partial(make_error),
        partial(make_error, "x", "size"),
        partial(make_error, "x", status=500),
    ]
    for make in wrong:
        with pytest.raises(TypeError):
            make()


# ---- values that cannot be pickled


@pytest.mark.parametrize("name", ["ResultsIndex", "Snapshot"])
@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        *[lambda value, protocol=protocol: pickle.dumps(value, protocol) for protocol in range(6)],
    ],
)
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [value], lambda value: {"index": value}])
def test_the_index_and_its_snapshots_cannot_be_copied_or_pickled(
    name: str, duplicate: Callable[[Any], Any], wrap: Callable[[Any], Any]
) -> None:
    """Pickling or copying an index or a snapshot raises a TypeError that names its class."""
    value = {"ResultsIndex": INDEX, "Snapshot": INDEX.snapshot()}[name]
    if duplicate is copy.copy and wrap(value) is not value:
        assert copy.copy(wrap(value)) is not None
        return
    with pytest.raises(TypeError, match=name):
        duplicate(wrap(value))


# ---- frozen

FROZEN: dict[str, tuple[Any, list[str]]] = {
    "bucket": (EVERYTHING[2], ["anomaly_score", "timestamp", "bucket_influencers", "severity", "time", "result_type"]),
    "influencer": (EVERYTHING[2].bucket_influencers[0], ["probability", "is_interim", "result_type"]),
    "query": (BucketQuery(jobs="web"), ["jobs", "start", "anomaly_score", "size", "sort", "timestamp"]),
    "commit": (commit(), ["sequence", "inserted", "skipped"]),
    "page": (EVERYTHING, ["count", "sequence"]),
    "snapshot": (INDEX.snapshot(), ["sequence"]),
    "index": (INDEX, ["sequence"]),
}


@cases(FROZEN, ("value", "names"))
def test_a_value_cannot_be_written_to(value: Any, names: list[str]) -> None:
    """No attribute of a value can be set or deleted."""
    for name in names:
        before = getattr(value, name)
        with pytest.raises((AttributeError, TypeError)):
            setattr(value, name, 5)
        with pytest.raises((AttributeError, TypeError)):
            delattr(value, name)
        assert getattr(value, name) == before


@pytest.mark.parametrize("name", ["bucket", "influencer", "query", "commit", "page", "snapshot"])
def test_a_value_takes_no_new_attribute(name: str) -> None:
    """A value refuses a misspelt attribute."""
    value = FROZEN[name][0]
    with pytest.raises((AttributeError, TypeError)):
        value.anomaly_scroe = 5
    assert not hasattr(value, "__dict__")


@pytest.mark.parametrize("name", ["bucket", "influencer", "query", "commit", "page"])
def test_methods_and_the_class_cannot_be_replaced(name: str) -> None:
    """Neither a method nor the class of a value can be replaced."""
    value = FROZEN[name][0]
    with pytest.raises((AttributeError, TypeError)):
        value.to_dict = dict
    with pytest.raises((AttributeError, TypeError)):
        value.__class__ = object


MAPPINGS: dict[str, Any] = {
    "skipped": commit().skipped,
    "stats": INDEX.stats(),
    "stats of a job": INDEX.stats("web"),
    "rows": INDEX.stats()["rows"],
}


@cases(MAPPINGS, "mapping")
def test_a_returned_mapping_cannot_be_written_to(mapping: Any) -> None:
    """No method of a dict can set, delete or add an item."""
    before = dict(mapping)
    assert isinstance(mapping, Mapping)
    key = next(iter(mapping))
    loose: Any = mapping
    writes: list[Callable[[], Any]] = [
        lambda: operator.setitem(loose, key, 5),
        lambda: operator.setitem(loose, "new", 5),
        lambda: operator.delitem(loose, key),
        lambda: loose.update({key: 5}),
        lambda: loose.pop(key),
        lambda: loose.setdefault("new", 5),
        lambda: operator.methodcaller("clear")(loose),
        lambda: operator.methodcaller("popitem")(loose),
    ]
    for write in writes:
        with pytest.raises((TypeError, AttributeError)):
            write()
    with contextlib.suppress(TypeError, AttributeError):
        assert operator.or_(loose, {key: 5}) is not mapping
    for name in ("__setitem__", "update", "clear"):
        try:
            getattr(dict, name)(mapping, *{"__setitem__": ("new", 5), "update": ({"new": 5},)}.get(name, ()))
        except TypeError:
            continue
    assert dict(mapping) == before
    assert INDEX.stats() == MAPPINGS["stats"]


@pytest.mark.parametrize(
    "value",
    [
        INDEX.jobs(),
        EVERYTHING.keys(),
        EVERYTHING.keys()[0],
        EVERYTHING[1:3],
        EVERYTHING[2].bucket_influencers,
        EVERYTHING[3].scheduled_events,
        BucketQuery(jobs="web").jobs,
    ],
    ids=["jobs", "keys", "key", "slice", "influencers", "events", "jobs of a query"],
)
def test_a_returned_sequence_is_a_tuple(value: Sequence[Any]) -> None:
    """A reader gets tuples, which cannot be written to."""
    assert type(value) is tuple
    assert len(value) > 0


# ---- equality and hashes


def test_queries_that_ask_the_same_are_equal_and_hash_alike() -> None:
    """Queries that ask the same are equal, however their parameters were spelled."""
    plain = BucketQuery(jobs="web")
    numbers: dict[str, Any] = {"from_": np.int64(0), "size": np.uint8(100), "anomaly_score": np.float32(0)}
    alike = [
        BucketQuery(jobs=["web"]),
        BucketQuery(jobs=np.str_("web")),
        BucketQuery(jobs="web", start=-1, end="-1"),
        BucketQuery(jobs="web", anomaly_score=-0.0),
        BucketQuery(jobs="web", anomaly_score=NAN),
        BucketQuery(jobs="web", **numbers),
        BucketQuery(jobs="web", where={}),
        plain.replace(where={"host": "a"}).replace(where=None),
        plain.replace(size=5).replace(size=100),
        plain.replace(),
    ]
    for other in alike:
        assert other == plain
        assert hash(other) == hash(plain)
    assert len({plain, *alike}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"jobs": "idle"},
        {"start": 0},
        {"end": 0},
        {"anomaly_score": 5},
        {"exclude_interim": True},
        {"expand": True},
        {"sort": "anomaly_score"},
        {"desc": True},
        {"from_": 1},
        {"size": 99},
        {"timestamp": 0},
        {"where": {"host": "a"}},
        {"where": {"host": []}},
        {"where": {"host": None}},
    ],
    ids=str,
)
def test_queries_that_differ_are_not_equal(change: dict[str, Any]) -> None:
    """A difference in one attribute makes two queries unequal; `replace` leaves the old one as it was."""
    plain = BucketQuery(jobs="web")
    other = plain.replace(**change)
    assert other != plain
    assert plain == BucketQuery(jobs="web")
    assert len({plain, other}) == 2


@pytest.mark.parametrize("name", ["bucket", "influencer", "query", "commit"])
def test_a_value_is_equal_to_its_own_kind_only(name: str) -> None:
    """A value differs from a tuple, a dict, its text and None, and a test for equality raises no error."""
    value = FROZEN[name][0]
    for other in (None, 5, "web", (), {}, object(), [value], repr(value), np.float64(1)):
        assert (value == other) is False
        assert (value != other) is True
    with pytest.raises(TypeError):
        operator.lt(value, value)


def test_buckets_read_twice_are_equal_and_hash_alike() -> None:
    """Two buckets with the same content are equal, even if another index or another order gave them."""
    again = {row.timestamp: row for row in stored().get_buckets(job_id="web", sort="anomaly_score")}
    for row in EVERYTHING:
        assert again[row.timestamp] == row
        assert hash(again[row.timestamp]) == hash(row)
        for mine, its in zip(row.bucket_influencers, again[row.timestamp].bucket_influencers, strict=True):
            assert mine == its
            assert hash(mine) == hash(its)
    assert len({*EVERYTHING, *again.values()}) == len(EVERYTHING)


def test_buckets_hold_pythons_own_types() -> None:
    """No value and no body holds a NumPy scalar, because JSON encoders refuse them."""
    allowed = {str, int, float, bool, list, dict, tuple, type(None)}

    def types(value: Any) -> set[type]:
        inner: list[Any] = []
        if isinstance(value, dict):
            inner = [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            inner = list(value)
        return {type(value)}.union(*map(types, inner)) if inner else {type(value)}

    for page in PAGES.values():
        assert types(page.to_dict(human=True)) <= allowed
        assert types(list(page.keys())) <= allowed
        assert {type(page.count), type(page.sequence), type(len(page))} == {int}
        for row in page:
            assert types(row.to_dict()) <= allowed
            assert type(row.timestamp) is int
            assert type(row.anomaly_score) is float
            assert type(row.is_interim) is bool
            assert type(row.job_id) is str
    assert types({**INDEX.stats(), "rows": dict(INDEX.stats()["rows"])}) <= allowed
    assert types(list(INDEX.jobs())) <= allowed


# ---- shown


SHOWN: dict[str, Any] = {
    **VALUES,
    **{f"page {name}": page for name, page in PAGES.items()},
    "index": INDEX,
    "empty index": ResultsIndex(),
    "large index": LARGE,
    "snapshot": INDEX.snapshot(),
    "large snapshot": LARGE.snapshot(),
    "large page": LARGE.get_buckets(job_id="web", size=10_000),
    "scan": LARGE.scan(BucketQuery(jobs="web")),
    "error": InvalidQuery("the reason", value=Sealed()),
}


@cases(SHOWN)
@pytest.mark.parametrize("show", [repr, str, format], ids=["repr", "str", "format"])
def test_everything_can_be_shown_in_a_line(value: Any, show: Callable[[Any], str]) -> None:
    """The text of a value is one short line, however large the index is."""
    text = show(value)
    assert text
    assert "\n" not in text
    assert len(text) < (4_000 if isinstance(value, tuple) else 1_000)


def test_an_index_of_many_jobs_is_shown_in_a_line() -> None:
    """The text stays short for many jobs and for long names."""
    index = ResultsIndex()
    for job in range(300):
        index.put_job(f"{job}" + "x" * 250)
    for value in (index, index.snapshot(), index.stats()):
        assert len(repr(value)) < 1_000


def test_public_classes_are_found_under_their_own_names() -> None:
    """Each public class is found under its own name, because a pickle looks there."""
    for name in ("Bucket", "BucketInfluencer", "BucketPage", "BucketQuery", "Commit", "Snapshot", "ResultsIndex"):
        kind = getattr(bucketquery, name)
        assert kind.__name__ == name
        assert name in bucketquery.__all__
    for kind in ERRORS:
        assert getattr(bucketquery, kind.__name__) is kind
        assert kind.__name__ in bucketquery.__all__
