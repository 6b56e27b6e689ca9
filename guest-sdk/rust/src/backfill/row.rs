//! Whole rows of a batch: one cell, or a tuple of one to twelve.

use super::Batch;
use super::read::ReadCell;
use super::shape::Shape;
use super::write::WriteCell;
use crate::raw::wmigrate::migration::types::Vector;
use crate::{Error, Result};

/// What a row of a batch can be read as: a [`ReadCell`], or a tuple of one to twelve, one a column.
pub trait ReadRow<'b>: Sized {
    #[doc(hidden)]
    type Cursors;

    /// Fails where a column does not fit.
    #[doc(hidden)]
    fn cursors(batch: &'b Batch) -> Result<Self::Cursors>;

    #[doc(hidden)]
    fn next(cursors: &mut Self::Cursors) -> Option<Self>;
}

/// What can be written as a row: a [`WriteCell`], or a tuple of one to twelve, one a column.
pub trait WriteRow: Sized {
    #[doc(hidden)]
    const SHAPES: &'static [Shape];

    /// The place of a text that must not be written, counted from 1.
    #[doc(hidden)]
    fn refused(&self) -> Option<usize>;

    /// Appends it as row `row` to columns of its shapes.
    #[doc(hidden)]
    fn append(self, row: usize, columns: &mut [Vector]);
}

/// The rows of a [`Batch`], read.
pub struct BatchRows<'b, R: ReadRow<'b>> {
    cursors: R::Cursors,
    left: usize,
}

impl<'b, R: ReadRow<'b>> BatchRows<'b, R> {
    pub(super) fn new(cursors: R::Cursors, left: usize) -> Self {
        Self { cursors, left }
    }
}

impl<'b, R: ReadRow<'b>> Iterator for BatchRows<'b, R> {
    type Item = R;

    #[inline]
    fn next(&mut self) -> Option<R> {
        self.left = self.left.checked_sub(1)?;
        R::next(&mut self.cursors)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'b, R: ReadRow<'b>> ExactSizeIterator for BatchRows<'b, R> {}

impl<'b, T: ReadCell<'b>> ReadRow<'b> for T {
    type Cursors = T::Cursor;

    fn cursors(batch: &'b Batch) -> Result<Self::Cursors> {
        check_width(1, batch)?;
        batch.cursor::<T>(0)
    }

    #[inline]
    fn next(cursors: &mut Self::Cursors) -> Option<Self> {
        cursors.next()
    }
}

impl<T: WriteCell> WriteRow for T {
    const SHAPES: &'static [Shape] = &[T::SHAPE];

    #[inline]
    fn refused(&self) -> Option<usize> {
        self.holds_zero().then_some(1)
    }

    #[inline]
    fn append(self, row: usize, columns: &mut [Vector]) {
        if let [column] = columns {
            self.write(row, column);
        }
    }
}

macro_rules! tuples {
    ($($count:literal: $($name:ident $column:ident $place:tt),+;)+) => { $(
        impl<'b, $($name: ReadCell<'b>),+> ReadRow<'b> for ($($name,)+) {
            type Cursors = ($($name::Cursor,)+);

            fn cursors(batch: &'b Batch) -> Result<Self::Cursors> {
                check_width($count, batch)?;
                Ok(($(batch.cursor::<$name>($place)?,)+))
            }

            #[inline]
            fn next(cursors: &mut Self::Cursors) -> Option<Self> {
                Some(($(cursors.$place.next()?,)+))
            }
        }

        impl<$($name: WriteCell),+> WriteRow for ($($name,)+) {
            const SHAPES: &'static [Shape] = &[$($name::SHAPE),+];

            #[inline]
            fn refused(&self) -> Option<usize> {
                $(if self.$place.holds_zero() {
                    return Some($place + 1);
                })+
                None
            }

            #[inline]
            fn append(self, row: usize, columns: &mut [Vector]) {
                if let [$($column),+] = columns {
                    $(self.$place.write(row, $column);)+
                }
            }
        }
    )+ };
}

tuples! {
    1: A a 0;
    2: A a 0, B b 1;
    3: A a 0, B b 1, C c 2;
    4: A a 0, B b 1, C c 2, D d 3;
    5: A a 0, B b 1, C c 2, D d 3, E e 4;
    6: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5;
    7: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6;
    8: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7;
    9: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8;
    10: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9;
    11: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9, K k 10;
    12: A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9, K k 10, L l 11;
}

fn check_width(wanted: usize, batch: &Batch) -> Result<()> {
    let found = batch.columns().len();
    if found == wanted {
        return Ok(());
    }
    let (found, wanted) = (found.to_string(), wanted.to_string());
    Err(Error::result("42804", ["the batch has ", &found, " columns, read as ", &wanted].concat()))
}
