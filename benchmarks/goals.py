"""The goals: the cost that each work must have, beside the measured one, met or not.

A peer is compared with the way of the index that gives the same. A list and NumPy return a slice or row numbers, as an
unread page does. An engine returns a list of timestamps, and is compared with a page whose timestamps are read.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from benchmarks.outcome import Results
from benchmarks.peers import BY_HAND, KINDS, WITH_AN_INDEX
from benchmarks.questions import BY_TIME
from benchmarks.timing import Figures


class Verdict(NamedTuple):
    """A goal and its result.

    Attributes:
        work: the work that is measured.
        goal: the cost that it must have.
        result: the cost that was measured.
        is_met: None if it was not measured, or if the goal is only to state the figure.
    """

    work: str
    goal: str
    result: str
    is_met: bool | None


class Measured:
    """The figures of one size; for the goals of growth, those of all sizes."""

    def __init__(self, results: Results, size: int) -> None:
        self.size = size
        self.sizes = sorted({size for part, size in results if part == "questions live"})
        self._results = results

    def part(self, name: str, size: int | None = None) -> Figures:
        """The figures of a part; empty if it was not run."""
        table = self._results.get((name, self.size if size is None else size))
        return table.figures if table else {}

    def questions(self, bucket_set: str, letters: Sequence[str] = (), size: int | None = None) -> Figures:
        """The figures of some questions over one set of buckets, by letter; all questions if no letter is given."""
        rows = self.part(f"questions {bucket_set}", size)
        return {name.split()[0]: row for name, row in rows.items() if not letters or name.split()[0] in letters}

    def only(self, part: str) -> Figures:
        """The figures of a part that is measured at one size."""
        return next((table.figures for (name, _), table in self._results.items() if name == part), {})

    def beginning(self, prefix: str) -> dict[str, Figures]:
        """The figures of every part whose name begins so, by the rest of the name."""
        return {
            name.removeprefix(prefix).strip(): table.figures
            for (name, _), table in self._results.items()
            if name.startswith(prefix)
        }


def ratios(row: Mapping[str, float]) -> dict[str, float]:
    """The time of each peer in a row, divided by that of the index's way that gives the same."""
    ways = [name for name in row if name not in KINDS]
    if not ways:
        return {}
    # The first way leaves the page unread, if another way reads it. Timestamps are enough for the rows of one job.
    reading = (name for end in (", timestamps", ", keys", ", read") for name in ways if name.endswith(end))
    unread, read = ways[0], next(reading, ways[0])
    return {name: taken / row[unread if name in BY_HAND else read] for name, taken in row.items() if name in KINDS}


def rivals(row: Mapping[str, float]) -> dict[str, float]:
    """The ratios of the peers that keep no hand-written index."""
    return {name: ratio for name, ratio in ratios(row).items() if name != WITH_AN_INDEX}


def best(row: Mapping[str, float]) -> tuple[str, float] | None:
    """The quickest rival and its ratio; None if there is none."""
    some = rivals(row)
    return min(some.items(), key=lambda item: item[1]) if some else None


def judge(results: Results, size: int) -> list[Verdict]:
    """The verdict on every goal, by the figures of one size."""
    measured = Measured(results, size)
    return [verdict for goal in GOALS for verdict in goal(measured)]


def _verdict(work: str, goal: str, results: Mapping[str, tuple[str, bool]]) -> Verdict:
    """One verdict on several works, by the result of each and whether it meets the goal."""
    if not results:
        return Verdict(work, goal, "not measured", None)
    result = _listed({name: text for name, (text, _) in results.items()})
    return Verdict(work, goal, result, all(met for _, met in results.values()))


def _listed(results: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {text}".strip() for name, text in results.items())


def _by_time(measured: Measured) -> list[Verdict]:
    verdicts = []
    for bucket_set, most, words in (("final", 2, "no interim rows"), ("live", 3, "interim rows in the head")):
        rows = measured.questions(bucket_set, BY_TIME)
        results = {
            name: (f"{row['search'] / row['list']:.1f}x", row["search"] <= most * row["list"])
            for name, row in rows.items()
            if "list" in row
        }
        verdicts.append(
            _verdict(f"`search(prepared)`, page by time, {words}", f"within {most}x of bisect on a list", results)
        )
    rows = measured.questions("live", BY_TIME)
    engines = {
        name: {key: ratio for key, ratio in ratios(row).items() if key not in BY_HAND} for name, row in rows.items()
    }
    results = {name: (_quickest(some), min(some.values()) >= 3) for name, some in engines.items() if some}
    verdicts.append(_verdict("the same, read out", "3x faster than every engine", results))
    return verdicts


def _quickest(some: Mapping[str, float]) -> str:
    name = min(some, key=some.__getitem__)
    return f"{times(some[name])} ({name})"


def times(ratio: float) -> str:
    """A ratio as text."""
    if ratio < 1:
        # A ratio just below 1 is not rounded up to 1.
        return f"{min(ratio, 0.99):.2g}x"
    return f"{ratio:.2g}x" if ratio < 10 else f"{ratio:,.0f}x"


def shown(figure: float) -> str:
    """A figure as text with three significant digits, or all digits before the point."""
    if figure >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}" if figure >= 0.1 else f"{figure:.3f}"


def _by_value(measured: Measured) -> list[Verdict]:
    verdicts = []
    for bucket_set, words in (
        ("fragmented", "deleted rows and a head"),
        ("live", "interim rows in the head"),
        ("clustered", "scores in bursts"),
    ):
        results = {}
        for name, row in measured.questions(bucket_set, ("Q4", "Q5", "Q6", "Q8", "Q10")).items():
            some = rivals(row)
            if some:
                results[name] = (_quickest(some), min(some.values()) >= (1.5 if name == "Q5" else 2))
        goal = "2x faster than every peer, careful NumPy included, at 10^6; Q5 1.5x"
        verdicts.append(_verdict(f"threshold, score order, other order, counts: {words}", goal, results))
    return verdicts


def _dense(measured: Measured) -> list[Verdict]:
    verdicts = []
    for bucket_set in ("live", "fragmented"):
        results = {
            name: (times(row["numpy"] / row["search"]), row["numpy"] >= row["search"])
            for name, row in measured.questions(bucket_set, ("Q11", "Q12")).items()
            if "numpy" in row
        }
        verdicts.append(
            _verdict(
                f"dense threshold, ascending by another field: {bucket_set}", "never slower than careful NumPy", results
            )
        )
    results = {
        name.partition(", ")[0]: (f"{row['search']:.1f} beside {row['numpy']:.1f} µs", row["search"] < row["numpy"])
        for name, row in measured.part("dense count").items()
        if "numpy" in row
    }
    return [*verdicts, _verdict("the count of a dense threshold", "cheaper than one scan", results)]


def _parameters(measured: Measured) -> list[Verdict]:
    results = {}
    for name, row in measured.part("parameters").items():
        more = row["get_buckets"] - row["search"]
        results[name] = (f"{more:.1f} µs", more <= 8)
    return [_verdict("`get_buckets(**params)` over `search(prepared)`", "at most 8 µs more", results)]


def _bodies(measured: Measured) -> list[Verdict]:
    results = {}
    for name, row in measured.part("bodies").items():
        each = (row["search, to_dict"] - row["search"]) / 100
        results[name] = (f"{each:.2f} µs", each <= 0.45)
    requests = {}
    for name, row in measured.part("requests").items():
        some = rivals(row)
        if some:
            requests[name.partition(",")[0]] = (_quickest(some), min(some.values()) >= 1)
    return [
        _verdict("`to_dict()` of 100 buckets", "at most 0.45 µs a bucket", results),
        _verdict("parameters in, JSON bytes out, 100 buckets", "faster than any peer", requests),
    ]


def _growth(measured: Measured) -> list[Verdict]:
    small, large = measured.sizes[:1], measured.sizes[-1:]
    verdicts = []
    for words, letter, most in (("Q1 to Q12", "Q", 3), ("a threshold between levels", "T", 10)):
        results = {}
        if small != large:
            first, last = measured.questions("live", size=small[0]), measured.questions("live", size=large[0])
            for name, row in last.items():
                if name.startswith(letter):
                    ratio = row["search"] / first[name]["search"]
                    results[name] = (times(ratio), ratio <= most)
        span = f"{small[0]:,} to {large[0]:,}" if results else "two sizes are needed"
        verdicts.append(_verdict(f"growth, {words}: {span}", f"at most {most}x from 10^4 to 10^7", results))
    return verdicts


def _writes(measured: Measured) -> list[Verdict]:
    results: dict[str, dict[str, tuple[str, bool]]] = {"W2": {}, "W4": {}}
    least = {"W2": 4, "W4": 2}
    for part in ("appending", "replacing"):
        for name, row in measured.part(part).items():
            if "sqlite" in row:
                letters, _, rest = name.partition(" ")
                ratio = row["sqlite"] / row["index, timestamps"]
                unread = times(row["sqlite"] / row["index"])
                results[letters][rest] = (f"{times(ratio)} (page unread {unread})", ratio >= least[letters])
    rescored = {}
    for row in measured.part("rescoring").values():
        some = rivals(row)
        if some:
            rescored[""] = (_quickest(some), min(some.values()) >= 1)
    return [
        _verdict("append one bucket, then the newest page (W2)", "4x faster than SQLite in memory", results["W2"]),
        _verdict("the newest bucket replaced, then the newest page (W4)", "2x faster than SQLite", results["W4"]),
        _verdict("rescore 1 % of 10^6, then the top ten (W3)", "faster than every peer", rescored),
    ]


def _loads(measured: Measured) -> list[Verdict]:
    results = {}
    for name, row in measured.part("loading").items():
        if "pandas sort_values" in row:
            index, sorting = row["index"], row["pandas sort_values"]
            words = f"{index:.1f} beside {sorting:.1f} ms"
            if "pandas" in row:
                words += f" ({row['pandas']:.1f} with making the frame)"
            results[name.split()[0]] = (words, index <= sorting)
    rates = {
        name: (f"{row['index']:,.0f} a second", row["index"] >= 400_000)
        for name, row in measured.part("documents").items()
    }
    pauses = {name: f"{row['longest']:.1f} ms" for name, row in measured.part("pauses").items()}
    return [
        _verdict("bulk load of columns (W1, W1u)", "no slower than pandas sorting them", results),
        _verdict("bulk load of documents", "400,000 a second", rates),
        Verdict("worst pause of a commit", "stated", _listed(pauses) or "not measured", None),
    ]


def _many_jobs(measured: Measured) -> list[Verdict]:
    rates = {
        name: (f"{row['index']:,.0f} a second", row["index"] >= 300_000)
        for name, row in measured.only("many jobs writes").items()
        if "one more" in name
    }
    collections = {
        name: (f"{row['index']:.1f} ms", row["index"] <= 10) for name, row in measured.only("collections").items()
    }
    weights = {
        name: (f"{row['reported']:.1f} bytes", row["reported"] <= 34)
        for name, row in measured.only("all jobs weights").items()
    }
    batches: dict[str, tuple[str, bool | None]] = {}
    singles: dict[str, tuple[str, bool | None]] = {}
    for name, row in measured.only("all jobs writes").items():
        if name.startswith("single"):
            singles[""] = _with_log(row, "µs", (row["not in use"], 5))
        else:
            batches[name] = _with_log(row, "%", (100, 5))
    words = "while questions over all jobs are asked"
    return [
        _verdict("many jobs (F): one bucket for each known job", "300,000 documents a second", rates),
        _verdict("many jobs: a full collection of garbage", "at most 10 ms", collections),
        _verdict("many jobs: the combined tables", "at most 34 bytes a row", weights),
        _unless_noisy(f"many jobs: a bucket for each, {words}", "at most 5 % more", batches),
        _unless_noisy(f"many jobs: a single bucket, {words}", "at most 5 µs more", singles),
    ]


def _across(measured: Measured) -> list[Verdict]:
    first, warm = measured.beginning("across first"), measured.beginning("across warm")
    # The goals are about the generated set with the most jobs, which a run measures first, and about the real set.
    name = next(iter(first), "")
    highest = {
        f"after {words}": (f"{row['index'] / 1e3:.2f} ms", row["index"] <= 1e3 * most)
        for words, most in (("a batch", 5), ("a commit", 1.5))
        for key, row in first.get(name, {}).items()
        if key.startswith(f"first after {words}, the top")
    }
    of_real = next((figures for key, figures in warm.items() if "real" in key), {})
    return [
        _verdict(
            f"across {name or 'many jobs'}: the top 100, first asked", "5 ms after a batch, 1.5 ms after one", highest
        ),
        _verdict(
            "across the real jobs: all five questions", "faster than SQLite without the count", _in_sqlite(of_real)
        ),
        _verdict(
            f"across {name or 'many jobs'}: all five questions",
            "faster than SQLite without the count; the top 100 at most twice its time",
            _in_sqlite(warm.get(name, {}), highest=0.5),
        ),
    ]


def _in_sqlite(figures: Figures, *, highest: float = 1.0) -> dict[str, tuple[str, bool]]:
    """The time of SQLite for each question over all jobs, divided by that of the index.

    Args:
        figures: the questions.
        highest: the least ratio of the question for the highest scores, default 1.
    """
    results = {}
    for name, row in figures.items():
        if "sqlite" in row:
            ratio = ratios(row)["sqlite"]
            results[name] = (times(ratio), ratio >= (highest if "top 100" in name else 1))
    return results


#: The words of each kind of summary, the least ratio, and the least number of rows in a set for which it holds.
_SUMMARIES: Final[Mapping[str, tuple[str, float, int]]] = {
    "overall buckets, top 1": ("overall buckets, top 1", 5, 0),
    "overall buckets, top 3": ("overall buckets, top 3", 8, 0),
    "the ten worst lanes": ("the ten worst lanes with their cells, from 10^7 buckets on", 100, 10**7),
    "top influencers": ("top influencers by the greatest score or by the sum", 5, 0),
    "influencers, ": ("lanes of influencers", 2, 0),
}


def _summaries(measured: Measured) -> list[Verdict]:
    """The worst ratio of each kind of summary, in each set."""
    verdicts = []
    for prefix, (words, least, rows) in _SUMMARIES.items():
        results = {}
        for name, figures in measured.beginning("summaries").items():
            jobs, each = (int(number) for number in name.replace(",", "").split(" x "))
            if jobs * each < rows:
                continue
            some = [
                (row[engine] / row["index"], engine)
                for key, row in figures.items()
                for engine in ("duckdb", "polars")
                if key.startswith(prefix) and engine in row
            ]
            if some:
                ratio, engine = min(some)
                results[name] = (f"{times(ratio)} ({engine})", ratio >= least)
        verdicts.append(_verdict(words, f"{least:g}x faster than DuckDB and Polars", results))
    prefixes, others = {}, {}
    for name, row in measured.only("selection").items():
        taken = row.get("select", row["jobs"])
        if "prefix:" in name or "again" in name:
            prefixes[name.partition(":")[0]] = (f"{taken:.1f} µs", taken <= 10)
        others[name.partition(":")[0]] = (f"{taken / 1e3:.2g} ms", taken <= 30_000)
    return [
        *verdicts,
        _verdict("jobs selected by a prefix such as `web-*`", "at most 10 µs", prefixes),
        _verdict("jobs selected by any pattern", "at most 30 ms", others),
    ]


#: The questions with an entity filter that match many results, and those that match some dozens: each with its words.
_MANY_MATCHES: Final[Mapping[str, str]] = {
    "the hot host, newest 100": "newest 100",
    "the hot host, top 10": "top 10",
    "the hot host in its partition, top 10": "in its partition",
    "buckets of the hot host, newest 100": "its buckets",
}
_FEW_MATCHES: Final[Mapping[str, str]] = {
    "a host of some dozens, newest 100": "newest 100",
    "buckets of a host of some dozens, newest 100": "its buckets",
}


def _filters(measured: Measured) -> list[Verdict]:
    figures = measured.only("filters")
    beside = {name: ratios(row)["sqlite"] for name, row in figures.items() if "sqlite" in row}
    many = {words: (times(beside[name]), beside[name] >= 10) for name, words in _MANY_MATCHES.items() if name in beside}
    few = {
        words: (times(1 / beside[name]), 1 / beside[name] <= 3)
        for name, words in _FEW_MATCHES.items()
        if name in beside
    }
    return [
        _verdict("filter by a host with 15 % of 10^6 records: count and page", "10x faster than SQLite", many),
        _verdict("filter by a host with some dozens: count and page", "at most 3x the time of SQLite", few),
    ]


def _living(measured: Measured) -> list[Verdict]:
    singles: dict[str, tuple[str, bool | None]] = {}
    batches: dict[str, tuple[str, bool | None]] = {}
    of_jobs: dict[str, tuple[str, bool | None]] = {}
    for name, row in measured.part("log, single writes").items():
        base = row["index, without a log"]
        singles[name.partition(", ")[0]] = _with_log(row, "µs", (base, 0.7))
    for name, row in measured.part("log, batches").items():
        into, most = (of_jobs, 10) if "jobs" in name else (batches, 5)
        into[name.partition(", ")[0]] = _with_log(row, "%", (100, most))
    nothing = {
        name.removeprefix("nothing new").removeprefix(", "): (f"{row['changes']:.2f} µs", row["changes"] <= 2)
        for name, row in measured.part("changes").items()
        if name.startswith("nothing new")
    }
    oldest = {
        name.removeprefix("the oldest "): (f"{row['index']:.2f} ms", row["index"] < 1)
        for name, row in measured.part("deletes").items()
        if name.startswith("the oldest")
    }
    return [
        _unless_noisy("single writes with the log of changes", "at most 0.7 µs more than without it", singles),
        _unless_noisy("batches with the log of changes", "at most 5 % more than without it", batches),
        _unless_noisy("a bucket for each of many jobs, with the log", "at most 10 % more than without it", of_jobs),
        _verdict("`changes` with nothing new", "at most 2 µs", nothing),
        _deepest(measured),
        _verdict("delete the oldest day", "under 1 ms", oldest),
    ]


def _with_log(row: Mapping[str, float], unit: str, goal: tuple[float, float]) -> tuple[str, bool | None]:
    """What the log adds, and whether the goal is met; None if the noise is larger than the distance from the goal.

    Args:
        row: the figures, with the median ratio of pairs and its noise.
        unit: the unit of the goal.
        goal: the cost without the log, and what the log may add to it.
    """
    base, most = goal
    more, noise = (row["times"] - 1) * base, row["noise"] * base
    is_met = more <= most if abs(more - most) > noise else None
    return f"{more:+.2g} ± {noise:.2g} {unit}", is_met


def _unless_noisy(work: str, goal: str, results: Mapping[str, tuple[str, bool | None]]) -> Verdict:
    """A verdict on several works: missed if one surely misses the goal, and left open if the noise leaves one open."""
    verdict = _verdict(work, goal, {name: (text, is_met is not False) for name, (text, is_met) in results.items()})
    is_open = verdict.is_met and any(is_met is None for _, is_met in results.values())
    return verdict._replace(result=f"{verdict.result}: too noisy to tell", is_met=None) if is_open else verdict


def _deepest(measured: Measured) -> Verdict:
    """A page behind as many results as were measured beside the first page, both in order of time and read."""
    pages = {name: row for name, row in measured.part("cursors").items() if name.startswith("by time, a page behind")}
    alone = [name for name in pages if "commit" not in name]
    results = {}
    if alone:
        first = measured.part("cursors")["by time, the first page"]["from_, timestamps"]
        taken = pages[alone[-1]]["cursor, timestamps"]
        results[alone[-1].rpartition(" ")[2]] = (f"{times(taken / first)} ({taken:.1f} µs)", taken <= 2 * first)
    return _verdict("a page by cursor, by time, read out", "within 2x of the first page, at any depth", results)


def _arrow(measured: Measured) -> list[Verdict]:
    pages = {
        name: (f"{row['stream'] / 1e3:.2f} ms", row["stream"] < 400)
        for name, row in measured.part("arrow pages").items()
        if name == "a page of 100 buckets"
    }
    tables = {name: f"{row['arrow']:.0f} ms" for name, row in measured.part("arrow tables").items() if "arrow" in row}
    return [
        _verdict("a page of 100 buckets as Arrow", "under 0.4 ms", pages),
        Verdict("every bucket as a table of another library", "stated", _listed(tables) or "not measured", None),
    ]


def _weights(measured: Measured) -> list[Verdict]:
    results = {}
    for name, row in measured.part("weights").items():
        if name.startswith("index"):
            results[name.partition(", ")[2]] = (f"{row['traced']:.1f} bytes", row["traced"] <= 60)
    jobs = {
        name.rpartition(", ")[2]: (f"{row['traced']:,.0f} bytes", row["traced"] <= 2_048)
        for name, row in measured.only("job weights").items()
    }
    return [
        _verdict("memory of a bucket without influencers", "60 bytes, two value indexes included, at 10^6", results),
        _verdict("memory of a job of ten buckets", "2 KB", jobs),
    ]


GOALS: Final[Sequence[Callable[[Measured], list[Verdict]]]] = (
    _by_time,
    _by_value,
    _dense,
    _parameters,
    _bodies,
    _growth,
    _writes,
    _loads,
    _many_jobs,
    _across,
    _summaries,
    _filters,
    _living,
    _arrow,
    _weights,
)
"""The functions that judge the goals, in the order of the report."""
