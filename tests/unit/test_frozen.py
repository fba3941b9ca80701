"""What nobody can change: mappings, and JSON made of them."""

import copy
import pickle
from typing import Any

import pytest

from bucketquery.model.frozen import FrozenMapping, frozen

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
    """Through and through: it can be hashed, compared, pickled and copied."""
    found = frozen(value)
    assert found == expected
    assert type(found) is type(expected)
    for other in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert other == found
        assert hash(other) == hash(found)


def test_what_was_frozen_has_a_life_of_its_own() -> None:
    """Changing what it was made of changes nothing."""
    value: dict[str, Any] = {"a": [1]}
    found = frozen(value)
    value["a"].append(2)
    value["b"] = 3
    assert found == {"a": (1,)}
    with pytest.raises(TypeError):
        found["a"] = 5
