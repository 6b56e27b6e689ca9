//! The signature of a package: minisign's, in the file `<package>.minisig` beside it, as `minisign -Sm <package>` writes it.

use minisign_verify::{self as minisign};
use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A signature file has four lines.
pub(crate) const MAX_SIGNATURE: u64 = 16 * 1024;

/// What is wrong with a signature or a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot read `{path}`")]
    Io {
        /// The file.
        path: String,
        /// Its reason.
        source: std::io::Error,
    },
    /// Not a signature.
    #[error("`{path}` is no signature of minisign's")]
    Form {
        /// The file.
        path: String,
    },
    /// Not a key.
    #[error("`{0}` is no public key of minisign's: the second line of its `.pub` file, which begins with `RW`")]
    Key(String),
    /// Made by none of the keys.
    #[error("it was not made by {}", .0.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or "))]
    NoneOf(Vec<String>),
    /// There is none, where there must be one.
    #[error("there is none: `{0}` is not there")]
    Missing(String),
}

/// A signature that lies beside a package.
pub struct Signature {
    signature: minisign::Signature,
    signed: Arc<[u8]>,
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signature").field("comment", &self.signature.trusted_comment()).finish_non_exhaustive()
    }
}

/// Where the signature of a package lies.
#[must_use]
pub fn path_of(package: &Path) -> PathBuf {
    let mut name = OsString::from(package);
    name.push(".minisig");
    name.into()
}

impl Signature {
    /// The one beside `package`, whose bytes these are; none where there is no such file.
    pub fn beside(package: &Path, bytes: &Arc<[u8]>) -> Result<Option<Self>, Error> {
        let path = path_of(package).display().to_string();
        let io = |source| Error::Io { path: path.clone(), source };
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        let mut text = String::new();
        file.take(MAX_SIGNATURE).read_to_string(&mut text).map_err(io)?;
        let signature = minisign::Signature::decode(&text).map_err(|_| Error::Form { path })?;
        Ok(Some(Self { signature, signed: Arc::clone(bytes) }))
    }

    /// The name of the key, of `keys` by name, that made it.
    pub fn made_by<'k>(&self, keys: impl IntoIterator<Item = (&'k String, &'k String)>) -> Result<&'k str, Error> {
        let mut tried = Vec::new();
        for (name, key) in keys {
            let public = minisign::PublicKey::from_base64(key).map_err(|_| Error::Key(key.clone()))?;
            if public.verify(&self.signed, &self.signature, false).is_ok() {
                return Ok(name);
            }
            tried.push(name.clone());
        }
        if tried.is_empty() {
            tried.push("a key under [trust.keys]".to_owned());
        }
        Err(Error::NoneOf(tried))
    }
}
