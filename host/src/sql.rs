//! PostgreSQL as this program uses it: connections, owned transactions, the migration lock, and values on the wire.
//!
//! It knows no revision, no plan and no sandbox; `runtime` lends a [`Transaction`] to a guest and gets it back.

pub mod advice;
pub mod bulk;
pub mod connect;
mod connection;
pub mod durable;
mod error;
pub mod gate;
mod guest;
pub mod lex;
pub mod lock;
pub mod outside;
pub mod parameters;
mod pooler;
pub mod settings;
pub mod split;
mod tls;
pub mod trace;
mod transaction;
pub mod value;
mod wire;
mod words;

pub use connection::{Cancel, Connection};
pub(crate) use error::host_error;
pub use error::{Error, from_driver, guest_error};
pub use guest::{CallError, GuestLimits};
pub(crate) use guest::{in_script, prepare as fits, refused_record, split_script};
pub use lock::{Holder, LockOptions};
pub use settings::{Secret, Settings};
#[cfg(feature = "oci")]
pub(crate) use tls::choose_ciphers;
pub(crate) use transaction::RESET;
pub use transaction::{Begin, FinishError, Proof, Session, Transaction};
pub use value::parameter::quote_literal;
pub use wire::Wire;

/// Statements as one message. Each begins a line of its own, as one may end in a comment.
pub(crate) fn joined(statements: &[String]) -> String {
    statements.join("\n; ")
}

/// An identifier for use in SQL text.
#[must_use]
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
