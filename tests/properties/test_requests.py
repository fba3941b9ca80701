"""A query and every request with the same meaning have the same answer."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import given
from hypothesis import strategies as st

from bucketquery import NotFound, ResultsIndex
from bucketquery.elastic import Reply, handle
from support.request_tables import KINDS, NOTHING_THERE, SCORES, assert_failure
from support.semantics_tables import HOUR_S, hours

NAMES = ("web", "données/100%")
JOBS = st.sampled_from(NAMES)


def stored() -> ResultsIndex:
    """Thirty hours of two jobs: buckets, some of them interim, with records and influencers in every third."""
    index = ResultsIndex(clock=lambda: 0)
    for job in NAMES:
        for hour, document in enumerate(hours(30).values()):
            row = document | {"job_id": job, "is_interim": hour % 5 == 4, "event": {"ingested": hour * 7 % 5}}
            blamed = [{"influencer_field_name": "host", "anomaly_score": 3.0 * hour}] if hour % 3 == 0 else []
            found: list[dict[str, Any]] = [row | {"bucket_influencers": blamed}]
            if hour % 4:
                found[0] |= {"anomaly_score": 3.0 * hour, "event_count": hour % 7}
            if blamed:
                kinds = {"record": "record_score", "influencer": "influencer_score"}
                found += [row | {"result_type": kind, score: 3.0 * hour} for kind, score in kinds.items()]
                found[-1] |= {"influencer_field_name": "host", "influencer_field_value": f"h{hour % 2}"}
            index.upsert(found)
    return index


INDEX = stored()
FIRST = hours(1)["h0"]["timestamp"]
HOURS = st.integers(-2, 32).map(lambda hour: FIRST + hour * HOUR_S * 1_000)
# No instant of four digits, because a URL reads those as a year.
INSTANTS = HOURS | st.sampled_from([-1, 0, 2**63, -(2**70)])
BOUNDS = INSTANTS | INSTANTS.map(str) | st.sampled_from(["2020", "2020-01-01T07:30Z||/H", "2020-01-02||-1H", "-1"])
FIELDS = st.sampled_from(
    ["timestamp", "@timestamp", "job_id", "is_interim", "bucket_span", "probability", "event.ingested"]
)
COMMON = {
    "start": BOUNDS,
    "end": BOUNDS,
    "exclude_interim": st.booleans(),
    "desc": st.booleans(),
    "sort": FIELDS,
    "from": st.integers(0, 40),
    "size": st.integers(0, 40),
}
NUMBERS = st.integers(-1, 100) | st.floats(allow_nan=False, allow_infinity=False)
SCORE = NUMBERS | st.sampled_from(["NaN", "80.0", " 1e1d"])
LOOKUP = {
    "timestamp": HOURS | st.sampled_from(["2020-01-01", "2020-01-01||/M", "1999"]),
    "exclude_interim": st.booleans(),
    "desc": st.booleans(),
    "sort": FIELDS,
    "expand": st.booleans(),
}


def parameters_of(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Parameters of a query for one kind, all optional, by the API's names."""
    fields = COMMON | {SCORES[kind]: SCORE} | ({"expand": st.booleans()} if kind == "buckets" else {})
    return st.fixed_dictionaries({}, optional=fields)


def text(value: Any) -> str:
    """A value as text in a query string."""
    return value if isinstance(value, str) else json.dumps(value)


def replies(job: str, kind: str, parameters: Mapping[str, Any]) -> Iterator[tuple[str, Reply]]:
    """A label for each way to write a query, with the reply to it."""
    path = f"/_ml/anomaly_detectors/{quote(job, safe='')}/results/{kind}"
    query = {name: text(value) for name, value in parameters.items()}
    yield "query in the path", handle(INDEX, "GET", f"{path}?{urlencode(query)}")
    yield "query with %20", handle(INDEX, "POST", f"{path}?{urlencode(query, quote_via=quote)}")
    yield "query string beside the path", handle(INDEX, "GET", path, "?" + urlencode(query))
    yield "mapping of text", handle(INDEX, "GET", path, query)
    yield "mapping of values", handle(INDEX, "POST", path, dict(parameters))
    body = {name: value for name, value in parameters.items() if name not in {"from", "size"}}
    page = {name: parameters[name] for name in ("from", "size") if name in parameters}
    body |= {"page": page} if page else {}
    for sent in (body, json.dumps(body), json.dumps(body).encode(), json.dumps(body).encode("utf-16")):
        yield f"body as {type(sent).__name__}", handle(INDEX.snapshot(), "POST", path, None, sent)


def assert_same(job: str, kind: str, parameters: Mapping[str, Any]) -> None:
    """Assert that each way to write a query gives the body that the index gives."""
    keywords = {"from_" if name == "from" else name: value for name, value in parameters.items()}
    try:
        page = getattr(INDEX, f"get_{kind}")(job_id=job, **keywords)
    except NotFound:
        for label, reply in replies(job, kind, parameters):
            assert_failure(reply, NOTHING_THERE, label)
        return
    expected = json.dumps(page.to_dict())
    for label, reply in replies(job, kind, parameters):
        assert (reply.status, json.dumps(reply.body)) == (200, expected), label


@given(JOBS, st.one_of([st.tuples(st.just(kind), parameters_of(kind)) for kind in KINDS]))
def test_a_query_has_one_answer(job: str, query: tuple[str, dict[str, Any]]) -> None:
    """URLs and bodies of all forms give the answer of the Python call."""
    assert_same(job, *query)


@given(JOBS, st.fixed_dictionaries({}, optional=LOOKUP))
def test_a_lookup_has_one_answer(job: str, parameters: dict[str, Any]) -> None:
    """URLs and bodies give the answer of the Python call, with a match or without one."""
    assert_same(job, "buckets", parameters)
