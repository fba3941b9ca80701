"""The command: its output, its errors and exit codes, and its behaviour in pipes and on terminals."""

import gzip
import io
import json
import os
import pty
import runpy
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest

from bucketquery import BucketQuery, InfluencerQuery, RecordQuery, ResultsIndex
from bucketquery import __main__ as command
from bucketquery.command.notes import PassedOver
from bucketquery.command.options import PARAMETERS, option_of
from bucketquery.queries.queries import AnyQuery
from support.helpers import PATIENCE_S

ROOT = Path(__file__).parents[2]
TAXI = str(ROOT / "tests/data/numenta_nyc_taxi.buckets.ndjson.gz")
CATEGORIES = str(ROOT / "tests/data/numentaTM_1h_by_category.buckets.ndjson.gz")
HOUR = 3_600_000


class Outcome(NamedTuple):
    """The exit code, standard output and standard error of one run."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


def bucket(hour: int = 0, **fields: Any) -> dict[str, Any]:
    """A bucket document of the job "web", ``hour`` hours after the epoch."""
    return {"result_type": "bucket", "job_id": "web", "timestamp": hour * HOUR, "bucket_span": 3600} | fields


def ndjson(*documents: object) -> bytes:
    """The documents as the lines of a file."""
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


HOURS = ndjson(
    bucket(0, anomaly_score=10.0, event_count=4),
    bucket(1, anomaly_score=80.0, event_count=3),
    bucket(2, anomaly_score=30.0, event_count=2, is_interim=True),
    bucket(3, anomaly_score=80, event_count=1),
)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process."""

    def run_main(*arguments: str) -> Outcome:
        code = command.main(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run_main


@pytest.fixture
def run_on(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in this process on the file ``data.ndjson`` with the given content."""

    def run_on_data(content: bytes, *arguments: str) -> Outcome:
        monkeypatch.chdir(tmp_path)
        Path("data.ndjson").write_bytes(content)
        return run("data.ndjson", *arguments)

    return run_on_data


def start(*arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
    """The command in its own process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "bucketquery", *arguments]
    return subprocess.Popen(line, env=environment, **streams)  # noqa: S603 - this very interpreter


def hours_shown(outcome: Outcome) -> list[int]:
    """The hours of the buckets in a JSON answer."""
    assert (outcome.code, outcome.err) == (0, "")
    return [each["timestamp"] // HOUR for each in json.loads(outcome.out)["buckets"]]


def record(hour: int = 0, **fields: Any) -> dict[str, Any]:
    """A record document of the job "web"."""
    return bucket(hour, **{"result_type": "record", **fields})


def influencer(hour: int = 0, **fields: Any) -> dict[str, Any]:
    """An influencer document of the job "web"."""
    return bucket(hour, **{"result_type": "influencer", **fields})


ANOMALIES = ndjson(
    bucket(0, anomaly_score=80.0, bucket_influencers=[{"influencer_field_name": "bucket_time"}]),
    bucket(1, anomaly_score=80.0),
    record(
        0,
        record_score=80.0,
        probability=1.5e-7,
        function="mean",
        field_name="rides",
        actual=[12.5],
        typical=[3_000_000, 2],
        partition_field_name="host",
        partition_field_value="a\x1b[2J",
        by_field_value="b",
    ),
    record(0, detector_index=1, record_score=5.0, is_interim=True, function="rare"),
    record(1, record_score=50.0),
    influencer(1, influencer_score=3.0, influencer_field_name="host", influencer_field_value="b"),
    influencer(0, influencer_score=80.0, influencer_field_name="host", influencer_field_value="a\x1b[2J"),
)


# ---- the answer


def test_json_is_the_response_body_on_one_line(run_on: Run) -> None:
    """If standard output is not a terminal, the command writes `to_dict` as one line of ASCII."""
    documents = [bucket(bucket_influencers=[{"influencer_field_name": "naïve"}]), bucket(1, anomaly_score=0.1)]
    index = ResultsIndex()
    index.upsert(documents)
    outcome = run_on(ndjson(*documents))
    assert outcome == (0, json.dumps(index.get_buckets(job_id="web").to_dict()) + "\n", "")
    assert outcome.out.isascii()


@pytest.mark.parametrize(
    ("options", "hours"),
    [
        ([], [0, 1, 2, 3]),
        (["--start", "1970-01-01T01:00Z"], [1, 2, 3]),
        (["--end", "1970-01-01T01:00Z"], [0]),
        (["--start", "3600000", "--end=10800000"], [1, 2]),
        (["--start", "1971"], []),
        (["--start", "-1", "--end", "-1"], [0, 1, 2, 3]),
        (["--start", "1970-01-01||+2h"], [2, 3]),
        (["--start", "now-1d"], []),
        (["--anomaly-score", "80"], [1, 3]),
        (["--anomaly-score", " 3.0e1 "], [1, 2, 3]),
        (["--anomaly-score", "-5"], [0, 1, 2, 3]),
        (["--exclude-interim"], [0, 1, 3]),
        (["--sort", "event_count"], [3, 2, 1, 0]),
        (["--sort", "anomaly_score", "--desc"], [3, 1, 2, 0]),
        (["--from", "1", "--size", "2"], [1, 2]),
        (["--from", "9"], []),
        (["--from", "9" * 30], []),
        (["--timestamp", "1970-01-01T02:00Z", "--exclude-interim"], [2]),
        (["--timestamp", "1970-01-01", "--desc"], [3]),
        (["--job-id", "web"], [0, 1, 2, 3]),
    ],
)
def test_options_are_the_parameters_of_the_api(run_on: Run, options: list[str], hours: list[int]) -> None:
    """Each option means the same as the API's parameter of that name and takes the same text and numbers."""
    assert hours_shown(run_on(HOURS, *options)) == hours


@pytest.mark.parametrize(
    ("options", "kind", "parameters"),
    [
        (["--expand"], "buckets", {"expand": True}),
        (["--expand", "--timestamp", "0" * 5], "buckets", {"expand": True, "timestamp": 0}),
        (["--records"], "records", {}),
        (["--records", "--record-score", "50", "--no-desc"], "records", {"record_score": 50, "desc": False}),
        (
            ["--records", "--sort=timestamp", "--exclude-interim"],
            "records",
            {"sort": "timestamp", "exclude_interim": True},
        ),
        (["--influencers", "--size", "1"], "influencers", {"size": 1}),
        (["--influencers", "--influencer-score=75"], "influencers", {"influencer_score": 75}),
    ],
)
def test_options_choose_the_kind_of_result(
    run_on: Run, options: list[str], kind: str, parameters: dict[str, Any]
) -> None:
    """``--records`` and ``--influencers`` show other results than buckets. ``--expand`` adds records to buckets."""
    index = ResultsIndex()
    index.upsert(json.loads(line) for line in ANOMALIES.splitlines())
    page = getattr(index, f"get_{kind}")(job_id="web", **parameters)
    assert page.count
    assert run_on(ANOMALIES, *options) == (0, json.dumps(page.to_dict()) + "\n", "")


@pytest.mark.parametrize(
    ("options", "query"),
    [
        (["--records", "--where", "function=mean"], RecordQuery(jobs="web", where={"function": "mean"})),
        (
            ["--influencers", "--where=host=b", "--where=host=a"],
            InfluencerQuery(jobs="web", where={"host": ["a", "b"]}),
        ),
        (["--where", "detector_index=0"], BucketQuery(jobs="web", where={"detector_index": 0})),
        (["--where", "a=b=c", "--job-id", "w*"], BucketQuery(jobs="w*", where={"a": "b=c"})),
    ],
)
def test_where_is_a_field_and_a_value(run_on: Run, options: list[str], query: AnyQuery) -> None:
    """The text before the first equals sign is the field. Repeats of a field are alternatives."""
    index = ResultsIndex()
    index.upsert(json.loads(line) for line in ANOMALIES.splitlines())
    assert run_on(ANOMALIES, *options) == (0, json.dumps(index.search(query).to_dict()) + "\n", "")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--records", "--anomaly-score", "5"], "--anomaly-score: does not apply to records"),
        (["--records", "--expand"], "--expand: does not apply to records"),
        (["--influencers", "--timestamp", "0"], "--timestamp: does not apply to influencers"),
        (["--record-score", "5"], "--record-score: does not apply to buckets"),
        (["--records", "--record-score", "x"], '--record-score: For input string: "x"'),
    ],
)
def test_options_for_another_kind_are_refused(run: Run, options: list[str], line: str) -> None:
    """The command refuses them before it reads any file, in one line that names the option."""
    assert run("no such file", *options) == (2, "", f"{line}\n")


def test_two_kinds_at_once_are_refused(run: Run) -> None:
    """``--records`` and ``--influencers`` exclude each other."""
    outcome = run("--records", "--influencers")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--records" in outcome.err
    assert "--influencers" in outcome.err


def test_real_results_are_counted(run: Run) -> None:
    """In the gzipped results of taxi rides, 21 half hours score 50 or more. ``--size 5`` shows 5 of them."""
    body = json.loads(run(TAXI, "--anomaly-score", "50", "--size", "5").out)
    assert (body["count"], len(body["buckets"])) == (21, 5)


def test_options_and_files_mix(run: Run, tmp_path: Path) -> None:
    """Files may stand before, between and after the options, and the command reads all of them."""
    paths = [tmp_path / name for name in ("a.ndjson", "b.ndjson", "c.ndjson.gz")]
    paths[0].write_bytes(ndjson(bucket(0)))
    paths[1].write_bytes(ndjson(bucket(1)))
    paths[2].write_bytes(gzip.compress(ndjson(bucket(2))))
    first, second, third = map(str, paths)
    assert hours_shown(run(first, "--size", "9", second, "--desc", "--", third)) == [2, 1, 0]


@pytest.mark.parametrize("arguments", [[], ["-"]], ids=["no file", "dash"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_standard_input_is_read(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], pack: Callable[[bytes], bytes]
) -> None:
    """Without a file, and for ``-``, the command reads standard input, gzipped or not."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(pack(HOURS)))))
    assert hours_shown(run(*arguments)) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + HOURS,
        HOURS.replace(b"\n", b"\r\n"),
        b"\n  \n" + HOURS.replace(b"\n", b"\n\n"),
        HOURS.removesuffix(b"\n"),
        ndjson({"result_type": "model_plot", "actual": 3}, {"result_type": "model_forecast"}, {"index": {}}) + HOURS,
        ndjson(*({"_id": "1", "_source": json.loads(line)} for line in HOURS.splitlines())),
    ],
    ids=["byte order mark", "carriage returns", "blank lines", "no last newline", "other results", "search hits"],
)
def test_the_form_of_the_file_changes_no_answer(run_on: Run, content: bytes) -> None:
    """A byte order mark, other line ends, blank lines, other results and search hits give the same answer."""
    assert hours_shown(run_on(content)) == [0, 1, 2, 3]


# ---- the table


def test_table_shows_every_column_with_a_value(run_on: Run) -> None:
    """The table is aligned, its instants are in UTC, and its last line gives the count."""
    documents = [
        bucket(
            0,
            anomaly_score=91.5,
            initial_anomaly_score=100,
            event_count=12345,
            bucket_influencers=[{"influencer_field_name": "bucket_time"}, {}, {"influencer_field_name": "host.name"}],
        ),
        bucket(1, anomaly_score=3.14159, event_count=7, is_interim=True, scheduled_events=["Deploy", "Game day"]),
        bucket(2, bucket_span=900, timestamp=2 * HOUR + 1),
    ]
    assert run_on(ndjson(*documents), "--format", "table", "--size", "3").out == (
        "timestamp                   span  score  severity  initial  events  interim  influencers             scheduled"
        " events\n"
        "1970-01-01T00:00:00.000Z  3600 s  91.50  critical   100.00  12,345           bucket_time, host.name\n"
        "1970-01-01T01:00:00.000Z  3600 s   3.14  warning      0.00       7  interim                          Deploy,"
        " Game day\n"
        "1970-01-01T02:00:00.001Z   900 s   0.00  low          0.00       0\n"
        "3 of 3 buckets of job web\n"
    )


def test_table_leaves_out_columns_without_information(run_on: Run) -> None:
    """A column without values is left out, and so is the span if all buckets have the same one."""
    assert run_on(HOURS, "--format", "table", "--exclude-interim", "--size", "1").out == (
        "timestamp             score  severity  initial  events\n"
        "1970-01-01T00:00:00Z  10.00  warning      0.00       4\n"
        "1 of 3 buckets of job web\n"
    )


def test_table_of_an_empty_page_is_the_count(run_on: Run) -> None:
    """An empty page has no title row, only the line with the count."""
    assert run_on(HOURS, "--format", "table", "--size", "0").out == "0 of 4 buckets of job web\n"


@pytest.mark.parametrize(
    ("score", "shown"),
    [(74.999, "74.99  major"), (75, "75.00  critical"), (0.29, "0.29  low"), (29.9999996735, "29.99  minor")],
)
def test_table_rounds_no_score_over_a_mark(run_on: Run, score: float, shown: str) -> None:
    """Scores are cut to two decimals, so none is shown at the mark of a severity that it does not have."""
    assert f"{shown} " in run_on(ndjson(bucket(anomaly_score=score)), "--format", "table").out


def test_a_timestamp_of_the_table_can_be_looked_up(run_on: Run) -> None:
    """``--timestamp`` takes a timestamp as the table shows it."""
    copied = run_on(HOURS, "--format", "table").out.splitlines()[3].split()[0]
    assert hours_shown(run_on(HOURS, "--timestamp", copied)) == [2]


def test_data_cannot_steer_the_terminal(run_on: Run) -> None:
    """The table shows control characters, direction marks and lone surrogates of the data as escapes."""
    names = ["\x1b[31mred", "a\nb", "\u202etxt", "\ud800", "\x9b", "größe"]
    document = bucket(
        job_id="\u202ejob",
        bucket_influencers=[{"influencer_field_name": name} for name in names],
        scheduled_events=["\r\x07"],
    )
    out = run_on(ndjson(document), "--format", "table").out
    assert r"\x1b[31mred, a\nb, \u202etxt, \ud800, \x9b, größe  \r\x07" in out
    assert out.endswith("1 of 1 buckets of job \\u202ejob\n")
    assert all(character.isprintable() or character == "\n" for character in out)


# ---- jobs


def test_several_jobs_are_listed(run: Run) -> None:
    """If the input has several jobs and no option names one, the command lists them, one per line."""
    outcome = run(CATEGORIES)
    first, *listed = outcome.err.splitlines()
    assert (outcome.code, outcome.out) == (2, "")
    assert first == "--job-id: the input has 7 jobs; name one or several of them, or all with --job-id _all:"
    assert (len(listed), listed[5]) == (7, "nab_numentatm_realtraffic_by_series_3600s")
    assert (
        json.loads(run(CATEGORIES, "--job-id", listed[5], "--anomaly-score", "25", "--size", "0").out)["count"] == 108
    )


def test_the_first_fifty_jobs_are_listed(run_on: Run) -> None:
    """The last line gives the number of the other jobs."""
    outcome = run_on(ndjson(*(bucket(job_id=f"job-{number:04}") for number in range(1052))))
    lines = outcome.err.splitlines()
    assert lines[0] == "--job-id: the input has 1,052 jobs; name one or several of them, or all with --job-id _all:"
    assert lines[50:] == ["job-0049", "and 1,002 more"]


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", "data.ndjson: no documents\nno results in the input\n"),
        (b"\r\n \n[]\n", "data.ndjson: no documents\nno results in the input\n"),
        (
            ndjson({"result_type": "forecast"}, {}, {"result_type": "model_plot"}, {"result_type": "model_plot"}),
            (
                "no results in the input; passed over: 2 model_plot, 1 forecast, 1 without result_type\n"
                'a document needs a result_type: "bucket", "record" or "influencer",'
                " unless it is in an answer of the API\n"
            ),
        ),
        (
            ndjson({"error": {"reason": "No known job with id 'x'"}, "status": 404}),
            "no results in the input; passed over: 1 server error [No known job with id 'x']\n",
        ),
    ],
    ids=["nothing", "only blanks", "other results", "an error"],
)
def test_input_without_results_is_reported(run_on: Run, content: bytes, lines: str) -> None:
    """The command counts everything that it passed over, for any job that is asked for."""
    assert run_on(content) == run_on(content, "--job-id", "web") == (1, "", lines)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--job-id", "x"], "--job-id: No known job with id 'x'"),
        (["--job-id", "w*,x"], "--job-id: No known job with id 'x'"),
        (["--job-id", ""], "--job-id: No known job with id ''"),
        (["--job-id", "a\nb"], "--job-id: No known job with id 'a\\nb'"),
        (["--timestamp", "2020"], "--timestamp: Could not find requested buckets"),
    ],
)
def test_an_unknown_job_or_bucket_ends_with_exit_code_1(run_on: Run, options: list[str], line: str) -> None:
    """The command writes one line to standard error."""
    assert run_on(HOURS, *options) == (1, "", f"{line}\n")


# ---- errors


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--from", "-1"], "--from: Parameter [from] cannot be < 0"),
        (["--from", "1_0"], "--from: Failed to parse int parameter [from] with value [1_0]"),
        (["--from", "9" * 5000], f"--from: Failed to parse int parameter [from] with value [{'9' * 100}]"),
        (["--size", "-1"], "--size: Parameter [size] cannot be < 0"),
        (["--size", "10001"], "--size: "),
        (["--anomaly-score", "high"], '--anomaly-score: For input string: "high"'),
        (["--start", "2020-2-1"], "--start: failed to parse date field [2020-2-1] with format"),
        (["--end", ""], "--end: cannot parse empty datetime"),
        (["--start", "now+9000y"], "--start: "),
        (["--timestamp", "x\x1b"], "--timestamp: failed to parse date field [x\\x1b]"),
        (["--timestamp", "2020", "--size", "1"], "--size: Param [from, size] is incompatible with [timestamp]."),
        (["--timestamp", "2020", "--anomaly-score", "0"], "--anomaly-score: Param [anomaly_score] is incompatible"),
        (["--sort", "foo"], "--sort: No mapping found for [foo] in order to sort on"),
        (["--format", "xml"], "--format: invalid choice: 'xml'"),
        (["--start"], "--start: expected one argument (see --help)"),
        (["--where", "=a"], "--where: must be FIELD=VALUE, not '=a' (see --help)"),
        (["--where", "host"], "--where: must be FIELD=VALUE, not 'host' (see --help)"),
        (["--where", "detector_index=x"], "--where: [where.detector_index] must be an integer, not str"),
        (["--where", "job_id=web"], "--where: [where] cannot filter records by [job_id]; use the parameter [jobs]"),
        (["--anomaly", "1"], "unrecognized arguments: --anomaly 1 (see --help)"),
    ],
)
def test_parameters_are_checked_before_any_file_is_read(run: Run, options: list[str], line: str) -> None:
    """One line names the option, even if the file is missing too."""
    code, out, err = run("missing.ndjson", *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(line)


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        (b'{"a": 1', "invalid JSON: the input ends inside the document"),
        (b"{", "invalid JSON: the input ends inside the document"),
        (b'{"a": 1,, ', "invalid JSON: Expecting property name enclosed in double quotes, at column 9"),
        (b'{"a": 1} x', "invalid JSON: Extra data, at column 10"),
        (b'{"a": "\xe4"}', "invalid JSON: not UTF-8, at byte 8"),
        (b'{"anomaly_score": NaN}', "invalid JSON: NaN is not a JSON number"),
        (b'{"anomaly_score": -Infinity}', "invalid JSON: -Infinity is not a JSON number"),
        (b"[" * 200_000, "invalid JSON: nested too deeply"),
        (b'{"timestamp": ' + b"1" * 5000 + b"}", "invalid JSON: Exceeds the limit (4300 digits) for integer"),
        (b"\xef\xbb\xbf{}", "invalid JSON: "),
        (b"[1]", "[0]: must be an object, not "),
        (b"null", "must be an object, not "),
        (ndjson(bucket(anomaly_score="9")), "anomaly_score: must be a number, not "),
        (b'{"result_type": "bucket", "job_id": "web", "timestamp": 0}', "bucket_span: is required"),
        (ndjson(bucket(job_id="a*")), "job_id: "),
        (ndjson(bucket(timestamp="x" * 99)), "timestamp: "),
        (ndjson({"_source": bucket(event_count=0.5)}), "_source.event_count: must be an integer, not 0.5"),
        (
            ndjson(bucket(bucket_influencers=[{}, {"probability": []}])),
            "bucket_influencers[1].probability: must be a number, not ",
        ),
    ],
)
def test_a_bad_line_is_named(run_on: Run, bad: bytes, line: str) -> None:
    """The error gives file, line, field and reason in one line; blank lines are counted."""
    code, out, err = run_on(HOURS + b"\n" + bad)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"data.ndjson:6: {line}")


def test_a_bad_line_is_found_in_any_chunk(
    run: Run, run_on: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error has the file and line of the document, in any chunk of the input, for standard input too."""
    monkeypatch.setattr(command, "_CHUNK", 3)
    other = tmp_path / "other.ndjson"
    other.write_bytes(HOURS + ndjson(bucket(bucket_span=0)))
    assert run_on(HOURS, str(other)).err == f"{other}:5: bucket_span: must be at least 1, not 0\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(HOURS + b"\n{"))))
    assert run("-").err.startswith("<stdin>:6: invalid JSON: ")


def test_unreadable_files_are_reported_in_one_line(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names a missing file, a directory or a forbidden file, with control characters escaped."""
    assert run("missing\n.ndjson") == (2, "", "missing\\n.ndjson: No such file or directory\n")
    assert run(str(tmp_path)) == (2, "", f"{tmp_path}: Is a directory\n")

    def refuse(*_: object) -> NoReturn:
        raise PermissionError(13, "Permission denied", "data.ndjson")

    monkeypatch.setattr(Path, "open", refuse)
    assert run("data.ndjson") == (2, "", "data.ndjson: Permission denied\n")


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (gzip.compress(HOURS)[:-12], "Compressed file ended before the end-of-stream marker was reached"),
        (gzip.compress(HOURS)[:10] + b"\xff" * 40, "Error -3 while decompressing data"),
        (gzip.compress(HOURS) + b"trailing", "Not a gzipped file"),
        (gzip.compress(HOURS)[:-8] + bytes(8), "CRC check failed"),
    ],
    ids=["cut off", "garbled", "trailing garbage", "wrong checksum"],
)
def test_damaged_gzip_is_reported_in_one_line(run_on: Run, damaged: bytes, reason: str) -> None:
    """The command gives no answer if it cannot read the compressed data to its end."""
    code, out, err = run_on(damaged)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"data.ndjson: damaged gzip: {reason}")


# ---- help


def test_help_names_every_option(run: Run) -> None:
    """The help also has examples, and its lines are at most 120 characters long."""
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert "examples:\n  python -m bucketquery" in out
    parameters = {*chain.from_iterable(PARAMETERS.values())} - {"desc"}
    options = {*map(option_of, parameters), "--records", "--influencers", "--overall", "--job-id", "--format"}
    assert "--desc, --no-desc" in out
    assert all(f"  {option} " in out for option in options)
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize("installed", [True, False])
def test_version_is_that_of_the_package(run: Run, monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    """``--version`` shows the version of the installed package, or that it is not installed."""

    def version(name: str) -> str:
        if installed:
            return f"1.2.3 of {name}"
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    shown = "1.2.3 of bucketquery" if installed else "(not installed)"
    assert run("--version") == (0, f"bucketquery {shown}\n", "")


# ---- terminals


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, stream: str) -> Iterator[list[str]]:
    """Replace a standard stream by a terminal; after the block, the list has the text that was written to it."""
    screen, side = pty.openpty()
    shown: list[str] = []
    with os.fdopen(screen, "rb", buffering=0) as reader:
        with os.fdopen(side, "w", encoding="utf-8") as writer, monkeypatch.context() as inside:
            inside.setattr(sys, stream, writer)
            yield shown
        # A terminal without a writer ends in an error, not in an end of file.
        with suppress(OSError):
            while piece := reader.read(4096):
                shown.append(piece.decode().replace("\r\n", "\n"))
        shown[:] = ["".join(shown)]


def test_a_terminal_gets_a_coloured_table(run_on: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the default is a table with bold titles; score and severity have the severity's colour."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    with terminal(monkeypatch, "stdout") as shown:
        run_on(HOURS, "--size", "1")
    assert shown[0] == (
        "\x1b[1mtimestamp           \x1b[m  \x1b[1mscore\x1b[m  \x1b[1mseverity\x1b[m  \x1b[1minitial\x1b[m"
        "  \x1b[1mevents\x1b[m\n"
        "1970-01-01T00:00:00Z  \x1b[36m10.00\x1b[m  \x1b[36mwarning \x1b[m     0.00       4\n"
        "1 of 4 buckets of job web\n"
    )


def test_no_color_is_respected(run_on: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If ``NO_COLOR`` is set, the table on a terminal has no colours."""
    monkeypatch.setenv("NO_COLOR", "1")
    with terminal(monkeypatch, "stdout") as shown:
        run_on(HOURS)
    assert shown == [run_on(HOURS, "--format", "table").out]


def test_format_json_prints_json_on_a_terminal(run_on: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--format json`` gives the same output on a terminal as elsewhere."""
    with terminal(monkeypatch, "stdout") as shown:
        run_on(HOURS, "--format", "json")
    assert shown == [run_on(HOURS).out]


def test_progress_is_shown_and_erased(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command shows the progress of a large input if standard error is a terminal, and erases it at the end."""
    with terminal(monkeypatch, "stderr") as shown:
        run(TAXI, "--size", "0")
    wipe = "\r\x1b[K"
    steps = [f"{wipe}{read} documents read" for read in ("10,000", "10,320")]
    assert shown == ["".join([*steps, wipe])]


def test_small_inputs_and_files_show_no_progress(run: Run, run_on: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no progress below 10,000 documents, and none if standard error is not a terminal."""
    with terminal(monkeypatch, "stderr") as shown:
        run_on(HOURS)
    assert shown == [""]
    assert run(TAXI, "--size", "0").err == ""


# ---- pipes, streams and signals


def test_a_closed_pipe_ends_without_a_message(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the reader has closed the output, the exit code is that of a broken pipe."""
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(sys, "stdout", os.fdopen(writer, "w", encoding="utf-8"))
    assert run("--help") == (141, "", "")


def test_a_full_disk_is_reported_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command closes the stream after a failed write, so Python does not report it again at exit."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run("--help") == (2, "", "<stdout>: No space left on device\n")
        assert full.closed


def test_closed_streams_are_handled(run: Run, run_on: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may start without one of its standard streams."""
    for name, arguments, outcome in [
        ("stdin", ["-"], (2, "", "<stdin>: closed\n")),
        ("stdout", ["--help"], (2, "", "<stdout>: closed\n")),
        ("stderr", ["--from", "x"], (2, "", "")),
    ]:
        with monkeypatch.context() as closed:
            closed.setattr(sys, name, None)
            assert run(*arguments) == outcome
    monkeypatch.setattr(sys, "stderr", None)
    assert hours_shown(run_on(HOURS)) == [0, 1, 2, 3]


def test_an_interrupt_ends_without_a_message(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Ctrl-C the command erases the progress and ends."""
    documents = command._documents

    def interrupted(path: str, passed_over: PassedOver) -> Iterator[object]:
        yield from documents(path, passed_over)
        raise KeyboardInterrupt

    with terminal(monkeypatch, "stderr") as shown:
        monkeypatch.setattr(command, "_documents", interrupted)
        assert run(TAXI).code == 130
    assert shown[0].endswith("\r\x1b[K")


def test_characters_outside_the_outputs_encoding_are_escaped(run_on: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An output in ASCII gets the table with escapes."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert run_on(ndjson(bucket(job_id="gr\u00f6\u00dfe")), "--format", "table").code == 0
    assert written.getvalue().endswith(b"1 of 1 buckets of job gr\\xf6\\xdfe\n")


def test_a_process_reads_and_writes_pipes() -> None:
    """The process reads gzip even if a pipe has only one byte at first. It writes the answer to another pipe."""
    packed = gzip.compress(HOURS)
    with start("--size", "1", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(packed[:1])
        process.stdin.flush()
        out, err = process.communicate(packed[1:])
    assert (process.returncode, json.loads(out)["count"], err) == (0, 4, b"")


@pytest.mark.repeats
def test_a_reader_may_close_the_pipe_early() -> None:
    """If the reader stops after the first line, as ``head -1`` does, the process writes no error."""
    with start(TAXI, "--format", "table", "--size", "9999", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith(b"timestamp ")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_an_interrupt_ends_a_waiting_process(tmp_path: Path) -> None:
    """A process that waits for its input ends at once and without a message."""
    waiting = tmp_path / "never.ndjson"
    os.mkfifo(waiting)
    # A child process ignores this signal if its parent does.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with start(str(waiting), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        signal.signal(signal.SIGINT, before)
        # This blocks until the process has opened the other end.
        with waiting.open("wb"):
            process.send_signal(signal.SIGINT)
            outcome = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, *outcome) == (130, b"", b"")


@pytest.mark.repeats
def test_a_process_reports_a_full_disk_once() -> None:
    """Python adds no second error at exit."""
    with Path("/dev/full").open("wb") as full, start(TAXI, stdout=full, stderr=subprocess.PIPE) as process:
        _, err = process.communicate()
    assert (process.returncode, err) == (2, b"<stdout>: No space left on device\n")


def test_the_module_exits_with_the_code_of_main(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``python -m bucketquery`` calls `main` with the arguments of the process and exits with its code."""
    monkeypatch.setattr(sys, "argv", ["bucketquery", "--from", "x"])
    monkeypatch.delitem(sys.modules, "bucketquery.__main__")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("bucketquery", run_name="__main__")
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("--from: ")


@pytest.mark.repeats
def test_the_installed_command_is_the_module(tmp_path: Path) -> None:
    """The installed script has the same answers and exit codes as ``python -m bucketquery``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, function = project["scripts"]["bucketquery"].partition(":")
    script = tmp_path / "bucketquery"
    script.write_text(f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n", encoding="utf-8")
    valid = (TAXI, "--anomaly-score", "75", "--size", "2")
    for arguments, code in ((valid, 0), ((TAXI, "--job-id", "none"), 1), (("--from", "x"), 2)):
        expected = run_process("-m", "bucketquery", *arguments)
        assert run_process(str(script), *arguments) == expected
        assert expected.code == code
    assert run_process(str(script), "--help").out.startswith("usage: bucketquery ")
    assert run_process("-m", "bucketquery", "--help").out.startswith("usage: python -m bucketquery ")


def run_process(*line: str) -> Outcome:
    """Run a process of this interpreter with the checkout on its path."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, *line], env=environment, capture_output=True, check=False, text=True, timeout=PATIENCE_S
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
