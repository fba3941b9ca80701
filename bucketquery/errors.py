"""Errors as data, so that a service can answer without parsing text.

Every error carries the API's HTTP status, error type and words, and the parameter or the document's field that caused
it. Each error is also a ``ValueError`` or a ``LookupError``.
"""

import pickle
from typing import Any, ClassVar

__all__ = [
    "BucketQueryError",
    "ChangesExpired",
    "InvalidCursor",
    "InvalidDocument",
    "InvalidQuery",
    "LimitExceeded",
    "NotFound",
    "UnknownJob",
]


class BucketQueryError(Exception):
    """The base of all errors: a value is invalid, or a job or bucket was not found.

    Attributes:
        status: the API's HTTP status.
        type: the API's error type, such as ``illegal_argument_exception``.
        reason: the API's words if it has words for the case; equal to ``str(error)``.
        field: the parameter, or the position and path, such as ``documents[3].anomaly_score``; None if no single
            parameter or field is wrong.
        value: the given value. If it cannot be pickled, pickles and copies of the error instead have a text that names
            its type.

    >>> BucketQueryError("Parameter [size] cannot be < 0", field="size", value=-1).field
    'size'
    """

    _status: ClassVar[int] = 400
    _type: ClassVar[str] = "illegal_argument_exception"

    status: int
    type: str
    reason: str
    field: str | None
    value: Any

    def __init__(self, reason: str, *, field: str | None = None, value: Any = None, type: str | None = None) -> None:
        super().__init__(reason)
        self.status = self._status
        self.type = self._type if type is None else type
        self.reason = reason
        self.field = field
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.reason, self.field, _picklable(self.value), self.type)


class InvalidQuery(BucketQueryError, ValueError):
    """A parameter has an invalid value.

    >>> error = InvalidQuery("Parameter [size] cannot be < 0", field="size", value=-1)
    >>> error.status, error.type
    (400, 'illegal_argument_exception')
    """


class InvalidDocument(BucketQueryError, ValueError):
    """A document or a column cannot be stored. No part of its batch was stored.

    >>> InvalidDocument("failed to parse field", field="documents[3].anomaly_score").type
    'document_parsing_exception'
    """

    _type = "document_parsing_exception"


class LimitExceeded(BucketQueryError, ValueError):
    """A parameter exceeds a limit that bounds the cost of an answer. The reason names the limit.

    >>> isinstance(LimitExceeded("Parameter [size] cannot be > 10000", field="size"), ValueError)
    True
    """


class InvalidCursor(BucketQueryError, ValueError):
    """A cursor was cut or changed, or it belongs to another query.

    >>> InvalidCursor("[after] is no cursor of this query", field="after").status
    400
    """


class ChangesExpired(BucketQueryError, LookupError):
    """The log has dropped changes after a given sequence. To recover, list the matches: ``changes(query, since=None)``.

    Attributes:
        oldest: the lowest sequence from which the log still has every change of the query.

    >>> error = ChangesExpired("[since] is too old", field="since", value=3, oldest=7)
    >>> error.status, error.oldest
    (410, 7)
    """

    _status = 410
    _type = "resource_gone_exception"

    oldest: int

    def __init__(
        self, reason: str, *, field: str | None = None, value: Any = None, type: str | None = None, oldest: int = 0
    ) -> None:
        super().__init__(reason, field=field, value=value, type=type)
        self.oldest = oldest

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore_expired, (self.reason, self.field, _picklable(self.value), self.type, self.oldest)


class UnknownJob(BucketQueryError, LookupError):
    """A job is not known: `put_job` did not name it, and no result of it was stored.

    >>> UnknownJob("No known job with id 'web'", field="job_id", value="web").status
    404
    """

    _status = 404
    _type = "resource_not_found_exception"


class NotFound(BucketQueryError, LookupError):
    """A lookup by ``timestamp`` matched no bucket.

    >>> NotFound("Could not find requested buckets").type
    'resource_not_found_exception'
    """

    _status = 404
    _type = "resource_not_found_exception"


def _restore(
    error: type[BucketQueryError], reason: str, field: str | None, value: object, error_type: str
) -> BucketQueryError:
    return error(reason, field=field, value=value, type=error_type)


def _restore_expired(reason: str, field: str | None, value: object, error_type: str, oldest: int) -> ChangesExpired:
    return ChangesExpired(reason, field=field, value=value, type=error_type, oldest=oldest)


def _picklable(value: object) -> object:
    # An error that cannot be pickled or unpickled breaks a whole pool of worker processes.
    try:
        pickle.loads(pickle.dumps(value))  # noqa: S301 - our own pickle of the caller's value
    except Exception:  # noqa: BLE001 - pickling runs the caller's code, which may raise anything
        return object.__repr__(value)
    return value
