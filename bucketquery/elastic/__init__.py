"""The REST door: `handle` answers a request as the API's server does, with a `Reply` that any framework can send."""

from bucketquery.elastic.handler import handle
from bucketquery.elastic.replies import Reply

__all__ = ["Reply", "handle"]
