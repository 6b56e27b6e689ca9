//! `show`: one revision, in full.

use super::Global;
use super::exit::CliError;
use super::print::Printer;
use super::project::Project;
use crate::graph::history;
use clap::Args;

/// Show one revision.
#[derive(Args)]
pub struct Show {
    /// Which: an id or its beginning, `head`, a label, `current` …
    revision: String,
}

impl Show {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let project = Project::load(global)?;
        let rows = if self.revision == "current" { project.rows(global, printer)? } else { Vec::new() };
        let entries = history::show(&project.map, &self.revision, &rows)?;
        if printer.json {
            printer.json(&entries);
        } else {
            printer.lines(history::show_lines(&entries));
        }
        Ok(())
    }
}
