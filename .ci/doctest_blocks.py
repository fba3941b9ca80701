"""An extension of griffe, for the site: docstrings are written for `help()`, and Markdown needs more than they say.

Examples become code blocks, since Markdown takes a line that begins with ``>>>`` for a quotation. The lines on cost and
source become paragraphs of their own. Nothing else of a docstring changes.
"""

import re
from typing import Any

import griffe

#: An example: a line with a prompt, and what follows up to the next blank line.
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
