"""Errors: the status, type and reason that a service answers with, before and after pickling."""

import copy
import pickle

import pytest

import bucketquery
from bucketquery import errors
from bucketquery.errors import (
    BucketQueryError,
    ChangesExpired,
    InvalidCursor,
    InvalidDocument,
    InvalidQuery,
    LimitExceeded,
    NotFound,
    UnknownJob,
)

ERRORS = [
    (BucketQueryError, 400, "illegal_argument_exception", Exception),
    (InvalidQuery, 400, "illegal_argument_exception", ValueError),
    (InvalidDocument, 400, "document_parsing_exception", ValueError),
    (InvalidCursor, 400, "illegal_argument_exception", ValueError),
    (ChangesExpired, 410, "resource_gone_exception", LookupError),
    (LimitExceeded, 400, "illegal_argument_exception", ValueError),
    (UnknownJob, 404, "resource_not_found_exception", LookupError),
    (NotFound, 404, "resource_not_found_exception", LookupError),
]


class Unpicklable:
    """A value that can neither be pickled nor shown by ``repr``."""

    def __reduce__(self) -> str:
        raise RuntimeError("cannot be pickled")

    def __repr__(self) -> str:
        raise RuntimeError("cannot be shown")


class OneWay(Exception):
    """An exception that can be pickled but not unpickled, like many that require a second argument."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(first)
        self.second = second


@pytest.mark.parametrize(("error", "status", "kind", "builtin"), ERRORS)
def test_an_error_has_the_apis_status_and_type(
    error: type[BucketQueryError], status: int, kind: str, builtin: type[Exception]
) -> None:
    """The reason is the error's text, and the nearest built-in class catches the error."""
    found = error("No such thing", field="size", value=-1)
    assert (found.status, found.type, found.reason, str(found)) == (status, kind, "No such thing", "No such thing")
    assert (found.field, found.value) == ("size", -1)
    assert isinstance(found, builtin)
    assert isinstance(found, BucketQueryError)


def test_field_and_value_may_be_left_out() -> None:
    """Both are None if the error is not about one parameter. An explicit ``type`` replaces the default."""
    found = InvalidQuery("no", type="parse_exception")
    assert (found.field, found.value, found.type, found.status) == (None, None, "parse_exception", 400)


@pytest.mark.parametrize("error", [row[0] for row in ERRORS])
def test_errors_can_be_pickled_and_copied(error: type[BucketQueryError]) -> None:
    """A pickled, copied or deeply copied error has the same class and the same attributes."""
    sent = error("why", field="documents[3].anomaly_score", value={"a": [1]}, type="query_shard_exception")
    for found in (pickle.loads(pickle.dumps(sent)), copy.copy(sent), copy.deepcopy(sent)):
        assert type(found) is error
        assert found.__dict__ == sent.__dict__
        assert str(found) == "why"


def test_an_unpicklable_value_is_pickled_as_text() -> None:
    """Pickling the error calls none of the value's methods except those of pickling."""
    sent = InvalidDocument("no", field="documents[0]", value=Unpicklable())
    found = pickle.loads(pickle.dumps(sent))
    assert found.field == "documents[0]"
    assert "Unpicklable object at" in found.value


def test_a_value_that_cannot_be_unpickled_is_pickled_as_text() -> None:
    """Some values can be pickled and fail only when they are unpickled."""
    sent = InvalidDocument("no", field="documents[0]", value=OneWay(1, 2))
    for found in (pickle.loads(pickle.dumps(sent)), copy.deepcopy(sent)):
        assert found.field == "documents[0]"
        assert "OneWay object at" in found.value


def test_every_error_is_public() -> None:
    """Every name in ``errors.__all__`` can be imported from the package."""
    assert {row[0].__name__ for row in ERRORS} == set(errors.__all__)
    assert set(errors.__all__) <= set(bucketquery.__all__)
