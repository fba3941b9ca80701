"""Questions over many jobs at once: pages and counts over all jobs or a part of them, and the selection of jobs.

The garbage collector is on. An answer of the index has the exact count; the peers return the page alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.job_sets import JobSet, index_of_set, right_page
from benchmarks.peers.many_jobs import OVER_ALL_JOBS, Key, Part
from benchmarks.peers.many_jobs import OverAllJobs as Peer
from benchmarks.questions import check, reading
from benchmarks.timing import Call, Effort, Figures, WrongAnswer, alternate, race
from benchmarks.workloads import Columns, ResolvedQuery
from bucketquery import BucketQuery, ResultsIndex

ALL: Final = "_all"

#: The name of each question, and its parameters. The last day begins at the given instant.
QUESTIONS: Final[Mapping[str, Callable[[int], dict[str, Any]]]] = {
    "the top 100 of the last day": lambda since: {"start": since, "sort": "anomaly_score", "desc": True},
    "the newest 100": lambda _: {"desc": True},
    "the count at 75 in the last day": lambda since: {"start": since, "anomaly_score": 75.0, "size": 0},
    "100 at threshold 75, by time": lambda _: {"anomaly_score": 75.0},
    "the oldest 100 of the last day": lambda since: {"start": since},
}
HIGHEST: Final = "the top 100 of the last day"
BATCH: Final = "first after a batch"
COMMIT: Final = "first after a commit"

#: The number of batches, and of single commits, before which a question is asked.
_BATCHES: Final = 3
_COMMITS: Final = 7
_BY_ID: Final = 20


class Contest:
    """An index and its peers, which hold the same set.

    Args:
        jobs: the set.
        peers: names of peers. Those that cannot hold many jobs are left out.
    """

    def __init__(self, jobs: JobSet, peers: Sequence[str]) -> None:
        self.jobs = jobs
        self.index: ResultsIndex = index_of_set(jobs)
        self.peers: dict[str, Peer] = {name: make() for name, make in OVER_ALL_JOBS.items() if name in peers}
        for peer in self.peers.values():
            peer.load(jobs.ids, jobs.columns)

    def write(self, rows: Columns) -> None:
        """Write later rows into the index and into every peer."""
        before = len(self.jobs.columns["job"])
        self.jobs = self.jobs.followed_by(rows)
        documents = self.jobs.documents(before)
        self.index.upsert(documents)
        for peer in self.peers.values():
            peer.put(documents)


class Chosen(NamedTuple):
    """Some jobs, as the index, the peers and the simple way name them.

    Attributes:
        jobs: the ``jobs`` of a query.
        part: the part of the jobs for the peers; None for all.
        ranks: the ranks of the jobs; None for all.
    """

    jobs: str | Sequence[str]
    part: Part | None
    ranks: Sequence[int] | None


EVERY: Final = Chosen(ALL, None, None)


def parts_of(jobs: JobSet) -> dict[str, Chosen]:
    """Parts of the jobs of a generated set: a twentieth and a half by pattern, and some by id."""
    chosen = {}
    for words, service in (("a twentieth of the jobs", "web"), ("half of the jobs", "db")):
        # A full stop is the character behind a hyphen.
        part = Part(None, f"{service}-", f"{service}.")
        chosen[words] = Chosen(f"{service}-*", part, range(*jobs.ranks(f"{service}-")))
    ranks = np.linspace(0, len(jobs.ids) - 1, _BY_ID).astype(np.int64).tolist()
    some = [jobs.ids[rank] for rank in ranks]
    chosen[f"{_BY_ID} jobs by id"] = Chosen(some, Part(some), ranks)
    return chosen


def asked(contest: Contest, name: str, chosen: Chosen, *, again: bool = False) -> tuple[BucketQuery, dict[str, Call]]:
    """The query of a question at this moment, and the prepared call of each peer."""
    parameters = QUESTIONS[name](contest.jobs.last_day)
    # The peers have a name for their jobs themselves.
    question = ResolvedQuery.of(BucketQuery(jobs="any", **parameters))
    calls = {peer: it.prepare_page(question, chosen.part, again=again) for peer, it in contest.peers.items()}
    return BucketQuery(jobs=chosen.jobs, **parameters), calls


def check_answers(contest: Contest, name: str, chosen: Chosen, found: Mapping[str, Any], query: BucketQuery) -> None:
    """Compare answers with the right one: a pair of count and keys of the index, and the page of each peer.

    Raises:
        WrongAnswer: an answer is wrong, or no bucket matches.
    """
    right = right_page(contest.jobs, ResolvedQuery.of(query.replace(jobs="any")), chosen.ranks)
    for contestant, answer in found.items():
        where = f"{contest.jobs.name}, {name}, {contestant}"
        if contestant in contest.peers:
            some = (answer[0][0], []) if not query.size else (right[0], list(answer))
        else:
            some = answer
        check(where, some, right, empty=not query.size)


def _reading(index: ResultsIndex, query: BucketQuery) -> Callable[[], tuple[int, Sequence[Key]]]:
    search = index.search

    def read() -> tuple[int, Sequence[Key]]:
        page = search(query)
        return page.count, page.keys()

    return read


def measure_warm(contest: Contest, effort: Effort) -> Figures:
    """The time of questions over all jobs that are asked again and again, microseconds.

    Raises:
        WrongAnswer: an answer is wrong, or no bucket matches.
    """
    return {name: _race(contest, name, EVERY, effort) for name in QUESTIONS}


def measure_parts(contest: Contest, effort: Effort) -> Figures:
    """The same questions over parts of the jobs of a generated set.

    Raises:
        WrongAnswer: an answer is wrong, or no bucket matches.
    """
    return {
        f"{words}, {name}": _race(contest, name, chosen, effort)
        for words, chosen in parts_of(contest.jobs).items()
        for name, parameters in QUESTIONS.items()
        # A few jobs may have no bucket at a threshold.
        if "by id" not in words or "anomaly_score" not in parameters(0)
    }


def _race(contest: Contest, name: str, chosen: Chosen, effort: Effort) -> dict[str, float]:
    query, peers = asked(contest, name, chosen)
    found = {"index": _reading(contest.index, query)(), **{peer: call() for peer, call in peers.items()}}
    check_answers(contest, name, chosen, found, query)
    search = partial(contest.index.search, query)
    calls: dict[str, Sequence[Call]] = {"search": [search]}
    if query.size:
        calls["search, keys"] = [reading(search, "keys")]
    return race(calls | {peer: [call] for peer, call in peers.items()}, effort, collects=True)


def measure_first(contest: Contest, effort: Effort) -> Figures:
    """The time of the first question after a write, microseconds: a bucket for each job, or a single bucket.

    Each question has writes of its own. A peer keeps the plan that it had before the writes.

    Raises:
        WrongAnswer: an answer is wrong, or no bucket matches.
    """
    rng = np.random.default_rng(len(contest.jobs.ids))
    figures = {}
    for words, many in ((BATCH, _BATCHES), (COMMIT, _COMMITS)):
        for name in QUESTIONS:
            figures[f"{words}, {name}"] = _first(contest, name, words, rng, min(many, effort.rounds))
    return figures


def _first(contest: Contest, name: str, words: str, rng: np.random.Generator, rounds: int) -> dict[str, float]:
    query, _ = asked(contest, name, EVERY)
    # The index has answered the question before, and so have the peers, which find their plans.
    contest.index.search(query).keys()
    found: dict[str, Any] = {}
    current: dict[str, Call] = {}

    def turns() -> Iterator[None]:
        nonlocal query
        for _ in range(rounds):
            contest.write(contest.jobs.one_more(rng) if words == BATCH else contest.jobs.one_row(rng))
            query, peers = asked(contest, name, EVERY, again=True)
            current.update(peers)
            current["index"] = _reading(contest.index, query)
            yield None
            check_answers(contest, name, EVERY, found, query)

    def ask(contestant: str, _: object) -> None:
        found[contestant] = current[contestant]()

    contestants = {contestant: partial(ask, contestant) for contestant in ("index", *contest.peers)}
    taken = alternate(contestants, turns(), collects=True)
    return {contestant: median(some) for contestant, some in taken.items()}


# The selection of jobs


#: The shape of each pattern, and one of its variants. Variants are new patterns, so none is remembered.
PATTERNS: Final[Mapping[str, Callable[[int], str]]] = {
    "a prefix": lambda number: f"web-{number:03}*",
    "two prefixes, an exclusion and an id": lambda number: f"web-{number:03}*,app-*,-app-{number:04}*,{{id}}",
    "inside": lambda number: f"*{number:04}*",
    "inside, between a prefix and a suffix": lambda number: f"web-*{number:03}*-cpu",
    "single letters": lambda number: f"*b*{number % 10}*{number // 10}*d*",
}
_VARIANTS: Final = 40


def measure_selection(contest: Contest, effort: Effort) -> Figures:
    """The time to select jobs by patterns that were not asked before, microseconds; and by one that was.

    *jobs* makes the ids too, and is measured if the commit has patterns. *select* leaves them out, as a search does.

    Raises:
        WrongAnswer: other jobs are selected than by the simple way.
    """
    ids, index = contest.jobs.ids, contest.index
    figures = {}
    for shape, variant in PATTERNS.items():
        patterns = [variant(number).replace("{id}", ids[0]) for number in range(_VARIANTS)]
        for pattern in patterns[:2]:
            if list(index.jobs(pattern)) != _selected(ids, pattern):
                raise WrongAnswer(f"the jobs of {pattern}")
        figures[f"{shape}: `{patterns[1]}`"] = race(_selecting(index, patterns), effort, collects=True)
    again = ["web-*"]
    if list(index.jobs(again[0])) != _selected(ids, again[0]):
        raise WrongAnswer("the jobs of web-*")
    figures["again: `web-*`"] = race(_selecting(index, again), effort, collects=True)
    return figures


def _selecting(index: ResultsIndex, patterns: Sequence[str]) -> dict[str, Sequence[Call]]:
    calls: dict[str, Sequence[Call]] = {"jobs": [partial(index.jobs, pattern) for pattern in patterns]}
    # What a search does is no public method.
    catalog: Any = getattr(index.snapshot(), "_catalog", None)
    if hasattr(catalog, "select"):
        calls["select"] = [partial(catalog.select, tuple(pattern.split(",")), "jobs") for pattern in patterns]
    return calls


def _selected(ids: Sequence[str], pattern: str) -> list[str]:
    """The jobs that a pattern selects, the simple way: token after token, id after id."""
    selected: set[str] = set()
    for token in pattern.split(","):
        texts = token.removeprefix("-").split("*")
        found = {job_id for job_id in ids if _matches(job_id, texts)}
        selected = selected - found if token.startswith("-") else selected | found
    return sorted(selected)


def _matches(job_id: str, texts: Sequence[str]) -> bool:
    first, *others = texts
    if not others:
        return job_id == first
    if not job_id.startswith(first):
        return False
    at = len(first)
    for text in others[:-1]:
        found = job_id.find(text, at)
        if found < 0:
            return False
        at = found + len(text)
    return job_id.endswith(others[-1]) and len(job_id) - len(others[-1]) >= at
