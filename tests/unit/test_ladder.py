"""Ladders: a column's rows by value, kept up and corrected by one writer beside any number of readers."""

import sys
from types import FrameType
from typing import Any

import numpy as np
import pytest

from bucketquery.columns.ladder import Rung


@pytest.mark.parametrize("line", range(1, 12))
def test_a_reader_may_read_a_rung_while_the_writer_corrects_it(line: int) -> None:
    """Wherever on its way along the waiting corrections the writer is: nothing is raised, and all is worked in."""
    merits = np.arange(8.0)
    newest = Rung.of(np.float64(4.0), 3.0, np.arange(4, 8), merits[4:])
    for row in range(3):
        merits[row] = 9.0
        newest = newest.corrected(np.array([row]), merits[[row]])
    left = line

    def watch(frame: FrameType, event: str, _: object) -> Any:
        # A thread may be switched before any line; the reader reads the rung that the walk has come to.
        nonlocal left
        if frame.f_code is not Rung.corrected.__code__:
            return None
        left -= event == "line"
        if left == 0 and isinstance(rung := frame.f_locals.get("source"), Rung):
            rung.entries()
        return watch

    merits[3] = 9.0
    before = sys.gettrace()
    sys.settrace(watch)
    try:
        newest = newest.corrected(np.array([3]), merits[[3]])
    finally:
        sys.settrace(before)
    newest.check(merits)
