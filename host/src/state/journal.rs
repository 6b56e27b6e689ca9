//! `wmigrate.journal`: what a durable revision has done so far, a row a step. The rows of a revision go when it is done.

use super::StateError;
use super::record::{DOUBTS, procedure};
use crate::sql::{Connection, Error, Proof, quote_identifier, quote_literal};
use serde::Serialize;
use tokio_postgres::types::Type;

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// It runs outside a transaction, and nobody has seen its end yet.
    Begun,
    /// It is done, and its answer is recorded.
    Done,
    /// The server refused it, and the revision went on all the same.
    Failed,
}

impl StepState {
    fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "done" => Self::Done,
            "failed" => Self::Failed,
            _ => Self::Begun,
        }
    }
}

/// A step, as the journal has it.
#[derive(Debug, Clone)]
pub struct Step {
    /// Counts up from 1; 0 is the beginning of the run.
    pub number: i32,
    /// The host function.
    pub call: String,
    /// What it ran, for people.
    pub statement: Option<String>,
    /// blake3 of function and arguments.
    pub fingerprint: String,
    /// How far it is.
    pub state: StepState,
    /// The answer it gave.
    pub result: Option<Vec<u8>>,
    /// What the host noted before it began.
    pub note: Option<String>,
}

/// A revision that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InProgress {
    /// The revision.
    pub revision: String,
    /// `upgrade` or `downgrade`.
    pub direction: String,
    /// Steps that are done.
    pub steps_done: i64,
    /// The statement that began and of which the end is not known, or else the last that ended.
    pub last: Option<String>,
    /// When it was begun; ISO 8601, UTC.
    pub since: String,
}

/// The statement that creates the table.
pub(super) fn create(schema: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {}.journal (\n    revision text NOT NULL,\n    direction text NOT NULL,\n    \
         step integer NOT NULL,\n    call text NOT NULL,\n    statement text,\n    fingerprint text NOT NULL,\n    \
         state text NOT NULL,\n    result bytea,\n    note text,\n    \
         at timestamptz NOT NULL DEFAULT clock_timestamp(),\n    xid xid8,\n    PRIMARY KEY (revision, direction, step)\n)",
        quote_identifier(schema)
    )
}

/// The procedure by name and types.
pub(super) fn signature(schema: &str) -> String {
    let types = ["text", "text", "int4", "text", "text", "text", "text", "bytea", "text", "xid8"];
    format!("{}.step(pg_catalog.{})", quote_identifier(schema), types.join(", pg_catalog."))
}

/// The statement that creates the procedure.
pub(super) fn create_procedure(schema: &str) -> String {
    let [_, _, _, journal] = DOUBTS.map(|(mark, _)| mark);
    procedure(schema, include_str!("journal.sql")).replace("{journal}", journal)
}

/// The statement that writes `step` in the transaction of `proof`.
#[must_use]
pub fn statement(schema: &str, revision: &str, direction: &str, step: &Step, proof: &Proof) -> String {
    let optional = |text: Option<&str>| text.map_or_else(|| "NULL".to_owned(), quote_literal);
    // Whatever the revision has set about backslashes.
    let hex = |bytes: &Vec<u8>| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("pg_catalog.decode('{digits}', 'hex')")
    };
    format!(
        "CALL {}.step({}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
        quote_identifier(schema),
        quote_literal(revision),
        quote_literal(direction),
        step.number,
        quote_literal(&step.call),
        optional(step.statement.as_deref()),
        quote_literal(&step.fingerprint),
        quote_literal(step.state.name()),
        step.result.as_ref().map_or_else(|| "NULL".to_owned(), hex),
        optional(step.note.as_deref()),
        quote_literal(&proof.xid),
    )
}

/// The statement that forgets a step which the server refused.
#[must_use]
pub fn forget_step(schema: &str, revision: &str, direction: &str, number: i32) -> String {
    format!(
        "DELETE FROM {}.journal WHERE revision = {} AND direction = {} AND step = {number}",
        quote_identifier(schema),
        quote_literal(revision),
        quote_literal(direction)
    )
}

/// The statement that forgets a revision, which is done or taken back.
#[must_use]
pub fn forget(schema: &str, revision: &str) -> String {
    format!("DELETE FROM {}.journal WHERE revision = {}", quote_identifier(schema), quote_literal(revision))
}

/// What a revision has done so far in one direction, in order.
pub async fn read(connection: &Connection, schema: &str, revision: &str, direction: &str) -> Result<Vec<Step>, Error> {
    let statement = format!(
        "SELECT step, call, statement, fingerprint, state, result, note FROM {}.journal \
         WHERE revision = $1 AND direction = $2 ORDER BY step",
        quote_identifier(schema)
    );
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&revision, Type::TEXT), (&direction, Type::TEXT)];
    let rows = connection.query("reading the journal", &statement, &parameters).await?;
    Ok(rows
        .iter()
        .map(|row| Step {
            number: row.get(0),
            call: row.get(1),
            statement: row.get(2),
            fingerprint: row.get(3),
            state: StepState::from_name(row.get(4)),
            result: row.get(5),
            note: row.get(6),
        })
        .collect())
}

/// The query for revisions that have begun and not ended. One whose first step failed has done nothing.
pub(super) fn query_in_progress(schema: &str) -> String {
    let name = quote_identifier(schema);
    format!(
        "SELECT j.revision, j.direction, count(*) FILTER (WHERE step > 0 AND state <> 'begun'), \
         (SELECT l.statement FROM {name}.journal l WHERE l.revision = j.revision AND l.direction = j.direction \
         ORDER BY l.step DESC LIMIT 1), \
         pg_catalog.to_char(min(at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
         FROM {name}.journal j GROUP BY j.revision, j.direction HAVING max(step) > 0 ORDER BY min(at)"
    )
}

/// Its rows.
pub(super) fn in_progress(rows: Result<Vec<tokio_postgres::Row>, Error>) -> Result<Vec<InProgress>, StateError> {
    match rows {
        Ok(rows) => Ok(rows
            .iter()
            .map(|row| InProgress {
                revision: row.get(0),
                direction: row.get(1),
                steps_done: row.get(2),
                last: row.get(3),
                since: row.get(4),
            })
            .collect()),
        // An earlier layout has no journal.
        Err(error) if matches!(error.sqlstate(), Some("42P01" | "3F000")) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
