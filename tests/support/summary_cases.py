"""Cases for overall buckets, swimlanes, top influencers, counts by score, bands and selections, from a seed.

A case is one call on one commit of a history of writes. `expected` is its answer by the reference, `answered` that of
an index or a snapshot; both are texts, so that 1 and 1.0 differ, and an error is the name of its class.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta, timezone, tzinfo
from functools import partial
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from bucketquery import ResultsIndex, UnknownJob
from bucketquery.testing import (
    evaluate,
    evaluate_overall,
    evaluate_severity_counts,
    evaluate_swimlane,
    evaluate_threshold_counts,
    evaluate_top_influencers,
    selected,
)
from support import summaries
from support.cases import outcome, plural
from support.many_jobs import IDS, History, Moment, tokens
from support.semantics_tables import at
from support.strategies import FIRST_INSTANT, LAST_INSTANT, QUERIES, SCORES, SORT_FIELDS, Document, Query, kind_of

#: Scores whose sums are exact, so that the order of adding plays no part.
POOL = (None, 0.0, -0.0, 3.0, 2.75, 24.984375, 25, 50.0, 74.9921875, 75.0, 75, 100.0, -1.0, -0.5)
FIELDS = ("host", "user", "job", "")
VALUES = ("a", "b", "B", "", "é", "\uffee", "\U0001f600", "a\x00")
#: Zones, each with an instant near which its clock changes.
ZONES: Sequence[tuple[tzinfo, str]] = (
    (UTC, "1970-01-01"),
    (timezone(timedelta(hours=-9, minutes=-30)), "2024-02-29"),
    (ZoneInfo("Europe/Berlin"), "2024-03-31"),
    (ZoneInfo("Europe/Berlin"), "2024-10-27"),
    (ZoneInfo("Europe/Berlin"), "1893-04-01"),
    (ZoneInfo("America/Havana"), "2024-11-03"),
    (ZoneInfo("America/Havana"), "2024-03-10"),
    (ZoneInfo("America/Sao_Paulo"), "2018-11-04"),
    (ZoneInfo("America/Sao_Paulo"), "2019-02-17"),
    (ZoneInfo("Pacific/Apia"), "2011-12-30"),
    (ZoneInfo("Australia/Lord_Howe"), "2024-04-06"),
    (ZoneInfo("America/St_Johns"), "2010-11-07"),
)
#: The time between two rows of a history, from a minute to a day and a bit.
STEPS_MS = (60_000, 1_800_000, 3_600_000, 21_600_000, 90_000_001)
#: Bounds far outside the rows, and outside the years that results may have.
EXTREMES = frozenset({-(2**63), 2**63 - 1, 2**70, -(2**70), FIRST_INSTANT, LAST_INSTANT})
SEVERAL = ("overall", "swimlane", "top", "severities", "thresholds", "band", "selection")


class Summaries(History):
    """A history of buckets, influencers and a few records with few values, which are quick to draw."""

    def one(self, job_id: str) -> Document:
        """A new result of a job, mostly one of the newest."""
        rng = self.rng
        row = rng.randrange(self.newest + 1) if rng.random() < self.late else self.newest
        kind = rng.choice(("bucket", "bucket", "bucket", "influencer", "influencer", "influencer", "record"))
        timestamp = self.at(row) + (rng.choice((0, 0, 0, 1, -1, self.step_ms // 2)))
        drawn: Document = {"result_type": kind, "job_id": job_id, "timestamp": timestamp}
        drawn["bucket_span"] = rng.choice(self.spans)
        score = rng.choice(POOL)
        if score is not None or rng.random() < 0.5:
            drawn[SCORES[kind]] = score
        if rng.random() < 0.3:
            drawn["is_interim"] = rng.random() < 0.7
        if kind == "influencer":
            drawn["influencer_field_name"] = rng.choice((*FIELDS, "host", "host", None))
            drawn["influencer_field_value"] = rng.choice((*VALUES, "a", None))
        elif kind == "record":
            drawn["over_field_value"] = rng.choice((*VALUES, None))
        return drawn


@dataclass(frozen=True, slots=True)
class Case:
    """A call of one of `SEVERAL` with its parameters, at a commit."""

    call: str
    asked: Mapping[str, Any]
    sequence: int


@dataclass(frozen=True, slots=True)
class Draw:
    """The values that cases of a history are drawn from."""

    rng: Random
    history: History
    zone: tzinfo

    def case(self, sequence: int) -> Case:
        """A case at a commit."""
        moment = self.history.moments[sequence]
        call = self.rng.choice(SEVERAL)
        return Case(call, getattr(self, call)(moment), sequence)

    def window(self) -> dict[str, Any]:
        """A window, mostly open on a side, around the rows; sometimes empty or reversed."""
        rng, history = self.rng, self.history
        start, end = sorted(history.at(rng.randint(-2, history.newest + 2)) + rng.choice((0, 0, 1, -1)) for _ in "ab")
        if rng.random() < 0.1:
            start, end = end, rng.choice((start, end))
        if rng.random() < 0.05:
            start, end = rng.choice((start, *sorted(EXTREMES))), rng.choice((end, *sorted(EXTREMES)))
        return {
            "start": start if rng.random() < 0.5 else rng.choice((None, -1)),
            "end": end if rng.random() < 0.5 else None,
            "exclude_interim": rng.random() < 0.3,
        }

    def overall(self, moment: Moment) -> dict[str, Any]:
        """Parameters of overall buckets."""
        rng = self.rng
        span = rng.choice((None, None, *self.history.spans, max(self.history.spans) * rng.choice((1, 2, 7))))
        if span is not None and rng.random() < 0.2:
            span += rng.choice((1, -1, 30))
        return {
            "job_id": tokens(rng, moment),
            "bucket_span": span,
            "top_n": rng.choice((1, 1, 2, 2, 3, 100, 10**30)),
            "overall_score": rng.choice((0.0, 0.0, -9.0, 25, 12.5, 50.0, 75.0, 75.1)),
            "allow_no_match": rng.random() < 0.8,
            **self.window(),
            **(self.on_edges(moment, span) if rng.random() < 0.5 else {}),
        }

    def on_edges(self, moment: Moment, span: int | None) -> dict[str, Any]:
        """Bounds at the beginnings and ends of intervals that have results."""
        rng = self.rng
        step = 1_000 * (span or max(self.history.spans))
        begins = sorted({key[1] // step * step for _, key in moment.stored}) or [0]
        start, end = sorted((rng.choice(begins), rng.choice(begins) + step))
        return {"start": rng.choice((start, start + 1, None)), "end": rng.choice((end, end, end - 1, None))}

    def swimlane(self, moment: Moment) -> dict[str, Any]:
        """Parameters of a swimlane."""
        rng = self.rng
        cell: Any = rng.choice(("day", "day", "week", "month", self.history.step_ms // 1_000, 3_600, 86_400, 1, 7_000))
        window = self.window()
        if not EXTREMES.isdisjoint(window.values()):
            # The reference has no days outside the years of Python's dates.
            cell = rng.choice((10**9, 10**11 + 1))
        zone = {} if isinstance(cell, int) else {"tzinfo": self.zone}
        return {
            "jobs": tokens(rng, moment),
            "cell": cell,
            "by": rng.choice(("job", "job", "host", "user", "nothing")),
            "lanes": rng.choice((1, 2, 3, 10, 100, 10**30)),
            "from_": rng.choice((0, 0, 0, 0, 0, 0, 1, 1, 5, 10**30)),
            **zone,
            **window,
        }

    def top(self, moment: Moment) -> dict[str, Any]:
        """Parameters of a list of top influencers."""
        rng = self.rng
        return {
            "jobs": tokens(rng, moment),
            "field": rng.choice((None, None, *FIELDS)),
            "by": rng.choice(("max", "sum")),
            "size": rng.choice((0, 1, 3, 10, 10, 100, 10**30)),
            "from_": rng.choice((0, 0, 0, 0, 0, 0, 1, 1, 5, 10**30)),
            **self.window(),
        }

    def query(self, moment: Moment, threshold: Any) -> Query:
        """A query of some kind."""
        rng = self.rng
        kind = rng.choice(("bucket", "bucket", "influencer", "record"))
        sort = rng.choice(("timestamp", SCORES[kind], rng.choice(SORT_FIELDS[kind])))
        paging = {"from_": rng.choice((0, 0, 1, 5)), "size": rng.choice((0, 3, 10, 100))}
        page: dict[str, Any] = {"sort": sort, "desc": rng.random() < 0.5, **paging}
        return QUERIES[kind](jobs=tokens(rng, moment), **{SCORES[kind]: threshold}, **page, **self.window())

    def band_or_threshold(self) -> Any:
        """A threshold, or a band."""
        rng = self.rng
        return self.a_band() if rng.random() < 0.3 else rng.choice((0.0, 0.0, -1.0, 3, 25, 75.0, 74.99))

    def a_band(self) -> tuple[float, float]:
        """A band, mostly on scores of the pool."""
        low, high = sorted(self.rng.sample((-1.0, -0.5, 0.0, 2.75, 3.0, 25.0, 50.0, 75.0, 100.0, float("inf")), 2))
        return low, high

    def severities(self, moment: Moment) -> dict[str, Any]:
        """A query for counts by severity."""
        return {"query": self.query(moment, self.band_or_threshold())}

    def thresholds(self, moment: Moment) -> dict[str, Any]:
        """A query and thresholds."""
        pool = (0.0, -1.0, float("nan"), 5e-324, 3, 25.0, 50, 75.0, 75.0, 74.9921875, 100.0, 101.0, float("inf"))
        drawn = self.rng.choices(pool, k=self.rng.choice((0, 1, 3, 20)))
        return {"query": self.query(moment, self.band_or_threshold()), "thresholds": drawn}

    def band(self, moment: Moment) -> dict[str, Any]:
        """A query with a band."""
        return {"query": self.query(moment, self.a_band())}

    def selection(self, moment: Moment) -> dict[str, Any]:
        """Tokens, as a list or as text."""
        drawn = tokens(self.rng, moment)
        return {"pattern": drawn if self.rng.random() < 0.5 else " , ".join(drawn)}


@dataclass(slots=True)
class Table:
    """A history from a seed, which is written step by step, and the cases on the way."""

    seed: str
    open_index: Callable[[], ResultsIndex]
    steps: int = 20
    history: Summaries = field(init=False)

    def cases(self) -> Iterator[tuple[Case, Moment, Any]]:
        """Each case with its moment and its reader: the index or a snapshot of an older commit."""
        rng = Random(self.seed)
        zone, near = rng.choice(ZONES)
        step_ms = rng.choice(STEPS_MS)
        self.history = history = Summaries(
            self.open_index(),
            rng,
            rng.sample(IDS, rng.choice((1, 2, 5, len(IDS)))),
            rng.choice(((60,), (60, 300), (60, 300, 3_600), (300, 86_400))),
            late=rng.choice((0.0, 0.3, 0.9)),
            most=150,
            first=at(near) - rng.randint(0, 12) * step_ms + rng.choice((0, 0, 1)),
            step_ms=step_ms,
        )
        draw = Draw(Random(f"{self.seed} cases"), history, zone)
        older: list[Any] = []
        for _ in range(self.steps):
            history.step()
            if draw.rng.random() < 0.3:
                older = [*older[-3:], history.index.snapshot()]
            readers = [history.index, *draw.rng.sample(older, min(1, len(older)))]
            for reader in readers:
                case = draw.case(reader.sequence)
                yield case, history.moments[case.sequence], reader


# ---- answers


def answered(reader: Any, case: Case) -> str:
    """The answer of an index or a snapshot."""
    return outcome(partial(ANSWERS[case.call], reader, case.asked))


def _severities(reader: Any, asked: Mapping[str, Any]) -> Any:
    return dict(reader.severity_counts(asked["query"]))


def _thresholds(reader: Any, asked: Mapping[str, Any]) -> Any:
    return reader.threshold_counts(asked["query"], asked["thresholds"]).tolist()


def _page(reader: Any, asked: Mapping[str, Any]) -> Any:
    return reader.search(asked["query"]).to_dict()


def _jobs(reader: Any, asked: Mapping[str, Any]) -> Any:
    return [*reader.jobs(asked["pattern"])]


ANSWERS: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "overall": summaries.overall,
    "swimlane": summaries.swimlane,
    "top": summaries.top_influencers,
    "severities": _severities,
    "thresholds": _thresholds,
    "band": _page,
    "selection": _jobs,
}


def expected(moment: Moment, case: Case) -> str:
    """The answer of the reference."""
    return outcome(partial(EXPECTED[case.call], moment, case.asked))


def expected_overall(moment: Moment, asked: Mapping[str, Any]) -> Any:
    """The body of the overall buckets."""
    parameters = dict(asked)
    allowed, named = parameters.pop("allow_no_match"), parameters.pop("job_id")
    jobs = selected(moment.known, named, field="job_id")
    if not jobs and not allowed:
        reason = f"No known job with id '{named}'"
        raise UnknownJob(reason, field="job_id", value=named)
    return evaluate_overall(moment.stored.values(), jobs=jobs, spans=moment.spans, **parameters)


def expected_swimlane(moment: Moment, asked: Mapping[str, Any]) -> Any:
    """The swimlane."""
    parameters = dict(asked)
    return evaluate_swimlane(moment.stored.values(), jobs=selected(moment.known, parameters.pop("jobs")), **parameters)


def expected_top(moment: Moment, asked: Mapping[str, Any]) -> Any:
    """The count and the entries of the top influencers."""
    parameters = dict(asked)
    return evaluate_top_influencers(
        moment.stored.values(), jobs=selected(moment.known, parameters.pop("jobs")), **parameters
    )


def plainly(moment: Moment, query: Query) -> tuple[list[Document], Query]:
    """The documents of the selected jobs in the band of a query, and the query with ids and without the band."""
    kind, jobs = kind_of(query), selected(moment.known, query.jobs)
    band = getattr(query, SCORES[kind])
    documents = [document for (_, key), document in moment.stored.items() if key[0] in jobs]
    if isinstance(band, tuple):
        low, high = band
        # A result without a score is in no band.
        scores = [document.get(SCORES[kind]) for document in documents]
        documents = [
            document
            for document, score in zip(documents, scores, strict=True)
            if document["result_type"] != kind or (score is not None and low <= score < high)
        ]
        query = query.replace(**{SCORES[kind]: 0.0})
    # A query needs a job; this one has no document.
    return documents, query.replace(jobs=jobs or "nobody")


def expected_severities(moment: Moment, asked: Mapping[str, Any]) -> Any:
    """The counts by severity."""
    return evaluate_severity_counts(*plainly(moment, asked["query"]))


def expected_thresholds(moment: Moment, asked: Mapping[str, Any]) -> Any:
    """The counts by threshold."""
    return evaluate_threshold_counts(*plainly(moment, asked["query"]), asked["thresholds"])


def expected_page(moment: Moment, asked: Mapping[str, Any]) -> Any:
    """The body of a page."""
    documents, query = plainly(moment, asked["query"])
    body = evaluate(documents, query)
    assert list(body) == ["count", plural(query)]
    return body


def expected_jobs(moment: Moment, asked: Mapping[str, Any]) -> Any:
    """The ids of the selected jobs."""
    return selected(moment.known, asked["pattern"], field="pattern")


EXPECTED: Mapping[str, Callable[[Moment, Mapping[str, Any]], Any]] = {
    "overall": expected_overall,
    "swimlane": expected_swimlane,
    "top": expected_top,
    "severities": expected_severities,
    "thresholds": expected_thresholds,
    "band": expected_page,
    "selection": expected_jobs,
}


def play_cases(
    cases: int,
    seed: str,
    open_index: Callable[[str], ResultsIndex],
    answer: Callable[[Any, Case, Moment], str],
    repeat: str,
) -> Counter[str]:
    """Compare the answers to this number of cases, table by table; from table 17 on if the seed is "0.17"."""
    name, _, first = seed.partition(".")
    seen: Counter[str] = Counter()
    number = int(first or 0)
    while seen["cases"] < cases:
        table = Table(f"{name}.{number}", partial(open_index, f"{name}.{number}"))
        for case, moment, reader in table.cases():
            try:
                want, found = expected(moment, case), answer(reader, case, moment)
                assert found == want, "\n".join(
                    (
                        f"{case.call}({dict(case.asked)!r})",
                        f"engine: {found}",
                        f"reference: {want}",
                        f"known: {dict(moment.known)!r}, spans: {dict(moment.spans)!r}, documents:",
                        *(f"    {document!r}," for document in [*moment.stored.values()][:40]),
                    )
                )
            except Exception as error:
                error.add_note(
                    f"Table {table.seed}, commit {case.sequence}. To repeat it:\n"
                    f"BUCKETQUERY_SEED={table.seed} BUCKETQUERY_CASES=1 python -m pytest {repeat}"
                )
                raise
            seen["cases"] += 1
            seen[case.call] += 1
            seen[f"{case.call}: {want}" if want.isidentifier() else f"{case.call}: answers"] += 1
        number += 1
    return seen
