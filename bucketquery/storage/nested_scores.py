"""Nested scores: new scores of the influencers that are nested in buckets."""

from collections.abc import Mapping
from typing import Any, Final

from bucketquery.model.schema import Float64s, Int64s
from bucketquery.storage.gather import gather
from bucketquery.storage.segment import Segment
from bucketquery.storage.sparse_lists import SparseLists
from bucketquery.storage.table_changes import RowPlaces

#: New scores by the row of their bucket and the name of the influencers; None is the name of influencers without one.
ScoresByName = Mapping[int, Mapping[str | None, float]]

_LIST: Final = "bucket_influencers"
#: The name of the influencer for the bucket's time. It gets the score of the bucket, unless it is given its own.
_BUCKET_TIME: Final = "bucket_time"
_NO_SCORES: Final[Mapping[str | None, float]] = {}


def rescored_influencers(
    base: Segment, head: Segment, found: RowPlaces, given: Float64s, named: ScoresByName | None
) -> tuple[dict[int, tuple[Any, ...]], list[tuple[int, str | None]]]:
    """The influencers of the buckets in which the score of one changes.

    Args:
        base: the base of the table.
        head: the head of the table.
        found: the places of the buckets.
        given: the new score of each bucket; NaN if it stays.
        named: the new scores of influencers; None if the results are no buckets.

    Returns:
        The new influencers by the row of their bucket; and the row and the name of each influencer in ``named`` that a
        stored bucket does not have.

    O(i) for the i influencers of the buckets.
    """
    changed: dict[int, tuple[Any, ...]] = {}
    if named is None:
        return changed, []
    missing = {row: dict.fromkeys(scores) for row, scores in named.items() if found.in_base[row] or found.in_head[row]}
    for segment, has, rows in (
        (base, found.in_base, found.base_rows),
        (head, found.in_head, found.head_rows),
    ):
        if _LIST not in segment.lists:
            continue
        places = has.nonzero()[0]
        places = places[segment.having(_LIST, rows[places])]
        of_rows = zip(places.tolist(), given[places].tolist(), segment.lists_at(_LIST, rows[places]), strict=True)
        for row, of_bucket, influencers in of_rows:
            own = named.get(row, _NO_SCORES)
            after, differs = [], False
            for influencer in influencers:
                name = influencer.influencer_field_name
                score = own.get(name)
                if own and score is not None:
                    missing[row].pop(name, None)
                elif name == _BUCKET_TIME and of_bucket == of_bucket:  # noqa: PLR0124 - NaN: the score stays
                    score = of_bucket
                if score is not None and score != influencer.anomaly_score:
                    influencer = influencer._replace(anomaly_score=score)  # noqa: PLW2901 - the same influencer
                    differs = True
                after.append(influencer)
            if differs:
                changed[row] = tuple(after)
    return changed, [(row, name) for row, names in missing.items() for name in names]


def rescored_copies(  # noqa: PLR0917 - base, head and found together are the places of the buckets
    base: Segment,
    head: Segment,
    found: RowPlaces,
    scores: Float64s,
    rows: Int64s,
    influencers: Mapping[int, tuple[Any, ...]],
) -> Segment:
    """Copies of stored buckets with other scores and influencers.

    Args:
        base: the base of the table.
        head: the head of the table.
        found: the places of the buckets.
        scores: the score of each.
        rows: the row of each, by which ``influencers`` names it; ascending.
        influencers: the new influencers of some of them; all of these have influencers already.
    """
    in_base, in_head = found.in_base.nonzero()[0], found.in_head.nonzero()[0]
    parts = [(base, found.base_rows[in_base], in_base), (head, found.head_rows[in_head], in_head)]
    copies = gather(base.schema, parts, len(rows), base.sizes)
    numbers = sorted(influencers)
    given = SparseLists.of_rows(range(len(numbers)), [influencers[number] for number in numbers])
    lists = {**copies.lists, _LIST: copies.lists[_LIST].replace(rows.searchsorted(numbers), given)}
    columns = {**copies.columns, base.schema.score: scores}
    return Segment(base.schema, copies.length, columns, copies.present, {}, lists, None, base.sizes)
