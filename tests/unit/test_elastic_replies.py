"""Replies: frozen values that encode as JSON, with any text in them."""

import copy
import json
import pickle
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from bucketquery import BucketPage, InvalidQuery, NotFound, ResultsIndex
from bucketquery.elastic import Reply
from bucketquery.elastic.replies import all_shards_failed, answer, options, refusal, unknown_path, wrong_method
from bucketquery.model.once import is_made
from support.helpers import JOB, WRITERS, rows, write_by

CONTENT = {"content-type": "application/json", "x-elastic-product": "Elasticsearch"}


@pytest.fixture(params=WRITERS)
def writer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test with each encoder."""
    write_by(monkeypatch, request.param)


def caused(reason: str, cause: BaseException) -> InvalidQuery:
    """An error with a cause."""
    error = InvalidQuery(reason)
    error.__cause__ = cause
    return error


@pytest.fixture
def page() -> BucketPage:
    """A page of 100 buckets, enough to be encoded column by column."""
    index = ResultsIndex()
    index.upsert(rows(0, 100, anomaly_score=5.0))
    return index.get_buckets(job_id=JOB)


def test_a_reply_is_a_frozen_value(page: BucketPage) -> None:
    """It can be pickled and copied, and its headers cannot be changed."""
    for reply in (refusal(NotFound("gone")), answer(page, human=False)):
        for same in (pickle.loads(pickle.dumps(reply)), copy.copy(reply), copy.deepcopy(reply), replace(reply)):
            assert same == reply
        assert copy.copy(reply).body is reply.body
        assert copy.deepcopy(reply).body is not reply.body
        with pytest.raises(FrozenInstanceError):
            reply.status = 200  # type: ignore[misc] # it must fail
        headers: Any = reply.headers
        with pytest.raises(TypeError):
            headers["x"] = "y"
        with pytest.raises(TypeError):
            hash(reply)  # the body is a dict


def test_a_reply_prints_and_compares_by_its_fields(page: BucketPage) -> None:
    """A reply made from a page equals one whose body is given, if all fields are equal."""
    made, given = answer(page, human=True), Reply(status=200, body=page.to_dict(human=True))
    assert repr(made) == f"Reply(status=200, headers={CONTENT}, body={given.body})"
    assert repr(given) == repr(made)
    assert given == made
    assert replace(given, _pretty=True) != made
    assert answer(page, human=False) != made
    assert Reply(status=201, body=given.body) != made


# ---- pages


@pytest.mark.parametrize("human", [False, True])
def test_the_body_of_a_page_is_made_when_it_is_first_read(page: BucketPage, human: bool) -> None:
    """It is made once and equals the body of the page."""
    reply = answer(page, human=human)
    assert not is_made(reply, "body")
    assert reply.body == page.to_dict(human=human)
    assert reply.body is reply.body


@pytest.mark.usefixtures("writer")
def test_a_page_is_encoded_without_making_its_body(page: BucketPage, monkeypatch: pytest.MonkeyPatch) -> None:
    """No dict is made for a bucket, and the bytes are those of the body."""
    expected = Reply(status=200, body=page.to_dict()).encode()
    reply = answer(page, human=False)
    monkeypatch.setattr(BucketPage, "to_dict", None)
    monkeypatch.setattr(BucketPage, "_objects", None)
    assert reply.encode() == expected
    assert not is_made(reply, "body")


def test_a_changed_body_is_encoded(page: BucketPage) -> None:
    """The caller may change the body before and after the reply is encoded."""
    reply = answer(page, human=False)
    assert json.loads(reply.encode())["count"] == 100
    reply.body["count"] = 5
    assert json.loads(reply.encode())["count"] == 5
    reply.body.clear()
    assert reply.encode() == b""


def test_a_pickled_reply_has_no_page(page: BucketPage) -> None:
    """It has only the body, so it does not hold the columns of the page."""
    unpickled = pickle.loads(pickle.dumps(answer(page, human=False)))
    assert is_made(unpickled, "body")
    assert not hasattr(unpickled, "_page")
    assert unpickled.encode() == answer(page, human=False).encode()


def test_a_page_may_be_pretty(page: BucketPage) -> None:
    """It is indented like any other body."""
    expected = replace(Reply(status=200, body=page.to_dict()), _pretty=True).encode()
    assert replace(answer(page, human=False), _pretty=True).encode() == expected
    assert expected.startswith(b'{\n  "count" : 100,\n')


def test_a_page_without_documents_is_refused_at_once() -> None:
    """An error during encoding would come too late for a reply. An empty page needs no documents."""
    index = ResultsIndex(keep_documents=False)
    index.upsert(rows(0, 10))
    with pytest.raises(InvalidQuery, match=r"\[documents\] are needed"):
        answer(index.get_buckets(job_id=JOB), human=False)
    assert answer(index.get_buckets(job_id=JOB, size=0), human=False).body == {"count": 10, "buckets": []}


# ---- bytes


def test_every_reply_has_the_headers_that_clients_check() -> None:
    """A reply to OPTIONS or to a wrong method also lists the allowed methods."""
    for reply in (Reply(status=200, body={}), refusal(NotFound("gone")), unknown_path("GET", "/")):
        assert reply.headers == CONTENT
    for reply in (options(), wrong_method("PUT", "/")):
        assert reply.headers == {**CONTENT, "Allow": "GET,POST"}


@pytest.mark.usefixtures("writer")
def test_a_reply_is_encoded_as_compact_utf_8() -> None:
    """It has no blanks, and an empty body gives no bytes."""
    body = {"count": 1, "é": ["€", "\U0001f600", 0.5, None, True]}
    assert Reply(status=200, body=body).encode() == '{"count":1,"é":["€","\U0001f600",0.5,null,true]}'.encode()
    assert options().encode() == b""


def test_a_pretty_reply_is_indented() -> None:
    """Each level is indented by two, colons have blanks around them, and a newline ends the text."""
    reply = replace(Reply(status=200, body={"a": [1], "b": {}}), _pretty=True)
    assert reply.encode() == b'{\n  "a" : [\n    1\n  ],\n  "b" : {}\n}\n'
    assert replace(options(), _pretty=True).encode() == b""


@pytest.mark.usefixtures("writer")
@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\\\udc80", '"\ud800"', "\x00\x1f\x7f\u2028"])
def test_any_text_is_encoded_as_valid_json(text: str) -> None:
    """Lone surrogates are read back unchanged."""
    for pretty in (False, True):
        reply = Reply(status=200, body={text: text}, _pretty=pretty)
        assert json.loads(reply.encode().decode("utf-8", "strict")) == {text: text}


def test_a_refusal_shows_the_cause_of_its_error() -> None:
    """The cause is shown only if it is an error of this package. Other errors stay private."""
    outer = {"type": "illegal_argument_exception", "reason": "outer"}
    inner = {"type": "number_format_exception", "reason": "inner"}
    error = caused("outer", InvalidQuery("inner", type="number_format_exception"))
    assert refusal(error).body == {"error": {"root_cause": [outer], **outer, "caused_by": inner}, "status": 400}
    for error in (InvalidQuery("outer"), caused("outer", OSError("private"))):
        assert refusal(error).body == {"error": {"root_cause": [outer], **outer}, "status": 400}
    assert refusal(NotFound("gone")).status == refusal(NotFound("gone")).body["status"] == 404


def test_an_error_of_the_search_is_wrapped() -> None:
    """The reply shows it as the failure of the only shard."""
    reply = all_shards_failed(InvalidQuery("No mapping found for [x]", type="query_shard_exception"))
    reason = {"type": "query_shard_exception", "reason": "No mapping found for [x]"}
    assert reply.body == {
        "error": {
            "root_cause": [reason],
            "type": "search_phase_execution_exception",
            "reason": "all shards failed",
            "phase": "query",
            "grouped": True,
            "failed_shards": [{"shard": 0, "index": ".ml-anomalies-shared", "reason": reason}],
        },
        "status": 400,
    }
    assert reply.status == 400


def test_the_parts_of_a_body_are_independent() -> None:
    """If a caller changes one part, no other part changes."""
    reply = all_shards_failed(InvalidQuery("x"))
    reply.body["error"]["root_cause"][0]["reason"] = "changed"
    assert reply.body["error"]["failed_shards"][0]["reason"]["reason"] == "x"
    reply = refusal(InvalidQuery("x"))
    reply.body["error"]["root_cause"][0]["reason"] = "changed"
    assert reply.body["error"]["reason"] == "x"


def test_the_error_of_an_unknown_path_or_method_is_text() -> None:
    """As on the server, the body for an unknown path has no status."""
    assert (unknown_path("GET", "/x?y").status, unknown_path("GET", "/x?y").body) == (
        400,
        {"error": "no handler found for uri [/x?y] and method [GET]"},
    )
    reason = "Incorrect HTTP method for uri [/x?y] and method [PUT], allowed: [GET, POST]"
    assert (wrong_method("PUT", "/x?y").status, wrong_method("PUT", "/x?y").body) == (
        405,
        {"error": reason, "status": 405},
    )
