//! `branches`: where the history branches.

use super::Global;
use super::exit::CliError;
use super::print::Printer;
use super::project::Project;
use crate::graph::history;
use clap::Args;

/// Show where the history branches.
#[derive(Args)]
pub struct Branches {}

impl Branches {
    pub(super) fn run(global: &Global, printer: &Printer) -> Result<(), CliError> {
        let project = Project::load(global)?;
        let branches = history::branches(&project.map);
        if printer.json {
            printer.json(&branches);
        } else {
            printer.lines(history::branches_lines(&branches, printer.verbose > 0));
        }
        Ok(())
    }
}
