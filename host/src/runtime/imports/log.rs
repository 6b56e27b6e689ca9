//! `log`: messages for the person who watches.

use super::State;
use crate::bindings::Level;
use crate::bindings::wmigrate::migration::log::Host;
use crate::runtime::limits::Limit;
use crate::runtime::outcome::Stop;
use crate::runtime::{Event, printable};

impl Host for State {
    async fn message(&mut self, level: Level, text: String) -> wasmtime::Result<()> {
        self.enter_purely()?;
        self.log(&text)?;
        self.tell(Event::Log(level, printable(&text)));
        self.leave_host();
        Ok(())
    }
}

impl State {
    /// Counts what a revision says, itself or through the server's notices.
    pub(super) fn log(&mut self, text: &str) -> wasmtime::Result<()> {
        self.logged += text.len() as u64;
        if self.logged > self.call.limits.log_size {
            return Err(Stop::Limit(Limit::LogSize(self.call.limits.log_size)).into());
        }
        Ok(())
    }
}
