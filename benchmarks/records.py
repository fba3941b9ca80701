"""The records: generated ones, measured inside a page of buckets, on pages of their own, and when they are written.

There are five records for each bucket, of fifty hosts. A size is a number of records, at least 5,000.
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

import numpy as np

from benchmarks.questions import check, reading
from benchmarks.timing import Call, Effort, Figures, WrongAnswer, alternate, race
from benchmarks.workloads import FIRST_MS, JOB, SPAN_MS, SPAN_S, Document, index_of
from bucketquery import BucketPage, BucketQuery, RecordPage, RecordQuery, ResultsIndex

EACH: Final = 5
"""The number of records of a bucket."""

HOSTS: Final = 50
INFLUENCERS: Final = [{"influencer_field_name": "bucket_time", "anomaly_score": 5.0, "probability": 0.5}]
MIDDLE: Final = range(900, 1_000)
"""The buckets of the page that is expanded."""

QUESTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "top 100 by score": {},
    "threshold 99, top 100": {"record_score": 99.0},
    "top 100 by probability": {"sort": "probability", "desc": False},
    "by host": {"sort": "partition_field_value", "desc": False},
}
"""The questions for records: the parameters of each, by name."""

Key = tuple[int, str]
"""The timestamp and the host, which identify a record of one job here."""

#: The fields of a record that are columns of text, numbers or booleans.
_COLUMNS: Final = (
    "timestamp",
    "bucket_span",
    "detector_index",
    "probability",
    "record_score",
    "initial_record_score",
    "is_interim",
    "partition_field_name",
    "partition_field_value",
    "function",
    "function_description",
    "field_name",
)
_NEWEST: Final = RecordQuery(jobs=JOB, sort="timestamp", size=1)
_LOADS: Final = 3
_APPENDED: Final = 300


# Records from a seed


def bucket(row: int) -> Document:
    """A bucket with one influencer, its time."""
    return {
        "result_type": "bucket",
        "job_id": JOB,
        "timestamp": FIRST_MS + row * SPAN_MS,
        "anomaly_score": 5.0,
        "bucket_span": SPAN_S,
        "bucket_influencers": INFLUENCERS,
    }


def record(row: int, host: str, rng: Random) -> Document:
    """A record of a host, with the fields that a real one usually has."""
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
    """`EACH` records for each of some buckets."""
    rng = Random(7)
    hosts = [f"host-{number}" for number in range(HOSTS)]
    return [record(row, host, rng) for row in rows for host in rng.sample(hosts, EACH)]


def record_columns(documents: Sequence[Document]) -> dict[str, Any]:
    """The columns of records, for ``upsert_columns``: numbers as arrays, text as lists; without lists and objects."""
    columns: dict[str, Any] = {name: [each[name] for each in documents] for name in _COLUMNS}
    return {name: np.array(some) if type(some[0]) is not str else some for name, some in columns.items()}


def index_of_record_columns(columns: Mapping[str, Any]) -> ResultsIndex:
    """A new index of the columns of records."""
    index = ResultsIndex()
    index.upsert_columns(columns, job_id=None if "job_id" in columns else JOB, kind="record")
    return index


def index_with_buckets(documents: Sequence[Document]) -> ResultsIndex:
    """A new index of the records and their buckets.

    Raises:
        WrongAnswer: the index does not hold all of them afterwards.
    """
    index = ResultsIndex()
    buckets = [bucket(row) for row in range(len(documents) // EACH)]
    if (index.upsert(buckets).inserted, index.upsert(documents).inserted) != (len(buckets), EACH * len(buckets)):
        raise WrongAnswer("records or buckets are missing")
    return index


# Beside the index


def by_hand(documents: Sequence[Document], query: RecordQuery) -> tuple[int, list[Document]]:
    """The count and the page of a list of dicts: filter all records, then take the best."""
    found, threshold = documents, query.record_score
    assert isinstance(threshold, float)
    if threshold > 0:
        found = [each for each in documents if each["record_score"] >= threshold]
    best = nlargest if query.desc else nsmallest
    return len(found), best(query.size, found, key=itemgetter(query.sort, "record_score"))


class InSqlite:
    """One SQLite table with four fields of each record, and a covering index for each order of the questions."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._run = self._connection.execute
        self._run("create table records (timestamp integer, host text, record_score real, probability real)")
        self._run("begin")
        self._connection.executemany("insert into records values (?, ?, ?, ?)", map(_row, documents))
        self._run("commit")
        # Each index has the columns of its order and those of the page, so SQLite neither sorts nor reads the table.
        self._run("create index by_score on records (record_score, host, timestamp)")
        self._run("create index by_probability on records (probability, record_score, host, timestamp)")
        self._run("create index by_host on records (host, record_score, timestamp)")
        self._run("analyze")
        self._length = len(documents)

    def prepare(self, query: RecordQuery) -> Callable[[], tuple[int, list[Key]]]:
        """A statement for the page of keys, and one for the count if the query has a threshold."""
        assert isinstance(query.record_score, float)
        run, values = self._run, [query.record_score] if query.record_score > 0 else []
        condition = " where record_score >= ?" if values else ""
        sort = "host" if query.sort == "partition_field_value" else query.sort
        keys = dict.fromkeys((sort, "record_score", "host", "timestamp"))
        order = ", ".join(f"{key} {'desc' if query.desc else 'asc'}" for key in keys)
        select = f"select timestamp, host from records{condition} order by {order} limit ?"  # noqa: S608 - made of the names above
        select_count = f"select count(*) from records{condition}"  # noqa: S608 - made of the names above
        paged = [*values, query.size]
        if not values:
            return lambda: (self._length, run(select, paged).fetchall())
        return lambda: (run(select_count, values).fetchone()[0], run(select, paged).fetchall())

    def append(self, document: Document) -> None:
        """Insert one row, in a transaction of its own."""
        self._run("insert into records values (?, ?, ?, ?)", _row(document))
        self._length += 1

    def count(self) -> int:
        """The number of rows, counted by SQLite."""
        return int(self._run("select count(*) from records").fetchone()[0])


def _row(document: Document) -> tuple[Any, ...]:
    return tuple(document[name] for name in ("timestamp", "partition_field_value", "record_score", "probability"))


# Measurements


def measure_questions(size: int, effort: Effort) -> Figures:
    """The time of a page of buckets without and with its records, and of pages of records, microseconds.

    Raises:
        WrongAnswer: an answer is not the right one.
    """
    documents = records(range(size // EACH))
    index = index_with_buckets(documents)
    return {**measure_expanding(documents, index, effort), **measure_pages(documents, index, effort)}


def measure_expanding(documents: Sequence[Document], index: ResultsIndex, effort: Effort) -> Figures:
    """The time of a page of 100 buckets with five records each, unread and read in every way, microseconds.

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
        bodies = [page.to_dict(), json.loads(page.to_json()), {**body, "buckets": [each.to_dict() for each in page]}]
        if bodies != [body] * 3:
            raise WrongAnswer(f"100 buckets, {words}: the ways to read a page give different bodies")
        figures[f"100 buckets of five records, {words}"] = race({**_readings(search), "get_buckets": [get]}, effort)
    return figures


def middle(index: ResultsIndex, *, expand: bool) -> BucketPage:
    """The page of the buckets of `MIDDLE`, by the client's keywords."""
    return index.get_buckets(job_id=JOB, from_=MIDDLE.start, size=len(MIDDLE), expand=expand)


def _readings(search: Callable[[], BucketPage]) -> dict[str, Sequence[Call]]:
    return {
        "search": [search],
        "search, to_dict": [reading(search, "to_dict")],
        "search, to_json": [reading(search, "to_json")],
        "search, values": [lambda: list(search())],
    }


def check_expanded(index: ResultsIndex, documents: Sequence[Document]) -> None:
    """Check that each bucket of the expanded page has exactly its own records, the most unlikely first.

    Raises:
        WrongAnswer: a bucket has other records, or the unexpanded page has some.
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
        raise WrongAnswer("the page without records has other buckets")


def measure_pages(documents: Sequence[Document], index: ResultsIndex, effort: Effort) -> Figures:
    """The time of pages of records, beside a list of dicts and an SQLite table, microseconds.

    Raises:
        WrongAnswer: an answer is not the right one.
    """
    table = InSqlite(documents)
    figures = {}
    for name, parameters in QUESTIONS.items():
        query = RecordQuery(jobs=JOB, **parameters)
        search: Callable[[], Any] = partial(index.search, query)
        scan, select = partial(by_hand, documents, query), table.prepare(query)
        count, page = scan()
        if search().to_dict() != {"count": count, "records": page}:
            raise WrongAnswer(f"records, {name}: the index and the list have different pages")
        right = [(each["timestamp"], each["partition_field_value"]) for each in page]
        check(f"records, {name}, index", (search().count, keys_of(search())), (count, right), empty=False)
        check(f"records, {name}, sqlite", select(), (count, right), empty=False)
        calls: dict[str, Sequence[Call]] = {
            "search": [search],
            "search, keys": [reading(search, "keys")],
            "list": [scan],
            "sqlite": [select],
        }
        figures[f"records, {name}"] = race(calls, effort)
    return figures


def keys_of(page: RecordPage) -> list[Key]:
    """The timestamps and hosts of a page, from its keys."""
    keys = page.keys()
    return [(timestamp, host) for _, timestamp, *_, host in keys]


def measure_loading(size: int, effort: Effort) -> Figures:
    """Load parsed records in one batch; records a second. SQLite stores four fields of each, the index all of them.

    Raises:
        WrongAnswer: a contestant does not hold all of them afterwards.
    """
    documents = records(range(size // EACH))
    contestants: dict[str, Callable[[Any], Any]] = {"index": index_of, "sqlite": InSqlite}
    for name, count in {
        "index": index_of(documents).search(_NEWEST).count,
        "sqlite": InSqlite(documents).count(),
    }.items():
        if count != len(documents):
            raise WrongAnswer(f"{name} holds {count}, not {len(documents)} records")
    taken = alternate(contestants, [documents] * min(_LOADS, effort.rounds))
    rates = {name: len(documents) / median(some) * 1e6 for name, some in taken.items()}
    return {f"{len(documents):,} records in one batch": rates, **measure_columns(documents, effort)}


def measure_columns(documents: Sequence[Document], effort: Effort) -> Figures:
    """Load records from columns, of one job and with a column of jobs; records a second.

    Raises:
        WrongAnswer: the index has other records than one that was given the documents without their lists.
    """
    columns = record_columns(documents)
    given = {
        "index": columns,
        "index, a column of jobs": columns | {"job_id": [JOB] * len(documents)},
        "index, arrays of objects": {
            name: np.array(some, dtype=np.object_) if isinstance(some, list) else some for name, some in columns.items()
        },
    }
    simple = index_of([{name: each[name] for name in (*_COLUMNS, "job_id", "result_type")} for each in documents])
    for name, some in given.items():
        index = index_of_record_columns(some)
        for query in (_NEWEST, RecordQuery(jobs=JOB), RecordQuery(jobs=JOB, record_score=50.0, sort="probability")):
            if index.search(query).to_dict() != simple.search(query).to_dict() or not index.search(query).count:
                raise WrongAnswer(f"records in columns, {name}: other records than from documents")
    works = {name: partial(_load_columns, some) for name, some in given.items()}
    taken = alternate(works, [None] * min(7, effort.rounds))
    rates = {name: len(documents) / median(some) * 1e6 for name, some in taken.items()}
    return {f"{len(documents):,} records in columns, without lists": rates}


def _load_columns(columns: Mapping[str, Any], _: object) -> ResultsIndex:
    return index_of_record_columns(columns)


def measure_appending(size: int, effort: Effort) -> Figures:
    """The time to append one record, of a known host and of a new one, microseconds.

    Raises:
        WrongAnswer: the newest record is not the one that was written last.
    """
    documents = records(range(size // EACH))
    index, table, rng = index_of(documents), InSqlite(documents), Random(8)
    contestants: dict[str, Callable[[Any], object]] = {
        "index": lambda document: index.upsert([document]),
        "sqlite": table.append,
    }
    figures = {}
    row, count = size // EACH, len(documents)
    for whose in ("known", "new"):
        number = _APPENDED if effort.rounds > 1 else 2
        written = [
            record(at, f"new-{at}" if whose == "new" else f"host-{at % HOSTS}", rng) for at in range(row, row + number)
        ]
        row, count = row + number, count + number
        figures[f"a record of a {whose} host"] = {
            name: median(some) for name, some in alternate(contestants, written).items()
        }
        right = [(written[-1]["timestamp"], written[-1]["partition_field_value"])]
        page = index.search(_NEWEST)
        check(f"a record of a {whose} host, index", (page.count, keys_of(page)), (count, right), empty=False)
        _, rows = table.prepare(_NEWEST)()
        check(f"a record of a {whose} host, sqlite", (table.count(), rows), (count, right), empty=False)
    return figures
