"""Rules 9.3, 9.11 and 9.12, and our decision on unknown fields: the body of an influencer.

Bodies are compared as JSON text, so key order counts, and ``50`` is not ``50.0``.
"""

from datetime import timedelta
from typing import Any

import numpy as np

from bucketquery import Influencer
from support.document_tables import Shown, assert_frozen, assert_shown, thawed
from support.semantics_tables import assert_same_body, at, each_row, influencer

JUNE_1 = at("2016-06-01T00:00:00.000Z")
JUNE_TEXT = "2016-06-01T00:00:00.000Z"

BARE = {
    "job_id": "web",
    "result_type": "influencer",
    "influencer_score": 0.0,
    "initial_influencer_score": 0.0,
    "probability": 0.0,
    "bucket_span": 3_600,
    "is_interim": False,
    "timestamp": 1_464_739_200_000,
}


def blamed(name: str, value: str, *generated_: tuple[str, Any], **fields: Any) -> dict[str, Any]:
    """The body of an influencer with this name and value, its generated key and its other fields."""
    head = {
        "job_id": "web",
        "result_type": "influencer",
        "influencer_field_name": name,
        "influencer_field_value": value,
    }
    return (
        head
        | dict(generated_)
        | {key: fields.pop(key, value) for key, value in BARE.items() if key not in head}
        | fields
    )


FULL = blamed(
    "host",
    "a",
    ("host", "a"),
    influencer_score=75.0,
    initial_influencer_score=80.5,
    probability=1e-308,
    bucket_span=900,
    is_interim=True,
)
INFLUENCERS = [
    Shown("9.11", "every key, in the API's order", FULL, FULL, "INFR"),
    Shown("9.11", "every key, from a document in another order", dict(reversed(FULL.items())), FULL, "INFR"),
    Shown(
        "9.11",
        "the data field's own name is added",
        influencer(JUNE_1, "a"),
        blamed("host", "a", ("host", "a")),
        "INFR",
    ),
    Shown("9.11", "neither name nor value: no keys", influencer(JUNE_1), BARE, "ours: only the identity is required"),
    Shown(
        "9.11",
        "null is missing",
        influencer(JUNE_1)
        | dict.fromkeys(
            (
                "influencer_field_name",
                "influencer_field_value",
                "influencer_score",
                "initial_influencer_score",
                "probability",
                "is_interim",
            )
        ),
        BARE,
        "ours",
    ),
    Shown(
        "9.11",
        "a name without a value",
        influencer(JUNE_1, influencer_field_name="host"),
        {"job_id": "web", "result_type": "influencer", "influencer_field_name": "host"} | BARE,
        "ours: nothing is generated",
    ),
    Shown(
        "9.11",
        "a value without a name",
        influencer(JUNE_1, influencer_field_value="a"),
        {"job_id": "web", "result_type": "influencer", "influencer_field_value": "a"} | BARE,
        "ours: nothing is generated",
    ),
    Shown("9.11", "an empty value is a value", influencer(JUNE_1, ""), blamed("host", "", ("host", "")), "INFR"),
    Shown(
        "9.11",
        "an empty name",
        influencer(JUNE_1, "a", influencer_field_name=""),
        blamed("", "a"),
        "ours: not for an empty name",
    ),
    Shown(
        "9.11",
        "a dotted name",
        influencer(JUNE_1, "a", influencer_field_name="host.name"),
        blamed("host.name", "a", ("host.name", "a")),
        "RFN: host is not reserved",
    ),
    Shown(
        "9.11",
        "numbers are doubles",
        influencer(JUNE_1, influencer_score=50, initial_influencer_score=np.int8(5), probability=1, bucket_span=60.0),
        BARE | {"influencer_score": 50.0, "initial_influencer_score": 5.0, "probability": 1.0, "bucket_span": 60},
        "INFR",
    ),
    Shown(
        "9.12",
        "the least double",
        influencer(JUNE_1, probability=5e-324),
        BARE | {"probability": 5e-324},
        "ours: a double, not a single",
    ),
    Shown(
        "9.3",
        "timestamp_string stands before an influencer's timestamp",
        influencer(JUNE_1, "a", extra=1),
        {key: value for key, value in blamed("host", "a", ("host", "a")).items() if key != "timestamp"}
        | {"timestamp_string": JUNE_TEXT, "timestamp": 1_464_739_200_000, "extra": 1},
        "XCB",
        human=True,
    ),
    Shown(
        "20.unknown-fields",
        "a stored key replaces the generated key",
        influencer(JUNE_1, "a", zone=1, host=["a", 5]),
        blamed("host", "a", ("host", ["a", 5])) | {"zone": 1},
        "ours",
    ),
    Shown(
        "20.unknown-fields",
        "unknown keys keep their order",
        influencer(JUNE_1, "a", zebra=None, apple={"deep": [1]}, record_score=5, raw_anomaly_score=7),
        blamed("host", "a", ("host", "a"))
        | {"zebra": None, "apple": {"deep": [1]}, "record_score": 5, "raw_anomaly_score": 7},
        "ours",
    ),
]
INFLUENCERS += [
    Shown("9.11", f"{name} is reserved", influencer(JUNE_1, "a", influencer_field_name=name), blamed(name, "a"), "RFN")
    for name in ("timestamp", "probability", "influencer_score", "influencers", "bucket_span.x", "_id", "record_score")
]


@each_row(INFLUENCERS)
def test_body_shows_the_influencer(row: Shown) -> None:
    """The body of the page and the body of the influencer show the influencer of the row."""
    assert_shown(row)


@each_row(INFLUENCERS)
def test_influencer_has_the_values_of_its_body(row: Shown) -> None:
    """The attributes of an influencer are the values of its body: a missing name or value is None."""
    found = row.page()[0]
    assert type(found) is Influencer
    for name in FULL:
        if name != "host":
            assert_same_body(getattr(found, name), row.body.get(name))
    unknown = [name for name in row.given if name not in FULL or name == "host"]
    assert_same_body(thawed(found.other_fields), {name: row.body[name] for name in unknown})
    assert_frozen(found.other_fields)
    assert at(found.time.isoformat()) == JUNE_1
    assert found.time.utcoffset() == timedelta(0)
