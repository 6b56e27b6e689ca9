//! A batch as a transform gets it: rows, read as tuples or a column at a time.

use super::Output;
use super::failures::Failures;
use super::read::ReadCell;
use super::row::{BatchRows, ReadRow, WriteRow};
use super::shape::Shape;
use crate::raw::wmigrate::migration::backfill as host;
use crate::raw::wmigrate::migration::types::{Column, Vector};
use crate::row::ColumnIndex;
use crate::{Error, Result, ensure};

/// Rows to be rewritten: what [`Backfill::read`](super::Backfill::read) named, a column each. The key is not among them
/// unless it was named.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch(host::Batch);

impl Batch {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.rows as usize
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.rows == 0
    }

    /// The columns, in the order in which they were named.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.0.columns
    }

    /// The values as they came, one vector a column, for what the rest of this crate has no form of.
    #[must_use]
    pub fn vectors(&self) -> &[Vector] {
        &self.0.vectors
    }

    /// All rows, as tuples with one element a column, up to twelve, or, of a single column, its bare values. Fails
    /// where a column is of another type, or has a NULL and is not read as an `Option`: then the error names the rows.
    ///
    /// ```
    /// # use wmigrate_guest::prelude::*;
    /// fn totals(batch: &Batch, out: &mut Output) -> Result<()> {
    ///     for (price, count) in batch.rows::<(i64, Option<i32>)>()? {
    ///         out.push(price * i64::from(count.unwrap_or(1)))?;
    ///     }
    ///     Ok(())
    /// }
    /// # let batch = Batch::of(&["price", "count"], [(5_i64, Some(3)), (7, None)]).expect("right");
    /// # assert_eq!(batch.apply(totals).expect("right").rows::<i64>().expect("right").collect::<Vec<_>>(), [15, 7]);
    /// ```
    pub fn rows<'b, R: ReadRow<'b>>(&'b self) -> Result<BatchRows<'b, R>> {
        Ok(BatchRows::new(R::cursors(self)?, self.len()))
    }

    /// One column alone, by its name or its place counted from 0, where there are more of them than a tuple can have.
    pub fn column<'b, T: ReadCell<'b>>(&'b self, column: impl ColumnIndex) -> Result<BatchRows<'b, T>> {
        let cursor = self.cursor::<T>(column.place(self.columns())?)?;
        Ok(BatchRows::new(cursor, self.len()))
    }

    /// Writes one row for each row. Rows for which `each` fails are collected, up to a hundred, and the error names
    /// them all, so that the host tries them alone and the others go on without them.
    ///
    /// ```
    /// # use wmigrate_guest::prelude::*;
    /// fn normalize(batch: &Batch, out: &mut Output) -> Result<()> {
    ///     batch.map_rows(out, |(email, port): (Option<&str>, &str)| {
    ///         Ok((email.map(str::to_lowercase), port.trim().parse::<i32>()?))
    ///     })
    /// }
    ///
    /// let batch = Batch::of(&["email", "port"], [(Some("A@b.c"), "80"), (None, " 81")])?;
    /// let written = batch.apply(normalize)?;
    /// let rows: Vec<(Option<&str>, i32)> = written.rows()?.collect();
    /// assert_eq!(rows, [(Some("a@b.c"), 80), (None, 81)]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn map_rows<'b, R: ReadRow<'b>, W: WriteRow>(
        &'b self,
        out: &mut Output,
        mut each: impl FnMut(R) -> Result<W>,
    ) -> Result<()> {
        let rows = self.rows::<R>()?;
        out.open::<W>(rows.len())?;
        let mut failures = Failures::default();
        for (row, cells) in rows.enumerate() {
            if let Err(error) = each(cells).and_then(|cells| out.write(row, cells)) {
                failures.add(row, error);
                if failures.is_full() {
                    break;
                }
            }
        }
        failures.into_result()
    }

    /// A batch for a test of a transform: names of the columns, and rows as [`Output::push`] takes them.
    pub fn of<W: WriteRow>(columns: &[&str], rows: impl IntoIterator<Item = W>) -> Result<Self> {
        let rows: Vec<W> = rows.into_iter().collect();
        let mut cells = Output::new(rows.len());
        cells.open::<W>(rows.len())?;
        for row in rows {
            cells.push(row)?;
        }
        let mut batch = cells.into_batch()?;
        ensure!(batch.columns.len() == columns.len(), "{} names for {} columns", columns.len(), batch.columns.len());
        for (column, name) in batch.columns.iter_mut().zip(columns) {
            column.name = (*name).into();
        }
        Ok(Self(batch))
    }

    /// What a transform makes of this batch, for a test of it. The columns are named by their places, from 1.
    pub fn apply(&self, transform: impl FnOnce(&Self, &mut Output) -> Result<()>) -> Result<Self> {
        let mut out = Output::new(self.len());
        transform(self, &mut out)?;
        out.into_batch().map(Self)
    }

    /// The cells of a column, all of them there and fit for `T`.
    pub(super) fn cursor<'b, T: ReadCell<'b>>(&'b self, place: usize) -> Result<T::Cursor> {
        let (column, vector) = self.whole(place)?;
        let cursor = Shape::of(column, vector).and_then(|shape| T::cursor(shape, vector));
        let cursor = cursor.ok_or_else(|| mismatch(column, vector, T::NAME))?;
        if !T::TAKES_NULL {
            refuse_nulls(column, vector, T::NAME)?;
        }
        Ok(cursor)
    }

    fn whole(&self, place: usize) -> Result<(&Column, &Vector)> {
        let (Some(column), Some(vector)) = (self.0.columns.get(place), self.0.vectors.get(place)) else {
            return Err(Error::result("42703", ["the batch has no column ", &place.to_string()].concat()));
        };
        if Shape::of(column, vector).is_some_and(|shape| !shape.fills(vector, self.len())) {
            let message =
                ["the host sent column `", &column.name, "` with another number of values than rows"].concat();
            return Err(Error::result("XX000", message));
        }
        Ok((column, vector))
    }
}

impl From<host::Batch> for Batch {
    fn from(batch: host::Batch) -> Self {
        Self(batch)
    }
}

// The messages are out of line and put together without `format!`, which keeps small revisions small.

#[cold]
fn mismatch(column: &Column, vector: &Vector, wanted: &str) -> Error {
    let mut message =
        ["column `", &column.name, "` is ", &column.type_name, ", which does not fit `", wanted, "`"].concat();
    if let Some(shape) = Shape::of(column, vector) {
        message.push_str(&[": read it as `", shape.rust, "`"].concat());
    }
    Error::result("42804", message)
}

fn refuse_nulls(column: &Column, vector: &Vector, wanted: &str) -> Result<()> {
    let mut failures = Failures::default();
    for (row, _) in vector.nulls.iter().enumerate().filter(|(_, mark)| **mark != 0) {
        let message = ["column `", &column.name, "` is NULL: read it as `Option<", wanted, ">`"];
        failures.add(row, Error::result("22004", message.concat()));
        if failures.is_full() {
            break;
        }
    }
    failures.into_result()
}
