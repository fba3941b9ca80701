"""The command: it reads result documents, answers a query for buckets, records or influencers, and prints the answer.

This is the only module with I/O, and no rule of the API is written here: the index checks parameters and documents. The
command prints an error of the index with the option, or with the file and line.
"""

import argparse
import codecs
import gzip
import io
import json
import os
import re
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from importlib import metadata
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn, TextIO, cast

from bucketquery import BucketQueryError, InvalidDocument, NotFound, ResultsIndex
from bucketquery.answers.run import AnyPage
from bucketquery.answers.text_table import table
from bucketquery.model.text import visible

_CHUNK: Final = 10_000
_MAX_LISTED: Final = 50
_SHARED: Final = ("start", "end", "exclude_interim", "sort", "desc", "from_", "size")
#: The parameters of a query for each kind.
_PARAMETERS: Final = {
    "buckets": ("timestamp", "anomaly_score", "expand", *_SHARED),
    "records": ("record_score", *_SHARED),
    "influencers": ("influencer_score", *_SHARED),
}

_EPILOG: Final = """\
INSTANT: a date (2026, 2026-01-31, 2026-01-31T09:30Z), epoch milliseconds, or date math (now-7d/d, 2026-01-31||-1M).
Four digits are a year; any other number of digits is epoch milliseconds. A time without an offset is UTC.

examples:
  python -m bucketquery results.ndjson.gz --anomaly-score 75 --sort anomaly_score --desc --size 10
  python -m bucketquery results.ndjson --job-id web --start 2026-01-01 --end 2026-02-01 --expand --format json
  python -m bucketquery results.ndjson --job-id web --records --record-score 75
  zcat archive/*.gz | python -m bucketquery --job-id web --timestamp 2026-01-31T09:30:00Z

exit codes: 0 success; 1 unknown job, no bucket found, or no results in the input; 2 invalid parameters or input
"""


class _Exit(Exception):
    """Ends the command with an exit code and lines for standard error."""

    def __init__(self, code: int, *lines: str) -> None:
        super().__init__(code, *lines)
        self.code = code
        self.lines = lines


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        raise _Exit(2, f"{message.removeprefix('argument ')} (see --help)")


class _Located(NamedTuple):
    """A document, its source and its line number."""

    source: str
    line: int
    document: Any


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    0 success; 1 unknown job, no bucket found, or no results in the input; 2 invalid parameters or input, or an I/O
    error; 130 interrupted; 141 the reader of standard output has closed it.

    Args:
        argv: the arguments (default: those of the process).
    """
    try:
        _write(_output(argv))
    except _Exit as end:
        for line in end.lines:
            _write_error(f"{visible(line)}\n")
        return end.code
    except KeyboardInterrupt:
        return 130
    return 0


def _output(argv: Sequence[str] | None) -> str:
    """The text for standard output."""
    parser = _parser()
    options = parser.parse_intermixed_args(argv)
    if options.help:
        return parser.format_help()
    if options.version:
        return f"bucketquery {_version()}\n"
    kind = options.kind or "buckets"
    parameters = _parameters(options, kind)
    _check_parameters(kind, parameters)
    index = ResultsIndex()
    skipped = _load(index, options.files or ["-"])
    job_id = options.job_id if options.job_id is not None else _only_job(index, skipped)
    with _errors_name_the_option():
        page = _search(index, kind, job_id, parameters)
    if options.format == "table" or (options.format is None and _is_terminal(sys.stdout)):
        return table(page, job_id, in_colour=_is_terminal(sys.stdout) and not os.environ.get("NO_COLOR"))
    return json.dumps(page.to_dict()) + "\n"


def _parser() -> _Parser:
    parser = _Parser(
        prog="bucketquery" if Path(sys.argv[0]).stem == "bucketquery" else "python -m bucketquery",
        description="Answers a query for buckets, records or influencers from anomaly detection results.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    add = parser.add_argument_group("input").add_argument
    files = "result documents, one JSON object per line, gzipped or not; - is standard input (default: -)"
    add("files", nargs="*", metavar="FILE", help=files)
    group = parser.add_argument_group("kind of result").add_mutually_exclusive_group()
    records = "search records, the anomalies that detectors found, instead of buckets"
    group.add_argument("--records", dest="kind", action="store_const", const="records", help=records)
    influencers = "search influencers, the entities blamed for anomalies, instead of buckets"
    group.add_argument("--influencers", dest="kind", action="store_const", const="influencers", help=influencers)
    add = parser.add_argument_group("filter").add_argument
    add("--job-id", metavar="ID", help="the job to search; required if the input has several jobs")
    add("--start", metavar="INSTANT", help="first instant included (default: no bound)")
    add("--end", metavar="INSTANT", help="first instant excluded (default: no bound)")
    score = "lowest score of the {} that match, 0 to 100 (default: 0, all)"
    add("--anomaly-score", metavar="SCORE", help=score.format("buckets"))
    add("--record-score", metavar="SCORE", help=score.format("records"))
    add("--influencer-score", metavar="SCORE", help=score.format("influencers"))
    add("--exclude-interim", action="store_true", default=None, help="leave out interim results")
    lookup = "the instant of one bucket, of any score; for a date or an hour, show the first bucket in it and count all"
    lookup += " (not with --start, --end, --anomaly-score, --from or --size)"
    add("--timestamp", metavar="INSTANT", help=lookup)
    expand = "add the records to each bucket that has bucket influencers"
    add("--expand", action="store_true", default=None, help=expand)
    add = parser.add_argument_group("order and page").add_argument
    fields = "timestamp, anomaly_score, event_count, ...; for records also probability, function, ... "
    fields += "(default: timestamp for buckets, the score for records and influencers)"
    add("--sort", metavar="FIELD", help=fields)
    desc = "highest or latest first (default for records and influencers); --no-desc: lowest or earliest first"
    desc += " (default for buckets)"
    add("--desc", action=argparse.BooleanOptionalAction, default=None, help=desc)
    add("--from", dest="from_", type=_integer, metavar="N", help="number of matches to skip (default: 0)")
    add("--size", type=_integer, metavar="N", help="maximum number of results to show, up to 10000 (default: 100)")
    add = parser.add_argument_group("output").add_argument
    formats = "json: the API's response body; table: for people (default: table on a terminal, else json)"
    add("--format", choices=("json", "table"), help=formats)
    add("--version", action="store_true", help="show the version and exit")
    add("-h", "--help", action="store_true", help="show this help and exit")
    return parser


def _integer(text: str) -> int | str:
    # Text that is not an integer, or has more digits than Python reads, stays text. The index refuses it in the API's
    # words.
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,4000}", text) else text


def _version() -> str:
    try:
        return metadata.version("bucketquery")
    except metadata.PackageNotFoundError:
        return "(not installed)"


@contextmanager
def _errors_name_the_option() -> Iterator[None]:
    """Turn an error of the index into a line that begins with the option."""
    try:
        yield
    except BucketQueryError as error:
        code = 1 if isinstance(error, LookupError) else 2
        raise _Exit(code, f"{_option(error.field or '')}: {error.reason}") from None


def _option(parameter: str) -> str:
    """The option of a parameter, as a user types it."""
    return f"--{parameter.rstrip('_').replace('_', '-')}"


def _parameters(options: argparse.Namespace, kind: str) -> dict[str, Any]:
    """The parameters of the query, from the options. An option that does not apply to the kind ends the command."""
    for name in dict.fromkeys(chain.from_iterable(_PARAMETERS.values())):
        if name not in _PARAMETERS[kind] and getattr(options, name) is not None:
            raise _Exit(2, f"{_option(name)}: does not apply to {kind}")
    return {name: getattr(options, name) for name in _PARAMETERS[kind]}


def _search(index: ResultsIndex, kind: str, job_id: str, parameters: Mapping[str, Any]) -> AnyPage:
    methods: dict[str, Callable[..., AnyPage]] = {
        "buckets": index.get_buckets,
        "records": index.get_records,
        "influencers": index.get_influencers,
    }
    return methods[kind](job_id=job_id, **parameters)


def _check_parameters(kind: str, parameters: Mapping[str, Any]) -> None:
    """Check the parameters before any input is read, by a search of an index without results."""
    index = ResultsIndex()
    index.put_job("any")
    with _errors_name_the_option(), suppress(NotFound):
        _search(index, kind, "any", parameters)


def _only_job(index: ResultsIndex, skipped: Counter[str]) -> str:
    """The id of the only job in the input. If the input has no job or several, the command ends."""
    jobs = index.jobs()
    if len(jobs) == 1:
        return jobs[0]
    if not jobs:
        counts = ", ".join(f"{n:,} {kind or 'without result_type'}" for kind, n in skipped.most_common(_MAX_LISTED))
        raise _Exit(1, f"no results in the input; skipped: {counts or 'nothing'}")
    more = [f"and {len(jobs) - _MAX_LISTED:,} more"] if len(jobs) > _MAX_LISTED else []
    raise _Exit(2, f"--job-id: the input has {len(jobs):,} jobs; name one of them:", *jobs[:_MAX_LISTED], *more)


def _load(index: ResultsIndex, paths: Iterable[str]) -> Counter[str]:
    """Fill the index from all inputs. Return the number of skipped documents by result type."""
    skipped: Counter[str] = Counter()
    located = chain.from_iterable(map(_documents, paths))
    read = 0
    try:
        while chunk := list(islice(located, _CHUNK)):
            try:
                commit = index.upsert([each.document for each in chunk])
            except InvalidDocument as error:
                raise _Exit(2, _place(error, chunk)) from None
            skipped.update(commit.skipped)
            read += len(chunk)
            if read >= _CHUNK:
                _progress(f"{read:,} documents read")
    finally:
        if read >= _CHUNK:
            _progress("")
    return skipped


def _place(error: InvalidDocument, chunk: Sequence[_Located]) -> str:
    """The source, line, field and reason of an invalid document."""
    found = re.fullmatch(r"documents\[(\d+)\]\.?(.*)", error.field or "")
    assert found  # the index was given a list, so the field is a position in it
    source, line, _ = chunk[int(found[1])]
    reason = error.reason.removeprefix(f"failed to parse [{error.field}]: ")
    return ": ".join(filter(None, [f"{source}:{line}", found[2], reason]))


def _documents(path: str) -> Iterator[_Located]:
    """The documents of one input, in order; blank lines are skipped but counted."""
    source = "<stdin>" if path == "-" else path
    if path == "-" and sys.stdin is None:
        raise _Exit(2, f"{source}: closed")
    try:
        with nullcontext(cast("io.BufferedReader", sys.stdin.buffer)) if path == "-" else Path(path).open("rb") as raw:
            # One byte tells gzip from JSON, since no JSON begins with it. A pipe may not have a second byte yet.
            is_gzip = raw.peek(1)[:1] == b"\x1f"
            lines = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if is_gzip else raw
            for number, line in enumerate(lines, 1):
                text = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                if text.strip():
                    yield _Located(source, number, _parsed(text, f"{source}:{number}"))
    except (OSError, EOFError, zlib.error) as error:
        raise _Exit(2, f"{source}: {getattr(error, 'strerror', None) or f'damaged gzip: {error}'}") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse)


def _parsed(line: bytes, place: str) -> Any:
    try:
        return _DECODER.decode(line.decode().rstrip())
    except json.JSONDecodeError as error:
        reason = f"{error.msg}, at column {error.colno}"
    except UnicodeDecodeError as error:
        reason = f"not UTF-8, at byte {error.start + 1}"
    except RecursionError:
        reason = "nested too deeply"
    except ValueError as error:
        # A constant such as NaN, or an integer with more digits than Python reads.
        reason = str(error).partition(";")[0]
    raise _Exit(2, f"{place}: invalid JSON: {reason}")


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _write(text: str) -> None:
    """Write to standard output; escape characters that its encoding does not have."""
    if sys.stdout is None:
        raise _Exit(2, "<stdout>: closed")
    encoding = sys.stdout.encoding or "utf-8"
    shown = text.encode(encoding, "backslashreplace").decode(encoding)
    try:
        # If standard output is unbuffered and a pipe takes a part of a write, Python drops the other part. A pipe takes
        # a kilobyte as a whole or not at all.
        for at in range(0, len(shown), 1024):
            sys.stdout.write(shown[at : at + 1024])
        sys.stdout.flush()
    except OSError as error:
        # Closing drops the unwritten text, so Python does not write it again at exit and print a second error.
        with suppress(OSError):
            sys.stdout.close()
        if isinstance(error, BrokenPipeError):
            raise _Exit(141) from None
        raise _Exit(2, f"<stdout>: {error.strerror}") from None


def _write_error(text: str) -> None:
    """Write to standard error; do nothing if it is closed."""
    with suppress(AttributeError, OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _progress(text: str) -> None:
    """Replace the last line of the terminal on standard error."""
    if _is_terminal(sys.stderr):
        _write_error(f"\r\x1b[K{visible(text)}")


if __name__ == "__main__":
    sys.exit(main())
