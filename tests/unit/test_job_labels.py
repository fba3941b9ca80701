"""Job labels: they ascend as the ids do, and new ids find a place."""

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from bucketquery.jobs import job_labels
from bucketquery.jobs.job_labels import NO_LABEL, JobLabels
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes

SMALL = replace(DEFAULT_SIZES, fewest_labels=64, labels_per_job=4)


def labels_of(*ids: str, sizes: Sizes = SMALL) -> JobLabels:
    """The labels of some ids."""
    made = JobLabels(sorted(ids), None, sizes)
    made.check()
    return made


def test_labels_and_ids_are_each_other() -> None:
    """Ids of labels, labels of ids, and the table of some; an unknown id has no label."""
    labels = labels_of("db", "web", "app")
    assert len(labels) == 3
    assert labels.ids(labels.labels(["web", "app", "web"])) == ["web", "app", "web"]
    assert labels.label("nothing") is None
    table = labels.table(["db", "nothing"])
    assert (len(table), labels.ids(table.nonzero()[0].astype(np.uint32))) == (labels.space, ["db"])
    assert labels.nbytes() == 3 * (4 + 8)


def hashes_of(ids: list[str]) -> Any:
    """The hash of each id."""
    return np.array([*map(hash, ids)], dtype=np.int64)


def test_a_batch_that_comes_again_is_compared() -> None:
    """Its labels are those of its ids, also after another batch, and after new ids."""
    every = [f"job-{number:04}" for number in range(1_100)]
    labels = JobLabels(every)
    weight = labels.nbytes()
    other = [every[0], *every[-2:0:-1], every[-1]]
    for batch in (every, every, other, other[:-1], every, ["job-0001"], [], other):
        assert labels.of_batch(batch, hashes_of(batch)).tolist() == labels.labels(batch).tolist()
    assert labels.nbytes() == weight + 1_100 * (4 + 8)
    again = hashes_of(other)
    assert labels.of_batch([], again).tolist() == labels.labels(other).tolist(), "the ids were looked up again"
    extended = labels.with_ids(["job-0000a"]).labels
    assert extended.of_batch(every, hashes_of(every)).tolist() == extended.labels(every).tolist()


def test_ids_with_one_hash_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then equal hashes do not mean equal ids."""
    monkeypatch.setattr(job_labels, "hash", len, raising=False)
    labels = JobLabels(["app", "cat", "dogs"])
    hashes = np.array([3, 3])
    for batch in (["app", "cat"], ["cat", "app"], ["app", "cat"]):
        assert labels.ids(labels.of_batch(batch, hashes)) == batch


def test_there_may_be_no_ids() -> None:
    """No labels, no space; the first id finds a place."""
    labels = labels_of()
    assert (len(labels), labels.space, labels.table(["a"]).tolist()) == (0, 0, [])
    assert labels.labels([]).dtype == np.uint32
    extended = labels.with_ids(["a", "b"])
    extended.labels.check()
    assert extended.labels.label("a") is not None


def test_known_ids_change_nothing() -> None:
    """The same object comes back, for new ids and for ids to remove."""
    labels = labels_of("a", "b")
    assert labels.with_ids(["b", "a"]).labels is labels
    assert labels.without(["c"]) is labels


def test_a_removed_id_leaves_the_labels_of_the_others() -> None:
    """It may come back, perhaps with another label."""
    labels = labels_of("a", "b", "c")
    fewer = labels.without(["b", "x"])
    fewer.check()
    assert (fewer.label("b"), fewer.label("a"), fewer.label("c")) == (None, labels.label("a"), labels.label("c"))
    last = labels.without(["c"])
    assert (last.space, last.with_ids(["d"]).labels.space >= labels.space) == (labels.space, True)
    again = fewer.with_ids(["b"])
    again.labels.check()
    assert again.moved is None
    assert again.labels.label("b") is not None


@pytest.mark.parametrize("seed", range(10))
def test_new_ids_lie_between_their_neighbours(seed: int) -> None:
    """Many ids in random batches, with and without new epochs: old labels stay, or all move in the same order."""
    rng = Random(seed)
    labels, epochs, most = labels_of("m"), 0, 64
    for _ in range(60):
        new = [f"{rng.randrange(400):03}" for _ in range(rng.randrange(1, 6))]
        extended = labels.with_ids(new)
        extended.labels.check()
        most = max(most, 4 * len(extended.labels))
        assert extended.labels.space <= most
        if extended.moved is None:
            for job_id in labels._ids:
                assert extended.labels.label(job_id) == labels.label(job_id)
        else:
            epochs += 1
            assert tuple(extended.labels.ids(extended.moved[labels.places])) == labels._ids
            assert len(extended.moved) == labels.space
            assert np.isin(np.delete(extended.moved, labels.places), NO_LABEL).all()
        labels = extended.labels
        if rng.random() < 0.2:
            labels = labels.without(rng.sample(labels._ids, 2))
    assert epochs


@pytest.mark.parametrize("descending", [False, True])
def test_ids_made_in_order_do_not_move_the_others_at_each_step(*, descending: bool) -> None:
    """At either end a step is left after each new id."""
    ids = [f"job-{number:04}" for number in range(2_000)]
    labels, epochs = labels_of("web" if descending else "app", sizes=DEFAULT_SIZES), 0
    for job_id in reversed(ids) if descending else ids:
        extended = labels.with_ids([job_id])
        epochs += extended.moved is not None
        labels = extended.labels
    labels.check()
    assert epochs <= 1
