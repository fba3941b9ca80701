"""Severity: the marks, from which side they are counted, and that nothing is rounded."""

import math

import pytest

from bucketquery.model.severity import severity

MARKS = [(3.0, "low", "warning"), (25.0, "warning", "minor"), (50.0, "minor", "major"), (75.0, "major", "critical")]


@pytest.mark.parametrize(("mark", "below", "from_there"), MARKS)
def test_a_mark_begins_its_severity(mark: float, below: str, from_there: str) -> None:
    """A score on the mark has the higher word, the float before it still the lower one."""
    assert severity(mark) == from_there
    assert severity(math.nextafter(mark, 0.0)) == below


def test_scores_beyond_the_scale_have_a_severity_too() -> None:
    """Nothing checks that a score lies between 0 and 100."""
    assert severity(-1.0) == severity(0.0) == "low"
    assert severity(1e308) == "critical"
