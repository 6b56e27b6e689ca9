//! Engines, each made when the first component needs it. An engine has one size of stack for all it runs, so a revision
//! that is granted another one gets another engine.

use super::cache::Cache;
use super::engine::{Error, Runtime};
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// The engines of one run.
pub struct Runtimes {
    cache: Arc<Cache>,
    stopping: Arc<AtomicBool>,
    by_stack: Mutex<HashMap<u64, Arc<Runtime>>>,
}

impl Runtimes {
    /// Makes none yet. `stopping` ends guests that run when it becomes true.
    #[must_use]
    pub fn new(cache: Cache, stopping: Arc<AtomicBool>) -> Self {
        Self { cache: Arc::new(cache), stopping, by_stack: Mutex::default() }
    }

    /// The one with a wasm stack of `stack` bytes.
    pub fn with_stack(&self, stack: u64) -> Result<Arc<Runtime>, Error> {
        let mut by_stack = self.by_stack.lock().expect("no holder of this lock panics");
        if let Some(runtime) = by_stack.get(&stack) {
            return Ok(Arc::clone(runtime));
        }
        let runtime = Arc::new(Runtime::new(Arc::clone(&self.cache), stack, Arc::clone(&self.stopping))?);
        by_stack.insert(stack, Arc::clone(&runtime));
        Ok(runtime)
    }
}
