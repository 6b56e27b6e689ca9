//! How a table is cut into batches. Only what was never cut is decided here: a batch, once written down, keeps its range.

use super::Error;
use super::crew::{Shared, Task};
use super::lane::BEGIN;
use super::pace::LONG;
use super::range::Range;
use super::rows::keys_of;
use super::target::Target;
use crate::sql::{CallError, Connection, quote_identifier};
use crate::state::backfill::key;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_postgres::error::SqlState;

/// Batches that are cut at once.
const AT_ONCE: u64 = 8;

/// How long rows that meet a job's condition are looked for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of an attempt to cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// There are new batches.
    More,
    /// Nothing is left to cut.
    Nothing,
    /// Somebody else is at it.
    Busy,
}

/// How the ranges of an integer key are computed: without asking the server, which would have to count the rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Density {
    /// Rows and keys of the batches that were done lately.
    pub(super) seen: Option<(f64, f64)>,
    /// Keys of the last batch that was cut.
    pub(super) last_span: Option<i128>,
    /// Keys that they got through in a second.
    pub(super) keys_per_second: Option<f64>,
    /// Rows of the whole table and keys between its first and last, roughly.
    pub(super) whole: (f64, f64),
}

/// Keys that a batch of `size` rows spans.
#[must_use]
pub(super) fn span(density: &Density, size: u64) -> i128 {
    let (rows, keys) = density.seen.unwrap_or(density.whole);
    let grown = density.last_span.map_or(i128::MAX, |last| last.saturating_mul(4));
    // A condition that few rows meet makes a batch of many keys, all of which are looked at.
    #[allow(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
    let in_time = density.keys_per_second.map_or(i128::MAX, |keys| (keys * LONG.as_secs_f64()) as i128);
    let most = grown.min(in_time);
    // No key comes twice, so that so many keys cannot have more rows.
    let least = i128::from(size);
    if rows < 1.0 {
        return if density.seen.is_some() { most.max(least) } else { least };
    }
    #[allow(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
    let wanted = (size as f64 * (keys / rows).max(1.0)) as i128;
    wanted.clamp(least, most.max(least))
}

/// Cuts the next batches, in a transaction of its own.
pub(super) async fn cut(connection: &Connection, shared: &Shared) -> Result<Cut, Error> {
    let done = attempt(connection, shared).await;
    let end = if matches!(done, Ok(Cut::More)) { "COMMIT" } else { "ROLLBACK" };
    match done {
        Err(Error::Fatal(error)) => Err(Error::Fatal(error)),
        done => {
            connection.batch("cutting batches", end).await?;
            done
        }
    }
}

async fn attempt(connection: &Connection, shared: &Shared) -> Result<Cut, Error> {
    let Task { job, target, spec, .. } = &shared.task;
    let size = shared.size.load(Ordering::Relaxed).min(shared.fill.most());
    let name = quote_identifier(&shared.options.schema);
    connection.batch("cutting batches", BEGIN).await?;
    let (_, rows) = connection
        .raw_rows(&format!(
            "SELECT cut_key, cut_done, last_key, estimate::float8 FROM {name}.backfill_job WHERE id = {job} FOR NO KEY UPDATE SKIP LOCKED"
        ))
        .await?;
    let Some(row) = rows.first() else { return Ok(Cut::Busy) };
    let (after, done, last): (Option<Vec<String>>, bool, Option<Vec<String>>) = (row.get(0), row.get(1), row.get(2));
    let Some(last) = last.filter(|_| !done) else { return Ok(Cut::Nothing) };
    let estimate: f64 = row.get(3);
    let range = Range::between(after, last);
    let mut upper = match target.key.as_slice() {
        [only] if only.is_integer() => computed(connection, (&name, *job), target, &range, (estimate, size)).await?,
        _ => counted(connection, shared, &range, size).await?,
    };
    // Without a full set the last one reaches to the end.
    let ends = (upper.len() as u64) < AT_ONCE || upper.last() == Some(&range.upto);
    if ends && upper.last() != Some(&range.upto) {
        upper.push(range.upto.clone());
    }
    let mut values = Vec::with_capacity(upper.len());
    let mut below = range.after.clone();
    for (number, upto) in upper.iter().enumerate() {
        let pause = spec.rows_per_second.map_or(0.0, |rate| number as f64 * size as f64 / rate as f64);
        values.push(format!(
            "({job}, {}, {}, 'open', (SELECT due FROM paced) + pg_catalog.make_interval(secs => {pause}))",
            key(below.as_deref()),
            key(Some(upto)),
        ));
        below = Some(upto.clone());
    }
    let pause = spec.rows_per_second.map_or(0.0, |rate| upper.len() as f64 * size as f64 / rate as f64);
    let due = "SELECT greatest(coalesce(j.paced_to, pg_catalog.now()), pg_catalog.now()) AS due";
    connection
        .run(&format!(
            "WITH paced AS ({due} FROM {name}.backfill_job j WHERE j.id = {job}), \
             made AS (INSERT INTO {name}.backfill_batch (job, after, upto, state, not_before) VALUES {}) \
             UPDATE {name}.backfill_job SET cut_key = {}, cut_done = {ends}, \
             paced_to = (SELECT due FROM paced) + pg_catalog.make_interval(secs => {pause}) WHERE id = {job}",
            values.join(", "),
            key(upper.last().map(Vec::as_slice)),
        ))
        .await?;
    Ok(Cut::More)
}

/// The last keys of the next batches, asked of the server. Where rows that meet the condition are too hard to find, all rows are
/// counted, which the key's index does.
async fn counted(
    connection: &Connection,
    shared: &Shared,
    range: &Range,
    size: u64,
) -> Result<Vec<Vec<String>>, Error> {
    let Task { target, spec, .. } = &shared.task;
    let condition = spec.condition.as_deref().filter(|_| !shared.condition_is_slow.load(Ordering::Relaxed));
    if condition.is_some() {
        let patience = PATIENCE.as_millis();
        connection.run_all(&format!("SAVEPOINT wmigrate_cut; SET LOCAL statement_timeout = {patience}")).await?;
        let asked = connection.raw_rows(&target.boundaries(condition, range, size, AT_ONCE)).await;
        connection.run_all("ROLLBACK TO SAVEPOINT wmigrate_cut").await?;
        match asked {
            Ok((_, rows)) => return keys_of(target, &rows).map_err(Error::Record),
            Err(CallError::Guest(record)) if record.sqlstate == SqlState::QUERY_CANCELED.code() => {
                shared.condition_is_slow.store(true, Ordering::Relaxed);
            }
            Err(error) => return Err(error.into()),
        }
    }
    let (_, rows) = connection.raw_rows(&target.boundaries(None, range, size, AT_ONCE)).await?;
    keys_of(target, &rows).map_err(Error::Record)
}

/// The same computed.
async fn computed(
    connection: &Connection,
    (schema, job): (&str, i64),
    target: &Target,
    range: &Range,
    (estimate, size): (f64, u64),
) -> Result<Vec<Vec<String>>, Error> {
    let number = |text: Option<&String>| text.and_then(|text| text.parse::<i128>().ok());
    let last = number(range.upto.first()).unwrap_or(0);
    let first = if let Some(after) = number(range.after.as_ref().and_then(|key| key.first())) {
        after
    } else {
        let statement = format!(
            "SELECT {0}::text FROM {1} ORDER BY {2} LIMIT 1",
            target.key_columns()[0],
            target.table,
            target.key_columns()[0]
        );
        let (_, rows) = connection.raw_rows(&statement).await?;
        let least: Option<String> = rows.first().and_then(|row| row.get(0));
        number(least.as_ref()).unwrap_or(last) - 1
    };
    let statement = format!(
        "SELECT sum(rows)::float8, sum(keys)::float8, (array_agg(keys ORDER BY batch DESC))[1]::text, \
         (sum(keys) / nullif(sum(seconds), 0))::float8 FROM (SELECT batch, rows, seconds, upto[1]::numeric - after[1]::numeric AS keys FROM {schema}.backfill_batch \
         WHERE job = {job} AND after IS NOT NULL AND state = 'done' ORDER BY batch DESC LIMIT 32) AS lately"
    );
    let (_, rows) = connection.raw_rows(&statement).await?;
    let whole = (estimate, (last - first) as f64);
    let density = match rows.first() {
        Some(row) => {
            let (done, keys): (Option<f64>, Option<f64>) = (row.get(0), row.get(1));
            let last_span = number(row.get::<_, Option<String>>(2).as_ref());
            Density { seen: done.zip(keys), last_span, keys_per_second: row.get(3), whole }
        }
        None => Density { seen: None, last_span: None, keys_per_second: None, whole },
    };
    let span = span(&density, size);
    let mut upper = Vec::new();
    let mut at = first;
    while at < last && (upper.len() as u64) < AT_ONCE {
        at = at.saturating_add(span).min(last);
        upper.push(vec![at.to_string()]);
    }
    Ok(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_follows_the_rows_that_were_found() {
        let check = |seen, last_span, whole, expected: i128| {
            assert_eq!(span(&Density { seen, last_span, keys_per_second: None, whole }, 1000), expected);
        };
        let in_time = |keys_per_second, expected: i128| {
            let density =
                Density { seen: Some((1.0, 1e9)), last_span: Some(1_000_000), keys_per_second, whole: (1e6, 1e6) };
            assert_eq!(span(&density, 1000), expected);
        };
        // So many keys as are looked at in a while, and as many as rows are wanted in any case.
        in_time(Some(1e5), 60_000);
        in_time(Some(10.0), 1000);
        in_time(None, 4_000_000);
        // Nothing is known but what the statistics say.
        check(None, None, (1e6, 1e6), 1000);
        check(None, None, (1e6, 1e7), 10_000);
        check(None, None, (0.0, 1e6), 1000);
        // More rows than keys is an old statistic.
        check(None, None, (1e9, 1e6), 1000);
        check(Some((500.0, 1000.0)), Some(1000), (1e6, 1e6), 2000);
        // A gap is crossed with growing steps.
        check(Some((0.0, 1000.0)), Some(1000), (1e6, 1e6), 4000);
        check(Some((1.0, 1e9)), Some(4000), (1e6, 1e6), 16_000);
        check(Some((1000.0, 1000.0)), Some(1_000_000), (1e6, 1e6), 1000);
    }
}
