//! A private PostgreSQL for development and tests: finds (or fetches) the programs, initialises a data folder inside
//! the project and starts a server on a unix socket that only this user can reach. It never chooses itself (the
//! configuration must say `embedded`), speaks no SQL, and prints nothing: news goes to a callback.
//!
//! Everything here blocks; call it before the async part of a command starts, or on a blocking thread.

mod download;
mod find;
mod init;
mod place;
mod process;
mod server;

use std::{io, path::PathBuf};

pub use find::{Binaries, Search, find_psql};
pub use server::{Options, Server, reset};

/// Finds the running server of this project or starts it; the programs are only looked for when it does not run yet.
///
/// # Errors
/// See [`Error`].
pub fn ensure(options: &Options, search: &Search<'_>) -> Result<Server, Error> {
    if let Some(server) = Server::running(options)? {
        return Ok(server);
    }
    let wanted = init::data_major(options)?;
    let binaries = Binaries::find(&Search { major: wanted.or(search.major), ..*search })?;
    Server::start(options, &binaries)
}

/// What can go wrong with the embedded server. [`Error::hint`] has the command that helps.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No PostgreSQL server programs anywhere, and none could be downloaded.
    #[error("no PostgreSQL server programs found (looked in {}; {download})", .looked.join(", "))]
    NotFound {
        /// Where we looked, in order.
        looked: Vec<String>,
        /// Why nothing was downloaded.
        download: String,
    },
    /// The folder the user named holds no server.
    #[error("`{}` holds no PostgreSQL server: {reason}", .folder.display())]
    NotBinaries {
        /// The folder as given.
        folder: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// The data folder was made by another major version.
    #[error("the embedded database was made by PostgreSQL {data}, but the programs in `{}` are PostgreSQL {programs}", .folder.display())]
    VersionMismatch {
        /// Major version of the data.
        data: u16,
        /// Major version of the programs.
        programs: u16,
        /// Where the programs are.
        folder: PathBuf,
    },
    /// We are root, PostgreSQL refuses root, and there is nobody else.
    #[error("PostgreSQL does not run as root, and this machine has neither a user `postgres` nor `nobody`")]
    NoUser,
    /// The socket folder's name is taken by something that is not ours.
    #[error("`{}` is not a private folder of the server's user", .0.display())]
    SocketFolder(PathBuf),
    /// Another process starts or stops this server and does not finish.
    #[error("another process has held `{}` for {seconds} s", .lock.display())]
    Locked {
        /// The lock file.
        lock: PathBuf,
        /// How long we waited.
        seconds: u64,
    },
    /// `initdb` failed.
    #[error("`initdb` failed: {0}")]
    Init(String),
    /// The server ended, or did not become ready in time.
    #[error("the embedded PostgreSQL {what}; its log `{}` ends with: {tail}", .log.display())]
    Start {
        /// What happened.
        what: String,
        /// The server's log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The server was asked to stop and did not.
    #[error("the embedded PostgreSQL (process {pid}) did not stop within {seconds} s")]
    Stop {
        /// The server's process.
        pid: i32,
        /// How long we waited.
        seconds: u64,
    },
    /// The operating system said no.
    #[error("cannot {doing} `{}`", .path.display())]
    Io {
        /// What we were doing.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Error {
    /// The command that helps, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotFound { .. } => Some(
                "`apt-get install postgresql` (Debian, Ubuntu) or `brew install postgresql@17` (macOS), or name the \
                 programs' folder with `--pg-bin`, or a server of your own with `--database-url`",
            ),
            Self::NotBinaries { .. } => Some("`pg_config --bindir` of the wanted version prints the folder to name"),
            Self::VersionMismatch { .. } => Some(
                "name the programs of the data's version with `--pg-bin`, or give up the data with `wmigrate db reset`",
            ),
            Self::NoUser => Some("`useradd --system postgres`"),
            Self::Start { .. } | Self::Init(_) => Some("`wmigrate db reset` starts over with an empty database"),
            Self::SocketFolder(_) | Self::Locked { .. } | Self::Stop { .. } | Self::Io { .. } => None,
        }
    }
}

/// For `map_err`: an [`Error::Io`] that says what was being done to which path.
fn io_error(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { doing, path, source }
}
