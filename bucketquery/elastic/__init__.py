"""The REST door: `handle` answers a request like the API's server, with a `Reply` that any web framework can send."""

from bucketquery.elastic.handler import handle
from bucketquery.elastic.replies import Reply

__all__ = ["Reply", "handle"]
