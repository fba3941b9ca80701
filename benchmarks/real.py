"""Real documents: the files they are in, what is known of them from elsewhere, and how a hand would put them by job."""

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.workloads import Document

SAMPLES: Final = Path(__file__).parent.parent / "tests" / "data"


def read_documents(path: Path) -> Iterator[Document]:
    """The documents of a gzipped file, one JSON object a line."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


class RealSet(NamedTuple):
    """Files of real buckets, and what is known of them from elsewhere: a count made without this library."""

    files: tuple[str, ...]
    buckets: int
    jobs: int
    at_or_above: Mapping[float, int]

    def read(self, folder: Path = SAMPLES) -> list[Document]:
        """All documents, parsed, in the order of the files."""
        return [document for name in self.files for document in read_documents(folder / f"{name}.ndjson.gz")]


REPOSITORY: Final = RealSet(
    files=("numentaTM_1h_by_category.buckets", "numenta_nyc_taxi.buckets"),
    buckets=30_010,
    jobs=8,
    at_or_above={1.0: 18_542, 10.0: 2_501, 25.0: 1_552, 50.0: 555, 75.0: 385, 100.0: 306},
)
BOTH_FULL: Final = RealSet(
    files=("numenta.buckets", "numentaTM.buckets"),
    buckets=730_770,
    jobs=116,
    at_or_above={1.0: 380_214, 10.0: 27_146, 25.0: 13_097, 50.0: 1_617, 75.0: 1_189, 100.0: 996},
)


def by_job(documents: Iterable[Document]) -> dict[str, list[Document]]:
    """The documents of each job, in order of time: what a list of dicts needs before it can be asked."""
    jobs = defaultdict(list)
    for document in documents:
        jobs[document["job_id"]].append(document)
    for some in jobs.values():
        some.sort(key=itemgetter("timestamp", "bucket_span"))
    return dict(jobs)
