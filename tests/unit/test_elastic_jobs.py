"""The jobs of an index as the API shows them."""

import pytest

from bucketquery import ResultsIndex, UnknownJob
from bucketquery.elastic.jobs import find_jobs, job_object, may_match_nothing, span_text
from support.helpers import JOB, bucket, record, rows


def index_of(*names: str) -> ResultsIndex:
    """An index that knows these jobs."""
    index = ResultsIndex()
    for name in names:
        index.put_job(name)
    return index


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("", "a aa ab b"),
        ("_all", "a aa ab b"),
        (" _all , ", "a aa ab b"),
        ("*", "a aa ab b"),
        ("a*", "a aa ab"),
        ("*a", "a aa"),
        ("a*a", "aa"),
        ("*a*a*", "aa"),
        ("*a*b*", "ab"),
        ("*b*a*", ""),
        ("**", "a aa ab b"),
        ("a*b,b", "ab b"),
        ("b,a,b", "a b"),
        ("?", None),
        ("_all,*", None),
    ],
)
def test_an_expression_names_jobs(expression: str, expected: str | None) -> None:
    """The jobs come by id, each once; None stands for an error."""
    snapshot = index_of("b", "ab", "a", "aa").snapshot()
    if expected is None:
        with pytest.raises(UnknownJob):
            find_jobs(snapshot, expression, allow_no_match=True)
    else:
        assert " ".join(find_jobs(snapshot, expression, allow_no_match=True)) == expected


def test_everything_that_is_missing_is_named() -> None:
    """The error has the missing ids and patterns in the order of the expression."""
    snapshot = index_of("a").snapshot()
    with pytest.raises(UnknownJob, match=r"No known job with id 'x\*,y'") as caught:
        find_jobs(snapshot, "x*,a,y", allow_no_match=False)
    assert (caught.value.field, caught.value.value) == ("job_id", "x*,y")
    with pytest.raises(UnknownJob, match=r"'\*'"):
        find_jobs(index_of().snapshot(), "_all", allow_no_match=False)
    assert find_jobs(index_of().snapshot(), "_all", allow_no_match=True) == []


def test_a_pattern_of_many_asterisks_is_matched_in_linear_time() -> None:
    """A pattern that makes a backtracking matcher hang is answered at once."""
    snapshot = index_of("a" * 255).snapshot()
    assert find_jobs(snapshot, "*a" * 120 + "*b", allow_no_match=True) == []
    assert find_jobs(snapshot, "*a" * 120 + "*", allow_no_match=True) == ["a" * 255]


@pytest.mark.parametrize(
    ("span", "text"),
    [(1, "1s"), (59, "59s"), (60, "1m"), (90, "90s"), (3_600, "1h"), (90_000, "25h"), (86_400, "1d"), (2**62, None)],
)
def test_a_span_is_shown_in_its_largest_unit(span: int, text: str | None) -> None:
    """No unit leaves a remainder."""
    assert span_text(span) == (text or f"{2**62}s")


def test_the_span_of_a_job_is_the_hosts_before_that_of_its_buckets() -> None:
    """Without both, it is the server's default. The limit of the index's pages plays no part."""
    index = ResultsIndex(max_size=0, keep_documents=False)
    index.put_job(JOB)
    shown = [job_object(index.snapshot(), JOB, "9.2.1")["analysis_config"]["bucket_span"]]
    index.upsert([record(0)])
    shown.append(job_object(index.snapshot(), JOB, "9.2.1")["analysis_config"]["bucket_span"])
    index.upsert([bucket(0, bucket_span=60), bucket(1, bucket_span=120)])
    shown.append(job_object(index.snapshot(), JOB, "9.2.1")["analysis_config"]["bucket_span"])
    index.put_job(JOB, bucket_span=7)
    shown.append(job_object(index.snapshot(), JOB, "9.2.1")["analysis_config"]["bucket_span"])
    assert shown == ["5m", "5m", "2m", "7s"]


def test_a_flag_of_two_names_counts_once() -> None:
    """The name of version 8 comes before that of version 7."""
    assert may_match_nothing({"allow_no_match": False, "allow_no_jobs": True}) is False
    assert may_match_nothing({"human": False}) is True


def test_the_keys_of_a_job_are_the_servers() -> None:
    """The keys of a job are the server's, in its order."""
    index = ResultsIndex()
    index.upsert(rows(0, 3, anomaly_score=5.0))
    assert [*job_object(index.snapshot(), JOB, "9.2.1")] == [
        "job_id",
        "job_type",
        "job_version",
        "analysis_config",
        "data_description",
        "model_snapshot_retention_days",
        "daily_model_snapshot_retention_after_days",
        "results_index_name",
        "allow_lazy_open",
    ]


def test_an_expression_names_groups() -> None:
    """A group, a pattern of groups, and a job that has the name of a group. There are no exclusions."""
    index = index_of("db")
    for job_id, groups in (("web-1", ["shop", "eu"]), ("web-2", ["shop"])):
        index.put_job(job_id, groups=groups)
    index.upsert([bucket(0, job_id="eu")])
    snapshot = index.snapshot()
    for expression, expected in (
        ("shop", "web-1 web-2"),
        ("sh*,db", "db web-1 web-2"),
        ("eu", "eu"),
        ("e*", "eu web-1"),
        ("-web*", ""),
    ):
        assert " ".join(find_jobs(snapshot, expression, allow_no_match=True)) == expected
    for expression in ("-web-1", "_all,-shop", "web-*,-web-1", "-shop"):
        with pytest.raises(UnknownJob):
            find_jobs(snapshot, expression, allow_no_match=True)
    assert job_object(snapshot, "web-1", "9.2.1")["groups"] == ["eu", "shop"]
    assert "groups" not in job_object(snapshot, "db", "9.2.1")
