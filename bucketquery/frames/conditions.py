"""Which rows of a table match: jobs, window, score, interim. Each is one expression, and more of them may follow."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import or_
from typing import Final, TypeVar

import narwhals.stable.v2 as nw

from bucketquery.frames.instants import in_window
from bucketquery.frames.table import Table
from bucketquery.jobs.patterns import matcher
from bucketquery.queries.job_tokens import ALL_JOBS
from bucketquery.queries.resolved import ResolvedQuery

#: Up to this number, jobs are compared one by one. Spark skips files for equalities, but not for a list.
MOST_EQUALITIES: Final = 64
#: The characters that mean something in every dialect of regular expressions.
_SPECIAL: Final = frozenset("\\.^$|?*+()[]{}")

_Whole = TypeVar("_Whole")


def in_jobs_and_window(table: Table, tokens: Sequence[str], start: int, end: int) -> Table:
    """The rows of the selected jobs in a window: the conditions that an engine chooses files by."""
    low, high = in_window("timestamp", table.types["timestamp"], table.engine, start, end)
    return table.where(job_condition(tokens, table.text("job_id")), low, high)


def matching(table: Table, resolved: ResolvedQuery) -> Table:
    """The rows of a table, already in jobs and window, that meet the other conditions of a query."""
    return final(table, resolved.exclude_interim).where(_score_condition(table, resolved))


def final(table: Table, exclude_interim: bool) -> Table:  # noqa: FBT001 - the name of the parameter in the API
    """The rows without interim ones, if these are excluded. A row without ``is_interim`` is final."""
    if not exclude_interim or not table.has("is_interim"):
        return table
    return table.where(~nw.col("is_interim").fill_null(value=False))


def _score_condition(table: Table, resolved: ResolvedQuery) -> nw.Expr | None:
    name = resolved.schema.score
    if resolved.threshold is None:
        return None
    if not table.has(name):
        # A missing score reaches no threshold.
        return nw.col("timestamp") != nw.col("timestamp")
    return table.is_within(name, resolved.threshold, resolved.below)


def job_condition(tokens: Sequence[str], job: nw.Expr) -> nw.Expr | None:
    """Whether the tokens of a query select a job, as an expression; None: every job is selected."""
    if tokens == (ALL_JOBS,):
        return None
    chosen: nw.Expr | None = None
    names: list[str] = []
    for token in tokens:
        is_excluded = token.startswith("-")
        if not is_excluded and "*" not in token and token != ALL_JOBS:
            names.append(token)
            continue
        chosen, names = _with_names(chosen, names, job), []
        fits = _fits(token.removeprefix("-"), job)
        if is_excluded:
            assert chosen is not None, "the first token is no exclusion"
            chosen &= ~fits
        else:
            chosen = fits if chosen is None else chosen | fits
    return _with_names(chosen, names, job)


def _with_names(chosen: nw.Expr | None, names: Sequence[str], job: nw.Expr) -> nw.Expr | None:
    if not names:
        return chosen
    named = is_one_of(names, job)
    return named if chosen is None else chosen | named


def is_one_of(names: Sequence[str], column: nw.Expr) -> nw.Expr:
    """Whether a column of text has one of some values."""
    if len(names) <= MOST_EQUALITIES:
        return joined([column == name for name in names], or_)
    return (column >= min(names)) & (column <= max(names)) & column.is_in(names)


def joined(parts: Sequence[_Whole], join: Callable[[_Whole, _Whole], _Whole]) -> _Whole:
    """Some expressions as one, in a balanced tree, because engines limit the depth of an expression."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return join(joined(parts[:half], join), joined(parts[half:], join))


def _fits(name: str, job: nw.Expr) -> nw.Expr:
    """Whether a job has a name, or matches a pattern."""
    if name == ALL_JOBS:
        # A comparison of the column, so that no frame is filtered by a literal alone.
        return ~job.is_null()
    first, *others = name.split("*")
    if not others:
        return job == name
    if others == [""] and first:
        return job.str.starts_with(first)
    pattern = ".*".join(map(_escaped, (first, *others)))
    return job.str.contains(f"^{pattern}$")


def _escaped(text: str) -> str:
    return "".join(f"\\{character}" if character in _SPECIAL else character for character in text)


def job_selection(tokens: Iterable[str]) -> Callable[[str], bool]:
    """The same as `job_condition`, as a function of one id.

    >>> [job for job in ("web-1", "web-2", "db") if job_selection(("web-*", "-web-1"))(job)]
    ['web-2']
    """
    rules = [(token.startswith("-"), _matcher(token.removeprefix("-"))) for token in tokens]
    return partial(_selects, rules)


def _matcher(name: str) -> Callable[[str], bool]:
    return matcher("*" if name == ALL_JOBS else name)


def _selects(rules: Sequence[tuple[bool, Callable[[str], bool]]], job_id: str) -> bool:
    is_selected = False
    for is_excluded, fits in rules:
        if is_selected == is_excluded and fits(job_id):
            is_selected = not is_selected
    return is_selected
