"""Every claim of complexity in the package. `bench_claims.py` checks that none is missing."""

from typing import Final

from benchmarks.claims import (
    arrays,
    changes,
    doors,
    frames,
    index,
    living,
    overall,
    pages,
    references,
    shards,
    summaries,
    value_index,
    values,
)
from benchmarks.claims.claim import Claim, measure

__all__ = ["CLAIMS", "measure"]

CLAIMS: Final[tuple[Claim, ...]] = tuple(
    claim
    for module in (
        doors,
        shards,
        frames,
        index,
        changes,
        living,
        overall,
        pages,
        summaries,
        references,
        value_index,
        arrays,
        values,
    )
    for claim in module.CLAIMS
)
"""All claims, in the order of the package's floors."""
