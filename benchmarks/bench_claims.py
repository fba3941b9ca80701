"""Every cost that a docstring states holds: each claim does its work at two sizes, and the time grows as claimed.

With `--benchmark-disable` each claim does its work once, at the small size, and nothing is timed.
"""

import inspect
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import pytest

import bucketquery
from benchmarks.claims import CLAIMS, measure
from benchmarks.claims.claim import (
    CONSTANT,
    LINEAR,
    LOGARITHMIC,
    Claim,
    MeasuredGrowth,
    can_fail,
    holds,
    measured_growth,
)
from benchmarks.timing import FULL, ONCE


def documented() -> Iterator[str]:
    """The name of every object in the package whose docstring has `Complexity:`."""
    for module in walk_packages(bucketquery.__path__, "bucketquery."):
        if not module.name.endswith(".__main__"):
            imported = import_module(module.name)
            for name, thing in vars(imported).items():
                if getattr(thing, "__module__", None) == module.name:
                    yield from _documented(f"{module.name.partition('.')[2]}.{name}", thing)


def _documented(name: str, thing: object) -> Iterator[str]:
    if "Complexity:" in (getattr(thing, "__doc__", None) or ""):
        yield name
    if inspect.isclass(thing):
        for inner, member in vars(thing).items():
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            if callable(function) and "Complexity:" in (getattr(function, "__doc__", None) or ""):
                yield f"{name}.{inner}"


def test_every_claim_has_its_work() -> None:
    """The docstrings with `Complexity:` and the claims that are measured are the same."""
    names = set(documented())
    assert "index.ResultsIndex.upsert" in names
    assert {claim.of for claim in CLAIMS} == names


def test_every_claim_can_fail() -> None:
    """The sizes of each claim are far enough apart to refuse a growth by one more power of n."""
    assert not {claim.of for claim in CLAIMS if not can_fail(claim)}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.of}, {claim.work}")
def test_the_cost_grows_as_claimed(claim: Claim, pytestconfig: pytest.Config) -> None:
    """Between the two sizes the time grows at most three times as much as claimed."""
    if pytestconfig.getoption("benchmark_disable"):
        claim.make(claim.small)()
        return
    found = measured_growth(claim, FULL._replace(rounds=7))
    assert holds(claim, found), f"the time grew {found.times:.1f} times, and {found.claimed:.1f} times is claimed"


def test_a_claim_fails_if_the_growth_is_too_high_or_too_low() -> None:
    """A claim fails if the time grows more than three times as much as claimed, or hardly grows although it must."""
    constant, linear = (Claim("", "", growth, lambda _: lambda: None) for growth in (CONSTANT, LINEAR))
    assert holds(constant, MeasuredGrowth(1.0, 2.9, 1.0))
    assert not holds(constant, MeasuredGrowth(1.0, 3.1, 1.0))
    assert holds(linear, MeasuredGrowth(1.0, 64.0, 64.0))
    assert not holds(linear, MeasuredGrowth(1.0, 3.9, 64.0))
    assert can_fail(linear)
    assert not can_fail(linear._replace(large=2 * linear.small))
    assert not holds(linear, MeasuredGrowth(1.0, 4096.0, 64.0))
    assert LOGARITHMIC.at(4096) == 2 * LOGARITHMIC.at(64)


def test_claims_become_a_table() -> None:
    """A row has the times at both sizes, how they grew, and whether the claim holds."""
    claims = [claim for claim in CLAIMS if claim.of == "index.ResultsIndex.snapshot"]
    assert claims
    figures = measure(claims, ONCE)
    assert len(figures) == len(claims)
    for name, row in figures.items():
        assert "index.ResultsIndex.snapshot" in name
        assert row["grew"] == pytest.approx(row["large"] / row["small"])
        assert (row["claimed"], row["holds"] in {0.0, 1.0}) == (1.0, True)
