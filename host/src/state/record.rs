//! The bookkeeping of one step: a check that fails by itself when anything is not as it was (the transaction's id, the
//! version rows, the migration lock), then version rows and log row.
//!
//! Plain statements with literals in one message: one large statement that did it all spent most of its time in planning.

use super::log::HOST_VERSION;
use crate::bindings::SqlError;
use crate::sql::lock::Key;
use crate::sql::{Proof, quote_identifier, quote_literal};

/// What one step leaves behind.
#[derive(Debug, Clone)]
pub struct Step {
    /// The revision.
    pub revision: String,
    /// `upgrade`, `downgrade` or `stamp`.
    pub direction: &'static str,
    /// Which bytes ran.
    pub digest: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// Version rows that go.
    pub delete: Vec<String>,
    /// Version rows that come.
    pub insert: Vec<String>,
    /// All version rows as they are before.
    pub before: Vec<String>,
}

/// Statements that are ready to be sent, as one message.
pub struct Statement {
    text: String,
}

/// What the check found to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Another transaction than the one that was begun.
    Transaction,
    /// The migration lock is not ours any more.
    Lock,
    /// The version rows are not those that were planned with.
    Rows,
}

const DOUBTS: [(&str, Doubt); 3] =
    [("wmigrate: transaction", Doubt::Transaction), ("wmigrate: lock", Doubt::Lock), ("wmigrate: rows", Doubt::Rows)];

impl Statement {
    /// The bookkeeping of `step` in the transaction of `proof`, under the lock of `key`.
    #[must_use]
    pub fn new(schema: &str, step: &Step, proof: &Proof, key: Key) -> Self {
        let name = quote_identifier(schema);
        let mut before = step.before.clone();
        before.sort_unstable();
        // A cast that fails is how plain SQL raises an error; the function keeps the planner from doing it beforehand.
        let raise = |what: &str| format!("('{what} ' || pg_catalog.pg_backend_pid()::text)::int4");
        let [(transaction, _), (lock, _), (rows, _)] = DOUBTS;
        // The lock comes last: its check gives it back and takes it again, which must not be left half-way.
        let mut text = format!(
            "SELECT CASE WHEN pg_catalog.pg_current_xact_id()::text <> {xid} THEN {transaction} \
             WHEN ARRAY(SELECT revision FROM {name}.version ORDER BY revision COLLATE \"C\") <> {before} THEN {rows} \
             WHEN NOT {given} THEN {lock} WHEN NOT {taken} THEN {lock} ELSE 1 END; ",
            xid = quote_literal(&proof.xid),
            before = array(&before),
            transaction = raise(transaction),
            rows = raise(rows),
            lock = raise(lock),
            given = key.give_one(),
            taken = key.take_one(),
        );
        if !step.delete.is_empty() {
            text.push_str(&format!("DELETE FROM {name}.version WHERE revision = ANY ({}); ", array(&step.delete)));
        }
        if !step.insert.is_empty() {
            text.push_str(&format!("INSERT INTO {name}.version SELECT pg_catalog.unnest({}); ", array(&step.insert)));
        }
        let took = format!("pg_catalog.make_interval(secs => {})", step.seconds);
        let digest = step.digest.as_deref().map_or_else(|| "NULL".to_owned(), quote_literal);
        text.push_str(&format!(
            "INSERT INTO {name}.log (revision, direction, outcome, digest, started, duration, host_version, xid) \
             VALUES ({}, {}, 'ok', {digest}, pg_catalog.clock_timestamp() - {took}, {took}, {}, \
             pg_catalog.pg_current_xact_id())",
            quote_literal(&step.revision),
            quote_literal(step.direction),
            quote_literal(HOST_VERSION),
        ));
        Self { text }
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn array(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| quote_literal(text)).collect();
    format!("ARRAY[{}]::text[]", quoted.join(", "))
}

/// Which doubt an error of the statement stands for.
#[must_use]
pub fn doubt_of(error: &SqlError) -> Option<Doubt> {
    if error.sqlstate == "23505" && error.fields.iter().any(|(name, value)| name == "table" && value == "version") {
        return Some(Doubt::Rows);
    }
    DOUBTS.iter().find(|(mark, _)| error.message.contains(mark)).map(|(_, doubt)| *doubt)
}

/// The same bookkeeping as a script has it: literal, and without the proofs that only a live transaction can give.
#[must_use]
pub fn script(schema: &str, step: &Step) -> Vec<String> {
    let name = quote_identifier(schema);
    let mut statements = Vec::new();
    let replaced = step.delete.len().min(1).min(step.insert.len());
    if replaced == 1 {
        statements.push(format!(
            "UPDATE {name}.version SET revision = {} WHERE revision = {}",
            quote_literal(&step.insert[0]),
            quote_literal(&step.delete[0])
        ));
    }
    for gone in &step.delete[replaced..] {
        statements.push(format!("DELETE FROM {name}.version WHERE revision = {}", quote_literal(gone)));
    }
    for come in &step.insert[replaced..] {
        statements.push(format!("INSERT INTO {name}.version (revision) VALUES ({})", quote_literal(come)));
    }
    let digest = step.digest.as_deref().map_or_else(|| "NULL".to_owned(), quote_literal);
    statements.push(format!(
        "INSERT INTO {name}.log (revision, direction, outcome, digest, started, duration, host_version, xid) \
         VALUES ({}, {}, 'ok', {digest}, now(), clock_timestamp() - now(), {}, pg_current_xact_id())",
        quote_literal(&step.revision),
        quote_literal(step.direction),
        quote_literal(HOST_VERSION),
    ));
    statements
}
