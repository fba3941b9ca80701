"""Merged answers of shards equal the reference answer over all documents, whole bodies, by job and by time.

The cases are those of the differential tests: all kinds, sorts, thresholds, bands, lookups, deep pages, missing fields
and ``expand``. Every answer of a shard is pickled on its way. `CASES` cases run in each tier. To run more of them:

    BUCKETQUERY_MERGES=20000 python -m pytest tests/properties/test_merge.py

BUCKETQUERY_SEED (default "0") begins the seeds, so processes can share the work.
"""

import os
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import pytest

from bucketquery import BucketQuery, BucketQueryError, ResultsIndex, Snapshot
from bucketquery.merge import (
    ask,
    ask_overall,
    ask_span,
    merge_overall,
    merge_pages,
    overall_question,
    shard_query,
    with_spans,
)
from bucketquery.testing import evaluate, evaluate_overall, selected
from support.cases import Case, Table, outcome, seeded_tables
from support.strategies import KINDS, Document, Query, fits, kind_of, results_in, timestamp_ms
from support.tiers import of_tier

CASES = int(os.environ.get("BUCKETQUERY_MERGES", of_tier(600, 20_000)))
#: One overall question is asked for this many cases about pages.
CASES_PER_OVERALL = 5
SEED = os.environ.get("BUCKETQUERY_SEED", "0")
#: No overall bucket is longer, in seconds.
LONGEST_S = 2**62 // 1_000
#: Scores below are added without an overflow.
GREATEST = 1e300
#: No query of the cases asks for more, `from_` included.
ANY_SIZE = 10**40
#: This share of the merged pages is compared with the pages of one index too, and so are the pages behind them.
WALKED = 0.1
#: A walk by cursor ends after this many pages.
PAGES = 3

Route = Callable[[str, int], int]


class Shards:
    """Indexes that share the results of a table, and one index that has all of them, at every state of its history."""

    def __init__(self, table: Table) -> None:
        self.rng = Random(f"{table.seed} shards")
        self.number = self.rng.choice((1, 2, 2, 3, 5, 16))
        self.way, self.route = self._route(table)
        self.shards = [ResultsIndex(max_size=ANY_SIZE) for _ in range(self.number)]
        self.whole = ResultsIndex(max_size=ANY_SIZE)
        for job in sorted(table.put):
            self.whole.put_job(job)
            # Some shards may know the job before they have a result of it.
            for number in {self.route(job, at) for at in (*table.domain.timestamps[:1], 0)}:
                self.shards[number].put_job(job)
        self.states = [self._snapshots()]
        for batch in table.history:
            parts: list[list[Document]] = [[] for _ in self.shards]
            for document in filter(fits, results_in(batch)):
                parts[self.route(document["job_id"], timestamp_ms(document))].append(document)
            for shard, part in zip(self.shards, parts, strict=True):
                shard.upsert(part)
            self.whole.upsert(batch)
            self.states.append(self._snapshots())

    def _route(self, table: Table) -> tuple[str, Route]:
        """How results are divided: by job, by time or by both; every result has one shard, whatever its fields are."""
        rng, number = self.rng, self.number
        jobs = {job: rng.randrange(number) for job in table.domain.jobs}
        cuts = sorted(rng.choices(table.domain.timestamps, k=number - 1))
        ways: dict[str, Route] = {
            "by job": lambda job, _: jobs[job],
            "by time": lambda _, timestamp: sum(cut <= timestamp for cut in cuts),
            "by instant": lambda job, timestamp: (timestamp + jobs[job]) % number,
        }
        way = rng.choice([*ways])
        return way, ways[way]

    def _snapshots(self) -> tuple[Sequence[Snapshot], Snapshot]:
        return [shard.snapshot() for shard in self.shards], self.whole.snapshot()


def merged(shards: Sequence[Snapshot], query: Query, after: str | None = None) -> Any:
    """The merged page, from answers that were pickled, in any order."""
    asked = pickle.loads(pickle.dumps(shard_query(query)))
    answers = [pickle.loads(pickle.dumps(ask(shard, asked, after=after))) for shard in shards]
    return merge_pages(query, answers[::-1], after=after)


def body(shards: Sequence[Snapshot], query: Query) -> dict[str, Any]:
    """The body of the merged page."""
    found: dict[str, Any] = merged(shards, query).to_dict()
    return found


def expected(table: Table, number: int, case: Case, query: Query) -> str:
    """The outcome by the reference."""
    if query is not case.query:
        return outcome(evaluate, table.documents(case.state), query)
    return table.by_reference(number) if table.jobs(case.state).issuperset(query.jobs) else "UnknownJob"


def play(table: Table) -> Counter[str]:
    """Ask the cases of a table, and count what they had."""
    seen: Counter[str] = Counter()
    all_shards, rng = Shards(table), Random(f"{table.seed} asked")
    for number, case in enumerate(table.cases):
        query = case.query if rng.random() < 0.8 else case.query.replace(jobs="_all")
        shards, whole = all_shards.states[case.state]
        where = f"{table.seed} {all_shards.way} {all_shards.number} shards, state {case.state}: {query!r}"
        right = expected(table, number, case, query)
        page = None
        try:
            page = merged(shards, query)
            found = repr(page.to_dict())
        except BucketQueryError as error:
            found = type(error).__name__
        assert found == right, where
        seen["cases"] += 1
        seen[all_shards.way] += 1
        seen[kind_of(query)] += 1
        if page is None:
            seen[right] += 1
            continue
        if rng.random() < WALKED:
            seen["pages by cursor"] += walk(shards, whole, query, where)
        seen["rows"] += bool(len(page))
        seen["several shards"] += len({all_shards.route(result.job_id, result.timestamp) for result in page}) > 1
        seen["expand"] += bool(len(page)) and isinstance(query, BucketQuery) and query.expand
        seen["interim"] += query.exclude_interim
        seen["threshold"] += query._parsed.threshold is not None
        seen["band"] += query._parsed.below is not None
        seen["deep"] += query.from_ > 0 and bool(len(page))
    return seen


def walk(shards: Sequence[Snapshot], whole: Snapshot, query: Query, where: str) -> int:
    """Assert that a merged page is a page of one index in all that it shows, and so are the next ones by cursor."""
    page, one = merged(shards, query), whole.search(query)
    walked = 0
    while True:
        assert (page.count, len(page), page.keys()) == (one.count, len(one), one.keys()), where
        assert list(page) == list(one), where
        assert repr(page.to_dict(human=True)) == repr(one.to_dict(human=True)), where
        for name in ("job_id", *page._schema.by_name):
            columns = [shown.column(name) for shown in (page, one)]
            assert repr(columns[0].tolist()) == repr(columns[1].tolist()), f"{name} of {where}"
            assert not len(page) or columns[0].dtype == columns[1].dtype, f"{name} of {where}"
        again = pickle.loads(pickle.dumps(page))
        assert (again.to_json(), again.cursor) == (one.to_json(), page.cursor), where
        assert (page.cursor is None) == (one.cursor is None), where
        if page.cursor is None or walked == PAGES:
            return walked
        # Each cursor continues both walks.
        page, one = merged(shards, query, one.cursor), whole.search(query, after=page.cursor)
        walked += 1


def test_merged_pages_are_those_of_the_reference() -> None:
    """Whole bodies, unknown jobs and lookups that find nothing; and keys, values, bytes and cursors are one index's."""
    seen: Counter[str] = Counter()
    for table in seeded_tables(f"merged-{SEED}", CASES):
        seen += play(table)
    assert seen["cases"] >= CASES
    wanted = {*KINDS, "by job", "by time", "by instant", "rows", "several shards", "expand", "interim", "threshold"}
    wanted |= {"band", "deep", "pages by cursor", "UnknownJob", "NotFound"}
    assert {name: seen[name] for name in wanted if seen[name] < 3} == {}


# ---- overall buckets


def overall_cases(table: Table, rng: Random) -> Iterator[tuple[int, dict[str, Any]]]:
    """Questions about overall buckets, each with the state that it is about."""
    domain, spans = table.domain, sorted(table.domain.spans)
    for _ in range(max(1, len(table.cases) // CASES_PER_OVERALL)):
        ends = sorted(rng.choices(domain.timestamps, k=2))
        asked: dict[str, Any] = {
            "job_id": rng.choice(("_all", [*domain.jobs], domain.jobs[0])),
            # The sum of two of the greatest doubles would overflow.
            "top_n": rng.choice((1, 1, 2, 3, 100)) if max(domain.scores) < GREATEST else 1,
            "bucket_span": rng.choice(
                (None, None, spans[-1], 2 * spans[-1], 10 * spans[-1] + 7, spans[0], max(1, spans[-1] // 2))
            ),
            "overall_score": rng.choice((None, 0.0, rng.choice(domain.scores))),
            "exclude_interim": rng.choice((None, True)),
        }
        if rng.random() < 0.4:
            asked |= {"start": ends[0], "end": ends[1] + rng.choice((0, 1, 3_600_000))}
        yield rng.randint(0, len(table.history)), {name: value for name, value in asked.items() if value is not None}


def expected_overall(table: Table, state: int, *, job_id: str | Sequence[str], **asked: Any) -> dict[str, Any]:
    """The answer by the reference."""
    jobs = selected(dict.fromkeys(table.jobs(state), ()), job_id)
    return evaluate_overall(table.documents(state), jobs=jobs, **asked)


def merged_overall(shards: Sequence[Snapshot], asked: dict[str, Any]) -> Any:
    """The merged overall buckets, from answers that were pickled."""
    question = pickle.loads(pickle.dumps(overall_question(**asked)))
    spans = [pickle.loads(pickle.dumps(ask_span(shard, question))) for shard in shards]
    question = pickle.loads(pickle.dumps(with_spans(question, spans)))
    answers = [pickle.loads(pickle.dumps(ask_overall(shard, question))) for shard in shards]
    return merge_overall(question, answers[::-1])


def overall_body(shards: Sequence[Snapshot], asked: dict[str, Any]) -> dict[str, Any]:
    """The body of the merged overall buckets."""
    found: dict[str, Any] = merged_overall(shards, asked).to_dict()
    return found


def whole_overall(whole: Snapshot, asked: dict[str, Any]) -> dict[str, Any]:
    """The body by one index."""
    return whole.get_overall_buckets(**asked).to_dict()


def test_merged_overall_buckets_are_those_of_the_reference() -> None:
    """Whole bodies, with means over jobs of several shards, thresholds, longer spans, windows and interim buckets."""
    seen: Counter[str] = Counter()
    for table in seeded_tables(f"merged-{SEED}", CASES):
        if "bucket" not in table.domain.kinds:
            continue
        all_shards, rng = Shards(table), Random(f"{table.seed} overall")
        for state, asked in overall_cases(table, rng):
            shards, whole = all_shards.states[state]
            where = f"{table.seed} {all_shards.way} {all_shards.number} shards, state {state}: {asked!r}"
            right = outcome(expected_overall, table, state, **asked)
            if max(table.domain.spans) > LONGEST_S:
                # The reference has no bound, and the index has that of rule 14.4.
                right = outcome(whole_overall, whole, asked)
            assert outcome(overall_body, shards, asked) == right, where
            seen["cases"] += 1
            if not right.startswith("{"):
                seen[right] += 1
                continue
            found, one = merged_overall(shards, asked), whole.get_overall_buckets(**asked)
            assert (list(found), found.to_json()) == (list(one), one.to_json()), where
            assert pickle.loads(pickle.dumps(found)).to_dict() == one.to_dict(), where
            seen["found"] += bool(len(found))
            seen["several jobs"] += any(len(overall.jobs) > 1 for overall in found)
            seen["longer"] += asked.get("bucket_span", 0) > max(table.domain.spans) and asked["top_n"] > 1
    assert {name: seen[name] for name in ("found", "several jobs", "longer", "InvalidQuery") if seen[name] < 3} == {}


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(4))
def test_very_many_merged_pages_are_those_of_the_reference(part: int) -> None:
    """The same for 5,000 cases of each of four more seeds."""
    seen: Counter[str] = Counter()
    for table in seeded_tables(f"merged-thorough-{part}-{SEED}", 5_000):
        seen += play(table)
    assert seen["cases"] >= 5_000


@pytest.mark.parametrize("way", ["by job", "by time", "by instant"])
def test_a_case_that_loses_a_shard_is_noticed(way: str) -> None:
    """The comparison has teeth: without one shard's answer some case of each way differs."""
    for table in seeded_tables(f"merged-{SEED}", 3_000):
        all_shards = Shards(table)
        if all_shards.way != way or all_shards.number < 2:
            continue
        for number, case in enumerate(table.cases):
            shards, _ = all_shards.states[case.state]
            try:
                found = repr(body(shards[1:], case.query))
            except BucketQueryError as error:
                found = type(error).__name__
            if found != expected(table, number, case, case.query):
                return
    pytest.fail("no case differs")
