"""The public API equals the contract: names, parameters, defaults and annotations, compared as source text.

`contract/api.pyi` is the agreed contract and is never edited. ABSENT lists the names of the contract that a later
version will have. ANNOTATIONS lists the annotations that differ, with the reason. OURS lists the public names that the
contract does not have. A test fails if an entry of the three lists no longer applies.

Both sides are read into facts: a path such as ``search.query``, and its kind, annotation and default.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import numpy as np
import pytest

import bucketquery
from bucketquery.answers.page import Page
from bucketquery.reads import Reads

CONTRACT = Path(__file__).parent / "contract" / "api.pyi"
#: The digest of the agreed contract.
AGREED = "f3a9ec8c0fe38b8636a29b08e10449acb29c062f8be6d323eca0ab9aef3df291"

#: Names, members and parameters of the contract that this version does not have yet; an overload has its first
#: annotation in brackets.
ABSENT = {
    # several jobs at once
    # Arrow
    "_Reads.arrow",
}

#: The annotations that differ from the contract's: its path there, our annotation, and the reason.
ANNOTATIONS = {
    "Bucket.bucket_influencers": ("tuple[BucketInfluencer, ...]", "a sequence that can be hashed and pickled"),
    "Bucket.records": ("tuple[AnomalyRecord, ...]", "a sequence that can be hashed and pickled"),
    "Bucket.scheduled_events": ("tuple[str, ...]", "a sequence that can be hashed and pickled"),
    "Bucket.severity": ("Severity", "the same literals under a name"),
    "ResultsIndex.upsert.documents": ("Iterable[Document] | Document", "an answer stands for the documents in it"),
    **{
        f"ResultsIndex.renormalize.{argument}": ("_Columns | None", "a frame is a mapping of columns too")
        for argument in ("buckets", "records", "influencers", "bucket_influencers")
    },
    "BucketInfluencer.influencer_field_name": ("str | None", "a stored influencer may have none"),
    "BucketQuery.__init__.anomaly_score": ("float | tuple[float, float]", "a pair is a band"),
    "RecordQuery.__init__.record_score": ("float | tuple[float, float]", "a pair is a band"),
    "InfluencerQuery.__init__.influencer_score": ("float | tuple[float, float]", "a pair is a band"),
    "_Page.column": ("Array", "the same type under a name"),
    "_Reads.jobs.pattern": ("str | Iterable[str]", "the same tokens as in the `jobs` of a query"),
    "_Reads.changes.query": ("AnyQuery | None", "the same three query classes under a name"),
    "_Reads.pages.query": ("AnyQuery", "the same three query classes under a name"),
    "_Reads.scan.query": ("AnyQuery", "the same three query classes under a name"),
}

#: The type aliases that have more types than the contract's, and these types.
WIDER: dict[str, Any] = {"Instant": date}  # a date is its midnight in UTC

#: The names of the contract that are imported from a door, with the door's module.
DOORS = dict.fromkeys(
    ("Reply", "asgi", "async_client", "client", "handle", "node_class", "wsgi"), "bucketquery.elastic"
)

#: Public names that the contract does not have, and the reason.
OURS = {
    "Bucket.event_ingested": "newer servers write this instant into every result",
    "BucketInfluencer.event_ingested": "newer servers write this instant into every result",
    "ChangeRange": "the value of `Changes.ranges`",
    "OverallBucket": "the value that `OverallBuckets` has",
    "OverallBucketJob": "the value of `OverallBucket.jobs`",
    "ResultsIndex.check": "asserts every invariant; the tests of a host may call it",
    "Snapshot.check": "asserts every invariant of one commit",
    **{
        f"{reader}.{name}": "counts by score, which the interface does not have"
        for reader in ("ResultsIndex", "Snapshot")
        for name in (
            "severity_counts",
            "severity_counts.query",
            "severity_counts.now",
            "threshold_counts",
            "threshold_counts.query",
            "threshold_counts.thresholds",
            "threshold_counts.now",
        )
    },
    "RecordQuery.replace": "every query class has the methods of BucketQuery",
    "RecordQuery.replace.changes": "the parameter of replace",
    "InfluencerQuery.replace": "every query class has the methods of BucketQuery",
    "InfluencerQuery.replace.changes": "the parameter of replace",
    "TopInfluencer": "the values of `TopInfluencers`",
    "TopInfluencers": "the answer of `top_influencers`",
    **{
        f"{name}.top_influencers{parameter}": "a list of influencers over a window and several jobs"
        for name in ("ResultsIndex", "Snapshot")
        for parameter in (
            "",
            *(f".{each}" for each in "jobs field start end by size from_ exclude_interim now".split()),  # noqa: SIM905
        )
    },
}

#: Keyword-only parameters of `handle` that the contract does not have, and the reason.
OURS_OF_HANDLE = {
    "version": "clients ask for the server's version before anything else",
    "allow_writes": "requests create and delete jobs only if the host says so",
}


class Fact(NamedTuple):
    """The kind, annotation and default at a path; annotation and default as source text."""

    kind: str
    annotation: str | None = None
    default: str | None = None


# ---- from source to facts --------------------------------------------------------------------------------------------


def source(node: ast.expr | None) -> str | None:
    """An expression as normalised source text."""
    return None if node is None else ast.unparse(node)


def annotated(node: ast.expr | None) -> str | None:
    """An annotation as normalised source text, without quotes around it."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else source(node)


def parameters(function: ast.FunctionDef) -> dict[str, Fact]:
    """The parameters of a function except ``self``; positional ones with their position."""
    args = function.args
    positional = [*args.posonlyargs, *args.args]
    required: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults))
    facts = {
        node.arg: Fact(f"positional {position}", annotated(node.annotation), source(default))
        for position, (node, default) in enumerate(zip(positional, [*required, *args.defaults], strict=True))
    }
    for node, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        facts[node.arg] = Fact("keyword", annotated(node.annotation), source(default))
    for rest, kind in ((args.vararg, "all other positional"), (args.kwarg, "all other keywords")):
        facts |= {} if rest is None else {rest.arg: Fact(kind, annotated(rest.annotation))}
    facts.pop("self", None)
    return facts


def decorators(node: ast.FunctionDef | ast.ClassDef) -> set[str]:
    """The names of the decorators, without their arguments and modules."""
    called = (entry.func if isinstance(entry, ast.Call) else entry for entry in node.decorator_list)
    return {ast.unparse(entry).rpartition(".")[2] for entry in called}


def facts_of_class(node: ast.ClassDef) -> dict[str, Fact]:
    """The attributes, methods and parameters that a class body defines, by path."""
    facts: dict[str, Fact] = {}
    fields: dict[str, Fact] = {}
    for entry in node.body:
        match entry:
            case ast.FunctionDef(name=name) if {"property", "cached_property"} & decorators(entry):
                facts[name] = Fact("attribute", annotated(entry.returns))
            case ast.FunctionDef(name=name):
                taken = parameters(entry)
                overload = f"[{next(iter(taken.values())).annotation}]" if "overload" in decorators(entry) else ""
                if not overload and any(path.startswith(f"{name}[") for path in facts):
                    continue  # the implementation of the overloads
                facts[name + overload] = Fact("method", annotated(entry.returns))
                facts |= {f"{name}{overload}.{path}": fact for path, fact in taken.items()}
                facts |= {
                    path: Fact("attribute") for path in assigned(entry) if name == "__init__" and path not in facts
                }
            case ast.AnnAssign(target=ast.Name(id=name)):
                facts[name] = Fact("attribute", annotated(entry.annotation))
                fields[f"__init__.{name}"] = Fact("keyword", annotated(entry.annotation), source(entry.value))
            case ast.Assign(targets=[ast.Name(id=name)]):
                facts[name] = Fact("attribute")
            case _:
                pass
    if "dataclass" in decorators(node) and "__init__" not in facts:
        assert "kw_only=True" in ast.unparse(node.decorator_list[0]), f"{node.name} takes its fields by position"
        facts |= {"__init__": Fact("method", "None")} | fields
    return facts


def assigned(function: ast.FunctionDef) -> Iterator[str]:
    """The attributes of ``self`` that a function assigns."""
    for node in ast.walk(function):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name
            case _:
                pass


def is_public(path: str) -> bool:
    """Whether a path is public: it has no leading underscore, or is a special method."""
    return not path.startswith("_") or path.startswith("__")


@cache
def contract() -> dict[str, ast.stmt]:
    """The definitions of the contract by name."""
    found: dict[str, ast.stmt] = {}
    for node in ast.parse(CONTRACT.read_text(encoding="utf-8")).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                found[name] = node
            case _:
                pass
    return found


def contract_bases(name: str) -> list[str]:
    """The bases of a class in the contract."""
    node = contract()[name]
    assert isinstance(node, ast.ClassDef)
    return [ast.unparse(base) for base in node.bases]


def contract_facts(name: str) -> dict[str, tuple[str, Fact]]:
    """The contract's facts of a class and its private bases: by path, the defining class and the fact."""
    node = contract()[name]
    assert isinstance(node, ast.ClassDef)
    own = facts_of_class(node)
    if name.endswith("Query"):
        own |= {path.removeprefix("__init__."): Fact("attribute") for path in own if path.startswith("__init__.")}
    inherited: dict[str, tuple[str, Fact]] = {}
    for base in contract_bases(name):
        inherited |= contract_facts(base) if base in contract() else {}
    return inherited | {path: (name, fact) for path, fact in own.items()}


def our_facts(name: str) -> dict[str, Fact]:
    """The facts of our class of this name and its bases in the package; overloads have the contract's paths."""
    facts: dict[str, Fact] = {}
    for base in reversed(getattr(bucketquery, name).__mro__):
        if base.__module__.startswith("bucketquery"):
            if get_origin(base.__dict__.get("__orig_bases__", (None,))[0]) is Page:
                # Replace the type variable of `Page` by the page's own value class.
                (value,) = get_args(base.__orig_bases__[0])
                facts = {path: _of(fact, value.__name__) for path, fact in facts.items()}
            (node,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            assert isinstance(node, ast.ClassDef)
            facts |= facts_of_class(node)
    for method in {path.partition("[")[0] for path in contract_facts(name) if "[" in path} & facts.keys():
        # A method with a single overload is written without `overload`.
        first = next(fact.annotation for path, fact in facts.items() if path.startswith(f"{method}."))
        plain = [path for path in facts if path == method or path.startswith(f"{method}.")]
        facts |= {path.replace(method, f"{method}[{first}]", 1): facts.pop(path) for path in plain}
    return {path: fact for path, fact in facts.items() if is_public(path)}


def _of(fact: Fact, value: str) -> Fact:
    return fact._replace(annotation=fact.annotation and re.sub(r"\b_Value\b", value, fact.annotation))


def is_open(name: str) -> bool:
    """Whether the contract names a class without its members."""
    node = contract()[name]
    return isinstance(node, ast.ClassDef) and ast.unparse(node.body[0]) == "..."


def exported() -> set[str]:
    """The public names of the contract, except those of the doors."""
    above_the_doors = CONTRACT.read_text(encoding="utf-8").partition("# ---- doors")[0].count("\n")
    return {name for name, node in contract().items() if is_public(name) and node.lineno <= above_the_doors}


def present_classes() -> list[str]:
    """The public classes of the contract that this version has."""
    return sorted(name for name in exported() - ABSENT if isinstance(contract()[name], ast.ClassDef))


def compared() -> tuple[set[str], set[str], dict[str, tuple[Fact, Fact]], set[str]]:
    """Compare both sides: missing paths, present paths, differing facts, and the paths that only we have."""
    missing = {name for name in contract() if is_public(name)} - set(bucketquery.__all__) - DOORS.keys()
    present: set[str] = set()
    differing: dict[str, tuple[Fact, Fact]] = {}
    extra = set(bucketquery.__all__) - exported()
    for name in present_classes():
        ours = our_facts(name)
        theirs = contract_facts(name)
        gone: list[str] = []
        for path, (owner, fact) in theirs.items():
            if any(path.startswith(f"{whole}.") for whole in gone):
                continue  # the whole method is missing
            place = f"{owner}.{path}"
            if path not in ours:
                gone.append(path)
                missing.add(place)
                continue
            present.add(place)
            if any(their is not None and their != our for their, our in zip(fact, ours[path], strict=True)):
                differing[place] = fact, ours[path]
        special = {path.partition(".")[0] for path in ours if path.startswith("__")} - theirs.keys()
        if not is_open(name):
            extra |= {f"{name}.{path}" for path in ours.keys() - theirs.keys() if path.partition(".")[0] not in special}
    return missing, present, differing, extra


# ---- tests -----------------------------------------------------------------------------------------------------------


def test_the_contract_is_not_edited() -> None:
    """The text of the contract has the digest of the agreed text."""
    assert sha256(CONTRACT.read_text(encoding="utf-8").encode()).hexdigest() == AGREED


def test_public_names_are_the_contracts() -> None:
    """`bucketquery.__all__` has each name of OURS and of the contract that is not in ABSENT, each once.

    Each can be imported.
    """
    names = list(bucketquery.__all__)
    assert set(names) == exported() - ABSENT | {name for name in OURS if "." not in name}
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(bucketquery, name)] == []


def test_absent_is_exact() -> None:
    """ABSENT lists exactly the paths of the contract that this version does not have."""
    missing, present, _, _ = compared()
    assert sorted(missing - ABSENT) == [], "missing, and not listed"
    assert sorted(ABSENT - missing) == [], "listed as absent, but present or unknown"
    assert sorted(ABSENT & present) == [], "listed as absent, but present in at least one class"


def test_public_names_outside_the_contract_are_listed() -> None:
    """OURS lists exactly the public names, members and parameters that the contract does not have."""
    extra = compared()[3]
    assert sorted(extra - OURS.keys()) == [], "public, but not in the contract"
    assert sorted(OURS.keys() - extra) == [], "listed as ours, but gone or in the contract"


def test_kinds_annotations_and_defaults_are_the_contracts() -> None:
    """Annotations differ only where ANNOTATIONS lists them, and exactly as listed; kinds and defaults are the same."""
    differing = compared()[2]
    allowed = {
        place: (theirs, theirs._replace(annotation=ANNOTATIONS[place][0]))
        for place, (theirs, _) in differing.items()
        if place in ANNOTATIONS
    }
    assert {place: sides for place, sides in differing.items() if allowed.get(place) != sides} == {}
    assert sorted(ANNOTATIONS.keys() - differing.keys()) == [], "listed as different, but equal or gone"


def test_the_rest_door_is_the_contracts() -> None:
    """The REST door is imported by name; `handle` has the contract's parameters and `Reply` the contract's members.

    `handle` has those of OURS_OF_HANDLE too, at the end.
    """
    for name, module in DOORS.items():
        assert name not in exported()
        assert name in import_module(module).__all__
    door = import_module("bucketquery.elastic")
    theirs, ours = contract()["handle"], ast.parse(inspect.getsource(door.handle)).body[0]
    assert isinstance(theirs, ast.FunctionDef)
    assert isinstance(ours, ast.FunctionDef)
    added = dict([*parameters(ours).items()][-len(OURS_OF_HANDLE) :])
    assert added.keys() == OURS_OF_HANDLE.keys()
    assert all(fact.kind == "keyword" and fact.default is not None for fact in added.values())
    assert parameters(ours) == parameters(theirs) | added
    (node,) = ast.parse(inspect.getsource(door.Reply)).body
    assert isinstance(node, ast.ClassDef)
    members = {path: fact for path, fact in facts_of_class(node).items() if is_public(path)}
    for path, (_, fact) in contract_facts("Reply").items():
        assert members[path][:2] == fact[:2], path


def test_the_other_names_of_the_rest_door_are_the_contracts() -> None:
    """The contract gives the signatures of the other names in a comment. Ours add keyword-only parameters at most."""
    (listed,) = re.findall(
        r"^# bucketquery\.elastic \(besides handle: (.*)\)$", CONTRACT.read_text("utf-8"), re.MULTILINE
    )
    signatures = re.findall(r"(\w+)(\(.*?\))", listed)
    assert {name for name, _ in signatures} == DOORS.keys() - {"Reply", "handle"}
    door = import_module("bucketquery.elastic")
    for name, signature in signatures:
        (theirs,) = ast.parse(f"def {name}{signature}: ...").body
        (ours,) = ast.parse(inspect.getsource(getattr(door, name))).body
        assert isinstance(theirs, ast.FunctionDef)
        assert isinstance(ours, ast.FunctionDef)
        shared = {path: fact for path, fact in parameters(ours).items() if fact.kind != "keyword"}
        assert {path: (fact.kind, fact.default) for path, fact in shared.items()} == {
            path: (fact.kind, fact.default) for path, fact in parameters(theirs).items()
        }, name


def test_type_aliases_are_the_contracts() -> None:
    """Each type alias of the contract is the same type here, or has the types of `WIDER` too."""
    names: dict[str, Any] = {"datetime": datetime, "np": np, "Literal": Literal, "Mapping": Mapping, "Any": Any}
    aliases = {name: node for name, node in contract().items() if isinstance(node, ast.Assign) and name not in ABSENT}
    assert aliases.keys() == {"Instant", "Kind", "Document"}
    for name, node in aliases.items():
        parsed = eval(ast.unparse(node.value), names)  # noqa: S307 - the contract's own text
        expected = parsed | WIDER[name] if name in WIDER else parsed
        assert getattr(bucketquery, name) == expected, name


@pytest.mark.parametrize("name", present_classes())
def test_a_class_has_the_contracts_bases(name: str) -> None:
    """A class derives from every public base that it has in the contract."""
    bases = {base for base in contract_bases(name) if is_public(base)}
    assert bases <= {base.__name__ for base in getattr(bucketquery, name).__mro__}


@pytest.mark.parametrize("reader", [bucketquery.ResultsIndex, bucketquery.Snapshot])
def test_an_index_and_a_snapshot_have_the_same_read_methods(reader: type) -> None:
    """The index and its snapshots have each read method, with the same parameters."""
    shared = {
        path for path, (owner, _) in contract_facts(reader.__name__).items() if owner == "_Reads" and "." not in path
    }
    present = {path.partition("[")[0] for path in shared if f"_Reads.{path}" not in ABSENT}
    assert present - {"sequence"} >= {"jobs", "stats", "get_buckets", "search", "scan"}
    assert hasattr(reader, "sequence")
    for method in present - {"sequence"}:
        assert inspect.signature(getattr(reader, method)) == inspect.signature(getattr(Reads, method)), method
