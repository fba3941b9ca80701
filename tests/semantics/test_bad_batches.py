"""Our decision on bad documents: which document refuses the batch, and the position that the error names."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bucketquery import Kind
from support.document_tables import T0, BadDocument, assert_bad_document
from support.semantics_tables import bucket, each_row, influencer, record, result

MALFORMED = {
    "job_id": "",
    "timestamp": "soon",
    "bucket_span": 0,
    "anomaly_score": "x",
    "initial_anomaly_score": "x",
    "event_count": "x",
    "is_interim": "x",
    "bucket_influencers": "x",
    "processing_time_ms": "x",
    "scheduled_events": 5,
    "event": "x",
    "records": "x",
}
WHICH_FIRST = [
    BadDocument(
        "20.a-bad-document",
        f"{field} before later fields",
        [bucket(T0) | dict(reversed([*MALFORMED.items()][place:]))],
        f"documents[0].{field}",
        "ours: the first field",
    )
    for place, field in enumerate(MALFORMED)
] + [
    BadDocument(
        "20.a-bad-document",
        "the first document",
        [bucket(T0), bucket(T0, scheduled_events=5), bucket(T0) | {"job_id": ""}],
        "documents[1].scheduled_events",
        "ours: the first document",
    ),
    BadDocument(
        "20.a-bad-document",
        "skipped documents count in the position",
        [{"result_type": "model_plot"}, {}, bucket(T0), bucket(T0, anomaly_score="x")],
        "documents[3].anomaly_score",
        "ours: a position in the batch",
    ),
    BadDocument(
        "20.a-bad-document",
        "a bucket that a later one of the batch replaces",
        [bucket(T0, anomaly_score="x"), bucket(T0, anomaly_score=5.0)],
        "documents[0].anomaly_score",
        "ours: checked before it is written",
    ),
    BadDocument(
        "20.a-bad-document",
        "inside a search hit",
        [bucket(T0), {"_id": "x", "_source": bucket(T0, anomaly_score="x")}],
        "documents[1]._source.anomaly_score",
        "ours",
    ),
    BadDocument(
        "20.a-bad-document",
        "deep inside a search hit",
        [{"_source": bucket(T0, bucket_influencers=[{"probability": "x"}])}],
        "documents[0]._source.bucket_influencers[0].probability",
        "ours",
    ),
    BadDocument("20.a-bad-document", "an int", [bucket(T0), 5], "documents[1]", "ours"),
    BadDocument("20.a-bad-document", "null", [None], "documents[0]", "ours"),
    BadDocument("20.a-bad-document", "text", ["{}"], "documents[0]", "ours"),
    BadDocument(
        "20.a-bad-document", "a search hit without an object", [{"_source": 5}], "documents[0]._source", "ours"
    ),
    BadDocument("20.a-bad-document", "a document instead of an iterable", bucket(T0), "documents", "ours"),
    BadDocument("20.a-bad-document", "text instead of an iterable", "[]", "documents", "ours"),
]
#: Bad values of a record and an influencer: a field that sorts, `event`, and another key.
AROUND_EVENT: Mapping[Kind, Sequence[tuple[str, Any]]] = {
    "record": (("partition_field_value", 5), ("event", {"ingested": "soon"}), ("typical", "x")),
    "influencer": (("influencer_field_value", 5), ("event", {"ingested": "soon"}), ("extra", {5})),
}
EVENT_OF_OTHER_KINDS = [
    BadDocument(
        "20.a-bad-document",
        f"{kind}: {name} before later fields",
        [result(kind, T0) | dict([*reversed(fields[place:])])],
        f"documents[0].{name}" + (".ingested" if name == "event" else ""),
        "ours: `event` after the fields that sort",
    )
    for kind, fields in AROUND_EVENT.items()
    for place, (name, _) in enumerate(fields)
]
OF_EVERY_KIND = [
    BadDocument(
        "20.a-bad-document",
        "the first bad document, of any kind",
        [bucket(T0), record(T0, causes="x"), influencer(T0, "a", influencer_score="x"), bucket(T0, anomaly_score="x")],
        "documents[1].causes",
        "ours: the first document",
    ),
    BadDocument(
        "20.a-bad-document",
        "positions count all kinds of the batch",
        [{}, bucket(T0), record(T0), influencer(T0, "a", influencer_score="x")],
        "documents[3].influencer_score",
        "ours",
    ),
    BadDocument(
        "20.a-bad-document",
        "a cause inside a search hit",
        [{"_id": "x", "_source": record(T0, causes=[{}, {"probability": math.nan}])}],
        "documents[0]._source.causes[1].probability",
        "ours",
    ),
    BadDocument(
        "20.a-bad-document",
        "an unknown key inside a search hit",
        [record(T0), {"_source": record(T0, host={"name": math.nan})}],
        "documents[1]._source.host.name",
        "ours",
    ),
    BadDocument(
        "20.a-bad-document",
        "a record that a later one of the batch replaces",
        [record(T0, host=math.nan), record(T0)],
        "documents[0].host",
        "ours: checked before it is written",
    ),
    BadDocument("20.a-bad-document", "a record instead of an iterable", record(T0), "documents", "ours"),
]


@each_row(WHICH_FIRST, EVENT_OF_OTHER_KINDS, OF_EVERY_KIND)
def test_batch_is_refused_for_its_first_bad_document(row: BadDocument) -> None:
    """The error names the first bad field of the first bad document, and no document of the batch is stored."""
    assert_bad_document(row)
