"""The parts of the rule tables about deletes, new scores, the change feed and cursors.

A row reads from left to right: the rule, its claim, what was written, what is asked, what comes, and the source. Writes
are the steps of `support.living`. A change is one line: the commit, the reason, the effect, the result, and both sides
of the change::

    3 replaced entered: bucket 0, 50 -> 90
    4 finalised stayed: record 0 detector 1, 80 interim -> 80
    5 deleted left: db influencer 0 host a, no score -> nothing

A result of the job ``web`` does not show its job, and a span of an hour is not shown. Pages are the names of their
results with bars between the pages: ``"a b | c"``.
"""

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from bucketquery import BucketQueryError, ChangesExpired, InvalidCursor, Kind, ResultsIndex, Snapshot
from bucketquery.testing import evaluate, evaluate_after, matching_changes, stored_results
from support.living import (
    Moment,
    Step,
    Stored,
    after,
    expected_feed,
    found_feed,
    in_any_order,
    moments,
    perform,
)
from support.semantics_tables import (
    CALLS,
    HOUR_S,
    JOB,
    LISTS,
    QUERIES,
    SCORES,
    Document,
    Documents,
    Query,
    Refusal,
    assert_refusal,
    identity,
    index_of,
    names_of_bodies,
    names_of_keys,
)
from support.strategies import Name

#: Results as response bodies, by kind and identity.
Shown = dict[tuple[str, tuple[Any, ...]], dict[str, Any]]
#: Settings of an index that keeps no documents.
BARE: Mapping[str, Any] = {"keep_documents": False}


def bad_cursor() -> Refusal:
    """The refusal of a cursor."""
    return Refusal(InvalidCursor, 400, "illegal_argument_exception", "after", "")


def expired() -> Refusal:
    """The refusal of a `since` whose changes the log has dropped."""
    return Refusal(ChangesExpired, 410, "resource_gone_exception", "since", "")


# ---- what is left


@dataclass(frozen=True, slots=True)
class Left:
    """A write leaves these results.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        given: the stored documents by name.
        write: the write.
        expected: the names of all results afterwards, of every kind, in any order.
        source: the source of the rule.
        batch: the names of the documents that the write brings.
        jobs: the known jobs afterwards.
        now: the time of the clock, epoch ms.
        counts: the counts of the commit that are not 0 besides `deleted`.
    """

    rule: str
    claim: str
    given: Documents
    write: Step
    expected: str
    source: str
    _: KW_ONLY
    batch: Documents = field(default_factory=dict)
    jobs: str = JOB
    now: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


def assert_left(row: Left) -> None:
    """Assert what an index, with documents and without, has after the write, and what the commit and the feed say."""
    left_by_reference(row)
    for settings in ({}, BARE):
        index = index_of(row.given.values(), clock=lambda: row.now, **settings)
        older, before = index.snapshot(), everything(index)
        commit = perform(index, row.write)
        index.check()
        known = {**row.given, **row.batch}
        left = everything(index)
        assert names_left(known, left) == sorted(row.expected.split()), settings
        deleted = len(set(before) - set(left))
        counts = {name: getattr(commit, name) for name in ("inserted", "replaced", "unchanged", "repeated", "deleted")}
        assert counts == {**dict.fromkeys(counts, 0), "deleted": deleted, **row.counts}, settings
        is_commit = any(counts[name] for name in ("inserted", "replaced", "deleted"))
        assert commit.sequence == index.sequence == older.sequence + is_commit
        assert everything(older) == before, "an older snapshot changed"
        assert index.jobs() == tuple(sorted(row.jobs.split()))
        assert index.stats()["rows"] == {kind: [name for name, _ in left].count(kind) for kind in CALLS}
        reasons = [change.reason for change in index.changes(since=older.sequence)]
        assert reasons.count("deleted") == deleted


def left_by_reference(row: Left) -> None:
    """Assert that the reference leaves the results of the row, unless it would have to parse a date."""
    instants = {name: row.write.arguments[name] for name in ("start", "end") if name in row.write.arguments}
    if all(type(instant) is int for instant in instants.values() if instant is not None):
        stored, _ = after(stored_results(row.given.values()), {}, row.write)
        assert names_left({**row.given, **row.batch}, stored) == sorted(row.expected.split()), "the reference"


def everything(results: ResultsIndex | Snapshot) -> list[Name]:
    """The kind and the identity of all results, by the pages of every known job."""
    found: list[Name] = []
    for kind in CALLS:
        for job_id in results.jobs():
            page = results.search(QUERIES[kind](jobs=job_id, size=10_000))
            assert page.count == len(page)
            keys = page.keys()
            found += [(kind, key) for key in keys]
    return found


def names_left(known: Documents, names: Iterable[Name]) -> list[str]:
    """The names of documents that have these kinds and identities, sorted."""
    by_name = {(document["result_type"], identity(document)): name for name, document in known.items()}
    return sorted(by_name[name] for name in names)


# ---- new scores


@dataclass(frozen=True, slots=True)
class Rescored:
    """New scores for stored results.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        given: the stored documents by name.
        tables: the arguments of the call, each as a list of rows.
        expected: the scores afterwards, by name of the document; a bucket whose name ends in ``'s influencers`` has
            the list of those of its influencers. Every result that is not named keeps its scores.
        commit: replaced, unchanged and repeated.
        source: the source of the rule.
        settings: the settings of the index.
    """

    rule: str
    claim: str
    given: Documents
    tables: Mapping[str, Sequence[Mapping[str, Any]]]
    expected: Mapping[str, float | list[float]]
    commit: tuple[int, int, int]
    source: str
    _: KW_ONLY
    settings: Mapping[str, Any] = field(default_factory=dict)


def assert_rescored(row: Rescored) -> None:
    """Assert the scores of every result afterwards, that nothing else changed, and what the commit and the feed say."""
    index = index_of(row.given.values(), **row.settings)
    older, before = index.snapshot(), bodies(index)
    write = Step("renormalize", {"job_id": JOB, **row.tables})
    commit = perform(index, write)
    index.check()
    assert (commit.replaced, commit.unchanged, commit.repeated) == row.commit
    assert (commit.inserted, commit.deleted, dict(commit.skipped)) == (0, 0, {})
    assert commit.sequence == index.sequence == older.sequence + (row.commit[0] > 0)
    assert bodies(index) == with_scores(row, before)
    assert bodies(older) == before, "an older snapshot changed"
    reasons = [(change.reason, change.effect) for change in index.changes(since=older.sequence)]
    assert reasons == [("renormalised", "stayed")] * row.commit[0]
    rescored_by_reference(row)


def with_scores(row: Rescored, before: Shown) -> Shown:
    """The results that were shown before, with the scores of the row."""
    wanted = {name: dict(body) for name, body in before.items()}
    for name, scores in row.expected.items():
        document = row.given[name.removesuffix("'s influencers")]
        body = wanted[document["result_type"], identity(document)]
        if isinstance(scores, list):
            body["bucket_influencers"] = [
                {**nested, "anomaly_score": score}
                for nested, score in zip(body["bucket_influencers"], scores, strict=True)
            ]
        else:
            body[SCORES[document["result_type"]]] = scores
    return wanted


def rescored_by_reference(row: Rescored) -> None:
    """Assert that the reference has the scores and the number of changes of the row."""
    stored = stored_results(row.given.values())
    changed, _ = after(stored, {}, Step("renormalize", {"job_id": JOB, **row.tables}))
    keep_documents = not row.settings
    changes = matching_changes(stored, changed, renormalised=True, keep_documents=keep_documents)
    assert len(changes) == row.commit[0]
    if keep_documents:
        assert _shown(changed) == with_scores(row, _shown(stored)), "the reference"


def _shown(stored: Stored) -> Shown:
    return {
        (kind, identity(body)): body
        for kind in CALLS
        for body in evaluate(stored.values(), QUERIES[kind](jobs=JOB, size=10_000))[LISTS[kind]]
    }


def bodies(results: ResultsIndex | Snapshot) -> Shown:
    """Every result of the job as a response body, by kind and identity; of an index without documents, its columns."""
    found: Shown = {}
    for kind in CALLS:
        page = results.search(QUERIES[kind](jobs=JOB, size=10_000))
        names = ("is_interim", SCORES[kind], f"initial_{SCORES[kind]}")
        try:
            shown = page.to_dict()[LISTS[kind]]
        except BucketQueryError:
            columns = [page.column(name).tolist() for name in names]
            shown = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
        found |= {(kind, key): body for key, body in zip(page.keys(), shown, strict=True)}
    return found


# ---- the feed


@dataclass(frozen=True, slots=True)
class Fed:
    """The feed after these writes.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        writes: the writes, in order; a write that changes something makes the next commit, the first is commit 1.
        asked: the parameters of the query; None for the feed without a query.
        since: where to read from.
        expected: the changes, a line each.
        source: the source of the rule.
        of: the kind of the query.
        settings: the settings of the index.
    """

    rule: str
    claim: str
    writes: Sequence[Step]
    asked: Mapping[str, Any] | None
    since: int | None
    expected: Sequence[str]
    source: str
    _: KW_ONLY
    of: Kind = "bucket"
    settings: Mapping[str, Any] = field(default_factory=dict)


def assert_fed(row: Fed) -> None:
    """Assert the feed of the index and of its snapshots, its parts, and that the reference has the same."""
    index = ResultsIndex(**row.settings)
    snapshots = [index.snapshot()]
    for write in row.writes:
        perform(index, write)
        snapshots.append(index.snapshot())
    query = None if row.asked is None else QUERIES[row.of](**{"jobs": JOB, **row.asked})
    for results in (index, snapshots[-1]):
        changes = results.changes(query, since=row.since)
        assert sorted(line(change) for change in changes) == sorted(row.expected)
        assert (len(changes), changes.sequence) == (len(row.expected), index.sequence)
        assert tuple(changes.ranges) == ()
        assert [change.sequence for change in changes] == sorted(change.sequence for change in changes)
        for effect in ("entered", "left", "stayed"):
            assert list(getattr(changes, effect)) == [change for change in changes if change.effect == effect]
    sequences = [moment.sequence for moment in fed_by_reference(row)]
    assert [snapshot.sequence for snapshot in snapshots] == sequences
    if row.since is not None:
        _assert_parts(snapshots, query, row.since)


def fed_by_reference(row: Fed) -> list[Moment]:
    """Assert that the reference has the changes of the row, unless it would have to parse a date."""
    keep_documents = row.settings.get("keep_documents", True)
    reached = moments(row.writes, first=row.settings.get("first_sequence", 0), keep_documents=keep_documents)
    query = None if row.asked is None else QUERIES[row.of](**{"jobs": JOB, **row.asked})
    if not any(isinstance(getattr(query, name, None), str) for name in ("start", "end", "timestamp")):
        wanted = expected_feed(reached, query, row.since, keep_documents=keep_documents)
        lines = [line(SimpleNamespace(sequence=sequence, **change._asdict())) for sequence, change in wanted]
        assert sorted(lines) == sorted(row.expected), "the reference"
    return reached


def _assert_parts(snapshots: Sequence[Snapshot], query: Query | None, since: int) -> None:
    """Assert that every way to read the feed in two calls has the same changes as one call."""
    newest = snapshots[-1]
    whole = in_any_order(found_feed(newest.changes(query, since=since)))
    for middle in snapshots:
        if middle.sequence >= since and (query is None or set(query.jobs) <= {*middle.jobs()}):
            first = middle.changes(query, since=since)
            assert first.sequence == middle.sequence
            try:
                second = newest.changes(query, since=first.sequence)
            except BucketQueryError as error:
                # The changes of a deleted job are read once.
                assert type(error).__name__ == "UnknownJob"  # noqa: PT017 - other errors must differ
                continue
            assert sorted(in_any_order(found_feed(first)) + in_any_order(found_feed(second))) == whole


def line(change: Any) -> str:
    """A change as the line of a row."""
    sides = [
        _side(change.old_score, change.was_interim),
        _side(change.score, change.is_interim),
    ]
    return f"{change.sequence} {change.reason} {change.effect}: {label(change.kind, change.key)}, {' -> '.join(sides)}"


def _side(score: float | None, interim: bool | None) -> str:
    if interim is None:
        assert score is None
        return "nothing"
    assert score is None or type(score) is float
    assert type(interim) is bool
    return ("no score" if score is None else f"{score:g}") + (" interim" if interim else "")


def label(kind: str, key: tuple[Any, ...]) -> str:
    """A result in words: its kind, its timestamp, and the rest of its identity if it has one."""
    job_id, timestamp, span, *rest = key
    words = [job_id] if job_id != JOB else []
    words += [kind, str(timestamp)] + ([f"span {span}"] if span != HOUR_S else [])
    if kind == "record":
        detector, *values = rest
        words += [f"detector {detector}"] if detector else []
        words += [
            f"{role} {value!r}"
            for role, value in zip(("by", "over", "partition"), values, strict=True)
            if value is not None
        ]
    elif kind == "influencer":
        words += [str(part) for part in rest if part is not None]
    return " ".join(words)


@dataclass(frozen=True, slots=True)
class Ranged:
    """The ranges of a log that keeps ten changes, a line each: commit, reason, kind, job, timestamps, count and floor.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        writes: the writes, in order.
        asked: the parameters of the query; None for the feed without a query.
        expected: the ranges: ``1 inserted bucket web 0 to 19: 20 below 3``.
        source: the source of the rule.
        changes: the number of changes beside the ranges.
        since: where to read from.
        of: the kind of the query.
    """

    rule: str
    claim: str
    writes: Sequence[Step]
    asked: Mapping[str, Any] | None
    expected: Sequence[str]
    source: str
    _: KW_ONLY
    changes: int = 0
    since: int = 0
    of: Kind = "bucket"


def assert_ranged(row: Ranged) -> None:
    """Assert the ranges of the feed, and the number of changes beside them."""
    index = ResultsIndex(changes_kept=10)
    for write in row.writes:
        perform(index, write)
    query = None if row.asked is None else QUERIES[row.of](**{"jobs": JOB, **row.asked})
    changes = index.changes(query, since=row.since)
    assert sorted(ranges_of(changes)) == sorted(row.expected)
    assert (len(changes), changes.sequence) == (row.changes, index.sequence)


def ranges_of(changes: Any) -> list[str]:
    """The ranges of an answer as the lines of a row."""
    return [
        f"{found.sequence} {found.reason} {found.kind} {found.job_id} {found.first} to {found.last}:"
        f" {found.count} below {found.floor:g}"
        for found in changes.ranges
    ]


# ---- pages behind cursors


@dataclass(frozen=True, slots=True)
class Walked:
    """A walk over pages by their cursors.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        given: the documents by name.
        asked: the parameters of the query.
        expected: the pages, with bars between them.
        source: the source of the rule.
        sizes: the size of each page but the first; the last size holds for all pages behind it. Empty: always the
            query's own.
        of: the kind of the query.
        count: the number of all matches; None if the pages hold all of them.
        settings: the settings of the index.
    """

    rule: str
    claim: str
    given: Documents
    asked: Mapping[str, Any]
    expected: str
    source: str
    _: KW_ONLY
    sizes: Sequence[int] = ()
    of: Kind = "bucket"
    count: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def pages_of(text: str) -> list[list[str]]:
    """The names on each page: ``"a b | c"`` is two pages, an empty text one page without results."""
    return [page.split() for page in text.split("|")]


def assert_walked(row: Walked) -> None:
    """Assert the pages of a walk on the index and on a snapshot, those of `pages`, and those of the reference."""
    walked_by_reference(row)
    index = index_of(row.given.values(), **row.settings)
    query = QUERIES[row.of](**{"jobs": JOB, **row.asked})
    expected = pages_of(row.expected)
    count = sum(map(len, expected)) if row.count is None else row.count
    sizes = [query.size, *row.sizes]
    for results in (index, index.snapshot()):
        walked, cursor = [], None
        for number, names in enumerate(expected):
            asked = query.replace(size=sizes[min(number, len(sizes) - 1)])
            page = results.search(asked) if cursor is None else results.search(asked, after=cursor)
            assert page.count == count
            walked.append(names_of_keys(row.given, page.keys()))
            if not row.settings:
                assert names_of_bodies(row.given, page.to_dict()[LISTS[row.of]]) == walked[-1]
            cursor = page.cursor
            assert (cursor is None) == (number == len(expected) - 1), f"the cursor of page {number}: {names}"
            assert cursor is None or (cursor.isascii() and len(cursor) <= 1024)
        assert walked == expected
        if not row.sizes and query.size:
            found = list(results.pages(query))
            assert [names_of_keys(row.given, page.keys()) for page in found] == expected
            assert [page.cursor is None for page in found] == [False] * (len(found) - 1) + [True]
            assert {(page.count, page.sequence) for page in found} == {(count, results.sequence)}


def walked_by_reference(row: Walked) -> None:
    """Assert that the reference has the pages of the row."""
    query, expected = QUERIES[row.of](**{"jobs": JOB, **row.asked}), pages_of(row.expected)
    sizes = [query.size, *row.sizes]
    documents = list(row.given.values())
    bodies_of = [evaluate(documents, query)]
    for number, names in enumerate(expected[:-1], start=1):
        asked = query.replace(size=sizes[min(number, len(sizes) - 1)])
        bodies_of.append(evaluate_after(documents, asked, row.given[names[-1]]))
    assert [names_of_bodies(row.given, body[LISTS[row.of]]) for body in bodies_of] == expected, "the reference"


@dataclass(frozen=True, slots=True)
class Continued:
    """The page behind a cursor, read after other writes.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        given: the documents by name that the first page is read from.
        asked: the parameters of the query.
        first: the names on the first page.
        writes: the writes before the next page.
        expected: the names on the next page; documents that the writes bring are named in `later`.
        source: the source of the rule.
        later: documents of the writes, by name.
        of: the kind of the query.
    """

    rule: str
    claim: str
    given: Documents
    asked: Mapping[str, Any]
    first: str
    writes: Sequence[Step]
    expected: str
    source: str
    _: KW_ONLY
    later: Documents = field(default_factory=dict)
    of: Kind = "bucket"


def assert_continued(row: Continued) -> None:
    """Assert the next page of the index, that of the older snapshot's own walk, and that of the reference."""
    wanted = continued_by_reference(row)
    index = index_of(row.given.values())
    query = QUERIES[row.of](**{"jobs": JOB, **row.asked})
    older, page = index.snapshot(), index.search(query)
    assert names_of_keys(row.given, page.keys()) == row.first.split()
    cursor = page.cursor
    assert cursor is not None
    frozen = older.search(query, after=cursor).keys()
    for write in row.writes:
        perform(index, write)
    found = index.search(query, after=cursor)
    known = {**row.given, **row.later}
    assert names_of_keys(known, found.keys()) == row.expected.split()
    assert older.search(query, after=cursor).keys() == frozen
    assert (found.count, found.cursor is None) == wanted
    assert pickle.loads(pickle.dumps(page)).cursor == cursor


def continued_by_reference(row: Continued) -> tuple[int, bool]:
    """Assert that the reference has the next page of the row; return its count, and whether it is the last."""
    query = QUERIES[row.of](**{"jobs": JOB, **row.asked})
    stored: Stored = stored_results(row.given.values())
    for write in row.writes:
        stored, _ = after(stored, {}, write)
    last = row.given[row.first.split()[-1]]
    behind = evaluate_after(stored.values(), query.replace(size=10_000), last)
    names = names_of_bodies({**row.given, **row.later}, behind[LISTS[row.of]])
    assert names[: query.size] == row.expected.split(), "the reference"
    return behind["count"], len(names) <= query.size


# ---- refusals


@dataclass(frozen=True, slots=True)
class CallRefused:
    """A call after these writes is refused, and changes nothing.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        writes: the writes before.
        call: the call on the index.
        expected: the error.
        source: the source of the rule.
        settings: the settings of the index.
    """

    rule: str
    claim: str
    writes: Sequence[Step]
    call: Callable[[ResultsIndex], object]
    expected: Refusal
    source: str
    _: KW_ONLY
    settings: Mapping[str, Any] = field(default_factory=dict)


def assert_call_refused(row: CallRefused) -> None:
    """Assert the error of the call, and that the index still has the same snapshot."""
    index = ResultsIndex(**row.settings)
    for write in row.writes:
        perform(index, write)
    older = index.snapshot()
    with pytest.raises(BucketQueryError) as caught:
        row.call(index)
    assert_refusal(caught.value, row.expected)
    assert index.snapshot() is older


def named(*documents: Document) -> Documents:
    """These documents, named ``a``, ``b`` and so on."""
    return {chr(ord("a") + number): document for number, document in enumerate(documents)}
