"""Change rows: the changes of a feed, judged by its query when they are first read, column by column.

An unread feed has only references. The changes are in the order of their commits.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice, repeat
from typing import Any, Final, NamedTuple

import numpy as np

from bucketquery.answers.change_filter import meets
from bucketquery.jobs.change_columns import HAD, HAS, IS_INTERIM, LISTED, REASON_OF, REASONS, WAS_INTERIM, ChangeColumns
from bucketquery.jobs.matching_jobs import MatchingJobs
from bucketquery.model.frozen import maker_of
from bucketquery.model.instants import FIRST_MS, LAST_MS
from bucketquery.model.once import once
from bucketquery.model.schema import Array, Bools, Int64s
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.queries.where import Where
from bucketquery.results.changes import Change, ChangeRange, Effect

#: Codes of effects: one bit for a match before, one for a match after.
ENTERED: Final = 1
LEFT: Final = 2
STAYED: Final = ENTERED | LEFT
#: The words of the codes; the first is not used.
EFFECTS: Final[tuple[Effect, ...]] = ("stayed", "entered", "left", "stayed")

_ALL_FLAGS: Final = range(2 * LISTED)
#: By flag byte: the effect without a query, the reason, and whether the result was and is interim.
_EFFECT_OF: Final = np.array(
    [LEFT * (flags & HAD == HAD) + ENTERED * (flags & HAS == HAS) for flags in _ALL_FLAGS], dtype=np.uint8
)
_REASONS: Final = [REASONS[code] for code in REASON_OF.tolist()]
_WAS_INTERIM: Final = [bool(flags & WAS_INTERIM) if flags & HAD else None for flags in _ALL_FLAGS]
_IS_INTERIM: Final = [bool(flags & IS_INTERIM) if flags & HAS else None for flags in _ALL_FLAGS]
_OF_FLAGS: Final[Sequence[Sequence[Any]]] = (_REASONS, _WAS_INTERIM, _IS_INTERIM)

_make_changes: Final = maker_of(Change)


class Block(NamedTuple):
    """Changes of one kind that belong to a feed, and their effects, shape (n,)."""

    columns: ChangeColumns
    effects: Array

    def take(self, rows: Int64s) -> "Block":
        """Some of the changes."""
        return Block(self.columns.take(rows), self.effects[rows])

    def changes(self) -> list[Change]:
        """The changes as values."""
        columns, flags, effects = self.columns, self.columns.flags.tolist(), self.effects.tolist()
        alike = flags.count(flags[0]) == len(flags)
        of_flags: list[Iterable[Any]] = (
            [repeat(words[flags[0]]) for words in _OF_FLAGS]
            if alike
            else [[words[flag] for flag in flags] for words in _OF_FLAGS]
        )
        fields: dict[str, Iterable[Any]] = {
            "sequence": columns.sequences.tolist(),
            "time": columns.times.tolist(),
            "reason": of_flags[0],
            "effect": [EFFECTS[effect] for effect in effects],
            "kind": repeat(columns.schema.kind),
            "key": columns.keys(),
            "old_score": _or_none(columns.old_scores),
            "score": _or_none(columns.scores),
            "was_interim": of_flags[1],
            "is_interim": of_flags[2],
        }
        return _make_changes(len(flags), fields)

    def column(self, name: str) -> Array | list[Any]:
        """One attribute of each change; an array of numbers, or a list of objects."""
        numbers = _NUMBERS.get(name)
        return _OBJECTS[name](self) if numbers is None else numbers(self.columns)


#: The columns of numbers, and those of objects.
_NUMBERS: Final[Mapping[str, Callable[[ChangeColumns], Array]]] = {
    "sequence": lambda columns: columns.sequences,
    "time": lambda columns: columns.times,
    "timestamp": lambda columns: columns.identity[0],
    "bucket_span": lambda columns: columns.identity[1],
    "old_score": lambda columns: columns.old_scores,
    "score": lambda columns: columns.scores,
}
_OBJECTS: Final[Mapping[str, Callable[[Block], list[Any]]]] = {
    "reason": lambda block: [_REASONS[flag] for flag in block.columns.flags.tolist()],
    "effect": lambda block: [EFFECTS[effect] for effect in block.effects.tolist()],
    "kind": lambda block: [block.columns.schema.kind] * len(block.effects),
    "job_id": lambda block: list(islice(block.columns.job_ids(), len(block.effects))),
    "was_interim": lambda block: [_WAS_INTERIM[flag] for flag in block.columns.flags.tolist()],
    "is_interim": lambda block: [_IS_INTERIM[flag] for flag in block.columns.flags.tolist()],
}


def judged(
    columns: ChangeColumns, resolved: ResolvedQuery | None, jobs: frozenset[str] | MatchingJobs = frozenset()
) -> Block | None:
    """The changes that belong to the feed of a query, and their effects; None if there are none.

    Args:
        columns: changes.
        resolved: the query; None: every change belongs to the feed.
        jobs: the jobs of the query.
    """
    flags = columns.flags
    if resolved is None:
        return Block(columns, _EFFECT_OF[flags]) if len(flags) else None
    if columns.schema is not resolved.schema or jobs.isdisjoint(columns.jobs):
        return None
    before = _matches(flags, HAD, WAS_INTERIM, columns.old_scores, resolved)
    after = _matches(flags, HAS, IS_INTERIM, columns.scores, resolved)
    belongs = before | after
    if resolved.start > FIRST_MS or resolved.end <= LAST_MS:
        timestamps = columns.identity[0]
        belongs &= (timestamps >= resolved.start) & (timestamps < resolved.end)
    if columns.codes is not None:
        belongs &= np.array([job_id in jobs for job_id in columns.jobs], dtype=np.bool_)[columns.codes]
    rows = belongs.nonzero()[0]
    if not len(rows):
        return None
    effects = _effects(before, after)
    block = Block(columns, effects) if len(rows) == len(flags) else Block(columns, effects).take(rows)
    return _filtered(block, resolved.where) if resolved.where else block


def _effects(before: Bools, after: Bools) -> Array:
    """The code of the effect of each change, by the matches before and after; 0 if neither is one."""
    effects: Array = after.view(np.uint8) * np.uint8(ENTERED) + before.view(np.uint8) * np.uint8(LEFT)
    return effects


def _filtered(block: Block, where: Where) -> Block | None:
    """The changes of results that also meet a filter on one side; None if there are none."""
    effects = block.effects & _effects(*meets(block.columns, where))
    rows = effects.nonzero()[0]
    return Block(block.columns, effects).take(rows) if len(rows) else None


def _matches(flags: Array, has: int, interim: int, scores: Array, resolved: ResolvedQuery) -> Bools:
    """Which results match on one side of a change, whatever their job and timestamp."""
    matches: Bools = flags & (has | interim if resolved.exclude_interim else has) == has
    if resolved.threshold is not None:
        matches &= scores >= resolved.threshold
    if resolved.below is not None:
        matches &= scores < resolved.below
    return matches


#: The changes of a feed, some of one kind at a time, and its ranges.
_Made = tuple[Sequence[Block], tuple[ChangeRange, ...]]


class ChangeRows:
    """The changes of a feed, made when they are first read.

    Args:
        make: makes the changes and the ranges of the feed. It is called at the first read, perhaps by two readers.
    """

    __slots__ = ("__dict__", "_source")

    def __init__(self, make: Callable[[], _Made]) -> None:
        # One slot for both: once the changes are made, the function and the parts of the log that it needs are freed.
        self._source: Callable[[], _Made] | _Made = make

    def _read(self) -> _Made:
        source = self._source
        if not isinstance(source, tuple):
            source = self._source = source()
        return source

    @property
    def blocks(self) -> Sequence[Block]:
        """The changes, some of one kind at a time."""
        return self._read()[0]

    @property
    def ranges(self) -> tuple[ChangeRange, ...]:
        """The ranges of the feed."""
        return self._read()[1]

    @once
    def _starts(self) -> Int64s:
        """The number of changes before each block, and then their total."""
        return np.cumsum([0, *(len(block.effects) for block in self.blocks)])

    @once
    def _effects(self) -> Array:
        """The effect of each change, in the order of the blocks."""
        return np.concatenate([block.effects for block in self.blocks]) if self.blocks else np.empty(0, dtype=np.uint8)

    @once
    def _order(self) -> Int64s | None:
        """The rows in the order of their commits; None if they are in this order already."""
        blocks = self.blocks
        if not blocks:
            return None
        sequences = np.concatenate([block.columns.sequences for block in blocks])
        return None if (sequences[1:] >= sequences[:-1]).all() else sequences.argsort(kind="stable")

    @once
    def _by_effect(self) -> dict[int, Int64s]:
        """The rows of each effect that was read, in order."""
        return {}

    def rows(self, effect: int) -> Int64s:
        """The rows of the changes with an effect, in order; 0: of all changes."""
        rows = self._by_effect.get(effect)
        if rows is None:
            order = self._order
            if not effect:
                rows = np.arange(len(self._effects)) if order is None else order
            else:
                has = self._effects == effect
                rows = has.nonzero()[0] if order is None else order[has[order]]
            # Two readers may both find them, with the same result.
            self._by_effect[effect] = rows
        return rows

    def numbers(self, name: str, effect: int) -> Array:
        """A column of numbers of the changes with an effect, in order."""
        parts = [block.column(name) for block in self.blocks]
        return np.concatenate(parts)[self.rows(effect)] if parts else np.empty(0)

    def objects(self, name: str, effect: int) -> list[Any]:
        """A column of objects of the changes with an effect, in order."""
        values = [value for block in self.blocks for value in block.column(name)]
        return [values[row] for row in self.rows(effect).tolist()]

    def changes(self, rows: Int64s) -> list[Change]:
        """Some changes as values, in the given order."""
        if not len(rows):
            # Most polls of a host find none.
            return []
        owners = self._starts.searchsorted(rows, "right") - 1
        if (owners[1:] < owners[:-1]).any():
            by_block = owners.argsort(kind="stable")
            ascending = self.changes(rows[by_block])
            return [ascending[place] for place in by_block.argsort().tolist()]
        found: list[Change] = []
        cuts = owners.searchsorted(np.arange(len(self.blocks) + 1)).tolist()
        for number, (block, start) in enumerate(zip(self.blocks, self._starts.tolist(), strict=False)):
            low, high = cuts[number], cuts[number + 1]
            if high - low == len(block.effects) and (rows[low:high] == np.arange(start, start + high - low)).all():
                found += block.changes()
            elif low < high:
                found += block.take(rows[low:high] - start).changes()
        return found

    def detached(self, effect: int) -> list[Block]:
        """Copies of the changes with an effect, in the order of the blocks."""
        some = (block.take((block.effects == effect).nonzero()[0]) if effect else block for block in self.blocks)
        return [Block(block.columns.detach(), block.effects.copy()) for block in some if len(block.effects)]


def _or_none(scores: Array) -> list[float | None]:
    """Scores as Python values; None for a missing one."""
    values: list[float | None] = scores.tolist()
    missing = np.isnan(scores)
    if missing.any():
        return [None if lacking else value for value, lacking in zip(values, missing.tolist(), strict=True)]
    return values
