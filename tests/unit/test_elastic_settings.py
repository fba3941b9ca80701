"""The host's settings of the REST door."""

from enum import StrEnum
from typing import Any

import pytest

from bucketquery import InvalidQuery, ResultsIndex
from bucketquery.elastic.settings import DEFAULT_VERSION, Settings, read_settings, require_index


class Release(StrEnum):
    """A version as a member of an enumeration, which is text too."""

    EIGHT = "8.19.0"


def test_valid_settings_come_back_in_built_in_types() -> None:
    """The version is text of the built-in type, whatever subclass the host gives."""
    assert read_settings(0, DEFAULT_VERSION, True) == Settings(0, DEFAULT_VERSION, True)
    for version in ("7.0.0", "7.17.29", "8.0.10", "9.99.99"):
        assert read_settings(10, version, False).version == version
    read = read_settings(10, Release.EIGHT, False)
    assert (read.version, type(read.version)) == ("8.19.0", str)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_result_window", -1),
        ("max_result_window", "10"),
        ("version", "9.2"),
        ("version", "9.2.1\n"),
        ("version", "\u0669.2.1"),
        ("version", "9.\u0662.1"),
        ("version", 9),
        ("allow_writes", 1),
    ],
)
def test_an_invalid_setting_is_named(field: str, value: Any) -> None:
    """The error has the name of the argument and its value."""
    given = {"max_result_window": 10, "version": "9.2.1", "allow_writes": False} | {field: value}
    with pytest.raises(InvalidQuery) as caught:
        read_settings(**given)
    assert (caught.value.field, caught.value.value) == (field, value)


def test_an_index_and_a_snapshot_are_accepted() -> None:
    """Anything else is a TypeError that names its type."""
    index = ResultsIndex()
    require_index(index)
    require_index(index.snapshot())
    with pytest.raises(TypeError, match="index must be a ResultsIndex or a Snapshot, not dict"):
        require_index({})
