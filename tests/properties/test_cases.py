"""Tests of the differential loop: its cases include the hard ones, and it notices an engine with a fault."""

import math
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, Kind, RecordQuery
from bucketquery.testing import SORTABLE, evaluate
from support.cases import (
    EVERYTHING,
    Case,
    Table,
    all_matches,
    count_cases,
    new_table,
    outcome,
    play,
    plural,
    seeded_table,
    seeded_tables,
)
from support.strategies import (
    KINDS,
    QUERIES,
    SCORES,
    SORT_FIELDS,
    Document,
    Identity,
    Query,
    apply_batch,
    as_scores,
    commit_counts,
    fits,
    identity,
    ingested_ms,
    kind_of,
    listed,
    results_in,
    stored_values,
    unknown,
)

# ---- the cases include the hard ones

#: The fewest occurrences among the cases of each kind.
WANTED_OF_A_KIND = {
    "cases": 500,
    "a page with results": 250,
    "a page cut short": 60,
    "a page past the end": 20,
    "size 0 with matches": 5,
    "ties in the sort field": 50,
    "missing in the sort field": 10,
    "a window that cuts": 60,
    "a result exactly at the start": 30,
    "a result exactly at the end": 30,
    "a threshold that cuts": 50,
    "a result exactly at the threshold": 20,
    "a result next to the threshold": 10,
    "a band that leaves out both sides": 3,
    "a result exactly at the end of a band": 10,
    "interim left out": 40,
    "inserted": 300,
    "replaced": 50,
    "unchanged": 20,
    "late": 30,
    "interim made final": 10,
    "one timestamp, several spans": 20,
    "a subnormal score": 20,
    "ties in event.ingested": 10,
    "missing in event.ingested": 10,
    "repeated": 30,
    "a filter that leaves some": 20,
    "a filter that leaves none": 15,
    "a filter of several fields": 40,
}
#: The fewest occurrences among all cases.
WANTED = {
    "an older state, changed since": 200,
    "a lookup that finds one": 10,
    "a lookup that finds several": 3,
    "a lookup that finds nothing": 5,
    "an unknown job": 10,
    "skipped": 25,
    "only new scores": 20,
    "only new scores, of several results": 10,
    "a count that no double holds": 50,
    "several kinds in one batch": 30,
    "several records of one bucket": 50,
    "records without a bucket": 100,
    "a missing detector": 100,
    "a missing value and an empty one": 5,
    "equal and subnormal probabilities": 50,
    "an unknown key named like a data field": 15,
    "expanded": 60,
    "expanded without any records": 20,
    "a bucket without influencers beside records": 50,
    "several records in a bucket": 40,
    "ties in the probability of a bucket's records": 20,
    "a bucket's records of another span": 20,
    "interim records left out of a bucket": 5,
    "a lookup that expands": 1,
    "records inside a bucket": 100,
    "a record inside a bucket is repeated": 3,
    "a bucket influencer with a value of its own": 100,
    "a single value in place of a list": 100,
    "an event of a data field": 50,
}


def test_seeded_cases_are_not_vacuous() -> None:
    """Among 3,500 cases, each hard case occurs often enough."""
    seen: Counter[str] = Counter()
    for table in seeded_tables("0", 3_500):
        _look_at_writes(table, seen)
        for case in table.cases:
            kind = kind_of(case.query)
            seen[f"{kind}: cases"] += 1
            seen[f"sort {case.query.sort}"] += 1
            seen[f"{kind}: sort {case.query.sort}"] += 1
            if not table.jobs(case.state).issuperset(case.query.jobs):
                seen["an unknown job"] += 1
            elif isinstance(case.query, BucketQuery) and case.query.timestamp is not None:
                matches = all_matches(table.documents(case.state), case.query)
                seen[f"a lookup that finds {('nothing', 'one', 'several')[min(len(matches), 2)]}"] += 1
                seen["a lookup that expands"] += any("records" in bucket for bucket in matches)
                _look_at_expansion(table.documents(case.state), case.query, matches, seen)
            else:
                _look_at_page(table, case, seen)
    wanted = WANTED | {f"sort {name}": 1 for name in SORTABLE}
    wanted |= {f"{kind}: sort {name}": 3 for kind in KINDS for name in SORT_FIELDS[kind]}
    wanted |= {f"{kind}: {name}": least for kind in KINDS for name, least in WANTED_OF_A_KIND.items()}
    assert {name: seen[name] for name, least in wanted.items() if seen[name] < least} == {}


def _look_at_writes(table: Table, seen: Counter[str]) -> None:
    for number, batch in enumerate(table.history):
        before = table.states[number]
        seen["skipped"] += sum(commit_counts(before, batch).skipped.values())
        written = apply_batch({}, batch)
        scores = as_scores(before, [document for document in batch if fits(document)])
        seen["only new scores"] += scores is not None and commit_counts(before, batch).replaced > 0
        seen["only new scores, of several results"] += scores is not None and commit_counts(before, batch).replaced > 1
        seen["several kinds in one batch"] += len({kind for kind, _ in written}) > 1
        _look_at_forms(batch, seen)
        newest: dict[tuple[str, str], int] = {}
        for kind, (job, timestamp, *_) in before:
            newest[kind, job] = max(timestamp, newest.get((kind, job), timestamp))
        for name, document in written.items():
            kind, (job, timestamp, *_) = name
            was = before.get(name)
            if was is None:
                seen[f"{kind}: inserted"] += 1
                seen[f"{kind}: late"] += timestamp < newest.get((kind, job), timestamp)
            else:
                change = "unchanged" if stored_values(was) == stored_values(document) else "replaced"
                seen[f"{kind}: {change}"] += 1
                seen[f"{kind}: interim made final"] += bool(was.get("is_interim")) > bool(document.get("is_interim"))
    for kind in KINDS:
        stored = {key: document for (of, key), document in table.states[-1].items() if of == kind}
        spans = {(key[0], key[1], key[2]) for key in stored}
        seen[f"{kind}: one timestamp, several spans"] += len(spans) - len({span[:2] for span in spans})
        for document in stored.values():
            seen[f"{kind}: a subnormal score"] += _is_subnormal(document.get(SCORES[kind]) or 0.0)
            count = document.get("event_count") or 0
            seen["a count that no double holds"] += kind == "bucket" and int(float(count)) != count
    _look_at_records(table, seen)


def _look_at_forms(batch: list[Document], seen: Counter[str]) -> None:
    names = Counter((one["result_type"], identity(one)) for one in results_in(batch) if fits(one))
    for (kind, _), times in names.items():
        seen[f"{kind}: repeated"] += times - 1
    for document in filter(fits, batch):
        records = listed(document.get("records")) if document["result_type"] == "bucket" else []
        seen["records inside a bucket"] += len(records)
        inside = [one for one in results_in([document]) if one["result_type"] == "record"]
        seen["a record inside a bucket is repeated"] += any(names["record", identity(one)] > 1 for one in inside[:9])
        for nested in listed(document.get("bucket_influencers")) if document["result_type"] == "bucket" else []:
            own = {name: nested[name] for name in ("job_id", "bucket_span", "event") if nested.get(name) is not None}
            seen["a bucket influencer with a value of its own"] += own != {name: document.get(name) for name in own}
        lists = ("scheduled_events", "typical", "actual", "causes", "influencers")
        singles = [document[name] for name in lists if name in document and name not in unknown(document)]
        seen["a single value in place of a list"] += any(not isinstance(value, list | None) for value in singles)
        seen["an event of a data field"] += "event" in unknown(document)


def _is_subnormal(number: float) -> bool:
    return 0 < abs(number) < 2.2250738585072014e-308


def _look_at_records(table: Table, seen: Counter[str]) -> None:
    last = table.states[-1]
    records = {key: document for (kind, key), document in last.items() if kind == "record"}
    beside = Counter(key[:2] for key in records)
    buckets = {key[:2] for kind, key in last if kind == "bucket"}
    seen["several records of one bucket"] += sum(beside[time] > 1 for time in buckets)
    seen["records without a bucket"] += sum(time not in buckets for time in beside)
    probabilities = Counter(document.get("probability") for document in records.values())
    seen["equal and subnormal probabilities"] += sum(
        many for number, many in probabilities.items() if many > 1 and _is_subnormal(number or 0.0)
    )
    for document in records.values():
        seen["a missing detector"] += document.get("detector_index") is None
        fields = {document.get(f"{role}_field_name") for role in ("by", "over", "partition")}
        seen["an unknown key named like a data field"] += not fields.isdisjoint(unknown(document))
        for role in ("by", "over", "partition"):
            if document.get(f"{role}_field_value") is None:
                empty = identity({**document, f"{role}_field_value": ""})
                seen["a missing value and an empty one"] += empty in records


def _look_at_page(table: Table, case: Case, seen: Counter[str]) -> None:
    query, stored, kind = case.query, table.states[case.state], kind_of(case.query)
    documents = table.documents(case.state)
    results = all_matches(documents, query)
    page = results[query.from_ : query.from_ + query.size]
    seen[f"{kind}: a page with results"] += len(page) > 0
    seen[f"{kind}: a page cut short"] += 0 < len(page) < len(results)
    seen[f"{kind}: a page past the end"] += 0 < len(results) <= query.from_
    seen[f"{kind}: size 0 with matches"] += query.size == 0 < len(results)
    seen["an older state, changed since"] += stored != table.states[case.written]
    if query.where:
        every = len(all_matches(documents, query.replace(where={})))
        seen[f"{kind}: a filter that leaves some"] += 0 < len(results) < every
        seen[f"{kind}: a filter that leaves none"] += len(results) == 0 < every
        seen[f"{kind}: a filter of several fields"] += len(query.where) > 1
    score = SCORES[kind]
    if query.sort in {score, "probability"} and not (kind == "bucket" and query.sort == "probability"):
        values = [stored[kind, identity(result)].get(query.sort) for result in page]
        seen[f"{kind}: ties in the sort field"] += len(set(values)) < len(values)
        seen[f"{kind}: missing in the sort field"] += None in values and len(set(values)) > 1
    if query.sort == "event.ingested":
        instants = [ingested_ms(stored[kind, identity(result)]) for result in page]
        seen[f"{kind}: ties in event.ingested"] += len(set(instants)) < len(instants)
        seen[f"{kind}: missing in event.ingested"] += None in instants and len(set(instants)) > 1
    opened: dict[str, dict[str, Any]] = {
        "a window that cuts": {"start": None, "end": None},
        "a threshold that cuts": {score: 0.0},
        "interim left out": {"exclude_interim": False},
    }
    for name, open_sides in opened.items():
        asked = query.replace(from_=0, size=0, **open_sides)
        seen[f"{kind}: {name}"] += 0 < len(results) < evaluate(documents, asked)["count"]
    of_job = [name for name in stored if name[0] == kind and name[1][0] in query.jobs]
    timestamps = {key[1] for _, key in of_job}
    seen[f"{kind}: a result exactly at the start"] += query.start in timestamps
    seen[f"{kind}: a result exactly at the end"] += query.end in timestamps
    threshold = getattr(query, score)
    given = {stored[name].get(score) for name in of_job}
    if isinstance(threshold, tuple):
        low, high = threshold
        known = {value for value in given if value is not None}
        seen[f"{kind}: a band that leaves out both sides"] += min(known, default=low) < low < high < max(known)
        seen[f"{kind}: a result exactly at the end of a band"] += high in known
    elif threshold > 0.0:
        seen[f"{kind}: a result exactly at the threshold"] += threshold in given
        beside = {math.nextafter(threshold, math.inf), math.nextafter(threshold, -math.inf)}
        seen[f"{kind}: a result next to the threshold"] += not beside.isdisjoint(given)
    if isinstance(query, BucketQuery) and query.expand:
        _look_at_expansion(documents, query, page, seen)


def _look_at_expansion(documents: list[Document], query: BucketQuery, page: list[Document], seen: Counter[str]) -> None:
    records = [document for document in documents if document["result_type"] == "record"]
    expanded = [bucket for bucket in page if "records" in bucket]
    seen["expanded"] += len(expanded) > 0
    seen["expanded without any records"] += len(page) > 0 == len(expanded)
    seen["several records in a bucket"] += any(len(bucket["records"]) > 1 for bucket in expanded)
    for bucket in page:
        shown = bucket.get("records", [])
        times = [identity(record)[:2] for record in records]
        if not bucket["bucket_influencers"]:
            seen["a bucket without influencers beside records"] += identity(bucket)[:2] in times
        probabilities = [record["probability"] for record in shown]
        seen["ties in the probability of a bucket's records"] += len(set(probabilities)) < len(probabilities)
        seen["a bucket's records of another span"] += any(
            record["bucket_span"] != bucket["bucket_span"] for record in shown
        )
        if query.exclude_interim and bucket["bucket_influencers"]:
            seen["interim records left out of a bucket"] += times.count(identity(bucket)[:2]) > len(shown)


@pytest.mark.parametrize("kind", KINDS)
def test_churned_tables_have_thousands_of_results(kind: Kind) -> None:
    """Large tables get thousands of results, many of them late or replaced, and pages longer than the default."""
    (table,) = seeded_tables(f"churned-{kind}-0", 1)
    seen: Counter[str] = Counter()
    _look_at_writes(table, seen)
    assert seen[f"{kind}: inserted"] > 2_000
    assert seen[f"{kind}: late"] > 100
    assert seen[f"{kind}: replaced"] > 100
    pages = [table.by_reference(number) for number in range(len(table.cases))[-25:]]
    assert max(page.count("result_type") for page in pages) > 100


def test_one_seed_is_one_table() -> None:
    """The command that a failure prints runs the same case."""
    table = new_table("0.3")
    assert new_table("0.3") == table
    assert [*seeded_tables("0.3", 1)] == [table]
    assert list(seeded_tables("0", 4_000))[3] == table


# ---- the loop notices faults

Fault = Callable[[list[Document], Query], dict[str, Any]]
Change = Callable[[Document], Document]


def _is_lookup(query: Query) -> bool:
    return isinstance(query, BucketQuery) and query.timestamp is not None


def _with_records(bucket: Document, records: list[Document]) -> Document:
    plain = {name: value for name, value in bucket.items() if name != "records"}
    if not records:
        return plain
    before = list(plain).index("event_count")
    parts = list(plain.items())
    return dict([*parts[:before], ("records", records), *parts[before:]])


def _asked_as(change: Callable[[Query], Query]) -> Fault:
    """The fault of answering another query; lookups are answered correctly."""
    return lambda documents, query: evaluate(documents, query if _is_lookup(query) else change(query))


def _ordered_as(change: Change) -> Fault:
    """The fault of ordering by values other than those stored and shown."""

    def answer(documents: list[Document], query: Query) -> dict[str, Any]:
        changed = [change(document) for document in documents]
        shown: dict[tuple[str, Identity], Any] = {}
        for kind in {kind_of(query), "record"}:
            of_kind = [number for number, document in enumerate(documents) if document["result_type"] == kind]
            plain = QUERIES[kind](jobs=query.jobs, size=EVERYTHING)
            bodies = {identity(result): result for result in evaluate(documents, plain)[f"{kind}s"]}
            shown |= {(kind, identity(changed[number])): bodies.get(identity(documents[number])) for number in of_kind}
        found = evaluate(changed, query)
        results = []
        for result in found[plural(query)]:
            own = shown[kind_of(query), identity(result)]
            # In other kinds `records` is an unknown key.
            inside = result.get("records", []) if kind_of(query) == "bucket" else []
            records = [shown["record", identity(record)] for record in inside]
            results.append(_with_records(own, records) if kind_of(query) == "bucket" else own)
        return {"count": found["count"], plural(query): results}

    return answer


def _expanded_as(change: Callable[[Document, BucketQuery, list[Document]], list[Document]]) -> Fault:
    """The fault of showing other records in expanded buckets, or the same in another order."""

    def answer(documents: list[Document], query: Query) -> dict[str, Any]:
        found = evaluate(documents, query)
        if not isinstance(query, BucketQuery) or not query.expand:
            return found
        buckets = [
            _with_records(bucket, change(bucket, query, bucket.get("records", []))) for bucket in found["buckets"]
        ]
        return {**found, "buckets": buckets}

    return answer


def _of(kind: Kind, fault: Fault) -> Fault:
    """The fault in the answers to queries for one kind."""
    return lambda documents, query: (fault if kind_of(query) == kind else evaluate)(documents, query)


def _shifted(name: str, by: int) -> Callable[[Query], Query]:
    return lambda query: query if getattr(query, name) is None else query.replace(**{name: getattr(query, name) + by})


def _with_threshold(change: Callable[[float], float]) -> Callable[[Query], Query]:
    def changed(query: Query) -> Query:
        name = SCORES[kind_of(query)]
        threshold = getattr(query, name)
        if isinstance(threshold, tuple):
            low, high = change(threshold[0]), threshold[1]
            return query.replace(**{name: (low, high)}) if low < high else query
        return query if threshold <= 0.0 else query.replace(**{name: change(threshold)})

    return changed


def _with_band(change: Callable[[float, float], Any]) -> Callable[[Query], Query]:
    """The fault of asking for another condition instead of a band."""

    def changed(query: Query) -> Query:
        name = SCORES[kind_of(query)]
        condition = getattr(query, name)
        return query.replace(**{name: change(*condition)}) if isinstance(condition, tuple) else query

    return changed


def _missing_matches(documents: list[Document], query: Query) -> dict[str, Any]:
    name = SCORES[kind_of(query)]
    scored = [document for document in documents if document.get(name) is not None]
    unscored = [document for document in documents if document.get(name) is None]
    answer = evaluate(documents, query)
    condition = getattr(query, name)
    if not _is_lookup(query) and (isinstance(condition, tuple) or condition > 0.0) and scored:
        answer["count"] += evaluate(unscored, query.replace(**{name: 0.0}))["count"]
    return answer


def _ties_ascend(documents: list[Document], query: Query) -> dict[str, Any]:
    return _ties_broken_by(documents, query, {"desc": False})


def _time_breaks_ties(documents: list[Document], query: Query) -> dict[str, Any]:
    return _ties_broken_by(documents, query, {"sort": "timestamp"})


def _ties_broken_by(documents: list[Document], query: Query, other: dict[str, Any]) -> dict[str, Any]:
    """The answer with ties of the sort field in the order of another query."""
    stored = [document for document in documents if document["result_type"] == kind_of(query)]
    if _is_lookup(query) or any(document.get(query.sort) is None for document in stored):
        return evaluate(documents, query)
    ordered = sorted(
        all_matches(documents, query.replace(**other)), key=lambda result: result[query.sort], reverse=query.desc
    )
    return {"count": len(ordered), plural(query): ordered[query.from_ : query.from_ + query.size]}


def _final_only(documents: list[Document], query: Query) -> dict[str, Any]:
    heeded = [document for document in documents if not (query.exclude_interim and document.get("is_interim"))]
    return evaluate(heeded, query)


def _count_of_page(documents: list[Document], query: Query) -> dict[str, Any]:
    answer = evaluate(documents, query)
    return {**answer, "count": len(answer[plural(query)])}


def _known_by(name: Callable[[Document], Any]) -> Fault:
    """The fault of treating different results as the same result."""
    return lambda documents, query: evaluate(
        list({(document["result_type"], name(document)): document for document in documents}.values()), query
    )


def _stored_as(change: Change) -> Fault:
    """The fault of storing other values."""
    return lambda documents, query: evaluate([change(document) for document in documents], query)


def _filled(**defaults: Any) -> Change:
    """Fill missing fields with defaults."""
    return lambda document: {
        **document,
        **{name: value for name, value in defaults.items() if document.get(name) is None},
    }


def _mapped(name: str, change: Callable[[Any], Any]) -> Change:
    """Change a field if it is not missing."""
    return lambda document: document if document.get(name) is None else {**document, name: change(document[name])}


def _only_of(kind: Kind, change: Change) -> Change:
    return lambda document: change(document) if document["result_type"] == kind else document


def _in_utf_16(text: str) -> str:
    """Text whose code points are the 16-bit units of the given text."""
    units = text.encode("utf-16-be")
    return "".join(chr(units[at] << 8 | units[at + 1]) for at in range(0, len(units), 2))


def _empty_is_absent(document: Document) -> Any:
    return tuple(part or None for part in identity(document)[3:]), identity(document)[:3]


def _all_expanded(documents: list[Document], query: Query) -> dict[str, Any]:
    """The fault of showing records in buckets without influencers."""
    if not isinstance(query, BucketQuery):
        return evaluate(documents, query)
    bare = [identity(document) for document in documents if not document.get("bucket_influencers")]
    given = [
        document if document.get("bucket_influencers") else {**document, "bucket_influencers": [{}]}
        for document in documents
    ]
    found = evaluate(given, query)
    for bucket in found["buckets"]:
        if identity(bucket) in bare:
            bucket["bucket_influencers"] = []
    return found


def _interim_records_shown(documents: list[Document], query: Query) -> dict[str, Any]:
    if not isinstance(query, BucketQuery):
        return evaluate(documents, query)
    interim = {identity(document) for document in documents if document.get("is_interim")}
    found = evaluate(
        [
            {**document, "is_interim": False} if document["result_type"] == "record" else document
            for document in documents
        ],
        query,
    )
    for bucket in found["buckets"]:
        for record in bucket.get("records", []):
            record["is_interim"] = identity(record) in interim
    return found


def _generated_wins(document: Document) -> Document:
    """A record without its unknown keys that have the name of a data field."""
    if document["result_type"] != "record":
        return document
    own = unknown(document)
    without = {name: value for name, value in document.items() if name not in own}
    (shown,) = evaluate([without], RecordQuery(jobs=document["job_id"]))["records"]
    return {name: value for name, value in document.items() if name not in own or name not in shown}


def _changed_event(change: Callable[[int | None], int | None]) -> Change:
    """Change the instant of `event`; an `event` of a data field stays."""

    def changed(document: Document) -> Document:
        if "event" in unknown(document):
            return document
        ingested = change(ingested_ms(document))
        return {**document, "event": None if ingested is None else {"ingested": ingested}}

    return changed


def _as_its_bucket(*names: str, **values: Any) -> Change:
    """The bucket influencers of a document without these values of their own, or with other values."""

    def changed(document: Document) -> Document:
        if document["result_type"] != "bucket":
            return document
        nested = [
            {name: value for name, value in one.items() if name not in names}
            | {name: document.get(value) for name, value in values.items()}
            for one in listed(document.get("bucket_influencers"))
        ]
        return {**document, "bucket_influencers": nested}

    return changed


def _shown_without(name: str) -> Fault:
    """The fault of leaving out a key of every result."""
    return _shown_as(lambda result: {key: value for key, value in result.items() if key != name})


def _shown_as(change: Change) -> Fault:
    def answer(documents: list[Document], query: Query) -> dict[str, Any]:
        found = evaluate(documents, query)
        return {**found, plural(query): [change(result) for result in found[plural(query)]]}

    return answer


def _event_first(result: Document) -> Document:
    return {"event": result["event"], **result} if isinstance(result.get("event"), dict) else result


def _without_null(document: Document) -> Document:
    nulls = {name for name, value in unknown(document).items() if value is None}
    return {name: value for name, value in document.items() if name not in nulls}


#: Faults in the answers of each kind.
FAULTS_OF_A_KIND: dict[str, Fault] = {
    "start is excluded": _asked_as(_shifted("start", 1)),
    "end is included": _asked_as(_shifted("end", 1)),
    "the threshold is excluded": _asked_as(_with_threshold(lambda score: math.nextafter(score, math.inf))),
    "the threshold is rounded": _asked_as(_with_threshold(lambda score: float(f"{score:.15g}"))),
    "a missing score matches a threshold": _missing_matches,
    "the end of a band is forgotten": _asked_as(_with_band(lambda low, _: low)),
    "the end of a band is included": _asked_as(_with_band(lambda low, high: (low, math.nextafter(high, math.inf)))),
    "a band from 0 has results below 0 or without a score": _asked_as(
        _with_band(lambda low, high: 0.0 if low <= 0.0 and high > 100.0 else (low, high))
    ),
    "interim is never left out": _asked_as(lambda query: query.replace(exclude_interim=False)),
    "the filter is forgotten": _asked_as(lambda query: query.replace(where={})),
    "a filter has the first value of each field only": _asked_as(
        lambda query: query.replace(where={name: values[:1] for name, values in query.where})
    ),
    "a filter forgets missing fields": _asked_as(
        lambda query: query.replace(
            where={name: [value for value in values if value is not None] for name, values in query.where}
        )
    ),
    "desc is forgotten": _asked_as(lambda query: query.replace(desc=False)),
    "ties ascend in both directions": _ties_ascend,
    "missing interim sorts as final": _ordered_as(_filled(is_interim=False)),
    "the count is that of the page": _count_of_page,
    "the span is not part of the identity": _known_by(
        lambda document: (*identity(document)[:2], *identity(document)[3:])
    ),
    "a missing instant sorts as the first": _ordered_as(_changed_event(lambda ingested: ingested or 0)),
    "instants sort in seconds": _ordered_as(
        _changed_event(lambda ingested: None if ingested is None else ingested // 1_000 * 1_000)
    ),
    "the instant is not shown": _shown_without("event"),
    "the instant is not the last key": _shown_as(_event_first),
}
FAULTS: dict[str, Fault] = (
    {f"{kind}: {name}": _of(kind, fault) for kind in KINDS for name, fault in FAULTS_OF_A_KIND.items()}
    | {
        f"{kind}: a missing score sorts as zero": _of(kind, _ordered_as(_filled(**{SCORES[kind]: 0.0})))
        for kind in KINDS
    }
    | {
        "a lookup heeds exclude_interim": _final_only,
        "counts sort as doubles": _ordered_as(_only_of("bucket", _mapped("event_count", float))),
        "scheduled events sort by the first": _ordered_as(
            _only_of("bucket", _mapped("scheduled_events", lambda events: events[:1]))
        ),
        "a missing probability sorts as zero": _ordered_as(_filled(probability=0.0)),
        "probabilities sort in single precision": _ordered_as(
            _mapped("probability", lambda number: float(np.float32(number)))
        ),
        "record: time breaks ties first": _of("record", _time_breaks_ties),
        "record: a missing function sorts as an empty one": _of("record", _ordered_as(_filled(function=""))),
        "record: a missing detector sorts as the first": _of("record", _ordered_as(_filled(detector_index=0))),
        "record: text sorts in 16-bit units": _of("record", _ordered_as(_mapped("over_field_value", _in_utf_16))),
        "record: the detector is not part of the identity": _of(
            "record", _known_by(lambda document: (*identity(document)[:3], *identity(document)[4:]))
        ),
        "record: an empty value is an absent one": _of("record", _known_by(_empty_is_absent)),
        "record: a generated key wins": _of("record", _stored_as(_generated_wins)),
        "record: an unknown null is dropped": _of("record", _stored_as(_without_null)),
        "influencer: text sorts in 16-bit units": _of(
            "influencer", _ordered_as(_mapped("influencer_field_value", _in_utf_16))
        ),
        "influencer: the value is not part of the identity": _of(
            "influencer", _known_by(lambda one: identity(one)[:4])
        ),
        "influencer: an empty value is an absent one": _of("influencer", _known_by(_empty_is_absent)),
        "bucket influencers have the job of their bucket": _stored_as(_as_its_bucket("job_id")),
        "bucket influencers have the timestamp of their bucket": _stored_as(_as_its_bucket("timestamp")),
        "bucket influencers have the span of their bucket": _stored_as(_as_its_bucket("bucket_span")),
        "bucket influencers have the instant of their bucket": _stored_as(_as_its_bucket(event="event")),
        "expand: buckets without influencers show records": _all_expanded,
        "expand: interim records are shown": _interim_records_shown,
        "expand: the span is compared": _expanded_as(
            lambda bucket, _, records: [record for record in records if record["bucket_span"] == bucket["bucket_span"]]
        ),
        "expand: records come in the direction asked for": _expanded_as(
            lambda _, query, records: records[::-1] if query.desc else records
        ),
        "expand: records come by their score": _expanded_as(
            lambda _, __, records: sorted(records, key=lambda record: -record["record_score"])
        ),
        "expand: one record is shown": _expanded_as(lambda _, __, records: records[:1]),
        "expand: a missing probability comes first": _of("bucket", _ordered_as(_filled(probability=-1.0))),
        "expand: a missing detector comes last": _of(
            "bucket", _ordered_as(_only_of("record", _filled(detector_index=2**63)))
        ),
    }
)


class FaultyEngine:
    """The reference with one fault."""

    def __init__(self, fault: Fault, *, forgets: bool = False) -> None:
        self.fault = fault
        self.forgets = forgets

    def write(self, table: Table, state: int) -> None:
        """Do nothing, because the table has its states."""

    def ask(self, table: Table, case: Case) -> str:
        """The faulty outcome."""
        if not table.jobs(case.state).issuperset(case.query.jobs):
            return "UnknownJob"
        documents = table.documents(case.written if self.forgets else case.state)
        return outcome(self.fault, documents, case.query)


def test_the_loop_passes_the_reference() -> None:
    """The reference itself passes the loop."""
    assert count_cases(seeded_tables("0", 500), lambda _: FaultyEngine(evaluate))["cases"] >= 500


def test_the_loop_notices_an_answer_that_differs() -> None:
    """The loop ends at the first case whose answer differs from the judges'."""
    with pytest.raises(AssertionError, match="the answers differ"):
        count_cases(seeded_tables("0", 500), lambda _: FaultyEngine(_count_of_page))


@cache
def answered() -> list[tuple[list[Document], Query, str]]:
    """Cases as documents, query and right answer."""
    return [
        (documents, case.query, outcome(evaluate, documents, case.query))
        for table in seeded_tables("0", 6_000)
        for case in table.cases
        for documents in [table.documents(case.state)]
        if table.jobs(case.state).issuperset(case.query.jobs)
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("name", FAULTS)
def test_the_cases_show_a_fault(name: str) -> None:
    """A single wrong comparison, order or key changes an answer among 6,000 cases; CI runs 16,500."""
    fault = FAULTS[name]
    assert any(outcome(fault, documents, query) != answer for documents, query, answer in answered())


def test_the_loop_notices_a_snapshot_that_moves() -> None:
    """The loop notices an engine that answers from its newest state instead of the state asked."""
    with pytest.raises(AssertionError, match="the answers differ"):
        count_cases(seeded_tables("0", 4_000), lambda _: FaultyEngine(evaluate, forgets=True))


def test_a_difference_shows_the_command_that_repeats_it() -> None:
    """The failure shows a command that runs only the table with the fault."""
    with pytest.raises(AssertionError) as caught:
        play(seeded_table("0.3"), FaultyEngine(_count_of_page))
    (note,) = caught.value.__notes__
    assert "BUCKETQUERY_SEED=0.3 BUCKETQUERY_CASES=1 python -m pytest tests/properties/test_differential.py::" in note
