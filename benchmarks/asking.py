"""The questions, asked of the index and of all peers in turn; every answer is compared before its time counts."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

from benchmarks.peers import make
from benchmarks.peers.peer import Peer, body_of
from benchmarks.timing import Call, Effort, Figures, WrongAnswer, alternate, race
from benchmarks.workloads import (
    DAY_MS,
    JOB,
    NINE_PARAMETERS,
    NINE_RESOLVED,
    Columns,
    ResolvedQuery,
    answer_of,
    bucket_columns,
    bucket_documents,
    questions,
    worn,
)
from bucketquery import BucketPage, BucketQuery, ResultsIndex

VARIANTS: Final = {
    "live": "scores independent in time, the newest three buckets interim",
    "final": "the same, none interim",
    "worn": "the same with interim ones, and 250 buckets that came late and 250 replaced ones, written one by one",
    "clustered": "scores in bursts, the newest three buckets interim",
}
"""What the buckets may look like."""

INDEX: Final = ("search", "search, timestamps", "search, keys", "get_buckets")
"""The ways to ask the index: the page unread, its timestamps read, its identities read, by the client's keywords."""

BY_TIME: Final = ("Q1", "Q3", "Q7", "Q2", "Q9")


class Setting(NamedTuple):
    """The same buckets in the index, which may hold other jobs too, and in the peers."""

    columns: Columns
    ours: ResultsIndex
    peers: Mapping[str, Peer]
    job_id: str = JOB


class Asked(NamedTuple):
    """A variant of a question: its parameters, what they make, and the right answer."""

    parameters: Mapping[str, Any]
    query: BucketQuery
    question: ResolvedQuery
    answer: tuple[int, list[int]]


def loaded(columns: Columns) -> ResultsIndex:
    """A new index over the columns."""
    index = ResultsIndex()
    index.upsert_columns(columns, job_id=JOB)
    return index


def setting(variant: str, size: int, peers: Sequence[str]) -> Setting:
    """The index and new peers over ``size`` buckets that look so."""
    columns = bucket_columns(size, interim=0 if variant == "final" else 3, clustered=variant == "clustered")
    index = loaded(columns)
    if variant == "worn":
        made = worn(columns)
        for document in made.written:
            index.upsert([document])
        columns = made.columns
    held = {name: make(name) for name in peers}
    for peer in held.values():
        peer.load(columns)
    return Setting(columns, index, held)


def sets_for(size: int) -> int:
    """How many variants of a question are asked at a size: the larger it is, the more each takes."""
    return 64 if size <= 100_000 else 16 if size <= 1_000_000 else 8


def asked(columns: Columns, sets: int, job_id: str = JOB) -> dict[str, list[Asked]]:
    """Every variant of every question of a job with its answer, by the name of the question."""
    found = {}
    for name, variants in questions(columns, sets).items():
        queries = [BucketQuery(jobs=job_id, **parameters) for parameters in variants]
        found[name] = [
            Asked(parameters, query, ResolvedQuery.of(query), answer_of(columns, ResolvedQuery.of(query)))
            for parameters, query in zip(variants, queries, strict=True)
        ]
    return found


def check(name: str, answer: tuple[int, Sequence[Any]], right: tuple[int, Sequence[Any]], *, empty: bool) -> None:
    """Refuse an answer that is not the right one, and one that says nothing.

    Raises:
        WrongAnswer: it is, or does.
    """
    count, keys = answer[0], list(answer[1])
    if (count, keys) != (right[0], list(right[1])):
        raise WrongAnswer(f"{name}: {count} matches and {keys[:3]}..., not {right[0]} and {list(right[1])[:3]}...")
    if not count or bool(keys) is empty:
        raise WrongAnswer(f"{name}: a question that nothing answers says nothing")


def timestamps_of(page: BucketPage) -> list[int]:
    """The timestamps of a page, by its column and by its identities alike.

    Raises:
        WrongAnswer: these are not alike.
    """
    timestamps: list[int] = page.column("timestamp").tolist()
    if [timestamp for _, timestamp, _ in page.keys()] != timestamps:  # noqa: SIM118 - a page is no mapping
        raise WrongAnswer("a page's keys say something else than its column")
    return timestamps


def ask(held: Setting, effort: Effort, sets: int, only: Sequence[str] = ()) -> Figures:
    """How long every question takes, asked in every way of the index and of every peer.

    Args:
        held: what is asked.
        effort: how long to measure.
        sets: how many variants of each question at most.
        only: the letters of the questions that are asked; all where empty.

    Raises:
        WrongAnswer: somebody's answer is not the right one.
    """
    chosen = asked(held.columns, sets, held.job_id).items()
    return ask_all(held, effort, {name: some for name, some in chosen if not only or name.split()[0] in only})


def ask_all(held: Setting, effort: Effort, chosen: Mapping[str, Sequence[Asked]]) -> Figures:
    """How long chosen variants of questions take, asked in the same ways.

    Raises:
        WrongAnswer: somebody's answer is not the right one.
    """
    figures = {}
    for name, variants in chosen.items():
        contestants = _index_calls(name, held, variants)
        for peer_name, peer in held.peers.items():
            calls = [peer.prepare(one.question) for one in variants]
            for call, one in zip(calls, variants, strict=True):
                count, page = call()
                check(f"{name}, {peer_name}", (count, peer.keys(page)), one.answer, empty=not one.question.size)
            contestants[peer_name] = calls
        figures[name] = race(contestants, effort)
    return figures


def _index_calls(name: str, held: Setting, variants: Sequence[Asked]) -> dict[str, Sequence[Call]]:
    calls: dict[str, list[Call]] = {way: [] for way in INDEX}
    for one in variants:
        search = partial(held.ours.search, one.query)
        get = partial(held.ours.get_buckets, job_id=held.job_id, **one.parameters)
        for page in (search(), get()):
            check(f"{name}, index", (page.count, timestamps_of(page)), one.answer, empty=not one.question.size)
        made: tuple[Call, ...] = (search, _reading(search, "timestamps"), _reading(search, "keys"), get)
        for way, call in zip(INDEX, made, strict=True):
            calls[way].append(call)
    # A count has nothing to be read.
    return {way: some for way, some in calls.items() if "," not in way or variants[0].question.size}


def _reading(search: Callable[[], BucketPage], how: str) -> Call:
    if how == "to_dict":
        return lambda: search().to_dict()
    if how == "keys":
        return lambda: search().keys()
    return lambda: search().column("timestamp").tolist()


def count_dense(held: Setting, effort: Effort) -> Figures:
    """The count of a dense threshold alone, beside one look at every score."""
    (one,) = asked(held.columns, 1)["Q11 dense threshold"]
    query = one.query.replace(size=0)
    calls: dict[str, Sequence[Call]] = {"search": [partial(held.ours.search, query)]}
    for name, peer in held.peers.items():
        calls[name] = [peer.prepare(one.question._replace(size=0))]
        if peer.prepare(one.question._replace(size=0))()[0] != one.answer[0]:
            raise WrongAnswer(f"the count of a dense threshold, {name}")
    if held.ours.search(query).count != one.answer[0]:
        raise WrongAnswer("the count of a dense threshold, index")
    return {"Q11, the count alone": race(calls, effort)}


def parse(held: Setting, effort: Effort) -> Figures:
    """What the client's keywords cost over the same question prepared."""
    figures = {}
    for name, parameters, resolved in (
        ("nine parameters, two dates in text", NINE_PARAMETERS, NINE_RESOLVED),
        ("no parameters", {}, {}),
    ):
        query = BucketQuery(jobs=JOB, **parameters)
        right = answer_of(held.columns, ResolvedQuery.of(BucketQuery(jobs=JOB, **resolved)))
        search, get = partial(held.ours.search, query), partial(held.ours.get_buckets, job_id=JOB, **parameters)
        for page in (search(), get()):
            check(name, (page.count, timestamps_of(page)), right, empty=False)
        figures[name] = race({"search": [search], "get_buckets": [get]}, effort)
    return figures


def read(held: Setting, effort: Effort) -> Figures:
    """What it costs to make a page of 100 buckets the API's response body."""
    middle = int(held.columns["timestamp"][len(held.columns["timestamp"]) // 2])
    pages: dict[str, Mapping[str, Any]] = {
        "a slice": {"start": middle},
        "a slice and interim buckets": {"desc": True},
        "scattered rows": {"start": middle, "end": middle + 3 * DAY_MS, "anomaly_score": 0.005},
    }
    documents = {each["timestamp"]: each for each in bucket_documents(held.columns)}
    figures = {}
    for name, parameters in pages.items():
        query = BucketQuery(jobs=JOB, **parameters)
        count, keys = answer_of(held.columns, ResolvedQuery.of(query))
        search = partial(held.ours.search, query)
        if len(keys) != query.size or search().to_dict() != {
            "count": count,
            "buckets": [documents[key] for key in keys],
        }:
            raise WrongAnswer(f"to_dict of {name}")
        figures[name] = race({"search": [search], "search, to_dict": [_reading(search, "to_dict")]}, effort)
    return figures


class Encoder(NamedTuple):
    """What makes bytes of a response body: the same for everybody."""

    name: str
    encode: Callable[[Any], bytes]


def encoder() -> Encoder:
    """The quickest that is installed."""
    if find_spec("orjson"):
        return Encoder("orjson", import_module("orjson").dumps)
    return Encoder("json", lambda body: json.dumps(body, separators=(",", ":")).encode())


def answer_requests(held: Setting, effort: Effort, sets: int) -> Figures:
    """Parameters in, bytes out: what a service does for each request of 100 buckets.

    The peers are asked what was prepared for them, and are spared reading any parameters.
    """
    encode = encoder().encode
    figures = {}
    for name in ("Q2 one day", "Q3 last page", "Q4 threshold 75"):
        variants = asked(held.columns, sets)[name]
        calls: dict[str, list[Call]] = {"index": [_requesting(held.ours, one.parameters, encode) for one in variants]}
        for peer_name, peer in held.peers.items():
            calls[peer_name] = [_encoding(peer.prepare_rows(one.question), encode) for one in variants]
        for at, one in enumerate(variants):
            bodies = {contestant: json.loads(_bytes(some[at]())) for contestant, some in calls.items()}
            for contestant, body in bodies.items():
                found = (body["count"], [bucket["timestamp"] for bucket in body["buckets"]])
                check(f"{name} in bytes, {contestant}", found, one.answer, empty=False)
                if body != bodies["index"]:
                    raise WrongAnswer(f"{name} in bytes: those of {contestant} say something else")
        figures[f"{name}, parameters in, bytes out"] = race(calls, effort)
    return figures


def _bytes(found: object) -> bytes:
    assert isinstance(found, bytes)
    return found


def _requesting(index: ResultsIndex, parameters: Mapping[str, Any], encode: Callable[[Any], bytes]) -> Call:
    to_json: Callable[[BucketPage], bytes] | None = getattr(BucketPage, "to_json", None)
    if to_json is not None:
        return lambda: to_json(index.get_buckets(job_id=JOB, **parameters))
    return lambda: encode(index.get_buckets(job_id=JOB, **parameters).to_dict())


def _encoding(rows: Callable[[], tuple[int, Any]], encode: Callable[[Any], bytes]) -> Call:
    return lambda: encode(body_of(rows()))


def ask_first(columns: Columns, effort: Effort) -> Figures:
    """How long a question takes as the first one after a load, when whatever it needs is still to be made."""
    figures = {}
    for name in ("Q4 threshold 75", "Q6 top 10 by score", "Q8 final, threshold 1, a tenth, by events"):
        one = asked(columns, 1)[name][0]
        first, again = [], []
        for _ in range(min(3, effort.rounds)):
            work = {"first": loaded(columns).search}
            first += alternate(work, [one.query])["first"]
            again += alternate(work, [one.query] * 4)["first"]
        figures[name] = {"the first time": sorted(first)[len(first) // 2], "again": sorted(again)[len(again) // 2]}
    return figures


def explain(held: Setting) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What the index says of how it answers each question, where it can."""
    for name, variants in asked(held.columns, 1).items():
        tell = getattr(held.ours.search(variants[0].query), "explain", None)
        if tell is not None:
            yield name, dict(tell())
