"""What the library must cost, beside what was measured: each goal with its result, met or not.

A comparison is of like with like. A list and NumPy hand out a slice, or row numbers, and so does a page that nobody has
read; an engine's answer is read out as a list of timestamps, which tell its rows, and so is the page beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from benchmarks.asking import BY_TIME
from benchmarks.outcome import Results
from benchmarks.peers import BEYOND, BY_HAND, KINDS
from benchmarks.timing import Figures


class Verdict(NamedTuple):
    """A goal and what became of it.

    Attributes:
        work: what is done.
        goal: what it must cost.
        result: what it cost.
        is_met: None where nothing says so, also where a figure is only to be told.
    """

    work: str
    goal: str
    result: str
    is_met: bool | None


class Measured:
    """The figures of one size, and those of all sizes where growth is asked for."""

    def __init__(self, results: Results, size: int) -> None:
        self.size = size
        self.sizes = sorted({size for part, size in results if part == "questions live"})
        self._results = results

    def part(self, name: str, size: int | None = None) -> Figures:
        """The figures of a part; none where it was not run."""
        table = self._results.get((name, self.size if size is None else size))
        return table.figures if table else {}

    def questions(self, variant: str, letters: Sequence[str] = (), size: int | None = None) -> Figures:
        """Some questions by their letters, as asked of one variant; all without letters."""
        rows = self.part(f"questions {variant}", size)
        return {name.split()[0]: row for name, row in rows.items() if not letters or name.split()[0] in letters}

    def only(self, part: str) -> Figures:
        """The figures of a part that is measured at one size, whichever that is."""
        return next((table.figures for (name, _), table in self._results.items() if name == part), {})


def ratios(row: Mapping[str, float]) -> dict[str, float]:
    """How many times as long as the index each peer takes in a row, like compared with like."""
    mine = [name for name in row if name not in KINDS]
    if not mine:
        return {}
    # The first way leaves the page unread where there is one that reads it. Timestamps tell the rows of one job.
    reading = (name for end in (", timestamps", ", keys") for name in mine if name.endswith(end))
    unread, read = mine[0], next(reading, mine[0])
    return {name: taken / row[unread if name in BY_HAND else read] for name, taken in row.items() if name in KINDS}


def rivals(row: Mapping[str, float]) -> dict[str, float]:
    """The same of those that hold no structure like the index's own."""
    return {name: ratio for name, ratio in ratios(row).items() if name != BEYOND}


def best(row: Mapping[str, float]) -> tuple[str, float] | None:
    """The rival that is quickest beside the index, and how many times as long it takes."""
    some = rivals(row)
    return min(some.items(), key=lambda item: item[1]) if some else None


def judge(results: Results, size: int) -> list[Verdict]:
    """Every goal, by the figures of one size."""
    measured = Measured(results, size)
    return [verdict for goal in GOALS for verdict in goal(measured)]


def _verdict(work: str, goal: str, told: Mapping[str, tuple[str, bool]]) -> Verdict:
    """One verdict of several works, each told and met or not; not measured where there are none."""
    if not told:
        return Verdict(work, goal, "not measured", None)
    result = _listed({name: text for name, (text, _) in told.items()})
    return Verdict(work, goal, result, all(met for _, met in told.values()))


def _listed(told: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {text}".strip() for name, text in told.items())


def _by_time(measured: Measured) -> list[Verdict]:
    verdicts = []
    for variant, most, words in (("final", 2, "no interim rows"), ("live", 3, "interim rows in the head")):
        rows = measured.questions(variant, BY_TIME)
        told = {
            name: (f"{row['search'] / row['list']:.1f}x", row["search"] <= most * row["list"])
            for name, row in rows.items()
            if "list" in row
        }
        verdicts.append(
            _verdict(f"`search(prepared)`, page by time, {words}", f"within {most}x of bisect on a list", told)
        )
    rows = measured.questions("live", BY_TIME)
    engines = {
        name: {key: ratio for key, ratio in ratios(row).items() if key not in BY_HAND} for name, row in rows.items()
    }
    told = {name: (_quickest(some), min(some.values()) >= 3) for name, some in engines.items() if some}
    verdicts.append(_verdict("the same, read out", "3x faster than every engine", told))
    return verdicts


def _quickest(some: Mapping[str, float]) -> str:
    name = min(some, key=some.__getitem__)
    return f"{times(some[name])} ({name})"


def times(ratio: float) -> str:
    """A ratio as it is told."""
    if ratio < 1:
        # What is not quite as much is not told as as much.
        return f"{min(ratio, 0.99):.2g}x"
    return f"{ratio:.2g}x" if ratio < 10 else f"{ratio:,.0f}x"


def shown(figure: float) -> str:
    """A figure with three digits that say something, or all before the point."""
    if figure >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}" if figure >= 0.1 else f"{figure:.3f}"


def _by_value(measured: Measured) -> list[Verdict]:
    verdicts = []
    for variant, words in (
        ("worn", "dead rows and a head present"),
        ("live", "interim rows in the head"),
        ("clustered", "scores in bursts"),
    ):
        told = {}
        for name, row in measured.questions(variant, ("Q4", "Q5", "Q6", "Q8", "Q10")).items():
            some = rivals(row)
            if some:
                told[name] = (_quickest(some), min(some.values()) >= (1.5 if name == "Q5" else 2))
        goal = "2x faster than every peer, careful NumPy included, at 10^6; Q5 1.5x"
        verdicts.append(_verdict(f"threshold, score order, other order, counts: {words}", goal, told))
    return verdicts


def _dense(measured: Measured) -> list[Verdict]:
    verdicts = []
    for variant in ("live", "worn"):
        told = {
            name: (times(row["numpy"] / row["search"]), row["numpy"] >= row["search"])
            for name, row in measured.questions(variant, ("Q11", "Q12")).items()
            if "numpy" in row
        }
        verdicts.append(
            _verdict(f"dense threshold, ascending by another field: {variant}", "never slower than careful NumPy", told)
        )
    told = {
        name.partition(", ")[0]: (f"{row['search']:.1f} beside {row['numpy']:.1f} µs", row["search"] < row["numpy"])
        for name, row in measured.part("dense count").items()
        if "numpy" in row
    }
    return [*verdicts, _verdict("the count of a dense threshold", "cheaper than one scan", told)]


def _parameters(measured: Measured) -> list[Verdict]:
    told = {}
    for name, row in measured.part("parameters").items():
        more = row["get_buckets"] - row["search"]
        told[name] = (f"{more:.1f} µs", more <= 8)
    return [_verdict("`get_buckets(**params)` over `search(prepared)`", "at most 8 µs more", told)]


def _bodies(measured: Measured) -> list[Verdict]:
    told = {}
    for name, row in measured.part("bodies").items():
        each = (row["search, to_dict"] - row["search"]) / 100
        told[name] = (f"{each:.2f} µs", each <= 0.45)
    requests = {}
    for name, row in measured.part("requests").items():
        some = rivals(row)
        if some:
            requests[name.partition(",")[0]] = (_quickest(some), min(some.values()) >= 1)
    return [
        _verdict("`to_dict()` of 100 buckets", "at most 0.45 µs a bucket", told),
        _verdict("parameters in, JSON bytes out, 100 buckets", "faster than any peer", requests),
    ]


def _growth(measured: Measured) -> list[Verdict]:
    small, large = measured.sizes[:1], measured.sizes[-1:]
    verdicts = []
    for words, letter, most in (("Q1 to Q12", "Q", 3), ("a threshold between rungs", "T", 10)):
        told = {}
        if small != large:
            first, last = measured.questions("live", size=small[0]), measured.questions("live", size=large[0])
            for name, row in last.items():
                if name.startswith(letter):
                    ratio = row["search"] / first[name]["search"]
                    told[name] = (times(ratio), ratio <= most)
        span = f"{small[0]:,} to {large[0]:,}" if told else "two sizes are needed"
        verdicts.append(_verdict(f"growth, {words}: {span}", f"at most {most}x from 10^4 to 10^7", told))
    return verdicts


def _writes(measured: Measured) -> list[Verdict]:
    told: dict[str, dict[str, tuple[str, bool]]] = {"W2": {}, "W4": {}}
    least = {"W2": 4, "W4": 2}
    for part in ("appending", "replacing"):
        for name, row in measured.part(part).items():
            if "sqlite" in row:
                letters, _, rest = name.partition(" ")
                ratio = row["sqlite"] / row["index, timestamps"]
                unread = times(row["sqlite"] / row["index"])
                told[letters][rest] = (f"{times(ratio)} (page unread {unread})", ratio >= least[letters])
    rescored = {}
    for row in measured.part("rescoring").values():
        some = rivals(row)
        if some:
            rescored[""] = (_quickest(some), min(some.values()) >= 1)
    return [
        _verdict("append one bucket, then the newest page (W2)", "4x faster than SQLite in memory", told["W2"]),
        _verdict("the newest bucket replaced, then the newest page (W4)", "2x faster than SQLite", told["W4"]),
        _verdict("rescore 1 % of 10^6, then the top ten (W3)", "faster than every peer", rescored),
    ]


def _loads(measured: Measured) -> list[Verdict]:
    told = {}
    for name, row in measured.part("loading").items():
        if "pandas sort_values" in row:
            index, sorting = row["index"], row["pandas sort_values"]
            words = f"{index:.1f} beside {sorting:.1f} ms"
            if "pandas" in row:
                words += f" ({row['pandas']:.1f} with making the frame)"
            told[name.split()[0]] = (words, index <= sorting)
    rates = {
        name: (f"{row['index']:,.0f} a second", row["index"] >= 400_000)
        for name, row in measured.part("documents").items()
    }
    pauses = {name: f"{row['longest']:.1f} ms" for name, row in measured.part("pauses").items()}
    return [
        _verdict("bulk load of columns (W1, W1u)", "no slower than pandas sorting them", told),
        _verdict("bulk load of documents", "400,000 a second", rates),
        Verdict("worst pause of a commit", "stated", _listed(pauses) or "not measured", None),
    ]


def _fleet(measured: Measured) -> list[Verdict]:
    rates = {
        name: (f"{row['index']:,.0f} a second", row["index"] >= 100_000)
        for name, row in measured.only("fleet writes").items()
        if "one more" in name
    }
    told = {}
    for row in measured.only("fleet question").values():
        some = rivals(row)
        if some:
            told[""] = (_quickest(some), min(some.values()) >= 1)
    asked = _verdict("fleet: the top 100 by score over all jobs", "faster than DuckDB and SQLite", told)
    if measured.only("fleet question") and not told:
        asked = asked._replace(result="not measured: the index takes one job a question, or the peers are not here")
    return [_verdict("fleet (F): one bucket for each job that exists", "100,000 documents a second", rates), asked]


def _weights(measured: Measured) -> list[Verdict]:
    told = {}
    for name, row in measured.part("weights").items():
        if name.startswith("index"):
            told[name.partition(", ")[2]] = (f"{row['traced']:.1f} bytes", row["traced"] <= 60)
    jobs = {
        name.rpartition(", ")[2]: (f"{row['traced']:,.0f} bytes", row["traced"] <= 2_048)
        for name, row in measured.only("job weights").items()
    }
    return [
        _verdict("memory of a bucket without influencers", "60 bytes, two ladders included, at 10^6", told),
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
    _fleet,
    _weights,
)
"""The rows of the goals, each a judge of its own."""
