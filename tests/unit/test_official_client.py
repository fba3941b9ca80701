"""The official client gets the answers of the index, through a server of the WSGI app and through its own nodes.

`.ci/run` runs this file with version 8 and with version 9 of the client.
"""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch, AuthorizationException, BadRequestError, Elasticsearch, NotFoundError

from bucketquery import BucketQueryError, ResultsIndex, elastic
from support.client_calls import BUCKETS, INFLUENCERS, OVERALL, RECORDS
from support.helpers import PATIENCE_S
from support.request_tables import (
    FIRST,
    FOURTH,
    HEADERS,
    ILLEGAL,
    JOBS,
    NO_DATE,
    NO_SORT,
    NOTHING_THERE,
    SECOND,
    UNPARSED,
    WEB,
    Failure,
    Problem,
    assert_failure_body,
    bad_page,
    bad_value,
    illegal,
    unknown_job,
    unparsed,
    unrecognized,
    wrapped,
    wrong_type,
)
from support.semantics_tables import JOB, bucket, index_of
from support.server import serving

#: The parameters of the calls, by the methods of the client and of the index.
KINDS = {
    "get_buckets": BUCKETS,
    "get_records": RECORDS,
    "get_influencers": INFLUENCERS,
    "get_overall_buckets": OVERALL,
}
#: Names of jobs that a path must escape.
NAMED = ("données", "web/1", "100%", "a+b", "a?b#c", "日本")


@pytest.fixture(scope="module")
def index() -> ResultsIndex:
    """Four hours of the job ``web``, one bucket for each job in ``NAMED``, and a job without results."""
    index = index_of(WEB.values())
    index.upsert([bucket(FIRST, job_id=name, anomaly_score=float(len(name))) for name in NAMED])
    index.put_job("idle")
    return index


@pytest.fixture(scope="module")
def address(index: ResultsIndex) -> Iterator[str]:
    """The address of a server of the index."""
    with serving(index) as address:
        yield address


@pytest.fixture(scope="module", params=["socket", "socket, compressed", "nodes", "nodes, compressed"])
def client(index: ResultsIndex, address: str, request: pytest.FixtureRequest) -> Iterator[Elasticsearch]:
    """The official client on each way to the index, with a timeout and without retries."""
    way, _, compressed = request.param.partition(", ")
    options: dict[str, Any] = {
        "request_timeout": PATIENCE_S,
        "max_retries": 0,
        "http_compress": compressed == "compressed",
    }
    with Elasticsearch(address, **options) if way == "socket" else elastic.client(index, **options) as client:
        yield client


# ---- answers


@pytest.mark.parametrize(
    ("call", "parameters"),
    [(call, parameters) for call, queries in KINDS.items() for parameters in queries],
    ids=str,
)
def test_client_gets_the_answers_of_the_index(
    client: Elasticsearch, index: ResultsIndex, call: str, parameters: dict[str, Any]
) -> None:
    """For the same parameters, client and index give the same body, with the keys in the same order."""
    answer = getattr(client.ml, call)(job_id=JOB, **parameters)
    expected = getattr(index, call)(job_id=JOB, **parameters).to_dict()
    assert answer.meta.status == 200
    assert json.dumps(answer.body) == json.dumps(expected)
    assert answer["count"] == expected["count"]


@pytest.mark.parametrize("name", NAMED)
def test_client_finds_jobs_of_any_name(client: Elasticsearch, index: ResultsIndex, name: str) -> None:
    """The client escapes the name of a job and the door decodes it, in the path of a lookup too."""
    expected = index.get_buckets(job_id=name).to_dict()
    assert expected["count"] == 1
    assert client.ml.get_buckets(job_id=name).body == expected
    assert client.ml.get_buckets(job_id=name, timestamp="1970||+50y").body == expected
    assert client.ml.get_buckets(job_id=name, sort="anomaly_score").body == expected


def test_client_finds_a_job_without_results(client: Elasticsearch) -> None:
    """A job without results gives an empty answer, not an error."""
    assert client.ml.get_buckets(job_id="idle").body == {"count": 0, "buckets": []}


@pytest.mark.parametrize("call", KINDS)
def test_client_gets_timestamps_as_text(client: Elasticsearch, index: ResultsIndex, call: str) -> None:
    """With ``human``, the client gets the same body as ``to_dict(human=True)`` of the index's page."""
    answer = getattr(client.ml, call)(job_id=JOB, human=True)
    assert json.dumps(answer.body) == json.dumps(getattr(index, call)(job_id=JOB).to_dict(human=True))


@pytest.mark.parametrize("parameters", [{}, {"sort": "event_count"}, {"timestamp": SECOND}, {"size": 1}])
def test_client_may_ask_for_pretty_answers(
    client: Elasticsearch, index: ResultsIndex, parameters: dict[str, Any]
) -> None:
    """``pretty`` changes the layout of an answer, not its content, even if the request has a body."""
    answer = client.ml.get_buckets(job_id=JOB, pretty=True, human=False, **parameters)
    assert answer.body == index.get_buckets(job_id=JOB, **parameters).to_dict()


@pytest.mark.parametrize(
    ("call", "parameters", "filter_path", "expected"),
    [
        ("get_buckets", {}, "count", {"count": 4}),
        ("get_buckets", {"size": 1, "pretty": True}, ["buckets.timestamp"], {"buckets": [{"timestamp": FIRST}]}),
        ("get_records", {"record_score": 90}, ["-records.*_*", "records.job*"], {}),
        (
            "get_influencers",
            {"error_trace": True},
            ["**.influencer_field_value", "-nothing"],
            {"influencers": [{"influencer_field_value": name} for name in "bca"]},
        ),
    ],
)
def test_client_gets_parts_of_an_answer(
    client: Elasticsearch, call: str, parameters: dict[str, Any], filter_path: Any, expected: dict[str, Any]
) -> None:
    """``filter_path`` is text or a list, and works beside a body. ``error_trace`` changes nothing."""
    assert getattr(client.ml, call)(job_id=JOB, filter_path=filter_path, **parameters).body == expected


def test_client_may_compress_its_requests(address: str, index: ResultsIndex) -> None:
    """With ``http_compress`` the client sends gzip, and gets the same answer."""
    with Elasticsearch(address, request_timeout=PATIENCE_S, max_retries=0, http_compress=True) as client:
        answer = client.ml.get_buckets(job_id=JOB, start=SECOND, anomaly_score=80, desc=True)
    assert answer.body == index.get_buckets(job_id=JOB, start=SECOND, anomaly_score=80, desc=True).to_dict()


def test_client_pages_through_everything(client: Elasticsearch) -> None:
    """Pages requested by ``page`` lie end to end, until one is empty."""
    found: list[int] = []
    while page := client.ml.get_buckets(job_id=JOB, sort="timestamp", page={"from": len(found), "size": 3})["buckets"]:
        found += [shown["timestamp"] for shown in page]
    assert found == sorted(document["timestamp"] for name, document in WEB.items() if name.startswith("h"))


def test_client_sends_a_whole_body(client: Elasticsearch, index: ResultsIndex) -> None:
    """A body arrives as the caller gives it."""
    parameters = {
        "start": SECOND,
        "end": FOURTH,
        "page": {"from": 0, "size": 1},
        "desc": "true",
        "anomaly_score": "1.0",
    }
    expected = index.get_buckets(job_id=JOB, start=SECOND, end=FOURTH, size=1, desc=True, anomaly_score=1.0)
    assert client.ml.get_buckets(job_id=JOB, body=parameters).body == expected.to_dict()


def test_client_may_query_a_snapshot(index: ResultsIndex) -> None:
    """A snapshot is served like an index, and shows no later write."""
    index = index_of(WEB.values())
    snapshot = index.snapshot()
    expected = index.get_buckets(job_id=JOB).to_dict()
    with (
        serving(snapshot) as address,
        Elasticsearch(address, request_timeout=PATIENCE_S, max_retries=0) as client,
        elastic.client(snapshot) as without_server,
    ):
        index.upsert([bucket(0)])
        assert client.ml.get_buckets(job_id=JOB).body == expected
        assert without_server.ml.get_buckets(job_id=JOB).body == expected


def test_four_digits_in_a_url_are_a_year(client: Elasticsearch, index: ResultsIndex) -> None:
    """The client writes an integer into a URL as digits, and four digits mean a year.

    In a body an integer is an instant.
    """
    year = index.get_buckets(job_id=JOB, timestamp="2020").to_dict()
    assert client.ml.get_buckets(job_id=JOB, timestamp=2020).body == year
    assert client.ml.get_influencers(job_id=JOB, start=2021).body == {"count": 0, "influencers": []}
    assert client.ml.get_buckets(job_id=JOB, start=2021)["count"] == 4


# ---- errors

REFUSED: list[tuple[str, dict[str, Any], Failure]] = [
    ("get_buckets", {"size": 1, "start": 0}, unrecognized("buckets", "size")),
    ("get_buckets", {"from_": 0, "size": 1, "desc": True}, unrecognized("buckets", "from", "size")),
    ("get_records", {"from_": 0, "record_score": 1.0}, unrecognized("records", "from")),
    (
        "get_influencers",
        {"influencer_score": 1.0, "page": {"size": 1}},
        unrecognized("influencers", "influencer_score"),
    ),
    ("get_buckets", {"timestamp": SECOND, "size": 1}, illegal("Param [from, size] is incompatible with [timestamp].")),
    (
        "get_buckets",
        {"timestamp": SECOND, "start": 0},
        illegal("Param [timestamp] is incompatible with [from,size,start,end,anomaly_score]"),
    ),
    ("get_buckets", {"filter_path": "count", "sort": "x"}, wrapped(NO_SORT, "No mapping found for [x]...")),
    ("get_buckets", {"error_trace": True, "from_": -1}, illegal("Parameter [from] cannot be < 0")),
    ("get_buckets", {"from_": -1}, illegal("Parameter [from] cannot be < 0")),
    ("get_influencers", {"size": -1}, illegal("Parameter [size] cannot be < 0")),
    ("get_buckets", {"size": "ten"}, illegal("Failed to parse int parameter [size] with value [ten]")),
    (
        "get_buckets",
        {"page": {"from": -1}},
        bad_page(
            "buckets",
            Problem(UNPARSED, "Failed to build [page] after last required field arrived"),
            Problem(ILLEGAL, "Parameter [from] cannot be < 0"),
        ),
    ),
    (
        "get_buckets",
        {"anomaly_score": "high"},
        bad_value("anomaly_score", "number_format_exception", 'For input string: "high"'),
    ),
    (
        "get_influencers",
        {"influencer_score": "high"},
        Failure(400, "number_format_exception", 'For input string: "high"'),
    ),
    ("get_records", {"desc": 1}, wrong_type("desc", "VALUE_NUMBER", "records")),
    ("get_buckets", {"sort": ["timestamp"]}, wrong_type("sort", "START_ARRAY")),
    ("get_buckets", {"body": {"foo": 1}}, unparsed("unknown field [foo]")),
    ("get_buckets", {"start": "soon"}, wrapped(NO_DATE, "failed to parse date field [soon]...")),
    (
        "get_influencers",
        {"end": "now/2d"},
        wrapped(NO_DATE, "...rounding `/` can only be used on single unit types..."),
    ),
    ("get_buckets", {"timestamp": "soon"}, wrapped(NO_DATE, "failed to parse date field [soon]...")),
    ("get_records", {"sort": "x"}, wrapped(NO_SORT, "No mapping found for [x] in order to sort on")),
    (
        "get_buckets",
        {"size": 10_001},
        wrapped("illegal_argument_exception", "Result window is too large...[10000] but was [10001]..."),
    ),
]


@pytest.mark.parametrize(("call", "parameters", "expected"), REFUSED, ids=str)
def test_client_raises_refusals(
    client: Elasticsearch, call: str, parameters: dict[str, Any], expected: Failure
) -> None:
    """A refusal is the client's BadRequestError, with the server's body and the type as its message."""
    with pytest.raises(BadRequestError) as caught:
        getattr(client.ml, call)(job_id=JOB, **parameters)
    error = caught.value
    assert error.status_code == 400
    assert_failure_body(error.body, expected)
    assert error.message == error.body["error"]["type"]
    assert str(error).startswith(f"BadRequestError(400, {error.message!r}, ")


@pytest.mark.parametrize(
    ("call", "parameters", "expected"),
    [
        ("get_buckets", {"job_id": "db"}, unknown_job("db")),
        ("get_records", {"job_id": "db"}, unknown_job("db")),
        ("get_influencers", {"job_id": "db"}, unknown_job("db")),
        ("get_buckets", {"job_id": "w*"}, unknown_job("w*")),
        ("get_buckets", {"job_id": "a b", "sort": "x"}, unknown_job("a b")),
        ("get_buckets", {"job_id": JOB, "timestamp": 0}, NOTHING_THERE),
        ("get_buckets", {"job_id": JOB, "timestamp": "2021", "expand": True}, NOTHING_THERE),
        ("get_buckets", {"job_id": "idle", "timestamp": FIRST}, NOTHING_THERE),
    ],
    ids=str,
)
def test_client_raises_not_found(
    client: Elasticsearch, call: str, parameters: dict[str, Any], expected: Failure
) -> None:
    """An unknown job and a lookup without a match raise the client's NotFoundError, with the server's body."""
    with pytest.raises(NotFoundError) as caught:
        getattr(client.ml, call)(**parameters)
    error = caught.value
    assert (error.status_code, error.message) == (404, "resource_not_found_exception")
    assert_failure_body(error.body, expected)


def test_client_and_index_agree_on_errors(client: Elasticsearch, index: ResultsIndex) -> None:
    """An unknown job and a lookup without a match have the status, type and reason that the index raises."""
    queries: list[dict[str, Any]] = [{"job_id": "db"}, {"job_id": JOB, "timestamp": 0}]
    for parameters in queries:
        with pytest.raises(NotFoundError) as of_client:
            client.ml.get_buckets(**parameters)
        with pytest.raises(BucketQueryError) as of_index:
            index.get_buckets(**parameters)
        reason = of_client.value.body["error"]["reason"]
        assert (of_client.value.status_code, of_client.value.message, reason) == (
            of_index.value.status,
            of_index.value.type,
            of_index.value.reason,
        )


# ---- other paths


def test_client_reads_the_version_of_the_server(client: Elasticsearch) -> None:
    """The client's check of the product passes, and it gets a name, a version and the tagline."""
    info = client.info()
    assert (info["version"]["number"], info["tagline"]) == ("9.2.1", "You Know, for Search")
    assert client.ping() is True


def test_client_gets_jobs_and_their_statistics(client: Elasticsearch, index: ResultsIndex) -> None:
    """The client lists all jobs, or those of a pattern; an unknown job is its NotFoundError."""
    assert [job["job_id"] for job in client.ml.get_jobs()["jobs"]] == list(index.jobs())
    assert client.ml.get_jobs(job_id="we*,idle", exclude_generated=True)["count"] == 3
    assert client.ml.get_jobs(job_id="no*", allow_no_match=True).body == {"count": 0, "jobs": []}
    (stats,) = client.ml.get_job_stats(job_id=JOB)["jobs"]
    assert (stats["job_id"], stats["data_counts"]["bucket_count"]) == (JOB, 4)
    for call in (client.ml.get_jobs, client.ml.get_job_stats):
        with pytest.raises(NotFoundError, match="No known job with id 'no'"):
            call(job_id="no")
        with pytest.raises(NotFoundError, match=r"No known job with id 'no\*'"):
            call(job_id="no*", allow_no_match=False)


def test_client_creates_and_deletes_jobs() -> None:
    """Nodes accept writes; a server does so if the host allows them. A snapshot never does."""
    described: dict[str, Any] = {
        "analysis_config": {"bucket_span": "15m", "detectors": [{"function": "count"}]},
        "data_description": {"time_field": "time"},
    }
    index = ResultsIndex()
    with serving(index, allow_writes=True) as address:
        for client in (elastic.client(index), Elasticsearch(address, request_timeout=PATIENCE_S, max_retries=0)):
            with client:
                created = client.ml.put_job(job_id="new", **described)
                assert (created["job_id"], created["analysis_config"]["bucket_span"]) == ("new", "15m")
                assert index.stats("new")["bucket_span"] == 900
                with pytest.raises(BadRequestError, match="resource_already_exists_exception"):
                    client.ml.put_job(job_id="new", **described)
                assert client.ml.open_job(job_id="new")["opened"] is True
                assert client.ml.close_job(job_id="new", force=True)["closed"] is True
                assert client.ml.delete_job(job_id="new", force=True).body == {"acknowledged": True}
                assert index.jobs() == ()
    with serving(index) as address:
        for client in (
            elastic.client(index.snapshot()),
            Elasticsearch(address, request_timeout=PATIENCE_S, max_retries=0),
        ):
            with client, pytest.raises(AuthorizationException, match="cluster_block_exception"):
                client.ml.put_job(job_id="new", **described)


# ---- the client for asyncio


@pytest.mark.parametrize("way", ["socket", "nodes"])
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
def test_async_client_gets_the_answers_of_the_index(
    index: ResultsIndex, address: str, way: str, *, compressed: bool
) -> None:
    """The client for asyncio gets the same bodies and errors as the synchronous client."""
    options: dict[str, Any] = {"request_timeout": PATIENCE_S, "max_retries": 0, "http_compress": compressed}

    async def ask() -> None:
        async with (
            AsyncElasticsearch(address, **options) if way == "socket" else elastic.async_client(index, **options)
        ) as client:
            for call, queries in KINDS.items():
                for parameters in queries:
                    answer = await getattr(client.ml, call)(job_id=JOB, **parameters)
                    expected = getattr(index, call)(job_id=JOB, **parameters).to_dict()
                    assert json.dumps(answer.body) == json.dumps(expected), (call, parameters)
            assert await client.ping() is True
            assert (await client.ml.get_jobs(job_id=JOB))["count"] == 1
            with pytest.raises(NotFoundError):
                await client.ml.get_buckets(job_id="db")

    asyncio.run(ask())


# ---- the server itself


def request(address: str, method: str, path: str, body: bytes | None = None) -> tuple[int, Message, bytes]:
    """Send a request without the client, and return the status, headers and body of the response."""
    prepared = urllib.request.Request(address + path, data=body, method=method)  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(prepared, timeout=PATIENCE_S) as response:  # noqa: S310 - our own address
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_server_sends_the_replies_of_the_door(address: str, index: ResultsIndex) -> None:
    """Status, headers and bytes arrive as the door gives them, for answers and for refusals."""
    status, headers, body = request(address, "GET", f"{JOBS}/web/results/buckets?size=1")
    assert status == 200
    assert json.loads(body) == index.get_buckets(job_id=JOB, size=1).to_dict()
    assert {name: headers[name] for name in HEADERS} == dict(HEADERS)
    status, headers, body = request(address, "PUT", f"{JOBS}/web/results/buckets", b"{}")
    assert (status, headers["Allow"], json.loads(body)["status"]) == (405, "GET,POST", 405)
    status, _, body = request(address, "GET", "/_search")
    assert (status, json.loads(body)) == (400, {"error": "no handler found for uri [/_search] and method [GET]"})
    status, headers, body = request(address, "HEAD", "/")
    assert (status, body, {name: headers[name] for name in HEADERS}) == (200, b"", dict(HEADERS))
    status, headers, body = request(address, "OPTIONS", f"{JOBS}/web/results/records")
    assert (status, headers["Allow"], body) == (200, "GET,POST", b"")


def test_server_ends_with_its_block(index: ResultsIndex) -> None:
    """The address refuses connections after the block."""
    with serving(index) as address:
        assert request(address, "GET", f"{JOBS}/web/results/buckets")[0] == 200
    with pytest.raises(urllib.error.URLError):
        request(address, "GET", f"{JOBS}/web/results/buckets")


def test_server_ends_when_its_block_fails(index: ResultsIndex) -> None:
    """The error of the block is raised, and the server ends."""
    fail: Callable[[], None] = [].pop
    with pytest.raises(IndexError), serving(index) as address:
        fail()
    with pytest.raises(urllib.error.URLError):
        request(address, "GET", "/")
