"""Rules 1.6, 1.7 and 1.9: which dates and which date math are refused, and the words of the error."""

from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, BucketQueryError, LimitExceeded
from support.semantics_tables import JOB, Refusal, assert_refusal, each_row, index_of, invalid

NOW = "2020-02-02T13:45:30.250Z"  # a Sunday


@dataclass(frozen=True, slots=True)
class NoInstant:
    """A value that is not an instant in `start`, `end` or `timestamp`, and a part of the error's reason."""

    rule: str
    value: Any
    reason: str
    source: str
    _: KW_ONLY
    error_type: str = "parse_exception"

    @property
    def claim(self) -> str:
        """The value as Python shows it."""
        return repr(self.value)


def unreadable(value: str, source: str) -> NoInstant:
    """The row of a text outside the grammar, with the server's reason."""
    reason = f"failed to parse date field [{value}] with format [strict_date_optional_time||epoch_millis]"
    return NoInstant("1.6", value, reason, source)


OUTSIDE_THE_GRAMMAR = [
    unreadable("2020-01-01 00:00", "a space instead of T"),
    unreadable("2020-01-01t00:00", "T is upper case"),
    unreadable("2020-01-01T00:00z", "Z is upper case"),
    unreadable("2020-2-1", "two digits are mandatory"),
    unreadable("2020-1", "two digits are mandatory"),
    unreadable("2020-02-1", "two digits are mandatory"),
    unreadable("2020-01-01T1", "two digits are mandatory"),
    unreadable("2020-01-01T01:2", "two digits are mandatory"),
    unreadable("2020-01-01T01:02:3", "two digits are mandatory"),
    unreadable("20-01-01", "four digits are mandatory"),
    unreadable("12020-01-01", "four digits are mandatory"),
    unreadable("2020-00", "month 0"),
    unreadable("2020-13", "month 13"),
    unreadable("2020-13-01", "month 13"),
    unreadable("2020-01-00", "day 0"),
    unreadable("2020-01-32", "day 32"),
    unreadable("2020-02-30", "no such day"),
    unreadable("2021-02-29", "not a leap year"),
    unreadable("1900-02-29", "not a leap year"),
    unreadable("2020-04-31", "no such day"),
    unreadable("2020-01-01T24", "hour 24"),
    unreadable("2020-01-01T24:00:00", "hour 24"),
    unreadable("2020-01-01T00:60", "minute 60"),
    unreadable("2020-01-01T00:00:60", "second 60"),
    unreadable("2016-12-31T23:59:60Z", "a leap second is second 60"),
    unreadable("2020-01-01T00:00:00.", "a fraction needs a digit"),
    unreadable("2020-01-01T00:00:00.Z", "a fraction needs a digit"),
    unreadable("2020-01-01T00:00:00.1234567890", "a fraction has nine digits at most"),
    unreadable("2020-01-01T00:00.5", "only seconds have a fraction"),
    unreadable("2020-01-01T00:00:00.5.5", "trailing characters"),
    unreadable("2020-01-01x", "trailing characters"),
    unreadable("2020-01-01T00:00:00ZZ", "trailing characters"),
    unreadable("2020-01-01-01", "trailing characters"),
    unreadable("2020-", "trailing characters"),
    unreadable("2020-01-", "trailing characters"),
    unreadable("2020-01-01T00:", "trailing characters"),
    unreadable("2020-01-01Z", "a zone needs an hour before it"),
    unreadable("2020-01-01TZ", "a zone needs an hour before it"),
    unreadable("2020-01-01+01:00", "a zone needs an hour before it"),
    unreadable("2020Z", "a zone needs an hour before it"),
    unreadable("2020-01-01T00:00+1", "the hours of a zone have two digits"),
    unreadable("2020-01-01T00:00+", "a sign without digits"),
    unreadable("2020-01-01T00:00+01:", "a colon without minutes"),
    unreadable("2020-01-01T00:00+01:6", "the minutes of a zone have two digits"),
    unreadable("2020-01-01T00:00+01:60", "the minutes of a zone are below 60"),
    unreadable("2020-01-01T00:00+18:01", "18 hours at most"),
    unreadable("2020-01-01T00:00-19:00", "18 hours at most"),
    unreadable("2020/01/01", "wrong separators"),
    unreadable("01-01-2020", "wrong order"),
    unreadable("2020-W01-1", "a week date"),
    unreadable("2020-01-01T000000Z", "the basic format"),
    unreadable("T00:00", "no date"),
    unreadable(" 2020", "a leading blank"),
    unreadable("2020 ", "a trailing blank"),
    unreadable("2020-01-01\n", "a trailing line break"),
    unreadable("1577836800000 ", "a trailing blank"),
    unreadable("1577836800000\n", "a trailing line break"),
    unreadable("1577836800000.1234567", "six digits at most"),
    unreadable("+1577836800000", "only a minus sign"),
    unreadable("+2020", "only a minus sign"),
    unreadable("-2020", "four digits are a year, and a year has no sign"),
    unreadable("-2020-01-01", "a year has no sign"),
    unreadable("--5", "at most one sign"),
    unreadable("-", "no digits"),
    unreadable(".", "no digits"),
    unreadable("1e12", "no exponent"),
    unreadable("0x10", "decimal digits only"),
    unreadable("1_577_836_800_000", "no separators"),
    unreadable("1,577", "no separators"),
    unreadable("\uff12\uff10\uff12\uff10", "only ASCII digits"),
    unreadable("\u0661\u0662\u0663", "only ASCII digits"),
    unreadable("NaN", "not a number"),
    unreadable("yesterday", "a word"),
    unreadable("NOW", "now is lower case"),
    unreadable(" now", "a leading blank"),
    unreadable("null", "a word"),
]

BAD_MATH = [
    NoInstant("1.9", "", "cannot parse empty datetime", "DMP"),
    NoInstant("1.9", "now*1d", "operator not supported for date math [*1d]", "DMP"),
    NoInstant("1.9", "now 1d", "operator not supported for date math [ 1d]", "DMP"),
    NoInstant("1.9", "nowhere", "operator not supported for date math [here]", "DMP"),
    NoInstant("1.9", "now\n", "operator not supported for date math [\n]", "DMP"),
    NoInstant("1.9", "now1d", "operator not supported for date math [1d]", "DMP"),
    NoInstant("1.9", "now||+1d", "operator not supported for date math [||+1d]", "DMP: now is not an anchor"),
    NoInstant("1.9", "2020-01-01||1d", "operator not supported for date math [1d]", "DMP"),
    NoInstant("1.9", "2020-01-01||now", "operator not supported for date math [now]", "DMP"),
    NoInstant("1.9", "2020-01-01||+1d 2d", "operator not supported for date math [", "DMP"),
    NoInstant("1.9", "2020-01-01||+1d||+1d", "operator not supported for date math [", "DMP"),
    NoInstant("1.9", "now+", "truncated date math [+]", "DMP"),
    NoInstant("1.9", "now-", "truncated date math [-]", "DMP"),
    NoInstant("1.9", "now/", "truncated date math [/]", "DMP"),
    NoInstant("1.9", "now+1", "truncated date math [+1]", "DMP: a number without a unit"),
    NoInstant("1.9", "2020-01-01||+1d-", "truncated date math [", "DMP"),
    NoInstant("1.9", "now/2d", "rounding `/` can only be used on single unit types [/2d]", "DMP"),
    NoInstant("1.9", "now/0d", "rounding `/` can only be used on single unit types [/0d]", "DMP"),
    NoInstant("1.9", "2020-01-01||/10M", "rounding `/` can only be used on single unit types [/10M]", "DMP"),
    NoInstant("1.9", "now+1q", "unit [q] not supported for date math [+1q]", "DMP"),
    NoInstant("1.9", "now+1D", "unit [D] not supported for date math [+1D]", "DMP: d, not D"),
    NoInstant("1.9", "now+1Y", "unit [Y] not supported for date math [+1Y]", "DMP: y, not Y"),
    NoInstant("1.9", "now/W", "unit [W] not supported for date math [/W]", "DMP: w, not W"),
    NoInstant("1.9", "now/S", "unit [S] not supported for date math [/S]", "DMP: s, not S"),
    NoInstant("1.9", "now+ 1d", "unit [ ] not supported for date math [+ 1d]", "DMP"),
    NoInstant("1.9", "now+1.5h", "unit [.] not supported for date math [+1.5h]", "DMP: whole numbers"),
    NoInstant("1.9", "now+-1d", "unit [-] not supported for date math [+-1d]", "DMP: at most one sign"),
    NoInstant("1.9", "2020-13||+1d", "failed to parse date field [2020-13]", "the anchor is checked"),
    NoInstant("1.9", " 2020||+1d", "failed to parse date field [ 2020]", "the anchor is checked"),
    NoInstant("1.9", "2020-01-01|+1d", "failed to parse date field [2020-01-01|+1d]", "date math needs two bars"),
    NoInstant("1.9", "2020-01-01+1d", "failed to parse date field [2020-01-01+1d]", "date math needs two bars"),
    NoInstant("1.9", "||+1d", "cannot parse empty datetime", "an empty anchor"),
]

WRONG_TYPES = [
    NoInstant("20.types", value, "", "ours", error_type="illegal_argument_exception")
    for value in (
        True,
        False,
        1.5,
        1_577_836_800_000.0,
        float("nan"),
        np.float64(5),
        datetime(2020, 1, 1),  # noqa: DTZ001 - the test needs a naive datetime
        np.datetime64("NaT"),
        [1_577_836_800_000],
        {"gte": 0},
        b"2020",
    )
]


@each_row(OUTSIDE_THE_GRAMMAR, BAD_MATH, WRONG_TYPES)
def test_value_that_is_not_an_instant_is_refused(row: NoInstant) -> None:
    """The query refuses a value outside the grammar, and the error names the parameter."""
    index = index_of([])
    for field in ("start", "end", "timestamp"):
        expected = invalid(field, row.reason, row.error_type)
        asked = {field: row.value}
        with pytest.raises(BucketQueryError) as caught:
            BucketQuery(jobs=JOB, **asked)
        assert_refusal(caught.value, expected)
        with pytest.raises(BucketQueryError) as caught:
            index.get_buckets(job_id=JOB, **asked)
        assert_refusal(caught.value, expected)


@dataclass(frozen=True, slots=True)
class Zone:
    """A region id, which needs the time zone database."""

    rule: str
    claim: str
    source: str


REGIONS = [
    Zone("1.6", region, "ours: the library reads no files")
    for region in ("Europe/Paris", "America/New_York", "Etc/UTC", "EST", "CET")
]


@each_row(REGIONS)
def test_region_is_refused_by_name(row: Zone) -> None:
    """A region id is refused because it needs files, and the error names it."""
    with pytest.raises(BucketQueryError, match=row.claim) as caught:
        BucketQuery(jobs=JOB, start=f"2020-01-01T00:00{row.claim}")
    assert_refusal(caught.value, invalid("start", row.claim, caught.value.type))


@dataclass(frozen=True, slots=True)
class Beyond:
    """A text within the grammar that exceeds a limit of the library."""

    rule: str
    claim: str
    source: str


BEYOND = [
    Beyond("1.6", "0000", "years are 0001 to 9999"),
    Beyond("1.6", "0000-12-31", "years are 0001 to 9999"),
    Beyond("1.6", "0001-01-01T00:00+01:00", "the instant is in year 0"),
    Beyond("1.6", "9999-12-31T23:59:59-01:00", "the instant is in year 10000"),
    Beyond("1.7", "0001-01-01||-1s", "a step leaves the years"),
    Beyond("1.7", "9999-12-31||+1d", "a step leaves the years"),
    Beyond("1.7", "9999-12-31||+1d-1d", "a step leaves the years, although the next step returns"),
    Beyond("1.7", "0001-01||-1M+1M", "a step leaves the years, although the next step returns"),
    Beyond("1.7", "2020||+8000y", "a step leaves the years"),
    Beyond("1.7", "2020||-2020y", "a step leaves the years"),
    Beyond("1.7", "2020||+9999999999999y", "a step leaves the years by far"),
    Beyond("1.7", "2020||-99999999999999999999999999999s", "a step leaves the years by far"),
    Beyond("1.7", "2020||+99999999999999999999999999999M", "a step leaves the years by far"),
    Beyond("1.7", "253402300799999||+1s", "epoch digits with date math"),
    Beyond("1.7", "2020-01-01||+1d+1d+1d+1d+1d+1d+1d+1d+1d", "nine operations"),
    Beyond("1.7", "2020-01-01||/d/d/d/d/d/d/d/d/d", "nine operations"),
    Beyond("1.7", "now/d/d/d/d/d/d/d/d/d", "nine operations"),
    Beyond("1.7", "2020-01-01||+" + "0" * 50 + "1d", "65 characters"),
    Beyond("1.6", "1" * 65, "65 characters"),
]


@each_row(BEYOND)
def test_text_past_a_limit_is_refused(row: Beyond) -> None:
    """The query raises LimitExceeded for a date past a limit of the library."""
    for field in ("start", "end", "timestamp"):
        asked: dict[str, Any] = {field: row.claim}
        with pytest.raises(BucketQueryError) as caught:
            BucketQuery(jobs=JOB, **asked)
        assert_refusal(caught.value, Refusal(LimitExceeded, 400, "illegal_argument_exception", field, ""))


def test_search_refuses_math_on_now_past_the_years() -> None:
    """Only the search knows `now`, so the search refuses date math on `now` past the years 0001 to 9999."""
    query = BucketQuery(jobs=JOB, start="now+8000y")
    with pytest.raises(BucketQueryError) as caught:
        index_of([]).search(query, now=NOW)
    assert_refusal(caught.value, Refusal(LimitExceeded, 400, "illegal_argument_exception", "start", ""))
