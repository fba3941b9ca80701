"""Every claim of complexity in the package; `bench_claims.py` holds that none is missing."""

from typing import Final

from benchmarks.claims import answers, documents, doors, index, model, orders, search, segments, tables
from benchmarks.claims.claim import Claim, measure

__all__ = ["CLAIMS", "measure"]

CLAIMS: Final[tuple[Claim, ...]] = tuple(
    claim
    for room in (doors, index, answers, search, documents, orders, segments, tables, model)
    for claim in room.CLAIMS
)
"""All of them, in the order of the floors."""
