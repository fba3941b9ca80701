"""The house stands: each room in its place and on the map, imports point down, no file speaks of elsewhere."""

import ast
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path
from posixpath import normpath

import pytest

import bucketquery

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bucketquery"

#: One breach each of the rules in pyproject.toml: the room, the line added to it, what the linter then says.
BREACHES = {
    "a door without its place": ("frames.py", "", "bucketquery.frames"),
    "a folder without its place": ("extra/__init__.py", "", "bucketquery.extra"),
    "an import upwards": ("model/severity.py", "from bucketquery.storage import table", "bucketquery.storage"),
    "an import through the front door": ("model/severity.py", "import bucketquery", "bucketquery.index"),
    "a door that knows another": ("testing/reference.py", "import bucketquery.__main__", "bucketquery.__main__"),
    "a file": ("storage/table.py", "from pathlib import Path", "pathlib"),
    "the environment": ("index.py", "import os", "bucketquery.index -> os"),
    "chance": ("testing/shapes.py", "import random", "bucketquery.testing.shapes -> random"),
    "a thread": ("snapshot.py", "import threading", "bucketquery.snapshot -> threading"),
    "a thread of the lowest kind": ("index.py", "from _thread import allocate_lock", "bucketquery.index -> _thread"),
    "a second clock": ("snapshot.py", "from time import time_ns", "bucketquery.snapshot -> time"),
    "an extra in a second room": ("answers/buckets.py", "import orjson", "bucketquery.answers.buckets -> orjson"),
    "a test tool": ("model/severity.py", "import hypothesis", "bucketquery.model.severity -> hypothesis"),
}

#: A path of one machine: in a folder where people keep things, or in any at the top that not every system has.
ELSEWHERE = re.compile(
    r"(?<![\w.:/<})-])/(?:(?:home|root|tmp|Users|mnt|media|srv|opt)\b"
    r"|(?!(?:bin|dev|etc|proc|sys|usr)/)[A-Za-z][\w.-]+/[\w.-])|ROOT\.parent\b"
)
#: A path that climbs.
CLIMBING = re.compile(r"(?:[\w.-]+/)*\.\./[\w./-]*")
LOOKS_FOR_DATA = '.ci/run: if [ -z "$data" ]'


def lint_imports(folder: Path) -> tuple[int, str]:
    """What import-linter says of the package in a folder by the rules of the pyproject.toml there."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    said = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    return said.returncode, said.stdout + said.stderr


def rooms() -> set[str]:
    """Every module of the package, by its path in it."""
    paths = (path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    return {path for path in paths if not path.endswith("__init__.py")}


def rooms_on_the_map() -> list[str]:
    """The paths that the map of docs/architecture.md names."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("\n## The map\n")[2].partition("\n## ")[0]
    rows = (line for line in section.splitlines() if line.startswith("|"))
    return [path for row in rows for path in re.findall(r"`([\w/]+\.py)`", row)]


def files_of_the_project() -> list[Path]:
    """Every file that is or would be committed; without git, every file of the folders that a source archive has."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        folders = ("bucketquery", "tests", "docs", "benchmarks", ".ci")
        paths = [*ROOT.glob("[!.]*"), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
        return [path for path in paths if path.is_file() and path.suffix != ".pyc"]
    return [path for name in said.split("\0") if name and (path := ROOT / name).is_file()]


def test_every_room_is_on_the_map() -> None:
    """The map names exactly the modules there are, each once."""
    on_the_map = rooms_on_the_map()
    assert sorted(on_the_map) == sorted(rooms())


def test_folders_hold_rooms_only() -> None:
    """A folder's own file says what the folder is for and holds no code that the map would not show.

    That of a door also says what the door opens to, as imports and their list.
    """
    folders = [path for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE]
    assert folders
    for path in folders:
        docstring, *names = ast.parse(path.read_text(encoding="utf-8")).body
        assert isinstance(docstring, ast.Expr), f"{path} should begin with its docstring"
        if path.parent.name in {"elastic", "testing"}:
            names = [node for node in names if not isinstance(node, ast.ImportFrom | ast.Assign)]
        assert names == [], f"{path} should hold no code"


def test_every_public_class_shows_itself_at_work() -> None:
    """Its docstring has an example, and so has each method but `check`, and `to_dict`, which a page's example shows."""
    silent = []
    for name in bucketquery.__all__:
        public = getattr(bucketquery, name)
        if isinstance(public, type):
            methods = {
                f"{name}.{member}": found
                for member, found in vars(public).items()
                if inspect.isfunction(found) and not member.startswith("_") and member not in {"check", "to_dict"}
            }
            silent += [where for where, what in {name: public, **methods}.items() if ">>>" not in (what.__doc__ or "")]
    assert silent == []


def test_imports_point_down() -> None:
    """The contracts of pyproject.toml hold."""
    status, said = lint_imports(ROOT)
    assert status == 0, said


@pytest.mark.parametrize(("room", "line", "complaint"), BREACHES.values(), ids=BREACHES)
def test_a_breach_is_caught(room: str, line: str, complaint: str, tmp_path: Path) -> None:
    """Whoever adds a room without a place, or an import that the house forbids, is told so and where."""
    shutil.copytree(PACKAGE, tmp_path / "bucketquery", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    changed = tmp_path / "bucketquery" / room
    changed.parent.mkdir(exist_ok=True)
    with changed.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    status, said = lint_imports(tmp_path)
    assert status != 0
    assert complaint in said


def paths_elsewhere(name: str, text: str) -> list[str]:
    """The lines of a file in which stands a path of one machine or out of the checkout, behind the file's own name.

    That is its path from the root, and a link of a document may climb as far as there.
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
def test_a_path_elsewhere_is_told_from_other_slashes(name: str, line: str, is_elsewhere: bool) -> None:
    """Systems' own folders, addresses, fractions, date math and links within the project are nobody's in particular."""
    assert paths_elsewhere(name, f"before\n{line}\nafter") == [f"{name}: {line}"] * is_elsewhere


def test_speaks_only_of_itself() -> None:
    """No file of the project names a path of one machine or out of the checkout, but for the data that CI looks for."""
    named = [
        line
        for path in files_of_the_project()
        if path.suffix != ".gz" and path != Path(__file__)
        for line in paths_elsewhere(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]
    assert [line for line in named if not line.startswith(LOOKS_FOR_DATA)] == []
    assert len(named) <= 1
