"""Requests drawn from a seed: valid ones, changed ones, garbage, and objects that misbehave.

Hypothesis looks for few small examples; this makes very many of any size.
"""

import gzip
import json
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from random import Random
from typing import Any, Final, Never
from urllib.parse import quote

import numpy as np

from support.malformed import Broken, Unprintable, deep_list, recursive_list
from support.request_tables import JOBS as PREFIX
from support.request_tables import KINDS, SCORES

#: Jobs that the index of the tests has, and some that it has not.
_JOBS: Final = ("web", "donn%C3%A9es", "idle", "db", "", "*", "%zz", "a" * 300, "\ud800", "web%2F1")
#: The paths below a job that are not those of its results.
_BELOW_A_JOB: Final = ("", "/_stats", "/_open", "/_close")
_METHODS: Final = ("GET", "POST", "GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "get", "", "G\x00T", "\ud800")
_FIELDS: Final = ("start", "end", "timestamp", "anomaly_score", "sort", "desc", "expand", "exclude_interim", "page")
_URL_NAMES: Final = (
    *("start", "end", "timestamp", "anomaly_score", "record_score", "influencer_score", "sort", "desc", "expand"),
    *("exclude_interim", "from", "size", "job_id", "pretty", "human", "error_trace", "format", "filter_path"),
    *("source", "source_content_type", "page", "strat", "", "\x00", "x" * 2_000),
)
_TEXTS: Final = (
    *("", " ", "0", "-1", "1", "5.7", " 5", "1e3", "NaN", "Infinity", "0x1p3", "80d", "9" * 400, "0" * 5_000, "\u0665"),
    *("true", "false", "True", "2020", "3600000", "now", "now-1d/d", "now/2d", "1970-01-01||/M", "2020-02-30", "x"),
    *(
        "timestamp",
        "anomaly_score",
        "description",
        "_doc",
        "job_id",
        "json",
        "yaml",
        "application/json",
        "{}",
        "[",
        "\xa0",
    ),
    *(
        "count",
        "*",
        "**.timestamp",
        "-**.*",
        "buckets.*,-*.j*",
        "a\\.b",
        ".",
        "..",
        "-",
        ",",
        "**." * 2_000,
        "*a" * 300,
    ),
    *("\ud800", "\x00", "é", "日本", "%", "%41", "+", "&", "a=b", "x" * 3_000),
)
_NUMBERS: Final = (0, 1, -1, 5, 100, 10_001, 2**31, 2**63, -(2**63), 3_600_000, 10**30, 10**400, 0.5, -0.5, 5.0, 1e300)
_COMMENTS: Final = ("/**/", '/* " */', "// x\n", "//", "/*", "#")
_ENCODINGS: Final = ("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1")


class _Text(str):
    """Text that raises when it is compared, shown or read."""

    __slots__ = ()

    def _fail(self, *_: object) -> Never:
        raise RuntimeError("no text")

    __eq__ = __str__ = __repr__ = __len__ = __iter__ = __getitem__ = __contains__ = _fail
    strip = encode = partition = split = startswith = lower = removeprefix = _fail  # type: ignore[assignment]

    def __hash__(self) -> int:
        return 5


class _Number(float):
    """A number that raises when it is used."""

    def _fail(self, *_: object) -> Never:
        raise ArithmeticError("no number")

    __float__ = __int__ = __eq__ = __lt__ = __le__ = __str__ = __repr__ = is_integer = _fail
    __hash__ = float.__hash__


class _Nameless:
    """An object that raises when it is asked for its class."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("no class")

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise TypeError


#: Text whose ``str()`` is not its value.
_Word: Final[Any] = Enum("_Word", {"GET": "GET", "TRUE": "true", "START": "start"}, type=str)


class _Level(IntEnum):
    """An integer whose ``str()`` is not its value in every Python."""

    LOW = 5


def _shared() -> dict[str, Any]:
    """An object that holds itself 2**60 times."""
    shared: dict[str, Any] = {}
    for _ in range(60):
        shared = {"page": shared, "size": shared}
    return shared


def _endless() -> dict[str, Any]:
    """An object that holds itself."""
    endless: dict[str, Any] = {}
    endless["page"] = endless["start"] = endless
    return endless


#: Objects that a host might hand over, most of them by mistake.
HOSTILE: Final[tuple[Any, ...]] = (
    *(None, True, math.nan, math.inf, -math.inf, ..., object(), int, len, Unprintable(), _Nameless()),
    *(_Text("GET"), _Text("start"), _Number(5.0), _Word.GET, _Word.TRUE, _Word.START, _Level.LOW),
    *(np.bool_(1), np.int64(5), np.float32(0.5), np.longdouble("1e4000"), np.str_("true"), np.bytes_(b"{}")),
    *(np.datetime64("NaT", "s"), np.timedelta64(5, "s"), np.array([5]), np.array("x"), np.float64("nan")),
    *(Decimal("5.0"), Decimal("NaN"), Decimal("sNaN"), Decimal("1e99999"), Fraction(1, 3), 5j),
    *(b"", b"{}", bytearray(b"{}"), memoryview(b"{}"), memoryview(b"{}").cast("B"), b"\x1f\x8b", "", "\x1f\x8b"),
    *({}, [], (), {"page"}, {5: 5, None: None}, {"page": {"from": {}}}, deep_list(), recursive_list()),
    *(_shared(), _endless(), Broken(OSError("gone")), Broken(RecursionError()), Broken(KeyError(), ["start"])),
    *({"page": Broken(ValueError("\ud800"))}, {_Text("start"): 1}, {"start": _Text("now")}, {"desc": _Number(1)}),
)


class RandomRequests:
    """Requests that a seed decides.

    >>> requests = RandomRequests("5")
    >>> method, path, params, body = requests.draw()
    """

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)

    def draw(self) -> tuple[Any, Any, Any, Any]:
        """The next method, path, parameters and body."""
        return (
            self._one((1, lambda: "GET"), (1, lambda: "POST"), (1, self._method)),
            self._one((12, self._path), (1, self._garbage), (1, self._hostile)),
            self._one((6, lambda: None), (4, self._query), (3, self._mapping), (1, self._garbage), (1, self._hostile)),
            self._one((6, lambda: None), (6, self._body), (1, self._garbage), (1, self._hostile)),
        )

    def _one(self, *choices: tuple[int, Callable[[], Any]]) -> Any:
        """The value of one of some functions, by their weights."""
        weights, functions = zip(*choices, strict=True)
        return self._random.choices(functions, weights)[0]()

    def _of(self, values: Sequence[Any]) -> Any:
        return values[int(self._random.random() * len(values))]

    def _hostile(self) -> Any:
        return self._of(HOSTILE)

    def _method(self) -> Any:
        return self._one((12, lambda: self._of(_METHODS)), (1, self._garbage), (1, self._hostile))

    # ---- URLs

    def _path(self) -> str:
        kind = self._of(KINDS)
        prefix = self._of((PREFIX, PREFIX, PREFIX, "/_xpack/ml/anomaly_detectors"))
        job = "web" if self._random.random() < 0.7 else self._of(_JOBS)
        lookup = f"/{quote(self._of(_TEXTS), safe='', errors='replace')}" if self._random.random() < 0.1 else ""
        path = f"{prefix}/{job}/results/{kind}{lookup}"
        if self._random.random() < 0.1:
            path = self._of(("/", prefix, f"{prefix}/_stats", *(f"{prefix}/{job}{below}" for below in _BELOW_A_JOB)))
        if self._random.random() < 0.4:
            path += f"?{self._query(kind)}"
        return path if self._random.random() < 0.95 else self._changed(path)

    def _query(self, kind: str = "buckets") -> str:
        parts = []
        for _ in range(int(self._random.random() * 4)):
            name, value = self._parameter(kind)
            parts.append(f"{name}={quote(value, errors='replace') if self._random.random() < 0.8 else value}")
        query = "&".join(parts)
        return query if self._random.random() < 0.95 else self._changed(query)

    def _parameter(self, kind: str) -> tuple[str, str]:
        name = SCORES[kind] if self._random.random() < 0.2 else self._of(_URL_NAMES)
        if name == "source" and self._random.random() < 0.5:
            return name, json.dumps(self._object())
        if name == "format":
            return name, self._of(("json", "yaml", "x"))
        return name, self._of(_TEXTS)

    def _mapping(self) -> dict[Any, Any]:
        names = (self._of(_URL_NAMES) for _ in range(int(self._random.random() * 4)))
        return {name: self._value() for name in names}

    # ---- bodies

    def _object(self) -> dict[Any, Any]:
        fields: dict[Any, Any] = {}
        for _ in range(int(self._random.random() * 4)):
            name = self._of(_FIELDS) if self._random.random() < 0.9 else self._of(_URL_NAMES)
            fields[name] = self._page() if name == "page" else self._plain()
        return fields

    def _page(self) -> Any:
        if self._random.random() < 0.1:
            return self._plain()
        names = [name for name in ("from", "size", "x") if self._random.random() < 0.5]
        return {name: self._plain() for name in names}

    def _plain(self) -> Any:
        """A value of JSON."""
        return self._one(
            (4, lambda: self._of(_TEXTS)),
            (4, lambda: self._of(_NUMBERS)),
            (2, lambda: self._of((True, False, None))),
            (1, lambda: self._of(([], {}, [1, [2]], {"a": {"b": []}}))),
        )

    def _value(self) -> Any:
        return self._one((6, self._plain), (1, self._hostile))

    def _body(self) -> Any:
        fields = self._object()
        if self._random.random() < 0.005:
            large = json.dumps(fields) + self._of((" ", "/**/", "[")) * 2**20
            return self._of((large, gzip.compress(large.encode(), compresslevel=1)))
        if self._random.random() < 0.2:
            return fields | {self._of(_FIELDS): self._value()}
        text = json.dumps(fields, ensure_ascii=self._random.random() < 0.5)
        if self._random.random() < 0.2:
            at = self._random.randrange(len(text) + 1)
            text = text[:at] + self._of(_COMMENTS) + text[at:]
        if self._random.random() < 0.2:
            text = self._changed(text)
        if self._random.random() < 0.3:
            return text
        encoded = text.encode(self._of(_ENCODINGS), errors="replace")
        if self._random.random() < 0.3:
            encoded = gzip.compress(encoded, compresslevel=1)
        return encoded if self._random.random() < 0.9 else self._damaged(encoded)

    # ---- garbage

    def _garbage(self) -> Any:
        data = self._random.randbytes(2 * int(self._random.random() ** 4 * 200))
        return data if self._random.random() < 0.5 else data.decode("utf-16-le", errors="surrogatepass")

    def _changed(self, text: str) -> str:
        """The text with a part removed, repeated or replaced."""
        start, end = sorted(self._random.randrange(len(text) + 1) for _ in range(2))
        middle: str = self._of(("", text[start:end] * 2, self._of(_TEXTS), chr(int(self._random.random() * 0x11_0000))))
        return text[:start] + middle + text[end:]

    def _damaged(self, data: bytes) -> bytes:
        """The bytes without their end, with one changed, or with more after them."""
        at = self._random.randrange(len(data) + 1)
        damaged: bytes = self._of((data[:at], data[:at] + self._random.randbytes(1) + data[at + 1 :], data + data[:at]))
        return damaged
