//! All that one process does for a job: its workers, the watch over the server's load, and what is told meanwhile.
//!
//! A worker is a thread with two sessions, so that one batch is read and transformed while another one is written. The crew
//! sits on a session of its own, which asks how the job stands; where that is lost, the workers stop.

use super::lane;
use super::rows::Fill;
use super::throttle::{Pressure, SILENCE, Signs, Throttle};
use super::{Error, Progress, Spec, Target, Transform, Watch};
use crate::sql::{self, Connection, Settings};
use crate::state::backfill::{self as jobs, Extent};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How this process works on jobs.
#[derive(Clone)]
pub struct Options {
    /// Where the workers connect to.
    pub settings: Settings,
    /// The schema of the bookkeeping.
    pub schema: String,
    /// Threads.
    pub workers: usize,
    /// Rows of a new job that may be put aside.
    pub max_quarantine: u64,
    /// What it gives way to; none: nothing.
    pub throttle: Option<Throttle>,
    /// The server's, for each batch.
    pub lock_timeout: Duration,
    /// The server's, for each batch.
    pub statement_timeout: Duration,
    /// Time in the transform for each batch.
    pub transform_time: Duration,
    /// Whether somebody asked to stop: no further batch is begun then.
    pub stop: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Whether to stop at once: the batches at hand are rolled back.
    pub stop_now: Arc<AtomicBool>,
}

/// A job, with all that is needed to work on it.
#[derive(Clone)]
pub struct Task {
    /// Its number.
    pub job: i64,
    /// What is to be done.
    pub spec: Spec,
    /// Statements that make the session as the revision wants it.
    pub session: Vec<String>,
    /// To what.
    pub target: Target,
    /// By what; none for SQL.
    pub transform: Option<Arc<dyn Transform>>,
}

/// How the work ended.
#[derive(Debug)]
pub enum Ended {
    /// No batch is left.
    Done(Extent),
    /// Somebody asked to stop.
    Stopped,
    /// Somebody cancelled the job.
    Cancelled(Option<String>),
}

/// What the lanes and the crew share.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) task: Task,
    /// Rows of the next batches.
    pub(super) size: AtomicU64,
    /// The same as far as their width goes.
    pub(super) fill: Fill,
    /// Rows that meet the condition are hard to find.
    pub(super) condition_is_slow: AtomicBool,
    /// No further batch is begun.
    pub(super) stop: AtomicBool,
    /// What the server's load asks for, and since when that is known.
    pressure: Mutex<(Pressure, Instant)>,
    /// The server's processes that work for us.
    sessions: Mutex<Vec<i32>>,
    /// Microseconds that lanes have worked and waited.
    worked: AtomicU64,
    waited: AtomicU64,
}

impl Shared {
    fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().expect("no holder of this lock panics")
    }

    pub(super) fn pressure(&self) -> Pressure {
        let (pressure, since) = Self::lock(&self.pressure).clone();
        if self.options.throttle.is_some() && since.elapsed() > SILENCE {
            return Pressure { pause: Some("the server's load has not been told lately".to_owned()), half: None };
        }
        pressure
    }

    pub(super) fn enters(&self, session: i32) {
        Self::lock(&self.sessions).push(session);
    }

    pub(super) fn leaves(&self, session: i32) {
        Self::lock(&self.sessions).retain(|other| *other != session);
    }

    pub(super) fn note_work(&self, took: Duration) {
        self.worked.fetch_add(micros(took), Ordering::Relaxed);
    }

    pub(super) fn note_wait(&self, took: Duration) {
        self.waited.fetch_add(micros(took), Ordering::Relaxed);
    }

    pub(super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || (self.options.stop)() || self.stopping_now()
    }

    pub(super) fn stopping_now(&self) -> bool {
        self.options.stop_now.load(Ordering::Relaxed)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Ends the workers, however the crew ends.
struct Workers(Arc<Shared>);

impl Drop for Workers {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// Works on a job until nothing is left of it. `control` is in no transaction.
pub async fn work(task: Task, options: Options, control: &Connection, watch: &Watch) -> Result<Ended, Error> {
    let shared = Arc::new(Shared {
        fill: Fill::new(&task.target, &task.spec),
        size: AtomicU64::new(super::pace::FIRST.clamp(task.spec.batch_min, task.spec.batch_max)),
        options,
        task,
        condition_is_slow: AtomicBool::new(false),
        stop: AtomicBool::new(false),
        pressure: Mutex::new((Pressure::default(), Instant::now())),
        sessions: Mutex::default(),
        worked: AtomicU64::new(0),
        waited: AtomicU64::new(0),
    });
    let mut watched = Watched::new(&shared);
    // Before the first batch, so that nothing is written into a queue that is too long already.
    watched.look(control).await?;
    let _workers = Workers(Arc::clone(&shared));
    let mut results = start(&shared)?;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failed = None;
    let mut working = shared.options.workers.max(1);
    loop {
        tokio::select! {
            result = results.recv() => match result {
                // All are gone.
                None => break,
                Some(result) => {
                    working -= 1;
                    if let Err(error) = result {
                        shared.stop.store(true, Ordering::Relaxed);
                        failed.get_or_insert(error);
                    }
                }
            },
            _ = tick.tick() => {
                watched.look(control).await?;
                watch(watched.progress());
            }
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if working > 0 {
        return Err(Error::Failed("a worker ended without a word, which is a bug of wmigrate".to_owned()));
    }
    watched.extent = jobs::extent(control, &shared.options.schema, shared.task.job).await?;
    let extent = watched.extent.clone();
    match extent.state.as_str() {
        "cancelled" => Ok(Ended::Cancelled(extent.reason)),
        "failed" => Err(Error::Failed(extent.reason.unwrap_or_default())),
        _ if extent.cut && extent.open == 0 => {
            watched.finished = true;
            watch(watched.progress());
            Ok(Ended::Done(extent))
        }
        _ => Ok(Ended::Stopped),
    }
}

/// How often the job and the server are looked at.
const TICK: Duration = Duration::from_secs(1);

fn start(shared: &Arc<Shared>) -> Result<mpsc::UnboundedReceiver<Result<(), Error>>, Error> {
    let (sender, results) = mpsc::unbounded_channel();
    for number in 0..shared.options.workers.max(1) {
        let (shared, sender) = (Arc::clone(shared), sender.clone());
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let result = match runtime {
                Ok(runtime) => runtime.block_on(lane::worker(&shared, number)),
                Err(error) => Err(no_thread(&error)),
            };
            // Nobody listens any more where the crew was dropped.
            let _ = sender.send(result);
        };
        std::thread::Builder::new()
            .name(format!("wmigrate-worker-{number}"))
            .spawn(run)
            .map_err(|error| no_thread(&error))?;
    }
    Ok(results)
}

fn no_thread(error: &std::io::Error) -> Error {
    Error::Failed(format!("a worker cannot be started: {error}"))
}

/// What the crew knows, and when it last said it.
struct Watched {
    shared: Arc<Shared>,
    signs: Option<Signs>,
    extent: Extent,
    /// When the extent was asked for, and how long that took.
    asked: Option<(Instant, Duration)>,
    /// Rows a second.
    rate: f64,
    finished: bool,
}

impl Watched {
    fn new(shared: &Arc<Shared>) -> Self {
        let signs = shared.options.throttle.map(|throttle| Signs::new(throttle, shared.task.target.oid));
        Self { shared: Arc::clone(shared), signs, extent: Extent::default(), asked: None, rate: 0.0, finished: false }
    }

    async fn look(&mut self, control: &Connection) -> Result<(), sql::Error> {
        /// So many times as long as counting took it is not done again.
        const SHARE: u32 = 20;
        if let Some(signs) = &mut self.signs {
            let ours = Shared::lock(&self.shared.sessions).clone();
            let pressure = signs.look(control, &ours).await?;
            *Shared::lock(&self.shared.pressure) = (pressure, Instant::now());
        }
        // To count the batches of a long job takes a while; that must not be what the server is busy with.
        if self.asked.is_none_or(|(at, took)| at.elapsed() >= took * SHARE) {
            let begun = Instant::now();
            let extent = jobs::extent(control, &self.shared.options.schema, self.shared.task.job).await?;
            if let Some((at, _)) = self.asked {
                let rate = (extent.rows - self.extent.rows) as f64 / at.elapsed().as_secs_f64();
                // Smoothed, so that the end does not jump about.
                self.rate = if self.rate == 0.0 { rate } else { 0.7 * self.rate + 0.3 * rate };
            }
            self.asked = Some((begun, begun.elapsed()));
            self.extent = extent;
        }
        Ok(())
    }

    fn progress(&self) -> Progress {
        let number = |count: i64| u64::try_from(count).unwrap_or(0);
        let pressure = self.shared.pressure();
        let (worked, waited) = (self.shared.worked.load(Ordering::Relaxed), self.shared.waited.load(Ordering::Relaxed));
        let waiting = match self.extent.state.as_str() {
            _ if self.finished => None,
            "paused" => Some(format!("paused; go on with: wmigrate backfill resume {}", self.shared.task.job)),
            _ => pressure.pause.or(pressure.half),
        };
        Progress {
            name: self.shared.task.spec.name.clone(),
            job: Some(self.shared.task.job),
            rows: number(self.extent.rows),
            estimate: number(self.extent.estimate.max(self.extent.rows)),
            rate: self.rate,
            throttled: waited as f64 / (worked + waited).max(1) as f64,
            waiting,
            quarantined: number(self.extent.quarantined),
            finished: self.finished,
        }
    }
}
