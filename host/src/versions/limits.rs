//! Limits as people write them: `memory = "64 MiB"`, `cpu = "10 s"`, in the front matter, in `wmigrate.toml`, in a
//! variable or a flag. Only reading, writing and comparing; what they default to and how they are kept is the runtime's.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The keys, as users write them.
pub const KEYS: [&str; 11] = [
    "memory",
    "cpu",
    "transform_cpu",
    "stack",
    "result_size",
    "statement_size",
    "host_calls",
    "log_size",
    "statement_timeout",
    "lock_timeout",
    "max_tries",
];

/// What was written for each limit; `None` where nothing was. Sizes are bytes. A timeout of zero is `"none"`: no timeout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Linear memory of the guest.
    #[serde(deserialize_with = "bytes")]
    pub memory: Option<u64>,
    /// Time in the guest; time in SQL is not counted.
    #[serde(deserialize_with = "duration")]
    pub cpu: Option<Duration>,
    /// Time of a backfill's transform for one batch.
    #[serde(deserialize_with = "duration")]
    pub transform_cpu: Option<Duration>,
    /// Stack of the guest.
    #[serde(deserialize_with = "stack")]
    pub stack: Option<u64>,
    /// One query result.
    #[serde(deserialize_with = "bytes")]
    pub result_size: Option<u64>,
    /// One statement with its parameters.
    #[serde(deserialize_with = "bytes")]
    pub statement_size: Option<u64>,
    /// Calls of host functions in one run.
    #[serde(deserialize_with = "count")]
    pub host_calls: Option<u64>,
    /// Log text of one run.
    #[serde(deserialize_with = "bytes")]
    pub log_size: Option<u64>,
    /// PostgreSQL's `statement_timeout`.
    #[serde(deserialize_with = "timeout")]
    pub statement_timeout: Option<Duration>,
    /// PostgreSQL's `lock_timeout`.
    #[serde(deserialize_with = "timeout")]
    pub lock_timeout: Option<Duration>,
    /// How often a revision is tried when a lock or a serialization failure stops it.
    #[serde(deserialize_with = "count")]
    pub max_tries: Option<u64>,
}

/// Why a limit's text was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such limit.
    #[error("no limit is called `{0}`")]
    UnknownKey(String),
    /// Not a size.
    #[error("`{0}` is not a size: a whole number and one of B, KiB, MiB, GiB, as in `64 MiB`")]
    Size(String),
    /// Not a time.
    #[error("`{0}` is not a duration: a whole number and one of ms, s, min, h, as in `10 s`")]
    Duration(String),
    /// More than PostgreSQL's timeouts can be.
    #[error("`{0}` is not a time that PostgreSQL can count, which is 596 h at most")]
    Long(String),
    /// Not a stack that can be had.
    #[error("`{0}` is not a size of a stack, which has 1 GiB at most")]
    Stack(String),
    /// Not a count.
    #[error("`{0}` is not a whole number above zero")]
    Count(String),
}

impl Limits {
    /// Sets one limit from its text, as a variable or a flag does.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), Error> {
        match key {
            "memory" => self.memory = Some(bytes_from(text)?),
            "cpu" => self.cpu = Some(duration_from(text)?),
            "transform_cpu" => self.transform_cpu = Some(duration_from(text)?),
            "stack" => self.stack = Some(stack_from(text)?),
            "result_size" => self.result_size = Some(bytes_from(text)?),
            "statement_size" => self.statement_size = Some(bytes_from(text)?),
            "host_calls" => self.host_calls = Some(count_from(text)?),
            "log_size" => self.log_size = Some(bytes_from(text)?),
            "statement_timeout" => self.statement_timeout = Some(timeout_from(text)?),
            "lock_timeout" => self.lock_timeout = Some(timeout_from(text)?),
            "max_tries" => self.max_tries = Some(count_from(text)?),
            other => return Err(Error::UnknownKey(other.to_owned())),
        }
        Ok(())
    }

    /// These limits, and those of `base` where nothing is set here.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        Self {
            memory: self.memory.or(base.memory),
            cpu: self.cpu.or(base.cpu),
            transform_cpu: self.transform_cpu.or(base.transform_cpu),
            stack: self.stack.or(base.stack),
            result_size: self.result_size.or(base.result_size),
            statement_size: self.statement_size.or(base.statement_size),
            host_calls: self.host_calls.or(base.host_calls),
            log_size: self.log_size.or(base.log_size),
            statement_timeout: self.statement_timeout.or(base.statement_timeout),
            lock_timeout: self.lock_timeout.or(base.lock_timeout),
            max_tries: self.max_tries.or(base.max_tries),
        }
    }

    /// The first key with which this asks for more than `most` grants: front matter may only ask for less.
    /// A limit that `most` leaves open is not compared.
    pub fn asks_more_than(&self, most: &Self) -> Option<&'static str> {
        let more = |asked: Option<u64>, most: Option<u64>| matches!((asked, most), (Some(a), Some(m)) if a > m);
        let longer = |asked: Option<Duration>, most: Option<Duration>| {
            // Zero is no timeout at all, so it is the longest.
            let rank = |duration: Duration| if duration.is_zero() { Duration::MAX } else { duration };
            matches!((asked, most), (Some(a), Some(m)) if rank(a) > rank(m))
        };
        [
            ("memory", more(self.memory, most.memory)),
            ("cpu", longer(self.cpu, most.cpu)),
            ("transform_cpu", longer(self.transform_cpu, most.transform_cpu)),
            ("stack", more(self.stack, most.stack)),
            ("result_size", more(self.result_size, most.result_size)),
            ("statement_size", more(self.statement_size, most.statement_size)),
            ("host_calls", more(self.host_calls, most.host_calls)),
            ("log_size", more(self.log_size, most.log_size)),
            ("statement_timeout", longer(self.statement_timeout, most.statement_timeout)),
            ("lock_timeout", longer(self.lock_timeout, most.lock_timeout)),
            ("max_tries", more(self.max_tries, most.max_tries)),
        ]
        .into_iter()
        .find_map(|(key, asks)| asks.then_some(key))
    }

    /// True where nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is set, as it would be written.
    pub fn entries(&self) -> Vec<(&'static str, String)> {
        [
            ("memory", self.memory.map(bytes_to)),
            ("cpu", self.cpu.map(duration_to)),
            ("transform_cpu", self.transform_cpu.map(duration_to)),
            ("stack", self.stack.map(bytes_to)),
            ("result_size", self.result_size.map(bytes_to)),
            ("statement_size", self.statement_size.map(bytes_to)),
            ("host_calls", self.host_calls.map(|count| count.to_string())),
            ("log_size", self.log_size.map(bytes_to)),
            ("statement_timeout", self.statement_timeout.map(duration_to)),
            ("lock_timeout", self.lock_timeout.map(duration_to)),
            ("max_tries", self.max_tries.map(|count| count.to_string())),
        ]
        .into_iter()
        .filter_map(|(key, text)| Some((key, text?)))
        .collect()
    }
}

impl Serialize for Limits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries())
    }
}

/// Milliseconds: PostgreSQL counts its timeouts in 31 bits.
const LONGEST: u64 = i32::MAX as u64;

/// The largest stack: a thread with more cannot be had everywhere.
const DEEPEST: u64 = 1 << 30;

/// A duration such as `500 ms`, `10 s`, `5 min`, `1 h`.
pub fn duration_from(text: &str) -> Result<Duration, Error> {
    let bad = || Error::Duration(text.to_owned());
    let (number, unit) = number_and_unit(text).ok_or_else(bad)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(bad()),
    };
    let millis = number.checked_mul(millis).filter(|millis| *millis > 0).ok_or_else(bad)?;
    if millis > LONGEST { Err(Error::Long(text.to_owned())) } else { Ok(Duration::from_millis(millis)) }
}

/// A duration as [`duration_from`] reads it, in the largest unit that keeps it whole; zero is `none`.
pub fn duration_to(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "none".to_owned(),
        _ if millis.is_multiple_of(3_600_000) => format!("{} h", millis / 3_600_000),
        _ if millis.is_multiple_of(60_000) => format!("{} min", millis / 60_000),
        _ if millis.is_multiple_of(1_000) => format!("{} s", millis / 1_000),
        _ => format!("{millis} ms"),
    }
}

fn timeout_from(text: &str) -> Result<Duration, Error> {
    if text.trim() == "none" { Ok(Duration::ZERO) } else { duration_from(text) }
}

fn bytes_from(text: &str) -> Result<u64, Error> {
    let bad = || Error::Size(text.to_owned());
    let (number, unit) = number_and_unit(text).ok_or_else(bad)?;
    // MB is left out on purpose: a million bytes to most, 1024² to PostgreSQL.
    let scale = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(bad()),
    };
    number.checked_mul(scale).filter(|bytes| *bytes > 0).ok_or_else(bad)
}

fn stack_from(text: &str) -> Result<u64, Error> {
    match bytes_from(text)? {
        bytes if bytes > DEEPEST => Err(Error::Stack(text.to_owned())),
        bytes => Ok(bytes),
    }
}

fn bytes_to(bytes: u64) -> String {
    [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        .into_iter()
        .find(|(scale, _)| bytes.is_multiple_of(*scale))
        .map_or_else(|| format!("{bytes} B"), |(scale, unit)| format!("{} {unit}", bytes / scale))
}

fn count_from(text: &str) -> Result<u64, Error> {
    let number = text.trim().replace('_', "").parse().ok().filter(|count| *count > 0);
    number.ok_or_else(|| Error::Count(text.to_owned()))
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let number = text[..end].replace('_', "").parse().ok()?;
    Some((number, text[end..].trim_start()))
}

/// A TOML string, or an integer for counts: the readers above tell which fits.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Scalar;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("text with a unit, or a whole number")
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

pub(crate) fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    bytes_from(&Scalar::deserialize(deserializer)?.0).map(Some).map_err(D::Error::custom)
}

fn stack<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    stack_from(&Scalar::deserialize(deserializer)?.0).map(Some).map_err(D::Error::custom)
}

pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    count_from(&Scalar::deserialize(deserializer)?.0).map(Some).map_err(D::Error::custom)
}

pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration_from(&Scalar::deserialize(deserializer)?.0).map(Some).map_err(D::Error::custom)
}

fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    timeout_from(&Scalar::deserialize(deserializer)?.0).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, text: &str, want: &str) {
        let mut limits = Limits::default();
        let got = match limits.set(key, text) {
            Ok(()) => limits.entries()[0].1.clone(),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, want, "{key} = {text}");
    }

    #[test]
    fn texts() {
        check("memory", "64 MiB", "64 MiB");
        check("memory", "1536KiB", "1536 KiB");
        check("memory", "2048 KiB", "2 MiB");
        check("stack", "1000 B", "1000 B");
        check("cpu", "90 s", "90 s");
        check("cpu", "120 s", "2 min");
        check("statement_timeout", "none", "none");
        check("host_calls", "1_000_000", "1000000");
        check("memory", "64 MB", "`64 MB` is not a size: a whole number and one of B, KiB, MiB, GiB, as in `64 MiB`");
        check("memory", "64", "`64` is not a size: a whole number and one of B, KiB, MiB, GiB, as in `64 MiB`");
        check(
            "memory",
            "99999999999999 GiB",
            "`99999999999999 GiB` is not a size: a whole number and one of B, KiB, MiB, GiB, as in `64 MiB`",
        );
        check("cpu", "none", "`none` is not a duration: a whole number and one of ms, s, min, h, as in `10 s`");
        check("cpu", "0 s", "`0 s` is not a duration: a whole number and one of ms, s, min, h, as in `10 s`");
        check("max_tries", "-1", "`-1` is not a whole number above zero");
        check("memroy", "1 B", "no limit is called `memroy`");
    }

    #[test]
    fn every_key_can_be_set_and_is_written() {
        let mut limits = Limits::default();
        for key in KEYS {
            let text = ["1 MiB", "1 s", "1"].into_iter().find(|text| limits.set(key, text).is_ok());
            assert!(text.is_some(), "{key}");
        }
        assert_eq!(limits.entries().iter().map(|(key, _)| *key).collect::<Vec<_>>(), KEYS);
        let written = serde_json::to_string(&limits).unwrap();
        assert_eq!(serde_json::from_str::<Limits>(&written).unwrap(), limits);
    }

    #[test]
    fn front_matter_may_only_ask_for_less() {
        let set = |key: &str, text: &str| {
            let mut limits = Limits::default();
            limits.set(key, text).unwrap();
            limits
        };
        assert_eq!(set("memory", "2 MiB").asks_more_than(&set("memory", "1 MiB")), Some("memory"));
        assert_eq!(set("memory", "1 MiB").asks_more_than(&set("memory", "1 MiB")), None);
        assert_eq!(
            set("statement_timeout", "none").asks_more_than(&set("statement_timeout", "1 s")),
            Some("statement_timeout")
        );
        assert_eq!(set("statement_timeout", "1 s").asks_more_than(&set("statement_timeout", "none")), None);
    }
}
