"""Answers as HTML: captions, at most 50 rows, escaped texts, and indexes without documents."""

import pickle
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, RecordQuery, ResultsIndex, SwimlaneQuery
from bucketquery.answers.notebook import overall_html, swimlane_html
from support.helpers import bucket, record

_VOID = {"rect", "path"}


class _Reader(HTMLParser):
    """The texts of captions and cells; it refuses elements that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[list[str]] = []
        self.captions: list[str] = []
        self.styles: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")
            self.styles.append(dict(attrs).get("style") or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _VOID
        assert attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1] in ("td", "th"):
            self.cells[-1][-1] += data
        elif self.open == ["div", "div"]:
            self.captions.append(data)


def two_jobs(**options: Any) -> ResultsIndex:
    """An index with 60 buckets of one job, and one bucket and one record of another, whose texts are HTML."""
    index = ResultsIndex(**options)
    index.upsert([bucket(row, anomaly_score=float(row)) for row in range(60)])
    index.upsert([bucket(0, job_id="<b>", anomaly_score=80.0)])
    index.upsert([record(0, job_id="<b>", function="mean", field_name="<i>&", record_score=5.0)])
    return index


def test_a_page_shows_its_first_50_results() -> None:
    """The caption counts all of them, and the chart has all."""
    read = _Reader(two_jobs().get_buckets(job_id="web")._repr_html_())
    assert read.captions == ["60 of 60 buckets of job web; the first 50 are shown"]
    assert read.cells[0] == ["timestamp", "score", "severity", "initial", "events"]
    assert len(read.cells) == 51
    assert read.cells[50][1:3] == ["49.00", "minor"]


def test_several_jobs_are_named_in_a_column() -> None:
    """Their ids are escaped."""
    index = two_jobs()
    read = _Reader(index.search(BucketQuery(jobs=index.jobs(), size=2))._repr_html_())
    assert read.captions == ["2 of 61 buckets of several jobs"]
    assert [cells[:3] for cells in read.cells] == [
        ["job", "timestamp", "score"],
        ["<b>", "1970-01-01T00:00:00Z", "80.00"],
        ["web", "1970-01-01T00:00:00Z", "0.00"],
    ]
    assert "background:#fe5050" in read.styles[8]


def test_records_are_escaped_too() -> None:
    """A field name may be HTML."""
    read = _Reader(two_jobs().get_records(job_id="<b>")._repr_html_())
    assert read.captions == ["1 of 1 records of job <b>"]
    assert "mean(<i>&)" in read.cells[1]


@pytest.mark.parametrize(
    "query", [BucketQuery(jobs="<b>", anomaly_score=99), RecordQuery(jobs="web"), BucketQuery(jobs="web", size=0)]
)
def test_an_empty_page_has_a_caption_only(query: Any) -> None:
    """There is no table without rows, and no chart."""
    read = _Reader(two_jobs().search(query)._repr_html_())
    assert len(read.captions) == 1
    assert read.captions[0].startswith("0 of ")
    assert not read.cells


def test_without_documents_the_identities_are_shown() -> None:
    """An index that keeps no documents cannot make values."""
    index = two_jobs(keep_documents=False)
    read = _Reader(index.get_records(job_id="<b>")._repr_html_())
    assert read.cells == [
        ["job_id", "timestamp", "bucket_span", "detector_index", "score"],
        ["<b>", "0", "300", "0", "5.00"],
    ]


def test_an_unpickled_page_is_shown_too() -> None:
    """It has copies of its rows."""
    page = two_jobs().get_buckets(job_id="web")
    assert pickle.loads(pickle.dumps(page))._repr_html_() == page._repr_html_()


def test_a_swimlane_shows_its_first_50_lanes() -> None:
    """The caption counts all lanes."""
    names = [f"job-{lane:02}" for lane in range(60)]
    html = swimlane_html(names, np.array([0, 1, 2]), np.full((60, 2), 5.0), 70)
    assert _Reader(html).captions == ["60 of 70 lanes, 2 cells; the first 50 lanes are shown"]
    assert ("job-49" in html, "job-50" in html, html.count("<rect")) == (True, False, 100)
    assert _Reader(swimlane_html([], np.array([], dtype=np.int64), np.empty((0, 0)), 0)).captions == [
        "0 of 0 lanes, 0 cells"
    ]


def test_overall_buckets_are_a_chart_and_a_table() -> None:
    """The chart has all of them, the table the first ones."""
    columns = {"timestamp": [str(row) for row in range(50)], "score": ["80.00"] * 50}
    html = overall_html(np.arange(60), np.full(60, 80.0), columns)
    assert _Reader(html).captions == ["60 overall buckets; the first 50 are shown"]
    assert (len(_Reader(html).cells), html.count("<rect")) == (51, 60)


def hostile(jobs: int, hours: int = 1) -> ResultsIndex:
    """Jobs and influencers whose texts are HTML or steer a terminal, or are very long."""
    index = ResultsIndex()
    names = [f"<i>{number:03}</i>" for number in range(jobs)]
    index.upsert(
        [
            bucket(12 * hour, job_id=name, anomaly_score=float(80 - number % 60))
            for number, name in enumerate(names)
            for hour in range(hours)
        ]
    )
    entity = {"result_type": "influencer", "influencer_field_name": "<u>"}
    values = [f"<s>\x1b{number:02}" + "x" * 10_000 for number in range(60)]
    index.upsert(
        [
            bucket(0, influencer_field_value=value, influencer_score=float(row), **entity)
            for row, value in enumerate(values)
        ]
    )
    return index


def test_overall_buckets_show_themselves() -> None:
    """The table names the three worst jobs of each of the first 50, and their number."""
    found = hostile(5, hours=60).get_overall_buckets(job_id="<i>*", top_n=2, bucket_span="1h")
    read = _Reader(found._repr_html_())
    assert read.captions == ["60 overall buckets; the first 50 are shown"]
    assert read.cells[0] == ["timestamp", "score", "severity", "jobs", "worst jobs"]
    assert len(read.cells) == 51
    assert read.cells[50] == [
        "1970-01-03T01:00:00Z",
        "79.50",
        "critical",
        "5",
        "<i>000</i> 80.00, <i>001</i> 79.00, <i>002</i> 78.00",
    ]
    assert "<i>" not in found._repr_html_()
    assert pickle.loads(pickle.dumps(found))._repr_html_() == found._repr_html_()
    assert _Reader(ResultsIndex().get_overall_buckets(job_id="*")._repr_html_()).captions == ["0 overall buckets"]


def test_an_overall_bucket_before_the_first_year_is_shown_by_its_number() -> None:
    """No datetime has its start."""
    index = ResultsIndex()
    index.upsert([bucket(0, timestamp="0001-01-01T00:00:00Z", anomaly_score=9.0)])
    found = index.get_overall_buckets(job_id="*", bucket_span="5d")
    assert _Reader(found._repr_html_()).cells[1][0] == str(found[0].timestamp)


def test_swimlanes_show_themselves() -> None:
    """All texts are escaped; calendar cells are as wide as they are long."""
    index = hostile(60, hours=24 * 70 + 1)
    swimlane = index.swimlane(SwimlaneQuery(jobs="<i>*", cell="month", lanes=60))
    html = swimlane._repr_html_()
    assert _Reader(html).captions == ["60 of 60 lanes, 3 cells; the first 50 lanes are shown"]
    assert "<i>" not in html
    widths = [float(width) for width in re.findall(r'width="([0-9.]+)" height="14.0"', html)[:3]]
    assert [round(width + 0.5) for width in widths] == [155, 140, 155]
    assert pickle.loads(pickle.dumps(swimlane))._repr_html_() == html


def test_top_influencers_show_themselves() -> None:
    """A table of the first 50, with long values cut."""
    found = hostile(1).top_influencers(jobs="_all", size=55)
    html = found._repr_html_()
    read = _Reader(html)
    assert read.captions == ["55 of 60 influencers; the first 50 are shown"]
    assert read.cells[0] == ["field", "value", "score", "sum", "results"]
    assert len(read.cells) == 51
    assert (read.cells[1][0], read.cells[1][2:]) == ("<u>", ["59.00", "59.00", "1"])
    assert read.cells[1][1].startswith("<s>\\x1b59xxx")
    assert len(read.cells[1][1]) == 300
    assert len(html) < 50_000
    none = ResultsIndex().top_influencers(jobs="*")._repr_html_()
    assert (_Reader(none).captions, _Reader(none).cells) == (["0 of 0 influencers"], [])
