"""Lane sizes: when each way to find lanes and their scores pays off. They change the speed, but no answer."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSizes:
    """The sizes from which each way pays off. Users always have the default; tests lower the sizes.

    Attributes:
        few_jobs: a selection of this many jobs or fewer is read from their own tables.
        few_rows: a piece of this many rows or fewer is compared row by row, without a value index.
        rows_for_levels: a piece of fewer rows is divided into cells without levels.
        rows_per_cell: a piece with fewer rows than this for each cell is divided without levels, too.
        entries_per_cell: the first level that is read has at least this many rows for each cell.
        most_runs: if the cells without a score lie in more runs than this, they are all computed again.
        rows_per_entry: the walk ends at a level with more than one of every N rows; to read all rows is as fast.
        first_look: the first look for a row of some lane reads this many rows.
        rows_at_once: the keys of this many rows are sorted at once.
        rows_per_table: the combined tables are read if the window has more than this many rows for each job.
        last_rows_per_job: to count the jobs in a window, this many of its last rows are read for each job.
        rows_per_other: if the window has at most this many rows for each job that its last rows do not name, all its
            rows are read. Otherwise these jobs are looked up in their own tables.
        rows_per_list: a piece with fewer rows than this for each influencer is read at once, not by postings.
        few_entries: the scores of more influencers than this are added up over all rows, not by postings.
        rows_per_block: the totals of influencers are remembered for blocks of at least this many rows.
        block_rows_per_group: such a block has at least this many rows for each influencer, so the totals take at most
            20 bytes for as many rows.
        few_undecided: if more influencers than this have results on both sides of the window, all rows are read to
            count those inside.
    """

    few_jobs: int = 32
    few_rows: int = 2_048
    rows_for_levels: int = 32_768
    rows_per_cell: int = 64
    entries_per_cell: int = 16
    most_runs: int = 16
    rows_per_entry: int = 8
    first_look: int = 256
    rows_at_once: int = 262_144
    rows_per_table: int = 128
    last_rows_per_job: int = 4
    rows_per_other: int = 32
    rows_per_list: int = 64
    few_entries: int = 512
    rows_per_block: int = 16_384
    block_rows_per_group: int = 4
    few_undecided: int = 64


#: The sizes found by measurement.
LANE_SIZES: Final = LaneSizes()
