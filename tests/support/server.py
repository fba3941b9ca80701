"""A local HTTP server that hands every request to the REST door, and sends back the door's reply."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bucketquery import ResultsIndex, Snapshot
from bucketquery.elastic import handle
from support.helpers import PATIENCE_S


@contextmanager
def serving(source: ResultsIndex | Snapshot) -> Iterator[str]:
    """The address of a server that answers from an index until the block ends; its threads end with it."""

    class Handler(BaseHTTPRequestHandler):
        """HTTP 1.0 closes the connection after each request, so no thread waits for another one."""

        timeout = PATIENCE_S

        def answer(self) -> None:
            """Hand the request to the door, and send its reply."""
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            reply = handle(source, self.command, self.path, None, body)
            encoded = reply.encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Log nothing, because the tests know which requests they send."""

    with Server(("127.0.0.1", 0), Handler) as server:
        host, port = server.server_address[:2]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://{host!s}:{port}"
        finally:
            server.shutdown()
            thread.join(PATIENCE_S)
    assert not thread.is_alive()


class Server(ThreadingHTTPServer):
    """A server that, when closed, waits for the threads of its requests."""

    daemon_threads = False
    block_on_close = True
