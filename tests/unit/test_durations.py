"""Durations: the API's notation, and its words for what is not one."""

import pytest

from bucketquery import InvalidQuery
from bucketquery.queries.durations import read_duration

SETTING = "failed to parse setting [bucket_span] with value [{}] as a time value: {}"


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1d", 86_400_000),
        ("90m", 5_400_000),
        ("1h", 3_600_000),
        (" 1 H ", 3_600_000),
        ("3600S", 3_600_000),
        ("+05s", 5_000),
        ("250ms", 250),
        ("1999micros", 1),
        ("1999999NANOS", 1),
        ("0", 0),
        ("00", 0),
        ("-1", -1),
        ("-001", -1),
        ("-1d", -1),
        ("000000000000000000000000000001s", 1_000),
        (f"{2**63 - 1}d", (2**63 - 1) * 86_400_000),
    ],
)
def test_a_duration_has_a_number_and_a_unit(text: str, milliseconds: int) -> None:
    """Parts of a millisecond are floored; -1 and 0 need no unit."""
    assert read_duration(text, "bucket_span") == milliseconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", SETTING.format("", "unit is missing or unrecognized")),
        ("1", SETTING.format("1", "unit is missing or unrecognized")),
        ("5M", SETTING.format("5M", "unit is missing or unrecognized")),
        ("1m ", SETTING.format("1m ", "unit is missing or unrecognized")),
        ("-2s", SETTING.format("-2s", "negative durations are not supported")),
        ("1.5h", "failed to parse [1.5h], fractional time values are not supported"),
        (f"{2**63}s", f"failed to parse [{2**63}s], fractional time values are not supported"),
        ("9" * 5_000 + "s", f"failed to parse [{'9' * 100}], fractional time values are not supported"),
        ("xh", "failed to parse [xh]"),
        ("h", "failed to parse [h]"),
        ("\u0661s", "failed to parse [\u0661s]"),
    ],
)
def test_other_text_is_refused_in_the_servers_words(text: str, reason: str) -> None:
    """Minutes are a lower-case m, and no number has a fraction."""
    with pytest.raises(InvalidQuery) as caught:
        read_duration(text, "bucket_span")
    assert caught.value.reason == reason
    assert (caught.value.field, caught.value.value, caught.value.type) == (
        "bucket_span",
        text,
        "illegal_argument_exception",
    )
