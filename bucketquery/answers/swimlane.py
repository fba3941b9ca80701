"""Swimlanes: the greatest score of each lane in each cell of time, as a table, and how it is made at a commit."""

from typing import Any, Final

import numpy as np

from bucketquery.answers.arrow import (
    DOUBLE,
    TEXT,
    TIMESTAMP,
    Fields,
    Plain,
    Structs,
    Texts,
    schema_capsule,
    stream_capsule,
)
from bucketquery.answers.common import read_only
from bucketquery.answers.notebook import swimlane_html
from bucketquery.errors import LimitExceeded
from bucketquery.jobs.catalog import Catalog
from bucketquery.model.frozen import Immutable, filler
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import Float64s, Int64s
from bucketquery.queries.swimlane_query import SwimlaneQuery
from bucketquery.search.cells import MOST_CELLS, edges_of
from bucketquery.search.influencers import InfluencerLanes, influencers_of
from bucketquery.search.job_lanes import LaneWindow, job_lanes
from bucketquery.search.lane_sizes import LANE_SIZES, LaneSizes

#: The columns in Arrow.
_FIELDS: Final[Fields] = (("lane", TEXT), ("cell", TIMESTAMP), ("cell_end", TIMESTAMP), ("score", DOUBLE))
_NO_EDGES: Final[Int64s] = np.empty(0, dtype=np.int64)


class Swimlane(Immutable):
    """The greatest score of each lane in each cell of time. Immutable, safe in any thread, picklable.

    Attributes:
        lanes: the names of the lanes, the one with the greatest score first.
        cells: the first instant of each cell, epoch ms, int64; an array that cannot be made writable.
        edges: the same, and the end of the last cell; empty if there are no cells.
        scores: the greatest scores, shape (lanes, cells), float64, NaN for a cell without results; not writable.
        lane_count: the number of all lanes, before paging.
        sequence: the commit that was read.

    >>> from bucketquery import ResultsIndex, SwimlaneQuery
    >>> index = ResultsIndex()
    >>> hours = [{"job_id": "web", "timestamp": hour * 3_600_000, "bucket_span": 3600} for hour in (0, 2)]
    >>> commit = index.upsert([{**hour, "anomaly_score": 50} for hour in hours], kind="bucket")
    >>> swimlane = index.swimlane(SwimlaneQuery(jobs="web", cell=3600))
    >>> swimlane.lanes, swimlane.scores
    (('web',), array([[50., nan, 50.]]))
    """

    __slots__ = ("edges", "lane_count", "lanes", "scores", "sequence")

    lanes: tuple[str, ...]
    edges: Int64s
    scores: Float64s
    lane_count: int
    sequence: int

    def __init__(self, lanes: tuple[str, ...], edges: Int64s, scores: Float64s, lane_count: int, sequence: int) -> None:
        _fill(self, lanes, read_only(edges), read_only(scores).reshape(scores.shape), lane_count, sequence)

    @property
    def cells(self) -> Int64s:
        """The first instant of each cell, epoch ms.

        >>> from bucketquery import ResultsIndex, SwimlaneQuery
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.swimlane(SwimlaneQuery(jobs="web", cell=60, start=0, end=120_000)).cells.tolist()
        [0, 60000]
        """
        return self.edges[:-1]

    def __len__(self) -> int:
        return len(self.lanes)

    def to_dict(self) -> dict[str, Any]:
        """The attributes as a dict that JSON can hold; a cell without results has None."""
        scores: list[list[float | None]] = self.scores.tolist()
        for row, column in zip(*(places.tolist() for places in np.isnan(self.scores).nonzero()), strict=True):
            scores[row][column] = None
        return {
            "lanes": list(self.lanes),
            "cells": self.cells.tolist(),
            "edges": self.edges.tolist(),
            "scores": scores,
            "lane_count": self.lane_count,
            "sequence": self.sequence,
        }

    def __arrow_c_schema__(self) -> object:
        """The schema of the swimlane in Arrow, as a capsule."""
        return schema_capsule(_FIELDS)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The swimlane in Arrow, as the capsule of a stream of one batch: a row for each cell that has results.

        The rows go lane by lane, and by time within a lane. The columns are ``lane``, ``cell`` (its first instant),
        ``cell_end`` (the first instant behind it) and ``score``. A requested schema is ignored.
        """
        lanes, cells = (~np.isnan(self.scores)).nonzero()
        columns = (
            Texts(lanes.astype(np.int32), np.array(self.lanes, dtype=np.object_)),
            Plain(self.edges[cells]),
            Plain(self.edges[cells + 1]),
            Plain(self.scores[lanes, cells]),
        )
        return stream_capsule(_FIELDS, [Structs(len(lanes), columns)])

    def _repr_html_(self) -> str:
        """The swimlane as notebooks show it: a heat map of at most 50 lanes."""
        return swimlane_html(self.lanes, self.edges, self.scores, self.lane_count)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Swimlane):
            return NotImplemented
        return (
            self._facts() == other._facts()
            and np.array_equal(self.edges, other.edges)
            and np.array_equal(self.scores, other.scores, equal_nan=True)
        )

    def __hash__(self) -> int:
        return hash((*self._facts(), self.edges.tobytes()))

    def _facts(self) -> tuple[Any, ...]:
        return self.lanes, self.lane_count, self.sequence

    def __repr__(self) -> str:
        cells = len(self.cells)
        return f"<Swimlane: {len(self)} of {self.lane_count} lanes, {cells} cells, at commit {self.sequence}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # The arrays are views of bytes, which pickle as they are.
        return type(self), (self.lanes, self.edges, self.scores, self.lane_count, self.sequence)


_fill: Final = filler(Swimlane, "lanes", "edges", "scores", "lane_count", "sequence")


def swimlane_of(
    catalog: Catalog,
    query: SwimlaneQuery,
    sides: tuple[int | None, int | None],
    sequence: int,
    sizes: LaneSizes = LANE_SIZES,
) -> Swimlane:
    """The answer of a query at a commit.

    Args:
        catalog: the jobs of the commit.
        query: the query.
        sides: the first instant of the window and the first one behind it, epoch ms; None if a side is open.
        sequence: the number of the commit.
        sizes: when each way to read the results pays off.

    Raises:
        UnknownJob: a job is not known; the error names the first one.
        LimitExceeded: there are more than `MOST_CELLS` cells or scores.
        InvalidQuery: the zone of the query raises an error or has impossible offsets.
    """
    start, end = sides
    selected = catalog.select(query.jobs, "jobs")
    window = LaneWindow(
        FIRST_MS if start is None else start, LAST_MS + 1 if end is None else end, query.exclude_interim, sizes
    )
    if window.start >= window.end:
        return _nothing(sequence)
    lanes: Any
    if query.by == "job":
        lanes = job_lanes(catalog, selected, window)
    else:
        lanes = InfluencerLanes(influencers_of(catalog, selected, window, query.by))
    first, last = window.start, window.end - 1
    if start is None or end is None:
        ends = lanes.ends()
        if ends is None:
            return _nothing(sequence)
        first, last = ends[0] if start is None else first, ends[1] if end is None else last
    edges = edges_of(query, first, last)
    page = lanes.page(query.from_, query.lanes)
    if len(page.names) * (len(edges) - 1) > MOST_CELLS:
        reason = f"[cell] makes more than {MOST_CELLS} scores of {len(page.names)} lanes"
        raise LimitExceeded(reason, field="cell", value=query.cell)
    scores = page.scores(edges.clip(window.start, window.end))
    return Swimlane(page.names, edges, scores, page.lane_count, sequence)


def _nothing(sequence: int) -> Swimlane:
    return Swimlane((), _NO_EDGES, np.empty((0, 0)), 0, sequence)
