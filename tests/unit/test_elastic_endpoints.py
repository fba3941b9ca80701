"""Endpoints: the accepted forms of each parameter, and suggestions for misspelled names."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from bucketquery import BucketQuery, InvalidQuery
from bucketquery.elastic.endpoints import ENDPOINTS, PARAMETERS, did_you_mean, json_type, typed


def read(name: str, value: Any) -> Any:
    """The value that a parameter of a body is read as."""
    return PARAMETERS[name].from_body(value, name)


def read_url(name: str, value: Any) -> Any:
    """The value that a parameter of a URL is read as."""
    return PARAMETERS[name].from_url(value, name)


def refused(name: str, value: Any, read: Callable[[str, Any], Any] = read) -> InvalidQuery:
    """The error of a value that is refused."""
    with pytest.raises(InvalidQuery) as caught:
        read(name, value)
    return caught.value


def causes(error: BaseException) -> list[str]:
    """The reasons of an error and of its causes."""
    return [str(error), *(causes(error.__cause__) if error.__cause__ else [])]


def test_every_parameter_has_its_forms() -> None:
    """``PARAMETERS`` has every name that an endpoint uses. Only buckets have a lookup."""
    named = {name for endpoint in ENDPOINTS.values() for name in (*endpoint.parameters, *endpoint.beside_body)}
    assert named <= PARAMETERS.keys()
    assert [results for results, endpoint in ENDPOINTS.items() if endpoint.has_lookup] == ["buckets"]


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_every_endpoint_takes_the_parameters_of_its_query(endpoint: Any) -> None:
    """Each parameter is a keyword of the query, except ``page``, which stands for two."""
    keywords = {name: read_url(name, value) for name, value in samples(endpoint).items() if name != "page"}
    query = endpoint.query(jobs="web", **keywords)
    assert (query.jobs, query.sort, query.desc) == (("web",), "timestamp", True)


def samples(endpoint: Any) -> dict[str, Any]:
    """A value for each parameter of an endpoint, except ``timestamp``, which excludes some of the others."""
    texts = {"sort": "timestamp", "start": "1970", "end": "1971", "desc": "", "expand": "", "exclude_interim": ""}
    return {name: texts.get(name, "5") for name in endpoint.parameters if name != "timestamp"}


@pytest.mark.parametrize("name", ["start", "end", "timestamp"])
def test_instants_are_text_or_numbers_rounded_down(name: str) -> None:
    """Text stays as it is. A number with a fraction becomes text, so it is never the -1 that means unset."""
    for value in ("2026", "", "now-1d", 5, 10**30):
        assert read(name, value) == value
    assert read_url(name, "2026") == "2026"
    assert [read(name, value) for value in (5.0, 5.5, -5.5, -0.5)] == [5, "5.0", "-6.0", "-1.0"]
    assert refused(name, math.inf).reason == f"[{name}] is a number beyond all instants"
    assert BucketQuery(jobs="web", end=read("end", -0.5)).end is not None


def test_an_open_side_is_unset() -> None:
    """None and -1 leave ``start`` open. In a lookup, -1 is an instant."""
    assert [read("start", value) for value in (None, -1, "-1", -1.0)] == [None, None, None, -1]
    assert read("timestamp", -1) == -1


def test_scores_are_numbers_or_text_that_java_reads() -> None:
    """Text is accepted if Java reads it as a double."""
    for name in ("anomaly_score", "record_score", "influencer_score"):
        assert [read(name, value) for value in (5, 0.5, " 7.5 ", "1e2", "3d")] == [5, 0.5, 7.5, 100.0, 3.0]
        assert math.isnan(read(name, "NaN"))
        assert (refused(name, "abc").type, refused(name, "").reason) == ("number_format_exception", "empty String")
        assert read_url(name, " 7.5 ") == 7.5


def test_booleans_are_booleans_or_their_names() -> None:
    """The spelling must be exact. Text without letters is false in a body. In a URL it is true if it is empty."""
    for name in ("desc", "expand", "exclude_interim"):
        assert [read(name, value) for value in (True, False, "true", "false", "", " \t")] == [True, False] * 2 + [
            False
        ] * 2
        assert [read_url(name, value) for value in ("true", "false", "", " \t")] == [True, False, True, None]
        for wrong in ("True", "1", " true", "\xa0"):
            reason = f"Failed to parse value [{wrong}] as only [true] or [false] are allowed."
            assert refused(name, wrong).reason == refused(name, wrong, read_url).reason == reason


@pytest.mark.parametrize("value", ["5", "+5", "005", "-0", "0" * 5_000 + "7", str(2**31 - 1), str(-(2**31))])
def test_integers_of_a_url_are_digits(value: str) -> None:
    """They may have a sign and leading zeros."""
    assert read_url("from", value) == int(value.lstrip("0") or 0)
    assert type(read_url("from", value)) is int


@pytest.mark.parametrize(
    "value", ["", " 5", "5.0", "x", "2147483648", "-2147483649", "1e1", "\u0665", "5_0", "5" * 9_999]
)
def test_other_integers_of_a_url_are_refused(value: str) -> None:
    """Fractions, blanks and numbers beyond 32 bits are refused. The message stays short."""
    reason = f"Failed to parse int parameter [size] with value [{value[:100]}]"
    assert refused("size", value, read_url).reason == reason


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0),
        (5.0, 5),
        (5.999, 5),
        (-0.5, 0),
        (-5.9, -5),
        ("5", 5),
        (" 5.7d ", 5),
        ("-1e1", -10),
        ("NaN", 0),
        (2**31 - 1, 2**31 - 1),
        ("2147483647", 2**31 - 1),
        (-(2.0**31), -(2**31)),
    ],
)
def test_integers_of_a_body_are_cut_off(value: Any, number: int) -> None:
    """A fraction is dropped. Text is a double first, as Java reads it."""
    assert read("from", value) == number
    assert type(read("from", value)) is int


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        ("x", "number_format_exception", 'For input string: "x"'),
        ("", "number_format_exception", "empty String"),
        ("2147483648", "illegal_argument_exception", "Value [2147483648] is out of range for an integer"),
        ("-Infinity", "illegal_argument_exception", "Value [-Infinity] is out of range for an integer"),
        (
            2**31,
            "x_content_parse_exception",
            "Numeric value (2147483648) out of range of int (-2147483648 - 2147483647)",
        ),
        (1e300, "x_content_parse_exception", "Numeric value (1e+300) out of range of int (-2147483648 - 2147483647)"),
        (10**400, "x_content_parse_exception", "Numeric value (int) out of range of int (-2147483648 - 2147483647)"),
        (math.inf, "x_content_parse_exception", "Numeric value (inf) out of range of int (-2147483648 - 2147483647)"),
    ],
    ids=str,
)
def test_other_integers_of_a_body_are_refused(value: Any, kind: str, reason: str) -> None:
    """Numbers beyond 32 bits have other words than text beyond them."""
    assert (refused("size", value).type, refused("size", value).reason) == (kind, reason)


def test_a_page_is_two_integers() -> None:
    """Either may be missing. In a URL both are read before a negative one is refused."""
    assert [read("page", page) for page in ({}, {"size": "5"})] == [{}, {"size": 5}]
    assert read("page", {"size": 5, "from": 1.0}) == {"from_": 1, "size": 5}
    assert [read_url("page", page) for page in ({}, {"size": "5"})] == [{}, {"size": 5}]
    assert refused("page", {"size": "-1", "from": "-1"}, read_url).reason == "Parameter [from] cannot be < 0"
    words = "Failed to parse int parameter [size] with value [x]"
    assert refused("page", {"from": "-1", "size": "x"}, read_url).reason == words


NOT_BUILT = "Failed to build [page] after last required field arrived"


@pytest.mark.parametrize(
    ("page", "reasons"),
    [
        ({"form": 1}, ["[page] unknown field [form]"]),
        ({"from": None}, ["[page] from doesn't support values of type: VALUE_NULL"]),
        ({"from": "x"}, ["[page] failed to parse field [from]", 'For input string: "x"']),
        ({"from": -1}, [NOT_BUILT, "Parameter [from] cannot be < 0"]),
        ({"from": 1, "size": -1}, ["[page] failed to parse field [size]", NOT_BUILT, "Parameter [size] cannot be < 0"]),
        ({"size": 5, "from": -1}, ["[page] failed to parse field [from]", NOT_BUILT, "Parameter [from] cannot be < 0"]),
        ({"size": -1, "x": 1}, ["[page] unknown field [x]"]),
        (
            {"size": -1, "from": 0, "x": 1},
            ["[page] failed to parse field [from]", NOT_BUILT, "Parameter [size] cannot be < 0"],
        ),
        ({"size": 1, "from": 0, "x": 1}, ["[page] unknown field [x]"]),
    ],
    ids=str,
)
def test_a_page_of_a_body_is_made_when_both_fields_are_read(page: dict[str, Any], reasons: list[str]) -> None:
    """The page is made at its end if a field is missing. The error of a field is the cause of the error of the page."""
    error = refused("page", page)
    assert causes(error) == reasons
    assert error.type == "x_content_parse_exception"


def test_the_job_of_a_body_is_ignored() -> None:
    """The job in the path counts. An empty ``sort`` stays as it is."""
    assert read("job_id", "other") is None
    assert read("sort", "") == read_url("sort", "") == ""


def test_fields_are_read_in_their_own_order_until_one_is_wrong() -> None:
    """A field may be wrong by its name or by its type."""
    names = ("start", "end", "desc")
    assert list(typed({"end": 5, "start": None}, "here", names)) == [("end", 5), ("start", None)]
    fields = typed({"end": 5, "desc": 1, "x": 5}, "here", names)
    assert next(fields) == ("end", 5)
    with pytest.raises(InvalidQuery, match=r"\[here\] desc doesn't support values of type: VALUE_NUMBER") as caught:
        next(fields)
    assert caught.value.type == "x_content_parse_exception"
    with pytest.raises(InvalidQuery, match=r"\[here\] unknown field \[ends\] did you mean \[end\]\?"):
        list(typed({"ends": 5}, "here", names))


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("", "VALUE_STRING"),
        (5, "VALUE_NUMBER"),
        (5.0, "VALUE_NUMBER"),
        (True, "VALUE_BOOLEAN"),
        (None, "VALUE_NULL"),
        ({}, "START_OBJECT"),
        ([], "START_ARRAY"),
        (..., "VALUE_EMBEDDED_OBJECT"),
        (b"", "VALUE_EMBEDDED_OBJECT"),
    ],
)
def test_types_have_the_servers_names(value: object, word: str) -> None:
    """Values that JSON does not have get a name too."""
    assert json_type(value) == word


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ANOMALY_score", ""),
        ("aNoMaly_score", " did you mean [anomaly_score]?"),
        ("stat", " did you mean [start]?"),
        ("sta", " did you mean [start]?"),
        ("st", ""),
        ("startstart", ""),
        ("anomalyscore", " did you mean [anomaly_score]?"),
        ("initial_score", " did you mean [anomaly_score]?"),
        ("sart", " did you mean any of [start, sort]?"),
        ("sorrt", " did you mean any of [sort, start]?"),
        ("", ""),
        pytest.param("x" * 10**6, "", id="long"),
    ],
)
def test_names_that_are_more_than_half_alike_are_suggested(name: str, hint: str) -> None:
    """The most similar name comes first."""
    assert did_you_mean(name, {"start", "sort", "anomaly_score", "size"}) == hint


def test_equally_similar_names_are_suggested_in_alphabetical_order() -> None:
    """The order of the known names does not matter."""
    assert (
        did_you_mean("aab", ("aac", "aaa")) == did_you_mean("aab", ("aaa", "aac")) == " did you mean any of [aaa, aac]?"
    )
