"""Cursors: a row key as text and back; whatever was not written for the query is refused."""

import pickle
import string
import subprocess
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import pytest

import bucketquery
from bucketquery import BucketQuery, InfluencerQuery, InvalidCursor, RecordQuery, ResultsIndex
from bucketquery.queries.queries import AnyQuery, resolve
from bucketquery.search import cursor as cursor_room
from bucketquery.search.cursor import read_cursor, write_cursor
from bucketquery.search.row_key import CutText, RowKey, with_whole_job
from support.helpers import JOB, PATIENCE_S, STEP, bucket, record, rows

QUERY = BucketQuery(jobs=JOB, sort="anomaly_score", desc=True)
RECORDS = RecordQuery(jobs=["a", "b"])
ALPHABET = string.ascii_letters + string.digits + "-_"


def written(query: AnyQuery, *values: Any, job_id: str = JOB, sequence: int = 7) -> str:
    """The cursor of a row key."""
    return write_cursor(query, resolve(query, lambda: 0), RowKey(values, job_id), sequence)


def read_values(query: AnyQuery, cursor: str) -> tuple[Any, ...]:
    """The values of the row key that a cursor stands for."""
    return read_cursor(query, cursor)[1].values


def refusal(query: AnyQuery, cursor: Any) -> InvalidCursor:
    """The error that a cursor raises."""
    with pytest.raises(InvalidCursor) as raised:
        read_cursor(query, cursor)
    assert raised.value.field == "after"
    assert raised.value.status == 400
    assert raised.value.type == "illegal_argument_exception"
    return raised.value


def changed(cursor: str, change: Callable[[bytearray], object]) -> str:
    """A cursor whose bytes have been changed and that has the right checksum again."""
    payload = bytearray(urlsafe_b64decode(cursor)[:-4])
    change(payload)
    payload += bytes(-(len(payload) + 4) % 3)
    return urlsafe_b64encode(bytes(payload) + crc32(payload).to_bytes(4, "big")).decode()


@pytest.fixture(autouse=True)
def _decoding(request: pytest.FixtureRequest) -> None:
    """Each cursor is decoded, except in the test of the remembered ones."""
    if "remembering" not in request.fixturenames:
        request.getfixturevalue("decoding_cursors")


@pytest.fixture
def remembering(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The remembered cursors, none at first."""
    remembered: dict[str, Any] = {}
    monkeypatch.setattr(cursor_room, "_remembered", remembered)
    return remembered


def test_the_last_cursors_are_remembered(remembering: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A remembered cursor means the same as a decoded one, for equal queries only; the oldest ones are forgotten."""
    monkeypatch.setattr(cursor_room, "_REMEMBERED", 3)
    cursors = [written(QUERY, 1.0, row, 300) for row in range(5)]
    assert [*remembering] == cursors[2:]
    walk = read_cursor(QUERY, cursors[4])
    assert walk is read_cursor(QUERY.replace(), cursors[4]) is remembering[cursors[4]][1]
    other = QUERY.replace(size=7)
    assert read_cursor(other, cursors[4]) == (other._resolved, walk[1])
    refusal(QUERY.replace(desc=not QUERY.desc), cursors[4])
    remembering.clear()
    assert read_cursor(QUERY, cursors[4]) == walk
    assert [*remembering] == [cursors[4]]
    assert read_cursor(QUERY, cursors[0])[1] == RowKey((1.0, 0, 300), JOB)


#: Queries and the values of a key, each in the type of its column.
KEYS: list[tuple[AnyQuery, tuple[Any, ...]]] = [
    (QUERY, (0.1 + 0.2, -(2**63), 2**63 - 1)),
    (QUERY, (5e-324, 0, 1)),
    (QUERY, (None, 0, 1)),
    (QUERY.replace(sort="event_count"), (2**53 + 1, 0, 1)),
    (QUERY.replace(sort="processing_time_ms"), (None, 0, 1)),
    (QUERY.replace(sort="is_interim"), (True, 0, 1)),
    (QUERY.replace(sort="event.ingested"), (1_767_225_600_123, 0, 1)),
    (QUERY.replace(sort="scheduled_events"), ("été\udc00\U00010000\x00", 0, 1)),
    (QUERY.replace(sort="timestamp"), (0, 300)),
    (InfluencerQuery(jobs=JOB), (1.0, 0, 300, "", None)),
]


@pytest.mark.parametrize(("query", "values"), KEYS, ids=repr)
def test_each_value_comes_back_in_its_type(query: AnyQuery, values: tuple[Any, ...]) -> None:
    """Integers come back exactly, doubles with all bits, and missing values as missing."""
    found = read_values(query, written(query, *values))
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_a_cursor_carries_the_window_of_its_page() -> None:
    """Date math is not resolved again."""
    query = BucketQuery(jobs=JOB, start="now-1h", end="now")
    cursor = write_cursor(query, resolve(query, lambda: 10_000_000), RowKey((7_000_000, 300), JOB), 1)
    resolved, key = read_cursor(query, cursor)
    assert (resolved.start, resolved.end) == (6_400_000, 10_000_000)
    assert key == RowKey((7_000_000, 300), JOB)


def test_a_cursor_names_the_job_of_its_result() -> None:
    """For a query of several jobs, the key has the job of the result."""
    for job_id in ("a", "b"):
        query = BucketQuery(jobs=["a", "b"])
        assert read_cursor(query, written(query, 0, 300, job_id=job_id))[1].job_id == job_id


def test_a_cursor_is_short_and_may_stand_in_a_url() -> None:
    """A cursor has at most 1,024 characters of the alphabet of URLs, however long the texts of its key are."""
    rng = Random(1)
    for _ in range(300):
        texts = [
            None
            if rng.random() < 0.2
            else "".join(rng.choices("aé\uffff\U00010000\udc00", k=int(10 ** rng.uniform(0, 4))))
            for _ in range(6)
        ]
        query = RecordQuery(jobs=["é" * 255, "b"], sort="function_description")
        text, *ties = texts
        values = (text, 90.0, *ties, 0, 300, 2**62)
        cursor = written(query, *values, job_id="b", sequence=2**80)
        assert len(cursor) <= 1_024
        assert set(cursor) <= set(ALPHABET)
        for value, found in zip(values, read_values(query, cursor), strict=True):
            if isinstance(found, CutText):
                assert isinstance(value, str)
                assert value.startswith(found.beginning)
                assert len(value) > len(found.beginning) > 15
            else:
                assert found == value
        # A key with cut texts can be written again.
        assert read_values(query, written(query, *read_values(query, cursor), job_id="b")) == read_values(query, cursor)


def test_every_changed_character_is_refused() -> None:
    """Each character replaced by each other one, and each cut, raises InvalidCursor."""
    cursor = written(QUERY, 75.5, STEP, 300)
    for place, character in enumerate(cursor):
        for other in ALPHABET + "+/= é\x00":
            if other != character:
                refusal(QUERY, cursor[:place] + other + cursor[place + 1 :])
        refusal(QUERY, cursor[:place])
        refusal(QUERY, cursor[place + 1 :])
        refusal(
            QUERY, cursor[:place] + cursor[place:].swapcase() if cursor[place:].swapcase() != cursor[place:] else ""
        )
    for longer in (cursor + "A", cursor + "=", " " + cursor, cursor * 2, cursor + "\n"):
        refusal(QUERY, longer)


@pytest.mark.parametrize("value", [b"AQ", 5, True, ["x"], {}, object(), float("nan"), "", "é", "page 2", "A" * 10**7])
def test_what_is_no_cursor_is_refused(value: Any) -> None:
    """Values of other types, and texts of any length."""
    assert refusal(QUERY, value).value is value


def test_a_cursor_in_a_class_of_text_counts() -> None:
    """A subclass of `str` counts by its text."""

    class Text(str):
        __slots__ = ()

    assert read_values(QUERY, Text(written(QUERY, 1.0, 0, 300))) == (1.0, 0, 300)


@pytest.mark.parametrize(
    "other",
    [
        {"jobs": "other"},
        {"jobs": [JOB, "other"]},
        {"start": 0},
        {"end": 10},
        {"anomaly_score": 1.0},
        {"exclude_interim": True},
        {"sort": "timestamp"},
        {"sort": "initial_anomaly_score"},
        {"desc": False},
    ],
    ids=repr,
)
def test_a_cursor_of_another_query_is_refused(other: dict[str, Any]) -> None:
    """Any parameter but `size`, `from_` and `expand` makes another query."""
    cursor = written(QUERY, 1.0, 0, 300)
    refusal(QUERY.replace(**other), cursor)
    same = QUERY.replace(size=3, from_=8, expand=True)
    assert read_values(same, cursor) == (1.0, 0, 300)


def test_a_cursor_of_another_kind_is_refused() -> None:
    """The kind of the results belongs to the query."""
    refusal(InfluencerQuery(jobs=JOB, sort="timestamp", desc=False), written(BucketQuery(jobs=JOB), 0, 300))


def test_a_lookup_has_no_cursor() -> None:
    """Any cursor given with `timestamp` is refused, and the page of a lookup has none."""
    refusal(BucketQuery(jobs=JOB, timestamp=0), written(BucketQuery(jobs=JOB), 0, 300))


def forged(place: int, value: int) -> Callable[[bytearray], object]:
    """A change of one byte."""
    return lambda payload: payload.__setitem__(place, value)


@pytest.mark.parametrize(
    ("query", "change"),
    [
        (QUERY, forged(0, 2)),
        (QUERY, lambda payload: payload.clear()),
        (QUERY, lambda payload: payload.__delitem__(slice(20, None))),
        (QUERY, forged(9, 0)),
        (QUERY, forged(17, 255)),
        (QUERY, forged(9 + 16 + 8, 1)),
        (QUERY, lambda payload: payload.__delitem__(slice(37, None))),
        (QUERY, lambda payload: payload.__delitem__(slice(40, None))),
        (QUERY, lambda payload: payload.extend(b"\x00")),
        (QUERY, forged(37, 1)),
        (QUERY, forged(37, 9)),
        (QUERY, lambda payload: payload.__setitem__(slice(38, 46), b"\x7f\xf8" + bytes(6))),
        (QUERY, lambda payload: payload.__setitem__(slice(46, 55), b"\x00")),
        (QUERY, lambda payload: payload.__setitem__(slice(55, 64), b"\x00")),
        (QUERY.replace(sort="scheduled_events"), forged(40, 0xFF)),
    ],
)
def test_bytes_that_no_cursor_has_are_refused(query: AnyQuery, change: Callable[[bytearray], object]) -> None:
    """A cursor made by somebody else, with the right digests, is refused if its values do not suit the query."""
    cursor = written(query, "text" if query.sort == "scheduled_events" else 1.0, 0, 300)
    assert changed(cursor, bytes) == cursor
    refusal(query, changed(cursor, change))


def test_random_bytes_raise_no_other_error() -> None:
    """Random bytes behind the right digest of the query either make a key or are refused."""
    rng = Random(2)
    for query, values in KEYS:
        cursor = written(query, *values)
        for _ in range(300):
            place = rng.randrange(9, 60)

            def change(payload: bytearray, place: int = place) -> None:
                payload[place : place + rng.choice((1, 1, 2, 9))] = rng.randbytes(rng.choice((0, 1, 2, 30)))

            try:
                read_cursor(query, changed(cursor, change))
            except InvalidCursor:
                continue


def test_a_cursor_does_not_depend_on_the_process() -> None:
    """Another interpreter, with another hash seed, writes the same cursor."""
    script = (
        f"import sys; sys.path.insert(0, {str(Path(bucketquery.__file__).parents[1])!r})\n"
        "from bucketquery import BucketQuery, ResultsIndex\n"
        "index = ResultsIndex()\n"
        "row = {'job_id': 'web', 'bucket_span': 300, 'result_type': 'bucket'}\n"
        "index.upsert([row | {'timestamp': 300_000 * number} for number in range(3)])\n"
        "print(index.search(BucketQuery(jobs=['web'], size=1, end='2026-01-01')).cursor)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S)  # noqa: S603 - our own
    index = ResultsIndex()
    index.upsert(rows(0, 3))
    assert done.stdout.strip() == index.search(BucketQuery(jobs=JOB, size=1, end="2026-01-01")).cursor


def test_a_pickled_page_keeps_its_cursor() -> None:
    """The page of an index, pickled twice, has the same cursor; a last page has none."""
    index = ResultsIndex()
    index.upsert([*rows(0, 5, anomaly_score=5.0), record(1), record(2)])
    for query in (QUERY.replace(size=2), QUERY.replace(size=5), RecordQuery(jobs=JOB, size=1)):
        page = index.search(query)
        unpickled = pickle.loads(pickle.dumps(page))
        assert unpickled.cursor == page.cursor
        assert pickle.loads(pickle.dumps(unpickled)).cursor == page.cursor
        assert (page.cursor is None) == (query.size == 5)


def test_a_cursor_survives_the_deletion_of_its_result() -> None:
    """The next page begins at the place where the result was, in every order."""
    index = ResultsIndex()
    index.upsert([bucket(row, anomaly_score=10.0 * row) for row in range(5)])
    for query, expected in ((QUERY, [2, 1, 0]), (BucketQuery(jobs=JOB), [2, 3, 4])):
        cursor = index.search(query.replace(size=2)).cursor
        gone = ResultsIndex()
        gone.upsert(
            [
                bucket(row, anomaly_score=10.0 * row)
                for row in range(5)
                if row != expected[0] + (1 if query.desc else -1)
            ]
        )
        keys = gone.search(query, after=cursor).keys()
        assert [key[1] // STEP for key in keys] == expected


def test_another_size_is_legal_and_another_sort_is_not() -> None:
    """Sizes may change from page to page."""
    index = ResultsIndex()
    index.upsert(rows(0, 5, anomaly_score=5.0))
    cursor = index.search(QUERY.replace(size=1)).cursor
    assert len(index.search(QUERY.replace(size=3), after=cursor)) == 3
    with pytest.raises(InvalidCursor):
        index.search(QUERY.replace(sort="event_count"), after=cursor)
    with pytest.raises(InvalidCursor):
        index.search(BucketQuery(jobs=JOB, timestamp=0), after=cursor)
    assert index.get_buckets(job_id=JOB, timestamp=0).cursor is None


# ---- jobs that patterns and groups select


@pytest.mark.parametrize("tokens", ["w*", "_all", ["a", "w*"], "shop", ["web,-x*", "a"], "*,-web,web*"])
def test_a_cursor_carries_a_job_that_is_no_token(tokens: Any) -> None:
    """The job comes back whole, whatever the pattern is; a job that is a token is carried by its number."""
    query = BucketQuery(jobs=tokens, sort="anomaly_score")
    for job_id in ("web-1", "ü" * 100, "web", "a", "shop"):
        cursor = written(query, 5.0, 0, 300, job_id=job_id)
        assert read_cursor(query, cursor)[1] == RowKey((5.0, 0, 300), job_id)
        assert read_cursor(query.replace(size=1), cursor)[1].job_id == job_id
        refusal(query.replace(jobs="a*"), cursor)
    literal = written(BucketQuery(jobs="web"), 5.0, 0, job_id="web")
    assert len(written(BucketQuery(jobs=["web", "x*"]), 5.0, 0, job_id="web")) == len(literal)


def test_a_long_job_id_is_cut_with_its_digest() -> None:
    """A cursor has at most 1,024 characters, so an id of 1,020 bytes is cut."""
    long = "\U0001f4a1" * 255
    buckets = BucketQuery(jobs="*")
    cursor = write_cursor(buckets, resolve(buckets, lambda: 0), RowKey((0, 300), long), 7)
    read = read_cursor(buckets, cursor)[1]
    assert len(cursor) <= 1_024
    assert read.job_digest is not None
    assert long.startswith(read.job_id)
    assert len(read.job_id.encode()) > 500
    for known, desc, expected in (
        ((long[:200], long[:-1] + "x", long), False, long),
        ((long[:200], long), True, long),
        ((long[:200], read.job_id + "x", "\U0001f4a2"), True, read.job_id),
        ((), False, read.job_id + "\U0010ffff" * 255),
    ):
        assert with_whole_job(read, known, desc=desc) == RowKey((0, 300), expected)


def test_a_walk_over_long_job_ids_leaves_none_out() -> None:
    """The pages by cursor are all matches, in both directions."""
    names = [f"{'é' * 253}{number:02}" for number in range(6)]
    index = ResultsIndex()
    texts = dict.fromkeys(("by_field_value", "over_field_value", "partition_field_value", "function"), "k" * 300)
    for job_id in names:
        index.upsert([bucket(0, job_id=job_id, anomaly_score=5.0), record(0, job_id=job_id, **texts)])
    for query in (
        BucketQuery(jobs="*", size=1),
        BucketQuery(jobs="*", size=1, desc=True, sort="job_id"),
        RecordQuery(jobs="*", size=1),
        RecordQuery(jobs="*", size=1, sort="job_id", desc=False),
    ):
        found, page = [], index.search(query)
        while page.cursor:
            assert len(page.cursor) <= 1_024
            found += [each.job_id for each in page]
            page = index.search(query, after=page.cursor)
        found += [each.job_id for each in page]
        assert sorted(found) == names


def test_a_changed_job_of_a_cursor_is_refused() -> None:
    """The job must be text, and its number must be that of a token which is an id."""
    query = BucketQuery(jobs=["w*", "web"])
    cursor = written(query, 0, 300, job_id="web-1")
    head = cursor_room._HEAD.size
    assert read_cursor(query, changed(cursor, bytearray.copy))[1].job_id == "web-1"
    refusal(query, changed(cursor, lambda payload: payload.__setitem__(slice(head - 4, head), bytes(4))))
    refusal(query, changed(cursor, lambda payload: payload.__setitem__(head + 18, 1)))
    refusal(query, changed(cursor, lambda payload: payload.__delitem__(slice(head + 18, None))))
    by_number = written(query, 0, 300, job_id="web")
    refusal(query, changed(by_number, lambda payload: payload.__setitem__(slice(head - 4, head), bytes(4))))
