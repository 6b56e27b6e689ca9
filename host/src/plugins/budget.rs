//! What one revision of a plugin may take of the server, beside the limits that every revision has: `[plugins.<name>.budget]`.
//! Only the operator's word counts here; a manifest cannot ask for it.

use crate::versions::limits;
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// The keys, for naming what a wrong one was meant to be.
pub const BUDGET_KEYS: [&str; 5] = ["time", "wal", "locks", "temp_files", "blocks_reads"];

/// What was written, and the defaults for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// From its first statement to its COMMIT.
    #[serde(deserialize_with = "duration")]
    pub time: Duration,
    /// Bytes written to the server's log while it runs, by whomever: only PostgreSQL 18 could tell whose they are.
    #[serde(deserialize_with = "bytes")]
    pub wal: u64,
    /// Locks held at once, which bounds the objects it makes too; the server's table of them is everybody's.
    #[serde(deserialize_with = "count")]
    pub locks: u64,
    /// Bytes of its temporary files, where the host's role may set `temp_file_limit`.
    #[serde(deserialize_with = "bytes")]
    pub temp_files: u64,
    /// How long it may keep everybody from reading a table that is not its own; none where nobody said so.
    #[serde(deserialize_with = "limits::duration")]
    pub blocks_reads: Option<Duration>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { time: Duration::from_mins(30), wal: 4 << 30, locks: 2000, temp_files: 4 << 30, blocks_reads: None }
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    limits::duration(deserializer).map(written)
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    limits::bytes(deserializer).map(written)
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    limits::count(deserializer).map(written)
}

fn written<T>(value: Option<T>) -> T {
    value.expect("what is not written is not read")
}

#[cfg(test)]
mod tests {
    use super::{BUDGET_KEYS, Budget};
    use std::time::Duration;

    #[test]
    fn it_is_written_as_limits_are() {
        let text =
            "time = \"5 min\"\nwal = \"1 GiB\"\nlocks = 100\ntemp_files = \"64 MiB\"\nblocks_reads = \"500 ms\"\n";
        let budget: Budget = toml::from_str(text).unwrap();
        let expected = Budget {
            time: Duration::from_mins(5),
            wal: 1 << 30,
            locks: 100,
            temp_files: 64 << 20,
            blocks_reads: Some(Duration::from_millis(500)),
        };
        assert_eq!(budget, expected);
        assert_eq!(toml::from_str::<Budget>("").unwrap(), Budget::default());
        let unknown = toml::from_str::<Budget>("memory = \"1 MiB\"").unwrap_err().to_string();
        assert!(BUDGET_KEYS.iter().all(|key| unknown.contains(key)), "{unknown}");
    }
}
