//! `backfill`: in the revision's transaction, or, where each step is committed by itself, as a job that others can share.

use super::sql::Refusal;
use super::{Door, State};
use crate::backfill::spec::What;
use crate::backfill::{Inside, Spec, Transform, Watch, in_transaction};
use crate::bindings::wmigrate::migration::backfill::Host;
use crate::bindings::{BackfillSpec, BackfillUpdate, SqlError};
use crate::durable::Answer;
use crate::runtime::outcome::Stop;
use crate::runtime::{Event, printable, shown_statement};
use crate::sql::host_error;
use std::sync::Arc;
use tokio_postgres::error::SqlState;

type Done = wasmtime::Result<Result<u64, SqlError>>;

impl crate::bindings::wmigrate::migration::types::Host for State {}

impl Host for State {
    async fn run(&mut self, spec: BackfillSpec) -> Done {
        self.enter_host()?;
        let done = match Spec::of_run(spec) {
            Ok(spec) => self.backfill(&spec).await,
            Err(record) => Err(record.into()),
        };
        self.answer(done)
    }

    async fn update(&mut self, spec: BackfillUpdate) -> Done {
        self.enter_host()?;
        let done = match Spec::of_update(spec) {
            Ok(spec) => self.backfill(&spec).await,
            Err(record) => Err(record.into()),
        };
        self.answer(done)
    }
}

impl State {
    async fn backfill(&mut self, spec: &Spec) -> Result<u64, Refusal> {
        let transform = match (&spec.work, &self.transformer) {
            (What::Sql(_), _) => None,
            (What::Transform { .. }, Some(transformer)) => Some(Arc::new(transformer.clone()) as Arc<dyn Transform>),
            (What::Transform { .. }, None) => return Err(no_transform().into()),
        };
        self.tell(Event::Statement(format!("-- backfill {} of {}", printable(&spec.name), printable(&spec.table))));
        let events = Arc::clone(&self.call.events);
        let watch: Watch = Arc::new(move |progress| events(Event::Backfill(progress)));
        let time = self.call.limits.transform_cpu;
        let stopping = Arc::clone(&self.stopping);
        match self.door() {
            Door::Live(transaction) => {
                let inside = Inside {
                    transaction,
                    spec,
                    transform: transform.as_deref(),
                    time,
                    stopping: &stopping,
                    watch: &watch,
                };
                Ok(in_transaction(inside).await?)
            }
            Door::Durable(steps) => match steps.backfill(spec, transform, &watch).await? {
                Answer::Count(rows) => Ok(rows),
                Answer::Rows(_) | Answer::Columns(_) | Answer::Refused(_) => {
                    unreachable!("a backfill is answered with a number")
                }
            },
            Door::Script(recorded) => match &spec.work {
                What::Sql(set) => {
                    let condition = spec.condition.as_ref().map(|text| format!(" WHERE {text}")).unwrap_or_default();
                    recorded.statements.push(format!("UPDATE {} SET {set}{condition}", spec.table));
                    Ok(0)
                }
                What::Transform { .. } => Err(Refusal::Stop(Stop::Unanswerable(format!(
                    "it rewrites rows in code, which a script cannot do: backfill {} of {}",
                    printable(&spec.name),
                    shown_statement(&spec.table)
                )))),
            },
        }
    }
}

fn no_transform() -> SqlError {
    let message = "the revision exports no `transform`".to_owned();
    let hint = "name its transforms: `export!(upgrade, downgrade, transforms: { … })` in Rust, \
                `export const transforms = { … }` in JavaScript; or let SQL do the work, with `update`"
        .to_owned();
    host_error("usage", &SqlState::UNDEFINED_FUNCTION, message, Some(hint))
}
