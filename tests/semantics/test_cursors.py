"""Our decisions on cursors: the page behind a page, what a cursor survives, and what is refused."""

import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from bucketquery import (
    BucketQuery,
    InfluencerQuery,
    InvalidCursor,
    InvalidQuery,
    LimitExceeded,
    RecordQuery,
    ResultsIndex,
    UnknownJob,
)
from support.living import delete, delete_job, perform, put_job, renormalize, upsert
from support.living_tables import (
    BARE,
    CallRefused,
    Continued,
    Walked,
    assert_call_refused,
    assert_continued,
    assert_walked,
    bad_cursor,
)
from support.semantics_tables import (
    JOB,
    Documents,
    Page,
    Query,
    bucket,
    each_row,
    index_of,
    influencer,
    invalid,
    record,
    unknown_job,
)

pytestmark = pytest.mark.usefixtures("decoding_cursors")


def walked(claim: str, given: Documents, asked: Mapping[str, Any], expected: str, **more: Any) -> Walked:
    """A row about a walk over the pages of one commit."""
    return Walked(more.pop("rule", "20.cursors"), claim, given, asked, expected, "ours", **more)


TIMED = {name: bucket(number) for number, name in enumerate("abcde")}
TIED = {
    name: bucket(number, anomaly_score=score)
    for number, (name, score) in enumerate(zip("abcdef", (5, 9, 5, 5, 1, 5), strict=True))
}
GAPS = {
    name: bucket(number, **({} if score is None else {"anomaly_score": score}))
    for number, (name, score) in enumerate(zip("abcdef", (None, 9, None, 0, 9, None), strict=True))
}
SPANS = {
    "hour": bucket(0),
    "minute": bucket(0, bucket_span=60),
    "day": bucket(0, bucket_span=86_400),
    "next": bucket(1),
}
JOBS = {
    "web0": bucket(0, anomaly_score=5),
    "db0": bucket(0, anomaly_score=5, job_id="db"),
    "app0": bucket(0, anomaly_score=7, job_id="app"),
    "web1": bucket(1, anomaly_score=5),
    "db1": bucket(1, job_id="db"),
}
RECORDS = {
    "high": record(3, record_score=90.0),
    "a": record(0, record_score=50.0, over_field_value="a"),
    "empty": record(0, record_score=50.0, over_field_value=""),
    "none": record(0, record_score=50.0),
    "later": record(1, record_score=50.0),
    "second": record(0, record_score=50.0, detector_index=1),
    "unscored": record(2),
    "partition": record(0, record_score=50.0, partition_field_value="p"),
    "by": record(0, record_score=50.0, by_field_value="b"),
}
INFLUENCERS = {
    "a": influencer(0, "a", influencer_score=5.0),
    "b": influencer(0, "b", influencer_score=5.0),
    "bare": influencer(0, influencer_score=5.0),
    "empty": influencer(0, "", influencer_score=5.0),
    "unscored": influencer(1, "a"),
    "high": influencer(2, "a", influencer_score=9.0),
}
#: Integers that a double cannot tell apart.
COUNTED = {name: bucket(number, event_count=2**53 + number % 2) for number, name in enumerate("abcd")}
ALL_JOBS = {"jobs": ["web", "db", "app"]}

WALKS = [
    walked("in time order", TIMED, {"size": 2}, "a b | c d | e"),
    walked("in time order, descending", TIMED, {"size": 2, "desc": True}, "e d | c b | a"),
    walked("the last page is exactly full", TIMED, {"size": 5}, "a b c d e"),
    walked("two pages that are exactly full", {name: TIMED[name] for name in "abcd"}, {"size": 2}, "a b | c d"),
    walked("pages of one result", TIMED, {"size": 1}, "a | b | c | d | e"),
    walked("a page that is larger than the matches", TIMED, {"size": 9}, "a b c d e"),
    walked("no results", {}, {}, ""),
    walked("no matches", TIMED, {"anomaly_score": 5}, ""),
    walked("from_ skips on the first page only", TIMED, {"size": 2, "from_": 1}, "b c | d e", count=5),
    walked("from_ skips up to the last result", TIMED, {"size": 2, "from_": 4}, "e", count=5),
    walked("from_ skips everything", TIMED, {"size": 2, "from_": 5}, "", count=5),
    walked("a size of zero has no cursor", TIMED, {"size": 0}, "", count=5),
    walked("other sizes on the way", TIMED, {"size": 1}, "a | b c | d e", sizes=[2]),
    walked("a larger size, then a smaller", TIMED, {"size": 1}, "a | b c d | e", sizes=[3, 1]),
    walked("a size that ends the walk exactly", TIMED, {"size": 1}, "a | b c d e", sizes=[4]),
    walked("a window", TIMED, {"start": 1, "end": 4, "size": 2}, "b c | d"),
    walked("the count is that of all matches", TIMED, {"start": 1, "size": 2}, "b c | d e"),
    walked("before 1970", {"a": bucket(-2), "b": bucket(-1), "c": bucket(0)}, {"size": 1}, "a | b | c"),
    walked("spans break ties", SPANS, {"size": 1}, "minute | hour | day | next"),
    walked("spans break ties, descending", SPANS, {"size": 1, "desc": True}, "next | day | hour | minute"),
    walked(
        "interim results are left out",
        {name: bucket(number, is_interim=number % 2 == 1) for number, name in enumerate("abcde")},
        {"size": 2, "exclude_interim": True},
        "a c | e",
    ),
]

ORDERS = [
    walked("by score, and a page ends inside a tie", TIED, {"sort": "anomaly_score", "size": 2}, "e a | c d | f b"),
    walked(
        "by score, descending: ties too", TIED, {"sort": "anomaly_score", "size": 2, "desc": True}, "b f | d c | a e"
    ),
    walked("by score, one by one", TIED, {"sort": "anomaly_score", "size": 1, "desc": True}, "b | f | d | c | a | e"),
    walked(
        "by score, with a threshold at a tie",
        TIED,
        {"sort": "anomaly_score", "size": 2, "desc": True, "anomaly_score": 5},
        "b f | d c | a",
    ),
    walked("in time order, with a threshold", TIED, {"size": 2, "anomaly_score": 5}, "a b | c d | f"),
    walked("missing scores are last", GAPS, {"sort": "anomaly_score", "size": 2}, "d b | e a | c f"),
    walked(
        "missing scores are last, descending",
        GAPS,
        {"sort": "anomaly_score", "size": 2, "desc": True},
        "e b | d f | c a",
    ),
    walked("a page ends before the missing scores", GAPS, {"sort": "anomaly_score", "size": 3}, "d b e | a c f"),
    walked(
        "a page ends before the missing scores, descending",
        GAPS,
        {"sort": "anomaly_score", "size": 3, "desc": True},
        "e b d | f c a",
    ),
    walked("every score is missing", TIMED, {"sort": "anomaly_score", "size": 2, "desc": True}, "e d | c b | a"),
    walked("by a field of another kind", TIMED, {"sort": "record_score", "size": 2}, "a b | c d | e"),
    walked("by an integer that no double holds", COUNTED, {"sort": "event_count", "size": 1}, "a | c | b | d"),
    walked(
        "by an integer that no double holds, descending",
        COUNTED,
        {"sort": "event_count", "size": 1, "desc": True},
        "d | b | c | a",
    ),
    walked(
        "by the largest and the smallest integer",
        {"a": bucket(0, event_count=2**63 - 1), "b": bucket(1, event_count=-(2**63)), "c": bucket(2)},
        {"sort": "event_count", "size": 1},
        "b | a | c",
    ),
    walked(
        "by a bool",
        {"a": bucket(0, is_interim=True), "b": bucket(1), "c": bucket(2, is_interim=False)},
        {"sort": "is_interim", "size": 1},
        "c | a | b",
    ),
    walked(
        "by scheduled events",
        {
            "a": bucket(0, scheduled_events=["b", "z"]),
            "b": bucket(1),
            "c": bucket(2, scheduled_events=["a"]),
            "d": bucket(3, scheduled_events=["a", "b"]),
        },
        {"sort": "scheduled_events", "size": 1},
        "c | d | a | b",
    ),
    walked(
        "by scheduled events, descending",
        {
            "a": bucket(0, scheduled_events=["b", "z"]),
            "b": bucket(1),
            "c": bucket(2, scheduled_events=["a"]),
            "d": bucket(3, scheduled_events=["a", "b"]),
        },
        {"sort": "scheduled_events", "size": 1, "desc": True},
        "a | d | c | b",
    ),
    walked(
        "by event.ingested",
        {
            "a": bucket(0, event={"ingested": 5}),
            "b": bucket(1),
            "c": bucket(2, event={"ingested": 5}),
            "d": bucket(3, event={"ingested": 4}),
        },
        {"sort": "event.ingested", "size": 1},
        "d | a | c | b",
    ),
    walked("by a constant", TIMED, {"sort": "result_type", "size": 2}, "a b | c d | e"),
    walked("by timestamp under its other name", TIMED, {"sort": "@timestamp", "size": 2}, "a b | c d | e"),
    walked("by span", SPANS, {"sort": "bucket_span", "size": 1}, "minute | hour | next | day"),
    walked(
        "subnormal scores",
        {"a": bucket(0, anomaly_score=1e-323), "b": bucket(1, anomaly_score=5e-324), "c": bucket(2, anomaly_score=0.0)},
        {"sort": "anomaly_score", "size": 1},
        "c | b | a",
    ),
    walked(
        "negative zero is zero",
        {"a": bucket(0, anomaly_score=-0.0), "b": bucket(1, anomaly_score=0.0), "c": bucket(2, anomaly_score=-0.0)},
        {"sort": "anomaly_score", "size": 1},
        "a | b | c",
    ),
]

KINDS = [
    walked(
        "records by default: by score, ties by texts",
        RECORDS,
        {"size": 2},
        "high a | empty partition | by later | second none | unscored",
        of="record",
    ),
    walked(
        "records, ascending",
        RECORDS,
        {"size": 4, "desc": False},
        "empty a partition by | none second later high | unscored",
        of="record",
    ),
    walked(
        "records by a text with missing values",
        RECORDS,
        {"size": 3, "sort": "over_field_value", "desc": False},
        "empty a partition | by none second | later high unscored",
        of="record",
    ),
    walked(
        "records by a text, descending",
        RECORDS,
        {"size": 1, "sort": "over_field_value"},
        "a | empty | high | partition | by | later | second | none | unscored",
        of="record",
    ),
    walked(
        "records by a text that none has",
        RECORDS,
        {"size": 5, "sort": "function"},
        "high a empty partition by | later second none unscored",
        of="record",
    ),
    walked(
        "records in time order",
        RECORDS,
        {"size": 5, "sort": "timestamp", "desc": False},
        "empty a partition by none | second later unscored high",
        of="record",
    ),
    walked("influencers by default", INFLUENCERS, {"size": 2}, "high b | a empty | bare unscored", of="influencer"),
    walked(
        "influencers by value",
        INFLUENCERS,
        {"size": 2, "sort": "influencer_field_value", "desc": False},
        "empty a | unscored high | b bare",
        of="influencer",
    ),
    walked("several jobs in time order", JOBS, {**ALL_JOBS, "size": 2}, "app0 db0 | web0 db1 | web1"),
    walked(
        "several jobs, a tie across jobs",
        JOBS,
        {**ALL_JOBS, "size": 1, "sort": "anomaly_score", "desc": True},
        "app0 | web1 | web0 | db0 | db1",
    ),
    walked(
        "several jobs by score, ascending",
        JOBS,
        {**ALL_JOBS, "size": 2, "sort": "anomaly_score"},
        "db0 web0 | web1 app0 | db1",
    ),
    walked("several jobs by job", JOBS, {**ALL_JOBS, "size": 2, "sort": "job_id"}, "app0 db0 | db1 web0 | web1"),
    walked(
        "several jobs by job, descending",
        JOBS,
        {**ALL_JOBS, "size": 2, "sort": "job_id", "desc": True},
        "web1 web0 | db1 db0 | app0",
    ),
    walked(
        "jobs in any order, one of them twice",
        JOBS,
        {"jobs": ["app", "web", "db", "web"], "size": 2},
        "app0 db0 | web0 db1 | web1",
    ),
    walked(
        "with records in the buckets",
        {"a": bucket(0, bucket_influencers=[{}]), "b": bucket(1, bucket_influencers=[{}]), "c": bucket(2)},
        {"expand": True, "size": 1},
        "a | b | c",
    ),
    walked(
        "an index without documents",
        TIED,
        {"sort": "anomaly_score", "size": 2, "desc": True},
        "b f | d c | a e",
        settings=BARE,
    ),
    walked(
        "an index without documents: records",
        RECORDS,
        {"size": 2},
        "high a | empty partition | by later | second none | unscored",
        of="record",
        settings=BARE,
    ),
]

MANY = {
    f"r{number}": record(number // 3, record_score=float(number % 4), over_field_value=f"v{number % 3}")
    for number in range(12)
}
PAGES = [
    walked(
        "a walk is every match once", TIED, {"size": 4, "sort": "anomaly_score"}, "e a c d | f b", rule="20.page-walks"
    ),
    walked("no matches: one empty page", TIMED, {"start": 9}, "", rule="20.page-walks"),
    walked(
        "the first page skips from_ matches", TIMED, {"size": 3, "from_": 1}, "b c d | e", count=5, rule="20.page-walks"
    ),
    walked(
        "from_ beyond the matches: one empty page", TIMED, {"size": 3, "from_": 9}, "", count=5, rule="20.page-walks"
    ),
    walked("the last page is exactly full", TIMED, {"size": 5}, "a b c d e", rule="20.page-walks"),
    walked("an index without documents", TIMED, {"size": 2}, "a b | c d | e", rule="20.page-walks", settings=BARE),
    walked(
        "ties between many records",
        MANY,
        {"size": 5},
        "r11 r7 r3 r2 r10 | r6 r5 r1 r9 r8 | r4 r0",
        of="record",
        rule="20.page-walks",
    ),
]


@each_row(WALKS, ORDERS, KINDS, PAGES)
def test_pages_by_cursor(row: Walked) -> None:
    """The pages of the row come by their cursors from the index and a snapshot, and from `pages`."""
    assert_walked(row)


# ---- walks over a changing index


def continued(claim: str, given: Documents, asked: Mapping[str, Any], first: str, *rest: Any, **more: Any) -> Continued:
    """A row about the page behind a cursor after other writes: the writes, then the names of the next page."""
    *writes, expected = rest
    rule = more.pop("rule", "20.cursor-commits")
    return Continued(rule, claim, given, asked, first, writes, expected, "ours", **more)


BY_SCORE = {"sort": "anomaly_score", "desc": True, "size": 2}
SCORED = {name: bucket(number, anomaly_score=10 * number) for number, name in enumerate("abcde")}

CONTINUED = [
    continued("nothing was written", TIMED, {"size": 2}, "a b", "c d"),
    continued(
        "a result before the cursor comes no more",
        TIMED,
        {"size": 2},
        "a b",
        upsert(bucket(-1), bucket(1, bucket_span=60)),
        "c d",
    ),
    continued(
        "a result behind the cursor comes",
        TIMED,
        {"size": 2},
        "a b",
        upsert(bucket(1, bucket_span=9_999)),
        "new c",
        later={"new": bucket(1, bucket_span=9_999)},
    ),
    continued(
        "a result behind all", TIMED, {"size": 4}, "a b c d", upsert(bucket(9)), "e new", later={"new": bucket(9)}
    ),
    continued(
        "descending: a result behind the cursor comes",
        TIMED,
        {"size": 2, "desc": True},
        "e d",
        upsert(bucket(9), bucket(-5)),
        "c b",
        later={"new": bucket(9), "old": bucket(-5)},
    ),
    continued("the cursor's result was deleted", TIMED, {"size": 2}, "a b", delete(JOB, start=1, end=2), "c d"),
    continued(
        "the cursor's result and those before were deleted", TIMED, {"size": 2}, "a b", delete(JOB, end=2), "c d"
    ),
    continued("the next results were deleted", TIMED, {"size": 2}, "a b", delete(JOB, start=2, end=4), "e"),
    continued("everything behind was deleted", TIMED, {"size": 2}, "a b", delete(JOB, start=2), ""),
    continued("everything was deleted", TIMED, {"size": 2}, "a b", delete(JOB, start=0), ""),
    continued(
        "the cursor's result was replaced", TIMED, {"size": 2}, "a b", upsert(bucket(1, anomaly_score=50)), "c d"
    ),
    continued(
        "in time order a new score moves nothing", TIED, {"size": 2}, "a b", upsert(bucket(2, anomaly_score=99)), "c d"
    ),
    continued(
        "a result stops matching",
        SCORED,
        {"size": 2, "anomaly_score": 10},
        "b c",
        upsert(bucket(3, anomaly_score=0)),
        "e",
    ),
    continued(
        "a result behind begins to match",
        SCORED | {"f": bucket(5)},
        {"size": 1, "anomaly_score": 30},
        "d",
        upsert(bucket(4, anomaly_score=0), bucket(5, anomaly_score=30)),
        "f",
    ),
    continued("by score: the cursor's result was deleted", SCORED, BY_SCORE, "e d", delete(JOB, start=3), "c b"),
    continued(
        "by score: the cursor's result has another score",
        SCORED,
        BY_SCORE,
        "e d",
        upsert(bucket(3, anomaly_score=5)),
        "c b",
    ),
    continued(
        "by score: a result that falls may come twice",
        SCORED,
        BY_SCORE,
        "e d",
        renormalize(buckets=[{"timestamp": 4, "bucket_span": 3_600, "anomaly_score": 15}]),
        "c e",
    ),
    continued(
        "by score: a result that rises may not come",
        SCORED,
        BY_SCORE,
        "e d",
        upsert(bucket(2, anomaly_score=35)),
        "b a",
    ),
    continued(
        "by score: a new result with the cursor's score, behind in the tie",
        SCORED,
        BY_SCORE,
        "e d",
        upsert(bucket(2, anomaly_score=30)),
        "c b",
    ),
    continued(
        "by score: a new result with the cursor's score, before in the tie",
        SCORED,
        BY_SCORE,
        "e d",
        upsert(bucket(7, anomaly_score=30)),
        "c b",
    ),
    continued("by score: the cursor's result has lost its score", SCORED, BY_SCORE, "e d", upsert(bucket(3)), "c b"),
    continued(
        "missing values: the cursor's result was deleted",
        GAPS,
        {"sort": "anomaly_score", "size": 4},
        "d b e a",
        delete(JOB, end=1),
        "c f",
    ),
    continued(
        "missing values: the cursor's result has a score now",
        GAPS,
        {"sort": "anomaly_score", "size": 4},
        "d b e a",
        upsert(bucket(0, anomaly_score=50)),
        "c f",
    ),
    continued(
        "an interim result before becomes final",
        {"a": bucket(0, is_interim=True), "b": bucket(1), "c": bucket(2)},
        {"size": 1, "exclude_interim": True},
        "b",
        upsert(bucket(0)),
        "c",
    ),
    continued(
        "a record's cursor, its result deleted",
        RECORDS,
        {"size": 3},
        "high a empty",
        delete(JOB, start=3),
        upsert(record(0, record_score=50.0, over_field_value="", detector_index=7)),
        "partition by later",
        of="record",
    ),
    continued(
        "an influencer's cursor, everything deleted and written again",
        INFLUENCERS,
        {"size": 2},
        "high b",
        delete(JOB, start=0),
        upsert(*INFLUENCERS.values()),
        "a empty",
        of="influencer",
    ),
    continued(
        "the job was deleted and created again",
        TIMED,
        {"size": 2},
        "a b",
        delete_job(),
        upsert(*TIMED.values()),
        "c d",
        rule="20.cursor-tokens",
    ),
    continued(
        "a result of another job",
        JOBS,
        {**ALL_JOBS, "size": 2},
        "app0 db0",
        upsert(bucket(0, job_id="app", bucket_span=9_999)),
        "web0 new",
        later={"new": bucket(0, job_id="app", bucket_span=9_999)},
    ),
]


@each_row(CONTINUED)
def test_the_page_behind_a_cursor_after_writes(row: Continued) -> None:
    """The index has the row's next page; an older snapshot goes on with its own results."""
    assert_continued(row)


def test_in_time_order_every_result_that_matches_throughout_comes_once() -> None:
    """Section 20, cursor-commits: no append, late result, delete or new score disturbs a walk in time order."""
    for desc in (False, True):
        index = index_of([bucket(number * 10, anomaly_score=50) for number in range(20)])
        query = BucketQuery(jobs=JOB, size=3, desc=desc, anomaly_score=10)
        page = index.search(query)
        seen: list[tuple[Any, ...]] = []
        for number in range(30):
            seen += page.keys()
            if page.cursor is None:
                break
            perform(index, upsert(bucket(number * 7 + 1, anomaly_score=99), bucket(number * 10, anomaly_score=60)))
            perform(index, delete(JOB, start=number * 7 + 1, end=number * 7 + 2))
            page = index.search(query, after=page.cursor)
        stable = {(JOB, number * 10, 3_600) for number in range(20)}
        deleted = {number * 7 + 1 for number in range(30)}
        assert len(seen) == len(set(seen))
        assert {key for key in seen if key[1] not in deleted} == {key for key in stable if key[1] not in deleted}


# ---- what a cursor survives, and what is refused

LONG = "x" * 5_000
FIRST = BucketQuery(jobs=JOB, size=2, sort="anomaly_score", desc=True)


def keys_of(page: Page) -> Sequence[tuple[Any, ...]]:
    """The identities of a page's results."""
    return page.keys()


def cursor_of(results: ResultsIndex, query: Query = FIRST) -> str:
    """The cursor of a query's first page."""
    cursor = results.search(query).cursor
    assert cursor is not None
    return cursor


@pytest.mark.parametrize("query", [FIRST, BucketQuery(jobs=JOB, size=1), FIRST.replace(jobs=[JOB, "db"])])
def test_a_cursor_survives_a_restart(query: Query) -> None:
    """Section 20, cursor-tokens: another index with the same results, written in another order, takes the cursor."""
    first = index_of([*SCORED.values(), bucket(0, job_id="db", anomaly_score=5)])
    second = ResultsIndex(first_sequence=1_000)
    for document in reversed([*SCORED.values(), bucket(0, job_id="db", anomaly_score=5)]):
        perform(second, upsert(document))
    cursor = cursor_of(first, query)
    assert second.search(query, after=cursor).keys() == first.search(query, after=cursor).keys()


def test_a_cursor_survives_the_pickling_of_its_page() -> None:
    """Section 20, cursor-tokens: a pickled page has the cursor, read before or not."""
    index = index_of(SCORED.values())
    page = index.search(FIRST)
    unread = pickle.loads(pickle.dumps(page))
    assert unread.cursor == page.cursor is not None
    assert pickle.loads(pickle.dumps(page)).cursor == page.cursor
    perform(index, delete(JOB, start=0))
    assert index.search(FIRST, after=unread.cursor).keys() == ()


def test_a_page_keeps_its_cursor_when_the_index_changes() -> None:
    """Section 20, cursor-tokens: the cursor is that of the page's own commit, also if it is read later."""
    index = index_of(SCORED.values())
    read, unread = index.search(FIRST), index.search(FIRST)
    cursor = read.cursor
    perform(index, upsert(bucket(3, anomaly_score=1), bucket(8, anomaly_score=99)))
    assert unread.cursor == cursor


@pytest.mark.parametrize(
    "query", [BucketQuery(jobs=JOB, size=1), RecordQuery(jobs=JOB, size=1), InfluencerQuery(jobs=JOB, size=1)]
)
def test_a_cursor_is_short_ascii(query: Query) -> None:
    """Section 20, cursor-tokens: a cursor may stand in a URL, and has at most 1,024 characters."""
    texts = {
        name: f"{name} {LONG} é\x00\U0001f4a1"
        for name in ("by_field_value", "over_field_value", "partition_field_value")
    }
    index = index_of(
        [
            *SCORED.values(),
            *(record(number, function=LONG, field_name=LONG, **texts) for number in range(3)),
            *(influencer(number, LONG) for number in range(3)),
        ]
    )
    for page in index.pages(query):
        cursor = page.cursor
        assert cursor is None or (len(cursor) <= 1_024 and set(cursor) <= URL_SAFE)


URL_SAFE = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def test_long_texts_keep_their_places() -> None:
    """Section 20, cursor-tokens: texts that begin alike are told apart as long as the result is stored."""
    given = [record(0, over_field_value=LONG + end) for end in ("", "a", "b", "é", "z" * 300)]
    index = index_of([*given, record(0, over_field_value="x"), record(0, over_field_value="y")])
    query = RecordQuery(jobs=JOB, sort="over_field_value", desc=False, size=100)
    whole = index.search(query).keys()
    assert len(whole) == 7
    for size in (1, 2, 3):
        assert [key for page in index.pages(query.replace(size=size)) for key in keys_of(page)] == [*whole]


def test_the_page_behind_a_deleted_long_text_begins_behind_its_beginning() -> None:
    """Section 20, cursor-tokens: the hash of a cut text names no place once its result is gone."""
    index = index_of([record(0, over_field_value=LONG + end) for end in "abc"] + [record(0, over_field_value="y")])
    query = RecordQuery(jobs=JOB, sort="over_field_value", desc=False, size=1)
    cursor = cursor_of(index, query)
    index.delete_job(JOB)
    index.upsert([record(0, over_field_value=LONG + end) for end in "bc"] + [record(0, over_field_value="y")])
    assert [key[5] for key in keys_of(index.search(query, after=cursor))] == ["y"]


def test_the_window_is_resolved_for_the_first_page() -> None:
    """Section 20, cursor-tokens: the cursor carries the window, so neither the clock nor `now` applies with it."""
    times = [10]
    index = ResultsIndex(clock=lambda: times[0])
    index.upsert([bucket(number) for number in range(20)])
    query = BucketQuery(jobs=JOB, end="now", size=4)
    first = index.search(query)
    times[0] = 15
    second = index.search(query, after=first.cursor)
    third = index.search(query, after=second.cursor, now=12)
    assert [key[1] for key in (*second.keys(), *third.keys())] == [4, 5, 6, 7, 8, 9]
    assert (first.count, second.count, third.count, third.cursor) == (10, 10, 10, None)


def test_a_walk_with_now_keeps_the_first_instant() -> None:
    """Section 20, page-walks: `pages` resolves `now` at the call, by its argument or the clock."""
    times = [10]
    index = ResultsIndex(clock=lambda: times[0])
    index.upsert([bucket(number) for number in range(20)])
    query = BucketQuery(jobs=JOB, end="now", size=4)
    for walk, count in ((index.pages(query), 10), (index.pages(query, now=6), 6)):
        times[0] = 15
        pages = list(walk)
        times[0] = 10
        assert ({page.count for page in pages}, sum(map(len, pages))) == ({count}, count)


def other(claim: str, change: dict[str, Any] | Query) -> CallRefused:
    """A row about the cursor of `FIRST` with another query."""
    query = FIRST.replace(**change) if isinstance(change, dict) else change

    def call(index: ResultsIndex) -> object:
        return index.search(query, after=cursor_of(index))

    return CallRefused("20.cursor-tokens", claim, WRITTEN, call, bad_cursor(), "ours")


def spoiled(claim: str, spoil: Callable[[str], Any]) -> CallRefused:
    """A row about a cursor of `FIRST` that was changed."""

    def call(index: ResultsIndex) -> object:
        return index.search(FIRST, after=spoil(cursor_of(index)))

    return CallRefused("20.cursor-tokens", claim, WRITTEN, call, bad_cursor(), "ours")


WRITTEN = [put_job("db"), upsert(*SCORED.values(), record(0), record(1), influencer(0, "a"), influencer(1, "a"))]

REFUSED = [
    other("another direction", {"desc": False}),
    other("another order", {"sort": "initial_anomaly_score"}),
    other("time order", {"sort": "timestamp"}),
    other("another threshold", {"anomaly_score": 1}),
    other("a start", {"start": 0}),
    other("an end", {"end": 99}),
    other("final results only", {"exclude_interim": True}),
    other("another job", {"jobs": "db"}),
    other("more jobs", {"jobs": [JOB, "db"]}),
    other("another kind", RecordQuery(jobs=JOB, size=2)),
    other("a lookup", BucketQuery(jobs=JOB, timestamp=0)),
    spoiled("cut at the end", lambda cursor: cursor[:-1]),
    spoiled("cut at the beginning", lambda cursor: cursor[1:]),
    spoiled("its first half", lambda cursor: cursor[: len(cursor) // 2]),
    spoiled("empty", lambda _: ""),
    spoiled("longer", lambda cursor: cursor + "A"),
    spoiled("twice", lambda cursor: cursor * 2),
    spoiled("its first character changed", lambda cursor: ("A" if cursor[0] != "A" else "B") + cursor[1:]),
    spoiled("a character in the middle changed", lambda cursor: swapped(cursor, len(cursor) // 2)),
    spoiled("its last character changed", lambda cursor: swapped(cursor, len(cursor) - 1)),
    spoiled("with a blank", lambda cursor: cursor + " "),
    spoiled("in upper case", lambda cursor: cursor.swapcase()),
    spoiled("backwards", lambda cursor: cursor[::-1]),
    spoiled("not ASCII", lambda cursor: cursor + "é"),
    spoiled("very long", lambda _: "A" * 1_000_000),
    spoiled("words", lambda _: "page 2"),
    spoiled("bytes", lambda cursor: cursor.encode()),
    spoiled("a number", lambda _: 2),
    spoiled("a key", lambda _: (JOB, 3, 3_600)),
    spoiled("False", lambda _: False),
]


def swapped(cursor: str, place: int) -> str:
    """The cursor with another character at a place."""
    return cursor[:place] + ("A" if cursor[place] != "A" else "Q") + cursor[place + 1 :]


@each_row(REFUSED)
def test_a_refused_cursor(row: CallRefused) -> None:
    """The error has the class, the status and the field of the row."""
    assert_call_refused(row)


def test_the_job_of_a_cursor_may_have_been_deleted() -> None:
    """Section 20, cursor-tokens: the cursor is one of the query, so the error is that of the unknown job."""
    index = index_of(SCORED.values())
    cursor = cursor_of(index)
    perform(index, delete_job())
    with pytest.raises(UnknownJob):
        index.search(FIRST, after=cursor)


def test_every_changed_character_is_noticed() -> None:
    """Section 20, cursor-tokens: a cursor of which any one character was changed is refused."""
    index = index_of(SCORED.values())
    cursor = cursor_of(index)
    for place in range(len(cursor)):
        with pytest.raises(InvalidCursor):
            index.search(FIRST, after=swapped(cursor, place))


def test_another_size_from_and_expand_are_allowed() -> None:
    """Section 20, cursor-tokens: these do not belong to the cursor."""
    given = {name: document | {"bucket_influencers": [{}]} for name, document in SCORED.items()}
    index = index_of([*given.values(), record(2)])
    cursor = cursor_of(index)
    for changes in ({"size": 3}, {"from_": 2}, {"from_": 10**30}, {"size": 10_000, "from_": 1}):
        assert index.search(FIRST.replace(**changes), after=cursor).keys()[:2] == ((JOB, 2, 3_600), (JOB, 1, 3_600))
    page = index.search(FIRST.replace(expand=True), after=cursor)
    assert [len(found.records) for found in page] == [1, 0]
    nothing = index.search(FIRST.replace(size=0), after=cursor)
    assert (nothing.count, len(nothing), nothing.cursor) == (5, 0, None)


def test_limits_hold_behind_a_cursor() -> None:
    """Section 20, cursors: the page behind a cursor has the limits of any page."""
    index = ResultsIndex(max_size=3)
    index.upsert(SCORED.values())
    with pytest.raises(LimitExceeded):
        index.search(FIRST.replace(size=4), after=cursor_of(index))


def test_an_equal_query_is_the_same_query() -> None:
    """Section 20, cursor-tokens: a query that is built anew, or spelled in another way, takes the cursor."""
    index = index_of(SCORED.values())
    first = BucketQuery(jobs=JOB, start="1970-01-01", end=4, size=2)
    cursor = cursor_of(index, first)
    for query in (
        BucketQuery(jobs=[JOB], start="1970-01-01", end=4, size=2),
        pickle.loads(pickle.dumps(first)),
        first.replace(size=1).replace(size=2),
    ):
        assert [key[1] for key in keys_of(index.search(query, after=cursor))] == [2, 3]


def test_a_lookup_has_no_cursor() -> None:
    """Section 20, cursors: the page of a lookup has none, even if several buckets match."""
    index = index_of(SPANS.values())
    page = index.search(BucketQuery(jobs=JOB, timestamp=0))
    assert (page.count, len(page), page.cursor) == (3, 1, None)


@pytest.mark.parametrize("call", ["get_buckets", "get_records", "get_influencers"])
def test_the_pages_of_the_calls_have_cursors(call: str) -> None:
    """Section 20, cursors: a page of a call with keywords has the cursor of the same query."""
    index = index_of([*TIMED.values(), record(0), record(1), influencer(0, "a"), influencer(1, "a")])
    query = {"get_buckets": BucketQuery, "get_records": RecordQuery, "get_influencers": InfluencerQuery}[call]
    page = getattr(index, call)(job_id=JOB, size=1)
    assert page.cursor == index.search(query(jobs=JOB, size=1)).cursor is not None


# ---- walks by `pages`

WALKS_REFUSED = [
    CallRefused("20.page-walks", claim, WRITTEN, call, expected, "ours")
    for claim, call, expected in (
        ("a size of zero", lambda index: index.pages(FIRST.replace(size=0)), invalid("size", "")),
        ("a lookup", lambda index: index.pages(BucketQuery(jobs=JOB, timestamp=0)), invalid("timestamp|query", "")),
        ("an unknown job", lambda index: index.pages(FIRST.replace(jobs="nobody")), unknown_job("nobody")),
        ("a dict", lambda index: index.pages({"jobs": JOB}), invalid("query", "")),
        ("a bad now", lambda index: index.pages(FIRST.replace(end="now"), now=5.0), invalid("now", "")),
    )
]


@each_row(WALKS_REFUSED)
def test_a_refused_walk(row: CallRefused) -> None:
    """The call itself raises the error of the row, before the first page is asked for."""
    assert_call_refused(row)


def test_a_walk_is_of_the_commit_at_the_call() -> None:
    """Section 20, page-walks: later writes change nothing, also before the first page is read."""
    index = index_of(TIMED.values())
    walk = index.pages(BucketQuery(jobs=JOB, size=2))
    perform(index, delete_job())
    assert [[key[1] for key in keys_of(page)] for page in walk] == [[0, 1], [2, 3], [4]]
    with pytest.raises(UnknownJob):
        index.pages(BucketQuery(jobs=JOB))


def test_a_walk_of_a_size_beyond_the_largest_is_refused() -> None:
    """Section 20, page-walks: the pages have the limits of any page, and the call raises."""
    index = ResultsIndex(max_size=3)
    index.upsert(TIMED.values())
    with pytest.raises(LimitExceeded):
        index.pages(BucketQuery(jobs=JOB, size=4))
    with pytest.raises(InvalidQuery):
        index.pages(BucketQuery(jobs=JOB, size=0))


def test_a_walk_of_all_sizes_is_the_scan() -> None:
    """Section 20, page-walks: pages of any size, laid end to end, are the scan."""
    index = index_of(RECORDS.values())
    for desc in (False, True):
        query = RecordQuery(jobs=JOB, desc=desc)
        whole = [*index.scan(query)]
        for size in range(1, 11):
            assert [found for page in index.pages(query.replace(size=size)) for found in page] == whole
