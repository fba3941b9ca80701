"""What searches and expansions say of their cost."""

from functools import cache, partial
from typing import Any, Final

import numpy as np

from benchmarks.claims.claim import CONSTANT, LINEAR, LOGARITHMIC, LOGLINEAR, Claim
from benchmarks.claims.stock import (
    MANY,
    MILLION,
    NAME,
    catalog,
    chances,
    checked,
    columns,
    half,
    ids,
    named,
    number_of,
    picked,
    question,
    reading,
    searched,
    segment_of,
    table,
    unread,
    without_ladders,
    worn,
)
from benchmarks.timing import Call
from benchmarks.workloads import FIRST_MS, JOB, SPAN_MS, SPAN_S
from bucketquery import InfluencerQuery
from bucketquery.columns.catalog import Catalog, Job
from bucketquery.columns.lists import Lists
from bucketquery.columns.segment import Segment
from bucketquery.columns.table import Table
from bucketquery.columns.view import NO_ROWS, Selection, View
from bucketquery.model.queries import Question, settle
from bucketquery.model.schema import BUCKET, RECORD, Kind
from bucketquery.search.expand import Expansion, _bound, expand
from bucketquery.search.many import expand_jobs, scan_jobs, search_jobs
from bucketquery.search.search import key_of, scan, search

# Searches


def searching(of: Table, asked: Question, *, is_new: bool = False) -> Call:
    """The rows of a page, of a table that was asked before or not; it must be full."""
    return checked(
        (lambda: search(without_ladders(of), asked)[0].rows) if is_new else lambda: search(of, asked)[0].rows,
        lambda rows: number_of(rows) == asked.size,
    )


def by_name(size: int) -> Call:
    """The first hundred of so many influencers by name, in a window of many more."""
    query = InfluencerQuery(jobs=JOB, start=FIRST_MS, end=FIRST_MS + size * SPAN_MS, sort=NAME, desc=False)
    asked = settle(query, lambda: 0)
    return checked(lambda: search(named(MANY), asked), lambda found: found[1] == size and len(found[0]) == 100)


def scanning(size: int, **parameters: Any) -> Call:
    """Every match of so many buckets."""
    asked = question(**parameters)
    right = int(np.count_nonzero(columns(size)["anomaly_score"] >= (asked.threshold or 0)))
    return checked(
        lambda: sum(number_of(rows.rows) for rows in scan(searched(size), asked)),
        lambda matches: matches == right > 0,
    )


_SEARCHES: Final = (
    Claim(
        "search.search.search",
        "the newest page of n buckets",
        LOGARITHMIC,
        lambda n: checked(partial(search, searched(n), question(desc=True)), lambda found: found[1] == n),
    ),
    Claim(
        "search.search.search",
        "a page beside n rows of a head, for the first time",
        LINEAR,
        lambda n: searching(worn(MANY, 0, n), question(from_=500), is_new=True),
    ),
    Claim(
        "search.search.search",
        "the first of n buckets at a severity",
        CONSTANT,
        lambda n: searching(searched(n), question(anomaly_score=75.0, size=50)),
        65_536,
        MILLION,
    ),
    Claim(
        "search.search.search",
        "the busiest of half of n buckets",
        CONSTANT,
        lambda n: searching(searched(n), question(sort="event_count", desc=True, **half(n))),
        65_536,
        MILLION,
    ),
    Claim(
        "search.search.search",
        "the first of n buckets at a severity, before there is a ladder",
        LINEAR,
        lambda n: searching(searched(n), question(anomaly_score=25.0, size=50), is_new=True),
        16_384,
        MILLION,
    ),
    Claim("search.search.search", "by texts, in a window of n", LINEAR, by_name),
    Claim(
        "search.search.search",
        "the first n by events",
        LOGLINEAR,
        lambda n: searching(searched(MANY), question(sort="event_count")._replace(size=n)),
    ),
    Claim("search.search.scan", "n buckets in time order", LINEAR, scanning, 4_096, 262_144),
    Claim(
        "search.search.scan",
        "n buckets, at or above a threshold",
        LINEAR,
        lambda n: scanning(n, anomaly_score=10.0),
        4_096,
        262_144,
    ),
    Claim("search.search.scan", "n buckets by events", LOGLINEAR, lambda n: scanning(n, sort="event_count")),
    Claim(
        "search.search.key_of",
        "n numbers",
        LINEAR,
        lambda n: checked(
            partial(key_of, reading(n), "anomaly_score", desc=True, is_tie=False), lambda key: len(key.ranks) == n
        ),
    ),
    Claim(
        "search.search.key_of",
        "n texts in base and head",
        LINEAR,
        lambda n: checked(
            lambda: key_of(unread(named(n), np.arange(n // 2, n + 1)), NAME, desc=False, is_tie=True),
            lambda key: key.missing is None and key.ranks[-1] < key.ranks[0],
        ),
        4_096,
        MANY,
    ),
)


# Many jobs


def asking_jobs(known: Catalog, asked: tuple[str, ...], size: int) -> Call:
    """A page of some jobs by time."""
    return checked(
        partial(search_jobs, known, asked, question()._replace(size=size), by_job=False),
        lambda found: len(found[0].rows) == size and found[1] >= size,
    )


def scanning_jobs(size: int) -> Call:
    """All results of eight jobs."""
    known = catalog(8, size // 8)
    return checked(
        lambda: [rows.job_ids for rows in scan_jobs(known, ids(8), question(), by_job=False)],
        lambda parts: sum(map(len, parts)) == size,
    )


@cache
def blamed(size: int) -> Selection:
    """So many buckets that all have influencers, as a page that is in no order of the table."""
    blame = [{"influencer_field_name": "bucket_time", "anomaly_score": 5.0, "probability": 0.5}]
    one: dict[str, Any] = {**picked(columns(size), slice(1)), "bucket_influencers": [blame]}
    (entry,) = segment_of(one).take_lists("bucket_influencers", slice(1))
    base = table(size).base
    lists = {"bucket_influencers": Lists.of_rows(range(size), [entry] * size)}
    segment = Segment(BUCKET, size, base.columns, base.present, base.texts, lists)
    return Selection(View(segment, NO_ROWS, Segment.empty(BUCKET)), np.arange(size)[::-1].copy())


@cache
def records(buckets: int, each: int) -> Table:
    """So many records of each of so many buckets, in no order of probability."""
    size = buckets * each
    given = {
        "timestamp": np.repeat(columns(buckets)["timestamp"], each),
        "bucket_span": np.full(size, SPAN_S),
        "detector_index": np.tile(np.arange(each), buckets),
        "probability": chances(size) / 100,
    }
    return Table.empty(RECORD).upsert(segment_of(given, "record"))[0]


def expanding_jobs(jobs: int, each: int) -> Call:
    """One bucket of each of so many jobs, with as many records."""
    rows = blamed(1)
    tables: dict[Kind, Table] = {
        "bucket": Table(rows.view.base, NO_ROWS, rows.view.head, NO_ROWS),
        "record": records(1, each),
    }
    known = Catalog().with_jobs({job_id: Job(job_id, None, tables) for job_id in ids(jobs)})
    page, _, _ = search_jobs(known, ids(jobs), question(size=jobs), by_job=False)
    return checked(
        partial(expand_jobs, known, page, exclude_interim=False),
        lambda expansion: expansion.records()[1][-1] == jobs * each,
    )


_MANY_JOBS: Final = (
    Claim(
        "search.many.search_jobs",
        "a page of n jobs together",
        LOGARITHMIC,
        lambda n: asking_jobs(catalog(n), ids(n), 100),
    ),
    Claim(
        "search.many.search_jobs",
        "a page of n jobs, each asked alone",
        LINEAR,
        lambda n: asking_jobs(catalog(65_536), ids(n), 10),
        16,
        1_000,
    ),
    Claim(
        "search.many.search_jobs",
        "n results of eight jobs",
        LINEAR,
        lambda n: asking_jobs(catalog(8, 4_096), ids(8), n),
        256,
        16_384,
    ),
    Claim("search.many.scan_jobs", "n results of eight jobs", LINEAR, scanning_jobs, 2_048, 131_072),
    Claim("search.many.expand_jobs", "a record each of n jobs", LINEAR, lambda n: expanding_jobs(n, 1), 16, 1_000),
    Claim(
        "search.many.expand_jobs",
        "n records of eight jobs",
        LOGLINEAR,
        lambda n: expanding_jobs(8, n // 8),
        512,
        32_768,
    ),
)


# Expansions


def newly_expanded(buckets: int, each: int, of: int | None = None) -> Expansion:
    """The records of so many buckets, in a table of those of as many or more, which nobody has read."""
    return expand(blamed(buckets), records(of or buckets, each), exclude_interim=False, most=None)


def expanding(buckets: int, of: int, most: int) -> Call:
    """So many buckets that have a record each."""
    return checked(
        partial(expand, blamed(buckets), records(of, 1), exclude_interim=False, most=most),
        lambda expansion: expansion.total() == buckets,
    )


def bounding(buckets: int, of: int) -> Call:
    """How many records there can be at most."""
    return checked(partial(_bound, blamed(buckets), records(of, 1).rows), lambda bound: bound == buckets**2)


_EXPANSIONS: Final = (
    Claim("search.expand.expand", "n buckets", LINEAR, lambda n: expanding(n, n, n**2)),
    Claim(
        "search.expand.expand", "a hundred buckets among n records", LOGARITHMIC, lambda n: expanding(100, n, 100**2)
    ),
    Claim("search.expand.expand", "n buckets that might bring too many", LINEAR, lambda n: expanding(n, n, n)),
    Claim(
        "search.expand.expand",
        "a hundred buckets among n records, that might bring too many",
        LOGARITHMIC,
        lambda n: expanding(100, n, 100),
    ),
    Claim("search.expand._bound", "n buckets", LINEAR, lambda n: bounding(n, n)),
    Claim("search.expand._bound", "a hundred buckets among n records", LOGARITHMIC, lambda n: bounding(100, n)),
    Claim(
        "search.expand.Expansion.total",
        "of n buckets",
        LINEAR,
        lambda n: checked(lambda: newly_expanded(n, 1).total(), lambda total: total == n),
        2_048,
    ),
    Claim(
        "search.expand.Expansion.runs",
        "of n buckets with at most ten records",
        LINEAR,
        lambda n: checked(lambda: [*newly_expanded(n, 1).runs(10)], lambda runs: len(runs) == -(-n // 10)),
        2_048,
    ),
    Claim(
        "search.expand.Expansion.records",
        "n in sixteen buckets, for the first time",
        LOGLINEAR,
        lambda n: checked(lambda: newly_expanded(16, n // 16).records(), lambda found: found[1][-1] == n),
    ),
    Claim(
        "search.expand.Expansion.records",
        "n in sixteen buckets, once they were read",
        CONSTANT,
        lambda n: checked(newly_expanded(16, n // 16).records, lambda found: found[1][-1] == n),
    ),
)


CLAIMS: Final = (*_SEARCHES, *_MANY_JOBS, *_EXPANSIONS)
