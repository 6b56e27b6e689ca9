//! `log`: messages for the person who watches.

use super::State;
use crate::bindings::Level;
use crate::bindings::wmigrate::migration::log::Host;
use crate::runtime::limits::Limit;
use crate::runtime::outcome::Stop;
use crate::runtime::{Event, printable};

impl Host for State {
    async fn message(&mut self, level: Level, text: String) -> wasmtime::Result<()> {
        self.enter_host()?;
        self.logged += text.len() as u64;
        if self.logged > self.call.limits.log_size {
            return Err(Stop::Limit(Limit::LogSize(self.call.limits.log_size)).into());
        }
        self.tell(Event::Log(level, printable(&text)));
        self.leave_host();
        Ok(())
    }
}
