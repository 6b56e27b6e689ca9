//! A plugin's package: a bundle with `plugin.toml` in its index, and the line of revisions that it brings.

use super::manifest::{self, Manifest};
use super::signature::{self, Signature};
use crate::graph;
use crate::versions::bundle::{self, Bundle};
use crate::versions::{File, TransactionMode};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a package cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error("the package `{}` cannot be used", .path.display())]
    Bundle {
        /// The package.
        path: PathBuf,
        /// What is wrong.
        source: bundle::Error,
    },
    /// A bundle, but no plugin's.
    #[error("`{}` is a bundle without `plugin.toml`: a history, and no plugin", .path.display())]
    NoPlugin {
        /// The package.
        path: PathBuf,
    },
    /// The manifest.
    #[error("the package `{}` cannot be used", .path.display())]
    Manifest {
        /// The package.
        path: PathBuf,
        /// What is wrong.
        source: manifest::Error,
    },
    /// A revision that a plugin cannot have.
    #[error("revision `{revision}` of the plugin `{plugin}` {what}")]
    Revision {
        /// The plugin.
        plugin: String,
        /// The revision.
        revision: String,
        /// What is wrong.
        what: String,
    },
    /// The signature.
    #[error("the signature of `{}` cannot be used", .path.display())]
    Signature {
        /// The package.
        path: PathBuf,
        /// What is wrong.
        source: signature::Error,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Bundle { source, .. } => match source {
                bundle::Error::NotABundle | bundle::Error::Index(_) => "make one with `wmigrate plugin pack`",
                source => source.hint(),
            },
            Self::NoPlugin { .. } => "make a package with `wmigrate plugin pack`; a history is run with `--versions`",
            Self::Manifest { .. } | Self::Revision { .. } => "its publisher must mend it: nothing of it was run",
            Self::Signature { .. } => "get package and signature anew from the publisher; nothing of it was run",
        }
    }

    /// Whether it is not what its digests or its signature say.
    #[must_use]
    pub fn is_altered(&self) -> bool {
        match self {
            Self::Bundle { source, .. } => {
                matches!(source, bundle::Error::Altered(_) | bundle::Error::Length { .. })
            }
            Self::Signature { .. } => true,
            Self::NoPlugin { .. } | Self::Manifest { .. } | Self::Revision { .. } => false,
        }
    }
}

/// A package, found to be whole.
#[derive(Debug)]
pub struct Package {
    /// The file.
    pub path: PathBuf,
    /// Who it is, and what it asks for.
    pub manifest: Manifest,
    /// The signature beside it.
    pub signature: Option<Signature>,
    bundle: Arc<Bundle>,
}

impl Package {
    /// Reads and checks one, with the signature beside it if there is one. `bookkeeping` is wmigrate's own schema.
    pub fn open(path: &Path, bookkeeping: &str) -> Result<Self, Error> {
        let unusable = |source| Error::Bundle { path: path.to_owned(), source };
        let bytes: Arc<[u8]> = bundle::bytes_of(path, MAX_PACKAGE).map_err(unusable)?.into();
        let bundle = Arc::new(Bundle::read(&bytes).map_err(unusable)?);
        let text = bundle.plugin().ok_or_else(|| Error::NoPlugin { path: path.to_owned() })?;
        let manifest =
            Manifest::parse(text, bookkeeping).map_err(|source| Error::Manifest { path: path.to_owned(), source })?;
        let signature =
            Signature::beside(path, &bytes).map_err(|source| Error::Signature { path: path.to_owned(), source })?;
        let package = Self { path: path.to_owned(), manifest, signature, bundle };
        package.files()?;
        Ok(package)
    }

    /// blake3 of its index, which has the digests of all that is in it.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.bundle.digest()
    }

    /// Its revisions. The first of the line has the plugin's name as its label.
    pub fn files(&self) -> Result<Vec<File>, Error> {
        let unusable = |source| Error::Bundle { path: self.path.clone(), source };
        let files = Arc::clone(&self.bundle).files(&self.path).map_err(unusable)?;
        let own: HashSet<String> = files.iter().map(|file| file.revision.id.clone()).collect();
        let name = &self.manifest.name;
        files
            .into_iter()
            .map(|file| {
                let what = strange(&file, &own).map(|what| Error::Revision {
                    plugin: name.clone(),
                    revision: file.revision.id.clone(),
                    what,
                });
                match what {
                    Some(error) => Err(error),
                    None => Ok(File { plugin: Some(name.as_str().into()), revision: labelled(&file, name), ..file }),
                }
            })
            .collect()
    }
}

/// What a plugin's revision cannot be.
fn strange(file: &File, own: &HashSet<String>) -> Option<String> {
    let revision = &file.revision;
    if let Some(parent) = revision.down_revision.iter().find(|parent| !own.contains(*parent)) {
        return Some(format!(
            "has the down_revision `{parent}`, which is not in the package: a plugin has a line of its own, and names what it needs in depends_on"
        ));
    }
    if let Some(label) = revision.branch_labels.first() {
        return Some(format!("has the label `{label}`: the label of a plugin's line is its name"));
    }
    if file.front.transaction == TransactionMode::None {
        return Some("is durable (`transaction = \"none\"`): a plugin's revision is one transaction".to_owned());
    }
    None
}

/// As a part of the plugin's line, which begins with its label.
fn labelled(file: &File, name: &str) -> Arc<graph::Revision> {
    let mut revision = graph::Revision { of_plugin: true, ..graph::Revision::clone(&file.revision) };
    if revision.down_revision.is_empty() {
        revision.branch_labels.push(name.to_owned());
    }
    Arc::new(revision)
}

/// A plugin of a few scripts with the largest engine has 30 MiB; it is read before anybody knows whose it is.
pub(crate) const MAX_PACKAGE: u64 = 256 * 1024 * 1024;
