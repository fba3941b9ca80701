"""The library is pure: new interpreters run it, and forbid or watch files, clocks, packages and settings."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import bucketquery
from support.helpers import PATIENCE_S

PACKAGE = Path(bucketquery.__file__).resolve().parent

WORK = """
import copy, datetime, pickle, zlib


def work(np, bq, on_now):
    index = bq.ResultsIndex(max_size=500) if on_now is None else bq.ResultsIndex(max_size=500, clock=on_now)
    index.put_job("idle", bucket_span=60)
    row = {"job_id": "web", "bucket_span": 900, "result_type": "bucket"}
    hours = range(300)
    index.upsert([row | {"timestamp": hour * 3_600_000, "anomaly_score": hour % 101} for hour in hours])
    index.upsert([
        row | {"timestamp": "1970-01-01T05:00:00Z", "is_interim": True},
        row | {"timestamp": datetime.datetime(1970, 1, 2, tzinfo=datetime.timezone.utc), "scheduled_events": ["sale"]},
        row | {"timestamp": np.datetime64(7, "h"), "bucket_influencers": [{"influencer_field_name": "a"}]},
        row | {"timestamp": 30 * 60_000, "event_count": 5},
        {"_source": row | {"timestamp": 5_000 * 3_600_000, "is_interim": True}},
        {"result_type": "forecast"},
        {},
    ])
    index.upsert_columns({
        "timestamp": np.arange(400, dtype=np.int64)[::-1] * 3_600_000,
        "bucket_span": 3600,
        "anomaly_score": np.ma.MaskedArray(np.arange(400) % 100.0, mask=np.arange(400) % 7 == 0),
        "is_interim": np.arange(400) % 2 == 0,
        "scheduled_events": [["b", "a"]] * 400,
    }, job_id="db")
    index.upsert_columns({"job_id": ["web", "db"], "timestamp": np.array([1, 2], "M8[D]"), "bucket_span": [60, 60]})
    for documents in ([row], [row | {"timestamp": "x"}], [5], 5, [row | {"timestamp": 0, "anomaly_score": "1"}]):
        try:
            index.upsert(documents)
        except bq.InvalidDocument as error:
            pickle.loads(pickle.dumps(error))
    scores = {"timestamp": [3_600_000], "bucket_span": 900, "anomaly_score": [99.0]}
    index.renormalize("web", buckets=scores)
    index.upsert([row | {"timestamp": 0, "anomaly_score": 5}], drop_interim=True)
    index.delete("db", end=7_200_000)
    index.delete(interim_only=True, start=10**10)
    critical = bq.BucketQuery(jobs="web", anomaly_score=75)
    for since in (None, 0, 3):
        changes = index.changes(critical, since=since)
        pickle.loads(pickle.dumps(changes))
        assert len(changes) == len(list(changes)) and index.history(("web", 3_600_000, 900))
    assert sum(len(page) for page in index.pages(critical)) == index.search(critical).count
    index.search(critical.replace(size=2), after=index.search(critical.replace(size=1)).cursor)
    snapshot = index.snapshot()
    total, digest = 0, 0
    for reader in (index, snapshot):
        for job_id in ("web", "db", "idle"):
            for params in (
                {}, {"desc": True}, {"start": "1970-01-02", "end": "1970-02||/M"}, {"anomaly_score": 50},
                {"anomaly_score": "75", "sort": "anomaly_score", "desc": "true"}, {"exclude_interim": True},
                {"sort": "event_count"}, {"sort": "scheduled_events", "desc": True}, {"sort": "record_score"},
                {"page": {"from": 5, "size": 5}}, {"from_": 10**30}, {"size": 0, "expand": True},
                {"start": "1970-01-01T00:00:00.123+02:00", "end": -1},
                {"start": "now-1d/d", "end": "now", "now": 10**9},
            ):
                page = reader.get_buckets(job_id=job_id, **params)
                total += page.count + len(page.to_dict(human=True)["buckets"]) + len(page.keys())
                total += len(page.to_json()) + len(page.to_json(human=True))
                for name in ("job_id", "timestamp", "anomaly_score", "bucket_influencers", "scheduled_events"):
                    total += len(page.column(name))
                for bucket in page:
                    total += len(bucket.severity) + bucket.time.year + len(bucket.to_dict())
                copy.deepcopy(pickle.loads(pickle.dumps(page)))
                digest = zlib.crc32(repr([page, page.to_dict(), page.keys()]).encode(), digest)
            query = bq.BucketQuery(jobs=job_id, sort="anomaly_score", desc=True, anomaly_score=20.5)
            total += reader.search(query).count + sum(1 for _ in reader.scan(query.replace(sort="timestamp")))
            for sort in ("anomaly_score", "timestamp"):
                walk = query.replace(size=3, sort=sort)
                cursor = reader.search(walk).cursor
                if cursor is not None:
                    digest = zlib.crc32(cursor.encode(), digest)
                    total += len(reader.search(walk, after=cursor)) + sum(map(len, reader.pages(walk)))
            if on_now is not None:
                total += reader.get_buckets(job_id=job_id, end="now").count
            reader.stats(job_id), reader.stats(), reader.jobs(), repr(reader)
        for lookup in (0, "1970-01-01", "1970||/M", np.datetime64(1, "h"), 1):
            try:
                total += reader.get_buckets(job_id="web", timestamp=lookup).count
            except bq.NotFound as error:
                repr(error)
        for wrong in ({"size": 501}, {"start": "x"}, {"sort": "x"}, {"end": "now+8030y", "now": 0}, {"job_id": "x"}):
            try:
                reader.get_buckets(**({"job_id": "web"} | wrong))
            except bq.BucketQueryError as error:
                total += len(str(error))
    index.delete_job("db")
    assert "db" not in index and "db" in snapshot.jobs()
    work.commits = index.sequence
    return f"{total} {zlib.crc32(repr([snapshot.jobs(), snapshot.stats()]).encode(), digest)}"
"""


def run(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a new interpreter that can import the package, with warnings as errors."""
    begin = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n"
    command = [sys.executable, "-W", "error", *options, "-c", begin + script]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)  # noqa: S603 - our own


def succeeded(script: str, *options: str) -> str:
    """The output of a script that neither failed nor wrote to stderr."""
    done = run(script, *options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


AUDIT = """
import bucketquery as bq
import numpy as np
# Import now what NumPy and the interpreter would import late.
import numpy.ma, encodings.idna, encodings.ascii, linecache, traceback, datetime, time, threading

FORBIDDEN = (
    "open", "os.", "socket.", "subprocess.", "shutil.", "tempfile.", "urllib.", "http.", "ftplib.",
    "smtplib.", "sqlite3.", "ctypes.", "mmap.", "pathlib.", "glob.", "fcntl.", "signal.", "syslog.",
    "webbrowser.", "builtins.input", "exec", "compile", "import", "_thread.start_new_thread", "sys.settrace",
    "sys.setprofile", "sys.addaudithook", "sys.unraisablehook", "marshal.", "cpython.run", "code.__new__",
    "function.__new__", "gc.", "sys._getframe", "time.sleep",
)
ALLOWED = ("pickle.find_class",)
armed = False

def hook(event, args):
    if armed and event.startswith(FORBIDDEN) and event not in ALLOWED:
        raise RuntimeError(f"impure: {event} {args!r}"[:300])

sys.addaudithook(hook)
"""


@cache
def total_of_work() -> str:
    """The result of the work in an interpreter that forbids everything impure."""
    script = WORK + AUDIT + "armed = True\ntotal = work(np, bq, lambda: 10**9)\n"
    # If the hook did not refuse this, the run above would prove nothing.
    script += "try:\n    open(sys.executable)\nexcept RuntimeError:\n    print(total)\nfinally:\n    armed = False"
    return succeeded(script)


def test_no_file_socket_process_import_or_code_is_touched_at_work() -> None:
    """Writes and queries pass an audit hook that forbids files, sockets, processes, imports and new code."""
    assert int(total_of_work().split()[0]) > 5_000


REQUESTS = """
import gzip, json, urllib.parse
from bucketquery.elastic import handle


def serve(bq):
    index = bq.ResultsIndex(clock=lambda: 10**9)
    row = {"job_id": "web", "bucket_span": 900, "result_type": "bucket"}
    index.upsert([row | {"timestamp": hour * 3_600_000, "anomaly_score": hour % 101} for hour in range(300)])
    path, total = "/_ml/anomaly_detectors/web/results/buckets", 0
    for url in ("", "?desc&size=5", "?start=now-1d", "?pretty&human", "?filter_path=**.*time*,-count", "?sort=x", "?%"):
        for body in (None, b'{"desc": true} // x', COMPRESSED, COMPRESSED[:-1], BOMB, "[", {"page": {"size": 5}}):
            total += len(handle(index, "POST", path + url, None, body).encode())
    for method, other in (("GET", "/"), ("get", path), ("OPTIONS", path), ("GET", path + "/1970-01-01?format=yaml")):
        total += len(handle(index, method, other, {"source": "{}"}).encode())
    return total


# Only the host compresses, so this is done before the work.
COMPRESSED, BOMB = gzip.compress(b'{"anomaly_score": 50}'), gzip.compress(bytes(2**22))
"""


def test_the_door_touches_nothing_either() -> None:
    """Requests pass the same audit hook: those with gzip, filters and errors too."""
    script = REQUESTS + AUDIT + "serve(bq)\narmed = True\ntotal = serve(bq)\narmed = False\nprint(total)"
    assert int(succeeded(script)) > 100_000


CLOCKS = """
import bucketquery as bq
import numpy as np
import numpy.ma

NAMES = {
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time",
    "process_time_ns", "thread_time", "thread_time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime",
    "sleep", "now", "utcnow", "today", "clock_gettime", "clock_gettime_ns", "urandom", "getpid",
}
calls = []

def watch(frame, event, arg):
    if event == "c_call" and arg.__name__ in NAMES:
        owner = getattr(arg, "__self__", None)
        if getattr(owner, "__name__", "") in {"time", "datetime", "date", "posix", "nt"}:
            calls.append(arg.__name__)
"""


def test_the_system_clock_is_read_once_for_a_commit_and_once_for_now() -> None:
    """A profiler that watches every call into C sees one reading for each commit and one for `now`, and no other."""
    script = (
        WORK
        + CLOCKS
        + "index = bq.ResultsIndex()\nindex.put_job('web')\n"
        + "query = bq.BucketQuery(jobs='web', start='now-1d', end='now')\n"
        + "sys.setprofile(watch)\nwork(np, bq, None)\nindex.search(query, now=0)\nprint(len(calls) - work.commits)\n"
        + "calls.clear()\nindex.search(query)\nsys.setprofile(None)\nprint(len(calls), *calls)"
    )
    assert succeeded(script) in {f"0\n1 {name}\n" for name in ("time", "time_ns")}


def test_an_index_with_a_clock_of_its_own_reads_no_other() -> None:
    """If every clock of `time` is broken before the import, an index that was given a clock still works."""
    script = (
        "import time\n"
        "def broken(*_):\n    raise RuntimeError('a clock was read')\n"
        "import numpy as np, numpy.ma\n"
        "for name in ('time', 'time_ns', 'monotonic', 'monotonic_ns', 'perf_counter', 'perf_counter_ns'):\n"
        "    setattr(time, name, broken)\n"
        "import bucketquery as bq\n" + WORK + "print(work(np, bq, lambda: 0))"
    )
    assert succeeded(script)


def test_the_import_loads_numpy_sortedcontainers_and_the_standard_library_only() -> None:
    """The import works if optional packages, asyncio and logging cannot be imported.

    It loads no door. The reference of `bucketquery.testing` answers without Hypothesis.
    """
    absent = ["hypothesis", "pytest", "orjson", "nanoarrow", "narwhals", "pandas", "pyarrow", "asyncio", "logging"]
    script = (
        f"import json, numpy\nfor name in {absent!r}:\n    sys.modules.setdefault(name, None)\n"
        "before = set(sys.modules)\nimport bucketquery\nbucketquery.ResultsIndex()\n"
        "doors = {'__main__', 'command', 'elastic', 'frames', 'merge', 'testing'}\n"
        "assert not {f'bucketquery.{door}' for door in doors} & sys.modules.keys()\n"
        "from bucketquery.testing import evaluate\n"
        "assert evaluate([], bucketquery.BucketQuery(jobs='web')) == {'count': 0, 'buckets': []}\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(json.dumps(sorted(new - set(sys.stdlib_module_names))))"
    )
    assert set(json.loads(succeeded(script))) <= {"bucketquery", "numpy", "sortedcontainers"}


def test_only_a_table_loads_nanoarrow() -> None:
    """Neither the import nor a page loads nanoarrow, even if it is installed; the first Arrow table does."""
    script = (
        "import bucketquery\nindex = bucketquery.ResultsIndex()\nindex.put_job('web')\n"
        "page = index.get_buckets(job_id='web')\npage.to_dict()\nprint('nanoarrow' in sys.modules)\n"
        "page.__arrow_c_schema__()\nothers = {'pyarrow', 'polars', 'pandas', 'duckdb'} & sys.modules.keys()\n"
        "print('nanoarrow' in sys.modules, others)"
    )
    assert succeeded(script) == "False\nTrue set()\n"


DOOR = """
import io, json
import bucketquery.elastic as elastic


def at_the_door(index):
    described = json.dumps({"analysis_config": {"bucket_span": "15m"}}).encode()
    jobs = "/_ml/anomaly_detectors"
    web, new = jobs + "/web", jobs + "/new"
    shown = []
    for method, path, body in (
        ("GET", "/", b""), ("HEAD", "/", b""), ("PUT", new, described), ("PUT", new, b"[]"),
        ("GET", web + "*,new", b""), ("GET", jobs + "/_stats?human", b""), ("POST", web + "/_open", b""),
        ("POST", f"{web}/results/buckets", b'{"desc": true}'), ("DELETE", new, b""), ("GET", "/x", b""),
    ):
        shown.append(elastic.handle(index, method, path, None, body, allow_writes=True).encode())
        path, _, query = path.partition("?")
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "RAW_URI": path}
        environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
        shown += elastic.wsgi(index, allow_writes=True)(environ, lambda status, headers: None)

        async def receive(body=body):
            return {"type": "http.request", "body": body}

        async def send(message):
            shown.append(message.get("body", b""))

        scope = {"type": "http", "method": method, "path": path, "query_string": query.encode()}
        try:
            elastic.asgi(index, allow_writes=True)(scope, receive, send).send(None)
        except StopIteration:
            pass
    return sum(map(len, shown))
"""


def test_the_rest_door_touches_nothing() -> None:
    """The door and its apps pass the audit hook too, and answer without the official client, asyncio and logging."""
    absent = ["elastic_transport", "elasticsearch", "hypothesis", "orjson", "asyncio", "logging"]
    script = (
        f"for name in {absent!r}:\n    sys.modules.setdefault(name, None)\n"
        + AUDIT
        + DOOR
        + "index = bq.ResultsIndex(clock=lambda: 0)\n"
        + "index.upsert([{'result_type': 'bucket', 'job_id': 'web', 'timestamp': 0, 'bucket_span': 60}])\n"
        + "at_the_door(index)\narmed = True\ntotal = at_the_door(index)\narmed = False\nprint(total)"
    )
    assert int(succeeded(script)) > 5_000


def test_the_import_prints_nothing_and_starts_nothing() -> None:
    """The import and a run print nothing, warn of nothing, start no thread and change no setting."""
    script = (
        "import numpy, signal, threading, warnings, locale, decimal, atexit, os\n"
        "def world():\n"
        "    return (threading.active_count(), list(warnings.filters), numpy.geterr(), numpy.get_printoptions(),\n"
        "            sys.getrecursionlimit(), sys.getswitchinterval(), locale.setlocale(locale.LC_ALL),\n"
        "            dict(os.environ), sys.gettrace(), sys.getprofile(), sys.excepthook, sys.displayhook,\n"
        "            signal.getsignal(signal.SIGINT), decimal.getcontext().prec, os.getcwd(), atexit._ncallbacks(),\n"
        "            sys.flags.int_max_str_digits, sys.get_int_max_str_digits())\n"
        "before = world()\nimport sortedcontainers\nimport bucketquery\nassert world() == before\n"
        + WORK
        + "work(numpy, bucketquery, lambda: 0)\nassert world() == before"
    )
    assert succeeded(script, "-X", "dev") == ""


def test_every_interpreter_answers_alike() -> None:
    """Answers are the same with another hash seed, without assertions, and if comparing bytes with text fails."""
    script = WORK + "import numpy, bucketquery\nprint(work(numpy, bucketquery, lambda: 10**9))"
    assert succeeded(script, "-O", "-bb") == total_of_work()
