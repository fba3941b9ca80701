"""The host's settings of the REST door, and a call to a path other than those of one job's results."""

import re
from typing import Final, NamedTuple

from bucketquery.elastic.calls import Call
from bucketquery.errors import InvalidQuery
from bucketquery.index import ResultsIndex
from bucketquery.model.text import built_in_str
from bucketquery.queries.parameters import read_boolean, read_integer
from bucketquery.snapshot import Snapshot

#: The server's version that the REST door names by default.
DEFAULT_VERSION: Final = "9.2.1"
_VERSION: Final = re.compile(r"[789](\.(0|[1-9][0-9]?)){2}", re.ASCII)


class Settings(NamedTuple):
    """The arguments of `handle` that come from the host, after they are checked.

    Attributes:
        max_result_window: the largest ``from + size``.
        version: the server's version that the replies name.
        allow_writes: whether requests may change the index.
    """

    max_result_window: int
    version: str
    allow_writes: bool


class JobCall(NamedTuple):
    """A call to a path other than those of one job's results.

    Attributes:
        source: the index or the snapshot of the host.
        snapshot: the commit that answers.
        call: the request.
        job: the text in the path where a job belongs, decoded; ``_all`` if the path has none.
        settings: those of the host.
    """

    source: ResultsIndex | Snapshot
    snapshot: Snapshot
    call: Call
    job: str
    settings: Settings


def read_settings(max_result_window: object, version: object, allow_writes: object) -> Settings:
    """The settings, checked.

    Raises:
        InvalidQuery: ``max_result_window`` is not a non-negative integer, ``version`` is not the text of a version 7, 8
            or 9, or ``allow_writes`` is not a bool.

    >>> read_settings(10_000, "8.19.0", False)
    Settings(max_result_window=10000, version='8.19.0', allow_writes=False)
    """
    window = read_integer(max_result_window, "max_result_window", "max_result_window")
    if version is not DEFAULT_VERSION:
        version = _read_version(version)
    return Settings(window, version, read_boolean(allow_writes, "allow_writes"))


def require_index(index: object) -> None:
    """Refuse anything but an index and a snapshot.

    Raises:
        TypeError: it is neither.
    """
    if not isinstance(index, ResultsIndex | Snapshot):
        raise TypeError(f"index must be a ResultsIndex or a Snapshot, not {type(index).__name__}")


def _read_version(version: object) -> str:
    text = built_in_str(version) if isinstance(version, str) else ""
    if not _VERSION.fullmatch(text):
        reason = "[version] must be the text of a server's version from 7.0.0 to 9.99.99, such as 8.19.0"
        raise InvalidQuery(reason, field="version", value=version)
    return text
