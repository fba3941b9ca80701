"""Rows of Arrow's arrays to arrays, texts and lists.

Arrays show the producer's memory. Texts are coded from their bytes, and each distinct one is decoded once. Only nested
values become Python's own, row by row.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np

from bucketquery.ingest.arrow_parts import DAYS, LISTS, MALFORMED, NUMBERS, TEXTS, ArrowType, Part
from bucketquery.ingest.checks import Unfit
from bucketquery.ingest.short_texts import LONGEST_SHORT, MANY, first_rows
from bucketquery.ingest.texts import Coder, Texts, recoded, used_codes
from bucketquery.model.schema import Array, Bools, Int32s, Int64s
from bucketquery.storage.keywords import MISSING

#: The longest text that a string_view holds itself.
_INLINE: Final = 12
#: A double holds each integer below this, and each power of ten up to this exponent, without rounding.
_EXACT: Final = 2**53
_EXACT_POWER: Final = 22
#: The width of a decimal whose format does not name it.
_DECIMAL_BITS: Final = 128


def values_of(of: ArrowType, parts: Sequence[Part]) -> Array | Texts | list[Any]:
    """The values of some parts of a column, one after the other, as an array, a masked array, texts or a list.

    Raises:
        Unfit: the data are malformed; the path has the row.
    """
    if of.format in TEXTS or (of.dictionary is not None and of.dictionary.format in TEXTS):
        return _texts(of, parts)
    if of.dictionary is None and (of.format in NUMBERS or of.format in {"b", "d"}):
        numbers = [_decimals(of, part) if of.format == "d" else _numbers(of, part) for part in parts]
        if numbers and all(isinstance(values, np.ndarray) for values in numbers):
            return _joined(numbers, [part.present() for part in parts])
    return [value for part in parts for value in _entries(of, part)]


def _joined(values: Sequence[Any], present: Sequence[Bools | None]) -> Array:
    """The values of all parts as one array, or as a masked array if any is null."""
    whole: Array = values[0] if len(values) == 1 else np.concatenate(values)
    if all(mask is None for mask in present):
        return whole
    masks = [
        np.zeros(len(some), dtype=np.bool_) if mask is None else ~mask
        for some, mask in zip(values, present, strict=True)
    ]
    return np.ma.MaskedArray(whole, mask=np.concatenate(masks))


def _numbers(of: ArrowType, part: Part) -> Array:
    """The numbers, booleans or instants of some rows, as a view if they are no booleans and no days."""
    if of.format == "b":
        return part.bits(1)
    values = part.entries(1, NUMBERS[of.format])
    return values.astype("M8[D]") if of.format == DAYS else values


def _decimals(of: ArrowType, part: Part) -> Array | list[Decimal]:
    """Decimals as integers, or as the nearest doubles, if both are exact enough; else as a list."""
    _, scale, width = (*map(int, of.parameters.split(",")), _DECIMAL_BITS)[:3]
    size = width // 8
    rows = part.memory(1, "u1", part.high * size)[part.low * size :].reshape(-1, size)
    present = part.present()
    if present is not None:
        rows = np.where(present[:, np.newaxis], rows, np.uint8(0))
    words: Array = np.ascontiguousarray(rows).view("i4" if width == 32 else "i8")  # noqa: PLR2004 - bits of one word
    least: Int64s = words[:, 0].astype(np.int64)
    # A number fits into its least word if all others repeat that word's sign.
    if (words[:, 1:] == (least >> 63)[:, np.newaxis]).all():
        if not scale:
            return least
        if 0 < scale <= _EXACT_POWER and ((least > -_EXACT) & (least < _EXACT)).all():
            # Both operands are exact, so the quotient is the double that is nearest to the decimal.
            return least / 10.0**scale
    numbers = [Decimal(int.from_bytes(row.tobytes(), "little", signed=True)).as_tuple() for row in rows]
    # Arithmetic would round to the digits of the context.
    return [Decimal((number.sign, number.digits, -scale)) for number in numbers]


def _texts(of: ArrowType, parts: Sequence[Part]) -> Texts:
    """Columns of text, each distinct text decoded once."""
    coder = Coder()
    codes = [_codes_of_dictionary(of, part, coder) if of.dictionary else _codes(of, part, coder) for part in parts]
    whole: Int32s = np.concatenate(codes) if codes else np.empty(0, dtype=np.int32)
    distinct = []
    for code, text in enumerate(coder.keys()):
        try:
            distinct.append(text.decode())
        except UnicodeDecodeError:
            row = int((whole == code).argmax())
            raise Unfit("must be text in UTF-8", text, f"[{row}]") from None
    return Texts(whole, distinct)


def _codes(of: ArrowType, part: Part, coder: Coder) -> Int32s:
    present = part.present()
    starts, stops, source = _spans(of, part, present)
    if len(starts) >= MANY and int((stops - starts).max()) <= LONGEST_SHORT:
        first = first_rows(starts, stops, source)
        is_first = first == np.arange(len(first))
        of_firsts = coder.codes(_pieces(starts[is_first], stops[is_first], source), int(np.count_nonzero(is_first)))
        some: Int32s = of_firsts[(np.cumsum(is_first) - 1)[first]]
    else:
        some = coder.codes(_pieces(starts, stops, source), len(starts))
    if present is None:
        return some
    codes = np.full(len(part), MISSING, dtype=np.int32)
    codes[present] = some
    return codes


def _codes_of_dictionary(of: ArrowType, part: Part, coder: Coder) -> Int32s:
    assert of.dictionary is not None
    indices, values = _indices(of, part)
    used = used_codes(indices)
    codes = np.full(len(used), MISSING, dtype=np.int32)
    # The entries are read in their own order. An entry that no row has may be anything.
    is_read = np.zeros(len(values), dtype=np.bool_)
    is_read[used] = True
    present = values.present()
    if present is not None:
        is_read &= present
    texts = [*_bytes(of.dictionary, values, is_read)]
    places = (np.cumsum(is_read) - 1)[used]
    has_text = is_read[used]
    codes[has_text] = coder.codes(map(texts.__getitem__, places[has_text].tolist()), int(np.count_nonzero(has_text)))
    return recoded(indices, used, codes)


def _indices(of: ArrowType, part: Part) -> tuple[Int64s, Part]:
    """The codes of some rows in their dictionary, `MISSING` for nulls, and the dictionary."""
    dictionary = part.array.dictionary
    if dictionary is None:
        raise Unfit(f"{MALFORMED}the dictionary is missing", None)
    values = Part(dictionary, 0, dictionary.length)
    indices: Int64s = part.entries(1, NUMBERS[of.format]).astype(np.int64)
    present = part.present()
    if present is not None:
        indices[~present] = MISSING
    bad = ((indices < 0) | (indices >= len(values))) & (True if present is None else present)
    if bad.any():
        raise Unfit(f"{MALFORMED}a code is outside its dictionary", None, f"[{int(bad.argmax())}]")
    return indices, values


def _bytes(of: ArrowType, part: Part, present: Bools | None) -> Iterable[bytes]:
    """The bytes of the texts of some rows; only of those that are present."""
    return _pieces(*_spans(of, part, present))


def _pieces(starts: Int64s, stops: Int64s, source: bytes) -> Iterable[bytes]:
    return map(source.__getitem__, map(slice, starts.tolist(), stops.tolist()))


def _spans(of: ArrowType, part: Part, present: Bools | None) -> tuple[Int64s, Int64s, bytes]:
    """Where the texts of the rows that are present begin and end, in which bytes."""
    if not len(part):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), b""
    if of.format == "vu":
        return _spans_of_views(part, present)
    offsets = part.memory(1, "i8" if of.format == "U" else "i4", part.high + 1)[part.low :].astype(np.int64)
    starts, stops = offsets[:-1], offsets[1:]
    _check_spans(starts, stops, None)
    first = int(offsets[0])
    source = part.memory(2, "u1", int(offsets[-1]))[first:].tobytes()
    if present is not None:
        starts, stops = starts[present], stops[present]
    return starts - first, stops - first, source


def _spans_of_views(part: Part, present: Bools | None) -> tuple[Int64s, Int64s, bytes]:
    """The spans of texts of the type string_view: short ones are in the view, others in one of several buffers."""
    words = part.memory(1, "i4", 4 * part.high)[4 * part.low :].reshape(-1, 4)
    if present is not None:
        words = words[present]
    lengths: Int64s = words[:, 0].astype(np.int64)
    starts: Int64s = np.arange(len(words)) * 16 + 4
    pieces = [words.tobytes()]
    total = len(pieces[0])
    long = (lengths > _INLINE).nonzero()[0]
    if len(long):
        number = max(0, len(part.array.buffers) - 3)
        sizes = part.memory(number + 2, "i8", number)
        buffers, offsets = words[long, 2], words[long, 3].astype(np.int64)
        if buffers.min() < 0 or buffers.max() >= number:
            raise Unfit(f"{MALFORMED}a text is in no buffer", None)
        _check_spans(offsets, offsets + lengths[long], sizes[buffers])
        # Only the used part of each buffer is copied: a slice of a large frame has the buffers of the whole frame.
        for buffer in np.unique(buffers).tolist():
            of_buffer = buffers == buffer
            rows, own = long[of_buffer], offsets[of_buffer]
            first, stop = int(own.min()), int((own + lengths[rows]).max())
            pieces.append(part.memory(2 + buffer, "u1", stop)[first:].tobytes())
            starts[rows] = own - first + total
            total += stop - first
    _check_spans(starts, starts + lengths, None)
    return starts, starts + lengths, b"".join(pieces)


def _check_spans(starts: Int64s, stops: Int64s, limits: Int64s | int | None) -> None:
    """Check that no span ends before it begins, begins before 0, or ends behind its limit."""
    if len(starts) and (int(starts.min()) < 0 or (stops < starts).any()):
        raise Unfit(f"{MALFORMED}its offsets do not ascend", None)
    if limits is not None and (stops > limits).any():
        raise Unfit(f"{MALFORMED}an offset is behind the end", None)


def _entries(of: ArrowType, part: Part) -> list[Any]:
    """The values of some rows as Python's or NumPy's, None for nulls; lists and dicts are new."""
    if not len(part) or of.format == "n":
        return [None] * len(part)
    present = part.present()
    if of.dictionary is not None:
        indices, dictionary = _indices(of, part)
        # A null has the code -1, which picks the last entry.
        return list(map([*_entries(of.dictionary, dictionary), None].__getitem__, indices.tolist()))
    if of.format in TEXTS:
        return _spread([_decoded(text) for text in _bytes(of, part, present)], present)
    if of.format in LISTS:
        return _list_entries(of, part, present)
    if of.format == "+s":
        found: Iterable[Any] = _objects(of, part)
    else:
        values = _decimals(of, part) if of.format == "d" else _numbers(of, part)
        # `tolist` turns some datetime64 values into bare integers, so keep NumPy's scalars.
        found = values if isinstance(values, list) or values.dtype.kind == "M" else values.tolist()
    if present is None:
        return list(found)
    return [value if is_present else None for value, is_present in zip(found, present.tolist(), strict=True)]


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise Unfit("must be text in UTF-8", text) from None


def _spread(values: list[Any], present: Bools | None) -> list[Any]:
    """The values at the rows that are present, and None at the others."""
    if present is None:
        return values
    some = iter(values)
    return [next(some) if is_present else None for is_present in present.tolist()]


def _objects(of: ArrowType, part: Part) -> Iterator[dict[str, Any]]:
    """The rows of a struct as dicts, without their nulls: a struct cannot leave a field out."""
    names = [child.name for child in of.children]
    columns = [_entries(child, part.child(at, len(names))) for at, child in enumerate(of.children)]
    rows = zip(*columns, strict=True) if columns else ((),) * len(part)
    return ({name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows)


def _list_entries(of: ArrowType, part: Part, present: Bools | None) -> list[Any]:
    """The rows of any kind of list as lists; an empty one is a tuple, because that takes no memory."""
    if part.array.n_children != 1:
        raise Unfit(f"{MALFORMED}a list must have one child", None)
    child = part.array.child(0)
    starts, stops = _list_spans(of, part)
    rows = ((stops > starts) if present is None else (stops > starts) & present).nonzero()[0]
    found: list[Any] = [()] * len(part)
    if present is not None:
        for row in (~present).nonzero()[0].tolist():
            found[row] = None
    if len(rows):
        starts, stops = starts[rows], stops[rows]
        first = int(starts.min())
        _check_spans(starts, stops, int(child.length))
        values = _entries(of.children[0], Part(child, first, int(stops.max())).checked())
        spans = zip(rows.tolist(), (starts - first).tolist(), (stops - first).tolist(), strict=True)
        for row, start, stop in spans:
            found[row] = values[start:stop]
    return found


def _list_spans(of: ArrowType, part: Part) -> tuple[Int64s, Int64s]:
    """Where the list of each row begins and ends in the child."""
    if of.format == "+w":
        size = int(of.parameters)
        starts: Int64s = np.arange(part.low, part.high) * size
        return starts, starts + size
    dtype = "i8" if of.format.endswith("L") else "i4"
    if of.format in {"+vl", "+vL"}:
        starts = part.entries(1, dtype).astype(np.int64)
        return starts, starts + part.entries(2, dtype)
    offsets = part.memory(1, dtype, part.high + 1)[part.low :].astype(np.int64)
    _check_spans(offsets[:-1], offsets[1:], None)
    return offsets[:-1], offsets[1:]
