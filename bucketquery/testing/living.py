"""How writes change stored results, and the changes that a feed has of them: the rules over plain dicts.

Stored results are a mapping from names to documents. The name of a result is its kind and its identity, the latter as
``page.keys()`` has it. No function changes a mapping or a document that it is given. A host or a test applies a write
by itself::

    stored = {**stored, **stored_results(documents)}                           # upsert
    stored = {name: stored[name] for name in stored if name not in gone}       # delete, drop_interim, delete_job
    stored = {**stored, **rescored(stored, "web", buckets=rows)}               # renormalize

Not here: checking documents and parameters, sequences and times of commits, the bound of the log.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from bucketquery.errors import InvalidDocument, InvalidQuery
from bucketquery.model.schema import Kind
from bucketquery.testing.documents import documents_in
from bucketquery.testing.reference import SCORE, Query, identity_of, kind_of, matches, refuse_texts, value_of
from bucketquery.testing.selection import selects
from bucketquery.testing.shapes import Document, stored_form
from bucketquery.testing.values import double, listed, plain, timestamp_ms

Name = tuple[Kind, tuple[Any, ...]]
Stored = Mapping[Name, Document]

#: The influencer of a bucket that follows the bucket's own score.
_FOLLOWS: Final = "bucket_time"


class ExpectedChange(NamedTuple):
    """A change that a feed must have. The attributes are those of a change, without ``sequence`` and ``time``.

    Attributes:
        reason: ``inserted``, ``replaced``, ``finalised``, ``renormalised`` or ``deleted``; None in a listing.
        effect: ``entered``, ``left`` or ``stayed``.
        kind: the kind of the result.
        key: its identity.
        old_score: the current score before; None if there was no result or no score.
        score: the current score after.
        was_interim: whether it was interim; None if there was no result.
        is_interim: whether it is interim; None if there is no result.

    >>> ExpectedChange("inserted", "entered", "bucket", ("web", 0, 900), None, 75.0, None, False).score
    75.0
    """

    reason: str | None
    effect: str
    kind: Kind
    key: tuple[Any, ...]
    old_score: float | None
    score: float | None
    was_interim: bool | None
    is_interim: bool | None


def stored_results(documents: Iterable[Document] | Any) -> dict[Name, Document]:
    """The results that a batch writes, by name: the last document of each identity.

    Args:
        documents: as `evaluate` takes them.

    Complexity: O(n) for n documents.
    Source: docs/semantics/writing.md, 12.1 and 20.identity.

    >>> bucket = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 900}
    >>> stored_results([bucket, {**bucket, "anomaly_score": 5}])[("bucket", ("web", 0, 900))]["anomaly_score"]
    5
    """
    found: dict[Name, Document] = {}
    for document in documents_in(documents):
        kind = plain(document.get("result_type"))
        if kind in SCORE:
            # The records in a bucket are results of their own.
            bare = {name: value for name, value in document.items() if kind != "bucket" or name != "records"}
            found[kind, identity_of(document, kind)] = bare
    return found


def deleted(
    stored: Stored,
    jobs: Collection[str] | None = None,
    *,
    start: int | None = None,
    end: int | None = None,
    interim_only: bool = False,
) -> set[Name]:
    """The names of the results that ``delete`` deletes.

    Args:
        stored: the stored results.
        jobs: the ids of the jobs; None for all jobs.
        start: the first instant that is deleted, in epoch ms; None leaves this side open.
        end: the first instant that is not deleted; None leaves this side open.
        interim_only: whether final results stay.

    Complexity: O(n) for n results.
    Source: docs/semantics/deleting.md, 20.delete.

    >>> bucket = {"result_type": "bucket", "job_id": "web", "bucket_span": 900}
    >>> stored = stored_results([{**bucket, "timestamp": 0}, {**bucket, "timestamp": 900_000}])
    >>> deleted(stored, ["web"], end=900_000)
    {('bucket', ('web', 0, 900))}
    """
    return {
        name
        for name, document in stored.items()
        if (jobs is None or plain(document["job_id"]) in jobs)
        if start is None or timestamp_ms(document) >= start
        if end is None or timestamp_ms(document) < end
        if not interim_only or _is_interim(document)
    }


def overtaken(stored: Stored, documents: Iterable[Document] | Any) -> set[Name]:
    """The names of the results that ``upsert(documents, drop_interim=True)`` deletes.

    Args:
        stored: the results stored before the batch.
        documents: the batch, as `evaluate` takes it.

    Complexity: O(n + k) for n results and k documents.
    Source: docs/semantics/deleting.md, 20.drop-interim.

    >>> bucket = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 900}
    >>> record = {**bucket, "result_type": "record", "is_interim": True}
    >>> overtaken(stored_results([record]), [bucket])
    {('record', ('web', 0, 900, 0, None, None, None))}
    """
    batch = stored_results(documents)
    final = {key[:2] for (kind, key), document in batch.items() if kind == "bucket" and not _is_interim(document)}
    return {
        name
        for name, document in stored.items()
        if _is_interim(document) and name[1][:2] in final and name not in batch
    }


def rescored(
    stored: Stored,
    job_id: str,
    *,
    buckets: Sequence[Document] = (),
    records: Sequence[Document] = (),
    influencers: Sequence[Document] = (),
    bucket_influencers: Sequence[Document] = (),
) -> dict[Name, Document]:
    """The results that ``renormalize`` gives other scores, by name, each with its new scores.

    Args:
        stored: the stored results.
        job_id: the job.
        buckets: the rows of the argument of this name, each as a dict.
        records: the same.
        influencers: the same.
        bucket_influencers: the same.

    Raises:
        InvalidDocument: a result of a row is not stored, or a bucket has no influencer of a row's name; ``field`` is
            the path of the first such row.

    Complexity: O(k) for k rows, plus the influencers of their buckets.
    Source: docs/semantics/deleting.md, 20.renormalise.

    >>> bucket = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 900, "anomaly_score": 90}
    >>> row = {"timestamp": 0, "bucket_span": 900, "anomaly_score": 40}
    >>> [document["anomaly_score"] for document in rescored(stored_results([bucket]), "web", buckets=[row]).values()]
    [40]
    """
    changed: dict[Name, Document] = {}
    tables: Sequence[tuple[Kind, str, Sequence[Document]]] = (
        ("bucket", "buckets", buckets),
        ("record", "records", records),
        ("influencer", "influencers", influencers),
    )
    for kind, argument, rows in tables:
        for place, row in enumerate(rows):
            name = kind, identity_of({**row, "job_id": job_id}, kind)
            if name not in stored:
                raise _unknown(argument, place, row)
            changed[name] = {**stored[name], SCORE[kind]: row[SCORE[kind]]}

    # Scores of nested influencers, by the name of their bucket and their own.
    nested: dict[Name, dict[Any, Any]] = {}
    for (kind, key), document in changed.items():
        if kind == "bucket":
            nested[kind, key] = {_FOLLOWS: document["anomaly_score"]}
    for place, row in enumerate(bucket_influencers):
        name = "bucket", identity_of({**row, "job_id": job_id}, "bucket")
        field = plain(row.get("influencer_field_name"))
        held = [plain(one.get("influencer_field_name")) for one in _influencers(stored.get(name, {}))]
        if field not in held:
            raise _unknown("bucket_influencers", place, row)
        nested.setdefault(name, {})[field] = row["anomaly_score"]
    for name, scores in nested.items():
        document = changed.get(name, stored[name])
        if _influencers(document):
            changed[name] = {**document, "bucket_influencers": _with_scores(document, scores)}
    return {name: document for name, document in changed.items() if _differ(stored[name], document)}


def matching_changes(
    before: Stored,
    after: Stored,
    query: Query | None = None,
    *,
    renormalised: bool = False,
    keep_documents: bool = True,
) -> list[ExpectedChange]:
    """The changes that a feed has of one commit, in any order.

    Args:
        before: the results stored before the commit.
        after: the results stored after it.
        query: the query of the feed, whose instants are int epoch milliseconds or None; None for every change.
        renormalised: whether ``renormalize`` made the commit.
        keep_documents: whether the index keeps documents.

    Raises:
        TypeError: an instant of `query` is text.
        InvalidQuery: `query` is a `BucketQuery` with ``where``.

    Complexity: O(n) for n results before and after.
    Source: docs/semantics/changes.md, 20.changes, 20.reasons and 20.effects; docs/semantics/filters.md,
        20.where-elsewhere.

    >>> from bucketquery import BucketQuery
    >>> bucket = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 900}
    >>> before, after = (stored_results([{**bucket, "anomaly_score": score}]) for score in (50, 90))
    >>> [change] = matching_changes(before, after, BucketQuery(jobs="web", anomaly_score=75))
    >>> change.reason, change.effect, change.old_score, change.score
    ('replaced', 'entered', 50.0, 90.0)
    """
    if query is not None:
        refuse_texts(query)
        _refuse_witnesses(query)
    changes = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old is new or (old is not None and new is not None and not _differ(old, new, keep_documents=keep_documents)):
            continue
        effect = _EFFECTS[_is_match(name, old, query), _is_match(name, new, query)]
        if effect is not None:
            reason = "renormalised" if renormalised else _reason(old, new)
            changes.append(ExpectedChange(reason, effect, *name, *_sides(name[0], old, new)))
    return changes


def listing(stored: Stored, query: Query | None = None) -> list[ExpectedChange]:
    """The changes that ``changes(query, since=None)`` has, in any order: every match has entered.

    Raises:
        TypeError: an instant of `query` is text.
        InvalidQuery: `query` is a `BucketQuery` with ``where``.

    Complexity: O(n) for n results.
    Source: docs/semantics/changes.md, 20.listing; docs/semantics/filters.md, 20.where-elsewhere.

    >>> bucket = {"result_type": "bucket", "job_id": "web", "timestamp": 0, "bucket_span": 900}
    >>> [(change.reason, change.effect) for change in listing(stored_results([bucket]))]
    [(None, 'entered')]
    """
    return [change._replace(reason=None) for change in matching_changes({}, stored, query)]


_EFFECTS: Final = {(False, False): None, (False, True): "entered", (True, False): "left", (True, True): "stayed"}


def _refuse_witnesses(query: Query) -> None:
    """Refuse a query whose matches depend on the records beside a result."""
    if query.where and kind_of(query) == "bucket":
        reason = "a feed of buckets takes no [where]"
        raise InvalidQuery(reason, field="where", value=query.where)


def _is_match(name: Name, document: Document | None, query: Query | None) -> bool:
    if document is None or query is None:
        return document is not None
    kind, (job_id, *_) = name
    return kind == kind_of(query) and selects(query.jobs, job_id) and matches(document, query)


def _reason(old: Document | None, new: Document | None) -> str:
    if old is None:
        return "inserted"
    if new is None:
        return "deleted"
    return "finalised" if _is_interim(old) and not _is_interim(new) else "replaced"


def _sides(kind: Kind, *sides: Document | None) -> tuple[Any, ...]:
    scores = [None if document is None else value_of(document, SCORE[kind]) for document in sides]
    # -0.0 is stored as 0.0.
    scores = [None if score is None else score + 0.0 for score in scores]
    return (*scores, *(None if document is None else _is_interim(document) for document in sides))


def _is_interim(document: Document) -> bool:
    return bool(plain(document.get("is_interim")))


def _differ(old: Document, new: Document, *, keep_documents: bool = True) -> bool:
    """Whether something stored differs."""
    forms = [stored_form(document, keep_documents=keep_documents) for document in (old, new)]
    return forms[0] != forms[1]


def _influencers(bucket: Document) -> list[Document]:
    return listed(bucket.get("bucket_influencers"))


def _with_scores(bucket: Document, scores: Mapping[Any, Any]) -> list[Document]:
    """The influencers of a bucket, with new scores for some names."""
    return [
        {**one, "anomaly_score": double(scores.get(plain(one.get("influencer_field_name")), one.get("anomaly_score")))}
        for one in _influencers(bucket)
    ]


def _unknown(argument: str, place: int, row: Document) -> InvalidDocument:
    reason = "no such result is stored"
    return InvalidDocument(reason, field=f"{argument}.timestamp[{place}]", value=row["timestamp"])
