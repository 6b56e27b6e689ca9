//! A backfill in the revision's own transaction: the same batches, each under a savepoint. An error leaves nothing of it.

use super::ladder::{Hands, Trouble};
use super::range::Range;
use super::rows::{Fill, Read, end_of_batch};
use super::spec::What;
use super::write::{Emptied, Writer};
use super::{Error, Fault, Progress, Spec, Target, Transform, Watch, shown_key};
use crate::bindings::SqlError;
use crate::sql::{self, CallError, Connection, Transaction};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a backfill in a transaction works with.
pub struct Inside<'a> {
    /// The revision's.
    pub transaction: &'a mut Transaction,
    /// What is to be done.
    pub spec: &'a Spec,
    /// By what; none for SQL.
    pub transform: Option<&'a dyn Transform>,
    /// Time in the transform for each batch.
    pub time: Duration,
    /// Ends it between two batches when it becomes true.
    pub stopping: &'a AtomicBool,
    /// Who watches.
    pub watch: &'a Watch,
}

/// Runs it, and says how many rows were written.
pub async fn in_transaction(inside: Inside<'_>) -> Result<u64, CallError> {
    let Inside { transaction, spec, transform, time, stopping, watch } = inside;
    let connection = transaction.connection();
    connection.run_all("SAVEPOINT wmigrate_backfill").await?;
    let mut writer = Writer::default();
    let done = run(connection, &mut writer, (spec, transform, time), stopping, watch).await;
    let error = match done {
        Ok(written) => {
            writer.drop_tables(connection).await?;
            connection.run_all("RELEASE SAVEPOINT wmigrate_backfill").await?;
            return Ok(written);
        }
        // There is no session any more to take anything back in.
        Err(Error::Fatal(error)) => return Err(CallError::Fatal(error)),
        Err(Error::Record(record)) => CallError::Guest(record),
        Err(Error::Row { key, record }) => CallError::Guest(in_row(record, &key)),
        Err(Error::Failed(_) | Error::Stopped) => CallError::Fatal(sql::Error::Stopped("rewriting rows")),
    };
    connection.run_all("ROLLBACK TO SAVEPOINT wmigrate_backfill; RELEASE SAVEPOINT wmigrate_backfill").await?;
    Err(error)
}

/// The error of a row, which it names.
fn in_row(mut record: SqlError, key: &[String]) -> SqlError {
    let key = shown_key(key);
    record.message = format!("row {key}: {}", record.message);
    record.fields.push(("key".to_owned(), key));
    record
}

async fn run(
    connection: &mut Connection,
    writer: &mut Writer,
    (spec, transform, time): (&Spec, Option<&dyn Transform>, Duration),
    stopping: &AtomicBool,
    watch: &Watch,
) -> Result<u64, Error> {
    let target = Target::find(connection, spec).await?;
    let connection: &Connection = connection;
    let Some(last) = target.last(connection).await? else { return Ok(0) };
    let begun = Instant::now();
    let mut hands = Hands { connection, target: &target, spec, transform, time, writer, emptied: Emptied::AtOnce };
    let fill = Fill::new(&target, spec);
    let (mut after, mut written, mut seen) = (None, 0, 0);
    loop {
        if stopping.load(Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
        let rest = Range::between(after.clone(), last.clone());
        let batch = batch(&mut hands, &fill, rest).await?;
        written += batch.written;
        seen += batch.rows;
        watch(Progress {
            name: spec.name.clone(),
            job: None,
            rows: seen,
            estimate: u64::try_from(target.estimate).unwrap_or(0).max(seen),
            rate: seen as f64 / begun.elapsed().as_secs_f64().max(1e-6),
            throttled: 0.0,
            waiting: None,
            quarantined: 0,
            finished: batch.more.is_none(),
        });
        match batch.more {
            Some(key) => after = Some(key),
            None => return Ok(written),
        }
    }
}

struct Batch {
    rows: u64,
    written: u64,
    /// Its last key, where there are rows above it.
    more: Option<Vec<String>>,
}

/// The first rows of a range.
async fn batch(hands: &mut Hands<'_>, fill: &Fill, mut range: Range) -> Result<Batch, Error> {
    let (target, spec, connection) = (hands.target, hands.spec, hands.connection);
    if let What::Sql(set) = &spec.work {
        let more = end_of_batch(connection, target, spec, &range, spec.batch_max).await?;
        range.upto = more.clone().unwrap_or(range.upto);
        connection.run_all("SAVEPOINT wmigrate_part").await?;
        let done = hands.update(set, &target.within(&range)).await;
        let written = match done {
            Ok(written) => {
                connection.run_all("RELEASE SAVEPOINT wmigrate_part").await?;
                written
            }
            Err(Trouble::Rows(fault)) => {
                roll_back_part(connection).await?;
                let read = Read::read(connection, (target, spec), &target.within(&range), fill).await?;
                if read.more {
                    range.upto = read.last_key(target)?;
                }
                return Err(culprit(hands, &read, &range, fault).await);
            }
            Err(trouble) => return Err(of_trouble(trouble)),
        };
        return Ok(Batch { rows: written, written, more });
    }
    let read = Read::read(connection, (target, spec), &target.within(&range), fill).await?;
    let more = if read.more { Some(read.last_key(target)?) } else { None };
    range.upto = more.clone().unwrap_or(range.upto);
    if read.len() == 0 {
        return Ok(Batch { rows: 0, written: 0, more });
    }
    connection.run_all("SAVEPOINT wmigrate_part").await?;
    let rows = 0..read.len();
    let done = match hands.transformed(&read, rows.clone(), hands.time).await {
        Ok(checked) => hands.write(&read, rows, &range, &checked).await,
        Err(trouble) => Err(trouble),
    };
    match done {
        Ok(written) => {
            connection.run_all("RELEASE SAVEPOINT wmigrate_part").await?;
            Ok(Batch { rows: read.len() as u64, written, more })
        }
        Err(Trouble::Rows(fault)) => {
            roll_back_part(connection).await?;
            hands.writer.forget();
            Err(culprit(hands, &read, &range, fault).await)
        }
        Err(trouble) => Err(of_trouble(trouble)),
    }
}

async fn roll_back_part(connection: &Connection) -> Result<(), CallError> {
    connection.run_all("ROLLBACK TO SAVEPOINT wmigrate_part; RELEASE SAVEPOINT wmigrate_part").await
}

/// Which row it was. Where each passes alone, the error of all of them stands.
async fn culprit(hands: &mut Hands<'_>, read: &Read, range: &Range, fault: Fault) -> Error {
    match hands.carefully(read, range, 0).await {
        Err(Trouble::Row(place, fault)) => match read.key(hands.target, place) {
            Ok(key) => Error::Row { key, record: fault.record() },
            Err(record) => Error::Record(record),
        },
        Err(trouble) => of_trouble(trouble),
        Ok(_) => Error::Record(fault.record()),
    }
}

fn of_trouble(trouble: Trouble) -> Error {
    match trouble {
        Trouble::Rows(fault) | Trouble::Row(_, fault) => Error::Record(fault.record()),
        Trouble::Again(record) => Error::Record(record),
        Trouble::Stop(error) => error,
    }
}
