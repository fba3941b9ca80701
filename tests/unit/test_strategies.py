"""The strategies: valid documents of the given jobs with ties and repeated identities, and answerable queries."""

import math
import runpy
import typing
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from bucketquery import BucketQuery, InfluencerQuery, RecordQuery, ResultsIndex
from bucketquery.testing import (
    bucket_documents,
    bucket_queries,
    evaluate,
    influencer_documents,
    influencer_queries,
    record_documents,
    record_queries,
    result_documents,
    strategies,
)
from bucketquery.testing.documents import documents_in

Documents = list[dict[str, Any]]

MIDNIGHT = 1_767_225_600_000  # 2026-01-01T00:00:00Z

DOCUMENTS = [bucket_documents, record_documents, influencer_documents, result_documents]
QUERIES = [bucket_queries, record_queries, influencer_queries]
#: Without shrinking, which would take most of the time: any example will do.
SEARCH = settings(max_examples=5_000, database=None, phases=[Phase.generate])
QUERY_OF = {"bucket": BucketQuery, "record": RecordQuery, "influencer": InfluencerQuery}


def test_annotations_of_the_strategies_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documentation tools read annotations as a type checker does. They find the types of Hypothesis."""
    monkeypatch.setattr(typing, "TYPE_CHECKING", True)
    names = runpy.run_path(strategies.__file__)
    hints = [typing.get_type_hints(names[maker.__name__])["return"] for maker in (*DOCUMENTS, *QUERIES)]
    assert hints == [SearchStrategy[Documents]] * 4 + [
        SearchStrategy[BucketQuery],
        SearchStrategy[RecordQuery],
        SearchStrategy[InfluencerQuery],
    ]


def identity(document: dict[str, Any]) -> tuple[Any, ...]:
    """The identity of a document, as the reference shows it; a missing detector is shown as 0."""
    query = QUERY_OF[document["result_type"]](jobs=document["job_id"])
    ((shown,),) = (found for found in evaluate([document], query).values() if isinstance(found, list))
    by_kind = {
        "bucket": (),
        "record": ("detector_index", "by_field_value", "over_field_value", "partition_field_value"),
        "influencer": ("influencer_field_name", "influencer_field_value"),
    }
    fixed = ("result_type", "job_id", "timestamp", "bucket_span")
    return tuple(shown.get(name) for name in (*fixed, *by_kind[document["result_type"]]))


@given(st.one_of([maker() for maker in DOCUMENTS]))
def test_drawn_documents_are_valid(documents: Documents) -> None:
    """An index accepts every drawn document, skips none, and stores one result for each identity."""
    commit = ResultsIndex().upsert(documents)
    results = [dict(document) for document in documents_in(documents)]
    identities = {identity({**result, "records": None}) for result in results}
    assert (commit.inserted, commit.repeated) == (len(identities), len(results) - len(identities))
    assert not commit.skipped


@pytest.mark.repeats
@pytest.mark.parametrize(
    ("maker", "kinds"),
    [
        (bucket_documents, {"bucket"}),
        (record_documents, {"record"}),
        (influencer_documents, {"influencer"}),
        (result_documents, {"bucket", "record", "influencer"}),
    ],
)
@settings(suppress_health_check=[HealthCheck.differing_executors])
@given(data=st.data())
def test_drawn_documents_have_the_given_jobs(maker: Callable[..., Any], kinds: set[str], data: st.DataObject) -> None:
    """A strategy draws at most ``max_size`` documents of the given jobs and of its own kinds."""
    documents = data.draw(maker(jobs=["a", "b"], max_size=3))
    assert len(documents) <= 3
    assert {document["job_id"] for document in documents} <= {"a", "b"}
    assert {document["result_type"] for document in documents} <= kinds


@given(st.one_of([maker(jobs=["a"]) for maker in QUERIES]))
def test_drawn_queries_have_integer_instants(query: BucketQuery | RecordQuery | InfluencerQuery) -> None:
    """The reference can answer every drawn query, and each is for the given job."""
    assert query.jobs == ("a",)
    instants = (query.start, query.end, getattr(query, "timestamp", None))
    assert all(instant is None or isinstance(instant, int) for instant in instants)


@pytest.mark.parametrize(("maker", "query"), list(zip(QUERIES, QUERY_OF.values(), strict=True)))
def test_each_kind_has_its_own_queries(maker: Callable[..., Any], query: type) -> None:
    """A strategy draws only queries of its kind, in both directions, with windows and ``exclude_interim``."""
    seen = [
        find(maker(), claim, settings=SEARCH)
        for claim in (lambda q: q.desc, lambda q: not q.desc, lambda q: q.exclude_interim)
    ]
    seen += [find(maker(), lambda q: q.start is not None and q.end is not None and q.sort == "job_id", settings=SEARCH)]
    assert all(type(drawn) is query for drawn in seen)


# Collisions


def shown(documents: Documents, kind: str, **parameters: Any) -> Documents:
    """The results of the job "web" that the reference shows."""
    answer = evaluate(documents, QUERY_OF[kind](jobs="web", **parameters))
    found: Documents = answer[f"{kind}s"]
    return found


def expanded(documents: Documents) -> Documents:
    """The buckets of the job "web" with their records."""
    return shown(documents, "bucket", expand=True)


def instants(documents: Documents, kind: str) -> list[int]:
    """The instants of a kind's results, one for each result."""
    return [found["timestamp"] for found in shown(documents, kind)]


def written(documents: Documents, kind: str) -> list[int | None]:
    """The instant at which each result of a kind was written."""
    events = [found.get("event") for found in shown(documents, kind)]
    return [event["ingested"] if isinstance(event, dict) else None for event in events]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("maker", "claim"),
    [
        pytest.param(
            result_documents,
            lambda drawn: any(len(bucket.get("records", ())) > 1 for bucket in expanded(drawn)),
            id="a bucket with several records to show",
        ),
        pytest.param(
            result_documents,
            lambda drawn: any(
                bucket["timestamp"] in instants(drawn, "record")
                for bucket in expanded(drawn)
                if not bucket["bucket_influencers"]
            ),
            id="a bucket with records at its instant but no bucket influencers",
        ),
        pytest.param(
            result_documents,
            lambda drawn: any(
                bucket["bucket_influencers"] and "records" not in bucket and instants(drawn, "record")
                for bucket in expanded(drawn)
            ),
            id="a bucket with bucket influencers but no records",
        ),
        pytest.param(
            result_documents,
            lambda drawn: sum("records" in bucket for bucket in expanded(drawn)) > 1,
            id="two buckets with records to show",
        ),
        pytest.param(
            result_documents,
            lambda drawn: set(instants(drawn, "record")) - set(instants(drawn, "bucket")),
            id="a record without a bucket",
        ),
        pytest.param(
            result_documents,
            lambda drawn: (
                {*instants(drawn, "record")} & {*instants(drawn, "bucket")} & {*instants(drawn, "influencer")}
            ),
            id="all kinds at one instant",
        ),
        pytest.param(
            record_documents,
            lambda drawn: len({identity(document) for document in drawn}) < len(drawn),
            id="two documents of one record",
        ),
        pytest.param(
            influencer_documents,
            lambda drawn: len({identity(document) for document in drawn}) < len(drawn),
            id="two documents of one influencer",
        ),
        pytest.param(
            record_documents,
            lambda drawn: any(0.0 < (document.get("probability") or 0.0) < 1e-300 for document in drawn),
            id="a probability below 1e-300",
        ),
        pytest.param(
            record_documents,
            lambda drawn: any(
                len(found["host"]) > 1 for found in shown(drawn, "record") if isinstance(found.get("host"), list)
            ),
            id="a generated key with several values",
        ),
        pytest.param(
            record_documents,
            lambda drawn: any("host" in document and document.get("by_field_name") == "host" for document in drawn),
            id="a stored key with the name of a data field",
        ),
        pytest.param(
            record_documents,
            lambda drawn: any("." in (document.get("over_field_name") or "") for document in drawn),
            id="a dotted name",
        ),
        pytest.param(
            record_documents,
            lambda drawn: any(math.copysign(1.0, document.get("multi_bucket_impact") or 0) < 0 for document in drawn),
            id="an impact below zero",
        ),
        pytest.param(
            result_documents,
            lambda drawn: any(
                len(bucket.get("records", ())) > 1 and "records" in source
                for source in drawn
                for bucket in expanded([source])
            ),
            id="a bucket with several records inside",
        ),
        pytest.param(
            bucket_documents,
            lambda drawn: any(
                nested["timestamp"] != bucket["timestamp"] and nested["job_id"] != bucket["job_id"]
                for bucket in shown(drawn, "bucket")
                for nested in bucket["bucket_influencers"]
            ),
            id="a bucket influencer with a job and a timestamp of its own",
        ),
        *(
            pytest.param(
                maker,
                lambda drawn, kind=kind: {None, MIDNIGHT, MIDNIGHT + 1} <= set(written(drawn, kind)),
                id=f"several instants of {kind}s, and none",
            )
            for maker, kind in zip(DOCUMENTS, QUERY_OF, strict=False)
        ),
        pytest.param(
            record_documents,
            lambda drawn: any(isinstance(found.get("event"), list) for found in shown(drawn, "record")),
            id="an event of a data field",
        ),
        pytest.param(
            bucket_documents,
            lambda drawn: any(isinstance(document.get("scheduled_events"), str) for document in drawn),
            id="a single value in place of a list",
        ),
    ],
)
def test_collisions_are_drawn(maker: Callable[..., Any], claim: Callable[[Documents], bool]) -> None:
    """Within 5,000 examples, each strategy draws the cases that are hard for an engine."""
    assert claim(find(maker(), claim, settings=SEARCH))
