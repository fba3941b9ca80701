"""Arrow rows of seeded cases equal the rows of the rules: any jobs, every order, after any history of writes."""

from random import Random

import pytest

from bucketquery import BucketQuery, InfluencerQuery, RecordQuery, ResultsIndex
from support.arrow import COLUMNS, expected_rows, read
from support.strategies import apply_history, kind_of, seeded_history, seeded_query

CASES = 60


@pytest.mark.parametrize("seed", range(CASES))
def test_every_match_leaves_as_its_document_says(seed: int) -> None:
    """`arrow` gives the matches of the reference answer, with a null for each field that the document lacks."""
    rng = Random(seed)
    history, domain = seeded_history(rng, rng.choice((3, 30, 120)))
    index = ResultsIndex()
    for job_id in domain.jobs:
        index.put_job(job_id)
    for batch in history:
        index.upsert(batch)
    documents = apply_history(history)
    for _ in range(4):
        query = seeded_query(rng, domain)
        expected = expected_rows(documents, query)
        matches = index.arrow(query, dictionaries=rng.random() < 0.5)
        found = read(matches)
        assert found.rows == expected
        assert [*found.types] == [*COLUMNS[kind_of(query)]]
        assert len(matches) == len(expected)


@pytest.mark.parametrize("seed", range(CASES))
def test_matches_come_back_as_columns(seed: int) -> None:
    """Another index that reads them with `upsert_columns` gives the same bodies, whichever text form they have."""
    rng = Random(f"back {seed}")
    history, domain = seeded_history(rng, rng.choice((3, 30, 120)))
    index = ResultsIndex()
    for batch in history:
        index.upsert(batch)
    kinds: tuple[type[BucketQuery | RecordQuery | InfluencerQuery], ...] = (BucketQuery, RecordQuery, InfluencerQuery)
    for kind in kinds:
        query = kind(jobs="_all", size=10_000, sort="timestamp")
        copy = ResultsIndex()
        copy.upsert_columns(index.arrow(query, dictionaries=rng.random() < 0.5), kind=kind_of(query))
        assert copy.search(query).to_dict() == index.search(query).to_dict()
    assert domain.jobs
