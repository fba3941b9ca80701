"""What can go wrong, as data that a service can answer with.

Every error carries the HTTP status and the error type that the API gives, its words, and which parameter or which field
of which document is meant. Each is also a ``ValueError`` or a ``LookupError``, whichever is nearer.
"""

import pickle
from typing import Any, ClassVar

__all__ = [
    "BucketQueryError",
    "InvalidDocument",
    "InvalidQuery",
    "LimitExceeded",
    "NotFound",
    "UnknownJob",
]


class BucketQueryError(Exception):
    """Anything this library refuses or does not find.

    Attributes:
        status: the HTTP status that the API gives.
        type: the error type that the API gives, such as ``illegal_argument_exception``.
        reason: the API's words where it has words; ``str(error)`` is the same.
        field: the parameter, or position and path such as ``documents[3].anomaly_score``; None where no single one is
            meant.
        value: what was given there. Pickled and copied as a line that names its type if it cannot be pickled.

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
    """A parameter has a value that no query may have.

    >>> error = InvalidQuery("Parameter [size] cannot be < 0", field="size", value=-1)
    >>> error.status, error.type
    (400, 'illegal_argument_exception')
    """


class InvalidDocument(BucketQueryError, ValueError):
    """A document or a column cannot be stored; nothing of its batch was.

    >>> InvalidDocument("failed to parse field", field="documents[3].anomaly_score").type
    'document_parsing_exception'
    """

    _type = "document_parsing_exception"


class LimitExceeded(BucketQueryError, ValueError):
    """A bound that keeps answers cheap was passed; the reason names it.

    >>> isinstance(LimitExceeded("Parameter [size] cannot be > 10000", field="size"), ValueError)
    True
    """


class UnknownJob(BucketQueryError, LookupError):
    """No job of this name was put, and no result of it stored.

    >>> UnknownJob("No known job with id 'web'", field="job_id", value="web").status
    404
    """

    _status = 404
    _type = "resource_not_found_exception"


class NotFound(BucketQueryError, LookupError):
    """A lookup by ``timestamp`` matched nothing.

    >>> NotFound("Could not find requested buckets").type
    'resource_not_found_exception'
    """

    _status = 404
    _type = "resource_not_found_exception"


def _restore(
    error: type[BucketQueryError], reason: str, field: str | None, value: object, error_type: str
) -> BucketQueryError:
    return error(reason, field=field, value=value, type=error_type)


def _picklable(value: object) -> object:
    # An error that cannot be pickled, or not be unpickled, takes a whole pool of worker processes with it, whatever the
    # caller had put in.
    try:
        pickle.loads(pickle.dumps(value))  # noqa: S301 - our own pickle, of what the caller holds already
    except Exception:  # noqa: BLE001 - pickling runs code of the caller's, which may raise anything
        return object.__repr__(value)
    return value
