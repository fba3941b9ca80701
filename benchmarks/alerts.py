"""Four ways to send alerts, side by side: how many crossings of a threshold each misses, and how many it sends twice.

python -m benchmarks.alerts docs/pictures

A simulated job writes 2,000 buckets of 15 minutes: interim records, then final ones, some of them late; deletes of
interim results; new scores for the last days, which rise and fall. A host polls every five minutes. The truth is taken
from the written records and from no answer of the index. matplotlib draws the picture.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple, Protocol

from bucketquery import RecordQuery, ResultsIndex

MINUTE: Final = 60_000
SPAN_S: Final = 900
POLLS_A_BUCKET: Final = 3
BUCKETS: Final = 2_000
JOB: Final = "web"
#: The first instant of the simulation.
BEGIN: Final = 1_767_225_600_000
WATCH: Final = RecordQuery(jobs=JOB, record_score=75, exclude_interim=True)
IN_TIME_ORDER: Final = WATCH.replace(sort="timestamp", size=1_000)
NEWEST_FIRST: Final = WATCH.replace(sort="event.ingested", desc=True, size=1_000)

Key = tuple[Any, ...]


class Crossing(NamedTuple):
    """A final record reached the threshold: its identity, the commit, and its score before and after."""

    key: Key
    sequence: int
    old_score: float | None
    score: float


@dataclass(slots=True)
class Stored:
    """A record as it was last written, and when it was first written."""

    score: float
    is_interim: bool
    ingested: int


class World:
    """A job whose records come, change and go, and the crossings that this makes.

    Args:
        seed: decides everything.
        index: gets all writes.
        buckets: the number of buckets.
    """

    def __init__(self, seed: int, index: ResultsIndex, buckets: int = BUCKETS) -> None:
        self.rng = Random(seed)
        self.index = index
        self.buckets = buckets
        self.now = BEGIN
        self.records: dict[Key, Stored] = {}
        self.crossings: list[Crossing] = []
        #: Final records that are written later, by the poll before which they come.
        self.due: dict[int, list[Key]] = {}

    def polls(self) -> Iterator[int]:
        """Write what comes before each poll, and yield the time of the poll."""
        last = self.buckets * POLLS_A_BUCKET
        for poll in range(last):
            self.now = BEGIN + (poll + 1) * SPAN_S * 1_000 // POLLS_A_BUCKET
            self.step(poll)
            yield self.now

    def step(self, poll: int) -> None:
        """Write what comes before one poll."""
        rng = self.rng
        bucket, phase = divmod(poll, POLLS_A_BUCKET)
        timestamp = BEGIN + bucket * SPAN_S * 1_000
        if phase == 0 and rng.random() < 0.4:
            keys = [self.key(timestamp, detector) for detector in range(rng.choice((1, 1, 2)))]
            self.write([(key, self.a_score(), True) for key in keys])
            for key in keys:
                wait = 2 if rng.random() < 0.8 else rng.randrange(3, 60)
                self.due.setdefault(poll + wait, []).append(key)
        elif phase == 1:
            live = [key for keys in self.due.values() for key in keys if key in self.records and rng.random() < 0.3]
            self.write([(key, self.a_score(), True) for key in live])
        for key in self.due.pop(poll, ()):
            same = key in self.records and rng.random() < 0.5
            self.write([(key, self.records[key].score if same else self.a_score(), False)])
        if rng.random() < 0.02:
            self.delete(interim_only=True)
        if rng.random() < 0.01 and bucket:
            late = BEGIN + rng.randrange(max(0, bucket - 100), bucket) * SPAN_S * 1_000
            self.write([(self.key(late, rng.randrange(5, 8)), self.a_score(), False)])
        if phase == 2 and bucket % 40 == 39:
            self.renormalize(timestamp - 150 * SPAN_S * 1_000)
        if phase == 2 and bucket % 400 == 399:
            self.delete(end=timestamp - 800 * SPAN_S * 1_000)

    def key(self, timestamp: int, detector: int) -> Key:
        """The identity of a record."""
        return JOB, timestamp, SPAN_S, detector, None, None, None

    def a_score(self) -> float:
        """A score, often near the threshold."""
        rng = self.rng
        return round(rng.uniform(60, 90) if rng.random() < 0.2 else rng.uniform(0, 70), 1)

    def write(self, written: Sequence[tuple[Key, float, bool]]) -> None:
        """Write records. Each has the time of its first write, as `event.ingested` has it."""
        if not written:
            return
        after = {
            key: Stored(score, interim, self.records[key].ingested if key in self.records else self.now)
            for key, score, interim in written
        }
        documents = [
            {
                "job_id": JOB,
                "timestamp": key[1],
                "bucket_span": SPAN_S,
                "detector_index": key[3],
                "record_score": stored.score,
                "is_interim": stored.is_interim,
                "event": {"ingested": stored.ingested},
            }
            for key, stored in after.items()
        ]
        self.index.upsert(documents, kind="record")
        self.follow(after)

    def renormalize(self, start: int) -> None:
        """Multiply the final scores since an instant, some by more than 1 and some by less."""
        factors = {key: self.rng.choice((0.85, 1.0, 1.2)) for key in self.records}
        after = {
            key: Stored(min(100.0, round(stored.score * factors[key], 3)), stored.is_interim, stored.ingested)
            for key, stored in self.records.items()
            if key[1] >= start and not stored.is_interim
        }
        if after:
            scores = {
                "timestamp": [key[1] for key in after],
                "bucket_span": SPAN_S,
                "detector_index": [key[3] for key in after],
                "record_score": [stored.score for stored in after.values()],
            }
            self.index.renormalize(JOB, records=scores)
            self.follow(after)

    def delete(self, *, end: int | None = None, interim_only: bool = False) -> None:
        """Delete interim records, or old ones."""
        if JOB in self.index:
            self.index.delete(JOB, end=end, interim_only=interim_only)
            gone = [
                key
                for key, stored in self.records.items()
                if (end is None or key[1] < end) and (stored.is_interim or not interim_only)
            ]
            for key in gone:
                del self.records[key]

    def follow(self, after: dict[Key, Stored]) -> None:
        """Take the state after a write, and note the crossings that it made."""
        for key, stored in after.items():
            before = self.records.get(key)
            if reaches(stored) and not (before is not None and reaches(before)):
                old = None if before is None else before.score
                self.crossings.append(Crossing(key, self.index.sequence, old, stored.score))
        self.records |= after

    def matching(self) -> set[Key]:
        """The records that match now."""
        return {key for key, stored in self.records.items() if reaches(stored)}


def reaches(stored: Stored) -> bool:
    """Whether a record is final and at or above the threshold."""
    assert isinstance(WATCH.record_score, float)
    return stored.score >= WATCH.record_score and not stored.is_interim


class Host(Protocol):
    """A way to find the records to send at a poll."""

    def poll(self, index: ResultsIndex, now: int) -> Sequence[Key]:
        """The records to send an alert for."""


@dataclass(slots=True)
class LookBack:
    """Search the buckets of the last half hour, and send every match."""

    query: RecordQuery = IN_TIME_ORDER

    def poll(self, index: ResultsIndex, now: int) -> Sequence[Key]:
        """Every match of the window."""
        return index.search(self.query.replace(start=now - 30 * MINUTE)).keys() if JOB in index else ()


@dataclass(slots=True)
class LookBackOnce(LookBack):
    """Look back, and send each record once."""

    sent: set[Key] = field(default_factory=set)

    def poll(self, index: ResultsIndex, now: int) -> Sequence[Key]:
        """Every match of the window that was not sent before."""
        # Python 3.11 cannot call super() without arguments in a dataclass with slots.
        new = [key for key in LookBack.poll(self, index, now) if key not in self.sent]
        self.sent.update(new)
        return new


@dataclass(slots=True)
class IngestedSince:
    """Search what was first written since the last poll."""

    query: RecordQuery = NEWEST_FIRST
    last: int = BEGIN

    def poll(self, index: ResultsIndex, now: int) -> Sequence[Key]:
        """Every match that was first written since the last poll."""
        if JOB not in index:
            return ()
        page = index.search(self.query)
        ingested = page.column("event.ingested").tolist()
        found = [key for key, instant in zip(page.keys(), ingested, strict=True) if instant > self.last]
        self.last = now
        return found


@dataclass(slots=True)
class ChangeFeed:
    """Read the change feed, and send whatever entered."""

    since: int = 0

    def poll(self, index: ResultsIndex, now: int) -> Sequence[Key]:  # noqa: ARG002 - it needs no clock
        """Every record that entered the matches."""
        if JOB not in index:
            return ()
        changes = index.changes(WATCH, since=self.since)
        self.since = changes.sequence
        return [change.key for change in changes.entered]


WAYS: Final[dict[str, type[Host]]] = {
    "look back by bucket time": LookBack,
    "look back, each key once": LookBackOnce,
    "ingested since": IngestedSince,
    "change feed": ChangeFeed,
}


@dataclass(slots=True)
class AlertCounts:
    """The number of crossings, and of those that were missed and of alerts without a crossing."""

    crossings: int = 0
    missed: int = 0
    repeated: int = 0

    def add(self, crossings: Iterable[Key], alerts: Iterable[Key]) -> None:
        """Count the crossings between two polls, and the alerts of the second."""
        due, sent = Counter(crossings), Counter(alerts)
        self.crossings += due.total()
        self.missed += (due - sent).total()
        self.repeated += (sent - due).total()


def simulate(seed: int, buckets: int = BUCKETS, ways: Iterable[str] = WAYS) -> dict[str, AlertCounts]:
    """Simulate a job, with all hosts on one index.

    Args:
        seed: the seed of the job.
        buckets: the number of buckets (default 2,000).
        ways: the ways to send alerts (default all).
    """
    index = ResultsIndex()
    world = World(seed, index, buckets)
    hosts = {way: WAYS[way]() for way in ways}
    found = {way: AlertCounts() for way in hosts}
    for now in world.polls():
        crossed = [crossing.key for crossing in world.crossings]
        world.crossings.clear()
        for way, host in hosts.items():
            found[way].add(crossed, host.poll(index, now))
    return found


def draw(found: dict[str, AlertCounts], folder: Path) -> Path:
    """Write the picture of one simulation: missed and repeated alerts of each way."""
    matplotlib: Any = import_module("matplotlib")
    matplotlib.use("svg")
    plot: Any = import_module("matplotlib.pyplot")
    ink, pale, crossings = "#24292f", "#8b949e", next(iter(found.values())).crossings
    style = {
        # The same figures make the same file on every machine. Letters are paths, because paths need no font.
        "svg.hashsalt": "bucketquery",
        "svg.fonttype": "path",
        "font.size": 10,
        "text.color": ink,
        "axes.edgecolor": pale,
        "axes.labelcolor": ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": ink,
        "ytick.color": ink,
    }
    with matplotlib.rc_context(style):
        figure, panel = plot.subplots(figsize=(9, 3.4), layout="constrained")
        for at, counts in enumerate(found.values()):
            for shift, number, colour, label in (
                (-0.19, counts.missed, "#c2410c", "missed"),
                (0.19, counts.repeated, "#0072b2", "sent again, or too late"),
            ):
                panel.barh(at + shift, number, height=0.36, color=colour, label=None if at else label)
                panel.text(number, at + shift, f" {number}", va="center")
        panel.set_yticks(range(len(found)), list(found))
        panel.tick_params(axis="y", length=0)
        panel.invert_yaxis()
        panel.set_xlabel(f"alerts; {crossings} crossings of the threshold in {BUCKETS:,} buckets")
        panel.legend(loc="lower right", frameon=False)
        path = folder / "alerts.svg"
        figure.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white")
        plot.close(figure)
    return path


def main(arguments: Sequence[str]) -> int:
    """Simulate one job, print the counts, and write the picture into the folder that is named."""
    found = simulate(1)
    for way, counts in found.items():
        print(
            f"{way:26} {counts.crossings:4} crossings, {counts.missed:4} missed, {counts.repeated:4} without a crossing"
        )
    if arguments:
        print(draw(found, Path(arguments[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
