"""The questions: the index and its peers answer them in turn. Every answer is checked before it is timed."""

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
    fragmented,
    index_of_columns,
    question_parameters,
)
from bucketquery import BucketPage, BucketQuery, ResultsIndex

BUCKET_SETS: Final = {
    "live": "scores independent in time, the newest three buckets interim",
    "final": "as live, but no bucket is interim",
    "fragmented": "as live, and 250 late and 250 replacing buckets were written one by one",
    "clustered": "scores in bursts, the newest three buckets interim",
}
"""The sets of generated buckets, each with its description."""

WAYS: Final = ("search", "search, timestamps", "search, keys", "get_buckets")
"""The ways to use the index: an unread page, its timestamps read, its identities read, by the client's keywords."""

BY_TIME: Final = ("Q1", "Q3", "Q7", "Q2", "Q9")
"""The questions without a threshold, in order of time."""


class Setting(NamedTuple):
    """The index and the peers over the same buckets of one job. The index may hold other jobs too."""

    columns: Columns
    results_index: ResultsIndex
    peers: Mapping[str, Peer]
    job_id: str = JOB


class Variant(NamedTuple):
    """One variant of a question.

    Attributes:
        parameters: the client's keywords.
        query: the query of these parameters.
        question: the same query, in the form that peers prepare.
        answer: the right count and timestamps.
    """

    parameters: Mapping[str, Any]
    query: BucketQuery
    question: ResolvedQuery
    answer: tuple[int, list[int]]


def make_setting(bucket_set: str, size: int, peers: Sequence[str]) -> Setting:
    """The index and new peers over ``size`` buckets of a set."""
    columns = bucket_columns(size, interim=0 if bucket_set == "final" else 3, clustered=bucket_set == "clustered")
    index = index_of_columns(columns)
    if bucket_set == "fragmented":
        fragments = fragmented(columns)
        for document in fragments.written:
            index.upsert([document])
        columns = fragments.columns
    loaded = {name: make(name) for name in peers}
    for peer in loaded.values():
        peer.load(columns)
    return Setting(columns, index, loaded)


def variants_at(size: int) -> int:
    """The number of variants of a question at a size. Fewer at larger sizes, where each takes longer."""
    return 64 if size <= 100_000 else 16 if size <= 1_000_000 else 8


def variants_of(columns: Columns, most: int, job_id: str = JOB) -> dict[str, list[Variant]]:
    """At most ``most`` variants of every question of a job, by the name of the question."""
    found = {}
    for name, variants in question_parameters(columns, most).items():
        queries = [BucketQuery(jobs=job_id, **parameters) for parameters in variants]
        found[name] = [
            Variant(parameters, query, ResolvedQuery.of(query), answer_of(columns, ResolvedQuery.of(query)))
            for parameters, query in zip(variants, queries, strict=True)
        ]
    return found


def check(name: str, answer: tuple[int, Sequence[Any]], right: tuple[int, Sequence[Any]], *, empty: bool) -> None:
    """Compare an answer with the right one.

    Args:
        name: the question and the contestant, for the error.
        answer: count and page of the contestant.
        right: the right count and page.
        empty: whether the page must be empty, as that of a count is.

    Raises:
        WrongAnswer: the answer is another one, nothing matches, or the page is empty and should not be.
    """
    count, keys = answer[0], list(answer[1])
    if (count, keys) != (right[0], list(right[1])):
        raise WrongAnswer(f"{name}: {count} matches and {keys[:3]}..., not {right[0]} and {list(right[1])[:3]}...")
    if not count or bool(keys) is empty:
        raise WrongAnswer(f"{name}: the answer is empty, so its time would mean nothing")


def timestamps_of(page: BucketPage) -> list[int]:
    """The timestamps of a page, by its column and by its identities.

    Raises:
        WrongAnswer: the two differ.
    """
    timestamps: list[int] = page.column("timestamp").tolist()
    if [timestamp for _, timestamp, _ in page.keys()] != timestamps:  # noqa: SIM118 - a page is not a mapping
        raise WrongAnswer("a page's keys and its column differ")
    return timestamps


def measure_questions(setting: Setting, effort: Effort, most: int, letters: Sequence[str] = ()) -> Figures:
    """The time of every question, in every way of the index and for every peer, microseconds.

    Args:
        setting: the index and the peers.
        effort: how long to measure.
        most: the most variants of each question.
        letters: the letters of the questions to measure; empty for all.

    Raises:
        WrongAnswer: an answer is not the right one.
    """
    questions = variants_of(setting.columns, most, setting.job_id).items()
    chosen = {name: variants for name, variants in questions if not letters or name.split()[0] in letters}
    return measure_variants(setting, effort, chosen)


def measure_variants(setting: Setting, effort: Effort, questions: Mapping[str, Sequence[Variant]]) -> Figures:
    """The time of some variants of questions, in every way of the index and for every peer, microseconds.

    Raises:
        WrongAnswer: an answer is not the right one.
    """
    figures = {}
    for name, variants in questions.items():
        contestants = _index_calls(name, setting, variants)
        for peer_name, peer in setting.peers.items():
            calls = [peer.prepare(one.question) for one in variants]
            for call, one in zip(calls, variants, strict=True):
                count, page = call()
                check(f"{name}, {peer_name}", (count, peer.keys(page)), one.answer, empty=not one.question.size)
            contestants[peer_name] = calls
        figures[name] = race(contestants, effort)
    return figures


def _index_calls(name: str, setting: Setting, variants: Sequence[Variant]) -> dict[str, Sequence[Call]]:
    calls: dict[str, list[Call]] = {way: [] for way in WAYS}
    for one in variants:
        search = partial(setting.results_index.search, one.query)
        get = partial(setting.results_index.get_buckets, job_id=setting.job_id, **one.parameters)
        for page in (search(), get()):
            check(f"{name}, index", (page.count, timestamps_of(page)), one.answer, empty=not one.question.size)
        ways: tuple[Call, ...] = (search, reading(search, "timestamps"), reading(search, "keys"), get)
        for way, call in zip(WAYS, ways, strict=True):
            calls[way].append(call)
    # A question for the count only has no page to read.
    return {way: some for way, some in calls.items() if "," not in way or variants[0].question.size}


def reading(search: Callable[[], Any], how: str) -> Call:
    """A call that searches and reads the page: its ``timestamps``, its ``keys``, ``to_dict`` or ``to_json``."""
    if how == "to_dict":
        return lambda: search().to_dict()
    if how == "to_json":
        return lambda: search().to_json()
    if how == "keys":
        return lambda: search().keys()
    assert how == "timestamps"
    return lambda: search().column("timestamp").tolist()


def measure_dense_count(setting: Setting, effort: Effort) -> Figures:
    """The time of the count of a dense threshold, without its page, microseconds.

    Raises:
        WrongAnswer: a count is not the right one.
    """
    (one,) = variants_of(setting.columns, 1)["Q11 dense threshold"]
    query = one.query.replace(size=0)
    calls: dict[str, Sequence[Call]] = {"search": [partial(setting.results_index.search, query)]}
    for name, peer in setting.peers.items():
        calls[name] = [peer.prepare(one.question._replace(size=0))]
        if peer.prepare(one.question._replace(size=0))()[0] != one.answer[0]:
            raise WrongAnswer(f"the count of a dense threshold, {name}")
    if setting.results_index.search(query).count != one.answer[0]:
        raise WrongAnswer("the count of a dense threshold, index")
    return {"Q11, the count alone": race(calls, effort)}


def measure_parameters(setting: Setting, effort: Effort) -> Figures:
    """The time of a question by the client's keywords, and of the same question prepared, microseconds.

    Raises:
        WrongAnswer: an answer is not the right one.
    """
    figures = {}
    for name, parameters, resolved in (
        ("nine parameters, two dates in text", NINE_PARAMETERS, NINE_RESOLVED),
        ("no parameters", {}, {}),
    ):
        query = BucketQuery(jobs=JOB, **parameters)
        right = answer_of(setting.columns, ResolvedQuery.of(BucketQuery(jobs=JOB, **resolved)))
        search = partial(setting.results_index.search, query)
        get = partial(setting.results_index.get_buckets, job_id=JOB, **parameters)
        for page in (search(), get()):
            check(name, (page.count, timestamps_of(page)), right, empty=False)
        figures[name] = race({"search": [search], "get_buckets": [get]}, effort)
    return figures


def measure_bodies(setting: Setting, effort: Effort) -> Figures:
    """The time of a page of 100 buckets, unread and as the API's response body, microseconds.

    Raises:
        WrongAnswer: a body is not the right one.
    """
    middle = int(setting.columns["timestamp"][len(setting.columns["timestamp"]) // 2])
    pages: dict[str, Mapping[str, Any]] = {
        "a slice": {"start": middle},
        "a slice and interim buckets": {"desc": True},
        "scattered rows": {"start": middle, "end": middle + 3 * DAY_MS, "anomaly_score": 0.005},
    }
    documents = {document["timestamp"]: document for document in bucket_documents(setting.columns)}
    figures = {}
    for name, parameters in pages.items():
        query = BucketQuery(jobs=JOB, **parameters)
        count, keys = answer_of(setting.columns, ResolvedQuery.of(query))
        search = partial(setting.results_index.search, query)
        body = {"count": count, "buckets": [documents[key] for key in keys]}
        if len(keys) != query.size or search().to_dict() != body:
            raise WrongAnswer(f"to_dict of {name}")
        figures[name] = race({"search": [search], "search, to_dict": [reading(search, "to_dict")]}, effort)
    return figures


class Encoder(NamedTuple):
    """A JSON encoder for response bodies, the same for all contestants."""

    name: str
    encode: Callable[[Any], bytes]


def encoder() -> Encoder:
    """The quickest encoder that is installed."""
    if find_spec("orjson"):
        return Encoder("orjson", import_module("orjson").dumps)
    return Encoder("json", lambda body: json.dumps(body, separators=(",", ":")).encode())


def measure_requests(setting: Setting, effort: Effort, most: int) -> Figures:
    """The time of a request for 100 buckets, from parameters to bytes, microseconds.

    The peers answer prepared questions and read no parameters.

    Raises:
        WrongAnswer: an answer is not the right one, or the bodies differ.
    """
    encode = encoder().encode
    figures = {}
    for name in ("Q2 one day", "Q3 last page", "Q4 threshold 75"):
        variants = variants_of(setting.columns, most)[name]
        calls: dict[str, list[Call]] = {
            "index": [_requesting(setting.results_index, one.parameters, encode) for one in variants]
        }
        for peer_name, peer in setting.peers.items():
            calls[peer_name] = [_encoding(peer.prepare_rows(one.question), encode) for one in variants]
        for at, one in enumerate(variants):
            bodies = {contestant: json.loads(_bytes(some[at]())) for contestant, some in calls.items()}
            for contestant, body in bodies.items():
                answer = (body["count"], [bucket["timestamp"] for bucket in body["buckets"]])
                check(f"{name} in bytes, {contestant}", answer, one.answer, empty=False)
                if body != bodies["index"]:
                    raise WrongAnswer(f"{name} in bytes: the body of {contestant} is not that of the index")
        figures[f"{name}, parameters in, bytes out"] = race(calls, effort)
    return figures


def _bytes(result: object) -> bytes:
    assert isinstance(result, bytes)
    return result


def _requesting(index: ResultsIndex, parameters: Mapping[str, Any], encode: Callable[[Any], bytes]) -> Call:
    # Old commits may be measured too. Their pages have no `to_json`.
    to_json: Callable[[BucketPage], bytes] | None = getattr(BucketPage, "to_json", None)
    if to_json is not None:
        return lambda: to_json(index.get_buckets(job_id=JOB, **parameters))
    return lambda: encode(index.get_buckets(job_id=JOB, **parameters).to_dict())


def _encoding(rows: Callable[[], tuple[int, Any]], encode: Callable[[Any], bytes]) -> Call:
    return lambda: encode(body_of(rows()))


def measure_first(columns: Columns, effort: Effort) -> Figures:
    """The time of the first question after a load, which makes its structures, and of repeating it, microseconds."""
    figures = {}
    for name in ("Q4 threshold 75", "Q6 top 10 by score", "Q8 final, threshold 1, a tenth, by events"):
        one = variants_of(columns, 1)[name][0]
        first, again = [], []
        for _ in range(min(3, effort.rounds)):
            work = {"first": index_of_columns(columns).search}
            first += alternate(work, [one.query])["first"]
            again += alternate(work, [one.query] * 4)["first"]
        figures[name] = {"the first time": sorted(first)[len(first) // 2], "again": sorted(again)[len(again) // 2]}
    return figures


def plans(setting: Setting) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The plan of each question, as the index explains it."""
    for name, variants in variants_of(setting.columns, 1).items():
        # Old commits may be measured too. Their pages have no `explain`.
        explain = getattr(setting.results_index.search(variants[0].query), "explain", None)
        if explain is not None:
            yield name, dict(explain())
