"""The peers: other structures that can hold the same buckets and answer the same questions. One module each."""

from importlib import import_module
from importlib.util import find_spec
from typing import Final

from benchmarks.peers.peer import Kind, Peer

KINDS: Final = {
    "list": Kind("python_list", None, 2_000_000, 100_000),
    "numpy": Kind("numpy_arrays", None, 10_000_000, 100_000),
    "ordered": Kind("numpy_ordered", None, 10_000_000, 100_000),
    "sqlite": Kind("sqlite_table", None, 10_000_000, 100_000),
    "duckdb": Kind("duckdb_table", "duckdb", 10_000_000, 400),
    "polars": Kind("polars_frame", "polars", 10_000_000, 100),
    "pandas": Kind("pandas_frame", "pandas", 10_000_000, 50),
    "pyarrow": Kind("pyarrow_table", "pyarrow", 10_000_000, 100),
}
"""Every peer by its name, the hand-written ones first."""

TITLES: Final = {
    "list": "list",
    "numpy": "NumPy",
    "ordered": "NumPy, ordered",
    "sqlite": "SQLite",
    "duckdb": "DuckDB",
    "polars": "Polars",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
}
"""The title of each peer in reports and pictures."""

WITH_AN_INDEX: Final = "ordered"
"""The hand-written peer that keeps an index of its own. Every table shows it, and no goal is compared with it."""

BY_HAND: Final = ("list", "numpy", WITH_AN_INDEX)
"""The hand-written peers."""


def is_installed(name: str) -> bool:
    """Whether a peer's engine is installed."""
    engine = KINDS[name].engine
    return engine is None or find_spec(engine) is not None


def make(name: str) -> Peer:
    """A new, empty peer. Its engine is imported here and limited to one thread."""
    peer: Peer = import_module(f"benchmarks.peers.{KINDS[name].module}").Store()
    return peer
