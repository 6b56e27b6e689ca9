//! What the integration tests share: one PostgreSQL for the whole run, a database and a project folder per test, the real
//! binary. Everything lives in one temporary folder that is cleared when the test process ends, however it ends.

#![allow(unreachable_pub, reason = "`pub` here means: for the tests beside this module")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot be set up fails, and says why")]

pub mod cluster;
pub mod pgbouncer;
pub mod project;
#[cfg(feature = "oci")]
pub mod registry;
pub mod running;
pub mod server;
pub mod sql;
pub mod transcript;

pub use project::{Output, Project};
pub use server::{Database, TestServer, fresh_database};
pub use sql::psql;
