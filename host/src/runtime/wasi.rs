//! The WASI that script engines get: empty and deterministic. No files, network, environment or arguments; the clocks stand
//! still at the transaction's start or count calls, sleep takes no time, random numbers follow from the revision's id, and what is written to
//! stdout and stderr goes to the log. The same run twice sees the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx};

/// An engine writes here why it gave up; more than this is noise.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// Bytes of random numbers before they repeat. Guests seed a hash table with them, which takes 16.
const RANDOM_BYTES: usize = 4096;

/// Microseconds between 1970-01-01 and 2000-01-01, where PostgreSQL counts from.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

pub(super) struct Wasi {
    pub(super) context: WasiCtx,
    output: MemoryOutputPipe,
    start: TransactionStart,
    passed: Passed,
}

impl Wasi {
    /// `now` is the transaction's start in microseconds since 2000-01-01 UTC.
    pub(super) fn new(revision: &str, now: i64) -> Self {
        let output = MemoryOutputPipe::new(OUTPUT_LIMIT);
        let start = TransactionStart(Arc::new(AtomicI64::new(now)));
        let passed = Passed::default();
        let mut random = vec![0; RANDOM_BYTES];
        blake3::Hasher::new_derive_key("wmigrate random 2026")
            .update(revision.as_bytes())
            .finalize_xof()
            .fill(&mut random);
        let context = WasiCtx::builder()
            .stdout(output.clone())
            .stderr(output.clone())
            .wall_clock(start.clone())
            .monotonic_clock(passed.clone())
            .secure_random(Deterministic::new(random.clone()))
            .insecure_random(Deterministic::new(random))
            .insecure_random_seed(0)
            .max_random_size(RANDOM_BYTES as u64)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Self { context, output, start, passed }
    }

    /// For an instance that was made before its transaction began.
    pub(super) fn begin(&self, now: i64) {
        self.start.0.store(now, Ordering::Relaxed);
    }

    /// What was written so far.
    pub(super) fn written(&self) -> String {
        String::from_utf8_lossy(&self.output.contents()).into_owned()
    }
}

/// What a guest waits for that sleeps. It takes no time: nobody looks at a guest's clock while it sleeps. Its own clock is put
/// forward instead, as a scheduler that waits for a time to come would wait in vain for one that counts calls.
struct Sleep {
    passed: Passed,
    until: u64,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Sleep {
    async fn ready(&mut self) {
        self.passed.0.fetch_max(self.until, Ordering::Relaxed);
        // A guest that waits in a loop lets others have their turn.
        tokio::task::yield_now().await;
    }
}

impl Wasi {
    /// Sleep until the monotonic clock shows that many nanoseconds.
    pub(super) fn sleep_until(&self, until: u64, table: &mut ResourceTable) -> wasmtime::Result<Resource<DynPollable>> {
        let sleep = table.push(Sleep { passed: self.passed.clone(), until })?;
        subscribe(table, sleep)
    }

    /// Sleep for that many nanoseconds.
    pub(super) fn sleep(&self, duration: u64, table: &mut ResourceTable) -> wasmtime::Result<Resource<DynPollable>> {
        self.sleep_until(self.passed.now().saturating_add(duration), table)
    }
}

#[derive(Clone)]
struct TransactionStart(Arc<AtomicI64>);

impl HostWallClock for TransactionStart {
    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn now(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.load(Ordering::Relaxed).saturating_add(POSTGRES_EPOCH)).unwrap_or(0))
    }
}

/// The monotonic clock: a nanosecond a call, and what was slept.
#[derive(Clone, Default)]
struct Passed(Arc<AtomicU64>);

impl HostMonotonicClock for Passed {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
