//! Why a revision has no code that may run, and what to do about it.

use crate::engines;
use crate::versions::{self, lock_file};
use std::path::PathBuf;

/// Why a revision has no code.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its file cannot be read or understood.
    #[error("revision `{revision}` cannot be read")]
    Versions {
        /// The revision.
        revision: String,
        /// Why.
        #[source]
        cause: versions::Error,
    },
    /// The lock file cannot be read.
    #[error(transparent)]
    Lock(#[from] lock_file::Error),
    /// It asks for more than it may have.
    #[error("revision `{revision}` (`{}`) asks for a larger `{key}` than it may have", .path.display())]
    AsksMore {
        /// The revision.
        revision: String,
        /// Its file.
        path: PathBuf,
        /// The limit.
        key: &'static str,
    },
    /// Its component is not one.
    #[error("revision `{revision}` (`{}`) cannot be used: {cause}", .path.display())]
    Component {
        /// The revision.
        revision: String,
        /// Its file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// Its engine is not here.
    #[error("revision `{revision}` (`{}`) cannot be run: {cause}", .path.display())]
    Engine {
        /// The revision.
        revision: String,
        /// Its file.
        path: PathBuf,
        /// Why.
        cause: engines::Error,
    },
    /// Its SQL would not run as it is meant.
    #[error("revision `{revision}`: {}:{line}:{column}: {message}", .path.display())]
    Script {
        /// The revision.
        revision: String,
        /// Its file.
        path: PathBuf,
        /// Line in the file.
        line: u32,
        /// Column in the line.
        column: u32,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// It could not be built.
    #[error("revision `{revision}` (`{}`) could not be built", .path.display())]
    Build {
        /// The revision.
        revision: String,
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
        /// What to do.
        hint: Option<String>,
    },
    /// It commits step by step, and cannot be part of a run that is one transaction.
    #[error("revision `{revision}` is durable (`transaction = \"none\"`), and cannot be part of `{mode}`")]
    Durable {
        /// The revision.
        revision: String,
        /// The flag.
        mode: &'static str,
    },
    /// It has a session of its own, and cannot be part of a run that is one transaction.
    #[error(
        "revision `{revision}` is of the plugin `{plugin}`, which has a session of its own, and cannot be part of `{mode}`"
    )]
    OfPlugin {
        /// The revision.
        revision: String,
        /// The plugin.
        plugin: String,
        /// The flag.
        mode: &'static str,
    },
    /// Its script says nothing about going down.
    #[error("revision `{revision}` (`{}`) has no downgrade", .path.display())]
    NoDowngrade {
        /// The revision.
        revision: String,
        /// Its file.
        path: PathBuf,
        /// Whether its language has sections with markers.
        marker: bool,
    },
    /// It was changed after it ran.
    #[error("revision `{revision}` (`{}`) was changed after it had been applied", .path.display())]
    Changed {
        /// The revision.
        revision: String,
        /// Its file.
        path: PathBuf,
    },
    /// It is not what the lock file says.
    #[error("revision `{revision}` (`{}`) {}", .path.display(), .difference)]
    NotLocked {
        /// The revision.
        revision: String,
        /// Its file.
        path: PathBuf,
        /// How it differs.
        difference: &'static str,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Versions { cause, .. } => cause.hint(),
            Self::Lock(error) => error.hint().map(str::to_owned),
            Self::AsksMore { revision, key, .. } => Some(format!(
                "raise `{key}` under `[limits]` or `[revisions.{revision}.limits]` in wmigrate.toml, or lower it in the front matter"
            )),
            Self::Component { .. } => None,
            Self::Engine { .. } => Some("once a machine: wmigrate engine add python".to_owned()),
            Self::Script { hint, .. } => Some(hint.clone()),
            Self::Build { hint, .. } => hint.clone(),
            Self::Durable { revision, mode } => Some(format!(
                "its steps are committed one by one; leave `{mode}` out, or use it up to the revision before `{revision}`"
            )),
            Self::OfPlugin { plugin, mode: mode @ "--dry-run", .. } => Some(format!(
                "run what is not the plugin's with `{mode}`, or without it; then the plugin's own: wmigrate plugin upgrade {plugin} {mode}"
            )),
            Self::OfPlugin { plugin, mode, .. } => Some(format!(
                "run the application's own revisions with `{mode}`, and the plugin's without it: wmigrate plugin upgrade {plugin}"
            )),
            Self::NoDowngrade { revision, marker, .. } => Some(format!(
                "{}; the edit is accepted with: wmigrate verify --accept {revision}",
                if *marker {
                    "add a line `-- wmigrate:downgrade` and what takes the change back below it (the line alone says that nothing is to be done)"
                } else {
                    "export a function `downgrade` that takes the change back (an empty one says that nothing is to be done)"
                }
            )),
            Self::Changed { revision, path } => Some(format!(
                "put the file back (`git checkout -- {}`) and write a new revision for the change; \
                 if the edit is meant: wmigrate verify --accept {revision}",
                path.display()
            )),
            Self::NotLocked { .. } => {
                Some("run `wmigrate build` and commit wmigrate.lock, or put the file back".to_owned())
            }
        }
    }
}
