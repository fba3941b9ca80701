"""Cases of entity filters: histories of writes whose texts collide, queries with filters, and the right answers.

The names and values of fields are few, so that most filters cut: the same data field is the by and the partition field
of a record, names lack a value and values a name, and rewritten results change their names. Influencers inside records,
causes and unknown keys have such texts too, which no filter may find. A seed such as "0.17" is history 17 of seed 0.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from bucketquery import Snapshot
from bucketquery.testing import evaluate, evaluate_severity_counts, evaluate_threshold_counts
from support.cases import EVERYTHING, outcome, plural
from support.filters import sometimes_filtered
from support.living import (
    Moment,
    Step,
    Stored,
    after,
    delete,
    delete_job,
    expected_feed,
    found_feed,
    in_any_order,
    moments,
    renormalize,
    upsert,
)
from support.strategies import SCORES, Document, Domain, Query, identity, seeded_query

_FIRST: Final = 1_767_225_600_000
_STEP: Final = 300_000
_SPANS: Final = (300, 900)
_SCORES: Final = (0.0, 5e-324, 3.0, 29.9999996735, 50.0, 75.0, 75.0, 100.0)
_NAMES: Final = (None, "host", "host", "host", "user", "host.name", "Host", "")
_VALUES: Final = (None, None, "a", "a", "b", "c", "A", "", "a\x00", "été")
_FUNCTIONS: Final = (None, "mean", "mean", "rare", "Mean", "host")
_DETECTORS: Final = (None, 0, 0, 1, 2**53 + 1)
#: Texts where no filter may find them.
_ELSEWHERE: Final[Sequence[Document]] = (
    {},
    {},
    {"influencers": [{"influencer_field_name": "host", "influencer_field_values": ["a", "z"]}]},
    {"causes": [{"by_field_name": "host", "by_field_value": "a", "function": "rare"}]},
    {"host": ["b", "z"], "user": "a"},
    {"correlated_by_field_value": "a"},
)
_UNKNOWN: Final[Sequence[Document]] = ({}, {}, {"host": "a"}, {"by_field_value": "b", "function": "mean"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterCase:
    """A query on the state after `state` steps, asked when `written` steps have been made; and what else to read."""

    written: int
    state: int
    query: Query
    reads: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterHistory:
    """The steps of a seed, the state after each, and the cases on the way."""

    seed: str
    steps: Sequence[Step]
    reached: Sequence[Moment]
    cases: Sequence[FilterCase]

    def documents(self, state: int) -> list[Document]:
        """The documents stored after `state` steps."""
        return [dict(document) for document in self.reached[state].stored.values()]


def filter_histories(seed: str, cases: int) -> Iterator[FilterHistory]:
    """Whole histories with at least `cases` cases in all."""
    name, _, first = seed.partition(".")
    number = int(first or 0)
    while cases > 0:
        history = filter_history(f"{name}.{number}")
        yield history
        cases -= len(history.cases)
        number += 1


def filter_history(seed: str) -> FilterHistory:
    """A large write, then small ones of every sort: new, rewritten and late results, deletions, new scores."""
    rng = Random(seed)
    jobs = [f"job-{number}" for number in range(rng.choice((1, 2, 2, 5, 30, 40)))]
    maker = _Maker(rng, jobs, instants=rng.choice((2, 10, 60)))
    steps = [upsert(*(maker.document() for _ in range(rng.choice((3, 40, 150, 400)))))]
    stored, known = after({}, {}, steps[0])
    for _ in range(rng.choice((2, 6, 10))):
        step = maker.step(stored, known)
        if step is not None:
            stored, known = after(stored, known, step)
            steps.append(step)
    reached = moments(steps)
    cases = []
    for _ in range(25):
        written = max(rng.randint(1, len(steps)), rng.randint(1, len(steps)))
        state = written if rng.random() < 0.7 else rng.randint(1, written)
        query = sometimes_filtered(
            maker.query(reached[state]), [dict(one) for one in reached[state].stored.values()], seed, chance=0.95
        )
        cases.append(FilterCase(written=written, state=state, query=query, reads=rng.choice(READS)))
    cases.sort(key=lambda case: case.written)
    return FilterHistory(seed=seed, steps=steps, reached=reached, cases=cases)


# ---- the answers


def is_read(history: FilterHistory, case: FilterCase) -> bool:
    """Whether the jobs of a case are known and it is no lookup; otherwise only the page is read."""
    moment, query = history.reached[case.state], case.query
    return moment.jobs.keys() >= set(query.jobs) and getattr(query, "timestamp", None) is None


def expected(history: FilterHistory, case: FilterCase) -> str:
    """The right page of a case, and what it reads besides."""
    documents = history.documents(case.state)
    if history.reached[case.state].jobs.keys() >= set(case.query.jobs):
        body = outcome(evaluate, documents, case.query)
    else:
        body = "UnknownJob"
    return f"{body} {_EXPECTED[case.reads](documents, history, case) if is_read(history, case) else None}"


def found(snapshot: Snapshot, history: FilterHistory, case: FilterCase) -> str:
    """The same from an index."""
    body = outcome(lambda: snapshot.search(case.query).to_dict())
    return f"{body} {_FOUND[case.reads](snapshot, history, case) if is_read(history, case) else None}"


#: The sizes of the pages of a walk.
_SIZES: Final = (3, 1, 7, 20, 500)


def _matches(documents: list[Document], query: Query) -> list[Document]:
    matches: list[Document] = evaluate(documents, query.replace(from_=0, size=EVERYTHING))[plural(query)]
    return matches


def _expected_columns(documents: list[Document], _: FilterHistory, case: FilterCase) -> Any:
    page = evaluate(documents, case.query)[plural(case.query)]
    return [*map(identity, page)], [result["job_id"] for result in page], [result["timestamp"] for result in page]


def _found_columns(snapshot: Snapshot, _: FilterHistory, case: FilterCase) -> Any:
    page = snapshot.search(case.query)
    return [*page.keys()], page.column("job_id").tolist(), page.column("timestamp").tolist()


def _expected_pages(documents: list[Document], _: FilterHistory, case: FilterCase) -> Any:
    matches = _matches(documents, case.query)
    behind = matches[case.query.from_ :]
    return [(len(matches), behind[at : at + 9]) for at in range(0, max(1, len(behind)), 9)]


def _found_pages(snapshot: Snapshot, _: FilterHistory, case: FilterCase) -> Any:
    return [_shown(page, case.query) for page in snapshot.pages(case.query.replace(size=9))]


def _expected_walk(documents: list[Document], _: FilterHistory, case: FilterCase) -> Any:
    matches, at = _matches(documents, case.query), 0
    pages: list[tuple[int, list[Document]]] = []
    for size in _SIZES:
        if not pages or at < len(matches):
            pages.append((len(matches), matches[at : at + size]))
        at += size
    return pages


def _found_walk(snapshot: Snapshot, _: FilterHistory, case: FilterCase) -> Any:
    page = snapshot.search(case.query.replace(from_=0, size=_SIZES[0]))
    pages = [_shown(page, case.query)]
    for size in _SIZES[1:]:
        if page.cursor is not None:
            page = snapshot.search(case.query.replace(size=size), after=page.cursor)
            pages.append(_shown(page, case.query))
    return pages


def _shown(page: Any, query: Query) -> tuple[int, list[Document]]:
    body = page.to_dict()
    return body["count"], body[plural(query)]


def _expected_feed(_: list[Document], history: FilterHistory, case: FilterCase) -> Any:
    reached = history.reached[: case.state + 1]
    return outcome(lambda: in_any_order(expected_feed(reached, case.query, _since(history, case))))


def _found_feed(snapshot: Snapshot, history: FilterHistory, case: FilterCase) -> Any:
    return outcome(lambda: in_any_order(found_feed(snapshot.changes(case.query, since=_since(history, case)))))


def _since(history: FilterHistory, case: FilterCase) -> int | None:
    """The sequence after which a feed begins; None for a listing."""
    return None if case.query.size == 1 else history.reached[case.state // 2].sequence


#: What a case may read besides its page, and the right answer to it.
_EXPECTED: Final[Mapping[str, Callable[[list[Document], FilterHistory, FilterCase], Any]]] = {
    "scan": lambda documents, _, case: _matches(documents, case.query),
    "pages": _expected_pages,
    "walk": _expected_walk,
    "severities": lambda documents, _, case: list(evaluate_severity_counts(documents, case.query).items()),
    "thresholds": lambda documents, _, case: evaluate_threshold_counts(documents, case.query, _SCORES),
    "columns": _expected_columns,
    "feed": _expected_feed,
}
#: The same from an index.
_FOUND: Final[Mapping[str, Callable[[Snapshot, FilterHistory, FilterCase], Any]]] = {
    "scan": lambda snapshot, _, case: [result.to_dict() for result in snapshot.scan(case.query)],
    "pages": _found_pages,
    "walk": _found_walk,
    "severities": lambda snapshot, _, case: list(snapshot.severity_counts(case.query).items()),
    "thresholds": lambda snapshot, _, case: snapshot.threshold_counts(case.query, _SCORES).tolist(),
    "columns": _found_columns,
    "feed": _found_feed,
}
READS: Final = tuple(_EXPECTED)


# ---- histories


class _Maker:
    """Documents, steps and queries of one history."""

    def __init__(self, rng: Random, jobs: Sequence[str], instants: int) -> None:
        self.rng = rng
        self.jobs = jobs
        self.instants = instants

    def document(self) -> Document:
        """A result of any kind, a record most often."""
        rng = self.rng
        kind = rng.choice(("bucket", "record", "record", "record", "influencer"))
        found: Document = {
            "result_type": kind,
            "job_id": rng.choice((self.jobs[0], rng.choice(self.jobs))),
            "timestamp": _FIRST + rng.randrange(self.instants) * _STEP,
            "bucket_span": rng.choice((300, 300, 300, 900)),
        }
        if rng.random() < 0.9:
            found[SCORES[kind]] = rng.choice(_SCORES)
        if rng.random() < 0.3:
            found["is_interim"] = rng.random() < 0.7
        if kind == "bucket":
            return found | self.of_a_bucket()
        return found | (self.of_a_record() if kind == "record" else self.of_an_influencer())

    def of_a_bucket(self) -> Document:
        """Influencers, and records inside."""
        rng = self.rng
        found: Document = {"event_count": rng.randrange(3)}
        if rng.random() < 0.6:
            found["bucket_influencers"] = [{"influencer_field_name": "bucket_time", "anomaly_score": 3.0}]
        if rng.random() < 0.1:
            found["records"] = [self.of_a_record() for _ in range(rng.choice((1, 2)))]
        return found

    def of_a_record(self) -> Document:
        """The fields of a record; any of them may be missing."""
        rng = self.rng
        texts = {
            **{f"{role}_field_name": rng.choice(_NAMES) for role in ("by", "over", "partition")},
            **{f"{role}_field_value": rng.choice(_VALUES) for role in ("by", "over", "partition")},
            "function": rng.choice(_FUNCTIONS),
            "function_description": rng.choice(_FUNCTIONS),
            "field_name": rng.choice(_NAMES),
            "detector_index": rng.choice(_DETECTORS),
            "probability": rng.choice((None, 0.0, 1e-308, 0.03)),
        }
        # A missing field is left out or null.
        held = {name: value for name, value in texts.items() if value is not None or rng.random() < 0.2}
        return held | rng.choice(_ELSEWHERE)

    def of_an_influencer(self) -> Document:
        """The fields of an influencer; its name, its value or both may be missing."""
        texts = {
            "influencer_field_name": self.rng.choice(_NAMES),
            "influencer_field_value": self.rng.choice(_VALUES),
        }
        return {name: value for name, value in texts.items() if value is not None} | self.rng.choice(_UNKNOWN)

    def step(self, stored: Stored, known: Mapping[str, object]) -> Step | None:
        """One small write; None if the drawn one cannot be made."""
        rng = self.rng
        way = rng.randrange(10)
        if way < 6:
            documents = [self.document() for _ in range(rng.choice((1, 1, 3, 20)))]
            return self.rewrites(stored) if way < 3 else upsert(*documents, drop_interim=way == 3)
        if way == 6 or not known:
            return self.rescores(stored)
        some = rng.sample(sorted(known), rng.randint(1, len(known)))
        if way == 7:
            return delete_job(some[0])
        start = _FIRST + rng.randrange(self.instants) * _STEP
        return delete(rng.choice((None, some[0], some)), start=start, end=start + _STEP * rng.choice((1, 5)))

    def rewrites(self, stored: Stored) -> Step | None:
        """Stored results again: other texts outside of their identity, final, or identical."""
        rng = self.rng
        batch = []
        for document in rng.sample([*stored.values()], min(len(stored), rng.choice((1, 4, 15)))):
            change: Document = {}
            if document["result_type"] == "record":
                role = rng.choice(("by", "over", "partition"))
                change = rng.choice(
                    ({f"{role}_field_name": rng.choice(_NAMES)}, {"function": rng.choice(_FUNCTIONS)}, {})
                )
            elif document["result_type"] == "influencer":
                change = rng.choice(_UNKNOWN)
            batch.append({**document, **change, **rng.choice(({}, {"is_interim": False}, {"is_interim": True}))})
        return upsert(*batch) if batch else None

    def rescores(self, stored: Stored) -> Step | None:
        """Other scores for some results of one job."""
        rng = self.rng
        job_id = rng.choice(self.jobs)
        tables: dict[str, list[Document]] = {}
        for (kind, key), document in stored.items():
            if key[0] == job_id and rng.random() < 0.3:
                row = {name: document.get(name) for name in _IDENTIFIED[kind]}
                tables.setdefault(f"{kind}s", []).append({**row, SCORES[kind]: rng.choice(_SCORES)})
        return renormalize(job_id, **tables) if tables else None

    def query(self, moment: Moment) -> Query:
        """A query on the edges of the stored results, without its filter."""
        known = sorted(moment.jobs) or list(self.jobs)
        return seeded_query(
            self.rng,
            Domain(
                jobs=known,
                timestamps=[_FIRST + number * _STEP for number in range(self.instants)],
                spans=_SPANS,
                scores=_SCORES,
                rows=max(8, len(moment.stored)),
                kinds=("bucket", "record", "record", "influencer"),
            ),
        )


_IDENTIFIED: Final = {
    "bucket": ("timestamp", "bucket_span"),
    "record": (
        *("timestamp", "bucket_span", "detector_index"),
        *("by_field_value", "over_field_value", "partition_field_value"),
    ),
    "influencer": ("timestamp", "bucket_span", "influencer_field_name", "influencer_field_value"),
}
