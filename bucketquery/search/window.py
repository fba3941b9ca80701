"""Windows: the rows of a view between two instants."""

from typing import NamedTuple

import numpy as np

from bucketquery.arrays.sorted_arrays import time_slice
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import Array, Int64s
from bucketquery.storage.view import View


class Window(NamedTuple):
    """The rows of a view in a window of time.

    Attributes:
        view: the view.
        base: the rows of the base, including deleted ones.
        head: the rows of the head.
        deleted: the deleted rows of the base.
    """

    view: View
    base: slice
    head: slice
    deleted: Int64s

    @classmethod
    def of(cls, view: View, start: int, end: int) -> "Window":
        """The window ``[start, end)``, epoch ms."""
        base, head, deleted = slice(0, view.base.length), slice(0, view.head.length), view.deleted
        if start > FIRST_MS or end <= LAST_MS:
            if end > LAST_MS:
                # An open end needs no search.
                base = slice(int(view.timestamps.searchsorted(start)), base.stop)
            else:
                base = time_slice(view.timestamps, start, end)
            head = time_slice(view.head_timestamps, start, end) if end > view.head_start else slice(0, 0)
        if len(deleted):
            deleted = deleted[deleted.searchsorted(base.start) : deleted.searchsorted(base.stop)]
        return cls(view, base, head, deleted)

    @property
    def length(self) -> int:
        """The number of rows, without the deleted ones."""
        base, head = self.base, self.head
        length: int = base.stop - base.start - len(self.deleted) + head.stop - head.start
        return length


def with_head(view: View, rows: Array, head: Int64s) -> Array:
    """Some rows of the base and some of the head in time order, as the view numbers them; both ascend."""
    return np.insert(rows, rows.searchsorted(view.head_places[head]), head + view.base.length)
