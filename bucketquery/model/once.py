"""Values that are made when they are first read, and kept: said once for every class that has some.

Many threads read a snapshot, and none waits for another. Two of them may both make the same value. Both make it of
what never changes, so they get the same, and either may be kept.
"""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, cast

_Value = TypeVar("_Value")


class MadeOnce:
    """A class with slots, some of which are filled when they are first read: those that `once` names."""

    __slots__ = ()

    _makers: ClassVar[dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], None]]]] = {}


def _first_read(instance: MadeOnce, name: str) -> Any:
    """The value of an attribute whose slot is empty, which is the only case in which Python asks here."""
    found = instance._makers.get(name)
    if found is None:
        of = type(instance).__name__
        raise AttributeError(f"{of!r} object has no attribute {name!r}", name=name, obj=instance)
    make, put = found
    value = make(instance)
    put(instance, value)
    return value


# Written in the class, `__getattr__` would let a type checker take any attribute for granted.
setattr(MadeOnce, "__getattr__", _first_read)  # noqa: B010 - as the line above says


def is_made(instance: MadeOnce, name: str) -> bool:
    """Whether an attribute that `once` declares has been made; asking does not make it.

    >>> class Numbers(MadeOnce):
    ...     __slots__ = ("_total",)
    ...     total = once(lambda numbers: 0)
    >>> numbers = Numbers()
    >>> is_made(numbers, "total"), numbers.total, is_made(numbers, "total")
    (False, 0, True)
    """
    try:
        # The slot itself raises if it is empty; only an attribute's name sends the reader to `_first_read`.
        getattr(type(instance), name).__get__(instance)
    except AttributeError:
        return False
    return True


def once(make: Callable[[Any], _Value]) -> _Value:
    """Declare an attribute that a method makes when it is first read, and that a slot holds from then on.

    The class derives from `MadeOnce` and lists the slot in ``__slots__``, named as the attribute with an underscore in
    front. A value that is made is read like any slot: no function is called, so it takes 15 ns rather than 60.

    Args:
        make: the method that makes the value of what never changes.

    >>> class Numbers(MadeOnce):
    ...     __slots__ = ("_total", "numbers")
    ...
    ...     def __init__(self, *numbers: int) -> None:
    ...         self.numbers = numbers
    ...
    ...     @once
    ...     def total(self) -> int:
    ...         print("added up")
    ...         return sum(self.numbers)
    >>> numbers = Numbers(1, 2)
    >>> numbers.total, numbers.total
    added up
    (3, 3)
    """
    return cast("_Value", _Once(make))


class _Once:
    """The declaration, which gives way to the slot when its class is made."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make

    def __set_name__(self, owner: type[MadeOnce], name: str) -> None:
        slot = vars(owner)[f"_{name}"]
        owner._makers = {**owner._makers, name: (self._make, slot.__set__)}
        # The attribute is the slot itself from here on: read empty, it sends the reader to `_first_read`.
        setattr(owner, name, slot)
