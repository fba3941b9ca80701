"""The official Python client without a server: it asks an index in the same process.

Each function imports the client when it is called, so this module can be imported without it.
"""

from typing import TYPE_CHECKING, Any

from bucketquery.elastic.settings import DEFAULT_VERSION, read_settings, require_index
from bucketquery.index import ResultsIndex
from bucketquery.snapshot import Snapshot

if TYPE_CHECKING:
    from elastic_transport import BaseNode
    from elasticsearch import AsyncElasticsearch, Elasticsearch


def client(index: ResultsIndex | Snapshot, **options: Any) -> "Elasticsearch":
    """The official client, which asks this index rather than a server. It may create and delete jobs.

    Args:
        index: an index, whose newest commit is searched, or a snapshot.
        options: arguments of the client, except the address and the node class.

    Raises:
        ImportError: version 8 or 9 of the package ``elasticsearch`` is not installed.
        TypeError: ``index`` is neither an index nor a snapshot, or the client does not accept an option.

    Complexity: a call costs as much as `handle`, and in addition the client's own work.

    >>> from bucketquery import ResultsIndex
    >>> index = ResultsIndex()
    >>> commit = index.put_job("web")
    >>> client(index).ml.get_buckets(job_id="web")["count"]
    0
    """
    made: Elasticsearch = _client_nodes().client_of(node_class(index), options)
    return made


def async_client(index: ResultsIndex | Snapshot, **options: Any) -> "AsyncElasticsearch":
    """As `client`, with the client for ``asyncio``. The search runs in the event loop.

    >>> import asyncio
    >>> from bucketquery import ResultsIndex
    >>> asyncio.run(async_client(ResultsIndex()).ping())
    True
    """
    made: AsyncElasticsearch = _client_nodes().async_client_of(node_class(index, asynchronous=True), options)
    return made


def node_class(
    index: ResultsIndex | Snapshot,
    asynchronous: bool = False,  # noqa: FBT001, FBT002 - the contract's signature
    *,
    max_result_window: int = 10_000,
    version: str = DEFAULT_VERSION,
    allow_writes: bool = True,
) -> "type[BaseNode]":
    """A node class for the official client, whose nodes ask this index rather than a server.

    Args:
        index: an index, whose newest commit is searched, or a snapshot.
        asynchronous: whether the class is for ``AsyncElasticsearch`` (default False).
        max_result_window: as for `handle`.
        version: as for `handle`.
        allow_writes: as for `handle`, but True by default.

    Raises:
        ImportError: version 8 or 9 of the package ``elasticsearch`` is not installed.
        TypeError: ``index`` is neither an index nor a snapshot.
        InvalidQuery: another argument is invalid.

    >>> from bucketquery import ResultsIndex
    >>> from elasticsearch import Elasticsearch
    >>> double = Elasticsearch("http://double:9200", node_class=node_class(ResultsIndex(), version="8.19.0"))
    >>> double.info()["version"]["number"]
    '8.19.0'
    """
    require_index(index)
    settings = read_settings(max_result_window, version, allow_writes)
    made: type[BaseNode] = _client_nodes().nodes_of(index, settings, asynchronous=asynchronous)
    return made


def _client_nodes() -> Any:
    try:
        from bucketquery.elastic import client_nodes  # noqa: PLC0415 - it needs an optional dependency
    except ImportError as error:
        install = "pip install 'elasticsearch>=8,<10', or bucketquery with its extra [test-double]"
        reason = f"version 8 or 9 of the official client is not installed: {install}"
        raise ImportError(reason, name=error.name) from error
    return client_nodes
