//! `wmigrate.log`: who ran what, when, how long, and how it ended. Rows are only ever added.

use super::StateError;
use crate::sql::{Connection, Error, quote_identifier};
use serde::Serialize;
use std::collections::HashMap;
use tokio_postgres::types::Type;

/// The version of this program, as it goes into the log.
pub const HOST_VERSION: &str = env!("CARGO_PKG_VERSION");

/// One run of one revision.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Counts up.
    pub id: i64,
    /// The revision.
    pub revision: String,
    /// `upgrade`, `downgrade` or `stamp`.
    pub direction: String,
    /// `ok`, `failed` or `cancelled`.
    pub outcome: String,
    /// Which bytes ran, see `components`.
    pub digest: Option<String>,
    /// ISO 8601, UTC.
    pub started: String,
    /// Milliseconds.
    pub duration_ms: f64,
    /// The wmigrate that ran it.
    pub host_version: String,
    /// Role of the session.
    pub db_user: String,
    /// `application_name` and address.
    pub client: String,
    /// Id of the transaction; none for a failure.
    pub xid: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
}

/// The statement that creates the table.
pub(super) fn create(schema: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {}.log (\n    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n    \
         revision text NOT NULL,\n    direction text NOT NULL,\n    outcome text NOT NULL,\n    digest text,\n    \
         started timestamptz NOT NULL,\n    duration interval NOT NULL,\n    host_version text NOT NULL,\n    \
         db_user text NOT NULL DEFAULT session_user,\n    \
         client text NOT NULL DEFAULT concat_ws(' ', current_setting('application_name'), inet_client_addr()),\n    \
         xid xid8,\n    error text\n)",
        quote_identifier(schema)
    )
}

/// Notes a run that did not commit, on its own.
#[derive(Debug, Clone)]
pub struct Failed<'a> {
    /// The revision.
    pub revision: &'a str,
    /// `upgrade` or `downgrade`.
    pub direction: &'a str,
    /// Whether somebody stopped it.
    pub cancelled: bool,
    /// Which bytes ran.
    pub digest: Option<&'a str>,
    /// How long it took.
    pub seconds: f64,
    /// What went wrong.
    pub error: &'a str,
}

/// Characters of an error that the log keeps.
const ERROR_LENGTH: usize = 8000;

/// Writes the row of a failure.
pub async fn record_failure(connection: &Connection, schema: &str, failed: &Failed<'_>) -> Result<(), Error> {
    let statement = format!(
        "INSERT INTO {}.log (revision, direction, outcome, digest, started, duration, host_version, error) \
         VALUES ($1, $2, $3, $4, pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $5), \
         pg_catalog.make_interval(secs => $5), $6, $7)",
        quote_identifier(schema)
    );
    let outcome = if failed.cancelled { "cancelled" } else { "failed" };
    let error: String = failed.error.chars().filter(|c| *c != '\0').take(ERROR_LENGTH).collect();
    connection
        .query(
            "writing the log",
            &statement,
            &[
                (&failed.revision, Type::TEXT),
                (&failed.direction, Type::TEXT),
                (&outcome, Type::TEXT),
                (&failed.digest, Type::TEXT),
                (&failed.seconds, Type::FLOAT8),
                (&HOST_VERSION, Type::TEXT),
                (&error, Type::TEXT),
            ],
        )
        .await?;
    Ok(())
}

/// Notes that the present bytes of an applied revision are taken as those that ran.
pub async fn record_acceptance(
    connection: &Connection,
    schema: &str,
    revision: &str,
    digest: &str,
) -> Result<(), Error> {
    let statement = format!(
        "INSERT INTO {}.log (revision, direction, outcome, digest, started, duration, host_version, xid) \
         VALUES ($1, 'stamp', 'ok', $2, pg_catalog.now(), '0', $3, pg_catalog.pg_current_xact_id())",
        quote_identifier(schema)
    );
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(&revision, Type::TEXT), (&digest, Type::TEXT), (&HOST_VERSION, Type::TEXT)];
    connection.query("writing the log", &statement, &parameters).await?;
    Ok(())
}

/// The newest rows, newest first; all of one revision where one is given.
pub async fn read(
    connection: &Connection,
    schema: &str,
    revision: Option<&str>,
    limit: i64,
) -> Result<Vec<Entry>, StateError> {
    let statement = format!(
        "SELECT id, revision, direction, outcome, digest, \
         pg_catalog.to_char(started AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), \
         (extract(epoch FROM duration) * 1000)::float8, host_version, db_user, client, xid::text, error \
         FROM {}.log WHERE $1::text IS NULL OR revision = $1 ORDER BY id DESC LIMIT $2",
        quote_identifier(schema)
    );
    let rows =
        connection.query("reading the log", &statement, &[(&revision, Type::TEXT), (&limit, Type::INT8)]).await?;
    Ok(rows
        .iter()
        .map(|row| Entry {
            id: row.get(0),
            revision: row.get(1),
            direction: row.get(2),
            outcome: row.get(3),
            digest: row.get(4),
            started: row.get(5),
            duration_ms: row.get(6),
            host_version: row.get(7),
            db_user: row.get(8),
            client: row.get(9),
            xid: row.get(10),
            error: row.get(11),
        })
        .collect())
}

/// The digests of what was upgraded or stamped last, and not taken down since: the bytes the database has seen.
pub async fn digests(connection: &Connection, schema: &str) -> Result<HashMap<String, String>, StateError> {
    let statement = format!(
        "SELECT revision, digest FROM (SELECT DISTINCT ON (revision) revision, direction, digest FROM {}.log \
         WHERE outcome = 'ok' ORDER BY revision, id DESC) latest WHERE direction <> 'downgrade' AND digest IS NOT NULL",
        quote_identifier(schema)
    );
    let rows = connection.query("reading the log", &statement, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
