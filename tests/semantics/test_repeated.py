"""Our decision on commits: how many documents, rows and nested records of a batch a later one replaces."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import pytest

from bucketquery import Commit, Kind, ResultsIndex
from support.document_tables import SIZES, WAYS_TO_WRITE, batch_of, note, page_without_others
from support.semantics_tables import (
    CALLS,
    JOB,
    SCORES,
    assert_same_body,
    bucket,
    each_row,
    index_of,
    influencer,
    record,
    result,
)

RULE = "20.commits"


@dataclass(frozen=True, slots=True)
class Counted:
    """A batch that is written after another, and the counts of its commit.

    Attributes:
        rule: its number.
        claim: what the row says.
        before: the documents that are stored before.
        batch: the batch.
        inserted: the number of new results.
        replaced: the number of changed results.
        unchanged: the number of equal results.
        repeated: the number of documents that a later one wrote over.
        source: where the rule comes from.
        skipped: the skipped documents by type.
    """

    rule: str
    claim: str
    before: Sequence[Mapping[str, Any]]
    batch: Sequence[Any]
    inserted: int
    replaced: int
    unchanged: int
    repeated: int
    source: str
    _: KW_ONLY
    skipped: int = 0


PLOT = {"result_type": "model_plot"}


def of_a_kind(kind: Kind) -> list[Counted]:
    """Rows about results of one kind."""

    def make(time: int, value: float, **fields: Any) -> dict[str, Any]:
        return result(kind, time, **{SCORES[kind]: value}, **fields)

    rows: list[tuple[str, list[Any], list[Any], tuple[int, int, int, int], str]] = [
        ("none twice", [], [make(0, 1), make(1, 1)], (2, 0, 0, 0), "ours"),
        ("one twice", [], [make(0, 1), make(0, 2)], (1, 0, 0, 1), "ours"),
        ("one three times", [], [make(0, 1), make(0, 2), make(0, 3)], (1, 0, 0, 2), "ours"),
        ("the same document twice", [], [make(0, 1)] * 2, (1, 0, 0, 1), "ours"),
        ("two of them twice", [], [make(1, 1), make(0, 1), make(1, 2), make(0, 2)], (2, 0, 0, 2), "ours"),
        ("over a stored one", [make(0, 0)], [make(0, 1), make(0, 2)], (0, 1, 0, 1), "ours"),
        ("the last is the stored one", [make(0, 2)], [make(0, 1), make(0, 2)], (0, 0, 1, 1), "ours"),
        ("the first is the stored one", [make(0, 1)], [make(0, 1), make(0, 2)], (0, 1, 0, 1), "ours"),
        (
            "other spans and jobs are other results",
            [],
            [make(0, 1), make(0, 1, bucket_span=60), make(0, 1, job_id="db"), make(0, 2, job_id="db")],
            (3, 0, 0, 1),
            "12.1",
        ),
        (
            "instants written differently",
            [],
            [make(0, 1), make(0, 2, timestamp="1970-01-01"), make(0, 3, timestamp=0.0)],
            (1, 0, 0, 2),
            "20.identity",
        ),
    ]
    return [
        Counted(RULE, f"{kind}: {claim}", before, batch, *counts, source)
        for claim, before, batch, counts, source in rows
    ] + [
        Counted(
            RULE,
            f"{kind}: each count at once",
            [make(0, 1), make(1, 1)],
            [make(0, 1), PLOT, make(1, 5), make(2, 1), make(1, 2), PLOT, make(2, 1)],
            *(1, 1, 1, 2),
            "ours",
            skipped=2,
        )
    ]


COUNTED = [row for kind in CALLS for row in of_a_kind(kind)]
COUNTED += [
    Counted(RULE, "kinds do not repeat each other", [], [bucket(0), record(0), influencer(0)], 3, 0, 0, 0, "12.1"),
    Counted(
        RULE,
        "kinds in turn",
        [],
        [record(0), bucket(0), record(0), influencer(0), bucket(0), influencer(0)],
        3,
        0,
        0,
        3,
        "ours",
    ),
    Counted(RULE, "skipped documents do not repeat", [], [PLOT, PLOT], 0, 0, 0, 0, "ours", skipped=2),
    Counted(
        RULE,
        "a missing detector is detector 0",
        [],
        [record(0), record(0, detector_index=0)],
        1,
        0,
        0,
        1,
        "20.identity",
    ),
    Counted(
        RULE, "an absent value is not empty", [], [record(0), record(0, by_field_value="")], 2, 0, 0, 0, "20.identity"
    ),
    Counted(
        RULE,
        "nested records",
        [],
        [bucket(0, records=[{}, {"record_score": 1}]), bucket(0), record(0)],
        2,
        0,
        0,
        3,
        "20.records-in-buckets",
    ),
    Counted(
        "20.identity", "the others of an identity", [], [bucket(0), bucket(0), bucket(0)], 1, 0, 0, 2, "ours: counted"
    ),
]


@pytest.mark.parametrize("keep", [True, False], ids=["documents kept", "documents not kept"])
@each_row(COUNTED)
def test_commit_counts_the_repeated(row: Counted, keep: bool) -> None:
    """The counts are those of the row, in batches of every size, with and without documents."""
    for size in (0, *SIZES):
        for kind in CALLS:
            with note(f"in a batch of {size}, among others of the kind {kind}"):
                index = index_of(row.before, keep_documents=keep)
                batch, _ = batch_of(size, row.batch, kind)
                commit = index.upsert(batch)
                others = len(batch) - len(row.batch)
                assert_counts(commit, row, others)


def assert_counts(commit: Commit, row: Counted, others: int = 0) -> None:
    """Assert the counts of the row, with this number of other results."""
    counts = (commit.inserted, commit.replaced, commit.unchanged, commit.repeated, sum(commit.skipped.values()))
    assert counts == (row.inserted + others, row.replaced, row.unchanged, row.repeated, row.skipped)
    assert commit.deleted == 0


@each_row([row for row in COUNTED if row.claim.startswith(tuple(CALLS)) and not row.skipped])
def test_every_way_to_write_counts_the_repeated(row: Counted) -> None:
    """Lists, generators, search hits and answers give the same counts."""
    kind: Kind = row.claim.partition(":")[0]  # type: ignore[assignment]  # the claim begins with the kind
    for name, way in WAYS_TO_WRITE.items():
        with note(f"given as {name}"):
            given, has_kind = way(row.batch, kind)
            assert_counts(index_of(row.before).upsert(given, kind=kind if has_kind else None), row)


# ---- large batches


def repeated_batch(kind: Kind, size: int, distinct: int) -> list[dict[str, Any]]:
    """A batch in which the same instants come again and again, each time with another score."""
    return [result(kind, row * 7 % distinct, **{SCORES[kind]: row}) for row in range(size)]


@pytest.mark.parametrize("distinct", [1, 2, 15, 1_400])
@pytest.mark.parametrize("size", [*SIZES, 16, 17, 1_024, 1_025])
@pytest.mark.parametrize("kind", CALLS)
def test_repeated_documents_of_large_batches(kind: Kind, size: int, distinct: int) -> None:
    """20.commits: the counts add up in batches of every size, and the last document of each identity wins."""
    batch = repeated_batch(kind, size, distinct)
    last = {document["timestamp"]: document for document in batch}
    index = index_of([])
    commit = index.upsert(batch)
    assert (commit.inserted, commit.repeated) == (len(last), size - len(last))
    assert_same_body(
        page_without_others(index, kind).to_dict(), page_without_others(index_of(last.values()), kind).to_dict()
    )
    again = index.upsert(batch[:-1] + batch[-1:])
    assert (again.inserted, again.replaced, again.unchanged, again.repeated) == (0, 0, len(last), size - len(last))


@pytest.mark.parametrize("size", SIZES)
def test_repeated_nested_records_of_large_batches(size: int) -> None:
    """20.commits: nested records count like documents, whether or not their bucket is repeated."""
    batch = [bucket(row // 2, records=[{}, {"detector_index": row % 3}]) for row in range(size)]
    records = {(row // 2, number) for row in range(size) for number in (0, row % 3)}
    buckets = -(-size // 2)
    commit = index_of([]).upsert(batch)
    assert (commit.inserted, commit.repeated) == (len(records) + buckets, 3 * size - len(records) - buckets)


# ---- columns and new scores


def upserted(index: ResultsIndex, kind: Kind, columns: Mapping[str, Any]) -> Commit:
    """The commit of columns of a job."""
    return index.upsert_columns(columns, job_id=JOB, kind=kind)


@pytest.mark.parametrize("distinct", [1, 2, 15, 1_400])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", CALLS)
def test_repeated_rows_of_columns(kind: Kind, size: int, distinct: int) -> None:
    """20.commits: rows of columns are counted like documents."""
    times = np.arange(size) * 7 % distinct
    columns = {"timestamp": times, "bucket_span": 3_600, SCORES[kind]: np.arange(float(size))}
    index = index_of([])
    commit = upserted(index, kind, columns)
    kept = len(set(times.tolist()))
    assert (commit.inserted, commit.repeated) == (kept, size - kept)
    same = upserted(index, kind, columns)
    assert (same.unchanged, same.repeated, same.sequence) == (kept, size - kept, commit.sequence)
    documents = index_of([]).upsert(repeated_batch(kind, size, distinct))
    assert (documents.inserted, documents.repeated) == (commit.inserted, commit.repeated)


def test_repeated_rows_of_an_identity_with_texts() -> None:
    """20.commits: rows of columns repeat each other only if the whole identity is equal."""
    columns = {
        "timestamp": [0] * 6,
        "bucket_span": 60,
        "by_field_value": ["a", "a", None, "", None, "b"],
        "detector_index": [None, 0, 0, 0, None, 0],
    }
    commit = upserted(index_of([]), "record", columns)
    assert (commit.inserted, commit.repeated) == (4, 2)
    names = {
        "timestamp": [0] * 4,
        "bucket_span": 60,
        "influencer_field_name": ["host", "host", "user", None],
        "influencer_field_value": ["a", "a", "a", "a"],
    }
    commit = upserted(index_of([]), "influencer", names)
    assert (commit.inserted, commit.repeated) == (3, 1)


@pytest.mark.parametrize("size", SIZES)
def test_repeated_rows_of_new_scores(size: int) -> None:
    """20.commits: `renormalize` counts the rows that a later one of the same identity replaced."""
    distinct = max(1, size // 2)
    index = index_of([bucket(time) for time in range(distinct)])
    times = np.arange(size) % distinct
    scores = {"timestamp": times, "bucket_span": 3_600, "anomaly_score": np.arange(size) + 1.0}
    commit = index.renormalize(JOB, buckets=scores)
    assert (commit.replaced, commit.unchanged, commit.repeated) == (distinct, 0, size - distinct)


# ---- the values


WRITES: Mapping[str, Callable[[ResultsIndex], Commit]] = {
    "an empty batch": lambda index: index.upsert([]),
    "put_job": lambda index: index.put_job("db"),
    "delete_job": lambda index: index.delete_job(JOB),
    "only skipped documents": lambda index: index.upsert([PLOT, PLOT]),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_other_writes_repeat_nothing(write: Callable[[ResultsIndex], Commit]) -> None:
    """20.commits: a write without results of its own has a count of 0."""
    assert write(index_of([bucket(0), bucket(1)])).repeated == 0


def test_commit_shows_the_count() -> None:
    """20.commits: the count is part of the value: of its text, of equality and of what is pickled."""
    commit = ResultsIndex(clock=lambda: 5).upsert([bucket(0), bucket(0)])
    shown = "Commit(sequence=1, inserted=1, replaced=0, unchanged=0, deleted=0, skipped={}, repeated=1, time=5)"
    assert repr(commit) == shown
    assert commit == Commit(sequence=1, inserted=1, repeated=1)
    assert commit != Commit(sequence=1, inserted=1)
    assert Commit(sequence=0).repeated == 0
