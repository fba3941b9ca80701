"""The options of the command, and the parameters of the query that they stand for."""

import argparse
import re
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, NoReturn

from bucketquery.queries.where import DETECTOR_INDEX

_SHARED: Final = ("start", "end", "exclude_interim", "sort", "desc", "from_", "size")
#: The parameters of a query for each kind.
PARAMETERS: Final = {
    "buckets": ("timestamp", "anomaly_score", "expand", "where", *_SHARED),
    "records": ("record_score", "where", *_SHARED),
    "influencers": ("influencer_score", "where", *_SHARED),
    "overall": ("start", "end", "exclude_interim", "top_n", "bucket_span", "overall_score"),
    "swimlane": ("cell", "start", "end", "exclude_interim", "by", "lanes", "from_", "tzinfo"),
}
_NOUNS: Final = {"overall": "overall buckets", "swimlane": "a swimlane"}
#: The options whose names are not those of their parameters.
_OPTIONS: Final = {"jobs": "--job-id", "pattern": "--job-id", "cell": "--swimlane", "tzinfo": "--time-zone"}

_EPILOG: Final = """\
INSTANT: a date (2026, 2026-01-31, 2026-01-31T09:30Z), epoch milliseconds, or date math (now-7d/d, 2026-01-31||-1M).
Four digits are a year; any other number of digits is epoch milliseconds. A time without an offset is UTC.

formats of the input, which may differ from file to file:
  a JSON document on each line, or over several lines; an array of documents; an answer of the API or of _search;
  the lines of a _bulk request or of elasticdump

examples:
  python -m bucketquery results.ndjson.gz --anomaly-score 75 --sort anomaly_score --desc --size 10
  python -m bucketquery results.ndjson --job-id web --start 2026-01-01 --end 2026-02-01 --expand --format json
  python -m bucketquery results.ndjson --job-id web --records --record-score 75
  python -m bucketquery results.ndjson --records --where host.name=web-1 --where function=mean
  curl "$SERVER/_ml/anomaly_detectors/web/results/buckets" | python -m bucketquery
  zcat archive/*.gz | python -m bucketquery --job-id web --timestamp 2026-01-31T09:30:00Z
  python -m bucketquery results.ndjson --job-id "web-*,-web-test" --anomaly-score 75
  python -m bucketquery results.ndjson --overall --top-n 3 --overall-score 50
  python -m bucketquery results.ndjson --swimlane day --time-zone Europe/Berlin --lanes 20

exit codes: 0 success; 1 unknown job, no bucket found, or no results in the input; 2 invalid parameters or input
"""


class UsageError(Exception):
    """An option is wrong; the text begins with the option."""


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message.removeprefix('argument ')} (see --help)")


def parser_of(prog: str) -> argparse.ArgumentParser:
    """The parser of the command.

    Args:
        prog: the name of the command, as the help shows it.

    >>> parser_of("bucketquery").parse_args(["a.ndjson", "--size", "5"]).size
    5
    """
    parser = _Parser(
        prog=prog,
        usage="%(prog)s [OPTION ...] [FILE ...]",
        description="Answers a query for buckets, records or influencers from anomaly detection results, or summarises "
        "many jobs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    add = parser.add_argument_group("input").add_argument
    files = "result documents in any of the formats below, gzipped or not; - is standard input (default: -)"
    add("files", nargs="*", metavar="FILE", help=files)
    group = parser.add_argument_group("kind of result").add_mutually_exclusive_group()
    records = "search records, the anomalies that detectors found, instead of buckets"
    group.add_argument("--records", dest="kind", action="store_const", const="records", help=records)
    influencers = "search influencers, the entities blamed for anomalies, instead of buckets"
    group.add_argument("--influencers", dest="kind", action="store_const", const="influencers", help=influencers)
    overall = "summarise the buckets of several jobs in each interval of time"
    group.add_argument("--overall", dest="kind", action="store_const", const="overall", help=overall)
    swimlane = "the greatest score of each job in each cell of time; CELL: seconds, or day, week or month"
    group.add_argument("--swimlane", dest="cell", metavar="CELL", type=_integer, help=swimlane)
    add = parser.add_argument_group("filter").add_argument
    jobs = "a job, or several: ids and patterns with commas between them, as in web-*,db,-web-test, or _all "
    jobs += "(default: the only job in the input; _all for --overall and --swimlane)"
    add("--job-id", metavar="JOBS", help=jobs)
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
    where = "only results of an entity: a field of the data such as host.name, or of records such as function, and its "
    where += "value; buckets by their records. Repeated: any value of one field, and all fields"
    add("--where", metavar="FIELD=VALUE", action="append", type=_field_and_value, help=where)
    expand = "add the records to each bucket that has bucket influencers"
    add("--expand", action="store_true", default=None, help=expand)
    add("--overall-score", metavar="SCORE", help=score.format("overall buckets"))
    add = parser.add_argument_group("order and page").add_argument
    fields = "timestamp, anomaly_score, event_count, ...; for records also probability, function, ... "
    fields += "(default: timestamp for buckets, the score for records and influencers)"
    add("--sort", metavar="FIELD", help=fields)
    desc = "highest or latest first (default for records and influencers); --no-desc: lowest or earliest first"
    desc += " (default for buckets)"
    add("--desc", action=argparse.BooleanOptionalAction, default=None, help=desc)
    add("--from", dest="from_", type=_integer, metavar="N", help="number of matches, or lanes, to skip (default: 0)")
    add("--size", type=_integer, metavar="N", help="maximum number of results to show, up to 10000 (default: 100)")
    _add_summaries(parser)
    add = parser.add_argument_group("output").add_argument
    formats = "json: the API's response body; table: for people (default: table on a terminal, else json)"
    add("--format", choices=("json", "table"), help=formats)
    add("--version", action="store_true", help="show the version and exit")
    add("-h", "--help", action="store_true", help="show this help and exit")
    return parser


def _add_summaries(parser: argparse.ArgumentParser) -> None:
    """Add the options of overall buckets and swimlanes."""
    add = parser.add_argument_group("overall buckets").add_argument
    add("--top-n", type=_integer, metavar="N", help="number of jobs whose greatest scores are averaged (default: 1)")
    span = "length of an interval, such as 1h or 1d (default: the longest span of the jobs)"
    add("--bucket-span", metavar="DURATION", help=span)
    add = parser.add_argument_group("swimlane").add_argument
    by = "a lane for each value of the influencers with this field name, instead of each job"
    add("--by", metavar="FIELD", help=by)
    add("--lanes", type=_integer, metavar="N", help="maximum number of lanes, the worst ones (default: 10)")
    zone = "the zone of days, weeks and months, such as Europe/Berlin (default: UTC)"
    add("--time-zone", dest="tzinfo", metavar="ZONE", help=zone)


def _integer(text: str) -> int | str:
    # Text that is not an integer, or has more digits than Python reads, stays text. The index refuses it in the API's
    # words.
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,4000}", text) else text


def _field_and_value(text: str) -> tuple[str, str | int]:
    """A field of an entity filter and a value of it."""
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise argparse.ArgumentTypeError(f"must be FIELD=VALUE, not {text!r}")
    return name, _integer(value) if name == DETECTOR_INDEX else value


def _by_field(pairs: Sequence[tuple[str, str | int]]) -> dict[str, list[str | int]]:
    """The values of each field."""
    fields: dict[str, list[str | int]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def option_of(parameter: str) -> str:
    """The option of a parameter, as a user types it.

    >>> option_of("from_"), option_of("cell")
    ('--from', '--swimlane')
    """
    return _OPTIONS.get(parameter) or f"--{parameter.rstrip('_').replace('_', '-')}"


def parameters_of(options: argparse.Namespace, kind: str) -> dict[str, Any]:
    """The parameters of the query, from the parsed options.

    Raises:
        UsageError: an option does not apply to the kind.

    >>> options = parser_of("bucketquery").parse_args(["--size", "5"])
    >>> parameters_of(options, "records")["size"]
    5
    """
    for name in dict.fromkeys(chain.from_iterable(PARAMETERS.values())):
        if name not in PARAMETERS[kind] and getattr(options, name) is not None:
            raise UsageError(f"{option_of(name)}: does not apply to {_NOUNS.get(kind, kind)}")
    given = {name: getattr(options, name) for name in PARAMETERS[kind]}
    if given.get("where") is not None:
        given["where"] = _by_field(given["where"])
    return given
