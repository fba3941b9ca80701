"""Filters: which parts of a body the paths of ``filter_path`` show."""

from typing import Any

import pytest

from bucketquery import LimitExceeded
from bucketquery.elastic.filter_path import LONGEST, MOST_PATHS, Filter, _segments, read_filter

BODY: dict[str, Any] = {
    "a": 0,
    "b": [1, [2], {"c": 3}, {}, []],
    "d": {"e": {"f": None, "g": ""}, "h": {}, "i": []},
    "j.k": {"l": 5},
}


def read(text: str) -> Filter:
    """The filter of a text that has paths."""
    found = read_filter(text)
    assert found is not None
    return found


def shown(text: str, body: dict[str, Any] = BODY) -> dict[str, Any]:
    """The parts of a body that a filter shows."""
    return read(text).shown(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", {"a": 0}),
        ("b", {"b": BODY["b"]}),
        ("d.h,d.i", {"d": {"h": {}, "i": []}}),
        ("b.c", {"b": [{"c": 3}]}),
        ("a.b", {}),
        ("d.e.f", {"d": {"e": {"f": None}}}),
        ("d.*.g", {"d": {"e": {"g": ""}}}),
        ("*.*", {"b": [{"c": 3}], "d": BODY["d"], "j.k": {"l": 5}}),
        ("**.f", {"d": {"e": {"f": None}}}),
        ("**.e", {"d": {"e": BODY["d"]["e"]}}),
        ("**.a", {}),
        ("d.**", {"d": BODY["d"]}),
        ("d.**.f", {"d": {"e": {"f": None}}}),
        ("**.**.g", {"d": {"e": {"g": ""}}}),
        ("**.**.**.g", {}),
        ("j\\.k", {"j.k": {"l": 5}}),
        ("j\\.k.l", {"j.k": {"l": 5}}),
        ("j.k", {}),
        ("j*", {"j.k": {"l": 5}}),
        ("*k.l", {"j.k": {"l": 5}}),
        ("j\\.*.l", {"j.k": {"l": 5}}),
    ],
)
def test_paths_reach_parts(text: str, expected: dict[str, Any]) -> None:
    """A part is shown with its value and the keys that lead there. Objects and lists without parts are left out."""
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-a,-b,-j*", {"d": BODY["d"]}),
        ("-d,-j*", {"a": 0, "b": BODY["b"]}),
        ("-b,-d.e,-j*", {"a": 0, "d": {"h": {}, "i": []}}),
        ("-b,-d.e.*,-j*", {"a": 0, "d": {"h": {}, "i": []}}),
        ("-d,-b.c,-j*", {"a": 0, "b": [1, [2], {}, []]}),
        ("-d,-a.x,-b.x,-j*", {"a": 0, "b": BODY["b"]}),
        ("-j\\.k.l,-b,-d", {"a": 0}),
        ("-j.k,-a,-b,-d", {"j.k": {"l": 5}}),
        ("-**.*", {"a": 0, "b": [1, [2], {}, []]}),
        ("-*", {}),
        ("-**", {}),
    ],
)
def test_paths_with_a_hyphen_leave_out_parts(text: str, expected: dict[str, Any]) -> None:
    """An object or list that loses all of its parts is left out. One that has none stays."""
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("d,-d.e", {"d": {"h": {}, "i": []}}),
        ("-d.e,d", {"d": {"h": {}, "i": []}}),
        ("d.e,-**.f", {"d": {"e": {"g": ""}}}),
        ("d.e.f,-d.e.f", {}),
        ("a,-b", {"a": 0}),
        ("b,-b.c", {"b": [1, [2], {}, []]}),
        ("b.c,-b.c", {}),
        ("nothing,-a", {}),
    ],
)
def test_parts_are_left_out_of_those_that_are_shown(text: str, expected: dict[str, Any]) -> None:
    """The order of the paths does not matter."""
    assert shown(text) == expected


def test_a_body_is_not_changed() -> None:
    """The parts that are shown are those of the body itself, and the outermost object is new."""
    body = {"a": {"b": [1]}, "c": 2}
    for text in ("a", "-c", "a,-c", "*", "-x"):
        found = shown(text, body)
        assert found is not body
        assert found["a"] is body["a"]
        found.clear()
    assert body == {"a": {"b": [1]}, "c": 2}
    assert shown("a", {}) == shown("-a", {}) == {}


@pytest.mark.parametrize("text", ["", " ", ",", " , ,\t", "-", "- ,-", "\x00"])
def test_a_filter_needs_paths(text: str) -> None:
    """Blanks, commas and lone hyphens are no paths."""
    assert read_filter(text) is None


def test_blanks_around_paths_are_ignored() -> None:
    """Blanks within a path are a part of it."""
    assert shown(" a ,\t-b,- c", {"a": 0, "b": 1, "c": 2}) == {"a": 0}
    assert shown("a b, c .d", {"a b": 0, "c ": {"d": 1}}) == {"a b": 0, "c ": {"d": 1}}


def test_paths_may_begin_alike() -> None:
    """The shorter path shows all. An asterisk is a pattern, even if a key has one."""
    body = {"a": {"b": {"c": 1, "d": 2}}, "a*": 3}
    for text in ("a.b,a.b.c", "a.b.c,a.b", "a.b.c,a.b.d"):
        assert shown(text, body) == {"a": body["a"]}
    assert shown("a*", body) == body
    assert shown("a*.b.c,a.b.d", body) == {"a": body["a"]}


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("a", ["a"]),
        ("a.b", ["a", "b"]),
        ("a.", ["a", ""]),
        (".a.b", [".a.b"]),
        ("a..b", ["a", ".b"]),
        ("a\\.b.c", ["a.b", "c"]),
        ("a.b\\.c", ["a", "b.c"]),
        ("\\.a", [".a"]),
        ("a\\b.c", ["a\\b", "c"]),
        ("a\\", ["a\\"]),
        ("a\\.", ["a."]),
        (".\\.", [".\\."]),
        ("\\\\.a", ["\\.a"]),
    ],
)
def test_a_path_is_split_at_dots(path: str, segments: list[str]) -> None:
    """A backslash escapes a dot and nothing else. A part that begins with a dot is not split."""
    assert _segments(path) == segments


def test_a_filter_has_a_largest_size() -> None:
    """The limits bound the cost of each key."""
    assert shown("a" + " " * (LONGEST - 1)) == {"a": 0}
    assert shown("a," * MOST_PATHS) == {"a": 0}
    for text, words in (
        ("a" * (LONGEST + 1), "is longer than 4096 characters"),
        ("a," * MOST_PATHS + "-b", "has more than 100 paths"),
    ):
        with pytest.raises(LimitExceeded, match=rf"^\[filter_path\] {words}") as caught:
            read_filter(text)
        assert caught.value.field == "filter_path"


@pytest.mark.repeats
@pytest.mark.parametrize(
    "text",
    [
        "**." * 1_365 + "a",
        ",".join(["**." * 12 + "*a*"] * MOST_PATHS),
        ",".join(f"**.{number}.**.*{number}*" for number in range(MOST_PATHS)),
        "*a" * 2_047 + "b",
        "-" + "**." * 1_365,
    ],
)
def test_no_filter_takes_long(text: str) -> None:
    """A body of 100 levels and 3,000 keys is filtered in a fraction of a second."""
    deep: dict[str, Any] = {"a" * 2_000: 1}
    for _ in range(100):
        deep = {"a": deep, **{f"{number}": [{"1": {"2": 3}}] for number in range(10)}}
    found = read(text)
    assert found.shown(deep) == found.shown(deep)


def test_a_name_is_matched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects of a page have the same keys, so a filter remembers what it found of each."""
    found = read("rows.a*,rows.*.b")
    rows = {"rows": [{"ax": 1, "c": {"b": 2}, "d": 3}] * 3}
    expected = {"rows": [{"ax": 1, "c": {"b": 2}}] * 3}
    assert found.shown(rows) == expected
    state: Any = found.included
    monkeypatch.setattr(type(state), "_move", None)
    assert found.shown(rows) == expected
