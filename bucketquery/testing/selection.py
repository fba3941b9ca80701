"""The jobs that tokens select: ids, groups, wildcards and exclusions, over plain lists.

Not here: the jobs of a feed, which may have changes of jobs that are deleted by now.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from bucketquery.errors import InvalidQuery, LimitExceeded, UnknownJob
from bucketquery.testing.values import plain

_MOST_TOKENS: Final = 100_000
_MOST_CHARACTERS: Final = 256
_MOST_ASTERISKS: Final = 8


def selected(known: Mapping[str, Collection[str]], jobs: str | Iterable[str], *, field: str = "jobs") -> list[str]:
    """The ids of the known jobs that some tokens select, sorted by code point.

    Args:
        known: the id of each known job, and its groups.
        jobs: tokens: a text with commas, or an iterable of such texts.
        field: the parameter that has the tokens, for errors.

    Raises:
        InvalidQuery: there is no token, the first one is an exclusion, or one can match no job.
        LimitExceeded: there are too many tokens, or one has too many characters or asterisks.
        UnknownJob: a token without an asterisk is neither a known job nor a group.

    Complexity: O(k j) for k tokens and j jobs with their groups.
    Source: docs/semantics/jobs.md, 20.selection.

    >>> known = {"web-1": ["shop"], "web-2": [], "db": ["shop"]}
    >>> selected(known, "web-*"), selected(known, "shop"), selected(known, ["_all", "-web-*"])
    (['web-1', 'web-2'], ['db', 'web-1'], ['db'])
    """
    tokens = _tokens(jobs, field)
    found: set[str] = set()
    for token in tokens:
        if token.startswith("-"):
            found -= _named(known, token[1:], field)
        else:
            found |= _named(known, token, field)
    return sorted(found)


def selects(tokens: Sequence[str], job_id: str) -> bool:
    """Whether the tokens of a query select a known job that is in no group.

    Args:
        tokens: the attribute ``jobs`` of a query.
        job_id: the id of the job.

    >>> selects(("web-*", "-web-1"), "web-1"), selects(("web-*",), "web-1")
    (False, True)
    """
    is_selected = False
    for token in tokens:
        name = token.removeprefix("-")
        if is_selected == token.startswith("-") and (name in ("_all", job_id) or ("*" in name and _fits(name, job_id))):
            is_selected = not is_selected
    return is_selected


def _fits(pattern: str, name: str) -> bool:
    """Whether a name matches a pattern with asterisks."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) is not None


def _tokens(jobs: Any, field: str) -> list[str]:
    """The tokens in order, checked."""
    given = plain(jobs)
    texts = [given] if isinstance(given, str) else [*given]
    tokens: list[str] = []
    for text in map(plain, texts):
        if not isinstance(text, str):
            reason = f"[{field}] has an entry that is not text"
            raise InvalidQuery(reason, field=field, value=text)
        tokens += [token.strip() for token in text.split(",") if token.strip()]
    if not tokens:
        reason = f"[{field}] names no job"
        raise InvalidQuery(reason, field=field, value=jobs)
    if len(tokens) > _MOST_TOKENS:
        reason = f"[{field}] has more than {_MOST_TOKENS} tokens"
        raise LimitExceeded(reason, field=field, value=jobs)
    for token in tokens:
        _check(token, field)
    if tokens[0].startswith("-"):
        reason = f"[{field}] begins with an exclusion"
        raise InvalidQuery(reason, field=field, value=tokens[0])
    return tokens


def _check(token: str, field: str) -> None:
    if len(token) > _MOST_CHARACTERS or re.sub(r"\*+", "*", token).count("*") > _MOST_ASTERISKS:
        reason = f"a token of [{field}] has more than {_MOST_CHARACTERS} characters or {_MOST_ASTERISKS} asterisks"
        raise LimitExceeded(reason, field=field, value=token)
    name = token.removeprefix("-")
    has_blank = any(letter.isspace() or unicodedata.category(letter) == "Cc" for letter in name)
    if not name or has_blank or (name.startswith(("-", "_")) and name != "_all"):
        reason = f"a token of [{field}] can match no job"
        raise InvalidQuery(reason, field=field, value=token)


def _named(known: Mapping[str, Collection[str]], name: str, field: str) -> set[str]:
    """The jobs that a token without its sign selects."""
    if name == "_all":
        return set(known)
    if "*" in name:
        return {job for job, groups in known.items() if any(_fits(name, each) for each in (job, *groups))}
    if name in known:
        return {name}
    members = {job for job, groups in known.items() if name in groups}
    if not members:
        reason = f"No known job with id '{name}'"
        raise UnknownJob(reason, field=field, value=name)
    return members
