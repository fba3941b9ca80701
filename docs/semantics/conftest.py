"""The examples of every chapter start from the names that the examples of index.md define."""

from doctest import DebugRunner, DocTestParser
from pathlib import Path
from typing import Any

import pytest

INDEX_PAGE = Path(__file__).with_name("index.md")


@pytest.fixture
def doctest_namespace() -> dict[str, Any]:
    """The names defined by the examples of the index page, made anew for each chapter."""
    text = INDEX_PAGE.read_text(encoding="utf-8")
    examples = DocTestParser().get_doctest(text, {}, INDEX_PAGE.name, str(INDEX_PAGE), 0)
    # The debug runner raises if an example of the index page fails, so no chapter runs without its names.
    DebugRunner(verbose=False).run(examples, clear_globs=False)
    return examples.globs
