"""Known jobs: the ids and groups of one set of jobs, and which of the jobs some tokens select.

All catalogues with the same ids and the same groups share one `KnownJobs`. It holds texts and numbers only, so it keeps
no results alive. Readers fill it, in any thread: two readers may both make the same value, and either may be stored.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
from sortedcontainers import SortedList

from bucketquery.errors import UnknownJob
from bucketquery.jobs.group_names import GroupNames
from bucketquery.jobs.job import Job
from bucketquery.jobs.patterns import SortedTexts, matcher
from bucketquery.jobs.selected_jobs import Ranges, SelectedJobs
from bucketquery.model.schema import Int64s
from bucketquery.queries.job_tokens import ALL_JOBS

#: Up to this number of tokens a selection stays ranges, and is remembered beside others.
_FEW_TOKENS: Final = 16
#: This number of selections of few tokens is remembered, and one of more tokens.
_REMEMBERED: Final = 16
#: If at least 1 in N of the jobs is looked up, a dict of all ranks is made for it.
_JOBS_PER_RANK: Final = 8

#: The jobs that one token selects: ranges of ranks, or ascending arrays of ranks.
_RankSets = Sequence[tuple[int, int] | Int64s]


class Jobs(Protocol):
    """The jobs of a catalogue."""

    def job_ids(self) -> Iterator[str]:
        """The id of every job, in any order."""

    def whole_jobs(self) -> Iterator[Job]:
        """Some jobs in any order. All jobs with groups are among them."""


class _Groups(NamedTuple):
    """The groups, and the ranks of their jobs, ascending."""

    names: SortedTexts
    ranks: Mapping[str, Int64s]


class KnownJobs:
    """The ids and groups of the jobs at some commits.

    Args:
        names: the groups that the jobs are in.

    Attributes:
        names: the groups that the jobs are in.
    """

    __slots__ = ("_groups", "_ids", "_many", "_remembered", "_texts", "names")

    def __init__(self, names: GroupNames) -> None:
        self.names = names
        self._ids: SortedList | None = None
        self._texts: SortedTexts | None = None
        self._groups: _Groups | None = None
        self._remembered: dict[Sequence[str], SelectedJobs] = {}
        self._many: tuple[Sequence[str], SelectedJobs] | None = None

    def with_names(self, names: GroupNames) -> "KnownJobs":
        """The same ids with other groups."""
        following = KnownJobs(names)
        following._ids, following._texts = self._ids, self._texts
        return following

    def ids(self, jobs: Jobs) -> SortedList:
        """The ids in the order of their code points. They are sorted once: O(j log j) for j jobs."""
        ids = self._ids
        if ids is None:
            ids = self._ids = SortedList(jobs.job_ids())
        return ids

    def texts(self, jobs: Jobs) -> SortedTexts:
        """The same ids as a tuple, which is searched in a third of the time."""
        texts = self._texts
        if texts is None:
            texts = self._texts = SortedTexts(tuple(self.ids(jobs)))
        return texts

    def groups(self, jobs: Jobs) -> _Groups | None:
        """The jobs of each group, found once; None if there is no group."""
        if not len(self.names):
            return None
        groups = self._groups
        if groups is None:
            members: dict[str, list[str]] = {}
            for job in jobs.whole_jobs():
                for name in job.groups:
                    members.setdefault(name, []).append(job.job_id)
            texts = self.texts(jobs)
            rank = _ranks_of(texts, len(self.names))
            ranks = {name: np.sort(np.array([*map(rank, some)], dtype=np.int64)) for name, some in members.items()}
            groups = self._groups = _Groups(SortedTexts(tuple(sorted(members))), ranks)
        return groups

    def remembered(self, tokens: Sequence[str]) -> SelectedJobs | None:
        """A selection that was made before; None if it is not remembered."""
        if len(tokens) <= _FEW_TOKENS:
            return self._remembered.get(tokens)
        many = self._many
        return many[1] if many is not None and (many[0] is tokens or many[0] == tokens) else None

    def select(self, tokens: Sequence[str], field: str, jobs: Jobs) -> SelectedJobs:
        """The jobs that some tokens select.

        Args:
            tokens: the tokens, checked.
            field: the parameter that has them, for errors.
            jobs: the jobs of a catalogue that has this set of jobs.

        Raises:
            UnknownJob: a token without an asterisk names neither a job nor a group; the error names the first one.

        O(log j) for each of a few ids and prefixes of j jobs. O(j) more if there are other tokens or many of them.
        """
        texts = self.texts(jobs)
        if len(tokens) > _FEW_TOKENS:
            selected = self._select_many(tokens, field, jobs)
            self._many = (tokens, selected)
            return selected
        ranges: Ranges | None = ()
        taken: list[tuple[bool, _RankSets]] = []
        for token in tokens:
            is_excluded = token[0] == "-"
            rank_sets = self._rank_sets(token[1:] if is_excluded else token, texts, field, jobs)
            taken.append((is_excluded, rank_sets))
            for ranks_or_range in rank_sets:
                if ranges is None or not isinstance(ranks_or_range, tuple):
                    ranges = None
                elif ranks_or_range[0] < ranks_or_range[1]:
                    ranges = _without(ranges, ranks_or_range) if is_excluded else _with(ranges, ranks_or_range)
        selected = _masked(texts.texts, taken) if ranges is None else SelectedJobs(texts.texts, None, ranges)
        remembered = self._remembered
        if len(remembered) >= _REMEMBERED:
            # The list is made in one step, since other threads add selections. Two threads may both drop the same ones.
            for oldest in list(remembered)[: _REMEMBERED // 4]:
                remembered.pop(oldest, None)
        remembered[tokens] = selected
        return selected

    def _select_many(self, tokens: Sequence[str], field: str, jobs: Jobs) -> SelectedJobs:
        """The result of `select`, by one mask. Most lists of many tokens are ids, which are looked up together."""
        texts = self.texts(jobs)
        rank = _ranks_of(texts, len(tokens))
        ranks = [*map(rank, tokens)]
        if None not in ranks:
            return _masked(texts.texts, [(False, [np.array(ranks, dtype=np.int64)])])
        taken: list[tuple[bool, _RankSets]] = []
        for token, known in zip(tokens, ranks, strict=True):
            if known is not None:
                taken.append((False, ((known, known + 1),)))
            else:
                is_excluded = token[0] == "-"
                taken.append((is_excluded, self._rank_sets(token[is_excluded:], texts, field, jobs)))
        return _masked(texts.texts, taken)

    def _rank_sets(self, name: str, texts: SortedTexts, field: str, jobs: Jobs) -> _RankSets:
        """The jobs of one token without its ``-``."""
        if name == ALL_JOBS:
            return ((0, len(texts.texts)),)
        groups = self.groups(jobs)
        if "*" not in name:
            rank = texts.rank(name)
            if rank is not None:
                return ((rank, rank + 1),)
            if groups is None or name not in groups.ranks:
                raise unknown_job(name, field)
            return (groups.ranks[name],)
        found = texts.matching(name)
        if groups is None:
            return (found,)
        named = groups.names.matching(name)
        numbers = range(*named) if isinstance(named, tuple) else named.tolist()
        return (found, *(groups.ranks[groups.names.texts[number]] for number in numbers))

    def check(self, jobs: Jobs) -> None:
        """Assert that the ids, the groups and their names are those of the jobs."""
        of_all = [(name, job.job_id) for job in jobs.whole_jobs() for name in job.groups]
        assert len(self.names) == len(of_all), "memberships of another set of jobs"
        assert all(name in self.names for name, _ in of_all)
        texts = self.texts(jobs).texts
        assert [*texts] == [*self.ids(jobs)]
        groups = self.groups(jobs)
        assert groups is None or sorted(of_all) == [
            (name, texts[rank]) for name in groups.names.texts for rank in groups.ranks[name].tolist()
        ]


def unknown_job(job_id: str, field: str) -> UnknownJob:
    """The error for an id that no job has; ``field`` is the parameter that names it."""
    return UnknownJob(f"No known job with id '{job_id[:300]}'", field=field, value=job_id)


def names_job(tokens: Sequence[str], job_id: str) -> bool:
    """Whether tokens select a job by its id, without any group.

    >>> names_job(("web-*", "-web-1"), "web-2"), names_job(("_all", "-web-*"), "web-2")
    (True, False)
    """
    is_selected = False
    for token in tokens:
        is_excluded = token[0] == "-"
        if is_excluded == is_selected:
            name = token[is_excluded:]
            is_selected ^= name == ALL_JOBS or matcher(name)(job_id)
    return is_selected


def _ranks_of(texts: SortedTexts, count: int) -> Callable[[str], int | None]:
    """A function that finds the rank of an id, for a number of calls."""
    if count * _JOBS_PER_RANK < len(texts.texts):
        return texts.rank
    return dict(zip(texts.texts, range(len(texts.texts)), strict=True)).get


def _masked(known: Sequence[str], taken: Sequence[tuple[bool, _RankSets]]) -> SelectedJobs:
    """The selected jobs, by a mask of all known ones."""
    mask = np.zeros(len(known), dtype=np.bool_)
    for is_excluded, rank_sets in taken:
        for ranks_or_range in rank_sets:
            mask[slice(*ranks_or_range) if isinstance(ranks_or_range, tuple) else ranks_or_range] = not is_excluded
    ranks = mask.nonzero()[0]
    return SelectedJobs(known, None if len(ranks) == len(known) else ranks)


def _with(ranges: Ranges, added: tuple[int, int]) -> Ranges:
    """Ranges with one more, merged with those that it meets."""
    start, stop = added
    if not ranges:
        return (added,)
    low = bisect_left(ranges, start, key=_stop_of)
    high = bisect_right(ranges, stop, key=_start_of)
    if low < high:
        start, stop = min(start, ranges[low][0]), max(stop, ranges[high - 1][1])
    return (*ranges[:low], (start, stop), *ranges[high:])


def _without(ranges: Ranges, removed: tuple[int, int]) -> Ranges:
    """Ranges without the ranks of another range."""
    start, stop = removed
    return tuple(
        part
        for first, last in ranges
        for part in ((first, min(last, start)), (max(first, stop), last))
        if part[0] < part[1]
    )


def _start_of(some: tuple[int, int]) -> int:
    return some[0]


def _stop_of(some: tuple[int, int]) -> int:
    return some[1]
