"""Shared by all tests: Hypothesis profiles, the repository's sample documents, the folder of the large data sets."""

import gc
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from bucketquery.search import cursor
from support.samples import SAMPLES, read_documents

# No deadlines, because tests must not fail on a busy machine.
# dev draws new examples in every run, so repeated runs cover more cases. It tries failed examples first.
settings.register_profile("dev", deadline=None, print_blob=True, max_examples=15)
# ci draws the same examples in every run, so a failure comes from the change, and branch coverage does not vary. The
# seeded differential runs of `.ci/run` cover many more cases.
settings.register_profile("ci", settings.get_profile("dev"), max_examples=15, derandomize=True, database=None)
settings.register_profile("thorough", settings.get_profile("dev"), max_examples=5_000, stateful_step_count=100)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests without the garbage collector, and exclude them from its later work.

    The thousands of collected tests live to the end, and each full collection would visit all of them.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.fixture
def decoding_cursors(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cursor is remembered, so each is decoded, as in another process."""
    monkeypatch.setattr(cursor, "_remember", lambda *_: None)


def samples(name: str) -> tuple[dict[str, Any], ...]:
    """All documents of one of the repository's sample files."""
    return tuple(read_documents(SAMPLES / f"{name}.ndjson.gz"))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of the large data sets, named by BUCKETQUERY_DATA; without it, tests with this fixture are skipped."""
    folder = os.environ.get("BUCKETQUERY_DATA")
    if not folder:
        pytest.skip("BUCKETQUERY_DATA is not set, so there are no large data sets")
    return Path(folder)


@pytest.fixture(scope="session")
def taxi_buckets() -> tuple[dict[str, Any], ...]:
    """10,320 half-hourly buckets of one job; parsed once, not to be modified."""
    return samples("numenta_nyc_taxi.buckets")


@pytest.fixture(scope="session")
def taxi_records() -> tuple[dict[str, Any], ...]:
    """The 48 records of the job of `taxi_buckets`; parsed once, not to be modified."""
    return samples("numenta_nyc_taxi.records")


@pytest.fixture(scope="session")
def category_buckets() -> tuple[dict[str, Any], ...]:
    """19,690 hourly buckets of seven jobs, many with several influencers; parsed once, not to be modified."""
    return samples("numentaTM_1h_by_category.buckets")


@pytest.fixture(scope="session")
def category_records() -> tuple[dict[str, Any], ...]:
    """The 1,170 records of the jobs of `category_buckets`; parsed once, not to be modified."""
    return samples("numentaTM_1h_by_category.records")


@pytest.fixture(scope="session")
def category_influencers() -> tuple[dict[str, Any], ...]:
    """The 2,805 influencers of the jobs of `category_buckets`; parsed once, not to be modified."""
    return samples("numentaTM_1h_by_category.influencers")
