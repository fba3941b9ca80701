"""Our decisions on lists of top influencers: entries over a window and several jobs, by greatest score or by sum."""

from typing import Any

from bucketquery import UnknownJob
from support.semantics_tables import Refusal, bucket, each_row, influencer, invalid
from support.summaries import (
    CallDenied,
    Given,
    Summed,
    assert_call_denied,
    assert_summed,
    judged_by_reference,
    top_influencers,
    top_influencers_by_reference,
)

HOUR = 3_600_000
RULE = "20.top-influencers"


def user(when: int, value: str, **fields: Any) -> dict[str, Any]:
    """The influencer of a user."""
    return influencer(when, value, **{"influencer_field_name": "user", **fields})


#: Two hours of two jobs. One influencer has no value, one no name; they do not count.
GIVEN = Given(
    [
        influencer(0, "a", influencer_score=40),
        influencer(HOUR, "a", influencer_score=30),
        influencer(0, "a", job_id="db", influencer_score=20, is_interim=True),
        influencer(0, "b", influencer_score=60),
        influencer(HOUR, "c", job_id="db"),
        user(0, "a", influencer_score=60),
        user(HOUR, "", job_id="db", influencer_score=50),
        influencer(0, influencer_field_name="host", influencer_score=99),
        influencer(0, influencer_field_value="a", influencer_score=99),
        bucket(0, anomaly_score=99),
    ]
)
Short = tuple[str, float, float, int]


def short(found: tuple[int, list[dict[str, Any]]]) -> tuple[int, list[Short]]:
    """The count, and each entry as ``field=value``, greatest score, sum and number."""
    count, entries = found
    return count, [
        (
            f"{one['influencer_field_name']}={one['influencer_field_value']}",
            one["max_influencer_score"],
            one["sum_influencer_score"],
            one["count"],
        )
        for one in entries
    ]


HOST_A, HOST_B, HOST_C = ("host=a", 40.0, 90.0, 3), ("host=b", 60.0, 60.0, 1), ("host=c", 0.0, 0.0, 1)
USER_A, USER = ("user=a", 60.0, 60.0, 1), ("user=", 50.0, 50.0, 1)
BY_MAX = [HOST_B, USER_A, USER, HOST_A, HOST_C]
BY_SUM = [HOST_A, HOST_B, USER_A, USER, HOST_C]

LISTS = [
    Summed(RULE, claim, GIVEN, asked, expected, "ours")
    for claim, asked, expected in (
        ("by the greatest score", {}, (5, BY_MAX)),
        ("by the greatest score, by name", {"by": "max"}, (5, BY_MAX)),
        ("by the sum", {"by": "sum"}, (5, BY_SUM)),
        ("one field", {"field": "host"}, (3, [HOST_B, HOST_A, HOST_C])),
        ("one field, by the sum", {"field": "host", "by": "sum"}, (3, [HOST_A, HOST_B, HOST_C])),
        ("a field that no influencer has", {"field": "zone"}, (0, [])),
        ("None is every field", {"field": None}, (5, BY_MAX)),
        ("one job", {"jobs": "db"}, (3, [USER, ("host=a", 20.0, 20.0, 1), HOST_C])),
        ("a wildcard", {"jobs": "w*"}, (3, [HOST_B, USER_A, ("host=a", 40.0, 70.0, 2)])),
        ("an exclusion", {"jobs": "*,-web"}, (3, [USER, ("host=a", 20.0, 20.0, 1), HOST_C])),
        ("no job", {"jobs": "x*"}, (0, [])),
        ("start", {"start": HOUR}, (3, [USER, ("host=a", 30.0, 30.0, 1), HOST_C])),
        ("end", {"end": HOUR}, (3, [HOST_B, USER_A, ("host=a", 40.0, 60.0, 2)])),
        ("an empty window", {"start": HOUR, "end": HOUR}, (0, [])),
        ("a reversed window", {"start": 2 * HOUR, "end": 0}, (0, [])),
        ("-1 is unset", {"start": -1, "end": -1}, (5, BY_MAX)),
        (
            "without interim results",
            {"exclude_interim": True, "field": "host"},
            (3, [HOST_B, ("host=a", 40.0, 70.0, 2), HOST_C]),
        ),
        ("the first", {"size": 1}, (5, BY_MAX[:1])),
        ("a page", {"size": 2, "from_": 1}, (5, BY_MAX[1:3])),
        ("the last", {"size": 10**9, "from_": 4}, (5, BY_MAX[4:])),
        ("past the end", {"from_": 5}, (5, [])),
        ("no entry", {"size": 0}, (5, [])),
    )
] + [
    Summed(RULE, claim, GIVEN, asked, expected, "ours", is_read_as_text=True)
    for claim, asked, expected in (
        ("dates", {"start": "1970-01-01T01"}, (3, [USER, ("host=a", 30.0, 30.0, 1), HOST_C])),
        ("now", {"start": "now-1h", "now": 2 * HOUR}, (3, [USER, ("host=a", 30.0, 30.0, 1), HOST_C])),
    )
]
TIES = [
    Summed(
        RULE,
        "ties by field name, then by value, by code point",
        Given(
            [influencer(0, value) for value in ("\U0001f600", "\uffee", "b", "", "B")]
            + [user(0, "a"), influencer(0, "z", influencer_field_name="Host")]
        ),
        {},
        (
            7,
            [
                (name, 0.0, 0.0, 1)
                for name in ("Host=z", "host=", "host=B", "host=b", "host=\uffee", "host=\U0001f600", "user=a")
            ],
        ),
        "ours",
    ),
    Summed(
        RULE,
        "ten by default",
        Given([influencer(0, f"{number:02}", influencer_score=number) for number in range(12)]),
        {},
        (12, [(f"host={number:02}", float(number), float(number), 1) for number in range(11, 1, -1)]),
        "ours",
    ),
    Summed(
        RULE,
        "a missing score is above a negative one",
        Given(
            [influencer(0, "a", influencer_score=-5), influencer(HOUR, "a"), influencer(0, "b", influencer_score=-5)]
        ),
        {},
        (2, [("host=a", 0.0, -5.0, 2), ("host=b", -5.0, -5.0, 1)]),
        "ours",
    ),
    Summed(
        RULE,
        "several spans and instants are several results",
        Given([influencer(0, "a", influencer_score=1), influencer(0, "a", influencer_score=2, bucket_span=60)]),
        {},
        (1, [("host=a", 2.0, 3.0, 2)]),
        "ours",
    ),
    Summed(
        RULE,
        "a result that was replaced counts once",
        Given([influencer(0, "a", influencer_score=9), influencer(0, "a", influencer_score=2)]),
        {},
        (1, [("host=a", 2.0, 2.0, 1)]),
        "ours",
    ),
    Summed(
        RULE,
        "the current score counts",
        Given([influencer(0, "a", influencer_score=1, initial_influencer_score=90)]),
        {},
        (1, [("host=a", 1.0, 1.0, 1)]),
        "ours",
    ),
    Summed(RULE, "no influencer", Given([bucket(0)]), {}, (0, []), "ours"),
]
DENIED = [
    CallDenied(RULE, claim, GIVEN, asked, expected, "ours")
    for claim, asked, expected in (
        ("another order", {"by": "count"}, invalid("by", "")),
        ("by is text", {"by": None}, invalid("by", "")),
        ("field is text", {"field": 5}, invalid("field", "")),
        ("size is at least 0", {"size": -1}, invalid("size", "")),
        ("size is an integer", {"size": "many"}, invalid("size", "")),
        ("from_ is at least 0", {"from_": -1}, invalid("from_|from", "")),
        ("exclude_interim is a boolean", {"exclude_interim": "yes"}, invalid("exclude_interim", "")),
        ("no job named", {"jobs": ""}, invalid("jobs", "")),
        ("a bad date", {"end": "x"}, invalid("end", "failed to parse date field [x]", "parse_exception")),
        (
            "an unknown job",
            {"jobs": "web,nobody"},
            Refusal(UnknownJob, 404, "resource_not_found_exception", "jobs", "No known job with id 'nobody'"),
        ),
    )
]


@each_row(*map(judged_by_reference, (LISTS, TIES)))
def test_the_reference_has_the_entries(row: Summed) -> None:
    """The reference gives the entries that were worked out by hand."""
    assert short(top_influencers_by_reference(row.given, row.asked)) == row.expected


@each_row(LISTS, TIES)
def test_top_influencers_are_as_listed(row: Summed) -> None:
    """The index and its snapshot give the entries that were worked out by hand."""
    assert_summed(row, top_influencers, short)


@each_row(DENIED)
def test_bad_calls_are_refused(row: CallDenied) -> None:
    """The index and its snapshot raise the row's error."""
    assert_call_denied(row, top_influencers)
