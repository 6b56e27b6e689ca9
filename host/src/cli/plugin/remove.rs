//! `plugin remove`: takes a plugin off the version rows, its role and schema away, and its entries out of the project's files.
//! None of its code runs: a plugin is not asked whether it goes.

use super::{Plugins, edit};
use crate::cli::exit::{CliError, Code};
use crate::cli::print::Printer;
use crate::cli::project::Project;
use crate::cli::signals::Signals;
use crate::cli::{Global, block_on};
use crate::graph::{Plan, half_done};
use crate::isolation::{self, Registered};
use crate::sql::lock::{self, Key};
use crate::sql::{Begin, Connection, LockOptions, Transaction};
use crate::state::{self, record};
use clap::Args;
use serde_json::json;
use std::time::Duration;

/// Take a plugin away, with its data or without.
#[derive(Args)]
pub(super) struct Remove {
    /// The plugin.
    name: String,
    /// Leave its schema and what is in it; nobody's role will own it.
    #[arg(long)]
    keep_data: bool,
}

impl Remove {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let plugins = Plugins::read(global)?;
        plugins.find(&self.name)?;
        let project = Project::load(global)?;
        self.refuse_needed(&project)?;
        if !global.yes && !self.keep_data {
            return Err(CliError::new(Code::Policy, "plugin", format!("`{}` is not removed: its schema would go, with all that is in it", self.name))
                .hint(format!("if that is meant: wmigrate plugin remove {0} --yes; to leave the data: wmigrate plugin remove {0} --keep-data", self.name)));
        }
        let signals = Signals::default();
        block_on(self.take_from_database(&project, global, printer, &signals))?;
        edit::write(&plugins.config, &self.name, None)?;
        let mut lock = plugins.lock;
        lock.plugins.remove(&self.name);
        lock.write(&plugins.config.lock_file()).map_err(crate::components::Error::Lock)?;
        if printer.json {
            printer.json(&json!({ "removed": self.name, "data": if self.keep_data { "kept" } else { "dropped" } }));
        }
        printer.talk(&format!("`{}` is removed", self.name));
        Ok(())
    }

    /// What depends on it would have lost its ground.
    fn refuse_needed(&self, project: &Project) -> Result<(), CliError> {
        let own = |id: &str| {
            project.versions.find(id).is_some_and(|file| file.plugin.as_deref() == Some(&*self.name)) || id == self.name
        };
        let needs = project
            .versions
            .revisions
            .iter()
            .filter(|file| file.plugin.as_deref() != Some(&*self.name))
            .find(|file| file.revision.depends_on.iter().any(|id| own(id)));
        match needs {
            None => Ok(()),
            Some(file) => {
                let whose = file
                    .plugin
                    .as_ref()
                    .map_or_else(|| "the application".to_owned(), |name| format!("the plugin `{name}`"));
                let message =
                    format!("`{}` is not removed: revision `{}` of {whose} depends on it", self.name, file.revision.id);
                Err(CliError::new(Code::Policy, "plugin", message).hint("remove what depends on it first"))
            }
        }
    }

    async fn take_from_database(
        &self,
        project: &Project,
        global: &Global,
        printer: &Printer,
        signals: &Signals,
    ) -> Result<(), CliError> {
        let settings = project.settings(global, printer)?;
        let (mut connection, standing) = project.connect(&settings).await?;
        if !standing.exists {
            return Ok(());
        }
        signals.listen(*printer, connection.cancel_handle());
        let key = Key::of_schema(project.schema());
        let options = LockOptions { wait: project.config.lock_wait };
        let mut waiting =
            |holder: &crate::sql::Holder| printer.talk(&format!("waiting for the migration lock, held by {holder}"));
        lock::acquire(&mut connection, &settings, key, &options, &mut waiting, &|| signals.asked()).await?;
        let standing = state::read(&connection, project.schema()).await?;
        let known = isolation::registered(&connection, project.schema()).await?;
        let plan = half_done::downgrade(&project.map, &standing.rows, None, &format!("{}@base", self.name))?;
        let connection = self.off_the_rows(project, connection, &standing.rows, &plan).await?;
        if let Some(known) = known.iter().find(|known| known.name == self.name) {
            self.drop_all(project, &connection, known).await?;
        }
        lock::release(&connection, key).await?;
        Ok(())
    }

    /// As a stamp does it: nothing runs.
    async fn off_the_rows(
        &self,
        project: &Project,
        connection: Connection,
        before: &[String],
        plan: &Plan,
    ) -> Result<Connection, CliError> {
        if plan.steps.is_empty() {
            return Ok(connection);
        }
        let begin = Begin { lock_timeout: Duration::from_secs(2), statement_timeout: Duration::ZERO, timed: false };
        let transaction = Transaction::begin(connection, &begin).await.map_err(|(_, error)| error)?;
        let missing = |from: &[String], to: &[String]| from.iter().filter(|row| !to.contains(row)).cloned().collect();
        let step = record::Step {
            revision: self.name.clone(),
            direction: "stamp",
            digest: None,
            seconds: 0.0,
            delete: missing(before, &plan.heads_after),
            insert: missing(&plan.heads_after, before),
            before: before.to_vec(),
        };
        let bookkeeping = record::statement(project.schema(), &step, transaction.proof());
        let last = plan.steps.last().expect("there are steps");
        let session = transaction
            .commit(std::slice::from_ref(&bookkeeping), None)
            .await
            .map_err(|(_, error)| crate::runner::Error::of_finish(last, error, None))?;
        session.idle().await.ok_or_else(|| CliError::new(Code::Unknown, "connection_lost", "the connection was lost"))
    }

    async fn drop_all(&self, project: &Project, connection: &Connection, known: &Registered) -> Result<(), CliError> {
        Ok(isolation::remove(connection, project.schema(), known, !self.keep_data).await?)
    }
}
