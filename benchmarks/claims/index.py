"""The claims of the index and its snapshots."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, cycle
from typing import Any, Final

from benchmarks.claims.claim import AT_MOST_LINEAR, CONSTANT, LINEAR, LOGARITHMIC, LOGLINEAR, Claim
from benchmarks.claims.inputs import (
    MANY,
    MILLION,
    anomaly_index,
    bucket_index,
    checked,
    columns,
    copy_of,
    fragmented_index,
    index_with_records,
    job_ids,
    many_jobs_index,
    without_combined_tables,
    without_value_indexes,
)
from benchmarks.timing import Call, WrongAnswer
from benchmarks.workloads import (
    FIRST_MS,
    JOB,
    SPAN_MS,
    SPAN_S,
    Columns,
    Document,
    bucket_columns,
    bucket_documents,
    index_of_columns,
    late_buckets,
    next_buckets,
    shuffled,
)
from bucketquery import BucketQuery, ResultsIndex
from bucketquery.jobs.catalog import Catalog
from bucketquery.model.schema import Kind
from bucketquery.queries.queries import AnyQuery

#: Late buckets that fill the head, so that the index compacts it.
_LATE: Final = 1_200

#: The number of results of a job that is too large to be joined with others.
_LARGE: Final = 3_000


# Writes


def appending_a_bucket(size: int) -> Call:
    """Append one bucket, the next one at each call."""
    given = bucket_columns(size, interim=0)
    index, coming, number = index_of_columns(given), next_buckets(given, interim=0), count(size + 1)

    def append() -> None:
        index.upsert([next(coming)])

    append()
    assert index.get_buckets(job_id=JOB, size=0).count == next(number)
    return append


def loading_documents(size: int) -> Call:
    """Load documents that come in order."""
    documents = bucket_documents(columns(size))
    return checked(lambda: ResultsIndex().upsert(documents), lambda commit: commit.inserted == size)


def writing_late_buckets(late: int, size: int) -> Call:
    """Write ``late`` late buckets to an index of ``size`` buckets."""
    original, documents = bucket_index(size), late_buckets(columns(size), late)
    return checked(lambda: copy_of(original).upsert(documents), lambda commit: commit.inserted == late)


def versions(size: int) -> Iterator[Document]:
    """The two versions of a late bucket in turn, without end."""
    (late,) = late_buckets(columns(size), 1)
    return cycle([late, {**late, "anomaly_score": 99.5}])


def replacing_a_bucket(size: int) -> Call:
    """Replace a late bucket with its other version."""
    index, coming = copy_of(bucket_index(size)), versions(size)
    index.upsert([next(coming)])
    return checked(lambda: index.upsert([next(coming)]), lambda commit: commit.replaced == 1)


def appending_new_entities(size: int) -> Call:
    """Append a record of a new entity."""
    # The first load leaves no spare room, so the appended record goes into new arrays.
    index, coming = copy_of(anomaly_index("record", size)), count()
    last = int(columns(size)["timestamp"][-1])

    def append() -> object:
        at = next(coming)
        document = {"timestamp": last + (at + 1) * SPAN_MS, "by_field_value": f"new-{at}", "record_score": 5.0}
        return index.upsert([{"job_id": JOB, "bucket_span": SPAN_S, **document}], kind="record")

    return checked(append, lambda _: index.stats()["rows"]["record"] == size + 1)


def loading_columns(given: Columns) -> Call:
    """Load columns into an empty index."""
    size = len(given["timestamp"])
    return checked(lambda: ResultsIndex().upsert_columns(given, job_id=JOB), lambda commit: commit.inserted == size)


def appending_columns(size: int) -> Call:
    """Append twenty buckets, the next ones at each call."""
    given = columns(size)
    index, coming, length = index_of_columns(given), count(1), int(given["timestamp"][-1]) - FIRST_MS + SPAN_MS
    first = {name: column[:20] for name, column in given.items()}
    step = int(first["timestamp"][-1]) - FIRST_MS + SPAN_MS

    def append() -> Any:
        timestamps = first["timestamp"] + length + next(coming) * step
        return index.upsert_columns({**first, "timestamp": timestamps}, job_id=JOB)

    return checked(append, lambda commit: commit.inserted == 20)


def renormalizing(scores: int, size: int) -> Call:
    """Renormalise ``scores`` of ``size`` scores."""
    original, given = without_value_indexes(bucket_index(size)), columns(size)
    some = slice(0, size, size // scores)
    rescored = {
        **{name: given[name][some] for name in ("timestamp", "bucket_span")},
        "anomaly_score": given["anomaly_score"][some] + 0.5,
    }
    number = len(rescored["timestamp"])
    return checked(
        lambda: copy_of(original).renormalize(JOB, buckets=rescored), lambda commit: commit.replaced == number >= scores
    )


def putting_a_job(original: ResultsIndex, job_id: str) -> Call:
    """Put a job with a bucket span; the index may know the job already."""
    return checked(lambda: copy_of(original).put_job(job_id, bucket_span=SPAN_S), lambda commit: commit.sequence > 1)


def deleting_a_job(original: ResultsIndex, job_id: str, size: int) -> Call:
    """Delete a job with its results."""
    return checked(lambda: copy_of(original).delete_job(job_id), lambda commit: commit.deleted == size)


def deleting(first: int, results: int, size: int) -> Call:
    """Delete some consecutive buckets of a job, from the first on or in its middle, and compact if that pays."""
    start, end = (FIRST_MS + row * SPAN_MS for row in (first, first + results))
    original = without_value_indexes(bucket_index(size))
    return checked(
        lambda: copy_of(original).delete(JOB, start=start, end=end), lambda commit: commit.deleted == results
    )


# Reads


def taking_a_snapshot(size: int) -> Call:
    """Take a snapshot."""
    index = index_of_columns(bucket_columns(size))
    assert index.snapshot().stats()["rows"]["bucket"] == size
    return index.snapshot


def checking(of: Callable[[ResultsIndex], Any], size: int) -> Call:
    """Check every invariant of an index or of a snapshot."""
    return checked(of(without_value_indexes(bucket_index(size))).check, lambda nothing: nothing is None)


def listing_new_jobs(size: int) -> Call:
    """Put a new job, then list all jobs."""
    original = many_jobs_index(size)

    def change_and_list() -> Any:
        index = copy_of(original)
        index.put_job("a-new-job")
        return index.jobs()

    return checked(change_and_list, lambda jobs: jobs == ("a-new-job", *sorted(job_ids(size))))


def asking(ask: Callable[..., Any], matched: Callable[[int], object], *, is_read: bool = False, **given: Any) -> Call:
    """Ask for a full page with the right count. Read the page if ``is_read``."""
    call = partial(ask, job_id=JOB, **given)
    checked(call, lambda page: matched(page.count) and len(page.keys()) == given.get("size", 100))
    return (lambda: list(call())) if is_read else call


def newest(size: int, page: int = 100, *, is_read: bool = False) -> Call:
    """Ask for the newest page."""
    return asking(bucket_index(size).get_buckets, size.__eq__, is_read=is_read, desc=True, size=page)


def newest_after(late: int, size: int) -> Call:
    """Write a late bucket to a fragmented index, then ask for the newest page."""
    original, coming = copy_of(fragmented_index(size, late)), versions(size)

    def write_and_read() -> Any:
        index = copy_of(original)
        index.upsert([next(coming)])
        return index.get_buckets(job_id=JOB, desc=True).keys()

    return checked(write_and_read, lambda keys: len(keys) == 100 and keys[0] > keys[99])


def making_a_value_index(size: int) -> Call:
    """Ask for the first page with a threshold, which makes a value index."""
    original = bucket_index(size)
    return checked(
        lambda: without_value_indexes(original).get_buckets(job_id=JOB, anomaly_score=75.0),
        lambda page: page.explain()["levels"],
    )


def counting_at_thresholds(size: int, number: int = 100) -> Call:
    """Count all buckets but the first and the last at some thresholds."""
    given = columns(size)
    scores, (first, *_, last) = given["anomaly_score"], given["timestamp"].tolist()
    query = BucketQuery(jobs=JOB, start=first + 1, end=last)
    thresholds = [1 + 99 * step / number for step in range(number)]
    right = [int((scores[1:-1] >= threshold).sum()) for threshold in thresholds]
    return checked(
        partial(bucket_index(size).threshold_counts, query, thresholds), lambda found: found.tolist() == right
    )


def counting_at_many(number: int) -> Call:
    """Count 16,384 buckets at ``number`` thresholds."""
    return counting_at_thresholds(16_384, number)


def counting_severities(size: int) -> Call:
    """Count the buckets of each severity."""
    index, query = bucket_index(size), BucketQuery(jobs=JOB)
    return checked(partial(index.severity_counts, query), lambda found: sum(found.values()) == size)


def expanding(page: int, size: int, *, is_read: bool = False) -> Call:
    """Ask for a page of buckets with a record each. Read the page if ``is_read``."""
    call = asking(index_with_records(size).get_buckets, size.__eq__, is_read=is_read, size=page, expand=True)
    assert (
        sum(len(bucket.records) for bucket in index_with_records(size).get_buckets(job_id=JOB, size=page, expand=True))
        == page
    )
    return call


def expanding_and_reading(size: int) -> Call:
    """Ask for ``size`` of 32,768 buckets with a record each, and read them."""
    return expanding(size, 32_768, is_read=True)


def anomalies_asked(kind: Kind, size: int, *, page: int = 10, at_least: float = 0.0, **given: Any) -> Call:
    """Ask for a page of records or influencers."""
    index = anomaly_index(kind, size)
    get: Callable[..., Any] = index.get_records if kind == "record" else index.get_influencers
    threshold: dict[str, Any] = {f"{kind}_score": at_least}
    return asking(get, size.__ge__, size=page, **threshold, **given)


def searching(index: ResultsIndex, query: AnyQuery, matched: int, *, is_first: bool = False) -> Call:
    """Search by a prepared query. If ``is_first``, each call starts without combined tables."""
    search = partial(without_combined_tables(index).search, query)
    checked(search, lambda page: page.count == matched and len(page.keys()) == query.size)
    return (lambda: without_combined_tables(index).search(query)) if is_first else search


def of_many_jobs(size: int, each: int = 1, *, is_first: bool = False) -> Call:
    """Search many jobs for the ten highest scores."""
    query = BucketQuery(jobs=job_ids(size), sort="anomaly_score", desc=True, size=10)
    return searching(many_jobs_index(size, each), query, size * each, is_first=is_first)


def searching_newest(size: int) -> Call:
    """Search for the newest page."""
    return searching(bucket_index(size), BucketQuery(jobs=JOB, desc=True), size)


def searching_behind(size: int, **given: Any) -> Call:
    """Search behind the middle of all buckets, again and again."""
    index, query = bucket_index(size), BucketQuery(jobs=JOB, size=10, **given)
    cursor = index.search(query.replace(from_=size // 2)).cursor
    return checked(lambda: index.search(query, after=cursor), lambda page: page.count == size and len(page) == 10)


def walking(size: int) -> Call:
    """Walk over the pages of all buckets."""
    pages = partial(bucket_index(size).pages, BucketQuery(jobs=JOB))
    return checked(lambda: [page.keys() for page in pages()], lambda found: sum(map(len, found)) == size)


def scanning(size: int, **given: Any) -> Call:
    """Scan every match. Without a threshold every bucket matches."""
    query = BucketQuery(jobs=JOB, **given)
    matched = bucket_index(size).search(query.replace(size=0)).count
    assert (matched == size) is ("anomaly_score" not in given)
    return checked(lambda: list(bucket_index(size).scan(query)), lambda found: len(found) == matched)


def naming_matches(size: int) -> Call:
    """Name every match for Arrow, without reading one."""
    return checked(
        lambda: bucket_index(size).arrow(BucketQuery(jobs=JOB)), lambda found: repr(found).startswith("<ArrowMatches")
    )


def reading_batches(size: int) -> Call:
    """Make every batch for Arrow, and a stream of each."""
    matches = bucket_index(size).arrow(BucketQuery(jobs=JOB))
    if sum(map(len, matches.batches())) != size:
        raise WrongAnswer("the batches have other rows")
    return lambda: [batch.__arrow_c_stream__() for batch in matches.batches()]


def anomalies_claimed(of: str, kind: Kind, text: str) -> tuple[Claim, ...]:
    """The claims of the pages of records or influencers."""
    ask = partial(anomalies_asked, kind)
    with_threshold, by_text = partial(ask, at_least=1.0), partial(ask, sort=text, start=FIRST_MS + SPAN_MS)
    return (
        Claim(of, "a threshold, n results", CONSTANT, with_threshold, 4_096, MANY),
        Claim(
            of,
            "a threshold in order of time, n results",
            CONSTANT,
            partial(with_threshold, sort="timestamp"),
            4_096,
            MANY,
        ),
        Claim(of, "by a text, n results", LINEAR, by_text, 4_096, MANY),
        Claim(of, "the highest n of 131,072", LOGLINEAR, lambda size: ask(MANY, page=size), 512, 32_768),
    )


def loading_sorted(size: int) -> Call:
    """Load columns that come in order."""
    return loading_columns(columns(size))


def loading_shuffled(size: int) -> Call:
    """Load columns in random order."""
    return loading_columns(shuffled(columns(size)))


def asking_by_threshold(size: int) -> Call:
    """Ask for ten critical buckets."""
    return asking(bucket_index(size).get_buckets, (size // 2).__gt__, size=10, anomaly_score=75.0)


def asking_by_score(size: int) -> Call:
    """Ask an index of 131,072 buckets for a page by score, after the ``size`` highest."""
    return asking(bucket_index(MANY).get_buckets, MANY.__eq__, sort="anomaly_score", desc=True, from_=size)


def asking_by_scheduled_events(size: int) -> Call:
    """Ask for a page of all buckets but the first, by scheduled events."""
    return asking(bucket_index(size).get_buckets, (size - 1).__eq__, sort="scheduled_events", start=FIRST_MS + SPAN_MS)


def counting_rows(index: ResultsIndex, least: int, *job_id: str) -> Call:
    """Ask for the statistics of all jobs, or of one."""
    return checked(partial(index.stats, *job_id), lambda stats: stats["rows"]["bucket"] >= least)


def selecting_jobs(pattern: str, jobs: int) -> Call:
    """Select jobs by a pattern that each call makes, so that no selection is remembered; it matches none."""
    index, numbers = many_jobs_index(jobs), count()
    return checked(lambda: index.jobs(pattern.format(next(numbers))), lambda found: not found)


def counting_rows_at_first(jobs: int) -> Call:
    """Count all rows in a commit that each call makes, so that no sum is cached."""
    held = many_jobs_index(jobs).snapshot()
    known = {job.job_id: job for job in held._catalog}
    return checked(
        lambda: held._next(Catalog().with_jobs(known), now=0).stats(), lambda stats: stats["rows"]["bucket"] == jobs
    )


_PUT: Final = "index.ResultsIndex.put_job"
_DELETE: Final = "index.ResultsIndex.delete_job"
_DELETE_RESULTS: Final = "index.ResultsIndex.delete"
_UPSERT: Final = "index.ResultsIndex.upsert"
_COLUMNS: Final = "index.ResultsIndex.upsert_columns"
_RESCORE: Final = "index.ResultsIndex.renormalize"
_JOBS: Final = "reads.Reads.jobs"
_STATS: Final = "reads.Reads.stats"
_PAGE: Final = "client_reads.ClientReads.get_buckets"
_SEARCH: Final = "reads.Reads.search"
_PAGES: Final = "reads.Reads.pages"
_SCAN: Final = "reads.Reads.scan"
_THRESHOLDS: Final = "count_reads.CountReads.threshold_counts"
_SEVERITIES: Final = "count_reads.CountReads.severity_counts"

CLAIMS: Final = (
    Claim(_PUT, "of n results", CONSTANT, lambda size: putting_a_job(bucket_index(size), JOB)),
    Claim(_PUT, "a new one of n", CONSTANT, lambda size: putting_a_job(many_jobs_index(size), "new")),
    # The log keeps the deleted results as changes, mostly as views.
    Claim(_DELETE, "of n results", AT_MOST_LINEAR, lambda size: deleting_a_job(bucket_index(size), JOB, size)),
    Claim(_DELETE, "one of n", CONSTANT, lambda size: deleting_a_job(many_jobs_index(size), "job-7", 1)),
    Claim(_DELETE_RESULTS, "the first hundred of n results", LOGARITHMIC, partial(deleting, 0, 100)),
    Claim(_DELETE_RESULTS, "the last hundred of n results", LOGARITHMIC, lambda n: deleting(n - 100, 100, n)),
    Claim(_DELETE_RESULTS, "2,000 of n in the middle", LINEAR, partial(deleting, 5_000, 2_000), 32_768, MILLION),
    Claim(_UPSERT, "one bucket in order behind n", CONSTANT, appending_a_bucket),
    Claim(_UPSERT, "n documents in order", LINEAR, loading_documents, 512, 32_768),
    Claim(_UPSERT, "a late bucket in place of another, of n", LOGARITHMIC, replacing_a_bucket),
    Claim(_UPSERT, "n late buckets to 65,536", LINEAR, lambda late: writing_late_buckets(late, 65_536), 16, 1_024),
    Claim(_UPSERT, "1,200 late buckets to n", LINEAR, partial(writing_late_buckets, _LATE), 16_384, MILLION),
    Claim(_UPSERT, "a record of a new entity behind n", AT_MOST_LINEAR, appending_new_entities, 2_048, 32_768),
    Claim(_COLUMNS, "n buckets in order", LINEAR, loading_sorted, 4_096, MANY),
    Claim(_COLUMNS, "n buckets in any order", LOGLINEAR, loading_shuffled, 2_048, MANY),
    Claim(_COLUMNS, "twenty buckets in order behind n", CONSTANT, appending_columns, 65_536, MILLION),
    Claim(_RESCORE, "one score of n", LOGARITHMIC, partial(renormalizing, 1)),
    Claim(_RESCORE, "a thousand scores of n", LINEAR, partial(renormalizing, 1_000), 32_768, MILLION),
    Claim(_RESCORE, "n scores of 65,536", LINEAR, lambda scores: renormalizing(scores, 65_536)),
    Claim("index.ResultsIndex.snapshot", "of n buckets", CONSTANT, taking_a_snapshot),
    Claim(
        "index.ResultsIndex.check",
        "of n buckets",
        AT_MOST_LINEAR,
        partial(checking, lambda index: index),
        32_768,
        MILLION,
    ),
    Claim(
        "snapshot.Snapshot.check",
        "of n buckets",
        AT_MOST_LINEAR,
        partial(checking, ResultsIndex.snapshot),
        32_768,
        MILLION,
    ),
    Claim(_JOBS, "n after a new one", LOGLINEAR, listing_new_jobs),
    Claim(_JOBS, "n again", CONSTANT, lambda size: checked(many_jobs_index(size).jobs, lambda jobs: len(jobs) == size)),
    Claim(_JOBS, "a prefix of n", LOGARITHMIC, partial(selecting_jobs, "job-x{}*")),
    Claim(_JOBS, "another pattern of n", LINEAR, partial(selecting_jobs, "*-*{}x*"), 4_096, 65_536),
    Claim(_JOBS, "one of n", CONSTANT, lambda n: checked(partial(many_jobs_index(n).jobs, "job-7"), ("job-7",).__eq__)),
    Claim(_STATS, "of n jobs, the first time", LINEAR, counting_rows_at_first),
    Claim(_STATS, "of n jobs, again", CONSTANT, lambda size: counting_rows(many_jobs_index(size), size)),
    Claim(_STATS, "of one job with n buckets", CONSTANT, lambda size: counting_rows(bucket_index(size), size, JOB)),
    # A head of this index holds at most 1,024 rows, so n ends at 1,000. The time grows too little to be seen.
    Claim(
        _STATS,
        "n of 65,536 late",
        AT_MOST_LINEAR,
        lambda n: counting_rows(fragmented_index(65_536, n), n, JOB),
        16,
        1_000,
    ),
    Claim(_PAGE, "the newest page of n", LOGARITHMIC, newest),
    Claim(_PAGE, "a page of n", CONSTANT, lambda size: newest(65_536, size)),
    Claim(_PAGE, "a page of n, read", LINEAR, lambda size: newest(65_536, size, is_read=True), 512, 32_768),
    Claim(_PAGE, "after a commit, 1,000 of n late", LOGARITHMIC, partial(newest_after, 1_000), 4_096, 262_144),
    # A head of this index holds at most 1,024 rows too.
    Claim(_PAGE, "after a commit, n of 65,536 late", AT_MOST_LINEAR, lambda n: newest_after(n, 65_536), 16, 1_000),
    Claim(_PAGE, "a threshold, n buckets", CONSTANT, asking_by_threshold, 16_384, MILLION),
    Claim(_PAGE, "by score, behind n", LINEAR, asking_by_score, 256, 16_384),
    Claim(_PAGE, "a threshold for the first time, n buckets", LINEAR, making_a_value_index, 16_384, MILLION),
    Claim(_PAGE, "by scheduled events, n buckets", LINEAR, asking_by_scheduled_events),
    Claim(_PAGE, "a page with its records, n buckets", LOGARITHMIC, partial(expanding, 100), 1_024, 32_768),
    Claim(_PAGE, "n buckets with their records", LINEAR, lambda size: expanding(size, 32_768), 1_024, 32_768),
    Claim(_PAGE, "n buckets with their records, read", LOGLINEAR, expanding_and_reading, 256, 8_192),
    *anomalies_claimed("client_reads.ClientReads.get_records", "record", "by_field_value"),
    *anomalies_claimed("client_reads.ClientReads.get_influencers", "influencer", "influencer_field_value"),
    Claim(_SEARCH, "the newest page of n buckets", LOGARITHMIC, searching_newest),
    Claim(_SEARCH, "the highest ten of n jobs", LOGARITHMIC, of_many_jobs, 256, 16_384),
    Claim(
        _SEARCH, "the highest ten of n jobs, asked first", LOGLINEAR, partial(of_many_jobs, is_first=True), 256, 16_384
    ),
    Claim(_SEARCH, "the highest ten of n large jobs, one by one", LINEAR, partial(of_many_jobs, each=_LARGE), 2, 15),
    Claim(_SEARCH, "behind a cursor by time, n buckets", LOGARITHMIC, searching_behind),
    Claim(
        _SEARCH,
        "behind a cursor by score, read ahead, n buckets",
        CONSTANT,
        partial(searching_behind, sort="anomaly_score", desc=True),
        16_384,
        MILLION,
    ),
    Claim(_THRESHOLDS, "100 thresholds, n buckets", AT_MOST_LINEAR, counting_at_thresholds, 1_024, 65_536),
    Claim(_THRESHOLDS, "n thresholds", AT_MOST_LINEAR, counting_at_many, 128, 8_192),
    Claim(_SEVERITIES, "n buckets", AT_MOST_LINEAR, counting_severities, 16_384, MILLION),
    Claim(_PAGES, "the pages of n buckets by time", LINEAR, walking, 512, 32_768),
    Claim("reads.Reads.arrow", "n matches", CONSTANT, naming_matches),
    Claim("answers.arrow_matches.ArrowMatches.batches", "n matches", LINEAR, reading_batches, 16_384, MILLION),
    Claim(_SCAN, "n matches in order of time", LINEAR, scanning, 512, 32_768),
    Claim(_SCAN, "a threshold, n buckets", AT_MOST_LINEAR, partial(scanning, anomaly_score=75.0), 16_384, MILLION),
    Claim(_SCAN, "n matches in another order", LOGLINEAR, partial(scanning, sort="event_count"), 512, 32_768),
)
