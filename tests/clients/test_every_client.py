"""Versions 7, 8 and 9 of the official clients for Python and JavaScript ask a server of the WSGI app.

`python -m pytest -m clients` installs each client into a folder of its own, from PyPI and npm.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bucketquery import ResultsIndex
from support.client_calls import BUCKETS, INFLUENCERS, OVERALL, RECORDS
from support.helpers import PATIENCE_S
from support.request_tables import FIRST, WEB
from support.semantics_tables import JOB, bucket, index_of
from support.server import serving

pytestmark = pytest.mark.clients

HERE = Path(__file__).parent
#: Names of jobs that a path must escape.
NAMED = ("donn\u00e9es", "web/1", "100%", "a+b")
KINDS = {
    "get_buckets": BUCKETS,
    "get_records": RECORDS,
    "get_influencers": INFLUENCERS,
    "get_overall_buckets": OVERALL,
}
#: Parameters that are instants. Version 7 may write them into a URL, where an integer is text.
INSTANTS = ("start", "end", "timestamp")
DESCRIBED: dict[str, Any] = {
    "analysis_config": {"bucket_span": "15m", "detectors": [{"function": "count"}]},
    "data_description": {"time_field": "time"},
}


class Call(NamedTuple):
    """A call of a client, and its answer: a body, or the values at some keys of it, or a status and an error's type."""

    method: str
    keywords: dict[str, Any]
    body: Any = None
    values: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it
    error: tuple[int, str] | None = None


def index_of_all() -> ResultsIndex:
    """Four hours of the job ``web``, and one bucket for each job in `NAMED`."""
    index = index_of(WEB.values())
    index.upsert([bucket(FIRST, job_id=name, anomaly_score=5.0) for name in NAMED])
    return index


def new_calls(index: ResultsIndex) -> Iterator[Call]:
    """The calls in the form of versions 8 and 9."""
    for method, queries in KINDS.items():
        for given in queries:
            expected = getattr(index, method)(job_id=JOB, **given).to_dict()
            yield Call(f"ml.{method}", {"job_id": JOB} | given, expected)
    for name in NAMED:
        expected = index.get_buckets(job_id=name).to_dict()
        yield Call("ml.get_buckets", {"job_id": name}, expected)
        yield Call("ml.get_buckets", {"job_id": name, "timestamp": FIRST}, expected)
    yield Call("ml.put_job", {"job_id": "new"} | DESCRIBED, values={"job_id": "new"})
    yield Call("ml.put_job", {"job_id": "new"} | DESCRIBED, error=(400, "resource_already_exists_exception"))


def old_calls(index: ResultsIndex) -> Iterator[Call]:
    """The calls in the forms of version 7: everything in the body, or everything in the URL."""
    for method, queries in KINDS.items():
        ask = getattr(index, method)
        for given in queries:
            page = {name: given[key] for key, name in (("from_", "from"), ("size", "size")) if key in given}
            in_body = {name: value for name, value in given.items() if name not in {"from_", "size"}}
            if page:
                in_body["page"] = page
            yield Call(f"ml.{method}", {"job_id": JOB, "body": in_body}, ask(job_id=JOB, **given).to_dict())
            if "page" not in given:
                in_url = {name: str(value) if name in INSTANTS else value for name, value in given.items()}
                yield Call(f"ml.{method}", {"job_id": JOB} | in_url, ask(job_id=JOB, **in_url).to_dict())
    for name in NAMED:
        expected = index.get_buckets(job_id=name).to_dict()
        yield Call("ml.get_buckets", {"job_id": name}, expected)
        yield Call("ml.get_buckets", {"job_id": name, "timestamp": FIRST}, expected)
    yield Call("ml.put_job", {"job_id": "new", "body": DESCRIBED}, values={"job_id": "new"})
    yield Call("ml.put_job", {"job_id": "new", "body": DESCRIBED}, error=(400, "resource_already_exists_exception"))


def calls_before(index: ResultsIndex) -> Iterator[Call]:
    """Calls about the server and about jobs that change nothing."""
    yield Call("info", {}, values={"tagline": "You Know, for Search", "cluster_name": "bucketquery"})
    yield Call("ping", {}, body=True)
    yield Call("ml.get_jobs", {}, values={"count": len(index.jobs())})
    yield Call("ml.get_jobs", {"job_id": "web*"}, values={"count": 2})
    yield Call("ml.get_jobs", {"job_id": "web/1,a+b"}, values={"count": 2})
    yield Call("ml.get_jobs", {"job_id": "no"}, error=(404, "resource_not_found_exception"))
    yield Call("ml.get_jobs", {"job_id": "no*", "allow_no_match": True}, body={"count": 0, "jobs": []})
    yield Call("ml.get_job_stats", {}, values={"count": len(index.jobs())})
    yield Call("ml.get_job_stats", {"job_id": JOB}, values={"count": 1})
    yield Call("ml.get_buckets", {"job_id": "no"}, error=(404, "resource_not_found_exception"))
    yield Call("ml.get_records", {"job_id": JOB, "size": -1}, error=(400, "illegal_argument_exception"))


def calls_after() -> Iterator[Call]:
    """Calls about the job that a call before has created."""
    yield Call("ml.get_jobs", {"job_id": "new"}, values={"count": 1})
    yield Call("ml.open_job", {"job_id": "new"}, values={"opened": True})
    yield Call("ml.close_job", {"job_id": "new"}, values={"closed": True})
    yield Call("ml.delete_job", {"job_id": "new", "force": True}, body={"acknowledged": True})
    yield Call("ml.delete_job", {"job_id": "new"}, error=(404, "resource_not_found_exception"))


class Installations:
    """The folders where clients are installed, each at its first use."""

    def __init__(self, base: Path) -> None:
        self.base = base

    def folder(self, language: str, version: int) -> Path:
        """The folder of the client of this language and version."""
        folder = self.base / f"{language}-{version}"
        if not folder.exists():
            folder.mkdir()
            done = subprocess.run(
                install_command(language, version, folder),
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_S,
            )
            assert done.returncode == 0, done.stderr
        return folder


def install_command(language: str, version: int, folder: Path) -> list[str]:
    """The command that installs a client into a folder. It skips the test if npm or node is missing."""
    if language == "python":
        wanted = f"elasticsearch[async]>={version},<{version + 1}"
        return [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), wanted]
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("npm and node are not installed")
    return [npm, "install", "--silent", "--prefix", str(folder), f"@elastic/elasticsearch@{version}"]


@pytest.fixture(scope="module")
def installations(tmp_path_factory: pytest.TempPathFactory) -> Installations:
    """The installed clients, removed with pytest's other folders."""
    return Installations(tmp_path_factory.mktemp("clients"))


def answers_of(language: str, version: int, folder: Path, job: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers that a client in a process of its own gets."""
    if language == "python":
        command = [sys.executable, str(HERE / "ask.py"), str(version)]
        environment = {"PYTHONPATH": str(folder)}
    else:
        node = shutil.which("node")
        assert node is not None
        command = [node, str(HERE / "ask.js"), str(folder), str(version)]
        environment = {}
    done = subprocess.run(
        command,
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        env=environment,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def keywords_for(language: str, keywords: dict[str, Any]) -> dict[str, Any]:
    """The keywords, as the language spells them."""
    return keywords if language == "python" else {name.removesuffix("_"): value for name, value in keywords.items()}


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
@pytest.mark.parametrize("version", [7, 8, 9])
@pytest.mark.parametrize(
    ("language", "asynchronous"),
    [("python", False), ("python", True), ("javascript", False)],
    ids=["python", "python, async", "javascript"],
)
def test_the_client_gets_the_answers_of_the_index(
    installations: Installations, language: str, version: int, *, asynchronous: bool, compressed: bool
) -> None:
    """Every documented form of the calls gives the body that the index gives, or the server's error."""
    index = index_of_all()
    of_version = old_calls(index) if version == 7 else new_calls(index)
    calls = [*calls_before(index), *of_version, *calls_after()]
    with serving(index, allow_writes=True) as address:
        job = {
            "address": address,
            "asynchronous": asynchronous,
            "compressed": compressed,
            "calls": [{"method": call.method, "keywords": keywords_for(language, call.keywords)} for call in calls],
        }
        answers = answers_of(language, version, installations.folder(language, version), job)
    assert len(answers) == len(calls) > 70
    for call, answer in zip(calls, answers, strict=True):
        if call.error is not None:
            assert answer == {"error": list(call.error)}, call
        elif call.values:
            assert "body" in answer, (call, answer)
            assert {name: answer["body"][name] for name in call.values} == call.values, call
        else:
            assert answer == {"body": call.body}, call
    assert "new" not in index
