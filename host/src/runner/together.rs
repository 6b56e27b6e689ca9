//! All or nothing: every step in one transaction, committed at the end, or rolled back in a dry run.

use super::ahead::{Ahead, Ready};
use super::{Done, Error, Report, Retries, Run};
use crate::graph::Plan;
use crate::sql::trace::Counts;
use crate::sql::{Begin, Connection, Session, Transaction};
use crate::state::schema;
use std::time::{Duration, Instant};

/// An end that is no success.
struct Failed {
    connection: Option<Connection>,
    error: Error,
    /// The step that failed, and how long it took.
    at: Option<(Box<Ready>, Duration)>,
}

impl Failed {
    fn of(connection: Option<Connection>, error: Error) -> Self {
        Self { connection, error, at: None }
    }
}

impl Run<'_> {
    pub(super) async fn in_one_transaction(&self, plan: &Plan, mut connection: Connection) -> Report {
        let mut retries = Retries::new();
        loop {
            let Failed { connection: back, error, at } = match self.attempt_together(plan, connection).await {
                Ok((done, connection)) => return Report { done, error: None, connection },
                Err(failed) => failed,
            };
            let (back, component, took) = match (back, at) {
                (Some(back), Some((component, took))) => (back, component, took),
                (connection, _) => return Report { done: Vec::new(), error: Some(error), connection },
            };
            if !self.again(&component, &error, &mut retries).await {
                if !self.options.dry_run {
                    self.note_failure(&component, &error, took, &back).await;
                }
                return Report { done: Vec::new(), error: Some(error), connection: Some(back) };
            }
            connection = back;
        }
    }

    async fn attempt_together(
        &self,
        plan: &Plan,
        connection: Connection,
    ) -> Result<(Vec<Done>, Option<Connection>), Failed> {
        let mut ahead = Ahead::new(self, plan);
        let mut done = Vec::with_capacity(plan.steps.len());
        let mut rows = self.rows.to_vec();
        let mut session = Session::Idle(Box::new(connection));
        let mut last = None;
        for step in &plan.steps {
            let mut component = match self.next(&mut ahead).await {
                Ok(component) => component,
                Err(error) => return Err(Failed::of(self.idle(session).await, error)),
            };
            self.watcher.begin(step);
            let begun = Instant::now();
            let transaction = match session {
                Session::Idle(connection) => self.start(*connection, &component).await?,
                Session::Begun(transaction) => self.go_on(*transaction, &component).await?,
            };
            let transaction = match self.seen(transaction, &component).await {
                Ok(transaction) => transaction,
                Err((connection, error)) => return Err(Failed::of(connection, error)),
            };
            let (mut transaction, outcome, _) = self.run_export(&mut component, transaction).await;
            self.tell_held(step, &transaction);
            if let Err(failure) = outcome {
                let (connection, error) = self.give_up(&component, failure, transaction).await;
                return Err(Failed { connection, error, at: Some((Box::new(component), begun.elapsed())) });
            }
            let bookkeeping = self.bookkeeping(&component, begun.elapsed(), &transaction, &rows);
            if let Err(error) = transaction.seal(&bookkeeping).await {
                let error = self.refused(&component, error);
                let connection = self.undo(transaction).await;
                return Err(Failed { connection, error, at: Some((Box::new(component), begun.elapsed())) });
            }
            step.change.apply(&mut rows);
            let took = begun.elapsed();
            self.watcher.done(step, took);
            done.push(Done { revision: step.revision.clone(), took });
            session = Session::Begun(Box::new(transaction));
            last = Some((Box::new(component), took));
        }
        let (Session::Begun(transaction), Some(last)) = (session, last) else {
            unreachable!("a plan without steps is not carried out");
        };
        if self.options.dry_run {
            return match transaction.rollback().await {
                Ok(connection) => Ok((done, Some(connection))),
                Err(error) => Err(Failed::of(None, Error::Sql(error))),
            };
        }
        match transaction.commit(&[], None).await {
            Ok(session) => Ok((done, self.idle(session).await)),
            Err((connection, error)) => {
                let error = self.refused(&last.0, error);
                Err(Failed { connection, error, at: Some(last) })
            }
        }
    }

    /// A dry run shows what each statement locks.
    async fn seen(
        &self,
        mut transaction: Transaction,
        component: &Ready,
    ) -> Result<Transaction, (Option<Connection>, Error)> {
        if !self.options.dry_run {
            return Ok(transaction);
        }
        let pid = match transaction.connection().ask_pid().await {
            Ok(pid) => pid,
            Err(error) => return Err((self.undo(transaction).await, Error::Sql(error))),
        };
        if let Some(tracer) = self.tracer(pid, Counts::new(), &component.step, |_| {}).await {
            transaction.trace(tracer);
        }
        Ok(transaction)
    }

    /// The first step begins the transaction, and brings the schema up to date in it where that was not done before.
    async fn start(&self, connection: Connection, component: &Ready) -> Result<Transaction, Failed> {
        let exists = match schema::owned(&connection, &self.options.schema).await {
            Ok(owned) => owned,
            Err(error) => return Err(Failed::of(Some(connection), Error::Sql(error))),
        };
        // A later step may ask for the time.
        let begin = Begin { timed: true, ..component.begin() };
        let mut transaction = Transaction::begin(connection, &begin)
            .await
            .map_err(|(connection, error)| Failed::of(Some(connection), Error::Sql(error)))?;
        if self.schema_current {
            return Ok(transaction);
        }
        // Quietly: that something exists already is nothing a dry run should talk about.
        let statements = format!(
            "SET LOCAL client_min_messages = warning; {}; RESET client_min_messages",
            schema::statements_for(&self.options.schema, exists).join("; ")
        );
        match transaction.host_statement("creating its bookkeeping", &statements).await {
            Ok(()) => Ok(transaction),
            Err(error) => Err(Failed::of(self.undo(transaction).await, Error::Sql(error))),
        }
    }

    /// The next steps find the session as a new one would be.
    async fn go_on(&self, mut transaction: Transaction, component: &Ready) -> Result<Transaction, Failed> {
        match transaction.reset_session(&component.begin()).await {
            Ok(()) => Ok(transaction),
            Err(error) => Err(Failed::of(self.undo(transaction).await, Error::Sql(error))),
        }
    }
}
