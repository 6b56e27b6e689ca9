//! What a transform writes: a vector a column, whose shapes the first row decides. A row is written whole or not at
//! all.

use super::row::WriteRow;
use super::shape::Shape;
use crate::raw::wmigrate::migration::backfill as host;
use crate::raw::wmigrate::migration::types::{Column, Vector};
use crate::{Error, Result};

/// Takes the rows that a transform writes: as many as the batch has, in its order.
#[derive(Debug)]
pub struct Output {
    /// As many as the batch has.
    rows: usize,
    written: usize,
    /// Empty before the first row.
    shapes: &'static [Shape],
    columns: Vec<Vector>,
}

impl Output {
    pub(super) fn new(rows: usize) -> Self {
        Self { rows, written: 0, shapes: &[], columns: Vec::new() }
    }

    /// Writes the next row: a tuple with one element for each column of [`Backfill::write`](super::Backfill::write), up
    /// to twelve, or, for a single column, its bare value. All rows must have the same types.
    ///
    /// A text with U+0000 inside, which PostgreSQL has no place for, is an error that names the row.
    #[inline]
    pub fn push<W: WriteRow>(&mut self, row: W) -> Result<()> {
        self.open::<W>(1)?;
        self.write(self.written, row)
    }

    /// How many rows have been written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.written
    }

    /// Whether none has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// Makes sure that `more` rows of these types can be written.
    #[inline]
    pub(super) fn open<W: WriteRow>(&mut self, more: usize) -> Result<()> {
        if self.shapes != W::SHAPES {
            self.set_shapes(W::SHAPES)?;
        }
        if more > self.rows - self.written { Err(too_many(self.rows)) } else { Ok(()) }
    }

    /// Writes a row after [`open`](Self::open). An error names it as row `named` of the batch: others may have failed
    /// before it.
    #[inline]
    pub(super) fn write<W: WriteRow>(&mut self, named: usize, row: W) -> Result<()> {
        if let Some(column) = row.refused() {
            return Err(holds_zero(named, column));
        }
        row.append(self.written, &mut self.columns);
        self.written += 1;
        Ok(())
    }

    /// The columns, if all rows have been written.
    pub(super) fn into_columns(mut self) -> Result<Vec<Vector>> {
        if self.written != self.rows {
            let (written, rows) = (self.written.to_string(), self.rows.to_string());
            let message =
                ["the transform wrote ", &written, " of ", &rows, " rows: each row that comes in must go out"];
            return Err(Error::usage("22023", message.concat()));
        }
        // Marks end with the last NULL.
        for column in self.columns.iter_mut().filter(|column| !column.nulls.is_empty()) {
            column.nulls.resize(self.rows, 0);
        }
        Ok(self.columns)
    }

    /// The same as a batch, with the places for names.
    pub(super) fn into_batch(self) -> Result<host::Batch> {
        let (rows, shapes) = (u32::try_from(self.rows)?, self.shapes);
        let column = |(place, shape): (usize, &Shape)| Column {
            name: (place + 1).to_string(),
            oid: shape.oid,
            type_name: shape.name.into(),
        };
        Ok(host::Batch {
            transform: String::new(),
            rows,
            columns: shapes.iter().enumerate().map(column).collect(),
            vectors: self.into_columns()?,
        })
    }

    #[cold]
    fn set_shapes(&mut self, shapes: &'static [Shape]) -> Result<()> {
        if !self.shapes.is_empty() {
            return Err(Error::usage("42804", other_types(self.shapes, shapes)));
        }
        let column = |shape: &Shape| Vector { nulls: Vec::new(), cells: shape.empty(self.rows) };
        self.columns = shapes.iter().map(column).collect();
        self.shapes = shapes;
        Ok(())
    }
}

#[cold]
fn too_many(rows: usize) -> Error {
    let message = ["more rows written than the ", &rows.to_string(), " that came in: each row goes out once"].concat();
    Error::usage("22023", message)
}

#[cold]
fn holds_zero(row: usize, column: usize) -> Error {
    let message = ["the text for output column ", &column.to_string(), " holds U+0000, which no PostgreSQL text can"];
    Error::in_row(row, Error::parameter("22021", message.concat()))
}

fn other_types(before: &[Shape], now: &[Shape]) -> String {
    let names = |shapes: &[Shape]| shapes.iter().map(|shape| shape.name).collect::<Vec<_>>().join(", ");
    ["a row of (", &names(now), ") after one of (", &names(before), "): all rows must have the same types"].concat()
}
