//! Makes the components of the next steps ready while the present one waits for the server.

use super::{Error, Run, Watcher};
use crate::components::{Component, Granted, Job};
use crate::graph::{Plan, Step};
use crate::runtime::{Code, Guest, Runtime, Runtimes};
use crate::sql::Begin;
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

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
}

impl Ahead {
    pub(super) fn new(run: &Run<'_>, plan: &Plan) -> Self {
        let todo = plan.steps.iter().map(|step| (step.clone(), run.components.job(&step.revision))).collect();
        let shelf = Arc::new(Shelf { state: Mutex::new(State { todo, ..State::default() }), ..Shelf::default() });
        for helps in [false, true, true] {
            let shelf = Arc::clone(&shelf);
            let runtimes = Arc::clone(run.runtimes);
            let watcher = Arc::clone(&run.watcher);
            tokio::task::spawn_blocking(move || {
                while let Some((index, step, job)) = shelf.work(helps) {
                    let prepared = catch_unwind(AssertUnwindSafe(|| prepare(step, &job, &runtimes, &*watcher)));
                    shelf
                        .put(index, prepared.unwrap_or_else(|panic| Err(Error::Preparing { cause: text_of(&*panic) })));
                }
            });
        }
        Self { next: None, shelf }
    }

    /// The component of the next step. Dropped while it waits, it has lost nothing.
    pub(super) async fn take(&mut self) -> Result<Ready, Error> {
        loop {
            if let Some(next) = self.next.take().or_else(|| self.shelf.take()) {
                return next;
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
        self.shelf.lock().closed = true;
        self.shelf.room.notify_one();
        self.shelf.need.notify_all();
    }
}

/// Between the run and those who work for it. One does what there is to do; the others help while the run has to wait, which
/// it does for compilers. More would only take processors that the server may need.
#[derive(Default)]
struct Shelf {
    state: Mutex<State>,
    /// The worker waits for it.
    room: Condvar,
    /// Those who help wait for it.
    need: Condvar,
    /// The run waits for it.
    more: Notify,
}

#[derive(Default)]
struct State {
    todo: VecDeque<(Step, Job)>,
    /// Those that a worker has taken, and those that the run has.
    begun: usize,
    taken: usize,
    /// By the number of the step.
    ready: BTreeMap<usize, Result<Ready, Error>>,
    /// The run waits.
    wanted: bool,
    /// The worker waits until few are left.
    resting: bool,
    /// The run is over.
    closed: bool,
}

/// The worker stops at so many components, which hold memory, and goes on when only so many are left: to wake it costs more
/// than to make most of them ready.
const FULL: usize = 8;
const LOW: usize = 2;

impl State {
    fn has_room(&mut self, helps: bool) -> bool {
        let ahead = self.begun - self.taken;
        if ahead >= FULL {
            self.resting = true;
        } else if ahead <= LOW {
            self.resting = false;
        }
        !self.resting && (self.wanted || !helps)
    }
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// What a worker is to do next; it waits for it. None: there is nothing more to do.
    fn work(&self, helps: bool) -> Option<(usize, Step, Job)> {
        let waits = |state: &mut State| !state.closed && !state.todo.is_empty() && !state.has_room(helps);
        let calls = if helps { &self.need } else { &self.room };
        let mut state = calls.wait_while(self.lock(), waits).expect("no holder of this lock panics");
        if state.closed {
            return None;
        }
        let (step, job) = state.todo.pop_front()?;
        state.begun += 1;
        Some((state.begun - 1, step, job))
    }

    fn put(&self, index: usize, component: Result<Ready, Error>) {
        let mut state = self.lock();
        if component.is_err() {
            // The run ends here.
            state.todo.clear();
        }
        state.ready.insert(index, component);
        if state.wanted && index == state.taken {
            self.more.notify_one();
        }
    }

    fn take(&self) -> Option<Result<Ready, Error>> {
        let mut state = self.lock();
        let index = state.taken;
        let next = state.ready.remove(&index);
        let wanted = next.is_none();
        if wanted && !state.wanted {
            self.need.notify_all();
        }
        state.taken += usize::from(!wanted);
        if !wanted && state.begun - state.taken == LOW {
            self.room.notify_one();
        }
        state.wanted = wanted;
        next
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic").to_owned()
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
