"""The endpoints as data: their parameters in order, the JSON types of each, and the function that reads its value.

This module reads the forms that a value has in a request. `queries` decides the meaning of the value.
"""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from bucketquery.elastic.response_parameters import is_blank, read_flag
from bucketquery.errors import InvalidQuery
from bucketquery.model.text import brief
from bucketquery.queries.client_keywords import read_boolean_text, read_double, read_page
from bucketquery.queries.durations import read_duration
from bucketquery.queries.overall import overall_question, read_top_n
from bucketquery.queries.parameters import is_unset
from bucketquery.queries.queries import BucketQuery, InfluencerQuery, RecordQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint of the API.

    Attributes:
        query: the function that makes its query from the parameters.
        action: the server's name for the endpoint, as its errors have it.
        parameters: their names in a body, in the order in which the server reads them from a URL.
        beside_body: the parameters of the query that the URL of a request with a body may have.
    """

    query: Callable[..., Any]
    action: str
    parameters: tuple[str, ...]
    beside_body: frozenset[str]

    @property
    def has_lookup(self) -> bool:
        """Whether one result can be looked up by its timestamp, which may be in the path."""
        return "timestamp" in self.parameters


#: The endpoints by the last word of their paths, ``/_ml/anomaly_detectors/{job_id}/results/...``.
ENDPOINTS: Final = {
    "buckets": Endpoint(
        query=BucketQuery,
        action="cluster:monitor/xpack/ml/job/results/buckets/get",
        parameters=(
            "timestamp",
            "page",
            "start",
            "end",
            "anomaly_score",
            "sort",
            "desc",
            "expand",
            "exclude_interim",
        ),
        beside_body=frozenset({"timestamp"}),
    ),
    "records": Endpoint(
        query=RecordQuery,
        action="cluster:monitor/xpack/ml/job/results/records/get",
        parameters=("start", "end", "exclude_interim", "page", "record_score", "sort", "desc"),
        beside_body=frozenset(),
    ),
    "influencers": Endpoint(
        query=InfluencerQuery,
        action="cluster:monitor/xpack/ml/job/results/influencers/get",
        parameters=("start", "end", "exclude_interim", "page", "influencer_score", "sort", "desc"),
        beside_body=frozenset({"start", "end"}),  # the server reads them and ignores them
    ),
}

#: The endpoint of overall buckets, whose path has no query of one job.
OVERALL: Final = Endpoint(
    query=overall_question,
    action="cluster:monitor/xpack/ml/job/results/overall_buckets/get",
    parameters=(
        "top_n",
        "bucket_span",
        "overall_score",
        "exclude_interim",
        "start",
        "end",
        "allow_no_match",
        "allow_no_jobs",
    ),
    beside_body=frozenset(),
)

#: The parameters that a body has in its ``page``, and a URL at the top level.
PAGE: Final = ("from", "size")

_JSON_TYPES: Final = {
    str: "VALUE_STRING",
    int: "VALUE_NUMBER",
    float: "VALUE_NUMBER",
    bool: "VALUE_BOOLEAN",
    type(None): "VALUE_NULL",
    dict: "START_OBJECT",
    list: "START_ARRAY",
}
_JAVA_INT = re.compile(r"[+-]?[0-9]+")
_LEAST_INT: Final = -(2**31)
_GREATEST_INT: Final = 2**31 - 1


def json_type(value: object) -> str:
    """The server's word for the type of a value; the value has a built-in type.

    >>> json_type("2026"), json_type(True), json_type(...)
    ('VALUE_STRING', 'VALUE_BOOLEAN', 'VALUE_EMBEDDED_OBJECT')
    """
    return _JSON_TYPES.get(type(value), "VALUE_EMBEDDED_OBJECT")


def malformed(reason: str) -> InvalidQuery:
    """The error of a body that the server's parser refuses."""
    return InvalidQuery(reason, type="x_content_parse_exception")


def typed(fields: Mapping[str, Any], where: str, names: Collection[str]) -> Iterator[tuple[str, Any]]:
    """The fields of a JSON object in its own order. The name and the type of each are checked before it is yielded.

    Raises:
        InvalidQuery: a field is not one of ``names``, or its value has a type that the field never has.

    >>> list(typed({"from": 5, "size": "10"}, "page", PAGE))
    [('from', 5), ('size', '10')]
    """
    for name, value in fields.items():
        if name not in names:
            raise malformed(f"[{where}] unknown field [{brief(name)}]{did_you_mean(name, names)}")
        if type(value) not in PARAMETERS[name].types:
            raise malformed(f"[{where}] {name} doesn't support values of type: {json_type(value)}")
        yield name, value


def did_you_mean(name: str, known: Collection[str]) -> str:
    """A hint with the similar names, the most similar first; empty if no name is similar.

    Source: the server's ``SuggestingErrorOnUnknown``, by Lucene's ``LevenshteinDistance``.

    >>> did_you_mean("strat", ("start", "end"))
    ' did you mean [start]?'
    """
    similar = sorted((-likeness, other) for other in known if (likeness := _likeness(name, other)) > 1 / 2)
    listed = ", ".join(other for _, other in similar)
    if not listed:
        return ""
    return f" did you mean [{listed}]?" if len(similar) == 1 else f" did you mean any of [{listed}]?"


def _likeness(one: str, other: str) -> float:
    """The share of letters that need no change: 1 for the same text, 0 for nothing in common."""
    shorter, longer = sorted((len(one), len(other)))
    if 2 * shorter <= longer:
        return 0.0  # any value up to one half has the same effect
    costs = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        above, costs = costs, [row]
        for column, theirs in enumerate(other, 1):
            costs.append(min(above[column] + 1, costs[-1] + 1, above[column - 1] + (letter != theirs)))
    return 1 - costs[-1] / longer


# Each function that reads a value returns None if the parameter is unset.


class Parameter(NamedTuple):
    """One parameter of the API. Both functions return its value for the query; their second argument is its name.

    Attributes:
        from_url: reads the text in a URL.
        from_body: reads a value of a body that has one of these types.
        types: the types that the value may have in a body.
    """

    from_url: Callable[[Any, str], Any]
    from_body: Callable[[Any, str], Any]
    types: tuple[type, ...]


def _as_it_is(value: str, _: str) -> str:
    return value


def _of_the_path(_value: str, _name: str) -> None:
    """None: the path gives the job, and the one in the body is ignored."""


def _read_instant(value: str | float, name: str) -> str | int:
    """Text as it is; a number as epoch ms, floored."""
    if isinstance(value, str | int):
        return value
    if value.is_integer():
        return int(value)
    if math.isinf(value):
        raise InvalidQuery(f"[{name}] is a number beyond all instants", field=name, value=value)
    # The floor of -0.5 is an instant, but the number -1 would mean unset. So the floor of a fraction becomes text.
    return f"{math.floor(value)}.0"


def _read_bound(value: str | float | None, name: str) -> str | int | None:
    return None if value is None or is_unset(value) else _read_instant(value, name)


def _read_score(value: str | float, name: str) -> float:
    return read_double(value, name) if isinstance(value, str) else value


def _read_flag_of_body(value: Any, name: str) -> bool | None:
    return False if isinstance(value, str) and is_blank(value) else read_boolean_text(value, name)


def _read_digits(value: str, name: str) -> int:
    """A 32-bit integer of a URL, as Java's ``Integer.parseInt`` reads it."""
    # Python refuses to read thousands of digits as an integer, but not as a float, which holds 32 bits exactly.
    if _JAVA_INT.fullmatch(value) and _LEAST_INT <= (number := float(value)) <= _GREATEST_INT:
        return int(number)
    raise InvalidQuery(f"Failed to parse int parameter [{name}] with value [{brief(value)}]", field=name, value=value)


def _read_number(value: str | float, name: str) -> int:
    """A 32-bit integer of a body. A fraction is cut off, and text is read as a double first, so ``NaN`` is 0."""
    if isinstance(value, str):
        number = read_double(value, name)
        if number < _LEAST_INT or number > _GREATEST_INT:
            raise InvalidQuery(f"Value [{brief(value)}] is out of range for an integer", field=name, value=value)
        return 0 if math.isnan(number) else int(number)
    if _LEAST_INT <= value <= _GREATEST_INT:
        return int(value)
    reason = f"Numeric value ({brief(value)}) out of range of int ({_LEAST_INT} - {_GREATEST_INT})"
    raise InvalidQuery(reason, field=name, value=value, type="x_content_parse_exception")


def _read_top_n_of_url(value: str, name: str) -> int:
    return read_top_n(_read_digits(value, name), name)


def _read_top_n_of_body(value: str | float, name: str) -> int:
    return read_top_n(_read_number(value, name), name)


def _read_span(value: str, name: str) -> str:
    """The same text, checked to be a duration."""
    read_duration(value, name)
    return value


def _read_page_of_url(page: dict[str, str], _: str) -> dict[str, int]:
    return read_page({name: _read_digits(page[name], name) for name in PAGE if name in page})


def _read_page_of_body(page: dict[str, Any], _: str) -> dict[str, int]:
    """Read a page as the server does: it makes the page when both fields have arrived, otherwise at the end."""
    read: dict[str, int] = {}
    made = None
    for name, value in typed(page, "page", PAGE):
        try:
            read[name] = _read_number(value, name)
            if len(read) == len(PAGE):
                made = _make_page(read)
        except InvalidQuery as error:
            raise malformed(f"[page] failed to parse field [{name}]") from error
    return _make_page(read) if made is None else made


def _make_page(read: dict[str, int]) -> dict[str, int]:
    try:
        return read_page({name: read[name] for name in PAGE if name in read})
    except InvalidQuery as error:
        raise malformed("Failed to build [page] after last required field arrived") from error


_BOUND: Final = Parameter(_read_bound, _read_bound, (str, int, float, type(None)))
_SCORE: Final = Parameter(_read_score, _read_score, (str, int, float))
_FLAG: Final = Parameter(read_flag, _read_flag_of_body, (str, bool))
_INTEGER: Final = Parameter(_read_digits, _read_number, (str, int, float))

PARAMETERS: Final = {
    "job_id": Parameter(_of_the_path, _of_the_path, (str,)),
    "timestamp": Parameter(_read_instant, _read_instant, (str, int, float)),
    "start": _BOUND,
    "end": _BOUND,
    "anomaly_score": _SCORE,
    "record_score": _SCORE,
    "influencer_score": _SCORE,
    "exclude_interim": _FLAG,
    "expand": _FLAG,
    "sort": Parameter(_as_it_is, _as_it_is, (str,)),
    "desc": _FLAG,
    "page": Parameter(_read_page_of_url, _read_page_of_body, (dict,)),
    "top_n": Parameter(_read_top_n_of_url, _read_top_n_of_body, (str, int, float)),
    "bucket_span": Parameter(_read_span, _read_span, (str,)),
    "overall_score": _SCORE,
    "allow_no_match": _FLAG,
    "allow_no_jobs": _FLAG,
    "from": _INTEGER,
    "size": _INTEGER,
}
