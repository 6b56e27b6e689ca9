//! An owned transaction: it has the connection inside, moves into a sandbox and out again, and is proven to be the one
//! that was begun when it is committed.
//!
//! The order of a commit:
//! 1. the stream's own status says whether the transaction is open, aborted or gone;
//! 2. deferred constraints are checked, so that their errors are the revision's and not the bookkeeping's;
//! 3. the role is put back, so that the host's statement may do what it does;
//! 4. the host's statement runs; it fails by itself if the transaction id or the lock is not what it was;
//! 5. COMMIT.
//!
//! Steps 2 to 5 are one message, which the server leaves at the first error. The next transaction can begin in the same
//! breath: a message of its own, but no wait of its own.

mod begin;
mod by_ticket;
mod finish;

pub use begin::Begin;
use begin::Hold;
pub(crate) use begin::{Defaults, RESET, options};
pub use finish::FinishError;

use super::connection::Connection;
use super::error::Error;
use super::trace::Tracer;
use super::wire::Wire;
use crate::bindings::SqlError;
use tokio_postgres::SimpleQueryRow;

/// What shows that a transaction is the one that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The 64-bit transaction id, in decimal.
    pub xid: String,
}

/// An open transaction with its connection.
pub struct Transaction {
    pub(super) connection: Connection,
    proof: Proof,
    now: Option<i64>,
    pub(super) savepoints: Vec<u32>,
    pub(super) next_savepoint: u32,
    /// The last error the server gave inside it: what a revision may have swallowed.
    pub(super) last_error: Option<SqlError>,
    pub(super) tracer: Option<Box<Tracer>>,
}

/// Types from here on are the user's (`FirstNormalObjectId` in the server's source): a revision may change them.
const FIRST_USER_OID: u32 = 16_384;

impl Transaction {
    /// Begins. On failure the connection comes back with the error.
    pub async fn begin(mut connection: Connection, options: &Begin) -> Result<Self, (Connection, Error)> {
        if connection.defaults.is_none() {
            match Defaults::ask(&connection).await {
                Ok(defaults) => connection.defaults = Some(defaults),
                Err(error) => return Err((connection, error)),
            }
        }
        let statements = begin::begin(&connection, options, Hold::Alone);
        let (reset, rows) = tokio::join!(
            connection.batch("resetting the session", RESET),
            connection.batch_rows("beginning a transaction", &statements)
        );
        let error = match reset.and(rows) {
            Ok(rows) => match Self::begun(connection, rows.last()) {
                Ok(transaction) => return Ok(transaction),
                Err(back) => {
                    connection = *back;
                    Error::LockLost
                }
            },
            Err(error) => error,
        };
        Err((finish::rolled_back(connection).await, error))
    }

    /// `said` is what the server said of it. Without the migration lock there is none.
    fn begun(mut connection: Connection, said: Option<&SimpleQueryRow>) -> Result<Self, Box<Connection>> {
        connection.types.retain(|(oid, _), _| *oid < FIRST_USER_OID);
        connection.wire.expect_utf8();
        let text = |index| said.and_then(|row| row.try_get(index).ok().flatten());
        if text(1) != Some("t") {
            return Err(Box::new(connection));
        }
        let proof = Proof { xid: text(0).unwrap_or_default().to_owned() };
        let now = text(2).and_then(begin::microseconds);
        Ok(Self { connection, proof, now, savepoints: Vec::new(), next_savepoint: 1, last_error: None, tracer: None })
    }

    /// The session, for statements of the host's own inside the transaction.
    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// What the stream of its connection tells.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.connection.wire.clone()
    }

    /// Start of the transaction in microseconds since 2000-01-01 UTC, if it was begun as one that is timed.
    #[must_use]
    pub fn now(&self) -> Option<i64> {
        self.now
    }

    /// The transaction's id.
    #[must_use]
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// `server_version_num`.
    #[must_use]
    pub fn server_version(&self) -> u32 {
        self.connection.server_version
    }

    /// Whether the server says that a transaction is open and not aborted.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.connection.wire.status() == b'T'
    }

    /// The last error the server gave in this transaction.
    #[must_use]
    pub fn last_error(&self) -> Option<&SqlError> {
        self.last_error.as_ref()
    }

    /// Puts session state back between two revisions that share this transaction.
    pub async fn reset_session(&mut self, options: &Begin) -> Result<(), Error> {
        self.savepoints.clear();
        self.last_error = None;
        let again = begin::settings(&self.connection, options);
        self.connection.batch("resetting the session", &format!("{RESET}; {again}")).await
    }

    /// Waits until all that the server has to say is here: the status below is then exact.
    pub async fn settle(&self) -> Result<(), Error> {
        self.connection.batch("waiting for the server", "").await
    }

    /// Whether the server says that no transaction is open any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.connection.wire.status() == b'I'
    }

    /// Runs a statement of the host's own inside the transaction.
    pub async fn host_statement(&mut self, doing: &'static str, statement: &str) -> Result<(), Error> {
        self.connection.batch(doing, statement).await
    }
}

/// A session between two steps.
pub enum Session {
    /// No transaction is open.
    Idle(Box<Connection>),
    /// The next one has begun already, and has done nothing yet.
    Begun(Box<Transaction>),
}

impl Session {
    /// The transaction of the next step.
    pub async fn begin(self, options: &Begin) -> Result<Transaction, (Connection, Error)> {
        match self {
            Self::Idle(connection) => Transaction::begin(*connection, options).await,
            Self::Begun(transaction) => Ok(*transaction),
        }
    }

    /// The connection, where there is no next step after all. None: it is lost, and what had begun with it.
    pub async fn idle(self) -> Option<Connection> {
        match self {
            Self::Idle(connection) => Some(*connection),
            Self::Begun(transaction) => transaction.rollback().await.ok(),
        }
    }
}
