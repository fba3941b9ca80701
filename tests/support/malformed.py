"""Helpers of the tests in `malformed/`: valid documents to change, odd values, and the checks of each refusal."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import wraps
from inspect import signature
from typing import Any, Final, Never

import numpy as np
import pytest

from bucketquery import BucketQueryError, InvalidQuery, Kind, ResultsIndex
from support.semantics_tables import CALLS
from support.strategies import FIRST_INSTANT, KINDS, LAST_INSTANT, QUERIES, SCORES

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
FIRST_MS: Final = FIRST_INSTANT
LAST_MS: Final = LAST_INSTANT
NAN: Final = float("nan")
INF: Final = float("inf")

ILLEGAL: Final = "illegal_argument_exception"
NOT_FOUND: Final = "resource_not_found_exception"

#: Every column of a page of buckets.
COLUMNS: Final = (
    "job_id",
    "timestamp",
    "anomaly_score",
    "bucket_span",
    "initial_anomaly_score",
    "event_count",
    "is_interim",
    "bucket_influencers",
    "processing_time_ms",
    "scheduled_events",
    "result_type",
)


def each(
    names: tuple[str, ...], values: Iterable[tuple[Any, ...]]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test function for each of some values in turn, as one test; a note on an error shows the values.

    This is for thousands of short cases, for which pytest would take longer than the cases themselves.
    """
    values = [*values]

    def looping(test: Callable[..., None]) -> Callable[..., None]:
        @wraps(test)
        def looped(**others: Any) -> None:
            for some in values:
                given = dict(zip(names, some, strict=True))
                try:
                    test(**given, **others)
                except BaseException as error:
                    error.add_note(f"the case is {given}")
                    raise

        # pytest reads the signature of a test to find the parameters that it must pass.
        taken = signature(test)
        others = [taken.parameters[name] for name in taken.parameters if name not in names]
        vars(looped)["__signature__"] = taken.replace(parameters=others)
        return looped

    return looping


EACH_KIND: Final = each(("kind",), zip(KINDS))


def cases(values: Mapping[str, Any], names: str | tuple[str, ...] = "value") -> pytest.MarkDecorator:
    """Run a test once for each value of a mapping; its key names the case."""
    return pytest.mark.parametrize(names, values.values(), ids=values.keys())


# ---- documents, and an index of some


def result(kind: Kind, **fields: Any) -> dict[str, Any]:
    """A valid result of the job ``web``, with these fields replaced or added."""
    return {"job_id": "web", "timestamp": HOUR, "bucket_span": 900, "result_type": kind} | fields


def bucket(**fields: Any) -> dict[str, Any]:
    """A valid bucket of the job ``web``, with these fields replaced or added."""
    return result("bucket", **fields)


def nested(**fields: Any) -> dict[str, Any]:
    """A valid influencer inside a bucket, with these fields replaced or added."""
    return {"influencer_field_name": "bucket_time", "anomaly_score": 4.0, "probability": 0.25} | fields


def stored() -> ResultsIndex:
    """An index of three jobs and all kinds; every field of a bucket is set somewhere and missing somewhere."""
    index = ResultsIndex(clock=lambda: 0)
    index.put_job("idle", bucket_span=60)
    index.upsert(
        [
            bucket(timestamp=0, anomaly_score=10.0, initial_anomaly_score=12.0, event_count=7, processing_time_ms=3),
            bucket(anomaly_score=90.5, bucket_influencers=[nested()], scheduled_events=["sale", "a b"]),
            bucket(timestamp=2 * HOUR, is_interim=True),
            bucket(job_id="db", timestamp=0, anomaly_score=55, bucket_span=60),
            result("record", record_score=90.5, function="mean"),
            result("influencer", influencer_score=90.5, influencer_field_name="host", influencer_field_value="a"),
        ]
    )
    return index


def plain(value: Any) -> Any:
    """The value with every mapping as a dict, also inside mappings."""
    return {key: plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def state(index: ResultsIndex) -> list[Any]:
    """Everything that a reader can see of an index."""
    jobs = index.jobs()
    seen = [index.sequence, jobs, plain(index.stats()), [plain(index.stats(job)) for job in jobs]]
    for kind in KINDS if jobs else ():
        page = index.search(QUERIES[kind](jobs=jobs, size=10_000))
        by_score = index.scan(QUERIES[kind](jobs=jobs, sort=SCORES[kind], desc=True))
        seen += [page.to_dict(human=True), [row.to_dict() for row in by_score]]
    return seen


# ---- odd values


class Unprintable:
    """A value that raises when it is shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __str__(self) -> str:
        raise RuntimeError("no str")


class Broken(Mapping[str, Any]):
    """A mapping that raises an error for each value, and for its keys if none are given."""

    def __init__(self, error: BaseException, keys: Sequence[str] | None = None) -> None:
        self.error = error
        self.given = keys

    def __getitem__(self, key: str) -> Never:
        raise self.error

    def __iter__(self) -> Iterator[str]:
        if self.given is None:
            raise self.error
        return iter(self.given)

    def __len__(self) -> int:
        return 4 if self.given is None else len(self.given)


class RaisesAsNumber:
    """A value that raises when it is made into a number."""

    def __float__(self) -> float:
        raise RuntimeError("no float")

    def __int__(self) -> int:
        raise RuntimeError("no int")

    def __index__(self) -> int:
        raise RuntimeError("no index")


class RaisesWhenCompared:
    """A value that raises when it is compared, and has no hash."""

    __hash__ = None  # type: ignore[assignment] # the fault

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not equal to anything")

    def __lt__(self, other: object) -> bool:
        raise RuntimeError("no order")


class EqualsEachEntry:
    """A value whose comparison gives an array, as that of a series does."""

    __hash__ = None  # type: ignore[assignment] # the fault

    def __eq__(self, other: object) -> Any:
        return np.array([True, False])


class NeitherTrueNorFalse:
    """A value without a truth."""

    def __bool__(self) -> bool:
        raise RuntimeError("neither true nor false")

    def __len__(self) -> int:
        raise RuntimeError("no length")


class Impostor:
    """A value that claims to be of another class."""

    def __init__(self, of: type) -> None:
        self.of = of

    @property
    def __class__(self) -> Any:
        return self.of

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise TypeError


class Choice(Enum):
    """An enumeration without a base type."""

    WEB = "web"


def array_in_an_array(value: Any) -> Any:
    """An array without dimensions whose value is another one."""
    outer = np.empty((), dtype=np.object_)
    outer[()] = np.array(value)
    return outer


def pretended(name: str, *bases: type) -> type:
    """A class with the name and the module of one of pandas, so that tests run without pandas."""
    return type(name, bases, {"__module__": "pandas.api.typing"})


#: The missing values of other libraries, which are missing in a document and refused as a parameter.
GAPS: Final[Mapping[str, Any]] = {
    "na": pretended("NAType")(),
    "nat": pretended("NaTType", datetime)(1, 1, 1),
    "nat of numpy": np.datetime64("NaT"),
    "nat in an array": np.array("NaT", dtype="M8[ms]"),
    "masked": np.ma.masked,
    "masked in an array": np.ma.array(5, mask=True),
}

#: Decimals that are numbers, but not finite.
NO_FINITE_DECIMALS: Final[Mapping[str, Any]] = {
    "decimal nan": Decimal("NaN"),
    "decimal signaling nan": Decimal("sNaN"),
    "decimal infinity": Decimal("Infinity"),
    "decimal minus infinity": Decimal("-Infinity"),
}


def recursive_list() -> list[Any]:
    """A list that holds itself."""
    endless: list[Any] = []
    endless.append(endless)
    return endless


def deep_list() -> list[Any]:
    """A list in a list in a list, deeper than Python can show or pickle."""
    inner: list[Any] = []
    for _ in range(20_000):
        inner = [inner]
    return inner


BOOLEANS: Final[Mapping[str, Any]] = {"true": True, "false": False, "numpy bool": np.True_}

#: Integers that Python refuses to print.
UNPRINTABLE_INTEGERS: Final[Mapping[str, Any]] = {"too long to be printed": 10**5000}


def odd(like: Any) -> dict[str, Any]:
    """Values that are not numbers, text, instants or booleans; the containers hold ``like``, which would be accepted.

    To test a new malformed value in every field and parameter, add it here.
    """
    number = 60 if isinstance(like, str) else int(like)
    return {
        "bytes": str(like).encode(),
        "empty bytes": b"",
        "list": [like],
        "empty list": [],
        "list nested deep": deep_list(),
        "list in itself": recursive_list(),
        "tuple": (like,),
        "set": {like},
        "dict": {like: like},
        "empty dict": {},
        "broken mapping": Broken(RuntimeError("no value is read")),
        "one-element array": np.array([like]),
        "complex": complex(number),
        "imaginary": complex(0, number),
        "numpy complex": np.complex128(number),
        "fraction": Fraction(number),
        "time of day": time(1),
        "naive datetime": datetime(2020, 1, 1),  # noqa: DTZ001 - the fault
        "timedelta": timedelta(seconds=number),
        "timedelta64": np.timedelta64(number, "s"),
        "object": object(),
        "function": len,
        "unprintable": Unprintable(),
        "frozenset": frozenset({like}),
        "range": range(number, number + 1),
        "class": int,
        "ellipsis": ...,
        "bytearray": bytearray(b"5"),
        "numpy bytes": np.bytes_(b"5"),
        "numpy void": np.void(b"5"),
        "structured array without dimensions": np.zeros((), dtype=[("a", "f8")]),
        "array in an array without dimensions": array_in_an_array(like),
        "list in an array without dimensions": array_in_an_array([like, like]),
        "raises as a number": RaisesAsNumber(),
        "raises when compared": RaisesWhenCompared(),
        "equals each entry": EqualsEachEntry(),
        "neither true nor false": NeitherTrueNorFalse(),
        "claims to be text": Impostor(str),
        "claims to be a float": Impostor(float),
        "enumeration without a base type": Choice.WEB,
    }


# ---- checks of a refusal


def refusal(action: Callable[[], Any]) -> BucketQueryError:
    """Return the typed error of an action; assert that its reason is short, and is its only argument."""
    with pytest.raises(BucketQueryError) as caught:
        action()
    error = caught.value
    assert 0 < len(error.reason) < 1_000
    assert str(error) == error.reason
    assert error.args == (error.reason,)
    return error


def assert_carries(
    error: BucketQueryError, error_class: type[BucketQueryError], field: str, error_type: str, status: int = 400
) -> None:
    """Assert that an error is of exactly this class, and names this field, type and status."""
    carried = (type(error), error.field, error.type, error.status)
    assert carried == (error_class, field, error_type, status), error.reason


@contextmanager
def unchanged(index: ResultsIndex) -> Iterator[None]:
    """Assert that a block changes nothing that a reader can see."""
    before = state(index)
    yield
    assert state(index) == before


class Shared:
    """One index for many refusals, because a new index for each would take most of the time of the tests.

    Each refusal must leave the index as it was; after a failure the next test gets a new index.
    """

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin with a new index."""
        self.index = stored()
        self.before = state(self.index)

    def refusal(self, write: Callable[[ResultsIndex], Any]) -> BucketQueryError:
        """Return the typed error of a write; assert that the write changed nothing."""
        error = refusal(lambda: write(self.index))
        self.check()
        return error

    def check(self) -> None:
        """Assert that the index is as it was when it was made."""
        after, before = state(self.index), self.before
        if after != before:
            self.renew()
        assert after == before


SHARED: Final = Shared()


def assert_passes_through(error: BaseException, write: Callable[[ResultsIndex], Any]) -> None:
    """Assert that a write raises the caller's own error as it is, and changes nothing."""
    index = stored()
    with unchanged(index), pytest.raises(type(error)) as caught:
        write(index)
    assert caught.value is error


def ways_to_ask(index: ResultsIndex, kind: Kind = "bucket", **parameters: Any) -> list[Callable[[], Any]]:
    """Four ways to ask with parameters: a new query, a changed one, a call of an index and of its snapshot."""
    query, call = QUERIES[kind], CALLS[kind]
    return [
        lambda: query(jobs="web", **parameters),
        lambda: query(jobs="web").replace(**parameters),
        lambda: getattr(index, call)(job_id="web", **parameters),
        lambda: getattr(index.snapshot(), call)(job_id="web", **{"now": 0} | parameters),
    ]


def refusals(index: ResultsIndex, kind: Kind = "bucket", **parameters: Any) -> list[BucketQueryError]:
    """Return the typed errors of the four ways to ask with parameters; assert that none published a commit."""
    sequence = index.sequence
    errors = [refusal(ask) for ask in ways_to_ask(index, kind, **parameters)]
    assert index.sequence == sequence
    return errors


def assert_refused(
    index: ResultsIndex, field: str, value: Any, *, kind: Kind = "bucket", error_type: str = ILLEGAL, reason: str = ""
) -> None:
    """Assert that each of the four ways to ask refuses a parameter, with its name and with this text in the reason."""
    for error in refusals(index, kind, **{field: value}):
        assert_carries(error, InvalidQuery, field, error_type)
        assert reason in error.reason
