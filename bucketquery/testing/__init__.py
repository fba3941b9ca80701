"""A reference implementation and Hypothesis strategies, for the tests of projects that build on this library.

`evaluate` implements "get buckets", "get records" and "get influencers" over Python lists: filter, sort, slice. It
takes what `ResultsIndex.upsert` takes. It is slow and simple, and it shares no code with the index except the query
classes. Use it

- as a test double: it returns the API's response body for a few documents and a query;
- as the oracle for another engine (SQL, a dataframe, a cache in front of the server): draw documents with
  `result_documents` and queries with `bucket_queries`, `record_queries` and `influencer_queries`, run both, compare.

`evaluate_after` is the page behind another page. `stored_results`, `deleted`, `overtaken` and `rescored` say what each
write stores or deletes, and `matching_changes` and `listing` say which changes a feed then has. They take and return
plain dicts.

`selected` says which jobs tokens select. `evaluate_overall`, `evaluate_swimlane`, `evaluate_top_influencers`,
`evaluate_severity_counts` and `evaluate_threshold_counts` are the reference answers about the results of many jobs at
once. They take job ids, not tokens.

The strategies need the package ``hypothesis``. It is imported when one of them is called.

Not here: checking documents (`ResultsIndex.upsert`) and parsing dates (the queries and ``search``).
"""

from bucketquery.testing.living import (
    ExpectedChange,
    deleted,
    listing,
    matching_changes,
    overtaken,
    rescored,
    stored_results,
)
from bucketquery.testing.overall import evaluate_overall
from bucketquery.testing.reference import SORTABLE, evaluate, evaluate_after
from bucketquery.testing.selection import selected
from bucketquery.testing.strategies import (
    bucket_documents,
    bucket_queries,
    influencer_documents,
    influencer_queries,
    record_documents,
    record_queries,
    result_documents,
)
from bucketquery.testing.swimlanes import (
    ExpectedSwimlane,
    evaluate_severity_counts,
    evaluate_swimlane,
    evaluate_threshold_counts,
    evaluate_top_influencers,
)

__all__ = [
    "SORTABLE",
    "ExpectedChange",
    "ExpectedSwimlane",
    "bucket_documents",
    "bucket_queries",
    "deleted",
    "evaluate",
    "evaluate_after",
    "evaluate_overall",
    "evaluate_severity_counts",
    "evaluate_swimlane",
    "evaluate_threshold_counts",
    "evaluate_top_influencers",
    "influencer_documents",
    "influencer_queries",
    "listing",
    "matching_changes",
    "overtaken",
    "record_documents",
    "record_queries",
    "rescored",
    "result_documents",
    "selected",
    "stored_results",
]
