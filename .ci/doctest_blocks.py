"""An extension of griffe that turns docstrings, which are written for `help()`, into Markdown for the site.

Each example becomes a code block, because Markdown reads a line that begins with ``>>>`` as a quotation. The lines
``Complexity:`` and ``Source:`` become paragraphs of their own. The rest of a docstring stays unchanged.
"""

import re
from typing import Any

import griffe

#: An example: a line with a prompt and all lines up to the next blank line.
_EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)
_LABEL = re.compile(r"^(Complexity|Source): ", re.MULTILINE)


class DoctestBlocks(griffe.Extension):
    """Rewrite each docstring before it is rendered."""

    def on_instance(self, *, obj: griffe.Object, **_kwargs: Any) -> None:
        """Rewrite the docstring of one object, if it has one."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """Return a docstring with its examples as code blocks and its labels as paragraphs."""
    fenced = _EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", docstring)
    return _LABEL.sub(lambda found: f"\n**{found[1]}:** ", fenced)
