"""Overall buckets: every rule in a case made by hand, and every way to compute them against a plain loop."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from bucketquery import BucketQueryError, InvalidQuery, ResultsIndex, Snapshot
from bucketquery.answers.overall import OverallBuckets
from bucketquery.queries.overall import overall_question
from bucketquery.search import overall as room
from bucketquery.search.slot_sources import RowSizes
from bucketquery.search.slots import SlotSizes

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
) -> Found:
    """The rules, line by line: ``jobs`` are the selected ones and the spans that `put_job` gave them."""
    own = [each for each in buckets if each["job_id"] in jobs]
    spans = []
    for job, span in jobs.items():
        known = [each["bucket_span"] for each in own if each["job_id"] == job] if span is None else [span]
        spans += [max(known)] if known else []
    if not spans:
        return []
    longest = max(spans)
    if bucket_span is not None and bucket_span < longest:
        raise InvalidQuery("too short")
    wide = longest if bucket_span is None else bucket_span
    fine = wide if top_n == 1 or len(jobs) == 1 else longest
    fine_ms, wide_ms = fine * 1000, wide * 1000
    kept: list[tuple[int, float, dict[str, float], bool]] = []
    cells: dict[int, list[dict[str, Any]]] = {}
    for each in own:
        is_early = start is not None and each["timestamp"] < -(-start // fine_ms) * fine_ms
        is_late = end is not None and each["timestamp"] >= end // fine_ms * fine_ms
        if not (is_early or is_late or (exclude_interim and each.get("is_interim"))):
            cells.setdefault(each["timestamp"] // fine_ms * fine_ms, []).append(each)
    for timestamp, inside in sorted(cells.items()):
        scores: dict[str, float] = {}
        for each in inside:
            score = each.get("anomaly_score", 0.0)
            scores[each["job_id"]] = max(score, scores.get(each["job_id"], score))
        total, tops = 0.0, sorted(scores.values(), reverse=True)[:top_n]
        for top in tops:
            total += top
        if total / len(tops) >= overall_score:
            is_interim = any(each.get("is_interim", False) for each in inside)
            kept.append((timestamp, total / len(tops), scores, is_interim))
    if wide == fine:
        return [(at, wide, score, sorted(scores.items()), interim) for at, score, scores, interim in kept]
    groups: dict[int, list[tuple[int, float, dict[str, float], bool]]] = {}
    for cell in kept:
        groups.setdefault(cell[0] // wide_ms * wide_ms, []).append(cell)
    return [
        (
            at,
            wide,
            max(score for _, score, _, _ in group),
            sorted(
                {
                    job: max([0.0, *(s[job] for _, _, s, _ in group if job in s)]) for _, _, s, _ in group for job in s
                }.items()
            ),
            any(interim for *_, interim in group),
        )
        for at, group in sorted(groups.items())
    ]


def asked(snapshot: Snapshot, sizes: RowSizes, job_id: list[str], **parameters: Any) -> OverallBuckets:
    """The answer of one way to compute it."""
    question = overall_question(job_id=job_id, **parameters)
    selected = snapshot._catalog.select(question.jobs, "job_id")
    found = room.find_overall(snapshot._catalog, selected, question.resolve(lambda: 0), sizes)
    return OverallBuckets(found, snapshot.sequence)


# ---- each way, against the plain loop


def histories(chance: random.Random) -> Iterator[tuple[ResultsIndex, list[dict[str, Any]], dict[str, int | None]]]:
    """Indexes of a few jobs after random writes, their buckets, and the spans of `put_job`."""
    for round_ in range(24):
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
        for _ in range(8):
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
            try:
                expected = plain(stored, selected, **parameters)
            except InvalidQuery:
                with pytest.raises(InvalidQuery, match="must be greater or equal to the max bucket_span"):
                    index.get_overall_buckets(job_id=jobs, **parameters)
                continue
            for name, sizes in SIZES.items():
                found = asked(snapshot, sizes, jobs, **parameters)
                assert shown(found) == expected, (name, parameters, jobs)
                if expected:
                    assert shown(found)[-1] == shown(OverallBuckets(found._found, 0))[-1]
                    assert found[-1].jobs == tuple(found)[-1].jobs
            assert shown(index.get_overall_buckets(job_id=jobs, **parameters)) == expected
