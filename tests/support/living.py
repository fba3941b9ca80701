"""Writes as values, the stored results after each of them, and the feed that a reader should then have.

A `Step` is one call that may make a commit. `moments` applies steps to plain dicts, by the rules in
`bucketquery.testing`, and knows the sequence of each commit. `perform` makes the same call on an index.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bucketquery import Commit, ResultsIndex
from bucketquery.testing import (
    ExpectedChange,
    deleted,
    listing,
    matching_changes,
    overtaken,
    rescored,
    stored_results,
)
from support.strategies import Name, Query

Stored = Mapping[Name, Mapping[str, Any]]
Rows = Sequence[Mapping[str, Any]]

Call = Literal["upsert", "delete", "renormalize", "put_job", "delete_job"]


@dataclass(frozen=True, slots=True)
class Step:
    """One call that may make a commit: its name, and its arguments by name."""

    call: Call
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """The call as Python writes it."""
        return f"{self.call}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


def upsert(*documents: Mapping[str, Any], drop_interim: bool = False) -> Step:
    """Write these documents."""
    arguments: dict[str, Any] = {"documents": documents}
    return Step("upsert", arguments | ({"drop_interim": True} if drop_interim else {}))


def delete(job_id: Any = None, **window: Any) -> Step:
    """Delete the results of a window; None: of all jobs."""
    return Step("delete", {"job_id": job_id, **window})


def renormalize(job_id: str = "web", **tables: Rows) -> Step:
    """Give other scores: one list of rows for each argument of the call."""
    return Step("renormalize", {"job_id": job_id, **tables})


def put_job(job_id: str, bucket_span: int | None = None) -> Step:
    """Make a job known."""
    return Step("put_job", {"job_id": job_id, "bucket_span": bucket_span})


def delete_job(job_id: str = "web") -> Step:
    """Delete a job and its results."""
    return Step("delete_job", {"job_id": job_id})


def columns_of(rows: Rows) -> dict[str, list[Any]]:
    """Rows as columns, as `ResultsIndex.renormalize` takes them; a value that a row lacks is None."""
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}


def perform(index: ResultsIndex, step: Step) -> Commit:
    """Make the call of a step on an index."""
    arguments = dict(step.arguments)
    if step.call == "upsert":
        return index.upsert(arguments.pop("documents"), **arguments)
    if step.call == "delete":
        return index.delete(arguments.pop("job_id"), **arguments)
    if step.call == "renormalize":
        return index.renormalize(
            arguments.pop("job_id"), **{name: columns_of(rows) for name, rows in arguments.items()}
        )
    if step.call == "put_job":
        return index.put_job(arguments["job_id"], bucket_span=arguments["bucket_span"])
    return index.delete_job(arguments["job_id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The state of an index after a step.

    Attributes:
        sequence: the sequence of the newest commit.
        stored: the stored results by name.
        jobs: the known jobs, and the span of each.
        before: the results stored before the step.
        renormalised: whether the step gave other scores.
    """

    sequence: int
    stored: Stored
    jobs: Mapping[str, int | None]
    before: Stored
    renormalised: bool


def moments(steps: Iterable[Step], *, first: int = 0, keep_documents: bool = True) -> list[Moment]:
    """The state of a new index, and its state after each step."""
    reached = [Moment(sequence=first, stored={}, jobs={}, before={}, renormalised=False)]
    for step in steps:
        now = reached[-1]
        stored, jobs = after(now.stored, now.jobs, step)
        is_commit = jobs != now.jobs or bool(
            matching_changes(now.stored, stored, keep_documents=keep_documents) if stored is not now.stored else ()
        )
        reached.append(
            Moment(
                sequence=now.sequence + is_commit,
                stored=stored,
                jobs=jobs,
                before=now.stored,
                renormalised=step.call == "renormalize",
            )
        )
    return reached


def after(stored: Stored, jobs: Mapping[str, int | None], step: Step) -> tuple[Stored, Mapping[str, int | None]]:
    """The results and the known jobs after a step."""
    arguments = dict(step.arguments)
    if step.call == "put_job":
        return stored, {**jobs, arguments["job_id"]: arguments["bucket_span"]}
    if step.call == "delete_job":
        rest = {job_id: span for job_id, span in jobs.items() if job_id != arguments["job_id"]}
        return _without(stored, deleted(stored, [arguments["job_id"]])), rest
    if step.call == "delete":
        return _without(stored, deleted(stored, one_or_more(arguments.pop("job_id")), **arguments)), jobs
    if step.call == "renormalize":
        return {**stored, **rescored(stored, arguments.pop("job_id"), **arguments)}, jobs
    batch = stored_results(arguments["documents"])
    gone = overtaken(stored, arguments["documents"]) if arguments.get("drop_interim") else set()
    return {**_without(stored, gone), **batch}, {**{key[0]: None for _, key in batch}, **jobs}


def one_or_more(job_id: Any) -> list[str] | None:
    """The ids of the argument of `delete`; None stands for all jobs."""
    if job_id is None:
        return None
    return [job_id] if isinstance(job_id, str) else [*job_id]


def _without(stored: Stored, gone: set[Name]) -> Stored:
    return {name: document for name, document in stored.items() if name not in gone}


Feed = list[tuple[int, ExpectedChange]]


def expected_feed(
    reached: Sequence[Moment], query: Query | None, since: int | None, *, keep_documents: bool = True
) -> Feed:
    """The sequence and the rest of every change at the last of these moments, in any order within a commit."""
    newest = reached[-1]
    if since is None:
        return [(newest.sequence, change) for change in listing(newest.stored, query)]
    # A query that a feed refuses is refused without any commit too.
    assert matching_changes({}, {}, query) == []
    return [
        (moment.sequence, change)
        for moment in reached
        if moment.sequence > since
        for change in matching_changes(
            moment.before, moment.stored, query, renormalised=moment.renormalised, keep_documents=keep_documents
        )
    ]


def is_known(reached: Sequence[Moment], query: Query, since: int | None) -> bool:
    """Whether each job of a feed's query is known, or has a change after `since`."""
    changed = {change.key[0] for _, change in expected_feed(reached, None, since)} if since is not None else set()
    return all(job_id in reached[-1].jobs or job_id in changed for job_id in query.jobs)


def found_feed(changes: Iterable[Any]) -> Feed:
    """The changes of an index in the form of `expected_feed`."""
    return [
        (change.sequence, ExpectedChange(*(getattr(change, name) for name in ExpectedChange._fields)))
        for change in changes
    ]


def in_any_order(feed: Feed) -> list[str]:
    """A feed as texts that compare; within a commit the order is not specified."""
    sequences = [sequence for sequence, _ in feed]
    assert sequences == sorted(sequences), f"commits are not in order: {sequences}"
    return sorted(f"{sequence:>20} {change!r}" for sequence, change in feed)
