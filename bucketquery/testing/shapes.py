"""One result as the reference answer shows it: keys in the API's order, with defaults for missing fields.

Each function returns a new dict that shares nothing with the document.

Not here: which results are shown, and in what order (`reference`); ``human=True``.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

Document = Mapping[str, Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

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
    timestamp, is_interim = timestamp_ms(document), bool(document.get("is_interim"))
    bucket = {
        "job_id": document["job_id"],
        "timestamp": timestamp,
        "anomaly_score": _double(document.get("anomaly_score")),
        "bucket_span": int(document["bucket_span"]),
        "initial_anomaly_score": _double(document.get("initial_anomaly_score")),
    }
    if records:
        bucket["records"] = [record_shape(record) for record in records]
    bucket["event_count"] = int(document.get("event_count") or 0)
    bucket["is_interim"] = is_interim
    bucket["bucket_influencers"] = [
        _bucket_influencer(nested, document, timestamp, is_interim=is_interim)
        for nested in document.get("bucket_influencers") or ()
    ]
    bucket["processing_time_ms"] = int(document.get("processing_time_ms") or 0)
    if document.get("scheduled_events"):
        bucket["scheduled_events"] = list(document["scheduled_events"])
    bucket["result_type"] = "bucket"
    return bucket


def _bucket_influencer(nested: Document, document: Document, timestamp: int, *, is_interim: bool) -> dict[str, Any]:
    influencer = {"job_id": document["job_id"], "result_type": "bucket_influencer"}
    if nested.get("influencer_field_name") is not None:
        influencer["influencer_field_name"] = nested["influencer_field_name"]
    for name in ("initial_anomaly_score", "anomaly_score", "raw_anomaly_score", "probability"):
        influencer[name] = _double(nested.get(name))
    own_interim = nested.get("is_interim")
    influencer["timestamp"] = timestamp
    influencer["bucket_span"] = int(document["bucket_span"])
    influencer["is_interim"] = is_interim if own_interim is None else bool(own_interim)
    return influencer


def record_shape(document: Document) -> dict[str, Any]:
    """A record as "get records" shows it: documented keys, generated keys, then the other stored keys.

    O(v * (v + k)) for v values of data fields and k keys, plus the size of the document.
    Source: the server's ``AnomalyRecord``. The server orders generated keys by a hash map, this function by the first
    field that gives them.

    >>> stored = {"job_id": "web", "timestamp": 0, "bucket_span": 900, "by_field_name": "host", "by_field_value": "a"}
    >>> record_shape(stored)["host"]
    ['a']
    """
    sides = ("by", "over", "partition")
    pairs: list[tuple[Any, Any]] = [(document.get(f"{s}_field_name"), document.get(f"{s}_field_value")) for s in sides]
    for influence in document.get("influencers") or ():
        values = influence.get("influencer_field_values") or ()
        pairs += [(influence.get("influencer_field_name"), value) for value in values]
    generated: dict[str, list[str]] = {}
    for name, value in pairs:
        if _is_generated(name, value) and value not in generated.setdefault(name, []):
            generated[name].append(value)

    record = _documented(document, "record", _RECORD_KEYS)
    for name, values in generated.items():
        # A stored key of this name replaces the generated value, even if it is null.
        record[name] = _json(document[name]) if name in document else values
    return record | _others(document, (*_RECORD_KEYS, *generated))


def influencer_shape(document: Document) -> dict[str, Any]:
    """An influencer as "get influencers" shows it, with a generated key that has the data field's name.

    Source: the server's ``Influencer``.

    >>> field = {"influencer_field_name": "host", "influencer_field_value": "a"}
    >>> influencer_shape({"job_id": "web", "timestamp": 0, "bucket_span": 900, **field})["host"]
    'a'
    """
    name: Any = document.get("influencer_field_name")
    value = document.get("influencer_field_value")
    generated = {name: _json(document.get(name, value))} if _is_generated(name, value) else {}
    return {
        **_documented(document, "influencer", _INFLUENCER_KEYS_BEFORE),
        **generated,
        **_documented(document, "influencer", _INFLUENCER_KEYS_AFTER),
        **_others(document, (*_INFLUENCER_KEYS_BEFORE, *_INFLUENCER_KEYS_AFTER, *generated)),
    }


def _is_generated(name: str | None, value: str | None) -> bool:
    """Whether a data field's name becomes a key: it is not missing, empty or reserved, and has a value."""
    return name is not None and name != "" and value is not None and name.split(".")[0] not in _RESERVED


def _documented(document: Document, kind: str, names: Sequence[str]) -> dict[str, Any]:
    """The documented fields of the given names, in that order."""
    shown: dict[str, Any] = {}
    for name in names:
        stored = document.get(name)
        if name == "result_type":
            shown[name] = kind
        elif name == "timestamp":
            shown[name] = timestamp_ms(document)
        elif name in _DOUBLES_WITH_DEFAULT:
            shown[name] = _double(stored)
        elif name in {"bucket_span", "detector_index"}:
            shown[name] = int(stored or 0)
        elif name == "is_interim":
            shown[name] = bool(stored)
        elif stored is None:
            continue
        elif name == "multi_bucket_impact":
            shown[name] = _double(stored)
        elif name in {"typical", "actual"}:
            shown[name] = [_double(value) for value in stored]
        else:
            shown[name] = _json(stored)
    return shown


def _others(document: Document, names: Sequence[str]) -> dict[str, Any]:
    """The stored keys except those of the given names, in stored order."""
    return {name: _json(value) for name, value in document.items() if name not in names}


def _double(stored: float | None) -> float:
    # -0.0 is falsy, as None is, so it is shown as 0.0.
    return float(stored or 0.0)


def _json(stored: Any) -> Any:
    """A copy in JSON's types, with the same order of keys; -0.0 and null are kept."""
    if isinstance(stored, Mapping):
        return {name: _json(value) for name, value in stored.items()}
    if isinstance(stored, list | tuple):
        return [_json(value) for value in stored]
    return stored.item() if isinstance(stored, np.generic) else stored


def timestamp_ms(document: Document) -> int:
    """The document's timestamp in epoch milliseconds; a fraction of a millisecond is cut off.

    Source: the server's documents, which have a number or ISO text. Text without an offset is UTC.

    >>> timestamp_ms({"timestamp": "1970-01-01T00:00:01.0009Z"})
    1000
    """
    given = document["timestamp"]
    if not isinstance(given, str):
        return int(given)
    moment = datetime.fromisoformat(given)
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MILLISECOND
