//! What can be wrong with the database settings. No message holds a piece of a password: the parsers quote a word only
//! where it cannot be one.

use std::path::PathBuf;

/// A mistake in the settings.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another program's way to write a URL.
    #[error("`{scheme}://` is {whose} way to write a database URL")]
    Dialect {
        /// Everything before `://`.
        scheme: String,
        /// Whose.
        whose: &'static str,
        /// What to leave out.
        drop: String,
    },
    /// Another database.
    #[error("`{0}://` is no PostgreSQL database")]
    Scheme(String),
    /// The URL cannot be read.
    #[error("{reason}")]
    Url {
        /// Why.
        reason: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The key=value string cannot be read.
    #[error("{reason} (character {at})")]
    Conninfo {
        /// Why.
        reason: &'static str,
        /// Where, counted from 1.
        at: usize,
        /// What to do.
        hint: &'static str,
    },
    /// A parameter nobody knows; `shown` is empty where it might be a piece of a password.
    #[error("unknown connection parameter{}", if shown.is_empty() { String::new() } else { format!(" `{shown}`") })]
    UnknownParameter {
        /// Its name.
        shown: String,
        /// The nearest known one.
        nearest: Option<&'static str>,
    },
    /// A parameter of libpq's that would change the meaning of the rest, were it ignored.
    #[error("wmigrate does not support the connection parameter `{0}`")]
    Unsupported(&'static str),
    /// A value that the parameter cannot have.
    #[error("`{value}` is no value of `{name}`")]
    Value {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it can be.
        expected: &'static str,
    },
    /// Lists of different length.
    #[error("`{name}` lists {count} values for {hosts} hosts")]
    Lists {
        /// The parameter.
        name: &'static str,
        /// Its values.
        count: usize,
        /// The hosts.
        hosts: usize,
    },
    /// No such service.
    #[error("the service `{name}` is not defined")]
    Service {
        /// Its name.
        name: String,
        /// Where we looked.
        files: Vec<PathBuf>,
    },
    /// The service file is wrong.
    #[error("line {line} of {} is no `name=value`", path.display())]
    ServiceLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nobody said which role, and the operating system does not know who runs this.
    #[error("no user name was given, and the operating system has none for this process")]
    NoUser,
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Dialect { drop, .. } => Some(format!("drop `{drop}`: postgresql://…")),
            Self::Scheme(_) => Some("wmigrate takes postgresql://user@host:5432/database".to_owned()),
            Self::Url { hint, .. } | Self::Conninfo { hint, .. } => Some((*hint).to_owned()),
            Self::UnknownParameter { nearest, .. } => nearest.map(|name| format!("did you mean `{name}`?")),
            Self::Unsupported(_) => Some("leave it out".to_owned()),
            Self::Value { expected, .. } => Some((*expected).to_owned()),
            Self::Lists { .. } => Some("give one for all, or one for each".to_owned()),
            Self::Service { files, .. } => {
                let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
                Some(format!("looked in {}", files.join(", ")))
            }
            Self::ServiceLine { .. } => Some("a section is `[name]`, a comment starts with `#`".to_owned()),
            Self::Read { .. } => None,
            Self::NoUser => Some("give it: postgresql://user@host/database, or PGUSER".to_owned()),
        }
    }
}
