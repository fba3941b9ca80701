"""Shortcuts of the search: taken where they seldom are, or not taken at all, which must change nothing but the time."""

from collections.abc import Iterable, Mapping
from random import Random
from types import ModuleType
from typing import Any, Final

import pytest

from bucketquery.arrays import ranking as kernels
from bucketquery.search import many_jobs as many
from bucketquery.search import plan, search
from bucketquery.search import threshold as matches
from support.helpers import ask_together, limit_heads, resize

#: How a search may be run: as users have it, by its shortcuts wherever that can be, or without any.
AS_THEY_ARE, FORCED, OFF = WAYS = ("as they are", "forced", "off")

#: All shortcuts that a search of one job may take, and one of many.
OF_ONE: Final = frozenset(plan.SHORTCUTS)
OF_MANY: Final = frozenset(many.SHORTCUTS)

#: Below which limits shortcuts are not worth their while, and what the limits are lowered to; one is drawn of each.
_LIMITS: Mapping[tuple[ModuleType, str], tuple[float, ...]] = {
    (matches, "_FEW_ROWS"): (0,),
    (matches, "_SMALLEST_LOOK"): (1, 4),
    (search, "_FEW_MATCHES"): (0,),
    (search, "_MARGIN"): (0.1, 1.25),
    (search, "_FIRST_LOOK"): (1, 4),
    (kernels, "_FEW_SORT_KEYS"): (0, 512),
    (many, "_DEEP"): (0, 3),
}


#: The same of the sizes of storage and value indexes.
_SIZES: Mapping[str, tuple[float, ...]] = {
    # Of one row at least: the segment of nothing is one for all tables, and no place for what is known of any.
    "value_index_rows": (1,),
    "rows_behind": (0, 1, 5, 1024),
    "covered_per_row_behind": (1, 4, 64),
    "level_rows": (1, 2, 4),
    "sampled_values": (4, 16_384),
    "level_step": (2, 4),
    "waiting_corrections": (0, 1, 4),
    "compared_values": (0, 5),
    "compared_times": (0, 1),
    "block_values": (2, 8),
    "value_classes": (1, 3, 7),
    "counted_per_value_behind": (1, 16),
    "rows_per_copy": (0, 2, 32),
    "rows_one_by_one": (0, 16),
    "packed_rows": (0, 8, 64),
}


def take_only(patch: pytest.MonkeyPatch, shortcuts: Iterable[str]) -> None:
    """Let a search take these shortcuts, and no others."""
    taken = set(shortcuts)
    assert taken <= OF_ONE | OF_MANY
    for room in (search, matches):
        patch.setattr(room, "SHORTCUTS", taken & OF_ONE)
    patch.setattr(many, "SHORTCUTS", taken & OF_MANY)


def force(patch: pytest.MonkeyPatch, rng: Random) -> None:
    """Let shortcuts be taken on few rows, and what they rest on be kept up and corrected by every other write."""
    for (room, name), lowered in _LIMITS.items():
        patch.setattr(room, name, rng.choice(lowered))
    resize(patch, **{name: rng.choice(lowered) for name, lowered in _SIZES.items()})
    limit_heads(patch, rng.choice((1, 1, 4, 1024)), rng.choice((16, 2048)))
    ask_together(patch, small_rows=rng.choice((0, 40, 2048)), few_changed=rng.choice((0, 1, 100)))
    # What is kept of an earlier page would save it from being found again.
    take_only(patch, OF_ONE | OF_MANY if rng.random() < 0.5 else (OF_ONE | OF_MANY) - {"kept"})


def go(patch: pytest.MonkeyPatch, way: str, seed: Any) -> None:
    """Let searches be run in one of the ways; a seed draws what of it is left to chance."""
    if way == FORCED:
        force(patch, Random(f"{seed} {way}"))
    elif way == OFF:
        take_only(patch, ())
    else:
        assert way == AS_THEY_ARE
