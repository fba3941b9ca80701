"""Every request gets a reply: very many requests of every shape from a seed.

The seed is BUCKETQUERY_SEED (default "0"). A failure shows the seed of its hundred requests, which repeats them.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from bucketquery import ResultsIndex
from bucketquery.elastic import Reply, handle
from support.random_requests import HOSTILE, RandomRequests
from support.semantics_tables import HOUR_S, hours

SEED = os.environ.get("BUCKETQUERY_SEED", "0")
#: The statuses that the documentation names.
STATUSES = {200, 400, 403, 404, 405, 406, 413}
#: No part of a request makes a text of an error longer than this. Ten unknown names with suggestions come nearest.
LONGEST_TEXT = 4_000


def stored() -> ResultsIndex:
    """Twelve hours of the jobs ``web`` and ``données`` with records and influencers, and a job without results."""
    index = ResultsIndex(clock=lambda: 0)
    index.put_job("idle")
    for job in ("web", "données"):
        for hour, document in enumerate(hours(12).values()):
            row = document | {"job_id": job, "timestamp": hour * HOUR_S * 1_000, "anomaly_score": 9.0 * hour}
            blamed = {"influencer_field_name": "host", "influencer_field_value": f"h{hour % 2}"}
            extra = {"a.b": ["x"], "nested": {"list": [{"c": 1}, []]}}
            index.upsert(
                [
                    row | {"bucket_influencers": [{"anomaly_score": 1.0}] * (hour % 2)},
                    row | {"result_type": "record", "record_score": 8.0 * hour} | extra,
                    row | {"result_type": "influencer", "influencer_score": 7.0 * hour} | blamed,
                ]
            )
    return index


INDEX = stored()


def texts(value: Any) -> Iterator[str]:
    """Every text in a body."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def no_json(constant: str) -> None:
    """Fail on NaN and infinities, which JSON does not have."""
    raise AssertionError(constant)


def check(method: Any, reply: Reply) -> None:
    """Assert what holds of every reply: a documented status, and bytes that are the JSON of a body of few words."""
    assert reply.status in STATUSES
    encoded = reply.encode()
    body = reply.body
    assert reply.encode() == encoded
    if type(method) is str and (method == "HEAD" or (method == "OPTIONS" and reply.status == 200)):
        assert (encoded, body) == (b"", {})
        return
    assert json.loads(encoded.decode(), parse_constant=no_json) == body
    if reply.status == 200:
        assert "error" not in body
        return
    assert all(len(text) <= LONGEST_TEXT for text in texts(body))
    error = body["error"]
    if isinstance(error, dict):
        assert body["status"] == reply.status
        assert all(root["type"] and root["reason"] for root in error["root_cause"])


def assert_answered(seed: str, hundreds: int) -> Counter[int]:
    """Assert that each request of a seed gets a reply; the number of replies of each status."""
    found: Counter[int] = Counter()
    for hundred in range(hundreds):
        requests = RandomRequests(f"{seed} {hundred}")
        for number in range(100):
            request = requests.draw()
            try:
                reply = handle(INDEX, *request)
                check(request[0], reply)
            except BaseException as error:
                error.add_note(f"request {number} of RandomRequests({f'{seed} {hundred}'!r})")
                raise
            found[reply.status] += 1
    return found


def test_any_request_is_answered() -> None:
    """A share of the requests of `test_very_many_requests_are_answered`; every status is among the replies."""
    assert assert_answered(SEED, 40).keys() == STATUSES


def test_any_request_may_write() -> None:
    """If the host allows writes, requests create and delete jobs, none is a 403, and the index stays whole."""
    index = stored()
    requests = RandomRequests(f"writes {SEED}")
    prefix = "/_ml/anomaly_detectors"
    found: Counter[tuple[str, int]] = Counter()
    for number in range(4_000):
        method, below = (("PUT", ""), ("DELETE", ""), ("POST", "/_open"), ("POST", "/_close"))[number % 4]
        _, _, params, body = requests.draw()
        if number % 12 == 0:
            body = {"analysis_config": {"bucket_span": "1h"}}
        path = f"{prefix}/{('web', 'idle', 'new', 'x*')[number // 4 % 4]}{below}"
        reply = handle(index, method, path, params, body, allow_writes=True)
        check(method, reply)
        found[method, reply.status] += 1
    assert {200, 400, 404} <= {status for _, status in found} <= STATUSES - {403, 405}
    assert min(found[method, 200] for method in ("PUT", "DELETE", "POST")) > 5
    index.check()


@pytest.mark.thorough
def test_very_many_requests_are_answered() -> None:
    """100,000 requests: none raises, none has another status, and each reply can be sent. Many are answers."""
    found = assert_answered(f"thorough {SEED}", 1_000)
    assert found.keys() == STATUSES
    assert min(found[200], found[400]) > 10_000


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_each_hostile_object_is_answered_in_each_place(number: int) -> None:
    """An object may stand for the method, the path, the parameters, one parameter, the body, a field, or a page."""
    odd = HOSTILE[number]
    path = "/_ml/anomaly_detectors/web/results/buckets"
    for request in (
        (odd, path),
        ("GET", odd),
        ("GET", path, odd),
        ("POST", path, None, odd),
        *(("GET", path, {name: odd}) for name in ("start", "size", "desc", "pretty", "filter_path", "source", "x")),
        *(("POST", path, None, {name: odd}) for name in ("start", "anomaly_score", "sort", "desc", "page", "x")),
        *(("POST", path, None, {"page": {name: odd}}) for name in ("from", "size", "x")),
    ):
        check(request[0], handle(INDEX, *request))
