"""The instants of events after writes of every kind: the index answers as a dict of identities does."""

import json
import pickle
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

import numpy as np
import pytest

from bucketquery import BucketQuery, InfluencerQuery, Kind, RecordQuery, ResultsIndex
from bucketquery.answers.page import Page
from bucketquery.model.schema import SCHEMAS
from support.helpers import ask_together, lead_by_value, resize

#: Few instants, so that many results share one. 0 is an instant like any other.
INSTANTS: Final = (None, None, -86_400_000, -1, 0, 1, 7, 253_402_300_799_999)
QUERIES: Final = {"bucket": BucketQuery, "record": RecordQuery, "influencer": InfluencerQuery}
JOBS: Final = ("a", "b", "c")
_KEY = tuple[Any, ...]


def drawn(rng: Random, kind: Kind, job_id: str, row: int) -> dict[str, Any]:
    """A result of a kind, final or interim, with or without an instant."""
    instant = rng.choice(INSTANTS)
    document: dict[str, Any] = {"result_type": kind, "job_id": job_id, "timestamp": row * 60_000, "bucket_span": 60}
    if rng.random() < 0.3:
        document["is_interim"] = rng.random() < 0.7
    if instant is not None or rng.random() < 0.2:
        document["event"] = {"ingested": instant, "created": row}
    elif rng.random() < 0.2:
        document["event"] = None
    return document


def instant_of(document: Mapping[str, Any]) -> int | None:
    """The instant of a document."""
    found: int | None = (document.get("event") or {}).get("ingested")
    return found


def key_of(document: Mapping[str, Any]) -> _KEY:
    """The job and the timestamp of a document; the other keys of its identity are the same in all documents."""
    return document["job_id"], document["timestamp"]


def write(rng: Random, index: ResultsIndex, kind: Kind, documents: list[dict[str, Any]]) -> Any:
    """Write documents of one job or several, as documents or as columns; return the commit."""
    if rng.random() < 0.3:
        names = ("job_id", "timestamp", "bucket_span", "is_interim")
        columns: dict[str, Any] = {name: [document.get(name) for document in documents] for name in names}
        instants = [instant_of(document) for document in documents]
        masked = np.ma.array(
            [instant or 0 for instant in instants], mask=[instant is None for instant in instants], dtype=np.int64
        )
        columns["event.ingested"] = rng.choice((instants, masked, np.ma.asarray(masked).astype("datetime64[ms]")))
        return index.upsert_columns(columns, kind=kind)
    return index.upsert(rng.choice((documents, tuple(documents), iter(documents))), kind=rng.choice((None, kind)))


def histories(rng: Random, index: ResultsIndex, kind: Kind) -> Iterator[dict[_KEY, int | None]]:
    """The instants of all stored results, after each of some writes. The counts of each commit are checked."""
    model: dict[_KEY, int | None] = {}
    interim: dict[_KEY, bool | None] = {}
    ends = dict.fromkeys(JOBS, 0)
    for _ in range(8):
        documents = []
        for _ in range(rng.choice((1, 1, 2, 5, 20, 40))):
            job_id = rng.choice(JOBS[: rng.choice((1, 3))])
            # Most results are behind all others, the rest are late or replace one.
            row = ends[job_id] if rng.random() < 0.6 else rng.randrange(ends[job_id] + 1)
            ends[job_id] = max(ends[job_id], row + 1)
            documents.append(drawn(rng, kind, job_id, row))
        if rng.random() < 0.3 and model:
            # Write many results again, which differ in the instant only.
            documents = [
                {
                    "result_type": kind,
                    "job_id": job_id,
                    "timestamp": timestamp,
                    "bucket_span": 60,
                    "is_interim": interim[job_id, timestamp],
                    "event": {"ingested": rng.choice(INSTANTS[1:]) if rng.random() < 0.8 else instant},
                }
                for (job_id, timestamp), instant in model.items()
            ]
        last = {key_of(document): document for document in documents}
        commit = write(rng, index, kind, documents)
        stored = {key: (instant_of(document), document.get("is_interim")) for key, document in last.items()}
        known = [key for key in stored if key in model]
        unchanged = sum(stored[key] == (model[key], interim[key]) for key in known)
        assert (commit.inserted, commit.replaced, commit.unchanged) == (
            len(stored) - len(known),
            len(known) - unchanged,
            unchanged,
        )
        model |= {key: instant for key, (instant, _) in stored.items()}
        interim |= {key: is_interim for key, (_, is_interim) in stored.items()}
        yield model


def in_order(model: Mapping[_KEY, int | None], jobs: tuple[str, ...], *, desc: bool) -> list[_KEY]:
    """The keys of some jobs in the order of their instants: missing last, then by time, then by job."""
    keys = sorted((key for key in model if key[0] in jobs), key=lambda key: (key[1], key[0]), reverse=desc)
    having = [key for key in keys if model[key] is not None]
    having.sort(key=lambda key: model[key] or 0, reverse=desc)
    return having + [key for key in keys if model[key] is None]


def assert_shown(page: Page[Any], model: Mapping[_KEY, int | None], expected: list[_KEY]) -> None:
    """Assert that a page has the expected results, and shows the instant of each in every way."""
    assert [(key[0], key[1]) for key in page.keys()] == expected  # noqa: SIM118 - a page is not a mapping
    instants = [model[key] for key in expected]
    assert [value.event_ingested for value in page] == instants
    assert all(type(value.event_ingested) in (int, type(None)) for value in page)
    column = page.column("event.ingested")
    assert column.dtype == np.float64
    assert [None if np.isnan(instant) else int(instant) for instant in column.tolist()] == instants
    (bodies,) = [value for value in page.to_dict().values() if isinstance(value, list)]
    events = [{} if instant is None else {"event": {"ingested": instant}} for instant in instants]
    assert [{name: body[name] for name in body if name == "event"} for body in bodies] == events
    assert all([*body][-1] == "event" for body, event in zip(bodies, events, strict=True) if event)
    assert repr([value.to_dict() for value in page]) == repr(bodies)
    assert repr(json.loads(page.to_json())) == repr(page.to_dict())
    (people,) = [value for value in page.to_dict(human=True).values() if isinstance(value, list)]
    for body, instant in zip(people, instants, strict=True):
        if instant is not None:
            text = str(np.datetime64(instant, "ms")) + "Z"
            assert [*body["event"].items()] == [("ingested_string", text), ("ingested", instant)]


@pytest.mark.parametrize("kind", QUERIES)
@pytest.mark.parametrize("seed", range(4))
def test_instants_are_those_of_the_last_documents(kind: Kind, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is written, pages show the newest instants, and sort by them; commits count changed instants."""
    rng = Random(f"{kind} {seed}")
    if seed % 3:
        # Heads of a few rows are compacted often, and more rows than three are stored in arrays.
        resize(monkeypatch, head_rows=5, base_rows_per_head_row=40, packed_rows=3, rows_per_copy=2)
    if seed % 2:
        lead_by_value(monkeypatch)
    index = ask_together(ResultsIndex())
    query = QUERIES[kind]
    older: list[tuple[Page[Any], dict[_KEY, int | None], list[_KEY]]] = []
    for model in histories(rng, index, kind):
        index.check()
        for desc in (False, True):
            for jobs in (JOBS[:1], JOBS):
                known = tuple(job_id for job_id in jobs if job_id in index)
                if not known:
                    continue
                expected = in_order(model, known, desc=desc)
                first = rng.randrange(len(expected) + 1)
                for from_, size in ((0, 10_000), (first, 7)):
                    asked = query(jobs=known, sort="event.ingested", desc=desc, from_=from_, size=size)
                    page: Page[Any] = index.search(asked)
                    assert page.count == len(expected)
                    assert_shown(page, model, expected[from_ : from_ + size])
                    assert_shown(pickle.loads(pickle.dumps(page)), model, expected[from_ : from_ + size])
                scanned = index.scan(query(jobs=known, sort="event.ingested", desc=desc))
                assert [(value.job_id, value.timestamp) for value in scanned] == expected
            in_time = index.search(query(jobs=JOBS[:1], sort="timestamp", desc=desc, size=30)) if "a" in index else None
            if in_time is not None:
                keys = sorted((key for key in model if key[0] == "a"), reverse=desc)[:30]
                assert_shown(in_time, model, keys)
                older.append((in_time, dict(model), keys))
    for page, model, keys in older:
        assert_shown(page, model, keys)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_instants_are_stored_without_documents(kind: Kind) -> None:
    """An index that keeps no documents sorts by the instant, and shows it with the documents of its host."""
    rng = Random(kind)
    index = ResultsIndex(keep_documents=False)
    for model in histories(rng, index, kind):
        expected = in_order(model, JOBS, desc=True)
        page: Page[Any] = index.search(QUERIES[kind](jobs=index.jobs(), sort="event.ingested", desc=True, size=10_000))
        column = page.column("event.ingested").tolist()
        assert [None if np.isnan(instant) else int(instant) for instant in column] == [model[key] for key in expected]
        given = [
            {"job_id": job_id, "timestamp": timestamp, "bucket_span": 60, "event": {"ingested": 5}}
            for job_id, timestamp in expected
        ]
        (bodies,) = [value for value in page.to_dict(documents=given).values() if isinstance(value, list)]
        assert [body.get("event", {}).get("ingested") for body in bodies] == [model[key] for key in expected]


def test_a_job_without_instants_takes_no_memory_for_them() -> None:
    """An event without an instant is not stored. A result with one takes 16 bytes more."""
    lean, full, empty = ResultsIndex(), ResultsIndex(), ResultsIndex()
    n = 20_000
    columns: dict[str, Any] = {"timestamp": np.arange(n), "bucket_span": 60}
    lean.upsert_columns(columns, job_id="web")
    full.upsert_columns({**columns, "event.ingested": np.arange(n)}, job_id="web")
    empty.upsert_columns({**columns, "event.ingested": [None] * n}, job_id="web")
    assert full.stats()["bytes"] - lean.stats()["bytes"] == 16 * n
    assert empty.stats()["bytes"] == lean.stats()["bytes"]
