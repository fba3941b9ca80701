"""Two commits are compared by their costs: changes are told from noise, and the same benchmarks measure both."""

import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.compare import Round, Work, changes, main, put, rounds_of, table

ROOT = Path(__file__).parent.parent
_SLOWER = """
_search = Reads.search


def _slower(self, *given, **named):
    sum(range(20_000))
    return _search(self, *given, **named)


Reads.search = _slower
"""
WORK, OTHER = Work("work", "µs"), Work("other", "µs")


def quiet(old: float, new: float) -> list[Round]:
    """Five rounds of a work with these costs, a hundredth more or less, and of another work that stays the same."""
    jitter = (1.0, 1.01, 0.99, 1.0, 1.005)
    return [
        Round(
            old={WORK: old * factor, OTHER: 3.0},
            new={WORK: new / factor, OTHER: 3.0 * factor},
            again={WORK: old / factor, OTHER: 3.0},
        )
        for factor in jitter
    ]


def test_a_slower_work_is_listed() -> None:
    """With a noise of a hundredth, a tenth more is slower and a tenth less is quicker. An unchanged work is neither."""
    slower, other = changes(quiet(10.0, 11.0))
    assert (slower.work, slower.is_slower, slower.is_quicker) == (WORK, True, False)
    assert slower.ratio == pytest.approx(1.1, abs=0.02)
    assert (slower.old, slower.new) == (10.0, 11.0)
    assert not other.is_slower
    assert not other.is_quicker
    (quicker,) = (change for change in changes(quiet(11.0, 10.0)) if change.is_quicker)
    assert quicker.work == WORK
    text = "\n".join(table(changes(quiet(10.0, 11.0))))
    assert "1 became slower" in text
    assert "| work | µs | 10.0 | 11.0 | 1.10x | 3% |" in text
    assert "1 of 2 are the same within the noise" in text


def test_noise_is_not_listed() -> None:
    """A difference as large as that between two runs of the older commit is noise. More rounds show smaller changes."""
    noisy = [
        Round(old={WORK: 10.0}, new={WORK: new}, again={WORK: again})
        for new, again in ((11.0, 12.0), (12.0, 10.0), (11.5, 9.0))
    ]
    (change,) = changes(noisy)
    assert change.ratio > 1.15
    assert change.noise > 0.2
    assert not change.is_slower
    (longer,) = changes(noisy * 9)
    assert longer.noise < change.noise / 2
    assert longer.is_slower


def test_a_work_has_at_least_the_noise_of_its_unit() -> None:
    """A quiet time among many noisy ones gets their noise, because it may be noisy in the next run. Bytes do not."""
    others = [{Work(f"noisy {at}", "µs"): value for at in range(30)} for value in (1.0, 1.0, 1.3)]
    many = [Round(*({**some, **other} for some, other in zip(each, others, strict=True))) for each in quiet(10.0, 11.0)]
    assert not any(change.is_slower for change in changes(many))
    weight = Work("a bucket", "bytes a bucket")
    heavier = [Round(*({**some, weight: more} for some, more in zip(each, (50, 55, 50), strict=True))) for each in many]
    assert [change.work for change in changes(heavier) if change.is_slower] == [weight]


def test_a_work_that_only_one_commit_has_is_left_out() -> None:
    """A work needs figures of both commits."""
    (change,) = changes([Round(old={WORK: 1.0}, new={WORK: 1.0, OTHER: 1.0}, again={WORK: 1.0})])
    assert change.work == WORK
    assert changes([Round(old={WORK: 1.0}, new={}, again={WORK: 1.0})]) == []
    assert table([]) == ["0 of 0 are the same within the noise"]


@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="needs a git checkout")
def test_a_commit_is_measured_beside_the_checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The package comes from the commit, the benchmarks from the checkout. An unknown commit is refused."""
    put("HEAD", tmp_path / "old")
    committed = subprocess.run(
        ["git", "show", "HEAD:bucketquery/index.py"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    assert (tmp_path / "old" / "bucketquery" / "index.py").read_bytes() == committed
    put(None, tmp_path / "new")
    here = ROOT / "bucketquery" / "index.py"
    assert (tmp_path / "new" / "bucketquery" / "index.py").read_bytes() == here.read_bytes()
    assert main(["HEAD", "HEAD", "--size", "10000", "--rounds", "1", "--parts", "memory"]) == 0
    out = capsys.readouterr().out
    assert "HEAD and HEAD, 10,000 buckets" in out
    assert "4 of 4 are the same within the noise" in out
    with pytest.raises(SystemExit) as refused:
        main(["no-such-commit"])
    assert refused.value.code == 2
    assert "no-such-commit" in capsys.readouterr().err


def test_a_slower_package_is_found(tmp_path: Path) -> None:
    """A search that sums 20,000 numbers first is slower. The packages of both folders run, not the installed one."""
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        put(None, folder)
    slowed = new / "bucketquery" / "reads.py"
    with slowed.open("a", encoding="utf-8") as file:
        file.write(_SLOWER)
    found = changes(list(rounds_of((old, new), 1, 10_000, ("answers",))))
    slower = {change.work.name for change in found if change.is_slower}
    assert "no parameters (parameters, search)" in slower
    assert "a slice (bodies, search)" in slower


def test_a_package_that_does_not_run_ends_the_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The package's error is printed, and the exit code is 2. A slower package gives 1."""
    for name in ("old", "new"):
        put(None, tmp_path / name)
    (tmp_path / "new" / "bucketquery" / "index.py").write_text("raise RuntimeError('not today')", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        list(rounds_of((tmp_path / "old", tmp_path / "new"), 1, 10_000, ("memory",)))
    assert ended.value.code == 2
    assert "not today" in capsys.readouterr().err
