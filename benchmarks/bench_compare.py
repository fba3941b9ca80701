"""Two commits are compared by what they took: noise is told from change, both are measured by the same benchmarks."""

import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.compare import Round, Work, changes, main, put, rounds_of, table

ROOT = Path(__file__).parent.parent
WORK, OTHER = Work("work", "µs"), Work("other", "µs")


def quiet(old: float, new: float) -> list[Round]:
    """Five rounds of a work that takes so much, a hundredth more or less, beside one that stays as it is."""
    jitter = (1.0, 1.01, 0.99, 1.0, 1.005)
    return [
        Round(
            old={WORK: old * less, OTHER: 3.0},
            new={WORK: new / less, OTHER: 3.0 * less},
            again={WORK: old / less, OTHER: 3.0},
        )
        for less in jitter
    ]


def test_what_became_slower_is_told() -> None:
    """A tenth more is more than a noise of a hundredth, and a tenth less is, too; what stayed as it was is not told."""
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


def test_noise_is_not_told() -> None:
    """What the older commit does to itself from run to run may happen to the newer one; more rounds tell more."""
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


def test_a_work_is_held_to_what_most_of_its_unit_do() -> None:
    """A time that is quiet among many noisy ones may not be so the next time; bytes have no noise of clocks."""
    others = [{Work(f"noisy {at}", "µs"): value for at in range(30)} for value in (1.0, 1.0, 1.3)]
    many = [Round(*({**some, **other} for some, other in zip(each, others, strict=True))) for each in quiet(10.0, 11.0)]
    assert not any(change.is_slower for change in changes(many))
    weight = Work("a bucket", "bytes a bucket")
    heavier = [Round(*({**some, weight: more} for some, more in zip(each, (50, 55, 50), strict=True))) for each in many]
    assert [change.work for change in changes(heavier) if change.is_slower] == [weight]


def test_a_work_that_only_one_commit_has_is_left_out() -> None:
    """There is nothing to compare it with."""
    (change,) = changes([Round(old={WORK: 1.0}, new={WORK: 1.0, OTHER: 1.0}, again={WORK: 1.0})])
    assert change.work == WORK
    assert changes([Round(old={WORK: 1.0}, new={}, again={WORK: 1.0})]) == []
    assert table([]) == ["0 of 0 are the same within the noise"]


@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="needs a git checkout")
def test_a_commit_is_measured_beside_the_checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The package comes from the commit, the benchmarks from the checkout; what is not known of git is refused."""
    put("HEAD", tmp_path / "old")
    committed = subprocess.run(
        ["git", "show", "HEAD:bucketquery/index.py"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    assert (tmp_path / "old" / "bucketquery" / "index.py").read_bytes() == committed
    put(None, tmp_path / "new")
    here = ROOT / "bucketquery" / "index.py"
    assert (tmp_path / "new" / "bucketquery" / "index.py").read_bytes() == here.read_bytes()
    assert main(["HEAD", "HEAD", "--size", "10000", "--rounds", "1", "--parts", "memory"]) == 0
    said = capsys.readouterr().out
    assert "HEAD and HEAD, 10,000 buckets" in said
    assert "4 of 4 are the same within the noise" in said
    with pytest.raises(SystemExit) as refused:
        main(["no-such-commit"])
    assert refused.value.code == 2
    assert "no-such-commit" in capsys.readouterr().err


def test_a_slower_package_is_found(tmp_path: Path) -> None:
    """A search that counts to some thousands first; each package is measured, and not the one that is installed."""
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        put(None, folder)
    slowed = new / "bucketquery" / "snapshot.py"
    text = slowed.read_text(encoding="utf-8")
    head = "    def search(self, query: AnyQuery, *, now: Instant | None = None) -> AnyPage:\n"
    assert text.count(head) == 1
    slowed.write_text(text.replace(head, f"{head}        sum(range(20_000))\n"), encoding="utf-8")
    found = changes(list(rounds_of((old, new), 1, 10_000, ("answers",))))
    slower = {change.work.name for change in found if change.is_slower}
    assert "no parameters (parameters, search)" in slower
    assert "a slice (bodies, search)" in slower


def test_a_package_that_does_not_run_is_no_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told, and the exit is another one than that of a slower package."""
    for name in ("old", "new"):
        put(None, tmp_path / name)
    (tmp_path / "new" / "bucketquery" / "index.py").write_text("raise RuntimeError('not today')", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        list(rounds_of((tmp_path / "old", tmp_path / "new"), 1, 10_000, ("memory",)))
    assert ended.value.code == 2
    assert "not today" in capsys.readouterr().err
