//! Makes the components of the next steps ready while the present one waits for the server.

use super::{Error, Run, Watcher};
use crate::components::{Component, Granted, Job};
use crate::graph::{Plan, Step};
use crate::runtime::{Code, Guest, Runtime, Runtimes};
use crate::sql::Begin;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A component with its compiled code.
pub(super) struct Ready {
    pub(super) step: Step,
    pub(super) component: Component,
    pub(super) code: Code,
    pub(super) runtime: Arc<Runtime>,
    /// An instance, where there was time to make one.
    pub(super) guest: Option<Guest>,
}

impl Ready {
    pub(super) fn granted(&self) -> Granted {
        self.component.granted
    }

    /// How its transaction begins.
    pub(super) fn begin(&self) -> Begin {
        let granted = self.granted();
        Begin {
            lock_timeout: granted.lock_timeout(),
            statement_timeout: granted.statement_timeout(),
            timed: self.code.timed(),
        }
    }
}

/// The steps to come, in order.
pub(super) struct Ahead {
    next: Option<Result<Ready, Error>>,
    shelf: Arc<Shelf>,
    worker: JoinHandle<()>,
}

impl Ahead {
    pub(super) fn new(run: &Run<'_>, plan: &Plan) -> Self {
        let steps: Vec<_> = plan.steps.iter().map(|step| (step.clone(), run.components.job(&step.revision))).collect();
        let runtimes = Arc::clone(run.runtimes);
        let watcher = Arc::clone(&run.watcher);
        let shelf = Arc::new(Shelf::default());
        let worker = Worker(Arc::clone(&shelf));
        let worker = tokio::task::spawn_blocking(move || {
            for (step, job) in steps {
                let component = prepare(step, &job, &runtimes, &*watcher);
                let failed = component.is_err();
                if !worker.put(component) || failed {
                    return;
                }
            }
        });
        Self { next: None, shelf, worker }
    }

    /// The component of the next step. Dropped while it waits, it has lost nothing.
    pub(super) async fn take(&mut self) -> Result<Ready, Error> {
        loop {
            if let Some(next) = self.next.take().or_else(|| self.shelf.take()) {
                return next;
            }
            if self.shelf.lock().closed {
                let cause = (&mut self.worker).await.expect_err("as many components are put there as there are steps");
                return Err(Error::Preparing { cause: cause.to_string() });
            }
            self.shelf.more.notified().await;
        }
    }

    /// The same where it need not be waited for; it stays here.
    pub(super) fn at_hand(&mut self) -> Option<&mut Ready> {
        if self.next.is_none() {
            self.next = self.shelf.take();
        }
        self.next.as_mut()?.as_mut().ok()
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.shelf.close();
    }
}

/// Between the run and its worker: one thread, as more would take processors that the server may need.
#[derive(Default)]
struct Shelf {
    state: Mutex<State>,
    /// The worker waits for it.
    room: Condvar,
    /// The run waits for it.
    more: Notify,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Result<Ready, Error>>,
    /// One of the two has gone.
    closed: bool,
}

/// The worker stops at so many components, which hold memory, and goes on when only so many are left: to wake it costs more
/// than to make most of them ready.
const FULL: usize = 8;
const LOW: usize = 2;

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    fn take(&self) -> Option<Result<Ready, Error>> {
        let mut state = self.lock();
        let next = state.ready.pop_front()?;
        if state.ready.len() == LOW {
            self.room.notify_one();
        }
        Some(next)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.room.notify_one();
        self.more.notify_one();
    }
}

/// The worker's end. Dropped however the worker ends.
struct Worker(Arc<Shelf>);

impl Worker {
    /// False: nobody wants more.
    fn put(&self, component: Result<Ready, Error>) -> bool {
        let Self(shelf) = self;
        let mut state = shelf.lock();
        state.ready.push_back(component);
        shelf.more.notify_one();
        if state.ready.len() >= FULL {
            state = shelf
                .room
                .wait_while(state, |state| state.ready.len() > LOW && !state.closed)
                .expect("no holder of this lock panics");
        }
        !state.closed
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Blocking: from a moment, for a component that is compiled already, to as long as a build takes.
fn prepare(step: Step, job: &Job, runtimes: &Runtimes, watcher: &dyn Watcher) -> Result<Ready, Error> {
    let component = job.assemble()?;
    let unusable = |cause| Error::Unusable { revision: step.revision.clone(), path: component.path.clone(), cause };
    let runtime = runtimes.with_stack(component.granted.sandbox().stack).map_err(unusable)?;
    let (code, note) = job.code(&runtime, &component).map_err(unusable)?;
    if let Some(note) = note {
        watcher.note(note.to_string());
    }
    Ok(Ready { step, component, code, runtime, guest: None })
}
