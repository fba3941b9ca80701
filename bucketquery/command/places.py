"""Where the members of a JSON text are: for errors that name a line, and to find a name that an object has twice.

`json` of the standard library gives no positions. These functions read the tokens of a text that it has accepted.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from bucketquery.model.text import brief

_TOKEN: Final = re.compile(
    r'(?P<text>"[^"\\]*(?:\\.[^"\\]*)*")(?P<colon>\s*:)?|(?P<bracket>[{}\[\]])|(?P<comma>,)|(?P<scalar>[^\s"{}\[\],:]+)'
)


class Part(NamedTuple):
    """Where a member of an object, or an item of an array, begins.

    Attributes:
        path: such as ``buckets[3].anomaly_score``, as the errors of the index write it.
        position: the offset in the text of the member's name, or of the item.
        name: the name of the member; None for an item.
        is_repeated: whether the object has a member of this name before.
    """

    path: str
    position: int
    name: str | None = None
    is_repeated: bool = False


class _Open:
    """An object or array that is not closed yet. An object has names, an array counts its items."""

    __slots__ = ("count", "names", "path")

    def __init__(self, path: str, names: set[str] | None) -> None:
        self.path = path
        self.names = names
        self.count = 0


def parts_of(text: str, start: int = 0) -> Iterator[Part]:
    """Every member and item in a JSON value, in the order of the text.

    >>> [(part.path, part.position) for part in parts_of('{"a": [5, {"b": 6}]}')]
    [('a', 1), ('a[0]', 7), ('a[1]', 10), ('a[1].b', 11)]
    """
    around: list[_Open] = []
    path = ""
    for token in _TOKEN.finditer(text, start):
        if token["colon"]:
            name = json.loads(token["text"])
            names = around[-1].names
            assert names is not None  # only an object has names
            path = f"{around[-1].path}.{brief(name)}".removeprefix(".")
            yield Part(path, token.start(), name, name in names)
            names.add(name)
        elif token["comma"]:
            around[-1].count += 1
            path = f"{around[-1].path}[{around[-1].count}]"
        elif token[0] in ("}", "]"):
            path = around.pop().path
        else:
            if around and around[-1].names is None:
                yield Part(path, token.start())
            if token[0] == "{":
                around.append(_Open(path, set()))
            elif token[0] == "[":
                around.append(_Open(path, None))
                path = f"{path}[0]"


def position_of(text: str, path: str) -> int:
    """The offset of a member or item of a JSON value; if it is missing, that of the innermost part around its place.

    >>> position_of('{"a": [5, {"b": 6}]}', "a[1].c")
    10
    """
    found = Part("", 0)
    for part in parts_of(text):
        is_around = part.path == path or path.startswith((f"{part.path}.", f"{part.path}["))
        if is_around and len(part.path) > len(found.path):
            found = part
    return found.position


def repeated_name(text: str, start: int) -> Part:
    """The first name that an object of a JSON value has twice, whether or not the text after it is JSON.

    >>> repeated_name('{"a": 5, "b": {"a": 6, "a": 7}}', 0).position
    23
    """
    return next(part for part in parts_of(text, start) if part.is_repeated)


def position_of_refused(text: str, start: int, read: Callable[[str], Any]) -> int:
    """The offset of the first number or constant that a reader refuses with a ``ValueError``.

    >>> position_of_refused("[1, 2, x]", 0, float)
    7
    """
    for token in _TOKEN.finditer(text, start):
        if token["scalar"]:
            try:
                read(token["scalar"])
            except ValueError:
                return token.start()
    return start
