"""Rows about shards: the documents of each shard by name, a query, and the merged page."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import pytest

from bucketquery import BucketQueryError, Kind, ResultsIndex
from bucketquery.merge import (
    ask,
    ask_overall,
    ask_span,
    merge_overall,
    merge_pages,
    overall_question,
    resolve_now,
    shard_query,
    with_spans,
)
from bucketquery.testing import evaluate
from support.living_tables import pages_of
from support.semantics_tables import QUERIES, Documents, Query, Refusal, assert_refusal, assert_same_body


@dataclass(frozen=True, slots=True)
class Merged:
    """A query of these shards returns these results in this order, page after page by cursor.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        given: the documents of each shard, by name.
        asked: the parameters of the query, and `now`; ``jobs`` is ``_all`` if it is not given.
        expected: the pages, with bars between them; or the error.
        source: the source of the rule.
        of: the kind of the query.
        count: the number of all matches; None if the pages hold all of them.
        put: the jobs that each shard knows besides those of its documents, and their groups.
        settings: the settings of all shards.
        is_exact: whether the reference has the same answer.
    """

    rule: str
    claim: str
    given: Sequence[Documents]
    asked: Mapping[str, Any]
    expected: str | Refusal
    source: str = "ours"
    _: KW_ONLY
    of: Kind = "bucket"
    count: int | None = None
    put: Sequence[Mapping[str, Sequence[str]]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_exact: bool = True


def shards_of(row: Merged) -> list[ResultsIndex]:
    """The shards of a row."""
    shards = []
    for number, documents in enumerate(row.given):
        shard = ResultsIndex(**row.settings)
        for job_id, groups in (row.put[number] if row.put else {}).items():
            shard.put_job(job_id, groups=groups)
        shard.upsert(documents.values())
        shards.append(shard)
    return shards


def merged(shards: Sequence[ResultsIndex], query: Query, after: str | None = None) -> Any:
    """The merged page, from pickled answers."""
    asked = pickle.loads(pickle.dumps(shard_query(query) if after is None else query))
    answers = [pickle.loads(pickle.dumps(ask(shard, asked, after=after))) for shard in shards]
    return merge_pages(query, answers, after=after)


def asked_of(row: Merged) -> Query:
    """The query of a row, with an instant in the place of ``now``."""
    parameters = {"jobs": "_all", **row.asked}
    now = parameters.pop("now", None)
    query = QUERIES[row.of](**parameters)
    return query if now is None else resolve_now(query, now)


def assert_merged(row: Merged) -> None:
    """Assert the merged pages of a walk, whole bodies too, or the error."""
    shards, query = shards_of(row), asked_of(row)
    if isinstance(row.expected, Refusal):
        with pytest.raises(BucketQueryError) as caught:
            merged(shards, query)
        assert_refusal(caught.value, row.expected)
        return
    everything = [document for documents in row.given for document in documents.values()]
    one = ResultsIndex()
    for known in row.put:
        for job_id, groups in known.items():
            one.put_job(job_id, groups=groups)
    one.upsert(everything)
    expected, cursor = pages_of(row.expected), None
    count = sum(map(len, expected)) if row.count is None else row.count
    for number, names in enumerate(expected):
        page = merged(shards, query, cursor)
        wanted = [key_of(row, name) for name in names]
        assert [*page.keys()] == wanted
        assert (page.count, len(page)) == (count, len(names))
        if row.is_exact:
            same = one.search(query, after=cursor) if cursor else one.search(query)
            assert list(page) == list(same)
            assert_same_body(page.to_dict(), same.to_dict())
        # The reference reads no text.
        if row.is_exact and "now" not in row.asked and not number and not row.put:
            assert_same_body(page.to_dict(), evaluate(everything, query))
        cursor = page.cursor
        assert (cursor is None) == (number == len(expected) - 1)


def key_of(row: Merged, name: str) -> tuple[Any, ...]:
    """The key of a named document."""
    (document,) = {id(documents[name]): documents[name] for documents in row.given if name in documents}.values()
    index = ResultsIndex()
    index.upsert([document])
    (key,) = index.search(QUERIES[row.of](jobs="_all")).keys()
    return key


@dataclass(frozen=True, slots=True)
class MergedOverall:
    """A question about the overall buckets of these shards has this answer.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        given: the documents of each shard, by name.
        asked: the keywords; ``job_id`` is ``_all`` if it is not given.
        expected: for each overall bucket its timestamp, span, score and the jobs with their scores; or the error.
        source: the source of the rule.
        put: the jobs that each shard knows besides those of its documents, and their spans.
    """

    rule: str
    claim: str
    given: Sequence[Documents]
    asked: Mapping[str, Any]
    expected: Sequence[tuple[int, int, float, Mapping[str, float]]] | Refusal
    source: str = "ours"
    _: KW_ONLY
    put: Sequence[Mapping[str, int | None]] = ()


def assert_merged_overall(row: MergedOverall) -> None:
    """Assert the merged overall buckets, which are those of one index; or the error, which one index raises too."""
    shards, one = [ResultsIndex() for _ in row.given], ResultsIndex()
    for number, (shard, documents) in enumerate(zip(shards, row.given, strict=True)):
        for job_id, span in (row.put[number] if row.put else {}).items():
            shard.put_job(job_id, bucket_span=span)
            one.put_job(job_id, bucket_span=span)
        shard.upsert(documents.values())
        one.upsert(documents.values())
    asked = {"job_id": "_all", **row.asked}
    if isinstance(row.expected, Refusal):
        for ask_one in (one.get_overall_buckets, lambda **keywords: merged_overall(shards, keywords)):
            with pytest.raises(BucketQueryError) as caught:
                ask_one(**asked)
            assert_refusal(caught.value, row.expected)
        return
    found = merged_overall(shards, asked)
    shown = [
        (each.timestamp, each.bucket_span, each.overall_score, {job.job_id: job.max_anomaly_score for job in each.jobs})
        for each in found
    ]
    assert shown == [*row.expected]
    assert_same_body(found.to_dict(), one.get_overall_buckets(**asked).to_dict())


def merged_overall(shards: Sequence[ResultsIndex], asked: Mapping[str, Any]) -> Any:
    """The merged overall buckets, from pickled answers."""
    question = overall_question(**asked)
    spans = [pickle.loads(pickle.dumps(ask_span(shard, question))) for shard in shards]
    question = pickle.loads(pickle.dumps(with_spans(question, spans)))
    return merge_overall(question, [pickle.loads(pickle.dumps(ask_overall(shard, question))) for shard in shards])
