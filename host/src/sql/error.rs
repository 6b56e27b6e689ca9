//! What the host itself can meet on a connection, and how the server's errors become the guest's error record.

use super::connect;
use crate::bindings::SqlError;
use tokio_postgres::error::{DbError, ErrorPosition, Severity, SqlState};

/// A failure of the host's own use of the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] connect::Error),
    /// The connection ended while something was under way.
    #[error("the connection to the database was lost while {doing}: {cause}")]
    Lost {
        /// What was under way.
        doing: &'static str,
        /// What the driver or the server said last.
        cause: String,
    },
    /// The server refused a statement of ours.
    #[error("the database refused while {doing}: {} (SQLSTATE {})", .error.message, .error.sqlstate)]
    Refused {
        /// What we wanted.
        doing: &'static str,
        /// The server's words.
        error: Box<SqlError>,
    },
    /// The migration lock was not free in time.
    #[error("the migration lock was not free within {waited}{}", .holder.as_ref().map(|h| format!("; it is held by {h}")).unwrap_or_default())]
    Locked {
        /// How long we waited, for people.
        waited: String,
        /// Who has it.
        holder: Option<super::Holder>,
    },
    /// The migration lock was ours and is not any more.
    #[error("a revision has given the migration lock away")]
    LockLost,
    /// A transaction pooler stands between us and the server.
    #[error(
        "a transaction pooler stands between wmigrate and the server: two transactions of one connection do not stay on one session"
    )]
    Pooler,
    /// The server lacks what we rely on.
    #[error("the server is PostgreSQL {}, and wmigrate needs 13 or later", .0 / 10_000)]
    TooOld(u32),
    /// The server takes no writes.
    #[error("the server is read-only: {0}")]
    ReadOnly(&'static str),
    /// Somebody asked us to stop.
    #[error("stopped on request while {0}")]
    Stopped(&'static str),
}

impl Error {
    /// The SQLSTATE, where the server gave one.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Refused { error, .. } => Some(&error.sqlstate),
            Self::Connect(_)
            | Self::Lost { .. }
            | Self::Locked { .. }
            | Self::LockLost
            | Self::Pooler
            | Self::TooOld(_)
            | Self::ReadOnly(_)
            | Self::Stopped(_) => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect(error) => error.hint(),
            Self::Lost { .. } => Some("run `wmigrate status` to see where the database stands, then the same command again".to_owned()),
            Self::Refused { doing, error } => match error.sqlstate.as_str() {
                "42501" if !doing.starts_with("creating") => Some(
                    "the role needs USAGE on wmigrate's schema, SELECT, INSERT, UPDATE and DELETE on its table `version`, \
                     SELECT and INSERT on its table `log`, SELECT on its table `journal`: see `ensure_version` in docs/commands.md"
                        .to_owned(),
                ),
                "42501" => Some(
                    "the role needs CREATE on the database for the first run, and owns wmigrate's schema after it: \
                     GRANT CREATE ON DATABASE … TO …; where it is another role's, that role runs `wmigrate ensure_version`"
                        .to_owned(),
                ),
                _ => error.hint.clone(),
            },
            Self::Locked { .. } => {
                Some("wait for it, or give it more time with `--lock-wait` or `WMIGRATE_LOCK_WAIT`".to_owned())
            }
            Self::LockLost => Some("run the same command again; no revision should call `pg_advisory_unlock_all()`".to_owned()),
            Self::Pooler => Some(
                "give wmigrate the server's own address (not the pooler's), or a pool in session mode: --database-url …".to_owned(),
            ),
            Self::TooOld(_) => Some("upgrade the server, or give the address of a newer one".to_owned()),
            Self::ReadOnly(_) => Some("give wmigrate the primary server's address".to_owned()),
            Self::Stopped(_) => None,
        }
    }
}

/// What the driver reports, as an error of ours.
#[must_use]
pub fn from_driver(doing: &'static str, error: &tokio_postgres::Error) -> Error {
    match guest_error(error) {
        Some(record) if !ends_connection(error) => Error::Refused { doing, error: Box::new(record) },
        Some(record) => Error::Lost { doing, cause: record.message },
        None => Error::Lost { doing, cause: innermost(error) },
    }
}

/// The error record a guest sees; none when it was no answer of the server's but the end of the connection.
#[must_use]
pub fn guest_error(error: &tokio_postgres::Error) -> Option<SqlError> {
    error.as_db_error().map(record_of)
}

/// Whether the server ends the session with this. Its severity says so, untranslated; any SQLSTATE can be raised by a
/// revision, and is then an error like another.
pub(super) fn ends_connection(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|error| match error.parsed_severity() {
        Some(severity) => matches!(severity, Severity::Fatal | Severity::Panic),
        None => matches!(error.severity(), "FATAL" | "PANIC"),
    })
}

fn record_of(error: &DbError) -> SqlError {
    // The plain word, where the server gives it: the other one is in the server's language.
    let severity = match error.parsed_severity() {
        Some(Severity::Error) => "ERROR",
        Some(Severity::Fatal) => "FATAL",
        Some(Severity::Panic) => "PANIC",
        Some(_) | None => error.severity(),
    };
    let mut fields = vec![("severity".to_owned(), severity.to_owned())];
    let optional = [
        ("schema", error.schema()),
        ("table", error.table()),
        ("column", error.column()),
        ("datatype", error.datatype()),
        ("constraint", error.constraint()),
        ("where", error.where_()),
    ];
    fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))));
    let position = match error.position() {
        Some(ErrorPosition::Original(position)) => Some(*position),
        Some(ErrorPosition::Internal { .. }) | None => None,
    };
    SqlError {
        kind: "database".to_owned(),
        sqlstate: error.code().code().to_owned(),
        message: error.message().to_owned(),
        detail: error.detail().map(str::to_owned),
        hint: error.hint().map(str::to_owned),
        position,
        fields,
    }
}

/// An error record that is the host's own word.
pub(crate) fn host_error(kind: &str, sqlstate: &SqlState, message: String, hint: Option<String>) -> SqlError {
    SqlError {
        kind: kind.to_owned(),
        sqlstate: sqlstate.code().to_owned(),
        message,
        detail: None,
        hint,
        position: None,
        fields: Vec::new(),
    }
}

fn innermost(error: &tokio_postgres::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
