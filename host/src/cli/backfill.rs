//! `backfill`: look at the jobs of durable revisions, work on them from another machine, stop them and let them go on.

mod lines;
mod work;

pub(super) use lines::{event, line, living_line};

use super::crew::CrewArgs;
use super::exit::{CliError, Code};
use super::print::Printer;
use super::project::Project;
use super::{Global, block_on};
use crate::backfill::{self, Tried};
use crate::runner::Interrupt;
use crate::sql::Connection;
use crate::state::backfill::{self as jobs, Job};
use clap::{Args, Subcommand};
use serde_json::json;
use std::process::ExitCode;

/// Look at backfills, and work on them.
#[derive(Args)]
pub struct Backfill {
    /// What to do.
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Show the jobs that are not over; with a number, one job and the rows it put aside.
    Status {
        /// The job's number.
        job: Option<i64>,
    },
    /// Work on a job that `upgrade` has begun, beside it or on another machine, until no batch is left.
    Work {
        /// The job's number; otherwise the one that is open.
        job: Option<i64>,
        #[command(flatten)]
        crew: CrewArgs,
    },
    /// Let no further batch begin.
    Pause {
        /// The job's number; otherwise the one that is open.
        job: Option<i64>,
    },
    /// Let a job go on that was paused or cancelled, or has failed.
    Resume {
        /// The job's number; otherwise the one that is open.
        job: Option<i64>,
        /// Go on with the revision's code as it is now, although other code has done a part.
        #[arg(long)]
        accept_changed: bool,
        /// Rows that may fail and be put aside.
        #[arg(long, value_name = "ROWS")]
        max_quarantine: Option<u64>,
    },
    /// Give a job up. What is done stays, until the revision is taken back.
    Cancel {
        /// The job's number; otherwise the one that is open.
        job: Option<i64>,
    },
    /// Try the rows again that were put aside.
    RetryQuarantined {
        /// The job's number; otherwise the latest that has such rows.
        job: Option<i64>,
        /// With the revision's code as it is now.
        #[arg(long)]
        accept_changed: bool,
    },
    /// Check that the batches cover the table without a gap, and that no row is left.
    Verify {
        /// The job's number; otherwise the latest.
        job: Option<i64>,
    },
}

impl Backfill {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<ExitCode, CliError> {
        let project = Project::load(global)?;
        let settings = project.settings(global, printer)?;
        block_on(async {
            let (mut connection, standing) = project.connect(&settings).await?;
            let command = Command { project: &project, global, printer: *printer, settings: &settings };
            if !standing.current {
                // An earlier layout knows no jobs.
                return command.nothing(&self.what);
            }
            let reads = matches!(self.what, What::Status { .. } | What::Verify { .. });
            if let Some(reason) = standing.read_only.filter(|_| !reads) {
                return Err(crate::sql::Error::ReadOnly(reason).into());
            }
            match &self.what {
                What::Status { job } => command.status(&connection, *job).await,
                What::Work { job, crew } => command.work(&mut connection, *job, crew).await,
                What::Pause { job } => {
                    let job = command.open(&connection, *job).await?;
                    let reason = format!("by {}", settings.user);
                    command.set(&connection, &job, &["running"], "paused", Some(&reason)).await
                }
                What::Resume { job, accept_changed, max_quarantine } => {
                    let job = command.open(&connection, *job).await?;
                    command.resume(&connection, &job, *accept_changed, *max_quarantine).await
                }
                What::Cancel { job } => {
                    let job = command.open(&connection, *job).await?;
                    command.cancel(&connection, &job).await
                }
                What::RetryQuarantined { job, accept_changed } => {
                    command.retry(&mut connection, *job, *accept_changed).await
                }
                What::Verify { job } => command.verify(&mut connection, *job).await,
            }
        })
    }
}

struct Command<'a> {
    project: &'a Project,
    global: &'a Global,
    printer: Printer,
    settings: &'a crate::sql::Settings,
}

impl Command<'_> {
    fn schema(&self) -> &str {
        self.project.schema()
    }

    fn nothing(&self, what: &What) -> Result<ExitCode, CliError> {
        match what {
            What::Status { job: None } if self.printer.json => self.printer.json(&json!([])),
            What::Status { job: None } => self.printer.talk("no backfill is open"),
            _ => return Err(no_such(None)),
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn find(&self, connection: &Connection, job: Option<i64>, otherwise: &str) -> Result<Vec<Job>, CliError> {
        let condition = job.map_or_else(|| otherwise.to_owned(), |job| format!("id = {job}"));
        Ok(jobs::jobs(connection, self.schema(), &condition).await?)
    }

    /// The job of this number, or the only one that is open.
    async fn open(&self, connection: &Connection, job: Option<i64>) -> Result<Job, CliError> {
        let which = job.map_or_else(|| "state <> 'done'".to_owned(), |job| format!("id = {job}"));
        // For a revision that has arrived or was taken back nobody writes any more.
        let mut found = jobs::jobs(connection, self.schema(), &format!("NOT closed AND {which}")).await?;
        match (found.pop(), found.len()) {
            (Some(only), 0) => Ok(only),
            (None, _) => Err(no_such(job)),
            (Some(last), _) => {
                let names: Vec<_> =
                    found.iter().chain([&last]).map(|job| format!("{} ({})", job.id, job.name)).collect();
                Err(CliError::usage(format!("several backfills are open: {}", names.join(", ")))
                    .hint(format!("name one: wmigrate backfill … {}", last.id)))
            }
        }
    }

    /// The job of this number, or the latest of all.
    async fn latest(&self, connection: &Connection, job: Option<i64>, otherwise: &str) -> Result<Job, CliError> {
        self.find(connection, job, otherwise).await?.pop().ok_or_else(|| no_such(job))
    }

    async fn status(&self, connection: &Connection, job: Option<i64>) -> Result<ExitCode, CliError> {
        /// Rows of the quarantine that one screen shows.
        const SHOWN: i64 = 20;
        let found = self.find(connection, job, "NOT closed").await?;
        if found.is_empty() && job.is_some() {
            return Err(no_such(job));
        }
        let mut all = Vec::new();
        for job_found in &found {
            let extent = jobs::extent(connection, self.schema(), job_found.id).await?;
            let limit = if job.is_some() || self.printer.json { SHOWN } else { 0 };
            let aside = jobs::quarantined(connection, self.schema(), job_found.id, limit).await?;
            if self.printer.json {
                all.push(json!({
                    "job": job_found.id, "revision": job_found.revision, "direction": job_found.direction,
                    "name": job_found.name, "table": job_found.target, "estimate": job_found.estimate,
                    "max_quarantine": job_found.max_quarantine, "extent": extent, "quarantine": aside,
                }));
            } else {
                self.printer.lines(lines::of_job(job_found, &extent, &aside));
            }
        }
        if self.printer.json {
            self.printer.json(&all);
        } else if found.is_empty() {
            self.printer.talk("no backfill is open");
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Moves a job to another state, and says so.
    async fn set(
        &self,
        connection: &Connection,
        job: &Job,
        from: &[&str],
        to: &str,
        reason: Option<&str>,
    ) -> Result<ExitCode, CliError> {
        if !jobs::set_state(connection, self.schema(), job.id, from, to, reason).await? {
            let message = format!("backfill `{}` (job {}) is `{}`", job.name, job.id, job.state);
            return Err(CliError::new(Code::Failed, "backfill_state", message)
                .hint(format!("only one that is {} can become `{to}`", from.join(" or "))));
        }
        self.printer.talk(&format!("backfill `{}` (job {}): {} -> {to}", job.name, job.id, job.state));
        if self.printer.json {
            self.printer.json(&json!({ "job": job.id, "state": to }));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn resume(
        &self,
        connection: &Connection,
        job: &Job,
        accept_changed: bool,
        max_quarantine: Option<u64>,
    ) -> Result<ExitCode, CliError> {
        // What cannot be built is told before anything is changed.
        let accepted = if accept_changed { Some(self.component(job)?.1.digest) } else { None };
        let done = self.set(connection, job, &["running", "paused", "failed", "cancelled"], "running", None).await?;
        if let Some(digest) = accepted {
            jobs::accept_digest(connection, self.schema(), job.id, &digest).await?;
        }
        if let Some(rows) = max_quarantine {
            jobs::set_max_quarantine(connection, self.schema(), job.id, rows).await?;
        }
        self.printer.talk("the command that began it goes on with it: run it again unless it is waiting");
        Ok(done)
    }

    async fn cancel(&self, connection: &Connection, job: &Job) -> Result<ExitCode, CliError> {
        let reason = format!("by {}", self.settings.user);
        let done = self.set(connection, job, &["running", "paused", "failed"], "cancelled", Some(&reason)).await?;
        // A batch at hand is waited for: after this command nobody writes.
        let drained = jobs::drained(self.schema(), &job.id.to_string());
        connection.batch("waiting for the batches at hand", &drained).await?;
        Ok(done)
    }

    async fn retry(
        &self,
        connection: &mut Connection,
        job: Option<i64>,
        accept_changed: bool,
    ) -> Result<ExitCode, CliError> {
        let with_rows = format!(
            "EXISTS (SELECT FROM {}.backfill_quarantine q WHERE q.job = backfill_job.id)",
            crate::sql::quote_identifier(self.schema())
        );
        let mut job = self.latest(connection, job, &with_rows).await?;
        if accept_changed {
            job.digest = self.component(&job)?.1.digest;
        }
        let (task, options) = self.task(connection, &job, &CrewArgs::default(), &Interrupt::default()).await?;
        let Tried { written, gone, failed } = backfill::try_again(&task, &options, connection)
            .await
            .map_err(|error| CliError::of(Code::Failed, "backfill", &error))?;
        if self.printer.json {
            self.printer.json(&json!({ "job": job.id, "written": written, "gone": gone, "failed": failed }));
        }
        self.printer.talk(&format!(
            "backfill `{}` (job {}): {written} rows written, {failed} still wrong, {gone} not there any more",
            job.name, job.id
        ));
        if failed > 0 {
            let message = format!("{failed} rows of backfill `{}` are still wrong", job.name);
            return Err(CliError::new(Code::Failed, "quarantine", message)
                .hint(format!("see which and why: wmigrate backfill status {}", job.id)));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn verify(&self, connection: &mut Connection, job: Option<i64>) -> Result<ExitCode, CliError> {
        let job = self.latest(connection, job, "true").await?;
        let found = backfill::verify(connection, self.schema(), &job)
            .await
            .map_err(|error| CliError::of(Code::Failed, "backfill", &error))?;
        if self.printer.json {
            self.printer.json(&json!({ "job": job.id, "found": found }));
        } else {
            self.printer.lines(lines::of_verification(&job, &found));
        }
        Ok(if found.is_complete() { ExitCode::SUCCESS } else { ExitCode::from(Code::Differs as u8) })
    }
}

fn no_such(job: Option<i64>) -> CliError {
    let message = match job {
        Some(job) => format!("there is no backfill with the number {job}"),
        None => "no backfill is open".to_owned(),
    };
    CliError::new(Code::Failed, "no_backfill", message).hint("`wmigrate backfill status` shows which there are")
}
