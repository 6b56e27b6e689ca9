//! Carries out a plan: the one place where graph, runtime, sql and state meet.
//!
//! Each step of an upgrade or downgrade is one transaction, and in this order:
//! 1. begin, with the session as a new one would be;
//! 2. run the export in a fresh sandbox, which borrows the transaction;
//! 3. write version rows and log row into the same transaction, proving that it is still the same one;
//! 4. commit. The step is done when this has returned.
//!
//! A lock that was not free in time, a deadlock or a serialisation failure runs the step again from 1, a few times.

mod failure;

pub use failure::{Error, StepFailure};

use crate::components::{Component, Components};
use crate::graph::{Direction, Plan, Step};
use crate::runtime::{Call, Door, Event, Events, Failure, Limits, Outcome, Runtime};
use crate::sql::lock::{Key, jittered};
use crate::sql::{Begin, Connection, FinishError, Transaction};
use crate::state::{log, record};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How a plan is carried out.
#[derive(Clone)]
pub struct Options {
    /// The schema of the bookkeeping.
    pub schema: String,
    /// Timeouts of each transaction.
    pub begin: Begin,
    /// How often a step is tried that could not get a lock.
    pub tries: u32,
    /// All steps in one transaction.
    pub single_transaction: bool,
    /// Everything is run and then rolled back.
    pub dry_run: bool,
    /// Limits of all revisions.
    pub limits: Limits,
    /// `-x` arguments, those of the configuration first.
    pub x_arguments: Arc<Vec<(String, String)>>,
    /// Requests to stop.
    pub interrupt: Interrupt,
}

/// Two requests to stop: the first lets the running step end, the second ends it.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    /// Stop before the next step.
    pub after_step: Arc<AtomicBool>,
    /// Stop now.
    pub now: Arc<AtomicBool>,
}

impl Interrupt {
    fn asked(&self) -> bool {
        self.after_step.load(Ordering::Relaxed) || self.now.load(Ordering::Relaxed)
    }
}

/// What a run tells whoever watches.
pub trait Watcher: Send + Sync {
    /// A step begins.
    fn begin(&self, step: &Step);
    /// A step is committed (or, in a dry run, would be).
    fn done(&self, step: &Step, took: Duration);
    /// A step is tried again because of this error.
    fn retry(&self, step: &Step, reason: &str, attempt: u32);
    /// Something the running revision did or said.
    fn event(&self, step: &Step, event: Event);
    /// Something worth knowing that fails nothing.
    fn note(&self, text: String);
}

/// A step that is done.
#[derive(Debug, Clone)]
pub struct Done {
    /// The revision.
    pub revision: String,
    /// How long it took.
    pub took: Duration,
}

/// How a run ended.
pub struct Report {
    /// Steps that are committed, in order.
    pub done: Vec<Done>,
    /// Why it ended early.
    pub error: Option<Error>,
    /// The connection, where it is still of use.
    pub connection: Option<Connection>,
}

/// Everything a run works with.
pub struct Run<'a> {
    /// Where code comes from.
    pub components: &'a Components,
    /// The sandbox.
    pub runtime: &'a Arc<Runtime>,
    /// How.
    pub options: &'a Options,
    /// Who watches.
    pub watcher: Arc<dyn Watcher>,
    /// The version rows that the plan was made from.
    pub rows: &'a [String],
    /// Whether the schema of the bookkeeping is there; it is not in the dry run of a first upgrade.
    pub schema_exists: bool,
}

impl Run<'_> {
    /// Carries out `plan` on a connection that holds the migration lock.
    pub async fn carry_out(&self, plan: &Plan, connection: Connection) -> Report {
        if self.options.single_transaction || self.options.dry_run {
            return self.in_one_transaction(plan, connection).await;
        }
        let mut done = Vec::with_capacity(plan.steps.len());
        let mut connection = connection;
        let mut rows = self.rows.to_vec();
        let mut ahead = Ahead::new(self, plan);
        for step in &plan.steps {
            if self.options.interrupt.asked() {
                return Report { done, error: Some(Error::Interrupted), connection: Some(connection) };
            }
            let component = match ahead.take(step).await {
                Ok(component) => component,
                Err(error) => return Report { done, error: Some(error), connection: Some(connection) },
            };
            self.watcher.begin(step);
            let begun = Instant::now();
            match self.step(step, &component, connection, &rows).await {
                Ok(back) => connection = back,
                Err((back, error)) => return Report { done, error: Some(error), connection: back },
            }
            step.change.apply(&mut rows);
            let took = begun.elapsed();
            self.watcher.done(step, took);
            done.push(Done { revision: step.revision.clone(), took });
        }
        Report { done, error: None, connection: Some(connection) }
    }

    /// One step in a transaction of its own, with retries.
    async fn step(
        &self,
        step: &Step,
        component: &Ready,
        mut connection: Connection,
        rows: &[String],
    ) -> Result<Connection, (Option<Connection>, Error)> {
        let mut attempt = 1;
        let mut pause = Duration::from_millis(50);
        loop {
            let begun = Instant::now();
            let (back, error) = match self.attempt(step, component, connection, rows).await {
                Ok(back) => return Ok(back),
                Err(failed) => failed,
            };
            let Some(back) = back else { return Err((None, error)) };
            connection = back;
            let again = error.retryable() && attempt < self.options.tries && !self.options.interrupt.asked();
            if !again {
                let kept = self.note_failure(step, component, &error, begun.elapsed(), &connection).await;
                return Err((kept.then_some(connection), error));
            }
            self.watcher.retry(step, &error.reason(), attempt);
            tokio::time::sleep(jittered(pause)).await;
            pause *= 2;
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        step: &Step,
        component: &Ready,
        connection: Connection,
        rows: &[String],
    ) -> Result<Connection, (Option<Connection>, Error)> {
        let begun = Instant::now();
        let transaction = Transaction::begin(connection, &self.options.begin)
            .await
            .map_err(|(connection, error)| (Some(connection), Error::Sql(error)))?;
        let (transaction, outcome) = self.run_export(step, component, transaction).await;
        if let Err(failure) = outcome {
            return Err(self.give_up(step, failure, transaction).await);
        }
        let bookkeeping = self.bookkeeping(step, component, begun.elapsed(), &transaction, rows);
        transaction
            .commit(Some(bookkeeping.text()))
            .await
            .map_err(|(connection, error)| (connection, self.refused(step, error)))
    }

    /// Runs the export and judges what it left: success means a transaction that is open and sound.
    async fn run_export(&self, step: &Step, component: &Ready, transaction: Transaction) -> (Transaction, Outcome) {
        let call = Call {
            revision: step.revision.clone(),
            direction: way(step.direction),
            x_arguments: Arc::clone(&self.options.x_arguments),
            payload: component.component.payload.clone(),
            limits: component.component.limits_under(self.options.limits),
            events: self.events_of(step),
        };
        let (door, outcome) = self.runtime.run(&component.code, &call, Door::Live(Box::new(transaction))).await;
        let Door::Live(transaction) = door else { unreachable!("a door comes back as it went in") };
        let outcome = match outcome {
            // After an error the driver does not wait for the transaction's status, which comes behind it.
            Ok(()) if transaction.last_error().is_some() => transaction.settle().await.map_err(Failure::Connection),
            outcome => outcome,
        };
        let outcome = match outcome {
            // The second request to stop cancels the statement. What the guest makes of that error is not the reason, and
            // a guest that went on without the statement has not done its work.
            _ if self.stopped_now() => Err(Failure::Stopped),
            Ok(()) if transaction.is_over() => Err(Failure::Ended),
            Ok(()) if !transaction.is_sound() => Err(Failure::Swallowed(transaction.last_error().cloned())),
            outcome => outcome,
        };
        (*transaction, outcome)
    }

    fn stopped_now(&self) -> bool {
        self.options.interrupt.now.load(Ordering::Relaxed)
    }

    /// A refusal at the end of a step. The second request to stop may have cancelled the statements that end it.
    fn refused(&self, step: &Step, error: FinishError) -> Error {
        match error {
            FinishError::Deferred(record) | FinishError::Last(record) | FinishError::RolledBack(Some(record))
                if self.stopped_now() && record.sqlstate == "57014" =>
            {
                Error::failed(step, Failure::Stopped)
            }
            error => Error::of_finish(step, error),
        }
    }

    fn bookkeeping(
        &self,
        step: &Step,
        component: &Ready,
        took: Duration,
        transaction: &Transaction,
        rows: &[String],
    ) -> record::Statement {
        let done = record::Step {
            revision: step.revision.clone(),
            direction: name_of(step.direction),
            digest: Some(component.component.log_digest()),
            seconds: took.as_secs_f64(),
            delete: step.change.delete.clone(),
            insert: step.change.insert.clone(),
            before: rows.to_vec(),
        };
        record::Statement::new(&self.options.schema, &done, transaction.proof(), Key::of_schema(&self.options.schema))
    }

    async fn give_up(&self, step: &Step, failure: Failure, transaction: Transaction) -> (Option<Connection>, Error) {
        let error = Error::Step(Box::new(StepFailure::new(step, failure)));
        match transaction.rollback().await {
            Ok(connection) => (Some(connection), error),
            // The server rolls back by itself when the session ends.
            Err(_) => (None, error),
        }
    }

    /// Writes the failure into the log. False if the connection is of no use any more.
    async fn note_failure(
        &self,
        step: &Step,
        component: &Ready,
        error: &Error,
        took: Duration,
        connection: &Connection,
    ) -> bool {
        let reason = error.reason();
        let digest = component.component.log_digest();
        let failed = log::Failed {
            revision: &step.revision,
            direction: name_of(step.direction),
            cancelled: matches!(error, Error::Interrupted) || error.stopped(),
            digest: Some(&digest),
            seconds: took.as_secs_f64(),
            error: &reason,
        };
        let _ = connection.batch("resetting the session", "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL").await;
        match log::record_failure(connection, &self.options.schema, &failed).await {
            Ok(()) => true,
            Err(cause) => {
                self.watcher.note(format!("the failure could not be written to the log: {cause}"));
                !matches!(cause, crate::sql::Error::Lost { .. })
            }
        }
    }

    fn events_of(&self, step: &Step) -> Events {
        let watcher = Arc::clone(&self.watcher);
        let step = step.clone();
        Arc::new(move |event| watcher.event(&step, event))
    }

    /// All or nothing: every step in one transaction, committed at the end, or rolled back in a dry run.
    async fn in_one_transaction(&self, plan: &Plan, connection: Connection) -> Report {
        let fail = |connection, error| Report { done: Vec::new(), error: Some(error), connection };
        let mut transaction = match Transaction::begin(connection, &self.options.begin).await {
            Ok(transaction) => transaction,
            Err((connection, error)) => return fail(Some(connection), Error::Sql(error)),
        };
        let mut done = Vec::with_capacity(plan.steps.len());
        let mut rows = self.rows.to_vec();
        let mut ahead = Ahead::new(self, plan);
        if !self.schema_exists
            && let Err(error) = transaction
                .host_statement(
                    "creating its bookkeeping",
                    // Quietly: that it exists already is nothing a dry run should talk about.
                    &format!(
                        "SET LOCAL client_min_messages = warning; {}; RESET client_min_messages",
                        crate::state::schema::statements(&self.options.schema).join(";")
                    ),
                )
                .await
        {
            return fail(transaction.rollback().await.ok(), Error::Sql(error));
        }
        for (index, step) in plan.steps.iter().enumerate() {
            if self.options.interrupt.asked() {
                return fail(transaction.rollback().await.ok(), Error::Interrupted);
            }
            let component = match ahead.take(step).await {
                Ok(component) => component,
                Err(error) => return fail(transaction.rollback().await.ok(), error),
            };
            self.watcher.begin(step);
            let begun = Instant::now();
            if index > 0
                && let Err(error) = transaction.reset_session(&self.options.begin).await
            {
                return fail(transaction.rollback().await.ok(), Error::Sql(error));
            }
            let (back, outcome) = self.run_export(step, &component, transaction).await;
            transaction = back;
            if let Err(failure) = outcome {
                let (connection, error) = self.give_up(step, failure, transaction).await;
                if let Some(connection) = &connection
                    && !self.options.dry_run
                {
                    self.note_failure(step, &component, &error, begun.elapsed(), connection).await;
                }
                return fail(connection, error);
            }
            let bookkeeping = self.bookkeeping(step, &component, begun.elapsed(), &transaction, &rows);
            if let Err(error) = transaction.seal(bookkeeping.text()).await {
                let error = self.refused(step, error);
                let connection = transaction.rollback().await.ok();
                if let Some(connection) = &connection
                    && !self.options.dry_run
                {
                    self.note_failure(step, &component, &error, begun.elapsed(), connection).await;
                }
                return fail(connection, error);
            }
            step.change.apply(&mut rows);
            let took = begun.elapsed();
            self.watcher.done(step, took);
            done.push(Done { revision: step.revision.clone(), took });
        }
        if self.options.dry_run {
            return match transaction.rollback().await {
                Ok(connection) => Report { done, error: None, connection: Some(connection) },
                Err(error) => fail(None, Error::Sql(error)),
            };
        }
        match (transaction.commit(None).await, plan.steps.last()) {
            (Ok(connection), _) => Report { done, error: None, connection: Some(connection) },
            (Err((connection, error)), Some(last)) => fail(connection, self.refused(last, error)),
            (Err((connection, _)), None) => Report { done, error: None, connection },
        }
    }
}

/// A component with its compiled code.
pub struct Ready {
    component: Component,
    code: crate::runtime::Code,
}

/// Makes the components of the next steps ready while the present one waits for the server.
struct Ahead<'a> {
    run: &'a Run<'a>,
    waiting: std::collections::VecDeque<tokio::task::JoinHandle<Result<Ready, Error>>>,
    rest: std::collections::VecDeque<Step>,
}

/// Components made ready at a time. More would hold more memory and gain nothing on the usual two to four cores.
const AHEAD: usize = 3;

impl<'a> Ahead<'a> {
    fn new(run: &'a Run<'a>, plan: &Plan) -> Self {
        Self { run, waiting: std::collections::VecDeque::new(), rest: plan.steps.iter().cloned().collect() }
    }

    async fn take(&mut self, step: &Step) -> Result<Ready, Error> {
        while self.waiting.len() < AHEAD
            && let Some(next) = self.rest.pop_front()
        {
            let job = self.run.components.job(&next.revision);
            let runtime = Arc::clone(self.run.runtime);
            let watcher = Arc::clone(&self.run.watcher);
            let revision = next.revision.clone();
            self.waiting.push_back(tokio::task::spawn_blocking(move || {
                let component = job.assemble()?;
                let (code, note) = job.code(&runtime, &component).map_err(|cause| Error::Unusable {
                    revision,
                    path: component.path.clone(),
                    cause,
                })?;
                if let Some(note) = note {
                    watcher.note(note.to_string());
                }
                Ok(Ready { component, code })
            }));
        }
        let next = self.waiting.pop_front().expect("as many components are made ready as there are steps");
        next.await
            .unwrap_or_else(|cause| Err(Error::Preparing { revision: step.revision.clone(), cause: cause.to_string() }))
    }
}

/// As the guest hears it. A stamp runs no guest.
pub(crate) fn way(direction: Direction) -> crate::bindings::Way {
    match direction {
        Direction::Upgrade | Direction::Stamp => crate::bindings::Way::Upgrade,
        Direction::Downgrade => crate::bindings::Way::Downgrade,
    }
}

/// As the log has it.
#[must_use]
pub fn name_of(direction: Direction) -> &'static str {
    match direction {
        Direction::Upgrade => "upgrade",
        Direction::Downgrade => "downgrade",
        Direction::Stamp => "stamp",
    }
}

impl From<FinishError> for Failure {
    fn from(error: FinishError) -> Self {
        match error {
            FinishError::Deferred(error) | FinishError::Last(error) => Self::Returned(error),
            FinishError::RolledBack(error) => Self::Swallowed(error),
            FinishError::Unknown(_, error) => Self::Connection(error),
        }
    }
}
