"""The same documents written another way: values of other classes, single values, records inside buckets, answers.

What is stored stays the same, so an index must give the same answers.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from random import Random
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np

from support.strategies import EPOCH, FIELDS, Batch, Document, fits, ingested_ms, iso, listed, timestamp_ms, unknown


class Text(str):
    """Text of a class of its own, which is no key of a dict."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # the class has no hash on purpose


def respelled(rng: Random, document: Document) -> Document:
    """The same document written another way: values of other classes, tuples, single values, a search hit."""
    way = rng.randrange(16)
    if way == 0:
        return {"_index": ".ml-anomalies-shared", "_source": document}
    if way == 1:
        return MappingProxyType(document)  # type: ignore[return-value]  # a mapping is a document too
    if (document.get("result_type") or "") not in FIELDS or way > len(_SPELLINGS) + 1:
        return document
    return {**document, **_SPELLINGS[way - 2](rng, document)}


def _other_instants(rng: Random, document: Document) -> Document:
    changed: Document = {"timestamp": _another_instant(rng, timestamp_ms(document))}
    ingested = ingested_ms(document)
    if ingested is not None:
        changed["event"] = {"created": 0, "ingested": _another_instant(rng, ingested), "kind": None}
    return changed


def _another_instant(rng: Random, timestamp: int) -> Any:
    moment = EPOCH + timedelta(milliseconds=timestamp)
    spelled = [moment, np.datetime64(timestamp, "ms"), np.int64(timestamp), iso(timestamp), Decimal(timestamp)]
    if timestamp % 86_400_000 == 0:
        spelled.append(moment.date())
    return rng.choice(spelled)


def _other_integers(rng: Random, document: Document) -> Document:
    spelling = rng.choice((np.int64, _integral_float, Decimal, np.array))
    names = ["bucket_span", *_given(document, int)]
    return {name: spelling(document[name]) for name in names}


def _other_doubles(rng: Random, document: Document) -> Document:
    spelling = rng.choice((np.float64, np.longdouble, Decimal, np.array))
    return {name: spelling(document[name]) for name in _given(document, float)}


def _other_booleans(rng: Random, document: Document) -> Document:
    spelling = rng.choice((np.bool_, np.array))
    return {name: spelling(document[name]) for name in _given(document, bool)}


def _other_texts(rng: Random, document: Document) -> Document:
    spelling = rng.choice((Text, np.str_, _boxed))
    return {name: spelling(document[name]) for name in ("job_id", "result_type", *_given(document, str))}


def _tuples(_: Random, document: Document) -> Document:
    return {name: tuple(document[name]) for name in _lists(document)}


def _single_values(_: Random, document: Document) -> Document:
    return {name: document[name][0] for name in _lists(document) if len(document[name]) == 1}


_SPELLINGS: Sequence[Callable[[Random, Document], Document]] = (
    _other_instants,
    _other_integers,
    _other_doubles,
    _other_booleans,
    _other_texts,
    _tuples,
    _single_values,
)


def _given(document: Document, holds: type) -> list[str]:
    """The stored fields of a document that hold values of this type."""
    fields = FIELDS[document["result_type"]]
    return [name for name, of in fields.items() if of is holds and document.get(name) is not None]


def _lists(document: Document) -> list[str]:
    """The fields of a document that hold a list."""
    names = ("causes", "influencers", "typical", "actual", "scheduled_events", "bucket_influencers", "records")
    # A name documented for another kind is unknown here, and its value comes back as it is.
    return [name for name in names if isinstance(document.get(name), list) and name not in unknown(document)]


def _boxed(value: Any) -> Any:
    box = np.empty((), object)
    box[()] = value
    return box


def nested(rng: Random, batch: Sequence[Document]) -> Batch:
    """The same batch with some records inside the bucket that comes directly before them."""
    given: Batch = []
    for document in batch:
        last = given[-1] if given else {}
        # A record that does not say whether it is interim would take the answer from the bucket.
        says_the_same = document.get("is_interim") is not None or last.get("is_interim") is None
        kinds = (last.get("result_type"), document.get("result_type"))
        if kinds == ("bucket", "record") and says_the_same and rng.random() < 0.7:
            given[-1] = {**last, "records": [*listed(last.get("records")), document]}
        else:
            given.append(document)
    return given


def _integral_float(number: int) -> float | int:
    return float(number) if abs(number) <= 2**53 else number


def as_given(rng: Random, batch: Sequence[Document]) -> Any:
    """The same batch as another container, or as an answer in place of it."""
    containers: list[Callable[[], Any]] = [
        lambda: [*batch],
        lambda: (*batch,),
        lambda: (document for document in batch),
        lambda: dict(enumerate(batch)).values(),
        lambda: {"hits": {"hits": [hit if "_source" in hit else {"_source": hit} for hit in batch]}},
    ]
    # A search hit in an answer has its type in its source, and text of other classes has no hash.
    types = [document.get("result_type") for document in batch]
    kinds = set(types) if all(type(kind) is str for kind in types) else set()
    if len(kinds) == 1 and all(map(fits, batch)):
        body = {"count": len(batch), f"{kinds.pop()}s": [*batch]}
        containers += [lambda: body, lambda: MappingProxyType(body), lambda: SimpleNamespace(body=body, meta=None)]
    return rng.choice(containers)()
