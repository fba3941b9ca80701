"""The REST door: records, influencers, buckets with their records, and the requests of clients."""

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


def test_expand_adds_records() -> None:
    """``expand`` adds the records of a bucket with influencers, and does not change the count."""
    for _, reply in replies(WEB.values(), get("buckets?expand")):
        held = {
            shown["timestamp"]: [one["record_score"] for one in shown.get("records", ())]
            for shown in reply.body["buckets"]
        }
        assert held == {FIRST: [], SECOND: [90.0], SECOND + HOUR_S * 1_000: [], FOURTH: []}
        assert reply.body["count"] == 4


def test_expand_with_exclude_interim_excludes_interim_records() -> None:
    """A lookup with ``exclude_interim`` shows an interim bucket without its interim records."""
    for _, reply in replies(WEB.values(), get(f"buckets/{SECOND}?expand&exclude_interim")):
        assert [list(shown).count("records") for shown in reply.body["buckets"]] == [0]


def test_expand_of_too_many_records_is_refused_unwrapped() -> None:
    """More than 100,000 records on one page are refused, and the error is not wrapped as a failure of shards."""
    index = index_of([bucket(hour * HOUR_S * 1_000, bucket_influencers=[{}]) for hour in range(11)])
    hour, detector = np.divmod(np.arange(11 * 9_091), 9_091)
    columns = {"timestamp": hour * HOUR_S * 1_000, "bucket_span": HOUR_S, "detector_index": detector}
    index.upsert_columns(columns, job_id=JOB, kind="record")
    assert_failure(get("buckets?expand=true").put_to(index), illegal("...[expand]...100000..."))
    assert_failure(post("buckets", {"expand": True}).put_to(index), illegal("...[expand]...100000..."))
    assert get("buckets?expand=true&size=10").put_to(index).status == 200


@pytest.mark.parametrize("kind", KINDS)
def test_index_without_documents_is_refused_unwrapped(kind: str) -> None:
    """An index that stores no documents cannot show results. The reply is a 400 that is not wrapped."""
    reply = get(kind).put_to(index_of(WEB.values(), keep_documents=False))
    assert (reply.status, reply.body["error"]["type"]) == (400, ILLEGAL)
    assert "failed_shards" not in reply.body["error"]
    assert says(reply.body["error"]["reason"], "...documents...")


# ---- records and influencers

TOP = {"records": "r", "influencers": "i"}
RECORDS_AND_INFLUENCERS = [
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
        ("desc is true by default", lambda kind: get(f"{kind}?sort=timestamp"), "310", None),
        ("desc=false", lambda kind: get(f"{kind}?desc=false"), "031", None),
        ("by time", lambda kind: get(f"{kind}?sort=timestamp&desc=false"), "013", None),
        ("start", lambda kind: get(f"{kind}?start={SECOND}"), "13", None),
        ("end", lambda kind: get(f"{kind}?end={FOURTH}"), "10", None),
        ("-1 is unset", lambda kind: get(f"{kind}?start=-1&end=-1"), "130", None),
        ("a threshold", lambda kind: get(f"{kind}?{SCORES[kind]}=50.0"), "13", None),
        ("a threshold of 0", lambda kind: get(f"{kind}?{SCORES[kind]}=0"), "130", None),
        ("exclude_interim", lambda kind: get(f"{kind}?exclude_interim=true"), "30", None),
        ("exclude_interim without a value", lambda kind: get(f"{kind}?exclude_interim"), "30", None),
        ("from and size", lambda kind: get(f"{kind}?from=1&size=1"), "3", 3),
        ("size 0", lambda kind: get(f"{kind}?size=0"), "", 3),
        ("no match is no error", lambda kind: get(f"{kind}?start=2021"), "", None),
        ("an empty body", lambda kind: post(kind, {}), "130", None),
        ("a body with a window", lambda kind: post(kind, {"start": str(SECOND), "end": FOURTH}), "1", None),
        ("a body with a threshold", lambda kind: post(kind, {SCORES[kind]: "50"}), "13", None),
        ("a body with an order", lambda kind: post(kind, {"sort": "timestamp", "desc": "false"}), "013", None),
        ("a body without interim", lambda kind: post(kind, {"exclude_interim": True}), "30", None),
        ("a body with a page", lambda kind: post(kind, {"page": {"from": 1, "size": 1}}), "3", 3),
    )
]
OTHER_KINDS_PARAMETERS = [
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


@each_row(RECORDS_AND_INFLUENCERS)
def test_records_and_influencers_are_queried_like_buckets(row: Replied) -> None:
    """Records and influencers accept window, threshold, interim, order and page as buckets do, highest score first."""
    assert_replied(row)


@each_row(OTHER_KINDS_PARAMETERS)
def test_each_kind_has_its_own_parameters(row: Rejected) -> None:
    """Each kind has its own name for the threshold; only buckets have `timestamp` and `expand`."""
    assert_rejected(row)


# ---- requests of clients

MIXED = (("from=0&size=5", ("from", "size")), ("size=5", ("size",)), ("from=1", ("from",)))
CLIENTS = [
    Replied(
        "16.1",
        "only the job",
        WEB,
        Request("POST", f"{JOBS}/web/results/buckets", {}),
        "h0 h1 h2 h3",
        "the page",
    ),
    Replied(
        "16.1",
        "only from and size",
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
        "influencers: parameters in the query",
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
        "ours: from the client's source",
    ),
    Replied(
        "16.2",
        "Kibana's threshold as a number",
        WEB,
        post("buckets", {"anomaly_score": 75, "start": str(FIRST), "end": str(FOURTH + 1)}),
        "h1 h3",
        "ours: from the client's source",
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
        "ours: from the client's source",
        count=3,
    ),
]
MIXED_REQUESTS = [
    Rejected(
        "16.1",
        f"{query} with a body",
        WEB,
        post(f"buckets?{query}", {"start": "0"}),
        unrecognized("buckets", *rest),
        "BASE",
    )
    for query, rest in MIXED
] + [
    Rejected(
        "16.1",
        "influencers: a score with a page in a body",
        WEB,
        post("influencers?influencer_score=1", {"page": {"size": 1}}),
        unrecognized("influencers", "influencer_score"),
        "BASE",
    ),
]


@each_row(CLIENTS)
def test_request_of_a_client_is_answered(row: Replied) -> None:
    """A request as a client sends it is answered."""
    assert_replied(row)


@each_row(MIXED_REQUESTS)
def test_mixed_request_of_a_client_is_refused(row: Rejected) -> None:
    """A client can send parameters in the URL together with a body. The server refuses this, and so does the door."""
    assert_rejected(row)
