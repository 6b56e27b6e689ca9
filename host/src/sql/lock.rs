//! The migration lock: at most one wmigrate changes a database at a time.
//!
//! A session advisory lock, so that it dies with its holder. It is polled from outside any transaction: a session that
//! waits *inside* `pg_advisory_lock` holds a snapshot, for which CREATE INDEX CONCURRENTLY in the holder would wait for ever.

use super::connection::Connection;
use super::error::Error;
use super::pooler;
use super::settings::Settings;
use std::fmt;
use std::time::{Duration, Instant};
use tokio_postgres::types::Type;

/// How long to wait for the lock.
#[derive(Debug, Clone)]
pub struct LockOptions {
    /// After this the wait is given up.
    pub wait: Duration,
}

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Process id of the server's session.
    pub pid: i32,
    /// `application_name`, user and address as the server knows them.
    pub who: String,
    /// Seconds since that session began.
    pub age: i64,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {} ({}), connected for {} s", self.pid, self.who, self.age)
    }
}

/// The lock of one wmigrate schema. Databases have lock spaces of their own, so the schema's name is all that counts.
///
/// Each transaction of the session holds it too: a revision can give the session's hold away with
/// `pg_advisory_unlock_all()`, but nobody gets the lock before the transaction is over, and each commit checks the session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(i64);

impl Key {
    /// The key of `schema`.
    #[must_use]
    pub fn of_schema(schema: &str) -> Self {
        let hash = blake3::derive_key("wmigrate migration lock 2026", schema.as_bytes());
        Self(i64::from_le_bytes(*hash.first_chunk().expect("a hash has 32 bytes")))
    }

    /// An SQL expression that gives up all advisory locks of the session but this one. The transaction takes it before, and
    /// keeps it: it is never free meanwhile. It is never waited for either, as a transaction that waits holds a snapshot.
    /// False where the session did not hold it any more.
    #[must_use]
    pub fn held_alone(self) -> String {
        format!(
            "pg_catalog.pg_try_advisory_xact_lock('{self}') AND pg_catalog.pg_advisory_unlock('{self}') \
             AND pg_catalog.pg_advisory_unlock_all() IS NOT NULL AND pg_catalog.pg_try_advisory_lock('{self}')"
        )
    }

    /// As `pg_locks` shows a key of 64 bits.
    fn halves(self) -> [u32; 2] {
        let bits = u64::from_be_bytes(self.0.to_be_bytes());
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).expect("it was cut to 32 bits");
        [half(bits >> 32), half(bits)]
    }
}

/// As SQL has it.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Between two tries: from the first to the last, with jitter so that waiting runners do not move in step.
const POLL: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(500)];

/// Takes the lock. `waiting` hears who has it, whenever that changes; `stop` ends the wait.
pub async fn acquire(
    connection: &mut Connection,
    settings: &Settings,
    key: Key,
    options: &LockOptions,
    waiting: &mut (dyn FnMut(&Holder) + Send),
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<(), Error> {
    let begun = Instant::now();
    let mut told: Option<i32> = None;
    let mut pause = POLL[0];
    // The process id the server gave when we connected; another one now means that a proxy answered then.
    let mut server = Some(connection.server_pid());
    loop {
        let row = connection
            .query(
                "taking the migration lock",
                "SELECT CASE WHEN $2::int4 IS NULL OR $2::int4 OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() \
                 THEN pg_catalog.pg_try_advisory_lock($1) END",
                &[(&key.0, Type::INT8), (&server, Type::INT4)],
            )
            .await?;
        let taken: Option<bool> = row.first().expect("a SELECT without FROM gives one row").get(0);
        // Before the lock is taken: a transaction pooler would keep it on a session that is not ours, for ever.
        let Some(taken) = taken else {
            pooler::refuse_transaction_pooling(connection, settings).await?;
            server = None;
            continue;
        };
        if taken {
            connection.lock = Some(key);
            return Ok(());
        }
        if stop() {
            return Err(Error::Stopped("waiting for the migration lock"));
        }
        let holder = holder(connection, key).await?;
        if begun.elapsed() >= options.wait {
            return Err(Error::Locked { waited: format!("{:?}", options.wait), holder });
        }
        if let Some(holder) = &holder
            && told != Some(holder.pid)
        {
            told = Some(holder.pid);
            waiting(holder);
        }
        let left = options.wait.saturating_sub(begun.elapsed());
        tokio::time::sleep(jittered(pause).min(left)).await;
        pause = (pause * 2).min(POLL[1]);
    }
}

/// Gives the lock back. False means that it was not ours any more.
pub async fn release(connection: &Connection, key: Key) -> Result<bool, Error> {
    let rows = connection
        .query("releasing the migration lock", "SELECT pg_catalog.pg_advisory_unlock($1)", &[(&key.0, Type::INT8)])
        .await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// Passes `done` on, and gives the lock back first if it is an error: the end of the session would do that as well, but
/// whoever comes next could still meet it.
pub async fn release_after_error<T, E>(connection: &Connection, key: Key, done: Result<T, E>) -> Result<T, E> {
    if done.is_err() {
        let _ = release(connection, key).await;
    }
    done
}

/// Who holds the lock now, as far as this role may know.
pub async fn holder(connection: &Connection, key: Key) -> Result<Option<Holder>, Error> {
    let [high, low] = key.halves();
    let statement = format!(
        "SELECT coalesce(l.pid, 0), pg_catalog.concat_ws(', ', nullif(a.application_name, ''), a.usename, a.client_addr::text), \
         coalesce(extract(epoch FROM pg_catalog.now() - a.backend_start)::bigint, 0) \
         FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND l.classid = {high} AND l.objid = {low} \
         AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
    );
    let rows = connection.query("asking who holds the migration lock", &statement, &[]).await?;
    Ok(rows.first().map(|row| Holder { pid: row.get(0), who: row.get(1), age: row.get(2) }))
}

/// Between half of `pause` and all of it.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let mut byte = [0u8];
    // Without randomness the pause is merely whole.
    let share = if getrandom::fill(&mut byte).is_ok() { u32::from(byte[0]) } else { 255 };
    pause / 2 + pause / 2 * share / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_has_one_key_for_ever() {
        // Two versions of the tool must agree, or both would run.
        assert_eq!(Key::of_schema("wmigrate"), Key::of_schema("wmigrate"));
        assert_ne!(Key::of_schema("wmigrate"), Key::of_schema("other"));
    }

    #[test]
    fn jitter_stays_between_half_and_all() {
        for _ in 0..1000 {
            let got = jittered(Duration::from_millis(100));
            assert!((Duration::from_millis(50)..=Duration::from_millis(100)).contains(&got), "{got:?}");
        }
    }
}
