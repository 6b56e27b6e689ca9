//! `heads`: the revisions that nothing follows.

use super::Global;
use super::exit::CliError;
use super::print::Printer;
use super::project::Project;
use crate::graph::history;
use clap::Args;

/// Show the heads of the history.
#[derive(Args)]
pub struct Heads {
    /// Leave out heads that another revision depends on.
    #[arg(long)]
    resolve_dependencies: bool,
}

impl Heads {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let project = Project::load(global)?;
        let entries = history::heads(&project.map, self.resolve_dependencies);
        if printer.json {
            printer.json(&entries);
        } else {
            printer.lines(history::heads_lines(&entries, printer.verbose > 0));
        }
        Ok(())
    }
}
