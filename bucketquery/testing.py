"""A reference answer and Hypothesis strategies, for the tests of whoever builds on this library.

`evaluate` states the rules of "get buckets" once more, over plain lists: filter, sort, slice. It is slow and obvious,
and shares no code with the engine, so it can judge it. Use it

- as a test double: a few documents and a query give exactly the response body that the API would give;
- as the oracle of an engine of your own (SQL, a dataframe, a cache before the server): draw documents with
  `bucket_documents` and questions with `bucket_queries`, ask both, compare.

The strategies need the package ``hypothesis``, which is imported only when one of them is called.

Left to others: checking documents (`ResultsIndex.upsert`), parsing dates (`BucketQuery` and ``search``), speed.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bucketquery.errors import NotFound
from bucketquery.model.queries import BucketQuery

if TYPE_CHECKING:
    from hypothesis import strategies as st

__all__ = ["SORTABLE", "bucket_documents", "bucket_queries", "evaluate"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_HELD_BY_BUCKETS = (
    "timestamp",
    "@timestamp",
    "anomaly_score",
    "initial_anomaly_score",
    "event_count",
    "bucket_span",
    "is_interim",
    "processing_time_ms",
    "job_id",
    "result_type",
    "scheduled_events",
)
_NEVER_IN_BUCKETS = (
    "record_score",
    "initial_record_score",
    "influencer_score",
    "initial_influencer_score",
    "probability",
    "raw_anomaly_score",
    "multi_bucket_impact",
    "detector_index",
    "function",
    "function_description",
    "field_name",
    "by_field_name",
    "by_field_value",
    "over_field_name",
    "over_field_value",
    "partition_field_name",
    "partition_field_value",
    "influencer_field_name",
    "influencer_field_value",
)
SORTABLE = _HELD_BY_BUCKETS + _NEVER_IN_BUCKETS
"""Every field that `BucketQuery` accepts as ``sort``."""


def evaluate(documents: Iterable[Mapping[str, Any]], query: BucketQuery) -> dict[str, Any]:
    """The API's response body to `query` over `documents`, straight from the rules.

    Args:
        documents: what is stored, valid and in any order. Only documents whose ``result_type`` is ``"bucket"`` count;
            of those that share job, timestamp and span the last one does. Timestamps are integers or text that
            `datetime.fromisoformat` reads, without an offset UTC.
        query: its instants as int epoch milliseconds or None.

    Returns:
        A new dict with the keys ``count`` and ``buckets``, as ``page.to_dict()`` has it. A job without documents is
        taken for a known one: there is no UnknownJob here, and ``max_size`` is not known either.

    Raises:
        TypeError: an instant of `query` is text.
        NotFound: a lookup by ``timestamp`` matched nothing.

    Complexity: O(n log n) time for n documents.

    >>> quiet = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 900}
    >>> loud = {**quiet, "timestamp": 900_000, "anomaly_score": 80}
    >>> answer = evaluate([quiet, loud], BucketQuery(jobs="web", anomaly_score=75.0))
    >>> answer["count"], answer["buckets"][0]["timestamp"], answer["buckets"][0]["anomaly_score"]
    (1, 900000, 80.0)
    """
    for name in ("start", "end", "timestamp"):
        if isinstance(getattr(query, name), str):
            message = f"evaluate() parses no dates: give {name} as int epoch milliseconds"
            raise TypeError(message)

    stored = {}
    for document in documents:
        if document.get("result_type") == "bucket" and document["job_id"] in query.jobs:
            # The last of an identity wins; where it stands does not matter, since the order of the answer is total.
            stored[document["job_id"], _timestamp(document), int(document["bucket_span"])] = document

    matches = [document for document in stored.values() if _matches(document, query)]
    ordered = _ordered(matches, query)
    if query.timestamp is None:
        page = ordered[query.from_ : query.from_ + query.size]
    elif matches:
        page = ordered[:1]
    else:
        reason = "Could not find requested buckets"
        raise NotFound(reason, field="timestamp", value=query.timestamp)
    return {"count": len(matches), "buckets": [_bucket(document) for document in page]}


def _matches(document: Mapping[str, Any], query: BucketQuery) -> bool:
    timestamp = _timestamp(document)
    if query.timestamp is not None:
        # A lookup heeds neither the threshold nor exclude_interim.
        return timestamp == query.timestamp
    if isinstance(query.start, int) and timestamp < query.start:
        return False
    if isinstance(query.end, int) and timestamp >= query.end:
        return False
    if query.anomaly_score > 0.0:
        score = document.get("anomaly_score")
        if score is None or float(score) < query.anomaly_score:
            return False
    return not (query.exclude_interim and document.get("is_interim"))


def _ordered(matches: list[Mapping[str, Any]], query: BucketQuery) -> list[Mapping[str, Any]]:
    def ties(document: Mapping[str, Any]) -> tuple[Any, ...]:
        return _timestamp(document), document["bucket_span"], document["job_id"]

    in_time = sorted(matches, key=ties, reverse=query.desc)
    valued = [(_sort_value(document, query), document) for document in in_time]
    present = [pair for pair in valued if pair[0] is not None]
    missing = [pair for pair in valued if pair[0] is None]
    # Sorting is stable, reversed sorting too: what is equal in the sort field stays as the ties put it.
    present.sort(key=lambda pair: pair[0], reverse=query.desc)
    return [document for _, document in present + missing]


def _sort_value(document: Mapping[str, Any], query: BucketQuery) -> Any:
    # Text compares by code point here, which is the order of its UTF-8 bytes.
    if query.sort in {"timestamp", "@timestamp"}:
        return _timestamp(document)
    if query.sort == "scheduled_events":
        events = document.get("scheduled_events") or [None]
        return max(events) if query.desc else min(events)
    value = document.get(query.sort) if query.sort in _HELD_BY_BUCKETS else None
    return float(value) if value is not None and query.sort.endswith("anomaly_score") else value


def _bucket(document: Mapping[str, Any]) -> dict[str, Any]:
    timestamp, is_interim = _timestamp(document), bool(document.get("is_interim"))
    bucket = {
        "job_id": document["job_id"],
        "timestamp": timestamp,
        "anomaly_score": _double(document, "anomaly_score"),
        "bucket_span": int(document["bucket_span"]),
        "initial_anomaly_score": _double(document, "initial_anomaly_score"),
        "event_count": int(document.get("event_count") or 0),
        "is_interim": is_interim,
        "bucket_influencers": [
            _influencer(nested, document, timestamp, is_interim=is_interim)
            for nested in document.get("bucket_influencers") or ()
        ],
        "processing_time_ms": int(document.get("processing_time_ms") or 0),
    }
    if document.get("scheduled_events"):
        bucket["scheduled_events"] = list(document["scheduled_events"])
    bucket["result_type"] = "bucket"
    return bucket


def _influencer(
    nested: Mapping[str, Any], document: Mapping[str, Any], timestamp: int, *, is_interim: bool
) -> dict[str, Any]:
    influencer = {"job_id": document["job_id"], "result_type": "bucket_influencer"}
    if nested.get("influencer_field_name") is not None:
        influencer["influencer_field_name"] = nested["influencer_field_name"]
    for name in ("initial_anomaly_score", "anomaly_score", "raw_anomaly_score", "probability"):
        influencer[name] = _double(nested, name)
    own_interim = nested.get("is_interim")
    influencer["timestamp"] = timestamp
    influencer["bucket_span"] = int(document["bucket_span"])
    influencer["is_interim"] = is_interim if own_interim is None else bool(own_interim)
    return influencer


def _double(document: Mapping[str, Any], name: str) -> float:
    # Adding 0.0 makes -0.0 the zero that is shown.
    return float(document.get(name) or 0.0) + 0.0


def _timestamp(document: Mapping[str, Any]) -> int:
    given = document["timestamp"]
    if not isinstance(given, str):
        return int(given)
    moment = datetime.fromisoformat(given)
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MILLISECOND


_JOBS = ("web", "Web-2", "données")
_FIRST = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_TIMESTAMPS = (
    *(_FIRST + quarter * 900_000 for quarter in range(8)),
    _FIRST + 1,
    0,
    -1,
    -62_135_596_800_000,  # 0001-01-01T00:00:00.000Z
    253_402_300_799_999,  # 9999-12-31T23:59:59.999Z
)
_SPANS = (300, 900, 3_600)
_SCORES = (-0.0, 0, 5e-324, 2.9999999999999996, 3.0, 25.0, 29.9999996735, 50.0, 74.99999999999999, 75, 75.0, 100)
_COUNTS = (0, 1, 60, 60, 2**53, 2**53 + 1, 2**63 - 2, 2**63 - 1)
_EVENTS = ("", "Deploy", "deploy", "été", "\uffff", "\U00010000")


def bucket_documents(*, jobs: Sequence[str] = _JOBS, max_size: int = 20) -> "st.SearchStrategy[list[dict[str, Any]]]":
    """Lists of valid bucket documents of a few jobs, at most `max_size`, made to collide.

    Few timestamps, spans and values, so ties are the rule and one identity comes more than once; any optional field may
    be missing or null; scores just around the severity marks, counts beyond what a double holds, instants at both ends
    of the calendar, timestamps now and then as ISO text, interim buckets, influencers, scheduled events.

    Complexity: O(max_size) a draw.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(bucket_documents(jobs=["web"]))
    ... def an_identity_counts_once(documents):
    ...     assert evaluate(documents, BucketQuery(jobs="web"))["count"] <= len(documents)
    >>> an_identity_counts_once()
    """
    from hypothesis import strategies as st  # noqa: PLC0415 - an extra, for those who ask for a strategy

    scores = st.none() | st.sampled_from(_SCORES) | st.floats(0.0, 100.0)
    counts = st.none() | st.sampled_from(_COUNTS)
    booleans = st.none() | st.booleans()
    identities = st.fixed_dictionaries(
        {
            "job_id": st.sampled_from(jobs),
            "timestamp": st.sampled_from(_TIMESTAMPS),
            "bucket_span": st.sampled_from(_SPANS),
        }
    )
    influencers = st.fixed_dictionaries(
        {},
        optional={
            "influencer_field_name": st.sampled_from((None, "bucket_time", "host.name")),
            "initial_anomaly_score": scores,
            "anomaly_score": scores,
            "raw_anomaly_score": scores,
            "probability": st.none() | st.sampled_from((0.0, 4.8e-16, 1e-308, 1.0)),
            "is_interim": booleans,
            "unknown": st.none(),
        },
    )
    values = st.fixed_dictionaries(
        {"result_type": st.just("bucket")},
        optional={
            "anomaly_score": scores,
            "initial_anomaly_score": scores,
            "event_count": counts,
            "is_interim": booleans,
            "bucket_influencers": st.none() | st.lists(influencers, max_size=2),
            "processing_time_ms": counts,
            "scheduled_events": st.none() | st.lists(st.sampled_from(_EVENTS), max_size=3),
            "probability": st.just(0.5),
            "partition_scores": st.just([]),
        },
    )
    # The strategies are made once, outside of what is drawn: made anew for each document they take most of the time.
    return st.lists(st.builds(_spelled, identities, values, st.integers(0, 9)), max_size=max_size)


def _spelled(identity: Mapping[str, Any], values: Mapping[str, Any], way: int) -> dict[str, Any]:
    """One document: now and then with its timestamp as text, or with influencers that repeat its identity."""
    document = {**identity, **values}
    if way == 1:
        document["timestamp"] = (_EPOCH + identity["timestamp"] * _MILLISECOND).isoformat(timespec="milliseconds")
    if way > 1 and values.get("bucket_influencers"):
        document["bucket_influencers"] = [{**identity, **nested} for nested in values["bucket_influencers"]]
    return document


def bucket_queries(*, jobs: Sequence[str] = _JOBS) -> "st.SearchStrategy[BucketQuery]":
    """Questions about the documents that `bucket_documents` draws, one job each, instants as integers.

    Lookups by ``timestamp``; windows on, just before and just after the edges of buckets, open, empty and reversed;
    thresholds around the scores, and those that filter nothing; every sortable field in both directions; pages of size
    0, past the end, and far past it.

    Complexity: O(1) a draw.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(bucket_queries(jobs=["web"]))
    ... def a_lookup_has_no_window(query):
    ...     assert query.timestamp is None or query.start is query.end is None
    >>> a_lookup_has_no_window()
    """
    from hypothesis import strategies as st  # noqa: PLC0415 - an extra, for those who ask for a strategy

    edges = [at + off for at in _TIMESTAMPS for off in (-1, 0, 1, 900_000)]
    bounds = st.none() | st.sampled_from(edges) | st.sampled_from((-(2**63), 2**63 - 1))
    thresholds = st.sampled_from((0.0, -1.0, 5e-324, 100.1, float("inf"), float("nan"), *map(float, _SCORES)))
    either = {
        "jobs": st.sampled_from(jobs),
        "exclude_interim": st.booleans(),
        "expand": st.booleans(),
        "sort": st.sampled_from(SORTABLE) | st.sampled_from(_HELD_BY_BUCKETS),
        "desc": st.booleans(),
    }
    lookups = st.builds(BucketQuery, timestamp=st.sampled_from(_TIMESTAMPS), **either)
    pages = st.builds(
        BucketQuery,
        start=bounds,
        end=bounds,
        anomaly_score=st.just(0.0) | thresholds,
        from_=st.just(0) | st.integers(0, 20) | st.just(2**70),
        size=st.just(100) | st.integers(0, 12),
        **either,
    )
    return st.one_of(pages, pages, lookups)
