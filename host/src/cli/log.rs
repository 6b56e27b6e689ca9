//! `log`: who ran what, when, how long, and how it ended.

use super::exit::CliError;
use super::print::{Printer, in_a_line};
use super::project::Project;
use super::{Global, block_on};
use crate::isolation::{self, Effect};
use crate::runtime::printable;
use crate::state::log;
use clap::Args;
use serde::Serialize;
use std::collections::HashMap;
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

/// A row of the log, and what the statements of a plugin did.
#[derive(Serialize)]
struct Run {
    #[serde(flatten)]
    entry: log::Entry,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    effects: Vec<Effect>,
}

/// The beginning of a statement.
fn shortened(statement: &str) -> String {
    const MOST: usize = 100;
    match statement.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} …", &statement[..end]),
        None => statement.to_owned(),
    }
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
                return Ok(Vec::<Run>::new());
            }
            let entries = log::read(&connection, project.schema(), revision.as_deref(), i64::from(self.limit)).await?;
            let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
            let mut effects: HashMap<_, Vec<_>> = HashMap::new();
            // Whoever is not shown them need not be let at them.
            let shown = if printer.verbose > 0 || printer.json { ids } else { Vec::new() };
            for (id, effect) in isolation::effects_of(&connection, project.schema(), &shown).await? {
                effects.entry(id).or_default().push(effect);
            }
            let with_effects =
                |entry: log::Entry| Run { effects: effects.remove(&entry.id).unwrap_or_default(), entry };
            Ok::<_, CliError>(entries.into_iter().map(with_effects).collect())
        })?;
        if printer.json {
            printer.json(&entries);
            return Ok(());
        }
        for Run { entry, effects } in &entries {
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
                for Effect { effect, statement } in effects {
                    let [effect, statement] = [effect, statement].map(|text| in_a_line(text));
                    printer.lines([printable(&format!("    {effect} ({})", shortened(&statement)))]);
                }
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
