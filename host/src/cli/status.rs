//! `status`: one screen that says where the database is, what is pending, and whether anybody is at it.

use super::exit::{CliError, Code};
use super::print::Printer;
use super::project::Project;
use super::{Global, block_on};
use crate::graph::plan;
use crate::sql::lock::{self, Key};
use crate::state::log;
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

/// One screen: database, heads, what is pending.
#[derive(Args)]
pub struct Status {
    /// Exit with 3 if anything is pending.
    #[arg(long)]
    exit_code: bool,
}

/// Pending revisions that one screen shows.
const SHOWN: usize = 20;

impl Status {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<ExitCode, CliError> {
        let project = Project::load(global)?;
        let settings = project.settings(global, printer)?;
        let (standing, holder, last, server) = block_on(async {
            let (connection, standing) = project.connect(&settings).await?;
            let holder = lock::holder(&connection, Key::of_schema(project.schema())).await?;
            let last =
                if standing.exists { log::read(&connection, project.schema(), None, 1).await? } else { Vec::new() };
            Ok((standing, holder, last, connection.server_version()))
        })?;
        let heads: Vec<_> = project.map.heads().map(|head| head.id.clone()).collect();
        let unknown: Vec<_> = standing.rows.iter().filter(|row| project.map.get(row).is_none()).cloned().collect();
        let pending =
            if unknown.is_empty() { plan::upgrade(&project.map, &standing.rows, "heads")?.steps } else { Vec::new() };
        if printer.json {
            printer.json(&json!({
                "database": settings.display_url(),
                "server_version": server,
                "read_only": standing.read_only,
                "rows": standing.rows,
                "unknown_rows": unknown,
                "heads": heads,
                "pending": pending,
                "in_progress": standing.in_progress,
                "lock": holder.as_ref().map(ToString::to_string),
                "last": last.first(),
            }));
        } else {
            let list = |ids: &[String], none: &str| if ids.is_empty() { none.to_owned() } else { ids.join(", ") };
            let mut lines = vec![
                format!("database  {} (PostgreSQL {}.{})", settings.display_url(), server / 10_000, server % 10_000),
                format!("at        {}", list(&standing.rows, "base (nothing applied)")),
                format!("heads     {}", list(&heads, "none (no revisions)")),
            ];
            if let Some(reason) = standing.read_only {
                lines.push(format!("writes    none: {reason}"));
            }
            if let Some(holder) = &holder {
                lines.push(format!("lock      held by {holder}"));
            }
            lines.extend(standing.in_progress.iter().map(|run| super::current::half_way(run, "half-way  ")));
            if let Some(last) = last.first() {
                lines.push(format!(
                    "last      {} {} {} by {} at {}",
                    last.direction, last.revision, last.outcome, last.db_user, last.started
                ));
            }
            if !unknown.is_empty() {
                lines.push(format!(
                    "unknown   {} (no file in the versions folders; a newer checkout has it?)",
                    unknown.join(", ")
                ));
            } else if pending.is_empty() {
                lines.push("pending   nothing".to_owned());
            } else {
                lines.push(format!("pending   {}", super::run::revisions(pending.len())));
                lines.extend(
                    pending.iter().take(SHOWN).map(|step| format!("          {} {}", step.revision, step.message)),
                );
                if pending.len() > SHOWN {
                    lines.push(format!("          … and {} more", pending.len() - SHOWN));
                }
            }
            printer.lines(lines);
        }
        let moving = !standing.in_progress.is_empty();
        let differs = self.exit_code && (!pending.is_empty() || !unknown.is_empty() || moving);
        Ok(if differs { ExitCode::from(Code::Differs as u8) } else { ExitCode::SUCCESS })
    }
}
