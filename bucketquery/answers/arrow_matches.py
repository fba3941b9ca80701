"""Every match of a query as an Arrow stream: the value of `arrow`, and how it is made at a commit."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple, NoReturn

from bucketquery.answers.arrow import Fields, array_capsules, require_arrow, schema_capsule, stream_capsule
from bucketquery.answers.arrow_rows import (
    BATCH_ROWS,
    Part,
    Parts,
    batches_of,
    fields_of,
    length_of,
    parts_of,
    rows_capsule,
    table_of,
)
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.job import Job
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.model.frozen import Immutable, filler
from bucketquery.model.schema import Schema
from bucketquery.queries.resolved import ResolvedQuery
from bucketquery.search.entity_filter import filter_of
from bucketquery.search.many_jobs import scan_jobs, search_jobs
from bucketquery.search.search import scan, search
from bucketquery.search.shortcuts import Shortcuts


class Found(NamedTuple):
    """The matches of a query at a commit, not read yet.

    Attributes:
        parts: returns the matches in order, part by part; each call reads them again.
        matched: returns the number of matches.
    """

    parts: Callable[[], Iterator[Part]]
    matched: Callable[[], int]


class ArrowMatches(Immutable):
    """Every match of a query at one commit, for libraries that read Arrow.

    ``pyarrow.table``, ``polars.DataFrame``, ``pandas.DataFrame.from_arrow`` and DuckDB take it as it is, any number of
    times. The matches are read when a library asks for them. Later writes do not change them. Safe in any thread.

    Attributes:
        sequence: the commit that is read.

    >>> from bucketquery import BucketQuery, ResultsIndex
    >>> index = ResultsIndex()
    >>> hours = [{"job_id": "web", "timestamp": hour * 3_600_000, "bucket_span": 3600} for hour in range(3)]
    >>> commit = index.upsert(hours, kind="bucket")
    >>> index.arrow(BucketQuery(jobs="web"))
    <ArrowMatches: buckets at commit 1>
    """

    __slots__ = ("_dictionaries", "_found", "_has_documents", "_schema", "sequence")

    sequence: int
    _dictionaries: bool
    _found: Found
    _has_documents: bool
    _schema: Schema

    def __init__(
        self, found: Found, schema: Schema, sequence: int, *, has_documents: bool, dictionaries: bool = False
    ) -> None:
        _fill(self, dictionaries, found, has_documents, schema, sequence)

    @property
    def count(self) -> int:
        """The number of matches. Each read costs as much as a search with ``size=0``.

        >>> from bucketquery import BucketQuery, ResultsIndex
        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.arrow(BucketQuery(jobs="web")).count
        0
        """
        return self._found.matched()

    def __len__(self) -> int:
        return self.count

    def batches(self) -> Iterator["ArrowBatch"]:
        """The matches in batches of at most 65,536 rows, each made when it is asked for.

        To write more results than fit into memory, write batch by batch: a library that takes the whole stream holds
        all of it at once.

        Complexity: that of a scan in all.

        >>> from bucketquery import BucketQuery, ResultsIndex
        >>> index = ResultsIndex()
        >>> hours = [{"job_id": "web", "timestamp": hour * 3_600_000, "bucket_span": 3600} for hour in range(3)]
        >>> commit = index.upsert(hours, kind="bucket")
        >>> [len(batch) for batch in index.arrow(BucketQuery(jobs="web")).batches()]
        [3]
        """
        for batch in batches_of(self._found.parts()):
            yield ArrowBatch(batch, self._schema, self._fields, has_documents=self._has_documents)

    @property
    def _fields(self) -> Fields:
        return fields_of(self._schema, has_documents=self._has_documents, dictionaries=self._dictionaries)

    def __arrow_c_schema__(self) -> object:
        """The schema as a capsule."""
        return schema_capsule(self._fields)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """All matches as the capsule of a stream. A requested schema is ignored."""
        return rows_capsule(self._found.parts(), self._schema, self._fields, has_documents=self._has_documents)

    def __repr__(self) -> str:
        return f"<ArrowMatches: {self._schema.plural} at commit {self.sequence}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("ArrowMatches cannot be pickled; pickle the table of the library that reads them")


_fill: Final = filler(ArrowMatches, "_dictionaries", "_found", "_has_documents", "_schema", "sequence")


class ArrowBatch(Immutable):
    """Some consecutive matches, for libraries that read Arrow: as a record batch, or as a stream of one batch."""

    __slots__ = ("_fields", "_has_documents", "_parts", "_schema")

    _fields: Fields
    _has_documents: bool
    _parts: Parts
    _schema: Schema

    def __init__(self, parts: Parts, schema: Schema, fields: Fields, *, has_documents: bool) -> None:
        _fill_batch(self, fields, has_documents, parts, schema)

    def __len__(self) -> int:
        return length_of(self._parts)

    def __arrow_c_schema__(self) -> object:
        """The schema as a capsule."""
        return schema_capsule(self._fields)

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """The schema and the batch as capsules. A requested schema is ignored."""
        return array_capsules(self._fields, table_of(self._parts, self._schema, has_documents=self._has_documents))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The batch as the capsule of a stream. A requested schema is ignored."""
        table = table_of(self._parts, self._schema, has_documents=self._has_documents)
        return stream_capsule(self._fields, [table])

    def __repr__(self) -> str:
        return f"<ArrowBatch: {len(self)} {self._schema.plural}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an ArrowBatch cannot be pickled; pickle the batch of the library that reads it")


_fill_batch: Final = filler(ArrowBatch, "_fields", "_has_documents", "_parts", "_schema")


def matches_of(job: Job, resolved: ResolvedQuery, sequence: int, shortcuts: Shortcuts, **kept: bool) -> ArrowMatches:
    """The matches of one job.

    Args:
        job: the job.
        resolved: the query with every instant fixed; paging and ``expand`` do not apply.
        sequence: the number of the commit.
        shortcuts: which work a search may skip.
        kept: ``has_documents`` and ``dictionaries`` as in `fields_of`.

    Raises:
        ImportError: nanoarrow is not installed.
    """
    require_arrow()
    table = job.table(resolved.schema)
    wide = replace(shortcuts, scan_rows=BATCH_ROWS)

    def parts() -> Iterator[Part]:
        found = scan(table, resolved, wide, filter_of(job, resolved, shortcuts))
        return (part for rows in found for part in parts_of(rows, job.job_id))

    def matched() -> int:
        nothing = resolved._replace(from_=0, size=0)
        return search(table, nothing, shortcuts, filter_of(job, resolved, shortcuts))[1]

    return ArrowMatches(Found(parts, matched), resolved.schema, sequence, **kept)


def matches_of_jobs(
    catalog: Catalog,
    selected: SelectedJobs,
    resolved: ResolvedQuery,
    sequence: int,
    shortcuts: Shortcuts,
    **kept: bool,
) -> ArrowMatches:
    """The matches of several jobs, as if they lay in one table.

    The arguments are those of `matches_of`, with the catalogue and the selected jobs in place of the job.

    Raises:
        ImportError: nanoarrow is not installed.
    """
    require_arrow()
    unexpanded = resolved._replace(expand=False)
    wide = replace(shortcuts, scan_rows=BATCH_ROWS)

    def parts() -> Iterator[Part]:
        found = scan_jobs(catalog, selected, unexpanded, wide)
        return (part for rows in found for part in parts_of(rows, rows.job_ids))

    def matched() -> int:
        return search_jobs(catalog, selected, unexpanded._replace(from_=0, size=0), shortcuts)[1]

    return ArrowMatches(Found(parts, matched), resolved.schema, sequence, **kept)
