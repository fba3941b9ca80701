"""Parameters that no question may have: each is refused by name, in the API's words where it has words."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest

from bucketquery import (
    BucketPage,
    BucketQuery,
    BucketQueryError,
    InvalidQuery,
    LimitExceeded,
    NotFound,
    ResultsIndex,
    UnknownJob,
)

HOUR = 3_600_000
NAN = float("nan")
INF = float("inf")
ILLEGAL = "illegal_argument_exception"
NOT_FOUND = "resource_not_found_exception"


class Unprintable:
    """A value that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __str__(self) -> str:
        raise RuntimeError("no str")


def stored() -> ResultsIndex:
    """An index with one job of four hourly buckets and one job put without any."""
    index = ResultsIndex(clock=lambda: 0)
    index.put_job("idle", bucket_span=60)
    row = {"job_id": "web", "bucket_span": 900, "result_type": "bucket"}
    index.upsert([row | {"timestamp": hour * HOUR, "anomaly_score": 25.0 * hour} for hour in range(4)])
    return index


INDEX = stored()
"""Shared by the read tests of this module, which check that reading leaves it alone."""


def plain(value: Any) -> Any:
    """Mappings as dicts, all the way down."""
    return {key: plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def state(index: ResultsIndex) -> list[Any]:
    """All that a reader can see of an index."""
    jobs = index.jobs()
    return [
        index.sequence,
        tuple(jobs),
        plain(index.stats()),
        [plain(index.stats(job)) for job in jobs],
        [index.get_buckets(job_id=job, size=10_000).to_dict(human=True) for job in jobs],
    ]


BEFORE = state(INDEX)


def refusal(action: Callable[[], Any]) -> BucketQueryError:
    """The typed error of an action on the shared index, after checking that it changed nothing."""
    with pytest.raises(BucketQueryError) as caught:
        action()
    error = caught.value
    assert error.reason
    assert str(error) == error.reason
    assert error.args == (error.reason,)
    assert INDEX.sequence == BEFORE[0]
    return error


def refused(action: Callable[[], Any], field: str, reason: str = "", kind: str = ILLEGAL) -> BucketQueryError:
    """The refusal of a parameter, with its name, type and words."""
    error = refusal(action)
    assert type(error) is InvalidQuery
    assert (error.field, error.status, error.type) == (field, 400, kind)
    assert reason in error.reason
    return error


def ask(**params: Any) -> BucketPage:
    """The call by parameters, of the job `web` unless another is named."""
    return INDEX.get_buckets(**({"job_id": "web"} | params))


def prepare(**params: Any) -> BucketQuery:
    """The prepared question, of the job `web` unless others are named."""
    return BucketQuery(**({"jobs": "web"} | params))


# ---- jobs

NOT_TEXT: dict[str, Any] = {
    "none": None,
    "number": 5,
    "true": True,
    "nan": NAN,
    "bytes": b"web",
    "list": ["web"],
    "tuple": ("web",),
    "dict": {"web": 1},
    "object": object(),
    "unprintable": Unprintable(),
    "too long to be printed": 10**5000,
}

NO_ID: dict[str, str] = {
    "empty": "",
    "everything": "_all",
    "underscore": "_web",
    "exclusion": "-web",
    "star": "w*",
    "list": "web,idle",
    "blank": "we b",
    "blank after": "web ",
    "newline after": "web\n",
    "nul after": "web\x00",
    "no-break space": "web\u00a0",
    "delete": "web\x7f",
    "256 characters": "x" * 256,
}


@pytest.mark.parametrize("job_id", NOT_TEXT.values(), ids=NOT_TEXT.keys())
def test_a_job_id_that_is_not_text_is_refused(job_id: Any) -> None:
    """Wherever a job is named, its name is text."""
    refused(lambda: ask(job_id=job_id), "job_id")
    refused(lambda: INDEX.snapshot().get_buckets(job_id=job_id), "job_id")
    refused(lambda: INDEX.put_job(job_id), "job_id")
    refused(lambda: INDEX.delete_job(job_id), "job_id")
    assert (job_id in INDEX) is False


@pytest.mark.parametrize("job_id", list(NOT_TEXT.values())[1:], ids=list(NOT_TEXT)[1:])
def test_stats_of_what_is_not_text_are_refused(job_id: Any) -> None:
    """None asks for all; anything else names a job."""
    refused(lambda: INDEX.stats(job_id), "job_id")


@pytest.mark.parametrize("job_id", [*NO_ID.values(), "nope", "WEB", "web\u0301", "x" * 255], ids=repr)
def test_an_id_that_nobody_has_is_unknown(job_id: str) -> None:
    """In reads a name that could not be an id is as unknown as one that is not there."""
    for action in (
        lambda: ask(job_id=job_id),
        lambda: ask(job_id=job_id, timestamp=0),
        lambda: INDEX.snapshot().get_buckets(job_id=job_id),
        lambda: INDEX.delete_job(job_id),
        lambda: INDEX.stats(job_id),
    ):
        error = refusal(action)
        assert type(error) is UnknownJob
        assert isinstance(error, LookupError)
        assert (error.status, error.type, error.field) == (404, NOT_FOUND, "job_id")
        assert error.reason == f"No known job with id '{job_id}'"
        assert error.value == job_id
    assert job_id not in INDEX


def test_a_question_about_an_unknown_job_names_its_own_parameter() -> None:
    """In a question the parameter is `jobs`."""
    for action in (lambda: INDEX.search(prepare(jobs="nope")), lambda: INDEX.scan(prepare(jobs="nope"))):
        error = refusal(action)
        assert (type(error), error.field, error.reason) == (UnknownJob, "jobs", "No known job with id 'nope'")


@pytest.mark.parametrize("job_id", NO_ID.values(), ids=NO_ID.keys())
def test_a_job_of_a_forbidden_name_cannot_be_put(job_id: str) -> None:
    """A name that could not be an id is refused as a parameter."""
    refused(lambda: INDEX.put_job(job_id), "job_id")
    refused(lambda: INDEX.put_job(job_id, bucket_span=60), "job_id")


SPANS: dict[str, Any] = {
    "zero": 0,
    "negative": -60,
    "half": 1.5,
    "true": True,
    "numpy bool": np.True_,
    "text": "60",
    "bytes": b"60",
    "list": [60],
    "nan": NAN,
    "inf": INF,
    "past int64": 2**63,
    "ten to the 400": 10**400,
    "too long to be printed": 10**5000,
    "decimal": Decimal(60),
    "timedelta64": np.timedelta64(60, "s"),
    "unprintable": Unprintable(),
}


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS.keys())
@pytest.mark.parametrize("job_id", ["idle", "fresh"])
def test_a_job_cannot_be_put_with_such_a_span(span: Any, job_id: str) -> None:
    """A span is a whole number of seconds, at least one; a refused put makes and changes nothing."""
    index = stored()
    refused(lambda: index.put_job(job_id, bucket_span=span), "bucket_span")
    assert state(index) == BEFORE
    assert ("fresh" in index, index.stats("idle")["bucket_span"]) == (False, 60)


@pytest.mark.parametrize("pattern", ["*", "w*", "*b", "web,idle", ",", "-web", "_", "_web", "_ALL", "web*,-idle"])
def test_a_pattern_of_jobs_is_refused(pattern: str) -> None:
    """Only one id, or all of them, can be asked for."""
    refused(lambda: INDEX.jobs(pattern), "pattern")


@pytest.mark.parametrize("pattern", [None, 5, b"web", ["web"], True, NAN], ids=repr)
def test_a_pattern_that_is_not_text_is_refused(pattern: Any) -> None:
    """A pattern is text."""
    refused(lambda: INDEX.jobs(pattern), "pattern")


@pytest.mark.parametrize("pattern", ["nope", "", "we b", "x" * 256, "WEB"])
def test_one_unknown_job_is_unknown_in_the_list(pattern: str) -> None:
    """Asking for one id that is not there is an error, not an empty list."""
    error = refusal(lambda: INDEX.jobs(pattern))
    assert (type(error), error.status) == (UnknownJob, 404)
    assert error.reason == f"No known job with id '{pattern}'"


JOBS: dict[str, Any] = {
    **{f"text {name}": job_id for name, job_id in NO_ID.items()},
    **{f"listed {name}": [job_id] for name, job_id in NO_ID.items()},
    "none": None,
    "number": 5,
    "true": True,
    "bytes": b"web",
    "no jobs": [],
    "no jobs in a tuple": (),
    "a job and a pattern": ["web", "i*"],
    "a job and all": ["web", "_all"],
    "a job and none": ["web", ""],
    "a number in a list": [5],
    "a null in a list": [None],
    "bytes in a list": [b"web"],
    "a list in a list": [["web"]],
    "object": object(),
    "unprintable": Unprintable(),
    "unprintable in a list": [Unprintable()],
}


@pytest.mark.parametrize("jobs", JOBS.values(), ids=JOBS.keys())
def test_a_question_is_of_literal_jobs(jobs: Any) -> None:
    """Anything but ids, one as text or any number in an iterable, is refused when the question is made."""
    refused(lambda: BucketQuery(jobs=jobs), "jobs")


def test_a_question_does_not_read_an_endless_list_of_jobs() -> None:
    """More than 100,000 are too many, repeats among them, so nobody needs to see them all."""
    taken = itertools.count(1)

    def endless() -> Iterator[str]:
        while next(taken) <= 100_001:
            yield "web"
        raise AssertionError("read past every bound")

    with pytest.raises(LimitExceeded) as caught:
        BucketQuery(jobs=endless())
    assert caught.value.field == "jobs"


def test_the_reason_of_a_refusal_stays_short() -> None:
    """Megabytes given are not megabytes said."""
    text = "x" * 5_000_000
    given: list[dict[str, Any]] = [{"job_id": text}, {"sort": text}, {"desc": text}, {"anomaly_score": text}]
    given += [{"size": text}, {"start": text}, {"now": text}, {"page": {text: 1}}, {"from_": -(10**4000)}]
    for params in given:
        assert len(refusal(partial(ask, **params)).reason) < 1_000
    for action in (partial(INDEX.put_job, text), partial(INDEX.jobs, text), partial(BucketQuery, jobs=text)):
        assert len(refusal(action).reason) < 1_000
    assert len(refusal(lambda: ask().column(text)).reason) < 1_000


@pytest.mark.parametrize("jobs", ["web", ["web"], ("web",), {"web"}, iter(["web"]), np.str_("web")], ids=type)
def test_a_question_of_one_job_names_it_in_a_tuple(jobs: Any) -> None:
    """The attribute is a tuple of plain text, whatever was given."""
    query = BucketQuery(jobs=jobs)
    assert query.jobs == ("web",)
    assert type(query.jobs[0]) is str
    assert INDEX.search(query).count == 4


# ---- anomaly_score

NO_SCORE: dict[str, Any] = {
    "true": True,
    "false": False,
    "numpy bool": np.True_,
    "bytes": b"80",
    "list": [80],
    "tuple": (80,),
    "dict": {"gte": 80},
    "array": np.array([80.0]),
    "complex": 80j,
    "numpy complex": np.complex128(80),
    "decimal": Decimal(80),
    "fraction": Fraction(80),
    "datetime64": np.datetime64(80, "ms"),
    "timedelta64": np.timedelta64(80, "s"),
    "datetime": datetime(2020, 1, 1, tzinfo=UTC),
    "object": object(),
    "unprintable": Unprintable(),
}

NO_SCORE_TEXT = [
    "abc",
    "",
    " ",
    "80%",
    "8 0",
    "80,5",
    "1_000",
    "_1",
    "inf",
    "nan",
    "NAN",
    "infinity",
    "INFINITY",
    "Inf",
    "+ 80",
    "--80",
    "+-80",
    ".",
    "-.",
    "e5",
    "1e",
    "1e+",
    "1e5.5",
    "1.2.3",
    "\uff18\uff10",
    "\u0668\u0660",
    "\u00a080",
    "80\u2003",
    "80\x00x",
    "true",
    "null",
    "None",
    "1j",
    "(80)",
]


@pytest.mark.parametrize("score", NO_SCORE.values(), ids=NO_SCORE.keys())
def test_a_threshold_that_is_no_number_is_refused(score: Any) -> None:
    """In the call and in the prepared question alike."""
    refused(lambda: ask(anomaly_score=score), "anomaly_score")
    refused(lambda: prepare(anomaly_score=score), "anomaly_score")


@pytest.mark.parametrize("score", NO_SCORE_TEXT, ids=ascii)
def test_a_threshold_of_text_that_is_no_number_is_refused(score: str) -> None:
    """Text is read as the server reads a double: what Python would also take is no number here."""
    error = refusal(lambda: ask(anomaly_score=score))
    assert (type(error), error.field, error.status) == (InvalidQuery, "anomaly_score", 400)


def test_the_type_of_a_bad_threshold_says_whether_it_was_text() -> None:
    """Rule 3.5 has a type for text that is no number; what is no text is a bad argument like any other."""
    refused(partial(ask, anomaly_score="abc"), "anomaly_score", kind="number_format_exception")
    refused(partial(prepare, anomaly_score="abc"), "anomaly_score")
    for score in (True, b"80"):
        params: dict[str, Any] = {"anomaly_score": score}
        refused(partial(ask, **params), "anomaly_score")
        refused(partial(prepare, **params), "anomaly_score")


@pytest.mark.parametrize("score", ["80", "80.0", "", "abc", "NaN", np.str_("80")], ids=repr)
def test_a_prepared_threshold_is_no_text(score: Any) -> None:
    """The prepared question is strict: numbers only."""
    refused(lambda: prepare(anomaly_score=score), "anomaly_score")


def test_a_prepared_threshold_is_not_none() -> None:
    """None is not given in the call; a prepared question has a number there."""
    refused(lambda: prepare(anomaly_score=None), "anomaly_score")
    assert ask(anomaly_score=None).count == 4


@pytest.mark.parametrize(
    ("score", "count"),
    [
        (50, 2),
        (np.int8(50), 2),
        (np.uint64(50), 2),
        (np.float32(50.5), 1),
        (np.float16(75), 1),
        (75.0, 1),
        (75.00000001, 0),
        (101, 0),
        (INF, 0),
        (-INF, 4),
        (NAN, 4),
        (np.float64("nan"), 4),
        (0, 4),
        (-0.0, 4),
        (-5, 4),
        (5e-324, 3),
        (2**63, 0),
        (2**64, 0),
        (10**400, 0),
        (-(10**400), 4),
        (10**5000, 0),
        ("50", 2),
        (" 50 ", 2),
        ("\t50\n", 2),
        ("+50", 2),
        ("5e1", 2),
        ("5E+1", 2),
        ("500.e-1", 2),
        (".5e2", 2),
        ("0050", 2),
        ("NaN", 4),
        ("-NaN", 4),
        ("Infinity", 0),
        ("+Infinity", 0),
        ("-Infinity", 4),
        ("1e400", 0),
        ("-1e400", 4),
        ("1e-400", 4),
        ("-0", 4),
        ("9" * 5000, 0),
        (np.str_("50"), 2),
    ],
    ids=lambda value: ascii(value)[:20] if not isinstance(value, int) or abs(value) < 10**20 else "huge",
)
def test_any_number_is_a_threshold(score: Any, count: int) -> None:
    """There is no range check: beyond 100 nothing matches; what is not above zero filters nothing."""
    assert ask(anomaly_score=score).count == count
    if not isinstance(score, str):
        assert INDEX.search(prepare(anomaly_score=score)).count == count


@pytest.mark.parametrize("score", [NAN, np.float32("nan")], ids=repr)
def test_nan_becomes_zero_in_a_question(score: Any) -> None:
    """So that equal questions are equal."""
    assert str(prepare(anomaly_score=score).anomaly_score) == "0.0"
    assert prepare(anomaly_score=score) == prepare()


# ---- booleans

FLAGS = ["exclude_interim", "expand", "desc"]
NO_FLAG: dict[str, tuple[Any, str]] = {
    "yes": ("yes", "yes"),
    "wrong case": ("True", "True"),
    "upper case": ("FALSE", "FALSE"),
    "empty text": ("", ""),
    "blank": ("true ", "true "),
    "digit": ("1", "1"),
    "one": (1, "1"),
    "zero": (0, "0"),
    "float": (1.0, "1.0"),
}
NO_FLAG_TYPE: dict[str, Any] = {
    "bytes": b"true",
    "list": [],
    "dict": {},
    "nan": NAN,
    "object": object(),
    "unprintable": Unprintable(),
    "too long to be printed": 10**5000,
}


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize(("value", "shown"), NO_FLAG.values(), ids=NO_FLAG.keys())
def test_a_flag_is_true_or_false(name: str, value: Any, shown: str) -> None:
    """Other text and numbers are refused in the API's words."""
    words = f"Failed to parse value [{shown}] as only [true] or [false] are allowed."
    refused(lambda: ask(**{name: value}), name, words)
    refused(lambda: prepare(**{name: value}), name, words)


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", NO_FLAG_TYPE.values(), ids=NO_FLAG_TYPE.keys())
def test_a_flag_of_another_type_is_refused(name: str, value: Any) -> None:
    """Nothing is taken for true because Python would."""
    refused(lambda: ask(**{name: value}), name, "as only [true] or [false] are allowed.")
    refused(lambda: prepare(**{name: value}), name, "as only [true] or [false] are allowed.")


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", ["true", "false", None])
def test_a_prepared_flag_is_a_boolean(name: str, value: Any) -> None:
    """The prepared question is strict: the client's text and None are for the call."""
    refused(lambda: prepare(**{name: value}), name, "as only [true] or [false] are allowed.")
    assert ask(**{name: value}).count == 4


# ---- sort

NO_SORT: list[tuple[str, str, str]] = [
    ("x", "No mapping found for [x] in order to sort on", "query_shard_exception"),
    ("", "No mapping found for [] in order to sort on", "query_shard_exception"),
    ("_score", "No mapping found for [_score] in order to sort on", "query_shard_exception"),
    ("Timestamp", "No mapping found for [Timestamp] in order to sort on", "query_shard_exception"),
    ("timestamp ", "No mapping found for [timestamp ] in order to sort on", "query_shard_exception"),
    ("-timestamp", "No mapping found for [-timestamp] in order to sort on", "query_shard_exception"),
    ("timestamp:desc", "No mapping found for [timestamp:desc] in order to sort on", "query_shard_exception"),
    ("timestamp,job_id", "No mapping found for [timestamp,job_id] in order to sort on", "query_shard_exception"),
    ("__class__", "No mapping found for [__class__] in order to sort on", "query_shard_exception"),
    ("bucket_influencers", "No mapping found for [bucket_influencers] in order to sort on", "query_shard_exception"),
    (
        "bucket_influencers.probability",
        "it is mandatory to set the [nested] context on the nested sort field: [bucket_influencers.probability].",
        "query_shard_exception",
    ),
    (
        "bucket_influencers.anomaly_score",
        "it is mandatory to set the [nested] context on the nested sort field: [bucket_influencers.anomaly_score].",
        "query_shard_exception",
    ),
    (
        "causes.probability",
        "it is mandatory to set the [nested] context on the nested sort field: [causes.probability].",
        "query_shard_exception",
    ),
    (
        "influencers.influencer_field_values",
        "it is mandatory to set the [nested] context on the nested sort field: [influencers.influencer_field_values].",
        "query_shard_exception",
    ),
    ("description", "", ILLEGAL),
    ("terms", "", ILLEGAL),
    ("examples", "", ILLEGAL),
    ("all_field_values", "", ILLEGAL),
]


@pytest.mark.parametrize(("sort", "reason", "kind"), NO_SORT)
def test_a_field_that_cannot_be_sorted_by_is_refused(sort: str, reason: str, kind: str) -> None:
    """Unmapped, nested and text fields, in the server's words and with its types."""
    refused(lambda: ask(sort=sort), "sort", reason, kind)
    refused(lambda: prepare(sort=sort), "sort", reason, kind)


def test_the_order_of_the_index_is_no_order() -> None:
    """`_doc` would not be total."""
    for action in (lambda: ask(sort="_doc"), lambda: prepare(sort="_doc")):
        error = refusal(action)
        assert (type(error), error.field) == (InvalidQuery, "sort")


@pytest.mark.parametrize(
    "sort",
    [5, True, 0, b"timestamp", ["timestamp"], {"timestamp": "desc"}, ("timestamp",), NAN, Unprintable(), object()],
    ids=lambda value: type(value).__name__,
)
def test_sort_is_one_text(sort: Any) -> None:
    """Lists and mappings of fields are not taken."""
    for action in (lambda: ask(sort=sort), lambda: prepare(sort=sort)):
        error = refusal(action)
        assert (type(error), error.field, error.status) == (InvalidQuery, "sort", 400)


def test_a_prepared_sort_is_not_none() -> None:
    """None is for the call."""
    error = refusal(lambda: prepare(sort=None))
    assert (type(error), error.field) == (InvalidQuery, "sort")
    assert ask(sort=None).count == 4


# ---- paging

NO_INT: dict[str, tuple[Any, str]] = {
    "text": ("5", "5"),
    "other text": ("x", "x"),
    "empty text": ("", ""),
    "float": (1.5, "1.5"),
    "integral float": (1.0, "1.0"),
    "true": (True, "True"),
    "nan": (NAN, "nan"),
}
NO_INT_TYPE: dict[str, Any] = {
    "false": False,
    "numpy bool": np.True_,
    "numpy float": np.float64(5),
    "inf": INF,
    "bytes": b"5",
    "list": [5],
    "dict": {},
    "decimal": Decimal(5),
    "fraction": Fraction(5),
    "complex": 5j,
    "array": np.array([5]),
    "timedelta64": np.timedelta64(5, "s"),
    "object": object(),
    "unprintable": Unprintable(),
}


@pytest.mark.parametrize("name", ["from_", "size"])
@pytest.mark.parametrize(("value", "shown"), NO_INT.values(), ids=NO_INT.keys())
def test_a_page_is_counted_in_integers(name: str, value: Any, shown: str) -> None:
    """Text, bools and floats are refused in the API's words."""
    word = name.rstrip("_")
    words = f"Failed to parse int parameter [{word}] with value ["
    for error in (
        refused(lambda: ask(**{name: value}), name, words),
        refused(lambda: prepare(**{name: value}), name, words),
        refused(lambda: ask(page={word: value}), f"page.{word}", words),
    ):
        assert f"[{shown}]".lower() in error.reason.lower()


@pytest.mark.parametrize("name", ["from_", "size"])
@pytest.mark.parametrize("value", NO_INT_TYPE.values(), ids=NO_INT_TYPE.keys())
def test_a_page_of_another_type_is_refused(name: str, value: Any) -> None:
    """Nothing is taken for an integer because Python or NumPy would."""
    word = name.rstrip("_")
    words = f"Failed to parse int parameter [{word}] with value ["
    refused(lambda: ask(**{name: value}), name, words)
    refused(lambda: prepare(**{name: value}), name, words)
    refused(lambda: ask(page={word: value}), f"page.{word}", words)


NEGATIVE: dict[str, Any] = {
    "one": -1,
    "below int64": -(2**63) - 1,
    "ten to the 30": -(10**30),
    "too long to be printed": -(10**5000),
    "numpy one": np.int8(-1),
    "smallest int64": np.int64(-(2**63)),
}


@pytest.mark.parametrize("name", ["from_", "size"])
@pytest.mark.parametrize("value", NEGATIVE.values(), ids=NEGATIVE.keys())
def test_a_page_is_not_negative(name: str, value: Any) -> None:
    """Refused in the API's words, at any size of the number."""
    word = name.rstrip("_")
    words = f"Parameter [{word}] cannot be < 0"
    refused(lambda: ask(**{name: value}), name, words)
    refused(lambda: prepare(**{name: value}), name, words)
    refused(lambda: ask(page={word: value}), f"page.{word}", words)


def test_a_prepared_page_is_not_none() -> None:
    """None is for the call."""
    refused(lambda: prepare(from_=None), "from_", "Failed to parse int parameter [from]")
    refused(lambda: prepare(size=None), "size", "Failed to parse int parameter [size]")
    assert len(ask(from_=None, size=None)) == 4


@pytest.mark.parametrize("page", [5, "5", True, b"", [0, 5], [("from", 0)], NAN, object(), Unprintable()], ids=type)
def test_a_page_is_a_mapping(page: Any) -> None:
    """`page` holds `from` and `size` by name."""
    refused(lambda: ask(page=page), "page")


@pytest.mark.parametrize(
    "page", [{"from_": 0}, {"form": 0}, {"size": 1, "x": 1}, {5: 5}, {"": 0}, {"Size": 1}], ids=str
)
def test_a_page_holds_from_and_size_only(page: Any) -> None:
    """A misspelt key is not dropped in silence."""
    error = refusal(lambda: ask(page=page))
    assert type(error) is InvalidQuery
    assert (error.field or "").split(".")[0] == "page"


@pytest.mark.parametrize("params", [{"from_": 0}, {"size": 100}, {"from_": 1, "size": 1}], ids=str)
@pytest.mark.parametrize("page", [{}, {"from": 0}, {"size": 5}], ids=str)
def test_a_page_is_given_in_one_way(params: dict[str, Any], page: dict[str, int]) -> None:
    """`page`, or `from_` and `size`: not both."""
    error = refusal(lambda: ask(page=page, **params))
    assert type(error) is InvalidQuery
    assert error.field in {"page", *params}


# ---- a lookup

OTHERS: list[tuple[str, Any]] = [
    ("start", 0),
    ("start", "0"),
    ("end", 0),
    ("end", "now"),
    ("anomaly_score", 0),
    ("anomaly_score", 0.0),
    ("anomaly_score", "0"),
    ("anomaly_score", NAN),
    ("from_", 0),
    ("size", 100),
    ("page", {}),
    ("page", {"from": 0}),
]


@pytest.mark.parametrize(("name", "value"), OTHERS)
@pytest.mark.parametrize("timestamp", [0, -1, "1970", 5 * HOUR])
def test_a_lookup_excludes_window_threshold_and_page(name: str, value: Any, timestamp: Any) -> None:
    """In the call a parameter is given when it is not None, also when it has its default."""
    error = refusal(lambda: ask(timestamp=timestamp, **{name: value}))
    assert type(error) is InvalidQuery
    assert (error.status, error.type) == (400, ILLEGAL)
    assert "is incompatible with" in error.reason


@pytest.mark.parametrize(
    "params", [{"start": 0}, {"end": 0}, {"anomaly_score": 5}, {"from_": 1}, {"size": 99}, {"size": 0}], ids=str
)
def test_a_prepared_lookup_excludes_them_too(params: dict[str, Any]) -> None:
    """In a question a parameter is given when it differs from its default."""
    for action in (lambda: prepare(timestamp=0, **params), lambda: prepare(timestamp=0).replace(**params)):
        error = refusal(action)
        assert type(error) is InvalidQuery
        assert "is incompatible with" in error.reason


def test_a_lookup_takes_what_is_unset_and_the_other_flags() -> None:
    """-1 and None are not given; order and flags do not clash with a lookup."""
    assert ask(timestamp=0, start=-1, end="-1", from_=None, size=None, page=None, anomaly_score=None).count == 1
    assert ask(timestamp=0, expand=True, exclude_interim=True, sort="job_id", desc=True).count == 1
    assert INDEX.search(prepare(timestamp=0, start=-1, end=None, anomaly_score=-0.0, from_=0, size=100)).count == 1


@pytest.mark.parametrize("timestamp", [1, -1, 2**70, -(2**70), "1971", "now", np.datetime64(1, "ms")], ids=str)
def test_a_lookup_that_finds_nothing_says_so(timestamp: Any) -> None:
    """404, in the API's words; -1 is an instant here."""
    now = 12_345 if timestamp == "now" else None
    for action in (
        lambda: ask(timestamp=timestamp, now=now),
        lambda: INDEX.search(prepare(timestamp=timestamp), now=now),
        lambda: INDEX.snapshot().search(prepare(timestamp=timestamp), now=now),
    ):
        error = refusal(action)
        assert type(error) is NotFound
        assert isinstance(error, LookupError)
        assert (error.status, error.type) == (404, NOT_FOUND)
        assert error.reason == "Could not find requested buckets"
    assert list(INDEX.scan(prepare(timestamp=timestamp), now=now)) == []


# ---- which error first, and when

ORDER: dict[str, tuple[dict[str, Any], type[BucketQueryError]]] = {
    "a bad size before an unknown job": ({"job_id": "nope", "size": -1}, InvalidQuery),
    "a bad date before an unknown job": ({"job_id": "nope", "start": "x"}, InvalidQuery),
    "a bad sort before an unknown job": ({"job_id": "nope", "sort": "x"}, InvalidQuery),
    "a bad now before an unknown job": ({"job_id": "nope", "now": "x"}, InvalidQuery),
    "a clash before an unknown job": ({"job_id": "nope", "timestamp": 5, "size": 1}, InvalidQuery),
    "a large page before an unknown job": ({"job_id": "nope", "size": 10_001}, LimitExceeded),
    "a large page before a forbidden id": ({"job_id": "_all", "size": 10_001}, LimitExceeded),
    "a bad flag before an unknown job": ({"job_id": "nope", "expand": "x"}, InvalidQuery),
    "an unknown job before nothing found": ({"job_id": "nope", "timestamp": 5}, UnknownJob),
    "nothing found in a known job": ({"job_id": "idle", "timestamp": 5}, NotFound),
}


@pytest.mark.parametrize(("params", "expected"), ORDER.values(), ids=ORDER.keys())
def test_the_question_comes_before_the_job_and_the_job_before_the_row(
    params: dict[str, Any], expected: type[BucketQueryError]
) -> None:
    """The question's own errors first, then the unknown job, then a lookup that finds nothing."""
    assert type(refusal(lambda: ask(**params))) is expected


def test_scan_raises_at_the_call() -> None:
    """Not at the first step of the iteration."""
    assert type(refusal(lambda: INDEX.scan(prepare(jobs="nope")))) is UnknownJob
    refused(lambda: INDEX.scan(prepare(start="now"), now="x"), "now", kind="parse_exception")
    assert type(refusal(lambda: INDEX.scan(prepare(start="now-9999y")))) is LimitExceeded


@pytest.mark.parametrize("call", ["search", "scan"])
@pytest.mark.parametrize(
    "query", [None, "web", {"jobs": "web"}, 5, BucketQuery, ("web",)], ids=lambda query: str(query)[:9]
)
def test_only_a_question_can_be_searched_for(call: str, query: Any) -> None:
    """What is no question is a TypeError or a typed refusal, never an accident inside."""
    with pytest.raises((TypeError, InvalidQuery)):
        getattr(INDEX, call)(query)


# ---- now and the clock

NO_NOW: dict[str, Any] = {
    "now": "now",
    "now and math": "now-1d",
    "word": "x",
    "empty": "",
    "true": True,
    "float": 1.5,
    "naive": datetime(2020, 1, 1),  # noqa: DTZ001 - the fault
    "nat": np.datetime64("NaT"),
    "list": [0],
    "bytes": b"2020",
    "decimal": Decimal(0),
    "unprintable": Unprintable(),
}


@pytest.mark.parametrize("now", NO_NOW.values(), ids=NO_NOW.keys())
@pytest.mark.parametrize("start", ["now-1h", 0])
def test_now_is_an_instant(now: Any, start: Any) -> None:
    """It cannot itself be relative, and is checked whether or not the question needs it."""
    for action in (
        lambda: ask(start=start, now=now),
        lambda: INDEX.search(prepare(start=start), now=now),
        lambda: INDEX.scan(prepare(start=start), now=now),
    ):
        error = refusal(action)
        assert (type(error), error.field, error.status) == (InvalidQuery, "now", 400)


@pytest.mark.parametrize("answer", ["0", None, 0.0, [], datetime(2020, 1, 1, tzinfo=UTC)], ids=repr)
def test_a_clock_that_does_not_tell_an_int_is_a_type_error(answer: Any) -> None:
    """It is the host's mistake, not the question's; questions without `now` do not notice."""
    clock: Any = lambda: answer  # noqa: E731
    index = ResultsIndex(clock=clock)
    index.put_job("web")
    assert index.get_buckets(job_id="web", start=0).count == 0
    for start in ("now", "now-1d/d"):
        with pytest.raises(TypeError):
            index.get_buckets(job_id="web", start=start)
        assert index.get_buckets(job_id="web", start=start, now=0).count == 0


def test_what_the_clock_raises_passes_through() -> None:
    """And does no harm."""

    def clock() -> int:
        raise OSError("no clock")

    index = ResultsIndex(clock=clock)
    index.put_job("web")
    with pytest.raises(OSError, match="no clock"):
        index.get_buckets(job_id="web", end="now")
    assert index.get_buckets(job_id="web").count == 0


def test_the_clock_is_asked_once_a_search_and_only_for_now() -> None:
    """Both bounds see the same instant; nothing else looks at the clock."""
    ticks = itertools.count()
    index = ResultsIndex(clock=lambda: next(ticks) * HOUR)
    index.put_job("web")
    index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 1, "result_type": "bucket"}])
    assert index.get_buckets(job_id="web", start=0, end="2020||/d").count == 1
    assert index.get_buckets(job_id="web", start="now", end="now+1h", now=0).count == 1
    assert next(ticks) == 0
    assert index.get_buckets(job_id="web", start="now-1h", end="now").count == 1
    assert next(ticks) == 2
    list(index.scan(BucketQuery(jobs="web", start="now-1h", end="now")))
    assert next(ticks) == 4


# ---- the rest of the surface


@pytest.mark.parametrize("size", [-1, 1.5, 100.0, True, "100", NAN, [1], b"1", Decimal(5)], ids=repr)
def test_a_largest_page_that_is_no_count_is_refused(size: Any) -> None:
    """`max_size` is an int that is not negative."""
    refused(lambda: ResultsIndex(max_size=size), "max_size")


@pytest.mark.parametrize(
    "name", ["x", "", "records", "time", "severity", "Timestamp", "__len__", "_columns", "@timestamp"]
)
def test_a_column_that_no_page_has_is_refused(name: str) -> None:
    """Only the documented names are columns of a page, full or empty."""
    refused(lambda: ask().column(name), "name")
    refused(lambda: ask(size=0).column(name), "name")


@pytest.mark.parametrize("name", [None, 5, True, b"timestamp", ["timestamp"], {}, Unprintable()], ids=type)
def test_a_column_name_that_is_not_text_is_refused(name: Any) -> None:
    """A name is text, and an unhashable one is no accident."""
    refused(lambda: ask().column(name), "name")


@pytest.mark.parametrize(
    "name", ["body", "human", "pretty", "filter_path", "error_trace", "from", "jobs", "cursor", "x"]
)
def test_keywords_that_are_not_the_querys_are_type_errors(name: str) -> None:
    """The client's transport keywords have no meaning here, and a misspelt one is no silence."""
    params: dict[str, Any] = {"job_id": "web", name: None}
    with pytest.raises(TypeError):
        INDEX.get_buckets(**params)
    with pytest.raises(TypeError):
        INDEX.snapshot().get_buckets(**params)


@pytest.mark.parametrize("name", ["job_id", "now", "page", "from", "cursor", "x", "__dict__"])
def test_keywords_that_are_not_the_questions_are_type_errors(name: str) -> None:
    """When one is made, and when one is changed."""
    params: dict[str, Any] = {name: None}
    with pytest.raises(TypeError):
        BucketQuery(jobs="web", **params)
    with pytest.raises(TypeError):
        prepare().replace(**params)


ANY_QUERY: Any = BucketQuery
ANY_INDEX: Any = INDEX
ANY_KIND: Any = ResultsIndex
MISSHAPEN: dict[str, Callable[[], Any]] = {
    "question with a position": partial(ANY_QUERY, "web"),
    "question of nothing": partial(ANY_QUERY),
    "call with a position": partial(ANY_INDEX.get_buckets, "web"),
    "call of no job": partial(ANY_INDEX.get_buckets),
    "index with a position": partial(ANY_KIND, 100),
    "put of nothing": partial(ANY_INDEX.put_job),
    "put with a position": partial(ANY_INDEX.put_job, "fresh", 60),
    "upsert of nothing": partial(ANY_INDEX.upsert),
    "upsert with a position": partial(ANY_INDEX.upsert, [], "bucket"),
    "search of nothing": partial(ANY_INDEX.search),
    "search with a position": partial(ANY_INDEX.search, BucketQuery(jobs="web"), 0),
}


@pytest.mark.parametrize("action", MISSHAPEN.values(), ids=MISSHAPEN.keys())
def test_a_call_of_the_wrong_shape_is_a_type_error(action: Callable[[], Any]) -> None:
    """Options are keywords, and what is required has no default."""
    with pytest.raises(TypeError):
        action()
    assert state(INDEX) == BEFORE


@pytest.mark.parametrize("name", ["changes_kept", "keep_document"])
def test_what_does_not_exist_yet_is_absent(name: str) -> None:
    """No option is taken and ignored."""
    params: dict[str, Any] = {name: 1}
    with pytest.raises(TypeError):
        ResultsIndex(**params)


@pytest.mark.parametrize("position", [4, -5, 10**30, -(10**30)], ids=["past", "before", "far past", "far before"])
def test_a_row_that_the_page_does_not_hold_is_an_index_error(position: int) -> None:
    """A page is indexed as a tuple is."""
    with pytest.raises(IndexError):
        ask()[position]
    assert len(ask()[position:]) + len(ask()[:position]) == 4


@pytest.mark.parametrize("position", ["0", 0.0, None, (0, 1)], ids=repr)
def test_a_row_is_asked_for_by_an_integer(position: Any) -> None:
    """Anything else is a TypeError, as in a tuple."""
    with pytest.raises(TypeError):
        ask()[position]


@pytest.mark.parametrize(
    "change", [{"size": -1}, {"jobs": "_all"}, {"start": "x"}, {"sort": "x"}, {"desc": 1}], ids=str
)
def test_a_changed_question_is_checked_again(change: dict[str, Any]) -> None:
    """`replace` lets nothing in that the constructor would not."""
    refused(
        lambda: prepare().replace(**change),
        next(iter(change)),
        kind={"start": "parse_exception", "sort": "query_shard_exception"}.get(next(iter(change)), ILLEGAL),
    )


def test_no_refusal_of_this_module_has_changed_the_index() -> None:
    """After all of the above, and of some more, it answers as it did."""
    for params in ({"size": -1}, {"job_id": "nope"}, {"timestamp": 5}, {"size": 10_001}, {"sort": "x"}, {"start": "x"}):
        refusal(partial(ask, **params))
    for write in (partial(INDEX.put_job, "_"), partial(INDEX.delete_job, "nope")):
        refusal(write)
    assert state(INDEX) == BEFORE


def test_a_long_threshold_is_refused_in_a_moment() -> None:
    """The time to read text grows with its length and no faster: this one would take minutes if it did."""
    refused(partial(ask, anomaly_score="1" * 200_000 + "x"), "anomaly_score", kind="number_format_exception")


def test_a_pattern_that_is_an_array_is_no_pattern() -> None:
    """It is refused by its type, before it is compared with anything."""
    pattern: Any = np.array(["web", "idle"])
    refused(lambda: INDEX.jobs(pattern), "pattern")
