//! The one place that writes to the terminal: data to stdout, talk to stderr.
//!
//! A reader that goes away (`wmigrate history | head`) ends the output quietly, not with a panic.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where printing is")]

use serde::Serialize;
use std::io::{IsTerminal as _, Write as _};

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

fn write_stdout(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        // Nobody reads any more. What was done stays done; the exit code of a broken pipe is the shell's business.
        std::process::exit(0);
    }
}

fn write_stderr(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
