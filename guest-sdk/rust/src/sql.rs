//! SQL in the revision's transaction: one statement a call, parameters as `$1`, `$2`, …, [`script`] for many at once.
//! After an error the transaction is aborted as in psql, until [`savepoint`] rolls back; what is refused and how
//! much is allowed stands in the WIT package.

use crate::error::from_host;
use crate::raw::wmigrate::migration::sql as host;
use crate::{Error, FromRow, Result, Row, Rows, Value};

pub use crate::raw::wmigrate::migration::sql::ColumnSet;
pub use crate::raw::wmigrate::migration::types::{Cells, Column, Vector};

/// The values for `$1`, `$2`, …: anything that is `Into<Value>`, so numbers, text, bytes, `Option`s of them, dates.
///
/// ```
/// # use wmigrate_guest::{params, Value};
/// assert_eq!(params![1_i64, "a", None::<bool>], [Value::Int8(1), Value::Text("a".into()), Value::Null]);
/// ```
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { [$($crate::Value::from($value)),*] };
}

/// Runs a statement and says how many rows it touched (0 where the command has no count).
pub fn execute(statement: &str, params: impl AsRef<[Value]>) -> Result<u64> {
    host::execute(statement, params.as_ref()).map_err(from_host)
}

/// Runs one statement once for each row of parameters, pipelined, and says how many rows were touched in all.
///
/// ```no_run
/// # use wmigrate_guest::prelude::*;
/// # fn example() -> Result<()> {
/// let tags = ["red", "blue"];
/// sql::execute_many("INSERT INTO tag (name) VALUES ($1)", tags.map(|tag| params![tag]))?;
/// # Ok(()) }
/// ```
pub fn execute_many<R: Into<Vec<Value>>>(statement: &str, rows: impl IntoIterator<Item = R>) -> Result<u64> {
    let rows: Vec<Vec<Value>> = rows.into_iter().map(Into::into).collect();
    host::execute_many(statement, &rows).map_err(from_host)
}

/// All rows of a result, in memory. For a look at a few thousand rows; [`query_columns`] is for more.
pub fn query(statement: &str, params: impl AsRef<[Value]>) -> Result<Rows> {
    host::query(statement, params.as_ref()).map(Rows::from).map_err(from_host)
}

/// The one row of a result, read. No row is an error with SQLSTATE P0002, more than one P0003, as in PL/pgSQL.
///
/// ```no_run
/// # use wmigrate_guest::prelude::*;
/// # fn example() -> Result<()> {
/// let (count,): (i64,) = sql::query_one("SELECT count(*) FROM plugin WHERE enabled = $1", params![true])?;
/// # Ok(()) }
/// ```
pub fn query_one<T: FromRow>(statement: &str, params: impl AsRef<[Value]>) -> Result<T> {
    only_row(query(statement, params)?)?.read()
}

/// The same as [`query`] with the result a column at a time.
pub fn query_columns(statement: &str, params: impl AsRef<[Value]>) -> Result<ColumnSet> {
    host::query_columns(statement, params.as_ref()).map_err(from_host)
}

/// Runs the statements of a script one after the other, and says how many there were. No parameters.
pub fn script(text: &str) -> Result<u32> {
    host::script(text).map_err(from_host)
}

/// Runs `work` inside a savepoint: kept if it returns `Ok`, undone if it returns an error, which is then handed on.
/// The transaction lives on either way.
///
/// ```no_run
/// # use wmigrate_guest::prelude::*;
/// # fn example() -> Result<()> {
/// let added = sql::savepoint(|| sql::execute("INSERT INTO tag (name) VALUES ($1)", params!["red"]));
/// match added {
///     Err(error) if error.sqlstate() == "23505" => info!("the tag was there already"),
///     other => drop(other?),
/// }
/// # Ok(()) }
/// ```
pub fn savepoint<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let savepoint = host::savepoint().map_err(from_host)?;
    let result = work();
    if result.is_err() {
        // Should the rollback fail too, the first error is the one that explains it, and the transaction stays aborted.
        if host::rollback_to_savepoint(savepoint).is_ok() {
            drop(host::release_savepoint(savepoint));
        }
    } else {
        host::release_savepoint(savepoint).map_err(from_host)?;
    }
    result
}

fn only_row(rows: Rows) -> Result<Row> {
    let mut rows = rows.into_iter();
    match (rows.next(), rows.next()) {
        (Some(row), None) => Ok(row),
        (None, _) => Err(Error::result("P0002", "query returned no rows".into())),
        (Some(_), Some(_)) => Err(Error::result("P0003", "query returned more than one row".into())),
    }
}
