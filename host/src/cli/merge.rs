//! `merge`: write a revision that joins several heads.

use super::Global;
use super::exit::CliError;
use super::print::Printer;
use super::project::Project;
use super::revision::write;
use crate::authoring::new_revision::{NewRevision, new_id, now};
use crate::versions::Language;
use clap::Args;

/// Write a revision that joins several heads.
#[derive(Args)]
pub struct Merge {
    /// The revisions to join; `heads` for all heads.
    #[arg(required = true)]
    revisions: Vec<String>,
    /// What it is about.
    #[arg(short, long)]
    message: Option<String>,
    /// Label of the branch that begins here.
    #[arg(long, value_name = "LABEL")]
    branch_label: Vec<String>,
    /// The id, instead of a random one.
    #[arg(long, value_name = "ID")]
    rev_id: Option<String>,
    /// Allow parents that are no heads.
    #[arg(long)]
    splice: bool,
}

impl Merge {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let project = Project::load(global)?;
        let mut parents: Vec<String> = Vec::new();
        for target in &self.revisions {
            for revision in project.map.find(target)? {
                super::revision::refuse_of_plugin(revision)?;
                if !self.splice && project.map.children(&revision.id).next().is_some() {
                    return Err(super::revision::not_a_head(&revision.id));
                }
                if !parents.contains(&revision.id) {
                    parents.push(revision.id.clone());
                }
            }
        }
        if parents.len() < 2 {
            return Err(CliError::usage("a merge joins two revisions or more")
                .hint("wmigrate heads shows what there is to join"));
        }
        let new = NewRevision {
            id: self.rev_id.clone().map_or_else(new_id, Ok)?,
            message: self.message.clone().unwrap_or_else(|| format!("merge {}", parents.join(" and "))),
            parents,
            branch_labels: self.branch_label.clone(),
            depends_on: Vec::new(),
            language: Language::Sql,
            created: now(),
        };
        write(&project, &new, None, printer)
    }
}
