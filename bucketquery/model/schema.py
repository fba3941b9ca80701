"""The kinds of results, as data: fields, types, defaults, identity, and what may be sorted by.

What differs between kinds for storing, filtering and sorting is said here; how a kind looks in an answer is `results`'.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["bucket", "record", "influencer"]
Document = Mapping[str, Any]

Int64s = npt.NDArray[np.int64]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]
Array = npt.NDArray[Any]


class Type(Enum):
    """What a field holds. The first four are columns, the last two are kept beside them, only where there are any."""

    TIMESTAMP = "timestamp"
    INTEGER = "integer"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    KEYWORDS = "keywords"
    BUCKET_INFLUENCERS = "bucket_influencers"

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The column's dtype; None for what is not a column."""
        return _DTYPES.get(self)


_DTYPES: Final = {
    Type.TIMESTAMP: np.dtype(np.int64),
    Type.INTEGER: np.dtype(np.int64),
    Type.DOUBLE: np.dtype(np.float64),
    Type.BOOLEAN: np.dtype(np.bool_),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a kind: its name in documents, what it holds, and the bounds of the rules."""

    name: str
    type: Type
    required: bool = False
    minimum: int | None = None

    @property
    def default(self) -> Any:
        """What is shown where the field is missing."""
        return {Type.DOUBLE: 0.0, Type.BOOLEAN: False, Type.KEYWORDS: (), Type.BUCKET_INFLUENCERS: ()}.get(self.type, 0)


@dataclass(frozen=True, kw_only=True)
class Schema:
    """A kind of results.

    Attributes:
        kind: its ``result_type``.
        plural: the name of its list in a response.
        fields: all stored fields but the job, in the order in which they are checked.
        identity: the fields that with the job make a result the same one; ``timestamp`` comes first.
        score: the field that a threshold is held against.
        never: mapped in the results index though no result of this kind has them: legal to sort by, and all missing.
    """

    kind: Kind
    plural: str
    fields: tuple[Field, ...]
    identity: tuple[str, ...]
    score: str
    never: frozenset[str]

    @cached_property
    def columns(self) -> tuple[Field, ...]:
        """The fields that are columns."""
        return tuple(field for field in self.fields if field.type.dtype is not None)

    @cached_property
    def lists(self) -> tuple[Field, ...]:
        """The fields that are lists, kept only where there are any."""
        return tuple(field for field in self.fields if field.type.dtype is None)

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """The fields by their names."""
        return MappingProxyType({field.name: field for field in self.fields})


BUCKET: Final = Schema(
    kind="bucket",
    plural="buckets",
    fields=(
        Field(name="timestamp", type=Type.TIMESTAMP, required=True),
        Field(name="bucket_span", type=Type.INTEGER, required=True, minimum=1),
        Field(name="anomaly_score", type=Type.DOUBLE),
        Field(name="initial_anomaly_score", type=Type.DOUBLE),
        Field(name="event_count", type=Type.INTEGER),
        Field(name="is_interim", type=Type.BOOLEAN),
        Field(name="bucket_influencers", type=Type.BUCKET_INFLUENCERS),
        Field(name="processing_time_ms", type=Type.INTEGER),
        Field(name="scheduled_events", type=Type.KEYWORDS),
    ),
    identity=("timestamp", "bucket_span"),
    score="anomaly_score",
    never=frozenset(
        {
            "record_score",
            "initial_record_score",
            "influencer_score",
            "initial_influencer_score",
            "probability",
            "raw_anomaly_score",
            "multi_bucket_impact",
            "detector_index",
            "function",
            "function_description",
            "field_name",
            "by_field_name",
            "by_field_value",
            "over_field_name",
            "over_field_value",
            "partition_field_name",
            "partition_field_value",
            "influencer_field_name",
            "influencer_field_value",
        }
    ),
)

#: The kinds that the library holds.
SCHEMAS: Final[Mapping[str, Schema]] = MappingProxyType({BUCKET.kind: BUCKET})

#: The same for every result of a job's kind: sorting by them leaves the ties to decide.
CONSTANT: Final = frozenset({"job_id", "result_type"})
#: Mapped as text, which cannot be sorted by.
TEXT_FIELDS: Final = frozenset({"description", "terms", "examples", "all_field_values"})
_NESTED: Final = {
    "bucket_influencers": (
        "job_id",
        "result_type",
        "influencer_field_name",
        "initial_anomaly_score",
        "anomaly_score",
        "raw_anomaly_score",
        "probability",
        "timestamp",
        "bucket_span",
        "is_interim",
    ),
    "causes": (
        "probability",
        "by_field_name",
        "by_field_value",
        "correlated_by_field_value",
        "partition_field_name",
        "partition_field_value",
        "function",
        "function_description",
        "typical",
        "actual",
        "field_name",
        "over_field_name",
        "over_field_value",
    ),
    "influencers": ("influencer_field_name", "influencer_field_values"),
}
#: Mapped below nested objects, which cannot be sorted by without naming the nesting.
NESTED_FIELDS: Final = frozenset(f"{outer}.{inner}" for outer, names in _NESTED.items() for inner in names)
