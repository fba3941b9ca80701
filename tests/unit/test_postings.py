"""Postings: the rows of each pair of keywords, and how a segment stores them."""

import random
from collections.abc import Sequence
from typing import Any
from weakref import ref

import numpy as np
import pytest

from bucketquery import ResultsIndex
from bucketquery.model.schema import INFLUENCER
from bucketquery.model.sizes import Sizes
from bucketquery.storage.keywords import encode_keywords
from bucketquery.storage.row_groups import group_totals, row_groups
from bucketquery.storage.segment import Segment
from bucketquery.value_index import postings as room
from bucketquery.value_index.group_totals import GroupTotals
from bucketquery.value_index.index_cache import IndexCache
from bucketquery.value_index.postings import Postings
from support.helpers import resize, segment, table

NAME, VALUE = "influencer_field_name", "influencer_field_value"


def postings(names: Sequence[str | None], values: Sequence[str | None]) -> Postings:
    """The postings of two columns, checked."""
    (own, dictionary), (others, other_dictionary) = encode_keywords(names), encode_keywords(values)
    made = Postings.of(own, others, dictionary, other_dictionary)
    objects = [np.array([*column, None], dtype=object)[:-1] for column in (names, values)]
    made.check(*objects)
    return made


@pytest.mark.parametrize("pairs_per_row", [0, 4])
@pytest.mark.parametrize("short", [2, 16])
def test_each_group_has_its_rows(pairs_per_row: int, short: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of a group are those with its two keywords, however pairs are numbered and rows are sorted."""
    monkeypatch.setattr(room, "_PAIRS_PER_ROW", pairs_per_row)
    monkeypatch.setattr(room, "_SHORT_BITS", short)
    rng = random.Random(f"{pairs_per_row} {short}")
    for _ in range(60):
        number = rng.randrange(40)
        names = [rng.choice(("a", "b", None)) for _ in range(number)]
        values = [rng.choice(("x", "y", "z", None)) for _ in range(number)]
        made = postings(names, values)
        assert made.covered == number
        pairs: list[Any] = [*zip(names, values, strict=True)]
        known = sorted({pair for pair in pairs if None not in pair})
        assert [*made.group_of] == known
        assert [made.group_of[pair] for pair in known] == [*range(len(made))]
        first, stop = sorted((rng.randrange(number + 1), rng.randrange(number + 1)))
        for group, pair in enumerate(known):
            rows = [row for row in range(number) if pairs[row] == pair]
            assert made.rows(group, first, stop).tolist() == [row for row in rows if first <= row < stop]
            assert [ends.item(group) for ends in made.ends()] == [rows[0], rows[-1]]


def test_bytes_grow_with_the_lists() -> None:
    """The lists of rows are made at the first read."""
    made = postings(["a"] * 50, ["x"] * 50)
    before = made.nbytes()
    made.ends()
    assert made.nbytes() >= before + 200


def test_the_groups_in_other_postings_are_found_once() -> None:
    """Groups are remembered for one other postings, which they do not keep alive."""
    own, other = postings(["a", "a", "b"], ["x", "z", "y"]), postings(["a", "b", "a"], ["x", "y", "y"])
    before = own.nbytes()
    found = own.groups_in(other)
    assert found.tolist() == [0, -1, 2]
    assert own.groups_in(other) is found
    assert own.nbytes() == before + found.nbytes
    third = postings(["b"], ["y"])
    assert own.groups_in(third).tolist() == [-1, -1, 0]
    assert own.groups_in(other).tolist() == [0, -1, 2]
    alive = ref(other)
    del other
    assert alive() is None


def influencers(first: int, stop: int, values: str = "ab", **fields: object) -> list[dict[str, object]]:
    """Influencers at successive times, whose values take turns."""
    return [
        {
            "result_type": "influencer",
            "job_id": "web",
            "timestamp": row,
            "bucket_span": 300,
            NAME: "host",
            VALUE: values[row % len(values)],
            **fields,
        }
        for row in range(first, stop)
    ]


def found(source: Segment, first: int, stop: int) -> dict[str, list[int]]:
    """The rows of each value, from the parts of the row groups."""
    rows: dict[str, list[int]] = {}
    parts = row_groups(source, NAME, VALUE, first, stop)
    assert [part.first for part in parts] == [first, *(part.stop for part in parts[:-1])][: len(parts)]
    for part in parts:
        for group, value in enumerate(part.postings.values.tolist()):
            own = part.postings.rows(group, part.first - part.offset, part.stop - part.offset) + part.offset
            if len(own):
                rows.setdefault(value, []).extend(own.tolist())
    return rows


def test_a_segment_stores_its_postings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows behind the covered ones get postings of their own, until there are too many of them."""
    resize(monkeypatch, value_index_rows=4, rows_behind=2, covered_per_row_behind=100, packed_rows=0)
    before = segment(influencers(0, 6), INFLUENCER)
    assert found(before, 1, 6) == {"a": [2, 4], "b": [1, 3, 5]}
    (stored,) = row_groups(before, NAME, VALUE, 0, 6)
    after = before.append(segment(influencers(6, 8, "0c"), INFLUENCER))
    assert found(after, 1, 8) == {"a": [2, 4], "b": [1, 3, 5], "0": [6], "c": [7]}
    assert row_groups(after, NAME, VALUE, 0, 8)[0].postings is stored.postings
    assert found(after, 7, 8) == {"c": [7]}
    later = after.append(segment(influencers(8, 9), INFLUENCER))
    (made,) = row_groups(later, NAME, VALUE, 0, 9)
    assert made.postings.covered == 9
    assert found(before, 0, 6) == {"a": [0, 2, 4], "b": [1, 3, 5]}
    for each in (before, after, later):
        each.check()
    assert later.value_index_nbytes() >= made.postings.nbytes()


def test_a_short_segment_stores_none() -> None:
    """The postings of a few rows are made for each call."""
    few = segment(influencers(0, 3), INFLUENCER)
    assert found(few, 1, 3) == {"b": [1], "a": [2]}
    assert few.value_index_nbytes() == 0


def test_postings_survive_new_scores_and_go_with_new_keywords(monkeypatch: pytest.MonkeyPatch) -> None:
    """New scores and a new end leave the keywords of the first rows as they are; a cut at the start does not."""
    resize(monkeypatch, value_index_rows=4, rows_behind=10, packed_rows=0)
    before = segment(influencers(0, 8), INFLUENCER)
    before.value_index("influencer_score", desc=True)
    (part,) = row_groups(before, NAME, VALUE, 0, 8)
    rescored = before.rescore(np.array([1]), np.array([5.0]))
    assert row_groups(rescored, NAME, VALUE, 0, 8)[0].postings is part.postings
    changed = before.replace(np.array([1]), segment(influencers(1, 2, probability=0.5), INFLUENCER))
    assert row_groups(changed, NAME, VALUE, 0, 8)[0].postings is part.postings
    cache = before.index_cache()
    assert cache.near_postings((NAME, VALUE), 8) is part.postings
    assert cache.near_postings((VALUE, NAME), 8) is None
    columns = dict(before.columns)
    columns[VALUE] = columns[VALUE].copy()
    recoded = cache.corrected(before.columns, columns, np.array([1]))
    assert recoded is not None
    assert recoded.near_postings((NAME, VALUE), 8) is None
    for low, high, stays in ((0, None, True), (0, 8, True), (0, 7, False), (1, None, False)):
        cut = cache.between_rows(low, high)
        assert cut is None or (cut.near_postings((NAME, VALUE), 8) is part.postings) is stays
    only = IndexCache(Sizes())
    only.put_postings((NAME, VALUE), part.postings)
    assert only.corrected(before.columns, before.columns, np.array([1])) is not None
    assert only.corrected(before.columns, columns, np.array([1])) is None
    assert only.between_rows(0, None) is not None
    assert only.between_rows(1, None) is None


def test_totals_are_remembered_for_the_scores_of_a_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    """New scores, postings or blocks make new totals. Those of few rows are made again for more rows."""
    resize(monkeypatch, value_index_rows=4, rows_behind=10, packed_rows=0)
    before = segment(influencers(0, 8, influencer_score=1.0), INFLUENCER)
    (part,) = row_groups(before, NAME, VALUE, 0, 8)

    def totals(of: Segment, of_postings: Postings = part.postings, rows: int = 2) -> GroupTotals:
        return group_totals(of, NAME, VALUE, of_postings, rows)

    size = before.value_index_nbytes()
    made = totals(before)
    assert totals(before) is made
    assert made.sums.tolist() == [[1.0, 1.0, 0.0]] * 4
    assert before.value_index_nbytes() == size + made.nbytes() == size + 4 * 3 * (8 + 8 + 4)
    before.check()
    after = before.append(segment(influencers(8, 9), INFLUENCER))
    assert totals(after) is made
    rescored = before.rescore(np.array([1]), np.array([5.0]))
    assert row_groups(rescored, NAME, VALUE, 0, 8)[0].postings is part.postings
    assert totals(rescored).best.tolist()[0] == [1.0, 5.0, -np.inf]
    assert totals(before) is made
    with pytest.raises(AssertionError, match="totals of other scores"):
        made.check(np.zeros(8))
    cache, triple, scores = before.index_cache(), (NAME, VALUE, "influencer_score"), np.ones(8)
    for low, high, stays in ((0, 8, True), (0, 7, False), (1, None, False)):
        cut = cache.between_rows(low, high)
        assert cut is None or (cut.totals(triple, part.postings, scores, 2) is made) is stays
    few = totals(before, rows=3)
    assert len(few.best) == 2
    (again,) = row_groups(segment(influencers(0, 8), INFLUENCER), NAME, VALUE, 0, 8)
    assert totals(before, again.postings, 3) is not few
    row_groups(before, VALUE, NAME, 0, 8)
    assert totals(before, again.postings, 3).postings is again.postings
    size = before.value_index_nbytes() - 2 * 3 * (8 + 8 + 4)
    cache.put_postings((NAME, VALUE), part.postings)
    assert before.value_index_nbytes() == size
    short = cache.totals(triple, part.postings, scores[:5], 2)
    assert len(short.best) == 2
    before.check()
    assert len(totals(before).best) == 4
    # A newer segment checks totals of more rows.
    cache.check({"influencer_score": np.zeros(7)}, 7)


def test_a_table_passes_postings_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write to the head leaves the base as it is, with its postings."""
    resize(monkeypatch, value_index_rows=4)
    before = table(influencers(0, 100), schema=INFLUENCER)
    (part,) = row_groups(before.base, NAME, VALUE, 0, 100)
    after, _ = before.upsert(segment(influencers(50, 51, is_interim=True), INFLUENCER))
    assert after.head.length
    assert row_groups(after.base, NAME, VALUE, 0, 100)[0].postings is part.postings


def test_influencers_of_many_batches_are_found() -> None:
    """The answer after many appends is that of the stored results."""
    index = ResultsIndex()
    for batch in range(6):
        index.upsert(influencers(1_000 * batch, 1_000 * (batch + 1), "abcdefg"[: batch + 2], influencer_score=batch))
        counts = {each.influencer_field_value: each.count for each in index.top_influencers(jobs="web", size=20)}
        stored = [value.influencer_field_value for value in index.get_influencers(job_id="web", size=10_000)]
        assert counts == {value: stored.count(value) for value in set(stored)}
