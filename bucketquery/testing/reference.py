"""The reference answer: the rules of the API over Python lists.

It builds no index and no cache: each query filters, sorts, cuts and formats the documents. The tables have one entry
per kind. The functions follow the steps of an answer from top to bottom.

Not here: checking documents, parsing dates, ``human=True``, every method of a page except ``to_dict()``, and the
results that a write leaves (`living`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from bucketquery.errors import InvalidCursor, LimitExceeded, NotFound
from bucketquery.model.schema import Kind
from bucketquery.queries.queries import BucketQuery, InfluencerQuery, RecordQuery
from bucketquery.testing.documents import documents_in
from bucketquery.testing.filters import Moment, meets, witnessed
from bucketquery.testing.selection import selects
from bucketquery.testing.shapes import Document, bucket_shape, influencer_shape, record_shape
from bucketquery.testing.values import ingested_ms, json_values, listed, plain, timestamp_ms

Query = BucketQuery | RecordQuery | InfluencerQuery

#: The sortable fields that each kind has. The other sortable fields count as missing in all its results, even if a
#: document has a key of that name.
SORT_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "bucket": (
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
        "event.ingested",
    ),
    "record": (
        "timestamp",
        "@timestamp",
        "record_score",
        "initial_record_score",
        "probability",
        "multi_bucket_impact",
        "detector_index",
        "bucket_span",
        "is_interim",
        "job_id",
        "result_type",
        "function",
        "function_description",
        "field_name",
        "by_field_name",
        "by_field_value",
        "over_field_name",
        "over_field_value",
        "partition_field_name",
        "partition_field_value",
        "event.ingested",
    ),
    "influencer": (
        "timestamp",
        "@timestamp",
        "influencer_score",
        "initial_influencer_score",
        "probability",
        "bucket_span",
        "is_interim",
        "job_id",
        "result_type",
        "influencer_field_name",
        "influencer_field_value",
        "event.ingested",
    ),
}

KINDS: Final[tuple[Kind, ...]] = ("bucket", "record", "influencer")

SORTABLE: Final = (*dict.fromkeys(name for names in SORT_FIELDS.values() for name in names), "raw_anomaly_score")
"""Every field that a query of any kind accepts as ``sort``."""

_DOUBLES: Final = frozenset(
    {
        "anomaly_score",
        "initial_anomaly_score",
        "record_score",
        "initial_record_score",
        "influencer_score",
        "initial_influencer_score",
        "probability",
        "multi_bucket_impact",
    }
)

#: The current score of each kind, which the threshold is compared with; the query's parameter has the same name.
SCORE: Final = {"bucket": "anomaly_score", "record": "record_score", "influencer": "influencer_score"}

#: The fields that make two documents of a kind the same result.
_IDENTITY: Final = {
    "bucket": ("job_id", "timestamp", "bucket_span"),
    "record": (
        "job_id",
        "timestamp",
        "bucket_span",
        "detector_index",
        "by_field_value",
        "over_field_value",
        "partition_field_value",
    ),
    "influencer": ("job_id", "timestamp", "bucket_span", "influencer_field_name", "influencer_field_value"),
}

#: The fields that order results with equal leading values: first those of the server, then more until no tie is left.
_TIES: Final = {
    "bucket": ("timestamp", "bucket_span", "job_id"),
    "record": (
        "record_score",
        "over_field_value",
        "partition_field_value",
        "by_field_value",
        "field_name",
        "function",
        "timestamp",
        "bucket_span",
        "detector_index",
        "by_field_value",
        "over_field_value",
        "partition_field_value",
        "job_id",
    ),
    "influencer": ("timestamp", "bucket_span", "influencer_field_name", "influencer_field_value", "job_id"),
}

#: A bucket shows this many records at most, and leaves out the others.
_MOST_RECORDS_OF_A_BUCKET: Final = 10_000
#: A query whose page would show more records than this is refused.
_MOST_RECORDS_OF_A_PAGE: Final = 100_000


def evaluate(documents: Iterable[Document] | Any, query: Query) -> dict[str, Any]:
    """The API's response body for `query` over `documents`.

    Args:
        documents: valid documents in any order, or an answer in place of them, as `ResultsIndex.upsert` takes them.
            Search hits are unwrapped, and the records in buckets are results too. Only documents whose
            ``result_type`` is the query's kind count; with ``expand``, records count too. If several documents have
            one identity, the last counts. Values count by the base type of their class, as in `ResultsIndex.upsert`,
            but text for an instant must be text that `datetime.fromisoformat` reads; text without an offset is UTC.
        query: a query whose instants are int epoch milliseconds or None.

    Returns:
        A new dict like that of ``page.to_dict()``, with the keys ``count`` and ``buckets``, ``records`` or
        ``influencers``. Every job counts as known, no job is in a group, and there is no ``max_size``.

    Raises:
        TypeError: an instant of `query` is text.
        NotFound: no bucket is at ``timestamp``.
        LimitExceeded: the page would have more than 100,000 records.

    Complexity: O(n log n + p n) time for n documents and p buckets on the page.
    Source: the server; if it has no rule, this library's decision. docs/semantics lists both.

    >>> quiet = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 900}
    >>> loud = {**quiet, "timestamp": 900_000, "anomaly_score": 80}
    >>> answer = evaluate([quiet, loud], BucketQuery(jobs="web", anomaly_score=75.0))
    >>> answer["count"], answer["buckets"][0]["timestamp"], answer["buckets"][0]["anomaly_score"]
    (1, 900000, 80.0)
    """
    refuse_texts(query)
    everything = documents_in(documents)
    kind = kind_of(query)
    page, count = _page(everything, kind, query)
    if isinstance(query, BucketQuery) and query.timestamp is not None and not count:
        reason = "Could not find requested buckets"
        raise NotFound(reason, field="timestamp", value=query.timestamp)
    return _body(page, count, everything, query)


def evaluate_after(documents: Iterable[Document] | Any, query: Query, last: Document) -> dict[str, Any]:
    """The API's response body for the page behind another page: ``search(query, after=page.cursor)``.

    Args:
        documents: as `evaluate` takes them.
        query: as `evaluate` takes it, but no lookup. ``from_`` does not apply.
        last: the last result of the other page, as it was stored when that page was read. It needs its
            ``result_type``, and need not be one of `documents`.

    Returns:
        A body like that of `evaluate`. ``count`` is the number of all matches. The other page's ``cursor`` is None if
        this body has no result and ``size`` is not 0.

    Raises:
        TypeError: an instant of `query` is text.
        InvalidCursor: `query` is a lookup, or `last` is of another kind or job than `query`.

    Complexity: as `evaluate`.
    Source: this library's decision; docs/semantics/cursors.md has the rules.

    >>> buckets = [{"result_type": "bucket", "job_id": "web", "timestamp": ms, "bucket_span": 1} for ms in range(5)]
    >>> answer = evaluate_after(buckets, BucketQuery(jobs="web", size=2), buckets[1])
    >>> answer["count"], [bucket["timestamp"] for bucket in answer["buckets"]]
    (5, [2, 3])
    """
    refuse_texts(query)
    kind = kind_of(query)
    is_lookup = isinstance(query, BucketQuery) and query.timestamp is not None
    if is_lookup or plain(last["result_type"]) != kind or not selects(query.jobs, plain(last["job_id"])):
        reason = "[after] is no cursor of this query"
        raise InvalidCursor(reason, field="after", value=last)
    everything = documents_in(documents)
    ordered, edge = _ordered(everything, kind, query), _order_key(last, kind, query)
    keys = [_order_key(document, kind, query) for document in ordered]
    # The keys of a descending order fall, those of an ascending order rise.
    behind = [
        document for document, key in zip(ordered, keys, strict=True) if (key < edge if query.desc else key > edge)
    ]
    return _body(behind[: query.size], len(ordered), everything, query)


def kind_of(query: Query) -> Kind:
    """The kind of results that a query asks for.

    >>> kind_of(RecordQuery(jobs="web"))
    'record'
    """
    if isinstance(query, BucketQuery):
        return "bucket"
    return "record" if isinstance(query, RecordQuery) else "influencer"


def refuse_texts(query: Query) -> None:
    """Refuse a query with an instant as text.

    Raises:
        TypeError: an instant of `query` is text.

    >>> refuse_texts(BucketQuery(jobs="web", start=0))
    """
    for name in ("start", "end", "timestamp"):
        if isinstance(getattr(query, name, None), str):
            message = f"the reference parses no dates: give {name} as int epoch milliseconds"
            raise TypeError(message)


def _body(page: list[Document], count: int, documents: list[Document], query: Query) -> dict[str, Any]:
    """The response body that shows these documents."""
    if isinstance(query, BucketQuery):
        records = _records_of(page, documents, query)
        return {"count": count, "buckets": [bucket_shape(*shown) for shown in zip(page, records, strict=True)]}
    if isinstance(query, RecordQuery):
        return {"count": count, "records": [record_shape(document) for document in page]}
    return {"count": count, "influencers": [influencer_shape(document) for document in page]}


# Matches and order


def _page(documents: list[Document], kind: Kind, query: Query) -> tuple[list[Document], int]:
    """The documents on the page, in order, and the number of matches."""
    ordered = _ordered(documents, kind, query)
    if isinstance(query, BucketQuery) and query.timestamp is not None:
        return ordered[:1], len(ordered)
    return ordered[query.from_ : query.from_ + query.size], len(ordered)


def _ordered(documents: list[Document], kind: Kind, query: Query) -> list[Document]:
    """Every match, in order."""
    witnesses = witnessed(_stored(documents, "record", query), query) if query.where else set()
    found = [document for document in _stored(documents, kind, query) if matches(document, query, witnesses)]
    return sorted(found, key=lambda document: _order_key(document, kind, query), reverse=query.desc)


def _order_key(document: Document, kind: Kind, query: Query) -> tuple[Any, ...]:
    return _key(_sort_value(document, kind, query), document, _TIES[kind], desc=query.desc)


def _stored(documents: list[Document], kind: Kind, query: Query) -> list[Document]:
    newest = {}
    for document in documents:
        if plain(document.get("result_type")) == kind and selects(query.jobs, plain(document["job_id"])):
            # The last document of an identity wins. Its place in the dict does not matter: the answer's order is total.
            newest[identity_of(document, kind)] = document
    return list(newest.values())


def identity_of(document: Document, kind: Kind) -> tuple[Any, ...]:
    """The identity of a result, as ``page.keys()`` has it.

    >>> identity_of({"job_id": "web", "timestamp": 0, "bucket_span": 900}, "influencer")
    ('web', 0, 900, None, None)
    """
    return tuple(_tie(document, name) for name in _IDENTITY[kind])


def matches(document: Document, query: Query, witnesses: Collection[Moment] = ()) -> bool:
    """Whether a result of the query's kind and jobs meets the query's conditions.

    Args:
        document: the result.
        query: the query.
        witnesses: what `witnessed` returns, for a `BucketQuery` with a filter.

    >>> matches({"timestamp": 0, "anomaly_score": 50}, BucketQuery(jobs="web", anomaly_score=75))
    False
    """
    kind = kind_of(query)
    timestamp = timestamp_ms(document)
    if isinstance(query, BucketQuery) and query.timestamp is not None:
        # A lookup ignores the threshold and exclude_interim.
        return timestamp == query.timestamp
    if isinstance(query.start, int) and timestamp < query.start:
        return False
    if isinstance(query.end, int) and timestamp >= query.end:
        return False
    is_left_out = query.exclude_interim and plain(document.get("is_interim"))
    if is_left_out or not _has_score(value_of(document, SCORE[kind]), getattr(query, SCORE[kind])):
        return False
    if kind == "bucket":
        return not query.where or (plain(document["job_id"]), timestamp) in witnesses
    return meets(document, kind, query.where)


def _has_score(score: float | None, condition: float | tuple[float, float]) -> bool:
    """Whether a score reaches a threshold, or lies in a band."""
    if isinstance(condition, tuple):
        low, high = condition
        return score is not None and low <= score < high
    return condition <= 0.0 or (score is not None and score >= condition)


def _key(leading: Any, document: Document, ties: Sequence[str], *, desc: bool) -> tuple[Any, ...]:
    """The leading value, then the ties, all in one direction; missing values are last in both."""
    values = (leading, *(_tie(document, name) for name in ties))
    # Pairs, so that sorting never compares None with a value. In descending order False comes last.
    return tuple((value is not None if desc else value is None, value) for value in values)


def _sort_value(document: Document, kind: Kind, query: Query) -> Any:
    if query.sort not in SORT_FIELDS[kind]:
        return None
    if query.sort == "scheduled_events":
        events = json_values(listed(document.get("scheduled_events"))) or [None]
        return max(events) if query.desc else min(events)
    return value_of(document, query.sort)


def _tie(document: Document, name: str) -> Any:
    value = value_of(document, name)
    # In the identity and as a tie, a missing detector_index counts as 0.
    return 0 if name == "detector_index" and value is None else value


def value_of(document: Document, name: str) -> Any:
    """The stored value, None if it is missing. Text compares by code point, which is the order of UTF-8 bytes.

    >>> value_of({"anomaly_score": 5}, "anomaly_score"), value_of({}, "anomaly_score")
    (5.0, None)
    """
    if name in {"timestamp", "@timestamp"}:
        return timestamp_ms(document)
    if name == "event.ingested":
        return ingested_ms(document)
    value = plain(document.get(name))
    return float(value) if value is not None and name in _DOUBLES else value


# Records in buckets


def _records_of(buckets: list[Document], documents: list[Document], query: BucketQuery) -> list[list[Document]]:
    """The records of each bucket on the page, in order."""
    records = _stored(documents, "record", query) if query.expand else []
    if query.exclude_interim:
        # A lookup leaves out interim records too, although it shows an interim bucket.
        records = [record for record in records if not plain(record.get("is_interim"))]
    shown = [_in_a_bucket(bucket, records) for bucket in buckets]
    if sum(map(len, shown)) > _MOST_RECORDS_OF_A_PAGE:
        reason = f"[expand] would show more than {_MOST_RECORDS_OF_A_PAGE} records on one page"
        raise LimitExceeded(reason, field="expand", value=True)
    return shown


def _in_a_bucket(bucket: Document, records: list[Document]) -> list[Document]:
    if not listed(bucket.get("bucket_influencers")):
        return []
    # Spans, scores, and the query's sort and desc have no effect here.
    job_id, timestamp = plain(bucket["job_id"]), timestamp_ms(bucket)
    simultaneous = [
        record for record in records if plain(record["job_id"]) == job_id and timestamp_ms(record) == timestamp
    ]
    ordered = sorted(
        simultaneous, key=lambda record: _key(value_of(record, "probability"), record, _TIES["record"], desc=False)
    )
    return ordered[:_MOST_RECORDS_OF_A_BUCKET]
