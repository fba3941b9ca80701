"""Nested scores: which influencers of a bucket get a new score, and which names no bucket has."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from bucketquery.results.stored_influencer import DifferingInfluencer
from bucketquery.storage.nested_scores import rescored_copies, rescored_influencers
from bucketquery.storage.segment import Segment
from bucketquery.storage.table_changes import RowPlaces
from support.helpers import FULL, bucket, segment, stored

NAN = float("nan")
Named = Mapping[int, Mapping[str | None, float]]
NAMES = ("bucket_time", "host", "host", None)


def blamed(*names: str | None, **fields: Any) -> list[dict[str, Any]]:
    """Influencers of some names, each with the score 5."""
    return [{"influencer_field_name": name, "anomaly_score": 5.0, **fields} for name in names]


BASE = segment([bucket(0, bucket_influencers=blamed(*NAMES)), bucket(1), bucket(2, bucket_influencers=blamed("host"))])
HEAD = segment([bucket(5, bucket_influencers=blamed("bucket_time", timestamp=7)), bucket(6)])


def places(in_base: list[int | None], in_head: list[int | None]) -> RowPlaces:
    """The places of some buckets, each a row of the base, of the head, or neither."""
    has = [np.array([row is not None for row in found]) for found in (in_base, in_head)]
    rows = [np.array([row or 0 for row in found]) for found in (in_base, in_head)]
    return RowPlaces(has[0], rows[0], has[1], rows[1])


#: Rows 0 to 2 are in the base, rows 3 and 4 in the head, and row 5 is not stored.
FOUND = places([0, 1, 2, None, None, None], [None, None, None, 0, 1, None])


def rescored(given: list[float], named: Named | None) -> tuple[dict[int, list[float]], list[tuple[int, str | None]]]:
    """The scores of the influencers that change, by bucket, and the missing names."""
    changed, missing = rescored_influencers(BASE, HEAD, FOUND, np.array(given), named)
    return {row: [each.anomaly_score for each in influencers] for row, influencers in changed.items()}, missing


def test_the_bucket_time_follows_its_bucket() -> None:
    """No other name gets the bucket's score. With NaN a bucket keeps its score; an equal score changes nothing."""
    assert rescored([9.0] * 6, {}) == ({0: [9.0, 5.0, 5.0, 5.0], 3: [9.0]}, [])
    assert rescored([NAN, 9.0, 9.0, NAN, 9.0, 9.0], {}) == ({}, [])
    assert rescored([5.0] * 6, {}) == ({}, [])


def test_all_influencers_of_a_name_get_its_score() -> None:
    """A name of its own goes before the bucket's score. None is the name of influencers without one."""
    named: Named = {0: {"host": 7.0, None: 5.0}, 3: {"bucket_time": 8.0}}
    assert rescored([9.0] * 6, named) == ({0: [9.0, 7.0, 7.0, 5.0], 3: [8.0]}, [])
    assert rescored([NAN] * 6, {0: {"bucket_time": 5.0}}) == ({}, [])


def test_names_that_a_stored_bucket_does_not_have_are_missing() -> None:
    """A bucket without influencers has no name at all. The names of a bucket that is not stored are not listed."""
    named: Named = {0: {"user": 1.0, "host": 1.0}, 1: {"host": 1.0}, 2: {None: 1.0}, 4: {"a": 1.0}, 5: {"host": 1.0}}
    _, missing = rescored([NAN] * 6, named)
    assert missing == [(0, "user"), (1, "host"), (2, None), (4, "a")]


def test_other_kinds_have_no_nested_influencers() -> None:
    """None in place of the names gives neither changed influencers nor missing names."""
    assert rescored([9.0] * 6, None) == ({}, [])


def test_an_influencer_with_values_of_its_own_keeps_them() -> None:
    """A new score changes only the score of an influencer."""
    changed, _ = rescored_influencers(BASE, HEAD, FOUND, np.full(6, 9.0), {})
    ((influencer,), old) = changed[3], HEAD.lists_at("bucket_influencers", np.array([0]))[0][0]
    assert isinstance(influencer, DifferingInfluencer)
    assert (influencer, influencer.timestamp) == (old._replace(anomaly_score=9.0), 7)


@pytest.mark.parametrize("has_head", [True, False])
def test_copies_have_the_new_scores_and_influencers(has_head: bool) -> None:
    """All other values are those of the stored buckets."""
    documents = [bucket(row, **{**FULL, "bucket_influencers": blamed("host")}) for row in range(4)]
    base: Segment = segment(documents[:3])
    head = segment(documents[3:])
    found = places([0, 2, None][: 2 + has_head], [None, None, 0][: 2 + has_head])
    rows = np.array([1, 4, 7])[: 2 + has_head]
    given = np.array([11.0, 12.0, 13.0])[: 2 + has_head]
    influencers = {4: tuple(each._replace(anomaly_score=1.0) for each in base.lists["bucket_influencers"].values[2])}
    copies = rescored_copies(base, head, found, given, rows, influencers)
    copies.check()
    expected = [
        documents[row] | {"anomaly_score": score} for row, score in zip((0, 2, 3), given.tolist(), strict=False)
    ]
    expected[1]["bucket_influencers"] = blamed("host", anomaly_score=1.0)
    assert stored(copies) == stored(segment(expected))
