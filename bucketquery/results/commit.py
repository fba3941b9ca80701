"""Commits: what one write did."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bucketquery.model.frozen import FrozenMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What one write did.

    Attributes:
        sequence: the number of the newest commit after it; a write that changed nothing made none.
        inserted: identities that were new.
        replaced: identities of which some stored value differs now.
        unchanged: identities that were stored just so already.
        deleted: results that are gone.
        skipped: documents that were passed over, by ``result_type``; "" for those without one.

    >>> Commit(sequence=1, inserted=3).inserted
    3
    """

    sequence: int
    inserted: int = 0
    replaced: int = 0
    unchanged: int = 0
    deleted: int = 0
    skipped: Mapping[str, int] = FrozenMapping({})


#: Past the guard of a frozen value, and quicker than `object.__setattr__`.
_put_sequence: Final = vars(Commit)["sequence"].__set__


_put_inserted: Final = vars(Commit)["inserted"].__set__


_put_replaced: Final = vars(Commit)["replaced"].__set__


_put_unchanged: Final = vars(Commit)["unchanged"].__set__


_put_deleted: Final = vars(Commit)["deleted"].__set__


_put_skipped: Final = vars(Commit)["skipped"].__set__


def commit_of(
    sequence: int, inserted: int, replaced: int, unchanged: int, *, deleted: int, skipped: Mapping[str, int]
) -> Commit:
    """The commit with these fields, in half of the time that calling the class takes.

    >>> commit_of(1, 3, 0, 0, deleted=0, skipped=FrozenMapping({})) == Commit(sequence=1, inserted=3)
    True
    """
    commit = object.__new__(Commit)
    _put_sequence(commit, sequence)
    _put_inserted(commit, inserted)
    _put_replaced(commit, replaced)
    _put_unchanged(commit, unchanged)
    _put_deleted(commit, deleted)
    _put_skipped(commit, skipped)
    return commit
