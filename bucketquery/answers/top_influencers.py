"""Top influencers: the answer as a Python sequence, and how it is made from the influencers of a commit."""

from collections.abc import Callable, Iterator, Sequence
from operator import index as as_index
from typing import Any, Final, overload

import numpy as np

from bucketquery.answers.arrow import (
    DOUBLE,
    INTEGER,
    TEXT,
    Fields,
    Plain,
    Structs,
    Texts,
    schema_capsule,
    stream_capsule,
)
from bucketquery.answers.common import read_only, read_only_objects
from bucketquery.answers.notebook import MOST_SHOWN, top_html
from bucketquery.answers.shown_columns import columns_of_top
from bucketquery.errors import InvalidQuery
from bucketquery.jobs.catalog import Catalog
from bucketquery.model.frozen import Immutable, filler, maker_of
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.schema import Array
from bucketquery.model.text import brief
from bucketquery.queries.parameters import read_text
from bucketquery.queries.top_query import TopQuery
from bucketquery.results.top_influencer import COLUMNS, TopInfluencer
from bucketquery.search.influencers import influencers_of
from bucketquery.search.job_lanes import LaneWindow
from bucketquery.search.lane_sizes import LANE_SIZES, LaneSizes
from bucketquery.storage.keywords import encode_keywords

#: The columns in Arrow.
_FIELDS: Final[Fields] = (
    ("influencer_field_name", TEXT),
    ("influencer_field_value", TEXT),
    ("max_influencer_score", DOUBLE),
    ("sum_influencer_score", DOUBLE),
    ("count", INTEGER),
)

_make: Final = maker_of(TopInfluencer)


class TopInfluencers(Immutable):
    """Influencers of several jobs in a window, by greatest score or by sum.

    A sequence of `TopInfluencer` values. Immutable, safe in any thread, picklable.

    Attributes:
        count: the number of all influencers, before paging.
        sequence: the commit that was read.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> airline = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "influencer_field_name": "airline"}
    >>> scores = [{**airline, "influencer_field_value": value, "influencer_score": 10} for value in ("JZA", "AAL")]
    >>> commit = index.upsert(scores, kind="influencer")
    >>> [each.influencer_field_value for each in index.top_influencers(jobs="web")]
    ['AAL', 'JZA']
    """

    __slots__ = ("_columns", "count", "sequence")

    count: int
    sequence: int
    _columns: dict[str, Array]

    def __init__(self, columns: dict[str, Array], count: int, sequence: int) -> None:
        _fill(self, columns, count, sequence)

    def column(self, name: str) -> Array:
        """One attribute of every entry, as an array that cannot be made writable.

        Args:
            name: ``influencer_field_name`` and ``influencer_field_value`` are objects; ``max_influencer_score`` and
                ``sum_influencer_score`` are float64; ``count`` is int64.

        Returns:
            Shape (len(entries),), in the same order.

        Raises:
            InvalidQuery: entries have no such column.

        Complexity: O(1).

        >>> from bucketquery import ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.top_influencers(jobs="web").column("count")
        array([], dtype=int64)
        """
        name = read_text(name, "name")
        if name not in self._columns:
            raise InvalidQuery(f"[name] must be a column of influencers, not [{brief(name)}]", field="name", value=name)
        return self._columns[name]

    def __len__(self) -> int:
        return len(self._columns["count"])

    def _entries(self, rows: slice) -> list[TopInfluencer]:
        columns = {name: self._columns[name][rows].tolist() for name in COLUMNS}
        return _make(len(columns["count"]), columns)

    def __iter__(self) -> Iterator[TopInfluencer]:
        return iter(self._entries(slice(None)))

    @overload
    def __getitem__(self, index: int) -> TopInfluencer: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TopInfluencer]: ...
    def __getitem__(self, index: int | slice) -> TopInfluencer | Sequence[TopInfluencer]:
        """The entry at a position, or several entries as a tuple."""
        if isinstance(index, slice):
            return tuple(self._entries(index))
        position = range(len(self))[as_index(index)]
        return self._entries(slice(position, position + 1))[0]

    def to_dict(self) -> dict[str, Any]:
        """The answer as a dict that JSON can hold: ``count``, and the ``influencers`` with their attributes."""
        return {"count": self.count, "influencers": [entry.to_dict() for entry in self]}

    def __arrow_c_schema__(self) -> object:
        """The schema of the entries in Arrow, as a capsule."""
        return schema_capsule(_FIELDS)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The entries in Arrow, as the capsule of a stream of one batch. A requested schema is ignored."""
        columns = [
            Texts(*encode_keywords(self._columns[name].tolist())) if of is TEXT else Plain(self._columns[name])
            for name, of in _FIELDS
        ]
        return stream_capsule(_FIELDS, [Structs(len(self), tuple(columns))])

    def _repr_html_(self) -> str:
        """The entries as notebooks show them: a table of at most 50."""
        scores = self._columns["max_influencer_score"][:MOST_SHOWN]
        return top_html(columns_of_top(self[:MOST_SHOWN]), scores, len(self), self.count)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TopInfluencers):
            return NotImplemented
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[Any, ...]:
        return self.count, self.sequence, *(tuple(self._columns[name].tolist()) for name in COLUMNS)

    def __repr__(self) -> str:
        return f"<TopInfluencers: {len(self)} of {self.count}, at commit {self.sequence}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _of, (self.count, self.sequence, *(self._columns[name].tolist() for name in COLUMNS))


_fill: Final = filler(TopInfluencers, "_columns", "count", "sequence")


def _of(count: int, sequence: int, *values: Any) -> TopInfluencers:
    names, fields, best, sums, counts = values
    columns = [
        read_only_objects(names),
        read_only_objects(fields),
        read_only(np.array(best, dtype=np.float64)),
        read_only(np.array(sums, dtype=np.float64)),
        read_only(np.array(counts, dtype=np.int64)),
    ]
    return TopInfluencers(dict(zip(COLUMNS, columns, strict=True)), count, sequence)


def top_influencers_of(
    catalog: Catalog, query: TopQuery, now: Callable[[], int], sequence: int, sizes: LaneSizes = LANE_SIZES
) -> TopInfluencers:
    """The top influencers at a commit.

    Args:
        catalog: the jobs of the commit.
        query: the parameters.
        now: returns epoch ms; called at most once, and only if date math contains ``now``.
        sequence: the number of the commit.
        sizes: when each way to read the results pays off.

    Raises:
        UnknownJob: a job is not known; the error names the first one.
        LimitExceeded: date math leaves the years 0001 to 9999.
    """
    start, end = query.bounds.resolve(now)
    selected = catalog.select(query.jobs, "jobs")
    low, high = FIRST_MS if start is None else start, LAST_MS + 1 if end is None else end
    influencers = influencers_of(catalog, selected, LaneWindow(low, high, query.exclude_interim, sizes), query.field)
    numbers, count = influencers.page(query.from_, query.size, by_sum=query.by_sum)
    pairs = [influencers.pair(number) for number in numbers]
    names, values = [name for name, _ in pairs], [value for _, value in pairs]
    return _of(count, sequence, names, values, *influencers.whole_scores(numbers))
