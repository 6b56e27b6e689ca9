//! The promises, kept by the real binary on a real PostgreSQL. One module a subject; this list is the table of contents.

mod embedded;
mod oracle;
mod support;
