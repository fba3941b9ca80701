"""How much a test does in each tier of the suite."""

import os
from typing import Final

#: Whether the checks of a change run the suite, and not someone who waits for it.
IN_CI: Final = os.environ.get("BUCKETQUERY_TIER") == "ci"


def of_tier(quick: int, ci: int) -> int:
    """One number for the quick suite, and a larger one if `BUCKETQUERY_TIER` is `ci`."""
    return ci if IN_CI else quick
