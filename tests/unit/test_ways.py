"""Ways: one policy decides where each row goes, for a single row and for each row of a batch."""

from itertools import product

import numpy as np
import pytest

from bucketquery.storage.ways import WAYS_OF_ONE, is_scattered, ways
from support.helpers import limit_heads, resize, rows, table


@pytest.mark.parametrize("scatters", [False, True])
def test_each_row_goes_to_one_place(scatters: bool) -> None:
    """An interim row goes to the head. A final one is appended, scattered, or goes to the head."""
    for is_final, in_base, at_end in product((False, True), repeat=3):
        scattered, appended, to_head, is_deleted = ways(is_final, in_base, at_end, scatters=scatters)
        if in_base and at_end:
            continue  # a row after the last one replaces none
        assert scattered + appended + to_head == 1
        assert to_head or is_final
        assert is_deleted is (in_base and not scattered)
        assert scattered is (scatters and in_base and is_final)


def test_a_single_row_goes_where_a_batch_of_one_row_would_go() -> None:
    """Arrays of the three facts give arrays of the same answers."""
    facts = list(product((False, True), repeat=3))
    found = ways(*np.array(facts).T, scatters=False)
    assert list(zip(*(answers.tolist() for answers in found[1:]), strict=True)) == [WAYS_OF_ONE[fact] for fact in facts]
    assert not found[0].any()


def test_copies_pay_for_many_rows_for_each_part_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies never pay for one row, and always for more rows than a head may hold. Parts are counted only if needed."""
    limit_heads(monkeypatch, 50)
    resize(monkeypatch, rows_per_copy=4)
    base = table(rows(0, 10)).base

    def never() -> int:
        raise AssertionError("the parts were counted")

    assert [is_scattered(base, number, never) for number in (0, 1, 4, 51)] == [False, False, False, True]
    assert [is_scattered(base, number, lambda: 2) for number in (5, 8, 9, 50)] == [False, False, True, True]
