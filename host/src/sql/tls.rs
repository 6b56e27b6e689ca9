//! TLS as libpq does it for each `sslmode`, by rustls: the `SSLRequest`, which certificates are checked and how, and the
//! client's own certificate. It takes a raw stream and gives a stream; who tries which mode again is `connect`'s affair.

mod binding;
mod verify;

use super::settings::{ChannelBinding, RootCert, Settings, SslMode};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use verify::{ServerCheck, Trust};

/// Length 8 and the code 80877103: the message that asks for TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// What can go wrong before the first byte of PostgreSQL's protocol.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server has no TLS.
    #[error("the server does not offer TLS, and sslmode is `{0}`")]
    NotOffered(&'static str),
    /// Something else answered.
    #[error("what answers there is not a PostgreSQL server")]
    NotPostgres,
    /// The handshake failed, for the certificate or otherwise.
    #[error("TLS failed (sslmode `{mode}`): {cause}")]
    Handshake {
        /// The mode in force.
        mode: &'static str,
        /// What rustls or the system says.
        cause: String,
        /// What to do.
        hint: Option<&'static str>,
    },
    /// A certificate or key cannot be used.
    #[error("{what} {} cannot be used: {cause}", path.display())]
    File {
        /// Which one.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The operating system's root certificates cannot be used.
    #[error("the system's root certificates cannot be used: {0}")]
    SystemRoots(String),
    /// A mode that checks certificates, and nothing to check them with.
    #[error("sslmode `{mode}` needs root certificates, and {} does not exist", path.display())]
    NoRoots {
        /// The mode in force.
        mode: &'static str,
        /// Where they would be.
        path: PathBuf,
    },
    /// The stream broke.
    #[error("the connection broke while asking for TLS")]
    Io(#[from] io::Error),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotOffered(_) => Some("turn `ssl` on in the server, or give sslmode=prefer".to_owned()),
            Self::NotPostgres => Some("check host and port".to_owned()),
            Self::Handshake { hint, .. } => hint.map(str::to_owned),
            Self::File { .. } | Self::Io(_) => None,
            Self::SystemRoots(_) => Some("give a file: sslrootcert=/path/to/root.crt".to_owned()),
            Self::NoRoots { .. } => Some("give sslrootcert=/path/to/root.crt, or sslrootcert=system".to_owned()),
        }
    }
}

/// How one attempt goes about TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// No TLS.
    Plain,
    /// TLS if the server has it.
    Offer,
    /// TLS or nothing.
    Demand,
}

/// The attempts of a mode, in order. The next one is for a server that refused the one before.
pub(super) fn attempts(mode: SslMode) -> &'static [Attempt] {
    match mode {
        SslMode::Disable => &[Attempt::Plain],
        SslMode::Allow => &[Attempt::Plain, Attempt::Demand],
        SslMode::Prefer => &[Attempt::Offer, Attempt::Plain],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Attempt::Demand],
    }
}

/// An encrypted stream, and what SCRAM can bind a login to.
pub(super) struct Encrypted {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) binding: Option<Vec<u8>>,
}

/// What became of an attempt.
pub(super) enum Outcome {
    Plain(TcpStream),
    Encrypted(Box<Encrypted>),
}

/// Asks for TLS and shakes hands. `host` is the name a certificate must have.
pub(super) async fn negotiate(
    mut stream: TcpStream,
    attempt: Attempt,
    host: &str,
    settings: &Settings,
) -> Result<Outcome, Error> {
    if attempt == Attempt::Plain {
        return Ok(Outcome::Plain(stream));
    }
    // Before a word is sent: a mistake in a file is not worth a connection.
    let config = client_config(settings)?;
    if !settings.ssl_direct {
        stream.write_all(&SSL_REQUEST).await?;
        // Exactly one byte: whatever stands behind it in clear text belongs to an attacker (CVE-2021-23222).
        match stream.read_u8().await? {
            b'S' => {}
            b'N' if attempt == Attempt::Offer => return Ok(Outcome::Plain(stream)),
            b'N' => return Err(Error::NotOffered(settings.sslmode.as_str())),
            _ => return Err(Error::NotPostgres),
        }
    }
    let name = server_name(host, settings)?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| handshake(&error, settings))?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let binding = certificate
        .filter(|_| settings.channel_binding != ChannelBinding::Disable)
        .and_then(|certificate| binding::tls_server_end_point(certificate));
    Ok(Outcome::Encrypted(Box::new(Encrypted { stream, binding })))
}

fn server_name(host: &str, settings: &Settings) -> Result<ServerName<'static>, Error> {
    match ServerName::try_from(host.to_owned()) {
        Ok(name) => Ok(name),
        // No certificate can name it; where none has to, any name does.
        Err(_) if settings.sslmode < SslMode::VerifyFull => {
            Ok(ServerName::try_from("localhost").expect("a valid host name"))
        }
        Err(_) => Err(Error::Handshake {
            mode: settings.sslmode.as_str(),
            cause: format!("`{host}` is no name that a certificate can have"),
            hint: None,
        }),
    }
}

/// The ciphers of every client of this process: one set. That they were chosen already is no error.
#[cfg(feature = "oci")]
pub(crate) fn choose_ciphers() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn client_config(settings: &Settings) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let check = ServerCheck::new(trust(settings)?, settings.sslmode == SslMode::VerifyFull, &provider);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the default protocol versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(check));
    let mut config = match own_certificate(settings)? {
        None => builder.with_no_client_auth(),
        Some((path, certificates, key)) => builder
            .with_client_auth_cert(certificates, key)
            .map_err(|error| Error::File { what: "the client certificate", path, cause: error.to_string() })?,
    };
    // A server that is given no SSLRequest wants to hear what the client means to speak.
    if settings.ssl_direct {
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(config)
}

/// What the server's certificate is checked against. As libpq: root certificates that are there are used in every mode.
/// Unlike libpq, a file that was named and is not there is an error in every mode.
fn trust(settings: &Settings) -> Result<Trust, Error> {
    let path = match &settings.sslrootcert {
        RootCert::System => return system_roots(),
        RootCert::File(path) => path.clone(),
        RootCert::Default => {
            let path = settings.certificates().map(|dir| dir.join("root.crt"));
            match path.filter(|path| path.exists()) {
                Some(path) => path,
                None if settings.sslmode < SslMode::VerifyCa => return Ok(Trust::Anybody),
                None => {
                    let path = PathBuf::from("~/.postgresql/root.crt");
                    return Err(Error::NoRoots { mode: settings.sslmode.as_str(), path });
                }
            }
        }
    };
    let what = "the root certificate";
    let certificates = certificates(what, &path)?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|error| Error::File {
            what,
            path: path.clone(),
            cause: error.to_string(),
        })?;
    }
    Ok(Trust::Roots { roots, exact: certificates })
}

fn system_roots() -> Result<Trust, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Stores of operating systems hold odd old certificates; those that cannot be read are passed over.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let cause = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(Error::SystemRoots(cause));
    }
    Ok(Trust::Roots { roots, exact: Vec::new() })
}

type OwnCertificate = (PathBuf, Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn own_certificate(settings: &Settings) -> Result<Option<OwnCertificate>, Error> {
    let default = |name: &str| settings.certificates().map(|dir| dir.join(name));
    let path = match &settings.sslcert {
        Some(path) => path.clone(),
        None => match default("postgresql.crt").filter(|path| path.exists()) {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    let Some(key_path) = settings.sslkey.clone().or_else(|| default("postgresql.key")) else {
        return Err(Error::File {
            what: "the client certificate",
            path,
            cause: "it has no key: give sslkey".to_owned(),
        });
    };
    let certificates = certificates("the client certificate", &path)?;
    let failed = |cause: String| Error::File { what: "the client key", path: key_path.clone(), cause };
    refuse_open_key(&key_path).map_err(failed)?;
    let pem = std::fs::read(&key_path).map_err(|error| failed(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| failed("there is no unencrypted private key in PEM form in it".to_owned()))?;
    Ok(Some((path, certificates, key)))
}

/// libpq's rule: nobody else may read it, but a key of root's may be read by its group.
fn refuse_open_key(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    let open = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & open != 0 {
        return Err(format!("others can read it (chmod 600 {})", path.display()));
    }
    Ok(())
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let failed = |cause: String| Error::File { what, path: path.to_owned(), cause };
    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|error| failed(error.to_string()))?;
    if certificates.is_empty() {
        return Err(failed("there is no certificate in PEM form in it".to_owned()));
    }
    Ok(certificates)
}

fn handshake(error: &io::Error, settings: &Settings) -> Error {
    use rustls::CertificateError as Bad;
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let hint = match cause {
        Some(rustls::Error::InvalidCertificate(bad)) => match bad {
            Bad::UnknownIssuer | Bad::BadSignature => {
                Some("the server's certificate is not signed by a root certificate in use: see sslrootcert")
            }
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Some(
                "the certificate must list the host name as a subjectAltName (a common name alone does not count); \
                 connect by that name, or give sslmode=verify-ca",
            ),
            Bad::Expired | Bad::ExpiredContext { .. } => Some("the server needs a new certificate"),
            _ => None,
        },
        Some(rustls::Error::AlertReceived(_)) => {
            Some("the server may want a client certificate: see sslcert and sslkey")
        }
        _ => None,
    };
    Error::Handshake { mode: settings.sslmode.as_str(), cause: error.to_string(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_of_each_mode() {
        let check = |mode, expected: &[Attempt]| assert_eq!(attempts(mode), expected);
        check(SslMode::Disable, &[Attempt::Plain]);
        check(SslMode::Allow, &[Attempt::Plain, Attempt::Demand]);
        check(SslMode::Prefer, &[Attempt::Offer, Attempt::Plain]);
        check(SslMode::Require, &[Attempt::Demand]);
        check(SslMode::VerifyFull, &[Attempt::Demand]);
    }
}
