"""The claims of the change feed."""

from functools import cache, partial
from typing import Final

from benchmarks.claims.claim import AT_MOST_LINEAR, CONSTANT, LINEAR, Claim
from benchmarks.claims.inputs import MILLION, checked, columns
from benchmarks.timing import Call
from benchmarks.workloads import FIRST_MS, JOB, SPAN_MS, SPAN_S
from bucketquery import BucketQuery, ResultsIndex

_QUERY: Final = BucketQuery(jobs=JOB, anomaly_score=75)


@cache
def batch_index(size: int) -> ResultsIndex:
    """An index whose log has a batch of ``size`` buckets."""
    index = ResultsIndex(changes_kept=MILLION)
    index.upsert_columns(columns(size), job_id=JOB)
    return index


@cache
def single_index(size: int) -> ResultsIndex:
    """An index whose log has ``size`` single buckets."""
    index = ResultsIndex(changes_kept=MILLION)
    bucket = {"result_type": "bucket", "job_id": JOB, "bucket_span": SPAN_S}
    for row in range(size):
        index.upsert([{**bucket, "timestamp": FIRST_MS + row * SPAN_MS, "anomaly_score": row % 100}])
    return index


def finding_nothing(size: int) -> Call:
    """Ask for changes after the newest commit."""
    index = batch_index(size)
    return checked(lambda: index.changes(_QUERY, since=index.sequence), lambda changes: not len(changes))


def finding(size: int) -> Call:
    """Ask for the changes of a batch, and leave them unread."""
    index = batch_index(size)
    return checked(lambda: index.changes(_QUERY, since=0), len)


def reading(size: int) -> Call:
    """Read every change of single buckets as a value."""
    index = single_index(size)
    return checked(lambda: list(index.changes(since=0)), lambda found: len(found) == size)


def taking(effect: str, size: int) -> Call:
    """The changes of an effect, unread."""
    changes = batch_index(size).changes(since=0)
    return checked(lambda: getattr(changes, effect), lambda found: len(found) == (size if effect == "entered" else 0))


def reading_a_column(name: str, size: int) -> Call:
    """Read a column of changes."""
    changes = batch_index(size).changes(since=0)
    return checked(lambda: changes.column(name), lambda column: len(column) == size)


def tracing(size: int) -> Call:
    """The history of one of ``size`` single buckets."""
    index = single_index(size)
    return checked(lambda: index.history((JOB, FIRST_MS, SPAN_S)), lambda found: len(found) == 1)


_CHANGES: Final = "reads.Reads.changes"
_COLUMN: Final = "answers.changes.Changes.column"

CLAIMS: Final = (
    Claim(_CHANGES, "nothing new behind n", CONSTANT, finding_nothing),
    Claim(_CHANGES, "n of a batch, unread", CONSTANT, finding),
    Claim(_CHANGES, "n single ones, each read", LINEAR, reading, 256, 16_384),
    Claim("reads.Reads.history", "one of n results", AT_MOST_LINEAR, tracing, 256, 16_384),
    *(
        Claim(f"answers.changes.Changes.{effect}", "n of them, unread", CONSTANT, partial(taking, effect))
        for effect in ("entered", "left", "stayed")
    ),
    Claim(_COLUMN, "n scores", LINEAR, partial(reading_a_column, "score"), 16_384, MILLION),
    Claim(_COLUMN, "n reasons", LINEAR, partial(reading_a_column, "reason")),
)
