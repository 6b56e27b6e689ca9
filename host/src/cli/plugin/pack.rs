//! `plugin pack`: from an author's project to a package.

use crate::cli::Global;
use crate::cli::bundle::packed;
use crate::cli::exit::{CliError, Code};
use crate::cli::output;
use crate::cli::print::Printer;
use crate::cli::project::configuration;
use crate::plugins::manifest::{FILE_NAME, MAX_MANIFEST};
use crate::plugins::{Manifest, Package};
use crate::versions::{Versions, bundle};
use clap::Args;
use serde_json::json;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Make a package of this project's history and its `plugin.toml`.
///
/// Sign it with `minisign -Sm FILE`: the signature lies beside it, and goes with it.
#[derive(Args)]
pub(super) struct Pack {
    /// The file to write; its name ends with `.wmigrate`.
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Build nothing: fail unless everything is as `wmigrate.lock` says.
    #[arg(long)]
    locked: bool,
}

impl Pack {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        if self.out.extension().is_none_or(|extension| extension != bundle::EXTENSION) {
            let message = format!("`{}` does not end with `.{}`", self.out.display(), bundle::EXTENSION);
            return Err(CliError::usage(message));
        }
        // What its revisions depend on is the application's, and not here: there is no graph yet.
        let (config, _) = configuration(global)?;
        let versions = Arc::new(Versions::load(&config.versions, Some(&config.index_file()))?);
        let bookkeeping = &config.database.schema;
        let path = config.folder.join(FILE_NAME);
        let text = manifest(&path)?;
        let wrong = |error: &(dyn std::error::Error + 'static)| CliError::of(Code::Failed, "plugin", error);
        let manifest = Manifest::parse(&text, bookkeeping).map_err(|error| wrong(&error))?;
        let packed = packed(&config, &versions, self.locked)?;
        let bytes = bundle::pack(&packed, Some(&text)).map_err(|error| wrong(&error))?;
        // Looked at as whoever adds it will look at it, before it has the name that was asked for.
        let scratch = self.out.with_extension("part");
        output::write(&scratch, &bytes)?;
        let opened = Package::open(&scratch, bookkeeping);
        drop(std::fs::remove_file(&scratch));
        let digest = opened?.digest().to_owned();
        output::write(&self.out, &bytes)?;
        if printer.json {
            printer.json(
                &json!({ "path": self.out, "name": manifest.name, "version": manifest.version, "index": digest }),
            );
        } else {
            printer.lines([format!("{digest}  {}", self.out.display())]);
            printer.talk(&format!(
                "{} {}: {} in {} bytes; sign it with: minisign -Sm {}",
                manifest.name,
                manifest.version,
                crate::cli::run::revisions(packed.len()),
                bytes.len(),
                self.out.display()
            ));
        }
        Ok(())
    }
}

fn manifest(path: &Path) -> Result<String, CliError> {
    let failed = |error: &std::io::Error| {
        CliError::new(Code::Failed, "plugin", format!("`{}` cannot be read: {error}", path.display()))
            .hint("a plugin says there who it is: name, version, publisher, and `[request]`")
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| failed(&error))?;
    file.take(MAX_MANIFEST + 1).read_to_string(&mut text).map_err(|error| failed(&error))?;
    if text.len() as u64 > MAX_MANIFEST {
        return Err(CliError::new(Code::Failed, "plugin", format!("`{}` is larger than any manifest", path.display())));
    }
    Ok(text)
}
