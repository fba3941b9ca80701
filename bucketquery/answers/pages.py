"""The pages of each kind: buckets, records, influencers."""

from typing import Any

from bucketquery.answers.anomalies import (
    expanded_objects,
    expanded_values,
    influencer_objects,
    influencer_values,
    record_objects,
    record_values,
)
from bucketquery.answers.buckets import bucket_objects, bucket_values
from bucketquery.answers.columnar_json import columnar_buckets_json
from bucketquery.answers.common import DisplayFields
from bucketquery.answers.page import Page
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD
from bucketquery.results.anomalies import AnomalyRecord, Influencer
from bucketquery.results.buckets import Bucket
from bucketquery.search.job_rows import AnyRows


class BucketPage(Page[Bucket]):
    """The requested page of the matching buckets, in order, and the number of all matches.

    A sequence of `Bucket` values, which are made when they are read. Immutable, safe in any thread, picklable.

    Attributes:
        count: the number of all matches, before paging.
        sequence: the commit that the page was read from.

    Source: the API's response body.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> documents = [{"job_id": "web", "timestamp": row, "bucket_span": 1} for row in range(5)]
    >>> commit = index.upsert(documents, kind="bucket")
    >>> page = index.get_buckets(job_id="web", size=2, from_=1)
    >>> page.count, len(page), [bucket.timestamp for bucket in page], page[-1].timestamp
    (5, 2, [1, 2], 2)
    """

    __slots__ = ()

    _schema = BUCKET

    def _values(self, rows: AnyRows, display: DisplayFields, positions: slice) -> list[Bucket]:
        if self._expansion is None:
            return bucket_values(self._job_at(positions), rows, display)
        job_id = self._job_at(positions)
        return bucket_values(job_id, rows, display, expanded_values(job_id, self._expansion, positions))

    def _unexpanded(self) -> list[Bucket]:
        return bucket_values(self._job_id, self._rows, self._display_fields(self._rows))

    def _objects(self, display: DisplayFields, *, human: bool) -> list[dict[str, Any]]:
        if self._expansion is None:
            return bucket_objects(self._job_id, self._rows, display, human=human)
        records = expanded_objects(self._job_id, self._expansion, human=human)
        return bucket_objects(self._job_id, self._rows, display, records, human=human)

    def _results_json(self, display: DisplayFields, *, human: bool) -> bytes:
        job_id = self._job_id
        if not human and self._expansion is None and isinstance(job_id, str):
            written = columnar_buckets_json(job_id, self._rows, display)
            if written is not None:
                return written
        return super()._results_json(display, human=human)


class RecordPage(Page[AnomalyRecord]):
    """The requested page of the matching records, in order, and the number of all matches.

    A sequence of `AnomalyRecord` values, which are made when they are read. Immutable, safe in any thread, picklable.

    Attributes:
        count: the number of all matches, before paging.
        sequence: the commit that the page was read from.

    Source: the API's response body.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> record = {"job_id": "web", "timestamp": 0, "bucket_span": 300}
    >>> commit = index.upsert([{**record, "detector_index": i, "record_score": i} for i in range(3)], kind="record")
    >>> page = index.get_records(job_id="web", size=2)
    >>> page.count, [record.record_score for record in page]
    (3, [2.0, 1.0])
    """

    __slots__ = ()

    _schema = RECORD

    def _values(self, rows: AnyRows, display: DisplayFields, positions: slice) -> list[AnomalyRecord]:
        return record_values(self._job_at(positions), rows, display)

    def _objects(self, display: DisplayFields, *, human: bool) -> list[dict[str, Any]]:
        return record_objects(self._job_id, self._rows, display, human=human)


class InfluencerPage(Page[Influencer]):
    """The requested page of the matching influencers, in order, and the number of all matches.

    A sequence of `Influencer` values, which are made when they are read. Immutable, safe in any thread, picklable.

    Attributes:
        count: the number of all matches, before paging.
        sequence: the commit that the page was read from.

    Source: the API's response body.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> blamed = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "influencer_field_name": "host"}
    >>> documents = [{**blamed, "influencer_field_value": host} for host in ("a", "b")]
    >>> commit = index.upsert(documents, kind="influencer")
    >>> index.get_influencers(job_id="web").keys()
    (('web', 0, 300, 'host', 'b'), ('web', 0, 300, 'host', 'a'))
    """

    __slots__ = ()

    _schema = INFLUENCER

    def _values(self, rows: AnyRows, display: DisplayFields, positions: slice) -> list[Influencer]:
        return influencer_values(self._job_at(positions), rows, display)

    def _objects(self, display: DisplayFields, *, human: bool) -> list[dict[str, Any]]:
        return influencer_objects(self._job_id, self._rows, display, human=human)
