"""One command that samples mutants of the package and reports those that no test notices.

python tests/mutants.py --seed 1 --count 100 --output mutants.json

A mutant is the package with one small change, such as ``<`` written as ``<=``. The seed decides which mutants are drawn
from the given places; a file in which more can be changed gives more of them. Each mutant is written into a copy of the
project, where the tests run in stages until the first failure. The stages are the tests of the changed file, the
semantics, the state machine, the properties, all other tests, and 5,000 seeded cases. Hypothesis draws the same
examples each time and keeps no database.

A line for each mutant says where it is, what it changes, and which test kills it. A mutant may never end, so one that
takes several times as long as the unchanged package counts as killed. Surviving mutants are shown again at the end. For
each of them a test is missing, or the change affects no answer and `mutations.EXCLUSIONS` should say why.

Exit status: 0 if none survives, 1 if one does, 2 if the arguments are wrong or the unchanged package fails its tests.

With ``--output`` every result is written to a file, and the next run reads the results that are still valid. A killed
mutant runs again only if the package has changed, a surviving one if the package or the tests have changed.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any, Final, NamedTuple

import pytest

from mutations import Mutant, draw, mutants_of

ROOT: Final = Path(__file__).parent.parent

#: The folders that are sampled if no place is given.
PLACES: Final = ("bucketquery/storage", "bucketquery/search", "bucketquery/value_index", "bucketquery/answers")

#: The folders that the tests need.
_NEEDED: Final = (".ci", "bucketquery", "benchmarks", "docs", "tests")

#: These test the layout and this command, so they notice no mutant.
_IDLE: Final = frozenset({"tests/test_house.py", "tests/test_mutants.py"})

#: 5,000 cases of a seed that no other run uses. They take about half as long as all stages before.
_DEEP: Final = {"BUCKETQUERY_CASES": "5000", "BUCKETQUERY_SEED": "mutants"}

#: In each stage, a mutant may take _SLOWER times as long as the unchanged package, and _PATIENCE_S more.
_SLOWER: Final = 4
_PATIENCE_S: Final = 30
#: That limit is processor time. On a busy machine the elapsed time may be this many times the limit.
_BUSIER: Final = 5

#: The conftest.py at the root of a copy. The limits hold even if this command is killed, so nothing runs for ever.
#: A failure is enough, so Hypothesis does not shrink its example.
_CONFTEST: Final = '''
"""Limits of a run, and a profile of Hypothesis that draws the same examples each time."""

import os
import resource

from hypothesis import Phase, settings

for limited, name in ((resource.RLIMIT_CPU, "MUTANTS_SECONDS"), (resource.RLIMIT_AS, "MUTANTS_BYTES")):
    resource.setrlimit(limited, (int(os.environ[name]), resource.getrlimit(limited)[1]))
settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=30,
    phases=(Phase.explicit, Phase.generate),
)
'''
_MOST_BYTES: Final = 6 * 2**30


class Stage(NamedTuple):
    """Tests that run together.

    Attributes:
        name: one word for these tests.
        arguments: files, folders and options for pytest.
        environment: additional environment variables.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = {}


class Result(NamedTuple):
    """The outcome of a mutant's tests.

    Attributes:
        verdict: ``"killed"``, ``"timeout"`` or ``"survived"``.
        by: the stage and the first test that failed; empty if it survived.
        seconds: how long the tests ran.
    """

    verdict: str
    by: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.verdict} {self.by}".strip() + f" ({self.seconds:.0f} s)"


class Copy:
    """A copy of the project in a folder of its own, in which mutants are tested one after the other."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        ignored = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis")
        folder.mkdir()
        for path in root.iterdir():
            if path.name in _NEEDED and path.is_dir():
                shutil.copytree(path, folder / path.name, ignore=ignored)
            elif path.is_file() and not path.name.startswith("."):
                shutil.copy2(path, folder)
        (folder / "conftest.py").write_text(_CONFTEST, encoding="utf-8")

    def test(self, mutant: Mutant, stages: Iterable[Stage], limits: Mapping[str, float]) -> Result:
        """Run the stages on a mutant up to the first failure, and then restore the copy."""
        path = self._folder / mutant.file
        source = path.read_bytes()
        begun = monotonic()
        try:
            _write(path, mutant.applied(source))
            for stage in stages:
                verdict, by = self.run(stage, limits[stage.name])
                if verdict != "survived":
                    return Result(verdict, f"{stage.name}: {by}", monotonic() - begun)
        finally:
            _write(path, source)
        return Result("survived", "", monotonic() - begun)

    def run(self, stage: Stage, limit: float) -> tuple[str, str]:
        """Run a stage on the copy as it is; return the verdict, and the first failed test or the exceeded limit."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(self._folder),
            "PYTHONHASHSEED": "0",
            "HYPOTHESIS_PROFILE": "mutants",
            "MUTANTS_SECONDS": str(int(limit)),
            "MUTANTS_BYTES": str(_MOST_BYTES),
            **stage.environment,
        }
        environment.pop("BUCKETQUERY_DATA", None)
        options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *stage.arguments],
            cwd=self._folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            output, _ = self._process.communicate(timeout=limit * _BUSIER)
        except subprocess.TimeoutExpired:
            return "timeout", f"more than {limit * _BUSIER:.0f} s"
        finally:
            self.stop()
        status = self._process.returncode
        if status == -signal.SIGXCPU:
            return "timeout", f"more than {limit:.0f} s of the processor"
        # A file may have no tests of its own; the later stages test it.
        passed = status in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
        return ("survived", "") if passed else ("killed", _failed(output, status))

    def stop(self) -> None:
        """Stop the tests that run in the copy, with every process that they have started."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _write(path: Path, source: bytes) -> None:
    """Write a module and delete its compiled files.

    Python compares only the length and the time of a source, so it may take an old compiled file for the new one.
    """
    path.write_bytes(source)
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()


def _failed(output: str, status: int) -> str:
    """The first test that failed, from the output of pytest."""
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        if word in {"FAILED", "ERROR"} and rest:
            return rest.partition(" - ")[0]
    last = [line for line in output.splitlines() if line.strip()][-1:]
    return f"exit status {status}: {''.join(last)}"


def stages_of(root: Path) -> list[Stage]:
    """The stages that every mutant goes through: the tests of the quick suite except `_IDLE`, and more seeded cases."""
    first = ["tests/semantics", "tests/stateful", "tests/properties"]
    tests = (f"tests/{path.name}" for path in sorted((root / "tests").iterdir()) if _has_tests(path))
    others = [path for path in tests if path not in {*first, *_IDLE}]
    deep = ["tests/properties/test_differential.py", "-k", "cases_are_answered_alike"]
    return [
        *(Stage(path.partition("/")[2], [path]) for path in first),
        Stage("others", [*others, "bucketquery", "README.md", "docs"]),
        Stage("deep", deep, _DEEP),
    ]


def _has_tests(path: Path) -> bool:
    return any(path.rglob("test_*.py")) if path.is_dir() else path.match("test_*.py")


def own_stage(root: Path, file: str) -> Stage:
    """The doctests of a file and the tests named after it; if there are none, the unit tests that import it."""
    name = Path(file).stem
    tests = sorted((root / "tests").rglob(f"test_{name}.py"))
    if not tests:
        folder = Path(file).parent.as_posix().replace("/", ".")
        imports = (f"from {folder}.{name} import ", f"from {folder} import {name}\n")
        units = sorted((root / "tests" / "unit").glob("test_*.py"))
        tests = [path for path in units if any(words in path.read_text(encoding="utf-8") for words in imports)]
    return Stage("own", [file, *(path.relative_to(root).as_posix() for path in tests)])


def files_of(root: Path, places: Iterable[str]) -> list[str]:
    """The modules at some places, each a folder or a module, as paths from the root.

    Raises:
        ValueError: a place does not exist or has no modules; the message names it.
    """
    found: dict[str, None] = {}
    for place in places:
        path = (root / place).resolve()
        paths = sorted(path.rglob("*.py")) if path.is_dir() else [path] if path.suffix == ".py" else []
        if not paths or not all(each.is_file() and each.is_relative_to(root) for each in paths):
            raise ValueError(f"no modules of the project: {place}")
        found.update(dict.fromkeys(each.relative_to(root).as_posix() for each in paths))
    return list(found)


class Kept:
    """The results of earlier runs that are still valid, and a file for them if there is one."""

    def __init__(self, path: Path | None, root: Path) -> None:
        self._path = path
        self._package, self._tests = _digest(root / "bucketquery"), _digest(root / "tests")
        self._limits: dict[str, float] = {}
        self._results: dict[str, list[Any]] = {}
        if path is not None and path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["package"] == self._package:
                is_same = stored["tests"] == self._tests
                self._limits = stored["limits"] if is_same else {}
                kept = {key: found for key, found in stored["results"].items() if is_same or found[0] == "killed"}
                self._results = kept

    @property
    def limits(self) -> dict[str, float]:
        """The limit of each stage, in seconds; empty until the unchanged package has been tested."""
        return self._limits

    def get(self, mutant: Mutant) -> Result | None:
        """The result of a mutant; None if it is not known."""
        found = self._results.get(_key(mutant))
        return None if found is None else Result(*found)

    def put(self, mutant: Mutant, result: Result) -> None:
        """Add a result, and write the file."""
        self._results[_key(mutant)] = list(result)
        self.save()

    def save(self) -> None:
        """Write the file, if there is one; an interrupted run leaves either the old or the new content."""
        if self._path is not None:
            all_of_it = {
                "package": self._package,
                "tests": self._tests,
                "limits": self._limits,
                "results": self._results,
            }
            beside = self._path.with_name(f"{self._path.name}.new")
            beside.write_text(json.dumps(all_of_it, indent=1) + "\n", encoding="utf-8")
            beside.replace(self._path)


def _key(mutant: Mutant) -> str:
    return f"{mutant.file}:{mutant.line} {mutant.start}-{mutant.stop} {mutant.before} -> {mutant.after}"


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def measure(copy: Copy, stages: Iterable[Stage]) -> dict[str, float]:
    """Run each stage on the unchanged package, and derive the stage's limit from the time it takes.

    Raises:
        ValueError: a test fails without any change; the message names it.
    """
    limits: dict[str, float] = {}
    for stage in stages:
        begun = monotonic()
        verdict, by = copy.run(stage, 3600)
        if verdict != "survived":
            raise ValueError(f"the unchanged package fails its tests, {stage.name}: {by}")
        taken = monotonic() - begun
        print(f"without a change, {stage.name}: {taken:.0f} s", flush=True)
        limits[stage.name] = _SLOWER * taken + _PATIENCE_S
    # The tests of one file are only a part of the other stages, so the longest limit is enough for them.
    return {**limits, "own": max(limits.values())}


def run(
    mutants: Sequence[Mutant], kept: Kept, workers: int, root: Path, stages: Sequence[Stage]
) -> Iterator[tuple[Mutant, Result]]:
    """Test some mutants, each worker in a copy of its own; yield each result when it is known.

    Args:
        mutants: of the modules below ``root``.
        kept: stores the results, and the limits if it has none yet.
        workers: how many mutants are tested at once.
        root: the folder of the project.
        stages: the tests that run after those of the changed file.

    Raises:
        ValueError: the unchanged package fails a test.
    """
    with TemporaryDirectory() as made, ThreadPoolExecutor(workers) as threads:
        copies = [Copy(Path(made) / str(number), root) for number in range(workers)]
        free: SimpleQueue[Copy] = SimpleQueue()
        for copy in copies:
            free.put(copy)
        if not kept.limits:
            kept.limits.update(measure(copies[0], stages))
            kept.save()

        def test(mutant: Mutant) -> tuple[Mutant, Result]:
            copy = free.get()
            try:
                return mutant, copy.test(mutant, [own_stage(root, mutant.file), *stages], kept.limits)
            finally:
                free.put(copy)

        waiting: set[Future[tuple[Mutant, Result]]] = {threads.submit(test, mutant) for mutant in mutants}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for each in done:
                    mutant, result = each.result()
                    kept.put(mutant, result)
                    yield mutant, result
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for copy in copies:
                copy.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw mutants, test them, and report the surviving ones."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.workers < 1 or asked.count < 1:
        parser.error("at least one worker and one mutant are needed")
    try:
        mutants = _chosen(asked)
    except ValueError as error:
        parser.error(str(error))
    if asked.list:
        print("\n".join(map(str, mutants)))
        return 0
    kept = Kept(asked.output, ROOT)
    found = {} if asked.only else {mutant: known for mutant in mutants if (known := kept.get(mutant)) is not None}
    for mutant, result in found.items():
        print(f"{mutant}\n    {result}, as known from before", flush=True)
    unknown = [mutant for mutant in mutants if mutant not in found]
    try:
        for mutant, result in run(unknown, kept, asked.workers, ROOT, stages_of(ROOT)) if unknown else ():
            print(f"{mutant}\n    {result}", flush=True)
            found[mutant] = result
    except ValueError as error:
        parser.error(str(error))
    return _report(found)


def _chosen(asked: argparse.Namespace) -> list[Mutant]:
    if not asked.only:
        files = files_of(ROOT, asked.places or PLACES)
        everything = {file: mutants_of(file, (ROOT / file).read_bytes()) for file in files}
        if not any(everything.values()):
            raise ValueError("these places have no mutants")
        return draw(everything, asked.seed, asked.count)
    mutants = []
    for where in asked.only:
        place, _, line = where.rpartition(":")
        (file,) = files_of(ROOT, [place])
        found = [each for each in mutants_of(file, (ROOT / file).read_bytes()) if str(each.line) == line]
        if not found:
            raise ValueError(f"no mutants of {where}, which is FILE:LINE")
        mutants += found
    return mutants


def _report(found: Mapping[Mutant, Result]) -> int:
    verdicts = [result.verdict for result in found.values()]
    survived = [mutant for mutant, result in found.items() if result.verdict == "survived"]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in ("killed", "timeout", "survived"))
    print(f"\n{len(found)} mutants: {counts}")
    for mutant in survived:
        print(f"\n{mutant}\n{mutant.diff((ROOT / mutant.file).read_bytes())}")
    return int(bool(survived))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python tests/mutants.py",
        description="Sample mutants of the package, and report those that no test notices.",
    )
    add = parser.add_argument
    add("places", nargs="*", metavar="PLACE", help=f"folders or modules from the root; default {' '.join(PLACES)}")
    add("--seed", default="1", help="decides which mutants are drawn; default 1")
    add("--count", type=int, default=100, help="how many are drawn; default 100")
    add("--workers", type=int, default=2, help="how many are tested at once; default 2")
    add("--list", action="store_true", help="only draw, and test nothing")
    add("--only", nargs="+", metavar="FILE:LINE", help="test all mutants of these lines, drawn or not, known or not")
    add("--output", type=Path, metavar="FILE", help="store the results there, and reuse the valid ones; default none")
    return parser


if __name__ == "__main__":
    sys.exit(main())
