//! SIGINT and SIGTERM: the first lets the running revision end, the second cancels its statement and rolls it back.

use super::exit::Code;
use super::print::Printer;
use crate::runner::Interrupt;
use crate::sql::Cancel;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};

/// What signals have said so far.
#[derive(Clone, Default)]
pub(super) struct Signals {
    pub(super) interrupt: Interrupt,
    terminated: Arc<AtomicBool>,
}

impl Signals {
    /// Starts listening. `cancel` ends what the connection runs.
    pub(super) fn listen(&self, printer: Printer, cancel: Cancel) {
        let signals = self.clone();
        tokio::spawn(async move {
            // A process that cannot listen keeps the default: the signal ends it, and the server rolls back.
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => signals.terminated.store(true, Ordering::Relaxed),
                }
                if signals.interrupt.stop_after_step() {
                    printer.alarm("stopping now: cancelling the statement; what it did is rolled back");
                    signals.interrupt.stop_now(cancel.cancel()).await;
                } else {
                    printer.alarm(
                        "stopping after the running revision (of a durable one, after its step); the same signal again stops now",
                    );
                }
            }
        });
    }

    /// The exit code of a run that was stopped.
    pub(super) fn code(&self) -> Code {
        if self.terminated.load(Ordering::Relaxed) { Code::Terminated } else { Code::Interrupted }
    }

    /// Whether anybody asked us to stop.
    pub(super) fn asked(&self) -> bool {
        self.interrupt.asked()
    }
}
