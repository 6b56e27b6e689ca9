//! What keeps a plugin's SQL from everything that is not the plugin's: a role and a schema of its own, a session of its own,
//! and a recorder that writes the version row inside the plugin's transaction without giving the plugin any right to do so.
//!
//! The order, which `runner` keeps (each step has its reason beside the code):
//! 1. [`Keeper::prepare`], once a run: the role is as we want it; [`Keeper::admit`]: its door is open for a moment, the session
//!    is opened, the door is shut; steps that follow go on in it;
//! 2. the guest runs, watched by [`watch::until_over_budget`] from the host's own session;
//! 3. [`Keeper::settle`], [`Keeper::without_triggers`]: what is deferred runs now; [`Keeper::record`]: a ticket for exactly this transaction, the recorder, COMMIT;
//! 4. [`Keeper::confirm`]: the host's session sees the transaction committed and the rows there, and writes durably behind it;
//! 5. [`Keeper::tidy`]: what the role has left on itself is taken away.
//!
//! No statement of the host's own session runs or reads an object that a plugin owns: it might be code. The one that switches a
//! trigger off names its table, and no more.

mod error;
mod flight;
mod names;
mod password;
mod role;
mod session;
mod ticket;
mod triggers;
pub mod watch;

pub use error::Error;
pub use flight::{Effect, Flight, effects_of};
pub use names::Names;
pub use role::{Registered, registered, remove};
pub use session::Admitted;

use crate::plugins::{Budget, Manifest, Rights};
use crate::sql::{Connection, Settings};

/// What one plugin is kept in.
pub struct Keeper<'a> {
    /// The host's session. It holds the migration lock.
    pub host: &'a Connection,
    /// How that was opened.
    pub settings: &'a Settings,
    /// The schema of the bookkeeping.
    pub bookkeeping: &'a str,
    /// Who it is.
    pub plugin: &'a Plugin,
}

/// A plugin as the database knows it.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// Its manifest.
    pub manifest: Manifest,
    /// blake3 of its package's index.
    pub digest: String,
    /// Its schema.
    pub schema: String,
    /// What it was granted.
    pub rights: Rights,
    /// What one of its revisions may take of the server.
    pub budget: Budget,
}
