"""New scores for stored results, from arrays: the four arguments of `renormalize`, checked and sorted.

`arrays` checks the columns. Scores of buckets and of the influencers nested in them become one value, because both
change the same results.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from bucketquery.arrays.sorted_arrays import sort_order
from bucketquery.errors import InvalidDocument, InvalidQuery
from bucketquery.ingest.arrays import checked
from bucketquery.ingest.batch import refused
from bucketquery.ingest.checks import Unfit
from bucketquery.ingest.columns import as_arrays, named_columns
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD, Array, Field, Int64s, Objects, Schema
from bucketquery.storage.comparison import find_rows
from bucketquery.storage.nested_scores import ScoresByName
from bucketquery.storage.segment import Segment

_INFLUENCERS: Final = "bucket_influencers"
_NAME: Final = "influencer_field_name"
#: The kind of results of each argument, except the one for nested influencers.
_KINDS: Final[Mapping[str, Schema]] = {schema.plural: schema for schema in (BUCKET, RECORD, INFLUENCER)}
#: The arguments in the order in which errors are reported; the rank of an error is the position of its argument.
ARGUMENTS: Final = (*_KINDS, _INFLUENCERS)

#: The identity of a result, keywords as codes.
_Identity = tuple[int, ...]


class Given(NamedTuple):
    """The identities in one argument.

    Attributes:
        argument: its name.
        what: the words for a row in an error.
        keys: the columns that identify a row, in the order of the input; keywords as codes.
    """

    argument: str
    what: str
    keys: Sequence[Array]

    def unknown(self, wanted: set[_Identity]) -> tuple[int, InvalidDocument] | None:
        """The rank and the error of the first row that has one of the identities; None if no row has one."""
        rows = zip(*(column.tolist() for column in self.keys), strict=True)
        for row, identity in enumerate(rows):
            if identity in wanted:
                path = f"{self.argument}.timestamp[{row}]"
                error = refused(path, Unfit(f"the job has no {self.what}", identity[0]))
                return ARGUMENTS.index(self.argument), error
        return None


class Scores(NamedTuple):
    """New scores for results of one job and kind.

    Attributes:
        segment: the columns of identity and score, in identity order, without repeats. The last row of an identity
            wins. NaN: only nested influencers of this bucket have new scores.
        given: the identities in the argument for this kind; None if it was not given.
        nested: the identities of nested influencers, with the code of the name; None if they were not given.
        named: the new scores of nested influencers by the row of the segment and their name; None for other kinds.
        codes: the codes of these names.
        repeated: the number of rows that a later one of the same identity has replaced.
    """

    segment: Segment
    given: Given | None
    nested: Given | None
    named: ScoresByName | None
    codes: Mapping[str | None, int]
    repeated: int

    def unknown(self, rows: Int64s, names: Sequence[tuple[int, str | None]]) -> list[tuple[int, InvalidDocument]]:
        """The errors for results that the job does not have, each with its rank: at most one for each argument.

        Args:
            rows: the rows of the segment that are not stored.
            names: the row and the name of each nested influencer that a stored bucket does not have.
        """
        identities = list(zip(*(column.tolist() for column in self.segment.identities()), strict=True))
        wanted = {identities[row] for row in rows.tolist()}
        found = [self.given and self.given.unknown(wanted)]
        if self.nested is not None:
            of_names = {(*identities[row], self.codes[name]) for row, name in names}
            of_names.update((*identity, code) for identity in wanted for code in self.codes.values())
            found.append(self.nested.unknown(of_names))
        return [error for error in found if error]


def read_scores(given: Mapping[str, object], *, keep: bool = True) -> list[Scores]:
    """New scores from arrays by field name, checked as `read_columns` does, copied and sorted; by kind.

    Args:
        given: the columns of each argument of `renormalize`; None if it is not given.
        keep: whether the index stores display fields. If not, it has no nested influencers.

    Raises:
        InvalidDocument: a column or an entry is invalid; ``field`` is its path, which begins with the argument.
        InvalidQuery: no argument is given, or scores of nested influencers that the index does not store.
    """
    if all(columns is None for columns in given.values()):
        raise InvalidQuery(f"at least one of [{', '.join(ARGUMENTS)}] must be given", field=ARGUMENTS[0])
    if not keep and given.get(_INFLUENCERS) is not None:
        reason = f"[{_INFLUENCERS}] needs documents, and this index does not keep them"
        raise InvalidQuery(reason, field=_INFLUENCERS, value=given[_INFLUENCERS])
    read = {
        argument: _read(argument, schema, _fields(schema), columns)
        for argument, schema in _KINDS.items()
        if (columns := given.get(argument)) is not None
    }
    nested = given.get(_INFLUENCERS)
    if nested is not None:
        name = INFLUENCER.by_name[_NAME]
        rows = _read(_INFLUENCERS, BUCKET, [*_fields(BUCKET), name], nested, (*BUCKET.identity, _NAME))
        read[BUCKET.plural] = _with_nested(read.get(BUCKET.plural), rows)
    return list(read.values())


def _fields(schema: Schema) -> list[Field]:
    """The fields of new scores. Keywords and the detector may be missing, the score may not."""
    fields = [schema.by_name[name] for name in (*schema.identity, schema.score)]
    return [replace(field, required=field.required or field.name == schema.score) for field in fields]


def _read(argument: str, schema: Schema, fields: Sequence[Field], columns: object, keys: Sequence[str] = ()) -> Scores:
    """The scores of one argument.

    Args:
        argument: its name.
        schema: the kind of the results.
        fields: the fields that it may have.
        columns: the columns.
        keys: the fields that identify a row; none: the identity of the kind.
    """
    names = [field.name for field in fields]
    named = named_columns(argument, columns, names, lambda _: f"not one of [{', '.join(names)}]", fields)
    arrays = as_arrays(argument, schema, named)
    length = len(arrays["timestamp"])
    stored: dict[str, Array] = {}
    dictionaries: dict[str, Objects] = {}
    for field in fields:
        column = checked(argument, field, arrays.get(field.name), length)
        if column.keywords is not None and len(column.keywords):
            dictionaries[field.name] = column.keywords
        stored[field.name] = column.values
    by = [stored[name] for name in keys or schema.identity]
    order = sort_order(by)
    ascending = stored if order is None else {name: column[order] for name, column in stored.items()}
    segment = Segment(schema, len(ascending["timestamp"]), ascending, {}, dictionaries, {})
    what = f"{schema.kind} of this {' and '.join(schema.identity)}"
    if argument == _INFLUENCERS:
        what = f"bucket with an influencer of this {' and '.join(keys)}"
    named_scores: ScoresByName | None = {} if schema is BUCKET else None
    return Scores(segment, Given(argument, what, by), None, named_scores, {}, length - segment.length)


def _with_nested(buckets: Scores | None, nested: Scores) -> Scores:
    """Scores of buckets, and of influencers nested in these and in other buckets, as one value."""
    rows, columns = nested.segment, {name: nested.segment.column(name) for name in BUCKET.identity}
    # Of equal identities the last one stays, so a bucket keeps its score.
    columns[BUCKET.score] = np.full(rows.length, np.nan)
    if buckets is not None:
        columns = {name: np.concatenate((column, buckets.segment.column(name))) for name, column in columns.items()}
    order = sort_order([columns[name] for name in BUCKET.identity])
    if order is not None:
        columns = {name: column[order] for name, column in columns.items()}
    segment = Segment(BUCKET, len(columns["timestamp"]), columns, {}, {}, {})
    _, of_rows = find_rows(segment, rows)
    names = rows.values(_NAME, slice(0, rows.length)).tolist()
    named: dict[int, dict[str | None, float]] = {}
    for row, name, score in zip(of_rows.tolist(), names, rows.column(BUCKET.score).tolist(), strict=True):
        named.setdefault(row, {})[name] = score
    codes = dict(zip(names, rows.column(_NAME).tolist(), strict=True))
    given, repeated = (None, 0) if buckets is None else (buckets.given, buckets.repeated)
    return Scores(segment, given, nested.given, named, codes, repeated + nested.repeated)
