//! The plugins of a run: which of them have their role as we want it, and the session in which one's next step goes on.
//!
//! A door that is opened and a server process that is started cost more than most steps do. So the steps of one plugin share a
//! session, as long as they succeed; between two of them it forgets everything.

use super::{Error, Run};
use crate::graph::Plan;
use crate::isolation::{Admitted, Keeper, Names};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What is known of the plugins, by name.
#[derive(Default)]
pub struct Prepared(RefCell<BTreeMap<String, Role>>);

#[derive(Default)]
struct Role {
    /// None: to be looked at first.
    names: Option<Names>,
    session: Option<Admitted>,
    /// Steps of the plan that are not done yet.
    steps: usize,
}

impl Run<'_> {
    /// Notes how many steps each plugin has before it.
    pub(super) fn expect(&self, plan: &Plan) {
        let mut roles = self.prepared.0.borrow_mut();
        for plugin in plan.steps.iter().filter_map(|step| self.components.job(&step.revision).plugin()) {
            roles.entry(plugin.to_string()).or_default().steps += 1;
        }
    }

    /// A session for the next step of a plugin.
    pub(super) async fn session_for(
        &self,
        keeper: &Keeper<'_>,
        refused: impl Fn(crate::isolation::Error) -> Error,
    ) -> Result<(Names, Admitted), Error> {
        let plugin = &keeper.plugin.manifest.name;
        let (known, session) = {
            let mut roles = self.prepared.0.borrow_mut();
            let role = roles.entry(plugin.clone()).or_default();
            (role.names.clone(), role.session.take())
        };
        // Looked at once a run: the host has the migration lock, and the role has no way to change what is looked at.
        let names = if let Some(names) = known {
            names
        } else {
            let names = Names::of(keeper.host, plugin).await?;
            keeper.prepare(&names).await.map_err(&refused)?;
            self.prepared.0.borrow_mut().entry(plugin.clone()).or_default().names = Some(names.clone());
            names
        };
        // Whatever the step before has left in it is gone, or the session is.
        if let Some(session) = session
            && session.connection.batch("resetting the session", "DISCARD ALL").await.is_ok()
        {
            return Ok((names, session));
        }
        let admitted = keeper.admit(&names).await.map_err(&refused)?;
        Ok((names, admitted))
    }

    /// After a step, with the session that it was done in where that is of further use. What the role has left on itself is taken away before its next login, and
    /// at the end: a session that goes on meets nothing of it.
    pub(super) async fn after_step(
        &self,
        keeper: &Keeper<'_>,
        names: &Names,
        session: Option<Admitted>,
        done: bool,
    ) -> Result<(), Error> {
        let plugin = &keeper.plugin.manifest.name;
        {
            let mut roles = self.prepared.0.borrow_mut();
            let role = roles.entry(plugin.clone()).or_default();
            role.steps -= usize::from(done).min(role.steps);
            role.session = session.filter(|_| role.steps > 0);
            if role.session.is_some() {
                return Ok(());
            }
        }
        let tidied = keeper.tidy(names).await;
        if tidied.is_err() {
            self.prepared.0.borrow_mut().remove(plugin);
        }
        Ok(tidied?)
    }
}
