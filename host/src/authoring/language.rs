//! What each language needs at build time. Scripts need nothing but a check; compiled ones need their toolchain.

pub mod rust;
pub mod sql;
