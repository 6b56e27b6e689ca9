//! Plugins: packages of revisions by people whom the operator does not know. What one is, what it asks for and what it was
//! granted; how it is kept from everything else is `isolation`'s.

pub mod budget;
pub mod installed;
pub mod manifest;
pub mod package;
pub mod rights;
pub mod signature;

pub use budget::{BUDGET_KEYS, Budget};
pub use installed::{Installed, KEYS, Trust, Unsigned};
pub use manifest::Manifest;
pub use package::Package;
pub use rights::{Rights, Table};
