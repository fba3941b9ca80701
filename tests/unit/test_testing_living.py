"""The reference for deletes, new scores, feeds and cursors, tested by examples worked out by hand from the rules."""

from random import Random
from typing import Any

import pytest

from bucketquery import BucketQuery, InfluencerQuery, InvalidCursor, InvalidDocument, RecordQuery
from bucketquery.testing import (
    deleted,
    evaluate_after,
    listing,
    matching_changes,
    overtaken,
    rescored,
    stored_results,
)
from bucketquery.testing.reference import kind_of
from bucketquery.testing.shapes import stored_form
from support.strategies import KINDS, fits, results_in, seeded_history, stored_values

BUCKET: dict[str, Any] = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 900}
RECORD: dict[str, Any] = {**BUCKET, "result_type": "record"}
INFLUENCER: dict[str, Any] = {**BUCKET, "result_type": "influencer"}
AT = {"timestamp": 0, "bucket_span": 900}


def bucket(timestamp: int, **fields: Any) -> dict[str, Any]:
    """A bucket of the job "web"."""
    return {**BUCKET, "timestamp": timestamp, **fields}


def times(names: Any) -> list[int]:
    """The timestamps of named results, sorted."""
    return sorted(key[1] for _, key in names)


# ---- stored results


def test_a_batch_stores_the_last_document_of_each_identity() -> None:
    """Other types are no results, the records in a bucket are results, and a search hit is its source."""
    held = stored_results([{"_source": BUCKET}, {"result_type": "model_plot"}, {**BUCKET, "records": [{}, {}]}, {}])
    assert held == {
        ("bucket", ("web", 0, 900)): BUCKET,
        ("record", ("web", 0, 900, 0, None, None, None)): {
            **AT,
            "job_id": "web",
            "is_interim": None,
            "result_type": "record",
        },
    }


@pytest.mark.repeats
def test_forms_are_equal_if_the_stored_values_are() -> None:
    """Among seeded documents, two forms are equal exactly if the values that an index stores are."""
    rng, pairs, equal = Random(5), 0, 0
    for _ in range(40):
        history, _domain = seeded_history(rng, 60)
        documents = [document for batch in history for document in results_in(batch) if fits(document)]
        for kind in KINDS:
            for keep in (True, False):
                some = [document for document in documents if document["result_type"] == kind][:12]
                some = [{**document, "job_id": "web", **AT} for document in some]
                for one in some:
                    for other in some:
                        same = _values(one, keep) == _values(other, keep)
                        forms = [stored_form(document, keep_documents=keep) for document in (one, other)]
                        assert (forms[0] == forms[1]) == same, (one, other)
                        pairs, equal = pairs + 1, equal + (same and one is not other)
    assert pairs > 5_000
    assert equal > 100


def _values(document: dict[str, Any], keep: bool) -> str:
    names = ("detector_index", "by_field_value", "over_field_value", "partition_field_value")
    named = [document.get(name) for name in (*names, "influencer_field_name", "influencer_field_value")]
    values = stored_values(document, keep_documents=keep)
    return repr((named, [_doubled(value) for value in values]))


def _doubled(value: Any) -> Any:
    # Whether a number is an integer does not matter for a double, nor the sign of zero.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return value if isinstance(value, int) and abs(value) > 2**53 else (value + 0.0 or 0.0)


# ---- deletes


def test_a_window_is_half_open() -> None:
    """20.delete: the start is deleted, the end is not, and each may be left out."""
    held = stored_results(bucket(number) for number in range(5))
    assert times(deleted(held, start=1, end=3)) == [1, 2]
    assert times(deleted(held, start=3)) == [3, 4]
    assert times(deleted(held, end=1)) == [0]
    assert times(deleted(held, start=3, end=1)) == []


def test_a_delete_is_of_the_named_jobs_and_interim_results() -> None:
    """20.delete: every kind; other jobs and final results stay."""
    held = stored_results([BUCKET, {**RECORD, "is_interim": True}, {**INFLUENCER, "job_id": "db", "is_interim": None}])
    assert len(deleted(held)) == 3
    assert {kind for kind, _ in deleted(held, ["web"])} == {"bucket", "record"}
    assert {kind for kind, _ in deleted(held, ["web", "db"], interim_only=True)} == {"record"}


def test_a_final_bucket_overtakes_interim_results_of_its_instant() -> None:
    """20.drop-interim: of every kind and span, but not what the batch writes, and not of another instant or job."""
    interim = {"is_interim": True}
    held = stored_results(
        [
            {**BUCKET, **interim},
            {**BUCKET, **interim, "bucket_span": 60},
            {**RECORD, **interim},
            {**INFLUENCER, **interim, "job_id": "db"},
            {**RECORD, **interim, "timestamp": 1},
            {**RECORD, "detector_index": 1},
        ]
    )
    batch = [BUCKET, {**RECORD, "record_score": 5, **interim}]
    assert overtaken(held, batch) == {("bucket", ("web", 0, 60))}
    assert overtaken(held, [{**BUCKET, **interim}]) == set()
    assert overtaken(held, [BUCKET, {**BUCKET, **interim}]) == set()


# ---- new scores

BLAMED = {
    **BUCKET,
    "anomaly_score": 90.0,
    "bucket_influencers": [
        {"influencer_field_name": "bucket_time", "anomaly_score": 90.0},
        {"influencer_field_name": "host", "anomaly_score": 50.0},
    ],
}


def nested(changed: Any) -> list[float]:
    """The scores of the influencers of the only changed bucket."""
    (document,) = changed.values()
    return [one["anomaly_score"] for one in document["bucket_influencers"]]


def test_new_scores_change_the_current_score_only() -> None:
    """20.renormalise: the last row of an identity wins, and a result with this score is not among the changed."""
    held = stored_results(
        [{**RECORD, "record_score": 5.0, "initial_record_score": 6.0}, {**INFLUENCER, "influencer_score": 1}]
    )
    rows = [{**AT, "record_score": 7.0}, {**AT, "record_score": 8.0}]
    changed = rescored(held, "web", records=rows, influencers=[{**AT, "influencer_score": 1.0}])
    (document,) = changed.values()
    assert (document["record_score"], document["initial_record_score"]) == (8.0, 6.0)


def test_bucket_time_follows_its_bucket_unless_it_has_a_row() -> None:
    """20.renormalise: nested influencers have rows by name; standalone influencers are other results."""
    held = stored_results([BLAMED])
    row = {**AT, "anomaly_score": 40.0}
    assert nested(rescored(held, "web", buckets=[row])) == [40.0, 50.0]
    named = {**AT, "anomaly_score": 30.0, "influencer_field_name": "host"}
    assert nested(rescored(held, "web", bucket_influencers=[named])) == [90.0, 30.0]
    own = {**named, "influencer_field_name": "bucket_time"}
    assert nested(rescored(held, "web", buckets=[row], bucket_influencers=[own])) == [30.0, 50.0]
    assert rescored(held, "web", buckets=[{**AT, "anomaly_score": 90.0}]) == {}
    (plain,) = rescored(stored_results([BUCKET]), "web", buckets=[row]).values()
    assert "bucket_influencers" not in plain


@pytest.mark.parametrize(
    ("tables", "field"),
    [
        ({"buckets": [{**AT, "anomaly_score": 1}, {**AT, "timestamp": 9, "anomaly_score": 1}]}, "buckets.timestamp[1]"),
        ({"records": [{**AT, "record_score": 1}]}, "records.timestamp[0]"),
        ({"bucket_influencers": [{**AT, "anomaly_score": 1}]}, "bucket_influencers.timestamp[0]"),
        ({"bucket_influencers": [{**AT, "timestamp": 9, "anomaly_score": 1}]}, "bucket_influencers.timestamp[0]"),
    ],
)
def test_rows_without_a_result_are_refused(tables: dict[str, Any], field: str) -> None:
    """20.renormalise: the error has the path of the first row without a stored result."""
    with pytest.raises(InvalidDocument) as caught:
        rescored(stored_results([BLAMED]), "web", **tables)
    assert caught.value.field == field


# ---- the feed


def lines(
    before: list[dict[str, Any]], after: list[dict[str, Any]], query: Any = None, **named: Any
) -> list[tuple[Any, ...]]:
    """Reason, effect and scores of each change, sorted."""
    changes = matching_changes(stored_results(before), stored_results(after), query, **named)
    return sorted((change.reason, change.effect, change.old_score, change.score) for change in changes)


def test_reasons_and_effects() -> None:
    """20.reasons, 20.effects: both sides are judged by one query."""
    low, high = {**BUCKET, "anomaly_score": 70}, {**BUCKET, "anomaly_score": 75}
    watch = BucketQuery(jobs="web", anomaly_score=75)
    assert lines([], [high], watch) == [("inserted", "entered", None, 75.0)]
    assert lines([high], [], watch) == [("deleted", "left", 75.0, None)]
    assert lines([low], [high], watch) == [("replaced", "entered", 70.0, 75.0)]
    assert lines([high], [low], watch, renormalised=True) == [("renormalised", "left", 75.0, 70.0)]
    assert lines([high], [{**high, "event_count": 1}], watch) == [("replaced", "stayed", 75.0, 75.0)]
    assert lines([low], [{**low, "event_count": 1}], watch) == []
    assert lines([high], [dict(high)], watch) == []
    assert lines([low], [high], BucketQuery(jobs="db")) == lines([low], [high], RecordQuery(jobs="web")) == []


def test_interim_results_and_the_effects() -> None:
    """20.effects: with `exclude_interim` a final result at the same score enters."""
    interim, final = {**BUCKET, "is_interim": True, "anomaly_score": -0.0}, {**BUCKET, "anomaly_score": 0.0}
    assert lines([interim], [final]) == [("finalised", "stayed", 0.0, 0.0)]
    assert lines([interim], [final], BucketQuery(jobs="web", exclude_interim=True)) == [
        ("finalised", "entered", 0.0, 0.0)
    ]
    (change,) = matching_changes(stored_results([interim]), {})
    assert (change.was_interim, change.is_interim) == (True, None)


def test_without_documents_a_field_that_is_not_stored_is_no_change() -> None:
    """20.changes: nested influencers, lists and unknown keys are not stored there."""
    assert lines([BUCKET], [BLAMED | {"anomaly_score": None}], keep_documents=False) == []
    assert lines([RECORD], [{**RECORD, "typical": [1], "event": "login", "x": 1}], keep_documents=False) == []
    assert len(lines([RECORD], [{**RECORD, "typical": [1]}])) == 1
    assert len(lines([RECORD], [{**RECORD, "event": {"ingested": 5}}], keep_documents=False)) == 1


def test_a_listing_is_every_match() -> None:
    """20.listing: every match has entered, for no reason."""
    held = stored_results([BUCKET, RECORD, INFLUENCER])
    assert len(listing(held)) == 3
    (change,) = listing(held, InfluencerQuery(jobs="web"))
    assert (change.reason, change.effect, change.kind, change.score) == (None, "entered", "influencer", None)


def test_the_reference_parses_no_dates() -> None:
    """A query with text for an instant is refused."""
    query = BucketQuery(jobs="web", start="2026-01-01")
    for call in (lambda: matching_changes({}, {}, query), lambda: evaluate_after([], query, BUCKET)):
        with pytest.raises(TypeError, match="parses no dates"):
            call()


# ---- cursors


def test_the_page_behind_a_result_is_behind_its_place() -> None:
    """20.cursors: the result itself need not be stored any more; the count is that of all matches."""
    held = [bucket(number, anomaly_score=number % 2) for number in range(6)]
    for query, last, expected in (
        (BucketQuery(jobs="web", size=2, from_=9), held[1], [2, 3]),
        (BucketQuery(jobs="web", size=2, desc=True), held[4], [3, 2]),
        (BucketQuery(jobs="web", sort="anomaly_score"), held[2], [4, 1, 3, 5]),
        (BucketQuery(jobs="web", sort="anomaly_score", desc=True), bucket(2, anomaly_score=0.5), [4, 2, 0]),
        (BucketQuery(jobs="web", sort="event_count"), held[3], [4, 5]),
        (BucketQuery(jobs="web"), bucket(3, bucket_span=901), [4, 5]),
    ):
        answer = evaluate_after(held, query, last)
        assert answer["count"] == 6
        assert [found["timestamp"] for found in answer["buckets"]] == expected
    assert evaluate_after([RECORD], RecordQuery(jobs="web"), RECORD) == {"count": 1, "records": []}
    assert evaluate_after([INFLUENCER], InfluencerQuery(jobs="web"), INFLUENCER) == {"count": 1, "influencers": []}


@pytest.mark.parametrize(
    ("query", "last"),
    [
        (BucketQuery(jobs="web", timestamp=0), BUCKET),
        (BucketQuery(jobs="web"), RECORD),
        (BucketQuery(jobs="db"), BUCKET),
    ],
)
def test_a_result_of_another_query_has_no_page_behind_it(query: BucketQuery, last: dict[str, Any]) -> None:
    """20.cursor-tokens: a lookup has no cursor, and a cursor belongs to its kind and jobs."""
    with pytest.raises(InvalidCursor):
        evaluate_after([BUCKET], query, last)


def test_kinds_of_queries() -> None:
    """Each query asks for one kind."""
    queries = (BucketQuery(jobs="web"), RecordQuery(jobs="web"), InfluencerQuery(jobs="web"))
    assert tuple([kind_of(query) for query in queries]) == KINDS
