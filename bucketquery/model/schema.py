"""The kinds of results as data: fields, types, defaults, identity, and the fields that can be sorted by.

The code that stores, filters and sorts results reads here how the kinds differ. `results.response_format` says how
results look.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from bucketquery.model.once import once

Kind = Literal["bucket", "record", "influencer"]
Document = Mapping[str, Any]

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Float64s = npt.NDArray[np.float64]
UInt32s = npt.NDArray[np.uint32]
Bools = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]
Array = npt.NDArray[Any]


class Type(Enum):
    """The type of a field."""

    # Columns; a keyword is its code in a keyword dictionary.
    TIMESTAMP = "timestamp"
    INTEGER = "integer"
    UNSIGNED = "unsigned"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    KEYWORD = "keyword"
    # Stored as sparse lists beside the columns. An instant is a single value that is stored in the same way.
    KEYWORDS = "keywords"
    INSTANT = "instant"
    BUCKET_INFLUENCERS = "bucket_influencers"
    EXTRA_FIELDS = "extra_fields"
    # Parts of the extra fields.
    TEXT = "text"
    DOUBLES = "doubles"
    OBJECT = "object"
    OBJECTS = "objects"
    INFLUENCES = "influences"

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The column's dtype; None if the field is not a column."""
        return _DTYPES.get(self)


_DTYPES: Final[Mapping[Type, np.dtype[Any]]] = {
    Type.TIMESTAMP: np.dtype(np.int64),
    Type.INTEGER: np.dtype(np.int64),
    Type.UNSIGNED: np.dtype(np.uint32),
    Type.DOUBLE: np.dtype(np.float64),
    Type.BOOLEAN: np.dtype(np.bool_),
    Type.KEYWORD: np.dtype(np.int32),
}
_DEFAULTS: Final = {Type.TIMESTAMP: 0, Type.INTEGER: 0, Type.UNSIGNED: 0, Type.DOUBLE: 0.0, Type.BOOLEAN: False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a kind: its name in documents, its type and its bounds.

    An optional field that is missing is left out of the answer; any other missing field shows its default.
    """

    name: str
    type: Type
    required: bool = False
    optional: bool = False
    minimum: int | None = None

    @property
    def default(self) -> Any:
        """The value that is shown if the field is missing; None if nothing is shown."""
        return None if self.optional else _DEFAULTS.get(self.type, ())

    @property
    def may_have_mask(self) -> bool:
        """Whether a missing value is stored as its default, so that only a mask tells that it is missing."""
        return not self.required and self.type in (Type.INTEGER, Type.BOOLEAN)

    @property
    def key(self) -> str:
        """The key of a document that has the field."""
        return self.name.partition(".")[0]


#: The name of the field for the extra fields: one JSON text with every key that has no column and no sparse list.
EXTRA_FIELDS: Final = ""
#: The name of their column in Arrow tables, in bulk input and in frames.
EXTRA_FIELDS_COLUMN: Final = "extra_fields"
#: The name of the field for the instant at which a result was written: ``ingested`` in a document's object ``event``.
EVENT_INGESTED: Final = "event.ingested"


@dataclass(frozen=True, kw_only=True, eq=False)
class Schema:
    """The columns of a table of results. Two schemas are compared by identity, so hashing one as a key is cheap.

    Attributes:
        kind: the ``result_type`` of the results.
        plural: the name of its list in a response.
        fields: all stored fields except the job, in the order of their checks.
        identity: the fields that identify a result, together with the job; ``timestamp`` comes first.
        score: the field that a threshold is compared with.
        ties: the fields that break ties in the sort field.
        parts: the documented fields that are stored in the extra fields, in the order of an answer.
    """

    kind: Kind
    plural: str
    fields: tuple[Field, ...]
    identity: tuple[str, ...]
    score: str
    ties: tuple[str, ...]
    parts: tuple[Field, ...] = ()

    @once
    def columns(self) -> tuple[Field, ...]:
        """The fields that are columns."""
        return tuple(field for field in self.fields if field.type.dtype is not None)

    @once
    def lists(self) -> tuple[Field, ...]:
        """The fields that are stored as sparse lists."""
        return tuple(field for field in self.fields if field.type.dtype is None)

    @once
    def by_name(self) -> Mapping[str, Field]:
        """The fields by their names, including those in the extra fields."""
        named = {field.name: field for field in (*self.fields, *self.parts)}
        return MappingProxyType({name: field for name, field in named.items() if name != EXTRA_FIELDS})

    @once
    def documented(self) -> frozenset[str]:
        """The keys of all documented fields, including the job and the result type."""
        return CONSTANT.union(field.key for field in self.by_name.values())

    @once
    def only_shown(self) -> frozenset[str]:
        """The lists that no search reads. An index does not store them if its host keeps the documents."""
        return frozenset(field.name for field in self.lists if field.name not in self.sortable)

    @once
    def sortable(self) -> frozenset[str]:
        """The fields of this kind that results can be sorted by."""
        types = {Type.KEYWORDS, Type.INSTANT, *_DTYPES}
        return frozenset(field.name for field in self.fields if field.type in types)

    @once
    def is_ordered_by_identity(self) -> bool:
        """True if the ties are the identity and hold no keywords. Rows then already lie in tie order.

        A missing keyword comes last in both directions, so identity order cannot break such ties.
        """
        return self.ties == self.identity and all(self.by_name[name].type is not Type.KEYWORD for name in self.ties)


_TIMESTAMP: Final = Field(name="timestamp", type=Type.TIMESTAMP, required=True)
_BUCKET_SPAN: Final = Field(name="bucket_span", type=Type.INTEGER, required=True, minimum=1)
_IS_INTERIM: Final = Field(name="is_interim", type=Type.BOOLEAN)
_EVENT_INGESTED: Final = Field(name=EVENT_INGESTED, type=Type.INSTANT, optional=True)


def _keyword(name: str) -> Field:
    return Field(name=name, type=Type.KEYWORD, optional=True)


def _part(name: str, of: Type) -> Field:
    return Field(name=name, type=of, optional=True)


BUCKET: Final = Schema(
    kind="bucket",
    plural="buckets",
    fields=(
        _TIMESTAMP,
        _BUCKET_SPAN,
        Field(name="anomaly_score", type=Type.DOUBLE),
        Field(name="initial_anomaly_score", type=Type.DOUBLE),
        Field(name="event_count", type=Type.INTEGER),
        _IS_INTERIM,
        Field(name="bucket_influencers", type=Type.BUCKET_INFLUENCERS),
        Field(name="processing_time_ms", type=Type.INTEGER),
        Field(name="scheduled_events", type=Type.KEYWORDS),
        _EVENT_INGESTED,
    ),
    identity=("timestamp", "bucket_span"),
    score="anomaly_score",
    ties=("timestamp", "bucket_span"),
)

RECORD: Final = Schema(
    kind="record",
    plural="records",
    fields=(
        _TIMESTAMP,
        _BUCKET_SPAN,
        Field(name="detector_index", type=Type.INTEGER),
        Field(name="probability", type=Type.DOUBLE),
        Field(name="multi_bucket_impact", type=Type.DOUBLE, optional=True),
        Field(name="record_score", type=Type.DOUBLE),
        Field(name="initial_record_score", type=Type.DOUBLE),
        _IS_INTERIM,
        _keyword("by_field_name"),
        _keyword("by_field_value"),
        _keyword("partition_field_name"),
        _keyword("partition_field_value"),
        _keyword("function"),
        _keyword("function_description"),
        _keyword("field_name"),
        _keyword("over_field_name"),
        _keyword("over_field_value"),
        _EVENT_INGESTED,
        Field(name=EXTRA_FIELDS, type=Type.EXTRA_FIELDS),
    ),
    identity=(
        "timestamp",
        "bucket_span",
        "detector_index",
        "by_field_value",
        "over_field_value",
        "partition_field_value",
    ),
    score="record_score",
    ties=(
        "record_score",
        "over_field_value",
        "partition_field_value",
        "by_field_value",
        "field_name",
        "function",
        "timestamp",
        "bucket_span",
        "detector_index",
    ),
    parts=(
        _part("correlated_by_field_value", Type.TEXT),
        _part("typical", Type.DOUBLES),
        _part("actual", Type.DOUBLES),
        _part("causes", Type.OBJECTS),
        _part("influencers", Type.INFLUENCES),
        _part("geo_results", Type.OBJECT),
        _part("anomaly_score_explanation", Type.OBJECT),
    ),
)

INFLUENCER: Final = Schema(
    kind="influencer",
    plural="influencers",
    fields=(
        _TIMESTAMP,
        _BUCKET_SPAN,
        _keyword("influencer_field_name"),
        _keyword("influencer_field_value"),
        Field(name="influencer_score", type=Type.DOUBLE),
        Field(name="initial_influencer_score", type=Type.DOUBLE),
        Field(name="probability", type=Type.DOUBLE),
        _IS_INTERIM,
        _EVENT_INGESTED,
        Field(name=EXTRA_FIELDS, type=Type.EXTRA_FIELDS),
    ),
    identity=("timestamp", "bucket_span", "influencer_field_name", "influencer_field_value"),
    score="influencer_score",
    ties=("timestamp", "bucket_span", "influencer_field_name", "influencer_field_value"),
)

#: The kinds by their ``result_type``.
SCHEMAS: Final[Mapping[str, Schema]] = MappingProxyType(
    {schema.kind: schema for schema in (BUCKET, RECORD, INFLUENCER)}
)

#: The column of a combined table that has the label of each row's job. Labels ascend as the ids of the jobs do.
JOB_LABEL: Final = "job_label"
#: The columns that have 32 bits in combined tables, to save memory.
_NARROW: Final = frozenset({"bucket_span"})


def _combined(schema: Schema) -> Schema:
    """The schema of a combined table: the columns that filter and order results, and the label of the job."""
    names = {*schema.identity, *schema.ties, schema.score, "is_interim"}
    fields = tuple(
        Field(name=field.name, type=Type.UNSIGNED, required=True) if field.name in _NARROW else field
        for field in schema.fields
        if field.name in names
    )
    return Schema(
        kind=schema.kind,
        plural=schema.plural,
        fields=(*fields, Field(name=JOB_LABEL, type=Type.UNSIGNED, required=True)),
        identity=(*schema.identity, JOB_LABEL),
        score=schema.score,
        ties=(*schema.ties, *(name for name in schema.identity if name not in schema.ties), JOB_LABEL),
    )


#: The schemas of combined tables, by the kind of the results.
COMBINED: Final[Mapping[str, Schema]] = MappingProxyType({kind: _combined(schema) for kind, schema in SCHEMAS.items()})

#: Fields that are equal for all results of one job and kind. A sort by one of them gives the order of the ties.
CONSTANT: Final = frozenset({"job_id", "result_type"})
#: Fields mapped in the results index. Results of any kind can be sorted by them, even if the kind has no such field.
MAPPED: Final = frozenset({"@timestamp", "raw_anomaly_score", *CONSTANT}).union(
    *(schema.sortable for schema in SCHEMAS.values())
)
#: Fields mapped as text, so results cannot be sorted by them.
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
#: Fields mapped below nested objects, so results cannot be sorted by them without a nested context.
NESTED_FIELDS: Final = frozenset(f"{outer}.{inner}" for outer, names in _NESTED.items() for inner in names)
