"""The index: writes, their publication, and the default clock."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Any, Final, NoReturn
from weakref import WeakSet

import numpy.typing as npt

from bucketquery.errors import InvalidQuery
from bucketquery.ingest.arrays import read_columns
from bucketquery.ingest.batch import ENTRIES, Batch
from bucketquery.ingest.documents import read_documents
from bucketquery.ingest.scores import ARGUMENTS, read_scores
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.change_log import ChangeLog
from bucketquery.jobs.writes import (
    NO_RESULTS,
    Written,
    delete_all,
    delete_results,
    empty_tables,
    put_job,
    rescore,
    write_batch,
    write_row,
)
from bucketquery.model.frozen import FrozenMapping
from bucketquery.model.instants import Instant
from bucketquery.model.schema import Document, Kind
from bucketquery.model.sizes import DEFAULT_SIZES
from bucketquery.queries.deletion import read_deletion
from bucketquery.queries.parameters import read_boolean, read_count, read_job, read_kind, read_text
from bucketquery.reads import Reads
from bucketquery.results.commit import Commit, commit_of
from bucketquery.snapshot import Snapshot

#: Sequences are stored as int64, so 2**62 commits fit behind the largest first sequence.
_LAST_SEQUENCE: Final = 2**62 - 1
#: The bits of an instant in int64, without its sign.
_TIME_BITS: Final = 63
#: The ``skipped`` of a commit that skipped no document.
_NOTHING: Final[Mapping[str, int]] = FrozenMapping({})
#: The columns of an argument: arrays by field name, or a frame.
_Columns = Mapping[str, npt.ArrayLike] | Any
#: The indexes of this process.
_INDEXES: Final[WeakSet["ResultsIndex"]] = WeakSet()


def _renew_locks() -> None:
    """Give every index a new lock. The child of a fork has only the forking thread, so no other could release it.

    The child has the newest commit. An unfinished write leaves no trace, like a write that fails.
    """
    for index in _INDEXES:
        index._lock = Lock()


# A platform without fork lacks the function. In its place, `dict` takes the same keyword and has no effect.
getattr(os, "register_at_fork", dict)(after_in_child=_renew_locks)


def _system_clock() -> int:
    return time.time_ns() // 1_000_000  # noqa: TID251 - the one default clock


class ResultsIndex(Reads):
    """An in-memory index of anomaly-detection results: many jobs, one writer at a time, any number of readers.

    A write checks its whole input before it changes anything, and one assignment publishes it. Readers see a write
    completely or not at all, and never wait for it. Snapshots taken before the write do not change. The index has all
    read methods of `Snapshot`, which read the newest commit. The child of a fork has the newest commit and can write,
    even if another thread wrote while the process forked. Signal handlers and finalizers may read but must not write: a
    write there would wait for the write that it interrupts.

    Args:
        max_size: the largest ``size`` of a query (default 10,000).
        clock: a function without arguments that returns epoch ms as an integer (default: the system's clock). A commit
            calls it once. A search, `changes` or a delete calls it once if its date math contains ``now``.
        keep_documents: whether to store documents (default True). With False, only columns that queries filter or sort
            by are stored. Pages then have `keys`, and ``to_dict(documents=...)`` takes the documents from the caller.
        changes_kept: the largest number of changes in the log that `changes` reads (default 100,000). A change takes 25
            to 70 bytes. With 0 there is no log, and no write pays for it.
        first_sequence: the sequence of the index without commits (default 0), below 2**62. Give the current epoch ms if
            readers keep their sequences over restarts: those of an earlier process then expire.

    Raises:
        InvalidQuery: ``max_size``, ``changes_kept`` or ``first_sequence`` is not a non-negative integer, ``clock`` is
            not callable, or ``keep_documents`` is not a bool.

    >>> index = ResultsIndex()
    >>> bucket = {"result_type": "bucket", "job_id": "web", "timestamp": 1767225600000, "bucket_span": 300}
    >>> index.upsert([{**bucket, "anomaly_score": 91.5}, {**bucket, "timestamp": 1767225900000}]).inserted
    2
    >>> page = index.get_buckets(job_id="web", start="2026-01-01", anomaly_score=75)
    >>> page.count, page[0].severity
    (1, 'critical')
    """

    __slots__ = ("__weakref__", "_lock", "_log", "_nothing", "_snapshot")

    def __init__(
        self,
        *,
        max_size: int = 10_000,
        clock: Callable[[], int] | None = None,
        keep_documents: bool = True,
        changes_kept: int = 100_000,
        first_sequence: int = 0,
    ) -> None:
        most = read_count(max_size, "max_size")
        kept, first = read_count(changes_kept, "changes_kept"), read_count(first_sequence, "first_sequence")
        if first > _LAST_SEQUENCE:
            raise InvalidQuery("[first_sequence] must be below 2**62", field="first_sequence", value=first_sequence)
        if clock is not None and not callable(clock):
            raise InvalidQuery("[clock] must be callable", field="clock", value=clock)
        has_documents = read_boolean(keep_documents, "keep_documents")
        self._lock = Lock()
        self._nothing = empty_tables(DEFAULT_SIZES)
        self._log = ChangeLog(kept, first, DEFAULT_SIZES) if kept else None
        catalog = Catalog(sizes=DEFAULT_SIZES)
        self._snapshot = Snapshot(
            catalog, first, most, clock or _system_clock, has_documents=has_documents, log=self._log
        )
        _INDEXES.add(self)

    def put_job(self, job_id: str, *, bucket_span: int | None = None, groups: Iterable[str] = ()) -> Commit:
        """Make a job known, or replace its ``bucket_span`` and its groups; its results stay.

        Args:
            job_id: 1 to 255 characters without commas, asterisks, blanks and control characters; the first is not ``-``
                or ``_``.
            bucket_span: the length of the job's buckets in seconds (default None: unknown). It describes the job only:
                documents are not checked against it, and must have their own.
            groups: at most 1,000 names under which several jobs can be selected, each like a job id (default: none).

        Raises:
            InvalidQuery: the id or a group is not a valid name, or the span is not a positive integer inside int64. Or
                the id is the name of a group, or a group has the id of a known job.
            LimitExceeded: there are more than 1,000 groups.

        Complexity: O(g) for g groups, for any number of results; microseconds for any number of jobs.

        >>> index = ResultsIndex()
        >>> index.put_job("web", bucket_span=300, groups=["shop"]).sequence, index.jobs("shop")
        (1, ('web',))
        """
        job_id, span, named = read_job(job_id, bucket_span, groups)
        with self._lock:
            return self._publish(NO_RESULTS, catalog=put_job(self._snapshot._catalog, job_id, span, named))

    def delete_job(self, job_id: str) -> Commit:
        """Delete a job and all its results.

        Raises:
            UnknownJob: no job has this id.
            InvalidQuery: ``job_id`` is not text.

        Complexity: microseconds for any number of jobs. O(n) for its n results, which the log keeps as changes.

        >>> index = ResultsIndex()
        >>> commit = index.put_job("web")
        >>> index.delete_job("web").sequence, "web" in index
        (2, False)
        """
        job_id = read_text(job_id, "job_id")
        with self._lock:
            catalog = self._snapshot._catalog
            job = catalog.known(job_id, "job_id")
            written = delete_all(job, with_changes=self._log is not None)
            return self._publish(written, catalog=catalog.without(job_id))

    def delete(
        self,
        job_id: str | Iterable[str] | None = None,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        interim_only: bool = False,
    ) -> Commit:
        """Delete the results of every kind in the window ``[start, end)``, in one commit. The jobs stay known.

        Args:
            job_id: the id of one job, or ids of several, none a pattern; None (the default): all jobs.
            start: first instant included, as in a query, but -1 is refused (default None: open).
            end: first instant excluded (default None: open).
            interim_only: delete interim results only (default False). To delete a whole job, call `delete_job`.

        Raises:
            InvalidQuery: a parameter is invalid, or none of ``start``, ``end`` and ``interim_only`` is given.
            LimitExceeded: more than 100,000 ids are given, or date math leaves the years 0001 to 9999.
            UnknownJob: a job is not known, so nothing is deleted.

        Complexity: O(k) for k results at either end, plus O(r) for the rows r of lists and value indexes: less than a
        millisecond for a day of 10**6 buckets. A copy of the rest, O(n), follows many results in the middle, the first
        append after the last results were deleted, and deletes of an eighth of all results.

        >>> index = ResultsIndex()
        >>> bucket = {"job_id": "web", "timestamp": 0, "bucket_span": 300}
        >>> commit = index.upsert([bucket, {**bucket, "timestamp": 300_000}], kind="bucket")
        >>> index.delete(end=300_000).deleted, index.get_buckets(job_id="web").count
        (1, 1)
        """
        named = read_deletion(job_id, start, end, interim_only, self._snapshot._read_clock)
        with self._lock:
            return self._publish(delete_results(self._snapshot._catalog, named))

    def upsert(
        self, documents: Iterable[Document] | Document, *, kind: Kind | None = None, drop_interim: bool = False
    ) -> Commit:
        """Insert or replace results by their identity. The index stores all of them or none.

        Args:
            documents: result documents of any jobs in any order. The index reads and checks all of them before it
                changes anything, and does not modify them. The last document of an identity wins. If a document
                is a search hit, ``{"_source": {...}}``, its source is stored. The ``records`` in a bucket are stored as
                records. An answer, a search response or a client's response object stands for the documents in it.
                A value counts by the base type of its class, and pandas' NA and NaT are missing.
            kind: the kind of all documents. With None (the default), ``result_type`` gives the kind, and documents of
                other kinds are skipped.
            drop_interim: for each job and timestamp of a final bucket of this batch, delete the interim results that
                the batch does not have, in the same commit (default False: delete nothing).

        Returns:
            The numbers of inserted, replaced, unchanged, deleted and skipped results; each identity counts once.
            ``repeated`` counts the documents that a later one of the same identity has replaced within the batch.

        Raises:
            InvalidDocument: a document is invalid, so none is stored; ``field`` is its position and path, such as
                ``documents[3].anomaly_score``.
            InvalidQuery: ``kind`` is not bucket, record or influencer, or ``drop_interim`` is not a bool.

        Complexity: O(k) amortised for k documents in time order. O(k log n) for late, interim or replaced results, and
        for entities that are new to the job. Every 1,000 or more of these also cost O(n) once; ``drop_interim`` costs
        O(i) for i interim results of a job. The longest pause is a copy of a job's columns. Two writes make one: an
        append that finds no room, such as the first one after a load, and a merge of 1,000 late buckets. With 10**6
        buckets the copy takes 14 to 55 ms, or 200 ms if the system has to provide the memory.
        Source: two results are the same if they have the same identity: for buckets, job, timestamp and span. The
        server's rules and this library's types decide which documents are valid.

        >>> index = ResultsIndex()
        >>> bucket = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 300, "anomaly_score": 5}
        >>> index.upsert([bucket]).inserted
        1
        >>> commit = index.upsert([{**bucket, "anomaly_score": 6}, {"result_type": "forecast"}])
        >>> commit.sequence, commit.replaced, commit.skipped
        (2, 1, {'forecast': 1})
        """
        if kind is not None:
            kind = read_kind(kind)
        if drop_interim is not False:
            drop_interim = read_boolean(drop_interim, "drop_interim")
        batch = read_documents(documents, kind, keep=self._snapshot._has_documents)
        return self._apply(batch, drop_interim=drop_interim)

    def upsert_columns(
        self, columns: Mapping[str, npt.ArrayLike] | Any, *, job_id: str | None = None, kind: Kind = "bucket"
    ) -> Commit:
        """Insert or replace results from arrays by field name, as `upsert` does from documents.

        Args:
            columns: 1-d arrays of equal length, a frame of pandas or polars, or an Arrow table or stream; all copied.
                ``timestamp`` is int64 epoch ms or an instant, ``bucket_span`` is in seconds, an array or one int. A
                value is missing if its field is left out, if it is masked, or if it is None or a null. Time columns
                with a zone are read in UTC. ``extra_fields`` of records and influencers are JSON objects as text.
            job_id: the job of all rows; None (the default) if a column ``job_id`` has the job of each row.
            kind: the kind of all rows (default ``bucket``).

        Raises:
            InvalidDocument: a column or an entry is invalid, so no row is stored; ``field`` is its path, such as
                ``columns.anomaly_score[3]``.
            ImportError: an Arrow table needs nanoarrow, which the extra ``arrow`` installs.
            InvalidQuery: ``kind`` is not bucket, record or influencer.

        Complexity: as `upsert`.

        >>> import numpy as np
        >>> timestamps = np.arange(0, 1_500_000, 300_000)
        >>> ResultsIndex().upsert_columns({"timestamp": timestamps, "bucket_span": 300}, job_id="web").inserted
        5
        """
        kind = read_kind(kind)
        return self._apply(read_columns(columns, job_id, kind, keep=self._snapshot._has_documents))

    def renormalize(
        self,
        job_id: str,
        *,
        buckets: _Columns | None = None,
        records: _Columns | None = None,
        influencers: _Columns | None = None,
        bucket_influencers: _Columns | None = None,
    ) -> Commit:
        """Replace the current scores of stored results, in one commit. All other fields stay, initial scores included.

        Args:
            job_id: the id of one job, not a pattern.
            buckets: identities and scores, as arrays by field name or a frame: ``timestamp``, ``bucket_span``,
                ``anomaly_score``. The last row of an identity wins. An influencer ``bucket_time`` nested in a bucket
                gets the bucket's score too, unless ``bucket_influencers`` has one for it.
            records: identities and ``record_score``. Keywords and ``detector_index`` may be left out.
            influencers: identities and ``influencer_score``.
            bucket_influencers: as ``buckets``, for all nested influencers of an ``influencer_field_name``.

        Returns:
            The numbers of replaced and unchanged results. A bucket counts once, together with its nested influencers.

        Raises:
            InvalidDocument: a column or an entry is invalid, or the job has no such result, so nothing changes;
                ``field`` is its path, such as ``records.timestamp[3]``.
            InvalidQuery: ``job_id`` is not text, no scores are given, or the index stores no nested influencers.
            UnknownJob: no job has this id.

        Complexity: O(k log n) for k scores, plus O(n) to copy one column for more than a few dozen scores.
        Source: renormalisation rewrites the current score, never the initial one.

        >>> index = ResultsIndex()
        >>> bucket = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "anomaly_score": 5, "event_count": 7}
        >>> commit = index.upsert([bucket], kind="bucket")
        >>> scores = {"timestamp": [0], "bucket_span": 300, "anomaly_score": [60]}
        >>> index.renormalize("web", buckets=scores).replaced
        1
        >>> index.get_buckets(job_id="web")[0].anomaly_score, index.get_buckets(job_id="web")[0].event_count
        (60.0, 7)
        """
        job_id = read_text(job_id, "job_id")
        given = buckets, records, influencers, bucket_influencers
        scores = read_scores(dict(zip(ARGUMENTS, given, strict=True)), keep=self._snapshot._has_documents)
        with self._lock:
            written = rescore(self._snapshot._catalog.known(job_id, "job_id"), scores)
            return self._publish(written, repeated=sum(some.repeated for some in scores))

    def snapshot(self) -> Snapshot:
        """The newest commit as a snapshot, which later writes do not change. Complexity: O(1).

        >>> ResultsIndex().snapshot().sequence
        0
        """
        return self._snapshot

    def _newest(self) -> Snapshot:
        return self._snapshot

    def _apply(self, batch: Batch, *, drop_interim: bool = False) -> Commit:
        skipped = FrozenMapping(batch.skipped) if batch.skipped else _NOTHING
        with self._lock:
            catalog, nothing = self._snapshot._catalog, self._nothing
            if len(batch.rows) == ENTRIES and not (batch.parts or drop_interim):
                # Most writes have one row.
                written = write_row(catalog, nothing, batch.rows)
            else:
                written = write_batch(catalog, nothing, batch, drop_interim=drop_interim)
            return self._publish(written, skipped, batch.repeated)

    def _publish(
        self,
        written: Written,
        skipped: Mapping[str, int] = _NOTHING,
        repeated: int = 0,
        catalog: Catalog | None = None,
    ) -> Commit:
        """Publish the next commit by one assignment; none if the write changed nothing. The caller holds the lock.

        ``catalog`` is the next catalogue; None: the present one with the changed jobs. `Commit` has the others.
        """
        snapshot = self._snapshot
        inserted, replaced, unchanged, deleted = written.counts
        if catalog is None:
            if not written.jobs:
                return commit_of(snapshot._sequence, 0, 0, unchanged, 0, skipped, repeated, snapshot._time)
            draft, before = written.draft, snapshot._catalog
            catalog = before.with_jobs(written.jobs, written) if draft is None else draft.finish(written.jobs, written)
        now = snapshot._clock()
        # An int of another class, or one outside int64, is rare, so the usual one does not cost a call.
        is_usual = type(now) is int and now.bit_length() <= _TIME_BITS
        following = snapshot._next(catalog, now if is_usual else snapshot._commit_time(now))
        sequence, time = following._sequence, following._made_at or 0
        commit = commit_of(sequence, inserted, replaced, unchanged, deleted, skipped, repeated, time)
        log = self._log
        if log is None:
            self._snapshot = following
        else:
            needs_trim = log.add(written, sequence, time)
            self._snapshot = following
            if needs_trim:
                log.trim(catalog)
            log.is_dirty = False
        return commit

    def check(self) -> None:
        """Assert every invariant of the stored data, for tests. Complexity: at most O(n)."""
        self._snapshot.check()

    def __repr__(self) -> str:
        return f"<ResultsIndex: {len(self._snapshot._catalog)} jobs at commit {self._snapshot.sequence}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a ResultsIndex cannot be pickled or copied; pickle the documents that it was made from")
