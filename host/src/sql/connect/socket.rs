//! Opens the byte stream to one server: look-up, TCP or Unix socket, options, TLS.

use super::super::settings::{Host, Settings, TcpOptions};
use super::super::tls::{self, Attempt, Outcome};
use super::error::Error;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};

/// Both directions of a stream, whatever it is made of.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

pub(super) struct Opened {
    pub(super) stream: Box<dyn Duplex>,
    pub(super) binding: Option<Vec<u8>>,
    /// The address that answered, where it is one of the internet.
    pub(super) peer: Option<IpAddr>,
}

pub(super) async fn open(host: &Host, attempt: Attempt, settings: &Settings) -> Result<Opened, Error> {
    match host {
        Host::Unix { dir, port } => {
            let path = dir.join(format!(".s.PGSQL.{port}"));
            let stream = UnixStream::connect(&path).await.map_err(|source| Error::Socket { path, source })?;
            Ok(Opened { stream: Box::new(stream), binding: None, peer: None })
        }
        Host::Tcp { name, port, hostaddr } => {
            let stream = match hostaddr {
                Some(address) => TcpStream::connect(SocketAddr::new(*address, *port)).await,
                None => connect_by_name(host, name, *port).await?,
            }
            .map_err(|source| Error::Reach { host: host.to_string(), source })?;
            set_options(&stream, &settings.tcp).map_err(|source| Error::Reach { host: host.to_string(), source })?;
            let peer = stream.peer_addr().ok().map(|address| address.ip());
            let tls = |source| Error::Tls { host: host.to_string(), source };
            match tls::negotiate(stream, attempt, name, settings).await.map_err(tls)? {
                Outcome::Plain(stream) => Ok(Opened { stream: Box::new(stream), binding: None, peer }),
                Outcome::Encrypted(encrypted) => {
                    Ok(Opened { binding: encrypted.binding, stream: Box::new(encrypted.stream), peer })
                }
            }
        }
    }
}

/// Tries each address of the name. The outer error is the look-up's.
async fn connect_by_name(host: &Host, name: &str, port: u16) -> Result<io::Result<TcpStream>, Error> {
    let unknown = |source| Error::LookUp { host: host.to_string(), source };
    let mut first = None;
    for address in lookup_host((name, port)).await.map_err(unknown)? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(Ok(stream)),
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    Ok(Err(first.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))))
}

fn set_options(stream: &TcpStream, options: &TcpOptions) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    if options.keepalives {
        let mut keepalive = TcpKeepalive::new();
        if let Some(time) = options.keepalives_idle {
            keepalive = keepalive.with_time(time);
        }
        if let Some(interval) = options.keepalives_interval {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(count) = options.keepalives_count {
            keepalive = keepalive.with_retries(count);
        }
        socket.set_keepalive(true)?;
        socket.set_tcp_keepalive(&keepalive)?;
    }
    // Where the system has no such thing libpq says nothing either.
    #[cfg(target_os = "linux")]
    if options.user_timeout.is_some() {
        socket.set_tcp_user_timeout(options.user_timeout)?;
    }
    Ok(())
}
