//! An owned transaction: it has the connection inside, moves into a sandbox and out again, and is proven to be the one
//! that was begun when it is committed.
//!
//! The order of a commit:
//! 1. the stream's own status says whether the transaction is open, aborted or gone;
//! 2. deferred constraints are checked, so that their errors are the revision's and not the bookkeeping's;
//! 3. role and search path are put back, so that the host's statement means what it says;
//! 4. the host's statement runs; it fails by itself if the transaction id or the lock is not what it was;
//! 5. COMMIT, in the same breath: if anything before failed, the server makes a ROLLBACK of it, and the tag says so.

use super::connection::Connection;
use super::error::{Error, ends_connection, from_driver, guest_error};
use crate::bindings::SqlError;
use std::time::Duration;

/// How a transaction begins.
#[derive(Debug, Clone)]
pub struct Begin {
    /// `lock_timeout`; zero is none.
    pub lock_timeout: Duration,
    /// `statement_timeout`; zero is none.
    pub statement_timeout: Duration,
}

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
    now: i64,
    pub(super) savepoints: Vec<u32>,
    pub(super) next_savepoint: u32,
    /// The last error the server gave inside it: what a revision may have swallowed.
    pub(super) last_error: Option<SqlError>,
}

/// Why a commit did not happen, or may not have happened. The connection comes back where it is of use.
#[derive(Debug)]
pub enum FinishError {
    /// Constraints that the revision had deferred are violated.
    Deferred(SqlError),
    /// The host's own statement failed, with its doubts in the message.
    Last(SqlError),
    /// The server made a ROLLBACK of the COMMIT.
    RolledBack(Option<SqlError>),
    /// The connection ended in between: committed or not, the transaction's id can tell.
    Unknown(Proof, Error),
}

/// Types from here on are the user's (`FirstNormalObjectId` in the server's source): a revision may change them.
const FIRST_USER_OID: u32 = 16_384;

/// Undoes what a revision may have left on the session. DISCARD ALL would also drop the migration lock.
pub(crate) const RESET: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; DEALLOCATE ALL; \
                     DISCARD SEQUENCES; DISCARD TEMP";

/// Before the host's own statement at the end: see the order above.
const SEAL: &str = "SET CONSTRAINTS ALL IMMEDIATE; RESET SESSION AUTHORIZATION; RESET ROLE; \
                    SET LOCAL search_path TO pg_catalog, pg_temp; SET LOCAL standard_conforming_strings = on";

/// The same after the constraints.
const HOST_AGAIN: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; SET LOCAL search_path TO pg_catalog, pg_temp; \
                          SET LOCAL standard_conforming_strings = on";

/// Deferrable constraints and constraint triggers by name, and whether they are deferred unless told otherwise. Those of
/// a partition follow those of its table.
const DEFERRABLE: &str = "SELECT pg_catalog.format('%I.%I', n.nspname, c.conname), \
     pg_catalog.bool_and(c.condeferrable AND c.condeferred) \
     FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.connamespace \
     WHERE c.conparentid OPERATOR(pg_catalog.=) 0 \
     AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') GROUP BY 1 HAVING pg_catalog.bool_or(c.condeferrable)";

impl Transaction {
    /// Begins. On failure the connection comes back with the error.
    pub async fn begin(mut connection: Connection, options: &Begin) -> Result<Self, (Connection, Error)> {
        let notices_our_end = match notices_our_end(&mut connection).await {
            Ok(known) => known,
            Err(error) => return Err((connection, error)),
        };
        let statements = format!(
            "BEGIN; {} SELECT pg_catalog.pg_current_xact_id()::text, \
             floor(extract(epoch FROM pg_catalog.transaction_timestamp()) * 1000000)::bigint - 946684800000000",
            session(options, notices_our_end)
        );
        // Two messages in one round trip: inside one message, the first would become part of the transaction and be undone
        // with it.
        let rows = if connection.used {
            let (reset, rows) = tokio::join!(
                connection.batch("resetting the session", RESET),
                connection.batch_rows("beginning a transaction", &statements)
            );
            reset.and(rows)
        } else {
            connection.batch_rows("beginning a transaction", &statements).await
        };
        connection.used = true;
        connection.types.retain(|(oid, _), _| *oid < FIRST_USER_OID);
        let first = match rows {
            Ok(rows) => rows.into_iter().next(),
            Err(error) => {
                let _ = connection.batch("rolling back", "ROLLBACK").await;
                return Err((connection, error));
            }
        };
        let text = |index| first.as_ref().and_then(|row| row.get(index).map(str::to_owned)).unwrap_or_default();
        let proof = Proof { xid: text(0) };
        let now = text(1).parse().unwrap_or(0);
        Ok(Self { connection, proof, now, savepoints: Vec::new(), next_savepoint: 1, last_error: None })
    }

    /// Start of the transaction in microseconds since 2000-01-01 UTC.
    #[must_use]
    pub fn now(&self) -> i64 {
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
        let again = session(options, self.connection.notices_our_end == Some(true));
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

    /// Runs the host's statement at the end of a revision (steps 1 to 4 above) without committing.
    pub async fn seal(&mut self, last: &str) -> Result<(), FinishError> {
        self.connection.wire.lift_limits();
        let client = &self.connection.client;
        // SET CONSTRAINTS ALL cannot be taken back before the transaction's end, and the next revision may count on its
        // constraints being deferred. So each is named, and then put back as it was declared.
        let constraints = client.query_typed(DEFERRABLE, &[]).await;
        self.connection.forget_columns();
        let constraints = self.judge(constraints, FinishError::Deferred)?;
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
        seal.push_str(HOST_AGAIN);
        let (seal, done) = tokio::join!(client.batch_execute(&seal), client.batch_execute(last));
        self.connection.forget_columns();
        let sealed = self.judge(seal, FinishError::Deferred);
        sealed.and(self.judge(done, FinishError::Last))
    }

    /// Steps 1 to 5 above.
    pub async fn commit(self, last: Option<&str>) -> Result<Connection, (Option<Connection>, FinishError)> {
        self.connection.wire.lift_limits();
        let client = &self.connection.client;
        let (seal, done, commit) = tokio::join!(
            client.batch_execute(SEAL),
            client.batch_execute(last.unwrap_or_default()),
            client.batch_execute("COMMIT")
        );
        self.connection.forget_columns();
        let verdict = self
            .judge(seal, FinishError::Deferred)
            .and(self.judge(done, FinishError::Last))
            .and(self.judge(commit, |error| FinishError::RolledBack(Some(error))));
        let verdict = match verdict {
            // The driver calls a COMMIT that became a ROLLBACK a success; the tag does not lie.
            Ok(()) if self.connection.wire.last_tag() != "COMMIT" => Err(FinishError::RolledBack(self.last_error)),
            verdict => verdict,
        };
        match verdict {
            Ok(()) => Ok(self.connection),
            Err(error @ FinishError::Unknown(..)) => Err((None, error)),
            Err(error) => Err((Some(self.connection), error)),
        }
    }

    /// Rolls back.
    pub async fn rollback(self) -> Result<Connection, Error> {
        self.connection.batch("rolling back", "ROLLBACK").await?;
        Ok(self.connection)
    }

    fn judge<T>(
        &self,
        done: Result<T, tokio_postgres::Error>,
        refused: impl FnOnce(SqlError) -> FinishError,
    ) -> Result<T, FinishError> {
        done.map_err(|error| match guest_error(&error) {
            Some(record) if !ends_connection(&error) => refused(record),
            _ => FinishError::Unknown(self.proof.clone(), from_driver("committing", &error)),
        })
    }
}

/// Whether the server can be told to look for the end of our process while a statement runs: since version 14, and not on
/// every system. Without it a long statement of a killed wmigrate runs on, and the migration lock with it.
async fn notices_our_end(connection: &mut Connection) -> Result<bool, Error> {
    /// The first version with `client_connection_check_interval`.
    const SINCE: u32 = 140_000;
    if let Some(known) = connection.notices_our_end {
        return Ok(known);
    }
    let known = connection.server_version >= SINCE && {
        let rows = connection.batch_rows("asking for the version", "SELECT pg_catalog.version()").await?;
        rows.first().and_then(|row| row.get(0)).is_some_and(|version| version.contains("linux"))
    };
    connection.notices_our_end = Some(known);
    Ok(known)
}

/// Settings of one transaction. Literals in scripts are split on the assumption that backslashes are plain in '…'.
fn session(options: &Begin, notices_our_end: bool) -> String {
    format!(
        "SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}; SET LOCAL standard_conforming_strings = on;{}",
        options.lock_timeout.as_millis(),
        options.statement_timeout.as_millis(),
        if notices_our_end { " SET LOCAL client_connection_check_interval = '1s';" } else { "" }
    )
}
