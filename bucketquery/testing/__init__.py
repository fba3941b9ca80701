"""A reference answer and Hypothesis strategies, for the tests of whoever builds on this library.

`evaluate` states the rules of "get buckets", "get records" and "get influencers" once more, over plain lists: filter,
sort, slice. It is slow and obvious, and shares no code with the engine, so it can judge it. Use it

- as a test double: a few documents and a query give exactly the response body that the API would give;
- as the oracle of an engine of your own (SQL, a dataframe, a cache before the server): draw documents with
  `result_documents` and questions with `bucket_queries`, `record_queries` and `influencer_queries`, ask both, compare.

The strategies need the package ``hypothesis``, which is imported only when one of them is called.

Left to others: checking documents (`ResultsIndex.upsert`), parsing dates (the queries and ``search``), speed.
"""

from bucketquery.testing.reference import SORTABLE, evaluate
from bucketquery.testing.strategies import (
    bucket_documents,
    bucket_queries,
    influencer_documents,
    influencer_queries,
    record_documents,
    record_queries,
    result_documents,
)

__all__ = [
    "SORTABLE",
    "bucket_documents",
    "bucket_queries",
    "evaluate",
    "influencer_documents",
    "influencer_queries",
    "record_documents",
    "record_queries",
    "result_documents",
]
