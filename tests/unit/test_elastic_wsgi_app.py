"""The WSGI app, with the standard library's own checks of the standard."""

from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from bucketquery import InvalidQuery, ResultsIndex
from bucketquery.elastic import wsgi
from support.apps import through_wsgi
from support.helpers import JOB, rows

BUCKETS = f"/_ml/anomaly_detectors/{JOB}/results/buckets"


@pytest.fixture
def index() -> ResultsIndex:
    """Ten buckets of one job."""
    found = ResultsIndex()
    found.upsert(rows(0, 10, anomaly_score=5.0))
    return found


class Stream(BytesIO):
    """A body that arrives in small parts, as from a network."""

    def read(self, size: int | None = -1) -> bytes:
        """At most three bytes."""
        assert size is not None
        assert size > 0
        return super().read(min(size, 3))


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE"])
@pytest.mark.parametrize("target", ["/", BUCKETS, f"{BUCKETS}?size=x", "/x"])
def test_the_app_keeps_to_the_standard(index: ResultsIndex, method: str, target: str) -> None:
    """The validator of the standard library finds nothing wrong, for answers and for refusals."""
    path, _, query = target.partition("?")
    body = b'{"desc": true}' if method == "POST" else b""
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "SCRIPT_NAME": ""}
    environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body)}
    setup_testing_defaults(environ)
    started: list[str] = []
    result = validator(wsgi(index))(environ, lambda status, _headers, _error=None: started.append(status))  # type: ignore[arg-type]
    parts = list(result)
    result.close()  # type: ignore[attr-defined]
    assert started[0][:3] in {"200", "400", "405"}
    is_empty = method == "HEAD" or (method == "OPTIONS" and started[0][:3] == "200")
    assert (b"".join(parts) == b"") is is_empty


@pytest.mark.parametrize("terminated", [False, True])
def test_a_body_arrives_in_parts(index: ResultsIndex, *, terminated: bool) -> None:
    """The app reads on until it has the whole body."""
    body = b'{"anomaly_score": 6}'
    extra: dict[str, Any] = {"wsgi.input": Stream(body)}
    if terminated:
        extra |= {"CONTENT_LENGTH": None, "wsgi.input_terminated": True}
    answer = through_wsgi(wsgi(index), "POST", BUCKETS, body, **extra)
    assert answer.body == b'{"count":0,"buckets":[]}'


def test_a_body_without_a_length_is_not_read(index: ResultsIndex) -> None:
    """Reading could wait for ever, so the stream stays as it is."""
    stream = BytesIO(b"{}")
    extra: dict[str, Any] = {"wsgi.input": stream, "CONTENT_LENGTH": None}
    assert through_wsgi(wsgi(index), "GET", BUCKETS, **extra).status == 200
    assert stream.tell() == 0


def test_a_body_beyond_the_bound_is_not_read(index: ResultsIndex) -> None:
    """The app answers without reading."""
    stream = BytesIO(b"x" * 10)
    extra: dict[str, Any] = {"wsgi.input": stream, "CONTENT_LENGTH": "10"}
    assert through_wsgi(wsgi(index, max_body_bytes=5), "GET", BUCKETS, **extra).status == 413
    assert stream.tell() == 0


def test_an_environment_may_lack_what_is_empty(index: ResultsIndex) -> None:
    """The standard lets a server leave out empty entries."""
    extra: dict[str, Any] = dict.fromkeys(("SCRIPT_NAME", "QUERY_STRING", "RAW_URI", "CONTENT_LENGTH"))
    assert through_wsgi(wsgi(index), "GET", BUCKETS, **extra).status == 200
    assert through_wsgi(wsgi(index), "GET", "/", **extra | {"PATH_INFO": None}).status == 200


def test_wrong_arguments_raise_when_the_app_is_made() -> None:
    """No request is needed to find them."""
    wrong: Any = {}
    with pytest.raises(TypeError, match="not dict"):
        wsgi(wrong)
    for options in ({"max_result_window": -1}, {"version": "x"}, {"allow_writes": 1}, {"max_body_bytes": -1}):
        given: Any = options
        with pytest.raises(InvalidQuery):
            wsgi(ResultsIndex(), **given)
