"""Runs a small revision while the component is built, so that the interpreter has adapted its code to what a revision does by the time of
the snapshot, and a run begins where this one ended."""

import linecache
import struct
import sys

from wit_world.imports import backfill as host
from wit_world.imports import types

from . import backfill
from .batch import run_batch
from .errors import record_from
from .parameters import parameters_from
from .results import rows_from
from .revision import Source, load
from .tracebacks import MAIN_MODULE

_ROWS = 200
_TEXT = """# A revision like any other.
from wmigrate import SqlError, backfill, context, log, sql


def upgrade():
    raise ValueError("warm")


@backfill.transform
def split(number, name, when):
    first, blank, last = name.partition(" ")
    return number + 1, first, last if blank else None, when
"""


class _Result:
    """What `query_columns` gives."""

    columns = [types.Column("number", 20, "bigint"), types.Column("name", 25, "text"), types.Column("at", 1184, "timestamp with time zone")]
    rows = _ROWS
    vectors = [
        types.Vector(b"", types.Cells_Fixed(struct.pack(f"<{_ROWS}q", *range(_ROWS)))),
        types.Vector(b"", types.Cells_Text("Ada Lovelace\0" * _ROWS)),
        types.Vector(b"", types.Cells_Fixed(bytes(8 * _ROWS))),
    ]


def warm():
    source = Source("warm")
    module = load(_TEXT, source)
    for _ in range(3):
        run_batch(host.Batch("split/4", _Result.rows, _Result.columns, _Result.vectors))
        for row in rows_from(_Result):
            parameters_from(row)
    try:
        module.upgrade()
    except ValueError as error:
        record_from(error, source)
    backfill.forget()
    del sys.modules[MAIN_MODULE]
    linecache.clearcache()
