//! What a plugin's statements did to objects that were there before: kept beside the log, of runs that failed too. The host's own
//! session writes it.

use super::Keeper;
use crate::sql::trace::Trace;
use crate::sql::{Connection, Error, quote_identifier, quote_literal};
use serde::Serialize;
use std::fmt::Write as _;
use tokio_postgres::types::Type;

/// Rows of one run of a revision; what comes behind them is counted.
const MOST: usize = 200;

/// Characters of a statement.
const STATEMENT: usize = 1000;

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

impl Keeper<'_> {
    /// Keeps what the statements of one run did.
    pub async fn keep(&self, revision: &str, direction: &str, xid: &str, traces: &[Trace]) -> Result<(), Error> {
        let effects: Vec<_> = traces
            .iter()
            .flat_map(|trace| trace.effects.iter().map(move |effect| (trace, effect.to_string())))
            .collect();
        if effects.is_empty() {
            return Ok(());
        }
        let mut insert = format!(
            "INSERT INTO {}.plugin_trace (plugin, revision, direction, xid, took, effect, statement) VALUES ",
            quote_identifier(self.bookkeeping)
        );
        let run = [&self.plugin.manifest.name, revision, direction, xid].map(quote_literal).join(", ");
        let mut row = |milliseconds: u128, effect: &str, statement: &str| {
            let statement: String = statement.chars().filter(|c| *c != '\0').take(STATEMENT).collect();
            let _ = write!(
                insert,
                "({run}, '{milliseconds} ms', {}, {}), ",
                quote_literal(effect),
                quote_literal(&statement)
            );
        };
        for (trace, effect) in effects.iter().take(MOST) {
            row(trace.took.as_millis(), effect, &trace.statement);
        }
        if let Some(more) = effects.len().checked_sub(MOST).filter(|more| *more > 0) {
            row(0, &format!("and {more} more"), "");
        }
        self.host.batch("keeping what the plugin did", insert.trim_end_matches(", ")).await
    }
}

/// What was kept of these runs, by the ids of their rows in the log, in order. A run that failed has no transaction there: it is
/// known by its time.
pub async fn effects_of(connection: &Connection, bookkeeping: &str, runs: &[i64]) -> Result<Vec<(i64, Effect)>, Error> {
    let name = quote_identifier(bookkeeping);
    let there =
        format!("SELECT pg_catalog.to_regclass({}) IS NOT NULL", quote_literal(&format!("{name}.plugin_trace")));
    let rows = connection.query("looking for traces", &there, &[]).await?;
    if !rows.first().is_some_and(|row| row.get(0)) {
        return Ok(Vec::new());
    }
    let select = format!(
        "SELECT l.id, t.effect, t.statement FROM {name}.log l JOIN {name}.plugin_trace t ON t.revision = l.revision \
         AND (t.xid = l.xid OR l.xid IS NULL AND t.at BETWEEN l.started AND l.started + l.duration) \
         WHERE l.id = ANY ($1) ORDER BY t.id"
    );
    let rows = connection.query("reading traces", &select, &[(&runs, Type::INT8_ARRAY)]).await?;
    Ok(rows.iter().map(|row| (row.get(0), Effect { effect: row.get(1), statement: row.get(2) })).collect())
}
