"""Entity filters for queries: drawn from a seed, mostly so that some stored results meet them."""

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any, Final

from bucketquery import BucketQuery
from support.strategies import DROPPED, FIELDS, KINDS, SORT_FIELDS, Query, kind_of

#: The fields of each kind that a filter may name; buckets are filtered by records.
FILTER_FIELDS: Final[Mapping[str, Sequence[str]]] = {
    "influencer": ("influencer_field_name", "influencer_field_value"),
    "record": (*(name for name, holds in FIELDS["record"].items() if holds is str), "detector_index"),
}
#: The pairs of a field name and a field value that each kind has.
PAIRS: Final[Mapping[str, Sequence[str]]] = {"record": ("by", "over", "partition"), "influencer": ("influencer",)}
#: Names that no filter takes as those of data fields, since results have such keys of their own.
DOCUMENTED: Final = frozenset(("event", "result_type", "job_id", "timestamp", "bucket_span")).union(
    *(FIELDS[kind] for kind in KINDS), *(DROPPED[kind] for kind in KINDS), *(SORT_FIELDS[kind] for kind in KINDS)
)
#: Texts and numbers that few results have, or none.
_TEXTS: Final = ("", "a", "A", "host", "host-1", "HOST-1", "no such value", "a\x00")
_NUMBERS: Final = (0, 0, 1, 2, -1, 2**63 - 1, 2**70)
_DATA_FIELDS: Final = ("host", "host", "host.name", "Host", "", "no such field")

Filter = dict[str, Any]
Document = Mapping[str, Any]


def filtered_kind(query: Query) -> str:
    """The kind of the results that a query's filter judges."""
    return "influencer" if kind_of(query) == "influencer" else "record"


def sometimes_filtered(query: Query, documents: Iterable[Document], seed: str, chance: float = 0.25) -> Query:
    """The query, with a filter in a quarter of the cases, or with another chance; a lookup takes none.

    Args:
        query: the query. It and the seed decide the filter, so that no other draw of a test depends on it.
        documents: the stored results. Most filters are met by one of them.
        seed: the seed.
        chance: how often there is a filter.
    """
    rng = Random(f"{seed} {query!r}")
    if rng.random() >= chance or (isinstance(query, BucketQuery) and query.timestamp is not None):
        return query
    of_kind = [document for document in documents if document["result_type"] == filtered_kind(query)]
    if not of_kind and rng.random() < 0.9:
        # Buckets without any records match no filter, and one such case in ten is enough.
        return query
    return query.replace(where=a_filter(rng, filtered_kind(query), of_kind, query.jobs))


def a_filter(rng: Random, kind: str, of_kind: Sequence[Document], jobs: Sequence[str] = ()) -> Filter:
    """A filter of one to three fields; most are met by a result of the kind, of these jobs if they have any."""
    of_jobs = [document for document in of_kind if document["job_id"] in jobs] or of_kind
    like = rng.choice(of_jobs) if of_jobs and rng.random() < 0.9 else {}
    others = [like, *(rng.sample(of_jobs, min(3, len(of_jobs))))]
    where: Filter = {}
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        name = _name(rng, kind, like)
        where[name] = _values(rng, name, [held(kind, document, name) for document in others])
    return where


def held(kind: str, document: Document, name: str) -> list[Any]:
    """The values of a result in a field, which a filter may name; [None] if it misses the field."""
    if name == "detector_index":
        return [int(document.get(name) or 0)]
    if name in FILTER_FIELDS[kind]:
        return [document.get(name)]
    return [value for field, value in pairs(kind, document) if field == name] or [None]


def pairs(kind: str, document: Document) -> list[tuple[str, str]]:
    """The field names of a result that have a value, each with its value."""
    found = [(document.get(f"{pair}_field_name"), document.get(f"{pair}_field_value")) for pair in PAIRS[kind]]
    return [(name, value) for name, value in found if name is not None and value is not None]


def _name(rng: Random, kind: str, like: Document) -> str:
    data_fields = [name for name, _ in pairs(kind, like) if name not in DOCUMENTED]
    chance = rng.random()
    if chance < 0.5 and data_fields:
        return rng.choice(data_fields)
    return rng.choice(_DATA_FIELDS if chance > 0.8 else FILTER_FIELDS[kind])


def _values(rng: Random, name: str, found: Sequence[list[Any]]) -> Any:
    """One value or several: mostly those of the first result, and some of others, unknown ones, and None."""
    chance = rng.random()
    if chance < 0.03:
        return []
    values = [rng.choice(found[0] if rng.random() < 0.9 else found[-1])]
    while rng.random() < 0.4:
        values.append(rng.choice(rng.choice(found) if rng.random() < 0.6 else _pool(name)))
    if len(values) == 1 and chance < 0.6:
        return values[0]
    return values


def _pool(name: str) -> Sequence[Any]:
    return _NUMBERS if name == "detector_index" else (*_TEXTS, None)
