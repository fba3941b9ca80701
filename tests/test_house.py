"""The layout: every module is on the map, imports point down, and no file names a path outside the project."""

import ast
import inspect
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from posixpath import normpath

import grimp
import pytest

import bucketquery

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bucketquery"

#: One breach of each import rule in pyproject.toml: the module, the line added to it, a part of the linter's output.
BREACHES = {
    "a module without a layer": ("tables.py", "", "bucketquery.tables"),
    "a folder without a layer": ("extra/__init__.py", "", "bucketquery.extra"),
    "an import upwards": ("model/severity.py", "from bucketquery.storage import table", "bucketquery.storage"),
    "an import of the package itself": ("model/severity.py", "import bucketquery", "bucketquery.index"),
    "a door that imports another": ("testing/reference.py", "import bucketquery.__main__", "bucketquery.__main__"),
    "a file": ("storage/table.py", "from pathlib import Path", "pathlib"),
    "the environment": ("snapshot.py", "import os", "bucketquery.snapshot -> os"),
    "randomness": ("testing/shapes.py", "import random", "bucketquery.testing.shapes -> random"),
    "a thread": ("snapshot.py", "import threading", "bucketquery.snapshot -> threading"),
    "a low-level thread": ("index.py", "from _thread import allocate_lock", "bucketquery.index -> _thread"),
    "a second clock": ("snapshot.py", "from time import time_ns", "bucketquery.snapshot -> time"),
    "an optional dependency in a second module": (
        "answers/buckets.py",
        "import orjson",
        "bucketquery.answers.buckets -> orjson",
    ),
    "Arrow in a second module": (
        "answers/buckets.py",
        "import nanoarrow",
        "bucketquery.answers.buckets -> nanoarrow",
    ),
    "an engine": ("frames/rows.py", "import duckdb", "bucketquery.frames.rows -> duckdb"),
    "narwhals outside its folder": ("snapshot.py", "import narwhals", "bucketquery.snapshot -> narwhals"),
    "a test tool": ("model/severity.py", "import hypothesis", "bucketquery.model.severity -> hypothesis"),
}

#: A path that exists on one machine only: in a user's folder, or in a top-level folder that not every system has.
ELSEWHERE = re.compile(
    r"(?<![\w.:/<})-])/(?:(?:home|root|tmp|Users|mnt|media|srv|opt)\b"
    r"|(?!(?:bin|dev|etc|proc|sys|usr)/)[A-Za-z][\w.-]+/[\w.-])|ROOT\.parent\b"
)
#: A path with ``..``.
CLIMBING = re.compile(r"(?:[\w.-]+/)*\.\./[\w./-]*")
LOOKS_FOR_DATA = '.ci/run: if [ -z "$data" ]'


def lint_imports(folder: Path) -> tuple[int, str]:
    """Run import-linter on the package in a folder, with the rules of the pyproject.toml there."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def modules() -> set[str]:
    """The path of every module in the package."""
    paths = (path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    return {path for path in paths if not path.endswith("__init__.py")}


def modules_on_the_map() -> list[str]:
    """The paths on the map in docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("\n## The map\n")[2].partition("\n## ")[0]
    rows = (line for line in section.splitlines() if line.startswith("|"))
    return [path for row in rows for path in re.findall(r"`([\w/]+\.py)`", row)]


def files_of_the_project() -> list[Path]:
    """Every file that git tracks or would add; without git, every file in the folders of a source archive."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        folders = ("bucketquery", "tests", "docs", "benchmarks", ".ci")
        paths = [*ROOT.glob("[!.]*"), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
        return [path for path in paths if path.is_file() and path.suffix != ".pyc"]
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_every_module_is_on_the_map() -> None:
    """The map names exactly the existing modules, each once."""
    on_the_map = modules_on_the_map()
    assert sorted(on_the_map) == sorted(modules())


def test_the_map_lists_the_floors_of_the_layers_contract() -> None:
    """From top to bottom, the map goes through the layers of pyproject.toml, and leaves none out."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    floor_of = {name.strip(): floor for floor, layer in enumerate(layers) for name in layer.split("|")}
    floors = [floor_of[path.partition("/")[0].removesuffix(".py")] for path in modules_on_the_map()]
    assert floors == sorted(floors)
    assert set(floors) == set(range(len(layers)))


def test_no_module_imports_itself_in_a_circle() -> None:
    """No module is imported by a module that it imports, directly or through others."""
    graph = grimp.build_graph("bucketquery", cache_dir=None)
    circles = [
        (importer, imported)
        for importer in sorted(graph.modules)
        for imported in sorted(graph.find_modules_directly_imported_by(importer))
        if graph.chain_exists(imported, importer)
    ]
    assert circles == []


def test_no_module_is_long() -> None:
    """A module of more than 400 lines has a second responsibility, which should get a module of its own."""
    lengths = {path: len((PACKAGE / path).read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_init_files_have_no_code() -> None:
    """An ``__init__.py`` has a docstring and nothing else, since the map does not show it.

    In the doors `elastic`, `frames`, `merge` and `testing` it may also import the public names and list them.
    """
    folders = [path for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE]
    assert folders
    for path in folders:
        docstring, *names = ast.parse(path.read_text(encoding="utf-8")).body
        assert isinstance(docstring, ast.Expr), f"{path} should begin with its docstring"
        if path.parent.name in {"elastic", "frames", "merge", "testing"}:
            names = [node for node in names if not isinstance(node, ast.ImportFrom | ast.Assign)]
        assert names == [], f"{path} should hold no code"


def test_every_public_class_has_an_example() -> None:
    """Each public class and method has an example, except `check`, and `to_dict`, which a page's example shows."""
    without = []
    for name in bucketquery.__all__:
        public = getattr(bucketquery, name)
        if isinstance(public, type):
            methods = {
                f"{name}.{member}": found
                for member, found in vars(public).items()
                if inspect.isfunction(found) and not member.startswith("_") and member not in {"check", "to_dict"}
            }
            without += [
                path for path, member in {name: public, **methods}.items() if ">>>" not in (member.__doc__ or "")
            ]
    assert without == []


def test_imports_point_down() -> None:
    """The contracts of pyproject.toml hold."""
    status, output = lint_imports(ROOT)
    assert status == 0, output


@pytest.mark.parametrize(("module", "line", "complaint"), BREACHES.values(), ids=BREACHES)
def test_a_breach_is_caught(module: str, line: str, complaint: str, tmp_path: Path) -> None:
    """import-linter refuses a module without a layer and a forbidden import, and names the place."""
    shutil.copytree(PACKAGE, tmp_path / "bucketquery", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    changed = tmp_path / "bucketquery" / module
    changed.parent.mkdir(exist_ok=True)
    with changed.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    status, output = lint_imports(tmp_path)
    assert status != 0
    assert complaint in output


def paths_elsewhere(name: str, text: str) -> list[str]:
    """The lines of a file with a path of one machine or a path that leaves the checkout, each after the file's name.

    ``name`` is the file's path from the root. A link in a Markdown file may climb up to the root.
    """
    folder = name.rpartition("/")[0] if name.endswith(".md") else ""
    return [
        f"{name}: {line.strip()}"
        for line in text.splitlines()
        if ELSEWHERE.search(line)
        or any(normpath(f"{folder}/{path}".lstrip("/")).startswith("..") for path in CLIMBING.findall(line))
    ]


@pytest.mark.parametrize(
    ("name", "line", "is_elsewhere"),
    [
        ("README.md", "[rules](/home/someone/rules.md)", True),
        (".ci/run", 'data="/data/sets"', True),
        ("tests/test_x.py", 'FOLDER = Path("/srv")', True),
        ("tests/test_x.py", "FOLDER = ROOT.parent / 'sets'", True),
        ("tests/test_x.py", "read('../sets/a.json')", True),
        ("README.md", "[sets](../sets/README.md)", True),
        ("docs/design.md", "[sets](../../sets/README.md)", True),
        ("docs/design.md", "[the front page](../README.md)", False),
        ("docs/design.md", "https://host.example/docs/page, O(n/2048), and/or/neither", False),
        (".ci/run", "#!/usr/bin/env bash", False),
        ("tests/test_x.py", 'Path("/dev/full").open("wb")', False),
        ("tests/test_x.py", '("2020-01-01||/M/w", "now/d/d")', False),
        ("docs/rest.md", "GET /_ml/anomaly_detectors/{job_id}/results/buckets", False),
    ],
)
def test_paths_elsewhere_are_found_and_other_slashes_are_not(name: str, line: str, is_elsewhere: bool) -> None:
    """System folders, URLs, fractions, date math and links within the project are allowed."""
    assert paths_elsewhere(name, f"before\n{line}\nafter") == [f"{name}: {line}"] * is_elsewhere


def test_no_file_names_a_path_elsewhere() -> None:
    """No file names a path outside the project, except that `.ci/run` looks for optional data."""
    named = [
        line
        for path in files_of_the_project()
        if path.suffix != ".gz" and path != Path(__file__)
        for line in paths_elsewhere(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]
    assert [line for line in named if not line.startswith(LOOKS_FOR_DATA)] == []
    assert len(named) <= 1
