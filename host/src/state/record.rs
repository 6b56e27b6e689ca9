//! The bookkeeping of one step: version rows and log row, in one statement that fails by itself when anything is not as
//! it was: the transaction's id, the migration lock, or the rows.
//!
//! A data-modifying statement of several parts sees one snapshot, so the checks and the changes agree.

use super::log::HOST_VERSION;
use crate::bindings::SqlError;
use crate::sql::lock::Key;
use crate::sql::{Proof, quote_identifier, quote_literal};
use tokio_postgres::types::{ToSql, Type};

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
    /// All version rows as they must be before; none where that is not asked.
    pub before: Option<Vec<String>>,
}

/// A statement that is ready to be sent.
pub struct Statement {
    text: String,
    step: Step,
    deletes: i64,
}

/// What the statement found to be wrong.
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
    pub fn new(schema: &str, step: Step, proof: &Proof, key: Key) -> Self {
        let name = quote_identifier(schema);
        // A cast that fails is how plain SQL raises an error; the function keeps the planner from doing it beforehand.
        let raise = |what: &str| format!("('{what} ' || pg_catalog.pg_backend_pid()::text)::int4");
        let text = format!(
            "WITH gone AS (DELETE FROM {name}.version WHERE revision = ANY ($1) RETURNING revision), \
             come AS (INSERT INTO {name}.version SELECT pg_catalog.unnest($2) RETURNING revision), \
             logged AS (INSERT INTO {name}.log (revision, direction, outcome, digest, started, duration, host_version, xid) \
             VALUES ($3, $4, 'ok', $5, pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $6), \
             pg_catalog.make_interval(secs => $6), $7, pg_catalog.pg_current_xact_id()) RETURNING id) \
             SELECT CASE WHEN pg_catalog.pg_current_xact_id()::text <> {xid} THEN {transaction} \
             WHEN NOT {held} THEN {lock} WHEN (SELECT pg_catalog.count(*) FROM gone) <> $8 \
             OR (SELECT pg_catalog.array_agg(revision ORDER BY revision COLLATE \"C\") FROM {name}.version) \
             IS DISTINCT FROM (SELECT pg_catalog.array_agg(r ORDER BY r COLLATE \"C\") FROM pg_catalog.unnest($9) r) \
             AND $9 IS NOT NULL THEN {rows} ELSE 1 END",
            xid = quote_literal(&proof.xid),
            held = key.held(),
            transaction = raise(DOUBTS[0].0),
            lock = raise(DOUBTS[1].0),
            rows = raise(DOUBTS[2].0),
        );
        let deletes = i64::try_from(step.delete.len()).expect("a graph has far fewer revisions than 2^63");
        Self { text, step, deletes }
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its parameters.
    #[must_use]
    pub fn parameters(&self) -> [(&(dyn ToSql + Sync), Type); 9] {
        [
            (&self.step.delete, Type::TEXT_ARRAY),
            (&self.step.insert, Type::TEXT_ARRAY),
            (&self.step.revision, Type::TEXT),
            (&self.step.direction, Type::TEXT),
            (&self.step.digest, Type::TEXT),
            (&self.step.seconds, Type::FLOAT8),
            (&HOST_VERSION, Type::TEXT),
            (&self.deletes, Type::INT8),
            (&self.step.before, Type::TEXT_ARRAY),
        ]
    }
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
