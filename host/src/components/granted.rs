//! What one revision may use up. Everybody has a say, and the first who speaks decides: a flag, `[revisions.<id>.limits]`,
//! `[limits]`, the default. The front matter may only ask for less than they grant.

use crate::runtime;
use crate::versions::Limits;
use std::time::Duration;

/// The server's own waiting, so that nobody queues behind us for long.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Tries of a revision that meets a lock, a deadlock or a serialisation failure.
const TRIES: u64 = 5;

/// The limits of one revision.
#[derive(Debug, Clone, Copy)]
pub struct Granted {
    /// Every key is set.
    limits: Limits,
    /// Those that its own front matter lowers.
    lowered: Limits,
}

impl Granted {
    /// What is granted by those who `said` something, first come first served.
    pub(super) fn by(said: impl IntoIterator<Item = Limits>) -> Self {
        let limits = said.into_iter().fold(Limits::default(), Limits::over).over(defaults());
        Self { limits, lowered: Limits::default() }
    }

    /// With what the front matter asks for; the key where that is more than is granted.
    pub(super) fn lowered_to(self, asked: &Limits) -> Result<Self, &'static str> {
        match asked.asks_more_than(&self.limits) {
            Some(key) => Err(key),
            None => Ok(Self { limits: asked.over(self.limits), lowered: *asked }),
        }
    }

    /// Those that the sandbox keeps.
    #[must_use]
    pub fn sandbox(&self) -> runtime::Limits {
        let Limits { memory, cpu, transform_cpu, stack, result_size, statement_size, host_calls, log_size, .. } =
            self.limits;
        let unsaid = runtime::Limits::default();
        runtime::Limits {
            memory: memory.unwrap_or(unsaid.memory),
            cpu: cpu.unwrap_or(unsaid.cpu),
            transform_cpu: transform_cpu.unwrap_or(unsaid.transform_cpu),
            stack: stack.unwrap_or(unsaid.stack),
            result_size: result_size.unwrap_or(unsaid.result_size),
            statement_size: statement_size.unwrap_or(unsaid.statement_size),
            host_calls: host_calls.unwrap_or(unsaid.host_calls),
            log_size: log_size.unwrap_or(unsaid.log_size),
        }
    }

    /// How long the server waits for a lock; zero is for ever.
    #[must_use]
    pub fn lock_timeout(&self) -> Duration {
        self.limits.lock_timeout.unwrap_or(LOCK_TIMEOUT)
    }

    /// How long a statement may take; zero is for ever.
    #[must_use]
    pub fn statement_timeout(&self) -> Duration {
        self.limits.statement_timeout.unwrap_or(Duration::ZERO)
    }

    /// How often it is tried.
    #[must_use]
    pub fn tries(&self) -> u64 {
        self.limits.max_tries.unwrap_or(TRIES)
    }

    /// What raises the limit of `key`.
    #[must_use]
    pub fn raised_by(&self, key: &str) -> String {
        if self.lowered.entries().iter().any(|(lowered, _)| *lowered == key) {
            format!("`{key}` in the revision's front matter")
        } else {
            format!("`--{} …`, or `{key} = …` under `[limits]` in wmigrate.toml", key.replace('_', "-"))
        }
    }
}

fn defaults() -> Limits {
    let runtime::Limits { memory, cpu, transform_cpu, stack, result_size, statement_size, host_calls, log_size } =
        runtime::Limits::default();
    Limits {
        memory: Some(memory),
        cpu: Some(cpu),
        transform_cpu: Some(transform_cpu),
        stack: Some(stack),
        result_size: Some(result_size),
        statement_size: Some(statement_size),
        host_calls: Some(host_calls),
        log_size: Some(log_size),
        statement_timeout: Some(Duration::ZERO),
        lock_timeout: Some(LOCK_TIMEOUT),
        max_tries: Some(TRIES),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Limits {
        let mut limits = Limits::default();
        for (key, text) in pairs {
            limits.set(key, text).unwrap();
        }
        limits
    }

    #[test]
    fn the_first_who_speaks_decides() {
        let flag = of(&[("host_calls", "1000")]);
        let revision = of(&[("host_calls", "10"), ("lock_timeout", "9 s")]);
        let all = of(&[("lock_timeout", "1 s"), ("stack", "2 MiB"), ("max_tries", "2")]);
        let granted = Granted::by([flag, revision, all]);
        assert_eq!(granted.sandbox().host_calls, 1000);
        assert_eq!(granted.sandbox().stack, 2 << 20);
        assert_eq!(granted.lock_timeout(), Duration::from_secs(9));
        assert_eq!(granted.statement_timeout(), Duration::ZERO);
        assert_eq!(granted.tries(), 2);
    }

    #[test]
    fn front_matter_asks_for_less() {
        let check = |key, text, expected: Result<&str, &str>| {
            let got = Granted::by([of(&[("host_calls", "100")])]).lowered_to(&of(&[(key, text)]));
            assert_eq!(got.map(|granted| granted.raised_by(key)).as_deref().map_err(|key| *key), expected);
        };
        check("host_calls", "50", Ok("`host_calls` in the revision's front matter"));
        check("host_calls", "101", Err("host_calls"));
        check("lock_timeout", "1 s", Ok("`lock_timeout` in the revision's front matter"));
        check("lock_timeout", "3 s", Err("lock_timeout"));
        check("lock_timeout", "none", Err("lock_timeout"));
        check("statement_timeout", "none", Ok("`statement_timeout` in the revision's front matter"));
        check("stack", "2 MiB", Err("stack"));
        check("max_tries", "6", Err("max_tries"));
    }

    #[test]
    fn a_limit_says_what_raises_it() {
        let granted = Granted::by([]);
        let expected = "`--log-size …`, or `log_size = …` under `[limits]` in wmigrate.toml";
        assert_eq!(granted.raised_by("log_size"), expected);
    }
}
