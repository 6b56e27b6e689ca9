//! The check of a server's certificate, in libpq's three strengths. rustls' own verifier knows only the strongest. In
//! each the handshake's signature is checked, so the server does own the key of the certificate it shows.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Whose certificates are good.
#[derive(Debug)]
pub(super) enum Trust {
    /// Anybody's: `require` without root certificates.
    Anybody,
    /// Those signed by a root, and those that are in the root file themselves: a self-signed server certificate is what
    /// PostgreSQL's own manual makes, and it calls itself an authority, which no server may for rustls.
    Roots {
        /// The authorities.
        roots: RootCertStore,
        /// The same, byte for byte.
        exact: Vec<CertificateDer<'static>>,
    },
}

#[derive(Debug)]
pub(super) struct ServerCheck {
    trust: Trust,
    name: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCheck {
    /// `name`: the certificate must be for the host, too.
    pub(super) fn new(trust: Trust, name: bool, provider: &CryptoProvider) -> Self {
        Self { trust, name, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for ServerCheck {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Trust::Roots { roots, exact } = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        let parsed = ParsedCertificate::try_from(certificate)?;
        match verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, self.algorithms.all) {
            // An expired certificate stays expired, however well it is known.
            Err(
                error @ Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }),
            ) => {
                return Err(error);
            }
            Err(error) if !exact.iter().any(|known| known.as_ref() == certificate.as_ref()) => return Err(error),
            Err(_) | Ok(()) => {}
        }
        if self.name {
            verify_server_name(&parsed, host)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
