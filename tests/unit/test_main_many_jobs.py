"""The command for many jobs: searches over several, overall buckets and swimlanes, as JSON and for people."""

import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bucketquery import BucketQuery, ResultsIndex, SwimlaneQuery
from bucketquery import __main__ as command

HOUR = 3_600_000
Run = Callable[..., tuple[int, str, str]]


def bucket(job_id: str, hour: int, score: float, **fields: Any) -> dict[str, Any]:
    """A bucket of an hour, ``hour`` hours after the epoch."""
    simple = {"result_type": "bucket", "job_id": job_id, "timestamp": hour * HOUR, "bucket_span": 3600}
    return {**simple, "anomaly_score": score, **fields}


DOCUMENTS = [
    bucket("web-1", 0, 80.0),
    bucket("web-1", 1, 10.0),
    bucket("web-2", 0, 30.0),
    bucket("web-test", 0, 99.0),
    bucket("db", 0, 60.0),
    bucket("db", 30, 5.0, is_interim=True),
    {**bucket("web-1", 0, 0), "result_type": "record", "record_score": 77.0},
    {
        **bucket("db", 0, 0),
        "result_type": "influencer",
        "influencer_field_name": "host",
        "influencer_field_value": "a1",
        "influencer_score": 51.0,
    },
]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in this process, on the documents above."""
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "data.ndjson"
    path.write_text("".join(f"{json.dumps(document)}\n" for document in DOCUMENTS), encoding="utf-8")

    def run_main(*arguments: str) -> tuple[int, str, str]:
        code = command.main([str(path), *arguments])
        return code, *capsys.readouterr()

    return run_main


@pytest.fixture
def index() -> ResultsIndex:
    """An index with the documents above."""
    index = ResultsIndex()
    index.upsert(DOCUMENTS)
    return index


def test_a_search_over_several_jobs_is_that_of_the_index(run: Run, index: ResultsIndex) -> None:
    """Patterns, lists and exclusions select the jobs."""
    query = BucketQuery(jobs="web-*,-web-test,db", anomaly_score=25, sort="anomaly_score", desc=True, size=2)
    asked = ["--anomaly-score", "25", "--sort", "anomaly_score", "--desc", "--size", "2"]
    expected = json.dumps(index.search(query).to_dict()) + "\n"
    assert run("--job-id", "web-*,-web-test,db", *asked) == (0, expected, "")


def test_the_table_names_the_job_of_each_result(run: Run) -> None:
    """The column is there even if all results on the page have one job."""
    _, out, _ = run("--job-id", "web-*,db", "--size", "2", "--anomaly-score", "70", "--format", "table")
    assert out.splitlines() == [
        "job       timestamp             score  severity  initial  events",
        "web-1     1970-01-01T00:00:00Z  80.00  critical     0.00       0",
        "web-test  1970-01-01T00:00:00Z  99.00  critical     0.00       0",
        "2 of 2 buckets of 4 jobs",
    ]
    _, out, _ = run("--job-id", "_all", "--size", "1", "--records", "--format", "table")
    assert out.splitlines()[1].startswith("web-1  1970-01-01T00:00:00Z  77.00")
    assert out.splitlines()[2] == "1 of 1 records of 4 jobs"


def test_a_pattern_may_select_one_job_or_none(run: Run) -> None:
    """One job is named in the last line; no job is an empty answer."""
    assert run("--job-id", "d*", "--size", "0", "--format", "table") == (0, "0 of 2 buckets of job db\n", "")
    assert run("--job-id", "x*", "--format", "table") == (0, "0 of 0 buckets of 0 jobs\n", "")


@pytest.mark.parametrize(("kind", "count"), [("--records", 1), ("--influencers", 0)])
def test_other_kinds_are_searched_for_one_job_and_for_several(run: Run, kind: str, count: int) -> None:
    """The answer of one job is the same, whether its id or a pattern selects it."""
    one = run(kind, "--job-id", "web-1")
    assert one == run(kind, "--job-id", "*-1")
    assert json.loads(one[1])["count"] == count


@pytest.mark.parametrize("arguments", [[], ["--records"], ["--influencers"]])
def test_an_id_that_no_job_can_have_is_an_unknown_job(run: Run, arguments: list[str]) -> None:
    """A search for one job takes any text."""
    assert run(*arguments, "--job-id", "a b") == (1, "", "--job-id: No known job with id 'a b'\n")


def test_a_lookup_takes_several_jobs(run: Run) -> None:
    """The first match of any job is shown, and the matches of all are counted."""
    code, out, _ = run("--job-id", "web-2,db", "--timestamp", "1970-01-01T00:00:00Z")
    assert (code, json.loads(out)["count"], json.loads(out)["buckets"][0]["job_id"]) == (0, 2, "db")


def test_notes_are_about_all_jobs_that_are_read(run: Run) -> None:
    """The rows of these jobs are added up."""
    note = "no influencers of 3 jobs in the input; they have 4 buckets (leave out --influencers) and 1 record"
    _, _, err = run("--job-id", "web-*", "--influencers")
    assert err == f"{note} (see --records)\n"
    _, _, err = run("--job-id", "web-*", "--swimlane", "day", "--by", "host")
    assert err == f"{note.replace('--influencers', '--by')} (see --records)\n"
    assert run("--swimlane", "day", "--by", "host")[2] == run("--swimlane", "day", "--by", "job")[2] == ""


def test_overall_buckets_are_those_of_the_index(run: Run, index: ResultsIndex) -> None:
    """All jobs are read unless an option names some."""
    expected = index.get_overall_buckets(job_id="_all").to_dict()
    assert run("--overall") == (0, json.dumps(expected) + "\n", "")
    options: dict[str, Any] = {
        "top_n": 2,
        "bucket_span": "1d",
        "overall_score": "60",
        "exclude_interim": True,
        "start": "1970",
    }
    expected = index.get_overall_buckets(job_id="web-*,db", **options).to_dict()
    asked = ["--top-n", "2", "--bucket-span", "1d", "--overall-score", "60", "--exclude-interim", "--start", "1970"]
    assert run("--overall", "--job-id", "web-*,db", *asked) == (0, json.dumps(expected) + "\n", "")


def test_the_table_of_overall_buckets_names_the_worst_jobs(run: Run) -> None:
    """At most three of them, the worst first; the last line has the counts and the span."""
    assert run("--overall", "--format", "table")[1].splitlines() == [
        "timestamp             score  severity  interim  jobs  worst jobs",
        "1970-01-01T00:00:00Z  99.00  critical              4  web-test 99.00, web-1 80.00, db 60.00",
        "1970-01-01T01:00:00Z  10.00  warning               1  web-1 10.00",
        "1970-01-02T06:00:00Z   5.00  warning   interim     1  db 5.00",
        "3 overall buckets of 3,600 s of 4 jobs",
    ]
    shown = run("--overall", "--overall-score", "100", "--format", "table")[1]
    assert shown == "0 overall buckets of 4 jobs\n"


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC"])
def test_a_swimlane_is_that_of_the_index(run: Run, index: ResultsIndex, zone: str) -> None:
    """A cell is a number of seconds, or a unit of the calendar in a time zone."""
    tzinfo = UTC if zone == "UTC" else ZoneInfo(zone)
    query = SwimlaneQuery(jobs="_all,-web-test", cell="day", tzinfo=tzinfo, lanes=2, from_=1)
    asked = ["--swimlane", "day", "--time-zone", zone, "--lanes", "2", "--from", "1", "--job-id", "_all,-web-test"]
    assert run(*asked) == (0, json.dumps(index.swimlane(query).to_dict()) + "\n", "")
    hosts = index.swimlane(SwimlaneQuery(jobs="_all", cell=3600, by="host")).to_dict()
    assert run("--swimlane", "3600", "--by", "host") == (0, json.dumps(hosts) + "\n", "")


def test_the_swimlane_of_a_day_begins_at_the_midnight_of_its_zone(run: Run) -> None:
    """Berlin was an hour ahead of UTC in 1970."""
    edges = json.loads(run("--swimlane", "day", "--time-zone", "Europe/Berlin")[1])["edges"]
    assert datetime.fromtimestamp(edges[0] / 1000, UTC).isoformat() == "1969-12-31T23:00:00+00:00"


def test_the_table_of_a_swimlane_is_drawn_with_characters(run: Run) -> None:
    """A line for each lane, a key, and the counts."""
    assert run("--swimlane", "3600", "--end", "1970-01-01T03:00Z", "--format", "table")[1].splitlines() == [
        "web-test  █    99.00",
        "web-1     █░   80.00",
        "db        ▓    60.00",
        "web-2     ▒    30.00",
        "· low  ░ warning  ▒ minor  ▓ major  █ critical",
        "4 of 4 lanes of 4 jobs, 3 cells from 1970-01-01T00:00:00Z to 1970-01-01T03:00:00Z",
    ]


def test_an_encoding_without_shades_gets_other_characters(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """ASCII and Latin-1 have no shades."""
    for encoding in ("ascii", "latin-1", "cp437"):
        with monkeypatch.context() as patch:
            stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
            patch.setattr(sys, "stdout", stream)
            run("--swimlane", "day", "--lanes", "1", "--format", "table")
            first = stream.buffer.getvalue().decode(encoding).splitlines()[0]
            assert first == ("web-test  █   99.00" if encoding == "cp437" else "web-test  #   99.00")


def test_a_closed_output_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text is made all the same."""
    monkeypatch.setattr(sys, "stdout", None)
    assert run("--swimlane", "day", "--format", "table")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--swimlane", "x"], "--swimlane: [cell] must be a positive integer of seconds, or one of [day, week, month]"),
        (["--swimlane", "day", "--time-zone", "Mars"], "--time-zone: this machine has no time zone [Mars]"),
        (["--swimlane", "day", "--time-zone", "a//b"], "--time-zone: this machine has no time zone [a//b]"),
        (["--swimlane", "day", "--time-zone", "Europe"], "--time-zone: this machine has no time zone [Europe]"),
        (["--swimlane", "60", "--time-zone", "UTC"], "--time-zone: [tzinfo] is the zone of calendar cells"),
        (["--swimlane", "day", "--lanes", "0"], "--lanes: [lanes] parameter must be positive"),
        (["--swimlane", "day", "--size", "5"], "--size: does not apply to a swimlane"),
        (["--overall", "--top-n", "0"], "--top-n: [topN] parameter must be positive, found [0]"),
        (["--overall", "--bucket-span", "1"], "--bucket-span: failed to parse setting [bucket_span]"),
        (["--overall", "--bucket-span", "1s"], "--bucket-span: "),
        (["--overall", "--job-id", "a b"], "--job-id: [jobs] has the token [a b], which no job can match"),
        (["--job-id=-db,web-1"], "--job-id: [jobs] must not begin with the exclusion [-db]"),
    ],
)
def test_errors_name_the_option(run: Run, arguments: list[str], line: str) -> None:
    """One line, exit code 2."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(line)
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--overall"], ["--swimlane", "day"], ["--records"], []])
def test_an_unknown_job_in_a_list_ends_with_exit_code_1(run: Run, arguments: list[str]) -> None:
    """The error names the first one."""
    assert run(*arguments, "--job-id", "web-*,x,y") == (1, "", "--job-id: No known job with id 'x'\n")
