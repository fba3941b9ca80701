"""Libraries that may be missing, and the extras that install them. This module imports none of them."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needed(extra: str, what: str) -> Iterator[None]:
    """A block that imports a library; if that is missing, the error names the extra.

    Args:
        extra: the extra of bucketquery that installs the library.
        what: what needs which library, for the error.

    Raises:
        ImportError: the block cannot import the library.

    >>> with needed("arrow", "Arrow needs a library"):
    ...     import no_such_library
    Traceback (most recent call last):
    ImportError: Arrow needs a library, which is not installed: pip install 'bucketquery[arrow]'
    """
    try:
        yield
    except ImportError as error:
        reason = f"{what}, which is not installed: pip install 'bucketquery[{extra}]'"
        raise ImportError(reason, name=error.name) from error
