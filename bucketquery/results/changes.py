"""Changes: what one commit did to one result, and ranges of changes that the log keeps in place of single ones."""

from dataclasses import dataclass
from typing import Any, Literal

from bucketquery.model.schema import Kind

Reason = Literal["inserted", "finalised", "deleted", "renormalised", "replaced"]
Effect = Literal["entered", "left", "stayed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one commit did to one result.

    Attributes:
        sequence: the number of the commit.
        time: when the commit was made, epoch ms by the index's clock.
        reason: ``inserted``, ``finalised``, ``deleted``, ``renormalised`` or ``replaced``; None in a listing.
        effect: ``entered``, ``left`` or ``stayed``: what the change did to the matches of the query.
        kind: the kind of the result.
        key: the identity of the result as in ``page.keys()``, the job first.
        old_score: the current score before; None if there was no result or no score.
        score: the current score after; None if there is no result or no score.
        was_interim: whether the result was interim; None if there was no result.
        is_interim: whether the result is interim; None if there is no result.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> bucket = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "anomaly_score": 80}
    >>> commit = index.upsert([bucket], kind="bucket")
    >>> change = index.changes(since=0)[0]
    >>> change.reason, change.key, change.old_score, change.score
    ('inserted', ('web', 0, 300), None, 80.0)
    """

    sequence: int
    time: int
    reason: Reason | None
    effect: Effect
    kind: Kind
    key: tuple[Any, ...]
    old_score: float | None
    score: float | None
    was_interim: bool | None
    is_interim: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRange:
    """Changes of one commit, job, kind and reason that the log does not keep one by one, because they were too many.

    The log keeps those of them whose old or new score is at or above the floor.

    Attributes:
        sequence: the number of the commit.
        time: when the commit was made, epoch ms by the index's clock.
        reason: what happened to the results.
        kind: the kind of the results.
        job_id: their job.
        first: the first timestamp among them, epoch ms.
        last: the last timestamp among them, epoch ms.
        count: the number of these changes, including those at or above the floor.
        floor: 3, 25, 50 or 75; infinite if the log keeps none of them.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex(changes_kept=10)
    >>> buckets = [{"job_id": "web", "timestamp": row, "bucket_span": 300} for row in range(20)]
    >>> commit = index.upsert(buckets, kind="bucket")
    >>> changes = index.changes(since=0)
    >>> [(found.reason, found.first, found.last, found.count, found.floor) for found in changes.ranges]
    [('inserted', 0, 19, 20, 3.0)]
    """

    sequence: int
    time: int
    reason: Reason
    kind: Kind
    job_id: str
    first: int
    last: int
    count: int
    floor: float
