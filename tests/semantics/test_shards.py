"""Our decisions on shards: which queries they get, how their answers are merged, and what is refused."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from bucketquery import (
    BucketPage,
    BucketQuery,
    BucketQueryError,
    InvalidCursor,
    LimitExceeded,
    NotFound,
    RecordQuery,
    ResultsIndex,
)
from bucketquery.merge import (
    ShardPage,
    ask,
    ask_overall,
    ask_span,
    merge_overall,
    merge_pages,
    overall_question,
    resolve_now,
    shard_query,
    with_spans,
)
from support.semantics_tables import (
    Document,
    Documents,
    Query,
    Refusal,
    assert_refusal,
    at,
    bucket,
    each_row,
    index_of,
    influencer,
    invalid,
    record,
    unknown_job,
)
from support.shard_tables import Merged, MergedOverall, assert_merged, assert_merged_overall, merged

HOUR = 3_600_000

WEB: Documents = {
    name: bucket(hour * HOUR, anomaly_score=score)
    for hour, (name, score) in enumerate(zip("abc", (5, 90, 5), strict=True))
}
DB: Documents = {
    name: bucket(hour * HOUR, job_id="db", anomaly_score=score)
    for hour, (name, score) in enumerate(zip("xyz", (5, 40, 95), strict=True))
}
BY_JOB = (WEB, DB)
#: The same results, the first instant on one shard and all others on another; a third shard is empty.
BY_TIME: Sequence[Documents] = (
    {"a": WEB["a"], "x": DB["x"]},
    {"b": WEB["b"], "c": WEB["c"], "y": DB["y"], "z": DB["z"]},
    {},
)
NOT_FOUND = Refusal(NotFound, 404, "resource_not_found_exception", "timestamp", "Could not find requested buckets")
#: Results that miss an integer, a boolean, a score or a text, next to those that have the default.
GAPS = (
    {"a": bucket(0), "b": bucket(1, event_count=0), "c": bucket(2, event_count=7, is_interim=True)},
    {"d": bucket(3), "e": bucket(4, event_count=-1, is_interim=False), "f": bucket(5, event_count=0)},
)
RECORDS = (
    {"high": record(0, record_score=90.0), "none": record(0, record_score=50.0, detector_index=1)},
    {
        "over": record(1, record_score=50.0, over_field_value="a"),
        "empty": record(1, record_score=50.0, over_field_value=""),
        "unscored": record(2),
    },
)
INFLUENCERS = (
    {"a": influencer(0, "a", influencer_score=5.0), "bare": influencer(0, influencer_score=5.0)},
    {"b": influencer(0, "b", job_id="db", influencer_score=5.0), "low": influencer(1, "a", job_id="db")},
)
BLAMED = {"bucket_influencers": [{"influencer_field_name": "host"}]}
#: Buckets and their records. Only `a`, `x` and `y` have influencers, so only they show records.
EXPANDED = (
    {
        "a": bucket(0, **BLAMED),
        "b": bucket(HOUR),
        "r0": record(0, probability=0.5),
        "r1": record(0, probability=0.1, detector_index=1),
        "r2": record(HOUR, probability=0.1),
    },
    {
        "x": bucket(0, job_id="db", **BLAMED),
        "y": bucket(HOUR, job_id="db", **BLAMED),
        "r3": record(HOUR, job_id="db", probability=0.2, is_interim=True),
        "r4": record(HOUR, job_id="db", detector_index=1, function="mean"),
    },
)

PAGES = [
    Merged("28.1", "by job", BY_JOB, {}, "x a y b z c"),
    Merged("28.1", "by time", BY_TIME, {}, "x a y b z c"),
    Merged("28.1", "one shard", ({**WEB, **DB},), {}, "x a y b z c"),
    Merged("28.1", "a result of two shards comes twice", (WEB, {"a": WEB["a"]}), {}, "a a b c", is_exact=False),
    Merged("28.2", "a deep page", BY_JOB, {"from_": 3, "size": 2}, "b z | c", count=6),
    Merged("28.2", "a page past the end", BY_JOB, {"from_": 9, "size": 2}, "", count=6),
    Merged("28.2", "a size of zero", BY_TIME, {"size": 0}, "", count=6),
    Merged(
        "28.2",
        "as many as a shard shows",
        BY_TIME,
        {"from_": 1, "size": 1},
        "a | y | b | z | c",
        count=6,
        settings={"max_size": 2},
    ),
    Merged(
        "28.2",
        "more than a shard shows",
        BY_TIME,
        {"from_": 2, "size": 1},
        Refusal(LimitExceeded, 400, "illegal_argument_exception", "size", "Parameter [size] cannot be > 2"),
        settings={"max_size": 2},
    ),
    Merged("28.3", "a window on now", BY_JOB, {"start": "now-1h/h", "now": 2 * HOUR + 5}, "y b z c"),
    Merged("28.3", "now alone", BY_JOB, {"end": "now", "now": HOUR}, "x a"),
    Merged("28.3", "a lookup on now", BY_JOB, {"timestamp": "now/h", "jobs": "db", "now": HOUR + 5}, "y"),
    Merged("28.3", "the instant before 1970", BY_JOB, {"start": "now", "now": -1}, "x a y b z c"),
    Merged("28.4", "by score", BY_JOB, {"sort": "anomaly_score"}, "x a c y b z"),
    Merged("28.4", "by score, descending", BY_TIME, {"sort": "anomaly_score", "desc": True}, "z b y c a x"),
    Merged("28.4", "by job", BY_TIME, {"sort": "job_id", "size": 4}, "x y z a | b c"),
    Merged("28.4", "in time order, descending", BY_TIME, {"desc": True}, "c z b y a x"),
    Merged("28.4", "a threshold", BY_JOB, {"anomaly_score": 40}, "y b z"),
    Merged("28.4", "a band", BY_JOB, {"anomaly_score": (5, 90)}, "x a y c"),
    Merged("28.4", "a window", BY_TIME, {"start": HOUR, "end": 2 * HOUR}, "y b"),
    Merged("28.4", "missing integers are last", GAPS, {"sort": "event_count"}, "e b f c a d"),
    Merged("28.4", "missing integers are last, descending", GAPS, {"sort": "event_count", "desc": True}, "c f b e d a"),
    Merged("28.4", "missing booleans are last", GAPS, {"sort": "is_interim"}, "e c a b d f"),
    Merged("28.4", "final results", GAPS, {"exclude_interim": True}, "a b d e f"),
    Merged("28.4", "records", RECORDS, {}, "high over empty none unscored", of="record"),
    Merged("28.4", "influencers", INFLUENCERS, {"sort": "timestamp", "desc": False}, "a b bare low", of="influencer"),
    Merged("28.5", "a job of one shard", BY_JOB, {"jobs": "db"}, "x y z"),
    Merged("28.5", "jobs of two shards", BY_JOB, {"jobs": "db,web", "size": 2}, "x a | y b | z c"),
    Merged("28.5", "an exclusion on another shard", BY_JOB, {"jobs": "db,-web"}, "x y z"),
    Merged("28.5", "an exclusion of everything that a shard has", BY_JOB, {"jobs": "_all,-db"}, "a b c"),
    Merged("28.5", "a group of one shard", BY_JOB, {"jobs": "shop,web"}, "x a y b z c", put=({}, {"db": ["shop"]})),
    Merged("28.5", "a pattern that selects nothing", BY_JOB, {"jobs": "no-*"}, ""),
    Merged("28.5", "a job without results", BY_JOB, {"jobs": "app"}, "", put=({"app": []}, {})),
    Merged("28.5", "a job that no shard knows", BY_JOB, {"jobs": "app"}, unknown_job("app")),
    Merged("28.5", "the first of several names", BY_JOB, {"jobs": "web,app,db,api"}, unknown_job("app")),
    Merged("28.5", "an unknown exclusion", BY_JOB, {"jobs": "web,-app"}, unknown_job("app")),
    Merged("28.6", "found on one shard", BY_JOB, {"jobs": "db", "timestamp": HOUR}, "y"),
    Merged("28.6", "found on two shards", BY_JOB, {"timestamp": 0}, "x", count=2),
    Merged("28.6", "found on two shards, descending", BY_JOB, {"timestamp": 0, "desc": True}, "a", count=2),
    Merged("28.6", "found on no shard", BY_JOB, {"jobs": "db", "timestamp": 5}, NOT_FOUND),
    Merged("28.6", "over no job", BY_JOB, {"jobs": "no-*", "timestamp": 0}, NOT_FOUND),
    Merged("28.6", "an unknown job comes first", BY_JOB, {"jobs": "app", "timestamp": 5}, unknown_job("app")),
    Merged("28.7", "all buckets", EXPANDED, {"expand": True}, "x a y b"),
    Merged("28.7", "a page of some", EXPANDED, {"expand": True, "from_": 1, "size": 2}, "a y | b", count=4),
    Merged("28.7", "final records", EXPANDED, {"expand": True, "exclude_interim": True, "desc": True}, "b y a x"),
    Merged("28.7", "a lookup", EXPANDED, {"expand": True, "timestamp": HOUR, "jobs": "db"}, "y"),
    Merged("28.7", "a bucket of one shard", EXPANDED, {"expand": True, "jobs": "web", "size": 1}, "a | b"),
    Merged("28.7", "no bucket", EXPANDED, {"expand": True, "start": 9 * HOUR}, ""),
    Merged("28.8", "pages of one result", BY_TIME, {"size": 1}, "x | a | y | b | z | c"),
    Merged("28.8", "by score, descending", BY_JOB, {"sort": "anomaly_score", "desc": True, "size": 4}, "z b y c | a x"),
    Merged("28.8", "a page that is exactly full", BY_JOB, {"size": 3}, "x a y | b z c"),
    Merged("28.8", "missing values", GAPS, {"sort": "event_count", "size": 1}, "e | b | f | c | a | d"),
    Merged("28.8", "records", RECORDS, {"size": 2}, "high over | empty none | unscored", of="record"),
]

OVERALL = [
    MergedOverall(
        "28.9",
        "by job",
        BY_JOB,
        {},
        [
            (0, 3600, 5, {"web": 5, "db": 5}),
            (HOUR, 3600, 90, {"web": 90, "db": 40}),
            (2 * HOUR, 3600, 95, {"web": 5, "db": 95}),
        ],
    ),
    MergedOverall(
        "28.9",
        "a mean over shards",
        BY_JOB,
        {"top_n": 2, "overall_score": 50},
        [(HOUR, 3600, 65, {"web": 90, "db": 40}), (2 * HOUR, 3600, 50, {"web": 5, "db": 95})],
    ),
    MergedOverall("28.9", "a threshold that nothing reaches", BY_JOB, {"overall_score": 96}, []),
    MergedOverall(
        "28.9",
        "by time, a longer span",
        BY_TIME,
        {"bucket_span": "3h", "top_n": 2},
        [(0, 10_800, 65, {"web": 90, "db": 95})],
    ),
    MergedOverall(
        "28.9",
        "a longer span with negative scores, whose second bucket is interim",
        (
            {"a": bucket(0, anomaly_score=-5), "b": bucket(HOUR, anomaly_score=-7, is_interim=True)},
            {"x": bucket(0, job_id="db", anomaly_score=-5)},
        ),
        {"bucket_span": "2h", "top_n": 3, "overall_score": -100},
        [(0, 7200, -5, {"web": 0, "db": 0})],
    ),
    MergedOverall(
        "28.9",
        "an interval on two shards",
        (
            {"a": bucket(0, bucket_span=60, anomaly_score=-5)},
            {"b": bucket(60_000, bucket_span=60), "c": bucket(HOUR, bucket_span=60, anomaly_score=7)},
        ),
        {"bucket_span": "1h"},
        [(0, 3600, 0, {"web": 0}), (HOUR, 3600, 7, {"web": 7})],
    ),
    MergedOverall(
        "28.9",
        "the longest span of all shards",
        (WEB, DB),
        {"job_id": "web,db,day"},
        [(0, 86_400, 95, {"web": 90, "db": 95})],
        put=({"day": 86_400}, {}),
    ),
    MergedOverall(
        "28.9",
        "a window on now",
        BY_TIME,
        {"start": "now-1h", "now": 2 * HOUR, "top_n": 9},
        [(HOUR, 3600, 65, {"web": 90, "db": 40}), (2 * HOUR, 3600, 50, {"web": 5, "db": 95})],
    ),
    MergedOverall("28.9", "no span and no bucket", ({}, {}), {"job_id": "web"}, [], put=({"web": None}, {})),
    MergedOverall("28.9", "no job", BY_JOB, {"job_id": "no-*"}, []),
    MergedOverall(
        "28.9", "no job, and one is needed", BY_JOB, {"job_id": "no-*", "allow_no_match": False}, unknown_job("no-*")
    ),
    MergedOverall("28.9", "an unknown job", BY_JOB, {"job_id": "web,app"}, unknown_job("app")),
    MergedOverall(
        "28.9",
        "a span that is too short for one shard",
        (WEB, {"x": bucket(0, job_id="db", bucket_span=60)}),
        {"bucket_span": "59m"},
        invalid(
            "bucket_span",
            "Param [bucket_span] must be greater or equal to the max bucket_span [60m]",
            "status_exception",
        ),
    ),
]


@dataclass(frozen=True, slots=True)
class Called:
    """A call about shards, and its result or its error."""

    rule: str
    claim: str
    call: Callable[[], object]
    expected: object
    source: str = "ours"


def answer(query: Query, documents: Documents = WEB) -> ShardPage:
    """The answer of one shard."""
    return ask(index_of(documents.values()), query)


def next_of(text: str) -> object:
    """The page behind a result with a text, by its cursor."""
    shards = [index_of([record(0, over_field_value=text, detector_index=number) for number in range(2)])]
    query = RecordQuery(jobs="web", size=1)
    cursor = merged(shards, query).cursor
    assert cursor is not None
    return [*merged(shards, query, cursor).column("detector_index")]


def next_on_now() -> Any:
    """The page behind a page whose query has ``now``, by the cursor that one index wrote."""
    query = BucketQuery(jobs="web", end="now", size=2)
    index = index_of(WEB.values())
    cursor = index.search(query, now=3 * HOUR).cursor
    return merged([index], query, cursor).column("timestamp").tolist()


def records_of(count: int) -> list[Document]:
    """A bucket that shows this many records."""
    return [bucket(0, **BLAMED), *(record(0, detector_index=number) for number in range(count))]


def expanded(*jobs: str) -> object:
    """The number of records on a page of the first buckets of some jobs, each on a shard, with 10,000 records each."""
    shards = [index_of([{**each, "job_id": job} for each in records_of(10_000)]) for job in jobs]
    page = merged(shards, BucketQuery(jobs=[*jobs], expand=True))
    return [len(found.records) for found in page]


def ends_of(query: BucketQuery) -> object:
    """The window of a query."""
    return query.start, query.end


def severities(shards: Sequence[Documents]) -> object:
    """The counts by severity of all shards, added up."""
    counts = [index_of(documents.values()).severity_counts(BucketQuery(jobs="_all")) for documents in shards]
    return {severity: sum(each[severity] for each in counts) for severity in counts[0]}


def behind(asked: bool, merged_behind: bool) -> BucketPage:
    """The second page, for which only one of the two calls got the cursor."""
    index, query = index_of(WEB.values()), BucketQuery(jobs="web", size=1)
    cursor = index.search(query).cursor
    return merge_pages(
        query,
        [ask(index, shard_query(query), after=cursor if asked else None)],
        after=cursor if merged_behind else None,
    )


def overall_of_answers(answers: Any) -> object:
    """The overall buckets of some answers, right or not."""
    index, question = index_of(WEB.values()), overall_question(job_id="web")
    return merge_overall(with_spans(question, [ask_span(index, question)]), answers)


def in_order_of_jobs() -> list[tuple[Any, ...]]:
    """Page after page of two jobs, each on a shard of its own."""
    shards = [index_of([{**document, "job_id": job} for document in WEB.values()]) for job in ("a", "b")]
    query, cursor, keys = BucketQuery(jobs="a,b", sort="job_id", size=2), None, list[tuple[Any, ...]]()
    while True:
        asked = [ask(shard, shard_query(query), after=cursor) for shard in shards]
        page = merge_pages(query, asked, after=cursor)
        keys += page.keys()
        cursor = page.cursor
        if cursor is None:
            return keys


FIXED = BucketQuery(jobs="web", start=5, from_=7, size=3, anomaly_score=5, exclude_interim=True, expand=True)
NO_NOW = "which each shard would read from its own clock"
NO_SHARD = "[answers] must be what ask returned from every shard for shard_query(query) and the same [after]"
NO_OVERALL = "[answers] must be what ask_overall returned from every shard"
NO_SPANS = "[question] has no spans yet"
NO_QUERY = "[query] must be a BucketQuery, RecordQuery or InfluencerQuery, not dict"
CUT = Refusal(InvalidCursor, 400, "illegal_argument_exception", "after", "[after] has a text that is too long")
LOOKUP = BucketQuery(jobs="web", timestamp=5)
ON_NOW = BucketQuery(jobs="web", start="now-1d/d", end="now")
BOTH = ("2026-01-01T00:00:00.000Z||-1d/d", "2026-01-01T00:00:00.000Z")
PAGE: Any = index_of(WEB.values()).search(FIXED)
OLD = answer(shard_query(FIXED))._replace(sequence=7)
ALL: Any = {"jobs": "web"}
NOTHING: Any = None
WEB_KEYS = [*index_of(WEB.values()).search(BucketQuery(jobs="web")).keys()]
JOBS_IN_ORDER = [(job, *key[1:]) for job in ("a", "b") for key in WEB_KEYS]

CALLS = [
    Called("28.2", "everything else stays", lambda: shard_query(FIXED), FIXED.replace(from_=0, size=10)),
    Called("28.2", "a lookup stays", lambda: shard_query(LOOKUP), LOOKUP),
    Called("28.2", "a size of zero stays", lambda: shard_query(FIXED.replace(size=0)), FIXED.replace(size=0)),
    Called("28.3", "a query without now stays", lambda: resolve_now(FIXED, 5), FIXED),
    Called("28.3", "both sides", lambda: ends_of(resolve_now(ON_NOW, at("2026-01-01T00:00Z"))), BOTH),
    Called("28.3", "a shard's query on now", lambda: shard_query(ON_NOW), invalid("start", NO_NOW)),
    Called("28.3", "a shard is asked about now", lambda: answer(ON_NOW), invalid("start", NO_NOW)),
    Called("28.3", "a merge about now", lambda: merge_pages(ON_NOW, [answer(FIXED)]), invalid("start", NO_NOW)),
    Called("28.3", "a cursor has the window", next_on_now, [2 * HOUR]),
    Called("28.3", "no instant", lambda: resolve_now(ON_NOW, "now"), invalid("now", "[now] must be an instant")),
    Called(
        "28.3",
        "an instant after the year 9999",
        lambda: resolve_now(FIXED, 2**62),
        Refusal(LimitExceeded, 400, "illegal_argument_exception", "now", "leaves the years 0001 to 9999"),
    ),
    Called("28.4", "no answer", lambda: merge_pages(FIXED, []), invalid("answers", NO_SHARD)),
    Called(
        "28.4",
        "answers about another kind",
        lambda: merge_pages(BucketQuery(jobs="web"), [answer(RecordQuery(jobs="web"))]),
        invalid("answers", NO_SHARD),
    ),
    Called(
        "28.4",
        "an answer to another threshold",
        lambda: merge_pages(FIXED, [answer(shard_query(FIXED)), answer(shard_query(FIXED.replace(anomaly_score=6)))]),
        invalid("answers", NO_SHARD),
    ),
    Called(
        "28.4",
        "an answer to a smaller page",
        lambda: merge_pages(FIXED, [answer(shard_query(FIXED.replace(size=1)))]),
        invalid("answers", NO_SHARD),
    ),
    Called(
        "28.4",
        "an answer that skips matches itself",
        lambda: merge_pages(FIXED, [ask(index_of(WEB.values()), FIXED)]),
        invalid("answers", NO_SHARD),
    ),
    Called("28.4", "an answer without the cursor", lambda: behind(False, True), invalid("answers", NO_SHARD)),
    Called("28.4", "a merge without the cursor", lambda: behind(True, False), invalid("answers", NO_SHARD)),
    Called("28.4", "no answers at all", lambda: merge_pages(FIXED, NOTHING), invalid("answers", NO_SHARD)),
    Called("28.4", "no overall answer", lambda: overall_of_answers([]), invalid("answers", NO_OVERALL)),
    Called("28.4", "a page's answer", lambda: overall_of_answers([answer(FIXED)]), invalid("answers", NO_OVERALL)),
    Called("28.8", "a walk in the order of jobs", in_order_of_jobs, JOBS_IN_ORDER),
    Called(
        "28.4",
        "answers without the records of their buckets",
        lambda: merge_pages(FIXED, [answer(shard_query(FIXED.replace(expand=False)))]),
        invalid("answers", NO_SHARD),
    ),
    Called(
        "28.4",
        "a page in place of an answer",
        lambda: merge_pages(FIXED, [PAGE]),
        invalid("answers", NO_SHARD),
    ),
    Called(
        "28.4", "the greatest of the commits", lambda: merge_pages(FIXED, [answer(shard_query(FIXED)), OLD]).sequence, 7
    ),
    Called(
        "28.5", "a shard reports the unknown", lambda: answer(BucketQuery(jobs="db,web,-app")).unknown, ("db", "app")
    ),
    Called("28.7", "as many records as a page may show", lambda: expanded(*"abcdefghij"), [10_000] * 10),
    Called(
        "28.7",
        "more records than a page may show",
        lambda: expanded(*"abcdefghijk"),
        Refusal(LimitExceeded, 400, "illegal_argument_exception", "expand", "[expand] would bring 110000 records"),
    ),
    Called("28.8", "a short text", lambda: next_of("short"), [0]),
    Called("28.8", "a text that was cut", lambda: next_of("long" * 200), CUT),
    Called(
        "28.8",
        "the cursor of another query",
        lambda: merge_pages(FIXED, [answer(FIXED)], after="x"),
        Refusal(InvalidCursor, 400, "illegal_argument_exception", "after", "[after] is not the cursor of a page"),
    ),
    Called(
        "28.9",
        "now is needed",
        lambda: overall_question(job_id="web", start="now-1d"),
        invalid("now", "[now] is needed, since each shard would read date math"),
    ),
    Called("28.9", "no spans", lambda: with_spans(overall_question(job_id="web"), []), invalid("spans", "[spans]")),
    Called(
        "28.9",
        "a shard is asked without spans",
        lambda: ask_overall(ResultsIndex(), overall_question(job_id="web")),
        invalid("question", NO_SPANS),
    ),
    Called(
        "28.9",
        "a merge without spans",
        lambda: merge_overall(overall_question(job_id="web"), []),
        invalid("question", NO_SPANS),
    ),
    Called("28.10", "a shard gets no dict", lambda: shard_query(ALL), invalid("query", NO_QUERY)),
    Called("28.10", "now of no dict", lambda: resolve_now(ALL, 0), invalid("query", NO_QUERY)),
    Called("28.10", "a shard answers no dict", lambda: ask(ResultsIndex(), ALL), invalid("query", NO_QUERY)),
    Called("28.10", "a merge about no dict", lambda: merge_pages(ALL, []), invalid("query", NO_QUERY)),
    Called("28.10", "counts add up", lambda: severities(BY_JOB), severities([{**WEB, **DB}])),
]


@each_row(PAGES)
def test_merged_pages_are_those_of_one_index(row: Merged) -> None:
    """The merged pages have the results of the row, and the bodies of one index and of the reference; or the error."""
    assert_merged(row)


@each_row(OVERALL)
def test_merged_overall_buckets_are_those_of_one_index(row: MergedOverall) -> None:
    """The merged overall buckets are those of the row and of one index; or both raise the error."""
    assert_merged_overall(row)


@each_row(CALLS)
def test_calls_about_shards(row: Called) -> None:
    """The call returns the result of the row or raises its error."""
    if not isinstance(row.expected, Refusal):
        assert row.call() == row.expected
        return
    with pytest.raises(BucketQueryError) as caught:
        row.call()
    assert_refusal(caught.value, row.expected)
