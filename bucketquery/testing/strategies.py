"""Hypothesis strategies: documents with many ties and repeated identities, and queries at their edges.

Each function imports the package ``hypothesis`` when it is called, so this module can be imported without it.

Not here: the implementation (`drawn`), histories of writes, and invalid documents.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from bucketquery.queries.queries import BucketQuery, InfluencerQuery, RecordQuery

if TYPE_CHECKING:
    from hypothesis import strategies as st

JOBS: Final = ("web", "Web-2", "données")
"""The default jobs of the strategies."""


def bucket_documents(*, jobs: Sequence[str] = JOBS, max_size: int = 20) -> "st.SearchStrategy[list[dict[str, Any]]]":
    """Lists of valid bucket documents with many ties and repeated identities.

    Timestamps, spans and values come from short lists. Any optional field may be missing or null. Scores lie at and
    just below the severity marks, some counts have no exact double, and instants reach both ends of the calendar. Some
    timestamps are ISO text. There are interim buckets, scheduled events, and bucket influencers, some with a job,
    timestamp and span of their own. Some results have ``event``. Some lists are a single value.

    Args:
        jobs: the jobs of the documents, mostly the first one (default `JOBS`).
        max_size: maximum number of documents in a list.

    Complexity: O(max_size) a draw.

    >>> from bucketquery.testing import evaluate
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(bucket_documents(jobs=["web"]))
    ... def an_identity_counts_once(documents):
    ...     assert evaluate(documents, BucketQuery(jobs="web"))["count"] <= len(documents)
    >>> an_identity_counts_once()
    """
    from bucketquery.testing import drawn  # noqa: PLC0415 - hypothesis is an optional dependency

    return drawn.lists_of(drawn.bucket_results(), jobs, max_size)


def record_documents(*, jobs: Sequence[str] = JOBS, max_size: int = 20) -> "st.SearchStrategy[list[dict[str, Any]]]":
    """Lists of valid record documents with many ties and repeated identities.

    As `bucket_documents`; detectors, texts and probabilities come from short lists too. Probabilities include 0, the
    smallest doubles and 1. Texts may be empty, in upper or lower case, or beyond Unicode's basic plane. Names of data
    fields may be shared by several fields, dotted, empty, reserved, or stored as keys too. One of them is ``event``.
    Causes, influencers, geo results, explanations and unknown keys may contain any JSON.

    Args:
        jobs: the jobs of the documents, mostly the first one (default `JOBS`).
        max_size: maximum number of documents in a list.

    Complexity: O(max_size) a draw.

    >>> from bucketquery.testing import evaluate
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(record_documents(jobs=["web"]))
    ... def every_stored_key_comes_back(documents):
    ...     for document in documents:
    ...         (shown,) = evaluate([document], RecordQuery(jobs="web"))["records"]
    ...         assert all(name in shown for name, value in document.items() if value is not None and name != "event")
    >>> every_stored_key_comes_back()
    """
    from bucketquery.testing import drawn  # noqa: PLC0415 - hypothesis is an optional dependency

    return drawn.lists_of(drawn.record_results(), jobs, max_size)


def influencer_documents(
    *, jobs: Sequence[str] = JOBS, max_size: int = 20
) -> "st.SearchStrategy[list[dict[str, Any]]]":
    """Lists of valid influencer documents with many ties and repeated identities.

    As `record_documents`, with the fields of influencers. The field name and the field value may be missing, both or
    only one of them.

    Args:
        jobs: the jobs of the documents, mostly the first one (default `JOBS`).
        max_size: maximum number of documents in a list.

    Complexity: O(max_size) a draw.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(influencer_documents(jobs=["web"], max_size=3))
    ... def they_are_influencers(documents):
    ...     assert {document["result_type"] for document in documents} <= {"influencer"}
    >>> they_are_influencers()
    """
    from bucketquery.testing import drawn  # noqa: PLC0415 - hypothesis is an optional dependency

    return drawn.lists_of(drawn.influencer_results(), jobs, max_size)


def result_documents(*, jobs: Sequence[str] = JOBS, max_size: int = 30) -> "st.SearchStrategy[list[dict[str, Any]]]":
    """Lists of valid documents of all kinds, several at the same job and instant.

    An instant may have several buckets of different spans, several records and several influencers, or only some of
    these kinds: a record without a bucket, a bucket without records. Buckets have bucket influencers or none. Some
    buckets have ``records`` inside, as an expanded answer has them.

    Args:
        jobs: the jobs of the documents, mostly the first one (default `JOBS`).
        max_size: maximum number of documents in a list, without the records in buckets.

    Complexity: O(max_size) a draw.

    >>> from bucketquery.testing import evaluate
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(result_documents(jobs=["web"]))
    ... def expanding_changes_no_count(documents):
    ...     collapsed, expanded = BucketQuery(jobs="web"), BucketQuery(jobs="web", expand=True)
    ...     assert evaluate(documents, collapsed)["count"] == evaluate(documents, expanded)["count"]
    >>> expanding_changes_no_count()
    """
    from bucketquery.testing import drawn  # noqa: PLC0415 - hypothesis is an optional dependency

    return drawn.mixed_lists(jobs, max_size)


def bucket_queries(*, jobs: Sequence[str] = JOBS) -> "st.SearchStrategy[BucketQuery]":
    """Queries for the buckets that `bucket_documents` and `result_documents` draw.

    Instants are integers. Some queries are lookups by ``timestamp``. Windows begin and end at the edges of buckets, or
    1 ms before or after them; some are open, empty or reversed. Thresholds are the scores themselves, values that match
    every bucket, and values that match none. Some queries have a band in place of a threshold. Every sortable field
    leads in both directions. Pages may have size 0, or begin past the last match. Some queries that are no lookups have
    a filter of one to three fields of records or data fields. Its values may be stored, unknown, None, or no value.

    Args:
        jobs: the jobs of the queries; each query names one or several of them (default `JOBS`).

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(bucket_queries(jobs=["web"]))
    ... def a_lookup_has_no_window(query):
    ...     assert query.timestamp is None or query.start is query.end is None
    >>> a_lookup_has_no_window()
    """
    from bucketquery.testing import drawn  # noqa: PLC0415 - hypothesis is an optional dependency

    return drawn.bucket_queries(jobs)


def record_queries(*, jobs: Sequence[str] = JOBS) -> "st.SearchStrategy[RecordQuery]":
    """Queries for the records that `record_documents` and `result_documents` draw.

    As `bucket_queries`, without lookups and ``expand``.

    Args:
        jobs: the jobs of the queries; each query names one or several of them (default `JOBS`).

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(record_queries(jobs=["web"]))
    ... def the_job_is_the_one_named(query):
    ...     assert query.jobs == ("web",)
    >>> the_job_is_the_one_named()
    """
    from bucketquery.testing import drawn  # noqa: PLC0415 - hypothesis is an optional dependency

    return drawn.record_queries(jobs)


def influencer_queries(*, jobs: Sequence[str] = JOBS) -> "st.SearchStrategy[InfluencerQuery]":
    """Queries for the influencers that `influencer_documents` and `result_documents` draw, as `record_queries`.

    Args:
        jobs: the jobs of the queries; each query names one or several of them (default `JOBS`).

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(influencer_queries(jobs=["web"]))
    ... def the_job_is_the_one_named(query):
    ...     assert query.jobs == ("web",)
    >>> the_job_is_the_one_named()
    """
    from bucketquery.testing import drawn  # noqa: PLC0415 - hypothesis is an optional dependency

    return drawn.influencer_queries(jobs)
