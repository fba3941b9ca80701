"""Our decision on many jobs in one query: the answer is that of one table with the results of all jobs."""

import json
import pickle
from typing import Any

from bucketquery import BucketQuery, LimitExceeded, NotFound
from support.semantics_tables import (
    Answered,
    Refusal,
    Refused,
    assert_answered,
    assert_refused,
    bucket,
    each_row,
    index_of,
    influencer,
    invalid,
    record,
    unknown_job,
)

HOUR = 3_600_000
THREE = ["web", "db", "app"]
BLAMED = [{"influencer_field_name": "bucket_time"}]

#: Two hours of three jobs. In the first hour two jobs have equal scores, and one has no score.
GIVEN = {
    "web0": bucket(0, anomaly_score=50.0),
    "db0": bucket(0, job_id="db", anomaly_score=50.0),
    "app0": bucket(0, job_id="app"),
    "web1": bucket(HOUR, anomaly_score=90.0),
    "db1": bucket(HOUR, job_id="db", anomaly_score=20.0, is_interim=True),
    "app1": bucket(HOUR, job_id="app", anomaly_score=20.0, bucket_span=60),
}
#: Job ids in both cases, outside ASCII and above U+FFFF.
NAMES = {name: bucket(0, job_id=name) for name in ("b", "Z", "é", "\uffee", "\U0001f600")}
RECORDS = {
    "web_a": record(0, record_score=50.0, over_field_value="a"),
    "db_a": record(0, job_id="db", record_score=50.0, over_field_value="a"),
    "db_b": record(0, job_id="db", record_score=50.0, over_field_value="b"),
    "web_none": record(0, record_score=50.0, detector_index=1),
    "db_late": record(HOUR, job_id="db", record_score=80.0),
}
INFLUENCERS = {
    "web_a": influencer(0, "a", influencer_score=50.0),
    "db_a": influencer(0, "a", job_id="db", influencer_score=50.0),
    "db_b": influencer(0, "b", job_id="db", influencer_score=50.0),
    "db_late": influencer(HOUR, "a", job_id="db", influencer_score=20.0),
}


def several(claim: str, asked: dict[str, Any], expected: str, count: int | None = None) -> Answered:
    """A row about the three jobs, unless `asked` names others."""
    asked = {"jobs": THREE, **asked}
    return Answered("20.many-jobs", claim, GIVEN, asked, expected, "ours", count=count, only="search")


BUCKETS = [
    several("time, span, then job", {}, "app0 db0 web0 app1 db1 web1"),
    several("all keys descend", {"desc": True}, "web1 db1 app1 web0 db0 app0"),
    several("the order of the ids does not matter", {"jobs": THREE[::-1]}, "app0 db0 web0 app1 db1 web1"),
    several("an id twice", {"jobs": ["db", "web", "db"]}, "db0 web0 db1 web1"),
    several("one id in a list", {"jobs": ["app"]}, "app0 app1"),
    several("by score", {"sort": "anomaly_score"}, "app1 db1 db0 web0 web1 app0"),
    several("by score, descending", {"sort": "anomaly_score", "desc": True}, "web1 web0 db0 db1 app1 app0"),
    several("a threshold", {"anomaly_score": 50}, "db0 web0 web1"),
    several("without interim results", {"exclude_interim": True}, "app0 db0 web0 app1 web1"),
    several("a window", {"start": HOUR}, "app1 db1 web1"),
    several("an empty window", {"start": 2 * HOUR}, ""),
    several("a page", {"from_": 2, "size": 2}, "web0 app1", count=6),
    several("size 0", {"size": 0}, "", count=6),
    several("a page past the end", {"from_": 6}, "", count=6),
    several("by job", {"sort": "job_id"}, "app0 app1 db0 db1 web0 web1"),
    several("by job, descending", {"sort": "job_id", "desc": True}, "web1 web0 db1 db0 app1 app0"),
    several("by job, a page", {"sort": "job_id", "from_": 1, "size": 2}, "app1 db0", count=6),
    several("by result_type", {"sort": "result_type"}, "app0 db0 web0 app1 db1 web1"),
    several(
        "by a field that buckets never have", {"sort": "record_score", "desc": True}, "web1 db1 app1 web0 db0 app0"
    ),
    several("by span, descending", {"sort": "bucket_span", "desc": True}, "web1 db1 web0 db0 app0 app1"),
]
LOOKUPS = [
    several("a lookup", {"timestamp": 0}, "app0", count=3),
    several("a lookup, descending", {"timestamp": 0, "desc": True}, "web0", count=3),
    several("a lookup, by score", {"timestamp": 0, "sort": "anomaly_score"}, "db0", count=3),
]
OTHERS = [
    Answered(
        "20.many-jobs",
        "ids sort by their UTF-8 bytes",
        NAMES,
        {"jobs": list(NAMES), "sort": "job_id"},
        "Z b é \uffee \U0001f600",
        "ours",
        only="search",
    ),
    Answered(
        "20.many-jobs",
        "a job without results",
        {"db0": GIVEN["db0"]},
        {"jobs": ["web", "db"]},
        "db0",
        "ours",
        only="search",
    ),
    Answered(
        "20.many-jobs",
        "jobs without results",
        {"db0": record(0, job_id="db")},
        {"jobs": ["web", "db"]},
        "",
        "ours",
        only="search",
    ),
    Answered(
        "20.many-jobs",
        "records by score, values, time and job",
        RECORDS,
        {"jobs": ["web", "db"]},
        "db_late db_b web_a db_a web_none",
        "ours",
        only="search",
        of="record",
    ),
    Answered(
        "20.many-jobs",
        "records by job",
        RECORDS,
        {"jobs": ["web", "db"], "sort": "job_id", "desc": False},
        "db_a db_b db_late web_a web_none",
        "ours",
        only="search",
        of="record",
    ),
    Answered(
        "20.many-jobs",
        "influencers",
        INFLUENCERS,
        {"jobs": ["web", "db"]},
        "db_b web_a db_a db_late",
        "ours",
        only="search",
        of="influencer",
    ),
]
REFUSED = [
    Refused("20.many-jobs", claim, GIVEN, asked, expected, "ours", only="search")
    for claim, asked, expected in (
        ("one unknown job", {"jobs": ["web", "nobody"]}, unknown_job("nobody")),
        ("the first unknown job is named", {"jobs": ["web", "x", "db", "a"]}, unknown_job("x")),
        ("by job, one unknown job", {"jobs": ["web", "x"], "sort": "job_id"}, unknown_job("x")),
        (
            "a lookup without a match",
            {"jobs": THREE, "timestamp": 5},
            Refusal(NotFound, 404, "resource_not_found_exception", "timestamp", "Could not find requested buckets"),
        ),
        ("an unknown job before a lookup without a match", {"jobs": ["web", "x"], "timestamp": 5}, unknown_job("x")),
        (
            "a bad sort before an unknown job",
            {"jobs": ["web", "x"], "sort": "x"},
            invalid("sort", "No mapping", "query_shard_exception"),
        ),
    )
] + [
    Refused("20.jobs", claim, GIVEN, {"jobs": jobs}, expected, "ours", only="search")
    for claim, jobs, expected in (
        (
            "more than 100,000 ids",
            ["web"] * 100_001,
            Refusal(LimitExceeded, 400, "illegal_argument_exception", "jobs", "more than 100000 jobs"),
        ),
    )
]


@each_row(BUCKETS, LOOKUPS, OTHERS)
def test_many_jobs_are_answered_as_one_table(row: Answered) -> None:
    """Count, order and page are those of one table with the results of all jobs."""
    assert_answered(row)


@each_row(REFUSED)
def test_bad_lists_of_jobs_are_refused(row: Refused) -> None:
    """An unknown job, an illegal id, and too many ids raise the error of the row."""
    assert_refused(row)


def test_expand_shows_records_of_the_bucket_s_own_job() -> None:
    """Rule 20.many-jobs: `expand` shows no records of another job at the same instant."""
    index = index_of(
        [
            *(bucket(0, job_id=job_id, bucket_influencers=BLAMED) for job_id in THREE),
            *(record(0, job_id=job_id, probability=0.5) for job_id in ("web", "db")),
            record(0, job_id="db", detector_index=1, probability=0.1),
        ]
    )
    page = index.search(BucketQuery(jobs=THREE, expand=True))
    shown = [(found.job_id, [(each.job_id, each.probability) for each in found.records]) for found in page]
    assert shown == [("app", []), ("db", [("db", 0.1), ("db", 0.5)]), ("web", [("web", 0.5)])]
    bodies = page.to_dict()["buckets"]
    assert [[each["job_id"] for each in found.get("records", ())] for found in bodies] == [[], ["db"] * 2, ["web"]]


def test_each_result_shows_its_own_job() -> None:
    """Rule 20.many-jobs: keys, columns, values, bodies, nested objects and JSON show the job of each result."""
    index = index_of([bucket(0, job_id=job_id, bucket_influencers=BLAMED) for job_id in THREE])
    page = index.search(BucketQuery(jobs=THREE))
    expected = sorted(THREE)
    keys = page.keys()
    assert [key[0] for key in keys] == expected
    assert page.column("job_id").tolist() == expected
    assert page.column("result_type").tolist() == ["bucket"] * 3
    assert [found.job_id for found in page] == expected
    assert [found.job_id for found in page[1:]] == expected[1:]
    assert page[-1].job_id == expected[-1]
    assert [found.bucket_influencers[0].job_id for found in page] == expected
    body = page.to_dict()
    assert [found["job_id"] for found in body["buckets"]] == expected
    assert [found["bucket_influencers"][0]["job_id"] for found in body["buckets"]] == expected
    assert next(iter(body["buckets"][0])) == "job_id"
    assert json.loads(page.to_json()) == body
    assert pickle.loads(pickle.dumps(page)).to_dict() == body
    assert index.search(BucketQuery(jobs=THREE, size=0)).column("job_id").tolist() == []
