"""Types of the module `wmigrate`, which the Python engine has built in. For editors, type checkers and authors; nothing is made of it.

| PostgreSQL | Python |
|---|---|
| int2, int4, int8, oid | int |
| float4, float8 | float |
| numeric | Decimal, exact |
| boolean | bool |
| text, enums, name, char(n) | str |
| bytea | bytes |
| date, time | date, time |
| timestamp | datetime without a zone |
| timestamptz | datetime in UTC |
| infinite dates, years before 1 and after 9999, 24:00:00 | the server's text: "infinity", "0044-03-15 BC", "24:00:00" |
| interval | timedelta; with months an `Interval` |
| uuid | UUID |
| json, jsonb | parsed; cast to text to keep numbers beyond a double |
| arrays | lists, nested as in the database, elements as above |
| NULL | None |
| everything else | the server's text |

All of them can be parameters, and each is read by the server as the type that it expects there; a str fits every type.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, SupportsIndex, TypeVar, overload
from uuid import UUID

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])

# A parameter. A dict goes as JSON, a list or tuple as an array; a list that came out of json or jsonb goes back as JSON.
Parameter = (
    None
    | bool
    | int
    | float
    | str
    | Decimal
    | bytes
    | bytearray
    | memoryview
    | date
    | time
    | datetime
    | timedelta
    | Interval
    | UUID
    | Json
    | dict[str, Any]
    | list[Any]
    | tuple[Any, ...]
)

class Interval(NamedTuple):
    """PostgreSQL's interval, its three parts kept apart as the server keeps them."""

    months: int = 0
    days: int = 0
    microseconds: int = 0

class Json:
    """A parameter that is sent as JSON, whatever it is: without it a list would be an array, and a str the JSON text itself."""

    value: Any
    def __init__(self, value: Any) -> None: ...

class Column(NamedTuple):
    name: str
    oid: int
    """The type's `pg_type.oid`."""
    type: str
    """As `format_type` writes it, for example `numeric(10,2)`."""

class Row(tuple[Any, ...]):
    """A row: `row["name"]` and `row[0]`, `id, name = row`, `dict(row)`. Of columns with the same name the last one is meant."""

    @overload
    def __getitem__(self, key: SupportsIndex | str, /) -> Any: ...
    @overload
    def __getitem__(self, key: slice, /) -> tuple[Any, ...]: ...
    def keys(self) -> list[str]: ...

class Rows(list[Row]):
    columns: list[Column]
    """Those of the result, also where it has no rows."""

class SqlError(Exception):
    """A statement that the server, or the host before it, refused. Not caught, it ends the revision as it is. Outside of a savepoint the
    transaction is aborted by then, and catching it does not help."""

    kind: str
    """`database`, `parameter`, `result`, `denied`, `limit`, `usage`; an open set."""
    sqlstate: str
    """Five characters, for example `23505`."""
    message: str
    detail: str | None
    hint: str | None
    position: int | None
    """Character of the statement the error points at, from 1."""
    schema: str | None
    table: str | None
    column: str | None
    datatype: str | None
    constraint: str | None
    where: str | None
    severity: str | None
    fields: dict[str, str]
    """All fields, those above among them."""

class sql:
    """SQL in the revision's transaction: one statement a call, parameters `$1`, `$2`, … Failures raise an `SqlError`."""

    @staticmethod
    def execute(statement: str, parameters: Sequence[Parameter] | None = None) -> int:
        """Runs a statement and says how many rows it touched."""

    @staticmethod
    def execute_many(statement: str, rows: Iterable[Sequence[Parameter]]) -> int:
        """Runs one statement once for each row of parameters, in one call, and says how many rows were touched in all."""

    @staticmethod
    def query(statement: str, parameters: Sequence[Parameter] | None = None) -> Rows:
        """All rows of a result."""

    @staticmethod
    def query_one(statement: str, parameters: Sequence[Parameter] | None = None) -> Row | None:
        """The only row, or None if there is none; more than one is a ValueError."""

    @staticmethod
    def query_value(statement: str, parameters: Sequence[Parameter] | None = None) -> Any:
        """The only column of the only row, or None if there is no row."""

    @staticmethod
    def script(text: str) -> int:
        """Runs the statements of a script, split where psql splits them, and says how many there were. No parameters."""

    @overload
    @staticmethod
    def savepoint() -> AbstractContextManager[None]:
        """For `with`: what is done within is kept if it ends well, and undone if it raises; the exception goes on."""

    @overload
    @staticmethod
    def savepoint(work: Callable[[], _T]) -> _T:
        """Runs `work` in a savepoint and gives what it returns."""

class backfill:
    """Rewriting the rows of a table in batches. With `transaction = "revision"` they are part of the revision's transaction; with `"none"`
    each is committed by itself, and a run that was interrupted goes on where it was. Visited are the rows whose key is at most the largest
    there was at the beginning. Failures raise an `SqlError`."""

    @staticmethod
    def run(
        *,
        name: str,
        table: str,
        input: Sequence[str],
        output: Sequence[str],
        transform: str | Callable[..., Any] | None = None,
        key: Sequence[str] | None = None,
        where: str | None = None,
        source: str | None = None,
        rows_per_second: int | None = None,
        batch_min: int | None = None,
        batch_max: int | None = None,
    ) -> int:
        """Lets a transform compute the new values, and says how many rows were written.

        name: for people, and unique within the revision: progress is kept under it.
        table: whose rows are written, as in FROM: quoted and qualified where that is needed.
        input: what the transform gets: columns or expressions, as in a select list.
        output: the columns that are set to what the transform returns.
        transform: which one, by name or itself; may be left out where there is only one.
        key: columns that identify a row: not null, with a unique index over exactly them. The primary key unless given.
        where: as in WHERE, over the table's columns; only these rows are visited.
        source: a query to read from instead of the table: it has the key's columns, by which its rows are joined, and what `input` names.
        rows_per_second: no limit unless given.
        batch_min, batch_max: the smallest and the largest batch in rows: 100 and 10000 unless given.
        """

    @staticmethod
    def update(
        *,
        name: str,
        table: str,
        set: str,
        key: Sequence[str] | None = None,
        where: str | None = None,
        rows_per_second: int | None = None,
        batch_min: int | None = None,
        batch_max: int | None = None,
    ) -> int:
        """Lets SQL do it: no row crosses into the revision. `set` is as after SET. Says how many rows were written."""

    @staticmethod
    def transform(function: _F) -> _F:
        """Decorates a transform: one row in, one row out. It gets a value for each of `input`, and returns a tuple with one for each of
        `output`. An exception, or an answer that does not fit, is about that row alone.

        Transforms run without a database, each batch in an engine of its own that runs the revision's text anew: nothing is kept from one
        batch to the next, only `log` and `context.revision` can be used, and so nothing else may be used outside of functions either.
        Instead of decorating them a revision may define `transforms = {"name": function}`.
        """

    @staticmethod
    def columns(function: _F) -> _F:
        """Decorates a transform of whole columns: it gets a list for each of `input`, and returns a tuple of lists, one for each of
        `output`, all of one length. Where one call can do a thing to all rows, this is faster."""

class log:
    """Messages for whoever watches the run. Anything can be logged; `print` does `info`, and what goes to stderr `warning`."""

    @staticmethod
    def debug(*values: object) -> None:
        """Shown with `-v`."""

    @staticmethod
    def info(*values: object) -> None: ...
    @staticmethod
    def notice(*values: object) -> None: ...
    @staticmethod
    def warning(*values: object) -> None: ...

class _Context:
    """What this run is about. The same when the same revision is run again."""

    @property
    def revision(self) -> str:
        """The id of this revision."""

    @property
    def direction(self) -> Literal["upgrade", "downgrade"]: ...
    @property
    def now(self) -> datetime:
        """Start of the transaction, in UTC. The only clock there is; `datetime.now()` shows the same."""

    @property
    def server_version(self) -> int:
        """The server's `server_version_num`, for example 170002."""

    def x(self, name: str) -> str | None:
        """The value of `-x name=value`, or of that key under `[x]` in `wmigrate.toml`; None if there is none."""

context: Final[_Context]
