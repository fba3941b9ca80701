"""Text tables: the columns of each kind, their alignment and colours."""

import re
from typing import Any

import pytest

from bucketquery import ResultsIndex
from bucketquery.answers.text_table import table
from support.helpers import JOB, bucket, record


def influencer(row: int, **fields: Any) -> dict[str, Any]:
    """An influencer in the ``row``-th bucket."""
    return bucket(row, **{"result_type": "influencer", **fields})


def filled() -> ResultsIndex:
    """An index with two buckets, two records in the first, and two influencers."""
    index = ResultsIndex()
    entity: dict[str, Any] = {
        "partition_field_name": "host",
        "partition_field_value": "a\x1b[2J",
        "by_field_value": "b",
    }
    values: dict[str, Any] = {"actual": [12.5], "typical": [3_000_000, 2]}
    index.upsert(
        [
            bucket(0, anomaly_score=80.0, bucket_influencers=[{"influencer_field_name": "bucket_time"}]),
            bucket(1, anomaly_score=7.0, event_count=1_000),
            record(0, record_score=80.0, probability=1.5e-7, function="mean", field_name="rides", **entity, **values),
            record(0, 1, record_score=5.0, is_interim=True, function="rare"),
            influencer(0, influencer_score=80.0, influencer_field_name="host", influencer_field_value="a\x1b[2J"),
            influencer(1, bucket_span=60),
        ]
    )
    return index


def test_records_show_probability_function_values_and_entity() -> None:
    """Control characters of the data are escaped, so they do not steer the terminal."""
    shown = table(filled().get_records(job_id=JOB), [JOB], in_colour=False)
    assert shown.splitlines() == [
        "timestamp             score  severity  initial  probability  interim  function     actual   typical  of",
        (
            "1970-01-01T00:00:00Z  80.00  critical     0.00      1.5e-07           mean(rides)    12.5  3e+06, 2"
            "  =b, host=a\\x1b[2J"
        ),
        "1970-01-01T00:00:00Z   5.00  warning      0.00            0  interim  rare",
        "2 of 2 records of job web",
    ]


def test_influencers_show_field_and_value() -> None:
    """An influencer without a field name is shown too."""
    shown = table(filled().get_influencers(job_id=JOB), [JOB], in_colour=False)
    assert shown.splitlines() == [
        "timestamp              span  score  severity  initial  probability  field  value",
        "1970-01-01T00:00:00Z  300 s  80.00  critical     0.00            0  host   a\\x1b[2J",
        "1970-01-01T00:05:00Z   60 s   0.00  low          0.00            0",
        "2 of 2 influencers of job web",
    ]


def test_expanded_buckets_count_their_records() -> None:
    """The column ``records`` has the number of records. It is left out if no bucket has records."""
    index = filled()
    shown = table(index.get_buckets(job_id=JOB, expand=True), [JOB], in_colour=False).splitlines()
    assert shown == [
        "timestamp             score  severity  initial  events  records  influencers",
        "1970-01-01T00:00:00Z  80.00  critical     0.00       0        2  bucket_time",
        "1970-01-01T00:05:00Z   7.00  warning      0.00   1,000",
        "2 of 2 buckets of job web",
    ]
    assert "records" not in table(index.get_buckets(job_id=JOB), [JOB], in_colour=False)


def test_scores_are_coloured_by_their_severity() -> None:
    """Titles are bold; score and severity have the severity's colour."""
    shown = table(filled().get_records(job_id=JOB), [JOB], in_colour=True)
    assert "\x1b[1;31m80.00\x1b[m  \x1b[1;31mcritical\x1b[m" in shown
    assert shown.startswith("\x1b[1mtimestamp")


@pytest.mark.parametrize(
    ("fields", "actual", "typical"),
    [
        ({"causes": [{"actual": [9.5, 2], "typical": [1]}]}, "9.5, 2", "1"),
        ({"causes": [{"actual": 9, "typical": 1.25}]}, "9", "1.25"),
        ({"causes": [{"actual": [9]}]}, "9", None),
        ({"causes": [{"actual": ["x", None, True, 9], "typical": [None]}]}, "9", None),
        ({"actual": [3], "causes": [{"actual": [9], "typical": [1]}]}, "3", None),
        ({"typical": [3], "causes": [{"actual": [9], "typical": [1]}]}, None, "3"),
        ({"causes": [{"actual": [9]}, {"actual": [8]}]}, "2 causes", None),
        ({"causes": [{}]}, None, None),
        ({"causes": []}, None, None),
        ({}, None, None),
    ],
)
def test_a_record_of_a_population_shows_the_values_of_its_cause(
    fields: dict[str, Any], actual: str | None, typical: str | None
) -> None:
    """A record without values shows those of its single cause, or the number of its causes. None: no such column."""
    index = ResultsIndex()
    index.upsert([record(0, function="high_mean", over_field_name="user", over_field_value="a", **fields)])
    titles, values, _ = table(index.get_records(job_id=JOB), [JOB], in_colour=False).splitlines()
    columns = dict(zip(re.split(r"  +", titles), re.split(r"  +", values), strict=True))
    assert (columns.get("actual"), columns.get("typical")) == (actual, typical)


def test_each_line_names_its_job_if_several_were_searched() -> None:
    """Two jobs are several, even if only one has results on the page."""
    page = filled().get_buckets(job_id=JOB, size=1)
    assert table(page, ["db", JOB], in_colour=False).splitlines() == [
        "job  timestamp             score  severity  initial  events  influencers",
        "web  1970-01-01T00:00:00Z  80.00  critical     0.00       0  bucket_time",
        "1 of 2 buckets of 2 jobs",
    ]
