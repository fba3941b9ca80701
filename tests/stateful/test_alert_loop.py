"""The loop that sends alerts from the change feed: it misses no crossing of the threshold and sends none twice."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from benchmarks.alerts import BEGIN, JOB, WATCH, WAYS, Crossing, Key, World, simulate
from bucketquery import Changes, ChangesExpired, RecordQuery, ResultsIndex
from support.tiers import of_tier

SEEDS = range(of_tier(1, 20))
BUCKETS = 2_000
README = Path(__file__).parents[2] / "README.md"


class Loop:
    """The loop of the README, and what it sent."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.sent: list[Crossing] = []

    def run_once(self, index: ResultsIndex) -> None:
        """Read the changes, send what entered, and save where to go on."""
        changes = index.changes(WATCH, since=self.since)
        self.sent += [
            Crossing(change.key, change.sequence, change.old_score, change.score or 0.0) for change in changes.entered
        ]
        self.since = changes.sequence


@pytest.mark.parametrize("seed", SEEDS)
def test_the_loop_misses_no_crossing_and_sends_none_twice(seed: int) -> None:
    """Over 2,000 live buckets, the loop sends exactly the crossings that the written records make, with both scores."""
    index = ResultsIndex()
    index.put_job(JOB)
    world = World(seed, index, BUCKETS)
    loop, rng = Loop(index.sequence), Random(seed)
    for _ in world.polls():
        if rng.random() < 0.3:
            loop.run_once(index)
            assert len(loop.sent) == len(world.crossings)
    loop.run_once(index)
    assert len(world.crossings) > 60
    # The order within a commit is not specified.
    assert sorted(loop.sent, key=repr) == sorted(world.crossings, key=repr)
    assert [sent.sequence for sent in loop.sent] == [crossing.sequence for crossing in world.crossings]
    index.check()


def test_the_loop_of_the_readme_runs_as_it_is_written() -> None:
    """The code block of the README, line by line, on a simulated job: it sends every crossing once."""
    blocks = README.read_text(encoding="utf-8").split("```python\n")
    (code,) = [block.partition("```")[0] for block in blocks if "while running():" in block]
    assert len(code.splitlines()) == 6
    index = ResultsIndex()
    index.put_job(JOB)
    world = World(5, index, of_tier(300, BUCKETS))
    polls, sent = world.polls(), list[tuple[Key, float | None, float]]()
    names = {
        "RecordQuery": RecordQuery,
        "index": index,
        "running": lambda: next(polls, None) is not None,
        "send": lambda *alert: sent.append(alert),
    }
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - the text is the project's own
    assert len(sent) > 10
    expected = [(crossing.key, crossing.old_score, crossing.score) for crossing in world.crossings]
    assert sorted(sent, key=repr) == sorted(expected, key=repr)


def test_other_ways_miss_crossings_or_repeat_them() -> None:
    """Looking back sends alerts again and misses later rises; asking for what was first written since misses more."""
    found = simulate(1, of_tier(300, BUCKETS))
    assert {*found} == {*WAYS}
    assert (found["change feed"].missed, found["change feed"].repeated) == (0, 0)
    assert found["change feed"].crossings > 15
    back, once, since = (found[way] for way in list(WAYS)[:3])
    assert back.repeated > back.crossings / 2
    assert once.repeated < back.repeated
    assert min(back.missed, once.missed, since.missed) > back.crossings / 10


@pytest.mark.parametrize("seed", SEEDS[: of_tier(1, 3)])
def test_a_crash_between_sending_and_saving_loses_no_alert(seed: int) -> None:
    """A host that dies after sending sends that part again; the commit and the key of an alert tell it apart."""
    index = ResultsIndex()
    index.put_job(JOB)
    world = World(seed, index, 250)
    saved, rng = index.sequence, Random(seed)
    sent: Counter[Crossing] = Counter()
    for _ in world.polls():
        loop = Loop(saved)
        loop.run_once(index)
        sent.update(loop.sent)
        if rng.random() < 0.7:
            saved = loop.since
    assert {*sent} == {*world.crossings}
    assert len({*world.crossings}) == len(world.crossings)
    assert max(sent.values()) > 1, "some part was sent again"


def changes_or_listing(index: ResultsIndex, since: int | None) -> tuple[Changes, bool]:
    """The changes since a commit, or a listing if the log lacks some of them; and whether it is a listing."""
    try:
        changes = index.changes(WATCH, since=since)
    except ChangesExpired:
        return index.changes(WATCH, since=None), True
    return (index.changes(WATCH, since=None), True) if changes.ranges else (changes, False)


@pytest.mark.parametrize("seed", SEEDS[: of_tier(1, 3)])
def test_a_host_that_falls_behind_begins_again_with_a_listing(seed: int) -> None:
    """With a small log, a host that sleeps too long gets ChangesExpired, lists, and has the open alerts exactly."""
    index = ResultsIndex(changes_kept=40)
    index.put_job(JOB)
    world = World(seed, index, 600)
    rng = Random(seed)
    open_alerts: set[Key] = set()
    since = index.sequence
    sleeps, listings = 0, 0
    for _ in world.polls():
        sleeps -= 1
        if sleeps > 0:
            continue
        sleeps = rng.choice((1, 1, 1, 400))
        changes, is_listing = changes_or_listing(index, since)
        if is_listing:
            listings += 1
            open_alerts.clear()
        for change in changes:
            if change.effect == "entered":
                assert change.key not in open_alerts
                open_alerts.add(change.key)
            elif change.effect == "left":
                open_alerts.remove(change.key)
        since = changes.sequence
        assert open_alerts == world.matching()
    assert listings > 2


def test_an_index_of_a_later_process_expires_what_was_saved() -> None:
    """With `first_sequence` from the clock, a saved `since` of an earlier process is never read as a later one's."""
    before = ResultsIndex(first_sequence=BEGIN)
    world = World(5, before, 300)
    for _ in world.polls():
        pass
    loop = Loop(BEGIN)
    loop.run_once(before)
    documents = [result.to_dict() for result in before.scan(WATCH.replace(record_score=0, exclude_interim=False))]
    open_alerts = world.matching()

    after = ResultsIndex(first_sequence=BEGIN + 10**9)
    after.upsert(documents)
    for since in (loop.since, BEGIN, 0):
        with pytest.raises(ChangesExpired) as caught:
            after.changes(WATCH, since=since)
        assert caught.value.oldest >= BEGIN + 10**9
        assert (caught.value.status, caught.value.field) == (410, "since")
    listed = after.changes(WATCH, since=None)
    assert {change.key for change in listed.entered} == open_alerts
    loop = Loop(listed.sequence)
    again = World(6, after, 300)
    again.records = world.records
    for _ in again.polls():
        loop.run_once(after)
    assert sorted(loop.sent, key=repr) == sorted(again.crossings, key=repr)
