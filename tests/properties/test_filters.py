"""Entity filters: index and reference agree on every page, order, walk, count and feed of queries with a filter.

The seeds begin with BUCKETQUERY_SEED (default "0"). BUCKETQUERY_CASES cases run (default 300, 3,000 in the ci tier); a
quarter of them in each way to search. A failure shows a seed such as "0.17", which begins with history 17 of seed 0.
"""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from bucketquery import BucketQuery, ResultsIndex
from bucketquery.testing import evaluate, filters, reference
from support.all_jobs import cut_all_jobs
from support.cases import outcome, plural
from support.filter_cases import READS, FilterCase, FilterHistory, expected, filter_histories, found, is_read
from support.helpers import TOGETHER
from support.kept_all_jobs import shrink
from support.living import perform
from support.shortcuts import AS_THEY_ARE, FORCED, OFF, shortcuts_for, take
from support.strategies import KINDS, SORT_FIELDS, Document, Query, identity, kind_of
from support.tiers import of_tier

SEED = os.environ.get("BUCKETQUERY_SEED", "0")
CASES = int(os.environ.get("BUCKETQUERY_CASES", of_tier(300, 3_000)))

#: Several jobs in combined tables, whose sizes are so small that the writer often moves rows in them.
TOGETHER_WAY = "together"
WAYS = (AS_THEY_ARE, FORCED, OFF, TOGETHER_WAY)


def played(history: FilterHistory, way: str, patch: pytest.MonkeyPatch) -> Counter[str]:
    """Make the steps of a history on an index, and compare every case with the reference; count what was compared."""
    seen: Counter[str] = Counter()
    shortcuts = shortcuts_for(patch, AS_THEY_ARE if way == TOGETHER_WAY else way, history.seed)
    if way == TOGETHER_WAY:
        shrink(patch)
        shortcuts = replace(shortcuts, **TOGETHER)
        if Random(history.seed).random() < 0.5:
            cut_all_jobs(patch, history.seed)
    index = take(ResultsIndex(), shortcuts)
    bare = take(ResultsIndex(keep_documents=False), shortcuts)
    snapshots, bares = [index.snapshot()], [bare.snapshot()]
    for case in history.cases:
        while len(snapshots) <= case.written:
            step = history.steps[len(snapshots) - 1]
            perform(index, step)
            perform(bare, step)
            snapshots.append(index.snapshot())
            bares.append(bare.snapshot())
        want, got = expected(history, case), found(snapshots[case.state], history, case)
        assert got == want, shown(history, way, case, want, got)
        if is_read(history, case):
            compare_keys(history, case, bares[case.state])
        seen["cases"] += 1
        seen[case.reads] += 1
    index.check()
    return seen


def compare_keys(history: FilterHistory, case: FilterCase, bare: Any) -> None:
    """Assert that an index without documents has the count and the keys of a page."""
    query = case.query.replace(expand=False) if isinstance(case.query, BucketQuery) else case.query
    body = evaluate(history.documents(case.state), query)
    page = bare.search(query)
    keys = [identity(result) for result in body[plural(query)]]
    assert (page.count, [*page.keys()]) == (body["count"], keys), f"{history.seed}: {query!r} without documents"


def seed_of(way: str, seed: str) -> str:
    """The seed of a way: each has cases of its own."""
    return f"{way} {seed}"


def shown(history: FilterHistory, way: str, case: FilterCase, want: str, got: str) -> str:
    """A difference as text, and the command that repeats it."""
    seed, test = history.seed.removeprefix(seed_of(way, "")), test_filtered_queries_are_answered_as_by_the_reference
    return (
        f"{case!r} of history {history.seed}\nexpected: {want[:2_000]}\nfound:    {got[:2_000]}\nTo repeat it:\n"
        f"BUCKETQUERY_SEED='{seed}' BUCKETQUERY_CASES=4 python -m pytest"
        f" 'tests/properties/test_filters.py::{test.__name__}[{way}]'"
    )


@pytest.mark.parametrize("way", WAYS)
def test_filtered_queries_are_answered_as_by_the_reference(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Index and reference agree on every case, for every way to search."""
    cases = -(-CASES // len(WAYS))
    seen: Counter[str] = Counter()
    for history in filter_histories(seed_of(way, SEED), cases):
        with monkeypatch.context() as patch:
            seen += played(history, way, patch)
    assert seen["cases"] >= cases


@pytest.mark.thorough
@pytest.mark.parametrize("way", WAYS)
def test_very_many_filtered_queries_are_answered_as_by_the_reference(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Index and reference agree on 20,000 more cases."""
    seen: Counter[str] = Counter()
    for history in filter_histories(seed_of(way, f"thorough {SEED}"), 20_000 // len(WAYS)):
        with monkeypatch.context() as patch:
            seen += played(history, way, patch)
    assert seen["cases"] >= 20_000 // len(WAYS)


# ---- the cases are hard, and they show faults

#: The fewest occurrences among 1,500 cases.
WANTED = {
    **dict.fromkeys(READS, 80),
    **dict.fromkeys([f"{kind}: the filter leaves some" for kind in KINDS], 50),
    **dict.fromkeys([f"{kind}: the filter leaves none" for kind in KINDS], 20),
    "a page behind the first match": 20,
    "expanded records that do not meet the filter": 10,
    "several jobs": 200,
    "more than sixteen jobs": 50,
    "interim left out": 200,
    "several fields": 300,
    "a missing field": 200,
    "no value at all": 20,
    "a data field": 400,
}


def test_the_cases_are_not_vacuous() -> None:
    """Among 1,500 cases, each hard case occurs often enough, and each kind has every sort."""
    seen: Counter[str] = Counter()
    for history in filter_histories("0", 1_500):
        for case in history.cases:
            if case.query.where and is_read(history, case):
                look(history, case, seen)
    wanted = WANTED | {f"{kind}: sort {name}": 1 for kind in KINDS for name in SORT_FIELDS[kind]}
    assert {name: seen[name] for name, least in wanted.items() if seen[name] < least} == {}


def look(history: FilterHistory, case: FilterCase, seen: Counter[str]) -> None:
    """Count what a case has."""
    query, documents = case.query, history.documents(case.state)
    kind, body = kind_of(query), evaluate(documents, query)
    every = evaluate(documents, query.replace(where={}))["count"]
    seen[f"{kind}: the filter leaves some"] += 0 < body["count"] < every
    seen[f"{kind}: the filter leaves none"] += body["count"] == 0 < every
    seen[f"{kind}: sort {query.sort}"] += 1
    seen[case.reads] += 1
    seen["a page behind the first match"] += 0 < query.from_ < body["count"]
    inside = [record for bucket in body.get("buckets", ()) for record in bucket.get("records", ())]
    seen["expanded records that do not meet the filter"] += any(
        not filters.meets(record, "record", query.where) for record in inside
    )
    seen["several jobs"] += len(query.jobs) > 1
    seen["more than sixteen jobs"] += len(query.jobs) > 16
    seen["interim left out"] += query.exclude_interim
    seen["several fields"] += len(query.where) > 1
    seen["a missing field"] += any(None in values for _, values in query.where)
    seen["no value at all"] += any(not values for _, values in query.where)
    fields = {name for names in filters.FILTER_FIELDS.values() for name in names}
    seen["a data field"] += any(name not in fields for name, _ in query.where)


Fault = Callable[[list[Document], Query], dict[str, Any]]


def with_filter(change: Callable[[str, tuple[Any, ...]], Any]) -> Fault:
    """The reference, asked with other values in each field; a field whose values become True is forgotten."""

    def answer(documents: list[Document], query: Query) -> dict[str, Any]:
        changed = {name: change(name, values) for name, values in query.where}
        where = {name: values for name, values in changed.items() if values is not True}
        return evaluate(documents, query.replace(where=where))

    return answer


def with_held(change: Callable[[Document, str, str, list[Any]], list[Any]]) -> Fault:
    """The reference, for which results have other values in a field."""

    def answer(documents: list[Document], query: Query) -> dict[str, Any]:
        right: Any = vars(filters)["_held"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                filters,
                "_held",
                lambda document, kind, name: change(document, kind, name, right(document, kind, name)),
            )
            return evaluate(documents, query)

    return answer


def with_witnesses(change: Callable[[list[Document], Query], Any]) -> Fault:
    """The reference with other witnesses."""

    def answer(documents: list[Document], query: Query) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reference, "witnessed", change)
            return evaluate(documents, query)

    return answer


def one_of_its_fields_by_one_record_each(records: list[Document], query: Query) -> Any:
    """Instants whose records meet the fields of a filter one by one, but not all by the same record."""
    found = [filters.witnessed(records, query.replace(where=(field,))) for field in query.where]
    return set.intersection(*found)


def by_influencers_inside(document: Document, kind: str, name: str, held: list[Any]) -> list[Any]:
    """The values of a record's influencers count too."""
    more = [
        value
        for one in (document.get("influencers") or () if kind == "record" else ())
        if one.get("influencer_field_name") == name
        for value in one["influencer_field_values"]
    ]
    return [*(value for value in held if value is not None or not more), *more]


FAULTS: dict[str, Fault] = {
    "the filter is forgotten": with_filter(lambda _, __: True),
    "a missing field is forgotten": with_filter(lambda _, values: [value for value in values if value is not None]),
    "a missing field always counts": with_filter(lambda _, values: [*values, None]),
    "no value at all is no filter": with_filter(lambda _, values: values or True),
    "only the first value counts": with_filter(lambda _, values: values[:1]),
    "a number of 64 bits is a double": with_filter(
        lambda name, values: [int(float(value)) for value in values] if name == "detector_index" else values
    ),
    "a missing detector is missing": with_held(
        lambda document, _, name, held: [document.get(name)] if name == "detector_index" else held
    ),
    "empty text is missing": with_held(lambda _, __, ___, held: [value or None for value in held]),
    "upper case counts as lower case": with_held(
        lambda _, __, ___, held: [*held, *(str(value).lower() for value in held if value)]
    ),
    "only the first pair counts": with_held(lambda _, __, ___, held: held[:1]),
    "a name without a value is no missing field": with_held(
        lambda document, _, name, held: (
            ["no value"] if held == [None] and document.get("by_field_name") == name else held
        )
    ),
    "the influencers of a record count": with_held(by_influencers_inside),
    "an unknown key counts": with_held(
        lambda document, kind, name, held: (
            [*held, document[name]] if kind == "influencer" and isinstance(document.get(name), str) else held
        )
    ),
    "each field has a witness of its own": with_witnesses(one_of_its_fields_by_one_record_each),
    "an interim record is a witness of a final query": with_witnesses(
        lambda records, query: filters.witnessed(records, query.replace(exclude_interim=False))
    ),
    "an interim record is no witness of another query": with_witnesses(
        lambda records, query: filters.witnessed(records, query.replace(exclude_interim=True))
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_cases_show_a_fault(name: str) -> None:
    """A single wrong reading of the rules changes a page among 3,000 cases."""
    fault = FAULTS[name]
    assert any(
        outcome(fault, documents, case.query) != outcome(evaluate, documents, case.query)
        for history in filter_histories("0", 3_000)
        for case in history.cases
        for documents in [history.documents(case.state)]
    )
