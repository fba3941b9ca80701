"""The parameter ``filter_path``: which parts of a body a reply shows, by the server's rules.

A filter is a tree of path segments, and a walk through a body moves through that tree. Equal moves are made once, so a
page costs little more than the number of its keys.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from bucketquery.errors import LimitExceeded
from bucketquery.jobs.patterns import matcher

#: The length of the longest filter. The server reads no URL longer than this.
LONGEST: Final = 4_096
#: The largest number of paths in a filter.
MOST_PATHS: Final = 100

_ANY_DEPTH: Final = "**"
#: The characters that Java trims: U+0000 to U+0020, the space.
_BLANKS: Final = "".join(map(chr, range(0x21)))
#: The result of a move: the path ends here, so the whole value matches.
_MATCH: Final = True
#: Stands for a value of which nothing is left.
_NOTHING: Final = object()


class Filter(NamedTuple):
    """The parts of a body to show.

    Attributes:
        included: the parts that are kept; None keeps all.
        excluded: the parts that are then left out; None leaves out none.
    """

    included: "_State | None"
    excluded: "_State | None"

    def shown(self, body: dict[str, Any]) -> dict[str, Any]:
        """A body without the parts that the filter leaves out; empty if nothing is left.

        Each key takes one look-up, once the filter has met its name in the same place.

        >>> body = {"count": 1, "buckets": [{"timestamp": 0, "anomaly_score": 5.0}]}
        >>> read_filter("buckets.anomaly_score").shown(body), read_filter("-buckets").shown(body)
        ({'buckets': [{'anomaly_score': 5.0}]}, {'count': 1})
        """
        kept: Any = body
        for state, walk in ((self.included, _included), (self.excluded, _excluded)):
            if state is not None:
                kept = walk(kept, state)
                if kept is _NOTHING:
                    return {}
        return dict(kept)


def read_filter(text: str) -> Filter | None:
    r"""The filter that the text of the parameter means; None if it has no path.

    Paths are separated by commas, segments by dots. ``*`` stands for any characters of a segment, the segment ``**``
    for one or more segments, and ``\.`` for a dot in a name. Paths that begin with ``-`` are left out.

    Raises:
        LimitExceeded: the text is longer than `LONGEST`, or has more than `MOST_PATHS` paths.

    Source: the server's ``AbstractRestChannel``, ``FilterPath`` and ``FilterPathBasedFilter``.

    >>> read_filter(" , ") is None
    True
    """
    if len(text) > LONGEST:
        raise LimitExceeded(f"[filter_path] is longer than {LONGEST} characters", field="filter_path", value=text)
    paths = [path for part in text.split(",") if (path := part.strip(_BLANKS))]
    if len(paths) > MOST_PATHS:
        raise LimitExceeded(f"[filter_path] has more than {MOST_PATHS} paths", field="filter_path", value=text)
    included = _start(path for path in paths if path[0] != "-")
    excluded = _start(path[1:].strip(_BLANKS) for path in paths if path[0] == "-")
    return None if included is None and excluded is None else Filter(included, excluded)


class _Node:
    """A segment of the paths that begin alike."""

    def __init__(self, segment: str) -> None:
        self.segment = segment
        self.children: dict[str, _Node] = {}
        self.is_last = False
        #: The children with an asterisk, and whether a name matches each. `_grow` fills this.
        self.patterns: list[tuple[Callable[[str], bool], _Node]] = []


def _start(paths: Iterable[str]) -> "_State | None":
    """The state in which a walk begins; None if there are no paths."""
    root = _Node("")
    for path in filter(None, paths):
        _grow(root, path)
    return _State((root,)) if root.children else None


def _grow(root: _Node, path: str) -> None:
    """Add a path to the tree, unless the tree has a shorter path with the same first segments."""
    node = root
    for segment in _segments(path):
        if node.is_last:
            return
        child = node.children.get(segment)
        if child is None:
            child = node.children[segment] = _Node(segment)
            if "*" in segment:
                node.patterns.append((matcher(segment), child))
        node = child
    node.is_last = True


def _segments(path: str) -> list[str]:
    """The segments of a path. If a segment would begin with a dot, the whole rest of the path is one segment."""
    segments = []
    start = at = 0
    while at < len(path):
        if path[at] == "." and at == start:
            break
        if path[at] == ".":
            segments.append(_unescaped(path[start:at]))
            start = at + 1
        at += 2 if path.startswith("\\.", at) else 1
    return [*segments, _unescaped(path[start:])]


def _unescaped(segment: str) -> str:
    return segment if segment.startswith(".") else segment.replace("\\.", ".")


class _State:
    """Where a walk is in the tree: the segments that led there."""

    def __init__(self, nodes: tuple[_Node, ...]) -> None:
        self._nodes = nodes
        self._moves: dict[str, _State | bool | None] = {}

    def move(self, name: str) -> "_State | bool | None":
        """The state below a key of this name; True if a path ends there, None if no path goes on."""
        try:
            return self._moves[name]
        except KeyError:
            found = self._moves[name] = self._move(name)
            return found

    def _move(self, name: str) -> "_State | bool | None":
        following: dict[_Node, None] = {}
        for node in self._nodes:
            met = [child for matches, child in node.patterns if matches(name)]
            if name in node.children:
                met.append(node.children[name])
            if any(child.is_last for child in met):
                return _MATCH
            following |= dict.fromkeys(met)
            if node.segment == _ANY_DEPTH:
                following[node] = None
        return _State(tuple(following)) if following else None


def _included(value: Any, state: _State) -> Any:
    """The parts of a value that a path reaches; a value that is neither an object nor a list has none."""
    if isinstance(value, dict):
        kept = {}
        for name, inner in value.items():
            move = state.move(name)
            if move is _MATCH:
                kept[name] = inner
            elif isinstance(move, _State) and (part := _included(inner, move)) is not _NOTHING:
                kept[name] = part
        return kept or _NOTHING
    if isinstance(value, list):
        return [part for inner in value if (part := _included(inner, state)) is not _NOTHING] or _NOTHING
    return _NOTHING


def _excluded(value: Any, state: _State) -> Any:
    """The parts of a value that no path reaches. An object or list that loses all its parts is left out itself."""
    if isinstance(value, dict) and value:
        kept = {}
        for name, inner in value.items():
            move = state.move(name)
            if move is None:
                kept[name] = inner
            elif isinstance(move, _State) and (part := _excluded(inner, move)) is not _NOTHING:
                kept[name] = part
        return kept or _NOTHING
    if isinstance(value, list) and value:
        return [part for inner in value if (part := _excluded(inner, state)) is not _NOTHING] or _NOTHING
    return value
