//! The one place that writes to the terminal: data to stdout, talk to stderr.
//!
//! A reader that goes away (`wmigrate history | head`) ends the output quietly, and never the work.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where printing is")]

use serde::Serialize;
use std::io::{IsTerminal as _, Write as _};
use std::sync::OnceLock;

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How a command prints.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    /// Data as JSON.
    pub json: bool,
    /// No talk.
    pub quiet: bool,
    /// `-v`, counted.
    pub verbose: u8,
    /// Colour on stderr.
    pub color: bool,
}

impl Printer {
    /// Decides about colour.
    #[must_use]
    pub fn new(json: bool, quiet: bool, verbose: u8, color: Color) -> Self {
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        };
        Self { json, quiet, verbose, color }
    }

    /// Lines of data.
    pub fn lines<I: IntoIterator<Item = S>, S: AsRef<str>>(&self, lines: I) {
        let mut text = String::new();
        for line in lines {
            text.push_str(line.as_ref());
            text.push('\n');
        }
        write_stdout(&text);
    }

    /// Data as one JSON value.
    pub fn json<T: Serialize + ?Sized>(&self, value: &T) {
        let text = serde_json::to_string_pretty(value).expect("our own structs are valid JSON");
        write_stdout(&format!("{text}\n"));
    }

    /// Talk: progress, notes. Silent with `-q`.
    pub fn talk(&self, line: &str) {
        if !self.quiet {
            write_stderr(&format!("{line}\n"));
        }
    }

    /// What is said in spite of `-q`: errors and warnings about safety.
    pub fn alarm(&self, line: &str) {
        write_stderr(&format!("{line}\n"));
    }

    /// Bold red on a terminal.
    #[must_use]
    pub fn red(&self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// Cyan on a terminal.
    #[must_use]
    pub fn cyan(&self, text: &str) -> String {
        self.paint("36", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A text of several lines, a statement for example, in one.
pub(super) fn in_a_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What became of stdout: after the first failure nothing more is written to it.
static STDOUT: OnceLock<std::io::Error> = OnceLock::new();

/// Why stdout was lost, if somebody should hear of it: a reader that has seen enough is none.
#[must_use]
pub fn lost_output() -> Option<&'static std::io::Error> {
    STDOUT.get().filter(|error| error.kind() != std::io::ErrorKind::BrokenPipe)
}

fn write_stdout(text: &str) {
    if STDOUT.get().is_some() {
        return;
    }
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A migration that runs goes on: what it does is worth more than what it says.
        let _ = STDOUT.set(error);
    }
}

fn write_stderr(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
