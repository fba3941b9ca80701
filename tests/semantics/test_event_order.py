"""Our decision on `event`: the order by `event.ingested` in each kind, both directions, over one job and several."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bucketquery import Kind
from bucketquery.elastic import handle
from support.document_tables import FIRST_MS, LAST_MS, SIZES, batch_of, page_without_others
from support.semantics_tables import (
    CALLS,
    JOB,
    LISTS,
    QUERIES,
    Answered,
    Documents,
    Refused,
    assert_answered,
    assert_refused,
    bucket,
    each_row,
    index_of,
    influencer,
    names_of_keys,
    no_mapping,
    of_every_kind,
    record,
    result,
)

RULE = "20.event"
HOUR = 3_600_000


def at_instants(**instants: int | None) -> Documents:
    """Buckets an hour apart with these instants of `event`; None leaves it out."""
    return {
        name: bucket(hour * HOUR, **({} if instant is None else {"event": {"ingested": instant}}))
        for hour, (name, instant) in enumerate(instants.items())
    }


#: In time order a to f; `b` and `e` are as old as each other, `c` and `f` have no instant.
SIX = at_instants(a=50, b=20, c=None, d=-7, e=20, f=None)
NONE = at_instants(a=None, b=None, c=None)
EXTREMES = at_instants(
    a=LAST_MS, b=FIRST_MS, c=0, d=LAST_MS - 1, e=-1, f=FIRST_MS + 1, g=None, h=1_767_225_600_001, i=1_767_225_600_000
)

IN_TIME = [
    Answered(rule, f"event.ingested{', desc' * desc}", SIX, {"sort": "event.ingested", "desc": desc}, found, source)
    for rule, source in ((RULE, "5.4"), ("5.4", "FSB: missing last"))
    for desc, found in ((False, "d b e a c f"), (True, "a e b d f c"))
] + [
    Answered(RULE, "no result has it", NONE, {"sort": "event.ingested"}, "a b c", "5.4: the next keys decide"),
    Answered(RULE, "no result has it, desc", NONE, {"sort": "event.ingested", "desc": True}, "c b a", "5.4"),
    Answered(RULE, "the years", EXTREMES, {"sort": "event.ingested"}, "b f e c i h d a g", "ours: exact"),
    Answered(RULE, "the years, desc", EXTREMES, {"sort": "event.ingested", "desc": True}, "a d h i c e f b g", "ours"),
    Answered(
        RULE, "a page", SIX, {"sort": "event.ingested", "from_": 1, "size": 2}, "b e", "7: the count is exact", count=6
    ),
    Answered(
        RULE, "a page of missing ones", SIX, {"sort": "event.ingested", "from_": 4, "size": 5}, "c f", "5.4", count=6
    ),
    Answered(
        RULE,
        "in a window",
        SIX,
        {"sort": "event.ingested", "desc": True, "start": HOUR, "end": 5 * HOUR},
        "e b d c",
        "1.1",
    ),
    Answered(
        "5.5",
        "event.ingested",
        {"a": SIX["a"], "d": SIX["d"]},
        {"sort": "event.ingested"},
        "d a",
        "MAP",
        only="get_buckets",
    ),
]
#: Records break ties by their score first, influencers by time; every key in one direction.
TIES = [
    Answered(
        RULE,
        f"ties of records{', desc' * desc}",
        {
            "a": record(0, record_score=5.0, event={"ingested": 1}),
            "b": record(HOUR, record_score=3.0, event={"ingested": 1}),
            "c": record(2 * HOUR, record_score=4.0),
            "d": record(3 * HOUR, record_score=2.0),
            "e": record(4 * HOUR, event={"ingested": 1}),
        },
        {"sort": "event.ingested", "desc": desc},
        "a b e c d" if desc else "b a e d c",
        "15.2: the score breaks ties",
        of="record",
    )
    for desc in (False, True)
] + [
    Answered(
        RULE,
        f"ties of influencers{', desc' * desc}",
        {
            "a": influencer(HOUR, "a", influencer_score=5.0, event={"ingested": 1}),
            "b": influencer(0, "b", influencer_score=3.0, event={"ingested": 1}),
            "c": influencer(0, "a", influencer_score=9.0, event={"ingested": 1}),
        },
        {"sort": "event.ingested", "desc": desc},
        "a b c" if desc else "c b a",
        "20.order-of-influencers: time, then the value",
        of="influencer",
    )
    for desc in (False, True)
]
#: What makes a result of each kind at an instant.
MAKERS: Mapping[Kind, Callable[..., dict[str, Any]]] = {
    "bucket": bucket,
    "record": record,
    "influencer": lambda when, **fields: influencer(when, "a", **fields),
}
#: A key of this name that is no instant is missing in the order.
NO_INSTANT = [
    Answered(
        RULE,
        f"{kind}: keys of this name that are no instants",
        {
            "a": make(0, event={"ingested": 9}),
            "b": make(HOUR, event=["login"]),
            "c": make(2 * HOUR, **{"event.ingested": 1}),
            "d": make(3 * HOUR, event={"ingested": 5}),
        },
        {"sort": "event.ingested", "desc": False},
        "d a b c",
        "5.4: missing",
        of=kind,
    )
    for kind, make in MAKERS.items()
    if kind != "bucket"
]
OF_EVERY_KIND = of_every_kind(IN_TIME)
SORTABLE = [
    Answered(
        "20.sortable-fields",
        f"event.ingested of a {kind}",
        {"a": make(0, event={"ingested": 5}), "b": make(HOUR, event={"ingested": 1}), "c": make(2 * HOUR)},
        {"sort": "event.ingested", "desc": False},
        "b a c",
        "MAP",
        of=kind,
    )
    for kind, make in MAKERS.items()
]
LOOKUPS = [
    Answered(
        RULE,
        f"a lookup{', desc' * desc}",
        {
            "a": bucket(0, bucket_span=60, event={"ingested": 9}),
            "b": bucket(0, bucket_span=300, event={"ingested": 5}),
            "c": bucket(0),
        },
        {"timestamp": 0, "sort": "event.ingested", "desc": desc},
        "a" if desc else "b",
        "2.7: the first in the order asked for",
        count=3,
    )
    for desc in (False, True)
]


@each_row([row for row in OF_EVERY_KIND if row.rule == RULE or row.of == "bucket"], TIES, NO_INSTANT, SORTABLE, LOOKUPS)
def test_results_are_sorted_by_their_instant(row: Answered) -> None:
    """Sorting by `event.ingested` gives the results of the row in its order; missing values are last."""
    assert_answered(row)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", CALLS)
def test_order_of_large_batches(kind: Kind, size: int) -> None:
    """20.event: the order is the same in batches of every size, with and without documents."""
    instants = (50, 20, None, -7, 20, None)
    given: dict[str, Any] = {
        name: result(kind, hour, **({} if instant is None else {"event": {"ingested": instant}}))
        for hour, (name, instant) in enumerate(zip("abcdef", instants, strict=True))
    }
    for keep in (True, False):
        index = index_of(batch_of(size, given.values(), kind)[0], keep_documents=keep)
        for desc, expected in ((False, "dbeacf"), (True, "aebdfc")):
            page = page_without_others(index, kind, sort="event.ingested", desc=desc)
            assert names_of_keys(given, page.keys()) == [*expected]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", CALLS)
def test_order_of_a_whole_large_batch(kind: Kind, size: int) -> None:
    """20.event: a page of all results has the order of a sort by instant, then by time; missing ones are last."""
    instants = [None if row % 3 == 0 else (row * 7_919) % 501 for row in range(size)]
    given = [
        result(kind, row, **({} if instant is None else {"event": {"ingested": instant}}))
        for row, instant in enumerate(instants)
    ]
    index = index_of(given)
    found = [row for row in range(size) if instants[row] is not None]
    missing = [row for row in range(size) if instants[row] is None]
    for desc in (False, True):
        expected = sorted(found, key=lambda row: (instants[row], row), reverse=desc) + missing[:: -1 if desc else 1]
        page = getattr(index, CALLS[kind])(job_id=JOB, sort="event.ingested", desc=desc, size=size)
        assert page.column("timestamp").tolist() == expected
        some = getattr(index, CALLS[kind])(job_id=JOB, sort="event.ingested", desc=desc, from_=size // 3, size=5)
        assert some.column("timestamp").tolist() == expected[size // 3 :][:5]


@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize("kind", CALLS)
def test_order_over_several_jobs(kind: Kind, desc: bool) -> None:
    """20.many-jobs: several jobs are sorted as if all results lay in one table, with the job as the last key."""
    instants: Mapping[str, tuple[int | None, ...]] = {"web": (5, None, 9), "app": (5, 7, None), "db": (None, 5, 9)}
    given = [
        result(kind, time, job_id=job, **({} if instant is None else {"event": {"ingested": instant}}))
        for job, times in instants.items()
        for time, instant in enumerate(times)
    ]
    index = index_of(given)
    ascending = [("app", 0), ("web", 0), ("db", 1), ("app", 1), ("db", 2), ("web", 2)]
    missing = [("db", 0), ("web", 1), ("app", 2)]
    expected = ascending[::-1] + missing[::-1] if desc else ascending + missing
    query = QUERIES[kind](jobs=[*instants], sort="event.ingested", desc=desc)
    keys = index.search(query).keys()
    assert [key[:2] for key in keys] == expected
    assert [(found.job_id, found.timestamp) for found in index.scan(query)] == expected
    keys = index.search(query.replace(from_=4, size=3)).keys()
    assert [key[:2] for key in keys] == expected[4:7]


@pytest.mark.parametrize("kind", CALLS)
def test_requests_sort_by_the_instant(kind: Kind) -> None:
    """20.event: the REST door takes the sort field, in a URL and in a body."""
    given = [result(kind, time, event={"ingested": 9 - time}) for time in range(3)]
    index = index_of(given)
    where = f"/_ml/anomaly_detectors/{JOB}/results/{LISTS[kind]}"
    replies = [
        handle(index, "GET", f"{where}?sort=event.ingested&desc=true"),
        handle(index, "POST", where, None, {"sort": "event.ingested", "desc": True}),
    ]
    for reply in replies:
        assert reply.status == 200
        assert [found["event"]["ingested"] for found in reply.body[LISTS[kind]]] == [9, 8, 7]


NO_FIELDS = [
    Refused("5.6", f"sort by {name}", SIX, {"sort": name}, no_mapping(name), "FSB: an object, or no mapping")
    for name in ("event", "event.", "event.created", "event_ingested", "ingested", "event.ingested.x")
]


@each_row(of_every_kind(NO_FIELDS))
def test_other_names_do_not_sort(row: Refused) -> None:
    """Only `event.ingested` is a sort field."""
    assert_refused(row)


def test_new_writes_change_the_order() -> None:
    """20.event: after a second write of a result, the order is that of its new instant; an older snapshot stays."""
    index = index_of([result("bucket", time, event={"ingested": time}) for time in range(3)])
    before = index.snapshot()
    assert page_without_others(index, "bucket", sort="event.ingested").column("timestamp").tolist() == [0, 1, 2]
    index.upsert([result("bucket", 0, event={"ingested": 9}), result("bucket", 1)])
    assert page_without_others(index, "bucket", sort="event.ingested").column("timestamp").tolist() == [2, 0, 1]
    assert before.get_buckets(job_id=JOB, sort="event.ingested").column("timestamp").tolist() == [0, 1, 2]
