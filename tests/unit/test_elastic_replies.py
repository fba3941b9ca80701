"""Replies: frozen values that encode as JSON, with any text in them."""

import copy
import itertools
import json
import pickle
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from bucketquery import BucketPage, InvalidQuery, NotFound, ResultsIndex
from bucketquery.elastic import Reply
from bucketquery.elastic.filter_path import read_filter
from bucketquery.elastic.replies import all_shards_failed, answer, options, refusal, shaped, unknown_path, wrong_method
from bucketquery.elastic.response_parameters import NO_PARAMETERS, ResponseParameters
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


# ---- replies that a request shapes


def parameters(filter_path: str, *, pretty: bool = False) -> ResponseParameters:
    """Response parameters with a filter."""
    return ResponseParameters(pretty=pretty, filter_path=read_filter(filter_path))


def test_a_reply_without_response_parameters_stays_the_same(page: BucketPage) -> None:
    """It is the same object, and its body is not made."""
    reply = answer(page, human=False)
    assert shaped(reply, NO_PARAMETERS) is reply
    assert not is_made(reply, "body")


@pytest.mark.usefixtures("writer")
@pytest.mark.parametrize("pretty", [False, True])
def test_a_page_is_filtered_when_it_is_read(page: BucketPage, pretty: bool) -> None:
    """The body and the bytes have the same parts. The first reply does not change."""
    reply = answer(page, human=True)
    found = shaped(reply, parameters("buckets.timestamp*", pretty=pretty))
    assert not is_made(found, "body")
    expected = [{name: row[name] for name in ("timestamp_string", "timestamp")} for row in reply.body["buckets"]]
    assert (found.status, found.headers, found.body) == (200, CONTENT, {"buckets": expected})
    assert json.loads(found.encode()) == found.body
    assert found.encode().startswith(b'{\n  "buckets" : [' if pretty else b'{"buckets":[{"timestamp_string":"')
    assert json.loads(shaped(answer(page, human=False), parameters("count")).encode()) == {"count": 100}


def test_a_body_that_a_filter_empties_is_an_empty_object(page: BucketPage) -> None:
    """A body that was empty before stays without bytes."""
    for reply in (answer(page, human=False), Reply(status=200, body={"a": 1})):
        found = shaped(reply, parameters("x"))
        assert (found.body, found.encode()) == ({}, b"{}")
        assert shaped(reply, parameters("x", pretty=True)).encode() == b"{}\n"
        for same in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found), replace(found)):
            assert (same, same.encode()) == (found, b"{}")
    assert shaped(options(), parameters("x", pretty=True)).encode() == b""


def test_an_error_is_not_filtered() -> None:
    """An error may be indented."""
    reply = refusal(NotFound("gone"))
    assert shaped(reply, parameters("error.type")) == reply
    assert shaped(reply, parameters("x", pretty=True)) == replace(reply, _pretty=True)


def test_any_reply_may_be_shaped() -> None:
    """A body that is given is filtered at once."""
    reply = Reply(status=200, headers={"a": "b"}, body={"name": "n", "version": {"number": "1", "x": 2}})
    found = shaped(reply, parameters("version.number"))
    assert (found.headers, found.body) == ({"a": "b"}, {"version": {"number": "1"}})
    assert reply.body["name"] == "n"
    assert shaped(reply, ResponseParameters(pretty=True)) == replace(reply, _pretty=True)
    assert found != Reply(status=200, headers={"a": "b"}, body=found.body)


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


def parsing(reason: str, cause: BaseException | None = None) -> InvalidQuery:
    """An error of the parser, with a cause."""
    error = InvalidQuery(reason, type="x_content_parse_exception")
    error.__cause__ = cause
    return error


def test_the_root_is_the_innermost_error_of_the_parser() -> None:
    """Each error shows its own cause. An error of another kind is no root unless it stands alone."""
    number = InvalidQuery("no number", type="number_format_exception")
    for errors in (
        [parsing("a")],
        [parsing("a"), number],
        [parsing("a"), parsing("b")],
        [parsing("a"), parsing("b"), number],
    ):
        for error, cause in itertools.pairwise(errors):
            error.__cause__ = cause
        shown = refusal(errors[0]).body["error"]
        parser = [error for error in errors if error is not number]
        assert shown["root_cause"] == [{"type": "x_content_parse_exception", "reason": parser[-1].reason}]
        for error in errors:
            assert (shown["type"], shown["reason"]) == (error.type, error.reason)
            assert ("caused_by" in shown) == (error is not errors[-1])
            shown = shown.get("caused_by", {})
    assert refusal(caused("outer", parsing("inner"))).body["error"]["root_cause"][0]["reason"] == "outer"


def test_a_failed_search_guesses_a_cause_of_some_errors() -> None:
    """An illegal argument is its own cause, after the failed shards. Errors of the server's own kinds are not."""
    reason = {"type": "illegal_argument_exception", "reason": "Result window is too large"}
    error = all_shards_failed(InvalidQuery(reason["reason"])).body["error"]
    assert list(error)[-2:] == ["failed_shards", "caused_by"]
    assert error["caused_by"] == {**reason, "caused_by": reason}
    for kind in ("parse_exception", "query_shard_exception"):
        assert "caused_by" not in all_shards_failed(InvalidQuery("x", type=kind)).body["error"]


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
    reply.body["error"]["caused_by"]["reason"] = "changed"
    assert reply.body["error"]["caused_by"]["caused_by"]["reason"] == "x"
    reply = refusal(InvalidQuery("x"))
    reply.body["error"]["root_cause"][0]["reason"] = "changed"
    assert reply.body["error"]["reason"] == "x"


def test_the_error_of_an_unknown_path_or_method_is_text() -> None:
    """As on the server, the body for an unknown path has no status."""
    text = "no handler found for uri [/x?y] and method [GET]"
    assert (unknown_path("GET", "/x?y").status, unknown_path("GET", "/x?y").body) == (400, {"error": text})
    reason = "Incorrect HTTP method for uri [/x?y] and method [PUT], allowed: [GET, POST]"
    expected = (405, {"error": reason, "status": 405})
    assert (wrong_method("PUT", "/x?y").status, wrong_method("PUT", "/x?y").body) == expected


@pytest.mark.parametrize("method", ["get", "", "PROPFIND", "GET "])
def test_a_method_that_http_does_not_have_has_other_words(method: str) -> None:
    """They are the same for a known and for an unknown path, except for the methods that the path has."""
    for reply, allowed in ((unknown_path(method, "/x"), ""), (wrong_method(method, "/x"), ", allowed: [GET, POST]")):
        expected = (405, {"error": f"Unexpected http method: {method}{allowed}", "status": 405})
        assert (reply.status, reply.body) == expected
        assert ("Allow" in reply.headers) == bool(allowed)


def test_options_of_an_unknown_path_is_empty() -> None:
    """No method is allowed there."""
    reply = unknown_path("OPTIONS", "/x")
    assert (reply.status, reply.headers, reply.encode()) == (200, CONTENT, b"")


def test_a_long_path_or_method_is_shown_in_part() -> None:
    """A path up to 1,000 characters, a method up to 100."""
    for reply in (unknown_path("GET", "/" * 10**6), wrong_method("PUT", "/" * 10**6)):
        assert f"uri [{'/' * 1_000}...] and" in reply.body["error"]
        assert len(reply.encode()) < 1_200
    for reply in (unknown_path("x" * 10**6, "/"), wrong_method("x" * 10**6, "/")):
        assert f"method: {'x' * 100}" in reply.body["error"]
        assert len(reply.encode()) < 200
