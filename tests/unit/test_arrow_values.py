"""Arrow's rows as arrays, texts and lists: every type, slices, nulls, and malformed arrays."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bucketquery.ingest.arrow_parts import Part, check_readable, type_of
from bucketquery.ingest.arrow_values import values_of
from bucketquery.ingest.checks import Unfit
from bucketquery.ingest.texts import Texts
from support.arrow_arrays import StandIn, codes, decimals, lists, numbers, struct, texts

LONG = "a text of more than twelve bytes, with ä"


def read(*arrays: StandIn) -> Any:
    """The values of some batches of a column."""
    of = type_of(arrays[0])
    check_readable(of)
    return values_of(of, [Part(array, 0, array.length).checked() for array in arrays])


def entries(*arrays: StandIn) -> list[Any]:
    """The values of some batches as a list; a null is None."""
    found = read(*arrays)
    if isinstance(found, Texts):
        return found.entries()
    if isinstance(found, np.ma.MaskedArray):
        return [None if entry is np.ma.masked else entry.item() for entry in found]
    rows: list[Any] = found.tolist() if isinstance(found, np.ndarray) else found
    return rows


NUMBERS: list[tuple[str, list[Any]]] = [
    *((of, [0, 5, None, 100]) for of in "cCsSiIlL"),
    *((of, [0.5, None, -2.0]) for of in "efg"),
    ("l", [2**63 - 1, -(2**62), None]),
    ("L", [2**64 - 1, None]),
    ("b", [True, False, None, True, True, False, False, True, True, None]),
]


@pytest.mark.parametrize(("of", "values"), NUMBERS)
@pytest.mark.parametrize("offset", [0, 3, 8, 9])
def test_numbers_are_read_from_any_offset(of: str, values: list[Any], offset: int) -> None:
    """A null is masked, whatever number stands under it. Batches follow each other."""
    assert entries(numbers(of, values, offset=offset)) == values
    assert entries(numbers(of, values, offset=offset), numbers(of, values[::-1])) == values + values[::-1]
    present = [value for value in values if value is not None]
    whole = read(numbers(of, present, offset=offset))
    assert type(whole) is np.ndarray
    assert whole.tolist() == present
    some = numbers(of, values, offset=offset)
    kept = values_of(type_of(some), [Part(some, 1, 2)])
    assert [None if entry is np.ma.masked else entry for entry in np.ma.asarray(kept)] == values[1:2]


def test_numbers_are_views_that_cannot_be_written() -> None:
    """A single batch is not copied, and a reader cannot change the producer's memory."""
    array = numbers("l", [5, 6])
    found = read(array)
    assert found.__array_interface__["data"][0] == array.buffers[1]
    assert not found.flags.writeable


@pytest.mark.parametrize(("unit", "name"), [("s", "s"), ("m", "ms"), ("u", "us"), ("n", "ns")])
@pytest.mark.parametrize("zone", ["", "UTC", "Europe/Paris"])
def test_instants_are_in_utc(unit: str, name: str, zone: str) -> None:
    """A zone only says how an instant is shown."""
    found = read(numbers(f"ts{unit}:{zone}", [0, None, 7], offset=2))
    assert found.dtype == f"M8[{name}]"
    assert found.mask.tolist() == [False, True, False]
    assert np.ma.getdata(found).view(np.int64)[[0, 2]].tolist() == [0, 7]


def test_days_are_instants() -> None:
    """Days since 1970 have 32 bits, or 64 bits as milliseconds."""
    days, milliseconds = read(numbers("tdD", [0, None, -1], offset=3)), read(numbers("tdm", [86_400_000]))
    assert (days.dtype, milliseconds.dtype) == ("M8[D]", "M8[ms]")
    assert np.ma.getdata(days)[[0, 2]].astype(str).tolist() == ["1970-01-01", "1969-12-31"]
    assert days.mask.tolist() == [False, True, False]
    assert milliseconds.astype(str).tolist() == ["1970-01-02T00:00:00.000"]


DECIMALS: list[tuple[int, int, list[int | None], list[Any], type]] = [
    (0, 128, [5, -5, None, 2**63 - 1], [5, -5, None, 2**63 - 1], np.ndarray),
    (0, 256, [-1, 2**62], [-1, 2**62], np.ndarray),
    (0, 64, [5, -(2**63)], [5, -(2**63)], np.ndarray),
    (0, 32, [5, -(2**31)], [5, -(2**31)], np.ndarray),
    (2, 128, [150, -5, None], [1.5, -0.05, None], np.ndarray),
    (2, 32, [150], [1.5], np.ndarray),
    (0, 128, [2**63, -(2**63) - 1, None], [Decimal(2**63), Decimal(-(2**63) - 1), None], list),
    (1, 128, [2**53], [Decimal(2**53).scaleb(-1)], list),
    (1, 128, [-(2**63)], [Decimal("-922337203685477580.8")], list),
    (23, 128, [1], [Decimal("1e-23")], list),
    (-2, 128, [3], [Decimal(300)], list),
    (0, 256, [10**70 + 1], [Decimal(10**70 + 1)], list),
    (0, 64, [], [], np.ndarray),
]


@pytest.mark.parametrize(("scale", "width", "values", "expected", "kind"), DECIMALS)
def test_decimals_are_integers_doubles_or_exact(
    scale: int, width: int, values: list[int | None], expected: list[Any], kind: type
) -> None:
    """A decimal that neither an int64 nor a double holds closely enough stays a decimal with all its digits."""
    array = decimals(scale, width, values, offset=1)
    assert entries(array) == expected
    assert isinstance(read(array), kind)


def test_the_width_of_a_decimal_is_128_bits_by_default() -> None:
    """Older producers leave it out. A large number in one batch makes a list of all of them."""
    small, large = (decimals(0, 128, [number], suffix="") for number in (7, 2**100))
    assert entries(small) == [7]
    assert entries(small, large) == [7, Decimal(2**100)]


TEXTS: list[list[str | None]] = [
    [],
    [None],
    ["", "web", None, LONG, "web", LONG + LONG, "twelve bytes", "twelve bytes!", None, LONG],
]


@pytest.mark.parametrize("values", TEXTS, ids=len)
@pytest.mark.parametrize("of", ["u", "U", "vu"])
@pytest.mark.parametrize("offset", [0, 3])
def test_texts_are_coded(of: str, values: list[str | None], offset: int) -> None:
    """Each text is decoded once, also if several batches have it. The bytes under a null are not read."""
    found = read(texts(of, values, offset=offset), texts(of, values))
    assert isinstance(found, Texts)
    assert found.entries() == values * 2
    assert [*found.distinct] == [text for text in dict.fromkeys(values) if text is not None]
    assert entries(lists("+l", [len(values)], texts(of, values, offset=offset))) == [values or ()]


@pytest.mark.parametrize("of", ["u", "U", "vu"])
def test_a_text_that_is_no_utf_8_is_named_by_its_row(of: str) -> None:
    """In a list the row is that of the list, which the caller knows."""
    with pytest.raises(Unfit, match="must be text in UTF-8") as caught:
        read(texts(of, ["a", None, b"\xff", "b"]))
    assert (caught.value.path, caught.value.value) == ("[2]", b"\xff")
    with pytest.raises(Unfit, match="must be text in UTF-8"):
        read(lists("+l", [1], texts(of, [b"\xff"])))


@pytest.mark.parametrize("of", "cCsSiIlL")
@pytest.mark.parametrize("text", ["u", "U", "vu"])
def test_a_dictionary_keeps_its_codes(of: str, text: str) -> None:
    """Entries without a row are not read. Nulls may be codes or entries. The order is that of the first rows."""
    values = texts(text, ["db", b"\xff", None, "web", LONG, "db"], offset=2)
    found = read(codes(of, [3, None, 0, 2, 3, 5, 4], values, offset=1), codes(of, [4], values))
    assert isinstance(found, Texts)
    assert found.entries() == ["web", None, "db", None, "web", "db", LONG, LONG]
    assert [*found.distinct] == ["web", "db", LONG]
    assert entries(codes(of, [], values)) == []
    assert entries(codes(of, [0, None], texts(text, ["a"]))) == ["a", None]


def test_a_dictionary_may_have_values_of_any_type() -> None:
    """Also in a list."""
    assert entries(codes("c", [1, None, 0], numbers("l", [7, None]))) == [None, None, 7]
    assert entries(lists("+l", [2, 1], codes("C", [1, 0, None], texts("u", ["a", "b"])))) == [["b", "a"], [None]]
    assert entries(codes("i", [0], codes("i", [1], texts("u", ["a", "b"])))) == ["b"]


@pytest.mark.parametrize("of", ["+l", "+L", "+vl", "+vL"])
@pytest.mark.parametrize("offset", [0, 2])
def test_lists_of_every_kind(of: str, offset: int) -> None:
    """An empty list is an empty tuple, and a null is None."""
    child = numbers("g", [1.0, 2.0, None, 4.0], offset=3)
    assert entries(lists(of, [2, 0, None, 2], child, offset=offset)) == [[1.0, 2.0], (), None, [None, 4.0]]
    assert entries(lists(of, [0], numbers("g", []))) == [()]
    nested = lists(of, [1, None, 2], lists(of, [2, 0, 1], numbers("l", [5, 6, 7])), offset=offset)
    assert entries(nested) == [[[5, 6]], None, [(), [7]]]


def test_views_of_lists_may_overlap_in_any_order() -> None:
    """Each row has its own place and size."""
    child = texts("vu", ["a", LONG, "c"])
    views = StandIn("+vl", 3, [None, np.array([1, 0, 1], "i4"), np.array([2, 2, 1], "i4")], children=[child])
    assert entries(views) == [[LONG, "c"], ["a", LONG], [LONG]]


def test_lists_of_a_fixed_size() -> None:
    """The rows before the first one and the nulls have entries too."""
    child = numbers("l", [*range(8)])
    array = StandIn("+w:2", 3, [np.array([0b1010], "u1")], children=[child], offset=1)
    assert entries(array) == [[2, 3], None, [6, 7]]
    assert entries(StandIn("+w:0", 2, [None], children=[numbers("l", [])])) == [(), ()]


def test_a_struct_is_an_object_without_its_nulls() -> None:
    """A struct cannot leave a field out, so a null means that."""
    children = [
        texts("vu", ["unread", "a", None, LONG], name="name"),
        numbers("tsm:", [9, 5, None, 7], name="at"),
        numbers("l", [9, 1, None, 3], name="n"),
        decimals(1, 128, [9, 15, None, 2**60], name="d"),
        StandIn("n", 4, [], name="none"),
    ]
    found = entries(struct(children, 3, offset=1))
    first, last = (np.datetime64(at, "ms") for at in (5, 7))
    assert found == [
        {"name": "a", "at": first, "n": 1, "d": Decimal("1.5")},
        {},
        {"name": LONG, "at": last, "n": 3, "d": Decimal(2**60).scaleb(-1)},
    ]
    assert [type(one.get("at")) for one in found] == [np.datetime64, type(None), np.datetime64]
    assert entries(struct(children, 2, present=[None, True])) == [None, first_of(found)]
    assert entries(struct([], 2)) == [{}, {}]


def first_of(found: list[Any]) -> Any:
    """The first object."""
    return found[0]


def test_the_null_type_has_nothing_but_nulls() -> None:
    """It has no buffers."""
    assert entries(StandIn("n", 2, []), StandIn("n", 1, [])) == [None] * 3


def test_a_stream_without_batches_has_no_rows() -> None:
    """Whatever its type is."""
    for array in (numbers("l", []), texts("u", []), decimals(0, 128, []), lists("+l", [], numbers("l", []))):
        found = values_of(type_of(array), [])
        assert len(found) == 0


REFUSED: dict[str, Any] = {
    "[run_end_encoded]": StandIn("+r", 1, []),
    "[binary]": StandIn("z", 1, []),
    "[binary_view]": StandIn("vz", 1, []),
    "[fixed_size_binary]": StandIn("w:16", 1, []),
    "[time]": StandIn("ttu", 1, []),
    "[duration]": StandIn("tDn", 1, []),
    "[interval]": StandIn("tiM", 1, []),
    "[map]": StandIn("+m", 1, []),
    "[dense_union]": StandIn("+ud:0,1", 1, []),
    "[Int128]": StandIn("_pli128", 1, []),
    "[other]": StandIn("other", 1, []),
    "[large_binary]": lists("+l", [1], StandIn("Z", 1, [])),
    "[sparse_union]": codes("i", [0], StandIn("+us:0", 1, [])),
}


@pytest.mark.parametrize("shown", REFUSED)
def test_other_types_are_refused_by_their_names(shown: str) -> None:
    """Also inside lists and dictionaries."""
    with pytest.raises(Unfit) as caught:
        check_readable(type_of(REFUSED[shown]))
    assert caught.value.reason == f"must not be of the Arrow type {shown}"


@pytest.mark.parametrize(("of", "name"), [("b", "bool"), ("g", "float64"), ("u", "string"), ("n", "null")])
def test_the_codes_of_a_dictionary_are_integers(of: str, name: str) -> None:
    """A dictionary with codes of another type is malformed."""
    coded = codes("i", [0], texts("u", ["a"]))
    coded.format = of
    with pytest.raises(Unfit, match=f"malformed Arrow data: the codes of a dictionary are of the type .{name}"):
        check_readable(type_of(coded))


def test_a_type_may_be_nested_to_a_depth() -> None:
    """A schema that is deeper, or that holds itself, is refused."""
    endless = StandIn("+l", 1, [])
    endless._children, endless.n_children = [endless], 1
    with pytest.raises(Unfit, match="must not be nested more than 100 levels deep"):
        type_of(endless)


def with_offsets(offsets: list[int], of: str = "u") -> StandIn:
    """Texts with these offsets."""
    dtype = "i8" if of == "U" else "i4"
    return StandIn(of, len(offsets) - 1, [None, np.array(offsets, dtype), np.zeros(99, np.uint8)])


def with_view(buffer: int, first: int, length: int = 20, sizes: tuple[int, ...] = (30,)) -> StandIn:
    """One text of the type string_view, in a buffer that may not exist."""
    data = [np.zeros(30, np.uint8) for _ in sizes]
    return StandIn("vu", 1, [None, np.array([length, 0, buffer, first], "i4"), *data, np.array(sizes, np.int64)])


MALFORMED: dict[str, tuple[Callable[[], StandIn], str]] = {
    "no buffers": (lambda: StandIn("l", 1, []), "a buffer is missing"),
    "a null buffer": (lambda: StandIn("l", 1, [None, None]), "a buffer is missing"),
    "no offsets": (lambda: StandIn("u", 1, [None, None, None]), "a buffer is missing"),
    "descending offsets": (lambda: with_offsets([0, 5, 2]), "do not ascend"),
    "large descending offsets": (lambda: with_offsets([0, 5, 2], "U"), "do not ascend"),
    "negative offsets": (lambda: with_offsets([-5, 2]), "do not ascend"),
    "a view of no buffer": (lambda: with_view(1, 0), "a text is in no buffer"),
    "a view of buffer -1": (lambda: with_view(-1, 0), "a text is in no buffer"),
    "a view without buffers": (lambda: with_view(0, 0, sizes=()), "a text is in no buffer"),
    "a view behind the end": (lambda: with_view(0, 11), "behind the end"),
    "a view before the beginning": (lambda: with_view(0, -1), "do not ascend"),
    "a view of a negative length": (lambda: with_view(0, 0, length=-1), "do not ascend"),
    "a list behind the end": (lambda: lists("+l", [2], numbers("l", [1])), "behind the end"),
    "a fixed list behind the end": (
        lambda: StandIn("+w:2", 1, [None], children=[numbers("l", [1])]),
        "behind the end",
    ),
    "a list that descends": (
        lambda: StandIn("+l", 2, [None, np.array([0, 1, 0], "i4")], children=[numbers("l", [1])]),
        "do not ascend",
    ),
    "a list view before the beginning": (
        lambda: StandIn("+vl", 1, [None, np.array([-1], "i4"), np.array([2], "i4")], children=[numbers("l", [1])]),
        "do not ascend",
    ),
    "a list without a child": (lambda: StandIn("+l", 1, [None, np.array([0, 0], "i4")]), "must have one child"),
    "a struct with a short child": (lambda: struct([numbers("l", [1])], 2), "it has 1 entries where 2 are needed"),
    "a negative length": (lambda: StandIn("l", -1, [None, None]), "it has -1 entries"),
    "a negative offset": (lambda: StandIn("l", 1, [None, np.zeros(1)], offset=-1), "it has 1 entries"),
    "a code behind its dictionary": (lambda: codes("i", [1], texts("u", ["a"])), "a code is outside its dictionary"),
    "a negative code": (lambda: codes("i", [-1], texts("u", ["a"])), "a code is outside its dictionary"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_arrays_are_refused(what: str) -> None:
    """Lengths, offsets and codes are compared before anything is read."""
    make, words = MALFORMED[what]
    with pytest.raises(Unfit, match=words):
        read(make())


def test_the_parts_of_a_type_and_of_an_array_are_as_many() -> None:
    """A producer may give a schema and an array that differ."""
    of = type_of(struct([numbers("l", [1], name="a"), numbers("l", [1], name="b")], 1))
    with pytest.raises(Unfit, match="it has 1 children and should have 2"):
        values_of(of, [Part(struct([numbers("l", [1])], 1), 0, 1)])
    coded = type_of(codes("i", [0], texts("u", ["a"])))
    with pytest.raises(Unfit, match="the dictionary is missing"):
        values_of(coded, [Part(numbers("i", [0]), 0, 1)])
    with pytest.raises(Unfit, match="a code is outside its dictionary") as caught:
        read(codes("i", [0, None, 5], texts("u", ["a"])))
    assert caught.value.path == "[2]"
