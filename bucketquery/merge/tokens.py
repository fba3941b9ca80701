"""The tokens of a query that one shard knows, and those that no shard knows."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bucketquery.errors import UnknownJob
from bucketquery.jobs.catalog import Catalog
from bucketquery.jobs.known_jobs import unknown_job
from bucketquery.queries.job_tokens import ALL_JOBS


class Tokens(NamedTuple):
    """The tokens of a query at one shard.

    Attributes:
        known: the tokens that select the same jobs of the shard as all tokens do; none if no job can be selected.
        unknown: the names among all tokens that are neither a job nor a group of the shard, in order.
    """

    known: tuple[str, ...]
    unknown: tuple[str, ...]

    @classmethod
    def of(cls, tokens: tuple[str, ...], catalog: Catalog, field: str) -> "Tokens":
        """The tokens at a shard.

        Args:
            tokens: the tokens of the query, checked.
            catalog: the jobs of the shard.
            field: the parameter that has the tokens.

        The shard remembers the last selections, so the same tokens with none unknown cost O(1). Unknown names cost O(t)
        for t tokens.
        """
        try:
            catalog.select(tokens, field)
        except UnknownJob:
            known: list[str] = []
            unknown: list[str] = []
            for token in tokens:
                is_excluded = token[0] == "-"
                name = token[is_excluded:]
                if not ("*" in name or name == ALL_JOBS or name in catalog or catalog.has_group(name)):
                    unknown.append(name)
                elif known or not is_excluded:
                    # An exclusion before all other tokens removes nothing.
                    known.append(token)
            return cls(tuple(known), tuple(unknown))
        return cls(tokens, ())


def refuse_unknown(unknown: Iterable[Sequence[str]], field: str) -> None:
    """Refuse a name that no shard knows.

    Args:
        unknown: for each shard the names that it does not know, in the order of the tokens.
        field: the parameter that has the tokens.

    Raises:
        UnknownJob: all shards have one of these names; the error has the first one.
    """
    first, *others = unknown
    nowhere = set(first).intersection(*others)
    for name in first:
        if name in nowhere:
            raise unknown_job(name, field)
