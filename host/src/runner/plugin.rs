//! One step of a plugin: the order that `isolation` asks for, and what is made of an end that is not the plain one.

use super::ahead::Ready;
use super::{Error, Run, name_of};
use crate::graph::Step;
use crate::isolation::watch::{self, Watch};
use crate::isolation::{Admitted, Flight, Keeper, Names, Plugin};
use crate::runtime::Failure;
use crate::sql::trace::{Trace, Tracer};
use crate::sql::{Begin, Connection, FinishError, Proof, Session, Transaction, Wire};
use crate::state::record;
use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the statements of one attempt did, and in which transaction.
#[derive(Default)]
struct Seen {
    flight: Arc<Mutex<Flight>>,
    xid: RefCell<String>,
}

impl Seen {
    fn begin(&self, proof: &Proof) -> impl Fn(&Trace) + Send + Sync + 'static {
        self.xid.borrow_mut().clone_from(&proof.xid);
        let flight = Arc::clone(&self.flight);
        move |trace| flight.lock().expect("no holder of this lock panics").note(trace)
    }

    fn flight(&self) -> Flight {
        std::mem::take(&mut self.flight.lock().expect("no holder of this lock panics"))
    }
}

/// How long the end of a session that was ended is waited for.
const LAST_WORDS: Duration = Duration::from_secs(5);

impl Run<'_> {
    /// A step of `plugin`, on a session of its own. The host's session stays out of its way.
    pub(super) async fn attempt_as_plugin(
        &self,
        component: &mut Ready,
        session: Session,
        plugin: &Plugin,
    ) -> Result<Session, (Option<Connection>, Error)> {
        let Some(host) = self.idle(session).await else {
            return Err((None, Error::Sql(crate::sql::Error::LockLost)));
        };
        let keeper = Keeper { host: &host, settings: self.settings, bookkeeping: &self.options.schema, plugin };
        let done = self.kept(component, &keeper).await;
        match done {
            Ok(()) => Ok(Session::Idle(Box::new(host))),
            Err(error) => Err((Some(host), error.of_plugin(&plugin.manifest.name))),
        }
    }

    async fn kept(&self, component: &mut Ready, keeper: &Keeper<'_>) -> Result<(), Error> {
        let refused = |cause| Error::of_isolation(component, cause);
        let (names, admitted) = self.session_for(keeper, refused).await?;
        let (wire, watch) = (admitted.connection.wire(), watch_of(component, keeper, admitted.pid));
        let step = component.step.clone();
        let seen = Seen::default();
        let work = Box::pin(self.in_its_session(component, keeper, &names, admitted, &seen));
        let done = self.watched(&step, keeper, &wire, &watch, work).await;
        let (session, done) = match done {
            Ok(session) => (session, Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.options.interrupt.settled().await;
        self.settle_affairs(keeper, &step, &seen).await;
        self.after_step(keeper, &names, session, done.is_ok()).await;
        done
    }

    /// Does `work` in the session behind `wire`, unless it takes more than it may.
    pub(super) async fn watched<T>(
        &self,
        step: &Step,
        keeper: &Keeper<'_>,
        wire: &Wire,
        watch: &Watch<'_>,
        mut work: Pin<Box<impl Future<Output = Result<T, Error>>>>,
    ) -> Result<T, Error> {
        let over = Cell::new(None);
        let watched = watch::until_over_budget(keeper.host, wire, watch, &self.options.interrupt.now, &over);
        let done = tokio::select! {
            done = &mut work => Some(done),
            watched = watched => {
                watched?;
                tokio::time::timeout(LAST_WORDS, work).await.ok()
            }
        };
        // What a session says that was ended is the consequence. Only a COMMIT that was through already counts.
        match (done, over.take()) {
            (Some(Ok(done)), _) => Ok(done),
            (Some(Err(error)), None) => Err(error),
            (_, Some(over)) => {
                let plugin = keeper.plugin.manifest.name.clone();
                Err(Error::Over { revision: step.revision.clone(), plugin, over })
            }
            (None, None) => Err(Error::failed(step, Failure::Stopped, None)),
        }
    }

    async fn in_its_session(
        &self,
        component: &mut Ready,
        keeper: &Keeper<'_>,
        names: &Names,
        admitted: Admitted,
        seen: &Seen,
    ) -> Result<Option<Admitted>, Error> {
        let Admitted { connection, pid, counts } = admitted;
        let begun = Instant::now();
        let begin = Begin { timed: component.code.timed(), ..component.begin() };
        let mut transaction = Transaction::begin(connection, &begin).await.map_err(|(_, error)| Error::Sql(error))?;
        keeper.lower(&mut transaction, names).await?;
        if let Some(tracer) = self.tracer(pid, counts, &component.step, seen.begin(transaction.proof())).await {
            transaction.trace(tracer);
        }
        let (transaction, outcome, spent) = self.run_export(component, transaction).await;
        // The instance is gone before there is a ticket.
        drop(spent);
        if let Err(failure) = outcome {
            let error = Error::failed(&component.step, failure, Some(&component.granted()));
            return Err(error.after(transaction.last_error()));
        }
        let done = record::Step {
            revision: component.step.revision.clone(),
            direction: name_of(component.step.direction),
            digest: Some(component.component.log_digest()),
            seconds: begun.elapsed().as_secs_f64(),
            delete: component.step.change.delete.clone(),
            insert: component.step.change.insert.clone(),
            before: Vec::new(),
        };
        let settled = keeper.settle(transaction).await;
        let transaction =
            settled.map_err(|error| Error::of_finish(&component.step, error, Some(&component.granted())))?;
        let transaction =
            keeper.without_triggers(transaction).await.map_err(|cause| Error::refused_late(component, cause))?;
        let counts = transaction.tracer().map(Tracer::counts).unwrap_or_default();
        match keeper.record(transaction, pid, &names.role, &done).await {
            Ok((proof, connection)) => {
                self.confirmed(component, keeper, &proof).await?;
                Ok(Some(Admitted { connection, pid, counts }))
            }
            // The connection is gone; what became of the transaction can be asked for.
            Err(FinishError::Unknown(proof, cause)) => match keeper.confirm(&component.step.revision, &proof).await {
                Ok(Some(true)) => Ok(None),
                Ok(Some(false)) => Err(Error::failed(&component.step, Failure::Connection(cause), None)),
                Ok(None) | Err(_) => Err(Error::Unknown { revision: component.step.revision.clone(), proof, cause }),
            },
            Err(error) => Err(Error::of_finish(&component.step, error, Some(&component.granted()))),
        }
    }

    /// The session said that it committed: so may one that was taken for a ride.
    async fn confirmed(&self, component: &Ready, keeper: &Keeper<'_>, proof: &Proof) -> Result<(), Error> {
        let revision = component.step.revision.clone();
        match keeper.confirm(&revision, proof).await {
            Ok(Some(true)) => Ok(()),
            Ok(Some(false) | None) => Err(Error::Doubt { revision, doubt: record::Doubt::Transaction }),
            // It may well be committed, and may not be on the disk.
            Err(cause) => Err(Error::Unknown { revision, proof: proof.clone(), cause }),
        }
    }

    /// What is left to do once a step has ended, however it did. Nothing of it makes a revision undone.
    async fn settle_affairs(&self, keeper: &Keeper<'_>, step: &Step, seen: &Seen) {
        let revision = &step.revision;
        match keeper.disarm().await {
            Ok(triggers) => {
                for trigger in triggers {
                    self.watcher.note(format!(
                        "{revision} made the trigger {trigger} inside its COMMIT, where it could not be refused: it is switched off"
                    ));
                }
            }
            Err(error) => self.watcher.note(format!("whether {revision} left triggers was not seen: {error}")),
        }
        let xid = seen.xid.borrow().clone();
        if let Err(error) = keeper.keep(revision, name_of(step.direction), &xid, seen.flight()).await {
            self.watcher.note(format!("what {revision} has locked was not kept: {error}"));
        }
    }
}

/// What is watched while `component` runs in the session of `pid`.
pub(super) fn watch_of<'k>(component: &Ready, keeper: &Keeper<'k>, pid: i32) -> Watch<'k> {
    Watch { plugin: keeper.plugin, bookkeeping: keeper.bookkeeping, pid, silence: silence(component, keeper.plugin) }
}

/// The server may be silent for as long as the guest may think, or a statement may take, and a little more.
fn silence(component: &Ready, plugin: &Plugin) -> Duration {
    const MORE: Duration = Duration::from_secs(2);
    let granted = component.granted();
    match granted.statement_timeout() {
        // None at all: then only the whole is bounded.
        Duration::ZERO => plugin.budget.time,
        statement => granted.sandbox().cpu.max(statement) + MORE,
    }
}

impl Error {
    /// A refusal after it had run.
    pub(super) fn refused_late(component: &Ready, cause: crate::isolation::Error) -> Self {
        Self::Isolation { revision: component.step.revision.clone(), ran: true, cause: Box::new(cause) }
    }

    fn of_isolation(component: &Ready, cause: crate::isolation::Error) -> Self {
        Self::Isolation { revision: component.step.revision.clone(), ran: false, cause: Box::new(cause) }
    }
}
