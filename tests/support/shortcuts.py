"""Shortcuts of a search, forced or switched off; neither may change an answer, only the time."""

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from random import Random
from types import ModuleType
from typing import Any, Final

import pytest

from bucketquery import ResultsIndex
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from bucketquery.storage import segment, table
from bucketquery.value_index import block_counts, index_cache, value_index
from support.helpers import ask_together, limit_heads

#: Three ways to run a search: as users do, with every shortcut that can be taken, without any.
AS_THEY_ARE, FORCED, OFF = WAYS = ("as they are", "forced", "off")

#: All shortcuts by name, and those that a search of one job may take.
EVERY: Final = frozenset(field.name for field in fields(Shortcuts) if isinstance(field.default, bool))
OF_ONE: Final = EVERY - {"combined", "deep"}

#: The sizes from which on shortcuts are taken, and what they are lowered to; one is drawn of each.
_SIZES: Mapping[str, tuple[float, ...]] = {
    "few_rows": (0,),
    "few_matches": (0,),
    "few_sort_keys": (0, 512),
    "margin": (0.1, 1.25),
    "smallest_look": (1, 4),
    "first_look": (1, 4),
    "deep_from": (0, 3),
}

#: The same of what is stored, and of the value indexes.
_LIMITS: Mapping[tuple[ModuleType, str], tuple[float, ...]] = {
    # At least one row: all tables share one empty segment, which must not hold a value index.
    (segment, "_VALUE_INDEX_ROWS"): (1,),
    (index_cache, "_BEHIND"): (0, 1, 5, 1024),
    (index_cache, "_BEHIND_SHARE"): (1, 4, 64),
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
    (table, "_ROWS_PER_COPY"): (0, 2, 32),
}


def only(names: Collection[str], sizes: Shortcuts = ALL_SHORTCUTS) -> Shortcuts:
    """These shortcuts and no others, taken from the same sizes on."""
    assert EVERY.issuperset(names)
    switches: dict[str, Any] = {name: name in names for name in EVERY}
    return replace(sizes, **switches)


def take(index: ResultsIndex, shortcuts: Shortcuts) -> ResultsIndex:
    """Let every search of an index take these shortcuts, from its newest commit on."""
    index._snapshot = index._snapshot._with_shortcuts(shortcuts)
    return index


def force(patch: pytest.MonkeyPatch, rng: Random) -> Shortcuts:
    """Shortcuts that are taken on few rows; what they rest on is kept up and corrected by every other write."""
    for (room, name), lowered in _LIMITS.items():
        patch.setattr(room, name, rng.choice(lowered))
    limit_heads(patch, rng.choice((1, 1, 4, 1024)), rng.choice((16, 2048)))
    sizes: dict[str, Any] = {name: rng.choice(lowered) for name, lowered in _SIZES.items()}
    # A cached page would not be searched for again.
    return replace(ALL_SHORTCUTS, top_k=rng.random() < 0.5, **sizes)


def combine_few(index: ResultsIndex, way: str, seed: Any) -> None:
    """Let an index search few jobs together as it searches many; only in the way that forces shortcuts."""
    if way == FORCED:
        rng = Random(f"{seed} {way} together")
        ask_together(index, small_rows=rng.choice((0, 40, 2048)), few_changed=rng.choice((0, 1, 100)))


def go(patch: pytest.MonkeyPatch, way: str, seed: Any) -> Shortcuts:
    """The shortcuts of one of the ways to search; a seed draws their limits."""
    if way == FORCED:
        return force(patch, Random(f"{seed} {way}"))
    assert way in {AS_THEY_ARE, OFF}
    return ALL_SHORTCUTS if way == AS_THEY_ARE else only(())
