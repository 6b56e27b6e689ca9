//! `stamp-component`: a component that some other tool has made becomes a revision.

use super::Global;
use super::exit::{CliError, Code};
use super::output;
use super::print::Printer;
use super::project::configuration;
use crate::authoring::component::componentize;
use crate::authoring::new_revision::{new_id, now};
use crate::authoring::slug::file_name;
use crate::graph;
use crate::runtime::{Cache, Limits, Runtime};
use crate::versions::section::{self, Metadata};
use crate::versions::{FrontMatter, MAX_COMPONENT, MAX_SOURCE, TransactionMode};
use clap::Args;
use serde_json::json;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Make a revision of a component that was built elsewhere.
///
/// A core module is wrapped as a component first. What is stamped already keeps what no option changes.
#[derive(Args)]
pub struct StampComponent {
    /// The component, or a core module for the world that `wmigrate wit` prints.
    #[arg(value_name = "FILE")]
    input: PathBuf,
    /// What it is about.
    #[arg(short, long)]
    message: Option<String>,
    /// The id [default: a random one].
    #[arg(long, visible_alias = "revision", value_name = "ID")]
    rev_id: Option<String>,
    /// Parents, by their whole ids; none for a new root.
    #[arg(long, value_name = "ID")]
    down_revision: Vec<String>,
    /// Label of the branch that begins here.
    #[arg(long, value_name = "LABEL")]
    branch_label: Vec<String>,
    /// Revisions or labels that must be applied before.
    #[arg(long, value_name = "REVISION")]
    depends_on: Vec<String>,
    /// `revision`, or `none`: durable, step by step.
    #[arg(long, value_name = "MODE")]
    transaction: Option<String>,
    /// There is no way back.
    #[arg(long)]
    irreversible: bool,
    /// A text for the component, which reads it with `context.payload`: the script of an engine.
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,
    /// Where to write it [default: into the first versions folder].
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl StampComponent {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let bytes = read(&self.input, MAX_COMPONENT)?;
        let is_module = matches!(section::metadata(&bytes), Err(section::Error::CoreModule));
        let component = if is_module { componentize(&bytes).map_err(|error| self.unusable(&error))? } else { bytes };
        let known = match section::metadata(&component) {
            Ok(metadata) => Some(metadata.into_front_matter().map_err(|error| self.unusable(&error))?),
            Err(section::Error::NoMetadata) => None,
            Err(error) => return Err(self.unusable(&error)),
        };
        let front = self.front_matter(known)?;
        self.check(&component)?;
        let payload = match &self.payload {
            Some(path) => Some(String::from_utf8(read(path, MAX_SOURCE)?).map_err(|_| {
                CliError::usage(format!("`{}` is not UTF-8", path.display())).hint("save the file as UTF-8")
            })?),
            None => section::payload(&component).map_err(|error| self.unusable(&error))?.map(str::to_owned),
        };
        let stamped = section::stamp(&component, &Metadata::new(&front), payload.as_deref())
            .map_err(|error| self.unusable(&error))?;
        let path = self.path(global, &front)?;
        output::write(&path, &stamped)?;
        if printer.json {
            printer.json(&json!({ "revision": front.revision, "path": path, "down_revision": front.down_revision }));
        } else {
            printer.lines([path.display().to_string()]);
        }
        Ok(())
    }

    /// What is said here, over what the component says of itself.
    fn front_matter(&self, known: Option<FrontMatter>) -> Result<FrontMatter, CliError> {
        let mut front = match known {
            Some(front) => front,
            None => FrontMatter { revision: new_id()?, created: Some(now()), ..FrontMatter::default() },
        };
        if let Some(id) = &self.rev_id {
            front.revision.clone_from(id);
        }
        graph::revision::validate_id(&front.revision)?;
        if let Some(message) = &self.message {
            front.message.clone_from(message);
        }
        for (said, kept) in [
            (&self.down_revision, &mut front.down_revision),
            (&self.branch_label, &mut front.branch_labels),
            (&self.depends_on, &mut front.depends_on),
        ] {
            if !said.is_empty() {
                kept.clone_from(said);
            }
        }
        if let Some(mode) = &self.transaction {
            front.options.transaction = TransactionMode::from_name(mode)
                .ok_or_else(|| CliError::usage(format!("`--transaction {mode}`: there are `revision` and `none`")))?;
        }
        front.options.irreversible |= self.irreversible;
        Ok(front)
    }

    /// Compiles it, which finds whatever a run would find before its first statement.
    fn check(&self, component: &[u8]) -> Result<(), CliError> {
        let limits = Limits::default();
        let runtime = Runtime::new(Arc::new(Cache::open(None).0), limits.stack, Arc::new(AtomicBool::new(false)))
            .map_err(|error| self.unusable(&error))?;
        runtime.load("stamped", component).map(|_| ()).map_err(|error| self.unusable(&error))
    }

    fn unusable(&self, error: &dyn std::error::Error) -> CliError {
        let message = format!("`{}` is no revision's component: {error}", self.input.display());
        CliError::new(Code::Failed, "component", message).hint(
            "`wmigrate wit` prints what it may import and must export; docs/languages/other.md says how to target it",
        )
    }

    fn path(&self, global: &Global, front: &FrontMatter) -> Result<PathBuf, CliError> {
        if let Some(path) = &self.out {
            return Ok(path.clone());
        }
        let (config, _) = configuration(global)?;
        Ok(config.versions[0].join(file_name(&front.revision, &front.message, "wasm")))
    }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, CliError> {
    let failed = |error: std::io::Error| CliError::usage(format!("cannot read `{}`: {error}", path.display()));
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(CliError::usage(format!("`{}` is larger than {} MiB", path.display(), limit >> 20)));
    }
    Ok(bytes)
}
