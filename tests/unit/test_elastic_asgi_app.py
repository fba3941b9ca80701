"""The ASGI app: the messages that it receives and sends."""

import asyncio
from typing import Any

import pytest

from bucketquery import InvalidQuery, ResultsIndex
from bucketquery.elastic import asgi
from support.apps import messages_of, through_asgi
from support.helpers import JOB, rows

BUCKETS = f"/_ml/anomaly_detectors/{JOB}/results/buckets"
SCOPE = {"type": "http", "method": "POST", "path": BUCKETS}


@pytest.fixture
def index() -> ResultsIndex:
    """Ten buckets of one job."""
    found = ResultsIndex()
    found.upsert(rows(0, 10, anomaly_score=5.0))
    return found


def test_a_body_arrives_in_parts(index: ResultsIndex) -> None:
    """The app waits for the last part, and for nothing after it."""
    parts = [
        {"type": "http.request", "body": b'{"anomaly_', "more_body": True},
        {"type": "http.request", "more_body": True},
        {"type": "http.request", "body": b'score": 6}', "more_body": False},
    ]
    start, end = messages_of(asgi(index), SCOPE, parts)
    assert (start["status"], end["body"]) == (200, b'{"count":0,"buckets":[]}')


def test_a_client_that_has_gone_gets_nothing(index: ResultsIndex) -> None:
    """The app ends without an answer, before a part of the body or after one."""
    gone = {"type": "http.disconnect"}
    assert messages_of(asgi(index), SCOPE, [gone]) == []
    assert messages_of(asgi(index), SCOPE, [{"type": "http.request", "body": b"{", "more_body": True}, gone]) == []


def test_a_body_beyond_the_bound_ends_the_request(index: ResultsIndex) -> None:
    """The app does not wait for the rest."""
    parts = [{"type": "http.request", "body": b"x" * 3, "more_body": True}] * 2
    start, end = messages_of(asgi(index, max_body_bytes=5), SCOPE, parts)
    assert (start["status"], end["body"]) == (413, b'{"error":"the body has more than 5 bytes","status":413}')


def test_the_server_may_start_and_stop(index: ResultsIndex) -> None:
    """Each event of the server's life is confirmed."""
    received = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = messages_of(asgi(index), {"type": "lifespan"}, received)
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_websocket_is_closed_before_it_is_open(index: ResultsIndex) -> None:
    """The server then refuses the handshake."""
    sent = messages_of(asgi(index), {"type": "websocket", "path": "/"}, [{"type": "websocket.connect"}])
    assert sent == [{"type": "websocket.close"}]


def test_another_scope_raises(index: ResultsIndex) -> None:
    """The server learns that the app does not know its protocol."""
    with pytest.raises(NotImplementedError, match="the scope 'mqtt' is not one of http, lifespan and websocket"):
        messages_of(asgi(index), {"type": "mqtt"}, [])


def test_an_error_of_the_server_passes_through(index: ResultsIndex) -> None:
    """An error while sending is the server's own."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(_: Any) -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(asgi(index)(SCOPE, receive, send))  # type: ignore[arg-type]


def test_a_path_may_have_characters_that_no_url_has(index: ResultsIndex) -> None:
    """Half of a surrogate pair in a scope is a job that is not known, not an error."""
    answer = through_asgi(asgi(index), "GET", "/x", path="/_ml/anomaly_detectors/\ud800", root_path="\ud800")
    assert answer.status == 404


def test_wrong_arguments_raise_when_the_app_is_made() -> None:
    """No request is needed to find them."""
    wrong: Any = {}
    with pytest.raises(TypeError, match="not dict"):
        asgi(wrong)
    for options in ({"max_result_window": -1}, {"version": "x"}, {"allow_writes": 1}, {"max_body_bytes": -1}):
        given: Any = options
        with pytest.raises(InvalidQuery):
            asgi(ResultsIndex(), **given)
