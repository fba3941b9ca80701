"""The official client's keywords: the spellings of their values, and the query that they make.

The client takes numbers and booleans as text too, and a page as an object. `Snapshot.get_buckets`, `get_records` and
`get_influencers` promise the same spellings, and the API's words for refusals (docs/semantics, rules 3.5, 4.4 and 6.2).
The REST door reads its URLs and bodies with the same functions. A prepared query does not accept text for a number or a
boolean.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from bucketquery.errors import InvalidQuery
from bucketquery.model.instants import Instant
from bucketquery.model.scalars import base_form
from bucketquery.model.text import brief
from bucketquery.queries.parameters import is_unset, read_boolean, read_integer, read_text
from bucketquery.queries.queries import AnyQuery
from bucketquery.queries.query import refuse_beside_timestamp

_new: Final = object.__new__

#: A decimal number, with or without a type letter. Hexadecimal numbers, which Java also reads, are refused.
_DOUBLE = re.compile(r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?|NaN|Infinity)")
#: The characters that Java trims: U+0000 to U+0020, the space.
_BLANKS: Final = "".join(map(chr, range(0x21)))

_BOOLEANS: Final = {"true": True, "false": False}
_PAGE_NAMES: Final = {"from": "from_", "size": "size"}


def read_double(text: str, name: str) -> float:
    """The number that a text means, as Java's ``Double.parseDouble`` reads it.

    Raises:
        InvalidQuery: the text is not a number.

    >>> read_double(" 75.5d ", "anomaly_score")
    75.5
    """
    bare = text.strip(_BLANKS)
    if _DOUBLE.fullmatch(bare):
        return float(bare.rstrip("fFdD") if bare[-1] in "fFdD" else bare)
    reason = f'For input string: "{text[:100]}"' if bare else "empty String"
    raise InvalidQuery(reason, field=name, value=text, type="number_format_exception")


def read_boolean_text(value: object, name: str) -> bool | None:
    """A bool, given as a bool or as the text ``true`` or ``false``; None, which means not given, stays None.

    Raises:
        InvalidQuery: it is neither.
    """
    if value is None:
        return None
    base = base_form(value)
    return _BOOLEANS[base] if type(base) is str and base in _BOOLEANS else read_boolean(value, name)


def read_page(page: object) -> dict[str, int]:
    """The parameters ``from_`` and ``size`` that a ``page`` gives: one, both or neither.

    Raises:
        InvalidQuery: the page is not a mapping, has another field, or gives no non-negative integer.
    """
    if not isinstance(page, Mapping):
        raise InvalidQuery("[page] must be an object with [from] and [size]", field="page", value=page)
    named = [(base_form(name), value) for name, value in page.items()]
    for name, _ in named:
        if type(name) is not str or name not in _PAGE_NAMES:
            raise InvalidQuery(f"[page] unknown field [{brief(name)}]", field="page", value=page)
    return {_PAGE_NAMES[name]: read_integer(value, name, f"page.{name}") for name, value in named}


def client_query(
    kind: type[AnyQuery],
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
    """The query that the official client's keywords make; None means not given.

    If ``timestamp`` is given, a window, a threshold or a page is refused, even with its default value.

    Args:
        kind: the class of the query; only `BucketQuery` has ``timestamp`` and ``expand``.
        job_id: any text. An invalid id is an unknown job, like any other id that no job has.
        start: first instant included; None and -1 leave this side open.
        end: first instant excluded; None and -1 leave this side open.
        score: the threshold of the kind's score; a number or numeric text.
        exclude_interim: a bool or its text.
        sort: the field to sort by.
        desc: a bool or its text.
        from_: number of matches to skip.
        size: maximum number of matches on the page.
        page: an object with ``from`` and ``size``, in place of ``from_`` and ``size``.
        timestamp: the instant of a lookup.
        expand: a bool or its text.

    Raises:
        InvalidQuery: the query refuses a parameter, or ``page`` is given together with ``from_`` or ``size``.
        LimitExceeded: a parameter exceeds a limit of the query.
    """
    if type(job_id) is not str:
        job_id = read_text(job_id, "job_id")
    if score is not None and type(score) is not float:
        text = base_form(score)
        if type(text) is str:
            score = read_double(text, kind._schema.score)
    if page is not None:
        if from_ is not None or size is not None:
            reason = "[page] is incompatible with [from_] and [size]; give one or the other"
            raise InvalidQuery(reason, field="page", value=page)
        given = read_page(page)
        from_, size = given.get("from_"), given.get("size")
    if timestamp is not None:
        beside = {
            # An empty `page` counts as given.
            "page": page,
            "start": None if is_unset(start) else start,
            "end": None if is_unset(end) else end,
            kind._schema.score: score,
            "from_": from_,
            "size": size,
        }
        refuse_beside_timestamp(name for name, value in beside.items() if value is not None)
    defaults: Any = kind.__init__.__kwdefaults__
    query = _new(kind)
    query._read(
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
        takes_band=False,
    )
    return query
