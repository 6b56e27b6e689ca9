//! The host's own clock beside a plugin's session. The server's timeouts are the session's to change, do not count inside COMMIT,
//! and a plugin can swallow a cancel: what is over its budget is ended from outside.

use super::Plugin;
use crate::sql::{Connection, Error, Wire};
use crate::walls::{Wall, stands};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio_postgres::types::Type;

/// What is watched, and how much is too much.
#[derive(Debug, Clone, Copy)]
pub struct Watch<'a> {
    /// Whose session it is.
    pub plugin: &'a Plugin,
    /// The schema of the bookkeeping.
    pub bookkeeping: &'a str,
    /// The server's process.
    pub pid: i32,
    /// Time without an answer of the server's, whatever the session's own timeouts say.
    pub silence: Duration,
}

/// What was used up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Over {
    /// See [`crate::plugins::Budget::time`].
    #[error("it ran longer than a plugin may ({} s)", .0.as_secs())]
    Time(Duration),
    /// See [`Watch::silence`].
    #[error("a statement, or the COMMIT, went on for longer than it may ({} s)", .0.as_secs())]
    Silence(Duration),
    /// See [`crate::plugins::Budget::wal`].
    #[error("more than {} MiB of changes were written while it ran", .0 >> 20)]
    Wal(u64),
    /// See [`crate::plugins::Budget::locks`].
    #[error("it held more than {0} locks")]
    Locks(u64),
    /// See [`crate::plugins::Budget::blocks_reads`].
    #[error("it kept everybody from reading {table} for more than {} ms", .most.as_millis())]
    Blocks {
        /// The table.
        table: String,
        /// How long it may.
        most: Duration,
    },
}

impl Over {
    /// The key under `[plugins.<name>.budget]` that would have let it go on.
    #[must_use]
    pub fn key(&self) -> Option<&'static str> {
        match self {
            Self::Time(_) => Some("time"),
            Self::Silence(_) => None,
            Self::Wal(_) => Some("wal"),
            Self::Locks(_) => Some("locks"),
            Self::Blocks { .. } => Some("blocks_reads"),
        }
    }
}

/// How often is looked, at least.
const PERIOD: Duration = Duration::from_millis(200);

/// And at most.
const SHORTEST: Duration = Duration::from_millis(10);

/// Between a request that can be swallowed and the end.
const GRACE: Duration = Duration::from_secs(1);

/// Returns when the session behind `wire` was ended: because somebody wants everything to `stop`, or because it is over its
/// budget, which `over` says from the moment on at which the first request to end goes out, as the session may answer at once.
pub async fn until_over_budget(
    host: &Connection,
    wire: &Wire,
    watch: &Watch<'_>,
    stop: &AtomicBool,
    over: &Cell<Option<Over>>,
) -> Result<(), Error> {
    if !stands(Wall::Clock) {
        return std::future::pending().await;
    }
    let budget = &watch.plugin.budget;
    let begun = Instant::now();
    let (mut answers, mut heard) = (wire.ready_count(), Instant::now());
    let mut blocked = None;
    let start = position(host).await?;
    let period = budget.blocks_reads.map_or(PERIOD, |most| (most / 4).clamp(SHORTEST, PERIOD));
    loop {
        tokio::time::sleep(period).await;
        let now = wire.ready_count();
        if now != answers {
            (answers, heard) = (now, Instant::now());
        }
        let found = if begun.elapsed() > budget.time {
            Some(Over::Time(budget.time))
        } else if heard.elapsed() > watch.silence {
            Some(Over::Silence(watch.silence))
        } else {
            match used(host, watch, start, &mut blocked).await {
                Err(_) if stop.load(Ordering::Relaxed) => None,
                used => used?,
            }
        };
        if found.is_some() || stop.load(Ordering::Relaxed) {
            over.set(found);
            return end(host, watch.pid).await;
        }
    }
}

async fn position(host: &Connection) -> Result<i64, Error> {
    let statement = "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::pg_catalog.int8";
    let rows = host.query("watching the plugin", statement, &[]).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

/// A table that cannot be read for the session's sake, and since when that was seen.
type Blocked = Option<(String, Instant)>;

async fn used(host: &Connection, watch: &Watch<'_>, start: i64, blocked: &mut Blocked) -> Result<Option<Over>, Error> {
    let budget = &watch.plugin.budget;
    let statement = "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::pg_catalog.int8, \
                     (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks WHERE pid OPERATOR(pg_catalog.=) $1)";
    let rows = host.query("watching the plugin", statement, &[(&watch.pid, Type::INT4)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (at, locks): (i64, i64) = (row.get(0), row.get(1));
    let amount = |number: i64| u64::try_from(number).unwrap_or(0);
    if amount(at.saturating_sub(start)) > budget.wal {
        return Ok(Some(Over::Wal(budget.wal)));
    }
    if amount(locks) > budget.locks {
        return Ok(Some(Over::Locks(budget.locks)));
    }
    let Some(most) = budget.blocks_reads else { return Ok(None) };
    let since = blocked.take().map(|(_, since)| since);
    *blocked = blocks(host, watch).await?.map(|table| (table, since.unwrap_or_else(Instant::now)));
    Ok(match blocked {
        Some((table, since)) if since.elapsed() > most => Some(Over::Blocks { table: table.clone(), most }),
        _ => None,
    })
}

/// A table that is not the plugin's and that nobody can read now: who waits for such a lock keeps everybody behind it waiting too.
async fn blocks(host: &Connection, watch: &Watch<'_>) -> Result<Option<String>, Error> {
    let statement = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_locks l \
         JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE l.pid = $1 AND l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' \
         AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
         AND n.nspname NOT IN ($2, $3, 'information_schema') AND n.nspname !~ '^pg_' ORDER BY 1 LIMIT 1";
    let rows = host
        .query(
            "watching the plugin",
            statement,
            &[(&watch.pid, Type::INT4), (&watch.plugin.schema, Type::TEXT), (&watch.bookkeeping, Type::TEXT)],
        )
        .await?;
    Ok(rows.first().map(|row| row.get(0)))
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
