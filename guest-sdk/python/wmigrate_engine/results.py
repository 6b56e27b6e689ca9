"""Results as values of Python: `vector`s of the contract as lists, and rows of them. No host call is made here. A million cells pass
here, so the loops are left to Python's own functions where that can be."""

import json
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from wit_world.imports import types

from . import dates
from .arrays import array_from
from .parameters import JsonList


class Column(NamedTuple):
    """A column of a result."""

    name: str
    oid: int
    type: str


class Row(tuple):
    """A row: a tuple of its values that is also read by the columns' names. `dict(row)` makes a dict of it."""

    __slots__ = ()
    # Where each name stands; of those that repeat, the last. Each result has a class of its own.
    _places = {}

    def __getitem__(self, key):
        if type(key) is str:
            place = self._places.get(key)
            if place is None:
                raise KeyError(f"the result has no column `{key}`; it has {', '.join(f'`{name}`' for name in self._places) or 'none'}")
            return tuple.__getitem__(self, place)
        return tuple.__getitem__(self, key)

    def keys(self):
        return list(self._places)

    def __repr__(self):
        return f"Row({', '.join(f'{name}={self[name]!r}' for name in self._places)})"


class Rows(list):
    """All rows of a result; `columns` describes them, also where there are none."""

    def __init__(self, rows, columns):
        super().__init__(rows)
        self.columns = columns


def rows_from(result):
    """The rows of a `column-set`."""
    columns = [Column(column.name, column.oid, column.type_name) for column in result.columns]
    kind = type("Row", (Row,), {"__slots__": (), "_places": {column.name: place for place, column in enumerate(columns)}})
    kind.__module__ = "wmigrate"
    decoded = columns_from(result.columns, result.vectors, result.rows)
    return Rows(map(kind, zip(*decoded)) if decoded else [kind()] * result.rows, columns)


def columns_from(columns, vectors, count):
    """Columns as the contract has them: a list of values each."""
    return [_values_from(vector, count, column) for column, vector in zip(columns, vectors, strict=True)]


def _bytes_from_text(text):
    return bytes.fromhex(text[2:])


def _json_from_text(text):
    value = json.loads(text)
    return JsonList(value) if type(value) is list else value


def _boolean_from_text(text):
    return text in ("t", "true")


# How the text form of a type is read, by oid; what is not here stays text. The second number is the type's array.
_FROM_TEXT = {}
_FROM_ARRAY = {}
for _oid, _array, _read in (
    (16, 1000, _boolean_from_text),
    (17, 1001, _bytes_from_text),
    (20, 1016, int),
    (21, 1005, int),
    (23, 1007, int),
    (26, 1028, int),
    (114, 199, _json_from_text),
    (700, 1021, float),
    (701, 1022, float),
    (1082, 1182, dates.date_from_text),
    (1083, 1183, dates.time_from_text),
    (1114, 1115, dates.timestamp_from_text),
    (1184, 1185, dates.timestamp_from_text),
    (1186, 1187, dates.interval_from),
    (1700, 1231, Decimal),
    (2950, 2951, UUID),
    (3802, 3807, _json_from_text),
):
    _FROM_TEXT[_oid] = _read
    _FROM_ARRAY[_array] = _read
# How the fixed-width form of a type is read, by oid: the format of a number, and what each number becomes.
_FROM_FIXED = {
    16: ("?", None),
    20: ("q", None),
    21: ("h", None),
    23: ("i", None),
    26: ("I", None),
    700: ("f", None),
    701: ("d", None),
    1082: ("i", dates.date_from),
    1083: ("q", dates.time_from),
    1114: ("q", dates.timestamp_from),
    1184: ("q", dates.timestamptz_from),
}


def _values_from(vector, count, column):
    values, read = _cells_from(vector.cells, column)
    if len(values) != count:
        raise RuntimeError(f"column `{column.name}` has {len(values)} values for {count} rows")
    nulls = vector.nulls
    if not nulls:
        return values if read is None else list(map(read, values))
    if read is not None:
        # What fills the place of a NULL cannot be read.
        return [None if null else read(value) for null, value in zip(nulls, values)]
    place = nulls.find(1)
    while place >= 0:
        values[place] = None
        place = nulls.find(1, place + 1)
    return values


def _cells_from(cells, column):
    """A list of the cells as they came, also where they are NULL, and what makes a value of a cell; None where the cell is it."""
    if isinstance(cells, types.Cells_Text):
        texts = cells.value.split("\0")
        texts.pop()
        return texts, _text_reader(column)
    if isinstance(cells, types.Cells_Bytes):
        return cells.value, None
    form, read = _FROM_FIXED.get(column.oid, (None, None))
    if form is None:
        raise RuntimeError(f"column `{column.name}` of type `{column.type_name}` arrived in a form this engine does not know: cast it to text")
    return memoryview(cells.value).cast(form).tolist(), read


def _text_reader(column):
    read = _FROM_TEXT.get(column.oid)
    # `box` is the one type whose arrays have another delimiter; they stay text.
    if read is None and column.type_name.endswith("[]") and column.type_name != "box[]":
        element = _FROM_ARRAY.get(column.oid, str)
        return lambda text: array_from(text, element)
    return read
