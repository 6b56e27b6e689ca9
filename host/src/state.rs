//! The `wmigrate` schema: which revisions a database is at, and the append-only log of what ran. One file a table.
//!
//! Reading never writes: a database without the schema is simply at base.

pub mod backfill;
pub mod journal;
pub mod log;
pub mod record;
pub mod schema;

use crate::sql::{Connection, Error, quote_identifier, quote_literal};

/// Where a database stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The version rows, sorted: one a head of what is applied.
    pub rows: Vec<String>,
    /// Whether the schema is there.
    pub exists: bool,
    /// Whether it is as this version writes it; a writing command makes it so.
    pub current: bool,
    /// Why the server takes no writes, where it takes none.
    pub read_only: Option<&'static str>,
    /// Durable revisions that have begun and not ended.
    pub in_progress: Vec<journal::InProgress>,
}

/// What can be wrong with the schema.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The database said no.
    #[error(transparent)]
    Sql(#[from] Error),
    /// A later version of the tool has been here.
    #[error("schema `{schema}` has layout {found}, and this wmigrate knows layouts up to {known}")]
    TooNew {
        /// The schema.
        schema: String,
        /// Its layout.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// A schema of this name is there, and it is not ours.
    #[error("schema `{0}` exists, and it is not one of wmigrate's")]
    Foreign(String),
}

/// Reads the version rows, in one round trip.
pub async fn read(connection: &Connection, schema: &str) -> Result<Standing, StateError> {
    let doing = "reading the version rows";
    let name = quote_identifier(schema);
    let about = format!(
        "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only') = 'on', \
         pg_catalog.obj_description(pg_catalog.to_regnamespace({0}), 'pg_namespace'), \
         pg_catalog.to_regnamespace({0}) IS NOT NULL, \
         pg_catalog.to_regclass({1}) IS NOT NULL, \
         pg_catalog.to_regprocedure({2}) IS NOT NULL AND pg_catalog.to_regprocedure({3}) IS NOT NULL",
        quote_literal(&name),
        quote_literal(&format!("{name}.version")),
        quote_literal(&record::signature(schema)),
        quote_literal(&journal::signature(schema)),
    );
    let select = format!("SELECT revision FROM {name}.version ORDER BY revision COLLATE \"C\"");
    let begun = journal::query_in_progress(schema);
    let (about, rows, begun) = tokio::join!(
        connection.query(doing, &about, &[]),
        connection.query(doing, &select, &[]),
        connection.query("reading the journal", &begun, &[])
    );
    let about = about?;
    let about = about.first().expect("a SELECT without FROM gives one row");
    let read_only = match (about.get(0), about.get(1)) {
        (true, _) => Some("it is a standby"),
        (false, true) => Some("`default_transaction_read_only` is on"),
        (false, false) => None,
    };
    let (has_schema, has_table): (bool, bool) = (about.get(3), about.get(4));
    let found = schema::Found { comment: about.get(2), has_table, has_procedure: about.get(5) };
    let current = has_schema && schema::is_current(schema, &found)?;
    let rows = match rows {
        Ok(rows) => rows.iter().map(|row| row.get(0)).collect(),
        // No such table or schema: nothing was ever applied.
        Err(error) if !has_table && matches!(error.sqlstate(), Some("42P01" | "3F000")) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    Ok(Standing { rows, exists: has_table, current, read_only, in_progress: journal::in_progress(begun)? })
}

/// Whether the transaction of a step was committed; none where the server does not know any more, or it is still running.
/// The log row must be there too: after a failover the same id may be another transaction's.
pub async fn outcome_of(
    connection: &Connection,
    schema: &str,
    revision: &str,
    proof: &crate::sql::Proof,
) -> Result<Option<bool>, Error> {
    let xid = quote_literal(&proof.xid);
    let statement = format!(
        "SELECT pg_catalog.pg_xact_status({xid}::xid8), \
         EXISTS (SELECT FROM {}.log WHERE xid = {xid}::xid8 AND revision = {})",
        quote_identifier(schema),
        quote_literal(revision)
    );
    let rows = connection.query("asking how the transaction ended", &statement, &[]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(match (row.get::<_, Option<&str>>(0), row.get(1)) {
        (Some("committed"), true) => Some(true),
        (Some("aborted"), false) => Some(false),
        _ => None,
    })
}
