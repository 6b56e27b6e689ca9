//! Writing for the user: new projects and new revisions. Makes text and files only: which parents a revision has is
//! decided with `graph` beforehand, and building it comes afterwards.

pub mod component;
pub mod editor;
pub mod init;
pub mod language;
pub mod new_revision;
pub mod python_engine;
pub mod slug;
pub mod template;
pub mod wit;

use std::io;
use std::path::PathBuf;

use crate::versions::front_matter;

/// Why nothing was written, or not all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A project is there already.
    #[error("`{path}` exists already")]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// A versions folder with something in it.
    #[error("folder `{path}` exists already and is not empty")]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The id is taken.
    #[error("revision `{id}` exists already, in `{path}`")]
    DuplicateRevision {
        /// The id.
        id: String,
        /// Its file.
        path: PathBuf,
    },
    /// An id that cannot begin a file name.
    #[error("revision id `{id}` cannot be used: {reason}")]
    BadId {
        /// The id, shortened.
        id: String,
        /// Why.
        reason: &'static str,
    },
    /// No template of that name.
    #[error("there is no template `{name}`")]
    NoTemplate {
        /// The template's file name.
        name: String,
        /// Where one would be looked for.
        folder: PathBuf,
    },
    /// A project's template that cannot be filled in.
    #[error("template `{path}` is wrong")]
    Template {
        /// The template.
        path: PathBuf,
        /// What is wrong.
        source: minijinja::Error,
    },
    /// A template that makes files we could not read.
    #[error("template `{path}` makes a file without the front matter it was given")]
    TemplateFrontMatter {
        /// The template.
        path: PathBuf,
        /// What is wrong with the front matter, if there is one at all.
        source: Option<front_matter::Error>,
    },
    /// The system has no random numbers.
    #[error("no random numbers for a revision id: {0}")]
    Random(getrandom::Error),
    /// The operating system refused.
    #[error("cannot {action} `{path}`")]
    Io {
        /// `create`, `read` or `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::DuplicateRevision { .. } => Some("leave out `--rev-id`, or choose another".to_owned()),
            Self::NoTemplate { name, folder } => Some(format!(
                "`wmigrate list_templates` says which are built in; a project adds one as `{}`",
                folder.join(name).display()
            )),
            Self::TemplateFrontMatter { .. } => Some("let it begin with `{{ front_matter }}`".to_owned()),
            Self::NotEmpty { .. } => Some("choose another folder, or move the files away".to_owned()),
            Self::Exists { .. } => {
                Some("nothing was changed; `wmigrate revision -m \"…\"` adds a revision to a project".to_owned())
            }
            Self::BadId { .. } | Self::Template { .. } | Self::Random(_) | Self::Io { .. } => None,
        }
    }

    /// The kind for `--json`, where this is one of the graph's.
    pub fn kind(&self) -> Option<&'static str> {
        match self {
            Self::DuplicateRevision { .. } => Some("duplicate_revision"),
            Self::BadId { .. } => Some("illegal_revision_char"),
            Self::Exists { .. }
            | Self::NotEmpty { .. }
            | Self::NoTemplate { .. }
            | Self::Template { .. }
            | Self::TemplateFrontMatter { .. }
            | Self::Random(_)
            | Self::Io { .. } => None,
        }
    }
}
