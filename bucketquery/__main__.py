"""The command: it reads result documents, answers one query or summarises many jobs, and prints the answer.

This is the only module with I/O. `command` has its options, the formats of its files and its notes. No rule of the API
is written here: the index checks parameters and documents. The command prints an error of the index with the option, or
with the file and line.
"""

import gzip
import io
import json
import os
import re
import shutil
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, tzinfo
from importlib import metadata
from itertools import chain, groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TextIO, cast
from zoneinfo import ZoneInfo

from bucketquery import BucketQueryError, InvalidDocument, NotFound, ResultsIndex
from bucketquery.answers.overall import OverallBuckets
from bucketquery.answers.swimlane import Swimlane
from bucketquery.answers.text_swimlane import PLAIN_SHADES, SHADES, swimlane_text
from bucketquery.answers.text_table import overall_table, table
from bucketquery.command.formats import Located, read_documents
from bucketquery.command.notes import PassedOver, notes_about, notes_about_instants
from bucketquery.command.options import UsageError, option_of, parameters_of, parser_of
from bucketquery.command.searches import SUMMARIES, Answer, answer_of, names_one_job
from bucketquery.command.values import Place, Unreadable
from bucketquery.model.text import brief, visible
from bucketquery.queries.job_tokens import ALL_JOBS, read_jobs

_CHUNK: Final = 10_000
_MAX_LISTED: Final = 50
_LONGEST_PATH: Final = 200


class _Exit(Exception):
    """Ends the command with an exit code and lines for standard error."""

    def __init__(self, code: int, *lines: str) -> None:
        super().__init__(code, *lines)
        self.code = code
        self.lines = lines


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    0 success; 1 unknown job, no bucket found, or no results in the input; 2 invalid parameters or input, or an I/O
    error; 130 interrupted; 141 the reader of standard output has closed it.

    Args:
        argv: the arguments (default: those of the process).
    """
    try:
        _write(_output(argv))
    except UsageError as error:
        _note(str(error))
        return 2
    except _Exit as end:
        _note(*end.lines)
        return end.code
    except KeyboardInterrupt:
        return 130
    return 0


def _output(argv: Sequence[str] | None) -> str:
    """The text for standard output."""
    parser = parser_of("bucketquery" if Path(sys.argv[0]).stem == "bucketquery" else "python -m bucketquery")
    options = parser.parse_intermixed_args(argv)
    if options.help:
        return parser.format_help()
    if options.version:
        return f"bucketquery {_version()}\n"
    kind = options.kind or ("buckets" if options.cell is None else "swimlane")
    parameters = parameters_of(options, kind)
    if parameters.get("tzinfo") is not None:
        parameters["tzinfo"] = _zone(parameters["tzinfo"])
    _check_parameters(kind, options.job_id, parameters)
    index = ResultsIndex()
    passed_over = _load(index, options.files or ["-"])
    if not index.jobs():
        raise _Exit(1, *passed_over.notes_without_results())
    _note(*passed_over.notes())
    jobs = options.job_id
    if jobs is None:
        jobs = ALL_JOBS if kind in SUMMARIES else _only_job(index)
    with _errors_name_the_option():
        # An id that no job can have is an unknown job, and no token.
        ids = (jobs,) if kind not in SUMMARIES and names_one_job(jobs) else index.jobs(jobs)
        if all(job_id in index for job_id in ids):
            _note(*_notes_about(index, ids, kind, parameters), *notes_about_instants(parameters))
        answer = answer_of(index, kind, jobs, parameters)
    if options.format == "table" or (options.format is None and _is_terminal(sys.stdout)):
        return _text_of(answer, ids)
    return json.dumps(answer.to_dict()) + "\n"


def _notes_about(index: ResultsIndex, jobs: Sequence[str], kind: str, parameters: Mapping[str, Any]) -> list[str]:
    """The notes on the jobs that are read. Summaries read buckets, or the influencers that ``--by`` names."""
    if kind not in SUMMARIES:
        return notes_about(index, jobs, kind)
    by = parameters.get("by")
    return notes_about(index, jobs, "buckets" if by is None or by == "job" else "influencers", "--by")


def _text_of(answer: Answer, jobs: Sequence[str]) -> str:
    """The answer for people."""
    in_colour = _is_terminal(sys.stdout) and not os.environ.get("NO_COLOR")
    if isinstance(answer, OverallBuckets):
        return overall_table(answer, jobs, in_colour=in_colour)
    if isinstance(answer, Swimlane):
        shades = SHADES if _can_show(SHADES) else PLAIN_SHADES
        width = shutil.get_terminal_size().columns
        return swimlane_text(answer, jobs, width, shades=shades, in_colour=in_colour)
    return table(answer, jobs, in_colour=in_colour)


def _can_show(text: str) -> bool:
    """Whether the encoding of standard output has all characters of a text."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _zone(name: str) -> tzinfo:
    """The time zone with a name. UTC needs no database of zones."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise _Exit(2, f"--time-zone: this machine has no time zone [{brief(name)}]") from None


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
        raise _Exit(code, f"{option_of(error.field or '')}: {error.reason}") from None


def _check_parameters(kind: str, jobs: str | None, parameters: Mapping[str, Any]) -> None:
    """Check the parameters before any input is read, by a search of an index without results."""
    index = ResultsIndex()
    index.put_job("any")
    with _errors_name_the_option(), suppress(NotFound):
        if jobs is not None and (kind in SUMMARIES or not names_one_job(jobs)):
            read_jobs(jobs)
        answer_of(index, kind, "any", parameters)


def _only_job(index: ResultsIndex) -> str:
    """The id of the only job in the input. If the input has several jobs, the command ends."""
    jobs = index.jobs()
    if len(jobs) == 1:
        return jobs[0]
    more = [f"and {len(jobs) - _MAX_LISTED:,} more"] if len(jobs) > _MAX_LISTED else []
    what = f"--job-id: the input has {len(jobs):,} jobs; name one or several of them, or all with --job-id _all:"
    raise _Exit(2, what, *jobs[:_MAX_LISTED], *more)


def _load(index: ResultsIndex, paths: Iterable[str]) -> PassedOver:
    """Fill the index from all inputs. Return the counts of everything in them that is not a result."""
    passed_over = PassedOver()
    located = chain.from_iterable(_documents(path, passed_over) for path in paths)
    read = 0
    try:
        # An answer gives a kind to all documents in it.
        for kind, group in groupby(located, itemgetter(1)):
            while chunk := list(islice(group, _CHUNK)):
                try:
                    commit = index.upsert([document for _, _, document, _ in chunk], kind=kind)
                except InvalidDocument as error:
                    raise _Exit(2, _place(error, chunk)) from None
                passed_over.types.update(commit.skipped)
                read += len(chunk)
                if read >= _CHUNK:
                    _progress(f"{read:,} documents read")
    finally:
        if read >= _CHUNK:
            _progress("")
    return passed_over


def _place(error: InvalidDocument, chunk: Sequence[Located]) -> str:
    """The source, line, field and reason of an invalid document."""
    found = re.fullmatch(r"documents\[(\d+)\]\.?(.*)", error.field or "", re.DOTALL)
    assert found  # the index was given a list, so the field is a position in it
    source, _, _, place = chunk[int(found[1])]
    line, path = (Place(place) if isinstance(place, int) else place).of(found[2])
    shown = path if len(path) <= _LONGEST_PATH else f"{path[:_LONGEST_PATH]}..."
    reason = error.reason.removeprefix(f"failed to parse [{error.field}]: ")
    return ": ".join(filter(None, [f"{source}:{line}", shown, reason]))


def _documents(path: str, passed_over: PassedOver) -> Iterator[Located]:
    """The documents of one input, in order."""
    source = "<stdin>" if path == "-" else path
    others: Counter[str] = Counter()
    documents = read_documents(source, _lines(path, source), others)
    try:
        first = next(documents, None)
        if first is not None:
            yield first
            yield from documents
        elif not others:
            passed_over.empty.append(source)
    except Unreadable as error:
        raise _Exit(2, f"{source}:{error.line}: {error.reason}") from None
    passed_over.others.update(others)


def _lines(path: str, source: str) -> Iterator[bytes]:
    """The lines of one input in UTF-8, decompressed if it is gzip, and converted if it is UTF-16."""
    if path == "-" and sys.stdin is None:
        raise _Exit(2, f"{source}: closed")
    try:
        with nullcontext(cast("io.BufferedReader", sys.stdin.buffer)) if path == "-" else Path(path).open("rb") as raw:
            # One byte tells gzip from JSON, since no JSON begins with it. A pipe may not have a second byte yet.
            lines = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if raw.peek(1)[:1] == b"\x1f" else raw
            # The byte order mark of UTF-16. No character begins with either byte in UTF-8.
            if lines.peek(1)[:1] in (b"\xff", b"\xfe"):
                yield from _lines_of_utf_16(lines)
            else:
                yield from lines
    except UnicodeError as error:
        raise _Exit(2, f"{source}: neither UTF-8 nor UTF-16: {getattr(error, 'reason', error)}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise _Exit(2, f"{source}: {getattr(error, 'strerror', None) or f'damaged gzip: {error}'}") from None


def _lines_of_utf_16(raw: "io.BufferedReader[Any]") -> Iterator[bytes]:
    text = io.TextIOWrapper(raw, encoding="utf-16", newline="\n")
    try:
        for line in text:
            yield line.encode()
    finally:
        # Without this, the wrapper would close standard input when it is freed.
        text.detach()


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


def _note(*lines: str) -> None:
    """Write lines to standard error, with unprintable characters escaped."""
    for line in lines:
        _write_error(f"{visible(line)}\n")


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
