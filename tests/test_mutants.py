"""Mutants: a seed draws them, each is a different program, and tests in a copy of the project kill some of them."""

import ast
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from mutants import PLACES, ROOT, Copy, Kept, Result, Stage, files_of, main, measure, own_stage, run, stages_of
from mutations import EXCLUSIONS, Exclusion, Mutant, draw, mutants_of

FILE, TEST = "bucketquery/toy.py", "tests/test_toy.py"

#: A module with every sort of code that is changed, and every sort that stays as it is.
TOY = '''"""A toy: 1 < 2."""

_SIZE: int = 16


class Toy:
    """Not -1."""

    limit: int = 3

    def check(self) -> None:
        """Assert that 1 < 2."""
        assert self.limit > 2

    def first(self, values: list[int], need: int = 0) -> list[int] | None:
        """The first."""
        if not isinstance(values, int | list) and need >= self.limit:
            raise ValueError(f"not {need + 1}")
        for value in values:
            if (
                value  # a line of its own
                == need
            ):
                break
        need += 1
        if len(values) < _SIZE and "é" != need:
            return values[:need]
        values.sort()
        return None if any(each % 2 for each in values) else list(zip(values, values, strict=True))[-1]
'''

TOY_TEST = """
import pytest
from bucketquery.toy import last

def test_last() -> None:
    assert last([1, 2]) == 2
    with pytest.raises(IndexError):
        last([])
"""
LAST = """
def last(values):
    at = len(values) - 1
    while at > len(values):
        at -= 1
    return values[at] if at >= 0 else values[0]
"""


def changes(source: str, exclusions: Sequence[Exclusion] = ()) -> set[str]:
    """All changes of a source, as ``before -> after``, with single spaces."""
    found = mutants_of(FILE, source.encode(), exclusions)
    return {" ".join(f"{each.before} -> {each.after}".split()) for each in found}


def all_mutants() -> dict[str, list[Mutant]]:
    """All mutants of the default places."""
    return {file: mutants_of(file, (ROOT / file).read_bytes()) for file in files_of(ROOT, PLACES)}


def test_each_sort_of_code_is_changed() -> None:
    """Operators, conditions, bounds, constants and statements change, even if several share a line."""
    found = changes(TOY)
    assert found >= {
        "not ->",
        "and -> or",
        ">= -> >",
        ">= -> <",
        "!= -> ==",
        "% -> *",
        "+= -> -=",
        "- ->",
        "any -> all",
        "2 -> 3",
        "0 -> 1",
        "need ->",
        "need -> need + 1",
        "need += 1 -> pass",
        "values.sort() -> pass",
        "return values[:need] -> pass",
        "break -> continue",
    }
    assert any(change.startswith("raise ") and change.endswith(" -> pass") for change in found)
    assert "any(each % 2 for each in values) -> (not (any(each % 2 for each in values)))" in found


def test_code_that_decides_no_answer_stays() -> None:
    """Constants of the module, assertions, texts, types and assumptions stay. Comparisons with a size are negated."""
    found = changes(TOY)
    assert not found & {"16 -> 17", "> -> >=", "True -> False", "| -> &", "< -> <="}
    assert "< -> >=" in found
    assert "+ -> -" not in found
    assert "3 -> 4" in found
    assert "== -> !=" not in found, "the comment between the operands might contain the operator"


def test_an_exclusion_covers_what_it_names() -> None:
    """Function, kind, line and change must all match; a pattern that is not given matches anything."""
    assert ">= -> >" not in changes(TOY, [Exclusion("", function=r"Toy\.first", kind="comparison")])
    assert ">= -> >" in changes(TOY, [Exclusion("", function="first", kind="comparison")])
    assert ">= -> >" not in changes(TOY, [Exclusion("", code="isinstance", change=">= -> >")])
    assert ">= -> <" in changes(TOY, [Exclusion("", code="isinstance", change=">= -> >")])


def test_every_exclusion_excludes_something() -> None:
    """An exclusion that excludes nothing is outdated: a name in it has changed."""
    everything = [
        mutant
        for path in sorted((ROOT / "bucketquery").rglob("*.py"))
        for mutant in mutants_of(path.relative_to(ROOT).as_posix(), path.read_bytes(), ())
    ]
    assert [each for each in EXCLUSIONS if not any(map(each.covers, everything))] == []
    assert all(each.reason for each in EXCLUSIONS)


def test_a_draw_can_be_repeated() -> None:
    """The same seed draws the same mutants, another seed draws others, and a longer draw begins with a shorter one."""
    mutants = all_mutants()
    drawn = draw(mutants, "1", 100)
    assert len(set(drawn)) == 100
    assert drawn == draw(all_mutants(), "1", 100)
    assert drawn[:40] == draw(mutants, "1", 40)
    assert len(set(drawn) & set(draw(mutants, "2", 100))) < 20
    total = sum(map(len, mutants.values()))
    assert len(draw(mutants, "1", total + 1)) == total


def test_each_file_gives_its_share() -> None:
    """A file gives its part of all mutants, give or take two; each line gives one before any gives a second."""
    mutants = all_mutants()
    total = sum(map(len, mutants.values()))
    drawn = draw(mutants, "1", 100)
    shares = Counter(mutant.file for mutant in drawn)
    assert all(abs(shares[file] - 100 * len(some) / total) < 2 for file, some in mutants.items())
    assert len({(mutant.file, mutant.line) for mutant in drawn}) == 100


def test_every_mutant_is_another_program() -> None:
    """A mutant compiles, and its syntax tree differs from that of the original."""
    sources = {file: (ROOT / file).read_bytes() for file in files_of(ROOT, PLACES)}
    mutants = {file: mutants_of(file, source) for file, source in sources.items()}
    trees = {file: ast.dump(ast.parse(source)) for file, source in sources.items()}
    for mutant in draw(mutants, "1", 60):
        tree = ast.parse(mutant.applied(sources[mutant.file]))
        assert ast.dump(tree) != trees[mutant.file], mutant
        compile(tree, mutant.file, "exec")
    for mutant in mutants_of(FILE, TOY.encode(), ()):
        assert ast.dump(ast.parse(mutant.applied(TOY.encode()))) != ast.dump(ast.parse(TOY)), mutant
        assert mutant.diff(TOY.encode()).count("\n") >= 3


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A toy project with one function and one test."""
    # The plugins of pytest take half a second to load, and the toy's test needs none.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    files = {FILE: LAST, "bucketquery/__init__.py": "", TEST: TOY_TEST, "pyproject.toml": "[tool.pytest]\n"}
    for name, text in files.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "project"


def of_last(change: str) -> Mutant:
    """The mutant of the toy function with a change, such as ``3 - +``."""
    (mutant,) = (
        each for each in mutants_of(FILE, LAST.encode()) if change == f"{each.line} {each.before} {each.after}"
    )
    return mutant


def test_a_wrong_mutant_is_killed_and_an_equivalent_one_survives(project: Path) -> None:
    """A wrong index is noticed; the bound of a loop that never runs is not. Two workers do not change the project."""
    kept = Kept(None, project)
    wrong, equivalent = of_last("3 - +"), of_last("4 > >=")
    found = dict(run([wrong, equivalent], kept, 2, project, [Stage("all", [TEST])]))
    assert found[wrong][:2] == ("killed", f"own: {TEST}::test_last")
    assert found[equivalent][:2] == ("survived", "")
    assert (kept.get(wrong), kept.get(equivalent)) == (found[wrong], found[equivalent])
    assert set(kept.limits) == {"own", "all"}
    assert (project / FILE).read_text(encoding="utf-8") == LAST


def test_a_file_without_tests_of_its_own_goes_through_the_other_stages(project: Path) -> None:
    """No test that runs is no test that fails."""
    other = "tests/others/test_last.py"
    (project / "tests" / "others").mkdir()
    (project / TEST).rename(project / other)
    wrong, equivalent = of_last("3 - +"), of_last("4 > >=")
    found = dict(run([wrong, equivalent], Kept(None, project), 1, project, [Stage("others", [other])]))
    assert found[wrong][:2] == ("killed", f"others: {other}::test_last")
    assert found[equivalent][:2] == ("survived", "")


def test_an_endless_mutant_is_stopped(project: Path, tmp_path: Path) -> None:
    """A loop that never ends is stopped at its limit, and afterwards the copy has the original source again."""
    copy = Copy(tmp_path / "copy", project)
    endless = copy.test(of_last("4 > <="), [Stage("own", [TEST])], {"own": 2.0})
    assert endless.verdict == "timeout"
    assert endless.by.startswith("own: more than ")
    assert (tmp_path / "copy" / FILE).read_text(encoding="utf-8") == LAST


def test_tests_that_fail_without_a_change_are_refused(project: Path, tmp_path: Path) -> None:
    """Tests that fail without a change would seem to kill every mutant."""
    (project / FILE).write_text(LAST.replace("- 1", "- 2"), encoding="utf-8")
    with pytest.raises(ValueError, match=f"fails its tests, all: {TEST}::test_last"):
        measure(Copy(tmp_path / "copy", project), [Stage("all", [TEST])])


def test_stages_run_every_test_once() -> None:
    """The stages have every test of the quick suite except those of the layout and of this command."""
    stages = {stage.name: stage for stage in stages_of(ROOT)}
    assert list(stages) == ["semantics", "stateful", "properties", "others", "deep"]
    assert {"tests/unit", "tests/malformed", "bucketquery", "README.md"} <= set(stages["others"].arguments)
    assert not {"tests/semantics", "tests/data", "tests/test_house.py"} & set(stages["others"].arguments)
    for stage in stages.values():
        assert all((ROOT / path).exists() for path in stage.arguments if "/" in path)


def test_the_tests_of_a_file_come_first(project: Path) -> None:
    """The first stage has a file's doctests and the tests of its name, or else the unit tests that import it."""
    assert own_stage(project, FILE).arguments == [FILE, TEST]
    (project / "tests" / "unit").mkdir()
    (project / TEST).rename(project / "tests" / "unit" / "test_last.py")
    (project / "tests" / "unit" / "test_other.py").write_text("import bucketquery\n", encoding="utf-8")
    assert own_stage(project, FILE).arguments == [FILE, "tests/unit/test_last.py"]
    for file in files_of(ROOT, PLACES):
        if not file.endswith("/__init__.py"):
            assert len(own_stage(ROOT, file).arguments) > 1, f"{file} has no tests of its own"


def test_results_are_kept_while_they_hold(tmp_path: Path) -> None:
    """A change of the package drops every result; a change of the tests drops the results of survivors."""
    for folder in ("bucketquery", "tests"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "toy.py").write_text(TOY, encoding="utf-8")
    one, other, *_ = mutants_of(FILE, TOY.encode())
    killed, survived = Result("killed", "own: test", 1.5), Result("survived", "", 9.0)
    path = tmp_path / "kept.json"
    kept = Kept(path, tmp_path)
    kept.limits.update(own=7.0)
    kept.put(one, killed)
    kept.put(other, survived)
    again = Kept(path, tmp_path)
    assert (again.get(one), again.get(other), again.limits) == (killed, survived, {"own": 7.0})
    (tmp_path / "tests" / "toy.py").write_text("", encoding="utf-8")
    again = Kept(path, tmp_path)
    assert (again.get(one), again.get(other), again.limits) == (killed, None, {})
    (tmp_path / "bucketquery" / "toy.py").write_text("", encoding="utf-8")
    assert Kept(path, tmp_path).get(one) is None


def test_a_list_is_drawn_without_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    """``--list`` shows the mutants of a place; ``--only`` takes all of a line."""
    file = files_of(ROOT, PLACES)[-1]
    assert main([file, "--list", "--count", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    where = lines[0].partition(" ")[0]
    assert where.startswith(f"{file}:")
    assert main(["--list", "--only", where]) == 0
    assert lines[0] in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["bucketquery/nowhere"], "no modules of the project: bucketquery/nowhere"),
        (["README.md"], "no modules of the project: README.md"),
        (["--only", "bucketquery/errors.py:100000"], "no mutants of bucketquery/errors.py:100000"),
        (["bucketquery/__init__.py"], "these places have no mutants"),
        (["--count", "0"], "at least one worker and one mutant are needed"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command refuses a place or a line that is missing or has no mutants, and a count of 0."""
    with pytest.raises(SystemExit) as refused:
        main([*arguments, "--list"])
    assert refused.value.code == 2
    assert complaint in capsys.readouterr().err
