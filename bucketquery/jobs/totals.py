"""Totals: row counts, timestamps and bytes of many tables, added up."""

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple, Self

from bucketquery.jobs.small_jobs import Packed, nbytes_of, rows_of, time_span_of
from bucketquery.model.schema import BUCKET, SCHEMAS
from bucketquery.storage.table import Table


class Totals(NamedTuple):
    """The row counts, timestamps and bytes of some tables, added up.

    Attributes:
        rows: the number of results of each kind, in the order of the kinds.
        first: the first timestamp, epoch ms; None if there are no results.
        last: the last timestamp, epoch ms; None if there are no results.
        own_nbytes: bytes of the tables whose size is fixed.
        growing: the other tables, which grow if readers make value indexes for them.
    """

    rows: tuple[int, ...]
    first: int | None
    last: int | None
    own_nbytes: int
    growing: tuple[Table, ...]

    @classmethod
    def of(cls, tables: Iterable[Table], small: Iterable[Packed] = ()) -> Self:
        """The totals of some tables, and of small jobs in packed form."""
        rows = {schema.kind: 0 for schema in SCHEMAS.values()}
        ends: list[int] = []
        growing = []
        own_nbytes = 0
        for table in tables:
            rows[table.kind] += table.length
            ends += table.time_span() or ()
            if table.base.may_have_value_indexes():
                growing.append(table)
            else:
                own_nbytes += table.nbytes()
        for packed in small:
            rows[BUCKET.kind] += rows_of(packed)
            ends += time_span_of(packed) or ()
            own_nbytes += nbytes_of(packed)
        return cls(tuple(rows.values()), min(ends, default=None), max(ends, default=None), own_nbytes, tuple(growing))

    @classmethod
    def sum_of(cls, parts: Iterable["Totals"]) -> Self:
        """The sum of one or more totals."""
        rows, firsts, lasts, own_nbytes, growing = zip(*parts, strict=True)
        return cls(
            tuple(map(sum, zip(*rows, strict=True))),
            min((first for first in firsts if first is not None), default=None),
            max((last for last in lasts if last is not None), default=None),
            sum(own_nbytes),
            tuple(chain.from_iterable(growing)),
        )

    def nbytes(self) -> int:
        """Bytes of all tables at present."""
        return self.own_nbytes + sum(table.nbytes() for table in self.growing)
