"""The peers: what else could hold the same buckets and be asked the same. One room each, made when it is asked for."""

from importlib import import_module
from importlib.util import find_spec
from typing import Final

from benchmarks.peers.peer import Kind, Peer

KINDS: Final = {
    "list": Kind("lists", None, 2_000_000, 100_000),
    "numpy": Kind("arrays", None, 10_000_000, 100_000),
    "ordered": Kind("ordered", None, 10_000_000, 100_000),
    "sqlite": Kind("tables", None, 10_000_000, 100_000),
    "duckdb": Kind("duck", "duckdb", 10_000_000, 400),
    "polars": Kind("polar", "polars", 10_000_000, 100),
    "pandas": Kind("panda", "pandas", 10_000_000, 50),
    "pyarrow": Kind("arrow", "pyarrow", 10_000_000, 100),
}
"""Every peer by its name, the ones written by hand first."""

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
"""How each peer spells its name."""

BEYOND: Final = "ordered"
"""Who has written a structure like the index's own: told beside the others, and compared with by no goal."""

BY_HAND: Final = ("list", "numpy", BEYOND)


def is_installed(name: str) -> bool:
    """Whether a peer's engine is here."""
    engine = KINDS[name].engine
    return engine is None or find_spec(engine) is not None


def make(name: str) -> Peer:
    """A new peer that holds nothing yet; its engine is imported, and kept to one thread."""
    peer: Peer = import_module(f"benchmarks.peers.{KINDS[name].module}").Held()
    return peer
