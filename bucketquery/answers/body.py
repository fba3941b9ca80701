"""Rows as the API writes them: dicts with its keys in its order, made column by column."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bucketquery.columns.checks import StoredInfluencer
from bucketquery.model.schema import Int64s


def bucket_dicts(
    job_id: str, columns: Iterable[Sequence[Any]], lists: Sequence[Sequence[Any]], strings: Sequence[str] | None
) -> list[dict[str, Any]]:
    """A page's buckets.

    Args:
        job_id: the job of all.
        columns: timestamp, bucket_span, anomaly_score, initial_anomaly_score, event_count, is_interim and
            processing_time_ms.
        lists: bucket_influencers and scheduled_events, as stored.
        strings: each timestamp as text for people; None leaves them out.

    Complexity: O(r) for r rows.
    Source: the server's ``Bucket``; keys in its order, the text before the number.
    """
    buckets: list[dict[str, Any]] = [
        {
            "job_id": job_id,
            "timestamp": timestamp,
            "anomaly_score": score,
            "bucket_span": span,
            "initial_anomaly_score": initial,
            "event_count": count,
            "is_interim": is_interim,
            "bucket_influencers": [],
            "processing_time_ms": milliseconds,
            "result_type": "bucket",
        }
        for timestamp, span, score, initial, count, is_interim, milliseconds in zip(*columns, strict=True)
    ]
    influencers, events = lists
    for row, stored in enumerate(influencers):
        if stored:
            string = None if strings is None else strings[row]
            buckets[row]["bucket_influencers"] = _influencer_dicts(buckets[row], stored, string)
    for row, texts in enumerate(events):
        if texts:
            bucket = buckets[row]
            del bucket["result_type"]
            bucket["scheduled_events"] = list(texts)
            bucket["result_type"] = "bucket"
    if strings is not None:
        return [_with_string(bucket, string) for bucket, string in zip(buckets, strings, strict=True)]
    return buckets


def timestamp_strings(timestamps: Int64s) -> list[str]:
    """Instants as text: ISO, UTC, milliseconds.

    >>> timestamp_strings(np.array([0], dtype=np.int64))
    ['1970-01-01T00:00:00.000Z']
    """
    strings: list[str] = np.datetime_as_string(timestamps.astype("datetime64[ms]"), timezone="UTC").tolist()
    return strings


def _influencer_dicts(
    bucket: dict[str, Any], stored: Sequence[StoredInfluencer], string: str | None
) -> list[dict[str, Any]]:
    shown = []
    for influencer in stored:
        named = (
            {}
            if influencer.influencer_field_name is None
            else {"influencer_field_name": influencer.influencer_field_name}
        )
        nested = {
            "job_id": bucket["job_id"],
            "result_type": "bucket_influencer",
            **named,
            "initial_anomaly_score": influencer.initial_anomaly_score,
            "anomaly_score": influencer.anomaly_score,
            "raw_anomaly_score": influencer.raw_anomaly_score,
            "probability": influencer.probability,
            "timestamp": bucket["timestamp"],
            "bucket_span": bucket["bucket_span"],
            "is_interim": influencer.is_interim,
        }
        shown.append(nested if string is None else _with_string(nested, string))
    return shown


def _with_string(shown: dict[str, Any], string: str) -> dict[str, Any]:
    """The same keys with the timestamp's text before its number."""
    ordered: dict[str, Any] = {}
    for key, value in shown.items():
        if key == "timestamp":
            ordered["timestamp_string"] = string
        ordered[key] = value
    return ordered
