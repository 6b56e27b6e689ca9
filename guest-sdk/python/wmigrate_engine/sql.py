"""`sql` of the module `wmigrate`: statements in the revision's transaction. `wmigrate.pyi` says for authors what each does. All rows come
by `query-columns`, which costs a third of `query`."""

import contextlib

from wit_world.imports import sql as host

from .calls import called
from .errors import SqlError, must_be_callable
from .parameters import parameters_from
from .results import rows_from
from .text import checked_text, kind_of
from .unfinished import refuse_unfinished

__all__ = ["execute", "execute_many", "query", "query_one", "query_value", "savepoint", "script"]


def execute(statement, parameters=None):
    return called(host.execute, _checked(statement), parameters_from(parameters))


def execute_many(statement, rows):
    values = []
    for place, row in enumerate(rows):
        if not isinstance(row, (list, tuple)):
            raise TypeError(f"row {place} must be a list or a tuple of parameters, not {kind_of(row)}")
        values.append(parameters_from(row, f"row {place}: "))
    return called(host.execute_many, _checked(statement), values)


def query(statement, parameters=None):
    return rows_from(called(host.query_columns, _checked(statement), parameters_from(parameters)))


def query_one(statement, parameters=None):
    return _only(query(statement, parameters))


def query_value(statement, parameters=None):
    rows = query(statement, parameters)
    if len(rows.columns) != 1:
        raise ValueError(f"the query returned {len(rows.columns)} columns where one was expected")
    row = _only(rows)
    return None if row is None else row[0]


def script(text):
    return called(host.script, _checked(text))


def savepoint(work=None):
    """With a function, runs it in a savepoint; without, is one for `with`."""
    if work is None:
        return _savepoint()
    must_be_callable(work, "what `sql.savepoint` is given")
    with _savepoint():
        answer = work()
        refuse_unfinished(answer, getattr(work, "__name__", "the function given to `sql.savepoint`"))
        return answer


@contextlib.contextmanager
def _savepoint():
    number = called(host.savepoint)
    try:
        yield
    except BaseException:
        # Should this fail too, the first error is the one that explains it, and the transaction stays aborted.
        with contextlib.suppress(SqlError):
            called(host.rollback_to_savepoint, number)
            called(host.release_savepoint, number)
        raise
    called(host.release_savepoint, number)


def _only(rows):
    if len(rows) > 1:
        raise ValueError(f"the query returned {len(rows)} rows where at most one was expected")
    return rows[0] if rows else None


def _checked(statement):
    return checked_text(statement, "the statement")
