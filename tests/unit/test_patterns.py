"""Patterns with asterisks, of keys in a filter and of jobs."""

import pytest

from bucketquery.jobs import patterns
from bucketquery.jobs.patterns import SortedTexts, matcher


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


def test_a_pattern_without_an_asterisk_is_one_name() -> None:
    """The whole name must be equal."""
    assert [name for name in ("a", "ab", "") if matcher("a")(name)] == ["a"]


def test_a_prefix_ends_at_the_last_character() -> None:
    """Nothing comes behind U+10FFFF, so the texts above such a prefix are found by the character before it."""
    last = "\U0010ffff"
    texts = SortedTexts(("a", f"a{last}", f"a{last}b", f"a{last}{last}", "b", last, last * 2))
    assert texts.beginning_with(f"a{last}") == (1, 4)
    assert texts.beginning_with(last) == (5, 7)
    assert texts.beginning_with("") == (0, 7)
    assert texts.beginning_with("\ud7ff") == (5, 5)


@pytest.mark.parametrize("pattern", ["*a" * 7 + "*b", "*a*" + "a" * 100 + "*", "*aa" * 8, "*ab*" + "a" * 120 + "b*a*"])
@pytest.mark.parametrize("letters", ["a", "ab"])
def test_hostile_texts_take_linear_time(pattern: str, letters: str) -> None:
    """Texts of one or two letters, which make a backtracking matcher hang, are matched at once."""
    texts = SortedTexts(tuple(sorted((letters * 250)[:249] + f"{number:04}" for number in range(500))))
    found = texts.matching(pattern)
    places = range(*found) if isinstance(found, tuple) else found.tolist()
    assert [texts.texts[place] for place in places] == [*filter(matcher(pattern), texts.texts)]


@pytest.mark.parametrize("part_bytes", [1, 300, 2**20])
@pytest.mark.parametrize(
    "pattern", ["*o*", "*st1*", "*t*st*", "*a*aa*", "*aa*aa*a", "a*aa*1*9", "*é*é*", "*x*", "*h*o*s*t*7*", "h*-*", "*9"]
)
def test_many_short_texts_are_matched_together(pattern: str, part_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each literal is found in all of them at once, in parts of any size, even if its places overlap."""
    monkeypatch.setattr(patterns, "_PART_BYTES", part_bytes)
    words = [f"host{number}-{'ab'[number % 2]}" for number in range(200)]
    words += ["a" * length + str(number) for number in range(20) for length in range(1, 7)] + ["éaé", "éé", "é"]
    texts = SortedTexts(tuple(sorted(set(words))))
    found = texts.matching(pattern)
    places = range(*found) if isinstance(found, tuple) else found.tolist()
    assert [texts.texts[place] for place in places] == [*filter(matcher(pattern), texts.texts)]
