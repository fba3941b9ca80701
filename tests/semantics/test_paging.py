"""Rules 6.1 to 6.3, and our decisions on `from_`, `size`, `page` and the index's `max_size`.

Each row runs for buckets, records and influencers.
"""

from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, BucketQueryError, Kind, LimitExceeded, ResultsIndex
from support.semantics_tables import (
    CALLS,
    JOB,
    SCORES,
    Answered,
    Refusal,
    Refused,
    assert_answered,
    assert_refusal,
    assert_refused,
    assert_same_body,
    each_row,
    hours,
    index_of,
    invalid,
    names,
    of_every_kind,
)

HOURS = hours(150)
FEW = hours(3)

DEFAULTS = [
    Answered("6.1", "the first hundred", HOURS, {}, names(0, 100), "PAGE, REST", count=150),
    Answered(
        "6.1", "desc: the last hundred, backwards", HOURS, {"desc": True}, names(149, 49), "PAGE, REST", count=150
    ),
    Answered("6.1", "only size", HOURS, {"size": 3}, names(0, 3), "PAGE: from is 0", count=150),
    Answered("6.1", "only from", HOURS, {"from_": 20}, names(20, 120), "PAGE: size is 100", count=150),
    Answered("6.1", "only from, near the end", HOURS, {"from_": 147}, names(147, 150), "PAGE", count=150),
    Answered("6.1", "both", HOURS, {"from_": 20, "size": 3}, names(20, 23), "PAGE", count=150),
    Answered("6.1", "size beyond the end", HOURS, {"from_": 140, "size": 100}, names(140, 150), "PAGE", count=150),
    Answered("6.1", "size above the number of matches", HOURS, {"size": 1_000}, names(0, 150), "PAGE", count=150),
    Answered("6.1", "both, desc", HOURS, {"from_": 20, "size": 3, "desc": True}, names(129, 126), "PAGE", count=150),
    Answered(
        "6.1", "NumPy ints", HOURS, {"from_": np.int64(20), "size": np.uint8(3)}, names(20, 23), "ours", count=150
    ),
    Answered(
        "6.1", "None", HOURS, {"from_": None, "size": None}, names(0, 100), "not given", count=150, only="get_buckets"
    ),
]

PAGE_OBJECT = [
    Answered("6.1", f"page {page}", HOURS, {"page": page}, expected, "PAGE", count=150, only="get_buckets")
    for page, expected in (
        ({"from": 20, "size": 3}, names(20, 23)),
        ({"size": 3, "from": 20}, names(20, 23)),
        ({"from": 120}, names(120, 150)),
        ({"size": 3}, names(0, 3)),
        ({}, names(0, 100)),
        ({"from": 20, "size": 0}, ""),
    )
]

EMPTY_PAGES = [
    Answered("6.3", "size 0", HOURS, {"size": 0}, "", "PAGE, JRP: the true count", count=150),
    Answered("6.3", "size 0 with from", HOURS, {"from_": 10, "size": 0}, "", "PAGE, JRP", count=150),
    Answered("6.3", "size 0 with a threshold", HOURS, {"size": 0, "anomaly_score": 1}, "", "PAGE, JRP", count=0),
    Answered("6.3", "from at the end", HOURS, {"from_": 150}, "", "PAGE, JRP: the true count", count=150),
    Answered("6.3", "from at the last result", HOURS, {"from_": 149}, "h149", "PAGE, JRP", count=150),
    Answered("6.3", "from past the end", HOURS, {"from_": 151}, "", "PAGE, JRP", count=150),
    Answered("6.3", "from past the end, desc", HOURS, {"from_": 151, "desc": True}, "", "PAGE, JRP", count=150),
    Answered(
        "6.3", "from past the end by score", HOURS, {"from_": 151, "sort": "anomaly_score"}, "", "PAGE, JRP", count=150
    ),
    Answered("20.from-size", "from far past the end", HOURS, {"from_": 10**6}, "", "ours: unlimited", count=150),
    Answered("20.from-size", "from past int64", HOURS, {"from_": 10**30}, "", "ours: unlimited", count=150),
    Answered(
        "20.from-size", "from past int64, desc", HOURS, {"from_": 2**63, "desc": True}, "", "unlimited", count=150
    ),
    Answered("20.from-size", "from near int64", HOURS, {"from_": 2**63 - 1}, "", "ours: no overflow", count=150),
    Answered(
        "20.from-size",
        "from + size past 10000",
        HOURS,
        {"from_": 9_999, "size": 100},
        "",
        "the server's window does not apply",
        count=150,
    ),
    Answered("20.from-size", "size at the default limit", HOURS, {"size": 10_000}, names(0, 150), "ours", count=150),
]


@each_row(of_every_kind(DEFAULTS, PAGE_OBJECT, EMPTY_PAGES))
def test_page_holds_the_expected_results(row: Answered) -> None:
    """A page holds the results of the row, and its count is the number of all matches."""
    assert_answered(row)


def negative(field: str, name: str) -> Refusal:
    """The refusal of a negative number, in the server's words."""
    return invalid(field, f"Parameter [{name}] cannot be < 0")


def no_int(field: str, name: str, value: object = None) -> Refusal:
    """The refusal of a value that is not an int, in the server's words."""
    shown = "" if value is None else f"{value}]"
    return invalid(field, f"Failed to parse int parameter [{name}] with value [{shown}")


NEGATIVE = [
    Refused("6.2", "from", HOURS, {"from_": -1}, negative("from_", "from"), "PAGE"),
    Refused("6.2", "size", HOURS, {"size": -1}, negative("size", "size"), "PAGE"),
    Refused("6.2", "below int64", HOURS, {"size": -(10**30)}, negative("size", "size"), "PAGE"),
    Refused("6.2", "a NumPy int", HOURS, {"from_": np.int64(-1)}, negative("from_", "from"), "PAGE"),
    Refused(
        "6.2", "page.from", HOURS, {"page": {"from": -1}}, negative("page.from", "from"), "PAGE", only="get_buckets"
    ),
    Refused(
        "6.2", "page.size", HOURS, {"page": {"size": -1}}, negative("page.size", "size"), "PAGE", only="get_buckets"
    ),
    Refused("6.2", "-1 does not mean unset here", HOURS, {"size": -1, "from_": 0}, negative("size", "size"), "PAGE"),
]

NO_INT = [
    Refused("6.2", f"{field} {value!r}", HOURS, {field: value}, no_int(field, name, shown), "RR: an int")
    for field, name in (("from_", "from"), ("size", "size"))
    for value, shown in ((1.0, 1.0), (1.5, 1.5), ("x", "x"), ("5", "5"), (True, None), (False, None), ([1], None))
] + [
    Refused(
        "6.2",
        "page.from, text",
        HOURS,
        {"page": {"from": "x"}},
        no_int("page.from", "from", "x"),
        "RR",
        only="get_buckets",
    ),
    Refused(
        "6.2",
        "page.size, a float",
        HOURS,
        {"page": {"size": 1.5}},
        no_int("page.size", "size"),
        "RR",
        only="get_buckets",
    ),
    Refused(
        "6.2",
        "page.size, a bool",
        HOURS,
        {"page": {"size": True}},
        no_int("page.size", "size"),
        "RR",
        only="get_buckets",
    ),
]

PAGE_FIELDS = "page|page.from|page.size|from_|size"
BOTH_WAYS = [
    Refused(
        "20.python-client-habits",
        f"{sorted(asked)}",
        HOURS,
        asked,
        invalid(PAGE_FIELDS, ""),
        "ours: from_ and size, or page, not both",
        only="get_buckets",
    )
    for asked in (
        {"from_": 0, "page": {"from": 0}},
        {"size": 100, "page": {"size": 100}},
        {"from_": 1, "size": 1, "page": {}},
    )
] + [
    Refused(
        "20.python-client-habits",
        f"page {page!r}",
        HOURS,
        {"page": page},
        invalid(f"{PAGE_FIELDS}|page.skip", ""),
        "6.1: an object with only from and size",
        only="get_buckets",
    )
    for page in ({"from": 0, "skip": 1}, {"from_": 1}, 5, "0", [0, 1])
]


def too_large(size: int) -> Refused:
    """The refusal of a size above the default `max_size`."""
    expected = Refusal(LimitExceeded, 400, "illegal_argument_exception", "size", "")
    return Refused("20.from-size", f"size {size}", FEW, {"size": size}, expected, "ours: max_size is 10000")


TOO_LARGE = [too_large(10_001), too_large(2**63), too_large(10**30)]


@each_row(of_every_kind(NEGATIVE, NO_INT, BOTH_WAYS, TOO_LARGE))
def test_invalid_page_is_refused(row: Refused) -> None:
    """Invalid paging parameters raise the error of the row."""
    assert_refused(row)


def test_max_size_limits_the_page_object_too() -> None:
    """Section 20, from_ and size: `page.size` above the index's `max_size` is refused, as `size` is."""
    with pytest.raises(BucketQueryError) as caught:
        index_of([]).get_buckets(job_id=JOB, page={"size": 10_001})
    assert_refusal(caught.value, Refusal(LimitExceeded, 400, "illegal_argument_exception", "size|page.size", ""))


def test_each_index_has_its_own_max_size() -> None:
    """Section 20, from_ and size: `max_size` limits every size, the default 100 included, and never `from_`."""
    index = index_of(FEW.values(), max_size=2)
    assert len(index.get_buckets(job_id=JOB, size=2)) == 2
    assert len(index.get_buckets(job_id=JOB, from_=10**9, size=2)) == 0
    for size in (3, None):
        with pytest.raises(LimitExceeded):
            index.get_buckets(job_id=JOB, size=size)
    assert index.get_buckets(job_id=JOB, timestamp=FEW["h1"]["timestamp"]).count == 1


def test_max_size_may_exceed_the_server_s_window() -> None:
    """Section 20, from_ and size: the server's result window of 10000 does not limit the library."""
    assert len(index_of(FEW.values(), max_size=20_000).get_buckets(job_id=JOB, from_=1, size=20_000)) == 2


def test_search_checks_the_size_and_the_query_does_not() -> None:
    """A query belongs to no index, so it may have any size; a scan ignores the size."""
    index = index_of(FEW.values())
    query = BucketQuery(jobs=JOB, from_=1, size=10**9)
    with pytest.raises(LimitExceeded):
        index.search(query)
    assert [found.timestamp for found in index.scan(query)] == [document["timestamp"] for document in FEW.values()]


@pytest.mark.parametrize("max_size", [-1, True, 1.5, "10"])
def test_max_size_is_checked(max_size: Any) -> None:
    """The index refuses a `max_size` that is not an integer from 0 on."""
    with pytest.raises(BucketQueryError) as caught:
        ResultsIndex(max_size=max_size)
    assert_refusal(caught.value, invalid("max_size", ""))


@pytest.mark.parametrize("size", [1, 7, 50, 149, 150, 151])
@pytest.mark.parametrize("by_score", [False, True], ids=["by time", "by score"])
@pytest.mark.parametrize("desc", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("kind", CALLS)
def test_pages_laid_end_to_end_are_the_whole(kind: Kind, desc: bool, by_score: bool, size: int) -> None:
    """Rule 6.1: pages of any size, one after the other, are all matches in order, each once."""
    call = getattr(index_of(document | {"result_type": kind} for document in HOURS.values()), CALLS[kind])
    asked = {"job_id": JOB, "sort": SCORES[kind] if by_score else "timestamp", "desc": desc}
    whole = list(call(size=1_000, **asked))
    laid = [found for skipped in range(0, 150, size) for found in call(from_=skipped, size=size, **asked)]
    assert laid == whole
    assert len({found.timestamp for found in laid}) == 150


def test_empty_page_has_an_empty_body() -> None:
    """Rule 6.3: a page past the end has the true count and an empty list."""
    page = index_of(FEW.values()).get_buckets(job_id=JOB, from_=3)
    assert_same_body(page.to_dict(), {"count": 3, "buckets": []})
