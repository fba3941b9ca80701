"""The response format: results as the objects of the API's response, with its keys in its order."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

#: Names of the server's own fields in the results index. A data field with such a name is not shown under its own name.
RESERVED: Final = frozenset(
    """
    _id _index actual actual_point all_field_values anomaly_score anomaly_score_explanation
    average_bucket_processing_time_ms bucket_allocation_failures_count bucket_count bucket_influencers bucket_span
    by_field_name by_field_value category_id causes correlated_by_field_value description detector_index
    earliest_record_timestamp empty_bucket_count event_count examples exponential_average_bucket_processing_time_ms
    exponential_average_calculation_context field_name forecast_create_timestamp forecast_end_timestamp
    forecast_expiry_timestamp forecast_id forecast_lower forecast_memory_bytes forecast_messages forecast_prediction
    forecast_progress forecast_start_timestamp forecast_status forecast_upper function function_description geo_results
    incremental_metric_value_ms influencer_field_name influencer_field_value influencer_field_values influencer_score
    influencers initial_anomaly_score initial_influencer_score initial_record_score input_bytes input_field_count
    input_record_count invalid_date_count is_interim job_id last_data_time latest_empty_bucket_timestamp
    latest_record_time_stamp latest_record_timestamp latest_result_time_stamp latest_sparse_bucket_timestamp
    latest_timestamp log_time max_matching_length maximum_bucket_processing_time_ms memory_status min_version
    minimum_bucket_processing_time_ms missing_field_count mlcategory model_bytes model_feature model_lower model_median
    model_upper multi_bucket_impact num_matches out_of_order_timestamp_count over_field_name over_field_value
    partition_field_name partition_field_value peak_model_bytes preferred_to_categories previous_exponential_average_ms
    probability processed_field_count processed_record_count processing_time_ms raw_anomaly_score record_score regex
    result_type retain scheduled_events search_count snapshot_doc_count snapshot_id sparse_bucket_count terms timestamp
    total_by_field_count total_over_field_count total_partition_field_count total_search_time_ms typical typical_point
    """.split()  # noqa: SIM905 - these names are easier to read as words
)

#: The documented fields of a record and of an influencer, after the job and the result type.
RECORD_FIELDS: Final = (
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
INFLUENCER_FIELDS: Final = (
    "influencer_field_name",
    "influencer_field_value",
    "influencer_score",
    "initial_influencer_score",
    "probability",
    "bucket_span",
    "is_interim",
    "timestamp",
)

_ROLES: Final = tuple((f"{role}_field_name", f"{role}_field_value") for role in ("by", "over", "partition"))


#: A bucket with nothing nested: timestamp, current score, span, initial score, event count, whether it is interim, and
#: processing time.
SimpleBucket = tuple[int, float, int, float, int, bool, int]


def simple_buckets(job_id: str, buckets: Iterable[SimpleBucket]) -> list[dict[str, Any]]:
    """Buckets of one job with nothing nested, as response objects.

    One call makes all buckets, since most pages have no nested values. If a bucket has influencers, they replace the
    empty list; `complete` adds the others.

    Source: the server's ``Bucket``.
    """
    return [
        {
            "job_id": job_id,
            "timestamp": timestamp,
            "anomaly_score": anomaly_score,
            "bucket_span": bucket_span,
            "initial_anomaly_score": initial_anomaly_score,
            "event_count": event_count,
            "is_interim": is_interim,
            "bucket_influencers": [],
            "processing_time_ms": processing_time_ms,
            "result_type": "bucket",
        }
        for (
            timestamp,
            anomaly_score,
            bucket_span,
            initial_anomaly_score,
            event_count,
            is_interim,
            processing_time_ms,
        ) in buckets
    ]


def complete(
    bucket: dict[str, Any],
    *,
    records: list[dict[str, Any]],
    scheduled_events: tuple[str, ...],
) -> None:
    """Add the records and scheduled events of a bucket to its object. The records become part of the object.

    Source: the server's ``Bucket``, which omits both if there are none.
    """
    if records:
        _put_before("event_count", bucket, "records", records)
    if scheduled_events:
        _put_before("result_type", bucket, "scheduled_events", list(scheduled_events))


def add_event(result: dict[str, Any], ingested: int, string: str | None = None) -> None:
    """Add the instant at which a result was written to its object, as the last key.

    Args:
        result: the object.
        ingested: the instant, epoch ms.
        string: the instant as text, which comes before the number; None if it is not shown as text.

    >>> result = {"result_type": "bucket"}
    >>> add_event(result, 0, "1970-01-01T00:00:00.000Z")
    >>> result
    {'result_type': 'bucket', 'event': {'ingested_string': '1970-01-01T00:00:00.000Z', 'ingested': 0}}
    """
    add_events([result], [ingested], [string])


def add_events(
    results: Iterable[dict[str, Any]], instants: Iterable[int | None], strings: Iterable[str | None]
) -> None:
    """Do for each object what `add_event` does, if it has an instant."""
    for result, ingested, string in zip(results, instants, strings, strict=False):
        if ingested is not None:
            # A key that was generated for a data field of this name gives way to the instant.
            result.pop("event", None)
            result["event"] = (
                {"ingested": ingested} if string is None else {"ingested_string": string, "ingested": ingested}
            )


def bucket_influencer_object(
    job_id: str,
    timestamp: int,
    bucket_span: int,
    influencer_field_name: str | None,
    initial_anomaly_score: float,
    anomaly_score: float,
    raw_anomaly_score: float,
    probability: float,
    is_interim: bool,
) -> dict[str, Any]:
    """A bucket's influencer as a response object.

    Source: the server's ``BucketInfluencer``, which omits the name if there is none.
    """
    influencer: dict[str, Any] = {
        "job_id": job_id,
        "result_type": "bucket_influencer",
        "influencer_field_name": influencer_field_name,
        "initial_anomaly_score": initial_anomaly_score,
        "anomaly_score": anomaly_score,
        "raw_anomaly_score": raw_anomaly_score,
        "probability": probability,
        "timestamp": timestamp,
        "bucket_span": bucket_span,
        "is_interim": is_interim,
    }
    if influencer_field_name is None:
        del influencer["influencer_field_name"]
    return influencer


def record_object(job_id: str, fields: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """A record as a response object.

    Args:
        job_id: its job.
        fields: the documented fields that it has, in the order of `RECORD_FIELDS`; they become part of the object.
        others: its other fields. A data field that the record names is also shown under its own name. Its value is the
            stored one; if none is stored, it is a list of the values that the record has for the field.

    Source: the server's ``AnomalyRecord``; the order of the data fields is ours.
    """
    record = {"job_id": job_id, "result_type": "record", **fields}
    for name, values in _data_fields(fields).items():
        record[name] = others.get(name, values)
    for name, value in others.items():
        record.setdefault(name, value)
    return record


def influencer_object(job_id: str, fields: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """An influencer as a response object.

    Args:
        job_id: its job.
        fields: the documented fields that it has, in the order of `INFLUENCER_FIELDS`; they become part of the object.
        others: its other fields. Its data field is also shown under its own name.

    Source: the server's ``Influencer``.
    """
    influencer = {"job_id": job_id, "result_type": "influencer"}
    name: str | None = fields.get("influencer_field_name")
    value: str | None = fields.get("influencer_field_value")
    for field in INFLUENCER_FIELDS[:2]:
        if field in fields:
            influencer[field] = fields[field]
    if name is not None and value is not None and _is_data_field(name):
        influencer[name] = others.get(name, value)
    influencer |= fields
    for other, stored in others.items():
        influencer.setdefault(other, stored)
    return influencer


def _put_before(later: str, entries: dict[str, Any], name: str, value: Any) -> None:
    """Put an entry into a dict, before one of its keys."""
    names = list(entries)
    behind = {each: entries.pop(each) for each in names[names.index(later) :]}
    entries[name] = value
    entries |= behind


def _data_fields(record: Mapping[str, Any]) -> dict[str, list[str]]:
    """The data fields that a record names, each with the distinct values that the record has for it."""
    # The values are keys of dicts, so that repeats among thousands of values are found quickly.
    found: dict[str, dict[str, None]] = {}
    for name_of, value_of in _ROLES:
        name = record.get(name_of)
        if name is not None and _is_data_field(name):
            value = record.get(value_of)
            if value is not None:
                found.setdefault(name, {})[value] = None
    for influence in record.get("influencers", ()):
        name, values = influence.get("influencer_field_name"), influence.get("influencer_field_values")
        if name is not None and values and _is_data_field(name):
            found.setdefault(name, {}).update(dict.fromkeys(values))
    return {name: list(values) for name, values in found.items()}


def _is_data_field(name: str) -> bool:
    """Whether a data field is shown under this name. Source: the server's ``ReservedFieldNames``."""
    return name != "" and name.partition(".")[0] not in RESERVED
