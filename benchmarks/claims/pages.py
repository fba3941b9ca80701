"""The claims of pages."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from benchmarks.claims.claim import AT_MOST_LINEAR, LINEAR, LOGLINEAR, Claim
from benchmarks.claims.inputs import MILLION, bucket_index, checked, index_with_records, page_with
from benchmarks.timing import Call
from benchmarks.workloads import FIRST_MS, JOB, SPAN_MS
from bucketquery import BucketPage, BucketQuery, ResultsIndex
from bucketquery.model.schema import Kind

#: The number of buckets in the index with a record each.
_EXPANDED: Final = 32_768


def reading_one(size: int) -> Call:
    """Read the result in the middle of a page."""
    page = page_with("bucket", size)
    timestamp = page.column("timestamp").item(size // 2)
    return checked(lambda: page[size // 2], lambda bucket: bucket.timestamp == timestamp)


def reading_all(size: int) -> Call:
    """Read all results of a page except the first."""
    page = page_with("bucket", size)
    return checked(lambda: page[1:], lambda found: len(found) == size - 1)


def reading_a_column(kind: Kind, name: str, size: int) -> Call:
    """Read one column of a page."""
    read = partial(page_with(kind, size).column, name)
    return checked(read, lambda found: len(found) == size and found[0] is not found[-1])


def reading_keys(kind: Kind, size: int) -> Call:
    """Read the identities of a page."""
    return checked(page_with(kind, size).keys, lambda keys: len(set(keys)) == size and keys[0][0] == JOB)


def writing_a_page(method: str, kind: Kind, size: int) -> Call:
    """Write a page as a body, or as JSON."""
    return checked(getattr(page_with(kind, size), method), lambda found: str(found).count("is_interim") == size)


def writing_expanded(method: str, size: int, *, is_first: bool) -> Call:
    """Write a page of buckets with a record each: a new page at each call if ``is_first``, else the same one."""
    query = BucketQuery(jobs=JOB, size=size, expand=True)
    page = index_with_records(_EXPANDED).search(query)
    checked(getattr(page, method), lambda found: str(found).count("record_score") == 2 * size)
    write: Callable[[Any], object] = getattr(BucketPage, method)
    return (lambda: write(index_with_records(_EXPANDED).search(query))) if is_first else partial(write, page)


def writing_with_documents(size: int) -> Call:
    """Write a page from documents that a service keeps itself."""
    documents: list[Mapping[str, Any]] = [
        {"job_id": JOB, "timestamp": FIRST_MS + row * SPAN_MS, "bucket_span": 300, "event_count": row}
        for row in range(size)
    ]
    index = ResultsIndex(max_size=size, keep_documents=False)
    index.upsert(documents, kind="bucket")
    page = index.search(BucketQuery(jobs=JOB, size=size))
    write = partial(page.to_dict, documents=documents)
    return checked(write, lambda body: body["buckets"][-1]["event_count"] == size - 1)


def reading_the_cursor(size: int) -> Call:
    """Read the cursor of a page."""
    index = bucket_index(2 * size)
    page = index.search(BucketQuery(jobs=JOB, size=size))
    return checked(lambda: page.cursor, lambda cursor: isinstance(cursor, str))


_KINDS: Final[tuple[Kind, ...]] = ("bucket", "record", "influencer")
_GET_ITEM: Final = "answers.page.Page.__getitem__"
_COLUMN: Final = "answers.page.Page.column"
_KEYS: Final = "answers.page.Page.keys"
_TO_DICT: Final = "answers.page.Page.to_dict"
_TO_JSON: Final = "answers.page.Page.to_json"

CLAIMS: Final = (
    Claim("answers.page.Page.cursor", "a page of n buckets", AT_MOST_LINEAR, reading_the_cursor, 256, 8_192),
    Claim(_GET_ITEM, "one of n buckets", LINEAR, reading_one, 16_384, MILLION),
    Claim(_GET_ITEM, "n buckets", LINEAR, reading_all, 512, 32_768),
    Claim(_COLUMN, "n timestamps", LINEAR, partial(reading_a_column, "bucket", "timestamp"), 16_384, MILLION),
    Claim(_COLUMN, "n texts", LINEAR, partial(reading_a_column, "record", "by_field_value")),
    *(Claim(_KEYS, f"n {kind}s", LINEAR, partial(reading_keys, kind), 512, 32_768) for kind in _KINDS),
    *(
        Claim(of, f"n {kind}s", LINEAR, partial(writing_a_page, method, kind), 256, 8_192)
        for of, method in ((_TO_DICT, "to_dict"), (_TO_JSON, "to_json"))
        for kind in _KINDS
    ),
    *(
        Claim(of, work, growth, partial(writing_expanded, method, is_first=is_first), 256, 8_192)
        for of, method in ((_TO_DICT, "to_dict"), (_TO_JSON, "to_json"))
        for work, growth, is_first in (
            ("n expanded records", LOGLINEAR, True),
            ("n expanded records again", LINEAR, False),
        )
    ),
    Claim(_TO_DICT, "n buckets with documents of a host", LINEAR, writing_with_documents, 256, 8_192),
)
