//! `upgrade`: apply revisions up to a target.

use super::exit::CliError;
use super::print::Printer;
use super::run::{self, RunArgs};
use super::{Global, script};
use crate::graph::{half_done, plan};
use clap::Args;

/// Apply revisions up to a target.
#[derive(Args)]
pub struct Upgrade {
    /// Where to go: `head`, `heads`, a revision id or its beginning, `+1`, `label@head` …
    pub target: String,
    /// Print the SQL script instead of running anything; a target may then be `from:to`.
    #[arg(long)]
    pub sql: bool,
    /// How to run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// The same as other tools name it.
#[derive(Args)]
pub struct Up {
    /// As for `upgrade`.
    #[arg(default_value = "head")]
    pub target: String,
    /// How to run.
    #[command(flatten)]
    pub run: RunArgs,
}

impl Up {
    pub(super) fn into_upgrade(self) -> Upgrade {
        Upgrade { target: self.target, sql: false, run: self.run }
    }
}

impl Upgrade {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        if self.sql {
            return script::print(global, printer, &self.run, |map| plan::upgrade_range(map, &self.target));
        }
        run::run(global, printer, &self.run, &|map, rows, half| half_done::upgrade(map, rows, half, &self.target))
    }
}
