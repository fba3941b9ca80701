"""Real documents, and documents as people have them: the files of `tests/data`, and readers for such files."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[1] / "data"
#: Small files of our own, in the forms that documents have outside this library.
AS_PEOPLE_HAVE_THEM = SAMPLES / "as_people_have_them"


def read_documents(path: Path) -> Iterator[dict[str, Any]]:
    """The documents of a gzipped file, one JSON object a line."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def read_hits(**how: Any) -> Iterator[dict[str, Any]]:
    """The search hits of a dump of a shared results index, one JSON object a line; `how` is for `json.loads`."""
    with (AS_PEOPLE_HAVE_THEM / "shared_index.ndjson").open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line, **how)


def read_answer(name: str, **how: Any) -> dict[str, Any]:
    """The body of an answer: `expanded_answer` or `answer_with_event`; `how` is for `json.loads`."""
    answer: dict[str, Any] = json.loads((AS_PEOPLE_HAVE_THEM / f"{name}.json").read_text(encoding="utf-8"), **how)
    return answer
