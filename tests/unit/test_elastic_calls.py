"""Calls: `read_call` turns the objects of a caller into built-in types and splits the URL."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np
import pytest

from bucketquery import InvalidQuery
from bucketquery.elastic.calls import Call, echoed, read_call
from bucketquery.elastic.response_parameters import NO_PARAMETERS, ResponseParameters

#: A text whose ``str()`` is not its value.
WORD: Any = Enum("WORD", {"GET": "GET"}, type=str)


class Broken(dict[str, Any]):
    """A mapping that cannot be read."""

    def items(self) -> NoReturn:
        """Raise an error as the caller's own code may."""
        raise OSError("gone")


class Endless(Mapping[str, Any]):
    """A mapping that contains itself."""

    def __getitem__(self, name: str) -> Any:
        return self

    def __iter__(self) -> Iterator[str]:
        return iter(["page"])

    def __len__(self) -> int:
        return 1


def refused(*request: Any) -> InvalidQuery:
    """The error of a request that cannot be read."""
    with pytest.raises(InvalidQuery) as caught:
        read_call(*request)
    return caught.value


def url(path: str, params: Any = None) -> dict[str, str]:
    """The parameters of a URL."""
    return read_call("GET", path, params, None).url


def test_a_query_string_is_decoded() -> None:
    """A plus is a blank, UTF-8 is decoded, a bare name is empty, and the last of equal names counts."""
    assert url("/x?a=1+2&b=%C3%A9%2B&c&d=&a=3&&=4") == {"a": "3", "b": "é+", "c": "", "d": "", "": "4"}
    assert url("/x", "?a=1") == url("/x", "a=1") == {"a": "1"}
    assert url("/x") == url("/x?") == url("/x", "") == {}


def test_params_override_the_query_string_of_the_path() -> None:
    """If both have a parameter, the value in ``params`` counts. The other parameters of both are read too."""
    assert url("/x?a=1&b=2", "a=3") == url("/x?a=1&b=2", {"a": 3}) == {"a": "3", "b": "2"}


def test_the_path_stays_encoded() -> None:
    """The segments of the path are decoded later. Messages show the path as the caller wrote it."""
    expected = Call("GET", "/a%2Fb?c=%20", "/a%2Fb", {"c": " "}, NO_PARAMETERS, None)
    assert read_call("GET", "/a%2Fb?c=%20", None, None) == expected


@pytest.mark.parametrize("escape", ["%", "%z0", "%0", "%zz", "%0z", "%é0"])
def test_a_malformed_escape_is_refused(escape: str) -> None:
    """The escape may be in the path, in its query string or in ``params`` as text. A mapping has no escapes."""
    for request in (f"/a{escape}", None), (f"/?a={escape}", None), ("/", f"a={escape}"):
        assert refused("GET", *request, None).reason.startswith(f"malformed escape [{escape}] in the URL, at ")
    assert url("/", {"a": escape}) == {"a": escape}


def test_values_of_a_mapping_become_text_as_in_json() -> None:
    """Text stays as it is, numbers and booleans are spelled as in JSON, and None becomes empty text."""
    given: dict[str, Any]
    given = {"a": "x", "b": True, "c": False, "d": 5, "e": 2.5, "f": None, "g": np.int64(7), "h": np.float64(0.5)}
    given |= {
        "i": np.True_,
        "j": Decimal("80.0"),
        "k": Decimal("0.5"),
        "l": WORD.GET,
        "m": Decimal("1e20"),
        "n": np.array("y"),
    }
    expected = {"a": "x", "b": "true", "c": "false", "d": "5", "e": "2.5", "f": "", "g": "7", "h": "0.5"}
    expected |= {"i": "true", "j": "80", "k": "0.5", "l": "GET", "m": "1e+20", "n": "y"}
    assert url("/", given) == url("/", MappingProxyType(given)) == expected


@pytest.mark.parametrize(
    "value",
    [
        ["5"],
        {"a": 5},
        {5},
        b"5",
        object(),
        float("nan"),
        Decimal("NaN"),
        Decimal("-Infinity"),
        Decimal("1e400"),
        pytest.param(10**5_000, id="long"),
    ],
)
def test_other_values_of_a_mapping_are_refused(value: object) -> None:
    """An integer with more digits than Python writes is refused too."""
    error = refused("GET", "/", {"start": value}, None)
    assert error.reason.startswith("parameter [start] must be text, not ")
    assert error.field == "start"


@pytest.mark.parametrize("params", [5, True, ["a"], b"a=1", object()])
def test_params_of_other_types_are_refused(params: object) -> None:
    """``params`` must be a query string, a mapping or None."""
    assert refused("GET", "/", params, None).reason.startswith("[params] must be a query string or a mapping, not ")


def test_an_odd_method_path_or_name_becomes_the_name_of_its_type() -> None:
    """An integer as a name becomes its digits, and text of a subclass of str becomes built-in text.

    No endpoint has the name of a type as its path.
    """
    call = read_call(None, b"/x", {5: "a", None: "b"}, None)
    assert (call.method, call.uri, call.path, call.url) == ("NoneType", "bytes", "bytes", {"5": "a", "NoneType": "b"})
    assert read_call(WORD.GET, "/", None, None).method == "GET"
    assert type(read_call(WORD.GET, "/", None, None).method) is str


def test_a_body_becomes_built_in_types() -> None:
    """A value that is not JSON becomes ``...``, which has no JSON type. The items of arrays are not read."""
    given = {"a": WORD.GET, "b": None, "c": np.int32(5), "d": np.float32(0.5), "e": {"f": True}, "g": [object()]}
    odd = {5: object(), "h": float("inf"), "i": {1}, "j": (1,), "k": Decimal("Infinity")}
    numbers = {"l": np.bool_(0), "m": Decimal("1.50"), "n": Decimal("2.0"), "o": Decimal(2**60)}
    body = read_call("GET", "/", None, MappingProxyType({**given, **odd, **numbers})).body
    expected: dict[str, Any] = {"a": "GET", "b": None, "c": 5, "d": 0.5, "e": {"f": True}, "g": []}
    expected |= {"5": ..., "h": ..., "i": ..., "j": [], "k": ...}
    assert body == {**expected, "l": False, "m": 1.5, "n": 2, "o": 2.0**60}
    assert [type(value) for value in body.values()][:4] == [str, type(None), int, float]
    assert [type(body[name]) for name in "lmno"] == [bool, float, int, float]
    for text in (b"{}", bytearray(b"{}"), memoryview(b"{}")):
        assert read_call("GET", "/", None, text).body == b"{}"
    assert read_call("GET", "/", None, "{}").body == "{}"


def test_objects_are_read_two_levels_deep() -> None:
    """A page is the deepest object of a request. So an object in itself, or one of 2**100 parts, is read at once."""
    wide: dict[str, Any] = {}
    for _ in range(100):
        wide = {"page": wide, "x": wide}
    expected: dict[str, Any] = {"page": {"page": {}, "x": {}}, "x": {"page": {}, "x": {}}}
    assert read_call("GET", "/", None, wide).body == expected
    assert read_call("GET", "/", None, Endless()).body == {"page": {"page": {}}}
    assert refused("GET", "/", Endless(), None).reason == "parameter [page] must be text, not START_OBJECT"


@pytest.mark.parametrize(
    ("value", "why"), [(Broken(a=1), "OSError"), ({"page": Broken(a=1)}, "OSError"), (Decimal("sNaN"), "ValueError")]
)
def test_objects_that_cannot_be_read_are_refused(value: object, why: str) -> None:
    """The error names the exception that the caller's class raises, in ``params`` and in a body."""
    for params, body in ((value, None), (None, value)):
        assert refused("GET", "/", params, body).reason == f"the request cannot be read: {why}"


def test_the_parameters_that_shape_a_reply_are_read_first() -> None:
    """They come from the path or from ``params``. The body is not looked at if one of them is wrong."""
    call = read_call("GET", "/?pretty", {"human": True}, None)
    assert call.response == ResponseParameters(pretty=True, human=True)
    assert read_call("GET", "/?size=5", None, None).response is NO_PARAMETERS
    assert refused("GET", "/?pretty=1", None, Broken(a=1)).reason.startswith("Failed to parse value [1]")


def test_a_part_of_a_request_is_shown_up_to_a_length() -> None:
    """What is longer ends with dots."""
    assert [echoed("a" * length) for length in (0, 5, 1_000)] == ["", "a" * 5, "a" * 1_000]
    assert echoed("a" * 1_001) == echoed("a" * 10**6) == "a" * 1_000 + "..."
