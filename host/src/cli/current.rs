//! `current`: which revisions the database is at.

use super::exit::{CliError, Code};
use super::print::Printer;
use super::project::Project;
use super::{Global, block_on};
use crate::graph::history;
use crate::state::journal::InProgress;
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
        let standing = block_on(async { Ok(project.connect(&settings).await?.1) })?;
        let rows = standing.rows;
        let entries = history::current(&project.map, &rows)?;
        if printer.json {
            printer.json(&entries);
        } else {
            if printer.verbose > 0 {
                printer.lines([format!("Current revision(s) for {}:", settings.display_url())]);
            }
            printer.lines(history::current_lines(&entries, printer.verbose > 0));
            for run in &standing.in_progress {
                printer.talk(&half_way(run, "half-way: "));
            }
        }
        let mut heads: Vec<_> = project.map.real_heads().map(|head| head.id.clone()).collect();
        heads.sort_unstable();
        if self.check_heads && (rows != heads || !standing.in_progress.is_empty()) {
            printer.talk("Database is not on all head revisions");
            return Ok(ExitCode::from(Code::Differs as u8));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A durable revision that has begun and not ended, in one line.
pub(super) fn half_way(run: &InProgress, label: &str) -> String {
    let last = run.last.as_deref().map(|statement| {
        let line = super::print::in_a_line(statement);
        format!(", last `{}`", crate::runtime::printable(&line.chars().take(100).collect::<String>()))
    });
    format!(
        "{label}{} {}, {} steps done{} since {}",
        run.direction,
        run.revision,
        run.steps_done,
        last.unwrap_or_default(),
        run.since
    )
}
