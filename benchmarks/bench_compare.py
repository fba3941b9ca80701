"""Two commits are compared by what they took: noise is told from change, both are measured by the same benchmarks."""

import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.compare import Round, changes, main, put, table

ROOT = Path(__file__).parent.parent


def quiet(old: float, new: float) -> list[Round]:
    """Five rounds of a work that takes so much, a hundredth more or less, beside one that stays as it is."""
    jitter = (1.0, 1.01, 0.99, 1.0, 1.005)
    return [
        Round(
            old={"work": old * less, "other": 3.0},
            new={"work": new / less, "other": 3.0 * less},
            again={"work": old / less, "other": 3.0},
        )
        for less in jitter
    ]


def test_what_became_slower_is_told() -> None:
    """A tenth more is more than a noise of a hundredth, and a tenth less is, too; what stayed as it was is not told."""
    slower, other = changes(quiet(10.0, 11.0))
    assert (slower.work, slower.is_slower, slower.is_quicker) == ("work", True, False)
    assert slower.ratio == pytest.approx(1.1, abs=0.02)
    assert (slower.old, slower.new) == (10.0, 11.0)
    assert not other.is_slower
    assert not other.is_quicker
    (quicker,) = (change for change in changes(quiet(11.0, 10.0)) if change.is_quicker)
    assert quicker.work == "work"
    text = "\n".join(table(changes(quiet(10.0, 11.0))))
    assert "1 became slower" in text
    assert "| work | 10.0 | 11.0 | 1.10x | 3% |" in text
    assert "1 of 2 are the same within the noise" in text


def test_noise_is_not_told() -> None:
    """What the older commit does to itself from run to run may happen to the newer one."""
    noisy = [
        Round(old={"work": 10.0}, new={"work": new}, again={"work": again})
        for new, again in ((11.0, 12.0), (12.0, 10.0), (11.5, 9.0))
    ]
    (change,) = changes(noisy)
    assert change.noise == pytest.approx(0.2)
    assert not change.is_slower
    # A quiet work beside many noisy ones is held to what these do.
    others = [{f"noisy {at}": value for at in range(30)} for value in (1.0, 1.0, 1.3)]
    many = [Round(*({**some, **other} for some, other in zip(each, others, strict=True))) for each in quiet(10.0, 11.0)]
    assert not any(change.is_slower for change in changes(many))


def test_a_work_that_only_one_commit_has_is_left_out() -> None:
    """There is nothing to compare it with."""
    assert changes([Round(old={"a": 1.0}, new={"a": 1.0, "b": 1.0}, again={"a": 1.0})])[0].work == "a"
    assert changes([Round(old={"a": 1.0}, new={}, again={"a": 1.0})]) == []
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
