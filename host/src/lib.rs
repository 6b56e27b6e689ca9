//! wmigrate: schema and data migrations for PostgreSQL, each revision a sandboxed WebAssembly component.
//!
//! The crate follows one line: gather, decide, act.
//!
//! | room | what |
//! |---|---|
//! | [`versions`], [`config`] | gather: files, metadata, digests |
//! | [`graph`] | decide: pure data in, a plan out |
//! | [`components`], [`engines`], [`authoring`] | from a source to code |
//! | [`runtime`] | the sandbox and the functions of `wit/` |
//! | [`sql`] | connections, owned transactions, the lock, values |
//! | [`state`] | the `wmigrate` schema in the database |
//! | [`durable`] | revisions without a transaction: the journal of their steps |
//! | [`backfill`] | rewriting a table's rows in batches |
//! | [`plugins`] | packages of third parties: what they ask for, what they were granted |
//! | [`registry`] | packages in OCI registries |
//! | [`isolation`] | the role, the session and the recorder that keep a plugin's SQL to itself |
//! | `walls` | which of these walls stand: all of them, but in a build for tests |
//! | [`runner`] | act: carries out a plan, the one place where the others meet |
//! | [`embedded`] | a private PostgreSQL for development and tests |
//! | [`cli`] | the command line; the only room that prints |

pub mod authoring;
pub mod backfill;
pub mod bindings;
pub mod cli;
pub mod components;
pub mod config;
pub mod durable;
pub mod embedded;
pub mod engines;
pub mod graph;
pub mod isolation;
pub mod plugins;
pub mod registry;
pub mod runner;
pub mod runtime;
pub mod sql;
pub mod state;
pub mod units;
pub mod versions;
mod walls;
