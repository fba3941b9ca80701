"""The reference answers about many results at once: swimlanes, top influencers, and counts by score, over plain dicts.

Not here: paging and order of single results (`reference`), the cells of a swimlane (`cells`), reading texts.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, tzinfo
from typing import Any, Final, NamedTuple

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.schema import Kind
from bucketquery.queries.queries import BucketQuery
from bucketquery.testing.cells import cell_edges
from bucketquery.testing.filters import witnessed
from bucketquery.testing.living import stored_results
from bucketquery.testing.reference import SCORE, Query, kind_of, matches, refuse_texts
from bucketquery.testing.selection import selects
from bucketquery.testing.shapes import Document
from bucketquery.testing.values import double, plain, timestamp_ms

_MOST_SCORES: Final = 1_000_000
#: The first instant of the year 0001, and the first one behind the year 9999.
_FIRST_MS: Final = -62_135_596_800_000
_BEHIND_MS: Final = 253_402_300_800_000
_MOST_THRESHOLDS: Final = 10_000
#: The mean length of a day and a week, and the shortest of a month.
_SECONDS: Final = {"day": 86_400, "week": 7 * 86_400, "month": 28 * 86_400}
_SEVERITIES: Final = (("low", -math.inf), ("warning", 3.0), ("minor", 25.0), ("major", 50.0), ("critical", 75.0))


class ExpectedSwimlane(NamedTuple):
    """A swimlane as the index must return it.

    Attributes:
        lanes: the names of the lanes on the page.
        cells: the first instant of each cell, in epoch ms.
        edges: the same, and the end of the last cell; empty without cells.
        scores: for each lane, the greatest score in each cell; None without results.
        lane_count: the number of all lanes.

    >>> ExpectedSwimlane([], [], [], [], 0).lane_count
    0
    """

    lanes: list[str]
    cells: list[int]
    edges: list[int]
    scores: list[list[float | None]]
    lane_count: int


def evaluate_swimlane(
    documents: Iterable[Document] | Any,
    *,
    jobs: Iterable[str],
    cell: int | str,
    start: int | None = None,
    end: int | None = None,
    tzinfo: tzinfo = UTC,
    by: str = "job",
    lanes: int = 10,
    from_: int = 0,
    exclude_interim: bool = False,
) -> ExpectedSwimlane:
    """The swimlane of `documents`.

    Args:
        documents: as `evaluate` takes them.
        jobs: the ids of the selected jobs; `selected` makes them from tokens.
        cell: the length of a cell in seconds, or ``day``, ``week`` or ``month``.
        start: the first instant of the window, in epoch ms; None or -1 leaves this side open.
        end: the first instant after the window; None or -1 leaves this side open.
        tzinfo: the zone of days, weeks and months. All cells must begin and end in the years 0001 to 9999.
        by: ``job``, or the field name of influencers.
        lanes: the largest number of lanes on the page.
        from_: the number of lanes to skip.
        exclude_interim: whether interim results are left out.

    Raises:
        LimitExceeded: there are more than 1,000,000 cells or scores.

    Complexity: O(n log n + lanes * cells) for n documents.
    Source: docs/semantics/swimlanes.md, 20.swimlanes to 20.swimlane-cells.

    >>> loud = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 900, "anomaly_score": 80}
    >>> found = evaluate_swimlane([loud], jobs=["web"], cell=3_600, end=7_200_000)
    >>> found.lanes, found.cells, found.scores
    (['web'], [0, 3600000], [[80.0, None]])
    """
    start, end = _in_years(start), _in_years(end)
    kind: Kind = "bucket" if by == "job" else "influencer"
    named = [
        (_lane(document, by), timestamp_ms(document), double(document.get(SCORE[kind])))
        for document in _within(documents, kind, jobs, start, end, exclude_interim=exclude_interim)
    ]
    results = [(lane, timestamp, score) for lane, timestamp, score in named if lane is not None]
    best: dict[str, float] = {}
    for lane, _, score in results:
        best[lane] = max(score, best.get(lane, score))
    page = sorted(best, key=lambda lane: (-best[lane], lane))[from_ : from_ + lanes]
    edges = _edges([timestamp for _, timestamp, _ in results], start, end, cell, tzinfo)
    cells = edges[:-1]
    if len(cells) > _MOST_SCORES or len(page) * len(cells) > _MOST_SCORES:
        reason = f"a swimlane has at most {_MOST_SCORES} cells and scores"
        raise LimitExceeded(reason, field="cell", value=cell)
    scores: list[list[float | None]] = [[None] * len(cells) for _ in page]
    row = {lane: number for number, lane in enumerate(page)}
    for lane, timestamp, score in results:
        if lane in row:
            of_lane, at = scores[row[lane]], bisect_right(edges, timestamp) - 1
            before = of_lane[at]
            of_lane[at] = score if before is None else max(score, before)
    return ExpectedSwimlane(page, cells, edges, scores, len(best))


def evaluate_top_influencers(
    documents: Iterable[Document] | Any,
    *,
    jobs: Iterable[str],
    field: str | None = None,
    start: int | None = None,
    end: int | None = None,
    by: str = "max",
    size: int = 10,
    from_: int = 0,
    exclude_interim: bool = False,
) -> tuple[int, list[dict[str, Any]]]:
    """The number of all entries of a list of influencers, and the entries on its page.

    Args:
        documents: as `evaluate` takes them.
        jobs: the ids of the selected jobs; `selected` makes them from tokens.
        field: the only field name that counts; None for all.
        start: the first instant of the window, in epoch ms; None or -1 leaves this side open.
        end: the first instant after the window; None or -1 leaves this side open.
        by: ``max`` or ``sum``.
        size: the largest number of entries.
        from_: the number of entries to skip.
        exclude_interim: whether interim results are left out.

    Complexity: O(n log n) for n documents.
    Source: docs/semantics/swimlanes.md, 20.top-influencers.

    >>> at = {"result_type": "influencer", "job_id": "web", "timestamp": 0, "bucket_span": 900}
    >>> host = {**at, "influencer_field_name": "host", "influencer_field_value": "a", "influencer_score": 7}
    >>> count, entries = evaluate_top_influencers([host, {**host, "timestamp": 900_000}], jobs=["web"])
    >>> count, entries[0]["sum_influencer_score"], entries[0]["count"]
    (1, 14.0, 2)
    """
    scores: dict[tuple[str, str], list[float]] = {}
    for document in _within(documents, "influencer", jobs, _bound(start), _bound(end), exclude_interim=exclude_interim):
        name, value = plain(document.get("influencer_field_name")), plain(document.get("influencer_field_value"))
        if name is not None and value is not None and field in {None, name}:
            scores.setdefault((name, value), []).append(double(document.get("influencer_score")))
    entries: list[dict[str, Any]] = [
        {
            "influencer_field_name": name,
            "influencer_field_value": value,
            "max_influencer_score": max(of_entry),
            "sum_influencer_score": math.fsum(of_entry),
            "count": len(of_entry),
        }
        for (name, value), of_entry in sorted(scores.items())
    ]
    # The sort is stable, so ties stay in the order of their names and values.
    entries.sort(key=lambda entry: -entry[f"{by}_influencer_score"])
    return len(entries), entries[from_ : from_ + size]


def evaluate_severity_counts(documents: Iterable[Document] | Any, query: Query) -> dict[str, int]:
    """The number of matches of each severity, from low to critical.

    Args:
        documents: as `evaluate` takes them.
        query: as `evaluate` takes it, but no lookup.

    Raises:
        InvalidQuery: `query` is a lookup.

    Complexity: O(n) for n documents.
    Source: docs/semantics/swimlanes.md, 20.severity-counts.

    >>> loud = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 900, "anomaly_score": 80}
    >>> evaluate_severity_counts([loud], BucketQuery(jobs="web"))
    {'low': 0, 'warning': 0, 'minor': 0, 'major': 0, 'critical': 1}
    """
    counts = dict.fromkeys([name for name, _ in _SEVERITIES], 0)
    for document in _matching(documents, query):
        score = double(document.get(SCORE[kind_of(query)]))
        counts[[name for name, lowest in _SEVERITIES if score >= lowest][-1]] += 1
    return counts


def evaluate_threshold_counts(
    documents: Iterable[Document] | Any, query: Query, thresholds: Sequence[float]
) -> list[int]:
    """For each threshold, the number of matches that also reach it.

    Args:
        documents: as `evaluate` takes them.
        query: as `evaluate` takes it, but no lookup.
        thresholds: numbers in any order; 0, negative numbers and NaN filter nothing.

    Raises:
        InvalidQuery: `query` is a lookup.
        LimitExceeded: there are more than 10,000 thresholds.

    Complexity: O(n t) for n documents and t thresholds.
    Source: docs/semantics/swimlanes.md, 20.threshold-counts.

    >>> loud = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 900, "anomaly_score": 80}
    >>> evaluate_threshold_counts([loud], BucketQuery(jobs="web"), [0, 80, 81])
    [1, 1, 0]
    """
    if len(thresholds) > _MOST_THRESHOLDS:
        reason = f"[thresholds] has more than {_MOST_THRESHOLDS} numbers"
        raise LimitExceeded(reason, field="thresholds", value=thresholds)
    scores = [plain(document.get(SCORE[kind_of(query)])) for document in _matching(documents, query)]
    return [
        sum(not threshold > 0.0 or (score is not None and score >= threshold) for score in scores)
        for threshold in thresholds
    ]


def _bound(given: int | None) -> int | None:
    return None if given == -1 else given


def _in_years(given: int | None) -> int | None:
    """A bound in the years 0001 to 9999, outside of which there are no results and no cells."""
    bound = _bound(given)
    return None if bound is None else min(max(bound, _FIRST_MS), _BEHIND_MS)


def _lane(document: Document, by: str) -> str | None:
    """The name of the lane of a result; None if it has none."""
    if by == "job":
        name: str = plain(document["job_id"])
        return name
    is_of_field = plain(document.get("influencer_field_name")) == by
    return plain(document.get("influencer_field_value")) if is_of_field else None


def _edges(timestamps: list[int], start: int | None, end: int | None, cell: int | str, zone: tzinfo) -> list[int]:
    """The edges of the cells; none without a cell."""
    if start is not None and end is not None and start >= end:
        return []
    if not timestamps and (start is None or end is None):
        return []
    first = min(timestamps) if start is None else start
    last = max(timestamps) if end is None else end - 1
    seconds = cell if isinstance(cell, int) else _SECONDS[cell]
    if (last - first) // (seconds * 1_000) > _MOST_SCORES:
        reason = f"a swimlane has at most {_MOST_SCORES} cells"
        raise LimitExceeded(reason, field="cell", value=cell)
    return cell_edges(first, last, cell, zone)


def _within(
    documents: Iterable[Document] | Any,
    kind: Kind,
    jobs: Iterable[str],
    start: int | None,
    end: int | None,
    *,
    exclude_interim: bool,
) -> list[Document]:
    """The stored results of a kind and some jobs in a window."""
    chosen = set(jobs)
    return [
        document
        for (of, key), document in stored_results(documents).items()
        if of == kind and key[0] in chosen
        if start is None or key[1] >= start
        if end is None or key[1] < end
        if not (exclude_interim and plain(document.get("is_interim")))
    ]


def _matching(documents: Iterable[Document] | Any, query: Query) -> list[Document]:
    """The stored results that a query matches."""
    refuse_texts(query)
    if isinstance(query, BucketQuery) and query.timestamp is not None:
        reason = "a lookup has no counts by score"
        raise InvalidQuery(reason, field="query", value=query)
    kind, stored = kind_of(query), stored_results(documents)
    witnesses = witnessed([document for (of, _), document in stored.items() if of == "record"], query)
    return [
        document
        for (of, key), document in stored.items()
        if of == kind and selects(query.jobs, key[0]) and matches(document, query, witnesses)
    ]
