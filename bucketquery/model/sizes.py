"""Sizes: when each structure of storage and of value indexes pays. They change how long work takes, and no answer."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sizes:
    """Where each structure begins and ends. An index gives its sizes to its tables, which pass them on.

    Two are compared by identity, so that one can be a key at no cost.

    Attributes:
        head_rows: the rows that a head may hold before it is compacted.
        base_rows_per_head_row: a head may hold one row for each of that many rows of its base, if these are more.
        rows_per_copy: more replaced rows of a base than these, for each column in which they differ, are scattered into
            copies of those columns. From 10^5 to 10^6 rows a copy of a column costs as much as 20 to 60 rows in the
            head, their part of the next compaction included.
        rows_one_by_one: a batch of that many rows of a job is written row by row, at 1 us each; as arrays it costs 60.
        packed_rows: a base or a batch of that many rows is packed: records take a third of the memory of small arrays.
        keywords_per_row: a dictionary with more keywords for each row is freed of those that no row has any more.
        value_index_rows: a column of fewer rows is compared as quickly as a value index is asked.
        rows_behind: the rows behind those that a value index covers, before it is kept up; a reader compares them.
        covered_per_row_behind: a reader takes a value index with one more row behind for each of that many covered.
        level_rows: about the rows of the sparsest level.
        level_step: each level has about that many times the rows of the next.
        level_share: a level with a larger part of the rows of the one before is not worth its bytes.
        sampled_values: quantiles of that many values are close enough to those of all.
        waiting_corrections: the corrections of a level that may wait until it is read; then the writer applies them.
        compared_values: a comparison of that many values is cheap enough without block counts.
        compared_times: block counts are made when more comparisons of one column than these were asked for.
        block_values: the values of a block.
        value_classes: the classes that block counts divide values into; at most 255, since a class takes a byte.
        counted_per_value_behind: block counts are made anew for one value behind them for each of that many in them.
    """

    head_rows: int = 1024
    base_rows_per_head_row: int = 2048
    rows_per_copy: int = 32
    rows_one_by_one: int = 16
    packed_rows: int = 64
    keywords_per_row: int = 2
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

    def head_limit(self, base_rows: int) -> int:
        """The rows that the head beside a base of that many rows may hold."""
        return max(self.head_rows, base_rows // self.base_rows_per_head_row)


#: The sizes that were measured.
DEFAULT_SIZES: Final = Sizes()
