"""Change columns: some changes of one kind as columns, as the change log stores them and a feed reads them.

`change_parts` makes them from writes.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, repeat
from typing import Any, Final

import numpy as np

from bucketquery.jobs.descriptions import Descriptions, merged_descriptions
from bucketquery.model.schema import SCHEMAS, Array, Bools, Float64s, Int32s, Int64s, Kind, Objects, Schema, Type
from bucketquery.model.severity import MARKS
from bucketquery.results.changes import ChangeRange, Reason
from bucketquery.storage.keywords import NO_KEYWORDS, encode_keywords, keywords_of, without_unused
from bucketquery.storage.packed_rows import EMPTY_MAPPING
from bucketquery.storage.segment import Segment

#: The bits of a flag byte, which describes a result before and after a change: whether there was one and is one,
#: whether it was and is interim, whether `renormalize` changed it, and whether the change is one of a listing.
HAD: Final = 1
HAS: Final = 2
WAS_INTERIM: Final = 4
IS_INTERIM: Final = 8
RENORMALISED: Final = 16
LISTED: Final = 32

#: The reasons by their codes. A change of a listing has None.
REASONS: Final[tuple[Reason | None, ...]] = (
    None,
    "inserted",
    "finalised",
    "deleted",
    "renormalised",
    "replaced",
)

Flags = np.ndarray[Any, np.dtype[np.uint8]]


def _reason(flags: int) -> Reason | None:
    if flags & LISTED:
        return None
    if not flags & HAD:
        return "inserted"
    if not flags & HAS:
        return "deleted"
    if flags & RENORMALISED:
        return "renormalised"
    return "finalised" if flags & WAS_INTERIM and not flags & IS_INTERIM else "replaced"


#: The code of the reason of each flag byte.
REASON_OF: Final[Flags] = np.array([REASONS.index(_reason(flags)) for flags in range(2 * LISTED)], dtype=np.uint8)


class ChangeColumns:
    """Some changes of one kind, in the order of their commits.

    Attributes:
        schema: the kind.
        jobs: the jobs, and their codes in the order of the ids.
        codes: the code of each change's job, shape (n,); None if there is one job.
        sequences: the commit of each change.
        times: the time of that commit, epoch ms.
        flags: the flag byte of each change.
        old_scores: the score before, NaN if there was none.
        scores: the score after, NaN if there is none.
        identity: the columns of the identity, keywords as codes.
        dictionaries: the dictionaries of its keyword columns.
        descriptions: the other keywords of records, before and after; None for other kinds, and in a listing.
        ranges: the ranges of the changes that are not among these.
        replaced: the whole rows before the changes; no code fills it yet, so it is None.
    """

    __slots__ = (
        "codes",
        "descriptions",
        "dictionaries",
        "flags",
        "identity",
        "jobs",
        "old_scores",
        "ranges",
        "replaced",
        "schema",
        "scores",
        "sequences",
        "times",
    )

    def __init__(  # noqa: PLR0917 - changes need all of their columns
        self,
        schema: Schema,
        jobs: Mapping[str, int],
        codes: Int32s | None,
        sequences: Int64s,
        times: Int64s,
        flags: Flags,
        old_scores: Float64s,
        scores: Float64s,
        identity: Sequence[Array],
        dictionaries: Mapping[str, Objects] = EMPTY_MAPPING,
        descriptions: Descriptions | None = None,
        ranges: Sequence[ChangeRange] = (),
    ) -> None:
        self.schema = schema
        self.jobs = jobs
        self.codes = codes
        self.sequences = sequences
        self.times = times
        self.flags = flags
        self.old_scores = old_scores
        self.scores = scores
        self.identity = identity
        self.dictionaries = dictionaries
        self.descriptions = descriptions
        self.ranges = ranges
        self.replaced: Segment | None = None

    @property
    def length(self) -> int:
        """The number of changes."""
        return len(self.flags)

    def take(self, rows: slice | Int64s) -> "ChangeColumns":
        """Some of the changes, without the ranges; a slice of them is a view."""
        return ChangeColumns(
            self.schema,
            self.jobs,
            None if self.codes is None else self.codes[rows],
            self.sequences[rows],
            self.times[rows],
            self.flags[rows],
            self.old_scores[rows],
            self.scores[rows],
            [column[rows] for column in self.identity],
            self.dictionaries,
            None if self.descriptions is None else self.descriptions.take(rows),
        )

    def detach(self) -> "ChangeColumns":
        """Copies of these changes, without the jobs and keywords that none of them has."""
        jobs, codes = self.jobs, self.codes
        if codes is not None:
            used, found = np.unique(codes, return_inverse=True)
            codes, ids = found.astype(np.int32), list(jobs)
            jobs = {ids[code]: at for at, code in enumerate(used.tolist())}
        dictionaries, identity = {}, []
        for name, column in zip(self.schema.identity, self.identity, strict=True):
            dictionary = self.dictionaries.get(name)
            if dictionary is not None:
                column, dictionaries[name] = without_unused(column, dictionary)  # noqa: PLW2901 - the same keywords
            identity.append(column.copy())
        return ChangeColumns(
            self.schema,
            jobs,
            codes,
            self.sequences.copy(),
            self.times.copy(),
            self.flags.copy(),
            self.old_scores.copy(),
            self.scores.copy(),
            identity,
            dictionaries,
            None if self.descriptions is None else self.descriptions.detach(),
        )

    def job_ids(self) -> Iterable[str]:
        """The job of each change; an endless iterable if all have the same."""
        ids = list(self.jobs)
        return repeat(ids[0]) if self.codes is None else [ids[code] for code in self.codes.tolist()]

    def keys(self) -> list[tuple[Any, ...]]:
        """The identity of each change's result, the job first."""
        columns = [self.values(at, name) for at, name in enumerate(self.schema.identity)]
        return list(zip(self.job_ids(), *columns, strict=False))

    def values(self, at: int, name: str) -> list[Any]:
        """The values of a column of the identity, by its number and name; keywords as text."""
        column = self.identity[at]
        if self.schema.by_name[name].type is Type.KEYWORD:
            column = keywords_of(column, self.dictionaries.get(name, NO_KEYWORDS))
        values: list[Any] = column.tolist()
        return values

    def of_key(self, key: Sequence[Any]) -> Int64s:
        """The changes of one result, by its identity with the job."""
        code = self.jobs.get(key[0])
        if code is None:
            return np.empty(0, dtype=np.int64)
        found: Bools = self.identity[0] == key[1]
        for at, name in enumerate(self.schema.identity[1:], 1):
            wanted = key[at + 1]
            if self.schema.by_name[name].type is Type.KEYWORD:
                wanted = _code_of(self.dictionaries.get(name, NO_KEYWORDS), wanted)
            found &= self.identity[at] == wanted
        if self.codes is not None:
            found &= self.codes == code
        return found.nonzero()[0]

    def last_by_job(self) -> dict[str, int]:
        """The last commit of each job."""
        if self.codes is None:
            (job_id,) = self.jobs
            return {job_id: (self.sequences.item(-1) if len(self.flags) else self.ranges[0].sequence)}
        if self.length == len(self.jobs) and not self.sequences.strides[0]:
            # A batch with one change of each job; its sequences share one element.
            return dict.fromkeys(self.jobs, self.sequences.item(0))
        last = np.zeros(len(self.jobs), dtype=np.int64)
        # If a code is repeated, the last of its values is stored.
        last[self.codes] = self.sequences
        return dict(zip(self.jobs, last.tolist(), strict=True))

    def within(self, kept: int) -> "ChangeColumns":
        """These changes, of one commit and job; if more than ``kept``, ranges and the changes at or above a floor."""
        if self.length <= kept:
            return self
        reached = np.fmax(self.old_scores, self.scores)
        floor = next((mark for mark in MARKS if 10 * np.count_nonzero(reached >= mark) <= kept), np.inf)
        some = self.take((reached >= floor).nonzero()[0]).detach()
        (job_id,), timestamps, reasons = self.jobs, self.identity[0], REASON_OF[self.flags]
        some.ranges = [
            ChangeRange(
                sequence=self.sequences.item(0),
                time=self.times.item(0),
                reason=reason,
                kind=self.schema.kind,
                job_id=job_id,
                first=timestamps[rows].min().item(),
                last=timestamps[rows].max().item(),
                count=len(rows),
                floor=floor,
            )
            for code, reason in enumerate(REASONS)
            if reason is not None and len(rows := (reasons == code).nonzero()[0])
        ]
        return some

    def __reduce__(self) -> tuple[Any, ...]:
        own = self.detach()
        return _restore, (
            own.schema.kind,
            own.jobs,
            own.codes,
            own.sequences,
            own.times,
            own.flags,
            own.old_scores,
            own.scores,
            own.identity,
            own.dictionaries,
            own.descriptions,
        )


def _restore(kind: Kind, *parts: Any) -> ChangeColumns:
    return ChangeColumns(SCHEMAS[kind], *parts)


def _code_of(dictionary: Objects, keyword: str | None) -> int:
    """The code of a keyword; -2, which no row has, if the dictionary lacks it."""
    if keyword is None:
        return -1
    at = int(dictionary.searchsorted(keyword)) if len(dictionary) else 0
    return at if at < len(dictionary) and dictionary[at] == keyword else -2


def _texts(part: ChangeColumns, at: int, name: str) -> list[str | None]:
    """The keywords of a small part; arrays would take three times as long."""
    dictionary = part.dictionaries.get(name)
    if dictionary is None:
        return [None] * part.length
    # A missing keyword has the code -1, which picks the last text.
    texts = [*dictionary.tolist(), None]
    return [texts[code] for code in part.identity[at].tolist()]


def merged(parts: Sequence[ChangeColumns]) -> ChangeColumns:
    """The changes of several parts of one kind in the order of their commits; ranges are left out."""
    schema, jobs = parts[0].schema, dict[str, int]()
    codes = [jobs.setdefault(job_id, len(jobs)) for part in parts for job_id in islice(part.job_ids(), part.length)]
    identity: list[Array] = []
    dictionaries: dict[str, Objects] = {}
    for at, name in enumerate(schema.identity):
        if schema.by_name[name].type is Type.KEYWORD:
            column, dictionary = encode_keywords([text for part in parts for text in _texts(part, at, name)])
            if len(dictionary):
                dictionaries[name] = dictionary
        else:
            column = np.concatenate([part.identity[at] for part in parts])
        identity.append(column)
    descriptions = [part.descriptions for part in parts if part.descriptions is not None]
    columns = ChangeColumns(
        schema,
        jobs,
        np.array(codes, dtype=np.int32) if len(jobs) > 1 else None,
        np.concatenate([part.sequences for part in parts]),
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.flags for part in parts]),
        np.concatenate([part.old_scores for part in parts]),
        np.concatenate([part.scores for part in parts]),
        identity,
        dictionaries,
        merged_descriptions(descriptions) if descriptions else None,
    )
    is_in_order = (columns.sequences[1:] >= columns.sequences[:-1]).all()
    return columns if is_in_order else columns.take(columns.sequences.argsort(kind="stable"))
