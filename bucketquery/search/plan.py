"""Plans: how a page in another order than time order will be found. They are chosen before any row of it is read.

`choose` knows the exact count of the matches. The first plan is the one that should read the fewest rows. If it finds
too few matches, the next plan is carried out. The last one reads all matches. `search.search` carries plans out.

Other modules make the other choices:

- `search` chooses time order, where no plan is needed, and the top-k cache.
- `threshold` chooses how the matches are counted: by a level, by block counts, or by comparing all rows.
- `many_jobs` chooses whether several jobs are searched together, and `job_by_job` the first instant of a deep page of
  jobs that are not.

The module also has `Explanation`, which says how an answer was found.
"""

from typing import Any, Final, Literal, NamedTuple

import numpy as np

from bucketquery.arrays.sorted_arrays import sampled
from bucketquery.model.schema import Array, Int64s
from bucketquery.search.order import Order, is_of_numbers
from bucketquery.search.threshold import Matches
from bucketquery.storage.view import NO_ROWS
from bucketquery.value_index.value_index import ValueIndex, sort_keys_of

Path = Literal["time", "threshold", "order", "scan", "cache", "jobs", "filter"]

#: The ways to read the rows of a page.
Access = Literal["instants", "level", "value", "all"]

_new_tuple: Final = tuple.__new__

#: The number of values in the sample that tells which rows of a band come first.
_SAMPLED_VALUES: Final = 1_024
#: The number of a plan that reads the column itself in place of a level.
_COLUMN: Final = -1


class Explanation(NamedTuple):
    """How an answer was found.

    Attributes:
        path: the way that the search took. ``time``: the rows between two ranks; no column is read. ``threshold``: the
            rows at or above the threshold. ``order``: the first rows of the order, from which the matches are picked.
            ``scan``: every row of the window, compared or counted by block counts. ``cache``: the first rows of the
            order, which an earlier search found. ``jobs``: a search of several jobs, together or one by one.
            ``filter``: the rows that the lists of an entity filter have.
        column: the column whose values led; None if only time led.
        levels: the edges of the levels that were read, in the values of their columns.
        rows_read: the number of rows that were compared one by one, without the rows of the head and the deleted rows
            that the threshold counts separately.
    """

    path: Path
    column: str | None = None
    levels: tuple[float, ...] = ()
    rows_read: int = 0


BY_TIME: Final = Explanation("time")


class Plan(NamedTuple):
    """How the first matches in an order other than time order will be found.

    Attributes:
        access: ``instants``: sort the matches up to the last instant of the page. ``level``: sort the matches among
            ``rows``. ``value``: look along the rows for those that have ``value``. ``all``: sort all matches.
        path: the path of its `Explanation`.
        column: the column that leads, or whose lists gave the matches.
        levels: the edges of the levels that are read, including those read for the count.
        rows: the rows of the base that are read, ascending: the rows of a level in the window.
        compared: the number of rows that are compared to read these.
        all_match: whether only deletion must be checked: any of these rows that the page needs matches if it is not
            deleted.
        number: the number of that level in the value index, the densest first; -1: the whole column.
        value: the best value of the column.
        stop: the value index covers the rows of the base before this one. The rows from this one on are read too.
    """

    access: Access
    path: Path
    column: str
    levels: tuple[float, ...]
    rows: Array
    compared: int
    all_match: bool
    number: int
    value: Any
    stop: int

    def explain(self, rows_read: int) -> Explanation:
        """The explanation of an answer by this plan; ``rows_read`` includes the rows compared for the count."""
        return Explanation(self.path, self.column, self.levels, rows_read)


def choose(matches: Matches, order: Order, need: int, failed: Plan | None = None) -> Plan:
    """The plan for the first ``need`` matches in an order other than time order.

    Args:
        matches: the matches of the query, at least ``need``.
        order: the order of the query.
        need: the number of matches up to the end of the page.
        failed: the plan that found too few matches; None at first. No plan follows one that reads all matches.
    """
    lead = order.lead
    if lead == "timestamp" and matches.shortcuts.last_instant:
        access: Access = "instants"
    else:
        if matches.matched > matches.shortcuts.few_matches and (failed is None or failed.access == "level"):
            plan = _by_value_index(matches, order, need, None if failed is None else failed.number)
            if plan is not None:
                return plan
        access = "all"
    return _new_tuple(
        Plan, (access, matches.path, matches.listed_by or lead, matches.levels, NO_ROWS, 0, False, 0, None, 0)
    )


def _by_value_index(matches: Matches, order: Order, need: int, failed: int | None) -> Plan | None:
    """A plan that reads some rows of the base by the value index of the leading column; None if no plan pays.

    ``failed`` is the number of the level that had too few matches, None at first.
    """
    view, base, lead, desc = matches.window.view, matches.window.base, order.lead, order.desc
    value_index = view.base.value_index(lead, desc=desc) if is_of_numbers(view, lead) else None
    # The last condition also holds if the window has rows of the head only.
    if value_index is None or base.start >= min(base.stop, value_index.covered):
        return None
    if not value_index.is_tied:
        is_possible = matches.shortcuts.levels
        return _by_level(matches, order, need, value_index, failed) if is_possible else None
    if not matches.shortcuts.ties or len(order.within) > 1:
        return None
    value = sort_keys_of(value_index.best, desc=desc)
    if matches.below is not None and lead == view.base.schema.score and not matches.threshold <= value < matches.below:
        # No row with this value is in the band.
        return None
    levels = (*matches.levels, float(value))
    return _new_tuple(
        Plan, ("value", "order", lead, levels, NO_ROWS, 0, False, 0, value, min(base.stop, value_index.covered))
    )


def _by_level(matches: Matches, order: Order, need: int, value_index: ValueIndex, failed: int | None) -> Plan | None:
    """A plan that reads the sparsest level that should have ``need`` matches and is denser than a failed one.

    None if there is no such level, or if it has many more rows than there are matches.
    """
    window, lead, desc = matches.window, order.lead, order.desc
    low, stop = window.base.start, min(window.base.stop, value_index.covered)
    all_match = matches.threshold is None or (desc and lead == window.view.base.schema.score)
    all_match = all_match and matches.row_filter is None
    # If all match, the rows above a band come first. They are left out by their number, and the page follows.
    above = matches.above if all_match else 0
    wanted = matches.shortcuts.margin * (above + need * (1 if all_match else window.length / matches.matched))
    share = (stop - low) / value_index.covered
    for number in range((len(value_index.levels) if failed is None else failed) - 1, -1, -1):
        level = value_index.levels[number]
        if len(level) * share >= wanted:
            _, rows, sort_keys = level.between(low, stop)
            compared = len(rows)
            if compared > 2 * (matches.matched + above):
                return None
            if all_match and matches.below is not None:
                rows = rows[_best_below(sort_keys, matches.below, need)]
            levels = (*matches.levels, float(sort_keys_of(level.edge, desc=desc)))
            return _new_tuple(Plan, ("level", "order", lead, levels, rows, compared, all_match, number, None, stop))
    if not all_match or matches.below is None or failed == _COLUMN or stop - low > 2 * (matches.matched + above):
        return None
    # The rows of the band come so late that no level has them. Then the column is read as the densest level.
    scores = window.view.base.columns[lead][low:stop]
    rows = _best_below(scores, matches.below, need) + low
    return _new_tuple(Plan, ("level", "order", lead, matches.levels, rows, len(scores), all_match, _COLUMN, None, stop))


def bounded_plan(matches: Matches, order: Order, need: int, least: Any) -> Plan | None:
    """The plan for all matches whose sort key is at least ``least``, by the sparsest level that has them all.

    The level may also have rows with lower sort keys, and it may have no match.

    Args:
        matches: the matches of the query, at least ``need``.
        order: an order whose leading column has numbers in every row.
        need: the number of matches that `choose` would look for.
        least: the lowest wanted sort key.

    Returns:
        None if no level has them all, or if `choose` finds a level that is as sparse.
    """
    window, lead, desc = matches.window, order.lead, order.desc
    if matches.matched <= matches.shortcuts.few_matches or not matches.shortcuts.levels:
        return None
    value_index = window.view.base.value_index(lead, desc=desc)
    level = None if value_index is None else value_index.serving(least)
    if value_index is None or level is None or window.base.start >= value_index.covered:
        return None
    stop = min(window.base.stop, value_index.covered)
    _, rows, _ = level.between(window.base.start, stop)
    if len(rows) > matches.shortcuts.margin * need:
        return None
    edge = float(sort_keys_of(level.edge, desc=desc))
    levels = (*matches.levels, edge)
    return _new_tuple(Plan, ("level", "order", lead, levels, rows, len(rows), False, 0, None, stop))


def _best_below(sort_keys: Array, below: float, need: int) -> Int64s:
    """The places of the greatest sort keys that are less than ``below``: about twice ``need``, or all.

    A sample gives the least sort key that is taken. So only few places are listed, even if most are below the bound.
    """
    sample = sampled(sort_keys, _SAMPLED_VALUES)
    taken = 2 * need * len(sample) // max(1, len(sort_keys))
    sample = np.sort(sample[sample < below])
    place = len(sample) - 1 - taken
    is_below = sort_keys < below
    if place > 0:
        places: Int64s = (is_below & (sort_keys >= sample[place - 1])).nonzero()[0]
        if len(places) >= need:
            return places
    return is_below.nonzero()[0]
