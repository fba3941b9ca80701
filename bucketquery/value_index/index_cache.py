"""The value indexes, postings and group totals of a segment. A reader makes each of them, and the writer passes it on.

The writer maintains and corrects value indexes. Postings cover the first rows, and are made again once too many rows
lie behind them. A cache decides whether a value index covers enough rows of its segment, and passes it on to the next
segment. `value_index` and `postings` define a single one.
"""

from collections.abc import Callable, Mapping, Sequence

from bucketquery.model.schema import Array, Int64s, Objects
from bucketquery.model.sizes import Sizes
from bucketquery.value_index.group_totals import GroupTotals
from bucketquery.value_index.postings import Postings
from bucketquery.value_index.value_index import ValueIndex, sort_keys_of

#: A column, and whether an order begins with its greatest values.
_Key = tuple[str, bool]
#: Two keyword columns.
_Pair = tuple[str, str]
#: Two keyword columns and the column of the score.
_Triple = tuple[str, str, str]


class IndexCache:
    """The value indexes of the columns of a segment, and of all segments that begin with the same rows.

    Readers add value indexes to it. The writer never changes a cache, but makes a new one for new rows: a commit may
    fail, and readers of the old rows must not see its rows.
    """

    __slots__ = ("_made", "_postings", "_sizes", "_totals")

    def __init__(
        self,
        sizes: Sizes,
        made: dict[_Key, ValueIndex] | None = None,
        postings: dict[_Pair, Postings] | None = None,
        totals: dict[_Triple, GroupTotals] | None = None,
    ) -> None:
        self._sizes = sizes
        self._made = {} if made is None else made
        self._postings = {} if postings is None else postings
        self._totals = {} if totals is None else totals

    def near(self, name: str, length: int, *, desc: bool) -> ValueIndex | None:
        """The value index of a column, if it covers nearly all rows of the segment; None if a new one must be made.

        It may cover more rows than the segment has, or slightly fewer.

        Args:
            name: the name of the column.
            length: the number of rows of the segment.
            desc: whether an order begins with the greatest.
        """
        found = self._made.get((name, desc))
        if found is None:
            return None
        behind = length - found.covered
        if behind > 0 and behind > self._sizes.rows_behind + found.covered // self._sizes.covered_per_row_behind:
            return None
        return None if found.is_outgrown else found

    def make(self, name: str, column: Array, *, desc: bool, marks: Sequence[float]) -> ValueIndex:
        """Make the value index of a column, in O(n).

        Args:
            name: the name of the column.
            column: its values, shape (n,).
            desc: whether an order begins with the greatest.
            marks: frequent thresholds.
        """
        # Two readers may both make it. The two results differ at most in how many later rows they cover.
        made = self._made[name, desc] = ValueIndex.of(sort_keys_of(column, desc=desc), marks, self._sizes)
        return made

    def near_postings(self, pair: _Pair, length: int) -> Postings | None:
        """The postings of two columns, if they cover nearly all rows of the segment; None if new ones must be made.

        They may cover more rows than the segment has, or slightly fewer.
        """
        found = self._postings.get(pair)
        if found is None:
            return None
        behind = length - found.covered
        is_near = behind <= self._sizes.rows_behind + found.covered // self._sizes.covered_per_row_behind
        return found if is_near else None

    def put_postings(self, pair: _Pair, postings: Postings) -> Postings:
        """Store the postings of two columns, and return them."""
        for triple in self._totals.copy():
            if triple[:2] == pair:
                self._totals.pop(triple, None)
        self._postings[pair] = postings
        return postings

    def totals(self, triple: _Triple, postings: Postings, scores: Array, rows: int) -> GroupTotals:
        """The totals of the groups of some postings.

        Args:
            triple: the two columns of the postings, and the column of the scores.
            postings: the postings.
            scores: the scores of the segment.
            rows: the number of rows in a block.

        The first call costs O(n) for n rows, each later one O(1).
        """
        found = self._totals.get(triple)
        if (
            found is None
            or found.postings is not postings
            or found.rows != rows
            or len(found.best) < min(postings.covered, len(scores)) // rows
        ):
            # Two readers may both make them, with results that differ at most in the number of blocks.
            found = self._totals[triple] = GroupTotals.of(postings, scores, rows)
        return found

    def keys(self) -> list[_Key]:
        """The columns that have a value index, and the direction of each."""
        return list(self._made.copy())

    def copy(self) -> "IndexCache":
        """A cache of the same value indexes, to which others can be added."""
        return IndexCache(self._sizes, self._made.copy())

    def maintained(self, columns: Mapping[str, Array], length: int) -> "IndexCache":
        """The cache for a segment of some rows and later ones. If one value index is far behind, all are extended.

        Args:
            columns: columns that have these rows.
            length: the number of rows to cover.
        """
        # A copy, since readers may add value indexes at the same time.
        known = self._made.copy()
        if all(length - value_index.covered < self._sizes.rows_behind for value_index in known.values()):
            return self
        return IndexCache(
            self._sizes,
            {
                (name, desc): known_index.with_later(
                    sort_keys_of(columns[name][known_index.covered : length], desc=desc)
                )
                for (name, desc), known_index in known.items()
            },
            self._postings.copy(),
            self._totals.copy(),
        )

    def corrected(self, before: Mapping[str, Array], after: Mapping[str, Array], rows: Int64s) -> "IndexCache | None":
        """The cache for a segment with the same rows, of which some have other values.

        It leaves out a value index if too many of its rows differ, and the postings and totals of a column that
        differs. None if nothing remains.

        Args:
            before: the columns of this segment.
            after: the columns of the new segment. A column in which nothing differs is the same array.
            rows: the rows that may differ, ascending.
        """
        made = {}
        for (name, desc), value_index in self._made.copy().items():
            corrected: ValueIndex | None = value_index
            if after[name] is not before[name]:
                corrected = value_index.corrected(rows, sort_keys_of(after[name][rows], desc=desc))
            if corrected is not None:
                made[name, desc] = corrected
        postings = {
            pair: found
            for pair, found in self._postings.copy().items()
            if all(after[name] is before[name] for name in pair)
        }
        totals = {
            triple: found
            for triple, found in self._totals.copy().items()
            if all(after[name] is before[name] for name in triple)
        }
        return IndexCache(self._sizes, made, postings, totals) if made or postings else None

    def between_rows(self, low: int, high: int | None) -> "IndexCache | None":
        """The cache for a segment of the rows ``[low, high)`` of this one, or of all rows from ``low`` on.

        None if nothing remains. `ValueIndex.between_rows` has the details. Postings and their totals remain if their
        rows are the first ones of the new segment.
        """
        made = {key: found.between_rows(low, high) for key, found in self._made.copy().items()}
        kept = {key: found for key, found in made.items() if found is not None}
        postings = {
            pair: found
            for pair, found in self._postings.copy().items()
            if not low and (high is None or found.covered <= high)
        }
        totals = {triple: found for triple, found in self._totals.copy().items() if triple[:2] in postings}
        return IndexCache(self._sizes, kept, postings, totals) if kept or postings else None

    def nbytes(self) -> int:
        """Bytes of the arrays, spare room included."""
        parts: list[ValueIndex | Postings | GroupTotals] = [*self._made.copy().values()]
        parts += self._postings.copy().values()
        parts += self._totals.copy().values()
        return sum(part.nbytes() for part in parts)

    def check(self, columns: Mapping[str, Array], length: int) -> None:
        """Assert every invariant of the value indexes that cover no more rows than ``length``.

        The others belong to a newer segment, which checks them.
        """
        for (name, desc), value_index in self._made.copy().items():
            if value_index.covered <= length:
                value_index.check(sort_keys_of(columns[name][:length], desc=desc))
        for (_, _, score), totals in self._totals.copy().items():
            if len(totals.best) * totals.rows <= length:
                totals.check(columns[score])

    def check_postings(self, length: int, keywords: Callable[[str, slice], Objects]) -> None:
        """Assert every invariant of the postings that cover no more rows than ``length``.

        Args:
            length: the number of rows of the segment.
            keywords: returns the keywords of some rows of a column.
        """
        for (name, value), postings in self._postings.copy().items():
            if postings.covered <= length:
                rows = slice(0, postings.covered)
                postings.check(keywords(name, rows), keywords(value, rows))
