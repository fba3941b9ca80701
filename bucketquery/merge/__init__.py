"""Shards: exact merges of the answers of several indexes, each of which has a part of the results.

A *shard* is an index, usually in a process of its own. It has all results of some jobs, or of some span of time. A
*router* sends a query to every shard and merges their answers. The merged page equals the page of one index that has
all results. How a question travels to a shard is left to the host: `ask` and `ask_overall` run beside the index, and
everything that they take and return pickles.

- `resolve_now`, `shard_query`, `ask` and `merge_pages` are for pages of buckets, records and influencers.
- `overall_question`, `ask_span`, `with_spans`, `ask_overall` and `merge_overall` are for overall buckets.

Not here: processes and networks; swimlanes, top influencers, counts by score, scans and change feeds.

>>> from bucketquery import BucketQuery, ResultsIndex
>>> shards = [ResultsIndex(), ResultsIndex()]
>>> for shard, job_id in zip(shards, ("web", "db")):
...     hours = [{"job_id": job_id, "timestamp": hour * 3_600_000, "bucket_span": 3600} for hour in range(3)]
...     commit = shard.upsert(hours, kind="bucket")
>>> query = BucketQuery(jobs="web,db", from_=1, size=2)
>>> asked = shard_query(query)
>>> page = merge_pages(query, [ask(shard, asked) for shard in shards])
>>> page.count, page.keys()
(6, (('web', 0, 3600), ('db', 3600000, 3600)))
"""

from bucketquery.merge.overall import (
    OverallOfShards,
    ShardOverall,
    ShardSpan,
    ask_overall,
    ask_span,
    merge_overall,
    overall_question,
    with_spans,
)
from bucketquery.merge.pages import ShardPage, ask, merge_pages, resolve_now, shard_query

__all__ = [
    "OverallOfShards",
    "ShardOverall",
    "ShardPage",
    "ShardSpan",
    "ask",
    "ask_overall",
    "ask_span",
    "merge_overall",
    "merge_pages",
    "overall_question",
    "resolve_now",
    "shard_query",
    "with_spans",
]
