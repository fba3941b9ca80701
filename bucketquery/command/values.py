"""JSON values from the lines of a file: one on each line, one after another over many lines, or the items of an array.

A value is read as soon as its last line is there. So a file with a document on each line takes the memory of one line.
So does a long array with an item on each line.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple, NoReturn

from bucketquery.command.places import position_of, position_of_refused, repeated_name
from bucketquery.model.text import brief

_BYTE_ORDER_MARK: Final = "\ufeff"
_TEXTS: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_BLANKS: Final = re.compile(r"\s*")
#: The number of lines that are read name by name after a line with nested objects or with colons in its texts. The
#: documents of a file are alike, so few lines are read twice. A quick look saves a fifth of the time of a flat bucket.
_SUSPICIOUS: Final = 64
#: Most documents over several lines have more than `_SHORT` and fewer than `_LONG` lines. Such a document is read only
#: when it is complete.
_SHORT: Final = 2
_LONG: Final = 32
#: The first bytes of formats that the command does not read, for an error that names the format.
_PACKED: Final = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


class Unreadable(Exception):
    """A line of an input cannot be read."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(line, reason)
        self.line = line
        self.reason = reason


class Place(NamedTuple):
    """Where a value is in a file.

    Attributes:
        line: the number of the line on which it begins, or on which the answer around it begins.
        item: its place in the array around it, such as ``[3]``; "" if there is no array.
        text: the text from that line on, if the value or the answer has several lines.
        path: its place in the answer around it, such as ``buckets[3]``; "" if there is no answer.
    """

    line: int
    item: str = ""
    text: str | None = None
    path: str = ""

    def of(self, field: str) -> tuple[int, str]:
        r"""The line of a field in the value, and the path of the field from the beginning of the text.

        >>> Place(7, "[3]", '{"a":\n{"b":\n{"c": 5}}}', "a").of("b.c")
        (9, '[3].a.b.c')
        """
        path = ".".join(filter(None, [self.path, field]))
        line = self.line + (self.text.count("\n", 0, position_of(self.text, path)) if self.text else 0)
        return line, ".".join(filter(None, [self.item, path]))


def read_values(lines: Iterable[bytes]) -> Iterator[tuple[Any, int | Place]]:
    r"""The values of a file in order, each with its place. An array outside of any object stands for its items.

    Blank lines are skipped but counted. A byte order mark may stand before the first line.

    Args:
        lines: each with its line end, except the last.

    Returns:
        The place is the number of the line if the value fills a line. Most do, and a `Place` for each would cost a
        tenth of the time of reading.

    Raises:
        Unreadable: a line is not UTF-8 or not JSON, or an object has a name twice.

    >>> [value for value, _ in read_values([b'{"a": 5}\n', b'[{"a":\n', b"6}, 7]"])]
    [{'a': 5}, {'a': 6}, 7]
    """
    unfinished = _Unfinished()
    read_whole = _WholeLines().read
    number = 0
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise _not_utf_8(line, number, error) from None
        if number == 1:
            text = text.removeprefix(_BYTE_ORDER_MARK)
        if not unfinished.is_open:
            if text[:1] == "{" and (value := read_whole(text)) is not None:
                yield value, number
                continue
            if text.isspace():
                continue
        yield from unfinished.add(text, number)
    yield from unfinished.end(number)


def _not_utf_8(line: bytes, number: int, error: UnicodeDecodeError) -> Unreadable:
    for begin, name in _PACKED.items():
        if number == 1 and line.startswith(begin):
            return Unreadable(1, f"compressed with {name}; unpack the file, or compress it with gzip")
    return Unreadable(number, f"invalid JSON: not UTF-8, at byte {error.start + 1}")


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


class _RepeatedName(ValueError):
    """An object has a name twice."""


def _without_repeats(members: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(members)
    if len(document) < len(members):
        raise _RepeatedName
    return document


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_without_repeats)
#: A decoder that keeps the last value of a repeated name. It takes a quarter less time.
_QUICK_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


class _WholeLines:
    """Reads lines that hold one object, most of them without looking at each name."""

    __slots__ = ("suspicious",)

    def __init__(self) -> None:
        #: The number of next lines without a quick look, because it failed on a line before them.
        self.suspicious = 0

    def read(self, text: str) -> dict[str, Any] | None:
        """The object that fills a line; None for any other line, and for one with an error."""
        try:
            if self.suspicious:
                self.suspicious -= 1
                value, end = _DECODER.raw_decode(text)
            else:
                value, end = _QUICK_DECODER.raw_decode(text)
                # The text has a colon for each time that a name is written, and the object has each name once. So as
                # many colons as names mean that no name is repeated, and that no object is nested.
                if text.count(":") != len(value):
                    self.suspicious = _SUSPICIOUS
                    value, end = _DECODER.raw_decode(text)
        except (ValueError, RecursionError):
            return None
        return value if end == len(text) or text[end:].isspace() else None


def _error(reason: str, text: str, position: int, first_line: int) -> Unreadable:
    """The error at an offset of a text that begins on line ``first_line``."""
    if text.startswith("\0", position):
        reason = "NUL, as in UTF-16 without a byte order mark"
    column = position - text.rfind("\n", 0, position)
    return Unreadable(_line_of(text, position, first_line), f"invalid JSON: {reason}, at column {column}")


def _line_of(text: str, position: int, first_line: int) -> int:
    return first_line + text.count("\n", 0, position)


class _Unfinished:
    """Lines whose last value is not complete yet, and the array around that value."""

    __slots__ = ("array", "depth", "is_behind_item", "is_open", "items", "line", "parts", "start")

    def __init__(self) -> None:
        #: Whether there are such lines or such an array.
        self.is_open = False
        #: The line on which the array begins; 0 outside of an array.
        self.array = 0
        self.items = 0
        self.is_behind_item = False
        #: The lines, the number of the first one, and the offset of the value in it.
        self.parts: list[str] = []
        self.line = 0
        self.start = 0
        #: How many brackets of the value are open in these lines.
        self.depth = 0

    def add(self, text: str, number: int) -> Iterator[tuple[Any, Place]]:
        """Add a line. Yield the values that are complete now."""
        if self.parts:
            self.depth += _depth(text)
        else:
            self.line, self.start = number, 0
        self.parts.append(text)
        count = len(self.parts)
        # The brackets tell when the value is complete. Reading before that finds errors soon: the second line shows
        # that the first one is cut off. Reading at each doubling costs no more than reading every line twice.
        is_doubled = count & (count - 1) == 0
        if self.depth <= 0 or (is_doubled and not _SHORT < count < _LONG):
            yield from self._read()

    def end(self, number: int) -> Iterator[tuple[Any, Place]]:
        """Yield what is complete at the end of the input, line ``number``. Refuse an incomplete value or array."""
        if self.parts:
            yield from self._read()
        if not self.is_open:
            return
        what, begin = "array", self.array
        if self.parts:
            what, begin = "document", _line_of("".join(self.parts), self.start, self.line)
        which = f" that begins on line {begin}" if begin < number else ""
        raise Unreadable(number, f"invalid JSON: the input ends inside the {what}{which}")

    def _read(self) -> Iterator[tuple[Any, Place]]:
        """Yield the complete values. Keep the lines of the value after them."""
        text = "".join(self.parts)
        line, counted = self.line, 0
        position = self._next(text, self.start)
        while position < len(text):
            line += text.count("\n", counted, position)
            counted = position
            found = self._value(text, position)
            if found is None:
                self._keep(text, position)
                return
            value, end = found
            whole = text[position:end] if text.find("\n", position, end) >= 0 else None
            yield value, Place(line, f"[{self.items}]" if self.array else "", whole)
            self.items += 1
            self.is_behind_item = bool(self.array)
            position = self._next(text, end)
        self.parts = []
        self.is_open = bool(self.array)

    def _next(self, text: str, position: int) -> int:
        """The offset of the next value, after blanks, commas and the brackets of an array; or the end of the text."""
        while True:
            blanks = _BLANKS.match(text, position)
            assert blanks  # the pattern also matches an empty text
            position = blanks.end()
            mark = text[position : position + 1]
            if self.array and mark == "]" and (self.is_behind_item or not self.items):
                self.array = 0
                self.is_behind_item = False
            elif self.is_behind_item and mark == ",":
                self.is_behind_item = False
            elif self.is_behind_item and mark:
                raise _error("Expecting ',' delimiter", text, position, self.line)
            elif not self.array and mark == "[":
                self.array, self.items = _line_of(text, position, self.line), 0
            elif not self.array and mark == ",":
                raise _error("',' outside of an array", text, position, self.line)
            else:
                return position
            position += 1

    def _value(self, text: str, position: int) -> tuple[Any, int] | None:
        """The value at an offset, and the offset after it; None if it is not complete."""
        try:
            return _DECODER.raw_decode(text, position)
        except json.JSONDecodeError as error:
            # A JSON string ends on its line. An unterminated one is incomplete only if the input ends inside this line.
            is_cut_off = error.msg.startswith("Unterminated string") and not text.endswith("\n")
            if is_cut_off or error.pos >= len(text.rstrip()):
                return None
            raise self._refused(text, position, error) from None
        except RecursionError:
            line = _line_of(text, position, self.line)
            raise Unreadable(line, "invalid JSON: nested too deeply") from None
        except _RepeatedName:
            place = repeated_name(text, position)
            raise _error(f"Duplicate field '{brief(place.name)}'", text, place.position, self.line) from None
        except ValueError as error:
            # A constant such as NaN, or an integer with more digits than Python reads. Leave out Python's advice.
            reason = str(error).partition(";")[0]
            raise _error(reason, text, position_of_refused(text, position, _DECODER.decode), self.line) from None

    def _refused(self, text: str, start: int, error: json.JSONDecodeError) -> Unreadable:
        """The error of the decoder. If the next document begins at its place, the line before is incomplete."""
        if error.pos > start and text[error.pos - 1 : error.pos + 1] == "\n{":
            line = _line_of(text, len(text[: error.pos].rstrip()), self.line)
            return Unreadable(line, f"invalid JSON: {error.msg} at the end of the line")
        is_extra = error.pos == start and not self.array and bool(text[:start].strip())
        return _error("Extra data" if is_extra else error.msg, text, error.pos, self.line)

    def _keep(self, text: str, position: int) -> None:
        """Keep the lines from that of the incomplete value on. They wait for more."""
        begin = text.rfind("\n", 0, position) + 1
        if position > self.start:
            self.parts = [text[begin:]]
        self.line = _line_of(text, position, self.line)
        self.start = position - begin
        self.depth = _depth(text[position:])
        self.is_open = True


def _depth(text: str) -> int:
    """How many more brackets a text opens than it closes. Brackets in texts do not count."""
    bare = _TEXTS.sub("", text)
    return bare.count("{") + bare.count("[") - bare.count("}") - bare.count("]")
