//! One step of a plan whose revision is durable: it is committed piece by piece, and its version rows with the end of its journal.

use super::ahead::Ready;
use super::{Error, Run, name_of};
use crate::backfill;
use crate::durable::{About, Steps};
use crate::graph::Direction;
use crate::runtime::{Door, Failure};
use crate::sql::{Connection, Session, Transaction};
use crate::state::{backfill as jobs, journal};
use std::sync::Arc;
use std::time::Instant;

impl Run<'_> {
    /// Runs it from where it is to its end.
    pub(super) async fn attempt_in_steps(
        &self,
        component: &mut Ready,
        session: Session,
        rows: &[String],
    ) -> Result<Session, (Option<Connection>, Error)> {
        let begun = Instant::now();
        let lost = || crate::sql::Error::Lost { doing: "ending a transaction", cause: "it is closed".to_owned() };
        let Some(connection) = self.idle(session).await else { return Err((None, Error::Sql(lost()))) };
        let steps = Steps::open(connection, self.about(component))
            .await
            .map_err(|(connection, error)| (connection, Error::Sql(error)))?;
        let guest = match component.guest.take() {
            Some(guest) => guest,
            None => self.guest(component).await,
        };
        let (door, outcome, _) = guest.run(Door::Durable(Box::new(steps))).await;
        let Door::Durable(steps) = door else { unreachable!("a door comes back as it went in") };
        let outcome = match (outcome, steps.left_over()) {
            _ if self.stopped_now() => Err(Failure::Stopped),
            (Ok(()), Some(left)) => Err(Failure::Diverged(left)),
            (outcome, _) => outcome,
        };
        let connection = steps.into_connection();
        if let Err(failure) = outcome {
            self.options.interrupt.settled().await;
            return Err((connection, Error::failed(&component.step, failure, Some(&component.granted()))));
        }
        let Some(connection) = connection else { return Err((None, Error::Sql(lost()))) };
        let transaction = Transaction::begin(connection, &component.begin())
            .await
            .map_err(|(connection, error)| (Some(connection), Error::Sql(error)))?;
        let (schema, revision) = (&self.options.schema, &component.step.revision);
        let mut last = vec![
            self.bookkeeping(component, begun.elapsed(), &transaction, rows),
            journal::forget(schema, revision),
            jobs::close(schema, revision),
        ];
        if component.step.direction == Direction::Downgrade {
            last.push(jobs::empty_quarantine(schema, revision));
        }
        let done = transaction.commit(&last, None).await;
        done.map_err(|(connection, error)| (connection, self.refused(component, error)))
    }

    fn about(&self, component: &Ready) -> About {
        let interrupt = self.options.interrupt.clone();
        let granted = component.granted();
        About {
            schema: self.options.schema.clone(),
            revision: component.step.revision.clone(),
            direction: name_of(component.step.direction),
            begin: component.begin(),
            digest: component.component.digest.clone(),
            crew: backfill::Options {
                lock_timeout: granted.lock_timeout(),
                statement_timeout: granted.statement_timeout(),
                transform_time: granted.sandbox().transform_cpu,
                ..self.options.crew.clone()
            },
            stop: Arc::new(move || interrupt.asked()),
        }
    }
}
