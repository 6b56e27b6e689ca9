//! `edit`: open a revision's file in the editor.

use super::Global;
use super::exit::{CliError, Code};
use super::print::Printer;
use super::project::Project;
use clap::Args;
use std::process::Command;

/// Open a revision's file in the editor.
#[derive(Args)]
pub struct Edit {
    /// Which: an id or its beginning, `head`, `current` …
    revision: String,
}

impl Edit {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let project = Project::load(global)?;
        let ids = if self.revision == "current" {
            project.rows(global, printer)?
        } else {
            project.map.find(&self.revision)?.into_iter().map(|revision| revision.id.clone()).collect()
        };
        if ids.is_empty() {
            return Err(CliError::usage(format!("`{}` names no revision that has a file", self.revision)));
        }
        let editor =
            ["VISUAL", "EDITOR"].iter().find_map(|name| project.environment.get(*name)).filter(|e| !e.is_empty());
        let Some(editor) = editor else {
            return Err(CliError::usage("no editor is set").hint(format!("EDITOR=vi wmigrate edit {}", self.revision)));
        };
        // An editor may have arguments of its own: `code --wait`.
        let mut words = editor.split_whitespace();
        let program = words.next().unwrap_or(editor);
        let mut command = Command::new(program);
        command.args(words);
        for id in &ids {
            let file = project
                .versions
                .find(id)
                .ok_or_else(|| CliError::usage(format!("revision `{id}` has no file here")))?;
            command.arg(&file.path);
        }
        let status = command.status().map_err(|error| {
            CliError::new(Code::Failed, "editor", format!("the editor `{program}` cannot be started: {error}"))
        })?;
        if status.success() {
            Ok(())
        } else {
            Err(CliError::new(Code::Failed, "editor", format!("the editor `{program}` ended with {status}")))
        }
    }
}
