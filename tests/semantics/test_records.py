"""Rules 15.2 and 5.6, and our decisions on the order of records: the rules that only records have.

Rule 15.1 holds for influencers too: see `test_records_and_influencers.py`.
"""

from functools import partial
from typing import Any

import pytest

from support.semantics_tables import (
    JOB,
    Answered,
    Refused,
    assert_answered,
    assert_refused,
    each_row,
    index_of,
    nested_context,
    no_mapping,
    record,
)

HOUR = 3_600_000
records = partial(Answered, of="record")

# The two records of the server's own test.
JUNE = {
    "june1": record("2016-06-01T00:00:00Z", bucket_span=1, record_score=60.0),
    "june2": record("2016-06-02T00:00:00Z", bucket_span=1, record_score=80.0, is_interim=True),
}

SERVER_TEST = [
    records("15.1", "the server's test", JUNE, {}, "june2 june1", "RYML"),
    records("15.1", "the second page of the server's test", JUNE, {"from_": 1, "size": 1}, "june1", "RYML", count=2),
    records(
        "15.1",
        "the second page of the server's test, as an object",
        JUNE,
        {"page": {"from": 1, "size": 1}},
        "june1",
        "RYML",
        count=2,
        only="get_records",
    ),
    records("15.1", "exclude_interim false", JUNE, {"exclude_interim": False}, "june2 june1", "RYML"),
    records("15.1", "exclude_interim true", JUNE, {"exclude_interim": True}, "june1", "RYML"),
    records(
        "15.1",
        "the window of the server's test",
        JUNE,
        {"start": "2016-05-01T00:00:00Z", "end": "2016-06-01T01:00:00Z"},
        "june1",
        "RYML",
    ),
    records("15.1", "desc as text", JUNE, {"desc": "false"}, "june1 june2", "4.4", only="get_records"),
]

# The keys that break ties of the sort field. A key decides if all keys before it are equal, whatever the later keys.
KEYS: tuple[tuple[str, Any, Any], ...] = (
    ("record_score", 1.0, 2.0),
    ("over_field_value", "a", "b"),
    ("partition_field_value", "a", "b"),
    ("by_field_value", "a", "b"),
    ("field_name", "a", "b"),
    ("function", "a", "b"),
    ("timestamp", 0, HOUR),
    ("bucket_span", 60, 900),
    ("detector_index", 1, 2),
)


def two_by(place: int) -> dict[str, dict[str, Any]]:
    """Two records that first differ in this key: `less` has its low value, and the high value of every later key."""
    earlier = {name: low for name, low, _ in KEYS[:place]}
    name, low, high = KEYS[place]
    later_low = {key: least for key, least, _ in KEYS[place + 1 :]}
    later_high = {key: most for key, _, most in KEYS[place + 1 :]}
    return {
        "more": record(0, probability=0.5) | earlier | {name: high} | later_low,
        "less": record(0, probability=0.5) | earlier | {name: low} | later_high,
    }


PRECEDENCE = [
    records(
        rule,
        f"{name} decides before later keys{', desc' * desc}",
        two_by(place),
        {"sort": "probability", "desc": desc},
        "more less" if desc else "less more",
        source,
    )
    for place, (name, _, _) in enumerate(KEYS)
    for desc in (False, True)
    for rule, source in [("15.2", "RQB") if place < 6 else ("20.order-of-records", "ours: RQB does not define it")]
]
PRECEDENCE += [
    records(
        "15.2",
        f"{name} missing is last{', desc' * desc}",
        {
            "n1": record(0 * HOUR, probability=0.5),
            "high": record(1 * HOUR, probability=0.5, **{name: high}),
            "n2": record(2 * HOUR, probability=0.5, **{name: None}),
            "low": record(3 * HOUR, probability=0.5, **{name: low}),
        },
        {"sort": "probability", "desc": desc},
        "high low n2 n1" if desc else "low high n1 n2",
        "RQB, FSB: _last",
    )
    for name, low, high in KEYS[:6]
    for desc in (False, True)
]

# Three records with equal scores. The oldest has the highest value.
OVERS = {"old": record(0, record_score=50.0, over_field_value="b"), "new": record(HOUR, record_score=50.0)} | {
    "newest": record(2 * HOUR, record_score=50.0, over_field_value="a")
}
SAME_BUCKET = {
    "one": record(0, detector_index=1),
    "absent": record(0),
    "minus": record(0, detector_index=-1),
}
ZEROS = {
    "plus": record(0, record_score=0.0),
    "minus": record(HOUR, record_score=-0.0),
    "none": record(2 * HOUR),
}
TIES = [
    records("15.2", "the values break ties before the time", OVERS, {}, "old newest new", "RQB"),
    records(
        "15.2", "the values break ties before the time, ascending", OVERS, {"desc": False}, "newest old new", "RQB"
    ),
    records(
        "15.2",
        "the values break ties of a field that all records share",
        OVERS,
        {"sort": "job_id"},
        "old newest new",
        "RQB",
    ),
    records("15.2", "paging comes after the tie-break", OVERS, {"from_": 1, "size": 1}, "newest", "RQB", count=3),
    records(
        "15.2",
        "the values break ties when no record has the sort field",
        OVERS,
        {"sort": "function", "desc": False},
        "newest old new",
        "RQB",
    ),
    records(
        "20.order-of-records",
        "ties in every other key: newest first",
        {"a": record(0), "b": record(HOUR), "c": record(2 * HOUR)},
        {},
        "c b a",
        "ours",
    ),
    records(
        "20.order-of-records",
        "ties in every other key, ascending: oldest first",
        {"a": record(0), "b": record(HOUR), "c": record(2 * HOUR)},
        {"desc": False},
        "a b c",
        "ours",
    ),
    records(
        "20.order-of-records",
        "at the same instant the longer span is first",
        {"short": record(0, bucket_span=60), "long": record(0, bucket_span=900)},
        {},
        "long short",
        "ours",
    ),
    records(
        "20.order-of-records",
        "as a tie-break, a missing detector is detector 0",
        SAME_BUCKET,
        {"desc": False},
        "minus absent one",
        "ours: the identity does the same",
    ),
    records(
        "20.order-of-records",
        "as a tie-break, a missing detector is detector 0, desc",
        SAME_BUCKET,
        {},
        "one absent minus",
        "ours",
    ),
    records(
        "20.order-of-records",
        "as the sort field, a missing detector is missing",
        SAME_BUCKET,
        {"sort": "detector_index", "desc": False},
        "minus one absent",
        "5.4: missing values are last",
    ),
    records(
        "20.order-of-records",
        "as the sort field, a missing detector is missing, desc",
        SAME_BUCKET | {"two": record(0, detector_index=2)},
        {"sort": "detector_index"},
        "two one minus absent",
        "5.4",
    ),
    records("20.order-of-records", "zero and minus zero are equal", ZEROS, {}, "minus plus none", "ours: -0.0 is 0.0"),
]

#: Text sorts by its UTF-8 bytes, which is the order of code points.
ALPHABET = {
    "small": record(0, by_field_value="a"),
    "capital": record(0, by_field_value="Z"),
    "none": record(0),
    "accent": record(0, by_field_value="\u00e9"),
    "digit": record(0, by_field_value="1"),
    "longer": record(0, by_field_value="ab"),
    "emoji": record(0, by_field_value="\U0001f600"),
    "halfwidth": record(0, by_field_value="\uffee"),
    "empty": record(0, by_field_value=""),
    "zero": record(0, by_field_value="a\x00"),
}
IN_BYTE_ORDER = "empty digit capital small zero longer accent halfwidth emoji"
BACKWARDS = " ".join(IN_BYTE_ORDER.split()[::-1])
TEXT_ORDER = [
    records(
        "20.all-orders",
        "text by UTF-8 bytes",
        ALPHABET,
        {"sort": "by_field_value", "desc": False},
        f"{IN_BYTE_ORDER} none",
        "ours: not by UTF-16",
    ),
    records(
        "20.all-orders", "text, desc", ALPHABET, {"sort": "by_field_value"}, f"{BACKWARDS} none", "ours: not by UTF-16"
    ),
    records("20.all-orders", "text as a tie-break", ALPHABET, {"desc": False}, f"{IN_BYTE_ORDER} none", "ours"),
    records("20.all-orders", "text as a tie-break, desc", ALPHABET, {}, f"{BACKWARDS} none", "ours"),
]


@each_row(SERVER_TEST, PRECEDENCE, TIES, TEXT_ORDER)
def test_records_are_in_the_expected_order(row: Answered) -> None:
    """get_records and a `RecordQuery` give the records of the row in its order, and its count."""
    assert_answered(row)


UNSORTABLE = [
    Refused("5.6", field, JUNE, {"sort": field}, no_mapping(field), source, of="record")
    for field, source in (
        ("airline", "ours: the name of a data field is not mapped"),
        ("causes", "FSB: an object"),
        ("influencers", "FSB: an object"),
        ("geo_results", "FSB: an object"),
        ("anomaly_score_explanation", "FSB: an object"),
        ("typical", "ours: not listed in 20.sortable-fields"),
        ("actual", "ours: not listed in 20.sortable-fields"),
        ("correlated_by_field_value", "ours: not listed in 20.sortable-fields"),
        ("timestamp_string", "a key of the body, not a field"),
        ("_doc", "ours: there is no order of arrival"),
    )
] + [
    Refused("5.6", f"nested {field}", JUNE, {"sort": field}, nested_context(field), "FSB", of="record")
    for field in ("causes.probability", "influencers.influencer_field_name", "bucket_influencers.anomaly_score")
]


@each_row(UNSORTABLE)
def test_field_that_records_cannot_sort_by_is_refused(row: Refused) -> None:
    """A sort field of records that has no mapping, or is nested, raises the error of the row."""
    assert_refused(row)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("asked", [{}, {"desc": False}, {"sort": "by_field_value"}, {"sort": "timestamp"}], ids=str)
def test_pages_of_records_laid_end_to_end_are_the_whole(asked: dict[str, Any], size: int) -> None:
    """Rule 6.1: pages of any size, one after the other, are all records in order, each once, even if most tie."""
    index = index_of(ALPHABET.values())
    whole = index.get_records(job_id=JOB, **asked).keys()
    pages = [index.get_records(job_id=JOB, from_=skipped, size=size, **asked) for skipped in range(0, 10, size)]
    laid = [key for keys in (page.keys() for page in pages) for key in keys]
    assert laid == list(whole)
    assert len(set(laid)) == 10
