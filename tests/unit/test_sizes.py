"""Sizes: an index passes its sizes to every table that it builds, in every kind of write."""

from dataclasses import FrozenInstanceError
from random import Random

import pytest

from bucketquery import ResultsIndex
from bucketquery.model.sizes import DEFAULT_SIZES, Sizes
from support.helpers import bucket, record, resize, rows, sizes


def test_sizes_cannot_be_changed() -> None:
    """Every size has a default. Two `Sizes` are equal only if they are the same object."""
    with pytest.raises(FrozenInstanceError):
        DEFAULT_SIZES.head_rows = 1  # type: ignore[misc] # the assignment must fail
    assert Sizes() != Sizes()
    assert [DEFAULT_SIZES.head_limit(rows) for rows in (0, 2**21, 2**22)] == [1024, 1024, 2048]


@pytest.mark.repeats
@pytest.mark.parametrize("one_by_one", [0, 16])
@pytest.mark.parametrize("packed", [0, 64])
def test_an_index_passes_its_sizes_to_all_tables(one_by_one: int, packed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of every kind have the sizes of their index.

    This holds after appends, replacements, scattered writes, compactions and new scores.
    """
    resize(monkeypatch, rows_one_by_one=one_by_one, packed_rows=packed, head_rows=4, rows_per_copy=2)
    own, rng, index = sizes(), Random(1), ResultsIndex()
    for at in range(60):
        first = rng.randrange(at + 1)
        batch = rows(first, first + rng.choice((1, 3, 20)), event_count=at, is_interim=rng.random() < 0.2)
        index.upsert([*batch, record(first, rng.randrange(3), function=str(at)), influencer(first)])
        scores = {"timestamp": [batch[0]["timestamp"]], "bucket_span": 300, "anomaly_score": [at]}
        index.renormalize("web", buckets=scores)
        index.check()
        job = index.snapshot()._catalog.get("web")
        assert job is not None
        assert {kind for kind, table in job.tables.items() if table.base.sizes is not own} == set()
    assert own is not DEFAULT_SIZES


def influencer(row: int) -> dict[str, object]:
    """An influencer in the ``row``-th bucket."""
    return bucket(row, result_type="influencer", influencer_field_name="host", influencer_field_value="a")
