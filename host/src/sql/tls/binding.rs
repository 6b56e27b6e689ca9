//! `tls-server-end-point` (RFC 5929): the hash of the server's certificate that SCRAM-SHA-256-PLUS binds a login to, so
//! that somebody in the middle with another certificate gains nothing. Reads just enough DER to know which hash.

use ring::digest;

/// The hash, or none where the RFC defines none (for example Ed25519).
pub(super) fn tls_server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { OID, … }, signature }
    let (inside, _) = element(certificate, 0x30)?;
    let (_, after_tbs) = element(inside, 0x30)?;
    let (algorithm, _) = element(after_tbs, 0x30)?;
    let (oid, _) = element(algorithm, 0x06)?;
    let hash = match oid {
        // RSA is 1.2.840.113549.1.1.n, ECDSA 1.2.840.10045.4.…; for MD5 and SHA-1 the RFC says SHA-256.
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4 | 5 | 11]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2] => &digest::SHA256,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3] => &digest::SHA384,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4] => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(hash, certificate).as_ref().to_vec())
}

/// The content of the DER element with this tag that stands first, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[first, length], rest) = der.split_first_chunk::<2>()?;
    if first != tag {
        return None;
    }
    if length < 0x80 {
        return rest.split_at_checked(usize::from(length));
    }
    // The low bits say how many bytes of length follow. No certificate needs more than three.
    let count = usize::from(length & 0x7f);
    if count == 0 || count > 3 {
        return None;
    }
    let (digits, rest) = rest.split_at_checked(count)?;
    let length = digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate with nothing in it but its algorithm.
    fn certificate(oid: &[u8]) -> Vec<u8> {
        let wrap =
            |tag: u8, content: &[u8]| [&[tag, 0x82, 0, u8::try_from(content.len()).unwrap()][..], content].concat();
        let algorithm = wrap(0x30, &wrap(0x06, oid));
        wrap(0x30, &[wrap(0x30, &[1, 2, 3]), algorithm].concat())
    }

    #[test]
    fn hash_of_each_algorithm() {
        let check = |oid: &[u8], length: Option<usize>| {
            assert_eq!(tls_server_end_point(&certificate(oid)).map(|hash| hash.len()), length);
        };
        check(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], Some(32));
        check(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], Some(32));
        check(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13], Some(64));
        check(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], Some(48));
        check(&[0x2b, 0x65, 0x70], None);
    }

    #[test]
    fn broken_certificates_have_none() {
        let whole = certificate(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
        for length in 0..whole.len() {
            assert_eq!(tls_server_end_point(&whole[..length]), None, "{length}");
        }
    }
}
