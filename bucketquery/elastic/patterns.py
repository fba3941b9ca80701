"""Patterns: names with asterisks, each of which stands for any characters."""

from collections.abc import Callable


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a name matches a pattern, as a function. Its time is linear, which a regular expression does not promise.

    >>> [name for name in ("web-1", "web", "db-1") if matcher("w*-*")(name)]
    ['web-1']
    """
    first, *inner, last = pattern.split("*")
    inner = [part for part in inner if part]

    def matches(name: str) -> bool:
        end = len(name) - len(last)
        if end < len(first) or not (name.startswith(first) and name.endswith(last)):
            return False
        at = len(first)
        for part in inner:
            at = name.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True

    return matches
