"""The single rows that a large batch has changed, in lists of their own, and what the write knows of all of them."""

from collections.abc import Iterator, Sequence
from typing import overload

from bucketquery.model.once import once
from bucketquery.model.schema import Int64s

#: A job, the record that the row replaced (None if it is new), or its own record.
Entry = str | bytes | None


class BatchRows(Sequence[Entry]):
    """The changes of single rows that a large batch has made. It reads as the flat list of `jobs.writes.Written.rows`.

    The lists are made anyway, and the combined tables read them as they are: a flat list would be made and taken apart
    again.

    Attributes:
        ids: the job of each row.
        hashes: the hash of each id.
        before: the record that each row replaced; None if it is new.
        records: the record of each row.
        data: the records, one after the other.
    """

    __slots__ = ("__dict__", "before", "data", "hashes", "ids", "records")

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
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        """An entry of the flat list, or some of them."""
        return self._flat[index]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._flat)

    @once
    def _flat(self) -> list[Entry]:
        flat: list[Entry] = [None] * len(self)
        flat[::3], flat[1::3], flat[2::3] = self.ids, self.before, self.records
        return flat
