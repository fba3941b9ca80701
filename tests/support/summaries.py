"""Rows and answers about overall buckets, swimlanes and top influencers, for tables of rules and for random cases.

Each function gives an answer as plain values, from an index or from the reference, so that both compare with ``==``.
The parameters are those of the call. `Given` holds the documents and the jobs that were put before them.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import pytest

import bucketquery
from bucketquery import BucketQueryError, ResultsIndex
from bucketquery.testing import (
    ExpectedSwimlane,
    evaluate_overall,
    evaluate_swimlane,
    evaluate_top_influencers,
    selected,
    stored_results,
)
from support.semantics_tables import Document, Refusal, assert_refusal

#: The lengths of `bucket_span` that rows write as text, in seconds. The reference reads no text.
SPANS: Mapping[str, int] = {"60m": 3_600, "1h": 3_600, "90m": 5_400, "2h": 7_200, "7200s": 7_200, "1d": 86_400}

Parameters = Mapping[str, Any]
Answer = Callable[[Any, Parameters], Any]


@dataclass(frozen=True, slots=True)
class Given:
    """Documents, and the parameters of `put_job` by job, which come first."""

    documents: Sequence[Document]
    put: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def index(self, **settings: Any) -> ResultsIndex:
        """A new index with these jobs and documents."""
        index = ResultsIndex(**settings)
        for job_id, named in self.put.items():
            index.put_job(job_id, **named)
        index.upsert(self.documents)
        return index

    def known(self) -> dict[str, Sequence[str]]:
        """The known jobs and their groups."""
        known: dict[str, Sequence[str]] = {job: named.get("groups", ()) for job, named in self.put.items()}
        return {**{key[0]: () for _, key in stored_results(self.documents)}, **known}

    def spans(self) -> dict[str, int]:
        """The spans that `put_job` gave."""
        return {job: named["bucket_span"] for job, named in self.put.items() if "bucket_span" in named}


# ---- answers of an index


def overall(reader: Any, asked: Parameters) -> dict[str, Any]:
    """The body of the overall buckets, after a check that values, count and body agree."""
    found = reader.get_overall_buckets(**{"job_id": "_all", **asked})
    body: dict[str, Any] = found.to_dict()
    assert list(body) == ["count", "overall_buckets"]
    assert found.count == body["count"] == len(body["overall_buckets"])
    values = [
        {
            "timestamp": one.timestamp,
            "bucket_span": one.bucket_span,
            "overall_score": one.overall_score,
            "jobs": [{"job_id": job.job_id, "max_anomaly_score": job.max_anomaly_score} for job in one.jobs],
            "is_interim": one.is_interim,
            "result_type": "overall_bucket",
        }
        for one in found
    ]
    assert repr(values) == repr(body["overall_buckets"])
    return body


def swimlane(reader: Any, asked: Parameters) -> ExpectedSwimlane:
    """The swimlane, after a check that its attributes and its body agree."""
    parameters = {"jobs": "_all", **asked}
    now = parameters.pop("now", None)
    found = reader.swimlane(bucketquery.SwimlaneQuery(**parameters), now=now)
    lanes, cells, edges = [*found.lanes], [*map(int, found.cells)], [*map(int, found.edges)]
    assert found.scores.shape == (len(lanes), len(cells))
    assert found.sequence == reader.sequence
    rows = [[None if math.isnan(score) else score for score in row] for row in found.scores.tolist()]
    body = found.to_dict()
    assert set(body) >= {"lane_count", "lanes", "cells", "scores"}
    assert repr((body["lanes"], body["cells"], body["scores"])) == repr((lanes, cells, rows))
    assert body["lane_count"] == found.lane_count
    return ExpectedSwimlane(lanes, cells, edges, rows, found.lane_count)


def top_influencers(reader: Any, asked: Parameters) -> tuple[int, list[dict[str, Any]]]:
    """The count and the entries of the top influencers, after a check that values and body agree."""
    found = reader.top_influencers(**{"jobs": "_all", **asked})
    names = (
        *("influencer_field_name", "influencer_field_value"),
        *("max_influencer_score", "sum_influencer_score", "count"),
    )
    values = [{name: getattr(one, name) for name in names} for one in found]
    body = found.to_dict()
    assert body["count"] == found.count
    (listed,) = [value for value in body.values() if isinstance(value, list)]
    assert repr([{name: one[name] for name in names} for one in listed]) == repr(values)
    return found.count, values


# ---- answers of the reference


def overall_by_reference(given: Given, asked: Parameters) -> dict[str, Any]:
    """The body of the overall buckets."""
    parameters = dict(asked)
    jobs = selected(given.known(), parameters.pop("job_id", "_all"), field="job_id")
    parameters.pop("allow_no_match", None)
    span = parameters.get("bucket_span")
    parameters["bucket_span"] = SPANS[span] if isinstance(span, str) else span
    return evaluate_overall(given.documents, jobs=jobs, spans=given.spans(), **parameters)


def swimlane_by_reference(given: Given, asked: Parameters) -> ExpectedSwimlane:
    """The swimlane."""
    parameters = dict(asked)
    jobs = selected(given.known(), parameters.pop("jobs", "_all"))
    return evaluate_swimlane(given.documents, jobs=jobs, **parameters)


def top_influencers_by_reference(given: Given, asked: Parameters) -> tuple[int, list[dict[str, Any]]]:
    """The count and the entries of the top influencers."""
    parameters = dict(asked)
    jobs = selected(given.known(), parameters.pop("jobs", "_all"))
    return evaluate_top_influencers(given.documents, jobs=jobs, **parameters)


# ---- rows


@dataclass(frozen=True, slots=True)
class Summed:
    """A call over these documents returns this answer.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        given: the documents and the jobs that were put.
        asked: the parameters, by the API's names; all jobs unless it names some.
        expected: the answer in short; each file says how.
        source: the source of the rule.
        is_read_as_text: whether a parameter is text that the reference does not read.
    """

    rule: str
    claim: str
    given: Given
    asked: Parameters
    expected: Any
    source: str
    _: KW_ONLY
    is_read_as_text: bool = False


@dataclass(frozen=True, slots=True)
class CallDenied:
    """A call over these documents raises this error. The columns are those of `Summed`."""

    rule: str
    claim: str
    given: Given
    asked: Parameters
    expected: Refusal
    source: str


def judged_by_reference(rows: Iterable[Summed]) -> list[Summed]:
    """The rows whose parameters the reference reads."""
    return [row for row in rows if not row.is_read_as_text]


def assert_summed(row: Summed, answer: Answer, short: Callable[[Any], Any]) -> None:
    """Assert that an index and its snapshot give the row's answer, in short."""
    index = row.given.index(clock=lambda: 0)
    for reader in (index, index.snapshot()):
        assert short(answer(reader, row.asked)) == row.expected


def assert_call_denied(row: CallDenied, answer: Answer) -> None:
    """Assert that an index and its snapshot raise the row's error with its attributes."""
    index = row.given.index(clock=lambda: 0)
    for reader in (index, index.snapshot()):
        with pytest.raises(BucketQueryError) as caught:
            answer(reader, row.asked)
        assert_refusal(caught.value, row.expected)
