//! `downgrade`: undo revisions down to a target.

use super::exit::CliError;
use super::print::Printer;
use super::run::{self, RunArgs};
use super::{Global, script};
use crate::graph::{half_done, plan};
use clap::Args;

/// Undo revisions down to a target.
#[derive(Args)]
pub struct Downgrade {
    /// Where to go: `-1`, `base`, a revision id or its beginning, `label@base` …
    #[arg(allow_hyphen_values = true, value_parser = no_option)]
    pub target: String,
    /// Print the SQL script instead of running anything; the target is then `from:to`.
    #[arg(long)]
    pub sql: bool,
    /// How to run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// The same as other tools name it.
#[derive(Args)]
pub struct Down {
    /// As for `downgrade`.
    #[arg(default_value = "-1", allow_hyphen_values = true, value_parser = no_option)]
    pub target: String,
    /// How to run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// A target may begin with `-`; with `--` begins an option that has a slip in it.
fn no_option(text: &str) -> Result<String, String> {
    if text.starts_with("--") {
        Err("no option has this name, and no target begins like this".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

impl Down {
    pub(super) fn into_downgrade(self) -> Downgrade {
        Downgrade { target: self.target, sql: false, run: self.run }
    }
}

impl Downgrade {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        if self.sql {
            return script::print(global, printer, &self.run, |map| plan::downgrade_range(map, &self.target));
        }
        run::run(global, printer, &self.run, &|map, rows, half| half_done::downgrade(map, rows, half, &self.target))
    }
}
