"""Places: the offset of each member and item in a JSON text, and names that an object has twice."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketquery.command.places import Part, parts_of, position_of, position_of_refused, repeated_name

TEXT = '{"a": [5, {"b": "}:,"}, []], "c": {"d": {}}, "a": 6}'

#: Names without a dot or bracket, so that a path has one meaning.
NAMES = st.text(st.characters(exclude_characters=".[]", exclude_categories=["Cs"]), min_size=1, max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)


def test_places_are_in_the_order_of_the_text() -> None:
    """A member begins with its name, an item with its value. Brackets and colons in texts do not count."""
    assert list(parts_of(TEXT)) == [
        Part("a", 1, "a"),
        Part("a[0]", 7),
        Part("a[1]", 10),
        Part("a[1].b", 11, "b"),
        Part("a[2]", 24),
        Part("c", 29, "c"),
        Part("c.d", 35, "d"),
        Part("a", 45, "a", is_repeated=True),
    ]


def parts(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every member and item of a parsed value, with its path."""
    pairs: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in pairs:
        below = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}".removeprefix(".")
        yield below, part
        yield from parts(part, below)


@pytest.mark.repeats
@given(VALUES, st.none() | st.integers(0, 2))
def test_every_part_of_a_value_is_at_its_place(value: Any, indent: int | None) -> None:
    """The paths are those of the parsed value, and the text at each offset is that of the part."""
    text = json.dumps(value, indent=indent)
    found = list(parts_of(text))
    expected = list(parts(value))
    assert [place.path for place in found] == [path for path, _ in expected]
    for place, (_, part) in zip(found, expected, strict=True):
        name = "" if place.name is None else json.dumps(place.name) + ": "
        assert text.startswith(name, place.position)
        assert json.JSONDecoder().raw_decode(text, place.position + len(name))[0] == part
        assert position_of(text, place.path) == place.position


@pytest.mark.parametrize(
    ("path", "position"),
    [("", 0), ("x", 0), ("a[7]", 1), ("a[1].b", 11), ("a[1].c", 10), ("a[1].b.x", 11), ("ax", 0), ("c.d.e", 35)],
)
def test_a_missing_part_is_looked_for_around_its_place(path: str, position: int) -> None:
    """The offset is that of the innermost part whose path begins the path."""
    assert position_of(TEXT, path) == position


def test_the_first_repeated_name_is_found() -> None:
    """Names of different objects may be equal, and escapes of a name are the name. The text after it is not read."""
    text = '{"a": {"a": 1}, "b": [{"a": 1}, {"a": 2, "\\u0061": 3, "a": 4}]} ]]}'
    assert repeated_name(text, 0) == Part("b[1].a", text.index('"\\u'), "a", is_repeated=True)
    assert repeated_name(text, 32) == Part("a", text.index('"\\u'), "a", is_repeated=True)


@pytest.mark.parametrize(("text", "position"), [("[1, x, y]", 4), ('{"x": "y", "a": x}', 16), ('"x" 1', 0)])
def test_a_refused_number_is_found(text: str, position: int) -> None:
    """The first number or constant that the reader refuses; the start if it refuses none."""
    assert position_of_refused(text, 0, int) == position
