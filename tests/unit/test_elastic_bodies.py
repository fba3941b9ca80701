"""Bodies: JSON in bytes, compressed bytes, text, or parsed; all of them bounded."""

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest

from bucketquery import InvalidQuery
from bucketquery.elastic import bodies
from bucketquery.elastic.bodies import MOST_BYTES, BodyTooLarge, read_body

JSON = '{"a": [1, "é"]}'
READ = {"a": [1, "é"]}


def refused(body: Any) -> InvalidQuery | BodyTooLarge:
    """The error of a body that is refused."""
    with pytest.raises((InvalidQuery, BodyTooLarge)) as caught:
        read_body(body, "get")
    assert isinstance(caught.value, InvalidQuery | BodyTooLarge)
    return caught.value


# ---- encodings


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_bytes_are_read_in_any_utf(encoding: str) -> None:
    """A byte order mark is allowed, also in text. Each may be compressed."""
    assert read_body(JSON.encode(encoding), "get") == read_body(gzip.compress(JSON.encode(encoding)), "get") == READ
    assert read_body(JSON, "get") == read_body(f"\ufeff{JSON}", "get") == READ


def test_a_parsed_body_is_read_as_it_is() -> None:
    """No copy is made."""
    assert read_body(READ, "get") is READ


@pytest.mark.parametrize(
    "body",
    [None, b"", "", b" \n\t", "  ", "\ufeff ".encode(), " ".encode("utf-16"), gzip.compress(b""), gzip.compress(b"\n")],
)
def test_a_blank_body_counts_as_no_body(body: Any) -> None:
    """It may be compressed."""
    assert read_body(body, "get") is None


# ---- JSON


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "Expecting property name enclosed in double quotes"),
        (b"{} {}", "Extra data"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"a": 1, "a": 1}', "Duplicate field 'a'"),
        (b'{"page": {"from": 1, "from": 1}}', "Duplicate field 'from'"),
        (b'{"a": ' + b"1" * 5_000 + b"}", "Exceeds the limit (4300 digits) for integer string conversion: value has"),
        (b'{"a": "\xff"}', "'utf-8' codec can't decode byte 0xff"),
        (b'{"a": "\xed\xa0\x80"}', "'utf-8' codec can't decode byte 0xed"),
        (b"\xff\xfea", "'utf-16-le' codec can't decode byte 0x61"),
        ("{'a': 1}", "Expecting property name enclosed in double quotes"),
        ('{"a": 1 /* }', "Expecting ',' delimiter"),
    ],
)
def test_a_body_that_is_not_json_is_refused(body: Any, why: str) -> None:
    """The message begins with the name of the endpoint. Advice to Python programmers is left out."""
    error = refused(body)
    assert error.type == "x_content_parse_exception"
    assert error.reason.startswith(f"[get] the body is not JSON: {why}")
    assert ";" not in error.reason
    assert (error.status, error.__cause__) == (400, None)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_body_nested_too_deeply_is_refused(opening: bytes) -> None:
    """The parser gives up at this depth, also in a compressed body."""
    for body in (opening * 100_000, gzip.compress(opening * 100_000)):
        assert refused(body).reason == "[get] the body is nested too deeply"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("[]", "START_ARRAY"),
        ("null", "VALUE_NULL"),
        ("5", "VALUE_NUMBER"),
        ('"x"', "VALUE_STRING"),
        ("true", "VALUE_BOOLEAN"),
        ([{}], "START_ARRAY"),
        (5, "VALUE_NUMBER"),
        (object(), "VALUE_EMBEDDED_OBJECT"),
    ],
)
def test_a_body_must_be_an_object(body: Any, word: str) -> None:
    """This holds for text and for a body that the caller has parsed."""
    assert refused(body).reason == f"[get] Expected START_OBJECT but was: {word}"


# ---- comments


@pytest.mark.parametrize(
    "body",
    [
        '/**/{"a": "b"}',
        '{"a"/* " */:/*"*/"b"}',
        '{//\n"a": "b"//}\r}',
        '{"a": "b"} // no line break',
        '{"a": "b"}/***/',
        '{"a": /* // */ "b"}',
        '{"a": // /*\n"b"}',
        '{"a"\n/*\n*\r\n/ */ : "b"}',
    ],
)
def test_comments_are_blanks(body: str) -> None:
    """They may stand wherever blanks may, and may have quotes in them."""
    assert read_body(body, "get") == {"a": "b"}
    assert read_body(body.encode("utf-16"), "get") == {"a": "b"}


@pytest.mark.parametrize("text", ["//", "/**/", "/* ", "\\", '"', '\\"//', "a//b/*c*/d"])
def test_strings_have_no_comments(text: str) -> None:
    """A string is read as it is, in a body with comments too."""
    assert read_body(f"{json.dumps({text: text})} // {text}", "get") == {text: text}


@pytest.mark.parametrize(
    "body", ['{"a": 1}/*', '{"a": 1}/*/', '{"a": 1}/', "{/}", '{"a": "/*}', '{"a": "\\', "/**/", "{}#"]
)
def test_a_comment_has_an_end(body: str) -> None:
    """A comment or a string without an end is not JSON, and neither is a comment alone."""
    assert refused(body).reason.startswith("[get] the body is not JSON: ")


def test_the_place_of_an_error_counts_comments() -> None:
    """A comment is replaced by as many blanks, and line breaks stay."""
    assert refused('{/* one\ntwo */ "a": x}').reason.endswith("Expecting value: line 2 column 13 (char 20)")


@pytest.mark.parametrize("part", ['\\"', '"', "/*", "//", "/*/", '"/*', "\\", '"a"/**/'])
def test_no_body_takes_long(part: str) -> None:
    """Text of parts that might be tried again and again is scanned once: 256 KiB take some hundredths of a second."""
    for begin in ("", '"', "{", "/*"):
        text = begin + part * (MOST_BYTES // 4 // len(part)) + "/"
        assert refused(text).status == 400


# ---- gzip


def test_gzip_is_known_by_its_first_bytes() -> None:
    """Only bytes are decompressed, and only once. Another compression is not known."""
    compressed = gzip.compress(JSON.encode())
    for body in (gzip.compress(compressed), zlib.compress(JSON.encode()), compressed.decode("latin-1")):
        assert refused(body).type == "x_content_parse_exception"


@pytest.mark.parametrize("end", [2, 3, 9, 10, 11, 20, -9, -8, -1])
def test_gzip_that_is_cut_off_is_refused(end: int) -> None:
    """Its header, its content or its checksum may be incomplete."""
    assert refused(gzip.compress(JSON.encode())[:end]).reason == "[get] the body is damaged gzip: its end is missing"


def test_damaged_gzip_is_refused() -> None:
    """A byte may be wrong in the header, the content, the checksum or the length, and no byte may follow."""
    whole = gzip.compress(JSON.encode())
    for at in (2, 3, 10, 15, len(whole) - 8, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        assert refused(bytes(damaged)).reason.startswith("[get] the body is damaged gzip: "), at
    for more in (b"\x00", whole):
        assert refused(whole + more).reason == "[get] the body is damaged gzip: more bytes follow its end"


# ---- size


def test_a_body_has_a_largest_size() -> None:
    """The size counts for bytes, for text and for what gzip makes of bytes. A larger one has the status 413."""
    largest = b"{}" + b" " * (MOST_BYTES - 2)
    for body in (largest, largest.decode(), gzip.compress(largest)):
        assert read_body(body, "get") == {}
    larger = largest + b" "
    for body in (larger, larger.decode(), gzip.compress(larger), b"\x1f\x8b" + larger, "é" * (MOST_BYTES + 1)):
        error = refused(body)
        assert (type(error), error.status) == (BodyTooLarge, 413)
        assert error.reason == "the body is larger than 1048576 bytes"


def test_a_bomb_is_not_decompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a gibibyte of blanks in a mebibyte of gzip, a little more than the largest body is ever in memory."""
    stream = zlib.compressobj(9, wbits=bodies._GZIP_BITS)
    header = stream.compress(b"{") + stream.flush(zlib.Z_FULL_FLUSH)
    # After a full flush equal blocks are compressed alike, so one is enough.
    block = stream.compress(b" " * 2**20) + stream.flush(zlib.Z_FULL_FLUSH)
    bomb = header + 2**10 * block
    assert len(bomb) < 1.1 * MOST_BYTES
    bomb = bomb[:MOST_BYTES]
    assert len(zlib.decompressobj(bodies._GZIP_BITS).decompress(bomb, 2**24)) == 2**24
    tracemalloc.start()
    try:
        assert refused(bomb).status == 413
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * MOST_BYTES
    monkeypatch.setattr(bodies, "MOST_BYTES", 5)
    assert refused(gzip.compress(b"{    }")).status == 413
