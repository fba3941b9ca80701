"""Plans: how a page will be found. They are chosen from exact counts, before any row of the page is read.

Counting compares no row by time, and for a threshold only those that its value index leaves open (`Matches`). In time
order there is nothing to choose. In another order the plan that should read the fewest rows comes first. It may find
too few matches among them, and then the next one is carried out; the last one reads all matches. `search.search`
carries plans out.
"""

from typing import Any, Final, Literal, NamedTuple

from bucketquery.model.schema import Array
from bucketquery.search.order import Order, is_of_numbers
from bucketquery.search.threshold import Matches
from bucketquery.storage.view import NO_ROWS
from bucketquery.value_index.value_index import ValueIndex, sort_keys_of

Path = Literal["time", "threshold", "order", "scan", "cache", "jobs"]

#: How the rows of a page are reached.
Access = Literal["instants", "level", "value", "all"]

_new_tuple: Final = tuple.__new__


class Explanation(NamedTuple):
    """How an answer was found.

    Attributes:
        path: what led. ``time``: two ranks and the rows between them; no column is read. ``threshold``: the rows at or
            above it. ``order``: the first rows of the order, of which those that match are picked. ``scan``: every row
            of the window. ``cache``: the first rows of the order, which an earlier search found. ``jobs``: several
            searches, and their results merged.
        column: the column that led; None if only time did.
        levels: the edges of the levels that were read, in the values of their columns.
        rows_read: how many rows were compared one by one.
    """

    path: Path
    column: str | None = None
    levels: tuple[float, ...] = ()
    rows_read: int = 0


BY_TIME: Final = Explanation("time")


class Plan(NamedTuple):
    """How the first matches in an order other than time's will be found.

    Attributes:
        access: ``instants``: sort the matches up to the last instant of the page. ``level``: sort the matches among
            ``rows``. ``value``: look along the rows for those that have ``value``. ``all``: sort all matches.
        path: what leads, as `Explanation` has it.
        column: the column that leads.
        levels: the edges of the levels that are read, for counting too.
        rows: the rows of the base that are read, ascending: those of a level that lie in the window.
        all_match: whether all of them that are not deleted match, as far as the page needs them.
        number: which level of the value index they are, the densest first.
        value: the best value of the column.
        stop: the value index knows the rows of the base before this one. Those behind it are read too.
    """

    access: Access
    path: Path
    column: str
    levels: tuple[float, ...]
    rows: Array
    all_match: bool
    number: int
    value: Any
    stop: int

    def explain(self, rows_read: int) -> Explanation:
        """How an answer was found once this plan was carried out; ``rows_read`` counts those of counting too."""
        return Explanation(self.path, self.column, self.levels, rows_read)


def choose(matches: Matches, order: Order, need: int, failed: Plan | None = None) -> Plan:
    """The plan for the first ``need`` matches in an order other than time's.

    Args:
        matches: those of the query, at least ``need``.
        order: what the query asks for.
        need: where the page ends.
        failed: the plan that found too few of them, None at first. No plan follows one that reads all matches.
    """
    path: Path = "threshold" if matches.levels else "scan"
    lead = order.lead
    if lead == "timestamp" and matches.shortcuts.last_instant:
        access: Access = "instants"
    else:
        if matches.matched > matches.shortcuts.few_matches and (failed is None or failed.access == "level"):
            plan = _by_value_index(matches, order, need, None if failed is None else failed.number)
            if plan is not None:
                return plan
        access = "all"
    return _new_tuple(Plan, (access, path, lead, matches.levels, NO_ROWS, False, 0, None, 0))


def _by_value_index(matches: Matches, order: Order, need: int, failed: int | None) -> Plan | None:
    """A plan that reads some rows of the base by the value index of the leading column; None if that promises nothing.

    ``failed`` is the number of the level that had too few matches, None at first.
    """
    view, base, lead, desc = matches.window.view, matches.window.base, order.lead, order.desc
    value_index = view.base.value_index(lead, desc=desc) if is_of_numbers(view, lead) else None
    if value_index is None or base.start >= value_index.covered:
        return None
    if not value_index.is_tied:
        is_possible = matches.shortcuts.levels
        return _by_level(matches, order, need, value_index, failed) if is_possible else None
    if not matches.shortcuts.ties or len(order.within) > 1:
        return None
    value = sort_keys_of(value_index.best, desc=desc)
    levels = (*matches.levels, float(value))
    return _new_tuple(
        Plan, ("value", "order", lead, levels, NO_ROWS, False, 0, value, min(base.stop, value_index.covered))
    )


def _by_level(matches: Matches, order: Order, need: int, value_index: ValueIndex, failed: int | None) -> Plan | None:
    """A plan that reads the sparsest level that should have ``need`` matches and is denser than one that had not.

    None if there is none, or if it has many more rows than there are matches.
    """
    window, lead, desc = matches.window, order.lead, order.desc
    low, stop = window.base.start, min(window.base.stop, value_index.covered)
    all_match = matches.threshold is None or (desc and lead == window.view.base.schema.score)
    wanted = matches.shortcuts.margin * need * (1 if all_match else window.length / matches.matched)
    share = (stop - low) / value_index.covered
    for number in range((len(value_index.levels) if failed is None else failed) - 1, -1, -1):
        level = value_index.levels[number]
        if len(level) * share >= wanted:
            _, rows, _ = level.between(low, stop)
            if len(rows) > 2 * matches.matched:
                return None
            levels = (*matches.levels, float(sort_keys_of(level.edge, desc=desc)))
            return _new_tuple(Plan, ("level", "order", lead, levels, rows, all_match, number, None, stop))
    return None
