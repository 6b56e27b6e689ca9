//! How a table is cut into batches. Only what was never cut is decided here: a batch, once written down, keeps its range.

use super::Error;
use super::lane::BEGIN;
use super::range::Range;
use super::rows::keys_of;
use super::spec::Spec;
use super::target::Target;
use crate::sql::{Connection, quote_identifier};
use crate::state::backfill::key;

/// Batches that are cut at once.
const AT_ONCE: u64 = 8;

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
    /// Rows of the whole table and keys between its first and last, roughly.
    pub(super) whole: (f64, f64),
}

/// Keys that a batch of `size` rows spans.
#[must_use]
pub(super) fn span(density: &Density, size: u64) -> i128 {
    let (rows, keys) = density.seen.unwrap_or(density.whole);
    let most = density.last_span.map_or(i128::MAX, |last| last.saturating_mul(4));
    // No key comes twice, so that so many keys cannot have more rows.
    let least = i128::from(size);
    if rows < 1.0 {
        return if density.seen.is_some() { most.max(least) } else { least };
    }
    #[allow(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
    let wanted = (size as f64 * (keys / rows).max(1.0)) as i128;
    wanted.clamp(least, most.max(least))
}

/// Cuts the next batches of `size` rows each, in a transaction of its own.
pub(super) async fn cut(
    connection: &Connection,
    (schema, job): (&str, i64),
    target: &Target,
    spec: &Spec,
    size: u64,
) -> Result<Cut, Error> {
    let done = attempt(connection, (schema, job), target, spec, size).await;
    let end = if matches!(done, Ok(Cut::More)) { "COMMIT" } else { "ROLLBACK" };
    match done {
        Err(Error::Fatal(error)) => Err(Error::Fatal(error)),
        done => {
            connection.batch("cutting batches", end).await?;
            done
        }
    }
}

async fn attempt(
    connection: &Connection,
    (schema, job): (&str, i64),
    target: &Target,
    spec: &Spec,
    size: u64,
) -> Result<Cut, Error> {
    let name = quote_identifier(schema);
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
        [only] if only.is_integer() => computed(connection, (&name, job), target, &range, (estimate, size)).await?,
        _ => counted(connection, target, spec, &range, size).await?,
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

/// The last keys of the next batches, asked of the server.
async fn counted(
    connection: &Connection,
    target: &Target,
    spec: &Spec,
    range: &Range,
    size: u64,
) -> Result<Vec<Vec<String>>, Error> {
    let (_, rows) = connection.raw_rows(&target.boundaries(spec, range, size, AT_ONCE)).await?;
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
        "SELECT sum(rows)::float8, sum(keys)::float8, (array_agg(keys ORDER BY batch DESC))[1]::text FROM (\
         SELECT batch, rows, upto[1]::numeric - after[1]::numeric AS keys FROM {schema}.backfill_batch \
         WHERE job = {job} AND after IS NOT NULL AND state = 'done' ORDER BY batch DESC LIMIT 32) AS lately"
    );
    let (_, rows) = connection.raw_rows(&statement).await?;
    let (seen, last_span) = match rows.first() {
        Some(row) => {
            let (done, keys): (Option<f64>, Option<f64>) = (row.get(0), row.get(1));
            (done.zip(keys), number(row.get::<_, Option<String>>(2).as_ref()))
        }
        None => (None, None),
    };
    let density = Density { seen, last_span, whole: (estimate, (last - first) as f64) };
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
            assert_eq!(span(&Density { seen, last_span, whole }, 1000), expected);
        };
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
