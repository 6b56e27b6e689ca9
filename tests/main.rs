//! The promises, kept by the real binary on a real PostgreSQL. One module a subject; this list is the table of contents.

#![allow(clippy::print_stderr, reason = "a skipped test says why on the screen")]
#![allow(missing_docs, unreachable_pub, reason = "helpers of the tests, for the tests")]

mod crash;
mod embedded;
mod locking;
mod oracle;
mod session;
mod support;
mod transactions;
