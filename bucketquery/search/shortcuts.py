"""Shortcuts: the work that a search may skip, and the sizes that decide when, as one value."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcuts:
    """The work that a search may skip, and the sizes that decide when. They change the time, and no answer.

    A snapshot passes its shortcuts to each of its searches. Users always have the default. Tests turn shortcuts off, or
    lower the sizes so that a few rows are searched in the same way as many rows.

    Attributes:
        levels: count and search in the sparsest suitable level of a value index, rather than in all rows.
        ties: if most rows share the best value, look for it along the rows.
        top_k: answer from the first rows of an order that an earlier search found in the same view.
        last_instant: in an order led by time, sort no match after the last instant of the page.
        combined: search many jobs in the combined tables.
        join: compare and sort the rows of small jobs together.
        skip: leave out the matches before a deep page by their leading value, and sort only those around the page.
        read_ahead: store the matches that follow a page behind a cursor in the view; the next pages are read from them.
        deep: find the first instant of a deep page of jobs that are searched one by one, and search from there on.
        few_rows: the rows of a window of this many or fewer are compared; reading a value index would take as long.
        few_matches: this many matches or fewer are all sorted; looking for the first ones would take as long.
        few_sort_keys: this many sort keys or fewer are all sorted; picking the greatest would take as long.
        margin: a level is read if it should have this many times the needed rows.
        smallest_look: the fewest rows that the first look for matches of a threshold compares.
        first_look: the fewest rows that the first look for a common best value compares.
        top_k_rows: the number of first rows of an order that a view stores; a page that ends after them is searched.
        skip_from: a page that skips fewer matches than this is sorted with them; leaving them out would take as long.
        ahead_rows: the number of matches behind a cursor that a view stores, if the page is smaller.
        deep_from: a page of several jobs is deep if it skips more matches than this.
        few_counted_jobs: the results of this many jobs or fewer are counted by score job by job.
        few_jobs: fewer jobs than this are searched one by one.
        known_per_job: jobs are searched one by one if they are fewer than 1 in N known jobs, so that combined tables
            are not made for them.
        rows_per_job: jobs are searched one by one if all jobs have more than N rows in the window for each of them. To
            search a job takes as long as to look for its label in about this many rows.
        sorted_per_job: in an order that combined tables do not have, all jobs are searched one by one if they have more
            than N rows in the window for each job. To search a job takes as long as to sort about this many labels.
        joined_per_job: the rows of several jobs are joined if they are N or fewer for each job. To search a job takes
            as long as to join and compare more rows than this.
        scan_rows: the number of rows that a scan reads at once.
        scan_buckets: the number of expanded buckets that a scan of several jobs reads at once.
    """

    levels: bool = True
    ties: bool = True
    top_k: bool = True
    last_instant: bool = True
    combined: bool = True
    join: bool = True
    skip: bool = True
    read_ahead: bool = True
    deep: bool = True
    few_rows: int = 1_024
    few_matches: int = 256
    few_sort_keys: int = 512
    margin: float = 1.25
    smallest_look: int = 256
    first_look: int = 512
    top_k_rows: int = 128
    skip_from: int = 2_048
    ahead_rows: int = 2_048
    deep_from: int = 1_000
    few_counted_jobs: int = 64
    few_jobs: int = 16
    known_per_job: int = 1_024
    rows_per_job: int = 2_048
    sorted_per_job: int = 256
    joined_per_job: int = 64
    scan_rows: int = 4_096
    scan_buckets: int = 64


#: All shortcuts, with the sizes at which they begin to save time.
ALL_SHORTCUTS: Final = Shortcuts()
