//! How a transaction ends.

use super::begin::{Begin, Hold, RESET, RESET_SETTINGS, begin};
use super::{Proof, Session, Transaction};
use crate::bindings::SqlError;
use crate::sql::Connection;
use crate::sql::error::{Error, ends_connection, from_driver, guest_error};
use futures_util::TryStreamExt as _;
use std::pin::pin;
use tokio_postgres::SimpleQueryMessage;

/// Why a commit did not happen, or may not have happened. The connection comes back where it is of use.
#[derive(Debug)]
pub enum FinishError {
    /// Constraints that the revision had deferred are violated.
    Deferred(SqlError),
    /// The host's own statement failed, with its doubts in the message.
    Last(SqlError),
    /// The server made a ROLLBACK of the COMMIT.
    RolledBack(Option<SqlError>),
    /// The connection ended before COMMIT was sent.
    Lost(Error),
    /// The connection ended in between: committed or not, the transaction's id can tell.
    Unknown(Proof, Error),
}

/// Before the host's own statement: deferred constraints are the revision's, and the bookkeeping is the host's role's. COMMIT
/// would run the query of a cursor that is held, after everything was checked.
const SEAL: [&str; 4] = ["SET CONSTRAINTS ALL IMMEDIATE", "RESET SESSION AUTHORIZATION", "RESET ROLE", "CLOSE ALL"];

/// Deferrable constraints and constraint triggers by name, and whether they are deferred unless told otherwise. Those of
/// a partition follow those of its table; those of another session's temporary tables may go at any time.
const DEFERRABLE: &str = "SELECT pg_catalog.format('%I.%I', n.nspname, c.conname), \
     pg_catalog.bool_and(c.condeferrable AND c.condeferred) \
     FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.connamespace \
     WHERE c.conparentid OPERATOR(pg_catalog.=) 0 AND NOT pg_catalog.pg_is_other_temp_schema(n.oid) \
     AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') GROUP BY 1 HAVING pg_catalog.bool_or(c.condeferrable)";

impl Transaction {
    /// Runs the host's statement at the end of a revision (steps 1 to 4 above) without committing.
    pub async fn seal(&mut self, last: &str) -> Result<(), FinishError> {
        self.connection.wire.lift_limits();
        let client = &self.connection.client;
        // SET CONSTRAINTS ALL cannot be taken back before the transaction's end, and the next revision may count on its
        // constraints being deferred. So each is named, and then put back as it was declared.
        let constraints = client.query_typed(DEFERRABLE, &[]).await;
        self.connection.forget_columns();
        let constraints = constraints.map_err(|error| refused_or_lost(&error, FinishError::Deferred))?;
        let names = |deferred_only: bool| {
            let names: Vec<&str> =
                constraints.iter().filter(|row| !deferred_only || row.get(1)).map(|row| row.get(0)).collect();
            names.join(", ")
        };
        let (all, deferred) = (names(false), names(true));
        let mut seal = String::new();
        if !all.is_empty() {
            seal.push_str(&format!("SET CONSTRAINTS {all} IMMEDIATE; "));
        }
        if !deferred.is_empty() {
            seal.push_str(&format!("SET CONSTRAINTS {deferred} DEFERRED; "));
        }
        let [_, session, role, cursors] = SEAL;
        seal.push_str(&format!("{session}; {role}; {cursors}"));
        let (seal, done) = tokio::join!(client.batch_execute(&seal), client.batch_execute(last));
        self.connection.forget_columns();
        seal.map_err(|error| refused_or_lost(&error, FinishError::Deferred))?;
        done.map_err(|error| refused_or_lost(&error, FinishError::Last))
    }

    /// Steps 2 to 5 above; `last` are the host's statements. With `next`, another transaction is begun in the same breath.
    pub async fn commit(
        self,
        last: &[String],
        next: Option<&Begin>,
    ) -> Result<Session, (Option<Connection>, FinishError)> {
        let reset = next.map(|_| RESET_SETTINGS);
        let last_ones = last.iter().map(String::as_str);
        let statements: Vec<_> = SEAL.into_iter().chain(last_ones).chain(["COMMIT"]).chain(reset).collect();
        let statements = statements.join("; ");
        let commits = self.connection.wire.commits();
        let begin = async {
            match next {
                Some(options) => {
                    let statements = begin(&self.connection, options, Hold::Too);
                    self.connection.batch_rows("beginning a transaction", &statements).await.map(Some)
                }
                None => Ok(None),
            }
        };
        let (Answers { count, error }, begun) = tokio::join!(send(&self.connection, &statements), begin);
        let committed = self.connection.wire.commits() > commits;
        match (error, begun) {
            (None, Ok(Some(rows))) if committed => match Self::begun(self.connection, rows.last()) {
                Ok(next) => Ok(Session::Begun(Box::new(next))),
                Err(back) => Ok(Session::Idle(Box::new(rolled_back(*back).await))),
            },
            (None, Ok(None)) if committed => Ok(Session::Idle(Box::new(self.connection))),
            // Beginning again is what will tell why the next one did not begin.
            _ if committed => Ok(Session::Idle(Box::new(rolled_back(self.connection).await))),
            // The server calls a COMMIT that became a ROLLBACK a success; its tag does not lie.
            (None, _) => {
                let error = FinishError::RolledBack(self.last_error);
                Err((Some(rolled_back(self.connection).await), error))
            }
            (Some(error), _) => {
                let refused = |record| match count {
                    count if count < SEAL.len() => FinishError::Deferred(record),
                    count if count < SEAL.len() + last.len() => FinishError::Last(record),
                    _ => FinishError::RolledBack(Some(record)),
                };
                match refused_or_lost(&error, refused) {
                    FinishError::Lost(error) => Err((None, FinishError::Unknown(self.proof, error))),
                    error => Err((Some(rolled_back(self.connection).await), error)),
                }
            }
        }
    }

    /// Rolls back.
    pub async fn rollback(self) -> Result<Connection, Error> {
        self.connection.batch("rolling back", &roll_back()).await?;
        Ok(self.connection)
    }
}

/// What came of a message of several statements.
pub(super) struct Answers {
    /// Statements that were answered before an error.
    pub(super) count: usize,
    pub(super) error: Option<tokio_postgres::Error>,
}

pub(super) async fn send(connection: &Connection, statements: &str) -> Answers {
    connection.wire.lift_limits();
    let mut count = 0;
    let counted = async {
        let mut stream = pin!(connection.client.simple_query_raw(statements).await?);
        while let Some(message) = stream.try_next().await? {
            count += usize::from(matches!(message, SimpleQueryMessage::CommandComplete(_)));
        }
        Ok(())
    };
    let error = counted.await.err();
    connection.forget_columns();
    Answers { count, error }
}

/// Whatever the transaction did to the session without asking it.
fn roll_back() -> String {
    format!("ROLLBACK; {RESET}")
}

pub(super) async fn rolled_back(connection: Connection) -> Connection {
    // Where this fails too, the next statement says so.
    let _ = connection.batch("rolling back", &roll_back()).await;
    connection
}

pub(super) fn refused_or_lost(
    error: &tokio_postgres::Error,
    refused: impl FnOnce(SqlError) -> FinishError,
) -> FinishError {
    match guest_error(error) {
        Some(record) if !ends_connection(error) => refused(record),
        _ => FinishError::Lost(from_driver("committing", error)),
    }
}
