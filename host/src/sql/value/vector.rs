//! Vectors: a column of a result, built cell by cell from the wire into the shape that crosses to a guest in one piece.
//! No cell allocates on its own, bytea apart.

use super::reader::Reader;
use super::{Error, Kind, kind_of_type, text_form, write_text_like};
use crate::bindings::{Cells, Vector};
use postgres_types::Type;

/// Rows for which room is made at once. A larger result grows as it comes: the number is the caller's guess.
const MAX_RESERVED_ROWS: usize = 65_536;

/// One column in the making. After an error it is of no more use.
#[derive(Debug)]
pub struct VectorBuilder {
    kind: Kind,
    ty: Type,
    rows: usize,
    nulls: Vec<u8>,
    cells: Building,
    limit: usize,
}

#[derive(Debug)]
enum Building {
    Text(String),
    Fixed { width: Width, bytes: Vec<u8> },
    Bytes { cells: Vec<Vec<u8>>, size: usize },
}

/// Bytes of a cell, on either side.
#[derive(Debug, Clone, Copy)]
enum Width {
    One,
    Two,
    Four,
    Eight,
}

impl VectorBuilder {
    /// For a column of a built-in type, or of a user's type that is text on the wire. `capacity` is in rows.
    #[must_use]
    pub fn new(kind: Kind, oid: u32, capacity: usize) -> Self {
        let unknown = || Type::new(format!("oid {oid}"), oid, postgres_types::Kind::Simple, String::new());
        Self::build(kind, Type::from_oid(oid).unwrap_or_else(unknown), capacity)
    }

    /// For a column of any type, where the driver has looked up what a user's type is made of.
    #[must_use]
    pub fn for_type(ty: &Type, capacity: usize) -> Self {
        Self::build(kind_of_type(ty), ty.clone(), capacity)
    }

    fn build(kind: Kind, ty: Type, capacity: usize) -> Self {
        let capacity = capacity.min(MAX_RESERVED_ROWS);
        let cells = match fixed_width(kind) {
            Some(width) => Building::Fixed { width, bytes: Vec::with_capacity(width.bytes() * capacity) },
            None if kind == Kind::Bytea => Building::Bytes { cells: Vec::with_capacity(capacity), size: 0 },
            None => Building::Text(String::with_capacity(8 * capacity)),
        };
        Self { kind, ty, rows: 0, nulls: Vec::new(), cells, limit: text_form::LIMIT }
    }

    /// Another limit on the bytes of a text column than [`text_form::LIMIT`].
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Bytes held so far, for a limit over all columns.
    #[must_use]
    pub fn size(&self) -> usize {
        let cells = match &self.cells {
            Building::Text(text) => text.len(),
            Building::Fixed { bytes, .. } => bytes.len(),
            Building::Bytes { size, .. } => *size,
        };
        self.nulls.len() + cells
    }

    /// Adds the next row's cell, none for NULL.
    pub fn push(&mut self, cell: Option<&[u8]>) -> Result<(), Error> {
        match &mut self.cells {
            Building::Fixed { width, bytes } => push_fixed(bytes, *width, cell)?,
            Building::Bytes { cells, size } => {
                let cell = cell.unwrap_or_default();
                *size += size_of::<Vec<u8>>() + cell.len();
                cells.push(cell.to_vec());
            }
            Building::Text(out) => {
                match cell {
                    None => {}
                    Some(cell) if matches!(self.kind, Kind::TextLike) => write_text_like(out, self.ty.oid(), cell)?,
                    Some(cell) => text_form::write(out, &self.ty, cell, self.limit)?,
                }
                out.push('\0');
                if out.len() > self.limit {
                    return Err(Error::TooLarge { limit: self.limit });
                }
            }
        }
        if cell.is_none() && self.nulls.is_empty() {
            self.nulls.resize(self.rows, 0);
            self.nulls.push(1);
        } else if !self.nulls.is_empty() {
            self.nulls.push(u8::from(cell.is_none()));
        }
        self.rows += 1;
        Ok(())
    }

    /// The column.
    #[must_use]
    pub fn finish(self) -> Vector {
        let cells = match self.cells {
            Building::Text(text) => Cells::Text(text),
            Building::Fixed { bytes, .. } => Cells::Fixed(bytes),
            Building::Bytes { cells, .. } => Cells::Bytes(cells),
        };
        Vector { nulls: self.nulls, cells }
    }
}

impl Width {
    fn bytes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

/// Bytes of a cell of a kind whose cells are all as wide as each other.
#[must_use]
pub fn width_of(kind: Kind) -> Option<usize> {
    fixed_width(kind).map(Width::bytes)
}

fn fixed_width(kind: Kind) -> Option<Width> {
    match kind {
        Kind::Bool => Some(Width::One),
        Kind::Int2 => Some(Width::Two),
        Kind::Int4 | Kind::Float4 | Kind::Date => Some(Width::Four),
        Kind::Int8 | Kind::Float8 | Kind::Time | Kind::Timestamp | Kind::Timestamptz => Some(Width::Eight),
        Kind::Numeric
        | Kind::TextLike
        | Kind::Bytea
        | Kind::Interval
        | Kind::Uuid
        | Kind::Json
        | Kind::Jsonb
        | Kind::TextArray
        | Kind::Int8Array
        | Kind::Other => None,
    }
}

fn push_fixed(out: &mut Vec<u8>, width: Width, cell: Option<&[u8]>) -> Result<(), Error> {
    let Some(cell) = cell else {
        out.resize(out.len() + width.bytes(), 0);
        return Ok(());
    };
    let mut wire = Reader::new(cell);
    match width {
        Width::One => out.push(u8::from(wire.boolean()?)),
        Width::Two => out.extend_from_slice(&wire.u16()?.to_le_bytes()),
        Width::Four => out.extend_from_slice(&wire.u32()?.to_le_bytes()),
        Width::Eight => out.extend_from_slice(&wire.u64()?.to_le_bytes()),
    }
    wire.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ty: &Type, cells: &[Option<&[u8]>], expected: &Vector) {
        let mut builder = VectorBuilder::for_type(ty, cells.len());
        for cell in cells {
            builder.push(*cell).unwrap();
        }
        assert_eq!(builder.finish(), *expected);
    }

    #[test]
    fn columns_become_vectors() {
        let fixed = |nulls: &[u8], bytes: &[u8]| Vector { nulls: nulls.to_vec(), cells: Cells::Fixed(bytes.to_vec()) };
        check(&Type::BOOL, &[Some(&[1]), Some(&[0])], &fixed(&[], &[1, 0]));
        check(&Type::INT2, &[Some(&[1, 2]), None], &fixed(&[0, 1], &[2, 1, 0, 0]));
        check(&Type::DATE, &[Some(&[1, 2, 3, 4])], &fixed(&[], &[4, 3, 2, 1]));
        check(
            &Type::FLOAT8,
            &[None, Some(&[1, 2, 3, 4, 5, 6, 7, 8])],
            &fixed(&[1, 0], &[0, 0, 0, 0, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1]),
        );
        let text = |nulls: &[u8], text: &str| Vector { nulls: nulls.to_vec(), cells: Cells::Text(text.into()) };
        check(&Type::TEXT, &[Some(b"ab"), Some(b""), None, Some(b"c")], &text(&[0, 0, 1, 0], "ab\0\0\0c\0"));
        check(&Type::JSONB, &[Some(b"\x01{}")], &text(&[], "{}\0"));
        check(&Type::NUMERIC, &[Some(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 7])], &text(&[], "7\0"));
        check(&Type::OID, &[Some(&[0, 0, 1, 0])], &text(&[], "256\0"));
        let bytes = Cells::Bytes(vec![vec![0], vec![]]);
        check(&Type::BYTEA, &[Some(&[0]), None], &Vector { nulls: vec![0, 1], cells: bytes });
        check(&Type::INT4, &[], &fixed(&[], &[]));
    }

    #[test]
    fn malformed_cells_are_errors() {
        let mut builder = VectorBuilder::new(Kind::Int4, Type::INT4.oid(), 1);
        assert_eq!(builder.push(Some(&[1])), Err(Error::Malformed("it ends too early")));
        let mut builder = VectorBuilder::new(Kind::TextLike, 99_999, 1);
        assert_eq!(builder.push(Some(b"a\0b")), Err(Error::Malformed("a text holds U+0000")));
        let mut builder = VectorBuilder::new(Kind::Other, 99_999, 1);
        assert_eq!(builder.push(Some(b"")), Err(Error::NoTextForm("oid 99999".into())));
    }

    #[test]
    fn growth_is_limited() {
        let wide = [0, 1, 0x7f, 0xff, 0, 0, 0, 0, 0, 1];
        let mut builder = VectorBuilder::new(Kind::Numeric, Type::NUMERIC.oid(), usize::MAX).with_limit(200_000);
        assert_eq!(builder.push(Some(&wide)), Ok(()));
        assert_eq!(builder.size(), 131_070);
        assert_eq!(builder.push(Some(&wide)), Err(Error::TooLarge { limit: 200_000 }));
    }
}
