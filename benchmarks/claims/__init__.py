"""Every claim of complexity in the package; `bench_claims.py` holds that none is missing."""

from typing import Final

from benchmarks.claims import (
    answers,
    arrays,
    documents,
    doors,
    fleets,
    index,
    lists,
    matches,
    model,
    orders,
    packed,
    search,
    segments,
    tables,
    views,
)
from benchmarks.claims.claim import Claim, measure

__all__ = ["CLAIMS", "measure"]

CLAIMS: Final[tuple[Claim, ...]] = tuple(
    claim
    for room in (
        doors,
        index,
        answers,
        search,
        matches,
        documents,
        fleets,
        views,
        tables,
        segments,
        packed,
        lists,
        orders,
        arrays,
        model,
    )
    for claim in room.CLAIMS
)
"""All of them, in the order of the floors."""
