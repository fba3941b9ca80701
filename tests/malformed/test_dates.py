"""Instants that every query refuses, in every spelling, and the extreme instants that a query accepts."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, BucketQueryError, InvalidQuery, Kind, LimitExceeded, NotFound, ResultsIndex
from support.malformed import (
    BOOLEANS,
    DAY,
    FIRST_MS,
    GAPS,
    HOUR,
    ILLEGAL,
    INF,
    LAST_MS,
    NAN,
    assert_carries,
    bucket,
    cases,
    odd,
    refusal,
    refusals,
)
from support.semantics_tables import CALLS
from support.strategies import QUERIES

#: The parameters of each kind that are instants.
BOUNDS: list[tuple[Kind, str]] = [
    *(("bucket", name) for name in ("start", "end", "timestamp")),
    *(("record", name) for name in ("start", "end")),
    *(("influencer", name) for name in ("start", "end")),
]
EACH_BOUND = pytest.mark.parametrize(("kind", "name"), BOUNDS)
PARSE = "parse_exception"


class BrokenZone(tzinfo):
    """A zone without an offset; a datetime with this zone counts as naive."""

    def utcoffset(self, _: datetime | None) -> timedelta | None:
        """None: the zone has no offset."""
        return None

    def tzname(self, _: datetime | None) -> str | None:
        """None: the zone has no name."""
        return None

    def dst(self, _: datetime | None) -> timedelta | None:
        """None: the zone has no summer time."""
        return None


class RaisingZone(BrokenZone):
    """A zone that raises an error when its offset is read."""

    def utcoffset(self, _: datetime | None) -> timedelta | None:
        """Raise an error."""
        raise OSError("no zone")


def buckets(times: list[int]) -> list[dict[str, Any]]:
    """One bucket with a span of one second at each of these times."""
    return [bucket(timestamp=at, bucket_span=1) for at in times]


def stored() -> ResultsIndex:
    """An index with buckets at both ends of time and around the epoch."""
    index = ResultsIndex(clock=lambda: 0)
    index.upsert(buckets(TIMES))
    return index


TIMES = [FIRST_MS, -HOUR, -1, 0, HOUR, LAST_MS]
INDEX = stored()


def refused(value: Any) -> Iterator[tuple[str, BucketQueryError]]:
    """The name of each parameter of each kind, with the error of each of four ways to give it this instant."""
    for kind, name in BOUNDS:
        for error in refusals(INDEX, kind, **{name: value}):
            yield name, error


class Quarter(float, Enum):
    """Floats as an enumeration."""

    ZERO = 0.0


class Unequal(datetime):
    """A datetime that raises when it is compared."""

    __hash__ = None  # type: ignore[assignment] # the fault

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not equal to anything")


class Naive(datetime):
    """A datetime of another library, without a zone."""


NO_INSTANT: dict[str, Any] = {
    **odd(0),
    **BOOLEANS,
    "float": 1.5,
    "integral float": 1.0,
    "minus one as float": -1.0,
    "numpy float": np.float64(0),
    "nan": NAN,
    "inf": INF,
    "bytes of a date": b"2020-01-01",
    "tuple of a date": (2020, 1, 1),
    "array of datetime64": np.array(["2020"], dtype="M8[ms]"),
    "smallest naive datetime": datetime.min,  # noqa: DTZ901 - the fault
    "datetime of a zone without offset": datetime(2020, 1, 1, tzinfo=BrokenZone()),
    "time": time(0, 0, tzinfo=UTC),
    **GAPS,
    "decimal": Decimal(0),
    "float in an array": np.array(0.0),
    "float of an enumeration": Quarter.ZERO,
    "naive datetime of another library": Naive(2020, 1, 1),
    "nat in ms": np.datetime64("NaT", "ms"),
    "nat in days": np.datetime64("NaT", "D"),
    "nat timedelta": np.timedelta64("NaT"),
}


@cases(NO_INSTANT)
def test_a_value_that_is_not_an_instant_is_refused(value: Any) -> None:
    """Floats, booleans, naive times, NaT and other types are refused by the parameter's name."""
    for name, error in refused(value):
        assert_carries(error, InvalidQuery, name, ILLEGAL)


FAILED = "failed to parse date field [{}] with format [strict_date_optional_time||epoch_millis]"
GRAMMAR: dict[str, str] = {
    "": "cannot parse empty datetime",
    **dict.fromkeys(
        [
            " ",
            "x",
            "T",
            "-",
            "--5",
            "+5",
            "+2020",
            "- 5",
            "1e5",
            "1.2.3",
            ".5",
            "-.5",
            "5.1234567",
            "0x10",
            "1_000",
            "\uff11\uff12\uff13\uff14\uff15",
            "\u0661\u0662\u0663\u0664\u0665",
            "\u00b2\u00b2\u00b2\u00b2\u00b2",
            "nan",
            "NaT",
            "null",
            "None",
            "true",
            "today",
            "yesterday",
            "NOW",
            "Now",
            " now",
            "-2020",
            "-2020-01-01",
            "2020-",
            "2020-1",
            "2020-2-1",
            "2020-13",
            "2020-00",
            "2020-01-00",
            "2020-01-32",
            "2020-02-30",
            "2019-02-29",
            "1900-02-29",
            "2020-04-31",
            "202-01-01",
            "20200-01-01",
            "10000-01-01",
            "2020/01/01",
            "01-01-2020",
            "2020-001",
            "2020-W01",
            "2020-01-01 ",
            " 2020-01-01",
            "2020-01-01\n",
            "2020-01-01\x00",
            "2020-01-01 00:00",
            "2020-01-01t00:00",
            "2020-01-01T0",
            "2020-01-01T24",
            "2020-01-01T24:00:00",
            "2020-01-01T00:",
            "2020-01-01T00:0",
            "2020-01-01T00:60",
            "2020-01-01T0000",
            "2020-01-01T00:00:",
            "2020-01-01T00:00:0",
            "2020-01-01T00:00:60",
            "2020-01-01T23:59:60Z",
            "2020-01-01T00:00:00.",
            "2020-01-01T00:00:00.x",
            "2020-01-01T00:00:00.1234567890",
            "2020-01-01T00:00:00:00",
            "2020-01-01T-1:00",
            "2020-01-01Z",
            "2020-01-01+01:00",
            "2020-01-01TZ",
            "2020Z",
            "2020-01T00:00",
            "2020T00:00",
            "2020-01-01T00:00+",
            "2020-01-01T00:00+1",
            "2020-01-01T00:00+1:00",
            "2020-01-01T00:00+01:0",
            "2020-01-01T00:00+01:60",
            "2020-01-01T00:00+18:01",
            "2020-01-01T00:00-18:01",
            "2020-01-01T00:00+19",
            "2020-01-01T00:00+99:99",
            "\uff12\uff10\uff12\uff10-01-01",
            "\u0662\u0660\u0662\u0660-01-01",
            "2020-01-01\u200b",
            "2020-01-01|+1d",
            "2020-01-01+1d",
            "2020+1d",
            "2020-01-01/d",
            "x||+1d",
            "2020-13-01||+1d",
            "2020-01-01 ||+1d",
            "Wed, 01 Jan 2020 00:00:00 GMT",
            "\ud800",
        ],
        FAILED,
    ),
    "||": "cannot parse empty datetime",
    "||+1d": "cannot parse empty datetime",
    **dict.fromkeys(
        [
            "now*2",
            "now 1d",
            "now ",
            "nowd",
            "now1d",
            "now||+1d",
            "now-1d ",
            "now-1dd",
            "now\u22121d",
            "2020-01-01||1d",
            "2020-01-01||*1d",
            "2020-01-01|| +1d",
            "2020-01-01||now",
            "2020-01-01||+1d||+1d",
            # There is no unit of milliseconds: the unit is "m", and "s" is not an operator.
            "now/ms",
            "now+1ms",
        ],
        "operator not supported for date math [",
    ),
    **dict.fromkeys(
        [
            "now+",
            "now-",
            "now/",
            "now+1",
            "now-1d+",
            "now-1d/",
            "now+99999999999999999999",
            "2020-01-01||+",
            "2020-01-01||+5",
            "2020-01-01||/1",
        ],
        "truncated date math [",
    ),
    **dict.fromkeys(
        [
            "now/2d",
            "now/0d",
            "2020-01-01||/10M",
        ],
        "rounding `/` can only be used on single unit types [",
    ),
    "now+1q": "unit [q] not supported for date math [",
    "now+1D": "unit [D] not supported for date math [",
    "2020-01-01||/D": "unit [D] not supported for date math [",
    "now+1S": "unit [S] not supported for date math [",
    "now+1Y": "unit [Y] not supported for date math [",
    "now+1W": "unit [W] not supported for date math [",
    "now+1.5d": "unit [.] not supported for date math [",
    "now+1 d": "unit [ ] not supported for date math [",
    "now--1d": "unit [-] not supported for date math [",
    "now+-1d": "unit [-] not supported for date math [",
    "now//d": "unit [/] not supported for date math [",
    "2020-01-01||+1x": "unit [x] not supported for date math [",
}


@pytest.mark.parametrize("text", GRAMMAR, ids=ascii)
def test_text_outside_the_grammar_is_refused(text: str) -> None:
    """Text outside the grammar is refused in the server's words when the query is made."""
    anchor = text.split("||", maxsplit=1)[0]
    for name, error in refused(text):
        assert_carries(error, InvalidQuery, name, PARSE)
        assert any(GRAMMAR[text].format(shown) in error.reason for shown in (text, anchor))


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-01T00:00:00 Z",
        "2020-01-01T00:00:00ZZ",
        "2020-01-01T00:00:00Z ",
        "2020-01-01T00:00:00Z\n",
        "2020-01-01T00:00+01:00Z",
        "2020-01-01T00:00 +01:00",
        "2020-01-01T00:00\u221201:00",
        "2020-01-01T00:00x",
    ],
    ids=ascii,
)
def test_a_suffix_that_is_not_a_zone_is_refused(text: str) -> None:
    """The suffix is refused whether it reads as a misspelt offset or as a region."""
    for name, error in refused(text):
        assert (type(error), error.field) == (InvalidQuery, name)


@pytest.mark.parametrize("region", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "CET", "Nowhere/Land"])
def test_a_region_is_refused_by_name(region: str) -> None:
    """Regions would need time zone files, so they are refused; the reason names the region."""
    for text in (f"2020-01-01T00:00{region}", f"2020-01-01T00:00:00.5{region}", f"2020-01-01T00{region}||+1d"):
        for name, error in refused(text):
            assert (type(error), error.field) == (InvalidQuery, name)
            assert region in error.reason


@pytest.mark.parametrize(
    "text",
    [
        "0000",
        "0000-12-31",
        "0000-12-31T23:59:59.999Z",
        "0001-01-01T00:00+00:01",
        "0001-01-01T17:59:59.999+18:00",
        "9999-12-31T23:59:59.999-00:01",
        "9999-12-31T06:00-18:00",
        "0001-01-01||-1s",
        "0001-01-01||-1M",
        "0001-01-01||-1y",
        "0001-06-01||-6M",
        "9999-12-31||+1d",
        "9999-12-31||+1d-1d",
        "9999-12-31T23:59:59Z||+1s",
        "9999-12-01||+1M",
        "9999||+1y",
        "9999-12-31||+1w-1w",
        "2020||+8000y",
        "2020||-2020y",
        "2020||+99999999999999999999y",
        "2020||-99999999999999999999M",
        "2020||+99999999999999999999999999999999w",
        "2020||+9223372036854775807s",
        "2020||+9223372036854775808d",
        "2020||+2147483648d",
        "2020||-18446744073709551616h",
        "2020||+9999999999999999999m",
        "0000-01-01||+1y",
    ],
)
def test_a_date_outside_the_years_1_to_9999_is_past_a_limit(text: str) -> None:
    """A date, and each step of its math, must stay inside the years; the query refuses it when it is made."""
    for name, error in refused(text):
        assert_carries(error, LimitExceeded, name, ILLEGAL)


@EACH_BOUND
@pytest.mark.parametrize(
    ("now", "text"),
    [
        (LAST_MS, "now+1s"),
        (LAST_MS, "now+1d-1d"),
        (LAST_MS, "now+1M"),
        (LAST_MS, "now+1y"),
        (FIRST_MS, "now-1s"),
        (FIRST_MS, "now-1s/d"),
        (FIRST_MS, "now-1M+1M"),
        (0, "now+8030y"),
        (0, "now-1970y"),
        (0, "now+99999999999999999999y"),
        (0, "now-99999999999999999999s"),
    ],
)
def test_math_on_now_outside_the_years_is_past_a_limit_at_the_search(
    kind: Kind, name: str, now: int, text: str
) -> None:
    """`now` is not known before the search, whose error names the parameter with the math."""
    params: dict[str, Any] = {name: text}
    query, call = QUERIES[kind](jobs="web", **params), CALLS[kind]
    clocked = ResultsIndex(clock=lambda: now)
    clocked.put_job("web")
    for error in (
        refusal(lambda: INDEX.search(query, now=now)),
        refusal(lambda: INDEX.scan(query, now=now)),
        refusal(lambda: getattr(INDEX, call)(job_id="web", now=now, **params)),
        refusal(lambda: getattr(clocked, call)(job_id="web", **params)),
    ):
        assert_carries(error, LimitExceeded, name, ILLEGAL)


EDGE_TEXTS: dict[str, int] = {
    "0001": FIRST_MS,
    "0001-01-01T00:00:00.000Z": FIRST_MS,
    "0001-01-01T18:00+18:00": FIRST_MS,
    "0001-01-01||/y": FIRST_MS,
    "0001-01-01||/w": FIRST_MS,
    "0001-12-31T23:59:59.999||/y": FIRST_MS,
    "0001-02||-1M": FIRST_MS,
    "0002||-1y": FIRST_MS,
    "9999-12-31T23:59:59.999Z": LAST_MS,
    "9999-12-31T23:59:59.999999999Z": LAST_MS,
    "9999-12-31T05:59:59.999-18:00": LAST_MS,
    "9999-12-31T23:59:58.999||+1s": LAST_MS,
    "9999-12-24T23:59:59.999||+1w": LAST_MS,
    "2020-01-01T00:00+18:00": 1_577_836_800_000 - 18 * HOUR,
    "2020-01-01T00:00-18": 1_577_836_800_000 + 18 * HOUR,
    "2020-01-01T": 1_577_836_800_000,
    "2020-01-31||+1M": 1_582_934_400_000,
    "2020-01-01||+0d": 1_577_836_800_000,
    "2020-01-01||+000000000000000000001d": 1_577_836_800_000 + DAY,
    "1577836800000||+d": 1_577_836_800_000 + DAY,
    "2020-01-01T00:00:00,123456789Z": 1_577_836_800_123,
    "2020-01-01T00Z": 1_577_836_800_000,
    "2020-01-01T00UTC": 1_577_836_800_000,
    "2020-01-01T00:00:00.5GMT": 1_577_836_800_500,
    "5000": 95_617_584_000_000,
    "12345": 12_345,
    "12345.": 12_345,
    "12345.999999": 12_345,
    "-5": -5,
    "-1.0": -1,
    "-1.": -1,
    "00001": 1,
    "0": 0,
    "-0": 0,
    "000": 0,
    "253402300800000": LAST_MS + 1,
    "9223372036854775807": 2**63 - 1,
    "9223372036854775808": 2**63,
    "-9223372036854775809": -(2**63) - 1,
    "9" * 64: 10**64,
    "-" + "9" * 63: -(10**63),
}


def window(**params: Any) -> list[int]:
    """The timestamps that a query matches, by a call, a search and a scan."""
    called = [row.timestamp for row in INDEX.get_buckets(job_id="web", **params)]
    assert [row.timestamp for row in INDEX.search(BucketQuery(jobs="web", **params))] == called
    assert [row.timestamp for row in INDEX.scan(BucketQuery(jobs="web", **params))] == called
    return called


def window_if_accepted(name: str, value: Any) -> list[int] | None:
    """The timestamps in the window of one bound; None if an error refuses the value and names the parameter."""
    try:
        return window(**{name: value})
    except (InvalidQuery, LimitExceeded) as error:
        if error.field != name:
            raise
        return None


@pytest.mark.parametrize(("text", "instant"), EDGE_TEXTS.items(), ids=lambda value: str(value)[:40])
def test_text_at_the_edge_is_its_instant(text: str, instant: int) -> None:
    """The window begins or ends exactly at the instant; an instant beyond int64 is beyond every bucket."""
    assert window(start=text) == [at for at in TIMES if at >= instant]
    assert window(end=text) == [at for at in TIMES if at < instant]


FAR_INTS = [LAST_MS + 1, 2**53, 2**63 - 1, 2**63, 2**64, 10**30, 10**400, 10**5000]


@pytest.mark.parametrize("far", FAR_INTS, ids=lambda far: f"{far.bit_length()} bits")
def test_an_int_beyond_all_buckets_is_clamped(far: int) -> None:
    """An integer of any size may be a bound or a lookup, and none wraps around."""
    assert window(start=far) == []
    assert window(end=far) == TIMES
    assert window(start=-far) == TIMES
    assert window(end=-far) == []
    for timestamp in (far, -far):
        with pytest.raises(NotFound):
            INDEX.get_buckets(job_id="web", timestamp=timestamp)
        assert list(INDEX.scan(BucketQuery(jobs="web", timestamp=timestamp))) == []


def test_the_extreme_ints_of_int64_are_not_sentinels() -> None:
    """Only None leaves a side open."""
    for value in (-(2**63), 2**63 - 1, np.int64(-(2**63)), np.int64(2**63 - 1), np.uint64(2**64 - 1)):
        assert window(start=value) == (TIMES if value < 0 else [])
        assert window(end=value) == ([] if value < 0 else TIMES)


@pytest.mark.parametrize("unset", [-1, "-1", None], ids=repr)
@pytest.mark.parametrize("name", ["start", "end"])
def test_minus_one_and_none_are_unset(name: str, unset: Any) -> None:
    """-1 and None leave a side open, and the attribute of the query is None."""
    params: dict[str, Any] = {name: unset}
    assert window(**params) == TIMES
    assert getattr(BucketQuery(jobs="web", **params), name) is None


LITERAL: dict[str, Any] = {
    "datetime64": np.datetime64(-1, "ms"),
    "datetime64 in us": np.datetime64(-1, "us"),
    "datetime": datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    "datetime in another zone": datetime(1970, 1, 1, 0, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=1))),
    "digits with a fraction": "-1.0",
    "digits with a zero": "-01",
    "iso": "1969-12-31T23:59:59.999Z",
}


@cases(LITERAL)
def test_no_other_spelling_of_the_instant_minus_one_is_unset(value: Any) -> None:
    """A query can name the millisecond before the epoch; a change of another parameter does not lose it."""
    assert window(start=value) == [at for at in TIMES if at >= -1]
    assert window(end=value) == [at for at in TIMES if at < -1]
    assert INDEX.get_buckets(job_id="web", timestamp=value)[0].timestamp == -1
    query = BucketQuery(jobs="web", end=value)
    assert query.end is not None
    changed = query.replace(size=5)
    assert changed.end == query.end
    assert [row.timestamp for row in INDEX.search(changed)] == [FIRST_MS, -HOUR]
    assert query.replace() == query


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        (np.datetime64(FIRST_MS, "ms"), FIRST_MS),
        (np.datetime64(LAST_MS, "ms"), LAST_MS),
        (np.datetime64(LAST_MS * 1000 + 999, "us"), LAST_MS),
        (np.datetime64(-1, "ns"), -1),
        (np.datetime64(-1, "as"), -1),
        (np.datetime64(-(10**6) - 1, "ns"), -2),
        (np.datetime64(0, "Y"), 0),
        (np.datetime64(0, "M"), 0),
        (np.datetime64(1, "h"), HOUR),
        (np.datetime64("0001", "Y"), FIRST_MS),
        (np.datetime64(0, ("s", 25)), 0),
        (np.datetime64(2, ("m", 30)), HOUR),
        (datetime.min.replace(tzinfo=UTC), FIRST_MS),
        (datetime.max.replace(tzinfo=UTC), LAST_MS),
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 0),
        (datetime(1970, 1, 1, 0, 0, 0, 999, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 0, 0, 30, tzinfo=timezone(timedelta(seconds=30))), 0),
        (np.int8(-5), -5),
        (np.uint64(5), 5),
        (date(1970, 1, 2), DAY),
        (date.min, FIRST_MS),
        (date.max, LAST_MS - DAY + 1),
        (np.array(5), 5),
        (np.array(1, dtype="M8[h]"), HOUR),
        (Unequal(1970, 1, 1, 1, tzinfo=UTC), HOUR),
    ],
    ids=str,
)
def test_an_instant_of_another_type_becomes_its_ms(value: Any, instant: int) -> None:
    """A datetime, or a datetime64 of any unit, is floored to the millisecond."""
    query = BucketQuery(jobs="web", start=value, end=value)
    # The number -1 means unset, so the query holds this one instant as text.
    held = "1969-12-31T23:59:59.999Z" if instant == -1 else instant
    assert (query.start, query.end) == (held, held)
    assert type(query.start) is type(held)
    assert query.replace() == query
    assert window(start=value) == [at for at in TIMES if at >= instant]


@pytest.mark.parametrize(
    "value",
    [
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=23, minutes=59))),
        np.datetime64(2**62, "s"),
        np.datetime64(2**64 // HOUR + 1, "h"),
        np.datetime64(2**60, "W"),
        np.datetime64(292_000_000, "Y"),
        np.datetime64(2**63 - 1, "D"),
        np.datetime64("10000", "Y"),
        np.datetime64(LAST_MS + 1, "ms"),
        np.datetime64(2**63 - 1, "ms"),
    ],
    ids=["datetime", "seconds", "wrapping hours", "weeks", "years", "days", "year 10000", "one past", "last"],
)
def test_a_time_beyond_the_years_is_beyond_every_bucket_or_refused(value: Any) -> None:
    """A time after the years is refused or lies after every bucket; it never wraps around."""
    assert window_if_accepted("start", value) in (None, [])
    assert window_if_accepted("end", value) in (None, TIMES)


@pytest.mark.parametrize(
    "value",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=23, minutes=59))),
        np.datetime64(-(2**62), "s"),
        np.datetime64(-(2**64 // HOUR) - 1, "h"),
        np.datetime64(-(2**60), "W"),
        np.datetime64(-292_000_000, "Y"),
        np.datetime64("0000", "Y"),
        np.datetime64(FIRST_MS - 1, "ms"),
        np.datetime64(-(2**63) + 1, "ms"),
    ],
    ids=["datetime", "seconds", "wrapping hours", "weeks", "years", "year 0", "one before", "first"],
)
def test_a_time_before_the_years_is_before_every_bucket_or_refused(value: Any) -> None:
    """A time before the years is refused or lies before every bucket; it never wraps around."""
    assert window_if_accepted("start", value) in (None, TIMES)
    assert window_if_accepted("end", value) in (None, [])


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("9999-12-31T23:59:59.999Z", LAST_MS, LAST_MS),
        ("9999-12-31T23:59:59Z", LAST_MS - 999, LAST_MS),
        ("9999-12-31", LAST_MS - DAY + 1, LAST_MS),
        ("9999-12-31||/d", LAST_MS - DAY + 1, LAST_MS),
        ("9999-12-31||/M", LAST_MS - 31 * DAY + 1, LAST_MS),
        ("9999-12-31||/y", LAST_MS - 365 * DAY + 1, LAST_MS),
        ("9999-12-31T23:59:59.999||/s", LAST_MS - 999, LAST_MS),
        ("0001-01-01||/y", FIRST_MS, FIRST_MS + 365 * DAY - 1),
        ("0001", FIRST_MS, FIRST_MS + DAY - 1),
        ("0001-01-01||/w", FIRST_MS, FIRST_MS + 7 * DAY - 1),
    ],
)
def test_a_lookup_finds_buckets_at_the_ends_of_the_calendar(text: str, first: int, last: int) -> None:
    """A lookup covers all instants of its text, up to the last instant of the calendar."""
    index = ResultsIndex()
    times = sorted({first, last})
    index.upsert(buckets(times))
    page = index.get_buckets(job_id="web", timestamp=text)
    assert (page.count, page[0].timestamp) == (len(times), first)


def test_a_week_that_ends_after_the_year_9999_can_bound_a_window_but_not_be_looked_up() -> None:
    """A week whose end is in the year 10000 is refused as a lookup; its start is a valid bound."""
    query = BucketQuery(jobs="web", timestamp="9999-12-30")
    with pytest.raises(NotFound):
        INDEX.search(query)
    with pytest.raises(LimitExceeded, match="leaves the years 0001 to 9999"):
        BucketQuery(jobs="web", timestamp="9999-12-31||/w")
    monday = LAST_MS - 5 * DAY + 1
    assert BucketQuery(jobs="web", start="9999-12-31||/w")._resolved == BucketQuery(jobs="web", start=monday)._resolved


def test_an_error_of_a_zone_passes_through() -> None:
    """The zone of a datetime is the caller's code, so its error reaches the caller unchanged."""
    with pytest.raises(OSError, match="no zone"):
        BucketQuery(jobs="web", start=datetime(2020, 1, 1, tzinfo=RaisingZone()))


@EACH_BOUND
def test_the_error_carries_the_given_value(kind: Kind, name: str) -> None:
    """The value of the error is the value that the caller gave."""
    for error in refusals(INDEX, kind, **{name: "yesterday"}):
        assert error.value == "yesterday"
