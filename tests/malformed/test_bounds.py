"""Each limit: its largest value is accepted, and one more raises a typed error that names it."""

import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from bucketquery import BucketQuery, InvalidDocument, InvalidQuery, LimitExceeded, ResultsIndex, UnknownJob
from support.malformed import FIRST_MS, HOUR, ILLEGAL, INF, LAST_MS, NAN, assert_carries, bucket, refusal, ways_to_ask

MIDNIGHT_2020 = 1_577_836_800_000
DATES = ["start", "end", "timestamp"]


def filled(rows: int = 12, *, max_size: int | None = None) -> ResultsIndex:
    """An index with one job of hourly buckets."""
    index = ResultsIndex() if max_size is None else ResultsIndex(max_size=max_size)
    scores = (np.arange(rows) * 37 % 101).astype(np.float64)
    index.upsert_columns(
        {"timestamp": np.arange(rows) * HOUR, "bucket_span": 3600, "anomaly_score": scores}, job_id="web"
    )
    return index


def past(action: Callable[[], Any], field: str) -> LimitExceeded:
    """The error of a value past a limit."""
    error = refusal(action)
    assert isinstance(error, LimitExceeded)
    assert isinstance(error, ValueError)
    assert_carries(error, LimitExceeded, field, ILLEGAL)
    return error


# ---- size


@pytest.mark.parametrize("max_size", [0, 1, 5, 10_000, 10**30])
def test_a_page_of_max_size_is_accepted(max_size: int) -> None:
    """A page may be as large as the limit."""
    index = filled(max_size=max_size)
    assert len(index.get_buckets(job_id="web", size=max_size)) == min(12, max_size)
    assert len(index.get_buckets(job_id="web", page={"size": max_size})) == min(12, max_size)
    assert len(index.search(BucketQuery(jobs="web", size=max_size))) == min(12, max_size)


@pytest.mark.parametrize("max_size", [0, 1, 5, 10_000])
@pytest.mark.parametrize("by", [1, 10**4, 2**63, 10**30])
def test_a_page_past_max_size_is_refused(max_size: int, by: int) -> None:
    """The error names `size`, its reason shows the limit, and nothing changes."""
    index = filled(max_size=max_size)
    size = max_size + by
    query = BucketQuery(jobs="web", size=size)
    actions: list[Callable[[], Any]] = [
        lambda: index.search(query),
        lambda: index.snapshot().search(query),
        lambda: index.get_buckets(job_id="web", size=size),
    ]
    for action in actions:
        error = past(action, "size")
        assert str(max_size) in error.reason
        assert error.value == size
    with pytest.raises(LimitExceeded) as caught:
        index.get_buckets(job_id="web", page={"size": size})
    assert caught.value.field in {"size", "page.size"}
    assert index.sequence == 1


def test_max_size_is_ten_thousand_by_default() -> None:
    """The default limit is 10,000."""
    index = filled(10_050)
    assert len(index.get_buckets(job_id="web", size=10_000)) == 10_000
    past(lambda: index.get_buckets(job_id="web", size=10_001), "size")


def test_the_default_size_is_limited_too() -> None:
    """If the limit is below the default size of 100, a call without a size is refused, and its page is not cut."""
    past(lambda: filled(max_size=99).get_buckets(job_id="web"), "size")
    assert len(filled(max_size=100).get_buckets(job_id="web")) == 12


def test_a_page_past_max_size_comes_before_an_unknown_job() -> None:
    """A size past the limit is reported before an unknown job."""
    past(lambda: filled().get_buckets(job_id="nope", size=10_001), "size")
    with pytest.raises(UnknownJob):
        filled().get_buckets(job_id="nope", size=10_000)


def test_max_size_does_not_limit_a_scan() -> None:
    """A scan has no page, so the limit of a page does not apply to it."""
    index = filled(max_size=2)
    assert len(list(index.scan(BucketQuery(jobs="web", size=2, from_=11)))) == 12


@pytest.mark.parametrize("size", [0, 1, 12, 13, 10_000])
def test_the_last_page_holds_the_rows_that_are_left(size: int) -> None:
    """A page that begins at the first row, at the last row, or past it holds the rows that are left."""
    index = filled()
    for from_ in (0, 11, 12, 13):
        page = index.get_buckets(job_id="web", from_=from_, size=size)
        assert (len(page), page.count) == (min(size, max(0, 12 - from_)), 12)


# ---- from

FAR = [12, 13, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, 10**400, 10**5000]
SHAPES: dict[str, dict[str, Any]] = {
    "by time": {},
    "by time descending": {"desc": True},
    "window": {"start": HOUR, "end": 9 * HOUR},
    "empty window": {"start": 9 * HOUR, "end": HOUR},
    "threshold": {"anomaly_score": 20.0},
    "by score": {"sort": "anomaly_score", "desc": True},
    "by score with a threshold": {"sort": "anomaly_score", "anomaly_score": 20.0},
    "by another field": {"sort": "event_count"},
    "by a field that no bucket has": {"sort": "record_score"},
    "final only": {"exclude_interim": True},
    "expanded": {"expand": True},
}


@pytest.mark.parametrize("params", SHAPES.values(), ids=SHAPES.keys())
def test_a_page_far_past_the_end_is_empty_with_the_true_count(params: dict[str, Any]) -> None:
    """`from_` may be a number of any size in a call, in its `page`, and in a query."""
    index = filled()
    count = index.get_buckets(job_id="web", **params).count
    for from_ in FAR:
        for page in (
            index.get_buckets(job_id="web", from_=from_, **params),
            index.get_buckets(job_id="web", page={"from": from_, "size": 10_000}, **params),
            index.search(BucketQuery(jobs="web", from_=from_, **params)),
        ):
            assert (page.count, len(page), list(page), list(page.keys())) == (count, 0, [], [])
            assert page.to_dict() == {"count": count, "buckets": []}
            assert page.column("anomaly_score").dtype == np.float64


@pytest.mark.parametrize("params", SHAPES.values(), ids=SHAPES.keys())
def test_skipping_far_takes_no_memory(params: dict[str, Any]) -> None:
    """A page takes the memory of the first page, whatever number of rows `from_` skips."""
    index = filled(2_000)
    query = BucketQuery(jobs="web", size=10, **params)
    index.search(query)
    peaks = []
    for from_ in (0, 10**7, 10**30):
        deep = query.replace(from_=from_)
        index.search(deep)
        tracemalloc.start()
        index.search(deep).to_dict()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks[1:]) < peaks[0] + 100_000


# ---- texts of dates

FULL = "2020-01-01T00:00:00.000000000Z||"  # 32 characters


@pytest.mark.parametrize("name", DATES)
def test_a_date_of_64_characters_and_8_operations_is_accepted(name: str) -> None:
    """A date may reach both limits at once."""
    text = FULL + "+10d-10d" * 4
    assert len(text) == 64
    params: dict[str, Any] = {name: text}
    assert getattr(BucketQuery(jobs="web", **params), name) == text
    index = filled(1)
    index.upsert([bucket(timestamp=MIDNIGHT_2020, bucket_span=1)])
    assert index.get_buckets(job_id="web", **params).count == 1


@pytest.mark.parametrize("name", DATES)
@pytest.mark.parametrize(
    "text",
    [
        FULL + "+10d-10d" * 3 + "+10d-010d",
        FULL + "+" + "0" * 31 + "1",
        "2020-01-01||+" + "0" * 51 + "1d",
        "9" * 65,
        "-" + "9" * 64,
        "0" * 65,
        " " * 65,
        "x" * 65,
        "x" * 10_000_000,
        "9" * 10_000,
        "now" + "+1d-1d" * 11,
        "2020-01-01T00:00" + "A" * 60,
    ],
    ids=lambda text: f"{text[:14]}, {len(text)}",
)
def test_a_date_of_more_than_64_characters_is_past_a_limit(name: str, text: str) -> None:
    """A date of more than 64 characters is refused before it is read, and the reason stays short."""
    assert len(text) > 64
    params: dict[str, Any] = {name: text}
    index = filled()
    for action in (*ways_to_ask(index, **params), lambda: index.get_buckets(job_id="nope", **params)):
        assert "64" in past(action, name).reason


@pytest.mark.parametrize("name", DATES)
@pytest.mark.parametrize("anchor", ["now", "2020-01-01||", "0||", "1577836800000||"])
@pytest.mark.parametrize("operation", ["+1d", "-d", "/d", "+s"])
def test_the_ninth_operation_is_past_a_limit(name: str, anchor: str, operation: str) -> None:
    """Eight operations are accepted; the ninth is refused when the query is made."""
    index = ResultsIndex(clock=lambda: MIDNIGHT_2020)
    index.put_job("web")
    params: dict[str, Any] = {name: anchor + operation * 8}
    query = BucketQuery(jobs="web", **params)
    assert list(index.scan(query)) == []
    params[name] += operation
    assert len(params[name]) <= 64
    for action in (*ways_to_ask(index, **params), lambda: query.replace(**params)):
        assert "8" in past(action, name).reason


@pytest.mark.parametrize(
    "now", ["9" * 65, "2020-01-01||" + "+1d" * 9, "0000-01-01", "9999-12-31||+1d"], ids=lambda text: text[:20]
)
def test_the_text_of_now_is_limited_too(now: str) -> None:
    """The text of `now` has the grammar and the limits of a date."""
    past(lambda: filled().get_buckets(job_id="web", start="now", now=now), "now")


def test_a_wrong_date_of_any_length_is_refused() -> None:
    """The error of a wrong text of megabytes stays short."""
    texts = ["9" * 5_000_000, "2020-01-01||" + "+1d" * 1_000_000, "now" + "/" * 5_000_000, "1" * 63 + "x", "+" * 64]
    for text in texts:
        refusal(partial(BucketQuery, jobs="web", start=text))


# ---- numbers


@pytest.mark.parametrize("name", ["anomaly_score", "initial_anomaly_score"])
@pytest.mark.parametrize(
    "value",
    [1.7976931348623157e308, -1.7976931348623157e308, 2**1024 - 2**970 - 1],
    ids=["largest", "smallest", "integer that rounds to the largest"],
)
def test_the_largest_doubles_are_stored(name: str, value: float) -> None:
    """The largest finite double is stored; the next power of two is refused."""
    index = ResultsIndex()
    index.upsert([bucket(**{name: value})])
    assert index.get_buckets(job_id="web").to_dict()["buckets"][0][name] == float(value)
    assert index.get_buckets(job_id="web", sort=name, desc=True).count == 1
    with pytest.raises(InvalidDocument) as caught:
        index.upsert([bucket(**{name: 2**1024})])
    assert caught.value.field == f"documents[0].{name}"


def test_extreme_values_sort_and_filter_as_numbers() -> None:
    """No stored number is taken for a missing one, or for an open threshold."""
    big = 1.7976931348623157e308
    scores: list[float | None] = [big, -big, 0.0, 5e-324, None, 100.0]
    index = ResultsIndex()
    index.upsert_columns({"timestamp": np.arange(6), "bucket_span": 1, "anomaly_score": scores}, job_id="web")
    for desc, order in ((True, [0, 5, 3, 2, 1, 4]), (False, [1, 2, 3, 5, 0, 4])):
        page = index.get_buckets(job_id="web", sort="anomaly_score", desc=desc)
        assert page.column("timestamp").tolist() == order
    assert index.get_buckets(job_id="web", anomaly_score=big).count == 1
    assert index.get_buckets(job_id="web", anomaly_score=INF).count == 0
    assert index.get_buckets(job_id="web", anomaly_score=5e-324).count == 3


@pytest.mark.parametrize("name", ["event_count", "processing_time_ms", "bucket_span"])
def test_extreme_integers_sort_as_numbers(name: str) -> None:
    """The ends of int64 are stored exactly, and differ from a missing value."""
    low = 1 if name == "bucket_span" else -(2**63)
    values: list[Any] = [2**63 - 1, low, 2**63 - 2, 2**53 + 1, 2**53]
    if name != "bucket_span":
        values.append(None)
    rows = range(len(values))
    documents = [bucket(timestamp=row, bucket_span=1) | {name: values[row]} for row in rows]
    index = ResultsIndex()
    index.upsert(documents)
    for desc in (False, True):
        known = sorted((row for row in rows if values[row] is not None), key=lambda row: values[row], reverse=desc)
        expected = known + [row for row in rows if values[row] is None]
        page = index.get_buckets(job_id="web", sort=name, desc=desc)
        assert page.column("timestamp").tolist() == expected
        assert [row.to_dict()[name] for row in page] == [values[row] or 0 for row in expected]
        assert page.column(name).tolist() == [values[row] or 0 for row in expected]


@pytest.mark.parametrize("timestamp", [FIRST_MS, FIRST_MS + 1, -1, 0, LAST_MS - 1, LAST_MS])
@pytest.mark.parametrize("span", [1, 2**31, 2**63 - 1])
def test_the_ends_of_time_are_stored_shown_and_found(timestamp: int, span: int) -> None:
    """A bucket at either end of the calendar may have any span, even one that reaches past the calendar."""
    index = ResultsIndex()
    index.upsert([bucket(timestamp=timestamp, bucket_span=span)])
    page = index.get_buckets(job_id="web", start=timestamp if timestamp != -1 else -2, end=timestamp + 1, size=1)
    assert (page.count, page[0].timestamp, page[0].bucket_span) == (1, timestamp, span)
    assert index.get_buckets(job_id="web", timestamp=timestamp).count == 1
    assert round(page[0].time.timestamp() * 1000) == timestamp
    shown = page.to_dict(human=True)["buckets"][0]["timestamp_string"]
    assert index.get_buckets(job_id="web", timestamp=shown).count == 1
    assert len(shown) == 24
    stats = index.stats("web")
    assert (stats["first_timestamp"], stats["last_timestamp"]) == (timestamp, timestamp)


@pytest.mark.parametrize("value", [NAN, INF, -INF], ids=repr)
def test_nan_and_infinities_are_refused_with_their_path(value: float) -> None:
    """NaN and infinities are refused in documents, in nested influencers and in columns."""
    index = filled()
    batches: dict[str, Callable[[], Any]] = {
        "documents[1].anomaly_score": lambda: index.upsert([bucket(), bucket(anomaly_score=value)]),
        "documents[0].bucket_influencers[0].raw_anomaly_score": lambda: index.upsert(
            [bucket(bucket_influencers=[{"raw_anomaly_score": value}])]
        ),
        "columns.initial_anomaly_score[2]": lambda: index.upsert_columns(
            {"timestamp": [0, 1, 2], "bucket_span": 1, "initial_anomaly_score": [0.0, 1.0, value]}, job_id="web"
        ),
        "columns.event_count[0]": lambda: index.upsert_columns(
            {"timestamp": [0], "bucket_span": 1, "event_count": np.array([value])}, job_id="web"
        ),
    }
    for field, action in batches.items():
        assert_carries(refusal(action), InvalidDocument, field, "document_parsing_exception")
    assert index.sequence == 1


# ---- names


@pytest.mark.parametrize("length", [1, 255])
def test_an_id_of_up_to_255_characters_is_accepted(length: int) -> None:
    """The limit counts characters, not bytes."""
    for character in ("x", "\u00e9", "\U0001f600"):
        job_id = character * length
        index = ResultsIndex()
        index.put_job(job_id)
        index.upsert_columns({"timestamp": [0], "bucket_span": [1]}, job_id=job_id)
        index.upsert_columns({"timestamp": [1], "bucket_span": [1], "job_id": [job_id]})
        assert index.search(BucketQuery(jobs=job_id)).column("job_id").tolist() == [job_id] * 2
        assert index.get_buckets(job_id=job_id)[1].job_id == job_id


@pytest.mark.parametrize("length", [0, 256, 100_000])
def test_an_id_that_is_empty_or_longer_than_255_characters_is_refused(length: int) -> None:
    """Every write and every query value refuses such an id."""
    job_id = "x" * length
    index = filled()
    actions: list[Callable[[], Any]] = [
        lambda: index.put_job(job_id),
        lambda: index.upsert_columns({"timestamp": [0], "bucket_span": [1]}, job_id=job_id),
        lambda: BucketQuery(jobs=job_id),
    ]
    for action in actions:
        with pytest.raises((InvalidQuery, LimitExceeded)):
            action()
    writes: list[Callable[[], Any]] = [
        lambda: index.upsert([{"job_id": job_id, "timestamp": 0, "bucket_span": 1}], kind="bucket"),
        lambda: index.upsert_columns({"timestamp": [0], "bucket_span": [1], "job_id": [job_id]}),
    ]
    for write in writes:
        with pytest.raises(InvalidDocument):
            write()
    assert index.sequence == 1


# ---- records and texts


def test_a_scan_with_records_holds_few_at_a_time() -> None:
    """A scan reads the records of only a few buckets before it yields the first bucket."""
    index = ResultsIndex()
    blamed = [{"influencer_field_name": "bucket_time"}]
    own = {"job_id": "web", "bucket_span": 3600}
    index.upsert([{**own, "timestamp": row, "bucket_influencers": blamed} for row in range(4_000)], kind="bucket")
    records = [{**own, "timestamp": row, "detector_index": at} for row in range(4_000) for at in range(10)]
    index.upsert(records, kind="record")
    tracemalloc.start()
    first = next(index.scan(BucketQuery(jobs="web", expand=True)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(first.records) == 10
    assert peak < 5_000_000


def test_the_error_of_a_wrong_document_is_short() -> None:
    """An error does not show a key of megabytes whole."""
    index = ResultsIndex(keep_documents=False)
    record = {"job_id": "web", "timestamp": 0, "bucket_span": 3600}
    index.upsert([{**record, "by_field_value": "x" * 1_000_000}], kind="record")
    with pytest.raises(InvalidDocument) as caught:
        index.get_records(job_id="web").to_dict(documents=[record])
    assert len(caught.value.reason) < 2_000


def test_a_job_does_not_keep_the_texts_of_another() -> None:
    """Two jobs whose texts came in one batch do not keep each other's texts in memory.

    The log of changes keeps the texts of a deleted job until it drops the changes, so this index has none.
    """
    texts = ["x" * 5_000_000, "y"]
    index = ResultsIndex(changes_kept=0)
    tracemalloc.start()
    index.upsert(
        [
            {"job_id": job, "timestamp": 0, "bucket_span": 3600, "function": text + "!"}
            for job, text in zip(("big", "small"), texts, strict=True)
        ],
        kind="record",
    )
    index.delete_job("big")
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 1_000_000
