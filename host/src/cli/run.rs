//! What upgrade and downgrade share: connect, decide, take the lock, decide again, carry out, report.
//!
//! A database that is where it should be costs one connection and one round trip: no lock, no engine, no wasm file.

use super::crew::CrewArgs;
use super::exit::{CliError, Code};
use super::print::Printer;
use super::progress::Progress;
use super::project::{self, Project};
use super::signals::Signals;
use super::{Global, block_on};
use crate::components::{Components, Policy};
use crate::graph::{self, Direction, HalfDone, Map, Plan};
use crate::runner::{self, Options, Report, Run};
use crate::runtime::{Cache, Failure, Runtimes};
use crate::sql::lock::{self, Key};
use crate::sql::{Connection, LockOptions, Settings};
use crate::state::{self, Standing, log, schema};
use crate::versions;
use clap::Args;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Options of a run.
#[derive(Args, Clone, Default)]
pub struct RunArgs {
    /// Run everything, print each statement, then roll it all back.
    #[arg(long)]
    pub dry_run: bool,
    /// One transaction for all revisions instead of one for each.
    #[arg(long)]
    pub single_transaction: bool,
    /// Build nothing; fail if a source does not match `wmigrate.lock`.
    #[arg(long)]
    pub locked: bool,
    /// Go on although an applied revision was edited since it ran.
    #[arg(long)]
    pub allow_changed: bool,
    /// How long to wait for another wmigrate to finish, for example `10 min`.
    #[arg(long, value_name = "TIME")]
    pub lock_wait: Option<String>,
    /// Rows of a backfill that may fail and be put aside; the first one more ends it [default: 0].
    #[arg(long, value_name = "ROWS", help_heading = "Backfills (also under [backfill] in wmigrate.toml)")]
    pub max_quarantine: Option<u64>,
    /// How backfills are worked on.
    #[command(flatten)]
    pub crew: CrewArgs,
    /// Limits of the revisions.
    #[command(flatten)]
    pub limits: LimitArgs,
}

impl RunArgs {
    /// The flag that makes one transaction of a run.
    pub(super) fn together(&self) -> Option<&'static str> {
        match (self.dry_run, self.single_transaction) {
            (true, _) => Some("--dry-run"),
            (false, true) => Some("--single-transaction"),
            (false, false) => None,
        }
    }

    fn lock_wait(&self) -> Result<Option<Duration>, CliError> {
        let parse = |text: &String| {
            versions::limits::duration_from(text)
                .map_err(|error| CliError::usage(format!("`--lock-wait {text}`: {error}")))
        };
        self.lock_wait.as_ref().map(parse).transpose()
    }
}

/// A flag for each limit.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Limits of a revision (also under [limits] in wmigrate.toml)")]
pub struct LimitArgs {
    /// Memory of the guest [default: 256 MiB].
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Time in the guest's own code, SQL not counted [default: 60 s].
    #[arg(long, value_name = "TIME")]
    pub cpu: Option<String>,
    /// Time of a backfill's transform for one batch [default: 10 s].
    #[arg(long, value_name = "TIME")]
    pub transform_cpu: Option<String>,
    /// Stack of the guest [default: 1 MiB].
    #[arg(long, value_name = "SIZE")]
    pub stack: Option<String>,
    /// Size of one query result [default: 64 MiB].
    #[arg(long, value_name = "SIZE")]
    pub result_size: Option<String>,
    /// Size of one statement with its parameters [default: 16 MiB].
    #[arg(long, value_name = "SIZE")]
    pub statement_size: Option<String>,
    /// Calls of host functions [default: 1000000].
    #[arg(long, value_name = "COUNT")]
    pub host_calls: Option<String>,
    /// Log text [default: 10 MiB].
    #[arg(long, value_name = "SIZE")]
    pub log_size: Option<String>,
    /// PostgreSQL's `statement_timeout` [default: none].
    #[arg(long, value_name = "TIME")]
    pub statement_timeout: Option<String>,
    /// PostgreSQL's `lock_timeout`, with retries of the whole revision [default: 2 s].
    #[arg(long, value_name = "TIME")]
    pub lock_timeout: Option<String>,
    /// How often a revision is tried that meets a lock, a deadlock or a serialisation failure [default: 5].
    #[arg(long, value_name = "COUNT")]
    pub max_tries: Option<String>,
}

impl LimitArgs {
    pub(super) fn parse(&self) -> Result<versions::Limits, CliError> {
        let given = [
            ("memory", &self.memory),
            ("cpu", &self.cpu),
            ("transform_cpu", &self.transform_cpu),
            ("stack", &self.stack),
            ("result_size", &self.result_size),
            ("statement_size", &self.statement_size),
            ("host_calls", &self.host_calls),
            ("log_size", &self.log_size),
            ("statement_timeout", &self.statement_timeout),
            ("lock_timeout", &self.lock_timeout),
            ("max_tries", &self.max_tries),
        ];
        let mut limits = versions::Limits::default();
        for (key, text) in given {
            if let Some(text) = text {
                limits
                    .set(key, text)
                    .map_err(|error| CliError::usage(format!("`--{} {text}`: {error}", key.replace('_', "-"))))?;
            }
        }
        Ok(limits)
    }
}

/// Decides what to do from the version rows, and from the revision that is half-way.
pub(super) type Decide<'a> = &'a dyn Fn(&Map, &[String], Option<&HalfDone>) -> Result<Plan, graph::Error>;

/// The revision that is half-way. One that is being taken back may have been half-way up before.
pub(super) fn half_done(standing: &Standing) -> Option<HalfDone> {
    let of = |way: &str| standing.in_progress.iter().find(|run| run.direction == way);
    let direction = |way| if way == "downgrade" { Direction::Downgrade } else { Direction::Upgrade };
    ["downgrade", "upgrade"]
        .into_iter()
        .find_map(|way| of(way).map(|run| HalfDone { revision: run.revision.clone(), direction: direction(way) }))
}

/// Runs whatever `decide` wants.
pub(super) fn run(global: &Global, printer: &Printer, args: &RunArgs, decide: Decide<'_>) -> Result<(), CliError> {
    let project = Project::load(global)?;
    // A slip in the command line is one at head too, where neither is needed.
    let limits = args.limits.parse()?;
    args.lock_wait()?;
    project::x_arguments(&project.config, global)?;
    let settings = project.settings(global, printer)?;
    block_on(async {
        let (connection, standing) = project.connect_to_run(&settings, limits).await?;
        match decide(&project.map, &standing.rows, half_done(&standing).as_ref()) {
            Ok(plan) if plan.steps.is_empty() => {
                report_json(printer, &plan, &[], &standing.rows);
                return Ok(());
            }
            // Somebody may be at it this very moment: who holds the lock decides.
            Ok(_) | Err(graph::Error::HalfDone { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(reason) = standing.read_only {
            return Err(crate::sql::Error::ReadOnly(reason).into());
        }
        let job = Job::new(&project, global, *printer, args, &settings)?;
        Box::pin(job.carry_out(connection, standing.current, decide)).await
    })
}

struct Job<'a> {
    project: &'a Project,
    printer: Printer,
    args: &'a RunArgs,
    settings: &'a Settings,
    options: Options,
    lock: LockOptions,
    signals: Signals,
    components: Components,
}

impl<'a> Job<'a> {
    fn new(
        project: &'a Project,
        global: &Global,
        printer: Printer,
        args: &'a RunArgs,
        settings: &'a Settings,
    ) -> Result<Self, CliError> {
        let wait = args.lock_wait()?.unwrap_or(project.config.lock_wait);
        let signals = Signals::default();
        let options = Options {
            schema: project.schema().to_owned(),
            single_transaction: args.single_transaction,
            dry_run: args.dry_run,
            x_arguments: project::x_arguments(&project.config, global)?,
            crew: args.crew.options(
                project,
                settings,
                &signals.interrupt,
                args.max_quarantine,
                &Components::granted_to_most(&project.config, args.limits.parse()?),
            ),
            interrupt: signals.interrupt.clone(),
        };
        let policy = Policy { locked: args.locked, limits: args.limits.parse()? };
        let components = Components::open(&project.config, Arc::clone(&project.versions), policy)?;
        Ok(Self { project, printer, args, settings, options, lock: LockOptions { wait }, signals, components })
    }

    async fn carry_out(&self, mut connection: Connection, current: bool, decide: Decide<'_>) -> Result<(), CliError> {
        self.signals.listen(self.printer, connection.cancel_handle());
        let schema = self.project.schema();
        let key = Key::of_schema(schema);
        let mut waiting = |holder: &crate::sql::Holder| {
            self.printer.talk(&format!("waiting for the migration lock, held by {holder}"));
        };
        let asked = || self.signals.asked();
        lock::acquire(&mut connection, self.settings, key, &self.lock, &mut waiting, &asked)
            .await
            .map_err(|error| self.stopped(CliError::from(error)))?;
        if !current && !self.args.dry_run {
            let done = schema::ensure(&connection, schema).await;
            lock::release_after_error(&connection, key, done).await?;
        }
        // While we waited, whoever had the lock may have done the work.
        let standing = state::read(&connection, schema).await?;
        let plan = decide(&self.project.map, &standing.rows, half_done(&standing).as_ref());
        let plan = lock::release_after_error(&connection, key, plan).await.map_err(|error| {
            let mut error = CliError::from(error);
            error.standing = Some(standing_line(&standing, &[], self.args.dry_run, &Fate::Kept));
            error
        })?;
        if plan.steps.is_empty() {
            lock::release(&connection, key).await?;
            report_json(&self.printer, &plan, &[], &standing.rows);
            return Ok(());
        }
        let checked = self.check(&plan, &connection, &standing).await;
        lock::release_after_error(&connection, key, checked).await.map_err(|mut error| {
            error.standing = Some(standing_line(&standing, &[], self.args.dry_run, &Fate::Kept));
            error
        })?;
        let runtimes = self.runtimes();
        let watcher = Arc::new(Progress::new(self.printer, plan.steps.len(), self.args.dry_run));
        let run = Run {
            components: &self.components,
            runtimes: &runtimes,
            options: &self.options,
            watcher,
            rows: &standing.rows,
            schema_current: standing.current,
            settings: self.settings,
            plugins: &self.project.plugins,
            prepared: runner::Prepared::default(),
            observer: runner::Observer::default(),
        };
        let report = Box::pin(run.carry_out(&plan, connection)).await;
        drop(run);
        self.conclude(&plan, report, &standing.rows).await
    }

    /// Everything that can be known to be wrong before anything runs.
    async fn check(&self, plan: &Plan, connection: &Connection, standing: &Standing) -> Result<(), CliError> {
        refuse_irreversible(&self.project.map, plan)?;
        self.components.check(plan, self.args.together())?;
        self.refuse_without_journal(standing)?;
        if !standing.exists || self.args.allow_changed {
            return Ok(());
        }
        let ran = log::digests(connection, self.project.schema()).await?;
        let applied = self.project.map.applied(&state::read(connection, self.project.schema()).await?.rows)?;
        self.components.check_applied(&ran, applied.iter().map(|revision| revision.id.as_str()))?;
        Ok(())
    }

    /// A half-done revision that is not durable any more would do all its steps again.
    fn refuse_without_journal(&self, standing: &Standing) -> Result<(), CliError> {
        let Some(half) = half_done(standing) else { return Ok(()) };
        if self.components.job(&half.revision).is_durable() {
            return Ok(());
        }
        let message = format!(
            "revision `{}` is half-way, and its file does not say `transaction = \"none\"` any more: its steps would be done twice",
            half.revision
        );
        Err(CliError::new(Code::Failed, "diverged", message).hint("put the line back, and run the same command again"))
    }

    fn runtimes(&self) -> Arc<Runtimes> {
        let folder = super::project::cache_folder(&self.project.environment);
        let (cache, note) = Cache::open(folder.as_deref());
        if let Some(note) = note {
            self.printer.talk(&format!("note: {note}"));
        }
        Arc::new(Runtimes::new(cache, Arc::clone(&self.options.interrupt.now)))
    }

    /// Says how it went and where the database stands now.
    async fn conclude(&self, plan: &Plan, report: Report, before: &[String]) -> Result<(), CliError> {
        self.options.interrupt.settled().await;
        let mut done: Vec<_> = report.done.iter().map(|done| done.revision.clone()).collect();
        let Some(error) = report.error else {
            if let Some(connection) = &report.connection {
                // The lock ends with the session anyway; this spares whoever waits the time of our exit.
                let _ = lock::release(connection, Key::of_schema(self.project.schema())).await;
            }
            let after = if self.args.dry_run { before } else { &plan.heads_after };
            report_json(&self.printer, plan, &done, after);
            if self.args.dry_run {
                self.printer.talk(&format!("dry run: {} rolled back, nothing was changed", revisions(done.len())));
            }
            return Ok(());
        };
        let unknown = match &error {
            runner::Error::Unknown { revision, proof, .. } => Some((revision.clone(), proof.clone())),
            _ => None,
        };
        let stopped = error.stopped();
        let mut fate = Fate::of(&error);
        let failed = error.step().and_then(|step| self.project.versions.find(&step.revision));
        let mut error = CliError::from(error);
        if let Some(file) = failed {
            error.name_source(file);
        }
        if stopped {
            error.code = self.signals.code();
        }
        let connection = match report.connection {
            Some(connection) => Some(connection),
            None => self.reconnect().await,
        };
        let Some(connection) = connection else {
            error.standing = Some(
                "the database cannot be reached now; what was not committed is rolled back by the server: \
                 run `wmigrate status` when it is back"
                    .to_owned(),
            );
            return Err(error);
        };
        if let Some((revision, proof)) = unknown {
            match outcome_of(&connection, self.project.schema(), &revision, &proof).await {
                Some(true) => {
                    // With one transaction for all, it was the whole plan.
                    let count = if self.options.single_transaction { plan.steps.len() } else { done.len() + 1 };
                    done = plan.steps.iter().take(count).map(|step| step.revision.clone()).collect();
                    fate = Fate::Kept;
                    error.message.push_str("; it was committed");
                    error.hint = Some("run the same command again to go on".to_owned());
                }
                Some(false) => {
                    fate = Fate::Undone;
                    error.message.push_str("; it was not committed");
                    error.hint = Some("run the same command again".to_owned());
                }
                None => {}
            }
        }
        error.standing = state::read(&connection, self.project.schema())
            .await
            .ok()
            .map(|standing| standing_line(&standing, &done, self.args.dry_run, &fate));
        // After a lost connection it is another session, and the lock was the old one's.
        if connection.holds_lock() {
            let _ = lock::release(&connection, Key::of_schema(self.project.schema())).await;
        }
        Err(error)
    }

    /// After a lost connection: a server that restarts is back within seconds.
    async fn reconnect(&self) -> Option<Connection> {
        const TRIES: u32 = 10;
        for _ in 0..TRIES {
            if let Ok(connection) = Connection::open(self.settings).await {
                return Some(connection);
            }
            if self.signals.asked() {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        None
    }

    fn stopped(&self, mut error: CliError) -> CliError {
        if error.kind == "stopped" {
            error.code = self.signals.code();
            error.standing = Some("nothing was run".to_owned());
        }
        error
    }
}

/// How a transaction ended. A session whose connection broke may live on for a moment.
async fn outcome_of(connection: &Connection, schema: &str, revision: &str, proof: &crate::sql::Proof) -> Option<bool> {
    const TRIES: u32 = 20;
    for _ in 0..TRIES {
        match state::outcome_of(connection, schema, revision, proof).await {
            Ok(Some(committed)) => return Some(committed),
            Ok(None) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(_) => return None,
        }
    }
    None
}

/// What became of the step with which a run ended.
enum Fate {
    /// None was begun, or it was committed after all.
    Kept,
    /// It was rolled back.
    Undone,
    /// Nobody can say yet.
    Undecided(String),
    /// It ended its transaction itself, however it did that.
    Loose(String),
}

impl Fate {
    fn of(error: &runner::Error) -> Self {
        match error {
            runner::Error::Interrupted => Self::Kept,
            runner::Error::Unknown { revision, .. } => Self::Undecided(revision.clone()),
            runner::Error::Step(step) if matches!(step.failure, Failure::Ended) => Self::Loose(step.revision.clone()),
            _ => Self::Undone,
        }
    }
}

/// `the database is at a, b; 3 revisions done and kept`
fn standing_line(standing: &Standing, done: &[String], dry_run: bool, fate: &Fate) -> String {
    let place = match standing.rows.as_slice() {
        [] => "base".to_owned(),
        rows => rows.iter().map(|row| format!("`{row}`")).collect::<Vec<_>>().join(", "),
    };
    let kept = match done.len() {
        0 => String::new(),
        n => format!("; {} done and kept", revisions(n)),
    };
    if let Some(half) = half_done(standing) {
        let run = standing.in_progress.iter().find(|run| run.revision == half.revision);
        let steps = run.map_or(0, |run| run.steps_done);
        let way = if half.direction == Direction::Downgrade { "down" } else { "up" };
        return format!(
            "the database is at {place}{kept}; `{}` is half-way {way}: {steps} of its steps {} done and kept, and the same command goes on from there",
            half.revision,
            if steps == 1 { "is" } else { "are" }
        );
    }
    match fate {
        Fate::Undecided(revision) => format!(
            "the database is at {place} for now{kept}; whether `{revision}` is applied is not decided yet: the server still works on it, or cannot say"
        ),
        Fate::Loose(revision) => {
            format!(
                "the database is at {place}{kept}; `{revision}` is not among what is applied, but some of its changes may be"
            )
        }
        _ if dry_run || done.is_empty() => format!("the database is at {place}; nothing was changed"),
        Fate::Kept => format!("the database is at {place}{kept}"),
        Fate::Undone => format!("the database is at {place}{kept}, the failed one left nothing behind"),
    }
}

pub(super) fn revisions(count: usize) -> String {
    if count == 1 { "1 revision".to_owned() } else { format!("{count} revisions") }
}

fn report_json(printer: &Printer, plan: &Plan, done: &[String], after: &[String]) {
    if printer.json {
        printer.json(&json!({ "done": done, "steps": plan.steps, "heads": after }));
    }
}

/// Downgrades that their authors ruled out are refused before anything runs.
pub(super) fn refuse_irreversible(map: &Map, plan: &Plan) -> Result<(), CliError> {
    for step in plan.steps.iter().filter(|step| step.direction == Direction::Downgrade) {
        if map.get(&step.revision).is_some_and(|revision| revision.irreversible) {
            let message =
                format!("revision `{}` is irreversible: its author says that there is no way back", step.revision);
            return Err(CliError::new(Code::Failed, "irreversible", message)
                .hint(format!("restore a backup, or write a new revision that goes forward; to only move the version rows: wmigrate stamp {}", step.to.join(" "))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Fate, standing_line};
    use crate::state::{Standing, journal::InProgress};

    #[test]
    fn where_the_database_stands_is_said_no_surer_than_it_is_known() {
        let check = |rows: &[&str], done: &[&str], fate: &Fate, expected: &str| {
            let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
            let standing = Standing { rows: owned(rows), ..Standing::default() };
            assert_eq!(standing_line(&standing, &owned(done), false, fate), expected);
        };
        check(&[], &[], &Fate::Undone, "the database is at base; nothing was changed");
        check(&["a"], &["a"], &Fate::Kept, "the database is at `a`; 1 revision done and kept");
        check(
            &["a"],
            &["a"],
            &Fate::Undone,
            "the database is at `a`; 1 revision done and kept, the failed one left nothing behind",
        );
        check(
            &["a"],
            &["a"],
            &Fate::Undecided("b".to_owned()),
            "the database is at `a` for now; 1 revision done and kept; whether `b` is applied is not decided yet: the server still works on it, or cannot say",
        );
        check(
            &["a"],
            &[],
            &Fate::Loose("b".to_owned()),
            "the database is at `a`; `b` is not among what is applied, but some of its changes may be",
        );
    }

    #[test]
    fn a_revision_that_is_half_way_is_named() {
        let run = InProgress {
            revision: "b".to_owned(),
            direction: "upgrade".to_owned(),
            steps_done: 3,
            last: None,
            since: String::new(),
        };
        let standing = Standing { rows: vec!["a".to_owned()], in_progress: vec![run], ..Standing::default() };
        assert_eq!(
            standing_line(&standing, &[], false, &Fate::Undone),
            "the database is at `a`; `b` is half-way up: 3 of its steps are done and kept, and the same command goes on from there"
        );
    }
}
