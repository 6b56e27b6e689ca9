//! Rows that were put aside, once more: each in a transaction of its own.

use super::crew::{Options, Task};
use super::ladder::{Careful, Hands, Trouble};
use super::lane::BEGIN;
use super::range::Range;
use super::rows::{Fill, Read};
use super::write::{Emptied, Writer};
use super::{Error, Fault};
use crate::sql::{Connection, joined};
use crate::state::backfill as jobs;

/// What came of the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
    /// Written.
    pub written: u64,
    /// Gone from the table, or not to be visited any more.
    pub gone: u64,
    /// Still wrong.
    pub failed: u64,
}

/// Tries each row of the job's quarantine again. `connection` is in no transaction.
pub async fn try_again(task: &Task, options: &Options, connection: &Connection) -> Result<Tried, Error> {
    connection.batch("preparing the session", &joined(&task.session)).await?;
    let mut writer = Writer::default();
    let mut tried = Tried::default();
    for row in jobs::quarantined(connection, &options.schema, task.job, i64::MAX).await? {
        connection.batch("beginning a transaction", BEGIN).await?;
        let done = one(task, options, connection, &mut writer, &row.key).await;
        match done {
            Ok(Some(Ok(()))) => tried.written += 1,
            Ok(Some(Err(_))) => tried.failed += 1,
            Ok(None) => tried.gone += 1,
            Err(error @ Error::Fatal(_)) => return Err(error),
            Err(error) => {
                connection.batch("rolling back", "ROLLBACK").await?;
                return Err(error);
            }
        }
        connection.batch("committing", "COMMIT").await?;
        writer.forget();
    }
    Ok(tried)
}

/// None: there is no such row any more.
async fn one(
    task: &Task,
    options: &Options,
    connection: &Connection,
    writer: &mut Writer,
    key: &[String],
) -> Result<Option<Result<(), Fault>>, Error> {
    let range = Range::only(key.to_vec());
    let fill = Fill::new(&task.target, &task.spec);
    let read = Read::read(connection, (&task.target, &task.spec), &task.target.within(&range), &fill).await?;
    if read.len() == 0 {
        connection.run_all(&jobs::take_back(&options.schema, task.job, key)).await?;
        return Ok(None);
    }
    connection.run_all("SET CONSTRAINTS ALL IMMEDIATE").await?;
    let mut hands = Hands {
        connection,
        target: &task.target,
        spec: &task.spec,
        transform: task.transform.as_deref(),
        time: options.transform_time,
        writer,
        emptied: Emptied::OnCommit,
    };
    match hands.carefully(&read, &range, 1).await {
        Ok(Careful { aside, .. }) if aside.is_empty() => {
            connection.run_all(&jobs::take_back(&options.schema, task.job, key)).await?;
            Ok(Some(Ok(())))
        }
        Ok(Careful { mut aside, .. }) => {
            let (_, fault) = aside.remove(0);
            connection.run_all(&jobs::put_aside(&options.schema, task.job, key, &fault.record())).await?;
            Ok(Some(Err(fault)))
        }
        Err(Trouble::Rows(fault) | Trouble::Row(_, fault)) => Ok(Some(Err(fault))),
        Err(Trouble::Again(record)) => Err(Error::Record(record)),
        Err(Trouble::Stop(error)) => Err(error),
    }
}
