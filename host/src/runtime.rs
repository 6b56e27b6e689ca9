//! The sandbox: runs one export of one revision and hands back what it was lent.
//!
//! It knows components, limits and the functions of `wit/`, which it hands on to `sql`, `durable` and `backfill`; it knows nothing of version rows, plans or the command line.

pub mod apart;
mod by_stack;
mod cache;
mod engine;
mod functions;
mod imports;
mod limits;
mod outcome;
mod transform;
mod wasi;

pub use by_stack::Runtimes;
pub use cache::{Cache, CacheNote};
pub use engine::{Code, Error, Guest, Runtime, Spent};
pub use imports::{Door, Recorded};
pub use limits::{Limit, Limits};
pub use outcome::{Failure, Stop};
pub use transform::Transformer;

use crate::bindings::{Level, SqlError, Way};
use std::sync::Arc;

/// What a run needs to know beside its code.
#[derive(Clone)]
pub struct Call {
    /// The revision's id.
    pub revision: String,
    /// Which export to run.
    pub direction: Way,
    /// `-x` arguments over those of the configuration.
    pub x_arguments: Arc<Vec<(String, String)>>,
    /// The script of a revision that is one.
    pub payload: Option<Arc<str>>,
    /// What it may use up.
    pub limits: Limits,
    /// Where its messages go.
    pub events: Events,
}

/// What a run tells while it runs.
#[derive(Debug, Clone)]
pub enum Event {
    /// The guest wrote to its log. Control characters are escaped already.
    Log(Level, String),
    /// A statement is about to run.
    Statement(String),
    /// The server sent a notice. Escaped as well.
    Notice(String),
    /// A statement is done, and did this.
    Trace(crate::sql::trace::Trace),
    /// A lock that the revision has taken was held for so long.
    Held(crate::sql::trace::Held),
    /// A backfill went on. Its texts come from a revision or a server, and are not escaped.
    Backfill(crate::backfill::Progress),
}

/// A place for events. Cheap to clone.
pub type Events = Arc<dyn Fn(Event) + Send + Sync>;

/// How a run ended.
pub type Outcome = Result<(), Failure>;

/// Shows a guest's or a server's text on a terminal without letting it act there: control characters are escaped.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() => shown.extend(c.escape_default()),
            // Marks that reorder what follows can make a line read as another one.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// A statement as it is told to whoever watches: an end of it is enough, and escaping makes it up to ten times as long.
fn shown_statement(statement: &str) -> String {
    /// Characters.
    const SHOWN: usize = 100_000;
    match statement.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} …", printable(&statement[..end])),
        None => printable(statement),
    }
}

/// One line for a database error as a guest saw it.
fn sql_error_line(error: &SqlError) -> String {
    let mut line = printable(&error.message);
    if error.kind == "database" || error.kind == "parameter" {
        line.push_str(&format!(" (SQLSTATE {})", printable(&error.sqlstate)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn terminal_escapes_are_shown_not_obeyed() {
        assert_eq!(printable("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(printable("a\rb\u{9b}31m"), "a\\rb\\u{9b}31m");
        assert_eq!(printable("one\n\ttwo é 漢"), "one\n\ttwo é 漢");
        assert_eq!(printable("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
    }
}
