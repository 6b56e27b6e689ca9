//! Whether a job has done what it was to do, as far as its batches and its table tell.

use super::range::Range;
use super::{Error, Order, Target};
use crate::sql::{Connection, joined, quote_identifier};
use crate::state::backfill::{self as jobs, Job};
use serde::Serialize;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Batches that are done.
    pub done: i64,
    /// Those that are not.
    pub open: i64,
    /// Batches that do not begin where another one ends.
    pub gaps: i64,
    /// Whether the whole table is cut into batches.
    pub cut: bool,
    /// Rows put aside.
    pub quarantined: i64,
    /// Rows for which the condition still holds; none where there is no condition.
    pub remaining: Option<i64>,
}

impl Found {
    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.open == 0 && self.gaps == 0 && self.cut && self.quarantined == 0
    }
}

/// Looks, and changes nothing.
pub async fn verify(connection: &mut Connection, schema: &str, job: &Job) -> Result<Found, Error> {
    let name = quote_identifier(schema);
    let extent = jobs::extent(connection, schema, job.id).await?;
    // Each batch but the first begins where another one ends; no two begin at the same place; the last one ends at the last key.
    let statement = format!(
        "SELECT (SELECT count(*) FROM {name}.backfill_batch b WHERE b.job = {0} AND b.after IS NOT NULL AND NOT EXISTS (\
         SELECT FROM {name}.backfill_batch p WHERE p.job = b.job AND p.upto = b.after)) \
         + (SELECT count(*) - count(DISTINCT coalesce(b.after::text, '')) FROM {name}.backfill_batch b WHERE b.job = {0}) \
         + (SELECT count(*) FROM {name}.backfill_job j WHERE j.id = {0} AND j.cut_done AND j.last_key IS NOT NULL AND NOT EXISTS (\
         SELECT FROM {name}.backfill_batch b WHERE b.job = j.id AND b.upto = j.last_key))",
        job.id
    );
    let rows = connection.query("checking the batches", &statement, &[]).await?;
    let gaps = rows.first().map_or(0, |row| row.get(0));
    let remaining = match (Order::from_json(&job.spec), &job.last_key) {
        (Some(order), Some(last)) if order.spec.condition.is_some() => {
            connection.batch("preparing the session", &joined(&order.session)).await?;
            let target = Target::find(connection, &order.spec).await?;
            let all = Range::between(None, last.clone());
            let (_, rows) = connection.raw_rows(&target.count(&order.spec, &all)).await?;
            rows.first().map(|row| row.get(0))
        }
        _ => None,
    };
    Ok(Found {
        done: extent.done,
        open: extent.open,
        gaps,
        cut: extent.cut,
        quarantined: extent.quarantined,
        remaining,
    })
}
