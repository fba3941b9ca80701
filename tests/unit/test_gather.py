"""Gathering: rows of several segments get their places in a new one, with their masks, lists and keywords."""

from typing import Any

import numpy as np

from bucketquery.model.schema import BUCKET, RECORD, Int64s
from bucketquery.storage.gather import gather
from bucketquery.storage.packed_segment import empty_segment
from bucketquery.storage.segment import Segment
from support.helpers import FULL, bucket, record, segment, stored


def array(*these: int) -> Int64s:
    """Rows as an array."""
    return np.array(these, dtype=np.int64)


def records(*keywords: str | None, first: int = 0) -> Segment:
    """Records of consecutive buckets, each with a keyword of its own."""
    documents = [record(first + row, by_field_value=keyword) for row, keyword in enumerate(keywords)]
    return segment(documents, RECORD)


def keywords_of(source: Segment, name: str) -> list[str | None]:
    """The keywords of a column."""
    found: list[str | None] = source.values(name, slice(0, source.length)).tolist()
    return found


def test_rows_of_several_segments_are_gathered() -> None:
    """The rows of each part go to their places with their masks and lists. The new segment may have spare room."""
    these = segment([bucket(0, **FULL), bucket(2), bucket(4, **FULL)])
    those = segment([bucket(1, **{**FULL, "scheduled_events": ["b"]}), bucket(3)])
    parts: list[Any] = [
        (these, array(0, 1, 2), array(0, 2, 3)),
        (empty_segment(BUCKET), array(), array()),
        (those, array(0), array(1)),
    ]
    found = gather(BUCKET, parts, 4, spare=3)
    found.check()
    assert stored(found) == [stored(these)[0], stored(those)[0], *stored(these)[1:]]
    assert {len(column) for column in found.columns.values()} == {7}
    assert len(found.present["event_count"]) == 7
    nothing = gather(BUCKET, [], 0)
    nothing.check()
    assert (nothing.length, nothing.present, nothing.lists) == (0, {}, {})


def test_gathered_rows_keep_their_keywords() -> None:
    """Two dictionaries are merged, without the keywords that no row has."""
    many = records(*(f"{number:03}" for number in range(100)))
    few = records("042", "zzz", None, first=100)
    chosen = np.array([3, 42])
    parts = [(many, chosen, np.array([0, 1])), (few, np.arange(3), np.array([2, 3, 4]))]
    found = gather(RECORD, parts, 5)
    found.check()
    assert keywords_of(found, "by_field_value") == ["003", "042", "042", "zzz", None]
    assert found.dictionary("by_field_value").tolist() == ["003", "042", "zzz"]
    assert keywords_of(found, "partition_field_value") == [None] * 5
    assert found.missing("by_field_value", slice(0, 5)).tolist() == [False] * 4 + [True]  # type: ignore[union-attr] # a mask
