"""Our decision on scans: a scan yields every match."""

import pytest

from bucketquery import BucketQueryError, LimitExceeded
from support.document_samples import FOUR_BUCKETS, OTHER_KINDS
from support.semantics_tables import (
    RESULTS,
    Answered,
    Refusal,
    Refused,
    assert_refusal,
    each_row,
    index_of,
    invalid,
    names_of,
    question,
    unknown_job,
)

HOUR = 3_600_000

SCANNED = [
    Answered("20.scan", "every match in order", FOUR_BUCKETS, {}, "a c b d", "ours"),
    Answered("20.scan", "size does not apply", FOUR_BUCKETS, {"size": 1}, "a c b d", "ours"),
    Answered("20.scan", "size 0 does not apply", FOUR_BUCKETS, {"size": 0}, "a c b d", "ours"),
    Answered("20.scan", "from_ does not apply", FOUR_BUCKETS, {"from_": 3}, "a c b d", "ours"),
    Answered("20.scan", "by score", FOUR_BUCKETS, {"sort": "anomaly_score", "desc": True}, "d b a c", "5.2"),
    Answered("20.scan", "the window", FOUR_BUCKETS, {"start": HOUR, "end": 2 * HOUR, "size": 1}, "c b", "1.1"),
    Answered("20.scan", "the threshold", FOUR_BUCKETS, {"anomaly_score": 90, "from_": 1}, "b d", "3.1"),
    Answered("20.scan", "without interim buckets", FOUR_BUCKETS, {"exclude_interim": True, "size": 2}, "a c d", "4.2"),
    Answered("20.scan", "every bucket of a lookup", FOUR_BUCKETS, {"timestamp": "1970-01-01"}, "a c b d", "2.7"),
    Answered("20.scan", "a lookup, desc", FOUR_BUCKETS, {"timestamp": HOUR, "desc": True}, "b c", "2.7"),
    Answered("20.scan", "a lookup that finds nothing", FOUR_BUCKETS, {"timestamp": 1}, "", "20.lookup"),
    Answered("20.scan", "no match", FOUR_BUCKETS, {"anomaly_score": 91}, "", "ours"),
    Answered("20.scan", "an empty job", {}, {}, "", "11"),
    Answered("20.scan", "records", OTHER_KINDS, {}, "r3 r2 r1", "15.1", of="record"),
    Answered(
        "20.scan", "records, size does not apply", OTHER_KINDS, {"size": 1, "from_": 2}, "r3 r2 r1", "ours", of="record"
    ),
    Answered("20.scan", "records from a threshold on", OTHER_KINDS, {"record_score": 20}, "r3 r2", "3.1", of="record"),
    Answered("20.scan", "influencers", OTHER_KINDS, {"size": 1}, "i2 i1", "15.1", of="influencer"),
    Answered("20.scan", "influencers, ascending", OTHER_KINDS, {"desc": False}, "i1 i2", "ours", of="influencer"),
    Answered("20.scan", "no influencers", FOUR_BUCKETS, {}, "", "15.1", of="influencer"),
]


@each_row(SCANNED)
def test_scan_yields_every_match(row: Answered) -> None:
    """A scan of the index and a scan of a snapshot yield the results of the row as values."""
    index = index_of(row.given.values())
    query, now = question(row.asked, row.of)
    for reader in (index, index.snapshot()):
        found = list(reader.scan(query, now=now))
        assert names_of(row.given, found) == row.expected.split()
        assert all(type(item) is RESULTS[row.of] for item in found)


NO_SCAN = [
    Refused("20.scan", "an unknown job", FOUR_BUCKETS, {"jobs": "db"}, unknown_job("db"), "11"),
    Refused(
        "20.scan",
        "date math on now past year 9999",
        FOUR_BUCKETS,
        {"start": "now+1y", "now": "9999-06-01"},
        Refusal(LimitExceeded, 400, "illegal_argument_exception", "start", ""),
        "1.7",
    ),
    Refused(
        "20.scan",
        "now that is not an instant",
        FOUR_BUCKETS,
        {"now": "soon"},
        invalid("now", "", "parse_exception"),
        "20.now",
    ),
]


@each_row(NO_SCAN)
def test_call_of_scan_raises_the_error(row: Refused) -> None:
    """The call of `scan` raises the error, not the first step of the iteration."""
    query, now = question(row.asked)
    with pytest.raises(BucketQueryError) as caught:
        index_of(row.given.values()).scan(query, now=now)
    assert_refusal(caught.value, row.expected)
