"""Matching jobs: the jobs of a feed whose query has patterns or groups, deleted jobs included."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

from bucketquery.jobs.known_jobs import names_job
from bucketquery.jobs.selected_jobs import SelectedJobs


class MatchingJobs:
    """The jobs that belong to a feed: the selected known ones, and the others whose ids match.

    It holds ids, and no results. It remembers each answer, because a feed asks for the same jobs part after part.

    Args:
        selected: the known jobs of the query, at the commit that is read.
        tokens: the tokens of the query.
    """

    __slots__ = ("_is_in", "_selected", "_tokens")

    def __init__(self, selected: SelectedJobs, tokens: Sequence[str]) -> None:
        self._selected = selected
        self._tokens = tokens
        self._is_in: dict[str, bool] = {}

    def __contains__(self, job_id: Any) -> bool:
        found: bool | None = self._is_in.get(job_id)
        if found is None:
            known = self._selected.known
            rank = bisect_left(known, job_id)
            if rank < len(known) and known[rank] == job_id:
                found = self._selected.is_all or bool(self._selected.mask[rank])
            else:
                found = names_job(self._tokens, job_id)
            self._is_in[job_id] = found
        return found

    def isdisjoint(self, job_ids: Iterable[str]) -> bool:
        """Whether none of some jobs belongs to the feed."""
        return not any(job_id in self for job_id in job_ids)
