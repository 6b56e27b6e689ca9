//! What a guest may use up, and how that is held: every limit's value, name, meaning and enforcement.
//!
//! A limit that is reached ends the run with [`Limit`], which names it, its value and the key that raises it.

use crate::units::Bytes;
use std::fmt;
use std::time::{Duration, Instant};
use wasmtime::ResourceLimiter;

/// Limits of one run. The defaults are those of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, all memories of the component together.
    pub memory: u64,
    /// Time spent in the guest's own code; waiting for SQL does not count.
    pub cpu: Duration,
    /// Time that a transform has for a batch.
    pub transform_cpu: Duration,
    /// Bytes of wasm stack.
    pub stack: u64,
    /// Bytes the server may send for one statement.
    pub result_size: u64,
    /// Bytes of one statement with its parameters.
    pub statement_size: u64,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Bytes of log text.
    pub log_size: u64,
}

const MIB: u64 = 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 * MIB,
            cpu: Duration::from_mins(1),
            transform_cpu: Duration::from_secs(10),
            stack: MIB,
            result_size: 64 * MIB,
            statement_size: 16 * MIB,
            host_calls: 1_000_000,
            log_size: 10 * MIB,
        }
    }
}

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Linear memory.
    Memory(u64),
    /// Time in the guest.
    Cpu(Duration),
    /// Stack, as deep recursion uses it.
    Stack(u64),
    /// Tables, memories or instances beyond any sensible program.
    Tables,
    /// Host calls.
    HostCalls(u64),
    /// Log text.
    LogSize(u64),
    /// More bytes handed to the host in one call than any call may take.
    CallSize(usize),
}

impl Limit {
    /// The key in `wmigrate.toml` under `[limits]`, which is also the flag's name with `-` for `_`; none where it is fixed.
    #[must_use]
    pub fn key(self) -> Option<&'static str> {
        match self {
            Self::Memory(_) => Some("memory"),
            Self::Cpu(_) => Some("cpu"),
            Self::Stack(_) => Some("stack"),
            Self::HostCalls(_) => Some("host_calls"),
            Self::LogSize(_) => Some("log_size"),
            Self::Tables | Self::CallSize(_) => None,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Memory(bytes) => write!(f, "it asked for more memory than its limit of {}", Bytes(bytes)),
            Self::Cpu(time) => write!(f, "it ran longer than its limit of {time:?} (time in SQL not counted)"),
            Self::Stack(bytes) => {
                write!(f, "it needed more stack than its limit of {} (endless recursion?)", Bytes(bytes))
            }
            Self::Tables => f.write_str("it asked for more tables or instances than any revision may have"),
            Self::HostCalls(calls) => write!(f, "it made more host calls than its limit of {calls}"),
            Self::LogSize(bytes) => write!(f, "it logged more than its limit of {}", Bytes(bytes)),
            Self::CallSize(bytes) => write!(f, "it handed over more than {} in one call", Bytes(bytes as u64)),
        }
    }
}

impl std::error::Error for Limit {}

/// Table elements of a component: a `CPython` has some 10,000, an attacker wants billions.
const TABLE_ELEMENTS: usize = 200_000;

/// Holds memory and tables. The memories of a component are added up.
#[derive(Debug)]
pub(super) struct Memory {
    limit: u64,
    used: u64,
    /// Kept because the trap itself does not say which limit it was.
    pub(super) reached: Option<Limit>,
}

impl Memory {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { limit: limits.memory, used: 0, reached: None }
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current) as u64;
        if self.used.saturating_add(more) > self.limit {
            self.reached = Some(Limit::Memory(self.limit));
            // An allocator that gets "no" aborts with its own words; ending it here names the limit.
            return Err(Limit::Memory(self.limit).into());
        }
        self.used += more;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > TABLE_ELEMENTS {
            self.reached = Some(Limit::Tables);
            return Err(Limit::Tables.into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        64
    }

    fn memories(&self) -> usize {
        16
    }
}

/// Measures the time spent in guest code: started on the way in, paused in every host call.
#[derive(Debug)]
pub(super) struct GuestClock {
    limit: Duration,
    spent: Duration,
    since: Option<Instant>,
}

impl GuestClock {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { limit: limits.cpu, spent: Duration::ZERO, since: None }
    }

    pub(super) fn enter_guest(&mut self) {
        self.since = Some(Instant::now());
    }

    pub(super) fn leave_guest(&mut self) {
        if let Some(since) = self.since.take() {
            self.spent += since.elapsed();
        }
    }

    pub(super) fn check(&self) -> Result<(), Limit> {
        let running = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        if self.spent + running > self.limit { Err(Limit::Cpu(self.limit)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_names_itself_its_value_and_its_key() {
        let check = |limit: Limit, text: &str, key: Option<&str>| {
            assert_eq!(limit.to_string(), text);
            assert_eq!(limit.key(), key);
        };
        check(Limit::Memory(256 * MIB), "it asked for more memory than its limit of 256 MiB", Some("memory"));
        check(
            Limit::Cpu(Duration::from_mins(1)),
            "it ran longer than its limit of 60s (time in SQL not counted)",
            Some("cpu"),
        );
        check(Limit::HostCalls(10), "it made more host calls than its limit of 10", Some("host_calls"));
    }

    #[test]
    fn memories_are_added_up() {
        let mut memory = Memory::new(&Limits { memory: 100, ..Limits::default() });
        assert!(memory.memory_growing(0, 60, None).is_ok());
        assert!(memory.memory_growing(0, 40, None).is_ok());
        assert!(memory.memory_growing(40, 41, None).is_err());
        assert_eq!(memory.reached, Some(Limit::Memory(100)));
    }
}
