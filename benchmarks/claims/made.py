"""Lists, texts and segments to measure with; those that are kept are not to be modified."""

from collections.abc import Callable
from functools import cache
from typing import Final

import numpy as np

from benchmarks.workloads import FIRST_MS, SPAN_MS, SPAN_S, bucket_columns
from bucketquery.columns.lists import Lists
from bucketquery.columns.packed import NOTHING, Layout
from bucketquery.columns.segment import Segment
from bucketquery.model.schema import SCHEMAS, Int32s, Int64s, Objects

Maker = Callable[[int], Segment]

FEW: Final = (256, 16_384)
NEAR: Final = (4_096, 262_144)
FAR: Final = (16_384, 1_048_576)
"""Sizes where fewer rows would not be seen, or more would not fit in the caches."""

EVENTS: Final = "scheduled_events"
HOST: Final = "influencer_field_value"
BUCKET: Final = SCHEMAS["bucket"]
INFLUENCER: Final = SCHEMAS["influencer"]
LAYOUT: Final = Layout(BUCKET)


# Lists


def list_at(row: int, step: int = 2) -> tuple[str, ...]:
    """What the lists here say of a row: its number, or nothing of one between those that have a list."""
    return () if row % step else (f"event {row}",)


@cache
def lists_of(number: int, step: int = 2) -> Lists:
    """So many lists, of the first row and each so many further on."""
    rows = range(0, step * number, step)
    return Lists.of_rows(rows, [list_at(row, step) for row in rows])


def dealt_rows(number: int, of: int) -> Int64s:
    """So many of the first rows, some more than once, as if dealt to sixteen.

    Not in an order of chance: a processor learns a short one by heart.
    """
    rows = np.sort(np.random.default_rng(number).integers(0, of, number))
    return rows.reshape(-1, 16).T.ravel()


def some_rows(number: int, lists: int) -> Int64s:
    """So many of the rows of no fewer lists, ascending, none twice; every second one has a list."""
    return np.arange(number) * 2 * lists // number + np.arange(number) % 2


# Texts


def host(number: int) -> str:
    """A text; they are in the order of their numbers."""
    return f"host-{number:08}"


@cache
def hosts(number: int, first: int = 0) -> Objects:
    """A dictionary of so many texts, every second one from some number on."""
    return np.array([host(first + 2 * at) for at in range(number)], dtype=np.object_)


def codes_of(rows: int, texts: int) -> Int32s:
    """Codes of so many rows, in an order of chance: each text is used as long as there are rows, and one is missing."""
    codes = np.random.default_rng(rows).permutation(np.arange(rows) % texts).astype(np.int32)
    codes[rows // 2] = -1
    return codes


# Segments


@cache
def buckets(size: int) -> Segment:
    """So many in arrays of their own, none with a list or without a value."""
    return Segment(BUCKET, size, bucket_columns(size), NOTHING, NOTHING, NOTHING)


@cache
def packed(size: int) -> Segment:
    """The same as records."""
    return buckets(size).packed()


def listed(lists: int, step: int = 2) -> Segment:
    """Buckets of which each so many has a list."""
    size = step * lists
    return Segment(BUCKET, size, buckets(size).columns, NOTHING, NOTHING, {EVENTS: lists_of(lists, step)})


def masked(size: int) -> Segment:
    """So many buckets, the first without a number of events and without a first score."""
    columns, present = {**bucket_columns(size)}, np.arange(size) > 0
    columns["event_count"] = columns["event_count"] * present
    columns["initial_anomaly_score"] = np.where(present, columns["initial_anomaly_score"], np.nan)
    return Segment(BUCKET, size, columns, {"event_count": present}, NOTHING, NOTHING)


@cache
def influencers(size: int, texts: int, first: int = 0, start: int = 0) -> Segment:
    """So many that blame one of so many hosts, but for one in the middle without."""
    numbers = np.arange(start, start + size)
    columns = {
        "timestamp": FIRST_MS + SPAN_MS * numbers,
        "bucket_span": np.full(size, SPAN_S),
        "influencer_field_name": np.full(size, -1, dtype=np.int32),
        HOST: codes_of(size, texts),
        "influencer_score": numbers % 100.0,
        "initial_influencer_score": numbers % 100.0,
        "probability": np.full(size, 0.5),
        "is_interim": np.zeros(size, dtype=np.bool_),
    }
    made = Segment(INFLUENCER, size, columns, NOTHING, {HOST: hosts(texts, first)}, NOTHING)
    made.check()
    return made


def are_same(some: Segment, others: Segment) -> bool:
    """Whether two segments hold the same."""
    rows = np.arange(some.length)
    return some.length == others.length and bool(some.same_rows(rows, others, rows).all())
