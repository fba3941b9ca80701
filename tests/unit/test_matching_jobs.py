"""The jobs of a feed: known jobs that are selected, and unknown ones whose ids match."""

from bucketquery.jobs.matching_jobs import MatchingJobs
from bucketquery.jobs.selected_jobs import SelectedJobs


def test_a_known_job_counts_by_its_selection_and_another_by_its_id() -> None:
    """``shop`` stands for the known job ``db`` here, by its group. The unknown jobs are compared with the tokens."""
    selected = SelectedJobs(("db", "web-1", "web-2"), None, ((0, 1), (2, 3)))
    jobs = MatchingJobs(selected, ("shop", "web-*", "-web-1"))
    named = ("db", "web-1", "web-2", "web-9", "zz", "shop", "a")
    for _ in range(2):
        assert [job_id for job_id in named if job_id in jobs] == ["db", "web-2", "web-9", "shop"]
    assert jobs.isdisjoint({"web-1": 0, "zz": 1})
    assert not jobs.isdisjoint({"web-1": 0, "web-9": 1})


def test_all_known_jobs_may_be_selected() -> None:
    """An unknown job is compared with the tokens all the same."""
    jobs = MatchingJobs(SelectedJobs(("db",), None), ("_all", "-web"))
    assert [job_id in jobs for job_id in ("db", "web", "x")] == [True, False, True]
