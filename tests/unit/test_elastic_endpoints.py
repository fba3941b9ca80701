"""Endpoints: the accepted forms of each parameter, and suggestions for misspelled names."""

import math
from typing import Any

import pytest

from bucketquery import BucketQuery, InvalidQuery
from bucketquery.elastic.endpoints import ENDPOINTS, PARAMETERS, did_you_mean, json_type, typed


def read(name: str, value: Any) -> Any:
    """The value that a parameter is read as."""
    return PARAMETERS[name].read(value, name)


def refused(name: str, value: Any) -> InvalidQuery:
    """The error of a value that is refused."""
    with pytest.raises(InvalidQuery) as caught:
        read(name, value)
    return caught.value


def test_every_parameter_has_its_forms() -> None:
    """``PARAMETERS`` has every name that an endpoint uses. Only buckets have a lookup."""
    named = {name for endpoint in ENDPOINTS.values() for name in (*endpoint.parameters, *endpoint.beside_body)}
    assert named <= PARAMETERS.keys()
    assert [results for results, endpoint in ENDPOINTS.items() if endpoint.has_lookup] == ["buckets"]


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_every_endpoint_takes_the_parameters_of_its_query(endpoint: Any) -> None:
    """Each parameter is a keyword of the query, except ``page``, which stands for two."""
    keywords = {name: PARAMETERS[name].read(value, name) for name, value in samples(endpoint).items() if name != "page"}
    query = endpoint.query(jobs="web", **keywords)
    assert (query.jobs, query.sort, query.desc) == (("web",), "timestamp", True)


def samples(endpoint: Any) -> dict[str, Any]:
    """A value for each parameter of an endpoint, except ``timestamp``, which excludes some of the others."""
    texts = {"sort": "timestamp", "start": "1970", "end": "1971"}
    bare = {name: PARAMETERS[name].bare or "5" for name in endpoint.parameters}
    return {name: texts.get(name, value) for name, value in bare.items() if name != "timestamp"}


@pytest.mark.parametrize("name", ["start", "end", "timestamp"])
def test_instants_are_text_or_numbers_rounded_down(name: str) -> None:
    """Text stays as it is. A number with a fraction becomes text, so it is never the -1 that means unset."""
    for value in ("2026", "", "now-1d", 5, 10**30):
        assert read(name, value) == value
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


def test_booleans_are_booleans_or_their_names() -> None:
    """The spelling must be exact. A bare name in a URL is true."""
    for name in ("desc", "expand", "exclude_interim", "human", "pretty"):
        assert [read(name, value) for value in (True, False, "true", "false")] == [True, False, True, False]
        for wrong in ("True", "1", "", " true"):
            reason = f"Failed to parse value [{wrong}] as only [true] or [false] are allowed."
            assert refused(name, wrong).reason == reason
        assert PARAMETERS[name].bare == "true"


@pytest.mark.parametrize("value", [0, 5, 5.0, "5", "+5", "005", 2**31 - 1, str(2**31 - 1)])
def test_integers_are_32_bit_numbers_or_their_digits(value: str | float) -> None:
    """A number may be a float without a fraction. Digits may have a sign and leading zeros."""
    assert read("from", value) == int(value)
    assert type(read("from", value)) is int


@pytest.mark.parametrize("value", [0.5, math.inf, 2**31, -(2**31) - 1, "", " 5", "5.0", "x", "2147483648"])
def test_other_integers_are_refused(value: str | float) -> None:
    """Fractions, blanks and numbers beyond 32 bits are refused. The message stays short."""
    assert refused("size", value).reason == f"Failed to parse int parameter [size] with value [{value}]"
    assert len(refused("size", "9" * 9_999).reason) < 200


def test_a_page_is_two_integers() -> None:
    """Either may be missing. Both are read before a negative one is refused."""
    assert [read("page", page) for page in ({}, {"size": "5"})] == [{}, {"size": 5}]
    assert read("page", {"size": 5, "from": 1.0}) == {"from_": 1, "size": 5}
    assert refused("page", {"size": -1, "from": -1}).reason == "Parameter [from] cannot be < 0"
    assert refused("page", {"from": -1, "size": "x"}).reason == "Failed to parse int parameter [size] with value [x]"
    assert refused("page", {"form": 1}).reason == "[page] unknown field [form]"
    assert refused("page", {"from": None}).reason == "[page] from doesn't support values of type: VALUE_NULL"


def test_the_job_of_a_body_is_ignored() -> None:
    """The job in the path counts. An empty ``sort`` stays as it is."""
    assert read("job_id", "other") is None
    assert read("sort", "") == ""


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
