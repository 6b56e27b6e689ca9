//! Packages in OCI registries: `oci://registry.example/acme/notes:1.0`. A package is one layer of an artefact, its signature
//! another; what is fetched becomes a file beside the project, and from then on is a package like any other.
//!
//! Only in a program built with the feature `oci`, as it brings an HTTP client.

#[cfg(feature = "oci")]
mod client;

use std::error::Error as StdError;
#[cfg(not(feature = "oci"))]
use std::future::{Ready, ready};

/// What a reference to a registry begins with.
pub const SCHEME: &str = "oci://";

/// Media types of the artefact and of its layers.
#[cfg(feature = "oci")]
const ARTEFACT: &str = "application/vnd.wmigrate.plugin.v1+json";
#[cfg(feature = "oci")]
const PACKAGE: &str = "application/vnd.wmigrate.package.v1";
#[cfg(feature = "oci")]
const SIGNATURE: &str = "application/vnd.wmigrate.signature.v1";

/// A package with its signature, as they travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The package.
    pub package: Vec<u8>,
    /// The text of its `.minisig` file.
    pub signature: Option<Vec<u8>>,
}

/// Who a package is, for those who look at a registry.
#[derive(Debug, Clone, Copy)]
pub struct Title<'a> {
    /// The plugin's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its publisher.
    pub publisher: &'a str,
}

/// Why a registry gave or took nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This program has no client.
    #[error("`{0}` cannot be reached: this wmigrate was built without the feature `oci`")]
    NotBuiltIn(String),
    /// Not a reference.
    #[error("`{reference}` names nothing in a registry: {cause}")]
    Reference {
        /// As it was written.
        reference: String,
        /// Why not.
        cause: String,
    },
    /// The login that the machine keeps for the registry cannot be read.
    #[error("the login for `{registry}` cannot be read: {cause}")]
    Login {
        /// The registry.
        registry: String,
        /// Why.
        cause: String,
    },
    /// Something else than a plugin's package lies there.
    #[error("`{reference}` is no package of a plugin: {what}")]
    Strange {
        /// The reference.
        reference: String,
        /// What it is.
        what: String,
    },
    /// More than a package can have.
    #[error("`{reference}` has a layer of {size} bytes; at most {most} are taken")]
    TooLarge {
        /// The reference.
        reference: String,
        /// Its size.
        size: u64,
        /// The limit.
        most: u64,
    },
    /// The registry, or the way there.
    #[error("the registry of `{reference}` cannot be used")]
    Registry {
        /// The reference.
        reference: String,
        /// Why.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotBuiltIn(_) => {
                "build it with `--features oci`; or fetch the package by another tool, and name the file: wmigrate plugin add FILE"
            }
            Self::Reference { .. } => {
                "write it as `oci://registry.example/acme/notes:1.0`, or with `@sha256:…` instead of a tag"
            }
            Self::Login { .. } => "log in again: docker login",
            Self::Strange { .. } => "packages are put there by `wmigrate plugin push`; nothing of it was kept",
            Self::TooLarge { .. } => "its publisher must make it smaller; nothing of it was kept",
            Self::Registry { .. } => {
                "see that it is there and lets you in (`docker login`), and run the same command again"
            }
        }
    }
}

/// Fetches a package.
#[cfg(feature = "oci")]
pub use client::pull;
/// Puts a package there; gives the reference by digest, which stays what it is.
#[cfg(feature = "oci")]
pub use client::push;

/// Fetches a package.
#[cfg(not(feature = "oci"))]
pub fn pull(reference: &str) -> Ready<Result<Parcel, Error>> {
    ready(Err(Error::NotBuiltIn(reference.to_owned())))
}

/// Puts a package there; gives the reference by digest, which stays what it is.
#[cfg(not(feature = "oci"))]
pub fn push(reference: &str, _: Parcel, _: Title<'_>) -> Ready<Result<String, Error>> {
    ready(Err(Error::NotBuiltIn(reference.to_owned())))
}
