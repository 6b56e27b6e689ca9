//! What the cells of a column are: one of the types that travel in a fixed width, bytea, or the text form of any other.

use super::zeros;
use crate::raw::wmigrate::migration::types::{Cells, Column, Vector};

/// As the server and the bindings know it. Two are the same if their oids are.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// `pg_type.oid`.
    pub(super) oid: u32,
    /// As `format_type` writes it.
    pub(super) name: &'static str,
    /// The Rust type to read it as.
    pub(super) rust: &'static str,
    /// Bytes a cell; 0 where they differ.
    pub(super) width: usize,
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.oid == other.oid
    }
}

impl Shape {
    pub(super) const TEXT: Self = Self::new(25, "text", "&str", 0);
    pub(super) const BYTEA: Self = Self::new(17, "bytea", "&[u8]", 0);
    pub(super) const BOOLEAN: Self = Self::new(16, "boolean", "bool", 1);
    pub(super) const INT2: Self = Self::new(21, "smallint", "i16", 2);
    pub(super) const INT4: Self = Self::new(23, "integer", "i32", 4);
    pub(super) const INT8: Self = Self::new(20, "bigint", "i64", 8);
    pub(super) const FLOAT4: Self = Self::new(700, "real", "f32", 4);
    pub(super) const FLOAT8: Self = Self::new(701, "double precision", "f64", 8);
    pub(super) const DATE: Self = Self::new(1082, "date", "Date", 4);
    pub(super) const TIME: Self = Self::new(1083, "time without time zone", "Time", 8);
    pub(super) const TIMESTAMP: Self = Self::new(1114, "timestamp without time zone", "Timestamp", 8);
    pub(super) const TIMESTAMPTZ: Self = Self::new(1184, "timestamp with time zone", "Timestamptz", 8);

    const FIXED: [Self; 10] = [
        Self::BOOLEAN,
        Self::INT2,
        Self::INT4,
        Self::INT8,
        Self::FLOAT4,
        Self::FLOAT8,
        Self::DATE,
        Self::TIME,
        Self::TIMESTAMP,
        Self::TIMESTAMPTZ,
    ];

    const fn new(oid: u32, name: &'static str, rust: &'static str, width: usize) -> Self {
        Self { oid, name, rust, width }
    }

    /// What the cells of a column are; none if they are of a fixed width that only a later host knows.
    pub(super) fn of(column: &Column, vector: &Vector) -> Option<Self> {
        match &vector.cells {
            Cells::Text(_) => Some(Self::TEXT),
            Cells::Bytes(_) => Some(Self::BYTEA),
            Cells::Fixed(_) => Self::FIXED.into_iter().find(|shape| shape.oid == column.oid),
        }
    }

    /// No cells yet, with room for so many.
    pub(super) fn empty(self, rows: usize) -> Cells {
        if self.width > 0 {
            Cells::Fixed(Vec::with_capacity(rows * self.width))
        } else if self == Self::BYTEA {
            Cells::Bytes(Vec::with_capacity(rows))
        } else {
            Cells::Text(String::new())
        }
    }

    /// Whether there is one cell a row, and one mark a row if any.
    pub(super) fn fills(self, vector: &Vector, rows: usize) -> bool {
        let cells = match &vector.cells {
            Cells::Text(text) => zeros::count(text.as_bytes()),
            Cells::Bytes(cells) => cells.len(),
            Cells::Fixed(bytes) if bytes.len().is_multiple_of(self.width) => bytes.len() / self.width,
            Cells::Fixed(_) => return false,
        };
        cells == rows && (vector.nulls.is_empty() || vector.nulls.len() == rows)
    }
}
