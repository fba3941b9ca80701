"""The protocol of a peer: it holds one job's buckets, answers prepared questions, takes writes, reports its memory."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from benchmarks.workloads import FIELDS, Columns, Document, ResolvedQuery, Row, documents_of


class Peer(Protocol):
    """One way to hold the buckets of one job without this library."""

    def load(self, columns: Columns) -> None:
        """Store these rows in order of time; they may come in any order. Called once, before anything else."""

    def prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, Any]]:
        """A call that returns the exact count and the page, in the form that this peer hands out."""

    def keys(self, page: Any) -> Sequence[int]:
        """The timestamps of a page that a prepared question returned."""

    def prepare_rows(self, question: ResolvedQuery) -> Callable[[], tuple[int, Sequence[Row]]]:
        """A call that returns the count and the page as whole rows of built-in values."""

    def append(self, document: Document) -> None:
        """Add a bucket after the newest one."""

    def replace(self, document: Document) -> None:
        """Replace the newest bucket."""

    def rescore(self, columns: Columns) -> None:
        """Set the scores of the buckets at some timestamps. The timestamps ascend, and each has a bucket."""

    def memory(self) -> int:
        """The bytes that this peer takes, as it reports them itself."""


class Kind(NamedTuple):
    """How a peer is found and measured.

    Attributes:
        module: the module with its class, ``Store``.
        engine: the package it needs; None if it needs only Python, or packages that bucketquery needs too.
        max_rows: the most rows that it is given.
        max_writes: the most single writes that it is given in a row. A frame copies its columns or gets one chunk
            more at each write.
    """

    module: str
    engine: str | None
    max_rows: int
    max_writes: int


def row_of(document: Document) -> Row:
    """A document as a row."""
    return tuple(document[name] for name in FIELDS)


def body_of(answer: tuple[int, Sequence[Row]]) -> dict[str, Any]:
    """The API's response body for an answer with whole rows."""
    count, rows = answer
    return {"count": count, "buckets": documents_of(rows)}
