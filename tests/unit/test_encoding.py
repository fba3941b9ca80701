"""JSON in UTF-8: the encoders write the same text except for the spelling of doubles."""

import json
import runpy
import struct
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketquery.model import encoding
from bucketquery.model.encoding import json_bytes, json_columns
from bucketquery.model.frozen import FrozenMapping
from support.helpers import WRITERS, respelled, write_by

#: Doubles that the encoders spell differently, and doubles near them.
DOUBLES = (
    *(0.0, -0.0, 0.1, 1.0, 100.0, 1e15, 1e16, 1.5e16, 123456789012345680.0, 1e17, 1e21, 1e22, 1e23, 1e100),
    *(1e-3, 1e-4, 9.999e-5, 1e-5, 2.5e-5, 1e-6, 1e-7, -1.5e-7, 1e-9, 1e-10, 5e-324, 2.2250738585072014e-308),
    *(1.7976931348623157e308, 2.0**53, 1 / 3),
)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXT = st.one_of(st.text(), st.text(st.characters(codec=None)), st.sampled_from(["\\", '"', "node-05", "1e-05", "],["]))
NUMBERS = st.one_of(st.sampled_from(DOUBLES), st.floats(allow_nan=False, allow_infinity=False), INTEGERS)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXT),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXT, inner)),
    max_leaves=20,
)


@pytest.fixture(params=WRITERS)
def writer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test with each encoder."""
    write_by(monkeypatch, request.param)


def nested(levels: int) -> list[Any]:
    """A list nested ``levels`` deep."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


class Text(str):
    """A subclass of str."""

    __slots__ = ()


@given(JSON)
def test_encoded_values_are_read_back_unchanged(value: Any) -> None:
    """Values are equal to the last bit, and keys stay in order. The encoders differ only in how they spell doubles."""
    written = []
    for name in WRITERS:
        with pytest.MonkeyPatch.context() as patch:
            write_by(patch, name)
            written.append(json_bytes(value))
    for text in written:
        # `decode` fails if the text is not UTF-8.
        assert repr(json.loads(text.decode())) == repr(value)
    assert len(set(map(respelled, written))) == 1


@pytest.mark.usefixtures("writer")
@pytest.mark.parametrize("value", DOUBLES)
def test_a_double_is_written_with_the_fewest_digits_that_identify_it(value: float) -> None:
    """The digits are those of the standard library. A double is written the same in a column as by itself."""
    written = json_bytes(value)
    assert struct.pack("d", json.loads(written)) == struct.pack("d", value)
    assert respelled(written) == respelled(repr(value).encode())
    assert json_columns([np.array([value])]) == [[written]]


@pytest.mark.usefixtures("writer")
@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"count": 1, "é": ["€", "\U0001f600", 0.5, None, True]}, '{"count":1,"é":["€","\U0001f600",0.5,null,true]}'),
        ({}, "{}"),
        ([[], {}, ""], '[[],{},""]'),
        ('"\\/\x00\x1f\x7f\u2028\n\t', '"\\"\\\\/\\u0000\\u001f\x7f\u2028\\n\\t"'),
        ("a\ud800", '"a\\ud800"'),
        ({"\udfff": "\\\udc80"}, '{"\\udfff":"\\\\\\udc80"}'),
        (2**63 - 1, "9223372036854775807"),
        (-(2**63), "-9223372036854775808"),
        (2**64, "18446744073709551616"),
        ([Text("a"), {Text("b"): Text("c")}], '["a",{"b":"c"}]'),
        ((1, (2,)), "[1,[2]]"),
        ({5: None}, '{"5":null}'),
        (nested(300), "[" * 300 + "]" * 300),
    ],
)
def test_json_is_compact_utf_8(value: Any, written: str) -> None:
    """The text has no blanks, and lone surrogates are escaped. Values that orjson refuses are written too."""
    assert json_bytes(value) == written.encode()


@pytest.mark.usefixtures("writer")
@pytest.mark.parametrize("value", [FrozenMapping({}), {"a": {1}}, [np.int64(1)], np.array([1]), b"", {(): 1}])
def test_a_value_that_is_not_json_is_refused(value: Any) -> None:
    """The error has the standard library's words with every encoder."""
    with pytest.raises(TypeError) as caught:
        json_bytes(value)
    with pytest.raises(TypeError) as expected:
        json.dumps(value)
    assert str(caught.value) == str(expected.value)


@pytest.mark.usefixtures("writer")
def test_columns_are_written_value_by_value() -> None:
    """The columns may be strided, reversed or read-only views."""
    numbers = np.arange(-3, 5, dtype=np.int64)
    doubles = numbers / 2
    doubles.flags.writeable = False
    truths = numbers > 0
    for rows in (slice(None), slice(None, None, -1), slice(1, 7, 3), slice(2, 3)):
        columns = [numbers[rows], doubles[rows], truths[rows], numbers[rows] * 2**60]
        assert json_columns(columns) == [[json_bytes(value) for value in column.tolist()] for column in columns]


def test_orjson_is_used_if_it_is_installed() -> None:
    """With its options, orjson refuses the types that it would write differently from the standard library."""
    calls = []

    def dumps(value: Any, **options: Any) -> bytes:
        calls.append((value, options))
        return b""

    passthrough = {"DATACLASS": 1, "DATETIME": 2, "SUBCLASS": 4}
    fake = SimpleNamespace(dumps=dumps, OPT_SERIALIZE_NUMPY=8)
    for name, option in passthrough.items():
        setattr(fake, f"OPT_PASSTHROUGH_{name}", option)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "orjson", fake)
        found = runpy.run_path(encoding.__file__)
    found["_quick"]("a")
    found["_quick_arrays"]("b")
    assert calls == [("a", {"option": 7}), ("b", {"option": 8, "default": np.ndarray.tolist})]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "orjson", None)
        found = runpy.run_path(encoding.__file__)
    assert found["_quick"] is found["_quick_arrays"] is None
    assert found["json_bytes"]([0.5]) == b"[0.5]"
