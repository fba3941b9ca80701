"""Pages as bytes: the JSON of their bodies, whichever way it is made and whoever writes it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketquery import BucketQuery, ResultsIndex
from bucketquery.answers import columnar_json
from support.helpers import JOB, WRITERS, bucket, respelled, write_by
from support.strategies import History, histories

#: Doubles that are spelled in several ways are more likely than by chance.
SCORES = st.one_of(st.sampled_from([0.0, 1e-5, 1e-7, 1e16, 1e22, 5e-324]), st.floats(0, 1e300))
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "anomaly_score": SCORES,
        "initial_anomaly_score": SCORES,
        "event_count": st.integers(-(2**63), 2**63 - 1),
        "is_interim": st.booleans(),
        "processing_time_ms": st.integers(0, 3),
    },
)


def written_in_every_way(page: Any) -> None:
    """Assert that a page is the JSON of its body, made straight from the columns or not, by every writer."""
    texts = set()
    for writer in WRITERS:
        with pytest.MonkeyPatch.context() as patch:
            write_by(patch, writer)
            patch.setattr(columnar_json, "_FEW", 2)
            straight = page.to_json()
            patch.setattr(columnar_json, "_straight", False)
            assert page.to_json() == straight
            assert repr(json.loads(page.to_json(human=True))) == repr(page.to_dict(human=True))
        assert repr(json.loads(straight.decode())) == repr(page.to_dict())
        texts.add(respelled(straight))
    assert len(texts) == 1


@given(st.lists(FIELDS, max_size=30), FIELDS, st.booleans(), st.integers(0, 30))
def test_plain_buckets_are_the_same_json_either_way(
    given_fields: list[dict[str, Any]], of_all: dict[str, Any], desc: bool, late: int
) -> None:
    """Straight from the columns and by way of dicts, whatever is missing and whatever is the same in all of them."""
    documents = [bucket(row, **fields) | of_all for row, fields in enumerate(given_fields)]
    index = ResultsIndex()
    index.put_job(JOB)
    index.upsert(documents[:late])
    index.upsert(documents)
    for sort in ("timestamp", "event_count"):
        written_in_every_way(index.get_buckets(job_id=JOB, desc=desc, sort=sort))


@given(histories())
def test_pages_of_all_kinds_are_the_json_of_their_bodies(history: History) -> None:
    """Whatever is stored and however it was written, nested or not, with records or without."""
    index = ResultsIndex()
    for batch in history:
        index.upsert(batch)
    for job_id in index.jobs():
        for page in (index.get_records(job_id=job_id), index.get_influencers(job_id=job_id)):
            written_in_every_way(page)
        for expand in (False, True):
            written_in_every_way(index.search(BucketQuery(jobs=job_id, expand=expand)))
