"""What tables, views, the catalog and fleets say of its cost."""

from typing import Final

from benchmarks.claims.claim import Claim

CLAIMS: Final[tuple[Claim, ...]] = ()
