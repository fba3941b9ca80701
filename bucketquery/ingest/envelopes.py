"""Envelopes: answers and search responses, which hold documents in a list."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from bucketquery.model.schema import SCHEMAS, Kind

#: The kinds by the key of their list in an answer.
_KINDS: Final = {schema.plural: schema.kind for schema in SCHEMAS.values()}


class Envelope(NamedTuple):
    """The documents in an answer or in a search response.

    Attributes:
        documents: the items of the list, as given.
        path: where the list is, such as ``buckets`` or ``hits.hits``.
        kind: the kind of all documents; None if the ``result_type`` of each has it.
    """

    documents: Sequence[Any]
    path: str
    kind: Kind | None


def body_of(value: object) -> object:
    """The mapping in a client's response object; any other value as it is. The object is not a mapping itself.

    >>> body_of([{"timestamp": 0}])
    [{'timestamp': 0}]
    """
    if isinstance(value, Mapping):
        return value
    try:
        body = getattr(value, "body", None)
    except Exception:  # noqa: BLE001 - reading an attribute runs code of its class, which may raise any exception
        return value
    return body if isinstance(body, Mapping) else value


def unwrap(value: object) -> Envelope | None:
    """The documents in an answer or in a search response.

    An answer is a mapping with a list ``buckets``, ``records`` or ``influencers``, and without ``job_id``, which a
    document has. A search response has a list ``hits`` in its mapping ``hits``.

    Returns:
        None if the value is anything else, or has two of the lists.

    >>> unwrap({"count": 1, "buckets": [{"timestamp": 0}]})
    Envelope(documents=[{'timestamp': 0}], path='buckets', kind='bucket')
    """
    if not isinstance(value, Mapping) or "job_id" in value:
        return None
    found = [
        Envelope(documents, name, kind)
        for name, kind in _KINDS.items()
        if isinstance(documents := value.get(name), list | tuple)
    ]
    hits = value.get("hits")
    if isinstance(hits, Mapping) and isinstance(documents := hits.get("hits"), list | tuple):
        found.append(Envelope(documents, "hits.hits", None))
    return found[0] if len(found) == 1 else None
