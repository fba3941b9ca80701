"""Nodes of the official client that ask an index. This is the one file that needs the client's package."""

from typing import Any, ClassVar, Final

from elastic_transport import ApiResponseMeta, BaseAsyncNode, BaseNode, HttpHeaders, TransportApiResponse
from elasticsearch import AsyncElasticsearch, Elasticsearch

from bucketquery.elastic.handler import handle
from bucketquery.elastic.settings import Settings
from bucketquery.index import ResultsIndex
from bucketquery.snapshot import Snapshot

#: The client demands an address with a port. It never connects to it.
_ADDRESS: Final = "http://double:9200"


def client_of(nodes: type[BaseNode], options: dict[str, Any]) -> Elasticsearch:
    """The client whose nodes are of this class.

    >>> from bucketquery import ResultsIndex
    >>> from bucketquery.elastic.settings import read_settings
    >>> nodes = nodes_of(ResultsIndex(), read_settings(10_000, "9.2.1", True), asynchronous=False)
    >>> client_of(nodes, {"http_compress": True}).ping()
    True
    """
    return Elasticsearch(_ADDRESS, node_class=nodes, **options)


def async_client_of(nodes: type[BaseNode], options: dict[str, Any]) -> AsyncElasticsearch:
    """As `client_of`, for ``asyncio``."""
    return AsyncElasticsearch(_ADDRESS, node_class=nodes, **options)


def nodes_of(index: ResultsIndex | Snapshot, settings: Settings, *, asynchronous: bool) -> type[BaseNode]:
    """A class whose nodes ask this index. Each index needs its own class, because the client makes the nodes.

    >>> from bucketquery import ResultsIndex
    >>> from bucketquery.elastic.settings import read_settings
    >>> nodes_of(ResultsIndex(), read_settings(10_000, "9.2.1", True), asynchronous=False).__name__
    'IndexNode'
    """
    bound: dict[str, Any] = {"index": index, "settings": settings}
    base = _AsyncIndexNode if asynchronous else _IndexNode
    return type(base.__name__.removeprefix("_"), (base,), bound)


class _IndexNode(BaseNode):
    """A node for the synchronous client."""

    index: ClassVar[ResultsIndex | Snapshot]
    settings: ClassVar[Settings]

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Any = None,  # noqa: ARG002 - the client passes it
        request_timeout: Any = None,  # noqa: ARG002 - the client passes it
    ) -> Any:
        """The response to a request."""
        return _answer(self, method, target, body)

    def close(self) -> None:
        """Do nothing: there is no connection."""


class _AsyncIndexNode(BaseAsyncNode):
    """A node for the client of ``asyncio``."""

    index: ClassVar[ResultsIndex | Snapshot]
    settings: ClassVar[Settings]

    async def perform_request(  # type: ignore[override] # as in the base class, which overrides it so too
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Any = None,  # noqa: ARG002 - the client passes it
        request_timeout: Any = None,  # noqa: ARG002 - the client passes it
    ) -> Any:
        """The response to a request."""
        return _answer(self, method, target, body)

    async def close(self) -> None:  # type: ignore[override] # as in the base class
        """Do nothing: there is no connection."""


def _answer(node: _IndexNode | _AsyncIndexNode, method: str, target: str, body: bytes | None) -> TransportApiResponse:
    """The response of the client's transport. Its body is never compressed, which the client accepts."""
    reply = handle(node.index, method, target, None, body, **node.settings._asdict())
    # The duration is 0 because this library reads no clock.
    meta = ApiResponseMeta(
        status=reply.status, http_version="1.1", headers=HttpHeaders(reply.headers), duration=0.0, node=node.config
    )
    return TransportApiResponse(meta, reply.encode())
