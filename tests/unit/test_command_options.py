"""Options: the parameters that they stand for, and options of another kind."""

import inspect
from dataclasses import fields

import pytest

from bucketquery import ResultsIndex
from bucketquery.command.options import PARAMETERS, UsageError, option_of, parameters_of, parser_of
from bucketquery.queries.queries import BucketQuery, InfluencerQuery, RecordQuery
from bucketquery.queries.swimlane_query import SwimlaneQuery


def test_an_option_that_is_not_given_is_no_parameter() -> None:
    """All parameters of the kind are there, and those without an option are None, the API's default."""
    options = parser_of("bucketquery").parse_args(["a.ndjson", "--size", "5", "--no-desc", "--from=-1"])
    given = {"size": 5, "desc": False, "from_": -1}
    assert parameters_of(options, "buckets") == dict.fromkeys(PARAMETERS["buckets"]) | given


@pytest.mark.parametrize("text", ["1_0", "", "x", "1.5", "9" * 4_001, "\u0663"])
def test_text_that_is_no_integer_stays_text(text: str) -> None:
    """The index refuses it in the API's words."""
    assert parser_of("bucketquery").parse_args([f"--size={text}"]).size == text


@pytest.mark.parametrize(
    ("option", "kind", "message"),
    [
        ("--anomaly-score", "records", "--anomaly-score: does not apply to records"),
        ("--swimlane", "buckets", "--swimlane: does not apply to buckets"),
        ("--time-zone", "overall", "--time-zone: does not apply to overall buckets"),
        ("--size", "swimlane", "--size: does not apply to a swimlane"),
    ],
)
def test_an_option_of_another_kind_is_refused(option: str, kind: str, message: str) -> None:
    """The error names the option as it was typed."""
    options = parser_of("bucketquery").parse_args([option, "5"])
    with pytest.raises(UsageError, match=f"^{message}$"):
        parameters_of(options, kind)


def test_overall_buckets_have_an_option_for_each_parameter() -> None:
    """The options are those of `get_overall_buckets`, except for the jobs, the clock, and an answer without a job."""
    parameters = {*inspect.signature(ResultsIndex.get_overall_buckets).parameters}
    assert {*PARAMETERS["overall"]} == parameters - {"self", "job_id", "now", "allow_no_match"}


def test_the_kinds_exclude_one_another() -> None:
    """One call has one answer."""
    with pytest.raises(UsageError, match=r"^--swimlane: not allowed with argument --overall \(see --help\)$"):
        parser_of("bucketquery").parse_args(["--overall", "--swimlane", "day"])


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("buckets", BucketQuery),
        ("records", RecordQuery),
        ("influencers", InfluencerQuery),
        ("swimlane", SwimlaneQuery),
    ],
)
def test_every_parameter_of_a_query_has_an_option(
    kind: str, query: type[BucketQuery | RecordQuery | InfluencerQuery | SwimlaneQuery]
) -> None:
    """The options are those of the query, except for the jobs."""
    assert {*PARAMETERS[kind]} == {field.name for field in fields(query)} - {"jobs"}
    text = parser_of("bucketquery").format_help()
    assert all(f"{option_of(name)} " in text or f"{option_of(name)}," in text for name in PARAMETERS[kind])
