"""Parameters that every query refuses: the error names the parameter, in the API's words if it has any."""

import itertools
from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from functools import partial
from typing import Any

import numpy as np
import pytest

from bucketquery import (
    BucketQuery,
    BucketQueryError,
    InvalidQuery,
    Kind,
    LimitExceeded,
    NotFound,
    ResultsIndex,
    UnknownJob,
)
from support.malformed import (
    BOOLEANS,
    EACH_KIND,
    GAPS,
    HOUR,
    ILLEGAL,
    INF,
    NAN,
    NOT_FOUND,
    UNPRINTABLE_INTEGERS,
    Broken,
    Unprintable,
    array_in_an_array,
    assert_carries,
    assert_refused,
    cases,
    each,
    odd,
    refusals,
    result,
    state,
)
from support.malformed import refusal as refusal_of
from support.semantics_tables import CALLS, Page, Query
from support.strategies import KINDS, QUERIES, SCORES


def stored() -> ResultsIndex:
    """An index with one job of four hourly results of each kind, and one job without results."""
    index = ResultsIndex(clock=lambda: 0)
    index.put_job("idle", bucket_span=60)
    index.upsert(
        [result(kind, timestamp=hour * HOUR) | {SCORES[kind]: 25.0 * hour} for kind in KINDS for hour in range(4)]
    )
    return index


#: Shared by the tests of this file, which check that a refusal does not change it.
INDEX = stored()
BEFORE = state(INDEX)


def refusal(action: Callable[[], Any]) -> BucketQueryError:
    """The typed error of an action on the shared index, which published nothing."""
    error = refusal_of(action)
    assert INDEX.sequence == BEFORE[0]
    return error


def refused(action: Callable[[], Any], field: str, reason: str = "", error_type: str = ILLEGAL) -> BucketQueryError:
    """The refusal of a parameter, with its name, type and words."""
    error = refusal(action)
    assert_carries(error, InvalidQuery, field, error_type)
    assert reason in error.reason
    return error


def ask(kind: Kind = "bucket", **parameters: Any) -> Page:
    """The page of a call with keywords, by default for the job `web`."""
    page: Page = getattr(INDEX, CALLS[kind])(**({"job_id": "web"} | parameters))
    return page


def prepare(kind: Kind = "bucket", **parameters: Any) -> Query:
    """A query, by default for the job `web`."""
    return QUERIES[kind](**({"jobs": "web"} | parameters))


class Half(float, Enum):
    """Floats as an enumeration."""

    PART = 50.0


class Side(IntEnum):
    """Integers as an enumeration."""

    FIRST = 1


# ---- jobs

NO_TEXT: dict[str, Any] = {
    **odd("web"),
    **BOOLEANS,
    **UNPRINTABLE_INTEGERS,
    **GAPS,
    "number": 5,
    "nan": NAN,
    "decimal": Decimal(5),
    "date": date(2020, 1, 1),
    "number in an array": np.array(5),
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


@cases(NO_TEXT | {"none": None}, "job_id")
def test_a_job_id_that_is_not_text_is_refused(job_id: Any) -> None:
    """Every call that takes a job id accepts only text."""
    for kind in KINDS:
        refused(partial(ask, kind, job_id=job_id), "job_id")
        refused(partial(getattr(INDEX.snapshot(), CALLS[kind]), job_id=job_id), "job_id")
    refused(lambda: INDEX.put_job(job_id), "job_id")
    refused(lambda: INDEX.delete_job(job_id), "job_id")
    assert (job_id in INDEX) is False


@cases(NO_TEXT, "job_id")
def test_stats_of_a_job_id_that_is_not_text_are_refused(job_id: Any) -> None:
    """None asks for the statistics of all jobs; any other value must be the id of one job."""
    refused(lambda: INDEX.stats(job_id), "job_id")


@pytest.mark.parametrize("job_id", [*NO_ID.values(), "nope", "WEB", "web\u0301", "x" * 255], ids=repr)
def test_an_id_that_no_job_has_is_unknown(job_id: str) -> None:
    """A reader that asks for an id which no job could have gets the error of an unknown job."""
    actions: list[Callable[[], Any]] = [partial(ask, kind, job_id=job_id) for kind in KINDS]
    actions += [
        lambda: ask(job_id=job_id, timestamp=0),
        lambda: INDEX.snapshot().get_buckets(job_id=job_id),
        lambda: INDEX.delete_job(job_id),
        lambda: INDEX.stats(job_id),
    ]
    for action in actions:
        error = refusal(action)
        assert isinstance(error, LookupError)
        assert_carries(error, UnknownJob, "job_id", NOT_FOUND, 404)
        assert error.reason == f"No known job with id '{job_id}'"
        assert error.value == job_id
    assert job_id not in INDEX


@EACH_KIND
def test_a_query_for_an_unknown_job_names_its_own_parameter(kind: Kind) -> None:
    """The error of a query names `jobs`, which is the query's parameter for jobs."""
    query = prepare(kind, jobs="nope")
    for action in (lambda: INDEX.search(query), lambda: INDEX.scan(query)):
        error = refusal(action)
        assert (type(error), error.field, error.reason) == (UnknownJob, "jobs", "No known job with id 'nope'")


@cases(NO_ID, "job_id")
def test_a_job_of_a_forbidden_name_cannot_be_put(job_id: str) -> None:
    """A text that cannot be an id is refused, and the error names `job_id`."""
    refused(lambda: INDEX.put_job(job_id), "job_id")
    refused(lambda: INDEX.put_job(job_id, bucket_span=60), "job_id")


NO_SPAN: dict[str, Any] = {
    **odd(60),
    **BOOLEANS,
    **UNPRINTABLE_INTEGERS,
    "zero": 0,
    "negative": -60,
    "half": 1.5,
    "text": "60",
    "nan": NAN,
    "inf": INF,
    "past int64": 2**63,
    "ten to the 400": 10**400,
    **GAPS,
    "decimal": Decimal(60),
    "float in an array": np.array(60.0),
    "long double": np.longdouble(60),
}


@cases(NO_SPAN, "span")
@pytest.mark.parametrize("job_id", ["idle", "fresh"])
def test_a_job_cannot_be_put_with_an_invalid_span(span: Any, job_id: str) -> None:
    """A span is a whole number of seconds, at least one; a refused put changes nothing."""
    index = stored()
    refused(lambda: index.put_job(job_id, bucket_span=span), "bucket_span")
    assert state(index) == BEFORE
    assert ("fresh" in index, index.stats("idle")["bucket_span"]) == (False, 60)


@pytest.mark.parametrize(
    "pattern", ["", " ", ",", "-web", "-*", "_", "_web", "_ALL", "_w*", "we b", "w\x00*", "x" * 256]
)
def test_a_pattern_that_no_job_could_match_is_refused(pattern: str) -> None:
    """Such a pattern names nothing, begins with an exclusion, or has a character that no id has."""
    refused(lambda: INDEX.jobs(pattern), "pattern")


@pytest.mark.parametrize("pattern", [None, 5, b"web", [5], ["web", None], True, NAN], ids=repr)
def test_a_pattern_that_is_not_text_is_refused(pattern: Any) -> None:
    """A pattern that is not text is refused by its name."""
    refused(lambda: INDEX.jobs(pattern), "pattern")


@pytest.mark.parametrize("pattern", ["nope", "x" * 255, "WEB"])
def test_one_unknown_job_is_unknown_in_the_list(pattern: str) -> None:
    """One id that no job has is an error, not an empty list."""
    error = refusal(lambda: INDEX.jobs(pattern))
    assert (type(error), error.status) == (UnknownJob, 404)
    assert error.reason == f"No known job with id '{pattern}'"


#: The texts that no job may have as its id, but that select jobs.
TOKENS = ("everything", "star", "list", "blank after", "newline after", "no-break space")
NO_TOKEN = {name: job_id for name, job_id in NO_ID.items() if name not in TOKENS}

JOBS: dict[str, Any] = {
    **{f"text {name}": token for name, token in NO_TOKEN.items()},
    **{f"listed {name}": [token] for name, token in NO_TOKEN.items()},
    "none": None,
    "number": 5,
    "true": True,
    "bytes": b"web",
    "no jobs": [],
    "no jobs in a tuple": (),
    "a job and a malformed pattern": ["web", "_i*"],
    "an exclusion first": ["-web", "_all"],
    "only empty tokens": ["", " ,", ","],
    "a null in a list": [None],
    "object": object(),
    "unprintable": Unprintable(),
    **{f"{name} in a list": [value] for name, value in NO_TEXT.items()},
}


@EACH_KIND
@cases(JOBS, "jobs")
def test_a_query_takes_texts_of_tokens(kind: Kind, jobs: Any) -> None:
    """A query takes text, or an iterable of texts; anything else is refused when the query is made."""
    refused(lambda: QUERIES[kind](jobs=jobs), "jobs")


def test_a_query_does_not_read_an_endless_list_of_jobs() -> None:
    """A query takes 100,000 jobs at most, repeats included, and reads one more to refuse them."""
    taken = itertools.count(1)

    def endless() -> Iterator[str]:
        while next(taken) <= 100_001:
            yield "web"
        raise AssertionError("read past every bound")

    with pytest.raises(LimitExceeded) as caught:
        BucketQuery(jobs=endless())
    assert caught.value.field == "jobs"


def test_the_reason_of_a_refusal_stays_short() -> None:
    """A parameter of megabytes is not shown whole in the reason."""
    text = "x" * 5_000_000
    given: list[dict[str, Any]] = [{"job_id": text}, {"sort": text}, {"desc": text}, {"anomaly_score": text}]
    given += [{"size": text}, {"start": text}, {"now": text}, {"page": {text: 1}}, {"from_": -(10**4000)}]
    actions: list[Callable[[], Any]] = [partial(ask, **params) for params in given]
    actions += [partial(INDEX.put_job, text), partial(INDEX.jobs, text), partial(BucketQuery, jobs=text)]
    actions.append(partial(ask().column, text))
    for action in actions:
        assert len(refusal(action).reason) < 1_000


@pytest.mark.parametrize("jobs", ["web", ["web"], ("web",), {"web"}, iter(["web"]), np.str_("web")], ids=type)
def test_a_query_of_one_job_has_it_in_a_tuple(jobs: Any) -> None:
    """The attribute is a tuple of plain str, however the jobs were given."""
    query = BucketQuery(jobs=jobs)
    assert query.jobs == ("web",)
    assert type(query.jobs[0]) is str
    assert INDEX.search(query).count == 4


# ---- anomaly_score

NO_SCORE: dict[str, Any] = {
    **odd(80),
    **BOOLEANS,
    "datetime64": np.datetime64(80, "ms"),
    "datetime": datetime(2020, 1, 1, tzinfo=UTC),
    **GAPS,
    "date": date(2020, 1, 1),
    "bool in an array": np.array(True),
    "missing in an array": array_in_an_array([None]),
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


@EACH_KIND
@cases(NO_SCORE, "score")
def test_a_threshold_that_is_not_a_number_is_refused(kind: Kind, score: Any) -> None:
    """A call and a query refuse such a threshold with the same error."""
    assert_refused(INDEX, SCORES[kind], score, kind=kind)


@EACH_KIND
@pytest.mark.parametrize("score", NO_SCORE_TEXT, ids=ascii)
def test_a_threshold_of_text_that_is_not_a_number_is_refused(kind: Kind, score: str) -> None:
    """The library reads text as the server reads a double, and refuses more spellings than Python does."""
    refused(lambda: ask(kind, **{SCORES[kind]: score}), SCORES[kind], error_type="number_format_exception")


@EACH_KIND
def test_the_type_of_a_bad_threshold_says_whether_it_was_text(kind: Kind) -> None:
    """Rule 3.5 has its own type for text that is not a number; other values get the type of any bad argument."""
    name = SCORES[kind]
    refused(lambda: ask(kind, **{name: "abc"}), name, error_type="number_format_exception")
    refused(lambda: prepare(kind, **{name: "abc"}), name)
    for score in (True, b"80"):
        assert_refused(INDEX, name, score, kind=kind)


@EACH_KIND
@pytest.mark.parametrize("score", ["80", "80.0", "", "abc", "NaN", np.str_("80")], ids=repr)
def test_a_prepared_threshold_is_not_text(kind: Kind, score: Any) -> None:
    """A query is strict: its threshold is a number."""
    refused(lambda: prepare(kind, **{SCORES[kind]: score}), SCORES[kind])


@EACH_KIND
def test_a_prepared_threshold_is_not_none(kind: Kind) -> None:
    """In a call None means not given; a query always has a number."""
    refused(lambda: prepare(kind, **{SCORES[kind]: None}), SCORES[kind])
    assert ask(kind, **{SCORES[kind]: None}).count == 4


@EACH_KIND
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
        (Decimal(50), 2),
        (Decimal("75.00000001"), 0),
        (Decimal("NaN"), 4),
        (Decimal("sNaN"), 4),
        (Decimal("Infinity"), 0),
        (Decimal("1e400"), 0),
        (Decimal("-1e999999999"), 4),
        (Decimal("1e-400"), 4),
        (np.array(50), 2),
        (np.longdouble(50.5), 1),
        (Half.PART, 2),
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
        (np.array("50"), 2),
    ],
    ids=lambda value: ascii(value)[:20] if not isinstance(value, int) or abs(value) < 10**20 else "huge",
)
def test_any_number_is_a_threshold(kind: Kind, score: Any, count: int) -> None:
    """A threshold has no range: above 100 it matches nothing, and at zero or below it filters nothing."""
    asked = {SCORES[kind]: score}
    assert ask(kind, **asked).count == count
    if not isinstance(score, str) and not (isinstance(score, np.ndarray) and score.dtype.kind == "U"):
        assert INDEX.search(prepare(kind, **asked)).count == count


@EACH_KIND
@pytest.mark.parametrize("score", [NAN, np.float32("nan")], ids=repr)
def test_nan_becomes_zero_in_a_query(kind: Kind, score: Any) -> None:
    """A query stores NaN as zero, so that queries which ask the same are equal."""
    query = prepare(kind, **{SCORES[kind]: score})
    assert str(getattr(query, SCORES[kind])) == "0.0"
    assert query == prepare(kind)


# ---- booleans

ONLY_TRUE_OR_FALSE = "as only [true] or [false] are allowed."
#: The booleans of each kind.
FLAGS: list[tuple[Kind, str]] = [
    ("bucket", "expand"),
    *((kind, name) for kind in KINDS for name in ("exclude_interim", "desc")),
]
EACH_FLAG = each(("kind", "name"), FLAGS)
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
    "numpy one": (np.int8(1), "1"),
    "one in an array": (np.array(1), "1"),
}
NO_FLAG_TYPE: dict[str, Any] = {
    **odd(True),
    **UNPRINTABLE_INTEGERS,
    **GAPS,
    "bytes of true": b"true",
    "nan": NAN,
    "decimal": Decimal(1),
}


@EACH_FLAG
@cases(NO_FLAG, ("value", "shown"))
def test_a_flag_is_true_or_false(kind: Kind, name: str, value: Any, shown: str) -> None:
    """Text other than true and false, and any number, is refused in the API's words."""
    assert_refused(INDEX, name, value, kind=kind, reason=f"Failed to parse value [{shown}] {ONLY_TRUE_OR_FALSE}")


@EACH_FLAG
@cases(NO_FLAG_TYPE)
def test_a_flag_of_another_type_is_refused(kind: Kind, name: str, value: Any) -> None:
    """A value is refused even if Python would treat it as true."""
    assert_refused(INDEX, name, value, kind=kind, reason=ONLY_TRUE_OR_FALSE)


@EACH_FLAG
@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("make", [np.bool_, np.array], ids=lambda make: make.__name__)
def test_a_boolean_of_numpy_is_a_flag(kind: Kind, name: str, value: bool, make: Callable[[bool], Any]) -> None:
    """A query stores it as a bool, and a call takes it like one."""
    query = prepare(kind, **{name: make(value)})
    assert getattr(query, name) is value
    assert ask(kind, **{name: make(value)}).to_dict() == ask(kind, **{name: value}).to_dict()


@cases(NO_FLAG_TYPE | {"one": 1, "text": "true"})
def test_an_index_keeps_documents_or_does_not(value: Any) -> None:
    """`keep_documents` is a boolean of Python or NumPy."""
    refused(lambda: ResultsIndex(keep_documents=value), "keep_documents", ONLY_TRUE_OR_FALSE)
    assert ResultsIndex(keep_documents=bool(np.False_)).upsert([]).sequence == 0
    with pytest.raises(InvalidQuery, match="does not keep them"):
        ResultsIndex(keep_documents=np.False_).scan(prepare(jobs="web"))  # type: ignore[arg-type] # a boolean too


@EACH_FLAG
@pytest.mark.parametrize("value", ["true", "false", None])
def test_a_prepared_flag_is_a_boolean(kind: Kind, name: str, value: Any) -> None:
    """A query is strict: only a call takes the client's text and None."""
    refused(lambda: prepare(kind, **{name: value}), name, ONLY_TRUE_OR_FALSE)
    assert ask(kind, **{name: value}).count == 4


# ---- sort

NO_MAPPING = "No mapping found for [{}] in order to sort on"
NESTED = "it is mandatory to set the [nested] context on the nested sort field: [{}]."
NO_SORT: list[tuple[str, str, str]] = [
    *(
        (name, NO_MAPPING.format(name), "query_shard_exception")
        for name in (
            "x",
            "",
            "_score",
            "Timestamp",
            "timestamp ",
            "-timestamp",
            "timestamp:desc",
            "timestamp,job_id",
            "__class__",
            "bucket_influencers",
        )
    ),
    *(
        (name, NESTED.format(name), "query_shard_exception")
        for name in (
            "bucket_influencers.probability",
            "bucket_influencers.anomaly_score",
            "causes.probability",
            "influencers.influencer_field_values",
        )
    ),
    *((name, "", ILLEGAL) for name in ("description", "terms", "examples", "all_field_values")),
]


@EACH_KIND
@pytest.mark.parametrize(("sort", "reason", "error_type"), NO_SORT)
def test_a_field_that_cannot_be_sorted_by_is_refused(kind: Kind, sort: str, reason: str, error_type: str) -> None:
    """Unmapped, nested and text fields are refused in the server's words and with its types."""
    assert_refused(INDEX, "sort", sort, kind=kind, reason=reason, error_type=error_type)


@EACH_KIND
def test_a_query_cannot_sort_by_doc(kind: Kind) -> None:
    """`_doc` is refused because its order is not total."""
    for error in refusals(INDEX, kind, sort="_doc"):
        assert (type(error), error.field) == (InvalidQuery, "sort")


@EACH_KIND
@cases(
    {
        **odd("timestamp"),
        **BOOLEANS,
        **GAPS,
        "order by name": {"timestamp": "desc"},
        "number": 5,
        "zero": 0,
        "nan": NAN,
        "date": date(2020, 1, 1),
    },
    "sort",
)
def test_sort_is_one_text(kind: Kind, sort: Any) -> None:
    """Lists and mappings of fields are refused, like every other type."""
    for error in refusals(INDEX, kind, sort=sort):
        assert (type(error), error.field, error.status) == (InvalidQuery, "sort", 400)


@EACH_KIND
def test_a_prepared_sort_is_not_none(kind: Kind) -> None:
    """A call treats None as not given; a query refuses it."""
    error = refusal(lambda: prepare(kind, sort=None))
    assert (type(error), error.field) == (InvalidQuery, "sort")
    assert ask(kind, sort=None).count == 4


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
    **odd(5),
    "false": False,
    "numpy bool": np.True_,
    "numpy float": np.float64(5),
    "inf": INF,
    **GAPS,
    "decimal": Decimal(5),
    "float in an array": np.array(5.0),
    "date": date(2020, 1, 1),
    "float of an enumeration": Half.PART,
}
EACH_SIDE = each(("kind", "name"), itertools.product(KINDS, ("from_", "size")))


def refused_paging(kind: Kind, name: str, value: Any, words: str) -> list[BucketQueryError]:
    """The errors of `from_` or `size`, given in four ways by itself and once inside `page`; each has these words."""
    word = name.rstrip("_")
    errors = {name: refusals(INDEX, kind, **{name: value})}
    errors[f"page.{word}"] = [refusal(lambda: ask(kind, page={word: value}))]
    for field, found in errors.items():
        for error in found:
            assert_carries(error, InvalidQuery, field, ILLEGAL)
            assert words in error.reason
    return [*errors[name], *errors[f"page.{word}"]]


@EACH_SIDE
@cases(NO_INT, ("value", "shown"))
def test_a_page_is_counted_in_integers(kind: Kind, name: str, value: Any, shown: str) -> None:
    """Text, booleans and floats are refused in the API's words."""
    words = f"Failed to parse int parameter [{name.rstrip('_')}] with value ["
    for error in refused_paging(kind, name, value, words):
        assert f"[{shown}]".lower() in error.reason.lower()


@EACH_SIDE
@cases(NO_INT_TYPE)
def test_a_page_of_another_type_is_refused(kind: Kind, name: str, value: Any) -> None:
    """No value becomes an integer because Python or NumPy would take it for one."""
    refused_paging(kind, name, value, f"Failed to parse int parameter [{name.rstrip('_')}] with value [")


@EACH_SIDE
@pytest.mark.parametrize("value", [Side.FIRST, np.array(1), np.uint8(1)], ids=repr)
def test_any_integer_pages(kind: Kind, name: str, value: Any) -> None:
    """An integer of NumPy, in an array without dimensions or in an enumeration is that integer."""
    assert type(getattr(prepare(kind, **{name: value}), name)) is int
    assert ask(kind, **{name: value}).keys() == ask(kind, **{name: 1}).keys()
    assert ask(kind, page={name.rstrip("_"): value}).keys() == ask(kind, **{name: 1}).keys()


NEGATIVE: dict[str, Any] = {
    "one": -1,
    "below int64": -(2**63) - 1,
    "ten to the 30": -(10**30),
    "too long to be printed": -(10**5000),
    "numpy one": np.int8(-1),
    "smallest int64": np.int64(-(2**63)),
    "one in an array": np.array(-1),
}


@EACH_SIDE
@cases(NEGATIVE)
def test_a_page_is_not_negative(kind: Kind, name: str, value: Any) -> None:
    """A negative number of any size is refused in the API's words."""
    refused_paging(kind, name, value, f"Parameter [{name.rstrip('_')}] cannot be < 0")


@EACH_KIND
def test_a_prepared_page_is_not_none(kind: Kind) -> None:
    """A call treats None as not given; a query refuses it."""
    refused(lambda: prepare(kind, from_=None), "from_", "Failed to parse int parameter [from]")
    refused(lambda: prepare(kind, size=None), "size", "Failed to parse int parameter [size]")
    assert len(ask(kind, from_=None, size=None)) == 4


@EACH_KIND
@pytest.mark.parametrize("page", [5, "5", True, b"", [0, 5], [("from", 0)], NAN, object(), Unprintable()], ids=type)
def test_a_page_is_a_mapping(kind: Kind, page: Any) -> None:
    """`page` holds `from` and `size` by name."""
    refused(lambda: ask(kind, page=page), "page")


@EACH_KIND
@pytest.mark.parametrize(
    "page",
    [{"from_": 0}, {"form": 0}, {"size": 1, "x": 1}, {5: 5}, {"": 0}, {"Size": 1}, {GAPS["na"]: 1}, {None: 5}],
    ids=str,
)
def test_a_page_holds_from_and_size_only(kind: Kind, page: Any) -> None:
    """A misspelt key is refused, not dropped."""
    error = refusal(lambda: ask(kind, page=page))
    assert type(error) is InvalidQuery
    assert (error.field or "").split(".")[0] == "page"


@EACH_KIND
@pytest.mark.parametrize("params", [{"from_": 0}, {"size": 100}, {"from_": 1, "size": 1}], ids=str)
@pytest.mark.parametrize("page", [{}, {"from": 0}, {"size": 5}], ids=str)
def test_a_page_is_given_in_one_way(kind: Kind, params: dict[str, Any], page: dict[str, int]) -> None:
    """A call takes either `page`, or `from_` and `size`."""
    error = refusal(lambda: ask(kind, page=page, **params))
    assert type(error) is InvalidQuery
    assert error.field in {"page", *params}


# ---- filters

#: Values of `odd` that are iterables of texts or of integers, or have no entries; a filter takes them.
ITERABLES = ("list", "empty list", "tuple", "set", "frozenset", "one-element array")
#: Values of other classes that `odd` has only for numbers.
NO_VALUES: dict[str, Any] = {
    **{name: value for name, value in odd("host").items() if name not in (*ITERABLES, "range")},
    "integer": 5,
    "boolean": True,
    "NumPy boolean": np.bool_(True),
    "float": 5.0,
    "nan": NAN,
    "infinity": INF,
    "decimal": Decimal(5),
    "list of integers": [5],
    "list of bytes": [b"host"],
    "list of lists": [["host"]],
    "list of booleans": [True],
    "array of integers": np.array([5]),
    "array of two dimensions": np.array([["host"]]),
    "masked array": np.ma.array(["host"], mask=[True]),
    "unprintable entry": [Unprintable()],
    **GAPS,
    **{f"{name} in a list": [gap] for name, gap in GAPS.items()},
}
NO_DETECTOR: dict[str, Any] = {
    **{name: value for name, value in odd(5).items() if name not in (*ITERABLES, "range")},
    "text": "5",
    "none": None,
    "boolean": False,
    "float": 5.0,
    "NumPy float": np.float64(5),
    "list of text": ["5"],
    "none in a list": [0, None],
    "array of floats": np.array([5.0]),
    "array of booleans": np.array([True]),
}
NO_FILTER: dict[str, Any] = {
    **{name: value for name, value in odd("host").items() if name not in ("dict", "empty dict", "broken mapping")},
    "text": "host",
    "empty text": "",
    "integer": 0,
    "boolean": False,
    "list of pairs": [("host", "a")],
    "pair": ("host", "a"),
    "items": {"host": "a"}.items(),
}
EACH_FILTERED = each(("kind", "name"), [(kind, name) for kind in KINDS for name in ("host", "", "x" * 100_000)])


@EACH_FILTERED
@cases(NO_VALUES)
def test_a_value_of_a_filter_is_text_or_none(kind: Kind, name: str, value: Any) -> None:
    """Any other value is refused when the query is made, however long the name of the field is."""
    error = refused(lambda: prepare(kind, where={name: value}), "where")
    assert len(error.reason) < 500


@pytest.mark.parametrize("kind", ["bucket", "record"])
@cases(NO_DETECTOR)
def test_a_detector_of_a_filter_is_an_integer(kind: Kind, value: Any) -> None:
    """Text, None, booleans and floats are refused, alone and in a list."""
    refused(lambda: prepare(kind, where={"detector_index": value}), "where")


@EACH_KIND
@cases(NO_FILTER)
def test_a_filter_is_a_mapping(kind: Kind, value: Any) -> None:
    """Anything but a mapping, None and the form of the attribute is refused."""
    for action in (lambda: prepare(kind, where=value), lambda: prepare(kind).replace(where=value)):
        refused(action, "where")


@EACH_KIND
@cases({name: value for name, value in NO_TEXT.items() if isinstance(value, Hashable) and name != "numpy void"})
def test_a_name_of_a_filter_is_text(kind: Kind, value: Any) -> None:
    """A key of any other class is refused."""
    refused(lambda: prepare(kind, where={value: "a"}), "where")


class Lying(Mapping[str, Any]):
    """A mapping that says to be empty, and whose items are others than its keys."""

    def __init__(self, items: Any) -> None:
        self.held = items

    def __getitem__(self, name: str) -> Any:
        """No name is known."""
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        """There are no names."""
        return iter(())

    def __len__(self) -> int:
        """There is nothing."""
        return 0

    def items(self) -> Any:
        """Yield the items that were given."""
        return self.held


class Equal(str):
    """Text that says to be equal to everything."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """Everything is equal."""
        return True

    def __hash__(self) -> int:
        """All hashes are equal."""
        return 5


class Silent(str):
    """Text that can be neither compared nor hashed."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """Raise, for any other."""
        raise RuntimeError("compared")

    def __hash__(self) -> int:
        """Raise."""
        raise RuntimeError("hashed")


@EACH_KIND
def test_the_items_of_a_filter_count(kind: Kind) -> None:
    """A mapping is read once, by its items, and a name that comes twice is refused."""
    assert prepare(kind, where=Lying([("host", "a")])).where == (("host", ("a",)),)
    assert prepare(kind, where=Lying(iter([("b", "a"), ("a", ["b"])]))).where == (("a", ("b",)), ("b", ("a",)))
    refused(lambda: prepare(kind, where=Lying([("host", "a"), ("host", "a")])), "where", "[where] has [host] twice")


@EACH_KIND
def test_text_of_a_filter_counts_by_its_base_type(kind: Kind) -> None:
    """Methods of a class of text play no part: neither as a name nor as a value."""
    for text in (Equal, Silent):
        query = prepare(kind, where=Lying([(text("host"), [text("b"), text("a")]), (text("user"), text("c"))]))
        assert query.where == (("host", ("a", "b")), ("user", ("c",)))
        assert {type(value) for name, values in query.where for value in (name, *values)} == {str}
    refused(lambda: prepare(kind, where={Equal("host"): "x", "host": "y"}), "where", "twice")


def test_an_error_of_a_filter_passes_through() -> None:
    """An error that the caller's mapping or iterable raises is not changed."""
    error = RuntimeError("of the caller")

    def broken(entry: Any) -> Iterator[Any]:
        yield entry
        raise error

    wheres = (Broken(error), Lying(broken(("host", "a"))), {"host": broken("a")}, {"detector_index": broken(5)})
    for where in wheres:
        with pytest.raises(RuntimeError) as caught:
            prepare("record", where=where)
        assert caught.value is error


@EACH_KIND
def test_a_filter_does_not_read_without_an_end(kind: Kind) -> None:
    """A query reads 101 fields at most and 10,001 values, and refuses them."""
    taken = itertools.count(1)

    def endless(entry: Any, most: int) -> Iterator[Any]:
        for _ in range(most):
            next(taken)
            yield entry
        raise AssertionError("read past every bound")

    for where in (
        Lying(endless(("host", "a"), 101)),
        {"host": endless("a", 10_001)},
        {"host": ["a"] * 9_999, "user": endless("a", 2)},
    ):
        with pytest.raises(LimitExceeded) as caught:
            prepare(kind, where=where)
        assert caught.value.field == "where"


@pytest.mark.parametrize("text", ["\ud800", "a\x00", "\x00", "\U0010ffff", "x" * 1_000_000, "*", "%", "'"], ids=ascii)
def test_any_text_may_be_asked_for(text: str) -> None:
    """A text that no result can have matches nothing, as a value and as a name."""
    for kind in KINDS:
        for where in ({text: "a"}, {"host": text}, {text: text, "user": [text, None]}):
            assert INDEX.search(prepare(kind, where=where)).count == 0
    missing = prepare("record", where={text: None}, size=2)
    page = INDEX.search(missing)
    assert page.count == 4
    assert page.cursor is not None
    assert INDEX.search(missing, after=page.cursor).keys() == INDEX.search(missing.replace(from_=2)).keys()


def test_a_filter_is_not_changed_and_not_kept() -> None:
    """Later changes of the caller's mapping and lists do not reach the query."""
    values = ["a"]
    where: dict[str, Any] = {"host": values}
    query = prepare("record", where=where)
    values.append("b")
    where["user"] = "c"
    assert query.where == (("host", ("a",)),)
    assert where == {"host": ["a", "b"], "user": "c"}


@pytest.mark.parametrize("call", CALLS.values())
@pytest.mark.parametrize("where", [{"host": "a"}, {}, None, "host"], ids=repr)
def test_a_call_of_the_client_has_no_filter(call: str, where: Any) -> None:
    """`where` is no keyword of these calls, whatever its value is."""
    with pytest.raises(TypeError):
        getattr(INDEX, call)(job_id="web", where=where)


# ---- lookups

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
    """In a call every value but None counts as given, the default included."""
    error = refusal(lambda: ask(timestamp=timestamp, **{name: value}))
    assert type(error) is InvalidQuery
    assert (error.status, error.type) == (400, ILLEGAL)
    assert "is incompatible with" in error.reason


@pytest.mark.parametrize(
    "params",
    [
        {"start": 0},
        {"end": 0},
        {"anomaly_score": 5},
        {"from_": 1},
        {"size": 99},
        {"size": 0},
        {"where": {"host": "a"}},
        {"where": {"host": []}},
    ],
    ids=str,
)
def test_a_prepared_lookup_excludes_window_threshold_and_page(params: dict[str, Any]) -> None:
    """In a query a parameter counts as given if it differs from its default."""
    for action in (lambda: prepare(timestamp=0, **params), lambda: prepare(timestamp=0).replace(**params)):
        error = refusal(action)
        assert type(error) is InvalidQuery
        assert "is incompatible with" in error.reason


def test_a_lookup_takes_unset_parameters_and_other_flags() -> None:
    """-1 and None count as not given; a lookup may have an order and booleans."""
    assert ask(timestamp=0, start=-1, end="-1", from_=None, size=None, page=None, anomaly_score=None).count == 1
    assert ask(timestamp=0, expand=True, exclude_interim=True, sort="job_id", desc=True).count == 1
    assert INDEX.search(prepare(timestamp=0, start=-1, end=None, anomaly_score=-0.0, from_=0, size=100)).count == 1


@pytest.mark.parametrize("timestamp", [1, -1, 2**70, -(2**70), "1971", "now", np.datetime64(1, "ms")], ids=str)
def test_a_lookup_that_finds_nothing_says_so(timestamp: Any) -> None:
    """A lookup without a match is a 404 in the API's words; -1 is an instant here."""
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


# ---- which error comes first, and when

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
def test_errors_of_the_query_come_before_the_job_and_the_job_before_the_row(
    params: dict[str, Any], expected: type[BucketQueryError]
) -> None:
    """The errors of the query come first, then the unknown job, then a lookup without a match."""
    assert type(refusal(lambda: ask(**params))) is expected


@EACH_KIND
def test_scan_raises_at_the_call(kind: Kind) -> None:
    """A scan raises its errors before the first step of the iteration."""
    assert type(refusal(lambda: INDEX.scan(prepare(kind, jobs="nope")))) is UnknownJob
    refused(lambda: INDEX.scan(prepare(kind, start="now"), now="x"), "now", error_type="parse_exception")
    assert type(refusal(lambda: INDEX.scan(prepare(kind, start="now-9999y")))) is LimitExceeded


@pytest.mark.parametrize("call", ["search", "scan"])
@pytest.mark.parametrize(
    "query", [None, "web", {"jobs": "web"}, 5, BucketQuery, ("web",)], ids=lambda query: str(query)[:9]
)
def test_only_a_query_can_be_searched_for(call: str, query: Any) -> None:
    """Any other value raises a TypeError or a typed refusal, and no other error."""
    with pytest.raises((TypeError, InvalidQuery)):
        getattr(INDEX, call)(query)


# ---- now and the clock

NO_NOW: dict[str, Any] = {
    **odd(0),
    **BOOLEANS,
    "bytes of a year": b"2020",
    "now": "now",
    "now and math": "now-1d",
    "word": "x",
    "empty": "",
    "float": 1.5,
    **GAPS,
    "decimal": Decimal(0),
    "now in an array": np.array("now"),
}


@EACH_KIND
@cases(NO_NOW, "now")
@pytest.mark.parametrize("start", ["now-1h", 0])
def test_now_is_an_instant(kind: Kind, now: Any, start: Any) -> None:
    """`now` may not itself be relative, and is checked even if the query does not need it."""
    for action in (
        lambda: ask(kind, start=start, now=now),
        lambda: INDEX.search(prepare(kind, start=start), now=now),
        lambda: INDEX.scan(prepare(kind, start=start), now=now),
    ):
        error = refusal(action)
        assert (type(error), error.field, error.status) == (InvalidQuery, "now", 400)


@pytest.mark.parametrize("answer", ["0", None, 0.0, [], datetime(2020, 1, 1, tzinfo=UTC)], ids=repr)
def test_a_clock_that_does_not_return_an_int_is_a_type_error(answer: Any) -> None:
    """A clock must return an int. A query without `now` does not read it; a write that reads it changes nothing."""
    answers: list[Any] = [0]
    clock: Any = lambda: answers[-1]  # noqa: E731
    index = ResultsIndex(clock=clock)
    index.put_job("web")
    answers.append(answer)
    with pytest.raises(TypeError):
        index.put_job("db")
    assert (index.jobs(), index.sequence) == (("web",), 1)
    assert index.get_buckets(job_id="web", start=0).count == 0
    for start in ("now", "now-1d/d"):
        with pytest.raises(TypeError):
            index.get_buckets(job_id="web", start=start)
        assert index.get_buckets(job_id="web", start=start, now=0).count == 0


def test_an_error_of_the_clock_passes_through() -> None:
    """The index answers as before after the clock has raised an error, in a read or in a write."""
    broken: list[str] = []

    def clock() -> int:
        if broken:
            raise OSError("no clock")
        return 0

    index = ResultsIndex(clock=clock)
    index.put_job("web")
    broken.append("yes")
    with pytest.raises(OSError, match="no clock"):
        index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 1, "result_type": "bucket"}])
    with pytest.raises(OSError, match="no clock"):
        index.get_buckets(job_id="web", end="now")
    assert index.get_buckets(job_id="web").count == 0


def test_the_clock_is_read_once_for_a_commit_and_once_for_now() -> None:
    """Both bounds of a search use the same instant, and nothing else reads the clock."""
    ticks = itertools.count()
    index = ResultsIndex(clock=lambda: next(ticks) * HOUR)
    index.put_job("web")
    index.upsert([{"job_id": "web", "timestamp": 0, "bucket_span": 1, "result_type": "bucket"}])
    assert index.get_buckets(job_id="web", start=0, end="2020||/d").count == 1
    assert index.get_buckets(job_id="web", start="now", end="now+1h", now=0).count == 1
    # Two commits.
    assert next(ticks) == 2
    assert index.get_buckets(job_id="web", start="now-3h", end="now").count == 1
    assert next(ticks) == 4
    list(index.scan(BucketQuery(jobs="web", start="now-1h", end="now")))
    assert next(ticks) == 6


# ---- the rest of the surface


@cases(
    {
        **odd(5),
        **BOOLEANS,
        **GAPS,
        "negative": -1,
        "half": 1.5,
        "integral float": 100.0,
        "text": "100",
        "nan": NAN,
        "decimal": Decimal(100),
    },
    "size",
)
def test_a_max_size_that_is_not_a_count_is_refused(size: Any) -> None:
    """`max_size` must be an int that is not negative."""
    refused(lambda: ResultsIndex(max_size=size), "max_size")


@pytest.mark.parametrize(
    "name", ["x", "", "records", "time", "severity", "Timestamp", "__len__", "_columns", "@timestamp"]
)
def test_a_column_that_no_page_has_is_refused(name: str) -> None:
    """A page has the documented columns only, whether or not it has rows."""
    refused(lambda: ask().column(name), "name")
    refused(lambda: ask(size=0).column(name), "name")


@pytest.mark.parametrize("name", [None, 5, True, b"timestamp", ["timestamp"], {}, Unprintable()], ids=type)
def test_a_column_name_that_is_not_text_is_refused(name: Any) -> None:
    """A name is text; an unhashable value is refused like any other type."""
    refused(lambda: ask().column(name), "name")


@pytest.mark.parametrize(
    "name", ["body", "human", "pretty", "filter_path", "error_trace", "from", "jobs", "cursor", "x"]
)
def test_keywords_that_a_call_does_not_have_are_type_errors(name: str) -> None:
    """The client's transport keywords and misspelt ones are refused, not ignored."""
    params: dict[str, Any] = {"job_id": "web", name: None}
    with pytest.raises(TypeError):
        INDEX.get_buckets(**params)
    with pytest.raises(TypeError):
        INDEX.snapshot().get_buckets(**params)


@pytest.mark.parametrize("name", ["job_id", "now", "page", "from", "cursor", "x", "__dict__"])
def test_keywords_that_a_query_does_not_have_are_type_errors(name: str) -> None:
    """A query refuses unknown keywords when it is made and when it is changed."""
    params: dict[str, Any] = {name: None}
    with pytest.raises(TypeError):
        BucketQuery(jobs="web", **params)
    with pytest.raises(TypeError):
        prepare().replace(**params)


ANY_QUERY: Any = BucketQuery
ANY_INDEX: Any = INDEX
ANY_KIND: Any = ResultsIndex
MISSHAPEN: dict[str, Callable[[], Any]] = {
    "query with a positional argument": partial(ANY_QUERY, "web"),
    "query without arguments": partial(ANY_QUERY),
    "call with a positional argument": partial(ANY_INDEX.get_buckets, "web"),
    "call without a job": partial(ANY_INDEX.get_buckets),
    "index with a positional argument": partial(ANY_KIND, 100),
    "put without arguments": partial(ANY_INDEX.put_job),
    "put with a second positional argument": partial(ANY_INDEX.put_job, "fresh", 60),
    "upsert without arguments": partial(ANY_INDEX.upsert),
    "upsert with a second positional argument": partial(ANY_INDEX.upsert, [], "bucket"),
    "search without arguments": partial(ANY_INDEX.search),
    "search with a second positional argument": partial(ANY_INDEX.search, BucketQuery(jobs="web"), 0),
}


@pytest.mark.parametrize("action", MISSHAPEN.values(), ids=MISSHAPEN.keys())
def test_a_call_of_the_wrong_shape_is_a_type_error(action: Callable[[], Any]) -> None:
    """Options are keywords, and required parameters have no default."""
    with pytest.raises(TypeError):
        action()
    assert state(INDEX) == BEFORE


@pytest.mark.parametrize("name", ["change_kept", "keep_document"])
def test_an_option_that_does_not_exist_is_a_type_error(name: str) -> None:
    """An option that the library does not have is refused, not ignored."""
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
    """Any other position raises a TypeError, as in a tuple."""
    with pytest.raises(TypeError):
        ask()[position]


@pytest.mark.parametrize("change", [{"size": -1}, {"jobs": "_x"}, {"start": "x"}, {"sort": "x"}, {"desc": 1}], ids=str)
def test_a_changed_query_is_checked_again(change: dict[str, Any]) -> None:
    """`replace` refuses the values that the constructor refuses."""
    refused(
        lambda: prepare().replace(**change),
        next(iter(change)),
        error_type={"start": "parse_exception", "sort": "query_shard_exception"}.get(next(iter(change)), ILLEGAL),
    )


def test_no_refusal_of_this_module_has_changed_the_index() -> None:
    """After all these refusals, and some more, the shared index answers as before."""
    for params in ({"size": -1}, {"job_id": "nope"}, {"timestamp": 5}, {"size": 10_001}, {"sort": "x"}, {"start": "x"}):
        refusal(partial(ask, **params))
    for write in (partial(INDEX.put_job, "_"), partial(INDEX.delete_job, "nope")):
        refusal(write)
    assert state(INDEX) == BEFORE


def test_a_long_threshold_is_refused_in_a_moment() -> None:
    """The time to read text grows no faster than its length; otherwise this text would take minutes."""
    given = "1" * 200_000 + "x"
    refused(partial(ask, anomaly_score=given), "anomaly_score", error_type="number_format_exception")


def test_a_pattern_may_be_an_array_of_texts() -> None:
    """An array is an iterable like any other: its entries are tokens, and other entries are refused."""
    pattern: Any = np.array(["web", "idle"])
    assert INDEX.jobs(pattern) == ("idle", "web")
    pattern = np.array([1, 2])
    refused(lambda: INDEX.jobs(pattern), "pattern")
