"""Top influencers as values: an influencer with its scores over a window and several jobs."""

from dataclasses import dataclass, fields
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class TopInfluencer:
    """An influencer of some jobs in a window, with its greatest score and the sum of its scores.

    Attributes:
        influencer_field_name: the name of its field, such as ``airline``.
        influencer_field_value: its value.
        max_influencer_score: the greatest score of its results.
        sum_influencer_score: the sum of the scores of its results.
        count: the number of its results.

    >>> TopInfluencer(
    ...     influencer_field_name="airline",
    ...     influencer_field_value="AAL",
    ...     max_influencer_score=90.0,
    ...     sum_influencer_score=120.0,
    ...     count=2,
    ... ).count
    2
    """

    influencer_field_name: str
    influencer_field_value: str
    max_influencer_score: float
    sum_influencer_score: float
    count: int

    def to_dict(self) -> dict[str, Any]:
        """The attributes as a dict that JSON can hold."""
        return {name: getattr(self, name) for name in COLUMNS}


#: The attributes in their order.
COLUMNS: Final = tuple(field.name for field in fields(TopInfluencer))
