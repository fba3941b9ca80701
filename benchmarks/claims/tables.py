"""What tables say of their cost."""

from functools import cache, partial
from typing import Final

import numpy as np

from benchmarks.claims.claim import AT_MOST_LINEAR, CONSTANT, LINEAR, LOGARITHMIC, Claim
from benchmarks.claims.stock import MANY, THOUSAND, checked, columns, late, picked, segment_of, table, worn
from benchmarks.timing import Call
from benchmarks.workloads import FIRST_MS, SPAN_MS
from bucketquery.columns.arrays import read_scores
from bucketquery.columns.packed import Layout, layout_of
from bucketquery.columns.rows import Row, row_at
from bucketquery.columns.segment import Segment
from bucketquery.columns.table import Table, Totals
from bucketquery.columns.view import NO_ROWS
from bucketquery.model.schema import BUCKET, Int64s


@cache
def with_full_head(size: int) -> Table:
    """One whose head has as many rows as it may."""
    full, _ = table(size).upsert(late(size, THOUSAND))
    assert full.head.length == THOUSAND
    return full


def row_of(segment: Segment) -> Row:
    """Its first row."""
    return row_at(segment, layout(), 0)


def roomy(size: int) -> tuple[Table, Segment]:
    """One with room for more, and the next sixty-four buckets."""
    given = columns(size + 128)
    base, _ = Table.empty(BUCKET).upsert(segment_of(picked(given, slice(size))))
    grown, _ = base.upsert(segment_of(picked(given, slice(size, size + 64))))
    return grown, segment_of(picked(given, slice(size + 64, None)))


def layout() -> Layout:
    """How buckets lie in a record."""
    found = layout_of("bucket")
    assert found is not None
    return found


def of_its_final_rows(of: Table, interim: int) -> Call:
    """The final view of a table that nobody has asked yet."""
    return checked(
        lambda: Table(of.base, of.dead, of.head, NO_ROWS).final(), lambda view: view.length == of.length - interim
    )


def with_interim_head(size: int, *, behind: bool) -> Table:
    """A table with a head of so many interim rows, all of them behind the base or each in place of one there."""
    given = columns(size + THOUSAND)
    base, later = (slice(THOUSAND), slice(THOUSAND, None)) if behind else (slice(None), slice(size))
    rows = picked(given, later)
    head = segment_of({**rows, "is_interim": np.ones(size, dtype=np.bool_)}).packed()
    grown, _ = Table.empty(BUCKET).upsert(segment_of(picked(given, base)))
    return Table(grown.base, NO_ROWS if behind else np.arange(size), head, NO_ROWS)


def writing(of: Table, batch: Segment, *, unchanged: int = 0) -> Call:
    """The same batch into the same table, and how many of it are stored already."""
    return checked(partial(of.upsert, batch), lambda done: sum(done[1]) == batch.length and done[1][2] == unchanged)


def putting(of: Table, batch: Segment, what: int) -> Call:
    """The first row of a batch into the same table, and what becomes of it."""
    return checked(partial(of.put, row_of(batch), layout()), lambda done: done[1] == what)


def written_in_parts(of: Table, batches: list[Segment]) -> Call:
    """Batches, one after the other, into a table."""

    def write() -> Table:
        newest = of
        for batch in batches:
            newest, _ = newest.upsert(batch)
        return newest

    right = of.length + sum(batch.length for batch in batches)
    return checked(write, lambda newest: newest.length == right)


def arriving(size: int) -> Call:
    """So many buckets, sixty-four at a time."""
    parts = [picked(columns(size), slice(first, first + 64)) for first in range(0, size, 64)]
    return written_in_parts(Table.empty(BUCKET), [segment_of(part) for part in parts])


def coming_late(size: int) -> Call:
    """So many that come late, sixty-four at a time."""
    whole = late(MANY, size)
    order = np.random.default_rng(size).permutation(size).reshape(-1, 64)
    return written_in_parts(table(MANY), [whole.select(np.sort(rows)) for rows in order])


def replaced(size: int, count: int) -> Segment:
    """So many buckets with other scores and counts."""
    rows = np.linspace(0, size - 1, count).astype(np.int64)
    changed = picked(columns(size), rows)
    names = ("anomaly_score", "initial_anomaly_score", "event_count", "processing_time_ms")
    return segment_of({**changed, **{name: changed[name] + 1 for name in names}})


def rescoring(of: Table, size: int, rows: Int64s) -> Call:
    """New scores for some of its buckets."""
    changed = picked(columns(size), rows)
    scores = {name: changed[name] for name in ("timestamp", "bucket_span")}
    batch = read_scores({**scores, "anomaly_score": changed["anomaly_score"] / 2 + 1}, "bucket").segment
    return checked(partial(of.rescore, batch), lambda done: done[1].replaced == len(rows))


def table_checked(size: int) -> Call:
    """The check of one with a head."""
    assert with_full_head(size).length == size + THOUSAND
    return with_full_head(size).check


CLAIMS: Final = (
    Claim(
        "columns.table.Totals.of",
        "n tables",
        LINEAR,
        lambda n: checked(partial(Totals.of, [table(16)] * n), lambda totals: totals.rows[0] == 16 * n),
    ),
    Claim(
        "columns.table.Totals.of",
        "a table with n dead rows",
        LINEAR,
        lambda n: checked(partial(Totals.of, [worn(MANY, n)]), lambda totals: totals.rows[0] == MANY - n),
    ),
    Claim(
        "columns.table.Totals.joined",
        "n totals",
        LINEAR,
        lambda n: checked(partial(Totals.joined, [Totals.of([table(16)])] * n), lambda found: found.rows[0] == 16 * n),
    ),
    Claim(
        "columns.table.Table.time_span",
        "with n dead rows",
        LINEAR,
        lambda n: checked(
            worn(MANY, n).time_span, lambda span: span == (FIRST_MS + SPAN_MS, columns(MANY)["timestamp"][-1])
        ),
    ),
    Claim(
        "columns.table.Table.final",
        "of n interim rows in the head and as many dead ones, for the first time",
        LINEAR,
        lambda n: of_its_final_rows(with_interim_head(n, behind=False), n),
    ),
    Claim(
        "columns.table.Table.final",
        "of n interim rows, once it was asked for",
        CONSTANT,
        lambda n: checked(with_interim_head(n, behind=True).final, lambda view: view.length == THOUSAND),
    ),
    Claim("columns.table.Table.upsert", "n buckets in order, sixty-four at a time", LINEAR, arriving),
    Claim("columns.table.Table.upsert", "sixty-four in order behind n", CONSTANT, lambda n: writing(*roomy(n))),
    Claim("columns.table.Table.upsert", "n late ones, sixty-four at a time", LINEAR, coming_late, 2_048, 16_384),
    Claim(
        "columns.table.Table.upsert", "sixty-four late among n", LOGARITHMIC, lambda n: writing(table(n), late(n, 64))
    ),
    Claim(
        "columns.table.Table.upsert",
        "n buckets that are there already",
        LINEAR,
        lambda n: writing(table(MANY), segment_of(picked(columns(MANY), slice(n))), unchanged=n),
    ),
    Claim(
        "columns.table.Table.upsert",
        "seventeen late ones beside n in the head",
        # No head has more rows, and the work on so few does not show.
        AT_MOST_LINEAR,
        lambda n: writing(table(MANY).upsert(late(MANY, n))[0], late(MANY, 17, 3)),
        16,
        1_000,
    ),
    Claim(
        "columns.table.Table.upsert",
        "seventeen late ones among n, for which a head is sealed",
        LINEAR,
        lambda n: checked(partial(with_full_head(n).upsert, late(n, 17, 3)), lambda done: not done[0].head.length),
        16_384,
        524_288,
    ),
    Claim(
        "columns.table.Table.upsert",
        "other values for two hundred of n",
        LINEAR,
        lambda n: checked(
            partial(table(n).upsert, replaced(n, 200)),
            lambda done: done[1].replaced == 200 and not done[0].head.length,
        ),
        16_384,
        524_288,
    ),
    Claim("columns.table.Table.put", "the next behind n", CONSTANT, lambda n: putting(*roomy(n), 0)),
    Claim("columns.table.Table.put", "a late one among n", LOGARITHMIC, lambda n: putting(table(n), late(n, 1), 0)),
    Claim(
        "columns.table.Table.put",
        "one that is final now, of n interim ones in the head",
        LINEAR,
        lambda n: putting(
            with_interim_head(n, behind=True), segment_of(picked(columns(n + THOUSAND), slice(THOUSAND, None))), 1
        ),
    ),
    Claim(
        "columns.table.Table.put",
        "a late one among n, for which a head is sealed",
        LINEAR,
        lambda n: checked(
            partial(with_full_head(n).put, row_of(late(n, 1, 3)), layout()), lambda done: not done[0].head.length
        ),
        16_384,
        524_288,
    ),
    Claim(
        "columns.table.Table.rescore",
        "n of 131,072 scores",
        LINEAR,
        lambda n: rescoring(table(MANY), MANY, np.arange(n)),
    ),
    Claim(
        "columns.table.Table.rescore",
        "sixty-four of n scores, a copy of their column",
        LINEAR,
        lambda n: rescoring(table(n), n, np.arange(64)),
        16_384,
        524_288,
    ),
    Claim(
        "columns.table.Table.rescore",
        "sixteen of n scores",
        LOGARITHMIC,
        lambda n: rescoring(table(n), n, np.arange(16)),
    ),
    Claim(
        "columns.table.Table.rescore",
        "sixteen of n scores in the head",
        LINEAR,
        lambda n: rescoring(with_interim_head(n, behind=False), n + THOUSAND, np.arange(16)),
        4_096,
        262_144,
    ),
    Claim("columns.table.Table.check", "of n rows", LINEAR, table_checked, 16_384, 524_288),
)
