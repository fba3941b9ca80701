"""Counts by score: for many thresholds at once, how many matches of a query reach each of them.

No page is made. The value index and its block counts give the numbers of a large window. The scores of small windows,
heads and deleted rows are collected and counted together.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from bucketquery.arrays.sorted_arrays import counts_reaching
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.model.schema import Array, Float64s, Int64s
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.job_by_job import Source, sources_of
from bucketquery.search.many_jobs import jobs_to_filter
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.search.threshold import Matches
from bucketquery.search.window import Window

#: This many collected scores are counted together.
_AT_ONCE: Final = 1_048_576


def sources_to_count(
    catalog: Catalog, selected: SelectedJobs, resolved: ResolvedQuery, shortcuts: Shortcuts = ALL_SHORTCUTS
) -> Iterable[Source]:
    """Tables that together have the results of several jobs, each once, and the filters of their rows.

    They are the combined tables if all known jobs are selected, and these are more than `Shortcuts.few_counted_jobs`.
    Otherwise, and with an entity filter, they are the own tables of the jobs.
    """
    if selected.is_all and len(selected) > shortcuts.few_counted_jobs and shortcuts.combined and not resolved.where:
        all_jobs = catalog.all_jobs(resolved.schema)
        if all_jobs is not None:
            return [Source(part, None) for part in all_jobs.parts]
    job_ids, _ = jobs_to_filter(catalog, selected, resolved, shortcuts)
    return sources_of(catalog, job_ids, resolved, shortcuts).values()


def threshold_counts(
    sources: Iterable[Source], resolved: ResolvedQuery, thresholds: Float64s, shortcuts: Shortcuts = ALL_SHORTCUTS
) -> Int64s:
    """For each threshold the number of matches that also reach it; each 0 or below, or NaN, counts all matches.

    Args:
        sources: tables with the results of the query's jobs, and their filters.
        resolved: the query.
        thresholds: shape (k,), in any order.
        shortcuts: which work may be skipped.

    O(k log n) for a window that value indexes cover; a smaller window of w rows is sorted in O(w log w).
    """
    lowest, below = resolved.threshold, resolved.below
    asked = np.where(thresholds > 0.0, thresholds, -np.inf)
    if lowest is not None:
        asked = np.maximum(asked, lowest)
    edges = np.unique(asked if below is None else np.append(asked, below))
    if lowest is None and len(edges) and edges[0] == -np.inf:
        # All results match, even those without a score.
        edges = edges[1:]
    total, reaching = _reaching(sources, resolved, edges, shortcuts)
    # A threshold may be greater than all edges, so there is a last place, with the count 0.
    reaching = np.append(reaching, 0)
    counts: Int64s = reaching[edges.searchsorted(asked)]
    if below is not None:
        counts = np.maximum(counts - reaching[edges.searchsorted(below)], 0)
    elif lowest is None:
        counts[asked == -np.inf] = total
    return counts


def _reaching(
    sources: Iterable[Source], resolved: ResolvedQuery, edges: Float64s, shortcuts: Shortcuts
) -> tuple[int, Int64s]:
    """The number of results in the window, and for each of some ascending edges the number at or above it."""
    total, counts = 0, np.zeros(len(edges), dtype=np.int64)
    collected: list[Array] = []
    waiting = 0
    for table, row_filter in sources:
        view = table.final if resolved.exclude_interim else table.rows
        window = Window.of(view, resolved.start, resolved.end)
        if row_filter is not None:
            matches = Matches.of(window, None, shortcuts, None, row_filter)
            total += matches.matched
            own = _scores(matches)
        else:
            total += window.length
            if not len(edges):
                continue
            counted, own = _by_index(window, edges, shortcuts)
            counts += counted
        collected.append(own)
        waiting += len(own)
        if waiting > _AT_ONCE:
            counts += counts_reaching(np.concatenate(collected), edges)
            collected, waiting = [], 0
    if waiting:
        counts += counts_reaching(np.concatenate(collected), edges)
    return total, counts


def _by_index(window: Window, edges: Float64s, shortcuts: Shortcuts) -> tuple[Int64s, Array]:
    """The numbers of scores that a value index counts, less those of deleted rows; and the scores that remain."""
    view, base = window.view, window.view.base
    # As `threshold._counted`: cut to this segment's rows.
    scores = base.column(base.schema.score)
    counts = np.zeros(len(edges), dtype=np.int64)
    low, high = window.base.start, window.base.stop
    if high - low > shortcuts.few_rows and shortcuts.levels:
        value_index = base.value_index(base.schema.score, desc=True)
        if value_index is not None and low < value_index.covered:
            stop = min(high, value_index.covered)
            counts += value_index.counts(scores, low, stop, edges)
            low = stop
    if len(window.deleted):
        counts -= counts_reaching(scores[window.deleted], edges)
    own = scores[low:high]
    if window.head.start < window.head.stop:
        own = np.concatenate((own, view.head.column(base.schema.score)[window.head]))
    return counts, own


def _scores(matches: Matches) -> Array:
    """The scores of all matches."""
    view, rows = matches.window.view, matches.first(matches.matched, desc=False)[0]
    name = view.base.schema.score
    return np.concatenate((view.base.columns[name][rows], view.head.columns[name][matches.head]))
