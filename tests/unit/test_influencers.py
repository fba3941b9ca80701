"""Influencers in a window: how they are numbered and counted across the parts of tables."""

from dataclasses import replace
from typing import Any

import pytest

from bucketquery.model.schema import INFLUENCER
from bucketquery.search.influencers import Influencers
from bucketquery.search.pieces import pieces_of
from bucketquery.storage.table import Table
from support.helpers import lead_by_value, table
from support.lanes import ON_FEW_ROWS


def results(values: str, first: int = 0, **fields: Any) -> list[dict[str, Any]]:
    """An influencer at each time, with the letters as values; a dot has no value."""
    return [
        {
            "result_type": "influencer",
            "job_id": "web",
            "timestamp": first + row,
            "bucket_span": 60,
            "influencer_field_name": "host",
            **({} if value == "." else {"influencer_field_value": value}),
            "influencer_score": row,
            **fields,
        }
        for row, value in enumerate(values)
    ]


def influencers(some: Table, start: int, end: int, few_undecided: int = 0) -> Influencers:
    """The influencers of a window."""
    sizes = replace(ON_FEW_ROWS, few_undecided=few_undecided)
    return Influencers(pieces_of(some.rows, start, end, sizes), None, None, sizes)


@pytest.mark.parametrize("few_undecided", [0, 1, 9])
@pytest.mark.parametrize("start", range(8))
@pytest.mark.parametrize("end", range(8))
def test_the_influencers_of_a_window_are_counted(
    start: int, end: int, few_undecided: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those with results on both sides of the window only do not count, and neither do rows without a value."""
    lead_by_value(monkeypatch)
    values = "ab.bcba"
    expected = len({*values[start:end]} - {"."})
    assert influencers(table(results(values), schema=INFLUENCER), start, end, few_undecided).count() == expected


def test_an_influencer_of_base_and_head_has_one_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The influencers that only the head has come after those of the base."""
    lead_by_value(monkeypatch)
    some = table(results("bd"), results("abc", 1, is_interim=True), schema=INFLUENCER)
    assert some.head.length
    found = influencers(some, 0, 9)
    numbers, count = found.page(0, 9, by_sum=True)
    assert count == 4
    assert [found.pair(number)[1] for number in numbers] == ["c", "b", "d", "a"]
    facts = found.whole_scores(numbers)
    assert facts.sums.tolist() == [2.0, 1.0, 1.0, 0.0]
    assert facts.counts.tolist() == [1, 2, 1, 1]


def test_a_window_without_influencers() -> None:
    """There are no numbers, no page and no ends."""
    found = influencers(table(results("."), schema=INFLUENCER), 0, 9)
    assert found.page(0, 9, by_sum=False) == ([], 0)
    assert found.ends() is None
    empty = Influencers([], "host")
    assert (empty.page(0, 9, by_sum=True), empty.count(), empty.ends()) == (([], 0), 0, None)
