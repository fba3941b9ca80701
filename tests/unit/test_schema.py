"""The kinds as data: what a bucket has, and that nobody can change it."""

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
}


def test_a_field_is_a_column_or_a_list() -> None:
    """Each field is one of both, in the order of the kind's fields, and can be found by its name."""
    assert [field.name for field in BUCKET.fields] == list(DEFAULTS)
    assert [field.name for field in BUCKET.lists] == ["bucket_influencers", "scheduled_events"]
    assert {*BUCKET.columns} | {*BUCKET.lists} == {*BUCKET.fields}
    assert {name: field.name for name, field in BUCKET.by_name.items()} == {name: name for name in DEFAULTS}


def test_the_identity_is_required_and_begins_with_time() -> None:
    """What makes a bucket the same one cannot be missing; nothing else is required."""
    assert BUCKET.identity == ("timestamp", "bucket_span")
    assert {field.name for field in BUCKET.fields if field.required} == {*BUCKET.identity}


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items())
def test_defaults_are_the_apis(name: str, default: Any) -> None:
    """What is shown of a missing field has the field's own type."""
    found = BUCKET.by_name[name].default
    assert found == default
    assert type(found) is type(default)


def test_columns_have_dtypes_and_lists_have_none() -> None:
    """Eight bytes for numbers and instants, one for a truth value."""
    dtypes = [np.int64, np.int64, np.float64, np.bool_, np.int32]
    assert [kind.dtype for kind in Type if kind.dtype is not None] == dtypes


def test_names_have_one_meaning() -> None:
    """No name is in two of the lists of what can be sorted by, and none of those is a column."""
    groups = [frozenset(BUCKET.by_name), CONSTANT, TEXT_FIELDS, NESTED_FIELDS]
    assert sum(map(len, groups)) == len(frozenset().union(*groups))


def test_a_threshold_is_held_against_a_score() -> None:
    """A double, in which a missing value is below everything."""
    assert BUCKET.by_name[BUCKET.score].type is Type.DOUBLE


def test_nobody_changes_the_kinds() -> None:
    """Kinds, their fields and their directories are read-only."""
    kinds: Any = SCHEMAS
    with pytest.raises(TypeError):
        kinds["record"] = BUCKET
    directory: Any = BUCKET.by_name
    with pytest.raises(TypeError):
        directory["records"] = None
    with pytest.raises(AttributeError):
        BUCKET.kind = "record"  # type: ignore[misc] # that it fails is the claim
    with pytest.raises(AttributeError):
        BUCKET.fields[0].required = False  # type: ignore[misc] # the same
