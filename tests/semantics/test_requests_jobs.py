"""The REST door, `bucketquery.elastic.handle`: the paths of jobs and of the server, and the method HEAD."""

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Final

import pytest

from bucketquery import InvalidQuery, ResultsIndex
from bucketquery.elastic import handle
from support.request_tables import (
    FIRST,
    FOURTH,
    HEADERS,
    JOBS,
    NOT_THERE,
    UNPARSED,
    WEB,
    Failure,
    Request,
    assert_failure,
    illegal,
    unknown_job,
)
from support.semantics_tables import bucket, each_row

#: The spans that the host gave to `put_job`; results of ``web`` and ``half`` make these two known.
SPANS: Final[Mapping[str, int | None]] = {"db-1": 900, "db-2": 90, "idle": None, "odd": 90_000}


@dataclass(frozen=True, slots=True)
class Told:
    """A request about the jobs of `index_of_jobs` gets a reply that has these values.

    Attributes:
        rule: its number.
        claim: the row's claim in a few words.
        asked: the request.
        expected: the values by their place in the body, such as ``jobs.0.job_id``; ``len`` is the length of a list, and
            an ellipsis a place that is missing.
        source: the source of the rule.
    """

    rule: str
    claim: str
    asked: Request
    expected: Mapping[str, Any]
    source: str


@dataclass(frozen=True, slots=True)
class Denied:
    """A request about the jobs of `index_of_jobs` gets this failure, and changes nothing."""

    rule: str
    claim: str
    asked: Request
    expected: Failure
    source: str


@dataclass(frozen=True, slots=True)
class WrongSpan:
    """A request that creates a job with this span is refused. Its innermost cause has these words."""

    rule: str
    claim: str
    span: Any
    expected: str
    source: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A request that the host allows gets this reply, and these jobs are known afterwards."""

    rule: str
    claim: str
    asked: Request
    expected: Mapping[str, Any]
    known: str
    source: str


@dataclass(frozen=True, slots=True)
class Bodiless:
    """A request by ``HEAD`` has the reply's status and headers, and no body."""

    rule: str
    claim: str
    path: str
    status: int
    source: str
    _: KW_ONLY
    allow: str | None = None


#: The groups that the host gave to `put_job`.
GROUPS: Mapping[str, list[str]] = {"db-1": ["shop", "eu"], "odd": ["shop"]}


def index_of_jobs() -> ResultsIndex:
    """Six jobs: two with results, one of them with half-hours, and four without."""
    index = ResultsIndex()
    index.upsert([*WEB.values(), bucket(FIRST, job_id="half", bucket_span=1_800), bucket(FOURTH, job_id="half")])
    for name, span in SPANS.items():
        index.put_job(name, bucket_span=span, groups=GROUPS.get(name, ()))
    return index


def path_of(where: str) -> str:
    """The path of jobs, and what follows it."""
    return f"{JOBS}{where}" if where[:1] in "/?" else f"{JOBS}/{where}"


def jobs(where: str = "", params: Any = None, **host: Any) -> Request:
    """A request for jobs: ``jobs("web/_stats")``."""
    return Request("GET", path_of(where), params, None, **host)


def names(*expected: str) -> dict[str, Any]:
    """The reply that lists these jobs."""
    listed = {f"jobs.{place}.job_id": name for place, name in enumerate(expected)}
    return {"count": len(expected), "jobs.len": len(expected), **listed}


def put(job: str, body: Any, params: Any = None, **host: Any) -> Request:
    """A request that creates a job, allowed by default."""
    sent = body if isinstance(body, str | bytes | None) else json.dumps(body).encode()
    return Request("PUT", f"{JOBS}/{job}", params, sent, **({"allow_writes": True} | host))


def spanned(span: Any) -> dict[str, Any]:
    """The description of a job with this span, as people send it."""
    return {
        "analysis_config": {"bucket_span": span, "detectors": [{"function": "count"}]},
        "data_description": {"time_field": "time"},
    }


def write(method: str, where: str, body: Any = None, params: Any = None, **host: Any) -> Request:
    """A request that changes jobs, allowed by default."""
    return Request(method, path_of(where), params, body, **({"allow_writes": True} | host))


INFO = Request("GET", "/")
CLUSTER = [
    Told("20.cluster-info", "the tagline", INFO, {"tagline": "You Know, for Search"}, "MAIN"),
    Told(
        "20.cluster-info",
        "names",
        INFO,
        {"name": "bucketquery", "cluster_name": "bucketquery", "cluster_uuid": "bucketquery00000000000"},
        "ours: made up",
    ),
    Told(
        "20.cluster-info",
        "the default version",
        INFO,
        {
            "version.number": "9.2.1",
            "version.build_flavor": "default",
            "version.build_type": "tar",
            "version.build_snapshot": False,
            "version.lucene_version": "10.3.1",
            "version.minimum_wire_compatibility_version": "8.19.0",
            "version.minimum_index_compatibility_version": "8.0.0",
        },
        "MAIN: its keys",
    ),
    Told(
        "20.cluster-info",
        "version 8",
        Request("GET", "/", version="8.19.0"),
        {
            "version.number": "8.19.0",
            "version.lucene_version": "9.12.2",
            "version.minimum_wire_compatibility_version": "7.17.0",
            "version.minimum_index_compatibility_version": "7.0.0",
        },
        "MAIN: its keys",
    ),
    Told(
        "20.cluster-info",
        "version 7",
        Request("GET", "/", version="7.17.0"),
        {
            "version.number": "7.17.0",
            "version.lucene_version": "8.11.1",
            "version.minimum_wire_compatibility_version": "6.8.0",
            "version.minimum_index_compatibility_version": "6.0.0-beta1",
        },
        "MAIN: its keys",
    ),
    Told("20.cluster-info", "human and pretty", Request("GET", "/?human&pretty"), {"name": "bucketquery"}, "BASE"),
    Told("20.cluster-info", "an empty path", Request("GET", ""), {"name": "bucketquery"}, "ours"),
]
LISTED = [
    Told("20.job-routes", "all jobs", jobs(), names("db-1", "db-2", "half", "idle", "odd", "web"), "RJA"),
    Told("20.job-routes", "a slash at the end", jobs("/"), {"count": 6}, "ours: ignored"),
    Told("20.job-routes", "_all", jobs("_all"), {"count": 6}, "EIM, JYML"),
    Told("20.job-routes", "an asterisk", jobs("*"), {"count": 6}, "EIM"),
    Told("20.job-routes", "an escaped asterisk", jobs("%2A"), {"count": 6}, "EIM"),
    Told("20.job-routes", "only commas and blanks", jobs(",%20,"), {"count": 6}, "EIM"),
    Told("20.job-routes", "one id", jobs("web"), names("web"), "RJA"),
    Told("20.job-routes", "a list in another order", jobs("web,db-1"), names("db-1", "web"), "EIM"),
    Told("20.job-routes", "a list with blanks and repeats", jobs("web,%20web,"), names("web"), "EIM"),
    Told("20.job-routes", "a pattern", jobs("db-*"), names("db-1", "db-2"), "EIM"),
    Told("20.job-routes", "an asterisk first", jobs("*-1"), names("db-1"), "EIM"),
    Told("20.job-routes", "asterisks inside", jobs("d*-*,h*l*"), names("db-1", "db-2", "half"), "EIM"),
    Told("20.job-routes", "asterisks that match nothing", jobs("w**eb*"), names("web"), "EIM"),
    Told("20.job-routes", "no overlap of the ends", jobs("web*web,we*eb"), names(), "EIM"),
    Told("20.job-routes", "a pattern and an id", jobs("db-*,web"), names("db-1", "db-2", "web"), "EIM"),
    Told("20.job-routes", "a pattern without a match", jobs("missing-*"), names(), "EIM, JYML"),
    Told("20.job-routes", "allow_no_match", jobs("missing-*?allow_no_match"), names(), "JYML"),
    Told("20.job-routes", "a pattern with a match", jobs("w*", "allow_no_match=false"), names("web"), "EIM"),
    Told("20.job-routes", "a group", jobs("shop"), names("db-1", "odd"), "EIM"),
    Told("20.job-routes", "a pattern of groups, and an id", jobs("s*p,web"), names("db-1", "odd", "web"), "EIM"),
    Told("20.job-routes", "the groups of a job", jobs("db-1"), {"jobs.0.groups": ["eu", "shop"]}, "JOB"),
    Told("20.job-routes", "a job without groups", jobs("web"), {"jobs.0.groups": ...}, "JOB"),
    Told("20.job-routes", "the span of put_job", jobs("db-1"), {"jobs.0.analysis_config.bucket_span": "15m"}, "JOB"),
    Told("20.job-routes", "a span in seconds", jobs("db-2"), {"jobs.0.analysis_config.bucket_span": "90s"}, "JOB"),
    Told("20.job-routes", "a span in hours", jobs("odd"), {"jobs.0.analysis_config.bucket_span": "25h"}, "JOB"),
    Told(
        "20.job-routes", "the newest bucket's span", jobs("half"), {"jobs.0.analysis_config.bucket_span": "1h"}, "ours"
    ),
    Told("20.job-routes", "the default span", jobs("idle"), {"jobs.0.analysis_config.bucket_span": "5m"}, "JOB"),
    Told(
        "20.job-routes",
        "the other fields",
        jobs("web", version="8.19.0"),
        {
            "jobs.0.job_type": "anomaly_detector",
            "jobs.0.job_version": "8.19.0",
            "jobs.0.analysis_config.detectors": [],
            "jobs.0.analysis_config.influencers": [],
            "jobs.0.data_description": {"time_field": "time", "time_format": "epoch_ms"},
            "jobs.0.model_snapshot_retention_days": 10,
            "jobs.0.daily_model_snapshot_retention_after_days": 1,
            "jobs.0.results_index_name": "shared",
            "jobs.0.allow_lazy_open": False,
            "jobs.0.create_time": ...,
            "jobs.0.description": ...,
            "jobs.0.groups": ...,
            "jobs.0.analysis_limits": ...,
        },
        "JOB, QP",
    ),
    Told(
        "20.job-routes",
        "exclude_generated",
        jobs("web?exclude_generated=true"),
        {"jobs.0.job_type": ..., "jobs.0.job_version": ..., "jobs.0.job_id": "web"},
        "JOB",
    ),
]
STATISTICS = [
    Told("20.job-stats", "all jobs", jobs("_stats"), names("db-1", "db-2", "half", "idle", "odd", "web"), "RJSA"),
    Told("20.job-stats", "a group", jobs("eu/_stats"), names("db-1"), "RJSA"),
    Told("20.job-stats", "a pattern", jobs("db-*/_stats"), names("db-1", "db-2"), "RJSA"),
    Told("20.job-stats", "no match", jobs("missing-*/_stats"), names(), "RJSA"),
    Told(
        "20.job-stats",
        "buckets and times",
        jobs("web/_stats"),
        {
            "jobs.0.data_counts.job_id": "web",
            "jobs.0.data_counts.bucket_count": 4,
            "jobs.0.data_counts.earliest_record_timestamp": FIRST,
            "jobs.0.data_counts.latest_record_timestamp": FOURTH,
            "jobs.0.data_counts.latest_record_timestamp_string": ...,
            "jobs.0.timing_stats.job_id": "web",
            "jobs.0.timing_stats.bucket_count": 4,
        },
        "GJS, DATA",
    ),
    Told(
        "20.job-stats",
        "times as text",
        jobs("web/_stats?human"),
        {
            "jobs.0.data_counts.earliest_record_timestamp_string": "2020-01-01T00:00:00.000Z",
            "jobs.0.data_counts.latest_record_timestamp_string": "2020-01-01T03:00:00.000Z",
        },
        "DATA",
    ),
    Told(
        "20.job-stats",
        "a job without results",
        jobs("idle/_stats"),
        {
            "jobs.0.data_counts.bucket_count": 0,
            "jobs.0.data_counts.earliest_record_timestamp": ...,
            "jobs.0.data_counts.latest_record_timestamp": ...,
            "jobs.0.data_counts.processed_record_count": 0,
            "jobs.0.data_counts.input_record_count": 0,
            "jobs.0.forecasts_stats": {"total": 0, "forecasted_jobs": 0},
            "jobs.0.state": "closed",
            "jobs.0.model_size_stats": ...,
            "jobs.0.node": ...,
            "jobs.0.open_time": ...,
        },
        "GJS, DATA",
    ),
]
REFUSED = [
    Denied(
        "20.cluster-info",
        "an unknown parameter",
        Request("GET", "/?size=1"),
        illegal("request [/] contains unrecognized parameter: [size]"),
        "BASE",
    ),
    Denied(
        "20.cluster-info",
        "a body",
        Request("GET", "/", None, b"{}"),
        illegal("request [GET /] does not support having a body"),
        "BASE",
    ),
    Denied("20.job-routes", "an unknown id", jobs("non-existing"), unknown_job("non-existing"), "EIM, JYML"),
    Denied("20.job-routes", "some unknown ids", jobs("web,x,db-*,y"), unknown_job("x,y"), "EIM"),
    Denied("20.job-routes", "_all beside others", jobs("_all,web"), unknown_job("_all"), "EIM"),
    Denied("20.job-routes", "no match", jobs("missing-*?allow_no_match=false"), unknown_job("missing-*"), "EIM, JYML"),
    Denied("20.job-routes", "the older name", jobs("missing-*?allow_no_jobs=false"), unknown_job("missing-*"), "EIM"),
    Denied(
        "20.job-routes",
        "a wrong boolean",
        jobs("?exclude_generated=yes"),
        illegal("Failed to parse value [yes] as only [true] or [false] are allowed."),
        "RJA",
    ),
    Denied(
        "20.job-routes",
        "an unknown parameter",
        jobs("web?size=1"),
        illegal(f"request [{JOBS}/web] contains unrecognized parameter: [size]"),
        "ours",
    ),
    Denied(
        "20.job-routes",
        "a body",
        Request("GET", f"{JOBS}/web", None, {"size": 1}),
        illegal(f"request [GET {JOBS}/web] does not support having a body"),
        "ours",
    ),
    Denied("20.job-stats", "an unknown id", jobs("x/_stats"), unknown_job("x"), "RJSA"),
    Denied("20.job-stats", "no match", jobs("x*/_stats?allow_no_match=false"), unknown_job("x*"), "RJSA"),
    Denied(
        "20.job-stats",
        "an unknown parameter",
        jobs("_stats?exclude_generated"),
        illegal(f"request [{JOBS}/_stats] contains unrecognized parameter: [exclude_generated]"),
        "RJSA",
    ),
]
READ_ONLY = "blocked by: [FORBIDDEN/6/cluster read-only (api)]; the host does not set [allow_writes]"
SHARED = "job and group names must be unique but job [{0}] and group [{0}] have the same name"
WRITES_REFUSED = [
    Denied(
        "20.job-writes",
        f"{method} {where} without permission",
        write(method, where, b"[", allow_writes=False),
        Failure(403, "cluster_block_exception", READ_ONLY),
        "ours",
    )
    for method, where in (
        ("PUT", "new"),
        ("DELETE", "web"),
        ("POST", "web/_open"),
        ("POST", "web/_close"),
    )
] + [
    Denied(
        "20.job-writes",
        "no body",
        put("new", None),
        Failure(400, "parse_exception", "request body is required"),
        "RPJA",
    ),
    Denied(
        "20.job-writes",
        "no object",
        put("new", "[]"),
        Failure(400, UNPARSED, "[job_details] Expected START_OBJECT but was: START_ARRAY"),
        "PJA",
    ),
    Denied(
        "20.job-writes",
        "a group that is no text",
        put("new", spanned("1h") | {"groups": ["g", 1]}),
        Failure(400, UNPARSED, "[job_details] groups doesn't support values of type: VALUE_NUMBER"),
        "JOB",
    ),
    Denied(
        "20.job-writes",
        "a group that no job could be called",
        put("new", spanned("1h") | {"groups": ["g", "New"]}),
        illegal(
            "Invalid group id 'New'; can contain lowercase alphanumeric (a-z and 0-9), hyphens or underscores; ..."
        ),
        "MLS",
    ),
    Denied(
        "20.job-writes",
        "a group with the name of a job",
        put("new", spanned("1h") | {"groups": ["web"]}),
        Failure(400, "resource_already_exists_exception", SHARED.format("web")),
        "JOB",
    ),
    Denied(
        "20.job-writes",
        "a job with the name of a group",
        put("shop", spanned("1h")),
        Failure(400, "resource_already_exists_exception", SHARED.format("shop")),
        "JOB",
    ),
    Denied(
        "20.job-writes",
        "too many groups",
        put("new", spanned("1h") | {"groups": [f"g{number}" for number in range(1_001)]}),
        illegal("[groups] has more than 1000 names"),
        "ours",
    ),
    Denied("20.job-writes", "DELETE of a group", write("DELETE", "shop"), unknown_job("shop"), "ours: one id"),
    Denied("20.job-routes", "an exclusion", jobs("_all,-web"), unknown_job("_all,-web"), "ours"),
    Denied("20.job-writes", "no analysis_config", put("new", {}), illegal("An analysis_config must be set"), "JOB"),
    Denied(
        "20.job-writes",
        "analysis_config is no object",
        put("new", {"analysis_config": None}),
        Failure(400, UNPARSED, "[job_details] analysis_config doesn't support values of type: VALUE_NULL"),
        "JOB",
    ),
    Denied(
        "20.job-writes",
        "a job_id that is no text",
        put("new", spanned("1h") | {"job_id": 1}),
        Failure(400, UNPARSED, "[job_details] job_id doesn't support values of type: VALUE_NUMBER"),
        "JOB",
    ),
    Denied(
        "20.job-writes",
        "another job_id",
        put("new", spanned("1h") | {"job_id": "a_different_id"}),
        illegal(
            "Inconsistent job_id; 'a_different_id' specified in the body differs from 'new' specified as a URL argument"
        ),
        "PJA, JYML",
    ),
    Denied(
        "20.job-writes",
        "a taken id",
        put("web", spanned("1h")),
        Failure(
            400,
            "resource_already_exists_exception",
            "The job cannot be created with the Id 'web'. The Id is already used.",
        ),
        "JYML",
    ),
    Denied(
        "20.job-writes",
        "a long id",
        put("x" * 65, spanned("1h")),
        illegal("The job id cannot contain more than 64 characters."),
        "MLS",
    ),
    *[
        Denied(
            "20.job-writes",
            f"the id {job}",
            put(job, spanned("1h")),
            illegal(
                "Invalid job_id; '...' can contain lowercase alphanumeric (a-z and 0-9), hyphens or underscores; ..."
            ),
            "MLS",
        )
        for job in ("New", "a%2Fb", "-new", "new-", "_all", "*", "donn%C3%A9es", "a%20b", "new%0A")
    ],
    Denied(
        "20.job-writes",
        "an unknown parameter of PUT",
        put("new", spanned("1h"), "force=true"),
        illegal(f"request [{JOBS}/new] contains unrecognized parameter: [force]"),
        "RPJA",
    ),
    Denied("20.job-writes", "DELETE of an unknown job", write("DELETE", "x"), unknown_job("x"), "DEL"),
    Denied("20.job-writes", "DELETE of a pattern", write("DELETE", "w*"), unknown_job("w*"), "ours: one id"),
    Denied(
        "20.job-writes",
        "DELETE with a body",
        write("DELETE", "web", b"{}"),
        illegal(f"request [DELETE {JOBS}/web] does not support having a body"),
        "ours",
    ),
    Denied("20.job-writes", "opening an unknown job", write("POST", "x/_open"), unknown_job("x"), "OPEN"),
    Denied("20.job-writes", "closing an unknown job", write("POST", "x/_close"), unknown_job("x"), "CLOSE"),
    Denied(
        "20.job-writes",
        "closing no job",
        write("POST", "x*/_close", b'{"allow_no_match": false}'),
        unknown_job("x*"),
        "CLOSE",
    ),
    Denied(
        "20.job-writes",
        "closing with a wrong body",
        write("POST", "web/_close", b"5"),
        Failure(400, UNPARSED, "[close_job_params] Expected START_OBJECT but was: VALUE_NUMBER"),
        "CLOSE",
    ),
]
NO_UNIT: Final = "unit is missing or unrecognized"
WRONG_SPANS = [
    WrongSpan(
        "20.job-writes",
        "a span that is no text",
        300,
        "[analysis_config] bucket_span doesn't support values of type: VALUE_NUMBER",
        "ANA",
    ),
    *[
        WrongSpan(
            "20.job-writes",
            f"the span {span!r}",
            span,
            f"failed to parse setting [bucket_span] with value [{span}] as a time value: {NO_UNIT}",
            "ANA, TV",
        )
        for span in ("", "soon", "300", "1w", "1.5h", "15 M", "1 h 5m")
    ],
    *[
        WrongSpan(
            "20.job-writes",
            f"the span {span!r}",
            span,
            f"Values greater than 9223372036854775807 nanoseconds are not supported: {span}",
            "TV",
        )
        for span in ("9223372036854775808nanos", "106752d")
    ],
    *[
        WrongSpan(
            "20.job-writes",
            f"the span {span!r}",
            span,
            f"bucket_span cannot be less or equal than 0. Value = {span}",
            "TU",
        )
        for span in ("0s", "-1h", "-1nanos")
    ],
    *[
        WrongSpan(
            "20.job-writes",
            f"the span {span!r}",
            span,
            f"bucket_span has to be a multiple of 1s; actual was '{span}'",
            "TU",
        )
        for span in ("500ms", "1001ms", "1nanos", "1micros")
    ],
]
ALL = "db-1 db-2 half idle odd web"
CHANGES = [
    *[
        Changed(
            "20.job-writes",
            f"the span {span!r}",
            put("new", spanned(span)),
            {"job_id": "new", "analysis_config.bucket_span": shown},
            f"{ALL} new",
            "ANA, TV, JYML",
        )
        for span, shown in {
            "15m": "15m",
            "900s": "15m",
            "3600000ms": "1h",
            "24h": "1d",
            "1d": "1d",
            " 5 s ": "5s",
            "1000000micros": "1s",
            "60000000000nanos": "1m",
        }.items()
    ],
    Changed(
        "20.job-writes",
        "the default span",
        put("new", {"analysis_config": {}}),
        {"analysis_config.bucket_span": "5m", "job_type": "anomaly_detector", "results_index_name": "shared"},
        f"{ALL} new",
        "ANA",
    ),
    Changed(
        "20.job-writes",
        "fields that are not read",
        put("new", spanned("1h") | {"job_id": "new", "description": "x", "any": 5}),
        {"job_id": "new", "description": ...},
        f"{ALL} new",
        "ours",
    ),
    Changed(
        "20.job-writes",
        "groups",
        put("new", spanned("1h") | {"groups": ["shop", "a", "shop"]}),
        {"job_id": "new", "groups": ["a", "shop"]},
        f"{ALL} new",
        "JOB",
    ),
    Changed(
        "20.job-writes",
        "one group as text",
        put("new", spanned("1h") | {"groups": "shop"}),
        {"groups": ["shop"]},
        f"{ALL} new",
        "JOB",
    ),
    Changed(
        "20.job-writes",
        "a short id with a dot",
        put("0.a_b-1", spanned("1h"), "timeout=30s&expand_wildcards=open"),
        {"job_id": "0.a_b-1"},
        f"0.a_b-1 {ALL}",
        "MLS",
    ),
    Changed(
        "20.job-writes",
        "the longest id",
        put("x" * 64, spanned("1h")),
        {"job_id": "x" * 64},
        f"{ALL} {'x' * 64}",
        "MLS",
    ),
    Changed(
        "20.job-writes",
        "DELETE",
        write("DELETE", "web", None, "force=true&wait_for_completion=false"),
        {"acknowledged": True},
        "db-1 db-2 half idle odd",
        "DEL, JYML",
    ),
    Changed(
        "20.job-writes",
        "opening",
        write("POST", "web/_open", b'{"timeout": "5s"}'),
        {"opened": True, "node": ""},
        ALL,
        "OPEN",
    ),
    Changed("20.job-writes", "closing", write("POST", "web/_close"), {"closed": True}, ALL, "CLOSE, JYML"),
    Changed(
        "20.job-writes", "closing by force", write("POST", "_all/_close?force=true"), {"closed": True}, ALL, "CLOSE"
    ),
    Changed(
        "20.job-writes",
        "closing no job",
        write("POST", "x*/_close", b'{"force": true}'),
        {"closed": True},
        ALL,
        "CLOSE",
    ),
]
HEADS = [
    Bodiless("20.head", "the server", "/", 200, "RMA"),
    Bodiless("20.head", "a wrong parameter", "/?x", 400, "DRC"),
    Bodiless("20.head", "an unknown path", "/_search", 400, "DRC"),
    Bodiless("20.head", "a wrong escape", "/%", 400, "DRC"),
    Bodiless("20.head", "results", f"{JOBS}/web/results/buckets", 405, "RC", allow="GET,POST"),
    Bodiless("20.head", "all jobs", JOBS, 405, "RC", allow="GET"),
    Bodiless("20.head", "a job", f"{JOBS}/web", 405, "RC", allow="GET,PUT,DELETE"),
    Bodiless("20.head", "statistics", f"{JOBS}/_stats", 405, "RC", allow="GET"),
    Bodiless("20.head", "opening", f"{JOBS}/web/_open", 405, "RC", allow="POST"),
]


def at_place(body: Any, place: str) -> Any:
    """The value at a place of a body; an ellipsis if the place is missing."""
    for step in place.split("."):
        if isinstance(body, list):
            body = len(body) if step == "len" else body[int(step)]
        elif step not in body:
            return ...
        else:
            body = body[step]
    return body


def assert_told(body: Any, expected: Mapping[str, Any]) -> None:
    """Assert that a body has the expected values."""
    assert {place: at_place(body, place) for place in expected} == dict(expected)


@each_row(CLUSTER, LISTED, STATISTICS)
def test_requests_are_answered(row: Told) -> None:
    """The reply has the values of its row, from an index and from its snapshot, and encodes to the same JSON."""
    index = index_of_jobs()
    for source in (index, index.snapshot()):
        reply = row.asked.put_to(source)
        assert (reply.status, dict(reply.headers)) == (200, dict(HEADERS)), reply.body
        assert_told(reply.body, row.expected)
        assert json.loads(reply.encode()) == reply.body


@each_row(REFUSED, WRITES_REFUSED)
def test_requests_are_refused(row: Denied) -> None:
    """The failure is that of its row, and the index has not changed."""
    index = index_of_jobs()
    before = index.snapshot()
    assert_failure(row.asked.put_to(index), row.expected)
    assert index.snapshot() is before


@each_row(WRONG_SPANS)
def test_wrong_spans_are_refused(row: WrongSpan) -> None:
    """The description cannot be parsed, for a cause that the row names, and the index has not changed."""
    index = index_of_jobs()
    before = index.snapshot()
    reply = put("new", spanned(row.span)).put_to(index)
    error = cause = reply.body["error"]
    assert (reply.status, error["type"]) == (400, UNPARSED)
    assert error["reason"] == "[job_details] failed to parse field [analysis_config]"
    while "caused_by" in cause:
        cause = cause["caused_by"]
    assert cause["reason"] == row.expected
    assert index.snapshot() is before


@each_row(CHANGES)
def test_allowed_requests_change_jobs(row: Changed) -> None:
    """The reply and the known jobs are those of the row. A snapshot refuses the same request."""
    index = index_of_jobs()
    refused = row.asked.put_to(index.snapshot())
    assert refused.status == 403
    assert refused.body["error"]["reason"].endswith("; a snapshot never changes")
    reply = row.asked.put_to(index)
    assert reply.status == 200, reply.body
    assert_told(reply.body, row.expected)
    assert sorted(index.jobs()) == sorted(row.known.split())


@each_row(HEADS)
def test_replies_to_head_have_no_body(row: Bodiless) -> None:
    """Status and headers are those of the row, and no bytes follow."""
    reply = handle(index_of_jobs(), "HEAD", row.path)
    assert (reply.status, reply.body, reply.encode()) == (row.status, {}, b"")
    assert dict(reply.headers) == dict(HEADERS) | ({} if row.allow is None else {"Allow": row.allow})


def test_the_server_indents_its_description() -> None:
    """The reply to ``GET /`` is indented unless ``pretty`` is false; other replies are not."""
    index = index_of_jobs()
    assert handle(index, "GET", "/").encode().startswith(b'{\n  "name" : ')
    assert handle(index, "GET", "/?pretty").encode().startswith(b'{\n  "name" : ')
    assert handle(index, "GET", "/?pretty=false").encode().startswith(b'{"name":')
    assert handle(index, "GET", JOBS).encode().startswith(b'{"count":')


def test_a_deleted_job_has_no_results() -> None:
    """``DELETE`` removes the results with the job."""
    index = index_of_jobs()
    assert write("DELETE", "web").put_to(index).status == 200
    assert index.stats()["rows"] == {"bucket": 2, "record": 0, "influencer": 0}
    assert_failure(jobs("web").put_to(index), Failure(404, NOT_THERE, "No known job with id 'web'"))


@pytest.mark.parametrize("version", ["", "6.8.0", "10.0.0", "9", "9.2", "9.2.1-SNAPSHOT", "9.02.1", "9.2.100", 9, None])
def test_a_wrong_version_raises(version: Any) -> None:
    """The error is raised for any request, and names the argument."""
    for path in ("/", JOBS, "/x"):
        with pytest.raises(InvalidQuery, match=r"\[version\] must be") as caught:
            handle(index_of_jobs(), "GET", path, version=version)
        assert (caught.value.field, caught.value.value) == ("version", version)


@pytest.mark.parametrize("allowed", [0, 1, "true", None])
def test_permission_to_write_is_a_bool(allowed: Any) -> None:
    """Any other value raises, for any request."""
    with pytest.raises(InvalidQuery) as caught:
        handle(index_of_jobs(), "GET", "/", allow_writes=allowed)
    assert caught.value.field == "allow_writes"
