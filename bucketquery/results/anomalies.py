"""Records and influencers as values: the anomalies that detectors found, and the entities blamed for them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from typing import Any, Literal

from bucketquery.model.frozen import FrozenMapping, frozen
from bucketquery.model.instants import datetime_of
from bucketquery.model.severity import Severity
from bucketquery.model.severity import severity as severity_of
from bucketquery.results.response_format import (
    INFLUENCER_FIELDS,
    RECORD_FIELDS,
    add_event,
    influencer_object,
    record_object,
)

_Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyRecord:
    """An anomaly that a detector found in a bucket.

    Attributes:
        job_id: the job.
        timestamp: start of the bucket, epoch ms UTC.
        bucket_span: length of the bucket, seconds.
        detector_index: number of the job's detector that found it.
        record_score: current score, 0 to 100.
        initial_record_score: score when the record was first written.
        probability: probability of behaviour like this, 0 to 1; as small as a double can be.
        multi_bucket_impact: how much the preceding buckets contribute to the score, -5 to 5; None if missing.
        is_interim: whether it comes from part of the span's input.
        by_field_name: the field that splits the analysis; this and all below are None if missing.
        by_field_value: its value.
        partition_field_name: the field that segments the analysis.
        partition_field_value: its value.
        over_field_name: the field that makes the population.
        over_field_value: its value.
        function: the function of the detector.
        function_description: the function in words.
        field_name: the field that the function is applied to.
        event_ingested: when the record was written, epoch ms UTC.

    Missing scores, probability and detector are 0. A record without ``is_interim`` is final.
    ``typical``, ``actual``, ``causes``, ``influencers``, ``correlated_by_field_value``, ``geo_results``,
    ``anomaly_score_explanation`` and ``other_fields`` are properties: each read parses them, and `repr` omits them.

    Source: the API's record object.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> record = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "record_score": 80, "actual": [9], "host": ["a"]}
    >>> commit = index.upsert([record], kind="record")
    >>> (found,) = index.get_records(job_id="web")
    >>> found.severity, found.actual, found.typical, found.other_fields
    ('critical', (9.0,), (), {'host': ('a',)})
    """

    job_id: str
    timestamp: int
    bucket_span: int
    detector_index: int
    record_score: float
    initial_record_score: float
    probability: float
    multi_bucket_impact: float | None
    is_interim: bool
    by_field_name: str | None
    by_field_value: str | None
    partition_field_name: str | None
    partition_field_value: str | None
    over_field_name: str | None
    over_field_value: str | None
    function: str | None
    function_description: str | None
    field_name: str | None
    event_ingested: int | None = None
    _extra_fields: str = dataclass_field(default="", repr=False)

    @property
    def time(self) -> datetime:
        """The start of the bucket as an aware datetime, UTC."""
        return datetime_of(self.timestamp)

    @property
    def severity(self) -> Severity:
        """The word for the current score: low, warning from 3, minor from 25, major from 50, critical from 75.

        Source: the limits in Kibana's anomaly explorer.
        """
        return severity_of(self.record_score)

    @property
    def result_type(self) -> Literal["record"]:
        """Always ``record``."""
        return "record"

    @property
    def correlated_by_field_value(self) -> str | None:
        """A value of the by field that behaves similarly; None if missing. Complexity: O(size of the record)."""
        value: str | None = _parts(self._extra_fields).get("correlated_by_field_value")
        return value

    @property
    def typical(self) -> tuple[float, ...]:
        """The expected values; empty if missing. Complexity: O(size of the record)."""
        return tuple(_parts(self._extra_fields).get("typical", ()))

    @property
    def actual(self) -> tuple[float, ...]:
        """The measured values; empty if missing. Complexity: O(size of the record)."""
        return tuple(_parts(self._extra_fields).get("actual", ()))

    @property
    def causes(self) -> tuple[_Object, ...]:
        """The anomalies of the members of a population, as stored; empty if missing.

        Complexity: O(size of the record).
        """
        return tuple(map(frozen, _parts(self._extra_fields).get("causes", ())))

    @property
    def influencers(self) -> tuple[_Object, ...]:
        """The fields blamed and their values, as stored; empty if missing. Complexity: O(size of the record)."""
        return tuple(map(frozen, _parts(self._extra_fields).get("influencers", ())))

    @property
    def geo_results(self) -> _Object | None:
        """The measured and the expected place, as stored; None if missing. Complexity: O(size of the record)."""
        value: _Object | None = frozen(_parts(self._extra_fields).get("geo_results"))
        return value

    @property
    def anomaly_score_explanation(self) -> _Object | None:
        """The factors of the score, as stored; None if missing. Complexity: O(size of the record)."""
        value: _Object | None = frozen(_parts(self._extra_fields).get("anomaly_score_explanation"))
        return value

    @property
    def other_fields(self) -> _Object:
        """The undocumented fields of the record, as stored, including the data fields under their own names.

        Complexity: O(size of the record).
        """
        return _others(_parts(self._extra_fields), RECORD_FIELDS)

    def to_dict(self) -> dict[str, Any]:
        """The record as in the API's response, with its keys in the API's order and data fields under their own names.

        Complexity: O(size of the record).
        """
        return _with_event(self, record_object(self.job_id, *_split(self, RECORD_FIELDS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Influencer:
    """An entity blamed for the anomalies of a bucket.

    Attributes:
        job_id: the job.
        timestamp: start of the bucket, epoch ms UTC.
        bucket_span: length of the bucket, seconds.
        influencer_field_name: the field blamed; None if the document has none.
        influencer_field_value: the value of that field; None if the document has none.
        influencer_score: current score, 0 to 100.
        initial_influencer_score: score when the influencer was first written.
        probability: probability of behaviour like this, 0 to 1.
        is_interim: whether it comes from part of the span's input.
        event_ingested: when the influencer was written, epoch ms UTC; None if missing.

    Missing scores and probability are 0.0. An influencer without ``is_interim`` is final.

    Source: the API's influencer object.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> blamed = {"influencer_field_name": "host", "influencer_field_value": "a", "influencer_score": 80}
    >>> commit = index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 300, **blamed}], kind="influencer")
    >>> (found,) = index.get_influencers(job_id="web")
    >>> found.influencer_field_value, found.severity, found.to_dict()["host"]
    ('a', 'critical', 'a')
    """

    job_id: str
    timestamp: int
    bucket_span: int
    influencer_field_name: str | None
    influencer_field_value: str | None
    influencer_score: float
    initial_influencer_score: float
    probability: float
    is_interim: bool
    event_ingested: int | None = None
    _extra_fields: str = dataclass_field(default="", repr=False)

    @property
    def time(self) -> datetime:
        """The start of the bucket as an aware datetime, UTC."""
        return datetime_of(self.timestamp)

    @property
    def severity(self) -> Severity:
        """The word for the current score: low, warning from 3, minor from 25, major from 50, critical from 75.

        Source: the limits in Kibana's anomaly explorer.
        """
        return severity_of(self.influencer_score)

    @property
    def result_type(self) -> Literal["influencer"]:
        """Always ``influencer``."""
        return "influencer"

    @property
    def other_fields(self) -> _Object:
        """The undocumented fields of the influencer, as stored, including its data field under its own name.

        Complexity: O(size of the influencer).
        """
        return _others(_parts(self._extra_fields), INFLUENCER_FIELDS)

    def to_dict(self) -> dict[str, Any]:
        """The influencer as in the API's response, with keys in the API's order and its data field under its own name.

        Complexity: O(size of the influencer).
        """
        return _with_event(self, influencer_object(self.job_id, *_split(self, INFLUENCER_FIELDS)))


def _with_event(value: AnomalyRecord | Influencer, result: dict[str, Any]) -> dict[str, Any]:
    """The response object with the value's event, if it has one."""
    if value.event_ingested is not None:
        add_event(result, value.event_ingested)
    return result


def _parts(extra_fields: str) -> dict[str, Any]:
    """The extra fields of a value, parsed into new objects."""
    parts: dict[str, Any] = json.loads(extra_fields) if extra_fields else {}
    return parts


def _others(parts: _Object, documented: tuple[str, ...]) -> _Object:
    return FrozenMapping({name: frozen(value) for name, value in parts.items() if name not in documented})


def _split(value: AnomalyRecord | Influencer, documented: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The documented fields that a value has, in the order of ``documented``, and its other fields."""
    parts = _parts(value._extra_fields)  # noqa: SLF001 - a field of this module's own classes
    held = type(value).__slots__
    fields = {name: getattr(value, name) if name in held else parts.pop(name, None) for name in documented}
    return {name: field for name, field in fields.items() if field is not None}, parts
