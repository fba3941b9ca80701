"""Selected jobs: ranges or ranks of the known ids, shown in every form."""

import numpy as np
import pytest

from bucketquery.jobs.selected_jobs import Ranges, SelectedJobs

KNOWN = ("a", "b", "c", "d", "e")


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ((), ""),
        (((0, 5),), "abcde"),
        (((1, 3),), "bc"),
        (((0, 1), (2, 4)), "acd"),
    ],
)
def test_ranges_and_ranks_are_shown_alike(ranges: Ranges, expected: str) -> None:
    """Every attribute is the same, whether the jobs were given as ranges or as ranks."""
    ranks = np.array([rank for start, stop in ranges for rank in range(start, stop)], dtype=np.int64)
    for some in (SelectedJobs(KNOWN, None, ranges), SelectedJobs(KNOWN, ranks)):
        assert some.known is KNOWN
        assert (len(some), some.is_all) == (len(expected), expected == "abcde")
        assert some.ids == tuple(expected)
        assert some.mask.tolist() == [job_id in expected for job_id in KNOWN]
        assert [job_id for job_id in (*KNOWN, "", "bb", "z", 5, None) if job_id in some] == [*expected]
        if some.is_all:
            assert some.ranks is None
        else:
            assert some.ranks is not None
            assert some.ranks.tolist() == ranks.tolist()
            assert some.ranks.dtype == np.int64
    assert SelectedJobs(KNOWN, None, ranges).ranges == ranges
    assert SelectedJobs(KNOWN, ranks).ranges is None


def test_no_ranks_are_all_jobs() -> None:
    """None stands for every known job, even if there is none."""
    for known in ((), KNOWN):
        some = SelectedJobs(known, None)
        assert (some.is_all, len(some), some.ids, some.ranks) == (True, len(known), known, None)
        assert some.mask.all()
