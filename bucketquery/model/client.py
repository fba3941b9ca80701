"""The official client's own keywords and spellings, and the query that they ask for."""

from collections.abc import Mapping
from typing import Any

from bucketquery.errors import InvalidQuery
from bucketquery.model.instants import Instant
from bucketquery.model.parameters import is_unset, read_boolean_text, read_double, read_page
from bucketquery.model.queries import AnyQuery, refuse_beside_timestamp, schema_of


def client_query(
    query: type[AnyQuery],
    *,
    jobs: str,
    start: Instant | None,
    end: Instant | None,
    score: float | str | None,
    exclude_interim: bool | str | None,
    sort: str | None,
    desc: bool | str | None,
    from_: int | None,
    size: int | None,
    page: Mapping[str, int] | None,
    timestamp: Instant | None = None,
    expand: bool | str | None = None,
) -> AnyQuery:
    """The query that the official client's keywords ask for; None is not given.

    Numbers and booleans may be text, as the API takes them. Beside ``timestamp`` a parameter of a window, threshold or
    page must not be given at all, not even with its default.

    ``query`` says for which kind of results; only that for buckets has ``timestamp`` and ``expand``. ``score`` is the
    threshold, whatever its name is.

    Raises:
        InvalidQuery: as the query does; also ``page`` together with ``from_`` or ``size``.
        LimitExceeded: as the query does.
    """
    threshold = schema_of(query).score
    given: dict[str, Any] = {
        "start": None if is_unset(start) else start,
        "end": None if is_unset(end) else end,
        threshold: read_double(score, threshold) if isinstance(score, str) else score,
        "from_": from_,
        "size": size,
    }
    if page is not None:
        if from_ is not None or size is not None:
            reason = "[page] is incompatible with [from_] and [size]; give one or the other"
            raise InvalidQuery(reason, field="page", value=page)
        given |= read_page(page)
    if timestamp is not None:
        # An empty `page` is given too.
        beside = {"page": page, **given}
        refuse_beside_timestamp(name for name, value in beside.items() if value is not None)
    given |= {
        "timestamp": timestamp,
        "sort": sort,
        "desc": read_boolean_text(desc, "desc"),
        "exclude_interim": read_boolean_text(exclude_interim, "exclude_interim"),
        "expand": read_boolean_text(expand, "expand"),
    }
    return query(jobs=jobs, **{name: value for name, value in given.items() if value is not None})
