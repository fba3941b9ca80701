"""Replies: frozen values, encoded as JSON whatever text is in them."""

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
    """Whoever writes JSON."""
    write_by(monkeypatch, request.param)


def caused(reason: str, cause: BaseException) -> InvalidQuery:
    """An error with a cause."""
    error = InvalidQuery(reason)
    error.__cause__ = cause
    return error


@pytest.fixture
def page() -> BucketPage:
    """A hundred buckets, more than are written one by one."""
    index = ResultsIndex()
    index.upsert(rows(0, 100, anomaly_score=5.0))
    return index.get_buckets(job_id=JOB)


def test_a_reply_is_a_frozen_value(page: BucketPage) -> None:
    """It pickles and copies, and its headers are nobody's to change."""
    for reply in (refusal(NotFound("gone")), answer(page, human=False)):
        for same in (pickle.loads(pickle.dumps(reply)), copy.copy(reply), copy.deepcopy(reply), replace(reply)):
            assert same == reply
        assert copy.copy(reply).body is reply.body
        assert copy.deepcopy(reply).body is not reply.body
        with pytest.raises(FrozenInstanceError):
            reply.status = 200  # type: ignore[misc] # that it fails is the claim
        headers: Any = reply.headers
        with pytest.raises(TypeError):
            headers["x"] = "y"
        with pytest.raises(TypeError):
            hash(reply)  # the body is a dict


def test_a_reply_shows_what_it_has(page: BucketPage) -> None:
    """It prints and compares by status, headers and body, whichever way it was made."""
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
    """It is made once, and is the page's."""
    reply = answer(page, human=human)
    assert not is_made(reply, "body")
    assert reply.body == page.to_dict(human=human)
    assert reply.body is reply.body


@pytest.mark.usefixtures("writer")
def test_a_page_is_encoded_without_a_body(page: BucketPage, monkeypatch: pytest.MonkeyPatch) -> None:
    """No dict is made for a bucket, and the bytes are those of the body."""
    expected = Reply(status=200, body=page.to_dict()).encode()
    reply = answer(page, human=False)
    monkeypatch.setattr(BucketPage, "to_dict", None)
    monkeypatch.setattr(BucketPage, "_objects", None)
    assert reply.encode() == expected
    assert not is_made(reply, "body")


def test_a_changed_body_is_what_is_encoded(page: BucketPage) -> None:
    """The body is the caller's to change, before and after the reply was encoded."""
    reply = answer(page, human=False)
    assert json.loads(reply.encode())["count"] == 100
    reply.body["count"] = 5
    assert json.loads(reply.encode())["count"] == 5
    reply.body.clear()
    assert reply.encode() == b""


def test_a_reply_that_travels_leaves_its_page_behind(page: BucketPage) -> None:
    """Only the body travels, so that the columns of the page do not."""
    travelled = pickle.loads(pickle.dumps(answer(page, human=False)))
    assert is_made(travelled, "body")
    assert not hasattr(travelled, "_page")
    assert travelled.encode() == answer(page, human=False).encode()


def test_a_page_may_be_pretty(page: BucketPage) -> None:
    """It is indented like any other body."""
    expected = replace(Reply(status=200, body=page.to_dict()), _pretty=True).encode()
    assert replace(answer(page, human=False), _pretty=True).encode() == expected
    assert expected.startswith(b'{\n  "count" : 100,\n')


def test_a_page_without_documents_is_refused_at_once() -> None:
    """The reply would come too late to tell the error; an empty page is an answer."""
    index = ResultsIndex(keep_documents=False)
    index.upsert(rows(0, 10))
    with pytest.raises(InvalidQuery, match=r"\[documents\] are needed"):
        answer(index.get_buckets(job_id=JOB), human=False)
    assert answer(index.get_buckets(job_id=JOB, size=0), human=False).body == {"count": 10, "buckets": []}


# ---- bytes


def test_every_reply_has_the_headers_that_clients_look_for() -> None:
    """And says which methods are allowed where one is not, or where that is asked."""
    for reply in (Reply(status=200, body={}), refusal(NotFound("gone")), unknown_path("GET", "/")):
        assert reply.headers == CONTENT
    for reply in (options(), wrong_method("PUT", "/")):
        assert reply.headers == {**CONTENT, "Allow": "GET,POST"}


@pytest.mark.usefixtures("writer")
def test_encoding_is_tight_utf_8() -> None:
    """Without blanks, and nothing at all for an empty body."""
    body = {"count": 1, "é": ["€", "\U0001f600", 0.5, None, True]}
    assert Reply(status=200, body=body).encode() == '{"count":1,"é":["€","\U0001f600",0.5,null,true]}'.encode()
    assert options().encode() == b""


def test_pretty_is_for_people() -> None:
    """Indented by two, blanks around colons, a newline at the end."""
    reply = replace(Reply(status=200, body={"a": [1], "b": {}}), _pretty=True)
    assert reply.encode() == b'{\n  "a" : [\n    1\n  ],\n  "b" : {}\n}\n'
    assert replace(options(), _pretty=True).encode() == b""


@pytest.mark.usefixtures("writer")
@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\\\udc80", '"\ud800"', "\x00\x1f\x7f\u2028"])
def test_any_text_is_valid_json(text: str) -> None:
    """Halves of surrogate pairs come back as they were."""
    for pretty in (False, True):
        reply = Reply(status=200, body={text: text}, _pretty=pretty)
        assert json.loads(reply.encode().decode("utf-8", "strict")) == {text: text}


def test_a_refusal_tells_its_cause() -> None:
    """Where that is an error of ours; another's is nobody's business."""
    said = {"type": "illegal_argument_exception", "reason": "outer"}
    inner = {"type": "number_format_exception", "reason": "inner"}
    error = caused("outer", InvalidQuery("inner", type="number_format_exception"))
    assert refusal(error).body == {"error": {"root_cause": [said], **said, "caused_by": inner}, "status": 400}
    for plain in (InvalidQuery("outer"), caused("outer", OSError("private"))):
        assert refusal(plain).body == {"error": {"root_cause": [said], **said}, "status": 400}
    assert refusal(NotFound("gone")).status == refusal(NotFound("gone")).body["status"] == 404


def test_what_the_search_finds_out_is_wrapped() -> None:
    """As the failure of the one shard that there is."""
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


def test_a_body_is_the_callers_to_change() -> None:
    """No part of it is shared with another part, or with another reply."""
    reply = all_shards_failed(InvalidQuery("x"))
    reply.body["error"]["root_cause"][0]["reason"] = "changed"
    assert reply.body["error"]["failed_shards"][0]["reason"]["reason"] == "x"
    reply = refusal(InvalidQuery("x"))
    reply.body["error"]["root_cause"][0]["reason"] = "changed"
    assert reply.body["error"]["reason"] == "x"


def test_what_is_not_there_is_told_as_text() -> None:
    """An unknown path without a status in the body, as the server has it."""
    assert (unknown_path("GET", "/x?y").status, unknown_path("GET", "/x?y").body) == (
        400,
        {"error": "no handler found for uri [/x?y] and method [GET]"},
    )
    reason = "Incorrect HTTP method for uri [/x?y] and method [PUT], allowed: [GET, POST]"
    assert (wrong_method("PUT", "/x?y").status, wrong_method("PUT", "/x?y").body) == (
        405,
        {"error": reason, "status": 405},
    )
