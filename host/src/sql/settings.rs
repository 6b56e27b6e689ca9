//! How to reach the database: a URL or a key=value string, and where those are silent libpq's service file, environment,
//! `.pgpass` and defaults, in that order. It opens no connection; `connect` does. A password never leaves this module in
//! a message: see [`Secret`] and [`Settings::display_url`].

mod build;
mod conninfo;
mod error;
mod parameters;
mod pgpass;
mod service_file;
mod url;

pub use error::Error;
use parameters::Parameters;
use std::fmt;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one place that sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A server to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// By name, or by address where `hostaddr` saves the look-up; the name still counts for certificates.
    Tcp {
        /// Name or address.
        name: String,
        /// Port.
        port: u16,
        /// Address to use instead of looking the name up.
        hostaddr: Option<IpAddr>,
    },
    /// By a socket in a folder.
    Unix {
        /// The folder.
        dir: PathBuf,
        /// Port, a part of the socket's name.
        port: u16,
    },
}

impl Host {
    /// The same server, without a look-up where its address is known.
    pub(super) fn at(&self, address: Option<IpAddr>) -> Self {
        match self {
            Self::Tcp { name, port, hostaddr } => {
                Self::Tcp { name: name.clone(), port: *port, hostaddr: address.or(*hostaddr) }
            }
            Self::Unix { .. } => self.clone(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { name, port, .. } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Self::Tcp { name, port, .. } => write!(f, "{name}:{port}"),
            Self::Unix { dir, port } => write!(f, "{}/.s.PGSQL.{port}", dir.display()),
        }
    }
}

/// How much TLS is wanted, with libpq's meanings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Only where the server wants it.
    Allow,
    /// Where the server has it.
    Prefer,
    /// Always; the certificate is checked only against root certificates that are there.
    Require,
    /// Always, with a certificate of a known authority.
    VerifyCa,
    /// Always, with a certificate of a known authority for this host.
    VerifyFull,
}

impl SslMode {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// Where root certificates come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCert {
    /// `~/.postgresql/root.crt`, where it exists.
    Default,
    /// The operating system's.
    System,
    /// This file; it must exist.
    File(PathBuf),
}

/// What the session must be good for, with libpq's meanings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetSession {
    /// Anything.
    Any,
    /// Takes writes.
    ReadWrite,
    /// Takes no writes.
    ReadOnly,
    /// Not in recovery.
    Primary,
    /// In recovery.
    Standby,
    /// In recovery where there is one, otherwise any.
    PreferStandby,
}

impl TargetSession {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        }
    }
}

/// Whether SCRAM must bind the login to the TLS connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// Where possible.
    Prefer,
    /// Always.
    Require,
}

/// TCP options; `None` leaves the system's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpOptions {
    /// Probe an idle connection.
    pub keepalives: bool,
    /// First probe after.
    pub keepalives_idle: Option<Duration>,
    /// Next probe after.
    pub keepalives_interval: Option<Duration>,
    /// Lost after so many.
    pub keepalives_count: Option<u32>,
    /// Unacknowledged data may wait so long.
    pub user_timeout: Option<Duration>,
}

/// Everything needed to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The servers, tried in order.
    pub hosts: Vec<Host>,
    /// Role.
    pub user: String,
    /// Password that was given outright.
    pub password: Option<Secret>,
    /// Database.
    pub dbname: String,
    /// Shown in `pg_stat_activity`.
    pub application_name: String,
    /// For one server, login included; `None` is without end.
    pub connect_timeout: Option<Duration>,
    /// Command line options for the server, for example `-c search_path=a`.
    pub options: Option<String>,
    /// How much TLS.
    pub sslmode: SslMode,
    /// TLS from the first byte (`sslnegotiation=direct`), not after asking.
    pub ssl_direct: bool,
    /// Root certificates.
    pub sslrootcert: RootCert,
    /// Client certificate, where not `~/.postgresql/postgresql.crt`.
    pub sslcert: Option<PathBuf>,
    /// Its key, where not `~/.postgresql/postgresql.key`.
    pub sslkey: Option<PathBuf>,
    /// Whether the login is bound to the TLS connection.
    pub channel_binding: ChannelBinding,
    /// What the session must be good for.
    pub target_session_attrs: TargetSession,
    /// TCP options.
    pub tcp: TcpOptions,
    /// What the user should hear, for example about a `.pgpass` that others can read.
    pub warnings: Vec<String>,
    /// Passwords from `.pgpass`, one a host.
    pgpass: Vec<Option<Secret>>,
    /// `~/.postgresql`, where the default certificates are.
    certificates: Option<PathBuf>,
}

impl Settings {
    /// Gathers the settings. `text` is a URL or a key=value string; `env` reads the environment.
    pub fn resolve(text: Option<&str>, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut given = match text.map(str::trim).filter(|text| !text.is_empty()) {
            None => Parameters::default(),
            Some(text) if url::is_url(text) => url::parse(text)?,
            Some(text) => conninfo::parse(text)?,
        };
        service_file::fill(&mut given, env)?;
        given.fill_from_environment(env);
        build::settings(&given, env)
    }

    /// The password for a host of [`hosts`](Self::hosts).
    #[must_use]
    pub fn password_for(&self, host: usize) -> Option<&Secret> {
        self.password.as_ref().or_else(|| self.pgpass.get(host)?.as_ref())
    }

    /// A URL to show to people. It says where the settings lead; the password is `***`.
    #[must_use]
    pub fn display_url(&self) -> String {
        let mut shown = format!("postgresql://{}", url::encode(&self.user));
        if self.password.is_some() || self.pgpass.iter().any(Option::is_some) {
            shown.push_str(":***");
        }
        shown.push('@');
        let hosts: Vec<String> = self
            .hosts
            .iter()
            .map(|host| match host {
                Host::Tcp { .. } => host.to_string(),
                Host::Unix { dir, port } => format!("{}:{port}", url::encode(&dir.to_string_lossy())),
            })
            .collect();
        let _ = write!(shown, "{}/{}", hosts.join(","), url::encode(&self.dbname));
        shown
    }

    pub(super) fn certificates(&self) -> Option<&PathBuf> {
        self.certificates.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str, env: &[(&str, &str)]) -> Result<Settings, Error> {
        let env: Vec<(String, String)> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Settings::resolve(Some(text), &|name| env.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()))
    }

    fn check(text: &str, env: &[(&str, &str)], expected: &str) {
        let shown = match resolve(text, env) {
            Ok(settings) => settings.display_url(),
            Err(error) => format!("{error}{}", error.hint().map(|hint| format!(" | {hint}")).unwrap_or_default()),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn urls() {
        check("postgresql://u@h/d", &[], "postgresql://u@h:5432/d");
        check("postgres://u:s%40c@h:7/d?sslmode=require", &[], "postgresql://u:***@h:7/d");
        check("postgresql://u@a:1,b,[::1]:3/d", &[], "postgresql://u@a:1,b:5432,[::1]:3/d");
        check("postgresql://u@/d?host=/run/pg&port=6", &[], "postgresql://u@%2Frun%2Fpg:6/d");
        check("postgresql://u@%2Frun%2Fpg/d", &[], "postgresql://u@%2Frun%2Fpg:5432/d");
        check("postgresql://h?user=u&dbname=d", &[], "postgresql://u@h:5432/d");
        check("postgresql://u@h", &[], "postgresql://u@h:5432/u");
        check("postgresql://u:a@b@h/d", &[], "postgresql://u:***@h:5432/d");
        check("postgresql://a%20b@h/%C3%A4", &[], "postgresql://a%20b@h:5432/%C3%A4");
    }

    #[test]
    fn key_value_strings() {
        check("host=h user=u dbname='my db' password = 'it\\'s'", &[], "postgresql://u:***@h:5432/my%20db");
        check("host=a,b port=1,2 user=u", &[], "postgresql://u@a:1,b:2/u");
        check("host=h hostaddr=127.0.0.1 user=u", &[], "postgresql://u@h:5432/u");
        assert_eq!(
            resolve("user=u host=h password='it\\'s a \\\\'", &[]).unwrap().password.unwrap().reveal(),
            "it's a \\"
        );
    }

    #[test]
    fn gaps_are_filled_from_the_environment() {
        let env =
            [("PGHOST", "eh"), ("PGPORT", "99"), ("PGUSER", "eu"), ("PGDATABASE", "ed"), ("PGSSLMODE", "disable")];
        check("", &env, "postgresql://eu@eh:99/ed");
        check("postgresql://u@h/d", &env, "postgresql://u@h:99/d");
        let settings = resolve("", &[&env[..], &[("PGPASSWORD", "x"), ("PGCONNECT_TIMEOUT", "7")]].concat()).unwrap();
        assert_eq!(settings.password_for(0).unwrap().reveal(), "x");
        assert_eq!((settings.connect_timeout, settings.sslmode), (Some(Duration::from_secs(7)), SslMode::Disable));
        assert_eq!(settings.application_name, "wmigrate");
    }

    #[test]
    fn mistakes_are_named() {
        check(
            "postgresql://u@h/d?sslmod=require",
            &[],
            "unknown connection parameter `sslmod` | did you mean `sslmode`?",
        );
        check("host=h usr=u", &[], "unknown connection parameter `usr` | did you mean `user`?");
        check(
            "postgresql+psycopg2://u:secret@h/d",
            &[],
            "`postgresql+psycopg2://` is SQLAlchemy's way to write a database URL | drop `+psycopg2`: postgresql://…",
        );
        check(
            "mysql://u:secret@h/d",
            &[],
            "`mysql://` is no PostgreSQL database | wmigrate takes postgresql://user@host:5432/database",
        );
        check(
            "jdbc:postgresql://h/d",
            &[],
            "`jdbc:postgresql://` is Java's way to write a database URL | drop `jdbc:`: postgresql://…",
        );
        check(
            "host=h user=u sslmode=on",
            &[],
            "`on` is no value of `sslmode` | one of disable, allow, prefer, require, verify-ca, verify-full",
        );
        check("host=h user=u port=70000", &[], "`70000` is no value of `port` | a number from 1 to 65535");
        check(
            "host=a,b,c port=1,2 user=u",
            &[],
            "`port` lists 2 values for 3 hosts | give one for all, or one for each",
        );
        check(
            "host=h user=u sslcrl=/x",
            &[],
            "wmigrate does not support the connection parameter `sslcrl` | leave it out",
        );
        check(
            "justaname",
            &[],
            "the database setting is neither a URL nor key=value pairs (character 1) | postgresql://user@host:5432/database, or host=… dbname=…",
        );
        check(
            "postgresql://u@h/%zz",
            &[],
            "a `%` in the database URL is not followed by two hexadecimal digits | write `%25` for the character `%`",
        );
        check(
            "host=h sslrootcert=system sslmode=require user=u",
            &[],
            "`require` is no value of `sslmode` | sslrootcert=system needs verify-full",
        );
    }

    #[test]
    fn a_password_is_in_no_message() {
        let secret = "h7Gq#x";
        let texts = [
            "postgresql://u:h7Gq#x@h:port/d",
            "postgresql://u:h7Gq#x@h/d?nope=1",
            "postgresql://u:h7Gq#x/rest@h/d",
            "postgresql://u:12?h7Gq#x=1@h/d",
            "postgresql://u:?h7Gq#x@h/d",
            "postgresql://u:/h7Gq#x@h/d",
            "postgresql://u:%h7Gq#x@h/d",
            "postgresql://u:h7Gq#x%@h/d",
            "postgresql+x://u:h7Gq#x@h/d",
            "mysql://u:h7Gq#x@h/d",
            "postgresql://h/d?password=h7Gq#x&port=abc",
            "postgresql://h/d?password=a&h7Gq#x=1",
            "host=h password=h7Gq#x port=abc",
            "host=h password=a h7Gq#x=1",
            "host=h password=a h7Gq#x",
            "host=h password='h7Gq#x",
            "h7Gq#x",
        ];
        for text in texts {
            let error = resolve(text, &[]).expect_err(text);
            let shown = format!("{error} {error:?} {:?}", error.hint());
            assert!(!shown.contains("h7Gq") && !shown.contains(secret), "{text}: {shown}");
        }
        let settings = resolve("host=h user=u password=h7Gq#x", &[]).unwrap();
        let shown = format!("{settings:?} {} {}", settings.display_url(), settings.password.clone().unwrap());
        assert!(!shown.contains("h7Gq"), "{shown}");
    }

    #[test]
    fn files_of_libpq() {
        let dir = std::env::temp_dir().join(format!("wmigrate-settings-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let home = dir.to_str().unwrap();
        std::fs::write(dir.join(".pg_service.conf"), "# c\n[a]\nhost=sh\n[b]\nhost = x\n\n[a b]\nport=8\nuser=su\n")
            .unwrap();
        check("service=a", &[("HOME", home), ("PGUSER", "eu")], "postgresql://eu@sh:5432/eu");
        check(
            "",
            &[("HOME", home), ("PGSERVICE", "a b"), ("PGHOST", "eh"), ("PGPORT", "1")],
            "postgresql://su@eh:8/su",
        );
        check("postgresql://u@h/d?service=a", &[("HOME", home)], "postgresql://u@h:5432/d");
        check(
            "service=none",
            &[("HOME", home)],
            &format!("the service `none` is not defined | looked in {home}/.pg_service.conf"),
        );
        let pass = dir.join(".pgpass");
        std::fs::write(&pass, "#h:*:*:*:no\nh:1:d:u:one\nh:*:*:u:t\\:w\\\\o\nlocalhost:*:*:*:local\n").unwrap();
        set_mode(&pass, 0o600);
        let password = |text: &str| {
            let settings = resolve(text, &[("HOME", home)]).unwrap();
            (settings.password_for(0).map(|secret| secret.reveal().to_owned()), settings.warnings.len())
        };
        assert_eq!(password("postgresql://u@h:1/d"), (Some("one".into()), 0));
        assert_eq!(password("postgresql://u@h:2/d"), (Some("t:w\\o".into()), 0));
        assert_eq!(password("postgresql://v@h:2/d"), (None, 0));
        assert_eq!(password("postgresql://v@%2Fvar%2Frun%2Fpostgresql/d"), (Some("local".into()), 0));
        assert_eq!(password("postgresql://u:given@h:1/d"), (Some("given".into()), 0));
        set_mode(&pass, 0o640);
        assert_eq!(password("postgresql://u@h:1/d"), (None, 1));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    fn set_mode(path: &std::path::Path, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
}
