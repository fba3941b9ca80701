"""More claims of living results, beside those of `index` and `changes`; and the claims of their reference."""

from collections.abc import Callable
from functools import cache, partial
from itertools import count, cycle, islice
from typing import Any, Final

import numpy as np

from benchmarks.claims.claim import AT_MOST_LINEAR, CONSTANT, LINEAR, LOGARITHMIC, LOGLINEAR, Claim
from benchmarks.claims.inputs import (
    MILLION,
    anomaly_index,
    bucket_index,
    checked,
    columns,
    copy_of,
    index_with_records,
    many_jobs_index,
    without_value_indexes,
)
from benchmarks.timing import Call
from benchmarks.workloads import JOB, SPAN_S, Document, bucket_documents
from bucketquery import BucketQuery, RecordQuery, ResultsIndex, testing
from bucketquery.model.schema import Kind
from bucketquery.queries.queries import AnyQuery

#: The buckets of a day.
_DAY: Final = 288

_BY_TIME: Final = BucketQuery(jobs=JOB)
_BY_SCORE: Final = BucketQuery(jobs=JOB, sort="anomaly_score", desc=True)
_CRITICAL: Final = BucketQuery(jobs=JOB, anomaly_score=75.0)


# Writes


def deleting(rows: Callable[[int], slice], size: int, *, with_value_index: bool = False) -> Call:
    """Delete some rows of an index."""
    original = without_value_indexes(bucket_index(size))
    if with_value_index:
        original.get_buckets(job_id=JOB, anomaly_score=75.0)
    first, last = columns(size)["timestamp"][rows(size)][[0, -1]].tolist()
    number = len(range(*rows(size).indices(size)))
    return checked(
        lambda: copy_of(original).delete(JOB, start=first, end=last + 1), lambda commit: commit.deleted == number
    )


def dropping_interim(size: int) -> Call:
    """Write ``size`` final buckets, each of which overtakes an interim record."""
    final = bucket_documents(columns(size))
    stale = [
        {"job_id": JOB, "timestamp": each["timestamp"], "bucket_span": SPAN_S, "is_interim": True} for each in final
    ]
    original = ResultsIndex()
    original.upsert(stale, kind="record")
    return checked(
        lambda: copy_of(original).upsert(final, drop_interim=True),
        lambda commit: (commit.inserted, commit.deleted) == (size, size),
    )


def renormalizing_anomalies(kind: Kind, size: int) -> Call:
    """Give new scores to ``size`` records or influencers."""
    original, given = copy_of(anomaly_index(kind, size)), columns(size)
    entity = "by_field_value" if kind == "record" else "influencer_field_value"
    scores = {
        **{name: given[name] for name in ("timestamp", "bucket_span")},
        entity: [f"host-{row % 50}" for row in range(size)],
        f"{kind}_score": given["anomaly_score"] / 2 + 0.25,
    }
    return checked(
        lambda: copy_of(original).renormalize(JOB, **{f"{kind}s": scores}), lambda commit: commit.replaced == size
    )


def renormalizing_nested(size: int) -> Call:
    """Give new scores to the influencers of ``size`` of 32,768 buckets."""
    original, given = index_with_records(32_768), columns(32_768)
    scores = {
        **{name: given[name][:size] for name in ("timestamp", "bucket_span")},
        "influencer_field_name": ["host"] * size,
        "anomaly_score": np.full(size, 7.0),
    }
    return checked(
        lambda: copy_of(original).renormalize(JOB, bucket_influencers=scores), lambda commit: commit.replaced == size
    )


# The feed


@cache
def logged(changes: int) -> ResultsIndex:
    """An index whose log has this many changes of a late bucket, written one by one; must not be modified."""
    index = ResultsIndex(changes_kept=MILLION)
    index.upsert_columns(columns(1_024), job_id=JOB)
    (first,) = bucket_documents({name: column[:1] for name, column in columns(1_024).items()})
    for version in islice(cycle(_versions(first)), changes):
        index.upsert([version])
    return index


def _versions(document: Document) -> list[Document]:
    return [{**document, "anomaly_score": score} for score in (80.0, 90.0)]


def asking_for_nothing_new(size: int) -> Call:
    """Ask for the changes after the newest commit, of an index of ``size`` buckets."""
    index = copy_of(bucket_index(size))
    return checked(partial(index.changes, _CRITICAL, since=index.sequence), lambda changes: not len(changes))


def asking_for_changes(size: int) -> Call:
    """Ask for ``size`` changes, and leave them unread."""
    return checked(partial(logged(size).changes, _CRITICAL, since=1), lambda changes: len(changes) == size)


def counting_changes(size: int) -> Call:
    """Ask for ``size`` changes, and count them."""
    index = logged(size)
    return checked(lambda: len(index.changes(_CRITICAL, since=1)), size.__eq__)


def listing(size: int) -> Call:
    """List all of ``size`` buckets."""
    index = bucket_index(size)
    return checked(lambda: list(index.changes(_BY_TIME, since=None)), lambda changes: len(changes) == size)


# Cursors


def cursor_at(index: ResultsIndex, query: AnyQuery, depth: int) -> str:
    """The cursor of the page that ends at a depth."""
    page = index.search(query.replace(from_=depth - query.size))
    cursor: str | None = page.cursor
    assert cursor
    return cursor


def searching_after_a_commit(query: BucketQuery, size: int) -> Call:
    """Write a version of the oldest bucket, then search behind half of the matches."""
    original = bucket_index(size)
    cursor = cursor_at(original, query, size // 2)
    (oldest,) = bucket_documents({name: column[:1] for name, column in columns(size).items()})
    numbers = count(1)

    def write_and_search() -> Any:
        index = copy_of(original)
        index.upsert([{**oldest, "event_count": next(numbers)}])
        return index.search(query, after=cursor)

    return checked(write_and_search, lambda page: len(page.keys()) == 100)


def walking(query: AnyQuery, pages: int, size: int) -> Call:
    """Walk over some pages of an index, and read the keys of each."""
    index = bucket_index(size) if isinstance(query, BucketQuery) else anomaly_index("record", size)

    def walk() -> list[Any]:
        return [page.keys() for page in islice(index.pages(query), pages)]

    return checked(walk, lambda found: len(found) == len(set(found)) == pages)


def many(size: int) -> tuple[ResultsIndex, BucketQuery]:
    """An index of ``size`` jobs, and a query of all of them."""
    index = many_jobs_index(size)
    return index, BucketQuery(jobs=index.jobs(), size=10)


def cursor_of_many(size: int) -> Call:
    """Read the cursor of a page of ``size`` jobs again and again."""
    index = many_jobs_index(size)
    page = index.search(BucketQuery(jobs=index.jobs(), size=10))
    return checked(lambda: page.cursor, lambda cursor: isinstance(cursor, str))


# The reference


def versions_of(size: int) -> tuple[testing.living.Stored, testing.living.Stored]:
    """``size`` stored buckets, and the same buckets with other scores."""
    documents = bucket_documents(columns(size))
    old, new = ([{**each, "anomaly_score": score} for each in documents] for score in (50.0, 80.0))
    return testing.stored_results(old), testing.stored_results(new)


def comparing(size: int) -> Call:
    """Compare two versions of all results."""
    before, after = versions_of(size)
    return checked(partial(testing.matching_changes, before, after, _CRITICAL), lambda found: len(found) == size)


def listing_stored(size: int) -> Call:
    """List all results that are stored."""
    _, after = versions_of(size)
    return checked(partial(testing.listing, after, _CRITICAL), lambda found: len(found) == size)


def storing(size: int) -> Call:
    """Find the results that a batch writes."""
    documents = bucket_documents(columns(size))
    return checked(partial(testing.stored_results, documents), lambda found: len(found) == size)


def naming_deleted(size: int) -> Call:
    """Find the results that a delete of the older half deletes."""
    stored, _ = versions_of(size)
    end = int(columns(size)["timestamp"][size // 2])
    return checked(partial(testing.deleted, stored, end=end), lambda found: len(found) == size // 2)


def naming_overtaken(size: int) -> Call:
    """Find the interim records that a batch of final buckets overtakes."""
    final = bucket_documents(columns(size))
    stale = [{**each, "result_type": "record", "is_interim": True} for each in final]
    return checked(partial(testing.overtaken, testing.stored_results(stale), final), lambda found: len(found) == size)


def rescoring_stored(size: int) -> Call:
    """Find the results that get new scores."""
    stored, _ = versions_of(size)
    names = ("timestamp", "bucket_span")
    rows = [{**{name: each[name] for name in names}, "anomaly_score": 7.0} for each in bucket_documents(columns(size))]
    return checked(partial(testing.rescored, stored, JOB, buckets=rows), lambda found: len(found) == size)


def evaluating_behind(size: int) -> Call:
    """Evaluate the page behind the middle of many documents."""
    documents = bucket_documents(columns(size))
    evaluate = partial(testing.evaluate_after, documents, _BY_TIME, documents[size // 2])
    return checked(evaluate, lambda body: body["buckets"][0]["timestamp"] == documents[size // 2 + 1]["timestamp"])


_DELETE: Final = "index.ResultsIndex.delete"
_RESCORE: Final = "index.ResultsIndex.renormalize"
_CHANGES: Final = "reads.Reads.changes"
_SEARCH: Final = "reads.Reads.search"
_PAGES: Final = "reads.Reads.pages"
_CURSOR: Final = "answers.page.Page.cursor"
_ANOMALIES: Final[tuple[Kind, ...]] = ("record", "influencer")

CLAIMS: Final = (
    Claim(
        _DELETE,
        "the oldest day of n buckets, with a value index",
        AT_MOST_LINEAR,
        partial(deleting, lambda _: slice(_DAY), with_value_index=True),
        16_384,
        MILLION,
    ),
    Claim(
        _DELETE, "the oldest n of 262,144", AT_MOST_LINEAR, lambda n: deleting(lambda _: slice(n), 262_144), 256, 16_384
    ),
    Claim(
        "index.ResultsIndex.upsert", "n buckets that overtake interim records", LINEAR, dropping_interim, 512, 32_768
    ),
    *(
        Claim(_RESCORE, f"n scores of n {kind}s", LINEAR, partial(renormalizing_anomalies, kind), 512, 32_768)
        for kind in _ANOMALIES
    ),
    Claim(_RESCORE, "influencers of n of 32,768 buckets", AT_MOST_LINEAR, renormalizing_nested, 512, 32_768),
    Claim(_CHANGES, "nothing new, n buckets", CONSTANT, asking_for_nothing_new, 16_384, MILLION),
    Claim(_CHANGES, "n changes, unread", AT_MOST_LINEAR, asking_for_changes),
    Claim(_CHANGES, "n changes, counted", LINEAR, counting_changes),
    Claim(_CHANGES, "a listing of n buckets", LINEAR, listing, 512, 32_768),
    Claim(
        _SEARCH,
        "behind half of n by time, after a commit",
        LOGARITHMIC,
        partial(searching_after_a_commit, _BY_TIME),
        16_384,
        MILLION,
    ),
    Claim(
        _SEARCH,
        "behind half of n by score, after a commit",
        AT_MOST_LINEAR,
        partial(searching_after_a_commit, _BY_SCORE),
        16_384,
        MILLION,
    ),
    Claim(_PAGES, "n pages of 10 by time", LINEAR, lambda n: walking(_BY_TIME.replace(size=10), n, 65_536), 64, 4_096),
    Claim(_PAGES, "40 pages of n buckets by score", CONSTANT, partial(walking, _BY_SCORE, 40), 16_384, MILLION),
    Claim(
        _PAGES,
        "n pages of 10 records by host",
        AT_MOST_LINEAR,
        lambda n: walking(RecordQuery(jobs=JOB, sort="by_field_value", size=10), n, 65_536),
        16,
        1_024,
    ),
    Claim(_CURSOR, "a page of n jobs", AT_MOST_LINEAR, cursor_of_many, 256, 16_384),
    Claim("testing.reference.evaluate_after", "n documents", LOGLINEAR, evaluating_behind, 128, 8_192),
    *(
        Claim(f"testing.living.{name}", "n results", LINEAR, make, 128, 8_192)
        for name, make in (
            ("stored_results", storing),
            ("deleted", naming_deleted),
            ("overtaken", naming_overtaken),
            ("rescored", rescoring_stored),
            ("matching_changes", comparing),
            ("listing", listing_stored),
        )
    ),
)
