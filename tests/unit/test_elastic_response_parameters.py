"""Response parameters: flags, formats and filters of a URL."""

import pytest

from bucketquery import InvalidQuery
from bucketquery.elastic.filter_path import Filter
from bucketquery.elastic.response_parameters import (
    NO_PARAMETERS,
    RESPONSE_PARAMETERS,
    ResponseParameters,
    UnsupportedFormat,
    is_blank,
    read_flag,
    read_response_parameters,
)


def refused(**url: str) -> InvalidQuery:
    """The error of parameters that are refused."""
    with pytest.raises(InvalidQuery) as caught:
        read_response_parameters(url)
    return caught.value


def test_most_urls_have_none() -> None:
    """They share one value, so that a reply need not be changed."""
    assert read_response_parameters({}) is NO_PARAMETERS
    assert read_response_parameters({"size": "5", "Pretty": ""}) is NO_PARAMETERS
    assert ResponseParameters(pretty=False, human=False, filter_path=None) == NO_PARAMETERS


def test_flags_are_read() -> None:
    """An empty flag is true, a blank one is false. `error_trace` is read and changes nothing."""
    for text, value in (("", True), ("true", True), ("false", False), (" ", False)):
        assert read_response_parameters({"pretty": text}) == ResponseParameters(pretty=value)
        assert read_response_parameters({"human": text}) == ResponseParameters(human=value)
        assert read_response_parameters({"error_trace": text}) == NO_PARAMETERS


@pytest.mark.parametrize("name", ["pretty", "human", "error_trace"])
def test_a_flag_of_another_value_is_refused(name: str) -> None:
    """The error names it, and comes before a format and a filter that are wrong."""
    error = refused(**{name: "yes"}, format="yaml", filter_path="a" * 5_000)
    assert (error.status, error.field) == (400, name)
    assert error.reason == "Failed to parse value [yes] as only [true] or [false] are allowed."


def test_flags_are_read_in_an_order() -> None:
    """The first wrong one is reported."""
    order = list(RESPONSE_PARAMETERS[:3])
    assert order == ["pretty", "human", "error_trace"]
    for first in range(3):
        assert refused(**{name: f"no {name}" for name in reversed(order[first:])}).field == order[first]


@pytest.mark.parametrize("name", ["yaml", "YAML", "cbor", "smile", "vnd_yaml", "vnd_cbor", "Vnd_Smile"])
def test_another_format_of_the_server_is_refused(name: str) -> None:
    """The status is 406. It comes before a filter that is wrong."""
    error = refused(format=name, filter_path="a" * 5_000)
    assert (type(error), error.status, error.field) == (UnsupportedFormat, 406, "format")
    assert error.reason == f"[format] is [{name}], but replies are written as [json] only"


@pytest.mark.parametrize("name", ["", "json", "JSON", "vnd_json", "xml", "application/yaml", "yaml "])
def test_every_other_format_is_json(name: str) -> None:
    """The server ignores a word that it does not know."""
    assert read_response_parameters({"format": name}) == NO_PARAMETERS


def test_filters_are_read() -> None:
    """One without paths is no filter."""
    assert isinstance(read_response_parameters({"filter_path": "count"}).filter_path, Filter)
    assert read_response_parameters({"filter_path": " , "}).filter_path is None


@pytest.mark.parametrize(
    "blank", ["", " ", "\t\n\v\f\r\x1c\x1d\x1e\x1f", "\u1680\u2000\u2006\u2008\u200a\u2028\u2029\u205f\u3000"]
)
def test_blanks_are_those_of_java(blank: str) -> None:
    """A no-break space is not a blank."""
    assert is_blank(blank)
    for other in ("\xa0", "\u2007", "\u202f", "\x85", "\x00", "a"):
        assert not is_blank(blank + other)


def test_a_flag_of_a_url_is_read() -> None:
    """A blank flag is unset."""
    assert [read_flag(text, "desc") for text in ("", "true", "false", " ")] == [True, True, False, None]
    with pytest.raises(InvalidQuery, match=r"\[True\]"):
        read_flag("True", "desc")
