//! `context`: what this run is about.

use super::{Door, State};
use crate::bindings::Way;
use crate::bindings::wmigrate::migration::context::Host;

impl Host for State {
    async fn revision(&mut self) -> wasmtime::Result<String> {
        self.enter_purely()?;
        let id = self.call.revision.clone();
        self.leave_host();
        Ok(id)
    }

    async fn direction(&mut self) -> wasmtime::Result<Way> {
        self.enter_host()?;
        self.leave_host();
        Ok(self.call.direction)
    }

    async fn x_argument(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.enter_host()?;
        // The last one counts: the command line comes after the configuration.
        let value = self.call.x_arguments.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        self.leave_host();
        Ok(value)
    }

    async fn server_version(&mut self) -> wasmtime::Result<u32> {
        self.enter_host()?;
        let version = match self.door() {
            Door::Live(transaction) => transaction.server_version(),
            Door::Durable(steps) => steps.server_version(),
            Door::Script(_) => 0,
        };
        self.leave_host();
        Ok(version)
    }

    async fn now(&mut self) -> wasmtime::Result<i64> {
        self.enter_host()?;
        let now = self.door().now();
        self.leave_host();
        Ok(now)
    }

    async fn payload(&mut self) -> wasmtime::Result<Option<String>> {
        self.enter_purely()?;
        let text = self.call.payload.as_deref().map(str::to_owned);
        self.leave_host();
        Ok(text)
    }
}
