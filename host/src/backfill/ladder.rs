//! What is done when rows fail. First all of a batch at once; if that fails because of a row, in halves down to the row, each
//! part under a savepoint. A row that fails alone is put aside, if that is allowed.

use super::range::Range;
use super::rows::Read;
use super::spec::{Spec, What};
use super::target::Target;
use super::write::{self, Emptied, Writer};
use super::{Error, Fault, Transform};
use crate::bindings::SqlError;
use crate::sql::{CallError, Connection};
use std::ops::Range as Rows;
use std::time::Duration;

/// Why a part of a batch was not written.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Because of what is in a row.
    Rows(Fault),
    /// Because of others: it may work when it is tried again.
    Again(SqlError),
    /// A row that may not be put aside: its place, and what is wrong with it.
    Row(usize, Fault),
    /// For good.
    Stop(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Record(record) => of_record(record),
            error => Self::Stop(error),
        }
    }
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        Error::from(error).into()
    }
}

/// Whose fault the server's error is.
fn of_record(record: SqlError) -> Trouble {
    /// A lock that was not free, a deadlock, a serialisation failure, a statement that was cancelled.
    const AGAIN: [&str; 4] = ["55P03", "40P01", "40001", "57014"];
    /// Classes of errors that a row's values cause: cardinality, data, constraints, functions, checks of views, limits of the server
    /// (a value too long for its index), exceptions of triggers.
    const ROWS: [&str; 8] = ["21", "22", "23", "38", "39", "44", "54", "P0"];
    if record.kind != "database" {
        return Trouble::Stop(Error::Record(record));
    }
    if AGAIN.contains(&record.sqlstate.as_str()) {
        return Trouble::Again(record);
    }
    if ROWS.iter().any(|class| record.sqlstate.starts_with(class)) {
        return Trouble::Rows(Fault::Row(record));
    }
    Trouble::Stop(Error::Record(record))
}

/// Everything that a batch is worked on with.
pub(super) struct Hands<'a> {
    /// In a transaction.
    pub(super) connection: &'a Connection,
    /// Where.
    pub(super) target: &'a Target,
    /// What.
    pub(super) spec: &'a Spec,
    /// The code; none for SQL.
    pub(super) transform: Option<&'a dyn Transform>,
    /// Time in the code for a batch.
    pub(super) time: Duration,
    /// The session's temporary tables.
    pub(super) writer: &'a mut Writer,
    /// When they are emptied.
    pub(super) emptied: Emptied,
}

/// Rows of a batch that were put aside, by place, and those that were written.
#[derive(Debug, Default)]
pub(super) struct Careful {
    /// Rows written.
    pub(super) written: u64,
    /// Those that were not.
    pub(super) aside: Vec<(usize, Fault)>,
}

impl Hands<'_> {
    /// The transform's answer for these rows, checked.
    pub(super) async fn transformed(
        &self,
        read: &Read,
        rows: Rows<usize>,
        time: Duration,
    ) -> Result<write::Checked, Trouble> {
        let (What::Transform { transform: name, .. }, Some(transform)) = (&self.spec.work, self.transform) else {
            unreachable!("only rows of a transform are transformed")
        };
        let count = rows.len();
        let batch = read.batch(self.target, name, rows).map_err(Trouble::Rows)?;
        let vectors = transform.transform(batch, time).await.map_err(|fault| match fault {
            Fault::Stopped => Trouble::Stop(Error::Stopped),
            Fault::Host(message) => Trouble::Stop(Error::Failed(message)),
            fault => Trouble::Rows(fault),
        })?;
        write::check(vectors, &self.target.output, count).map_err(Trouble::Rows)
    }

    /// Writes rows that were transformed.
    pub(super) async fn write(
        &mut self,
        read: &Read,
        rows: Rows<usize>,
        range: &Range,
        checked: &write::Checked,
    ) -> Result<u64, Trouble> {
        let count = rows.len();
        let changed =
            self.writer.write(self.connection, self.target, range, (read, rows), checked, self.emptied).await?;
        if changed != count as u64 {
            return Err(Trouble::Stop(write::kept_out(count, changed)));
        }
        Ok(changed)
    }

    /// Rows of a job in SQL.
    pub(super) async fn update(&self, set: &str, within: &str) -> Result<u64, Trouble> {
        Ok(self.connection.run(&self.target.update(self.spec, set, within)).await?)
    }

    /// One part, as a whole.
    async fn part(&mut self, read: &Read, rows: Rows<usize>, range: &Range) -> Result<u64, Trouble> {
        match &self.spec.work {
            What::Transform { .. } => {
                // A part gets its share of the time, and enough for one slow row.
                let share = self.time.mul_f64(rows.len() as f64 / read.len().max(1) as f64);
                let time = share.max(self.time / 10);
                let checked = self.transformed(read, rows.clone(), time).await?;
                self.write(read, rows, range, &checked).await
            }
            What::Sql(set) => {
                let key = |row| read.key(self.target, row).map_err(|record| Trouble::Stop(Error::Record(record)));
                let after = if rows.start == 0 { range.after.clone() } else { Some(key(rows.start - 1)?) };
                let upto = if rows.end == read.len() { range.upto.clone() } else { key(rows.end - 1)? };
                // All of it is what it was, be it one row alone.
                let part = if rows == (0..read.len()) { range.clone() } else { Range::between(after, upto) };
                self.update(set, &self.target.within(&part)).await
            }
        }
    }

    /// In halves, from the first row to the last. `room` rows may be put aside.
    pub(super) async fn carefully(&mut self, read: &Read, range: &Range, room: u64) -> Result<Careful, Trouble> {
        let mut careful = Careful::default();
        let all = 0..read.len();
        let mut parts = vec![all];
        while let Some(rows) = parts.pop() {
            if rows.is_empty() {
                continue;
            }
            self.connection.run_all("SAVEPOINT wmigrate_part").await?;
            match self.part(read, rows.clone(), range).await {
                Ok(written) => {
                    careful.written += written;
                    self.connection.run_all("RELEASE SAVEPOINT wmigrate_part").await?;
                }
                Err(Trouble::Rows(fault)) => {
                    self.connection
                        .run_all("ROLLBACK TO SAVEPOINT wmigrate_part; RELEASE SAVEPOINT wmigrate_part")
                        .await?;
                    // A temporary table that the part had made is gone.
                    self.writer.forget();
                    if rows.len() > 1 {
                        parts.extend(smaller(&rows, &fault.rows()).into_iter().rev());
                    } else if (careful.aside.len() as u64) < room {
                        careful.aside.push((rows.start, fault));
                    } else {
                        return Err(Trouble::Row(rows.start, fault));
                    }
                }
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(careful)
    }
}

/// A part in smaller ones: the rows that its error names alone, or two halves.
fn smaller(rows: &Rows<usize>, named: &[usize]) -> Vec<Rows<usize>> {
    let mut named: Vec<_> = named.iter().filter(|row| **row < rows.len()).map(|row| rows.start + row).collect();
    named.sort_unstable();
    named.dedup();
    if named.is_empty() {
        let middle = rows.start + rows.len() / 2;
        return vec![rows.start..middle, middle..rows.end];
    }
    let mut parts = Vec::with_capacity(2 * named.len() + 1);
    let mut at = rows.start;
    for row in named {
        parts.extend([at..row, row..row + 1]);
        at = row + 1;
    }
    parts.push(at..rows.end);
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_cut_at_the_rows_that_are_named() {
        let check = |rows: Rows<usize>, named: &[usize], expected: &[Rows<usize>]| {
            assert_eq!(smaller(&rows, named), expected);
        };
        check(0..10, &[], &[0..5, 5..10]);
        check(4..7, &[], &[4..5, 5..7]);
        check(10..20, &[3], &[10..13, 13..14, 14..20]);
        check(10..20, &[9, 0, 0], &[10..11, 11..19, 19..20]);
        check(10..20, &[10, 99], &[10..15, 15..20]);
        check(0..2, &[0, 1], &[0..1, 1..2]);
    }

    #[test]
    fn an_error_has_a_fault() {
        let check = |kind: &str, sqlstate: &str, expected: &str| {
            let record = SqlError {
                kind: kind.to_owned(),
                sqlstate: sqlstate.to_owned(),
                message: String::new(),
                detail: None,
                hint: None,
                position: None,
                fields: Vec::new(),
            };
            let found = match of_record(record) {
                Trouble::Rows(_) => "rows",
                Trouble::Again(_) => "again",
                Trouble::Row(..) => "row",
                Trouble::Stop(_) => "stop",
            };
            assert_eq!(found, expected, "{sqlstate}");
        };
        check("database", "23505", "rows");
        check("database", "22P02", "rows");
        check("database", "P0001", "rows");
        check("database", "40P01", "again");
        check("database", "55P03", "again");
        check("database", "53100", "stop");
        check("database", "42703", "stop");
        check("usage", "22023", "stop");
    }
}
