//! `history`: the revisions, newest first.

use super::Global;
use super::exit::CliError;
use super::print::Printer;
use super::project::Project;
use crate::graph::history;
use clap::Args;

/// List revisions, newest first.
#[derive(Args)]
pub struct History {
    /// Only this range, `[start]:[end]`; either end may be a target, `current`, or left out.
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    rev_range: Option<String>,
    /// Mark what the database is at.
    #[arg(short, long)]
    indicate_current: bool,
}

impl History {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let project = Project::load(global)?;
        let range = self.rev_range.as_deref();
        let asks_rows =
            self.indicate_current || range.is_some_and(|range| range.split(':').any(|end| end.contains("current")));
        let rows = if asks_rows { project.rows(global, printer)? } else { Vec::new() };
        let entries = history::history(&project.map, range, &rows, self.indicate_current)?;
        if printer.json {
            printer.json(&entries);
        } else {
            printer.lines(history::history_lines(&entries, printer.verbose > 0));
        }
        Ok(())
    }
}
