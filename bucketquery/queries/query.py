"""The base of the three kinds of queries. It reads, resolves, compares, copies and pickles their parameters.

`queries` declares the kinds and their signatures. The modules that take a `ResolvedQuery` handle neither ``now`` nor -1
for an unset bound.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final, NamedTuple

from bucketquery.errors import InvalidQuery
from bucketquery.model.frozen import filler
from bucketquery.model.instants import FIRST_MS, LAST_MS, Instant, InstantRange, NowMath
from bucketquery.model.schema import Schema
from bucketquery.queries.job_tokens import ALL_JOBS
from bucketquery.queries.parameters import (
    read_boolean,
    read_bound,
    read_canonical_instant,
    read_condition,
    read_integer,
    read_score,
    read_sort,
)
from bucketquery.queries.query_value import QueryValue
from bucketquery.queries.resolved import ResolvedQuery, clamp
from bucketquery.queries.where import Where, read_where

_new_tuple: Final = tuple.__new__


class ParsedBounds(NamedTuple):
    """The parsed parameters of a query that differ from its attributes.

    Attributes:
        start: None if this side is open.
        end: None if this side is open.
        threshold: lowest score that matches; None lets every result match.
        below: lowest score that is too high to match; None: no score is too high.
        expand: whether the records of the page's buckets are included.
        timestamp: the instants that a lookup covers; None if the query is not a lookup.
    """

    start: InstantRange | NowMath | None
    end: InstantRange | NowMath | None
    threshold: float | None
    below: float | None
    expand: bool
    timestamp: InstantRange | NowMath | None


class Query(QueryValue):
    """A query for one kind of results, with the parameters that all kinds share.

    A kind is a frozen dataclass. Its fields are its parameters only; other slots hold the parsed values.
    """

    __slots__ = (
        "_job_id",
        "_parsed",
        "_resolved",
        "desc",
        "end",
        "exclude_interim",
        "from_",
        "jobs",
        "size",
        "sort",
        "start",
        "where",
    )

    _schema: ClassVar[Schema]
    _orders: ClassVar[Mapping[str, tuple[str, ...]]]
    #: Writes the slots of this kind, which the other kinds do not have. Its arguments are the query, the score,
    #: ``expand`` and ``timestamp``; it ignores an argument without a slot.
    _fill_own: ClassVar[Callable[..., None]]
    jobs: tuple[str, ...]
    start: int | str | None
    end: int | str | None
    exclude_interim: bool
    sort: str
    desc: bool
    from_: int
    size: int
    where: Where
    #: The only token, if it is an id or the name of a group; None for a pattern, ``_all`` and several tokens.
    _job_id: str | None
    _parsed: ParsedBounds
    #: None if date math needs the clock at each search.
    _resolved: ResolvedQuery | None

    def _read(
        self,
        *,
        jobs: tuple[str, ...],
        start: Instant | None,
        end: Instant | None,
        score: object,
        exclude_interim: object,
        sort: object,
        desc: object,
        from_: object,
        size: object,
        expand: object = False,
        timestamp: Instant | None = None,
        where: object = None,
        takes_band: bool = True,
    ) -> None:
        """Check the parameters and store them. The caller has checked the jobs.

        Most parameters are valid as given, so a fast test comes first. If it fails, a function reads the parameter.
        """
        canonical_start, first = (None, None) if start is None else read_bound(start, "start")
        canonical_end, behind = (None, None) if end is None else read_bound(end, "end")
        threshold: Any = score
        below = None
        if type(score) is not float:
            read = read_score if type(score) is int or not takes_band else read_condition
            threshold = score = read(score, self._schema.score)
            if type(threshold) is tuple:
                threshold, below = threshold
        if exclude_interim is not False:
            exclude_interim = read_boolean(exclude_interim, "exclude_interim")
        if type(sort) is not str or sort not in self._orders:
            sort = read_sort(self._schema, sort)
        if desc is not False:
            desc = read_boolean(desc, "desc")
        if type(from_) is not int or from_ < 0:
            from_ = read_integer(from_, "from", "from_")
        if type(size) is not int or size < 0:
            size = read_integer(size, "size", "size")
        if expand is not False:
            expand = read_boolean(expand, "expand")
        moment, lookup = (
            (None, None) if timestamp is None else read_canonical_instant(timestamp, "timestamp", covers=True)
        )
        # A band with a low end of 0 or less is a condition too: it leaves out missing scores.
        lowest = threshold if threshold > 0.0 or below is not None else None
        # This does the same as the constructor of the named tuple, in a third of the time.
        parsed = _new_tuple(ParsedBounds, (first, behind, lowest, below, expand, lookup))
        job_id = jobs[0] if len(jobs) == 1 else None
        if job_id is not None and ("*" in job_id or job_id == ALL_JOBS):
            job_id = None
        _fill(
            self,
            jobs,
            job_id,
            canonical_start,
            canonical_end,
            exclude_interim,
            sort,
            desc,
            from_,
            size,
            () if where is None else read_where(self._schema, where),
            parsed,
        )
        # NaN is neither above zero nor below. It filters nothing, so it becomes 0.0.
        canonical_score = score if threshold > 0.0 or threshold <= 0.0 else 0.0
        self._fill_own(self, canonical_score, expand, moment)
        needs_clock = type(first) is NowMath or type(behind) is NowMath or type(lookup) is NowMath
        _fill_resolved(self, None if needs_clock else self._resolve(0))

    def _resolve(self, now: int) -> ResolvedQuery:
        """The query with every instant fixed, for a ``now`` in epoch ms."""
        first, behind, threshold, below, expand, moment = self._parsed
        low, high = FIRST_MS, LAST_MS + 1
        if first is not None:
            low = clamp((first.resolve(now, "start") if isinstance(first, NowMath) else first)[0])
        if behind is not None:
            high = clamp((behind.resolve(now, "end") if isinstance(behind, NowMath) else behind)[0])
        exclude_interim, from_, size = self.exclude_interim, self.from_, self.size
        exclude_interim_records = exclude_interim
        if moment is not None:
            lookup = moment.resolve(now, "timestamp") if isinstance(moment, NowMath) else moment
            # As in the server, a lookup ignores the threshold, and a band too. It also finds interim buckets:
            # ``exclude_interim`` only leaves out their interim records.
            low, high = clamp(lookup.first), clamp(lookup.last + 1)
            threshold, below, exclude_interim, from_, size = None, None, False, 0, 1
        return _new_tuple(
            ResolvedQuery,
            (
                low,
                high,
                threshold,
                exclude_interim,
                self._orders[self.sort],
                self.sort == "job_id",
                self.desc,
                from_,
                size,
                moment is not None,
                expand,
                exclude_interim_records,
                self._schema,
                below,
                self.where,
            ),
        )


_fill: Final = filler(
    Query, "jobs", "_job_id", "start", "end", "exclude_interim", "sort", "desc", "from_", "size", "where", "_parsed"
)
_fill_resolved: Final = filler(Query, "_resolved")


def refuse_beside_timestamp(names: Iterable[str]) -> None:
    """Refuse the first parameter that must not be given together with ``timestamp``.

    Args:
        names: the given parameters that are incompatible with ``timestamp``.

    Raises:
        InvalidQuery: ``names`` is not empty.
    """
    for name in names:
        shown = "from, size" if name in ("from_", "size", "page") else name
        raise InvalidQuery(f"Param [{shown}] is incompatible with [timestamp].", field=name)
