//! The plugins of a run: which of them have their role as we want it, and the session in which one's next step goes on.
//!
//! A door that is opened and a server process that is started cost more than most steps do. So the steps of one plugin share a
//! session, as long as they succeed; between two of them it forgets everything.

use super::{Error, Run};
use crate::graph::Plan;
use crate::isolation::{Admitted, Keeper, Names};
use crate::sql::Connection;
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
        if let Some(session) = session {
            return Ok((names, session));
        }
        let admitted = keeper.admit(&names).await.map_err(&refused)?;
        Ok((names, admitted))
    }

    /// After a step, with the session that it was done in where that is of further use: what it has left there is gone now, or the
    /// session is. What the role has left on itself is taken away before its next login, and at the end.
    pub(super) async fn after_step(&self, keeper: &Keeper<'_>, names: &Names, session: Option<Admitted>, done: bool) {
        let plugin = &keeper.plugin.manifest.name;
        let goes_on = {
            let mut roles = self.prepared.0.borrow_mut();
            let role = roles.entry(plugin.clone()).or_default();
            role.steps -= usize::from(done).min(role.steps);
            role.steps > 0
        };
        if let Some(session) = session.filter(|_| goes_on)
            && session.connection.batch("resetting the session", "DISCARD ALL").await.is_ok()
        {
            self.prepared.0.borrow_mut().entry(plugin.clone()).or_default().session = Some(session);
            return;
        }
        self.tidied(keeper, names).await;
    }

    /// Behind the last step, whichever that was: sessions that were to go on are ended.
    pub(super) async fn farewell(&self, host: &Connection) {
        let waiting: Vec<_> = {
            let mut roles = self.prepared.0.borrow_mut();
            let left = roles.iter_mut().filter_map(|(plugin, role)| {
                role.session.take()?;
                Some((plugin.clone(), role.names.clone()?))
            });
            left.collect()
        };
        for (plugin, names) in waiting {
            let Some(plugin) = self.plugins.get(&plugin) else { continue };
            let keeper = Keeper { host, settings: self.settings, bookkeeping: &self.options.schema, plugin };
            self.tidied(&keeper, &names).await;
        }
    }

    /// What stays of an earlier run is taken away by the next one too, before anything of the plugin's runs.
    async fn tidied(&self, keeper: &Keeper<'_>, names: &Names) {
        let plugin = &keeper.plugin.manifest.name;
        if let Err(error) = keeper.tidy(names).await {
            self.prepared.0.borrow_mut().remove(plugin);
            self.watcher.note(format!("what the role of `{plugin}` has set for itself is not reset yet: {error}"));
        }
    }
}
