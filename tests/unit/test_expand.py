"""Expanding: which records each bucket has, their order, their limits, and their lazy gathering."""

import pickle
import tracemalloc
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from bucketquery.errors import LimitExceeded
from bucketquery.model.schema import RECORD
from bucketquery.search import expand as module
from bucketquery.search.expand import Expansion, expand
from bucketquery.storage.selection import Selection
from bucketquery.storage.table import Table
from support.helpers import bucket, limit_heads, record, segment, table

INFLUENCERS = [{"influencer_field_name": "bucket_time"}]


def buckets(*rows: int, **fields: Any) -> Selection:
    """Buckets of these rows with influencers, in the order of the arguments."""
    made = segment([bucket(row, **{"bucket_influencers": INFLUENCERS, **fields}) for row in sorted(rows)])
    return Selection(Selection.of(made).view, np.array([sorted(rows).index(row) for row in rows], dtype=np.int64))


def records(*documents: dict[str, Any], late: Iterable[dict[str, Any]] = ()) -> Table:
    """A table of records; those in ``late`` are written in a second batch."""
    return table(documents, late, schema=RECORD)


def shown(expansion: Expansion) -> list[list[tuple[int, int]]]:
    """The row and the detector of each record, a list per bucket."""
    found, ends = expansion.records
    keys = list(zip(found.column("timestamp").tolist(), found.column("detector_index").tolist(), strict=True))
    return [[(time // 300_000, detector) for time, detector in keys[a:b]] for a, b in pairwise(ends)]


def test_each_bucket_has_the_records_of_its_timestamp() -> None:
    """Records follow the order of the page. Records of other timestamps are left out."""
    found = records(*(record(row, detector, probability=0.1) for row in (0, 1, 2, 4) for detector in (1, 0)))
    expansion = expand(buckets(2, 0, 3), found, exclude_interim=False)
    assert shown(expansion) == [[(2, 0), (2, 1)], [(0, 0), (0, 1)], []]
    assert expansion.records is expansion.records


def test_buckets_without_influencers_have_no_records() -> None:
    """A bucket without influencers shows no records, even if the table has records of its timestamp."""
    found = records(record(0))
    assert shown(expand(buckets(0, bucket_influencers=[]), found, exclude_interim=False)) == [[]]
    assert shown(expand(buckets(), found, exclude_interim=False)) == []
    assert shown(expand(buckets(0), Table.empty(RECORD), exclude_interim=False)) == [[]]


def test_replaced_and_late_records_are_included_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replaced record appears once, a late one in its sorted place, an interim one unless interim is excluded."""
    limit_heads(monkeypatch, 100)
    found = records(
        *(record(row, 0, probability=0.5) for row in range(4)),
        late=[
            record(1, 0, probability=0.1),
            record(1, 2, probability=0.2),
            record(2, 1, probability=0.1, is_interim=True),
        ],
    )
    assert len(found.rows.deleted) == 1
    assert found.rows.head.length == 3
    assert shown(expand(buckets(1, 2), found, exclude_interim=False)) == [[(1, 0), (1, 2)], [(2, 1), (2, 0)]]
    assert shown(expand(buckets(1, 2), found, exclude_interim=True)) == [[(1, 0), (1, 2)], [(2, 0)]]


#: Records in sorted order; the first sort key in which two neighbours differ decides between them.
IN_ORDER: list[dict[str, Any]] = [
    {"probability": 0.0, "record_score": 9.0},
    {"probability": 5e-324, "record_score": 1.0},
    {"probability": 5e-324, "record_score": 2.0, "over_field_value": "Z"},
    {"probability": 5e-324, "record_score": 2.0, "over_field_value": "a", "partition_field_value": "a"},
    {"probability": 5e-324, "record_score": 2.0, "over_field_value": "a", "partition_field_value": "b"},
    {"probability": 5e-324, "record_score": 2.0, "over_field_value": "a", "by_field_value": "a"},
    {"probability": 5e-324, "record_score": 2.0, "over_field_value": "a", "by_field_value": "b", "field_name": "a"},
    {"probability": 5e-324, "record_score": 2.0, "over_field_value": "a", "field_name": "a", "function": "max"},
    {"probability": 5e-324, "record_score": 2.0, "over_field_value": "a", "field_name": "a", "function": "mean"},
    {"probability": 5e-324, "record_score": 2.0, "over_field_value": "a", "field_name": "a", "bucket_span": 60},
    {"probability": 5e-324, "record_score": 2.0, "over_field_value": "a", "field_name": "a"},
    {"probability": 5e-324, "record_score": 2.0},
    {"probability": 5e-324},
    {"probability": 0.5},
    {},
    {},
]


def test_the_least_probable_records_come_first() -> None:
    """Ties are ordered by score, values, field, function, span and detector, ascending, with missing values last."""
    documents = [record(0, detector, **fields) for detector, fields in enumerate(IN_ORDER)]
    for found in (records(*documents), records(*documents[::-1]), records(*documents[::2], late=documents[1::2])):
        (rows,) = shown(expand(buckets(0), found, exclude_interim=False))
        assert [detector for _, detector in rows] == list(range(len(IN_ORDER)))


def test_a_bucket_has_a_limit_of_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket has at most `MOST_OF_A_BUCKET` records, the first in sorted order."""
    assert (module.MOST_OF_A_BUCKET, module.MOST_OF_A_PAGE) == (10_000, 100_000)
    monkeypatch.setattr(module, "MOST_OF_A_BUCKET", 3)
    found = records(
        *(record(row, detector, probability=0.1 * (9 - detector)) for row in (0, 1) for detector in range(5))
    )
    rows = shown(expand(buckets(1, 0), found, exclude_interim=False))
    assert rows == [[(row, detector) for detector in (4, 3, 2)] for row in (1, 0)]


@pytest.mark.parametrize("late", [False, True])
def test_a_page_has_a_limit_of_records(monkeypatch: pytest.MonkeyPatch, late: bool) -> None:
    """The limit of a bucket applies first. Deleted records do not count, and no record is gathered before the check."""
    limit_heads(monkeypatch, 100)
    monkeypatch.setattr(module, "MOST_OF_A_BUCKET", 3)
    documents = [record(row, detector) for row in range(4) for detector in range(5)]
    replaced = [record(row, detector, record_score=5.0) for row in range(4) for detector in range(5)] if late else []
    found = records(*documents, late=replaced)
    assert len(shown(expand(buckets(0, 1, 2, 3), found, exclude_interim=False, most=12))) == 4
    assert len(shown(expand(buckets(0, 1, 2, 3), found, exclude_interim=False, most=None))) == 4
    with pytest.raises(LimitExceeded) as caught:
        expand(buckets(0, 1, 2, 3), found, exclude_interim=False, most=11)
    assert (caught.value.field, caught.value.value) == ("expand", True)
    assert caught.value.reason == "[expand] would bring 12 records to one page, more than 11"


def test_the_limit_of_a_page_counts_a_record_for_each_bucket_of_its_instant() -> None:
    """Each of several buckets of one instant shows all records of this instant."""
    spans = segment([bucket(2, bucket_span=span, bucket_influencers=INFLUENCERS) for span in (60, 300, 900)])
    found = records(*(record(2, detector) for detector in range(5)))
    assert len(shown(expand(Selection.of(spans), found, exclude_interim=False, most=15))) == 3
    with pytest.raises(LimitExceeded):
        expand(Selection.of(spans), found, exclude_interim=False, most=14)


def test_a_pickled_expansion_holds_only_its_own_records() -> None:
    """The pickle does not contain the table, whether or not the records were read before."""
    found = records(*(record(row, by_field_value=f"{row:04}") for row in range(2_000)), late=[record(5, 9)])
    expansion = expand(buckets(5, 7), found, exclude_interim=False)
    pickled = pickle.dumps(expansion)
    assert len(pickled) < 5_000
    assert shown(pickle.loads(pickled)) == shown(expansion) == [[(5, 0), (5, 9)], [(7, 0)]]
    assert shown(pickle.loads(pickle.dumps(pickle.loads(pickled)))) == shown(expansion)
    loaded = pickle.loads(pickled)
    assert loaded.total() == expansion.total() == 3
    assert [shown(part) for _, part in loaded.batches(1)] == [shown(part) for _, part in expansion.batches(1)]


def test_batches_hold_a_limited_number_of_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch has at most ``most`` records or is one bucket; all batches in turn are the whole expansion."""
    limit_heads(monkeypatch, 100)
    counts = [0, 3, 1, 0, 7, 2, 2, 0]
    documents = [record(row, detector) for row, count in enumerate(counts) for detector in range(count)]
    found = records(*documents, late=[record(1, 0, record_score=5.0), record(6, 2)])
    whole = expand(buckets(*range(8)), found, exclude_interim=False)
    for most, lengths in ((4, [4, 1, 1, 2]), (100, [8]), (0, [1] * 8)):
        runs = list(whole.batches(most))
        assert [positions.stop - positions.start for positions, _ in runs] == lengths
        assert [rows for _, run in runs for rows in shown(run)] == shown(whole)
    ((positions, run),) = expand(buckets(), found, exclude_interim=False).batches(5)
    assert (positions, shown(run)) == (slice(0, 0), [])


def test_expanding_two_records_does_not_decode_all_keywords() -> None:
    """The memory of an expansion does not grow with the table, even if its records are in base and head."""
    found = records(
        *(record(row, by_field_value=f"{row:06}", over_field_value=f"{row:06}") for row in range(50_000)),
        late=[record(49_999, 1, by_field_value="late", is_interim=True)],
    )
    tracemalloc.start()
    rows = shown(expand(buckets(49_999), found, exclude_interim=False))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == [[(49_999, 0), (49_999, 1)]]
    assert peak < 100_000
