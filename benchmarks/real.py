"""Real sets: documents from files, their known counts, and measurements over them.

A set is many jobs in one index. The questions of generated buckets are asked of its longest job, and of peers that hold
only that job. Other questions are asked of all jobs together, and of peers that hold all of them.
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

from benchmarks.memory import traced
from benchmarks.peers import make
from benchmarks.peers.many_jobs import KINDS as PEERS_OF_MANY_JOBS
from benchmarks.peers.many_jobs import Key, arrays_of
from benchmarks.questions import Setting, check, measure_variants, reading, variants_at, variants_of
from benchmarks.timing import Call, Effort, Figures, WrongAnswer, alternate, race
from benchmarks.workloads import Document, ResolvedQuery, index_of
from bucketquery import BucketQuery, ResultsIndex

SAMPLES: Final = Path(__file__).parent.parent / "tests" / "data"

#: Number of variants of a question if nothing is timed. Of four windows, at least one has matches.
_FEW: Final = 4
_LOADS: Final = 3


def read_documents(path: Path) -> Iterator[Document]:
    """The documents of a gzipped file with one JSON object a line."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


class RealSet(NamedTuple):
    """Files of real buckets, and counts that another program made.

    Attributes:
        files: the names of the files, without the extension.
        buckets: number of buckets.
        jobs: number of jobs.
        at_or_above: number of buckets at or above some scores.
    """

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
    """The documents of each job in time order, as a peer that is a list of dicts needs them."""
    jobs = defaultdict(list)
    for document in documents:
        jobs[document["job_id"]].append(document)
    for some in jobs.values():
        some.sort(key=itemgetter("timestamp", "bucket_span"))
    return dict(jobs)


def measure_questions(known: RealSet, documents: Sequence[Document], effort: Effort, peers: Sequence[str]) -> Figures:
    """The time of questions over an index of the whole set, microseconds: of its longest job, and over all jobs.

    The peers of the longest job hold only that job. Those of all jobs are `benchmarks.peers.many_jobs`.

    Raises:
        WrongAnswer: an answer is wrong, or no bucket matches a question.
    """
    index = index_of(documents)
    check_set(known, documents, index)
    of_one = measure_longest_job(documents, index, effort, peers)
    of_all = measure_all_jobs(known, documents, index, effort, peers)
    return {
        **{f"the longest job, {name}": row for name, row in of_one.items()},
        **{f"all {known.jobs} jobs, {name}": row for name, row in of_all.items()},
    }


def check_set(known: RealSet, documents: Sequence[Document], index: ResultsIndex) -> None:
    """Compare an index of a set with its known counts.

    Raises:
        WrongAnswer: the jobs, the number of buckets, or the count of a threshold differ.
    """
    jobs = tuple(sorted({document["job_id"] for document in documents}))
    buckets = index.stats()["rows"]["bucket"]
    if index.jobs() != jobs or (len(jobs), buckets) != (known.jobs, known.buckets):
        raise WrongAnswer(f"{buckets} buckets of {len(index.jobs())} jobs, not {known.buckets} of {known.jobs}")
    for threshold, right in known.at_or_above.items():
        count = index.search(BucketQuery(jobs=jobs, anomaly_score=threshold, size=0)).count
        if count != right:
            raise WrongAnswer(f"{count} buckets at or above {threshold}, not {right}")


def measure_longest_job(
    documents: Sequence[Document], index: ResultsIndex, effort: Effort, peers: Sequence[str]
) -> Figures:
    """The time of the questions of generated buckets for the job with the most buckets, microseconds.

    Variants without a match are left out.

    Raises:
        WrongAnswer: an answer is wrong, or no variant of a question has a match.
    """
    jobs = by_job(documents)
    job_id = max(jobs, key=lambda each: (len(jobs[each]), each))
    columns = arrays_of(jobs[job_id])
    # The documents are in order of time and span. The peers identify a row only by its timestamp.
    if not (columns["timestamp"][1:] > columns["timestamp"][:-1]).all():
        raise WrongAnswer(f"{job_id} has several buckets of one timestamp")
    setting = Setting(columns, index, {name: make(name) for name in peers}, job_id)
    for peer in setting.peers.values():
        peer.load(columns)
    questions = variants_of(columns, variants_at(len(columns["timestamp"])) if effort.rounds > 1 else _FEW, job_id)
    chosen = {name: [one for one in variants if one.answer[0]] for name, variants in questions.items()}
    for name, variants in chosen.items():
        if not variants:
            raise WrongAnswer(f"{name}: no bucket of {job_id} matches")
    return measure_variants(setting, effort, chosen)


OVER_ALL_JOBS: Final[Mapping[str, Mapping[str, Any]]] = {
    "the top 100 by score": {"sort": "anomaly_score", "desc": True},
    "threshold 75 by time": {"anomaly_score": 75.0},
    "the count at threshold 50": {"anomaly_score": 50.0, "size": 0},
}
"""The questions over all jobs, by name."""


def answer_over_all_jobs(documents: Sequence[Document], query: BucketQuery) -> tuple[int, list[Key]]:
    """The right count and keys of a page over all jobs, the simple way: sort every match as one table, then cut.

    Only the threshold of the query counts, because these questions have no windows.
    """
    found = [document for document in documents if document["anomaly_score"] >= query.anomaly_score]
    found.sort(key=itemgetter(query.sort, "timestamp", "bucket_span", "job_id"), reverse=query.desc)
    page = found[query.from_ : query.from_ + query.size]
    return len(found), [(each["job_id"], each["timestamp"], each["bucket_span"]) for each in page]


def measure_all_jobs(
    known: RealSet, documents: Sequence[Document], index: ResultsIndex, effort: Effort, peers: Sequence[str]
) -> Figures:
    """The time of questions over all jobs, microseconds. Every contestant answers as if all jobs were one table.

    Raises:
        WrongAnswer: an answer is wrong, or its count is not the known one.
    """
    tables = {name: kind() for name, kind in PEERS_OF_MANY_JOBS.items() if name in peers}
    for peer in tables.values():
        peer.put(documents)
    figures = {}
    for name, parameters in OVER_ALL_JOBS.items():
        query = BucketQuery(jobs=index.jobs(), **parameters)
        assert isinstance(query.anomaly_score, float)
        right = answer_over_all_jobs(documents, query)
        if right[0] != known.at_or_above.get(query.anomaly_score, known.buckets):
            raise WrongAnswer(f"{name}: the simple way finds {right[0]}")
        search = partial(index.search, query)
        page = search()
        check(f"{name}, index", (page.count, page.keys()), right, empty=not query.size)
        calls: dict[str, Sequence[Call]] = {"search": [search], "search, keys": [reading(search, "keys")]}
        for peer_name, peer in tables.items():
            call = peer.prepare(ResolvedQuery.of(query))
            count, found = call()
            check(f"{name}, {peer_name}", (count, peer.keys(found)), right, empty=not query.size)
            calls[peer_name] = [call]
        figures[name] = race(calls, effort)
    return figures


def measure_loading(known: RealSet, documents: Sequence[Document], effort: Effort) -> Figures:
    """Load the parsed documents of the whole set in one batch; documents a second.

    The list only groups its documents by job and sorts them.

    Raises:
        WrongAnswer: the index or the list does not have the known counts.
    """
    check_set(known, documents, index_of(documents))
    jobs = by_job(documents)
    if (len(jobs), sum(map(len, jobs.values()))) != (known.jobs, known.buckets):
        raise WrongAnswer("the list has other buckets")
    del jobs
    contestants: dict[str, Callable[[Any], object]] = {"index": index_of, "list": by_job}
    taken = alternate(contestants, [documents] * min(_LOADS, effort.rounds))
    rates = {name: known.buckets / median(some) * 1e6 for name, some in taken.items()}
    return {f"{known.buckets:,} real documents of {known.jobs} jobs in one batch": rates}


def measure_memory(known: RealSet, documents: Sequence[Document]) -> Figures:
    """Bytes a bucket of the whole set: the arrays, as the index reports them, and everything, as traced.

    Raises:
        WrongAnswer: the index does not have the known counts.
    """
    # Python may reuse memory that other work has freed, and `tracemalloc` would not count that.
    gc.collect()
    index, taken = traced(partial(index_of, documents))
    # Read before the set is checked: questions by score make more structures.
    reported = index.stats()["bytes"] / known.buckets
    check_set(known, documents, index)
    return {f"real buckets of {known.jobs} jobs, as loaded": {"reported": reported, "traced": taken / known.buckets}}
