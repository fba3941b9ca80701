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
from bucketquery.model.schema import Array, Float64s, Int64s, Schema
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.search.window import Window
from bucketquery.storage.table import Table

#: This many collected scores are counted together.
_AT_ONCE: Final = 1_048_576


def tables_to_count(
    catalog: Catalog, selected: SelectedJobs, schema: Schema, shortcuts: Shortcuts = ALL_SHORTCUTS
) -> Iterable[Table]:
    """Tables that together have the results of several jobs, each once.

    They are the combined tables if all known jobs are selected, and these are more than `Shortcuts.few_counted_jobs`.
    Otherwise they are the own tables of the jobs.
    """
    if selected.is_all and len(selected) > shortcuts.few_counted_jobs and shortcuts.combined:
        all_jobs = catalog.all_jobs(schema)
        if all_jobs is not None:
            return all_jobs.parts
    jobs = (catalog.known(job_id, "jobs") for job_id in selected.ids)
    return (job.tables[schema.kind] for job in jobs if schema.kind in job.tables)


def threshold_counts(
    tables: Iterable[Table], resolved: ResolvedQuery, thresholds: Float64s, shortcuts: Shortcuts = ALL_SHORTCUTS
) -> Int64s:
    """For each threshold the number of matches that also reach it; each 0 or below, or NaN, counts all matches.

    Args:
        tables: tables with the results of the query's jobs.
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
    total, reaching = _reaching(tables, resolved, edges, shortcuts)
    # A threshold may be greater than all edges, so there is a last place, with the count 0.
    reaching = np.append(reaching, 0)
    counts: Int64s = reaching[edges.searchsorted(asked)]
    if below is not None:
        counts = np.maximum(counts - reaching[edges.searchsorted(below)], 0)
    elif lowest is None:
        counts[asked == -np.inf] = total
    return counts


def _reaching(
    tables: Iterable[Table], resolved: ResolvedQuery, edges: Float64s, shortcuts: Shortcuts
) -> tuple[int, Int64s]:
    """The number of results in the window, and for each of some ascending edges the number at or above it."""
    total, counts = 0, np.zeros(len(edges), dtype=np.int64)
    collected: list[Array] = []
    waiting = 0
    for table in tables:
        view = table.final if resolved.exclude_interim else table.rows
        window = Window.of(view, resolved.start, resolved.end)
        total += window.length
        if not len(edges):
            continue
        base = view.base
        # As `threshold._counted`: cut to this segment's rows.
        scores = base.column(base.schema.score)
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
        collected.append(own)
        waiting += len(own)
        if waiting > _AT_ONCE:
            counts += counts_reaching(np.concatenate(collected), edges)
            collected, waiting = [], 0
    if waiting:
        counts += counts_reaching(np.concatenate(collected), edges)
    return total, counts
