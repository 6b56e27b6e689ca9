//! From parameters to `Settings`: values are checked and libpq's defaults put in.

use super::parameters::Parameters;
use super::{ChannelBinding, Error, Host, RootCert, Secret, Settings, SslMode, TargetSession, TcpOptions, pgpass};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DEFAULT_PORT: u16 = 5432;

/// libpq waits without end. A tool in a pipeline says sooner that the address is wrong; `connect_timeout=0` is libpq's way.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Debian's and Red Hat's folder, and upstream's.
const SOCKET_DIRS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

pub(super) fn settings(given: &Parameters, env: &dyn Fn(&str) -> Option<String>) -> Result<Settings, Error> {
    refuse_unsupported(given)?;
    let home = env("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let hosts = hosts(given)?;
    let user = match given.get("user") {
        Some(user) => user.to_owned(),
        None => whoami::username().map_err(|_| Error::NoUser)?,
    };
    let dbname = given.get("dbname").unwrap_or(&user).to_owned();
    let password = given.get("password").map(|password| Secret::new(password.to_owned()));
    let passfile = given.get("passfile").map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".pgpass")));
    let (pgpass, warning) = match passfile {
        Some(path) if password.is_none() => pgpass::look_up(&path, &hosts, &dbname, &user),
        Some(_) | None => (Vec::new(), None),
    };
    let (sslmode, sslrootcert) = ssl(given)?;
    let ssl_direct = match given.get("sslnegotiation") {
        None | Some("postgres") => false,
        Some("direct") if sslmode >= SslMode::Require => true,
        Some("direct") => {
            return Err(value("sslmode", sslmode.as_str(), "sslnegotiation=direct needs require or more"));
        }
        Some(other) => return Err(value("sslnegotiation", other, "postgres or direct")),
    };
    Ok(Settings {
        hosts,
        user,
        password,
        dbname,
        application_name: given
            .get("application_name")
            .or_else(|| given.get("fallback_application_name"))
            .unwrap_or("wmigrate")
            .to_owned(),
        connect_timeout: match number(given, "connect_timeout")? {
            None => Some(DEFAULT_CONNECT_TIMEOUT),
            Some(0) => None,
            // As libpq: one second is too short to be meant.
            Some(seconds) => Some(Duration::from_secs(u64::from(seconds.max(2)))),
        },
        options: given.get("options").map(str::to_owned),
        sslmode,
        ssl_direct,
        sslrootcert,
        sslcert: given.get("sslcert").map(PathBuf::from),
        sslkey: given.get("sslkey").map(PathBuf::from),
        channel_binding: match given.get("channel_binding") {
            None | Some("prefer") => ChannelBinding::Prefer,
            Some("disable") => ChannelBinding::Disable,
            Some("require") => ChannelBinding::Require,
            Some(other) => return Err(value("channel_binding", other, "one of disable, prefer, require")),
        },
        target_session_attrs: target(given)?,
        tcp: TcpOptions {
            keepalives: number(given, "keepalives")? != Some(0),
            keepalives_idle: seconds(given, "keepalives_idle")?,
            keepalives_interval: seconds(given, "keepalives_interval")?,
            keepalives_count: number(given, "keepalives_count")?.filter(|count| *count > 0),
            user_timeout: number(given, "tcp_user_timeout")?
                .filter(|milliseconds| *milliseconds > 0)
                .map(|milliseconds| Duration::from_millis(u64::from(milliseconds))),
        },
        warnings: warning.into_iter().collect(),
        pgpass,
        certificates: home.map(|home| home.join(".postgresql")),
    })
}

/// Parameters that cannot be ignored without doing something else than was asked for.
fn refuse_unsupported(given: &Parameters) -> Result<(), Error> {
    const HARMLESS: [(&str, &[&str]); 11] = [
        ("sslcrl", &[]),
        ("sslcrldir", &[]),
        ("sslpassword", &[]),
        ("sslcertmode", &["allow"]),
        ("ssl_min_protocol_version", &["TLSv1", "TLSv1.1", "TLSv1.2"]),
        ("ssl_max_protocol_version", &["TLSv1.3"]),
        ("require_auth", &[]),
        ("requirepeer", &[]),
        ("replication", &["false", "off", "no", "0"]),
        ("gssencmode", &["disable", "prefer"]),
        ("client_encoding", &["UTF8", "utf8", "UTF-8", "utf-8", "auto"]),
    ];
    match HARMLESS.iter().find(|(name, fine)| given.get(name).is_some_and(|value| !fine.contains(&value))) {
        Some((name, _)) => Err(Error::Unsupported(name)),
        None => Ok(()),
    }
}

fn hosts(given: &Parameters) -> Result<Vec<Host>, Error> {
    let list = |name| given.get(name).map(|list| list.split(',').map(str::trim).collect::<Vec<_>>());
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = names.as_ref().or(addresses.as_ref()).map_or(1, Vec::len);
    if let Some(addresses) = addresses.as_ref().filter(|addresses| addresses.len() != count) {
        return Err(Error::Lists { name: "hostaddr", count: addresses.len(), hosts: count });
    }
    let ports = ports.unwrap_or_default();
    if ports.len() > 1 && ports.len() != count {
        return Err(Error::Lists { name: "port", count: ports.len(), hosts: count });
    }
    let mut hosts = Vec::with_capacity(count);
    for index in 0..count {
        let port = port(ports.get(index).or(ports.first()).copied().unwrap_or(""))?;
        let name = names.as_ref().map_or("", |names| names[index]);
        let address = match addresses.as_ref().map(|addresses| addresses[index]).filter(|address| !address.is_empty()) {
            None => None,
            Some(text) => Some(
                text.parse::<IpAddr>()
                    .map_err(|_| value("hostaddr", text, "an address such as 192.0.2.1 or 2001:db8::1"))?,
            ),
        };
        hosts.push(match (name, address) {
            ("", None) => default_host(port),
            ("", Some(address)) => Host::Tcp { name: address.to_string(), port, hostaddr: Some(address) },
            (name, _) if name.starts_with('/') => Host::Unix { dir: PathBuf::from(name), port },
            (name, _) if name.starts_with('@') => {
                return Err(value("host", name, "abstract sockets are not supported"));
            }
            (name, hostaddr) => Host::Tcp { name: name.to_owned(), port, hostaddr },
        });
    }
    Ok(hosts)
}

/// The first socket folder with a server of this port, otherwise the loopback.
fn default_host(port: u16) -> Host {
    let socket = SOCKET_DIRS.iter().find(|dir| Path::new(dir).join(format!(".s.PGSQL.{port}")).exists());
    match socket {
        Some(dir) => Host::Unix { dir: PathBuf::from(dir), port },
        None => Host::Tcp { name: "localhost".to_owned(), port, hostaddr: None },
    }
}

fn port(text: &str) -> Result<u16, Error> {
    match text {
        "" => Ok(DEFAULT_PORT),
        text => match text.parse() {
            Ok(0) | Err(_) => Err(value("port", text, "a number from 1 to 65535")),
            Ok(port) => Ok(port),
        },
    }
}

fn ssl(given: &Parameters) -> Result<(SslMode, RootCert), Error> {
    let root = match given.get("sslrootcert") {
        None => RootCert::Default,
        Some("system") => RootCert::System,
        Some(path) => RootCert::File(PathBuf::from(path)),
    };
    let mode = match given.get("sslmode") {
        None if root == RootCert::System => SslMode::VerifyFull,
        None | Some("prefer") => SslMode::Prefer,
        Some("disable") => SslMode::Disable,
        Some("allow") => SslMode::Allow,
        Some("require") => SslMode::Require,
        Some("verify-ca") => SslMode::VerifyCa,
        Some("verify-full") => SslMode::VerifyFull,
        Some(other) => {
            return Err(value("sslmode", other, "one of disable, allow, prefer, require, verify-ca, verify-full"));
        }
    };
    // As libpq: anybody can have a certificate of a public authority, so without the host name it proves nothing.
    if root == RootCert::System && mode != SslMode::VerifyFull {
        return Err(value("sslmode", mode.as_str(), "sslrootcert=system needs verify-full"));
    }
    Ok((mode, root))
}

fn target(given: &Parameters) -> Result<TargetSession, Error> {
    Ok(match given.get("target_session_attrs") {
        None | Some("any") => TargetSession::Any,
        Some("read-write") => TargetSession::ReadWrite,
        Some("read-only") => TargetSession::ReadOnly,
        Some("primary") => TargetSession::Primary,
        Some("standby") => TargetSession::Standby,
        Some("prefer-standby") => TargetSession::PreferStandby,
        Some(other) => {
            let expected = "one of any, read-write, read-only, primary, standby, prefer-standby";
            return Err(value("target_session_attrs", other, expected));
        }
    })
}

fn seconds(given: &Parameters, name: &'static str) -> Result<Option<Duration>, Error> {
    Ok(number(given, name)?.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(u64::from(seconds))))
}

fn number(given: &Parameters, name: &'static str) -> Result<Option<u32>, Error> {
    match given.get(name).map(str::trim) {
        None => Ok(None),
        // libpq takes a negative number for none.
        Some(text) if text.starts_with('-') && text[1..].parse::<u32>().is_ok() => Ok(Some(0)),
        Some(text) => text.parse().map(Some).map_err(|_| value(name, text, "a whole number")),
    }
}

fn value(name: &'static str, value: &str, expected: &'static str) -> Error {
    Error::Value { name, value: value.to_owned(), expected }
}
