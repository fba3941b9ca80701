"""Notes: what was passed over, jobs with results of other kinds, timestamps in seconds."""

from typing import Any

import pytest

from bucketquery import ResultsIndex
from bucketquery.command.notes import PassedOver, notes_about, notes_about_instants
from support.helpers import JOB, bucket, record


def passed_over(types: dict[str, int], others: dict[str, int] | None = None, empty: int = 0) -> PassedOver:
    """What an input had besides results."""
    counted = PassedOver()
    counted.types.update(types)
    counted.others.update(others or {})
    counted.empty += [f"{number}.ndjson" for number in range(empty)]
    return counted


@pytest.mark.parametrize(
    ("counted", "notes"),
    [
        (passed_over({}), []),
        (passed_over({"model_plot": 5, "bucket_influencer": 1, "model_size_stats": 2}), []),
        (passed_over({"bukcet": 1, "model_plot": 5, "": 3}), ["passed over: 3 without result_type, 1 bukcet"]),
        (
            passed_over({"bucket ": 1, "Bucket": 1, "a b": 1_000, "": 1}),
            ["passed over: 1,000 [a b], 1 [bucket ], 1 Bucket, 1 without result_type"],
        ),
        (passed_over({"x" * 51: 1, "x" * 50: 2}), [f"passed over: 2 {'x' * 50}, 1 {'x' * 50}..."]),
        (
            passed_over({"": 1}, {"delete action": 2, "index definition": 1}),
            ["passed over: 2 delete actions, 1 without result_type, 1 index definition"],
        ),
        (
            passed_over({}, {"server error [no [x]]": 2, "server error [y]": 1}),
            ["passed over: 2 server errors [no [x]], 1 server error [y]"],
        ),
        (
            passed_over({f"t{number:02}": 1 for number in range(10)}),
            ["passed over: 1 t00, 1 t01, 1 t02, 1 t03, 1 t04, 1 t05, 1 t06, 1 t07, 1 t08, 1 t09"],
        ),
        (
            passed_over({f"t{number:02}": 2 for number in range(1_500)}),
            [
                (
                    "passed over: 2 t00, 2 t01, 2 t02, 2 t03, 2 t04, 2 t05, 2 t06, 2 t07, 2 t08, 2 t09,"
                    " 2,980 of 1,490 other types"
                )
            ],
        ),
        (passed_over({}, empty=1), ["0.ndjson: no documents"]),
        (
            passed_over({"x": 1}, empty=12),
            [
                *(f"{number}.ndjson: no documents" for number in range(10)),
                "and 2 more without documents",
                "passed over: 1 x",
            ],
        ),
    ],
)
def test_types_that_the_server_does_not_write_are_counted(counted: PassedOver, notes: list[str]) -> None:
    """The types that the server writes are left out. At most ten types are listed, the most frequent first."""
    assert counted.notes() == notes


def test_without_results_every_type_is_counted() -> None:
    """Known types are listed too, and a document without a type gets help."""
    assert passed_over({"model_plot": 2, "": 1}).notes_without_results() == [
        "no results in the input; passed over: 2 model_plot, 1 without result_type",
        'a document needs a result_type: "bucket", "record" or "influencer", unless it is in an answer of the API',
    ]
    assert passed_over({"model_plot": 2}, {"server error": 1}).notes_without_results() == [
        "no results in the input; passed over: 2 model_plot, 1 server error"
    ]
    assert passed_over({}, empty=1).notes_without_results() == ["0.ndjson: no documents", "no results in the input"]


def index_of(*documents: dict[str, Any]) -> ResultsIndex:
    """An index with these documents."""
    index = ResultsIndex()
    index.upsert(documents)
    return index


INFLUENCER = bucket(0) | {"result_type": "influencer"}


@pytest.mark.parametrize(
    ("documents", "kind", "notes"),
    [
        ([bucket(0)], "buckets", []),
        ([record(0)], "records", []),
        ([record(0)], "buckets", ["no buckets of job web in the input; it has 1 record (see --records)"]),
        (
            [bucket(0), bucket(1)],
            "records",
            ["no records of job web in the input; it has 2 buckets (leave out --records)"],
        ),
        (
            [record(0), record(1), INFLUENCER],
            "buckets",
            [
                (
                    "no buckets of job web in the input; it has 2 records (see --records)"
                    " and 1 influencer (see --influencers)"
                )
            ],
        ),
        ([INFLUENCER, bucket(0, job_id="db"), record(0)], "influencers", []),
        (
            [bucket(0, job_id="db"), record(0)],
            "buckets",
            ["no buckets of job web in the input; it has 1 record (see --records)"],
        ),
    ],
)
def test_a_job_without_the_kind_that_is_asked_for_is_named(
    documents: list[dict[str, Any]], kind: str, notes: list[str]
) -> None:
    """The note counts the results of the other kinds, and names the option that shows them."""
    assert notes_about(index_of(*documents), [JOB], kind) == notes


SECONDS = [
    "the timestamps look like epoch seconds: read as epoch milliseconds, they lie between 1970-01-12 and 1970-04-26"
]


@pytest.mark.parametrize(
    ("timestamps", "notes"),
    [
        ([10**9], SECONDS),
        ([10**10 - 1], SECONDS),
        ([10**9 - 1], []),
        ([10**10], []),
        ([1_767_225_600 + step for step in range(9)] + [0], SECONDS),
        ([1_767_225_600 + step for step in range(8)] + [0], []),
        ([1_767_225_600_000 + step for step in range(9)], []),
    ],
)
def test_timestamps_in_seconds_are_noticed(timestamps: list[int], notes: list[str]) -> None:
    """At least nine in ten lie where epoch seconds of our days lie if they are read as milliseconds."""
    assert (
        notes_about(index_of(*(bucket(0, timestamp=timestamp) for timestamp in timestamps)), [JOB], "buckets") == notes
    )


def test_the_timestamps_of_all_kinds_count() -> None:
    """Records in seconds are noticed beside few buckets in milliseconds, whatever kind is asked for."""
    records = [record(0, number, timestamp=1_767_225_600) for number in range(9)]
    index = index_of(bucket(0, timestamp=1_767_225_600_000), *records)
    assert notes_about(index, [JOB], "buckets") == notes_about(index, [JOB], "records") == SECONDS


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1000000000", "1970-01-12T13:46:40.000Z"),
        ("9999999999", "1970-04-26T17:46:39.999Z"),
        ("999999999", None),
        ("10000000000", None),
        ("0999999999", None),
        ("-1000000000", None),
        ("1000000000.5", None),
        ("2026-01-01", None),
        ("1767225600000", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("name", ["timestamp", "start", "end"])
def test_instants_of_options_in_seconds_are_noticed(name: str, text: str | None, instant: str | None) -> None:
    """Ten digits are epoch seconds of our days; the note names the option and what the digits mean."""
    line = f"--{name}: {text} looks like epoch seconds: read as epoch milliseconds, it is {instant}"
    assert notes_about_instants({name: text, "sort": "1767225600"}) == ([] if instant is None else [line])


def test_each_instant_of_the_options_is_noticed() -> None:
    """Options that a kind does not have are left out."""
    found = notes_about_instants({"start": "1767225600", "end": "1767229200"})
    assert [line.partition(":")[0] for line in found] == ["--start", "--end"]
