"""Entity filters: pages of one host's records and buckets among those of all hosts, beside SQLite and Polars.

A size is a number of records, at least 20,000. A hundredth of it is the number of hosts, a tenth the number of
timestamps, each of which has a bucket. One host has 15 % of the records; half of the other hosts have some dozens or
less. Half of a percent of the scores are at or above 75.
"""

import gc
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import repeat
from operator import itemgetter
from statistics import median
from time import perf_counter_ns
from typing import Any, Final

import numpy as np

from benchmarks.memory import traced
from benchmarks.peers.filters import KINDS, Filters, InSqlite, Key, Question
from benchmarks.questions import check, reading
from benchmarks.timing import Call, Effort, Figures, race, undisturbed
from benchmarks.workloads import FIRST_MS, SPAN_MS, SPAN_S, Columns, Document
from bucketquery import BucketPage, BucketQuery, RecordPage, RecordQuery, ResultsIndex

SMALLEST: Final = 20_000
"""With fewer records than this, no host has some dozens of them."""
HOT: Final = 0
"""The number of the host with the most records."""

_SHARE: Final = 0.15
_PARTITIONS: Final = 50
_FUNCTIONS: Final = ("count", "mean", "rare", "sum", "time_of_day")
#: A host of a set of many jobs has records in this many of them.
_JOBS_OF_HOST: Final = 12
#: 80 % of the scores are below 5, 0.5 % at or above 75.
_CHANCES: Final = (0.0, 0.8, 0.95, 0.995, 1.0)
_SCORES: Final = (0.0, 5.0, 40.0, 75.0, 100.0)
_LOADS: Final = 3
_APPENDS: Final = 40


# Records from a seed


def record_columns(size: int, jobs: int = 1) -> Columns:
    """Records in order of time, each identity once: numbers for the peers.

    Args:
        size: the number of records.
        jobs: the number of jobs, default one, which leaves out the column ``job``.
    """
    rng, hosts, instants, many = np.random.default_rng(size), size // 100, size // 10, size + size // 10
    weights = rng.lognormal(0.0, 1.1, hosts)
    weights[HOT] = 0.0
    weights *= (1 - _SHARE) / weights.sum()
    weights[HOT] = _SHARE
    host = rng.choice(hosts, many, p=weights)
    # A host is in one partition. The hot one is in its own for half of its records.
    strays = (host == HOT) & (rng.random(many) < 0.5)
    partition = np.where(strays, rng.integers(_PARTITIONS, size=many), host % _PARTITIONS)
    drawn = {
        "timestamp": rng.integers(instants, size=many),
        "function": rng.choice(len(_FUNCTIONS), many, p=(0.1, 0.6, 0.1, 0.15, 0.05)),
        "host": host,
        "partition": partition,
    }
    if jobs > 1:
        drawn["job"] = (host * _JOBS_OF_HOST + rng.integers(_JOBS_OF_HOST, size=many)) % jobs
    shape = [int(column.max()) + 1 for column in drawn.values()]
    identities = np.unique(np.ravel_multi_index(tuple(drawn.values()), shape))
    identities = np.sort(rng.choice(identities, size, replace=False))
    timestamp, *others = np.unravel_index(identities, shape)
    return {
        "timestamp": FIRST_MS + SPAN_MS * timestamp,
        "score": np.interp(rng.random(size), _CHANCES, _SCORES),
        **{name: column.astype(np.uint16) for name, column in zip(list(drawn)[1:], others, strict=True)},
    }


def load_records(index: ResultsIndex, columns: Columns) -> None:
    """Write the records, of one job or of many."""
    hosts = np.array([host_name(number) for number in range(int(columns["host"].max()) + 1)], dtype=np.object_)
    partitions = np.array([partition_name(number) for number in range(_PARTITIONS)], dtype=np.object_)
    size = len(columns["timestamp"])
    given: dict[str, Any] = {
        "timestamp": columns["timestamp"],
        "bucket_span": SPAN_S,
        "detector_index": columns["function"].astype(np.int64),
        "record_score": columns["score"],
        "initial_record_score": columns["score"],
        "probability": 10.0 ** (-1 - columns["score"]),
        "by_field_name": ["host"] * size,
        "by_field_value": hosts[columns["host"]],
        "partition_field_name": ["datacenter"] * size,
        "partition_field_value": partitions[columns["partition"]],
        "function": np.array(_FUNCTIONS, dtype=np.object_)[columns["function"]],
    }
    if "job" in columns:
        ids = np.array([job_name(number) for number in range(int(columns["job"].max()) + 1)], dtype=np.object_)
        index.upsert_columns({**given, "job_id": ids[columns["job"]]}, kind="record")
    else:
        index.upsert_columns(given, job_id=job_name(0), kind="record")


def host_name(number: int) -> str:
    """The name of a host. Names have the order of the numbers."""
    return f"host-{number:05}"


def partition_name(number: int) -> str:
    """The name of a partition. Names have the order of the numbers."""
    return f"dc-{number:02}"


def job_name(number: int) -> str:
    """The id of a job. Ids have the order of the numbers."""
    return f"job-{number:04}"


class Setting:
    """An index with the records and the buckets of a set, and the peers with the same rows.

    Args:
        size: the number of records.
        peers: names of peers. Those that do not filter are left out.
        jobs: the number of jobs, default one. Only one job has buckets.
    """

    def __init__(self, size: int, peers: Sequence[str], jobs: int = 1) -> None:
        self.size, self.jobs = size, jobs
        self.columns = record_columns(size, jobs)
        self.buckets: list[int] = np.unique(self.columns["timestamp"]).tolist()
        self.rows: list[tuple[Any, ...]] = list(
            zip(*(column.tolist() for column in self.columns.values()), strict=True)
        )
        self.index = self.new_index()
        self.peers: dict[str, Filters] = {name: make() for name, make in KINDS.items() if name in peers}
        for peer in self.peers.values():
            peer.load(self.columns, self.buckets)
        counts = np.bincount(self.columns["host"])
        by_count = counts.argsort(kind="stable")[(counts == 0).sum() :]
        middle = len(by_count) // 2
        self.usual, self.other = (int(host) for host in by_count[middle : middle + 2])

    def new_index(self) -> ResultsIndex:
        """An index of all records, and of the buckets if there is one job, to which no question has been put."""
        index = ResultsIndex()
        load_records(index, self.columns)
        if self.jobs == 1:
            given = {"timestamp": np.array(self.buckets), "bucket_span": SPAN_S}
            index.upsert_columns(given, job_id=job_name(0))
        return index

    def append(self) -> None:
        """Append a record of the hot host and its bucket to the rows, to the index, and to SQLite if it is a peer."""
        timestamp, score = self.buckets[-1] + SPAN_MS, 60 + len(self.rows) / 1e8
        row = (timestamp, score, 1, HOT, HOT % _PARTITIONS)
        self.rows.append(row)
        self.buckets.append(timestamp)
        common: Document = {"job_id": job_name(0), "timestamp": timestamp, "bucket_span": SPAN_S}
        record = {
            **common,
            "result_type": "record",
            "detector_index": 1,
            "record_score": score,
            "by_field_name": "host",
            "by_field_value": host_name(HOT),
            "partition_field_name": "datacenter",
            "partition_field_value": partition_name(HOT % _PARTITIONS),
            "function": _FUNCTIONS[1],
        }
        self.index.upsert([record, {**common, "result_type": "bucket", "anomaly_score": 1.0}])
        if isinstance(sqlite := self.peers.get("sqlite"), InSqlite):
            sqlite.append(row)

    def query(self, question: Question, *, has_data_field: bool = False) -> RecordQuery | BucketQuery:
        """The query of a question. The hosts are values of their column, or of the data field ``host``."""
        hosts = [host_name(host) for host in question.hosts]
        where: dict[str, Any] = {"host" if has_data_field else "by_field_value": hosts}
        if question.partition is not None:
            where["partition_field_value"] = partition_name(question.partition)
        common: dict[str, Any] = {
            "jobs": "_all" if self.jobs > 1 else job_name(0),
            "where": where,
            "size": question.size,
            "desc": True,
        }
        if question.is_of_buckets:
            return BucketQuery(**common, sort="timestamp")
        sort = "record_score" if question.is_by_score else "timestamp"
        return RecordQuery(**common, sort=sort, record_score=question.threshold)

    def answer(self, question: Question) -> tuple[int, list[Key]]:
        """The right answer, by a loop over all records."""
        names = list(self.columns)
        score, host, partition = (names.index(name) for name in ("score", "host", "partition"))
        found = [
            row
            for row in self.rows
            if row[host] in question.hosts
            and question.partition in {None, row[partition]}
            and row[score] >= question.threshold
        ]
        if question.is_of_buckets:
            instants = {row[0] for row in found}
            page = sorted((timestamp for timestamp in self.buckets if timestamp in instants), reverse=True)
            return len(page), [(timestamp,) for timestamp in page[: question.size]]
        found.sort(key=itemgetter(score) if question.is_by_score else itemgetter(0, score), reverse=True)
        return len(found), [(*row[:score], *row[score + 1 :]) for row in found[: question.size]]

    def keys_of(self, page: RecordPage | BucketPage) -> list[Key]:
        """The numbers of a page of the index, as the peers return them."""
        if isinstance(page, BucketPage):
            instants = page.keys()
            return [(timestamp,) for _, timestamp, _ in instants]
        keys = page.keys()
        found: list[Key] = []
        for job, timestamp, _, detector, host, _, partition in keys:
            assert host is not None
            assert partition is not None
            numbers = timestamp, detector, int(host.rpartition("-")[2]), int(partition.rpartition("-")[2])
            found.append((*numbers, int(job.rpartition("-")[2])) if self.jobs > 1 else numbers)
        return found


FEW: Final = "a host of some dozens"
"""The words for the host whose number of records is the median."""


def questions(setting: Setting) -> dict[str, Question]:
    """The questions about one job, by name."""
    few, hot, home = (setting.usual,), (HOT,), HOT % _PARTITIONS
    return {
        f"{FEW}, newest 100": Question(few, 100),
        "the hot host, newest 100": Question(hot, 100),
        "the hot host from score 75, top 100": Question(hot, 100, threshold=75.0, is_by_score=True),
        "the hot host, top 10": Question(hot, 10, is_by_score=True),
        "the hot host in its partition, top 10": Question(hot, 10, partition=home, is_by_score=True),
        "the hot host in another partition, top 10": Question(hot, 10, partition=home + 1, is_by_score=True),
        f"{FEW} or another, newest 100": Question((setting.usual, setting.other), 100),
        f"buckets of {FEW}, newest 100": Question(few, 100, is_of_buckets=True),
        "buckets of the hot host, newest 100": Question(hot, 100, is_of_buckets=True),
    }


def questions_of_many_jobs(setting: Setting) -> dict[str, Question]:
    """The questions about all jobs, by name."""
    few, hot = (setting.usual,), (HOT,)
    return {
        f"{FEW}, newest 100": Question(few, 100),
        f"{FEW}, top 10": Question(few, 10, is_by_score=True),
        "the hot host, newest 100": Question(hot, 100),
        "the hot host, top 10": Question(hot, 10, is_by_score=True),
    }


# Measurements


def measure_questions(setting: Setting, asked: Mapping[str, Question], effort: Effort) -> Figures:
    """The time of each question, microseconds: its count, and its page unread or with its keys read.

    With many jobs the garbage collector is on.

    Raises:
        WrongAnswer: an answer is wrong or empty.
    """
    figures = {}
    for name, question in asked.items():
        right = setting.answer(question)
        has_twin = question.partition is None and len(question.hosts) == 1 and not question.is_by_score
        for has_data_field in (False, True) if has_twin else (False,):
            search = partial(setting.index.search, setting.query(question, has_data_field=has_data_field))
            words = f"{name}, by its data field" if has_data_field else name
            page = search()
            check(f"{words}, index", (page.count, setting.keys_of(page)), right, empty=False)
            calls: dict[str, Sequence[Call]] = {"search": [search], "search, keys": [reading(search, "keys")]}
            if not has_data_field:
                calls.update(_of_peers(setting, words, question, right))
            figures[words] = race(calls, effort, collects=setting.jobs > 1)
    return figures


def _of_peers(
    setting: Setting, name: str, question: Question, right: tuple[int, list[Key]]
) -> dict[str, Sequence[Call]]:
    calls: dict[str, Sequence[Call]] = {}
    for key, peer in setting.peers.items():
        answer = peer.prepare(question)
        check(f"{name}, {key}", answer(), right, empty=False)
        calls[key] = [answer]
        if isinstance(peer, InSqlite):
            page = peer.prepare_page(question)
            check(f"{name}, {key}, without the count", (right[0], page()), right, empty=False)
            calls[f"{key}, without the count"] = [page]
    return calls


def measure_after_appends(setting: Setting, effort: Effort) -> Figures:
    """The time of questions after a record of the hot host and its bucket were appended, microseconds, keys read.

    *search, keys* is the first question after each append, *again* the second. The index, SQLite and the rows of the
    setting get the records; other peers do not.

    Raises:
        WrongAnswer: an answer lacks a record that was appended.
    """
    sqlite, figures = setting.peers.get("sqlite"), {}
    for name in ("the hot host, newest 100", "the hot host, top 10", "buckets of the hot host, newest 100"):
        question = questions(setting)[name]
        search = partial(setting.index.search, setting.query(question))
        read = reading(search, "keys")
        calls: dict[str, Call] = {"search, keys": read, "again": read}
        if isinstance(sqlite, InSqlite):
            calls["sqlite"] = sqlite.prepare(question)
        taken: dict[str, list[float]] = {contestant: [] for contestant in calls}
        with undisturbed():
            for _ in repeat(None, _APPENDS if effort.rounds > 1 else 2):
                setting.append()
                for contestant, call in calls.items():
                    begun = perf_counter_ns()
                    call()
                    taken[contestant].append((perf_counter_ns() - begun) / 1e3)
        right, page = setting.answer(question), search()
        check(f"{name}, after appends, index", (page.count, setting.keys_of(page)), right, empty=False)
        if isinstance(sqlite, InSqlite):
            check(f"{name}, after appends, sqlite", sqlite.prepare(question)(), right, empty=False)
        figures[name] = {contestant: median(some) for contestant, some in taken.items()}
    return figures


def measure_first(setting: Setting, effort: Effort) -> Figures:
    """The time of the first question by a field, which makes the lists of its rows, and of the next one, milliseconds.

    Each load is a new index, and all questions of a load are about the host of some dozens.

    Raises:
        WrongAnswer: an answer is wrong or empty.
    """
    question = questions(setting)[f"{FEW}, newest 100"]
    right, taken = setting.answer(question), dict[str, list[tuple[float, float]]]()
    for _ in repeat(None, min(_LOADS, effort.rounds)):
        index = setting.new_index()
        gc.collect()
        for words, has_data_field in (("by a column", False), ("by a data field", True)):
            query = setting.query(question, has_data_field=has_data_field)
            search, times = partial(index.search, query), []
            with undisturbed():
                for _ in repeat(None, 2):
                    begun = perf_counter_ns()
                    search()
                    times.append((perf_counter_ns() - begun) / 1e6)
            page = search()
            check(f"{words}, the first time", (page.count, setting.keys_of(page)), right, empty=False)
            taken.setdefault(f"{FEW}, {words}", []).append((times[0], times[1]))
    return {
        words: {"the first time": median(first for first, _ in times), "again": median(again for _, again in times)}
        for words, times in taken.items()
    }


def measure_memory(setting: Setting) -> Figures:
    """Bytes a record of the lists of rows: those of a column, and those of a data field.

    Raises:
        WrongAnswer: an answer is wrong or empty.
    """
    question = questions(setting)[f"{FEW}, newest 100"]
    right, index, figures = setting.answer(question), setting.new_index(), {}
    for words, has_data_field in (("a column", False), ("a data field", True)):
        before = index.stats()["bytes"]
        page, taken = traced(partial(index.search, setting.query(question, has_data_field=has_data_field)))
        check(f"memory, {words}", (page.count, setting.keys_of(page)), right, empty=False)
        reported = index.stats()["bytes"] - before
        figures[f"the lists of {words}"] = {"reported": reported / setting.size, "traced": taken / setting.size}
    return figures
