"""Our decisions on swimlanes: which lanes there are, in which order, and where cells begin and end."""

from datetime import timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from bucketquery import LimitExceeded, UnknownJob
from bucketquery.testing import ExpectedSwimlane
from support.semantics_tables import Refusal, at, bucket, each_row, influencer, invalid, record
from support.summaries import (
    CallDenied,
    Given,
    Summed,
    assert_call_denied,
    assert_summed,
    judged_by_reference,
    swimlane,
    swimlane_by_reference,
)

HOUR = 3_600_000
DAY = 24 * HOUR
BERLIN, HAVANA, SAO_PAULO = ZoneInfo("Europe/Berlin"), ZoneInfo("America/Havana"), ZoneInfo("America/Sao_Paulo")
APIA, LORD_HOWE, ST_JOHNS = ZoneInfo("Pacific/Apia"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/St_Johns")

#: Three jobs over four hours. The second hour has an interim bucket of ``web`` and one of ``app`` without a score.
FOUR = Given(
    [
        bucket(0, anomaly_score=50),
        bucket(1_800_000, bucket_span=1_800, anomaly_score=70),
        bucket(0, job_id="db", anomaly_score=20),
        bucket(HOUR, anomaly_score=90, is_interim=True),
        bucket(HOUR, job_id="app"),
        bucket(3 * HOUR, job_id="db", anomaly_score=70),
        record(0, record_score=100),
        influencer(0, "a", influencer_score=100),
    ]
)
#: Influencers of two jobs and two fields; one has no value, one no name, and one value is empty.
HOSTS = Given(
    [
        influencer(0, "a", influencer_score=50),
        influencer(0, "a", job_id="db", influencer_score=60),
        influencer(HOUR, "b", influencer_score=60),
        influencer(HOUR, "B", influencer_score=60),
        influencer(2 * HOUR, "c", job_id="db", influencer_score=5, is_interim=True),
        influencer(2 * HOUR, ""),
        influencer(3 * HOUR, "a", influencer_field_name="user", influencer_score=99),
        influencer(4 * HOUR, influencer_field_name="host", influencer_score=98),
        influencer(5 * HOUR, influencer_field_value="a", influencer_score=97),
        bucket(9 * HOUR, anomaly_score=96),
    ]
)
#: The bounds of four cells of an hour.
BOUNDS = {"start": 0, "end": 4 * HOUR}


def short(found: ExpectedSwimlane) -> dict[str, list[float | None]]:
    """The scores of each lane, in order."""
    assert len(found.lanes) == len({*found.lanes})
    assert found.cells == found.edges[:-1]
    return dict(zip(found.lanes, found.scores, strict=True))


def table(**lanes: Any) -> dict[str, Any]:
    """The scores of lanes, in the order of the page."""
    return lanes


APP, DB, WEB = [None, 0.0, None, None], [20.0, None, None, 70.0], [70.0, 90.0, None, None]

TABLES = (
    [
        Summed("20.swimlanes", claim, FOUR, {"cell": 3_600, **asked}, expected, "ours")
        for claim, asked, expected in (
            ("the greatest score of each lane and cell", BOUNDS, table(web=WEB, db=DB, app=APP)),
            ("an open window", {}, table(web=WEB, db=DB, app=APP)),
            ("by job, by name", {"by": "job", **BOUNDS}, table(web=WEB, db=DB, app=APP)),
            ("one job", {"jobs": "db", **BOUNDS}, table(db=DB)),
            ("a wildcard", {"jobs": "*b", **BOUNDS}, table(web=WEB, db=DB)),
            ("an exclusion", {"jobs": "_all,-web", **BOUNDS}, table(db=DB, app=APP)),
            ("no job", {"jobs": "x*", **BOUNDS}, table()),
            ("a window", {"start": HOUR, "end": 2 * HOUR}, table(web=[90.0], app=[0.0])),
            ("start inside a cell", {"start": 1, "end": HOUR}, table(web=[70.0])),
            ("end inside a cell", {"start": 0, "end": 1}, table(web=[50.0], db=[20.0])),
            ("-1 is unset", {"start": -1, "end": -1}, table(web=WEB, db=DB, app=APP)),
            (
                "without interim buckets",
                {"exclude_interim": True, **BOUNDS},
                table(db=DB, web=[70.0, None, None, None], app=APP),
            ),
            ("a longer cell", {"cell": 7_200, **BOUNDS}, table(web=[90.0, None], db=[20.0, 70.0], app=[0.0, None])),
            (
                "a cell shorter than a bucket",
                {"cell": 1_800, "end": HOUR, "start": 0},
                table(web=[50.0, 70.0], db=[20.0, None]),
            ),
            ("a field that no influencer has", {"by": "user", **BOUNDS}, table()),
        )
    ]
    + [
        Summed("20.swimlanes", claim, FOUR, {"cell": 3_600, **asked}, expected, "ours", is_read_as_text=True)
        for claim, asked, expected in (
            ("dates", {"start": "1970-01-01T01", "end": "1970-01-01T02:00Z"}, table(web=[90.0], app=[0.0])),
            ("now", {"start": "now-1h", "end": "now", "now": 2 * HOUR}, table(web=[90.0], app=[0.0])),
        )
    ]
    + [
        Summed(
            "20.swimlanes",
            "a missing score is 0.0 and above a negative one",
            Given([bucket(0, anomaly_score=-5), bucket(1), bucket(HOUR, anomaly_score=-5)]),
            {"cell": 3_600},
            table(web=[0.0, -5.0]),
            "ours",
        ),
        Summed(
            "20.swimlanes",
            "the current score counts",
            Given([bucket(0, anomaly_score=1, initial_anomaly_score=90)]),
            {"cell": 3_600},
            table(web=[1.0]),
            "ours",
        ),
        Summed(
            "20.swimlanes",
            "influencers by the value of a field",
            HOSTS,
            {"cell": 3_600, "by": "host"},
            {
                "B": [None, 60.0, None],
                "a": [60.0, None, None],
                "b": [None, 60.0, None],
                "c": [None, None, 5.0],
                "": [None, None, 0.0],
            },
            "ours",
        ),
        Summed("20.swimlanes", "another field", HOSTS, {"cell": 3_600, "by": "user"}, {"a": [99.0]}, "ours"),
        Summed("20.swimlanes", "job is never a field", HOSTS, {"cell": 3_600, "by": "job"}, {"web": [96.0]}, "ours"),
    ]
)

LANES = [
    Summed("20.swimlane-lanes", claim, given, {"cell": 3_600, **asked}, expected, "ours")
    for claim, given, asked, expected in (
        ("ordered by the greatest score", FOUR, {}, (["web", "db", "app"], 3)),
        ("of the window only", FOUR, {"end": HOUR, "start": 0}, (["web", "db"], 2)),
        ("the greatest of the window orders", FOUR, {"start": 2 * HOUR}, (["db"], 1)),
        ("without interim results", FOUR, {"exclude_interim": True}, (["db", "web", "app"], 3)),
        ("the first lane", FOUR, {"lanes": 1}, (["web"], 3)),
        ("the second lane", FOUR, {"lanes": 1, "from_": 1}, (["db"], 3)),
        ("the last lanes", FOUR, {"lanes": 10**9, "from_": 2}, (["app"], 3)),
        ("past the end", FOUR, {"from_": 3}, ([], 3)),
        (
            "ten by default",
            Given([bucket(0, job_id=f"j{n:02}", anomaly_score=n) for n in range(12)]),
            {},
            ([f"j{n:02}" for n in range(11, 1, -1)], 12),
        ),
        ("a job without buckets has none", Given(FOUR.documents, {"idle": {}}), {}, (["web", "db", "app"], 3)),
        (
            "ties by name, by code point",
            Given([bucket(0, job_id=job) for job in ("\U0001f600", "é", "b", "Z", "\uffee", "a-1", "a")]),
            {},
            (["Z", "a", "a-1", "b", "é", "\uffee", "\U0001f600"], 7),
        ),
        ("equal values of several jobs are one", HOSTS, {"by": "host"}, (["B", "a", "b", "c", ""], 5)),
        ("of one job", HOSTS, {"by": "host", "jobs": "db"}, (["a", "c"], 2)),
        (
            "a negative score is below a missing one",
            Given([bucket(0, anomaly_score=-1), bucket(0, job_id="db")]),
            {},
            (["db", "web"], 2),
        ),
    )
]


def cells(first: str, *following: str) -> list[int]:
    """Edges as instants."""
    return [at(first), *map(at, following)]


def days(*hours: float, first: str) -> list[int]:
    """Edges from the lengths of cells in hours."""
    edges = [at(first)]
    for length in hours:
        edges.append(edges[-1] + int(length * HOUR))
    return edges


def window(start: str, end: str, **asked: Any) -> dict[str, Any]:
    """Parameters with a window."""
    return {"start": at(start), "end": at(end), **asked}


NONE = Given([], {"web": {}})
EDGES = [
    Summed("20.swimlane-cells", claim, given, asked, expected, "ours")
    for claim, given, asked, expected in (
        ("of seconds", NONE, {"cell": 3_600, "start": 0, "end": 2 * HOUR}, [0, HOUR, 2 * HOUR]),
        ("the first contains start", NONE, {"cell": 3_600, "start": HOUR + 1, "end": 2 * HOUR}, [HOUR, 2 * HOUR]),
        (
            "the last contains the instant before end",
            NONE,
            {"cell": 3_600, "start": 0, "end": HOUR + 1},
            [0, HOUR, 2 * HOUR],
        ),
        ("before the epoch", NONE, {"cell": 3_600, "start": -1, "end": 1}, []),
        ("around the epoch", NONE, {"cell": 3_600, "start": -2, "end": 1}, [-HOUR, 0, HOUR]),
        (
            "a length that does not divide a day",
            NONE,
            {"cell": 50_000, "start": DAY, "end": DAY + 1},
            [50_000_000, 100_000_000],
        ),
        (
            "bounds outside the years of results are clamped",
            NONE,
            {"cell": 10**11, "start": -(2**70), "end": 2**70},
            [cell * 10**14 for cell in range(-1, 4)],
        ),
        ("a start behind the years of results", FOUR, {"cell": 60, "start": 2**70}, []),
        ("an end before the years of results", FOUR, {"cell": 60, "end": -(2**70)}, []),
        ("one second", NONE, {"cell": 1, "start": 999, "end": 1_001}, [0, 1_000, 2_000]),
        ("a window of no length", FOUR, {"cell": 3_600, "start": HOUR, "end": HOUR}, []),
        ("a reversed window", FOUR, {"cell": 3_600, "start": 2 * HOUR, "end": HOUR}, []),
        ("an open start", FOUR, {"cell": 3_600, "end": 9 * HOUR}, [hour * HOUR for hour in range(10)]),
        ("an open start, later", FOUR, {"cell": 3_600, "end": 3 * HOUR, "jobs": "app"}, [HOUR, 2 * HOUR, 3 * HOUR]),
        ("an open end", FOUR, {"cell": 3_600, "start": 2 * HOUR}, [2 * HOUR, 3 * HOUR, 4 * HOUR]),
        ("both open", FOUR, {"cell": 3_600}, [hour * HOUR for hour in range(5)]),
        (
            "of any lane, not only of the page",
            FOUR,
            {"cell": 3_600, "lanes": 1, "from_": 2},
            [hour * HOUR for hour in range(5)],
        ),
        (
            "influencers without a lane do not count",
            HOSTS,
            {"cell": 3_600, "by": "host"},
            [hour * HOUR for hour in range(4)],
        ),
        (
            "interim results that are left out do not count",
            HOSTS,
            {"cell": 3_600, "by": "host", "jobs": "db", "exclude_interim": True},
            [0, HOUR],
        ),
        ("no result and an open end", FOUR, {"cell": 3_600, "start": 9 * HOUR}, []),
        ("no result and an open start", FOUR, {"cell": 3_600, "end": 0}, []),
        ("no result and no bounds", NONE, {"cell": 3_600}, []),
        ("no job, with bounds", FOUR, {"cell": 3_600, "jobs": "x*", "start": 0, "end": 1}, [0, HOUR]),
        ("days", NONE, {"cell": "day", "start": 0, "end": DAY + 1}, [0, DAY, 2 * DAY]),
        ("days before the epoch", NONE, {"cell": "day", "start": -DAY - 1, "end": 0}, [-2 * DAY, -DAY, 0]),
        # The epoch was a Thursday.
        (
            "weeks begin on Monday",
            NONE,
            {"cell": "week", "start": 0, "end": 4 * DAY + 1},
            [-3 * DAY, 4 * DAY, 11 * DAY],
        ),
        (
            "months",
            NONE,
            window("2024-01-31T12:00", "2024-03-01T00:00", cell="month"),
            cells("2024-01-01", "2024-02-01", "2024-03-01"),
        ),
        (
            "a year's end",
            NONE,
            window("2023-12-31", "2024-01-01T00:00:00.001", cell="month"),
            cells("2023-12-01", "2024-01-01", "2024-02-01"),
        ),
        (
            "a fixed offset",
            NONE,
            window(
                "2024-01-01T00:00+05:30",
                "2024-01-02T00:00+05:30",
                cell="day",
                tzinfo=timezone(timedelta(hours=5, minutes=30)),
            ),
            cells("2023-12-31T18:30", "2024-01-01T18:30"),
        ),
        (
            "a day of 23 hours",
            NONE,
            window("2024-03-30T23:00", "2024-03-31T22:00:00.001", cell="day", tzinfo=BERLIN),
            days(23, 24, first="2024-03-30T23:00"),
        ),
        (
            "a day of 25 hours",
            NONE,
            window("2024-10-26T22:00", "2024-10-27T23:00:00.001", cell="day", tzinfo=BERLIN),
            days(25, 24, first="2024-10-26T22:00"),
        ),
        (
            "a week of 167 hours",
            NONE,
            window("2024-03-31T12:00", "2024-04-01", cell="week", tzinfo=BERLIN),
            days(167, 168, first="2024-03-24T23:00"),
        ),
        (
            "months of a zone",
            NONE,
            window("2024-03-01", "2024-03-31T21:59:59.999", cell="month", tzinfo=BERLIN),
            cells("2024-02-29T23:00", "2024-03-31T22:00"),
        ),
        # On 2018-11-04 the clock went from 00:00 to 01:00.
        (
            "midnight does not exist",
            NONE,
            window("2018-11-03T12:00", "2018-11-05T12:00", cell="day", tzinfo=SAO_PAULO),
            days(24, 23, 24, first="2018-11-03T03:00"),
        ),
        # On 2024-11-03 the clock went from 01:00 to 00:00.
        (
            "midnight comes twice",
            NONE,
            window("2024-11-03T03:59:59.999", "2024-11-03T05:00:00.001", cell="day", tzinfo=HAVANA),
            days(24, 25, first="2024-11-02T04:00"),
        ),
        # On 2010-11-07 the clock went from 00:01 to 23:01 of the day before.
        (
            "the clock goes back over midnight",
            NONE,
            window("2010-11-07T02:30", "2010-11-08T03:00", cell="day", tzinfo=ST_JOHNS),
            days(25, first="2010-11-07T02:30"),
        ),
        (
            "an instant that shows the date before its cell",
            NONE,
            window("2010-11-07T02:45", "2010-11-07T02:46", cell="day", tzinfo=ST_JOHNS),
            days(25, first="2010-11-07T02:30"),
        ),
        # 2011-12-30 did not exist.
        (
            "a date that was left out is no cell",
            NONE,
            window("2011-12-29T10:00", "2011-12-31T10:00", cell="day", tzinfo=APIA),
            days(24, 24, first="2011-12-29T10:00"),
        ),
        # The clock moves by half an hour there.
        (
            "a day of 24 hours and a half",
            NONE,
            window("2024-04-06T13:00", "2024-04-07T13:30", cell="day", tzinfo=LORD_HOWE),
            days(24.5, first="2024-04-06T13:00"),
        ),
        (
            "an open window in a zone",
            Given([bucket("2024-03-31T12:00"), bucket("2024-04-01T21:59:59.999")]),
            {"cell": "day", "tzinfo": BERLIN},
            days(23, 24, first="2024-03-30T23:00"),
        ),
    )
]
SCORED = [
    Summed(
        "20.swimlane-cells",
        "a result belongs to the day of its zone",
        Given(
            [
                bucket("2024-03-30T22:59:59.999", anomaly_score=1),
                bucket("2024-03-30T23:00", anomaly_score=2),
                bucket("2024-03-31T22:00", anomaly_score=3),
            ]
        ),
        {"cell": "day", "tzinfo": BERLIN},
        table(web=[1.0, 2.0, 3.0]),
        "ours",
    ),
    Summed(
        "20.swimlane-cells",
        "cells are half-open",
        Given([bucket(HOUR - 1, anomaly_score=1), bucket(HOUR, anomaly_score=2)]),
        {"cell": 3_600},
        table(web=[1.0, 2.0]),
        "ours",
    ),
]
MOST = [
    Summed("20.swimlane-cells", claim, given, {"cell": 1, "start": 0, **asked}, cells_of, "ours")
    for claim, given, asked, cells_of in (
        ("a million scores", Given([bucket(0)]), {"end": 10**9}, 10**6),
        ("a million cells without lanes", NONE, {"end": 10**9}, 10**6),
        ("half a million cells of two lanes", Given([bucket(0), bucket(0, job_id="db")]), {"end": 5 * 10**8}, 500_000),
        ("one lane of two", Given([bucket(0), bucket(0, job_id="db")]), {"end": 10**9, "lanes": 1}, 10**6),
    )
]
TOO_MANY = [
    CallDenied(
        "20.swimlane-cells",
        claim,
        given,
        {"cell": 1, "start": 0, **asked},
        Refusal(LimitExceeded, 400, "illegal_argument_exception", "cell|lanes|start|end", ""),
        "ours",
    )
    for claim, given, asked in (
        ("more than a million cells", NONE, {"end": 10**9 + 1}),
        ("more than a million scores", Given([bucket(0), bucket(0, job_id="db")]), {"end": 5 * 10**8 + 1}),
        ("more than a million days", NONE, {"cell": "day", "start": -(10**12) * 50, "end": 10**12 * 50}),
        ("results far apart", Given([bucket(0), bucket(10**12)]), {"start": None}),
    )
]
DENIED = [
    CallDenied("20.swimlanes", claim, FOUR, asked, expected, "ours")
    for claim, asked, expected in (
        ("no cell of 0 seconds", {"cell": 0}, invalid("cell", "")),
        ("no cell below 0", {"cell": -60}, invalid("cell", "")),
        ("no fraction of a second", {"cell": 0.5}, invalid("cell", "")),
        ("no boolean", {"cell": True}, invalid("cell", "")),
        ("no other unit", {"cell": "year"}, invalid("cell", "")),
        ("no digits as text", {"cell": "3600"}, invalid("cell", "")),
        ("no zone with seconds", {"cell": 3_600, "tzinfo": BERLIN}, invalid("tzinfo", "")),
        ("no name of a zone", {"cell": "day", "tzinfo": "Europe/Berlin"}, invalid("tzinfo", "")),
        ("at least one lane", {"cell": 60, "lanes": 0}, invalid("lanes", "")),
        ("no boolean as lanes", {"cell": 60, "lanes": True}, invalid("lanes", "")),
        ("no lane before the first", {"cell": 60, "from_": -1}, invalid("from_|from", "")),
        ("by is text", {"cell": 60, "by": 5}, invalid("by", "")),
        ("exclude_interim is a boolean", {"cell": 60, "exclude_interim": "yes"}, invalid("exclude_interim", "")),
        ("no job named", {"cell": 60, "jobs": []}, invalid("jobs", "")),
        (
            "a bad date",
            {"cell": 60, "start": "x"},
            invalid("start", "failed to parse date field [x]", "parse_exception"),
        ),
        (
            "an unknown job",
            {"cell": 60, "jobs": "web,nobody"},
            Refusal(UnknownJob, 404, "resource_not_found_exception", "jobs", "No known job with id 'nobody'"),
        ),
    )
]


@each_row(*map(judged_by_reference, (TABLES, SCORED)))
def test_the_reference_has_the_scores(row: Summed) -> None:
    """The reference gives the scores that were worked out by hand, lanes in order."""
    assert list(short(swimlane_by_reference(row.given, row.asked)).items()) == list(row.expected.items())


@each_row(TABLES, SCORED)
def test_swimlanes_are_as_listed(row: Summed) -> None:
    """The index and its snapshot give the scores that were worked out by hand, lanes in order."""
    expected = Summed(row.rule, row.claim, row.given, row.asked, list(row.expected.items()), row.source)
    assert_summed(expected, swimlane, lambda found: list(short(found).items()))


@each_row(LANES)
def test_lanes_are_as_listed(row: Summed) -> None:
    """The lanes of the page and their number are those of the row, by the reference too."""
    found = swimlane_by_reference(row.given, row.asked)
    assert (found.lanes, found.lane_count) == row.expected
    assert_summed(row, swimlane, lambda found: (found.lanes, found.lane_count))


@each_row(EDGES)
def test_the_reference_has_the_cells(row: Summed) -> None:
    """The reference has the edges that were worked out by hand."""
    assert swimlane_by_reference(row.given, row.asked).edges == row.expected


@each_row(EDGES)
def test_cells_are_as_listed(row: Summed) -> None:
    """The index and its snapshot have the edges that were worked out by hand."""
    assert_summed(row, swimlane, lambda found: found.edges)


@each_row(MOST)
def test_a_million_scores_are_allowed(row: Summed) -> None:
    """The number of cells is that of the row, by the reference too."""
    assert len(swimlane_by_reference(row.given, row.asked).cells) == row.expected
    assert_summed(row, swimlane, lambda found: len(found.cells))


@each_row(TOO_MANY)
def test_the_reference_refuses_too_many(row: CallDenied) -> None:
    """The reference refuses what the index refuses."""
    assert_call_denied(row, lambda _, asked: swimlane_by_reference(row.given, asked))


@each_row(DENIED, TOO_MANY)
def test_bad_calls_are_refused(row: CallDenied) -> None:
    """The index and its snapshot raise the row's error."""
    assert_call_denied(row, swimlane)
