"""Rule 11, and our decision on jobs: which ids are legal, and when a job is known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from bucketquery import (
    BucketQuery,
    BucketQueryError,
    InvalidDocument,
    InvalidQuery,
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
        "11",
        "known, without documents, with parameters",
        {},
        {"sort": "anomaly_score", "anomaly_score": 50},
        "",
        "TRANS",
    ),
    Answered("11", "known, a window before its data", HOURS, {"end": 0}, "", "TRANS: 200, count 0"),
]

UNKNOWN = [Refused("11", "query", HOURS, {"jobs": "db"}, unknown_job("db"), "TRANS", only="search")] + [
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
        ("-web", "ours: an id that is not legal"),
        ("", "ours: an id that is not legal"),
        ("x" * 256, "ours: an id that is not legal"),
    )
]

NO_ID = [
    Refused(
        "11", f"id {value!r}", HOURS, {"job_id": value}, invalid("job_id", ""), "a job id is text", only="get_buckets"
    )
    for value in (None, 5, b"web", ["web"])
] + [
    Refused("11", f"query id {value!r}", HOURS, {"jobs": value}, invalid("jobs", ""), "one literal id", only="search")
    for value in (None, 5, b"web", [], [5], "", "-web")
]


@each_row(KNOWN)
def test_known_job_is_answered(row: Answered) -> None:
    """A search of a known job is answered, with or without documents."""
    assert_answered(row)


@each_row(UNKNOWN, NO_ID)
def test_unknown_or_illegal_job_is_refused(row: Refused) -> None:
    """An unknown job, and a value that is not a job id, raise the error of the row."""
    assert_refused(row)


def test_known_job_without_documents_has_an_empty_body() -> None:
    """Rule 11: the body of a known job without documents has a count of 0 and an empty list."""
    assert_same_body(index_of([]).get_buckets(job_id=JOB).to_dict(), {"count": 0, "buckets": []})


@pytest.mark.parametrize("jobs", ["web", ["web"], ("web",), iter(["web"])], ids=["text", "list", "tuple", "iterator"])
def test_query_takes_a_job_as_text_or_iterable(jobs: Any) -> None:
    """A query takes one job as text or as an iterable of one text; the attribute is a tuple."""
    query = BucketQuery(jobs=jobs)
    assert query.jobs == ("web",)
    assert index_of(HOURS.values()).search(query).count == 2


def test_call_of_scan_refuses_an_unknown_job() -> None:
    """The call of `scan` raises UnknownJob, not the first step of the iteration."""
    with pytest.raises(UnknownJob):
        index_of([]).scan(BucketQuery(jobs="db"))


def test_jobs_do_not_mix() -> None:
    """Rule 11: a search finds only the buckets of its job, even if one id is a prefix of another."""
    index = index_of(
        [bucket(0), bucket(0, job_id="web2"), bucket(3_600_000, job_id="web2"), bucket(7_200_000, job_id="we")]
    )
    assert [index.get_buckets(job_id=job_id).count for job_id in ("we", "web", "web2")] == [1, 1, 2]
    assert {found.job_id for found in index.get_buckets(job_id="web2")} == {"web2"}


@dataclass(frozen=True, slots=True)
class Id:
    """A value of `job_id`, and whether it is legal."""

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
    Id("20.jobs", "other marks", "a/b:c|d\"e'f\\g?h", True, "ours: only the listed characters are refused"),
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
    """`put_job` and documents accept the same job ids; an error names the parameter or the field."""
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
    """Whether the index knows the job; assert that `get_buckets`, `in` and `jobs` agree."""
    try:
        index.get_buckets(job_id=JOB)
    except UnknownJob:
        answered = False
    else:
        answered = True
    assert answered == (JOB in index) == (JOB in index.jobs())
    return answered


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Writes in order, and whether the job is known after each."""

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
    """Write a document of the job whose type is skipped."""
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


LIFETIMES = [
    Lifetime("20.jobs", "no writes", [], [], "ours"),
    Lifetime("20.jobs", "put", [put], [True], "ours: known once put"),
    Lifetime("20.jobs", "stored", [store], [True], "ours: known once a document was stored"),
    Lifetime("20.jobs", "a record stored", [store_record], [True], "ours: known once a document was stored"),
    Lifetime("20.jobs", "an influencer stored", [store_influencer], [True], "ours: known once a document was stored"),
    Lifetime("20.jobs", "a record stored, deleted", [store_record, drop], [True, False], "ours: until delete_job"),
    Lifetime("20.jobs", "skipped", [skip], [False], "ours: a skipped document does not count"),
    Lifetime("20.jobs", "put, deleted", [put, drop], [True, False], "ours: until delete_job"),
    Lifetime("20.jobs", "stored, deleted", [store, drop], [True, False], "ours: until delete_job"),
    Lifetime("20.jobs", "put and stored, deleted", [put, store, drop], [True, True, False], "ours: both at once"),
    Lifetime("20.jobs", "deleted, put again", [put, drop, put], [True, False, True], "ours"),
    Lifetime("20.jobs", "deleted, stored again", [store, drop, store], [True, False, True], "ours"),
    Lifetime("20.jobs", "put again", [put, store, put], [True, True, True], "ours"),
]


@each_row(LIFETIMES)
def test_job_is_known_until_it_is_deleted(row: Lifetime) -> None:
    """A job is known after `put_job` or a stored document, until `delete_job`."""
    index = ResultsIndex()
    assert not known(index)
    for write, expected in zip(row.writes, row.expected, strict=True):
        write(index)
        assert known(index) == expected


def test_deleted_job_loses_its_buckets() -> None:
    """Section 20, jobs: `delete_job` reports how many results it deleted; a job that is put again is empty."""
    index = index_of(HOURS.values())
    assert index.delete_job(JOB).deleted == 2
    index.put_job(JOB)
    assert index.get_buckets(job_id=JOB).count == 0


def test_deleted_job_stays_in_older_snapshots() -> None:
    """A snapshot answers from its own commit: a later `delete_job` does not change it."""
    index = index_of(HOURS.values())
    before = index.snapshot()
    index.delete_job(JOB)
    assert before.get_buckets(job_id=JOB).count == 2
    assert before.jobs() == (JOB,)


@pytest.mark.parametrize("job_id", ["db", "", "_all", "w*"])
def test_unknown_job_cannot_be_deleted(job_id: str) -> None:
    """Section 20, jobs: `delete_job` raises UnknownJob for an unknown job, and takes the id literally."""
    index = index_of(HOURS.values())
    with pytest.raises(BucketQueryError) as caught:
        index.delete_job(job_id)
    assert_refusal(caught.value, unknown_job(job_id))
    assert index.get_buckets(job_id=JOB).count == 2


def test_put_job_neither_checks_nor_fills_documents() -> None:
    """Section 20, jobs: the span of a job describes the job; documents keep their own spans."""
    index = ResultsIndex()
    index.put_job(JOB, bucket_span=900)
    index.upsert([bucket(0, bucket_span=3_600), bucket(0, bucket_span=60)])
    assert [found.bucket_span for found in index.get_buckets(job_id=JOB)] == [60, 3_600]


def test_put_job_again_replaces_the_span() -> None:
    """Section 20, jobs: another `put_job` replaces the span and keeps the buckets."""
    index = index_of(HOURS.values())
    for span in (900, 60, None):
        index.put_job(JOB, bucket_span=span)
        assert index.stats(JOB)["bucket_span"] == span
        assert index.get_buckets(job_id=JOB).count == 2


@pytest.mark.parametrize("span", [0, -1, True, 1.5, "1h"])
def test_span_of_a_job_is_checked(span: Any) -> None:
    """The span of a job is an integer of at least 1 second, as in documents."""
    with pytest.raises(BucketQueryError) as caught:
        ResultsIndex().put_job(JOB, bucket_span=span)
    assert_refusal(caught.value, invalid("bucket_span", ""))


def test_jobs_are_listed_by_code_point() -> None:
    """`jobs()` is a tuple sorted by code point: capitals first, characters above U+FFFF last."""
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
        ("web,db", Refusal(UnknownJob, 404, "resource_not_found_exception", "pattern", "No known job with id 'db'")),
        ("-web", invalid("pattern", "")),
        ("_web", invalid("pattern", "")),
    ],
)
def test_jobs_refuses_a_bad_pattern(pattern: str, expected: Refusal) -> None:
    """In `jobs` an unknown id raises UnknownJob, and a token that no job could match raises InvalidQuery."""
    with pytest.raises(BucketQueryError) as caught:
        index_of([]).jobs(pattern)
    assert_refusal(caught.value, expected)


def test_membership_is_literal() -> None:
    """`in` compares literal ids: a pattern, or a value that is not text, is not in the index."""
    index = index_of([])
    assert JOB in index
    for other in ("_all", "w*", "", "Web", b"web", 5, None, ("web",)):
        assert other not in index
