"""The pictures of docs/guide/many-jobs.md: 116 real jobs as a swimlane and as overall buckets.

BUCKETQUERY_DATA=FOLDER python -m benchmarks.many_jobs_pictures docs/pictures

The folder has `numenta.buckets.ndjson.gz` and `numentaTM.buckets.ndjson.gz`: the results of two detectors over the 58
series of the Numenta Anomaly Benchmark. A picture has the HTML of an answer in an SVG.
"""

import gzip
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bucketquery import ResultsIndex, SwimlaneQuery

FILES: Final = ("numenta.buckets.ndjson.gz", "numentaTM.buckets.ndjson.gz")
#: The months in which most of the series have results.
START: Final = "2014-02-01"
END: Final = "2014-05-01"
LANES: Final = 20

_WIDTH: Final = 660
_MARGIN: Final = 10
#: The heights of a lane, of a row with three lines, and of the texts and charts above them.
_LANE_HEIGHT: Final = 16
_ABOVE: Final = 60
_ROW_HEIGHT: Final = 47
_ABOVE_TABLE: Final = 136
_STYLE: Final = "font:12px sans-serif;color:#222;margin:0"
#: A notebook gives its tables a style like this.
_TABLE: Final = (
    "table{border-collapse:collapse;font-size:11px;line-height:15px}"
    "td,th{padding:1px 6px}svg{margin:4px 0;display:block}"
)


def index_of(folder: Path) -> ResultsIndex:
    """An index with the buckets of all 116 jobs."""
    index = ResultsIndex()
    for name in FILES:
        with gzip.open(folder / name) as lines:
            index.upsert([json.loads(line) for line in lines])
    return index


def picture(html: str, height: int) -> str:
    """HTML as an SVG on a white ground, which is legible on a dark page too."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">'
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>'
        f'<foreignObject x="{_MARGIN}" y="{_MARGIN}" width="{_WIDTH - 2 * _MARGIN}" height="{height - 2 * _MARGIN}">'
        f'<div xmlns="http://www.w3.org/1999/xhtml" style="{_STYLE}"><style>{_TABLE}</style>{html}</div>'
        "</foreignObject></svg>\n"
    )


def draw(index: ResultsIndex, folder: Path) -> list[Path]:
    """Write the pictures into a folder."""
    swimlane = index.swimlane(SwimlaneQuery(jobs="_all", cell="day", start=START, end=END, lanes=LANES))
    overall = index.get_overall_buckets(
        job_id="_all", top_n=8, bucket_span="1d", start=START, end=END, overall_score=55
    )
    pictures = {
        "many-jobs-swimlane.svg": picture(swimlane._repr_html_(), _ABOVE + LANES * _LANE_HEIGHT),
        "many-jobs-notebook.svg": picture(overall._repr_html_(), _ABOVE_TABLE + len(overall) * _ROW_HEIGHT),
    }
    for name, svg in pictures.items():
        (folder / name).write_text(svg, encoding="utf-8")
    return [folder / name for name in pictures]


def main(arguments: Sequence[str]) -> int:
    """Draw the pictures into the folder that is named."""
    data = os.environ.get("BUCKETQUERY_DATA")
    if not data or len(arguments) != 1:
        print("usage: BUCKETQUERY_DATA=FOLDER python -m benchmarks.many_jobs_pictures FOLDER", file=sys.stderr)
        return 2
    for path in draw(index_of(Path(data)), Path(arguments[0])):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
