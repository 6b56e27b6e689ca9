//! Carries out a plan: the one place where graph, runtime, sql and state meet.
//!
//! Each step of an upgrade or downgrade is one transaction, and in this order:
//! 1. begin, with the session as a new one would be;
//! 2. run the export in a fresh sandbox, which borrows the transaction;
//! 3. write version rows and log row into the same transaction, proving that it is still the same one;
//! 4. commit. The step is done when this has returned. The next transaction begins in the same breath.
//!
//! A durable revision has no transaction around it: its steps are `durable`'s, and 3 and 4 are its end.
//!
//! A lock that was not free in time, a deadlock or a serialisation failure runs the step again from 1, a few times.

mod ahead;
mod durable;
mod failure;
mod interrupt;
mod observer;
mod plugin;
mod prepared;
mod rehearsal;
mod together;

pub use failure::{Error, StepFailure};
pub use interrupt::Interrupt;
pub use observer::Observer;
pub use prepared::Prepared;

use crate::backfill;
use crate::components::Components;
use crate::graph::{Direction, Plan, Step};
use crate::isolation::Plugin;
use crate::runtime::{Call, Door, Event, Events, Failure, Guest, Outcome, Runtimes, Spent};
use crate::sql::lock::jittered;
use crate::sql::{Connection, FinishError, Session, Settings, Transaction};
use crate::state::{log, record};
use ahead::{Ahead, Ready};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How a plan is carried out.
#[derive(Clone)]
pub struct Options {
    /// The schema of the bookkeeping.
    pub schema: String,
    /// All steps in one transaction.
    pub single_transaction: bool,
    /// Everything is run and then rolled back.
    pub dry_run: bool,
    /// `-x` arguments, those of the configuration first.
    pub x_arguments: Arc<Vec<(String, String)>>,
    /// How backfills of durable revisions are worked on.
    pub crew: backfill::Options,
    /// Requests to stop.
    pub interrupt: Interrupt,
}

/// What a run tells whoever watches.
pub trait Watcher: Send + Sync {
    /// A step begins.
    fn begin(&self, step: &Step);
    /// A step is committed (or, in a dry run, would be).
    fn done(&self, step: &Step, took: Duration);
    /// A step is tried again because of this error.
    fn retry(&self, step: &Step, reason: &str, attempt: u64);
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
    pub runtimes: &'a Arc<Runtimes>,
    /// How.
    pub options: &'a Options,
    /// Who watches.
    pub watcher: Arc<dyn Watcher>,
    /// The version rows that the plan was made from.
    pub rows: &'a [String],
    /// Whether the schema of the bookkeeping is there and up to date; it need not be in a dry run.
    pub schema_current: bool,
    /// How the connection was opened: a plugin's session is another one with the same server.
    pub settings: &'a Settings,
    /// The plugins, by name.
    pub plugins: &'a BTreeMap<String, Plugin>,
    /// Those whose roles are as we want them.
    pub prepared: Prepared,
    /// Looks at locks.
    pub observer: Observer,
}

impl Run<'_> {
    /// Carries out `plan` on a connection that holds the migration lock.
    pub async fn carry_out(&self, plan: &Plan, connection: Connection) -> Report {
        if let Some(plugin) = self.rehearsed(plan) {
            return Box::pin(self.rehearse(plan, connection, plugin)).await;
        }
        if self.options.single_transaction || self.options.dry_run {
            return self.in_one_transaction(plan, connection).await;
        }
        self.expect(plan);
        let report = self.in_turn(plan, connection).await;
        if let Some(host) = &report.connection {
            self.farewell(host).await;
        }
        report
    }

    async fn in_turn(&self, plan: &Plan, connection: Connection) -> Report {
        let mut done = Vec::with_capacity(plan.steps.len());
        let mut session = Session::Idle(Box::new(connection));
        let mut rows = self.rows.to_vec();
        let mut ahead = Ahead::new(self, plan);
        for step in &plan.steps {
            let mut component = match self.next(&mut ahead).await {
                Ok(component) => component,
                Err(error) => return Report { done, error: Some(error), connection: self.idle(session).await },
            };
            self.watcher.begin(step);
            let begun = Instant::now();
            match self.step(&mut component, session, &rows, &mut ahead).await {
                Ok(back) => session = back,
                Err((connection, error)) => return Report { done, error: Some(error), connection },
            }
            step.change.apply(&mut rows);
            let took = begun.elapsed();
            self.watcher.done(step, took);
            done.push(Done { revision: step.revision.clone(), took });
        }
        Report { done, error: None, connection: self.idle(session).await }
    }

    /// The component of the next step. A request to stop ends the wait for it.
    async fn next(&self, ahead: &mut Ahead) -> Result<Ready, Error> {
        let component = tokio::select! {
            component = ahead.take() => component?,
            () = self.options.interrupt.requested() => return Err(Error::Interrupted),
        };
        if self.options.interrupt.asked() { Err(Error::Interrupted) } else { Ok(component) }
    }

    /// One step in a transaction of its own, with retries.
    async fn step(
        &self,
        component: &mut Ready,
        mut session: Session,
        rows: &[String],
        ahead: &mut Ahead,
    ) -> Result<Session, (Option<Connection>, Error)> {
        let mut retries = Retries::new();
        loop {
            let begun = Instant::now();
            let (back, error) = match self.attempt(component, session, rows, ahead).await {
                Ok(back) => return Ok(back),
                Err(failed) => failed,
            };
            let Some(connection) = back else { return Err((None, error)) };
            if !self.again(component, &error, &mut retries).await {
                let kept = self.note_failure(component, &error, begun.elapsed(), &connection).await;
                return Err((kept.then_some(connection), error));
            }
            session = Session::Idle(Box::new(connection));
        }
    }

    /// Whether to try again after `error`; waits before.
    async fn again(&self, component: &Ready, error: &Error, retries: &mut Retries) -> bool {
        let interrupt = &self.options.interrupt;
        if !error.retryable() || retries.attempt >= component.granted().tries() || interrupt.asked() {
            return false;
        }
        self.watcher.retry(&component.step, &error.reason(), retries.attempt);
        tokio::select! {
            () = tokio::time::sleep(retries.pause()) => {}
            () = interrupt.requested() => {}
        }
        !interrupt.asked()
    }

    async fn attempt(
        &self,
        component: &mut Ready,
        session: Session,
        rows: &[String],
        ahead: &mut Ahead,
    ) -> Result<Session, (Option<Connection>, Error)> {
        if component.component.durable {
            return Box::pin(self.attempt_in_steps(component, session, rows)).await;
        }
        if let Some(name) = &component.component.plugin {
            let plugin = self.plugins.get(&**name).expect("its revisions were loaded with it");
            return Box::pin(self.attempt_as_plugin(component, session, plugin)).await;
        }
        let begun = Instant::now();
        let transaction = session
            .begin(&component.begin())
            .await
            .map_err(|(connection, error)| (Some(connection), Error::Sql(error)))?;
        let (transaction, outcome, spent) = self.run_export(component, transaction).await;
        if let Err(failure) = outcome {
            return Err(self.give_up(component, failure, transaction).await);
        }
        let bookkeeping = self.bookkeeping(component, begun.elapsed(), &transaction, rows);
        // A transaction that waited for its component to be built would hold back vacuum, and a server may end it.
        let next = ahead.at_hand();
        // Between the steps of a durable one no transaction is open.
        let begin = next.as_ref().filter(|next| next.component.is_plain()).map(|next| next.begin());
        let meanwhile = async {
            // First the message goes out.
            tokio::task::yield_now().await;
            drop(spent);
            if let Some(next) = next {
                next.guest = Some(self.guest(next).await);
            }
        };
        let (done, ()) =
            tokio::join!(transaction.commit(std::slice::from_ref(&bookkeeping), begin.as_ref()), meanwhile);
        done.map_err(|(connection, error)| (connection, self.refused(component, error)))
    }

    /// An instance for one run of a component.
    async fn guest(&self, component: &Ready) -> Guest {
        let call = Call {
            revision: component.step.revision.clone(),
            direction: way(component.step.direction),
            x_arguments: Arc::clone(&self.options.x_arguments),
            payload: component.component.payload.clone(),
            limits: component.granted().sandbox(),
            events: self.events_of(&component.step),
        };
        component.runtime.instantiate(&component.code, call).await
    }

    /// Runs the export and judges what it left: success means a transaction that is open and sound.
    async fn run_export(&self, component: &mut Ready, transaction: Transaction) -> (Transaction, Outcome, Spent) {
        let guest = match component.guest.take() {
            Some(guest) => guest,
            None => self.guest(component).await,
        };
        let (door, outcome, spent) = guest.run(Door::Live(Box::new(transaction))).await;
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
        (*transaction, outcome, spent)
    }

    fn stopped_now(&self) -> bool {
        self.options.interrupt.now.load(Ordering::Relaxed)
    }

    /// A refusal at the end of a step. The second request to stop may have cancelled the statements that end it.
    fn refused(&self, component: &Ready, error: FinishError) -> Error {
        match error {
            FinishError::Deferred(record) | FinishError::Last(record) | FinishError::RolledBack(Some(record))
                if self.stopped_now() && record.sqlstate == "57014" =>
            {
                Error::failed(&component.step, Failure::Stopped, Some(&component.granted()))
            }
            error => Error::of_finish(&component.step, error, Some(&component.granted())),
        }
    }

    fn bookkeeping(&self, component: &Ready, took: Duration, transaction: &Transaction, rows: &[String]) -> String {
        let Ready { step, component, .. } = component;
        let done = record::Step {
            revision: step.revision.clone(),
            direction: name_of(step.direction),
            digest: Some(component.log_digest()),
            seconds: took.as_secs_f64(),
            delete: step.change.delete.clone(),
            insert: step.change.insert.clone(),
            before: rows.to_vec(),
        };
        record::statement(&self.options.schema, &done, transaction.proof())
    }

    async fn give_up(
        &self,
        component: &Ready,
        failure: Failure,
        transaction: Transaction,
    ) -> (Option<Connection>, Error) {
        let error = Error::failed(&component.step, failure, Some(&component.granted()));
        let error = error.after(transaction.last_error());
        (self.undo(transaction).await, error)
    }

    async fn idle(&self, session: Session) -> Option<Connection> {
        self.options.interrupt.settled().await;
        session.idle().await
    }

    /// Rolls back. Without a connection to do it with, the server does it by itself when the session ends.
    async fn undo(&self, transaction: Transaction) -> Option<Connection> {
        self.options.interrupt.settled().await;
        transaction.rollback().await.ok()
    }

    /// Writes the failure into the log. False if the connection is of no use any more.
    async fn note_failure(&self, component: &Ready, error: &Error, took: Duration, connection: &Connection) -> bool {
        // What is not known to have failed is no failure.
        if matches!(error, Error::Unknown { .. }) {
            return true;
        }
        let Ready { step, component, .. } = component;
        self.options.interrupt.settled().await;
        let reason = error.reason();
        let digest = component.log_digest();
        let failed = log::Failed {
            revision: &step.revision,
            direction: name_of(step.direction),
            cancelled: matches!(error, Error::Interrupted) || error.stopped(),
            digest: Some(&digest),
            seconds: took.as_secs_f64(),
            error: &reason,
        };
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
}

/// How often a step was tried, and how long to wait before the next time.
struct Retries {
    attempt: u64,
    pause: Duration,
}

impl Retries {
    fn new() -> Self {
        Self { attempt: 1, pause: Duration::from_millis(50) }
    }

    /// Twice as long each time, up to what a person would wait.
    fn pause(&mut self) -> Duration {
        const LONGEST: Duration = Duration::from_secs(5);
        let pause = jittered(self.pause);
        self.pause = (self.pause * 2).min(LONGEST);
        self.attempt += 1;
        pause
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
            FinishError::Lost(error) | FinishError::Unknown(_, error) => Self::Connection(error),
        }
    }
}
