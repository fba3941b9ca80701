"""The command's inputs: every format, compressed or not, several in one call; what it says about them; bad input."""

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bucketquery import ResultsIndex
from bucketquery import __main__ as command
from support.helpers import PATIENCE_S

ROOT = Path(__file__).parents[2]
HOUR = 3_600_000


class Outcome(NamedTuple):
    """The exit code, standard output and standard error of one run."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in this process on files with the given contents, named ``0.json``, ``1.json`` and so on."""

    def run_on(contents: list[bytes], *options: str) -> Outcome:
        monkeypatch.chdir(tmp_path)
        names = [f"{number}.json" for number in range(len(contents))]
        for name, content in zip(names, contents, strict=True):
            Path(name).write_bytes(content)
        code = command.main([*names, *options])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run_on


def result(hour: int, result_type: str = "bucket", **fields: Any) -> dict[str, Any]:
    """A result of the job "web", some hours after the epoch."""
    return {
        "result_type": result_type,
        "job_id": "web",
        "timestamp": hour * HOUR,
        "bucket_span": 3600,
        **fields,
    }


def ndjson(*documents: object) -> bytes:
    """The documents as the lines of a file."""
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def pretty(value: object) -> bytes:
    """The value over several lines."""
    return json.dumps(value, indent=2).encode() + b"\n"


def buckets_of(outcome: Outcome) -> list[int]:
    """The hours of the buckets in an answer without notes."""
    assert (outcome.code, outcome.err) == (0, "")
    return [found["timestamp"] // HOUR for found in json.loads(outcome.out)["buckets"]]


def answer(*documents: Mapping[str, Any]) -> dict[str, Any]:
    """An answer whose buckets have no type of their own."""
    return {
        "count": len(documents),
        "buckets": [{name: value for name, value in each.items() if name != "result_type"} for each in documents],
    }


def hits(*documents: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Search hits."""
    return [{"_index": ".ml-anomalies-x", "_id": str(at), "_source": each} for at, each in enumerate(documents)]


def bulk(*documents: Mapping[str, Any]) -> bytes:
    """A request of the bulk API."""
    return b"".join(ndjson({"index": {"_index": "x"}}, each) for each in documents)


#: The same two buckets in each format.
FORMATS: dict[str, Callable[..., bytes]] = {
    "lines": ndjson,
    "an array": lambda *documents: json.dumps(documents).encode(),
    "an array over several lines": lambda *documents: pretty(documents),
    "over several lines": lambda *documents: b"".join(map(pretty, documents)),
    "an answer": lambda *documents: json.dumps(answer(*documents)).encode(),
    "an answer over several lines": lambda *documents: pretty(answer(*documents)),
    "a search response": lambda *documents: pretty({"took": 1, "hits": {"hits": hits(*documents)}}),
    "a bulk request": bulk,
    "a dump": lambda *documents: ndjson({"x": {"mappings": {}}}, *hits(*documents))[
        len(ndjson({"x": {"mappings": {}}})) :
    ],
    "UTF-16, little end first": lambda *documents: b"\xff\xfe" + ndjson(*documents).decode().encode("utf-16-le"),
    "UTF-16, big end first": lambda *documents: b"\xfe\xff" + pretty(documents).decode().encode("utf-16-be"),
    "UTF-8 of Windows": lambda *documents: b"\xef\xbb\xbf" + pretty(documents).replace(b"\n", b"\r\n"),
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "gzip in several members": lambda content: b"".join(
        gzip.compress(content[start:end]) for start, end in pairwise([0, 1, len(content) // 2, len(content)])
    ),
}


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_every_format_has_the_same_answer(
    run: Run, write: Callable[..., bytes], pack: Callable[[bytes], bytes]
) -> None:
    """The answer is that of an index of the documents, whether the file is compressed or not."""
    documents = [
        result(0, anomaly_score=80.0),
        result(1, bucket_influencers=[{"influencer_field_name": "gr\u00f6\u00dfe"}]),
    ]
    index = ResultsIndex()
    index.upsert(documents)
    body = json.dumps(index.get_buckets(job_id="web").to_dict())
    assert run([pack(write(*documents))]) == (0, f"{body}\n", "")


def test_formats_mix_in_one_call(run: Run) -> None:
    """Each file has its own format and compression. The last version of a bucket wins."""
    packers = [*PACKERS.values()]
    contents = [
        packers[at % len(packers)](write(result(at), result(at + 1, event_count=at)))
        for at, write in enumerate(FORMATS.values())
    ]
    outcome = run(contents)
    assert buckets_of(outcome) == list(range(len(FORMATS) + 1))
    counts = [found["event_count"] for found in json.loads(outcome.out)["buckets"]]
    assert counts == [0, *([0] * (len(FORMATS) - 1)), len(FORMATS) - 1]


def test_an_answer_of_each_kind_is_read(run: Run) -> None:
    """The key of the list gives the kind of documents without one; an expanded answer has records, too."""
    first = ResultsIndex()
    influenced = result(0, bucket_influencers=[{"influencer_field_name": "bucket_time"}])
    blamed = result(0, "influencer", influencer_field_name="host", influencer_field_value="a")
    first.upsert([influenced, result(0, "record", record_score=75.0, actual=[9]), blamed])
    answers = [
        first.get_buckets(job_id="web", expand=True).to_dict(),
        first.get_influencers(job_id="web").to_dict(),
    ]
    contents = [json.dumps(each).encode() for each in answers]
    assert json.loads(run(contents, "--expand").out) == answers[0]
    assert json.loads(run(contents, "--influencers").out) == answers[1]
    assert json.loads(run(contents, "--records").out) == first.get_records(job_id="web").to_dict()


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_utf_16_may_come_from_standard_input(
    mark: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard input stays open when it has been read."""
    text = mark + ndjson(result(3)).decode().encode("utf-16-le" if mark == b"\xff\xfe" else "utf-16-be")
    source = io.BytesIO(text)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(source)))
    assert command.main([]) == 0
    assert json.loads(capsys.readouterr().out)["count"] == 1
    assert not source.closed


# ---- notes


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (ndjson(result(0, "bukcet")), "passed over: 1 bukcet"),
        (
            ndjson(result(0, "bukcet"), {}, {"job_id": "web"}, {"snapshot_id": "1"}, result(0, "model_plot")),
            "passed over: 3 without result_type, 1 bukcet",
        ),
        (ndjson(result(0, "\x1b[2J\u202e")), "passed over: 1 [\\x1b[2J\\u202e]"),
        (ndjson(result(0, "\x1b" * 1_000)), "passed over: 1 [" + "\\x1b" * 50 + "...]"),
        (ndjson(result(0, "\ud800")), "passed over: 1 [\\ud800]"),
        (ndjson({"delete": {"_id": "1"}}, {"x": {"settings": {}}}), "passed over: 1 delete action, 1 index definition"),
        (b"\n \n", "1.json: no documents"),
        (b"", "1.json: no documents"),
        (b'{"count": 0, "buckets": []}', "1.json: no documents"),
        (gzip.compress(b""), "1.json: no documents"),
    ],
)
def test_everything_passed_over_is_counted_in_a_note(run: Run, content: bytes, note: str) -> None:
    """The note has one line on standard error. The answer and the exit code are those of the other file."""
    alone = run([ndjson(result(0))])
    assert run([ndjson(result(0)), content]) == (0, alone.out, f"{note}\n")


def test_a_note_comes_before_an_error(run: Run) -> None:
    """A misspelt type may be the reason why a job is unknown."""
    content = ndjson(result(0), result(0, "bukcet", job_id="db"))
    assert run([content], "--job-id", "db") == (1, "", "passed over: 1 bukcet\n--job-id: No known job with id 'db'\n")
    several = run([ndjson(result(0), result(0, job_id="db"), {})])
    assert (several.code, several.err.splitlines()[:2]) == (
        2,
        [
            "passed over: 1 without result_type",
            "--job-id: the input has 2 jobs; name one or several of them, or all with --job-id _all:",
        ],
    )


def test_results_of_another_kind_are_named(run: Run) -> None:
    """A file that has only records has no buckets; the note names the option that shows the records."""
    content = ndjson(result(0, "record"), result(1, "record"))
    assert run([content]) == (
        0,
        '{"count": 0, "buckets": []}\n',
        "no buckets of job web in the input; it has 2 records (see --records)\n",
    )
    assert run([content], "--timestamp", "1970") == (
        1,
        "",
        (
            "no buckets of job web in the input; it has 2 records (see --records)\n"
            "--timestamp: Could not find requested buckets\n"
        ),
    )
    assert run([content], "--records").err == ""
    assert run([ndjson(result(0))], "--influencers").err == (
        "no influencers of job web in the input; it has 1 bucket (leave out --influencers)\n"
    )


def test_timestamps_in_seconds_are_noticed(run: Run) -> None:
    """The answer is given all the same."""
    outcome = run([ndjson(*(result(0, timestamp=1_767_225_600 + 3600 * hour) for hour in range(3)))])
    assert (outcome.code, json.loads(outcome.out)["count"], outcome.err) == (
        0,
        3,
        (
            "the timestamps look like epoch seconds: read as epoch milliseconds,"
            " they lie between 1970-01-12 and 1970-04-26\n"
        ),
    )


def test_instants_of_options_in_seconds_are_noticed(run: Run) -> None:
    """The note comes before the answer, or before the error that no bucket was found."""
    content = ndjson(result(0))
    note = "1767225600 looks like epoch seconds: read as epoch milliseconds, it is 1970-01-21T10:53:45.600Z\n"
    assert run([content], "--start", "1767225600").err == f"--start: {note}"
    assert run([content], "--timestamp", "1767225600") == (
        1,
        "",
        f"--timestamp: {note}--timestamp: Could not find requested buckets\n",
    )
    assert run([content], "--start", "1767225600000").err == ""


# ---- bad input

#: A record whose extra field has an infinite number deep inside.
LONG_NAMES = ndjson(result(0, "record", **{"n" * 500: {"m" * 500: {"k" * 500: ["inf"]}}})).replace(b'"inf"', b"1e400")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (
            ndjson(result(0), result(1), {"x": 1} | result(2, bucket_span=0)),
            "3: bucket_span: must be at least 1, not 0",
        ),
        (json.dumps([result(0), result(0, bucket_span=0)]).encode(), "1: [1].bucket_span: must be at least 1, not 0"),
        (pretty([result(0), result(0, bucket_span=0)]), "12: [1].bucket_span: must be at least 1, not 0"),
        (pretty(result(0)) + pretty(result(0, bucket_span=0)), "11: bucket_span: must be at least 1, not 0"),
        (pretty({"_source": result(0, bucket_span=0)}), "6: _source.bucket_span: must be at least 1, not 0"),
        (
            json.dumps(answer(result(0), result(0, bucket_span=0))).encode(),
            "1: buckets[1].bucket_span: must be at least 1, not 0",
        ),
        (pretty(answer(result(0), result(0, bucket_span=0))), "12: buckets[1].bucket_span: must be at least 1, not 0"),
        (pretty(answer(result(0), {"job_id": "web"})), "9: buckets[1].timestamp: is required"),
        (
            pretty({"count": 1, "buckets": [result(0, "record")]}),
            "5: buckets[0].result_type: must be [bucket], not [record]",
        ),
        (
            pretty({"hits": {"hits": hits(result(0, bucket_span=0))}}),
            "11: hits.hits[0]._source.bucket_span: must be at least 1, not 0",
        ),
        (
            pretty(answer(result(0, records=[{}, {"record_score": "9"}]))),
            "11: buckets[0].records[1].record_score: must be a number, not str",
        ),
        (ndjson({"index": {}}, result(0, bucket_span=0)), "2: bucket_span: must be at least 1, not 0"),
        (
            ndjson({"update": {"_id": "1"}}, {"doc": {}}),
            "1: an [update] action has only a part of a document, so it cannot be stored",
        ),
        (ndjson(result(0), {"index": {}}), "2: expected a document after this [index] action"),
        (b'{"job_id": "a",\n"job_id": "b"}', "2: invalid JSON: Duplicate field 'job_id', at column 1"),
        (b'{"\x1b": 1,\n"\\u001b": 2}', "1: invalid JSON: Invalid control character at, at column 3"),
        (b'{"\\u001b": 1,\n"\\u001b": 2}', "2: invalid JSON: Duplicate field '\\x1b', at column 1"),
        (LONG_NAMES, f"1: {'n' * 100}.{'m' * 99}...: must be a finite number, not inf"),
        (ndjson(result(0)) + b'{"a": 1e999, "result_type": "bucket"}', "2: job_id: is required"),
        (b"\xff\xfe{\x00", "1: invalid JSON: the input ends inside the document"),
        (b"\xff\xfe\x00\xd8{\x00", " neither UTF-8 nor UTF-16: illegal UTF-16 surrogate"),
        (b"\xff\xfe{", " neither UTF-8 nor UTF-16: truncated data"),
        (b"\xff{}", " neither UTF-8 nor UTF-16: "),
        (
            b'\xff\xfe\x00\x00{\x00\x00\x00"\x00\x00\x00',
            "1: invalid JSON: NUL, as in UTF-16 without a byte order mark, at column 1",
        ),
        (b"PK\x03\x04\xff", "1: compressed with zip; unpack the file, or compress it with gzip"),
        (gzip.compress(gzip.compress(b"{}")), "1: invalid JSON: not UTF-8, at byte 2"),
        (
            gzip.compress(pretty([result(0)]))[:-9],
            " damaged gzip: Compressed file ended before the end-of-stream marker was reached",
        ),
    ],
)
def test_an_error_names_file_line_and_field(run: Run, content: bytes, error: str) -> None:
    """It has one line, however the file is written, and no answer is given."""
    outcome = run([content])
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert outcome.err.startswith(f"0.json:{error}")
    assert outcome.err.isprintable() or outcome.err.rstrip("\n").isprintable()


def test_a_bad_document_is_found_in_any_file_and_kind(run: Run) -> None:
    """The documents of answers of different kinds are loaded one after another, and each error names its own file."""
    contents = [ndjson(result(0)), json.dumps(answer(result(1))).encode(), ndjson(result(2)), pretty(answer({}))]
    assert run(contents).err == "3.json:4: buckets[0].job_id: is required\n"


HOSTILE: dict[str, bytes] = {
    "deep": ndjson(result(0)).replace(b'"web"', b"[" * 50_000 + b"]" * 50_000),
    "deeper than an index stores": ndjson(result(0, "record") | {"x": json.loads("[" * 200 + "]" * 200)}),
    "a huge timestamp": ndjson(result(0) | {"timestamp": 10**400}),
    "a huge score": ndjson(result(0) | {"anomaly_score": 10**4_000}),
    "an infinite score": ndjson(result(0)).replace(b"3600}", b'3600, "anomaly_score": 1e999}'),
    "a text for everything": ndjson(
        {"result_type": "\ud800", "job_id": "\0", "timestamp": "\udfff", "bucket_span": "\n"}
    ),
    "lone surrogates": ndjson(result(0, job_id="\ud800")),
    "a NUL in a job": ndjson(result(0, job_id="a\0b")),
    "only brackets": b"]" * 1_000,
    "only quotes": b'"' * 1_001,
    "only commas": b"," * 1_000,
    "a very long line": b'{"a": "' + b"x" * 1_000_000,
    "a list in place of a type": ndjson(result(0) | {"result_type": ["bucket"]}),
    "a list in place of a source": ndjson({"_source": []}),
    "hits without sources": ndjson({"hits": {"hits": [5, None, {"_id": "1"}]}}),
    "an answer of numbers": ndjson({"count": 1, "buckets": [1]}),
    "an action without metadata": ndjson({"index": None}, {"index": {}}),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_input_gives_an_error_line(run: Run, content: bytes) -> None:
    """There is no traceback: the exit code is documented, and standard error has a line that can be shown."""
    outcome = run([content, ndjson(result(0))], "--job-id", "web")
    assert outcome.code == (2 if "json:" in outcome.err else 0)
    assert all(len(line) < 500 and line.isprintable() for line in outcome.err.splitlines())


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_file_cut_off_at_any_byte_gives_an_answer_or_an_error(run: Run, pack: Callable[[bytes], bytes]) -> None:
    """A shorter file gives the buckets of its whole lines or an error, never anything else."""
    content = pack(ndjson({"index": {}}, result(0)) + pretty([result(1)]) + pretty(answer(result(2))))
    for length in range(len(content)):
        outcome = run([content[:length]])
        assert outcome.code in {0, 1, 2}
        if outcome.code == 0:
            hours = [found["timestamp"] // HOUR for found in json.loads(outcome.out)["buckets"]]
            assert hours == list(range(len(hours)))
        else:
            assert outcome.err.startswith(("0.json:", "no results"))
            assert "Traceback" not in outcome.err


def test_a_process_reads_a_pipe_line_by_line() -> None:
    """A wrong line ends the process although the pipe stays open."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "bucketquery"]
    with subprocess.Popen(  # noqa: S603 - this very interpreter
        line, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(pretty(result(0)) + ndjson(result(1)) + b"x\n")
        process.stdin.flush()
        assert process.stderr.read() == b"<stdin>:8: invalid JSON: Expecting value, at column 1\n"
        assert process.wait(PATIENCE_S) == 2
