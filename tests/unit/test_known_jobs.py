"""Known jobs: the selections of one set of ids and groups, made once."""

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from weakref import ref

import pytest

from bucketquery import BucketQuery, ResultsIndex, UnknownJob
from bucketquery.jobs import known_jobs
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.job import Job
from bucketquery.jobs.known_jobs import names_job
from support.helpers import bucket


def catalog_of(**groups: tuple[str, ...]) -> Catalog:
    """A catalogue of jobs with these groups."""
    catalog = Catalog()
    for job_id, names in groups.items():
        catalog = catalog.with_job(job_id, Job(job_id, groups=names))
    return catalog


def test_the_last_selections_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """An equal list of tokens gets the same object; the oldest selections are forgotten first."""
    monkeypatch.setattr(known_jobs, "_REMEMBERED", 4)
    catalog = Catalog().with_jobs({job_id: Job(job_id) for job_id in "abcdef"})
    first = catalog.select(("a", "b*"), "jobs")
    assert catalog.select(("a", "b*"), "pattern") is first
    for job_id in "abcd":
        catalog.select((job_id,), "jobs")
    assert len(catalog._known._remembered) <= 4
    again = catalog.select(("a", "b*"), "jobs")
    assert again is not first
    assert again.ids == first.ids


def test_one_selection_of_many_tokens_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not stored beside the others, since its tokens may take megabytes."""
    monkeypatch.setattr(known_jobs, "_FEW_TOKENS", 1)
    catalog = Catalog().with_jobs({job_id: Job(job_id) for job_id in "abcdef"})
    first, tokens = catalog.select(("a", "b"), "jobs"), ("e", "-e", "b*", "_all", "-c")
    assert catalog.select(("a", "b"), "jobs") is first
    assert catalog.select(tokens, "jobs").ids == tuple("abdef")
    assert catalog.select(("a", "b"), "jobs") is not first
    assert not catalog._known._remembered
    with pytest.raises(UnknownJob, match="'x'"):
        catalog.select(("a", "-x"), "jobs")
    assert catalog.select(tuple("abcdef"), "jobs").is_all


def test_writes_share_what_is_known() -> None:
    """A write to known jobs keeps the ids, the groups and the selections. New ids or groups begin anew."""
    catalog = catalog_of(a=("x",), b=("x", "y"))
    found = catalog.select(("x",), "jobs")
    assert catalog.with_jobs({"a": Job("a", 60, groups=("x",))}).select(("x",), "jobs") is found
    assert catalog.with_job("a", Job("a", 60, groups=("x",))).select(("x",), "jobs") is found
    regrouped = catalog.with_job("a", Job("a", groups=("y",)))
    assert regrouped.ids is catalog.ids
    assert [regrouped.select((name,), "jobs").ids for name in "xy"] == [("b",), ("a", "b")]
    assert catalog.select(("x",), "jobs").ids == ("a", "b")
    more = regrouped.with_jobs({"c": Job("c")})
    assert more.ids is not catalog.ids
    less = more.without("b")
    assert [catalog.has_group("x"), more.has_group("x"), less.has_group("x")] == [True, True, False]
    for each in (catalog, regrouped, more, less, less.without("c")):
        each.check()


def test_groups_of_many_jobs_are_found_together() -> None:
    """A few members are looked up one by one, many by a dict; the ranks are the same."""
    jobs = {f"job{number:03}": Job(f"job{number:03}") for number in range(400)}
    catalog = (
        Catalog()
        .with_jobs(jobs)
        .with_job("job399", Job("job399", groups=("few",)))
        .with_job("job001", Job("job001", groups=("few",)))
    )
    assert catalog.select(("few",), "jobs").ids == ("job001", "job399")
    for job_id in [*jobs][:200]:
        catalog = catalog.with_job(job_id, Job(job_id, groups=("many",)))
    assert catalog.select(("many",), "jobs").ids == tuple(jobs)[:200]
    catalog.check()


def test_what_is_known_keeps_no_results() -> None:
    """A remembered selection refers to ids only, so the jobs of older commits are freed."""
    index = ResultsIndex()
    index.upsert([bucket(0, job_id=job_id) for job_id in ("a", "b")])
    assert index.search(BucketQuery(jobs="a*,b")).count == 2
    older = ref(index.snapshot())
    index.upsert([bucket(1, job_id="a")])
    gc.collect()
    assert older() is None
    assert index.search(BucketQuery(jobs="a*,b")).count == 3


def test_readers_select_at_once_while_a_writer_writes() -> None:
    """No reader fails or sees a selection of another set of jobs, whichever of them makes it first."""
    index = ResultsIndex()

    def read(number: int) -> Iterator[int]:
        for step in range(200):
            snapshot = index.snapshot()
            known = snapshot.jobs()
            assert snapshot.jobs(f"job*,-job{(step + number) % 30}*") == tuple(
                job_id for job_id in known if not job_id.startswith(f"job{(step + number) % 30}")
            )
            yield len(known)

    def check(number: int) -> int:
        index.put_job(f"job{number}", groups=["shop"])
        return max(read(number))

    for number in range(30):
        index.put_job(f"job{number}")
    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(check, range(30, 60))) == 60


def test_tokens_name_a_job_by_its_id() -> None:
    """The tokens apply from left to right; a name without an asterisk is compared whole."""
    assert names_job(("a", "b*"), "bc")
    assert not names_job(("a", "b*", "-bc"), "bc")
    assert names_job(("_all", "-b*", "bc"), "bc")
    assert not names_job(("web",), "web-1")


def test_a_check_notices_other_groups() -> None:
    """The names and the groups must be those of the jobs."""
    catalog = catalog_of(a=("x",), b=())
    catalog.check()
    with pytest.raises(AssertionError):
        catalog_of(a=(), b=())._known.check(catalog)
    with pytest.raises(AssertionError):
        catalog_of(a=("y",), b=())._known.check(catalog)
