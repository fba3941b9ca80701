"""The instant of ``now``, which one question has once for the engine and for the index that makes the answer."""

from bucketquery.index import ResultsIndex
from bucketquery.model.instants import Instant
from bucketquery.queries.parameters import read_now


def instant_of(now: Instant | None) -> int:
    """The instant in epoch ms; None: the instant of the clock that an index has by default.

    Raises:
        InvalidQuery: it is no instant.

    >>> instant_of("1970-01-01T00:00:01Z")
    1000
    """
    if now is not None:
        return read_now(now)
    # Only the module of the index names the system's clock.
    return ResultsIndex()._snapshot._read_clock()
