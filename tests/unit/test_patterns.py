"""Patterns with asterisks, of keys in a filter and of jobs."""

import pytest

from bucketquery.jobs.patterns import matcher


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*", ["", "a"], []),
        ("**", ["", "a"], []),
        ("a*", ["a", "ab"], ["", "ba"]),
        ("*a", ["a", "ba"], ["", "ab"]),
        ("a*a", ["aa", "aba"], ["a", "ab"]),
        ("*a*", ["a", "bab"], ["", "b"]),
        ("a*b*c", ["abc", "a-b-c", "abbc"], ["ac", "acb", "ab"]),
        ("*ab*ab*", ["abab", "xabxabx"], ["ab", "aab", "aba"]),
        ("a**b", ["ab", "axb"], ["a"]),
        ("*a*a", ["aa", "baa"], ["a", "ab"]),
    ],
)
def test_asterisks_stand_for_any_characters(pattern: str, matching: list[str], others: list[str]) -> None:
    """They may stand for none. The parts between them do not overlap."""
    matches = matcher(pattern)
    assert all(map(matches, matching))
    assert not any(map(matches, others))
