//! `plugin push`, `plugin pull`, and packages that `plugin add` is to fetch: a package in a registry becomes a file of the project.

use crate::cli::exit::{CliError, Code};
use crate::cli::print::Printer;
use crate::cli::project::configuration;
use crate::cli::{Global, block_on, output};
use crate::config::Config;
use crate::plugins::Package;
use crate::plugins::signature::path_of as signature_of;
use crate::registry::{self, Parcel, SCHEME, Title};
use crate::versions::bundle;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Where fetched packages lie, beside `wmigrate.toml`.
const FOLDER: &str = "plugins";

/// Put a package, with the signature beside it, into an OCI registry.
#[derive(Args)]
pub(super) struct Push {
    /// The package.
    package: PathBuf,
    /// Where to: `oci://registry.example/acme/notes:1.0`.
    reference: String,
}

/// Fetch a package from an OCI registry, with its signature, and leave it at that.
#[derive(Args)]
pub(super) struct Pull {
    /// Where from: `oci://registry.example/acme/notes:1.0`, or with `@sha256:…` instead of the tag.
    reference: String,
    /// The file to write [default: plugins/NAME-VERSION.wmigrate beside wmigrate.toml].
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Push {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let (config, _) = configuration(global)?;
        // What nobody could add is not put where others find it.
        let package = Package::open(&self.package, &config.database.schema)?;
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| {
                CliError::new(Code::Failed, "plugin", format!("`{}` cannot be read: {error}", path.display()))
            })
        };
        let signature = package.signature.as_ref().map(|_| read(&signature_of(&self.package))).transpose()?;
        let parcel = Parcel { package: read(&self.package)?, signature };
        let manifest = &package.manifest;
        let title = Title { name: &manifest.name, version: &manifest.version, publisher: &manifest.publisher };
        let pinned = block_on(async { Ok(registry::push(&self.reference, parcel, title).await?) })?;
        if printer.json {
            printer.json(&json!({ "reference": self.reference, "pinned": pinned, "index": package.digest() }));
        } else {
            printer.lines([&pinned]);
            let signed = if package.signature.is_some() { "with its signature" } else { "unsigned" };
            printer.talk(&format!("{} {} is there, {signed}", manifest.name, manifest.version));
        }
        Ok(())
    }
}

impl Pull {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let (config, _) = configuration(global)?;
        let fetched = Fetched::of(&self.reference, &config, self.out.as_deref())?;
        let path = fetched.keep();
        if printer.json {
            printer.json(&json!({ "path": path }));
        } else {
            printer.lines([path.display().to_string()]);
        }
        Ok(())
    }
}

/// A package that came from a registry. Unless it is kept, what was written is taken away again.
pub(super) struct Fetched {
    path: PathBuf,
    written: Vec<PathBuf>,
}

impl Fetched {
    /// Fetches it if `package` is a reference.
    pub(super) fn if_remote(package: &Path, config: &Config) -> Result<Option<Self>, CliError> {
        match package.to_str().filter(|text| text.starts_with(SCHEME)) {
            Some(reference) => Self::of(reference, config, None).map(Some),
            None => Ok(None),
        }
    }

    fn of(reference: &str, config: &Config, out: Option<&Path>) -> Result<Self, CliError> {
        let parcel = block_on(async { Ok(registry::pull(reference).await?) })?;
        let folder = match out {
            Some(out) => out.parent().map(Path::to_owned).unwrap_or_default(),
            None => config.folder.join(FOLDER),
        };
        // Its name is in it: it is looked at under another one first.
        let scratch = folder.join(format!(".fetched-{}.{}", std::process::id(), bundle::EXTENSION));
        let mut fetched = Self { path: scratch.clone(), written: Vec::new() };
        fetched.write(&parcel)?;
        let package = Package::open(&scratch, &config.database.schema)?;
        let name = format!("{}-{}.{}", package.manifest.name, package.manifest.version, bundle::EXTENSION);
        let path = out.map_or_else(|| folder.join(name), Path::to_owned);
        drop(fetched);
        let mut fetched = Self { path, written: Vec::new() };
        fetched.refuse_another(&parcel)?;
        fetched.write(&parcel)?;
        Ok(fetched)
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// It stays.
    pub(super) fn keep(mut self) -> PathBuf {
        self.written.clear();
        std::mem::take(&mut self.path)
    }

    fn refuse_another(&self, parcel: &Parcel) -> Result<(), CliError> {
        let differs = |path: &Path, bytes: &[u8]| std::fs::read(path).is_ok_and(|there| there != bytes);
        let other = differs(&self.path, &parcel.package)
            || parcel.signature.as_ref().is_some_and(|signature| differs(&signature_of(&self.path), signature));
        if !other {
            return Ok(());
        }
        let message = format!("`{}` is there, and is another package, or signed otherwise", self.path.display());
        Err(CliError::new(Code::Failed, "plugin", message)
            .hint("nothing was written; look at both, and move that one away or fetch to another file: wmigrate plugin pull REFERENCE -o FILE"))
    }

    fn write(&mut self, parcel: &Parcel) -> Result<(), CliError> {
        self.write_one(self.path.clone(), &parcel.package)?;
        match &parcel.signature {
            Some(signature) => self.write_one(signature_of(&self.path), signature),
            None => Ok(()),
        }
    }

    fn write_one(&mut self, path: PathBuf, bytes: &[u8]) -> Result<(), CliError> {
        let is_new = !path.exists();
        output::write(&path, bytes)?;
        if is_new {
            self.written.push(path);
        }
        Ok(())
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        for path in &self.written {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl From<registry::Error> for CliError {
    fn from(error: registry::Error) -> Self {
        let (code, kind) = match &error {
            registry::Error::NotBuiltIn(_) | registry::Error::Reference { .. } => (Code::Usage, "usage"),
            registry::Error::Login { .. }
            | registry::Error::Strange { .. }
            | registry::Error::TooLarge { .. }
            | registry::Error::Registry { .. } => (Code::Failed, "registry"),
        };
        let hint = error.hint();
        Self::of(code, kind, &error).hint(hint)
    }
}
