"""Severity: the word for a score."""

from bisect import bisect_right
from typing import Final, Literal

Severity = Literal["low", "warning", "minor", "major", "critical"]

#: The lowest score of each word except the first.
MARKS: Final = (3.0, 25.0, 50.0, 75.0)
#: The words, in the order of their scores.
WORDS: Final[tuple[Severity, ...]] = ("low", "warning", "minor", "major", "critical")


def severity(score: float) -> Severity:
    """The severity of a current score: low below 3, warning from 3, minor from 25, major from 50, critical from 75.

    Nothing is rounded. Source: the limits in Kibana's anomaly explorer.

    >>> severity(74.99), severity(75)
    ('major', 'critical')
    """
    return WORDS[bisect_right(MARKS, score)]
