"""Rule 15.3, and our decisions on the order of influencers: the rules that only influencers have.

Rule 15.1 holds for records too: see `test_records_and_influencers.py`.
"""

from functools import partial

from support.semantics_tables import (
    Answered,
    Refused,
    assert_answered,
    assert_refused,
    each_row,
    influencer,
    no_mapping,
)

HOUR = 3_600_000
influencers = partial(Answered, of="influencer")
refused = partial(Refused, of="influencer")

# Equal scores. The order by span, name or value contradicts the order by time.
TIES = {
    "old": influencer(0, "z", influencer_score=50.0, bucket_span=900),
    "new": influencer(HOUR, "y", influencer_score=50.0, bucket_span=60),
    "newest": influencer(2 * HOUR, "x", influencer_score=50.0, bucket_span=30, influencer_field_name="a"),
}
SPANS = {
    "short": influencer(0, "z", bucket_span=60),
    "long": influencer(0, "a", bucket_span=900),
}
NAMES = {
    "airline": influencer(0, "z", influencer_field_name="airline"),
    "host": influencer(0, "a"),
    "none": influencer(0, None, influencer_field_value="a"),
}
VALUES = {
    "b": influencer(0, "b"),
    "none": influencer(0, None, influencer_field_name="host"),
    "a": influencer(0, "a"),
    "empty": influencer(0, ""),
}
ORDER = [
    influencers(
        "15.3", "equal scores: newest first", TIES, {}, "newest new old", "ours: the server does not define it"
    ),
    influencers("15.3", "ascending: oldest first", TIES, {"desc": False}, "old new newest", "ours"),
    influencers("15.3", "paging comes after the tie-break", TIES, {"size": 1}, "newest", "ours", count=3),
    influencers("20.order-of-influencers", "time before span", TIES, {"sort": "job_id"}, "newest new old", "ours"),
    influencers("20.order-of-influencers", "span before name and value", SPANS, {}, "long short", "ours"),
    influencers(
        "20.order-of-influencers", "span, ascending", SPANS, {"desc": False}, "short long", "ours: shorter first"
    ),
    influencers("20.order-of-influencers", "name before value, missing last", NAMES, {}, "host airline none", "ours"),
    influencers(
        "20.order-of-influencers", "name, ascending", NAMES, {"desc": False}, "airline host none", "ours: missing last"
    ),
    influencers("20.order-of-influencers", "value, missing last", VALUES, {}, "b a empty none", "ours"),
    influencers(
        "20.order-of-influencers", "value, ascending", VALUES, {"desc": False}, "empty a b none", "ours: missing last"
    ),
    influencers(
        "20.order-of-influencers",
        "equal probabilities sort by time, not by score",
        {
            "a": influencer(0, "a", probability=0.5, influencer_score=90.0),
            "b": influencer(HOUR, "a", probability=0.5, influencer_score=10.0),
        },
        {"sort": "probability"},
        "b a",
        "ours: the score is not a tie-break",
    ),
]


@each_row(ORDER)
def test_influencers_are_in_the_expected_order(row: Answered) -> None:
    """get_influencers and an `InfluencerQuery` give the influencers of the row in its order, and its count."""
    assert_answered(row)


UNSORTABLE = [
    refused("5.6", "influencers by a data field's own name", TIES, {"sort": "host"}, no_mapping("host"), "ours"),
    refused("5.6", "influencers by _doc", TIES, {"sort": "_doc"}, no_mapping("_doc"), "ours"),
    refused("5.6", "influencers by severity", TIES, {"sort": "severity"}, no_mapping("severity"), "ours: computed"),
]


@each_row(UNSORTABLE)
def test_field_that_influencers_cannot_sort_by_is_refused(row: Refused) -> None:
    """A sort field of influencers that has no mapping raises the error of the row."""
    assert_refused(row)
