"""What every peer can do: hold one job's buckets, answer prepared questions, take the writes, tell what it weighs."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from benchmarks.workloads import JOB, Columns, Document, ResolvedQuery

FIELDS: Final = (
    "timestamp",
    "anomaly_score",
    "bucket_span",
    "initial_anomaly_score",
    "event_count",
    "is_interim",
    "processing_time_ms",
)
"""What a row holds, in its order."""

Row = tuple[Any, ...]


class Peer(Protocol):
    """One way to hold the buckets of one job without this library."""

    def load(self, columns: Columns) -> None:
        """Hold these rows, sorted here where they are not; before anything else is asked, and once."""

    def prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, Any]]:
        """What answers with the exact count, and with the page as this peer hands it out."""

    def keys(self, page: Any) -> Sequence[int]:
        """The timestamps of such a page, where it is not these already."""

    def prepare_rows(self, question: ResolvedQuery) -> Callable[[], tuple[int, Sequence[Row]]]:
        """What answers with the count, and with whole rows of built-in values."""

    def append(self, document: Document) -> None:
        """Put a bucket behind the newest."""

    def replace(self, document: Document) -> None:
        """Put a bucket in place of the newest."""

    def rescore(self, columns: Columns) -> None:
        """Set the scores of the buckets at some timestamps, which ascend and are all there."""

    def memory(self) -> int:
        """Bytes that it takes, as it tells itself."""


class Kind(NamedTuple):
    """How a peer is found and measured.

    Attributes:
        module: the room that has its class, ``Held``.
        engine: the package it needs; None is the standard library or a package that the library needs too.
        most: how many rows it is asked to hold.
        writes: how many single writes it is asked for in a row; the columnar ones copy or chain a frame at each.
    """

    module: str
    engine: str | None
    most: int
    writes: int


def row_of(document: Document) -> Row:
    """A document as a row."""
    return tuple(document[name] for name in FIELDS)


def body_of(answer: tuple[int, Sequence[Row]]) -> dict[str, Any]:
    """The API's response body made of an answer with whole rows."""
    count, rows = answer
    return {
        "count": count,
        "buckets": [
            {
                "job_id": JOB,
                "timestamp": timestamp,
                "anomaly_score": score,
                "bucket_span": span,
                "initial_anomaly_score": initial,
                "event_count": events,
                "is_interim": is_interim,
                "bucket_influencers": [],
                "processing_time_ms": milliseconds,
                "result_type": "bucket",
            }
            for timestamp, score, span, initial, events, is_interim, milliseconds in rows
        ],
    }
