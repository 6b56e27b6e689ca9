//! Makes the components of the next steps ready while the present one waits for the server.

use super::{Error, Run};
use crate::components::{Component, Granted};
use crate::graph::{Plan, Step};
use crate::runtime::{Code, Guest, Runtime};
use crate::sql::Begin;
use std::collections::VecDeque;
use std::sync::Arc;
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
        Begin { lock_timeout: granted.lock_timeout(), statement_timeout: granted.statement_timeout() }
    }
}

/// The steps to come, in order.
pub(super) struct Ahead<'a> {
    run: &'a Run<'a>,
    next: Option<Result<Ready, Error>>,
    waiting: VecDeque<JoinHandle<Result<Ready, Error>>>,
    rest: VecDeque<Step>,
}

/// Components made ready at a time. More would hold more memory and gain nothing on the usual two to four cores.
const AHEAD: usize = 3;

impl<'a> Ahead<'a> {
    pub(super) fn new(run: &'a Run<'a>, plan: &Plan) -> Self {
        Self { run, next: None, waiting: VecDeque::new(), rest: plan.steps.iter().cloned().collect() }
    }

    /// The component of the next step. Dropped while it waits, it has lost nothing but that step.
    pub(super) async fn take(&mut self) -> Result<Ready, Error> {
        while self.waiting.len() < AHEAD
            && let Some(step) = self.rest.pop_front()
        {
            self.waiting.push_back(self.prepare(step));
        }
        match self.next.take() {
            Some(next) => next,
            None => self.first_waiting().await.expect("there are as many components as steps"),
        }
    }

    /// The same where it need not be waited for; it stays here.
    pub(super) async fn at_hand(&mut self) -> Option<&mut Ready> {
        if self.next.is_none() && self.waiting.front().is_some_and(JoinHandle::is_finished) {
            self.next = self.first_waiting().await;
        }
        self.next.as_mut()?.as_mut().ok()
    }

    async fn first_waiting(&mut self) -> Option<Result<Ready, Error>> {
        let ready = self.waiting.pop_front()?.await;
        Some(ready.unwrap_or_else(|cause| Err(Error::Preparing { cause: cause.to_string() })))
    }

    fn prepare(&self, step: Step) -> JoinHandle<Result<Ready, Error>> {
        let job = self.run.components.job(&step.revision);
        let runtimes = Arc::clone(self.run.runtimes);
        let watcher = Arc::clone(&self.run.watcher);
        tokio::task::spawn_blocking(move || {
            let component = job.assemble()?;
            let unusable =
                |cause| Error::Unusable { revision: step.revision.clone(), path: component.path.clone(), cause };
            let runtime = runtimes.with_stack(component.granted.sandbox().stack).map_err(unusable)?;
            let (code, note) = job.code(&runtime, &component).map_err(unusable)?;
            if let Some(note) = note {
                watcher.note(note.to_string());
            }
            Ok(Ready { step, component, code, runtime, guest: None })
        })
    }
}
