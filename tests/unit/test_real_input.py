"""Real scores from a public benchmark: documents come back as they were, and the counts are those of a scan.

The expected numbers come from a separate scan of the files. Two small sets are in the repository; BUCKETQUERY_DATA
names the folder of the large ones.
"""

import gc
import json
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import pytest

from bucketquery import BucketQuery, InfluencerPage, RecordPage, ResultsIndex, Snapshot
from support.samples import SAMPLES, read_documents

EVENTS = 365_558  # the number of data points in the benchmark
JUST_BELOW_30 = 29.9999996735


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The known numbers of a data set.

    Attributes:
        prefix: the beginning of its job ids.
        jobs: the number of jobs.
        buckets: the number of buckets.
        events: the sum of all event counts.
        at_least: for each threshold, the number of buckets at or above it.
        just_below_30: the number of buckets at or above `JUST_BELOW_30` and below 30.
    """

    prefix: str
    jobs: int
    buckets: int
    events: int
    at_least: dict[int, int]
    just_below_30: int


OWN = {
    "numentaTM_1h_by_category": Facts(
        prefix="nab_numentatm_",
        jobs=7,
        buckets=19_690,
        events=EVENTS,
        at_least={1: 14_665, 10: 2_155, 25: 1_399, 50: 534, 75: 367, 100: 292},
        just_below_30=295,
    ),
    "numenta_nyc_taxi": Facts(
        prefix="nab_numenta_",
        jobs=1,
        buckets=10_320,
        events=10_320,
        at_least={1: 3_877, 10: 346, 25: 153, 50: 21, 75: 18, 100: 14},
        just_below_30=87,
    ),
}
LARGE = {
    "numenta": Facts(
        prefix="nab_numenta_",
        jobs=58,
        buckets=365_385,
        events=EVENTS,
        at_least={1: 168_329, 10: 13_668, 25: 6_246, 50: 809, 75: 595, 100: 499},
        just_below_30=2_702,
    ),
    "numentaTM": Facts(
        prefix="nab_numentatm_",
        jobs=58,
        buckets=365_385,
        events=EVENTS,
        at_least={1: 211_885, 10: 13_478, 25: 6_851, 50: 808, 75: 594, 100: 497},
        just_below_30=3_183,
    ),
}


def stored(folder: Path, name: str, kind: str = "buckets") -> Iterator[dict[str, Any]]:
    """The documents of one kind of a data set."""
    return read_documents(folder / f"{name}.{kind}.ndjson.gz")


def jobs_of(snapshot: Snapshot, facts: Facts) -> list[str]:
    """The jobs of one data set."""
    return [job_id for job_id in snapshot.jobs() if job_id.startswith(facts.prefix)]


def count(snapshot: Snapshot, facts: Facts, threshold: float) -> int:
    """The number of buckets of a data set at or above the threshold, as the index counts them."""
    return sum(
        snapshot.get_buckets(job_id=job_id, anomaly_score=threshold, size=0).count
        for job_id in jobs_of(snapshot, facts)
    )


def check_counts(snapshot: Snapshot, facts: Facts) -> None:
    """The index counts the known number of buckets at each threshold, and rounds no score up to a threshold."""
    assert len(jobs_of(snapshot, facts)) == facts.jobs
    assert count(snapshot, facts, 0) == facts.buckets
    assert {threshold: count(snapshot, facts, threshold) for threshold in facts.at_least} == facts.at_least
    assert count(snapshot, facts, JUST_BELOW_30) == count(snapshot, facts, 30) + facts.just_below_30


def check_documents(snapshot: Snapshot, facts: Facts, documents: Iterable[dict[str, Any]]) -> None:
    """The pages of each job, end to end, are its documents in time order: fields, values, order of keys."""
    events = 0
    for job_id, of_job in groupby(documents, lambda document: str(document["job_id"])):
        expected = list(of_job)
        query = BucketQuery(jobs=job_id, size=10_000)
        assert snapshot.search(query).count == len(expected)
        for first in range(0, len(expected), query.size):
            page = snapshot.search(query.replace(from_=first))
            found, given = page.to_dict()["buckets"], expected[first : first + query.size]
            assert found == given
            assert [*map(list, found)] == [*map(list, given)]
            events += int(page.column("event_count").sum())
    assert events == facts.events


@pytest.fixture(scope="module")
def own() -> Snapshot:
    """An index of the repository's own files: all jobs and kinds in one batch."""
    index = ResultsIndex()
    kinds = {
        "numentaTM_1h_by_category": ("buckets", "records", "influencers"),
        "numenta_nyc_taxi": ("buckets", "records"),
    }
    commit = index.upsert(
        chain.from_iterable(stored(SAMPLES, name, kind) for name, names in kinds.items() for kind in names)
    )
    assert commit.inserted == 19_690 + 10_320 + 1_170 + 48 + 2_805
    assert dict(commit.skipped) == {}
    return index.snapshot()


@pytest.fixture(scope="module")
def large(data_folder: Path) -> Snapshot:
    """An index of both large sets, in one batch."""
    index = ResultsIndex()
    commit = index.upsert(chain.from_iterable(stored(data_folder, name) for name in LARGE))
    assert (commit.inserted, commit.replaced, commit.unchanged) == (730_770, 0, 0)
    return index.snapshot()


@pytest.mark.parametrize("name", OWN)
def test_own_files_have_the_known_counts(own: Snapshot, name: str) -> None:
    """The index counts the known numbers of jobs and buckets of the repository's own files."""
    check_counts(own, OWN[name])


@pytest.mark.parametrize("name", OWN)
def test_own_files_come_back(own: Snapshot, name: str) -> None:
    """Every bucket of the repository's own files comes back as it was stored."""
    check_documents(own, OWN[name], stored(SAMPLES, name))


def check_anomalies(snapshot: Snapshot, kind: str, documents: Iterable[dict[str, Any]]) -> int:
    """Records or influencers come back as they were stored: fields, values, order of keys. Returns their number."""
    ask: Callable[..., RecordPage | InfluencerPage] = getattr(snapshot, f"get_{kind}")
    identity = ("detector_index", "partition_field_value", "influencer_field_name", "influencer_field_value")

    def key(document: dict[str, Any]) -> tuple[Any, ...]:
        return (document["timestamp"], *(document.get(name) or "" for name in identity))

    total = 0
    for job_id, of_job in groupby(documents, lambda document: str(document["job_id"])):
        given = sorted(of_job, key=key)
        page = ask(job_id=job_id, size=10_000)
        found = sorted(page.to_dict()[kind], key=key)
        assert found == given
        assert [*map(list, found)] == [*map(list, given)]
        assert [value.to_dict() for value in page] == page.to_dict()[kind]
        total += page.count
    return total


@pytest.mark.parametrize(
    ("name", "kind", "total"),
    [
        ("numentaTM_1h_by_category", "records", 1_170),
        ("numentaTM_1h_by_category", "influencers", 2_805),
        ("numenta_nyc_taxi", "records", 48),
    ],
)
def test_own_anomalies_come_back(own: Snapshot, name: str, kind: str, total: int) -> None:
    """Every record and influencer of the repository's own files comes back as it was stored."""
    assert check_anomalies(own, kind, stored(SAMPLES, name, kind)) == total


def test_own_buckets_expand_to_their_records(own: Snapshot) -> None:
    """A bucket with influencers has the records of its timestamp, lowest probability first. All records come back."""
    documents = [*stored(SAMPLES, "numentaTM_1h_by_category", "records")]
    expected: dict[tuple[str, int], list[float]] = {}
    for document in documents:
        expected.setdefault((document["job_id"], document["timestamp"]), []).append(document["probability"])
    found = {
        (job_id, bucket["timestamp"]): [record["probability"] for record in bucket["records"]]
        for job_id in jobs_of(own, OWN["numentaTM_1h_by_category"])
        for bucket in own.get_buckets(job_id=job_id, anomaly_score=10, expand=True, size=10_000).to_dict()["buckets"]
        if "records" in bucket
    }
    assert found == {key: sorted(probabilities) for key, probabilities in expected.items()}
    assert sum(map(len, found.values())) == 1_170


@pytest.mark.repeats
@pytest.mark.parametrize(("kind", "name"), [("record", "records"), ("influencer", "influencers")])
def test_an_anomaly_costs_at_most_three_times_its_text(kind: str, name: str) -> None:
    """The index of the real records or influencers takes at most three times the bytes of their JSON lines."""
    lengths = [
        len(json.dumps(document, separators=(",", ":")))
        for document in stored(SAMPLES, "numentaTM_1h_by_category", name)
    ]
    gc.collect()
    tracemalloc.start()
    try:
        index = ResultsIndex()
        index.upsert(stored(SAMPLES, "numentaTM_1h_by_category", name))
        gc.collect()
        cost, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert index.stats()["rows"][kind] == len(lengths)
    assert sum(lengths) / 10 < cost <= 3 * sum(lengths)


def test_storing_own_files_again_changes_nothing() -> None:
    """A write of the same buckets publishes no commit."""
    index = ResultsIndex()
    first = index.upsert(stored(SAMPLES, "numenta_nyc_taxi"))
    again = index.upsert(stored(SAMPLES, "numenta_nyc_taxi"))
    assert (again.sequence, again.inserted, again.replaced) == (first.sequence, 0, 0)
    assert again.unchanged == first.inserted == 10_320


def test_both_large_sets_fit_one_index(large: Snapshot) -> None:
    """Together they have 116 jobs and 730,770 buckets."""
    stats = large.stats()
    assert (stats["jobs"], stats["rows"]["bucket"]) == (116, 730_770)


@pytest.mark.parametrize("name", LARGE)
def test_large_sets_have_the_known_counts(large: Snapshot, name: str) -> None:
    """The index counts the known numbers of jobs and buckets of the large sets."""
    check_counts(large, LARGE[name])


@pytest.mark.parametrize("name", LARGE)
def test_large_sets_come_back(large: Snapshot, data_folder: Path, name: str) -> None:
    """Every bucket of the large sets comes back as it was stored."""
    check_documents(large, LARGE[name], stored(data_folder, name))
