"""What the doors say: REST requests and replies, tables for people, the tools for tests of its cost."""

from typing import Final

from benchmarks.claims.claim import Claim

CLAIMS: Final[tuple[Claim, ...]] = ()
