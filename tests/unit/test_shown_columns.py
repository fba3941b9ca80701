"""The columns in which people read results: which there are, and how a cell looks."""

from typing import Any

import pytest

from bucketquery import BucketQuery, ResultsIndex
from bucketquery.answers.shown_columns import columns_of, two_decimals
from support.helpers import bucket


@pytest.mark.parametrize(
    ("score", "shown"), [(75.0, "75.00"), (74.999, "74.99"), (0.0, "0.00"), (99.995, "99.99"), (24.9999999, "24.99")]
)
def test_a_score_is_cut_and_not_rounded(score: float, shown: str) -> None:
    """A score that is shown as 75.00 is critical."""
    assert two_decimals(score) == shown


@pytest.mark.parametrize(
    ("jobs", "shown"), [(("web",), ["", ""]), (("db", "web"), ["db", "web", "web"])], ids=["one job", "two jobs"]
)
def test_jobs_are_named_if_they_differ(jobs: tuple[str, ...], shown: list[str]) -> None:
    """One job needs no column."""
    index = ResultsIndex()
    index.upsert([bucket(0), bucket(1), bucket(0, job_id="db")])
    page = index.search(BucketQuery(jobs=jobs))
    columns: dict[str, Any] = columns_of("bucket", page[:])
    assert columns["job"] == shown
    assert columns["span"] == [""] * len(page)
