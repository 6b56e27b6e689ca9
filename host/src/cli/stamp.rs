//! `stamp`: set the version rows without running anything. It says what it will do before it does it.

use super::exit::CliError;
use super::print::Printer;
use super::project::Project;
use super::signals::Signals;
use super::{Global, block_on};
use crate::components::{Components, Policy};
use crate::graph::{Direction, RowChange, Step, plan};
use crate::sql::lock::{self, Key};
use crate::sql::{Begin, LockOptions, Transaction};
use crate::state::{self, backfill as jobs, journal, record, schema};
use clap::Args;
use serde_json::json;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

/// Set the version rows without running anything.
#[derive(Args)]
pub struct Stamp {
    /// One or more revisions, `head`, `heads`, `base`, `label@base` …
    #[arg(required = true)]
    revisions: Vec<String>,
    /// Delete all version rows first, those of unknown revisions too.
    #[arg(long)]
    purge: bool,
    /// Print the SQL script instead of running it; a revision may then be `from:to`.
    #[arg(long, conflicts_with = "purge")]
    sql: bool,
}

impl Stamp {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let project = Project::load(global)?;
        if self.sql {
            return self.script(&project, printer);
        }
        let settings = project.settings(global, printer)?;
        block_on(self.carry_out(&project, &settings, printer))
    }

    async fn carry_out(
        &self,
        project: &Project,
        settings: &crate::sql::Settings,
        printer: &Printer,
    ) -> Result<(), CliError> {
        let (mut connection, standing) = project.connect(settings).await?;
        // A target that makes no sense must leave an empty database empty.
        plan::stamp(&project.map, &standing.rows, &self.revisions, self.purge)?;
        if let Some(reason) = standing.read_only {
            return Err(crate::sql::Error::ReadOnly(reason).into());
        }
        let signals = Signals::default();
        signals.listen(*printer, connection.cancel_handle());
        let key = Key::of_schema(project.schema());
        let options = LockOptions { wait: project.config.lock_wait };
        let mut waiting =
            |holder: &crate::sql::Holder| printer.talk(&format!("waiting for the migration lock, held by {holder}"));
        lock::acquire(&mut connection, settings, key, &options, &mut waiting, &|| signals.asked()).await.map_err(
            |error| {
                let mut error = CliError::from(error);
                if error.kind == "stopped" {
                    error.code = signals.code();
                }
                error
            },
        )?;
        if !standing.current {
            let done = schema::ensure(&connection, project.schema()).await;
            lock::release_after_error(&connection, key, done).await?;
        }
        let standing = state::read(&connection, project.schema()).await?;
        let mut rows = standing.rows;
        let plan = plan::stamp(&project.map, &rows, &self.revisions, self.purge)?;
        let components = Components::open(&project.config, Arc::clone(&project.versions), Policy::default())?;
        let begin = Begin { lock_timeout: Duration::from_secs(2), statement_timeout: Duration::ZERO, timed: false };
        let mut transaction = Transaction::begin(connection, &begin).await.map_err(|(_, error)| error)?;
        // Rows that are purged go with the first step, or with one of their own.
        let mut purged = plan.purged.clone();
        let to_base = Step {
            direction: Direction::Stamp,
            revision: String::new(),
            from: purged.clone(),
            to: Vec::new(),
            message: String::new(),
            change: RowChange::default(),
        };
        let steps = if plan.steps.is_empty() && !purged.is_empty() { slice::from_ref(&to_base) } else { &plan.steps };
        for step in steps {
            printer.talk(&format!("Running {}", step.log_line()));
            let digest =
                project.map.get(&step.revision).and_then(|revision| components.job(&revision.id).known_digest());
            let mut change = step.change.clone();
            change.delete.append(&mut purged);
            let done = record::Step {
                revision: recorded_name(step),
                direction: crate::runner::name_of(step.direction),
                digest,
                seconds: 0.0,
                delete: change.delete.clone(),
                insert: change.insert.clone(),
                before: rows.clone(),
            };
            let bookkeeping = record::statement(project.schema(), &done, transaction.proof());
            transaction.seal(&bookkeeping).await.map_err(|error| crate::runner::Error::of_finish(step, error, None))?;
            change.apply(&mut rows);
        }
        // Whoever sets the rows says where the database is, and with that what became of a revision that was half-way.
        let mut settled = Vec::new();
        for run in &standing.in_progress {
            let way = if run.direction == "downgrade" { "down" } else { "up" };
            printer.talk(&format!("revision `{}` was half-way {way}: its journal is given up", run.revision));
            settled.extend(jobs::give_up(project.schema(), &run.revision, "stamp"));
            settled.push(jobs::close(project.schema(), &run.revision));
            settled.push(journal::forget(project.schema(), &run.revision));
        }
        let session = match (transaction.commit(&settled, None).await, steps.last()) {
            (Ok(session), _) => session,
            (Err((_, error)), Some(last)) => return Err(crate::runner::Error::of_finish(last, error, None).into()),
            (Err((_, error)), None) => return Err(crate::runner::Error::of_finish(&to_base, error, None).into()),
        };
        if let Some(connection) = session.idle().await {
            let _ = lock::release(&connection, key).await;
        }
        if printer.json {
            printer.json(&json!({ "steps": plan.steps, "heads": plan.heads_after }));
        }
        Ok(())
    }

    fn script(&self, project: &Project, printer: &Printer) -> Result<(), CliError> {
        let plan = plan::stamp_range(&project.map, &self.revisions)?;
        let mut lines = vec!["BEGIN;".to_owned(), String::new()];
        if plan.steps.first().is_some_and(|step| step.from.is_empty()) {
            for statement in schema::statements(project.schema()) {
                lines.push(format!("{statement};"));
                lines.push(String::new());
            }
        }
        for step in &plan.steps {
            lines.push(format!("-- Running {}", step.log_line()));
            lines.push(String::new());
            let done = record::Step {
                revision: recorded_name(step),
                direction: crate::runner::name_of(step.direction),
                digest: None,
                seconds: 0.0,
                delete: step.change.delete.clone(),
                insert: step.change.insert.clone(),
                before: Vec::new(),
            };
            for statement in record::script(project.schema(), &done) {
                lines.push(format!("{statement};"));
                lines.push(String::new());
            }
        }
        lines.push("COMMIT;".to_owned());
        lines.push(String::new());
        printer.lines(lines);
        Ok(())
    }
}

/// As the log names what was stamped.
fn recorded_name(step: &Step) -> String {
    if step.revision.is_empty() { "base".to_owned() } else { step.revision.clone() }
}
