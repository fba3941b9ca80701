"""What passes for the id of a job, and text that comes from outside: as it is kept, and as it is told."""

import re
from typing import Final, TypeGuard

from bucketquery.model.numbers import is_integer

LONGEST_JOB_ID: Final = 255
JOB_ID_RULE: Final = (
    "must be text of 1 to 255 characters, none a comma, asterisk, blank or control, not beginning with - or _"
)

_NOT_IN_JOB_IDS = re.compile(r"[\s,*\x00-\x1f\x7f-\x9f]")
_LONG: Final = 2**63


def built_in_str(text: str) -> str:
    """The text itself, of whatever subclass; an enumeration's ``str`` is its name and not what it equals.

    >>> from enum import Enum
    >>> built_in_str(Enum("Job", {"WEB": "web"}, type=str).WEB)
    'web'
    """
    return text if type(text) is str else str.__str__(text)


def brief(value: object) -> str:
    """A wrong value for a message: as it is if that is short, else its type.

    >>> brief("abc"), brief([1, 2])
    ('abc', 'list')
    """
    if isinstance(value, str):
        return value[:100]
    # Python refuses to write out an integer of thousands of digits.
    if isinstance(value, bool | float) or (is_integer(value) and abs(int(value)) < _LONG):
        return str(value)
    return type(value).__name__


def visible(text: str) -> str:
    r"""The text with everything escaped that would steer a terminal or not be seen on it.

    >>> visible("web\x1b[2J")
    'web\\x1b[2J'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def is_job_id(value: object) -> TypeGuard[str]:
    """Whether a job could be called so.

    That takes text of 1 to 255 characters, none a comma, asterisk, blank or control, and no ``-`` or ``_`` in front.

    >>> is_job_id("web"), is_job_id("web*")
    (True, False)
    """
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_JOB_ID:
        return False
    return value[0] not in "-_" and not _NOT_IN_JOB_IDS.search(value)
