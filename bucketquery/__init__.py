"""An in-memory index that answers Elasticsearch's anomaly-detection results APIs exactly.

>>> from bucketquery import ResultsIndex
>>> index = ResultsIndex()
>>> bucket = {"result_type": "bucket", "job_id": "web", "timestamp": 1767225600000, "bucket_span": 300}
>>> commit = index.upsert([{**bucket, "anomaly_score": 91.5}, {**bucket, "timestamp": 1767225900000}])
>>> page = index.get_buckets(job_id="web", start="2026-01-01", anomaly_score=75, sort="anomaly_score", desc=True)
>>> page.count
1
>>> for bucket in page:
...     print(bucket.time, bucket.anomaly_score, bucket.severity)
2026-01-01 00:00:00+00:00 91.5 critical
"""

from bucketquery.answers.changes import Changes
from bucketquery.answers.overall import OverallBuckets
from bucketquery.answers.pages import BucketPage, InfluencerPage, RecordPage
from bucketquery.answers.swimlane import Swimlane
from bucketquery.answers.top_influencers import TopInfluencers
from bucketquery.errors import (
    BucketQueryError,
    ChangesExpired,
    InvalidCursor,
    InvalidDocument,
    InvalidQuery,
    LimitExceeded,
    NotFound,
    UnknownJob,
)
from bucketquery.index import ResultsIndex
from bucketquery.model.instants import Instant
from bucketquery.model.schema import Document, Kind
from bucketquery.queries.queries import BucketQuery, InfluencerQuery, RecordQuery
from bucketquery.queries.swimlane_query import SwimlaneQuery
from bucketquery.results.anomalies import AnomalyRecord, Influencer
from bucketquery.results.buckets import Bucket, BucketInfluencer
from bucketquery.results.changes import Change, ChangeRange
from bucketquery.results.commit import Commit
from bucketquery.results.overall import OverallBucket, OverallBucketJob
from bucketquery.results.top_influencer import TopInfluencer
from bucketquery.snapshot import Snapshot

__all__ = [
    "AnomalyRecord",
    "Bucket",
    "BucketInfluencer",
    "BucketPage",
    "BucketQuery",
    "BucketQueryError",
    "Change",
    "ChangeRange",
    "Changes",
    "ChangesExpired",
    "Commit",
    "Document",
    "Influencer",
    "InfluencerPage",
    "InfluencerQuery",
    "Instant",
    "InvalidCursor",
    "InvalidDocument",
    "InvalidQuery",
    "Kind",
    "LimitExceeded",
    "NotFound",
    "OverallBucket",
    "OverallBucketJob",
    "OverallBuckets",
    "RecordPage",
    "RecordQuery",
    "ResultsIndex",
    "Snapshot",
    "Swimlane",
    "SwimlaneQuery",
    "TopInfluencer",
    "TopInfluencers",
    "UnknownJob",
]
