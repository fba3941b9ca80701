"""Sixteen shards that are asked and merged, beside one index that has the results of all of them.

The shards are indexes in this process, and their answers are not pickled except in the column that says so. So the
times are those of the work, without processes and networks. The garbage collector is on.
"""

import pickle
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from benchmarks.across import ALL, QUESTIONS, Contest
from benchmarks.job_sets import JobSet, index_of_set
from benchmarks.questions import reading
from benchmarks.timing import Effort, Figures, WrongAnswer, race
from bucketquery import BucketQuery, ResultsIndex

SHARDS: Final = 16


def can_merge() -> bool:
    """Whether this commit has merges."""
    return find_spec("bucketquery.merge") is not None


def shards_of(jobs: JobSet, number: int = SHARDS) -> list[ResultsIndex]:
    """Indexes that share the jobs of a set in turn."""
    shards = []
    for first in range(number):
        rows = jobs.columns["job"] % number == first
        columns = {name: column[rows] for name, column in jobs.columns.items()}
        own = jobs._replace(ids=jobs.ids[first::number], columns={**columns, "job": columns["job"] // number})
        shards.append(index_of_set(own))
    return shards


def measure(contest: Contest, shards: Sequence[ResultsIndex], effort: Effort) -> Figures:
    """The time of each question over all jobs, microseconds.

    *one index* reads the keys of its page. *ask, each* is what one shard takes, *merge* takes the answers of all and
    reads the keys of the merged page, and *pickle, all* writes and reads all answers.

    Raises:
        WrongAnswer: the merged page is not that of the index, or is empty.
    """
    # Another commit may have no such module.
    merge = import_module("bucketquery.merge")
    figures = {}
    for name, parameters in QUESTIONS.items():
        query = BucketQuery(jobs=ALL, **parameters(contest.jobs.last_day))
        asked = merge.shard_query(query)
        answers = [merge.ask(shard, asked) for shard in shards]
        merged, one = merge.merge_pages(query, answers), contest.index.search(query)
        if (merged.count, merged.to_dict()) != (one.count, one.to_dict()) or not one.count:
            raise WrongAnswer(f"{contest.jobs.name}, {name}, shards")
        row = race(
            {
                "one index": [reading(partial(contest.index.search, query), "keys")],
                "ask, each": [partial(merge.ask, shard, asked) for shard in shards],
                "merge": [reading(partial(merge.merge_pages, query, answers), "keys")],
                "pickle, all": [partial(_through_pickle, answers)],
            },
            effort,
            collects=True,
        )
        figures[f"{len(shards)} shards, {name}"] = row
    return figures


def _through_pickle(answers: Sequence[Any]) -> list[Any]:
    return [pickle.loads(pickle.dumps(answer)) for answer in answers]
