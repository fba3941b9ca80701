"""The official client in front of an index, and how it is found."""

import asyncio
import runpy
import sys
import typing
from collections.abc import Callable
from typing import Any

import pytest
from elastic_transport import BaseAsyncNode, BaseNode, HttpHeaders, NodeConfig
from elasticsearch import ApiError, AsyncElasticsearch, Elasticsearch

from bucketquery import InvalidQuery, ResultsIndex, elastic
from bucketquery.elastic import async_client, client, clients, node_class
from support.helpers import JOB, rows

CONFIG = NodeConfig("http", "double", 9200)


@pytest.fixture
def index() -> ResultsIndex:
    """Ten buckets of one job."""
    found = ResultsIndex()
    found.upsert(rows(0, 10, anomaly_score=5.0))
    return found


def test_each_class_of_nodes_has_its_own_index(index: ResultsIndex) -> None:
    """Nodes of two indexes answer side by side."""
    other = ResultsIndex()
    other.put_job(JOB)
    counts = [client(source).ml.get_buckets(job_id=JOB)["count"] for source in (index, other, index.snapshot())]
    assert counts == [10, 0, 10]


def test_a_class_of_nodes_is_one_of_the_clients(index: ResultsIndex) -> None:
    """The classes derive from the client's, for each of its two kinds."""
    assert issubclass(node_class(index), BaseNode)
    assert not issubclass(node_class(index), BaseAsyncNode)
    assert issubclass(node_class(index, asynchronous=True), BaseAsyncNode)
    assert [node_class(index, kind).__name__ for kind in (False, True)] == ["IndexNode", "AsyncIndexNode"]


def test_a_node_answers_as_a_transport_expects(index: ResultsIndex) -> None:
    """The response has the status, the headers, the node's own settings, and the bytes of the door."""
    node = node_class(index)(CONFIG)
    meta, body = node.perform_request("GET", "/_ml/anomaly_detectors?x", None, HttpHeaders(), request_timeout=5)
    assert (meta.status, meta.http_version, meta.duration, meta.node) == (400, "1.1", 0.0, CONFIG)
    assert meta.headers["X-Elastic-Product"] == "Elasticsearch"
    assert body == elastic.handle(index, "GET", "/_ml/anomaly_detectors?x").encode()
    node.close()
    assert node.perform_request("HEAD", "/").body == b""


def test_an_asynchronous_node_answers_alike(index: ResultsIndex) -> None:
    """Both of its methods are coroutine functions."""

    async def ask() -> tuple[int, bytes]:
        node: Any = node_class(index, asynchronous=True)(CONFIG)
        meta, body = await node.perform_request("GET", "/_ml/anomaly_detectors")
        await node.close()
        return meta.status, body

    status, body = asyncio.run(ask())
    assert (status, body) == (200, elastic.handle(index, "GET", "/_ml/anomaly_detectors").encode())


def test_options_are_those_of_the_client(index: ResultsIndex) -> None:
    """An option that the client does not know raises its error, and so does a second address."""
    with client(index, request_timeout=5, http_compress=True) as made:
        assert isinstance(made, Elasticsearch)
        assert made.ml.get_buckets(job_id=JOB, sort="anomaly_score")["count"] == 10
    with pytest.raises(TypeError, match="nonsense"):
        client(index, nonsense=True)
    with pytest.raises(TypeError, match="node_class"):
        client(index, node_class=BaseNode)


def test_the_clients_may_write_unless_the_host_says_otherwise(index: ResultsIndex) -> None:
    """`node_class` has the argument; `client` and `async_client` allow writes."""
    nodes = node_class(index, allow_writes=False)
    with Elasticsearch("http://double:9200", node_class=nodes) as reader, pytest.raises(ApiError) as caught:
        reader.ml.delete_job(job_id=JOB)
    assert (caught.value.status_code, JOB in index) == (403, True)

    async def delete() -> None:
        async with async_client(index) as writer:
            assert isinstance(writer, AsyncElasticsearch)
            await writer.ml.delete_job(job_id=JOB)

    asyncio.run(delete())
    assert JOB not in index


def test_settings_are_the_hosts(index: ResultsIndex) -> None:
    """The result window and the version are arguments of the class."""
    nodes = node_class(index, max_result_window=5, version="8.19.0")
    with Elasticsearch("http://double:9200", node_class=nodes) as made:
        assert made.info()["version"]["number"] == "8.19.0"
        with pytest.raises(ApiError, match="search_phase_execution_exception"):
            made.ml.get_buckets(job_id=JOB, size=6)


@pytest.mark.parametrize("make", [client, async_client, node_class])
def test_wrong_arguments_raise_at_once(make: Callable[..., Any]) -> None:
    """No request is needed to find them."""
    with pytest.raises(TypeError, match="index must be a ResultsIndex or a Snapshot, not dict"):
        make({})
    with pytest.raises(InvalidQuery):
        node_class(ResultsIndex(), version="6.0.0")


def test_the_annotations_name_the_clients_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A type checker sees the classes of the client, which the module does not import."""
    monkeypatch.setattr(typing, "TYPE_CHECKING", True)
    names = runpy.run_path(clients.__file__)
    hints = [typing.get_type_hints(names[maker.__name__])["return"] for maker in (client, async_client, node_class)]
    assert hints == [Elasticsearch, AsyncElasticsearch, type[BaseNode]]


@pytest.mark.parametrize("missing", ["elastic_transport", "elasticsearch"])
@pytest.mark.parametrize("make", [client, async_client, node_class])
def test_a_missing_client_is_named_with_its_extra(
    make: Callable[..., Any], missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the package that is missing, the versions of the client, and the extra that installs it."""
    monkeypatch.delitem(sys.modules, "bucketquery.elastic.client_nodes", raising=False)
    monkeypatch.delattr(elastic, "client_nodes", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"version 8 or 9 .* 'elasticsearch>=8,<10', .*\[test-double\]$") as caught:
        make(ResultsIndex())
    assert caught.value.name == missing
