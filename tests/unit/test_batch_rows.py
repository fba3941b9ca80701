"""Rows of a large batch: lists of their own that read as the flat list of a write."""

import numpy as np
import pytest

from bucketquery.jobs.batch_rows import BatchRows


@pytest.fixture
def rows() -> BatchRows:
    """Two rows, of which the second replaced one."""
    return BatchRows(["db", "web"], np.array([1, 2]), [None, b"old"], [b"one", b"two"], b"onetwo")


def test_entries_are_flat(rows: BatchRows) -> None:
    """The job, the record before and the record after, row by row."""
    flat = ["db", None, b"one", "web", b"old", b"two"]
    assert ([*rows], len(rows), rows[3], rows[-1]) == (flat, 6, "web", b"two")
    assert (rows[::3], rows[1::3], rows[2::3], rows[3:]) == (["db", "web"], [None, b"old"], [b"one", b"two"], flat[3:])
    open_list: list[object] = []
    open_list += rows
    assert open_list == flat


def test_no_rows_are_false() -> None:
    """A batch that has changed no row is false, as an empty list is."""
    assert not BatchRows([], np.array([], dtype=np.int64), [], [], b"")
