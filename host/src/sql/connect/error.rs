//! Why there is no connection, in the user's words: whose fault it is, and what to do. No message holds a password.

use super::super::settings::{Host, Settings, TargetSession};
use super::super::tls;
use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use tokio_postgres::error::{DbError, SqlState};

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The person who runs the command: the settings are wrong.
    User,
    /// The server or the way to it.
    Database,
}

/// No connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No socket, or nobody behind it.
    #[error("cannot reach the database at {}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// TCP says no.
    #[error("cannot reach the database at {host}")]
    Reach {
        /// The server.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// The name has no address.
    #[error("cannot find the address of the database server {host}")]
    LookUp {
        /// The server.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// No answer.
    #[error("the database at {host} did not answer within {seconds} s")]
    Timeout {
        /// The server.
        host: String,
        /// `connect_timeout`.
        seconds: u64,
    },
    /// No TLS, or a certificate that is not good.
    #[error("no secure connection to the database at {host}")]
    Tls {
        /// The server.
        host: String,
        /// Why.
        source: tls::Error,
    },
    /// Something else answers, or the protocol is broken.
    #[error("the database at {host} cannot be talked to: {cause}")]
    Protocol {
        /// The server.
        host: String,
        /// Why.
        cause: String,
    },
    /// The server wants a password and there is none.
    #[error("the database at {host} wants a password for `{user}`, and none was given")]
    NoPassword {
        /// The server.
        host: String,
        /// The role.
        user: String,
    },
    /// The login cannot be done this way.
    #[error("cannot log in to the database at {host} as `{user}`: {cause}")]
    Login {
        /// The server.
        host: String,
        /// The role.
        user: String,
        /// Why.
        cause: String,
    },
    /// The server refused the session.
    #[error("the database at {host} refused the connection: {} (SQLSTATE {})", .error.message(), .error.code().code())]
    Refused {
        /// The server.
        host: String,
        /// The role.
        user: String,
        /// The database.
        dbname: String,
        /// The server's words.
        error: Box<DbError>,
    },
    /// A server, but not of the wanted kind.
    #[error("the database at {host} is not what target_session_attrs asks for (`{}`)", .wanted.as_str())]
    WrongSession {
        /// The server.
        host: String,
        /// What was wanted.
        wanted: TargetSession,
    },
    /// There is no server to try.
    #[error("no database server is named in the settings")]
    NoHost,
}

impl Error {
    /// Who has to act.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::LookUp { .. } | Self::NoPassword { .. } | Self::Login { .. } | Self::NoHost => Fault::User,
            Self::Refused { error, .. }
                if is_login(error.code()) || *error.code() == SqlState::INVALID_CATALOG_NAME =>
            {
                Fault::User
            }
            Self::Socket { .. }
            | Self::Reach { .. }
            | Self::Timeout { .. }
            | Self::Tls { .. }
            | Self::Protocol { .. }
            | Self::Refused { .. }
            | Self::WrongSession { .. } => Fault::Database,
        }
    }

    /// The server's SQLSTATE, where it gave one.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Refused { error, .. } => Some(error.code().code()),
            Self::Socket { .. }
            | Self::Reach { .. }
            | Self::LookUp { .. }
            | Self::Timeout { .. }
            | Self::Tls { .. }
            | Self::Protocol { .. }
            | Self::NoPassword { .. }
            | Self::Login { .. }
            | Self::WrongSession { .. }
            | Self::NoHost => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Socket { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "this user may not use the socket: check its folder's permissions"
            }
            Self::Socket { .. } => {
                "is the server running, with this socket folder and port? A server elsewhere needs a host name"
            }
            Self::Reach { .. } => "is the server running there, and does it listen on TCP? Check host and port",
            Self::LookUp { .. } => "check the host name",
            Self::Timeout { .. } => "check host, port and firewall; connect_timeout=… waits longer",
            Self::Tls { source, .. } => return source.hint(),
            Self::Protocol { .. } => "check host and port",
            Self::NoPassword { .. } => "give it by PGPASSWORD, a line in ~/.pgpass, or postgresql://user:password@…",
            Self::Login { .. } => return None,
            Self::Refused { user, dbname, error, .. } => return refused_hint(error, user, dbname),
            Self::WrongSession { .. } => "give the address of the right server, or leave target_session_attrs out",
            Self::NoHost => "give a URL: postgresql://user@host:5432/database",
        };
        Some(hint.to_owned())
    }

    /// Whether it is the options at the start that are not wanted: by a pooler (08P01), or by a server that does not know
    /// one of them (42704) or its value (22023).
    pub(crate) fn refuses_options(&self) -> bool {
        matches!(self.sqlstate(), Some("08P01" | "42704" | "22023"))
    }

    /// Whether a server has answered at all.
    pub(super) fn reached(&self) -> bool {
        !matches!(self, Self::Socket { .. } | Self::Reach { .. } | Self::LookUp { .. } | Self::Timeout { .. })
    }

    /// Whether another server would say the same.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Refused { error, .. } => is_login(error.code()),
            Self::NoPassword { .. } | Self::Login { .. } => true,
            Self::Socket { .. }
            | Self::Reach { .. }
            | Self::LookUp { .. }
            | Self::Timeout { .. }
            | Self::Tls { .. }
            | Self::Protocol { .. }
            | Self::WrongSession { .. }
            | Self::NoHost => false,
        }
    }

    /// Whether the server may like us better with TLS, or without: `pg_hba.conf` can ask for either.
    pub(super) fn other_tls_may_help(&self) -> bool {
        match self {
            Self::Tls { source, .. } => matches!(source, tls::Error::Handshake { .. } | tls::Error::Io(_)),
            Self::Refused { error, .. } => *error.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            Self::Socket { .. }
            | Self::Reach { .. }
            | Self::LookUp { .. }
            | Self::Timeout { .. }
            | Self::Protocol { .. }
            | Self::NoPassword { .. }
            | Self::Login { .. }
            | Self::WrongSession { .. }
            | Self::NoHost => false,
        }
    }

    /// Sorts what the driver says. It offers no kinds, only causes.
    pub(super) fn from_driver(error: &tokio_postgres::Error, host: &Host, settings: &Settings) -> Self {
        let (host, user) = (host.to_string(), settings.user.clone());
        if let Some(error) = error.as_db_error() {
            let (dbname, error) = (settings.dbname.clone(), Box::new(error.clone()));
            return Self::Refused { host, user, dbname, error };
        }
        let text = error.to_string();
        let cause = error.source().map_or_else(|| text.clone(), ToString::to_string);
        if cause == "password missing" {
            return Self::NoPassword { host, user };
        }
        // The kind is not public; its words are.
        if text == "authentication error" {
            return Self::Login { host, user, cause };
        }
        let ended = error.is_closed()
            || error.source().and_then(|source| source.downcast_ref::<io::Error>()).is_some_and(is_hang_up);
        let cause = if ended { "it closed the connection during the login".to_owned() } else { cause };
        Self::Protocol { host, cause }
    }
}

fn is_hang_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe)
}

/// Class 28: wrong password, unknown role, no line in `pg_hba.conf`.
fn is_login(code: &SqlState) -> bool {
    code.code().starts_with("28")
}

fn refused_hint(error: &DbError, user: &str, dbname: &str) -> Option<String> {
    let hint = match error.code().code() {
        "28P01" => format!(
            "the password for `{user}` is wrong, or the role does not exist: check the URL, PGPASSWORD and ~/.pgpass"
        ),
        "28000" => format!(
            "the server does not let `{user}` in this way: check the user name, sslmode, and the server's pg_hba.conf"
        ),
        "3D000" => format!("create it: createdb {dbname}"),
        "42501" => format!("GRANT CONNECT ON DATABASE … TO … for `{user}` and `{dbname}`"),
        "53300" => "the server has no connection left: wait, close others, or raise max_connections".to_owned(),
        "57P03" => "the server is starting up or shutting down: try again in a moment".to_owned(),
        _ => return error.hint().map(str::to_owned),
    };
    Some(hint)
}
