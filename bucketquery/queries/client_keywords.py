"""The official client's own keywords and spellings, and the query that they ask for."""

from collections.abc import Mapping
from typing import Any, Final

from bucketquery.errors import InvalidQuery
from bucketquery.model.instants import Instant
from bucketquery.queries.parameters import is_unset, read_boolean_text, read_double, read_page, read_text
from bucketquery.queries.queries import AnyQuery
from bucketquery.queries.query import refuse_beside_timestamp

_new: Final = object.__new__


def client_query(
    query: type[AnyQuery],
    *,
    job_id: str,
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

    The job is taken as it is, and found to be unknown when it is asked, also where none could be called so. ``query``
    says for which kind of results; only that for buckets has ``timestamp`` and ``expand``. ``score`` is the
    threshold, whatever its name is.

    Raises:
        InvalidQuery: as the query does; also ``page`` together with ``from_`` or ``size``.
        LimitExceeded: as the query does.
    """
    if type(job_id) is not str:
        job_id = read_text(job_id, "job_id")
    if isinstance(score, str):
        score = read_double(score, query._schema.score)
    if page is not None:
        if from_ is not None or size is not None:
            reason = "[page] is incompatible with [from_] and [size]; give one or the other"
            raise InvalidQuery(reason, field="page", value=page)
        given = read_page(page)
        from_, size = given.get("from_"), given.get("size")
    if timestamp is not None:
        beside = {
            # An empty `page` is given too.
            "page": page,
            "start": None if is_unset(start) else start,
            "end": None if is_unset(end) else end,
            query._schema.score: score,
            "from_": from_,
            "size": size,
        }
        refuse_beside_timestamp(name for name, value in beside.items() if value is not None)
    defaults: Any = query.__init__.__kwdefaults__
    asked = _new(query)
    asked._read(
        jobs=(job_id,),
        desc=defaults["desc"] if desc is None else read_boolean_text(desc, "desc"),
        exclude_interim=exclude_interim is not None and read_boolean_text(exclude_interim, "exclude_interim"),
        expand=expand is not None and read_boolean_text(expand, "expand"),
        start=start,
        end=end,
        score=0.0 if score is None else score,
        sort=defaults["sort"] if sort is None else sort,
        from_=0 if from_ is None else from_,
        size=100 if size is None else size,
        timestamp=timestamp,
    )
    return asked
