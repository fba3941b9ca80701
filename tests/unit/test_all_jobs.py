"""The results of all jobs: read once, then kept up to date by the writer; readers change nothing that others see."""

import gc
import os
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from bucketquery import ResultsIndex
from bucketquery.arrays.room import held_nbytes
from bucketquery.jobs import upkeep
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.job import Job
from bucketquery.model.schema import BUCKET, SCHEMAS, Kind
from bucketquery.value_index.value_index import ValueIndex
from support.helpers import STEP, address, bucket, record
from support.kept_all_jobs import asked, assert_kept, kept, read, shrink

KINDS: tuple[Kind, ...] = ("bucket", "record", "influencer")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows fold and move."""
    shrink(monkeypatch)


def buckets(first: int, stop: int, *jobs: str, **fields: Any) -> list[dict[str, Any]]:
    """Buckets of some jobs with different scores."""
    return [
        bucket(row, **{"anomaly_score": (row * 37 + at * 11) % 97 * 1.0, **fields, "job_id": job_id})
        for row in range(first, stop)
        for at, job_id in enumerate(jobs)
    ]


def filled(rows: int = 30, **options: Any) -> ResultsIndex:
    """An index of two jobs whose results have been asked, value indexes included."""
    index = ResultsIndex(**options)
    index.upsert(buckets(0, rows, "db", "web"))
    by_score(asked(index))
    return index


def by_score(results: AllJobs) -> list[ValueIndex | None]:
    """The value indexes of the parts, as a reader asks for them."""
    return [part.base.value_index("anomaly_score", desc=True) for part in results.parts]


def forbid(patch: pytest.MonkeyPatch, where: type, name: str) -> None:
    """Let a call of a method fail."""

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError(name)

    patch.setattr(where, name, fail)


def chain_of(index: ResultsIndex, kind: Kind = "bucket") -> upkeep.Chain:
    """The chain of the newest catalogue."""
    pending = index.snapshot()._catalog._pending
    assert pending is not None
    chain: upkeep.Chain = pending[kind].chain
    return chain


def test_an_empty_index_has_no_results() -> None:
    """Every kind is empty, before and after the first commit, and put_job gives a label."""
    index = ResultsIndex()
    for kind in KINDS:
        assert asked(index, kind).length == 0
    index.put_job("web")
    for kind in KINDS:
        assert asked(index, kind).labels.label("web") is not None
    index.upsert(buckets(0, 3, "web"))
    assert [asked(index, kind).length for kind in KINDS] == [3, 0, 0]
    assert asked(index).parts[0].length == 3


def test_no_commit_is_noted_before_a_reader_has_asked() -> None:
    """The writer then does nothing for these results."""
    index = ResultsIndex()
    index.upsert(buckets(0, 30, "db", "web"))
    index.delete_job("db")
    assert index.snapshot()._catalog._pending is None
    asked(index)
    assert index.snapshot()._catalog._pending is not None


def test_only_the_kinds_that_were_asked_are_kept() -> None:
    """A commit of other kinds leaves the entry as it is."""
    index = filled()
    before = index.snapshot()._catalog._pending
    index.upsert([record(0)])
    assert index.snapshot()._catalog._pending == before
    asked(index, "record")
    index.upsert(buckets(30, 31, "db"))
    after = index.snapshot()._catalog._pending
    assert before is not None
    assert after is not None
    assert (after["bucket"].previous, after["record"].number) == (before["bucket"], 0)


def test_the_writer_folds_and_nobody_reads_the_jobs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first question, later commits cost no reading of the jobs."""
    index = filled()
    monkeypatch.setattr(upkeep, "read_all_jobs", None)
    for row in range(30, 60):
        index.upsert(buckets(row, row + 1, "db"))
        asked(index)
    index.upsert(buckets(60, 90, "web", "db"))
    assert chain_of(index).made is not None
    assert asked(index).old.length > 0


def test_long_batches_and_single_writes_are_pending_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their order counts: a later one replaces an earlier one."""
    shrink(monkeypatch, pending_rows=10**6)
    jobs = [f"job-{number}" for number in range(40)]
    index = ResultsIndex()
    index.upsert(buckets(0, 3, *jobs))
    asked(index)
    for score in (1.0, 2.0):
        index.upsert(buckets(3, 4, "job-7", anomaly_score=score))
        index.upsert(buckets(3, 4, *jobs, anomaly_score=10 * score))
        index.upsert(buckets(3, 4, "job-8", anomaly_score=score))
        for kind in KINDS:
            assert_kept(index.snapshot(), kind)


def test_a_reader_never_appends_in_place_and_never_compacts() -> None:
    """Its tables share the base, and the arrays behind it stay as they are."""
    index = filled()
    before = asked(index)
    rooms = [part.base.columns["timestamp"].copy() for part in before.parts]
    index.upsert(buckets(30, 31, "db", "web"))
    index.upsert(buckets(2, 3, "db", anomaly_score=5.5))
    after = asked(index)
    assert [part.base for part in after.parts] == [part.base for part in before.parts]
    assert after.recent.head.length == 2
    for part, room in zip(before.parts, rooms, strict=True):
        assert np.array_equal(part.base.columns["timestamp"], room)


def test_an_old_snapshot_keeps_its_results() -> None:
    """Folds, new labels, deletes and renewed jobs do not change it."""
    index = filled()
    held = [index.snapshot()]
    writes: list[Callable[[], object]] = [
        lambda: index.upsert(buckets(30, 40, *"abcdefghijk")),
        lambda: index.upsert(buckets(5, 15, "ea", "eb", "ec", "ed")),
        lambda: index.delete_job("web"),
        lambda: index.upsert(buckets(40, 50, "web")),
        lambda: index.delete(end=20 * STEP),
    ]
    for write in writes:
        before = read(held[-1], "bucket")
        write()
        held.append(index.snapshot())
        assert kept(asked(index)) != before
    for snapshot in held:
        assert_kept(snapshot, "bucket")


def test_an_older_catalogue_than_the_chain_is_read_for_itself() -> None:
    """Its results do not become those of the chain."""
    index = ResultsIndex()
    index.upsert(buckets(0, 5, "db"))
    held = index.snapshot()
    held._catalog._pending = {"bucket": upkeep.start(held._catalog.sizes)}
    index.upsert(buckets(5, 6, "db"))
    asked(index)
    made = chain_of(index).made
    assert made is not None
    assert made.number == 1
    assert_kept(held, "bucket")
    assert chain_of(index).made is made


def test_keeping_a_value_index_up_includes_the_batch_just_appended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large batch in order leaves nothing for a reader to make."""
    index = filled(60)
    old = by_score(asked(index))[0]
    index.upsert(buckets(60, 80, "db", "web"))
    results = asked(index)
    forbid(monkeypatch, ValueIndex, "of")
    grown = by_score(results)[0]
    assert old is not None
    assert grown is not None
    assert (grown._made_of, grown.covered) == (old._made_of, results.old.base.length), "extended, not made anew"


def test_the_writer_rebuilds_a_value_index_that_has_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """However the rows grow, late or in order, a reader finds the index."""
    index = filled(20)
    for row in range(20, 200, 7):
        index.upsert(buckets(row, row + 7, "db", "web"))
        index.upsert(buckets(row - 10, row - 8, "app", bucket_span=60 + row))
        results = asked(index)
        with monkeypatch.context() as patch:
            forbid(patch, ValueIndex, "of")
            by_score(results)


def test_merging_and_cutting_the_newest_results_carries_their_value_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compactions, and moves to the older results, are followed by the writer's own indexes."""
    index = filled(40)
    for row in range(40, 80):
        # Rows between each other, so that the head is merged.
        index.upsert(buckets(row, row + 1, "web", "db") + buckets(row - 1, row, f"x{row:03}", bucket_span=60))
        with monkeypatch.context() as patch:
            forbid(patch, ValueIndex, "of")
            by_score(asked(index))
    index.delete(end=60 * STEP)
    with monkeypatch.context() as patch:
        forbid(patch, ValueIndex, "of")
        by_score(asked(index))


@pytest.mark.parametrize("first", [True, False])
def test_a_span_of_32_bits_and_more_turns_the_results_off(*, first: bool) -> None:
    """None until a commit deletes; then the next reader finds out. Whether it is read, pending or folded."""
    index = ResultsIndex()
    index.upsert(buckets(0, 10, "db"))
    if not first:
        asked(index)
    index.upsert([bucket(0, job_id="wide", bucket_span=2**32)])
    assert assert_kept(index.snapshot(), "bucket") is None
    index.upsert(buckets(10, 40, "db"))
    assert assert_kept(index.snapshot(), "bucket") is None
    index.upsert(buckets(40, 41, "db"))
    index.delete("db", end=STEP)
    assert assert_kept(index.snapshot(), "bucket") is None
    index.delete_job("wide")
    assert asked(index).length == 40
    index.check()


def test_a_long_span_that_is_dropped_turns_the_results_on() -> None:
    """A deleted interim result is a single row, and many are changes of a table."""
    for number in (1, 9):
        index = ResultsIndex()
        index.upsert([bucket(row, bucket_span=2**32 + row, is_interim=True) for row in range(number)])
        assert assert_kept(index.snapshot(), "bucket") is None
        index.upsert([bucket(row, bucket_span=1) for row in range(number)], drop_interim=True)
        assert asked(index).length == number


def test_interim_rows_are_left_out_of_the_final_view() -> None:
    """In the head, in the base, pending, and after they have become final."""
    index = filled()
    for number in range(1, 12):
        index.upsert(buckets(30, 30 + number, "db", "web", is_interim=True))
        results = asked(index)
        assert len(kept(results)) - len(kept(results, final=True)) == 2 * number
    index.upsert(buckets(30, 35, "db"), drop_interim=True)
    asked(index)
    index.delete(interim_only=True)
    assert kept(asked(index)) == kept(asked(index), final=True)


def test_missing_scores_are_kept_as_missing() -> None:
    """NaN is neither greater nor less, and replaces a score."""
    index = filled()
    for row in range(25, 45):
        index.upsert([bucket(row)])
        asked(index)
    assert np.isnan(asked(index).recent.rows.base.column("anomaly_score")).any()


def test_keywords_that_are_new_to_a_dictionary_keep_the_order() -> None:
    """Codes of older rows move; rows of an older snapshot keep theirs."""
    index = ResultsIndex()
    index.upsert([record(row, by_field_value="m") for row in range(30)])
    asked(index, "record")
    held = index.snapshot()
    for row in range(30, 70):
        index.upsert([record(row - at, by_field_value=f"{row * 7 % 40}", bucket_span=1 + at) for at in range(3)])
        asked(index, "record")
    assert_kept(held, "record")


def test_new_scores_keep_every_other_column() -> None:
    """Of rows in the base and in the head, few and many, with the columns of ties."""
    index = ResultsIndex()
    index.upsert([record(row, by_field_value="m", function="mean", record_score=1.0) for row in range(40)])
    index.upsert([record(row, 1, function="max", is_interim=True) for row in range(38, 42)])
    index.upsert(buckets(0, 40, "web"))
    for kind in ("record", "bucket"):
        asked(index, kind)
    for some in (range(3), range(40)):
        times = {"timestamp": np.array(some) * STEP, "bucket_span": 300}
        index.renormalize("web", buckets={**times, "anomaly_score": [7.5] * len(some)})
        index.renormalize(
            "web", records={**times, "by_field_value": ["m"] * len(some), "record_score": [9.0] * len(some)}
        )
        head = {"timestamp": [39 * STEP, 40 * STEP], "bucket_span": 300, "detector_index": [1, 1]}
        index.renormalize("web", records={**head, "record_score": [len(some), 3.0]})
        asked(index)
        asked(index, "record")


def test_a_window_is_deleted_in_all_jobs_or_in_some() -> None:
    """At either end, in the middle, of interim results only; pending when the first reader has just read."""
    for jobs in (None, ["db"], ["db", "web"]):
        for window in ({"end": 9 * STEP}, {"start": 25 * STEP}, {"start": 9 * STEP, "end": 12 * STEP}, {}):
            index = filled()
            index.upsert(buckets(28, 34, "db", "web", bucket_span=60, is_interim=True))
            index.upsert(buckets(12, 13, "db", "web", is_interim=True))
            asked(index)
            index.delete(jobs, **(window or {"interim_only": True}))  # type: ignore[arg-type] # the windows are instants
            asked(index)
            index.upsert(buckets(5, 30, "db", anomaly_score=3.0))
            asked(index)


def test_a_window_may_be_pending_for_a_reader() -> None:
    """The results of a slow first reader are older than a delete that came meanwhile."""
    index = ResultsIndex()
    index.upsert(buckets(0, 30, "db", "web"))
    slow = index.snapshot()
    slow._catalog._pending = {"bucket": upkeep.start(slow._catalog.sizes)}
    index.upsert(buckets(30, 32, "db"))
    index.delete(end=9 * STEP)
    index.delete("db", end=12 * STEP)
    index.upsert(buckets(0, 2, "db"))
    index.delete(start=10**6 * STEP, end=10**6 * STEP + 1)
    assert_kept(slow, "bucket")
    made = chain_of(index).made
    assert made is not None
    assert made.number == 0
    asked(index)
    index.upsert(buckets(32, 60, "db"))
    asked(index)


def test_a_job_that_was_deleted_and_came_back_has_its_new_rows_only() -> None:
    """Also if both commits are pending, and if the job was made and deleted between two folds."""
    index = filled()
    index.delete_job("web")
    index.upsert(buckets(3, 5, "web"))
    asked(index)
    index.delete_job("web")
    assert asked(index).labels.label("web") is None
    index.upsert(buckets(3, 4, "brief"))
    index.delete_job("brief")
    index.upsert(buckets(30, 50, "db"))
    assert asked(index).labels.label("brief") is None
    index.upsert(buckets(7, 8, "web", "brief"))
    asked(index)


@pytest.mark.parametrize("is_folded", [False, True])
def test_labels_move_in_bases_and_heads(*, is_folded: bool) -> None:
    """For a reader, and for the writer. Older snapshots keep the old ones."""
    index = filled()
    index.upsert(buckets(30, 40, "db") + buckets(34, 36, "few"))
    index.upsert(buckets(40, 42, "web", is_interim=True))
    index.delete_job("few")
    index.upsert(buckets(43, 51, "db"))
    held, before = index.snapshot(), asked(index)
    assert before.recent.head.length
    index.upsert(buckets(51, 52, *["e" * number for number in range(1, 30 if is_folded else 5)]))
    after = asked(index)
    assert (after.labels.label("db"), after.labels.label("web")) != (
        before.labels.label("db"),
        before.labels.label("web"),
    )
    index.upsert(buckets(52, 60, "web"))
    asked(index)
    assert_kept(held, "bucket")


def test_records_without_a_detector_come_where_the_first_detector_does() -> None:
    """The mask of missing numbers is kept with the rows."""
    index = ResultsIndex()
    index.upsert([{**record(row, row % 3), "job_id": job} for row in range(9) for job in ("a", "b")])
    asked(index, "record")
    index.upsert([{**record(9), "detector_index": None, "job_id": "a"}, {**record(9), "job_id": "b"}])
    asked(index, "record")
    index.upsert([{**record(row), "job_id": "c"} for row in range(30)])
    assert asked(index, "record").recent.base.present


def test_the_first_reading_leaves_out_deleted_rows_and_reads_heads() -> None:
    """Tables with late, replaced and deleted rows, packed and not."""
    index = ResultsIndex()
    index.upsert(buckets(0, 100, "db") + buckets(0, 9, "web") + [record(row) for row in range(30)])
    index.upsert(buckets(5, 6, "db", anomaly_score=1.0) + buckets(2, 3, "web", bucket_span=60))
    index.delete(["db", "web"], start=3 * STEP, end=5 * STEP)
    index.upsert([record(3, record_score=5.0), record(4, bucket_span=60), record(50, is_interim=True)])
    assert index.snapshot()._catalog.known("db", "job_id").tables["bucket"].deleted.tolist()
    for kind in KINDS:
        asked(index, kind)


def test_single_rows_that_are_deleted_are_pending_and_folded() -> None:
    """Dropped interim results are single rows if they are few, and rows of a table if they are many."""
    for number in (1, 20):
        index = filled()
        for first in (30, 60):
            index.upsert([bucket(row, bucket_span=60, is_interim=True) for row in range(first, first + number)])
            index.upsert([record(row, is_interim=True) for row in range(first, first + number)])
            asked(index)
            asked(index, "record")
            index.upsert([bucket(row) for row in range(first, first + number)], drop_interim=True)
            asked(index)
            asked(index, "record")


def test_a_job_without_results_may_be_deleted_or_named() -> None:
    """There is nothing to delete, and no row has its label."""
    index = filled()
    index.put_job("idle")
    index.delete("idle", end=9 * STEP)
    index.delete(["idle", "db"], end=3 * STEP)
    asked(index)
    index.delete_job("idle")
    assert asked(index).labels.label("idle") is None
    index.delete("db", start=10**6 * STEP)


@pytest.mark.parametrize("options", [{"keep_documents": False}, {"changes_kept": 0}])
def test_an_index_without_documents_or_changes_keeps_the_results(options: dict[str, Any]) -> None:
    """Neither is needed for them."""
    index = filled(**options)
    index.upsert(buckets(30, 50, "db", "app"))
    index.delete("db", end=9 * STEP)
    index.delete_job("web")
    asked(index)
    index.upsert(buckets(50, 51, "app", bucket_influencers=[{"influencer_field_name": "host"}]))
    asked(index)


def test_results_that_nobody_asks_for_are_given_up() -> None:
    """After more than twice their length; a question resets the count."""
    index = filled(10)
    for row in range(10, 20):
        index.upsert(buckets(row, row + 1, "db", "web", "app", "x") * 2)
        asked(index)
    for row in range(20, 400, 10):
        index.upsert(buckets(row, row + 10, "db"))
        index.delete(end=(row - 10) * STEP)
    assert not index.snapshot()._catalog._pending
    asked(index)


def test_a_chain_that_no_reader_finishes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commits are not kept for ever."""
    shrink(monkeypatch, most_pending=50)
    index = ResultsIndex()
    index.upsert(buckets(0, 5, "db"))
    index.snapshot()._catalog._pending = {"bucket": upkeep.start(index.snapshot()._catalog.sizes)}
    for row in range(5, 55):
        index.upsert(buckets(row, row + 1, "db"))
        assert index.snapshot()._catalog._pending
    index.upsert(buckets(55, 56, "db"))
    assert not index.snapshot()._catalog._pending
    asked(index)


def test_many_commits_may_be_pending_while_the_first_reader_reads() -> None:
    """The next reader works all of them in, and the index says that nothing is wrong."""
    index = ResultsIndex()
    index.upsert(buckets(0, 10, "db", "web"))
    catalog = index.snapshot()._catalog
    catalog._pending = {"bucket": upkeep.start(catalog.sizes)}
    for row in range(40):
        index.upsert(buckets(row, row + 1, "app"))
    assert catalog.all_jobs(BUCKET) is not None
    newest = index.snapshot()._catalog.all_jobs(BUCKET)
    assert newest is not None
    assert kept(newest) == read(index.snapshot(), "bucket")
    index.check()
    index.upsert(buckets(41, 42, "app"))
    asked(index)
    index.check()


def test_deleted_jobs_are_freed() -> None:
    """The results keep rows, not tables of jobs; and no cycle of references keeps the results."""
    index = filled(changes_kept=0)
    base = index.snapshot()._catalog.known("web", "job_id").tables["bucket"].base
    arrays = [weakref.ref(base.columns["timestamp"])]
    made = chain_of(index).made
    assert made is not None
    assert made.results is not None
    arrays.append(weakref.ref(made.results.recent.base.columns["is_interim"]))
    del base, made
    gc.collect()
    gc.disable()
    try:
        index.delete_job("web")
        index.upsert(buckets(30, 90, "db"))
        assert [array() for array in arrays] == [None, None]
    finally:
        gc.enable()


def test_pending_commits_keep_no_older_catalogue_alive() -> None:
    """Such a catalogue would keep old tables of all jobs in memory."""
    index = filled(changes_kept=0)
    shard = weakref.ref(next(some for some in index.snapshot()._catalog._shards() if "db" in some))
    index.upsert(buckets(30, 31, "new", "db"))
    pending = index.snapshot()._catalog._pending
    assert pending is not None
    assert pending["bucket"].previous is not None, "the commit is folded"
    gc.collect()
    assert shard() is None
    asked(index)


def test_pending_commits_keep_no_older_table_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """New scores copy a column of all results, and the chain does not refer to the column before."""
    shrink(monkeypatch, rows_per_copy=0, pending_rows=50)
    index = filled(100, changes_kept=0)
    before = index.snapshot()._catalog.known("web", "job_id").table(BUCKET).base.columns["anomaly_score"]
    column = weakref.ref(before if before.base is None else before.base)
    del before
    rows = {"timestamp": np.arange(4) * STEP, "bucket_span": 300, "anomaly_score": np.full(4, 1.5)}
    assert index.renormalize("web", buckets=rows).replaced == 4
    pending = index.snapshot()._catalog._pending
    assert pending is not None
    assert pending["bucket"].previous is not None, "the commit is folded"
    gc.collect()
    assert column() is None
    asked(index)


def test_a_long_chain_is_freed_without_recursion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each commit refers to the one before it."""
    shrink(monkeypatch, pending_rows=10**6)
    index = filled()
    for row in range(30, 20_030):
        index.upsert([bucket(row)])
    index.put_job("last")
    held = index.snapshot()
    del index, held


def test_a_reader_goes_on_from_the_results_of_the_last_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """It works in the commits since then. A reader of an older catalogue works in its own, and replaces nothing."""
    shrink(monkeypatch, pending_rows=100)
    index = filled()
    numbers: list[int] = []
    overlaid = AllJobs.overlaid

    def counting(results: AllJobs, commits: Sequence[Any]) -> AllJobs:
        numbers.append(len(commits))
        return overlaid(results, commits)

    monkeypatch.setattr(AllJobs, "overlaid", counting)
    for row in range(30, 40):
        index.upsert(buckets(row, row + 1, "db"))
    older = index.snapshot()
    index.upsert(buckets(0, 1, "db", anomaly_score=5.0))
    assert_kept(index.snapshot(), "bucket")
    newest = chain_of(index).overlaid
    assert newest is not None
    assert newest.results is asked(index)
    index.upsert(buckets(40, 41, "db", "new"))
    assert_kept(index.snapshot(), "bucket")
    assert numbers == [11, 1]
    newest = chain_of(index).overlaid
    assert_kept(older, "bucket")
    assert numbers == [11, 1, 10]
    assert chain_of(index).overlaid is newest
    # A copy of the newest catalogue has no results of its own, and finds those of the chain.
    index.snapshot()._catalog._all_jobs.clear()
    assert newest is not None
    assert asked(index) is newest.results
    index.upsert([bucket(50, job_id="long", bucket_span=2**32)])
    assert index.snapshot()._catalog.all_jobs(BUCKET) is None
    assert chain_of(index).overlaid is newest
    index.delete_job("long")
    index.delete_job("db")
    index.upsert(buckets(0, 3, "db"))
    index.upsert(buckets(60, 200, "db"))
    assert_kept(index.snapshot(), "bucket")
    assert chain_of(index).overlaid is None


def test_bytes_count_each_array_once() -> None:
    """The arrays that an overlay shares with the kept results do not count twice."""
    index = filled()
    one = index.snapshot()._catalog.nbytes_of_combined_tables()
    results = asked(index)
    own = sum(held_nbytes(array) for part in results.parts for array in part.base.columns.values())
    assert own <= one < 5 * own
    index.upsert(buckets(30, 31, "db"))
    assert one <= index.snapshot()._catalog.nbytes_of_combined_tables() < one + 1_000
    asked(index)
    assert one < index.snapshot()._catalog.nbytes_of_combined_tables() < one + 1_000
    index.upsert([bucket(0, bucket_span=2**32)])
    index.snapshot()._catalog.all_jobs(BUCKET)
    assert index.snapshot()._catalog.nbytes_of_combined_tables() > 0
    index.upsert([record(0)])
    asked(index, "record")
    assert ResultsIndex().snapshot()._catalog.nbytes_of_combined_tables() == 0


def test_a_catalogue_without_changes_is_read_anew() -> None:
    """A catalogue that was made without saying what was written has no chain."""
    index = filled()
    catalog = index.snapshot()._catalog
    assert catalog.with_jobs({"x": Job("x")})._pending is None
    found = Catalog().all_jobs(SCHEMAS["bucket"])
    assert found is not None
    assert found.length == 0


def test_an_append_of_older_results_is_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of older results has room, and the newest results move into it."""
    shrink(monkeypatch, old_per_recent=8)
    index = ResultsIndex()
    index.upsert(buckets(0, 300, "db", "web"))
    old = asked(index).old.base
    index.upsert(buckets(300, 320, "db", "web"))
    grown = asked(index).old.base
    assert grown.length > old.length
    assert address(grown.columns["timestamp"]) == address(old.columns["timestamp"])


def test_results_of_one_instant_move_together() -> None:
    """They cannot be parted in the middle."""
    index = ResultsIndex()
    index.upsert(buckets(0, 1, "job"))
    asked(index)
    index.upsert(buckets(0, 1, *[f"job{number:03}" for number in range(199)]))
    assert asked(index).old.length == 200
    index.upsert(buckets(1, 2, *[f"job{number:03}" for number in range(200)]))
    asked(index)


def test_a_long_span_that_is_pending_is_found_by_the_reader_and_by_the_writer() -> None:
    """A reader of pending commits gets None, and so does one after the fold."""
    index = filled()
    index.upsert([bucket(30, bucket_span=2**32)])
    assert index.snapshot()._catalog.all_jobs(BUCKET) is None
    index.upsert(buckets(30, 60, "db"))
    made = chain_of(index).made
    assert made is not None
    assert made.results is None
    before = index.snapshot()._catalog._pending
    index.upsert(buckets(60, 61, "db"))
    assert index.snapshot()._catalog._pending == before
    assert index.snapshot()._catalog.all_jobs(BUCKET) is None


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_long_span_that_comes_and_goes_before_a_fold_turns_the_results_on(*, is_asked: bool) -> None:
    """The writer cannot fold the long span, but the next reader finds that it is gone."""
    index = filled()
    index.upsert([bucket(30, bucket_span=2**32)])
    if is_asked:
        assert assert_kept(index.snapshot(), "bucket") is None
    index.delete("web", start=30 * STEP)
    asked(index)
    index.upsert(buckets(30, 31, "db", "web"))
    index.upsert([bucket(31, job_id="db", bucket_span=2**32, is_interim=True)])
    index.upsert([bucket(31, job_id="db", is_interim=False)], drop_interim=True)
    index.upsert(buckets(32, 42, "db", "web"))
    asked(index)


def test_the_long_span_of_a_deleted_row_does_not_count() -> None:
    """A table may keep a deleted row until it is next compacted."""
    index = ResultsIndex()
    index.upsert([*buckets(0, 300, "web"), bucket(150, bucket_span=2**32)])
    assert assert_kept(index.snapshot(), "bucket") is None
    index.delete("web", start=150 * STEP, end=150 * STEP + 1)
    assert len(index.snapshot()._catalog.known("web", "job_id").table(BUCKET).deleted)
    assert asked(index).length == 299


def test_a_commit_without_results_adds_nothing_to_the_chain() -> None:
    """So `put_job` may be called for ever."""
    index = filled()
    index.upsert(buckets(30, 31, "web"))
    before = index.snapshot()._catalog._pending
    for span in range(1, 50):
        index.put_job("web", bucket_span=span, groups=[f"g{span}"])
    pending = index.snapshot()._catalog._pending
    assert before is not None
    assert pending is not None
    assert pending["bucket"] is before["bucket"]
    asked(index)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_the_child_of_a_fork_goes_on() -> None:
    """It folds into its own copy."""
    index = filled()
    index.upsert(buckets(30, 31, "db"))
    child = os.fork()
    if not child:
        status = 1
        try:
            index.upsert(buckets(31, 50, "db", "new"))
            asked(index)
            status = 0
        finally:
            os._exit(status)
    index.upsert(buckets(31, 45, "web", "other"))
    asked(index)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
