//! The bookkeeping of one step: one call of the procedure in `record.sql`, which checks everything that the step rests on
//! (the transaction, the version rows, the migration lock) and then writes version rows and log row.

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

/// What the check found to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Another transaction than the one that was begun.
    Transaction,
    /// The migration lock is not ours any more.
    Lock,
    /// The version rows are not those that were planned with.
    Rows,
    /// The journal has a row that another run wrote.
    Journal,
}

pub(super) const DOUBTS: [(&str, Doubt); 4] = [
    ("wmigrate: transaction", Doubt::Transaction),
    ("wmigrate: lock", Doubt::Lock),
    ("wmigrate: rows", Doubt::Rows),
    ("wmigrate: journal", Doubt::Journal),
];

/// The procedure by name and types: an earlier layout had a function of the same name.
pub(super) fn signature(schema: &str) -> String {
    let types = ["text", "text", "text", "float8", "text", "xid8", "text[]", "text[]", "text[]"];
    format!("{}.record(pg_catalog.{})", quote_identifier(schema), types.join(", pg_catalog."))
}

/// The statement that creates the procedure.
pub(super) fn create(schema: &str) -> String {
    let [_, _, rows, _] = DOUBTS.map(|(mark, _)| mark);
    procedure(schema, include_str!("record.sql")).replace("{rows}", rows)
}

/// A procedure that writes for the host: of this schema, and with the check of the transaction and the lock that each of them makes.
pub(super) fn procedure(schema: &str, text: &str) -> String {
    let [transaction, lock, _, _] = DOUBTS.map(|(mark, _)| mark);
    text.trim_end()
        .replace("{proven}", include_str!("proven.sql").trim_end())
        .replace("{schema}", &quote_identifier(schema))
        .replace("{held_alone}", &Key::of_schema(schema).held_alone())
        .replace("{transaction}", transaction)
        .replace("{lock}", lock)
}

/// The statement that does the bookkeeping of `step` in the transaction of `proof`.
#[must_use]
pub fn statement(schema: &str, step: &Step, proof: &Proof) -> String {
    let mut before = step.before.clone();
    before.sort_unstable();
    format!(
        "CALL {}.record({}, {}, {}, '{}', {}, {}, {}, {}, {})",
        quote_identifier(schema),
        quote_literal(&step.revision),
        quote_literal(step.direction),
        step.digest.as_deref().map_or_else(|| "NULL".to_owned(), quote_literal),
        step.seconds,
        quote_literal(HOST_VERSION),
        quote_literal(&proof.xid),
        array(&before),
        array(&step.delete),
        array(&step.insert),
    )
}

/// A literal of an array of texts.
fn array(texts: &[String]) -> String {
    let quoted: Vec<_> =
        texts.iter().map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    quote_literal(&format!("{{{}}}", quoted.join(",")))
}

/// A text of SQL with the schema and the marks of doubts filled in.
pub(crate) fn filled(schema: &str, text: &str) -> String {
    let [transaction, _, rows, _] = DOUBTS.map(|(mark, _)| mark);
    text.trim_end()
        .lines()
        .skip_while(|line| line.starts_with("--"))
        .collect::<Vec<_>>()
        .join("\n")
        .replace("{schema}", &quote_identifier(schema))
        .replace("{transaction}", transaction)
        .replace("{rows}", rows)
}

/// Which doubt an error of the procedure stands for.
#[must_use]
pub fn doubt_of(error: &SqlError) -> Option<Doubt> {
    /// `not_null_violation` and `unique_violation`.
    const REFUSED_BY_TABLE: [&str; 2] = ["23502", "23505"];
    if REFUSED_BY_TABLE.contains(&error.sqlstate.as_str())
        && error.fields.iter().any(|(name, value)| name == "table" && value == "version")
    {
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
