"""What queries, results and texts say of its cost."""

from collections.abc import Callable, Collection
from dataclasses import fields as fields_of
from dataclasses import replace
from functools import cache, partial
from operator import attrgetter, methodcaller
from typing import Any, Final

import numpy as np

from benchmarks.claims.claim import CONSTANT, LINEAR, Claim
from benchmarks.claims.stock import checked
from benchmarks.timing import Call
from benchmarks.workloads import FIRST_MS, JOB, SPAN_S, Document
from bucketquery import AnomalyRecord, Bucket, BucketQuery, Commit, Influencer, LimitExceeded, ResultsIndex
from bucketquery.model.bodies import bucket_influencer_body, complete, influencer_body, plain_buckets, record_body
from bucketquery.model.encoding import encoded, encoded_columns
from bucketquery.model.frozen import FrozenMapping, frozen, frozen_values
from bucketquery.model.instants import Stretch, read_instant
from bucketquery.model.queries import QUERIES, AnyQuery
from bucketquery.model.results import commit_of
from bucketquery.model.severity import severity
from bucketquery.model.text import visible

_NESTED: Final = ("bucket_influencers", "scheduled_events")
RESULT: Final[Document] = {"job_id": JOB, "timestamp": FIRST_MS, "bucket_span": SPAN_S}


def numbered(word: str, size: int) -> dict[str, int]:
    """So many fields of one name, but for a number."""
    return {f"{word}-{row}": row for row in range(size)}


# Values


def record_document(size: int) -> Document:
    """A record with so many values in each list and object, and as many unknown fields."""
    return {
        **RESULT,
        "record_score": 80.0,
        "correlated_by_field_value": "a" * size,
        "typical": [row + 0.5 for row in range(size)],
        "actual": [row + 1.5 for row in range(size)],
        "causes": [{"probability": 0.5, "function": "mean"}] * size,
        "influencers": [
            {"influencer_field_name": "host", "influencer_field_values": [str(row)]} for row in range(size)
        ],
        "geo_results": numbered("point", size),
        "anomaly_score_explanation": numbered("factor", size),
        **numbered("other", size),
    }


@cache
def record(size: int) -> AnomalyRecord:
    """The value of that."""
    index = ResultsIndex()
    index.upsert([record_document(size)], kind="record")
    return index.get_records(job_id=JOB)[0]


@cache
def influencer(size: int) -> Influencer:
    """The value of an influencer with so many unknown fields."""
    index = ResultsIndex()
    blamed = {"influencer_field_name": "host", "influencer_field_value": "a", "influencer_score": 80.0}
    index.upsert([{**RESULT, **blamed, **numbered("other", size)}], kind="influencer")
    return index.get_influencers(job_id=JOB)[0]


@cache
def bucket(size: int) -> Bucket:
    """The value of a bucket with so many influencers and planned events."""
    index = ResultsIndex()
    nested = [{"influencer_field_name": f"field-{row}"} for row in range(size)]
    events = [f"event-{row}" for row in range(size)]
    document = {**RESULT, "anomaly_score": 80.0, "bucket_influencers": nested, "scheduled_events": events}
    index.upsert([document], kind="bucket")
    return index.get_buckets(job_id=JOB)[0]


def reading_a_part(name: str, size: int) -> Call:
    """What a record keeps as text."""
    return checked(partial(attrgetter(name), record(size)), lambda part: len(part) == size)


def writing_a_record(size: int) -> Call:
    """All of it."""
    document = record_document(size)
    return checked(record(size).to_dict, lambda body: {**body, **document} == body and len(body["host"]) == size)


def reading_an_influencer(size: int) -> Call:
    """Its unknown fields."""
    read = partial(attrgetter("other_fields"), influencer(size))
    return checked(read, lambda others: others == numbered("other", size))


def writing_an_influencer(size: int) -> Call:
    """All of it."""
    return checked(influencer(size).to_dict, lambda body: body["host"] == "a" and body["other-1"] == 1)


def time_of(value: Callable[[int], Any], size: int) -> Call:
    """When a value was."""
    return checked(partial(attrgetter("time"), value(size)), lambda time: time.timestamp() * 1000 == FIRST_MS)


def severity_of(value: Callable[[int], Any], size: int) -> Call:
    """The word for its score."""
    return checked(partial(attrgetter("severity"), value(size)), "critical".__eq__)


def writing_a_bucket(kept: Collection[str], size: int) -> Call:
    """One that has so many of each thing that may be nested in it; what is not named is taken from it."""
    emptied: dict[str, Any] = {name: () for name in _NESTED if name not in kept}
    value = replace(bucket(size), **emptied)
    right = {name: size if name in kept else 0 for name in _NESTED}
    return checked(value.to_dict, lambda body: {name: len(body.get(name, ())) for name in _NESTED} == right)


def writing_its_record(size: int) -> Call:
    """A bucket with one record of so many fields."""
    value = replace(bucket(1), records=(record(size),))
    return checked(value.to_dict, lambda body: len(body["records"][0]["actual"]) == size)


def writing_a_nested_influencer(size: int) -> Call:
    """One of so many."""
    nested = bucket(size).bucket_influencers[size // 2]
    return checked(nested.to_dict, lambda body: body["influencer_field_name"] == f"field-{size // 2}")


# Bodies and JSON


def plain_bodies(size: int) -> list[dict[str, Any]]:
    """So many bodies of buckets."""
    return plain_buckets(JOB, [(FIRST_MS + row, 1.5, SPAN_S, 2.5, row, False, 5) for row in range(size)])


def making_bodies(size: int) -> Call:
    """Of so many buckets."""
    values = [(FIRST_MS + row, 1.5, SPAN_S, 2.5, row, False, 5) for row in range(size)]
    return checked(partial(plain_buckets, JOB, values), lambda bodies: bodies[-1]["event_count"] == size - 1)


def completing(records: int, events: int) -> Call:
    """A body, with so many records and influencers, and so many planned events."""
    (plain,) = plain_bodies(1)
    nested, planned = [dict[str, Any]()] * records, ("deploy",) * events

    def put() -> dict[str, Any]:
        body = dict(plain)
        complete(body, records=nested, bucket_influencers=nested, scheduled_events=planned)
        return body

    return checked(put, lambda body: body["records"] is nested and len(body["scheduled_events"]) == events)


def naming_an_influencer(size: int) -> Call:
    """By a name of so many characters."""
    make = partial(bucket_influencer_body, JOB, FIRST_MS, SPAN_S, "a" * size, 1.0, 1.0, 1.0, 0.5, False)
    return checked(make, lambda body: len(body["influencer_field_name"]) == size)


def making_a_body(body_of: Callable[..., dict[str, Any]], size: int) -> Call:
    """Of what has so many fields that are not documented."""
    others = numbered("other", size)
    return checked(partial(body_of, JOB, {"probability": 0.5}, others), lambda body: len(body) == size + 3)


def encoding_bodies(size: int) -> Call:
    """So many."""
    return checked(partial(encoded, plain_bodies(size)), lambda found: found.count(b"result_type") == size)


def encoding_columns(size: int) -> Call:
    """Two of so many values."""
    columns = [np.arange(size), np.arange(size) / 8]
    return checked(partial(encoded_columns, columns), lambda found: found[0][-1] == b"%d" % (size - 1))


def freezing(size: int) -> Call:
    """So many objects in a list."""
    objects = [{"actual": [1.5, row]} for row in range(size)]
    return checked(partial(frozen, objects), lambda found: found[-1] == FrozenMapping({"actual": (1.5, size - 1)}))


def making_values(size: int) -> Call:
    """So many commits."""
    fields = {field.name: range(size) for field in fields_of(Commit)}
    return checked(partial(frozen_values, Commit, size, fields), lambda found: found[-1].sequence == size - 1)


def making_fields(size: int) -> Call:
    """Sixteen values with so many fields."""
    names = [f"field_{number}" for number in range(size)]
    of = type("Of", (), {"__slots__": names})
    make = partial(frozen_values, of, 16, dict.fromkeys(names, range(16)))
    return checked(make, lambda found: attrgetter(names[-1])(found[-1]) == 15)


# Questions and texts


def reading_an_instant(size: int) -> Call:
    """That of so many milliseconds after the first, as text."""
    text = np.datetime_as_string(np.datetime64(FIRST_MS + size, "ms"), timezone="UTC").item()
    return checked(partial(read_instant, text, "start"), Stretch(FIRST_MS + size, FIRST_MS + size).__eq__)


def refusing_an_instant(size: int) -> Call:
    """So many steps of date math."""
    text = "now" + "+1d" * size

    def refuse() -> bool:
        try:
            read_instant(text, "start")
        except LimitExceeded:
            return True
        return False

    return checked(refuse, bool)


def asking_of(query: type[AnyQuery], size: int) -> Call:
    """One job, behind so many matches."""
    return checked(partial(query, jobs=JOB, from_=size), lambda asked: asked.from_ == size)


def asking_jobs(query: type[AnyQuery], size: int) -> Call:
    """So many."""
    jobs = list(numbered("job", size))
    return checked(partial(query, jobs=jobs), lambda asked: asked.jobs == tuple(jobs))


def asking_otherwise(jobs: int, size: int) -> Call:
    """Of so many jobs, behind so many matches."""
    query = BucketQuery(jobs=list(numbered("job", jobs)), from_=size)
    changed = methodcaller("replace", desc=True)
    return checked(partial(changed, query), lambda asked: asked.desc and asked.from_ == size)


def committing(size: int) -> Call:
    """So many results."""
    make = partial(commit_of, 1, size, 0, 0, deleted=0, skipped=FrozenMapping({}))
    return checked(make, lambda commit: commit == Commit(sequence=1, inserted=size))


def naming_a_score(size: int) -> Call:
    """Of so much."""
    return checked(partial(severity, float(size)), "critical".__eq__)


def escaping(size: int) -> Call:
    """A text of so many characters, one of eight not to be seen."""
    text = "critical"[:7] * (size // 8) + "\x1b" * (size // 8)
    return checked(partial(visible, text), lambda found: len(found) == size // 8 * 11)


_RECORD: Final = "model.anomalies.AnomalyRecord"
_VALUES: Final[tuple[tuple[str, Callable[[int], Any]], ...]] = (
    (_RECORD, record),
    ("model.anomalies.Influencer", influencer),
    ("model.results.Bucket", bucket),
)
_PARTS: Final = (
    "correlated_by_field_value",
    "typical",
    "actual",
    "causes",
    "influencers",
    "geo_results",
    "anomaly_score_explanation",
    "other_fields",
)
_BUCKET: Final = "model.results.Bucket.to_dict"

CLAIMS: Final = (
    *(
        Claim(f"{_RECORD}.{name}", "n values in each part", LINEAR, partial(reading_a_part, name), 32, 1_024)
        for name in _PARTS
    ),
    Claim(f"{_RECORD}.to_dict", "n values in each part", LINEAR, writing_a_record, 32, 1_024),
    Claim("model.anomalies.Influencer.other_fields", "n of them", LINEAR, reading_an_influencer, 128, 8_192),
    Claim("model.anomalies.Influencer.to_dict", "n other fields", LINEAR, writing_an_influencer, 128, 8_192),
    *(
        Claim(f"{of}.{name}", "of what has n parts", CONSTANT, partial(make, value), 32, 1_024)
        for of, value in _VALUES
        for name, make in (("time", time_of), ("severity", severity_of))
    ),
    Claim(_BUCKET, "with nothing nested, where n were", CONSTANT, partial(writing_a_bucket, ())),
    Claim(_BUCKET, "n influencers", LINEAR, partial(writing_a_bucket, ("bucket_influencers",))),
    Claim(_BUCKET, "n planned events", LINEAR, partial(writing_a_bucket, ("scheduled_events",))),
    Claim(_BUCKET, "n fields of a record", LINEAR, writing_its_record, 32, 1_024),
    Claim("model.results.BucketInfluencer.to_dict", "one of n", CONSTANT, writing_a_nested_influencer),
    Claim("model.results.commit_of", "n results", CONSTANT, committing),
    Claim("model.bodies.plain_buckets", "n buckets", LINEAR, making_bodies, 256, 8_192),
    Claim("model.bodies.complete", "n records and influencers", CONSTANT, lambda size: completing(size, 1)),
    Claim("model.bodies.complete", "n planned events", LINEAR, lambda size: completing(1, size)),
    Claim("model.bodies.bucket_influencer_body", "a name of n characters", CONSTANT, naming_an_influencer),
    Claim("model.bodies.record_body", "n other fields", LINEAR, partial(making_a_body, record_body), 128, 8_192),
    Claim(
        "model.bodies.influencer_body", "n other fields", LINEAR, partial(making_a_body, influencer_body), 128, 8_192
    ),
    Claim("model.encoding.encoded", "n bodies of buckets", LINEAR, encoding_bodies),
    Claim("model.encoding.encoded_columns", "n values in each of two columns", LINEAR, encoding_columns),
    Claim("model.frozen.frozen", "n objects", LINEAR, freezing, 128, 8_192),
    Claim("model.frozen.frozen_values", "n values", LINEAR, making_values, 256, 8_192),
    Claim("model.frozen.frozen_values", "n fields of sixteen values", LINEAR, making_fields, 32, 1_024),
    Claim("model.instants.read_instant", "n milliseconds after another", CONSTANT, reading_an_instant),
    Claim("model.instants.read_instant", "n steps, which are refused", CONSTANT, refusing_an_instant),
    *(
        Claim(f"model.queries.{query.__name__}", work, growth, partial(make, query), 256, 8_192)
        for query in QUERIES
        for work, growth, make in (("behind n matches", CONSTANT, asking_of), ("n jobs", LINEAR, asking_jobs))
    ),
    Claim("model.queries._Query.replace", "of one job, behind n matches", CONSTANT, partial(asking_otherwise, 1)),
    Claim("model.queries._Query.replace", "of n jobs", LINEAR, lambda size: asking_otherwise(size, 0), 256, 8_192),
    Claim("model.severity.severity", "a score of n", CONSTANT, naming_a_score),
    Claim("model.text.visible", "n characters", LINEAR, escaping),
)
"""Those of values, bodies, questions and texts."""
