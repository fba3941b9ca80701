"""Questions about overall buckets: what their parameters may be, and what they mean."""

from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQueryError, InvalidQuery, LimitExceeded
from bucketquery.queries.overall import OverallQuestion, ResolvedOverall, overall_question

DEFAULTS = ResolvedOverall(None, None, 0.0, 1, None, None, exclude_interim=False)


def asked(**parameters: Any) -> OverallQuestion:
    """A question about the job ``web``."""
    return overall_question(**{"job_id": "web", **parameters})


def test_all_parameters_have_defaults_but_the_jobs() -> None:
    """14.1: None means that a parameter is not given."""
    question = asked()
    assert question == asked(**dict.fromkeys(("start", "end", "top_n", "bucket_span", "overall_score")))
    assert question == asked(exclude_interim=None, allow_no_match=None, start=-1, end="-1")
    assert (question.jobs, question.allow_no_match) == (("web",), True)
    assert question.resolve(lambda: pytest.fail("the clock is not needed")) == DEFAULTS


def test_parameters_take_the_clients_spellings() -> None:
    """Numbers and booleans may be text, and NumPy's."""
    question = asked(overall_score=" 75.5 ", exclude_interim="true", allow_no_match="false", top_n=np.int32(3))
    assert question.others == DEFAULTS._replace(threshold=75.5, exclude_interim=True, top_n=3)
    assert not question.allow_no_match
    assert asked(overall_score=np.float32(0.5)).others.threshold == 0.5
    assert asked(overall_score=10**400).others.threshold == np.inf
    assert asked(job_id=["web", "db", "web"]).jobs == ("web", "db")


@pytest.mark.parametrize(("span", "milliseconds"), [("1h", 3_600_000), (60, 60_000), (np.int64(7), 7_000), ("0", 0)])
def test_a_span_is_a_duration_or_seconds(span: Any, milliseconds: int) -> None:
    """14.4: a span that is too short is refused later, when the jobs are known."""
    assert asked(bucket_span=span).others.span_ms == milliseconds


def test_the_window_is_resolved_by_one_reading_of_the_clock() -> None:
    """14.3: an instant is rounded down; date math may contain ``now``."""
    readings = iter([90_000])
    resolved = asked(start="now/m", end="now").resolve(lambda: next(readings))
    assert (resolved.start, resolved.end) == (60_000, 90_000)
    resolved = asked(start=-(2**70), end=2**70).resolve(lambda: 0)
    assert (resolved.start, resolved.end) == (-62_135_596_800_000, 253_402_300_800_000)
    with pytest.raises(LimitExceeded):
        asked(start="now+9999y").resolve(lambda: 0)


@pytest.mark.parametrize(
    ("parameters", "field", "reason"),
    [
        ({"top_n": 0}, "top_n", "[topN] parameter must be positive, found [0]"),
        ({"top_n": -5}, "top_n", "[topN] parameter must be positive, found [-5]"),
        ({"top_n": "3"}, "top_n", "Failed to parse int parameter [top_n] with value [3]"),
        ({"top_n": True}, "top_n", "Failed to parse int parameter [top_n] with value [True]"),
        ({"top_n": 1.0}, "top_n", "Failed to parse int parameter [top_n] with value [1.0]"),
        ({"bucket_span": 0}, "bucket_span", "must be a duration such as [1h], or a positive integer of seconds"),
        ({"bucket_span": 1.5}, "bucket_span", "must be a duration such as [1h], or a positive integer of seconds"),
        ({"bucket_span": True}, "bucket_span", "must be a duration such as [1h], or a positive integer of seconds"),
        ({"bucket_span": "1.5h"}, "bucket_span", "fractional time values are not supported"),
        ({"overall_score": "high"}, "overall_score", 'For input string: "high"'),
        ({"overall_score": []}, "overall_score", "must be a number"),
        ({"exclude_interim": 1}, "exclude_interim", "as only [true] or [false] are allowed"),
        ({"allow_no_match": "no"}, "allow_no_match", "as only [true] or [false] are allowed"),
        ({"start": "yesterday"}, "start", "failed to parse date field [yesterday]"),
        ({"job_id": []}, "job_id", ""),
    ],
)
def test_an_invalid_parameter_is_refused(parameters: dict[str, Any], field: str, reason: str) -> None:
    """The error names the parameter and gives its value."""
    with pytest.raises(InvalidQuery) as caught:
        asked(**parameters)
    error: BucketQueryError = caught.value
    assert reason in error.reason
    assert error.field == field
