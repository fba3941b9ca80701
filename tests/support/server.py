"""A local HTTP server that runs the WSGI app of the REST door, and checks that both keep to the standard."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.validate import validator

from bucketquery import ResultsIndex, Snapshot
from bucketquery.elastic import wsgi
from support.helpers import PATIENCE_S


class Handler(WSGIRequestHandler):
    """HTTP 1.0 closes the connection after each request, so no thread waits for another one."""

    timeout = PATIENCE_S

    def get_environ(self) -> dict[str, Any]:
        """The environment with the path as it was sent, which common servers tell under this name."""
        return super().get_environ() | {"RAW_URI": self.path}

    def log_message(self, *_: object) -> None:
        """Log nothing, because the tests know which requests they send."""


class Server(ThreadingMixIn, WSGIServer):
    """A server that, when closed, waits for the threads of its requests."""

    daemon_threads = False
    block_on_close = True


@contextmanager
def serving(source: ResultsIndex | Snapshot, **options: Any) -> Iterator[str]:
    """The address of a server that answers from an index until the block ends; its threads end with it.

    Args:
        source: an index or a snapshot.
        options: other arguments of the app.
    """
    with Server(("127.0.0.1", 0), Handler) as server:
        server.set_app(validator(wsgi(source, **options)))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(PATIENCE_S)
    assert not thread.is_alive()
