//! How backfills are worked on: flags over `[backfill]` over the defaults.

use super::project::Project;
use crate::backfill::{self, Throttle};
use crate::components::Granted;
use crate::runner::Interrupt;
use crate::sql::Settings;
use clap::Args;
use std::sync::Arc;

/// Flags of whatever works on backfills.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Backfills (also under [backfill] in wmigrate.toml)")]
pub struct CrewArgs {
    /// Threads that work on a backfill of a durable revision, with two sessions each [default: 1].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=64))]
    pub workers: Option<u64>,
    /// Do not give way to replication lag, the WAL archive, blocked sessions, autovacuum and slow commits.
    #[arg(long)]
    pub no_throttle: bool,
}

/// Threads, unless somebody says otherwise.
const WORKERS: u64 = 1;

impl CrewArgs {
    /// What this process does for jobs. `max_quarantine` is what a flag says.
    pub(super) fn options(
        &self,
        project: &Project,
        settings: &Settings,
        interrupt: &Interrupt,
        max_quarantine: Option<u64>,
        granted: &Granted,
    ) -> backfill::Options {
        let said = project.config.backfill;
        let unsaid = Throttle::default();
        let throttle = Throttle {
            lag_size: said.lag_size.unwrap_or(unsaid.lag_size),
            lag_time: said.lag_time.unwrap_or(unsaid.lag_time),
            archive_files: said.archive_files.unwrap_or(unsaid.archive_files),
            blocked_sessions: said.blocked_sessions.unwrap_or(unsaid.blocked_sessions),
            commit_time: said.commit_time.unwrap_or(unsaid.commit_time),
        };
        let workers = self.workers.or(said.workers).unwrap_or(WORKERS);
        let asked = interrupt.clone();
        backfill::Options {
            settings: settings.clone(),
            schema: project.schema().to_owned(),
            workers: usize::try_from(workers).unwrap_or(usize::MAX),
            max_quarantine: max_quarantine.or(said.max_quarantine).unwrap_or(0),
            throttle: (!self.no_throttle && said.throttle.unwrap_or(true)).then_some(throttle),
            lock_timeout: granted.lock_timeout(),
            statement_timeout: granted.statement_timeout(),
            transform_time: granted.sandbox().transform_cpu,
            stop: Arc::new(move || asked.asked()),
            stop_now: Arc::clone(&interrupt.now),
        }
    }
}
