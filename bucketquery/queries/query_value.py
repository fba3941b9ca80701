"""The base of all query values: their parameters are their attributes, which `replace`, `repr` and pickles read."""

from collections.abc import Callable
from typing import Any, Final, Self

from bucketquery.model.frozen import Immutable

#: For an integer with more bits than this, `repr` shows the number of its bits.
_MOST_BITS_SHOWN: Final = 256


class QueryValue(Immutable):
    """A query as a value that is checked when it is made. A subclass is a frozen dataclass of its parameters."""

    __slots__ = ()

    def replace(self, **changes: Any) -> Self:
        """The same query with some parameters changed; it is checked like a new one.

        Raises:
            TypeError: the query has no such parameter.

        Complexity: O(j) for j jobs.

        >>> from bucketquery import BucketQuery
        >>> BucketQuery(jobs="web").replace(desc=True).desc
        True
        """
        return type(self)(**{**self._parameters(), **changes})

    def _parameters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).__match_args__}  # type: ignore[attr-defined] # a dataclass

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in self._parameters().items())
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._parameters())


def _shown(value: object) -> str:
    # Python refuses to write an integer of thousands of digits.
    if isinstance(value, int) and value.bit_length() > _MOST_BITS_SHOWN:
        return f"<integer of {value.bit_length():,} bits>"
    return repr(value)


def _restore(kind: Callable[..., QueryValue], parameters: dict[str, Any]) -> QueryValue:
    return kind(**parameters)
