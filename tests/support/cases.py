"""Cases for the differential tests: queries on the states of seeded histories, and the loop that asks an engine.

A case is one query on one state. About a third of the cases are for each kind: buckets, records and influencers. Tables
of cases come from a seed such as "0.17": table 17 of seed 0. The loop puts each case to the engine, the reference and
SQLite. It ends at the first difference, and the error shows the command that repeats the case.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from random import Random
from typing import Any, Protocol

from bucketquery import BucketQuery, BucketQueryError
from bucketquery.testing import evaluate
from support.filters import sometimes_filtered
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
    """An answer or an error as text.

    An answer becomes its `repr`, in which 1 differs from 1.0 and the order of keys counts. An error becomes the name
    of its class.
    """
    try:
        return repr(ask(*arguments, **named))
    except BucketQueryError as error:
        return type(error).__name__


def plural(query: Query) -> str:
    """The key of a query's results in the response body."""
    return f"{kind_of(query)}s"


def all_matches(documents: list[Document], query: Query) -> list[Document]:
    """Every match in order, by the reference; an empty list if a lookup finds nothing."""
    if not isinstance(query, BucketQuery) or query.timestamp is None:
        asked = query.replace(from_=0, size=EVERYTHING)
    else:
        # A lookup matches a window of one millisecond without any other condition. exclude_interim holds only for the
        # records that a bucket shows.
        documents = [
            document
            for document in documents
            if timestamp_ms(document) == query.timestamp
            and not (query.exclude_interim and document["result_type"] == "record" and document.get("is_interim"))
        ]
        asked = BucketQuery(jobs=query.jobs, expand=query.expand, sort=query.sort, desc=query.desc, size=EVERYTHING)
    results: list[Document] = evaluate(documents, asked)[plural(query)]
    return results


# ---- tables of cases from a seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A query on the state after the first `state` batches, asked when `written` batches have been written."""

    written: int
    state: int
    query: Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A history, every state it goes through, and the cases asked on the way.

    `put` holds the jobs that were put before the first batch. The judges are the reference and SQLite. `judged` holds
    their answers so far, by judge and number of the case, so that a judge answers each case once for all engines.
    """

    seed: str
    history: History
    domain: Domain
    states: list[State]
    put: set[str]
    cases: list[Case]
    judged: dict[tuple[str, int], str] = field(default_factory=dict, compare=False, repr=False)

    def documents(self, state: int) -> list[Document]:
        """The documents stored after `state` batches."""
        return list(self.states[state].values())

    def judge(self, judge: str, number: int, answer: Callable[[], dict[str, Any]]) -> str:
        """The outcome of a judge's answer to a case. Only the first call computes the answer."""
        if (judge, number) not in self.judged:
            self.judged[judge, number] = outcome(answer)
        return self.judged[judge, number]

    def by_reference(self, number: int) -> str:
        """The outcome of a case by the reference."""
        case = self.cases[number]
        return self.judge("reference", number, lambda: evaluate(self.documents(case.state), case.query))

    def jobs(self, state: int) -> set[str]:
        """The jobs known after `state` batches."""
        return self.put | {job for _, (job, *_) in self.states[state]}


@lru_cache(maxsize=128)
def seeded_table(seed: str) -> Table:
    """The table of a seed. Tests share it, because making and judging cases takes longer than searching an index."""
    return new_table(seed)


def new_table(seed: str) -> Table:
    """A table of 0 to 2,000 documents, mostly up to 200, and its cases. Half of the cases ask the newest state.

    A seed that begins with "churned-" and a kind makes a table of thousands of documents, mostly late or rewritten.
    A seed that begins with "led-" makes fuller tables with three times as many cases, mostly small pages by value.
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
        # Queries between writes matter, because the writer may extend a value index that a reader has made.
        written = len(history) if rng.random() < 0.5 else _later(rng, 0, len(history))
        state = written if rng.random() < 0.5 else _later(rng, 0, written)
        query = seeded_query(rng, domain)
        if is_led and rng.random() < 0.7:
            query = by_value(rng, query)
        query = sometimes_filtered(query, states[state].values(), seed)
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
    """A number from `low` to `high`, mostly a high one, because states with few documents show few faults."""
    return max(rng.randint(low, high), rng.randint(low, high))


def seeded_tables(seed: str, cases: int) -> Iterator[Table]:
    """Whole tables with at least `cases` cases in all; from table 17 on if the seed is "0.17"."""
    name, _, first = seed.partition(".")
    number = int(first or 0)
    while cases > 0:
        table = seeded_table(f"{name}.{number}")
        yield table
        cases -= len(table.cases)
        number += 1


# ---- the loop


class Engine(Protocol):
    """An engine that the loop can test."""

    def write(self, table: Table, state: int) -> None:
        """Write the batch that leads to `state`."""

    def ask(self, table: Table, case: Case) -> str:
        """The outcome of one case."""


def play(table: Table, engine: Engine) -> None:
    """Write the table's history to the engine and ask every case on the way.

    Raises:
        AssertionError: the engine, the reference and SQLite differ.
    """
    jobs = [table.jobs(state) for state in range(len(table.states))]
    state = 0
    # Only an unknown answer opens the database, because writing all states to it takes a while.
    sql = cache(lambda: opened.enter_context(SqlResults(table.history)))
    with ExitStack() as opened:
        for number, case in enumerate(table.cases):
            try:
                while state < case.written:
                    state += 1
                    engine.write(table, state)
                answers = {"engine": engine.ask(table, case), "reference": "UnknownJob", "SQLite": "UnknownJob"}
                if jobs[case.state].issuperset(case.query.jobs):
                    answers["reference"] = table.by_reference(number)
                    answers["SQLite"] = table.judge("SQLite", number, partial(answer_of, sql, case))
                assert len(set(answers.values())) == 1, difference(table.documents(case.state), case.query, answers)
            except Exception as error:
                error.add_note(
                    f"Case {number} of table {table.seed}: state {case.state}, asked after batch {state} of"
                    f" {len(table.history)}. To repeat it:\n"
                    f"BUCKETQUERY_SEED={table.seed} BUCKETQUERY_CASES=1 python -m pytest {LOOP}"
                )
                raise


def answer_of(sql: Callable[[], SqlResults], case: Case) -> dict[str, Any]:
    """SQLite's answer to a case."""
    return sql().answer(case.query, state=case.state)


def difference(documents: list[Document], query: Query, answers: Mapping[str, str]) -> str:
    """The answers, the query and the documents of a difference, as text."""
    kinds = {kind_of(query)} | ({"record"} if isinstance(query, BucketQuery) and query.expand else set())
    of_job = [
        document for document in documents if document["job_id"] in query.jobs and document["result_type"] in kinds
    ]
    return "\n".join(
        [
            "the answers differ",
            *(f"{name}: {answer}" for name, answer in answers.items()),
            f"query: {query!r}",
            f"documents of its jobs and kinds: {len(of_job)}, of which the first 30:",
            *(f"    {document!r}," for document in of_job[:30]),
        ]
    )


def count_cases(tables: Iterator[Table], open_engine: Callable[[Table], Engine]) -> Counter[str]:
    """Play every table against a new engine, and return the numbers of tables and cases."""
    seen: Counter[str] = Counter()
    for table in tables:
        play(table, open_engine(table))
        seen["tables"] += 1
        seen["cases"] += len(table.cases)
        seen.update(plural(case.query) for case in table.cases)
    return seen
