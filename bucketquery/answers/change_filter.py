"""The entity filter of a feed: which results meet it before a change, and which after it.

A change keeps the identity of its result. So the two sides of a record differ only in its description, and those of an
influencer in nothing that a filter reads.
"""

import numpy as np

from bucketquery.arrays.sorted_arrays import find
from bucketquery.jobs.change_columns import ChangeColumns
from bucketquery.jobs.descriptions import ABSENT, DESCRIPTIVE
from bucketquery.model.schema import Bools, Int32s
from bucketquery.queries.where import DETECTOR_INDEX, Value, Where
from bucketquery.search.entity_filter import PAIRS
from bucketquery.storage.keywords import MISSING, NO_KEYWORDS


def meets(columns: ChangeColumns, where: Where) -> tuple[Bools, Bools]:
    """Which results meet a filter before their changes, and which after; any value if there was none, or is none.

    Args:
        columns: changes of records with their descriptions, or changes of influencers.
        where: the filter.

    O(c) for c changes and each field, O(w log k) for w values and k keywords.
    """
    descriptions = columns.descriptions
    if descriptions is None:
        both = _side_meets(columns, None, where)
        return both, both
    return _side_meets(columns, descriptions.before, where), _side_meets(columns, descriptions.after, where)


def _side_meets(columns: ChangeColumns, described: Int32s | None, where: Where) -> Bools:
    """Which results of one side meet a filter, by the codes of their descriptions."""
    schema = columns.schema
    found = np.ones(columns.length, dtype=np.bool_)
    for name, values in where:
        if name == DETECTOR_INDEX and name in schema.by_name:
            found &= np.isin(columns.identity[schema.identity.index(name)], np.array(values, dtype=np.int64))
        elif name in schema.by_name:
            found &= _has_one_of(columns, described, name, values)
        else:
            found &= _has_in_data_field(columns, described, name, values)
    return found


def _has_in_data_field(columns: ChangeColumns, described: Int32s | None, name: str, values: tuple[Value, ...]) -> Bools:
    """Which results have one of some values in a data field; None: they have no value there."""
    texts = tuple(value for value in values if value is not None)
    found, has_value = np.zeros((2, columns.length), dtype=np.bool_)
    for name_field, value_field in PAIRS[columns.schema.kind]:
        named = _has_one_of(columns, described, name_field, (name,))
        if named.any():
            found |= named & _has_one_of(columns, described, value_field, texts)
            has_value |= named & ~_has_one_of(columns, described, value_field, (None,))
    if None in values:
        found |= ~has_value
    return found


def _has_one_of(columns: ChangeColumns, described: Int32s | None, name: str, values: tuple[Value, ...]) -> Bools:
    """Which results have one of some values in a field of keywords; None: they miss the field."""
    identity = columns.schema.identity
    if name in identity:
        dictionary = columns.dictionaries.get(name, NO_KEYWORDS)
        known, places = find(dictionary, np.array([value for value in values if value is not None], dtype=np.object_))
        is_wanted = np.zeros(len(dictionary) + 1, dtype=np.bool_)
        is_wanted[places[known]] = True
        # The code of a missing keyword picks the last entry.
        is_wanted[MISSING] = None in values
        return is_wanted[columns.identity[identity.index(name)]]
    assert columns.descriptions is not None, "only records have fields beside their identity"
    assert described is not None, "a side of records has codes"
    wanted, at = frozenset(values), DESCRIPTIVE.index(name)
    is_wanted = np.zeros(len(columns.descriptions.distinct) + 1, dtype=np.bool_)
    is_wanted[:ABSENT] = [description[at] in wanted for description in columns.descriptions.distinct]
    return is_wanted[described]
