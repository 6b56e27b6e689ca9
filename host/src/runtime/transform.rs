//! A revision's `transform`: each batch in an instance of its own, which can reach nothing.

use super::Call;
use super::engine::{Code, Maker};
use super::outcome::{self, Failure};
use crate::backfill::{Fault, Transform, Transformed};
use crate::bindings::{Batch, SqlError, Vector};
use std::time::Duration;

/// Code that transforms rows.
#[derive(Clone)]
pub struct Transformer {
    maker: Maker,
    code: Code,
    call: Call,
}

impl Transformer {
    /// That of `code`, as the call has it; none where it exports none.
    #[must_use]
    pub(super) fn new(maker: &Maker, code: &Code, call: &Call) -> Option<Self> {
        code.transforms().then(|| Self { maker: maker.clone(), code: code.clone(), call: call.clone() })
    }

    async fn run(&self, batch: Batch, time: Duration) -> Result<Vec<Vector>, Fault> {
        let mut call = self.call.clone();
        call.limits.cpu = time;
        let mut store = self.maker.store(call, None);
        store.data_mut().make_pure();
        let index = self.code.transform.ok_or_else(|| Fault::Host("the code exports no `transform`".to_owned()))?;
        store.data_mut().clock.enter_guest();
        let instance = self.code.pre.instance_pre().instantiate_async(&mut store).await;
        let reached = store.data().memory.reached;
        let instance = match instance {
            // Its own code runs while an instance is made; what else goes wrong then is nobody's row.
            Err(error) if reached.is_none() && !outcome::is_of_guest(&error) => {
                return Err(Fault::Host(format!("no sandbox can be made for the transform: {error:#}")));
            }
            instance => instance,
        };
        let result = async {
            let instance = instance?;
            let transform = instance.get_typed_func::<(Batch,), (Result<Vec<Vector>, SqlError>,)>(&mut store, index)?;
            transform.call_async(&mut store, (batch,)).await
        }
        .await;
        let state = store.data_mut();
        state.clock.leave_guest();
        match result {
            Ok((Ok(vectors),)) => Ok(vectors),
            Ok((Err(record),)) => Err(Fault::Row(outcome::bounded(record))),
            Err(error) => {
                let output = state.written();
                let reached = state.memory.reached;
                Err(match outcome::failure_of(error, reached, &state.call.limits, &output) {
                    Failure::Stopped => Fault::Stopped,
                    Failure::Trap { reason, output, .. } if !output.trim().is_empty() => {
                        Fault::Sandbox(format!("the transform trapped: {reason}: {}", output.trim()))
                    }
                    Failure::Trap { reason, .. } => Fault::Sandbox(format!("the transform trapped: {reason}")),
                    Failure::Limit(limit) => Fault::Sandbox(format!("the transform was ended: {limit}")),
                    failure => Fault::Sandbox(failure.to_string()),
                })
            }
        }
    }
}

impl Transform for Transformer {
    fn transform(&self, batch: Batch, time: Duration) -> Transformed<'_> {
        Box::pin(self.run(batch, time))
    }
}
