"""The command: result documents in, the answer to one query for buckets, records or influencers out.

The only room with I/O. It reads files, writes to terminals and speaks to people, but knows no rule of the API: the
index checks parameters and documents, and its words are shown beside the option, or the file and line, that they are
about.
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
_MOST_LISTED: Final = 50
_OF_ALL: Final = ("start", "end", "exclude_interim", "sort", "desc", "from_", "size")
#: The options that a question for each kind takes.
_PARAMETERS: Final = {
    "buckets": ("timestamp", "anomaly_score", "expand", *_OF_ALL),
    "records": ("record_score", *_OF_ALL),
    "influencers": ("influencer_score", *_OF_ALL),
}

_EPILOG: Final = """\
INSTANT: a date (2026, 2026-01-31, 2026-01-31T09:30Z), epoch milliseconds, or date math (now-7d/d, 2026-01-31||-1M).
Four digits are a year, thirteen the milliseconds of these days; a time without an offset is UTC.

examples:
  python -m bucketquery results.ndjson.gz --anomaly-score 75 --sort anomaly_score --desc --size 10
  python -m bucketquery results.ndjson --job-id web --start 2026-01-01 --end 2026-02-01 --expand --format json
  python -m bucketquery results.ndjson --job-id web --records --record-score 75
  zcat archive/*.gz | python -m bucketquery --job-id web --timestamp 2026-01-31T09:30:00Z

exit codes: 0 answered, 1 no such job or bucket, or no results at all, 2 a mistake in the parameters or the input
"""


class _End(Exception):
    """The command ends here, with this exit code and these lines on standard error."""

    def __init__(self, code: int, *lines: str) -> None:
        super().__init__(code, *lines)
        self.code = code
        self.lines = lines


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise _End(2, f"{message.removeprefix('argument ')} (see --help)")


class _Located(NamedTuple):
    """A document and where it was read."""

    source: str
    line: int
    document: Any


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of the command, after it has run with these arguments; by default those of the process.

    0 answered; 1 no such job or bucket; 2 a mistake in the parameters or the input; 130 interrupted; 141 nobody reads.
    """
    try:
        _write(_answer(argv))
    except _End as end:
        for line in end.lines:
            _say(f"{visible(line)}\n")
        return end.code
    except KeyboardInterrupt:
        return 130
    return 0


def _answer(argv: Sequence[str] | None) -> str:
    """What goes to standard output."""
    parser = _parser()
    options = parser.parse_intermixed_args(argv)
    if options.help:
        return parser.format_help()
    if options.version:
        return f"bucketquery {_version()}\n"
    kind = options.kind or "buckets"
    parameters = _parameters(options, kind)
    _check(kind, parameters)
    index = ResultsIndex()
    skipped = _load(index, options.files or ["-"])
    job_id = options.job_id if options.job_id is not None else _only_job(index, skipped)
    with _in_the_words_of_the_user():
        page = _ask(index, kind, job_id, parameters)
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
    files = "result documents, one a line in JSON, gzipped or not; - or none: standard input"
    add("files", nargs="*", metavar="FILE", help=files)
    group = parser.add_argument_group("what").add_mutually_exclusive_group()
    records = "the anomalies that detectors found, in place of buckets"
    group.add_argument("--records", dest="kind", action="store_const", const="records", help=records)
    influencers = "the entities blamed for them, in place of buckets"
    group.add_argument("--influencers", dest="kind", action="store_const", const="influencers", help=influencers)
    add = parser.add_argument_group("which").add_argument
    add("--job-id", metavar="ID", help="those of this job; not needed where the input has one job only")
    add("--start", metavar="INSTANT", help="from this instant on (default: no bound)")
    add("--end", metavar="INSTANT", help="before this instant (default: no bound)")
    score = "{} with this score, 0 to 100, or a higher one (default: 0, all)"
    add("--anomaly-score", metavar="SCORE", help=score.format("buckets"))
    add("--record-score", metavar="SCORE", help=score.format("records"))
    add("--influencer-score", metavar="SCORE", help=score.format("influencers"))
    add("--exclude-interim", action="store_true", default=None, help="without interim ones")
    lookup = (
        "the bucket that starts at this instant, whatever its score; of a date or an hour the first one, and all are "
    )
    lookup += "counted; not with start, end, anomaly-score, from and size"
    add("--timestamp", metavar="INSTANT", help=lookup)
    expand = "buckets with their records, those that have influencers"
    add("--expand", action="store_true", default=None, help=expand)
    add = parser.add_argument_group("order and page").add_argument
    fields = (
        "timestamp, anomaly_score, event_count, ..., of records probability, function, ... (default: timestamp; of "
    )
    fields += "records and influencers their score)"
    add("--sort", metavar="FIELD", help=fields)
    desc = "highest or latest first (default for records and influencers); --no-desc: lowest or earliest (for buckets)"
    add("--desc", action=argparse.BooleanOptionalAction, default=None, help=desc)
    add("--from", dest="from_", type=_integer, metavar="N", help="how many to skip (default: 0)")
    add("--size", type=_integer, metavar="N", help="how many to show at most, up to 10000 (default: 100)")
    add = parser.add_argument_group("output").add_argument
    formats = "the API's response body, or a table for people (default: table on a terminal, else json)"
    add("--format", choices=("json", "table"), help=formats)
    add("--version", action="store_true", help="show the version only")
    add("-h", "--help", action="store_true", help="show this help only")
    return parser


def _integer(text: str) -> int | str:
    # What is no integer, or one of more digits than Python reads, stays as it is: to refuse it is the API's business.
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,4000}", text) else text


def _version() -> str:
    try:
        return metadata.version("bucketquery")
    except metadata.PackageNotFoundError:
        return "(not installed)"


@contextmanager
def _in_the_words_of_the_user() -> Iterator[None]:
    """Turns what the index refuses into a line that names the option as it is typed."""
    try:
        yield
    except BucketQueryError as error:
        code = 1 if isinstance(error, LookupError) else 2
        raise _End(code, f"{_option(error.field or '')}: {error.reason}") from None


def _option(parameter: str) -> str:
    """An option as it is typed."""
    return f"--{parameter.rstrip('_').replace('_', '-')}"


def _parameters(options: argparse.Namespace, kind: str) -> dict[str, Any]:
    """The options that the question takes; one that is for another kind of results ends the command."""
    for name in dict.fromkeys(chain.from_iterable(_PARAMETERS.values())):
        if name not in _PARAMETERS[kind] and getattr(options, name) is not None:
            raise _End(2, f"{_option(name)}: is not for {kind}")
    return {name: getattr(options, name) for name in _PARAMETERS[kind]}


def _ask(index: ResultsIndex, kind: str, job_id: str, parameters: Mapping[str, Any]) -> AnyPage:
    ask: dict[str, Callable[..., AnyPage]] = {
        "buckets": index.get_buckets,
        "records": index.get_records,
        "influencers": index.get_influencers,
    }
    return ask[kind](job_id=job_id, **parameters)


def _check(kind: str, parameters: Mapping[str, Any]) -> None:
    """Has the parameters checked before any input is read, by asking an index without results."""
    index = ResultsIndex()
    index.put_job("any")
    with _in_the_words_of_the_user(), suppress(NotFound):
        _ask(index, kind, "any", parameters)


def _only_job(index: ResultsIndex, skipped: Counter[str]) -> str:
    """The one job that the input has results of."""
    jobs = index.jobs()
    if len(jobs) == 1:
        return jobs[0]
    if not jobs:
        counts = ", ".join(f"{n:,} {kind or 'without result_type'}" for kind, n in skipped.most_common(_MOST_LISTED))
        raise _End(1, f"no results in the input; skipped: {counts or 'nothing'}")
    rest = [f"and {len(jobs) - _MOST_LISTED:,} more"] if len(jobs) > _MOST_LISTED else []
    raise _End(2, f"--job-id: the input has {len(jobs):,} jobs, name one of them:", *jobs[:_MOST_LISTED], *rest)


def _load(index: ResultsIndex, paths: Iterable[str]) -> Counter[str]:
    """Fills the index from all inputs; returns how many documents were skipped, by result type."""
    skipped: Counter[str] = Counter()
    located = chain.from_iterable(map(_documents, paths))
    read = 0
    try:
        while chunk := list(islice(located, _CHUNK)):
            try:
                commit = index.upsert([each.document for each in chunk])
            except InvalidDocument as error:
                raise _End(2, _place(error, chunk)) from None
            skipped.update(commit.skipped)
            read += len(chunk)
            if read >= _CHUNK:
                _progress(f"{read:,} documents read")
    finally:
        if read >= _CHUNK:
            _progress("")
    return skipped


def _place(error: InvalidDocument, chunk: Sequence[_Located]) -> str:
    """Which field of which line was refused, and why."""
    found = re.fullmatch(r"documents\[(\d+)\]\.?(.*)", error.field or "")
    assert found  # a list was given, so it is one of its documents
    source, line, _ = chunk[int(found[1])]
    reason = error.reason.removeprefix(f"failed to parse [{error.field}]: ")
    return ": ".join(filter(None, [f"{source}:{line}", found[2], reason]))


def _documents(path: str) -> Iterator[_Located]:
    """Every document of one input, in order; blank lines are none."""
    source = "<stdin>" if path == "-" else path
    if path == "-" and sys.stdin is None:
        raise _End(2, f"{source}: closed")
    try:
        with nullcontext(cast("io.BufferedReader", sys.stdin.buffer)) if path == "-" else Path(path).open("rb") as raw:
            # The first byte of gzip is enough: no JSON begins with it, and of a pipe more need not be there yet.
            is_gzip = raw.peek(1)[:1] == b"\x1f"
            lines = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if is_gzip else raw
            for number, line in enumerate(lines, 1):
                text = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                if text.strip():
                    yield _Located(source, number, _parsed(text, f"{source}:{number}"))
    except (OSError, EOFError, zlib.error) as error:
        raise _End(2, f"{source}: {getattr(error, 'strerror', None) or f'damaged gzip: {error}'}") from None


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
        # A refused constant, or an integer with more digits than Python reads.
        reason = str(error).partition(";")[0]
    raise _End(2, f"{place}: invalid JSON: {reason}")


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _write(text: str) -> None:
    """Writes to standard output; what it cannot encode is escaped."""
    if sys.stdout is None:
        raise _End(2, "<stdout>: closed")
    encoding = sys.stdout.encoding or "utf-8"
    shown = text.encode(encoding, "backslashreplace").decode(encoding)
    try:
        # Unbuffered, Python forgets the rest where a pipe takes only a part; so little it takes whole or not at all.
        for at in range(0, len(shown), 1024):
            sys.stdout.write(shown[at : at + 1024])
        sys.stdout.flush()
    except OSError as error:
        # Closed, it forgets what it could not write; else Python would try again at its end, and complain.
        with suppress(OSError):
            sys.stdout.close()
        if isinstance(error, BrokenPipeError):
            raise _End(141) from None
        raise _End(2, f"<stdout>: {error.strerror}") from None


def _say(text: str) -> None:
    """Writes to standard error, where there is one that listens."""
    with suppress(AttributeError, OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _progress(text: str) -> None:
    """Rewrites the last line of the terminal behind standard error."""
    if _is_terminal(sys.stderr):
        _say(f"\r\x1b[K{visible(text)}")


if __name__ == "__main__":
    sys.exit(main())
