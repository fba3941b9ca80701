"""Questions as values: checked once, then trusted everywhere.

`BucketQuery` and its siblings are what a caller prepares; `Question` is what the search is asked, with every instant
settled and the dialect of the API gone: nothing behind this module knows ``-1`` or ``now``.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple, Self

from bucketquery.errors import InvalidQuery
from bucketquery.model.instants import FIRST_MS, LAST_MS, Instant, NowMath, Stretch
from bucketquery.model.parameters import (
    order_of,
    read_boolean,
    read_bound,
    read_integer,
    read_job,
    read_kept_instant,
    read_score,
    read_sort,
)
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD, Schema


class Question(NamedTuple):
    """What the search is asked: a settled query.

    Attributes:
        start: first instant included, epoch ms.
        end: first instant excluded.
        threshold: lowest score that matches; None lets every result match, also one without a score.
        exclude_interim: whether only final results are looked at.
        order_by: the columns that order the matches, the first one first; where they say nothing more, and where there
            are none, identities decide.
        desc: whether every key of the order is reversed.
        from_: how many matches are skipped.
        size: how many matches the page holds at most.
        is_lookup: whether nothing found is an error.
        expand: whether the records of the page's buckets are brought.
        exclude_interim_records: whether only final ones are brought.
        schema: the kind of results that is asked for.
    """

    start: int
    end: int
    threshold: float | None
    exclude_interim: bool
    order_by: tuple[str, ...]
    desc: bool
    from_: int
    size: int
    is_lookup: bool
    expand: bool
    exclude_interim_records: bool
    schema: Schema


class _Query:
    """What the questions for each kind of results have in common: the parameters that all have, and what they mean.

    What was read of the parameters is kept beside the fields, so that those are the parameters alone.
    """

    __slots__ = ("_end", "_settled", "_start", "_timestamp")

    _schema: ClassVar[Schema]
    jobs: tuple[str, ...]
    start: int | str | None
    end: int | str | None
    exclude_interim: bool
    sort: str
    desc: bool
    from_: int
    size: int
    _start: Stretch | NowMath | None
    _end: Stretch | NowMath | None
    _timestamp: Stretch | NowMath | None
    _settled: Question | None

    def replace(self, **changes: Any) -> Self:
        """The same question but for the parameters named, checked like a new one. Complexity: O(1).

        Raises:
            TypeError: there is no such parameter.

        >>> BucketQuery(jobs="web").replace(desc=True).desc
        True
        """
        return type(self)(**{**self._parameters(), **changes})

    def _read(
        self,
        *,
        jobs: object,
        start: Instant | None,
        end: Instant | None,
        score: object,
        exclude_interim: object,
        sort: object,
        desc: object,
        from_: object,
        size: object,
    ) -> None:
        put = object.__setattr__
        put(self, "jobs", (read_job(jobs),))
        given_start, read_start = read_bound(start, "start")
        given_end, read_end = read_bound(end, "end")
        threshold = read_score(score, self._schema.score)
        put(self, "start", given_start)
        put(self, "_start", read_start)
        put(self, "end", given_end)
        put(self, "_end", read_end)
        put(self, self._schema.score, 0.0 if math.isnan(threshold) else threshold)
        put(self, "exclude_interim", read_boolean(exclude_interim, "exclude_interim"))
        put(self, "sort", read_sort(self._schema, sort))
        put(self, "desc", read_boolean(desc, "desc"))
        put(self, "from_", read_integer(from_, "from", "from_"))
        put(self, "size", read_integer(size, "size", "size"))
        put(self, "_timestamp", None)

    def _settle_early(self) -> None:
        """Settle the question for good where nothing of it waits for the clock."""
        waits = any(isinstance(read, NowMath) for read in (self._start, self._end, self._timestamp))
        object.__setattr__(self, "_settled", None if waits else self._settle(0))

    def _settle(self, now: int) -> Question:
        start, end = _resolve(self._start, now, "start"), _resolve(self._end, now, "end")
        threshold = getattr(self, self._schema.score)
        return Question(
            start=FIRST_MS if start is None else _clamp(start.first),
            end=LAST_MS + 1 if end is None else _clamp(end.first),
            threshold=threshold if threshold > 0.0 else None,
            exclude_interim=self.exclude_interim,
            order_by=order_of(self._schema, self.sort),
            desc=self.desc,
            from_=self.from_,
            size=self.size,
            is_lookup=False,
            expand=False,
            exclude_interim_records=self.exclude_interim,
            schema=self._schema,
        )

    def _parameters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).__match_args__}  # type: ignore[attr-defined] # a dataclass

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._parameters())


@dataclass(frozen=True, slots=True, init=False)
class BucketQuery(_Query):
    """A prepared question for the buckets of one job.

    A frozen value: checked when it is made, hashable, comparable, picklable, to be asked of any snapshot any number of
    times. Date math on ``now`` is kept as text and resolved at each search.

    Args:
        jobs: the id of one job, or an iterable of one; kept as a tuple.
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
        LimitExceeded: a date text too long, with too many steps, or outside the years 0001 to 9999.

    Complexity: O(1). Source: Get buckets; where its page and the server differ, the server.

    >>> query = BucketQuery(jobs="web", start="2026-01-01", anomaly_score=75, sort="anomaly_score", desc=True, size=10)
    >>> query.replace(size=20).size
    20
    """

    _schema = BUCKET
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
            jobs=jobs,
            start=start,
            end=end,
            score=anomaly_score,
            exclude_interim=exclude_interim,
            sort=sort,
            desc=desc,
            from_=from_,
            size=size,
        )
        put = object.__setattr__
        put(self, "expand", read_boolean(expand, "expand"))
        put(self, "timestamp", None)
        if timestamp is not None:
            given, read = read_kept_instant(timestamp, "timestamp", covers=True)
            put(self, "timestamp", given)
            put(self, "_timestamp", read)
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
        self._settle_early()

    def _settle(self, now: int) -> Question:
        # The name of the class, for it was made anew with its slots: a bare super() knows the old one.
        question = super(BucketQuery, self)._settle(now)._replace(expand=self.expand)
        lookup = _resolve(self._timestamp, now, "timestamp")
        if lookup is None:
            return question
        # A lookup skips the score and interim conditions, as the server does, but brings no interim records.
        return question._replace(
            start=_clamp(lookup.first),
            end=_clamp(lookup.last + 1),
            threshold=None,
            exclude_interim=False,
            from_=0,
            size=1,
            is_lookup=True,
        )


@dataclass(frozen=True, slots=True, init=False)
class RecordQuery(_Query):
    """A prepared question for the records of one job: the anomalies that its detectors found.

    A frozen value like `BucketQuery`.

    Args:
        jobs: the id of one job, or an iterable of one; kept as a tuple.
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
        LimitExceeded: a date text too long, with too many steps, or outside the years 0001 to 9999.

    Complexity: O(1). Source: Get records; where its page and the server differ, the server.

    >>> query = RecordQuery(jobs="web", record_score=75)
    >>> query.sort, query.desc
    ('record_score', True)
    """

    _schema = RECORD
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
            jobs=jobs,
            start=start,
            end=end,
            score=record_score,
            exclude_interim=exclude_interim,
            sort=sort,
            desc=desc,
            from_=from_,
            size=size,
        )
        self._settle_early()


@dataclass(frozen=True, slots=True, init=False)
class InfluencerQuery(_Query):
    """A prepared question for the influencers of one job: the entities blamed for its anomalies.

    A frozen value like `BucketQuery`.

    Args:
        jobs: the id of one job, or an iterable of one; kept as a tuple.
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
        LimitExceeded: a date text too long, with too many steps, or outside the years 0001 to 9999.

    Complexity: O(1). Source: Get influencers; where its page and the server differ, the server.

    >>> InfluencerQuery(jobs="web", influencer_score=75, size=10).replace(desc=False).desc
    False
    """

    _schema = INFLUENCER
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
            jobs=jobs,
            start=start,
            end=end,
            score=influencer_score,
            exclude_interim=exclude_interim,
            sort=sort,
            desc=desc,
            from_=from_,
            size=size,
        )
        self._settle_early()


AnyQuery = BucketQuery | RecordQuery | InfluencerQuery
QUERIES: Final = (BucketQuery, RecordQuery, InfluencerQuery)


def settle(query: AnyQuery, now: Callable[[], int]) -> Question:
    """What a query asks at this moment.

    Args:
        query: whose date texts were read when it was made.
        now: gives epoch ms; called at most once, and only where date math says ``now``.

    Raises:
        LimitExceeded: date math leaves the years 0001 to 9999.
    """
    return query._settled or query._settle(now())


def schema_of(query: AnyQuery | type[AnyQuery]) -> Schema:
    """The kind of results that a query asks for."""
    return query._schema


def _restore(query: type[AnyQuery], parameters: dict[str, Any]) -> AnyQuery:
    return query(**parameters)


def _resolve(read: Stretch | NowMath | None, now: int, name: str) -> Stretch | None:
    return read.resolve(now, name) if isinstance(read, NowMath) else read


def _clamp(moment: int) -> int:
    # No stored instant lies outside, so no answer changes, and every bound fits the column's dtype.
    return min(max(moment, FIRST_MS), LAST_MS + 1)


def refuse_beside_timestamp(names: Iterable[str]) -> None:
    """Refuse the first of the parameters that stand beside a lookup and must not.

    Raises:
        InvalidQuery: there is one.
    """
    for name in names:
        shown = "from, size" if name in ("from_", "size", "page") else name
        raise InvalidQuery(f"Param [{shown}] is incompatible with [timestamp].", field=name)
