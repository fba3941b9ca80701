"""Questions as values: checked once, then trusted everywhere.

`BucketQuery` and its siblings are what a caller prepares; `ResolvedQuery` is what the search is asked, with every
instant
resolved and the dialect of the API gone: nothing behind this module knows ``-1`` or ``now``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple, Self

from bucketquery.errors import InvalidQuery
from bucketquery.model.instants import FIRST_MS, LAST_MS, Instant, InstantRange, NowMath
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD, Schema
from bucketquery.queries.parameters import (
    orders_of,
    read_boolean,
    read_bound,
    read_canonical_instant,
    read_integer,
    read_jobs,
    read_score,
    read_sort,
)
from bucketquery.queries.resolved import ResolvedQuery, clamp

_new_tuple: Final = tuple.__new__


class ParsedBounds(NamedTuple):
    """What was read of the parameters, but of those that mean themselves."""

    start: InstantRange | NowMath | None
    end: InstantRange | NowMath | None
    threshold: float | None
    expand: bool
    timestamp: InstantRange | NowMath | None


class _Query:
    """What the questions for each kind of results have in common: the parameters that all have, and what they mean.

    What was read of the parameters is kept beside the fields, so that those are the parameters alone.
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
    )

    _schema: ClassVar[Schema]
    _orders: ClassVar[Mapping[str, tuple[str, ...]]]
    jobs: tuple[str, ...]
    start: int | str | None
    end: int | str | None
    exclude_interim: bool
    sort: str
    desc: bool
    from_: int
    size: int
    #: The one job that is asked, None where there are several.
    _job_id: str | None
    _parsed: ParsedBounds
    _resolved: ResolvedQuery | None

    def replace(self, **changes: Any) -> Self:
        """The same question but for the parameters named, checked like a new one.

        Raises:
            TypeError: there is no such parameter.

        Complexity: O(1) but for the jobs.

        >>> BucketQuery(jobs="web").replace(desc=True).desc
        True
        """
        return type(self)(**{**self._parameters(), **changes})

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
    ) -> None:
        """Check the parameters and keep them; the jobs are taken as they are.

        Nearly all are what they should be, so each is looked at here, and what does not look so is read.
        """
        canonical_start, first = (None, None) if start is None else read_bound(start, "start")
        canonical_end, behind = (None, None) if end is None else read_bound(end, "end")
        threshold = score if type(score) is float else read_score(score, self._schema.score)
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
        _put_jobs(self, jobs)
        _put_job_id(self, jobs[0] if len(jobs) == 1 else None)
        _put_start(self, canonical_start)
        _put_end(self, canonical_end)
        _put_exclude_interim(self, exclude_interim)
        _put_sort(self, sort)
        _put_desc(self, desc)
        _put_from(self, from_)
        _put_size(self, size)
        # NaN is neither, and filters nothing.
        self._put_own(threshold if threshold > 0.0 or threshold <= 0.0 else 0.0, expand, moment)
        _put_parsed(
            self, _new_tuple(ParsedBounds, (first, behind, threshold if threshold > 0.0 else None, expand, lookup))
        )
        waits = type(first) is NowMath or type(behind) is NowMath or type(lookup) is NowMath
        # Settled for good where nothing waits for the clock.
        _put_resolved(self, None if waits else self._resolve(0))

    def _put_own(self, score: float, expand: object, timestamp: int | str | None) -> None:
        """Keep the parameters that the others have not, or have under another name."""

    def _resolve(self, now: int) -> ResolvedQuery:
        first, behind, threshold, expand, moment = self._parsed
        start = first.resolve(now, "start") if isinstance(first, NowMath) else first
        end = behind.resolve(now, "end") if isinstance(behind, NowMath) else behind
        lookup = moment.resolve(now, "timestamp") if isinstance(moment, NowMath) else moment
        exclude_interim, from_, size = self.exclude_interim, self.from_, self.size
        low = FIRST_MS if start is None else clamp(start[0])
        high = LAST_MS + 1 if end is None else clamp(end[0])
        exclude_interim_records = exclude_interim
        if lookup is not None:
            # A lookup skips the score and interim conditions, as the server does, but brings no interim records.
            low, high = clamp(lookup.first), clamp(lookup.last + 1)
            threshold, exclude_interim, from_, size = None, False, 0, 1
        # What the named tuple's own constructor does, in a third of the time.
        return _new_tuple(
            ResolvedQuery,
            (
                low,
                high,
                threshold,
                exclude_interim,
                self._orders[self.sort],
                self.desc,
                from_,
                size,
                lookup is not None,
                expand,
                exclude_interim_records,
                self._schema,
            ),
        )

    def _parameters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).__match_args__}  # type: ignore[attr-defined] # a dataclass

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._parameters())


#: Past the guard of a frozen value, and quicker than `object.__setattr__`.
_put_jobs: Final = vars(_Query)["jobs"].__set__
_put_job_id: Final = vars(_Query)["_job_id"].__set__
_put_start: Final = vars(_Query)["start"].__set__
_put_end: Final = vars(_Query)["end"].__set__
_put_exclude_interim: Final = vars(_Query)["exclude_interim"].__set__
_put_sort: Final = vars(_Query)["sort"].__set__
_put_desc: Final = vars(_Query)["desc"].__set__
_put_from: Final = vars(_Query)["from_"].__set__
_put_size: Final = vars(_Query)["size"].__set__
_put_parsed: Final = vars(_Query)["_parsed"].__set__
_put_resolved: Final = vars(_Query)["_resolved"].__set__


@dataclass(frozen=True, slots=True, init=False)
class BucketQuery(_Query):
    """A prepared question for the buckets of one job or several.

    A frozen value: checked when it is made, hashable, comparable, picklable, to be asked of any snapshot any number of
    times. Date math on ``now`` is kept as text and resolved at each search.

    Args:
        jobs: the id of a job, or an iterable of ids, 100,000 at most; kept as a tuple, each once. The results of
            several jobs are answered as if they lay in one table.
        start: first instant included; None and -1 leave this side open.
        end: first instant excluded; None and -1 leave this side open.
        anomaly_score: lowest current score that matches; 0, less and NaN let every bucket match. Kept as float, NaN as
            0.0.
        exclude_interim: leave interim buckets out. A lookup by ``timestamp`` ignores it.
        expand: bring the records of the page's buckets, of those that have bucket influencers; without the interim ones
            where ``exclude_interim``, in a lookup too.
        sort: the field that leads the order.
        desc: reverse every key of the order; missing values are last both ways.
        from_: how many matches to skip, without limit.
        size: how many matches a page holds at most; an index has its own maximum, checked when it is asked.
        timestamp: look up the bucket at this instant; not with the windows, threshold and paging above. Text covers a
            stretch: a date its day, a time without seconds its minute.

    Raises:
        InvalidQuery: a parameter has a value no query may have; ``field`` names it.
        LimitExceeded: too many jobs, or a date text too long, with too many steps, or outside the years 0001 to 9999.

    Complexity: O(1) but for the jobs. Source: Get buckets; where its page and the server differ, the server.

    >>> query = BucketQuery(jobs="web", start="2026-01-01", anomaly_score=75, sort="anomaly_score", desc=True, size=10)
    >>> query.replace(size=20).size
    20
    """

    _schema = BUCKET
    _orders = orders_of(BUCKET)
    jobs: tuple[str, ...]
    start: int | str | None
    end: int | str | None
    anomaly_score: float
    exclude_interim: bool
    expand: bool
    sort: str
    desc: bool
    from_: int
    size: int
    timestamp: int | str | None

    def __init__(
        self,
        *,
        jobs: str | Iterable[str],
        start: Instant | None = None,
        end: Instant | None = None,
        anomaly_score: float = 0.0,
        exclude_interim: bool = False,
        expand: bool = False,
        sort: str = "timestamp",
        desc: bool = False,
        from_: int = 0,
        size: int = 100,
        timestamp: Instant | None = None,
    ) -> None:
        self._read(
            jobs=read_jobs(jobs),
            start=start,
            end=end,
            score=anomaly_score,
            exclude_interim=exclude_interim,
            sort=sort,
            desc=desc,
            from_=from_,
            size=size,
            expand=expand,
            timestamp=timestamp,
        )
        if timestamp is not None:
            asked = {
                "start": self.start,
                "end": self.end,
                "anomaly_score": read_score(anomaly_score, "anomaly_score"),
                "from_": self.from_,
                "size": self.size,
            }
            defaults = BucketQuery.__init__.__kwdefaults__
            assert defaults is not None  # every parameter but one has one
            refuse_beside_timestamp(name for name, value in asked.items() if value != defaults[name])

    def _put_own(self, score: float, expand: object, timestamp: int | str | None) -> None:
        _put_anomaly_score(self, score)
        _put_expand(self, expand)
        _put_timestamp(self, timestamp)


_put_anomaly_score: Final = vars(BucketQuery)["anomaly_score"].__set__
_put_expand: Final = vars(BucketQuery)["expand"].__set__
_put_timestamp: Final = vars(BucketQuery)["timestamp"].__set__


@dataclass(frozen=True, slots=True, init=False)
class RecordQuery(_Query):
    """A prepared question for the records of one job or several: the anomalies that its detectors found.

    A frozen value like `BucketQuery`.

    Args:
        jobs: the id of a job, or an iterable of ids, 100,000 at most; kept as a tuple, each once. The results of
            several jobs are answered as if they lay in one table.
        start: first instant included; None and -1 leave this side open.
        end: first instant excluded; None and -1 leave this side open.
        record_score: lowest current score that matches; 0, less and NaN let every record match. Kept as float, NaN as
            0.0.
        exclude_interim: leave interim records out.
        sort: the field that leads the order; after it come the score, the values of the over, partition and by fields,
            ``field_name`` and ``function``, and only then the time.
        desc: reverse every key of the order; missing values are last both ways.
        from_: how many matches to skip, without limit.
        size: how many matches a page holds at most; an index has its own maximum, checked when it is asked.

    Raises:
        InvalidQuery: a parameter has a value no query may have; ``field`` names it.
        LimitExceeded: too many jobs, or a date text too long, with too many steps, or outside the years 0001 to 9999.

    Complexity: O(1) but for the jobs. Source: Get records; where its page and the server differ, the server.

    >>> query = RecordQuery(jobs="web", record_score=75)
    >>> query.sort, query.desc
    ('record_score', True)
    """

    _schema = RECORD
    _orders = orders_of(RECORD)
    jobs: tuple[str, ...]
    start: int | str | None
    end: int | str | None
    record_score: float
    exclude_interim: bool
    sort: str
    desc: bool
    from_: int
    size: int

    def __init__(
        self,
        *,
        jobs: str | Iterable[str],
        start: Instant | None = None,
        end: Instant | None = None,
        record_score: float = 0.0,
        exclude_interim: bool = False,
        sort: str = "record_score",
        desc: bool = True,
        from_: int = 0,
        size: int = 100,
    ) -> None:
        self._read(
            jobs=read_jobs(jobs),
            start=start,
            end=end,
            score=record_score,
            exclude_interim=exclude_interim,
            sort=sort,
            desc=desc,
            from_=from_,
            size=size,
        )

    def _put_own(self, score: float, expand: object, timestamp: int | str | None) -> None:  # noqa: ARG002 - of buckets
        _put_record_score(self, score)


_put_record_score: Final = vars(RecordQuery)["record_score"].__set__


@dataclass(frozen=True, slots=True, init=False)
class InfluencerQuery(_Query):
    """A prepared question for the influencers of one job or several: the entities blamed for its anomalies.

    A frozen value like `BucketQuery`.

    Args:
        jobs: the id of a job, or an iterable of ids, 100,000 at most; kept as a tuple, each once. The results of
            several jobs are answered as if they lay in one table.
        start: first instant included; None and -1 leave this side open.
        end: first instant excluded; None and -1 leave this side open.
        influencer_score: lowest current score that matches; 0, less and NaN let every influencer match. Kept as float,
            NaN as 0.0.
        exclude_interim: leave interim influencers out.
        sort: the field that leads the order; after it come timestamp, span, field name and field value.
        desc: reverse every key of the order; missing values are last both ways.
        from_: how many matches to skip, without limit.
        size: how many matches a page holds at most; an index has its own maximum, checked when it is asked.

    Raises:
        InvalidQuery: a parameter has a value no query may have; ``field`` names it.
        LimitExceeded: too many jobs, or a date text too long, with too many steps, or outside the years 0001 to 9999.

    Complexity: O(1) but for the jobs. Source: Get influencers; where its page and the server differ, the server.

    >>> InfluencerQuery(jobs="web", influencer_score=75, size=10).replace(desc=False).desc
    False
    """

    _schema = INFLUENCER
    _orders = orders_of(INFLUENCER)
    jobs: tuple[str, ...]
    start: int | str | None
    end: int | str | None
    influencer_score: float
    exclude_interim: bool
    sort: str
    desc: bool
    from_: int
    size: int

    def __init__(
        self,
        *,
        jobs: str | Iterable[str],
        start: Instant | None = None,
        end: Instant | None = None,
        influencer_score: float = 0.0,
        exclude_interim: bool = False,
        sort: str = "influencer_score",
        desc: bool = True,
        from_: int = 0,
        size: int = 100,
    ) -> None:
        self._read(
            jobs=read_jobs(jobs),
            start=start,
            end=end,
            score=influencer_score,
            exclude_interim=exclude_interim,
            sort=sort,
            desc=desc,
            from_=from_,
            size=size,
        )

    def _put_own(self, score: float, expand: object, timestamp: int | str | None) -> None:  # noqa: ARG002 - of buckets
        _put_influencer_score(self, score)


_put_influencer_score: Final = vars(InfluencerQuery)["influencer_score"].__set__


AnyQuery = BucketQuery | RecordQuery | InfluencerQuery
QUERIES: Final = (BucketQuery, RecordQuery, InfluencerQuery)


def resolve(query: AnyQuery, now: Callable[[], int]) -> ResolvedQuery:
    """What a query asks at this moment.

    Args:
        query: whose date texts were read when it was made.
        now: gives epoch ms; called at most once, and only where date math says ``now``.

    Raises:
        LimitExceeded: date math leaves the years 0001 to 9999.
    """
    return query._resolved or query._resolve(now())


def schema_of(query: AnyQuery | type[AnyQuery]) -> Schema:
    """The kind of results that a query asks for."""
    return query._schema


def _restore(query: type[AnyQuery], parameters: dict[str, Any]) -> AnyQuery:
    return query(**parameters)


def refuse_beside_timestamp(names: Iterable[str]) -> None:
    """Refuse the first of the parameters that stand beside a lookup and must not.

    Raises:
        InvalidQuery: there is one.
    """
    for name in names:
        shown = "from, size" if name in ("from_", "size", "page") else name
        raise InvalidQuery(f"Param [{shown}] is incompatible with [timestamp].", field=name)
