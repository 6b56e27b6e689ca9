"""Errors between Python and the `error` record of the contract. A database error crosses unchanged in both directions; any other
exception becomes a record with the author's line and traceback. Nothing that makes a record may raise: an exception that leaves an
export as anything but that record ends the run without a message."""

import re

from wit_world.imports import types

from .hints import hint_of
from .text import kind_of, well_formed
from .tracebacks import Report, place_of_function, place_of_usage

# `external_routine_exception`: what PostgreSQL says of an exception in a procedural language.
_EXCEPTION = "38000"
# `external_routine_invocation_exception`: the revision was called, or answered, in a way that cannot work.
_INVOCATION = "39000"
_FIELDS = ("schema", "table", "column", "datatype", "constraint", "where", "severity")


class SqlError(Exception):
    """A statement that the server, or the host before it, refused."""

    def __init__(self, record):
        if not isinstance(record, types.Error):
            raise TypeError("an SqlError comes from the database; raise an exception of your own")
        super().__init__(record.message)
        self.record = record
        self.kind = record.kind
        self.sqlstate = record.sqlstate
        self.message = record.message
        self.detail = record.detail
        self.hint = record.hint
        self.position = record.position
        self.fields = dict(record.fields)
        for name in _FIELDS:
            setattr(self, name, self.fields.get(name))


# As the author knows it, and as tracebacks name it.
SqlError.__module__ = "wmigrate"


class UsageError(Exception):
    """A mistake in how the revision meets the contract, not an exception of its code. `function` is where the mistake is, if no frame
    of a traceback says so: for what a function returned, the function."""

    def __init__(self, message, function=None):
        super().__init__(message)
        self.function = function


class RowsError(Exception):
    """What some rows of a batch raised: the first one's exception, and the numbers of them all."""

    def __init__(self, first, rows):
        super().__init__("some rows failed")
        self.first = first
        self.rows = rows


def record_from(raised, source):
    """The `error` record of whatever was raised. `source` holds the author's files."""
    try:
        if isinstance(raised, RowsError):
            return _named(record_from(raised.first, source), raised.rows)
        if isinstance(raised, SqlError):
            return _of_sql(raised.record)
        if isinstance(raised, UsageError):
            return _of_usage(raised, source)
        return _of_exception(raised, source)
    except BaseException:
        return types.Error("exception", _EXCEPTION, "an exception that cannot be read was raised", None, None, None, [])


def _of_exception(raised, source):
    report = Report(raised, source)
    fields = [("stack", report.text), *_place_fields(report.place)]
    return _record("exception", _EXCEPTION, report.summary, _detail_of(raised, source), hint_of(raised, source), fields)


def _of_usage(raised, source):
    place = place_of_usage(raised, source) or place_of_function(raised.function, source)
    return _record("usage", _INVOCATION, str(raised), None, None, _place_fields(place))


def _of_sql(record):
    """The host's own record, in the shape the border wants: an author can lay hands on it."""
    sqlstate = well_formed(record.sqlstate)
    if not re.fullmatch("[0-9A-Z]{5}", sqlstate):
        sqlstate = _EXCEPTION
    made = _record(well_formed(record.kind), sqlstate, record.message, record.detail, record.hint, record.fields)
    if isinstance(record.position, int) and 0 <= record.position < 2**32:
        made.position = int(record.position)
    return made


def _named(record, rows):
    """The same record about rows of a batch, which the host then tries alone."""
    record.fields.extend(("row", str(row)) for row in rows)
    return record


def _record(kind, sqlstate, message, detail, hint, fields):
    pairs = [(well_formed(name), well_formed(value)) for name, value in fields]
    return types.Error(kind, sqlstate, well_formed(message), _optional(detail), _optional(hint), None, pairs)


def _optional(text):
    return None if text is None else well_formed(text)


def _place_fields(place):
    return [] if place is None else [("line", str(place[0])), ("column-number", str(place[1]))]


def _detail_of(raised, source):
    """Notes, and the exceptions that led to this one, a line each; the traceback has them in full."""
    lines = [well_formed(note) for note in _notes(raised)]
    seen = {id(raised)}
    while True:
        if raised.__cause__ is not None:
            word, raised = "caused by", raised.__cause__
        elif raised.__context__ is not None and not raised.__suppress_context__:
            word, raised = "while handling", raised.__context__
        else:
            break
        if id(raised) in seen:
            break
        seen.add(id(raised))
        lines.append(f"{word}: {_summary_of(raised, source)}")
    return "\n".join(lines) or None


def _notes(raised):
    notes = getattr(raised, "__notes__", None)
    return notes if isinstance(notes, list) else []


def _summary_of(raised, source):
    if isinstance(raised, SqlError):
        return f"{raised.message} (SQLSTATE {raised.sqlstate})"
    return Report(raised, source).summary


def misuse(message, function):
    """The mistake is in what `function` returned, which has no traceback: the place is where the function begins."""
    return UsageError(message, function if callable(function) else None)


def must_be_callable(value, what):
    if not callable(value):
        raise TypeError(f"{what} must be a function, not {kind_of(value)}")
    return value
