//! Two requests to stop: the first lets the running step end, the second ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify};

/// What has been asked for so far. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    after_step: Arc<AtomicBool>,
    /// Stop now.
    pub now: Arc<AtomicBool>,
    asked: Arc<Notify>,
    /// Held while the running statement is being cancelled.
    cancelling: Arc<Mutex<()>>,
}

impl Interrupt {
    /// Asks to stop before the next step. True if that had been asked already.
    pub fn stop_after_step(&self) -> bool {
        let before = self.after_step.swap(true, Ordering::Relaxed);
        self.asked.notify_waiters();
        before
    }

    /// Asks to stop now. `cancel` ends the running statement.
    pub async fn stop_now(&self, cancel: impl Future<Output = ()>) {
        let _cancelling = self.cancelling.lock().await;
        self.now.store(true, Ordering::Relaxed);
        self.stop_after_step();
        cancel.await;
    }

    /// Whether anybody asked.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.after_step.load(Ordering::Relaxed)
    }

    /// Waits until somebody asks.
    pub async fn requested(&self) {
        loop {
            let asked = self.asked.notified();
            if self.asked() {
                return;
            }
            asked.await;
        }
    }

    /// Waits until no request to cancel is on its way: one that comes late would hit the statements that clear up, and the
    /// log would not say how the revision ended.
    pub async fn settled(&self) {
        /// A server that does not answer the request is not waited for longer.
        const ANSWER: Duration = Duration::from_secs(5);
        let _ = tokio::time::timeout(ANSWER, self.cancelling.lock()).await;
    }
}
