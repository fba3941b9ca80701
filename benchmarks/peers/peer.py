"""The protocol of a peer: it holds one job's buckets, answers prepared questions, takes writes, reports its memory."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from benchmarks.workloads import FIELDS, Columns, Document, ResolvedQuery, Row, documents_of


class Peer(Protocol):
    """One way to hold the buckets of one job without this library."""

    def load(self, columns: Columns) -> None:
        """Hold these rows, sorted by time. Called once, before anything else."""

    def prepare(self, question: ResolvedQuery) -> Callable[[], tuple[int, Any]]:
        """A call that returns the exact count and the page, in the form that this peer hands out."""

    def keys(self, page: Any) -> Sequence[int]:
        """The timestamps of such a page."""

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
        engine: the package it needs; None for the standard library, or a package that the library needs too.
        max_rows: the most rows that it is given.
        max_writes: the most single writes that it is given in a row. The columnar ones copy or chain a frame at each.
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
