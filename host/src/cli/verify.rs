//! `verify`: is everything what it was? Graph, version rows, digests of what ran, lock file. Builds and writes nothing,
//! unless an edit is to be accepted.

use super::exit::{CliError, Code};
use super::print::Printer;
use super::project::Project;
use super::{Global, block_on};
use crate::components::{self, Components, Policy, Verdict};
use crate::sql::Connection;
use crate::state::log;
use clap::Args;
use serde_json::json;
use std::sync::Arc;

/// Check digests, lock file, graph and version rows.
#[derive(Args)]
pub struct Verify {
    /// Accept the present file of this revision as what ran: a row in the log says so.
    #[arg(long, value_name = "REVISION")]
    accept: Vec<String>,
    /// Check the files and the lock file only, without a database.
    #[arg(long, conflicts_with = "accept")]
    offline: bool,
}

/// What was found about one revision.
struct Finding {
    revision: String,
    verdict: &'static str,
    text: String,
    bad: bool,
}

impl Verify {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let project = Project::load(global)?;
        let components = Components::open(&project.config, Arc::clone(&project.versions), Policy::default())?;
        let mut findings = locked(&project, &components)?;
        if !self.offline {
            let settings = project.settings(global, printer)?;
            findings.extend(block_on(self.applied(&project, &components, &settings, printer))?);
        }
        let mut bad: Vec<_> = findings.iter().filter(|f| f.bad).map(|f| f.revision.as_str()).collect();
        bad.sort_unstable();
        bad.dedup();
        let mut found = None;
        if printer.json {
            let list: Vec<_> = findings
                .iter()
                .map(|f| json!({ "revision": f.revision, "verdict": f.verdict, "message": f.text, "ok": !f.bad }))
                .collect();
            let value = json!({ "revisions": project.map.revisions().len(), "findings": list, "ok": bad.is_empty() });
            if bad.is_empty() {
                printer.json(&value);
            } else {
                found = Some(value);
            }
        } else {
            printer.lines(findings.iter().map(|f| format!("{} {}: {}", f.revision, f.verdict, f.text)));
        }
        if !bad.is_empty() {
            let names: Vec<_> = bad.iter().map(|revision| format!("`{revision}`")).collect();
            let verb = if bad.len() == 1 { "is not what it was" } else { "are not what they were" };
            let message = format!("{} {verb}: {}", super::run::revisions(bad.len()), names.join(", "));
            let hint = if findings.iter().filter(|f| f.bad).all(|f| f.verdict == "lock") {
                "run `wmigrate build` and commit wmigrate.lock, or put the files back"
            } else {
                "put the files back and write new revisions for the changes; if an edit is meant: wmigrate verify --accept REVISION"
            };
            let mut error = CliError::new(Code::Digest, "digest_mismatch", message).hint(hint);
            error.data = found;
            return Err(error);
        }
        printer.talk(&format!("{} verified", super::run::revisions(project.map.revisions().len())));
        Ok(())
    }

    async fn applied(
        &self,
        project: &Project,
        components: &Components,
        settings: &crate::sql::Settings,
        printer: &Printer,
    ) -> Result<Vec<Finding>, CliError> {
        let (connection, standing) = project.connect(settings).await?;
        let applied: Vec<_> =
            project.map.applied(&standing.rows)?.into_iter().map(|revision| revision.id.clone()).collect();
        if !standing.exists {
            return Ok(Vec::new());
        }
        for target in &self.accept {
            let id = project.id_of(target)?;
            self.accept_one(project, components, &connection, &id, &applied).await?;
            printer.talk(&format!("accepted `{id}` as it is now"));
        }
        let ran = log::digests(&connection, project.schema()).await?;
        let mut findings = Vec::new();
        for id in &applied {
            let Some(digest) = ran.get(id) else { continue };
            let (verdict, text, bad) = match components.job(id).verdict(digest)? {
                Verdict::Same => continue,
                Verdict::LineEndings if printer.verbose == 0 => continue,
                Verdict::LineEndings => {
                    ("line-endings", "the file has CR LF line endings; they are not part of a revision", false)
                }
                Verdict::Rebuilt => {
                    ("rebuilt", "the same source, built to another component (compiler, SDK or engine)", false)
                }
                Verdict::Edited => ("edited", "the source was changed after it had been applied", true),
            };
            findings.push(Finding { revision: id.clone(), verdict, text: text.to_owned(), bad });
        }
        Ok(findings)
    }

    async fn accept_one(
        &self,
        project: &Project,
        components: &Components,
        connection: &Connection,
        id: &str,
        applied: &[String],
    ) -> Result<(), CliError> {
        if !applied.iter().any(|one| one == id) {
            return Err(CliError::usage(format!("revision `{id}` is not applied, so there is nothing to accept")));
        }
        let component = components.job(id).assemble()?;
        log::record_acceptance(connection, project.schema(), id, &component.log_digest()).await?;
        Ok(())
    }
}

/// The files against the lock file.
fn locked(project: &Project, components: &Components) -> Result<Vec<Finding>, CliError> {
    let mut findings = Vec::new();
    for revision in project.map.revisions() {
        match components.job(&revision.id).locked_difference() {
            Ok(None) => {}
            Ok(Some(text)) => {
                findings.push(Finding {
                    revision: revision.id.clone(),
                    verdict: "lock",
                    text: text.to_owned(),
                    bad: true,
                });
            }
            Err(error @ components::Error::NotLocked { .. }) => {
                findings.push(Finding {
                    revision: revision.id.clone(),
                    verdict: "lock",
                    text: error.to_string(),
                    bad: true,
                });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(findings)
}
