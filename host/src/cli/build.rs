//! `build`: sources to components, and the lock file that says what became of each.

use super::Global;
use super::exit::{CliError, Code};
use super::output;
use super::print::Printer;
use super::project::Project;
use crate::authoring::language::sql;
use crate::components::{Component, Components, Policy, built_name, metadata_of};
use crate::versions::lock_file::{Entry, LockFile};
use crate::versions::{BUILT, Language, section};
use clap::Args;
use serde_json::json;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Build the revisions' components and write `wmigrate.lock`.
#[derive(Args)]
pub struct Build {
    /// Only these revisions; all of them by default.
    revisions: Vec<String>,
    /// Build nothing and write nothing: fail unless everything is as `wmigrate.lock` says.
    #[arg(long)]
    locked: bool,
    /// Also keep the components of compiled languages in `built/` beside their sources, to be committed: machines without
    /// a toolchain then run them as they are.
    #[arg(long)]
    keep: bool,
    /// Also write every component, complete in itself, into this folder.
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Build {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let project = Project::load(global)?;
        let components = Components::open(
            &project.config,
            Arc::clone(&project.versions),
            Policy { locked: self.locked, ..Policy::default() },
        )?;
        let wanted = self.wanted(&project)?;
        let path = project.config.lock_file();
        let mut lock = LockFile::read(&path).map_err(crate::components::Error::Lock)?;
        let mut built = Vec::new();
        for id in &wanted {
            let job = components.job(id);
            let component = job.assemble()?;
            let file = job.file();
            if file.language == Language::Sql {
                for warning in
                    component.payload.as_deref().map(|text| sql::warnings(text, !component.durable)).unwrap_or_default()
                {
                    printer.talk(&format!(
                        "warning: {}:{}:{}: {} ({})",
                        file.path.display(),
                        warning.line,
                        warning.column,
                        warning.message,
                        warning.hint
                    ));
                }
            }
            let entry = Entry {
                file: relative(&file.path, &project.config.folder),
                source: component.source.clone(),
                component: component.digest.clone(),
                built_with: component.built_with.clone(),
            };
            if self.keep && file.language.is_compiled() {
                let folder = file.path.parent().unwrap_or(Path::new(".")).join(BUILT);
                output::write(&folder.join(built_name(&component.source)), &bytes_of(&component)?)?;
            }
            if let Some(folder) = &self.out {
                let bytes = complete(&component, file)?;
                output::write(&folder.join(format!("{id}.wasm")), &bytes)?;
            }
            if lock.update(id, entry) {
                built.push(id.clone());
            }
        }
        let known: Vec<_> = project.map.revisions().iter().map(|revision| revision.id.as_str()).collect();
        let dropped = lock.retain(&known);
        if !self.locked && (dropped || !built.is_empty() || !path.exists()) {
            lock.write(&path).map_err(crate::components::Error::Lock)?;
        }
        if printer.json {
            printer.json(&json!({ "revisions": wanted, "changed": built }));
        } else {
            printer.talk(&format!(
                "{} ready, {} changed in {}",
                super::run::revisions(wanted.len()),
                built.len(),
                path.display()
            ));
        }
        Ok(())
    }

    fn wanted(&self, project: &Project) -> Result<Vec<String>, CliError> {
        if self.revisions.is_empty() {
            // A plugin's are locked as a whole, with its package.
            let own = project.versions.revisions.iter().filter(|file| file.plugin.is_none());
            return Ok(own.map(|file| file.revision.id.clone()).collect());
        }
        self.revisions.iter().map(|target| project.id_of(target)).collect()
    }
}

fn bytes_of(component: &Component) -> Result<Cow<'_, [u8]>, CliError> {
    component.bytes.get().map_err(|error| CliError::of(Code::Failed, "engine", &error))
}

/// The component with its metadata and script in it: everything that is needed to run it elsewhere.
fn complete(component: &Component, file: &crate::versions::File) -> Result<Vec<u8>, CliError> {
    section::stamp(&bytes_of(component)?, &metadata_of(file), component.payload.as_deref())
        .map_err(|error| CliError::of(Code::Failed, "component", &error))
}

/// The lock file is committed, so it must not know where the project lies.
fn relative(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/")
}
