//! `revision`: write a new revision file on top of the history.

use super::Global;
use super::exit::{CliError, Code};
use super::print::Printer;
use super::project::Project;
use crate::authoring::editor;
use crate::authoring::new_revision::{NewRevision, new_id, now};
use crate::graph::{self, Map};
use crate::versions::{Language, bundle};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Write a new revision file.
#[derive(Args)]
pub struct Revision {
    /// What it is about.
    #[arg(short, long)]
    message: Option<String>,
    /// What it is written in: sql, js, ts, py, rust, go, c, cpp or zig.
    #[arg(long, default_value = "sql")]
    lang: String,
    /// Revision or label to build on: `head`, `label@head`, an id, or `base` for a new root.
    #[arg(long, default_value = "head")]
    head: String,
    /// Allow a parent that is no head, and so a new branch.
    #[arg(long)]
    splice: bool,
    /// Label of the branch that begins here.
    #[arg(long, value_name = "LABEL")]
    branch_label: Vec<String>,
    /// Revisions or labels that must be applied before.
    #[arg(long, value_name = "REVISION")]
    depends_on: Vec<String>,
    /// The id, instead of a random one.
    #[arg(long, value_name = "ID")]
    rev_id: Option<String>,
    /// The versions folder to write to, where there are several.
    #[arg(long, value_name = "DIR")]
    version_path: Option<PathBuf>,
}

impl Revision {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let project = Project::load(global)?;
        let language =
            Language::from_name(&self.lang).filter(|language| *language != Language::Wasm).ok_or_else(|| {
                let names = Language::ALL.into_iter().filter(|language| *language != Language::Wasm);
                let names: Vec<_> = names.map(Language::short).collect();
                CliError::usage(format!("there is no template for `--lang {}`", self.lang)).hint(format!(
                    "there is one for {}; of any other language: `wmigrate stamp-component` makes a revision of what its compiler makes",
                    names.join(", ")
                ))
            })?;
        let parents = parents(&project.map, &self.head, self.splice)?;
        let depends_on = self.depends_on.iter().map(|name| dependency(&project.map, name)).collect::<Result<_, _>>()?;
        let new = NewRevision {
            id: self.rev_id.clone().map_or_else(new_id, Ok)?,
            message: self.message.clone().unwrap_or_default(),
            parents,
            branch_labels: self.branch_label.clone(),
            depends_on,
            language,
            created: now(),
        };
        write(&project, &new, self.version_path.as_deref(), printer)
    }
}

/// Writes a new revision, after the graph with it in has been found sound.
pub(super) fn write(
    project: &Project,
    new: &NewRevision,
    folder: Option<&Path>,
    printer: &Printer,
) -> Result<(), CliError> {
    graph::revision::validate_id(&new.id)?;
    let folder = folder_for(project, new, folder)?;
    if bundle::is_bundle(&folder) {
        return Err(CliError::usage(format!("`{}` is a bundle, to which no revision is added", folder.display()))
            .hint("write it into the project that the bundle was made from"));
    }
    if project.map.get(&new.id).is_none() {
        let mut revisions = project.map.revisions().to_vec();
        revisions.push(new.graph_revision(&folder).into());
        Map::new(revisions)?;
    }
    let path = new.write(&folder, &project.config.templates, &project.versions)?;
    for path in editor::write(new.language, &folder)? {
        printer.talk(&format!("Generating {} ...  done", path.display()));
    }
    if printer.json {
        printer.json(&json!({ "revision": new.id, "path": path, "down_revision": new.parents }));
    } else {
        printer.lines([path.display().to_string()]);
    }
    printer.talk(&format!("Generating {} ...  done", path.display()));
    Ok(())
}

/// Where a new file goes: where the user says, else beside its parent, else into the first folder.
fn folder_for(project: &Project, new: &NewRevision, folder: Option<&Path>) -> Result<PathBuf, CliError> {
    let configured = &project.config.versions;
    if let Some(folder) = folder {
        let known =
            configured.iter().find(|one| *one == folder || one.canonicalize().ok() == folder.canonicalize().ok());
        return known.cloned().ok_or_else(|| {
            CliError::usage(format!("`{}` is not one of the configured versions folders", folder.display()))
                .hint("add it to `versions` in wmigrate.toml")
        });
    }
    let parent = new.parents.first().and_then(|id| project.versions.find(id));
    let beside = parent.and_then(|file| file.folder.as_deref().unwrap_or(&file.path).parent());
    Ok(beside.map_or_else(|| configured[0].clone(), Path::to_owned))
}

/// The parents that `--head` names. A parent that is no head makes a branch, which must be asked for.
fn parents(map: &Map, target: &str, splice: bool) -> Result<Vec<String>, CliError> {
    let found: Vec<_> = match map.find(target) {
        _ if target == "head" && map.revisions().is_empty() => Vec::new(),
        Err(error @ graph::Error::MultipleHeads { .. }) => {
            return Err(CliError::from(error).hint(
                "`--head <revision>` builds on one of them; `wmigrate merge heads -m \"…\"` makes one head of them first",
            ));
        }
        found => found?,
    };
    found.iter().try_for_each(|parent| refuse_of_plugin(parent))?;
    if !splice {
        for parent in &found {
            if map.children(&parent.id).next().is_some() {
                return Err(not_a_head(&parent.id));
            }
        }
    }
    Ok(found.into_iter().map(|parent| parent.id.clone()).collect())
}

/// The application's line must not rest on a third party's.
pub(super) fn refuse_of_plugin(parent: &graph::Revision) -> Result<(), CliError> {
    if !parent.of_plugin {
        return Ok(());
    }
    let message = format!("revision `{}` is a plugin's, and no revision of the application builds on it", parent.id);
    Err(CliError::new(Code::Graph, "plugin", message)
        .hint("name the application's own heads; what it needs of a plugin is `--depends-on`"))
}

/// Alembic's words, which people search for.
pub(super) fn not_a_head(id: &str) -> CliError {
    CliError::new(
        Code::Graph,
        "not_a_head",
        format!(
            "Revision {id} is not a head revision; please specify --splice to create a new branch from this revision"
        ),
    )
    .hint("add `--splice`, or leave `--head` out to build on the head")
}

/// A prefix becomes the full id; a label stays a label.
fn dependency(map: &Map, name: &str) -> Result<String, CliError> {
    let found = map.find_one(name)?.ok_or_else(|| CliError::usage("nothing can depend on base"))?;
    let is_label = found.branch_labels.iter().any(|label| label == name);
    Ok(if is_label { name.to_owned() } else { found.id.clone() })
}
