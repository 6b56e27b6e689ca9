//! One session that takes batch after batch: claim, read, transform, write, mark done, commit.

use super::crew::Shared;
use super::cut::{self, Cut};
use super::ladder::{Careful, Hands, Trouble};
use super::range::Range;
use super::rows::{Read, end_of_batch, key_of};
use super::spec::What;
use super::write::{Emptied, Writer};
use super::{Error, pace, shown_key};
use crate::bindings::SqlError;
use crate::sql::lock::jittered;
use crate::sql::{self, CallError, Connection, host_error, quote_identifier, quote_literal};
use crate::state::backfill as jobs;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio_postgres::error::SqlState;

/// A batch that is ours while its transaction lasts.
#[derive(Clone)]
struct Claimed {
    number: i64,
    range: Range,
    tries: i32,
}

/// What came of looking for a batch.
enum Found {
    /// One was done.
    Done,
    /// There is none to take now.
    Nothing,
}

/// What is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Batches that may be taken now or later.
    Some,
    /// None.
    None,
    /// Batches whose time has not come.
    Paced,
    /// The job is halted.
    Halted,
    /// The job is not to go on.
    Over,
}

/// A worker: two lanes, of which one writes at a time.
pub(super) async fn worker(shared: &Shared, number: usize) -> Result<(), Error> {
    let writes = Semaphore::new(1);
    let lanes = async { tokio::join!(lane(shared, &writes, number), lane(shared, &writes, number)) };
    tokio::select! {
        (one, other) = lanes => one.and(other),
        // Without their sessions the server rolls the batches at hand back.
        () = stopped_now(shared) => Ok(()),
    }
}

async fn stopped_now(shared: &Shared) {
    while !shared.stopping_now() {
        tokio::time::sleep(NAP).await;
    }
}

/// A batch that somebody else has done meanwhile must be seen as done, whatever the server's default is.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Between two looks at something that nobody tells us.
const NAP: Duration = Duration::from_millis(50);

async fn lane(shared: &Shared, writes: &Semaphore, worker: usize) -> Result<(), Error> {
    let done = lane_until_lost(shared, writes, worker).await;
    if done.is_err() {
        shared.stop.store(true, Ordering::Relaxed);
    }
    done
}

/// A session that is lost takes nothing with it: another one goes on, if there is one soon.
async fn lane_until_lost(shared: &Shared, writes: &Semaphore, worker: usize) -> Result<(), Error> {
    /// A server that restarts is back within seconds.
    const PATIENCE: Duration = Duration::from_secs(30);
    let mut lost: Option<Instant> = None;
    loop {
        let error = match Lane::open(shared, writes, worker).await {
            Ok(mut lane) => {
                let since = Instant::now();
                let ended = lane.run().await;
                shared.leaves(lane.connection.server_pid());
                match ended {
                    Err(Error::Fatal(error)) => {
                        if since.elapsed() > PATIENCE {
                            lost = None;
                        }
                        error
                    }
                    ended => return ended,
                }
            }
            Err(Error::Fatal(error)) => error,
            Err(error) => return Err(error),
        };
        if lost.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            return Err(Error::Fatal(error));
        }
        if shared.stopping() {
            return Ok(());
        }
        tokio::time::sleep(jittered(Duration::from_millis(300))).await;
    }
}

struct Lane<'a> {
    shared: &'a Shared,
    writes: &'a Semaphore,
    connection: Connection,
    writer: Writer,
    schema: String,
    /// For people.
    name: String,
}

impl<'a> Lane<'a> {
    async fn open(shared: &'a Shared, writes: &'a Semaphore, worker: usize) -> Result<Self, Error> {
        let options = &shared.options;
        let connection = Connection::open(&options.settings).await?;
        let begin = format!(
            "SET standard_conforming_strings = on; SET synchronous_commit = off; SET lock_timeout = {}; \
             SET statement_timeout = {}; SET idle_in_transaction_session_timeout = 0; \
             SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3",
            options.lock_timeout.as_millis(),
            options.statement_timeout.as_millis()
        );
        let all = [shared.task.session.clone(), vec![begin]].concat();
        connection.batch("preparing a worker's session", &sql::joined(&all)).await?;
        let session = connection.server_pid();
        shared.enters(session);
        Ok(Self {
            shared,
            writes,
            writer: Writer::default(),
            schema: quote_identifier(&options.schema),
            name: format!("{}/{worker} (pid {session})", std::process::id()),
            connection,
        })
    }

    /// Until no batch is left, or somebody asks to stop.
    async fn run(&mut self) -> Result<(), Error> {
        loop {
            if self.shared.stopping() {
                return Ok(());
            }
            let begun = Instant::now();
            let pressure = self.shared.pressure();
            if pressure.pause.is_some() {
                // Somebody may have ended the job, or others its last batch.
                if matches!(self.left().await?, Left::Over | Left::None) {
                    return Ok(());
                }
                tokio::time::sleep(10 * NAP).await;
                self.shared.note_wait(begun.elapsed());
                continue;
            }
            if let Found::Done = self.batch().await? {
                let took = begun.elapsed();
                self.shared.note_work(took);
                if pressure.half.is_some() {
                    tokio::time::sleep(took).await;
                    self.shared.note_wait(took);
                }
                continue;
            }
            let left = self.left().await?;
            match left {
                Left::Over | Left::None => return Ok(()),
                // More is cut when the time of what is cut has come: what is known of the table then is newer.
                Left::Halted | Left::Paced => {
                    tokio::time::sleep(if left == Left::Halted { 4 * NAP } else { NAP }).await;
                    self.shared.note_wait(begun.elapsed());
                    continue;
                }
                Left::Some => {}
            }
            match cut::cut(&self.connection, self.shared).await {
                Ok(Cut::More) => {}
                // Others have the batches that are left, or their time has not come.
                Ok(Cut::Nothing | Cut::Busy) => {
                    tokio::time::sleep(jittered(NAP)).await;
                    if self.shared.task.spec.rows_per_second.is_some() {
                        self.shared.note_wait(begun.elapsed());
                    }
                }
                Err(Error::Record(record)) if record.sqlstate == "55P03" || record.sqlstate == "40P01" => {
                    tokio::time::sleep(jittered(NAP)).await;
                }
                Err(Error::Record(record)) => return Err(self.fail(Error::Record(record)).await),
                Err(error) => return Err(error),
            }
        }
    }

    /// What is to be expected where there was no batch to take.
    async fn left(&self) -> Result<Left, Error> {
        let statement = format!(
            "SELECT j.state, j.cut_done AND NOT EXISTS (SELECT FROM {0}.backfill_batch b WHERE b.job = j.id AND b.state = 'open'), \
             EXISTS (SELECT FROM {0}.backfill_batch b WHERE b.job = j.id AND b.state = 'open' \
             AND b.not_before > pg_catalog.clock_timestamp()) \
             FROM {0}.backfill_job j WHERE j.id = {1}",
            self.schema, self.shared.task.job
        );
        let rows = self.connection.query("asking for batches", &statement, &[]).await?;
        Ok(match rows.first().map(|row| (row.get::<_, &str>(0), row.get::<_, bool>(1), row.get::<_, bool>(2))) {
            Some(("running", true, _)) => Left::None,
            Some(("running", false, true)) => Left::Paced,
            Some(("running", false, false)) => Left::Some,
            Some(("paused", _, _)) => Left::Halted,
            Some(_) | None => Left::Over,
        })
    }

    /// Takes a batch and does it, whatever that takes.
    async fn batch(&mut self) -> Result<Found, Error> {
        let claimed = match self.claim(None).await {
            Ok(Some(claimed)) => claimed,
            Ok(None) => {
                self.connection.batch("looking for a batch", "ROLLBACK").await?;
                return Ok(Found::Nothing);
            }
            Err(error) => return Err(self.refused(error).await),
        };
        let trouble = match self.plainly(&claimed).await {
            Ok(()) => return Ok(Found::Done),
            Err(trouble) => trouble,
        };
        self.roll_back(&trouble).await?;
        match trouble {
            Trouble::Rows(_) => self.carefully(&claimed).await?,
            Trouble::Again(record) => self.later(&claimed, record).await?,
            Trouble::Row(..) => unreachable!("only a careful run ends at a row"),
            Trouble::Stop(error) => return Err(self.fail(error).await),
        }
        Ok(Found::Done)
    }

    /// Begins a transaction and takes a batch in it: the first that nobody has, or this one.
    async fn claim(&self, number: Option<i64>) -> Result<Option<Claimed>, CallError> {
        let only = number.map(|number| format!("AND b.batch = {number} ")).unwrap_or_default();
        let statement = format!(
            "SELECT b.batch, b.after, b.upto, b.tries FROM {0}.backfill_batch b JOIN {0}.backfill_job j ON j.id = b.job \
             WHERE b.job = {1} AND b.state = 'open' AND j.state = 'running' {only}\
             AND coalesce(b.not_before <= pg_catalog.clock_timestamp(), true) \
             ORDER BY b.batch LIMIT 1 FOR UPDATE OF b SKIP LOCKED",
            self.schema, self.shared.task.job
        );
        let (begun, rows) = tokio::join!(self.connection.run_all(BEGIN), self.connection.raw_rows(&statement));
        begun?;
        let (_, rows) = rows?;
        Ok(rows.first().map(|row| Claimed {
            number: row.get(0),
            range: Range::between(row.get(1), row.get(2)),
            tries: row.get(3),
        }))
    }

    fn hands(&mut self) -> Hands<'_> {
        let Self { shared, connection, writer, .. } = self;
        Hands {
            connection,
            target: &shared.task.target,
            spec: &shared.task.spec,
            transform: shared.task.transform.as_deref(),
            time: shared.options.transform_time,
            writer,
            emptied: Emptied::OnCommit,
        }
    }

    /// As it mostly goes: all rows at once.
    async fn plainly(&mut self, claimed: &Claimed) -> Result<(), Trouble> {
        let begun = Instant::now();
        let shared = self.shared;
        let (target, spec) = (&shared.task.target, &shared.task.spec);
        let mut range = claimed.range.clone();
        let (rows, written, writing) = match &spec.work {
            What::Transform { .. } => {
                let read = Read::read(&self.connection, (target, spec), &target.within(&range), &shared.fill).await?;
                if read.more {
                    range.upto = self.shrink(claimed.number, &read, &range).await?;
                }
                let rows = 0..read.len();
                let checked = if read.len() == 0 {
                    None
                } else {
                    Some(self.hands().transformed(&read, rows.clone(), shared.options.transform_time).await?)
                };
                let writing = self.writes.acquire().await.expect("it is never closed");
                let written = match &checked {
                    Some(checked) => self.hands().write(&read, rows, &range, checked).await?,
                    None => 0,
                };
                (read.len() as u64, written, writing)
            }
            What::Sql(set) => {
                if let Some(key) = end_of_batch(&self.connection, target, spec, &range, spec.batch_max).await? {
                    self.split(claimed.number, &key, &range, spec.batch_max).await?;
                    range.upto = key;
                }
                let writing = self.writes.acquire().await.expect("it is never closed");
                let written = self.hands().update(set, &target.within(&range)).await?;
                (written, written, writing)
            }
        };
        self.finish(claimed, (rows, written, 0), begun.elapsed()).await?;
        drop(writing);
        let bounds = (spec.batch_min, spec.batch_max);
        let next = pace::next_size(shared.size.load(Ordering::Relaxed), rows, begun.elapsed(), bounds);
        shared.size.store(next, Ordering::Relaxed);
        Ok(())
    }

    /// Ends a batch after the rows that were read, and says with which key.
    async fn shrink(&self, number: i64, read: &Read, range: &Range) -> Result<Vec<String>, Trouble> {
        let target = &self.shared.task.target;
        let count = read.len() as u64;
        let key = read.last_key(target).map_err(Trouble::Stop)?;
        // A row whose key was changed while its lock was waited for stands out of order, and is no end of anything.
        let nth = target.nth_key(&self.shared.task.spec, range, count, 1);
        let (_, rows) = self.connection.raw_rows(&nth).await?;
        let now = rows
            .first()
            .map(|row| key_of(target, row))
            .transpose()
            .map_err(|record| Trouble::Stop(Error::Record(record)))?;
        if now.as_ref() != Some(&key) {
            let message = "rows of the batch were moved while they were read".to_owned();
            return Err(Trouble::Again(host_error("database", &SqlState::T_R_SERIALIZATION_FAILURE, message, None)));
        }
        self.split(number, &key, range, count).await?;
        Ok(key)
    }

    /// Ends a batch at `key`, after `count` rows, and makes another one of what is above, whose time comes after theirs.
    async fn split(&self, number: i64, key: &[String], range: &Range, count: u64) -> Result<(), CallError> {
        let job = self.shared.task.job;
        let pause = self.shared.task.spec.rows_per_second.map_or(0.0, |rate| count as f64 / rate as f64);
        let at = jobs::key(Some(key));
        self.connection
            .run_all(&format!(
                "UPDATE {0}.backfill_batch SET upto = {at} WHERE job = {job} AND batch = {number}; \
                 INSERT INTO {0}.backfill_batch (job, after, upto, state, not_before) VALUES ({job}, {at}, {1}, 'open', \
                 pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => {pause}))",
                self.schema,
                jobs::key(Some(&range.upto)),
            ))
            .await
    }

    /// Marks it done, and commits.
    async fn finish(
        &self,
        claimed: &Claimed,
        (rows, written, aside): (u64, u64, u64),
        took: Duration,
    ) -> Result<(), CallError> {
        self.connection
            .run_all(&format!(
                "UPDATE {}.backfill_batch SET state = 'done', rows = {rows}, written = {written}, quarantined = {aside}, \
                 seconds = {}, worker = {}, finished = pg_catalog.clock_timestamp() WHERE job = {} AND batch = {}; COMMIT",
                self.schema,
                took.as_secs_f64(),
                quote_literal(&self.name),
                self.shared.task.job,
                claimed.number
            ))
            .await
    }

    /// Once more, in parts, down to the rows that fail.
    async fn carefully(&mut self, claimed: &Claimed) -> Result<(), Error> {
        let claimed = match self.claim(Some(claimed.number)).await {
            Ok(Some(claimed)) => claimed,
            // Somebody else has it now.
            Ok(None) => {
                self.connection.batch("looking for a batch", "ROLLBACK").await?;
                return Ok(());
            }
            Err(error) => return Err(self.refused(error).await),
        };
        let trouble = match self.bisect(&claimed).await {
            Ok(()) => return Ok(()),
            Err(trouble) => trouble,
        };
        self.roll_back(&trouble).await?;
        match trouble {
            Trouble::Again(record) => self.later(&claimed, record).await,
            Trouble::Stop(error) => Err(self.fail(error).await),
            Trouble::Row(_, fault) | Trouble::Rows(fault) => Err(self.fail(Error::Record(fault.record())).await),
        }
    }

    async fn bisect(&mut self, claimed: &Claimed) -> Result<(), Trouble> {
        let begun = Instant::now();
        let shared = self.shared;
        let (target, spec) = (&shared.task.target, &shared.task.spec);
        // Held to the end, so that no two batches count on the same room, and taken first, so that no row is locked while it is
        // waited for; counted in a statement of its own, which sees what others did meanwhile.
        let job = shared.task.job;
        let lock = format!("SELECT 1 FROM {}.backfill_job WHERE id = {job} FOR NO KEY UPDATE", self.schema);
        self.connection.run_all("SET LOCAL lock_timeout = 0").await?;
        self.connection.raw_rows(&lock).await?;
        let timeout = shared.options.lock_timeout.as_millis();
        self.connection.run_all(&format!("SET LOCAL lock_timeout = {timeout}")).await?;
        let mut range = claimed.range.clone();
        let read = Read::read(&self.connection, (target, spec), &target.within(&range), &shared.fill).await?;
        if read.more {
            range.upto = self.shrink(claimed.number, &read, &range).await?;
        }
        let room = format!(
            "SELECT max_quarantine - (SELECT count(*) FROM {0}.backfill_quarantine WHERE job = {job}) \
             FROM {0}.backfill_job WHERE id = {job}",
            self.schema
        );
        let (_, rows) = self.connection.raw_rows(&room).await?;
        let room = rows.first().map_or(0, |row| row.get::<_, i64>(0));
        let _writing = self.writes.acquire().await.expect("it is never closed");
        // Else a constraint that is checked at the end would not say which row it was.
        self.connection.run_all("SET CONSTRAINTS ALL IMMEDIATE").await?;
        let room = u64::try_from(room).unwrap_or(0);
        // Several parts share the transaction.
        let mut hands = Hands { emptied: Emptied::AtOnce, ..self.hands() };
        let Careful { written, aside } = match hands.carefully(&read, &range, room).await {
            Ok(careful) => careful,
            Err(Trouble::Row(place, fault)) => {
                let key = read.key(target, place).map_err(|record| Trouble::Stop(Error::Record(record)))?;
                return Err(Trouble::Stop(Error::Row { key, record: fault.record() }));
            }
            Err(trouble) => return Err(trouble),
        };
        for (place, fault) in &aside {
            let key = read.key(target, *place).map_err(|record| Trouble::Stop(Error::Record(record)))?;
            self.connection
                .run_all(&jobs::put_aside(&shared.options.schema, shared.task.job, &key, &fault.record()))
                .await?;
        }
        self.finish(claimed, (read.len() as u64, written, aside.len() as u64), begun.elapsed()).await?;
        Ok(())
    }

    /// Others were in the way. The batch stays open, and after some tries becomes two.
    async fn later(&mut self, claimed: &Claimed, record: SqlError) -> Result<(), Error> {
        const TRIES: i32 = 10;
        const HALVES_AFTER: i32 = 3;
        let tries = claimed.tries + 1;
        if tries >= TRIES {
            return Err(self.fail(Error::Record(record)).await);
        }
        self.note_try(claimed, tries).await?;
        if tries % HALVES_AFTER == 0 {
            self.halve(&Claimed { tries, ..claimed.clone() }).await?;
        }
        let pause = jittered(Duration::from_millis(50) * (1 << tries.min(6)));
        tokio::time::sleep(pause).await;
        self.shared.note_wait(pause);
        Ok(())
    }

    /// Holds a batch that had been ours, in a transaction: as it was, or not at all. Others may have had it meanwhile.
    async fn hold(&self, claimed: &Claimed) -> Result<bool, CallError> {
        self.connection.run_all(BEGIN).await?;
        let statement = format!(
            "SELECT 1 FROM {}.backfill_batch WHERE job = {} AND batch = {} AND state = 'open' AND tries = {} AND upto = {} FOR UPDATE",
            self.schema,
            self.shared.task.job,
            claimed.number,
            claimed.tries,
            jobs::key(Some(&claimed.range.upto))
        );
        let (_, rows) = self.connection.raw_rows(&statement).await?;
        Ok(!rows.is_empty())
    }

    async fn note_try(&self, claimed: &Claimed, tries: i32) -> Result<(), Error> {
        let noted = async {
            if self.hold(claimed).await? {
                let (job, batch) = (self.shared.task.job, claimed.number);
                self.connection
                    .run_all(&format!(
                        "UPDATE {}.backfill_batch SET tries = {tries} WHERE job = {job} AND batch = {batch}",
                        self.schema
                    ))
                    .await?;
            }
            self.connection.run_all("COMMIT").await
        };
        self.undone(noted.await).await
    }

    async fn halve(&self, claimed: &Claimed) -> Result<(), Error> {
        let halved = async {
            if self.hold(claimed).await?
                && let Some((middle, half)) = self.middle(&claimed.range).await?
            {
                self.split(claimed.number, &middle, &claimed.range, half).await?;
            }
            self.connection.run_all("COMMIT").await
        };
        self.undone(halved.await).await
    }

    /// What could not be noted is noted the next time.
    async fn undone(&self, done: Result<(), CallError>) -> Result<(), Error> {
        match done {
            Ok(()) => Ok(()),
            Err(CallError::Fatal(error)) => Err(Error::Fatal(error)),
            Err(CallError::Guest(_)) => Ok(self.connection.batch("rolling back", "ROLLBACK").await?),
        }
    }

    /// The key in the middle of a range that has two rows or more, and how many rows it ends.
    async fn middle(&self, range: &Range) -> Result<Option<(Vec<String>, u64)>, CallError> {
        let (target, spec) = (&self.shared.task.target, &self.shared.task.spec);
        let count = target.count(spec, range);
        let (_, rows) = self.connection.raw_rows(&count).await?;
        let rows: i64 = rows.first().map_or(0, |row| row.get(0));
        let Ok(half) = u64::try_from(rows / 2) else { return Ok(None) };
        if half == 0 {
            return Ok(None);
        }
        let (_, found) = self.connection.raw_rows(&target.nth_key(spec, range, half, 1)).await?;
        let key = found.first().map(|row| key_of(target, row)).transpose()?;
        Ok(key.map(|key| (key, half)))
    }

    async fn roll_back(&mut self, trouble: &Trouble) -> Result<(), Error> {
        // A temporary table that was made in the transaction goes with it.
        self.writer.forget();
        match trouble {
            Trouble::Stop(Error::Fatal(_)) => Ok(()),
            _ => Ok(self.connection.batch("rolling back", "ROLLBACK").await?),
        }
    }

    async fn refused(&mut self, error: CallError) -> Error {
        match error {
            CallError::Fatal(error) => Error::Fatal(error),
            CallError::Guest(record) => {
                let _ = self.connection.batch("rolling back", "ROLLBACK").await;
                self.fail(Error::Record(record)).await
            }
        }
    }

    /// Says so to all who work on the job, and ends. In no transaction.
    async fn fail(&self, error: Error) -> Error {
        let reason = match &error {
            Error::Fatal(_) | Error::Stopped | Error::Failed(_) => return error,
            Error::Record(record) => format!("{} (SQLSTATE {})", record.message, record.sqlstate),
            Error::Row { key, record } => {
                format!("row {}: {} (SQLSTATE {})", shown_key(key), record.message, record.sqlstate)
            }
        };
        // A guest chooses the text, and the server takes no U+0000.
        let reason = reason.replace('\0', "\u{fffd}");
        let schema = &self.shared.options.schema;
        match jobs::set_state(&self.connection, schema, self.shared.task.job, &["running"], "failed", Some(&reason))
            .await
        {
            Ok(_) => error,
            Err(lost @ sql::Error::Lost { .. }) => Error::Fatal(lost),
            Err(_) => error,
        }
    }
}
