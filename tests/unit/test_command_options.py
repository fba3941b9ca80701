"""Options: the parameters that they stand for, and options of another kind."""

from dataclasses import fields

import pytest

from bucketquery.command.options import PARAMETERS, UsageError, option_of, parameters_of, parser_of
from bucketquery.queries.queries import BucketQuery, InfluencerQuery, RecordQuery


def test_an_option_that_is_not_given_is_no_parameter() -> None:
    """All parameters of the kind are there, and those without an option are None, the API's default."""
    options = parser_of("bucketquery").parse_args(["a.ndjson", "--size", "5", "--no-desc", "--from=-1"])
    given = {"size": 5, "desc": False, "from_": -1}
    assert parameters_of(options, "buckets") == dict.fromkeys(PARAMETERS["buckets"]) | given


@pytest.mark.parametrize("text", ["1_0", "", "x", "1.5", "9" * 4_001, "\u0663"])
def test_text_that_is_no_integer_stays_text(text: str) -> None:
    """The index refuses it in the API's words."""
    assert parser_of("bucketquery").parse_args([f"--size={text}"]).size == text


def test_an_option_of_another_kind_is_refused() -> None:
    """The error names the option as it was typed."""
    options = parser_of("bucketquery").parse_args(["--anomaly-score", "5"])
    with pytest.raises(UsageError, match=r"^--anomaly-score: does not apply to records$"):
        parameters_of(options, "records")


@pytest.mark.parametrize(
    ("kind", "query"), [("buckets", BucketQuery), ("records", RecordQuery), ("influencers", InfluencerQuery)]
)
def test_every_parameter_of_a_query_has_an_option(
    kind: str, query: type[BucketQuery | RecordQuery | InfluencerQuery]
) -> None:
    """The options are those of the query, except for the jobs."""
    assert {*PARAMETERS[kind]} == {field.name for field in fields(query)} - {"jobs"}
    text = parser_of("bucketquery").format_help()
    assert all(f"{option_of(name)} " in text or f"{option_of(name)}," in text for name in PARAMETERS[kind])
