//! What a transform can write into a cell. Texts are appended to the one text of their column.

use super::shape::Shape;
use super::zeros;
use crate::raw::wmigrate::migration::types::{Cells, Vector};
use crate::{Date, Json, Numeric, Time, Timestamp, Timestamptz, Uuid};
use std::borrow::Cow;

/// A cell to be written: text (`&str`, `String`, `Cow<str>`, `char`, `Numeric`, `Uuid`, `Json`), bytes (`&[u8]`,
/// `Vec<u8>`), `bool`, `i16`, `i32`, `i64`, `f32`, `f64`, `Date`, `Time`, `Timestamp`, `Timestamptz`, and `Option` of
/// these. Not for other types.
pub trait WriteCell: Sized {
    #[doc(hidden)]
    const SHAPE: Shape;

    /// Whether it is a text with U+0000 inside, which would be taken for its end.
    #[doc(hidden)]
    #[inline]
    fn holds_zero(&self) -> bool {
        false
    }

    /// Appends it as the cell of row `row` to a column of its shape.
    #[doc(hidden)]
    fn write(self, row: usize, column: &mut Vector);
}

impl<T: WriteCell> WriteCell for Option<T> {
    const SHAPE: Shape = T::SHAPE;

    #[inline]
    fn holds_zero(&self) -> bool {
        self.as_ref().is_some_and(T::holds_zero)
    }

    #[inline]
    fn write(self, row: usize, column: &mut Vector) {
        if let Some(cell) = self {
            return cell.write(row, column);
        }
        // Rows before it that left no mark are not NULL.
        column.nulls.resize(row, 0);
        column.nulls.push(1);
        match &mut column.cells {
            Cells::Text(text) => text.push('\0'),
            Cells::Fixed(bytes) => bytes.resize(bytes.len() + T::SHAPE.width, 0),
            Cells::Bytes(cells) => cells.push(Vec::new()),
        }
    }
}

macro_rules! text {
    ($($type:ty: $x:ident => $text:expr;)+) => { $(
        impl WriteCell for $type {
            const SHAPE: Shape = Shape::TEXT;

            #[inline]
            fn holds_zero(&self) -> bool {
                let $x = self;
                zeros::first($text.as_bytes()).is_some()
            }

            #[inline]
            fn write(self, _: usize, column: &mut Vector) {
                if let Cells::Text(text) = &mut column.cells {
                    let $x = &self;
                    text.push_str($text);
                    text.push('\0');
                }
            }
        }
    )+ };
}

text! {
    &str: x => x;
    String: x => x.as_str();
    &String: x => x.as_str();
    Cow<'_, str>: x => &**x;
    char: x => &*x.encode_utf8(&mut [0; 4]);
    Numeric: x => x.0.as_str();
    Uuid: x => x.0.as_str();
    Json: x => x.0.as_str();
}

macro_rules! fixed {
    ($($type:ident: $shape:ident $x:ident => $bytes:expr;)+) => { $(
        impl WriteCell for $type {
            const SHAPE: Shape = Shape::$shape;

            #[inline]
            fn write(self, _: usize, column: &mut Vector) {
                if let Cells::Fixed(bytes) = &mut column.cells {
                    let $x = self;
                    bytes.extend_from_slice(&$bytes);
                }
            }
        }
    )+ };
}

fixed! {
    bool: BOOLEAN x => [u8::from(x)];
    i16: INT2 x => x.to_le_bytes();
    i32: INT4 x => x.to_le_bytes();
    i64: INT8 x => x.to_le_bytes();
    f32: FLOAT4 x => x.to_le_bytes();
    f64: FLOAT8 x => x.to_le_bytes();
    Date: DATE x => x.0.to_le_bytes();
    Time: TIME x => x.0.to_le_bytes();
    Timestamp: TIMESTAMP x => x.0.to_le_bytes();
    Timestamptz: TIMESTAMPTZ x => x.0.to_le_bytes();
}

macro_rules! bytes {
    ($($type:ty),+) => { $(
        impl WriteCell for $type {
            const SHAPE: Shape = Shape::BYTEA;

            fn write(self, _: usize, column: &mut Vector) {
                if let Cells::Bytes(cells) = &mut column.cells {
                    cells.push(self.into());
                }
            }
        }
    )+ };
}

bytes!(&[u8], Vec<u8>);
