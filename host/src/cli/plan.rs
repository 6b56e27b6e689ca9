//! `plan`: what a command would run, from the database's rows or from rows that are given. For CI and pull requests.

use super::Global;
use super::exit::{CliError, Code};
use super::print::Printer;
use super::project::Project;
use crate::graph::{Direction, half_done, plan};
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Show what a command would run.
#[derive(Args)]
pub struct Plan {
    /// Which command.
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// What `upgrade` would run.
    Upgrade {
        /// As for `upgrade`.
        target: String,
        #[command(flatten)]
        from: From,
    },
    /// What `downgrade` would run.
    Downgrade {
        /// As for `downgrade`.
        #[arg(allow_hyphen_values = true)]
        target: String,
        #[command(flatten)]
        from: From,
    },
    /// What `stamp` would do.
    Stamp {
        /// As for `stamp`.
        #[arg(required = true)]
        revisions: Vec<String>,
        /// As for `stamp`.
        #[arg(long)]
        purge: bool,
        #[command(flatten)]
        from: From,
    },
}

#[derive(Args)]
struct From {
    /// Version rows to start from, separated by commas, instead of the database's; '' is an empty database.
    #[arg(long, value_name = "ROWS")]
    from: Option<String>,
    /// Exit with 3 if there is anything to run.
    #[arg(long)]
    exit_code: bool,
}

impl Plan {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<ExitCode, CliError> {
        let project = Project::load(global)?;
        let from = match &self.what {
            What::Upgrade { from, .. } | What::Downgrade { from, .. } | What::Stamp { from, .. } => from,
        };
        let (rows, half) = if let Some(rows) = &from.from {
            (rows.split(',').map(str::trim).filter(|row| !row.is_empty()).map(str::to_owned).collect(), None)
        } else {
            let standing = project.standing(global, printer)?;
            let half = super::run::half_done(&standing);
            (standing.rows, half)
        };
        let half = half.as_ref();
        let plan = match &self.what {
            What::Upgrade { target, .. } => half_done::upgrade(&project.map, &rows, half, target)?,
            What::Downgrade { target, .. } => half_done::downgrade(&project.map, &rows, half, target)?,
            What::Stamp { revisions, purge, .. } => plan::stamp(&project.map, &rows, revisions, *purge)?,
        };
        if printer.json {
            printer.json(&plan);
        } else {
            printer.lines(plan.steps.iter().map(crate::graph::Step::log_line));
            printer.talk(&summary(&plan));
        }
        if from.exit_code && !(plan.steps.is_empty() && plan.purged.is_empty()) {
            return Ok(ExitCode::from(Code::Differs as u8));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn summary(plan: &crate::graph::Plan) -> String {
    let after = if plan.heads_after.is_empty() { "base".to_owned() } else { plan.heads_after.join(", ") };
    match (plan.steps.is_empty(), plan.purged.is_empty()) {
        (true, true) => return "nothing to do".to_owned(),
        (true, false) => {
            return format!(
                "would delete the version rows {}; the database would then be at {after}",
                plan.purged.join(", ")
            );
        }
        (false, _) => {}
    }
    let stamped = plan.steps.iter().any(|step| step.direction == Direction::Stamp);
    let what = if stamped { "would move the version rows in" } else { "would run" };
    format!("{what} {} step(s); the database would then be at {after}", plan.steps.len())
}
