"""One result as the reference answer shows it: keys in the API's order, with defaults for missing fields.

Each function returns a new dict that shares nothing with the document.

Not here: which results are shown, and in what order (`reference`); ``human=True``.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bucketquery.testing.values import (
    double,
    ingested_ms,
    integer,
    json_value,
    json_values,
    listed,
    plain,
    timestamp_ms,
)

Document = Mapping[str, Any]

#: The documented keys of a record, in order.
_RECORD_KEYS: Final = (
    "job_id",
    "result_type",
    "probability",
    "multi_bucket_impact",
    "record_score",
    "initial_record_score",
    "bucket_span",
    "detector_index",
    "is_interim",
    "timestamp",
    "by_field_name",
    "by_field_value",
    "correlated_by_field_value",
    "partition_field_name",
    "partition_field_value",
    "function",
    "function_description",
    "typical",
    "actual",
    "field_name",
    "over_field_name",
    "over_field_value",
    "causes",
    "influencers",
    "geo_results",
    "anomaly_score_explanation",
)

#: The documented keys of an influencer before and after the generated key.
_INFLUENCER_KEYS_BEFORE: Final = ("job_id", "result_type", "influencer_field_name", "influencer_field_value")
_INFLUENCER_KEYS_AFTER: Final = (
    "influencer_score",
    "initial_influencer_score",
    "probability",
    "bucket_span",
    "is_interim",
    "timestamp",
)

#: Doubles of records and influencers that are shown as 0.0 if they are missing.
_DOUBLES_WITH_DEFAULT: Final = (
    "probability",
    "record_score",
    "initial_record_score",
    "influencer_score",
    "initial_influencer_score",
)

#: The fields of a record that are lists of objects, and the fields of these objects that are lists.
_LISTS: Final = {"causes": ("typical", "actual", "influencers"), "influencers": ("influencer_field_values",)}

_RESERVED_NAMES: Final = """
    all_field_values job_id probability over_field_name over_field_value by_field_name by_field_value
    correlated_by_field_value partition_field_name partition_field_value function function_description typical actual
    geo_results influencers field_name multi_bucket_impact causes record_score initial_record_score bucket_span
    typical_point actual_point anomaly_score_explanation anomaly_score bucket_influencers event_count
    initial_anomaly_score processing_time_ms scheduled_events raw_anomaly_score category_id terms regex
    max_matching_length examples num_matches preferred_to_categories mlcategory processed_record_count
    processed_field_count input_bytes input_record_count input_field_count invalid_date_count missing_field_count
    out_of_order_timestamp_count empty_bucket_count sparse_bucket_count bucket_count latest_record_timestamp
    earliest_record_timestamp last_data_time latest_empty_bucket_timestamp latest_sparse_bucket_timestamp
    detector_index influencer_field_name influencer_field_values influencer_field_value initial_influencer_score
    influencer_score model_feature model_lower model_upper model_median forecast_lower forecast_upper
    forecast_prediction forecast_id forecast_start_timestamp forecast_end_timestamp forecast_create_timestamp
    forecast_expiry_timestamp forecast_messages forecast_progress forecast_status forecast_memory_bytes model_bytes
    peak_model_bytes total_by_field_count total_over_field_count total_partition_field_count
    bucket_allocation_failures_count memory_status log_time description snapshot_id snapshot_doc_count
    latest_result_time_stamp latest_record_time_stamp retain min_version result_type timestamp is_interim
    minimum_bucket_processing_time_ms maximum_bucket_processing_time_ms average_bucket_processing_time_ms
    exponential_average_bucket_processing_time_ms exponential_average_calculation_context search_count
    total_search_time_ms incremental_metric_value_ms latest_timestamp previous_exponential_average_ms _id _index
"""
#: No key is generated for these names, nor for a name that begins with one of them and a dot.
_RESERVED: Final = frozenset(_RESERVED_NAMES.split())


def bucket_shape(document: Document, records: Sequence[Document] = ()) -> dict[str, Any]:
    """A bucket as "get buckets" shows it.

    Args:
        document: the stored bucket.
        records: its stored records in display order (default: none, which leaves out the key ``records``).

    Source: the server's ``Bucket`` and ``BucketInfluencer``.

    >>> bucket_shape({"job_id": "web", "timestamp": 0, "bucket_span": 900, "unknown": 1})["event_count"]
    0
    """
    bucket = {
        "job_id": plain(document["job_id"]),
        "timestamp": timestamp_ms(document),
        "anomaly_score": double(document.get("anomaly_score")),
        "bucket_span": integer(document["bucket_span"]),
        "initial_anomaly_score": double(document.get("initial_anomaly_score")),
    }
    if records:
        bucket["records"] = [record_shape(record) for record in records]
    bucket["event_count"] = integer(document.get("event_count"))
    bucket["is_interim"] = bool(plain(document.get("is_interim")))
    bucket["bucket_influencers"] = [
        _bucket_influencer(nested, document) for nested in listed(document.get("bucket_influencers"))
    ]
    bucket["processing_time_ms"] = integer(document.get("processing_time_ms"))
    events = json_values(listed(document.get("scheduled_events")))
    if events:
        bucket["scheduled_events"] = events
    return bucket | {"result_type": "bucket"} | _event(document)


def _bucket_influencer(nested: Document, bucket: Document) -> dict[str, Any]:
    # The influencer takes these values from the bucket if it has none. It never takes the event or the scores.
    own = {
        name: bucket.get(name) if plain(nested.get(name)) is None else nested[name]
        for name in ("job_id", "timestamp", "bucket_span", "is_interim")
    }
    influencer = {"job_id": plain(own["job_id"]), "result_type": "bucket_influencer"}
    name = plain(nested.get("influencer_field_name"))
    if name is not None:
        influencer["influencer_field_name"] = name
    for score in ("initial_anomaly_score", "anomaly_score", "raw_anomaly_score", "probability"):
        influencer[score] = double(nested.get(score))
    influencer["timestamp"] = timestamp_ms(own)
    influencer["bucket_span"] = integer(own["bucket_span"])
    influencer["is_interim"] = bool(plain(own["is_interim"]))
    return influencer | _event(nested)


def record_shape(document: Document) -> dict[str, Any]:
    """A record as "get records" shows it: documented keys, generated keys, the other stored keys, then ``event``.

    O(v * (v + k)) for v values of data fields and k keys, plus the size of the document.
    Source: the server's ``AnomalyRecord``. The server orders generated keys by a hash map, this function by the first
    field that gives them.

    >>> stored = {"job_id": "web", "timestamp": 0, "bucket_span": 900, "by_field_name": "host", "by_field_value": "a"}
    >>> record_shape(stored)["host"]
    ['a']
    """
    sides = ("by", "over", "partition")
    pairs: list[tuple[Any, Any]] = [(document.get(f"{s}_field_name"), document.get(f"{s}_field_value")) for s in sides]
    for influence in listed(document.get("influencers")):
        name = influence.get("influencer_field_name")
        pairs += [(name, value) for value in listed(influence.get("influencer_field_values"))]
    generated: dict[str, list[str]] = {}
    for name, value in ((plain(name), plain(value)) for name, value in pairs):
        if _is_generated(name, value, document) and value not in generated.setdefault(name, []):
            generated[name].append(value)

    record = _documented(document, "record", _RECORD_KEYS)
    for name, values in generated.items():
        # A stored key of this name replaces the generated value, even if it is null.
        record[name] = json_value(document[name]) if _is_stored(document, name) else values
    return record | _others(document, (*_RECORD_KEYS, *generated)) | _event(document)


def influencer_shape(document: Document) -> dict[str, Any]:
    """An influencer as "get influencers" shows it, with a generated key that has the data field's name.

    Source: the server's ``Influencer``.

    >>> field = {"influencer_field_name": "host", "influencer_field_value": "a"}
    >>> influencer_shape({"job_id": "web", "timestamp": 0, "bucket_span": 900, **field})["host"]
    'a'
    """
    name: Any = plain(document.get("influencer_field_name"))
    value = plain(document.get("influencer_field_value"))
    generated = {}
    if _is_generated(name, value, document):
        generated[name] = json_value(document[name]) if _is_stored(document, name) else value
    return {
        **_documented(document, "influencer", _INFLUENCER_KEYS_BEFORE),
        **generated,
        **_documented(document, "influencer", _INFLUENCER_KEYS_AFTER),
        **_others(document, (*_INFLUENCER_KEYS_BEFORE, *_INFLUENCER_KEYS_AFTER, *generated)),
        **_event(document),
    }


def _is_generated(name: str | None, value: str | None, document: Document) -> bool:
    """Whether a data field's name becomes a key: it is not missing, empty or reserved, and has a value.

    The name ``event`` does not become a key if the document has ``event.ingested``.
    """
    if name is None or value is None or name == "" or name.split(".")[0] in _RESERVED:
        return False
    return name != "event" or ingested_ms(document) is None


def _is_stored(document: Document, name: str) -> bool:
    """Whether a key is stored that is not documented for the kind."""
    # An `event` is a documented object, or missing, or the value of a data field.
    return name in document and (name != "event" or not _is_event(document[name]))


def _is_event(value: Any) -> bool:
    return plain(value) is None or isinstance(plain(value), Mapping)


def _event(document: Document) -> dict[str, Any]:
    """The last key of a result; nothing if the result has no instant."""
    ingested = ingested_ms(document)
    return {} if ingested is None else {"event": {"ingested": ingested}}


def _documented(document: Document, kind: str, names: Sequence[str]) -> dict[str, Any]:
    """The documented fields of the given names, in that order."""
    shown: dict[str, Any] = {}
    for name in names:
        stored = plain(document.get(name))
        if name == "result_type":
            shown[name] = kind
        elif name == "timestamp":
            shown[name] = timestamp_ms(document)
        elif name in _DOUBLES_WITH_DEFAULT:
            shown[name] = double(stored)
        elif name in {"bucket_span", "detector_index"}:
            shown[name] = integer(stored)
        elif name == "is_interim":
            shown[name] = bool(stored)
        elif stored is not None:
            shown[name] = _optional(name, stored)
    return shown


def _optional(name: str, stored: Any) -> Any:
    """The value of a documented field that is shown only if it is stored."""
    if name == "multi_bucket_impact":
        return double(stored)
    if name in {"typical", "actual"}:
        return [double(value) for value in listed(stored)]
    if name in _LISTS:
        return [_with_lists(inner, name) for inner in listed(stored)]
    return json_value(stored)


def _with_lists(stored: Any, of: str) -> Any:
    """A copy of a cause or of an influencer of a record, with a list of one in place of each single value."""
    shown = json_value(stored)
    # A list in a cause may hold anything.
    for name in _LISTS[of] if isinstance(shown, dict) else ():
        value = shown.get(name)
        if value is None:
            continue
        if not isinstance(value, list):
            value = [double(value) if name in {"typical", "actual"} else value]
        shown[name] = [_with_lists(inner, name) for inner in value] if name in _LISTS else value
    return shown


def _others(document: Document, names: Sequence[str]) -> dict[str, Any]:
    """The stored keys except those of the given names, in stored order."""
    return {
        name: json_value(value) for name, value in document.items() if name not in names and _is_stored(document, name)
    }


# Equal results


def stored_form(document: Document, *, keep_documents: bool = True) -> tuple[str, ...]:
    """A text form of the stored values: two documents of a kind store the same if their forms are equal.

    Args:
        document: a valid document of a result, with its ``result_type``.
        keep_documents: whether the index keeps documents. If not, only the columns count.

    >>> bucket = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 900}
    >>> stored_form(bucket) == stored_form({**bucket, "bucket_span": 900.0, "unknown": 1})
    True
    >>> stored_form(bucket) == stored_form({**bucket, "event_count": 0})  # missing is not zero
    False
    """
    kind = plain(document["result_type"])
    if not keep_documents:
        document = {
            name: value
            for name, value in document.items()
            if name in _COLUMNS[kind] and (name != "event" or _is_event(value))
        }
    shape = _SHAPES[kind](document)
    missing = [name for name in _DEFAULTED[kind] if plain(document.get(name)) is None]
    # A stored key may equal the generated key that it replaces, so the stored keys stand in the form a second time.
    others_of = _others(document, _DOCUMENTED[kind]) if kind in _DOCUMENTED else {}
    return repr(shape), repr(missing), repr(list(others_of.items()))


_SHAPES: Final[Mapping[str, Callable[[Document], dict[str, Any]]]] = {
    "bucket": bucket_shape,
    "record": record_shape,
    "influencer": influencer_shape,
}
#: The documented keys of the kinds that store other keys too.
_DOCUMENTED: Final[Mapping[str, Sequence[str]]] = {
    "record": _RECORD_KEYS,
    "influencer": (*_INFLUENCER_KEYS_BEFORE, *_INFLUENCER_KEYS_AFTER),
}
#: The fields that are shown with a default if they are missing.
_DEFAULTED: Final[Mapping[str, Sequence[str]]] = {
    "bucket": ("anomaly_score", "initial_anomaly_score", "event_count", "is_interim", "processing_time_ms"),
    "record": ("probability", "record_score", "initial_record_score", "detector_index", "is_interim"),
    "influencer": ("probability", "influencer_score", "initial_influencer_score", "is_interim"),
}
_KEPT_WITH_DOCUMENTS: Final = frozenset(
    {
        "correlated_by_field_value",
        "typical",
        "actual",
        "causes",
        "influencers",
        "geo_results",
        "anomaly_score_explanation",
    }
)
#: The keys that an index without documents stores.
_COLUMNS: Final[Mapping[str, frozenset[str]]] = {
    "bucket": frozenset(
        {*_DEFAULTED["bucket"], "result_type", "job_id", "timestamp", "bucket_span", "scheduled_events", "event"}
    ),
    "record": frozenset({*_RECORD_KEYS, "event"}) - _KEPT_WITH_DOCUMENTS,
    "influencer": frozenset({*_DOCUMENTED["influencer"], "event"}),
}
