"""The REST door: records, influencers, buckets with their records, and how clients ask for them."""

import numpy as np
import pytest

from support.request_tables import (
    FIRST,
    FOURTH,
    ILLEGAL,
    JOBS,
    KINDS,
    SCORES,
    SECOND,
    WEB,
    Rejected,
    Replied,
    Request,
    assert_failure,
    assert_rejected,
    assert_replied,
    get,
    illegal,
    post,
    replies,
    says,
    unparsed,
    unrecognized,
)
from support.semantics_tables import HOUR_S, JOB, bucket, each_row, index_of


def test_expanding_adds_records() -> None:
    """``expand`` puts the records of a bucket that has influencers into it, and leaves the count."""
    for _, reply in replies(WEB.values(), get("buckets?expand")):
        held = {
            shown["timestamp"]: [one["record_score"] for one in shown.get("records", ())]
            for shown in reply.body["buckets"]
        }
        assert held == {FIRST: [], SECOND: [90.0], SECOND + HOUR_S * 1_000: [], FOURTH: []}
        assert reply.body["count"] == 4


def test_expanding_without_interim_leaves_their_records_out() -> None:
    """In a lookup an interim bucket is shown in spite of ``exclude_interim``, and its interim records are not."""
    for _, reply in replies(WEB.values(), get(f"buckets/{SECOND}?expand&exclude_interim")):
        assert [list(shown).count("records") for shown in reply.body["buckets"]] == [0]


def test_expanding_too_much_is_refused_unwrapped() -> None:
    """More than 100,000 records on one page are refused, and not as a failure of shards."""
    index = index_of([bucket(hour * HOUR_S * 1_000, bucket_influencers=[{}]) for hour in range(11)])
    hour, detector = np.divmod(np.arange(11 * 9_091), 9_091)
    columns = {"timestamp": hour * HOUR_S * 1_000, "bucket_span": HOUR_S, "detector_index": detector}
    index.upsert_columns(columns, job_id=JOB, kind="record")
    assert_failure(get("buckets?expand=true").put_to(index), illegal("...[expand]...100000..."))
    assert_failure(post("buckets", {"expand": True}).put_to(index), illegal("...[expand]...100000..."))
    assert get("buckets?expand=true&size=10").put_to(index).status == 200


@pytest.mark.parametrize("kind", KINDS)
def test_index_without_documents_is_refused_unwrapped(kind: str) -> None:
    """What an index keeps no documents of it cannot show; that is a 400 of its own."""
    reply = get(kind).put_to(index_of(WEB.values(), keep_documents=False))
    assert (reply.status, reply.body["error"]["type"]) == (400, ILLEGAL)
    assert "failed_shards" not in reply.body["error"]
    assert says(reply.body["error"]["reason"], "...documents...")


# ---- records and influencers

TOP = {"records": "r", "influencers": "i"}
SIBLINGS = [
    Replied(
        "15.1",
        f"{kind}: {claim}",
        WEB,
        asked(kind),
        " ".join(TOP[kind] + hour for hour in expected),
        "the page",
        count=count,
    )
    for kind in TOP
    for claim, asked, expected, count in (
        ("highest first", get, "130", None),
        ("desc is true where not said", lambda kind: get(f"{kind}?sort=timestamp"), "310", None),
        ("desc=false", lambda kind: get(f"{kind}?desc=false"), "031", None),
        ("by time", lambda kind: get(f"{kind}?sort=timestamp&desc=false"), "013", None),
        ("start", lambda kind: get(f"{kind}?start={SECOND}"), "13", None),
        ("end", lambda kind: get(f"{kind}?end={FOURTH}"), "10", None),
        ("-1 is unset", lambda kind: get(f"{kind}?start=-1&end=-1"), "130", None),
        ("a threshold", lambda kind: get(f"{kind}?{SCORES[kind]}=50.0"), "13", None),
        ("a threshold of 0", lambda kind: get(f"{kind}?{SCORES[kind]}=0"), "130", None),
        ("exclude_interim", lambda kind: get(f"{kind}?exclude_interim=true"), "30", None),
        ("exclude_interim, bare", lambda kind: get(f"{kind}?exclude_interim"), "30", None),
        ("from and size", lambda kind: get(f"{kind}?from=1&size=1"), "3", 3),
        ("size 0", lambda kind: get(f"{kind}?size=0"), "", 3),
        ("nothing is no error", lambda kind: get(f"{kind}?start=2021"), "", None),
        ("an empty body", lambda kind: post(kind, {}), "130", None),
        ("a body with a window", lambda kind: post(kind, {"start": str(SECOND), "end": FOURTH}), "1", None),
        ("a body with a threshold", lambda kind: post(kind, {SCORES[kind]: "50"}), "13", None),
        ("a body with an order", lambda kind: post(kind, {"sort": "timestamp", "desc": "false"}), "013", None),
        ("a body without interim", lambda kind: post(kind, {"exclude_interim": True}), "30", None),
        ("a body with a page", lambda kind: post(kind, {"page": {"from": 1, "size": 1}}), "3", 3),
    )
]
NOT_OF_SIBLINGS = [
    Rejected("15.1", claim, WEB, asked, expected, "the page")
    for claim, asked, expected in (
        ("records: no anomaly_score", get("records?anomaly_score=1"), unrecognized("records", "[anomaly_score]...")),
        (
            "influencers: no record_score",
            get("influencers?record_score=1"),
            unrecognized("influencers", "[record_score]..."),
        ),
        ("records: no expand", get("records?expand=true"), unrecognized("records", "expand")),
        ("influencers: no expand", get("influencers?expand"), unrecognized("influencers", "expand")),
        (
            "records: no expand in a body",
            post("records", {"expand": True}),
            unparsed("unknown field [expand]", "records"),
        ),
        (
            "records: no timestamp in a body",
            post("records", {"timestamp": "0"}),
            unparsed("unknown field [timestamp]...", "records"),
        ),
        (
            "influencers: no timestamp in a body",
            post("influencers", {"timestamp": "0"}),
            unparsed("unknown field [timestamp]...", "influencers"),
        ),
        (
            "records: no anomaly_score in a body",
            post("records", {"anomaly_score": 1}),
            unparsed("unknown field [anomaly_score]...", "records"),
        ),
        (
            "influencers: no record_score in a body",
            post("influencers", {"record_score": 1}),
            unparsed("unknown field [record_score]...", "influencers"),
        ),
        ("buckets: no record_score", get("buckets?record_score=1"), unrecognized("buckets", "[record_score]...")),
        (
            "buckets: no record_score in a body",
            post("buckets", {"record_score": 1}),
            unparsed("unknown field [record_score]..."),
        ),
    )
]


@each_row(SIBLINGS)
def test_siblings_are_asked_like_buckets(row: Replied) -> None:
    """Records and influencers take window, threshold, interim, order and page as buckets do, highest score first."""
    assert_replied(row)


@each_row(NOT_OF_SIBLINGS)
def test_each_kind_has_its_own_parameters(row: Rejected) -> None:
    """The threshold has each kind's own name, and lookup and expansion are for buckets."""
    assert_rejected(row)


# ---- how clients call it

MIXED = (("from=0&size=5", ("from", "size")), ("size=5", ("size",)), ("from=1", ("from",)))
CLIENTS = [
    Replied(
        "16.1",
        "nothing but the job",
        WEB,
        Request("POST", f"{JOBS}/web/results/buckets", {}),
        "h0 h1 h2 h3",
        "the page",
    ),
    Replied(
        "16.1",
        "from and size alone",
        WEB,
        Request("POST", f"{JOBS}/web/results/buckets?from=1&size=2"),
        "h1 h2",
        "the page",
        count=4,
    ),
    Replied(
        "16.1",
        "page and the rest in a body",
        WEB,
        post("buckets", {"desc": True, "exclude_interim": True, "page": {"from": 0, "size": 2}}),
        "h3 h2",
        "the page",
        count=3,
    ),
    Replied(
        "16.1", "numbers as start and end", WEB, post("buckets", {"end": FOURTH, "start": SECOND}), "h1 h2", "ours"
    ),
    Replied(
        "16.1",
        "a timestamp in the path",
        WEB,
        Request("POST", f"{JOBS}/web/results/buckets/{SECOND}", {}),
        "h1",
        "the page",
    ),
    Replied(
        "16.1",
        "influencers: all but the page in the query",
        WEB,
        get(f"influencers?desc=false&end={FOURTH}&influencer_score=1&sort=timestamp"),
        "i0 i1",
        "the page",
    ),
    Replied(
        "16.1",
        "influencers: the page in a body",
        WEB,
        post("influencers", {"page": {"size": 1}}),
        "i1",
        "the page",
        count=3,
    ),
    Replied(
        "16.2",
        "Kibana's chart",
        WEB,
        post("buckets", {"desc": True, "start": str(FIRST), "end": str(FOURTH), "page": {"from": 0, "size": 1000}}),
        "h2 h1 h0",
        "ours: as read there",
    ),
    Replied(
        "16.2",
        "Kibana's number",
        WEB,
        post("buckets", {"anomaly_score": 75, "start": str(FIRST), "end": str(FOURTH + 1)}),
        "h1 h3",
        "ours: as read there",
    ),
    Replied(
        "16.3",
        "everything in one body",
        WEB,
        post(
            "buckets",
            {
                "anomaly_score": 75.0,
                "start": str(FIRST),
                "end": str(FOURTH + 1),
                "exclude_interim": False,
                "expand": False,
                "sort": "anomaly_score",
                "desc": True,
                "page": {"from": 0, "size": 1},
            },
        ),
        "h1",
        "HLRC",
        count=2,
    ),
    Replied(
        "16.3",
        "records in one body",
        WEB,
        post("records", {"record_score": 0.0, "sort": "timestamp", "desc": False, "page": {"from": 0, "size": 1}}),
        "r0",
        "ours: as read there",
        count=3,
    ),
]
CLIENTS_MISTAKES = [
    Rejected(
        "16.1",
        f"{query} beside a body",
        WEB,
        post(f"buckets?{query}", {"start": "0"}),
        unrecognized("buckets", *rest),
        "BASE",
    )
    for query, rest in MIXED
] + [
    Rejected(
        "16.1",
        "influencers: a score beside a page",
        WEB,
        post("influencers?influencer_score=1", {"page": {"size": 1}}),
        unrecognized("influencers", "influencer_score"),
        "BASE",
    ),
]


@each_row(CLIENTS)
def test_client_is_answered(row: Replied) -> None:
    """Requests as clients make them are answered."""
    assert_replied(row)


@each_row(CLIENTS_MISTAKES)
def test_clients_mistake_is_told(row: Rejected) -> None:
    """What the client lets its callers mix, and the server does not, is refused as there."""
    assert_rejected(row)
