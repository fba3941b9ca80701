"""Sizes: when each structure of storage and of value indexes pays off. They change the speed, but no answer."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sizes:
    """The sizes from which each structure pays off. An index gives its sizes to its tables, which pass them on.

    Two values are compared by identity, so hashing one as a key is cheap.

    Attributes:
        head_rows: the number of rows in a head above which it is compacted.
        base_rows_per_head_row: a head may also hold one row for every N rows of its base, if that is more.
        rows_per_copy: if more than N rows of a base are replaced for each column in which they differ, they are written
            into copies of these columns. From 10^5 to 10^6 rows, a copy of a column costs as much as 20 to 60 rows in
            the head, including their part of the next compaction.
        rows_one_by_one: a batch of at most N rows of a job is written row by row: 1 us a row rather than 60 us a batch.
        packed_rows: a base or a batch of at most N rows is packed. Records take a third of the memory of small arrays.
        small_job_rows: a job with at most N buckets and no other results is stored as one value that the garbage
            collector does not visit. A write copies it: 0.1 us for 64 buckets. With 0, a job with results has tables.
        keywords_per_row: if a dictionary has more than N keywords for each row, its unused keywords are removed.
        entries_per_hidden: a base is copied once deletes hide more than one of every N entries of its arrays. A cut at
            the end hides the spare room, one of 9 entries unless it is reserved, and may also hide a few last rows
            without a copy.
        value_index_rows: a column of fewer than N rows has no value index, since comparing its rows is as fast.
        rows_behind: the writer extends a value index that lacks N or more of the last rows of its column. Readers
            compare the rows that it lacks.
        covered_per_row_behind: a reader accepts one more row behind a value index for every N rows that it covers.
        level_rows: the sparsest level has about N rows.
        level_step: each level has about N times the rows of the next.
        level_share: a level has at most this share of the rows of the one before it; a larger one does not pay.
        sampled_values: levels and classes are chosen by the quantiles of a sample of N values.
        waiting_corrections: at most N corrections of a level wait for its next read. Then the writer applies them.
        compared_values: at most N values are compared without block counts.
        compared_times: N longer comparisons of one column come before its block counts are made.
        block_values: the number of values in a block.
        value_classes: block counts divide values into N classes; at most 255, since a class takes a byte.
        counted_per_value_behind: block counts are made again once more than one value for every N counted ones lies
            behind them.
        open_changes: the change log puts the changes of single rows into columns once there are N of them. Between
            writes this takes 0.15 us a row, and 0.8 us with 256, as the code for it is then not in the processor's
            caches. A reader puts at most N into columns itself: 0.2 ms.
        small_changes: small parts of the log are merged once they have N rows together.
        small_changes_per_part: a part is small if it has at most one row for every N of these, since a part takes 1 KB
            beside its rows.
        dropped_parts: the list of the log's parts is copied once more than N of them, and more than half, are dropped.
        dropped_jobs: the log forgets unknown jobs once its notes of dropped changes name more than N jobs, and more
            than twice as many as are known.
        base_rows_per_deleted_row: a base is copied once more than one row for every N of its rows, and more than
            `head_rows`, are deleted.
        pending_rows: the writer works pending commits into the combined tables once they have N rows. A reader works in
            up to N rows itself: 0.5 ms.
        pending_table: the changes of one job in a batch count as N more pending rows. Reading their columns takes as
            long.
        most_pending: combined tables are given up if more than N rows are pending before a reader has made them.
        recent_rows: the newest N results of a kind have a combined table of their own, because they are written out of
            order.
        old_per_recent: the table of the newest results may also hold one row for every N older ones, if that is more.
        old_per_head_row: the head of a combined table may also hold one row for every N rows of its base.
        old_per_deleted_row: a combined table may also have one deleted row for every N rows of its base.
        reserved: long arrays of a combined table reserve address space for N times their entries when they are built or
            grow. With 0, and in the tables of one job, they get room for an eighth more.
        fewest_labels: job labels are below N, unless `labels_per_job` allows more.
        labels_per_job: job labels may be below N for each job. This leaves room for new ids, and a table by label stays
            small.
    """

    head_rows: int = 1024
    base_rows_per_head_row: int = 2048
    rows_per_copy: int = 32
    rows_one_by_one: int = 16
    packed_rows: int = 64
    small_job_rows: int = 64
    keywords_per_row: int = 2
    entries_per_hidden: int = 8
    value_index_rows: int = 2048
    rows_behind: int = 1024
    covered_per_row_behind: int = 64
    level_rows: int = 16
    level_step: int = 4
    level_share: float = 0.6
    sampled_values: int = 16_384
    waiting_corrections: int = 4
    compared_values: int = 2**17
    compared_times: int = 2
    block_values: int = 4096
    value_classes: int = 250
    counted_per_value_behind: int = 16
    open_changes: int = 2048
    small_changes: int = 256
    small_changes_per_part: int = 16
    dropped_parts: int = 64
    dropped_jobs: int = 1024
    base_rows_per_deleted_row: int = 2048
    pending_rows: int = 1024
    pending_table: int = 3
    most_pending: int = 2**20
    recent_rows: int = 65_536
    old_per_recent: int = 8
    old_per_head_row: int = 256
    old_per_deleted_row: int = 64
    reserved: int = 0
    fewest_labels: int = 2**20
    labels_per_job: int = 32

    def head_limit(self, base_rows: int) -> int:
        """The largest number of rows in a head beside a base of ``base_rows`` rows."""
        return max(self.head_rows, base_rows // self.base_rows_per_head_row)

    def deleted_limit(self, base_rows: int) -> int:
        """The largest number of deleted rows in a base of ``base_rows`` rows."""
        return max(self.head_rows, base_rows // self.base_rows_per_deleted_row)

    def recent_limit(self, old_rows: int) -> int:
        """The largest number of rows in the table of the newest results beside ``old_rows`` older ones."""
        return max(self.recent_rows, old_rows // self.old_per_recent)


#: The head of a combined table may hold N times as many rows as that of a job beside a small base.
_HEADS: Final = 4
#: Long arrays of combined tables reserve address space for N times their entries.
_RESERVED: Final = 8

#: The sizes found by measurement.
DEFAULT_SIZES: Final = Sizes()


@cache
def sizes_of_all_jobs(sizes: Sizes) -> Sizes:
    """The sizes of combined tables, in an index with these sizes.

    They allow larger heads and more deleted rows, because a compaction copies the results of all jobs and makes a value
    index: 6 ms for the newest results of 10^5 jobs. They never write row by row. Each `Sizes` has one such value, so
    that segments can be compared by it.
    """
    return replace(
        sizes,
        rows_one_by_one=0,
        packed_rows=0,
        head_rows=_HEADS * sizes.head_rows,
        base_rows_per_head_row=sizes.old_per_head_row,
        base_rows_per_deleted_row=sizes.old_per_deleted_row,
        reserved=_RESERVED,
    )
