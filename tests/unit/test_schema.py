"""The schemas of the kinds: the fields of a bucket, with their defaults and types. Schemas are immutable."""

from typing import Any

import numpy as np
import pytest

from bucketquery.model.schema import BUCKET, CONSTANT, NESTED_FIELDS, SCHEMAS, TEXT_FIELDS, Type

DEFAULTS = {
    "timestamp": 0,
    "bucket_span": 0,
    "anomaly_score": 0.0,
    "initial_anomaly_score": 0.0,
    "event_count": 0,
    "is_interim": False,
    "bucket_influencers": (),
    "processing_time_ms": 0,
    "scheduled_events": (),
    "event.ingested": None,
}


def test_a_field_is_a_column_or_a_list() -> None:
    """Each field is a column or a list, in the order of the kind's fields, and `by_name` finds it."""
    assert [field.name for field in BUCKET.fields] == list(DEFAULTS)
    assert [field.name for field in BUCKET.lists] == ["bucket_influencers", "scheduled_events", "event.ingested"]
    assert {*BUCKET.columns} | {*BUCKET.lists} == {*BUCKET.fields}
    assert {name: field.name for name, field in BUCKET.by_name.items()} == {name: name for name in DEFAULTS}


def test_the_identity_is_required_and_begins_with_time() -> None:
    """Only the fields of the identity are required."""
    assert BUCKET.identity == ("timestamp", "bucket_span")
    assert {field.name for field in BUCKET.fields if field.required} == {*BUCKET.identity}


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items())
def test_defaults_are_those_of_the_api(name: str, default: Any) -> None:
    """The default of a missing field has the field's type."""
    found = BUCKET.by_name[name].default
    assert found == default
    assert type(found) is type(default)


def test_columns_have_dtypes_and_lists_have_none() -> None:
    """Numbers and instants take 8 bytes, unsigned numbers and keyword codes 4, and booleans 1."""
    dtypes = [np.int64, np.int64, np.uint32, np.float64, np.bool_, np.int32]
    assert [kind.dtype for kind in Type if kind.dtype is not None] == dtypes


def test_names_have_one_meaning() -> None:
    """No name is in two of these groups: bucket fields, constant fields, text fields, nested fields."""
    groups = [frozenset(BUCKET.by_name), CONSTANT, TEXT_FIELDS, NESTED_FIELDS]
    assert sum(map(len, groups)) == len(frozenset().union(*groups))


def test_the_score_is_a_double() -> None:
    """The threshold is compared with a double, so a missing score is NaN and never matches."""
    assert BUCKET.by_name[BUCKET.score].type is Type.DOUBLE


def test_schemas_are_immutable() -> None:
    """The kinds, their fields and their directories are read-only."""
    kinds: Any = SCHEMAS
    with pytest.raises(TypeError):
        kinds["record"] = BUCKET
    directory: Any = BUCKET.by_name
    with pytest.raises(TypeError):
        directory["records"] = None
    with pytest.raises(AttributeError):
        BUCKET.kind = "record"  # type: ignore[misc] # the test expects this to fail
    with pytest.raises(AttributeError):
        BUCKET.fields[0].required = False  # type: ignore[misc] # the test expects this to fail
