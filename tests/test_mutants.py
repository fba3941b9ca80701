"""Mutants are drawn from a seed, each is another program, and the tests of a copy of the project notice them or not."""

import ast
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from mutants import PLACES, ROOT, Copy, Kept, Result, Stage, files_of, main, own_stage, stages_of
from mutations import EXCLUSIONS, Exclusion, Mutant, draw, mutants_of

FILE = "bucketquery/toy.py"

#: A module with one of everything that is changed, and of everything that is not.
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
    """What is changed into what, without spaces that say nothing."""
    found = mutants_of(FILE, source.encode(), exclusions)
    return {" ".join(f"{each.before} -> {each.after}".split()) for each in found}


def all_mutants() -> dict[str, list[Mutant]]:
    """All mutants of the default places."""
    return {file: mutants_of(file, (ROOT / file).read_bytes()) for file in files_of(ROOT, PLACES)}


def test_each_sort_of_code_is_changed() -> None:
    """Operators, conditions, bounds, constants and statements; an operator that shares its line with others, too."""
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


def test_what_decides_nothing_stays() -> None:
    """Constants of the module, assertions, texts, types, assumptions; a size decides only which way is taken."""
    found = changes(TOY)
    assert not found & {"16 -> 17", "> -> >=", "True -> False", "| -> &", "< -> <="}
    assert "< -> >=" in found
    assert "+ -> -" not in found
    assert "3 -> 4" in found
    assert "== -> !=" not in found, "a comment stands between the operands, where an operator may be meant"


def test_an_exclusion_covers_what_it_names() -> None:
    """Function, kind, line and change must all agree; what is not named may be anything."""
    assert ">= -> >" not in changes(TOY, [Exclusion("", function=r"Toy\.first", kind="comparison")])
    assert ">= -> >" in changes(TOY, [Exclusion("", function="first", kind="comparison")])
    assert ">= -> >" not in changes(TOY, [Exclusion("", code="isinstance", change=">= -> >")])
    assert ">= -> <" in changes(TOY, [Exclusion("", code="isinstance", change=">= -> >")])


def test_every_exclusion_excludes_something() -> None:
    """If a name has changed, the exclusion must change with it."""
    everything = [
        mutant
        for path in sorted((ROOT / "bucketquery").rglob("*.py"))
        for mutant in mutants_of(path.relative_to(ROOT).as_posix(), path.read_bytes(), ())
    ]
    assert [each for each in EXCLUSIONS if not any(map(each.covers, everything))] == []
    assert all(each.reason for each in EXCLUSIONS)


def test_a_draw_can_be_had_again() -> None:
    """The same seed gives the same mutants, a longer draw begins with a shorter one, another seed gives others."""
    mutants = all_mutants()
    drawn = draw(mutants, "1", 100)
    assert len(set(drawn)) == 100
    assert drawn == draw(all_mutants(), "1", 100)
    assert drawn[:40] == draw(mutants, "1", 40)
    assert len(set(drawn) & set(draw(mutants, "2", 100))) < 20
    total = sum(map(len, mutants.values()))
    assert len(draw(mutants, "1", total + 1)) == total


def test_each_file_gives_its_share() -> None:
    """The share of a file is that of its mutants, give or take one, and no line gives a second before all gave one."""
    mutants = all_mutants()
    total = sum(map(len, mutants.values()))
    drawn = draw(mutants, "1", 100)
    shares = Counter(mutant.file for mutant in drawn)
    assert all(abs(shares[file] - 100 * len(some) / total) <= 1 for file, some in mutants.items())
    assert len({(mutant.file, mutant.line) for mutant in drawn}) == 100


def test_every_mutant_is_another_program() -> None:
    """It compiles, and its syntax tree is not that of the original."""
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
def copy(tmp_path: Path) -> Copy:
    """A copy of a toy project."""
    files = {
        FILE: LAST,
        "bucketquery/__init__.py": "",
        "tests/test_toy.py": TOY_TEST,
        "pyproject.toml": "[tool.pytest]\n",
    }
    for name, text in files.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Copy(tmp_path / "copy", tmp_path / "project")


def test_a_mutant_is_killed_survives_or_never_ends(copy: Copy, tmp_path: Path) -> None:
    """The last of some values: taken wrongly it is noticed, a bound of a loop that never runs is not, and a loop ends.

    The compiled file of one mutant is not used for the next, though all have the same length. The project stays as it
    was.
    """
    mutants = {f"{each.line} {each.before} {each.after}": each for each in mutants_of(FILE, LAST.encode())}
    stages = [Stage("own", ["tests/test_toy.py"])]

    def tested(change: str, limit: float = 20) -> Result:
        return copy.test(mutants[change], stages, {"own": limit})

    killed = tested("3 - +")
    assert (killed.verdict, killed.by) == ("killed", "own: tests/test_toy.py::test_last")
    survived = tested("4 > >=")
    assert (survived.verdict, survived.by) == ("survived", "")
    endless = tested("4 > <=", limit=3)
    assert endless.verdict == "timeout"
    assert endless.by.startswith("own: more than ")
    assert (tmp_path / "project" / FILE).read_text(encoding="utf-8") == LAST
    assert (tmp_path / "copy" / FILE).read_text(encoding="utf-8") == LAST


def test_stages_run_every_test_once() -> None:
    """What the quick suite has is in the stages, but for the tests that run none of the package."""
    stages = {stage.name: stage for stage in stages_of(ROOT)}
    assert list(stages) == ["semantics", "stateful", "properties", "others", "deep"]
    assert {"tests/unit", "tests/malformed", "bucketquery", "README.md"} <= set(stages["others"].arguments)
    assert not {"tests/semantics", "tests/data", "tests/test_house.py"} & set(stages["others"].arguments)
    for stage in stages.values():
        assert all((ROOT / path).exists() for path in stage.arguments if "/" in path)


def test_the_tests_of_a_file_come_first() -> None:
    """Those that bear its name, else the unit tests that import it; and its doctests."""
    assert own_stage(ROOT, "bucketquery/model/severity.py").arguments == (
        ["bucketquery/model/severity.py", "tests/unit/test_severity.py"]
    )
    assert "tests/unit/test_schema.py" in own_stage(ROOT, "bucketquery/model/schema.py").arguments
    for file in files_of(ROOT, PLACES):
        if not file.endswith("/__init__.py"):
            assert len(own_stage(ROOT, file).arguments) > 1, f"{file} has no tests of its own"


def test_results_are_kept_while_they_hold(tmp_path: Path) -> None:
    """A killed mutant as long as the package stays as it is, one that survived only as long as the tests do, too."""
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
    """A place that is not there, one without modules, a line without mutants, and nothing to do."""
    with pytest.raises(SystemExit) as refused:
        main([*arguments, "--list"])
    assert refused.value.code == 2
    assert complaint in capsys.readouterr().err
