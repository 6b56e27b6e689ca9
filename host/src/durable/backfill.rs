//! A backfill as a step: the job begins with the step's row of the journal and ends with it; what lies between is in the job's own
//! tables, so that other processes can share the work.

use super::outside::Whose;
use super::{About, Answer, Error, Steps, differs, encoded, recorded_answer};
use crate::backfill::{self, Ended, Order, Spec, Target, Task, Transform, Watch, shown_key};
use crate::bindings::SqlError;
use crate::sql::{host_error, joined, quote_literal};
use crate::state::backfill::{self as jobs, Job, NewJob};
use crate::state::journal::{self, StepState};
use std::sync::Arc;
use tokio_postgres::error::SqlState;

/// A job that does not go on by itself.
#[derive(Debug, thiserror::Error)]
#[error("backfill `{name}` (job {job}) {cause}")]
pub struct Halted {
    /// The job.
    pub job: i64,
    /// Its name.
    pub name: String,
    /// Why.
    pub cause: Cause,
}

/// Why a job does not go on.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// A row failed, and no more may be put aside.
    #[error("stopped at row {key}: {} (SQLSTATE {})", .record.message, .record.sqlstate)]
    Row {
        /// Its key.
        key: String,
        /// What is wrong with it.
        record: SqlError,
        /// Rows that may be put aside.
        allowed: i64,
    },
    /// The server or the specification did.
    #[error("stopped: {} (SQLSTATE {})", .0.message, .0.sqlstate)]
    Record(SqlError),
    /// Another worker said so.
    #[error("stopped: {0}")]
    Failed(String),
    /// Somebody cancelled it.
    #[error("was cancelled{}", .0.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Cancelled(Option<String>),
    /// It was begun with another component.
    #[error("was begun with another build of its revision's code")]
    Changed,
    /// Its table is not what it was.
    #[error("was begun on table `{was}`, {is}")]
    Table {
        /// As it was called.
        was: String,
        /// What became of it.
        is: String,
    },
    /// It is written down in a way that this version does not know.
    #[error("was begun by another version of wmigrate, whose jobs this one cannot read")]
    Version,
}

impl Steps {
    /// Runs a backfill to its end, from where it is.
    pub async fn backfill(
        &mut self,
        spec: &Spec,
        transform: Option<Arc<dyn Transform>>,
        watch: &Watch,
    ) -> Result<Answer, Error> {
        self.number += 1;
        let step = journal::Step {
            number: self.number,
            call: "backfill".to_owned(),
            statement: Some(format!("{} of {}", spec.name, spec.table)),
            fingerprint: super::hash_of(spec),
            state: StepState::Begun,
            result: None,
            note: None,
        };
        if let Some(recorded) = self.recorded.pop_front() {
            if let Some(divergence) = differs(&recorded, &step) {
                return Err(Error::Diverged(divergence));
            }
            if recorded.state != StepState::Begun {
                return recorded_answer(&recorded);
            }
        } else {
            if (self.about.stop)() {
                return Err(Error::Stopped);
            }
            if let Err(error) = self.begin_backfill(&step, spec).await {
                return Err(self.refused(step, error));
            }
        }
        self.work(step, spec, transform, watch).await
    }

    async fn begin_backfill(&mut self, step: &journal::Step, spec: &Spec) -> Result<(), Error> {
        self.prepare_session(Whose::Revision).await?;
        let target = Target::find(self.connection_mut()?, spec).await.map_err(told)?;
        let last = target.last(self.connection()?).await.map_err(told)?;
        let About { schema, revision, direction, digest, .. } = self.about.clone();
        let same = format!(
            "NOT closed AND (revision = {} AND direction = {} AND name = {} OR target_oid = {} AND state <> 'done')",
            quote_literal(&revision),
            quote_literal(direction),
            quote_literal(&spec.name),
            target.oid
        );
        if let Some(other) = jobs::jobs(self.connection()?, &schema, &same).await.map_err(Error::Fatal)?.first() {
            return Err(Error::Guest(taken(other, spec)));
        }
        let order = Order::new(spec.clone(), self.settings.clone()).to_json();
        let job = NewJob {
            revision: &revision,
            direction,
            name: &spec.name,
            target: &target.table,
            target_oid: target.oid,
            spec: &order,
            digest: &digest,
            max_quarantine: self.about.crew.max_quarantine,
            estimate: target.estimate,
            last_key: last.as_deref(),
        };
        let begin = jobs::begin(&schema, &job);
        let transaction = self.begin().await?;
        self.record_with(transaction, vec![begin], step).await
    }

    async fn work(
        &mut self,
        mut step: journal::Step,
        spec: &Spec,
        transform: Option<Arc<dyn Transform>>,
        watch: &Watch,
    ) -> Result<Answer, Error> {
        self.prepare_session(Whose::Revision).await?;
        let About { schema, revision, direction, digest, crew, .. } = self.about.clone();
        let ours = format!(
            "NOT closed AND revision = {} AND direction = {} AND name = {}",
            quote_literal(&revision),
            quote_literal(direction),
            quote_literal(&spec.name)
        );
        let found = jobs::jobs(self.connection()?, &schema, &ours).await.map_err(Error::Fatal)?;
        let Some(job) = found.into_iter().next() else {
            let message = format!("the job of backfill `{}` is gone from the bookkeeping", spec.name);
            return Err(Error::Journal(host_error("result", &SqlState::DATA_CORRUPTED, message, None)));
        };
        let halted = |cause| Error::Backfill(Box::new(Halted { job: job.id, name: job.name.clone(), cause }));
        if job.state == "cancelled" {
            return Err(halted(Cause::Cancelled(job.reason.clone())));
        }
        let task = task_of(self.connection_mut()?, &job, &digest, transform).await.map_err(|error| match error {
            Unfit::Halted(cause) => halted(cause),
            Unfit::Error(error) => halted_by(&job, error),
        })?;
        // Whoever ran into a wall is here again, and the wall may be gone.
        jobs::set_state(self.connection()?, &schema, job.id, &["failed"], "running", None)
            .await
            .map_err(Error::Fatal)?;
        self.stay().await?;
        let ended = backfill::work(task, crew, self.connection()?, watch).await;
        match ended {
            Ok(Ended::Done(extent)) => {
                let answer = Answer::Count(u64::try_from(extent.written).unwrap_or(0));
                step.state = StepState::Done;
                step.result = Some(encoded(&answer)?);
                let transaction = self.begin().await?;
                self.record_with(transaction, vec![jobs::finish(&schema, job.id)], &step).await?;
                Ok(answer)
            }
            Ok(Ended::Stopped) => Err(Error::Stopped),
            Ok(Ended::Cancelled(reason)) => Err(halted(Cause::Cancelled(reason))),
            Err(error) => Err(halted_by(&job, error)),
        }
    }

    /// The session says little while the workers work, which takes as long as it takes.
    async fn stay(&mut self) -> Result<(), Error> {
        let statement = "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings \
                         WHERE name IN ('idle_session_timeout', 'statement_timeout')";
        self.connection()?.batch("preparing the session", statement).await.map_err(Error::Fatal)
    }
}

/// Why nobody can work on a job here and now.
#[derive(Debug)]
pub enum Unfit {
    /// Not without somebody's decision.
    Halted(Cause),
    /// The server said no.
    Error(backfill::Error),
}

/// What a worker needs for `job`. `digest` is the component that would do it.
pub async fn task_of(
    connection: &mut crate::sql::Connection,
    job: &Job,
    digest: &str,
    transform: Option<Arc<dyn Transform>>,
) -> Result<Task, Unfit> {
    let order = Order::from_json(&job.spec).ok_or(Unfit::Halted(Cause::Version))?;
    if matches!(order.spec.work, backfill::spec::What::Transform { .. }) && job.digest != digest {
        return Err(Unfit::Halted(Cause::Changed));
    }
    // Names mean what they mean to the revision.
    let session = joined(&order.session);
    connection
        .batch("preparing the session", &session)
        .await
        .map_err(|error| Unfit::Error(backfill::Error::Fatal(error)))?;
    let target = match Target::find(connection, &order.spec).await {
        Ok(target) if target.oid == job.target_oid => target,
        Ok(_) => return Err(Unfit::Halted(moved(connection, job).await)),
        Err(backfill::Error::Record(record)) if record.sqlstate == "42P01" => {
            return Err(Unfit::Halted(moved(connection, job).await));
        }
        Err(error) => return Err(Unfit::Error(error)),
    };
    Ok(Task { job: job.id, spec: order.spec, session: order.session, target, transform })
}

/// What became of a job's table.
async fn moved(connection: &crate::sql::Connection, job: &Job) -> Cause {
    let statement = format!("SELECT {}::oid::regclass::text FROM pg_catalog.pg_class WHERE oid = {0}", job.target_oid);
    let is = match connection.query("looking for the backfill's table", &statement, &[]).await {
        Ok(rows) => match rows.first() {
            Some(row) => format!("which is called `{}` now", row.get::<_, &str>(0)),
            None => "which has been dropped".to_owned(),
        },
        Err(_) => "which is not there any more".to_owned(),
    };
    Cause::Table { was: job.target.clone(), is }
}

fn halted_by(job: &Job, error: backfill::Error) -> Error {
    let cause = match error {
        backfill::Error::Fatal(error) => return Error::Fatal(error),
        backfill::Error::Stopped => return Error::Stopped,
        backfill::Error::Record(record) => Cause::Record(record),
        backfill::Error::Row { key, record } => {
            Cause::Row { key: shown_key(&key), record, allowed: job.max_quarantine }
        }
        backfill::Error::Failed(reason) => Cause::Failed(reason),
    };
    Error::Backfill(Box::new(Halted { job: job.id, name: job.name.clone(), cause }))
}

fn told(error: backfill::Error) -> Error {
    match error {
        backfill::Error::Record(record) => Error::Guest(record),
        backfill::Error::Fatal(error) => Error::Fatal(error),
        backfill::Error::Row { .. } | backfill::Error::Failed(_) | backfill::Error::Stopped => Error::Stopped,
    }
}

fn taken(other: &Job, spec: &Spec) -> SqlError {
    let (message, hint) = if other.state == "done" {
        (
            format!("the revision has run a backfill `{}` already", spec.name),
            "give each backfill of a revision a name of its own".to_owned(),
        )
    } else {
        (
            format!(
                "job {} (backfill `{}` of revision `{}`) works on the same table",
                other.id, other.name, other.revision
            ),
            format!("let it end first, or give it up: wmigrate backfill cancel {}", other.id),
        )
    };
    host_error("usage", &SqlState::OBJECT_IN_USE, message, Some(hint))
}
