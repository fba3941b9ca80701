"""Made records, and how long they take: inside of a page of buckets, on pages of their own, and on their way in.

Five records for each bucket, of fifty hosts; a size is a number of records, 5,000 at least.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from heapq import nlargest, nsmallest
from operator import itemgetter
from random import Random
from statistics import median
from typing import Any, Final

from benchmarks.asking import check
from benchmarks.timing import Call, Effort, Figures, WrongAnswer, alternate, race
from benchmarks.workloads import FIRST_MS, JOB, SPAN_MS, SPAN_S, Document
from bucketquery import BucketPage, BucketQuery, RecordPage, RecordQuery, ResultsIndex

EACH: Final = 5
HOSTS: Final = 50
BLAMED: Final = [{"influencer_field_name": "bucket_time", "anomaly_score": 5.0, "probability": 0.5}]
MIDDLE: Final = range(900, 1_000)
"""The buckets of the page that is expanded."""

QUESTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "top 100 by score": {},
    "threshold 99, top 100": {"record_score": 99.0},
    "top 100 by probability": {"sort": "probability", "desc": False},
    "by host": {"sort": "partition_field_value", "desc": False},
}
"""Pages of records, by the parameters that make them."""

Key = tuple[int, str]
"""What tells records of one job apart here: their timestamp and their host."""

_NEWEST: Final = RecordQuery(jobs=JOB, sort="timestamp", size=1)
_LOADS: Final = 3
_APPENDED: Final = 300


# Records from a seed


def bucket(row: int) -> Document:
    """A bucket that is blamed on its time."""
    return {
        "result_type": "bucket",
        "job_id": JOB,
        "timestamp": FIRST_MS + row * SPAN_MS,
        "anomaly_score": 5.0,
        "bucket_span": SPAN_S,
        "bucket_influencers": BLAMED,
    }


def record(row: int, host: str, rng: Random) -> Document:
    """An anomaly of a host, with all that a real one usually has."""
    return {
        "job_id": JOB,
        "result_type": "record",
        "probability": 10 ** -(1 + 300 * rng.random()),
        "record_score": 100 * rng.random(),
        "initial_record_score": 50.0,
        "bucket_span": SPAN_S,
        "detector_index": 0,
        "is_interim": False,
        "timestamp": FIRST_MS + row * SPAN_MS,
        "partition_field_name": "host",
        "partition_field_value": host,
        "function": "mean",
        "function_description": "mean",
        "typical": [5.0],
        "actual": [rng.random()],
        "field_name": "load",
        "influencers": [{"influencer_field_name": "host", "influencer_field_values": [host]}],
        "host": [host],
    }


def records(rows: Sequence[int]) -> list[Document]:
    """Five records for each of some buckets."""
    rng = Random(7)
    hosts = [f"host-{number}" for number in range(HOSTS)]
    return [record(row, host, rng) for row in rows for host in rng.sample(hosts, EACH)]


def blamed(documents: Sequence[Document]) -> ResultsIndex:
    """A new index of the records and their buckets.

    Raises:
        WrongAnswer: some are not there afterwards.
    """
    index = ResultsIndex()
    buckets = [bucket(row) for row in range(len(documents) // EACH)]
    if (index.upsert(buckets).inserted, index.upsert(documents).inserted) != (len(buckets), EACH * len(buckets)):
        raise WrongAnswer("records or buckets are missing")
    return index


# Beside the index


def by_hand(documents: Sequence[Document], query: RecordQuery) -> tuple[int, list[Document]]:
    """A page of records from a list of dicts: all that match, and the best of them."""
    found = documents
    if query.record_score > 0:
        threshold = query.record_score
        found = [each for each in documents if each["record_score"] >= threshold]
    best = nlargest if query.desc else nsmallest
    return len(found), best(query.size, found, key=itemgetter(query.sort, "record_score"))


class InSqlite:
    """What decides and what tells a record apart in one table, with an index for each order that is asked for."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._run = self._connection.execute
        self._run("create table records (timestamp integer, host text, record_score real, probability real)")
        self._run("begin")
        self._connection.executemany("insert into records values (?, ?, ?, ?)", map(_row, documents))
        self._run("commit")
        # All that an order goes by, and all that is shown: nothing is sorted, and the table is not looked at.
        self._run("create index by_score on records (record_score, host, timestamp)")
        self._run("create index by_probability on records (probability, record_score, host, timestamp)")
        self._run("create index by_host on records (host, record_score, timestamp)")
        self._run("analyze")
        self._length = len(documents)

    def prepare(self, query: RecordQuery) -> Callable[[], tuple[int, list[Key]]]:
        """A statement for the count, where that is not known, and one for the page of keys."""
        run, values = self._run, [query.record_score] if query.record_score > 0 else []
        condition = " where record_score >= ?" if values else ""
        sort = "host" if query.sort == "partition_field_value" else query.sort
        keys = dict.fromkeys((sort, "record_score", "host", "timestamp"))
        order = ", ".join(f"{key} {'desc' if query.desc else 'asc'}" for key in keys)
        select = f"select timestamp, host from records{condition} order by {order} limit ?"  # noqa: S608 - the names above
        select_count = f"select count(*) from records{condition}"  # noqa: S608 - as there
        paged = [*values, query.size]
        if not values:
            return lambda: (self._length, run(select, paged).fetchall())
        return lambda: (run(select_count, values).fetchone()[0], run(select, paged).fetchall())

    def append(self, document: Document) -> None:
        """One insert, committed."""
        self._run("insert into records values (?, ?, ?, ?)", _row(document))
        self._length += 1

    def count(self) -> int:
        """How many there are, by walking the table."""
        return int(self._run("select count(*) from records").fetchone()[0])


def _row(document: Document) -> tuple[Any, ...]:
    return tuple(document[name] for name in ("timestamp", "partition_field_value", "record_score", "probability"))


# What is measured


def measure(size: int, effort: Effort) -> Figures:
    """How long a page of buckets takes without and with its records, and a page of records; microseconds.

    Raises:
        WrongAnswer: somebody's answer is not the right one.
    """
    documents = records(range(size // EACH))
    index = blamed(documents)
    return {**expand(documents, index, effort), **ask(documents, index, effort)}


def expand(documents: Sequence[Document], index: ResultsIndex, effort: Effort) -> Figures:
    """A page of 100 buckets with five records each, unread and read in every way.

    Raises:
        WrongAnswer: the page has other buckets or other records.
    """
    check_expanded(index, documents)
    figures = {}
    for is_expanded, words in {False: "unexpanded", True: "expanded"}.items():
        search = partial(index.search, BucketQuery(jobs=JOB, from_=MIDDLE.start, size=len(MIDDLE), expand=is_expanded))
        get = partial(middle, index, expand=is_expanded)
        page = search()
        body = get().to_dict()
        read = [page.to_dict(), json.loads(page.to_json()), {**body, "buckets": [each.to_dict() for each in page]}]
        if read != [body] * 3:
            raise WrongAnswer(f"100 buckets, {words}: the ways of reading them say different things")
        figures[f"100 buckets of five records, {words}"] = race({**_readings(search), "get_buckets": [get]}, effort)
    return figures


def middle(index: ResultsIndex, *, expand: bool) -> BucketPage:
    """The hundred buckets in the middle, by the client's keywords."""
    return index.get_buckets(job_id=JOB, from_=MIDDLE.start, size=len(MIDDLE), expand=expand)


def _readings(search: Callable[[], BucketPage]) -> dict[str, Sequence[Call]]:
    return {
        "search": [search],
        "search, to_dict": [lambda: search().to_dict()],
        "search, to_json": [lambda: search().to_json()],
        "search, values": [lambda: list(search())],
    }


def check_expanded(index: ResultsIndex, documents: Sequence[Document]) -> None:
    """Refuse a page that has not just the records that are meant, the most unlikely first.

    Raises:
        WrongAnswer: it has not, or the unexpanded one has some.
    """
    by_time: dict[int, list[Document]] = defaultdict(list)
    for document in documents:
        by_time[document["timestamp"]].append(document)
    bodies = middle(index, expand=True).to_dict()["buckets"]
    timestamps = [FIRST_MS + row * SPAN_MS for row in MIDDLE]
    if [body["timestamp"] for body in bodies] != timestamps:
        raise WrongAnswer("the page has other buckets")
    for body in bodies:
        right = sorted(by_time[body["timestamp"]], key=itemgetter("probability"))
        if body.get("records") != right or len(right) != EACH:
            raise WrongAnswer(f"the bucket at {body['timestamp']} has other records")
    unexpanded = middle(index, expand=False).to_dict()["buckets"]
    if unexpanded != [{key: value for key, value in body.items() if key != "records"} for body in bodies]:
        raise WrongAnswer("the page without records is another one")


def ask(documents: Sequence[Document], index: ResultsIndex, effort: Effort) -> Figures:
    """Pages of records, beside a list of them and a table of SQLite.

    Raises:
        WrongAnswer: somebody's answer is not the right one.
    """
    tables = InSqlite(documents)
    figures = {}
    for name, parameters in QUESTIONS.items():
        query = RecordQuery(jobs=JOB, **parameters)
        search: Callable[[], Any] = partial(index.search, query)
        hand, select = partial(by_hand, documents, query), tables.prepare(query)
        count, page = hand()
        if search().to_dict() != {"count": count, "records": page}:
            raise WrongAnswer(f"records, {name}: the page is not that of the list")
        right = [(each["timestamp"], each["partition_field_value"]) for each in page]
        check(f"records, {name}, index", (search().count, keys_of(search())), (count, right), empty=False)
        check(f"records, {name}, sqlite", select(), (count, right), empty=False)
        calls: dict[str, Sequence[Call]] = {
            "search": [search],
            "search, keys": [_reading(search)],
            "list": [hand],
            "sqlite": [select],
        }
        figures[f"records, {name}"] = race(calls, effort)
    return figures


def keys_of(page: RecordPage) -> list[Key]:
    """Of the keys of a page what tells records of one job apart here."""
    keys = page.keys()
    return [(timestamp, host) for _, timestamp, *_, host in keys]


def _reading(search: Callable[[], Any]) -> Call:
    return lambda: search().keys()


def load(size: int, effort: Effort) -> Figures:
    """Parsed records in one batch, records a second; SQLite keeps four fields of each, the index all of them.

    Raises:
        WrongAnswer: some are not there afterwards.
    """
    documents = records(range(size // EACH))
    contestants: dict[str, Callable[[Any], Any]] = {"index": _indexed, "sqlite": InSqlite}
    for name, count in {
        "index": _indexed(documents).search(_NEWEST).count,
        "sqlite": InSqlite(documents).count(),
    }.items():
        if count != len(documents):
            raise WrongAnswer(f"{count} and not {len(documents)} records are in {name}")
    taken = alternate(contestants, [documents] * min(_LOADS, effort.rounds))
    rates = {name: len(documents) / median(some) * 1e6 for name, some in taken.items()}
    return {f"{len(documents):,} records in one batch": rates}


def _indexed(documents: Sequence[Document]) -> ResultsIndex:
    index = ResultsIndex()
    index.upsert(documents)
    return index


def append(size: int, effort: Effort) -> Figures:
    """One record more, of a host that is known, and of one that is new; microseconds.

    Raises:
        WrongAnswer: the newest record is not the one written last.
    """
    documents = records(range(size // EACH))
    index, tables, rng = _indexed(documents), InSqlite(documents), Random(8)
    contestants: dict[str, Callable[[Any], object]] = {
        "index": lambda document: index.upsert([document]),
        "sqlite": tables.append,
    }
    figures = {}
    row, count = size // EACH, len(documents)
    for whose in ("known", "new"):
        many = _APPENDED if effort.rounds > 1 else 2
        written = [
            record(at, f"new-{at}" if whose == "new" else f"host-{at % HOSTS}", rng) for at in range(row, row + many)
        ]
        row, count = row + many, count + many
        figures[f"a record of a {whose} host"] = {
            name: median(some) for name, some in alternate(contestants, written).items()
        }
        right = [(written[-1]["timestamp"], written[-1]["partition_field_value"])]
        page = index.search(_NEWEST)
        check(f"a record of a {whose} host, index", (page.count, keys_of(page)), (count, right), empty=False)
        _, rows = tables.prepare(_NEWEST)()
        check(f"a record of a {whose} host, sqlite", (tables.count(), rows), (count, right), empty=False)
    return figures
