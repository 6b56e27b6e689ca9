//! The host's own clock beside a plugin's session. The server's timeouts are the session's to change, do not count inside COMMIT,
//! and a plugin can swallow a cancel: what is over its budget is ended from outside.

use crate::sql::{Connection, Error, Wire};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio_postgres::types::Type;

/// How much one revision of a plugin may take.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// From its first statement to its COMMIT.
    pub time: Duration,
    /// Without an answer of the server's, whatever the session's own timeouts say.
    pub silence: Duration,
    /// Bytes written to the server's log while it runs, by whomever: only PostgreSQL 18 could tell whose they are.
    pub wal: u64,
    /// Locks held at once; the server's table of them is everybody's.
    pub locks: i64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { time: Duration::from_mins(30), silence: Duration::from_mins(2), wal: 4 << 30, locks: 2000 }
    }
}

/// What was used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Over {
    /// See [`Budget::time`].
    #[error("it ran longer than a plugin may ({} s)", .0.as_secs())]
    Time(Duration),
    /// See [`Budget::silence`].
    #[error("a statement, or the COMMIT, went on for longer than it may ({} s)", .0.as_secs())]
    Silence(Duration),
    /// See [`Budget::wal`].
    #[error("more than {} MiB of changes were written while it ran", .0 >> 20)]
    Wal(u64),
    /// See [`Budget::locks`].
    #[error("it held more than {0} locks")]
    Locks(i64),
}

/// How often is looked.
const PERIOD: Duration = Duration::from_millis(200);

/// Between a request that can be swallowed and the end.
const GRACE: Duration = Duration::from_secs(1);

/// Returns when the session behind `wire` was ended: because somebody wants everything to `stop`, or because it is over its
/// budget, which `over` says from the moment on at which the first request to end goes out, as the session may answer at once.
pub async fn until_over_budget(
    host: &Connection,
    wire: &Wire,
    pid: i32,
    budget: &Budget,
    stop: &AtomicBool,
    over: &Cell<Option<Over>>,
) -> Result<(), Error> {
    let begun = Instant::now();
    let (mut answers, mut heard) = (wire.ready_count(), Instant::now());
    let start = position(host).await?;
    loop {
        tokio::time::sleep(PERIOD).await;
        let now = wire.ready_count();
        if now != answers {
            (answers, heard) = (now, Instant::now());
        }
        let found = if begun.elapsed() > budget.time {
            Some(Over::Time(budget.time))
        } else if heard.elapsed() > budget.silence {
            Some(Over::Silence(budget.silence))
        } else {
            match used(host, pid, start, budget).await {
                Err(_) if stop.load(Ordering::Relaxed) => None,
                used => used?,
            }
        };
        if found.is_some() || stop.load(Ordering::Relaxed) {
            over.set(found);
            return end(host, pid).await;
        }
    }
}

async fn position(host: &Connection) -> Result<i64, Error> {
    let statement = "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::pg_catalog.int8";
    let rows = host.query("watching the plugin", statement, &[]).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

async fn used(host: &Connection, pid: i32, start: i64, budget: &Budget) -> Result<Option<Over>, Error> {
    let statement = "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::pg_catalog.int8, \
                     (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks WHERE pid OPERATOR(pg_catalog.=) $1)";
    let rows = host.query("watching the plugin", statement, &[(&pid, Type::INT4)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (at, locks): (i64, i64) = (row.get(0), row.get(1));
    Ok(if u64::try_from(at.saturating_sub(start)).unwrap_or(0) > budget.wal {
        Some(Over::Wal(budget.wal))
    } else if locks > budget.locks {
        Some(Over::Locks(budget.locks))
    } else {
        None
    })
}

/// First as one asks, then as nobody can refuse: `WHEN query_canceled` catches the one and not the other. The request to stop
/// cancels what the host's session runs, which may be this: it is said again.
async fn end(host: &Connection, pid: i32) -> Result<(), Error> {
    let say = async |function: &str| {
        let statement = format!("SELECT pg_catalog.{function}($1)");
        host.query("ending the plugin's session", &statement, &[(&pid, Type::INT4)]).await.map(drop)
    };
    if say("pg_cancel_backend").await.is_err() {
        say("pg_cancel_backend").await?;
    }
    tokio::time::sleep(GRACE).await;
    match say("pg_terminate_backend").await {
        Ok(()) => Ok(()),
        Err(_) => say("pg_terminate_backend").await,
    }
}
