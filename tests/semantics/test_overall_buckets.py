"""Overall buckets: the buckets of several jobs in one interval of time, in Python."""

import json
from typing import Any

from bucketquery import UnknownJob
from support.semantics_tables import (
    Refusal,
    assert_same_body,
    bucket,
    each_row,
    influencer,
    invalid,
    record,
)
from support.summaries import (
    CallDenied,
    Given,
    Summed,
    assert_call_denied,
    assert_summed,
    judged_by_reference,
    overall,
    overall_by_reference,
)

MINUTE = 60_000
HOUR = 60 * MINUTE

#: Three jobs with buckets of an hour. The second hour has an interim one and one without a score; the third is empty.
DAY = Given(
    [
        bucket(0, anomaly_score=50),
        bucket(0, job_id="db", anomaly_score=20),
        bucket(HOUR, anomaly_score=10, is_interim=True),
        bucket(HOUR, job_id="db", anomaly_score=90),
        bucket(HOUR, job_id="app"),
        bucket(3 * HOUR, job_id="app", anomaly_score=30),
    ]
)
Short = tuple[int, int, float, tuple[tuple[str, float], ...], bool]


def one(minute: int, score: float, /, *, span: int = 3_600, interim: bool = False, **jobs: float) -> Short:
    """An overall bucket in short: its minute since the epoch, span, score, jobs in order, and whether it is interim."""
    return minute, span, score, tuple(sorted(jobs.items())), interim


def short(body: dict[str, Any]) -> list[Short]:
    """The overall buckets of a body in short."""
    return [
        (
            shown["timestamp"] // MINUTE,
            shown["bucket_span"],
            shown["overall_score"],
            tuple((job["job_id"], job["max_anomaly_score"]) for job in shown["jobs"]),
            shown["is_interim"],
        )
        for shown in body["overall_buckets"]
    ]


FIRST = one(0, 50, web=50, db=20)
SECOND = one(60, 90, interim=True, web=10, db=90, app=0)
FOURTH = one(180, 30, app=30)

PARAMETERS = [
    Summed("14.1", claim, DAY, asked, expected, "GOBA")
    for claim, asked, expected in (
        ("every default", {}, [FIRST, SECOND, FOURTH]),
        ("the defaults by name", {"top_n": 1, "overall_score": 0.0, "exclude_interim": False}, [FIRST, SECOND, FOURTH]),
        ("None leaves a parameter unset", dict.fromkeys(("bucket_span", "start", "end")), [FIRST, SECOND, FOURTH]),
        ("one job", {"job_id": "web"}, [one(0, 50, web=50), one(60, 10, interim=True, web=10)]),
        ("ids with commas", {"job_id": "app,db"}, [one(0, 20, db=20), one(60, 90, db=90, app=0), FOURTH]),
        ("a list of ids", {"job_id": ["app", "db"]}, [one(0, 20, db=20), one(60, 90, db=90, app=0), FOURTH]),
        ("a wildcard", {"job_id": "*p"}, [one(60, 0, app=0), FOURTH]),
        ("an exclusion", {"job_id": "*,-db,-app"}, [one(0, 50, web=50), one(60, 10, interim=True, web=10)]),
        ("a repeated id", {"job_id": "app,app"}, [one(60, 0, app=0), FOURTH]),
    )
]
GROUPED = [
    Summed(
        "14.1",
        "a group",
        Given(DAY.documents, {"web": {"groups": ["shop"]}, "app": {"groups": ["shop"]}}),
        {"job_id": "shop", "end": HOUR},
        [one(0, 50, web=50)],
        "GOBA",
    ),
    Summed(
        "14.1",
        "records and influencers play no part",
        Given([bucket(0, anomaly_score=1), record(0, record_score=99), influencer(HOUR, "a", influencer_score=99)]),
        {},
        [one(0, 1, web=1)],
        "GOBA",
    ),
]

TOP = [
    Summed("14.2", claim, DAY, asked, expected, "GOBA")
    for claim, asked, expected in (
        ("the two greatest", {"top_n": 2, "end": HOUR}, [one(0, 35, web=50, db=20)]),
        ("a great number", {"top_n": 10**9, "end": HOUR}, [one(0, 35, web=50, db=20)]),
    )
]
NOT_POSITIVE = [
    CallDenied(
        "14.2",
        f"top_n {number}",
        DAY,
        {"top_n": number},
        invalid("top_n", f"[topN] parameter must be positive, found [{number}]"),
        "GOBA",
    )
    for number in (0, -1)
]

INSTANTS = [
    Summed("14.3", claim, DAY, asked, expected, "GOBA", is_read_as_text=is_text)
    for claim, asked, expected, is_text in (
        ("start", {"start": HOUR}, [SECOND, FOURTH], False),
        ("end", {"end": HOUR}, [FIRST], False),
        ("start and end", {"start": HOUR, "end": 2 * HOUR}, [SECOND], False),
        ("an empty window", {"start": HOUR, "end": HOUR}, [], False),
        ("a reversed window", {"start": 2 * HOUR, "end": HOUR}, [], False),
        ("-1 is unset", {"start": -1, "end": -1}, [FIRST, SECOND, FOURTH], False),
        ("a date", {"start": "1970-01-01T01:00Z"}, [SECOND, FOURTH], True),
        ("epoch digits", {"end": "3600000"}, [FIRST], True),
        ("text is rounded down", {"end": "1970-01-01T01"}, [FIRST], True),
        ("/d goes down in end too", {"end": "1970-01-01T03:00Z||/d"}, [], True),
        ("now", {"start": "now-1h", "now": 2 * HOUR}, [SECOND, FOURTH], True),
    )
]
NO_INSTANT = [
    CallDenied("14.3", claim, DAY, asked, expected, "GOBA")
    for claim, asked, expected in (
        ("an unreadable start", {"start": "x"}, invalid("start", "failed to parse date field [x]", "parse_exception")),
        ("an unreadable end", {"end": "x"}, invalid("end", "failed to parse date field [x]", "parse_exception")),
        (
            "a bad date is found before an unknown job",
            {"start": "x", "job_id": "nobody"},
            invalid("start", "failed to parse date field [x]", "parse_exception"),
        ),
    )
]

#: The jobs of this table have spans of their own: stored ones of 30 minutes and an hour, and two hours by `put_job`.
MIXED = [bucket(0, anomaly_score=1), bucket(90 * MINUTE, anomaly_score=2, bucket_span=1_800)]
LONGEST = [
    Summed("14.4", claim, given, asked, expected, source, is_read_as_text=False)
    for claim, given, asked, expected, source in (
        ("the greatest stored span", Given(MIXED), {}, [one(0, 1, web=1), one(60, 2, web=2)], "ours"),
        (
            "the span of put_job is longer",
            Given(MIXED, {"web": {"bucket_span": 7_200}}),
            {},
            [one(0, 2, span=7_200, web=2)],
            "TOBA",
        ),
        (
            "the span of put_job is shorter",
            Given(MIXED, {"web": {"bucket_span": 1_800}}),
            {},
            [one(0, 1, span=1_800, web=1), one(90, 2, span=1_800, web=2)],
            "TOBA",
        ),
        (
            "put_job without a span",
            Given(MIXED, {"web": {}}),
            {},
            [one(0, 1, web=1), one(60, 2, web=2)],
            "ours",
        ),
        (
            "a job that is not selected",
            Given(MIXED, {"db": {"bucket_span": 86_400}}),
            {"job_id": "web"},
            [one(0, 1, web=1), one(60, 2, web=2)],
            "TOBA",
        ),
        (
            "a selected job without buckets",
            Given(MIXED, {"db": {"bucket_span": 86_400}}),
            {},
            [one(0, 2, span=86_400, web=2)],
            "TOBA",
        ),
        ("a job without both does not count", Given(MIXED[:1], {"db": {}}), {}, [one(0, 1, web=1)], "ours"),
        ("no job counts", Given([record(0)], {"db": {}}), {}, [], "ours"),
        ("no job counts, with bucket_span", Given([record(0)]), {"bucket_span": 1}, [], "ours"),
        (
            "interim buckets have spans too",
            Given([bucket(0, anomaly_score=1), bucket(0, bucket_span=7_200, is_interim=True)]),
            {"exclude_interim": True},
            [one(0, 1, span=7_200, web=1)],
            "ours",
        ),
        ("equal to the longest", Given(MIXED), {"bucket_span": 3_600}, [one(0, 1, web=1), one(60, 2, web=2)], "TOBA"),
        (
            "no multiple of it",
            Given(MIXED),
            {"bucket_span": 5_400},
            [one(0, 1, span=5_400, web=1), one(90, 2, span=5_400, web=2)],
            "TOBA",
        ),
        ("hours as text", Given(MIXED), {"bucket_span": "2h"}, [one(0, 2, span=7_200, web=2)], "TV"),
        ("seconds as text", Given(MIXED), {"bucket_span": "7200s"}, [one(0, 2, span=7_200, web=2)], "TV"),
        (
            "minutes as text",
            Given(MIXED),
            {"bucket_span": "90m"},
            [one(0, 1, span=5_400, web=1), one(90, 2, span=5_400, web=2)],
            "TV",
        ),
        ("days as text", Given(MIXED), {"bucket_span": "1d"}, [one(0, 2, span=86_400, web=2)], "TV"),
    )
]
SHORTER = [
    CallDenied(
        "14.4",
        claim,
        given,
        {"bucket_span": span},
        invalid(
            "bucket_span",
            f"Param [bucket_span] must be greater or equal to the max bucket_span [{longest}]",
            "status_exception",
        ),
        "TOBA",
    )
    for claim, given, span, longest in (
        ("below the longest span", Given([bucket(0, bucket_span=900)]), 899, "15m"),
        ("below the longest span, as text", Given([bucket(0, bucket_span=5_400)]), "1h", "90m"),
        ("below the span of put_job", Given(MIXED, {"web": {"bucket_span": 90}}), 89, "90s"),
        ("below the longest of several jobs", Given(DAY.documents, {"app": {"bucket_span": 6_060}}), 3_600, "101m"),
    )
]
NO_SPAN = [
    CallDenied("14.4", claim, DAY, {"bucket_span": span}, invalid("bucket_span", ""), "TV")
    for claim, span in (
        ("no unit", "90"),
        ("no number", "h"),
        ("a boolean", True),
        ("an unknown unit", "2y"),
        ("not positive", 0),
        ("negative", -3_600),
    )
]

FINE = [
    Summed("14.5", claim, DAY, {"bucket_span": 7_200, "end": 2 * HOUR, **asked}, expected, "TOBA")
    for claim, asked, expected in (
        ("top 1: bucket_span", {}, [one(0, 90, span=7_200, interim=True, web=50, db=90, app=0)]),
        # An interval of two hours would have the mean of 90 and 50. The hours have 35 and 50.
        ("top 2: the longest span", {"top_n": 2}, [one(0, 50, span=7_200, interim=True, web=50, db=90, app=0)]),
        (
            "top 2 of one job: bucket_span",
            {"top_n": 2, "job_id": "web", "overall_score": 50},
            [one(0, 50, span=7_200, interim=True, web=50)],
        ),
        (
            "a threshold with top 1",
            {"overall_score": 90},
            [one(0, 90, span=7_200, interim=True, web=50, db=90, app=0)],
        ),
    )
] + [
    Summed(
        "14.5", "without bucket_span: the longest span", DAY, {"top_n": 2, "end": HOUR}, [TOP[0].expected[0]], "TOBA"
    ),
    Summed(
        "14.5",
        "jobs without buckets are selected too",
        Given(DAY.documents[:4:2], {"db": {}}),
        {"bucket_span": 7_200, "top_n": 2, "overall_score": 20},
        [one(0, 50, span=7_200, web=50)],
        "TOBA",
    ),
]

INTERVALS = [
    Summed("14.6", claim, given, asked, expected, source)
    for claim, given, asked, expected, source in (
        ("start is rounded up", DAY, {"start": 1, "end": 2 * HOUR}, [SECOND], "TOBA"),
        ("end is rounded down", DAY, {"end": 2 * HOUR - 1}, [FIRST], "TOBA"),
        ("a window inside an interval", DAY, {"start": 1, "end": HOUR - 1}, [], "TOBA"),
        (
            "rounded to bucket_span",
            DAY,
            {"start": HOUR, "bucket_span": 7_200},
            [one(120, 30, span=7_200, app=30)],
            "TOBA",
        ),
        (
            "rounded to the fine span, not to bucket_span",
            DAY,
            {"start": HOUR, "end": 2 * HOUR, "bucket_span": 7_200, "top_n": 2},
            [one(0, 50, span=7_200, interim=True, web=10, db=90, app=0)],
            "TOBA",
        ),
        (
            "from the epoch on",
            Given([bucket(HOUR - 1, anomaly_score=1), bucket(HOUR, anomaly_score=2)]),
            {},
            [one(0, 1, web=1), one(60, 2, web=2)],
            "OBP",
        ),
        (
            "before the epoch",
            Given([bucket(-1, anomaly_score=1), bucket(-HOUR, anomaly_score=2), bucket(-HOUR - 1, anomaly_score=3)]),
            {},
            [one(-120, 3, web=3), one(-60, 2, web=2)],
            "OBP",
        ),
        (
            "bounds before the epoch",
            Given([bucket(hour * HOUR, anomaly_score=-hour) for hour in (-3, -2, -1)]),
            {"start": -2 * HOUR - 1, "end": -HOUR + 1},
            [one(-120, 2, web=2)],
            "TOBA",
        ),
        (
            "without interim buckets",
            DAY,
            {"exclude_interim": True, "start": HOUR, "end": 2 * HOUR},
            [one(60, 90, db=90, app=0)],
            "4.1",
        ),
        (
            "only interim buckets, left out",
            DAY,
            {"exclude_interim": True, "job_id": "web"},
            [one(0, 50, web=50)],
            "4.1",
        ),
    )
]

SEVERAL = [
    bucket(0, anomaly_score=5),
    bucket(0, anomaly_score=7, bucket_span=60),
    bucket(MINUTE, anomaly_score=6, bucket_span=60, is_interim=True),
]
SCORES = [
    Summed("14.7", claim, given, asked, expected, source)
    for claim, given, asked, expected, source in (
        (
            "the mean of two of three",
            DAY,
            {"top_n": 2, "start": HOUR, "end": 2 * HOUR},
            [one(60, 50, interim=True, web=10, db=90, app=0)],
            "OBP",
        ),
        ("fewer jobs than top_n", DAY, {"top_n": 3, "end": HOUR}, [one(0, 35, web=50, db=20)], "OBP"),
        ("the greatest of a job", Given(SEVERAL), {}, [one(0, 7, interim=True, web=7)], "OBP"),
        ("a missing score counts as 0.0", Given([bucket(0)]), {}, [one(0, 0, web=0)], "ours"),
        (
            "a missing score is greater than a negative one",
            Given([bucket(0), bucket(1, anomaly_score=-5)]),
            {},
            [one(0, 0, web=0)],
            "ours",
        ),
        (
            "a missing score is in the mean",
            Given([bucket(0, anomaly_score=10), bucket(0, job_id="db")]),
            {"top_n": 2},
            [one(0, 5, web=10, db=0)],
            "ours",
        ),
        (
            "one interim bucket",
            Given(SEVERAL[1:]),
            {"bucket_span": 60},
            [one(0, 7, span=60, web=7), one(1, 6, span=60, interim=True, web=6)],
            "OBP",
        ),
        (
            "jobs by code point",
            Given([bucket(0, job_id=job, anomaly_score=1) for job in ("é", "a", "Z", "a-1", "\U0001f600", "\uffee")]),
            {},
            [
                (
                    0,
                    3_600,
                    1.0,
                    (("Z", 1.0), ("a", 1.0), ("a-1", 1.0), ("é", 1.0), ("\uffee", 1.0), ("\U0001f600", 1.0)),
                    False,
                )
            ],
            "OBP",
        ),
        (
            "the current score counts",
            Given([bucket(0, anomaly_score=1, initial_anomaly_score=90)]),
            {},
            [one(0, 1, web=1)],
            "OBP",
        ),
    )
]

KEPT = [
    Summed("14.8", claim, DAY, asked, expected, "OBP", is_read_as_text=is_text)
    for claim, asked, expected, is_text in (
        ("equal to the threshold", {"overall_score": 50}, [FIRST, SECOND], False),
        ("just below it", {"overall_score": 50.00000000000001}, [SECOND], False),
        ("no interval", {"overall_score": 101}, [], False),
        ("below 0", {"overall_score": -1}, [FIRST, SECOND, FOURTH], False),
        (
            "the mean is compared",
            {"overall_score": 36, "top_n": 2},
            [one(60, 50, interim=True, web=10, db=90, app=0)],
            False,
        ),
        ("jobs below it are listed", {"overall_score": 90}, [SECOND], False),
        ("text", {"overall_score": "90"}, [SECOND], True),
    )
] + [
    Summed("14.8", "0 keeps a score of 0", Given([bucket(0)]), {"overall_score": 0}, [one(0, 0, web=0)], "OBP"),
]

LONGER = [
    Summed("14.9", claim, given, {"bucket_span": 7_200, "top_n": 2, **asked}, expected, "OBA")
    for claim, given, asked, expected in (
        # The hours have the means 35, 50 and 30.
        (
            "the greatest of the overall scores",
            DAY,
            {},
            [one(0, 50, span=7_200, interim=True, web=50, db=90, app=0), one(120, 30, span=7_200, app=30)],
        ),
        (
            "only kept intervals count",
            DAY,
            {"overall_score": 50},
            [one(0, 50, span=7_200, interim=True, web=10, db=90, app=0)],
        ),
        (
            "interim only if a kept interval is",
            DAY,
            {"overall_score": 35, "end": HOUR},
            [one(0, 35, span=7_200, web=50, db=20)],
        ),
        (
            "a job has at least 0.0",
            Given([bucket(0, anomaly_score=-4), bucket(0, job_id="db", anomaly_score=10)]),
            {},
            [one(0, 3, span=7_200, web=0, db=10)],
        ),
        (
            "a span that is no multiple",
            Given([bucket(HOUR, anomaly_score=1), bucket(2 * HOUR, job_id="db", anomaly_score=2)]),
            {"bucket_span": 5_400},
            [one(0, 1, span=5_400, web=1), one(90, 2, span=5_400, db=2)],
        ),
        (
            "before the epoch",
            Given([bucket(-HOUR, anomaly_score=1), bucket(-2 * HOUR, job_id="db", anomaly_score=2)]),
            {},
            [one(-120, 2, span=7_200, web=1, db=2)],
        ),
        (
            "equal to the longest span: not collected again",
            Given([bucket(0, anomaly_score=-4), bucket(0, job_id="db", anomaly_score=10)]),
            {"bucket_span": 3_600},
            [one(0, 3, web=-4, db=10)],
        ),
    )
]

BODIES = [
    Summed(
        "14.10",
        "every key in its place",
        DAY,
        {"end": HOUR},
        {
            "count": 1,
            "overall_buckets": [
                {
                    "timestamp": 0,
                    "bucket_span": 3_600,
                    "overall_score": 50.0,
                    "jobs": [
                        {"job_id": "db", "max_anomaly_score": 20.0},
                        {"job_id": "web", "max_anomaly_score": 50.0},
                    ],
                    "is_interim": False,
                    "result_type": "overall_bucket",
                }
            ],
        },
        "OB",
    ),
    Summed("14.10", "an empty answer", DAY, {"start": 9 * HOUR}, {"count": 0, "overall_buckets": []}, "GOBA"),
    Summed("14.13", "an empty answer has a list", DAY, {"job_id": "x*"}, {"count": 0, "overall_buckets": []}, "TOBA"),
]
ORDER = [
    Summed(
        "14.10",
        "time order, whatever the order of writes",
        Given([bucket(hour * HOUR, anomaly_score=hour) for hour in (5, -1, 3)]),
        {"overall_score": -1},
        [one(-60, -1, web=-1), one(180, 3, web=3), one(300, 5, web=5)],
        "OB",
    ),
]

SECONDS = Given([bucket(second * 1_000, bucket_span=1) for second in range(10_001)])
COUNTS = [
    Summed("14.11", "Python has no bound", SECONDS, {}, 10_001, "ours"),
    Summed("14.12", "a gap of two hours", Given([bucket(0), bucket(3 * HOUR)]), {}, 2, "ours"),
    Summed("14.12", "a gap of years", Given([bucket(0), bucket(10**12)]), {}, 2, "ours"),
    Summed("14.12", "a gap that an interim bucket fills", DAY, {"exclude_interim": True, "job_id": "web"}, 1, "4.1"),
    Summed("14.12", "a gap at a longer span", Given([bucket(0), bucket(9 * HOUR)]), {"bucket_span": 7_200}, 2, "ours"),
    Summed("14.10", "count is their number", DAY, {}, 3, "GOBA"),
]

NO_JOB = [
    Summed("14.13", claim, given, asked, [], "TOBA")
    for claim, given, asked in (
        ("a wildcard", DAY, {"job_id": "x*"}),
        ("no job is known", Given([]), {"job_id": "_all"}),
        ("all jobs are excluded", DAY, {"job_id": "_all,-*"}),
        ("no job, and a bucket_span", DAY, {"job_id": "x*", "bucket_span": 1}),
        ("allowed by name", DAY, {"job_id": "x*", "allow_no_match": True}),
    )
]


def unknown(job_id: str) -> Refusal:
    """The refusal of an unknown job, which names it."""
    return Refusal(UnknownJob, 404, "resource_not_found_exception", "job_id", f"No known job with id '{job_id}'")


NO_MATCH = [
    CallDenied("14.13", claim, DAY, asked, unknown(job_id), "TOBA")
    for claim, asked, job_id in (
        ("an unknown id", {"job_id": "nobody"}, "nobody"),
        ("an unknown id beside a known one", {"job_id": "web,nobody"}, "nobody"),
        ("an unknown id, allowed", {"job_id": "nobody", "allow_no_match": True}, "nobody"),
        ("a wildcard, not allowed", {"job_id": "x*", "allow_no_match": False}, "x*"),
    )
]

ROWS = (
    PARAMETERS,
    GROUPED,
    TOP,
    INSTANTS,
    LONGEST,
    FINE,
    INTERVALS,
    SCORES,
    KEPT,
    LONGER,
    ORDER,
    NO_JOB,
)


@each_row(*map(judged_by_reference, ROWS))
def test_the_reference_has_the_overall_buckets(row: Summed) -> None:
    """The reference gives the answer that was worked out by hand."""
    assert short(overall_by_reference(row.given, row.asked)) == row.expected


@each_row(*ROWS)
def test_overall_buckets_are_as_listed(row: Summed) -> None:
    """The index and its snapshot give the answer that was worked out by hand."""
    assert_summed(row, overall, short)


@each_row(COUNTS)
def test_overall_buckets_are_counted(row: Summed) -> None:
    """The count is that of the row, by the reference too."""
    assert overall_by_reference(row.given, row.asked)["count"] == row.expected
    assert_summed(row, overall, lambda body: body["count"])


@each_row(BODIES)
def test_bodies_are_complete(row: Summed) -> None:
    """The whole body is that of the row, by the reference too; the order of keys counts."""
    assert_same_body(overall_by_reference(row.given, row.asked), row.expected)
    body = overall(row.given.index(), row.asked)
    assert_same_body(body, row.expected)
    assert json.loads(json.dumps(body)) == body


@each_row(NOT_POSITIVE, NO_INSTANT, SHORTER, NO_SPAN, NO_MATCH)
def test_bad_calls_are_refused(row: CallDenied) -> None:
    """The index and its snapshot raise the row's error."""
    assert_call_denied(row, overall)
