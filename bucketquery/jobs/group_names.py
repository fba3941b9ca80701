"""Names of groups: how many jobs are in each group, immutable and copied on write."""

from collections.abc import Iterable, Sequence
from typing import Final

#: The number of small dicts. A change copies the list of them, and those that it changes.
_SHARDS: Final = 256


class GroupNames:
    """The groups that at least one job is in, at one commit.

    The index needs the names at each `put_job`, to refuse a job with such a name. So a change of one job takes
    microseconds for any number of groups.

    >>> names = GroupNames().changed((), ("shop", "eu"))
    >>> "shop" in names, "shop" in names.changed(("shop",), ()), len(names)
    (True, False, 2)
    """

    __slots__ = ("_memberships", "_shards")

    def __init__(self, shards: Sequence[dict[str, int]] = ({},) * _SHARDS, memberships: int = 0) -> None:
        self._shards = shards
        self._memberships = memberships

    def __contains__(self, name: str) -> bool:
        return name in self._shards[hash(name) % _SHARDS]

    def __len__(self) -> int:
        """The number of memberships: the groups of each job, added up."""
        return self._memberships

    def changed(self, before: Iterable[str], after: Iterable[str]) -> "GroupNames":
        """The names after one job has left some groups and joined others."""
        shards = [*self._shards]
        copied: set[int] = set()
        memberships = self._memberships
        for name, step in (*((name, -1) for name in before), *((name, 1) for name in after)):
            at = hash(name) % _SHARDS
            if at not in copied:
                copied.add(at)
                shards[at] = {**shards[at]}
            counts = shards[at]
            counts[name] = counts.get(name, 0) + step
            if not counts[name]:
                del counts[name]
            memberships += step
        return GroupNames(shards, memberships)
