//! `[backfill]`: how a job is worked on. Only reading; what is not said is the default of whoever obeys.

use crate::versions::limits::{self, Limits, bytes, count, duration};
use serde::Deserialize;
use std::time::Duration;

/// The keys, as users write them.
pub(super) const KEYS: [&str; 8] = [
    "workers",
    "max_quarantine",
    "throttle",
    "lag_size",
    "lag_time",
    "archive_files",
    "blocked_sessions",
    "commit_time",
];

/// What was said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Backfill {
    /// Threads, with two sessions each.
    #[serde(deserialize_with = "count")]
    pub workers: Option<u64>,
    /// Rows that may be put aside.
    pub max_quarantine: Option<u64>,
    /// Whether a job gives way at all.
    pub throttle: Option<bool>,
    /// WAL that a standby has not replayed.
    #[serde(deserialize_with = "bytes")]
    pub lag_size: Option<u64>,
    /// How far behind a standby may be.
    #[serde(deserialize_with = "duration")]
    pub lag_time: Option<Duration>,
    /// Files of WAL that wait for the archive.
    #[serde(deserialize_with = "count")]
    pub archive_files: Option<u64>,
    /// Sessions that wait for a batch's rows.
    #[serde(deserialize_with = "count")]
    pub blocked_sessions: Option<u64>,
    /// How long a commit may take.
    #[serde(deserialize_with = "duration")]
    pub commit_time: Option<Duration>,
}

impl Backfill {
    /// Sets one key from its text, as a variable does.
    pub(super) fn set(&mut self, key: &str, text: &str) -> Result<(), String> {
        // The readers of limits know sizes, times and counts.
        let read = |like: &str| {
            let mut limits = Limits::default();
            limits.set(like, text).map(|()| limits).map_err(|bad: limits::Error| bad.to_string())
        };
        match key {
            "workers" => self.workers = read("host_calls")?.host_calls,
            "max_quarantine" => {
                let number = text.trim().parse().map_err(|_| format!("`{text}` is not a whole number"))?;
                self.max_quarantine = Some(number);
            }
            "throttle" => {
                self.throttle =
                    Some(super::variables::truth(text).ok_or_else(|| "`true` or `false` is wanted".to_owned())?);
            }
            "lag_size" => self.lag_size = read("memory")?.memory,
            "lag_time" => self.lag_time = read("cpu")?.cpu,
            "archive_files" => self.archive_files = read("host_calls")?.host_calls,
            "blocked_sessions" => self.blocked_sessions = read("host_calls")?.host_calls,
            "commit_time" => self.commit_time = read("cpu")?.cpu,
            other => unreachable!("`{other}` is not in the list of keys"),
        }
        Ok(())
    }
}
