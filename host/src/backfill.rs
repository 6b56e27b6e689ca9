//! Rewriting a table's rows in batches. The host owns the loop; a revision's transform is a pure function of rows.
//!
//! A batch is a range of the key. One transaction takes it (`FOR UPDATE SKIP LOCKED`), reads its rows and locks them, lets them
//! be transformed, writes them and says that the batch is done. So a batch is done once, by whatever worker on whatever
//! machine, and a crash at any moment leaves it either done or as it was.
//!
//! | question | file |
//! |---|---|
//! | what may a revision ask for | `spec` |
//! | which table, key and columns is that | `target` |
//! | which SQL selects a range | `range` |
//! | how do rows come and go | `rows`, `write` |
//! | how is the table cut into batches | `cut` |
//! | what if one row fails | `ladder`, `aside` |
//! | who takes which batch | `lane`, `crew` |
//! | how fast | `pace`, `throttle` |
//! | in the revision's own transaction | `together` |
//! | is a job complete | `verify` |

mod aside;
mod crew;
mod cut;
mod ladder;
mod lane;
mod pace;
mod range;
mod rows;
pub mod spec;
mod target;
mod throttle;
mod together;
mod verify;
mod write;

pub use aside::{Tried, try_again};
pub use crew::{Ended, Options, Task, work};
pub use range::Range;
pub use spec::{Order, Spec};
pub use target::Target;
pub use throttle::Throttle;
pub use together::{Inside, in_transaction};
pub use verify::{Found, verify};

use crate::bindings::{Batch, SqlError, Vector};
use crate::sql::{self, CallError, host_error};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::error::SqlState;

/// Code that transforms rows. It sees nothing but them.
pub trait Transform: Send + Sync {
    /// Runs it in an instance of its own, with so much time.
    fn transform(&self, batch: Batch, time: Duration) -> Transformed<'_>;
}

/// What a transform gives: one vector an output column.
pub type Transformed<'a> = Pin<Box<dyn Future<Output = Result<Vec<Vector>, Fault>> + Send + 'a>>;

/// Why rows were not transformed or not written.
#[derive(Debug, Clone)]
pub enum Fault {
    /// An error record: the transform's, or the server's about a row's value.
    Row(SqlError),
    /// The sandbox ended the transform.
    Sandbox(String),
    /// The transform handed over what is no answer.
    Shape(String),
    /// The machine has no room for the sandbox, which is nothing that a row has done.
    Host(String),
    /// Somebody asked to stop, and the transform was ended.
    Stopped,
}

impl Fault {
    /// As an error record.
    #[must_use]
    pub fn record(&self) -> SqlError {
        match self {
            Self::Row(record) => record.clone(),
            Self::Sandbox(message) | Self::Host(message) => {
                host_error("transform", &SqlState::EXTERNAL_ROUTINE_EXCEPTION, message.clone(), None)
            }
            Self::Shape(message) => {
                host_error("transform", &SqlState::EXTERNAL_ROUTINE_INVOCATION_EXCEPTION, message.clone(), None)
            }
            Self::Stopped => host_error("transform", &SqlState::QUERY_CANCELED, "stopped on request".to_owned(), None),
        }
    }

    /// The rows it names.
    fn rows(&self) -> Vec<usize> {
        let Self::Row(record) = self else { return Vec::new() };
        record.fields.iter().filter(|(name, _)| name == "row").filter_map(|(_, row)| row.parse().ok()).collect()
    }
}

/// Why a backfill stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The specification is wrong, the server refused, or a row failed.
    #[error("{}", .0.message)]
    Record(SqlError),
    /// A row failed that may not be put aside.
    #[error("row {} failed: {}", shown_key(.key), .record.message)]
    Row {
        /// Its key.
        key: Vec<String>,
        /// What is wrong with it.
        record: SqlError,
    },
    /// Another worker said why the job cannot go on, or this one cannot begin.
    #[error("{0}")]
    Failed(String),
    /// The connection failed.
    #[error(transparent)]
    Fatal(#[from] sql::Error),
    /// Somebody asked to stop.
    #[error("stopped on request")]
    Stopped,
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Guest(record) => Self::Record(record),
            CallError::Fatal(error) => Self::Fatal(error),
        }
    }
}

/// A specification that cannot be carried out.
pub(crate) fn usage(message: String, hint: Option<&str>) -> SqlError {
    host_error("usage", &SqlState::INVALID_PARAMETER_VALUE, message, hint.map(str::to_owned))
}

/// A key for people: `42`, `(7, b)`.
#[must_use]
pub fn shown_key(key: &[String]) -> String {
    /// Characters of one part.
    const PART: usize = 200;
    let parts: Vec<String> = key.iter().map(|part| part.chars().take(PART).collect()).collect();
    match parts.as_slice() {
        [one] => one.clone(),
        _ => format!("({})", parts.join(", ")),
    }
}

/// What a running backfill tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The job's name.
    pub name: String,
    /// Its number, where it has one.
    pub job: Option<i64>,
    /// Rows visited so far, by all workers.
    pub rows: u64,
    /// Rows there will be, roughly.
    pub estimate: u64,
    /// Rows a second lately.
    pub rate: f64,
    /// Share of the time that was spent waiting.
    pub throttled: f64,
    /// What it waits for now.
    pub waiting: Option<String>,
    /// Rows put aside.
    pub quarantined: u64,
    /// It has ended well.
    pub finished: bool,
}

/// Whoever watches.
pub type Watch = Arc<dyn Fn(Progress) + Send + Sync>;
