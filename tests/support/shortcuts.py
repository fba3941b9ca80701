"""Shortcuts of a search, forced or switched off; neither may change an answer, only the time."""

from collections.abc import Iterable, Mapping
from random import Random
from types import ModuleType
from typing import Any, Final

import pytest

from bucketquery import ResultsIndex
from bucketquery.arrays import ranking as kernels
from bucketquery.search import many_jobs as many
from bucketquery.search import plan, search
from bucketquery.search import threshold as matches
from bucketquery.storage import segment, table
from bucketquery.value_index import block_counts, value_index
from support.helpers import ask_together, limit_heads

#: Three ways to run a search: as users do, with every shortcut that can be taken, without any.
AS_THEY_ARE, FORCED, OFF = WAYS = ("as they are", "forced", "off")

#: All shortcuts that a search of one job may take, and those of a search of many.
OF_ONE: Final = frozenset(plan.SHORTCUTS)
OF_MANY: Final = frozenset(many.SHORTCUTS)

#: The sizes below which a shortcut saves nothing, and smaller ones for tests; one of each is drawn.
_LIMITS: Mapping[tuple[ModuleType, str], tuple[float, ...]] = {
    # At least one row: all tables share one empty segment, which must not hold a value index.
    (segment, "_VALUE_INDEX_ROWS"): (1,),
    (segment, "_BEHIND"): (0, 1, 5, 1024),
    (segment, "_BEHIND_SHARE"): (1, 4, 64),
    (value_index, "_SPARSEST"): (1, 2, 4),
    (value_index, "_SAMPLE"): (4, 16_384),
    (value_index, "_STEP"): (2, 4),
    (value_index, "_MOST_WAITING"): (0, 1, 4),
    (block_counts, "_FEW"): (0, 5),
    (block_counts, "_SELDOM"): (0, 1),
    (block_counts, "_BLOCK"): (2, 8),
    (block_counts, "_CLASSES"): (1, 3, 7),
    (block_counts, "_SAMPLE"): (4, 16_384),
    (block_counts, "_BEHIND_SHARE"): (1, 16),
    (matches, "_FEW_ROWS"): (0,),
    (matches, "_SMALLEST_LOOK"): (1, 4),
    (search, "_FEW_MATCHES"): (0,),
    (search, "_MARGIN"): (0.1, 1.25),
    (table, "_ROWS_PER_COPY"): (0, 2, 32),
    (search, "_FIRST_LOOK"): (1, 4),
    (kernels, "_FEW_SORT_KEYS"): (0, 512),
    (many, "_DEEP"): (0, 3),
}


def take_only(patch: pytest.MonkeyPatch, shortcuts: Iterable[str]) -> None:
    """Let a search take these shortcuts only."""
    taken = set(shortcuts)
    assert taken <= OF_ONE | OF_MANY
    for room in (search, matches):
        patch.setattr(room, "SHORTCUTS", taken & OF_ONE)
    patch.setattr(many, "SHORTCUTS", taken & OF_MANY)


def force(patch: pytest.MonkeyPatch, rng: Random) -> None:
    """Let shortcuts be taken on few rows, and let every other write extend or correct their value indexes."""
    for (room, name), lowered in _LIMITS.items():
        patch.setattr(room, name, rng.choice(lowered))
    limit_heads(patch, rng.choice((1, 1, 4, 1024)), rng.choice((16, 2048)))
    # A cached page would not be searched for again.
    take_only(patch, OF_ONE | OF_MANY if rng.random() < 0.5 else (OF_ONE | OF_MANY) - {"kept"})


def combine_few(index: ResultsIndex, way: str, seed: Any) -> None:
    """Let an index search few jobs together as it searches many; only in the way that forces shortcuts."""
    if way == FORCED:
        rng = Random(f"{seed} {way} together")
        ask_together(index, small_rows=rng.choice((0, 40, 2048)), few_changed=rng.choice((0, 1, 100)))


def go(patch: pytest.MonkeyPatch, way: str, seed: Any) -> None:
    """Let searches run in one of the ways; the seed draws its limits."""
    if way == FORCED:
        force(patch, Random(f"{seed} {way}"))
    elif way == OFF:
        take_only(patch, ())
    else:
        assert way == AS_THEY_ARE
