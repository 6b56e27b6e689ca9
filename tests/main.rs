//! The promises, kept by the real binary on a real PostgreSQL. One module a subject; this list is the table of contents.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a skipped test says why on the screen")]
#![allow(missing_docs, unreachable_pub, reason = "helpers of the tests, for the tests")]

mod authoring;
mod backfill;
mod bad_input;
mod bundle;
mod commands;
mod conformance;
mod crash;
mod durable;
mod embedded;
mod engines;
mod gate_fuzz;
mod languages;
mod limits;
mod locking;
mod offline;
mod oracle;
mod plugins;
mod readme;
mod sandbox;
mod sdk;
mod session;
mod support;
mod tidy;
mod trace;
mod transactions;
mod values;
mod values_table;
mod wit;
