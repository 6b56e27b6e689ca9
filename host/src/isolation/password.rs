//! The password of a plugin's role, which lives for the moment of one login.

use crate::sql::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use std::fmt::Write as _;
use std::num::NonZeroU32;

/// Many rounds make guessing slow. Nobody guesses 32 random bytes, and each round is paid for by every revision, twice.
const ROUNDS: NonZeroU32 = NonZeroU32::MIN;

/// A new one.
pub(super) fn random() -> Secret {
    let bytes: [u8; 32] = fresh();
    Secret::new(bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// What the server keeps of it, RFC 5803: made here, so that the password itself is in no statement, and in no log of statements.
pub(super) fn verifier(password: &Secret) -> String {
    verifier_with(password.reveal().as_bytes(), &fresh::<16>(), ROUNDS)
}

fn verifier_with(password: &[u8], salt: &[u8], rounds: NonZeroU32) -> String {
    let mut salted = [0; digest::SHA256_OUTPUT_LEN];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, password, &mut salted);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
    let stored = digest::digest(&digest::SHA256, hmac::sign(&key, b"Client Key").as_ref());
    let server = hmac::sign(&key, b"Server Key");
    let [salt, stored, server] = [salt, stored.as_ref(), server.as_ref()].map(|bytes| STANDARD.encode(bytes));
    format!("SCRAM-SHA-256${rounds}:{salt}${stored}:{server}")
}

pub(super) fn fresh<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, whose keys follow from its password, salt and rounds.
    #[test]
    fn a_verifier_is_as_the_server_makes_it() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let rounds = NonZeroU32::new(4096).unwrap();
        assert_eq!(
            verifier_with(b"pencil", &salt, rounds),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
        assert_ne!(random(), random());
    }
}
