//! `backfill work`: this process as one more crew of a job. It needs no migration lock: batches are taken one by one.

use super::{CliError, Code, Command};
use crate::backfill::{self, Ended, Options, Task, Transform, Watch};
use crate::bindings::Way;
use crate::cli::crew::CrewArgs;
use crate::cli::exit::hint_of_halted;
use crate::cli::project;
use crate::cli::signals::Signals;
use crate::components::{self, Component, Components, Policy};
use crate::durable::{self, Halted, Unfit};
use crate::runner::Interrupt;
use crate::runtime::{Cache, Call, Runtimes};
use crate::sql::Connection;
use crate::state::backfill::Job;
use serde_json::json;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

impl Command<'_> {
    pub(super) async fn work(
        &self,
        connection: &mut Connection,
        job: Option<i64>,
        crew: &CrewArgs,
    ) -> Result<ExitCode, CliError> {
        let job = self.open(connection, job).await?;
        let signals = Signals::default();
        signals.listen(self.printer, connection.cancel_handle());
        let (task, options) = self.task(connection, &job, crew, &signals.interrupt).await?;
        self.printer
            .talk(&format!("working on backfill `{}` (job {}) of revision `{}`", job.name, job.id, job.revision));
        let ended = backfill::work(task, options, connection, &self.watch(&job)).await.map_err(of_error)?;
        let (state, code) = match ended {
            Ended::Done(_) => ("no batch is left; `wmigrate upgrade` goes on with the revision", ExitCode::SUCCESS),
            Ended::Stopped if signals.asked() => ("stopped on request", ExitCode::from(signals.code() as u8)),
            Ended::Stopped => ("others have the batches that are left", ExitCode::SUCCESS),
            Ended::Cancelled(_) => ("it was cancelled", ExitCode::SUCCESS),
        };
        self.printer.talk(&format!("backfill `{}` (job {}): {state}", job.name, job.id));
        if self.printer.json {
            self.printer.json(&json!({ "job": job.id, "ended": state }));
        }
        Ok(code)
    }

    fn watch(&self, job: &Job) -> Watch {
        /// Between two lines.
        const BETWEEN: Duration = Duration::from_secs(5);
        let (printer, revision) = (self.printer, job.revision.clone());
        let said: Mutex<Option<Instant>> = Mutex::default();
        Arc::new(move |progress| {
            let mut said = said.lock().expect("no holder of this lock panics");
            if !progress.finished && said.is_some_and(|at| at.elapsed() < BETWEEN) {
                return;
            }
            *said = Some(Instant::now());
            if printer.json {
                printer.talk(&super::event(&revision, &progress).to_string());
            } else {
                printer.talk(&format!("  {}", super::line(&progress)));
            }
        })
    }

    /// Where the code of the job's revision comes from, and the code.
    pub(super) fn component(&self, job: &Job) -> Result<(components::Job, Component), CliError> {
        if self.project.map.get(&job.revision).is_none() {
            let message = format!("revision `{}` of job {} is not in the versions folders", job.revision, job.id);
            return Err(CliError::new(Code::Failed, "backfill", message)
                .hint("check out the version of the project that began the job"));
        }
        let components = Components::open(&self.project.config, Arc::clone(&self.project.versions), Policy::default())?;
        let source = components.job(&job.revision);
        let component = source.assemble()?;
        Ok((source, component))
    }

    /// Everything that work on a job needs.
    pub(super) async fn task(
        &self,
        connection: &mut Connection,
        job: &Job,
        crew: &CrewArgs,
        interrupt: &Interrupt,
    ) -> Result<(Task, Options), CliError> {
        let (source, component) = self.component(job)?;
        let folder = project::cache_folder(&self.project.environment);
        let runtimes = Runtimes::new(Cache::open(folder.as_deref()).0, Arc::clone(&interrupt.now));
        let limits = component.granted.sandbox();
        let unusable = |error: crate::runtime::Error| CliError::of(Code::Failed, "component", &error);
        let runtime = runtimes.with_stack(limits.stack).map_err(unusable)?;
        let (code, _) = source.code(&runtime, &component).map_err(unusable)?;
        let call = Call {
            revision: job.revision.clone(),
            direction: if job.direction == "downgrade" { Way::Downgrade } else { Way::Upgrade },
            x_arguments: project::x_arguments(&self.project.config, self.global)?,
            payload: component.payload.clone(),
            limits,
            events: Arc::new(|_| {}),
        };
        let transform = runtime.transformer(&code, &call).map(|it| Arc::new(it) as Arc<dyn Transform>);
        let options = crew.options(self.project, self.settings, interrupt, None, &component.granted);
        let task =
            durable::task_of(connection, job, &component.digest, transform).await.map_err(|unfit| match unfit {
                Unfit::Halted(cause) => {
                    let halted = Halted { job: job.id, name: job.name.clone(), cause };
                    CliError::of(Code::Failed, "backfill", &halted).hint(hint_of_halted(&halted))
                }
                Unfit::Error(error) => of_error(error),
            })?;
        Ok((task, options))
    }
}

fn of_error(error: backfill::Error) -> CliError {
    match error {
        backfill::Error::Fatal(error) => error.into(),
        error => CliError::of(Code::Failed, "backfill", &error).hint(
            "remove the cause, let the job go on with `wmigrate backfill resume`, and run the same command again",
        ),
    }
}
