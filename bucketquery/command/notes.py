"""Notes for standard error: counts of what the command passed over, and mistakes that the input may have."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bucketquery.command.options import option_of
from bucketquery.index import ResultsIndex
from bucketquery.model.instants import datetime_of
from bucketquery.model.schema import BUCKET, SCHEMAS
from bucketquery.queries.job_tokens import MOST_JOBS
from bucketquery.queries.queries import BucketQuery, InfluencerQuery, RecordQuery

_MAX_LISTED: Final = 10
_LONGEST: Final = 50
#: The result types of the server that the index does not store. Notes leave them out, because most files have them.
#: Source: RESULT_TYPE_VALUE or TYPE of the server's classes BucketInfluencer, CategorizerStats, CategoryDefinition,
#: DatafeedTimingStats, Forecast, ForecastRequestStats, ModelPlot, ModelSizeStats, OverallBucket and TimingStats, and of
#: the former classes ForecastStats, ModelDebugOutput and PerPartitionMaxProbabilities. Model snapshots, quantiles and
#: data counts have no result type.
_KNOWN: Final = frozenset(
    {
        "bucket_influencer",
        "categorizer_stats",
        "category_definition",
        "datafeed_timing_stats",
        "model_debug_output",
        "model_forecast",
        "model_forecast_request_stats",
        "model_forecast_stats",
        "model_plot",
        "model_size_stats",
        "overall_bucket",
        "partition_normalized_probs",
        "timing_stats",
    }
)
_QUERIES: Final = (BucketQuery, RecordQuery, InfluencerQuery)
#: Epoch seconds of 2001-09-09 to 2286-11-20 that are read as milliseconds lie between these instants of 1970.
_SECONDS: Final = (10**9, 10**10)
#: The digits of these seconds.
_TEN_DIGITS: Final = re.compile(r"[1-9][0-9]{9}")


class PassedOver:
    """Counts of everything in the input that is not a result.

    Attributes:
        types: documents by their result type; "" for those without one.
        others: objects that are not documents, by a word for each sort; a word may have details in brackets after it.
        empty: the names of the files without any document.

    >>> passed_over = PassedOver()
    >>> passed_over.types.update(["bukcet", "model_plot", ""])
    >>> passed_over.notes()
    ['passed over: 1 bukcet, 1 without result_type']
    """

    __slots__ = ("empty", "others", "types")

    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self.empty: list[str] = []

    def notes(self) -> list[str]:
        """A line for each empty file, and one with the counts of everything except the types of `_KNOWN`."""
        counts = self._counts(name for name in self.types if name not in _KNOWN)
        return [*self._empty_files(), *([f"passed over: {counts}"] if counts else [])]

    def notes_without_results(self) -> list[str]:
        """The lines for an input that has no results at all."""
        counts = self._counts(self.types)
        what = f"no results in the input; passed over: {counts}" if counts else "no results in the input"
        kinds = (
            'a document needs a result_type: "bucket", "record" or "influencer", unless it is in an answer of the API'
        )
        return [*self._empty_files(), what, *([kinds] if self.types[""] else [])]

    def _empty_files(self) -> list[str]:
        more = len(self.empty) - _MAX_LISTED
        listed = [f"{name}: no documents" for name in self.empty[:_MAX_LISTED]]
        return [*listed, f"and {more:,} more without documents"] if more > 0 else listed

    def _counts(self, types: Iterable[str]) -> str:
        counted = [(self.types[name], _shown(name) if name else "without result_type") for name in types]
        counted += [(count, name if count == 1 else _plural(name)) for name, count in self.others.items()]
        counted.sort(key=lambda entry: -entry[0])
        listed = [f"{count:,} {name}" for count, name in counted[:_MAX_LISTED]]
        rest = counted[_MAX_LISTED:]
        if rest:
            listed.append(f"{sum(count for count, _ in rest):,} of {len(rest):,} other types")
        return ", ".join(listed)


def notes_about(index: ResultsIndex, jobs: Sequence[str], kind: str, option: str | None = None) -> list[str]:
    """The notes on jobs that are searched for one kind: they have only other kinds, or timestamps in seconds.

    Args:
        index: holds the jobs.
        jobs: the ids of the jobs.
        kind: the plural of the kind, such as ``buckets``.
        option: the option that asks for this kind (default: that with its name).

    >>> index = ResultsIndex()
    >>> record = {"result_type": "record", "job_id": "web", "timestamp": 0, "bucket_span": 300}
    >>> commit = index.upsert([record])
    >>> notes_about(index, ["web"], "buckets")
    ['no buckets of job web in the input; it has 1 record (see --records)']
    """
    rows: Counter[str] = Counter()
    for job_id in jobs:
        rows.update(index.stats(job_id)["rows"])
    if not rows:
        return []
    notes, others = [], []
    for schema in SCHEMAS.values():
        advice = f"leave out {option or f'--{kind}'}" if schema is BUCKET else f"see --{schema.plural}"
        count = rows[schema.kind]
        if count:
            others.append(f"{count:,} {schema.kind if count == 1 else schema.plural} ({advice})")
        elif schema.plural == kind:
            whose = (
                f"job {jobs[0]} in the input; it has"
                if len(jobs) == 1
                else f"{len(jobs):,} jobs in the input; they have"
            )
            notes.append(f"no {kind} of {whose} ")
    notes = [note + " and ".join(others) for note in notes]
    start, end = _SECONDS
    parts = [jobs[first : first + MOST_JOBS] for first in range(0, len(jobs), MOST_JOBS)]
    queries = (kind_of_query(jobs=part, start=start, end=end, size=0) for kind_of_query in _QUERIES for part in parts)
    early = sum(index.search(query).count for query in queries)
    if early >= 0.9 * sum(rows.values()):
        read = "read as epoch milliseconds, they lie between 1970-01-12 and 1970-04-26"
        notes.append(f"the timestamps look like epoch seconds: {read}")
    return notes


def notes_about_instants(parameters: Mapping[str, Any]) -> list[str]:
    """A line for each parameter, as text, that looks like epoch seconds.

    >>> notes_about_instants({"start": "1767225600", "end": "2026-02"})
    ['--start: 1767225600 looks like epoch seconds: read as epoch milliseconds, it is 1970-01-21T10:53:45.600Z']
    """
    given = {name: parameters.get(name) for name in ("timestamp", "start", "end")}
    return [
        f"{option_of(name)}: {text} looks like epoch seconds: read as epoch milliseconds, it is {_written(int(text))}"
        for name, text in given.items()
        if text is not None and _TEN_DIGITS.fullmatch(text)
    ]


def _written(moment: int) -> str:
    return f"{datetime_of(moment).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _plural(name: str) -> str:
    word, bracket, rest = name.partition(" [")
    return f"{word}s{bracket}{rest}"


def _shown(name: str) -> str:
    """A result type: cut if it is long, and in brackets if it could be misread, for example with a blank at its end."""
    short = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."
    return short if name.isidentifier() else f"[{short}]"
