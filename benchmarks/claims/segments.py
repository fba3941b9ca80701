"""What segments, their texts and lists, and single rows say of its cost."""

from typing import Final

from benchmarks.claims.claim import Claim

CLAIMS: Final[tuple[Claim, ...]] = ()
