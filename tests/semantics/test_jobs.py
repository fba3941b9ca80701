"""Rule 11, and our decisions on jobs and on which error comes first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from bucketquery import (
    BucketQuery,
    BucketQueryError,
    InvalidDocument,
    InvalidQuery,
    LimitExceeded,
    NotFound,
    ResultsIndex,
    UnknownJob,
)
from support.semantics_tables import (
    JOB,
    Answered,
    Refusal,
    Refused,
    assert_answered,
    assert_refusal,
    assert_refused,
    assert_same_body,
    bucket,
    each_row,
    hours,
    index_of,
    influencer,
    invalid,
    record,
    unknown_job,
)

HOURS = hours(2)

KNOWN = [
    Answered("11", "known, without documents", {}, {}, "", "TRANS: 200, count 0"),
    Answered(
        "11", "known, without documents, any question", {}, {"sort": "anomaly_score", "anomaly_score": 50}, "", "TRANS"
    ),
    Answered("11", "known, outside its data", HOURS, {"end": 0}, "", "TRANS: 200, count 0"),
]

UNKNOWN = [Refused("11", "question", HOURS, {"jobs": "db"}, unknown_job("db"), "TRANS", only="search")] + [
    Refused("11", repr(job_id), HOURS, {"job_id": job_id}, unknown_job(job_id), source, only="get_buckets")
    for job_id, source in (
        ("db", "TRANS"),
        ("Web", "ids are exact"),
        ("we", "ids are exact"),
        ("web ", "ids are exact"),
        ("_all", "TRANS: the id is literal"),
        ("*", "TRANS: the id is literal"),
        ("w*", "TRANS: the id is literal"),
        ("web,db", "TRANS: the id is literal"),
        ("web,web", "TRANS: the id is literal"),
        ("-web", "ours: an id that could not exist"),
        ("", "ours: an id that could not exist"),
        ("x" * 256, "ours: an id that could not exist"),
    )
]

NO_ID = [
    Refused(
        "11", f"id {value!r}", HOURS, {"job_id": value}, invalid("job_id", ""), "a job id is text", only="get_buckets"
    )
    for value in (None, 5, b"web", ["web"])
] + [
    Refused(
        "11", f"question id {value!r}", HOURS, {"jobs": value}, invalid("jobs", ""), "one literal id", only="search"
    )
    for value in (None, 5, b"web", [], [5], "", "w*", "web,db", "_all", "-web", "*")
]

NOT_FOUND = Refusal(NotFound, 404, "resource_not_found_exception", "timestamp", "Could not find requested buckets")
TOO_LARGE = Refusal(LimitExceeded, 400, "illegal_argument_exception", "size", "")

WHICH_FIRST = [
    Refused("20.which-error-first", claim, HOURS, {"job_id": job_id} | asked, expected, source, only="get_buckets")
    for claim, job_id, asked, expected, source in (
        (
            "bad sort, unknown job",
            "db",
            {"sort": "x"},
            invalid("sort", "No mapping", "query_shard_exception"),
            "ours",
        ),
        (
            "bad date, unknown job",
            "db",
            {"start": "x"},
            invalid("start", "failed to parse", "parse_exception"),
            "ours",
        ),
        (
            "bad math of now, unknown job",
            "db",
            {"end": "now+1q"},
            invalid("end", "unit [q]", "parse_exception"),
            "ours",
        ),
        ("bad size, unknown job", "db", {"size": -1}, invalid("size", "cannot be < 0"), "ours"),
        ("bad boolean, unknown job", "db", {"desc": "x"}, invalid("desc", "Failed to parse value [x]"), "ours"),
        (
            "bad threshold, unknown job",
            "db",
            {"anomaly_score": "x"},
            invalid("anomaly_score", "For input string", "number_format_exception"),
            "ours",
        ),
        (
            "a contradiction, unknown job",
            "db",
            {"timestamp": 0, "start": 0},
            invalid("start|timestamp", "is incompatible with"),
            "ours",
        ),
        ("size past the bound, unknown job", "db", {"size": 10_001}, TOO_LARGE, "ours"),
        ("lookup, unknown job", "db", {"timestamp": 5}, unknown_job("db"), "ours: then UnknownJob"),
        ("lookup, known job", JOB, {"timestamp": 5}, NOT_FOUND, "ours: then NotFound"),
        (
            "bad sort, nothing found",
            JOB,
            {"timestamp": 5, "sort": "x"},
            invalid("sort", "x", "query_shard_exception"),
            "ours",
        ),
    )
] + [
    Refused(
        "20.which-error-first",
        "question: size, job",
        HOURS,
        {"jobs": "db", "size": 10_001},
        TOO_LARGE,
        "ours",
        only="search",
    ),
    Refused(
        "20.which-error-first",
        "question: lookup, job",
        HOURS,
        {"jobs": "db", "timestamp": 5},
        unknown_job("db"),
        "ours",
        only="search",
    ),
]


@each_row(KNOWN)
def test_known_job_is_answered(row: Answered) -> None:
    """A job that is known is answered, with or without documents."""
    assert_answered(row)


@each_row(UNKNOWN, NO_ID, WHICH_FIRST)
def test_job_is_refused_as_ruled(row: Refused) -> None:
    """A job that is not known, what is no job, and a question with several faults give the error of the row."""
    assert_refused(row)


def test_empty_body_of_a_known_job() -> None:
    """Rule 11: a known job without documents is a count of 0 and an empty list."""
    assert_same_body(index_of([]).get_buckets(job_id=JOB).to_dict(), {"count": 0, "buckets": []})


def test_question_is_checked_before_it_is_asked() -> None:
    """Section 20, which error first: a question's date text is refused when the question is made, without any index."""
    with pytest.raises(InvalidQuery):
        BucketQuery(jobs="db", start="2020-13")


@pytest.mark.parametrize("jobs", ["web", ["web"], ("web",), iter(["web"])], ids=["text", "list", "tuple", "iterator"])
def test_question_is_of_one_job(jobs: Any) -> None:
    """A question's job may be written as text or as any iterable of one text; the attribute is a tuple."""
    query = BucketQuery(jobs=jobs)
    assert query.jobs == ("web",)
    assert index_of(HOURS.values()).search(query).count == 2


def test_scan_of_an_unknown_job_is_refused_by_the_call() -> None:
    """A scan's errors come with the call, not with the first row."""
    with pytest.raises(UnknownJob):
        index_of([]).scan(BucketQuery(jobs="db"))


def test_jobs_do_not_mix() -> None:
    """Rule 11: a job's buckets are its own, one job's id being the beginning of another's included."""
    index = index_of(
        [bucket(0), bucket(0, job_id="web2"), bucket(3_600_000, job_id="web2"), bucket(7_200_000, job_id="we")]
    )
    assert [index.get_buckets(job_id=job_id).count for job_id in ("we", "web", "web2")] == [1, 1, 2]
    assert {found.job_id for found in index.get_buckets(job_id="web2")} == {"web2"}


@dataclass(frozen=True, slots=True)
class Id:
    """A job id, and whether it is one."""

    rule: str
    claim: str
    job_id: Any
    legal: bool
    source: str


IDS = [
    Id("20.jobs", "a letter", "a", True, "ours: 1 to 255 characters"),
    Id("20.jobs", "255 characters", "x" * 255, True, "ours: 1 to 255 characters"),
    Id("20.jobs", "255 characters, more bytes", "\U0001f600" * 255, True, "ours: characters, not bytes"),
    Id("20.jobs", "inner dash, underscore, point", "a-b_c.d", True, "ours"),
    Id("20.jobs", "capitals", "Web", True, "ours"),
    Id("20.jobs", "digits", "2020", True, "ours"),
    Id("20.jobs", "letters of any script", "\u00fcber-\u65e5\u672c", True, "ours"),
    Id("20.jobs", "other marks", "a/b:c|d\"e'f\\g?h", True, "ours: only the named ones are refused"),
    Id("20.jobs", "empty", "", False, "ours: 1 to 255 characters"),
    Id("20.jobs", "256 characters", "x" * 256, False, "ours: 1 to 255 characters"),
    Id("20.jobs", "a comma", "a,b", False, "ours"),
    Id("20.jobs", "an asterisk", "a*", False, "ours"),
    Id("20.jobs", "a blank", "a b", False, "ours: whitespace"),
    Id("20.jobs", "a trailing blank", "a ", False, "ours: whitespace"),
    Id("20.jobs", "a tab", "a\tb", False, "ours: whitespace"),
    Id("20.jobs", "a trailing line break", "a\n", False, "ours: whitespace"),
    Id("20.jobs", "an em space", "a\u2003b", False, "ours: whitespace"),
    Id("20.jobs", "a NUL", "a\x00", False, "ours: a control character"),
    Id("20.jobs", "a DEL", "a\x7f", False, "ours: a control character"),
    Id("20.jobs", "a C1 control", "a\x9f", False, "ours: a control character"),
    Id("20.jobs", "a leading dash", "-a", False, "ours"),
    Id("20.jobs", "a leading underscore", "_a", False, "ours"),
    Id("20.jobs", "_all", "_all", False, "ours"),
    Id("20.jobs", "an int", 5, False, "ours: text"),
    Id("20.jobs", "bytes", b"a", False, "ours: text"),
    Id("20.jobs", "None", None, False, "ours: text"),
]


@each_row(IDS)
def test_job_id_is_checked_where_it_is_written(row: Id) -> None:
    """A job id is taken by `put_job` and in documents, or refused by both, each naming its own place."""
    writes: Mapping[str, Callable[[ResultsIndex], object]] = {
        "job_id": lambda index: index.put_job(row.job_id),
        "documents[0].job_id": lambda index: index.upsert([bucket(0) | {"job_id": row.job_id}]),
    }
    for field, write in writes.items():
        index = ResultsIndex()
        if row.legal:
            write(index)
            assert row.job_id in index
            assert tuple(index.jobs()) == (row.job_id,)
            continue
        with pytest.raises(BucketQueryError) as caught:
            write(index)
        kind, error_type = (
            (InvalidQuery, "illegal_argument_exception")
            if field == "job_id"
            else (InvalidDocument, "document_parsing_exception")
        )
        assert_refusal(caught.value, Refusal(kind, 400, error_type, field, ""))
        assert tuple(index.jobs()) == ()


def known(index: ResultsIndex) -> bool:
    """Whether an index knows the job, by all the ways of asking; they must agree."""
    try:
        index.get_buckets(job_id=JOB)
    except UnknownJob:
        answered = False
    else:
        answered = True
    assert answered == (JOB in index) == (JOB in index.jobs())
    return answered


@dataclass(frozen=True, slots=True)
class Life:
    """Writes, one after the other, and whether the job is known after each."""

    rule: str
    claim: str
    writes: list[Callable[[ResultsIndex], object]]
    expected: list[bool]
    source: str


def put(index: ResultsIndex) -> object:
    """Put the job."""
    return index.put_job(JOB)


def store(index: ResultsIndex) -> object:
    """Store a bucket of the job."""
    return index.upsert([bucket(0)])


def skip(index: ResultsIndex) -> object:
    """Offer a document of the job that is skipped."""
    return index.upsert([bucket(0) | {"result_type": "model_plot"}])


def drop(index: ResultsIndex) -> object:
    """Delete the job."""
    return index.delete_job(JOB)


def store_record(index: ResultsIndex) -> object:
    """Store a record of the job."""
    return index.upsert([record(0)])


def store_influencer(index: ResultsIndex) -> object:
    """Store an influencer of the job."""
    return index.upsert([influencer(0, "a")])


LIVES = [
    Life("20.jobs", "nothing yet", [], [], "ours"),
    Life("20.jobs", "put", [put], [True], "ours: known once put"),
    Life("20.jobs", "stored", [store], [True], "ours: known once a document was stored"),
    Life("20.jobs", "a record stored", [store_record], [True], "ours: known once a document was stored"),
    Life("20.jobs", "an influencer stored", [store_influencer], [True], "ours: known once a document was stored"),
    Life("20.jobs", "a record stored, deleted", [store_record, drop], [True, False], "ours: until delete_job"),
    Life("20.jobs", "skipped", [skip], [False], "ours: a skipped one does not count"),
    Life("20.jobs", "put, deleted", [put, drop], [True, False], "ours: until delete_job"),
    Life("20.jobs", "stored, deleted", [store, drop], [True, False], "ours: until delete_job"),
    Life("20.jobs", "put and stored, deleted", [put, store, drop], [True, True, False], "ours: both at once"),
    Life("20.jobs", "deleted, put again", [put, drop, put], [True, False, True], "ours"),
    Life("20.jobs", "deleted, stored again", [store, drop, store], [True, False, True], "ours"),
    Life("20.jobs", "put again", [put, store, put], [True, True, True], "ours"),
]


@each_row(LIVES)
def test_job_is_known_as_ruled(row: Life) -> None:
    """A job is known once it was put or a document of it was stored, until it is deleted."""
    index = ResultsIndex()
    assert not known(index)
    for write, expected in zip(row.writes, row.expected, strict=True):
        write(index)
        assert known(index) == expected


def test_deleted_job_takes_its_buckets_along() -> None:
    """Section 20, jobs: a job that comes back after `delete_job` is empty, and the commit told how many went."""
    index = index_of(HOURS.values())
    assert index.delete_job(JOB).deleted == 2
    index.put_job(JOB)
    assert index.get_buckets(job_id=JOB).count == 0


def test_deleted_job_stays_in_older_snapshots() -> None:
    """A snapshot answers from its own commit, whatever is deleted later."""
    index = index_of(HOURS.values())
    before = index.snapshot()
    index.delete_job(JOB)
    assert before.get_buckets(job_id=JOB).count == 2
    assert before.jobs() == (JOB,)


@pytest.mark.parametrize("job_id", ["db", "", "_all", "w*"])
def test_unknown_job_cannot_be_deleted(job_id: str) -> None:
    """Section 20, jobs: `delete_job` of an unknown job is UnknownJob, and the id is literal."""
    index = index_of(HOURS.values())
    with pytest.raises(BucketQueryError) as caught:
        index.delete_job(job_id)
    assert_refusal(caught.value, unknown_job(job_id))
    assert index.get_buckets(job_id=JOB).count == 2


def test_put_job_neither_checks_nor_fills_documents() -> None:
    """Section 20, jobs: the job's span describes the job; documents keep their own."""
    index = ResultsIndex()
    index.put_job(JOB, bucket_span=900)
    index.upsert([bucket(0, bucket_span=3_600), bucket(0, bucket_span=60)])
    assert [found.bucket_span for found in index.get_buckets(job_id=JOB)] == [60, 3_600]


def test_put_job_again_replaces_the_span() -> None:
    """Section 20, jobs: `put_job` again replaces the span, and keeps the buckets."""
    index = index_of(HOURS.values())
    for span in (900, 60, None):
        index.put_job(JOB, bucket_span=span)
        assert index.stats(JOB)["bucket_span"] == span
        assert index.get_buckets(job_id=JOB).count == 2


@pytest.mark.parametrize("span", [0, -1, True, 1.5, "1h"])
def test_span_of_a_job_is_checked(span: Any) -> None:
    """A job's span is a whole number of seconds and at least one, as a document's is."""
    with pytest.raises(BucketQueryError) as caught:
        ResultsIndex().put_job(JOB, bucket_span=span)
    assert_refusal(caught.value, invalid("bucket_span", ""))


def test_jobs_are_listed_by_code_point() -> None:
    """The ids come as a tuple, sorted by code point: capitals first, and beyond the basic plane last."""
    index = ResultsIndex()
    for job_id in ("b", "a", "Z", "\U0001f600", "\uffee", "a1", "\u00e9"):
        index.put_job(job_id)
    assert index.jobs() == ("Z", "a", "a1", "b", "\u00e9", "\uffee", "\U0001f600")
    assert index.jobs("_all") == index.jobs()
    assert index.jobs("a") == ("a",)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("db", Refusal(UnknownJob, 404, "resource_not_found_exception", "pattern|job_id", "No known job with id 'db'")),
        ("*", invalid("pattern", "")),
        ("w*", invalid("pattern", "")),
        ("web,db", invalid("pattern", "")),
        ("-web", invalid("pattern", "")),
        ("_web", invalid("pattern", "")),
    ],
)
def test_jobs_of_a_pattern_are_refused(pattern: str, expected: Refusal) -> None:
    """One literal id may be asked for; an unknown one is UnknownJob, and a pattern is refused as such."""
    with pytest.raises(BucketQueryError) as caught:
        index_of([]).jobs(pattern)
    assert_refusal(caught.value, expected)


def test_membership_is_literal() -> None:
    """`in` knows ids and nothing else: no patterns, and what is not text is not in."""
    index = index_of([])
    assert JOB in index
    for other in ("_all", "w*", "", "Web", b"web", 5, None, ("web",)):
        assert other not in index
