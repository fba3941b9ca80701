"""Hypothesis strategies: results made to collide, and questions that hit their edges.

The package ``hypothesis`` is imported when a strategy is asked for, so whoever asks for none does without.

Left to others: what exactly is drawn (`drawn`), histories of writes, and documents that are not valid.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from bucketquery.queries.queries import BucketQuery, InfluencerQuery, RecordQuery

if TYPE_CHECKING:
    from hypothesis import strategies as st

JOBS: Final = ("web", "Web-2", "données")
"""The jobs of what is drawn, unless others are named."""


def bucket_documents(*, jobs: Sequence[str] = JOBS, max_size: int = 20) -> "st.SearchStrategy[list[dict[str, Any]]]":
    """Lists of valid bucket documents of a few jobs, at most `max_size`, made to collide.

    Few timestamps, spans and values, so ties are the rule and one identity comes more than once; any optional field may
    be missing or null; scores just around the severity marks, counts beyond what a double holds, instants at both ends
    of the calendar, timestamps now and then as ISO text, interim buckets, influencers, scheduled events.

    Complexity: O(max_size) a draw.

    >>> from bucketquery.testing import evaluate
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(bucket_documents(jobs=["web"]))
    ... def an_identity_counts_once(documents):
    ...     assert evaluate(documents, BucketQuery(jobs="web"))["count"] <= len(documents)
    >>> an_identity_counts_once()
    """
    from bucketquery.testing import drawn  # noqa: PLC0415 - it needs an extra, for those who ask for a strategy

    return drawn.lists_of(drawn.bucket_values(), jobs, max_size)


def record_documents(*, jobs: Sequence[str] = JOBS, max_size: int = 20) -> "st.SearchStrategy[list[dict[str, Any]]]":
    """Lists of valid record documents of a few jobs, at most `max_size`, made to collide.

    As `bucket_documents`, and few detectors, texts and probabilities, from zero through the smallest doubles to one;
    texts empty, in both cases and beyond the basic plane; names of the data's fields that several fields give, that are
    dotted, empty or reserved, or that are stored as keys of their own; causes, influencers, places, explanations and
    unknown keys with JSON in them.

    Complexity: O(max_size) a draw.

    >>> from bucketquery.testing import evaluate
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(record_documents(jobs=["web"]))
    ... def every_stored_key_comes_back(documents):
    ...     for document in documents:
    ...         (shown,) = evaluate([document], RecordQuery(jobs="web"))["records"]
    ...         assert all(name in shown for name, value in document.items() if value is not None)
    >>> every_stored_key_comes_back()
    """
    from bucketquery.testing import drawn  # noqa: PLC0415 - it needs an extra, for those who ask for a strategy

    return drawn.lists_of(drawn.record_values(), jobs, max_size)


def influencer_documents(
    *, jobs: Sequence[str] = JOBS, max_size: int = 20
) -> "st.SearchStrategy[list[dict[str, Any]]]":
    """Lists of valid influencer documents of a few jobs, at most `max_size`, made to collide.

    As `record_documents`, with what an influencer has; its field's name and value may be missing, each without the
    other.

    Complexity: O(max_size) a draw.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(influencer_documents(jobs=["web"], max_size=3))
    ... def they_are_influencers(documents):
    ...     assert {document["result_type"] for document in documents} <= {"influencer"}
    >>> they_are_influencers()
    """
    from bucketquery.testing import drawn  # noqa: PLC0415 - it needs an extra, for those who ask for a strategy

    return drawn.lists_of(drawn.influencer_values(), jobs, max_size)


def result_documents(*, jobs: Sequence[str] = JOBS, max_size: int = 30) -> "st.SearchStrategy[list[dict[str, Any]]]":
    """Lists of valid documents of all kinds, at most `max_size`, that meet at a few instants of a few jobs.

    At one instant there may be several buckets of different spans, several records and influencers, or some without the
    others: buckets with and without influencers of their own, records without a bucket, buckets without records.

    Complexity: O(max_size) a draw.

    >>> from bucketquery.testing import evaluate
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(result_documents(jobs=["web"]))
    ... def expanding_changes_no_count(documents):
    ...     plain, expanded = BucketQuery(jobs="web"), BucketQuery(jobs="web", expand=True)
    ...     assert evaluate(documents, plain)["count"] == evaluate(documents, expanded)["count"]
    >>> expanding_changes_no_count()
    """
    from bucketquery.testing import drawn  # noqa: PLC0415 - it needs an extra, for those who ask for a strategy

    return drawn.meetings(jobs, max_size)


def bucket_queries(*, jobs: Sequence[str] = JOBS) -> "st.SearchStrategy[BucketQuery]":
    """Questions about the documents that `bucket_documents` and `result_documents` draw, of one job or several.

    Instants are integers. Lookups by ``timestamp``; windows on, just before and just after the edges of buckets, open,
    empty and reversed; thresholds around the scores, and those that filter nothing; every sortable field in both
    directions; pages of size 0, past the end, and far past it.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(bucket_queries(jobs=["web"]))
    ... def a_lookup_has_no_window(query):
    ...     assert query.timestamp is None or query.start is query.end is None
    >>> a_lookup_has_no_window()
    """
    from bucketquery.testing import drawn  # noqa: PLC0415 - it needs an extra, for those who ask for a strategy

    return drawn.bucket_queries(jobs)


def record_queries(*, jobs: Sequence[str] = JOBS) -> "st.SearchStrategy[RecordQuery]":
    """Questions about the documents that `record_documents` and `result_documents` draw, as `bucket_queries` has them.

    There are no lookups, and nothing to expand.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(record_queries(jobs=["web"]))
    ... def the_job_is_the_one_named(query):
    ...     assert query.jobs == ("web",)
    >>> the_job_is_the_one_named()
    """
    from bucketquery.testing import drawn  # noqa: PLC0415 - it needs an extra, for those who ask for a strategy

    return drawn.record_queries(jobs)


def influencer_queries(*, jobs: Sequence[str] = JOBS) -> "st.SearchStrategy[InfluencerQuery]":
    """Questions about the documents that `influencer_documents` and `result_documents` draw, as `record_queries` does.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(influencer_queries(jobs=["web"]))
    ... def the_job_is_the_one_named(query):
    ...     assert query.jobs == ("web",)
    >>> the_job_is_the_one_named()
    """
    from bucketquery.testing import drawn  # noqa: PLC0415 - it needs an extra, for those who ask for a strategy

    return drawn.influencer_queries(jobs)
