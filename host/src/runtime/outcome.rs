//! How a run can end badly, in terms a person can act on.
//!
//! Two worlds that never mix: what the guest was told and passed on ([`Failure::Returned`]), and what the host did not let
//! it do ([`Failure::Limit`], [`Failure::Trap`]).

use super::limits::{Limit, Limits};
use super::printable;
use crate::bindings::SqlError;
use crate::durable::{self, Divergence, Halted};
use crate::sql;
use wasmtime::{Trap, WasmBacktrace};

/// Why a run did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The export returned an error: one of the database's that it did not handle, or its own.
    #[error("{}", super::sql_error_line(.0))]
    Returned(SqlError),
    /// The export returned success after a statement had failed and the transaction was lost.
    #[error("it reported success, but one of its statements had failed and aborted the transaction{}",
        .0.as_ref().map(|error| format!(": {}", super::sql_error_line(error))).unwrap_or_default())]
    Swallowed(Option<SqlError>),
    /// The transaction is over, although nothing that the revision may say ends one.
    #[error("it ended the transaction that the host had begun")]
    Ended,
    /// It reached a limit.
    #[error("{0}")]
    Limit(Limit),
    /// It trapped.
    #[error("it trapped: {reason}")]
    Trap {
        /// What the trap was.
        reason: String,
        /// The frames of the guest, innermost first.
        frames: Vec<String>,
        /// What a script engine wrote on stderr before.
        output: String,
    },
    /// A host call that the mode of this run cannot answer, such as reading rows while a script is printed.
    #[error("{0}")]
    Unanswerable(String),
    /// The connection failed under it.
    #[error(transparent)]
    Connection(sql::Error),
    /// A durable revision did something else than when it ran first.
    #[error("it does not do what it did before it was interrupted: {0}")]
    Diverged(Divergence),
    /// The journal of a durable revision refused a step.
    #[error("its journal refused a step: {}", super::sql_error_line(.0))]
    Journal(SqlError),
    /// A backfill does not go on by itself.
    #[error(transparent)]
    Backfill(Box<Halted>),
    /// Somebody asked us to stop.
    #[error("it was stopped on request")]
    Stopped,
}

/// What a host function raises to end a run at once. The guest never sees it.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// A limit was reached.
    #[error(transparent)]
    Limit(#[from] Limit),
    /// The connection failed.
    #[error("the connection failed")]
    Connection(sql::Error),
    /// See [`Failure::Unanswerable`].
    #[error("{0}")]
    Unanswerable(String),
    /// See [`Failure::Diverged`], [`Failure::Journal`] and [`Failure::Backfill`].
    #[error("{0}")]
    Durable(durable::Error),
    /// Somebody asked us to stop.
    #[error("stopped on request")]
    Stopped,
    /// A transform has nothing to do with a database either.
    #[error(
        "a transform called the host: it gets rows and returns rows, and only `log`, `context.revision` and `context.payload` answer it"
    )]
    Impure,
    /// Code that runs while the instance is made has nothing to do with a database.
    #[error("it called the host before its export was called")]
    TooEarly,
    /// The session does not speak UTF-8 any more.
    #[error("it set `client_encoding`, and every text that is exchanged with the host is UTF-8")]
    Encoding,
}

/// Frames of a backtrace that are worth showing.
const FRAMES: usize = 12;

/// Turns what wasmtime reports into a failure. `reached` is the limit the store's own bookkeeping saw.
pub(super) fn failure_of(error: wasmtime::Error, reached: Option<Limit>, limits: &Limits, output: &str) -> Failure {
    let frames = error.downcast_ref::<WasmBacktrace>().map(frames_of).unwrap_or_default();
    let trap = error.downcast_ref::<Trap>().copied();
    let error = match error.downcast::<Stop>() {
        Ok(Stop::Limit(limit)) => return Failure::Limit(limit),
        Ok(Stop::Connection(error)) => return Failure::Connection(error),
        Ok(Stop::Unanswerable(what)) => return Failure::Unanswerable(what),
        Ok(Stop::Stopped) => return Failure::Stopped,
        Ok(Stop::Durable(error)) => return of_durable(error),
        Ok(stop @ (Stop::TooEarly | Stop::Impure | Stop::Encoding)) => {
            return Failure::Trap { reason: stop.to_string(), frames, output: String::new() };
        }
        Err(error) => error,
    };
    if let Some(limit) = reached.or_else(|| error.downcast_ref::<Limit>().copied()) {
        return Failure::Limit(limit);
    }
    if trap == Some(Trap::StackOverflow) {
        return Failure::Limit(Limit::Stack(limits.stack));
    }
    let reason = match trap {
        Some(Trap::UnreachableCodeReached) => "unreachable code (a panic, an abort or a failed assertion)".to_owned(),
        Some(trap) => trap.to_string(),
        None => printable(&error.root_cause().to_string()),
    };
    if reason.contains("fuel allocated for hostcalls has been exhausted") {
        return Failure::Limit(Limit::CallSize(super::engine::CALL_SIZE));
    }
    Failure::Trap { reason, frames, output: printable(output.trim_end()) }
}

/// Whether it is what the code did, and not what the machine could not give it.
pub(super) fn is_of_guest(error: &wasmtime::Error) -> bool {
    error.is::<Trap>() || error.is::<Stop>() || error.is::<Limit>()
}

fn of_durable(error: durable::Error) -> Failure {
    match error {
        durable::Error::Guest(record) => Failure::Returned(record),
        durable::Error::Fatal(error) => Failure::Connection(error),
        durable::Error::Diverged(divergence) => Failure::Diverged(divergence),
        durable::Error::Journal(record) => Failure::Journal(record),
        durable::Error::Backfill(halted) => Failure::Backfill(halted),
        durable::Error::Stopped => Failure::Stopped,
    }
}

/// What stands for a message that is empty.
const NO_MESSAGE: &str = "an error without a message";

/// A guest chooses every text of an error: what a person reads and the log keeps is an end of it.
pub(super) fn bounded(error: SqlError) -> SqlError {
    /// Characters of one text.
    const LENGTH: usize = 10_000;
    /// Fields beside the fixed ones: the server has some ten, an engine adds three.
    const FIELDS: usize = 50;
    let cut = |mut text: String| {
        if let Some((end, _)) = text.char_indices().nth(LENGTH) {
            text.truncate(end);
            text.push('…');
        }
        text
    };
    SqlError {
        kind: cut(error.kind),
        sqlstate: cut(error.sqlstate),
        // A line of nothing would look like a fault of ours.
        message: if error.message.trim().is_empty() { NO_MESSAGE.to_owned() } else { cut(error.message) },
        detail: error.detail.map(cut),
        hint: error.hint.map(cut),
        fields: error.fields.into_iter().take(FIELDS).map(|(name, value)| (cut(name), cut(value))).collect(),
        ..error
    }
}

fn frames_of(backtrace: &WasmBacktrace) -> Vec<String> {
    backtrace
        .frames()
        .iter()
        .take(FRAMES)
        .map(|frame| {
            let name = frame.func_name().map_or_else(|| format!("function {}", frame.func_index()), demangled);
            let place = frame.symbols().first().and_then(|symbol| Some((symbol.file()?, symbol.line()?)));
            match place {
                Some((file, line)) => format!("{name} at {}:{line}", printable(file)),
                None => name,
            }
        })
        .collect()
}

/// Names of Rust functions end in a hash that nobody reads; the alternate form leaves it out.
fn demangled(name: &str) -> String {
    printable(&format!("{:#}", rustc_demangle::demangle(name)))
}
