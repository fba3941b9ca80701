"""Ways: the one policy that decides where a table puts each new or changed row, for single rows and batches."""

from collections.abc import Callable
from itertools import product
from typing import Final, TypeVar

from bucketquery.model.schema import Bools
from bucketquery.storage.segment import Segment

#: A condition: of a single row, or of each row of a batch.
_Claim = TypeVar("_Claim", bool, Bools)


def ways(is_final: _Claim, in_base: _Claim, at_end: _Claim, *, scatters: bool) -> tuple[_Claim, _Claim, _Claim, _Claim]:
    """Where each new or changed row goes.

    A final row after the last one of the base is appended to it. A final row that replaces a row of the base is
    scattered into copies of the columns if these pay. Every other row goes to the head: it is interim, late, or the
    newer version of a row of the base, which is then deleted. A row that replaces a row of the head removes it there.

    Args:
        is_final: whether a row is final.
        in_base: whether it replaces a row of the base.
        at_end: whether it can be appended to the base.
        scatters: whether copies of the columns pay for the rows that could be scattered.

    Returns:
        Four conditions: the row is scattered; it is appended; it goes to the head; the row of the base that it replaces
        is deleted.
    """
    scattered = in_base & is_final & scatters
    appended = at_end & is_final
    return scattered, appended, (scattered | appended) ^ True, in_base ^ scattered


#: By its arguments, the results of `ways` for a single row. The first is left out: a single row is never scattered.
WAYS_OF_ONE: Final = {claims: ways(*claims, scatters=False)[1:] for claims in product((False, True), repeat=3)}


def is_scattered(base: Segment, rows: int, parts: Callable[[], int]) -> bool:
    """Whether copies of columns and sparse lists of a base pay for the replaced rows; for one row they never do.

    Args:
        base: the base.
        rows: the number of its rows that are replaced by final ones.
        parts: counts the columns and sparse lists in which any of these rows differs.
    """
    limit, per_copy = base.sizes.head_limit(base.length), base.sizes.rows_per_copy
    return rows > 1 and (rows > limit or (rows > per_copy and rows > per_copy * parts()))
