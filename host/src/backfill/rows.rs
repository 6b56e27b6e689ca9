//! The rows of a batch on our side: their keys as they came, and the columns that the transform gets.

use super::range::Range;
use super::spec::Spec;
use super::target::Target;
use super::{Error, Fault, usage};
use crate::bindings::{Batch, SqlError};
use crate::sql::bulk::cell;
use crate::sql::value::vector::VectorBuilder;
use crate::sql::value::{self, text_form};
use crate::sql::{CallError, Connection, host_error};
use postgres_types::Type;
use std::ops::Range as Rows;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

/// Bytes of input of one batch: more is given back and becomes another batch.
pub(super) const BATCH_SIZE: usize = 16 * 1024 * 1024;

/// How many rows are asked for at once. Wide ones come in small batches, so that few are sent which have no place in theirs.
#[derive(Debug)]
pub(super) struct Fill(AtomicU64);

impl Fill {
    /// As many as have room for sure, as far as the table's size on disk tells.
    pub(super) fn new(target: &Target, spec: &Spec) -> Self {
        let fits = (4 * BATCH_SIZE as u64).checked_div(target.width).unwrap_or(u64::MAX);
        Self(AtomicU64::new(fits.clamp(1, spec.batch_max)))
    }

    /// Rows to ask for.
    pub(super) fn most(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn note(&self, read: &Read, most: u64) {
        let next = if read.is_full { read.len() as u64 * 2 } else { most.saturating_mul(2) };
        self.0.store(next.clamp(1, read.batch_max), Ordering::Relaxed);
    }
}

/// Rows in order of the key.
pub(super) struct Read {
    rows: Vec<Row>,
    keys: usize,
    /// There are more in the range.
    pub(super) more: bool,
    /// They have no room beside these.
    is_full: bool,
    batch_max: u64,
}

impl Read {
    /// Reads and locks the first rows that `within` selects: as many as make a batch, and one at least.
    pub(super) async fn read(
        connection: &Connection,
        (target, spec): (&Target, &Spec),
        within: &str,
        fill: &Fill,
    ) -> Result<Self, Error> {
        let most = fill.most();
        if spec.has_source() {
            // A statement sees what there was when it began. This one waits for whoever writes the rows, so that the next one
            // sees what was written.
            connection.run(&target.lock(spec, within, most)).await?;
        }
        let (mut count, mut size) = (0, 0);
        let mut is_full = false;
        let fits = |row: &Row| {
            size += (0..row.len()).map(|column| cell(row, column).map_or(1, <[u8]>::len)).sum::<usize>();
            count += 1;
            is_full = is_full || (size > BATCH_SIZE && count > 1);
            !is_full && count <= most
        };
        // One more than wanted says whether there are more.
        let (rows, more) = connection.first_rows(&target.select(spec, within, most.saturating_add(1)), fits).await?;
        let read = Self { rows, keys: target.key.len(), more, is_full, batch_max: spec.batch_max };
        fill.note(&read, most);
        for pair in 1..read.len() {
            if (0..read.keys).all(|column| read.cell(pair - 1, column) == read.cell(pair, column)) {
                let key = super::shown_key(&read.key(target, pair).unwrap_or_default());
                let message = format!("`source` gives the key {key} more than once");
                return Err(Error::Record(usage(message, Some("join it so that each row of the table comes once"))));
            }
        }
        Ok(read)
    }

    /// How many there are.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The key of the last one, which must be there.
    pub(super) fn last_key(&self, target: &Target) -> Result<Vec<String>, Error> {
        self.key(target, self.len() - 1).map_err(Error::Record)
    }

    /// A part of a row's key, in the server's binary form.
    #[must_use]
    pub(super) fn cell(&self, row: usize, column: usize) -> Option<&[u8]> {
        cell(&self.rows[row], column)
    }

    /// The key of a row.
    pub(super) fn key(&self, target: &Target, row: usize) -> Result<Vec<String>, SqlError> {
        key_of(target, &self.rows[row])
    }

    /// These rows for the transform.
    pub(super) fn batch(&self, target: &Target, transform: &str, rows: Rows<usize>) -> Result<Batch, Fault> {
        let mut vectors = Vec::with_capacity(target.input.len());
        for (index, (column, kind)) in target.input.iter().enumerate() {
            let mut vector = VectorBuilder::new(*kind, column.oid, rows.len());
            for (number, row) in self.rows[rows.clone()].iter().enumerate() {
                vector.push(cell(row, self.keys + index)).map_err(|error| {
                    let message =
                        format!("column `{}` of type {} cannot be handed over: {error}", column.name, column.type_name);
                    let hint = "cast it to text in `input`: `column::text`".to_owned();
                    let mut record = host_error("result", &SqlState::FEATURE_NOT_SUPPORTED, message, Some(hint));
                    record.fields.push(("row".to_owned(), number.to_string()));
                    Fault::Row(record)
                })?;
            }
            vectors.push(vector.finish());
        }
        Ok(Batch {
            transform: transform.to_owned(),
            rows: u32::try_from(rows.len()).unwrap_or(u32::MAX),
            columns: target.input.iter().map(|(column, _)| column.clone()).collect(),
            vectors,
        })
    }
}

/// The key that stands in the first columns of a row, as texts.
pub(super) fn key_of(target: &Target, row: &Row) -> Result<Vec<String>, SqlError> {
    let parts = target.key.iter().enumerate().map(|(column, key)| {
        let mut text = String::new();
        let bytes = cell(row, column).unwrap_or_default();
        let written = match (key.kind, Type::from_oid(key.oid)) {
            (value::Kind::TextLike, None) => {
                text.push_str(std::str::from_utf8(bytes).unwrap_or_default());
                Ok(())
            }
            (_, Some(ty)) => text_form::write(&mut text, &ty, bytes, text_form::LIMIT),
            (_, None) => Err(value::Error::NoTextForm(key.type_name.clone())),
        };
        written.map(|()| text).map_err(|error| {
            let message = format!("key column {} of type {} cannot be used: {error}", key.name, key.type_name);
            host_error("usage", &SqlState::FEATURE_NOT_SUPPORTED, message, None)
        })
    });
    parts.collect()
}

/// The key of the last row of a batch of `most` rows; none where a range has no more than that.
pub(super) async fn end_of_batch(
    connection: &Connection,
    target: &Target,
    spec: &Spec,
    range: &Range,
    most: u64,
) -> Result<Option<Vec<String>>, CallError> {
    let (_, rows) = connection.raw_rows(&target.nth_key(spec, range, most, 2)).await?;
    match rows.as_slice() {
        [last, _] => Ok(Some(key_of(target, last)?)),
        _ => Ok(None),
    }
}

/// The keys of rows that hold nothing else.
pub(super) fn keys_of(target: &Target, rows: &[Row]) -> Result<Vec<Vec<String>>, SqlError> {
    rows.iter().map(|row| key_of(target, row)).collect()
}
