"""Engines and the reference give the same answers about the same results: whole bodies, in every order, with ties.

BUCKETQUERY_CASES cases (default 60) of BUCKETQUERY_SEED (default "0") run on DuckDB and on Polars, a third of that on
each other engine; `support.tiers` raises the default to 500. An engine that is not installed is skipped.
"""

import os
import runpy
from pathlib import Path

import pytest

pytest.importorskip("narwhals")
pytest.importorskip("pyarrow")

from support.engine_frames import ENGINES, NAMES, compare_cases, compare_overall, compare_sample, read_sample
from support.tiers import of_tier

#: Ibis calls deprecated functions of DuckDB.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
CASES = int(os.environ.get("BUCKETQUERY_CASES", of_tier(60, 500)))
SEED = os.environ.get("BUCKETQUERY_SEED", "0")
SCRIPT = Path(__file__).parents[2] / "docs" / "guide" / "from_index_to_engine.py"
#: The engines that are fast enough for many cases.
FAST = ("duckdb", "polars")
PACKAGES = {"duckdb": "duckdb", "polars": "polars", "pandas": "pandas", "ibis": "ibis", "sqlframe": "sqlframe"}


def require(engine: str) -> None:
    """Skip the test if the package of an engine is not installed."""
    if engine in PACKAGES:
        pytest.importorskip(PACKAGES[engine])


def cases_of(engine: str) -> int:
    """The number of cases for an engine."""
    return CASES if engine in FAST else -(-CASES // 3)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_answers_as_the_reference_does(engine: str) -> None:
    """Whole bodies are equal, for every kind of query, type of instant, and way to store a missing value."""
    require(engine)
    assert compare_cases(f"frames-{SEED}", cases_of(engine), ENGINES[engine]) >= cases_of(engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_gives_the_overall_buckets_of_the_reference(engine: str) -> None:
    """Overall buckets are those of the reference, for every span, number of jobs and window."""
    require(engine)
    assert compare_overall(SEED, cases_of(engine), ENGINES[engine]) >= cases_of(engine)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_answers_about_real_results(engine: str, name: str) -> None:
    """The bundled results of the Numenta Anomaly Benchmark are answered as an index answers them."""
    require(engine)
    assert compare_sample(name, read_sample(name), ENGINES[engine]) == 12


@pytest.mark.parametrize("name", ["numenta", "numentaTM"])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_answers_about_large_sets(engine: str, name: str) -> None:
    """Two sets of 365,385 buckets in the folder that BUCKETQUERY_DATA names are answered as an index answers them."""
    require(engine)
    if "BUCKETQUERY_DATA" not in os.environ:
        pytest.skip("BUCKETQUERY_DATA does not name the folder of the large sets")
    documents = read_sample(name, Path(os.environ["BUCKETQUERY_DATA"]))
    assert compare_sample(name, documents, ENGINES[engine]) == 12


def test_the_script_of_the_guide_finds_equal_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """The script of the guide writes the results of an index to Parquet, and DuckDB gives the answer of the index."""
    require("duckdb")
    runpy.run_path(str(SCRIPT))["main"](with_spark=False)
    assert capsys.readouterr().out.splitlines() == [
        "index: 109 buckets, the worst at 100.00",
        "DuckDB: the same answer",
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(10))
@pytest.mark.parametrize("engine", FAST)
def test_an_engine_answers_very_many_cases_as_the_reference_does(engine: str, part: int) -> None:
    """Ten seeds of 2,000 cases each."""
    require(engine)
    assert compare_cases(f"thorough-{part}-{SEED}", 2_000, ENGINES[engine]) >= 2_000
