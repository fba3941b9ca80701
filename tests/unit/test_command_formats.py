"""File formats: the documents in every format, their places, and what is passed over or refused."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from bucketquery.command.formats import read_documents
from bucketquery.command.values import Place, Unreadable

A: dict[str, Any] = {"result_type": "bucket", "job_id": "a", "timestamp": 0}
B: dict[str, Any] = {"result_type": "record", "job_id": "b", "timestamp": 0}
#: A document of an answer may leave out its type.
C: dict[str, Any] = {"job_id": "c", "timestamp": 0}
HIT = {"_index": ".ml-anomalies-shared", "_id": "a_bucket_0_300", "_score": 1.0, "_source": A}
SEARCH = {"took": 1, "hits": {"total": {"value": 2, "relation": "eq"}, "hits": [HIT, {"_source": B}]}}


def lines(*values: object, indent: int | None = None) -> list[bytes]:
    """The lines of a file with these values one after another."""
    text = "".join(f"{json.dumps(value, indent=indent)}\n" for value in values)
    return [f"{line}\n".encode() for line in text.splitlines()]


def read(*values: object, indent: int | None = None) -> tuple[list[tuple[str | None, Any, Any]], dict[str, int]]:
    """The kind, the document and the place of each, and what was passed over."""
    passed_over: Counter[str] = Counter()
    found = list(read_documents("a.json", lines(*values, indent=indent), passed_over))
    assert {source for source, *_ in found} <= {"a.json"}
    return [(kind, document, place) for _, kind, document, place in found], dict(passed_over)


@pytest.mark.parametrize(
    ("values", "documents", "passed_over"),
    [
        ([A, B, C], [(None, A, 1), (None, B, 2), (None, C, 3)], {}),
        ([[A, C]], [(None, A, Place(1, "[0]")), (None, C, Place(1, "[1]"))], {}),
        ([HIT, {"_source": B}], [(None, HIT, 1), (None, {"_source": B}, 2)], {}),
        (
            [{"count": 2, "buckets": [A, C]}],
            [("bucket", A, Place(1, path="buckets[0]")), ("bucket", C, Place(1, path="buckets[1]"))],
            {},
        ),
        ([{"count": 1, "records": [B]}], [("record", B, Place(1, path="records[0]"))], {}),
        ([{"influencers": [C]}], [("influencer", C, Place(1, path="influencers[0]"))], {}),
        ([{"count": 0, "buckets": []}], [], {}),
        (
            [SEARCH],
            [(None, HIT, Place(1, path="hits.hits[0]")), (None, {"_source": B}, Place(1, path="hits.hits[1]"))],
            {},
        ),
        (
            [A, [{"count": 1, "buckets": [A]}, SEARCH["hits"]], {"buckets": [C]}],
            [
                (None, A, 1),
                ("bucket", A, Place(2, "[0]", path="buckets[0]")),
                (None, SEARCH["hits"], Place(2, "[1]")),
                ("bucket", C, Place(3, path="buckets[0]")),
            ],
            {},
        ),
        (
            [{"index": {"_index": "x", "_id": "1"}}, A, {"create": {}}, C, {"index": {}}, B],
            [(None, A, 2), (None, C, 4), (None, B, 6)],
            {},
        ),
        (
            [{"delete": {"_id": "1"}}, {"index": {}}, A, {"delete": {"_id": "2"}}, {"delete": {"_id": "3"}}],
            [(None, A, 3)],
            {"delete action": 3},
        ),
        ([[{"index": {}}, A]], [(None, A, Place(1, "[1]"))], {}),
        (
            [{".ml-anomalies-shared": {"mappings": {"dynamic_templates": []}}}, HIT],
            [(None, HIT, 2)],
            {"index definition": 1},
        ),
        (
            [
                {"index": {"settings": {}}},
                {"x": {"aliases": {"y": {}}}, "z": {"aliases": {}}},
                {"t": {"order": 0, "index_patterns": ["*"], "settings": {}}},
            ],
            [],
            {"index definition": 3},
        ),
        ([{"error": {"type": "x"}, "status": 404}], [], {"server error": 1}),
        (
            [
                {"error": {"type": "x", "reason": "No known job"}, "status": 404},
                {"error": {"type": "x", "reason": "No known job"}, "status": 404},
                {"error": "Incorrect HTTP method", "status": 405},
                {"error": "no handler found"},
                {"error": {"reason": "y" * 300}},
                {"error": {"reason": 5}},
            ],
            [],
            {
                "server error [No known job]": 2,
                "server error [Incorrect HTTP method]": 1,
                "server error [no handler found]": 1,
                f"server error [{'y' * 200}]": 1,
                "server error": 1,
            },
        ),
        (
            [{}, {"error": "x", "y": 5}, {"x": {}}, {"index": 5}],
            [(None, {}, 1), (None, {"error": "x", "y": 5}, 2), (None, {"x": {}}, 3), (None, {"index": 5}, 4)],
            {},
        ),
        (
            [5, None, [[A]], "x"],
            [(None, 5, Place(1)), (None, None, Place(2)), (None, [A], Place(3, "[0]")), (None, "x", Place(4))],
            {},
        ),
        ([{"index": {}}, 5], [(None, 5, Place(2))], {}),
        ([{"buckets": [], "records": []}], [(None, {"buckets": [], "records": []}, 1)], {}),
        ([A | {"records": [B], "hits": {"hits": []}}], [(None, A | {"records": [B], "hits": {"hits": []}}, 1)], {}),
    ],
    ids=[
        "a document on each line",
        "an array",
        "hits, as elasticdump writes them",
        "an answer",
        "an answer with records",
        "an answer with influencers",
        "an empty answer",
        "a search response",
        "answers in an array",
        "a bulk request",
        "a bulk request that deletes",
        "a bulk request as an array",
        "a mapping before hits",
        "definitions only",
        "an error of the server",
        "errors of the server with a reason",
        "other objects",
        "no objects",
        "a source that is no object",
        "two lists",
        "a document with the names of an answer",
    ],
)
def test_documents_are_found_in_every_format(
    values: list[object], documents: list[tuple[str | None, Any, Any]], passed_over: dict[str, int]
) -> None:
    """Anything that is not recognised counts as a document, which the index refuses, or skips and counts."""
    assert read(*values) == (documents, passed_over)
    indented, counted = read(*values, indent=1)
    assert ([(kind, document) for kind, document, _ in indented], counted) == (
        [(kind, document) for kind, document, _ in documents],
        passed_over,
    )


def test_an_answer_over_several_lines_keeps_its_text() -> None:
    """The text is needed to find the line of a wrong field."""
    found, _ = read(A, {"count": 1, "buckets": [C]}, indent=1)
    _, _, place = found[1]
    assert place.line == len(lines(A, indent=1)) + 1
    assert place.of("timestamp") == (place.line + 5, "buckets[0].timestamp")


@pytest.mark.parametrize(
    ("values", "line", "reason"),
    [
        ([A, {"index": {}}], 2, "expected a document after this [index] action"),
        ([{"create": {"_id": "1"}}, {"index": {}}, A], 1, "expected a document after this [create] action"),
        ([{"index": {}}, {"delete": {"_id": "1"}}, A], 1, "expected a document after this [index] action"),
        (
            [{"index": {}}, A, {"update": {"_id": "1"}}, {"doc": {"anomaly_score": 5}}],
            3,
            "an [update] action has only a part of a document, so it cannot be stored",
        ),
        ([[A, {"index": {}}]], 1, "expected a document after this [index] action"),
    ],
)
def test_a_bulk_request_that_cannot_be_carried_out_is_refused(values: list[object], line: int, reason: str) -> None:
    """The error names the line of the action."""
    with pytest.raises(Unreadable) as raised:
        read(*values)
    assert (raised.value.line, raised.value.reason) == (line, reason)


def test_documents_come_before_the_next_line_is_read() -> None:
    """A pipe that waits after a document does not keep the document back."""
    given = 0

    def piped() -> Iterator[bytes]:
        nonlocal given
        for line in lines({"index": {}}, A, B, {"buckets": [C, C]}, HIT):
            given += 1
            yield line

    assert [given for _ in read_documents("-", piped(), Counter())] == [2, 3, 4, 4, 5]
