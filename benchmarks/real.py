"""Real documents: the files they are in, what is known of them from elsewhere, and what is measured with them.

A set is many jobs in one index. Its longest job is asked what made buckets are asked, beside peers that hold that job;
and all of its jobs are asked together, beside peers that hold them all.
"""

import gc
import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from benchmarks.asking import Setting, ask_all, asked, check, sets_for
from benchmarks.peers import make
from benchmarks.peers.jobs import KINDS as MANY
from benchmarks.peers.jobs import Key, arrays_of
from benchmarks.timing import Call, Effort, Figures, WrongAnswer, alternate, race
from benchmarks.weighing import traced
from benchmarks.workloads import Document, ResolvedQuery
from bucketquery import BucketPage, BucketQuery, ResultsIndex

SAMPLES: Final = Path(__file__).parent.parent / "tests" / "data"

#: How many windows are drawn where nothing is timed: so many that something matches in some.
_FEW: Final = 4
_LOADS: Final = 3


def read_documents(path: Path) -> Iterator[Document]:
    """The documents of a gzipped file, one JSON object a line."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


class RealSet(NamedTuple):
    """Files of real buckets, and what is known of them from elsewhere: a count made without this library."""

    files: tuple[str, ...]
    buckets: int
    jobs: int
    at_or_above: Mapping[float, int]

    def read(self, folder: Path = SAMPLES) -> list[Document]:
        """All documents, parsed, in the order of the files."""
        return [document for name in self.files for document in read_documents(folder / f"{name}.ndjson.gz")]


REPOSITORY: Final = RealSet(
    files=("numentaTM_1h_by_category.buckets", "numenta_nyc_taxi.buckets"),
    buckets=30_010,
    jobs=8,
    at_or_above={1.0: 18_542, 10.0: 2_501, 25.0: 1_552, 50.0: 555, 75.0: 385, 100.0: 306},
)
BOTH_FULL: Final = RealSet(
    files=("numenta.buckets", "numentaTM.buckets"),
    buckets=730_770,
    jobs=116,
    at_or_above={1.0: 380_214, 10.0: 27_146, 25.0: 13_097, 50.0: 1_617, 75.0: 1_189, 100.0: 996},
)


def by_job(documents: Iterable[Document]) -> dict[str, list[Document]]:
    """The documents of each job, in order of time: what a list of dicts needs before it can be asked."""
    jobs = defaultdict(list)
    for document in documents:
        jobs[document["job_id"]].append(document)
    for some in jobs.values():
        some.sort(key=itemgetter("timestamp", "bucket_span"))
    return dict(jobs)


def questions(known: RealSet, documents: Sequence[Document], effort: Effort, peers: Sequence[str]) -> Figures:
    """How long questions take of an index over the whole set, microseconds: of its longest job, and over all jobs.

    The peers of the longest job hold nothing else; those of all jobs are `benchmarks.peers.jobs`.

    Raises:
        WrongAnswer: somebody's answer is not the right one, or nothing real answers a question.
    """
    index = indexed(documents)
    check_set(known, documents, index)
    of_one = ask_longest(documents, index, effort, peers)
    of_all = ask_together(known, documents, index, effort, peers)
    return {
        **{f"the longest job, {name}": row for name, row in of_one.items()},
        **{f"all {known.jobs} jobs, {name}": row for name, row in of_all.items()},
    }


def indexed(documents: Sequence[Document]) -> ResultsIndex:
    """A new index over the documents."""
    index = ResultsIndex()
    index.upsert(documents)
    return index


def check_set(known: RealSet, documents: Sequence[Document], index: ResultsIndex) -> None:
    """Refuse an index that has not what is known of the set.

    Raises:
        WrongAnswer: jobs or buckets are missing, or a threshold has not as many as were counted elsewhere.
    """
    jobs = tuple(sorted({document["job_id"] for document in documents}))
    buckets = index.stats()["rows"]["bucket"]
    if index.jobs() != jobs or (len(jobs), buckets) != (known.jobs, known.buckets):
        raise WrongAnswer(f"{buckets} buckets of {len(index.jobs())} jobs, not {known.buckets} of {known.jobs}")
    for threshold, right in known.at_or_above.items():
        count = index.search(BucketQuery(jobs=jobs, anomaly_score=threshold, size=0)).count
        if count != right:
            raise WrongAnswer(f"{count} buckets at or above {threshold}, not {right}")


def ask_longest(documents: Sequence[Document], index: ResultsIndex, effort: Effort, peers: Sequence[str]) -> Figures:
    """The questions of made buckets, of the job that has the most; windows in which nothing matches are left out.

    Raises:
        WrongAnswer: somebody's answer is not the right one, or no window is left.
    """
    jobs = by_job(documents)
    job_id = max(jobs, key=lambda each: (len(jobs[each]), each))
    columns = arrays_of(jobs[job_id])
    # Its documents lie in order of time and span; what the peers hold needs a timestamp for each.
    if not (columns["timestamp"][1:] > columns["timestamp"][:-1]).all():
        raise WrongAnswer(f"{job_id} has several buckets of one timestamp")
    held = Setting(columns, index, {name: make(name) for name in peers}, job_id)
    for peer in held.peers.values():
        peer.load(columns)
    drawn = asked(columns, sets_for(len(columns["timestamp"])) if effort.rounds > 1 else _FEW, job_id)
    chosen = {name: [one for one in variants if one.answer[0]] for name, variants in drawn.items()}
    for name, variants in chosen.items():
        if not variants:
            raise WrongAnswer(f"{name}: nothing of {job_id} matches")
    return ask_all(held, effort, chosen)


TOGETHER: Final[Mapping[str, Mapping[str, Any]]] = {
    "the top 100 by score": {"sort": "anomaly_score", "desc": True},
    "threshold 75 by time": {"anomaly_score": 75.0},
    "the count at threshold 50": {"anomaly_score": 50.0, "size": 0},
}
"""What is asked over all jobs."""


def answer_together(documents: Sequence[Document], query: BucketQuery) -> tuple[int, list[Key]]:
    """The right count and keys of a page over all jobs, the plain way: what matches, sorted as one table, cut.

    It looks at the threshold only: the questions have no windows.
    """
    found = [document for document in documents if document["anomaly_score"] >= query.anomaly_score]
    found.sort(key=itemgetter(query.sort, "timestamp", "bucket_span", "job_id"), reverse=query.desc)
    page = found[query.from_ : query.from_ + query.size]
    return len(found), [(each["job_id"], each["timestamp"], each["bucket_span"]) for each in page]


def ask_together(
    known: RealSet, documents: Sequence[Document], index: ResultsIndex, effort: Effort, peers: Sequence[str]
) -> Figures:
    """How long questions over all jobs take, which are answered as if all lay in one table.

    Raises:
        WrongAnswer: somebody's answer is not the right one, or the count is not that which is known.
    """
    many = {name: kind() for name, kind in MANY.items() if name in peers}
    for peer in many.values():
        peer.put(documents)
    figures = {}
    for name, parameters in TOGETHER.items():
        query = BucketQuery(jobs=index.jobs(), **parameters)
        right = answer_together(documents, query)
        if right[0] != known.at_or_above.get(query.anomaly_score, known.buckets):
            raise WrongAnswer(f"{name}: the plain way finds {right[0]}")
        search = partial(index.search, query)
        page = search()
        check(f"{name}, index", (page.count, page.keys()), right, empty=not query.size)
        calls: dict[str, Sequence[Call]] = {"search": [search], "search, keys": [_reading(search)]}
        for peer_name, peer in many.items():
            call = peer.prepare(ResolvedQuery.of(query))
            count, found = call()
            check(f"{name}, {peer_name}", (count, peer.keys(found)), right, empty=not query.size)
            calls[peer_name] = [call]
        figures[name] = race(calls, effort)
    return figures


def _reading(search: Callable[[], BucketPage]) -> Call:
    return lambda: search().keys()


def loads(known: RealSet, documents: Sequence[Document], effort: Effort) -> Figures:
    """Parsed documents of the whole set in one batch, documents a second; the list's are put by job and sorted only.

    Raises:
        WrongAnswer: the index, or the list, has not what is known of the set.
    """
    check_set(known, documents, indexed(documents))
    held = by_job(documents)
    if (len(held), sum(map(len, held.values()))) != (known.jobs, known.buckets):
        raise WrongAnswer("the list has other buckets")
    del held
    contestants: dict[str, Callable[[Any], object]] = {"index": indexed, "list": by_job}
    taken = alternate(contestants, [documents] * min(_LOADS, effort.rounds))
    rates = {name: known.buckets / median(some) * 1e6 for name, some in taken.items()}
    return {f"{known.buckets:,} real documents of {known.jobs} jobs in one batch": rates}


def weigh(known: RealSet, documents: Sequence[Document]) -> Figures:
    """Bytes a bucket of the whole set: as the index tells, which is the arrays, and with what is nested in them.

    Raises:
        WrongAnswer: the index has not what is known of the set.
    """
    # What other work has left for new tuples to lie in would not be counted.
    gc.collect()
    index, taken = traced(partial(indexed, documents))
    # Before anything is asked: questions by score make more.
    told = index.stats()["bytes"] / known.buckets
    check_set(known, documents, index)
    return {f"real buckets of {known.jobs} jobs, as loaded": {"told": told, "traced": taken / known.buckets}}
