"""The three kinds of queries, for buckets, records and influencers: values that are checked when they are made.

A caller prepares one of them. `resolve` gives the `ResolvedQuery` that a search takes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bucketquery.model.frozen import filler
from bucketquery.model.instants import Instant
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD
from bucketquery.queries.job_tokens import read_jobs
from bucketquery.queries.parameters import every_order_by, read_condition
from bucketquery.queries.query import Query, refuse_beside_timestamp
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.queries.where import Where


@dataclass(frozen=True, slots=True, init=False, repr=False)
class BucketQuery(Query):
    """A prepared query for the buckets of one job or several.

    A frozen value: checked when it is made, hashable, comparable, picklable. Any snapshot can search it, any number of
    times. Date math on ``now`` is stored as text and resolved at each search.

    Args:
        jobs: ids of jobs, names of groups, patterns with ``*``, ``_all``, and exclusions that begin with ``-``: a text
            with commas between them, or an iterable of such texts. They apply from left to right, anew at each search.
            Stored as a tuple of these tokens. Several jobs are searched as one table.
        start: first instant included; None and -1 leave this side open.
        end: first instant excluded; None and -1 leave this side open.
        anomaly_score: lowest current score that matches; 0, a negative number or NaN lets every bucket match. Stored
            as float, NaN as 0.0. A pair ``(low, high)`` is a band: a score matches if it is at least ``low`` and less
            than ``high``. It is stored as two floats.
        exclude_interim: leave interim buckets out. A lookup by ``timestamp`` shows an interim bucket nevertheless.
        expand: add the records of each bucket on the page that has bucket influencers. With ``exclude_interim``,
            interim records are left out, in a lookup too.
        sort: the field that the buckets are sorted by; timestamp and span break ties.
        desc: sort every key descending; missing values come last in both directions.
        from_: number of matches to skip, without limit.
        size: largest number of matches on a page; a search refuses more than the index's ``max_size``.
        timestamp: look up the bucket at this instant; not together with a window, a threshold, paging or ``where``.
            Text covers a range: a date covers its day, a time without seconds its minute.
        where: fields of records and their values, by name. A bucket matches only if one record at its instant has one
            of the values in each field. Stored as a sorted tuple. See `RecordQuery`.

    Raises:
        InvalidQuery: a parameter has an invalid value; ``field`` names it.
        LimitExceeded: there are more than 100,000 tokens, or one has more than 256 characters or 8 asterisks; or a date
            text is too long, has too many date math steps, or lies outside the years 0001 to 9999.

    Complexity: O(j) for j tokens.
    Source: Get buckets in the API reference. If the reference and the server differ, this follows the server.

    >>> query = BucketQuery(jobs="web", start="2026-01-01", anomaly_score=75, sort="anomaly_score", desc=True, size=10)
    >>> query.replace(size=20).size
    20
    """

    _schema = BUCKET
    _orders = every_order_by(BUCKET)
    jobs: tuple[str, ...]
    start: int | str | None
    end: int | str | None
    anomaly_score: float | tuple[float, float]
    exclude_interim: bool
    expand: bool
    sort: str
    desc: bool
    from_: int
    size: int
    timestamp: int | str | None
    where: Where

    def __init__(
        self,
        *,
        jobs: str | Iterable[str],
        start: Instant | None = None,
        end: Instant | None = None,
        anomaly_score: float | tuple[float, float] = 0.0,
        exclude_interim: bool = False,
        expand: bool = False,
        sort: str = "timestamp",
        desc: bool = False,
        from_: int = 0,
        size: int = 100,
        timestamp: Instant | None = None,
        where: Mapping[str, Any] | None = None,
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
            where=where,
        )
        if timestamp is not None:
            given = {
                "start": self.start,
                "end": self.end,
                "anomaly_score": read_condition(anomaly_score, "anomaly_score"),
                "from_": self.from_,
                "size": self.size,
                "where": self.where or None,
            }
            defaults = BucketQuery.__init__.__kwdefaults__
            assert defaults is not None  # every parameter but `jobs` has a default
            refuse_beside_timestamp(name for name, value in given.items() if value != defaults[name])


@dataclass(frozen=True, slots=True, init=False, repr=False)
class RecordQuery(Query):
    """A prepared query for the records of one job or several: the anomalies that detectors found.

    A frozen value like `BucketQuery`.

    Args:
        jobs: ids of jobs, names of groups, patterns with ``*``, ``_all``, and exclusions that begin with ``-``: a text
            with commas between them, or an iterable of such texts. They apply from left to right, anew at each search.
            Stored as a tuple of these tokens. Several jobs are searched as one table.
        start: first instant included; None and -1 leave this side open.
        end: first instant excluded; None and -1 leave this side open.
        record_score: lowest current score that matches; 0, a negative number or NaN lets every record match. Stored
            as float, NaN as 0.0. A pair ``(low, high)`` is a band: a score matches if it is at least ``low`` and less
            than ``high``. It is stored as two floats.
        exclude_interim: leave interim records out.
        sort: the field that the records are sorted by. Ties are broken by the score, by the values of the over,
            partition and by fields, by ``field_name`` and ``function``, and only then by time.
        desc: sort every key descending; missing values come last in both directions.
        from_: number of matches to skip, without limit.
        size: largest number of matches on a page; a search refuses more than the index's ``max_size``.
        where: fields and their values, by name. A record matches only if it has one of the values in each field. A
            value is text, or None for a missing field; an iterable of values means any of them. A name is a keyword
            field of records, ``detector_index`` (integers), or the name of a data field, such as ``host.name``: a by,
            over or partition field. At most 100 fields and 10,000 values. Stored as a sorted tuple.

    Raises:
        InvalidQuery: a parameter has an invalid value; ``field`` names it.
        LimitExceeded: there are more than 100,000 tokens, or one has more than 256 characters or 8 asterisks; or a date
            text is too long, has too many date math steps, or lies outside the years 0001 to 9999.

    Complexity: O(j) for j tokens.
    Source: Get records in the API reference. If the reference and the server differ, this follows the server.

    >>> query = RecordQuery(jobs="web", record_score=75, where={"host.name": "a", "function": ["mean", "rare"]})
    >>> query.sort, query.desc, query.where
    ('record_score', True, (('function', ('mean', 'rare')), ('host.name', ('a',))))
    """

    _schema = RECORD
    _orders = every_order_by(RECORD)
    jobs: tuple[str, ...]
    start: int | str | None
    end: int | str | None
    record_score: float | tuple[float, float]
    exclude_interim: bool
    sort: str
    desc: bool
    from_: int
    size: int
    where: Where

    def __init__(
        self,
        *,
        jobs: str | Iterable[str],
        start: Instant | None = None,
        end: Instant | None = None,
        record_score: float | tuple[float, float] = 0.0,
        exclude_interim: bool = False,
        sort: str = "record_score",
        desc: bool = True,
        from_: int = 0,
        size: int = 100,
        where: Mapping[str, Any] | None = None,
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
            where=where,
        )


@dataclass(frozen=True, slots=True, init=False, repr=False)
class InfluencerQuery(Query):
    """A prepared query for the influencers of one job or several: the entities blamed for anomalies.

    A frozen value like `BucketQuery`.

    Args:
        jobs: ids of jobs, names of groups, patterns with ``*``, ``_all``, and exclusions that begin with ``-``: a text
            with commas between them, or an iterable of such texts. They apply from left to right, anew at each search.
            Stored as a tuple of these tokens. Several jobs are searched as one table.
        start: first instant included; None and -1 leave this side open.
        end: first instant excluded; None and -1 leave this side open.
        influencer_score: lowest current score that matches; 0, a negative number or NaN lets every influencer match.
            Stored as float, NaN as 0.0. A pair ``(low, high)`` is a band: a score matches if it is at least ``low``
            and less than ``high``. It is stored as two floats.
        exclude_interim: leave interim influencers out.
        sort: the field that the influencers are sorted by; timestamp, span, field name and field value break ties.
        desc: sort every key descending; missing values come last in both directions.
        from_: number of matches to skip, without limit.
        size: largest number of matches on a page; a search refuses more than the index's ``max_size``.
        where: fields and their values, by name, as in `RecordQuery`. A name is ``influencer_field_name``,
            ``influencer_field_value``, or the name of a data field: the influencer's own field.

    Raises:
        InvalidQuery: a parameter has an invalid value; ``field`` names it.
        LimitExceeded: there are more than 100,000 tokens, or one has more than 256 characters or 8 asterisks; or a date
            text is too long, has too many date math steps, or lies outside the years 0001 to 9999.

    Complexity: O(j) for j tokens.
    Source: Get influencers in the API reference. If the reference and the server differ, this follows the server.

    >>> InfluencerQuery(jobs="web", influencer_score=75, size=10).replace(desc=False).desc
    False
    """

    _schema = INFLUENCER
    _orders = every_order_by(INFLUENCER)
    jobs: tuple[str, ...]
    start: int | str | None
    end: int | str | None
    influencer_score: float | tuple[float, float]
    exclude_interim: bool
    sort: str
    desc: bool
    from_: int
    size: int
    where: Where

    def __init__(
        self,
        *,
        jobs: str | Iterable[str],
        start: Instant | None = None,
        end: Instant | None = None,
        influencer_score: float | tuple[float, float] = 0.0,
        exclude_interim: bool = False,
        sort: str = "influencer_score",
        desc: bool = True,
        from_: int = 0,
        size: int = 100,
        where: Mapping[str, Any] | None = None,
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
            where=where,
        )


def _score_filler(kind: type[Query]) -> Callable[..., None]:
    """The filler of a kind whose only own slot is its score."""
    fill = filler(kind, kind._schema.score)

    def fill_own(query: Query, score: float, _expand: object, _timestamp: object) -> None:
        fill(query, score)

    return fill_own


# A dataclass gets its slots after its class body, so its fillers are made after the class.
BucketQuery._fill_own = staticmethod(filler(BucketQuery, "anomaly_score", "expand", "timestamp"))
RecordQuery._fill_own = staticmethod(_score_filler(RecordQuery))
InfluencerQuery._fill_own = staticmethod(_score_filler(InfluencerQuery))

AnyQuery = BucketQuery | RecordQuery | InfluencerQuery
QUERIES: Final = (BucketQuery, RecordQuery, InfluencerQuery)


def resolve(query: AnyQuery, now: Callable[[], int]) -> ResolvedQuery:
    """The query with every instant fixed, as a search takes it.

    Args:
        query: a query, whose date texts were parsed when it was made.
        now: returns epoch ms; called at most once, and only if date math contains ``now``.

    Raises:
        LimitExceeded: date math leaves the years 0001 to 9999.
    """
    return query._resolved or query._resolve(now())
