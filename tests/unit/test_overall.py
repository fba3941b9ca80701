"""Overall buckets: every rule in a case made by hand, and every way to compute them against a plain loop."""

import math
import random
from collections.abc import Iterator
from itertools import groupby, pairwise, product
from typing import Any

import numpy as np
import pytest

from bucketquery import InvalidQuery, OverallBuckets, ResultsIndex, Snapshot
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.job_labels import JobLabels
from bucketquery.model.schema import BUCKET, COMBINED
from bucketquery.queries.overall import overall_question
from bucketquery.search import overall as room
from bucketquery.search.label_filter import LabelFilter
from bucketquery.search.longest_span import longest_span
from bucketquery.search.slot_sources import RowSizes, of_selected
from bucketquery.search.slots import SlotSizes
from bucketquery.storage.table import Table
from support.all_jobs import of_parts

Cell = tuple[int, float, dict[str, float], bool]
Found = list[tuple[int, int, float, list[tuple[str, float]], bool]]

#: Sizes that send a few rows along the ways of many.
_TINY = SlotSizes(block_rows=2, blocks_per_line=1, sorted_cells=8)
SIZES = {
    "default": RowSizes(),
    "common": RowSizes(few_jobs=0, rows_per_job=10**9),
    "common, blocks": RowSizes(few_jobs=0, rows_per_job=10**9, rows_at_once=16, slots=_TINY),
    "common, mixed spans from own tables": RowSizes(few_jobs=0, rows_per_job=0, rows_at_once=8, slots=_TINY),
    "own": RowSizes(few_jobs=10**9),
    "own, blocks": RowSizes(few_jobs=10**9, rows_at_once=16, slots=_TINY),
}


def bucket(job_id: str, timestamp: int, score: float | None = 0.0, span: int = 60, **more: Any) -> dict[str, Any]:
    """A bucket, without a score if that is None."""
    scores = {} if score is None else {"anomaly_score": score}
    return {"job_id": job_id, "timestamp": timestamp, "bucket_span": span, **scores, **more}


def index_of(*buckets: dict[str, Any]) -> ResultsIndex:
    """An index of some buckets."""
    index = ResultsIndex()
    index.upsert(buckets, kind="bucket")
    return index


def shown(found: OverallBuckets) -> Found:
    """The overall buckets as plain tuples."""
    return [
        (
            each.timestamp,
            each.bucket_span,
            each.overall_score,
            [(job.job_id, job.max_anomaly_score) for job in each.jobs],
            each.is_interim,
        )
        for each in found
    ]


def plain_cell(timestamp: int, inside: list[dict[str, Any]], top_n: int) -> Cell:
    """The overall score of one interval, and what it comes from."""
    scores: dict[str, float] = {}
    for each in inside:
        score = each.get("anomaly_score", 0.0)
        scores[each["job_id"]] = max(score, scores.get(each["job_id"], score))
    total, tops = 0.0, sorted(scores.values(), reverse=True)[:top_n]
    for top in tops:
        total += top
    return timestamp, total / len(tops), scores, any(each.get("is_interim", False) for each in inside)


def plain_group(timestamp: int, cells: list[Cell]) -> Cell:
    """Several intervals as a longer one."""
    scores: dict[str, float] = {}
    for _, _, own, _ in cells:
        for job, score in own.items():
            scores[job] = max(score, scores.get(job, 0.0))
    return timestamp, max(score for _, score, _, _ in cells), scores, any(interim for *_, interim in cells)


def plain(
    buckets: list[dict[str, Any]],
    jobs: dict[str, int | None],
    *,
    top_n: int = 1,
    bucket_span: int | None = None,
    overall_score: float = 0.0,
    start: int | None = None,
    end: int | None = None,
    exclude_interim: bool = False,
) -> Found | None:
    """The rules, line by line: ``jobs`` are the selected ones and the spans that `put_job` gave them.

    None if ``bucket_span`` is refused.
    """
    own = [each for each in buckets if each["job_id"] in jobs]
    spans = [span for span in jobs.values() if span is not None]
    spans += [each["bucket_span"] for each in own if jobs[each["job_id"]] is None]
    if not spans:
        return []
    longest = max(spans)
    wide = longest if bucket_span is None else bucket_span
    if wide < longest:
        return None
    fine_ms, wide_ms = 1000 * (wide if top_n == 1 or len(jobs) == 1 else longest), 1000 * wide
    first = -math.inf if start is None else -(-start // fine_ms) * fine_ms
    behind = math.inf if end is None else end // fine_ms * fine_ms
    inside: dict[int, list[dict[str, Any]]] = {}
    for each in own:
        if first <= each["timestamp"] < behind and not (exclude_interim and each.get("is_interim")):
            inside.setdefault(each["timestamp"] // fine_ms * fine_ms, []).append(each)
    cells = [plain_cell(timestamp, some, top_n) for timestamp, some in sorted(inside.items())]
    cells = [cell for cell in cells if cell[1] >= overall_score]
    if wide_ms != fine_ms:
        groups = groupby(cells, lambda cell: cell[0] // wide_ms * wide_ms)
        cells = [plain_group(timestamp, [*some]) for timestamp, some in groups]
    return [(at, wide, score, sorted(scores.items()), interim) for at, score, scores, interim in cells]


def asked(snapshot: Snapshot, sizes: RowSizes, job_id: list[str], **parameters: Any) -> OverallBuckets:
    """The answer of one way to compute it."""
    question = overall_question(job_id=job_id, **parameters)
    selected = snapshot._catalog.select(question.jobs, "job_id")
    found = room.find_overall(snapshot._catalog, selected, question.resolve(lambda: 0), sizes)
    return OverallBuckets(found, snapshot.sequence)


# ---- each way, against the plain loop


def histories(chance: random.Random) -> Iterator[tuple[ResultsIndex, list[dict[str, Any]], dict[str, int | None]]]:
    """Indexes of a few jobs after random writes, their buckets, and the spans of `put_job`."""
    for round_ in range(9):
        names = [f"job-{number}" for number in range(chance.choice([1, 2, 3, 7]))]
        spans = chance.choice([[60], [60, 60, 60, 300], [60, 90, 300]])
        jitter = chance.choice([0, 0, 30_000])
        first = chance.choice([0, -900_000, 1_700_000_000_000])
        index = ResultsIndex()
        stored: dict[Any, dict[str, Any]] = {}
        given: dict[str, int | None] = dict.fromkeys(names)
        own = {name: chance.choice(spans) for name in names}
        for name in names:
            if chance.random() < 0.5:
                given[name] = own[name] if round_ % 3 else chance.choice([60, 600])
            index.put_job(name, bucket_span=given[name])
        for _ in range(chance.choice([1, 3, 12])):
            batch = []
            for _ in range(chance.choice([1, 20, 60])):
                name = chance.choice(names)
                span = own[name] if chance.random() < 0.9 else chance.choice(spans)
                timestamp = first + chance.randrange(30) * span * 1000 + chance.choice([0, jitter])
                score = chance.choice([None, 0.0, 0.0, 0.1, 25.0, 75.0, -1.0, round(chance.random() * 100, 1)])
                more = {"is_interim": True} if chance.random() < 0.1 else {}
                batch.append(bucket(name, timestamp, score, span, **more))
            index.upsert(batch, kind="bucket")
            stored |= {(each["job_id"], each["timestamp"], each["bucket_span"]): each for each in batch}
            if chance.random() < 0.3:
                low = first + chance.randrange(30) * 60_000
                index.delete(start=low, end=low + 120_000)
                stored = {key: each for key, each in stored.items() if not low <= key[1] < low + 120_000}
        yield index, list(stored.values()), given


@pytest.mark.parametrize("seed", range(6))
def test_every_way_gives_the_answer_of_the_plain_loop(seed: int) -> None:
    """Whichever tables are read, and in whatever pieces, the answer is that of the rules."""
    chance = random.Random(seed)
    for index, stored, given in histories(chance):
        snapshot = index.snapshot()
        every = list(given)
        for _ in range(5):
            jobs = chance.choice([every, every, chance.sample(every, chance.randint(1, len(every)))])
            some = [each["timestamp"] for each in stored] or [0]
            parameters: dict[str, Any] = {
                "top_n": chance.choice([1, 1, 2, 3, 10**30]),
                "overall_score": chance.choice([0.0, -5.0, 0.1, 25.0, 40.0, 75.0]),
                "bucket_span": chance.choice([None, None, 300, 420, 600, 86_400]),
                "start": chance.choice([None, chance.choice(some), chance.choice(some) + 1]),
                "end": chance.choice([None, chance.choice(some), chance.choice(some) + 1]),
                "exclude_interim": chance.choice([False, True]),
            }
            selected = {name: given[name] for name in jobs}
            expected = plain(stored, selected, **parameters)
            if expected is None:
                with pytest.raises(InvalidQuery, match="must be greater or equal to the max bucket_span"):
                    index.get_overall_buckets(job_id=jobs, **parameters)
                continue
            for name, sizes in SIZES.items():
                found = asked(snapshot, sizes, jobs, **parameters)
                assert shown(found) == expected, (name, parameters, jobs)
                if expected:
                    assert found[-1] == tuple(found)[-1]
            assert shown(index.get_overall_buckets(job_id=jobs, **parameters)) == expected


def in_parts(catalog: Catalog, chance: random.Random) -> None:
    """Give a catalogue the tables of all jobs in three parts, with late rows, deleted rows and interim rows."""
    every = Catalog.all_jobs(catalog, BUCKET)
    assert every is not None
    (whole,) = every.parts
    length = whole.length
    cuts = sorted(chance.randint(0, length) for _ in range(2))
    parts = []
    for first, stop in pairwise((0, *cuts, length)):
        rows = np.arange(first, stop, dtype=np.int64)
        in_head = np.array([chance.random() < 0.2 for _ in rows], dtype=np.bool_)
        replaced = in_head & np.array([chance.random() < 0.5 for _ in rows], dtype=np.bool_)
        base = whole.base.select(rows[~in_head | replaced])
        was = np.isin(rows[~in_head | replaced], rows[replaced]).nonzero()[0]
        base = base.rescore(was, np.array([chance.choice([0.0, 50.0, 100.0]) for _ in was]))
        interim = np.setdiff1d(base.column("is_interim").nonzero()[0], was)
        parts.append(Table(base, was, whole.base.select(rows[in_head]), interim))
    made = of_parts(every.schema, parts, every.labels)
    catalog.__dict__["all_jobs"] = lambda _schema: made


@pytest.mark.parametrize("seed", range(4))
def test_tables_of_all_jobs_may_come_in_parts(seed: int) -> None:
    """An interval may have rows in two tables, late rows and deleted rows; each counts once."""
    chance = random.Random(seed)
    for index, stored, given in histories(chance):
        snapshot = index.snapshot()
        in_parts(snapshot._catalog, chance)
        every = [*given]
        for top_n, overall_score, exclude_interim in product((1, 2, 3), (0.0, 25.0, 75.0), (False, True)):
            jobs = chance.choice([every, chance.sample(every, chance.randint(1, len(every)))])
            selected = {name: given[name] for name in jobs}
            asks: dict[str, Any] = {
                "top_n": top_n,
                "overall_score": overall_score,
                "exclude_interim": exclude_interim,
                "start": chance.choice([None, *(each["timestamp"] for each in stored[:3])]),
            }
            expected = plain(stored, selected, **asks)
            for name in ("common", "common, blocks"):
                assert shown(asked(snapshot, SIZES[name], jobs, **asks)) == expected, (name, asks)


def test_without_tables_of_all_jobs_the_own_tables_are_read() -> None:
    """There may be none, if a span is very long."""
    index = index_of(bucket("web", 0, 5.0), bucket("db", 0, 7.0, span=2**32))
    snapshot = index.snapshot()
    snapshot._catalog.__dict__["all_jobs"] = lambda _schema: None
    (found,) = asked(snapshot, SIZES["common"], ["web", "db"], top_n=2)
    assert (found.bucket_span, found.overall_score) == (2**32, 6.0)


def test_selected_jobs_may_have_no_label() -> None:
    """A job without results may have none, and then no row is selected."""
    index = index_of(*(bucket(name, 0, 5.0) for name in ("a-1", "a-2", "b-1", "b-2")))
    catalog = index.snapshot()._catalog
    every = catalog.all_jobs(BUCKET)
    assert every is not None
    base = every.parts[0].base
    for names, rows in ((("a-1", "a-2"), [0, 1]), (("a-1", "b-1"), [0, 2])):
        jobs = LabelFilter.of(catalog.select(names, "jobs"), every.labels)
        assert of_selected(jobs, base, np.arange(4)).tolist() == rows  # type: ignore[union-attr] # an array
    nobody = LabelFilter.of(catalog.select(("a-1",), "jobs"), JobLabels([]))
    assert not len(of_selected(nobody, base, slice(0, 4)))  # type: ignore[arg-type] # an array
    assert of_selected(None, base, slice(0, 4)) == slice(0, 4)


@pytest.mark.parametrize("is_whole", [True, False])
def test_jobs_that_repeat_at_each_instant_are_told_apart_once(is_whole: bool) -> None:
    """If each instant has a bucket of each job, and if one bucket is missing, the same rows are selected."""
    names = ["a", "b", "c"]
    buckets = [bucket(name, 60_000 * number, float(number)) for number in range(9) for name in names]
    stored = buckets if is_whole else buckets[:-2] + buckets[-1:]
    index = index_of(*stored)
    for top_n in (1, 2):
        found = asked(index.snapshot(), SIZES["common"], ["a", "c"], top_n=top_n)
        assert shown(found) == plain(stored, {"a": None, "c": None}, top_n=top_n)


# ---- the rules, one by one


def test_an_interval_has_the_mean_of_the_greatest_scores_of_its_jobs() -> None:
    """14.7: the greatest score of each job counts, a missing one as 0.0."""
    index = index_of(bucket("a", 0, 80.0), bucket("a", 1, 10.0), bucket("b", 0, 40.0), bucket("c", 0, None))
    for top_n, score in ((1, 80.0), (2, 60.0), (3, 40.0), (10**30, 40.0)):
        (found,) = index.get_overall_buckets(job_id=["a", "b", "c"], top_n=top_n)
        assert found.overall_score == score
        assert [(job.job_id, job.max_anomaly_score) for job in found.jobs] == [("a", 80.0), ("b", 40.0), ("c", 0.0)]


def test_scores_are_added_from_the_greatest_down() -> None:
    """14.7: the sum does not depend on the order of the jobs, in whichever way it is made."""
    scores = [0.1, 0.7, 0.2, 1e-17, 33.3, 99.99, 0.3]
    total = 0.0
    for score in sorted(scores, reverse=True):
        total += score
    for order in (scores, scores[::-1]):
        names = [f"job-{number}" for number in range(len(order))]
        index = index_of(*(bucket(name, 0, score) for name, score in zip(names, order, strict=True)))
        for sizes in SIZES.values():
            (found,) = asked(index.snapshot(), sizes, names, top_n=len(order))
            assert found.overall_score == total / len(scores)


def test_the_longest_span_is_that_of_put_job_or_of_the_buckets() -> None:
    """14.4: a job without both does not count; deleted buckets do not count either."""
    index = ResultsIndex()
    index.put_job("empty")
    assert not index.get_overall_buckets(job_id="empty", bucket_span="1ms")
    index.upsert([bucket("web", 0), bucket("web", 600_000, span=600)], kind="bucket")
    index.put_job("short", bucket_span=300)
    index.upsert([bucket("short", 0, span=900)], kind="bucket")
    spans = [index.get_overall_buckets(job_id=jobs)[0].bucket_span for jobs in ("web", "short", ["web", "empty"])]
    assert spans == [600, 300, 600]
    index.delete("web", start=600_000)
    assert index.get_overall_buckets(job_id="web")[0].bucket_span == 60


def test_the_longest_span_of_many_jobs_is_found_in_every_way() -> None:
    """Given spans, spans of the tables of all jobs, and the spans of the jobs themselves agree."""
    spans: list[dict[str, int]] = [{}, dict.fromkeys("abcd", 300) | {"b": 600}, {"a": 7}, {"c": 3_600}]
    for given in spans:
        index = ResultsIndex()
        for name in "abcd":
            index.put_job(name, bucket_span=given.get(name))
        index.upsert([bucket("a", 0), bucket("b", 0, span=300), bucket("b", 900_000, span=600)], kind="bucket")
        catalog = index.snapshot()._catalog
        own = {"a": 60, "b": 600, "c": 0, "d": 0} | given
        for names in ("abcd", "ab", "cd", "a", "dbca"):
            selected = catalog.select((*names,), "job_id")
            expected = max(own[name] for name in names)
            assert longest_span(catalog, selected) == longest_span(catalog, selected, few_jobs=0) == expected


def test_tables_of_all_jobs_may_have_no_part() -> None:
    """If no job has a bucket, there is nothing to read."""
    index = ResultsIndex()
    for name in "ab":
        index.put_job(name, bucket_span=60)
    snapshot = index.snapshot()
    nothing = of_parts(COMBINED[BUCKET.kind], (), JobLabels([]))
    snapshot._catalog.__dict__["all_jobs"] = lambda _schema: nothing
    for top_n, overall_score in ((1, 0), (2, 0), (1, 5), (2, 5)):
        assert not asked(snapshot, SIZES["common"], ["a", "b"], top_n=top_n, overall_score=overall_score)
    for name in "ab":
        index.put_job(name)
    snapshot = index.snapshot()
    snapshot._catalog.__dict__["all_jobs"] = lambda _schema: nothing
    assert longest_span(snapshot._catalog, snapshot._catalog.select(("a", "b"), "jobs"), few_jobs=0) == 0


def test_a_shorter_span_is_refused() -> None:
    """14.4: the error names the longest span."""
    index = index_of(bucket("web", 0, span=3600), bucket("db", 0, span=90))
    for jobs, text in ((["web", "db"], "60m"), ("db", "90s")):
        with pytest.raises(InvalidQuery) as caught:
            index.get_overall_buckets(job_id=jobs, bucket_span="89s")
        assert caught.value.reason == f"Param [bucket_span] must be greater or equal to the max bucket_span [{text}]"
        assert (caught.value.type, caught.value.field, caught.value.value) == ("status_exception", "bucket_span", "89s")
    assert index.get_overall_buckets(job_id=["web", "db"], bucket_span="3601s").column("bucket_span").tolist() == [3601]


def test_a_longer_span_collects_the_intervals_that_were_kept() -> None:
    """14.9: the threshold applies to the fine span; a job has at least 0.0."""
    index = index_of(
        bucket("a", 0, 30.0, is_interim=True),
        bucket("b", 0, -5.0),
        bucket("a", 60_000, 90.0),
        bucket("b", 60_000, -3.0),
        bucket("a", 120_000, 1.0),
        bucket("b", 120_000, 2.0),
    )
    (found,) = index.get_overall_buckets(job_id=["a", "b"], top_n=2, bucket_span=3600, overall_score=10)
    assert (found.timestamp, found.overall_score, found.is_interim) == (0, 43.5, True)
    assert [(job.job_id, job.max_anomaly_score) for job in found.jobs] == [("a", 90.0), ("b", 0.0)]


def test_one_interval_of_all_time_is_possible() -> None:
    """A span may be longer than all instants; the interval then begins at the epoch, or one span before it."""
    index = index_of(bucket("web", -1, 5.0), bucket("web", 0, 7.0))
    longest = 2**62
    for span in (2**60, f"{2**63 - 1}d"):
        found = index.get_overall_buckets(job_id="web", bucket_span=span)
        assert found.column("timestamp").tolist() == [-longest, 0]
        assert found.column("overall_score").tolist() == [5.0, 7.0]
        assert [len(each.jobs) for each in found] == [1, 1]


def test_no_gap_is_filled() -> None:
    """14.12: an interval without a bucket has no overall bucket, even if instants lie far apart."""
    index = index_of(bucket("web", -62_135_596_800_000, 1.0), bucket("web", 253_402_300_799_999, 2.0, span=1))
    found = index.get_overall_buckets(job_id="web")
    assert found.column("timestamp").tolist() == [-62_135_596_800_000, 253_402_300_740_000]
    assert shown(found) == shown(index.get_overall_buckets(job_id="web", start="0001", end=2**70, top_n=2))
    ends = index_of(bucket("web", -62_135_596_800_000, 1.0, span=1), bucket("db", 253_402_300_799_999, 2.0, span=1))
    sparse = asked(ends.snapshot(), SIZES["common"], ["web", "db"], top_n=2)
    assert sparse.column("overall_score").tolist() == [1.0, 2.0]
    lists = sparse._found.lists
    assert lists is not None
    assert lists.rows.jobs(lists.numbers)[2].tolist() == [1.0, 2.0]


def test_a_threshold_of_nan_or_infinity_keeps_nothing() -> None:
    """14.8: a plain comparison."""
    index = index_of(bucket("web", 0, 100.0))
    for score, count in (("NaN", 0), ("Infinity", 0), ("-Infinity", 1), (100, 1), ("1e-320", 1)):
        for top_n in (1, 2):
            assert index.get_overall_buckets(job_id=["web"], overall_score=score, top_n=top_n).count == count


def test_a_mean_that_is_rounded_up_to_the_threshold_is_kept() -> None:
    """14.8: the mean of equal scores may be greater than each of them in the last place."""
    names = [f"job-{number}" for number in range(7)]
    chance, score, threshold = random.Random(0), 0.0, 0.0
    while not threshold:
        score, total = chance.random(), 0.0
        for _ in names:
            total += score
        threshold = total / 7 if total / 7 > score else 0.0
    index = index_of(*(bucket(name, 0, score) for name in names))
    for sizes in SIZES.values():
        assert asked(index.snapshot(), sizes, names, top_n=7, overall_score=threshold).count == 1


def test_many_rows_are_searched_by_levels() -> None:
    """With a value index, and some rows deleted since, a threshold finds the same intervals."""
    chance = random.Random(7)
    names = ("a", "b", "c")
    stored = [
        bucket(name, 60_000 * number, chance.choice([0.0, chance.random() * 100]))
        for name in names
        for number in range(3_000)
    ]
    index = index_of(*stored)
    index.get_overall_buckets(job_id=names, overall_score=90)
    late = [{**each, "anomaly_score": 99.0} for each in stored[::500]]
    index.upsert(late, kind="bucket")
    stored = [*late, *(each for number, each in enumerate(stored) if number % 500)]
    for sizes in SIZES.values():
        for top_n in (1, 2):
            found = asked(index.snapshot(), sizes, [*names], overall_score=90, top_n=top_n)
            assert shown(found) == plain(stored, dict.fromkeys(names), overall_score=90.0, top_n=top_n)
