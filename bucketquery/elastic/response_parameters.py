"""The parameters of a URL that shape the reply, whichever path it has.

They are read before the path. They are read from the URL even if there is a body.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from bucketquery.elastic.filter_path import Filter, read_filter
from bucketquery.errors import InvalidQuery
from bucketquery.model.text import brief
from bucketquery.queries.client_keywords import read_boolean_text

#: Their names, which no path refuses as unknown.
RESPONSE_PARAMETERS: Final = ("pretty", "human", "error_trace", "format", "filter_path")
#: Those that are booleans, in the order in which they are read.
_FLAGS: Final = ("pretty", "human", "error_trace")

#: The formats in which the server writes replies too.
_OTHER_FORMATS: Final = frozenset({"yaml", "cbor", "smile", "vnd_yaml", "vnd_cbor", "vnd_smile"})
#: Text of nothing but the characters that Java counts as whitespace.
_BLANK = re.compile("[\t-\r\x1c-\x20\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]*")


class ResponseParameters(NamedTuple):
    """How a reply is shown.

    Attributes:
        pretty: whether it is indented for people to read, even if it is an error.
        human: whether each timestamp is also shown as text.
        filter_path: the parts that are shown, unless it is an error; None shows all.
    """

    pretty: bool = False
    human: bool = False
    filter_path: Filter | None = None


#: The parameters of most requests, which name none of them.
NO_PARAMETERS: Final = ResponseParameters()


class UnsupportedFormat(InvalidQuery):
    """The request asks for a reply in another format than JSON."""

    _status = 406


def read_response_parameters(url: Mapping[str, str]) -> ResponseParameters:
    """The response parameters among all parameters of a URL.

    ``error_trace`` is checked and adds nothing, because no error has a stack trace of the server.

    Raises:
        InvalidQuery: a flag is not a boolean.
        UnsupportedFormat: ``format`` is a format of the server other than JSON. An unknown one counts as JSON.
        LimitExceeded: ``filter_path`` is too long.

    Source: the server's ``AbstractRestChannel`` and ``RestController``.

    >>> read_response_parameters({"pretty": "", "size": "5"})
    ResponseParameters(pretty=True, human=False, filter_path=None)
    """
    if url.keys().isdisjoint(RESPONSE_PARAMETERS):
        return NO_PARAMETERS
    pretty, human, _ = [read_flag(url[name], name) or False if name in url else False for name in _FLAGS]
    name = url.get("format", "")
    if name.lower() in _OTHER_FORMATS:
        reason = f"[format] is [{brief(name)}], but replies are written as [json] only"
        raise UnsupportedFormat(reason, field="format", value=name)
    return ResponseParameters(pretty, human, read_filter(url.get("filter_path", "")))


def is_blank(text: str) -> bool:
    r"""Whether a text has only whitespace, or nothing.

    >>> is_blank(" \t"), is_blank("\xa0")
    (True, False)
    """
    return _BLANK.fullmatch(text) is not None


def read_flag(text: str, name: str) -> bool | None:
    """A boolean of a URL: True if the text is empty, None (unset) if it is blank.

    Raises:
        InvalidQuery: the text is none of these, nor ``true`` or ``false``.

    >>> read_flag("", "desc"), read_flag(" ", "desc"), read_flag("false", "desc")
    (True, None, False)
    """
    if not text:
        return True
    return None if is_blank(text) else read_boolean_text(text, name)
