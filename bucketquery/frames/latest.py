"""A frame that is only appended to, as a value: the frame, and the column of versions."""

from typing import Any, NamedTuple


class Latest(NamedTuple):
    """A frame with several versions of a result, as `bucketquery.frames.latest` returns it.

    Attributes:
        frame: the frame.
        version: the name of the column whose greatest value marks the newest row of a result.

    >>> Latest("a frame", "written").version
    'written'
    """

    frame: Any
    version: str
