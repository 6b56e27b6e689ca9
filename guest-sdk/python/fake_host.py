"""A host for tests under an ordinary Python: importing this makes the modules that the component's maker would generate from `wit/`, so
that `wmigrate` and the engine can be imported. What a revision calls is noted in `calls`; what the host answers is set in `answers`."""

import enum
import sys
from dataclasses import dataclass, make_dataclass
from types import ModuleType

calls = []
# By the function's name, `sql.execute` say: a value, or what is called with the arguments.
answers = {}


@dataclass(frozen=True)
class Err(Exception):
    value: object


def _module(name, **contents):
    module = ModuleType(name)
    vars(module).update(contents)
    sys.modules[name] = module
    return module


def _record(name, *fields):
    return make_dataclass(name, fields)


def _function(name):
    def call(*arguments):
        calls.append((name, *arguments))
        answer = answers.get(name)
        return answer(*arguments) if callable(answer) else answer

    return call


def _functions(interface, *names):
    return {name: _function(f"{interface}.{name}") for name in names}


class Level(enum.Enum):
    DEBUG = 0
    INFO = 1
    NOTICE = 2
    WARNING = 3


class Way(enum.Enum):
    UPGRADE = 0
    DOWNGRADE = 1


class World:
    """The protocol of the exports."""


types = _module(
    "wit_world.imports.types",
    Value_Null=_record("Value_Null"),
    Value_Text=_record("Value_Text", "value"),
    Value_Bytea=_record("Value_Bytea", "value"),
    Cells_Text=_record("Cells_Text", "value"),
    Cells_Fixed=_record("Cells_Fixed", "value"),
    Cells_Bytes=_record("Cells_Bytes", "value"),
    Vector=_record("Vector", "nulls", "cells"),
    Column=_record("Column", "name", "oid", "type_name"),
    Error=_record("Error", "kind", "sqlstate", "message", "detail", "hint", "position", "fields"),
)
sql = _module(
    "wit_world.imports.sql",
    ColumnSet=_record("ColumnSet", "columns", "rows", "vectors"),
    **_functions(
        "sql", "execute", "execute_many", "query_columns", "script", "savepoint", "rollback_to_savepoint", "release_savepoint"
    ),
)
log = _module("wit_world.imports.log", Level=Level, **_functions("log", "message"))
context = _module(
    "wit_world.imports.context",
    Way=Way,
    **_functions("context", "revision", "direction", "x_argument", "server_version", "now", "payload"),
)
backfill = _module(
    "wit_world.imports.backfill",
    Batch=_record("Batch", "transform", "rows", "columns", "vectors"),
    Spec=_record("Spec", "name", "table", "key", "source", "input", "output", "condition", "transform", "settings"),
    UpdateSpec=_record("UpdateSpec", "name", "table", "key", "set", "condition", "settings"),
    **_functions("backfill", "run", "update"),
)
imports = _module("wit_world.imports", types=types, sql=sql, log=log, context=context, backfill=backfill)
_module("wit_world", imports=imports, WitWorld=World)
_module("componentize_py_types", Err=Err)
