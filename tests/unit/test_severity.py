"""Severity: a score at a mark has the higher severity, and no score is rounded."""

import math

import pytest

from bucketquery.model.severity import severity

MARKS = [(3.0, "low", "warning"), (25.0, "warning", "minor"), (50.0, "minor", "major"), (75.0, "major", "critical")]


@pytest.mark.parametrize(("mark", "below", "at_mark"), MARKS)
def test_a_score_at_a_mark_has_the_higher_severity(mark: float, below: str, at_mark: str) -> None:
    """The next smaller float has the lower severity."""
    assert severity(mark) == at_mark
    assert severity(math.nextafter(mark, 0.0)) == below


def test_scores_outside_0_to_100_have_a_severity() -> None:
    """`severity` does not check the range of a score."""
    assert severity(-1.0) == severity(0.0) == "low"
    assert severity(1e308) == "critical"
