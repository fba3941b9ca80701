"""The results of all jobs that the writer keeps up to date are those of a plain reading, at every commit."""

import threading
from random import Random

import pytest

from bucketquery import ResultsIndex
from support.all_jobs_history import History, live
from support.kept_all_jobs import assert_kept, shrink
from support.tiers import of_tier


@pytest.mark.parametrize("seed", range(of_tier(12, 70)))
def test_after_writes_of_every_kind_the_results_are_those_of_the_jobs(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newest and older snapshots have all results in order, with labels, interim rows and value indexes."""
    shrink(monkeypatch)
    live(seed, 20 + 40 * (seed % 2))


def test_the_histories_ask_and_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most questions find results, so the comparison above compares something."""
    shrink(monkeypatch)
    assert sum(live(seed, 60) for seed in range(5)) > 50


def read_until(done: threading.Event, index: ResultsIndex, seed: int, errors: list[BaseException]) -> None:
    """Ask the newest commit and an older one, until the writer is done."""
    rng, held = Random(seed), index.snapshot()
    try:
        while not done.is_set():
            assert_kept(index.snapshot(), "bucket")
            results = assert_kept(held, "bucket")
            if rng.random() < 0.3:
                held = index.snapshot()
            elif results is not None:
                results.parts[-1].base.value_index("anomaly_score", desc=True)
    except BaseException as error:  # noqa: BLE001 - the test raises it
        errors.append(error)


def test_readers_beside_a_writer_have_the_results_of_their_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three threads ask the newest commit and keep older ones, while a fourth writes."""
    shrink(monkeypatch)
    index = ResultsIndex()
    history, done, errors = History(7, index), threading.Event(), list[BaseException]()
    readers = [threading.Thread(target=read_until, args=(done, index, seed, errors)) for seed in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(of_tier(150, 300)):
        if not errors:
            history.step()
    done.set()
    for reader in readers:
        reader.join()
    if errors:
        raise errors[0]
    index.check()
