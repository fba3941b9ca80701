"""The single rows that a large batch has changed, as lists, with the hashes of the ids and the joined records."""

from collections.abc import Iterator, Sequence
from typing import overload

from bucketquery.model.schema import Int64s


class BatchRows(Sequence[str | bytes | None]):
    """The changes of single rows that a large batch has made. It reads as the flat list of `jobs.writes.Written.rows`.

    The write makes these lists in any case. The combined tables read them directly, so they need no flat list. Each
    read of entries makes the flat list anew.

    Attributes:
        ids: the job of each row.
        hashes: the hash of each id.
        before: the record that each row replaced; None if it is new.
        records: the record of each row.
        data: the records, one after the other.
    """

    __slots__ = ("before", "data", "hashes", "ids", "records")

    def __init__(
        self, ids: Sequence[str], hashes: Int64s, before: Sequence[bytes | None], records: Sequence[bytes], data: bytes
    ) -> None:
        self.ids = ids
        self.hashes = hashes
        self.before = before
        self.records = records
        self.data = data

    def __len__(self) -> int:
        return 3 * len(self.ids)

    @overload
    def __getitem__(self, index: int) -> str | bytes | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str | bytes | None]: ...
    def __getitem__(self, index: int | slice) -> str | bytes | Sequence[str | bytes | None] | None:
        """An entry of the flat list, or some of them."""
        return self._flat()[index]

    def __iter__(self) -> Iterator[str | bytes | None]:
        return iter(self._flat())

    def _flat(self) -> list[str | bytes | None]:
        flat: list[str | bytes | None] = [None] * len(self)
        flat[::3], flat[1::3], flat[2::3] = self.ids, self.before, self.records
        return flat
