"""Calls of the host, through one door: a failure is raised as an `SqlError`, and where a transform runs nothing goes out, since the
host would end the instance there without a word about the author's line."""

from componentize_py_types import Err

from .errors import SqlError

_closed = False


def close_host():
    """From here on every call is an exception. `context.revision`, `context.payload` and `log` do not come through here."""
    global _closed
    _closed = True


def called(function, *arguments):
    """Runs a host call."""
    if _closed:
        raise RuntimeError(
            "transforms run without a database, and the text around them is run again for each batch: `sql`, `backfill` and `context` "
            "(but for `context.revision`) can be used only inside `upgrade` and `downgrade`"
        )
    try:
        return function(*arguments)
    except Err as error:
        raise SqlError(error.value) from None
