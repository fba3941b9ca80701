"""Selections and patterns agree with a plain reading of the rule, in cases from a seed.

The seeds begin with BUCKETQUERY_SEED (default "0"). A part of the cases runs in the quick suite, and 20,000 of patterns
if BUCKETQUERY_TIER is ``ci``.
"""

import os
from random import Random
from typing import Any

import pytest

from bucketquery import BucketQuery, ChangesExpired, ResultsIndex, UnknownJob
from bucketquery.jobs import known_jobs, patterns
from bucketquery.jobs.patterns import SortedTexts, matcher
from support.helpers import bucket
from support.plain_selection import is_match, selected
from support.tiers import of_tier

SEED = os.environ.get("BUCKETQUERY_SEED", "0")
#: Few letters, so that literals repeat and overlap themselves: of one, two, three and four bytes, and a lone surrogate.
ALPHABETS = ("ab", "a-", "aé", "ab-\U0001f4a1", "a\uffff\U0010ffff", "a\ud800\U00010000")
CASES_OF_A_SET = 20


def drawn(random: Random, alphabet: str, longest: int) -> str:
    """A text of 1 to ``longest`` characters that may be a job id."""
    first = random.choice([letter for letter in alphabet if letter != "-"])
    return first + "".join(random.choices(alphabet, k=random.randrange(longest)))


def drawn_pattern(random: Random, alphabet: str) -> str:
    """A pattern with one to four asterisks."""
    literals = [
        "".join(random.choices(alphabet, k=random.choice((0, 1, 1, 2, 3)))) for _ in range(random.randint(2, 5))
    ]
    return "*".join(literals)


def ids_of(found: tuple[int, int] | object, texts: tuple[str, ...]) -> list[str]:
    """The texts at the places that `matching` found."""
    places = range(*found) if isinstance(found, tuple) else found.tolist()  # type: ignore[attr-defined] # an array
    return [texts[place] for place in places]


def write(index: ResultsIndex, way: str, job_id: str, groups: list[str], step: int) -> None:
    """Delete or put a job, or store a bucket of it."""
    if way == "delete":
        index.delete_job(job_id)
    elif way == "put":
        index.put_job(job_id, groups=groups)
    else:
        index.upsert([bucket(step, job_id=job_id, anomaly_score=float(step % 7))])


def test_patterns_match_as_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """One text, and all texts together, in parts of any size and with any way to look for a literal."""
    for number in range(of_tier(150, 500)):
        random = Random(f"{SEED} patterns {number}")
        monkeypatch.setattr(patterns, "_FEW", random.choice((0, 0, 0, 64)))
        monkeypatch.setattr(patterns, "_PART_BYTES", random.choice((1, 40, 2**20)))
        monkeypatch.setattr(patterns, "_BYTES_OF_A_SEARCH", random.choice((0, 3, 400, 10**9)))
        alphabet = random.choice(ALPHABETS)
        texts = tuple(sorted({drawn(random, alphabet, random.choice((3, 10))) for _ in range(random.randint(0, 40))}))
        together = SortedTexts(texts)
        for _ in range(CASES_OF_A_SET):
            pattern = drawn_pattern(random, alphabet)
            expected = [text for text in texts if is_match(pattern, text)]
            told = f"BUCKETQUERY_SEED={SEED}, number {number}: {pattern!r} {texts!r}"
            assert [*filter(matcher(pattern), texts)] == expected, told
            assert ids_of(together.matching(pattern), texts) == expected, told


def test_selections_are_as_the_rule_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens of every sort, with groups, of few and of many jobs; a selection is the same when it is remembered."""
    refused = 0
    for number in range(of_tier(60, 300)):
        random = Random(f"{SEED} selections {number}")
        monkeypatch.setattr(known_jobs, "_FEW_TOKENS", random.choice((0, 2, 16)))
        monkeypatch.setattr(known_jobs, "_REMEMBERED", random.choice((4, 16)))
        alphabet = random.choice(ALPHABETS[:4])
        names = sorted({drawn(random, alphabet, 4) for _ in range(random.randint(2, 30))})
        of_jobs, of_groups = names[::2], names[1::2]
        index, jobs = ResultsIndex(), {}
        for job_id in random.sample(of_jobs, len(of_jobs)):
            jobs[job_id] = random.sample(of_groups, min(len(of_groups), random.choice((0, 0, 1, 3))))
            index.put_job(job_id, groups=jobs[job_id])
        for step in range(CASES_OF_A_SET):
            if step % 5 == 4:
                job_id = random.choice(of_jobs)
                if random.random() < 0.5 and job_id in jobs:
                    index.delete_job(job_id)
                    del jobs[job_id]
                else:
                    jobs[job_id] = of_groups[: random.choice((0, 1))]
                    index.put_job(job_id, groups=jobs[job_id])
            tokens = [
                random.choice(("", "", "-") if place else ("",))
                + random.choice((*names, "_all", "*", drawn_pattern(random, alphabet).lstrip("-") or "*"))
                for place in range(random.randint(1, 6))
            ]
            tokens = [token if token.strip("*-") or "*" in token else "*" for token in tokens]
            expected = selected(tokens, jobs)
            told = f"BUCKETQUERY_SEED={SEED}, number {number}, step {step}: {tokens!r} {jobs!r}"
            if isinstance(expected, str):
                refused += 1
                with pytest.raises(UnknownJob) as caught:
                    index.jobs(",".join(tokens))
                assert caught.value.value == expected.removeprefix("unknown: "), told
            else:
                assert index.jobs(",".join(tokens)) == index.jobs(tokens) == expected, told
                some = index.snapshot()._catalog.select(tuple(tokens), "jobs")
                assert (len(some), some.is_all) == (len(expected), len(expected) == len(jobs)), told
                assert [some.known[rank] for rank in some.mask.nonzero()[0].tolist()] == [*expected], told
                assert [job_id for job_id in some.known if job_id in some] == [*expected], told
                ranks = range(len(some.known)) if some.ranks is None else some.ranks.tolist()
                assert tuple(some.known[rank] for rank in ranks) == expected, told
        index.check()
    assert refused


@pytest.mark.usefixtures("decoding_cursors")
def test_feeds_and_walks_of_selections_are_those_of_their_jobs() -> None:
    """A feed has the changes of the selected jobs, and of deleted ones by their ids. A short log expires no other feed.

    Pages by cursor, laid end to end, are all matches.
    """
    expired = 0
    for number in range(of_tier(40, 200)):
        random = Random(f"{SEED} feeds {number}")
        names = [f"{first}{second}" for first in "ab" for second in ("", "-1", "-2")]
        full = ResultsIndex(clock=lambda: 0)
        short = ResultsIndex(clock=lambda: 0, changes_kept=random.choice((2, 5, 20)))
        jobs: dict[str, list[str]] = {}
        for step in range(random.randint(5, 40)):
            job_id = random.choice(names)
            way, groups = random.choice(("delete", "put", *["upsert"] * 5)), ["g", "h-1"][: step % 3]
            if way == "delete" and job_id not in jobs:
                continue
            for index in (full, short):
                write(index, way, job_id, groups, step)
            if way == "delete":
                del jobs[job_id]
            else:
                jobs[job_id] = groups if way == "put" else jobs.get(job_id, [])
        for _ in range(10):
            literal = [*jobs, *{group for of_job in jobs.values() for group in of_job}]
            tokens = [random.choice((*literal, "*", "a*", "*-1", "h*", "_all")) for _ in range(random.randint(1, 4))]
            tokens = [token if not place else random.choice(("", "-")) + token for place, token in enumerate(tokens)]
            query = BucketQuery(jobs=tokens, size=2)
            known, since = selected(tokens, jobs), random.randint(0, full.sequence)
            told = f"BUCKETQUERY_SEED={SEED}, number {number}: {tokens!r} since {since} of {jobs!r}"
            assert not isinstance(known, str), told
            gone = {name for name in names if name not in jobs and name in selected(tokens, jobs | {name: []})}
            changes = [*full.changes(query, since=since)]
            of_all = full.changes(BucketQuery(jobs="*"), since=since)
            assert changes == [change for change in of_all if change.key[0] in gone | {*known}], told
            try:
                fed = short.changes(query, since=since)
            except ChangesExpired as error:
                expired += 1
                assert since < error.oldest <= full.sequence, told  # noqa: PT017 - only some cases expire
                changes = [*full.changes(query, since=error.oldest)]
                fed = short.changes(query, since=error.oldest)
            # A deleted job with more results than the log keeps leaves a range.
            assert fed.ranges or [*fed] == changes, told
            found: list[Any] = []
            page = full.search(query)
            while page.cursor:
                found += page.keys()
                page = full.search(query, after=page.cursor)
            assert [*found, *page.keys()] == [*full.search(query.replace(size=99)).keys()], told
    assert expired
