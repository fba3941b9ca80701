"""Odd values for deletes, new scores, the feed and cursors: a refusal names its parameter and changes nothing."""

import copy
import gc
import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import IntEnum
from functools import partial
from typing import Any

import numpy as np
import pytest

from bucketquery import (
    BucketQuery,
    ChangesExpired,
    InvalidCursor,
    InvalidDocument,
    InvalidQuery,
    LimitExceeded,
    RecordQuery,
    ResultsIndex,
    UnknownJob,
)
from support.malformed import (
    BOOLEANS,
    FIRST_MS,
    GAPS,
    HOUR,
    ILLEGAL,
    INF,
    LAST_MS,
    NAN,
    NO_FINITE_DECIMALS,
    NOT_FOUND,
    SHARED,
    UNPRINTABLE_INTEGERS,
    assert_carries,
    assert_passes_through,
    bucket,
    cases,
    odd,
    refusal,
    result,
    state,
    stored,
)

QUERY = BucketQuery(jobs="web", size=1)
#: The columns of a stored bucket of `stored`, with a new score.
SCORES: dict[str, Any] = {"timestamp": [0], "bucket_span": 900, "anomaly_score": [5.0]}
#: The key of a stored bucket of `stored`, and that of a record.
KEY = ("web", 0, 900)
RECORD_KEY = ("web", HOUR, 900, 0, None, None, None)


class Minus(IntEnum):
    """The integer -1 as an enumeration."""

    ONE = -1


class LyingInteger(int):
    """The integer -1, which claims to be any other."""

    __hash__ = int.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __lt__(self, other: object) -> bool:
        return False

    def __index__(self) -> int:
        return 7


class LyingText(str):
    """A text that claims to be any other."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True


NO_NUMBERS: dict[str, Any] = {**odd(1), **BOOLEANS, **GAPS, **NO_FINITE_DECIMALS, "nan": NAN, "inf": INF}
#: Values that are not a sequence of `stored`.
NO_SINCE: dict[str, Any] = {
    **NO_NUMBERS,
    **UNPRINTABLE_INTEGERS,
    "text": "0",
    "float": 0.0,
    "decimal": Decimal(0),
    "negative": -1,
    "negative enumeration": Minus.ONE,
    "negative that lies": LyingInteger(-1),
    "beyond the newest": 3,
    "beyond int64": 2**64,
    "below int64": -(2**64),
    "numpy beyond the newest": np.uint64(2**64 - 1),
}
#: The integer -1, and its text, in every class.
MINUS_ONES: dict[str, Any] = {
    "integer": -1,
    "text": "-1",
    "numpy": np.int64(-1),
    "numpy small": np.int8(-1),
    "numpy text": np.str_("-1"),
    "enumeration": Minus.ONE,
    "in an array": np.array(-1),
    "text in an array": np.array("-1"),
    "that lies": LyingInteger(-1),
    "text that lies": LyingText("-1"),
}
NO_INSTANTS: dict[str, Any] = {
    **odd(0),
    **BOOLEANS,
    **GAPS,
    "nan": NAN,
    "float": 0.0,
    "decimal": Decimal(0),
    "surrogate": "\ud800",
    "word": "tomorrow",
    "empty text": "",
}
NO_TEXT: dict[str, Any] = {
    **odd("web"),
    **BOOLEANS,
    **GAPS,
    **UNPRINTABLE_INTEGERS,
    "number": 5,
    "nan": NAN,
    "decimal": Decimal(5),
}
#: Values that are neither an id nor an iterable of ids.
NO_JOBS: dict[str, Any] = {
    name: value
    for name, value in NO_TEXT.items()
    if name not in {"list", "tuple", "set", "frozenset", "dict", "one-element array", "broken mapping"}
}


def fails(
    action: Callable[[ResultsIndex], Any], field: str, error: type = InvalidQuery, error_type: str = ILLEGAL
) -> None:
    """Assert that an action is refused by its parameter, and that nothing has changed."""
    assert_carries(SHARED.refusal(action), error, field, error_type)


# ---- the feed


@cases(NO_SINCE, "since")
@pytest.mark.parametrize("query", [None, QUERY], ids=["all", "a query"])
def test_a_since_that_is_no_sequence_is_refused(since: Any, query: Any) -> None:
    """A `since` is None or an integer from 0 to the commit that is read."""
    fails(lambda index: index.changes(query, since=since), "since")
    fails(lambda index: index.snapshot().changes(query, since=since), "since")


@pytest.mark.parametrize("since", [0, np.int64(0), np.uint8(0), np.array(0)], ids=type)
def test_any_integer_type_is_a_since(since: Any) -> None:
    """Integers of NumPy count by their value."""
    index = stored()
    assert list(index.changes(since=since)) == list(index.changes(since=0))


@cases({"text": "web", "the class": BucketQuery, "number": 5, "list": [QUERY], "dict": {"jobs": "web"}}, "query")
def test_a_feed_takes_a_query(query: Any) -> None:
    """Any other value is refused as `search` refuses it; None means every change."""
    fails(lambda index: index.changes(query, since=0), "query")


NO_KEYS: dict[str, Any] = {
    **{name: value for name, value in odd(0).items() if name != "tuple"},
    "none": None,
    "text": "web",
    "empty": (),
    "short": ("web", 0),
    "long": ("web", 0, 900, 0),
    "of a record": RECORD_KEY,
    "job as number": (5, 0, 900),
    "job as bytes": (b"web", 0, 900),
    "job missing": (None, 0, 900),
    "as a list": ["web", 0, 900],
    "timestamp as text": ("web", "0", 900),
    "timestamp as float": ("web", 0.0, 900),
    "timestamp as bool": ("web", False, 900),
    "timestamp missing": ("web", None, 900),
    "timestamp beyond int64": ("web", 2**63, 900),
    "timestamp too long to be printed": ("web", 10**5000, 900),
    "span below int64": ("web", 0, -(2**63) - 1),
}


@cases(NO_KEYS, "key")
def test_a_key_that_no_bucket_can_have_is_refused(key: Any) -> None:
    """A key is a tuple as `page.keys()` has it."""
    fails(lambda index: index.history(key), "key")


@cases(NO_TEXT | {"none": None, "plural": "buckets", "lies": LyingText("buckets"), "long": "x" * 10**6}, "kind")
def test_a_history_has_one_kind(kind: Any) -> None:
    """The kind is bucket, record or influencer."""
    fails(lambda index: index.history(KEY, kind=kind), "kind")


@pytest.mark.parametrize(
    "keyword", ["", "\ud800", "x" * 10**6, LyingText("a")], ids=["empty", "surrogate", "long", "lies"]
)
def test_a_key_that_no_stored_result_has_has_no_history(keyword: str) -> None:
    """A keyword that nothing has is no error."""
    assert stored().history((*RECORD_KEY[:-1], keyword), kind="record") == ()


@cases(NO_TEXT | {"none": None, "key": "key", "effect code": "_effect", "long": "x" * 10**6}, "name")
def test_changes_have_the_documented_columns(name: Any) -> None:
    """Any other name is refused."""
    fails(lambda index: index.changes(since=0).column(name), "name")


@pytest.mark.parametrize("name", ["changes_kept", "first_sequence"])
@cases(
    {**NO_NUMBERS, "text": "5", "float": 5.0, "decimal": Decimal(5), "negative": -1, "lies": LyingInteger(-1)}, "value"
)
def test_the_sizes_of_a_log_are_counts(name: str, value: Any) -> None:
    """Both options of the log are non-negative integers."""
    params: dict[str, Any] = {name: value}
    assert_carries(refusal(lambda: ResultsIndex(**params)), InvalidQuery, name, ILLEGAL)


def test_a_first_sequence_has_an_end_and_changes_kept_has_none() -> None:
    """The last sequence fits into int64."""
    assert_carries(refusal(lambda: ResultsIndex(first_sequence=2**62)), InvalidQuery, "first_sequence", ILLEGAL)
    index = ResultsIndex(first_sequence=2**62 - 1, changes_kept=10**30)
    assert index.upsert([bucket()]).sequence == 2**62
    assert [change.sequence for change in index.changes(since=2**62 - 1)] == [2**62]


def test_changes_cannot_be_changed() -> None:
    """Neither the attributes nor the columns of changes can be written."""
    changes = stored().changes(since=0)
    for name in ("sequence", "_rows", "other"):
        with pytest.raises(AttributeError):
            setattr(changes, name, 5)
    for name in ("sequence", "score", "reason"):
        column = changes.column(name)
        with pytest.raises(ValueError, match="WRITEABLE"):
            column.setflags(write=True)
    with pytest.raises(AttributeError):
        changes[0].score = 5.0  # type: ignore[misc] # the fault


def test_changes_are_indexed_as_a_tuple_is() -> None:
    """Positions, slices and steps mean the same as in a tuple of the changes; copies are the same."""
    changes = stored().changes(since=0)
    listed = tuple(changes)
    for part in (slice(None, None, -1), slice(-2, None), slice(0, 10**30, 10**20), slice(5, 1), slice(1, -1, 2)):
        assert changes[part] == listed[part]
    assert [changes[at] for at in (-1, -len(listed), int(np.int64(0)))] == [listed[-1], listed[0], listed[0]]
    for at in (len(listed), -len(listed) - 1, 10**30):
        with pytest.raises(IndexError):
            changes[at]
    for wrong in ("0", 0.0, None):
        with pytest.raises(TypeError):
            changes[wrong]  # type: ignore[call-overload] # the fault
    for other in (copy.copy(changes), copy.deepcopy(changes), pickle.loads(pickle.dumps(changes))):
        assert tuple(other) == listed
        assert len({*other, *listed}) == len(listed)


# ---- deletes


@pytest.mark.parametrize("name", ["start", "end"])
@cases(MINUS_ONES | NO_INSTANTS, "value")
def test_a_bound_of_a_delete_is_an_instant_and_not_minus_one(name: str, value: Any) -> None:
    """A query reads -1 as open; a delete refuses it, whatever its class."""
    bounds: dict[str, Any] = {name: value}
    error = SHARED.refusal(lambda index: index.delete(**bounds))
    assert (type(error), error.field, error.status) == (InvalidQuery, name, 400)


@cases({**odd(True), **GAPS, "none": None, "text": "true", "one": 1, "zero": 0, "nan": NAN}, "value")
def test_the_flags_of_writes_are_booleans(value: Any) -> None:
    """`interim_only` and `drop_interim` are bools; 0, 1 and text are refused."""
    fails(lambda index: index.delete("web", end=0, interim_only=value), "interim_only")
    fails(lambda index: index.upsert([bucket(event_count=1)], drop_interim=value), "drop_interim")


@cases(
    NO_JOBS | {"empty list": [], "number in a list": ["web", 5], "bytes in a list": [b"web"], "none in a list": [None]},
    "job_id",
)
def test_a_delete_takes_one_id_or_several(job_id: Any) -> None:
    """Anything else is refused, and so is an iterable without ids."""
    fails(lambda index: index.delete(job_id, end="2100"), "job_id")


def test_a_delete_without_a_bound_is_refused() -> None:
    """A delete never means everything because its parameters were left out."""
    for params in ({}, {"start": None, "end": None}, {"interim_only": False}, {"interim_only": np.False_}):
        given: dict[str, Any] = params
        fails(lambda index, given=given: index.delete(**given), "end")  # type: ignore[misc] # bound early
        fails(lambda index, given=given: index.delete("web", **given), "end")  # type: ignore[misc] # bound early


@pytest.mark.parametrize("job_id", ["nope", "*", "_all", "web,idle", "", "\ud800", "x" * 10**6, ["web", "nope"]])
def test_a_delete_of_an_unknown_job_deletes_nothing(job_id: Any) -> None:
    """Ids are literal, and one unknown id refuses the whole call, also with an empty window."""
    for window in ({"end": "2100"}, {"start": 5, "end": 5}, {"interim_only": True}):
        given: dict[str, Any] = window
        error = SHARED.refusal(lambda index, given=given: index.delete(job_id, **given))  # type: ignore[misc] # bound early
        assert_carries(error, UnknownJob, "job_id", NOT_FOUND, 404)


def test_a_delete_does_not_read_an_endless_list_of_jobs() -> None:
    """A delete takes 100,000 ids at most, and reads one more to refuse them."""

    def endless() -> Iterator[str]:
        for _ in range(100_001):
            yield "web"
        raise AssertionError("read past every bound")

    fails(lambda index: index.delete(endless(), end="2100"), "job_id", LimitExceeded)


def test_an_error_of_an_iterable_of_jobs_passes_through() -> None:
    """Nothing is deleted if the caller's own iterable fails."""

    def failing(error: BaseException) -> Iterator[str]:
        yield "web"
        raise error

    error = OSError("no ids")
    assert_passes_through(error, lambda index: index.delete(failing(error), end="2100"))


def test_a_delete_reaches_the_first_and_the_last_instant() -> None:
    """The ends of the range of instants can be deleted, also with bounds far beyond them."""
    index = ResultsIndex()
    index.upsert([bucket(timestamp=FIRST_MS), bucket(timestamp=LAST_MS)])
    assert index.delete(start=LAST_MS).deleted == 1
    assert index.delete(start=10**5000).deleted == 0
    assert index.delete(end=FIRST_MS).deleted == 0
    assert index.delete(start=-(10**30), end=10**30).deleted == 1


# ---- new scores

ARGUMENTS = ("buckets", "records", "influencers", "bucket_influencers")


@cases(NO_TEXT | {"none": None}, "job_id")
def test_new_scores_have_one_job(job_id: Any) -> None:
    """The job is one literal id."""
    fails(lambda index: index.renormalize(job_id, buckets=SCORES), "job_id")


@pytest.mark.parametrize("argument", ARGUMENTS)
@cases(
    {name: value for name, value in odd(0).items() if name != "broken mapping"} | {"text": "x", "number": 5}, "value"
)
def test_new_scores_are_columns(argument: str, value: Any) -> None:
    """A value that is not a mapping of columns is refused by the name of its argument."""
    given: dict[str, Any] = {argument: value}
    error = SHARED.refusal(lambda index: index.renormalize("web", **given))
    assert isinstance(error, InvalidDocument)
    assert (error.field or "").partition(".")[0] == argument


NO_SCORES: dict[str, Any] = {
    **NO_NUMBERS,
    **UNPRINTABLE_INTEGERS,
    "none": None,
    "text": "5",
    "beyond a double": 10**400,
}


@cases(NO_SCORES, "score")
def test_a_new_score_is_a_finite_number(score: Any) -> None:
    """A refused score refuses the whole call."""
    entries = np.empty(2, dtype=np.object_)
    entries[:] = [5.0, None]
    entries[1] = score
    columns = {"timestamp": [0, HOUR], "bucket_span": 900, "anomaly_score": entries.tolist()}
    error = SHARED.refusal(lambda index: index.renormalize("web", buckets=columns))
    assert isinstance(error, InvalidDocument)
    assert (error.field or "").startswith("buckets.anomaly_score")


@pytest.mark.parametrize("name", ["job_id", "is_interim", "initial_anomaly_score", "event_count", "x", "records"])
def test_new_scores_have_no_other_column(name: str) -> None:
    """Only the identity and the score are read, so any other column is refused."""
    error = SHARED.refusal(lambda index: index.renormalize("web", buckets={**SCORES, name: [1]}))
    assert_carries(error, InvalidDocument, f"buckets.{name}", "document_parsing_exception")


# ---- cursors


def cursor_of(index: ResultsIndex) -> str:
    """The cursor of the first page."""
    cursor = index.search(QUERY).cursor
    assert cursor is not None
    return cursor


@cases(
    NO_TEXT | {"empty": "", "word": "page 2", "surrogate": "\ud800", "long": "A" * 10**6, "lies": LyingText("x")},
    "cursor",
)
def test_a_cursor_that_no_page_has_is_refused(cursor: Any) -> None:
    """None means the first page; anything else must be a page's own cursor."""
    fails(lambda index: index.search(QUERY, after=cursor), "after", InvalidCursor)


def test_a_cursor_that_was_edited_is_refused() -> None:
    """Each character counts, the last bits included, and none may be added."""
    index = stored()
    cursor = cursor_of(index)
    edited = {cursor[:at] + cursor[at + 1 :] for at in range(len(cursor))}
    edited |= {cursor[:at] + "_" + cursor[at + 1 :] for at in range(len(cursor))}
    edited |= {cursor + end for end in "=A \n\x00"} | {" " + cursor, cursor * 2, cursor.swapcase()}
    for text in edited - {cursor}:
        error = refusal(partial(index.search, QUERY, after=text))
        assert_carries(error, InvalidCursor, "after", ILLEGAL)


@pytest.mark.parametrize(
    "change",
    [{"jobs": "db"}, {"start": 0}, {"end": "now"}, {"anomaly_score": 5}, {"exclude_interim": True}, {"desc": True}],
    ids=str,
)
def test_a_cursor_of_another_query_is_refused(change: dict[str, Any]) -> None:
    """Only `size`, `from_` and `expand` may differ."""
    cursor = cursor_of(stored())
    fails(lambda index: index.search(QUERY.replace(**change), after=cursor), "after", InvalidCursor)
    fails(lambda index: index.search(RecordQuery(jobs="web", size=1), after=cursor), "after", InvalidCursor)
    assert stored().search(QUERY.replace(size=2, from_=9, expand=True), after=cursor).count == 3


@pytest.mark.parametrize("answer", [None, "0", 0.0, True, np.datetime64(0, "ms")], ids=repr)
def test_a_commit_whose_clock_returns_no_integer_is_not_made(answer: Any) -> None:
    """The clock is read before anything is published; a later write finds the state before."""
    now: list[Any] = [0]
    index = ResultsIndex(clock=lambda: now[0])
    index.upsert([bucket(), result("record")])
    before = state(index)
    now[0] = answer
    writes: list[Callable[[], Any]] = [
        lambda: index.upsert([bucket(anomaly_score=5)]),
        lambda: index.put_job("db"),
        lambda: index.delete(end=LAST_MS),
        lambda: index.delete_job("web"),
        lambda: index.renormalize("web", buckets={**SCORES, "timestamp": [HOUR]}),
    ]
    for write in writes:
        with pytest.raises(TypeError):
            write()
        assert state(index) == before
    now[0] = 5
    since = index.sequence
    assert index.upsert([bucket(anomaly_score=7)]).time == 5
    assert [change.score for change in index.changes(since=since)] == [7.0]


# ---- what the index must get right whatever the values are


def test_a_later_append_does_not_change_what_the_feed_says_of_an_earlier_batch() -> None:
    """The last row of a first batch is interim, so it is not in the base; its change must outlive the next append."""
    index = ResultsIndex()
    watch = RecordQuery(jobs="web", record_score=75)
    index.upsert([result("record", timestamp=0, record_score=1), result("record", record_score=90.0, is_interim=True)])
    before, read = index.changes(since=0), list(index.changes(watch, since=0))
    index.upsert([result("record", timestamp=2 * HOUR, record_score=10.0)])
    assert list(index.changes(watch, since=0)) == read
    assert [(change.key[1], change.score) for change in before] == [(0, 1.0), (HOUR, 90.0)]
    assert [change.score for change in index.history(RECORD_KEY, kind="record")] == [90.0]


@pytest.mark.parametrize("instant", [2**63, -(2**63) - 1, 10**30, np.uint64(2**64 - 1)], ids=repr)
def test_a_clock_that_leaves_int64_makes_no_commit(instant: Any) -> None:
    """One wrong reading must not be stored: the feed could not be read, and no later write would succeed."""
    now: list[Any] = [instant]
    index = ResultsIndex(clock=lambda: now[0])
    with pytest.raises((TypeError, ValueError, OverflowError)):
        index.upsert([bucket()])
    now[0] = 1_000
    since = index.sequence
    assert index.upsert([bucket(event_count=1), result("record")]).time == 1_000
    assert {change.time for change in index.changes(since=since)} == {1_000}


@pytest.mark.parametrize("rows", [76, 100])
def test_a_write_of_no_more_changes_than_are_kept_can_be_read(rows: int) -> None:
    """The newest commit fits into the log, so the log drops what is older, here one single row."""
    index = ResultsIndex(changes_kept=100)
    index.upsert([bucket(timestamp=-1)])
    since = index.sequence
    index.upsert_columns({"timestamp": np.arange(rows), "bucket_span": 900}, job_id="web")
    assert len(index.changes(since=since)) == rows


def test_the_log_drops_the_oldest_changes_first() -> None:
    """A change that the log still has is newer than every change that it has dropped."""
    index = ResultsIndex(changes_kept=8)
    index.upsert([bucket()])
    for row in range(20):
        index.upsert([result("record", timestamp=row)])
    with pytest.raises(ChangesExpired) as caught:
        index.changes(since=0)
    assert caught.value.oldest > 1
    assert index.history(("web", HOUR, 900)) == ()


def test_a_snapshot_names_a_since_that_it_can_answer() -> None:
    """`oldest` is the lowest `since` that the query can have, also of a snapshot older than what was dropped."""
    index = ResultsIndex(changes_kept=2)
    commits = [index.upsert([bucket(timestamp=row)]) for row in range(2)]
    old = index.snapshot()
    for row in range(2, 20):
        index.upsert([bucket(timestamp=row)])
    for query in (None, BucketQuery(jobs="web")):
        with pytest.raises(ChangesExpired) as caught:
            old.changes(query, since=0)
        assert caught.value.oldest <= commits[-1].sequence
        assert old.changes(query, since=caught.value.oldest).sequence == commits[-1].sequence


def test_a_since_before_dropped_changes_of_a_deleted_job_expires() -> None:
    """The changes of a deleted job are read once; a reader that comes too late learns that it missed some."""
    index = ResultsIndex(changes_kept=4)
    index.upsert([bucket()])
    index.delete_job("web")
    for row in range(20):
        index.upsert([result("record", job_id="db", timestamp=row)])
    for since, error in ((0, ChangesExpired), (10, UnknownJob)):
        with pytest.raises(error):
            index.changes(BucketQuery(jobs="web"), since=since)


@pytest.mark.repeats
def test_a_delete_from_many_jobs_takes_the_memory_that_a_change_takes() -> None:
    """The log takes 25 to 70 bytes for a change, also if one call deletes one result of each of many jobs."""
    jobs = [f"job{number}" for number in range(4_000)]
    grown = []
    for changes_kept in (0, 100_000):
        index = ResultsIndex(changes_kept=changes_kept)
        index.upsert([bucket(job_id=job_id, timestamp=hour) for job_id in jobs for hour in range(2)])
        tracemalloc.start()
        index.delete(end=1)
        gc.collect()
        grown.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert (grown[1] - grown[0]) / len(jobs) < 300
