//! How a transaction begins: with the session as a new one would be, and with settings of the host's choice.

use crate::sql::{Connection, Error};
use std::collections::HashMap;
use std::time::Duration;
use tokio_postgres::SimpleQueryRow;

/// How a transaction begins.
#[derive(Debug, Clone)]
pub struct Begin {
    /// `lock_timeout`; zero is none.
    pub lock_timeout: Duration,
    /// `statement_timeout`; zero is none.
    pub statement_timeout: Duration,
    /// Whether its start will be asked for.
    pub timed: bool,
}

/// What a session is started with. Not `statement_timeout`, which is for the statements of revisions alone.
pub(crate) fn options(lock_timeout: Duration) -> String {
    format!("-c lock_timeout={} -c {CHECK_INTERVAL}={LOOK_FOR_US}", lock_timeout.as_millis())
}

/// Undoes what a revision may have left on the session after its transaction was sealed, which resets the role and closes
/// the cursors. DISCARD ALL would also drop the migration lock.
pub(super) const RESET_SETTINGS: &str = "RESET ALL; UNLISTEN *; DEALLOCATE ALL; DISCARD SEQUENCES; DISCARD TEMP";

/// The same and what sealing does: first, because the rest is the host's.
pub(crate) const RESET: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; CLOSE ALL; \
                                RESET ALL; UNLISTEN *; DEALLOCATE ALL; DISCARD SEQUENCES; DISCARD TEMP";

/// What a transaction does about the migration lock when it begins.
#[derive(Clone, Copy)]
pub(super) enum Hold {
    /// It takes it beside the session, which has renewed its hold in the transaction before.
    Too,
    /// The same, and all other advisory locks of the session are given up.
    Alone,
}

/// The statements that begin a transaction, as one message. The last one gives its id, whether the migration lock is held
/// and, where it is wanted, the start. The reset is a message before it: as a part of the transaction it would be undone
/// with it, and come too late for what a transaction takes from the session when it begins.
pub(super) fn begin(connection: &Connection, options: &Begin, hold: Hold) -> String {
    let start = if options.timed { ", extract(epoch FROM pg_catalog.now())" } else { "" };
    let lock = match (connection.lock, hold) {
        (None, _) => "true".to_owned(),
        (Some(key), Hold::Too) => format!("pg_catalog.pg_try_advisory_xact_lock({key})"),
        (Some(key), Hold::Alone) => key.held_alone(),
    };
    format!("BEGIN; {}SELECT pg_catalog.pg_current_xact_id(), {lock}{start}", settings(connection, options))
}

/// Microseconds since 2000-01-01 UTC, where PostgreSQL counts from, of an `epoch` as the server writes it.
pub(super) fn microseconds(epoch: &str) -> Option<i64> {
    /// Between 1970-01-01 and 2000-01-01.
    const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
    let (seconds, fraction) = epoch.split_once('.').unwrap_or((epoch, ""));
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)?.checked_sub(POSTGRES_EPOCH)
}

/// What RESET ALL gives: the settings of a transaction are set only where they differ, as each costs the server as much as
/// a small statement.
pub(crate) struct Defaults {
    values: HashMap<String, String>,
    /// Whether the server can be told to look for the end of our process while a statement runs. Without it a long statement
    /// of a killed wmigrate runs on, and the migration lock with it. Since version 14, and not on every system.
    can_look_for_us: bool,
}

const CHECK_INTERVAL: &str = "client_connection_check_interval";

/// Milliseconds.
const LOOK_FOR_US: u128 = 1000;

impl Defaults {
    /// Those of a session that was started with these, and need not be asked for.
    pub(crate) fn known<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { values, can_look_for_us: false }
    }

    pub(super) async fn ask(connection: &Connection) -> Result<Self, Error> {
        let statement = format!(
            "SELECT name, reset_val, pg_catalog.version() FROM pg_catalog.pg_settings WHERE name IN \
             ('{}', '{CHECK_INTERVAL}')",
            SETTINGS.join("', '")
        );
        let rows = connection.batch_rows("asking for settings", &statement).await?;
        let text = |row: &SimpleQueryRow, index| row.get(index).unwrap_or_default().to_owned();
        let values: HashMap<_, _> = rows.iter().map(|row| (text(row, 0), text(row, 1))).collect();
        let on_linux = rows.first().is_some_and(|row| text(row, 2).contains("linux"));
        Ok(Self { can_look_for_us: on_linux && values.contains_key(CHECK_INTERVAL), values })
    }
}

const SETTINGS: [&str; 6] = [
    "lock_timeout",
    "statement_timeout",
    // Literals in scripts are split on the assumption that backslashes are plain in '…'.
    "standard_conforming_strings",
    // A revision may think between two statements, and the lock is held while the next one is built.
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    // A revision's time is the business of `statement_timeout`.
    "transaction_timeout",
];

/// Statements that make the settings of one transaction, each with its `; `.
pub(super) fn settings(connection: &Connection, options: &Begin) -> String {
    let Some(defaults) = &connection.defaults else { unreachable!("a first transaction asks for them") };
    let values = [
        options.lock_timeout.as_millis().to_string(),
        options.statement_timeout.as_millis().to_string(),
        "on".to_owned(),
        "0".to_owned(),
        "0".to_owned(),
        "0".to_owned(),
    ];
    let mut wanted: Vec<_> = SETTINGS.into_iter().zip(values).collect();
    if defaults.can_look_for_us {
        wanted.push((CHECK_INTERVAL, LOOK_FOR_US.to_string()));
    }
    // Those that the server does not have are not among the defaults.
    wanted.retain(|(name, value)| defaults.values.get(*name).is_some_and(|default| default != value));
    wanted.iter().map(|(name, value)| format!("SET LOCAL {name} = {value}; ")).collect()
}

#[cfg(test)]
mod tests {
    use super::{RESET, RESET_SETTINGS, microseconds};

    #[test]
    fn the_resets_differ_by_what_sealing_does() {
        assert_eq!(RESET.strip_suffix(RESET_SETTINGS), Some("RESET SESSION AUTHORIZATION; RESET ROLE; CLOSE ALL; "));
    }

    #[test]
    fn a_start_is_read_to_the_microsecond() {
        assert_eq!(microseconds("946684800.000000"), Some(0));
        assert_eq!(microseconds("946684801.000001"), Some(1_000_001));
        assert_eq!(microseconds("946684801"), Some(1_000_000));
        assert_eq!(microseconds("946684801.5"), Some(1_500_000));
        assert_eq!(microseconds("now"), None);
    }
}
