"""Real documents: the files of `tests/data`, and a reader for such files."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parent.parent / "data"


def read_documents(path: Path) -> Iterator[dict[str, Any]]:
    """The documents of a gzipped file, one JSON object a line."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)
