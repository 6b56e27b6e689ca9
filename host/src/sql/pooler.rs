//! Tells a pooler in transaction mode from one in session mode (or none). Behind the first, the migration lock would stay
//! on some pooled session, and state would leak between strangers; so it is refused.
//!
//! A pooler gives itself away with a process id that is not the server's. That alone is fine in session mode. In
//! transaction mode our session is free for others between two statements: a second connection then gets it.

use super::connection::Connection;
use super::error::Error;
use super::settings::Settings;
use std::time::Duration;

/// Tries. A pool hands out the session used last first, so the first try tells nearly always.
const TRIES: u32 = 5;

/// A pool in session mode that is full makes the second connection wait for ours: then our session is ours alone.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn refuse_transaction_pooling(connection: &Connection, settings: &Settings) -> Result<(), Error> {
    tokio::time::timeout(PATIENCE, probe(connection, settings)).await.unwrap_or(Ok(()))
}

async fn probe(connection: &Connection, settings: &Settings) -> Result<(), Error> {
    let other = Connection::open(settings).await?;
    for _ in 0..TRIES {
        let ours = pid(connection).await?;
        other.batch("testing for a pooler", "BEGIN").await?;
        let theirs = pid(&other).await?;
        // While the other one is in a transaction it keeps its session: does ours move away, or is it the very same?
        let again = if theirs == ours { None } else { Some(pid(connection).await?) };
        other.batch("testing for a pooler", "COMMIT").await?;
        if again != Some(ours) {
            return Err(Error::Pooler);
        }
    }
    Ok(())
}

async fn pid(connection: &Connection) -> Result<i32, Error> {
    let rows = connection.query("testing for a pooler", "SELECT pg_catalog.pg_backend_pid()", &[]).await?;
    Ok(rows.first().expect("a SELECT without FROM gives one row").get(0))
}
