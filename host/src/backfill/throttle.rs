//! When a job gives way: replication lag, WAL that waits for the archive, sessions that wait for us, an autovacuum of the
//! table, slow commits. What cannot be read counts as bad.

use crate::sql::{Connection, Error};
use std::time::{Duration, Instant};

/// What a job gives way to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// Bytes of WAL that a standby has not replayed.
    pub lag_size: u64,
    /// How far behind a standby is.
    pub lag_time: Duration,
    /// Files of WAL that wait for the archive; 16 MiB each on most servers.
    pub archive_files: u64,
    /// Sessions that wait for a lock of ours.
    pub blocked_sessions: u64,
    /// How long a commit takes that waits for the disk, and for the standbys that are configured as synchronous.
    pub commit_time: Duration,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            lag_size: 64 * 1024 * 1024,
            lag_time: Duration::from_secs(10),
            archive_files: 64,
            blocked_sessions: 3,
            commit_time: Duration::from_secs(1),
        }
    }
}

/// Without news for so long, nothing is known.
pub(super) const SILENCE: Duration = Duration::from_secs(15);

/// What the server said.
#[derive(Debug, Clone, Default, PartialEq)]
struct Reading {
    /// Standbys that stream.
    standbys: i64,
    /// Those of which the role may not see how far they are.
    hidden: i64,
    lag_size: Option<i64>,
    lag_seconds: Option<f64>,
    archive_files: Option<i64>,
    archive_fails: bool,
    blocked_sessions: i64,
    vacuum: bool,
    commit: Duration,
}

/// What follows from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pressure {
    /// Why nothing may be written now.
    pub(super) pause: Option<String>,
    /// Why only half of the time may be used.
    pub(super) half: Option<String>,
}

/// Reads the signs, one reading after the other.
pub(super) struct Signs {
    throttle: Throttle,
    table: u32,
    /// Most standbys that were seen: one that goes away is the worst lag of all.
    most_standbys: i64,
    /// Whether the role may count the files that wait for the archive.
    counts_archive: Option<bool>,
    last: Instant,
    pressure: Pressure,
}

impl Signs {
    pub(super) fn new(throttle: Throttle, table: u32) -> Self {
        Self {
            throttle,
            table,
            most_standbys: 0,
            counts_archive: None,
            last: Instant::now(),
            pressure: Pressure::default(),
        }
    }

    /// Looks once. `ours` are the server's processes that work for us. An error of the statement is a sign that is missing.
    pub(super) async fn look(&mut self, connection: &Connection, ours: &[i32]) -> Result<Pressure, Error> {
        match self.read(connection, ours).await {
            Ok(reading) => {
                self.last = Instant::now();
                self.most_standbys = self.most_standbys.max(reading.standbys + reading.hidden);
                self.pressure = judge(&reading, &self.throttle, self.most_standbys);
            }
            Err(error @ Error::Lost { .. }) => return Err(error),
            Err(error) if self.last.elapsed() >= SILENCE => {
                self.pressure.pause = Some(format!("the server's load cannot be read: {error}"));
            }
            Err(_) => {}
        }
        Ok(self.pressure.clone())
    }

    async fn read(&mut self, connection: &Connection, ours: &[i32]) -> Result<Reading, Error> {
        let doing = "reading the server's load";
        let counts = if let Some(counts) = self.counts_archive {
            counts
        } else {
            let ask = "SELECT pg_catalog.has_function_privilege('pg_catalog.pg_ls_archive_statusdir()', 'EXECUTE') \
                           AND pg_catalog.current_setting('archive_mode') <> 'off'";
            let rows = connection.query(doing, ask, &[]).await?;
            *self.counts_archive.insert(rows.first().is_some_and(|row| row.get(0)))
        };
        let rows = connection.query(doing, &statement(self.table, ours, counts), &[]).await?;
        // WAL of its own, so that the commit has something to wait for.
        let begun = Instant::now();
        connection.query(doing, "SELECT pg_catalog.pg_logical_emit_message(true, 'wmigrate', '')", &[]).await?;
        let commit = begun.elapsed();
        let Some(row) = rows.first() else { return Ok(Reading::default()) };
        Ok(Reading {
            standbys: row.get(0),
            hidden: row.get(1),
            lag_size: row.get(2),
            lag_seconds: row.get(3),
            archive_files: row.get(4),
            archive_fails: row.get(5),
            blocked_sessions: row.get(6),
            vacuum: row.get(7),
            commit,
        })
    }
}

fn statement(table: u32, ours: &[i32], counts_archive: bool) -> String {
    let ours = ours.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let archive = if counts_archive {
        "(SELECT count(*) FROM pg_catalog.pg_ls_archive_statusdir() WHERE name LIKE '%.ready')"
    } else {
        "NULL::bigint"
    };
    format!(
        "SELECT r.standbys, r.hidden, r.size, r.seconds, {archive}, \
         pg_catalog.current_setting('archive_mode') <> 'off' AND coalesce((SELECT last_failed_time > coalesce(last_archived_time, '-infinity') FROM pg_catalog.pg_stat_archiver), false), \
         (SELECT count(*) FROM (SELECT DISTINCT pid FROM pg_catalog.pg_locks WHERE NOT granted AND pid <> ALL ('{{{ours}}}'::int[]) \
         OFFSET 0) AS w WHERE pg_catalog.pg_blocking_pids(w.pid) && '{{{ours}}}'::int[]), \
         EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum WHERE datname = pg_catalog.current_database() \
         AND (relid IS NULL OR relid = {table} OR relid IN (SELECT relid FROM pg_catalog.pg_partition_tree({table})))) \
         FROM (SELECT count(*) FILTER (WHERE state IN ('streaming', 'catchup') AND replay_lsn IS NOT NULL) AS standbys, \
         count(*) FILTER (WHERE state IS NULL) AS hidden, \
         max(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), replay_lsn)) \
         FILTER (WHERE state IN ('streaming', 'catchup'))::bigint AS size, \
         extract(epoch FROM max(replay_lag) FILTER (WHERE state = 'streaming'))::float8 AS seconds \
         FROM pg_catalog.pg_stat_replication) AS r"
    )
}

fn judge(reading: &Reading, throttle: &Throttle, most_standbys: i64) -> Pressure {
    let more = |value: i64, limit: u64| u64::try_from(value).is_ok_and(|value| value > limit);
    let half = reading.vacuum.then(|| "an autovacuum works on the table".to_owned());
    let pause = if reading.hidden > 0 {
        Some("the role may not see how far the standbys are (GRANT pg_monitor lets it)".to_owned())
    } else if reading.standbys < most_standbys {
        Some("a standby that was there is gone".to_owned())
    } else if let Some(size) = reading.lag_size.filter(|size| more(*size, throttle.lag_size)) {
        Some(format!("a standby is {} MiB behind", size >> 20))
    } else if let Some(seconds) = reading.lag_seconds.filter(|seconds| *seconds > throttle.lag_time.as_secs_f64()) {
        Some(format!("a standby is {seconds:.0} s behind"))
    } else if let Some(files) = reading.archive_files.filter(|files| more(*files, throttle.archive_files)) {
        Some(format!("{files} files of WAL wait for the archive"))
    } else if reading.archive_fails {
        Some("the server's archive_command fails".to_owned())
    } else if more(reading.blocked_sessions, throttle.blocked_sessions) {
        Some(format!("{} sessions wait for rows that a batch has locked", reading.blocked_sessions))
    } else if reading.commit > throttle.commit_time {
        Some(format!("a commit takes {:.1} s", reading.commit.as_secs_f64()))
    } else {
        None
    };
    Pressure { pause, half }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_says_why() {
        let check = |reading: Reading, most: i64, expected: Option<&str>| {
            let pressure = judge(&reading, &Throttle::default(), most);
            assert_eq!(pressure.pause.as_deref(), expected);
        };
        let fine = || Reading { standbys: 1, lag_size: Some(1000), lag_seconds: Some(0.1), ..Reading::default() };
        check(fine(), 1, None);
        check(Reading::default(), 0, None);
        check(Reading { lag_size: Some(65 << 20), ..fine() }, 1, Some("a standby is 65 MiB behind"));
        check(Reading { lag_seconds: Some(10.6), ..fine() }, 1, Some("a standby is 11 s behind"));
        check(fine(), 2, Some("a standby that was there is gone"));
        let hidden = "the role may not see how far the standbys are (GRANT pg_monitor lets it)";
        check(Reading { hidden: 1, ..Reading::default() }, 1, Some(hidden));
        check(Reading { archive_files: Some(65), ..fine() }, 1, Some("65 files of WAL wait for the archive"));
        check(Reading { archive_fails: true, ..fine() }, 1, Some("the server's archive_command fails"));
        let blocked = "4 sessions wait for rows that a batch has locked";
        check(Reading { blocked_sessions: 4, ..fine() }, 1, Some(blocked));
        check(Reading { blocked_sessions: 3, ..fine() }, 1, None);
        check(Reading { commit: Duration::from_millis(1500), ..fine() }, 1, Some("a commit takes 1.5 s"));
    }

    #[test]
    fn a_vacuum_takes_half() {
        let pressure = judge(&Reading { vacuum: true, ..Reading::default() }, &Throttle::default(), 0);
        assert_eq!(pressure.pause, None);
        assert_eq!(pressure.half.as_deref(), Some("an autovacuum works on the table"));
    }
}
