"""Shortcuts: which work a search may skip, and from which sizes on, as one value that a search is given."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcuts:
    """Which work a search may skip, and from which sizes on. No answer depends on it, only the time that it takes.

    A snapshot hands one to each of its searches. Users always have the default; tests turn shortcuts off, or lower
    the sizes so that few rows are searched as many are.

    Attributes:
        levels: read the sparsest level of a value index that must contain the page.
        ties: if most rows share the best value, look for it along the rows.
        top_k: answer from the first rows of an order that an earlier search found in the same view.
        last_instant: in an order led by time, sort no match behind the last instant of the page.
        combined: search the small jobs of a query as one table.
        deep: start a deep page of several jobs at the instant where it begins.
        few_rows: a window of this many rows or fewer is compared, because asking a value index takes as long.
        few_matches: this many matches or fewer are sorted, because looking for the first ones takes as long.
        few_sort_keys: this many sort keys or fewer are sorted, because picking the greatest takes as long.
        margin: a level is read if it should have this many times the rows that are needed.
        smallest_look: the fewest rows that the first look for matches of a threshold compares.
        first_look: the fewest rows that the first look for a common best value compares.
        top_k_rows: how many first rows of an order a view keeps; a page that ends behind them is searched.
        deep_from: a page of several jobs is deep if it skips more matches than this.
        scan_rows: how many rows a scan reads at once.
        scan_buckets: how many buckets a scan of several jobs reads at once if their records come with them.
    """

    levels: bool = True
    ties: bool = True
    top_k: bool = True
    last_instant: bool = True
    combined: bool = True
    deep: bool = True
    few_rows: int = 1_024
    few_matches: int = 256
    few_sort_keys: int = 512
    margin: float = 1.25
    smallest_look: int = 256
    first_look: int = 512
    top_k_rows: int = 128
    deep_from: int = 1_000
    scan_rows: int = 4_096
    scan_buckets: int = 64


#: All shortcuts, at the sizes from which on they save time.
ALL_SHORTCUTS: Final = Shortcuts()
