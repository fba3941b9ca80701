"""Immutable values: mappings, frozen JSON, and values made many at once."""

import copy
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from inspect import signature
from itertools import count, repeat
from typing import Any

import pytest

from bucketquery import AnomalyRecord, Bucket, BucketInfluencer, Commit, Influencer
from bucketquery.model.frozen import FrozenMapping, Immutable, filler, frozen, maker_of


class Point(Immutable):
    """Two immutable numbers."""

    __slots__ = ("x", "y")

    x: int
    y: int


JSON: list[tuple[Any, Any]] = [
    (None, None),
    (5, 5),
    ("a", "a"),
    ([], ()),
    ([1, [2]], (1, (2,))),
    ({"a": [{"b": None}]}, FrozenMapping({"a": (FrozenMapping({"b": None}),)})),
]


@pytest.mark.parametrize(("value", "expected"), JSON, ids=repr)
def test_json_becomes_immutable(value: Any, expected: Any) -> None:
    """Nested values are frozen too, so the result can be hashed, compared, pickled and copied."""
    found = frozen(value)
    assert found == expected
    assert type(found) is type(expected)
    for other in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert other == found
        assert hash(other) == hash(found)


def test_a_frozen_value_is_independent_of_its_source() -> None:
    """A change of the source does not change the frozen value."""
    value: dict[str, Any] = {"a": [1]}
    found = frozen(value)
    value["a"].append(2)
    value["b"] = 3
    assert found == {"a": (1,)}
    with pytest.raises(TypeError):
        found["a"] = 5


@pytest.mark.parametrize("names", [("x",), ("x", "y"), ("y", "x")])
def test_a_filler_writes_the_slots_that_it_was_made_for(names: tuple[str, ...]) -> None:
    """Each slot gets its own field, and the wrong number of fields is refused."""
    fill, point = filler(Point, *names), Point()
    fill(point, *range(len(names)))
    assert {name: getattr(point, name) for name in names} == {name: at for at, name in enumerate(names)}
    for wrong in (range(len(names) - 1), range(len(names) + 1)):
        with pytest.raises(TypeError):
            fill(point, *wrong)
    with pytest.raises(AttributeError):
        filler(Point, "z")


def test_a_filler_has_no_loop() -> None:
    """The function takes each field as a parameter of its own. For a single slot it is the setter of the slot."""
    assert list(signature(filler(Point, "x", "y")).parameters) == ["value", "field_0", "field_1"]
    assert filler(Point, "x") == vars(Point)["x"].__set__


def test_an_immutable_value_cannot_be_changed() -> None:
    """No attribute can be set or deleted, and a copy is the value itself."""
    point = Point()
    filler(Point, "x", "y")(point, 1, 2)
    with pytest.raises(AttributeError, match="Point is immutable"):
        point.x = 5
    with pytest.raises(AttributeError, match="Point is immutable"):
        del point.x
    assert (point.x, point.y) == (1, 2)
    assert copy.copy(point) is point
    assert copy.deepcopy(point) is point


@pytest.mark.parametrize("of", [Bucket, BucketInfluencer, AnomalyRecord, Influencer, Commit])
def test_values_made_many_at_once_are_like_single_ones(of: type[Any]) -> None:
    """They compare, hash, print, pickle, copy and replace like values that the class makes, and they are frozen."""
    # The classes check nothing when they make a value, so a maker skips no check.
    assert not hasattr(of, "__post_init__")
    names = [field.name for field in fields(of)]
    found = maker_of(of)(2, {name: count(at) for at, name in enumerate(names)})
    for row, value in enumerate(found):
        made = of(**{name: at + row for at, name in enumerate(names)})
        assert type(value) is of
        assert (value, hash(value), repr(value)) == (made, hash(made), repr(made))
        for same in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
            assert same == made
        assert replace(value, **{names[0]: -1}) == replace(made, **{names[0]: -1})
        with pytest.raises(FrozenInstanceError):
            setattr(value, names[0], 5)
    assert found[0] != found[1]
    assert maker_of(of)(0, dict.fromkeys(names, repeat(0))) == []
