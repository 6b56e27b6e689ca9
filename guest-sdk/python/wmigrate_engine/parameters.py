"""Values of Python as parameters. Nearly all go as text, which the server reads as the type it expects there, exactly. Everything an
author supplies is checked here, because what does not fit the contract does not raise at the border: it ends the run. No host call is
made here."""

import json
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from wit_world.imports import types

from .dates import Interval, interval_text
from .text import checked_text, kind_of

_NULL = types.Value_Null()
_Text = types.Value_Text
_Bytea = types.Value_Bytea


class Json:
    """A value that is sent as JSON, whatever it is: a list would be an array, and a str the JSON text itself."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return f"Json({self.value!r})"


class JsonList(list):
    """A list that came out of json or jsonb, and goes back as such: of a list alone nobody could tell it from an array."""

    __slots__ = ()


def parameters_from(parameters, where=""):
    """Parameters of one statement as `list<value>`; `where` begins the message about one that cannot be sent."""
    if parameters is None:
        return []
    if not isinstance(parameters, (list, tuple)):
        raise TypeError(f"{where}parameters must be a list or a tuple, not {kind_of(parameters)}")
    return [value_from(value, f"{where}parameter ${place}") for place, value in enumerate(parameters, 1)]


def value_from(value, what):
    """One parameter as a `value`."""
    if value is None:
        return _NULL
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _Bytea(bytes(value))
    return _Text(text_from(value, what))


def text_from(value, what):
    """The text of a value that is not None, as the server reads it in a quoted literal."""
    kind = type(value)
    if kind is str:
        return checked_text(value, what)
    write = _WRITERS.get(kind)
    if write is None:
        # A subclass; the most special type stands first, as a datetime is a date and a bool an int.
        write = next((write for known, write in _WRITERS.items() if isinstance(value, known)), None)
    if write is None:
        raise TypeError(f"{what} is {kind_of(value)}, which has no form in SQL; `str(…)` makes a text of it, `Json(…)` a JSON")
    return write(value, what)


def _float_text(value, what):
    if math.isfinite(value):
        return float.__repr__(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _decimal_text(value, what):
    # PostgreSQL has one NaN, without a sign and without a signal.
    return "NaN" if value.is_nan() else Decimal.__str__(value)


def _json_text(value, what):
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_json_default)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} cannot be sent as JSON: {error}") from error
    return checked_text(text, what)


def _json_default(value):
    if isinstance(value, Json):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    raise TypeError(f"{kind_of(value)} has no form in JSON")


def _array_text(values, what, above=()):
    if any(values is outer for outer in above):
        raise ValueError(f"{what} contains itself")
    parts = []
    for place, value in enumerate(values):
        if value is None:
            parts.append("NULL")
        elif isinstance(value, (list, tuple)) and not isinstance(value, (Interval, JsonList)):
            parts.append(_array_text(value, f"{what}[{place}]", (*above, values)))
        else:
            text = text_from(value, f"{what}[{place}]").replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'"{text}"')
    return f"{{{','.join(parts)}}}"


def _bytes_text(value, what):
    return f"\\x{bytes(value).hex()}"


# What writes which type. Methods are named by their type, since a subclass, such as a member of an enum, may have others.
_WRITERS = {
    bool: lambda value, what: "true" if value else "false",
    int: lambda value, what: int.__repr__(value),
    float: _float_text,
    str: checked_text,
    Decimal: _decimal_text,
    datetime: lambda value, what: datetime.isoformat(value, " "),
    date: lambda value, what: date.isoformat(value),
    time: lambda value, what: time.isoformat(value),
    timedelta: lambda value, what: interval_text(value),
    Interval: lambda value, what: interval_text(value),
    UUID: lambda value, what: UUID.__str__(value),
    Json: lambda value, what: _json_text(value.value, what),
    dict: _json_text,
    JsonList: _json_text,
    list: _array_text,
    tuple: _array_text,
    bytes: _bytes_text,
    bytearray: _bytes_text,
    memoryview: _bytes_text,
}
