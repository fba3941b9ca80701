"""The peers answer as they must, before and after each kind of write; nothing is timed here."""

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
    next_buckets,
    questions,
    rescored,
    shuffled,
    worn,
)
from bucketquery import BucketQuery

#: How many variants of each question are asked.
SETS = 4


@pytest.fixture(params=KINDS)
def peer(request: pytest.FixtureRequest) -> Peer:
    """Each peer whose engine is here, empty."""
    name: str = request.param
    if not is_installed(name):
        pytest.skip(f"{KINDS[name].engine} is not installed")
    return make(name)


def asked(columns: Columns) -> Iterator[ResolvedQuery]:
    """All the questions, and each also in the other direction and with some skipped."""
    for name, variants in questions(columns, SETS).items():
        assert name in QUESTIONS
        for parameters in variants:
            query = BucketQuery(jobs=JOB, **parameters)
            yield ResolvedQuery.of(query)
            if query.timestamp is None:
                yield ResolvedQuery.of(query.replace(desc=not query.desc))
                yield ResolvedQuery.of(query.replace(from_=query.from_ + 7, size=5))


def assert_right(peer: Peer, columns: Columns) -> None:
    """The peer answers every question about these rows as the plain way does, and with whole rows alike."""
    documents = {document["timestamp"]: document for document in bucket_documents(columns)}
    for question in asked(columns):
        expected = answer_of(columns, question)
        count, page = peer.prepare(question)()
        assert (count, list(peer.keys(page))) == expected
        assert expected[0]
        body = {"count": count, "buckets": [documents[timestamp] for timestamp in expected[1]]}
        assert body_of(peer.prepare_rows(question)()) == body


def assert_writes_are_seen(peer: Peer, made: Columns) -> None:
    """The peer answers rightly after appends and replacements, and after other scores."""
    documents = list(islice(next_buckets(made, interim=2), 12))
    for at, document in enumerate(documents):
        (peer.replace if at % 3 else peer.append)(document)
    kept = [*bucket_documents(made), *documents[2::3]]
    after = {name: made[name].dtype.type([document[name] for document in kept]) for name in made}
    assert_right(peer, after)
    some = next(rescored(after))
    peer.rescore(some)
    after["anomaly_score"][after["timestamp"].searchsorted(some["timestamp"])] = some["anomaly_score"]
    assert_right(peer, after)


@pytest.mark.parametrize("clustered", [False, True])
def test_questions_are_answered(peer: Peer, clustered: bool) -> None:
    """Whatever the scores look like, and whatever order the rows come in."""
    made = bucket_columns(SMALLEST, clustered=clustered)
    peer.load(shuffled(made) if clustered else made)
    assert_right(peer, made)
    assert peer.memory() >= 0


def test_writes_are_seen(peer: Peer) -> None:
    """Buckets put behind the newest or in its place, then other scores for some of all."""
    made = bucket_columns(SMALLEST)
    peer.load(made)
    assert_writes_are_seen(peer, made)


@pytest.mark.parametrize("clustered", [False, True])
def test_an_order_of_scores_follows_the_writes(monkeypatch: pytest.MonkeyPatch, clustered: bool) -> None:
    """However few buckets there are, and however soon it is made anew; in the end it is the order that was asked."""
    ordered = import_module("benchmarks.peers.ordered")
    for name, value in {"_FEWEST": 0, "_NEWEST": 64, "_WORTH": 1}.items():
        monkeypatch.setattr(ordered, name, value)
    made = bucket_columns(SMALLEST, clustered=clustered)
    peer = make("ordered")
    peer.load(made)
    assert_right(peer, made)
    assert_writes_are_seen(peer, made)
    assert peer.memory() > sum(column.nbytes for column in made.values()) + 12 * (SMALLEST - 64)


def test_prepared_questions_see_later_writes(peer: Peer) -> None:
    """What was prepared before a write answers with what is there after it."""
    made = bucket_columns(SMALLEST)
    peer.load(made)
    asked = {
        name: peer.prepare(ResolvedQuery.of(query)) for name, query in {"newest": NEWEST, "highest": HIGHEST}.items()
    }
    for call in asked.values():
        call()
    (document,) = islice(next_buckets(made, interim=0), 1)
    peer.append({**document, "anomaly_score": 100.0})
    for name, call in asked.items():
        count, page = call()
        assert count == SMALLEST + 1, name
        assert peer.keys(page)[0] == document["timestamp"], name


def test_worn_buckets_are_those_that_were_loaded_and_written() -> None:
    """The last version of each timestamp, in order."""
    made = worn(bucket_columns(SMALLEST))
    last = {document["timestamp"]: document for document in (*bucket_documents(made.loaded), *made.written)}
    assert [last[timestamp] for timestamp in sorted(last)] == bucket_documents(made.columns)
    assert len(last) == SMALLEST + 250
