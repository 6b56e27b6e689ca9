//! The engine: made once, lazily, because a run with nothing to do needs none; and what it makes of a component.

use super::cache::{Cache, CacheNote};
use super::functions::Functions;
use super::imports::{self, Door, State};
use super::outcome::{self, Failure, Stop};
use super::transform::Transformer;
use super::{Call, Event, Outcome};
use crate::bindings::{Level, Revision, RevisionPre, Way};
use std::hash::{Hash as _, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, Linker};
use wasmtime::{Config, Engine, Store, UpdateDeadline};

/// Bytes that one call may hand to the host: a statement of the largest size any configuration allows, and room.
pub(super) const CALL_SIZE: usize = 256 * 1024 * 1024;

/// How often a guest in a loop is looked at.
const TICK: Duration = Duration::from_millis(10);

/// Host stack that a call into the host needs beyond the wasm stack, with room for hashing and the driver.
const HOST_STACK: usize = 1024 * 1024;

/// What is wrong with a component.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine itself could not be made.
    #[error("the WebAssembly engine cannot be started: {0}")]
    Engine(String),
    /// Its bytes cannot be had.
    #[error("{0}")]
    NoCode(String),
    /// Not a component, or not a valid one.
    #[error("it is not a valid WebAssembly component: {0}")]
    Invalid(String),
    /// It wants something that is not there.
    #[error("it imports {}, which this wmigrate does not offer", .0.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))]
    UnknownImports(Vec<String>),
    /// It is not a revision.
    #[error("it is not of the world `wmigrate:migration/revision`: {0}")]
    WrongWorld(String),
}

/// The sandbox's factory.
pub struct Runtime {
    maker: Maker,
    linker: Linker<State>,
    cache: Arc<Cache>,
    /// Part of an entry's name in the cache.
    compatibility: String,
}

/// What makes the store of a run.
#[derive(Clone)]
pub(super) struct Maker {
    engine: Engine,
    stack: u64,
    stopping: Arc<AtomicBool>,
}

/// A component that is ready to be run, any number of times.
#[derive(Clone)]
pub struct Code {
    pub(super) pre: RevisionPre<State>,
    pub(super) transform: Option<ComponentExportIndex>,
    timed: bool,
}

impl Code {
    /// Whether it can ask for the time: its transaction must then know it.
    #[must_use]
    pub fn timed(&self) -> bool {
        self.timed
    }

    /// Whether it transforms rows.
    #[must_use]
    pub fn transforms(&self) -> bool {
        self.transform.is_some()
    }
}

impl Maker {
    /// A store for one run, with its limits.
    pub(super) fn store(&self, mut call: Call, transformer: Option<Transformer>) -> Store<State> {
        call.limits.stack = self.stack;
        let mut store = Store::new(&self.engine, State::new(call, Arc::clone(&self.stopping), transformer));
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(CALL_SIZE);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|store| {
            let state = store.data();
            if state.stopping.load(Ordering::Relaxed) {
                return Err(Stop::Stopped.into());
            }
            state.clock.check().map_err(Stop::Limit)?;
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }
}

impl Runtime {
    /// Starts the engine. `stack` is the wasm stack of every run; `stopping` ends guests that run when it becomes true.
    pub fn new(cache: Arc<Cache>, stack: u64, stopping: Arc<AtomicBool>) -> Result<Self, Error> {
        let engine_error = |error: wasmtime::Error| Error::Engine(error.to_string());
        let wasm_stack = usize::try_from(stack).map_err(|_| Error::Engine("its stack is too large".to_owned()))?;
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .max_wasm_stack(wasm_stack)
            .async_stack_size(wasm_stack + HOST_STACK)
            .async_stack_zeroing(true)
            // The same run twice does the same, on every machine.
            .cranelift_nan_canonicalization(true)
            .wasm_relaxed_simd(false)
            .memory_init_cow(true);
        config.enable_incremental_compilation(Arc::new(Functions::default())).map_err(engine_error)?;
        let engine = Engine::new(&config).map_err(engine_error)?;
        let mut linker = Linker::new(&engine);
        imports::add_to_linker(&mut linker).map_err(engine_error)?;
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(engine_error)?;
        imports::shorten_sleep(&mut linker).map_err(engine_error)?;
        tick(&engine);
        let compatibility = compatibility(&engine);
        Ok(Self { maker: Maker { engine, stack, stopping }, linker, cache, compatibility })
    }

    /// Bytes of wasm stack.
    #[must_use]
    pub fn stack(&self) -> u64 {
        self.maker.stack
    }

    /// Makes a component ready: from the cache, or by compiling it. `digest` names its code, whatever its metadata.
    /// Blocking: tens of milliseconds for a small component that is not cached.
    pub fn load(&self, digest: &str, component: &[u8]) -> Result<(Code, Option<CacheNote>), Error> {
        if let Some(code) = self.cached(digest)? {
            return Ok((code, None));
        }
        let invalid = |error: wasmtime::Error| Error::Invalid(format!("{error:#}"));
        let compiled = Component::new(self.engine(), component).map_err(invalid)?;
        let ready = self.ready(&compiled)?;
        let note = compiled.serialize().ok().and_then(|code| self.cache.put(&self.name_of(digest), &code));
        Ok((ready, note))
    }

    /// The same for a component that a stranger made: compiled by a process of its own.
    pub fn load_apart(&self, digest: &str, component: &[u8]) -> Result<(Code, Option<CacheNote>), Error> {
        if let Some(code) = self.cached(digest)? {
            return Ok((code, None));
        }
        let code = super::apart::compile(component, self.stack())?;
        let invalid = |error: wasmtime::Error| Error::Invalid(format!("{error:#}"));
        // SAFETY: these bytes came just now through a pipe from a process that runs this very program, with the same settings of
        // the engine, and has nothing else to write there. Were its compiler to make bad code of a bad component, so would ours.
        #[allow(unsafe_code, reason = "see above")]
        let compiled = unsafe { Component::deserialize(self.engine(), &code) }.map_err(invalid)?;
        let ready = self.ready(&compiled)?;
        Ok((ready, self.cache.put(&self.name_of(digest), &code)))
    }

    /// Compiled code, to be loaded by another process with the same settings.
    pub(super) fn precompiled(&self, component: &[u8]) -> Result<Vec<u8>, Error> {
        self.engine().precompile_component(component).map_err(|error| Error::Invalid(format!("{error:#}")))
    }

    /// In the cache.
    fn name_of(&self, digest: &str) -> String {
        format!("{digest}-{}", self.compatibility)
    }

    /// The same where it is in the cache, without a look at the component.
    pub fn cached(&self, digest: &str) -> Result<Option<Code>, Error> {
        if let Some(code) = self.cache.get(&self.name_of(digest)) {
            // SAFETY: `deserialize` runs whatever native code it is given. These bytes were just authenticated with a key
            // that only this user can read, under a name that holds the digest of the component and the engine's version
            // and settings: they are what `serialize` below gave for this component.
            #[allow(unsafe_code, reason = "see above")]
            let component = unsafe { Component::deserialize(self.engine(), &*code) };
            if let Ok(component) = component {
                return self.ready(&component).map(Some);
            }
        }
        Ok(None)
    }

    /// Makes an instance for one run. What goes wrong is told when it is run: a revision's code may run here already.
    pub async fn instantiate(&self, code: &Code, call: Call) -> Guest {
        let transformer = Transformer::new(&self.maker, code, &call);
        let mut store = self.maker.store(call, transformer);
        store.data_mut().clock.enter_guest();
        let revision = code.pre.instantiate_async(&mut store).await;
        store.data_mut().clock.leave_guest();
        Guest { store, revision }
    }

    /// What transforms rows with `code`; none where it exports nothing that does.
    #[must_use]
    pub fn transformer(&self, code: &Code, call: &Call) -> Option<Transformer> {
        Transformer::new(&self.maker, code, call)
    }

    /// Makes an instance and runs it.
    pub async fn run(&self, code: &Code, call: &Call, door: Door) -> (Door, Outcome) {
        let (door, outcome, _) = self.instantiate(code, call.clone()).await.run(door).await;
        (door, outcome)
    }

    fn engine(&self) -> &Engine {
        &self.maker.engine
    }

    fn ready(&self, component: &Component) -> Result<Code, Error> {
        let known = |name: &str| name.starts_with("wasi:") || imports::OFFERED.contains(&name);
        let imported = component.component_type();
        let unknown: Vec<_> =
            imported.imports(self.engine()).map(|(name, _)| name.to_owned()).filter(|name| !known(name)).collect();
        if !unknown.is_empty() {
            return Err(Error::UnknownImports(unknown));
        }
        let instance =
            self.linker.instantiate_pre(component).map_err(|error| Error::WrongWorld(format!("{error:#}")))?;
        let pre = RevisionPre::new(instance).map_err(|error| Error::WrongWorld(format!("{error:#}")))?;
        let timed = imported.imports(self.engine()).any(|(interface, item)| match item.ty {
            ComponentItem::ComponentInstance(instance) => {
                instance.exports(self.engine()).any(|(function, _)| imports::tells_time(interface, function))
            }
            _ => false,
        });
        let transform = component.get_export_index(None, "transform");
        Ok(Code { pre, transform, timed })
    }
}

/// What must be equal for compiled code to be loaded: version and settings of the engine, and the machine.
fn compatibility(engine: &Engine) -> String {
    struct Blake(blake3::Hasher);
    impl Hasher for Blake {
        fn finish(&self) -> u64 {
            u64::from_le_bytes(*self.0.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes"))
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut hasher = Blake(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// An instance that waits for its door.
pub struct Guest {
    store: Store<State>,
    revision: wasmtime::Result<Revision>,
}

/// What is left of an instance. Giving its memory back takes a moment that nobody needs to wait for.
pub struct Spent {
    _store: Store<State>,
}

impl Guest {
    /// Runs its export. `door` comes back however the run ends; after anything but success the database must be rolled back
    /// by the caller.
    pub async fn run(mut self, door: Door) -> (Door, Outcome, Spent) {
        let store = &mut self.store;
        store.data_mut().open(door);
        let result = match self.revision {
            Ok(revision) => {
                store.data_mut().clock.enter_guest();
                let result = match store.data().call.direction {
                    Way::Upgrade => revision.call_upgrade(&mut *store).await,
                    Way::Downgrade => revision.call_downgrade(&mut *store).await,
                };
                store.data_mut().clock.leave_guest();
                result
            }
            Err(error) => Err(error),
        };
        let state = store.data_mut();
        let output = state.written();
        let outcome = match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::Returned(outcome::bounded(error))),
            Err(error) => Err(outcome::failure_of(error, state.memory.reached, &state.call.limits, &output)),
        };
        if outcome.is_ok() && !output.trim().is_empty() {
            state.tell(Event::Log(Level::Warning, super::printable(output.trim_end())));
        }
        (state.shut(), outcome, Spent { _store: self.store })
    }
}

/// Lets time pass for guests. The thread ends with the engine.
fn tick(engine: &Engine) {
    let engine = engine.weak();
    // Without the thread a guest in a loop could not be stopped; a machine that has no thread left fails here, loudly.
    std::thread::Builder::new()
        .name("wmigrate-tick".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })
        .expect("a thread can be started");
}
