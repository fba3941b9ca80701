"""JSON values from lines: every way to write them, streaming, errors, hostile input, names that an object has twice."""

import json
import tracemalloc
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bucketquery.command.values import Place, Unreadable, read_values

DOCUMENTS: list[Any] = [
    {"a": 1, "b": {"c": [1, {"d": "x"}]}, "e": []},
    {"a": '"{[:,]}\\', "time": "2026-01-31T09:30:00Z", "": None},
    {},
    {"gr\u00f6\u00dfe": 1.5, "a": [[], {}, True]},
]
COMPACT = [json.dumps(document, separators=(",", ":")) for document in DOCUMENTS]
PRETTY = [json.dumps(document, indent=2, ensure_ascii=False) for document in DOCUMENTS]

#: The documents in each way to write them.
TEXTS = {
    "lines": "\n".join(COMPACT),
    "blanks around colons": "\n".join(json.dumps(document, separators=(" , ", "\t: ")) for document in DOCUMENTS),
    "over several lines": "\n".join(PRETTY),
    "over several lines, with blank lines": "\n\n" + "\n \n\n".join(PRETTY) + "\n\n",
    "one after the other": "".join(COMPACT),
    "over several lines, one after the other": "".join(PRETTY),
    "an array on one line": json.dumps(DOCUMENTS),
    "an array with an item on each line": "[\n" + ",\n".join(COMPACT) + "\n]\n",
    "an array with commas first": "[" + "\n,".join(COMPACT) + "]",
    "an array over several lines": json.dumps(DOCUMENTS, indent=1),
    "an array with items one after the other": "[" + ",".join(PRETTY) + "]",
    "several arrays": f"[]\n[{COMPACT[0]}]\n[{COMPACT[1]},\n{COMPACT[2]}]\n[\n]\n[ {COMPACT[3]}\n] [ ]",
    "arrays, lines and more lines": f"[{COMPACT[0]}]{COMPACT[1]}\n{PRETTY[2]} [{PRETTY[3]}]",
}


def lines_of(text: str | bytes) -> Sequence[bytes]:
    """The lines as a file gives them: only a line feed ends a line."""
    content = text.encode() if isinstance(text, str) else text
    return [line + b"\n" for line in content.split(b"\n")[:-1]] + [content.split(b"\n")[-1]] * (content[-1:] != b"\n")


def read(text: str | bytes) -> list[Any]:
    """The values of a file."""
    return [value for value, _ in read_values(lines_of(text))]


def outcome(content: bytes) -> tuple[list[Any], Unreadable | None]:
    """The values before the end or the error, and the error."""
    values: list[Any] = []
    try:
        for value, _ in read_values(lines_of(content)):
            values.append(value)
    except Unreadable as error:
        return values, error
    return values, None


def refusal(text: str | bytes) -> tuple[int, str]:
    """The line and the words of the error that reading raises."""
    with pytest.raises(Unreadable) as raised:
        read(text)
    return raised.value.line, raised.value.reason


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize(
    "ends", [("\n", "\n"), ("\n", "\r\n"), ("\n", "\n\n"), ("\n", " \t\n ")], ids=["as is", "CRLF", "doubled", "blanks"]
)
def test_the_way_of_writing_changes_no_value(text: str, ends: tuple[str, str]) -> None:
    """Line ends, blank lines, a byte order mark and a missing last line end change nothing either."""
    changed = text.replace(*ends)
    assert read(changed) == read("\ufeff" + changed) == read(changed.rstrip()) == read(changed + "\n") == DOCUMENTS


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    documents=st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), max_size=5),
    indent=st.none() | st.integers(0, 2),
    separator=st.sampled_from(["\n", "", " ", "\n\n"]),
    is_array=st.booleans(),
    is_ascii=st.booleans(),
)
def test_any_documents_come_back(
    documents: list[Any], indent: int | None, separator: str, is_array: bool, is_ascii: bool
) -> None:
    """Documents are read back from any mixture of arrays, indentation and line ends."""
    texts = [json.dumps(document, indent=indent, ensure_ascii=is_ascii) for document in documents]
    text = f"[{f',{separator}'.join(texts)}]" if is_array else separator.join(texts)
    assert read(text.encode(errors="surrogatepass").decode(errors="replace")) == [
        json.loads(text.encode(errors="surrogatepass").decode(errors="replace")) for text in texts
    ]


def test_empty_input_has_no_values() -> None:
    """Neither no line, nor blank lines, nor a byte order mark is a value."""
    assert [read(text) for text in ("", "\n", " \n\r\n\t", "\ufeff", "\ufeff\n")] == [[]] * 5


# ---- places


def test_the_place_of_a_value_is_where_it_begins() -> None:
    """A value on a line of its own has the number of the line, an item of an array its position too."""
    text = '{"a": 1}\n\n[{"b": 2}, {"c":\n3},\n\n{"d": 4}\n]\n {"e": 5} {"f":\n6} {"g": 7}'
    assert list(read_values(lines_of(text))) == [
        ({"a": 1}, 1),
        ({"b": 2}, Place(3, "[0]")),
        ({"c": 3}, Place(3, "[1]", '{"c":\n3}')),
        ({"d": 4}, Place(6, "[2]")),
        ({"e": 5}, Place(8)),
        ({"f": 6}, Place(8, text='{"f":\n6}')),
        ({"g": 7}, Place(9)),
    ]


@pytest.mark.parametrize(
    ("place", "field", "expected"),
    [
        (Place(7), "a.b", (7, "a.b")),
        (Place(7), "", (7, "")),
        (Place(7, "[2]"), "", (7, "[2]")),
        (Place(7, "[2]", path="buckets[0]"), "a", (7, "[2].buckets[0].a")),
        (Place(7, text='{\n"a": [\n1,\n{"b":\n2}]}'), "a[1].b", (10, "a[1].b")),
        (Place(7, text='{\n"a": [\n1,\n{"b":\n2}]}'), "a[1].missing", (10, "a[1].missing")),
        (Place(7, text='{\n"a": [\n1,\n{"b":\n2}]}'), "missing", (7, "missing")),
        (Place(7, text='{"buckets": [\n{},\n{"a":\n1}]}', path="buckets[1]"), "a", (9, "buckets[1].a")),
    ],
)
def test_the_line_of_a_field_is_found_in_several_lines(place: Place, field: str, expected: tuple[int, str]) -> None:
    """If the field is missing, the line is that of the object that should have it."""
    assert place.of(field) == expected


# ---- streaming


@pytest.mark.parametrize(
    "text", ["\n".join(COMPACT), "[" + "\n,".join(COMPACT) + "\n]", "\n".join(PRETTY), "[" + "\n,".join(PRETTY) + "\n]"]
)
def test_a_value_is_there_as_soon_as_its_last_line_is(text: str) -> None:
    """A pipe that waits after a complete value keeps no value back."""
    given = 0

    def piped() -> Iterator[bytes]:
        nonlocal given
        for line in lines_of(text):
            given += 1
            yield line

    ends = [given for _ in read_values(piped())]
    counts = [len(pretty.splitlines()) if "\n " in text else 1 for pretty in PRETTY]
    assert ends == [sum(counts[: at + 1]) for at in range(4)]


def many(form: str, count: int) -> Iterator[bytes]:
    """A file of many documents, made line by line."""
    document = json.dumps({"a": "x" * 300, "b": {"c": [1, 2]}}, indent=1 if form == "pretty" else None)
    if form == "array":
        yield b"[\n"
    for number in range(count):
        for line in document.splitlines():
            yield line.encode() + b"\n"
        if form == "array" and number < count - 1:
            yield b",\n"
    if form == "array":
        yield b"]\n"


@pytest.mark.repeats
@pytest.mark.parametrize("form", ["lines", "array", "pretty"])
def test_memory_does_not_grow_with_the_number_of_lines(form: str) -> None:
    """Reading a file of 1.6 MB takes less than 0.1 MB more than reading a small one."""

    def peak(count: int) -> int:
        tracemalloc.start()
        assert sum(1 for _ in read_values(many(form, count))) == count
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak(10)
    assert peak(5_000) < peak(50) + 100_000


def test_the_effort_does_not_grow_with_the_square_of_the_lines() -> None:
    """A value over very many lines is read a few times, not once for each of its lines."""
    lines = [b"{\n", *(b'"%d": 1,\n' % number for number in range(40_000)), b'"x": 1}\n']
    (value,) = (value for value, _ in read_values(lines))
    assert len(value) == 40_001
    items = b"[" + b",".join([b'{"a": 1}'] * 100_000) + b"]"
    assert sum(1 for _ in read_values([items])) == 100_000


@pytest.mark.parametrize(
    ("before", "wrong", "after", "most"),
    [
        ('{"a": 1}\n', '{"a": {"b": 1}\n', '{"a": 1}\n', 1),
        ("[\n{},\n", '{"a": {"b": 1},\n', '{"a": 1},\n', 1),
        ('{\n"a": [\n', "1\n", "1,\n", 64),
        ('{\n"a": [\n' + "1,\n" * 1_000, "1\n", "1,\n", 2_000),
    ],
)
def test_an_error_is_found_soon(before: str, wrong: str, after: str, most: int) -> None:
    """A line that is cut off is found at the next line, any other error before the lines have doubled twice."""
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        yield from lines_of(before)
        yield from lines_of(wrong)
        while True:
            given += 1
            yield after.encode()

    with pytest.raises(Unreadable) as raised:
        deque(read_values(endless()), maxlen=0)
    wrong_line = before.count("\n") + 1
    assert raised.value.line in {wrong_line, wrong_line + 1}
    assert 1 <= given <= most


# ---- errors

ERRORS: dict[str, tuple[str | bytes, int, str]] = {
    "no colon": ('{}\n{"a" 1}', 2, "invalid JSON: Expecting ':' delimiter, at column 6"),
    "no value": ('{"a": }', 1, "invalid JSON: Expecting value, at column 7"),
    "no comma": ('{\n "a": 1\n "b": 2\n}', 3, "invalid JSON: Expecting ',' delimiter, at column 2"),
    "a line feed in a text": ('{"a": "x\ny"}', 1, "invalid JSON: Invalid control character at, at column 9"),
    "extra data": ('{"a": 1}}\n', 1, "invalid JSON: Extra data, at column 9"),
    "extra data behind lines": ('{\n"a": 1}\n  x', 3, "invalid JSON: Expecting value, at column 3"),
    "extra data behind an array": ("[{}]]", 1, "invalid JSON: Extra data, at column 5"),
    "commas without an array": ('{"a": 1},\n{"a": 2}', 1, "invalid JSON: ',' outside of an array, at column 9"),
    "no comma in an array": ('[{"a": 1}\n{"a": 2}]', 2, "invalid JSON: Expecting ',' delimiter, at column 1"),
    "two commas in an array": ("[{},\n,{}]", 2, "invalid JSON: Expecting value, at column 1"),
    "a comma at the end of an array": ("[{}, {},\n]", 2, "invalid JSON: Expecting value, at column 1"),
    "a comma at the start of an array": ("[\n, {}]", 2, "invalid JSON: Expecting value, at column 1"),
    "a wrong bracket": ("[{}}", 1, "invalid JSON: Expecting ',' delimiter, at column 4"),
    "a line cut off": ('{"a": 1\n{"a": 2}', 1, "invalid JSON: Expecting ',' delimiter at the end of the line"),
    "a line cut off before blank lines": (
        '{}\n{"a": {"b": 1}\n\n\n{"a": 2}\n{"a": 3}',
        2,
        "invalid JSON: Expecting ',' delimiter at the end of the line",
    ),
    "an item cut off": (
        '[\n{"a": 1},\n{"a": 2,\n{"a": 3}]',
        3,
        "invalid JSON: Expecting property name enclosed in double quotes at the end of the line",
    ),
    "the end": ('{"a": 1}\n{"a": [', 2, "invalid JSON: the input ends inside the document"),
    "the end with a line feed": ('{"a": [\n', 1, "invalid JSON: the input ends inside the document"),
    "the end some lines later": (
        '{}\n{"a": [\n1,\n\n2',
        5,
        "invalid JSON: the input ends inside the document that begins on line 2",
    ),
    "the end in a text": ('{\n"a": "x', 2, "invalid JSON: the input ends inside the document that begins on line 1"),
    "the end in an array": ('[{"a": 1},', 1, "invalid JSON: the input ends inside the array"),
    "the end in an item": (
        '[\n{"a": 1},\n{"a":\n',
        3,
        "invalid JSON: the input ends inside the document",
    ),
    "the end before an item": ("{}\n[\n\n", 3, "invalid JSON: the input ends inside the array that begins on line 2"),
    "not UTF-8": (b'{}\n{"a": "\xe4"}', 2, "invalid JSON: not UTF-8, at byte 8"),
    "a surrogate in UTF-8": (b'{"a": "\xed\xa0\x80"}', 1, "invalid JSON: not UTF-8, at byte 8"),
    "UTF-16 without a mark": (
        '{"a": 1}'.encode("utf-16-le"),
        1,
        "invalid JSON: NUL, as in UTF-16 without a byte order mark, at column 2",
    ),
    "a NUL": ("\0", 1, "invalid JSON: NUL, as in UTF-16 without a byte order mark, at column 1"),
    "a second byte order mark": ("{}\n\ufeff{}", 2, "invalid JSON: Expecting value, at column 1"),
    "NaN": ('{"x": "NaN", "a": NaN}', 1, "invalid JSON: NaN is not a JSON number, at column 19"),
    "Infinity": ('{"a": 1,\n"b": [-Infinity]}', 2, "invalid JSON: -Infinity is not a JSON number, at column 7"),
    "very many digits": (
        '{"a": 1}\n{"a": 1,\n "b": ' + "7" * 5_000 + "}",
        3,
        (
            "invalid JSON: Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits, "
            "at column 7"
        ),
    ),
    "deep arrays": ("{}\n" + "[" * 100_000, 2, "invalid JSON: nested too deeply"),
    "deep objects": ('{"a":' * 100_000 + "1" + "}" * 100_000, 1, "invalid JSON: nested too deeply"),
    "deep lines": ('{"a":\n' * 100_000, 1, "invalid JSON: nested too deeply"),
    "zip": (b"PK\x03\x04\x14\x00\xff\xff", 1, "compressed with zip; unpack the file, or compress it with gzip"),
    "bzip2": (b"BZh91AY&SY\xff", 1, "compressed with bzip2; unpack the file, or compress it with gzip"),
    "xz": (b"\xfd7zXZ\x00", 1, "compressed with xz; unpack the file, or compress it with gzip"),
    "zstd": (b"\x28\xb5\x2f\xfd\x00", 1, "compressed with zstd; unpack the file, or compress it with gzip"),
    "zip later": (b"{}\nPK\x03\x04\xff", 2, "invalid JSON: not UTF-8, at byte 5"),
    "a name twice": ('{}\n{"a": 1, "b": 2, "a": 3}', 2, "invalid JSON: Duplicate field 'a', at column 18"),
    "a name twice, escaped": ('{"a": 1, "\\u0061": 3}', 1, "invalid JSON: Duplicate field 'a', at column 10"),
    "a name twice, with blanks": (
        '{"a": 1, "b" : ":", "a"\t: 3}',
        1,
        "invalid JSON: Duplicate field 'a', at column 21",
    ),
    "a name twice, inside": (
        '{"a": [{"a": 1}, {"b": 1, "b": {}}]}',
        1,
        "invalid JSON: Duplicate field 'b', at column 27",
    ),
    "a name twice, over lines": ('{\n"a": 1,\n"b": 2,\n "a": 3}', 4, "invalid JSON: Duplicate field 'a', at column 2"),
    "a name twice in an item": ('[{"a": 1},\n{"a": 1, "a": 1}]', 2, "invalid JSON: Duplicate field 'a', at column 10"),
    "a long name twice": (
        '{{"{}": 1, "{}": 2}}'.format("n" * 5_000, "n" * 5_000),
        1,
        f"invalid JSON: Duplicate field '{'n' * 100}', at column 5009",
    ),
}


@pytest.mark.parametrize(("text", "line", "reason"), ERRORS.values(), ids=ERRORS)
def test_an_error_names_the_line_and_what_is_wrong(text: str | bytes, line: int, reason: str) -> None:
    """The line is that of the wrong place, even inside of a document over several lines."""
    assert refusal(text) == (line, reason)


@pytest.mark.parametrize(
    "text",
    [
        *TEXTS.values(),
        '{"a": 1}\n{"error": "\\ud800\\u0000", "b": 1e999, "c": -0.0, "d": 1E-7}',
        '{"index": {}}\n{"a": 1}\n[\n{"b":\n[[[]]]}]\n',
        "[[{}]]\n5\nnull\n",
    ],
)
def test_a_file_cut_off_anywhere_gives_its_first_values_or_an_error(text: str) -> None:
    """No cut makes another value, and none raises anything but the one error."""
    content = text.encode()
    whole = read(content)
    for length in range(len(content)):
        values, error = outcome(content[:length])
        assert values == whole[: len(values)]
        if error is not None:
            assert 1 <= error.line <= content[:length].count(b"\n") + 1
            assert error.reason.startswith("invalid JSON: ")


@given(st.binary(max_size=60) | st.text('{}[],:"\\ \n01aeE.-u\0\ufeff', max_size=60).map(str.encode))
@example(b"[\n]]")
@example(b'"\n"')
@example(b'"')
@example(b"[,]")
def test_no_input_raises_another_error(content: bytes) -> None:
    """Whatever the bytes are, the values are JSON, and an error names a line."""
    values, error = outcome(content)
    assert json.loads(json.dumps(values)) == values
    if error is not None:
        assert 1 <= error.line <= content.count(b"\n") + 1
        assert error.reason


def names_twice(text: str) -> bool:
    """Whether an object of a text has a name twice: the slow and certain way."""
    found = False

    def pairs(given: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        found |= len(dict(given)) != len(given)
        return dict(given)

    json.loads(text, object_pairs_hook=pairs)
    return found


#: JSON objects as text, whose names repeat often and whose texts are full of quotes and colons.
NAMES = st.sampled_from(['"a"', '"b"', '"\\u0061"', '":"', '"\\":"', '""'])
BLANKS = st.sampled_from(["", "", "", " ", "\t", "\n", "\r\n", "  "])
OBJECTS = st.recursive(
    st.sampled_from(["1", "null", '"x:"', '":"', '"\\":"', '" :"', '"\\\\"', '"{"', '"2026-01-31T09:30Z"', "[]", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(NAMES, BLANKS, BLANKS, inner), max_size=3).map(
            lambda members: (
                "{" + ",".join(f"{name}{before}:{behind}{value}" for name, before, behind, value in members) + "}"
            )
        )
    ),
    max_leaves=6,
)


@given(st.lists(st.tuples(NAMES, BLANKS, BLANKS, OBJECTS), max_size=4))
def test_a_name_twice_is_always_found_and_nothing_else_is(members: list[tuple[str, str, str, str]]) -> None:
    """Counting colons first gives the same outcome as looking at every object."""
    text = "{" + ",".join(f"{name}{before}:{behind}{value}" for name, before, behind, value in members) + "}"
    if names_twice(text):
        assert "Duplicate field" in refusal(text)[1]
        assert "Duplicate field" in refusal(f"[{text}]")[1]
    else:
        assert read(text) == read(f"[{text}]") == [json.loads(text)]
