"""Writes of every kind from a seed, for the results of all jobs that the writer keeps up to date."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

import numpy as np

from bucketquery import Kind, ResultsIndex, Snapshot
from bucketquery.jobs.all_jobs import AllJobs
from bucketquery.model.schema import BUCKET
from bucketquery.storage.selection import Selection
from support.helpers import all_rows
from support.kept_all_jobs import assert_kept
from support.strategies import KINDS, SCORES

STEP: Final = 1_000
#: Jobs that are written often. New ones come between, before and behind them.
_OFTEN: Final = ("b", "d", "f", "h", "m", "zz")

Document = dict[str, Any]


class History:
    """An index with small sizes, and random writes to it.

    Args:
        seed: the seed.
        index: the index.
    """

    def __init__(self, seed: int, index: ResultsIndex) -> None:
        self.rng = Random(seed)
        self.index = index
        #: The number of the newest bucket.
        self.now = 0
        self._writes: Mapping[str, tuple[int, Callable[[], object]]] = {
            "one": (4, lambda: index.upsert([self.document(self.rng.choice((*KINDS, *KINDS[:1] * 3)))])),
            "batch": (3, lambda: index.upsert(self.documents())),
            "drop interim": (1, lambda: index.upsert(self.documents(), drop_interim=True)),
            "columns": (1, self._columns),
            "delete a window": (1, self._delete),
            "delete of some jobs": (1, self._delete_some),
            "delete interim": (1, lambda: index.delete(interim_only=True)),
            "renormalise": (1, self._renormalize),
            "delete a job": (1, lambda: [index.delete_job(job_id) for job_id in self._known(1)]),
            "put a job": (1, lambda: index.put_job(self._job())),
        }

    def step(self) -> str:
        """Make one write, and return its name."""
        names = [name for name, (weight, _) in self._writes.items() for _ in range(weight)]
        name = self.rng.choice(names)
        self.now += self.rng.choice((0, 0, 1))
        if self.rng.random() < 0.005:
            name = "a long span"
            self.index.upsert([{**self.document("bucket"), "bucket_span": 2**32}])
        else:
            self._writes[name][1]()
        return name

    def document(self, kind: Kind) -> Document:
        """A result of a kind, most often a new one."""
        rng = self.rng
        late = rng.choice((0, 0, 1, rng.randrange(20)))
        found = {"result_type": kind, "job_id": self._job(), "timestamp": (self.now - late) * STEP}
        found["bucket_span"] = rng.choice((1, 1, 1, 60))
        found |= rng.choice(({}, {"is_interim": False}, {"is_interim": True}))
        if rng.random() < 0.9:
            found[SCORES[kind]] = rng.choice((0.0, 3.0, 75.0, rng.random() * 100))
        if kind == "record":
            for name in ("by_field_value", "partition_field_value", "function", "field_name"):
                if rng.random() < 0.5:
                    found[name] = rng.choice(("a", "b", "c", f"new {rng.randrange(30)}"))
            if rng.random() < 0.6:
                found["detector_index"] = rng.randrange(3)
        elif kind == "influencer":
            found |= {"influencer_field_name": rng.choice("ab"), "influencer_field_value": f"v{rng.randrange(5)}"}
        return found

    def documents(self) -> list[Document]:
        """Some results of all kinds."""
        number = self.rng.choice((2, 5, 20, 60))
        return [self.document(self.rng.choice((*KINDS, *KINDS[:1]))) for _ in range(number)]

    def _job(self) -> str:
        rng = self.rng
        return rng.choice((*_OFTEN, f"a{rng.randrange(40)}", "e" * rng.randrange(1, 9), f"z{self.now}"))

    def _known(self, most: int) -> list[str]:
        known = self.index.jobs()
        return self.rng.sample(known, min(most, len(known)))

    def _columns(self) -> None:
        rows = self.rng.choice((1, 5, 30))
        timestamps = (self.now + np.arange(rows) - self.rng.randrange(5)) * STEP
        scores = [self.rng.random() * 90 for _ in range(rows)]
        self.index.upsert_columns(
            {"timestamp": timestamps, "bucket_span": 1, "anomaly_score": scores}, job_id=self._job()
        )

    def _delete(self) -> None:
        first, last = sorted((self.now - self.rng.randrange(25)) * STEP for _ in range(2))
        start, end = self.rng.choice(((first, last), (None, first), (last, None)))
        self.index.delete(start=start, end=end)

    def _delete_some(self) -> None:
        named = self._known(self.rng.randrange(1, 5))
        at = (self.now - self.rng.randrange(25)) * STEP
        if named:
            self.index.delete(named, **self.rng.choice(({"start": at}, {"end": at}, {"interim_only": True})))

    def _renormalize(self) -> None:
        for job_id in self._known(1):
            job = self.index.snapshot()._catalog.known(job_id, "job_id")
            view = job.table(BUCKET).rows
            if view.length:
                rows = Selection(view, all_rows(view))
                some = sorted(self.rng.sample(range(view.length), self.rng.randrange(1, view.length + 1)))
                identity = {name: rows.column(name)[some] for name in ("timestamp", "bucket_span")}
                self.index.renormalize(job_id, buckets={**identity, "anomaly_score": [self.rng.random() for _ in some]})


def live(seed: int, steps: int) -> int:
    """Write, ask at random commits, keep old snapshots, and compare all of it; return how often results were kept."""
    rng = Random(seed)
    index = ResultsIndex(changes_kept=rng.choice((0, 1_000)), keep_documents=rng.choice((True, False)))
    history, held, found = History(seed, index), list[Snapshot](), 0
    kinds = rng.sample(KINDS, rng.randrange(1, 4))
    for _ in range(steps):
        history.step()
        snapshot = index.snapshot()
        if rng.random() < 0.4:
            results = [assert_kept(snapshot, kind) for kind in kinds if rng.random() < 0.8]
            found += sum(each is not None for each in results)
            _ask_by_score(rng, [each for each in results if each is not None])
        if rng.random() < 0.2:
            held.append(snapshot)
        if held and rng.random() < 0.1:
            assert_kept(rng.choice(held), rng.choice(kinds))
    for snapshot in held:
        for kind in kinds:
            assert_kept(snapshot, kind)
    index.check()
    return found


def _ask_by_score(rng: Random, results: list[AllJobs]) -> None:
    """Let a reader make value indexes, in either direction."""
    for each in results:
        if rng.random() < 0.5:
            for part in each.parts:
                part.base.value_index(each.schema.score, desc=rng.random() < 0.7)
