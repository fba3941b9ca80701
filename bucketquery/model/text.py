"""Job ids, and text from callers: its stored form, and its form in a message."""

import re
from collections.abc import Sequence
from typing import Final, TypeGuard

from bucketquery.model.scalars import base_form

LONGEST_JOB_ID: Final = 255
JOB_ID_RULE: Final = (
    "must be text of 1 to 255 characters without comma, asterisk, blank or control character, and not begin with - or _"
)

_NOT_IN_JOB_IDS = re.compile(r"[\s,*\x00-\x1f\x7f-\x9f]")
_NOT_IN_PATTERNS = re.compile(r"[\s,\x00-\x1f\x7f-\x9f]")
_LONG: Final = 2**63


def built_in_str(text: str) -> str:
    """A text of any subclass of ``str`` as a built-in str. ``str()`` would return the name of an enumeration's member.

    >>> from enum import Enum
    >>> built_in_str(Enum("Job", {"WEB": "web"}, type=str).WEB)
    'web'
    """
    return text if type(text) is str else str.__str__(text)


def brief(value: object) -> str:
    """An invalid value as an error shows it: at most 100 characters of text, a short number, or the name of its type.

    >>> brief("abc"), brief([1, 2])
    ('abc', 'list')
    """
    shown = base_form(value)
    of = type(shown)
    if of is str:
        text: str = shown[:100]
        return text
    # Python refuses to write an integer of thousands of digits.
    if of is bool or of is float or (of is int and abs(shown) < _LONG):
        return str(shown)
    return type(value).__name__


def visible(text: str) -> str:
    r"""The text with every unprintable character escaped, so that it cannot control a terminal.

    >>> visible("web\x1b[2J")
    'web\\x1b[2J'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def are_job_ids(texts: Sequence[str]) -> bool:
    """Whether one or more texts, all of them built-in, are all valid job ids: a third of the time of `is_job_id`.

    >>> are_job_ids(["web", "db"]), are_job_ids(["web", "web*"])
    (True, False)
    """
    return (
        max(map(len, texts)) <= LONGEST_JOB_ID
        and not _NOT_IN_JOB_IDS.search("".join(texts))
        and {"", "-", "_"}.isdisjoint([text[:1] for text in texts])
    )


def is_job_id(value: object) -> TypeGuard[str]:
    """Whether the base form of a value is a valid job id.

    A job id is text of 1 to 255 characters without commas, asterisks, blanks and control characters. It does not begin
    with ``-`` or ``_``.

    >>> is_job_id("web"), is_job_id("web*")
    (True, False)
    """
    if type(value) is not str or not 0 < len(value) <= LONGEST_JOB_ID:
        return False
    return value[0] not in "-_" and not _NOT_IN_JOB_IDS.search(value)


def is_pattern(text: str) -> bool:
    """Whether a text with asterisks could match a job id.

    >>> is_pattern("web-*"), is_pattern("_web*"), is_pattern("we b*")
    (True, False, False)
    """
    return text[0] not in "-_" and not _NOT_IN_PATTERNS.search(text)
