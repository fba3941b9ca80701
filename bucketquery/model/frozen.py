"""What nobody can change: mappings, and whole JSON values made of them."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class FrozenMapping(Mapping[_Key, _Value]):
    """A mapping that nobody can change, and that pickles, which the standard library's read-only view does not.

    >>> FrozenMapping({"record": 2})
    FrozenMapping({'record': 2})
    """

    __slots__ = ("_items",)

    _items: dict[_Key, _Value]

    def __init__(self, items: Mapping[_Key, _Value]) -> None:
        object.__setattr__(self, "_items", dict(items))

    def __getitem__(self, key: _Key) -> _Value:
        return self._items[key]

    def __iter__(self) -> Iterator[_Key]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._items!r})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._items.copy(),)


def frozen(value: Any) -> Any:
    """Plain JSON that nobody can change: objects as `FrozenMapping`, lists as tuples. Complexity: O(its size).

    >>> frozen({"actual": [1.5]})
    FrozenMapping({'actual': (1.5,)})
    """
    if isinstance(value, dict):
        return FrozenMapping({key: frozen(entry) for key, entry in value.items()})
    return tuple(map(frozen, value)) if isinstance(value, list) else value
