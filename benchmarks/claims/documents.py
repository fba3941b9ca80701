"""What what reads documents and arrays into columns says of its cost."""

from typing import Final

from benchmarks.claims.claim import Claim

CLAIMS: Final[tuple[Claim, ...]] = ()
