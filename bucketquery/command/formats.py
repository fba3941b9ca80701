"""File formats: the result documents in a file of any format that the command reads.

A document stands on a line of its own, over several lines, or in an array. It may be the source of a search hit, as in
the lines of elasticdump. It may be part of an answer of the API or of a search response. In a request
of the bulk API it follows its action.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from bucketquery.command.values import Place, Unreadable, read_values
from bucketquery.ingest.envelopes import unwrap
from bucketquery.model.schema import Kind

#: The name of the file, the kind that an answer gives the document, the document, and its place or only its line.
Located = tuple[str, Kind | None, Any, int | Place]

_LONGEST_REASON: Final = 200
_ACTIONS: Final = ("index", "create", "update", "delete")
#: The parts of an index that a dump of its definition holds.
_DEFINITION: Final = frozenset({"mappings", "settings", "aliases", "index_patterns"})


def read_documents(source: str, lines: Iterable[bytes], passed_over: Counter[str]) -> Iterator[Located]:
    """The documents of a file in order, whatever format it has.

    Args:
        source: the name of the file.
        lines: read one by one; a document is yielded before the next line is read.
        passed_over: counts the objects that are not documents, by a word for each sort.

    Raises:
        Unreadable: a line is not JSON in UTF-8, or it is part of a bulk request that cannot be carried out.

    >>> lines = [b'{"index": {}}', b'{"job_id": "web"}', b'{"buckets": [{"job_id": "db"}]}', b'{"delete": {}}']
    >>> passed_over = Counter()
    >>> [(kind, document) for _, kind, document, _ in read_documents("a.json", lines, passed_over)]
    [(None, {'job_id': 'web'}), ('bucket', {'job_id': 'db'})]
    >>> passed_over
    Counter({'delete action': 1})
    """
    action: tuple[str, int] | None = None
    for value, place in read_values(lines):
        if action is None and (type(value) is not dict or "result_type" in value or "_source" in value):
            yield source, None, value, place
        elif (name := _action_of(value)) is not None:
            if action is not None:
                raise _without_source(*action)
            action = _with_source(name, place if isinstance(place, int) else place.line, passed_over)
        elif action is not None:
            action = None
            yield source, None, value, place
        else:
            yield from _unwrapped(source, value, place, passed_over)
    if action is not None:
        raise _without_source(*action)


def _with_source(name: str, line: int, passed_over: Counter[str]) -> tuple[str, int] | None:
    """The bulk action if the next document is its source; None if it has no source and is passed over."""
    if name == "update":
        raise Unreadable(line, "an [update] action has only a part of a document, so it cannot be stored")
    if name == "delete":
        passed_over["delete action"] += 1
        return None
    return name, line


def _without_source(name: str, line: int) -> Unreadable:
    return Unreadable(line, f"expected a document after this [{name}] action")


def _unwrapped(source: str, value: Any, place: int | Place, passed_over: Counter[str]) -> Iterator[Located]:
    """The documents in an object of the server, or else the object itself as one."""
    envelope = unwrap(value)
    if envelope is not None:
        around = Place(place) if isinstance(place, int) else place
        for position, document in enumerate(envelope.documents):
            yield source, envelope.kind, document, around._replace(path=f"{envelope.path}[{position}]")
    elif (other := _other(value)) is not None:
        passed_over[other] += 1
    else:
        yield source, None, value, place


def _action_of(document: Any) -> str | None:
    """The name of a bulk action, None for anything else. No document has a single key that is such a name."""
    if type(document) is not dict or len(document) != 1:
        return None
    ((name, metadata),) = document.items()
    return name if name in _ACTIONS and type(metadata) is dict and not _is_definition(metadata) else None


def _other(document: dict[str, Any]) -> str | None:
    """A word for an object of the server that is not a document; None for anything else."""
    if document and all(map(_is_definition, document.values())):
        return "index definition"
    if "error" in document and ("status" in document or len(document) == 1):
        return f"server error{_reason_of(document['error'])}"
    return None


def _reason_of(error: Any) -> str:
    """The reason of an error of the server in brackets, cut if it is long; empty if it has none."""
    reason = error.get("reason") if type(error) is dict else error
    return f" [{reason[:_LONGEST_REASON]}]" if type(reason) is str else ""


def _is_definition(part: Any) -> bool:
    """Whether this is the definition of an index or a template, which dumps have under its name."""
    return type(part) is dict and not _DEFINITION.isdisjoint(part)
