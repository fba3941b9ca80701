"""Facts: the parts of a page, and where it ends."""

import pickle

from bucketquery import BucketQuery, ResultsIndex
from bucketquery.answers.facts import BY_COUNT, Rest
from support.helpers import JOB, rows


def test_a_first_page_ends_where_the_count_says() -> None:
    """A page by rank stores nothing about its end. A page behind another one says whether any match follows."""
    index = ResultsIndex()
    index.upsert(rows(0, 5))
    query = BucketQuery(jobs=JOB, size=2)
    first = index.search(query)
    assert first._facts.rest is None
    assert Rest(None, None) == BY_COUNT
    second = index.search(query, after=first.cursor)
    third = index.search(query, after=second.cursor)
    assert (second._facts.rest, third._facts.rest) == (Rest(has_more=True), Rest(has_more=False))


def test_a_pickled_page_keeps_its_cursor_and_not_its_query() -> None:
    """Its cursor is text, so the query need not be pickled."""
    index = ResultsIndex()
    index.upsert(rows(0, 5))
    page = index.search(BucketQuery(jobs=JOB, size=2))
    facts = pickle.loads(pickle.dumps(page))._facts
    assert (facts.query, facts.resolved, facts.rest) == (None, None, Rest(cursor=page.cursor))
