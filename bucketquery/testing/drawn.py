"""The implementation of the strategies: the values of each kind, its documents and its queries.

Only this module imports the package ``hypothesis``. `strategies` imports it when one of its functions is called.

Not here: what each strategy promises (`strategies`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import or_
from typing import Any, Final, TypeVar

from hypothesis import strategies as st

from bucketquery.queries.queries import BucketQuery, InfluencerQuery, RecordQuery
from bucketquery.testing.filters import FILTER_FIELDS
from bucketquery.testing.reference import SORT_FIELDS, SORTABLE
from bucketquery.testing.values import listed

Result = dict[str, Any]

_Query = TypeVar("_Query", BucketQuery, RecordQuery, InfluencerQuery)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

_FIRST: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_TIMESTAMPS: Final = (
    *(_FIRST + quarter * 900_000 for quarter in range(8)),
    _FIRST + 1,
    0,
    -1,
    -62_135_596_800_000,  # 0001-01-01T00:00:00.000Z
    253_402_300_799_999,  # 9999-12-31T23:59:59.999Z
)
_SPANS: Final = (300, 900, 3_600)
_SCORES: Final = (-0.0, 0, 5e-324, 2.9999999999999996, 3.0, 25.0, 29.9999996735, 50.0, 74.99999999999999, 75, 75.0, 100)
_PROBABILITIES: Final = (-0.0, 0, 5e-324, 1e-323, 1e-308, 4.8e-16, 4.8e-16, 1.0)
_COUNTS: Final = (0, 1, 60, 60, 2**53, 2**53 + 1, 2**63 - 2, 2**63 - 1)
_EVENTS: Final = ("", "Deploy", "deploy", "été", "\uffff", "\U00010000")
#: Instants at which results were written: mostly two, so that many are equal.
_INGESTED: Final = (
    *(_FIRST, _FIRST + 1) * 3,
    "2026-01-01T00:00:00.001Z",
    0,
    -1,
    -62_135_596_800_000,
    253_402_300_799_999,
)

_DETECTORS: Final = (0, 0, 1, 1.0, 2**53, 2**53 + 1, 2**63 - 1, -1)
_IMPACTS: Final = (-5.0, -0.0, 0, 2.5, 5)
_TEXTS: Final = ("", "a", "A", "b", "été", "\uffff", "\U00010000")
#: Mostly 0, since most queries have few matches.
_FROMS: Final = (0, 0, 0, 0, 1, 2, 5, 20)
_SIZES: Final = (100, 100, 100, 0, 1, 2, 3, 12)
#: Names of data fields: mostly "host", so that several fields of a record have the same name. The others are dotted,
#: empty, reserved up to the first dot, or the beginning of a reserved name.
_NAMES: Final = (
    *("host",) * 4,
    "Host",
    "user.name",
    "user.timestamp",
    "",
    ".",
    "été",
    "time",
    "timestamp",
    "timestamp.hour",
    "causes.host",
    "_id",
    "event",
    "event.action",
)
#: Names of data fields that a filter may have.
_DATA_FIELDS: Final = (*("host",) * 4, "Host", "user.name", "", "timestamp.hour", "no such field")
#: Keys that neither records nor influencers document: names of data fields, and fields of other kinds.
_UNKNOWN: Final = (
    *("host",) * 4,
    "user.name",
    "user.timestamp",
    "",
    "été",
    "timestamp.hour",
    "@timestamp",
    "anomaly_score",
    "scheduled_events",
    "model_plot",
    "event.ingested",
    "records",
)


# Fields of documents


def bucket_results() -> st.SearchStrategy[Result]:
    """The fields of buckets except job, timestamp and span; any of them may be missing or null."""
    scores = _scores()
    counts = st.none() | st.sampled_from(_COUNTS)
    booleans = st.none() | st.booleans()
    return st.fixed_dictionaries(
        {"result_type": st.just("bucket")},
        optional={
            "anomaly_score": scores,
            "initial_anomaly_score": scores,
            "event_count": counts,
            "is_interim": booleans,
            "bucket_influencers": _lists(_bucket_influencers(), 2),
            "processing_time_ms": counts,
            "scheduled_events": _lists(st.sampled_from(_EVENTS), 3),
            "event": _written(),
            "probability": st.just(0.5),
            "partition_scores": st.just([]),
        },
    )


def blamed_bucket_results() -> st.SearchStrategy[Result]:
    """As `bucket_results`, with at least one bucket influencer."""
    blamed = st.fixed_dictionaries({"bucket_influencers": st.lists(_bucket_influencers(), min_size=1, max_size=2)})
    return st.builds(or_, bucket_results(), blamed)


def expanded_bucket_results() -> st.SearchStrategy[Result]:
    """As `blamed_bucket_results`, with records inside, as an expanded answer has them."""
    own = st.fixed_dictionaries(
        {}, optional={"timestamp": st.sampled_from(_TIMESTAMPS), "bucket_span": st.sampled_from(_SPANS)}
    )
    # Most records take the values of their bucket.
    records = record_results() | record_results() | st.builds(or_, record_results(), own)
    inside = st.fixed_dictionaries({"records": _lists(records, 3)})
    return st.builds(or_, blamed_bucket_results(), inside)


def _bucket_influencers() -> st.SearchStrategy[Result]:
    scores = _scores()
    return st.fixed_dictionaries(
        {},
        optional={
            "influencer_field_name": st.sampled_from((None, "bucket_time", "host.name")),
            "initial_anomaly_score": scores,
            "anomaly_score": scores,
            "raw_anomaly_score": scores,
            "probability": st.none() | st.sampled_from((0.0, 4.8e-16, 1e-308, 1.0)),
            "is_interim": st.none() | st.booleans(),
            "job_id": st.sampled_from((None, "web", "db")),
            "timestamp": st.none() | st.sampled_from(_TIMESTAMPS),
            "bucket_span": st.none() | st.sampled_from(_SPANS),
            "event": _written(),
            "unknown": st.none(),
        },
    )


def record_results() -> st.SearchStrategy[Result]:
    """The fields of records except job, timestamp and span; any of them may be missing or null."""
    scores = _scores()
    texts, names = st.none() | st.sampled_from(_TEXTS), st.none() | st.sampled_from(_NAMES)
    numbers = st.sampled_from((-0.0, 0, 1.5, 1e-308, 2**53 + 1))
    doubles = _lists(numbers, 2)
    objects: st.SearchStrategy[Result] = st.dictionaries(
        st.sampled_from(("b", "a", "timestamp", "probability")), _json(), max_size=2
    )
    influences = st.fixed_dictionaries(
        {},
        optional={
            "influencer_field_name": names,
            "influencer_field_values": _lists(st.sampled_from(_TEXTS), 3),
            "unknown": _json(),
        },
    )
    measured = st.fixed_dictionaries(
        {}, optional={"typical": doubles, "actual": doubles, "influencers": _lists(influences, 2)}
    )
    documented = st.fixed_dictionaries(
        {"result_type": st.just("record")},
        optional={
            "record_score": scores,
            "initial_record_score": scores,
            "probability": st.none() | st.sampled_from(_PROBABILITIES),
            "multi_bucket_impact": st.none() | st.sampled_from(_IMPACTS),
            "detector_index": st.none() | st.sampled_from(_DETECTORS),
            "is_interim": st.none() | st.booleans(),
            "by_field_name": names,
            "by_field_value": texts,
            "over_field_name": names,
            "over_field_value": texts,
            "partition_field_name": names,
            "partition_field_value": texts,
            "correlated_by_field_value": texts,
            "function": st.sampled_from((None, "mean", "Mean", "high_count")),
            "function_description": texts,
            "field_name": texts,
            "typical": doubles,
            "actual": doubles,
            "causes": _lists(st.builds(or_, objects, measured), 2),
            "influencers": _lists(influences, 3),
            "geo_results": st.none() | objects,
            "anomaly_score_explanation": st.none() | objects,
            "event": _written() | _of_a_data_field(),
        },
    )
    return _with_unknown_keys(documented, "influencer_score", "influencer_field_value")


def influencer_results() -> st.SearchStrategy[Result]:
    """The fields of influencers except job, timestamp and span; any of them may be missing or null."""
    documented = st.fixed_dictionaries(
        {"result_type": st.just("influencer")},
        optional={
            "influencer_score": _scores(),
            "initial_influencer_score": _scores(),
            "probability": st.none() | st.sampled_from(_PROBABILITIES),
            "is_interim": st.none() | st.booleans(),
            "influencer_field_name": st.none() | st.sampled_from(_NAMES),
            "influencer_field_value": st.none() | st.sampled_from(_TEXTS),
            "event": _written() | _of_a_data_field(),
        },
    )
    return _with_unknown_keys(documented, "record_score", "by_field_value", "detector_index", "causes")


def _scores() -> st.SearchStrategy[float | None]:
    return st.none() | st.sampled_from(_SCORES) | st.floats(0.0, 100.0)


def _written() -> st.SearchStrategy[Result | None]:
    """Values of ``event``: mostly an instant, and at times another key or no instant."""
    instants = st.none() | st.sampled_from(_INGESTED)
    return st.none() | st.fixed_dictionaries({"ingested": instants}, optional={"created": st.just(0)})


def _of_a_data_field() -> st.SearchStrategy[Any]:
    """Values of a data field called ``event``."""
    return st.sampled_from(("login", ["login"], [], 5))


def _lists(items: st.SearchStrategy[Any], max_size: int) -> st.SearchStrategy[Any]:
    """Lists of these items, null, or one item in place of a list."""
    return st.none() | st.lists(items, max_size=max_size) | items


def _json() -> st.SearchStrategy[Any]:
    scalars = st.sampled_from((None, True, 0, -0.0, 1.0, 1e-308, -(2**63), 2**63 - 1, "", "été", "\U00010000"))
    keys = st.sampled_from(("b", "a", "timestamp", ""))
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=2), max_leaves=3
    )


def _with_unknown_keys(documented: st.SearchStrategy[Result], *more: str) -> st.SearchStrategy[Result]:
    """Add up to 4 unknown keys to some documents, in any order, before or after the documented keys."""
    some: st.SearchStrategy[Result] = st.dictionaries(st.sampled_from((*_UNKNOWN, *more)), _json(), max_size=4)
    return st.builds(
        lambda known, others, before: {**others, **known} if before else {**known, **others},
        documented,
        st.builds(Result) | some,
        st.booleans(),
    )


# Documents


def lists_of(values: st.SearchStrategy[Result], jobs: Sequence[str], max_size: int) -> st.SearchStrategy[list[Result]]:
    """At most ``max_size`` documents with the given values, each with any job and instant."""
    identities = st.fixed_dictionaries(
        {
            "job_id": _one_of_the_jobs(jobs),
            "timestamp": st.sampled_from(_TIMESTAMPS),
            "bucket_span": st.sampled_from(_SPANS),
        }
    )
    # The strategies are built once. Building them for each document would take most of the time.
    return st.lists(st.builds(_spelled, identities, values, st.integers(0, 9)), max_size=max_size)


def _spelled(identity: Result, values: Result, way: int) -> Result:
    """One document: ``way`` 1 writes the timestamp as text, ``way`` above 1 repeats the identity in its influencers."""
    document = {**identity, **values}
    if way == 1:
        document["timestamp"] = (_EPOCH + identity["timestamp"] * _MILLISECOND).isoformat(timespec="milliseconds")
    if way > 1 and "bucket_influencers" in values:
        document["bucket_influencers"] = [
            {**identity, **{name: value for name, value in nested.items() if value is not None}}
            for nested in listed(values["bucket_influencers"])
        ]
    return document


def mixed_lists(jobs: Sequence[str], max_size: int) -> st.SearchStrategy[list[Result]]:
    """At most ``max_size`` documents of all kinds, several at the same job and instant."""
    # The first two instants are drawn most, and blamed buckets and records often, so `expand` finds records to show.
    timestamps = st.sampled_from(_TIMESTAMPS[:2]) | st.sampled_from(_TIMESTAMPS)
    moments = st.fixed_dictionaries({"job_id": _one_of_the_jobs(jobs), "timestamp": timestamps})
    values = st.one_of(
        bucket_results(),
        blamed_bucket_results(),
        expanded_bucket_results(),
        record_results(),
        record_results(),
        influencer_results(),
    )
    results = st.lists(st.tuples(st.sampled_from(_SPANS), values, st.integers(0, 9)), max_size=8)

    def documents_of(drawn: list[tuple[Result, list[tuple[int, Result, int]]]]) -> list[Result]:
        documents = [
            _spelled({**moment, "bucket_span": span}, fields, way)
            for moment, results_there in drawn
            for span, fields, way in results_there
        ]
        return documents[:max_size]

    return st.lists(st.tuples(moments, results), max_size=6).map(documents_of)


def _one_of_the_jobs(jobs: Sequence[str]) -> st.SearchStrategy[str]:
    # Mostly the first one, so that most queries find documents of their job.
    return st.just(jobs[0]) | st.sampled_from(jobs)


def _some_of_the_jobs(jobs: Sequence[str]) -> st.SearchStrategy[str | list[str]]:
    several = st.lists(st.sampled_from(jobs), min_size=1, max_size=len(jobs))
    # Four branches draw one job and one draws several, since `one_of` counts the same strategy object once.
    return st.one_of(_one_of_the_jobs(jobs), _one_of_the_jobs(jobs), several, several)


# Queries
def _filters(kind: str) -> st.SearchStrategy[Any]:
    """Filters of up to three fields; a quarter of the draws is one, and the others are spellings of no filter."""
    texts = st.none() | st.sampled_from((*_TEXTS, "mean", "host", "no such value"))
    names = st.sampled_from((*[name for name in FILTER_FIELDS[kind] if name != "detector_index"], *_DATA_FIELDS))
    fields = st.dictionaries(names, texts | st.lists(texts, max_size=3), min_size=1, max_size=2)
    if kind == "record":
        numbers = {"detector_index": st.lists(st.sampled_from((0, 0, 1, 2**53 + 1, 5)), max_size=2)}
        fields = st.builds(or_, fields, st.fixed_dictionaries({}, optional=numbers))
    return st.one_of(st.none(), st.just({}), st.just(()), fields)


def _sorts(kind: str) -> st.SearchStrategy[str]:
    return st.sampled_from(SORTABLE) | st.sampled_from(SORT_FIELDS[kind])


def _thresholds() -> st.SearchStrategy[float | tuple[float, float]]:
    """Thresholds, and sometimes bands."""
    odd = (5e-324, 100.1, float("inf"), float("nan"))
    thresholds = st.sampled_from((0.0, -1.0)) | st.sampled_from((*odd, *map(float, _SCORES)))
    edges = sorted({float("-inf"), -1.0, *(odd[:-1]), *map(float, _SCORES)})
    bands = [(low, high) for place, low in enumerate(edges) for high in edges[place + 1 :]]
    return thresholds | st.sampled_from(bands)


def _pages(
    query: type[_Query], kind: str, jobs: Sequence[str], **own: st.SearchStrategy[Any]
) -> st.SearchStrategy[_Query]:
    """Queries of one kind with a window, an order, a page, and the parameters of this kind only."""
    edges: list[int] = [at + off for at in _TIMESTAMPS for off in (-1, 0, 1, 900_000)]
    # Half of the bounds are open, since few results lie between two bounds.
    bounds = st.sampled_from((*[None] * len(edges), *edges, -(2**63), 2**63 - 1))
    return st.builds(
        query,
        jobs=_some_of_the_jobs(jobs),
        start=bounds,
        end=bounds,
        exclude_interim=st.booleans(),
        sort=_sorts(kind),
        desc=st.booleans(),
        from_=st.sampled_from((*_FROMS, 2**70)),
        size=st.sampled_from(_SIZES),
        where=_filters("influencer" if kind == "influencer" else "record"),
        **own,
    )


def bucket_queries(jobs: Sequence[str]) -> st.SearchStrategy[BucketQuery]:
    """Lookups, and pages with a threshold; some of both have ``expand``."""
    lookups = st.builds(
        BucketQuery,
        timestamp=st.sampled_from(_TIMESTAMPS[:2]) | st.sampled_from(_TIMESTAMPS),
        jobs=_some_of_the_jobs(jobs),
        exclude_interim=st.booleans(),
        expand=st.booleans(),
        sort=_sorts("bucket"),
        desc=st.booleans(),
    )
    # Three separate strategies, since `one_of` counts the same strategy object once.
    pages = [_pages(BucketQuery, "bucket", jobs, anomaly_score=_thresholds(), expand=st.booleans()) for _ in range(3)]
    return st.one_of(*pages, lookups)


def record_queries(jobs: Sequence[str]) -> st.SearchStrategy[RecordQuery]:
    """Pages with a threshold."""
    return _pages(RecordQuery, "record", jobs, record_score=_thresholds())


def influencer_queries(jobs: Sequence[str]) -> st.SearchStrategy[InfluencerQuery]:
    """Pages with a threshold."""
    return _pages(InfluencerQuery, "influencer", jobs, influencer_score=_thresholds())
