"""Cases for the differential tests: queries on the states of seeded histories, and the loop that asks an engine.

A case is one query on one state, for buckets, records or influencers, about a third of the cases each. Tables of cases
come from a seed such as "0.17": table 17 of seed 0. Each case is put to the engine, the reference and SQLite; the first
difference ends the loop, with a command that has it again.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from bucketquery import BucketQuery, BucketQueryError
from bucketquery.testing import evaluate
from support.sql import SqlResults
from support.strategies import (
    KINDS,
    Document,
    Domain,
    History,
    Query,
    State,
    apply_batch,
    by_value,
    churned_history,
    kind_of,
    seeded_history,
    seeded_query,
    timestamp_ms,
)

EVERYTHING = 10**9
LOOP = "tests/properties/test_differential.py::test_seeded_cases_are_answered_alike"


def outcome(ask: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """An answer as text that tells 1 from 1.0 and one key order from another; an error by its name."""
    try:
        return repr(ask(*arguments, **named))
    except BucketQueryError as error:
        return type(error).__name__


def plural(query: Query) -> str:
    """What the results that a query asks for are called in the response body."""
    return f"{kind_of(query)}s"


def whole(documents: list[Document], query: Query) -> list[Document]:
    """Every match in order, by the reference; nothing where a lookup finds nothing."""
    if not isinstance(query, BucketQuery) or query.timestamp is None:
        asked = query.replace(from_=0, size=EVERYTHING)
    else:
        # What a lookup matches is a window of one millisecond without any other condition; only the records that a
        # bucket shows heed exclude_interim.
        documents = [
            document
            for document in documents
            if timestamp_ms(document) == query.timestamp
            and not (query.exclude_interim and document["result_type"] == "record" and document.get("is_interim"))
        ]
        asked = BucketQuery(jobs=query.jobs, expand=query.expand, sort=query.sort, desc=query.desc, size=EVERYTHING)
    results: list[Document] = evaluate(documents, asked)[plural(query)]
    return results


# Tables of cases, from a seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A query on the state after `state` batches, asked when `written` of them were written."""

    written: int
    state: int
    query: Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A history, every state it goes through, and the cases asked on the way.

    `put` are the jobs that were put before any batch.
    """

    seed: str
    history: History
    domain: Domain
    states: list[State]
    put: set[str]
    cases: list[Case]

    def documents(self, state: int) -> list[Document]:
        """What is stored after `state` batches."""
        return list(self.states[state].values())

    def jobs(self, state: int) -> set[str]:
        """The jobs known after `state` batches."""
        return self.put | {job for _, (job, *_) in self.states[state]}


def seeded_table(seed: str) -> Table:
    """A table of 0 to 2,000 documents, mostly few, and its cases, half of them on the newest state of their time.

    Under a seed that begins with "churned-" and a kind it is a table of some thousands, most of them written late or
    again. Under one that begins with "led-" it is fuller as a rule, and asked three times as often, for small pages by
    value more than anything else.
    """
    rng, is_led = Random(seed), seed.startswith("led-")
    churned = [kind for kind in KINDS if seed.startswith(f"churned-{kind}")]
    if churned:
        history, domain = churned_history(rng, churned[0])
    else:
        weights = (2, 40, 40, 14, 4) if is_led else (5, 70, 20, 4, 1)
        limits = rng.choices(((0, 2), (3, 60), (61, 200), (201, 600), (601, 2_000)), weights=weights)[0]
        history, domain = seeded_history(rng, rng.randint(*limits))
    states: list[State] = [{}]
    for batch in history:
        states.append(apply_batch(states[-1], batch))
    cases = []
    for _ in range(150 if is_led else 50):
        # Questions between the writes matter: what a reader has built by then, the writer may carry on.
        written = len(history) if rng.random() < 0.5 else _later(rng, 0, len(history))
        state = written if rng.random() < 0.5 else _later(rng, 0, written)
        query = seeded_query(rng, domain)
        if is_led and rng.random() < 0.7:
            query = by_value(rng, query)
        if rng.random() < 0.01:
            query = query.replace(jobs="nobody")
        cases.append(Case(written=written, state=state, query=query))
    return Table(
        seed=seed,
        history=history,
        domain=domain,
        states=states,
        put=set(domain.jobs) if rng.random() < 0.8 else set(),
        cases=sorted(cases, key=lambda case: case.written),
    )


def _later(rng: Random, low: int, high: int) -> int:
    """One of `low` to `high`, rather a high one: what is nearly empty has little to get wrong."""
    return max(rng.randint(low, high), rng.randint(low, high))


def seeded_tables(seed: str, cases: int) -> Iterator[Table]:
    """Whole tables until there are at least `cases` cases; from table 17 on if the seed is "0.17"."""
    name, _, first = seed.partition(".")
    number = int(first or 0)
    while cases > 0:
        table = seeded_table(f"{name}.{number}")
        yield table
        cases -= len(table.cases)
        number += 1


# The loop


class Engine(Protocol):
    """What the loop needs of whoever is to be judged."""

    def write(self, table: Table, state: int) -> None:
        """Write the batch that leads to `state`."""

    def ask(self, table: Table, case: Case) -> str:
        """The outcome of one case."""


def play(table: Table, engine: Engine) -> None:
    """Write the table's history to the engine and ask every case on the way; a difference is an AssertionError."""
    documents = [table.documents(state) for state in range(len(table.states))]
    jobs = [table.jobs(state) for state in range(len(table.states))]
    state = 0
    with SqlResults(table.history) as sql:
        for number, case in enumerate(table.cases):
            try:
                while state < case.written:
                    state += 1
                    engine.write(table, state)
                answers = {"engine": engine.ask(table, case), "reference": "UnknownJob", "SQLite": "UnknownJob"}
                if jobs[case.state].issuperset(case.query.jobs):
                    answers["reference"] = outcome(evaluate, documents[case.state], case.query)
                    answers["SQLite"] = outcome(sql.answer, case.query, state=case.state)
                assert len(set(answers.values())) == 1, difference(documents[case.state], case.query, answers)
            except Exception as error:
                error.add_note(
                    f"Case {number} of table {table.seed}: state {case.state}, asked after batch {state} of"
                    f" {len(table.history)}. To have it again:\n"
                    f"BUCKETQUERY_SEED={table.seed} BUCKETQUERY_CASES=1 python -m pytest {LOOP}"
                )
                raise


def difference(documents: list[Document], query: Query, answers: Mapping[str, str]) -> str:
    """What one needs to look into a difference."""
    kinds = {kind_of(query)} | ({"record"} if isinstance(query, BucketQuery) and query.expand else set())
    of_job = [
        document for document in documents if document["job_id"] in query.jobs and document["result_type"] in kinds
    ]
    return "\n".join(
        [
            "the answers differ",
            *(f"{name}: {answer}" for name, answer in answers.items()),
            f"query: {query!r}",
            f"documents of the job that matter: {len(of_job)}, of which the first 30:",
            *(f"    {document!r}," for document in of_job[:30]),
        ]
    )


def count_cases(tables: Iterator[Table], open_engine: Callable[[Table], Engine]) -> Counter[str]:
    """Play every table against an engine of its own; how many tables and cases there were."""
    seen: Counter[str] = Counter()
    for table in tables:
        play(table, open_engine(table))
        seen["tables"] += 1
        seen["cases"] += len(table.cases)
        seen.update(plural(case.query) for case in table.cases)
    return seen
