//! `current`: which revisions the database is at.

use super::exit::{CliError, Code};
use super::print::Printer;
use super::project::Project;
use super::{Global, block_on};
use crate::graph::history;
use clap::Args;
use std::process::ExitCode;

/// Show which revisions the database is at.
#[derive(Args)]
pub struct Current {
    /// Fail (exit code 3) unless the database is at all heads.
    #[arg(short = 'c', long, visible_alias = "exit-code")]
    check_heads: bool,
}

impl Current {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<ExitCode, CliError> {
        let project = Project::load(global)?;
        let settings = project.settings(global, printer)?;
        let rows = block_on(async { Ok(project.connect(&settings).await?.1.rows) })?;
        let entries = history::current(&project.map, &rows)?;
        if printer.json {
            printer.json(&entries);
        } else {
            if printer.verbose > 0 {
                printer.lines([format!("Current revision(s) for {}:", settings.display_url())]);
            }
            printer.lines(history::current_lines(&entries, printer.verbose > 0));
        }
        let mut heads: Vec<_> = project.map.real_heads().map(|head| head.id.clone()).collect();
        heads.sort_unstable();
        if self.check_heads && rows != heads {
            printer.talk("Database is not on all head revisions");
            return Ok(ExitCode::from(Code::Differs as u8));
        }
        Ok(ExitCode::SUCCESS)
    }
}
