//! The plugins of a run: which of them have their role as we want it, and the sessions that were opened for their next steps.
//!
//! A door that is opened for each step costs more than most steps do. So sessions for several of them are opened at once, before
//! the first statement of the plugin's, and each step has one of its own.

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
    waiting: Vec<Admitted>,
    /// Steps of the plan that are not done yet.
    steps: usize,
}

/// Sessions behind one door. Each holds a connection of the server's until its step is done.
const AT_ONCE: usize = 4;

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
        let (known, steps) = {
            let mut roles = self.prepared.0.borrow_mut();
            let role = roles.entry(plugin.clone()).or_default();
            // One that was ended meanwhile was ended by a session of the same role.
            role.waiting.retain(|waiting| !waiting.connection.is_closed());
            if let (Some(names), Some(admitted)) = (role.names.clone(), role.waiting.pop()) {
                return Ok((names, admitted));
            }
            (role.names.clone(), role.steps)
        };
        // Looked at once a run: the host has the migration lock, and the role has no way to change what is looked at.
        let names = if let Some(names) = known {
            names
        } else {
            let names = Names::of(keeper.host, plugin).await?;
            keeper.prepare(&names).await.map_err(&refused)?;
            names
        };
        let mut admitted = keeper.admit(&names, steps.clamp(1, AT_ONCE)).await.map_err(&refused)?;
        let first = admitted.pop().expect("one was asked for at least");
        let mut roles = self.prepared.0.borrow_mut();
        let role = roles.entry(plugin.clone()).or_default();
        role.names = Some(names.clone());
        role.waiting = admitted;
        Ok((names, first))
    }

    /// After a step: what the role has left on itself is taken away before its next login, and at the end. Sessions that were
    /// opened before have nothing of it.
    pub(super) async fn after_step(&self, keeper: &Keeper<'_>, names: &Names, done: bool) -> Result<(), Error> {
        let plugin = &keeper.plugin.manifest.name;
        {
            let mut roles = self.prepared.0.borrow_mut();
            let role = roles.entry(plugin.clone()).or_default();
            if done {
                role.steps = role.steps.saturating_sub(1);
                if !role.waiting.is_empty() {
                    return Ok(());
                }
            } else {
                role.waiting.clear();
            }
        }
        let tidied = keeper.tidy(names).await;
        if tidied.is_err() {
            self.prepared.0.borrow_mut().remove(plugin);
        }
        Ok(tidied?)
    }
}
