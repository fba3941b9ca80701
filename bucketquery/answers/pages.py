"""The pages of each kind: buckets, records, influencers."""

from typing import Any

from bucketquery.answers.anomalies import (
    expanded_bodies,
    expanded_values,
    influencer_bodies,
    influencer_values,
    record_bodies,
    record_values,
)
from bucketquery.answers.buckets import bucket_bodies, bucket_values
from bucketquery.answers.columnar_json import columnar_buckets_json
from bucketquery.answers.common import Documents
from bucketquery.answers.page import Page
from bucketquery.model.schema import BUCKET, INFLUENCER, RECORD
from bucketquery.results.anomalies import AnomalyRecord, Influencer
from bucketquery.results.buckets import Bucket
from bucketquery.storage.selection import Selection


class BucketPage(Page[Bucket]):
    """The part of the matching buckets that was asked for, in order, and how many match in all.

    A sequence of `Bucket` values, which are built when asked for. Immutable, safe in any thread, picklable.

    Attributes:
        count: every match, before paging.
        sequence: the commit it was read from.

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

    def _values(self, rows: Selection, documents: Documents, positions: slice) -> list[Bucket]:
        if self._expansion is None:
            return bucket_values(self._job_at(positions), rows, documents)
        job_id = self._job_at(positions)
        return bucket_values(job_id, rows, documents, expanded_values(job_id, self._expansion, positions))

    def _unexpanded(self) -> list[Bucket]:
        return bucket_values(self._job_id, self._rows, self._documents(self._rows))

    def _bodies(self, documents: Documents, *, human: bool) -> list[dict[str, Any]]:
        if self._expansion is None:
            return bucket_bodies(self._job_id, self._rows, documents, human=human)
        records = expanded_bodies(self._job_id, self._expansion, human=human)
        return bucket_bodies(self._job_id, self._rows, documents, records, human=human)

    def _json(self, documents: Documents, *, human: bool) -> bytes:
        job_id = self._job_id
        is_plain = self._expansion is None and not human
        found = columnar_buckets_json(job_id, self._rows, documents) if is_plain and isinstance(job_id, str) else None
        return super()._json(documents, human=human) if found is None else found


class RecordPage(Page[AnomalyRecord]):
    """The part of the matching records that was asked for, in order, and how many match in all.

    A sequence of `AnomalyRecord` values, which are built when asked for. Immutable, safe in any thread, picklable.

    Attributes:
        count: every match, before paging.
        sequence: the commit it was read from.

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

    def _values(self, rows: Selection, documents: Documents, positions: slice) -> list[AnomalyRecord]:
        return record_values(self._job_at(positions), rows, documents)

    def _bodies(self, documents: Documents, *, human: bool) -> list[dict[str, Any]]:
        return record_bodies(self._job_id, self._rows, documents, human=human)


class InfluencerPage(Page[Influencer]):
    """The part of the matching influencers that was asked for, in order, and how many match in all.

    A sequence of `Influencer` values, which are built when asked for. Immutable, safe in any thread, picklable.

    Attributes:
        count: every match, before paging.
        sequence: the commit it was read from.

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

    def _values(self, rows: Selection, documents: Documents, positions: slice) -> list[Influencer]:
        return influencer_values(self._job_at(positions), rows, documents)

    def _bodies(self, documents: Documents, *, human: bool) -> list[dict[str, Any]]:
        return influencer_bodies(self._job_id, self._rows, documents, human=human)
