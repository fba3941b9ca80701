"""A rule machine compares the index with a dict, after writes of every sort in any order with queries between."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from bucketquery import BucketQuery, Kind
from bucketquery.storage.view import View
from bucketquery.value_index.value_index import ValueIndex
from support.helpers import moved, table_of
from support.index_machine import CHANGES, IndexMachine, WithoutDocuments, WithValueIndexes
from support.strategies import KINDS, Document, identity


class TinyHeads(IndexMachine):
    """Heads of four rows: nearly every write compacts, or copies columns."""

    head_rows = 4


class SmallHeads(IndexMachine):
    """Heads of sixteen rows: the base keeps deleted rows for a while."""

    head_rows = 16


class GrowingHeads(IndexMachine):
    """Heads that grow with the base, as those of very large tables do."""

    head_rows = 2
    base_rows_per_head_row = 4


class RealHeads(IndexMachine):
    """Heads of the usual size, and batches of thousands."""

    head_rows = 1_024
    most_rows = 4_000


class WithValueIndexesBehind(WithValueIndexes):
    """Value indexes that are mostly some rows behind, larger heads, and corrections that wait briefly."""

    head_rows = 16
    behind = 6
    behind_share = 4
    most_waiting = 1
    sparsest = 4

    @invariant()
    def checks_itself(self) -> None:
        """The index's own invariants hold after every fourth write, because a check applies all corrections."""
        if self.sequence % 4 == 0:
            super().checks_itself()

    @invariant()
    def answers_by_value_are_the_dicts(self) -> None:
        """Ask by value after every second write, because a query may apply corrections too."""
        if self.sequence % 2 == 0:
            super().answers_by_value_are_the_dicts()

    def teardown(self) -> None:
        """Check the corrections that still wait at the end."""
        self.index.check()
        super().teardown()


class WithTwoCorrections(WithValueIndexesBehind):
    """Two corrections of a level may wait, not one."""

    most_waiting = 2


#: The machines, and the part of the profile's examples that each runs: 8 is one in eight.
MACHINES: dict[type[IndexMachine], int] = {
    TinyHeads: 8,
    SmallHeads: 12,
    GrowingHeads: 12,
    RealHeads: 16,
    WithoutDocuments: 12,
    WithValueIndexes: 12,
    WithValueIndexesBehind: 12,
}


EACH_MACHINE = pytest.mark.parametrize(
    ("machine", "part"), MACHINES.items(), ids=[machine.__name__ for machine in MACHINES]
)


def run_machine(machine: type[IndexMachine], part: int, profile: settings) -> None:
    """Run a machine with its part of the profile's examples."""
    steps = min(profile.stateful_step_count, 15) if machine is RealHeads else profile.stateful_step_count
    examples = max(machine.fewest, profile.max_examples // part)
    run_state_machine_as_test(machine, settings=settings(profile, max_examples=examples, stateful_step_count=steps))


@EACH_MACHINE
def test_every_history_gives_the_dicts_answers(machine: type[IndexMachine], part: int) -> None:
    """After writes in any order, every answer, count and older snapshot is that of a plain dict."""
    run_machine(machine, part, settings())


@pytest.mark.thorough
@EACH_MACHINE
def test_every_long_history_gives_the_dicts_answers(machine: type[IndexMachine], part: int) -> None:
    """After many more and longer histories, every answer, count and older snapshot is that of a plain dict."""
    run_machine(machine, part, settings.get_profile("thorough"))


def test_identities_are_the_dicts_own() -> None:
    """The dict's key of a result is the identity of its kind, in any spelling."""
    spelled: Document = {"timestamp": "1970-01-01T00:00:00Z", "bucket_span": 300.0}
    bucket, record, influencer = (
        {"result_type": kind, "job_id": "web", "timestamp": 0, "bucket_span": 300} for kind in KINDS
    )
    assert identity(bucket) == identity(bucket | spelled) == ("web", 0, 300)
    assert identity(record) == identity(record | spelled) == ("web", 0, 300, 0, None, None, None)
    parts = {"detector_index": 2, "by_field_value": "a", "over_field_value": "", "partition_field_value": "c"}
    assert identity(record | parts) == ("web", 0, 300, 2, "a", "", "c")
    assert identity(influencer) == ("web", 0, 300, None, None)
    assert identity(influencer | {"influencer_field_name": "host"}) == ("web", 0, 300, "host", None)


# ---- the machine takes every path of a write


def seen(machine: IndexMachine, write: Callable[[], Any]) -> tuple[View, View]:
    """The rows of the job before and after a step of the machine, with the invariants checked."""
    before = table_of(machine.index).rows
    write()
    machine.checks_itself()
    machine.sequence_is_counted()
    machine.older_snapshots_answer_as_before()
    return before, table_of(machine.index).rows


BUCKETS: Sequence[Kind] = ("bucket",)


def test_the_machine_writes_in_every_way() -> None:
    """The machine's rules append in place, delete base rows, copy columns and compact, for final and interim rows."""
    machine = TinyHeads()
    try:
        machine.append("web", part=3.0, door="documents", seed=1, full=1.0, kinds=BUCKETS)
        machine.keep_snapshot(seed=1)

        before, after = seen(machine, lambda: machine.append("web", 0.5, "documents", seed=2, full=1.0, kinds=BUCKETS))
        assert after.base.length == before.base.length + 3
        assert moved(before.base, after.base) <= {
            f"{part} of {name}" for part in ("rows", "values") for name in ("bucket_influencers", "scheduled_events")
        }, "an append in place copies no column"
        machine.keep_snapshot(seed=2)

        before, after = seen(machine, lambda: machine.late("web", 0.5, "documents", seed=3, interim=0.0, kinds=BUCKETS))
        assert len(after.deleted) + after.head.length > 0, "a few rows go to the head"
        assert after.base is before.base
        machine.keep_snapshot(seed=3)

        before, after = seen(machine, lambda: machine.late("web", 8.0, "documents", seed=4, interim=0.0, kinds=BUCKETS))
        assert not after.head.length, "a head that is too large is compacted"
        assert not len(after.deleted)
        assert "timestamp" in moved(before.base, after.base)
        machine.keep_snapshot(seed=4)

        names = CHANGES[0]
        before, after = seen(
            machine, lambda: machine.replace_many("web", "documents", seed=7, names=names, drop=True, kinds=BUCKETS)
        )
        columns = moved(before.base, after.base) & set(after.base.columns)
        assert columns == {"anomaly_score"}, "many changed rows are written to copies of the columns that differ"

        before, after = seen(
            machine, lambda: machine.interim("web", 5.0, "documents", seed=6, among=False, kinds=BUCKETS)
        )
        interim = [of for of in machine.stored.values() if of["job_id"] == "web" and of.get("is_interim")]
        assert len(interim) > 20
        assert after.base.column("is_interim").sum() == len(interim), "too many rows for a head are compacted too"
        assert not after.head.length

        before, after = seen(machine, lambda: machine.finish("documents", seed=7, share=1.0))
        assert not after.base.column("is_interim").any()
        machine.ask(seed=8)

        before, after = seen(
            machine, lambda: machine.renormalize("web", 3.0, seed=9, stray=None, kinds=BUCKETS, nested=False)
        )
        assert moved(before.base, after.base) & set(after.base.columns) == {"anomaly_score"}, (
            "many new scores are written to a copy of their column"
        )
        before, after = seen(
            machine, lambda: machine.renormalize("web", 0.0, seed=10, stray=None, kinds=BUCKETS, nested=False)
        )
        assert after.base is before.base, "a few new scores go to the head"
    finally:
        machine.teardown()


# ---- the machine takes every path to a value index


@pytest.fixture
def indexed() -> Iterator[WithValueIndexesBehind]:
    """A machine with more than 400 buckets of a job and a value index of their scores; two corrections may wait."""
    machine = WithTwoCorrections()
    try:
        for seed in range(10):
            machine.append("web", part=3.0, door="columns", seed=seed, full=1.0, kinds=BUCKETS)
        ask_for_the_best(machine)
        assert value_index_of(machine).covered == table_of(machine.index).rows.base.length > 400
        assert len(value_index_of(machine).levels) > 1
        machine.keep_snapshot(seed=1)
        yield machine
        machine.index.check()
        machine.older_snapshots_answer_as_before()
    finally:
        machine.teardown()


def ask_for_the_best(machine: IndexMachine) -> None:
    """Ask for the best scores, which makes a value index of the score if there is none."""
    best = BucketQuery(jobs="web", sort="anomaly_score", desc=True, size=3)
    assert machine.asked(machine.index, best, machine.stored) == machine.answer(best)


def made_of(machine: IndexMachine) -> Mapping[tuple[str, bool], ValueIndex]:
    """The value indexes of the base that readers have asked for, by column and direction."""
    indexes = table_of(machine.index).rows.base._indexes
    return {} if indexes is None else indexes._made


def has_value_index(machine: IndexMachine) -> bool:
    """Whether there is a value index of the score already."""
    return ("anomaly_score", True) in made_of(machine)


def value_index_of(machine: IndexMachine) -> ValueIndex:
    """The value index of the score."""
    return made_of(machine)["anomaly_score", True]


def test_the_machine_extends_value_indexes(indexed: WithValueIndexesBehind) -> None:
    """A value index a few rows behind stays as it is; the writer extends one that is further behind."""
    made = value_index_of(indexed)
    indexed.append("web", 0.3, "columns", seed=11, full=1.0, kinds=BUCKETS)
    ask_for_the_best(indexed)
    assert value_index_of(indexed) is made
    for seed in range(12, 16):
        indexed.append("web", 0.3, "columns", seed=seed, full=1.0, kinds=BUCKETS)
        indexed.keep_snapshot(seed)
    assert value_index_of(indexed)._made_of == made.covered < value_index_of(indexed).covered
    ask_for_the_best(indexed)


def test_the_machine_corrects_and_drops_value_indexes(indexed: WithValueIndexesBehind) -> None:
    """Corrections wait until a reader or the writer applies them; too many drop the value index."""
    made = value_index_of(indexed)
    for seed, waiting in ((20, 1), (21, 2), (22, 1), (23, 2)):
        before = value_index_of(indexed)
        indexed.renormalize("web", 2.0, seed=seed, stray=None, kinds=BUCKETS, nested=False)
        assert value_index_of(indexed) is not before
        assert (value_index_of(indexed)._made_of, value_index_of(indexed).covered) == (made.covered, made.covered)
        assert all(level._entries is None for level in value_index_of(indexed).levels)
        assert [level._waiting for level in value_index_of(indexed).levels] == [waiting] * len(made.levels)
        indexed.keep_snapshot(seed)
    ask_for_the_best(indexed)
    assert any(level._entries is not None for level in value_index_of(indexed).levels)

    corrected = value_index_of(indexed)
    indexed.replace_many("web", "documents", seed=30, names=CHANGES[1], drop=False, kinds=BUCKETS)
    assert value_index_of(indexed) is corrected, "a write to other columns shares the value index"
    indexed.replace_many("web", "documents", seed=31, names=CHANGES[0], drop=False, kinds=BUCKETS)
    assert not has_value_index(indexed)
    ask_for_the_best(indexed)
    made = value_index_of(indexed)
    assert made._made_of == made.covered == table_of(indexed.index).rows.base.length
