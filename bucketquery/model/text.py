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


def shortened(text: str, longest: int, dots: str = "…") -> str:
    """The text with unprintable characters escaped, cut in its middle if it is too long.

    Ids often begin alike, so the end tells as much as the beginning.

    Args:
        text: of any length. Only the characters that may be shown are read.
        longest: the largest length, greater than that of ``dots``.
        dots: stands for the part that is left out.

    >>> shortened("web-host-0001-cpu", 10), shortened("web", 10)
    ('web-h…-cpu', 'web')
    """
    shown = visible(text if len(text) <= 2 * longest else text[:longest] + text[-longest:])
    if len(shown) <= longest:
        return shown
    kept = longest - len(dots)
    return f"{shown[: kept - kept // 2]}{dots}{shown[len(shown) - kept // 2 :]}"


def told_apart(texts: Sequence[str], longest: int, dots: str = "…") -> list[str]:
    """The texts, each cut by `shortened`. If any is too long, the beginning and the end that all share are left out.

    Args:
        texts: of any length.
        longest: the largest length, greater than twice that of ``dots``.
        dots: stands for a part that is left out.

    >>> told_apart(["hosts-web-0001-cpu", "hosts-app-0001-cpu"], 12), told_apart(["web-1", "web-2"], 12)
    (['…web…', '…app…'], ['web-1', 'web-2'])
    """
    if len(texts) > 1 and max(map(len, texts)) > longest:
        before = _common(min(texts), max(texts))
        ends = [text[before:][::-1] for text in texts]
        after = _common(min(ends), max(ends))
        first = dots if before > len(dots) else texts[0][:before]
        last = dots if after > len(dots) else texts[0][len(texts[0]) - after :]
        texts = [f"{first}{text[before : len(text) - after]}{last}" for text in texts]
    return [shortened(text, longest, dots) for text in texts]


def _common(one: str, other: str) -> int:
    """The number of characters with which both texts begin."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def are_job_ids(texts: Sequence[str]) -> bool:
    """Whether one or more texts, all of them built-in, are all valid job ids: a tenth of the time of `is_job_id`.

    >>> are_job_ids(["web", "db"]), are_job_ids(["web", "web*"])
    (True, False)
    """
    # A comma comes before each text, so one of these pairs means that a text is empty or begins with such a character.
    joined = f",{','.join(texts)},"
    if max(map(len, texts)) > LONGEST_JOB_ID or ",," in joined or ",-" in joined or ",_" in joined:
        return False
    if joined.count(",") != len(texts) + 1:
        return False
    # Blanks other than the space, and control characters, are not printable. Few valid characters are not.
    is_plain = joined.isprintable() and " " not in joined and "*" not in joined
    return is_plain or not _NOT_IN_JOB_IDS.search("".join(texts))


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
