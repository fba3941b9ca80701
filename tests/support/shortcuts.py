"""Shortcuts of a search, forced or switched off; neither may change an answer, only the time."""

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from random import Random
from typing import Any, Final

import pytest

from bucketquery import ResultsIndex
from bucketquery.search.shortcuts import ALL_SHORTCUTS, Shortcuts
from support.helpers import limit_heads, resize

#: Three ways to run a search: as users do, with every shortcut that can be taken, without any.
AS_THEY_ARE, FORCED, OFF = WAYS = ("as they are", "forced", "off")

#: All shortcuts by name, and those that a search of one job without a cursor may take.
EVERY: Final = frozenset(field.name for field in fields(Shortcuts) if isinstance(field.default, bool))
OF_ONE: Final = EVERY - {"combined", "deep", "join", "read_ahead"}

#: Values for the sizes from which on a search takes shortcuts, low enough for tests; one value of each is drawn.
_SEARCH_SIZES: Mapping[str, tuple[float, ...]] = {
    "few_rows": (0,),
    "few_matches": (0,),
    "few_sort_keys": (0, 512),
    "margin": (0.1, 1.25),
    "smallest_look": (1, 4),
    "first_look": (1, 4),
    "deep_from": (0, 3),
    "few_counted_jobs": (0, 1, 64),
    "skip_from": (0, 1, 3),
    "ahead_rows": (1, 5, 40, 2_048),
    "few_jobs": (0, 2, 3),
    "known_per_job": (10**6,),
    "joined_per_job": (0, 5, 64),
    "rows_per_job": (0, 2, 10**9),
    "sorted_per_job": (0, 2, 10**9),
}

#: Values for the sizes of storage and value indexes, most of them low enough for tests; one value of each is drawn.
_STORED_SIZES: Mapping[str, tuple[float, ...]] = {
    # At least one row: all tables share one empty segment, which must not hold a value index.
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
    """Shortcuts that are taken on few rows.

    Sizes of storage are lowered too, so that writes often extend and correct the value indexes that shortcuts read.
    """
    resize(patch, **{name: rng.choice(lowered) for name, lowered in _STORED_SIZES.items()})
    limit_heads(patch, rng.choice((1, 1, 4, 1024)), rng.choice((16, 2048)))
    sizes: dict[str, Any] = {name: rng.choice(lowered) for name, lowered in _SEARCH_SIZES.items()}
    # A cached page would not be searched for again.
    return replace(ALL_SHORTCUTS, top_k=rng.random() < 0.5, **sizes)


def shortcuts_for(patch: pytest.MonkeyPatch, way: str, seed: Any) -> Shortcuts:
    """The shortcuts for one of `WAYS`; if they are forced, a seed draws their sizes."""
    if way == FORCED:
        return force(patch, Random(f"{seed} {way}"))
    assert way in {AS_THEY_ARE, OFF}
    return ALL_SHORTCUTS if way == AS_THEY_ARE else only(())
