//! From settings to a logged-in session whose byte stream is watched. It tries the servers and the TLS attempts in order,
//! drives the connection in a task of its own, and says in the user's words why there is none. What is done with the
//! session is `connection`'s affair.

mod error;
mod session;
mod socket;

use super::settings::{ChannelBinding, Host, Settings, TargetSession};
use super::tls::{self, Attempt};
use super::wire::{Tap, TlsDone, Wire};
pub use error::{Error, Fault};
pub use session::{Closed, Notice};
use socket::Opened;
use std::future::Future;
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;
use tokio_postgres::config::{self, SslNegotiation};
use tokio_postgres::{CancelToken, Client, Config, SimpleQueryMessage};

/// A session.
pub struct Connected {
    /// The driver.
    pub client: Client,
    /// What the tap has seen.
    pub wire: Wire,
    /// Cancels what the session runs.
    pub cancel: CancelHandle,
    /// Notices and warnings. Some are left out, and counted, while nobody takes them.
    pub notices: mpsc::Receiver<Notice>,
    /// For example 170002.
    pub server_version_num: u32,
    /// How the connection ended, once it has.
    pub closed: Closed,
}

/// Cancels the running statement of a session through a connection of its own.
#[derive(Clone)]
pub struct CancelHandle {
    token: CancelToken,
    settings: Settings,
    /// With the address of the very server, which a name may share with others.
    host: Host,
    attempt: Attempt,
}

impl CancelHandle {
    /// Asks the server to cancel, and returns when it has: it hangs up once the session has got the signal. What is sent
    /// to the session after that cannot be cancelled by this request any more. Whether a statement was running is not said.
    pub async fn cancel(&self) -> Result<(), Error> {
        let host = &self.host;
        within(&self.settings, host, async {
            let mut stream = socket::open(host, self.attempt, &self.settings).await?.stream;
            let (tap, _) = Tap::new(&mut stream, None);
            self.token
                .cancel_query_raw(tap, TlsDone)
                .await
                .map_err(|error| Error::from_driver(&error, host, &self.settings))?;
            // However it hangs up, it has seen the request.
            let _ = stream.read(&mut [0]).await;
            Ok(())
        })
        .await
    }
}

/// Connects and logs in, to the first server that fits.
///
/// 1. Each server in order, or for `prefer-standby` each twice: first for a standby, then for anything.
/// 2. For each the TLS attempts of its sslmode, the next one only where a server refused the one before.
/// 3. The first error is the one that is reported, unless a later server got further.
pub async fn connect(settings: &Settings) -> Result<Connected, Error> {
    let rounds: &[TargetSession] = match &settings.target_session_attrs {
        TargetSession::PreferStandby => &[TargetSession::Standby, TargetSession::Any],
        one => std::slice::from_ref(one),
    };
    let mut worst: Option<Error> = None;
    for target in rounds {
        for (index, host) in settings.hosts.iter().enumerate() {
            match try_host(settings, index, host, *target).await {
                Ok(connected) => return Ok(connected),
                // A server that says no to the login says so for all of them, as in libpq.
                Err(error) if error.is_final() => return Err(error),
                Err(error) if worst.as_ref().is_none_or(|worst| !worst.reached() && error.reached()) => {
                    worst = Some(error);
                }
                Err(_) => {}
            }
        }
    }
    Err(worst.unwrap_or(Error::NoHost))
}

async fn try_host(settings: &Settings, index: usize, host: &Host, target: TargetSession) -> Result<Connected, Error> {
    let attempts = match host {
        Host::Unix { .. } => &[Attempt::Plain][..],
        Host::Tcp { .. } => tls::attempts(settings.sslmode),
    };
    let mut refused: Option<Error> = None;
    for attempt in attempts {
        let tried = within(settings, host, async {
            let connected = log_in(settings, index, host, *attempt).await?;
            require_target(&connected, host, target, settings).await?;
            Ok(connected)
        })
        .await;
        match tried {
            Ok(connected) => return Ok(connected),
            // Without TLS where it should have been: the attempt with TLS has the better reason.
            Err(error) if error.other_tls_may_help() => match (&refused, attempt) {
                (Some(_), Attempt::Plain) => {}
                (_, Attempt::Plain | Attempt::Offer | Attempt::Demand) => refused = Some(error),
            },
            Err(error) => return Err(refused.unwrap_or(error)),
        }
    }
    Err(refused.unwrap_or(Error::NoHost))
}

async fn log_in(settings: &Settings, index: usize, host: &Host, attempt: Attempt) -> Result<Connected, Error> {
    let Opened { stream, binding, peer } = socket::open(host, attempt, settings).await?;
    let config = driver_config(settings, index);
    let (tap, wire) = Tap::new(stream, binding);
    let (client, connection) =
        config.connect_raw(tap, TlsDone).await.map_err(|error| Error::from_driver(&error, host, settings))?;
    let cancel =
        CancelHandle { token: client.cancel_token(), settings: settings.clone(), host: host.at(peer), attempt };
    let (notices, closed) = session::drive(connection);
    let reported = wire.parameter("server_version").and_then(|version| version_num(&version));
    let server_version_num = match reported {
        Some(number) => number,
        None => asked_version(&client).await.map_err(|error| Error::from_driver(&error, host, settings))?,
    };
    Ok(Connected { client, wire, cancel, notices, server_version_num, closed })
}

fn driver_config(settings: &Settings, host: usize) -> Config {
    let mut config = Config::new();
    config.user(&settings.user).dbname(&settings.dbname).application_name(&settings.application_name);
    // TLS is done before the driver starts; `TlsDone` gives it the stream as it is, without another SSLRequest.
    config.ssl_mode(config::SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
    config.channel_binding(match settings.channel_binding {
        ChannelBinding::Disable => config::ChannelBinding::Disable,
        ChannelBinding::Prefer => config::ChannelBinding::Prefer,
        ChannelBinding::Require => config::ChannelBinding::Require,
    });
    if let Some(password) = settings.password_for(host) {
        config.password(password.reveal());
    }
    if let Some(options) = &settings.options {
        config.options(options);
    }
    config
}

/// Refuses a session of the wrong kind.
async fn require_target(
    connected: &Connected,
    host: &Host,
    target: TargetSession,
    settings: &Settings,
) -> Result<(), Error> {
    const QUESTION: &str = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')";
    if target == TargetSession::Any {
        return Ok(());
    }
    let failed = |error: tokio_postgres::Error| Error::from_driver(&error, host, settings);
    let answer = connected.client.simple_query(QUESTION).await.map_err(failed)?;
    // The host's own question leaves no description behind for others.
    let _ = connected.wire.take_columns();
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((row.get(0) == Some("t"), row.get(1) == Some("on"))),
        _ => None,
    });
    let (in_recovery, read_only) = row.unwrap_or_default();
    let fits = match target {
        TargetSession::Any => true,
        TargetSession::ReadWrite => !in_recovery && !read_only,
        TargetSession::ReadOnly => in_recovery || read_only,
        TargetSession::Primary => !in_recovery,
        TargetSession::Standby | TargetSession::PreferStandby => in_recovery,
    };
    if fits { Ok(()) } else { Err(Error::WrongSession { host: host.to_string(), wanted: target }) }
}

async fn asked_version(client: &Client) -> Result<u32, tokio_postgres::Error> {
    let answer = client.simple_query("SHOW server_version_num").await?;
    let number = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    });
    // 0: older than anything, which is what a server is that does not know.
    Ok(number.unwrap_or(0))
}

/// `15.14 (Debian 15.14-0+deb12u1)` is 150014, `9.6.3` is 90603, `18beta1` is 180000.
fn version_num(version: &str) -> Option<u32> {
    let number = version.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut parts = number.split('.').map(|part| part.parse::<u32>().ok().filter(|part| *part < 10_000));
    let major = parts.next()??;
    let minor = parts.next().flatten().unwrap_or(0);
    let patch = parts.next().flatten().unwrap_or(0);
    Some(if major >= 10 { major * 10_000 + minor } else { major * 10_000 + minor * 100 + patch })
}

async fn within<T>(settings: &Settings, host: &Host, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match settings.connect_timeout {
        None => work.await,
        Some(limit) => {
            let timeout = || Error::Timeout { host: host.to_string(), seconds: limit.as_secs() };
            tokio::time::timeout(limit, work).await.map_err(|_| timeout())?
        }
    }
}

#[cfg(test)]
mod tests {
    use super::version_num;

    #[test]
    fn versions() {
        let check = |text, expected| assert_eq!(version_num(text), expected, "{text}");
        check("15.14 (Debian 15.14-0+deb12u1)", Some(150_014));
        check("17.2", Some(170_002));
        check("18beta1", Some(180_000));
        check("9.6.24", Some(90_624));
        check("Postgres 15", None);
        check("99999999.1", None);
    }
}
