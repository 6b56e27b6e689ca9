"""The module that a revision imports. `wmigrate.pyi` says for authors and editors what each name does."""

from wmigrate_engine import backfill, log, sql
from wmigrate_engine.context import context
from wmigrate_engine.errors import SqlError
from wmigrate_engine.parameters import Interval, Json
from wmigrate_engine.results import Column, Row, Rows

__all__ = ["Column", "Interval", "Json", "Row", "Rows", "SqlError", "backfill", "context", "log", "sql"]
