//! What stands behind the guest's door: the state of one run, and the functions of `wit/`, one file an interface.
//!
//! Each function first pays for its call, then does its work, and leaves the guest's clock stopped meanwhile.

mod backfill;
mod context;
mod log;
mod sql;

use super::limits::{GuestClock, Limit, Memory};
use super::outcome::Stop;
use super::transform::Transformer;
use super::wasi::Wasi;
use super::{Call, Event};
use crate::durable::Steps;
use crate::sql::{GuestLimits, Transaction};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::{WasiCtxView, WasiView};

/// The interfaces a component may import beside WASI.
pub(super) const OFFERED: [&str; 5] = [
    "wmigrate:migration/types@0.1.0",
    "wmigrate:migration/sql@0.1.0",
    "wmigrate:migration/log@0.1.0",
    "wmigrate:migration/context@0.1.0",
    "wmigrate:migration/backfill@0.1.0",
];

/// Whether this import can tell the time.
pub(super) fn tells_time(interface: &str, function: &str) -> bool {
    interface.starts_with("wasi:clocks/") || (interface == OFFERED[3] && function == "now")
}

/// Where the guest's SQL goes.
pub enum Door {
    /// To the server.
    Live(Box<Transaction>),
    /// To the server, step by step.
    Durable(Box<Steps>),
    /// Into a script; nothing is run, so nothing can be read.
    Script(Recorded),
}

/// Statements instead of their effects.
#[derive(Debug, Default)]
pub struct Recorded {
    /// In order, each without its `;`.
    pub statements: Vec<String>,
    /// Open savepoints, and how many there have been.
    savepoints: Vec<u32>,
    last_savepoint: u32,
}

impl Door {
    /// Start of the transaction in microseconds since 2000-01-01 UTC. A script has no time, and a guest that imports none
    /// needs none.
    fn now(&self) -> i64 {
        match self {
            Self::Live(transaction) => transaction.now().unwrap_or(0),
            Self::Durable(steps) => steps.now(),
            Self::Script(_) => 0,
        }
    }
}

/// The `T` of the store.
pub(super) struct State {
    pub(super) call: Call,
    /// None while nothing may pass: before and after the export runs.
    door: Option<Door>,
    /// The run is a transform's, to which only `log` and two of `context` answer.
    pure: bool,
    /// What a backfill of this run transforms rows with.
    transformer: Option<Transformer>,
    pub(super) memory: Memory,
    pub(super) clock: GuestClock,
    /// Made for the guests that use it.
    wasi: Option<Wasi>,
    pub(super) stopping: Arc<AtomicBool>,
    resources: ResourceTable,
    calls: u64,
    logged: u64,
}

/// Resources (open streams and the like) that an empty WASI can need.
const RESOURCES: usize = 1000;

impl State {
    pub(super) fn new(call: Call, stopping: Arc<AtomicBool>, transformer: Option<Transformer>) -> Self {
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(RESOURCES);
        Self {
            memory: Memory::new(&call.limits),
            clock: GuestClock::new(&call.limits),
            wasi: None,
            call,
            door: None,
            pure: false,
            transformer,
            stopping,
            resources,
            calls: 0,
            logged: 0,
        }
    }

    /// Lets the guest through `door`.
    pub(super) fn open(&mut self, door: Door) {
        if let Some(wasi) = &self.wasi {
            wasi.begin(door.now());
        }
        self.door = Some(door);
    }

    /// There will be no door.
    pub(super) fn make_pure(&mut self) {
        self.pure = true;
    }

    /// Nothing passes any more.
    pub(super) fn shut(&mut self) -> Door {
        self.door.take().expect("a door is shut once, after it was opened")
    }

    /// What a script engine wrote to stdout and stderr.
    pub(super) fn written(&self) -> String {
        self.wasi.as_ref().map(Wasi::written).unwrap_or_default()
    }

    fn door(&mut self) -> &mut Door {
        self.door.as_mut().expect("`enter_host` lets nobody in before the door is open")
    }

    /// Counts a call of the guest's and stops its clock.
    fn enter_host(&mut self) -> wasmtime::Result<()> {
        if self.pure {
            return Err(Stop::Impure.into());
        }
        self.enter_purely()
    }

    /// The same for a call that a transform may make as well.
    fn enter_purely(&mut self) -> wasmtime::Result<()> {
        if self.door.is_none() && !self.pure {
            return Err(Stop::TooEarly.into());
        }
        self.clock.leave_guest();
        self.calls += 1;
        if self.calls > self.call.limits.host_calls {
            return Err(Stop::Limit(Limit::HostCalls(self.call.limits.host_calls)).into());
        }
        if self.stopping.load(Ordering::Relaxed) {
            return Err(Stop::Stopped.into());
        }
        Ok(())
    }

    fn leave_host(&mut self) {
        self.clock.enter_guest();
    }

    fn guest_limits(&self) -> GuestLimits {
        GuestLimits { statement_size: self.call.limits.statement_size, result_size: self.call.limits.result_size }
    }

    pub(super) fn tell(&self, event: Event) {
        (self.call.events)(event);
    }
}

impl State {
    fn wasi(&mut self) -> (&mut Wasi, &mut ResourceTable) {
        let Self { wasi, door, call, resources, .. } = self;
        let now = door.as_ref().map_or(0, Door::now);
        (wasi.get_or_insert_with(|| Wasi::new(&call.revision, now)), resources)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (wasi, table) = self.wasi();
        WasiCtxView { ctx: &mut wasi.context, table }
    }
}

/// The name under which WASI's own functions are in the linker.
const MONOTONIC_CLOCK: &str = "wasi:clocks/monotonic-clock@0.2.12";

/// Sleeping takes no time.
pub(super) fn shorten_sleep(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut clock = linker.instance(MONOTONIC_CLOCK)?;
    let waits = [("subscribe-duration", Wasi::sleep as Wait), ("subscribe-instant", Wasi::sleep_until)];
    for (name, wait) in waits {
        clock.func_wrap(name, move |mut store: wasmtime::StoreContextMut<'_, State>, (time,): (u64,)| {
            let (wasi, table) = store.data_mut().wasi();
            Ok((wait(wasi, time, table)?,))
        })?;
    }
    linker.allow_shadowing(false);
    Ok(())
}

type Wait = fn(&Wasi, u64, &mut ResourceTable) -> wasmtime::Result<Resource<DynPollable>>;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    crate::bindings::Revision::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}
