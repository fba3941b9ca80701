"""The entity filter of a feed: every change is judged by the fields of its result before and after."""

import pickle
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from bucketquery import BucketQuery, InfluencerQuery, InvalidQuery, RecordQuery, ResultsIndex
from bucketquery.testing import ExpectedChange, matching_changes
from support.helpers import JOB, STEP, bucket, limit_heads, record, resize
from support.living import Moment, Step, delete, delete_job, moments, perform, renormalize, upsert

#: The names of fields whose values a data field may have, by kind.
PAIRS: Mapping[str, tuple[str, ...]] = {"record": ("by", "over", "partition"), "influencer": ("influencer",)}
FIELDS: Mapping[str, tuple[str, ...]] = {
    "record": (
        *(f"{role}_field_{part}" for role in PAIRS["record"] for part in ("name", "value")),
        "function",
        "function_description",
        "field_name",
        "detector_index",
    ),
    "influencer": ("influencer_field_name", "influencer_field_value"),
}
DATA_FIELDS = ("host", "user", "nobody")


def influencer(row: int, **fields: Any) -> dict[str, Any]:
    """An influencer in the ``row``-th bucket."""
    return bucket(row, result_type="influencer", **fields)


def meets(document: Mapping[str, Any] | None, where: Mapping[str, Any]) -> bool:
    """Whether a document has in each field one of the values, by the rules of the chapter."""
    if document is None:
        return False
    kind = document["result_type"]
    for name, wanted in where.items():
        if name == "detector_index":
            held = [document.get(name) or 0]
        elif name in FIELDS[kind]:
            held = [document.get(name)]
        else:
            pairs = [(document.get(f"{role}_field_name"), document.get(f"{role}_field_value")) for role in PAIRS[kind]]
            held = [value for field, value in pairs if field == name and value is not None] or [None]
        if not any(value in wanted for value in held):
            return False
    return True


def expected(moment: Moment, query: Any, where: Mapping[str, Any]) -> list[ExpectedChange]:
    """The changes of a commit whose result meets a query and a filter, before or after."""
    found = []
    for change in matching_changes(moment.before, moment.stored, query, renormalised=moment.renormalised):
        name = change.kind, change.key
        was = change.effect in {"left", "stayed"} and meets(moment.before.get(name), where)
        stays = change.effect in {"entered", "stayed"} and meets(moment.stored.get(name), where)
        if was or stays:
            found.append(change._replace(effect="stayed" if was and stays else "left" if was else "entered"))
    return found


def drawn_document(rng: Random) -> dict[str, Any]:
    """A record or an influencer with a few of the texts that a filter may name."""
    row = rng.randrange(6)
    text = {"name": ("host", "user"), "value": ("a", "b", "")}
    kind = rng.choice(("record", "record", "influencer"))
    fields: dict[str, Any] = {
        f"{role}_field_{part}": rng.choice(text[part])
        for role in PAIRS[kind]
        for part in ("name", "value")
        if rng.random() < (0.25 if kind == "record" else 0.7)
    }
    score = {f"{kind}_score": rng.choice((10.0, 60.0, 80.0))}
    if rng.random() < 0.3:
        fields["is_interim"] = True
    if kind == "influencer":
        return influencer(row, **fields, **score)
    if rng.random() < 0.7:
        fields["function"] = rng.choice(("mean", "rare", "high_count"))
    if rng.random() < 0.3:
        fields |= {"function_description": rng.choice(("mean", "rare")), "field_name": rng.choice(("load", "bytes"))}
    return record(row, rng.choice((0, 0, 1)), **fields, **score)


def drawn_step(rng: Random, reached: Moment) -> Step:
    """A write of any kind."""
    way = rng.random()
    records = [document for (kind, _), document in reached.stored.items() if kind == "record"]
    if way < 0.15 and records:
        identity = ("timestamp", "bucket_span", "detector_index", *(f"{role}_field_value" for role in PAIRS["record"]))
        some = rng.sample(records, rng.randrange(len(records)) + 1)
        given = [
            {name: one.get(name) for name in identity} | {"record_score": rng.choice((20.0, 90.0))} for one in some
        ]
        return renormalize(JOB, records=given)
    if way < 0.3:
        first = rng.randrange(6)
        return delete(JOB, start=first * STEP, end=(first + rng.randrange(1, 3)) * STEP)
    if way < 0.35:
        return delete(JOB, interim_only=True)
    return upsert(*[drawn_document(rng) for _ in range(rng.choice((1, 1, 2, 5, 30)))])


def drawn_filter(rng: Random, kind: str) -> dict[str, list[Any]]:
    """A filter of one or two fields."""
    pool = ("host", "user", "a", "b", "", "mean", "rare", "high_count", "load", None, "nothing has it")
    names = rng.sample((*FIELDS[kind], *DATA_FIELDS, *DATA_FIELDS), rng.choice((1, 1, 2)))
    return {
        name: rng.sample((0, 1, 2, -1, 2**70), 2) if name == "detector_index" else rng.sample(pool, rng.randrange(4))
        for name in names
    }


@pytest.mark.repeats
@pytest.mark.parametrize("seed", range(8))
def test_a_filtered_feed_has_the_changes_of_a_plain_model(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After writes at random, every filter lets the changes pass whose result meets it before or after."""
    rng = Random(seed)
    resize(
        monkeypatch,
        head_rows=rng.choice((2, 8, 1024)),
        small_changes=rng.choice((1, 16, 1024)),
        small_changes_per_part=rng.choice((1, 4)),
        rows_one_by_one=rng.choice((0, 16)),
        small_job_rows=rng.choice((0, 1024)),
    )
    steps = [upsert(*[drawn_document(rng) for _ in range(20)])]
    for _ in range(25):
        steps.append(drawn_step(rng, moments(steps)[-1]))
    index = ResultsIndex()
    for step in steps:
        perform(index, step)
    reached = moments(steps)
    assert index.sequence == reached[-1].sequence
    found = 0
    for _ in range(50):
        kind = rng.choice(("record", "record", "influencer"))
        of: Any = RecordQuery if kind == "record" else InfluencerQuery
        query = of(
            jobs=JOB,
            start=rng.choice((None, STEP)),
            exclude_interim=rng.random() < 0.3,
            **{f"{kind}_score": rng.choice((0, 0, 50.0, 75.0))},
        )
        where, since = drawn_filter(rng, kind), rng.randrange(index.sequence + 1)
        wanted = [
            (moment.sequence, *change)
            for moment in reached
            if moment.sequence > since
            for change in expected(moment, query, where)
        ]
        changes = index.changes(query.replace(where=where), since=since)
        names = ("sequence", *ExpectedChange._fields)
        assert sorted(repr(tuple(getattr(change, name) for name in names)) for change in changes) == sorted(
            map(repr, wanted)
        ), where
        assert list(pickle.loads(pickle.dumps(changes))) == list(changes)
        found += len(changes)
    assert found > 40


def test_merged_parts_keep_both_descriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many single writes of records become one part, and the filter still knows what each one replaced."""
    resize(monkeypatch, small_changes=8, small_changes_per_part=1)
    index = ResultsIndex()
    for row in range(100):
        index.upsert([record(row // 2, function=("mean", "rare")[row % 2])])
    assert index._log is not None
    assert len(list(index._log.stored())) < 50
    found = index.changes(RecordQuery(jobs=JOB, where={"function": "mean"}), since=0)
    assert [(change.sequence, change.effect) for change in found] == [
        (row + 1, ("entered", "left")[row % 2]) for row in range(100)
    ]


def test_a_range_is_given_whatever_the_filter() -> None:
    """The log does not know whether the changes that it lacks meet the filter."""
    index = ResultsIndex(changes_kept=10)
    index.upsert([record(row, function=("mean", "rare")[row % 2]) for row in range(40)])
    for function, row in (("mean", 0), ("rare", 1)):
        changes = index.changes(RecordQuery(jobs=JOB, record_score=75, where={"function": function}), since=0)
        assert [change.key[1] for change in changes] in ([row * STEP], [])
        found = index.changes(RecordQuery(jobs=JOB, where={"function": function}), since=0)
        assert [each.count for each in found.ranges] == [40]
    assert [each.count for each in index.changes(RecordQuery(jobs=JOB, where={"function": "no"}), since=0).ranges] == [
        40
    ]


def test_the_changes_at_or_above_a_floor_keep_their_descriptions() -> None:
    """In place of too many changes the log keeps a range and some of them, and these can be filtered."""
    index = ResultsIndex(changes_kept=30)
    functions = ("mean", "rare")
    index.upsert([record(row, function=functions[row % 2], record_score=90.0 if row < 2 else 1.0) for row in range(40)])
    index.upsert([record(row, function="max", record_score=90.0 if row < 2 else 2.0) for row in range(40)])
    query = RecordQuery(jobs=JOB, record_score=75, where={"function": ["rare", "max"]})
    assert [(change.sequence, change.effect, change.key[1]) for change in index.changes(query, since=1)] == [
        (2, "entered", 0),
        (2, "stayed", STEP),
    ]


@pytest.mark.parametrize("since", [None, 0, 1, 2])
def test_the_changes_of_buckets_cannot_be_filtered(since: int | None) -> None:
    """For every `since` the error names the parameter; an empty filter is none."""
    index = ResultsIndex()
    index.upsert([bucket(0)])
    index.upsert([record(0, function="mean")])
    query = BucketQuery(jobs=JOB, where={"function": "mean"})
    for source in (index, index.snapshot()):
        with pytest.raises(InvalidQuery) as caught:
            source.changes(query, since=since)
        assert (caught.value.field, caught.value.value) == ("where", query.where)
        assert source.changes(query.replace(where={}), since=since).sequence == 2


def test_a_deleted_job_is_read_with_its_descriptions() -> None:
    """The changes of a deleted job can be filtered although the job is gone."""
    index = ResultsIndex()
    perform(index, upsert(record(0, function="mean"), record(1, function="rare")))
    perform(index, delete_job(JOB))
    found = index.changes(RecordQuery(jobs=JOB, where={"function": "rare"}), since=1)
    assert [(change.effect, change.key[1]) for change in found] == [("left", STEP)]


def test_a_compacted_table_says_what_was_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old side of a change is right before and after head and base become one segment."""
    limit_heads(monkeypatch, 2)
    index = ResultsIndex()
    index.upsert([record(row, function="mean") for row in range(40)])
    index.upsert([record(row, function="rare", is_interim=True) for row in range(2)])
    index.upsert([record(row, function="count", is_interim=True) for row in range(2, 6)])
    assert not index.snapshot()._catalog.known(JOB, "job_id").tables["record"].head.length
    index.upsert([record(row, function="max") for row in range(7)])
    found = {
        function: [
            (change.sequence, change.key[1] // STEP)
            for change in index.changes(RecordQuery(jobs=JOB, where={"function": function}), since=1).left
        ]
        for function in ("mean", "rare", "count")
    }
    assert found == {
        "mean": [*((2, row) for row in range(2)), *((3, row) for row in range(2, 6)), (4, 6)],
        "rare": [(4, 0), (4, 1)],
        "count": [(4, row) for row in range(2, 6)],
    }
