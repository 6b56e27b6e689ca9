//! What the operator has decided of a plugin: where its package is, what it was granted, and whose signatures count. Written
//! by `wmigrate plugin add` into `wmigrate.toml`; nothing runs that is not also in `wmigrate.lock`.

use super::budget::Budget;
use super::package::{self, Package};
use super::rights::{Rights, Table};
use super::signature;
use crate::versions::lock_file::LockFile;
use crate::versions::{File, Limits};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `[plugins.<name>]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Installed {
    /// Its package, as seen from `wmigrate.toml`.
    pub package: PathBuf,
    /// Its schema; its name unless it is said here.
    pub schema: Option<String>,
    /// Tables that it may read.
    pub read: Vec<Table>,
    /// Tables that it may write.
    pub write: Vec<Table>,
    /// Tables that it may point at.
    pub reference: Vec<Table>,
    /// Extensions that are created for it.
    pub extensions: Vec<String>,
    /// Limits beyond the defaults.
    pub limits: Limits,
    /// What one of its revisions may take of the server.
    pub budget: Budget,
}

/// The keys, for naming what a wrong one was meant to be.
pub const KEYS: [&str; 8] = ["package", "schema", "read", "write", "reference", "extensions", "limits", "budget"];

/// A statement of a plugin's is given up after this long unless somebody says otherwise; the application's are not.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(1);

impl Installed {
    /// What it was granted.
    #[must_use]
    pub fn rights(&self) -> Rights {
        Rights {
            read: self.read.clone(),
            write: self.write.clone(),
            reference: self.reference.clone(),
            extensions: self.extensions.clone(),
        }
    }

    /// Its limits, with those that only plugins have.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits.over(Limits { statement_timeout: Some(STATEMENT_TIMEOUT), ..Limits::default() })
    }

    /// Its schema.
    #[must_use]
    pub fn schema<'a>(&'a self, name: &'a str) -> &'a str {
        self.schema.as_deref().unwrap_or(name)
    }
}

/// `[trust]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trust {
    /// What is done with packages that nobody signed.
    pub unsigned: Unsigned,
    /// Public keys of minisign's, by a name of the operator's choice.
    pub keys: BTreeMap<String, String>,
}

/// What is done with packages that nobody signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unsigned {
    /// The operator is asked, and the digest decides from then on.
    #[default]
    Allow,
    /// Refused.
    Refuse,
}

impl Trust {
    /// The key that signed a package; none where it is unsigned and may be.
    pub fn judge(&self, package: &Package) -> Result<Option<String>, signature::Error> {
        match &package.signature {
            // Where nobody's word counts, a signature says nothing.
            Some(_) if self.keys.is_empty() && self.unsigned == Unsigned::Allow => Ok(None),
            Some(signature) => signature.made_by(&self.keys).map(|name| Some(name.to_owned())),
            None if self.unsigned == Unsigned::Refuse => {
                Err(signature::Error::Missing(signature::path_of(&package.path).display().to_string()))
            }
            None => Ok(None),
        }
    }
}

/// Why plugins cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its package.
    #[error(transparent)]
    Package(#[from] package::Error),
    /// Whose it is.
    #[error("the plugin `{name}` is not run: its signature does not count")]
    Trust {
        /// The plugin.
        name: String,
        /// Why.
        source: signature::Error,
    },
    /// Another package than the one that was added.
    #[error("the plugin `{name}` is not run: `{}` {what}", .path.display())]
    NotLocked {
        /// The plugin.
        name: String,
        /// Its package.
        path: PathBuf,
        /// How it differs.
        what: String,
    },
    /// It asks for more than it was granted.
    #[error("the plugin `{name}` asks for what it was not granted: {}", .beyond.join(", "))]
    NotGranted {
        /// The plugin.
        name: String,
        /// One a right.
        beyond: Vec<String>,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Package(error) => error.hint().to_owned(),
            Self::Trust { name, .. } => format!(
                "get it signed by somebody you know, or put the key under `[trust.keys]` in wmigrate.toml; to do without it: wmigrate plugin remove {name} --keep-data"
            ),
            Self::NotLocked { name, path, .. } => format!(
                "put the package back that was added, or look at this one and take it: wmigrate plugin add {} (it replaces `{name}`)",
                path.display()
            ),
            Self::NotGranted { name, .. } => {
                format!("see what it asks for: wmigrate plugin show {name}; to grant it: wmigrate plugin grant {name}")
            }
        }
    }
}

/// A plugin that may run.
#[derive(Debug)]
pub struct Loaded {
    /// What was decided.
    pub installed: Installed,
    /// What it is.
    pub package: Package,
}

/// Loads one, after every rule about that.
pub fn load(
    name: &str,
    installed: &Installed,
    folder: &Path,
    lock: &LockFile,
    trust: &Trust,
    bookkeeping: &str,
) -> Result<Loaded, Error> {
    let path = folder.join(&installed.package);
    let not_locked = |what: &str| Error::NotLocked { name: name.to_owned(), path: path.clone(), what: what.to_owned() };
    let locked = lock.plugins.get(name).ok_or_else(|| not_locked("is not in wmigrate.lock"))?;
    let package = Package::open(&path, bookkeeping)?;
    if package.manifest.name != name {
        return Err(not_locked(&format!("is the package of `{}`", package.manifest.name)));
    }
    if package.digest() != locked.index {
        return Err(not_locked("is another package than the one in wmigrate.lock"));
    }
    trust.judge(&package).map_err(|source| Error::Trust { name: name.to_owned(), source })?;
    let beyond = package.manifest.request.rights().beyond(&installed.rights());
    if !beyond.is_empty() {
        return Err(Error::NotGranted { name: name.to_owned(), beyond });
    }
    Ok(Loaded { installed: installed.clone(), package })
}

impl Loaded {
    /// Its revisions.
    pub fn files(&self) -> Result<Vec<File>, Error> {
        Ok(self.package.files()?)
    }
}
