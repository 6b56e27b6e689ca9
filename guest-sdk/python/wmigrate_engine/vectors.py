"""What a transform returned for one column, as a `vector` of the contract. A million rows pass here: each step is one call over the whole
column, and values are looked at one by one only where their types ask for it. The way in is in `results.py`."""

from wit_world.imports import types

from .parameters import text_from
from .text import is_well_formed, kind_of

_BYTES = (bytes, bytearray, memoryview)
_NONE = type(None)


def vector_from(values, what, failed):
    """The vector of a sequence of values. `what` begins the message about a value that cannot be sent; `failed` is told its row and the
    error, and its place is filled."""
    try:
        # Mostly all of them are text, and this says so as quickly as any question would.
        return types.Vector(b"", _text_cells(values, what, failed))
    except TypeError:
        return _mixed(values, what, failed)


def _mixed(values, what, failed):
    kinds = set(map(type, values))
    nulls = b""
    if _NONE in kinds:
        kinds.discard(_NONE)
        nulls = bytes([value is None for value in values])
    if any(issubclass(kind, _BYTES) for kind in kinds):
        return types.Vector(nulls, _byte_cells(values, what, failed))
    if kinds == {int} and not nulls:
        # In one go, which takes half the time of a text for each.
        return types.Vector(nulls, types.Cells_Text(repr(list(values))[1:-1].replace(", ", "\0") + "\0"))
    return types.Vector(nulls, _text_cells(_texts(values, kinds, what, failed), what, failed))


def _texts(values, kinds, what, failed):
    """A text for each value, an empty one for None."""
    if kinds <= {str}:
        return ["" if value is None else value for value in values]
    if kinds == {int}:
        return ["" if value is None else int.__repr__(value) for value in values]
    texts = []
    for row, value in enumerate(values):
        try:
            texts.append("" if value is None else value if type(value) is str else text_from(value, what))
        except Exception as error:
            failed(row, error)
            texts.append("")
    return texts


def _text_cells(texts, what, failed):
    """Each text with its end. What cannot be sent is found in a second look, which only a batch with such a value gets."""
    whole = "\0".join(texts) + "\0" if texts else ""
    if whole.count("\0") != len(texts) or not is_well_formed(whole):
        whole = "\0".join([_sendable(text, row, what, failed) for row, text in enumerate(texts)]) + "\0"
    return types.Cells_Text(whole)


def _sendable(text, row, what, failed):
    if "\0" in text:
        failed(row, ValueError(f"{what} holds U+0000, which no text in PostgreSQL can"))
    elif not is_well_formed(text):
        failed(row, ValueError(f"{what} holds half of a surrogate pair, which is no character"))
    else:
        return text
    return ""


def _byte_cells(values, what, failed):
    cells = []
    for row, value in enumerate(values):
        if value is not None and not isinstance(value, _BYTES):
            failed(row, TypeError(f"{what} is {kind_of(value)}, where other rows have bytes"))
            value = None
        cells.append(b"" if value is None else bytes(value))
    return types.Cells_Bytes(cells)
