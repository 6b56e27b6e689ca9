//! A dry run of a plugin: its steps in one transaction of its own session, which is rolled back. What had to be made for that, role
//! and schema, is taken away again where the database did not know the plugin before.

use super::ahead::{Ahead, Ready};
use super::plugin::watch_of;
use super::{Done, Error, Report, Run};
use crate::graph::Plan;
use crate::isolation::{self, Admitted, Keeper, Names, Plugin, Registered};
use crate::runtime::Failure;
use crate::sql::trace::Counts;
use crate::sql::{Begin, Connection, Transaction};
use std::time::Instant;

impl Run<'_> {
    /// The plugin whose dry run this is: `components` has seen to it that a plan has steps of one alone, or of none.
    pub(super) fn rehearsed(&self, plan: &Plan) -> Option<&Plugin> {
        let first = plan.steps.first().filter(|_| self.options.dry_run)?;
        self.plugins.get(&*self.components.job(&first.revision).plugin()?)
    }

    pub(super) async fn rehearse(&self, plan: &Plan, connection: Connection, plugin: &Plugin) -> Report {
        let mut done = Vec::new();
        let keeper = Keeper { host: &connection, settings: self.settings, bookkeeping: &self.options.schema, plugin };
        let error = self.rehearse_as(plan, &keeper, &mut done).await.err();
        Report { done, error: error.map(|error| error.of_plugin(&plugin.manifest.name)), connection: Some(connection) }
    }

    async fn rehearse_as(&self, plan: &Plan, keeper: &Keeper<'_>, done: &mut Vec<Done>) -> Result<(), Error> {
        let first = &plan.steps[0].revision;
        let refused = |cause| Error::Isolation { revision: first.clone(), ran: false, cause: Box::new(cause) };
        let name = &keeper.plugin.manifest.name;
        if !self.schema_current {
            return Err(refused(isolation::Error::NoBookkeeping { plugin: name.clone() }));
        }
        let before = known(keeper).await?;
        let names = Names::of(keeper.host, name).await?;
        let had_schema = keeper.has_schema().await?;
        let rehearsed = async {
            keeper.prepare(&names).await.map_err(refused)?;
            let admitted = keeper.admit(&names).await.map_err(refused)?;
            self.all_steps(plan, keeper, admitted, done).await
        };
        let rehearsed = Box::pin(rehearsed).await;
        self.options.interrupt.settled().await;
        if let Err(error) = forget(keeper, &names, before, had_schema).await {
            self.watcher.note(format!("what the dry run of `{name}` has made was not all taken away: {error}"));
        }
        rehearsed
    }

    async fn all_steps(
        &self,
        plan: &Plan,
        keeper: &Keeper<'_>,
        admitted: Admitted,
        done: &mut Vec<Done>,
    ) -> Result<(), Error> {
        let Admitted { connection, pid, .. } = admitted;
        let wire = connection.wire();
        let mut ahead = Ahead::new(self, plan);
        let mut transaction = None;
        let mut connection = Some(connection);
        for step in &plan.steps {
            let mut component = self.next(&mut ahead).await?;
            self.watcher.begin(step);
            let begun = Instant::now();
            let watch = watch_of(&component, keeper, pid);
            let work = Box::pin(async {
                let transaction = match (transaction.take(), connection.take()) {
                    (Some(transaction), _) => again(transaction, &component).await?,
                    (None, Some(connection)) => first(connection, &component).await?,
                    (None, None) => unreachable!("what failed ends the loop"),
                };
                self.rehearse_step(&mut component, keeper, transaction, pid).await
            });
            transaction = Some(self.watched(step, keeper, &wire, &watch, work).await?);
            let took = begun.elapsed();
            self.watcher.done(step, took);
            done.push(Done { revision: step.revision.clone(), took });
        }
        if let Some(transaction) = transaction {
            transaction.rollback().await?;
        }
        Ok(())
    }

    async fn rehearse_step(
        &self,
        component: &mut Ready,
        keeper: &Keeper<'_>,
        mut transaction: Transaction,
        pid: i32,
    ) -> Result<Transaction, Error> {
        if let Some(tracer) = self.tracer(pid, Counts::new(), &component.step, |_| {}).await {
            transaction.trace(tracer);
        }
        let (mut transaction, outcome, _) = self.run_export(component, transaction).await;
        let settled = match outcome {
            Ok(()) => transaction.settle_constraints().await.map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        self.tell_held(&component.step, &transaction);
        match settled {
            Ok(()) => keeper.without_triggers(transaction).await.map_err(|cause| Error::refused_late(component, cause)),
            Err(failure) => {
                let error = Error::failed(&component.step, failure, Some(&component.granted()));
                Err(error.after(transaction.last_error()))
            }
        }
    }
}

/// Leaves the plugin as it was `before`. Data that an earlier removal kept stays.
async fn forget(keeper: &Keeper<'_>, names: &Names, before: Option<Registered>, had_schema: bool) -> Result<(), Error> {
    let now = known(keeper).await?;
    if now.is_some() {
        keeper.tidy(names).await?;
    }
    match (before, now) {
        (Some(before), _) => keeper.unregister(&before).await?,
        (None, Some(now)) => isolation::remove(keeper.host, keeper.bookkeeping, &now, !had_schema).await?,
        (None, None) => {}
    }
    Ok(())
}

/// What the database knows of the plugin.
async fn known(keeper: &Keeper<'_>) -> Result<Option<Registered>, Error> {
    let all = isolation::registered(keeper.host, keeper.bookkeeping).await?;
    Ok(all.into_iter().find(|known| known.name == keeper.plugin.manifest.name))
}

async fn first(connection: Connection, component: &Ready) -> Result<Transaction, Error> {
    // A later step may ask for the time.
    let begin = Begin { timed: true, ..component.begin() };
    Transaction::begin(connection, &begin).await.map_err(|(_, error)| Error::Sql(error))
}

async fn again(mut transaction: Transaction, component: &Ready) -> Result<Transaction, Error> {
    transaction.reset_session(&component.begin()).await?;
    Ok(transaction)
}
