"""One parameter at a time: the accepted values, their meaning, and the message of a refusal."""

import itertools
import math
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.instants import FIRST_MS, LAST_MS, InstantRange, NowMath
from bucketquery.model.schema import BUCKET, INFLUENCER, MAPPED, NESTED_FIELDS, RECORD, TEXT_FIELDS, Schema
from bucketquery.queries.job_tokens import MOST_GROUPS, MOST_JOBS, read_groups, read_jobs
from bucketquery.queries.parameters import (
    is_unset,
    order_by_of,
    read_boolean,
    read_bound,
    read_canonical_instant,
    read_integer,
    read_job_id,
    read_now,
    read_score,
    read_sort,
    read_text,
)


def refusal(call: Callable[[], object]) -> InvalidQuery:
    """The error of a call that must be refused."""
    with pytest.raises(InvalidQuery) as caught:
        call()
    return caught.value


class Text(str):
    """A subclass of str."""

    __slots__ = ()


# ---- jobs


def test_jobs_are_named_alone_or_in_an_iterable() -> None:
    """The ids become ``str`` and stay in the given order."""
    for job_id in ("a", Text("web")):
        for jobs in (job_id, [job_id], (job_id,), {job_id}, iter([job_id])):
            (stored,) = read_jobs(jobs)
            assert stored == job_id
            assert type(stored) is str
    assert read_jobs(iter(["web", "db", "a"])) == ("web", "db", "a")


def test_a_repeated_job_counts_once() -> None:
    """It has its first place in the order."""
    assert read_jobs(["b", "a", Text("b"), "c", "a"]) == ("b", "a", "c")


def test_the_number_of_jobs_is_limited() -> None:
    """``MOST_JOBS`` ids are accepted and one more is refused, even if ids repeat or are invalid."""
    assert len(read_jobs(str(number) for number in range(MOST_JOBS))) == MOST_JOBS
    for jobs in ([str(number) for number in range(MOST_JOBS + 1)], ["web"] * (MOST_JOBS + 1), itertools.repeat(5)):
        with pytest.raises(LimitExceeded) as caught:
            read_jobs(jobs)
        assert (caught.value.field, caught.value.value) == ("jobs", jobs)


def test_invalid_job_ids_are_refused() -> None:
    """The error has the value as it was given, alone or in a list."""
    for job_id in ("", "-a", "-", "_a", "_a*", "a b", "a b*", "a" * 256, "a,-b c", " , ", 5, None):
        for jobs in (job_id, [job_id]):
            error = refusal(lambda: read_jobs(jobs))  # noqa: B023 - called at once
            assert (error.field, error.value) == ("jobs", jobs)


def test_tokens_are_split_and_stripped() -> None:
    """A text has tokens between commas, alone or in an iterable. Blanks around a token and empty tokens go."""
    assert read_jobs(" a , b*,,\tc\u00a0") == ("a", "b*", "c")
    assert read_jobs(["a,b", "", " c "]) == ("a", "b", "c")
    assert read_jobs([Text("a,-b"), "a"]) == ("a", "-b", "a")
    assert read_jobs("a,b*,a,_all,b*") == ("a", "b*", "_all")
    assert read_jobs("*,-*,-_all,-a,-a*") == ("*", "-*", "-_all", "-a", "-a*")


def test_tokens_are_bounded() -> None:
    """The bounds hold for a token with its ``-``. Neighbouring asterisks count as one."""
    for token in ("a" * 255, "-" + "a" * 255, "a" * 255 + "*", "*a" * 7 + "*", "**a***" * 4, "*" * 256):
        assert read_jobs(["a", token])[-1] == token
    for token in ("a" * 257, "-" + "a" * 256, "a" * 256 + "*", "*a" * 8 + "*", "-*a" + "*a" * 8, "*" * 257):
        with pytest.raises(LimitExceeded) as caught:
            read_jobs(["a", token], "pattern")
        assert caught.value.field == "pattern"
        assert len(caught.value.reason) < 200


def test_the_tokens_of_texts_are_limited_together() -> None:
    """The commas in texts count too, and what follows is not read."""
    assert len(read_jobs(["a,-b"] * (MOST_JOBS // 2))) == MOST_JOBS
    for jobs in (["a,-b"] * (MOST_JOBS // 2) + ["a"], "a*," * (MOST_JOBS + 1), itertools.repeat(",")):
        with pytest.raises(LimitExceeded, match="names more than 100000 jobs"):
            read_jobs(jobs)


def test_groups_are_sorted_names() -> None:
    """Repeats go. A text is refused, since its letters would be names; so is anything that no job could be called."""
    assert read_groups(()) == read_groups([]) == ()
    assert read_groups(iter([Text("b"), "a", "b"])) == ("a", "b")
    assert len(read_groups(str(number) for number in range(MOST_GROUPS))) == MOST_GROUPS
    for groups in ("shop", None, 5, ["a*"], ["-a"], [""], ["a", 5], [None]):
        error = refusal(lambda: read_groups(groups))  # noqa: B023 - called at once
        assert error.field == "groups"
    for many in (["a"] * (MOST_GROUPS + 1), itertools.repeat("a")):
        with pytest.raises(LimitExceeded) as caught:
            read_groups(many)
        assert caught.value.field == "groups"


def test_a_new_job_needs_a_valid_id() -> None:
    """The id becomes ``str``. The error names the parameter ``job_id``."""
    assert read_job_id("web") == "web"
    assert type(read_job_id(Text("web"))) is str
    for job_id in ("a*", 5, None):
        error = refusal(lambda: read_job_id(job_id))  # noqa: B023 - called at once
        assert (error.field, error.value) == ("job_id", job_id)
        assert error.reason.startswith("[job_id] must be text of 1 to 255 characters")


def test_an_empty_list_of_jobs_is_refused() -> None:
    """A list in which one token is invalid is refused too, and so is an array that cannot be iterated."""
    for jobs in ([], ["a", "_b*"], ["a", ["b"]], ["-a", "b"], [" "], np.ma.masked):
        assert refusal(lambda: read_jobs(jobs)).field == "jobs"  # noqa: B023 - called at once


def test_text_becomes_str() -> None:
    """Other types are refused under the name of the parameter."""
    assert read_text("", "job_id") == ""
    assert type(read_text(Text("web"), "job_id")) is str
    error = refusal(lambda: read_text(b"web", "job_id"))
    assert (error.reason, error.field, error.value) == ("[job_id] must be text, not bytes", "job_id", b"web")


# ---- instants


def test_unset_has_three_spellings() -> None:
    """They are None, the integer -1 and the text ``-1``. Every other spelling of -1 is the instant."""
    unset: list[Any] = [None, -1, np.int64(-1), "-1"]
    given: list[Any] = ["-1.0", "-01", -1.0, " -1", True, datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), 0]
    assert all(map(is_unset, unset))
    assert not any(map(is_unset, given))
    assert [read_bound(value, "start") for value in unset] == [(None, None)] * 4


@pytest.mark.parametrize("moment", [FIRST_MS, LAST_MS, FIRST_MS - 1, LAST_MS + 1, -2, 0, 5])
def test_the_type_of_an_integer_does_not_change_a_bound(moment: int) -> None:
    """Python integers within the supported years take a shorter path to the same result."""
    spelled: Any = np.int64(moment)
    assert read_bound(moment, "start") == read_bound(spelled, "start") == (moment, InstantRange(moment, moment))


def test_a_stored_bound_can_be_read_again() -> None:
    """Text stays text, other values become milliseconds. The instant -1 becomes a date, because -1 means unset."""
    assert read_bound("2020", "start")[0] == "2020"
    assert read_bound(np.datetime64(5, "ms"), "start") == (5, InstantRange(5, 5))
    stored, parsed = read_bound(datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), "start")
    assert parsed == InstantRange(-1, -1)
    assert not is_unset(stored)
    assert read_bound(stored, "start") == (stored, InstantRange(-1, -1))


def test_stored_text_is_str() -> None:
    """A bound that is a subclass of str is stored as ``str``."""
    stored, parsed = read_canonical_instant(Text("now"), "timestamp")
    assert type(stored) is str
    assert isinstance(parsed, NowMath)


def test_now_is_given_as_an_instant() -> None:
    """-1 is an instant here. A value that needs a clock is refused."""
    assert (read_now(5), read_now(-1), read_now("-1"), read_now("1970")) == (5, -1, -1, 0)
    assert refusal(lambda: read_now("now")).field == "now"
    assert refusal(lambda: read_now(None)).field == "now"


# ---- thresholds

SCORES: list[tuple[Any, float]] = [
    (0, 0.0),
    (75, 75.0),
    (np.float32(0.5), 0.5),
    (10**400, math.inf),
    (-(10**400), -math.inf),
    (math.inf, math.inf),
]


@pytest.mark.parametrize(("score", "expected"), SCORES, ids=lambda part: repr(part)[:30])
def test_a_threshold_is_any_number(score: object, expected: float) -> None:
    """An integer beyond the range of doubles is infinite."""
    found = read_score(score, "record_score")
    assert found == expected
    assert type(found) is float


@pytest.mark.parametrize("score", ["75", True, None, 5j, np.array([5]), Fraction(5)], ids=repr)
def test_a_threshold_must_be_a_number(score: object) -> None:
    """Only the client keywords accept text."""
    error = refusal(lambda: read_score(score, "record_score"))
    assert error.field == "record_score"
    assert error.value is score


# ---- booleans, paging


def test_a_boolean_is_a_bool() -> None:
    """Other values that Python takes for true or false are refused."""
    assert read_boolean(True, "desc") is True
    assert read_boolean(False, "desc") is False
    assert read_boolean(np.True_, "desc") is True
    assert read_boolean(np.array(False), "desc") is False
    values: list[Any] = [1, 0, None, "true", [], np.array([True])]
    for value in values:
        error = refusal(lambda: read_boolean(value, "desc"))  # noqa: B023 - called at once
        assert error.reason.endswith("as only [true] or [false] are allowed.")
        assert error.field == "desc"
    assert refusal(lambda: read_boolean("x" * 1000, "desc")).reason.count("x") == 100


def test_paging_takes_integers_of_any_size() -> None:
    """NumPy integers become Python integers."""
    assert read_integer(10**30, "from", "from_") == 10**30
    found = read_integer(np.uint8(3), "size", "size")
    assert (found, type(found)) == (3, int)


NOT_INTEGERS: list[tuple[Any, str]] = [
    ("5", "5"),
    ("y" * 200, "y" * 100),
    (5.0, "5.0"),
    (True, "True"),
    (None, "NoneType"),
    (np.timedelta64(5, "s"), "timedelta64"),
    (b"5", "bytes"),
]


@pytest.mark.parametrize(("value", "shown"), NOT_INTEGERS, ids=lambda part: repr(part)[:30])
def test_paging_takes_only_integers(value: object, shown: str) -> None:
    """The message has the API's name of the parameter, and the field has the caller's."""
    error = refusal(lambda: read_integer(value, "from", "page.from"))
    assert error.reason == f"Failed to parse int parameter [from] with value [{shown}]"
    assert (error.field, error.value) == ("page.from", value)


def test_negative_paging_is_refused() -> None:
    """The message has the API's words."""
    error = refusal(lambda: read_integer(-1, "size", "size"))
    assert error.reason == "Parameter [size] cannot be < 0"


def test_an_integer_is_read_by_its_base_type() -> None:
    """A subclass whose ``__int__`` returns another number counts as the int that it is."""

    class OtherInt(int):
        def __int__(self) -> int:
            return -3

    assert read_integer(OtherInt(3), "size", "size") == 3


# ---- order


def test_buckets_are_ordered_by_a_column_or_by_time() -> None:
    """Time decides the order if buckets do not have the field, or if it is equal in all of them."""
    columns = {"anomaly_score", "initial_anomaly_score", "event_count", "bucket_span", "is_interim"}
    for name in columns | {"processing_time_ms", "scheduled_events"}:
        assert order_by_of(BUCKET, name) == (name,)
    for name in MAPPED - BUCKET.sortable | {"timestamp", "@timestamp"}:
        assert order_by_of(BUCKET, name) == ()


@pytest.mark.parametrize("schema", [RECORD, INFLUENCER])
def test_the_ties_of_anomalies_follow_the_sort_field(schema: Schema) -> None:
    """No field repeats. If the sort field has no column, the ties decide the order."""
    assert order_by_of(schema, "probability") == ("probability", *schema.ties)
    for name in MAPPED - schema.sortable - {"@timestamp"}:
        assert order_by_of(schema, name) == schema.ties
    assert order_by_of(schema, "@timestamp") == order_by_of(schema, "timestamp")
    assert sorted(order_by_of(schema, "timestamp")) == sorted(schema.ties)
    assert order_by_of(schema, "timestamp")[0] == "timestamp"


@pytest.mark.parametrize(
    ("names", "words", "kind"),
    [
        (TEXT_FIELDS, "Fielddata is disabled on [", "illegal_argument_exception"),
        (
            NESTED_FIELDS,
            "it is mandatory to set the [nested] context on the nested sort field: [",
            "query_shard_exception",
        ),
        (("", "_doc", "bucket_influencers", "Timestamp", "x" * 500), "No mapping found for [", "query_shard_exception"),
    ],
)
def test_fields_without_an_order_are_refused(names: tuple[str, ...], words: str, kind: str) -> None:
    """Each kind of field has its own message, which stays short for a long name."""
    for name in names:
        error = refusal(lambda: read_sort(BUCKET, name))  # noqa: B023 - called at once
        assert error.reason.startswith(words + name[:100])
        assert (error.type, error.field, error.value) == (kind, "sort", name)
        assert len(error.reason) < 200


def test_sort_is_the_name_of_one_field() -> None:
    """A list of names and None are refused. The stored name is ``str``."""
    for value in (["record_score"], None, b"timestamp"):
        assert refusal(lambda: read_sort(BUCKET, value)).field == "sort"  # noqa: B023 - called at once
    assert type(read_sort(BUCKET, Text("timestamp"))) is str
