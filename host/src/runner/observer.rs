//! A session of the host's beside the one that runs: from there is seen which locks a transaction holds.

use super::Run;
use crate::graph::Step;
use crate::runtime::Event;
use crate::sql::trace::{Counts, Trace, Tracer};
use crate::sql::{Connection, Transaction};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Opened by the first transaction that is traced; none where it cannot be had.
#[derive(Default)]
pub struct Observer(OnceCell<Option<Arc<Connection>>>);

impl Run<'_> {
    /// Traces what `step` does in the session of `pid`; `kept` gets what did anything. A server that has no connection left is no
    /// reason to stop.
    pub(super) async fn tracer(
        &self,
        pid: i32,
        counts: Counts,
        step: &Step,
        kept: impl Fn(&Trace) + Send + Sync + 'static,
    ) -> Option<Tracer> {
        let open = || async {
            let opened = Connection::open(self.settings).await;
            opened
                .inspect_err(|error| self.watcher.note(format!("locks are not looked at: {error}")))
                .ok()
                .map(Arc::new)
        };
        let observer = self.observer.0.get_or_init(open).await.as_ref()?;
        let events = self.events_of(step);
        let report = move |trace: Trace| {
            if !trace.effects.is_empty() {
                kept(&trace);
                events(Event::Trace(trace));
            }
        };
        Some(Tracer::new(Arc::clone(observer), pid, counts, Arc::new(report)))
    }

    /// For how long a step has kept others out, which is until now.
    pub(super) fn tell_held(&self, step: &Step, transaction: &Transaction) {
        for held in transaction.tracer().map(Tracer::held).unwrap_or_default() {
            self.watcher.event(step, Event::Held(held));
        }
    }
}
