"""Make calls of the official Python client of any version: the calls come as JSON on stdin, the answers go to stdout.

Only the client that is tested needs to be installed, so this script imports nothing of the tests.
"""

import asyncio
import inspect
import json
import sys
from typing import Any

import elasticsearch

#: The error of a refusal: in version 7 that of the transport, later one of its own.
REFUSED: Any = getattr(elasticsearch, "ApiError", elasticsearch.TransportError)


async def ask(job: dict[str, Any]) -> list[Any]:
    """The answers to the calls of a job: each the body, or the status and the type of the error."""
    kind: Any = elasticsearch.AsyncElasticsearch if job["asynchronous"] else elasticsearch.Elasticsearch
    client = kind(job["address"], http_compress=job["compressed"], max_retries=0)
    answers: list[Any] = []
    for call in job["calls"]:
        method: Any = client
        for name in call["method"].split("."):
            method = getattr(method, name)
        try:
            answer = await settled(method(**call["keywords"]))
        except REFUSED as error:
            refused: Any = error
            body = getattr(refused, "body", None) or refused.info
            answers.append({"error": [refused.status_code, body["error"]["type"]]})
        else:
            answers.append({"body": getattr(answer, "body", answer)})
    await settled(client.close())
    return answers


async def settled(answer: Any) -> Any:
    """The answer itself, or what it will be."""
    return await answer if inspect.isawaitable(answer) else answer


if __name__ == "__main__":
    assert str(elasticsearch.__version__[0]) == sys.argv[1], elasticsearch.__version__
    json.dump(asyncio.run(ask(json.load(sys.stdin))), sys.stdout)
