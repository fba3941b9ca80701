"""The bytes of a page are the JSON of its body, from columns or from dicts, by every encoder."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketquery import BucketQuery, ResultsIndex
from bucketquery.answers import columnar_json
from bucketquery.elastic.replies import answer
from bucketquery.model.encoding import json_bytes
from support.helpers import JOB, WRITERS, bucket, respelled, write_by
from support.strategies import History, histories

#: Scores that often have several spellings as JSON.
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


def assert_bytes_of_body(page: Any) -> None:
    """Assert that the bytes of a page are the JSON of its body, by every encoder.

    The bytes come from the columns or from dicts, and from the page or the REST door.
    """
    texts = set()
    for writer in WRITERS:
        with pytest.MonkeyPatch.context() as patch:
            write_by(patch, writer)
            patch.setattr(columnar_json, "_FEW", 2)
            columnar = page.to_json()
            assert json_bytes(page.to_dict()) == columnar
            assert answer(page, human=False).encode() == columnar
            for human in (False, True):
                reply = answer(page, human=human)
                from_page = reply.encode()
                assert from_page == page.to_json(human=human)
                assert repr(json.loads(from_page.decode())) == repr(page.to_dict(human=human)) == repr(reply.body)
                assert reply.encode() == from_page
        texts.add(respelled(columnar))
    assert len(texts) == 1


@given(st.lists(FIELDS, max_size=30), FIELDS, st.booleans(), st.integers(0, 30))
def test_simple_buckets_are_the_same_json_either_way(
    given_fields: list[dict[str, Any]], of_all: dict[str, Any], desc: bool, late: int
) -> None:
    """Columns and dicts give the same JSON, with any fields missing and any values equal in all rows."""
    documents = [bucket(row, **fields) | of_all for row, fields in enumerate(given_fields)]
    index = ResultsIndex()
    index.put_job(JOB)
    index.upsert(documents[:late])
    index.upsert(documents)
    for sort in ("timestamp", "event_count"):
        assert_bytes_of_body(index.get_buckets(job_id=JOB, desc=desc, sort=sort))


@given(histories())
def test_pages_of_all_kinds_are_the_json_of_their_bodies(history: History) -> None:
    """The bytes of a page of any kind are the JSON of its body after any history, with and without `expand`."""
    index = ResultsIndex()
    for batch in history:
        index.upsert(batch)
    for job_id in index.jobs():
        for page in (index.get_records(job_id=job_id), index.get_influencers(job_id=job_id)):
            assert_bytes_of_body(page)
        for expand in (False, True):
            assert_bytes_of_body(index.search(BucketQuery(jobs=job_id, expand=expand)))
