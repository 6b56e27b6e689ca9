//! `init`: start a project.

use super::Global;
use super::exit::CliError;
use super::print::Printer;
use crate::authoring;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Start a project: `wmigrate.toml`, `versions/`.
#[derive(Args)]
pub struct Init {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

impl Init {
    pub(super) fn run(&self, _: &Global, printer: &Printer) -> Result<(), CliError> {
        let written = authoring::init::init(&self.folder)?;
        if printer.json {
            printer.json(&json!({ "written": written }));
        }
        for path in &written {
            printer.talk(&format!("Generating {} ...  done", path.display()));
        }
        printer.talk("next: wmigrate revision -m \"create the first table\", edit the file, wmigrate upgrade head");
        Ok(())
    }
}
