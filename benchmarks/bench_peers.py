"""The peers give the right answers, before and after each kind of write. Nothing is timed here."""

from collections.abc import Iterator
from importlib import import_module
from itertools import islice

import pytest

from benchmarks.peers import KINDS, is_installed, make
from benchmarks.peers.peer import Peer, body_of
from benchmarks.workloads import (
    HIGHEST,
    JOB,
    NEWEST,
    QUESTIONS,
    SMALLEST,
    Columns,
    ResolvedQuery,
    answer_of,
    bucket_columns,
    bucket_documents,
    fragmented,
    next_buckets,
    question_parameters,
    rescored,
    shuffled,
)
from bucketquery import BucketQuery

#: The number of variants of each question.
VARIANTS = 4


@pytest.fixture(params=KINDS)
def peer(request: pytest.FixtureRequest) -> Peer:
    """Each peer, new and empty. Skips those that are not installed."""
    name: str = request.param
    if not is_installed(name):
        pytest.skip(f"{KINDS[name].engine} is not installed")
    return make(name)


def all_questions(columns: Columns) -> Iterator[ResolvedQuery]:
    """Every question, also in the other direction and with some buckets skipped."""
    for name, variants in question_parameters(columns, VARIANTS).items():
        assert name in QUESTIONS
        for parameters in variants:
            query = BucketQuery(jobs=JOB, **parameters)
            yield ResolvedQuery.of(query)
            if query.timestamp is None:
                yield ResolvedQuery.of(query.replace(desc=not query.desc))
                yield ResolvedQuery.of(query.replace(from_=query.from_ + 7, size=5))


def assert_right(peer: Peer, columns: Columns) -> None:
    """Check every answer of the peer over these rows, with timestamps and with whole rows."""
    documents = {document["timestamp"]: document for document in bucket_documents(columns)}
    for question in all_questions(columns):
        expected = answer_of(columns, question)
        count, page = peer.prepare(question)()
        assert (count, list(peer.keys(page))) == expected
        assert expected[0]
        body = {"count": count, "buckets": [documents[timestamp] for timestamp in expected[1]]}
        assert body_of(peer.prepare_rows(question)()) == body


def assert_writes_are_seen(peer: Peer, columns: Columns) -> None:
    """Check every answer of the peer after appends and replacements, and again after scores change."""
    documents = list(islice(next_buckets(columns, interim=2), 12))
    for at, document in enumerate(documents):
        (peer.replace if at % 3 else peer.append)(document)
    stored = [*bucket_documents(columns), *documents[2::3]]
    after = {name: columns[name].dtype.type([document[name] for document in stored]) for name in columns}
    assert_right(peer, after)
    some = next(rescored(after))
    peer.rescore(some)
    after["anomaly_score"][after["timestamp"].searchsorted(some["timestamp"])] = some["anomaly_score"]
    assert_right(peer, after)


@pytest.mark.parametrize("clustered", [False, True])
def test_questions_are_answered(peer: Peer, clustered: bool) -> None:
    """A peer answers every question, with independent and clustered scores, and with sorted and shuffled rows."""
    columns = bucket_columns(SMALLEST, clustered=clustered)
    peer.load(shuffled(columns) if clustered else columns)
    assert_right(peer, columns)
    assert peer.memory() >= 0


def test_writes_are_seen(peer: Peer) -> None:
    """A peer answers every question after buckets are appended, the newest is replaced, and scores change."""
    columns = bucket_columns(SMALLEST)
    peer.load(columns)
    assert_writes_are_seen(peer, columns)


@pytest.mark.parametrize("clustered", [False, True])
def test_an_order_of_scores_follows_the_writes(monkeypatch: pytest.MonkeyPatch, clustered: bool) -> None:
    """*NumPy, ordered* is right even if it uses its order for small windows, and makes it again after one miss."""
    ordered = import_module("benchmarks.peers.numpy_ordered")
    for name, value in {"_MIN_ROWS": 0, "_NEWEST": 64, "_MIN_MISSES": 1}.items():
        monkeypatch.setattr(ordered, name, value)
    columns = bucket_columns(SMALLEST, clustered=clustered)
    peer = make("ordered")
    peer.load(columns)
    assert_right(peer, columns)
    assert_writes_are_seen(peer, columns)
    # The memory shows that there is an order after the last question.
    assert peer.memory() > sum(column.nbytes for column in columns.values()) + 12 * (SMALLEST - 64)


def test_prepared_questions_see_later_writes(peer: Peer) -> None:
    """A question that was prepared before a write sees the write."""
    columns = bucket_columns(SMALLEST)
    peer.load(columns)
    calls = {
        name: peer.prepare(ResolvedQuery.of(query)) for name, query in {"newest": NEWEST, "highest": HIGHEST}.items()
    }
    for call in calls.values():
        call()
    (document,) = islice(next_buckets(columns, interim=0), 1)
    peer.append({**document, "anomaly_score": 100.0})
    for name, call in calls.items():
        count, page = call()
        assert count == SMALLEST + 1, name
        assert peer.keys(page)[0] == document["timestamp"], name


def test_fragmented_buckets_are_those_that_were_loaded_and_written() -> None:
    """The columns of fragmented buckets have the last version of each timestamp, in order."""
    fragments = fragmented(bucket_columns(SMALLEST))
    last = {document["timestamp"]: document for document in (*bucket_documents(fragments.loaded), *fragments.written)}
    assert [last[timestamp] for timestamp in sorted(last)] == bucket_documents(fragments.columns)
    assert len(last) == SMALLEST + 250
