"""Rules 8.1 and 8.7: `expand` is accepted and checked as a boolean; no records are held, so no bucket has any."""

from semantics_tables import (
    JOB,
    Answered,
    Refused,
    assert_answered,
    assert_refused,
    bucket,
    each_row,
    index_of,
    invalid,
)

BUCKETS = {
    "plain": bucket(0),
    "blamed": bucket(3_600_000, bucket_influencers=[{"influencer_field_name": "bucket_time"}]),
}

EXPAND = [
    Answered("8.1", "False", BUCKETS, {"expand": False}, "plain blamed", "BKT"),
    Answered("8.7", "True", BUCKETS, {"expand": True}, "plain blamed", "JRP: the count is the same"),
    Answered("8.1", "text true", BUCKETS, {"expand": "true"}, "plain blamed", "OP", only="get_buckets"),
    Answered("8.1", "text false", BUCKETS, {"expand": "false"}, "plain blamed", "OP", only="get_buckets"),
    Answered("8.1", "None", BUCKETS, {"expand": None}, "plain blamed", "not given", only="get_buckets"),
    Answered("8.1", "a lookup", BUCKETS, {"expand": True, "timestamp": 3_600_000}, "blamed", "2.1: not exclusive"),
]

NO_BOOLEAN = [
    Refused(
        "4.4",
        f"expand {value!r}",
        BUCKETS,
        {"expand": value},
        invalid("expand", f"Failed to parse value [{value}]"),
        "OP",
    )
    for value in ("maybe", 2, "False")
]


@each_row(EXPAND)
def test_expand_is_accepted(row: Answered) -> None:
    """`expand` changes neither the buckets nor the count."""
    assert_answered(row)


@each_row(NO_BOOLEAN)
def test_expand_that_is_no_boolean_is_refused(row: Refused) -> None:
    """`expand` is a boolean and nothing else."""
    assert_refused(row)


def test_bucket_without_records_has_no_such_key() -> None:
    """Rule 8.1: `records` is shown only where there are some."""
    index = index_of(BUCKETS.values())
    for expand in (False, True):
        assert all(
            "records" not in shown for shown in index.get_buckets(job_id=JOB, expand=expand).to_dict()["buckets"]
        )
