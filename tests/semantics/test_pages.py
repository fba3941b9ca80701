"""Our decision on pages: a page is a sequence with keys and a commit, and it can be pickled."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from bucketquery import (
    Bucket,
    BucketPage,
    BucketQuery,
    BucketQueryError,
    InfluencerPage,
    Kind,
    LimitExceeded,
    RecordPage,
    ResultsIndex,
)
from support.document_samples import BLAMED, FOUR_BUCKETS, OTHER_KINDS
from support.semantics_tables import (
    CALLS,
    JOB,
    LISTS,
    QUERIES,
    RESULTS,
    Documents,
    Page,
    bucket,
    each_row,
    index_of,
    record,
)

HOUR = 3_600_000


def page_of(documents: Documents, **asked: Any) -> BucketPage:
    """The page of buckets with these parameters."""
    return index_of(documents.values()).get_buckets(job_id=JOB, **asked)


def kind_page(kind: Kind, **asked: Any) -> Page:
    """The page of this kind in ascending time order."""
    given = FOUR_BUCKETS if kind == "bucket" else OTHER_KINDS
    call = getattr(index_of(given.values()), CALLS[kind])
    page: Page = call(**{"job_id": JOB, "sort": "timestamp", "desc": False} | asked)
    return page


@dataclass(frozen=True, slots=True)
class Taken:
    """A position or a slice of the page ``a c b d``, and the names of the buckets that it gives."""

    rule: str
    claim: str
    taken: int | slice
    expected: str
    source: str


TAKEN = [
    Taken("20.pages", "the first", 0, "a", "ours: a sequence"),
    Taken("20.pages", "the last", -1, "d", "ours: a sequence"),
    Taken("20.pages", "a slice", slice(1, 3), "c b", "ours: slices are tuples"),
    Taken("20.pages", "a slice past the end", slice(2, 99), "b d", "ours: slices are tuples"),
    Taken("20.pages", "an empty slice", slice(4, 9), "", "ours: slices are tuples"),
    Taken("20.pages", "all buckets backwards", slice(None, None, -1), "d b c a", "ours: slices are tuples"),
]


@each_row(TAKEN)
def test_page_is_a_sequence_of_buckets(row: Taken) -> None:
    """A position gives a `Bucket`, and a slice a tuple of them, with the same values as iteration."""
    page = page_of(FOUR_BUCKETS)
    taken = page[row.taken]
    found = taken if isinstance(taken, tuple) else (taken,)
    assert isinstance(taken, tuple) == isinstance(row.taken, slice)
    assert all(type(item) is Bucket for item in found)
    known = {(item["timestamp"], item["bucket_span"]): name for name, item in FOUR_BUCKETS.items()}
    assert [known[item.timestamp, item.bucket_span] for item in found] == row.expected.split()
    everything = list(page)
    expected = everything[row.taken]
    assert list(found) == (expected if isinstance(expected, list) else [expected])
    assert len(page) == 4


def test_position_past_the_end_is_an_index_error() -> None:
    """A position past either end raises IndexError."""
    for position in (4, -5):
        with pytest.raises(IndexError):
            page_of(FOUR_BUCKETS)[position]


@dataclass(frozen=True, slots=True)
class Keyed:
    """A query, and the identities on its page."""

    rule: str
    claim: str
    asked: Mapping[str, Any]
    expected: tuple[tuple[str, int, int], ...]
    source: str


KEYS = [
    Keyed(
        "20.pages",
        "job, timestamp and span",
        {},
        (("web", 0, 3_600), ("web", HOUR, 60), ("web", HOUR, 3_600), ("web", 2 * HOUR, 3_600)),
        "12.1",
    ),
    Keyed("20.pages", "only the results of the page", {"from_": 1, "size": 1}, (("web", HOUR, 60),), "ours"),
    Keyed("20.pages", "an empty page", {"size": 0}, (), "ours"),
]


@each_row(KEYS)
def test_keys_are_identities(row: Keyed) -> None:
    """The keys of a page are a tuple of the identities of its buckets, as Python values."""
    keys = page_of(FOUR_BUCKETS, **row.asked).keys()
    assert (type(keys), keys) == (tuple, row.expected)
    assert all([type(part) for part in key] == [str, int, int] for key in keys)


@pytest.mark.parametrize("kind", CALLS)
def test_page_of_each_kind_is_a_sequence(kind: Kind) -> None:
    """A position gives a value and a slice a tuple of values; the body has one object for each value."""
    page = kind_page(kind)
    everything: list[Any] = list(page)
    assert len(page) == len(everything) == page.count > 1
    assert [type(item) for item in everything] == [RESULTS[kind]] * len(everything)
    assert (page[0], page[-1]) == (everything[0], everything[-1])
    assert page[:2] == tuple(everything[:2])
    assert page.to_dict() == {"count": len(everything), LISTS[kind]: [item.to_dict() for item in everything]}
    with pytest.raises(IndexError):
        page[len(everything)]


def test_page_has_the_sequence_of_its_commit() -> None:
    """The `sequence` of a page is the number of the commit it was read from; later writes do not change it."""
    index = ResultsIndex()
    first = index.upsert([FOUR_BUCKETS["a"]])
    before = index.get_buckets(job_id=JOB)
    second = index.upsert([FOUR_BUCKETS["b"]])
    after = index.get_buckets(job_id=JOB)
    assert (before.sequence, after.sequence) == (first.sequence, second.sequence) == (1, 2)


@dataclass(frozen=True, slots=True)
class Pickled:
    """A value, and whether it can be pickled."""

    rule: str
    claim: str
    value: Any
    can_be: bool
    source: str


_INDEX = index_of(FOUR_BUCKETS.values())
_PAGE = _INDEX.get_buckets(job_id=JOB, sort="anomaly_score", desc=True)
_ERROR = LimitExceeded("Parameter [size] is too large", field="size", value=10**9)
EXPANDED = [bucket(0, bucket_influencers=[BLAMED]), bucket(HOUR), record(0, extra=[1]), record(0, detector_index=1)]
PICKLED = [
    Pickled("20.pages", "a page", _PAGE, True, "ours"),
    Pickled("20.pages", "a bucket", _PAGE[0], True, "ours"),
    Pickled("20.pages", "a bucket influencer", _PAGE[1].bucket_influencers[0], True, "ours"),
    Pickled("20.pages", "an expanded page", index_of(EXPANDED).get_buckets(job_id=JOB, expand=True), True, "8.6"),
    Pickled("20.pages", "a page of records", kind_page("record"), True, "ours"),
    Pickled("20.pages", "a record", kind_page("record")[2], True, "ours"),
    Pickled("20.pages", "a page of influencers", kind_page("influencer"), True, "ours"),
    Pickled("20.pages", "an influencer", kind_page("influencer")[1], True, "ours"),
    Pickled("20.pages", "a query for records", QUERIES["record"](jobs=JOB, start="now-1d"), True, "ours"),
    Pickled("20.pages", "a query for influencers", QUERIES["influencer"](jobs=JOB, desc=False), True, "ours"),
    Pickled("20.pages", "a commit", ResultsIndex().upsert(FOUR_BUCKETS.values()), True, "ours"),
    Pickled("20.pages", "a query", BucketQuery(jobs=JOB, start="now-1d", anomaly_score=75.0), True, "ours"),
    Pickled("20.pages", "an error", _ERROR, True, "20.errors"),
    Pickled("20.pages", "an index", _INDEX, False, "ours: its documents can be pickled"),
    Pickled("20.pages", "a snapshot", _INDEX.snapshot(), False, "ours: its pages can be pickled"),
]


@each_row(PICKLED)
def test_values_pickle_and_stores_do_not(row: Pickled) -> None:
    """Unpickled answers, queries and errors equal the pickled ones; an index and a snapshot raise TypeError."""
    if not row.can_be:
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(row.value)
        return
    assert facts(pickle.loads(pickle.dumps(row.value))) == facts(row.value)


def facts(value: Any) -> Any:
    """The facts to compare two values by: all content of a page, all fields of an error, otherwise the value itself."""
    if isinstance(value, BucketPage | RecordPage | InfluencerPage):
        return value.count, value.sequence, value.keys(), value.to_dict(), list(value)
    if isinstance(value, BucketQueryError):
        return type(value), value.status, value.type, value.reason, value.field, value.value
    return value
