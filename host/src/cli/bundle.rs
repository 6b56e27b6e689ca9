//! `bundle`: the whole history in one file.

use super::Global;
use super::exit::{CliError, Code};
use super::output;
use super::print::Printer;
use super::project::Project;
use crate::components::{Components, Policy, metadata_of};
use crate::config::Config;
use crate::versions::Versions;
use crate::versions::bundle::{self, Packed};
use crate::versions::section;
use clap::Args;
use serde_json::json;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Pack the history into one file, which runs where there are no sources and no toolchains.
///
/// It holds every component and script, with their digests: `wmigrate upgrade head --versions app.wmigrate`.
#[derive(Args)]
pub struct Bundle {
    /// The file to write; its name ends with `.wmigrate`.
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Build nothing: fail unless everything is as `wmigrate.lock` says.
    #[arg(long)]
    locked: bool,
}

impl Bundle {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        if self.out.extension().is_none_or(|extension| extension != bundle::EXTENSION) {
            let message = format!("`{}` does not end with `.{}`", self.out.display(), bundle::EXTENSION);
            return Err(CliError::usage(message).hint("by that a bundle is told from a folder"));
        }
        let project = Project::load(global)?;
        let packed = packed(&project.config, &project.versions, self.locked)?;
        let bytes = bundle::pack(&packed, None).map_err(|error| unusable(&error))?;
        output::write(&self.out, &bytes)?;
        let digest = blake3::hash(&bytes).to_hex().to_string();
        if printer.json {
            printer
                .json(&json!({ "path": self.out, "revisions": packed.len(), "size": bytes.len(), "blake3": digest }));
        } else {
            printer.lines([format!("{digest}  {}", self.out.display())]);
            printer.talk(&format!("{} in {} bytes", super::run::revisions(packed.len()), bytes.len()));
        }
        Ok(())
    }
}

fn unusable(error: &(dyn std::error::Error + 'static)) -> CliError {
    CliError::of(Code::Failed, "bundle", error)
}

/// The revisions of a project, its plugins' left out, with all that is needed to run them.
pub(super) fn packed(config: &Config, versions: &Arc<Versions>, locked: bool) -> Result<Vec<Packed>, CliError> {
    let policy = Policy { locked, ..Policy::default() };
    let components = Components::open(config, Arc::clone(versions), policy)?;
    // A thousand scripts have one engine.
    let mut codes: HashMap<String, Arc<[u8]>> = HashMap::new();
    let mut packed = Vec::new();
    for file in versions.revisions.iter().filter(|file| file.plugin.is_none()) {
        let component = components.job(&file.revision.id).assemble()?;
        let code = if let Some(code) = codes.get(&component.code_digest) {
            Arc::clone(code)
        } else {
            let bytes = component.bytes.get().map_err(|error| unusable(&error))?;
            let code: Arc<[u8]> = section::code_of(&bytes).map_err(|error| unusable(&error))?.into();
            codes.insert(component.code_digest.clone(), Arc::clone(&code));
            code
        };
        packed.push(Packed {
            file: bundle::name_of(file),
            metadata: metadata_of(file),
            source: component.source,
            component: component.digest,
            built_with: component.built_with,
            code,
            payload: component.payload,
        });
    }
    Ok(packed)
}
