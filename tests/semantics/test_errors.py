"""Our decision on errors: each carries the status, type and reason of the API, and is also a built-in error."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import pytest

from bucketquery import (
    BucketQueryError,
    InvalidDocument,
    InvalidQuery,
    LimitExceeded,
    NotFound,
    UnknownJob,
)
from support.semantics_tables import BY_SCORE, CALLS, JOB, SCORES, each_row, index_of


@dataclass(frozen=True, slots=True)
class Raised:
    """Parameters that are refused; the class and the built-in class of the error; its status, type and value."""

    rule: str
    claim: str
    asked: dict[str, Any]
    kind: type[BucketQueryError]
    built_in: type[Exception]
    status: int
    error_type: str
    value: Any
    source: str
    _: KW_ONLY
    call: str = "get_buckets"


RAISED = [
    Raised(
        "20.errors",
        "InvalidQuery",
        {"size": -7},
        InvalidQuery,
        ValueError,
        400,
        "illegal_argument_exception",
        -7,
        "6.2",
    ),
    Raised(
        "20.errors",
        "InvalidQuery for a date",
        {"start": "x"},
        InvalidQuery,
        ValueError,
        400,
        "parse_exception",
        "x",
        "1.9",
    ),
    Raised(
        "20.errors",
        "InvalidQuery for a sort",
        {"sort": "x"},
        InvalidQuery,
        ValueError,
        400,
        "query_shard_exception",
        "x",
        "5.6",
    ),
    Raised(
        "20.errors",
        "InvalidQuery for a threshold",
        {"anomaly_score": "x"},
        InvalidQuery,
        ValueError,
        400,
        "number_format_exception",
        "x",
        "3.5",
    ),
    Raised(
        "20.errors",
        "LimitExceeded",
        {"size": 10_001},
        LimitExceeded,
        ValueError,
        400,
        "illegal_argument_exception",
        10_001,
        "ours",
    ),
    Raised(
        "20.errors",
        "UnknownJob",
        {"job_id": "db"},
        UnknownJob,
        LookupError,
        404,
        "resource_not_found_exception",
        "db",
        "11",
    ),
    Raised(
        "20.errors", "NotFound", {"timestamp": 5}, NotFound, LookupError, 404, "resource_not_found_exception", 5, "2.4"
    ),
]
RAISED += [
    Raised(
        "20.errors",
        f"a threshold of {call}",
        {score: "x"},
        InvalidQuery,
        ValueError,
        400,
        "number_format_exception",
        "x",
        "3.5",
        call=call,
    )
    for call, score in ((CALLS[kind], SCORES[kind]) for kind in BY_SCORE)
]


@each_row(RAISED)
def test_error_carries_status_type_reason_and_value(row: Raised) -> None:
    """An error has a status, a type, a reason and a value, and can be caught as its built-in class."""
    with pytest.raises(row.built_in) as caught:
        getattr(index_of([]), row.call)(**({"job_id": JOB} | row.asked))
    error = caught.value
    assert type(error) is row.kind
    assert isinstance(error, BucketQueryError)
    assert (error.status, error.type, error.value) == (row.status, row.error_type, row.value)
    assert str(error) == error.reason != ""


def test_bad_document_is_a_value_error() -> None:
    """A bad document raises InvalidDocument, a ValueError with the type of the server's document parser."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        index_of([{"result_type": "bucket"}])
    assert type(caught.value) is InvalidDocument
    assert (caught.value.status, caught.value.type) == (400, "document_parsing_exception")


@dataclass(frozen=True, slots=True)
class NoKeyword:
    """A keyword that a call does not take: an option of the official client, or a parameter that other calls take."""

    rule: str
    claim: str
    call: str
    name: str
    value: Any
    source: str


NO_KEYWORDS = [
    NoKeyword("20.python-client-habits", f"{call} {name}", call, name, value, "ours: a TypeError")
    for call in CALLS.values()
    for name, value in (
        ("body", {}),
        ("human", True),
        ("pretty", True),
        ("filter_path", "count"),
        ("error_trace", False),
        ("jobs", "web"),
        ("from", 0),
    )
]


@each_row(NO_KEYWORDS)
def test_keyword_that_is_not_a_parameter_is_a_type_error(row: NoKeyword) -> None:
    """A keyword that is not a parameter of the query raises TypeError."""
    with pytest.raises(TypeError):
        getattr(index_of([]), row.call)(**{"job_id": JOB, row.name: row.value})
