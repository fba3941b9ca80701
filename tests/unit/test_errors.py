"""Errors: what a service needs to answer with, whichever way they travel."""

import copy
import pickle

import pytest

import bucketquery
from bucketquery import errors
from bucketquery.errors import BucketQueryError, InvalidDocument, InvalidQuery, LimitExceeded, NotFound, UnknownJob

ERRORS = [
    (BucketQueryError, 400, "illegal_argument_exception", Exception),
    (InvalidQuery, 400, "illegal_argument_exception", ValueError),
    (InvalidDocument, 400, "document_parsing_exception", ValueError),
    (LimitExceeded, 400, "illegal_argument_exception", ValueError),
    (UnknownJob, 404, "resource_not_found_exception", LookupError),
    (NotFound, 404, "resource_not_found_exception", LookupError),
]


class Unpicklable:
    """A value that refuses to be pickled, and whose own ``repr`` is not to be trusted."""

    def __reduce__(self) -> str:
        raise RuntimeError("not this one")

    def __repr__(self) -> str:
        raise RuntimeError("nor so")


class OneWay(Exception):
    """An exception that can be pickled and not be unpickled, as many can be that ask for more than a message."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(first)
        self.second = second


@pytest.mark.parametrize(("error", "status", "kind", "builtin"), ERRORS)
def test_an_error_says_what_to_answer(
    error: type[BucketQueryError], status: int, kind: str, builtin: type[Exception]
) -> None:
    """Status and type are the API's, the reason is the text, and the nearest built-in catches it."""
    found = error("No such thing", field="size", value=-1)
    assert (found.status, found.type, found.reason, str(found)) == (status, kind, "No such thing", "No such thing")
    assert (found.field, found.value) == ("size", -1)
    assert isinstance(found, builtin)
    assert isinstance(found, BucketQueryError)


def test_field_and_value_may_be_left_out() -> None:
    """Where no single parameter is meant there is None, and a given type goes before the usual one."""
    found = InvalidQuery("no", type="parse_exception")
    assert (found.field, found.value, found.type, found.status) == (None, None, "parse_exception", 400)


@pytest.mark.parametrize("error", [row[0] for row in ERRORS])
def test_errors_travel_whole(error: type[BucketQueryError]) -> None:
    """A pickled, copied or deeply copied error has everything, its own type included."""
    sent = error("why", field="documents[3].anomaly_score", value={"a": [1]}, type="query_shard_exception")
    for found in (pickle.loads(pickle.dumps(sent)), copy.copy(sent), copy.deepcopy(sent)):
        assert type(found) is error
        assert found.__dict__ == sent.__dict__
        assert str(found) == "why"


def test_what_cannot_be_pickled_travels_as_text() -> None:
    """An error about something unpicklable can be pickled nevertheless, and touches none of its code but pickling's."""
    sent = InvalidDocument("no", field="documents[0]", value=Unpicklable())
    found = pickle.loads(pickle.dumps(sent))
    assert found.field == "documents[0]"
    assert "Unpicklable object at" in found.value


def test_what_cannot_be_unpickled_travels_as_text() -> None:
    """Some values pickle and fail only on the other side, where it would be too late."""
    sent = InvalidDocument("no", field="documents[0]", value=OneWay(1, 2))
    for found in (pickle.loads(pickle.dumps(sent)), copy.deepcopy(sent)):
        assert found.field == "documents[0]"
        assert "OneWay object at" in found.value


def test_every_error_is_public() -> None:
    """Whatever the room names can be imported from the package."""
    assert {row[0].__name__ for row in ERRORS} == set(errors.__all__)
    assert set(errors.__all__) <= set(bucketquery.__all__)
