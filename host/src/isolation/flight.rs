//! What a plugin's statements did to objects that were there before: kept beside the log, of runs that failed too. The host's own
//! session writes it.

use super::Keeper;
use crate::sql::trace::Trace;
use crate::sql::{Connection, Error, quote_identifier};
use serde::Serialize;
use std::time::Duration;
use tokio_postgres::types::{ToSql, Type};

/// Rows of one run of a revision; what comes behind them is counted.
const MOST: usize = 200;

/// The table, which only adds: a run of a revision is known by its transaction.
pub(super) fn create(bookkeeping: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {}.plugin_trace (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
         plugin text NOT NULL, revision text NOT NULL, direction text NOT NULL, xid xid8 NOT NULL, \
         at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(), took interval NOT NULL, effect text NOT NULL, statement text NOT NULL)",
        quote_identifier(bookkeeping)
    )
}

/// One effect of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// What it did.
    pub effect: String,
    /// The statement.
    pub statement: String,
}

/// What was seen of one run.
#[derive(Debug, Default)]
pub struct Flight {
    seen: Vec<(Duration, String, String)>,
    more: usize,
}

impl Flight {
    /// Takes what a statement did, up to the number of rows that are kept.
    pub fn note(&mut self, trace: &Trace) {
        for effect in &trace.effects {
            if self.seen.len() < MOST {
                self.seen.push((trace.took, effect.to_string(), trace.statement.clone()));
            } else {
                self.more += 1;
            }
        }
    }
}

impl Keeper<'_> {
    /// Keeps what the statements of one run did.
    pub async fn keep(&self, revision: &str, direction: &str, xid: &str, flight: Flight) -> Result<(), Error> {
        let Flight { mut seen, more } = flight;
        if seen.is_empty() {
            return Ok(());
        }
        if more > 0 {
            seen.push((Duration::ZERO, format!("and {more} more"), String::new()));
        }
        let seconds: Vec<_> = seen.iter().map(|(took, _, _)| took.as_secs_f64()).collect();
        let plain = |text: &String| text.replace('\0', "");
        let did: Vec<_> = seen.iter().map(|(_, effect, _)| plain(effect)).collect();
        let statements: Vec<_> = seen.iter().map(|(_, _, statement)| plain(statement)).collect();
        // What a plugin wrote is never part of a statement of the host's.
        let insert = format!(
            "INSERT INTO {}.plugin_trace (plugin, revision, direction, xid, took, effect, statement) \
             SELECT $1, $2, $3, $4::text::xid8, pg_catalog.make_interval(secs => took), effect, statement \
             FROM ROWS FROM (pg_catalog.unnest($5::float8[]), pg_catalog.unnest($6::text[]), pg_catalog.unnest($7::text[])) \
             AS did (took, effect, statement)",
            quote_identifier(self.bookkeeping)
        );
        let parameters: [(&(dyn ToSql + Sync), Type); 7] = [
            (&self.plugin.manifest.name, Type::TEXT),
            (&revision, Type::TEXT),
            (&direction, Type::TEXT),
            (&xid, Type::TEXT),
            (&seconds, Type::FLOAT8_ARRAY),
            (&did, Type::TEXT_ARRAY),
            (&statements, Type::TEXT_ARRAY),
        ];
        self.host.query("keeping what the plugin did", &insert, &parameters).await.map(drop)
    }
}

/// What was kept of these runs, by the ids of their rows in the log, in order. A run that failed has no transaction there: it is
/// known by its time.
pub async fn effects_of(connection: &Connection, bookkeeping: &str, runs: &[i64]) -> Result<Vec<(i64, Effect)>, Error> {
    if runs.is_empty() || !super::role::has_table(connection, bookkeeping, "plugin_trace").await? {
        return Ok(Vec::new());
    }
    let name = quote_identifier(bookkeeping);
    let select = format!(
        "SELECT l.id, t.effect, t.statement FROM {name}.log l JOIN {name}.plugin_trace t ON t.revision = l.revision \
         AND (t.xid = l.xid OR l.xid IS NULL AND t.at BETWEEN l.started AND l.started + l.duration) \
         WHERE l.id = ANY ($1) ORDER BY t.id"
    );
    let rows = connection.query("reading traces", &select, &[(&runs, Type::INT8_ARRAY)]).await?;
    Ok(rows.iter().map(|row| (row.get(0), Effect { effect: row.get(1), statement: row.get(2) })).collect())
}
