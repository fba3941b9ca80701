"""The REST door: `handle` answers a request as the API's server does, with a `Reply` that any framework can send.

`wsgi` and `asgi` are apps for web servers. `client`, `async_client` and `node_class` put an index in the place of the
server behind the official Python client; they import it when they are called.
"""

from bucketquery.elastic.asgi_app import asgi
from bucketquery.elastic.clients import async_client, client, node_class
from bucketquery.elastic.handler import handle
from bucketquery.elastic.replies import Reply
from bucketquery.elastic.wsgi_app import wsgi

__all__ = ["Reply", "asgi", "async_client", "client", "handle", "node_class", "wsgi"]
