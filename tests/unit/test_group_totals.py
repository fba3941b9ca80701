"""Group totals: greatest scores, sums and counts by blocks of rows."""

import random

import numpy as np
import pytest

from bucketquery.value_index.group_totals import GroupTotals, Totals, rows_of_a_block
from bucketquery.value_index.postings import Postings

NAMES = np.array(["host"], dtype=object)
VALUES = np.array(["a", "b", "c"], dtype=object)


@pytest.mark.parametrize("seed", range(20))
def test_the_totals_of_blocks_are_those_of_their_rows(seed: int) -> None:
    """Any blocks have the totals of all their rows; a missing score counts as 0.0."""
    rng = random.Random(f"totals {seed}")
    length = rng.randrange(2, 40)
    codes = np.array([rng.randrange(-1, 3) for _ in range(length)], dtype=np.int32)
    scores = np.array([rng.choice((np.nan, 0.5, 3.0, 8.0)) for _ in range(length)])
    postings = Postings.of(np.zeros(length, dtype=np.int32), codes, NAMES, VALUES)
    rows = rng.randrange(1, length + 1)
    made = GroupTotals.of(postings, scores, rows)
    made.check(scores)
    assert len(made.best) == length // rows
    blocks = sorted(rng.sample(range(length // rows), rng.randrange(1, length // rows + 1)))
    found = made.among(np.array(blocks))
    for group in range(len(postings) + 1):
        own = [row for row in range(length) if postings.groups[row] == group and row // rows in blocks]
        some = [0.0 if np.isnan(scores[row]) else scores.item(row) for row in own]
        assert [each.item(group) for each in found] == [max(some, default=-np.inf), sum(some), len(some)]
    assert made.nbytes() == 20 * made.best.size


def test_only_rows_with_scores_have_totals() -> None:
    """A segment may have fewer rows than its postings cover."""
    none = np.zeros(6, dtype=np.int32)
    postings = Postings.of(none, none, NAMES, VALUES)
    assert len(GroupTotals.of(postings, np.ones(3), 2).best) == 1
    assert len(GroupTotals.of(postings, np.ones(9), 2).best) == 3


def test_a_block_has_many_rows_for_each_group() -> None:
    """So totals take few bytes for each row, and there are not too many blocks."""
    codes = np.arange(1_280, dtype=np.int32) % 3
    postings = Postings.of(np.zeros(1_280, dtype=np.int32), codes, NAMES, VALUES)
    assert rows_of_a_block(postings, 100, 8) == 100
    assert rows_of_a_block(postings, 1, 8) == 24
    assert rows_of_a_block(postings, 1, 0) == 10


def test_no_rows() -> None:
    """No group has a row."""
    assert [each.tolist() for each in Totals.none(1)] == [[-np.inf], [0.0], [0]]
