"""The differential loop is worth something: its cases have what can go wrong, and it notices an engine with a fault."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from bucketquery import BucketQuery
from bucketquery.testing import SORTABLE, evaluate
from cases import Case, Table, count_cases, outcome, play, seeded_table, seeded_tables, whole
from strategies import Document, identity, stored_values, tally

# What the cases have

WANTED = {
    "a page with buckets": 600,
    "a page cut short": 150,
    "a page past the end": 80,
    "size 0 with matches": 20,
    "an older state, changed since": 200,
    "ties in the sort field": 70,
    "missing in the sort field": 20,
    "a window that cuts": 200,
    "a bucket exactly at the start": 100,
    "a bucket exactly at the end": 100,
    "a threshold that cuts": 150,
    "a bucket exactly at the threshold": 50,
    "a bucket next to the threshold": 50,
    "interim left out": 100,
    "a lookup that finds one": 35,
    "a lookup that finds several": 10,
    "a lookup that finds nothing": 25,
    "an unknown job": 20,
    "inserted": 500,
    "replaced": 100,
    "unchanged": 35,
    "skipped": 25,
    "late": 30,
    "interim made final": 15,
    "one timestamp, several spans": 60,
    "a count that no double holds": 100,
    "a subnormal score": 30,
}


def test_seeded_cases_are_not_vacuous() -> None:
    """Among 2,000 cases there are enough of every kind that an index may get wrong."""
    seen: Counter[str] = Counter()
    for table in seeded_tables("0", 2_000):
        _look_at_writes(table, seen)
        for case in table.cases:
            seen[f"sort {case.query.sort}"] += 1
            if not table.jobs(case.state).issuperset(case.query.jobs):
                seen["an unknown job"] += 1
            elif case.query.timestamp is None:
                _look_at_page(table, case, seen)
            else:
                matches = len(whole(table.documents(case.state), case.query))
                seen[f"a lookup that finds {('nothing', 'one', 'several')[min(matches, 2)]}"] += 1
    wanted = WANTED | {f"sort {name}": 1 for name in SORTABLE}
    assert {name: seen[name] for name, least in wanted.items() if seen[name] < least} == {}


def _look_at_writes(table: Table, seen: Counter[str]) -> None:
    for number, batch in enumerate(table.history):
        before, after = table.states[number], table.states[number + 1]
        counts = tally(before, batch)
        seen["inserted"] += counts.inserted
        seen["replaced"] += counts.replaced
        seen["unchanged"] += counts.unchanged
        seen["skipped"] += sum(counts.skipped.values())
        newest = {job: max(at for of, at, _ in before if of == job) for job in {job for job, _, _ in before}}
        for name in after.keys() - before.keys():
            seen["late"] += name[1] < newest.get(name[0], name[1])
        for name in after.keys() & before.keys():
            seen["interim made final"] += bool(before[name].get("is_interim")) > bool(after[name].get("is_interim"))
    last = table.states[-1]
    seen["one timestamp, several spans"] += len(last) - len({name[:2] for name in last})
    for document in last.values():
        count, score = document.get("event_count") or 0, document.get("anomaly_score") or 0.0
        seen["a count that no double holds"] += int(float(count)) != count
        seen["a subnormal score"] += 0 < abs(score) < 2.2250738585072014e-308


def _look_at_page(table: Table, case: Case, seen: Counter[str]) -> None:
    query, stored = case.query, table.states[case.state]
    buckets = whole(table.documents(case.state), query)
    page = buckets[query.from_ : query.from_ + query.size]
    seen["a page with buckets"] += len(page) > 0
    seen["a page cut short"] += 0 < len(page) < len(buckets)
    seen["a page past the end"] += 0 < len(buckets) <= query.from_
    seen["size 0 with matches"] += query.size == 0 < len(buckets)
    now = table.states[case.written]
    seen["an older state, changed since"] += {name: stored_values(was) for name, was in stored.items()} != {
        name: stored_values(document) for name, document in now.items()
    }
    if query.sort == "anomaly_score":
        scores = [stored[identity(bucket)].get("anomaly_score") for bucket in page]
        seen["ties in the sort field"] += len(set(scores)) < len(scores)
        seen["missing in the sort field"] += None in scores and len(set(scores)) > 1
    opened: dict[str, dict[str, Any]] = {
        "a window that cuts": {"start": None, "end": None},
        "a threshold that cuts": {"anomaly_score": 0.0},
        "interim left out": {"exclude_interim": False},
    }
    for kind, open_sides in opened.items():
        seen[kind] += 0 < len(buckets) < len(whole(table.documents(case.state), query.replace(**open_sides)))
    timestamps = {timestamp for job, timestamp, _ in stored if job in query.jobs}
    seen["a bucket exactly at the start"] += query.start in timestamps
    seen["a bucket exactly at the end"] += query.end in timestamps
    if query.anomaly_score > 0.0:
        threshold = query.anomaly_score
        given = {document.get("anomaly_score") for document in stored.values() if document["job_id"] in query.jobs}
        seen["a bucket exactly at the threshold"] += threshold in given
        beside = {math.nextafter(threshold, math.inf), math.nextafter(threshold, -math.inf)}
        seen["a bucket next to the threshold"] += not beside.isdisjoint(given)


def test_churned_tables_are_large_and_late() -> None:
    """The large tables get about as many buckets late or again as there are, and pages longer than the default."""
    (table,) = seeded_tables("churned-0", 1)
    seen: Counter[str] = Counter()
    _look_at_writes(table, seen)
    assert seen["inserted"] > 2_000
    assert seen["late"] > 200
    assert seen["replaced"] > 200
    pages = [outcome(evaluate, table.documents(case.state), case.query) for case in table.cases[-15:]]
    assert max(page.count("result_type") for page in pages) > 100


def test_one_seed_is_one_table() -> None:
    """The command that a failure prints brings back the very same case."""
    again = [seeded_table("0.3"), *seeded_tables("0.3", 1)]
    assert again[0] == again[1] == list(seeded_tables("0", 2_000))[3]


# What the loop notices

Fault = Callable[[list[Document], BucketQuery], dict[str, Any]]


def _asked_as(change: Callable[[BucketQuery], BucketQuery]) -> Fault:
    """The fault of answering another question; lookups are answered well."""
    return lambda documents, query: evaluate(documents, query if query.timestamp is not None else change(query))


def _ordered_as(change: Callable[[Document], Document]) -> Fault:
    """The fault of ordering by other values than are stored and shown."""

    def answer(documents: list[Document], query: BucketQuery) -> dict[str, Any]:
        changed = evaluate([change(document) for document in documents], query)
        stored = {identity(document): document for document in documents}
        page = [stored[identity(bucket)] for bucket in changed["buckets"]]
        shown = [evaluate([document], BucketQuery(jobs=query.jobs))["buckets"][0] for document in page]
        return {"count": changed["count"], "buckets": shown}

    return answer


def _shifted(name: str, by: int) -> Callable[[BucketQuery], BucketQuery]:
    return lambda query: query if getattr(query, name) is None else query.replace(**{name: getattr(query, name) + by})


def _threshold_excluded(query: BucketQuery) -> BucketQuery:
    score = query.anomaly_score
    return query if score <= 0.0 else query.replace(anomaly_score=math.nextafter(score, math.inf))


def _missing_matches(documents: list[Document], query: BucketQuery) -> dict[str, Any]:
    scored = [document for document in documents if document.get("anomaly_score") is not None]
    unscored = [document for document in documents if document.get("anomaly_score") is None]
    answer = evaluate(documents, query)
    if query.timestamp is None and query.anomaly_score > 0.0 and scored:
        answer["count"] += evaluate(unscored, query.replace(anomaly_score=0.0))["count"]
    return answer


def _ties_ascend(documents: list[Document], query: BucketQuery) -> dict[str, Any]:
    if query.timestamp is not None or any(document.get(query.sort) is None for document in documents):
        return evaluate(documents, query)
    in_time = whole(documents, query.replace(sort="timestamp", desc=False))
    ordered = sorted(in_time, key=lambda bucket: bucket[query.sort], reverse=query.desc)
    return {"count": len(ordered), "buckets": ordered[query.from_ : query.from_ + query.size]}


def _final_only(documents: list[Document], query: BucketQuery) -> dict[str, Any]:
    heeded = [document for document in documents if not (query.exclude_interim and document.get("is_interim"))]
    return evaluate(heeded, query)


def _count_of_page(documents: list[Document], query: BucketQuery) -> dict[str, Any]:
    answer = evaluate(documents, query)
    return {**answer, "count": len(answer["buckets"])}


def _spans_merged(documents: list[Document], query: BucketQuery) -> dict[str, Any]:
    return evaluate(list({identity(document)[:2]: document for document in documents}.values()), query)


FAULTS: dict[str, Fault] = {
    "start is excluded": _asked_as(_shifted("start", 1)),
    "end is included": _asked_as(_shifted("end", 1)),
    "the threshold is excluded": _asked_as(_threshold_excluded),
    "the threshold is rounded": _asked_as(
        lambda query: query.replace(anomaly_score=float(f"{query.anomaly_score:.15g}"))
    ),
    "a missing score matches a threshold": _missing_matches,
    "interim is never left out": _asked_as(lambda query: query.replace(exclude_interim=False)),
    "a lookup heeds exclude_interim": _final_only,
    "desc is forgotten": _asked_as(lambda query: query.replace(desc=False)),
    "ties ascend in both directions": _ties_ascend,
    "a missing score sorts as zero": _ordered_as(
        lambda document: document | {"anomaly_score": document.get("anomaly_score") or 0}
    ),
    "missing interim sorts as final": _ordered_as(
        lambda document: document | {"is_interim": bool(document.get("is_interim"))}
    ),
    "counts sort as doubles": _ordered_as(
        lambda document: (
            document
            if document.get("event_count") is None
            else document | {"event_count": float(document["event_count"])}
        )
    ),
    "scheduled events sort by the first": _ordered_as(
        lambda document: document | {"scheduled_events": (document.get("scheduled_events") or [])[:1]}
    ),
    "the count is that of the page": _count_of_page,
    "the span is no part of the identity": _spans_merged,
}


class FaultyEngine:
    """The reference with one fault."""

    def __init__(self, fault: Fault, *, forgets: bool = False) -> None:
        self.fault = fault
        self.forgets = forgets

    def write(self, table: Table, state: int) -> None:
        """Nothing: it has the states of the table."""

    def ask(self, table: Table, case: Case) -> str:
        """The faulty outcome."""
        if not table.jobs(case.state).issuperset(case.query.jobs):
            return "UnknownJob"
        documents = table.documents(case.written if self.forgets else case.state)
        return outcome(self.fault, documents, case.query)


def test_the_loop_passes_the_reference() -> None:
    """The loop has nothing to say against the reference itself."""
    assert count_cases(seeded_tables("0", 500), lambda _: FaultyEngine(evaluate))["cases"] >= 500


@pytest.mark.parametrize("name", FAULTS)
def test_the_loop_notices_a_fault(name: str) -> None:
    """A single wrong comparison or order is found within the cases that are run by default."""
    with pytest.raises(AssertionError, match="the answers differ"):
        count_cases(seeded_tables("0", 2_000), lambda _: FaultyEngine(FAULTS[name]))


def test_the_loop_notices_a_snapshot_that_moves() -> None:
    """An engine that answers from its newest state, whatever state was asked, is found."""
    with pytest.raises(AssertionError, match="the answers differ"):
        count_cases(seeded_tables("0", 2_000), lambda _: FaultyEngine(evaluate, forgets=True))


def test_a_difference_says_how_to_have_it_again() -> None:
    """The failure names the seed of its table and the one command to run."""
    with pytest.raises(AssertionError) as caught:
        play(seeded_table("0.3"), FaultyEngine(_count_of_page))
    (note,) = caught.value.__notes__
    assert "BUCKETQUERY_SEED=0.3 BUCKETQUERY_CASES=1 python -m pytest tests/properties/test_differential.py::" in note
