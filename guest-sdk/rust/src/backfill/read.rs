//! What a cell of a batch can be read as. Texts and bytes are borrowed from the batch.

use super::shape::Shape;
use super::zeros;
use crate::raw::wmigrate::migration::types::{Cells, Vector};
use crate::{Date, Time, Timestamp, Timestamptz};
use std::marker::PhantomData;
use std::slice;

/// A cell of a batch: `&str`, `&[u8]`, `bool`, `i16`, `i32`, `i64`, `f32`, `f64`, `Date`, `Time`, `Timestamp`,
/// `Timestamptz`, and `Option` of these. Not for other types.
pub trait ReadCell<'b>: Sized {
    /// The type as error messages name it.
    #[doc(hidden)]
    const NAME: &'static str;

    #[doc(hidden)]
    const TAKES_NULL: bool = false;

    /// All cells of a column. It does not end before the column does, nor look at what is NULL.
    #[doc(hidden)]
    type Cursor: Iterator<Item = Self>;

    /// None where the column is of another shape.
    #[doc(hidden)]
    fn cursor(shape: Shape, vector: &'b Vector) -> Option<Self::Cursor>;
}

impl<'b> ReadCell<'b> for &'b str {
    const NAME: &'static str = "&str";
    type Cursor = Texts<'b>;

    fn cursor(_: Shape, vector: &'b Vector) -> Option<Texts<'b>> {
        match &vector.cells {
            Cells::Text(text) => Some(Texts(text)),
            _ => None,
        }
    }
}

/// Each text ends with U+0000.
pub struct Texts<'b>(&'b str);

impl<'b> Iterator for Texts<'b> {
    type Item = &'b str;

    #[inline]
    fn next(&mut self) -> Option<&'b str> {
        let end = zeros::first(self.0.as_bytes())?;
        let cell = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(cell)
    }
}

impl<'b> ReadCell<'b> for &'b [u8] {
    const NAME: &'static str = "&[u8]";
    type Cursor = Bytes<'b>;

    fn cursor(_: Shape, vector: &'b Vector) -> Option<Bytes<'b>> {
        match &vector.cells {
            Cells::Bytes(cells) => Some(Bytes(cells.iter())),
            _ => None,
        }
    }
}

pub struct Bytes<'b>(slice::Iter<'b, Vec<u8>>);

impl<'b> Iterator for Bytes<'b> {
    type Item = &'b [u8];

    #[inline]
    fn next(&mut self) -> Option<&'b [u8]> {
        self.0.next().map(Vec::as_slice)
    }
}

/// Cells of one width, nothing between.
pub struct Fixed<'b, T>(slice::ChunksExact<'b, u8>, PhantomData<T>);

impl<T: Decode> Iterator for Fixed<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        T::decode(self.0.next()?)
    }
}

/// From little-endian bytes; which of the types it takes, their number says.
pub trait Decode: Sized {
    fn decode(cell: &[u8]) -> Option<Self>;
}

macro_rules! fixed {
    ($($type:ident: $($shape:ident $bytes:ident($x:ident) => $value:expr),+;)+) => { $(
        impl<'b> ReadCell<'b> for $type {
            const NAME: &'static str = stringify!($type);
            type Cursor = Fixed<'b, Self>;

            fn cursor(shape: Shape, vector: &'b Vector) -> Option<Self::Cursor> {
                match &vector.cells {
                    Cells::Fixed(bytes) if [$(Shape::$shape),+].contains(&shape) => {
                        Some(Fixed(bytes.chunks_exact(shape.width), PhantomData))
                    }
                    _ => None,
                }
            }
        }

        impl Decode for $type {
            #[inline]
            fn decode(cell: &[u8]) -> Option<Self> {
                $(if let Ok(bytes) = cell.try_into() {
                    let $x = $bytes::from_le_bytes(bytes);
                    return Some($value);
                })+
                None
            }
        }
    )+ };
}

fixed! {
    bool: BOOLEAN u8(x) => x != 0;
    i16: INT2 i16(x) => x;
    i32: INT4 i32(x) => x, INT2 i16(x) => x.into();
    i64: INT8 i64(x) => x, INT4 i32(x) => x.into(), INT2 i16(x) => x.into();
    f32: FLOAT4 f32(x) => x;
    f64: FLOAT8 f64(x) => x, FLOAT4 f32(x) => x.into();
    Date: DATE i32(x) => Date(x);
    Time: TIME i64(x) => Time(x);
    Timestamp: TIMESTAMP i64(x) => Timestamp(x);
    Timestamptz: TIMESTAMPTZ i64(x) => Timestamptz(x);
}

impl<'b, T: ReadCell<'b>> ReadCell<'b> for Option<T> {
    const NAME: &'static str = T::NAME;
    const TAKES_NULL: bool = true;
    type Cursor = Nullable<'b, T::Cursor>;

    fn cursor(shape: Shape, vector: &'b Vector) -> Option<Self::Cursor> {
        Some(Nullable { nulls: vector.nulls.iter(), cells: T::cursor(shape, vector)? })
    }
}

/// No marks at all: nothing is NULL.
pub struct Nullable<'b, C> {
    nulls: slice::Iter<'b, u8>,
    cells: C,
}

impl<C: Iterator> Iterator for Nullable<'_, C> {
    type Item = Option<C::Item>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let cell = self.cells.next()?;
        let null = self.nulls.next().is_some_and(|mark| *mark != 0);
        Some((!null).then_some(cell))
    }
}
