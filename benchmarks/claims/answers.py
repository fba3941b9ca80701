"""What pages and the values on them say of its cost."""

from collections.abc import Callable, Mapping
from functools import partial
from operator import attrgetter
from typing import Any, Final

import numpy as np

from benchmarks.claims.claim import CONSTANT, LINEAR, LOGARITHMIC, LOGLINEAR, Claim
from benchmarks.claims.held import anomalies, blamed, buckets, fleet, job_ids, unmustered
from benchmarks.claims.model import plain_bodies, record_document
from benchmarks.claims.stock import MILLION, checked
from benchmarks.timing import Call
from benchmarks.workloads import FIRST_MS, JOB, SPAN_MS
from bucketquery import BucketPage, BucketQuery, InfluencerQuery, RecordQuery, ResultsIndex
from bucketquery.answers.anomalies import (
    expanded_bodies,
    expanded_values,
    influencer_bodies,
    influencer_values,
    record_bodies,
    record_values,
)
from bucketquery.answers.answer import page_of, page_of_jobs, results_of, results_of_jobs
from bucketquery.answers.body import (
    _is_constant,
    bucket_bodies,
    bucket_values,
    each_of,
    kept_documents,
    plain_buckets_json,
    shown,
    with_strings,
)
from bucketquery.columns.view import Selection
from bucketquery.model.queries import settle
from bucketquery.model.schema import Kind
from bucketquery.search.expand import Expansion

#: How many buckets with a record each a page may be of.
_BLAMED: Final = 32_768


def page_with(kind: Kind, size: int) -> Any:
    """A page of so many buckets, records or influencers, all there are."""
    if kind == "bucket":
        return buckets(size).search(BucketQuery(jobs=JOB, size=size))
    return anomalies(kind, size).search((RecordQuery if kind == "record" else InfluencerQuery)(jobs=JOB, size=size))


def expanded_page(size: int) -> BucketPage:
    """A page of so many buckets with a record each, of more, of which nothing is read."""
    return blamed(_BLAMED).search(BucketQuery(jobs=JOB, size=size, expand=True))


def expansion_of(size: int) -> Expansion:
    """The records of that."""
    expansion = expanded_page(size)._expansion
    assert expansion is not None
    return expansion


# Rows as values and bodies


def reading_rows(of: Callable[..., Any], kind: Kind, size: int) -> Call:
    """So many of some kind as values, or as bodies."""
    rows = page_with(kind, size)._rows
    return checked(partial(of, JOB, rows, kept_documents(rows)), lambda found: len(found) == size)


def writing_a_record(size: int) -> Call:
    """One with so many values in each part."""
    index = ResultsIndex()
    index.upsert([record_document(size)], kind="record")
    rows = index.get_records(job_id=JOB)._rows
    write = partial(record_bodies, JOB, rows, kept_documents(rows), human=False)
    return checked(write, lambda bodies: len(bodies[0]["actual"]) == size)


def reading_expanded(of: Callable[..., Any], size: int) -> Call:
    """The records of so many buckets, once they have been found."""
    return checked(partial(of, JOB, expansion_of(size)), lambda found: list(map(len, found)) == [1] * size)


def showing(size: int) -> Call:
    """The scores of so many."""
    rows = page_with("bucket", size)._rows
    return checked(partial(shown, rows, "anomaly_score"), lambda scores: len(scores) == size and scores.max() > 75)


def keeping(rows: int, size: int) -> Call:
    """What is only shown of so many buckets, anywhere among so many."""
    view = blamed(size).search(BucketQuery(jobs=JOB))._rows.view
    some = Selection(view, np.random.default_rng(rows).permutation(size)[:rows])
    return checked(partial(kept_documents, some), lambda kept: list(map(len, kept["bucket_influencers"])) == [1] * rows)


def naming_jobs(size: int) -> Call:
    """Those of so many rows."""
    jobs = tuple(job_ids(size))
    return checked(partial(each_of, jobs), lambda found: found is jobs)


def writing_json(size: int) -> Call:
    """So many buckets with nothing nested."""
    rows = page_with("bucket", size)._rows
    write = partial(plain_buckets_json, JOB, rows, kept_documents(rows))
    return checked(write, lambda found: found is not None and found.count(b"timestamp") == size)


def adding_strings(size: int) -> Call:
    """To so many bodies."""
    bodies = plain_bodies(size)
    add = partial(with_strings, bodies, ["1970-01-01T00:00:00.000Z"] * size)
    return checked(add, lambda found: len(found) == size and len(found[0]) == len(bodies[0]) + 1)


def comparing(size: int) -> Call:
    """So many values, all alike."""
    return checked(partial(_is_constant, np.full(size, 300)), bool)


# Answers


def answering(page: int, size: int, *, expand: bool = False) -> Call:
    """A page of so many of so many buckets, maybe with a record each."""
    snapshot, query = blamed(size).snapshot(), BucketQuery(jobs=JOB, size=page, expand=expand)
    question = settle(query, lambda: FIRST_MS)
    job = snapshot._catalog.known(JOB, "job_id")
    ask = partial(page_of, job, query, question, snapshot.sequence, has_documents=True)
    return checked(ask, lambda found: (len(found), found.count) == (page, size))


def answering_of_jobs(size: int) -> Call:
    """The newest page of so many jobs with a bucket each."""
    snapshot, query = unmustered(fleet(size)), BucketQuery(jobs=job_ids(size), desc=True)
    question = settle(query, lambda: FIRST_MS)
    ask = partial(page_of_jobs, snapshot._catalog, query, question, snapshot.sequence, has_documents=True)
    return checked(ask, lambda page: (len(page), page.count) == (100, size))


def scanning(size: int) -> Call:
    """So many buckets."""
    query, job = BucketQuery(jobs=JOB), buckets(size).snapshot()._catalog.known(JOB, "job_id")
    question = settle(query, lambda: FIRST_MS)
    return checked(lambda: list(results_of(job, query, question)), lambda found: len(found) == size)


def scanning_jobs(size: int) -> Call:
    """So many jobs with a bucket each."""
    query, catalog = BucketQuery(jobs=job_ids(size)), fleet(size).snapshot()._catalog
    question = settle(query, lambda: FIRST_MS)
    return checked(lambda: list(results_of_jobs(catalog, query, question)), lambda found: len(found) == size)


# Pages


def reading_a_property(name: str, right: Callable[[int], int], size: int) -> Call:
    """Of a page of so many."""
    return checked(partial(attrgetter(name), page_with("bucket", size)), right(size).__eq__)


def explaining(size: int) -> Call:
    """A page of so many."""
    return checked(page_with("bucket", size).explain, lambda told: told["rows_matched"] == size)


def reading_one(size: int) -> Call:
    """The one in the middle of a page."""
    page = page_with("bucket", size)
    timestamp = page.column("timestamp").item(size // 2)
    return checked(lambda: page[size // 2], lambda bucket: bucket.timestamp == timestamp)


def reading_all(size: int) -> Call:
    """All of a page but the first."""
    page = page_with("bucket", size)
    return checked(lambda: page[1:], lambda found: len(found) == size - 1)


def reading_a_column(kind: Kind, name: str, size: int) -> Call:
    """Of a page."""
    read = partial(page_with(kind, size).column, name)
    return checked(read, lambda found: len(found) == size and found[0] is not found[-1])


def reading_keys(kind: Kind, size: int) -> Call:
    """Those of a page."""
    return checked(page_with(kind, size).keys, lambda keys: len(set(keys)) == size and keys[0][0] == JOB)


def writing_a_page(method: str, kind: Kind, size: int) -> Call:
    """As a body, or as JSON."""
    return checked(getattr(page_with(kind, size), method), lambda found: str(found).count("is_interim") == size)


def writing_expanded(method: str, size: int, *, is_first: bool) -> Call:
    """A page of so many buckets with a record each, for the first time or again."""
    page, query = expanded_page(size), BucketQuery(jobs=JOB, size=size, expand=True)
    checked(getattr(page, method), lambda found: str(found).count("record_score") == 2 * size)
    write: Callable[[Any], object] = getattr(BucketPage, method)
    return (lambda: write(blamed(_BLAMED).search(query))) if is_first else partial(write, page)


def writing_with_documents(size: int) -> Call:
    """A page of so many, with what is only shown from whoever keeps it."""
    documents: list[Mapping[str, Any]] = [
        {"job_id": JOB, "timestamp": FIRST_MS + row * SPAN_MS, "bucket_span": 300, "event_count": row}
        for row in range(size)
    ]
    index = ResultsIndex(max_size=size, keep_documents=False)
    index.upsert(documents, kind="bucket")
    page = index.search(BucketQuery(jobs=JOB, size=size))
    write = partial(page.to_dict, documents=documents)
    return checked(write, lambda body: body["buckets"][-1]["event_count"] == size - 1)


_PAGE: Final = "answers.page.Page"
_KINDS: Final[tuple[Kind, ...]] = ("bucket", "record", "influencer")
_READERS: Final[tuple[tuple[str, Callable[..., Any], Kind], ...]] = (
    ("body.bucket_values", bucket_values, "bucket"),
    ("body.bucket_bodies", partial(bucket_bodies, human=False), "bucket"),
    ("anomalies.record_values", record_values, "record"),
    ("anomalies.record_bodies", partial(record_bodies, human=True), "record"),
    ("anomalies.influencer_values", influencer_values, "influencer"),
    ("anomalies.influencer_bodies", partial(influencer_bodies, human=False), "influencer"),
)
_EXPANDED: Final[tuple[tuple[str, Callable[..., Any]], ...]] = (
    ("anomalies.expanded_values", expanded_values),
    ("anomalies.expanded_bodies", partial(expanded_bodies, human=False)),
)

CLAIMS: Final = (
    *(
        Claim(f"answers.{of}", f"n {kind}s", LINEAR, partial(reading_rows, read, kind), 256, 8_192)
        for of, read, kind in _READERS
    ),
    Claim("answers.anomalies.record_bodies", "n values in each part of a record", LINEAR, writing_a_record, 32, 1_024),
    *(
        Claim(f"answers.{of}", "n records", LINEAR, partial(reading_expanded, read), 256, 8_192)
        for of, read in _EXPANDED
    ),
    Claim("answers.body.shown", "n scores", LINEAR, showing, 16_384, MILLION),
    Claim("answers.body.kept_documents", "n rows of 32,768", LINEAR, lambda rows: keeping(rows, _BLAMED), 128, 4_096),
    Claim("answers.body.kept_documents", "a hundred rows of n", LOGARITHMIC, partial(keeping, 100), 1_024, _BLAMED),
    Claim("answers.body.each_of", "n jobs", CONSTANT, naming_jobs),
    Claim("answers.body.plain_buckets_json", "n buckets", LINEAR, writing_json, 256, 8_192),
    Claim("answers.body.with_strings", "n bodies", LINEAR, adding_strings, 256, 8_192),
    Claim("answers.body._is_constant", "n values", LINEAR, comparing, 4_096, 131_072),
    Claim("answers.answer.page_of", "a page of n buckets", LOGARITHMIC, partial(answering, 100), 1_024, _BLAMED),
    Claim(
        "answers.answer.page_of",
        "n buckets with their records",
        LINEAR,
        lambda size: answering(size, _BLAMED, expand=True),
        1_024,
        _BLAMED,
    ),
    Claim("answers.answer.results_of", "n buckets", LINEAR, scanning, 512, 32_768),
    Claim("answers.answer.page_of_jobs", "a page of n jobs", LOGARITHMIC, answering_of_jobs, 256, 16_384),
    Claim("answers.answer.results_of_jobs", "n jobs with a bucket each", LINEAR, scanning_jobs, 256, 8_192),
    Claim(f"{_PAGE}.count", "n buckets", CONSTANT, partial(reading_a_property, "count", lambda size: size)),
    Claim(f"{_PAGE}.sequence", "n buckets", CONSTANT, partial(reading_a_property, "sequence", lambda _: 1)),
    Claim(f"{_PAGE}.explain", "n buckets", CONSTANT, explaining),
    Claim(f"{_PAGE}.__getitem__", "one of n buckets", LINEAR, reading_one, 16_384, MILLION),
    Claim(f"{_PAGE}.__getitem__", "n buckets", LINEAR, reading_all, 512, 32_768),
    Claim(f"{_PAGE}.column", "n timestamps", LINEAR, partial(reading_a_column, "bucket", "timestamp"), 16_384, MILLION),
    Claim(f"{_PAGE}.column", "n texts", LINEAR, partial(reading_a_column, "record", "by_field_value")),
    *(Claim(f"{_PAGE}.keys", f"n {kind}s", LINEAR, partial(reading_keys, kind), 512, 32_768) for kind in _KINDS),
    *(
        Claim(f"{_PAGE}.{method}", f"n {kind}s", LINEAR, partial(writing_a_page, method, kind), 256, 8_192)
        for method in ("to_dict", "to_json")
        for kind in _KINDS
    ),
    *(
        Claim(f"{_PAGE}.{method}", work, growth, partial(writing_expanded, method, is_first=is_first), 256, 8_192)
        for method in ("to_dict", "to_json")
        for work, growth, is_first in (
            ("n expanded records", LOGLINEAR, True),
            ("n expanded records again", LINEAR, False),
        )
    ),
    Claim(f"{_PAGE}.to_dict", "n buckets with documents of a host", LINEAR, writing_with_documents, 256, 8_192),
)
"""Those of values and bodies, of answers, and of pages."""
