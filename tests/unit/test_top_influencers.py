"""Top influencers: equal to plain loops over the results, however these are stored; and the answer as a value."""

import copy
import pickle
import random
from typing import Any

import numpy as np
import pytest

from bucketquery import InvalidQuery, ResultsIndex, Snapshot, TopInfluencer, TopInfluencers, UnknownJob
from bucketquery.answers.top_influencers import top_influencers_of
from bucketquery.jobs.catalog import Catalog
from bucketquery.model.schema import INFLUENCER
from bucketquery.queries.top_query import read_top_query
from support.helpers import lead_by_value, resize, sizes
from support.lanes import JOBS, ROUNDS, SPAN_MS, WAYS, combined_of, filled, influencers_of, inside, plain_top


def influencer(value: str, score: float | None, **fields: Any) -> dict[str, Any]:
    """An influencer of the job ``web``."""
    result = {"job_id": "web", "timestamp": 0, "bucket_span": 300, "influencer_field_name": "host"}
    scored = {} if score is None else {"influencer_score": score}
    return {**result, "influencer_field_value": value, **scored, **fields}


def stored(*results: dict[str, Any]) -> ResultsIndex:
    """An index of influencers."""
    index = ResultsIndex()
    index.upsert(results, kind="influencer")
    return index


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by", ["max", "sum"])
def test_the_answer_is_that_of_plain_loops(by: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever way the influencers are found, the answer is the same."""
    lead_by_value(monkeypatch)
    resize(monkeypatch, head_rows=20)
    rng = random.Random(f"top {by} {way}")
    for _ in range(ROUNDS):
        index = filled(rng, "influencer")
        with monkeypatch.context() as patch:
            if rng.random() < 0.8:
                made = combined_of(index.snapshot(), INFLUENCER, sizes(), rng)
                patch.setattr(Catalog, "all_jobs", lambda _, __, made=made: made)
            for _ in range(8):
                start, end = (rng.choice((None, rng.randrange(-25, 65) * SPAN_MS)) for _ in "se")
                parameters = {
                    "jobs": JOBS if rng.random() < 0.5 else rng.sample(JOBS, rng.randrange(1, len(JOBS))),
                    "field": rng.choice((None, "host", "user", "nothing")),
                    "start": start,
                    "end": end,
                    "by": by,
                    "size": rng.choice((0, 1, 3, 10, 10**9)),
                    "from_": rng.choice((0, 0, 2, 10**9)),
                    "exclude_interim": rng.random() < 0.5,
                }
                query = read_top_query(**parameters)
                entries = influencers_of(index, query.jobs, query.field)
                own = inside(entries, start, end, exclude_interim=query.exclude_interim)
                expected = plain_top(own, by_sum=by == "sum", from_=query.from_, size=query.size)
                catalog = index.snapshot()._catalog
                assert top_influencers_of(catalog, query, lambda: 0, 1, WAYS[way]).to_dict() == expected, parameters


def test_an_answer_is_a_sequence_of_values() -> None:
    """It can be read by position, by slice, by column and as a dict."""
    index = stored(influencer("a", 5), influencer("a", 7, timestamp=300_000), influencer("b", None))
    found = index.top_influencers(jobs="web")
    first = TopInfluencer(
        influencer_field_name="host",
        influencer_field_value="a",
        max_influencer_score=7.0,
        sum_influencer_score=12.0,
        count=2,
    )
    assert (len(found), found.count, found.sequence) == (2, 2, 1)
    assert found[0] == first
    assert found[-1].max_influencer_score == 0.0
    assert list(found) == [*found[:1], *found[1:]]
    assert found[5:] == ()
    assert [type(value) for value in first.to_dict().values()] == [str, str, float, float, int]
    assert found.to_dict()["influencers"][0] == first.to_dict() == found[0].to_dict()
    assert found.column("influencer_field_value").tolist() == ["a", "b"]
    assert found.column("sum_influencer_score").dtype == np.float64
    for name in first.to_dict():
        with pytest.raises(ValueError, match=r"read-only|WRITEABLE"):
            found.column(name).setflags(write=True)
    with pytest.raises(IndexError):
        found[2]
    with pytest.raises(InvalidQuery, match="column of influencers, not"):
        found.column("timestamp")
    assert repr(found) == "<TopInfluencers: 2 of 2, at commit 1>"


def test_an_answer_can_be_compared_copied_and_pickled() -> None:
    """Equal answers have equal hashes. A copy is the answer itself. Nothing can be changed."""
    index = stored(influencer("a", 5), influencer("b", 6))
    found = index.top_influencers(jobs="web")
    unpickled = pickle.loads(pickle.dumps(found))
    assert found == unpickled == index.snapshot().top_influencers(jobs=["web"])
    assert hash(found) == hash(unpickled)
    assert found != index.top_influencers(jobs="web", size=1)
    assert found != "text"
    assert copy.copy(found) is copy.deepcopy(found) is found
    assert not unpickled.column("count").flags.writeable
    with pytest.raises(AttributeError):
        found.count = 3


def test_ties_are_ordered_by_name_and_by_value() -> None:
    """The field name comes before the value, both by code point."""
    pairs = [("b", "x"), ("a", "z"), ("a", "é"), ("a", "Z"), ("b", "")]
    index = stored(*(influencer(value, 5, influencer_field_name=name) for name, value in pairs))
    found = index.top_influencers(jobs="web")
    assert [(each.influencer_field_name, each.influencer_field_value) for each in found] == sorted(pairs)


def test_values_of_several_jobs_are_one_entry() -> None:
    """An influencer with the same name and value is one entry, whichever jobs have it."""
    index = stored(influencer("a", 5), influencer("a", 9, job_id="db"), influencer("b", 8, job_id="db"))
    found = index.top_influencers(jobs=["web", "db"], by="sum")
    assert [(each.influencer_field_value, each.sum_influencer_score, each.count) for each in found] == [
        ("a", 14.0, 2),
        ("b", 8.0, 1),
    ]


def test_now_is_read_once_and_may_be_given() -> None:
    """Date math means the given instant, or else the clock's."""
    index = ResultsIndex(clock=lambda: 300_000)
    index.upsert([influencer("a", 5), influencer("b", 6, timestamp=300_000)], kind="influencer")
    assert [each.influencer_field_value for each in index.top_influencers(jobs="web", end="now")] == ["a"]
    assert index.top_influencers(jobs="web", start="now", now=300_001).count == 0
    with pytest.raises(InvalidQuery, match="now"):
        index.top_influencers(jobs="web", now="now")


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"jobs": ""}, "jobs"),
        ({"field": 5}, "field"),
        ({"start": True}, "start"),
        ({"end": "x"}, "end"),
        ({"by": "mean"}, "by"),
        ({"by": None}, "by"),
        ({"size": -1}, "size"),
        ({"size": 1.0}, "size"),
        ({"size": True}, "size"),
        ({"from_": "0"}, "from_"),
        ({"exclude_interim": 1}, "exclude_interim"),
    ],
)
def test_a_parameter_is_refused(parameters: dict[str, Any], field: str) -> None:
    """Every invalid parameter is named."""
    with pytest.raises(InvalidQuery) as caught:
        ResultsIndex().top_influencers(**{"jobs": "web", **parameters})
    assert caught.value.field == field


def test_an_unknown_job_is_refused() -> None:
    """A job that is not known raises; one without influencers gives an empty answer. NumPy's integers are integers."""
    index = ResultsIndex()
    with pytest.raises(UnknownJob):
        index.top_influencers(jobs="web")
    index.put_job("web")
    found = index.top_influencers(jobs="web", size=np.int64(3), from_=np.uint8(0))  # type: ignore[arg-type]
    assert isinstance(found, TopInfluencers)
    assert found.to_dict() == {"count": 0, "influencers": []}
    assert isinstance(index.snapshot(), Snapshot)
