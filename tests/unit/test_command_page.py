"""The page of the command: its examples give the output that it shows."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from bucketquery import __main__ as command

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
PAGE = GUIDE / "command.md"
NAME = "python -m bucketquery "


def examples(page: Path = PAGE) -> Iterator[tuple[str, str]]:
    """Each command of a page in order, and the lines that the page shows below it."""
    for block in re.findall(r"^```console\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = example.partition("\n")
            yield line, shown


def test_the_examples_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``cat`` shows a file that later commands read. A command prints its notes before its answer."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    read = set()
    for line, shown in examples():
        if line.startswith("cat "):
            Path(line.removeprefix("cat ")).write_text(shown, encoding="utf-8")
        else:
            assert line.startswith(NAME)
            arguments = shlex.split(line.removeprefix(NAME))
            command.main(arguments)
            captured = capsys.readouterr()
            assert captured.err + captured.out == shown, line
            read |= {*arguments}
    assert {path.name for path in tmp_path.iterdir()} <= read
    assert len(read) > 10


def test_the_exit_codes_of_the_page_are_those_of_the_function() -> None:
    """`main` documents the same codes."""
    codes = re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert codes == re.findall(r"\b(\d+) [a-z]", (command.main.__doc__ or "").partition("Args:")[0])


def test_the_example_of_many_jobs_runs(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page about many jobs shows the swimlane of 116 real jobs."""
    monkeypatch.chdir(data_folder)
    monkeypatch.setenv("COLUMNS", "80")
    ((line, shown),) = examples(GUIDE / "many-jobs.md")
    command.main(shlex.split(line.removeprefix(NAME)))
    assert capsys.readouterr().out == shown
