//! `log`: who ran what, when, how long, and how it ended.

use super::exit::CliError;
use super::print::Printer;
use super::project::Project;
use super::{Global, block_on};
use crate::runtime::printable;
use crate::state::log;
use clap::Args;
use std::time::Duration;

/// Who ran what, when, how long, and how it ended.
#[derive(Args)]
pub struct Log {
    /// Only runs of this revision.
    revision: Option<String>,
    /// How many rows, newest first.
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: u32,
}

impl Log {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let project = Project::load(global)?;
        let settings = project.settings(global, printer)?;
        let revision = match &self.revision {
            Some(target) => Some(project.id_of(target)?),
            None => None,
        };
        let entries = block_on(async {
            let (connection, standing) = project.connect(&settings).await?;
            if !standing.exists {
                return Ok(Vec::new());
            }
            Ok(log::read(&connection, project.schema(), revision.as_deref(), i64::from(self.limit)).await?)
        })?;
        if printer.json {
            printer.json(&entries);
            return Ok(());
        }
        for entry in &entries {
            let took = super::progress::human(Duration::from_secs_f64((entry.duration_ms / 1000.0).max(0.0)));
            // What the database holds may have been written by anybody: it is shown, not obeyed.
            printer.lines([printable(&format!(
                "{}  {:9} {} {:9} {took:>9}  {} ({})",
                entry.started, entry.direction, entry.revision, entry.outcome, entry.db_user, entry.client
            ))]);
            if let Some(error) = &entry.error {
                printer.lines(printable(error).lines().map(|line| format!("    {line}")));
            }
            if printer.verbose > 0 {
                printer.lines([format!(
                    "    id {} · xid {} · wmigrate {} · digest {}",
                    entry.id,
                    entry.xid.as_deref().unwrap_or("-"),
                    printable(&entry.host_version),
                    printable(entry.digest.as_deref().unwrap_or("-"))
                )]);
            }
        }
        Ok(())
    }
}
