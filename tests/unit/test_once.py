"""Attributes that are made at their first read: later reads return the stored value."""

import copy
import pickle
from threading import Barrier, Thread

import pytest

from bucketquery.model.once import MadeOnce, is_made, once


class Doubled(MadeOnce):
    """A number and its double."""

    __slots__ = ("_double", "_missing", "made", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.made: list[str] = []

    @once
    def double(self) -> int:
        """Twice the number."""
        self.made.append("double")
        return 2 * self.number

    @once
    def missing(self) -> None:
        """None, which is a value like any other."""
        self.made.append("missing")


class Quadrupled(Doubled):
    """A subclass with a value of its own."""

    __slots__ = ("_quadruple",)

    @once
    def quadruple(self) -> int:
        """Four times the number."""
        return 2 * self.double


def test_a_value_is_made_when_it_is_first_read() -> None:
    """A value is not made before its first read, and not made again, even if it is None."""
    value = Doubled(3)
    assert value.made == []
    assert (value.double, value.double) == (6, 6)
    assert (value.missing, value.missing) == (None, None)
    assert value.made == ["double", "missing"]


def test_whether_a_value_is_made_can_be_asked() -> None:
    """`is_made` does not make the value. A made value may be None."""
    value = Doubled(3)
    assert not is_made(value, "double")
    assert value.made == []
    assert (value.double, value.missing) == (6, None)
    assert is_made(value, "double")
    assert is_made(value, "missing")


def test_whether_a_value_in_a_dict_is_made_can_be_asked() -> None:
    """`is_made` asks the dict of the instance, and does not make the value."""
    value = Halved(3)
    assert not is_made(value, "half")
    assert value.made == 0
    assert value.half == 1.5
    assert is_made(value, "half")
    assert not is_made(Halved(3), "half")


def test_a_made_value_is_read_as_a_slot() -> None:
    """The class has the slot's own descriptor under the name, so a read calls no Python function."""
    assert vars(Doubled)["double"] is vars(Doubled)["_double"]


def test_a_subclass_adds_values_of_its_own() -> None:
    """The subclass has the values of its base too. The base does not get the values of the subclass."""
    assert Quadrupled(3).quadruple == 12
    with pytest.raises(AttributeError, match="'Doubled' object has no attribute 'quadruple'"):
        _ = Doubled(3).quadruple  # type: ignore[attr-defined] # the test expects the error


def test_other_names_are_not_attributes() -> None:
    """The error names the attribute. Copying and pickling, which look up many names, work."""
    with pytest.raises(AttributeError, match="'Doubled' object has no attribute 'half'") as caught:
        _ = Doubled(3).half  # type: ignore[attr-defined] # the test expects the error
    assert caught.value.name == "half"
    value = Doubled(3)
    assert copy.copy(value).double == 6
    assert pickle.loads(pickle.dumps(value)).double == 6


class Halved:
    """A number and its half, which the instance's dict holds."""

    __slots__ = ("__dict__", "made", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.made = 0

    @once
    def half(self) -> float:
        """Half the number."""
        self.made += 1
        return self.number / 2


def test_a_class_with_a_dict_needs_no_base() -> None:
    """The value is made once, and the instance's dict holds it. The attribute of the class has the docstring."""
    value = Halved(3)
    assert vars(value) == {}
    assert (value.half, value.half, value.made) == (1.5, 1.5, 1)
    assert vars(value) == {"half": 1.5}
    assert Halved.half.__doc__ == "Half the number."
    assert pickle.loads(pickle.dumps(value)).half == 1.5


def test_a_class_without_a_place_for_values_is_refused() -> None:
    """A `MadeOnce` class must list the slot, and any other class must have a dict."""

    def without(base: type) -> None:
        type("Fails", (base,), {"__slots__": (), "half": once(lambda self: self.number / 2)})

    for base, expected in ((MadeOnce, KeyError), (object, TypeError)):
        with pytest.raises((expected, RuntimeError)) as caught:
            without(base)
        assert isinstance(caught.value.__cause__ or caught.value, expected)


def test_an_error_while_making_leaves_no_value() -> None:
    """The next read tries to make the value again."""

    class Fails(MadeOnce):
        __slots__ = ("_ratio", "by")

        def __init__(self, by: int) -> None:
            self.by = by

        @once
        def ratio(self) -> float:
            return 1 / self.by

    value = Fails(0)
    with pytest.raises(ZeroDivisionError):
        _ = value.ratio
    value.by = 2
    assert value.ratio == 0.5


def test_two_threads_get_equal_values() -> None:
    """Both threads may make the value, so they may get two objects."""
    value, found = Doubled(3), list[int]()
    barrier = Barrier(2)

    def read() -> None:
        barrier.wait()
        found.append(value.double)

    threads = [Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [6, 6]
    assert 1 <= value.made.count("double") <= 2
